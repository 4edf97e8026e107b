//! Whether requests and questions of a pack say what the records of the log say.

use std::collections::BTreeSet;

use stoa_ground::Instant;
use stoa_ground::ledger::Record;

use super::super::pack::{Question, Request, at};
use super::super::rows::{newest, said, text};
use super::names::Names;
use super::{Checked, Pack, Proof, tampered};
use crate::training::requests::State;

/// Checks both files; gives what was found.
pub(super) fn check(files: &Pack, proof: &Proof, names: &mut Names<'_>) -> Checked<String> {
    let requests: Vec<Request> = files.json("requests.json")?;
    let questions: Vec<Question> = files.json("questions.json")?;
    listed("requests.json", "request/", requests.iter().map(|r| r.subject.as_str()), proof)?;
    listed("questions.json", "trainer-question/", questions.iter().map(|q| q.subject.as_str()), proof)?;
    for one in &requests {
        request(one, proof.past(&one.subject), names)?;
    }
    for one in &questions {
        question(one, proof.past(&one.subject), names)?;
    }
    Ok(format!("{} requests and {} questions are as their records say", requests.len(), questions.len()))
}

/// Whether a file names each subject of its kind once that had records in the period.
fn listed<'s>(file: &str, kind: &str, named: impl Iterator<Item = &'s str>, proof: &Proof) -> Checked<()> {
    let mut there: BTreeSet<&str> = BTreeSet::new();
    for subject in named {
        if !subject.starts_with(kind) || proof.past(subject).is_empty() {
            return tampered(format!("{file} names {subject}, of which the pack has no record"));
        }
        if !there.insert(subject) {
            return tampered(format!("{file} names {subject} twice"));
        }
    }
    match proof.past.keys().find(|subject| subject.starts_with(kind) && !there.contains(subject.as_str())) {
        Some(subject) => tampered(format!("{file} does not name {subject}, of which the pack has records")),
        None => Ok(()),
    }
}

fn reason(record: Option<&Record>) -> String {
    record.map(|record| record.reason.clone()).unwrap_or_default()
}

fn instant(record: Option<&Record>) -> String {
    at(record.map(|record| record.at))
}

/// What follows the word and the slash, or nothing where there is nothing to follow.
fn named(kind: &str, id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("{kind}/{id}") }
}

fn request(row: &Request, past: &[Record], names: &mut Names<'_>) -> Checked<()> {
    let state = State::after(past.last().map(|record| record.kind.as_str()));
    let decided = newest(past, &["approved", "declined", "withdrawn", "closed"]);
    let decided = decided.filter(|_| !matches!(state, State::Draft | State::Open));
    let asked = newest(past, &["requested", "passed", "reminded"]);
    let first = past.first();
    let file = "requests.json";
    people(
        file,
        &row.subject,
        names,
        &[
            ("employee_id", &row.employee_id, named("person", &said(past, "person"))),
            ("asked_by", &row.asked_by, said(past, "asker")),
            ("approver", &row.approver, text(asked, "approver")),
            ("decided_by", &row.decided_by, decided.map(|record| record.actor.clone()).unwrap_or_default()),
        ],
    )?;
    same(
        file,
        &row.subject,
        &[
            ("state", &row.state, state.name().to_owned()),
            ("kind", &row.kind, said(past, "kind")),
            ("assignment", &row.assignment, named("assignment", &said(past, "assignment"))),
            ("requirement", &row.requirement, said(past, "requirement")),
            ("course", &row.course, said(past, "course")),
            ("wished", &row.wished, said(past, "wished")),
            ("asked", &row.asked, instant(first)),
            ("reason", &row.reason, reason(newest(past, &["requested", "drafted"]))),
            ("decided", &row.decided, instant(decided)),
            ("decision", &row.decision, reason(decided)),
        ],
    )
}

fn question(row: &Question, past: &[Record], names: &mut Names<'_>) -> Checked<()> {
    let (first, answered) = (past.first(), newest(past, &["answered"]));
    let due = past.iter().rev().find_map(|record| record.data["due"].as_i64());
    let file = "questions.json";
    people(
        file,
        &row.subject,
        names,
        &[
            ("employee_id", &row.employee_id, named("person", &said(past, "person"))),
            ("answered_by", &row.answered_by, text(answered, "trainer")),
        ],
    )?;
    same(
        file,
        &row.subject,
        &[
            ("assignment", &row.assignment, format!("assignment/{}", said(past, "assignment"))),
            ("course", &row.course, said(past, "course")),
            ("content", &row.content, said(past, "version")),
            ("asked", &row.asked, instant(first)),
            ("question", &row.question, text(first, "text")),
            ("due", &row.due, at(due.map(Instant))),
            ("answered", &row.answered, instant(answered)),
            ("answer", &row.answer, text(answered, "text")),
            ("qualification", &row.qualification, text(answered, "qualification")),
        ],
    )
}

/// Whether those are named whom the records name, as far as records say by which employee id they went.
fn people(file: &str, subject: &str, names: &mut Names<'_>, all: &[(&str, &String, String)]) -> Checked<()> {
    let others: Vec<_> = all.iter().filter(|(_, here, there)| !names.fit(here, there)).cloned().collect();
    same(file, subject, &others)
}

fn same(file: &str, subject: &str, said: &[(&str, &String, String)]) -> Checked<()> {
    match said.iter().find(|(_, here, there)| *here != there) {
        Some((what, ..)) => tampered(format!("{file} does not say of {subject} what its records say: {what}")),
        None => Ok(()),
    }
}
