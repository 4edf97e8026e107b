//! A BERT encoder (all-MiniLM-L6-v2 and its relatives), computed with candle.
//!
//! Texts are not padded: the tokens of many texts stand behind each other in one matrix, so that every multiplication
//! but those of the attention is one for all of them; the attention is computed for each run of texts of equal length.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use candle_core::{CpuStorage, D, Device, InplaceOp2, Layout, Result as Computed, Tensor};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use serde::Deserialize;
use stoa_ground::{Error, Result};
use stoa_learning::search::Embedder;
use tokenizers::{Tokenizer, TruncationParams};

use crate::folder::Files;
use crate::normalised;
use crate::pools::Pools;

/// Tokens in one matrix: with more, the widest layer leaves the processor's caches; with fewer it multiplies less well.
const PACK: usize = 1_024;
/// Tokens of a text that are read, where the model does not say.
const LONGEST: usize = 256;

#[derive(Deserialize)]
pub(crate) struct Config {
    hidden_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    max_position_embeddings: usize,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pooling {
    pooling_mode_cls_token: bool,
}

#[derive(Deserialize)]
struct Sentence {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Prompts {
    prompts: HashMap<String, String>,
}

/// A BERT model on this machine.
pub(crate) struct Local {
    model: String,
    encoder: Arc<Encoder>,
    pools: Arc<Pools>,
    /// What the model wants before a question and before a passage.
    before: [String; 2],
}

pub(crate) struct Encoder {
    pub tokenizer: Tokenizer,
    words: Tensor,
    positions: Tensor,
    /// What a token of the second text of a pair has beside what one of the first has.
    second: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    first_token_only: bool,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

pub(crate) struct Linear {
    /// Input by output.
    weight: Tensor,
    bias: Tensor,
}

struct Layer {
    /// Query, key and value in one.
    attention: Linear,
    output: Linear,
    attention_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
}

impl Config {
    pub fn read(files: &Files) -> Result<Self> {
        let config: Self = files.json("config.json")?.ok_or_else(|| files.wrong("has no config.json"))?;
        if config.hidden_act != "gelu" || !config.hidden_size.is_multiple_of(config.num_attention_heads.max(1)) {
            return Err(files.wrong(format!("has a config.json with an unknown shape ({})", config.hidden_act)));
        }
        Ok(config)
    }

    /// Tokens of a text that are read at most.
    pub fn longest(&self, wanted: usize) -> usize {
        wanted.min(self.max_position_embeddings)
    }
}

/// The weights by their names in the encoder.
pub(crate) fn weights(files: &Files) -> Result<HashMap<String, Tensor>> {
    let weights = files.weights()?;
    Ok(weights.into_iter().map(|(k, t)| (k.trim_start_matches("bert.").to_owned(), t)).collect())
}

impl Local {
    pub fn read(files: &Files) -> Result<Self> {
        let config = Config::read(files)?;
        let sentence: Option<Sentence> = files.json("sentence_bert_config.json")?;
        let longest = sentence.and_then(|s| s.max_seq_length).unwrap_or(LONGEST);
        let mut tokenizer = files.tokenizer()?;
        let truncation = TruncationParams { max_length: config.longest(longest), ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|e| files.wrong(e))?;
        let pooling: Pooling = files.json("1_Pooling/config.json")?.unwrap_or_default();
        let prompts: Prompts = files.json("config_sentence_transformers.json")?.unwrap_or_default();
        let before = |names: &[&str]| names.iter().find_map(|n| prompts.prompts.get(*n)).cloned().unwrap_or_default();
        let weights = weights(files)?;
        let encoder = Encoder::of(tokenizer, &config, &weights, pooling.pooling_mode_cls_token)
            .map_err(|e| files.wrong(format!("lacks weights: {e}")))?;
        Ok(Self {
            model: files.identity()?,
            encoder: Arc::new(encoder),
            pools: Arc::new(Pools::new()?),
            before: [before(&["query"]), before(&["passage", "document"])],
        })
    }
}

#[async_trait]
impl Embedder for Local {
    fn model(&self) -> &str {
        &self.model
    }

    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let texts: Vec<String> = texts.iter().map(|t| format!("{}{t}", self.before[1])).collect();
        let (encoder, pools) = (Arc::clone(&self.encoder), Arc::clone(&self.pools));
        run(move || pools.passages.install(|| encoder.vectors(&texts))).await
    }

    async fn query(&self, text: &str) -> Result<Vec<f32>> {
        let text = format!("{}{text}", self.before[0]);
        let (encoder, pools) = (Arc::clone(&self.encoder), Arc::clone(&self.pools));
        let mut vectors = run(move || pools.question.install(|| encoder.vectors(&[text]))).await?;
        Ok(vectors.pop().unwrap_or_default())
    }
}

/// Computes where it may block.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Io(format!("the embedding broke off: {e}")))?
}

impl Encoder {
    pub fn of(tokenizer: Tokenizer, config: &Config, all: &HashMap<String, Tensor>, first: bool) -> Computed<Self> {
        let get = |name: &str| tensor(all, name);
        let norm = |name: &str| -> Computed<Norm> {
            let (weight, bias) = (get(&format!("{name}.weight"))?, get(&format!("{name}.bias"))?);
            Ok(Norm { weight, bias, eps: config.layer_norm_eps as f32 })
        };
        let linear = |name: &str| Linear::of_weights(all, name);
        let layer = |n: usize| -> Computed<Layer> {
            let at = |part: &str| format!("encoder.layer.{n}.{part}");
            let scale = 1.0 / ((config.hidden_size / config.num_attention_heads) as f64).sqrt();
            let (query, key, value) = (
                linear(&at("attention.self.query"))?,
                linear(&at("attention.self.key"))?,
                linear(&at("attention.self.value"))?,
            );
            // The scale of the attention goes into the query's weights.
            let attention = Linear {
                weight: Tensor::cat(&[&(query.weight * scale)?, &key.weight, &value.weight], 1)?.contiguous()?,
                bias: Tensor::cat(&[&(query.bias * scale)?, &key.bias, &value.bias], 0)?,
            };
            Ok(Layer {
                attention,
                output: linear(&at("attention.output.dense"))?,
                attention_norm: norm(&at("attention.output.LayerNorm"))?,
                wide: linear(&at("intermediate.dense"))?,
                narrow: linear(&at("output.dense"))?,
                norm: norm(&at("output.LayerNorm"))?,
            })
        };
        // Most tokens are of the first kind: its vector is added once, here.
        let kinds = get("embeddings.token_type_embeddings.weight")?;
        let kind = kinds.narrow(0, 0, 1)?;
        let second = if kinds.dim(0)? > 1 { (kinds.narrow(0, 1, 1)? - &kind)? } else { kind.zeros_like()? };
        Ok(Self {
            tokenizer,
            words: get("embeddings.word_embeddings.weight")?,
            positions: get("embeddings.position_embeddings.weight")?.broadcast_add(&kind)?,
            second,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Computed<_>>()?,
            heads: config.num_attention_heads,
            first_token_only: first,
        })
    }

    /// The vectors of the texts, in their order.
    fn vectors(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut tokens = Vec::with_capacity(texts.len());
        for (n, text) in texts.iter().enumerate() {
            let encoding = self
                .tokenizer
                .encode_fast(text.as_str(), true)
                .map_err(|e| Error::Io(format!("a text cannot be cut into tokens: {e}")))?;
            tokens.push((n, encoding.get_ids().to_vec()));
        }
        tokens.sort_by_key(|(_, ids)| ids.len());
        let mut out = vec![Vec::new(); texts.len()];
        let mut start = 0;
        while start < tokens.len() {
            let mut sum = 0;
            let fits = tokens[start..].iter().take_while(|(_, ids)| {
                sum += ids.len();
                sum <= PACK
            });
            let end = start + fits.count().max(1);
            let pack: Vec<&[u32]> = tokens[start..end].iter().map(|(_, ids)| ids.as_slice()).collect();
            let vectors = self.forward(&pack).map_err(|e| Error::Io(format!("the embedding failed: {e}")))?;
            for ((n, _), vector) in tokens[start..end].iter().zip(vectors) {
                out[*n] = normalised(vector);
            }
            start = end;
        }
        Ok(out)
    }

    /// A vector for each text.
    fn forward(&self, texts: &[&[u32]]) -> Computed<Vec<Vec<f32>>> {
        let x = self.states(texts, None)?;
        let mut at = 0;
        let mut out = Vec::with_capacity(texts.len());
        for text in texts {
            let rows = x.narrow(0, at, text.len())?;
            let vector = if self.first_token_only { rows.get(0)? } else { rows.mean(0)? };
            out.push(vector.to_vec1()?);
            at += text.len();
        }
        Ok(out)
    }

    /// One pass over texts that are sorted by length; none is empty, since every one has its two marks. A row for each
    /// token, text by text. `second` says of each token of pairs whether it is of the second text, 0 or 1.
    pub fn states(&self, texts: &[&[u32]], second: Option<Vec<f32>>) -> Computed<Tensor> {
        let ids: Vec<u32> = texts.iter().flat_map(|t| t.iter().copied()).collect();
        let places: Vec<u32> = texts.iter().flat_map(|t| 0..t.len() as u32).collect();
        let all = ids.len();
        let ids = Tensor::from_vec(ids, all, &Device::Cpu)?;
        let places = Tensor::from_vec(places, all, &Device::Cpu)?;
        let mut x = (self.words.index_select(&ids, 0)? + self.positions.index_select(&places, 0)?)?;
        if let Some(second) = second {
            let second = Tensor::from_vec(second, (all, 1), &Device::Cpu)?;
            x = (x + second.matmul(&self.second)?)?;
        }
        let mut x = self.norm.of(&x)?;
        for layer in &self.layers {
            let attended = self.attend(&layer.attention.of(&x)?, texts)?;
            x = layer.attention_norm.of(&(x + layer.output.of(&attended)?)?)?;
            let wide = x.matmul(&layer.wide.weight)?;
            wide.inplace_op2(&layer.wide.bias, &BiasGelu)?;
            x = layer.norm.of(&(x + layer.narrow.of(&wide)?)?)?;
        }
        Ok(x)
    }

    /// What the tokens of each text make of each other.
    fn attend(&self, all: &Tensor, texts: &[&[u32]]) -> Computed<Tensor> {
        let width = all.dim(1)? / 3;
        let mut out = Vec::new();
        let (mut row, mut first) = (0, 0);
        while first < texts.len() {
            let length = texts[first].len();
            let run = texts[first..].iter().take_while(|t| t.len() == length).count();
            let part = |n: usize| -> Computed<Tensor> {
                let part = all.narrow(0, row, run * length)?.narrow(1, n * width, width)?;
                part.reshape((run, length, self.heads, width / self.heads))?.transpose(1, 2)?.contiguous()
            };
            let (query, key, value) = (part(0)?, part(1)?, part(2)?);
            let weights = candle_nn::ops::softmax_last_dim(&query.matmul(&key.transpose(D::Minus1, D::Minus2)?)?)?;
            out.push(weights.matmul(&value)?.transpose(1, 2)?.reshape((run * length, width))?);
            row += run * length;
            first += run;
        }
        Tensor::cat(&out, 0)
    }
}

impl Norm {
    fn of(&self, x: &Tensor) -> Computed<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

fn tensor(all: &HashMap<String, Tensor>, name: &str) -> Computed<Tensor> {
    all.get(name).cloned().ok_or_else(|| candle_core::Error::Msg(format!("there is no tensor {name}")))
}

impl Linear {
    pub fn of_weights(all: &HashMap<String, Tensor>, name: &str) -> Computed<Self> {
        let weight = tensor(all, &format!("{name}.weight"))?.t()?.contiguous()?;
        Ok(Self { weight, bias: tensor(all, &format!("{name}.bias"))? })
    }

    pub fn of(&self, x: &Tensor) -> Computed<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }

    /// How many numbers come out.
    pub fn labels(&self) -> Computed<usize> {
        self.weight.dim(1)
    }
}

/// Adds the bias to each row and applies GELU, in place.
struct BiasGelu;

impl InplaceOp2 for BiasGelu {
    fn name(&self) -> &'static str {
        "bias-gelu"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, at: &Layout, bias: &CpuStorage, _: &Layout) -> Computed<()> {
        let (CpuStorage::F32(x), CpuStorage::F32(bias)) = (x, bias) else { candle_core::bail!("bias-gelu is for f32") };
        let Some((from, to)) = at.contiguous_offsets() else { candle_core::bail!("bias-gelu is for contiguous rows") };
        x[from..to].par_chunks_exact_mut(bias.len()).with_min_len(16).for_each(|row| {
            for (v, b) in row.iter_mut().zip(bias.iter()) {
                *v = gelu(*v + b);
            }
        });
        Ok(())
    }
}

/// x Φ(x), with the error function of Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7): plain arithmetic that
/// the compiler turns into vector instructions.
fn gelu(x: f32) -> f32 {
    let z = (x * std::f32::consts::FRAC_1_SQRT_2).abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = ((((1.061_405_4 * t - 1.453_152_1) * t) + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6;
    let erf = 1.0 - poly * t * exp_of_negative(-z * z);
    0.5 * x * (1.0 + erf.copysign(x))
}

/// e^x for x of 0 and below, as 2^n · 2^f with a polynomial for the fraction.
fn exp_of_negative(x: f32) -> f32 {
    let scaled = x.max(-80.0) * std::f32::consts::LOG2_E;
    // Adding and taking away 1.5 · 2^23 rounds to a whole number.
    let magic = 12_582_912.0f32;
    let whole = (scaled + magic) - magic;
    let f = (scaled - whole) * std::f32::consts::LN_2;
    let poly = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    poly * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_as_exact_as_single_precision_allows() {
        for (x, expected) in [
            (0.0, 0.0),
            (1.0, 0.841_344_8),
            (-1.0, -0.158_655_3),
            (2.5, 2.484_475_8),
            (-3.0, -0.004_049_694),
            (12.0, 12.0),
            (-12.0, 0.0),
        ] {
            let got: f32 = gelu(x);
            assert!((got - expected).abs() < 1e-6, "gelu({x}) is {got}, not {expected}");
        }
    }
}
