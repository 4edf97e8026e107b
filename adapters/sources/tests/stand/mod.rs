//! A server that answers as a test says, and remembers what it was asked.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it, and may panic")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use stoa_ground::Db;
use stoa_learning::library::{self, Document, Passage, SourceReader, SourceSettings, SyncReport};
use stoa_sources::Pace;

pub const FAST: Pace =
    Pace { between: Duration::ZERO, after_failure: Duration::from_millis(2), patience: Duration::ZERO };

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, media: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".into(), media.into())], body: body.into() }
    }

    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/html", body)
    }

    pub fn json(value: &serde_json::Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    pub fn status(status: u16) -> Self {
        Self::new(status, "text/plain", "")
    }

    pub fn redirect(to: &str) -> Self {
        Self::status(302).with("location", to)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Inner {
    replies: HashMap<String, VecDeque<Reply>>,
    otherwise: Option<Reply>,
    asked: Vec<Asked>,
}

/// The server.
#[derive(Clone)]
pub struct Stand {
    pub base: String,
    inner: Arc<Mutex<Inner>>,
}

impl Stand {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stand = Self { base, inner: Arc::default() };
        let router = Router::new().fallback(answer).with_state(stand.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand
    }

    /// What is answered for a path with its query.
    pub fn at(&self, path: &str, reply: Reply) {
        self.in_turn(path, vec![reply]);
    }

    /// What is answered one after the other; the last one stays.
    pub fn in_turn(&self, path: &str, replies: Vec<Reply>) {
        self.inner.lock().unwrap().replies.insert(path.into(), replies.into());
    }

    pub fn take_away(&self, path: &str) {
        self.inner.lock().unwrap().replies.remove(path);
    }

    /// What is answered to everything, whatever is set for a path.
    pub fn always(&self, reply: Option<Reply>) {
        self.inner.lock().unwrap().otherwise = reply;
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.inner.lock().unwrap().asked)
    }

    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|a| a.path).collect()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

async fn answer(State(stand): State<Stand>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut inner = stand.inner.lock().unwrap();
    inner.asked.push(Asked { path: path.clone(), headers: parts.headers.clone(), body: body.to_vec() });
    let set = match inner.replies.get_mut(&path) {
        Some(replies) if replies.len() > 1 => replies.pop_front(),
        Some(replies) => replies.front().cloned(),
        None => None,
    };
    let reply = inner.otherwise.clone().or(set).unwrap_or_else(|| Reply::status(404));
    let unchanged = reply.headers.iter().any(|(n, v)| {
        n == "etag" && parts.headers.get("if-none-match").is_some_and(|asked| asked.as_bytes() == v.as_bytes())
    });
    let mut response = Response::builder().status(if unchanged { 304 } else { reply.status });
    for (name, value) in &reply.headers {
        response = response.header(name, value.replace("{base}", &stand.base));
    }
    let body = match std::str::from_utf8(&reply.body) {
        Ok(text) => text.replace("{base}", &stand.base).replace("{path}", &path).into_bytes(),
        Err(_) => reply.body.clone(),
    };
    let body = if unchanged { Body::empty() } else { Body::from(body) };
    response.body(body).unwrap_or_else(|_| {
        let mut failed = Response::new(Body::empty());
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

pub fn settings(name: &str, kind: &str, readers: &[&str]) -> SourceSettings {
    let readers = readers.iter().map(|r| (*r).to_owned()).collect();
    SourceSettings { name: name.into(), kind: kind.into(), readers, verified: true, external: false }
}

pub async fn sync(db: &Db, source: &dyn SourceReader) -> SyncReport {
    library::sync(db, source, &|_| {}).await.unwrap()
}

/// New, changed, unchanged, gone.
pub fn counts(r: &SyncReport) -> (usize, usize, usize, usize) {
    (r.added, r.changed, r.unchanged, r.removed)
}

/// The documents that stand.
pub async fn documents(db: &Db) -> Vec<Document> {
    let mut all = db.read(|conn| async move { library::documents(&conn).await }).await.unwrap();
    all.retain(|d| d.status != library::Status::Retired);
    all
}

pub async fn passages(db: &Db, location: &str) -> Vec<Passage> {
    let Some(document) = documents(db).await.into_iter().find(|d| d.location == location) else { return Vec::new() };
    let id = document.id.as_str();
    db.read(|conn| async move { library::passages_of(&conn, id).await }).await.unwrap()
}

/// The words of a document.
pub async fn text(db: &Db, location: &str) -> String {
    passages(db, location).await.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n")
}
