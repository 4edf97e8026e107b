//! The keys of the evidence, and the tasks that keep the log: records come into it, checkpoints go outside.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use stoa_ground::backup::Keys;
use stoa_ground::ledger::{Master, checkpoint, log};
use stoa_ground::{Clock, Db};
use stoa_learning::evidence::{Anchor, Log, put_outside};
use stoa_witness::HttpWitness;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;

/// How long a new record waits for the log at most, where nobody says that there is one.
const EVERY: Duration = Duration::from_secs(1);
/// How often checkpoints are put outside, and the longest pause after failures.
const OUTSIDE: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// The fact about the store that names the log.
const ORIGIN: &str = "evidence.origin";

/// The file of the signing key.
pub fn signing_key_file(config: &Config) -> PathBuf {
    let own = || config.data.dir.join("evidence").join("signing.key");
    config.evidence.signing_key_file.clone().unwrap_or_else(own)
}

fn master_key_file(config: &Config) -> PathBuf {
    let own = || config.data.dir.join("evidence").join("master.key");
    config.evidence.master_key_file.clone().unwrap_or_else(own)
}

/// Opens the master key; a store that has none yet gets it. A store that has one opens with no other.
pub async fn seal(config: &Config, db: &Db, writes: bool) -> Result<()> {
    let path = master_key_file(config);
    let stored = db.meta(Master::FACT).await?;
    if stored.is_none() && !writes {
        // Nothing was ever sealed.
        return Ok(());
    }
    let master = Master::open(&path, db.clock(), stored.is_none())?;
    match stored {
        None => db.set_meta(Master::FACT, &master.name()).await?,
        Some(name) if name == master.name() => {}
        Some(_) => bail!(
            "[evidence] master_key_file: {} is not the key of this store: people's records could not be read. Put the \
             right file there",
            path.display()
        ),
    }
    db.seal_with(master);
    Ok(())
}

/// The master key, where its file is there already.
pub fn master_at_hand(config: &Config) -> Result<Option<Master>> {
    let path = master_key_file(config);
    Ok(path.exists().then(|| Master::open(&path, &Clock::system(), false)).transpose()?)
}

/// Whether the master key of a keys file is at hand: without it a restore could not erase again what has to be.
pub fn holds_key_of(config: &Config, keys: &Keys) -> Result<()> {
    let Some(key) = keys.keys.iter().find(|key| key.wrapped.is_some()) else { return Ok(()) };
    let path = master_key_file(config);
    if !Master::open(&path, &Clock::system(), false)?.unwraps(key) {
        bail!("[evidence] master_key_file: {} is not the key of this backup's store", path.display());
    }
    Ok(())
}

/// The log's name, fixed at the first start; one whose clock is moved by hand says so.
pub async fn origin(config: &Config, db: &Db, iri: &str) -> Result<String> {
    let known = match &config.evidence.origin {
        Some(origin) => Some(origin.clone()),
        None => db.meta(ORIGIN).await?,
    };
    let origin = match known {
        Some(origin) => origin,
        None => {
            let plain = iri.split_once("://").map_or(iri, |(_, rest)| rest);
            let origin = format!("{plain}/evidence");
            db.set_meta(ORIGIN, &origin).await?;
            origin
        }
    };
    Ok(checkpoint::origin_of(&origin, db.clock()))
}

/// The log with its signing key, which is made at the first use.
pub async fn log(config: &Config, db: &Db, iri: &str, writes: bool) -> Result<Option<Arc<Log>>> {
    if !writes {
        return Ok(None);
    }
    let origin = origin(config, db, iri).await?;
    let keys = db.read(|c| async move { checkpoint::keys(&c).await }).await?;
    let signer = checkpoint::open_signer(&signing_key_file(config), &origin, db.clock(), keys.is_empty())?;
    Ok(Some(Arc::new(Log { signer, anchors: anchors(config)? })))
}

/// Where checkpoints go.
pub fn anchors(config: &Config) -> Result<Vec<Anchor>> {
    config.evidence.anchors.iter().map(|a| Ok(a.parse()?)).collect()
}

/// Whether checkpoints can go where they are to go, as far as the configuration shows it.
pub fn check(config: &Config, chat_open: bool) -> Result<()> {
    for anchor in anchors(config)? {
        if let Anchor::Channel(place) = &anchor {
            config.connects("[evidence] anchors", place, chat_open)?;
        }
    }
    Ok(())
}

/// The way to witnesses.
pub fn witness(config: &Config) -> Result<HttpWitness> {
    Ok(HttpWitness::new(&config.network.outside()?)?)
}

/// Brings records into the log and checkpoints outside, until told to stop.
pub fn follow(app: Arc<App>, stop: CancellationToken) -> Result<impl Future<Output = ()>> {
    let witness = witness(&app.config)?;
    let log = app.log()?.clone();
    Ok(async move {
        tokio::join!(record(&app, &stop), post(&app, &log.anchors, &witness, &stop));
    })
}

async fn record(app: &App, stop: &CancellationToken) {
    let mut news = app.db.watch();
    while !stop.is_cancelled() {
        if let Err(error) = log::catch_up(&app.db).await {
            tracing::error!(%error, "records could not be put into the log");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            // When the sender is gone the store is closing.
            _ = news.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn post(app: &App, anchors: &[Anchor], witness: &HttpWitness, stop: &CancellationToken) {
    let mut pause = OUTSIDE;
    while !stop.is_cancelled() {
        let failed = match put_outside(&app.db, anchors, witness).await {
            Ok(failed) => failed,
            Err(error) => vec![error.to_string()],
        };
        pause = if failed.is_empty() { OUTSIDE } else { (pause * 2).min(LONGEST) };
        for text in failed {
            tracing::warn!("{text}");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
