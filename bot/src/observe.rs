//! `/metrics`: the names and meanings of all metrics, the gauges that are read off the store, and HTTP requests by route.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use stoa_flow::delivery::queues;
use stoa_ground::clock::{machine, monotonic, wall};
use stoa_ground::db::Engine;
use stoa_ground::{Db, Instant};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::pulse::Pulse;

/// How often the store is measured.
const EVERY: Duration = Duration::from_secs(10);

/// Buckets in seconds for everything but write transactions.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Buckets for write transactions, whose rule is under 50 ms.
const WRITES: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 1.0];

/// Begins to measure; the handle renders what was measured.
pub fn install() -> Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new().set_buckets(BUCKETS).context("metrics")?;
    for name in ["stoa_db_write_seconds", "stoa_db_commit_seconds"] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), WRITES).context("metrics")?;
    }
    let handle = builder.install_recorder().context("metrics")?;
    describe();
    Ok(handle)
}

fn describe() {
    let seconds = |name: &'static str, about: &'static str| describe_histogram!(name, Unit::Seconds, about);
    let count = |name: &'static str, about: &'static str| describe_counter!(name, about);
    let level = |name: &'static str, about: &'static str| describe_gauge!(name, about);
    count("stoa_events_total", "Inbound events that ended, by platform and outcome");
    count("stoa_event_retries_total", "Inbound events that failed and are tried again");
    seconds("stoa_event_seconds", "How long an event was worked on until it ended, by command");
    count("stoa_deliveries_total", "Deliveries that ended, by platform, kind and outcome");
    count("stoa_delivery_retries_total", "Deliveries that no platform took and that are tried again");
    count("stoa_sends_total", "Attempts to send, by platform and result: posted, later, closed, refused");
    seconds("stoa_send_seconds", "How long a platform took to answer an attempt to send, by platform");
    count("stoa_jobs_total", "Jobs that ended, by kind and outcome");
    count("stoa_job_retries_total", "Jobs that failed and are tried again");
    count("stoa_panics_total", "What a panic broke off, a fault of Stoa, by part");
    seconds("stoa_job_seconds", "How long a job ran, by kind");
    seconds("stoa_db_write_seconds", "How long write transactions hold the writer; the rule is under 50 ms");
    seconds("stoa_db_commit_seconds", "How long the database took to commit");
    count("stoa_db_retries_total", "Write transactions that were repeated because they met another one");
    count("stoa_http_requests_total", "HTTP requests, by route, method and status");
    seconds("stoa_http_request_seconds", "How long a request took until its answer began, by route and method");
    level("stoa_queue_depth", "Rows that are due and not done, by queue");
    level("stoa_queue_oldest_seconds", "How long the oldest of them is due, by queue");
    level("stoa_queue_parked", "Rows that were put aside after too many failures, by queue");
    level("stoa_feed_lag", "Changes that a reader of the change feed has not seen, by reader");
    level("stoa_people_unreachable", "People whom the last message could not reach");
    level("stoa_store_up", "Whether the store could be read and written the last time: 1 or 0");
    level("stoa_db_clock_skew_seconds", "How far the clock of the database is ahead of this machine's");
    level("stoa_disk_free_bytes", "Free space of the file system that holds the data folder");
    level("stoa_disk_size_bytes", "Size of the file system that holds the data folder");
    level("stoa_build_info", "Always 1; version and engine are in the labels");
    level("process_start_time_seconds", "When this process began, in seconds since 1970");
    level("process_resident_memory_bytes", "Memory of this process that is in RAM");
    // Counters without labels are there before the first of their kind, so that one is seen as a rise.
    for name in
        ["stoa_event_retries_total", "stoa_delivery_retries_total", "stoa_job_retries_total", "stoa_db_retries_total"]
    {
        counter!(name).absolute(0);
    }
}

/// Measures the store until told to stop.
pub async fn watch(app: Arc<App>, pulse: Arc<Pulse>, stop: CancellationToken) {
    let engine = match app.db.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    gauge!("stoa_build_info", "version" => env!("CARGO_PKG_VERSION"), "engine" => engine).set(1.0);
    gauge!("process_start_time_seconds").set(number(machine().0) / 1e6);
    while !stop.is_cancelled() {
        let (measured, written) = (store(&app).await, pulse.is_well().await);
        gauge!("stoa_store_up").set(if measured.is_ok() && written.is_ok() { 1.0 } else { 0.0 });
        if let Err(error) = measured {
            tracing::warn!(%error, "the store could not be measured");
        }
        if let Err(error) = written {
            tracing::warn!(error, "the store is not well");
        }
        this_machine(&app.config.data.dir);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn store(app: &App) -> stoa_ground::Result<()> {
    let (all, unreachable) = app
        .db
        .read(|c| async move { Ok((queues::queues(&c).await?, stoa_flow::delivery::count_unreachable(&c).await?)) })
        .await?;
    let mut readers = app.flow.readers().await?;
    readers.push(queues::Reader { name: "index".into(), lag: app.services.index.lag(&app.db).await? });
    let now = app.db.clock().now();
    for queue in all {
        let seconds = queue.oldest.map_or(0, |at| (now.0 - at.0).max(0) / Instant::SECOND);
        gauge!("stoa_queue_depth", "queue" => queue.name).set(number(queue.waiting));
        gauge!("stoa_queue_oldest_seconds", "queue" => queue.name).set(number(seconds));
        gauge!("stoa_queue_parked", "queue" => queue.name).set(number(queue.parked));
    }
    for reader in readers {
        gauge!("stoa_feed_lag", "reader" => reader.name).set(number(reader.lag));
    }
    gauge!("stoa_people_unreachable").set(number(unreachable));
    gauge!("stoa_db_clock_skew_seconds").set(number(clock_skew(&app.db).await?) / 1e6);
    Ok(())
}

/// How far the clock of the database is ahead of this machine's, in microseconds, to within half of the answer's time.
pub async fn clock_skew(db: &Db) -> stoa_ground::Result<i64> {
    if db.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let before = wall();
    let theirs = db.lease_time().await?;
    let after = wall();
    Ok(theirs.0 - before.0.midpoint(after.0))
}

fn this_machine(dir: &Path) {
    if let Some((free, size)) = disk(dir) {
        gauge!("stoa_disk_free_bytes").set(free);
        gauge!("stoa_disk_size_bytes").set(size);
    }
    // Linux only; elsewhere the gauge is missing.
    let resident = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok()
    });
    if let Some(kilobytes) = resident {
        gauge!("process_resident_memory_bytes").set(kilobytes * 1024.0);
    }
}

/// Free and all bytes of the file system of a folder, as an ordinary user may use them.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub fn disk(dir: &Path) -> Option<(f64, f64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(((stat.f_bavail * stat.f_frsize) as f64, (stat.f_blocks * stat.f_frsize) as f64))
}

/// Counts and times a request by its route, never by its address: addresses hold ids and secrets.
pub async fn request(request: Request, next: Next) -> Response {
    let started = monotonic();
    let route = route(&request);
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    if response.status().is_server_error() {
        let (status, ms) =
            (response.status().as_u16(), u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        tracing::error!(route, method, status, ms, "request failed");
    }
    let status = response.status().as_str().to_owned();
    counter!("stoa_http_requests_total", "route" => route.clone(), "method" => method.clone(), "status" => status)
        .increment(1);
    histogram!("stoa_http_request_seconds", "route" => route, "method" => method)
        .record(started.elapsed().as_secs_f64());
    response
}

/// The route that a request matched, for example `/bridge/{name}/events`.
pub fn route<B>(request: &axum::http::Request<B>) -> String {
    request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned())
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float, and counts stay far below 2^53")]
fn number(n: i64) -> f64 {
    n as f64
}
