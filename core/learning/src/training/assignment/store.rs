//! The table of assignments: how it is written and read.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use stoa_ground::db::Row;
use stoa_ground::ledger::{self, Kept, Record, Tombstones, log};
use stoa_ground::{Conn, Error, Instant, Result, Tx, args};

use super::{Assignment, Renewal, replay};
use crate::training::due::Deadline;
use crate::training::state::State;

/// What a row says; `version` is that of the subject.
const COLUMNS: &[&str] = &[
    "id",
    "person",
    "requirement",
    "rule_version",
    "course",
    "course_version",
    "state",
    "reason",
    "assigned",
    "due",
    "due_date",
    "first_due_date",
    "base_due_date",
    "extended",
    "away_from",
    "started",
    "attempts",
    "extra_attempts",
    "passed",
    "score",
    "attested",
    "completed",
    "expires",
    "expires_date",
    "ended",
    "end_reason",
    "cycle",
    "renews",
    "renews_until",
    "since",
    "changed",
    "version",
];

/// Writes rows as they are after records of these versions.
pub(super) async fn write(tx: &Tx, all: &[(Assignment, i64)]) -> Result<()> {
    let row = |(a, version): &(Assignment, i64)| {
        args![
            &a.id,
            &a.owner,
            &a.requirement,
            &a.rule_version,
            &a.course,
            &a.course_version,
            a.state.name(),
            &a.reason,
            a.assigned,
            a.due.at,
            a.due.date.to_string(),
            a.first_due_date.to_string(),
            a.base_due_date.to_string(),
            a.extended,
            a.away_from.map(|d| d.to_string()),
            a.started,
            a.attempts,
            a.extra_attempts,
            a.passed,
            a.score,
            a.attested,
            a.completed,
            a.expires.map(|end| end.at),
            a.expires.map(|end| end.date.to_string()),
            a.ended,
            &a.end_reason,
            a.cycle,
            a.renews.as_ref().map(|r| r.id.as_str()),
            a.renews.as_ref().and_then(|r| r.until).map(|d| d.to_string()),
            a.since,
            a.changed,
            *version
        ]
    };
    let otherwise = "ON CONFLICT (id) DO UPDATE SET rule_version = excluded.rule_version, course = excluded.course,
           course_version = excluded.course_version, state = excluded.state, due = excluded.due,
           due_date = excluded.due_date, base_due_date = excluded.base_due_date, extended = excluded.extended,
           away_from = excluded.away_from, started = excluded.started, attempts = excluded.attempts,
           extra_attempts = excluded.extra_attempts, passed = excluded.passed, score = excluded.score,
           attested = excluded.attested, completed = excluded.completed, expires = excluded.expires,
           expires_date = excluded.expires_date, ended = excluded.ended, end_reason = excluded.end_reason,
           since = excluded.since, changed = excluded.changed, version = excluded.version";
    tx.put_rows("assignment", COLUMNS, all.iter().map(row).collect(), otherwise).await?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person AS owner, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = assignment.person), person) AS person, \
             requirement, rule_version, course, course_version, state, reason, assigned, due, due_date, \
             first_due_date, base_due_date, extended, away_from, started, attempts, extra_attempts, passed, score, attested, completed, \
             expires, expires_date, ended, end_reason, cycle, renews, renews_until, since, changed, version FROM assignment ",
            $rest
        )
    };
}

fn date(row: &Row, column: &str) -> Result<Date> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| Error::invalid(format!("assignment.{column} holds '{text}', which is not a date")))
}

fn optional_date(row: &Row, column: &str) -> Result<Option<Date>> {
    let text: Option<String> = row.get(column)?;
    text.map(|_| date(row, column)).transpose()
}

fn state(row: &Row) -> Result<State> {
    let name: String = row.get("state")?;
    State::named(&name).ok_or_else(|| Error::invalid(format!("assignment.state holds '{name}', which is no state")))
}

fn read(row: &Row) -> Result<Assignment> {
    let (expires, expires_date): (Option<Instant>, _) = (row.get("expires")?, optional_date(row, "expires_date")?);
    let (renews, until): (Option<String>, _) = (row.get("renews")?, optional_date(row, "renews_until")?);
    Ok(Assignment {
        id: row.get("id")?,
        person: row.get("person")?,
        owner: row.get("owner")?,
        requirement: row.get("requirement")?,
        rule_version: row.get("rule_version")?,
        course: row.get("course")?,
        course_version: row.get("course_version")?,
        state: state(row)?,
        reason: row.get("reason")?,
        assigned: row.get("assigned")?,
        due: Deadline { date: date(row, "due_date")?, at: row.get("due")? },
        first_due_date: date(row, "first_due_date")?,
        base_due_date: date(row, "base_due_date")?,
        extended: row.get("extended")?,
        away_from: optional_date(row, "away_from")?,
        started: row.get("started")?,
        attempts: row.get("attempts")?,
        extra_attempts: row.get("extra_attempts")?,
        passed: row.get("passed")?,
        score: row.get("score")?,
        attested: row.get("attested")?,
        completed: row.get("completed")?,
        expires: expires.zip(expires_date).map(|(at, date)| Deadline { date, at }),
        ended: row.get("ended")?,
        end_reason: row.get("end_reason")?,
        cycle: row.get("cycle")?,
        renews: renews.map(|id| Renewal { id, until }),
        since: row.get("since")?,
        changed: row.get("changed")?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<Assignment>> {
    rows.iter().map(read).collect()
}

/// The assignment with this id.
///
/// # Errors
/// The database's error.
pub async fn by_id(conn: &Conn, id: &str) -> Result<Option<Assignment>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// The assignment with this id, which is there.
pub(crate) async fn existing(conn: &Conn, id: &str) -> Result<Assignment> {
    by_id(conn, id).await?.ok_or_else(|| Error::NotFound(format!("the assignment {id}")))
}

/// How those of these assignments stand that there are, and whether each is completed.
pub(crate) async fn states(conn: &Conn, ids: &[&str]) -> Result<HashMap<String, (State, bool)>> {
    let rows = conn.all_in("SELECT id, state, completed FROM assignment WHERE id IN", ids, "", args![]).await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, (state(row)?, row.get::<Option<Instant>>("completed")?.is_some()))))
        .collect()
}

/// How many people completed a course, and how many have it before them.
///
/// # Errors
/// The database's error.
pub async fn learners_of(conn: &Conn, course: &str) -> Result<(i64, i64)> {
    let row = conn
        .one(
            "SELECT COUNT(DISTINCT CASE WHEN completed IS NOT NULL THEN person END) AS done,
             COUNT(DISTINCT CASE WHEN completed IS NULL AND ended IS NULL THEN person END) AS open
             FROM assignment WHERE course = $1",
            args![course],
        )
        .await?;
    Ok((row.get("done")?, row.get("open")?))
}

/// All assignments of a person, also those of rows that were merged into theirs, the oldest first.
///
/// # Errors
/// The database's error.
pub async fn of_person(conn: &Conn, person: &str) -> Result<Vec<Assignment>> {
    let sql = concat!(select!("WHERE person IN "), stoa_ground::rows_of!("$1"), " ORDER BY assigned, cycle, id");
    read_all(&conn.all(sql, args![person]).await?)
}

/// All assignments of a requirement, the oldest first.
pub(crate) async fn of_requirement(conn: &Conn, requirement: &str) -> Result<Vec<Assignment>> {
    read_all(&conn.all(select!("WHERE requirement = $1 ORDER BY assigned, cycle, id"), args![requirement]).await?)
}

/// All assignments of a requirement or of a course, the oldest first.
pub(crate) async fn about(conn: &Conn, requirement: &str, course: &str) -> Result<Vec<Assignment>> {
    let sql = select!("WHERE requirement = $1 OR course = $2 ORDER BY assigned, cycle, id");
    read_all(&conn.all(sql, args![requirement, course]).await?)
}

/// Those who have completed a requirement, by their id from `after` on, at most so many.
pub(crate) async fn who_completed(conn: &Conn, requirement: &str, after: &str, limit: usize) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT person FROM assignment
               WHERE requirement = $1 AND completed IS NOT NULL AND person > $2 ORDER BY person LIMIT $3";
    conn.all(sql, args![requirement, after, limit]).await?.iter().map(|r| r.get("person")).collect()
}

/// All assignments of a requirement or a course, or with neither of everybody, that were made before an instant, the
/// oldest first.
pub(crate) async fn made_before(
    conn: &Conn,
    requirement: Option<&str>,
    course: Option<&str>,
    before: Instant,
) -> Result<Vec<Assignment>> {
    let sql = select!(
        "WHERE requirement = COALESCE($1, requirement) AND course = COALESCE($2, course) AND assigned < $3
         ORDER BY assigned, cycle, id"
    );
    read_all(&conn.all(sql, args![requirement, course, before]).await?)
}

/// All assignments that are overdue, the longest first.
pub(crate) async fn overdue(conn: &Conn) -> Result<Vec<Assignment>> {
    read_all(&conn.all(select!("WHERE state = 'overdue' ORDER BY due, id"), args![]).await?)
}

/// Those of everybody below a manager that are overdue.
pub(crate) async fn overdue_below(conn: &Conn, manager: &str) -> Result<Vec<Assignment>> {
    let sql = select!(
        "WHERE state = 'overdue' AND person IN (
           WITH RECURSIVE below (id) AS (
             SELECT id FROM person WHERE manager = $1
             UNION
             SELECT p.id FROM person p JOIN below b ON p.manager = b.id)
           SELECT id FROM below UNION SELECT x.person FROM person_alias x JOIN below b ON x.stands_for = b.id)
         ORDER BY due, id"
    );
    read_all(&conn.all(sql, args![manager]).await?)
}

/// All assignments, the oldest first.
pub(crate) async fn all(conn: &Conn) -> Result<Vec<Assignment>> {
    read_all(&conn.all(select!("ORDER BY assigned, cycle, id"), args![]).await?)
}

/// Subjects that are compared at once.
const CHUNK: usize = 500;

/// Compares each row with what its records say, both ways. Gives how many were compared.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first row that is changed, gone or put in; the database's error.
pub(crate) async fn sound(conn: &Conn) -> Result<u64> {
    nothing_put_in(conn).await?;
    let tombstones = Tombstones::read(conn).await?;
    let next = "SELECT DISTINCT subject FROM ledger_record WHERE subject > $1 AND subject < 'assignment0'
                ORDER BY subject LIMIT $2";
    let (mut after, mut compared) = ("assignment/".to_owned(), 0);
    loop {
        let subjects: Vec<String> =
            conn.all(next, args![&after, CHUNK]).await?.iter().map(|r| r.get("subject")).collect::<Result<_>>()?;
        let Some(last) = subjects.last() else { return Ok(compared) };
        after.clone_from(last);
        as_recorded(conn, &tombstones, &ledger::kept(conn, &subjects).await?).await?;
        compared += subjects.len() as u64;
    }
}

/// As [`sound`], of the rows that the last `most` leaves of the log are about.
///
/// # Errors
/// As [`sound`].
pub(crate) async fn newest_sound(conn: &Conn, most: u64) -> Result<u64> {
    nothing_put_in(conn).await?;
    let tombstones = Tombstones::read(conn).await?;
    let from = log::size(conn).await?.saturating_sub(most);
    let about = "SELECT DISTINCT r.subject FROM log_leaf l JOIN ledger_record r ON r.id = l.record
                 WHERE l.leaf >= $1 AND r.subject > 'assignment/' AND r.subject < 'assignment0' ORDER BY r.subject";
    let rows = conn.all(about, args![i64::try_from(from).unwrap_or(i64::MAX)]).await?;
    let subjects: Vec<String> = rows.iter().map(|r| r.get("subject")).collect::<Result<_>>()?;
    for some in subjects.chunks(CHUNK) {
        as_recorded(conn, &tombstones, &ledger::kept(conn, some).await?).await?;
    }
    Ok(subjects.len() as u64)
}

/// Refuses a row without a record.
async fn nothing_put_in(conn: &Conn) -> Result<()> {
    let without = "SELECT id FROM assignment WHERE NOT EXISTS
                   (SELECT 1 FROM ledger_record r WHERE r.subject = 'assignment/' || assignment.id) LIMIT 1";
    if let Some(row) = conn.opt(without, args![]).await? {
        let id: String = row.get("id")?;
        return Err(Error::Conflict(format!("the ledger has no record of the assignment {id}: somebody put it in")));
    }
    Ok(())
}

/// Compares the rows of these subjects with what their records say.
///
/// # Errors
/// As [`sound`]; [`Error::Conflict`] when something of a record is gone that nobody erased.
pub(crate) async fn as_recorded(conn: &Conn, tombstones: &Tombstones, all: &BTreeMap<String, Vec<Kept>>) -> Result<()> {
    let ids: Vec<&str> = all.keys().filter_map(|subject| subject.strip_prefix("assignment/")).collect();
    let mut there: HashMap<String, (Assignment, i64)> = HashMap::new();
    for row in conn.all_in(select!("WHERE id IN"), &ids, "", args![]).await? {
        there.insert(row.get("id")?, (read(&row)?, row.get("version")?));
    }
    for (subject, kept) in all {
        let records = kept.iter().map(|kept| tombstones.opened(kept)).collect::<Result<Vec<Record>>>()?;
        let id = subject.trim_start_matches("assignment/");
        let mut said = replay(id, &records)?.zip(records.last().map(|record| record.version));
        let row = there.remove(id);
        // Who stands for whom is nothing of the assignment's own.
        if let (Some((said, _)), Some((row, _))) = (&mut said, &row) {
            said.person.clone_from(&row.person);
        }
        if said != row {
            return Err(Error::Conflict(format!(
                "the table of assignments does not say of {id} what the ledger's records say: it was changed"
            )));
        }
    }
    Ok(())
}
