//! One connection of the gateway, from its hello to its end.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use stoa_ground::clock::{monotonic, noise};
use stoa_http::socket::{Socket, connect};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

use crate::events::Channel;
use crate::gateway::wait;
use crate::ids::word;
use crate::session::{self, Progress, Session};
use crate::take::Inlet;
use crate::{catch_up, store};

/// How often a shard is held anew and its session is written down.
const SAVE: Duration = Duration::from_secs(2);
/// How long Discord may take to say hello.
const HELLO: Duration = Duration::from_secs(15);
/// How long a write may take.
const WRITE: Duration = Duration::from_secs(10);
/// Between two sessions that begin.
const BETWEEN: Duration = Duration::from_millis(5_250);

/// What we hear: servers, messages, reactions there and where two talk alone; what is privileged only when it is granted.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13;
pub(crate) const MEMBERS: u64 = 1 << 1;
pub(crate) const CONTENT: u64 = 1 << 15;

/// Somebody gave a command or pressed a button.
pub(crate) const INTERACTION: &str = "INTERACTION_CREATE";

/// Why a connection ended.
pub(crate) enum End {
    /// The session goes on.
    Resume,
    /// It cannot go on.
    Fresh,
    /// It cannot go on, and begins anew without the privileged intents that are refused.
    Intents,
    /// The operator has to do something.
    Operator(&'static str),
    /// Another number of shards is wanted.
    Shards,
    /// It is time to stop, or another server has the shard.
    Over,
}

/// One dispatch on its way into the store.
pub(crate) struct Job {
    pub kind: String,
    pub d: Value,
    pub sequence: u64,
    pub transition: String,
    pub came: Instant,
}

/// Sessions begin one after the other: whoever has this may begin one.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// What one shard needs.
pub(crate) struct Line {
    pub inlet: Inlet,
    pub server: String,
    pub shard: i64,
    pub shards: i64,
    pub url: String,
    pub lanes: Lanes,
    pub progress: Arc<Progress>,
    /// The privileged intents that Discord refused.
    pub refused: AtomicU64,
    pub turn: Arc<Mutex<()>>,
}

/// The ways into the store; what one user does goes one after the other. Who presses a button waits for nobody's messages.
pub(crate) struct Lanes {
    pub events: Vec<mpsc::Sender<Job>>,
    pub interactions: Vec<mpsc::Sender<Job>>,
}

impl Lanes {
    /// The lane of a job.
    fn of(&self, job: &Job) -> Option<&mpsc::Sender<Job>> {
        let d = &job.d;
        let users = [&d["author"]["id"], &d["member"]["user"]["id"], &d["user"]["id"], &d["user_id"], &d["channel_id"]];
        let mut hasher = DefaultHasher::new();
        users.into_iter().map(word).find(|u| !u.is_empty()).unwrap_or_default().hash(&mut hasher);
        let lanes = if job.kind == INTERACTION { &self.interactions } else { &self.events };
        lanes.get(usize::try_from(hasher.finish() % lanes.len().max(1) as u64).unwrap_or_default())
    }
}

/// Opens a connection: where the session goes on, or where Discord said.
pub(crate) async fn open(line: &Line, session: Option<&Session>) -> Result<Socket, String> {
    let url = session.map_or(line.url.as_str(), |s| s.url.as_str());
    connect(&format!("{}/?v=10&encoding=json", url.trim_end_matches('/')), &line.inlet.app.options.network).await
}

/// Reads one connection to its end; gives also whether anything was dispatched over it. A session begins only with `turn`.
pub(crate) async fn serve(
    line: &Line,
    socket: Socket,
    session: &mut Option<Session>,
    turn: Option<Turn>,
    stop: &CancellationToken,
) -> (End, bool) {
    let app = &line.inlet.app;
    let (mut sink, mut stream) = socket.split();
    let hello = tokio::time::timeout(HELLO, stream.next()).await;
    let Ok(Some(Ok(Message::Text(text)))) = hello else { return (End::Resume, false) };
    let hello: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(beat) = hello["d"]["heartbeat_interval"].as_u64().filter(|ms| hello["op"] == 10 && *ms > 0) else {
        return (End::Fresh, false);
    };
    let (writes, mut to_write) = mpsc::unbounded_channel::<Message>();
    let mut writer = tokio::spawn(async move {
        while let Some(message) = to_write.recv().await {
            let last = message.is_close();
            match tokio::time::timeout(WRITE, sink.send(message)).await {
                Ok(Ok(())) if !last => {}
                _ => return,
            }
        }
    });
    let say = |value: Value| drop(writes.send(Message::text(value.to_string())));
    match session.as_ref() {
        Some(s) => {
            line.progress.begins(s.sequence);
            say(json!({ "op": 6, "d": { "token": app.options.token, "session_id": s.id, "seq": s.sequence } }));
        }
        None => {
            line.progress.begins(0);
            say(identify(line));
        }
    }
    let mut turn = Delayed(turn);
    // While one cannot be taken no more are read.
    let mut waiting: Option<(mpsc::Sender<Job>, Job)> = None;
    let (mut worked, mut answered) = (false, true);
    let jitter = Duration::from_millis(noise() % beat.max(1));
    let mut beats = tokio::time::interval_at((monotonic() + jitter).into(), Duration::from_millis(beat));
    let mut saves = tokio::time::interval(SAVE);
    // After a stall they are not made up for at once.
    for ticks in [&mut beats, &mut saves] {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let end = loop {
        let lane = waiting.as_ref().map(|(lane, _)| lane.clone());
        let frame = tokio::select! {
            free = room(lane) => {
                let Ok(free) = free else { break End::Over };
                if let Some((_, job)) = waiting.take() {
                    free.send(job);
                }
                // Answers to heartbeats were not read either.
                answered = true;
                continue;
            }
            frame = stream.next(), if waiting.is_none() => frame,
            _ = beats.tick() => {
                if !answered && waiting.is_none() {
                    tracing::warn!("the connection to Discord is dead; the session goes on over another");
                    break End::Resume;
                }
                answered = false;
                say(json!({ "op": 1, "d": line.progress.reached() }));
                continue;
            }
            _ = saves.tick() => {
                if let Some(s) = session.as_mut() {
                    s.sequence = line.progress.reached();
                }
                let begun = monotonic();
                if !keep(line, session.as_ref(), worked).await {
                    break End::Over;
                }
                // While the store was slow, no answer to a heartbeat was read.
                answered |= begun.elapsed() > SAVE;
                continue;
            }
            _ = &mut writer => break End::Resume,
            () = stop.cancelled() => break End::Over,
        };
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => break closed(frame.as_ref()),
            Some(Ok(_)) => continue,
            None => break End::Resume,
            Some(Err(error)) => {
                tracing::debug!(%error, "a connection to Discord broke");
                break End::Resume;
            }
        };
        let Ok(mut said) = serde_json::from_str::<Value>(&text) else {
            app.unknown("a dispatch that is no JSON");
            continue;
        };
        match said["op"].as_i64() {
            Some(0) => {
                worked = true;
                let (kind, sequence) = (word(&said["t"]).to_owned(), said["s"].as_u64().unwrap_or_default());
                let d = said["d"].take();
                if kind == "READY" {
                    app.is(word(&d["user"]["id"]));
                    let (id, url) = (word(&d["session_id"]).to_owned(), word(&d["resume_gateway_url"]).to_owned());
                    tracing::info!(shard = line.shard, "connected to Discord");
                    *session = Some(Session { id, url, sequence });
                    let servers = d["guilds"].as_array().into_iter().flatten();
                    let servers: BTreeSet<String> = servers.map(|s| word(&s["id"]).to_owned()).collect();
                    line.progress.begins_anew(servers);
                    turn.ends();
                    if line.shard == 0 {
                        tokio::spawn(catch_up::direct(
                            line.inlet.clone(),
                            store::others(line.shard, line.shards),
                            line.progress.clone(),
                            line.progress.fetches(),
                        ));
                    }
                } else if kind == "RESUMED" {
                    tracing::info!(shard = line.shard, "connected to Discord again, the session goes on");
                }
                if let Some(job) = dispatch(line, kind, d, sequence, session.as_ref()) {
                    let Some(lane) = line.lanes.of(&job) else { break End::Over };
                    match lane.try_send(job) {
                        Ok(()) => {}
                        Err(mpsc::error::TrySendError::Full(job)) => waiting = Some((lane.clone(), job)),
                        Err(mpsc::error::TrySendError::Closed(_)) => break End::Over,
                    }
                }
            }
            Some(1) => say(json!({ "op": 1, "d": line.progress.reached() })),
            Some(7) => {
                tracing::debug!("Discord asks for a new connection");
                break End::Resume;
            }
            Some(9) => {
                let resumable = said["d"] == true;
                tracing::info!(resumable, "Discord does not know the session");
                wait(Duration::from_millis(1_000 + noise() % 4_000), stop).await;
                break if resumable { End::Resume } else { End::Fresh };
            }
            Some(11) => answered = true,
            other => app.unknown(&format!("operation {other:?}")),
        }
    };
    if matches!(end, End::Fresh | End::Intents | End::Operator(_) | End::Shards) {
        *session = None;
    }
    if let Some(s) = session.as_mut() {
        s.sequence = line.progress.reached();
    }
    // Not the code that would end the session.
    let code = CloseFrame { code: CloseCode::Library(4_900), reason: "".into() };
    let _ = writes.send(Message::Close(Some(code)));
    drop(writes);
    let _ = tokio::time::timeout(Duration::from_secs(1), &mut writer).await;
    keep(line, session.as_ref(), false).await;
    (end, worked)
}

/// A place in a lane; for ever away where nothing waits for one.
async fn room(lane: Option<mpsc::Sender<Job>>) -> Result<mpsc::OwnedPermit<Job>, mpsc::error::SendError<()>> {
    match lane {
        Some(lane) => lane.reserve_owned().await,
        None => std::future::pending().await,
    }
}

/// The turn of a session that begins. The next may begin a while after it has begun, or has not.
struct Delayed(Option<Turn>);

impl Delayed {
    fn ends(&mut self) {
        if let Some(turn) = self.0.take() {
            tokio::spawn(async move {
                tokio::time::sleep(BETWEEN).await;
                drop(turn);
            });
        }
    }
}

impl Drop for Delayed {
    fn drop(&mut self) {
        self.ends();
    }
}

fn identify(line: &Line) -> Value {
    let options = &line.inlet.app.options;
    let privileged = (if options.message_content { CONTENT } else { 0 }) | (if options.members { MEMBERS } else { 0 });
    let intents = INTENTS | (privileged & !line.refused.load(Ordering::Relaxed));
    json!({ "op": 2, "d": { "token": options.token, "intents": intents, "large_threshold": 50,
        "shard": [line.shard, line.shards],
        "properties": { "os": std::env::consts::OS, "browser": "stoa", "device": "stoa" } } })
}

/// Holds the shard and writes its session down; `false` when another server has it.
async fn keep(line: &Line, session: Option<&Session>, connected: bool) -> bool {
    let db = &line.inlet.app.db;
    let kept = async {
        if session::hold(db, line.shard, &line.server).await?.is_none() {
            return Ok(false);
        }
        let shard = (line.shard, line.shards);
        session::save(db, shard, &line.server, session, &line.progress, connected).await
    };
    kept.await.unwrap_or_else(|error: stoa_ground::Error| {
        tracing::warn!(%error, "the gateway's session could not be written down");
        true
    })
}

/// What a closed connection means.
fn closed(frame: Option<&CloseFrame>) -> End {
    let code = frame.map_or(0, |f| u16::from(f.code));
    tracing::debug!(code, "Discord closed the connection");
    match code {
        4_004 => End::Operator("Discord refuses the token"),
        4_010 | 4_011 => End::Shards,
        4_012 => End::Operator("Discord does not know this version of the gateway any more"),
        4_013 => End::Operator("Discord does not know the intents"),
        4_014 => End::Intents,
        4_003 | 4_007 | 4_009 => End::Fresh,
        _ => End::Resume,
    }
}

/// Takes a dispatch; gives what is to be stored. What is known about conversations is known at once.
fn dispatch(line: &Line, kind: String, d: Value, sequence: u64, session: Option<&Session>) -> Option<Job> {
    let app = &line.inlet.app;
    line.progress.came(sequence);
    match kind.as_str() {
        "GUILD_CREATE" => {
            catch_up::know(&line.inlet, &d);
            if line.progress.tells_of(word(&d["id"])) {
                let others = store::others(line.shard, line.shards);
                let (inlet, fetching) = (line.inlet.clone(), line.progress.fetches());
                tokio::spawn(catch_up::guild(inlet, d, others, line.progress.clone(), fetching));
            }
        }
        "GUILD_DELETE" => line.progress.lost(word(&d["id"])),
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
            app.know(word(&d["id"]), Channel::read(&d, word(&d["guild_id"])));
        }
        "GUILD_MEMBER_UPDATE" if !app.has_member_role(word(&d["guild_id"])) => {}
        "CHANNEL_DELETE" | "THREAD_DELETE" => app.forget_channel(word(&d["id"])),
        "THREAD_LIST_SYNC" => {
            for thread in d["threads"].as_array().into_iter().flatten() {
                app.know(word(&thread["id"]), Channel::read(thread, word(&d["guild_id"])));
            }
        }
        "MESSAGE_CREATE"
        | "MESSAGE_UPDATE"
        | "MESSAGE_DELETE"
        | "MESSAGE_DELETE_BULK"
        | "MESSAGE_REACTION_ADD"
        | "MESSAGE_REACTION_REMOVE"
        | INTERACTION
        | "GUILD_MEMBER_REMOVE"
        | "GUILD_MEMBER_ADD"
        | "GUILD_MEMBER_UPDATE" => {
            let transition = format!("{}/{sequence}", session.map_or("", |s| s.id.as_str()));
            return Some(Job { kind, d, sequence, transition, came: monotonic() });
        }
        _ => {}
    }
    line.progress.done(sequence, None);
    None
}
