//! Discord's stand-in: REST and gateway at the protocol level. What Discord refuses, it refuses, and it keeps what it
//! refused. People in it act by a script.

mod check;
mod gateway;
mod load;
mod outside;
mod person;
mod rest;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use axum::Router;
use axum::routing::any;
use axum::serve::ListenerExt as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use stoa_ground::clock;
use tokio::sync::watch;

pub use outside::Outside;
pub use person::Person;
pub use state::{APP, BOT, Call, Interaction, Message, Modal, TOKEN, Trouble};

use crate::script::{self, lock};
use state::{Channel, Kept, Order};

/// The seed of the key with which interactions over HTTP are signed.
const SEED: [u8; 32] = [42; 32];

/// A running Discord. It ends with its value.
pub struct Discord {
    hall: Hall,
    task: tokio::task::JoinHandle<()>,
}

/// What all parts share.
#[derive(Clone)]
struct Hall {
    url: String,
    kept: Arc<Mutex<Kept>>,
    change: Arc<watch::Sender<u64>>,
    http: reqwest::Client,
}

impl Hall {
    fn new(url: String) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
        let kept = Kept {
            beat: 41_250,
            privileged: state::CONTENT | 1 << 1,
            sessions_left: (999, 14_400_000),
            ..Kept::default()
        };
        let hall = Self { url, kept: Arc::new(Mutex::new(kept)), change: Arc::new(watch::Sender::new(0)), http };
        lock(&hall.kept).users.insert(BOT.into(), ("Stoa".into(), true));
        Ok(hall)
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/gateway/", any(gateway::link))
            .route("/gateway", any(gateway::link))
            .fallback(rest::call)
            .with_state(self.clone())
    }

    fn changed(&self) {
        self.change.send_modify(|n| *n += 1);
    }
}

impl Kept {
    /// Tells of a member of a server, where the intent for that is granted.
    fn tells_of(&mut self, kind: &str, guild: &str, user: &str) {
        let mut d = self.member(guild, user);
        (d["user"], d["guild_id"]) = (self.user(user), json!(guild));
        self.dispatch(kind, &d);
    }

    /// The permissions of the bot on every server.
    fn permissions(&self) -> u64 {
        if self.no_private_threads { 377_957_190_656 & !(1 << 36) } else { 377_957_190_656 }
    }
}

impl Discord {
    /// Opens one without servers.
    pub async fn open() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let hall = Hall::new(format!("http://{}", listener.local_addr()?))?;
        // Acknowledgements are measured: nothing waits for a full packet.
        let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
        let router = hall.router();
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { hall, task })
    }

    /// Opens one under Discord's own names, which is reached through a proxy only.
    pub async fn open_outside() -> Result<(Self, Outside)> {
        let (listener, outside) = outside::open().await?;
        let hall = Hall::new("https://gateway.discord.gg".into())?;
        let router = hall.router();
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok((Self { hall, task }, outside))
    }

    /// Its address, for `api_url`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api/v10", self.hall.url)
    }

    /// Adds somebody.
    pub fn add_person(&self, id: &str, name: &str) {
        lock(&self.hall.kept).users.insert(id.to_owned(), (name.to_owned(), false));
    }

    /// Adds a server with its members.
    pub fn add_guild(&self, id: &str, name: &str, members: &[&str]) {
        let members: BTreeSet<String> = members.iter().map(|m| (*m).to_owned()).collect();
        lock(&self.hall.kept).guilds.insert(id.to_owned(), (name.to_owned(), members));
    }

    /// Adds a channel to a server. `kind` is 0 for text, 15 for a forum.
    pub fn add_channel(&self, id: &str, guild: &str, name: &str, kind: i64) {
        let channel = Channel { kind, guild: Some(guild.into()), name: name.into(), ..Channel::default() };
        lock(&self.hall.kept).channels.insert(id.to_owned(), channel);
    }

    /// How many sessions of the gateway are wanted, each for its servers.
    pub fn wants_shards(&self, number: usize) {
        lock(&self.hall.kept).shards = number;
    }

    /// Somebody of a server gets a role, or loses it.
    pub fn gives_role(&self, guild: &str, user: &str, role: &str, given: bool) {
        let mut kept = lock(&self.hall.kept);
        let roles = kept.roles.entry((guild.to_owned(), user.to_owned())).or_default();
        if given {
            roles.insert(role.to_owned())
        } else {
            roles.remove(role)
        };
        kept.tells_of("GUILD_MEMBER_UPDATE", guild, user);
    }

    /// Somebody comes to a server.
    pub fn joins(&self, guild: &str, user: &str) {
        let mut kept = lock(&self.hall.kept);
        if let Some((_, members)) = kept.guilds.get_mut(guild) {
            members.insert(user.to_owned());
        }
        kept.tells_of("GUILD_MEMBER_ADD", guild, user);
    }

    /// Somebody leaves a server, and is in none of its private threads any more.
    pub fn leaves(&self, guild: &str, user: &str) {
        let mut kept = lock(&self.hall.kept);
        if let Some((_, members)) = kept.guilds.get_mut(guild) {
            members.remove(user);
        }
        for channel in kept.channels.values_mut().filter(|c| c.guild.as_deref() == Some(guild)) {
            channel.members.remove(user);
        }
        kept.roles.remove(&(guild.to_owned(), user.to_owned()));
        kept.tells_of("GUILD_MEMBER_REMOVE", guild, user);
    }

    /// The bot is thrown out of a server: it reaches nothing there any more.
    pub fn throws_out(&self, guild: &str) {
        let mut kept = lock(&self.hall.kept);
        kept.guilds.remove(guild);
        for channel in kept.channels.values_mut().filter(|c| c.guild.as_deref() == Some(guild)) {
            channel.hidden = true;
        }
        kept.dispatch("GUILD_DELETE", &json!({ "id": guild, "guild_id": guild }));
    }

    /// The bot is added to a server that [`add_guild`](Self::add_guild) and [`add_channel`](Self::add_channel) made.
    pub fn invites(&self, guild: &str) {
        let mut kept = lock(&self.hall.kept);
        let mut d = gateway::guild_json(&kept, guild);
        d["guild_id"] = json!(guild);
        kept.dispatch("GUILD_CREATE", &d);
    }

    /// Adds a private thread below a channel with those who read it.
    pub fn add_private_thread(&self, id: &str, guild: &str, parent: &str, members: &[&str]) {
        let members = members.iter().chain(&[BOT]).map(|m| (*m).to_owned()).collect();
        let thread = Channel {
            kind: 12,
            guild: Some(guild.into()),
            parent: Some(parent.into()),
            name: "among us".into(),
            members,
            ..Channel::default()
        };
        let mut kept = lock(&self.hall.kept);
        kept.channels.insert(id.to_owned(), thread);
        let d = kept.channel_json(id);
        kept.dispatch("THREAD_CREATE", &d);
    }

    /// A channel says who may do what there, over what they may on the whole server.
    pub fn overwrites(&self, channel: &str, said: Value) {
        lock(&self.hall.kept).overwrites.insert(channel.to_owned(), said);
    }

    /// The bot may not see a channel.
    pub fn hide(&self, channel: &str) {
        if let Some(channel) = lock(&self.hall.kept).channels.get_mut(channel) {
            channel.hidden = true;
        }
    }

    /// Somebody closes or opens their direct messages.
    pub fn closes_direct(&self, user: &str, closed: bool) {
        let mut kept = lock(&self.hall.kept);
        if closed {
            kept.closed.insert(user.to_owned())
        } else {
            kept.closed.remove(user)
        };
    }

    /// The bot may not open private threads.
    pub fn forbids_private_threads(&self) {
        lock(&self.hall.kept).no_private_threads = true;
    }

    /// Which privileged intents are granted.
    pub fn grants(&self, intents: u64) {
        lock(&self.hall.kept).privileged = intents;
    }

    /// How often a heartbeat is wanted, in milliseconds, on the next connections.
    pub fn beats_every(&self, millis: u64) {
        lock(&self.hall.kept).beat = millis;
    }

    /// So many sessions may begin until the day is over, in so many milliseconds from now.
    pub fn lets_begin(&self, sessions: u64, day: u64) {
        let mut kept = lock(&self.hall.kept);
        kept.sessions_left = (sessions, day);
        kept.day_ends = Some(clock::monotonic() + Duration::from_millis(day));
    }

    /// The portal says where interactions are posted to, or nowhere.
    pub fn names_endpoint(&self, url: Option<&str>) {
        lock(&self.hall.kept).endpoint = url.map(str::to_owned);
    }

    /// Everybody may add the bot to a server.
    pub fn is_public(&self) {
        lock(&self.hall.kept).public = true;
    }

    /// Somebody, to act as.
    #[must_use]
    pub fn person(&self, id: &str) -> Person<'_> {
        Person { discord: self, id: id.to_owned() }
    }

    /// The n-th call of a kind from now on (the first is 1) goes wrong.
    pub fn goes_wrong(&self, kind: &str, n: usize, trouble: Trouble) {
        lock(&self.hall.kept).script.goes_wrong(kind, n, trouble);
    }

    /// Each n-th call of a kind goes wrong.
    pub fn each_goes_wrong(&self, kind: &str, n: usize, trouble: Trouble) {
        lock(&self.hall.kept).script.each_goes_wrong(kind, n, trouble);
    }

    /// Each call of a kind is done so many milliseconds later.
    pub fn lags(&self, kind: &str, millis: u64) {
        self.each_goes_wrong(kind, 1, Trouble::Slow(millis));
    }

    /// How many sessions have a connection.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.hall.kept).sessions.values().filter(|s| s.line.is_some()).count()
    }

    /// How often a session was begun, and how often one went on.
    #[must_use]
    pub fn sessions(&self) -> (usize, usize) {
        let kept = lock(&self.hall.kept);
        (kept.identified, kept.resumed)
    }

    /// How many heartbeats came.
    #[must_use]
    pub fn heartbeats(&self) -> usize {
        lock(&self.hall.kept).heartbeats
    }

    /// The intents of the newest session.
    #[must_use]
    pub fn intents(&self) -> u64 {
        lock(&self.hall.kept).sessions.values().last().map_or(0, |s| s.intents)
    }

    fn order(&self, order: impl Fn() -> Order) {
        for session in lock(&self.hall.kept).sessions.values() {
            if let Some(line) = &session.line {
                // It may be gone already.
                let _ = line.send(order());
            }
        }
    }

    /// Ends all connections without a word; what comes meanwhile is dispatched when the session goes on.
    pub fn breaks_off(&self) {
        self.order(|| Order::Abort);
        for session in lock(&self.hall.kept).sessions.values_mut() {
            session.line = None;
        }
    }

    /// The connection of the next session breaks when it is ready, before it has told of its servers.
    pub fn breaks_off_early(&self) {
        lock(&self.hall.kept).breaks_early = true;
    }

    /// Closes all connections with a code.
    pub fn closes(&self, code: u16) {
        self.order(|| Order::Close(code));
    }

    /// Asks for a new connection.
    pub fn asks_to_reconnect(&self) {
        self.order(|| Order::Text(r#"{"op":7,"d":null}"#.into()));
    }

    /// Says that the session does not hold any more.
    pub fn invalidates(&self, resumable: bool) {
        if !resumable {
            self.forgets();
        }
        self.order(move || Order::Text(format!(r#"{{"op":9,"d":{resumable}}}"#)));
    }

    /// No session can go on; what was dispatched meanwhile comes no more.
    pub fn forgets(&self) {
        let mut kept = lock(&self.hall.kept);
        for session in kept.sessions.values_mut() {
            if session.line.is_none() {
                session.events.clear();
            }
        }
        kept.sessions.retain(|_, s| s.line.is_some());
        let names: Vec<String> = kept.sessions.keys().cloned().collect();
        for (n, name) in names.into_iter().enumerate() {
            if let Some(session) = kept.sessions.remove(&name) {
                kept.sessions.insert(format!("forgotten{n}"), session);
            }
        }
    }

    /// Says nothing any more over the connections that are open, and does not close them either.
    pub fn goes_silent(&self, silent: bool) {
        lock(&self.hall.kept).silent = silent;
    }

    /// Everything that stands in the conversations.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.hall.kept).messages.clone()
    }

    /// The conversation in which somebody and the bot talk alone.
    #[must_use]
    pub fn direct(&self, user: &str) -> String {
        lock(&self.hall.kept).direct(user)
    }

    /// The server in which a conversation is.
    #[must_use]
    pub fn guild_of(&self, channel: &str) -> Option<String> {
        lock(&self.hall.kept).channels.get(channel)?.guild.clone()
    }

    /// How often each message that can be found again stands in the conversations, seen by all who read there.
    #[must_use]
    pub fn posted(&self) -> BTreeMap<String, usize> {
        let mut posted = BTreeMap::new();
        // A nonce says also where; the same may not be said twice anywhere.
        let known = |m: &Message| m.key().or_else(|| Some(m.nonce.clone()).filter(|nonce| !nonce.is_empty()));
        for key in lock(&self.hall.kept).messages.iter().filter(|m| m.only.is_none()).filter_map(known) {
            *posted.entry(key).or_default() += 1;
        }
        posted
    }

    /// All calls of the REST interface.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.hall.kept).calls.clone()
    }

    /// How many answers were 401, 403 or 429.
    #[must_use]
    pub fn invalid(&self) -> usize {
        lock(&self.hall.kept).invalid
    }

    /// How many of those the script made.
    #[must_use]
    pub fn scripted(&self) -> usize {
        lock(&self.hall.kept).scripted
    }

    /// How often the commands of a scope (`*`, or a server) were registered, and which.
    #[must_use]
    pub fn commands(&self, scope: &str) -> (usize, Value) {
        lock(&self.hall.kept).commands.get(scope).cloned().unwrap_or_default()
    }

    /// An interaction's token does not hold any more.
    /// What only said that the bot thinks is gone.
    pub fn expires(&self, token: &str) {
        let mut kept = lock(&self.hall.kept);
        if let Some(interaction) = kept.interactions.get_mut(token) {
            interaction.expired = true;
        }
        kept.messages.retain(|m| !m.loading || m.answers.as_deref() != Some(token));
    }

    /// An interaction.
    #[must_use]
    pub fn interaction(&self, token: &str) -> Option<Interaction> {
        lock(&self.hall.kept).interactions.get(token).cloned()
    }

    /// The messages that answer an interaction.
    #[must_use]
    pub fn answers(&self, token: &str) -> Vec<Message> {
        let kept = lock(&self.hall.kept);
        kept.messages.iter().filter(|m| m.answers.as_deref() == Some(token)).cloned().collect()
    }

    /// Dispatches something.
    pub fn dispatches(&self, kind: &str, d: &Value) {
        lock(&self.hall.kept).dispatch(kind, d);
        self.hall.changed();
    }

    /// Nothing that the bot sent was against Discord's rules, and nothing says for ever that it thinks.
    pub fn is_content(&self) -> Result<()> {
        let kept = lock(&self.hall.kept);
        ensure!(kept.refused.is_empty(), "Discord refuses: {:#?}", kept.refused);
        let thinking: Vec<&Message> = kept.messages.iter().filter(|m| m.loading).collect();
        ensure!(thinking.is_empty(), "still thinking: {thinking:#?}");
        Ok(())
    }

    /// Waits, as long as a test may, until something is there.
    pub async fn wait<T>(&self, what: &str, mut f: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        if let Some(found) = script::wait(&self.hall.change, || f(self)).await {
            return Ok(found);
        }
        let kept = lock(&self.hall.kept);
        let said: Vec<String> = kept
            .messages
            .iter()
            .map(|m| {
                format!(
                    "{} {}{}: {}",
                    m.channel,
                    m.user,
                    m.only.as_ref().map_or(String::new(), |o| format!(" to {o}")),
                    m.shown()
                )
            })
            .collect();
        let calls: Vec<String> = kept.calls.iter().rev().take(60).map(|c| format!("{} {}", c.kind, c.status)).collect();
        bail!("{what} never came.\nmessages: {said:#?}\nlast calls: {calls:#?}\nrefused: {:#?}", kept.refused)
    }

    /// Waits until the bot listens.
    pub async fn is_connected(&self) -> Result<()> {
        self.wait("the bot's connection", |d| (d.connections() > 0).then_some(())).await
    }

    /// Waits until an interaction is acknowledged: how long that took, and the answer.
    pub async fn acknowledged(&self, token: &str) -> Result<(Duration, Value)> {
        self.wait("an acknowledgement", |d| d.interaction(token)?.acknowledged).await
    }

    /// Posts an interaction to the bot's address, signed at `at` (seconds since 1970), rightly or not: status and answer.
    pub async fn posts(&self, base: &str, body: &str, at: i64, genuine: bool) -> Result<(u16, String)> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).map_err(|e| anyhow::anyhow!("{e}"))?;
        let signed = if genuine { format!("{at}{body}") } else { format!("{at}{body} ") };
        let signature = stoa_ground::hex(pair.sign(signed.as_bytes()).as_ref());
        let request =
            self.hall.http.post(format!("{base}/discord/interactions")).header("content-type", "application/json");
        let request = request.header("X-Signature-Ed25519", signature).header("X-Signature-Timestamp", at.to_string());
        // The server closes a connection on which it refused to read on: the next call must not meet that.
        let answer = request.header("connection", "close").body(body.to_owned()).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// What the bot answered in its response counts as its acknowledgement.
    fn answered_over_http(&self, token: &str, said: &Value) -> Result<()> {
        let mut kept = lock(&self.hall.kept);
        let took = kept.interactions.get(token).map_or(Duration::ZERO, |i| i.begun.elapsed());
        rest::acknowledge(&mut kept, token, said, took).map_err(|e| anyhow::anyhow!("{e}: {said}"))
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The public key of the application.
#[must_use]
pub fn public_key() -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED);
    pair.map_or_else(|_| String::new(), |pair| stoa_ground::hex(pair.public_key().as_ref()))
}

/// Seconds since 1970, by the machine.
#[must_use]
pub fn now() -> i64 {
    clock::wall().0 / 1_000_000
}
