//! Answers: a question in plain words, a quoted and cited answer from the library, or an honest "I don't know".
//!
//! Nothing here writes text of its own: an answer consists of sentences, steps and items of passages that the asker may
//! read, in reading order. Whether to answer at all is decided by [`signals`](Signals) of several kinds.

mod alike;
mod command;
pub mod curated;
mod experts;
mod explain;
mod extract;
mod feedback;
mod follow_up;
pub mod gaps;
mod kind;
mod learn;
mod links;
mod model;
mod rerank;
mod respond;
mod signals;
mod speak;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stoa_ground::{Db, Result};

use crate::library::{self, Passage};
use crate::search::{Access, Found, Hit, Index, first};

pub use command::{
    Asked, Relied, asks_nothing, erase_questions, forget_quotes, parts, questions_of, relied_on, revise_citing,
    saved_titles,
};
pub use experts::{forget_knowledge, note_knowledge, passed_on};
pub use explain::{AskedWord, Explanation, Ranked, Signal, explain};
pub use extract::{Line, LineKind};
pub use feedback::{owner_of, prior_of};
pub use learn::learns;
pub use links::Link;
pub use model::{Instead, Limits, Model, ModelError, Modelled, Prompt, Spent, Support, holds};
pub use respond::{Inquiry, respond};
pub use signals::{NAMES, Signals, THRESHOLD};
pub use speak::{Asking, ChannelRule, Speak};

/// Passages that are read closely for one answer, however many are looked for.
const CLOSE: usize = 10;
/// The nearest things that are named beside or instead of an answer.
const NEAREST: usize = 3;
/// Share of the question's words that are in the library which a passage must have to be called near.
const NEAR: f32 = 0.34;

/// An answer, or the honest lack of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The question as it was asked.
    pub question: String,
    /// The answer as plain text, its lines in reading order; empty when Stoa abstained.
    pub answer: String,
    /// Whether Stoa does not know.
    pub abstained: bool,
    /// How sure it is that the passages answer the question, 0 to 1.
    pub confidence: f64,
    /// Where the answer stands, in the order of the answer.
    pub citations: Vec<Citation>,
    /// The names of people who agreed to be asked about this, those who know most about it first.
    pub experts: Vec<String>,
    /// What was found near the question: when Stoa abstained, the nearest passages; else where to read on.
    pub nearest: Vec<Nearest>,
    /// How the answer came about.
    #[serde(default)]
    pub how: How,
    /// The sentences of a written answer with their citations; empty for a quotation.
    #[serde(default)]
    pub sentences: Vec<Sentence>,
    /// Why it is a quotation although there is a language model: the code of the reason.
    #[serde(default)]
    pub why: Option<String>,
    /// The question as it was understood, where it leaned on the one before.
    #[serde(default)]
    pub meant: Option<String>,
    /// Words of the question that nothing has, with the ones that they were taken for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_for: Vec<(String, Vec<String>)>,
}

impl Answer {
    /// The quotations as its text.
    fn put_together(&mut self) {
        self.answer = self.citations.iter().map(|c| c.quote.as_str()).collect::<Vec<_>>().join("\n\n");
    }
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Quoted from the passages.
    #[default]
    Quoted,
    /// Written by a language model from the passages, each sentence checked against them.
    Written,
    /// Written by a person for this question, and approved.
    Curated,
}

/// A sentence of a written answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Its words, plain text.
    pub text: String,
    /// Which of the answer's citations say it, from 0; at least one.
    pub citations: Vec<usize>,
}

impl Sentence {
    /// With the numbers of its citations: `Send it within 14 days. [1]`.
    #[must_use]
    pub fn numbered(&self) -> String {
        let numbers: Vec<String> = self.citations.iter().map(|n| format!("[{}]", n + 1)).collect();
        format!("{} {}", self.text, numbers.concat())
    }
}

/// A passage that is quoted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// Title of the document.
    pub title: String,
    /// Headings above the passage, outermost first, joined by ` > `; empty when it stands below none.
    pub heading: String,
    /// Name of the source.
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
    /// Anchor of the heading, if the source has one.
    pub anchor: Option<String>,
    /// The words that are quoted, as they stand in the passage.
    pub quote: String,
    /// The same, line by line, to be rendered as sentences, steps and items.
    pub lines: Vec<Line>,
    /// Whether the passage, or its list in the next one, goes on where the quote stops.
    pub more: bool,
    /// The passage's id.
    pub passage: String,
    /// The document's id.
    pub document: String,
    /// Whether someone responsible has checked the content.
    pub verified: bool,
    /// Why it should not be relied on any more, when somebody said so.
    #[serde(default)]
    pub deprecated: Option<String>,
    /// The day on which it should be looked at again.
    #[serde(default)]
    pub review_date: Option<Date>,
    /// Other places where the same stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<library::Origin>,
}

/// A passage that is named, not quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// Title of the document.
    pub title: String,
    /// As in [`Citation::heading`].
    pub heading: String,
    /// Name of the source.
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
    /// The document's id.
    pub document: String,
}

/// Answers a question from everything that the asker may read.
///
/// # Errors
/// When the index or the store cannot be read.
pub async fn ask(db: &Db, index: &Index, question: &str, access: &Access) -> Result<Answer> {
    Ok(look_up(db, index, question, access, CLOSE).await?.1)
}

/// [`ask`], with the passages that were found: `limit` of them at most, and never fewer than are read closely, so that the
/// answer does not depend on it.
///
/// # Errors
/// When the index or the store cannot be read.
pub async fn look_up(db: &Db, index: &Index, question: &str, access: &Access, limit: usize) -> Result<(Found, Answer)> {
    let found = rerank::find(db, index, question, access, limit.max(CLOSE)).await?;
    let passages = passages(db, &found, access).await?;
    let mut answer = answer(question, &found, &passages);
    let asks = kind::Asks::of(question, found.asked.len());
    let quoted = |answer: &Answer| answer.answer.chars().count();
    for n in 0..answer.citations.len() {
        if extract::is_of_list(&answer.citations[n]) {
            let room = extract::LONGEST.saturating_sub(quoted(&answer) - answer.citations[n].quote.chars().count());
            let document = &answer.citations[n].document;
            let all = db.read(|c| async move { library::passages_of(&c, document).await }).await?;
            let all: Vec<Passage> = all.into_iter().filter(|p| access.allows(&p.readers)).collect();
            extract::with_whole_list(&mut answer.citations[n], &all, asks, room);
            answer.put_together();
        }
    }
    Ok((found, answer))
}

/// The signals for and against an answer, for whoever fits or explains them.
///
/// # Errors
/// When the index or the store cannot be read.
pub async fn weigh(db: &Db, index: &Index, question: &str, access: &Access) -> Result<Signals> {
    let found = rerank::find(db, index, question, access, CLOSE).await?;
    let passages = passages(db, &found, access).await?;
    Ok(Signals::of(&found, &read_closely(question, &found, &passages)))
}

/// The passages behind the best hits, in their order, read from the store and checked again: readers may have changed,
/// and a hit on an older version is not shown. What says the same in several documents is there once.
///
/// # Errors
/// When the store cannot be read.
pub async fn passages(db: &Db, found: &Found, access: &Access) -> Result<Vec<Passage>> {
    first_passages(db, &found.hits, access, CLOSE).await
}

/// [`passages`], so many at most.
async fn first_passages(db: &Db, hits: &[Hit], access: &Access, most: usize) -> Result<Vec<Passage>> {
    let hits = first(hits, most);
    let hits = hits.as_slice();
    db.read(|conn| async move {
        let mut passages = Vec::new();
        for hit in hits {
            let Some(passage) = library::passage(&conn, &hit.passage_id).await? else { continue };
            if passage.version == hit.version && access.allows(&passage.readers) {
                passages.push(passage);
            }
        }
        let mut passages = alike::once(passages);
        passages.truncate(most);
        Ok(passages)
    })
    .await
}

/// The answer to a question, given what was found. Pure: the same found passages give the same answer.
///
/// `passages` belong to the best hits of `found`, best first; hits without a passage are left out of account.
#[must_use]
pub fn answer(question: &str, found: &Found, passages: &[Passage]) -> Answer {
    let readings = read_closely(question, found, passages);
    let confidence = Signals::of(found, &readings).confidence();
    let quotes = if confidence < THRESHOLD { Vec::new() } else { extract::quotes(&readings) };
    let mut answer =
        Answer { question: question.to_owned(), abstained: quotes.is_empty(), confidence, ..Answer::default() };
    let taken = found.asked.iter().filter(|a| !a.taken_for.is_empty());
    answer.taken_for = taken.map(|a| (a.word.clone(), a.taken_for.clone())).collect();
    answer.citations = quotes.into_iter().map(|q| q.cite(readings[q.passage].passage)).collect();
    answer.put_together();
    // A word that no readable passage has makes none of them less near. Stop words alone are near to everything.
    let known: Vec<bool> = found.asked.iter().map(|a| a.passages > 0).collect();
    let enough = NEAR * extract::share(&found.asked, &known);
    let near = readings.iter().filter(|r| confidence > 0.0 && enough > 0.0 && r.covered(&found.asked) >= enough);
    for passage in near.map(|r| r.passage) {
        let named = answer.nearest.iter().any(|n| n.document == passage.document);
        let cited = answer.citations.iter().any(|c| c.passage == passage.id);
        if !named && !cited && answer.nearest.len() < NEAREST {
            answer.nearest.push(Nearest::of(passage));
        }
    }
    answer
}

fn read_closely<'a>(question: &str, found: &'a Found, passages: &'a [Passage]) -> Vec<extract::Reading<'a>> {
    let hit = |p: &Passage| found.hits.iter().find(|h| h.passage_id == p.id);
    let pairs: Vec<_> = passages.iter().filter_map(|p| Some((hit(p)?, p))).collect();
    extract::read_closely(kind::Asks::of(question, found.asked.len()), &found.asked, &pairs)
}

impl Citation {
    /// Where it stands: its location, down to the heading where that is an address on the web.
    #[must_use]
    pub fn address(&self) -> String {
        let plain = |a: &&str| !a.is_empty() && a.chars().all(|c| c.is_ascii_graphic() && !"<>\\\"`".contains(c));
        let anchor = self.anchor.as_deref().filter(plain);
        let web = self.location.starts_with("https://") || self.location.starts_with("http://");
        match anchor.filter(|_| web && !self.location.contains('#')) {
            Some(anchor) => format!("{}#{anchor}", self.location),
            None => self.location.clone(),
        }
    }

    /// Whether it should have been looked at again by that day.
    #[must_use]
    pub fn is_overdue(&self, today: Date) -> bool {
        self.review_date.is_some_and(|day| day < today)
    }

    /// A citation of a passage that quotes nothing of it yet.
    fn of(passage: &Passage) -> Self {
        Self {
            title: passage.title.clone(),
            heading: passage.headings.join(" > "),
            source: passage.source.clone(),
            location: passage.location.clone(),
            anchor: passage.anchor.clone(),
            passage: passage.id.clone(),
            document: passage.document.clone(),
            verified: passage.verified,
            deprecated: passage.standing.deprecated.clone(),
            review_date: passage.standing.review_date,
            also: passage.also.clone(),
            ..Self::default()
        }
    }
}

impl Nearest {
    fn of(passage: &Passage) -> Self {
        Self {
            title: passage.title.clone(),
            heading: passage.headings.join(" > "),
            source: passage.source.clone(),
            location: passage.location.clone(),
            document: passage.document.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
