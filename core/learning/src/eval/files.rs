//! The files of an evaluation.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use stoa_ground::{Error, Result};

/// A document of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Document {
    /// Its id in the judgements; BEIR's sets call it `_id`.
    #[serde(alias = "_id", deserialize_with = "id")]
    pub id: String,
    /// Its title, which may be empty.
    #[serde(default, deserialize_with = "or_empty")]
    pub title: String,
    /// Its text.
    #[serde(default, deserialize_with = "or_empty")]
    pub text: String,
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Query {
    /// Its id in the judgements.
    #[serde(alias = "_id", deserialize_with = "id")]
    pub id: String,
    /// The question.
    pub text: String,
}

/// Judgements: how relevant a document is to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qrels(HashMap<String, HashMap<String, u32>>);

impl Qrels {
    /// The judged documents of a question; none when it is unanswerable.
    #[must_use]
    pub fn of(&self, query: &str) -> Option<&HashMap<String, u32>> {
        self.0.get(query)
    }

    /// The relevance of a document to a question, 0 when it was not judged.
    #[must_use]
    pub fn relevance(&self, query: &str, document: &str) -> u32 {
        self.of(query).and_then(|d| d.get(document)).copied().unwrap_or(0)
    }
}

/// Reads a corpus.
///
/// # Errors
/// When the file cannot be read, a line is not `{"id","title","text"}`, or an id comes twice.
pub fn corpus(path: &Path) -> Result<Vec<Document>> {
    json_lines(path, r#"{"id": …, "title": …, "text": …}"#, |d: &Document| &d.id)
}

/// Reads questions.
///
/// # Errors
/// When the file cannot be read, a line is not `{"id","text"}`, or an id comes twice.
pub fn queries(path: &Path) -> Result<Vec<Query>> {
    json_lines(path, r#"{"id": …, "text": …}"#, |q: &Query| &q.id)
}

/// Reads judgements. A header line, TREC's four columns (`query 0 document relevance`) and spaces in place of tabs are
/// understood as well.
///
/// # Errors
/// When the file cannot be read or a line does not have its columns.
pub fn qrels(path: &Path) -> Result<Qrels> {
    let mut qrels = Qrels::default();
    for_lines(path, |number, line| {
        let columns: Vec<&str> = match line.contains('\t') {
            true => line.split('\t').map(str::trim).collect(),
            false => line.split_whitespace().collect(),
        };
        let ([query, document, relevance] | [query, _, document, relevance]) = columns[..] else {
            return Err("must be query-id<TAB>doc-id<TAB>relevance, or have TREC's four columns".into());
        };
        // Some collections write whole numbers as `1.0`.
        match relevance.strip_suffix(".0").unwrap_or(relevance).parse::<i64>() {
            Ok(relevance) => {
                let relevance = u32::try_from(relevance.clamp(0, 30)).unwrap_or(0);
                qrels.0.entry(query.to_owned()).or_default().insert(document.to_owned(), relevance);
                Ok(())
            }
            // Names of columns.
            Err(_) if number == 1 && relevance.starts_with(char::is_alphabetic) => Ok(()),
            Err(_) => Err(format!("has the relevance '{relevance}', which is not a whole number")),
        }
    })?;
    Ok(qrels)
}

fn json_lines<T: DeserializeOwned>(path: &Path, shape: &str, id: impl Fn(&T) -> &String) -> Result<Vec<T>> {
    let mut out: Vec<T> = Vec::new();
    let mut ids = HashSet::new();
    for_lines(path, |_, line| {
        let value: T = serde_json::from_str(line).map_err(|e| format!("must be one JSON object {shape}: {e}"))?;
        if id(&value).is_empty() || id(&value).contains(char::is_whitespace) {
            return Err(format!("has the id '{}'; an id needs at least one character and no spaces", id(&value)));
        }
        if !ids.insert(id(&value).clone()) {
            return Err(format!("has the id '{}', which an earlier line has too", id(&value)));
        }
        out.push(value);
        Ok(())
    })?;
    if out.is_empty() {
        return Err(Error::invalid(format!("{} has no lines", path.display())));
    }
    Ok(out)
}

fn for_lines(path: &Path, mut each: impl FnMut(usize, &str) -> Result<(), String>) -> Result<()> {
    let name = path.display();
    let file = File::open(path).map_err(|e| Error::Io(format!("{name} cannot be read: {e}")))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| Error::Io(format!("{name} line {} cannot be read: {e}", number + 1)))?;
        let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
        if !line.trim().is_empty() {
            each(number + 1, line).map_err(|e| Error::invalid(format!("{name} line {} {e}", number + 1)))?;
        }
    }
    Ok(())
}

/// Ids may be written as text or as numbers, of any length.
fn id<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let written = Box::<RawValue>::deserialize(value)?;
    match written.get() {
        text if text.starts_with('"') => serde_json::from_str(text).map_err(serde::de::Error::custom),
        number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Ok(number.to_owned()),
        _ => Err(serde::de::Error::custom("the id must be text or a number")),
    }
}

fn or_empty<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(value)?.unwrap_or_default())
}

/// A file that is written line by line, or nothing.
pub(super) struct Out(Option<(PathBuf, BufWriter<File>)>);

impl Out {
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = File::create(path).map_err(|e| unwritable(path, &e))?;
        Ok(Self(Some((path.to_owned(), BufWriter::new(file)))))
    }

    pub fn line(&mut self, line: &str) -> Result<()> {
        match &mut self.0 {
            Some((path, out)) => writeln!(out, "{line}").map_err(|e| unwritable(path, &e)),
            None => Ok(()),
        }
    }

    pub fn finish(self) -> Result<()> {
        match self.0 {
            Some((path, mut out)) => out.flush().map_err(|e| unwritable(&path, &e)),
            None => Ok(()),
        }
    }
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::Io(format!("{} cannot be written: {e}", path.display()))
}
