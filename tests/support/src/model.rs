//! A language model behind the interface that OpenAI's servers have: it says the first half of its answer at once and the
//! second when it may.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt as _;
use serde_json::json;
use stoa_ground::clock::monotonic;
use tokio::sync::Semaphore;

/// A running model. It ends with its value.
pub struct Model {
    url: String,
    says: Says,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Says {
    halves: (String, String),
    goes_on: Arc<Semaphore>,
    begun: Arc<Mutex<Vec<Instant>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// Opens one that always says this.
    pub async fn open(first: &str, second: &str) -> Result<Self> {
        let halves = (first.to_owned(), second.to_owned());
        let says = Says { halves, goes_on: Arc::new(Semaphore::new(0)), begun: Arc::default(), asked: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(says.clone());
        // An error ends the model, and the test notices.
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, says, task })
    }

    /// The section `[llm]` of the configuration.
    #[must_use]
    pub fn configuration(&self) -> String {
        format!("[llm]\nbase_url = \"{}\"\nchat_model = \"small\"\n", self.url)
    }

    /// So many answers may be ended.
    pub fn goes_on(&self, answers: usize) {
        self.says.goes_on.add_permits(answers);
    }

    /// From now on answers wait again to be ended.
    pub fn waits(&self) {
        self.says.goes_on.forget_permits(self.says.goes_on.available_permits());
    }

    /// What it was asked, as it came.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.says.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When each answer was begun.
    #[must_use]
    pub fn begun(&self) -> Vec<Instant> {
        self.says.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(says): State<Says>, asked: String) -> Response {
    says.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let piece = |text: &str| {
        let said = json!({ "choices": [{ "delta": { "content": text } }] });
        Ok::<_, std::io::Error>(Bytes::from(format!("data: {said}\n\n")))
    };
    let (first, second) = (piece(&says.halves.0), piece(&says.halves.1));
    let begins = async move {
        says.begun.lock().unwrap_or_else(PoisonError::into_inner).push(monotonic());
        first
    };
    let ends = async move {
        if let Ok(may) = says.goes_on.acquire().await {
            may.forget();
        }
        second
    };
    let end = Ok(Bytes::from_static(b"data: [DONE]\n\n"));
    let said = futures_util::stream::once(begins)
        .chain(futures_util::stream::once(ends))
        .chain(futures_util::stream::iter([end]));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(said)).into_response()
}
