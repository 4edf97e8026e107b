//! Why: what the ranking of each result and the decision to answer consist of, for whoever wants to look behind it.

use serde::Serialize;
use stoa_ground::{Db, Result};

use super::respond::{self, Inquiry};
use super::signals::{NAMES, Signals, THRESHOLD};
use super::{Answer, How, passages, read_closely};
use crate::Services;
use crate::search::primary;

/// Behind an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// How the answer came about. Where a person wrote it for the question, nothing else was weighed and the rest is empty.
    pub how: How,
    /// Why the language model did not write it, or its review is due: the code of the reason.
    pub why: Option<String>,
    /// The words that were looked for, in the question's order.
    pub words: Vec<AskedWord>,
    /// Passages that the asker may read.
    pub readable: usize,
    /// Stems that the best of them have in common and that were looked for as well.
    pub related: Vec<String>,
    /// How much meaning counted against words, 0 to 1; 0 without a model.
    pub meaning: f32,
    /// The results, best first.
    pub results: Vec<Ranked>,
    /// What speaks for and against an answer.
    pub signals: Vec<Signal>,
    /// What the signals come to, 0 to 1.
    pub confidence: f64,
    /// From which confidence on Stoa answers.
    pub threshold: f64,
}

/// A word of the question.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AskedWord {
    /// The word, folded.
    pub word: String,
    /// Readable passages that have it.
    pub passages: usize,
    /// How much it tells.
    pub weight: f32,
    /// Whether it was taken for a word that differs by a letter.
    pub corrected: bool,
}

/// A result, and what its score consists of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ranked {
    /// Title of the document.
    pub title: String,
    /// Headings above the passage, joined by ` > `.
    pub heading: String,
    /// Name of the source.
    pub source: String,
    /// Path inside the source, or URL.
    pub location: String,
    /// The language (primary subtag) as which its words were read.
    pub language: String,
    /// The score that it was ranked by.
    pub score: f32,
    /// The score by words: the sum of the following, those of words, nearness, exact title and stop words less for what
    /// is not covered.
    pub by_words: f32,
    /// Words in title, headings, body and keywords.
    pub words: f32,
    /// Words near each other.
    pub near: f32,
    /// A title or headings that consist of the question's words.
    pub exact: f32,
    /// Stop words of the question.
    pub stop: f32,
    /// The opening of a document about the question.
    pub opening: f32,
    /// What the document as a whole adds.
    pub document: f32,
    /// What the words add that the best passages have in common; not in the score by words.
    pub related: f32,
    /// Share of the question that the passage has, 0 to 1.
    pub coverage: f32,
    /// What stands for or against the document: 1 for nothing, less for content that is not checked, should not be
    /// relied on, is old or waits for its review; what people said moves it by 5 % at most.
    pub prior: f32,
    /// The cosine with the question; none without a vector.
    pub cosine: Option<f32>,
    /// What the cross-encoder says; none where there is none, or it did not look.
    pub reranked: Option<f32>,
}

/// A signal for or against an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// How strong it is, about 0 to 1.
    pub value: f64,
    /// What it adds to the log odds of an answer.
    pub adds: f64,
}

/// Answers a question as [`respond`](super::respond()) does, and says why so.
///
/// # Errors
/// When the index or the store cannot be read.
pub async fn explain(db: &Db, services: &Services, inquiry: &Inquiry<'_>) -> Result<(Answer, Explanation)> {
    let (answer, response) = respond::given(db, services, inquiry).await?;
    let (how, why) = (answer.how, answer.why.clone());
    if how == How::Curated {
        let confidence = answer.confidence;
        let explanation = Explanation { how, why, confidence, threshold: THRESHOLD, ..Explanation::default() };
        return Ok((answer, explanation));
    }
    let found = &response.found;
    let passages = passages(db, found, &inquiry.access).await?;
    let signals = Signals::of(found, &read_closely(&response.meant, found, &passages));
    let results = found.hits.iter().filter_map(|hit| {
        let passage = passages.iter().find(|p| p.id == hit.passage_id)?;
        Some(Ranked {
            title: passage.title.clone(),
            heading: passage.headings.join(" > "),
            source: passage.source.clone(),
            location: passage.location.clone(),
            language: primary(passage.language.as_deref()),
            score: hit.score,
            by_words: hit.parts.lexical,
            words: hit.parts.words,
            near: hit.parts.near,
            exact: hit.parts.exact,
            stop: hit.parts.stop,
            opening: hit.parts.opening,
            document: hit.parts.document,
            related: hit.parts.related,
            coverage: hit.parts.coverage,
            prior: hit.parts.prior,
            cosine: hit.parts.cosine,
            reranked: hit.parts.reranked,
        })
    });
    let adds = signals.adds();
    let explanation = Explanation {
        how,
        why,
        words: found
            .asked
            .iter()
            .map(|a| AskedWord {
                word: a.word.clone(),
                passages: a.passages,
                weight: a.idf,
                corrected: !a.taken_for.is_empty(),
            })
            .collect(),
        readable: found.readable,
        related: found.related.clone(),
        meaning: found.meaning,
        results: results.collect(),
        signals: NAMES
            .into_iter()
            .zip(signals.values())
            .zip(adds)
            .map(|((name, value), adds)| Signal { name, value, adds })
            .collect(),
        confidence: response.answer.confidence,
        threshold: THRESHOLD,
    };
    Ok((answer, explanation))
}
