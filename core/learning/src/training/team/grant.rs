//! `team grant`: one more attempt at the quiz for somebody who has used all, and the message that says so.

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Button, Context, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::{say, words_key};
use stoa_ground::people;
use stoa_ground::{Result, Tx};

use super::super::assignment::{self, Assignment, By};
use super::super::{life, requests, requirement, stuck};
use super::command::theirs;
use crate::Services;

/// `team grant ID ATTEMPTS`: one more attempt for somebody who has used ATTEMPTS. Who asked for it gets the answer to that, who
/// did not is told.
pub(super) async fn run(cx: &Context<'_>, s: &Services, args: &str) -> Result<()> {
    let (manager, words) = (cx.person()?, cx.words);
    let (id, used) = args.split_once(' ').unwrap_or((args, ""));
    cx.commit(|turn| async move {
        let (a, person) = theirs(&turn, s, words, manager, id).await?;
        let name = literal(&person.name);
        if !stuck(&turn, &a).await? || a.attempts.to_string() != used {
            return turn.reply_private(Message::text(say!(words, "team-grant-not-needed", name = name))).await;
        }
        if !requests::grant_asked(&turn, s, &a, manager).await? {
            life::grant(&turn, s, &a, &By::person(&manager.id, "granted one more attempt at the quiz")).await?;
            tell(&turn, &a, &manager.id).await?;
        }
        turn.reply_private(Message::text(say!(words, "team-granted", name = name))).await
    })
    .await
}

async fn tell(tx: &Tx, a: &Assignment, manager: &str) -> Result<()> {
    let new = NewDelivery {
        key: format!("attempt/{}/{}", a.id, a.attempts + 1),
        kind: Granted::NAME,
        person: Some(a.person.clone()),
        payload: json!({ "assignment": a.id, "manager": manager }),
        item: a.requirement.clone(),
        step: "granted".into(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// The delivery kind `attempt-granted`: somebody who had used all attempts may try again; payload `{"assignment": id,
/// "manager": id}`.
pub(in crate::training) struct Granted;

impl Granted {
    const NAME: &'static str = "attempt-granted";
}

#[async_trait]
impl DeliveryKind for Granted {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-attempt-granted")
    }

    /// It waits for working hours and takes nothing from the budget: without it nobody could go on.
    fn policy(&self) -> Policy {
        Policy { counted: false, mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let id = |name: &str| delivery.payload[name].as_str().unwrap_or_default().to_owned();
        let (assignment, manager) = (id("assignment"), id("manager"));
        let (assignment, manager) = (&assignment, &manager);
        let read = cx.db.read(|c| async move {
            let Some(a) = assignment::by_id(&c, assignment).await? else { return Ok(None) };
            let title = requirement::by_id(&c, &a.requirement).await?.title;
            let name = people::by_id(&c, manager).await?.map(|p| p.name).unwrap_or_default();
            Ok(Some((a, title, name)))
        });
        let Some((a, title, name)) = read.await? else { return Ok(Rendered::Gone(words_key!("why-training-ended"))) };
        let open = a.state.is_open() && !a.passed;
        if !open && !cx.posted {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let text = say!(cx.words, "training-attempt-granted", name = literal(&name), title = literal(&title));
        let mut buttons = Vec::new();
        if open {
            let again = say!(cx.words, "training-again-button");
            buttons.push(Button::primary(again, format!("training quiz {}", a.id)));
        }
        buttons.push(Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)));
        Ok(Rendered::Say(Message::text(text).buttons(buttons)))
    }
}
