//! A workspace that has less than Slack: methods that are missing, refused or lost, and a server that knows hardly anything.
//! Everything is answered all the same, where it can be.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use stoa_tests::slack::{self, SIGNING_SECRET, Slack, Trouble};
use stoa_tests::{Model, Server, said};

use crate::*;

const MISSING: [&str; 9] = [
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "chat.postEphemeral",
    "assistant.threads.setStatus",
    "assistant.threads.setTitle",
    "assistant.threads.setSuggestedPrompts",
    "dnd.teamInfo",
    "views.publish",
];

async fn model() -> Result<Model> {
    let first = "To descale the coffee machine, press both buttons for five seconds. [1]\nPour";
    Model::open(first, " in one bag of citric acid. [1]\n").await
}

/// The whole answer in the thread of the pane. The model ends it when the beginning was to be streamed.
async fn answered_in(slack: &Slack, model: &Model, pane: &(String, String)) -> Result<Message> {
    let begins = |s: &Slack| s.calls().iter().any(|c| c.method == "chat.startStream").then_some(());
    slack.wait("the attempt to begin a stream", begins).await?;
    model.goes_on(9);
    let whole = |m: &Message| m.thread.as_ref() == Some(&pane.1) && m.shown().contains("citric acid") && !m.streaming;
    slack.wait("the answer in the thread", |s| s.messages().into_iter().find(|m| whole(m))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workspace_does_not_have_loses_nothing() -> Result<()> {
    for trouble in [Trouble::Missing, Trouble::Refused("unknown_method")] {
        let model = model().await?;
        let scene = Scene::open_with("socket", &model.configuration()).await?;
        let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
        slack.lacks(&MISSING, trouble);
        let pane = ada.opens_pane();
        ada.says_in_pane(&pane, QUESTION);
        answered_in(slack, &model, &pane).await?;
        // What is for one person alone comes at the command's response address, and where that is used up by direct message.
        ada.slash_in(GENERAL, "/stoa", "help");
        let help = ada.reads("You can also use these words").await?;
        ensure!(help.channel == GENERAL && help.only.as_deref() == Some(ADA), "{help:?}");
        slack.goes_wrong("response_url", 1, Trouble::Failing);
        ada.slash_in(GENERAL, "/stoa", "settings");
        let settings = ada.reads("Your settings").await?;
        ensure!(settings.channel.starts_with('D'), "{settings:?}");
        ada.opens_home();
        let asked = |s: &Slack, method: &str| s.calls().iter().filter(|c| c.method == method).count();
        ensure!(asked(slack, "chat.startStream") == 1, "it is not asked for again and again");
        scene.ends().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_begun_becomes_a_post() -> Result<()> {
    let model = model().await?;
    let scene = Scene::open_with("socket", &model.configuration()).await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    slack.lacks(&["chat.startStream"], Trouble::Failing);
    let pane = ada.opens_pane();
    ada.says_in_pane(&pane, QUESTION);
    answered_in(slack, &model, &pane).await?;
    let begun = slack.calls().iter().filter(|c| c.method == "chat.startStream").count();
    ensure!(begun == 1, "{begun} attempts to begin it");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_form_did_not_open_is_told_where_the_bot_is_not() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    slack.lacks(&["views.open"], Trouble::Refused("expired_trigger_id"));
    ada.slash_in(PRIVATE, "/stoa", "tip");
    let told = ada.reads("took too long to open").await?;
    ensure!(told.channel == PRIVATE && told.only.as_deref() == Some(ADA), "{told:?}");
    slack.goes_wrong("response_url", 1, Trouble::Failing);
    bo.slash_in(PRIVATE, "/stoa", "tip");
    let told = bo.reads("took too long to open").await?;
    ensure!(told.channel.starts_with('D') && told.only.is_none(), "{told:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_conversation_can_be_opened_messages_go_to_people_and_are_edited_there() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    slack.lacks(&["conversations.open"], Trouble::Missing);
    slack.lacks(&["views.open"], Trouble::Refused("expired_trigger_id"));
    slack.acknowledged(ada.uses_global_shortcut("tip")).await?;
    let told = ada.reads("took too long to open").await?;
    ensure!(told.channel.starts_with('D'), "{told:?}");
    scene.requires_safety()?;
    let new = bo.reads("New for you").await?;
    let first = slack.calls().into_iter().find(|c| c.method == "chat.postMessage" && c.args["channel"] == BO);
    ensure!(first.is_some(), "it went to him by his id");
    said(STOA, scene.dir.path(), &["training", "complete", "E2", "safety", "--reason", "on paper"])?;
    let edited = |s: &Slack| s.messages().into_iter().find(|m| m.ts == new.ts && m.edits > 0);
    slack.wait("the edited message", edited).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_goes_out_all_the_same() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    slack.lacks(&["conversations.history"], Trouble::Missing);
    slack.goes_wrong("chat.postMessage", 1, Trouble::Failing);
    ada.says_dm(QUESTION);
    ada.reads(ANSWER).await?;
    let looks: Vec<slack::Call> = slack.calls().into_iter().filter(|c| c.method == "conversations.history").collect();
    let near = looks.iter().all(|c| !c.args["oldest"].is_null());
    ensure!(!looks.is_empty() && near, "it stands nowhere before it was asked for: {looks:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_bulb_where_others_read_makes_no_tip() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (slack, ada, bo) = (&scene.slack, scene.slack.person(ADA), scene.slack.person(BO));
    slack.add_channel("C0SHARED", &[ADA, BO, slack::BOT]);
    slack.shares("C0SHARED");
    let ts = bo.says("C0SHARED", "The dock door jams in frost; warm its rail with the heat gun on level two");
    slack.acknowledged(ada.reacts("C0SHARED", &ts, "bulb")).await?;
    // The same elsewhere asks its author, and only once.
    let ts = bo.says(GENERAL, "The gate siren wants a new battery at the end of every single winter");
    slack.acknowledged(ada.reacts(GENERAL, &ts, "bulb")).await?;
    bo.reads("gate siren").await?;
    ensure!(bo.finds("dock door").is_none(), "words of a shared channel became a tip");
    scene.ends().await
}

/// A server that knows four methods, answers them with next to nothing, and says 404 to everything else.
#[derive(Clone, Default)]
struct Poor {
    said: Arc<Mutex<Vec<Value>>>,
}

impl Poor {
    async fn open() -> Result<(Self, String)> {
        let poor = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/api/{method}", post(Self::call))
            .route("/answer", post(Self::respond))
            .with_state(poor.clone());
        tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok((poor, url))
    }

    async fn call(State(poor): State<Self>, Path(method): Path<String>, body: Bytes) -> Response {
        let answer = match method.as_str() {
            "auth.test" => json!({ "ok": true, "user_id": "UBOT", "team_id": "T1", "bot_id": "B1" }),
            "users.info" => json!({ "ok": true, "user": { "id": ADA, "name": "ada" } }),
            "chat.postMessage" | "chat.update" => {
                let ts = poor.keep(&method, &body);
                json!({ "ok": true, "channel": "D1", "ts": ts })
            }
            _ => return (StatusCode::NOT_FOUND, "no such page").into_response(),
        };
        axum::Json(answer).into_response()
    }

    async fn respond(State(poor): State<Self>, body: Bytes) -> &'static str {
        poor.keep("response", &body);
        "ok"
    }

    fn keep(&self, method: &str, body: &Bytes) -> String {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let ts = format!("17954245{:02}.000100", said.len());
        said.push(
            json!({ "method": method, "ts": ts, "body": serde_json::from_slice::<Value>(body).unwrap_or_default() }),
        );
        ts
    }

    fn all(&self) -> Vec<Value> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn says(&self, part: &str, times: usize) -> Result<Value> {
        for _ in 0..200 {
            let found: Vec<Value> = self.all().into_iter().filter(|one| one.to_string().contains(part)).collect();
            if let Some(found) = found.get(times - 1) {
                return Ok(found.clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        anyhow::bail!("“{part}” never came: {:#?}", self.all())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_hardly_anything_is_answered() -> Result<()> {
    let (poor, url) = Poor::open().await?;
    let dir = tempfile::tempdir()?;
    let at = dir.path();
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
         [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n\
         [[slack]]\nname = \"acme\"\nmode = \"http\"\nbot_token = \"xoxb-poor\"\nsigning_secret = \"{SIGNING_SECRET}\"\n\
         api_url = \"{url}/api\"\n"
    );
    lays_out(at, &config, ROSTER)?;
    said(STOA, at, &["people", "import", "roster.csv"])?;
    said(STOA, at, &["library", "sync"])?;
    let mut server = Server::start_logged(STOA, at, &["serve"], &at.join("log"))?;
    // Ours only signs and posts what happens.
    let signer = Slack::open().await?;
    signer.posts_to(&format!("{}/slack/acme", server.url));
    let happens = async |path: &str, kind: &str, body: String| -> Result<()> {
        let (status, said) = signer.posts(path, SIGNING_SECRET, slack::now(), kind, &body).await?;
        ensure!(status == 200, "{path}: {status} {said}");
        Ok(())
    };
    let event = async |event: Value| {
        happens("events", "application/json", json!({ "type": "event_callback", "event": event }).to_string()).await
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    let form = |fields: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params("http://x/", fields)?;
        anyhow::Ok(url.query().unwrap_or_default().to_owned())
    };

    let asked = json!({ "type": "message", "user": ADA, "text": QUESTION, "ts": "1795424400.000100", "channel": "D1" });
    event(asked.clone()).await?;
    let answer = poor.says(ANSWER, 1).await?;
    ensure!(answer["body"]["channel"] == "D1", "{answer:#}");
    event(asked).await?;
    event(
        json!({ "type": "app_mention", "user": ADA, "text": format!("<@UBOT> {QUESTION}"), "ts": "1795424401.000100",
        "channel": "C1" }),
    )
    .await?;
    let answer = poor.says(ANSWER, 2).await?;
    let of_mention = answer["body"]["channel"] == "C1" && answer["body"]["thread_ts"] == "1795424401.000100";
    ensure!(of_mention, "a repeat is answered again, or the mention elsewhere: {answer:#}");

    // Two buttons of one answer, one after the other.
    let first = poor.says(ANSWER, 1).await?;
    for (label, part) in [("Helpful", "Thank you"), ("Save", "Saved")] {
        let blocks = first["body"]["blocks"].as_array().into_iter().flatten();
        let buttons = blocks.flat_map(|block| block["elements"].as_array().into_iter().flatten());
        let button = buttons.into_iter().find(|b| b["text"]["text"] == label).with_context(|| format!("no {label}"))?;
        let action = json!({ "type": "button", "action_id": "b0", "value": button["value"] });
        let press = json!({ "type": "block_actions", "user": { "id": ADA }, "channel": { "id": "D1" },
            "message": { "ts": first["ts"] }, "actions": [action] });
        happens("interactivity", FORM, form(&[("payload", &press.to_string())])?).await?;
        poor.says(part, 1).await?;
    }

    let help = form(&[
        ("command", "/stoa"),
        ("text", "help"),
        ("user_id", ADA),
        ("channel_id", "C1"),
        ("response_url", &format!("{url}/answer")),
    ])?;
    happens("commands", FORM, help).await?;
    let help = poor.says("You can also use these words", 1).await?;
    ensure!(help["method"] == "response" && help["body"]["response_type"] == "ephemeral", "{help:#}");
    ensure!(server.stop()?, "the server stops gracefully");
    Ok(())
}
