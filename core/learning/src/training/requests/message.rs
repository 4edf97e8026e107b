//! The messages of a request: to whoever is asked, and back to who asked. Each is rendered from the state as it is when it
//! is sent, and edited when that changes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::Button;
use stoa_flow::delivery::{self, Delivery, DeliveryKind, Line, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::{say, words_key};
use stoa_ground::{Result, Tx};

use super::store::{Request, State};
use super::view::{self, Told};
use crate::Services;

/// Asks whoever is asked now, or reminds them.
pub(super) async fn put(tx: &Tx, r: &Request) -> Result<()> {
    let Some(approver) = &r.approver else { return Ok(()) };
    let step = if r.reminders == 0 { "ask".to_owned() } else { format!("remind-{}", r.reminders) };
    let new = NewDelivery {
        key: format!("approval/{}/{}/{step}", r.id, r.round),
        kind: Approval::NAME,
        person: Some(approver.clone()),
        payload: json!({ "request": r.id, "round": r.round }),
        item: r.requirement.clone().or_else(|| r.course.clone()).unwrap_or_default(),
        step,
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// Whoever was asked is asked no longer: what is queued is taken back, what stands in the chat says so.
pub(super) async fn take_back(tx: &Tx, r: &Request, why: &'static str) -> Result<()> {
    let prefix = format!("approval/{}/", r.id);
    delivery::cancel(tx, &prefix, why).await?;
    delivery::revise(tx, &prefix).await
}

/// Tells who asked what became of it, once.
pub(super) async fn tell(tx: &Tx, r: &Request) -> Result<()> {
    let Some(asker) = &r.asker else { return Ok(()) };
    // What was sent back and asked again is another decision.
    let decided = r.decided.map_or(0, |at| at.0);
    let new = NewDelivery {
        key: format!("request/{}/{decided}", r.id),
        kind: Answer::NAME,
        person: Some(asker.clone()),
        payload: json!({ "request": r.id }),
        item: r.requirement.clone().or_else(|| r.course.clone()).unwrap_or_default(),
        step: r.state.name().to_owned(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// The request that a message is about, with what is to be said.
async fn told(s: &Services, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Told>> {
    let Some(person) = cx.person else { return Ok(None) };
    let id = delivery.payload["request"].as_str().unwrap_or_default();
    cx.db.read(|c| async move { Told::load(&c, s, cx.words, person, id).await }).await
}

/// The delivery kind `approval`: somebody is asked to decide; payload `{"request": id, "round": number}`.
pub(super) struct Approval(pub Arc<Services>);

impl Approval {
    const NAME: &'static str = "approval";

    /// Whether the request still waits for the answer to this message.
    fn waits(told: &Told, delivery: &Delivery) -> bool {
        let round = delivery.payload["round"].as_u64().unwrap_or_default();
        told.r.state == State::Open && u64::from(told.r.round) == round
    }
}

#[async_trait]
impl DeliveryKind for Approval {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-approval")
    }

    /// It cannot be paused: somebody waits for it. Several become one message.
    fn policy(&self) -> Policy {
        Policy { priority: Priority::Approval, ..Policy::MANDATED }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(told) = told(&self.0, cx, delivery).await? else {
            return Ok(Rendered::Gone(words_key!("why-request-ended")));
        };
        if let Some(person) = cx.person.filter(|_| Self::waits(&told, delivery)) {
            let full = cx.db.read(|c| async move { told.in_full(&c, &self.0, cx.words, person).await });
            let told = full.await?;
            let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
            let reminder = delivery.step.starts_with("remind");
            return Ok(Rendered::Say(view::to_decide(cx.words, &told, reminder, Some(why))));
        }
        if !cx.posted {
            let passed = told.r.state == State::Open;
            let why = if passed { words_key!("why-request-passed") } else { words_key!("why-request-ended") };
            return Ok(Rendered::Gone(why));
        }
        Ok(Rendered::Say(view::over(cx.words, &told)))
    }

    async fn line(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Line>> {
        let Some(told) = told(&self.0, cx, delivery).await? else { return Ok(None) };
        if !Self::waits(&told, delivery) {
            return Ok(None);
        }
        let label = say!(cx.words, "request-look-button", name = &told.asker);
        let button = Button::new(label, format!("training decide {}", told.r.id));
        Ok(Some(Line { text: view::asks(cx.words, &told), buttons: vec![button] }))
    }
}

/// The delivery kind `approval-answer`: what became of a request; payload `{"request": id}`.
pub(super) struct Answer(pub Arc<Services>);

impl Answer {
    const NAME: &'static str = "approval-answer";
}

#[async_trait]
impl DeliveryKind for Answer {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-approval-answer")
    }

    /// The person asked for it, but not just now: it waits for working hours and takes nothing from the budget.
    fn policy(&self) -> Policy {
        Policy { counted: false, mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        match told(&self.0, cx, delivery).await? {
            // Sent back, and asked again before this was sent.
            Some(told) if matches!(told.r.state, State::Open | State::Draft | State::Withdrawn) && !cx.posted => {
                Ok(Rendered::Gone(words_key!("why-request-ended")))
            }
            Some(told) => {
                let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
                Ok(Rendered::Say(view::answer(cx.words, &told, why)))
            }
            None => Ok(Rendered::Gone(words_key!("why-request-ended"))),
        }
    }
}
