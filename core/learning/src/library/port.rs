//! The port that each kind of source implements: it says what is there, and [`super::sync`] brings the library up to
//! date with it.

use std::collections::HashMap;

use async_trait::async_trait;
use stoa_ground::Result;
use tokio::sync::mpsc;

use super::Item;

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
    /// Whether what everyone may read of it is also for places where people from outside read along.
    pub external: bool,
}

/// What is known of a source since the last sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its documents that stand: location -> fingerprint; none where it is to be read again.
    pub documents: HashMap<String, Option<String>>,
    /// The last [`Found::State`] of a listing that was whole.
    pub state: Option<String>,
}

impl Known {
    /// The fingerprint of the document at this location.
    #[must_use]
    pub fn fingerprint(&self, location: &str) -> Option<&str> {
        self.documents.get(location)?.as_deref()
    }
}

/// What a reader finds.
#[derive(Clone, Debug)]
pub enum Found {
    /// So many documents are there in all, as far as known now.
    Listed(usize),
    /// A document. Source, readers and verified are set by [`super::sync`].
    Document {
        /// What it says.
        item: Box<Item>,
        /// Who may read it at most, where the source itself says so: readers as in [`super::Passage::readers`], or
        /// `email:ADDRESS`. None: all whom the configuration names.
        restricted: Option<Vec<String>>,
        /// By which the reader will know next time that it is unchanged (for a file its time and size).
        fingerprint: Option<String>,
        /// What is odd about it, one sentence each.
        warnings: Vec<String>,
    },
    /// Who may read the document at this location at most, as in [`Found::Document`]. For what may not be read again, so
    /// that it is hidden all the same.
    Restricted(String, Option<Vec<String>>),
    /// The document at this location has the fingerprint that is known, and was not read.
    Unchanged(String),
    /// The document at this location could not be read: location and one sentence. What was known of it stays.
    Broken(String, String),
    /// The source says itself that this document is gone.
    Gone(String),
    /// Something odd: location (empty for the source itself) and one sentence.
    Noted(String, String),
    /// What the reader wants to have in [`Known::state`] next time.
    State(String),
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
