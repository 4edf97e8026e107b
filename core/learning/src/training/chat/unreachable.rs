//! `training unreachable`: whom no message reaches, since when, why, and what helps. For the learning role.

use stoa_flow::chat::{Button, Context, Message, literal};
use stoa_flow::delivery::{self, Unreachable, WayOut};
use stoa_flow::say;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Error, Result};

/// How many people are named.
const NAMED: usize = 20;

async fn known(cx: &Context<'_>, person: &Person) -> Result<Option<Vec<Unreachable>>> {
    cx.db()
        .read(|c| async move {
            if !people::roles_of(&c, person).await?.contains(&Role::Learning) {
                return Ok(None);
            }
            delivery::unreachable(&c).await.map(Some)
        })
        .await
}

/// A line under the person's own training, for those who look after others.
pub(super) async fn hint(cx: &Context<'_>, person: &Person, message: Message) -> Result<Message> {
    let lost = known(cx, person).await?.unwrap_or_default();
    if lost.is_empty() {
        return Ok(message);
    }
    let button = Button::new(say!(cx.words, "training-unreachable-button"), "training unreachable");
    Ok(message.paragraph(say!(cx.words, "training-unreachable-hint", count = lost.len())).buttons(vec![button]))
}

/// The list.
pub(super) async fn list(cx: &Context<'_>, person: &Person) -> Result<()> {
    let words = cx.words;
    let Some(lost) = known(cx, person).await? else {
        return Err(Error::Forbidden(say!(words, "training-unreachable-not-yours")));
    };
    if lost.is_empty() {
        return cx.reply_private(Message::text(say!(words, "training-unreachable-none"))).await;
    }
    let zone = people::zone(person);
    let today = cx.db().clock().now().zoned(&zone).date();
    let lines: Vec<String> = lost
        .iter()
        .take(NAMED)
        .map(|u| {
            let since = words.day(u.since.zoned(&zone).date(), today);
            let (name, reason) = (literal(&u.person.name), literal(&u.reason));
            let way = match u.way_out {
                WayOut::LinkAccount => say!(words, "training-unreachable-link"),
                WayOut::WriteToStoa => say!(words, "training-unreachable-write"),
            };
            let row = say!(words, "training-unreachable-row", name = name, since = since, reason = reason);
            format!("- {row} {way}")
        })
        .collect();
    let mut message = Message::new()
        .heading(say!(words, "training-unreachable-title"))
        .paragraph(lines.join("\n"))
        .context(say!(words, "training-unreachable-then"));
    if lost.len() > NAMED {
        message = message.context(say!(words, "training-unreachable-more", count = lost.len() - NAMED));
    }
    cx.reply_private(message).await
}
