//! `team delegate`: somebody stands in for a manager until a day, and `team delegate end` takes that back.

use async_trait::async_trait;
use jiff::civil::Date;
use serde_json::json;
use stoa_flow::chat::{Block, Button, Call, Context, Field, FieldError, Form, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Error, Result, Tx};

use super::more::{LONGEST, refused, until_and_reason, value};
use super::{delegation, expect_digest_of};
use crate::Services;
use crate::training::requests;

/// What was chosen in the form.
struct Chosen {
    who: Person,
    until: Date,
    reason: String,
}

/// The form, for who leads somebody.
pub(super) async fn form(cx: &Context<'_>) -> Result<Option<Form>> {
    let (id, words) = (&cx.person()?.id, cx.words);
    if !cx.db().read(|c| async move { people::leads(&c, id).await }).await? {
        return Ok(None);
    }
    let who = Field {
        hint: Some(say!(words, "team-delegate-who-hint")),
        ..Field::text("who", say!(words, "team-delegate-who"), false, 200)
    };
    Ok(Some(Form {
        command: "team delegate".into(),
        title: say!(words, "team-delegate-title"),
        intro: Some(say!(words, "team-delegate-intro")),
        fields: vec![
            who,
            Field::text("until", say!(words, "request-until"), false, 10),
            Field::text("reason", say!(words, "request-reason"), true, LONGEST),
        ],
        submit: say!(words, "team-delegate-submit"),
    }))
}

/// What a sent form means, or what is wrong with it. `today` is the manager's.
async fn understand(
    conn: &Conn,
    words: &Words,
    manager: &Person,
    today: Date,
    call: &Call,
) -> Result<std::result::Result<Chosen, Vec<FieldError>>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });
    let who = match people::find(conn, &value(call, "who")).await {
        Ok(who) if who.id == manager.id => {
            wrong("who", say!(words, "team-delegate-yourself"));
            None
        }
        Ok(who) if who.status == Status::Left => {
            wrong("who", say!(words, "team-delegate-left", name = literal(&who.name)));
            None
        }
        Ok(who) => Some(who),
        Err(Error::NotFound(_)) => {
            wrong("who", say!(words, "team-delegate-nobody"));
            None
        }
        Err(e @ Error::Invalid(_)) => {
            wrong("who", e.to_string());
            None
        }
        Err(e) => return Err(e),
    };
    let (until, reason) = until_and_reason(words, today, None, call, &mut errors);
    Ok(match who.zip(until).filter(|_| errors.is_empty()) {
        Some((who, until)) => Ok(Chosen { who, until, reason }),
        None => Err(errors),
    })
}

/// What is wrong with the form that was sent.
pub(super) async fn check(cx: &Context<'_>, s: &Services, call: &Call) -> Result<Vec<FieldError>> {
    let (manager, words) = (cx.person()?, cx.words);
    let today = s.organisation.calendar(manager).date(cx.db().clock().now());
    let read = cx.db().read(|c| async move { understand(&c, words, manager, today, call).await });
    Ok(read.await?.err().unwrap_or_default())
}

/// `team delegate` with the values of the form, and `team delegate end [ID]`.
pub(super) async fn run(cx: &Context<'_>, s: &Services, rest: &str, call: &Call) -> Result<()> {
    let (word, id) = rest.split_once(' ').unwrap_or((rest, ""));
    if word == "end" {
        return end(cx, s, id).await;
    }
    let (manager, words) = (cx.person()?, cx.words);
    if call.values.is_none() {
        let form = Button::primary(say!(words, "team-delegate-button"), "team delegate");
        let leads = cx.db().read(|c| async move { people::leads(&c, &manager.id).await }).await?;
        return cx
            .reply_private(if leads {
                Message::text(say!(words, "team-delegate-intro")).buttons(vec![form])
            } else {
                Message::text(say!(words, "team-nobody"))
            })
            .await;
    }
    cx.commit(|turn| async move {
        if !people::leads(&turn, &manager.id).await? {
            return turn.reply_private(Message::text(say!(words, "team-nobody"))).await;
        }
        let today = s.organisation.calendar(manager).date(turn.now());
        let chosen = understand(&turn, words, manager, today, call).await?.map_err(refused)?;
        let d = delegation::begin(&turn, s, manager, &chosen.who, chosen.until, &chosen.reason).await?;
        tell(&turn, &d.id, &chosen.who).await?;
        expect_digest_of(&turn, s, &chosen.who, &chosen.who).await?;
        requests::hand_over(&turn, s, manager, &chosen.who, &chosen.reason).await?;
        let until = d.until.said_in_full(words);
        let text = say!(words, "team-delegated", name = literal(&chosen.who.name), until = until);
        let back = Button::new(say!(words, "team-delegate-end-button"), format!("team delegate end {}", d.id));
        turn.reply_private(Message::text(text).buttons(vec![back])).await
    })
    .await
}

/// One of the two ends it: the button of an ended one says that it has ended.
async fn end(cx: &Context<'_>, s: &Services, id: &str) -> Result<()> {
    let (person, words) = (cx.person()?, cx.words);
    cx.commit(|turn| async move {
        let found = delegation::by_id(&turn, id).await?;
        let found = found.filter(|d| [&d.person, &d.delegate].contains(&&person.id));
        let found = found.ok_or_else(|| Error::Forbidden(say!(words, "team-delegate-unknown")))?;
        if delegation::of(&turn, &found.person).await?.is_some_and(|(d, _)| d.id == found.id) {
            delegation::end(&turn, s, &found, &person.id, "ended in chat").await?;
        }
        turn.reply_private(Message::text(say!(words, "team-delegate-ended"))).await
    })
    .await
}

/// The key of the message that tells somebody that they stand in.
pub(super) fn key(id: &str) -> String {
    format!("stand-in/{id}")
}

async fn tell(tx: &Tx, id: &str, delegate: &Person) -> Result<()> {
    let new = NewDelivery {
        key: key(id),
        kind: StandIn::NAME,
        person: Some(delegate.id.clone()),
        payload: json!({ "delegation": id }),
        step: "began".into(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// The delivery kind `stand-in`: somebody is told that they stand in for a manager; payload `{"delegation": id}`.
pub(in crate::training) struct StandIn;

impl StandIn {
    const NAME: &'static str = "stand-in";
}

#[async_trait]
impl DeliveryKind for StandIn {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-stand-in")
    }

    /// It waits for working hours and takes nothing from the budget: somebody relies on it.
    fn policy(&self) -> Policy {
        Policy { counted: false, mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let id = delivery.payload["delegation"].as_str().unwrap_or_default();
        let read = cx.db.read(|c| async move {
            let Some(d) = delegation::by_id(&c, id).await? else { return Ok(None) };
            let manager = people::by_id(&c, &d.person).await?;
            let holds = delegation::of(&c, &d.person).await?.is_some_and(|(now, _)| now.id == d.id);
            Ok(manager.map(|manager| (d, manager, holds)))
        });
        let Some((d, manager, holds)) = read.await? else {
            return Ok(Rendered::Gone(words_key!("why-stand-in-ended")));
        };
        let name = literal(&manager.name);
        if !holds {
            let ended = Message::text(say!(cx.words, "team-stand-in-over", name = name));
            return Ok(if cx.posted { Rendered::Say(ended) } else { Rendered::Gone(words_key!("why-stand-in-ended")) });
        }
        let text = say!(cx.words, "team-stand-in", name = &name, until = d.until.said_in_full(cx.words));
        let quote = Block::Quote { text: literal(&d.reason), source: Some(name) };
        let buttons = vec![
            Button::primary(say!(cx.words, "team-all-button"), "team"),
            Button::new(say!(cx.words, "team-delegate-refuse-button"), format!("team delegate end {id}")),
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)),
        ];
        Ok(Rendered::Say(Message::text(text).and(quote).buttons(buttons)))
    }
}
