//! The learning team hears when another system takes back what completed somebody's training: the completion stands, and
//! whether it should is theirs to look at.

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Result, Tx};

use crate::training::course;

/// Tells everybody in the learning team, once for each statement and course.
pub(super) async fn tell(tx: &Tx, statement: &str, course: &str, person: &Person) -> Result<()> {
    for helper in people::people_with(tx, Role::Learning).await? {
        let new = NewDelivery {
            key: format!("completion-doubt/{statement}/{course}/{}", helper.id),
            kind: Doubt::NAME,
            person: Some(helper.id),
            payload: json!({ "course": course, "person": person.id }),
            item: course.to_owned(),
            step: "voided".into(),
            ..NewDelivery::default()
        };
        delivery::enqueue(tx, &new).await?;
    }
    Ok(())
}

/// The delivery kind `completion-doubt`; payload `{"course", "person"}`.
pub(in crate::training) struct Doubt;

impl Doubt {
    const NAME: &'static str = "completion-doubt";
}

#[async_trait]
impl DeliveryKind for Doubt {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-completion-doubt")
    }

    fn policy(&self) -> Policy {
        Policy { mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let text = |name: &str| delivery.payload[name].as_str().unwrap_or_default().to_owned();
        let (course, person) = (&text("course"), &text("person"));
        let read = cx.db.read(|c| async move {
            let Some(person) = people::by_id(&c, person).await? else { return Ok(None) };
            let title = course::content(&c, &course::current(&c, course).await?).await?.title;
            Ok(Some((person.name, title)))
        });
        let Some((name, title)) = read.await? else { return Ok(Rendered::Gone(words_key!("why-done"))) };
        let said = say!(cx.words, "training-doubt", name = literal(&name), title = literal(&title));
        let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
        Ok(Rendered::Say(Message::text(said).buttons(vec![why])))
    }
}
