//! The endpoint as it is in life: streamed, at once, slow, busy, broken, refusing, and answering with what is no answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use stoa_http::Network;
use stoa_learning::answers::{Model, ModelError, Prompt, Spent};
use stoa_llm::{Endpoint, Options};

/// What the endpoint was asked: the key, and the body.
type Request = (Option<String>, Value);
/// Whether an error is the one that is meant.
type Meant = fn(&ModelError) -> bool;

#[derive(Clone)]
struct Played {
    status: StatusCode,
    kind: &'static str,
    chunks: Vec<&'static str>,
    /// Busy so many times first.
    busy: usize,
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Option<Request>>>,
}

impl Played {
    fn new(kind: &'static str, chunks: &[&'static str]) -> Self {
        Self {
            status: StatusCode::OK,
            kind,
            chunks: chunks.to_vec(),
            busy: 0,
            calls: Arc::default(),
            seen: Arc::default(),
        }
    }

    fn stream(chunks: &[&'static str]) -> Self {
        Self::new("text/event-stream; charset=utf-8", chunks)
    }

    async fn open(&self) -> Endpoint {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let options =
            Options { base_url, api_key: Some("sesame".into()), model: "small".into(), network: Network::default() };
        Endpoint::new(&options).unwrap()
    }

    async fn ask(&self) -> (Result<Spent, ModelError>, String) {
        let endpoint = self.open().await;
        let prompt = Prompt { rules: "rules".into(), data: "data".into(), max_tokens: 7 };
        let mut text = String::new();
        let result = endpoint.ask(&prompt, &mut |piece| text.push_str(piece)).await;
        (result, text)
    }
}

async fn answer(State(played): State<Played>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let call = played.calls.fetch_add(1, Ordering::SeqCst);
    let key = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
    *played.seen.lock().unwrap() = Some((key, body));
    if call < played.busy {
        let busy = Response::builder().status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "0");
        return busy.body(Body::empty()).unwrap();
    }
    let chunks = played.chunks.iter().map(|c| Ok::<_, std::io::Error>(Bytes::from_static(c.as_bytes())));
    let body = Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
    Response::builder().status(played.status).header("content-type", played.kind).body(body).unwrap()
}

const HELLO: [&str; 4] = [
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\ndata: {\"choices\":[{\"del",
    "ta\":{\"content\":\"Send it\"}}]}\n\n: ping\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\". [1]\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
];

#[tokio::test]
async fn a_streamed_answer_is_heard_piece_by_piece_and_its_tokens_are_counted() {
    let played = Played::stream(&HELLO);
    let (result, text) = played.ask().await;
    assert_eq!((result, text.as_str()), (Ok(Spent { tokens: 42 }), "Send it. [1]"));
    let (key, body) = played.seen.lock().unwrap().take().unwrap();
    assert_eq!(key.as_deref(), Some("Bearer sesame"));
    assert_eq!((&body["model"], &body["max_tokens"], &body["stream"]), (&"small".into(), &7.into(), &true.into()));
    assert_eq!(body["messages"][1], serde_json::json!({ "role": "user", "content": "data" }));
    assert!(body.get("tools").is_none(), "a model is given no tools");
}

#[tokio::test]
async fn an_answer_at_once_is_taken_as_well() {
    let whole = "{\"choices\":[{\"message\":{\"content\":\"Send it. [1]\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";
    let (result, text) = Played::new("application/json", &[whole]).ask().await;
    assert_eq!((result, text.as_str()), (Ok(Spent { tokens: 2 }), "Send it. [1]"));
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_once_more_and_no_oftener() {
    let once = Played { busy: 1, ..Played::stream(&HELLO) };
    assert!(once.ask().await.0.is_ok());
    assert_eq!(once.calls.load(Ordering::SeqCst), 2);
    let always = Played { busy: 9, ..Played::stream(&HELLO) };
    assert!(matches!(always.ask().await.0, Err(ModelError::Failed(_))));
    assert_eq!(always.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_answer_is_named_and_never_shown_as_one() {
    let event = |data: &'static str| Played::stream(&[data]);
    let cases: Vec<(&str, Played, Meant)> = vec![
        ("a page", Played::new("text/html", &["<html>Sign in</html>"]), |e| matches!(e, ModelError::Strange(_))),
        ("an error", Played { status: StatusCode::UNAUTHORIZED, ..Played::stream(&HELLO) }, |e| {
            matches!(e, ModelError::Failed(_)) && !e.to_string().contains("sesame")
        }),
        ("an error in the stream", event("data: {\"error\":{\"message\":\"x\"}}\n\n"), |e| {
            matches!(e, ModelError::Failed(_))
        }),
        (
            "a tool",
            event("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"mail\"}}]}}]}\n\n"),
            |e| matches!(e, ModelError::Strange(_)),
        ),
        ("a refusal", event("data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot\"}}]}\n\n"), |e| {
            *e == ModelError::Refused
        }),
        ("a filter", event("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n"), |e| {
            *e == ModelError::Refused
        }),
        ("nothing", event("data: [DONE]\n\n"), |e| *e == ModelError::Empty),
        ("half of it", event("data: {\"choices\":[{\"delta\":{\"content\":\"Send\"}}]}\n\n"), |e| {
            matches!(e, ModelError::Failed(_))
        }),
        ("no JSON", event("data: hello\n\n"), |e| matches!(e, ModelError::Strange(_))),
        ("JSON of another kind", Played::new("application/json", &["[1]"]), |e| matches!(e, ModelError::Strange(_))),
        ("an empty whole", Played::new("application/json", &["{\"choices\":[]}"]), |e| *e == ModelError::Empty),
    ];
    for (name, played, expected) in cases {
        let (result, _) = played.ask().await;
        assert!(result.as_ref().is_err_and(expected), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_a_failure_with_a_sentence() {
    let options = Options {
        base_url: "http://127.0.0.1:9/v1".into(),
        api_key: None,
        model: "small".into(),
        network: Network::default(),
    };
    let prompt = Prompt { rules: String::new(), data: String::new(), max_tokens: 1 };
    let said = Endpoint::new(&options).unwrap().ask(&prompt, &mut |_| {}).await;
    assert_eq!(said.unwrap_err().to_string(), "the language model's endpoint: it cannot be reached");
    let wrong = Options { base_url: "ftp://x".into(), ..options };
    assert!(Endpoint::new(&wrong).is_err_and(|e| e.to_string().contains("[llm] base_url")));
}
