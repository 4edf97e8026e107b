//! `training missing REQUIREMENT`: how one requirement stands, and who is missing, for those who look after it.

use std::collections::BTreeMap;

use stoa_flow::chat::{Context, Message, literal};
use stoa_flow::say;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Result};

use super::chat::may_see;
use crate::Services;
use crate::training::assignment::{self, Assignment};
use crate::training::requirement::{self, Requirement};
use crate::training::state::State;

/// How many people are named.
const NAMED: usize = 15;

/// Tells it.
pub(super) async fn run(cx: &Context<'_>, s: &Services, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    let message = cx.db().read(|c| async move {
        if !may_see(&c, person).await? {
            return Err(Error::Forbidden(say!(words, "authoring-status-not-yours")));
        }
        let requirement = requirement::by_id(&c, id).await;
        let requirement = requirement.map_err(|_| Error::invalid(say!(words, "authoring-unknown")))?;
        one(&c, cx, s, person, &requirement).await
    });
    cx.reply_private(message.await?).await
}

/// The newest assignment of each person.
fn newest(all: Vec<Assignment>) -> BTreeMap<String, Assignment> {
    all.into_iter().map(|a| (a.person.clone(), a)).collect()
}

fn counts(cx: &Context<'_>, r: &Requirement, newest: &BTreeMap<String, Assignment>) -> String {
    let of = |states: &[State]| newest.values().filter(|a| states.contains(&a.state)).count();
    say!(
        cx.words,
        "authoring-status-line",
        title = literal(&r.title),
        done = of(&[State::Completed]),
        all = newest.values().filter(|a| a.state.counts()).count(),
        overdue = of(&[State::Overdue]),
        away = of(&[State::OnLeave]),
        exempt = of(&[State::Exempt, State::Waived])
    )
}

async fn one(conn: &Conn, cx: &Context<'_>, s: &Services, reader: &Person, r: &Requirement) -> Result<Message> {
    let words = cx.words;
    let newest = newest(assignment::of_requirement(conn, &r.id).await?);
    let mut message = Message::text(counts(cx, r, &newest));
    let today = s.organisation.calendar(reader).date(conn.now());
    let mut missing = Vec::new();
    for a in newest.values().filter(|a| a.state.is_open()) {
        missing.extend(people::by_id(conn, &a.person).await?.map(|person| (a, person.name)));
    }
    missing.sort_by(|(a, x), (b, y)| {
        (a.state != State::Overdue, a.due.at, x).cmp(&(b.state != State::Overdue, b.due.at, y))
    });
    if missing.is_empty() {
        return Ok(message.paragraph(say!(words, "authoring-status-complete")));
    }
    let mut lines = Vec::new();
    for (a, name) in missing.iter().take(NAMED) {
        let (name, due) = (literal(name), words.day(a.due.date, today));
        let reason = literal(&a.reason);
        lines.push(match a.state {
            State::Overdue => say!(words, "authoring-missing-overdue", name = name, due = due, reason = reason),
            State::OnLeave => say!(words, "authoring-missing-away", name = name, reason = reason),
            State::InProgress => say!(words, "authoring-missing-begun", name = name, due = due, reason = reason),
            _ => say!(words, "authoring-missing-open", name = name, due = due, reason = reason),
        });
    }
    let lines: Vec<String> = lines.iter().map(|l| format!("- {l}")).collect();
    message = message.paragraph(lines.join("\n"));
    let more = missing.len().saturating_sub(NAMED);
    Ok(if more > 0 { message.context(say!(words, "request-list-more", count = more)) } else { message })
}
