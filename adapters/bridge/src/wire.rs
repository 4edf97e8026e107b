//! The JSON of the protocol, and its mapping to the flow's own types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_flow::chat::{Account, Envelope, Event, Message, Place, ThreadMessage};
use stoa_ground::Instant;

/// The most characters of a key or an id.
const ID: usize = 200;

/// One event as the other side posts it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Incoming {
    pub key: String,
    at: String,
    account: User,
    place: Where,
    event: Happened,
}

/// A user of the chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    workspace: String,
    user: String,
    /// Allowed for the convenience of the sender; the person's name comes from the roster.
    #[serde(default, rename = "name", skip_serializing)]
    _name: Option<String>,
}

/// A place in the chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Where {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    workspace: String,
    channel: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    #[serde(default)]
    direct: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Happened {
    Message {
        id: String,
        text: String,
        to_bot: bool,
    },
    Edited {
        id: String,
        text: String,
    },
    Deleted {
        id: String,
    },
    Command {
        word: String,
        #[serde(default)]
        args: String,
    },
    Action {
        command: String,
        message: Option<String>,
    },
    Submit {
        command: String,
        values: BTreeMap<String, String>,
    },
    Shortcut {
        command: String,
        message: Written,
    },
    Reaction {
        message: String,
        emoji: String,
        added: bool,
    },
}

/// A message of a thread.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    id: String,
    /// Absent for Stoa's own messages.
    author: Option<User>,
    #[serde(default)]
    name: String,
    text: String,
    at: String,
}

/// A message as it is posted to the other side, or as it replaces another.
#[derive(Debug, Serialize)]
pub(crate) struct Outgoing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    pub place: Where,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<User>,
    pub message: &'a Message,
    pub text: String,
}

/// The answer to a posted message, and to the question for one.
#[derive(Debug, Deserialize)]
pub(crate) struct Posted {
    pub id: String,
}

/// The answer to `POST /direct`.
#[derive(Debug, Deserialize)]
pub(crate) struct Direct {
    pub channel: String,
}

/// The answer to `GET /channels/{id}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Reads {
    #[serde(default)]
    pub open: bool,
    #[serde(default)]
    pub outsiders: bool,
}

/// The answer to `GET /threads`.
#[derive(Debug, Deserialize)]
pub(crate) struct Thread {
    pub messages: Vec<Written>,
}

impl From<&Account> for User {
    fn from(a: &Account) -> Self {
        Self { workspace: a.workspace.clone(), user: a.user.clone(), _name: None }
    }
}

impl From<&Place> for Where {
    fn from(p: &Place) -> Self {
        Self { workspace: p.workspace.clone(), channel: p.channel.clone(), thread: p.thread.clone(), direct: p.direct }
    }
}

impl User {
    fn account(self, platform: &str) -> Account {
        Account { platform: platform.to_owned(), workspace: self.workspace, user: self.user }
    }
}

impl Written {
    /// The flow's own form.
    pub(crate) fn message(self, platform: &str, at: &str) -> Result<ThreadMessage, String> {
        id(&self.id, at, "id")?;
        Ok(ThreadMessage {
            id: self.id,
            author: self.author.map(|u| u.account(platform)),
            name: self.name,
            text: self.text,
            at: instant(&self.at, at)?,
        })
    }
}

impl Incoming {
    /// The event with the platform's name in front of its key; a sentence that names the field that is wrong.
    pub(crate) fn envelope(self, platform: &str) -> Result<Envelope, String> {
        id(&self.key, "", "key")?;
        id(&self.account.user, "account.", "user")?;
        id(&self.place.channel, "place.", "channel")?;
        let optional = [("account.", &self.account.workspace), ("place.", &self.place.workspace)];
        for (at, workspace) in optional.into_iter().filter(|(_, w)| !w.is_empty()) {
            id(workspace, at, "workspace")?;
        }
        if let Some(thread) = &self.place.thread {
            id(thread, "place.", "thread")?;
        }
        let place = Place {
            platform: platform.to_owned(),
            workspace: self.place.workspace,
            channel: self.place.channel,
            thread: self.place.thread,
            direct: self.place.direct,
        };
        let event = match self.event {
            Happened::Message { id: m, text, to_bot } => {
                id(&m, "event.message.", "id")?;
                Event::Message { id: m, text, to_bot }
            }
            Happened::Edited { id: m, text } => {
                id(&m, "event.edited.", "id")?;
                Event::Edited { id: m, text }
            }
            Happened::Deleted { id: m } => {
                id(&m, "event.deleted.", "id")?;
                Event::Deleted { id: m }
            }
            Happened::Command { word, args } => {
                id(&word, "event.command.", "word")?;
                Event::Command { word: word.trim_start_matches('/').to_owned(), args }
            }
            Happened::Action { command, message } => {
                if let Some(message) = &message {
                    id(message, "event.action.", "message")?;
                }
                Event::Action { command, message }
            }
            Happened::Submit { command, values } => Event::Submit { command, values },
            Happened::Shortcut { command, message } => {
                Event::Shortcut { command, message: message.message(platform, "event.shortcut.message.")? }
            }
            Happened::Reaction { message, emoji, added } => {
                id(&message, "event.reaction.", "message")?;
                id(&emoji, "event.reaction.", "emoji")?;
                Event::Reaction { message, emoji, added }
            }
        };
        let account = self.account.account(platform);
        Ok(Envelope { key: format!("{platform}/{}", self.key), at: instant(&self.at, "")?, account, place, event })
    }
}

fn id(text: &str, at: &str, field: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > ID || text.chars().any(char::is_control) {
        return Err(format!("{at}{field} must have 1 to {ID} characters and no control characters"));
    }
    Ok(())
}

fn instant(text: &str, at: &str) -> Result<Instant, String> {
    Instant::parse(text).map_err(|e| format!("{at}at: {e}"))
}
