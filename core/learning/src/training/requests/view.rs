//! What is said about requests: made from values that are read first, it decides nothing.

use jiff::civil::Date;
use stoa_flow::chat::{Block, Button, Message, Style, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result, ledger};

use super::clock::day;
use super::store::{self, Kind, Request, State};
use crate::Services;
use crate::training::assignment::{self, Changed};
use crate::training::due::{self, Deadline};
use crate::training::state::State as Standing;
use crate::training::{authoring, course, requirement};

/// How long one's own requests that have ended are still listed.
const REMEMBERED: i64 = 14 * Instant::DAY;
/// How many requests a list names.
const NAMED: usize = 10;
/// How many of them have buttons.
const WITH_BUTTONS: usize = 5;
/// How many lines of history are told.
const HISTORY: usize = 8;

/// A request with what is to be said about it, for one reader. Texts are CommonMark.
pub(super) struct Told {
    pub r: Request,
    /// What is asked for: "more time for **Fire safety**, until Fri, 4 Dec".
    pub what: String,
    /// Who asks.
    pub asker: String,
    /// For whom, when that is somebody else.
    pub person: Option<String>,
    /// Who is asked now.
    pub approver: Option<String>,
    /// Who decided.
    pub decider: Option<String>,
    /// On which day it ended, in words.
    pub ended: String,
    /// Since when who is asked now is asked, in words.
    since: String,
    /// What happened before.
    history: Vec<String>,
    /// What a proposed requirement would do.
    pub preview: Option<Message>,
}

async fn person(conn: &Conn, id: Option<&str>) -> Result<Option<Person>> {
    let Some(id) = id else { return Ok(None) };
    people::by_id(conn, id).await
}

async fn name(conn: &Conn, id: Option<&str>) -> Result<Option<String>> {
    Ok(person(conn, id).await?.map(|p| literal(&p.name)))
}

/// A day of this person, or where nobody is known, of the organisation.
fn ends(s: &Services, whose: Option<&Person>, date: Date) -> Deadline {
    let theirs = whose.map(|p| s.organisation.calendar(p));
    due::ends(theirs.as_ref().unwrap_or(&s.organisation.calendar), date)
}

/// What is asked for, in words.
pub(super) async fn what(conn: &Conn, s: &Services, words: &Words, r: &Request) -> Result<String> {
    let whose = person(conn, r.person.as_deref()).await?;
    what_of(conn, s, words, r, whose.as_ref()).await
}

/// The same, where it is read already for whom it is asked.
async fn what_of(conn: &Conn, s: &Services, words: &Words, r: &Request, whose: Option<&Person>) -> Result<String> {
    let title = match (&r.definition, &r.requirement, &r.course) {
        (Some(definition), ..) => definition.title.clone(),
        (None, Some(id), _) => requirement::by_id(conn, id).await?.title,
        (None, None, Some(id)) => course::title(conn, id).await?,
        (None, None, None) => String::new(),
    };
    let title = literal(&title);
    let until = r.wished.map(|date| ends(s, whose, date).said_in_full(words)).unwrap_or_default();
    Ok(match r.kind {
        Kind::Extension => say!(words, "request-what-extension", title = title, until = until),
        Kind::Exemption if r.wished.is_some() => {
            say!(words, "request-what-exemption-until", title = title, until = until)
        }
        Kind::Exemption => say!(words, "request-what-exemption", title = title),
        Kind::Waiver => say!(words, "request-what-waiver", title = title),
        Kind::Enrolment if r.wished.is_some() => {
            say!(words, "request-what-enrolment-by", title = title, until = until)
        }
        Kind::Enrolment => say!(words, "request-what-enrolment", title = title),
        Kind::Attempt => say!(words, "request-what-attempt", title = title),
        Kind::Requirement => match &r.definition {
            Some(d) if !d.active => say!(words, "request-what-end", title = title),
            Some(_) if r.changes => say!(words, "request-what-change", title = title),
            _ => say!(words, "request-what-requirement", title = title),
        },
    })
}

impl Told {
    /// Reads what there is to say, without the history and what a proposed requirement would do.
    pub(super) async fn load(
        conn: &Conn,
        s: &Services,
        words: &Words,
        reader: &Person,
        id: &str,
    ) -> Result<Option<Self>> {
        let Some(r) = store::by_id(conn, id).await? else { return Ok(None) };
        let today = day(s, reader, conn.now());
        let in_words = |at: Instant| words.day(day(s, reader, at), today);
        let asker = person(conn, r.asker.as_deref()).await?;
        let other = if r.person == r.asker { None } else { person(conn, r.person.as_deref()).await? };
        let whose = if r.person == r.asker { &asker } else { &other };
        let called = |p: &Person| literal(&p.name);
        Ok(Some(Self {
            what: what_of(conn, s, words, &r, whose.as_ref()).await?,
            asker: asker.as_ref().map_or_else(|| say!(words, "request-operator"), called),
            person: other.as_ref().map(called),
            approver: name(conn, r.approver.as_deref()).await?,
            decider: name(conn, r.decider.as_deref()).await?,
            ended: r.decided.map(in_words).unwrap_or_default(),
            since: in_words(r.since),
            history: Vec::new(),
            preview: None,
            r,
        }))
    }

    /// The same with the history, and with what a proposed requirement would do, for which everybody is looked at.
    pub(super) async fn in_full(mut self, conn: &Conn, s: &Services, words: &Words, reader: &Person) -> Result<Self> {
        self.history = told_before(conn, words, s, reader, &self.r).await?;
        if let Some(definition) = self.r.definition.as_ref().filter(|_| self.r.state == State::Open) {
            self.preview = Some(match authoring::preview(conn, s, words, definition).await {
                // What became impossible meanwhile can still be read, and sent back.
                Err(Error::Invalid(why)) => Message::text(say!(words, "authoring-warning", text = literal(&why))),
                shown => shown?,
            });
        }
        Ok(self)
    }
}

/// What happened before: to the assignment, to other requests about it, and to this one.
async fn told_before(conn: &Conn, words: &Words, s: &Services, reader: &Person, r: &Request) -> Result<Vec<String>> {
    let today = day(s, reader, conn.now());
    let on = |at: Instant| words.day(day(s, reader, at), today);
    let mut lines = Vec::new();
    if let Some(id) = &r.assignment
        && let Some(a) = assignment::by_id(conn, id).await?
    {
        let whose = person(conn, Some(&a.person)).await?;
        let (assigned, due) = (on(a.assigned), a.due.said(words, today));
        lines.push(if a.due.date == a.first_due_date {
            say!(words, "request-history-assigned", on = assigned, due = due)
        } else {
            let first = ends(s, whose.as_ref(), a.first_due_date).said(words, today);
            say!(words, "request-history-moved", on = assigned, first = first, due = due)
        });
        let records = ledger::of_subject(conn, &format!("assignment/{id}")).await?;
        for changed in assignment::changes(id, &records)? {
            let Some(what) = turned(words, today, |date| ends(s, whose.as_ref(), date), &changed) else { continue };
            let by = match changed.record.actor.split_once('/') {
                Some(("person", id)) => name(conn, Some(id)).await?.unwrap_or_default(),
                None => say!(words, "request-operator"),
                Some(_) => say!(words, "request-history-rule"),
            };
            let (at, reason) = (on(changed.record.at), literal(&changed.record.reason));
            lines.push(say!(words, "request-history-turned", on = at, what = what, name = by, reason = reason));
        }
        for other in store::of_assignment(conn, id).await?.iter().filter(|o| o.id != r.id) {
            let what = what_of(conn, s, words, other, whose.as_ref()).await?;
            let by = name(conn, other.decider.as_deref()).await?.unwrap_or_default();
            let at = on(other.decided.unwrap_or(other.created));
            lines.push(match other.state {
                State::Approved => say!(words, "request-history-approved", what = what, name = by, on = at),
                State::Declined => {
                    let reason = literal(other.decision.as_deref().unwrap_or_default());
                    say!(words, "request-history-declined", what = what, name = by, on = at, reason = reason)
                }
                State::Open => say!(words, "request-history-open", what = what),
                State::Draft | State::Withdrawn | State::Closed => continue,
            });
        }
    }
    for record in ledger::of_subject(conn, &format!("request/{}", r.id)).await? {
        let named =
            |field: &str| record.data[field].as_str().and_then(|p| p.strip_prefix("person/")).map(str::to_owned);
        let (at, reason) = (on(record.at), literal(&record.reason));
        match (record.kind.as_str(), record.data["why"].as_str().unwrap_or_default()) {
            ("passed", why) => {
                let Some(from) = name(conn, named("from").as_deref()).await? else { continue };
                lines.push(match why {
                    "delegated" => say!(words, "request-history-delegated", name = from, on = at, reason = reason),
                    "time" => say!(words, "request-history-time", name = from, on = at),
                    _ => say!(words, "request-history-unable", name = from, on = at),
                });
            }
            ("declined", _) => lines.push(match name(conn, record.actor.strip_prefix("person/")).await? {
                Some(by) => say!(words, "request-history-sent-back", name = by, on = at, reason = reason),
                None => say!(words, "request-history-outdated", on = at),
            }),
            _ => {}
        }
    }
    let skipped = lines.len().saturating_sub(HISTORY);
    Ok(lines.into_iter().skip(skipped).collect())
}

/// What a record changed of what was so before: the due date, and how it stands.
fn turned(words: &Words, today: Date, ends: impl Fn(Date) -> Deadline, changed: &Changed<'_>) -> Option<String> {
    let (before, after) = (changed.before.as_ref()?, &changed.after);
    let mut parts = Vec::new();
    if before.due_date != after.due_date {
        let [old, new] = [before.due_date, after.due_date].map(|date| ends(date).said(words, today));
        parts.push(say!(words, "request-history-due", new = new, old = old));
    }
    if before.state != after.state {
        let (old, new) = (stood(words, before.state), stood(words, after.state));
        parts.push(say!(words, "request-history-stood", new = new, old = old));
    }
    (!parts.is_empty()).then(|| words.list(&parts))
}

/// How a training stands.
fn stood(words: &Words, state: Standing) -> String {
    match state {
        Standing::Assigned => say!(words, "request-stood-assigned"),
        Standing::Extended => say!(words, "request-stood-extended"),
        Standing::InProgress => say!(words, "request-stood-started"),
        Standing::Overdue => say!(words, "request-stood-overdue"),
        Standing::OnLeave => say!(words, "request-stood-away"),
        Standing::Completed => say!(words, "request-stood-completed"),
        Standing::Expired => say!(words, "request-stood-expired"),
        Standing::Exempt => say!(words, "request-stood-exempt"),
        Standing::Waived => say!(words, "request-stood-waived"),
        Standing::Retired => say!(words, "request-stood-retired"),
    }
}

/// Who asks for what.
pub(super) fn asks(words: &Words, told: &Told) -> String {
    let (asker, what) = (&told.asker, &told.what);
    match &told.person {
        Some(person) => say!(words, "request-asks-for", asker = asker, what = what, person = person),
        None => say!(words, "request-asks", asker = asker, what = what),
    }
}

/// The message to whoever is asked.
pub(super) fn to_decide(words: &Words, told: &Told, reminder: bool, why: Option<Button>) -> Message {
    let id = &told.r.id;
    let mut message = Message::text(asks(words, told));
    if reminder {
        message = Message::text(say!(words, "request-reminder", since = &told.since)).paragraph(asks(words, told));
    }
    if let Some(preview) = &told.preview {
        message.blocks.extend(preview.blocks.clone());
    }
    message = message.and(Block::Quote { text: literal(&told.r.reason), source: Some(told.asker.clone()) });
    if !told.history.is_empty() {
        let lines: Vec<String> = told.history.iter().map(|line| format!("- {line}")).collect();
        message = message.context(lines.join("\n"));
    }
    let decline = if told.r.kind == Kind::Requirement {
        say!(words, "request-send-back-button")
    } else {
        say!(words, "request-decline-button")
    };
    let mut buttons = vec![
        Button::primary(say!(words, "request-approve-button"), format!("training approve {id}")),
        Button { style: Style::Danger, ..Button::new(decline, format!("training decline {id}")) },
        Button::new(say!(words, "request-delegate-button"), format!("training delegate {id}")),
    ];
    if told.r.kind == Kind::Requirement {
        buttons.push(Button::new(say!(words, "authoring-toml-button"), format!("training toml {id}")));
    }
    buttons.extend(why);
    message.buttons(buttons)
}

/// How it stands, in a sentence.
pub(super) fn standing(words: &Words, told: &Told) -> String {
    let name = told.decider.as_deref().unwrap_or_default();
    let reason = literal(told.r.decision.as_deref().unwrap_or_default());
    match told.r.state {
        State::Approved => say!(words, "request-state-approved", name = name, on = &told.ended),
        State::Declined if told.decider.is_none() => say!(words, "request-state-moved", on = &told.ended),
        State::Declined => say!(words, "request-state-declined", name = name, on = &told.ended, reason = reason),
        State::Withdrawn => say!(words, "request-state-withdrawn", on = &told.ended),
        State::Closed => say!(words, "request-state-closed", reason = reason),
        State::Draft => say!(words, "request-state-draft"),
        State::Open => match &told.approver {
            Some(name) => say!(words, "request-state-open", name = name, since = &told.since),
            None => say!(words, "request-state-nobody"),
        },
    }
}

/// What a message says to whom is asked no longer.
pub(super) fn over(words: &Words, told: &Told) -> Message {
    Message::text(asks(words, told)).paragraph(standing(words, told))
}

/// What became of it, to who asked.
pub(super) fn answer(words: &Words, told: &Told, why: Button) -> Message {
    let (what, name) = (&told.what, told.decider.as_deref().unwrap_or_default());
    let r = &told.r;
    let mut message = Message::text(match r.state {
        State::Approved => say!(words, "request-answer-approved", what = what, name = name),
        State::Declined if told.decider.is_none() => say!(words, "request-answer-moved", what = what),
        State::Declined if r.kind == Kind::Requirement => {
            say!(words, "request-answer-sent-back", what = what, name = name)
        }
        State::Declined => say!(words, "request-answer-declined", what = what, name = name),
        _ => say!(words, "request-answer-closed", what = what),
    });
    if r.state == State::Declined && told.decider.is_some() {
        let text = literal(r.decision.as_deref().unwrap_or_default());
        message = message.and(Block::Quote { text, source: told.decider.clone() });
    }
    let mut buttons = Vec::new();
    match (r.kind, r.state, &r.requirement) {
        (Kind::Requirement, State::Approved, Some(id)) => {
            message = message.context(say!(words, "authoring-assigning"));
            let label = say!(words, "authoring-status-button");
            buttons.push(Button::primary(label, format!("training missing {id}")));
        }
        (Kind::Requirement, State::Declined, _) => {
            let label = say!(words, "authoring-edit-button");
            buttons.push(Button::primary(label, format!("training edit {}", r.id)));
        }
        (Kind::Attempt, State::Approved, _) => {
            let again = say!(words, "training-again-button");
            let id = r.assignment.as_deref().unwrap_or_default();
            buttons.push(Button::primary(again, format!("training quiz {id}")));
        }
        (Kind::Enrolment, State::Approved, _) => {
            buttons.push(Button::primary(say!(words, "request-mine-button"), "training"));
        }
        _ => {}
    }
    buttons.push(why);
    message.buttons(buttons)
}

/// Below one's own training: what one asked for and how that stands, and what waits for one's decision.
pub(in crate::training) async fn hints(
    conn: &Conn,
    s: &Services,
    words: &Words,
    person: &Person,
    mut message: Message,
) -> Result<Message> {
    let since = conn.now().plus(-REMEMBERED);
    let mine = store::asked_by(conn, &person.id).await?;
    let mine = mine.iter().filter(|r| r.state == State::Open || r.decided.is_some_and(|at| at > since)).take(NAMED);
    for (n, r) in mine.enumerate() {
        let Some(told) = Told::load(conn, s, words, person, &r.id).await? else { continue };
        if n == 0 {
            message = message.paragraph(say!(words, "request-mine"));
        }
        let what = match &told.person {
            Some(person) => say!(words, "request-for", what = &told.what, person = person),
            None => told.what.clone(),
        };
        message = message.context(format!("- {what}: {}", standing(words, &told)));
        if r.state == State::Open && n < WITH_BUTTONS {
            let label = say!(words, "request-withdraw-button");
            message = message.buttons(vec![Button::new(label, format!("training withdraw {}", r.id))]);
        }
    }
    let waiting = store::waiting_for(conn, &person.id).await?.len();
    if waiting > 0 {
        let button = Button::primary(say!(words, "request-list-button"), "training requests");
        message = message.paragraph(say!(words, "request-waiting", count = waiting)).buttons(vec![button]);
    }
    Ok(message)
}

/// What waits for one's decision; for the learning team also what waits for others.
pub(super) async fn list(conn: &Conn, s: &Services, words: &Words, person: &Person, all: bool) -> Result<Message> {
    let mine = store::waiting_for(conn, &person.id).await?;
    let mut message = Message::new().heading(say!(words, "request-list-title"));
    if mine.is_empty() {
        message = message.paragraph(say!(words, "request-list-none"));
    }
    for r in mine.iter().take(NAMED) {
        let Some(told) = Told::load(conn, s, words, person, &r.id).await? else { continue };
        let label = say!(words, "request-look-button", name = &told.asker);
        message = message
            .paragraph(asks(words, &told))
            .buttons(vec![Button::new(label, format!("training decide {}", r.id))]);
    }
    let mut more = mine.len().saturating_sub(NAMED);
    if all {
        let others: Vec<Request> =
            store::open(conn).await?.into_iter().filter(|r| r.approver.as_ref() != Some(&person.id)).collect();
        let mut lines = Vec::new();
        for r in others.iter().take(NAMED) {
            let Some(told) = Told::load(conn, s, words, person, &r.id).await? else { continue };
            lines.push(format!("- {} {}", asks(words, &told), standing(words, &told)));
        }
        more += others.len().saturating_sub(NAMED);
        if !lines.is_empty() {
            message = message.paragraph(say!(words, "request-list-others")).paragraph(lines.join("\n"));
        }
    }
    Ok(if more > 0 { message.context(say!(words, "request-list-more", count = more)) } else { message })
}
