//! Whether what the manifest says of its pack is so: what the pack does not prove, whether it is a test, and what it is about.

use std::collections::BTreeSet;

use super::super::pack::{Considered, Report, Row, Scope};
use super::super::rows::text;
use super::{Checked, Proof, tampered};

/// What a valid pack does not prove. Packs of the newest format say exactly this; other words need another format.
pub(in super::super) const NOT_PROVEN: [&str; 7] = [
    "That somebody was who they said they were when they learned: that rests on the sign-in of the chat.",
    "That what was recorded is true: the log shows that it was not changed since, not that it was right.",
    "That the pack has every record of its scope: the log has no index by subject, so the newest records about something, or \
     all of them, can be left out of a pack. Compare it with the log's own tiles, or with an earlier pack (--against).",
    "When something was recorded, beyond the time stamps and cosignatures of checkpoints: instants in records are those of \
     the organisation's own clock.",
    "Who was in the population, and by which employee id managers and whoever decided went: both come from the roster's \
     history in the store when the pack was made, and that is not in the log; roles are those of that day.",
    "Messages sent and withheld, statements, and how long something is kept: they are those of the store when the pack was \
     made, and not in the log.",
    "What the PDF prints: it names the digests of the files of the pack that it shows, and these decide.",
];

/// What this pack does not prove, whatever it says itself.
pub(super) fn not_proven(report: &Report, proof: &Proof) -> Vec<String> {
    let test = "This is a test: the clock was moved by hand, and nothing in here happened.";
    let mut all: Vec<String> = NOT_PROVEN.map(str::to_owned).to_vec();
    if is_test(proof) {
        all.insert(0, test.into());
    }
    if let Some(person) = proof.manifest.scope.person.as_ref().filter(|_| !proof.manifest.is_before()) {
        let mut records = assigned(report).flat_map(|subject| proof.past(subject)).peekable();
        if records.peek().is_some() && !records.any(|record| record.data["who"]["employee_id"] == **person) {
            all.push(format!(
                "That its records are about {person}: none of them says this employee id, and who goes by which one now is in \
                 the store and not in the log."
            ));
        }
    }
    all
}

/// Whether the log is a test: its name says so.
fn is_test(proof: &Proof) -> bool {
    proof.manifest.origin.ends_with("/test")
}

/// Checks what the manifest says; gives what was found.
pub(super) fn check(report: &Report, population: &[Considered], proof: &Proof) -> Checked<String> {
    let manifest = &proof.manifest;
    if !manifest.is_before() && manifest.not_proven != NOT_PROVEN {
        return tampered("manifest.json does not say what a pack does not prove");
    }
    // A log that is called a test may be one whose clock nobody has moved.
    let (says, by_hand) = (manifest.test, proof.by_hand);
    let agree = if is_test(proof) { says || !by_hand } else { !says && !by_hand };
    if !agree {
        return tampered("manifest.json, the log's name and its records do not agree on whether this is a test");
    }
    let scope = &manifest.scope;
    if let Some(row) = report.rows.iter().find(|row| !has(scope, row, proof)) {
        let named = if row.subject.is_empty() { &row.employee_id } else { &row.subject };
        return tampered(format!(
            "report.json has a line of {named}, and manifest.json says that the pack is not about it"
        ));
    }
    let people = scope.person.is_none() || manifest.is_before() || (population.len() <= 1 && are_one(report, proof));
    if !people {
        return tampered("report.json has lines of several people, and manifest.json says that the pack is about one");
    }
    Ok("the lines are within the scope that the manifest names".into())
}

/// Whether a line is about the requirement and the course of a scope. Packs of the format before may have lines that were
/// about its course later.
fn has(scope: &Scope, row: &Row, proof: &Proof) -> bool {
    let requirement = scope.requirement.as_ref().is_none_or(|id| row.requirement == *id);
    let rule = || format!("requirement/{}", row.requirement);
    let course = scope.course.as_ref().is_none_or(|id| match row.subject.as_str() {
        _ if proof.manifest.is_before() => true,
        "" => row.course == *id || proof.of_course.contains(&rule()),
        subject => proof.of_course.contains(subject),
    });
    requirement && course
}

/// The assignments of a report.
fn assigned(report: &Report) -> impl Iterator<Item = &str> {
    report.rows.iter().map(|row| row.subject.as_str()).filter(|subject| !subject.is_empty())
}

/// Whether all assignments are one person's, also of rows of the store that turned out to be the same person. Where a record
/// of that was erased nothing can be said against it.
fn are_one(report: &Report, proof: &Proof) -> bool {
    if proof.erased.keys().any(|subject| subject.starts_with("person/")) {
        return true;
    }
    let rows: BTreeSet<String> = assigned(report).map(|subject| text(proof.past(subject).first(), "person")).collect();
    let joined = proof.people.iter().filter_map(|(_, record)| {
        let other = record.data["into"].as_str().or(record.data["from"].as_str())?;
        Some((record.subject.strip_prefix("person/")?, other))
    });
    let joined: Vec<(&str, &str)> = joined.collect();
    let mut next: Vec<&str> = rows.first().map(String::as_str).into_iter().collect();
    let mut one = BTreeSet::new();
    while let Some(row) = next.pop() {
        if one.insert(row) {
            next.extend(joined.iter().filter(|(a, _)| *a == row).map(|(_, b)| *b));
            next.extend(joined.iter().filter(|(_, b)| *b == row).map(|(a, _)| *a));
        }
    }
    rows.iter().all(|row| one.contains(row.as_str()))
}
