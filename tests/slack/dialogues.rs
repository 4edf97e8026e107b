//! The first dialogues: questions, tips, a course, and what goes wrong on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_tests::slack::{self, Message, SIGNING_SECRET, TEAM, Trouble};

use crate::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_a_direct_message_gets_a_cited_answer() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let ada = scene.slack.person(ADA);
    let asked = ada.says_dm(QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.shown().contains("kitchen") || answer.shown().contains("Kitchen rules"), "{}", answer.shown());
    insta::assert_json_snapshot!("answer_in_a_direct_message", seen(&answer));
    scene.slack.acknowledged(asked).await?;

    // The same event again, under another envelope id, is known.
    let again = scene.slack.repeats(asked)?;
    scene.slack.acknowledged(again).await?;
    ada.presses("Helpful").await?;
    let thanks = ada.reads("Thank you").await?;
    insta::assert_json_snapshot!("thanks_for_helpful", seen(&thanks));
    let answers = scene.slack.messages().iter().filter(|m| m.user == slack::BOT && m.shown().contains(ANSWER)).count();
    ensure!(answers == 1, "{answers} answers to one question");

    ada.says_dm("Who won the football match?");
    let unknown = ada.reads("don’t know").await?;
    insta::assert_json_snapshot!("no_answer", seen(&unknown));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_in_a_channel_is_answered_in_its_thread_and_once() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let bo = scene.slack.person(BO);
    let ts = bo.mentions(GENERAL, QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.channel == GENERAL && answer.thread.as_deref() == Some(ts.as_str()), "{answer:?}");
    insta::assert_json_snapshot!("answer_in_a_thread", seen(&answer));
    // What nobody addresses to it is not answered.
    scene.slack.person(ADA).says(GENERAL, "Good morning everybody");
    scene.slack.all_acknowledged().await?;
    bo.mentions_in(GENERAL, Some(&ts), "Who won the football match?");
    let unknown = bo.reads("don’t know").await?;
    ensure!(unknown.thread.as_deref() == Some(ts.as_str()), "{unknown:?}");
    let said = scene.slack.messages().iter().filter(|m| m.user == slack::BOT && m.channel == GENERAL).count();
    ensure!(said == 2, "{said} messages to two mentions");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_is_written_in_a_modal_and_found_by_the_next_who_asks() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (ada, bo) = (scene.slack.person(ADA), scene.slack.person(BO));
    let (took, answer) = scene.slack.acknowledged(bo.slash("/stoa", "tip")).await?;
    ensure!(took < Duration::from_secs(3) && answer.is_null(), "{took:?}: {answer}");
    let form = bo.sees_form().await?;
    insta::assert_json_snapshot!("the_form_of_a_tip", steady(&form.view));
    let wrong = bo.submits(&[("Your tip", "   ")]).await?;
    insta::assert_json_snapshot!("an_empty_tip", wrong);
    let tip = "The forklift battery <!here> wants *distilled* water every Monday & nothing else";
    ensure!(bo.submits(&[("Your tip", tip)]).await?.is_null(), "the form closes");
    bo.reads("tip is shared").await?;
    ensure!(bo.form().is_none());
    // Whoever writes for the first time is told first what Stoa is.
    settles(&ada, "help", "What I keep").await?;
    // The index follows within a moment.
    let answer = settles(&ada, "What does the forklift battery want?", "not yet checked").await?;
    insta::assert_json_snapshot!("an_answer_from_a_tip", seen(&answer));

    // A command where the bot is no member is answered all the same, and only for who gave it.
    bo.slash_in(PRIVATE, "/stoa", "help");
    let help = bo.reads("You can also use these words").await?;
    ensure!(help.channel.starts_with('D') || help.only.as_deref() == Some(BO), "{help:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_course_comes_by_direct_message_and_is_signed_in_a_modal() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.requires_safety()?;
    let ada = scene.slack.person(ADA);
    let told = ada.reads("New for you").await?;
    ensure!(told.channel.starts_with('D'), "{told:?}");
    insta::assert_json_snapshot!("a_new_course", seen(&told));
    ada.presses("Start").await?;
    let page = ada.reads("Because it matters").await?;
    insta::assert_json_snapshot!("a_page_of_a_course", seen(&page));
    ada.presses("I have read it").await?;
    ada.reads("Last step").await?;
    ada.presses("Confirm").await?;
    let wrong = ada.submits(&[("Your full name", "Somebody Else")]).await?;
    insta::assert_json_snapshot!("a_wrong_name", wrong);
    ensure!(ada.submits(&[("Your full name", "ada okafor")]).await?.is_null(), "the form closes");
    ada.reads("completed on").await?;
    let done = scene.slack.wait("the edited announcement", |s| {
        s.messages().into_iter().find(|m| m.ts == told.ts && m.channel == told.channel && m.edits > 0)
    });
    insta::assert_json_snapshot!("the_course_is_done", seen(&done.await?));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_on_one_post_in_ten_loses_nothing() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.slack.each_goes_wrong("chat.postMessage", 10, Trouble::Limited(1));
    scene.slack.goes_wrong("chat.postMessage", 3, Trouble::Failing);
    scene.slack.goes_wrong("chat.postMessage", 5, Trouble::FailingAfter);
    let people: Vec<String> = (0..12).map(|n| format!("U0GUEST{n:02}")).collect();
    for id in &people {
        scene.slack.add_person(id, "Somebody", "UTC");
    }
    for id in people.iter().cycle().take(24) {
        scene.slack.person(id).says_dm(QUESTION);
    }
    answered(&scene.slack, 24).await?;
    let limited = scene.slack.calls().iter().filter(|c| c.answer.starts_with("Limited")).count();
    ensure!(limited >= 2, "{limited} posts were limited");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_in_a_stream_of_questions_leaves_no_gap() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    slack.is_connected(2).await?;
    let (people, mut asked) = ([ADA, BO], Vec::new());
    for n in 0..18 {
        if n == 6 || n == 12 {
            let before = slack.connections_ever();
            ensure!(slack.disconnects(if n == 6 { "refresh_requested" } else { "warning" }) > 0);
            // Slack closes nothing itself; what comes before the new connection goes over the old one.
            asked.push(slack.person(people[n % 2]).says_dm(QUESTION));
            slack.wait("new connections", |s| (s.connections_ever() > before).then_some(())).await?;
        }
        asked.push(slack.person(people[n % 2]).says_dm(QUESTION));
    }
    for one in &asked {
        let (took, _) = slack.acknowledged(*one).await?;
        ensure!(took < Duration::from_secs(3) && slack.attempts(*one) == 1, "sent {} times", slack.attempts(*one));
    }
    answered(slack, asked.len()).await?;
    // An end without a word is noticed, and what comes meanwhile waits at Slack.
    slack.breaks_off();
    slack.sends_again_after(Duration::from_millis(300));
    slack.person(ADA).says_dm(QUESTION);
    answered(slack, asked.len() + 1).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_acknowledged_event_and_doubles_no_answer() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    scene.slack.sends_again_after(Duration::from_millis(500));
    let people: Vec<String> = (0..8).map(|n| format!("U0GUEST{n:02}")).collect();
    for id in &people {
        scene.slack.add_person(id, "Somebody", "UTC");
    }
    let mut asked = BTreeSet::new();
    for round in 0..3 {
        for id in &people {
            asked.insert(scene.slack.person(id).says_dm(QUESTION));
        }
        let first = people.len() * round;
        // At another moment in each round: nothing done, something acknowledged, something answered.
        match round {
            0 => {}
            1 => drop(scene.slack.acknowledged(first).await?),
            _ => answered(&scene.slack, first + 2).await?,
        }
        scene.server.kill()?;
        scene.server.restart()?;
        scene.slack.is_connected(1).await?;
        scene.slack.all_acknowledged().await?;
        answered(&scene.slack, asked.len()).await?;
    }
    let is_one = |m: &&Message| m.user == slack::BOT && m.shown().contains(ANSWER);
    let answers = scene.slack.messages().iter().filter(is_one).count();
    ensure!(answers == asked.len(), "{answers} answers to {} questions", asked.len());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_what_slack_signed_is_taken_and_nothing_else() -> Result<()> {
    let scene = Scene::open("http").await?;
    let slack = &scene.slack;
    slack.verifies_the_url().await?;
    let ada = slack.person(ADA);
    slack.acknowledged(ada.says_dm(QUESTION)).await?;
    let answer = ada.reads(ANSWER).await?;
    insta::assert_json_snapshot!("answer_in_a_direct_message", seen(&answer));
    slack.acknowledged(ada.slash("/stoa", "tip")).await?;
    ensure!(ada.submits(&[("Your tip", "The lighthouse keys hang behind the blue door")]).await?.is_null());
    ada.reads("tip is shared").await?;

    // Forged, old, early, for another body; then replayed; then too long.
    let event = |id: &str| {
        json!({ "type": "event_callback", "team_id": TEAM, "event_id": id, "event": { "type": "message", "user": BO,
            "text": "help", "ts": "1795000000.000100", "event_ts": "1795000000.000100", "channel": "D012BO002",
            "channel_type": "im" } })
        .to_string()
    };
    let (now, body) = (slack::now(), event("EvFORGED"));
    for (what, secret, at) in
        [("forged", "another secret", now), ("old", SIGNING_SECRET, now - 301), ("early", SIGNING_SECRET, now + 400)]
    {
        let (status, said) = slack.posts("events", secret, at, "application/json", &body).await?;
        ensure!(status == 401, "{what}: {status} {said}");
    }
    let bo = slack.person(BO);
    ensure!(bo.finds("ask").is_none(), "a forged event was answered");
    bo.slash("/stoa", "help");
    bo.reads("ask").await?;
    for _ in 0..2 {
        let (status, said) = slack.posts("events", SIGNING_SECRET, now, "application/json", &event("EvREPLAY")).await?;
        ensure!(status == 200, "{status} {said}");
    }
    let huge = "x".repeat(3 << 20);
    let (status, _) = slack.posts("events", SIGNING_SECRET, now, "application/json", &huge).await?;
    ensure!(status == 413, "{status}");
    let to_bo = || slack.messages().iter().filter(|m| m.user == slack::BOT && m.channel == "D012BO002").count();
    slack.wait("the answer to what was replayed", |_| (to_bo() >= 2).then_some(())).await?;
    ada.says_dm("Who won the football match?");
    ada.reads("don’t know").await?;
    ensure!(to_bo() == 2, "what was replayed was answered again");
    scene.ends().await
}
