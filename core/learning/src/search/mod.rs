//! Search: the tantivy index of all passages, and our ranking over it.
//!
//! The index follows the library through the change feed; its folder holds nothing that the store does not have, so it
//! can be deleted at any time. Every statistic that enters a score (how rare a word is, how long passages are) is
//! counted over the passages that the asker may read: hidden ones influence neither order nor score. What remains is
//! time: words that are frequent in hidden passages take microseconds longer to look up.

mod feed;
mod folder;
mod markup;
mod question;
mod rank;
mod schema;
mod visible;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use stoa_ground::Result;
use tantivy::{IndexReader, IndexWriter, ReloadPolicy};

pub use feed::Progress;
pub use markup::{Block, Kind, blocks, plain};
pub use question::Asked;
pub use rank::{Parts, Weights};
pub use words::{Stems, Word, is_stop_word, words};

use folder::Payload;
use schema::Fields;

/// What an asker may read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everything: the operator at the command line.
    All,
    /// Passages for which one of these classes is a reader: `everyone`, `role:<role>`, `group:<name>`, `person:<id>`.
    Classes(BTreeSet<String>),
}

impl Access {
    /// What everyone may read, and nothing more.
    #[must_use]
    pub fn everyone() -> Self {
        Self::of(["everyone"])
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
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The words of the question that were looked for.
    pub asked: Vec<Asked>,
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// How many passages the asker may read.
    pub readable: usize,
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
    /// The newest change that was looked at, for whoever measures.
    seen: AtomicI64,
}

/// What a writing index knows about its place.
struct State {
    writer: Arc<Mutex<IndexWriter>>,
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
        let fields = Fields::new();
        let index = tantivy::Index::create_in_ram(fields.schema.clone());
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
            tokio::sync::Mutex::new(State { writer: Arc::new(Mutex::new(writer)), payload, seen: 0 })
        });
        Ok(Self(Arc::new(Inner {
            fields,
            reader,
            writer,
            views: visible::Views::default(),
            weights,
            seen: AtomicI64::new(0),
        })))
    }

    /// The passages that answer a question best, among those that `access` allows.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Io`] when the index cannot be read.
    pub fn search(&self, question: &str, access: &Access, limit: usize) -> Result<Found> {
        let searcher = self.0.reader.searcher();
        let view = self.0.views.of(&searcher, &self.0.fields, access).map_err(feed::failed)?;
        let ranking =
            rank::Ranking { searcher: &searcher, fields: &self.0.fields, view: &view, weights: &self.0.weights };
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
pub(crate) mod testing;
#[cfg(test)]
mod tests;
