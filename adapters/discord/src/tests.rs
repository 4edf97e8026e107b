//! What the adapter keeps and takes away, against a Discord that answers as a test says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{any, get, patch, post, put};
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
        let (read, gone) = (self.flags.clone(), self.taken_away.clone());
        let original = get(async move || json!({ "id": "1", "flags": read.load(Ordering::SeqCst) }).to_string());
        let original = original.delete(async move || {
            gone.fetch_add(1, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        });
        let router = Router::new().route("/webhooks/{app}/{token}/messages/@original", original);
        App::new(Options { api_url: serve(router).await, ..Options::test() }, db.clone()).unwrap()
    }
}

/// The address of a Discord that answers like this.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
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
    /// What the next messages are answered with, whether they are taken or not.
    troubles: Arc<Mutex<Vec<(bool, u16)>>>,
    /// What was said with a nonce, also where it was deleted since.
    nonces: Arc<Mutex<BTreeMap<String, Value>>>,
    ids: Arc<AtomicUsize>,
    /// How often a thread was wanted; there can be none.
    threads: Arc<AtomicUsize>,
}

impl Conversation {
    async fn app(&self, db: &Db) -> App {
        let say = async |State(here): State<Self>, Json(body): Json<Value>| {
            let trouble = here.troubles.lock().unwrap().pop();
            let said =
                if trouble.is_none_or(|(taken, _)| taken) { here.takes(body) } else { json!({ "code": 50_035 }) };
            let status = trouble.map_or(StatusCode::OK, |(_, status)| StatusCode::from_u16(status).unwrap());
            (status, Json(said))
        };
        let change =
            async |State(here): State<Self>, Path(path): Path<Vec<(String, String)>>, Json(body): Json<Value>| {
                let id = path.last().unwrap().1.clone();
                match here.said.lock().unwrap().iter_mut().find(|(known, _)| *known == id) {
                    Some(message) => message.1 = body,
                    None => return (StatusCode::NOT_FOUND, Json(json!({ "code": 10_008 }))),
                }
                (StatusCode::OK, Json(json!({})))
            };
        let delete = async |State(here): State<Self>, Path(path): Path<Vec<(String, String)>>| {
            here.said.lock().unwrap().retain(|(known, _)| *known != path.last().unwrap().1);
            StatusCode::NO_CONTENT
        };
        let thread = async |State(here): State<Self>| {
            here.threads.fetch_add(1, Ordering::SeqCst);
            (StatusCode::FORBIDDEN, Json(json!({ "code": 50_013 })))
        };
        let router = Router::new()
            .route("/channels/{id}/messages", post(say))
            .route("/channels/{id}/messages/{message}", patch(change).delete(delete))
            .route("/channels/{id}/messages/{message}/threads", post(thread))
            .route("/webhooks/{app}/{token}", post(say))
            .route("/webhooks/{app}/{token}/messages/{message}", patch(change).delete(delete))
            .route("/users/@me/channels", post(async || Json(json!({ "id": CHANNEL }))))
            .with_state(self.clone());
        App::new(Options { api_url: serve(router).await, ..Options::test() }, db.clone()).unwrap()
    }

    fn takes(&self, body: Value) -> Value {
        let nonce = body["nonce"].as_str().filter(|_| body["enforce_nonce"] == true).map(str::to_owned);
        let mut nonces = self.nonces.lock().unwrap();
        if let Some(known) = nonce.as_ref().and_then(|nonce| nonces.get(nonce)) {
            return known.clone();
        }
        let id = (160_000_000_000_000_000 + self.ids.fetch_add(1, Ordering::SeqCst)).to_string();
        let message = json!({ "id": id, "content": body["content"] });
        nonces.extend(nonce.map(|nonce| (nonce, message.clone())));
        self.said.lock().unwrap().push((id, body));
        message
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
async fn what_one_person_sees_grows_once_after_an_uncertain_answer_and_again_after_a_refused_one() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    let (place, pressed) = (in_channel(), command(Kind::Button));
    store::remember_interaction(&db, &pressed.id, &pressed.token, Kind::Button).await.unwrap();
    for (n, (taken, status)) in [(true, 500), (false, 400)].into_iter().enumerate() {
        let key = format!("reply/discord/{}/{status}", pressed.id);
        let id = app.answer(&pressed, &place, &long(1), &key, 0).await.unwrap().unwrap();
        conversation.troubles.lock().unwrap().push((taken, status));
        let first = app.replace(&place, &id, &long(2)).await;
        assert_eq!(first.is_err(), taken, "{first:?}");
        for _ in 0..2 {
            app.replace(&place, &id, &long(2)).await.unwrap();
            assert_eq!(conversation.shown().len(), 2 * (n + 1), "{status}: {:?}", conversation.shown());
        }
    }
}

#[tokio::test]
async fn an_edit_that_may_have_said_something_says_what_came_after_it_and_once() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    let place = in_channel();
    let id = app.post(&place, &long(1), "training/1").await.unwrap();
    conversation.troubles.lock().unwrap().push((true, 500));
    assert!(app.replace(&place, &id, &long(2)).await.is_err());
    let other = long(1).paragraph("And something else. ".repeat(40));
    app.replace(&place, &id, &other).await.unwrap();
    let shown = conversation.shown();
    assert!(shown.len() == 2 && shown[1].0.starts_with("And something else."), "{shown:?}");
}

#[tokio::test]
async fn what_somebody_deleted_of_a_long_message_is_said_again_with_the_next_edit() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    let place = in_channel();
    let id = app.post(&place, &long(3), "training/1").await.unwrap();
    for gone in [0, 2] {
        conversation.said.lock().unwrap().remove(gone);
        app.replace(&place, &id, &long(3)).await.unwrap();
        let begins: Vec<String> =
            conversation.shown().into_iter().map(|(said, _)| said.chars().take(2).collect()).collect();
        assert_eq!(begins, ["1:", "2:", "3:"], "after the deletion of {gone}");
        assert!(conversation.ids().contains(&id));
    }
}

#[tokio::test]
async fn where_no_thread_can_be_opened_it_is_not_tried_at_every_answer() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    for n in 0..3 {
        let place = Place { thread: Some(format!("30000000000000001{n}")), ..in_channel() };
        assert_eq!(app.target(&place).await.unwrap(), CHANNEL);
    }
    assert_eq!(conversation.threads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_writes_again_after_closing_direct_messages_is_written_to_by_every_server() {
    let (db, _dir) = empty().await;
    let (one, other) = (App::new(Options::test(), db.clone()).unwrap(), App::new(Options::test(), db.clone()).unwrap());
    one.opened(USER, CHANNEL).await.unwrap();
    // It was the other one whose message was refused.
    store::closed(&db, CHANNEL).await.unwrap();
    other.forget_noted(CHANNEL);
    one.opened(USER, CHANNEL).await.unwrap();
    assert!(!store::user(&db, USER).await.unwrap().closed);
}

#[tokio::test]
async fn what_moves_to_another_place_is_said_there() {
    let (db, _dir) = empty().await;
    let conversation = Conversation::default();
    let app = conversation.app(&db).await;
    for to in [CHANNEL, "300000000000000002", CHANNEL] {
        app.beckon(to, USER, "nudge/1").await.unwrap();
    }
    assert_eq!(conversation.ids().len(), 2, "in each place once");
}

#[tokio::test]
async fn servers_share_how_many_direct_conversations_may_be_opened() {
    let (db, _dir) = empty().await;
    let app = Conversation::default().app(&db).await;
    app.api.shared_by(5);
    for may in [true, true, false] {
        assert_eq!(app.open_direct(USER).await.unwrap().is_some(), may);
    }
}

#[tokio::test]
async fn an_address_that_is_banned_calls_nothing_until_it_is_over() {
    let (db, _dir) = empty().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let refuse = any(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "600")], "<html>Error 1015</html>")
    });
    let api_url = serve(Router::new().fallback(refuse)).await;
    let app = App::new(Options { api_url, ..Options::test() }, db).unwrap();
    let posted = app.post(&in_channel(), &Message::text("Hello"), "training/1").await;
    assert!(matches!(posted, Err(SendError::Wait { everything: true, .. })), "{posted:?}");
    let acknowledged = app.callback("1", "token-1", json!({})).await;
    assert!(acknowledged.is_err() && calls.load(Ordering::SeqCst) == 1, "{acknowledged:?}");
    assert!(app.api.troubles.all().iter().any(|(key, _)| key == "discord/banned"));
}

#[tokio::test]
async fn a_server_that_takes_no_commands_holds_up_no_other() {
    let (db, _dir) = empty().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let register = async move |Path((_, guild)): Path<(String, String)>| {
        let status = if guild == GUILD { StatusCode::FORBIDDEN } else { StatusCode::OK };
        seen.lock().unwrap().push(guild);
        (status, Json(json!({ "code": 50_001, "message": "Missing Access" })))
    };
    let api_url = serve(Router::new().route("/applications/{app}/guilds/{guild}/commands", put(register))).await;
    let other = "500000000000000002";
    let guild = |id: &str| crate::Guild { id: id.into(), channel: None, forums: Vec::new(), member_role: None };
    let guilds = vec![guild(GUILD), guild(other)];
    let app = App::new(Options { api_url, guilds, guild_commands: true, ..Options::test() }, db.clone()).unwrap();
    let flow = Flow::new(db, stoa_flow::testing::organisation(), Parts::default());
    crate::register::register(&app, &flow).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [GUILD, other]);
    let told = app.api.troubles.all();
    assert!(
        told.iter().any(|(key, text)| *key == format!("discord/commands/{GUILD}") && text.contains("Missing Access")),
        "{told:?}"
    );
}

#[tokio::test]
async fn commands_of_buttons_are_forgotten_with_their_messages() {
    let (db, _dir) = empty().await;
    for (name, kept) in [("before", 0), ("old", 1)] {
        let sql = "INSERT INTO discord_command (name, command, kept) VALUES ($1, 'show x', $2)";
        db.write(|tx| async move { tx.exec(sql, args![name, kept]).await }).await.unwrap();
    }
    store::remember_commands(&db, &[("new".into(), "show y".into())]).await.unwrap();
    store::tidy(&db).await.unwrap();
    for (name, there) in [("#before", true), ("#old", false), ("#new", true)] {
        assert_eq!(store::command(&db, name).await.unwrap().is_some(), there, "{name}");
    }
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
