//! What the ledger's records make of an assignment: the one place that says so, for the table and for any past moment.

use async_trait::async_trait;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stoa_ground::ledger::{Projection, Record};
use stoa_ground::{Error, Instant, Result, Tx, args};

use super::store::{by_id, write};
use super::{Assignment, Renewal, Values};
use crate::training::attest;
use crate::training::due::Deadline;
use crate::training::state::{Change, Facts, State, transition};

/// The particulars of records that move or set the due date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DueData {
    pub due: Instant,
    pub due_date: Date,
}

/// The particulars of the record `assigned`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AssignedData {
    pub person: String,
    pub requirement: String,
    pub rule_version: String,
    pub course: String,
    #[serde(flatten)]
    pub due: DueData,
    #[serde(default = "first")]
    pub cycle: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<Renewal>,
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
        let change = change_of(record)?;
        if change == Change::Assigned && record.version <= 1 {
            return self.begin(tx, std::slice::from_ref(record)).await;
        }
        let after = apply(by_id(tx, id).await?, change, record, id)?;
        write(tx, &[(after, record.version)]).await
    }

    /// What is assigned with its first record was not there before.
    async fn begin(&self, tx: &Tx, records: &[Record]) -> Result<()> {
        let mut made = Vec::with_capacity(records.len());
        for record in records {
            let id = record.subject.strip_prefix("assignment/").unwrap_or_default();
            let change = change_of(record)?;
            made.push((apply(None, change, record, id)?, record.version));
        }
        write(tx, &made).await
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

pub(super) fn change_of(record: &Record) -> Result<Change> {
    Change::named(&record.kind)
        .ok_or_else(|| Error::invalid(format!("a record about an assignment cannot be '{}'", record.kind)))
}

/// The assignment as these records say, its own and the oldest first; none before the first one or where they were erased.
///
/// # Errors
/// When the records do not follow on each other.
pub fn replay(id: &str, records: &[Record]) -> Result<Option<Assignment>> {
    let mut a = None;
    for record in records.iter().filter(|record| !record.is_erased()) {
        a = Some(apply(a, change_of(record)?, record, id)?);
    }
    Ok(a)
}

/// The assignment after a record, which may say only what it changes.
pub(in crate::training) fn apply(
    before: Option<Assignment>,
    change: Change,
    record: &Record,
    id: &str,
) -> Result<Assignment> {
    let was = before.as_ref().map(Values::of);
    let a = after(before, change, record, id)?;
    Values::are_said(was.as_ref(), &Values::of(&a), record)?;
    Ok(a)
}

fn after(before: Option<Assignment>, change: Change, record: &Record, id: &str) -> Result<Assignment> {
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
        if a.state == State::OnLeave && data["from"].is_string() {
            a.away_from = serde_json::from_value(data["from"].clone())?;
        }
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
        Change::Assigned | Change::Refused | Change::Extended | Change::Moved | Change::Overdue | Change::Expired => {}
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
