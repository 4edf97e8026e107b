//! What the workspace holds: people, conversations, messages, views, and what is under way to the bot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use serde_json::{Value, json};
use stoa_ground::clock;
use tokio::sync::mpsc;

use super::limits::Limits;
use crate::script::Script;

/// The workspace's id.
pub const TEAM: &str = "T0ACME";
/// The bot's user id.
pub const BOT: &str = "U0STOABOT";
/// The bot's own id in messages.
pub const BOT_ID: &str = "B0STOABOT";
pub(super) const APP: &str = "A0STOA";

/// A message as it stands in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The conversation.
    pub channel: String,
    /// Its id and time.
    pub ts: String,
    /// The message that its thread hangs on.
    pub thread: Option<String>,
    /// Who wrote it.
    pub user: String,
    /// The text; for the bot's messages the fallback.
    pub text: String,
    /// The blocks; `null` without any.
    pub blocks: Value,
    /// Metadata; `null` without any.
    pub metadata: Value,
    /// The only person who sees it.
    pub only: Option<String>,
    /// How often it was edited.
    pub edits: usize,
    /// It is a stream that was not ended.
    pub streaming: bool,
}

impl Message {
    /// Everything that it shows, as one text.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut all = vec![self.text.clone()];
        texts(&self.blocks, &mut all);
        all.join("\n")
    }

    /// The delivery key in its metadata.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.metadata["event_payload"]["key"].as_str()
    }

    pub(super) fn json(&self, metadata: bool) -> Value {
        let mut one = json!({ "type": "message", "user": self.user, "text": self.text, "ts": self.ts, "team": TEAM });
        if self.user == BOT {
            (one["bot_id"], one["app_id"]) = (json!(BOT_ID), json!(APP));
        }
        if !self.blocks.is_null() {
            one["blocks"] = self.blocks.clone();
        }
        if let Some(thread) = &self.thread {
            one["thread_ts"] = json!(thread);
        }
        if metadata && !self.metadata.is_null() {
            one["metadata"] = self.metadata.clone();
        }
        if self.edits > 0 {
            one["edited"] = json!({ "user": self.user, "ts": self.ts });
        }
        one
    }
}

/// Everything that blocks show, as one text.
pub(super) fn shown(blocks: &Value) -> String {
    let mut all = Vec::new();
    texts(blocks, &mut all);
    all.join("\n")
}

/// Every `text` in blocks.
fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(fields) => fields.iter().for_each(|(key, one)| match one {
            Value::String(text) if key == "text" => all.push(text.clone()),
            one => texts(one, all),
        }),
        _ => {}
    }
}

/// A conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub members: BTreeSet<String>,
    pub archived: bool,
    /// People of another organisation are in it.
    pub shared: bool,
    /// Only who is in it sees it.
    pub private: bool,
    /// Whose direct conversation with the bot it is.
    pub direct: Option<String>,
}

/// A modal that a person has open, or had.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its id.
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// As the bot gave it.
    pub view: Value,
    /// Whether it is still open.
    pub open: bool,
    /// What the bot said is wrong with its fields.
    pub errors: Value,
    pub(super) hash: usize,
}

/// One call of the Web API.
#[derive(Clone, Debug)]
pub struct Call {
    /// For example `chat.postMessage`.
    pub method: String,
    /// What it was called with.
    pub args: Value,
    /// `ok`, or Slack's error code, or the HTTP status.
    pub answer: String,
    /// The workspace whose token it came with; empty without one.
    pub team: String,
    /// The token.
    pub token: String,
    /// When it came.
    pub at: Instant,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429 with so many seconds in `Retry-After`; nothing is done.
    Limited(u64),
    /// 500; nothing is done.
    Failing,
    /// 500, although it was done.
    FailingAfter,
    /// No answer, although it was done.
    Hanging,
    /// Refused with this code; nothing is done.
    Refused(&'static str),
    /// 404 without a word of Slack's, as simpler servers answer what they do not have.
    Missing,
}

/// How something goes to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    Command,
    Interactive,
}

impl Kind {
    pub fn envelope(self) -> &'static str {
        match self {
            Self::Event => "events_api",
            Self::Command => "slash_commands",
            Self::Interactive => "interactive",
        }
    }
}

/// Something on its way to the bot.
pub(super) struct Delivery {
    pub kind: Kind,
    pub payload: Value,
    pub attempts: usize,
    pub begun: Instant,
    pub sent: Option<Instant>,
    /// When the bot acknowledged it, and with what.
    pub acked: Option<(Instant, Value)>,
    /// How often it was acknowledged.
    pub acks: usize,
}

/// What a connection of Socket Mode is told.
pub(super) enum Order {
    Text(String),
    /// Ends it without a word.
    Abort,
}

/// A connection of Socket Mode.
pub(super) struct Line {
    pub orders: mpsc::UnboundedSender<Order>,
    pub draining: bool,
}

#[derive(Default)]
pub(super) struct Kept {
    pub users: BTreeMap<String, Value>,
    /// When people do not want to be disturbed, each time after the other (seconds since 1970).
    pub silences: BTreeMap<String, Vec<(i64, i64)>>,
    pub channels: BTreeMap<String, Channel>,
    /// The direct conversation of each person with the bot.
    pub directs: HashMap<String, String>,
    /// In the order of their time stamps.
    pub messages: Vec<Message>,
    pub reactions: Vec<Value>,
    pub views: Vec<View>,
    /// Threads of the assistant pane: title, status and prompts.
    pub panes: BTreeMap<(String, String), Value>,
    pub ended_streams: Vec<Instant>,
    pub homes: BTreeMap<String, Value>,
    /// Whose trigger it is, when it was given, and whether it was used.
    pub triggers: BTreeMap<String, (String, Instant, bool)>,
    /// Response addresses: conversation, person, uses, and the message whose button was pressed.
    pub responses: BTreeMap<String, (String, String, usize, Option<String>)>,
    /// What the code of an installation is changed into: the token, the workspace's id and name, and for how many seconds
    /// the token holds.
    pub codes: BTreeMap<String, (String, String, String, Option<u64>)>,
    /// Bot tokens that hold, with their workspace or organisation; beside the usual one.
    pub tokens: BTreeMap<String, String>,
    /// The scopes of tokens that have not the usual ones.
    pub granted: BTreeMap<String, String>,
    /// The scopes of tokens are not said.
    pub hides_scopes: bool,
    /// Names of workspaces and organisations.
    pub names: BTreeMap<String, String>,
    /// The organisation of workspaces that belong to one.
    pub organisations: BTreeMap<String, String>,
    /// The usual bot token was renewed; it holds until its end.
    pub rotated: bool,
    pub tickets: BTreeSet<String>,
    pub calls: Vec<Call>,
    pub mentions: Vec<String>,
    pub refused: Vec<String>,
    pub script: Script<Trouble>,
    pub deliveries: Vec<Delivery>,
    /// Those that were not acknowledged.
    pub waiting: BTreeSet<usize>,
    /// Of which delivery each envelope was.
    pub envelopes: HashMap<String, usize>,
    /// How many messages go into a conversation and into all of them; none where nothing is limited.
    pub limits: Option<Limits>,
    pub lines: BTreeMap<usize, Line>,
    pub last_line: usize,
    pub opened: usize,
    /// Acknowledgements of envelopes that nobody sent.
    pub strays: Vec<String>,
    pub serial: usize,
    last_ts: i64,
}

impl Kept {
    pub fn next(&mut self) -> usize {
        self.serial += 1;
        self.serial
    }

    /// A time stamp as Slack's: no two are equal.
    pub fn ts(&mut self) -> String {
        let now = clock::wall().0.max(self.last_ts + 1);
        self.last_ts = now;
        format!("{}.{:06}", now / 1_000_000, now % 1_000_000)
    }

    /// The direct conversation of a person with the bot.
    pub fn direct(&mut self, user: &str) -> String {
        if let Some(known) = self.directs.get(user) {
            return known.clone();
        }
        let id = format!("D{}", user.trim_start_matches(['U', 'W']));
        let members = BTreeSet::from([user.to_owned(), BOT.to_owned()]);
        self.channels.insert(id.clone(), Channel { members, direct: Some(user.to_owned()), ..Channel::default() });
        self.directs.insert(user.to_owned(), id.clone());
        id
    }

    /// Where a message stands among all.
    pub fn position(&self, channel: &str, ts: &str) -> Option<usize> {
        let at = self.messages.binary_search_by(|m| m.ts.as_str().cmp(ts)).ok()?;
        (self.messages[at].channel == channel).then_some(at)
    }

    pub fn trigger(&mut self, user: &str) -> String {
        let id = format!("{}.{}.trigger", self.next(), clock::wall().0);
        self.triggers.insert(id.clone(), (user.to_owned(), clock::monotonic(), false));
        id
    }

    /// Uses a trigger: whose it is, or Slack's error code.
    pub fn pull(&mut self, trigger: &str) -> Result<String, &'static str> {
        match self.triggers.get_mut(trigger) {
            None => Err("invalid_trigger_id"),
            Some((_, _, true)) => Err("exchanged_trigger_id"),
            Some((_, given, _)) if given.elapsed().as_millis() > 3_000 => Err("expired_trigger_id"),
            Some((user, _, used)) => {
                *used = true;
                Ok(user.clone())
            }
        }
    }

    /// What the bot acknowledged, and its answer to a modal.
    pub fn acknowledge(&mut self, at: usize, payload: &Value) {
        let Some(delivery) = self.deliveries.get_mut(at) else { return };
        delivery.acks += 1;
        if delivery.acked.is_some() {
            return;
        }
        delivery.acked = Some((clock::monotonic(), payload.clone()));
        self.waiting.remove(&at);
        if delivery.payload["type"] != "view_submission" {
            return;
        }
        let id = delivery.payload["view"]["id"].as_str().unwrap_or_default().to_owned();
        let Some(view) = self.views.iter_mut().find(|v| v.id == id) else { return };
        match payload["response_action"].as_str() {
            Some("errors") => view.errors = payload["errors"].clone(),
            Some("update") => {
                if let Err(why) = super::check::view(&payload["view"]) {
                    self.refused.push(format!("the answer to a modal: {why}"));
                }
                view.view = payload["view"].clone();
                view.errors = Value::Null;
            }
            None | Some("clear") => view.open = false,
            Some(other) => self.refused.push(format!("response_action {other}")),
        }
    }
}
