//! The port of a cross-encoder: a model that reads question and passage together.

use async_trait::async_trait;
use stoa_ground::Result;

/// A model that says how well passages answer a question.
#[async_trait]
pub trait Reranker: Send + Sync {
    /// A number for each passage, in their order: the higher, the better it answers. To be compared within one question
    /// only.
    ///
    /// # Errors
    /// When the model fails.
    async fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>>;
}
