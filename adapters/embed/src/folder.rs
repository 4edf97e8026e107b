//! The files of a model's folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use stoa_ground::{Error, Result};
use tokenizers::Tokenizer;

/// The weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// What else a model may need, by path in the folder.
pub(crate) const OTHERS: &[&str] = &[
    "config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub fn of(dir: &Path) -> Result<Self> {
        let files = Self { dir: dir.to_owned() };
        for needed in [WEIGHTS, "config.json", "tokenizer.json"] {
            if !dir.join(needed).is_file() {
                return Err(files.wrong(format!("has no {needed}")));
            }
        }
        Ok(files)
    }

    pub fn wrong(&self, why: impl std::fmt::Display) -> Error {
        Error::invalid(format!("the model in {} cannot be used: it {why}", self.dir.display()))
    }

    /// A JSON file; none when it is not there.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.dir.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let text =
            std::fs::read_to_string(&path).map_err(|e| self.wrong(format!("has a {name} that cannot be read: {e}")))?;
        serde_json::from_str(&text).map(Some).map_err(|e| self.wrong(format!("has a {name} that cannot be read: {e}")))
    }

    /// Whether the config names no kind of network: then the weights are a table of word vectors.
    pub fn is_static(&self) -> Result<bool> {
        let config: serde_json::Value = self.json("config.json")?.unwrap_or_default();
        let kind = config.get("model_type").and_then(serde_json::Value::as_str).unwrap_or_default();
        match kind {
            "model2vec" => Ok(true),
            "bert" => Ok(false),
            "" if config.get("hidden_size").is_none() => Ok(true),
            other => Err(self.wrong(format!("is of the kind '{other}'; this version knows: bert, model2vec"))),
        }
    }

    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let mut tokenizer = Tokenizer::from_file(self.dir.join("tokenizer.json"))
            .map_err(|e| self.wrong(format!("has a tokenizer.json that cannot be read: {e}")))?;
        tokenizer.with_padding(None);
        Ok(tokenizer)
    }

    pub fn weights(&self) -> Result<HashMap<String, Tensor>> {
        let tensors = candle_core::safetensors::load(self.dir.join(WEIGHTS), &Device::Cpu)
            .map_err(|e| self.wrong(format!("has a {WEIGHTS} that cannot be read: {e}")))?;
        let float = |(name, t): (String, Tensor)| {
            let t = if t.dtype().is_float() { t.to_dtype(DType::F32) } else { Ok(t) };
            t.map(|t| (name, t)).map_err(|e| self.wrong(e))
        };
        tensors.into_iter().map(float).collect()
    }

    /// What tells this model's vectors from another's: the folder's name and a digest of the weights.
    pub fn identity(&self) -> Result<String> {
        let name = self.dir.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Ok(format!("{name}@{}", &digest(&self.dir.join(WEIGHTS))?[..16]))
    }
}

/// SHA-256 of a file, hex.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::Io(format!("{} cannot be read: {e}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    Ok(stoa_ground::hex(digest.finalize().iter()))
}
