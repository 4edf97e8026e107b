//! How one message is sent, found again and edited.

use serde_json::{Value, json};
use stoa_flow::chat::{Message, Place, SendError};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Instant;
use stoa_ground::clock::wall;

use crate::api::{
    CLOSED_TO_US, Failure, HAS_THREAD, Request, UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, WEBHOOK_TOKEN,
};
use crate::app::App;
use crate::events::{Channel, PRIVATE_THREAD};
use crate::find::{BECKON, FLEETING, digest, is_loading};
use crate::ids::{self, hash, word};
use crate::render::{Rendered, custom_id, render};
use crate::store::{self, Interaction, Kind};
use crate::take::{EPHEMERAL, directly};

/// No links are unfolded.
const NO_EMBEDS: i64 = 4;
/// Characters of a thread's name.
const NAME: usize = 90;

/// Why a thread takes nothing any more: it is gone, or we are not in its server or may not write there.
const GONE: [i64; 3] = [UNKNOWN_CHANNEL, 50_001, 50_013];

/// Why an interaction cannot be answered any more.
const EXPIRED: [i64; 3] = [UNKNOWN_WEBHOOK, WEBHOOK_TOKEN, UNKNOWN_MESSAGE];

/// A place in which a person is only told that something waits: `@user/thread`, the thread being empty where there is none.
pub(crate) fn waiting_place(guild: &str, channel: &str, user: &str, thread: &str) -> Place {
    Place {
        platform: crate::PLATFORM.into(),
        workspace: guild.into(),
        channel: channel.into(),
        thread: Some(format!("@{user}/{thread}")),
        direct: false,
    }
}

/// The user and the conversation of a place in which a person is only told that something waits.
pub(crate) fn waits_at(place: &Place) -> Option<(&str, &str)> {
    let (user, thread) = place.thread.as_deref()?.strip_prefix('@')?.split_once('/')?;
    Some((user, if thread.is_empty() { &place.channel } else { thread }))
}

impl App {
    /// The conversation of a place. The thread of a message has the message's id, and is opened when it is needed.
    pub(crate) async fn target(&self, place: &Place) -> Result<String, Failure> {
        let Some(thread) = &place.thread else { return Ok(place.channel.clone()) };
        if place.direct {
            return Ok(place.channel.clone());
        }
        if self.known(thread).is_some_and(|c| c.is_thread()) {
            return Ok(thread.clone());
        }
        let request = Request::new("POST /channels/:id/messages/:message/threads", &place.channel, &[thread]);
        let body = json!({ "name": say!(Words::english(), "discord-thread-name"), "auto_archive_duration": 1_440 });
        match self.api.call(&request.body(body)).await {
            Ok(made) => self.know(thread, Channel::read(&made, &place.workspace)),
            Err(failure) if failure.code() == Some(HAS_THREAD) => self.is_thread(thread, place),
            Err(failure @ (Failure::Later { .. } | Failure::Limited { .. })) => return Err(failure),
            // It is a thread already, or there can be none: then beside the message.
            Err(failure) => match self.channel(thread).await {
                Ok(_) => {}
                Err(_) => {
                    tracing::debug!(?failure, "no thread can be opened; answered in the channel");
                    return Ok(place.channel.clone());
                }
            },
        }
        Ok(thread.clone())
    }

    fn is_thread(&self, thread: &str, place: &Place) {
        let channel = Channel {
            guild: place.workspace.clone(),
            parent: Some(place.channel.clone()),
            name: String::new(),
            kind: PRIVATE_THREAD - 1,
        };
        self.know(thread, channel);
    }

    /// Posts a message where everybody there reads it.
    pub(crate) async fn post(&self, place: &Place, message: &Message, key: &str) -> Result<String, SendError> {
        let rendered = render(message, key);
        let to = self.target(place).await.map_err(|f| self.api.send_error(f))?;
        self.remember(&rendered, key).await?;
        let last = rendered.contents.len().saturating_sub(1);
        let mut parts = self.parts_sent(key, last).await?;
        for n in parts.len()..=last {
            let mut body = body(&rendered, n, n == last);
            let nonce = if n == last { hash(key) } else { hash(&format!("{key}/{n}")) };
            (body["nonce"], body["enforce_nonce"]) = (json!(nonce), json!(true));
            if to == place.channel
                && !place.direct
                && let Some(thread) = &place.thread
            {
                body["message_reference"] = json!({ "message_id": thread, "fail_if_not_exists": false });
            }
            match self.api.call(&Request::new("POST /channels/:id/messages", &to, &[]).body(body)).await {
                Ok(posted) => self.part_sent(key, last, &mut parts, word(&posted["id"])).await?,
                Err(failure) => return Err(self.not_posted(place, &to, failure).await?),
            }
        }
        Ok(parts.pop().unwrap_or_default())
    }

    /// The messages that an earlier attempt made of a long one; its parts are numbered to `last`.
    async fn parts_sent(&self, key: &str, last: usize) -> Result<Vec<String>, SendError> {
        if last == 0 {
            return Ok(Vec::new());
        }
        let kept = store::post(&self.db, &hash(key)).await?;
        let mut parts = kept.map_or_else(Vec::new, |kept| kept.parts);
        parts.truncate(last + 1);
        Ok(parts)
    }

    /// A part of a long message was sent: it is kept, so that it is not said again, and at last all of them under the id
    /// of the last, by which it is edited.
    async fn part_sent(&self, key: &str, last: usize, parts: &mut Vec<String>, id: &str) -> Result<(), SendError> {
        parts.push(id.to_owned());
        if last > 0 {
            store::remember_parts(&self.db, &hash(key), parts).await?;
            if parts.len() > last {
                store::remember_parts(&self.db, id, parts).await?;
            }
        }
        Ok(())
    }

    async fn not_posted(&self, place: &Place, to: &str, failure: Failure) -> Result<SendError, SendError> {
        let code = failure.code();
        if code == Some(UNKNOWN_CHANNEL) {
            self.forget_channel(to);
        }
        // Closed to us: the next attempt goes to where the person is told that something waits.
        if place.direct && code == Some(CLOSED_TO_US) {
            store::closed(&self.db, to).await?;
            self.forget_noted(to);
            let why = "the person's direct messages are closed to Stoa".to_owned();
            return Ok(SendError::Retry { why, after_seconds: Some(1) });
        }
        Ok(self.api.send_error(failure))
    }

    /// What is needed to find a message again is kept before it is sent: buttons carry the hash of the key, and of what has
    /// none the text is known.
    async fn remember(&self, rendered: &Rendered, key: &str) -> Result<(), SendError> {
        if !rendered.long.is_empty() {
            store::remember_commands(&self.db, &rendered.long).await?;
        }
        if !rendered.has_buttons() {
            let said = rendered.contents.last().map_or("", String::as_str);
            store::remember_post(&self.db, &hash(key), &digest(said)).await?;
        }
        Ok(())
    }

    /// Answers an interaction; none when it cannot be answered any more. `number` is that of the answer.
    pub(crate) async fn answer(
        &self,
        to: &Interaction,
        message: &Message,
        key: &str,
        number: usize,
    ) -> Result<Option<String>, SendError> {
        let rendered = render(message, key);
        self.remember(&rendered, key).await?;
        let last = rendered.contents.len().saturating_sub(1);
        let mut parts = self.parts_sent(key, last).await?;
        for n in parts.len()..=last {
            let mut body = body(&rendered, n, n == last);
            let first = n == 0 && number == 0 && to.kind != Kind::Button;
            let app = self.options.application_id.as_str();
            let request = if first {
                Request::new("PATCH /webhooks/:app/:id/messages/@original", &to.token, &[app])
            } else {
                if to.kind != Kind::Direct {
                    body["flags"] = json!(EPHEMERAL | NO_EMBEDS);
                }
                Request::new("POST /webhooks/:app/:id", &to.token, &[app]).query("wait=true")
            };
            match self.api.call(&request.body(body)).await {
                Ok(said) => self.part_sent(key, last, &mut parts, word(&said["id"])).await?,
                Err(failure) if failure.code().is_some_and(|c| EXPIRED.contains(&c)) => {
                    // It was acknowledged a moment ago and Discord may not know it yet.
                    let young = ids::instant(&to.id).plus(10 * Instant::SECOND) > wall();
                    if young {
                        let why = "Discord does not know the interaction yet".to_owned();
                        return Err(SendError::Retry { why, after_seconds: Some(2) });
                    }
                    return Ok(None);
                }
                Err(failure) => return Err(self.api.send_error(failure)),
            }
            if first {
                store::answered(&self.db, &to.id).await?;
            }
        }
        Ok(Some(to.shown(&parts.pop().unwrap_or_default())))
    }

    /// Takes away that we think about an interaction, because it was answered elsewhere or not at all. What was said in
    /// that place stays, also where it was not noted that something was said.
    pub(crate) async fn thought(&self, about: &Interaction) {
        let app = self.options.application_id.as_str();
        let done = match self.original(about).await {
            Ok(said) if is_loading(&said) => {
                let request = Request::new("DELETE /webhooks/:app/:id/messages/@original", &about.token, &[app]);
                self.api.call(&request).await.map(|_| ())
            }
            said => said.map(|_| ()),
        };
        if let Err(Failure::Later { .. } | Failure::Limited { .. }) = done {
            return;
        }
        if let Err(error) = store::answered(&self.db, &about.id).await {
            tracing::warn!(%error, "that an interaction is answered could not be noted");
        }
    }

    /// Tells a person, where others may read it, only that something waits: no course, no status (N16). A button shows it to
    /// that person alone.
    pub(crate) async fn beckon(&self, to: &str, user: &str, key: &str) -> Result<String, SendError> {
        let (words, mut long) = (Words::english(), Vec::new());
        let text = say!(words, "discord-something-waits", person = format!("<@{user}>"));
        let show = custom_id(key, 0, &format!("show {key}"), &mut long);
        if !long.is_empty() {
            store::remember_commands(&self.db, &long).await?;
        }
        let buttons = [
            json!({ "type": 2, "style": 1, "label": say!(words, "discord-show-button"), "custom_id": show }),
            directly(),
        ];
        let body = json!({ "content": text, "allowed_mentions": { "users": [user] }, "nonce": hash(key), "enforce_nonce": true,
            "components": [{ "type": 1, "components": buttons }] });
        match self.api.call(&Request::new("POST /channels/:id/messages", to, &[]).body(body)).await {
            Ok(posted) => Ok(format!("{BECKON}{}", word(&posted["id"]))),
            Err(failure) => {
                let gone = failure.code().is_some_and(|c| GONE.contains(&c));
                // The next attempt looks for another place.
                if gone && store::user(&self.db, user).await?.thread.is_some_and(|(thread, _)| thread == to) {
                    store::set_thread(&self.db, user, None).await?;
                    let why = "the thread in which the person is told that something waits is gone".to_owned();
                    return Err(SendError::Retry { why, after_seconds: Some(1) });
                }
                Err(self.api.send_error(failure))
            }
        }
    }

    /// As [`beckon`](Self::beckon), beside what the person said.
    pub(crate) async fn beckon_at(&self, place: &Place, user: &str, key: &str) -> Result<String, SendError> {
        let to = self.target(place).await.map_err(|f| self.api.send_error(f))?;
        self.beckon(&to, user, key).await
    }

    /// Replaces a message. What only says that something waits stays as it is.
    pub(crate) async fn replace(&self, place: &Place, id: &str, new: &Message) -> Result<(), SendError> {
        if id.starts_with(BECKON) {
            return Ok(());
        }
        let rendered = render(new, id);
        if !rendered.long.is_empty() {
            store::remember_commands(&self.db, &rendered.long).await?;
        }
        if let Some(rest) = id.strip_prefix(FLEETING) {
            let (interaction, message) = rest.split_once('/').unwrap_or((rest, "@original"));
            let Some(open) = store::interaction(&self.db, interaction).await? else { return Ok(()) };
            let app = self.options.application_id.as_str();
            let request = Request::new("PATCH /webhooks/:app/:id/messages/:message", &open.token, &[app, message]);
            let last = rendered.contents.len().saturating_sub(1);
            return match self.api.call(&request.body(body(&rendered, last, true))).await {
                Ok(_) => Ok(()),
                Err(failure) if failure.code().is_some() => Ok(()),
                Err(failure) => Err(self.api.send_error(failure)),
            };
        }
        let parts = store::post(&self.db, id).await?.map_or_else(Vec::new, |p| p.parts);
        let parts = if parts.is_empty() { vec![id.to_owned()] } else { parts };
        let to = place.thread.as_ref().filter(|_| !place.direct).unwrap_or(&place.channel);
        let last = rendered.contents.len().saturating_sub(1);
        // From the end: what can be pressed stands in the last part. Parts that are left over say nothing any more.
        for (n, part) in parts.iter().rev().enumerate() {
            let done = match last.checked_sub(n) {
                Some(at) => self.patch(place, to, part, body(&rendered, at, n == 0)).await,
                None => self
                    .api
                    .call(&Request::new("DELETE /channels/:id/messages/:message", to, &[part]))
                    .await
                    .map(|_| ()),
            };
            match done {
                Err(failure) if n > 0 && failure.code().is_some() => {}
                done => done.map_err(|f| self.api.send_error(f))?,
            }
        }
        Ok(())
    }

    async fn patch(&self, place: &Place, to: &str, id: &str, new: Value) -> Result<(), Failure> {
        const EDIT: &str = "PATCH /channels/:id/messages/:message";
        match self.api.call(&Request::new(EDIT, to, &[id]).body(new.clone())).await {
            // It stands in the channel, because no thread could be opened.
            Err(failure) if failure.code() == Some(UNKNOWN_CHANNEL) && to != place.channel => {
                self.api.call(&Request::new(EDIT, &place.channel, &[id]).body(new)).await.map(|_| ())
            }
            done => done.map(|_| ()),
        }
    }
}

fn body(rendered: &Rendered, part: usize, last: bool) -> Value {
    let content = rendered.contents.get(part).map_or("", String::as_str);
    let components = if last { rendered.components.clone() } else { json!([]) };
    json!({ "content": content, "components": components, "allowed_mentions": { "parse": [] }, "flags": NO_EMBEDS })
}

/// The name of a thread for one person.
pub(crate) fn thread_name(name: &str) -> String {
    let words = Words::english();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    stoa_markup::parts::cut(&say!(words, "discord-private-thread-name", name = name), NAME)
}
