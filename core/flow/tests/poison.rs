//! What always fails, or never ends, is counted, put aside and named; what stands beside it goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stoa_flow::chat::{
    Account, Args, Call, Command, Context, Message, MessageRef, Place, Platform, SendError, ThreadMessage,
};
use stoa_flow::delivery::queues::{self, Parked};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::testing::{Stage, account, direct};
use stoa_flow::{Follower, Parts, words_key};
use stoa_ground::db::Engine;
use stoa_ground::{Db, Error, Instant, Result, Tx, args};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Whether this is what always fails.
fn poison(text: &str) -> bool {
    text.contains("poison")
}

struct Ask;

#[async_trait]
impl Command for Ask {
    fn word(&self) -> &'static str {
        "ask"
    }
    fn about(&self) -> &'static str {
        words_key!("chat-help-about-ask")
    }
    fn public(&self) -> bool {
        true
    }
    fn accepts(&self, _: &Args) -> bool {
        true
    }
    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        assert!(!poison(call.args.text()), "this question breaks the command");
        cx.reply(Message::text(format!("asked: {}", call.args.text()))).await
    }
}

struct Say(&'static str, Policy);

#[async_trait]
impl DeliveryKind for Say {
    fn name(&self) -> &'static str {
        self.0
    }
    fn label(&self) -> &'static str {
        words_key!("kind-other")
    }
    fn policy(&self) -> Policy {
        self.1
    }
    async fn render(&self, _: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        assert!(!poison(&delivery.item), "this item breaks the rendering");
        Ok(Rendered::Say(Message::text(delivery.item.clone())))
    }
}

/// A job and a follower that can do nothing with what is poisoned, until that is mended.
#[derive(Default)]
struct Works {
    panics: bool,
    mended: AtomicBool,
    done: Mutex<Vec<String>>,
}

impl Works {
    fn work(&self, key: &str) -> Result<()> {
        if poison(key) && !self.mended.load(Ordering::SeqCst) {
            assert!(!self.panics, "{key} breaks the work");
            return Err(Error::invalid("this can never be followed"));
        }
        self.done.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    /// Each once: what was rolled back is done again.
    fn done(&self) -> BTreeSet<String> {
        self.done.lock().unwrap().iter().cloned().collect()
    }
}

#[async_trait]
impl Job for Works {
    fn kind(&self) -> &'static str {
        "works"
    }
    async fn run(&self, _: &Tx, job: &Due) -> Result<()> {
        self.work(&job.key)
    }
}

#[async_trait]
impl Follower for Works {
    fn name(&self) -> &'static str {
        "works"
    }
    fn topic(&self) -> &'static str {
        "thing"
    }
    async fn follow(&self, _: &Tx, key: &str) -> Result<()> {
        self.work(key)
    }
}

/// The chat at the far end. It may take no edits, and what nobody asked for it may never answer.
#[derive(Default)]
struct Far {
    stands: Mutex<Vec<String>>,
    no_edits: AtomicBool,
    edits: AtomicUsize,
    hangs: bool,
    begun: Notify,
    said: Notify,
}

#[async_trait]
impl Platform for Far {
    fn name(&self) -> &'static str {
        "far"
    }
    async fn send(&self, _: &Place, _: Option<&Account>, m: &Message, key: &str) -> Result<String, SendError> {
        if self.hangs && !key.starts_with("reply/") {
            self.begun.notify_one();
            std::future::pending::<()>().await;
        }
        self.stands.lock().unwrap().push(m.plain());
        self.said.notify_one();
        Ok(key.to_owned())
    }
    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        self.edits.fetch_add(1, Ordering::SeqCst);
        match self.no_edits.load(Ordering::SeqCst) {
            true => Err(SendError::Retry { why: "not now".into(), after_seconds: None }),
            false => Ok(()),
        }
    }
    async fn find(&self, _: &Place, _: &str, _: Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }
    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(Place { platform: "far".into(), ..direct(&account.user) })
    }
    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

fn parts(works: Option<&Arc<Works>>) -> Parts {
    Parts {
        commands: vec![Box::new(Ask)],
        kinds: vec![Box::new(Say("note", Policy::ANSWER)), Box::new(Say("reminder", Policy::MANDATED))],
        jobs: works.into_iter().map(|works| works.clone() as Arc<dyn Job>).collect(),
        followers: works.into_iter().map(|works| works.clone() as Arc<dyn Follower>).collect(),
        ..Parts::default()
    }
}

async fn say(db: &Db, kind: &'static str, person: &str, item: &str) {
    let new = NewDelivery {
        key: item.into(),
        kind,
        person: Some(person.into()),
        item: item.into(),
        ..NewDelivery::default()
    };
    let new = &new;
    db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
}

/// Everything is tried so often, with the pauses between; what fails on the way is told and stops nothing.
async fn tried(s: &Stage, times: usize) {
    for _ in 0..times {
        let _ = s.flow.settle().await;
        s.db.write(|tx| async move {
            tx.exec("UPDATE inbox SET retry_at = 0, lease_until = 0", args![]).await?;
            tx.exec("UPDATE outbox SET retry_at = 0, lease_until = 0", args![]).await?;
            tx.exec("UPDATE job SET retry_at = 0", args![]).await
        })
        .await
        .unwrap();
    }
}

async fn parked(s: &Stage) -> Vec<Parked> {
    s.db.read(|c| async move { queues::parked(&c, 10).await }).await.unwrap()
}

#[tokio::test]
async fn an_event_that_breaks_its_command_is_put_aside_and_the_next_one_is_answered() {
    let s = Stage::new(|_| parts(None)).await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "ask poison").await;
    s.says("Ana", "ask what next").await;
    tried(&s, 5).await;
    let news = s.news("Ana");
    assert!(news.contains("Something went wrong on my side") && news.contains("asked: what next"), "{news}");
    let parked = parked(&s).await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(parked[0].reason.contains("broke off with a panic"), "{parked:?}");
}

#[tokio::test]
async fn a_message_that_breaks_its_rendering_is_put_aside_and_the_others_are_sent() {
    let s = Stage::new(|_| parts(None)).await;
    let (ana, bo) = (s.hire("Ana", |_| {}).await, s.hire("Bo", |_| {}).await);
    say(&s.db, "note", &ana.id, "poison").await;
    say(&s.db, "note", &ana.id, "lunch").await;
    say(&s.db, "note", &bo.id, "dinner").await;
    tried(&s, 2).await;
    assert!(s.news("Ana").contains("lunch") && s.news("Bo").contains("dinner"));
    tried(&s, 38).await;
    let parked = parked(&s).await;
    assert_eq!(parked.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["poison"]);
}

#[tokio::test]
async fn a_message_that_takes_the_server_with_it_each_time_is_put_aside() {
    let s = Stage::new(|_| parts(None)).await;
    let ana = s.hire("Ana", |_| {}).await;
    say(&s.db, "note", &ana.id, "lunch").await;
    // The last of many attempts ended with the process.
    let cut_off = "UPDATE outbox SET state = 'sending', attempts = 39, lease_until = 0";
    s.db.write(|tx| async move { tx.exec(cut_off, args![]).await }).await.unwrap();
    s.flow.settle().await.unwrap();
    let parked = parked(&s).await;
    assert_eq!(parked[0].reason, "it was cut off each time that it was sent");
}

#[tokio::test]
async fn a_job_that_breaks_is_put_aside_and_the_others_run() {
    let works = Arc::new(Works { panics: true, ..Works::default() });
    let s = Stage::new(|_| parts(Some(&works))).await;
    for key in ["a poison", "b"] {
        s.db.write(|tx| async move { schedule::put(&tx, key, "works", tx.now(), &serde_json::Value::Null).await })
            .await
            .unwrap();
    }
    tried(&s, 5).await;
    assert_eq!(works.done(), BTreeSet::from(["b".to_owned()]));
    assert_eq!(parked(&s).await[0].key, "a poison");
}

#[tokio::test]
async fn a_change_that_cannot_be_followed_is_listed_and_followed_once_that_is_mended() {
    for panics in [false, true] {
        let works = Arc::new(Works { panics, ..Works::default() });
        let s = Stage::new(|_| parts(Some(&works))).await;
        for key in ["a", "poison", "b"] {
            s.db.write(|tx| async move { tx.publish("thing", key).await }).await.unwrap();
        }
        tried(&s, 6).await;
        assert_eq!(works.done(), BTreeSet::from(["a", "b"].map(str::to_owned)));
        assert_eq!(parked(&s).await[0].key, "follow/works/poison");
        works.mended.store(true, Ordering::SeqCst);
        s.db.write(|tx| async move { queues::retry(&tx, None).await }).await.unwrap();
        s.flow.settle().await.unwrap();
        assert!(works.done().contains("poison"));
    }
}

/// Fails the first time, and lets another server begin to follow.
struct Overtaken {
    failed: AtomicBool,
    other_waits: Notify,
    done: Mutex<Vec<String>>,
}

#[async_trait]
impl Follower for Overtaken {
    fn name(&self) -> &'static str {
        "overtaken"
    }
    fn topic(&self) -> &'static str {
        "thing"
    }
    async fn follow(&self, _: &Tx, key: &str) -> Result<()> {
        if !self.failed.swap(true, Ordering::SeqCst) {
            self.other_waits.notified().await;
            return Err(Error::invalid("not at the first time"));
        }
        self.done.lock().unwrap().push(key.to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn what_another_server_is_about_to_follow_is_not_taken_for_followed() {
    let follower =
        Arc::new(Overtaken { failed: AtomicBool::default(), other_waits: Notify::new(), done: Mutex::default() });
    let s = Stage::new(|_| Parts { followers: vec![follower.clone()], ..Parts::default() }).await;
    if s.db.engine() == Engine::Sqlite {
        // One writer: nobody comes between.
        return;
    }
    for key in ["a", "b"] {
        s.db.write(|tx| async move { tx.publish("thing", key).await }).await.unwrap();
    }
    let (other, waits, ends) = (s.db.clone(), follower.clone(), Arc::new(Notify::new()));
    let end = ends.clone();
    let other = tokio::spawn(async move {
        let (waits, end) = (&waits.other_waits, &end);
        other
            .write_by_key(|tx| async move {
                waits.notify_one();
                tx.lock("follower/overtaken").await?;
                // It goes away without having followed anything.
                end.notified().await;
                Ok(())
            })
            .await
    });
    let _ = s.flow.settle().await;
    ends.notify_one();
    other.await.unwrap().unwrap();
    s.flow.settle().await.unwrap();
    assert_eq!(*follower.done.lock().unwrap(), ["a", "b"]);
}

async fn at_the_far_end(far: &Arc<Far>) -> (Stage, String) {
    let s = Stage::new(|_| parts(None)).await;
    s.flow.connect(far.clone());
    let ana = s.hire("Ana", |_| {}).await.id;
    let person = &ana;
    s.db.write(|tx| async move {
        stoa_ground::people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await?;
        stoa_ground::people::link_account(&tx, person, ("far", "", "Ana"), "operator", "a test").await
    })
    .await
    .unwrap();
    (s, ana)
}

#[tokio::test]
async fn an_edit_that_no_platform_takes_is_given_up_and_the_next_change_is_shown() {
    let far = Arc::new(Far::default());
    let (s, ana) = at_the_far_end(&far).await;
    say(&s.db, "note", &ana, "lunch").await;
    s.flow.settle().await.unwrap();
    far.no_edits.store(true, Ordering::SeqCst);
    let change = async || {
        s.db.write(|tx| async move {
            // It said something else.
            tx.exec("UPDATE outbox SET said = NULL", args![]).await?;
            delivery::revise_one(&tx, "lunch").await
        })
        .await
        .unwrap();
    };
    change().await;
    s.flow.settle().await.unwrap();
    let pause = async || {
        let row = s.db.opt("SELECT retry_at FROM outbox", args![]).await.unwrap().unwrap();
        row.get::<i64>("retry_at").unwrap() - s.db.lease_time().await.unwrap().0
    };
    tried(&s, 10).await;
    s.flow.settle().await.unwrap();
    assert!(pause().await > 30_000_000, "the pauses grow");
    tried(&s, 50).await;
    assert_eq!(far.edits.load(Ordering::SeqCst), 40);
    let row = s.db.opt("SELECT state, revise, error FROM outbox", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("state").unwrap(), "posted");
    assert_eq!((row.get::<i64>("revise").unwrap(), row.get::<String>("error").unwrap().as_str()), (0, "not now"));
    far.no_edits.store(false, Ordering::SeqCst);
    change().await;
    s.flow.settle().await.unwrap();
    assert_eq!(far.edits.load(Ordering::SeqCst), 41);
}

#[tokio::test]
async fn a_platform_that_never_answers_holds_up_no_event_and_no_answer() {
    let far = Arc::new(Far { hangs: true, ..Far::default() });
    let (s, ana) = at_the_far_end(&far).await;
    s.hire("Bo", |_| {}).await;
    say(&s.db, "reminder", &ana, "fire safety").await;
    let workers = tokio::spawn(s.flow.clone().run(CancellationToken::new()));
    let soon = Duration::from_secs(60);
    tokio::time::timeout(soon, far.begun.notified()).await.unwrap();
    let event = stoa_flow::chat::Envelope {
        key: "test/e1".into(),
        at: s.db.clock().now(),
        account: account("Bo"),
        place: Place { platform: "far".into(), ..direct("Bo") },
        event: stoa_flow::chat::Event::Command { word: "ask".into(), args: "what now".into() },
    };
    s.flow.accept(event).await.unwrap();
    tokio::time::timeout(soon, far.said.notified()).await.expect("the answer does not wait for the reminder");
    assert!(far.stands.lock().unwrap()[0].contains("asked: what now"));
    workers.abort();
}
