//! Who cannot be told from a stranger, and what comes twice.

use std::time::Duration;

use anyhow::{Result, ensure};
use stoa_tests::slack::Trouble;

use crate::*;

const GUEST: &str = "U0GUEST01";
const UNKNOWN: &str = "I cannot see just now who you are";

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_does_not_say_who_somebody_is_they_get_nothing_and_may_ask_again() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    slack.add_person(GUEST, "Gus", "UTC");
    slack.makes_guest(GUEST);
    slack.add_person("U0MEMBER1", "Mia", "UTC");
    let (guest, mia) = (slack.person(GUEST), slack.person("U0MEMBER1"));
    // Slack is slow: the event is acknowledged before it is known who that is, and without waiting for it.
    slack.goes_wrong("users.info", 1, Trouble::Limited(3));
    let (took, _) = slack.acknowledged(guest.says_dm(QUESTION)).await?;
    ensure!(took < Duration::from_secs(1), "{took:?}");
    let told = guest.reads(UNKNOWN).await?;
    insta::assert_json_snapshot!("who_is_not_known_yet", seen(&told));
    let (took, _) = slack.acknowledged(guest.slash("/stoa", &format!("ask {QUESTION}"))).await?;
    ensure!(took < Duration::from_secs(1), "it was waited for again: {took:?}");
    // It goes on asking meanwhile, and then knows.
    let asked = |s: &Slack| s.calls().iter().filter(|c| c.method == "users.info" && c.args["user"] == GUEST).count();
    slack.wait("the second question about the guest", |s| (asked(s) == 2).then_some(())).await?;
    settles(&guest, QUESTION, "I am here for the people of Acme").await?;
    ensure!(asked(slack) == 2, "asked {} times", asked(slack));
    ensure!(guest.finds(ANSWER).is_none(), "a guest reads the handbook");

    // Without the scope nobody is taken for a member; with it the next question is answered.
    slack.goes_wrong("users.info", 1, Trouble::Refused("missing_scope"));
    mia.says_dm(QUESTION);
    mia.reads(UNKNOWN).await?;
    ensure!(mia.finds(ANSWER).is_none());
    mia.says_dm(QUESTION);
    mia.reads(ANSWER).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_nothing_is_told_so_wherever_they_are() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    let away = "I am here for the people of Acme";
    for (id, name) in [("U0GUEST01", "Gus"), ("U0GUEST02", "Gil"), ("U0GUEST03", "Gen")] {
        slack.add_person(id, name, "UTC");
        slack.makes_guest(id);
    }
    slack.add_channel("C0SECRET", &[ADA, "U0GUEST01"]);
    // Where the bot is not, at the command's own address.
    let gus = slack.person("U0GUEST01");
    gus.slash_in("C0SECRET", "/stoa", &format!("ask {QUESTION}"));
    let told = gus.reads(away).await?;
    ensure!(told.channel == "C0SECRET" && told.only.as_deref() == Some("U0GUEST01"), "{told:?}");
    // Where it cannot whisper, alone.
    slack.add_channel("C0DESK", &[ADA, "U0GUEST02", slack::BOT]);
    slack.goes_wrong("chat.postEphemeral", 1, Trouble::Refused("user_not_in_channel"));
    let gil = slack.person("U0GUEST02");
    gil.mentions("C0DESK", QUESTION);
    let told = gil.reads(away).await?;
    ensure!(told.channel.starts_with('D'), "{told:?}");
    // Where it cannot write alone, at the command's own address.
    slack.goes_wrong("chat.postMessage", 1, Trouble::Refused("channel_not_found"));
    let gwen = slack.person("U0GUEST03");
    gwen.slash("/stoa", &format!("ask {QUESTION}"));
    gwen.reads(away).await?;
    for guest in [gus, gil, gwen] {
        ensure!(guest.finds(ANSWER).is_none(), "a guest reads the handbook");
    }
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_mentions_it_is_told_how_to_ask() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    let how = "Ask me in plain words";
    ada.mentions(GENERAL, "");
    let told = ada.reads(how).await?;
    ensure!(told.only.as_deref() == Some(ADA) && told.shown().contains("for example"), "{told:?}");
    // No thread hangs on her message, and in one that is not there nobody would see it.
    ensure!(told.thread.is_none(), "{told:?}");
    let before = bo.count();
    bo.slash_in(GENERAL, "/stoa", "ask ???");
    let told = bo.newest_after(before).await?;
    ensure!(told.shown().contains(how), "{told:?}");
    let unknown = slack.messages().iter().filter(|m| m.shown().contains("I don’t know")).count();
    ensure!(unknown == 0, "{unknown} were said");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_again_opens_no_second_form() -> Result<()> {
    for mode in ["socket", "http"] {
        let scene = Scene::open(mode).await?;
        let (slack, bo) = (&scene.slack, scene.slack.person(BO));
        let asked = bo.slash("/stoa", "tip");
        slack.acknowledged(asked).await?;
        bo.sees_form().await?;
        for _ in 0..2 {
            slack.acknowledged(slack.repeats(asked)?).await?;
        }
        ensure!(bo.submits(&[("Your tip", "The attic lamp wants a small bulb")]).await?.is_null());
        bo.reads("tip is shared").await?;
        slack.acknowledged(bo.slash("/stoa", "tip")).await?;
        bo.sees_form().await?;
        let opened = slack.calls().iter().filter(|c| c.method == "views.open").count();
        ensure!(opened == 2, "{opened} forms for two commands over {mode}");
        scene.ends().await?;
    }
    Ok(())
}
