//! Content as it is stored: normalised, with its digest, and cut.

use sha2::{Digest as _, Sha256};
use stoa_ground::{Error, Result};
use unicode_normalization::UnicodeNormalization as _;

use super::{EXTERNAL, Item, Section, cut};
use crate::stop::guessed_language;

/// The rule by which sections are cut. It goes up whenever [`cut::cut`] gives other passages for the same content.
pub(super) const CUTTING: i64 = 1;

/// An [`Item`] ready to be stored: made outside of the write transaction, since it costs time.
pub(super) struct Prepared {
    pub item: Item,
    pub digest: String,
    pub passages: Vec<Section>,
}

impl Prepared {
    /// Normalises, digests and cuts.
    ///
    /// # Errors
    /// When source or location is blank, or a reader is not one of the four forms.
    pub fn of(item: &Item) -> Result<Self> {
        if item.source.trim().is_empty() || item.location.trim().is_empty() {
            return Err(Error::invalid("a document needs a source and a location"));
        }
        let sections: Vec<Section> = item.sections.iter().map(normalised).collect();
        let title = line(&item.title);
        let language = item.language.as_deref().map(line).filter(|s| !s.is_empty());
        let guessed = || guessed_language(sections.iter().map(|s| s.text.as_str())).map(str::to_owned);
        let item = Item {
            title: if title.is_empty() { item.location.clone() } else { title },
            language: language.or_else(guessed),
            owner: item.owner.as_deref().map(line).filter(|s| !s.is_empty()),
            keywords: line(&item.keywords),
            readers: readers(&item.readers)?,
            source: item.source.clone(),
            location: item.location.clone(),
            review_date: item.review_date,
            verified: item.verified,
            deprecated: item.deprecated.as_deref().map(line).filter(|s| !s.is_empty()),
            sections: Vec::new(),
        };
        let digest = digest(&sections);
        let passages = cut::cut(sections);
        Ok(Self { item, digest, passages })
    }
}

/// The readers of what somebody names readers for, and marks as [`EXTERNAL`] or not: the mark lets nobody in where not everyone
/// may read.
///
/// # Errors
/// When a reader is not one of the four forms that people write.
pub fn readers_of(named: &[String], external: bool) -> Result<Vec<String>> {
    let mut readers: Vec<String> = named.iter().map(|r| r.trim().to_owned()).collect();
    for r in &readers {
        if !is_reader(r) {
            return Err(Error::invalid(format!(
                "'{r}' is not a reader: write everyone, role:NAME, group:NAME or person:ID"
            )));
        }
    }
    if external && readers.iter().any(|r| r == "everyone") {
        readers.push(EXTERNAL.to_owned());
    }
    readers.sort();
    readers.dedup();
    Ok(readers)
}

/// Readers as they are stored: in a fixed order, each once.
pub(super) fn readers(given: &[String]) -> Result<Vec<String>> {
    let (marks, named): (Vec<String>, Vec<String>) = given.iter().cloned().partition(|r| r == EXTERNAL);
    readers_of(&named, !marks.is_empty())
}

/// Whether it is one of the four forms.
pub(super) fn is_reader(reader: &str) -> bool {
    let named = |kind: &str| reader.strip_prefix(kind).is_some_and(|name| !name.trim().is_empty());
    reader == "everyone" || ["role:", "group:", "person:"].into_iter().any(named)
}

/// SHA-256 over headings, anchors and texts with their lengths, so that no two contents share their bytes.
fn digest(sections: &[Section]) -> String {
    let mut hash = Sha256::new();
    let mut field = |kind: u8, text: &str| {
        hash.update([kind]);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    for s in sections {
        s.headings.iter().for_each(|h| field(b'h', h));
        field(b'a', s.anchor.as_deref().unwrap_or_default());
        field(b't', &s.text);
    }
    stoa_ground::hex(hash.finalize().iter())
}

fn normalised(s: &Section) -> Section {
    Section {
        headings: s.headings.iter().map(|h| line(h)).filter(|h| !h.is_empty()).collect(),
        anchor: s.anchor.as_deref().map(line).filter(|a| !a.is_empty()),
        text: text(&s.text),
    }
}

/// One line: NFC, no control characters, single spaces.
fn line(raw: &str) -> String {
    let clean: String = raw.nfc().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Several lines: NFC, `\n` at line ends, no control characters, no blank lines at the ends and never two in a row
/// (except for code, whose blank lines are content).
fn text(raw: &str) -> String {
    let unix = raw.replace("\r\n", "\n").replace('\r', "\n");
    let kept = |c: &char| (!c.is_control() || matches!(c, '\n' | '\t')) && !turns(*c);
    let clean: String =
        if unix.is_ascii() { unix.chars().filter(kept).collect() } else { unix.nfc().filter(kept).collect() };
    let mut out = String::with_capacity(clean.len());
    let (mut blanks, mut fence) = (0, false);
    for l in clean.trim_end().lines() {
        let start = l.trim_start();
        fence ^= start.starts_with("```") || start.starts_with("~~~");
        blanks = if start.is_empty() { blanks + 1 } else { 0 };
        if blanks > 1 && !fence || blanks > 0 && out.is_empty() {
            continue;
        }
        // Two spaces at the end of a line are a line break in CommonMark.
        let end = l.trim_end();
        out.push_str(end);
        if l.ends_with("  ") && !start.is_empty() {
            out.push_str("  ");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Marks that change the direction of what follows (Unicode Technical Report 36, section 2.3).
fn turns(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}
