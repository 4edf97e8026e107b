//! The chat behind a bridge, as it is described in `docs/bridge.md`: it keeps every message that it is sent, counts how
//! often each delivery arrives, and can fail in every way that a chat can.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use stoa_bridge::{SIGNATURE, Secret, TIMESTAMP};
use stoa_ground::clock;
use tokio::sync::watch;

use crate::script::lock;

/// How the far end behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It does what it is asked for.
    #[default]
    Good,
    /// It answers 500; every other message is posted all the same.
    Failing,
    /// It answers 429 and asks for a second of patience.
    Busy,
    /// It does not answer; every other message is posted all the same.
    Silent,
}

/// A message as it arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Post {
    /// Its id here.
    pub id: String,
    /// The delivery key.
    pub key: String,
    /// The conversation.
    pub channel: String,
    /// Its text now.
    pub text: String,
    /// Its buttons now: label and command line.
    pub buttons: Vec<(String, String)>,
    /// How often it was edited.
    pub edits: usize,
}

#[derive(Default)]
struct Kept {
    posts: Vec<Post>,
    /// The first post of each delivery key, and how often it was posted.
    keys: BTreeMap<String, (usize, usize)>,
    requests: usize,
    forged: Vec<String>,
}

/// A running chat on a port of its own. It ends with its value.
pub struct FarEnd {
    /// Its address, for `api_url`.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    mood: Arc<watch::Sender<Mood>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Chamber {
    secret: Secret,
    kept: Arc<Mutex<Kept>>,
    mood: Arc<watch::Sender<Mood>>,
}

impl FarEnd {
    /// Opens the chat. Requests must be signed with `secret`.
    pub async fn open(secret: &str) -> Result<Self> {
        let (kept, mood) = (Arc::<Mutex<Kept>>::default(), Arc::new(watch::Sender::new(Mood::Good)));
        let chamber = Chamber { secret: Secret::from(secret.to_owned()), kept: kept.clone(), mood: mood.clone() };
        let router = Router::new()
            .route("/api/messages", post(create).get(find))
            .route("/api/messages/{id}", put(edit))
            .route("/api/direct", post(direct))
            .route("/api/threads", get(thread))
            .route("/api/channels/{id}", get(reads))
            .with_state(chamber);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/api", listener.local_addr()?);
        // An error ends the chat, and the test notices.
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, kept, mood, task })
    }

    /// Changes how it behaves. Whoever waits for an answer gets none.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Every message that stands in the chat.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.kept).posts.clone()
    }

    /// How often each delivery was posted.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        lock(&self.kept).keys.iter().map(|(key, (_, times))| (key.clone(), *times)).collect()
    }

    /// How many requests came in.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.kept).requests
    }

    /// What was wrong with the signatures of requests.
    #[must_use]
    pub fn forged(&self) -> Vec<String> {
        lock(&self.kept).forged.clone()
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Chamber {
    /// Checks the signature; then does what is asked for, in its mood. `f` posts or changes nothing where it fails.
    async fn answer(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        posts: bool,
        f: impl FnOnce(&mut Kept) -> Response,
    ) -> Response {
        let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if let Err(why) = self.secret.verify(clock::wall(), value(TIMESTAMP), value(SIGNATURE), body) {
            lock(&self.kept).forged.push(why);
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let mood = *self.mood.borrow();
        let done = {
            let mut kept = lock(&self.kept);
            kept.requests += 1;
            let half = posts && kept.requests.is_multiple_of(2);
            (mood == Mood::Good || half && mood != Mood::Busy).then(|| f(&mut kept))
        };
        match (mood, done) {
            (Mood::Good, Some(done)) => done,
            (Mood::Busy, _) => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response(),
            (Mood::Silent, _) => {
                let mut watched = self.mood.subscribe();
                // Until the mood changes; then the connection breaks without an answer.
                let _ = watched.wait_for(|mood| *mood != Mood::Silent).await;
                StatusCode::BAD_GATEWAY.into_response()
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The buttons of a message.
fn buttons(message: &Value) -> Vec<(String, String)> {
    let blocks = message["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let buttons = blocks.iter().filter_map(|block| block["buttons"].as_array()).flatten();
    buttons.map(|button| (text(&button["label"]), text(&button["command"]))).collect()
}

async fn create(State(chamber): State<Chamber>, headers: HeaderMap, body: Bytes) -> Response {
    chamber
        .answer(&headers, &body, true, |kept| {
            let Ok(sent) = serde_json::from_slice::<Value>(&body) else {
                return StatusCode::BAD_REQUEST.into_response();
            };
            let key = text(&sent["key"]);
            if headers.get("idempotency-key").and_then(|v| v.to_str().ok()) != Some(&key) {
                return (StatusCode::BAD_REQUEST, "no Idempotency-Key").into_response();
            }
            let (at, id) = (kept.posts.len(), format!("m{}", kept.posts.len() + 1));
            let channel = text(&sent["place"]["channel"]);
            let (text, buttons) = (text(&sent["text"]), buttons(&sent["message"]));
            kept.posts.push(Post { id: id.clone(), key: key.clone(), channel, text, buttons, edits: 0 });
            kept.keys.entry(key).or_insert((at, 0)).1 += 1;
            (StatusCode::CREATED, Json(json!({ "id": id }))).into_response()
        })
        .await
}

async fn edit(State(chamber): State<Chamber>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    chamber
        .answer(&headers, &body, true, |kept| {
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            let at = id.strip_prefix('m').and_then(|n| n.parse::<usize>().ok()?.checked_sub(1));
            match at.and_then(|at| kept.posts.get_mut(at)) {
                Some(post) => {
                    post.text = text(&sent["text"]);
                    post.buttons = buttons(&sent["message"]);
                    post.edits += 1;
                    StatusCode::NO_CONTENT.into_response()
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        })
        .await
}

async fn find(
    State(chamber): State<Chamber>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    chamber
        .answer(&headers, b"", false, |kept| {
            let at = query.get("key").and_then(|key| kept.keys.get(key));
            match at.and_then(|(at, _)| kept.posts.get(*at)) {
                Some(post) => Json(json!({ "id": post.id })).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        })
        .await
}

/// Everybody has a conversation with the bot; users whose id begins with `gone` have none.
async fn direct(State(chamber): State<Chamber>, headers: HeaderMap, body: Bytes) -> Response {
    chamber
        .answer(&headers, &body, false, |_| {
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            match asked["account"]["user"].as_str() {
                Some(user) if !user.starts_with("gone") => {
                    Json(json!({ "channel": format!("dm-{user}") })).into_response()
                }
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        })
        .await
}

async fn thread(
    State(chamber): State<Chamber>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    chamber
        .answer(&headers, b"", false, |kept| {
            let of = |post: &&Post| Some(&post.channel) == query.get("channel");
            let messages: Vec<Value> = kept
                .posts
                .iter()
                .filter(of)
                .map(|p| json!({ "id": p.id, "name": "Stoa", "text": p.text, "at": "2026-11-23T09:00:00Z" }))
                .collect();
            Json(json!({ "messages": messages })).into_response()
        })
        .await
}

/// Who reads in a channel: every colleague where its name begins with `open`; of others the chat says nothing.
async fn reads(State(chamber): State<Chamber>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    chamber
        .answer(&headers, b"", false, |_| match id.starts_with("open") {
            true => Json(json!({ "open": true, "outsiders": id.ends_with("shared") })).into_response(),
            false => StatusCode::NOT_FOUND.into_response(),
        })
        .await
}

/// What the chat posts to Stoa: signed events.
#[derive(Clone)]
pub struct Chat {
    name: String,
    secret: Secret,
    http: reqwest::Client,
}

impl Chat {
    /// A client of the bridge with this name.
    pub fn new(name: &str, secret: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(10))
            .build()
            .context("an HTTP client")?;
        Ok(Self { name: name.to_owned(), secret: Secret::from(secret.to_owned()), http })
    }

    /// Posts one event or an array of them: status and answer. An error means that no answer came.
    pub async fn post(&self, server: &str, events: &Value) -> Result<(u16, Value)> {
        let body = events.to_string();
        let (timestamp, signature) = self.secret.sign(clock::wall(), body.as_bytes());
        let answer = self
            .http
            .post(format!("{server}/bridge/{}/events", self.name))
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .body(body)
            .send()
            .await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    /// A command that a user gives the bot in their direct conversation.
    #[must_use]
    pub fn command(key: &str, user: &str, word: &str, args: &str) -> Value {
        Self::event(key, user, &json!({ "command": { "word": word, "args": args } }))
    }

    /// Something that a user does in their direct conversation with the bot.
    #[must_use]
    pub fn event(key: &str, user: &str, event: &Value) -> Value {
        json!({
            "key": key,
            "at": clock::wall().rfc3339(),
            "account": { "user": user },
            "place": { "channel": format!("dm-{user}"), "direct": true },
            "event": event,
        })
    }
}

/// The status of a GET, by a connection of its own.
pub async fn status_of(url: &str) -> Result<u16> {
    let http = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(5)).build()?;
    Ok(http.get(url).send().await?.status().as_u16())
}
