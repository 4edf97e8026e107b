//! A static model in the layout of model2vec: a text's vector is the mean of its tokens' vectors.

use std::collections::HashMap;

use async_trait::async_trait;
use stoa_ground::Result;
use stoa_learning::search::Embedder;
use tokenizers::Tokenizer;

use crate::folder::Files;
use crate::normalised;

/// Tokens of a text that are read.
const READ: usize = 512;

pub(crate) struct Static {
    model: String,
    tokenizer: Tokenizer,
    /// One row for each token.
    rows: Vec<f32>,
    dimension: usize,
    /// How much each token counts, where the model says so.
    weights: Option<Vec<f32>>,
}

impl Static {
    pub fn read(files: &Files) -> Result<Self> {
        let tensors: HashMap<_, _> = files.weights()?;
        let table = tensors.get("embeddings").ok_or_else(|| files.wrong("has no tensor named embeddings"))?;
        let (_, dimension) = table.dims2().map_err(|e| files.wrong(e))?;
        let flat = |t: &candle_core::Tensor| t.flatten_all()?.to_vec1::<f32>();
        let rows = flat(table).map_err(|e| files.wrong(e))?;
        let weights = tensors.get("weights").map(flat).transpose().map_err(|e| files.wrong(e))?;
        Ok(Self { model: files.identity()?, tokenizer: files.tokenizer()?, rows, dimension, weights })
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0f32; self.dimension];
        // A text that cannot be cut into tokens has none.
        let Ok(encoding) = self.tokenizer.encode_fast(text, false) else { return sum };
        for &id in encoding.get_ids().iter().take(READ) {
            let at = id as usize * self.dimension;
            let Some(row) = self.rows.get(at..at + self.dimension) else { continue };
            let weight = self.weights.as_ref().and_then(|w| w.get(id as usize)).copied().unwrap_or(1.0);
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * v);
        }
        normalised(sum)
    }
}

#[async_trait]
impl Embedder for Static {
    fn model(&self) -> &str {
        &self.model
    }

    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|t| self.vector(t)).collect())
    }

    async fn query(&self, text: &str) -> Result<Vec<f32>> {
        Ok(self.vector(text))
    }
}
