//! What the adapter keeps and takes away, against a Discord that answers as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::FutureExt as _;
use serde_json::json;
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
async fn what_only_says_that_something_waits_is_known_by_a_long_key_too() {
    let (db, _dir) = empty().await;
    let app = App::new(Options::test(), db.clone()).unwrap();
    for key in ["nudge/1", &"nudge/of-a-requirement-with-a-long-name".repeat(3)] {
        let mut long = Vec::new();
        let id = crate::render::custom_id(key, 0, &format!("show {key}"), &mut long);
        store::remember_commands(&db, &long).await.unwrap();
        let message = json!({ "components": [{ "components": [{ "custom_id": id }] }] });
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
