//! When the bot speaks: always when asked, in channels as they are set, and never about what not everyone may read.

use stoa_flow::chat::Event;
use stoa_flow::testing::channel;
use stoa_ground::people::Role;
use stoa_learning::answers::{Asking, ChannelRule, Speak};

use super::Office;

const QUESTION: &str = "Does anyone know how I claim expenses after a trip?";
const HIDDEN: &str = "How much is the secret bonus pool for the Kestrel project?";

#[tokio::test]
async fn in_a_channel_it_keeps_silent_until_it_is_mentioned_and_says_why_when_asked() {
    let o = Office::open().await;
    o.hire_all().await;
    let general = channel("general");
    assert!(o.in_channel("Ana", &general, QUESTION, false).await.is_empty());
    let why = o.says("Ana", "why").await;
    assert!(why.contains("in this channel I answer only when somebody mentions me"), "{why}");
    assert!(o.in_channel("Ana", &general, "Lunch at twelve, see you there", false).await.is_empty());
    let said = o.in_channel("Ana", &general, QUESTION, true).await;
    assert_eq!(said.len(), 1);
    assert!(said[0].message.plain().contains("HR Links"));
}

#[tokio::test]
async fn the_learning_team_lets_it_answer_questions_and_only_what_everyone_may_read() {
    let o = Office::open().await;
    o.hire_all().await;
    let lea = o.hire("Lea", |_| {}).await;
    o.grant(&lea, Role::Learning).await;
    let (general, other) = (channel("general"), channel("other"));
    let set = |user: &'static str| {
        let command = Event::Command { word: "ask".into(), args: "channel questions".into() };
        o.event(user, general.clone(), command)
    };
    set("Ana").await;
    assert!(o.last("Ana").contains("Only the learning team can do this"), "{}", o.last("Ana"));
    set("Lea").await;
    assert!(o.last("Lea").starts_with("In this channel I also answer questions that nobody asked me"));

    let said = o.in_channel("Bea", &general, QUESTION, false).await;
    assert_eq!(said.len(), 1, "{said:?}");
    let plain = said[0].message.plain();
    assert!(
        plain.contains("HR Links") && plain.contains("Nobody asked me; I thought that this might help."),
        "{plain}"
    );
    assert!(said[0].place.thread.is_some(), "it answers in the thread");
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM question WHERE person IS NOT NULL").await, 0, "nobody asked it");
    assert!(o.in_channel("Bea", &other, QUESTION, false).await.is_empty(), "another channel is as it was");

    // A moment later it keeps silent, and it never speaks of what not everyone may read.
    assert!(o.in_channel("Ana", &general, "How do I connect to the VPN gateway?", false).await.is_empty());
    assert!(o.says("Ana", "why").await.contains("I had just said something here"));
    o.until("2026-11-23T10:00:00Z").await;
    assert!(o.in_channel("Ana", &general, HIDDEN, false).await.is_empty());
    assert!(o.says("Ana", "why").await.contains("nothing that everyone may read and that surely answers it"));
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM gap").await, 0, "what nobody asked it is no gap");
}

#[tokio::test]
async fn the_configuration_sets_channels_and_unasked_it_must_be_very_sure() {
    let rule = ChannelRule { platform: "test".into(), channel: "helpdesk".into(), speak: Speak::Unasked };
    let o = Office::open_with(Asking { channels: vec![rule], ..Asking::default() }).await;
    o.hire_all().await;
    let helpdesk = channel("helpdesk");
    for talk in ["I have no idea about gateways and badges today", "Lunch at twelve, see you there", "thanks a lot!"] {
        assert!(o.in_channel("Bea", &helpdesk, talk, false).await.is_empty(), "{talk}");
    }
    let said = o.in_channel("Bea", &helpdesk, "claiming expenses after a trip", false).await;
    assert_eq!(said.len(), 1);
    assert!(said[0].message.plain().contains("HR Links"));
}
