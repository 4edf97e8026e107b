//! Whether to answer: several signals, brought together by a logistic model.

use super::CLOSE;
use super::extract::{Reading, Unit, share};
use crate::search::{Asked, Found, first, words};

/// From this confidence on, Stoa answers.
pub const THRESHOLD: f64 = 0.4;

/// Words of a long question.
const LONG: f32 = 8.0;

/// The names of the signals, in the order of the model.
pub const NAMES: [&str; 16] = [
    "covered", "sentence", "score", "lead", "spread", "missing", "unknown", "phrases", "dense", "short", "whole",
    "words", "long", "cosine", "apart", "meant",
];

/// What speaks for and against an answer, each about 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Share of the question, by how telling its words are, that the best passage has (with title and headings).
    pub covered: f32,
    /// The same for its best sentence or item alone.
    pub sentence: f32,
    /// The best score against the score of an imaginary perfect passage.
    pub score: f32,
    /// How far the best is ahead of the best of another document.
    pub lead: f32,
    /// How far the best is ahead of the mean of the ten best.
    pub spread: f32,
    /// The most telling word that the best passage lacks, against the most telling of all.
    pub missing: f32,
    /// Share of the question that no readable passage has as it was typed.
    pub unknown: f32,
    /// Share of the pairs of neighbouring words of the question that the best passage has as neighbours too.
    pub phrases: f32,
    /// How much of its best sentence the question's words are.
    pub dense: f32,
    /// How short the question is: one over the number of its words.
    pub short: f32,
    /// What the document of the best hit has of the words as a whole, against the perfect passage.
    pub whole: f32,
    /// What the best hit has of the words alone, against the same.
    pub words: f32,
    /// How long the question is: the number of its words against [`LONG`], 1 for as many and more.
    pub long: f32,
    /// The greatest cosine of the question with a passage. This and the next two are 0 without a model.
    pub cosine: f32,
    /// How far that is ahead of the mean of the ten greatest, one for each document.
    pub apart: f32,
    /// The cosine of the passage that would be quoted.
    pub meant: f32,
    /// Whether there was a model, so that the meaning counts.
    pub by_meaning: bool,
    /// Whether the question has nothing but stop words, or nothing was found: no answer, whatever the rest says.
    pub hopeless: bool,
}

impl Signals {
    /// Reads the signals off what was found.
    pub(super) fn of(found: &Found, readings: &[Reading<'_>]) -> Self {
        let asked = &found.asked;
        let Some(reading) = readings.first() else { return Self { hopeless: true, ..Self::default() } };
        let (hit, units, about) = (reading.hit, &reading.units, &reading.about);
        let or = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a || *b).collect::<Vec<bool>>();
        let in_passage = units.iter().fold(about.clone(), |all, u| or(&all, &u.has));
        let top = asked.iter().map(|a| a.idf).fold(f32::MIN_POSITIVE, f32::max);
        let missing = asked.iter().zip(&in_passage).filter(|(_, h)| !**h).map(|(a, _)| a.idf).fold(0.0, f32::max);
        let unknown: Vec<bool> = asked.iter().map(|a| a.passages == 0 || !a.taken_for.is_empty()).collect();
        let document = &reading.passage.document;
        let by_words = hit.parts.lexical;
        let next = readings
            .iter()
            .filter(|r| r.passage.document != *document)
            .map(|r| r.hit.parts.lexical)
            .fold(0.0, f32::max);
        let ideal = found.ideal.max(f32::MIN_POSITIVE);
        // However many were looked for.
        let mut ten = first(&found.hits, CLOSE);
        ten.truncate(CLOSE);
        let mean = ten.iter().map(|h| h.parts.lexical).sum::<f32>() / ten.len().max(1) as f32;
        let cosine = found.cosine.unwrap_or_default();
        Self {
            covered: share(asked, &in_passage),
            sentence: units.iter().map(|u| u.share).fold(0.0, f32::max),
            score: by_words / ideal,
            lead: ((by_words - next) / by_words.max(f32::MIN_POSITIVE)).max(-0.5),
            spread: ((by_words - mean) / by_words.max(f32::MIN_POSITIVE)).max(-0.5),
            missing: missing / top,
            unknown: share(asked, &unknown),
            phrases: phrases(asked, reading),
            dense: units.iter().map(dense).fold(0.0, f32::max),
            short: 1.0 / asked.len().max(1) as f32,
            whole: ten.first().map_or(0.0, |h| h.parts.document / ideal),
            words: ten.first().map_or(0.0, |h| h.parts.words / ideal),
            long: (asked.len() as f32 / LONG).min(1.0),
            cosine,
            apart: cosine - found.cosines.iter().sum::<f32>() / found.cosines.len().max(1) as f32,
            meant: hit.parts.cosine.unwrap_or_default(),
            by_meaning: found.cosine.is_some(),
            hopeless: asked.iter().all(|a| a.stop),
        }
    }

    /// The signals in the order of [`NAMES`].
    #[must_use]
    pub fn values(&self) -> [f64; NAMES.len()] {
        [
            self.covered,
            self.sentence,
            self.score,
            self.lead,
            self.spread,
            self.missing,
            self.unknown,
            self.phrases,
            self.dense,
            self.short,
            self.whole,
            self.words,
            self.long,
            self.cosine,
            self.apart,
            self.meant,
        ]
        .map(f64::from)
    }

    /// What each signal adds to the log odds of an answer, in the order of [`NAMES`].
    #[must_use]
    pub fn adds(&self) -> [f64; NAMES.len()] {
        let (values, (_, coefficients)) = (self.values(), self.model());
        std::array::from_fn(|n| values[n] * coefficients[n])
    }

    /// How sure Stoa is that the passage answers, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        if self.hopeless {
            return 0.0;
        }
        let sum = self.model().0 + self.adds().iter().sum::<f64>();
        1.0 / (1.0 + (-sum).exp())
    }

    fn model(&self) -> &'static (f64, [f64; NAMES.len()]) {
        if self.by_meaning { &BY_MEANING } else { &BY_WORDS }
    }
}

/// Bias and coefficients, by logistic regression with a ridge on the signals that the example `features` of stoa-embed
/// writes: 600 answerable and unanswerable questions to 596 encyclopaedia passages; 70 to the demo's handbook (the first
/// half of `adapters/sources/tests/demo_questions.tsv`); 67 to a public handbook (`handbook.tsv` here, words only); 150 of
/// the first set to the demo's handbook, where they have no answer; and by words the six that `adapters/sources/tests/demo.rs`
/// names, counted six times. docs/answers.md has the figures held out.
const BY_WORDS: (f64, [f64; NAMES.len()]) =
    (0.71, [-1.6, -0.36, -2.41, 1.62, -0.02, -0.63, -2.63, 0.2, 3.13, -5.88, 16.37, 8.29, -3.49, 0.0, 0.0, 0.0]);
/// The same where there are vectors.
const BY_MEANING: (f64, [f64; NAMES.len()]) =
    (-2.89, [-0.85, 0.76, -4.0, 1.41, -1.61, -0.79, -0.47, 0.37, 5.9, -3.58, 10.86, 3.05, -3.16, 3.19, 3.07, 4.95]);

/// Share of the question's neighbouring words that are neighbours in the passage, one word between them at most.
fn phrases(asked: &[Asked], reading: &Reading<'_>) -> f32 {
    if asked.len() < 2 {
        return 0.5;
    }
    let mut known = vec![false; asked.len() - 1];
    let texts = reading.units.iter().map(|u| u.text.as_str()).chain([reading.passage.title.as_str()]);
    for text in texts.chain(reading.passage.headings.iter().map(String::as_str)) {
        let stems: Vec<String> = words(text).iter().map(|w| reading.stems.stem(&w.folded)).collect();
        let is = |word: &Asked, at: usize| stems.get(at).is_some_and(|s| word.stems.contains(s));
        for at in 0..stems.len() {
            for (pair, known) in asked.windows(2).zip(&mut known) {
                *known |= is(&pair[0], at) && (is(&pair[1], at + 1) || is(&pair[1], at + 2));
            }
        }
    }
    known.iter().filter(|k| **k).count() as f32 / known.len() as f32
}

/// Share of the question in a unit, less in a long one.
fn dense(unit: &Unit) -> f32 {
    let length = unit.text.split_whitespace().count() as f32;
    unit.share / (1.0 + length / 25.0)
}
