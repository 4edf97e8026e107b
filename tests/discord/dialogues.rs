//! What people say and do, and what they see.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use stoa_tests::discord::{BOT, Discord};
use stoa_tests::said;

use super::{ADA, ANSWER, BO, CY, FORUM, GENERAL, GUILD, QUESTION, STOA, Scene, is_answer, seen};

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_command_is_acknowledged_at_once_and_answered_for_this_person_alone() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.discord.person(ADA);
    let token = ada.slash_in(GENERAL, "ask", QUESTION);
    let (took, ack) = scene.discord.acknowledged(&token).await?;
    ensure!(took < Duration::from_secs(3) && ack == json!({ "type": 5, "data": { "flags": 64 } }), "{took:?}: {ack}");
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.only.as_deref() == Some(ADA) && answer.channel == GENERAL, "{answer:?}");
    insta::assert_json_snapshot!("answer_to_a_command", seen(&answer));
    ada.presses("Helpful").await?;
    let thanks = ada.reads("Thank you").await?;
    ensure!(thanks.only.as_deref() == Some(ADA), "{thanks:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_a_direct_message_gets_a_cited_answer() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.discord.person(ADA);
    ada.says_dm(QUESTION);
    let answer = ada.reads(ANSWER).await?;
    insta::assert_json_snapshot!("answer_in_a_direct_message", seen(&answer));
    // Pressed twice at once: one effect.
    ada.presses("Helpful").await?;
    ada.presses("Helpful").await?;
    ada.reads("Thank you").await?;
    ada.says_dm("Who won the football match?");
    let unknown = ada.reads("don’t know").await?;
    insta::assert_json_snapshot!("no_answer", seen(&unknown));
    let answers = scene.discord.messages().iter().filter(is_answer).count();
    ensure!(answers == 1, "{answers} answers to one question");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_in_a_channel_is_answered_in_its_thread_and_once() -> Result<()> {
    let scene = Scene::open().await?;
    let bo = scene.discord.person(BO);
    let id = bo.mentions(GENERAL, QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.channel == id && answer.only.is_none(), "{answer:?}");
    insta::assert_json_snapshot!("answer_in_a_thread", seen(&answer));
    // What nobody addresses to it is not answered.
    scene.discord.person(ADA).says(GENERAL, "Good morning everybody");
    bo.mentions(&id, "Who won the football match?");
    let unknown = bo.reads("don’t know").await?;
    ensure!(unknown.channel == id, "{unknown:?}");
    // What is personal is not said where others read: only that something waits.
    let before = scene.discord.messages().len();
    bo.mentions(GENERAL, "training");
    let waits = bo.reads("something is waiting").await?;
    ensure!(waits.pings == [BO] && scene.discord.messages().len() > before, "{waits:?}");
    insta::assert_json_snapshot!("something_waits", seen(&waits));
    bo.presses("Show it to me").await?;
    let shown = bo.reads("required training").await.or(bo.reads("training").await)?;
    ensure!(shown.only.as_deref() == Some(BO), "{shown:?}");
    // Somebody else's button shows nothing to others.
    scene.discord.person(ADA).presses("Show it to me").await?;
    scene.discord.person(ADA).reads("nothing for you").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_is_written_in_a_modal_and_found_by_the_next_who_asks() -> Result<()> {
    let scene = Scene::open().await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    bo.slash_in(GENERAL, "tip", "");
    let form = bo.sees_form().await?;
    insta::assert_json_snapshot!("the_form_of_a_tip", form.view);
    let wrong = bo.submits(&[("Your tip", "   ")]).await?;
    insta::assert_json_snapshot!("an_empty_tip", wrong["data"]["content"]);
    bo.presses("Try again").await?;
    let tip = "The forklift battery @here wants *distilled* water every Monday & nothing else";
    bo.submits(&[("Your tip", tip)]).await?;
    bo.reads("tip is shared").await?;
    ada.says_dm("help");
    ada.reads("Ask me how something is done").await?;
    // The index follows a moment later.
    for n in 2..50 {
        ada.says_dm("What does the forklift battery want?");
        let answers = |d: &Discord| {
            let alone = d.direct(ADA);
            (d.messages().iter().filter(|m| m.user == BOT && m.channel == alone).count() >= n).then_some(())
        };
        scene.discord.wait("an answer", answers).await?;
        if ada.finds("not yet checked").is_some() {
            break;
        }
    }
    let answer = ada.reads("not yet checked").await?;
    insta::assert_json_snapshot!("an_answer_from_a_tip", seen(&answer));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_learning_team_schedules_a_lesson_in_a_form() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.discord.person(ADA);
    ada.slash_in(GENERAL, "learn", "schedule");
    let form = ada.sees_form().await?;
    let labels: Vec<&str> =
        form.view["components"].as_array().into_iter().flatten().filter_map(|c| c["label"].as_str()).collect();
    insta::assert_json_snapshot!("the_form_of_a_drop", labels);
    let wrong = ada.submits(&[("Text", "Only a title"), ("When", "soon")]).await?;
    let wrong = wrong["data"]["content"].as_str().unwrap_or_default();
    ensure!(
        wrong.contains("**Text**: Please write a title") && wrong.contains("**When**: Please write a day"),
        "{wrong}"
    );
    ada.presses("Try again").await?;
    ada.submits(&[("Text", "The new gate\nUse the *north* gate."), ("When", "2036-11-25 10:00")]).await?;
    let preview = ada.reads("This goes to").await?;
    ensure!(preview.shown().contains("The new gate") && preview.only.as_deref() == Some(ADA), "{preview:?}");
    ada.presses("Schedule it").await?;
    ada.reads("Scheduled.").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn menus_on_a_message_save_it_ask_about_it_and_log_its_thread() -> Result<()> {
    let scene = Scene::open().await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    let said = bo.says(GENERAL, "The label printer blinks red when the roll is empty.");
    ada.uses_menu("Save as tip", &said)?;
    ada.reads("tip").await?;
    let question = bo.says(GENERAL, QUESTION);
    ada.uses_menu("Ask about this", &question)?;
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.only.as_deref() == Some(ADA), "{answer:?}");
    let thread = bo.mentions(GENERAL, QUESTION);
    bo.reads(ANSWER).await?;
    scene
        .discord
        .wait("the answer in the thread", |d| {
            d.messages().iter().any(|m| m.channel == thread && m.user == BOT).then_some(())
        })
        .await?;
    let reply = bo.says(&thread, "Twice a year is enough, by the way.");
    ada.uses_menu("Log discussion", &reply)?;
    ada.sees_form().await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_in_a_forum_is_answered_and_messages_of_bots_are_not() -> Result<()> {
    let scene = Scene::open().await?;
    let bo = scene.discord.person(BO);
    let post = bo.posts_in_forum(FORUM, "Coffee machine", QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.channel == post, "{answer:?}");
    let webhook = json!({ "id": "1500000000000000009", "channel_id": GENERAL, "guild_id": GUILD, "type": 0, "webhook_id": "1",
        "content": format!("<@{BOT}> {QUESTION}"), "mentions": [{ "id": BOT }], "author": { "id": "1", "username": "hook" } });
    scene.discord.dispatches("MESSAGE_CREATE", &webhook);
    let mut bot = webhook;
    (bot["webhook_id"], bot["id"]) = (Value::Null, json!("1500000000000000010"));
    bot["author"] = json!({ "id": "200000000000000099", "username": "other", "bot": true });
    scene.discord.dispatches("MESSAGE_CREATE", &bot);
    bo.says_dm("help");
    bo.reads("Ask me how something is done").await?;
    ensure!(scene.discord.messages().iter().filter(is_answer).count() == 1, "bots are not answered");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_answered_and_courses_are_suggested_by_their_title() -> Result<()> {
    let scene = Scene::open().await?;
    scene.requires_a_course()?;
    let ada = scene.discord.person(ADA);
    ada.reads("something is waiting").await?;
    let done = |d: &Discord| (d.commands("*").0 > 0).then(|| d.commands("*").1);
    let all = scene.discord.wait("registered commands", done).await?;
    let words = all.as_array().into_iter().flatten().filter(|c| c["type"] == 1).filter_map(|c| c["name"].as_str());
    let mut opened = BTreeSet::new();
    for word in words {
        let text = if word == "ask" { QUESTION } else { "" };
        let token = ada.slash_in(GENERAL, word, text);
        let (took, said) = scene.discord.acknowledged(&token).await?;
        ensure!(took < Duration::from_secs(3), "{word}: {took:?}");
        if said["type"] == 9 {
            opened.insert(word.to_owned());
        } else {
            let answered = |d: &Discord| d.answers(&token).into_iter().find(|m| !m.loading && !m.content.is_empty());
            let answer = scene.discord.wait(&format!("an answer to /{word}"), answered).await?;
            ensure!(answer.only.as_deref() == Some(ADA), "/{word}: {answer:?}");
        }
    }
    insta::assert_json_snapshot!("commands_that_open_a_form", opened);
    let suggested = ada.types(GENERAL, "training", "saf").await?;
    ensure!(suggested == ["Safety"], "{suggested:?}");
    let cy = scene.discord.person(CY);
    ensure!(cy.types(GENERAL, "training", "").await?.is_empty(), "nothing for a stranger");
    // Topics are titles of pages that one may read, people those below one.
    for who in [&ada, &cy] {
        let topics = who.types(GENERAL, "ask", "kitch").await?;
        ensure!(topics == ["Kitchen rules"], "{topics:?}");
    }
    let reports = "employee_id,name,manager_employee_id\nE2,Bo *Lind*,E1\n";
    std::fs::write(scene.dir.path().join("reports.csv"), reports)?;
    said(STOA, scene.dir.path(), &["people", "import", "reports.csv"])?;
    let people = ada.types(GENERAL, "team", "bo").await?;
    ensure!(people == ["Bo *Lind*"], "{people:?}");
    ensure!(cy.types(GENERAL, "team", "bo").await?.is_empty(), "nothing for a stranger");
    ada.slash_in(GENERAL, "team", "E2");
    let standing = ada.reads("Bo \\*Lind\\*").await?;
    ensure!(standing.shown().contains("Safety") && standing.only.as_deref() == Some(ADA), "{standing:?}");
    ada.slash_in(GENERAL, "team", "Nobody Here");
    ada.reads("I do not know whom of your team you mean").await?;
    scene.ends().await
}
