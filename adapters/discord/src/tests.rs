//! What the adapter keeps and takes away, against a Discord that answers as a test says.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use stoa_flow::chat::{Button, Message, Place, SendError};
use stoa_flow::{Flow, Parts};
use stoa_ground::testing::store as empty;
use stoa_ground::{Db, args};

use crate::Options;
use crate::app::App;
use crate::find::Arrived;
use crate::store::{self, Interaction, Kind};
use crate::take::Inlet;

const USER: &str = "200000000000000001";
const GUILD: &str = "500000000000000001";
const CHANNEL: &str = "300000000000000001";

/// What stands in the place of an answer: its flags, and how often it was taken away.
#[derive(Clone, Default)]
struct Original {
    flags: Arc<AtomicI64>,
    taken_away: Arc<AtomicUsize>,
}

impl Original {
    async fn app(&self, db: &Db) -> App {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = format!("http://{}", listener.local_addr().unwrap());
        let (read, gone) = (self.flags.clone(), self.taken_away.clone());
        let original = get(async move || json!({ "id": "1", "flags": read.load(Ordering::SeqCst) }).to_string());
        let original = original.delete(async move || {
            gone.fetch_add(1, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        });
        let router = Router::new().route("/webhooks/{app}/{token}/messages/@original", original);
        tokio::spawn(async move { axum::serve(listener, router).await });
        App::new(Options { api_url, ..Options::test() }, db.clone()).unwrap()
    }
}

fn command(kind: Kind) -> Interaction {
    Interaction { id: "1500000000000000001".into(), token: "token-1".into(), kind, answered: false }
}

#[tokio::test]
async fn only_that_we_think_is_taken_away() {
    let (db, _dir) = empty().await;
    let original = Original::default();
    let app = original.app(&db).await;
    app.thought(&command(Kind::Private)).await;
    assert_eq!(original.taken_away.load(Ordering::SeqCst), 0, "an answer stands there");
    original.flags.store(128, Ordering::SeqCst);
    app.thought(&command(Kind::Private)).await;
    assert_eq!(original.taken_away.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn where_both_are_alone_an_answer_stands_in_its_place_or_nowhere() {
    let (db, _dir) = empty().await;
    let original = Original::default();
    let app = original.app(&db).await;
    original.flags.store(128, Ordering::SeqCst);
    let key = "reply/discord/1500000000000000001/0";
    assert!(matches!(app.find_answer(&command(Kind::Direct), key).await, Ok(Arrived::No)));
    assert!(matches!(app.find_answer(&command(Kind::Private), key).await, Ok(Arrived::Unknown)));
}

#[tokio::test]
async fn who_comes_back_to_a_server_is_noted_again() {
    let (db, _dir) = empty().await;
    let app = App::new(Options::test(), db.clone()).unwrap();
    app.seen_in(USER, GUILD).await.unwrap();
    app.left(USER, GUILD).await.unwrap();
    assert_eq!(store::user(&db, USER).await.unwrap().guild, None);
    app.seen_in(USER, GUILD).await.unwrap();
    assert_eq!(store::user(&db, USER).await.unwrap().guild.as_deref(), Some(GUILD));
}

#[tokio::test]
async fn who_leaves_a_server_reads_no_thread_there_wherever_they_were_seen_last() {
    let (db, _dir) = empty().await;
    let guild = crate::Guild { id: GUILD.into(), channel: Some(CHANNEL.into()), forums: Vec::new(), member_role: None };
    let app = App::new(Options { guilds: vec![guild], ..Options::test() }, db.clone()).unwrap();
    store::set_thread(&db, USER, Some(("300000000000000002", CHANNEL))).await.unwrap();
    app.seen_in(USER, "500000000000000002").await.unwrap();
    app.left(USER, GUILD).await.unwrap();
    let left = store::user(&db, USER).await.unwrap();
    assert_eq!((left.thread, left.guild.as_deref()), (None, Some("500000000000000002")));
}

#[tokio::test]
async fn each_shard_fetches_what_it_missed_and_none_forgets_when_there_are_others() {
    let (db, _dir) = empty().await;
    let (first, second) = (store::others(0, 2), store::others(1, 2));
    let note = async |channel: &str, message: i64| {
        db.write(|tx| async move { store::note_seen(&tx, channel, message, false).await }).await.unwrap();
    };
    note(&first, 900).await;
    note(&second, 100).await;
    note("c", 500).await;
    store::resharded(&db, 2).await.unwrap();
    let seen = async |channel: &str, others: &str| store::seen(&db, channel, others).await.unwrap();
    assert_eq!((seen("a", &first).await, seen("b", &second).await), (Some(900), Some(100)));
    assert_eq!(seen("c", &second).await, Some(500));
    // Whatever was heard by whom: the one that was behind the most is what is known of all.
    store::resharded(&db, 3).await.unwrap();
    for shard in 0..3 {
        assert_eq!(seen("a", &store::others(shard, 3)).await, Some(100));
    }
    assert_eq!((seen("a", &first).await, seen("c", &first).await), (None, Some(500)));
}

/// What stands in the conversations of a Discord that takes everything: ids and bodies.
#[derive(Clone, Default)]
struct Conversation {
    said: Arc<Mutex<Vec<(String, Value)>>>,
    /// What the next answers to an interaction are answered with, whether they are taken or not.
    troubles: Arc<Mutex<Vec<(bool, u16)>>>,
}

impl Conversation {
    async fn app(&self, db: &Db) -> App {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = format!("http://{}", listener.local_addr().unwrap());
        let say = async |State(here): State<Self>, Json(body): Json<Value>| Json(here.takes(body));
        let answer = async |State(here): State<Self>, Json(body): Json<Value>| {
            let trouble = here.troubles.lock().unwrap().pop();
            let said =
                if trouble.is_none_or(|(taken, _)| taken) { here.takes(body) } else { json!({ "code": 50_035 }) };
            let status = trouble.map_or(StatusCode::OK, |(_, status)| StatusCode::from_u16(status).unwrap());
            (status, Json(said))
        };
        let change =
            async |State(here): State<Self>, Path((_, id)): Path<(String, String)>, Json(body): Json<Value>| {
                here.said.lock().unwrap().iter_mut().find(|(known, _)| *known == id).unwrap().1 = body;
                Json(json!({}))
            };
        let delete = async |State(here): State<Self>, Path((_, id)): Path<(String, String)>| {
            here.said.lock().unwrap().retain(|(known, _)| *known != id);
            StatusCode::NO_CONTENT
        };
        let router = Router::new()
            .route("/channels/{id}/messages", post(say))
            .route("/channels/{id}/messages/{message}", patch(change).delete(delete))
            .route("/webhooks/{app}/{token}", post(answer))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        App::new(Options { api_url, ..Options::test() }, db.clone()).unwrap()
    }

    fn takes(&self, body: Value) -> Value {
        let mut said = self.said.lock().unwrap();
        let id = (160_000_000_000_000_000 + said.len()).to_string();
        said.push((id.clone(), body));
        json!({ "id": id })
    }

    /// What is said, and which buttons stand below it.
    fn shown(&self) -> Vec<(String, usize)> {
        let buttons = |body: &Value| body["components"].as_array().map_or(0, Vec::len);
        let said = self.said.lock().unwrap();
        said.iter().map(|(_, body)| (body["content"].as_str().unwrap().to_owned(), buttons(body))).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.said.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }
}

fn in_channel() -> Place {
    let channel = crate::events::Channel { guild: GUILD.into(), ..crate::events::Channel::default() };
    crate::events::place(CHANNEL, &channel)
}

/// A message of so many parts.
fn long(parts: usize) -> Message {
    let parts = (1..=parts).map(|n| format!("{n}: {}.", "word ".repeat(300).trim()));
    parts.fold(Message::new(), Message::paragraph).buttons(vec![Button::new("Next", "learn")])
}

#[tokio::test]
async fn an_edit_says_all_of_it_in_more_messages_or_fewer() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    let place = in_channel();
    let id = app.post(&place, &long(1), "training/1").await.unwrap();
    for parts in [2, 3, 1, 3, 2, 1, 2] {
        app.replace(&place, &id, &long(parts)).await.unwrap();
        let shown: Vec<(String, usize)> =
            conversation.shown().into_iter().map(|(said, buttons)| (said.chars().take(2).collect(), buttons)).collect();
        let expected: Vec<(String, usize)> = (1..=parts).map(|n| (format!("{n}:"), usize::from(n == parts))).collect();
        assert_eq!(shown, expected, "{parts} parts");
        for one in conversation.ids() {
            assert_eq!(store::known_as(&db, one).await.unwrap(), id, "{parts} parts");
        }
    }
    // One that was long from the beginning is known by its last part.
    let id = app.post(&place, &long(3), "training/2").await.unwrap();
    let ids = conversation.ids().split_off(2);
    assert_eq!(ids.last(), Some(&id));
    assert_eq!(store::known_as(&db, ids[0].clone()).await.unwrap(), id);
    app.replace(&place, &id, &long(1)).await.unwrap();
    assert_eq!(conversation.ids().split_off(2), [id]);
}

#[tokio::test]
async fn what_one_person_sees_is_said_once_after_an_uncertain_answer_and_again_after_a_refused_one() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    let (place, pressed) = (in_channel(), command(Kind::Button));
    let answer = async |key: &str| app.answer(&pressed, &place, &Message::text("Thank you"), key, 0).await;
    for (taken, status) in [(true, 500), (false, 400)] {
        let key = format!("reply/discord/{}/{status}", pressed.id);
        conversation.troubles.lock().unwrap().push((taken, status));
        let first = answer(&key).await;
        assert!(matches!(first, Err(SendError::Retry { .. } | SendError::Refused(_))), "{first:?}");
        assert!(answer(&key).await.unwrap().is_some_and(|id| id.starts_with('~')));
    }
    assert_eq!(conversation.shown().len(), 2);
}

#[tokio::test]
async fn what_only_says_that_something_waits_names_nothing_to_who_reads_it_raw() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    for key in ["nudge/1", &"nudge/of-a-requirement-with-a-long-name".repeat(3)] {
        app.beckon(CHANNEL, USER, key).await.unwrap();
        let message = conversation.said.lock().unwrap().last().unwrap().1.clone();
        let show = message["components"][0]["components"][0]["custom_id"].as_str().unwrap();
        assert!(!show.contains(['/', ' ']), "{show}");
        assert!(app.beckons(&message).await.unwrap(), "{key}");
    }
    let other = json!({ "components": [{ "components": [{ "custom_id": "s:abc:0:ask helpful 7" }] }] });
    assert!(!app.beckons(&other).await.unwrap());
}

#[tokio::test]
async fn nothing_waits_for_an_interaction_that_could_not_be_stored() {
    let (db, _dir) = empty().await;
    db.write(|tx| async move { tx.exec("DROP TABLE discord_interaction", args![]).await }).await.unwrap();
    let app = Arc::new(App::new(Options::test(), db.clone()).unwrap());
    let flow = Flow::new(db, stoa_flow::testing::organisation(), Parts::default());
    let id = "1500000000000000001";
    let d = json!({ "id": id, "type": 2, "token": "t", "context": 1, "user": { "id": USER },
        "channel": { "id": "300000000000000001", "type": 1 }, "data": { "name": "help", "type": 1 } });
    assert!(Inlet { flow, app: app.clone() }.interaction(&d).await.is_err());
    assert!(app.until_acknowledged(id).now_or_never().is_some());
}
