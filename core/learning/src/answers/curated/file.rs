//! Curated answers from a file: TOML, one `[[answer]]` each, with `questions`, `text`, `readers`, `external`, `owner`,
//! `review_date` and `language`. An answer is known by its first question: the same file again changes what is different.

use serde::Deserialize;
use stoa_ground::people::{self, clean};
use stoa_ground::{Db, Error, Result};

use super::{Curated, State, save, store};
use crate::answers::command::telling;
use crate::library;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    answer: Vec<Entry>,
}

/// One answer of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    questions: Vec<String>,
    text: String,
    /// Nobody when absent.
    #[serde(default)]
    readers: Vec<String>,
    /// Whether it is also for places where people from outside read along.
    #[serde(default)]
    external: bool,
    /// Employee id, e-mail or name.
    owner: String,
    review_date: String,
    language: Option<String>,
}

/// What a file did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Answers that are new.
    pub added: usize,
    /// Answers that are different now.
    pub changed: usize,
    /// Answers that are as they were.
    pub unchanged: usize,
}

/// Reads a file.
///
/// # Errors
/// [`Error::Invalid`] with a sentence that names the file, the line or the answer, and what is wrong.
pub fn read(name: &str, text: &str) -> Result<Vec<Entry>> {
    let file: File = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |s| text.get(..s.start).unwrap_or_default().matches('\n').count() + 1);
        Error::invalid(format!("{name} line {line}: {}", e.message().replace('\n', ", ")))
    })?;
    for (n, entry) in file.answer.iter().enumerate() {
        if entry.review_date.parse::<jiff::civil::Date>().is_err() {
            let date = &entry.review_date;
            return Err(Error::invalid(format!(
                "{name}: answer {}: review_date '{date}' is no date like 2027-01-31",
                n + 1
            )));
        }
    }
    Ok(file.answer)
}

/// Stores the answers of a file, approved: who applies it answers for that.
///
/// # Errors
/// [`Error::Invalid`] and [`Error::NotFound`] with the first answer that cannot be accepted; nothing is stored then.
pub async fn apply(db: &Db, entries: &[Entry]) -> Result<Imported> {
    db.write(|tx| async move {
        let mut done = Imported::default();
        let known = store::all(&tx).await?;
        for (n, entry) in entries.iter().enumerate() {
            let named = |e: Error| match e {
                Error::Invalid(text) => Error::invalid(format!("answer {}: {text}", n + 1)),
                Error::NotFound(text) => Error::NotFound(format!("answer {}: {text}", n + 1)),
                other => other,
            };
            let readers = library::readers_of(&entry.readers, entry.external).map_err(named)?;
            if entry.external && !readers.iter().any(|r| r == library::EXTERNAL) {
                let why = "what is external is for everyone: add readers = [\"everyone\"]";
                return Err(named(Error::invalid(why)));
            }
            let owner = people::find(&tx, &entry.owner).await.map_err(named)?;
            let patterns: Vec<String> = entry.questions.iter().map(|q| clean(q)).collect();
            let key = telling(patterns.first().map_or("", String::as_str));
            let old = known.iter().find(|c| c.patterns.first().is_some_and(|p| telling(p) == key));
            let new = Curated {
                id: old.map_or_else(|| tx.clock().id().to_string(), |o| o.id.clone()),
                patterns,
                text: entry.text.trim().to_owned(),
                readers,
                language: entry.language.clone(),
                author: old.map_or_else(|| "operator".to_owned(), |o| o.author.clone()),
                owner: Some(owner.id),
                review_date: entry.review_date.parse().ok(),
                state: State::Approved,
                document: old.and_then(|o| o.document.clone()),
                created: old.map_or(tx.now(), |o| o.created),
                approved: old.and_then(|o| o.approved).or(Some(tx.now())),
            };
            match old {
                Some(old) if *old == new => done.unchanged += 1,
                Some(_) => {
                    save(&tx, new).await.map_err(named)?;
                    done.changed += 1;
                }
                None => {
                    save(&tx, new).await.map_err(named)?;
                    done.added += 1;
                }
            }
        }
        Ok(done)
    })
    .await
}
