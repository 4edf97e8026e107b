//! How people stand: for each of them and each requirement the newest cycle, and the message that says so.

use std::collections::HashMap;

use jiff::civil::Date;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::Person;
use stoa_ground::{Conn, Result};

use super::super::assignment::{self, Assignment};
use super::super::history::{self, AsOf};
use super::super::requirement;
use super::super::state::State;
use super::digest;

/// How many people are named.
const NAMED: usize = 12;
/// How many of them have buttons.
const WITH_BUTTONS: usize = 5;
/// From so many people on their assignments are read at once.
const MANY: usize = 200;

/// The newest cycle of a requirement that one person has.
struct Row {
    person: Person,
    a: Assignment,
    title: String,
    /// What it renews still holds.
    holds: bool,
}

impl Row {
    fn is_done(&self) -> bool {
        self.a.state == State::Completed || (self.holds && self.a.state != State::Overdue)
    }
}

/// How people stand.
pub(in crate::training) struct Standing {
    pub people: usize,
    rows: Vec<Row>,
    /// The assignments of those who cannot go on without help.
    stuck: Vec<String>,
    /// Whether it is about the past.
    past: bool,
}

impl Standing {
    /// How they stand, or stood.
    pub async fn of(conn: &Conn, people: Vec<Person>, when: Option<AsOf>) -> Result<Self> {
        let mut standing = Self { people: people.len(), rows: Vec::new(), stuck: Vec::new(), past: when.is_some() };
        if people.is_empty() {
            return Ok(standing);
        }
        let requirements = requirement::all(conn).await?;
        let mut at_once: HashMap<String, Vec<Assignment>> = HashMap::new();
        if people.len() > MANY {
            for a in assignment::all(conn).await? {
                at_once.entry(a.person.clone()).or_default().push(a);
            }
        }
        let many = !at_once.is_empty();
        for person in people {
            let mut theirs = if many {
                at_once.remove(&person.id).unwrap_or_default()
            } else {
                assignment::of_person(conn, &person.id).await?
            };
            if let Some(when) = when {
                theirs = history::all_at(conn, theirs, &person, when).await?;
            }
            theirs.retain(|a| a.state != State::Retired);
            for r in requirements.iter().filter(|r| r.active || when.is_some()) {
                let of: Vec<&Assignment> = theirs.iter().filter(|a| a.requirement == r.id).collect();
                let Some(a) = of.last() else { continue };
                if when.is_none() && super::super::stuck(conn, a).await? {
                    standing.stuck.push(a.id.clone());
                }
                let holds = a.state.is_open() && of.iter().any(|a| a.state == State::Completed);
                let title = r.title.clone();
                standing.rows.push(Row { person: person.clone(), a: (*a).clone(), title, holds });
            }
        }
        Ok(standing)
    }

    /// Whether nobody has anything required.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The counts, and who is missing; with buttons unless it is about the past.
    pub fn overview(&self, words: &Words, message: Message, today: Date) -> Message {
        let rows = &self.rows;
        let mut message = message;
        let mut titles: Vec<&str> = rows.iter().map(|r| r.title.as_str()).collect();
        titles.sort_unstable();
        titles.dedup();
        let mut counts = Vec::new();
        for title in titles {
            let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| r.title == title && wanted(r)).count();
            let of = |states: &[State]| count(&|r| states.contains(&r.a.state));
            counts.push(format!(
                "- {}",
                say!(
                    words,
                    "team-count",
                    title = literal(title),
                    done = count(&Row::is_done),
                    all = count(&|r| r.a.state.counts() || r.a.state.is_open()),
                    overdue = of(&[State::Overdue]),
                    away = of(&[State::OnLeave]),
                    exempt = of(&[State::Exempt, State::Waived])
                )
            ));
        }
        message = message.paragraph(counts.join("\n"));
        let mut missing: Vec<&Row> =
            rows.iter().filter(|r| r.a.state.is_open() || r.a.state == State::Expired).collect();
        missing.sort_by_key(|r| (r.is_done(), r.a.state != State::Overdue, r.a.due.at));
        if missing.is_empty() {
            return message.paragraph(say!(words, "team-all-done"));
        }
        for (n, row) in missing.iter().take(NAMED).enumerate() {
            message = message.paragraph(line(words, row, today));
            if n < WITH_BUTTONS && row.a.state.is_running() && !self.past {
                let mut buttons = digest::buttons(words, &row.a);
                if self.stuck.contains(&row.a.id) {
                    let command = format!("team grant {} {}", row.a.id, row.a.attempts);
                    buttons.push(Button::new(say!(words, "team-grant-button"), command));
                }
                message = message.buttons(buttons);
            }
        }
        let more = missing.len().saturating_sub(NAMED);
        match (more, self.past) {
            (0, _) => message,
            (_, false) => message.context(say!(words, "team-digest-more", count = more)),
            (_, true) => message.context(say!(words, "training-status-more", count = more)),
        }
    }
}

fn line(words: &Words, row: &Row, today: Date) -> String {
    let (name, title) = (literal(&row.person.name), literal(&row.title));
    let due = words.day(row.a.due.date, today);
    match row.a.state {
        State::Overdue => say!(words, "team-row-overdue", name = name, title = title, due = due),
        State::OnLeave => say!(words, "team-row-away", name = name, title = title),
        State::Expired => {
            let until = row.a.expires.map_or(row.a.due.date, |end| end.date);
            say!(words, "team-row-expired", name = name, title = title, until = words.day(until, today))
        }
        _ if row.holds => say!(words, "team-row-renew", name = name, title = title, due = due),
        State::InProgress => say!(words, "team-row-started", name = name, title = title, due = due),
        _ => say!(words, "team-row-open", name = name, title = title, due = due),
    }
}
