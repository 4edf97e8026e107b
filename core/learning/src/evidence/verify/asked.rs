//! Whether requests and questions of a pack say what the records of the log say.

use std::collections::BTreeSet;

use super::super::pack::{Manifest, Question, Request, at};
use super::agree::{Records, Said, newest, past};
use super::{Checked, Pack, tampered};
use crate::training::requests::State;

/// Checks both files; gives what was found.
pub(super) fn check(files: &Pack, manifest: &Manifest, records: &Records) -> Checked<String> {
    let requests: Vec<Request> = files.json("requests.json")?;
    let questions: Vec<Question> = files.json("questions.json")?;
    listed("requests.json", "request/", requests.iter().map(|r| r.subject.as_str()), manifest, records)?;
    listed("questions.json", "trainer-question/", questions.iter().map(|q| q.subject.as_str()), manifest, records)?;
    for one in &requests {
        request(one, &past(records, &one.subject, manifest))?;
    }
    for one in &questions {
        question(one, &past(records, &one.subject, manifest))?;
    }
    Ok(format!("{} requests and {} questions are as their records say", requests.len(), questions.len()))
}

/// Whether a file names each subject of its kind once that had records in the period.
fn listed<'s>(
    file: &str,
    kind: &str,
    named: impl Iterator<Item = &'s str>,
    manifest: &Manifest,
    records: &Records,
) -> Checked<()> {
    let mut there: BTreeSet<&str> = BTreeSet::new();
    for subject in named {
        if !subject.starts_with(kind) || past(records, subject, manifest).is_empty() {
            return tampered(format!("{file} names {subject}, of which the pack has no record"));
        }
        if !there.insert(subject) {
            return tampered(format!("{file} names {subject} twice"));
        }
    }
    let of_kind = records.keys().filter(|subject| subject.starts_with(kind));
    let mut missing = of_kind.filter(|subject| !there.contains(subject.as_str()));
    match missing.find(|subject| !past(records, subject, manifest).is_empty()) {
        Some(subject) => tampered(format!("{file} does not name {subject}, of which the pack has records")),
        None => Ok(()),
    }
}

fn text(said: Option<&Said>, field: &str) -> String {
    said.map(|said| said.text(field).to_owned()).unwrap_or_default()
}

fn instant(said: Option<&Said>) -> String {
    at(said.map(|said| said.at))
}

fn request(row: &Request, past: &[&Said]) -> Checked<()> {
    let state = State::after(past.last().map(|said| said.kind.as_str()));
    let decided = newest(past, &["approved", "declined", "withdrawn", "closed"]);
    let decided = decided.filter(|_| !matches!(state, State::Draft | State::Open));
    let first = past.first().copied();
    same(
        "requests.json",
        &row.subject,
        &[
            ("how it stands", &row.state, state.name().to_owned()),
            ("what was asked for", &row.kind, text(first, "data/kind")),
            ("when it was asked", &row.asked, instant(first)),
            ("why it was asked", &row.reason, text(newest(past, &["requested", "drafted"]), "reason")),
            ("when it was decided", &row.decided, instant(decided)),
            ("why it was decided so", &row.decision, text(decided, "reason")),
        ],
    )
}

fn question(row: &Question, past: &[&Said]) -> Checked<()> {
    let (first, answered) = (past.first().copied(), newest(past, &["answered"]));
    same(
        "questions.json",
        &row.subject,
        &[
            ("when it was asked", &row.asked, instant(first)),
            ("what was asked", &row.question, text(first, "data/text")),
            ("when it was answered", &row.answered, instant(answered)),
            ("what was answered", &row.answer, text(answered, "data/text")),
        ],
    )
}

fn same(file: &str, subject: &str, said: &[(&str, &String, String)]) -> Checked<()> {
    match said.iter().find(|(_, here, there)| *here != there) {
        Some((what, ..)) => tampered(format!("{file} does not say of {subject} what its records say: {what}")),
        None => Ok(()),
    }
}
