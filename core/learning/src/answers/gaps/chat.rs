//! Gaps in chat, for the learning team: the list, taking one, closing one, and the clock that reminds its owner.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Block, Button, Call, Context, Message, literal, moment};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Error, Instant, Result, Tx};

use super::cluster::{Cluster, clusters};
use super::store;
use crate::Services;

/// Topics that are listed at once.
const LISTED: usize = 8;
/// How long an owner has before the reminder.
const CLOCK: i64 = 7 * Instant::DAY;
/// How often an owner is reminded.
const REMINDERS: i64 = 3;
/// The kind of the clock's job.
const JOB: &str = "gap-clock";

fn key(gap: &str) -> String {
    format!("gap/{gap}/owner")
}

/// The words `gaps`, `take` and `close` after `ask`.
pub(in crate::answers) async fn act(
    services: &Services,
    cx: &Context<'_>,
    call: &Call,
    word: &str,
    id: &str,
) -> Result<()> {
    let person = cx.person()?;
    let may = cx.db().read(|c| async move { people::roles_of(&c, person).await }).await?.contains(&Role::Learning);
    if !may {
        return Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = say!(cx.words, "role-learning"))));
    }
    let all = clusters(cx.db(), &services.index).await?;
    if word == "gaps" {
        return cx.reply_private(list(cx.words, person, &all)).await;
    }
    let found = all.iter().find(|c| c.gaps.iter().any(|g| g == id));
    let found = found.ok_or_else(|| Error::Invalid(say!(cx.words, "answers-gap-gone")))?;
    let pressed = call.pressed.as_deref();
    cx.commit(|turn| async move {
        let due = turn.now().plus(CLOCK);
        for gap in &found.gaps {
            match word {
                "take" => store::own(&turn, gap, &person.id, due).await?,
                _ => store::close(&turn, gap).await?,
            }
        }
        schedule::cancel(&turn, &key(&found.id)).await?;
        let text = if word == "take" {
            schedule::put(&turn, &key(&found.id), JOB, due, &json!({ "gap": found.id, "n": 1 })).await?;
            let day = cx.words.date(due.zoned(&people::zone(person)).date());
            say!(cx.words, "answers-gap-taken", due = moment(&day, due))
        } else {
            delivery::revise(&turn, &key(&found.id)).await?;
            say!(cx.words, "answers-gap-closed")
        };
        // The list is of a moment ago; a reminder is brought up to date.
        if let Some(pressed) = pressed {
            turn.revise(pressed).await?;
        }
        turn.reply_private(Message::text(text)).await
    })
    .await
}

/// What a topic is called.
fn topic(words: &'static Words, cluster: &Cluster) -> String {
    match &cluster.question {
        Some(question) => literal(question),
        None if cluster.words.is_empty() => say!(words, "answers-gap-unnamed"),
        None => literal(&cluster.words.join(", ")),
    }
}

fn list(words: &'static Words, person: &Person, all: &[Cluster]) -> Message {
    if all.is_empty() {
        return Message::text(say!(words, "answers-gaps-none"));
    }
    let day = |at: Instant| words.date(at.zoned(&people::zone(person)).date());
    let mut message = Message::text(say!(words, "answers-gaps-list", count = all.len()));
    for cluster in all.iter().take(LISTED) {
        let counts =
            say!(words, "answers-gap-counts", asked = cluster.asked, people = cluster.people, last = day(cluster.last));
        let owned = match (&cluster.owner, cluster.due) {
            (Some(name), Some(due)) => {
                say!(words, "answers-gap-owner", name = literal(name), due = moment(&day(due), due))
            }
            _ => String::new(),
        };
        let mut buttons = Vec::new();
        if cluster.owner.is_none() {
            buttons.push(Button::new(say!(words, "answers-gap-take-button"), format!("ask take {}", cluster.id)));
        }
        buttons.push(Button::new(say!(words, "answers-gap-write-button"), format!("ask curate {}", cluster.id)));
        buttons.push(Button::new(say!(words, "answers-gap-close-button"), format!("ask close {}", cluster.id)));
        message = message
            .paragraph(format!("**{}**", topic(words, cluster)))
            .and(Block::Context(format!("{counts} {owned}").trim().to_owned()))
            .buttons(buttons);
    }
    message.context(say!(words, "answers-gaps-rule"))
}

/// The delivery kind `gap`: an owner's clock has run out; payload `{"gap": id}`.
pub(in crate::answers) struct Waiting(pub Arc<Services>);

#[async_trait]
impl DeliveryKind for Waiting {
    fn name(&self) -> &'static str {
        "gap"
    }

    fn label(&self) -> &'static str {
        words_key!("kind-gap")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Approval)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let id = delivery.payload["gap"].as_str().unwrap_or_default();
        let me = cx.person.map(|p| p.id.as_str());
        let gap = cx.db.read(|c| async move { store::gap(&c, id).await }).await?;
        let mine = gap.filter(|g| g.owner.as_deref() == me);
        let all = if mine.is_some() { clusters(cx.db, &self.0.index).await? } else { Vec::new() };
        let Some(cluster) = all.iter().find(|c| c.gaps.iter().any(|g| g == id)) else {
            return Ok(match cx.posted {
                true => Rendered::Say(Message::text(say!(cx.words, "answers-gap-closed"))),
                false => Rendered::Gone(words_key!("why-done")),
            });
        };
        let text = say!(
            cx.words,
            "answers-gap-reminder",
            topic = topic(cx.words, cluster),
            asked = cluster.asked,
            people = cluster.people
        );
        Ok(Rendered::Say(Message::text(text).buttons(vec![
            Button::primary(say!(cx.words, "answers-gap-write-button"), format!("ask curate {id}")),
            Button::new(say!(cx.words, "answers-gap-close-button"), format!("ask close {id}")),
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)),
        ])))
    }
}

/// The clock of a gap that somebody took; payload `{"gap", "n"}`.
pub(in crate::answers) struct Clock;

#[async_trait]
impl Job for Clock {
    fn kind(&self) -> &'static str {
        JOB
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let id = job.payload["gap"].as_str().unwrap_or_default();
        let n = job.payload["n"].as_i64().unwrap_or(1);
        let Some(gap) = store::gap(tx, id).await? else { return Ok(()) };
        let Some(owner) = gap.owner else { return Ok(()) };
        let remind = NewDelivery {
            key: format!("{}/{n}", key(id)),
            kind: "gap",
            person: Some(owner),
            payload: json!({ "gap": id }),
            item: id.to_owned(),
            step: format!("reminder-{n}"),
            ..NewDelivery::default()
        };
        delivery::enqueue(tx, &remind).await?;
        if n < REMINDERS {
            let again: Json = json!({ "gap": id, "n": n + 1 });
            schedule::put(tx, &job.key, JOB, tx.now().plus(CLOCK), &again).await?;
        }
        Ok(())
    }
}
