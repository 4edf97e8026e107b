//! The same bot in a workspace that others made: the npm package `emulate`, for what it covers (Web API and views).

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stoa_tests::slack::{SIGNING_SECRET, Slack};
use stoa_tests::{Server, free_port, said};

use crate::*;

const ADMIN: &str = "U000000001";
const TOKEN: &str = "xoxb-emulate";

/// A running workspace; it ends with its value.
struct Emulate {
    url: String,
    child: Child,
}

impl Emulate {
    /// None where its package is not installed, which `tests/run` does.
    fn open() -> Result<Option<Self>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/emulate");
        if !folder.join("node_modules/emulate/package.json").is_file() {
            eprintln!("skipped: tests/emulate/node_modules is missing; 'tests/run' installs it with npm");
            return Ok(None);
        }
        let port = free_port()?;
        let mut command = Command::new("node");
        command.arg("run.mjs").arg(port.to_string()).current_dir(folder).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => {
                eprintln!("skipped: node cannot be started ({e}); 'tests/run' installs it");
                return Ok(None);
            }
        };
        let said = std::io::BufReader::new(child.stdout.take().context("its output is heard")?);
        let emulate = Self { url: format!("http://127.0.0.1:{port}"), child };
        for line in said.lines() {
            if line?.starts_with("open ") {
                return Ok(Some(emulate));
            }
        }
        anyhow::bail!("emulate ended before it was open")
    }

    async fn call(&self, method: &str, fields: &[(&str, &str)]) -> Result<Value> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.post(format!("{}/api/{method}", self.url)).bearer_auth(TOKEN).form(fields);
        let answer: Value = request.send().await?.json().await?;
        ensure!(answer["ok"] == true, "{method}: {answer}");
        Ok(answer)
    }
}

impl Drop for Emulate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_workspace_made_by_others_questions_are_answered_and_the_home_tab_is_shown() -> Result<()> {
    let Some(emulate) = Emulate::open()? else { return Ok(()) };
    let dir = tempfile::tempdir()?;
    let at = dir.path();
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
         [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n\
         [[slack]]\nname = \"acme\"\nmode = \"http\"\nbot_token = \"{TOKEN}\"\nsigning_secret = \"{SIGNING_SECRET}\"\n\
         api_url = \"{}/api\"\n",
        emulate.url
    );
    std::fs::write(at.join("stoa.toml"), config)?;
    std::fs::create_dir(at.join("handbook"))?;
    std::fs::write(at.join("handbook/kitchen.md"), PAGE)?;
    std::fs::write(
        at.join("roster.csv"),
        format!("employee_id,name,email,slack_id\nE1,Ada,ada@example.org,{ADMIN}\n"),
    )?;
    said(STOA, at, &["people", "import", "roster.csv"])?;
    said(STOA, at, &["library", "sync"])?;
    let mut server = Server::start_logged(STOA, at, &["serve"], &at.join("log"))?;
    // Ours only signs and posts what happens.
    let signer = Slack::open().await?;
    signer.posts_to(&format!("{}/slack/acme", server.url));
    let channel = emulate.call("conversations.open", &[("users", ADMIN)]).await?["channel"]["id"].clone();
    let happens = |id: &str, event: Value| {
        json!({ "type": "event_callback", "team_id": "T000000001", "event_id": id, "event": event }).to_string()
    };
    let asked = json!({ "type": "message", "user": ADMIN, "text": QUESTION, "ts": "1795424400.000100",
        "event_ts": "1795424400.000100", "channel": channel, "channel_type": "im", "team": "T000000001" });
    let home = json!({ "type": "app_home_opened", "user": ADMIN, "channel": channel, "tab": "home" });
    for body in [happens("Ev1", asked), happens("Ev2", home)] {
        let (status, said) =
            signer.posts("events", SIGNING_SECRET, stoa_tests::slack::now(), "application/json", &body).await?;
        ensure!(status == 200, "{status} {said}");
    }
    let channel = channel.as_str().unwrap_or_default().to_owned();
    let mut history = Value::Null;
    let mut shown = String::new();
    for _ in 0..100 {
        history = emulate.call("conversations.history", &[("channel", &channel)]).await?;
        shown = reqwest::get(format!("{}/?tab=views", emulate.url)).await?.text().await?;
        if history.to_string().contains(ANSWER) && shown.contains("home") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let answers =
        history["messages"].as_array().map_or(0, |all| all.iter().filter(|m| m.to_string().contains(ANSWER)).count());
    ensure!(answers == 1, "{answers} answers: {history:#}");
    ensure!(shown.contains("home"), "no Home tab: {shown}");
    ensure!(server.stop()?, "the server stops gracefully");
    Ok(())
}
