//! Limits, refusals, and messages that come in several parts.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_tests::discord::{BOT, Discord, Message, Trouble};

use super::{ADA, ANSWER, BO, CY, GENERAL, GUILD, QUESTION, Scene, answered, is_answer};

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept_and_what_is_refused_for_a_while_is_said_later() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    discord.each_goes_wrong("POST /channels/:id/messages", 10, Trouble::Limited(700));
    discord.goes_wrong("POST /channels/:id/messages", 4, Trouble::LimitedGlobally(500));
    discord.goes_wrong("POST /channels/:id/messages", 6, Trouble::Failing);
    discord.goes_wrong("POST /channels/:id/messages", 8, Trouble::FailingAfter);
    let people: Vec<String> = (0..12).map(|n| format!("2000000000000001{n:02}")).collect();
    for id in &people {
        discord.add_person(id, "Somebody");
    }
    for id in people.iter().cycle().take(36) {
        discord.person(id).says_dm(QUESTION);
    }
    answered(discord, 36).await?;
    // The script makes some; at the global one each of the twelve conversations may have had another on its way.
    let (invalid, script) = (discord.invalid(), discord.scripted());
    ensure!(invalid <= script + people.len(), "{invalid} invalid requests, {script} of them by the script");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_taken_for_an_earlier_one_that_says_the_same() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    // Answers to a stranger have no buttons by which they could be told apart.
    let cy = discord.person(CY);
    discord.goes_wrong("POST /channels/:id/messages", 2, Trouble::Failing);
    discord.goes_wrong("POST /channels/:id/messages", 4, Trouble::FailingAfter);
    for n in 1..=4 {
        cy.says_dm(QUESTION);
        answered(discord, n).await?;
    }
    // Messages to one person go out in their order: what was to be said again before the last one was said.
    let answers: Vec<Message> = discord.messages().into_iter().filter(|m| is_answer(&m)).collect();
    ensure!(answers.len() == 4, "{} answers to four questions", answers.len());
    ensure!(answers.iter().all(|m| m.buttons().count() == 0 && m.edits == 0), "{answers:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_that_was_cut_off_goes_on_where_it_was() -> Result<()> {
    let scene = Scene::open().await?;
    scene.teaches_tea(26)?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    ada.slash_in(GENERAL, "learn", "join tea");
    ada.reads("Tea").await?;
    // Once where others are, once where both are alone, and there one part may have arrived.
    discord.goes_wrong("POST /webhooks/:id/:id", 2, Trouble::Limited(300));
    discord.goes_wrong("POST /channels/:id/messages", 1, Trouble::Failing);
    discord.goes_wrong("POST /channels/:id/messages", 3, Trouble::FailingAfter);
    for alone in [false, true] {
        let before = discord.messages().len();
        let _ = if alone { ada.slash("learn", "") } else { ada.slash_in(GENERAL, "learn", "") };
        let said = |d: &Discord| d.messages().into_iter().skip(before).filter(|m| m.user == BOT).collect::<Vec<_>>();
        let last = |d: &Discord| said(d).into_iter().find(|m| m.content.contains("Step 25 of"));
        discord.wait("the end of the lesson", last).await?;
        ensure!(said(discord).len() == 3, "{:?}", said(discord));
        for n in 0..26 {
            let step = format!("Step {n} of");
            let times = said(discord).iter().filter(|m| m.content.contains(&step)).count();
            ensure!(times == 1, "{step} is said {times} times");
        }
    }
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesson_that_grows_by_its_outcome_keeps_its_beginning() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    scene.teaches_tea(11)?;
    ada.says_dm("learn join tea");
    ada.reads("Tea").await?;
    ada.says_dm("learn");
    let lesson = ada.reads("How hot?").await?;
    ensure!(lesson.content.contains("Step 0 of") && lesson.content.chars().count() > 1_900, "{lesson:?}");
    ada.presses("90").await?;
    ada.reads("It needs it").await?;
    let first = discord.messages().into_iter().find(|m| m.id == lesson.id);
    ensure!(first.is_some_and(|m| m.edits > 0 && m.content.contains("Step 0 of")), "the lesson is gone");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_sees_is_not_said_twice_after_an_uncertain_send() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    // A button below what only Ada sees, and one where both are alone.
    ada.slash_in(GENERAL, "ask", QUESTION);
    ada.reads(ANSWER).await?;
    discord.goes_wrong("POST /webhooks/:id/:id", 1, Trouble::FailingAfter);
    ada.presses("Helpful").await?;
    ada.reads("Thank you").await?;
    // What comes next to Ada comes after what was tried again.
    ada.says_dm(QUESTION);
    answered(discord, 2).await?;
    let thanks = discord.messages().iter().filter(|m| m.content == "Thank you, good to know.").count();
    ensure!(thanks == 1, "thanked {thanks} times");
    scene.requires_a_course()?;
    discord.person(BO).reads("something is waiting").await?;
    ada.reads("New for you").await?;
    discord.goes_wrong("POST /channels/:id/messages", 1, Trouble::FailingAfter);
    ada.presses("Why this?").await?;
    let why = ada.reads("it was due, and it was a good moment").await?;
    ensure!(why.channel == discord.direct(ADA) && why.only.is_none(), "{why:?}");
    ada.says_dm(QUESTION);
    answered(discord, 3).await?;
    let times = discord.messages().iter().filter(|m| m.content == why.content).count();
    ensure!(times == 1, "said {times} times");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_for_all_calls_holds_no_acknowledgement_back() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    discord.goes_wrong("POST /channels/:id/messages", 1, Trouble::LimitedGlobally(4_000));
    ada.says_dm("help");
    discord.wait("the pause", |d| (d.scripted() == 1).then_some(())).await?;
    let token = ada.slash_in(GENERAL, "ask", QUESTION);
    let (took, _) = discord.acknowledged(&token).await?;
    ensure!(took < Duration::from_secs(2), "{took:?}");
    ada.reads("Ask me how something is done").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_an_acknowledgement_that_is_slow() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    discord.lags("POST /interactions/:id/:id/callback", 600);
    ada.slash_in(GENERAL, "ask", QUESTION);
    ada.reads(ANSWER).await?;
    let unknown = discord.calls().iter().filter(|c| c.status == 404).count();
    ensure!(unknown == 0, "{unknown} calls about what Discord did not know yet");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_stored_stops_nothing_else() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada, bo) = (&scene.discord, scene.discord.person(ADA), scene.discord.person(BO));
    // Nobody told of this channel, and Discord does not say what it is. Where two talk alone it is not asked.
    let odd = "300000000000000077";
    discord.add_channel(odd, GUILD, "odd", 0);
    discord.each_goes_wrong("GET /channels/:id", 1, Trouble::Failing);
    ada.mentions(odd, QUESTION);
    bo.says_dm(QUESTION);
    answered(discord, 1).await?;
    let token = ada.slash_in(GENERAL, "ask", QUESTION);
    let (took, _) = discord.acknowledged(&token).await?;
    ensure!(took < Duration::from_secs(2), "{took:?}");
    ada.reads(ANSWER).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_commands_a_second_are_acknowledged_in_time() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let mut tokens = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for n in 0..300 {
        ticks.tick().await;
        let id = format!("2000000000000{:05}", 10_000 + n);
        discord.add_person(&id, "Somebody");
        tokens.push(discord.person(&id).slash_in(GENERAL, "help", ""));
    }
    let mut took = Vec::new();
    for token in &tokens {
        took.push(discord.acknowledged(token).await?.0);
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    println!("acknowledged: p50 {:?}, p99 {p99:?}, most {:?}", took[took.len() / 2], took[took.len() - 1]);
    // A debug build on a machine that does other things as well.
    ensure!(p99 < Duration::from_millis(1_500), "p99 {p99:?}");
    discord.wait("all answers", |d| d.messages().iter().all(|m| !m.loading).then_some(())).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_failed_once_and_one_whose_token_expired_are_not_lost() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada, bo) = (&scene.discord, scene.discord.person(ADA), scene.discord.person(BO));
    discord.goes_wrong("PATCH /webhooks/:id/:id/messages/@original", 1, Trouble::Failing);
    ada.slash_in(GENERAL, "ask", QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.only.as_deref() == Some(ADA), "{answer:?}");
    // Of Bo's command nothing is left to answer: the answer waits behind a button.
    discord.goes_wrong("PATCH /webhooks/:id/:id/messages/@original", 1, Trouble::Failing);
    let token = bo.slash_in(GENERAL, "ask", QUESTION);
    discord.acknowledged(&token).await?;
    discord.expires(&token);
    let waits = bo.reads("something is waiting").await?;
    ensure!(waits.pings == [BO] && !waits.shown().contains(ANSWER), "{waits:?}");
    bo.presses("Show it to me").await?;
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.only.as_deref() == Some(BO), "{answer:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_nothing_gets_an_answer_and_what_is_too_long_does_no_harm() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    ada.says_dm("help");
    let message = ada.reads("Ask me how something is done").await?;
    let alone = discord.direct(ADA);
    let empty = ada.says(GENERAL, "");
    let unknown = [
        ada.interacts(3, &alone, &json!({ "component_type": 2, "custom_id": "of another bot" }), Some(&message)),
        ada.interacts(3, &alone, &json!({ "component_type": 2, "custom_id": "s:abc:0:#long-gone" }), Some(&message)),
        ada.interacts(5, &alone, &json!({ "custom_id": "of another bot", "components": [] }), None),
        ada.uses_menu("Ask about this", &empty)?,
        ada.uses_menu("Something else", &message.id)?,
    ];
    for token in &unknown {
        let (_, said) = discord.acknowledged(token).await?;
        ensure!(said["type"] == 4 && said["data"]["flags"] == 64, "{said}");
    }
    let choices = ada.interacts(4, &alone, &json!({ "name": "ask", "options": [] }), None);
    let (_, said) = discord.acknowledged(&choices).await?;
    ensure!(said == json!({ "type": 8, "data": { "choices": [] } }), "{said}");
    // Discord lets nobody type so much; whoever sends it all the same is answered.
    let long = "why ".repeat(20_000);
    for word in ["ask", "tip", "training", "team", "settings", "link"] {
        let token = ada.slash_in(GENERAL, word, &long);
        let (_, said) = discord.acknowledged(&token).await?;
        if said["type"] == 5 {
            let answered = |d: &Discord| d.answers(&token).into_iter().find(|m| !m.loading);
            discord.wait(&format!("an answer to /{word}"), answered).await?;
        }
    }
    ada.types(GENERAL, "training", &long).await?;
    scene.ends().await
}
