//! The flow as a person meets it: words, typos, the first message, nudges and their reasons.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use async_trait::async_trait;
use stoa_flow::chat::{Args, Button, Call, Command, Context, Message};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, Line, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::testing::Stage;
use stoa_flow::{Parts, words_key};
use stoa_ground::people::Status;
use stoa_ground::{Db, Error, Instant, Result, Tx, args};

/// Echoes, so that tests see what `ask` would get.
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
    fn accepts(&self, _args: &Args) -> bool {
        true
    }
    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        if call.args.text() == "explode" {
            return Err(Error::Io("the disk is on fire".into()));
        }
        cx.reply(Message::text(format!("asked: {}", call.args.text()))).await
    }
}

/// Says "remember X" about its item, until a row in `meta` says that it is done.
struct Reminder(Policy);

impl Reminder {
    async fn done(db: &Db, item: &str) -> Result<bool> {
        Ok(db.opt("SELECT value FROM meta WHERE name = $1", args![item]).await?.is_some())
    }
}

#[async_trait]
impl DeliveryKind for Reminder {
    fn name(&self) -> &'static str {
        if self.0.mandated { "reminder" } else { "drop" }
    }
    fn label(&self) -> &'static str {
        words_key!("kind-other")
    }
    fn policy(&self) -> Policy {
        self.0
    }
    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        Ok(match (Self::done(cx.db, &delivery.item).await?, cx.posted) {
            (true, true) => Rendered::Say(Message::text(format!("{}: done", delivery.item))),
            (true, false) => Rendered::Gone(words_key!("why-done")),
            (false, _) => Rendered::Say(
                Message::text(format!("remember {}", delivery.item))
                    .buttons(vec![Button::new("Why?", format!("why {}", delivery.key))]),
            ),
        })
    }
    async fn line(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Line>> {
        let done = Self::done(cx.db, &delivery.item).await?;
        Ok((!done).then(|| Line { text: format!("- {}", delivery.item), buttons: Vec::new() }))
    }
}

/// Reminds a person of an item.
struct RemindJob;

#[async_trait]
impl Job for RemindJob {
    fn kind(&self) -> &'static str {
        "remind"
    }
    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
        let new = NewDelivery {
            key: format!("nudge/{}/t-1", text("item")),
            kind: "reminder",
            person: Some(text("person")),
            item: text("item"),
            ..NewDelivery::default()
        };
        delivery::enqueue(tx, &new).await.map(|_| ())
    }
}

async fn stage() -> Stage {
    Stage::new(|_| Parts {
        commands: vec![Box::new(Ask)],
        kinds: vec![Box::new(Reminder(Policy::MANDATED)), Box::new(Reminder(Policy::voluntary(Priority::Drop)))],
        jobs: vec![std::sync::Arc::new(RemindJob)],
        ..Parts::default()
    })
    .await
}

async fn remind(stage: &Stage, person: &str, kind: &'static str, item: &str, due: Option<Instant>) {
    let new = NewDelivery {
        key: format!("nudge/{item}/t-1"),
        kind,
        person: Some(person.into()),
        item: item.into(),
        due,
        ..NewDelivery::default()
    };
    let new = &new;
    stage.db.write(|tx| async move { delivery::enqueue(&tx, new).await }).await.unwrap();
}

#[tokio::test]
async fn plain_words_typos_and_slashes_are_understood() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    let first = s.says("Ana", "how do I book leave?").await;
    assert!(first.contains("What I keep:") && first.ends_with("asked: how do I book leave?"), "{first}");
    assert_eq!(s.says("Ana", "/stoa ask about leave").await, "asked: about leave");
    assert_eq!(s.says("Ana", "why is the sky blue").await, "asked: why is the sky blue");
    let typo = s.says("Ana", "hlep").await;
    assert!(typo.starts_with("I do not know “hlep”. Did you mean **help**?"), "{typo}");
    assert!(s.says("Ana", "/stoa frobnicate").await.starts_with("I do not know “frobnicate”."));
    assert!(s.says("Ana", "help").await.contains("**why**: why you got a message"));
    assert!(s.says("Ana", &"x".repeat(200_000)).await.starts_with("That is too long for me."));
    assert_eq!(s.says("Ana", "why nudge/nothing/t-7").await, "I sent you no such message.");
    assert!(s.says("Stranger", "why").await.contains("I do not know this account yet"));
    assert!(s.says("Stranger", "where is the office?").await.contains("asked: where is the office?"));
}

#[tokio::test]
async fn the_same_event_twice_is_answered_once() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    let envelope = stoa_flow::chat::Envelope {
        key: "test/same".into(),
        at: s.db.clock().now(),
        account: stoa_flow::testing::account("Ana"),
        place: stoa_flow::testing::direct("Ana"),
        event: stoa_flow::chat::Event::Command { word: "ask".into(), args: "x".into() },
    };
    for _ in 0..3 {
        s.flow.accept(envelope.clone()).await.unwrap();
        s.flow.settle().await.unwrap();
    }
    assert_eq!(s.to("Ana").len(), 1);
}

#[tokio::test]
async fn a_reminder_waits_for_working_hours_is_sent_once_and_turns_to_done() {
    let s = stage().await;
    let ana = s.hire("Ana", |p| p.timezone = "Australia/Sydney".into()).await;
    remind(&s, &ana.id, "reminder", "safety", None).await;
    remind(&s, &ana.id, "reminder", "safety", None).await;
    s.flow.settle().await.unwrap();
    assert_eq!(s.news("Ana"), "", "it is eight in the evening in Sydney");
    s.until("2026-11-23T23:00:00Z").await;
    let sent = s.to("Ana");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].at, Instant::parse("2026-11-23T22:00:00Z").unwrap(), "nine o'clock on Tuesday in Sydney");
    s.db.write(|tx| async move {
        tx.exec("INSERT INTO meta VALUES ('safety', 'done')", args![]).await?;
        delivery::revise(&tx, "nudge/safety/").await
    })
    .await
    .unwrap();
    s.flow.settle().await.unwrap();
    let edited = s.to("Ana").last().unwrap().message.plain();
    assert!(edited.ends_with("safety: done") && edited.contains("What I keep:"), "{edited}");
    s.news("Ana");
    let why = s.says("Ana", "why").await;
    assert!(why.contains("brought up to date: what it says had changed"), "{why}");
}

#[tokio::test]
async fn what_is_done_before_it_was_sent_is_never_sent() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    let at = Instant::parse("2026-11-24T10:00:00Z").unwrap();
    remind(&s, &ana.id, "reminder", "safety", Some(at)).await;
    s.db.write(|tx| async move { tx.exec("INSERT INTO meta VALUES ('safety', 'done')", args![]).await }).await.unwrap();
    s.until("2026-11-25T10:00:00Z").await;
    assert!(s.to("Ana").is_empty());
    assert!(s.says("Ana", "why").await.contains("taken back: it was done already"));
}

#[tokio::test]
async fn twelve_courses_at_once_are_one_message() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    for n in 0..12 {
        remind(&s, &ana.id, "reminder", &format!("course {n}"), None).await;
    }
    s.flow.settle().await.unwrap();
    let news = s.news("Ana");
    assert_eq!(s.to("Ana").len(), 1, "{news}");
    assert!(news.contains("12 things are waiting for you:") && news.contains("- course 11"), "{news}");
    s.db.write(|tx| async move {
        for n in 0..12 {
            tx.exec("INSERT INTO meta VALUES ($1, 'done')", args![format!("course {n}")]).await?;
        }
        delivery::revise(&tx, "nudge/course 3/").await
    })
    .await
    .unwrap();
    s.flow.settle().await.unwrap();
    assert!(s.to("Ana")[0].message.plain().contains("All done."), "the digest is edited too");
}

#[tokio::test]
async fn what_many_jobs_of_one_instant_have_to_say_is_one_message_for_each() {
    let s = stage().await;
    let people = [s.hire("Ana", |_| {}).await, s.hire("Bo", |_| {}).await, s.hire("Cy", |_| {}).await];
    let at = Instant::parse("2026-11-24T09:00:00Z").unwrap();
    for n in 0..130 {
        let payload = &serde_json::json!({ "person": people[n % 3].id, "item": format!("course {n}") });
        let key = &format!("remind/{n:03}");
        s.db.write(|tx| async move { schedule::put(&tx, key, "remind", at, payload).await }).await.unwrap();
    }
    s.until("2026-11-24T16:00:00Z").await;
    for (name, items) in [("Ana", 44), ("Bo", 43), ("Cy", 43)] {
        let sent = s.to(name);
        assert_eq!(sent.len(), 1, "{name}: {}", s.news(name));
        assert!(sent[0].message.plain().contains(&format!("{items} things are waiting")), "{name}");
        assert_eq!(sent[0].at, at);
    }
}

#[tokio::test]
async fn who_flies_west_over_the_date_line_has_the_budget_of_a_day_once() {
    let s = stage().await;
    let ana = s.hire("Ana", |p| p.timezone = "Pacific/Kiritimati".into()).await;
    // Nine and half past twelve on Tuesday in Kiritimati.
    for (item, at) in
        [("one", "2026-11-23T19:00:00Z"), ("two", "2026-11-23T22:30:00Z"), ("three", "2026-11-24T17:00:00Z")]
    {
        remind(&s, &ana.id, "reminder", item, Some(Instant::parse(at).unwrap())).await;
    }
    s.until("2026-11-24T01:00:00Z").await;
    assert_eq!(s.to("Ana").len(), 2);
    let (id, zone) = (&ana.id, "UPDATE person SET timezone = 'America/Los_Angeles' WHERE id = $1");
    s.db.write(|tx| async move { tx.exec(zone, args![id]).await }).await.unwrap();
    s.until("2026-11-26T01:00:00Z").await;
    let sent = s.to("Ana");
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2].at, Instant::parse("2026-11-25T17:00:00Z").unwrap(), "Tuesday's budget was used in Kiritimati");
}

#[tokio::test]
async fn who_does_not_react_hears_once_that_it_pauses_and_how_it_goes_on() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    for day in 23..=30 {
        let at = Instant::parse(&format!("2026-11-{day}T10:00:00Z")).unwrap();
        remind(&s, &ana.id, "drop", &format!("lesson {day}"), Some(at)).await;
    }
    s.until("2026-12-01T12:00:00Z").await;
    let said: Vec<String> = s.to("Ana").iter().map(|posted| posted.message.plain()).collect();
    assert_eq!(said.iter().filter(|text| text.contains("remember lesson")).count(), 5, "{said:?}");
    assert_eq!(said.iter().filter(|text| text.contains("I stop sending them")).count(), 1, "{said:?}");
    s.news("Ana");
    assert!(s.presses("Ana", "settings resume").await.contains("Welcome back"));
    remind(&s, &ana.id, "drop", "lesson 31", None).await;
    s.until("2026-12-02T12:00:00Z").await;
    assert!(s.news("Ana").contains("remember lesson 31"));
}

#[tokio::test]
async fn why_names_the_next_moment_and_not_one_that_has_passed() {
    let s = stage().await;
    let ana = s.hire("Ana", |p| p.status = Status::Leave).await;
    remind(&s, &ana.id, "reminder", "safety", None).await;
    s.until("2026-11-26T12:00:00Z").await;
    let decided = stoa_flow::nudges::decisions_about(&s.db, &ana.id, 10).await.unwrap();
    assert_eq!(decided[0].reason, "leave");
    assert!(decided[0].until.unwrap() > s.db.clock().now(), "{decided:?}");
    // In words; where the chat shows instants, with them.
    let why = s.says("Ana", "why").await;
    assert!(why.contains("I look again tomorrow 09:00.") && !why.contains("moment:"), "{why}");
    s.chat.show_moments();
    let why = s.says("Ana", "why").await;
    assert!(why.contains("I look again [tomorrow 09:00](moment:1795770000)."), "{why}");
}

#[tokio::test]
async fn quiet_hours_of_a_whole_working_day_are_refused_and_silence_nothing() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    for (hours, taken) in [("08:00-16:30", false), ("00:00-24:00", false), ("10:00-16:59", true), ("12:00-09:00", true)]
    {
        let values = std::collections::BTreeMap::from([("quiet_hours".to_owned(), hours.to_owned())]);
        let event = stoa_flow::chat::Event::Submit { command: "settings save".into(), values };
        let said = s.event("Ana", stoa_flow::testing::direct("Ana"), event).await;
        assert_eq!(!matches!(said, stoa_flow::chat::Opened::Errors(_)), taken, "{hours}: {said:?}");
    }
    let id = &ana.id;
    let stored =
        |tx: Tx| async move { stoa_ground::people::set_setting(&tx, id, "quiet_hours", Some("08:00-17:00")).await };
    s.db.write(stored).await.unwrap();
    s.until("2026-11-24T09:30:00Z").await;
    s.news("Ana");
    remind(&s, id, "reminder", "safety", None).await;
    s.flow.settle().await.unwrap();
    assert!(s.news("Ana").contains("remember safety"));
}

#[tokio::test]
async fn a_voluntary_message_can_be_paused_and_says_so() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    assert!(s.says("Ana", "settings").await.contains("Pause lessons and tips"));
    s.presses("Ana", "settings pause").await;
    s.until("2026-11-24T09:30:00Z").await;
    remind(&s, &ana.id, "drop", "lesson 1", None).await;
    remind(&s, &ana.id, "reminder", "safety", None).await;
    s.flow.settle().await.unwrap();
    let news = s.news("Ana");
    assert!(news.contains("remember safety") && !news.contains("lesson 1"), "{news}");
    assert!(s.says("Ana", "why").await.contains("you have paused voluntary messages"));
}

#[tokio::test]
async fn after_a_crash_between_sending_and_remembering_nothing_is_sent_twice() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    remind(&s, &ana.id, "reminder", "safety", None).await;
    s.flow.settle().await.unwrap();
    s.db.write(|tx| async move {
        tx.exec("UPDATE outbox SET state = 'sending', message_id = NULL, lease_until = 0", args![]).await
    })
    .await
    .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    s.flow.clone().run(stop).await;
    s.flow.settle().await.unwrap();
    assert_eq!(s.to("Ana").len(), 1);
    let row = s.db.opt("SELECT state, message_id FROM outbox", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("state").unwrap(), "posted");
}

#[tokio::test]
async fn when_a_command_fails_the_person_hears_of_it_in_the_end_and_the_operator_keeps_the_event() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "hello?").await;
    s.says("Ana", "/ask explode").await;
    for _ in 0..5 {
        s.db.write(|tx| async move { tx.exec("UPDATE inbox SET retry_at = 0", args![]).await }).await.unwrap();
        s.flow.settle().await.unwrap();
    }
    assert!(s.news("Ana").contains("Something went wrong on my side"));
    let row = s.db.opt("SELECT error FROM inbox WHERE state = 'parked'", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("error").unwrap(), "the disk is on fire");
}
