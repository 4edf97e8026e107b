//! Search: the tantivy index of all passages, and our ranking over it.
//!
//! The index follows the library through the change feed; its folder holds nothing that the store does not have, so it
//! can be deleted at any time. Every statistic that enters a score (how rare a word is, how long passages are) is
//! counted over the passages that the asker may read: hidden ones influence neither order nor score. What remains is
//! time: words that are frequent in hidden passages take microseconds longer to look up.

mod dense;
mod embed;
mod embedding;
mod feed;
mod folder;
mod fuse;
mod markup;
mod postings;
mod question;
mod rank;
mod related;
mod rerank;
mod schema;
mod select;
mod sketch;
mod standing;
mod vectors;
mod visible;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock};

use stoa_ground::{Instant, Result};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy};

pub use crate::stop::is_stop_word;
pub(crate) use crate::words::primary;
pub use crate::words::{Stems, Word, words};
pub use embed::Embedder;
pub(crate) use embed::text as passage_text;
pub use embedding::Embedded;
pub use feed::Progress;
pub(crate) use fuse::standard;
pub use markup::{Block, Kind, blocks, plain};
pub use question::Asked;
pub use rank::{Parts, Weights};
pub use rerank::Reranker;

use crate::library;
use folder::Payload;
use schema::Fields;

/// What an asker may read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everything: the operator at the command line.
    All,
    /// Passages for which one of these classes is a reader: `everyone`, `role:<role>`, `group:<name>`, `person:<id>`,
    /// [`library::EXTERNAL`].
    Classes(BTreeSet<String>),
}

impl Access {
    /// What everyone may read, and nothing more.
    #[must_use]
    pub fn everyone() -> Self {
        Self::of(["everyone"])
    }

    /// What is marked for places where people from outside read along, and nothing more.
    #[must_use]
    pub fn external() -> Self {
        Self::of([library::EXTERNAL])
    }

    /// Exactly these classes.
    pub fn of<S: Into<String>>(classes: impl IntoIterator<Item = S>) -> Self {
        Self::Classes(classes.into_iter().map(Into::into).collect())
    }

    /// Whether a passage with these readers may be shown.
    #[must_use]
    pub fn allows(&self, readers: &[String]) -> bool {
        match self {
            Self::All => true,
            Self::Classes(classes) => readers.iter().any(|r| classes.contains(r)),
        }
    }
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The passage's id.
    pub passage_id: String,
    /// The document it is cut from.
    pub document_id: String,
    /// The version of the document that was indexed; another one in the store is newer than this hit.
    pub version: String,
    /// Its score; only to be compared within one [`Found`].
    pub score: f32,
    /// What the score consists of.
    pub parts: Parts,
    /// The id of a better passage of another document that seems to say the same. Such passages come beside the number
    /// that was asked for.
    pub twin: Option<String>,
}

/// So many different ones of the hits, best first, with their twins: what a search for so many finds.
pub(crate) fn first(hits: &[Hit], most: usize) -> Vec<&Hit> {
    let different = hits.iter().filter(|h| h.twin.is_none()).take(most);
    let different: HashSet<&str> = different.map(|h| h.passage_id.as_str()).collect();
    let mut out = Vec::with_capacity(different.len());
    for hit in hits {
        let belongs = match &hit.twin {
            None => different.contains(hit.passage_id.as_str()),
            Some(of) => different.contains(of.as_str()) && out.len() < most.saturating_add(rank::TWINS),
        };
        if belongs {
            out.push(hit);
        }
    }
    out
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The words of the question that were looked for.
    pub asked: Vec<Asked>,
    /// Stems that the best passages have in common and that were looked for as well; none for a short question.
    pub related: Vec<String>,
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// How many passages the asker may read.
    pub readable: usize,
    /// The greatest cosine of the question with a readable passage; none without vectors.
    pub cosine: Option<f32>,
    /// The greatest cosines of ten documents at most.
    pub cosines: Vec<f32>,
    /// How much the meaning counted against the words, 0 to 1.
    pub meaning: f32,
    /// The score of an imaginary passage that has every word of the question as often as one could wish.
    pub ideal: f32,
}

/// The index. Cheap to clone. One process holds the writing one.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    fields: Fields,
    reader: IndexReader,
    writer: Option<tokio::sync::Mutex<State>>,
    views: visible::Views,
    weights: Weights,
    /// The vectors, where there is a model.
    dense: OnceLock<dense::Dense>,
    /// The cross-encoder, where there is one.
    reranking: OnceLock<Reranking>,
    /// The newest change that was looked at, for whoever measures.
    seen: AtomicI64,
}

/// A cross-encoder, and whose turn it is.
pub(crate) struct Reranking {
    pub model: Arc<dyn Reranker>,
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

/// What a writing index knows about its place.
struct State {
    /// None after a failure, until it is used again.
    writer: Arc<Mutex<Option<IndexWriter>>>,
    payload: Payload,
    /// The newest change looked at; not all of them concern the library.
    seen: i64,
}

impl Index {
    /// Opens the index in a folder for writing and heals it: a folder that is missing, damaged, or of another format or
    /// engine is emptied, and filled from the store by the next [`Index::catch_up`].
    ///
    /// # Errors
    /// [`stoa_ground::Error::Conflict`] when another process holds the writer; [`stoa_ground::Error::Io`] when the folder cannot be used.
    pub fn open(dir: &Path) -> Result<Self> {
        let fields = Fields::new();
        let (opened, writer) = folder::open(dir, &fields)?;
        Self::build(fields, &opened.index, Some((writer, opened.payload)), Weights::default())
    }

    /// Opens the index of a running server for reading; none when there is no usable one.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the folder cannot be used.
    pub fn open_read_only(dir: &Path) -> Result<Option<Self>> {
        let fields = Fields::new();
        let Some(opened) = folder::open_read_only(dir, &fields)? else { return Ok(None) };
        Self::build(fields, &opened.index, None, Weights::default()).map(Some)
    }

    /// An index in memory, for commands that leave no trace.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the writer's thread cannot be started.
    pub fn in_memory() -> Result<Self> {
        Self::made_in(tantivy::directory::RamDirectory::create())
    }

    /// A new index in a directory.
    fn made_in(directory: impl tantivy::directory::Directory) -> Result<Self> {
        let fields = Fields::new();
        let index = tantivy::Index::create(directory, fields.schema.clone(), tantivy::IndexSettings::default())
            .map_err(feed::failed)?;
        let writer = folder::writer(&index).map_err(feed::failed)?;
        Self::build(fields, &index, Some((writer, Payload::at(None, String::new()))), Weights::default())
    }

    fn build(
        fields: Fields,
        index: &tantivy::Index,
        writer: Option<(IndexWriter, Payload)>,
        weights: Weights,
    ) -> Result<Self> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(feed::failed)?;
        let writer = writer.map(|(writer, payload)| {
            tokio::sync::Mutex::new(State { writer: Arc::new(Mutex::new(Some(writer))), payload, seen: 0 })
        });
        Ok(Self(Arc::new(Inner {
            fields,
            reader,
            writer,
            views: visible::Views::default(),
            weights,
            dense: OnceLock::new(),
            reranking: OnceLock::new(),
            seen: AtomicI64::new(0),
        })))
    }

    /// Searches by meaning as well from now on, with the vectors of this model. A second model is not taken.
    pub fn search_by_meaning(&self, embedder: Arc<dyn Embedder>) {
        if self.0.dense.set(dense::Dense::new(embedder)).is_err() {
            tracing::warn!("the search index has a model already and keeps it");
        }
    }

    /// Has answers look at the best passages once more with this cross-encoder from now on. A second one is not taken.
    pub fn look_again_with(&self, model: Arc<dyn Reranker>) {
        let turn = Arc::default();
        if self.0.reranking.set(Reranking { model, turn }).is_err() {
            tracing::warn!("the search index has a cross-encoder already and keeps it");
        }
    }

    pub(crate) fn reranking(&self) -> Option<&Reranking> {
        self.0.reranking.get()
    }

    /// The passages that answer a question best, among those that `access` allows: by words, and by meaning where there
    /// is a model. `now` is the time that content's age is measured by.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the index cannot be read. A model that fails is logged, and words alone decide.
    pub async fn find(&self, question: &str, access: &Access, now: Instant, limit: usize) -> Result<Found> {
        let vector = match self.0.dense.get() {
            Some(dense) if dense.vectors().len() > 0 && !question.trim().is_empty() => {
                let embedded = dense.embedder.query(question).await;
                embedded.inspect_err(|e| tracing::warn!(error = %e, "a question could not be embedded")).ok()
            }
            _ => None,
        };
        self.look(question, vector.as_deref(), access, now, limit)
    }

    /// [`Index::find`] by words alone.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the index cannot be read.
    pub fn search(&self, question: &str, access: &Access, now: Instant, limit: usize) -> Result<Found> {
        self.look(question, None, access, now, limit)
    }

    fn look(
        &self,
        question: &str,
        vector: Option<&[f32]>,
        access: &Access,
        now: Instant,
        limit: usize,
    ) -> Result<Found> {
        let searcher = self.0.reader.searcher();
        let view = self.0.views.of(&searcher, &self.0.fields, access).map_err(feed::failed)?;
        let near = match (self.0.dense.get(), vector) {
            (Some(dense), Some(vector)) => dense.compare(&searcher, &view, vector).map_err(feed::failed)?,
            _ => dense::Near::default(),
        };
        let ranking = rank::Ranking {
            searcher: &searcher,
            fields: &self.0.fields,
            view: &view,
            weights: &self.0.weights,
            near: &near,
            lengths: postings::lengths(&view, &self.0.weights),
            today: now.0.div_euclid(Instant::DAY),
        };
        ranking.search(question, limit).map_err(feed::failed)
    }

    /// The same index with other weights, for measuring.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the index cannot be read.
    pub fn with_weights(&self, weights: Weights) -> Result<Self> {
        Self::build(self.0.fields.clone(), self.0.reader.searcher().index(), None, weights)
    }

    /// How many passages are in the index.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.reader.searcher().num_docs()
    }

    /// Whether there is nothing to find.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
