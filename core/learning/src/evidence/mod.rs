//! Evidence: checkpoints of the log, made daily and on demand, and put outside so that nobody can rewrite the past alone.

mod anchor;
mod archive;
mod asked;
pub mod contents;
mod export;
mod files;
mod lost;
mod pack;
mod pdf;
mod population;
mod report;
pub mod retention;
mod rows;
mod skew;
mod then;
mod trail;
pub mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::{Parts, say, words_key};
use stoa_ground::ledger::checkpoint::{self, Signed};
use stoa_ground::ledger::note::Signer;
use stoa_ground::ledger::{Projection, log};
use stoa_ground::{Db, Error, Instant, Result, Tx, args};

pub use anchor::{Anchor, Asked, Witness, put_outside, time_stamp_request};
pub use export::{Summary, Wanted, export};
pub use files::is_zip;
pub use pack::{Manifest, Scope};

use crate::Services;

/// The job that makes checkpoints.
const JOB: &str = "checkpoint";
/// Where a checkpoint was to be posted but could not be yet, it is tried again after this.
const LATER: i64 = Instant::HOUR;

/// What the log is signed with, and where its checkpoints go.
pub struct Log {
    /// The key.
    pub signer: Signer,
    /// Where checkpoints go.
    pub anchors: Vec<Anchor>,
}

/// The projections of the ledger's records about the log's keys, erasures and legal holds.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![
        Box::new(checkpoint::LogKeyProjection),
        Box::new(stoa_ground::ledger::ErasureProjection),
        Box::new(retention::HoldProjection),
    ]
}

/// The daily checkpoint and its posts. Registered by whoever has the signing key.
#[must_use]
pub fn parts(services: &Arc<Services>, log: &Arc<Log>) -> Parts {
    Parts {
        kinds: vec![Box::new(Post)],
        jobs: vec![Arc::new(CheckpointJob { services: services.clone(), log: log.clone() })],
        ..Parts::default()
    }
}

/// Makes a checkpoint of everything that is committed now, and puts it into the outbox for mail and channels. Gives it, and
/// whether it is new.
///
/// # Errors
/// As [`checkpoint::make`].
pub async fn check_point(db: &Db, services: &Services, evidence: &Log) -> Result<(Signed, bool)> {
    log::catch_up(db).await?;
    db.write(|tx| async move { make(&tx, services, evidence).await }).await
}

async fn make(tx: &Tx, services: &Services, evidence: &Log) -> Result<(Signed, bool)> {
    let (signed, new) = checkpoint::make(tx, &services.ledger, &evidence.signer).await?;
    if new {
        for anchor in &evidence.anchors {
            if let Some(place) = anchor.place() {
                delivery::enqueue(
                    tx,
                    &NewDelivery {
                        key: format!("checkpoint/{}/{}", signed.size, anchor.name()),
                        kind: "checkpoint",
                        place: Some(place),
                        payload: json!({ "note": signed.note, "size": signed.size, "anchor": anchor.name() }),
                        item: signed.size.to_string(),
                        ..NewDelivery::default()
                    },
                )
                .await?;
            }
        }
    }
    Ok((signed, new))
}

/// Sees to it that the daily checkpoint is planned.
///
/// # Errors
/// The database's error.
pub async fn plan(db: &Db) -> Result<()> {
    db.write(|tx| async move {
        if schedule::due(&tx, JOB).await?.is_none() {
            schedule::put(&tx, JOB, JOB, next_midnight(tx.now()), &Json::Null).await?;
        }
        Ok(())
    })
    .await
}

/// The beginning of the next day in UTC.
fn next_midnight(now: Instant) -> Instant {
    Instant((now.0.div_euclid(Instant::DAY) + 1) * Instant::DAY)
}

struct CheckpointJob {
    services: Arc<Services>,
    log: Arc<Log>,
}

#[async_trait]
impl Job for CheckpointJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        // What is not in the log yet will be in the next checkpoint.
        log::batch(tx).await?;
        let next = match make(tx, &self.services, &self.log).await {
            Ok((signed, new)) => {
                tracing::info!(size = signed.size, new, "checkpoint");
                next_midnight(tx.now())
            }
            Err(e @ Error::Database(_)) => return Err(e),
            Err(error) => {
                tracing::error!(%error, "no checkpoint could be made");
                tx.now().plus(LATER)
            }
        };
        schedule::put(tx, &job.key, JOB, next, &Json::Null).await
    }
}

/// A checkpoint as a message, for a channel or by mail to an auditor.
struct Post;

#[async_trait]
impl DeliveryKind for Post {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn label(&self) -> &'static str {
        words_key!("kind-checkpoint")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let size = delivery.payload["size"].as_u64().unwrap_or_default();
        let note = delivery.payload["note"].as_str().unwrap_or_default();
        let message = Message::text(say!(cx.words, "evidence-checkpoint", count = size))
            .paragraph(format!("```\n{}\n```", note.trim_end()))
            .context(literal(&say!(cx.words, "evidence-checkpoint-keep")));
        Ok(Rendered::Say(message))
    }

    fn keeps_sent(&self) -> bool {
        true
    }

    async fn sent(&self, tx: &Tx, delivery: &Delivery) -> Result<()> {
        let size = delivery.payload["size"].as_u64().unwrap_or_default();
        checkpoint::anchored(tx, size, delivery.payload["anchor"].as_str().unwrap_or_default(), None).await
    }
}

/// Which anchors have a checkpoint: the anchor, since when, and whether something came back.
///
/// # Errors
/// The database's error.
pub async fn anchored(db: &Db, size: u64) -> Result<Vec<(String, Instant, bool)>> {
    let rows = db
        .all(
            "SELECT anchor, at, proof FROM log_anchor WHERE size = $1 ORDER BY anchor",
            args![i64::try_from(size).unwrap_or(i64::MAX)],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get("anchor")?, r.get("at")?, r.get::<Option<String>>("proof")?.is_some()))).collect()
}

/// Where time-stamp requests are answered, beside the request.
#[must_use]
pub fn answer_of(request: &std::path::Path) -> PathBuf {
    request.with_extension("tsr")
}
