//! How a message that may have been sent is found again.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stoa_flow::chat::{Place, SendError};
use stoa_flow::delivery;
use stoa_ground::Instant;
use stoa_ground::clock::wall;

use crate::api::{Failure, Request};
use crate::app::App;
use crate::ids::{self, hash, word};
use crate::send::waits_at;
use crate::store::{self, Interaction, Kind, Post};

/// The message only says that we think about it.
const LOADING: i64 = 128;
/// Messages on one page, and pages that are read of a conversation.
const PAGE: usize = 100;
const PAGES: usize = 10;
/// In front of the id of what only one person sees: it is not edited later by others than its interaction.
pub(crate) const FLEETING: char = '~';
/// In front of the id of a message that only says that something waits: it never says what.
pub(crate) const BECKON: &str = "waits/";
/// For how long a message that is sent again under its nonce is surely not doubled; Discord speaks of a few minutes.
const NONCE: i64 = 60 * Instant::SECOND;

/// What became of an answer.
pub(crate) enum Arrived {
    /// It stands there under this id.
    As(String),
    /// It does not.
    No,
    /// It may stand elsewhere.
    Unknown,
}

/// The messages of a conversation, page by page.
pub(crate) struct Pages<'a> {
    app: &'a App,
    channel: &'a str,
    /// None behind the last page.
    before: Option<String>,
    left: usize,
}

impl Pages<'_> {
    /// The next page, its newest message first; none when there are no more, or enough was read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        let Some(before) = self.before.take().filter(|_| self.left > 0) else { return Ok(None) };
        self.left -= 1;
        let query = if before.is_empty() { format!("limit={PAGE}") } else { format!("limit={PAGE}&before={before}") };
        let request = Request::new("GET /channels/:id/messages", self.channel, &[]).query(&query);
        let Value::Array(page) = self.app.api.call(&request).await? else { return Ok(None) };
        self.before = page.last().filter(|_| page.len() == PAGE).map(|oldest| word(&oldest["id"]).to_owned());
        Ok(Some(page))
    }
}

impl Interaction {
    /// The id of an answer that Discord gave this id.
    pub(crate) fn shown(&self, id: &str) -> String {
        if self.kind == Kind::Direct { id.to_owned() } else { format!("{FLEETING}{}/{id}", self.id) }
    }
}

impl App {
    /// What stands in the place of the first answer to an interaction.
    pub(crate) async fn original(&self, of: &Interaction) -> Result<Value, Failure> {
        let app = self.options.application_id.as_str();
        self.api.call(&Request::new("GET /webhooks/:app/:id/messages/@original", &of.token, &[app])).await
    }

    /// What became of the first answer to an interaction.
    pub(crate) async fn find_answer(&self, to: &Interaction, key: &str) -> Result<Arrived, SendError> {
        let said = match self.original(to).await {
            Ok(said) => said,
            Err(failure) if failure.code().is_some() => return Ok(Arrived::Unknown),
            Err(failure) => return Err(self.api.send_error(failure)),
        };
        if is_loading(&said) {
            // Where both are alone it would stand there and nowhere else.
            return Ok(if to.kind == Kind::Direct { Arrived::No } else { Arrived::Unknown });
        }
        let kept = store::post(&self.db, &hash(key)).await?;
        Ok(if is_ours(&said, key, kept.as_ref()) { Arrived::As(to.shown(word(&said["id"]))) } else { Arrived::Unknown })
    }

    /// Whether a message can be known by its text alone, and Discord still knows its nonce: then saying it again doubles
    /// nothing, and looking for it might find an earlier one that says the same.
    pub(crate) async fn is_known_by_nonce(&self, key: &str) -> Result<bool, SendError> {
        let kept = store::post(&self.db, &hash(key)).await?;
        Ok(kept.is_some_and(|k| !k.digest.is_empty() && k.begun.plus(NONCE) > wall()))
    }

    /// The id of the message that was posted with this key, if it stands in the place.
    pub(crate) async fn find_posted(&self, place: &Place, key: &str) -> Result<Option<String>, SendError> {
        let waits = waits_at(place);
        let kept = store::post(&self.db, &hash(key)).await?;
        let to = match waits {
            Some((_, to)) => to.to_owned(),
            None => self.target(place).await.map_err(|f| self.api.send_error(f))?,
        };
        let mut pages = self.pages(&to);
        loop {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(None),
                // Nothing of ours is where we cannot be.
                Err(failure) => match self.api.send_error(failure) {
                    SendError::Unreachable(_) => return Ok(None),
                    other => return Err(other),
                },
            };
            for message in &page {
                if word(&message["author"]["id"]) == self.bot() && is_ours(message, key, kept.as_ref()) {
                    let id = word(&message["id"]);
                    // Of two that say the same, the other may have been said before.
                    if !has_buttons(message) && delivery::is_of_another(&self.db, place, id, key).await? {
                        continue;
                    }
                    let beckons = self.beckons(message).await?;
                    return Ok(Some(if beckons { format!("{BECKON}{id}") } else { id.to_owned() }));
                }
            }
        }
    }

    /// The messages of a conversation, newest first.
    pub(crate) fn pages<'a>(&'a self, channel: &'a str) -> Pages<'a> {
        Pages { app: self, channel, before: Some(String::new()), left: PAGES }
    }

    /// Whether a message of ours only says that something waits.
    pub(crate) async fn beckons(&self, message: &Value) -> Result<bool, SendError> {
        let first = word(&message["components"][0]["components"][0]["custom_id"]);
        let Some((_, told)) = crate::render::read_custom_id(first) else { return Ok(false) };
        let command = store::command(&self.db, told).await?;
        Ok(command.is_some_and(|command| command.starts_with("show ")))
    }
}

/// Whether a message only says that we think.
pub(crate) fn is_loading(message: &Value) -> bool {
    message["flags"].as_i64().unwrap_or_default() & LOADING != 0
}

/// Whether a message was sent with this key; `kept` is what was kept about it.
fn is_ours(message: &Value, key: &str, kept: Option<&Post>) -> bool {
    if !has_buttons(message) {
        let at = ids::instant(word(&message["id"]));
        return kept.is_some_and(|k| {
            at >= k.begun.plus(-60 * Instant::SECOND) && digest(word(&message["content"])) == k.digest
        });
    }
    let mark = format!("s:{}:", hash(key));
    let rows = message["components"].as_array().into_iter().flatten();
    let mut buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    buttons.any(|b| word(&b["custom_id"]).starts_with(&mark))
}

fn has_buttons(message: &Value) -> bool {
    message["components"].as_array().is_some_and(|rows| !rows.is_empty())
}

/// By which the text of a message is known.
pub(crate) fn digest(said: &str) -> String {
    let digest = Sha256::digest(said.trim().as_bytes());
    stoa_ground::hex(digest.iter().take(16))
}
