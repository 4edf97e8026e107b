//! The gateway: connections over which Discord dispatches what happens, one for each shard.
//!
//! A shard is held by one server at a time. Its session is written down, so that it goes on after a restart where it was;
//! where Discord cannot resume it, what was missed is fetched ([`crate::catch_up`]).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use stoa_flow::Flow;
use stoa_flow::chat::SendError;
use stoa_ground::Instant;
use stoa_ground::clock::noise;
use stoa_ground::db::Engine;
use stoa_http::socket::{Socket, connect};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

use crate::api::{Failure, Request};
use crate::events::Channel;
use crate::ids::word;
use crate::platform::Discord;
use crate::session::{self, Progress, Session};
use crate::take::Inlet;
use crate::{catch_up, register, store};

/// Events that are stored beside each other; those of one user go one after the other.
const LANES: usize = 32;
/// Events that wait in one lane before Discord has to.
const WAITING: usize = 256;
/// How often a shard is held anew and its session is written down.
const SAVE: Duration = Duration::from_secs(2);
/// How long Discord may take to say hello.
const HELLO: Duration = Duration::from_secs(15);
/// How long a write may take.
const WRITE: Duration = Duration::from_secs(10);
/// Between two sessions that begin.
const BETWEEN: Duration = Duration::from_millis(5_250);
/// The longest pause between attempts to connect, in milliseconds.
const LONGEST: u64 = 60_000;
/// The pause when the operator has to do something first.
const OPERATOR: Duration = Duration::from_secs(60);
/// How often what was not answered is looked for, and how long ago it came by then.
const TIDY: Duration = Duration::from_secs(60);
const UNANSWERED: i64 = 5 * 60 * Instant::SECOND;

/// What we hear: servers, messages, reactions there and where two talk alone; what is privileged only when it is granted.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13;
const MEMBERS: u64 = 1 << 1;
const CONTENT: u64 = 1 << 15;

/// Why a connection ended.
enum End {
    /// The session goes on.
    Resume,
    /// It cannot go on.
    Fresh,
    /// The operator has to do something.
    Operator(&'static str),
    /// Another number of shards is wanted.
    Shards,
    /// It is time to stop, or another server has the shard.
    Over,
}

/// One dispatch on its way into the store.
struct Job {
    kind: String,
    d: Value,
    sequence: u64,
    transition: String,
}

/// What one shard needs.
struct Line {
    inlet: Inlet,
    server: String,
    shard: i64,
    shards: i64,
    url: String,
    lanes: Vec<mpsc::Sender<Job>>,
    progress: Arc<Progress>,
    /// Whether Discord refused the privileged intents.
    plain: AtomicBool,
    /// Sessions begin one after the other.
    turn: Arc<Mutex<()>>,
}

/// Listens, registers the commands and tidies up. Ends soon after `stop`.
pub async fn listen(flow: Arc<Flow>, discord: Arc<Discord>, stop: CancellationToken) {
    let inlet = Inlet { flow, app: discord.app.clone() };
    let server = inlet.app.db.clock().id().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(introduce(inlet.clone(), stop.clone()));
    tasks.spawn(tidy(inlet.clone(), stop.clone()));
    if inlet.app.options.gateway {
        // Nobody else can hold a shard of this store.
        if inlet.app.db.engine() == Engine::Sqlite
            && let Err(error) = session::free(&inlet.app.db).await
        {
            tracing::warn!(%error, "the gateway's shards could not be freed");
        }
        tasks.spawn(gateway(inlet.clone(), server.clone(), stop));
    }
    tasks.join_all().await;
    if let Err(error) = session::release(&inlet.app.db, &server).await {
        tracing::warn!(%error, "the gateway's shards could not be released; another server takes them soon");
    }
}

/// Finds out who the bot is and registers the commands, until that is done.
async fn introduce(inlet: Inlet, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        let app = &inlet.app;
        let done = async {
            app.identify().await?;
            register::register(app, &inlet.flow).await
        };
        match done.await {
            Ok(()) => return,
            Err(failure) => tracing::warn!(error = %app.api.send_error(failure), "the commands are not registered yet"),
        }
        failures += 1;
        if !wait(pause(failures + 1), &stop).await {
            return;
        }
    }
}

/// Takes away that we think about something to which nothing is answered, and forgets what is of no use.
async fn tidy(inlet: Inlet, stop: CancellationToken) {
    while wait(TIDY, &stop).await {
        let db = &inlet.app.db;
        match store::unanswered(db, UNANSWERED).await {
            Ok(all) => {
                for one in all {
                    inlet.app.thought(&one).await;
                }
            }
            Err(error) => tracing::warn!(%error, "what was not answered could not be read"),
        }
        if let Err(error) = store::tidy(db).await {
            tracing::warn!(%error, "what is of no use could not be forgotten");
        }
    }
}

/// Keeps as many shards connected as Discord asks for.
async fn gateway(inlet: Inlet, server: String, stop: CancellationToken) {
    let mut failures = 0;
    let turn = Arc::new(Mutex::new(()));
    while !stop.is_cancelled() {
        // Also a session that goes on does not say again who we are, and mentions are heard by it.
        let asked = async {
            inlet.app.identify().await?;
            inlet.app.api.call(&Request::new("GET /gateway/bot", "", &[])).await
        };
        let said = match asked.await {
            Ok(said) => said,
            Err(failure) => {
                failures += 1;
                let rest = operator_or(pause(failures), &inlet, failure);
                if !wait(rest, &stop).await {
                    return;
                }
                continue;
            }
        };
        failures = 0;
        let start = &said["session_start_limit"];
        if start["remaining"].as_u64() == Some(0) {
            inlet.app.api.tell_operator("sessions", "Discord lets no more sessions begin today");
            let rest = Duration::from_millis(start["reset_after"].as_u64().unwrap_or(LONGEST));
            if !wait(rest.min(OPERATOR * 10), &stop).await {
                return;
            }
            continue;
        }
        let shards = said["shards"].as_i64().unwrap_or(1).max(1);
        let anew = stop.child_token();
        let mut tasks = JoinSet::new();
        for shard in 0..shards {
            let mut lanes = Vec::with_capacity(LANES);
            let progress = Arc::new(Progress::default());
            for _ in 0..LANES {
                let (to, jobs) = mpsc::channel(WAITING);
                lanes.push(to);
                tasks.spawn(lane(inlet.clone(), jobs, progress.clone(), stop.clone()));
            }
            let line = Line {
                inlet: inlet.clone(),
                server: server.clone(),
                shard,
                shards,
                url: word(&said["url"]).to_owned(),
                lanes,
                progress,
                plain: AtomicBool::new(false),
                turn: turn.clone(),
            };
            tasks.spawn(keep_open(line, anew.clone()));
        }
        tasks.join_all().await;
    }
}

fn operator_or(rest: Duration, inlet: &Inlet, failure: Failure) -> Duration {
    let error = inlet.app.api.send_error(failure);
    tracing::warn!(%error, "no connection to Discord; it is tried again");
    match error {
        SendError::Retry { after_seconds: Some(after), .. } => rest.max(Duration::from_secs(after).min(OPERATOR)),
        SendError::Retry { .. } => rest,
        _ => OPERATOR,
    }
}

/// Stores what comes in, one after the other. What cannot be stored is tried until it can.
async fn lane(inlet: Inlet, mut jobs: mpsc::Receiver<Job>, progress: Arc<Progress>, stop: CancellationToken) {
    while let Some(job) = jobs.recv().await {
        let mut failures = 0;
        loop {
            match inlet.dispatch(&job.kind, &job.d, &job.transition).await {
                Ok(stored) => {
                    progress.done(job.sequence, stored);
                    break;
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(kind = %job.kind, %error, "an event could not be stored; it is tried again");
                    if !wait(pause(failures + 1), &stop).await {
                        return;
                    }
                }
            }
        }
    }
}

/// Keeps one shard connected while this server holds it.
async fn keep_open(line: Line, stop: CancellationToken) {
    let (db, mut failures) = (&line.inlet.app.db, 0);
    let mut session: Option<Session> = None;
    let mut held = false;
    while !stop.is_cancelled() {
        match session::hold(db, line.shard, &line.server).await {
            Ok(Some(stored)) => {
                if !held {
                    session = stored;
                    held = true;
                }
            }
            Ok(None) => {
                held = false;
                if !wait(session::HELD / 4, &stop).await {
                    return;
                }
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "the gateway's shard could not be taken; it is tried again");
                failures += 1;
                if !wait(pause(failures), &stop).await {
                    return;
                }
                continue;
            }
        }
        let (end, worked) = match open(&line, session.as_ref()).await {
            Ok(socket) => serve(&line, socket, &mut session, &stop).await,
            Err(why) => {
                tracing::warn!(why, "no connection to Discord; it is tried again");
                (End::Resume, false)
            }
        };
        failures = if worked { 0 } else { failures + 1 };
        let mut rest = pause(failures);
        match end {
            End::Resume => {}
            End::Fresh => session = None,
            End::Operator(why) => {
                line.inlet.app.api.tell_operator(why, why);
                session = None;
                rest = OPERATOR;
            }
            End::Shards => {
                stop.cancel();
                return;
            }
            End::Over => held = false,
        }
        // A place that cannot be resumed at is left after a while.
        if failures > 5 {
            session = None;
        }
        if !wait(rest, &stop).await {
            return;
        }
    }
}

async fn open(line: &Line, session: Option<&Session>) -> Result<Socket, String> {
    let url = session.map_or(line.url.as_str(), |s| s.url.as_str());
    connect(&format!("{}/?v=10&encoding=json", url.trim_end_matches('/')), &line.inlet.app.options.network).await
}

/// Reads one connection to its end; gives also whether anything was dispatched over it.
async fn serve(line: &Line, socket: Socket, session: &mut Option<Session>, stop: &CancellationToken) -> (End, bool) {
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
    let mut turn = match session.as_ref() {
        Some(s) => {
            line.progress.begins(s.sequence);
            say(json!({ "op": 6, "d": { "token": app.options.token, "session_id": s.id, "seq": s.sequence } }));
            None
        }
        None => {
            let turn = line.turn.clone().lock_owned().await;
            line.progress.begins(0);
            say(identify(line));
            Some(turn)
        }
    };
    let fresh = session.is_none();
    let (mut worked, mut answered) = (false, true);
    let jitter = Duration::from_millis(noise() % beat.max(1));
    let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + jitter, Duration::from_millis(beat));
    let mut saves = tokio::time::interval(SAVE);
    let end = loop {
        let frame = tokio::select! {
            frame = stream.next() => frame,
            _ = beats.tick() => {
                if !answered {
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
                if !keep(line, session.as_ref(), worked).await {
                    break End::Over;
                }
                continue;
            }
            _ = &mut writer => break End::Resume,
            () = stop.cancelled() => break End::Over,
        };
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => break closed(line, frame.as_ref()),
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
                    // The next may begin after a while.
                    if let Some(turn) = turn.take() {
                        tokio::spawn(async move {
                            tokio::time::sleep(BETWEEN).await;
                            drop(turn);
                        });
                    }
                    if line.shard == 0 {
                        tokio::spawn(catch_up::direct(line.inlet.clone(), line.progress.clone()));
                    }
                } else if kind == "RESUMED" {
                    tracing::info!(shard = line.shard, "connected to Discord again, the session goes on");
                }
                if !dispatch(line, kind, d, sequence, fresh, session.as_ref()).await {
                    break End::Over;
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

fn identify(line: &Line) -> Value {
    let options = &line.inlet.app.options;
    let mut intents = INTENTS;
    if !line.plain.load(Ordering::Relaxed) {
        intents |= if options.message_content { CONTENT } else { 0 };
        intents |= if options.members { MEMBERS } else { 0 };
    }
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
        session::save(db, line.shard, &line.server, session, &line.progress, connected).await
    };
    kept.await.unwrap_or_else(|error: stoa_ground::Error| {
        tracing::warn!(%error, "the gateway's session could not be written down");
        true
    })
}

/// What a closed connection means.
fn closed(line: &Line, frame: Option<&CloseFrame>) -> End {
    let code = frame.map_or(0, |f| u16::from(f.code));
    tracing::debug!(code, "Discord closed the connection");
    match code {
        4_004 => End::Operator("Discord refuses the token"),
        4_010 | 4_011 => End::Shards,
        4_012 => End::Operator("Discord does not know this version of the gateway any more"),
        4_013 => End::Operator("Discord does not know the intents"),
        4_014 => {
            // Less is heard, but something is.
            line.plain.store(true, Ordering::Relaxed);
            line.inlet
                .app
                .api
                .tell_operator("intents", "Discord refuses the privileged intents; Stoa goes on without them");
            End::Fresh
        }
        4_003 | 4_007 | 4_009 => End::Fresh,
        _ => End::Resume,
    }
}

/// Puts a dispatch on its way; `false` when the lanes are closed. What is known about conversations is known at once.
async fn dispatch(line: &Line, kind: String, d: Value, sequence: u64, fresh: bool, session: Option<&Session>) -> bool {
    let app = &line.inlet.app;
    line.progress.came(sequence);
    match kind.as_str() {
        "GUILD_CREATE" => {
            catch_up::know(&line.inlet, &d);
            if fresh {
                tokio::spawn(catch_up::guild(line.inlet.clone(), d, line.progress.clone()));
            }
        }
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
            app.know(word(&d["id"]), Channel::read(&d, word(&d["guild_id"])));
        }
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
        | "INTERACTION_CREATE"
        | "GUILD_MEMBER_REMOVE" => {
            let transition = format!("{}/{sequence}", session.map_or("", |s| s.id.as_str()));
            let users =
                [&d["author"]["id"], &d["member"]["user"]["id"], &d["user"]["id"], &d["user_id"], &d["channel_id"]];
            let mut hasher = DefaultHasher::new();
            users.into_iter().map(word).find(|u| !u.is_empty()).unwrap_or_default().hash(&mut hasher);
            let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
            let job = Job { kind, d, sequence, transition };
            return match line.lanes.get(lane) {
                Some(lane) => lane.send(job).await.is_ok(),
                None => false,
            };
        }
        _ => {}
    }
    line.progress.done(sequence, None);
    true
}

/// The pause before the next attempt: none at first, then longer and longer, each a little different.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => {
            let most = (500_u64 << n.min(8)).min(LONGEST);
            Duration::from_millis(most / 2 + noise() % (most / 2))
        }
    }
}

/// Waits; `false` when it is time to stop.
async fn wait(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => !stop.is_cancelled(),
        () = stop.cancelled() => false,
    }
}
