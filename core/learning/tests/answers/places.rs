//! What was said in a closed place stays there: every way in which words could get out of it into answers is tried.

use stoa_flow::chat::{Audience, Event, Opened, Place, ThreadMessage};
use stoa_flow::testing::{account, channel};
use stoa_ground::args;
use stoa_ground::people::Role;
use stoa_learning::answers::{Asking, ChannelRule, Speak};

use super::{Office, without_ids};

const QUESTION: &str = "Where do the spare fuses of the sorter lie?";
const ANSWER: &str = "The spare fuses of the sorter lie in drawer seven of the workshop.";

impl Office {
    async fn reacts(&self, user: &str, place: &Place, message: &str, added: bool) {
        let event = Event::Reaction { message: message.into(), emoji: "✅".into(), added };
        self.event(user, place.clone(), event).await;
    }

    /// Somebody uses the menu of a message of Bea.
    async fn uses(&self, user: &str, place: &Place, command: &str, message: &str) -> Opened {
        let message = ThreadMessage {
            id: message.into(),
            author: Some(account("Bea")),
            name: "Bea".into(),
            text: ANSWER.into(),
            at: self.db.clock().now(),
        };
        self.event(user, place.clone(), Event::Shortcut { command: command.into(), message }).await
    }

    /// Ana asks in a channel, and Bea answers; gives the thread and both messages.
    async fn asked_in(&self, place: &Place) -> (Place, String, String) {
        let question = self.posts("Ana", place, QUESTION).await;
        let thread = Place { thread: Some(question.clone()), ..place.clone() };
        let answer = self.posts("Bea", &thread, ANSWER).await;
        (thread, question, answer)
    }

    async fn asks_cem(&self) -> String {
        self.services.index.catch_up(&self.db).await.unwrap();
        self.says("Cem", QUESTION).await
    }

    /// Nothing that people said anywhere is kept, and nobody finds it.
    async fn keeps_nothing(&self, way: &str) {
        let told = self.asks_cem().await;
        assert!(told.starts_with("I don’t know") && !told.contains("drawer"), "{way}: {told}");
        for sql in [
            "SELECT text AS t FROM passage",
            "SELECT title AS t FROM document",
            "SELECT text AS t FROM tip",
            "SELECT COALESCE(text, '') AS t FROM discussion_message",
            "SELECT body AS t FROM statement WHERE voided = 0",
        ] {
            for row in self.db.all(sql, args![]).await.unwrap() {
                let text: String = row.get("t").unwrap();
                assert!(!text.contains("drawer") && !text.contains("fuses"), "{way}, {sql}: {text}");
            }
        }
    }

    /// Ana, Bea and Cem, and Lea of the learning team, who opts a channel in.
    async fn learning_in(name: &str) -> (Self, Place) {
        let o = Self::open().await;
        o.hire_all().await;
        o.hire("Cem", |_| {}).await;
        let lea = o.hire("Lea", |_| {}).await;
        o.grant(&lea, Role::Learning).await;
        o.says("Cem", "help").await;
        o.says("Lea", "help").await;
        let place = channel(name);
        o.event("Lea", place.clone(), Event::Command { word: "ask".into(), args: "channel learn".into() }).await;
        o.until("2026-11-23T11:00:00Z").await;
        (o, place)
    }
}

#[tokio::test]
async fn nothing_gets_out_of_a_closed_place_in_any_of_these_ways() {
    let (o, _) = Office::learning_in("open").await;
    let place = channel("board");
    o.chat.reads("board", Audience::default());
    let learn = Event::Command { word: "ask".into(), args: "channel learn".into() };
    o.event("Lea", place.clone(), learn).await;
    assert!(
        o.last("Lea").starts_with("I learn only from channels where every colleague may read"),
        "{}",
        o.last("Lea")
    );
    let (thread, question, answer) = o.asked_in(&place).await;
    o.reacts("Ana", &thread, &answer, true).await;
    let bulb = Event::Reaction { message: answer.clone(), emoji: "💡".into(), added: true };
    o.event("Ana", thread.clone(), bulb).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert!(!o.news("Bea").contains("in your name"), "nobody is asked");
    o.keeps_nothing("reactions").await;

    for command in ["tip from", "tip answered"] {
        o.uses("Ana", &thread, command, &answer).await;
        assert!(o.last("Ana").starts_with("I take words only from channels"), "{command}: {}", o.last("Ana"));
    }
    o.keeps_nothing("the menu of a message").await;

    let Opened::Form(form) = o.uses("Ana", &thread, "discussion log", &answer).await else { panic!("no form") };
    let values = [("title".to_owned(), "Spare parts".to_owned())].into();
    o.event("Ana", thread.clone(), Event::Submit { command: form.command.clone(), values }).await;
    assert!(o.last("Ana").starts_with("I take words only from channels"), "{}", o.last("Ana"));
    let typed = Event::Message { id: "u-log".into(), text: "discussion log Spare parts".into(), to_bot: true };
    o.event("Ana", thread.clone(), typed).await;
    let values = [("title".to_owned(), "Spare parts".to_owned())].into();
    o.event("Ana", channel("open"), Event::Submit { command: form.command, values }).await;
    assert!(o.last("Ana").starts_with("I take words only from channels"), "from elsewhere: {}", o.last("Ana"));
    o.keeps_nothing("a logged thread").await;

    // Nothing was captured, so what is changed there changes nothing either.
    let edited = Event::Edited { id: question, text: "The spare fuses lie in drawer eight".into() };
    o.event("Ana", thread, edited).await;
    o.keeps_nothing("an edit").await;
}

#[tokio::test]
async fn what_is_changed_after_a_channel_was_closed_is_taken_out_and_a_late_yes_takes_nothing_in() {
    let o = Office::open().await;
    o.hire_all().await;
    o.hire("Cem", |_| {}).await;
    o.until("2026-11-23T11:00:00Z").await;
    let (thread, _, answer) = o.asked_in(&channel("desk")).await;
    let Opened::Form(form) = o.uses("Ana", &thread, "discussion log", &answer).await else { panic!("no form") };
    let values = [("title".to_owned(), "Spare parts".to_owned())].into();
    o.event("Ana", thread.clone(), Event::Submit { command: form.command, values }).await;
    o.until("2026-11-23T14:45:00Z").await;
    let id = super::id_of(&o.news("Bea"), "discussion yes");
    o.chat.reads("desk", Audience::default());
    let edited = Event::Edited { id: answer, text: "The spare fuses lie in drawer nine now".into() };
    o.event("Bea", thread.clone(), edited).await;
    let late = o.presses("Bea", &format!("discussion yes {id}")).await;
    assert!(late.starts_with("I take words only from channels"), "{late}");
    let told = o.asks_cem().await;
    assert!(!told.contains("drawer"), "{told}");
}

#[tokio::test]
async fn the_answer_that_whoever_asked_marks_is_a_page_with_its_question_once_its_author_agrees() {
    let (o, place) = Office::learning_in("desk").await;
    let notice = o.messages_in(&place).last().unwrap().message.plain();
    assert!(notice.starts_with("From now on, when whoever asked something here marks"), "{notice}");
    let (thread, question, answer) = o.asked_in(&place).await;
    o.reacts("Ana", &thread, &answer, true).await;
    o.reacts("Ana", &thread, &answer, true).await;
    assert!(!o.asks_cem().await.contains("drawer"), "not agreed yet");
    o.until("2026-11-24T12:00:00Z").await;
    let asked = o.news("Bea");
    insta::assert_snapshot!(without_ids(&asked), @r#"
    Ana says that your answer to “Where do the spare fuses of the sorter lie?” helped. May your message be a page for everyone who asks the same, with your name?
    Everyone in the organisation could find them, also who is not in that channel, and they are noted as learning of yours. You can withdraw at any time. If you say no, I keep nothing of what you wrote.
    [Yes: discussion yes ID]
    [No: discussion no ID]
    [Always yes: discussion always ID]
    [Never ask me: discussion never ID]
    [Why this?: why social/discussion/ID/ID]
    "#);
    let yes = format!("discussion yes {}", super::id_of(&asked, "discussion yes"));
    o.presses("Bea", &yes).await;
    let told = o.asks_cem().await;
    assert!(told.contains("drawer seven") && told.contains("answered by Bea, a colleague; not checked"), "{told}");
    assert!(told.contains("](<https://chat.example.org/desk/"), "with a link to where it was said: {told}");
    assert!(told.contains("[Where do the spare fuses of the sorter lie?]"), "the question is its title: {told}");

    // What Bea changes follows, and what Ana takes back of hers is gone while the answer stays.
    let edited = Event::Edited { id: answer.clone(), text: "The spare fuses of the sorter lie in drawer nine.".into() };
    o.event("Bea", thread.clone(), edited).await;
    assert!(o.asks_cem().await.contains("drawer nine"));
    o.event("Ana", thread.clone(), Event::Deleted { id: question }).await;
    let told = o.asks_cem().await;
    assert!(told.contains("drawer nine") && !told.contains("Where do the spare"), "{told}");
    let mine = o.says("Bea", "discussion mine").await;
    o.presses("Bea", &format!("discussion withdraw {}", super::id_of(&mine, "discussion withdraw"))).await;
    o.keeps_nothing("withdrawn").await;
}

#[tokio::test]
async fn a_mark_that_is_taken_away_and_a_channel_that_learns_no_more() {
    let (o, place) = Office::learning_in("desk").await;
    let (thread, _, answer) = o.asked_in(&place).await;
    o.reacts("Ana", &thread, &answer, true).await;
    o.reacts("Ana", &thread, &answer, false).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert!(!o.news("Bea").contains("helped"), "what was taken back is not asked");

    // Without reactions the menu says the same.
    let (second, _, answer) = o.asked_in(&place).await;
    o.uses("Ana", &second, "tip answered", &answer).await;
    assert!(o.last("Ana").starts_with("Good to know. The answer is kept"), "{}", o.last("Ana"));
    o.until("2026-11-25T12:00:00Z").await;
    let asked = o.news("Bea");
    o.presses("Bea", &format!("discussion yes {}", super::id_of(&asked, "discussion yes"))).await;
    assert!(o.asks_cem().await.contains("drawer seven"));
    let other = o.posts("Bea", &second, "The fuses are also behind the drawer of the night shift.").await;
    o.reacts("Ana", &second, &other, true).await;
    let whole = Event::Message { id: "u-log".into(), text: "discussion log Fuses".into(), to_bot: true };
    o.event("Ana", second.clone(), whole).await;
    assert!(o.last("Ana").starts_with("The answer that helped in this thread is kept already"), "{}", o.last("Ana"));
    let told = o.asks_cem().await;
    assert!(!told.contains("night shift"), "she said yes to one answer: {told}");
    o.until("2026-11-26T12:00:00Z").await;
    assert!(o.news("Bea").contains("> The fuses are also behind the drawer of the night shift"), "asked apart");
    o.reacts("Ana", &second, &answer, false).await;
    o.reacts("Ana", &second, &other, false).await;
    o.keeps_nothing("the marks are taken away").await;

    o.event("Lea", place.clone(), Event::Command { word: "ask".into(), args: "channel unlearn".into() }).await;
    let (third, _, answer) = o.asked_in(&place).await;
    o.reacts("Ana", &third, &answer, true).await;
    o.until("2026-11-27T12:00:00Z").await;
    assert!(o.news("Bea").contains("[Share it: tip agree"), "elsewhere she is asked for a tip");
    // Only the learning team opts a channel in.
    o.event("Ana", place.clone(), Event::Command { word: "ask".into(), args: "channel learn".into() }).await;
    assert!(o.last("Ana").contains("Only the learning team can do this"), "{}", o.last("Ana"));
}

#[tokio::test]
async fn where_outsiders_read_along_it_speaks_only_when_it_is_mentioned() {
    let rule = ChannelRule { platform: "test".into(), channel: "shared".into(), speak: Speak::Questions };
    let o = Office::open_with(Asking { channels: vec![rule], ..Asking::default() }).await;
    o.hire_all().await;
    let lea = o.hire("Lea", |_| {}).await;
    o.grant(&lea, Role::Learning).await;
    let shared = channel("shared");
    let question = "Does anyone know how I claim expenses after a trip?";
    o.chat.reads("shared", Audience { open: true, outsiders: true });
    assert!(o.in_channel("Ana", &shared, question, false).await.is_empty());
    let why = o.says("Ana", "why").await;
    assert!(why.contains("people from outside the organisation read along here"), "{why}");
    let set = Event::Command { word: "ask".into(), args: "channel unasked".into() };
    o.event("Lea", shared.clone(), set).await;
    assert!(o.last("Lea").starts_with("People from outside the organisation read along"), "{}", o.last("Lea"));
    assert_eq!(o.in_channel("Ana", &shared, question, true).await.len(), 1, "mentioned it answers");
    o.until("2026-11-23T11:00:00Z").await;
    o.chat.reads("shared", Audience { open: true, outsiders: false });
    assert_eq!(o.in_channel("Bea", &shared, question, false).await.len(), 1, "among colleagues it does as it was set");
}
