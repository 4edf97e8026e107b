//! The web chat on the real store and flow, used as a browser uses it: through requests, with a cookie.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use stoa_flow::Flow;
use stoa_flow::testing::organisation;
use stoa_ground::people::Person;
use stoa_ground::{Db, testing};
use stoa_web::WebOptions;
use tower::ServiceExt as _;

#[path = "../../examples/chat/sample.rs"]
mod sample;

/// The store, the flow and the chat of one test.
pub struct Stage {
    pub db: Db,
    pub flow: Arc<Flow>,
    router: Router,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
}

/// A window of somebody who is signed in.
pub struct Window<'a> {
    stage: &'a Stage,
    cookie: String,
    /// The path of the conversation with Stoa.
    pub home: String,
}

impl Stage {
    pub async fn demo() -> Self {
        Self::with(|options| options.demo = true).await
    }

    pub async fn with(change: impl FnOnce(&mut WebOptions)) -> Self {
        let (db, dir) = testing::store().await;
        Self::on(db, dir, change)
    }

    /// On a store of its own, for example with another clock.
    pub fn on(db: Db, dir: tempfile::TempDir, change: impl FnOnce(&mut WebOptions)) -> Self {
        let flow = Flow::new(db.clone(), organisation(), sample::parts());
        Self::of(db, dir, flow, change)
    }

    /// With a flow of its own parts.
    pub fn of(db: Db, dir: tempfile::TempDir, flow: Arc<Flow>, change: impl FnOnce(&mut WebOptions)) -> Self {
        flow.connect(stoa_web::platform(&flow));
        let mut options = WebOptions::default();
        change(&mut options);
        let router = stoa_web::router(flow.clone(), options);
        Self { db, flow, router, _dir: dir }
    }

    pub async fn hire(&self, name: &str) -> Person {
        testing::hire(&self.db, name, |_| {}).await
    }

    /// A channel with these people in it; gives its path.
    pub async fn channel(&self, name: &str, members: &[&Person]) -> String {
        let ids: Vec<&str> = members.iter().map(|p| p.id.as_str()).collect();
        let ids = &ids;
        let id = self.db.write(|tx| async move { stoa_web::create_channel(&tx, name, ids).await }).await.unwrap();
        format!("/chat/{id}")
    }

    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "localhost:8420");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// The body of an answer that goes on, for example an event stream.
    pub async fn stream(&self, path: &str, cookie: &str) -> Body {
        let request = Request::builder().uri(path).header(header::HOST, "localhost").header("cookie", cookie);
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_body()
    }

    /// A form sent by a page of ours, by nobody in particular.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.request("POST", path, &[FORM, SAME_SITE], form(fields)).await
    }

    /// Somebody chooses who they are in the demo.
    pub async fn sign_in(&self, person: &Person) -> Window<'_> {
        let answer = self.post("/sign-in", &[("person", &person.id)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        self.window(&answer).await
    }

    /// The window whose cookie an answer sets.
    pub async fn window(&self, answer: &Answer) -> Window<'_> {
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut window = Window { stage: self, cookie, home: String::new() };
        window.home = window.get("/chat").await.location().to_owned();
        window
    }
}

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-origin");
pub const SCRIPT: (&str, &str) = ("accept", "application/json");

impl Window<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        self.stage.request("GET", path, &[("cookie", &self.cookie)], Body::empty()).await
    }

    /// What a page says.
    pub async fn sees(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    }

    /// The page's script sends a form; everything that follows happens.
    pub async fn sends(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [FORM, SAME_SITE, SCRIPT, ("cookie", self.cookie.as_str())];
        let answer = self.stage.request("POST", path, &headers, form(fields)).await;
        self.stage.flow.settle().await.unwrap();
        answer
    }

    /// A form without script.
    pub async fn posts(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.stage.request("POST", path, &[FORM, SAME_SITE, ("cookie", &self.cookie)], form(fields)).await
    }

    /// Writes in a conversation.
    pub async fn writes(&self, conversation: &str, text: &str) -> Answer {
        let answer = self.sends(&format!("{conversation}/messages"), &[("text", text)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer
    }

    /// What the script learns that changed since a revision.
    pub async fn updates(&self, conversation: &str, since: i64) -> serde_json::Value {
        let answer = self.get(&format!("{conversation}/updates?since={since}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    pub fn cookie(&self) -> &str {
        &self.cookie
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    fields.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
}

/// The value of the first hidden field of this name on a page.
pub fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).unwrap_or_else(|| panic!("no field {name} in {page}")) + start.len();
    let value = &page[at..at + page[at..].find('"').unwrap()];
    value
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

/// The ids of the messages on a page, in order.
pub fn ids(page: &str) -> Vec<String> {
    page.split("data-id=\"").skip(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned()).collect()
}
