//! What Slack takes and what it refuses, and connections on which nobody says anything.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stoa_ground::clock::monotonic;
use stoa_tests::said;

use crate::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_has_two_chats_chooses_in_the_settings_where_messages_come() -> Result<()> {
    let bridge =
        "[[bridge]]\nname = \"intranet\"\napi_url = \"http://127.0.0.1:9/\"\nsecret = \"a secret for the test only\"\n";
    let scene = Scene::open_with("socket", bridge).await?;
    said(STOA, scene.dir.path(), &["people", "account", "E2", "intranet", "bo"])?;
    let bo = scene.slack.person(BO);
    bo.slash("/stoa", "settings");
    bo.reads("the chat that you used last").await?;
    bo.presses("Change times").await?;
    let form = bo.sees_form().await?;
    insta::assert_json_snapshot!("the_settings_of_who_has_two_chats", steady(&form.view));
    ensure!(bo.submits(&[("Where messages come to you", "Slack (Acme)")]).await?.is_null(), "the form closes");
    bo.reads("Saved").await?;
    settles(&bo, "settings", "Messages come to you in: Slack").await?;
    // Back to the one that has no name of its own.
    bo.presses("Change times").await?;
    let last = ("Where messages come to you", "the chat that you used last");
    ensure!(bo.submits(&[last]).await?.is_null(), "the form closes");
    settles(&bo, "settings", "Messages come to you in: the chat that you used last").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_slack_would_cut_is_refused_and_the_longest_is_shown_whole() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.requires_safety()?;
    // Slack counts an ampersand as five characters: what would be cut there is no page.
    let page = |times| format!("# Why\n\n{}", "Ada & Bo & Cy. ".repeat(times));
    let file = scene.dir.path().join("courses/safety/01-why.md");
    std::fs::write(&file, page(500))?;
    let refused = said(STOA, scene.dir.path(), &["training", "courses", "courses"]).unwrap_err().to_string();
    ensure!(refused.contains("01-why.md: a page has at most 8000 characters"), "{refused}");
    std::fs::write(&file, page(340))?;
    said(STOA, scene.dir.path(), &["training", "courses", "courses"])?;
    let bo = scene.slack.person(BO);
    bo.reads("New for you").await?;
    bo.presses("Start").await?;
    let page = bo.reads("Ada &amp; Bo").await?;
    ensure!(!page.shown().contains("There is more than fits here"), "{page:?}");
    bo.presses("I have read it").await?;
    bo.reads("Last step").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_on_which_nobody_says_anything_are_replaced_at_once_each_time() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    slack.is_connected(2).await?;
    for n in 1..=5 {
        let (before, begun) = (slack.connections_ever(), monotonic());
        ensure!(slack.disconnects(if n % 2 == 0 { "warning" } else { "refresh_requested" }) == 2);
        let both = |s: &Slack| (s.connections_ever() >= before + 2 && s.connections() == 2).then_some(());
        slack.wait("both connections", both).await.with_context(|| format!("after {n} refreshes"))?;
        ensure!(begun.elapsed() < Duration::from_secs(2), "refresh {n} left a gap of {:?}", begun.elapsed());
        slack.closes_what_ends();
    }
    scene.slack.person(ADA).says_dm(QUESTION);
    answered(slack, 1).await?;
    scene.ends().await
}
