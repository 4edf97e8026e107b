//! The message with the link to the organisation's sign-in, and what it says when that is done.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::chat::{Button, Message, Turn, literal};
use stoa_flow::delivery::{Delivery, DeliveryKind, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::{say, words_key};
use stoa_ground::people::Person;
use stoa_ground::{Error, Result};

use super::sign::particulars;
use super::{Desk, Scene, listed, view};
use crate::Services;
use crate::training::assignment::{self, Assignment};
use crate::training::attest::NamedBy;
use crate::training::attest::sign_in::{self, MESSAGE, MINUTES, Shown};
use crate::training::course::{self, Course};

impl Scene<'_> {
    /// The name was typed; it waits until the person has signed in. `opened` is the message whose button opened the form.
    pub(super) async fn ask_sign_in(&self, turn: &Turn, desk: &Desk, typed: &str, opened: Option<&str>) -> Result<()> {
        match self.services.sign_in {
            None => return Err(Error::invalid(say!(self.words, "training-sign-in-missing"))),
            Some(NamedBy::Email) if self.person.email.is_none() => {
                return Err(Error::invalid(say!(self.words, "training-sign-in-no-address")));
            }
            Some(_) => {}
        }
        let message = turn.prepared(MESSAGE, serde_json::Value::Null, true);
        sign_in::ask(turn, &desk.a, self.person, &desk.course, typed, opened, message).await
    }
}

/// The delivery kind `sign-in`; payload `{"assignment": id, "link": digest}`. The link itself is sealed until it is rendered.
pub(in crate::training) struct SignIn(pub Arc<Services>);

#[async_trait]
impl DeliveryKind for SignIn {
    fn name(&self) -> &'static str {
        MESSAGE
    }

    fn label(&self) -> &'static str {
        words_key!("kind-sign-in")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let text = |name: &str| delivery.payload[name].as_str().unwrap_or_default();
        let (id, link) = (text("assignment"), text("link"));
        let read = cx.db.read(|c| async move {
            let Some(a) = assignment::by_id(&c, id).await? else { return Ok(None) };
            let (_, course) = course::read_in(&c, &a).await?;
            Ok(Some((a, course, sign_in::shown(&c, id, link).await?)))
        });
        let found = read.await?.zip(cx.person);
        let Some(((a, course, shown), person)) = found else { return Ok(Rendered::Gone(words_key!("why-stale"))) };
        Ok(Rendered::Say(match shown {
            Shown::Open(token) => self.link(cx, &course, &token),
            Shown::Used => self.signed(cx, &a, &course, person).await?,
            Shown::Gone => {
                let again = Button::primary(say!(cx.words, "training-sign-button"), format!("training attest {id}"));
                Message::text(say!(cx.words, "training-sign-in-gone")).buttons(vec![again])
            }
        }))
    }
}

impl SignIn {
    fn link(&self, cx: &Rendering<'_>, course: &Course, token: &str) -> Message {
        let address = self.0.training.address(&format!("oidc/start/{token}")).unwrap_or_default();
        let label = say!(cx.words, "training-sign-in-link");
        Message::text(say!(cx.words, "training-sign-in-sent", title = literal(&course.title)))
            .paragraph(format!("[{label}](<{address}>)"))
            .context(say!(cx.words, "training-sign-in-once", minutes = MINUTES))
    }

    /// As it is said of every other signature.
    async fn signed(&self, cx: &Rendering<'_>, a: &Assignment, course: &Course, person: &Person) -> Result<Message> {
        let items = cx.db.read(|c| async move { listed(&c, &person.id).await }).await?;
        let next = items.iter().find(|(other, _)| other.state.is_running());
        let calendar = self.0.organisation.calendar(person);
        let message = view::closed(cx.words, a, course, next, &calendar, calendar.date(cx.now));
        let version = a.course_version.as_deref().unwrap_or_default();
        let shown = particulars(cx.words, person, version, a.attested.unwrap_or(cx.now));
        Ok(message.context(say!(cx.words, "training-signed", particulars = shown)))
    }
}
