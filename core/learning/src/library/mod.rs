//! The library: sources, documents with content-addressed versions, and passages cut at headings.

use serde::{Deserialize, Serialize};
use stoa_ground::Instant;

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
    /// Who may read it: any of `everyone`, `role:<role>`, `group:<name>`, `person:<id>`. Empty: nobody.
    pub readers: Vec<String>,
    /// Whether someone responsible has checked the content; unverified content is labelled in answers.
    pub verified: bool,
    /// When this version was stored.
    pub stored: Instant,
}
