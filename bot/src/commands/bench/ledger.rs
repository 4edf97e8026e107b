//! The figures of the ledger and its log: records a second, proofs out of a large log, a start with it, a pack.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_ground::ledger::{Entry, Ledger, checkpoint, log, merkle};
use stoa_ground::{Db, args, testing};
use stoa_learning::evidence::verify::{Trust, Verdict, verify};
use stoa_learning::evidence::{self, Scope, export, retention};
use stoa_learning::search::Index;
use stoa_learning::training::course;

use super::{Figure, share_ms, training};
use crate::app::{App, ClockKind};
use crate::config::Config;

/// Records that are appended with one transaction.
const CHUNK: usize = 64;
/// Leaves that come into the synthetic log with one transaction.
const LEAVES: u64 = 65_536;
/// Proofs that are measured.
const PROOFS: u64 = 1_000;

/// How much is measured.
pub struct Wanted {
    /// People who get ten requirements; with none of them only the log and the pack are measured.
    pub people: usize,
    /// People in the pack.
    pub packed: usize,
    /// Leaves of the log out of which proofs are made.
    pub leaves: u64,
}

pub async fn run(config: Config, wanted: &Wanted, json: bool) -> Result<()> {
    if wanted.people > 0 {
        let mut own = config.clone();
        own.data.dir = config.data.dir.join("training");
        std::fs::create_dir_all(&own.data.dir)?;
        super::print(&training::run(own, wanted.people).await?, json)?;
    }
    super::print(&log_and_pack(config, wanted).await?, json)
}

async fn log_and_pack(config: Config, wanted: &Wanted) -> Result<Vec<Figure>> {
    let app = App::open(config.clone(), ClockKind::System, Index::in_memory()?).await?;
    let mut figures: Vec<Figure> = Vec::new();
    let people = hire(&app.db, wanted.packed).await?;

    // For each person an assignment that is begun, attested and completed: what is written with each record is its change
    // in the feed, its sealed values, and the row of the assignment.
    let version = &publish(&app, &config.data.dir.join("courses")).await?;
    let start = monotonic();
    let records = learn(&app.db, &app.services.ledger, &people, version).await?;
    let name = format!("{records} records alone appended, with feed, values and assignment, a second");
    figures.push(Figure::new(name, rate(records, start.elapsed()), "at least 5000"));
    let start = monotonic();
    let came = log::catch_up(&app.db).await?;
    figures.push(Figure::new(format!("{came} records put into the log, a second"), rate(came, start.elapsed()), ""));

    let folder = config.data.dir.join("pack");
    let start = monotonic();
    let pack = evidence::Wanted { scope: &Scope::default(), preset: None, policy: &retention::Policy::default() };
    let done = export(&app.db, &app.services, app.log()?, &pack, &folder).await?;
    let name = format!("pack of {} assignments with {} records, s", done.assignments, done.records);
    figures.push(Figure::new(name, start.elapsed().as_secs_f64(), "under 60"));
    let trust = Trust { key: Some(app.log()?.signer.verifier().clone()), ..Trust::default() };
    let start = monotonic();
    let outcome = verify(&folder, &trust);
    figures.push(Figure::new("pack verified, s", start.elapsed().as_secs_f64(), "under 10"));
    ensure!(outcome.verdict == Verdict::Valid, "{}", outcome.reason);

    let start = monotonic();
    let size = grow(&app.db, wanted.leaves).await?;
    let name = format!("log grown to {size} leaves, leaves a second");
    figures.push(Figure::new(name, rate(usize::try_from(size)? - came, start.elapsed()), ""));
    let mut times = Vec::new();
    for n in 0..PROOFS {
        let leaf = stoa_ground::clock::noise() % size;
        let start = monotonic();
        let (root, proof) = app
            .db
            .read(|c| async move { Ok((log::root(&c, size).await?, log::inclusion_proof(&c, leaf, size).await?)) })
            .await?;
        times.push(start.elapsed());
        // Leaves behind those of real records are made from their number.
        if leaf >= came as u64 + 16 && n % 100 == 0 {
            let hash = merkle::leaf_hash(&leaf.to_be_bytes());
            ensure!(merkle::includes(&root, size, leaf, &hash, &proof), "the proof of leaf {leaf} does not hold");
        }
    }
    let name = format!("root and proof for one of {size}, half within, ms");
    figures.push(Figure::new(name, share_ms(&mut times, 50), "under 50"));
    figures.push(Figure::new("  99 of 100 within, ms", share_ms(&mut times, 99), "under 50"));
    app.db.close().await;
    drop(app);
    let start = monotonic();
    let app = App::open(config, ClockKind::System, Index::in_memory()?).await?;
    app.db.read(|c| async move { checkpoint::newest(&c).await }).await?;
    figures.push(Figure::new("start with that log, s", start.elapsed().as_secs_f64(), "under 1"));
    app.db.close().await;
    Ok(figures)
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

async fn hire(db: &Db, count: usize) -> Result<Vec<String>> {
    let mut people = Vec::with_capacity(count);
    for chunk in (0..count).collect::<Vec<_>>().chunks(CHUNK) {
        let hired = chunk.iter().map(|n| async move { testing::hire(db, &format!("P{n}"), |_| {}).await.id });
        people.extend(futures_util::future::join_all(hired).await);
    }
    Ok(people)
}

/// Brings the course that is learned into the store; gives its version.
async fn publish(app: &App, courses: &Path) -> Result<String> {
    let folder = courses.join("bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(
        folder.join("course.toml"),
        "id = \"bench\"\ntitle = \"Bench\"\nattestation = \"I have read it.\"\n",
    )?;
    std::fs::write(folder.join("01-one.md"), "# One\n\nIt is measured.\n")?;
    course::apply_dir(&app.db, &app.services, courses).await?;
    Ok(app.db.read(|c| async move { course::current(&c, "bench").await }).await?)
}

async fn learn(db: &Db, ledger: &Ledger, people: &[String], version: &str) -> Result<usize> {
    let mut count = 0;
    for chunk in people.chunks(CHUNK / 4) {
        count += db
            .write(|tx| async move {
                let mut count = 0;
                for person in chunk {
                    let subject = format!("assignment/{}", tx.clock().id());
                    let due = json!({ "person": person, "requirement": "bench", "rule_version": "1", "course": "bench",
                        "due": tx.now(), "due_date": "2027-01-01" });
                    let steps = [
                        ("assigned", "rule/bench", due),
                        ("started", person.as_str(), json!({ "course": "bench", "version": version })),
                        ("attested", person.as_str(), json!({ "name": "A. Person", "text": "1" })),
                        ("completed", person.as_str(), json!({ "version": version })),
                    ];
                    for (kind, actor, data) in steps {
                        let actor = if actor == person { format!("person/{person}") } else { actor.to_owned() };
                        let reason = "measured".to_owned();
                        ledger.append(&tx, Entry { subject: subject.clone(), kind, actor, reason, data }).await?;
                        count += 1;
                    }
                }
                Ok(count)
            })
            .await?;
    }
    Ok(count)
}

/// Grows the log to so many leaves that stand for no records; gives its size. The store is thrown away afterwards.
async fn grow(db: &Db, to: u64) -> Result<u64> {
    let mut size = db.read(|c| async move { log::size(&c).await }).await?;
    while size < to {
        let end = to.min(size + LEAVES);
        let leaves: Vec<merkle::Hash> = (size..end).map(|n| merkle::leaf_hash(&n.to_be_bytes())).collect();
        let leaves = &leaves;
        db.write_by_key(|tx| async move {
            log::push(&tx, size, leaves).await?;
            let size = i64::try_from(end).unwrap_or(i64::MAX);
            tx.exec("UPDATE log_state SET size = $1 WHERE id = 1", args![size]).await
        })
        .await?;
        size = end;
    }
    Ok(size)
}
