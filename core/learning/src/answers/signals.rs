//! Whether to answer: several signals, brought together by a logistic model.

use super::extract::{has, share, units};
use crate::library::Passage;
use crate::search::{Found, Hit, Stems};

/// From this confidence on, Stoa answers.
pub const THRESHOLD: f64 = 0.5;

/// Number of signals.
const COUNT: usize = 10;

/// What speaks for and against an answer, each about 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Share of the question, by how telling its words are, that the best passage has (with title and headings).
    pub covered: f32,
    /// The same for the best sentence or item alone.
    pub sentence: f32,
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
    /// Whether the best passage has what this kind of question asks for: a date, a number, a name.
    pub kind: f32,
    /// How short the question is: one over the number of its words.
    pub short: f32,
}

impl Signals {
    /// Reads the signals from what was found.
    #[must_use]
    pub fn of(question: &str, found: &Found, read: &[(&Hit, &Passage)]) -> Self {
        let asked = &found.asked;
        let Some((hit, passage)) = read.first() else { return Self::default() };
        let stems = Stems::of(passage.language.as_deref());
        let about = format!("{}\n{}\n{}", passage.title, passage.headings.join("\n"), passage.keywords);
        let in_title = has(asked, &stems, &about);
        let units = units(asked, passage);
        let in_passage: Vec<bool> = (0..asked.len()).map(|i| in_title[i] || units.iter().any(|u| u.has[i])).collect();
        let best = units.iter().max_by(|a, b| a.share.total_cmp(&b.share));
        let top = asked.iter().map(|a| a.idf).fold(f32::MIN_POSITIVE, f32::max);
        let missing = asked.iter().zip(&in_passage).filter(|(_, h)| !**h).map(|(a, _)| a.idf).fold(0.0, f32::max);
        let unknown: Vec<bool> = asked.iter().map(|a| a.passages == 0).collect();
        let next = read.iter().find(|(_, p)| p.document != passage.document).map_or(0.0, |(h, _)| h.score);
        let ideal = found.ideal.max(f32::MIN_POSITIVE);
        Self {
            covered: share(asked, &in_passage),
            sentence: best.map_or(0.0, |u| u.share),
            score: hit.score / ideal,
            lead: if hit.score > 0.0 { (hit.score - next) / hit.score } else { 0.0 },
            title: share(asked, &in_title),
            missing: missing / top,
            unknown: share(asked, &unknown),
            near: hit.parts.near / ideal,
            kind: kind(question, &units.iter().map(|u| u.text.as_str()).collect::<Vec<_>>().join(" ")),
            short: 1.0 / asked.len().max(1) as f32,
        }
    }

    /// The signals in the order of the model's coefficients.
    #[must_use]
    pub fn values(&self) -> [f64; COUNT] {
        [
            self.covered,
            self.sentence,
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
        if *self == Self::default() {
            return 0.0;
        }
        let sum: f64 = BIAS + self.values().iter().zip(&COEFFICIENTS).map(|(v, c)| v * c).sum::<f64>();
        1.0 / (1.0 + (-sum).exp())
    }
}

const BIAS: f64 = -3.0;
const COEFFICIENTS: [f64; COUNT] = [3.0, 3.0, 2.0, 0.5, 1.0, -1.0, -6.0, 1.0, 0.5, 0.0];

/// 1 when the text has what such a question asks for, 0 when it lacks it, one half when nothing can be said.
fn kind(question: &str, text: &str) -> f32 {
    let question = question.to_lowercase();
    let asks = |words: &[&str]| words.iter().any(|w| question.contains(w));
    let has = if asks(&["when ", "what year", "what date", "which year"]) {
        text.bytes().any(|b| b.is_ascii_digit())
    } else if asks(&["how many", "how much", "how long", "how often", "how old"]) {
        text.bytes().any(|b| b.is_ascii_digit())
    } else {
        return 0.5;
    };
    f32::from(u8::from(has))
}
