//! Following a source: what is new, different or gone there.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use stoa_ground::{Db, Result};
use tokio::sync::mpsc;

use super::content::Prepared;
use super::{Item, Outcome, set_readers, set_verified, store};

/// Documents that are put into the store together, and passages that one write transaction takes at most.
const CHUNK_DOCUMENTS: usize = 20;
const CHUNK_PASSAGES: usize = 60;

/// A listing that is empty while more documents than this are known is taken for a fault (a disk that is not mounted),
/// not for their deletion.
const SUDDENLY_EMPTY: usize = 20;

/// What the configuration says of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its name: unique.
    pub name: String,
    /// Its kind, for example `files`.
    pub kind: String,
    /// Who may read its documents, as in [`super::Passage::readers`].
    pub readers: Vec<String>,
    /// Whether its documents count as checked.
    pub verified: bool,
}

/// What is known of the documents of a source: location -> fingerprint at the last sync.
pub type Known = HashMap<String, String>;

/// What a reader finds.
#[derive(Clone, Debug)]
pub enum Found {
    /// So many documents are there in all, as far as known now.
    Listed(usize),
    /// A document. Source, readers and verified are set by [`sync`].
    Document {
        /// What it says.
        item: Item,
        /// By which the reader will know next time that it is unchanged (for a file its time and size).
        fingerprint: Option<String>,
        /// What is odd about it, one sentence each.
        warnings: Vec<String>,
    },
    /// The document at this location has the fingerprint that is known, and was not read.
    Unchanged(String),
    /// The document at this location could not be read: location and one sentence. What was known of it stays.
    Broken(String, String),
}

/// A source that can be followed. Each kind of source is one implementation, in an adapter.
#[async_trait]
pub trait SourceReader: Send + Sync {
    /// What the configuration says of it.
    fn settings(&self) -> &SourceSettings;

    /// Sends everything that is there. `Ok` means that the listing was whole: what was not sent is gone.
    ///
    /// # Errors
    /// When the source cannot be listed; what was sent before still counts, and nothing is taken for deleted.
    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()>;
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Documents looked at.
    pub done: usize,
    /// Documents in all, 0 as long as unknown.
    pub total: usize,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// New documents.
    pub added: usize,
    /// Documents with other content or details.
    pub changed: usize,
    /// Documents as before.
    pub unchanged: usize,
    /// Documents that are gone, and now retired.
    pub removed: usize,
    /// Location and one sentence for each document that could not be read; for the source itself the location is empty.
    pub errors: Vec<(String, String)>,
    /// Location and one sentence for each oddity in documents that were read all the same.
    pub warnings: Vec<(String, String)>,
}

/// Brings the library up to date with a source, in short transactions. A document that cannot be read is an error in
/// the report and stops nothing; deletions are followed only when the listing was whole.
///
/// # Errors
/// Only the database's: what the source does is in the report.
pub async fn sync(
    db: &Db,
    reader: &dyn SourceReader,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<SyncReport> {
    let settings = reader.settings();
    let readers = super::content::readers(&settings.readers)?;
    let name = settings.name.as_str();
    let before = db.read(|conn| async move { store::known(&conn, name).await }).await?;
    let known: Known = before.iter().filter_map(|(l, f, ..)| Some((l.clone(), f.clone()?))).collect();
    db.write(|tx| async move { store::add_source(&tx, name, &settings.kind).await }).await?;

    let mut run = Run {
        db,
        settings,
        progress,
        report: SyncReport::default(),
        at: Progress::default(),
        seen: HashSet::new(),
        skipped: HashSet::new(),
        chunk: Vec::new(),
    };
    let (out, mut found) = mpsc::channel(16);
    let consume = async {
        while let Some(found) = found.recv().await {
            run.take(found).await?;
        }
        run.flush().await
    };
    let (listed, consumed) = tokio::join!(reader.scan(&known, out), consume);
    consumed?;

    let gone: Vec<&str> = before.iter().map(|(l, ..)| l.as_str()).filter(|l| !run.seen.contains(*l)).collect();
    let failed = match listed {
        Err(e) => Some(e.to_string()),
        Ok(()) if run.seen.is_empty() && before.len() > SUDDENLY_EMPTY => Some(format!(
            "the source is suddenly empty, so its {} documents are kept: check that it is there, or remove the source",
            before.len()
        )),
        Ok(()) => None,
    };
    match &failed {
        Some(why) => run.report.errors.push((String::new(), why.clone())),
        None => run.report.removed = remove(db, name, &gone).await?,
    }
    let stale: Vec<&str> = before
        .iter()
        .filter(|(l, _, r, v)| {
            run.skipped.contains(l.as_str())
                && (serde_json::from_str::<Vec<String>>(r).ok().as_ref() != Some(&readers) || *v != settings.verified)
        })
        .map(|(l, ..)| l.as_str())
        .collect();
    db.write_each(&stale, |tx, location| async move {
        set_readers(&tx, name, location, &settings.readers).await?;
        set_verified(&tx, name, location, settings.verified).await
    })
    .await?;
    run.report.changed += stale.len();
    run.report.unchanged -= stale.len();
    let failed = failed.as_deref();
    db.write(|tx| async move { store::note_sync(&tx, name, &settings.kind, failed).await }).await?;
    Ok(run.report)
}

async fn remove(db: &Db, source: &str, gone: &[&str]) -> Result<usize> {
    let why = "it is gone from its source";
    let retired = db.write_each(gone, |tx, location| async move { store::retire(&tx, source, location, why).await });
    Ok(retired.await?.into_iter().filter(|retired| *retired).count())
}

/// A sync under way.
struct Run<'a> {
    db: &'a Db,
    settings: &'a SourceSettings,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    report: SyncReport,
    at: Progress,
    /// Locations that the source has.
    seen: HashSet<String>,
    /// Locations that were not read because nothing changed.
    skipped: HashSet<String>,
    chunk: Vec<(Prepared, Option<String>)>,
}

impl Run<'_> {
    async fn take(&mut self, found: Found) -> Result<()> {
        let location = match &found {
            Found::Listed(n) => {
                self.at.total = *n;
                return Ok(());
            }
            Found::Document { item, .. } => item.location.clone(),
            Found::Unchanged(location) | Found::Broken(location, _) => location.clone(),
        };
        self.seen.insert(location.clone());
        match found {
            Found::Listed(_) => {}
            Found::Unchanged(_) => {
                self.report.unchanged += 1;
                self.skipped.insert(location);
            }
            Found::Broken(_, sentence) => self.report.errors.push((location, sentence)),
            Found::Document { mut item, fingerprint, warnings } => {
                self.report.warnings.extend(warnings.into_iter().map(|w| (location.clone(), w)));
                item.source.clone_from(&self.settings.name);
                item.readers.clone_from(&self.settings.readers);
                item.verified = self.settings.verified;
                // Normalising and cutting is work for a processor, not for the thread that answers others.
                let prepared = tokio::task::spawn_blocking(move || Prepared::of(&item)).await;
                match prepared {
                    Ok(Ok(prepared)) => self.add(prepared, fingerprint).await?,
                    Ok(Err(e)) => self.report.errors.push((location, e.to_string())),
                    Err(_) => self.report.errors.push((location, "its text could not be cut into passages".into())),
                }
            }
        }
        self.at.done += 1;
        (self.progress)(self.at);
        Ok(())
    }

    async fn add(&mut self, prepared: Prepared, fingerprint: Option<String>) -> Result<()> {
        let size = |c: &[(Prepared, Option<String>)]| c.iter().map(|(p, _)| p.passages.len()).sum::<usize>();
        if self.chunk.len() >= CHUNK_DOCUMENTS || size(&self.chunk) + prepared.passages.len() > CHUNK_PASSAGES {
            self.flush().await?;
        }
        if prepared.passages.len() > CHUNK_PASSAGES {
            let p = &prepared;
            for from in (0..p.passages.len()).step_by(CHUNK_PASSAGES) {
                let to = (from + CHUNK_PASSAGES).min(p.passages.len());
                self.db.write(|tx| async move { store::stage(&tx, p, from, to).await }).await?;
            }
        }
        self.chunk.push((prepared, fingerprint));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.is_empty() {
            return Ok(());
        }
        let put = self.db.write_each(&chunk, |tx, (prepared, fingerprint)| async move {
            store::place(&tx, prepared, fingerprint.as_deref()).await
        });
        for put in put.await? {
            match put.outcome {
                Outcome::Added => self.report.added += 1,
                Outcome::Content | Outcome::Details => self.report.changed += 1,
                Outcome::Unchanged => self.report.unchanged += 1,
            }
        }
        Ok(())
    }
}
