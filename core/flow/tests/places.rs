//! Where messages go: preferred place, one fallback, mail for what is mandated, and what happens when nothing is left.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stoa_flow::Parts;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::testing::Stage;
use stoa_ground::{Instant, Result, args, people};

/// A platform that keeps what it was sent, or is closed to us.
struct Postbox {
    name: &'static str,
    closed: Mutex<bool>,
    /// What it was sent arrives; its answers do not.
    deaf: Mutex<bool>,
    /// Delivery keys and texts.
    got: Mutex<Vec<(String, String)>>,
    /// Texts of edits.
    edits: Mutex<Vec<String>>,
}

impl Postbox {
    fn new(name: &'static str, closed: bool) -> Arc<Self> {
        let closed = Mutex::new(closed);
        Arc::new(Self { name, closed, deaf: Mutex::default(), got: Mutex::default(), edits: Mutex::default() })
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
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
        self.got.lock().unwrap().push((key.to_owned(), m.plain()));
        if *self.deaf.lock().unwrap() {
            return Err(SendError::Retry { why: "no answer".into(), after_seconds: None });
        }
        Ok(key.to_owned())
    }
    async fn edit(&self, _: &MessageRef, m: &Message) -> Result<(), SendError> {
        self.edits.lock().unwrap().push(m.plain());
        Ok(())
    }
    async fn find(&self, _: &Place, key: &str, _: Instant) -> Result<Option<String>, SendError> {
        if *self.deaf.lock().unwrap() {
            return Err(SendError::Retry { why: "no answer".into(), after_seconds: None });
        }
        Ok(self.got.lock().unwrap().iter().find(|(known, _)| known == key).map(|(key, _)| key.clone()))
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
    s.db.write(
        |tx| async move { people::link_account(&tx, person, (platform, "", "ana"), "operator", "a test").await },
    )
    .await
    .unwrap();
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
async fn a_message_whose_answer_was_lost_is_found_where_it_was_sent_to_wherever_the_person_is_by_then() {
    for (unlinked, cut_off) in [(false, false), (true, false), (false, true), (true, true)] {
        let s = stage().await;
        let ana = &s.hire("Ana", |_| {}).await;
        let (first, then) = (Postbox::new("first", false), Postbox::new("then", false));
        for platform in [&first, &then] {
            s.flow.connect(platform.clone());
            link(&s, &ana.id, platform.name).await;
        }
        prefer(&s, &ana.id, "first").await;
        *first.deaf.lock().unwrap() = true;
        say(&s, &ana.id, "note", "fire safety").await;
        assert_eq!(first.got().len(), 1);
        // Between the attempts she writes in one chat, prefers another, and the first account is gone.
        prefer(&s, &ana.id, "then").await;
        s.says("Ana", "help").await;
        s.db.write(|tx| async move {
            if unlinked {
                people::unlink_account(&tx, ("first", "", "ana"), "operator", "a test").await?;
            }
            if cut_off {
                tx.exec("UPDATE outbox SET state = 'sending' WHERE key = 'fire safety'", args![]).await?;
            }
            tx.exec("UPDATE outbox SET retry_at = 0, lease_until = 0", args![]).await
        })
        .await
        .unwrap();
        *first.deaf.lock().unwrap() = false;
        s.flow.settle().await.unwrap();
        let row = s.db.opt("SELECT state FROM outbox WHERE key = 'fire safety'", args![]).await.unwrap().unwrap();
        assert_eq!(row.get::<String>("state").unwrap(), "posted");
        assert_eq!((first.got().len(), then.got().len()), (1, 0), "{unlinked} {cut_off}");
        assert!(!s.news("Ana").contains("fire safety"));
    }
}

#[tokio::test]
async fn mail_is_the_last_resort_and_only_for_what_is_mandated() {
    let s = stage().await;
    let ana = s.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
    s.db.write(|tx| async move { people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await })
        .await
        .unwrap();
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
async fn a_letter_stays_as_it_is_when_what_it_says_has_changed() {
    for (by_mail, edits) in [(false, 1), (true, 0)] {
        let s = stage().await;
        let ana = s.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
        s.db.write(|tx| async move { people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await })
            .await
            .unwrap();
        let (other, mail) = (Postbox::new("other", by_mail), Postbox::new("mail", false));
        s.flow.connect(other.clone());
        s.flow.connect(mail.clone());
        link(&s, &ana.id, "other").await;
        say(&s, &ana.id, "reminder", "fire safety").await;
        assert_eq!((other.got().len(), mail.got().len()), (edits, 1 - edits));
        s.db.write(|tx| async move {
            tx.exec("UPDATE outbox SET item = 'water safety' WHERE key = 'fire safety'", args![]).await?;
            delivery::revise(&tx, "fire safety").await
        })
        .await
        .unwrap();
        s.flow.settle().await.unwrap();
        assert_eq!((other.edits.lock().unwrap().len(), mail.edits.lock().unwrap().len()), (edits, 0));
        let row = s.db.opt("SELECT revise FROM outbox WHERE key = 'fire safety'", args![]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("revise").unwrap(), 0, "it is settled");
    }
}

#[tokio::test]
async fn who_cannot_be_reached_is_listed_and_gets_what_waited_once_that_changes() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    s.db.write(|tx| async move { people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await })
        .await
        .unwrap();
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

#[tokio::test]
async fn what_waited_comes_once_what_is_stale_never_and_writing_to_stoa_is_enough() {
    let s = stage().await;
    let ana = &s.hire("Ana", |_| {}).await;
    let other = Postbox::new("other", true);
    s.flow.connect(other.clone());
    s.db.write(|tx| async move { people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await })
        .await
        .unwrap();
    link(&s, &ana.id, "other").await;
    let soon = Instant::parse("2026-11-23T10:00:00Z").unwrap();
    for (key, expires) in [("fire safety", None), ("lunch is ready", Some(soon))] {
        let new = NewDelivery {
            key: key.into(),
            kind: "reminder",
            person: Some(ana.id.clone()),
            item: key.into(),
            expires,
            ..NewDelivery::default()
        };
        let new = &new;
        s.db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
        s.flow.settle().await.unwrap();
    }
    let lost = s.db.read(|c| async move { delivery::unreachable(&c).await }).await.unwrap();
    assert_eq!((lost[0].waiting, lost[0].way_out), (2, delivery::WayOut::WriteToStoa));
    s.until("2026-11-24T11:00:00Z").await;
    // Ana opens the conversation: she writes, which also reaches Stoa.
    *other.closed.lock().unwrap() = false;
    let account = Account { platform: "other".into(), workspace: String::new(), user: "ana".into() };
    let place = other.direct(&account).await.unwrap();
    let event = stoa_flow::chat::Event::Message { id: "u1".into(), text: "hello".into(), to_bot: false };
    let envelope = stoa_flow::chat::Envelope { key: "other/1".into(), at: s.db.clock().now(), account, place, event };
    s.flow.accept(envelope).await.unwrap();
    s.flow.settle().await.unwrap();
    // Not in the hour in which she has just been busy with Stoa.
    s.until("2026-11-24T12:30:00Z").await;
    let about = |word: &str| other.got().iter().filter(|m| m.contains(word)).count();
    assert_eq!((about("fire safety"), about("lunch")), (1, 0), "{:?}", other.got());
    let row = s.db.opt("SELECT state FROM outbox WHERE key = 'lunch is ready'", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("state").unwrap(), "withheld");
    s.db.write(|tx| async move { delivery::try_again(&tx).await }).await.unwrap();
    s.flow.settle().await.unwrap();
    assert_eq!(about("fire safety"), 1, "once");
    assert!(s.db.read(|c| async move { delivery::unreachable(&c).await }).await.unwrap().is_empty());
    let last = s.db.read(|c| async move { delivery::last_reached(&c, &ana.id).await }).await.unwrap().unwrap();
    assert_eq!(last.1, "other");
}

#[tokio::test]
async fn messages_for_two_rows_that_are_one_human_go_to_that_human_and_apart_again() {
    let s = stage().await;
    let ana = &s.hire("Ana", |_| {}).await;
    let second = &s.hire("Anna", |_| {}).await;
    let ledger = &stoa_ground::ledger::Ledger::new(people::projections());
    s.db.write(|tx| async move {
        people::merge::merge(&tx, ledger, "E-Anna", "E-Ana", "operator", "imported twice").await?;
        people::unlink_account(&tx, ("test", "", "Anna"), "operator", "closed").await
    })
    .await
    .unwrap();
    say(&s, &second.id, "note", "for the second row").await;
    assert!(s.news("Ana").contains("for the second row"));
    s.db.write(|tx| async move { people::merge::split(&tx, ledger, "E-Anna", "operator", "two after all").await })
        .await
        .unwrap();
    say(&s, &second.id, "reminder", "for Anna alone").await;
    assert_eq!(s.news("Ana"), "");
    let lost = s.db.read(|c| async move { delivery::unreachable(&c).await }).await.unwrap();
    assert_eq!(lost.iter().map(|u| u.person.id.as_str()).collect::<Vec<_>>(), [second.id.as_str()]);
    let _ = ana;
}

#[tokio::test]
async fn the_place_is_chosen_by_name_among_what_is_connected() {
    let s = Stage::new(|_| Parts {
        commands: vec![Box::new(stoa_flow::nudges::Settings)],
        kinds: vec![Box::new(Say("note", Policy::ANSWER))],
        ..Parts::default()
    })
    .await;
    let ana = &s.hire("Ana", |_| {}).await;
    let other = Postbox::new("other", false);
    s.flow.connect(other.clone());
    for account in [("other", "T0HIDDEN1", "ana"), ("other", "T0HIDDEN2", "ana"), ("gone", "", "ana")] {
        s.db.write(|tx| async move { people::link_account(&tx, &ana.id, account, "operator", "a test").await })
            .await
            .unwrap();
    }
    let event = stoa_flow::chat::Event::Action { command: "settings edit".into(), message: None };
    let opened = s.event("Ana", stoa_flow::testing::direct("Ana"), event).await;
    let stoa_flow::chat::Opened::Form(form) = opened else { panic!("{opened:?}") };
    let place = form.fields.iter().find(|f| f.name == delivery::PREFERRED).unwrap();
    let stoa_flow::chat::FieldKind::Choice { options, .. } = &place.kind else { panic!("{place:?}") };
    let names: Vec<&str> = options.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["the chat that you used last", "Other", "Other (2)", "Test"]);
    let values = std::collections::BTreeMap::from([(delivery::PREFERRED.to_owned(), "gone".to_owned())]);
    let event = stoa_flow::chat::Event::Submit { command: "settings save".into(), values };
    let refused = s.event("Ana", stoa_flow::testing::direct("Ana"), event).await;
    assert!(matches!(refused, stoa_flow::chat::Opened::Errors(_)), "{refused:?}");
    s.fills("Ana", "settings edit", &[(delivery::PREFERRED, "other/T0HIDDEN2")]).await;
    say(&s, &ana.id, "note", "hello there").await;
    assert!(other.got().iter().any(|m| m.contains("hello there")));
    assert!(other.got().last().is_some_and(|m| !m.contains("T0HIDDEN")));
}
