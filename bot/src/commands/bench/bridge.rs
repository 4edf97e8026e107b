//! The figures of inbox and outbox, over a bridge whose other side is in this process: real HTTP, real commits.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use stoa_bridge::{SIGNATURE, Secret, TIMESTAMP};
use stoa_flow::chat::Message;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::db::longest_write;
use stoa_ground::{meta, people, testing};
use stoa_learning::search::Index;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::super::print_json;
use super::loads;
use crate::app::{App, ClockKind, Lock};
use crate::config::{Bridge, Config};

const NAME: &str = "bench";
const SECRET: &str = "only for measurements";
/// Events that are posted at once.
const AT_ONCE: usize = 64;
/// Events a second for the times of acknowledgements, and for how many seconds where nothing else goes on.
const PACE: usize = 200;
const PACE_SECONDS: u64 = 15;
/// People who give the commands of these events.
const TALKERS: usize = 200;

/// How much is measured.
pub struct Wanted {
    pub events: usize,
    pub deliveries: usize,
    /// Pages that are read into the library while acknowledgements are measured; none: no such measurement.
    pub pages: Option<usize>,
    /// How long that may take.
    pub limit: Duration,
}

/// The other side: how often each delivery arrived.
type Arrived = Arc<Mutex<HashMap<String, usize>>>;

pub async fn run(mut config: Config, wanted: &Wanted, json: bool) -> Result<()> {
    let deliveries = wanted.deliveries.max(TALKERS);
    let arrived = Arrived::default();
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let here = TcpListener::bind("127.0.0.1:0").await?;
    config.bridge = vec![Bridge {
        name: NAME.into(),
        api_url: format!("http://{}", other.local_addr()?),
        secret: Some(SECRET.into()),
        secret_file: None,
    }];
    // Commands beside this process see a server.
    let _lock = Lock::take(&config.data.dir)?;
    let app = App::open(config, ClockKind::System, Index::in_memory()?).await?;
    let engine = format!("{:?}, {}", app.db.engine(), app.db.durability().await?);
    let router = crate::bridge::connect(&app)?;
    let url = format!("http://{}/bridge/{NAME}/events", here.local_addr()?);
    let servers = [tokio::spawn(serve(other, far_end(arrived.clone()))), tokio::spawn(serve(here, router))];

    let poster = Poster { http: client()?, url, secret: SECRET.to_owned().into() };
    let accept = accepted(&poster, wanted.events).await?;

    people(&app, deliveries).await?;
    app.flow.settle().await?;
    let stop = CancellationToken::new();
    let workers = tokio::spawn(app.flow.clone().run(stop.clone()));
    longest_write();
    let times = acknowledged(&poster, "idle", tokio::time::sleep(Duration::from_secs(PACE_SECONDS))).await?;
    let longest = longest_write();
    let loaded = match wanted.pages {
        Some(pages) => Some(loads::measure(&app, &poster, pages, wanted.limit).await?),
        None => None,
    };
    stop.cancel();
    workers.await?;
    let drained = match loaded {
        None => Some(drained(&app, &arrived, deliveries).await?),
        // What the loads asked to be said would be in the way.
        Some(_) => None,
    };
    for server in servers {
        server.abort();
    }
    app.db.close().await;

    let rate = |n: usize, time: Duration| n as f64 / time.as_secs_f64();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut figures = vec![
        ("events stored, 64 at once", rate(wanted.events, accept), "/s", "at least 2000"),
        ("acknowledgement at 200/s, half within", ms(share(&times, 50)), "ms", ""),
        ("acknowledgement at 200/s, 99 of 100 within", ms(share(&times, 99)), "ms", "under 100"),
        ("longest write transaction meanwhile", ms(longest), "ms", "under 50"),
    ];
    if let Some(loaded) = &loaded {
        figures.extend(loaded.figures());
    }
    if let Some(drained) = drained {
        figures.push(("deliveries drained, each to another person", rate(deliveries, drained), "/s", "at least 1000"));
    }
    if json {
        for (name, value, unit, wanted) in figures {
            print_json(&json!({ "figure": name, "value": value, "unit": unit, "wanted": wanted, "engine": engine }))?;
        }
        return Ok(());
    }
    println!("{engine}; {} events, {deliveries} deliveries", wanted.events);
    for (name, value, unit, wanted) in figures {
        let wanted = if wanted.is_empty() { String::new() } else { format!("  (wanted: {wanted} {unit})") };
        println!("{name:<52} {value:>9.1} {unit}{wanted}");
    }
    Ok(())
}

async fn serve(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the server of the measurement ended");
    }
}

fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().context("an HTTP client")
}

/// The other side of the bridge.
fn far_end(arrived: Arrived) -> Router {
    let ids = Arc::new(AtomicUsize::new(0));
    let create = move |State(arrived): State<Arrived>, Json(sent): Json<Value>| async move {
        let key = sent["key"].as_str().unwrap_or_default().to_owned();
        *arrived.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        Json(json!({ "id": format!("m{}", ids.fetch_add(1, Ordering::Relaxed)) }))
    };
    let direct = |Json(asked): Json<Value>| async move {
        Json(json!({ "channel": format!("dm-{}", asked["account"]["user"].as_str().unwrap_or_default()) }))
    };
    let find = get(|| async { StatusCode::NOT_FOUND });
    Router::new().route("/messages", post(create).merge(find)).route("/direct", post(direct)).with_state(arrived)
}

pub(super) struct Poster {
    http: reqwest::Client,
    url: String,
    secret: Secret,
}

impl Poster {
    async fn post(&self, key: &str, user: usize, event: Value) -> Result<Duration> {
        let body = json!({
            "key": key,
            "at": wall().rfc3339(),
            "account": { "user": format!("u{user}") },
            "place": { "channel": format!("dm-u{user}"), "direct": true },
            "event": event,
        })
        .to_string();
        let start = monotonic();
        let (timestamp, signature) = self.secret.sign(wall(), body.as_bytes());
        let request = self.http.post(&self.url).header(TIMESTAMP, timestamp).header(SIGNATURE, signature).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "an event was not accepted: {status}: {text}");
        Ok(start.elapsed())
    }
}

/// Events from many people, 64 at once, while the workers rest.
async fn accepted(poster: &Poster, events: usize) -> Result<Duration> {
    let start = monotonic();
    let posts = (0..events).map(|n| async move {
        let event = json!({ "message": { "id": format!("m{n}"), "text": "Good morning, all", "to_bot": false } });
        poster.post(&format!("accept-{n}"), n % 1_000, event).await
    });
    let mut posts = futures_util::stream::iter(posts).buffer_unordered(AT_ONCE);
    while let Some(posted) = posts.next().await {
        posted?;
    }
    Ok(start.elapsed())
}

/// The time within which so many of a hundred were, in a list that is sorted.
pub(super) fn share(times: &[Duration], of_hundred: usize) -> Duration {
    times.get(times.len() * of_hundred / 100).or(times.last()).copied().unwrap_or_default()
}

/// The times of acknowledgements at an even pace, shortest first, while the workers do what the events say and
/// answer, until it is `over`.
pub(super) async fn acknowledged(poster: &Poster, name: &str, over: impl Future<Output = ()>) -> Result<Vec<Duration>> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PACE)?);
    // A tick that was missed is made up for: the pace is that of those who wait.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut posts = futures_util::stream::FuturesUnordered::new();
    let mut times = Vec::new();
    let (mut sent, mut going) = (0, true);
    let mut over = std::pin::pin!(over);
    while going || !posts.is_empty() {
        tokio::select! {
            () = &mut over, if going => going = false,
            _ = ticks.tick(), if going => {
                let event = json!({ "command": { "word": "did", "args": format!("number {sent}: sorted the shelf") } });
                let key = format!("{name}-{sent}");
                posts.push(async move { poster.post(&key, sent % TALKERS, event).await });
                sent += 1;
            }
            Some(time) = posts.next() => times.push(time?),
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// How long it takes to say one thing to everybody.
async fn drained(app: &App, arrived: &Arrived, deliveries: usize) -> Result<Duration> {
    app.flow.settle().await?;
    arrived.lock().unwrap_or_else(PoisonError::into_inner).clear();
    queue(app, deliveries).await?;
    let start = monotonic();
    app.flow.settle().await?;
    let time = start.elapsed();
    let arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    ensure!(arrived.len() == deliveries, "{} of {deliveries} messages arrived", arrived.len());
    let twice = arrived.values().filter(|n| **n > 1).count();
    ensure!(twice == 0, "{twice} messages arrived twice");
    Ok(time)
}

/// People with an account on the bridge, who know Stoa already and were there before.
async fn people(app: &App, number: usize) -> Result<()> {
    let parts = (0..number).step_by(50).map(|from| testing::hire_many(&app.db, NAME, from..number.min(from + 50)));
    futures_util::stream::iter(parts).buffer_unordered(8).collect::<Vec<()>>().await;
    // Whoever follows the people has seen them: no figure is about that.
    let (readers, head) = (app.flow.readers().await?, app.db.committed_position().await?);
    app.db
        .write(|tx| {
            let readers = readers.clone();
            async move {
                for reader in readers {
                    meta::put(&tx, &format!("follower/{}", reader.name), &head.to_string()).await?;
                }
                Ok(())
            }
        })
        .await?;
    Ok(())
}

/// One message to each person.
async fn queue(app: &App, number: usize) -> Result<()> {
    let message = serde_json::to_value(Message::text("Security basics is due on Friday."))?;
    let everybody = app.db.read(|c| async move { people::all(&c).await }).await?;
    let message = &message;
    for some in everybody.chunks(200) {
        app.db
            .write(|tx| async move {
                for person in some {
                    let new = NewDelivery {
                        key: format!("bench/{}", person.id),
                        kind: "reply",
                        person: Some(person.id.clone()),
                        payload: message.clone(),
                        ..NewDelivery::default()
                    };
                    delivery::enqueue(&tx, &new).await?;
                }
                Ok(())
            })
            .await?;
    }
    ensure!(everybody.len() == number, "there are {} people", everybody.len());
    Ok(())
}
