//! The bridge on the real store and flow: what comes in is signed, stored once and answered; what goes out arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stoa_bridge::{Bridge, Options, SIGNATURE, Secret, TIMESTAMP};
use stoa_flow::chat::{
    Account, Audience, Call, Command, Context, Event, Field, FieldError, Form, Message, MessageRef, Place, Platform,
    SendError,
};
use stoa_flow::testing::organisation;
use stoa_flow::{Flow, Parts, words_key};
use stoa_ground::{Db, Instant, Result, args, clock, testing};
use stoa_tests::{FarEnd, Mood};
use tower::ServiceExt as _;

const SECRET: &str = "a secret of sixteen and more";

/// Opens a form and does not like the answer `no`.
struct Survey;

#[async_trait]
impl Command for Survey {
    fn word(&self) -> &'static str {
        "survey"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-help")
    }

    fn public(&self) -> bool {
        true
    }

    async fn form(&self, _cx: &Context<'_>, _call: &Call) -> Result<Option<Form>> {
        let field = Field::text("answer", "Answer".into(), false, 10);
        let (title, submit) = ("Survey".to_owned(), "Send".to_owned());
        Ok(Some(Form { command: "survey save".into(), title, intro: None, fields: vec![field], submit }))
    }

    async fn check(&self, _cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let no = call.values.iter().flatten().any(|(_, value)| value == "no");
        Ok(no.then(|| FieldError { field: "answer".into(), why: "Please say yes.".into() }).into_iter().collect())
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        cx.reply(Message::text(format!("heard {:?}", call.values))).await
    }
}

struct Stage {
    db: Db,
    flow: Arc<Flow>,
    far: FarEnd,
    bridge: Arc<Bridge>,
    router: Router,
    _dir: tempfile::TempDir,
}

fn options(api_url: &str) -> Options {
    Options {
        name: "chat".into(),
        api_url: api_url.into(),
        secret: Secret::from(SECRET.to_owned()),
        network: stoa_http::Network::default(),
    }
}

impl Stage {
    async fn new() -> Self {
        let (db, dir) = testing::store().await;
        let parts = Parts { commands: vec![Box::new(Survey)], ..Parts::default() };
        let flow = Flow::new(db.clone(), organisation(), parts);
        let far = FarEnd::open(SECRET).await.unwrap();
        let bridge = Arc::new(Bridge::new(options(&far.url)).unwrap());
        flow.connect(bridge.clone());
        let router = stoa_bridge::router(flow.clone(), &bridge);
        Self { db, flow, far, bridge, router, _dir: dir }
    }

    /// Posts a body, signed now.
    async fn post(&self, body: impl Into<String>) -> (StatusCode, Value) {
        let body = body.into();
        let (timestamp, signature) = Secret::from(SECRET.to_owned()).sign(clock::wall(), body.as_bytes());
        let (status, _, answer) = self.post_with(body, &[(TIMESTAMP, &timestamp), (SIGNATURE, &signature)]).await;
        (status, answer)
    }

    async fn post_with(&self, body: String, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::post("/bridge/chat/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, serde_json::from_slice(&text).unwrap())
    }

    async fn stored(&self) -> Vec<String> {
        let rows = self.db.all("SELECT key FROM inbox ORDER BY position", args![]).await.unwrap();
        rows.iter().map(|row| row.get("key").unwrap()).collect()
    }
}

fn event(key: &str, user: &str, event: &Value) -> Value {
    json!({
        "key": key,
        "at": "2026-11-23T09:00:00+01:00",
        "account": { "user": user, "name": "Ada" },
        "place": { "channel": format!("dm-{user}"), "direct": true },
        "event": event,
    })
}

fn help() -> Value {
    json!({ "command": { "word": "/help" } })
}

#[tokio::test]
async fn an_event_is_stored_once_and_answered_once() {
    let s = Stage::new().await;
    let first = event("e1", "ada", &help()).to_string();
    assert_eq!(s.post(first.clone()).await, (StatusCode::OK, json!({ "key": "e1", "duplicate": false })));
    assert_eq!(s.post(first.clone()).await, (StatusCode::OK, json!({ "key": "e1", "duplicate": true })));
    s.flow.settle().await.unwrap();
    assert_eq!(s.post(first).await.1["duplicate"], true, "also after it was handled");
    s.flow.settle().await.unwrap();
    let posts = s.far.posts();
    assert_eq!(posts.len(), 1);
    assert_eq!((posts[0].key.as_str(), posts[0].channel.as_str()), ("reply/chat/e1/0", "dm-ada"));
    assert!(posts[0].text.contains("help"), "{}", posts[0].text);
    assert_eq!(s.far.forged(), Vec::<String>::new());
}

#[tokio::test]
async fn many_events_come_in_one_request_and_keep_their_order() {
    let s = Stage::new().await;
    let events: Vec<Value> = (0..100).map(|n| event(&format!("e{n}"), ["ada", "bo"][n % 2], &help())).collect();
    let (status, answers) = s.post(json!(events).to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let keys: Vec<&str> = answers.as_array().unwrap().iter().map(|a| a["key"].as_str().unwrap()).collect();
    assert_eq!(keys, (0..100).map(|n| format!("e{n}")).collect::<Vec<_>>());
    for remainder in [0, 1] {
        let of = |key: &String| key[6..].parse::<usize>().ok().filter(|n| n % 2 == remainder);
        let numbers: Vec<usize> = s.stored().await.iter().filter_map(of).collect();
        assert_eq!(numbers.len(), 50);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}

#[tokio::test]
async fn every_kind_of_event_is_understood() {
    let s = Stage::new().await;
    let message =
        json!({ "id": "m", "author": { "user": "bo" }, "name": "Bo", "text": "Hi", "at": "2026-11-23T08:00:00Z" });
    let kinds = [
        json!({ "message": { "id": "m1", "text": "Hello", "to_bot": false } }),
        json!({ "edited": { "id": "m1", "text": "Hello!" } }),
        json!({ "deleted": { "id": "m1" } }),
        json!({ "command": { "word": "help", "args": "" } }),
        json!({ "action": { "command": "help", "message": "m2" } }),
        json!({ "submit": { "command": "survey save", "values": { "answer": "yes" } } }),
        json!({ "shortcut": { "command": "help", "message": message } }),
        json!({ "reaction": { "message": "m1", "emoji": "tada", "added": true } }),
    ];
    let events: Vec<Value> = kinds.iter().enumerate().map(|(n, kind)| event(&format!("k{n}"), "ada", kind)).collect();
    let (status, answers) = s.post(json!(events).to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answers}");
    assert!(answers.as_array().unwrap().iter().all(|a| a["duplicate"] == false), "{answers}");
    let row = s.db.opt("SELECT body FROM inbox WHERE key = 'chat/k6'", args![]).await.unwrap().unwrap();
    let body: stoa_flow::chat::Envelope = serde_json::from_value(row.get("body").unwrap()).unwrap();
    let Event::Shortcut { message, .. } = body.event else { panic!("{body:?}") };
    assert_eq!(message.author.unwrap().platform, "chat");
    assert_eq!(body.at, Instant::parse("2026-11-23T08:00:00Z").unwrap());
}

#[tokio::test]
async fn forms_and_their_errors_are_in_the_answer() {
    let s = Stage::new().await;
    let open = event("f1", "ada", &json!({ "command": { "word": "survey" } }));
    let (_, answer) = s.post(open.to_string()).await;
    assert_eq!(answer["form"]["title"], "Survey");
    assert_eq!(answer["form"]["fields"][0]["name"], "answer");
    let submit = |value: &str| json!({ "submit": { "command": "survey save", "values": { "answer": value } } });
    let (_, answer) = s.post(event("f2", "ada", &submit("no")).to_string()).await;
    assert_eq!(answer["errors"], json!([{ "field": "answer", "why": "Please say yes." }]));
    assert!(s.stored().await.is_empty());
    let (_, answer) = s.post(event("f3", "ada", &submit("yes")).to_string()).await;
    assert_eq!(answer["duplicate"], false);
}

#[tokio::test]
async fn bad_input_gets_one_sentence_that_names_the_place() {
    let s = Stage::new().await;
    let good = event("e", "ada", &help());
    let with = |pointer: &str, value: Value| {
        let mut event = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value;
        event.to_string()
    };
    let cases = [
        (String::new(), "EOF"),
        ("[]".into(), "1 to 100 events, found 0"),
        ("{".into(), "EOF"),
        (format!("{good} {good}"), "trailing"),
        (json!(vec![good.clone(); 101]).to_string(), "1 to 100 events, found 101"),
        (with("/key", json!("")), "key must have 1 to 200"),
        (with("/key", json!("a\nb")), "control"),
        (with("/key", json!("k".repeat(201))), "key must have 1 to 200"),
        (with("/at", json!("yesterday")), "at: 'yesterday' is not a date"),
        (with("/account/user", json!("")), "account.user"),
        (with("/account/usr", json!("x")), "account.usr: unknown field `usr`"),
        (with("/place/channel", json!(7)), "place.channel: invalid type: integer"),
        (with("/event", json!({ "poke": {} })), "unknown variant `poke`"),
        (with("/event", json!({ "message": { "id": "", "text": "", "to_bot": true } })), "event.message.id"),
        (json!([good, event("", "ada", &help())]).to_string(), "[1].key"),
        (json!([good, { "key": "x" }]).to_string(), "[1]: missing field"),
    ];
    for (body, expected) in cases {
        let (status, problem) = s.post(body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{body} gave: {detail}");
        assert_eq!(problem["status"], 400);
    }
    assert!(s.stored().await.is_empty(), "nothing of a request with a mistake is stored");
    let (status, _) = s.post(" ".repeat(1024 * 1024 + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let s = Stage::new().await;
    let body = event("e", "ada", &help()).to_string();
    let secret = Secret::from(SECRET.to_owned());
    let (timestamp, signature) = secret.sign(clock::wall(), body.as_bytes());
    let (old, of_old) = secret.sign(clock::wall().plus(-301 * Instant::SECOND), body.as_bytes());
    let (_, other) = Secret::from("another secret, also long".to_owned()).sign(clock::wall(), body.as_bytes());
    let cases: [&[(&str, &str)]; 4] = [
        &[],
        &[(TIMESTAMP, &timestamp)],
        &[(TIMESTAMP, &timestamp), (SIGNATURE, &other)],
        &[(TIMESTAMP, &old), (SIGNATURE, &of_old)],
    ];
    for headers in cases {
        let (status, headers, problem) = s.post_with(body.clone(), headers).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{problem}");
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    let (status, ..) = s.post_with(body, &[(TIMESTAMP, &timestamp), (SIGNATURE, &signature)]).await;
    assert_eq!(status, StatusCode::OK);
}

fn place(channel: &str) -> Place {
    let (platform, workspace) = ("chat".to_owned(), String::new());
    Place { platform, workspace, channel: channel.into(), thread: None, direct: true }
}

fn account(user: &str) -> Account {
    Account { platform: "chat".into(), workspace: String::new(), user: user.into() }
}

#[tokio::test]
async fn messages_are_posted_found_edited_and_read() {
    let s = Stage::new().await;
    let home = s.bridge.direct(&account("ada")).await.unwrap();
    assert_eq!(home, place("dm-ada"));
    assert_eq!(s.bridge.find(&home, "k/1 é", Instant(0)).await.unwrap(), None);
    let id = s.bridge.send(&home, Some(&account("ada")), &Message::text("Hello"), "k/1").await.unwrap();
    assert_eq!(s.bridge.find(&home, "k/1", Instant(0)).await.unwrap(), Some(id.clone()));
    let posted = MessageRef { place: home.clone(), id };
    s.bridge.edit(&posted, &Message::text("Done")).await.unwrap();
    let thread = Place { thread: Some("m1".into()), ..home.clone() };
    assert_eq!(s.bridge.thread(&thread).await.unwrap()[0].text, "Done");
    assert_eq!(s.far.posts()[0].edits, 1);

    let audience = async |channel: &str| {
        let place = Place { channel: channel.into(), direct: false, ..home.clone() };
        s.bridge.audience(&place).await.unwrap()
    };
    assert_eq!(audience("board").await, Audience::default(), "of which the other side says nothing is closed");
    assert_eq!(audience("open desk").await, Audience { open: true, outsiders: false });
    assert_eq!(audience("open-shared").await, Audience { open: true, outsiders: true });

    let nowhere = s.bridge.direct(&account("gone")).await;
    assert!(matches!(nowhere, Err(SendError::Unreachable(_))), "{nowhere:?}");
    let gone = MessageRef { place: home.clone(), id: "m/9".into() };
    assert!(matches!(s.bridge.edit(&gone, &Message::text("x")).await, Err(SendError::Unreachable(_))));
    s.far.set(Mood::Busy);
    let busy = s.bridge.send(&home, None, &Message::text("x"), "k/2").await;
    assert!(matches!(busy, Err(SendError::Retry { after_seconds: Some(1), .. })), "{busy:?}");
    s.far.set(Mood::Failing);
    let failing = s.bridge.find(&home, "k/1", Instant(0)).await;
    assert!(matches!(failing, Err(SendError::Retry { after_seconds: None, .. })), "{failing:?}");
}

#[tokio::test]
async fn an_other_side_that_cannot_be_reached_is_left_alone_for_a_while() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bridge = Bridge::new(options(&format!("http://{nobody}"))).unwrap();
    let Err(SendError::Retry { why, after_seconds: None }) = bridge.find(&place("c"), "k", Instant(0)).await else {
        panic!()
    };
    assert!(why.contains("'chat': it cannot be reached"), "{why}");
    let Err(SendError::Retry { why, after_seconds: Some(1..=2) }) = bridge.find(&place("c"), "k", Instant(0)).await
    else {
        panic!()
    };
    assert!(why.contains("asked again later"), "{why}");
}

#[tokio::test]
async fn what_the_other_side_refuses_is_not_tried_again() {
    let app = Router::new().fallback(|| async { (StatusCode::FORBIDDEN, "no") });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let bridge = Bridge::new(options(&url)).unwrap();
    let refused = bridge.send(&place("c"), None, &Message::text("x"), "k").await;
    assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");
}

#[test]
fn options_are_checked() {
    let wrong = |change: fn(&mut Options)| {
        let mut options = options("https://chat.example.org/stoa");
        change(&mut options);
        options.check().err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(wrong(|_| ()), "");
    for name in ["", "web", "My Chat", "a/b"] {
        let mut options = options("http://x");
        options.name = name.into();
        assert!(options.check().unwrap_err().to_string().contains("name"), "{name}");
    }
    assert!(wrong(|o| o.api_url = "ftp://x".into()).contains("api_url"));
    assert!(wrong(|o| o.secret = Secret::from("short".to_owned())).contains("16 characters"));
    assert_eq!(format!("{:?}", options("http://x").secret), "Secret");
}
