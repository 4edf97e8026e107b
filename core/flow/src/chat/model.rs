//! Accounts, places and events: what every adapter maps its platform to.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stoa_ground::{Error, Instant};

use super::{Audience, Message};

/// An account on a platform. It belongs to a person once it is linked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// `web`, `slack`, `discord`, or the name of a bridge.
    pub platform: String,
    /// The workspace or guild; empty where the platform has none.
    pub workspace: String,
    /// The user's id on the platform.
    pub user: String,
}

impl From<stoa_ground::people::Account> for Account {
    fn from(a: stoa_ground::people::Account) -> Self {
        Self { platform: a.platform, workspace: a.workspace, user: a.user }
    }
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// See [`Account::platform`].
    pub platform: String,
    /// See [`Account::workspace`].
    pub workspace: String,
    /// The conversation's id on the platform.
    pub channel: String,
    /// The id of the message that the thread hangs on, inside a thread.
    pub thread: Option<String>,
    /// Whether only this person and the bot read here.
    pub direct: bool,
}

/// A channel as the configuration names it: `PLATFORM/CHANNEL` or `PLATFORM/WORKSPACE/CHANNEL`.
impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        let (platform, workspace, channel) = match parts[..] {
            [platform, channel] => (platform, "", channel),
            [platform, workspace, channel] => (platform, workspace, channel),
            _ => ("", "", ""),
        };
        if platform.is_empty() || channel.is_empty() {
            let say = "is neither PLATFORM/CHANNEL nor PLATFORM/WORKSPACE/CHANNEL, for example slack/C0123";
            return Err(Error::invalid(format!("'{text}' {say}")));
        }
        Ok(Self {
            platform: platform.to_owned(),
            workspace: workspace.to_owned(),
            channel: channel.to_owned(),
            thread: None,
            direct: false,
        })
    }
}

/// A message on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// Where it stands.
    pub place: Place,
    /// The platform's id of the message.
    pub id: String,
}

/// One inbound event, as an adapter hands it over after it has verified where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The platform's event key, with the platform's name in front; a repeat of it is dropped.
    pub key: String,
    /// When it happened, by the platform's own time stamp.
    pub at: Instant,
    /// Who did it.
    pub account: Account,
    /// Where.
    pub place: Place,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody wrote. In channels only what is addressed to the bot (`to_bot`) is answered.
    Message { id: String, text: String, to_bot: bool },
    /// A message was changed by its author.
    Edited { id: String, text: String },
    /// A message was deleted.
    Deleted { id: String },
    /// A slash command: `word` without the slash.
    Command { word: String, args: String },
    /// A button was pressed; `command` is the whole command line of [`super::Button`].
    Action { command: String, message: Option<String> },
    /// A form was sent; `command` is the command line of [`super::Form`].
    Submit { command: String, values: BTreeMap<String, String> },
    /// A message shortcut ("save as tip") on somebody's message. `command` is the command line of the shortcut.
    Shortcut { command: String, message: ThreadMessage },
    /// A reaction was set or taken away.
    Reaction { message: String, emoji: String, added: bool },
}

/// One message of a thread, as the platform has it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadMessage {
    /// The platform's id of the message.
    pub id: String,
    /// Its author; `None` for the bot itself.
    pub author: Option<Account>,
    /// The author's display name on the platform.
    pub name: String,
    /// The text.
    pub text: String,
    /// When it was written.
    pub at: Instant,
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It may work later, after so many seconds if the platform said so. It may have been sent all the same.
    #[error("{why}")]
    Retry { why: String, after_seconds: Option<u64> },
    /// As [`Retry`](Self::Retry), but certainly nothing was sent: there is nothing to look for.
    #[error("{why}")]
    Unsent { why: String, after_seconds: Option<u64> },
    /// Nothing was sent, because the platform's limit is reached: it may be sent after so long. `everything`: what else goes
    /// to this platform waits as well.
    #[error("{why}")]
    Wait { why: String, after: Duration, everything: bool },
    /// It will not work: the place is gone or closed to us. Another place is tried.
    #[error("{0}")]
    Unreachable(String),
    /// The platform refuses this message for good.
    #[error("{0}")]
    Refused(String),
}

/// What a platform said; nothing where it will never say it.
///
/// # Errors
/// [`Error::Io`] where it is to be asked again.
pub fn looked_up<T>(said: Result<T, SendError>) -> stoa_ground::Result<Option<T>> {
    match said {
        Ok(found) => Ok(Some(found)),
        Err(SendError::Retry { why, .. } | SendError::Unsent { why, .. } | SendError::Wait { why, .. }) => {
            Err(Error::Io(why))
        }
        Err(SendError::Unreachable(_) | SendError::Refused(_)) => Ok(None),
    }
}

impl From<stoa_ground::Error> for SendError {
    fn from(e: stoa_ground::Error) -> Self {
        Self::Retry { why: e.to_string(), after_seconds: None }
    }
}

/// A chat platform, as the delivery sees it. Adapters implement it; they translate and decide nothing.
#[async_trait]
pub trait Platform: Send + Sync {
    /// The name in [`Account::platform`].
    fn name(&self) -> &str;

    /// What people call this platform, for example `Slack`.
    fn title(&self) -> String {
        let mut letters = self.name().chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// Whether it tells in which time zone people are. Where it does not, they are asked, once.
    fn tells_zones(&self) -> bool {
        true
    }

    /// Whether it shows each reader an instant in their own local time. Where it does not, the words about it stand alone.
    fn shows_moments(&self) -> bool {
        false
    }

    /// What people call a workspace of it; `None` when it has no name that is known.
    async fn workspace_name(&self, _workspace: &str) -> Option<String> {
        None
    }

    /// Posts a message. `key` is the delivery key: the platform keeps it where it can, so that [`find`](Self::find) can
    /// tell after an uncertain send. `only` limits it to one account where the platform can (an ephemeral message).
    /// Gives the platform's message id.
    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError>;

    /// Replaces a posted message.
    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError>;

    /// Whether a posted message may be edited several times while it is being written, so that an answer is shown as it
    /// grows. Where it may not, the message is posted once, when it is whole.
    fn grows(&self) -> bool {
        false
    }

    /// Whether [`find`](Self::find) finds what one account alone was shown where others are. Where it does not, such a
    /// message counts as sent when it may have been: it is never the only copy of anything.
    fn finds_ephemeral(&self) -> bool {
        true
    }

    /// The id of the message that was posted with this delivery key, if it arrived. Nothing was sent before `since`.
    async fn find(&self, place: &Place, key: &str, since: Instant) -> Result<Option<String>, SendError>;

    /// How long after a call was cut off what it said may still come to stand in the chat.
    fn settles(&self) -> Duration {
        Duration::ZERO
    }

    /// The place where the bot and this account talk alone.
    async fn direct(&self, account: &Account) -> Result<Place, SendError>;

    /// A place as the platform calls it, once something was posted there.
    async fn settled(&self, place: &Place) -> Place {
        place.clone()
    }

    /// What needs the operator: keys that begin with the platform's name, and sentences.
    fn troubles(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The messages of a thread, oldest first, the one it hangs on included.
    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError>;

    /// One message by its id, and where it stands in a thread, the id of the one that this hangs on. None when it is gone.
    async fn message(&self, place: &Place, id: &str) -> Result<Option<(ThreadMessage, Option<String>)>, SendError> {
        let thread = place.thread.clone().unwrap_or_else(|| id.to_owned());
        let found = self.thread(&Place { thread: Some(thread), ..place.clone() }).await?;
        Ok(found.into_iter().find(|m| m.id == id).map(|m| (m, place.thread.clone())))
    }

    /// Whether somebody whose account belongs to nobody may have an answer. It is asked when their event is handled: what a
    /// platform has to look up for it delays no acknowledgement. Whom it refuses it tells so itself.
    async fn admits(&self, _envelope: &Envelope) -> Result<bool, SendError> {
        Ok(true)
    }

    /// Who reads in a place. A platform that does not tell leaves it closed.
    async fn audience(&self, _place: &Place) -> Result<Audience, SendError> {
        Ok(Audience::default())
    }

    /// The web address of a message, where the platform has one.
    async fn link(&self, _place: &Place, _message: &str) -> Option<String> {
        None
    }
}
