//! The delivery kind `social`: a colleague is asked for consent, or to confirm something. Payload `{"about", "id"}`.

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Block, Button, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, Tx};

use super::discussions::{self, Consent};
use super::experience::{self, Confirmation};
use super::store::{self, State, Tip};
use super::text;

/// Its name.
pub(super) const KIND: &str = "social";
/// How long a request is worth sending.
pub(super) const PATIENCE: i64 = 14 * Instant::DAY;

/// Key of the request for an author's consent to a tip.
pub(super) fn tip_key(tip: &Tip) -> String {
    format!("social/tip/{}", tip.id)
}

/// Key of the request for a person's consent to a discussion.
pub(super) fn discussion_key(discussion: &str, person: &str) -> String {
    format!("social/discussion/{discussion}/{person}")
}

/// Key of the request to confirm an experience.
pub(super) fn experience_key(experience: &str, confirmer: &str) -> String {
    format!("social/did/{experience}/{confirmer}")
}

/// Asks the author of a tip for their consent.
pub(super) async fn ask(tx: &Tx, tip: &Tip) -> Result<()> {
    let new = NewDelivery {
        key: tip_key(tip),
        kind: KIND,
        person: Some(tip.author.clone()),
        payload: json!({ "about": "tip", "id": tip.id }),
        item: tip.id.clone(),
        step: "consent".into(),
        expires: Some(tx.now().plus(PATIENCE)),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// The kind.
pub(super) struct Social;

#[async_trait]
impl DeliveryKind for Social {
    fn name(&self) -> &'static str {
        KIND
    }

    fn label(&self) -> &'static str {
        words_key!("kind-social")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Social)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(Rendered::Gone(words_key!("why-done"))) };
        let id = delivery.payload["id"].as_str().unwrap_or_default();
        let about = delivery.payload["about"].as_str().unwrap_or_default();
        let asked = Asked { words: cx.words, person, key: &delivery.key };
        let asked = &asked;
        let said = cx
            .db
            .read(|conn| async move {
                match about {
                    "tip" => asked.tip(&conn, id).await,
                    "discussion" => asked.discussion(&conn, id).await,
                    "did" => asked.experience(&conn, id).await,
                    _ => Ok(None),
                }
            })
            .await?;
        Ok(match said {
            // What is settled is not asked any more; what was posted says how it was settled.
            Some((true, message)) => Rendered::Say(message),
            Some((false, message)) if cx.posted => Rendered::Say(message),
            _ => Rendered::Gone(words_key!("why-done")),
        })
    }
}

/// Who is asked. The answers say whether the question is still open, and the message.
struct Asked<'a> {
    words: &'static Words,
    person: &'a Person,
    key: &'a str,
}

impl Asked<'_> {
    fn why(&self) -> Button {
        Button::new(say!(self.words, "nudges-why-button"), format!("why {}", self.key))
    }

    async fn tip(&self, conn: &Conn, id: &str) -> Result<Option<(bool, Message)>> {
        let Some(tip) = store::tip(conn, id).await? else { return Ok(None) };
        let button = |label: String, word: &str| Button::new(label, format!("tip {word} {id}"));
        Ok(Some(match tip.state {
            State::Asked => {
                let suggested = name(conn, tip.suggested.as_deref()).await?;
                let asked = match &tip.topic {
                    _ if tip.suggested.as_ref() == Some(&tip.author) => say!(self.words, "tips-consent-own"),
                    Some(question) => {
                        say!(self.words, "tips-consent-answer", name = suggested, question = literal(question))
                    }
                    None => say!(self.words, "tips-consent", name = suggested),
                };
                let message = Message::text(asked)
                    .and(Block::Quote { text: text::markdown(&tip.text), source: None })
                    .context(say!(self.words, "tips-consent-who"))
                    .buttons(vec![
                        Button::primary(say!(self.words, "tips-agree-button"), format!("tip agree {id}")),
                        button(say!(self.words, "tips-decline-button"), "decline"),
                        self.why(),
                    ]);
                (true, message)
            }
            State::Shared => (
                false,
                Message::text(say!(self.words, "tips-consent-yes"))
                    .buttons(vec![button(say!(self.words, "tips-withdraw-button"), "withdraw")]),
            ),
            _ => (false, Message::text(say!(self.words, "tips-consent-no"))),
        }))
    }

    async fn discussion(&self, conn: &Conn, id: &str) -> Result<Option<(bool, Message)>> {
        let Some(discussion) = discussions::store::discussion(conn, id).await? else { return Ok(None) };
        let Some(member) = discussions::store::member(conn, id, &self.person.id).await? else { return Ok(None) };
        let title = literal(&discussion.title);
        let button = |label: String, word: &str| Button::new(label, format!("discussion {word} {id}"));
        Ok(Some(match member.consent {
            Consent::Asked => {
                let logger = name(conn, Some(&discussion.logged_by)).await?;
                let asked = match discussion.answer {
                    Some(_) => say!(self.words, "tips-accepted-consent", name = logger, question = title),
                    None => say!(self.words, "tips-discussion-consent", name = logger, title = title),
                };
                let message =
                    Message::text(asked).context(say!(self.words, "tips-discussion-consent-who")).buttons(vec![
                        Button::primary(say!(self.words, "tips-yes-button"), format!("discussion yes {id}")),
                        button(say!(self.words, "tips-no-button"), "no"),
                        button(say!(self.words, "tips-always-button"), "always"),
                        button(say!(self.words, "tips-never-button"), "never"),
                        self.why(),
                    ]);
                (true, message)
            }
            Consent::Yes => (
                false,
                Message::text(say!(self.words, "tips-discussion-yes", title = title))
                    .buttons(vec![button(say!(self.words, "tips-withdraw-button"), "withdraw")]),
            ),
            Consent::No => (false, Message::text(say!(self.words, "tips-discussion-no", title = title))),
            Consent::Withdrawn => (false, Message::text(say!(self.words, "tips-discussion-withdrawn", title = title))),
        }))
    }

    async fn experience(&self, conn: &Conn, id: &str) -> Result<Option<(bool, Message)>> {
        let Some(experience) = experience::store::experience(conn, id).await? else { return Ok(None) };
        if experience.confirmer.as_ref() != Some(&self.person.id) {
            return Ok(None);
        }
        let who = name(conn, Some(&experience.person)).await?;
        Ok(Some(match experience.confirmation {
            Confirmation::Asked => {
                let message = Message::text(say!(self.words, "tips-did-confirm", name = who))
                    .and(Block::Quote {
                        text: text::markdown(&experience.text),
                        source: Some(experience.line(self.words)),
                    })
                    .buttons(vec![
                        Button::primary(say!(self.words, "tips-did-confirm-button"), format!("did confirm {id}")),
                        Button::new(say!(self.words, "tips-did-decline-button"), format!("did decline {id}")),
                        self.why(),
                    ]);
                (true, message)
            }
            Confirmation::Confirmed => (false, Message::text(say!(self.words, "tips-did-confirmed", name = who))),
            _ => (false, Message::text(say!(self.words, "tips-did-declined", name = who))),
        }))
    }
}

/// A person's name, ready for CommonMark.
async fn name(conn: &Conn, id: Option<&str>) -> Result<String> {
    let Some(id) = id else { return Ok(String::new()) };
    Ok(people::by_id(conn, id).await?.map(|p| literal(&p.name)).unwrap_or_default())
}
