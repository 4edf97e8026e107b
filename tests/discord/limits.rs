//! Limits, refusals, and messages that come in several parts.

use std::time::Duration;

use anyhow::{Result, ensure};
use stoa_tests::discord::{Discord, Message, Trouble};
use stoa_tests::said;

use super::{ADA, ANSWER, CY, GENERAL, QUESTION, STOA, Scene, answered, is_answer};

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
    let dir = scene.dir.path();
    std::fs::create_dir_all(dir.join("tracks/tea"))?;
    std::fs::write(dir.join("tracks/tea/track.toml"), "title = \"Tea\"\ndescription = \"How we make it\"\n")?;
    // A lesson is short, but each of these takes two characters.
    let steps: String = (0..26).map(|n| format!("Step {n} of {}\n\n", "(".repeat(80))).collect();
    let question =
        "[[question]]\nprompt = \"How hot?\"\noptions = [\"60\", \"90\"]\nanswer = 1\nwhy = \"It needs it.\"\n";
    let lesson = format!("+++\ntitle = \"Water\"\n{question}+++\n{steps}");
    std::fs::write(dir.join("tracks/tea/01-water.md"), lesson)?;
    said(STOA, dir, &["lessons", "apply", "tracks"])?;
    let (discord, ada) = (&scene.discord, scene.discord.person(ADA));
    ada.slash_in(GENERAL, "learn", "join tea");
    ada.reads("Tea").await?;
    discord.goes_wrong("POST /webhooks/:id/:id", 2, Trouble::Failing);
    let token = ada.slash_in(GENERAL, "learn", "");
    let last = |d: &Discord| d.answers(&token).into_iter().find(|m| m.content.contains("Step 25 of"));
    discord.wait("the end of the lesson", last).await?;
    ensure!(discord.answers(&token).len() == 3, "{:?}", discord.answers(&token));
    for n in 0..26 {
        let step = format!("Step {n} of");
        let said = discord.answers(&token).iter().filter(|m| m.content.contains(&step)).count();
        ensure!(said == 1, "{step} is said {said} times");
    }
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
async fn an_expired_token_does_not_lose_the_answer() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.discord.person(ADA);
    scene.discord.goes_wrong("PATCH /webhooks/:id/:id/messages/@original", 1, Trouble::Failing);
    let token = ada.slash_in(GENERAL, "ask", QUESTION);
    scene.discord.acknowledged(&token).await?;
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.only.as_deref() == Some(ADA), "{answer:?}");
    scene.ends().await
}
