//! A language model behind any endpoint that speaks the chat completions protocol (`POST <base_url>/chat/completions`),
//! streamed as server-sent events or answered at once.
//!
//! Nothing that comes back is trusted: it is bounded in size and time, must have the shape of an answer, and is handed on
//! as text and nothing else.

mod answer;
mod events;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Response, StatusCode, Url, header};
use serde_json::json;
use stoa_ground::clock::noise;
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::answers::{Model, ModelError, Prompt, Spent};

use answer::{Heard, Whole};
use events::Events;

/// How long the endpoint may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may say nothing, before its first word and between two of them.
const SILENCE: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read.
const LONGEST: usize = 1024 * 1024;
/// How long a busy endpoint is waited for before it is asked a second and last time, at least; and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What the configuration says about the model.
#[derive(Clone)]
pub struct Options {
    /// The address of the interface, for example `https://llm.example.org/v1`.
    pub base_url: String,
    /// The key, if the endpoint wants one.
    pub api_key: Option<String>,
    /// The name of the model there.
    pub model: String,
    /// The way to the endpoint.
    pub network: Network,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("base_url", &self.base_url).field("model", &self.model).finish_non_exhaustive()
    }
}

/// A model at an endpoint.
pub struct Endpoint {
    http: reqwest::Client,
    url: Url,
    key: Option<header::HeaderValue>,
    model: String,
}

impl Endpoint {
    /// A model; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key of the configuration that is wrong.
    pub fn new(options: &Options) -> Result<Self> {
        let wrong = |what: &str, e: &dyn std::fmt::Display| Error::invalid(format!("{what}: {e}"));
        let mut url = Url::parse(&options.base_url).map_err(|e| wrong("[llm] base_url", &e))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("[llm] base_url", &"it must start with https:// or http://"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["chat", "completions"]);
        }
        let key = match &options.api_key {
            None => None,
            Some(key) => {
                let mut value = header::HeaderValue::from_str(&format!("Bearer {key}"))
                    .map_err(|_| wrong("[llm] api_key", &"it has characters that a key cannot have"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = options.network.client(CONNECT, None)?;
        Ok(Self { http, url, key, model: options.model.clone() })
    }

    /// Sends the request; a busy endpoint is asked twice.
    async fn send(&self, prompt: &Prompt) -> std::result::Result<Response, ModelError> {
        let body = json!({
            "model": self.model,
            "messages": [
                { "role": "system", "content": prompt.rules },
                { "role": "user", "content": prompt.data },
            ],
            "max_tokens": prompt.max_tokens,
            "temperature": 0,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        let ask = || async {
            let mut request = self.http.post(self.url.clone()).header(header::ACCEPT, "text/event-stream").json(&body);
            if let Some(key) = &self.key {
                request = request.header(header::AUTHORIZATION, key);
            }
            match tokio::time::timeout(SILENCE, request.send()).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(e)) => Err(failed(&e)),
                Err(_) => Err(ModelError::Slow),
            }
        };
        let response = ask().await?;
        let busy = matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY
        );
        if !busy {
            return Ok(response);
        }
        let asked = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let wait = asked.map_or(AGAIN.0, Duration::from_secs);
        if wait > AGAIN.1 {
            return Ok(response);
        }
        tokio::time::sleep(wait.max(AGAIN.0) + Duration::from_millis(noise() % 200)).await;
        ask().await
    }
}

#[async_trait]
impl Model for Endpoint {
    async fn ask(
        &self,
        prompt: &Prompt,
        heard: &mut (dyn for<'s> FnMut(&'s str) + Send),
    ) -> std::result::Result<Spent, ModelError> {
        let response = self.send(prompt).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(ModelError::Failed(format!("the language model's endpoint answered {status}")));
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let spent = match kind.as_str() {
            "text/event-stream" => streamed(response, heard).await?,
            "application/json" => at_once(response, heard).await?,
            other => return Err(ModelError::Strange(format!("the endpoint answered with '{other}'"))),
        };
        Ok(spent.unwrap_or_default())
    }
}

async fn streamed(
    mut response: Response,
    heard: &mut (dyn for<'s> FnMut(&'s str) + Send),
) -> std::result::Result<Option<Spent>, ModelError> {
    let (mut events, mut read, mut answer) = (Events::default(), 0, Heard::default());
    while let Some(chunk) = next(&mut response).await? {
        read += chunk.len();
        if read > LONGEST {
            return Err(ModelError::Strange("its answer is longer than any answer may be".into()));
        }
        for data in events.take(&chunk)? {
            if let Some(piece) = answer.event(&data)? {
                heard(&piece);
            }
            if answer.is_done() {
                return answer.end();
            }
        }
    }
    answer.end()
}

async fn at_once(
    mut response: Response,
    heard: &mut (dyn for<'s> FnMut(&'s str) + Send),
) -> std::result::Result<Option<Spent>, ModelError> {
    let mut body = Vec::new();
    while let Some(chunk) = next(&mut response).await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(ModelError::Strange("its answer is longer than any answer may be".into()));
        }
    }
    let (text, spent) = Whole::read(&body)?;
    heard(&text);
    Ok(spent)
}

async fn next(
    response: &mut Response,
) -> std::result::Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]>>, ModelError> {
    match tokio::time::timeout(SILENCE, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(e)) => Err(failed(&e)),
        Err(_) => Err(ModelError::Slow),
    }
}

/// What went wrong, without the address: it may hold a key.
fn failed(e: &reqwest::Error) -> ModelError {
    if e.is_timeout() {
        return ModelError::Slow;
    }
    let what = if e.is_connect() { "it cannot be reached" } else { "the connection broke" };
    ModelError::Failed(format!("the language model's endpoint: {what}"))
}
