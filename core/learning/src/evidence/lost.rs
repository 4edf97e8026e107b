//! Whether the store still has what a pack has to be made of: one that is smaller than its records say is not made.

use std::collections::BTreeSet;

use stoa_ground::ledger::{self, Tombstones};
use stoa_ground::people;
use stoa_ground::{Conn, Error, Instant, Result, args};

use super::pack::Scope;
use crate::training::assignment::{self, replay};

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
/// an instant and not erased; and where the scope is about a person, one in which a row of theirs was changed.
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
    match &scope.person {
        Some(person) => of_people(c, [&*people::find(c, person).await?.id].into(), tombstones).await,
        None => Ok(()),
    }
}

/// Refuses a store in which an assignment of people who seem to have none is not what its records say.
///
/// # Errors
/// As [`assignment::as_recorded`]; the database's error.
pub(super) async fn of_people(c: &Conn, mut people: BTreeSet<&str>, tombstones: &Tombstones) -> Result<()> {
    let sql = "SELECT person FROM person_alias WHERE stands_for IN";
    let known: Vec<&str> = people.iter().copied().collect();
    let rows = c.all_in(sql, &known, "", args![]).await?;
    let aliases = rows.iter().map(|row| row.get("person")).collect::<Result<Vec<String>>>()?;
    people.extend(aliases.iter().map(String::as_str));
    let known: Vec<&str> = people.into_iter().collect();
    let sql = "SELECT DISTINCT r.subject FROM ledger_value v JOIN ledger_record r ON r.id = v.record
               WHERE v.part = 0 AND r.subject > 'assignment/' AND r.subject < 'assignment0' AND v.person IN";
    let rows = c.all_in(sql, &known, "", args![]).await?;
    let subjects = rows.iter().map(|row| row.get("subject")).collect::<Result<Vec<String>>>()?;
    for some in subjects.chunks(CHUNK) {
        assignment::as_recorded(c, tombstones, &ledger::kept(c, some).await?).await?;
    }
    Ok(())
}
