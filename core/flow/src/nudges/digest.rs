//! The learner's digest: several mandated items that are due at once become one message (N7).

use async_trait::async_trait;
use jiff::tz::TimeZone;
use stoa_ground::{Instant, Result};

use super::Policy;
use crate::chat::{Button, Message};
use crate::delivery::{Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use crate::worker::Flow;
use crate::{say, words_key};

/// The kind `learner-digest`.
pub(crate) struct LearnerDigest;

impl LearnerDigest {
    /// Its name.
    pub(crate) const NAME: &'static str = "learner-digest";

    /// The first digest of a person's day.
    pub(crate) fn of_day(person: &str, zone: &TimeZone, now: Instant) -> NewDelivery {
        let date = now.zoned(zone).date();
        NewDelivery {
            key: format!("{}/{person}/{date}", Self::NAME),
            kind: Self::NAME,
            person: Some(person.to_owned()),
            step: date.to_string(),
            ..NewDelivery::default()
        }
    }

    /// One line for each item that there is still something to say about.
    pub(crate) async fn render_items(cx: &Rendering<'_>, flow: &Flow, items: &[Delivery]) -> Result<Rendered> {
        let mut message = Message::new();
        // First one of each item, then what else can be pressed.
        let (mut buttons, mut others) = (Vec::<Button>::new(), Vec::<Button>::new());
        let mut lines = 0;
        for item in items {
            let Some(kind) = flow.kind(&item.kind) else { continue };
            let Some(line) = kind.line(cx, item).await? else { continue };
            lines += 1;
            message = message.paragraph(line.text);
            let mut of_line = line.buttons.into_iter();
            buttons.extend(of_line.next());
            others.extend(of_line);
        }
        if lines == 0 && !cx.posted {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let title = if lines == 0 {
            say!(cx.words, "nudges-digest-done")
        } else {
            say!(cx.words, "nudges-digest", count = lines)
        };
        let mut all = Message::text(title);
        all.blocks.extend(message.blocks);
        if lines > 0 {
            buttons.extend(others);
            buttons.truncate(4);
            let key = items.first().and_then(|i| i.into_key.clone()).unwrap_or_default();
            buttons.push(Button::new(say!(cx.words, "nudges-why-button"), format!("why {key}")));
        }
        Ok(Rendered::Say(all.buttons(buttons)))
    }
}

#[async_trait]
impl DeliveryKind for LearnerDigest {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-learner-digest")
    }

    fn policy(&self) -> Policy {
        Policy { mergeable: false, ..Policy::MANDATED }
    }

    async fn render(&self, _cx: &Rendering<'_>, _delivery: &Delivery) -> Result<Rendered> {
        // Rendered from its items by the sender, which knows their kinds.
        Ok(Rendered::Gone(words_key!("why-done")))
    }
}
