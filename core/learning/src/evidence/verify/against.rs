//! A pack held against an earlier one: of the same history, and with everything that was in it, but for what lawfully went.

use std::collections::BTreeSet;
use std::path::Path;

use stoa_ground::ledger::Record;

use super::super::pack::Scope;
use super::super::rows::said;
use super::{Bad, Checked, Whole, Work, tampered};

/// Whether an earlier pack is of the same history, and nothing of it is missing.
pub(super) fn continues(work: &mut Work, whole: &Whole, earlier: &Path) -> Checked<()> {
    let (mut apart, not_whole) = (Work::default(), |text| format!("the earlier pack does not hold: {text}"));
    let old = apart.whole(earlier).map_err(|bad| match bad {
        Bad::Tampered(text) | Bad::Unknown(text) => Bad::Unknown(not_whole(text)),
    })?;
    work.unknown.extend(apart.unknown.into_iter().map(not_whole));
    if old.proof.manifest.origin != whole.proof.manifest.origin {
        return Err(Bad::Unknown(format!("the earlier pack is of another log, {}", old.proof.manifest.origin)));
    }
    let (size, now) = (old.checkpoint.size, whole.checkpoint.size);
    if size > now {
        return tampered(format!("the log was cut off: it had {size} records in the earlier pack, and has {now}"));
    }
    if !whole.keys.starts_with(&old.keys) {
        return tampered("a fork: the pack shows another chain of keys than the earlier one");
    }
    match whole.roots.get(&size) {
        Some(root) if *root == old.checkpoint.root => {}
        Some(_) => {
            return tampered(format!("a fork: the earlier pack shows another history of the first {size} records"));
        }
        None => {
            return Err(Bad::Unknown(format!(
                "the pack has no checkpoint of {size} records to compare the earlier pack with"
            )));
        }
    }
    work.checks.push(format!("the earlier pack ({size} records) is of the same history"));
    if has_all_of(&whole.proof.manifest.scope, &old.proof.manifest.scope) {
        work.checks.extend(missing(&old, whole)?);
    } else {
        let text = "That nothing of the earlier pack is missing: its records were not compared, since it is about another scope.";
        work.not_proven.insert(0, text.into());
    }
    Ok(())
}

/// Whether a pack of one scope has whatever an earlier pack of another one had: both are about the same, and its period has
/// every day of the other's.
fn has_all_of(scope: &Scope, earlier: &Scope) -> bool {
    let about = |scope: &Scope| (scope.person.clone(), scope.requirement.clone(), scope.course.clone());
    let begins = scope.from.is_none_or(|from| earlier.from.is_some_and(|earlier| from <= earlier));
    let ends = scope.to.is_none_or(|to| earlier.to.is_some_and(|earlier| to >= earlier));
    about(scope) == about(earlier) && begins && ends
}

/// What of the earlier pack is not in this one, and why that is so.
fn missing(old: &Whole, whole: &Whole) -> Checked<Vec<String>> {
    let lines = whole.report.rows.iter();
    let lines: BTreeSet<String> =
        lines.flat_map(|row| [format!("requirement/{}", row.requirement), format!("course/{}", row.course)]).collect();
    let (mut erased, mut parted, mut over) = (0, 0, 0);
    for (leaf, (entry, subject)) in &old.proof.entries {
        match whole.proof.entries.get(leaf) {
            Some((same, _)) if same == entry => {}
            None if whole.proof.erased.contains_key(subject) => erased += 1,
            None if is_parted(subject, old, whole) => parted += 1,
            None if is_over(subject, old, &lines) => over += 1,
            _ => return tampered(format!("the record at leaf {leaf} was in the earlier pack and is missing")),
        }
    }
    let notes = [
        (erased, "were erased: tombstones name what they were about"),
        (parted, "are of somebody who turned out to be another person"),
        (over, "are about requirements and courses that nothing in this pack is about any more"),
    ];
    let notes = notes.iter().filter(|(count, _)| *count > 0);
    Ok(notes.map(|(count, why)| format!("{count} records of the earlier pack {why}")).collect())
}

/// Whether the person whom a subject is about was one with the person of the scope, and is not any more: a record says so
/// that is newer than the earlier pack.
fn is_parted(subject: &str, old: &Whole, whole: &Whole) -> bool {
    if whole.proof.manifest.scope.person.is_none() {
        return false;
    }
    let past = old.proof.past(subject);
    let assignment = said(past, "assignment");
    let past = if assignment.is_empty() { past } else { old.proof.past(&format!("assignment/{assignment}")) };
    let mut rows = vec![said(past, "person")];
    let mut seen = BTreeSet::new();
    while let Some(row) = rows.pop() {
        if row.is_empty() || !seen.insert(row.clone()) {
            continue;
        }
        let named = format!("person/{row}");
        for (leaf, record) in whole.proof.people.iter().filter(|(_, record)| record.subject == named) {
            if record.kind == "split" && *leaf >= old.checkpoint.size {
                return true;
            }
            rows.extend(record.data["into"].as_str().map(str::to_owned));
        }
    }
    false
}

/// Whether a subject is a requirement or a course, or a request about a requirement, that no line is about any more.
fn is_over(subject: &str, old: &Whole, lines: &BTreeSet<String>) -> bool {
    let past: &[Record] = old.proof.past(subject);
    let about = match subject.split('/').next() {
        Some("requirement" | "course") => subject.to_owned(),
        Some("request") if said(past, "kind") == "requirement" => format!("requirement/{}", said(past, "requirement")),
        _ => return false,
    };
    !lines.contains(&about)
}
