//! One-time codes that go by mail: to connect an account, to sign. In the outbox a code is sealed under the master key; only
//! the letter has it in the open, and whoever checks it knows its digest.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stoa_flow::chat::{Message, Place, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, MAIL, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::words::Words;
use stoa_flow::{Parts, say, words_key};
use stoa_ground::ledger::{open_secret, seal_secret};
use stoa_ground::{Instant, Result, Tx};

/// Letters and digits that nobody takes for another.
const SIGNS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Signs of a code: 40 bits.
const LENGTH: usize = 8;

/// What a letter is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Letter {
    /// Somebody connects a chat account.
    Link,
    /// Somebody signs.
    Sign {
        /// What it is about.
        title: String,
        /// How long the code works.
        minutes: i64,
    },
}

/// What the outbox knows of a letter.
#[derive(Serialize, Deserialize)]
struct Payload {
    letter: Letter,
    locale: String,
    /// The sealed code in base64.
    sealed: String,
}

/// A new code, as people read and type it: `ABCD-2345`.
pub(crate) fn new(tx: &Tx) -> String {
    let signs: String =
        tx.clock().random().iter().take(LENGTH).map(|b| char::from(SIGNS[usize::from(*b) % SIGNS.len()])).collect();
    let (left, right) = signs.split_at(LENGTH / 2);
    format!("{left}-{right}")
}

/// A code as it is compared, however it was typed.
pub(crate) fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// Puts a letter with a code into the outbox, once under its key.
///
/// # Errors
/// The database's error; where the store has no master key.
pub(crate) async fn mail(
    tx: &Tx,
    key: &str,
    email: &str,
    locale: &str,
    letter: &Letter,
    code: &str,
    expires: Instant,
) -> Result<()> {
    let sealed = STANDARD.encode(seal_secret(tx, &about(key), code)?);
    let place = Place {
        platform: MAIL.into(),
        workspace: String::new(),
        channel: email.to_owned(),
        thread: None,
        direct: true,
    };
    let payload = Payload { letter: letter.clone(), locale: locale.to_owned(), sealed };
    let new = NewDelivery {
        key: key.to_owned(),
        kind: Code::NAME,
        place: Some(place),
        payload: serde_json::to_value(payload)?,
        expires: Some(expires),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

fn about(key: &str) -> String {
    format!("code/{key}")
}

/// The kind of letters with codes.
#[must_use]
pub fn parts() -> Parts {
    Parts { kinds: vec![Box::new(Code)], ..Parts::default() }
}

/// The delivery kind `code`.
struct Code;

impl Code {
    const NAME: &'static str = "code";
}

#[async_trait]
impl DeliveryKind for Code {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-code")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        if cx.posted || delivery.expires.is_some_and(|at| at <= cx.now) {
            return Ok(Rendered::Gone(words_key!("why-stale")));
        }
        let payload: Payload = serde_json::from_value(delivery.payload.clone())?;
        let sealed = STANDARD.decode(&payload.sealed).unwrap_or_default();
        let (about, sealed) = (&about(&delivery.key), &sealed);
        let code = cx.db.read(|c| async move { open_secret(&c, about, sealed) }).await?;
        let words = Words::of(&payload.locale);
        Ok(Rendered::Say(Message::text(match payload.letter {
            Letter::Link => say!(words, "link-mail", code = code),
            Letter::Sign { title, minutes } => {
                say!(words, "training-code-mail", title = literal(&title), code = code, minutes = minutes)
            }
        })))
    }
}
