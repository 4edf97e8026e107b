//! The assistant pane, and answers that are shown as they grow.

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_tests::Model;
use stoa_tests::slack::{self, Trouble};

use crate::*;

const FIRST: &str = "press both buttons for five seconds";

/// A language model that says its second sentence when it may.
async fn model() -> Result<Model> {
    let first = "To descale the coffee machine, press both buttons for five seconds. [1]\nPour";
    Model::open(first, " in one bag of citric acid. [1]\n").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pane_suggests_works_and_streams() -> Result<()> {
    let model = model().await?;
    let scene = Scene::open_with("socket", &model.configuration()).await?;
    scene.requires_safety()?;
    scene.teaches_tea()?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    ada.reads("New for you").await?;
    ada.says_dm("learn join tea");
    ada.reads("Tea").await?;
    let pane = ada.opens_pane();
    let prompts = slack.wait("the prompts", |s| Some(s.pane(&pane.0, &pane.1)).filter(|p| p["prompts"].is_array()));
    insta::assert_json_snapshot!("what_the_pane_suggests", prompts.await?);

    ada.says_in_pane(&pane, QUESTION);
    let growing = slack.wait("the beginning of the answer", |s| {
        s.messages().into_iter().find(|m| m.streaming && m.text.contains(FIRST))
    });
    let growing = growing.await?;
    ensure!(growing.thread.as_deref() == Some(pane.1.as_str()) && growing.blocks.is_null(), "{growing:?}");
    ensure!(!growing.text.contains("citric"), "it cannot know that yet");
    model.goes_on(1);
    let whole = slack.wait("the whole answer", |s| {
        s.messages()
            .into_iter()
            .find(|m| m.ts == growing.ts && !m.streaming && m.shown().contains("citric acid") && !m.blocks.is_null())
    });
    let whole = whole.await?;
    ensure!(whole.key().is_some(), "a stream has its key when it is ended");
    insta::assert_json_snapshot!("a_streamed_answer", seen(&whole));
    let now = slack.pane(&pane.0, &pane.1);
    ensure!(now["statuses"] == json!(1) && now["title"] == json!(QUESTION), "{now}");

    // What follows in the thread leans on what was asked there before.
    model.goes_on(2);
    ada.says_in_pane(&pane, "and how long?");
    slack
        .wait("the second answer", |s| {
            s.messages()
                .into_iter()
                .filter(|m| m.user == slack::BOT && m.shown().contains(FIRST) && !m.streaming)
                .nth(1)
        })
        .await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_streamed_the_answer_is_edited_and_whole() -> Result<()> {
    let model = model().await?;
    let scene = Scene::open_with("socket", &model.configuration()).await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    // Outside of threads; then in a thread, where Slack says that it is too much.
    ada.says_dm(QUESTION);
    ada.reads(FIRST).await?;
    model.goes_on(1);
    let whole = ada.reads("citric acid").await?;
    ensure!(!whole.streaming && whole.edits > 0, "{whole:?}");
    slack.goes_wrong("chat.startStream", 1, Trouble::Limited(30));
    let pane = ada.opens_pane();
    ada.says_in_pane(&pane, QUESTION);
    model.goes_on(1);
    slack
        .wait("the answer in the thread", |s| {
            s.messages().into_iter().find(|m| m.thread.as_ref() == Some(&pane.1) && m.shown().contains("citric acid"))
        })
        .await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_a_crash_cut_off_leaves_one_whole_answer() -> Result<()> {
    let model = model().await?;
    let scene = Scene::open_with("socket", &model.configuration()).await?;
    let ada = scene.slack.person(ADA);
    let pane = ada.opens_pane();
    // Slack begins the stream, and Stoa never hears of it.
    scene.slack.goes_wrong("chat.startStream", 1, Trouble::FailingAfter);
    ada.says_in_pane(&pane, QUESTION);
    scene.slack.wait("a stream", |s| s.messages().into_iter().find(|m| m.streaming)).await?;
    // Somebody's script writes there with the app's token as well.
    let script = json!({ "channel": pane.0, "thread_ts": pane.1, "text": "All machines are well." });
    let posted =
        reqwest::Client::builder().no_proxy().build()?.post(format!("{}/chat.postMessage", scene.slack.api_url()));
    let posted: serde_json::Value = posted.bearer_auth(slack::BOT_TOKEN).json(&script).send().await?.json().await?;
    ensure!(posted["ok"] == true, "{posted}");
    model.goes_on(4);
    let is_script = |m: &Message| posted["ts"] == m.ts.as_str();
    let of_thread = |s: &Slack| -> Vec<Message> {
        let all = s.messages().into_iter();
        all.filter(|m| m.thread.as_ref() == Some(&pane.1) && m.user == slack::BOT && !is_script(m)).collect()
    };
    scene
        .slack
        .wait("one whole answer", |s| {
            let all = of_thread(s);
            (all.len() == 1 && !all[0].streaming && all[0].shown().contains("citric acid")).then_some(())
        })
        .await?;
    ensure!(scene.slack.messages().iter().any(is_script), "what is not Stoa's is taken away");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_while_it_streams_leaves_one_whole_answer() -> Result<()> {
    let model = model().await?;
    let mut scene = Scene::open_with("socket", &model.configuration()).await?;
    let pane = scene.slack.person(ADA).opens_pane();
    scene.slack.person(ADA).says_in_pane(&pane, QUESTION);
    let begun = |s: &Slack| s.messages().iter().any(|m| m.streaming && m.text.contains(FIRST)).then_some(());
    scene.slack.wait("a stream", begun).await?;
    scene.server.kill()?;
    scene.server.restart()?;
    scene.slack.is_connected(1).await?;
    model.goes_on(4);
    let of_thread = |s: &Slack| -> Vec<Message> {
        s.messages().into_iter().filter(|m| m.thread.as_ref() == Some(&pane.1) && m.user == slack::BOT).collect()
    };
    let whole = scene.slack.wait("one whole answer", |s| {
        let all = of_thread(s);
        let is_whole = |m: &Message| !m.streaming && !m.blocks.is_null() && m.shown().contains("citric acid");
        (all.len() == 1 && is_whole(&all[0])).then_some(())
    });
    // Finished; or taken away and written anew, where the server died before it knew that it had begun.
    whole.await?;
    // The next question in the thread is answered as well, and nothing of the first one comes again.
    scene.slack.person(ADA).says_in_pane(&pane, "Who won the football match?");
    scene.slack.wait("the next answer", |s| (of_thread(s).len() == 2).then_some(())).await?;
    let whole = of_thread(&scene.slack).iter().filter(|m| m.shown().contains("citric acid")).count();
    ensure!(whole == 1, "{whole} whole answers");
    scene.ends().await
}
