//! What a person has confirmed already: whether it is enough where a signature is demanded now.

use std::collections::HashSet;

use stoa_ground::ledger::{self, Record};
use stoa_ground::{Conn, Result};

use super::Level;
use crate::training::assignment::Assignment;
use crate::training::course;
use crate::training::requirement::{Prior, Requirement};

/// Assignments whose records are read at once.
const CHUNK: usize = 500;

/// The attestation among an assignment's records: the id of its record, and how surely it was the person.
fn among(records: &[Record]) -> Option<(&str, Level)> {
    let record = records.iter().rfind(|record| record.kind == "attested" && !record.is_erased())?;
    Some((&record.id, serde_json::from_value(record.data["authentication"].clone()).ok()?))
}

/// The attestation of an assignment: the id of its record, and how surely it was the person; none where they confirmed
/// nothing.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn signature(conn: &Conn, a: &Assignment) -> Result<Option<(String, Level)>> {
    if a.attested.is_none() {
        return Ok(None);
    }
    let records = ledger::of_subject(conn, &format!("assignment/{}", a.id)).await?;
    Ok(among(&records).map(|(id, level)| (id.to_owned(), level)))
}

/// Those among assignments, of one person or of many, that are completed and do not count for another requirement of their
/// course: it, or the course as it is now, demands a signature, and they were not confirmed as surely. Their ids.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn unsigned(
    conn: &Conn,
    r: &Requirement,
    all: &[&Assignment],
) -> Result<HashSet<String>> {
    let counts = r.active && r.recertify.as_ref().is_some_and(|rule| rule.prior == Prior::Counts);
    let is_earlier = |a: &Assignment| counts && a.course == r.course && a.completed.is_some() && a.requirement != r.id;
    let earlier: Vec<&Assignment> = all.iter().copied().filter(|a| is_earlier(a)).collect();
    if earlier.is_empty() {
        return Ok(HashSet::new());
    }
    let content = course::content(conn, &course::current(conn, &r.course).await?).await?;
    let level = super::level_of(r, &content);
    if !level.is_signature() {
        return Ok(HashSet::new());
    }
    let mut unsigned: HashSet<String> = earlier.iter().map(|a| a.id.clone()).collect();
    let attested = earlier.iter().filter(|a| a.attested.is_some());
    let subjects: Vec<String> = attested.map(|a| format!("assignment/{}", a.id)).collect();
    for some in subjects.chunks(CHUNK) {
        for (subject, kept) in ledger::kept(conn, some).await? {
            let records = kept.iter().map(ledger::opened).collect::<Result<Vec<Record>>>()?;
            if among(&records).is_some_and(|(_, given)| given >= level) {
                unsigned.remove(subject.trim_start_matches("assignment/"));
            }
        }
    }
    Ok(unsigned)
}
