//! A line of the report as the records of its assignment say: made of them for a pack, and once more by whoever verifies it.

use serde_json::Value as Json;
use stoa_ground::ledger::Record;
use stoa_ground::{Instant, Result};

use super::pack::{Change, Row, at};
use super::skew;
use crate::training::Preset;
use crate::training::assignment::{self, Assignment};
use crate::training::state::State;

/// What decides about a line beside its own records.
pub(super) struct About<'a> {
    /// The first instant of the period.
    pub from: Instant,
    /// The pack's course, where it is about one.
    pub course: Option<&'a str>,
    pub preset: Preset,
    /// Whether another line renews this one.
    pub renewed: bool,
}

/// The subject of an assignment.
pub(super) fn subject(id: &str) -> String {
    format!("assignment/{id}")
}

/// When it ended.
fn ended(a: &Assignment) -> Option<Instant> {
    match a.state {
        state if state.is_open() => None,
        State::Expired => Some(a.since),
        _ => a.completed.or(a.ended),
    }
}

/// Whether it was made and ended before an instant.
pub(super) fn before(a: &Assignment, from: Instant) -> bool {
    a.assigned < from && ended(a).is_some_and(|ended| ended < from)
}

/// Whether it counts in the denominator, and why not, or how it ended.
fn counts(a: &Assignment, about: &About<'_>) -> (bool, String) {
    if let Some(course) = about.course.filter(|course| *course != a.course) {
        return (false, format!("its course is {} now, and this pack is about {course}", a.course));
    }
    match (a.state, a.excluded()) {
        (_, Some(why)) => (false, why),
        (State::Completed, _) if before(a, about.from) && about.renewed => {
            (false, "completed before the period, and what renews it has a line of its own".into())
        }
        (State::Completed, _) if before(a, about.from) => {
            (false, "completed before the period, and nothing more was asked for in it".into())
        }
        (State::Expired, _) if about.renewed => (false, "holds no more, and what renews it counts in its place".into()),
        (State::Expired, _) => (true, "holds no more, and nothing renews it".into()),
        _ => (true, a.end_reason.clone().unwrap_or_default()),
    }
}

/// The newest record that is of one of the kinds.
pub(super) fn newest<'r>(records: &'r [Record], kinds: &[&str]) -> Option<&'r Record> {
    records.iter().rev().find(|record| kinds.contains(&record.kind.as_str()))
}

/// A member of the data, as text; empty where it is none or was not disclosed.
pub(super) fn text(record: Option<&Record>, member: &str) -> String {
    record.and_then(|r| r.data[member].as_str()).unwrap_or_default().to_owned()
}

/// A member of the newest record that has it.
pub(super) fn said(records: &[Record], member: &str) -> String {
    let found = records.iter().rev().find_map(|record| record.data[member].as_str());
    found.unwrap_or_default().to_owned()
}

/// The line of an assignment as it stood at the end of the period. Managers and whoever decided are as records name them;
/// retention and holds are not in the records.
pub(super) fn row(a: &Assignment, records: &[Record], about: &About<'_>) -> Row {
    let decided = match a.state {
        State::Completed => newest(records, &["completed"]),
        State::Exempt => newest(records, &["exempted"]),
        State::Waived => newest(records, &["waived"]),
        State::Expired => newest(records, &["expired"]),
        State::Retired => newest(records, &["retired"]),
        State::Extended => newest(records, &["extended"]),
        _ => None,
    };
    let results = about.preset.shows_results();
    let (counts, reason) = counts(a, about);
    let mut row = Row {
        subject: subject(&a.id),
        requirement: a.requirement.clone(),
        rule_version: a.rule_version.clone(),
        course: a.course.clone(),
        content: a.course_version.clone().unwrap_or_default(),
        state: a.state.name().into(),
        why: a.reason.clone(),
        assigned: at(Some(a.assigned)),
        due: a.due.date.to_string(),
        started: at(a.started),
        completed: at(a.completed),
        score: a.score.filter(|_| results).map(|score| score.to_string()).unwrap_or_default(),
        attempts: if results && a.attempts > 0 { a.attempts.to_string() } else { String::new() },
        attested: at(a.attested),
        authentication: text(newest(records, &["attested"]), "authentication"),
        skew: skew::worst(records.iter().filter_map(|r| Some((r.kind.as_str(), r.source.as_ref()?)))),
        expires: a.expires.map(|end| end.date.to_string()).unwrap_or_default(),
        counts,
        reason,
        decided_by: decided.map(|record| record.actor.clone()).unwrap_or_default(),
        until: if a.state == State::Exempt { text(decided, "until") } else { String::new() },
        ..Row::default()
    };
    if let Some(record) = who(records) {
        write_who(&mut row, &record.data["who"]);
    }
    row
}

/// What the records of an assignment until the end of the period changed, the oldest first. Whoever did it is as records
/// name them.
pub(super) fn changes(id: &str, records: &[Record]) -> Result<Vec<(Instant, Change)>> {
    let change = |changed: assignment::Changed<'_>| {
        let (record, before, after) = (changed.record, changed.before, changed.after);
        let day = |date: Option<jiff::civil::Date>| date.map(|d| d.to_string()).unwrap_or_default();
        let row = Change {
            subject: subject(id),
            version: record.version,
            at: at(Some(record.at)),
            change: record.kind.clone(),
            by: record.actor.clone(),
            reason: record.reason.clone(),
            state_before: before.as_ref().map(|b| b.state.name().to_owned()).unwrap_or_default(),
            state: after.state.name().into(),
            due_before: day(before.as_ref().map(|b| b.due_date)),
            due: after.due_date.to_string(),
            expires_before: day(before.and_then(|b| b.expires_date)),
            expires: day(after.expires_date),
        };
        (record.at, row)
    };
    Ok(assignment::changes(id, records)?.into_iter().map(change).collect())
}

/// The changes of all, the oldest first.
pub(super) fn in_order(mut all: Vec<(Instant, Change)>) -> Vec<Change> {
    all.sort_by(|(a, one), (b, two)| (a, &one.subject, one.version).cmp(&(b, &two.subject, two.version)));
    all.into_iter().map(|(_, change)| change).collect()
}

/// The row for which an assignment was made, and the employee id of then. `None` where its first record does not say it.
pub(super) fn employed_as(records: &[Record]) -> Option<(&str, &str)> {
    let first = records.iter().find(|record| !record.is_erased())?;
    Some((first.data["person"].as_str()?, first.data["who"]["employee_id"].as_str()?))
}

/// The newest record that says who and where the person was.
pub(super) fn who(records: &[Record]) -> Option<&Record> {
    records.iter().rev().find(|record| record.data["who"].is_object())
}

/// Who and where the person was, into a line.
pub(super) fn write_who(row: &mut Row, who: &Json) {
    let text = |member: &str| who[member].as_str().unwrap_or_default().to_owned();
    row.employee_id = text("employee_id");
    row.name = text("name");
    row.title = text("title");
    row.department = text("department");
    row.location = text("location");
    row.worker_type = text("worker_type");
    row.manager = who["manager"].as_str().map(|id| format!("person/{id}")).unwrap_or_default();
    row.zone = text("timezone");
}
