//! One line for each decision.

use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use stoa_flow::chat::Place;
use stoa_flow::delivery::MAIL;
use stoa_flow::nudges::{Policy, Priority, sentence};
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, Row, args};

use super::Simulation;
use crate::training::assignment;

/// One decision, as `stoa simulate --json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// RFC 3339 with the offset of the person's zone at that time.
    pub at: String,
    /// The employee id.
    pub person: String,
    /// The kind of message.
    pub kind: String,
    /// The id of the requirement or track; empty where a message is about several.
    pub item: String,
    /// Which step of it; with `@` and the due date where that has moved or the requirement was assigned before.
    pub step: String,
    /// The due date that a message about an assignment counts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The how many-th assignment of this requirement to this person it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u32>,
    /// The delivery's key.
    pub key: String,
    /// `now`, `later`, `merge`, `withhold`, `edit` or `cancel`.
    pub decision: String,
    /// Whether nobody asked for it.
    pub unsolicited: bool,
    /// Whether it took one from the day's budget: it was sent, and counts.
    pub counted: bool,
    /// How urgent it is.
    pub priority: Priority,
    /// `dm`, `channel`, `thread` or `mail`.
    pub place: String,
    /// The code of the reason.
    pub reason: String,
    /// The reason as a sentence.
    pub why: String,
    /// For `later`: when it is decided anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The key of the digest that says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// The key of the message that was edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<String>,
}

/// How many decisions are read at a time.
const PAGE: usize = 4_000;

impl Simulation {
    /// Hands the decisions of the period to `f`, in their order: all, or those about one person (employee id).
    ///
    /// # Errors
    /// The database's error, or what `f` returned.
    pub async fn lines(&self, person: Option<&str>, mut f: impl FnMut(&Line) -> Result<()>) -> Result<()> {
        let everybody = self.db.read(|c| async move { people::all(&c).await }).await?;
        let only = person.and_then(|id| everybody.iter().find(|p| p.employee_id == id)).map(|p| p.id.clone());
        let by_id: BTreeMap<&str, &Person> = everybody.iter().map(|p| (p.id.as_str(), p)).collect();
        let cycles = self.db.read(|c| async move { cycles(&c).await }).await?;
        let mut after = self.decided;
        loop {
            let rows = self
                .db
                .all(
                    "SELECT d.position, d.delivery_key, d.person, d.kind, d.item, d.at, d.decision, d.reason, d.until,
                     d.into_key, o.step, o.place, o.posted,
                     CASE WHEN o.kind IN ('assign', 'reminder', 'plan', 'overdue') THEN o.payload END AS about FROM decision d LEFT JOIN outbox o ON o.key = d.delivery_key
                     WHERE d.position > $1 AND d.at >= $2 AND d.at < $3 ORDER BY d.position LIMIT $4",
                    args![after, self.from, self.end, PAGE],
                )
                .await?;
            for row in &rows {
                after = row.get("position")?;
                let id: String = row.get("person")?;
                let wanted = only.as_ref().is_none_or(|only| *only == id);
                if let Some(person) = by_id.get(id.as_str()).filter(|_| wanted) {
                    f(&self.line(row, person, &cycles)?)?;
                }
            }
            if rows.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn line(&self, row: &Row, person: &Person, cycles: &Cycles) -> Result<Line> {
        let at: Instant = row.get("at")?;
        let until: Option<Instant> = row.get("until")?;
        let (kind, decision, reason): (String, String, String) =
            (row.get("kind")?, row.get("decision")?, row.get("reason")?);
        let key: String = row.get("delivery_key")?;
        let zone = self.zone(&person.id, at);
        let local = at.zoned(&zone);
        let policy = self.flow.policy(&kind).unwrap_or(Policy::ANSWER);
        let budget = self.flow.organisation().nudges.daily_budget;
        let until = until.map(|u| u.zoned(&zone));
        let said = |until: &jiff::Zoned| Words::english().day_and_time(until, local.date());
        let said = until.as_ref().map(said).unwrap_or_default();
        let mut step = row.get::<Option<String>>("step")?.unwrap_or_default();
        let about: Option<Json> = row.get("about")?;
        let about = |name: &str| about.as_ref().and_then(|about| about[name].as_str());
        let due = about("due_date").map(str::to_owned);
        let cycle = about("assignment").and_then(|id| cycles.get(id));
        if let (Some(due), Some((cycle, first))) = (&due, cycle)
            && (*cycle > 1 || due != first)
        {
            step = format!("{step}@{due}");
        }
        Ok(Line {
            at: text(&local),
            person: person.employee_id.clone(),
            item: row.get("item")?,
            step,
            due,
            cycle: cycle.map(|(cycle, _)| *cycle),
            unsolicited: policy.unsolicited,
            counted: decision == "now" && policy.unsolicited && policy.counted,
            priority: policy.priority,
            place: place(row)?.to_owned(),
            why: sentence(Words::english(), &reason, &said, budget),
            until: until.as_ref().map(text),
            into: row.get("into_key")?,
            edits: (decision == "edit").then(|| key.clone()),
            key,
            kind,
            decision,
            reason,
        })
    }

    /// The person's zone at an instant.
    fn zone(&self, person: &str, at: Instant) -> TimeZone {
        let zones = self.zones.get(person).map_or(&[][..], Vec::as_slice);
        let then = zones.iter().rev().find(|(since, _)| *since <= at).or_else(|| zones.first());
        then.and_then(|(_, name)| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
    }
}

/// RFC 3339.
fn text(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// By the id of an assignment: the how many-th it is of its requirement for its person, and its first due date.
type Cycles = BTreeMap<String, (u32, String)>;

async fn cycles(conn: &Conn) -> Result<Cycles> {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut cycles = Cycles::new();
    for a in assignment::all(conn).await? {
        let count = counts.entry((a.person, a.requirement)).or_default();
        *count += 1;
        cycles.insert(a.id, (*count, a.first_due_date.to_string()));
    }
    Ok(cycles)
}

/// Where it stands, or would stand.
fn place(row: &Row) -> Result<&'static str> {
    let stands: Option<serde_json::Value> = row.get("posted")?;
    let meant: Option<serde_json::Value> = row.get("place")?;
    let Some(place) = stands.or(meant) else { return Ok("dm") };
    let place: Place = serde_json::from_value(place)?;
    Ok(match place {
        Place { platform, .. } if platform == MAIL => "mail",
        Place { thread: Some(_), .. } => "thread",
        Place { direct: true, .. } => "dm",
        Place { .. } => "channel",
    })
}
