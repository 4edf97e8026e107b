//! Where messages go: preferred place, one fallback, mail for what is mandated, and what happens when nothing is left.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stoa_flow::Parts;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::testing::Stage;
use stoa_ground::{Result, args, people};

/// A platform that keeps what it was sent, or is closed to us.
struct Postbox {
    name: &'static str,
    closed: Mutex<bool>,
    got: Mutex<Vec<String>>,
}

impl Postbox {
    fn new(name: &'static str, closed: bool) -> Arc<Self> {
        Arc::new(Self { name, closed: Mutex::new(closed), got: Mutex::default() })
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

#[async_trait]
impl Platform for Postbox {
    fn name(&self) -> &str {
        self.name
    }
    async fn send(&self, _: &Place, _: Option<&Account>, m: &Message, key: &str) -> Result<String, SendError> {
        if *self.closed.lock().unwrap() {
            return Err(SendError::Unreachable("the conversation is closed".into()));
        }
        self.got.lock().unwrap().push(m.plain());
        Ok(key.to_owned())
    }
    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        Ok(())
    }
    async fn find(&self, _: &Place, _: &str) -> Result<Option<String>, SendError> {
        Ok(None)
    }
    async fn direct(&self, a: &Account) -> Result<Place, SendError> {
        Ok(Place {
            platform: self.name.into(),
            workspace: String::new(),
            channel: a.user.clone(),
            thread: None,
            direct: true,
        })
    }
    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

/// A delivery that says its item; `mandated` or not by its name.
struct Say(&'static str, Policy);

#[async_trait]
impl DeliveryKind for Say {
    fn name(&self) -> &'static str {
        self.0
    }
    fn label(&self) -> &'static str {
        stoa_flow::words_key!("kind-reply")
    }
    fn policy(&self) -> Policy {
        self.1
    }
    async fn render(&self, _: &Rendering<'_>, d: &Delivery) -> Result<Rendered> {
        Ok(Rendered::Say(Message::text(d.item.clone())))
    }
}

async fn stage() -> Stage {
    Stage::new(|_| Parts {
        kinds: vec![Box::new(Say("reminder", Policy::MANDATED)), Box::new(Say("note", Policy::ANSWER))],
        ..Parts::default()
    })
    .await
}

async fn say(s: &Stage, person: &str, kind: &'static str, item: &str) {
    let new = NewDelivery {
        key: item.into(),
        kind,
        person: Some(person.into()),
        item: item.into(),
        ..NewDelivery::default()
    };
    let new = &new;
    s.db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
    s.flow.settle().await.unwrap();
}

async fn link(s: &Stage, person: &str, platform: &str) {
    s.db.write(|tx| async move { people::link_account(&tx, person, platform, "", "ana").await }).await.unwrap();
}

async fn prefer(s: &Stage, person: &str, place: &str) {
    s.db.write(|tx| async move { people::set_setting(&tx, person, delivery::PREFERRED, Some(place)).await })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_preferred_place_comes_first_and_another_one_when_it_is_closed() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    let other = Postbox::new("other", false);
    s.flow.connect(other.clone());
    link(&s, &ana.id, "other").await;
    prefer(&s, &ana.id, "other").await;
    say(&s, &ana.id, "note", "first").await;
    assert!(other.got()[0].contains("first"));
    *other.closed.lock().unwrap() = true;
    say(&s, &ana.id, "note", "second").await;
    assert!(s.news("Ana").contains("second"), "the fallback");
    assert_eq!(other.got().len(), 1);
}

#[tokio::test]
async fn mail_is_the_last_resort_and_only_for_what_is_mandated() {
    let s = stage().await;
    let ana = s.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
    s.db.write(|tx| async move { people::unlink_account(&tx, "test", "", "Ana").await }).await.unwrap();
    let (other, mail) = (Postbox::new("other", true), Postbox::new("mail", false));
    s.flow.connect(other.clone());
    s.flow.connect(mail.clone());
    link(&s, &ana.id, "other").await;
    say(&s, &ana.id, "note", "a chat about cakes").await;
    assert_eq!(mail.got(), Vec::<String>::new());
    say(&s, &ana.id, "reminder", "fire safety").await;
    assert_eq!(mail.got().len(), 1);
    assert!(mail.got()[0].contains("fire safety"));
    assert!(mail.got()[0].contains("This comes by mail because Stoa could not reach you in chat."), "{:?}", mail.got());
}

#[tokio::test]
async fn who_cannot_be_reached_is_listed_and_gets_what_waited_once_that_changes() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    s.db.write(|tx| async move { people::unlink_account(&tx, "test", "", "Ana").await }).await.unwrap();
    say(&s, &ana.id, "reminder", "fire safety").await;
    let lost = s.db.read(|c| async move { delivery::unreachable(&c).await }).await.unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].person.name, "Ana");
    assert_eq!(lost[0].reason, "the person has no place where Stoa can write");
    assert_eq!(s.db.read(|c| async move { delivery::count_unreachable(&c).await }).await.unwrap(), 1);
    let other = Postbox::new("other", false);
    s.flow.connect(other.clone());
    link(&s, &ana.id, "other").await;
    s.flow.settle().await.unwrap();
    assert_eq!(other.got().len(), 1);
    let lost = s.db.read(|c| async move { delivery::unreachable(&c).await }).await.unwrap();
    assert!(lost.is_empty());
    let row = s.db.opt("SELECT state FROM outbox WHERE key = 'fire safety'", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("state").unwrap(), "posted");
}

#[tokio::test]
async fn a_message_that_a_place_refuses_is_put_aside_and_the_operator_can_try_again_or_give_up() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    let place = Place {
        platform: "other".into(),
        workspace: String::new(),
        channel: "gone".into(),
        thread: None,
        direct: false,
    };
    let other = Postbox::new("other", true);
    s.flow.connect(other.clone());
    for key in ["one", "two"] {
        let new = NewDelivery {
            key: key.into(),
            kind: "note",
            person: Some(ana.id.clone()),
            place: Some(place.clone()),
            item: key.into(),
            ..NewDelivery::default()
        };
        let new = &new;
        s.db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
    }
    s.flow.settle().await.unwrap();
    let parked = async || s.db.read(|c| async move { delivery::queues::parked(&c, 10).await }).await.unwrap();
    let rows = parked().await;
    assert_eq!(rows.iter().map(|p| p.reason.as_str()).collect::<Vec<_>>(), ["the conversation is closed"; 2]);
    let no = s.db.write(|tx| async move { delivery::queues::give_up(&tx, "three", "no").await }).await;
    assert!(no.unwrap_err().to_string().contains("a parked row with the key 'three' was not found"));
    s.db.write(|tx| async move { delivery::queues::give_up(&tx, "two", "not needed").await }).await.unwrap();
    *other.closed.lock().unwrap() = false;
    assert_eq!(s.db.write(|tx| async move { delivery::queues::retry(&tx, None).await }).await.unwrap(), 1);
    s.flow.settle().await.unwrap();
    assert_eq!(other.got().len(), 1);
    assert!(parked().await.is_empty());
}
