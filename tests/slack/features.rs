//! An app that does without something: its manifest, and what the doctor says.

use anyhow::{Result, ensure};
use stoa_tests::slack::BOT_TOKEN;
use stoa_tests::{run, said};

use crate::*;

/// What the doctor says of Slack.
fn doctor(scene: &Scene) -> Result<Vec<String>> {
    let (_, told) = run(STOA, scene.dir.path(), &["doctor"])?;
    Ok(told.lines().filter(|line| line.contains(" slack: ")).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_without_something_needs_fewer_scopes_and_misses_none() -> Result<()> {
    let scene = Scene::open_with("socket", "features = [\"do_not_disturb\"]\n").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    let manifest: serde_json::Value = serde_json::from_str(&said(STOA, scene.dir.path(), &["slack", "manifest"])?)?;
    let scopes = &manifest["oauth_config"]["scopes"]["bot"];
    let expected =
        json!(["app_mentions:read", "chat:write", "commands", "dnd:read", "im:history", "im:write", "users:read"]);
    ensure!(*scopes == expected, "{scopes}");
    let granted: Vec<&str> = scopes.as_array().into_iter().flatten().filter_map(|s| s.as_str()).collect();
    slack.grants(BOT_TOKEN, &granted.join(","));
    insta::assert_json_snapshot!("the_doctor_of_an_app_that_does_without_something", doctor(&scene)?);
    // In a thread of the pane an answer comes without a word about what is not there.
    let pane = ada.opens_pane();
    ada.says_in_pane(&pane, QUESTION);
    ada.reads(ANSWER).await?;
    ensure!(
        !slack.calls().iter().any(|c| c.method == "assistant.threads.setStatus"),
        "it asked for what it does without"
    );

    slack.hides_scopes();
    insta::assert_json_snapshot!("the_doctor_where_slack_says_no_scopes", doctor(&scene)?);
    scene.ends().await
}
