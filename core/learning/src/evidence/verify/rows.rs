//! Whether the lines of the report are those of the records of the log, each once, and each as they say.

use std::collections::{BTreeMap, BTreeSet};

use stoa_ground::Instant;
use stoa_ground::ledger::Record;

use super::super::pack::{CHANGES, Change, Report, Row};
use super::super::rows::{self, About};
use super::names::Names;
use super::{Checked, Pack, Proof, shape, tampered};
use crate::training::assignment::{self, Assignment};
use crate::training::state::State;

/// An assignment as its records until the end of the period make it.
type Found<'p> = BTreeMap<&'p str, (Assignment, &'p [Record])>;

/// Checks all lines.
pub(super) fn check(files: &Pack, report: &Report, proof: &Proof, names: &mut Names<'_>) -> Checked<()> {
    let found = replayed(proof)?;
    let renewals = found.values().filter(|(a, _)| a.state != State::Retired);
    let renewed: BTreeSet<&str> = renewals.filter_map(|(a, _)| Some(a.renews.as_ref()?.id.as_str())).collect();
    let mut there = BTreeSet::new();
    for row in &report.rows {
        if row.subject.is_empty() {
            nothing(row)?;
            continue;
        }
        let Some((a, past)) = found.get(row.subject.as_str()) else {
            return tampered(format!("report.json names {}, of which the pack has no record", row.subject));
        };
        if !there.insert(row.subject.as_str()) {
            return tampered(format!("report.json names {} twice", row.subject));
        }
        follows(row, a, past, proof, names, renewed.contains(a.id.as_str()))?;
        if !row.content.is_empty() {
            files.bytes(&format!("content/{}.json", row.content))?;
        }
    }
    match found.keys().find(|subject| !there.contains(**subject)) {
        Some(subject) => tampered(format!("report.json does not name {subject}, of which the pack has records")),
        None => Ok(()),
    }
}

/// Checks what is said of every change; gives what was found. Packs of earlier releases say nothing of it.
pub(super) fn changes(files: &Pack, proof: &Proof, names: &mut Names<'_>) -> Checked<Option<String>> {
    if !files.0.contains_key(CHANGES) {
        return Ok(None);
    }
    let all: Vec<Change> = files.json(CHANGES)?;
    if Change::csv(&all) != files.text("changes.csv")? {
        return tampered("changes.csv and changes.json do not agree");
    }
    let mut said = Vec::new();
    for (subject, past) in &proof.past {
        let Some(id) = subject.strip_prefix("assignment/") else { continue };
        said.extend(
            rows::changes(id, past)
                .map_err(|_| super::Bad::Tampered(format!("the records of {subject} do not follow on each other")))?,
        );
    }
    let said = rows::in_order(said);
    if said.len() != all.len() {
        return tampered(format!("changes.json has {} changes, and the records make {}", all.len(), said.len()));
    }
    for (here, mut there) in all.iter().zip(said) {
        if names.fit(&here.by, &there.by) {
            there.by.clone_from(&here.by);
        }
        if let Some(column) = other(Change::COLUMNS, &here.cells(), &there.cells()) {
            return tampered(format!("changes.json does not say of {} what its records say: {column}", there.subject));
        }
    }
    Ok(Some(format!("{} changes are as their records say", all.len())))
}

/// The first column in which two lines differ.
fn other<'c>(columns: &[&'c str], here: &[String], there: &[String]) -> Option<&'c str> {
    columns.iter().zip(here.iter().zip(there)).find(|(_, (a, b))| a != b).map(|(column, _)| *column)
}

/// Whether tombstones of the pack excuse the lines that are called erased: no more of a requirement than assignments of it
/// that they name. Gives what cannot be said.
pub(super) fn erased(report: &Report, proof: &Proof) -> Checked<Option<String>> {
    let mut called: BTreeMap<&str, usize> = BTreeMap::new();
    for row in report.rows.iter().filter(|row| row.state == "erased") {
        *called.entry(&row.requirement).or_default() += 1;
    }
    if proof.manifest.is_before() {
        let none = !called.is_empty() && proof.erased.is_empty();
        let said = "report.json says that records were erased, and the pack has no tombstone: ask for a pack of a newer release";
        return Ok(none.then(|| said.into()));
    }
    let assignments = proof.erased.iter().filter(|(subject, _)| subject.starts_with("assignment/"));
    // Tombstones of earlier releases do not say the requirement.
    let mut any = assignments.clone().filter(|(_, of)| of.is_none()).count();
    for (requirement, lines) in called {
        let named = assignments.clone().filter(|(_, of)| of.as_deref() == Some(requirement)).count();
        let more = lines.saturating_sub(named);
        if more > any {
            return tampered(format!(
                "report.json calls {lines} lines of {requirement} erased, and tombstones name {named} assignments of it"
            ));
        }
        any -= more;
    }
    Ok(None)
}

fn replayed(proof: &Proof) -> Checked<Found<'_>> {
    let mut found = Found::new();
    for (subject, past) in &proof.past {
        let Some(id) = subject.strip_prefix("assignment/") else { continue };
        if let Some(record) = past.iter().find(|record| !shape::fits(record)) {
            return tampered(format!("version {} of {subject} is not what it should be", record.version));
        }
        match assignment::replay(id, past) {
            Ok(Some(a)) => drop(found.insert(subject, (a, past))),
            Ok(None) => {}
            Err(_) => return tampered(format!("the records of {subject} do not follow on each other")),
        }
    }
    Ok(found)
}

/// A line about somebody who has nothing assigned says nothing of an assignment.
fn nothing(row: &Row) -> Checked<()> {
    let bare = Row {
        requirement: row.requirement.clone(),
        course: row.course.clone(),
        state: row.state.clone(),
        counts: row.state == "not-assigned",
        reason: row.reason.clone(),
        ..Row::default()
    };
    if about_the_same(row, bare) != *row || !["not-assigned", "erased"].contains(&row.state.as_str()) {
        return tampered(format!("report.json says something of {} that no record says", row.employee_id));
    }
    Ok(())
}

/// `row` about whom `other` is about.
fn about_the_same(other: &Row, row: Row) -> Row {
    Row {
        employee_id: other.employee_id.clone(),
        name: other.name.clone(),
        title: other.title.clone(),
        department: other.department.clone(),
        location: other.location.clone(),
        worker_type: other.worker_type.clone(),
        manager: other.manager.clone(),
        zone: other.zone.clone(),
        ..row
    }
}

/// Whether a line says what its records say.
fn follows(
    row: &Row,
    a: &Assignment,
    past: &[Record],
    proof: &Proof,
    names: &mut Names<'_>,
    renewed: bool,
) -> Checked<()> {
    let manifest = &proof.manifest;
    let mut a = a.clone();
    // That an end has passed may not have been recorded yet.
    let over = |end: Instant| manifest.period.1.is_none_or(|to| end.0 < to);
    if row.state == State::Expired.name() && a.state == State::Completed && a.expires.is_some_and(|end| over(end.at)) {
        a.state = State::Expired;
    }
    let about = About {
        from: Instant(manifest.period.0.unwrap_or(i64::MIN)),
        course: manifest.scope.course.as_deref(),
        preset: proof.preset,
        renewed,
    };
    let mut said = rows::row(&a, past, &about);
    for (here, there) in [(&row.manager, &mut said.manager), (&row.decided_by, &mut said.decided_by)] {
        if names.fit(here, there) {
            there.clone_from(here);
        }
    }
    said.retention.clone_from(&row.retention);
    said.hold.clone_from(&row.hold);
    if rows::who(past).is_none() {
        // The oldest records do not say it.
        said = about_the_same(row, said);
    }
    match other(Row::COLUMNS, &row.cells(), &said.cells()) {
        Some(column) => tampered(format!("report.json does not say of {} what its records say: {column}", row.subject)),
        None => Ok(()),
    }
}
