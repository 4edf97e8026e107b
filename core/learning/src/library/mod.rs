//! The library: sources, documents with content-addressed versions, and passages cut at headings.
//!
//! A document is a place in a source; [`put`] gives it content. Each change that a reader could notice is announced
//! under the topic [`TOPIC`] with the document's id, and [`passages_of`] says what stands there now.

mod content;
mod cut;
mod hold;
mod marks;
mod port;
mod problems;
mod rules;
mod store;
mod sync;

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stoa_ground::Instant;

pub use content::readers_of;
pub use hold::{LEASED, hold, let_go, synced};
pub use port::{Found, Known, Progress, SourceReader, SourceSettings, SyncReport};
pub use problems::{Problem, problems};
pub use store::{
    deprecate, document, document_ids, documents, duplicates_of, forget, passage, passages_of, put, rate, reinstate,
    retire, set_readers, set_verified, sources, titled, versions_of,
};
pub use sync::{Missing, leave, sync, sync_with};

/// The topic of the change feed under which documents are announced; the key is the document's id.
pub const TOPIC: &str = "document";
/// The topic under which it is announced with its id that people judged a document's answers: it says the same as before.
pub const RATED: &str = "document-rated";

/// The reader of what is marked for places where people from outside the organisation read along. Only what everyone may
/// read has it.
pub const EXTERNAL: &str = "external";

/// A passage: what is indexed, quoted and cited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// `<document id>#<ordinal>`.
    pub id: String,
    /// The document's id (UUID).
    pub document: String,
    /// Digest (SHA-256, hex) of the version of the document that this passage is cut from.
    pub version: String,
    /// Name of the source in the configuration, or `tips`, `lessons`, `courses`.
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
    /// Title of the document.
    pub title: String,
    /// Headings above the passage, outermost first, without the title.
    pub headings: Vec<String>,
    /// Anchor of the nearest heading, if the source has one.
    pub anchor: Option<String>,
    /// The passage's own text as CommonMark without markup that belongs to the site (front matter, template tags).
    pub text: String,
    /// Position in the document, from 0.
    pub ordinal: u32,
    /// Extra words that the author gave for finding the page (front matter `keywords`), not shown.
    pub keywords: String,
    /// BCP 47 tag, if known.
    pub language: Option<String>,
    /// Who may read it: any of `everyone`, `role:<role>`, `group:<name>`, `person:<id>`, and [`EXTERNAL`]. Empty: nobody.
    pub readers: Vec<String>,
    /// Whether someone responsible has checked the content; unverified content is labelled in answers.
    pub verified: bool,
    /// When this version was stored.
    pub stored: Instant,
    /// What speaks for the document and against it, whatever the question is.
    #[serde(default)]
    pub standing: Standing,
    /// Other places where the same stands; only for what was found for somebody, and only what they may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Origin>,
}

/// What speaks for a document and against it, whatever the question is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Why it should not be relied on, although it still can be read; none when it may be.
    pub deprecated: Option<String>,
    /// How much its answers helped, from -250 (they did not) over 0 (nothing is known) to 250: thousandths.
    pub rating: i64,
    /// The day on which it should be looked at again.
    pub review_date: Option<Date>,
}

/// A place where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The document's id.
    pub document: String,
    /// Title of the document.
    pub title: String,
    /// As in [`Passage::source`].
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
}

/// One part of a document under one heading, in the document's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Headings above it, outermost first, its own last, without the document's title.
    pub headings: Vec<String>,
    /// Anchor of its own heading, without `#`.
    pub anchor: Option<String>,
    /// The text below the heading and before the next one, as CommonMark.
    pub text: String,
}

/// What a source gives for one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Name of the source in the configuration, or `tips`, `lessons`, `courses`.
    pub source: String,
    /// Path inside the source, or URL: the document's identity within the source.
    pub location: String,
    /// Title; the location is used when it is blank.
    pub title: String,
    /// BCP 47 tag, if known; guessed from the content where it is not.
    pub language: Option<String>,
    /// Who answers for the content, as the source names them.
    pub owner: Option<String>,
    /// The day on which the content should be looked at again.
    pub review_date: Option<Date>,
    /// Extra words for finding the page, not shown.
    pub keywords: String,
    /// As in [`Passage::readers`].
    pub readers: Vec<String>,
    /// As in [`Passage::verified`].
    pub verified: bool,
    /// Why it should not be relied on any more, where the source says so.
    pub deprecated: Option<String>,
    /// The content.
    pub sections: Vec<Section>,
}

/// What [`put`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The document's id.
    pub document: String,
    /// The digest of its version now.
    pub version: String,
    /// What is different from before.
    pub outcome: Outcome,
}

/// What is different after a [`put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document is new, or was retired and is back.
    Added,
    /// The content is another one than before.
    Content,
    /// The content is the same; title, readers or other details are not.
    Details,
    /// Nothing; nothing was announced.
    Unchanged,
}

/// How a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It counts.
    Live,
    /// It still can be read, but should not be relied on.
    Deprecated,
    /// It is gone from its source; its versions are kept for evidence and are found by no search.
    Retired,
}

/// A document without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Id (UUID).
    pub id: String,
    /// Name of its source.
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
    /// Title.
    pub title: String,
    /// BCP 47 tag, if known.
    pub language: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The day on which it should be looked at again.
    pub review_date: Option<Date>,
    /// How it stands.
    pub status: Status,
    /// Why it is deprecated or retired.
    pub reason: Option<String>,
    /// Digest of the version that it has now.
    pub version: String,
    /// As in [`Passage::readers`].
    pub readers: Vec<String>,
    /// As in [`Passage::verified`].
    pub verified: bool,
    /// How many passages its version has.
    pub passages: usize,
    /// When something of this changed last.
    pub updated: Instant,
}

/// One content that a document has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// SHA-256 of the normalised content, hex.
    pub digest: String,
    /// The title when it was stored.
    pub title: String,
    /// When it was stored first.
    pub stored: Instant,
}

/// A source with its counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Name in the configuration, or `tips`, `lessons`, `courses`.
    pub name: String,
    /// Its kind in the configuration (`files`), or the name for content of Stoa itself.
    pub kind: String,
    /// Documents that are not retired.
    pub documents: usize,
    /// Their passages.
    pub passages: usize,
    /// When the last sync ended, if there was one.
    pub synced: Option<Instant>,
    /// Why the last sync could not list the source, if it could not.
    pub failed: Option<String>,
}
