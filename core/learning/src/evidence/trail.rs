//! `trail.json`: the follow-up. Messages about required training that were sent or withheld, to learners and to others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value as Json;
use stoa_ground::{Conn, Instant, Result, Row, args};

use super::pack::{Question, Request};
use super::population::Period;
use super::rows::subject;
use crate::training::assignment::Assignment;

/// A message about required training that was sent or withheld. Of kinds that are about engagement there are none.
#[derive(Serialize)]
pub(super) struct Sent {
    key: String,
    kind: String,
    at: String,
    decision: String,
    reason: String,
    /// The digest by which it was said instead; empty where it spoke for itself.
    into: String,
    /// The subjects of this pack that it is about.
    about: BTreeSet<String>,
}

/// What a pack knows about.
pub(super) struct Known<'a> {
    pub assignments: &'a [Assignment],
    pub requests: &'a [Request],
    pub questions: &'a [Question],
    pub period: Period,
}

/// What was decided in a time about messages to learners.
const TO_LEARNERS: &str =
    "SELECT position, person, item, delivery_key, kind, at, decision, reason, into_key FROM decision
    WHERE at >= $1 AND at < $2 AND person IN";
const OF_LEARNERS: &str = "AND kind IN ('assign', 'reminder', 'plan', 'overdue', 'learner-digest')";

/// What was decided in a time about messages to managers, approvers and trainers, with what they were to say.
const TO_OTHERS: &str =
    "SELECT d.position, d.item, d.delivery_key, d.kind, d.at, d.decision, d.reason, d.into_key, o.payload
    FROM decision d LEFT JOIN outbox o ON o.key = d.delivery_key
    WHERE d.at >= $1 AND d.at < $2 AND d.kind IN ('manager-digest', 'escalation', 'approval', 'trainer')";

/// What was sent and withheld about the training in a pack, in the order in which it was decided.
pub(super) async fn find(c: &Conn, known: &Known<'_>) -> Result<Vec<Sent>> {
    let mut sent: BTreeMap<i64, Sent> = BTreeMap::new();
    to_learners(c, known, &mut sent).await?;
    to_others(c, known, &mut sent).await?;
    Ok(sent.into_values().collect())
}

fn read(row: &Row, about: BTreeSet<String>) -> Result<(i64, Sent)> {
    let decided = Sent {
        key: row.get("delivery_key")?,
        kind: row.get("kind")?,
        at: row.get::<Instant>("at")?.rfc3339(),
        decision: row.get("decision")?,
        reason: row.get("reason")?,
        into: row.get::<Option<String>>("into_key")?.unwrap_or_default(),
        about,
    };
    Ok((row.get("position")?, decided))
}

/// What is about the requirements of these people, and the digests in which it was said.
async fn to_learners(c: &Conn, known: &Known<'_>, sent: &mut BTreeMap<i64, Sent>) -> Result<()> {
    let mut theirs: HashMap<(&str, &str), BTreeSet<String>> = HashMap::new();
    for a in known.assignments {
        theirs.entry((&a.person, &a.requirement)).or_default().insert(subject(&a.id));
    }
    let people: BTreeSet<&str> = theirs.keys().map(|(person, _)| *person).collect();
    let people: Vec<&str> = people.into_iter().collect();
    let rows = c.all_in(TO_LEARNERS, &people, OF_LEARNERS, args![known.period.from, known.period.to]).await?;
    let mut digests: HashMap<String, BTreeSet<String>> = HashMap::new();
    for row in &rows {
        let (person, item): (String, String) = (row.get("person")?, row.get("item")?);
        let Some(about) = theirs.get(&(person.as_str(), item.as_str())) else { continue };
        let (position, one) = read(row, about.clone())?;
        if !one.into.is_empty() {
            digests.entry(one.into.clone()).or_default().extend(about.iter().cloned());
        }
        sent.insert(position, one);
    }
    for row in &rows {
        if let Some(about) = digests.get(&row.get::<String>("delivery_key")?) {
            sent.extend([read(row, about.clone())?]);
        }
    }
    Ok(())
}

/// Digests of managers that name an assignment of the pack, and what approvers and trainers heard about its requests and
/// questions.
async fn to_others(c: &Conn, known: &Known<'_>, sent: &mut BTreeMap<i64, Sent>) -> Result<()> {
    let assignments = known.assignments.iter().map(|a| subject(&a.id));
    let asked =
        known.requests.iter().map(|r| r.subject.clone()).chain(known.questions.iter().map(|q| q.subject.clone()));
    let mine: BTreeSet<String> = assignments.chain(asked).collect();
    for row in c.all(TO_OTHERS, args![known.period.from, known.period.to]).await? {
        let payload = row.get::<Option<Json>>("payload")?.unwrap_or_default();
        let one = |member: &str, kind: &str| payload[member].as_str().map(|id| format!("{kind}/{id}"));
        let items = payload["items"].as_array().into_iter().flatten().filter_map(Json::as_str).map(subject);
        let all = items.chain(one("request", "request")).chain(one("question", "trainer-question"));
        let about: BTreeSet<String> = all.filter(|subject| mine.contains(subject)).collect();
        if !about.is_empty() {
            sent.extend([read(&row, about)?]);
        }
    }
    Ok(())
}
