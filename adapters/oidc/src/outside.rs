//! Requests to the provider: bounded in time and size, and repeated only where that does no harm.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::http::{Method, Response};
use openidconnect::{HttpRequest, HttpResponse};
use stoa_ground::Result;
use stoa_ground::clock::noise;
use stoa_http::Network;

/// How long the provider may take to accept a connection, and for an answer in all.
const CONNECT: Duration = Duration::from_secs(3);
const WHOLE: Duration = Duration::from_secs(6);
/// The most bytes of an answer.
const LONGEST: usize = 512 * 1024;
/// How often what only reads is asked for.
const TRIES: usize = 3;
/// The least pause between two of them.
const PAUSE: Duration = Duration::from_millis(150);

/// Why no answer came, as the end of a sentence about the provider. Addresses and bodies are not in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(pub String);

/// An answer that comes.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Trouble>> + Send>>;

/// The way to the provider.
#[derive(Clone)]
pub(crate) struct Outside(reqwest::Client);

impl Outside {
    pub fn new(network: &Network) -> Result<Self> {
        Ok(Self(network.client(CONNECT, Some(WHOLE))?))
    }

    /// What the library calls. Its futures borrow nothing, so that they can be awaited wherever.
    pub fn client(&self) -> impl Fn(HttpRequest) -> Answer + Send + Sync + 'static {
        let outside = self.clone();
        move |request| {
            let outside = outside.clone();
            Box::pin(async move { outside.call(request).await })
        }
    }

    /// Sends a request. What only reads is tried again when the connection fails or the provider has trouble; the rest, and
    /// what took too long, is not.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, Trouble> {
        let tries = if request.method() == Method::GET { TRIES } else { 1 };
        let mut tried = 1;
        loop {
            let again = match self.once(request.clone()).await {
                Ok(answer) if !answer.status().is_server_error() => return Ok(answer),
                Ok(answer) => Trouble(format!("it answers {}", answer.status())),
                Err((trouble, false)) => return Err(trouble),
                Err((trouble, true)) => trouble,
            };
            if tried == tries {
                return Err(again);
            }
            tried += 1;
            tokio::time::sleep(PAUSE + Duration::from_millis(noise() % 100)).await;
        }
    }

    /// One request; with a failure whether another one may go better.
    async fn once(&self, request: HttpRequest) -> Result<HttpResponse, (Trouble, bool)> {
        let failed = |e: &reqwest::Error| {
            let why = match e {
                e if e.is_timeout() => format!("it does not answer within {} seconds", WHOLE.as_secs()),
                e if e.is_connect() => "it cannot be reached".to_owned(),
                _ => "the connection broke".to_owned(),
            };
            (Trouble(why), !e.is_timeout())
        };
        let request = reqwest::Request::try_from(request).map_err(|e| failed(&e))?;
        let mut answer = self.0.execute(request).await.map_err(|e| failed(&e))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| failed(&e))? {
            if body.len() + chunk.len() > LONGEST {
                return Err((Trouble("its answer is longer than any answer may be".into()), false));
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = Response::new(body);
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}
