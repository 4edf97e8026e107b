//! How people stand: for each of them and each requirement the newest cycle, and the message that says so.

use std::collections::HashMap;

use jiff::civil::Date;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result};

use super::super::assignment::{self, Assignment};
use super::super::history::{self, AsOf};
use super::super::requirement::{self, Requirement};
use super::super::state::State;
use super::digest;

/// How many people are named at once.
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
    /// Nobody acts on it: it is about the past, or shown to who may only look.
    pub still: bool,
}

/// Which of those who are missing are shown.
pub(in crate::training) struct Page {
    /// How many were shown before.
    pub from: usize,
    /// The command that shows the next ones, without their number; empty where there are none.
    pub again: String,
}

impl Page {
    /// The first ones.
    pub fn first(again: &str) -> Self {
        Self { from: 0, again: again.to_owned() }
    }

    /// How many of `all` are left behind this page, and the button that shows them.
    fn rest(&self, words: &Words, all: usize, message: Message) -> Message {
        let shown = self.from + NAMED;
        let more = all.saturating_sub(shown);
        if more == 0 {
            return message;
        }
        let next = Button::new(say!(words, "team-next-button"), format!("{} {shown}", self.again));
        message.context(say!(words, "training-status-more", count = more)).buttons(vec![next])
    }
}

impl Standing {
    /// How they stand, or stood.
    pub async fn of(conn: &Conn, people: Vec<Person>, when: Option<AsOf>) -> Result<Self> {
        let mut standing = Self { people: people.len(), rows: Vec::new(), stuck: Vec::new(), still: when.is_some() };
        if people.is_empty() {
            return Ok(standing);
        }
        let mut requirements = requirement::all(conn).await?;
        requirements.retain(|r| r.active || when.is_some());
        let mut at_once = if people.len() > MANY { Some(by_person(assignment::all(conn).await?)) } else { None };
        for person in people {
            let mut theirs = match &mut at_once {
                Some(all) => all.remove(&person.id).unwrap_or_default(),
                None => assignment::of_person(conn, &person.id).await?,
            };
            if let Some(when) = when {
                theirs = history::all_at(conn, theirs, &person, when).await?;
            }
            for r in &requirements {
                standing.add(&person, &theirs, r);
            }
        }
        // Of the past nobody can say it.
        if when.is_none() {
            standing.look_for_stuck(conn).await?;
        }
        Ok(standing)
    }

    async fn look_for_stuck(&mut self, conn: &Conn) -> Result<()> {
        for row in &self.rows {
            if super::super::stuck(conn, &row.a).await? {
                self.stuck.push(row.a.id.clone());
            }
        }
        Ok(())
    }

    fn is_stuck(&self, row: &Row) -> bool {
        self.stuck.contains(&row.a.id)
    }

    /// How everybody stands with one requirement, whether it counts now or not.
    pub async fn with(conn: &Conn, r: &Requirement) -> Result<Self> {
        let mut theirs = by_person(assignment::of_requirement(conn, &r.id).await?);
        let mut standing = Self { people: theirs.len(), rows: Vec::new(), stuck: Vec::new(), still: false };
        for person in people::all(conn).await? {
            if let Some(theirs) = theirs.remove(&person.id) {
                standing.add(&person, &theirs, r);
            }
        }
        standing.look_for_stuck(conn).await?;
        Ok(standing)
    }

    /// Adds how a person with these assignments stands with a requirement, if they have it.
    fn add(&mut self, person: &Person, theirs: &[Assignment], r: &Requirement) {
        let Some(a) = assignment::newest(theirs, &r.id).filter(|a| a.state != State::Retired) else { return };
        let holds = a.state.is_open() && theirs.iter().any(|b| b.requirement == r.id && b.state == State::Completed);
        self.rows.push(Row { person: person.clone(), a: a.clone(), title: r.title.clone(), holds });
    }

    /// One line for each requirement: how many have done it, of how many.
    fn counts(&self, words: &Words) -> Vec<String> {
        let rows = &self.rows;
        let mut titles: Vec<&str> = rows.iter().map(|r| r.title.as_str()).collect();
        titles.sort_unstable();
        titles.dedup();
        let line = |title: &str| {
            let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| r.title == title && wanted(r)).count();
            let of = |states: &[State]| count(&|r| states.contains(&r.a.state));
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
        };
        titles.into_iter().map(line).collect()
    }

    /// Who is missing: first who cannot go on without help, then the most urgent; who only has to renew it comes last.
    fn missing(&self) -> Vec<&Row> {
        let mut missing: Vec<&Row> =
            self.rows.iter().filter(|r| r.a.state.is_open() || r.a.state == State::Expired).collect();
        missing.sort_by(|a, b| {
            let key = |r: &Row| (r.is_done(), !self.is_stuck(r), r.a.state != State::Overdue, r.a.due.at);
            key(a).cmp(&key(b)).then_with(|| a.person.name.cmp(&b.person.name))
        });
        missing
    }

    /// The counts, and who is missing with the reason why it was assigned, for those who look after a requirement.
    pub fn with_reasons(&self, words: &Words, r: &Requirement, today: Date, page: &Page) -> Message {
        let nobody = || say!(words, "authoring-status-nobody", title = literal(&r.title));
        let message = Message::text(self.counts(words).pop().unwrap_or_else(nobody));
        if self.missing().is_empty() {
            return message.paragraph(say!(words, "authoring-status-complete"));
        }
        let missing = self.missing();
        let (mut message, mut lines) = (message, Vec::new());
        for row in missing.iter().skip(page.from).take(NAMED) {
            let line = line_with_reason(words, row, self.is_stuck(row), today);
            if self.is_stuck(row) && !self.still {
                // Who cannot go on waits for somebody.
                message = message.paragraph(line).buttons(self.buttons(words, row));
            } else {
                lines.push(format!("- {line}"));
            }
        }
        page.rest(words, missing.len(), message.paragraph(lines.join("\n")))
    }

    fn buttons(&self, words: &Words, row: &Row) -> Vec<Button> {
        let mut buttons = digest::buttons(words, &row.a);
        buttons.push(Button::new(say!(words, "team-attest-button"), format!("team attest {}", row.a.id)));
        if self.is_stuck(row) {
            let command = format!("team grant {} {}", row.a.id, row.a.attempts);
            buttons.insert(0, Button::primary(say!(words, "team-grant-button"), command));
        }
        buttons
    }

    /// Whether nobody has anything required.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The counts, and who is missing; on the pages behind the first one those alone.
    pub fn overview(&self, words: &Words, mut message: Message, today: Date, page: &Page) -> Message {
        if page.from == 0 {
            let counts: Vec<String> = self.counts(words).into_iter().map(|line| format!("- {line}")).collect();
            message = message.paragraph(counts.join("\n"));
        }
        let missing = self.missing();
        if missing.is_empty() {
            return message.paragraph(say!(words, "team-all-done"));
        }
        for (n, row) in missing.iter().skip(page.from).take(NAMED).enumerate() {
            message = message.paragraph(line(words, row, self.is_stuck(row), today));
            if n < WITH_BUTTONS && row.a.state.is_running() && !self.still {
                message = message.buttons(self.buttons(words, row));
            }
        }
        page.rest(words, missing.len(), message)
    }
}

fn by_person(all: Vec<Assignment>) -> HashMap<String, Vec<Assignment>> {
    let mut theirs: HashMap<String, Vec<Assignment>> = HashMap::new();
    for a in all {
        theirs.entry(a.person.clone()).or_default().push(a);
    }
    theirs
}

fn line(words: &Words, row: &Row, stuck: bool, today: Date) -> String {
    let (name, title) = (literal(&row.person.name), literal(&row.title));
    let due = row.a.due.said(words, today);
    match row.a.state {
        _ if stuck => say!(words, "team-row-stuck", name = name, title = title, due = due),
        State::Overdue => say!(words, "team-row-overdue", name = name, title = title, due = due),
        State::OnLeave => say!(words, "team-row-away", name = name, title = title),
        State::Expired => {
            let until = row.a.expires.unwrap_or(row.a.due).said(words, today);
            say!(words, "team-row-expired", name = name, title = title, until = until)
        }
        _ if row.holds => say!(words, "team-row-renew", name = name, title = title, due = due),
        State::InProgress => say!(words, "team-row-started", name = name, title = title, due = due),
        _ => say!(words, "team-row-open", name = name, title = title, due = due),
    }
}

/// The same about one requirement, which is named above, and with the reason.
fn line_with_reason(words: &Words, row: &Row, stuck: bool, today: Date) -> String {
    let (name, reason) = (literal(&row.person.name), literal(&row.a.reason));
    let due = row.a.due.said(words, today);
    match row.a.state {
        _ if stuck => say!(words, "authoring-missing-stuck", name = name, due = due, reason = reason),
        State::Overdue => say!(words, "authoring-missing-overdue", name = name, due = due, reason = reason),
        State::OnLeave => say!(words, "authoring-missing-away", name = name, reason = reason),
        State::Expired => {
            let until = row.a.expires.unwrap_or(row.a.due).said(words, today);
            say!(words, "authoring-missing-expired", name = name, until = until, reason = reason)
        }
        _ if row.holds => say!(words, "authoring-missing-renew", name = name, due = due, reason = reason),
        State::InProgress => say!(words, "authoring-missing-begun", name = name, due = due, reason = reason),
        _ => say!(words, "authoring-missing-open", name = name, due = due, reason = reason),
    }
}
