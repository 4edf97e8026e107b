//! What the stand-in holds: people, servers, conversations, messages, interactions, and the sessions of the gateway.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_ground::clock;
use tokio::sync::mpsc;

use crate::script::Script;

/// The application.
pub const APP: &str = "100000000000000001";
/// The bot's user id.
pub const BOT: &str = "100000000000000002";
/// The bot's token.
pub const TOKEN: &str = "stand.in.token";
/// The privileged intent for the content of messages.
pub(super) const CONTENT: u64 = 1 << 15;
/// Discord's epoch in milliseconds since 1970.
const EPOCH: i64 = 1_420_070_400_000;

/// A message as it stands in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The conversation; of a message in a thread the thread.
    pub channel: String,
    /// Its id.
    pub id: String,
    /// Who wrote it.
    pub user: String,
    /// The text.
    pub content: String,
    /// Rows of buttons.
    pub components: Value,
    /// The only person who sees it.
    pub only: Option<String>,
    /// Whether it only says that the bot thinks.
    pub loading: bool,
    /// How often it was edited.
    pub edits: usize,
    /// Whom it really mentions.
    pub pings: Vec<String>,
    pub(super) nonce: String,
    /// The token of the interaction that it answers.
    pub(super) answers: Option<String>,
}

impl Message {
    /// As the bot reads it over REST. Without the intent for the content of messages it reads only what it wrote itself,
    /// what mentions it, and what is said to it alone.
    pub(super) fn read(&self, kept: &Kept) -> Value {
        let mut d = self.json(kept);
        let direct = kept.channels.get(&self.channel).is_some_and(|c| c.guild.is_none());
        if !direct && kept.privileged & CONTENT == 0 {
            without_content(&mut d);
        }
        d
    }

    /// All that it shows: text and labels.
    #[must_use]
    pub fn shown(&self) -> String {
        let labels = self.buttons().map(|b| format!("[{}]", b["label"].as_str().unwrap_or_default()));
        std::iter::once(self.content.clone()).chain(labels).collect::<Vec<_>>().join("\n")
    }

    /// Its buttons.
    pub fn buttons(&self) -> impl Iterator<Item = &Value> {
        self.components
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|row| row["components"].as_array().into_iter().flatten())
    }

    /// The hash of the delivery key in its buttons.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        let id = self.buttons().find_map(|b| b["custom_id"].as_str()?.strip_prefix("s:"))?;
        id.split(':').next().map(str::to_owned)
    }

    /// Whether it was posted less than this ago.
    pub(super) fn is_younger(&self, than: stoa_ground::Instant) -> bool {
        clock::wall().0 - made(&self.id).0 < than.0
    }

    pub(super) fn json(&self, kept: &Kept) -> Value {
        let flags = if self.only.is_some() { 64 } else { 0 } | if self.loading { 128 } else { 0 };
        let mentioned = self.content.split("<@").skip(1).filter_map(|rest| rest.split_once('>'));
        let mentioned: BTreeSet<&str> = mentioned.map(|(id, _)| id).filter(|id| kept.users.contains_key(*id)).collect();
        let mentions: Vec<Value> = mentioned.into_iter().map(|id| kept.user(id)).collect();
        let mut one = json!({ "id": self.id, "channel_id": self.channel, "author": kept.user(&self.user), "type": 0,
            "content": self.content, "components": self.components, "mentions": mentions, "flags": flags, "embeds": [],
            "timestamp": time(&self.id), "edited_timestamp": null, "mention_everyone": false, "pinned": false, "tts": false });
        if self.edits > 0 {
            one["edited_timestamp"] = json!(now_text());
        }
        if kept.channels.contains_key(&self.id) {
            one["thread"] = json!({ "id": self.id, "type": 11 });
        }
        one
    }
}

/// A conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub kind: i64,
    pub guild: Option<String>,
    pub parent: Option<String>,
    pub name: String,
    /// Of a private thread and of a direct conversation who is in it.
    pub members: BTreeSet<String>,
    /// Whether the bot may not even see it.
    pub hidden: bool,
    /// The newest message that everybody there sees.
    pub last: Option<String>,
}

/// An interaction, and what the bot made of it.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Its id.
    pub id: String,
    /// Who did it.
    pub user: String,
    pub(super) channel: String,
    pub(super) kind: i64,
    pub(super) begun: Instant,
    /// How long the acknowledgement took, and what it said.
    pub acknowledged: Option<(Duration, Value)>,
    pub(super) original: Option<String>,
    pub(super) on_message: Option<String>,
    pub(super) expired: bool,
}

/// A modal that a person has open.
#[derive(Clone, Debug, PartialEq)]
pub struct Modal {
    /// Who sees it.
    pub user: String,
    /// As the bot gave it.
    pub view: Value,
    pub(super) channel: String,
    pub(super) open: bool,
    pub(super) on_message: Option<String>,
}

/// One call of the REST interface.
#[derive(Clone, Debug)]
pub struct Call {
    /// For example `POST /channels/:id/messages`.
    pub kind: String,
    /// The whole path.
    pub path: String,
    /// What it was called with.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429 for so many milliseconds, for this route; nothing is done.
    Limited(u64),
    /// 429 for so many milliseconds, for everything; nothing is done.
    LimitedGlobally(u64),
    /// The address is banned for so many milliseconds: whatever comes is refused before Discord sees it.
    Banned(u64),
    /// 500; nothing is done.
    Failing,
    /// 500, although it was done.
    FailingAfter,
    /// It is done so many milliseconds later.
    Slow(u64),
}

/// What a connection is told to do.
pub(super) enum Order {
    Text(String),
    Close(u16),
    Abort,
}

/// A session of the gateway.
pub(super) struct Session {
    pub intents: u64,
    /// Which of how many shards it is.
    pub shard: (u64, u64),
    pub sequence: u64,
    pub events: VecDeque<(u64, String, Value)>,
    pub line: Option<mpsc::UnboundedSender<Order>>,
}

impl Session {
    /// Whether a server, or what is said alone, belongs to its shard.
    pub fn has(&self, guild: Option<&str>) -> bool {
        let id = guild.and_then(|g| g.parse::<u64>().ok()).unwrap_or_default();
        (id >> 22) % self.shard.1 == self.shard.0
    }
}

/// Calls that are allowed in a window, for each bucket.
#[derive(Default)]
pub(super) struct Bucket {
    pub window: Option<Instant>,
    pub used: u32,
}

#[derive(Default)]
pub(super) struct Kept {
    pub last: u64,
    pub users: BTreeMap<String, (String, bool)>,
    pub guilds: BTreeMap<String, (String, BTreeSet<String>)>,
    /// Of how many members a server tells when the bot comes.
    pub told_members: usize,
    /// What channels say about who may do what there.
    pub overwrites: BTreeMap<String, Value>,
    pub channels: BTreeMap<String, Channel>,
    /// The conversation of each person with the bot.
    pub directs: HashMap<String, String>,
    pub closed: BTreeSet<String>,
    /// Who has which roles, by server and user.
    pub roles: BTreeMap<(String, String), BTreeSet<String>>,
    /// Who wrote or did something by themselves: to them the bot may open a direct conversation.
    pub willing: BTreeSet<String>,
    /// In the order of their ids.
    pub messages: Vec<Message>,
    /// What was posted with a nonce, also where it was deleted since: a nonce holds for its author, wherever it was used.
    pub nonces: HashMap<String, Message>,
    pub interactions: BTreeMap<String, Interaction>,
    pub modals: Vec<Modal>,
    pub commands: BTreeMap<String, (usize, Value)>,
    pub calls: Vec<Call>,
    pub refused: Vec<String>,
    pub script: Script<Trouble>,
    /// Whether the bot may not open private threads.
    pub no_private_threads: bool,
    pub sessions: BTreeMap<String, Session>,
    pub identified: usize,
    /// When a session began last: they begin one after the other.
    pub began: Option<Instant>,
    pub resumed: usize,
    pub heartbeats: usize,
    pub silent: bool,
    pub forgetful: bool,
    /// Whether the next session's connection breaks before it has told of its servers.
    pub breaks_early: bool,
    pub lost: Vec<String>,
    pub privileged: u64,
    pub beat: u64,
    pub shards: usize,
    pub buckets: HashMap<String, Bucket>,
    pub sent: VecDeque<Instant>,
    pub invalid: usize,
    pub scripted: usize,
    pub blocked: Option<Instant>,
    pub banned: Option<Instant>,
    /// How many sessions may begin until the day is over, and how long a day is in milliseconds.
    pub sessions_left: (u64, u64),
    pub day_ends: Option<Instant>,
    /// Where the portal says that interactions are posted to.
    pub endpoint: Option<String>,
    /// Whether everybody may add the bot to a server.
    pub public: bool,
}

impl Kept {
    /// A new id, made now.
    pub fn id(&mut self) -> String {
        let millis = u64::try_from(clock::wall().0 / 1_000 - EPOCH).unwrap_or_default();
        self.last = (millis << 22).max(self.last + 1);
        self.last.to_string()
    }

    pub fn user(&self, id: &str) -> Value {
        let (name, bot) = self.users.get(id).cloned().unwrap_or_default();
        json!({ "id": id, "username": name.to_lowercase().replace(' ', "."), "global_name": name, "bot": bot,
            "discriminator": "0", "avatar": null })
    }

    /// A member of a server, without the user.
    pub fn member(&self, guild: &str, user: &str) -> Value {
        let roles = self.roles.get(&(guild.to_owned(), user.to_owned())).cloned().unwrap_or_default();
        json!({ "nick": null, "roles": roles, "joined_at": "2024-01-01T00:00:00Z" })
    }

    pub fn channel_json(&self, id: &str) -> Value {
        let Some(c) = self.channels.get(id) else { return Value::Null };
        let mut one = json!({ "id": id, "type": c.kind, "name": c.name, "last_message_id": c.last });
        if let Some(said) = self.overwrites.get(id) {
            one["permission_overwrites"] = said.clone();
        }
        if let Some(guild) = &c.guild {
            one["guild_id"] = json!(guild);
        }
        if let Some(parent) = &c.parent {
            one["parent_id"] = json!(parent);
        }
        one
    }

    /// How many sessions may begin until the day is over, and in how many milliseconds that is.
    pub fn sessions_left(&mut self) -> (u64, u64) {
        let now = clock::monotonic();
        let day = Duration::from_millis(self.sessions_left.1);
        let ends = *self.day_ends.get_or_insert(now + day);
        if ends <= now {
            (self.sessions_left.0, self.day_ends) = (1_000, Some(now + day));
        }
        let left = self.day_ends.map_or(day, |ends| ends.saturating_duration_since(now));
        (self.sessions_left.0, u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    /// The conversation in which a person and the bot talk alone.
    pub fn direct(&mut self, user: &str) -> String {
        if let Some(known) = self.directs.get(user) {
            return known.clone();
        }
        let id = self.id();
        let members = [user.to_owned(), BOT.to_owned()].into();
        self.channels.insert(id.clone(), Channel { kind: 1, members, ..Channel::default() });
        self.directs.insert(user.to_owned(), id.clone());
        id
    }

    /// Adds a message.
    pub fn push(&mut self, message: Message) {
        if let Some(channel) = self.channels.get_mut(&message.channel).filter(|_| message.only.is_none()) {
            channel.last = Some(message.id.clone());
        }
        if !message.nonce.is_empty() {
            self.nonces.insert(message.nonce.clone(), message.clone());
        }
        self.messages.push(message);
    }

    /// Where a message stands among all.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.messages.binary_search_by(|m| m.id.as_str().cmp(id)).ok()
    }

    /// Whether somebody reads a conversation.
    pub fn reads(&self, user: &str, channel: &str) -> bool {
        let Some(c) = self.channels.get(channel) else { return false };
        match (&c.guild, c.kind) {
            (None, _) | (_, 12) => c.members.contains(user),
            (Some(guild), _) => self.guilds.get(guild).is_some_and(|(_, members)| members.contains(user)),
        }
    }

    /// Dispatches something to all sessions that want it. Gives how many connections took it.
    pub fn dispatch(&mut self, kind: &str, d: &Value) -> usize {
        let mut took = 0;
        let silent = self.silent;
        for session in self.sessions.values_mut() {
            let direct = d["guild_id"].is_null();
            let wanted = !kind.starts_with("GUILD_MEMBER_") || session.intents & (1 << 1) != 0;
            if !wanted || !session.has(d["guild_id"].as_str()) {
                continue;
            }
            session.sequence += 1;
            let mut d = d.clone();
            if kind.starts_with("MESSAGE_") && d["content"].is_string() && session.intents & CONTENT == 0 && !direct {
                without_content(&mut d);
            }
            session.events.push_back((session.sequence, kind.to_owned(), d.clone()));
            if session.events.len() > 5_000 {
                session.events.pop_front();
            }
            let text = json!({ "op": 0, "t": kind, "s": session.sequence, "d": d }).to_string();
            if let Some(line) = session.line.as_ref().filter(|_| !silent) {
                took += usize::from(line.send(Order::Text(text)).is_ok());
            }
        }
        took
    }
}

/// Takes away what is not told without the intent for it, unless the bot wrote it or is mentioned.
fn without_content(d: &mut Value) {
    let mentioned = d["mentions"].as_array().into_iter().flatten().any(|u| u["id"] == BOT);
    if d["author"]["id"] == BOT || mentioned {
        return;
    }
    d["content"] = json!("");
    for what in ["embeds", "components", "attachments"] {
        d[what] = json!([]);
    }
}

/// When an id was made.
fn made(id: &str) -> stoa_ground::Instant {
    let millis = id.parse::<u64>().unwrap_or_default() >> 22;
    stoa_ground::Instant((i64::try_from(millis).unwrap_or_default() + EPOCH) * 1_000)
}

pub(super) fn time(id: &str) -> String {
    made(id).rfc3339()
}

pub(super) fn now_text() -> String {
    clock::wall().rfc3339()
}
