//! What is said once when voluntary messages pause by themselves, because nothing came back (N10).

use async_trait::async_trait;
use serde_json::json;
use stoa_ground::{Instant, Result, args};

use super::Policy;
use crate::chat::{Button, Message};
use crate::delivery::{Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use crate::{say, words_key};

/// The kind `paused`.
pub(crate) struct Paused;

impl Paused {
    /// To a person who did something last at that instant, if ever. There is one for each such silence.
    pub(crate) fn since(person: &str, active: Option<Instant>) -> NewDelivery {
        let since = active.map_or(0, |at| at.0);
        NewDelivery {
            key: format!("paused/{person}/{since}"),
            kind: "paused",
            person: Some(person.to_owned()),
            payload: json!({ "since": since }),
            step: active.map_or_else(String::new, Instant::rfc3339),
            ..NewDelivery::default()
        }
    }
}

#[async_trait]
impl DeliveryKind for Paused {
    fn name(&self) -> &'static str {
        "paused"
    }

    fn label(&self) -> &'static str {
        words_key!("kind-paused")
    }

    fn policy(&self) -> Policy {
        Policy { mergeable: false, ..Policy::MANDATED }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let active =
            cx.db.opt("SELECT at FROM last_activity WHERE person = $1", args![delivery.person.clone()]).await?;
        let active: i64 = active.map_or(Ok(0), |row| row.get("at"))?;
        if !cx.posted && delivery.payload["since"] != active {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let buttons = vec![
            Button::new(say!(cx.words, "settings-resume-button"), "settings resume"),
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)),
        ];
        Ok(Rendered::Say(Message::text(say!(cx.words, "nudges-paused")).buttons(buttons)))
    }
}
