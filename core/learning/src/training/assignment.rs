//! Assignments: what they are, and the records of the ledger that make and change them.

mod changes;
mod replay;
mod store;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use stoa_ground::ledger::{Entry, Record};
use stoa_ground::people::{self, Person};
use stoa_ground::{Instant, Result, Tx};

use super::due::Deadline;
use super::requests;
use super::requirement::{ENROLMENT, Requirement};
use super::state::{Change, State};
use crate::Services;
use changes::Values;
use replay::{AssignedData, DueData};

pub(crate) use changes::{Changed, changes};
#[cfg(test)]
pub(super) use replay::apply;
pub use replay::{AssignmentProjection, replay};
pub(crate) use store::{
    about, all, as_recorded, existing, made_before, newest_sound, of_requirement, overdue, overdue_below, sound,
    states, who_completed,
};
pub use store::{by_id, learners_of, of_person};

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
    /// First day of the leave that has stopped the clock, without those that an extension given meanwhile reckons with.
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

/// The assignment of a requirement that counts, among those of one person, the oldest first: the newest one, unless that has
/// retired and an older one has not (it gave way to it, when two rows turned out to be one person).
pub(crate) fn newest<'a>(all: &'a [Assignment], requirement: &str) -> Option<&'a Assignment> {
    let mine = || all.iter().filter(|a| a.requirement == requirement);
    mine().rfind(|a| a.state != State::Retired).or_else(|| mine().next_back())
}

/// Whether somebody with these assignments has a course before them, or has done it and that holds.
pub(crate) fn have_course(all: &[Assignment], course: &str) -> bool {
    all.iter().any(|a| a.course == course && (a.state.is_open() || a.state == State::Completed))
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

/// Appends a change of an assignment to the ledger, with what was before it and what is after it.
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
    let before = existing(tx, id).await?;
    let mut entry = Entry {
        subject: format!("assignment/{id}"),
        kind: change.name(),
        actor: by.actor.clone(),
        reason: by.reason.clone(),
        data,
    };
    entry.data["was"] = serde_json::to_value(Values::of(&before))?;
    entry.data["is"] = serde_json::to_value(Values::of(&foreseen(before, change, &entry, tx.now(), id)?))?;
    let record = services.ledger.append(tx, entry).await?;
    requests::assignment_changed(tx, services, id, change).await?;
    Ok(record)
}

/// The assignment as a record will make it.
fn foreseen(before: Assignment, change: Change, entry: &Entry, at: Instant, id: &str) -> Result<Assignment> {
    let record = Record {
        id: String::new(),
        subject: entry.subject.clone(),
        version: 0,
        kind: entry.kind.to_owned(),
        at,
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
        data: entry.data.clone(),
        source: None,
        erased: Vec::new(),
    };
    replay::apply(Some(before), change, &record, id)
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
