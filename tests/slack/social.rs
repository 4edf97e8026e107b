//! Reactions, shortcuts, and what people say about answers.

use anyhow::{Result, ensure};
use stoa_tests::said;
use stoa_tests::slack::Trouble;

use crate::*;

/// Somebody who is on the staff list as well.
fn cy_joins(scene: &Scene) -> Result<()> {
    let dir = scene.dir.path();
    std::fs::write(dir.join("more.csv"), "employee_id,name,email,slack_id\nE3,Cy Ode,cy@example.org,U012CY003\n")?;
    said(STOA, dir, &["people", "import", "more.csv"])?;
    scene.slack.add_person(CY, "Cy Ode", "UTC");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_bulb_asks_the_author_and_only_a_yes_makes_it_a_tip() -> Result<()> {
    let scene = Scene::open("socket").await?;
    cy_joins(&scene)?;
    let (slack, ada, bo, cy) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO), scene.slack.person(CY));
    let ts = bo.says(GENERAL, "The dock door jams in frost; warm its rail with the heat gun on level two");
    slack.acknowledged(ada.reacts(GENERAL, &ts, "tada")).await?;
    slack.acknowledged(ada.reacts(GENERAL, &ts, "bulb")).await?;
    let asked = bo.reads("as a tip for everyone").await?;
    ensure!(asked.channel.starts_with('D') && asked.thread.is_none(), "{asked:?}");
    insta::assert_json_snapshot!("a_light_bulb_asks_the_author", seen(&asked));
    // A second one asks nobody again.
    slack.acknowledged(cy.reacts(GENERAL, &ts, "bulb")).await?;
    let question = "Why does the dock door jam in frost?";
    settles(&ada, question, "don’t know").await?;
    bo.presses("Share it").await?;
    bo.reads("is shared as a tip").await?;
    settles(&ada, question, "level two").await?;

    // Taken back before the author has answered, the question is withdrawn; after a no nothing is kept.
    let other = cy.says(GENERAL, "The gate siren wants a new battery at the end of every single winter");
    ada.reacts(GENERAL, &other, "bulb");
    let asked = cy.reads("as a tip for everyone").await?;
    slack.acknowledged(ada.takes_back(GENERAL, &other, "bulb")).await?;
    let edited = |s: &Slack| s.messages().into_iter().find(|m| m.ts == asked.ts && m.edits > 0);
    let gone = slack.wait("the withdrawn question", edited).await?;
    insta::assert_json_snapshot!("a_light_bulb_that_was_taken_back", seen(&gone));
    stops(&ada, "What does the gate siren want?", "battery").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_mark_by_who_asked_keeps_the_answer_for_the_next() -> Result<()> {
    let scene = Scene::open("socket").await?;
    cy_joins(&scene)?;
    let (slack, bo, cy) = (&scene.slack, scene.slack.person(BO), scene.slack.person(CY));
    let question = cy.says(GENERAL, "Where do the spare fuses of the sorter lie?");
    let answer = bo.replies(GENERAL, &question, "The spare fuses of the sorter lie in drawer seven of the workshop");
    // Of an own answer, and of what is no answer, it says nothing.
    slack.acknowledged(bo.reacts(GENERAL, &answer, "white_check_mark")).await?;
    slack.acknowledged(cy.reacts(GENERAL, &question, "white_check_mark")).await?;
    slack.acknowledged(cy.reacts(GENERAL, &answer, "white_check_mark")).await?;
    let asked = bo.reads("this answered").await?;
    ensure!(asked.channel.starts_with('D'), "{asked:?}");
    insta::assert_json_snapshot!("a_check_mark_asks_the_author", seen(&asked));
    bo.presses("Share it").await?;
    bo.reads("is shared as a tip").await?;
    settles(&cy, "Where do the spare fuses of the sorter lie?", "drawer seven").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discussion_is_logged_by_its_shortcut_and_holds_who_agreed() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    let root = ada.says(GENERAL, "The cold store alarm rang twice last night, what do we do about it?");
    let reply = bo.replies(GENERAL, &root, "Its sensor three drifts; swap it against the one in the spare cabinet");
    slack.acknowledged(ada.uses_shortcut("discussion_log", &message(slack, &root)?)).await?;
    let form = ada.sees_form().await?;
    insta::assert_json_snapshot!("the_form_of_a_discussion", steady(&form.view));
    ensure!(ada.submits(&[("What is it about?", "Cold store alarm <!here>")]).await?.is_null());
    let logged = ada.reads("is logged").await?;
    ensure!(logged.only.as_deref() == Some(ADA) || logged.channel.starts_with('D'), "{logged:?}");
    let question = "Which sensor of the cold store alarm drifts?";
    let asked = bo.reads("in which you wrote").await?;
    stops(&ada, question, "spare cabinet").await?;
    insta::assert_json_snapshot!("asked_about_a_discussion", seen(&asked));
    bo.presses("Yes").await?;
    bo.reads("Your messages are part of").await?;
    settles(&ada, question, "spare cabinet").await?;
    // Deleted in the channel, it is gone from the answers as well.
    bo.deletes(GENERAL, &reply)?;
    stops(&ada, question, "spare cabinet").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_judged_and_saved_and_a_tip_comes_by_the_global_shortcut() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    ada.slash_in(GENERAL, "/stoa", &format!("ask {QUESTION}"));
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.channel == GENERAL && answer.only.as_deref() == Some(ADA), "{answer:?}");
    ada.presses("Not helpful").await?;
    let form = ada.sees_form().await?;
    insta::assert_json_snapshot!("the_form_of_what_was_missing", steady(&form.view));
    let said = [("What is the matter?", "something is missing"), ("What did you need to know?", "where the acid lies")];
    ensure!(ada.submits(&said).await?.is_null(), "the form closes");
    let thanks = ada.reads("Thank you.").await?;
    ensure!(thanks.only.as_deref() == Some(ADA) || thanks.channel.starts_with('D'), "{thanks:?}");
    ada.presses("Save").await?;
    ada.reads("Saved").await?;
    ada.says_dm("ask saved");
    ada.reads("You saved one page").await?;

    slack.acknowledged(ada.uses_global_shortcut("tip")).await?;
    ensure!(
        ada.submits(&[("Your tip", "The harbour crane hums loudly when its brake pads are worn down")])
            .await?
            .is_null()
    );
    let shared = ada.reads("tip is shared").await?;
    ensure!(shared.channel.starts_with('D'), "{shared:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_or_deleted_during_a_quiz_changes_no_answer() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.teaches_tea()?;
    let (slack, bo) = (&scene.slack, scene.slack.person(BO));
    bo.says_dm("learn join tea");
    bo.reads("Tea").await?;
    bo.says_dm("learn");
    let quiz = bo.reads("How hot?").await?;
    let ask = slack.messages().into_iter().rev().find(|m| m.user == BO && m.text == "learn").context("he said it")?;
    let before = bo.count();
    slack.acknowledged(bo.edits(&quiz.channel, &ask.ts, "learn something else")?).await?;
    slack.acknowledged(bo.deletes(&quiz.channel, &ask.ts)?).await?;
    bo.presses("90").await?;
    bo.reads("Black tea needs it").await?;
    bo.says_dm(QUESTION);
    bo.reads(ANSWER).await?;
    ensure!(bo.count() <= before + 3, "an edited word was answered");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_in_a_private_channel_stays_there() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    let board = "C0BOARD";
    slack.add_channel(board, &[ADA, BO, stoa_tests::slack::BOT]);
    slack.closes(board);
    let root = ada.says(board, "Which warehouse do we close in spring?");
    let answer = bo.replies(board, &root, "The warehouse in Tilbury is closed in spring, says the board");
    for sign in ["bulb", "white_check_mark"] {
        slack.acknowledged(ada.reacts(board, &answer, sign)).await?;
    }
    slack.acknowledged(ada.uses_shortcut("tip_from", &message(slack, &answer)?)).await?;
    ada.reads("I take words only from channels").await?;
    slack.acknowledged(ada.uses_shortcut("discussion_log", &message(slack, &root)?)).await?;
    ada.sees_form().await?;
    ensure!(ada.submits(&[("What is it about?", "Spring")]).await?.is_null());
    slack
        .wait("a second refusal", |s| {
            let refusals = s.messages().into_iter().filter(|m| m.shown().contains("I take words only from channels"));
            (refusals.count() == 2).then_some(())
        })
        .await?;
    ensure!(bo.finds("in your name").is_none() && bo.finds("in which you wrote").is_none(), "Bo is asked nothing");
    stops(&ada, "Which warehouse do we close in spring?", "Tilbury").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_learns_keeps_question_and_answer_with_a_link_once_the_author_agrees() -> Result<()> {
    let scene = Scene::open("socket").await?;
    cy_joins(&scene)?;
    let (slack, ada, bo, cy) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO), scene.slack.person(CY));
    ada.mentions(GENERAL, "ask channel learn");
    let notice = slack
        .wait("the notice", |s| {
            s.messages().into_iter().find(|m| m.shown().contains("From now on, when whoever asked"))
        })
        .await?;
    ensure!(notice.channel == GENERAL && notice.only.is_none(), "everybody there is told: {notice:?}");
    let question = cy.says(GENERAL, "Where do the spare fuses of the sorter lie?");
    let answer = bo.replies(GENERAL, &question, "The spare fuses of the sorter lie in drawer seven of the workshop");
    slack.acknowledged(cy.reacts(GENERAL, &answer, "white_check_mark")).await?;
    let asked = bo.reads("helped. May your message").await?;
    insta::assert_json_snapshot!("a_marked_answer_asks_its_author", seen(&asked));
    bo.presses("Yes").await?;
    bo.reads("Your messages are part of").await?;
    let found = settles(&ada, "Where do the spare fuses of the sorter lie?", "drawer seven").await?;
    let said = found.shown();
    ensure!(
        said.contains("answered by Bo") && said.contains("https://acme.slack.example/archives/C0GENERAL/p"),
        "{said}"
    );
    bo.deletes(GENERAL, &answer)?;
    stops(&ada, "Where do the spare fuses of the sorter lie?", "drawer seven").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortcut_where_two_others_talk_alone_is_answered_where_the_bot_may_and_keeps_nothing_of_theirs() -> Result<()>
{
    let scene = Scene::open("socket").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    // Of what is said there the bot hears nothing.
    slack.add_channel("D0THEIRS", &[ADA, BO]);
    let said_there = |ts: &str, user: &str, text: &str| Message {
        channel: "D0THEIRS".into(),
        ts: ts.into(),
        thread: None,
        user: user.into(),
        text: text.into(),
        blocks: Value::Null,
        metadata: Value::Null,
        only: None,
        edits: 0,
        streaming: false,
    };
    let text = "The spare key of the lighthouse hangs behind the tide table, on the second hook";
    slack.acknowledged(ada.uses_shortcut("tip_from", &said_there("1795424400.000100", BO, text))).await?;
    let refused = ada.reads("What was said here stays here").await?;
    ensure!(refused.channel == "D012ADA01", "{refused:?}");
    slack.acknowledged(ada.uses_shortcut("discussion_log", &said_there("1795424400.000100", BO, text))).await?;
    // One's own words are a tip like one that was typed.
    let own = "The foghorn wants a drop of oil before the first mist, on <@U012BO002> and <@U0NOBODY>'s side";
    slack.acknowledged(ada.uses_shortcut("tip_from", &said_there("1795424400.000200", ADA, own))).await?;
    let preview = ada.reads("Shall I share it?").await?;
    ensure!(preview.channel == "D012ADA01", "{preview:?}");
    let shown = preview.shown();
    ensure!(shown.contains("Bo") && shown.contains("someone's side") && !shown.contains("U0"), "{shown}");
    ensure!(slack.messages().iter().all(|m| m.channel != "D0THEIRS"), "nothing is said there");
    ensure!(slack.person(BO).finds("lighthouse").is_none(), "nobody is asked about it");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_alone_sees_changes_where_it_stands() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.teaches_tea()?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    ada.slash_in(GENERAL, "/stoa", "learn tracks");
    let list = ada.reads("These are the tracks").await?;
    ensure!(list.only.as_deref() == Some(ADA), "{list:?}");
    let (before, at) =
        (ada.count(), |s: &Slack, edits| s.messages().into_iter().find(|m| m.ts == list.ts && m.edits == edits));
    ada.presses("Join").await?;
    let joined = slack.wait("the list that changes", |s| at(s, 1)).await?;
    ensure!(joined.shown().contains("Leave") && ada.count() == before, "{joined:?}");
    // Where Slack takes nothing at that address any more, it is said anew.
    slack.goes_wrong("response_url", 1, Trouble::Failing);
    ada.presses("Leave").await?;
    let left = ada.newest_after(before).await?;
    ensure!(left.only.as_deref() == Some(ADA) && left.shown().contains("Join"), "{left:?}");
    ensure!(at(slack, 1).is_some(), "the old one stays as it was");
    scene.ends().await
}
