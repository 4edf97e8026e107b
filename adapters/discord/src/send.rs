//! How one message is sent, found again and edited.

use serde_json::json;
use stoa_flow::chat::{Message, Place, SendError};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Instant;
use stoa_ground::clock::wall;

use crate::api::{
    CLOSED_TO_US, Failure, HAS_THREAD, MAY_NOT, Request, UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK,
    WEBHOOK_TOKEN,
};
use crate::app::App;
use crate::events::{Channel, PUBLIC_THREAD};
use crate::find::{BECKON, FLEETING, digest, is_loading};
use crate::ids::{self, hash, word};
use crate::render::{NO_EMBEDS, Rendered, hidden_id, part_key, render};
use crate::store::{self, Interaction, Kind, UNKNOWN};
use crate::take::{EPHEMERAL, directly};

/// Characters of a thread's name.
const NAME: usize = 90;

/// Why a thread takes nothing any more: it is gone, archived or locked, or we are not in its server or may not write there.
const GONE: [i64; 5] = [UNKNOWN_CHANNEL, 50_001, MAY_NOT, 50_083, 160_005];

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
        if !self.has_no_threads(PUBLIC_THREAD, &place.channel) {
            let request = Request::new("POST /channels/:id/messages/:message/threads", &place.channel, &[thread]);
            let body = json!({ "name": say!(Words::english(), "discord-thread-name"), "auto_archive_duration": 1_440 });
            match self.api.call(&request.body(body)).await {
                Ok(made) => {
                    self.know(thread, Channel::read(&made, &place.workspace));
                    return Ok(thread.clone());
                }
                Err(failure) if failure.code() == Some(HAS_THREAD) => {
                    self.is_thread(thread, place);
                    return Ok(thread.clone());
                }
                Err(failure) if failure.passes() => return Err(failure),
                Err(failure) => {
                    tracing::debug!(?failure, "no thread can be opened");
                    if failure.code() == Some(MAY_NOT) {
                        self.no_threads_in(PUBLIC_THREAD, &place.channel);
                    }
                }
            }
        }
        // It is a thread already, or there can be none: then beside the message.
        Ok(if self.channel(thread).await.is_ok() { thread.clone() } else { place.channel.clone() })
    }

    fn is_thread(&self, thread: &str, place: &Place) {
        let channel = Channel {
            guild: place.workspace.clone(),
            parent: Some(place.channel.clone()),
            name: String::new(),
            kind: PUBLIC_THREAD,
        };
        self.know(thread, channel);
    }

    /// Posts a message where everybody there reads it.
    pub(crate) async fn post(&self, place: &Place, message: &Message, key: &str) -> Result<String, SendError> {
        let rendered = render(message, key);
        let to = self.target(place).await.map_err(|f| self.api.send_error(f))?;
        self.remember(&rendered, key).await?;
        let parts = if rendered.last() == 0 { Vec::new() } else { self.parts_sent(key, rendered.last()).await? };
        self.post_rest(place, &to, &rendered, key, parts).await
    }

    /// Posts the parts of a message that do not stand there yet.
    async fn post_rest(
        &self,
        place: &Place,
        to: &str,
        rendered: &Rendered,
        key: &str,
        mut parts: Vec<String>,
    ) -> Result<String, SendError> {
        let last = rendered.last();
        for n in parts.len()..=last {
            let mut body = rendered.body(n);
            (body["nonce"], body["enforce_nonce"]) = (json!(nonce(&part_key(key, n, last), to)), json!(true));
            if to == place.channel
                && !place.direct
                && let Some(thread) = &place.thread
            {
                body["message_reference"] = json!({ "message_id": thread, "fail_if_not_exists": false });
            }
            match self.api.call(&Request::new("POST /channels/:id/messages", to, &[]).body(body)).await {
                Ok(posted) => {
                    parts.push(word(&posted["id"]).to_owned());
                    self.part_sent(key, last, &parts).await?;
                }
                Err(failure) => return Err(self.not_posted(place, to, failure).await?),
            }
        }
        Ok(parts.pop().unwrap_or_default())
    }

    /// The messages that an earlier attempt made of one whose parts are numbered to `last`.
    async fn parts_sent(&self, key: &str, last: usize) -> Result<Vec<String>, SendError> {
        let kept = store::post(&self.db, &hash(key)).await?;
        let mut parts = kept.map_or_else(Vec::new, |kept| kept.parts);
        parts.truncate(last + 1);
        Ok(parts)
    }

    /// A part of a long message was sent: it is kept, so that it is not said again, and at last all of them under the id
    /// of the last, by which it is edited.
    async fn part_sent(&self, key: &str, last: usize, parts: &[String]) -> Result<(), SendError> {
        if last > 0 {
            store::remember_parts(&self.db, &hash(key), parts).await?;
            if let Some(known) = parts.get(last) {
                store::remember_whole(&self.db, known, parts).await?;
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
        if let Some(part) = rendered.parts.last().filter(|part| part.rows.is_empty()) {
            store::remember_post(&self.db, &hash(key), &digest(&part.content)).await?;
        }
        Ok(())
    }

    /// Answers an interaction in its place; none when it cannot be answered any more. `number` is that of the answer.
    pub(crate) async fn answer(
        &self,
        to: &Interaction,
        place: &Place,
        message: &Message,
        key: &str,
        number: usize,
    ) -> Result<Option<String>, SendError> {
        let rendered = render(message, key);
        self.remember(&rendered, key).await?;
        let last = rendered.last();
        let mut parts = self.parts_sent(key, last).await?;
        for n in parts.len()..=last {
            let first = n == 0 && number == 0 && to.kind != Kind::Button;
            if !first && to.kind == Kind::Direct {
                return self.post_rest(place, &place.channel, &rendered, key, parts).await.map(Some);
            }
            let mut body = rendered.body(n);
            let app = self.options.application_id.as_str();
            let request = if first {
                Request::new("PATCH /webhooks/:app/:id/messages/@original", &to.token, &[app])
            } else {
                body["flags"] = json!(EPHEMERAL | NO_EMBEDS);
                // Nobody can look for it later: from here on it counts as said, unless Discord says that it is not.
                let with = [&parts[..], &[UNKNOWN.to_owned()]].concat();
                store::remember_parts(&self.db, &hash(key), &with).await?;
                Request::new("POST /webhooks/:app/:id", &to.token, &[app]).query("wait=true")
            };
            match self.api.call(&request.body(body)).await {
                Ok(said) => {
                    parts.push(word(&said["id"]).to_owned());
                    if !first {
                        store::remember_parts(&self.db, &hash(key), &parts).await?;
                    }
                    self.part_sent(key, last, &parts).await?;
                }
                Err(failure) => {
                    if !first && !failure.is_uncertain() {
                        store::remember_parts(&self.db, &hash(key), &parts).await?;
                    }
                    if !failure.code().is_some_and(|c| EXPIRED.contains(&c)) {
                        return Err(self.api.send_error(failure));
                    }
                    // It was acknowledged a moment ago and Discord may not know it yet.
                    let young = ids::instant(&to.id).plus(10 * Instant::SECOND) > wall();
                    if young {
                        let why = "Discord does not know the interaction yet".to_owned();
                        return Err(SendError::Retry { why, after_seconds: Some(2) });
                    }
                    return Ok(None);
                }
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
        if done.is_err_and(|failure| failure.passes()) {
            return;
        }
        if let Err(error) = store::answered(&self.db, &about.id).await {
            tracing::warn!(%error, "that an interaction is answered could not be noted");
        }
    }

    /// Tells a person, where others may read it, only that something waits: no course, no status (N16). A button shows it to
    /// that person alone.
    pub(crate) async fn beckon(&self, to: &str, user: &str, key: &str) -> Result<String, SendError> {
        let words = Words::english();
        let text = say!(words, "discord-something-waits", person = format!("<@{user}>"));
        // The key says what it is about.
        let (show, command) = hidden_id(key, 0, &format!("show {key}"));
        store::remember_commands(&self.db, &[command]).await?;
        let buttons = [
            json!({ "type": 2, "style": 1, "label": say!(words, "discord-show-button"), "custom_id": show }),
            directly(),
        ];
        let body = json!({ "content": text, "allowed_mentions": { "users": [user] }, "nonce": nonce(key, to), "enforce_nonce": true,
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
        let Some(rest) = id.strip_prefix(FLEETING) else {
            let to = place.thread.as_ref().filter(|_| !place.direct).unwrap_or(&place.channel);
            let done = match self.replace_parts(&Stands::In(to), id, &rendered).await {
                // It stands in the channel, because no thread could be opened.
                Err(Unreplaced(failure)) if failure.code() == Some(UNKNOWN_CHANNEL) && *to != place.channel => {
                    self.replace_parts(&Stands::In(&place.channel), id, &rendered).await
                }
                done => done,
            };
            return done.map_err(|Unreplaced(failure)| self.api.send_error(failure));
        };
        let (interaction, known) = rest.split_once('/').unwrap_or((rest, "@original"));
        if known == UNKNOWN {
            return Ok(());
        }
        let Some(open) = store::interaction(&self.db, interaction).await? else { return Ok(()) };
        match self.replace_parts(&Stands::Alone(&open), known, &rendered).await {
            Err(Unreplaced(failure)) if failure.passes() => Err(self.api.send_error(failure)),
            _ => Ok(()),
        }
    }

    /// Replaces the messages that one became. It stays known by the same one of them, `known`.
    async fn replace_parts(&self, stands: &Stands<'_>, known: &str, new: &Rendered) -> Result<(), Unreplaced> {
        let kept = store::post(&self.db, known).await?.map_or_else(Vec::new, |post| post.parts);
        let kept = if kept.iter().any(|part| part == known) { kept } else { vec![known.to_owned()] };
        let mut old = kept.clone();
        let mut parts = loop {
            match self.change_parts(stands, known, &old, new).await? {
                Changed::All(parts) => break parts,
                // Somebody deleted it: what it said goes into another.
                Changed::Not(gone) => old.retain(|part| *part != gone),
            }
        };
        if parts != kept {
            store::remember_whole(&self.db, known, &parts).await?;
        }
        for n in parts.len()..new.parts.len() {
            let mut body = new.body(n);
            let request = match stands {
                Stands::In(channel) => {
                    // The same when this is tried again, and another in the next edit: Discord would give the message that
                    // the one before deleted.
                    let since = store::post(&self.db, known).await?.map_or(0, |post| post.begun.0);
                    let key = format!("{known}/{n}/{since}");
                    (body["nonce"], body["enforce_nonce"]) = (json!(nonce(&key, channel)), json!(true));
                    Request::new("POST /channels/:id/messages", channel, &[])
                }
                Stands::Alone(open) => {
                    body["flags"] = json!(EPHEMERAL | NO_EMBEDS);
                    // As in an answer: from here on it counts as said.
                    let with = [&parts[..], &[UNKNOWN.to_owned()]].concat();
                    store::remember_whole(&self.db, known, &with).await?;
                    Request::new("POST /webhooks/:app/:id", &open.token, &[&self.options.application_id])
                        .query("wait=true")
                }
            };
            let posted = match self.api.call(&request.body(body)).await {
                Ok(posted) => posted,
                Err(failure) => {
                    if matches!(stands, Stands::Alone(_)) && !failure.is_uncertain() {
                        store::remember_whole(&self.db, known, &parts).await?;
                    }
                    return Err(Unreplaced(failure));
                }
            };
            let id = word(&posted["id"]).to_owned();
            // An attempt before this one may have said something else.
            if posted["content"].as_str().is_some_and(|said| said.trim() != new.parts[n].content.trim()) {
                let request = self.about(stands, "PATCH", &id).body(new.body(n));
                self.api.call(&request).await.map_err(Unreplaced)?;
            }
            parts.push(id);
            store::remember_whole(&self.db, known, &parts).await?;
        }
        Ok(())
    }

    /// Changes the messages that one became so far, and takes away those that are too many.
    async fn change_parts(
        &self,
        stands: &Stands<'_>,
        known: &str,
        old: &[String],
        new: &Rendered,
    ) -> Result<Changed, Unreplaced> {
        let at = old.iter().position(|part| part == known).unwrap_or_default();
        // What is left over is taken away from the side on which it is not known.
        let first = (at + 1).saturating_sub(new.parts.len());
        let mut parts = Vec::new();
        for (n, part) in old.iter().enumerate() {
            let stays = n.checked_sub(first).filter(|n| *n < new.parts.len());
            if part != UNKNOWN {
                let request = match stays {
                    Some(n) => self.about(stands, "PATCH", part).body(new.body(n)),
                    None => self.about(stands, "DELETE", part),
                };
                match self.api.call(&request).await {
                    Err(failure) if part == known || failure.passes() => return Err(Unreplaced(failure)),
                    Err(failure) if stays.is_some() && failure.code() == Some(UNKNOWN_MESSAGE) => {
                        return Ok(Changed::Not(part.clone()));
                    }
                    _ => {}
                }
            }
            if stays.is_some() {
                parts.push(part.clone());
            }
        }
        Ok(Changed::All(parts))
    }

    /// A call about one message.
    fn about(&self, stands: &Stands<'_>, verb: &str, message: &str) -> Request {
        let app = self.options.application_id.as_str();
        match (stands, verb) {
            (Stands::In(channel), "DELETE") => {
                Request::new("DELETE /channels/:id/messages/:message", channel, &[message])
            }
            (Stands::In(channel), _) => Request::new("PATCH /channels/:id/messages/:message", channel, &[message]),
            (Stands::Alone(open), "DELETE") => {
                Request::new("DELETE /webhooks/:app/:id/messages/:message", &open.token, &[app, message])
            }
            (Stands::Alone(open), _) => {
                Request::new("PATCH /webhooks/:app/:id/messages/:message", &open.token, &[app, message])
            }
        }
    }
}

/// Where messages stand that are replaced.
enum Stands<'a> {
    /// In a conversation.
    In(&'a str),
    /// Where one person alone sees them, as answers to an interaction.
    Alone(&'a Interaction),
}

/// What became of the messages that one became.
enum Changed {
    /// These stand there as they should.
    All(Vec<String>),
    /// This one is gone.
    Not(String),
}

/// Why a message was not replaced.
struct Unreplaced(Failure);

impl From<stoa_ground::Error> for Unreplaced {
    fn from(error: stoa_ground::Error) -> Self {
        Self(Failure::Later { why: error.to_string(), after: None })
    }
}

/// By which Discord knows a message that is sent again, of the bot and for a few minutes, wherever it says it.
pub(crate) fn nonce(key: &str, to: &str) -> String {
    hash(&format!("{key}@{to}"))
}

/// The name of a thread for one person.
pub(crate) fn thread_name(name: &str) -> String {
    let words = Words::english();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    stoa_markup::parts::cut(&say!(words, "discord-private-thread-name", name = name), NAME)
}
