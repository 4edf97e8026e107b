//! When nobody wrote it down: an expert who agreed to be asked, a gap without names, and news when the answer arrives.

use stoa_flow::chat::Event;
use stoa_flow::testing::{Posted, channel};
use stoa_ground::people::{Person, Role};
use stoa_learning::library;

use super::{Office, id_of, without_ids};

/// A question that is near Tom's page and not answered by it.
const QUESTION: &str = "Which zeppelin gateway has the parking permit for the Harbour client?";

async fn office() -> (Office, Person) {
    let o = Office::open().await;
    o.hire_all().await;
    let tom = o.hire("Tom", |_| {}).await;
    o.says("Tom", "help").await;
    let item = &library::Item {
        source: "handbook".into(),
        location: "https://intranet.example.org/vpn".into(),
        title: "Remote access (VPN)".into(),
        readers: vec!["everyone".into()],
        owner: Some("E-Tom".into()),
        verified: true,
        sections: vec![library::Section {
            headings: vec!["Connecting".into()],
            text: "Start the Harbour client, choose the nearest gateway and sign in with your badge number.".into(),
            ..library::Section::default()
        }],
        ..library::Item::default()
    };
    o.db.write(|tx| async move { library::put(&tx, item).await }).await.unwrap();
    o.services.index.catch_up(&o.db).await.unwrap();
    (o, tom)
}

#[tokio::test]
async fn nobody_is_named_who_did_not_agree() {
    let (o, tom) = office().await;
    let unknown = o.says("Ana", QUESTION).await;
    assert!(unknown.starts_with("I don’t know.") && !unknown.contains("Tom"), "{unknown}");
    o.says("Tom", "ask experts on").await;
    assert!(o.says("Ana", QUESTION).await.contains("[Ask Tom: ask expert"));
    assert!(!o.says("Tom", QUESTION).await.contains("[Ask Tom"), "nobody is pointed to themselves");
    // Who left vanishes the same day, from what was posted as well.
    let left = &tom;
    let id = id_of(&o.last("Ana"), "ask expert");
    o.db.write(|tx| async move {
        tx.exec("UPDATE person SET status = 'left' WHERE id = $1", stoa_ground::args![&left.id]).await
    })
    .await
    .unwrap();
    assert!(!o.says("Ana", QUESTION).await.contains("Tom"));
    let gone = o.says("Ana", &format!("ask expert {id} {}", tom.id)).await;
    assert!(gone.contains("cannot be asked just now"), "{gone}");
}

#[tokio::test]
async fn a_colleague_is_asked_with_the_askers_consent_and_the_answer_comes_back_and_stays() {
    let (o, tom) = office().await;
    o.grant(&tom, Role::Expert).await;
    let unknown = o.says("Ana", QUESTION).await;
    insta::assert_snapshot!(without_ids(&unknown), @r#"
    I don’t know. I found nothing here that answers this.
    The nearest that I found:

    - [Remote access \(VPN\) › Connecting](<https://intranet.example.org/vpn>) (handbook)
    Tom may know, and agreed to be asked. If you ask, your name and your question go there.
    I noted your question, without your name, so that the answer can be written.
    [Ask Tom: ask expert ID ID]
    [Share the answer if you find it: tip write]
    "#);
    let question = id_of(&unknown, "ask expert");
    let passed = o.presses("Ana", &format!("ask expert {question} {}", tom.id)).await;
    assert!(passed.contains("I passed your question on to Tom."), "{passed}");
    let again = o.says("Ana", &format!("ask expert {question} {}", tom.id)).await;
    assert!(again.contains("I passed your question on"), "{again}");
    o.until("2026-11-23T11:30:00Z").await;
    let asked = o.news("Tom");
    assert_eq!(asked.matches("Ana asks you:").count(), 1, "{asked}");
    let request = id_of(&asked, "ask reply");
    let stolen = o.says("Bea", &format!("ask pass {request}")).await;
    assert!(stolen.contains("not there any more"), "{stolen}");

    let sent = o.fills("Tom", &format!("ask reply {request}"), &[("answer", "The north gateway. *Ring* twice.")]).await;
    assert!(sent.contains("Sent. Thank you!"), "{sent}");
    o.until("2026-11-23T13:00:00Z").await;
    let told = o.news("Ana");
    assert!(
        told.contains("Tom answers your question") && told.contains("> The north gateway. \\*Ring\\* twice."),
        "{told}"
    );
    o.presses("Ana", &format!("ask thanks {request}")).await;
    assert_eq!(
        o.count(
            "SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%verbs/applauded%' OR body LIKE '%verb/applauded%'"
        )
        .await,
        1
    );
    assert_eq!(
        o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%gateway%' OR body LIKE '%zeppelin%'").await,
        0
    );

    // Tom makes it an answer for everyone; Ana's wording is his to change.
    let values = [("questions", "Where is the zeppelin gateway?"), ("text", "The north gateway."), ("review", "")];
    let saved = o.fills("Tom", &format!("ask curate {request}"), &values).await;
    assert!(saved.contains("Saved. Whoever asks this gets your answer first."), "{saved}");
    o.services.index.catch_up(&o.db).await.unwrap();
    let answer = o.says("Bea", "where's the zeppelin gateway").await;
    assert!(answer.contains("The north gateway.") && answer.contains("(an approved answer)"), "{answer}");
}

#[tokio::test]
async fn an_expert_who_does_not_answer_is_not_waited_for_for_ever() {
    let (o, tom) = office().await;
    o.grant(&tom, Role::Expert).await;
    let question = id_of(&o.says("Ana", QUESTION).await, "ask expert");
    o.says("Ana", &format!("ask expert {question} {}", tom.id)).await;
    o.until("2026-11-30T12:00:00Z").await;
    let told = o.news("Ana");
    assert!(told.contains("Tom could not answer your question"), "{told}");
    assert!(o.last("Tom").contains("This is settled"), "{}", o.last("Tom"));
}

#[tokio::test]
async fn whoever_looks_at_an_answer_has_not_asked_its_question() {
    let (o, _) = office().await;
    let place = channel("general");
    let said = o.in_channel("Ana", &place, "am I fired because of my gambling debts?", true).await;
    let id = id_of(&said.last().unwrap().message.plain(), "ask private");
    let asked = || o.count("SELECT COUNT(*) AS n FROM statement");
    let before = asked().await;
    for who in ["Bea", "Tom"] {
        let press = Event::Action { command: format!("ask private {id}"), message: None };
        o.event(who, place.clone(), press).await;
    }
    assert_eq!(asked().await, before, "nobody else has asked");
    let asked_by = o.count(
        "SELECT COALESCE(MAX(asked), 0) AS n FROM (SELECT COUNT(*) AS asked FROM question WHERE gap IS NOT NULL) q",
    );
    assert_eq!(asked_by.await, 1, "one question of one person");
}

#[tokio::test]
async fn the_learning_team_sees_topics_with_counts_and_neither_names_nor_wordings_of_few() {
    let (o, _) = office().await;
    let lea = o.hire("Lea", |_| {}).await;
    o.grant(&lea, Role::Learning).await;
    o.says("Ana", "My boss Mr Brimstone never tells me how to order parking permits, how do I get one?").await;
    o.says("Bea", "How do I order a parking permit?").await;
    o.says("Ana", "What does Vindaloo say about Kowalski's divorce?").await;
    let denied = o.says("Bea", "ask gaps").await;
    assert!(denied.contains("Only the learning team can do this"), "{denied}");
    let listed = o.says("Lea", "ask gaps").await;
    insta::assert_snapshot!(without_ids(&listed), @r#"
    Hello Lea, I am Stoa, the learning bot of Harbour \& Pine. I answer “how do I” questions from our own pages, bring short lessons, and remind you of training that you need.

    **What I keep:** the questions you ask me, the tips you share, the lessons and training you do, and the messages I send you. Your questions and voluntary answers are not shown to your manager.
    **How to stop it:** type **settings** to pause or turn off lessons and tips. Reminders of required training go on, but never outside your working hours.
    **What I know about you:** type **mydata** to see, export or erase it.
    2 topics have no answer yet; those that most people asked about come first:
    **order, parking, permits, tells**
    asked 2 times by 2 people, last on Mon, 23 Nov 2026.
    [I take it: ask take ID]
    [Write the answer: ask curate ID]
    [Close: ask close ID]
    **something that no page has words for**
    asked once by one person, last on Mon, 23 Nov 2026.
    [I take it: ask take ID]
    [Write the answer: ask curate ID]
    [Close: ask close ID]
    A question is shown as it was asked only when three people or more asked the same. Names are never shown.
    "#);
    for hidden in ["Brimstone", "brimstone", "Kowalski", "kowalski", "divorce", "Ana", "Bea", "boss"] {
        assert!(!listed.contains(hidden), "{hidden}: {listed}");
    }
    // Once three people asked it, the question itself may be read.
    let cid = o.hire("Cid", |_| {}).await;
    assert_ne!(cid.id, lea.id);
    o.says("Cid", "how can I order parking permits").await;
    o.says("Tom", "ordering a parking permit?").await;
    let listed = o.says("Lea", "ask gaps").await;
    assert!(listed.contains("**How do I order a parking permit?**"), "{listed}");

    // Somebody takes it, and is reminded when the clock has run out.
    let gap = id_of(&listed, "ask take");
    let taken = o.presses("Lea", &format!("ask take {gap}")).await;
    assert!(taken.contains("I remind you on Mon, 30 Nov 2026 if it is still open."), "{taken}");
    assert!(o.says("Lea", "ask gaps").await.contains("Lea takes care of it until Mon, 30 Nov 2026"));
    o.until("2026-12-01T12:00:00Z").await;
    let reminded = o.news("Lea");
    assert!(reminded.contains("You took care of “How do I order a parking permit?”"), "{reminded}");
    o.presses("Lea", &format!("ask close {gap}")).await;
    o.until("2026-12-20T12:00:00Z").await;
    assert_eq!(o.to("Lea").iter().filter(|p| p.key.contains("/owner/")).count(), 1, "closed, so no more reminders");
}

fn news(o: &Office, user: &str) -> Vec<Posted> {
    o.to(user).into_iter().filter(|p| p.key.contains("/news/")).collect()
}

#[tokio::test]
async fn whoever_asked_is_told_once_when_the_answer_arrives_and_only_if_they_may_read_it() {
    let (o, _) = office().await;
    let ana = "How do I order a parking permit?";
    o.says("Ana", ana).await;
    o.says("Bea", ana).await;
    o.says("Tom", ana).await;
    o.says("Tom", "ask news off").await;
    // For Finance only: Ana is told, Bea is not.
    let text = "To order a parking permit, write to the front desk and bring your badge.";
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["group:Finance"]).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert_eq!(news(&o, "Ana").len(), 1);
    assert_eq!(news(&o, "Bea").len() + news(&o, "Tom").len(), 0);
    let told = news(&o, "Ana")[0].message.plain();
    insta::assert_snapshot!(without_ids(&told), @r#"
    On Mon, 23 Nov 2026 you asked “How do I order a parking permit?”, and I did not know. Now there is an answer:
    > To order a parking permit, write to the front desk and bring your badge.
    — Parking permits › Ordering (handbook: office/parking.md)
    [Helpful: ask helpful ID]
    [Not helpful: ask missing ID]
    [Save: ask save ID]
    [No such news: ask news off]
    [Why this?: why gap/ID/news/ID]
    "#);
    // The same page again, changed: nobody is told twice.
    o.put("office/parking.md", "Parking permits", "Ordering", &format!("{text} It is free."), &["group:Finance"]).await;
    o.until("2026-11-26T12:00:00Z").await;
    assert_eq!(news(&o, "Ana").len(), 1);
}

#[tokio::test]
async fn whoever_asks_again_after_the_answer_is_gone_is_told_again_and_the_others_are_not() {
    let (o, _) = office().await;
    let ana = "How do I order a parking permit?";
    o.says("Ana", ana).await;
    o.says("Bea", ana).await;
    let text = "To order a parking permit, write to the front desk and bring your badge.";
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["everyone"]).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert_eq!((news(&o, "Ana").len(), news(&o, "Bea").len()), (1, 1));
    // The page is gone, Ana asks again, and it comes back.
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["role:auditor"]).await;
    o.flow.settle().await.unwrap();
    let again = o.says("Ana", ana).await;
    assert!(again.contains("I don’t know"), "{again}");
    o.put("office/permits.md", "Permits", "Parking permit", text, &["everyone"]).await;
    o.until("2026-11-27T12:00:00Z").await;
    assert_eq!((news(&o, "Ana").len(), news(&o, "Bea").len()), (2, 1));
}

#[tokio::test]
async fn who_asked_last_is_told_however_often_others_asked_before() {
    let (o, _) = office().await;
    for _ in 0..51 {
        o.says("Ana", "How do I order a parking permit?").await;
    }
    o.says("Bea", "How do I order a parking permit?").await;
    let text = "To order a parking permit, write to the front desk and bring your badge.";
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["everyone"]).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert_eq!((news(&o, "Ana").len(), news(&o, "Bea").len()), (1, 1));
}

#[tokio::test]
async fn what_arrived_and_is_closed_again_before_it_is_told_is_not_told() {
    let (o, _) = office().await;
    o.until("2026-11-23T20:00:00Z").await;
    o.says("Ana", "How do I order a parking permit?").await;
    let text = "To order a parking permit, write to the front desk and bring your badge.";
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["everyone"]).await;
    o.flow.settle().await.unwrap();
    o.put("office/parking.md", "Parking permits", "Ordering", text, &["role:auditor"]).await;
    o.until("2026-11-25T12:00:00Z").await;
    assert_eq!(news(&o, "Ana").len(), 0);
}
