//! Whether requests and questions of a pack say what the records of the log say.

use std::collections::BTreeSet;

use stoa_ground::Instant;
use stoa_ground::ledger::Record;

use super::super::pack::{Question, Request, at};
use super::super::rows::{newest, said, text};
use super::rows::is_person;
use super::{Checked, Pack, Proof, tampered};
use crate::training::requests::State;

/// Checks both files; gives what was found.
pub(super) fn check(files: &Pack, proof: &Proof) -> Checked<String> {
    let requests: Vec<Request> = files.json("requests.json")?;
    let questions: Vec<Question> = files.json("questions.json")?;
    listed("requests.json", "request/", requests.iter().map(|r| r.subject.as_str()), proof)?;
    listed("questions.json", "trainer-question/", questions.iter().map(|q| q.subject.as_str()), proof)?;
    for one in &requests {
        request(one, proof.past(&one.subject))?;
    }
    for one in &questions {
        question(one, proof.past(&one.subject))?;
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

fn request(row: &Request, past: &[Record]) -> Checked<()> {
    let state = State::after(past.last().map(|record| record.kind.as_str()));
    let decided = newest(past, &["approved", "declined", "withdrawn", "closed"]);
    let decided = decided.filter(|_| !matches!(state, State::Draft | State::Open));
    let asked = newest(past, &["requested", "passed", "reminded"]);
    let first = past.first();
    let file = "requests.json";
    people(
        file,
        &row.subject,
        &[
            ("for whom", &row.employee_id, named("person", &said(past, "person"))),
            ("by whom it was asked", &row.asked_by, said(past, "asker")),
            ("who was to decide", &row.approver, text(asked, "approver")),
            ("who decided", &row.decided_by, decided.map(|record| record.actor.clone()).unwrap_or_default()),
        ],
    )?;
    same(
        file,
        &row.subject,
        &[
            ("how it stands", &row.state, state.name().to_owned()),
            ("what was asked for", &row.kind, said(past, "kind")),
            ("about which assignment", &row.assignment, named("assignment", &said(past, "assignment"))),
            ("about which requirement", &row.requirement, said(past, "requirement")),
            ("about which course", &row.course, said(past, "course")),
            ("what was wished", &row.wished, said(past, "wished")),
            ("when it was asked", &row.asked, instant(first)),
            ("why it was asked", &row.reason, reason(newest(past, &["requested", "drafted"]))),
            ("when it was decided", &row.decided, instant(decided)),
            ("why it was decided so", &row.decision, reason(decided)),
        ],
    )
}

fn question(row: &Question, past: &[Record]) -> Checked<()> {
    let (first, answered) = (past.first(), newest(past, &["answered"]));
    let due = past.iter().rev().find_map(|record| record.data["due"].as_i64());
    let file = "questions.json";
    people(
        file,
        &row.subject,
        &[
            ("who asked", &row.employee_id, named("person", &said(past, "person"))),
            ("who answered", &row.answered_by, text(answered, "trainer")),
        ],
    )?;
    same(
        file,
        &row.subject,
        &[
            ("about which assignment", &row.assignment, format!("assignment/{}", said(past, "assignment"))),
            ("about which course", &row.course, said(past, "course")),
            ("about which content", &row.content, said(past, "version")),
            ("when it was asked", &row.asked, instant(first)),
            ("what was asked", &row.question, text(first, "text")),
            ("until when it was to be answered", &row.due, at(due.map(Instant))),
            ("when it was answered", &row.answered, instant(answered)),
            ("what was answered", &row.answer, text(answered, "text")),
            ("with which qualification", &row.qualification, text(answered, "qualification")),
        ],
    )
}

/// Whether those are named whom the records name, as far as records say by which employee id they went.
fn people(file: &str, subject: &str, all: &[(&str, &String, String)]) -> Checked<()> {
    let others: Vec<_> = all.iter().filter(|(_, here, there)| !is_person(here, there)).cloned().collect();
    same(file, subject, &others)
}

fn same(file: &str, subject: &str, said: &[(&str, &String, String)]) -> Checked<()> {
    match said.iter().find(|(_, here, there)| *here != there) {
        Some((what, ..)) => tampered(format!("{file} does not say of {subject} what its records say: {what}")),
        None => Ok(()),
    }
}
