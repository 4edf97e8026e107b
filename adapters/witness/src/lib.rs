//! Witnesses of the log over HTTP (C2SP tlog-witness): they remember the newest checkpoint they have seen and sign one that
//! continues it.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{StatusCode, header};
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::evidence::{Asked, Witness};

/// How long a request may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// Asks witnesses over HTTP.
pub struct HttpWitness {
    http: reqwest::Client,
}

impl HttpWitness {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When proxy or certificates cannot be used.
    pub fn new(network: &Network) -> Result<Self> {
        Ok(Self { http: network.client(PATIENCE / 2, Some(PATIENCE))? })
    }
}

#[async_trait]
impl Witness for HttpWitness {
    async fn add_checkpoint(&self, url: &str, body: String) -> Result<Asked> {
        let said = |e: reqwest::Error| Error::Io(format!("it could not be reached: {}", e.without_url()));
        let mut answer = self
            .http
            .post(format!("{url}/add-checkpoint"))
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(body)
            .send()
            .await
            .map_err(said)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(said)? {
            if bytes.len() + chunk.len() > ANSWER {
                return Err(Error::invalid("its answer is too long"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes).map_err(|_| Error::invalid("its answer is no text"))?;
        match status {
            StatusCode::OK => Ok(Asked::Signed(text)),
            StatusCode::CONFLICT => {
                let size =
                    text.trim().parse().map_err(|_| Error::invalid("it refuses, and does not say what it knows"))?;
                Ok(Asked::Knows(size))
            }
            StatusCode::NOT_FOUND => Err(Error::invalid("it does not know this log: have it registered there")),
            StatusCode::FORBIDDEN => Err(Error::invalid("it does not trust the key of this log")),
            other => Err(Error::Io(format!("it answers {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::post;

    #[tokio::test]
    async fn what_a_witness_answers_is_understood() {
        let signs = |body: String| async move {
            assert!(body.starts_with("old 0\n"));
            "— w.example AAAAAAA=\n"
        };
        let router = Router::new()
            .route("/good/add-checkpoint", post(signs))
            .route("/other/add-checkpoint", post(|| async { (StatusCode::CONFLICT, "7\n") }))
            .route("/stranger/add-checkpoint", post(|| async { StatusCode::FORBIDDEN }))
            .route("/endless/add-checkpoint", post(|| async { "x".repeat(ANSWER + 1) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let witness = HttpWitness::new(&Network::default()).unwrap();
        let ask = |who: &'static str| {
            let witness = &witness;
            async move { witness.add_checkpoint(&format!("http://{at}/{who}"), "old 0\n\nx".into()).await }
        };
        assert_eq!(ask("good").await.unwrap(), Asked::Signed("— w.example AAAAAAA=\n".into()));
        assert_eq!(ask("other").await.unwrap(), Asked::Knows(7));
        assert!(ask("stranger").await.unwrap_err().to_string().contains("does not trust"));
        assert!(ask("nobody").await.unwrap_err().to_string().contains("does not know"));
        assert!(ask("endless").await.unwrap_err().to_string().contains("too long"));
    }
}
