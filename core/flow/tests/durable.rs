//! Nothing lost, nothing twice, where several things happen at once: a server that hangs, a change in the middle of a
//! send or an edit, rows of another version, a store in trouble, a machine clock that jumps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering, queues};
use stoa_flow::nudges::Policy;
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::testing::{Stage, account, direct, organisation};
use stoa_flow::{Flow, Follower, Parts};
use stoa_ground::{Clock, Db, Error, Instant, Result, Tx, args, people};

/// Says what the row `meta` of its item says, as a reminder says what is still to do; nothing more when that is `done`.
struct State;

#[async_trait]
impl DeliveryKind for State {
    fn name(&self) -> &'static str {
        "reminder"
    }
    fn label(&self) -> &'static str {
        stoa_flow::words_key!("kind-other")
    }
    fn policy(&self) -> Policy {
        Policy::ANSWER
    }
    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let row = cx.db.opt("SELECT value FROM meta WHERE name = $1", args![&delivery.item]).await?;
        let state: String = row.map_or(Ok("to do".into()), |r| r.get("value"))?;
        Ok(match (state.as_str(), cx.posted) {
            ("done", false) => Rendered::Gone(stoa_flow::words_key!("why-done")),
            _ => Rendered::Say(Message::text(format!("{}: {state}", delivery.item))),
        })
    }
}

async fn becomes(db: &Db, item: &str, state: &str) {
    db.write(|tx| async move {
        tx.exec(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            args![item, state],
        )
        .await?;
        delivery::revise(&tx, &format!("nudge/{item}")).await
    })
    .await
    .unwrap();
}

async fn remind(db: &Db, person: &str, item: &str) {
    let new = NewDelivery {
        key: format!("nudge/{item}"),
        kind: "reminder",
        person: Some(person.into()),
        item: item.into(),
        ..NewDelivery::default()
    };
    let new = &new;
    db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
}

/// What stands at the far end: delivery key, text now, how often it was edited.
type Stands = Vec<(String, String, usize)>;

/// A platform in whose calls something else happens: before a message stands there, or after.
#[derive(Default)]
struct Far {
    stands: Mutex<Stands>,
    /// Before the next message stands there, this becomes of the item `safety`.
    in_send: Mutex<Option<&'static str>>,
    in_edit: Mutex<Option<&'static str>>,
    /// Messages stand there, but the answer is lost.
    deaf: Mutex<bool>,
    /// It takes nothing just now.
    full: Mutex<bool>,
    /// It cannot be reached: nothing is sent.
    away: Mutex<bool>,
    looked: AtomicUsize,
    db: Mutex<Option<Db>>,
}

impl Far {
    async fn meanwhile(&self, what: &Mutex<Option<&'static str>>) {
        let state = what.lock().unwrap().take();
        let db = self.db.lock().unwrap().clone();
        if let (Some(state), Some(db)) = (state, db) {
            becomes(&db, "safety", state).await;
        }
    }

    fn stands(&self) -> Stands {
        self.stands.lock().unwrap().clone()
    }
}

#[async_trait]
impl Platform for Far {
    fn name(&self) -> &'static str {
        "test"
    }
    async fn send(&self, _: &Place, _: Option<&Account>, m: &Message, key: &str) -> Result<String, SendError> {
        self.meanwhile(&self.in_send).await;
        if *self.full.lock().unwrap() {
            let (why, after) = ("the limit".into(), Duration::from_secs(60));
            return Err(SendError::Wait { why, after, everything: true });
        }
        if *self.away.lock().unwrap() {
            return Err(SendError::Unsent { why: "nobody there".into(), after_seconds: None });
        }
        let mut stands = self.stands.lock().unwrap();
        stands.push((key.to_owned(), m.plain(), 0));
        if *self.deaf.lock().unwrap() {
            return Err(SendError::Retry { why: "no answer".into(), after_seconds: None });
        }
        Ok(stands.len().to_string())
    }
    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        self.meanwhile(&self.in_edit).await;
        let at = message.id.parse::<usize>().unwrap() - 1;
        let mut stands = self.stands.lock().unwrap();
        stands[at].1 = new.plain();
        stands[at].2 += 1;
        Ok(())
    }
    async fn find(&self, _: &Place, key: &str, _: Instant) -> Result<Option<String>, SendError> {
        self.looked.fetch_add(1, Ordering::SeqCst);
        Ok(self.stands().iter().position(|s| s.0 == key).map(|at| (at + 1).to_string()))
    }
    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(direct(&account.user))
    }
    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

/// A store, a person who knows Stoa already, a server on it, and the far end.
async fn scene() -> (Db, String, Arc<Flow>, Arc<Far>, tempfile::TempDir) {
    let (db, dir) = stoa_ground::testing::store().await;
    let ana = acquainted(&db, "Ana").await;
    let far = Arc::new(Far { db: Mutex::new(Some(db.clone())), ..Far::default() });
    let flow = server(&db, &far);
    (db, ana, flow, far, dir)
}

async fn acquainted(db: &Db, name: &str) -> String {
    let id = stoa_ground::testing::hire(db, name, |_| {}).await.id;
    let person = &id;
    db.write(|tx| async move { people::set_setting(&tx, person, "welcomed", Some("before")).await }).await.unwrap();
    id
}

fn server(db: &Db, far: &Arc<Far>) -> Arc<Flow> {
    let flow = Flow::new(db.clone(), organisation(), Parts { kinds: vec![Box::new(State)], ..Parts::default() });
    flow.connect(far.clone());
    flow
}

async fn exec(db: &Db, sql: &'static str) -> u64 {
    db.write(|tx| async move { tx.exec(sql, args![]).await }).await.unwrap()
}

/// Leases end and pauses are over.
async fn time_passes(db: &Db) {
    exec(db, "UPDATE outbox SET lease_until = 0, retry_at = 0").await;
}

fn stands(text: &str, edits: usize) -> Stands {
    vec![("nudge/safety".into(), text.into(), edits)]
}

#[tokio::test]
async fn what_changes_while_a_message_is_sent_is_shown_in_it() {
    let (db, ana, flow, far, _dir) = scene().await;
    *far.in_send.lock().unwrap() = Some("done");
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: done", 1));
}

#[tokio::test]
async fn what_changes_while_a_message_is_edited_is_shown_in_it() {
    let (db, ana, flow, far, _dir) = scene().await;
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    *far.in_edit.lock().unwrap() = Some("done");
    becomes(&db, "safety", "half done").await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: done", 2));
    let left = db.opt("SELECT key FROM outbox WHERE revise > 0", args![]).await.unwrap();
    assert!(left.is_none(), "nothing is left to edit");
}

#[tokio::test]
async fn what_says_the_same_as_before_is_not_edited() {
    let (db, ana, flow, far, _dir) = scene().await;
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    let told = async || {
        let row = db.opt("SELECT COUNT(*) AS n FROM decision WHERE decision = 'edit'", args![]).await.unwrap().unwrap();
        row.get::<i64>("n").unwrap()
    };
    becomes(&db, "safety", "to do").await;
    flow.settle().await.unwrap();
    assert_eq!((far.stands(), told().await), (stands("safety: to do", 0), 0));
    becomes(&db, "safety", "done").await;
    flow.settle().await.unwrap();
    becomes(&db, "safety", "done").await;
    flow.settle().await.unwrap();
    assert_eq!((far.stands(), told().await), (stands("safety: done", 1), 1));
    // Under a lease that ran out somebody may have edited it.
    exec(&db, "UPDATE outbox SET lease_until = 1").await;
    becomes(&db, "safety", "done").await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: done", 2));
}

#[tokio::test]
async fn what_was_done_after_an_answer_was_lost_is_shown_in_the_message_that_had_arrived() {
    let (db, ana, flow, far, _dir) = scene().await;
    *far.deaf.lock().unwrap() = true;
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: to do", 0));
    becomes(&db, "safety", "done").await;
    *far.deaf.lock().unwrap() = false;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: done", 1), "it is neither sent again nor left as it was");
}

#[tokio::test]
async fn what_waits_for_a_limit_is_not_looked_for_and_is_sent_in_the_order_in_which_it_was_due() {
    let (db, _, flow, far, _dir) = scene().await;
    *far.full.lock().unwrap() = true;
    for n in 0..60 {
        let person = acquainted(&db, &format!("Person {n}")).await;
        remind(&db, &person, &format!("item{n:02}")).await;
    }
    exec(&db, "UPDATE outbox SET due = due - position").await;
    flow.settle().await.unwrap();
    let waits = db.all("SELECT attempts, retry_at, error FROM outbox WHERE state = 'queued'", args![]).await.unwrap();
    assert_eq!(waits.len(), 60);
    assert!(waits.iter().all(|row| row.get::<i64>("attempts").unwrap() == 0), "nothing was tried");
    assert!(waits.iter().all(|row| row.get::<i64>("retry_at").unwrap() > 0), "everything waits");
    let told = waits.iter().filter(|row| row.get::<Option<String>>("error").unwrap().is_some()).count();
    assert!(told < 60, "the others are held back without being asked about");
    *far.full.lock().unwrap() = false;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    let sent: Vec<String> = far.stands().into_iter().map(|s| s.0).collect();
    assert_eq!(sent.len(), 60);
    assert!(sent[..20].iter().all(|key| key.as_str() > "nudge/item10"), "due first, sent first: {sent:?}");
    assert_eq!(far.looked.load(Ordering::SeqCst), 0, "what was never sent is not looked for");
}

#[tokio::test]
async fn what_certainly_was_not_sent_is_not_looked_for_and_what_may_have_been_is() {
    let (db, ana, flow, far, _dir) = scene().await;
    *far.away.lock().unwrap() = true;
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    *far.away.lock().unwrap() = false;
    *far.deaf.lock().unwrap() = true;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    assert_eq!(far.looked.load(Ordering::SeqCst), 0, "nothing was sent before");
    // It stands there, but who sent it does not know.
    *far.away.lock().unwrap() = true;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    assert_eq!((far.looked.load(Ordering::SeqCst), far.stands().len()), (1, 1));
}

#[tokio::test]
async fn once_it_is_doubtful_it_stays_so() {
    let (db, ana, flow, far, _dir) = scene().await;
    *far.deaf.lock().unwrap() = true;
    remind(&db, &ana, "safety").await;
    flow.settle().await.unwrap();
    // What was sent is on its way, and the next attempt reaches nobody.
    let late = std::mem::take(&mut *far.stands.lock().unwrap());
    *far.away.lock().unwrap() = true;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    *far.stands.lock().unwrap() = late;
    *far.away.lock().unwrap() = false;
    *far.deaf.lock().unwrap() = false;
    time_passes(&db).await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands().len(), 1, "once");
}

#[tokio::test]
async fn a_server_that_hung_after_its_claim_says_nothing_when_another_one_has_taken_over() {
    let (db, ana, flow, far, _dir) = scene().await;
    let other = server(&db, &far);
    remind(&db, &ana, "safety").await;
    // The first server claimed and hung; its lease ran out.
    exec(&db, "UPDATE outbox SET state = 'sending', lease_by = 'the one that hangs', lease_until = 0").await;
    other.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: to do", 0));
    flow.settle().await.unwrap();
    assert_eq!(far.stands().len(), 1);
    let row = db.opt("SELECT state FROM outbox", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("state").unwrap(), "posted");
    assert_eq!(far.looked.load(Ordering::SeqCst), 2, "it was looked for again before it was sent");
}

#[tokio::test]
async fn two_servers_send_each_message_once() {
    let (db, ana, flow, far, _dir) = scene().await;
    let bo = acquainted(&db, "Bo").await;
    let other = server(&db, &far);
    for n in 0..40 {
        remind(&db, if n % 2 == 0 { &ana } else { &bo }, &format!("course {n}")).await;
    }
    let (one, two) = tokio::join!(flow.settle(), other.settle());
    one.unwrap();
    two.unwrap();
    flow.settle().await.unwrap();
    let mut keys: Vec<String> = far.stands().into_iter().map(|s| s.0).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), far.stands().len()), (40, 40));
}

#[tokio::test]
async fn rows_of_a_newer_version_are_put_aside_with_their_reason_and_stop_nobody_else() {
    let (db, ana, flow, far, _dir) = scene().await;
    let bo = acquainted(&db, "Bo").await;
    remind(&db, &ana, "fire").await;
    exec(&db, "UPDATE outbox SET place = '{\"planet\": \"Mars\"}'").await;
    remind(&db, &bo, "safety").await;
    exec(
        &db,
        "INSERT INTO inbox (key, account, body, received, state) VALUES
         ('new/1', '{\"platform\":\"test\",\"workspace\":\"\",\"user\":\"Ana\"}', '{\"hologram\": true}', 0, 'new'),
         ('new/2', '{\"platform\":\"test\",\"workspace\":\"\",\"user\":\"Bo\"}', 'not even JSON', 0, 'new')",
    )
    .await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands(), stands("safety: to do", 0), "Bo's message is sent");
    let parked = db.read(|c| async move { queues::parked(&c, 10).await }).await.unwrap();
    let keys: Vec<&str> = parked.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["new/2", "new/1", "nudge/fire"]);
    assert!(parked.iter().all(|p| p.reason.starts_with("written by another version")), "{parked:?}");

    // The newer program is back: what it wrote is tried again; what nobody wants is dropped.
    exec(&db, "UPDATE outbox SET place = NULL WHERE key = 'nudge/fire'").await;
    db.write(|tx| async move {
        queues::retry(&tx, Some("nudge/fire")).await?;
        queues::give_up(&tx, "new/1", "nobody wants it").await
    })
    .await
    .unwrap();
    flow.settle().await.unwrap();
    assert_eq!(far.stands().len(), 2);
    let parked = db.read(|c| async move { queues::parked(&c, 10).await }).await.unwrap();
    assert_eq!(parked.len(), 1, "{parked:?}");
}

/// Fails as often as it is told, in one way or the other; then counts.
struct Shaky {
    trouble: AtomicUsize,
    broken: &'static str,
    followed: Mutex<Vec<String>>,
}

impl Shaky {
    fn new(trouble: usize) -> Arc<Self> {
        Arc::new(Self { trouble: AtomicUsize::new(trouble), broken: "broken", followed: Mutex::default() })
    }

    fn turn(&self, key: &str) -> Result<()> {
        if key == self.broken {
            return Err(Error::invalid("this one can never be followed"));
        }
        if self.trouble.load(Ordering::SeqCst) > 0 {
            self.trouble.fetch_sub(1, Ordering::SeqCst);
            return Err(Error::Unavailable("the disk is full".into()));
        }
        self.followed.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    fn followed(&self) -> Vec<String> {
        let mut all = self.followed.lock().unwrap().clone();
        all.sort();
        all.dedup();
        all
    }
}

#[async_trait]
impl Follower for Shaky {
    fn name(&self) -> &'static str {
        "shaky"
    }
    fn topic(&self) -> &'static str {
        "thing"
    }
    async fn follow(&self, _: &Tx, key: &str) -> Result<()> {
        self.turn(key)
    }
}

#[async_trait]
impl Job for Shaky {
    fn kind(&self) -> &'static str {
        "shaky"
    }
    async fn run(&self, _: &Tx, job: &Due) -> Result<()> {
        self.turn(&job.key)
    }
}

async fn things(db: &Db, keys: &[&str]) {
    for key in keys {
        db.write(|tx| async move { tx.publish("thing", key).await }).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_is_followed_after_the_store_was_in_trouble_and_beside_one_that_never_can_be() {
    let shaky = Shaky::new(3);
    let follower = shaky.clone();
    let s = Stage::new(|_| Parts { followers: vec![follower], ..Parts::default() }).await;
    things(&s.db, &["a", "broken", "b"]).await;
    for _ in 0..3 {
        assert!(s.flow.settle().await.is_err(), "the store is in trouble");
    }
    s.flow.settle().await.unwrap();
    things(&s.db, &["c"]).await;
    s.flow.settle().await.unwrap();
    assert_eq!(shaky.followed(), ["a", "b", "c"]);
}

#[tokio::test]
async fn trouble_of_the_store_never_puts_a_job_or_an_event_aside() {
    let shaky = Shaky::new(12);
    let job = shaky.clone();
    let s = Stage::new(|_| Parts { jobs: vec![job], ..Parts::default() }).await;
    s.db.write(|tx| async move { schedule::put(&tx, "weekly", "shaky", tx.now(), &serde_json::Value::Null).await })
        .await
        .unwrap();
    for _ in 0..13 {
        s.flow.settle().await.unwrap();
        exec(&s.db, "UPDATE job SET retry_at = 0").await;
    }
    assert_eq!(shaky.followed(), ["weekly"]);
}

/// What the machine's clocks show in the test of their jumps: the wall clock, and the time since the start.
static WALL: AtomicI64 = AtomicI64::new(1_795_424_400_000_000);
static SINCE: AtomicU64 = AtomicU64::new(0);

fn machine() -> (Instant, Duration) {
    (Instant(WALL.load(Ordering::SeqCst)), Duration::from_micros(SINCE.load(Ordering::SeqCst)))
}

/// The wall clock is set, forward or back.
fn jump(micros: i64) {
    WALL.fetch_add(micros, Ordering::SeqCst);
}

/// Time goes by on both clocks.
fn pass(seconds: u64) {
    SINCE.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    jump(i64::try_from(seconds).unwrap() * Instant::SECOND);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_an_hour_doubles_nothing_and_lets_nothing_wait_an_hour() {
    let (made, url, _dir) = stoa_ground::testing::store_at().await;
    let ana = acquainted(&made, "Ana").await;
    made.close().await;
    let db = Db::open(&url, Clock::on_machine(machine)).await.unwrap();
    let (far, shaky) = (Arc::new(Far::default()), Shaky::new(0));
    let parts = Parts { kinds: vec![Box::new(State)], jobs: vec![shaky.clone()], ..Parts::default() };
    let flow = Flow::new(db.clone(), organisation(), parts);
    flow.connect(far.clone());
    let put = async |key: &'static str, after: i64| {
        let due = db.clock().now().plus(after);
        let put = db.write(|tx| async move { schedule::put(&tx, key, "shaky", due, &serde_json::Value::Null).await });
        put.await.unwrap();
    };

    // Back: what was due stays due, and what is due in a minute waits two, not an hour.
    put("in a minute", 60 * Instant::SECOND).await;
    remind(&db, &ana, "before").await;
    let before = db.clock().now();
    jump(-Instant::HOUR);
    remind(&db, &ana, "after").await;
    flow.settle().await.unwrap();
    assert_eq!(far.stands().len(), 2, "both are said at once");
    assert!(db.clock().now() >= before);
    pass(120);
    flow.settle().await.unwrap();
    assert_eq!(shaky.followed(), ["in a minute"]);

    // Forward, and back again: it happens early, and once.
    jump(Instant::HOUR);
    put("in half an hour", Instant::HOUR / 2).await;
    jump(Instant::HOUR);
    flow.settle().await.unwrap();
    jump(-Instant::HOUR);
    remind(&db, &ana, "later").await;
    pass(60);
    flow.settle().await.unwrap();
    assert_eq!(shaky.followed.lock().unwrap().as_slice(), ["in a minute", "in half an hour"]);
    assert_eq!(far.stands().len(), 3);

    // A start with the clock set back goes on from what the store has seen: here nothing waits either.
    let event = stoa_flow::chat::Envelope {
        key: "test/e1".into(),
        at: db.clock().now(),
        account: account("Ana"),
        place: direct("Ana"),
        event: stoa_flow::chat::Event::Command { word: "help".into(), args: String::new() },
    };
    flow.accept(event.clone()).await.unwrap();
    flow.accept(event).await.unwrap();
    flow.settle().await.unwrap();
    assert_eq!(far.stands().iter().filter(|s| s.0 == "reply/test/e1/0").count(), 1);
}
