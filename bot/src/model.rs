//! The model of embeddings that the configuration names, if it names one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_embed::{Endpoint, EndpointSettings};
use stoa_ground::Clock;
use stoa_learning::search::{Embedder, Reranker};

use crate::config::{Config, Network, secret};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Where `stoa model install` puts models.
pub fn models_dir(config: &Config) -> PathBuf {
    config.data.dir.join("models")
}

/// The folder of the local model: the configured one, else the one that is installed, where there is exactly one.
pub fn model_dir(config: &Config) -> Option<PathBuf> {
    if let Some(dir) = &config.search.model_dir {
        return Some(dir.clone());
    }
    let installed = std::fs::read_dir(models_dir(config)).ok()?;
    let mut folders = installed
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.join("config.json").is_file() && p.join("tokenizer.json").is_file());
    match (folders.next(), folders.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The model, ready to be used: from a folder, else from the endpoint of `[llm]`; none when neither is configured.
pub fn embedder(config: &Config, clock: &Clock) -> Result<Option<Arc<dyn Embedder>>> {
    if let Some(dir) = model_dir(config) {
        return stoa_embed::open(&dir).map(Some).context("[search] model_dir");
    }
    let llm = &config.llm;
    if llm.base_url.is_empty() || llm.embedding_model.is_empty() {
        return Ok(None);
    }
    let settings = EndpointSettings {
        base_url: llm.base_url.clone(),
        api_key: secret("[llm] api_key", llm.api_key.as_deref(), llm.api_key_file.as_deref())?,
        model: llm.embedding_model.clone(),
    };
    Ok(Some(Arc::new(Endpoint::new(settings, client(&config.network)?, clock.clone()))))
}

/// The cross-encoder that is configured, ready to be used.
pub fn reranker(config: &Config) -> Result<Option<Arc<dyn Reranker>>> {
    let dir = config.search.reranker_dir.as_deref();
    dir.map(|dir| stoa_embed::open_reranker(dir).context("[search] reranker_dir")).transpose()
}

/// A client for requests to the outside, by `[network]`.
pub fn client(network: &Network) -> Result<reqwest::Client> {
    Ok(network.outside()?.build(reqwest::Client::builder().connect_timeout(CONNECT))?)
}
