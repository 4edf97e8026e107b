//! Gauges for `/metrics` that are read off the store: depth and age of the queues, and how far readers are behind.

use std::sync::Arc;
use std::time::Duration;

use stoa_flow::delivery::queues;
use stoa_ground::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often they are read.
const EVERY: Duration = Duration::from_secs(10);

/// The names and meanings of all metrics, once.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_histogram!(
        "stoa_db_write_seconds",
        Unit::Seconds,
        "How long write transactions hold the writer; the rule is under 50 ms"
    );
    describe_counter!("stoa_db_retries_total", "Write transactions that were repeated because they met another one");
    describe_counter!("stoa_events_total", "Inbound events, by platform, and whether they were new");
    describe_counter!("stoa_deliveries_total", "Sends, by platform and result: posted, failed, unreachable");
    describe_gauge!("stoa_queue_depth", "Rows that are due and not done, by queue");
    describe_gauge!("stoa_queue_oldest_seconds", Unit::Seconds, "How long the oldest of them is due, by queue");
    describe_gauge!("stoa_queue_parked", "Rows that were put aside after too many failures, by queue");
    describe_gauge!("stoa_feed_lag", "Changes that a reader of the change feed has not seen, by reader");
    describe_gauge!("stoa_people_unreachable", "People whom the last message could not reach");
}

/// Reads the gauges until told to stop.
pub async fn watch(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = read(&app).await {
            tracing::warn!(%error, "the queues could not be measured");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn read(app: &App) -> stoa_ground::Result<()> {
    let (all, unreachable) = app
        .db
        .read(|c| async move { Ok((queues::queues(&c).await?, stoa_flow::delivery::unreachable(&c).await?.len())) })
        .await?;
    let mut readers = app.flow.readers().await?;
    readers.push(queues::Reader { name: "index".into(), lag: app.services.index.lag(&app.db).await? });
    let now = app.db.clock().now();
    for queue in all {
        let seconds = queue.oldest.map_or(0, |at| (now.0 - at.0).max(0) / Instant::SECOND);
        metrics::gauge!("stoa_queue_depth", "queue" => queue.name).set(number(queue.waiting));
        metrics::gauge!("stoa_queue_oldest_seconds", "queue" => queue.name).set(number(seconds));
        metrics::gauge!("stoa_queue_parked", "queue" => queue.name).set(number(queue.parked));
    }
    for reader in readers {
        metrics::gauge!("stoa_feed_lag", "reader" => reader.name).set(number(reader.lag));
    }
    metrics::gauge!("stoa_people_unreachable").set(number(i64::try_from(unreachable).unwrap_or(i64::MAX)));
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float, and counts stay far below 2^53")]
fn number(n: i64) -> f64 {
    n as f64
}
