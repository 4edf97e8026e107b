//! A cross-encoder (ms-marco-MiniLM-L6 and its relatives): a BERT that reads question and passage together and says with
//! one number how well the passage answers. Dearer than comparing vectors by far, so it only looks at the best.

use std::sync::Arc;

use async_trait::async_trait;
use candle_core::{Result as Computed, Tensor};
use rayon::ThreadPool;
use stoa_ground::{Error, Result};
use stoa_learning::search::Reranker;
use tokenizers::TruncationParams;

use crate::bert::{Config, Encoder, Linear, run, weights};
use crate::folder::Files;
use crate::pools;

/// Tokens of a question and a passage together that are read.
const LONGEST: usize = 256;
/// Characters of a question that are read: what is left is for the passage.
const QUESTION: usize = 300;

/// A cross-encoder on this machine.
pub(crate) struct Cross {
    judge: Arc<Judge>,
    threads: Arc<ThreadPool>,
}

struct Judge {
    encoder: Encoder,
    pooler: Linear,
    classifier: Linear,
}

impl Cross {
    pub fn read(files: &Files) -> Result<Self> {
        let config = Config::read(files)?;
        let mut tokenizer = files.tokenizer()?;
        // The longer of the two is cut first.
        let truncation = TruncationParams { max_length: config.longest(LONGEST), ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|e| files.wrong(e))?;
        let weights = weights(files)?;
        let lacks = |e: candle_core::Error| files.wrong(format!("lacks weights: {e}"));
        let judge = Judge {
            encoder: Encoder::of(tokenizer, &config, &weights, true).map_err(lacks)?,
            pooler: Linear::of_weights(&weights, "pooler.dense").map_err(lacks)?,
            classifier: Linear::of_weights(&weights, "classifier").map_err(lacks)?,
        };
        let labels = judge.classifier.labels().map_err(lacks)?;
        if labels != 1 {
            return Err(files.wrong(format!("tells {labels} classes apart, and a cross-encoder gives one number")));
        }
        Ok(Self { judge: Arc::new(judge), threads: Arc::new(pools::question()?) })
    }
}

#[async_trait]
impl Reranker for Cross {
    async fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>> {
        let question: String = question.chars().take(QUESTION).collect();
        let (passages, judge, threads) = (passages.to_vec(), Arc::clone(&self.judge), Arc::clone(&self.threads));
        run(move || threads.install(|| judge.scores(&question, &passages))).await
    }
}

impl Judge {
    fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>> {
        let mut pairs = Vec::with_capacity(passages.len());
        for (n, passage) in passages.iter().enumerate() {
            let encoding = self
                .encoder
                .tokenizer
                .encode_fast((question, passage.as_str()), true)
                .map_err(|e| Error::Io(format!("question and passage cannot be cut into tokens: {e}")))?;
            pairs.push((n, encoding));
        }
        pairs.sort_by_key(|(_, e)| e.get_ids().len());
        let ids: Vec<&[u32]> = pairs.iter().map(|(_, e)| e.get_ids()).collect();
        let second = pairs.iter().flat_map(|(_, e)| e.get_type_ids().iter().map(|&t| t.min(1) as f32)).collect();
        let scores = self.judge(&ids, second).map_err(|e| Error::Io(format!("the reranking failed: {e}")))?;
        let mut out = vec![0.0; passages.len()];
        for ((n, _), score) in pairs.iter().zip(scores) {
            out[*n] = score;
        }
        Ok(out)
    }

    fn judge(&self, ids: &[&[u32]], second: Vec<f32>) -> Computed<Vec<f32>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let states = self.encoder.states(ids, Some(second))?;
        let mut at = 0;
        let firsts = ids.iter().map(|ids| {
            let first = states.narrow(0, at, 1);
            at += ids.len();
            first
        });
        let firsts = Tensor::cat(&firsts.collect::<Computed<Vec<_>>>()?, 0)?;
        self.classifier.of(&self.pooler.of(&firsts)?.tanh()?)?.flatten_all()?.to_vec1()
    }
}
