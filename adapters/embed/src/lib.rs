//! Embeddings behind the port `stoa_learning::search::Embedder`: a model in a folder, computed on this machine, or any
//! endpoint that speaks OpenAI's `/embeddings`.
//!
//! A third kind of model, a cross-encoder, reads question and passage together: [`open_reranker`].
//!
//! Two kinds of folders are understood for embeddings: a BERT encoder in the layout of sentence-transformers (all-MiniLM-L6-v2 and
//! its relatives), and a static model in the layout of model2vec. Nothing is ever downloaded by using one.

mod bert;
mod cross;
mod endpoint;
mod folder;
pub mod install;
mod pools;
mod statics;

use std::path::Path;
use std::sync::Arc;

use stoa_ground::Result;
use stoa_learning::search::{Embedder, Reranker};

pub use endpoint::{Endpoint, EndpointSettings};

/// Reads the model in a folder.
///
/// # Errors
/// When the folder lacks a file, or holds a model of another kind; the sentence says which.
pub fn open(dir: &Path) -> Result<Arc<dyn Embedder>> {
    let files = folder::Files::of(dir)?;
    Ok(if files.is_static()? { Arc::new(statics::Static::read(&files)?) } else { Arc::new(bert::Local::read(&files)?) })
}

/// Reads the cross-encoder in a folder.
///
/// # Errors
/// As [`open`].
pub fn open_reranker(dir: &Path) -> Result<Arc<dyn Reranker>> {
    Ok(Arc::new(cross::Cross::read(&folder::Files::of(dir)?)?))
}

/// The vector with length one; a vector of zeros stays.
pub(crate) fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|v| *v /= length);
    }
    vector
}

#[cfg(test)]
mod tests;
