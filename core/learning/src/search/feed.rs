//! Following the library: the index takes in what the change feed announces, and is built from the store when it is
//! lost, or comes from another store.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use stoa_ground::{Db, Error, Result};
use tantivy::{IndexWriter, TantivyDocument, TantivyError};

use super::folder::{self, Payload};
use super::schema::Fields;
use super::{Index, State};
use crate::library::{self, Passage};

/// Changes taken in with one commit.
const BATCH: usize = 1_000;
/// Documents read with one connection while the index is built.
const CHUNK: usize = 100;
/// Passages after which a long build is committed, so that search finds something meanwhile.
const COMMIT: usize = 20_000;
/// How far the feed may run ahead (other topics) before the position is written down.
const AHEAD: i64 = 10_000;
/// How often other processes' changes are looked for.
const POLL: Duration = Duration::from_secs(1);

/// What a catch-up did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Documents that were indexed anew or removed.
    pub documents: usize,
    /// Passages that were indexed.
    pub passages: usize,
    /// Whether the whole index was built from the store.
    pub rebuilt: bool,
}

impl Index {
    /// Takes in everything that the store has committed. Calls wait for each other.
    ///
    /// # Errors
    /// When the store or the folder fails, or the index is open for reading only.
    pub async fn catch_up(&self, db: &Db) -> Result<Progress> {
        let writer =
            self.0.writer.as_ref().ok_or_else(|| Error::invalid("the search index is open for reading only"))?;
        let mut state = writer.lock().await;
        let mut progress = Progress::default();
        if !self.belongs(db, &state.payload).await? {
            self.rebuild(db, &mut state, &mut progress).await?;
        }
        while self.batch(db, &mut state, &mut progress).await? {}
        self.0.seen.fetch_max(state.payload.position.unwrap_or(0), Ordering::SeqCst);
        Ok(progress)
    }

    /// How many changes of the feed this index has not looked at.
    ///
    /// # Errors
    /// The database's error.
    pub async fn lag(&self, db: &Db) -> Result<i64> {
        Ok((db.committed_position().await? - self.0.seen.load(Ordering::SeqCst)).max(0))
    }

    /// Follows the store until it is dropped; whoever calls it runs it beside its own work. A failure is logged and
    /// tried again.
    pub async fn follow(&self, db: &Db) {
        let mut watch = db.watch();
        loop {
            if let Err(e) = self.catch_up(db).await {
                tracing::error!(error = %e, "the search index could not follow the library and tries again");
                tokio::time::sleep(POLL).await;
            }
            // The time-out is for changes by other processes; a closed channel is the end of the store.
            if let Ok(Err(_)) = tokio::time::timeout(POLL, watch.changed()).await {
                return;
            }
        }
    }

    /// Whether the index was made from this store: the change at its position is the one it remembers.
    async fn belongs(&self, db: &Db, payload: &Payload) -> Result<bool> {
        Ok(match payload.position {
            None => false,
            Some(0) => true,
            Some(position) => db
                .changes(position - 1, 1)
                .await?
                .first()
                .is_some_and(|c| c.position == position && c.key == payload.key),
        })
    }

    async fn rebuild(&self, db: &Db, state: &mut State, progress: &mut Progress) -> Result<()> {
        let position = db.committed_position().await?;
        let key = match position {
            0 => String::new(),
            p => db.changes(p - 1, 1).await?.into_iter().next().map(|c| c.key).unwrap_or_default(),
        };
        *progress = Progress { rebuilt: true, ..Progress::default() };
        self.with(state, |writer| writer.delete_all_documents().map(|_| ())).await?;
        let mut after = String::new();
        let mut uncommitted = 0;
        loop {
            let from = after.as_str();
            let (ids, passages) = db
                .read(|conn| async move {
                    let ids = library::document_ids(&conn, from, CHUNK).await?;
                    let mut passages = Vec::new();
                    for id in &ids {
                        passages.extend(library::passages_of(&conn, id).await?);
                    }
                    Ok((ids, passages))
                })
                .await?;
            progress.documents += ids.len();
            progress.passages += passages.len();
            uncommitted += passages.len();
            self.add(state, Vec::new(), passages).await?;
            let Some(last) = ids.into_iter().next_back() else { break };
            after = last;
            if uncommitted >= COMMIT {
                self.commit(state, Payload::at(None, String::new())).await?;
                uncommitted = 0;
            }
        }
        self.commit(state, Payload::at(Some(position), key)).await
    }

    /// Takes in one batch of changes; false when there are no more.
    async fn batch(&self, db: &Db, state: &mut State, progress: &mut Progress) -> Result<bool> {
        let from = state.seen.max(state.payload.position.unwrap_or(0));
        let changes = db.changes(from, BATCH).await?;
        let Some(last) = changes.last() else { return Ok(false) };
        let documents: BTreeSet<&str> = changes
            .iter()
            .filter(|c| [library::TOPIC, library::RATED].contains(&c.topic.as_str()))
            .map(|c| c.key.as_str())
            .collect();
        for chunk in documents.iter().copied().collect::<Vec<_>>().chunks(CHUNK) {
            let passages = db
                .read(|conn| async move {
                    let mut passages = Vec::new();
                    for id in chunk {
                        passages.extend(library::passages_of(&conn, id).await?);
                    }
                    Ok(passages)
                })
                .await?;
            progress.passages += passages.len();
            self.add(state, chunk.iter().map(|&id| id.to_owned()).collect(), passages).await?;
        }
        progress.documents += documents.len();
        if !documents.is_empty() || last.position - state.payload.position.unwrap_or(0) > AHEAD {
            self.commit(state, Payload::at(Some(last.position), last.key.clone())).await?;
        }
        // Not before: what could not be committed is taken in again.
        state.seen = last.position;
        self.0.seen.store(last.position, Ordering::SeqCst);
        Ok(changes.len() == BATCH)
    }

    /// Writes the passages into the index; `replaced` are the documents whose passages leave it first.
    pub(super) async fn add(&self, state: &State, replaced: Vec<String>, passages: Vec<Passage>) -> Result<()> {
        let fields = self.0.fields.clone();
        self.with(state, move |writer| {
            for id in &replaced {
                writer.delete_term(fields.of_document(id));
            }
            // One after the other: ranking counts on a document's passages standing next to each other.
            for document in analysed(&fields, &passages) {
                writer.add_document(document)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn commit(&self, state: &mut State, payload: Payload) -> Result<()> {
        let text = payload.text();
        let reader = self.0.reader.clone();
        self.with(state, move |writer| {
            let mut prepared = writer.prepare_commit()?;
            prepared.set_payload(&text);
            prepared.commit()?;
            reader.reload()
        })
        .await?;
        state.payload = payload;
        Ok(())
    }

    /// Runs `work` with the writer where it may block. A writer that failed is not used again: it may have no thread left, and
    /// then takes documents that never arrive. The next one begins at the last commit.
    async fn with<F>(&self, state: &State, work: F) -> Result<()>
    where
        F: FnOnce(&mut IndexWriter) -> tantivy::Result<()> + Send + 'static,
    {
        let (kept, index) = (Arc::clone(&state.writer), self.0.reader.searcher().index().clone());
        let work = move || {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut writer = kept.take().map_or_else(|| folder::writer(&index), Ok)?;
            work(&mut writer)?;
            *kept = Some(writer);
            Ok::<_, TantivyError>(())
        };
        tokio::task::spawn_blocking(work).await.map_err(failed)?.map_err(failed)
    }
}

/// The index's view of the passages, in their order, made by as many threads as are worth it.
fn analysed(fields: &Fields, passages: &[Passage]) -> Vec<TantivyDocument> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    let part = (passages.len() / threads + 1).max(50);
    std::thread::scope(|scope| {
        let parts: Vec<_> = passages
            .chunks(part)
            .map(|part| scope.spawn(|| part.iter().map(|p| fields.document(p)).collect::<Vec<_>>()))
            .collect();
        let done = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
        done.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

pub(super) fn failed(e: impl std::fmt::Display) -> Error {
    Error::Io(format!("the search index failed: {e}; delete its folder to have it built again"))
}
