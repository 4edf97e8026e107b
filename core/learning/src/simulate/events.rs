//! The file of events: what people and their organisation do in the period, one JSON value a line.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use stoa_ground::people::calendar::parse_date;
use stoa_ground::people::{self, Leave, import};
use stoa_ground::{Db, Error, Instant, Result};

use crate::{lessons, training};

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// The line of the file.
    pub line: usize,
    /// When.
    pub at: Instant,
    /// The employee id of whom it is about.
    pub person: String,
    /// The requirement or track.
    pub item: Option<String>,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The person does a course to its end with this score, from 0 to 1.
    Complete { score: f64 },
    /// The person answers the open question of the newest lesson or review.
    Answer { correct: bool },
    /// The person does nothing about what came.
    Ignore,
    /// The roster says something else about the person: columns and cells.
    Roster(Vec<(String, String)>),
    /// A leave becomes known.
    Leave(Leave),
    /// Somebody gives another due date.
    Extend { due: Date },
    /// Somebody exempts the person, for good or until the end of a day.
    Exempt { until: Option<Date>, reason: String },
    /// Somebody forgives the person this cycle.
    Waive { reason: String },
}

/// So many mistakes are told at once.
const SHOWN: usize = 20;

const KINDS: &str = "complete, answer, ignore, roster, leave, extend, exempt, waive";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    at: String,
    kind: String,
    person: String,
    item: Option<String>,
    #[serde(default)]
    fields: Map<String, Json>,
}

/// Reads and checks a file. Lines that are empty are skipped; the order of the file stays where instants are equal.
pub(super) async fn read(db: &Db, roster: &import::Options, file: &str, text: &str) -> Result<Vec<Event>> {
    let (everybody, requirements, tracks) = db
        .read(|c| async move {
            let everybody = people::all(&c).await?;
            let requirements = training::requirement::all(&c).await?;
            Ok((everybody, requirements, lessons::track_titles(&c).await?))
        })
        .await?;
    let mut known = Known {
        named: everybody.iter().flat_map(|p| p.email.iter().chain([&p.name]).cloned()).collect(),
        people: everybody.into_iter().map(|p| p.employee_id).collect(),
        hired: BTreeSet::new(),
        requirements: requirements.into_iter().map(|r| r.id).collect(),
        tracks: tracks.into_keys().collect(),
    };
    let mut events = Vec::new();
    let mut wrong = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match event(n + 1, line) {
            Ok(event) => events.push(event),
            Err(fault) => wrong.push((n + 1, fault)),
        }
    }
    // Whoever is hired is known from then on, wherever in the file that stands.
    events.sort_by_key(|e| e.at);
    for event in &events {
        let named =
            known.person(&event.person, &event.what).and_then(|()| known.item(&event.what, event.item.as_deref()));
        let faults = named.map_or_else(|fault| vec![fault], |()| check_roster(roster, &known, event));
        wrong.extend(faults.into_iter().map(|fault| (event.line, fault)));
    }
    wrong.sort();
    let mut wrong: Vec<String> =
        wrong.into_iter().map(|(line, fault)| format!("{file} line {line}: {fault}")).collect();
    if wrong.len() > SHOWN {
        let more = wrong.len() - SHOWN;
        wrong.truncate(SHOWN);
        wrong.push(format!("{file}: {more} more lines are wrong"));
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong.join("\n")));
    }
    Ok(events)
}

/// What events may name.
struct Known {
    people: BTreeSet<String>,
    /// The addresses and names of those.
    named: BTreeSet<String>,
    /// Those whom an earlier line hires.
    hired: BTreeSet<String>,
    requirements: BTreeSet<String>,
    tracks: BTreeSet<String>,
}

fn listed(ids: &BTreeSet<String>) -> String {
    match ids.len() {
        0 => "there is none".into(),
        1..=8 => format!("there is {}", ids.iter().cloned().collect::<Vec<_>>().join(", ")),
        n => format!("there are {n}, for example {}", ids.iter().take(3).cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Reads a line by itself.
fn event(line: usize, text: &str) -> std::result::Result<Event, String> {
    let raw: Raw = serde_json::from_str(text).map_err(|e| {
        format!("{}; a line is one JSON value like {{\"at\":\"2026-11-23T09:00:00+01:00\",\"kind\":\"complete\",\"person\":\"E1\",\"item\":\"fire-safety\",\"fields\":{{\"score\":1}}}}", first_part(&e))
    })?;
    let at = Instant::parse(&raw.at).map_err(|_| {
        format!(
            "at is '{}': write a date and time with an offset, like 2026-11-23T09:00:00+01:00 or 2026-11-23T08:00:00Z",
            raw.at
        )
    })?;
    let mut fields = Fields(raw.fields);
    let what = match raw.kind.as_str() {
        "complete" => What::Complete { score: fields.score()? },
        "answer" => What::Answer { correct: fields.correct()? },
        "ignore" => What::Ignore,
        "roster" => What::Roster(fields.cells()?),
        "leave" => What::Leave(fields.leave()?),
        "extend" => What::Extend { due: fields.date("due")?.ok_or("fields needs due, a date like 2026-12-24")? },
        "exempt" => What::Exempt {
            until: fields.date("until")?,
            reason: fields.text("reason")?.unwrap_or_else(|| "exempted in the simulation".into()),
        },
        "waive" => What::Waive { reason: fields.text("reason")?.unwrap_or_else(|| "waived in the simulation".into()) },
        other => return Err(format!("'{other}' is not a kind of event: use one of {KINDS}")),
    };
    fields.nothing_left(&raw.kind)?;
    Ok(Event { line, at, person: raw.person, item: raw.item, what })
}

impl Known {
    fn person(&mut self, id: &str, what: &What) -> std::result::Result<(), String> {
        if self.people.contains(id) || self.hired.contains(id) {
            return Ok(());
        }
        let hires = matches!(what, What::Roster(cells) if cells.iter().any(|(column, _)| column == "name"));
        if hires {
            self.hired.insert(id.to_owned());
            return Ok(());
        }
        Err(format!(
            "nobody has the employee id '{id}' by then ({}); to hire somebody, give a roster event with a name at an earlier instant",
            listed(&self.people)
        ))
    }

    fn item(&self, what: &What, item: Option<&str>) -> std::result::Result<(), String> {
        let Some(id) = item else { return Ok(()) };
        let (requirement, track) = (self.requirements.contains(id), self.tracks.contains(id));
        match what {
            What::Complete { .. } | What::Extend { .. } | What::Exempt { .. } if !requirement => {
                Err(format!("item '{id}' is not a requirement: {}", listed(&self.requirements)))
            }
            What::Answer { .. } if !track => Err(format!("item '{id}' is not a track: {}", listed(&self.tracks))),
            _ if !requirement && !track => Err(format!("item '{id}' is neither a requirement nor a track")),
            _ => Ok(()),
        }
    }
}

/// What a JSON parser says, without its own count of lines.
fn first_part(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The fields of an event; each is taken away when it is read, and what is left over is not known.
struct Fields(Map<String, Json>);

impl Fields {
    fn score(&mut self) -> std::result::Result<f64, String> {
        match self.0.remove("score") {
            None => Ok(1.0),
            Some(value) => value
                .as_f64()
                .filter(|score| (0.0..=1.0).contains(score))
                .ok_or_else(|| format!("score is {value}: write a number from 0 to 1")),
        }
    }

    fn correct(&mut self) -> std::result::Result<bool, String> {
        match self.0.remove("correct") {
            Some(Json::Bool(correct)) => Ok(correct),
            Some(other) => Err(format!("correct is {other}: write true or false")),
            None => Err("fields needs correct, true or false".into()),
        }
    }

    fn text(&mut self, name: &str) -> std::result::Result<Option<String>, String> {
        match self.0.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{name} is {other}: write a text")),
        }
    }

    fn date(&mut self, name: &str) -> std::result::Result<Option<Date>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse_date(&text).map(Some).ok_or_else(|| format!("{name} is '{text}': write a date like 2026-12-24"))
    }

    fn leave(&mut self) -> std::result::Result<Leave, String> {
        let first = self.date("from")?.ok_or("fields needs from, a date like 2026-12-24")?;
        let last = self.date("to")?;
        if last.is_some_and(|last| last < first) {
            return Err("the leave ends before it begins".into());
        }
        Ok(Leave { first: Some(first), last })
    }

    fn cells(&mut self) -> std::result::Result<Vec<(String, String)>, String> {
        let mut cells = Vec::new();
        for (column, value) in std::mem::take(&mut self.0) {
            let text = match value {
                Json::Null => String::new(),
                Json::String(text) => text,
                Json::Number(_) | Json::Bool(_) => value.to_string(),
                other => return Err(format!("{column} is {other}: write a text")),
            };
            cells.push((column, text));
        }
        if cells.is_empty() {
            return Err("fields needs at least one column of the roster, like {\"timezone\":\"Asia/Kolkata\"}".into());
        }
        Ok(cells)
    }

    fn nothing_left(&self, kind: &str) -> std::result::Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("the kind {kind} has no field '{name}'")),
        }
    }
}

/// What is wrong with a roster event whoever is there; what depends on how things stand at its time is seen then.
fn check_roster(options: &import::Options, known: &Known, event: &Event) -> Vec<String> {
    let What::Roster(cells) = &event.what else { return Vec::new() };
    let mut cells = cells.clone();
    if cells.iter().all(|(column, _)| column != "name") {
        cells.push(("name".into(), "Somebody".into()));
    }
    let plan = import::alone(sheet(&event.person, &cells).as_bytes(), options);
    // A manager who is there, or is hired, is not in this file.
    let is_known = |text: &str| {
        known.people.iter().chain(&known.hired).chain(&known.named).any(|id| text.contains(&format!("'{id}'")))
    };
    let problems = plan.errors.iter().filter(|p| !is_known(&p.message));
    let unknown = plan.warnings.iter().filter(|p| p.row.is_none());
    let said = problems.chain(unknown).map(|p| match &p.column {
        Some(column) => format!("column {column}: {}", p.message),
        None => p.message.replace(" is not known and is ignored", " is not known"),
    });
    said.collect()
}

/// A roster file with one row.
pub(super) fn sheet(person: &str, cells: &[(String, String)]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let row = |cells: Vec<String>| cells.join(",");
    let header = std::iter::once(quoted("employee_id")).chain(cells.iter().map(|(column, _)| quoted(column)));
    let values = std::iter::once(quoted(person)).chain(cells.iter().map(|(_, value)| quoted(value)));
    format!("{}\n{}\n", row(header.collect()), row(values.collect()))
}
