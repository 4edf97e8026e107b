//! Word and PowerPoint (Office Open XML, ECMA-376): the text of a document as simple HTML, which is read like any other.
//! What is inflated is bounded, whatever the archive says of its sizes.

mod slides;
mod word;

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::page::{self, Page};
use crate::xml::{self, Xml};

/// One part of the archive inflates to this at most, and all that are read together to twice as much.
const MOST_PART: u64 = 16 * 1024 * 1024;
/// Parts in an archive.
const MOST_PARTS: usize = 20_000;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Slides,
}

/// Reads a document.
///
/// # Errors
/// One sentence about the file.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Page, String> {
    if bytes.is_empty() {
        return Err("it is an empty file".into());
    }
    // A document with a password is a compound file (MS-OFFCRYPTO); so are the formats before 2007.
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(
            "it is protected by a password, or older than 2007: save it without one in the current format".into()
        );
    }
    let mut archive = Archive::open(bytes)?;
    let html = match kind {
        Kind::Word => word::html(&mut archive)?,
        Kind::Slides => slides::html(&mut archive)?,
    };
    let mut page = page::made(&html)?;
    let facts = archive.optional("docProps/core.xml")?.map(|xml| facts(&xml)).transpose()?.unwrap_or_default();
    page.title = facts.title.or(page.title);
    page.language = facts.language.filter(|l| page::is_language(l));
    page.keywords = facts.keywords;
    // Its headings have no addresses that a program could be sent to.
    page.sections.iter_mut().for_each(|s| s.anchor = None);
    if page.sections.iter().all(|s| s.text.trim().is_empty()) {
        return Err("it has no text, perhaps only pictures: add the text, or take it out of the folder".into());
    }
    Ok(page)
}

/// The parts of a document.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
        if zip.len() > MOST_PARTS {
            return Err(format!("it has more than {MOST_PARTS} parts: it is hardly a document"));
        }
        Ok(Self { zip, left: MOST_PART * 2 })
    }

    /// A part that there may be.
    fn optional(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(_) => return Err(damaged()),
        };
        let mut out = Vec::new();
        let most = MOST_PART.min(self.left);
        part.take(most + 1).read_to_end(&mut out).map_err(|_| damaged())?;
        if out.len() as u64 > most {
            return Err(format!(
                "it unpacks to more than {} MB: split it, or take it out of the folder",
                MOST_PART / 1024 / 1024
            ));
        }
        self.left -= out.len() as u64;
        Ok(Some(out))
    }

    /// A part that there must be.
    fn part(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self.optional(name)?.ok_or_else(damaged)
    }

    /// The names of all parts.
    fn names(&self) -> std::collections::HashSet<String> {
        self.zip.file_names().flatten().map(std::borrow::Cow::into_owned).collect()
    }
}

fn damaged() -> String {
    "it is damaged or not what its name says: open it and save it again".into()
}

/// What a document says of itself (ECMA-376 part 2, section 8).
#[derive(Default)]
struct Facts {
    title: Option<String>,
    language: Option<String>,
    keywords: String,
}

fn facts(xml: &[u8]) -> Result<Facts, String> {
    let (mut facts, mut inside) = (Facts::default(), String::new());
    let mut text = String::new();
    each(xml, |event| match event {
        Xml::Start(name, _) => {
            name.clone_into(&mut inside);
            text.clear();
        }
        Xml::Text(t) => text.push_str(t),
        Xml::End(name) if name == inside => {
            let value = Some(text.trim().to_owned()).filter(|v| !v.is_empty());
            match name {
                "title" => facts.title = value,
                "language" => facts.language = value,
                "keywords" => facts.keywords = value.unwrap_or_default(),
                _ => {}
            }
        }
        Xml::End(_) => {}
    })?;
    Ok(facts)
}

/// [`xml::each`] for a part of a document.
pub(super) fn each(part: &[u8], take: impl FnMut(Xml<'_>)) -> Result<(), String> {
    xml::each(part, take).map_err(|()| damaged())
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
