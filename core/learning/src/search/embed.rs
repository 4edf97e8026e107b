//! The port of embeddings: what turns text into vectors, wherever it runs.

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use stoa_ground::Result;

use super::markup;
use crate::library::Passage;

/// A model that turns texts into vectors of length one, all with the same number of dimensions; the dot product of two
/// says how near the texts are in meaning.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Names the model and its weights: vectors of different models are never compared.
    fn model(&self) -> &str;

    /// The vectors of passages, in their order. May take long; runs at low priority.
    ///
    /// # Errors
    /// When the model or its endpoint fails; [`stoa_ground::Error::Invalid`] when it refuses a text, now and later.
    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;

    /// The vector of a question, for which somebody waits.
    ///
    /// # Errors
    /// When the model or its endpoint fails.
    async fn query(&self, text: &str) -> Result<Vec<f32>>;
}

/// What of a passage a model reads: title, headings and text, without markup.
pub(crate) fn text(passage: &Passage) -> String {
    let mut text = passage.title.clone();
    for heading in &passage.headings {
        text.push('\n');
        text.push_str(heading);
    }
    text.push('\n');
    text.push_str(markup::plain(&passage.text).trim_end());
    text
}

/// What a vector belongs to: this passage with this text. A passage that changed in any way that its vector would has
/// another key.
pub(super) fn key(passage: &Passage) -> u64 {
    let mut digest = Sha256::new();
    for part in [&passage.id, &passage.title].into_iter().chain(&passage.headings).chain([&passage.text]) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}
