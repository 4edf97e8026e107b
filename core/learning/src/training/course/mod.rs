//! Courses: a folder with `course.toml` (settings, questions, attestation) and one Markdown file a page, `NN-slug.md`.
//!
//! A course's content has a version: the SHA-256 of its canonical JSON. Every version is kept as it was shown.

mod particulars;
mod read;
mod store;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use stoa_ground::{Instant, Result};

use super::attest::Level;

pub use particulars::{Mapping, Particulars, Trainer};
pub use read::check_dir;
pub(super) use read::is_id;
pub use store::{Applied, CourseProjection, apply_dir, content, courses, current, first_stored, particulars, title};
pub(super) use store::{mappings, read_in};

/// A course as it is shown, without what changes nothing for the learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Its stable id, the name that requirements use.
    pub id: String,
    /// Title.
    pub title: String,
    /// BCP 47 tag.
    pub language: String,
    /// Least active reading time before the quiz, in minutes; 0 for none.
    pub min_minutes: u32,
    /// Least share of right answers, from 0 to 1.
    pub pass_mark: f64,
    /// How often the quiz may be tried.
    pub attempts: u32,
    /// What the person confirms with their name at the end, if anything.
    pub attestation: Option<String>,
    /// How surely it must be the person who confirms it. A requirement can demand more.
    #[serde(default, skip_serializing_if = "Level::is_least")]
    pub attestation_level: Level,
    /// The pages in order; at least one.
    pub pages: Vec<Page>,
    /// The quiz; may be empty.
    pub questions: Vec<Question>,
    /// The employee id of who answers for it. Not part of the version.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Who teaches it and what counts elsewhere. Not part of the version.
    #[serde(skip)]
    pub particulars: Particulars,
}

/// Time that a page may be shown without being left before its reader counts as absent, in any case.
const READING: i64 = 3 * 60 * Instant::SECOND;
/// Characters a minute of somebody who reads slowly.
const SLOWLY: i64 = 500;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The file's name.
    pub file: String,
    /// Plain text.
    pub title: String,
    /// CommonMark without the title.
    pub text: String,
}

impl Page {
    /// The most time from showing it to turning it that counts as reading, in microseconds: that of a slow reader, and
    /// three minutes at least. More is taken for absence.
    #[must_use]
    pub fn longest_read(&self) -> i64 {
        let characters = i64::try_from(self.text.chars().count()).unwrap_or(i64::MAX);
        READING.max(characters.saturating_mul(60 * Instant::SECOND) / SLOWLY)
    }
}

/// One question of the quiz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked, plain text.
    pub prompt: String,
    /// Two to eight answers, plain text.
    pub options: Vec<String>,
    /// The index of the right one, from 0.
    pub answer: usize,
    /// What is shown to whoever answered wrongly.
    #[serde(default)]
    pub why: String,
}

impl Course {
    /// The canonical content: the bytes whose digest is the version.
    ///
    /// # Errors
    /// Never in practice: the type has nothing that JSON cannot hold.
    pub fn canonical(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The version: SHA-256 of the canonical content in hexadecimal digits.
    ///
    /// # Errors
    /// As [`Course::canonical`].
    pub fn version(&self) -> Result<String> {
        Ok(digest(&self.canonical()?))
    }

    /// How many of these answers are right, as a share from 0 to 1. Without questions it is 1.
    #[must_use]
    pub fn score(&self, answers: &[usize]) -> f64 {
        if self.questions.is_empty() {
            return 1.0;
        }
        let right = self.questions.iter().zip(answers).filter(|(q, a)| q.answer == **a).count();
        ratio(right, self.questions.len())
    }

    /// Answers that have this score, as nearly as the questions allow, on the same side of the pass mark.
    #[must_use]
    pub fn answers(&self, score: f64) -> Vec<usize> {
        let reaches = |right: usize| ratio(right, self.questions.len()) + 1e-9 >= score;
        let enough = (0..=self.questions.len()).find(|right| reaches(*right)).unwrap_or(self.questions.len());
        let exact = enough > 0 && ratio(enough, self.questions.len()) > score + 1e-9;
        let right = if exact && !self.passes(score) { enough - 1 } else { enough };
        let other = |q: &Question| (q.answer + 1) % q.options.len().max(1);
        self.questions.iter().enumerate().map(|(n, q)| if n < right { q.answer } else { other(q) }).collect()
    }

    /// Whether a score reaches the pass mark. A hair is allowed for the rounding of decimals.
    #[must_use]
    pub fn passes(&self, score: f64) -> bool {
        score + 1e-9 >= self.pass_mark
    }

    /// The least active reading time in microseconds.
    #[must_use]
    pub fn min_active(&self) -> i64 {
        i64::from(self.min_minutes) * 60 * Instant::SECOND
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    stoa_ground::sha256(text.as_bytes())
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    float(part) / float(whole)
}
