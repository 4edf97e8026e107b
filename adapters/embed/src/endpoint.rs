//! Embeddings from an endpoint that speaks OpenAI's `POST /embeddings`: a hosted service or a server on this machine.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use stoa_ground::{Clock, Error, Result};
use stoa_learning::search::Embedder;

use crate::normalised;

/// Texts in one request.
const BATCH: usize = 64;
/// Characters of a text that are sent: models read no more.
const LONGEST: usize = 8_000;
/// The largest answer that is read, in bytes.
const LIMIT: usize = 64 << 20;
/// How long passages may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a question may take: somebody waits for it.
const HURRY: Duration = Duration::from_secs(3);
/// Tries for passages.
const TRIES: u32 = 4;

/// Where the endpoint is.
#[derive(Clone, Debug, Default)]
pub struct EndpointSettings {
    /// Up to and with the version, for example `https://api.example/v1`.
    pub base_url: String,
    /// Sent as bearer token when it is not empty.
    pub api_key: String,
    /// The model's name at the endpoint.
    pub model: String,
}

/// An endpoint.
pub struct Endpoint {
    settings: EndpointSettings,
    identity: String,
    client: Client,
    clock: Clock,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: usize,
    embedding: Vec<f32>,
}

/// Why a request failed.
struct Failed {
    why: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It may go better later.
    Passing,
    /// It is the texts.
    Refused,
    /// It is the endpoint, or how it is set up.
    Fault,
}

impl Endpoint {
    /// An endpoint reached by `client`, which knows proxy and certificates.
    #[must_use]
    pub fn new(settings: EndpointSettings, client: Client, clock: Clock) -> Self {
        let identity = format!("{}@{}", settings.model, settings.base_url.trim_end_matches('/'));
        Self { settings, identity, client, clock }
    }

    async fn ask(&self, texts: &[&str], patience: Duration) -> std::result::Result<Vec<Vec<f32>>, Failed> {
        let url = format!("{}/embeddings", self.settings.base_url.trim_end_matches('/'));
        let input: Vec<String> = texts.iter().map(|t| t.chars().take(LONGEST).collect()).collect();
        let body = serde_json::json!({ "model": self.settings.model, "input": input, "encoding_format": "float" });
        let mut request = self.client.post(url).timeout(patience).json(&body);
        if !self.settings.api_key.is_empty() {
            request = request.bearer_auth(&self.settings.api_key);
        }
        // The URL may hold a secret.
        let sent = |e: reqwest::Error| Failed { why: e.without_url().to_string(), kind: Kind::Passing };
        let mut response = request.send().await.map_err(sent)?;
        let status = response.status();
        if !status.is_success() {
            let kind = match status {
                StatusCode::TOO_MANY_REQUESTS => Kind::Passing,
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                    Kind::Refused
                }
                status if status.is_server_error() => Kind::Passing,
                _ => Kind::Fault,
            };
            return Err(Failed { why: format!("it answered {status}"), kind });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(sent)? {
            if bytes.len() + chunk.len() > LIMIT {
                return Err(Failed { why: "its answer is too large".into(), kind: Kind::Fault });
            }
            bytes.extend_from_slice(&chunk);
        }
        let wrong = |why: &str| Failed { why: why.to_owned(), kind: Kind::Fault };
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|_| wrong("its answer is not a list of embeddings"))?;
        let mut out = vec![Vec::new(); texts.len()];
        for row in answer.data {
            let place =
                out.get_mut(row.index).ok_or_else(|| wrong("it numbered an embedding that nobody asked for"))?;
            *place = normalised(row.embedding);
        }
        let length = out.first().map_or(0, Vec::len);
        if length == 0 || out.iter().any(|v| v.len() != length || v.iter().any(|x| !x.is_finite())) {
            return Err(wrong("it left out an embedding, or sent them with different lengths"));
        }
        Ok(out)
    }

    async fn ask_again(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let mut attempt = 1;
        loop {
            match self.ask(texts, PATIENCE).await {
                Ok(vectors) => return Ok(vectors),
                Err(failed) if failed.kind == Kind::Passing && attempt < TRIES => {
                    let random = self.clock.random()[0];
                    let wait = 500 * (1 << attempt) * (128 + u64::from(random)) / 256;
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    attempt += 1;
                }
                Err(failed) => return Err(self.failed(&failed)),
            }
        }
    }

    fn failed(&self, failed: &Failed) -> Error {
        let sentence = format!("the endpoint for embeddings ({}) failed: {}", self.settings.model, failed.why);
        if failed.kind == Kind::Refused { Error::Invalid(sentence) } else { Error::Io(sentence) }
    }
}

#[async_trait]
impl Embedder for Endpoint {
    fn model(&self) -> &str {
        &self.identity
    }

    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut out = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            out.extend(self.ask_again(&batch).await?);
        }
        Ok(out)
    }

    async fn query(&self, text: &str) -> Result<Vec<f32>> {
        let mut vectors = self.ask(&[text], HURRY).await.map_err(|e| self.failed(&e))?;
        Ok(vectors.pop().unwrap_or_default())
    }
}
