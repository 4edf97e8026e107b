//! Curated answers: written by a person for questions that come often, approved by an owner, with a review date. When a
//! question surely is one of theirs, they come first; their readers are looked at like any document's.
//!
//! An approved one is a document of the library's source [`SOURCE`], so that search, citations, feedback and withdrawal
//! work as for every page.

mod chat;
mod file;
mod store;

use std::collections::BTreeSet;

use jiff::civil::Date;
use stoa_ground::{Db, Error, Result, Tx};

use super::command::telling;
use super::kind::Asks;
use super::model::denials;
use super::speak::is_question;
use super::{Answer, How, extract};
use crate::library::{self, Item, Section};
use crate::search::{Access, Found, is_stop_word, words};

pub(super) use chat::{act, form};
pub use file::{Imported, apply, read};
pub use store::{Curated, State, all, by_id};

/// The library's source of curated answers.
pub const SOURCE: &str = "answers";
/// How alike the telling words of question and pattern must be, as shared words against all words.
const ALIKE: f64 = 0.75;
/// Telling words from which on something that is no question may be meant as one.
const ENOUGH: usize = 2;
/// The most patterns of one answer.
const PATTERNS: usize = 12;
/// The longest text, in characters: what fits into one message.
pub(super) const LONGEST: usize = 2_000;
/// How sure an answer is that was written for the question.
const CONFIDENCE: f64 = 0.99;

/// The answer whose pattern has exactly the question's telling words, if the asker may read it.
pub(super) async fn matching(db: &Db, question: &str, access: &Access, today: Date) -> Result<Option<Answer>> {
    let key = telling(question);
    if key.is_empty() {
        return Ok(None);
    }
    let same = key.as_str();
    let mut found = db.read(|c| async move { store::with_key(&c, same).await }).await?;
    found.retain(|c| c.patterns.iter().any(|p| telling(p) == key && is_meant(question, p)));
    shown(db, question, found, access, today).await
}

/// The answer that search found, if one of its patterns is alike enough to be meant.
pub(super) async fn near(
    db: &Db,
    question: &str,
    found: &Found,
    access: &Access,
    today: Date,
) -> Result<Option<Answer>> {
    let mut documents: Vec<&str> = found.hits.iter().map(|h| h.document_id.as_str()).collect();
    documents.dedup();
    let documents = &documents;
    let candidates = db
        .read(|c| async move {
            let mut all = Vec::new();
            for document in documents.iter() {
                all.extend(store::of_document(&c, document).await?);
            }
            Ok(all)
        })
        .await?;
    let asked = telling(question);
    let is_alike = |pattern: &String| alike(&asked, &telling(pattern)) >= ALIKE && is_meant(question, pattern);
    let alike = candidates.into_iter().filter(|c| c.patterns.iter().any(is_alike));
    shown(db, question, alike.collect(), access, today).await
}

/// Whether a question with the words of a pattern asks the same: for the same kind of answer, where both are more than bare
/// words, and denying as often. What is no question has to have some words.
fn is_meant(question: &str, pattern: &str) -> bool {
    let count = |text: &str| telling(text).split(' ').filter(|w| !w.is_empty()).count();
    let asks = |text: &str| Asks::of(text, count(text));
    let is_bare = |text: &str| !words(text).iter().any(|w| is_stop_word(&w.folded));
    (is_question(question) || count(question) >= ENOUGH)
        && (asks(question) == asks(pattern) || is_bare(question) || is_bare(pattern))
        && denials(question) == denials(pattern)
}

/// Shared telling words against all.
fn alike(a: &str, b: &str) -> f64 {
    let set = |text: &str| text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>();
    let (a, b) = (set(a), set(b));
    let all = a.union(&b).count();
    if all == 0 { 0.0 } else { a.intersection(&b).count() as f64 / all as f64 }
}

async fn shown(db: &Db, question: &str, found: Vec<Curated>, access: &Access, today: Date) -> Result<Option<Answer>> {
    for curated in found {
        let Some(document) = curated.document.clone() else { continue };
        let id = document.as_str();
        let passages = db.read(|c| async move { library::passages_of(&c, id).await }).await?;
        if passages.is_empty() || !passages.iter().all(|p| access.allows(&p.readers)) {
            continue;
        }
        let citations: Vec<_> = passages.iter().map(extract::whole).collect();
        return Ok(Some(Answer {
            question: question.to_owned(),
            answer: citations.iter().map(|c| c.quote.as_str()).collect::<Vec<_>>().join("\n\n"),
            confidence: CONFIDENCE,
            citations,
            how: How::Curated,
            why: curated.is_due(today).then(|| "review-due".to_owned()),
            ..Answer::default()
        }));
    }
    Ok(None)
}

impl Curated {
    /// Whether its owner should have looked at it again.
    #[must_use]
    pub fn is_due(&self, today: Date) -> bool {
        self.review_date.is_some_and(|d| d < today)
    }

    /// Says what is wrong with it, before it is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] with one sentence.
    pub fn check(&self) -> Result<()> {
        if self.patterns.is_empty() || self.patterns.iter().any(|p| telling(p).is_empty()) {
            return Err(Error::invalid("an answer needs at least one question with a telling word in it"));
        }
        if self.patterns.len() > PATTERNS {
            return Err(Error::invalid(format!("an answer has at most {PATTERNS} questions")));
        }
        let length = self.text.chars().count();
        if self.text.trim().is_empty() || length > LONGEST {
            return Err(Error::invalid(format!("the text of an answer has 1 to {LONGEST} characters, not {length}")));
        }
        Ok(())
    }
}

/// Stores an answer as it is now, and brings the library to it: an approved one is found, another one is not.
///
/// # Errors
/// [`Error::Invalid`] when it cannot be accepted; the database's error.
pub async fn save(tx: &Tx, mut curated: Curated) -> Result<Curated> {
    curated.check()?;
    if curated.state == State::Approved {
        let owner = match &curated.owner {
            Some(id) => stoa_ground::people::by_id(tx, id).await?.map(|p| p.employee_id),
            None => None,
        };
        let item = Item {
            source: SOURCE.into(),
            location: curated.id.clone(),
            title: curated.patterns.first().cloned().unwrap_or_default(),
            language: curated.language.clone(),
            owner,
            review_date: curated.review_date,
            keywords: curated.patterns.join(" "),
            readers: curated.readers.clone(),
            verified: true,
            sections: vec![Section { text: curated.text.clone(), ..Section::default() }],
            ..Item::default()
        };
        curated.document = Some(library::put(tx, &item).await?.document);
    } else if curated.document.is_some() {
        library::retire(tx, SOURCE, &curated.id, "the answer was taken back").await?;
    }
    store::save(tx, &curated).await?;
    Ok(curated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_alike_by_their_telling_words() {
        let near = |a: &str, b: &str| alike(&telling(a), &telling(b)) >= ALIKE;
        assert!(near("How do I book a day off?", "booking days off"));
        assert!(near("How can I reset the password of my laptop please", "reset laptop password"));
        assert!(!near("How do I reset my phone password?", "reset laptop password"));
        assert!(!near("", "reset laptop password"));
    }

    #[test]
    fn a_question_is_a_patterns_when_it_asks_the_same() {
        for (question, pattern, expected) in [
            ("How can I get a parking permit?", "How do I get a parking permit?", true),
            ("parking permit", "How do I get a parking permit?", true),
            ("I have forgotten my laptop password, please help", "laptop password forgotten", true),
            ("Who gets a parking permit?", "How do I get a parking permit?", false),
            ("When must I not park in the yard?", "When must I park in the yard?", false),
            ("The parking is full again today", "Is there parking today?", true),
            ("Parking!", "Where do I park?", false),
            ("Where do we park?", "Where do I park?", true),
        ] {
            assert_eq!(is_meant(question, pattern), expected, "{question} / {pattern}");
        }
    }
}
