//! Assignments: the row, the records of the ledger that write it, and how it is read.

use async_trait::async_trait;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use stoa_ground::db::Row;
use stoa_ground::ledger::{Entry, Projection, Record};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result, Tx, args};

use super::attest;
use super::due::Deadline;
use super::requests;
use super::requirement::{ENROLMENT, Requirement};
use super::state::{Change, Facts, State, transition};
use crate::Services;

/// One assignment of one requirement to one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Its id (UUID); the registration of its statements.
    pub id: String,
    /// The id of the person whose it is now: who stands for [`owner`](Self::owner).
    pub person: String,
    /// The id of the row for which it was made.
    pub owner: String,
    /// The requirement's id.
    pub requirement: String,
    /// The requirement's version that gave the due date.
    pub rule_version: String,
    /// The course's id.
    pub course: String,
    /// The version that the person reads or has completed; pinned at the start.
    pub course_version: Option<String>,
    /// How it stands.
    pub state: State,
    /// Why it was assigned.
    pub reason: String,
    /// When it was assigned.
    pub assigned: Instant,
    /// When it is due.
    pub due: Deadline,
    /// The day on which it was due at first.
    pub first_due_date: Date,
    /// The day that the rule gives by itself, without leaves and extensions.
    pub base_due_date: Date,
    /// Somebody has moved the due date.
    pub extended: bool,
    /// First day of the leave that has stopped the clock.
    pub away_from: Option<Date>,
    /// When the course was opened.
    pub started: Option<Instant>,
    /// How often the quiz was answered to its end.
    pub attempts: u32,
    /// Attempts granted beyond those of the course.
    pub extra_attempts: u32,
    /// The quiz was passed.
    pub passed: bool,
    /// The score of the last attempt, from 0 to 1.
    pub score: Option<f64>,
    /// When the attestation was confirmed.
    pub attested: Option<Instant>,
    /// When it was completed.
    pub completed: Option<Instant>,
    /// Until when the completion, or the waiver, holds; without it, for good.
    pub expires: Option<Deadline>,
    /// When it was exempted, waived or retired.
    pub ended: Option<Instant>,
    /// Why it was exempted, waived or retired, or how it was completed when not in chat.
    pub end_reason: Option<String>,
    /// Which cycle it is, from 1.
    pub cycle: u32,
    /// What it renews.
    pub renews: Option<Renewal>,
    /// Since when it is in its state.
    pub since: Instant,
    /// When its newest record was made.
    pub changed: Instant,
}

/// Which cycle an assignment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Counted from 1.
    pub number: u32,
    /// What it renews.
    pub renews: Option<Renewal>,
}

impl Cycle {
    /// The one that renews nothing.
    pub const FIRST: Self = Self { number: 1, renews: None };
}

/// What a later cycle renews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// The id of the assignment of the cycle before.
    pub id: String,
    /// The last day on which that one holds; without it, it was made obsolete by new content.
    pub until: Option<Date>,
}

impl Assignment {
    /// Whether nothing demands it: the person asked for a place in the course. It has no steps, and is never overdue.
    #[must_use]
    pub fn is_enrolment(&self) -> bool {
        self.requirement.starts_with(ENROLMENT)
    }

    /// Why it is left out of the denominator, if it is.
    #[must_use]
    pub fn excluded(&self) -> Option<String> {
        match self.state {
            _ if self.is_enrolment() => Some("voluntary: a place in a course that nothing demands".into()),
            State::OnLeave => Some("on leave: the clock has stopped".into()),
            state if !state.counts() => Some(self.end_reason.clone().unwrap_or_default()),
            _ => None,
        }
    }
}

/// The particulars of records that move or set the due date.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DueData {
    due: Instant,
    due_date: Date,
}

/// The particulars of the record `assigned`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AssignedData {
    person: String,
    requirement: String,
    rule_version: String,
    course: String,
    #[serde(flatten)]
    due: DueData,
    #[serde(default = "first")]
    cycle: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renews: Option<Renewal>,
}

fn first() -> u32 {
    1
}

/// The particulars of records that say until when something holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ValidData {
    #[serde(default)]
    expires: Option<Instant>,
    #[serde(default)]
    expires_date: Option<Date>,
}

impl ValidData {
    fn deadline(self) -> Option<Deadline> {
        Some(Deadline { date: self.expires_date?, at: self.expires? })
    }
}

/// The reason of a change: who and why.
#[derive(Clone, Debug)]
pub(crate) struct By {
    /// As [`Record::actor`].
    pub actor: String,
    /// One sentence.
    pub reason: String,
}

impl By {
    /// By a rule.
    pub fn rule(requirement: &str, reason: impl Into<String>) -> Self {
        Self { actor: format!("rule/{requirement}"), reason: reason.into() }
    }

    /// By a requirement's rule, because the roster says that the person is on leave.
    pub fn leave(requirement: &Requirement) -> Self {
        Self::rule(&requirement.id, "the person is on leave, so the clock stops")
    }

    /// By a person.
    pub fn person(id: &str, reason: impl Into<String>) -> Self {
        Self { actor: format!("person/{id}"), reason: reason.into() }
    }
}

/// What is assigned to somebody: the requirement, its deadline, which cycle of it, and by whom.
pub(crate) struct New<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// When it is due.
    pub due: Deadline,
    /// The first time, or a renewal.
    pub cycle: Cycle,
    /// Who or what assigns it, and why.
    pub by: By,
}

/// Makes assignments of one person and gives them.
pub(crate) async fn assign(tx: &Tx, services: &Services, person: &Person, new: &[New<'_>]) -> Result<Vec<Assignment>> {
    let mut entries = Vec::with_capacity(new.len());
    for New { requirement, due, cycle, by } in new {
        let data = AssignedData {
            person: person.id.clone(),
            requirement: requirement.id.clone(),
            rule_version: requirement.version()?,
            course: requirement.course.clone(),
            due: DueData { due: due.at, due_date: due.date },
            cycle: cycle.number,
            renews: cycle.renews.clone(),
        };
        let mut data = serde_json::to_value(data)?;
        data["who"] = people::history::snapshot(person);
        entries.push(Entry {
            subject: format!("assignment/{}", tx.clock().id()),
            kind: Change::Assigned.name(),
            actor: by.actor.clone(),
            reason: by.reason.clone(),
            data,
        });
    }
    let mut made = Vec::with_capacity(new.len());
    for record in services.ledger.begin(tx, entries).await? {
        let id = record.subject.trim_start_matches("assignment/").to_owned();
        made.extend(replay(&id, &[record])?);
    }
    Ok(made)
}

/// Appends a change of an assignment to the ledger.
///
/// # Errors
/// [`Error::Conflict`] when the change cannot happen to it as it stands.
pub(crate) async fn record(
    tx: &Tx,
    services: &Services,
    id: &str,
    change: Change,
    by: &By,
    data: Json,
) -> Result<Record> {
    let entry = Entry {
        subject: format!("assignment/{id}"),
        kind: change.name(),
        actor: by.actor.clone(),
        reason: by.reason.clone(),
        data,
    };
    let record = services.ledger.append(tx, entry).await?;
    requests::assignment_changed(tx, services, id, change).await?;
    Ok(record)
}

/// Appends a change that gives the assignment another deadline. `rule`: the version of the rule that gives it, and the
/// day that the rule gives by itself.
pub(crate) async fn record_due(
    tx: &Tx,
    services: &Services,
    id: &str,
    change: Change,
    by: &By,
    due: Deadline,
    rule: Option<(&str, Date)>,
) -> Result<Record> {
    let (version, base) = rule.unzip();
    let data = json!({ "due": due.at, "due_date": due.date, "rule_version": version, "base_due_date": base });
    record(tx, services, id, change, by, data).await
}

/// Writes `assignment` from the ledger's records about `assignment/<id>`; kinds are the names of [`Change`].
pub struct AssignmentProjection;

#[async_trait]
impl Projection for AssignmentProjection {
    fn subject(&self) -> &'static str {
        "assignment"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["assignment"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("assignment/").unwrap_or_default();
        let change = Change::named(&record.kind)
            .ok_or_else(|| Error::invalid(format!("a record about an assignment cannot be '{}'", record.kind)))?;
        // What is assigned with its first record was not there before.
        let first = change == Change::Assigned && record.version <= 1;
        let before = if first { None } else { by_id(tx, id).await? };
        let after = apply(before, change, record, id)?;
        write(tx, &after, record.version).await
    }

    fn class(&self, _kind: &str) -> &'static str {
        "training"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let id = subject.strip_prefix("assignment/").unwrap_or_default();
        tx.exec("DELETE FROM course_progress WHERE assignment = $1", args![id]).await?;
        attest::forget(tx, id).await?;
        tx.exec("DELETE FROM assignment WHERE id = $1", args![id]).await?;
        Ok(())
    }
}

/// The assignment as these records say, its own and the oldest first; none before the first one or where they were erased.
///
/// # Errors
/// When the records do not follow on each other.
pub fn replay(id: &str, records: &[Record]) -> Result<Option<Assignment>> {
    let mut a = None;
    for record in records.iter().filter(|record| !record.is_erased()) {
        let change = Change::named(&record.kind)
            .ok_or_else(|| Error::invalid(format!("a record about an assignment cannot be '{}'", record.kind)))?;
        a = Some(apply(a, change, record, id)?);
    }
    Ok(a)
}

/// The assignment after a record.
pub(super) fn apply(before: Option<Assignment>, change: Change, record: &Record, id: &str) -> Result<Assignment> {
    let from = before.as_ref().map(|a| a.state);
    let refused = |from: Option<State>| {
        let state = from.map_or("not there", State::name);
        Error::Conflict(format!("the assignment is {state}, so it cannot be {} now", record.kind))
    };
    let data = &record.data;
    let Some(mut a) = before else {
        let state = transition(from, change, Facts::default()).ok_or_else(|| refused(from))?;
        let data: AssignedData = serde_json::from_value(data.clone())?;
        return Ok(Assignment {
            id: id.to_owned(),
            owner: data.person.clone(),
            person: data.person,
            requirement: data.requirement,
            rule_version: data.rule_version,
            course: data.course,
            course_version: None,
            state,
            reason: record.reason.clone(),
            assigned: record.at,
            due: Deadline { date: data.due.due_date, at: data.due.due },
            first_due_date: data.due.due_date,
            base_due_date: data.due.due_date,
            extended: false,
            away_from: None,
            started: None,
            attempts: 0,
            extra_attempts: 0,
            passed: false,
            score: None,
            attested: None,
            completed: None,
            expires: None,
            ended: None,
            end_reason: None,
            cycle: data.cycle,
            renews: data.renews,
            since: record.at,
            changed: record.at,
        });
    };
    a.changed = record.at;
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    if matches!(change, Change::Extended | Change::Moved | Change::Resumed) {
        let due: DueData = serde_json::from_value(data.clone())?;
        a.due = Deadline { date: due.due_date, at: due.due };
        a.rule_version = text("rule_version").unwrap_or(a.rule_version);
        if let Some(base) = data["base_due_date"].as_str() {
            a.base_due_date = base.parse().map_err(|_| Error::invalid(format!("'{base}' is not a date")))?;
        }
        a.extended |= change == Change::Extended;
    }
    match change {
        Change::Started => {
            a.started = a.started.or(Some(record.at));
            a.course = text("course").unwrap_or(a.course);
            a.course_version = text("version");
        }
        Change::Attempted => {
            a.attempts += 1;
            a.score = data["score"].as_f64();
            a.passed = data["passed"].as_bool().unwrap_or(false);
        }
        Change::Granted => {
            a.extra_attempts += data["attempts"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        }
        Change::Attested => {
            attest::check(id, a.course_version.as_deref(), data)?;
            a.attested = Some(record.at);
        }
        Change::Completed => {
            // What was done elsewhere may have been done earlier.
            let earlier: Option<Instant> = serde_json::from_value(data["completed"].clone())?;
            a.completed = Some(earlier.unwrap_or(record.at));
            a.score = data["score"].as_f64().or(a.score);
            a.course_version = text("version").or(a.course_version);
            a.end_reason = Some(record.reason.clone());
        }
        Change::Paused => a.away_from = serde_json::from_value(data["from"].clone())?,
        Change::Resumed => a.away_from = None,
        Change::Exempted | Change::Waived | Change::Retired => {
            a.ended = Some(record.at);
            a.end_reason = Some(record.reason.clone());
        }
        Change::Reinstated => {
            a.expires = None;
            a.ended = None;
            a.end_reason = None;
        }
        Change::Revalidated => a.rule_version = text("rule_version").unwrap_or(a.rule_version),
        Change::Assigned | Change::Extended | Change::Moved | Change::Overdue | Change::Expired => {}
    }
    if matches!(change, Change::Completed | Change::Waived | Change::Revalidated) {
        a.expires = serde_json::from_value::<ValidData>(data.clone())?.deadline();
    }
    let facts = Facts {
        started: a.started.is_some(),
        extended: a.extended,
        late: record.at > a.due.at,
        lapsed: a.expires.is_some_and(|end| record.at > end.at),
    };
    a.state = transition(from, change, facts).ok_or_else(|| refused(from))?;
    if change == Change::Reinstated && a.away_from.is_some() {
        a.state = State::OnLeave;
    }
    if Some(a.state) != from {
        a.since = record.at;
    }
    Ok(a)
}

async fn write(tx: &Tx, a: &Assignment, version: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO assignment (id, person, requirement, rule_version, course, course_version, state, reason, assigned,
           due, due_date, first_due_date, base_due_date, extended, away_from, started, attempts, extra_attempts, passed, score, attested,
           completed, expires, expires_date, ended, end_reason, cycle, renews, renews_until, since, changed, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
           $26, $27, $28, $29, $30, $31, $32)
         ON CONFLICT (id) DO UPDATE SET rule_version = excluded.rule_version, course = excluded.course,
           course_version = excluded.course_version, state = excluded.state, due = excluded.due,
           due_date = excluded.due_date, base_due_date = excluded.base_due_date, extended = excluded.extended, away_from = excluded.away_from,
           started = excluded.started, attempts = excluded.attempts, extra_attempts = excluded.extra_attempts,
           passed = excluded.passed, score = excluded.score, attested = excluded.attested,
           completed = excluded.completed, expires = excluded.expires, expires_date = excluded.expires_date,
           ended = excluded.ended, end_reason = excluded.end_reason, since = excluded.since, changed = excluded.changed,
           version = excluded.version",
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
            version
        ],
    )
    .await?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person AS owner, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = assignment.person), person) AS person, \
             requirement, rule_version, course, course_version, state, reason, assigned, due, due_date, \
             first_due_date, base_due_date, extended, away_from, started, attempts, extra_attempts, passed, score, attested, completed, \
             expires, expires_date, ended, end_reason, cycle, renews, renews_until, since, changed FROM assignment ",
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

fn read(row: &Row) -> Result<Assignment> {
    let state: String = row.get("state")?;
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
        state: State::named(&state)
            .ok_or_else(|| Error::invalid(format!("assignment.state holds '{state}', which is no state")))?,
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

/// All assignments, the oldest first.
pub(crate) async fn all(conn: &Conn) -> Result<Vec<Assignment>> {
    read_all(&conn.all(select!("ORDER BY assigned, cycle, id"), args![]).await?)
}
