//! Whether to answer: several signals, brought together by a logistic model.

use super::extract::{Reading, has, share};
use super::kind::Asks;
use crate::search::Found;

/// From this confidence on, Stoa answers.
pub const THRESHOLD: f64 = 0.5;

/// The names of the signals, in the order of the model.
pub const NAMES: [&str; 12] =
    ["covered", "sentence", "pair", "count", "score", "lead", "title", "missing", "unknown", "near", "kind", "short"];

/// What speaks for and against an answer, each about 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Share of the question, by how telling its words are, that the best passage has (with title and headings).
    pub covered: f32,
    /// The same for its best sentence or item alone.
    pub sentence: f32,
    /// The same for two neighbouring sentences with title and headings.
    pub pair: f32,
    /// Share of the question's words that the best passage has, each counting the same.
    pub count: f32,
    /// The best score against the score of an imaginary perfect passage.
    pub score: f32,
    /// How far the best is ahead of the best of another document.
    pub lead: f32,
    /// Share of the question that the title and headings of the best passage have.
    pub title: f32,
    /// The most telling word that the best passage lacks, against the most telling of all.
    pub missing: f32,
    /// Share of the question that no readable passage has at all.
    pub unknown: f32,
    /// How near the question's words stand in the best passage.
    pub near: f32,
    /// Whether the best sentence has what this kind of question asks for: a date, a number, a name, a definition.
    pub kind: f32,
    /// How short the question is: one over the number of its words.
    pub short: f32,
    /// Whether the question has nothing but stop words, or nothing was found: no answer, whatever the rest says.
    pub hopeless: bool,
}

impl Signals {
    /// Reads the signals off what was found.
    pub(super) fn of(question: &str, found: &Found, readings: &[Reading<'_>]) -> Self {
        let asked = &found.asked;
        let asks = Asks::of(question, asked);
        let Some(reading) = readings.first() else { return Self { hopeless: true, ..Self::default() } };
        let (hit, units, about) = (reading.hit, &reading.units, &reading.about);
        let or = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a || *b).collect::<Vec<bool>>();
        let in_passage = units.iter().fold(about.clone(), |all, u| or(&all, &u.has));
        let pair = (0..units.len())
            .map(|i| {
                let next = units.get(i + 1).map_or_else(|| units[i].has.clone(), |u| or(&u.has, &units[i].has));
                share(asked, &or(&next, about))
            })
            .fold(0.0, f32::max);
        let top = asked.iter().map(|a| a.idf).fold(f32::MIN_POSITIVE, f32::max);
        let missing = asked.iter().zip(&in_passage).filter(|(_, h)| !**h).map(|(a, _)| a.idf).fold(0.0, f32::max);
        let unknown: Vec<bool> = asked.iter().map(|a| a.passages == 0).collect();
        let document = &reading.passage.document;
        let next = readings.iter().filter(|r| r.passage.document != *document).map(|r| r.hit.score).fold(0.0, f32::max);
        let ideal = found.ideal.max(f32::MIN_POSITIVE);
        let best = units.iter().max_by(|a, b| a.worth.total_cmp(&b.worth));
        Self {
            covered: share(asked, &in_passage),
            sentence: units.iter().map(|u| u.share).fold(0.0, f32::max),
            pair,
            count: in_passage.iter().filter(|h| **h).count() as f32 / asked.len().max(1) as f32,
            score: hit.score / ideal,
            lead: ((hit.score - next) / hit.score.max(f32::MIN_POSITIVE)).max(-0.5),
            title: share(asked, &has(asked, &reading.stems, &reading.passage.title)),
            missing: missing / top,
            unknown: share(asked, &unknown),
            near: hit.parts.near / ideal,
            kind: best.map_or(0.0, |u| asks.fits(asked, &reading.stems, &u.text)),
            short: 1.0 / asked.len().max(1) as f32,
            hopeless: asked.iter().all(|a| a.stop),
        }
    }

    /// The signals in the order of [`NAMES`].
    #[must_use]
    pub fn values(&self) -> [f64; NAMES.len()] {
        [
            self.covered,
            self.sentence,
            self.pair,
            self.count,
            self.score,
            self.lead,
            self.title,
            self.missing,
            self.unknown,
            self.near,
            self.kind,
            self.short,
        ]
        .map(f64::from)
    }

    /// How sure Stoa is that the passage answers, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        if self.hopeless {
            return 0.0;
        }
        let sum: f64 = BIAS + self.values().iter().zip(&COEFFICIENTS).map(|(v, c)| v * c).sum::<f64>();
        1.0 / (1.0 + (-sum).exp())
    }
}

const BIAS: f64 = -3.0;
const COEFFICIENTS: [f64; NAMES.len()] = [3.0, 3.0, 0.0, 0.0, 2.0, 0.5, 1.0, -1.0, -6.0, 1.0, 0.5, 0.0];
