//! A language model, as answers see it: it may put passages into a few sentences, and nothing that it says is believed.
//!
//! [`prompt`] hands it the passages as data, [`check`] holds each of its sentences against the passage that it cites, and
//! [`write`] lets an answer grow from those that hold. Whatever goes wrong, the answer is the quotation that was there
//! before.

pub(super) mod budget;
mod check;
mod compose;
mod language;
mod prompt;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use check::{Support, holds};
pub(super) use compose::{Basis, condense, write};
pub(super) use language::denials;

/// What a model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The rules.
    pub rules: String,
    /// Passages and question, as data.
    pub data: String,
    /// The most tokens of the answer.
    pub max_tokens: u32,
}

/// How much a call took, as the endpoint counts it; estimated where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens of the prompt and of the answer together.
    pub tokens: u64,
}

/// Why a model gave nothing to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It took longer than it may.
    #[error("it took too long")]
    Slow,
    /// It could not be reached, or answered with an error.
    #[error("{0}")]
    Failed(String),
    /// It answered with something that is no answer of a chat model: a web page, a call of a tool.
    #[error("{0}")]
    Strange(String),
    /// It refused.
    #[error("it refused")]
    Refused,
    /// It said nothing.
    #[error("it said nothing")]
    Empty,
}

/// A chat model. Adapters implement it; they translate and decide nothing.
#[async_trait]
pub trait Model: Send + Sync {
    /// Asks, and hands on each piece of the answer as it comes. Has time limits of its own; the caller may also drop it.
    ///
    /// # Errors
    /// See [`ModelError`].
    async fn ask(&self, prompt: &Prompt, heard: &mut (dyn for<'s> FnMut(&'s str) + Send)) -> Result<Spent, ModelError>;
}

/// What a model may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an answer may take in all.
    pub time: Duration,
    /// The most tokens of an answer.
    pub answer_tokens: u32,
    /// The most tokens, of prompts and answers, for one person on one day (UTC).
    pub person_tokens: u64,
    /// The same for all people together.
    pub daily_tokens: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(20), answer_tokens: 500, person_tokens: 100_000, daily_tokens: 5_000_000 }
    }
}

/// The model of this installation, with its limits.
#[derive(Clone)]
pub struct Modelled {
    /// The model.
    pub model: Arc<dyn Model>,
    /// What it may cost.
    pub limits: Limits,
}

/// Why an answer is a quotation although there is a model: the code of the reason in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// It took too long.
    Slow,
    /// It failed.
    Failed,
    /// It gave no answer.
    Strange,
    /// It refused.
    Refused,
    /// It found no answer in the passages.
    Unknown,
    /// What it said does not stand in the passages.
    Unsupported,
    /// What it said stands there, and is not what was asked.
    Beside,
    /// This person's, or everybody's, share of the day is used up.
    UsedUp,
}

impl Instead {
    /// The code under which it is stored; `why-<code>` is its sentence in the catalogue.
    #[must_use]
    pub fn code(self) -> &'static str {
        let key = match self {
            Self::Slow => stoa_flow::words_key!("why-model-slow"),
            Self::Failed => stoa_flow::words_key!("why-model-failed"),
            Self::Strange => stoa_flow::words_key!("why-model-strange"),
            Self::Refused => stoa_flow::words_key!("why-model-refused"),
            Self::Unknown => stoa_flow::words_key!("why-model-unknown"),
            Self::Unsupported => stoa_flow::words_key!("why-model-unsupported"),
            Self::Beside => stoa_flow::words_key!("why-model-beside"),
            Self::UsedUp => stoa_flow::words_key!("why-model-used-up"),
        };
        key.trim_start_matches("why-")
    }
}

impl From<&ModelError> for Instead {
    fn from(e: &ModelError) -> Self {
        match e {
            ModelError::Slow => Self::Slow,
            ModelError::Failed(_) => Self::Failed,
            ModelError::Strange(_) | ModelError::Empty => Self::Strange,
            ModelError::Refused => Self::Refused,
        }
    }
}
