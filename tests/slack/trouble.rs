//! Edits and deletions, double clicks, forms that come too late, and what only the operator can mend.

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_tests::said;
use stoa_tests::slack::{self, Trouble};

use crate::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_from_a_message_follows_its_edit_and_its_deletion() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    let ts = bo.says(GENERAL, "The pallet scanner restarts when you hold trigger and power for ten seconds");
    let message = slack.messages().into_iter().find(|m| m.ts == ts).expect("it was written just now");
    bo.uses_shortcut("tip_from", &message);
    bo.presses("Share").await?;
    bo.reads("tip is shared").await?;
    let question = "How does the pallet scanner restart?";
    settles(&ada, question, "ten seconds").await?;
    bo.edits(GENERAL, &ts, "The pallet scanner restarts when you hold trigger and power for twenty seconds")?;
    settles(&ada, question, "twenty seconds").await?;
    bo.deletes(GENERAL, &ts)?;
    settles(&ada, question, "don’t know").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_does_nothing_twice() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.requires_safety()?;
    scene.teaches_tea()?;
    let (slack, bo) = (&scene.slack, scene.slack.person(BO));
    bo.reads("New for you").await?;
    // Each button of a lesson, an answer and a course, twice and at once.
    bo.says_dm("learn tracks");
    bo.reads("These are the tracks").await?;
    bo.double_clicks("Join").await?;
    bo.says_dm("learn");
    bo.reads("How hot?").await?;
    bo.double_clicks("90").await?;
    bo.reads("Black tea needs it").await?;
    bo.says_dm(QUESTION);
    bo.reads(ANSWER).await?;
    bo.double_clicks("Helpful").await?;
    bo.reads("Thank you").await?;
    bo.double_clicks("Start").await?;
    bo.double_clicks("I have read it").await?;
    bo.double_clicks("Confirm").await?;
    ensure!(bo.submits(&[("Your full name", "bo *lind*")]).await?.is_null());
    bo.reads("completed on").await?;
    // The second modal is still there; what it is about is done.
    ensure!(bo.submits(&[("Your full name", "bo *lind*")]).await?.is_null());
    slack.all_acknowledged().await?;
    let again = bo.reads("completed on").await?;
    insta::assert_json_snapshot!("a_form_for_what_is_done", seen(&again));
    let status = said(STOA, scene.dir.path(), &["--json", "training", "status"])?;
    let of_bo = status.lines().filter(|l| l.contains("\"E2\"") && l.contains("\"completed\"")).count();
    ensure!(of_bo == 1, "{status}");
    ensure!(bo.finds("went wrong").is_none());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_whose_object_is_gone_and_one_that_comes_too_late() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.requires_safety()?;
    let (slack, dir, bo) = (&scene.slack, scene.dir.path(), scene.slack.person(BO));
    bo.reads("New for you").await?;
    bo.presses("Start").await?;
    bo.presses("I have read it").await?;
    bo.presses("Confirm").await?;
    bo.sees_form().await?;
    said(STOA, dir, &["training", "complete", "E2", "safety", "--reason", "on paper"])?;
    ensure!(bo.submits(&[("Your full name", "bo *lind*")]).await?.is_null(), "the form closes");
    let told = bo.reads("completed").await?;
    insta::assert_json_snapshot!("what_was_signed_is_done_already", seen(&told));

    slack.goes_wrong("views.open", 1, Trouble::Refused("expired_trigger_id"));
    bo.slash("/stoa", "tip");
    let late = bo.reads("took too long to open").await?;
    insta::assert_json_snapshot!("a_form_that_came_too_late", seen(&late));
    bo.slash("/stoa", "tip");
    bo.sees_form().await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_can_mend_is_said_once_and_stops_nothing_else() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    for _ in 0..2 {
        slack
            .acknowledged(slack.event(&json!({ "type": "channel_left", "channel": PRIVATE, "actor_id": ADA })))
            .await?;
        slack
            .acknowledged(
                slack.event(&json!({ "type": "tokens_revoked", "tokens": { "oauth": [], "bot": [slack::BOT] } })),
            )
            .await?;
        slack
            .acknowledged(slack.event(&json!({ "type": "tokens_revoked", "tokens": { "oauth": [ADA], "bot": [] } })))
            .await?;
        slack.acknowledged(slack.event(&json!({ "type": "app_uninstalled" }))).await?;
        slack.acknowledged(slack.event(&json!({ "type": "something_new" }))).await?;
    }
    // A channel is archived while an answer is on its way there; a post hangs; the others go on.
    slack.archive(GENERAL);
    slack.acknowledged(slack.event(&json!({ "type": "channel_archive", "channel": GENERAL, "user": ADA }))).await?;
    slack.person(BO).mentions(GENERAL, QUESTION);
    slack.goes_wrong("chat.postMessage", 2, Trouble::Hanging);
    ada.says_dm(QUESTION);
    let guests: Vec<String> = (0..4).map(|n| format!("U0SOME{n:02}")).collect();
    for id in &guests {
        slack.add_person(id, "Somebody", "UTC");
        slack.person(id).says_dm(QUESTION);
    }
    answered(slack, 5).await?;
    // A scope that is missing holds one message back, not the next.
    slack.goes_wrong("chat.postMessage", 1, Trouble::Refused("missing_scope"));
    ada.says_dm("help");
    slack.wait("the refusal", |s| s.calls().iter().any(|c| c.answer.contains("missing_scope")).then_some(())).await?;
    slack.person(&guests[0]).says_dm("help");
    slack.person(&guests[0]).reads("You can also use these words").await?;

    let log = std::fs::read_to_string(dir_log(&scene))?;
    for (what, times) in [
        ("taken out of the channel", 1),
        ("token was revoked", 1),
        ("removed from the workspace", 1),
        ("somebody archived the channel", 1),
        ("missing_scope", 1),
        ("something_new", 1),
    ] {
        let said =
            log.lines().filter(|l| l.contains(what) && (l.contains("operator") || l.contains("ignored"))).count();
        ensure!(said == times, "“{what}” stands {said} times in the log:\n{log}");
    }
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_sees_is_not_said_twice_after_an_uncertain_send() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    slack.goes_wrong("chat.postEphemeral", 1, Trouble::FailingAfter);
    ada.slash_in(GENERAL, "/stoa", "settings");
    ada.reads("Your settings").await?;
    slack.goes_wrong("chat.postEphemeral", 1, Trouble::Limited(1));
    ada.slash_in(GENERAL, "/stoa", "help");
    ada.reads("You can also use these words").await?;
    let shown = |part: &str| slack.messages().iter().filter(|m| m.shown().contains(part)).count();
    ensure!(shown("Your settings") == 1 && shown("You can also use these words") == 1);

    // Where the bot is not in the channel and its response address is used up, the two talk alone; there it can be looked for.
    slack.goes_wrong("response_url", 1, Trouble::Failing);
    slack.goes_wrong("chat.postMessage", 1, Trouble::FailingAfter);
    ada.slash_in(PRIVATE, "/stoa", "why");
    let why = ada.reads("held nothing back").await?;
    let looks = |s: &Slack| {
        let all = s.calls().into_iter().filter(|c| c.method == "conversations.history");
        all.filter(|c| c.args["channel"] == why.channel.as_str()).count()
    };
    slack.wait("the second look for it", |s| (looks(s) >= 2).then_some(())).await?;
    ensure!(why.channel.starts_with('D') && shown(&why.text) == 1, "{why:?}");

    // The server dies while it waits whether Slack has it.
    slack.goes_wrong("chat.postEphemeral", 1, Trouble::Hanging);
    ada.slash_in(GENERAL, "/stoa", "mydata");
    ada.reads("This is what I keep about you").await?;
    scene.server.kill()?;
    scene.server.restart()?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    slack.is_connected(1).await?;
    ada.says_dm(QUESTION);
    answered(slack, 1).await?;
    let log = std::fs::read_to_string(dir_log(&scene))?;
    let shown = slack.messages().iter().filter(|m| m.shown().contains("This is what I keep about you")).count();
    ensure!(shown == 1, "shown {shown} times:\n{log}");
    scene.ends().await
}

fn dir_log(scene: &Scene) -> std::path::PathBuf {
    scene.dir.path().join("log")
}
