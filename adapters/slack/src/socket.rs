//! Socket Mode: connections to Slack over which events come in.
//!
//! Several connections of one app are open at once, and Slack sends each envelope to one of them. When Slack says that it
//! will close one, the next is opened at once while the old one is still read, so that there is no gap.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use stoa_flow::Flow;
use stoa_flow::chat::SendError;
use stoa_ground::clock::{monotonic, noise};
use stoa_http::socket::{Socket, connect};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::api::Body;
use crate::app::App;
use crate::events::word;
use crate::platform::Slack;
use crate::take::{Incoming, Inlet};
use crate::{Feature, Mode, home, members, oauth, silence, zones};

/// Connections of one app.
const CONNECTIONS: usize = 2;
/// Events that are stored beside each other; those of one user go one after the other.
const LANES: usize = 32;
/// Envelopes that wait in one lane before Slack has to.
const WAITING: usize = 256;
/// How often we ask whether the other side is there.
const PING: Duration = Duration::from_secs(15);
/// A connection on which nothing came for so long is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// A connection that was there for so long worked, also when nobody said anything.
const STEADY: Duration = Duration::from_secs(10);
/// Why Slack ends connections in normal life.
const USUAL: [&str; 2] = ["warning", "refresh_requested"];
/// How long a connection that is to be closed is still read.
const DRAIN: Duration = Duration::from_secs(60);
/// How long a write may take.
const WRITE: Duration = Duration::from_secs(10);
/// The longest pause between attempts to connect, in milliseconds.
const LONGEST: u64 = 30_000;
/// How often is looked where another server has installed an app.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The pause when the operator has to do something first.
const OPERATOR: Duration = Duration::from_secs(60);

/// One envelope on its way into the store.
struct Job {
    incoming: Incoming,
    envelope: String,
    acks: mpsc::UnboundedSender<Message>,
}

/// What the connections of one app share.
struct Line {
    inlet: Inlet,
    lanes: Vec<mpsc::Sender<Job>>,
}

/// Listens for all apps in Socket Mode, and does for every workspace what goes on beside its events. Ends soon after `stop`.
pub async fn listen(flow: Arc<Flow>, slack: Arc<Slack>, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    for app in slack.apps.iter().filter(|app| app.options.mode == Mode::Socket) {
        let inlet = Inlet { flow: flow.clone(), app: app.clone(), slack: slack.clone() };
        let mut lanes = Vec::with_capacity(LANES);
        for _ in 0..LANES {
            let (to, jobs) = mpsc::channel(WAITING);
            lanes.push(to);
            tasks.spawn(lane(inlet.clone(), jobs));
        }
        let line = Arc::new(Line { inlet, lanes });
        for _ in 0..CONNECTIONS {
            tasks.spawn(keep_open(line.clone(), stop.clone()));
        }
    }
    tasks.spawn(attend(flow, slack, stop));
    tasks.join_all().await;
}

/// Does for each workspace what goes on beside its events, also for one in which the app is installed later.
async fn attend(flow: Arc<Flow>, slack: Arc<Slack>, stop: CancellationToken) {
    let mut attended: Vec<(Arc<App>, CancellationToken)> = Vec::new();
    let mut tasks = JoinSet::new();
    let mut changes = slack.changes.subscribe();
    let by_page = slack.is_installed_by_page();
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        let all = slack.all();
        attended.retain(|(app, ended)| {
            let still = all.iter().any(|one| Arc::ptr_eq(one, app));
            if !still {
                ended.cancel();
            }
            still
        });
        for app in all {
            if attended.iter().any(|(one, _)| Arc::ptr_eq(one, &app)) {
                continue;
            }
            let (inlet, ended) =
                (Inlet { flow: flow.clone(), app: app.clone(), slack: slack.clone() }, stop.child_token());
            tasks.spawn(identify(inlet.clone(), ended.clone()));
            tasks.spawn(home::keep(inlet.clone(), ended.clone()));
            tasks.spawn(members::get_to_know(inlet.clone(), ended.clone()));
            if app.options.has(Feature::DoNotDisturb) {
                tasks.spawn(silence::follow(inlet.clone(), ended.clone()));
            }
            tasks.spawn(zones::follow(inlet.clone(), ended.clone()));
            tasks.spawn(oauth::rotate(inlet, ended.clone()));
            attended.push((app, ended));
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if by_page => {
                if let Err(error) = slack.load().await {
                    tracing::warn!(%error, "it could not be read where the Slack apps are installed");
                }
            }
            () = stop.cancelled() => {}
        }
    }
    tasks.join_all().await;
}

/// Asks who the app is until Slack says it.
async fn identify(inlet: Inlet, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        match inlet.app.identify().await {
            Ok(me) => {
                tracing::info!(app = %inlet.app.options.name, workspace = %me.workspace_name, "Slack knows this app");
                return;
            }
            Err(failure) => {
                let error = inlet.app.api.send_error(failure);
                tracing::warn!(app = %inlet.app.options.name, %error, "Slack does not say who this app is");
            }
        }
        failures += 1;
        if !wait(pause(failures), &stop).await {
            return;
        }
    }
}

/// Stores what comes in, one after the other, and acknowledges it.
async fn lane(inlet: Inlet, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        match inlet.take(job.incoming).await {
            Ok(answer) => {
                let mut ack = json!({ "envelope_id": job.envelope });
                if let Some(answer) = answer {
                    ack["payload"] = answer;
                }
                // A connection that is gone takes no acknowledgement: Slack sends it again, and it is known then.
                let _ = job.acks.send(Message::text(ack.to_string()));
            }
            Err(error) => {
                tracing::error!(app = %inlet.app.options.name, %error, "an event could not be stored; Slack sends it again");
            }
        }
    }
}

/// Keeps one connection open.
async fn keep_open(line: Arc<Line>, stop: CancellationToken) {
    let mut failures = 0;
    let mut draining = JoinSet::new();
    while !stop.is_cancelled() {
        let mut rest = pause(failures);
        match open(&line).await {
            Ok(socket) => {
                let (replace, to_be_replaced) = oneshot::channel();
                draining.spawn(serve(line.clone(), socket, replace, stop.clone()));
                let worked = to_be_replaced.await.unwrap_or(false);
                failures = if worked { 0 } else { failures + 1 };
                rest = pause(failures);
            }
            Err(problem) => {
                failures += 1;
                rest = rest.max(problem.after).max(pause(failures));
                tracing::warn!(app = %line.inlet.app.options.name, why = %problem.why, "no connection to Slack; it is tried again");
            }
        }
        while draining.try_join_next().is_some() {}
        if !wait(rest, &stop).await {
            break;
        }
    }
    draining.join_all().await;
}

struct Problem {
    why: String,
    after: Duration,
}

async fn open(line: &Line) -> Result<Socket, Problem> {
    let app = &line.inlet.app;
    let opened = app.api.call(&app.options.app_token, "apps.connections.open", &Body::Form(Vec::new())).await;
    let url = match opened {
        Ok(opened) => word(&opened["url"]).to_owned(),
        Err(failure) => {
            return Err(match app.api.send_error(failure) {
                SendError::Retry { why, after_seconds } | SendError::Unsent { why, after_seconds } => {
                    let after = Duration::from_secs(after_seconds.unwrap_or_default()).min(OPERATOR);
                    Problem { why, after }
                }
                SendError::Wait { why, after, .. } => Problem { why, after: after.min(OPERATOR) },
                SendError::Unreachable(why) | SendError::Refused(why) => {
                    app.api.tell_operator("apps.connections.open", &why);
                    Problem { why, after: OPERATOR }
                }
            });
        }
    };
    connect(&url, &app.options.network).await.map_err(|why| Problem { why, after: Duration::ZERO })
}

/// Reads one connection to its end. When the next is to be opened, `replace` is told whether this one worked.
async fn serve(line: Arc<Line>, socket: Socket, replace: oneshot::Sender<bool>, stop: CancellationToken) {
    let app = line.inlet.app.options.name.as_str();
    let (mut sink, mut stream) = socket.split();
    let (acks, mut to_write) = mpsc::unbounded_channel::<Message>();
    let writer = tokio::spawn(async move {
        while let Some(message) = to_write.recv().await {
            let last = message.is_close();
            match tokio::time::timeout(WRITE, sink.send(message)).await {
                Ok(Ok(())) if !last => {}
                _ => return,
            }
        }
    });
    let mut replace = Some(replace);
    let (begun, mut greeted, mut worked) = (monotonic(), false, false);
    let mut heard = begun;
    let mut drained = None;
    let mut ping = tokio::time::interval(PING);
    loop {
        let frame = tokio::select! {
            frame = stream.next() => frame,
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE || drained.is_some_and(|until| monotonic() > until) || writer.is_finished() {
                    break;
                }
                let _ = acks.send(Message::Ping(Vec::new().into()));
                continue;
            }
            () = stop.cancelled() => break,
        };
        heard = monotonic();
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => break,
            Some(Ok(_)) => continue,
            Some(Err(error)) => {
                tracing::debug!(app, %error, "a connection to Slack broke");
                break;
            }
        };
        let Ok(mut envelope) = serde_json::from_str::<Value>(&text) else {
            line.inlet.app.unknown("a message that is no JSON");
            continue;
        };
        match word(&envelope["type"]) {
            "hello" => {
                greeted = true;
                tracing::info!(app, "connected to Slack");
            }
            "disconnect" => {
                let reason = word(&envelope["reason"]);
                tracing::debug!(app, reason, "Slack closes a connection; the next is opened");
                worked |= greeted && (USUAL.contains(&reason) || begun.elapsed() >= STEADY);
                if reason == "link_disabled" {
                    line.inlet
                        .app
                        .api
                        .tell_operator("link_disabled", "Socket Mode is switched off in the app's settings");
                }
                // There is nobody to tell when the slot ended.
                let _ = replace.take().map(|replace| replace.send(worked));
                drained = Some(monotonic() + DRAIN);
            }
            _ if envelope["envelope_id"].is_string() => {
                worked = true;
                let id = word(&envelope["envelope_id"]).to_owned();
                let payload = envelope["payload"].take();
                let incoming = match word(&envelope["type"]) {
                    "events_api" => Incoming::Event(payload),
                    "slash_commands" => Incoming::Command(payload),
                    "interactive" => Incoming::Interactive(payload),
                    other => {
                        line.inlet.app.unknown(&format!("envelope {other}"));
                        let _ = acks.send(Message::text(json!({ "envelope_id": id }).to_string()));
                        continue;
                    }
                };
                let mut hasher = DefaultHasher::new();
                incoming.user().hash(&mut hasher);
                let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
                let job = Job { incoming, envelope: id, acks: acks.clone() };
                if let Some(lane) = line.lanes.get(lane)
                    && lane.send(job).await.is_err()
                {
                    break;
                }
            }
            other => line.inlet.app.unknown(&format!("message {other}")),
        }
    }
    // What is being stored is still acknowledged where that is possible.
    let _ = acks.send(Message::Close(None));
    drop(acks);
    worked |= greeted && begun.elapsed() >= STEADY;
    let _ = replace.map(|replace| replace.send(worked));
    if tokio::time::timeout(WRITE, writer).await.is_err() {
        tracing::debug!(app, "a connection to Slack did not take what was written");
    }
}

/// The pause before the next attempt: none at first, then longer and longer, each a little different.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => {
            let most = (250_u64 << n.min(8)).min(LONGEST);
            Duration::from_millis(most / 2 + noise() % (most / 2))
        }
    }
}

/// Waits; `false` when it is time to stop.
pub(crate) async fn wait(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stop.cancelled() => false,
    }
}
