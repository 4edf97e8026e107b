//! Whether the store still has what a pack has to be made of: one that is smaller than its records say is not made.

use stoa_ground::ledger::{self, Tombstones};
use stoa_ground::people;
use stoa_ground::{Conn, Error, Instant, Result, args};

use super::pack::Scope;
use crate::training::assignment::replay;

/// Subjects that are opened at once.
const CHUNK: usize = 500;

/// Assignments that have records and no row, each with the place of its newest record.
macro_rules! select {
    ($records:literal) => {
        concat!(
            "SELECT r.subject, (SELECT n.position FROM ledger_record n WHERE n.subject = r.subject
              ORDER BY n.version DESC LIMIT 1) AS position FROM ",
            $records,
            " WHERE r.subject > 'assignment/' AND r.subject < 'assignment0' AND r.version = 1
             AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.id = substr(r.subject, 12))"
        )
    };
}

/// Refuses a store that has lost a record which is in the log, or the row of an assignment of the scope that was made before
/// an instant and not erased.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first one; the database's error.
pub(super) async fn nothing(c: &Conn, scope: &Scope, before: Instant, tombstones: &Tombstones) -> Result<()> {
    ledger::complete(c).await?;
    let rows = match &scope.person {
        Some(person) => {
            let sql = concat!(
                select!("ledger_record r JOIN ledger_value v ON v.record = r.id AND v.part = 0"),
                " AND v.person IN ",
                stoa_ground::rows_of!("$1")
            );
            c.all(sql, args![people::find(c, person).await?.id]).await?
        }
        None => c.all(select!("ledger_record r"), args![]).await?,
    };
    let mut subjects: Vec<String> = Vec::new();
    for row in &rows {
        let subject: String = row.get("subject")?;
        if !tombstones.cover(&subject, row.get("position")?) {
            subjects.push(subject);
        }
    }
    for some in subjects.chunks(CHUNK) {
        for (subject, kept) in ledger::kept(c, some).await? {
            let records = kept.iter().map(|kept| tombstones.opened(kept)).collect::<Result<Vec<_>>>()?;
            let id = subject.trim_start_matches("assignment/");
            let Some(lost) = replay(id, &records)? else { continue };
            let meant = |wanted: &Option<String>, is: &String| wanted.as_ref().is_none_or(|wanted| wanted == is);
            if lost.assigned < before
                && meant(&scope.requirement, &lost.requirement)
                && meant(&scope.course, &lost.course)
            {
                return Err(Error::Conflict(format!(
                    "the ledger has records of the assignment {id} of {}, and the table of assignments has lost it, so a \
                     pack would leave it out: keep the store as it is for whoever looks into it, and restore a backup",
                    lost.requirement
                )));
            }
        }
    }
    Ok(())
}
