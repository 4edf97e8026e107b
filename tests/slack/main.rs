//! Whole conversations in Slack: the real binary in a workspace that is as strict as Slack, and people who talk with it.
//! What they see is kept as snapshots.

mod absent;
mod dialogues;
mod features;
mod home;
mod install;
mod limits;
mod others;
mod pane;
mod people;
mod poor;
mod social;
mod standing;
mod surfaces;
mod trouble;
mod waits;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stoa_tests::slack::{self, Message, Slack};
use stoa_tests::{Server, said, steady_line};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const ADA: &str = "U012ADA01";
const BO: &str = "U012BO002";
const CY: &str = "U012CY003";
const GENERAL: &str = "C0GENERAL";
/// The bot is no member.
const PRIVATE: &str = "C0PRIVATE";

const PAGE: &str = "---\ntitle: Kitchen rules\n---\n# Kitchen rules\n\n## Coffee machine\n\nTo descale the coffee machine, \
                    press both buttons for five seconds and pour in one bag of citric acid. Say <!channel> & smile.\n";
const ROSTER: &str = "employee_id,name,email,timezone,slack_id,stoa_roles\n\
                      E1,Ada Okafor,ada@example.org,Europe/Berlin,U012ADA01,learning\n\
                      E2,Bo *Lind*,bo@example.org,Asia/Kolkata,U012BO002,\n";
const QUESTION: &str = "How do I descale the coffee machine?";
const ANSWER: &str = "one bag of citric acid";

/// What a server finds: its configuration, a page of the handbook and the staff list.
fn lays_out(at: &std::path::Path, config: &str, roster: &str) -> Result<()> {
    std::fs::write(at.join("stoa.toml"), config)?;
    std::fs::create_dir(at.join("handbook"))?;
    std::fs::write(at.join("handbook/kitchen.md"), PAGE)?;
    Ok(std::fs::write(at.join("roster.csv"), roster)?)
}

/// A workspace, and a bot in it.
struct Scene {
    slack: Slack,
    dir: tempfile::TempDir,
    server: Server,
}

impl Scene {
    /// Both, connected in this mode.
    async fn open(mode: &str) -> Result<Self> {
        Self::open_with(mode, "").await
    }

    /// As [`open`](Self::open), with more in the configuration.
    async fn open_with(mode: &str, more: &str) -> Result<Self> {
        let slack = Slack::open().await?;
        slack.add_person(ADA, "Ada Okafor", "Europe/Berlin");
        slack.add_person(BO, "Bo Lind", "Asia/Kolkata");
        slack.add_channel(GENERAL, &[ADA, BO, slack::BOT]);
        slack.add_channel(PRIVATE, &[ADA, BO]);
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let config = format!(
            "[database]\nlease = \"5s\"\n[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://learn.example.org\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n\
             [nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n{}{more}",
            if mode == "page" { slack.configuration_by_page() } else { slack.configuration(mode) }
        );
        lays_out(at, &config, ROSTER)?;
        said(STOA, at, &["people", "import", "roster.csv"])?;
        said(STOA, at, &["library", "sync"])?;
        let server = Server::start_logged(STOA, at, &["serve"], &at.join("log"))?;
        if mode == "socket" {
            slack.is_connected(1).await?;
        } else {
            slack.posts_to(&format!("{}/slack/acme", server.url));
        }
        Ok(Self { slack, dir, server })
    }

    /// A course of one page that everybody has to complete.
    fn requires_safety(&self) -> Result<()> {
        let dir = self.dir.path();
        std::fs::create_dir_all(dir.join("courses/safety"))?;
        let course = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
        std::fs::write(dir.join("courses/safety/course.toml"), course)?;
        std::fs::write(dir.join("courses/safety/01-why.md"), "# Why\n\nBecause it matters to **all** of us.\n")?;
        let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\n\
                           audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
        std::fs::write(dir.join("safety.toml"), requirement)?;
        said(STOA, dir, &["training", "courses", "courses"])?;
        said(STOA, dir, &["training", "apply", "safety.toml"])?;
        Ok(())
    }

    /// A track of lessons.
    fn teaches_tea(&self) -> Result<()> {
        let dir = self.dir.path();
        std::fs::create_dir_all(dir.join("tracks/tea"))?;
        std::fs::write(dir.join("tracks/tea/track.toml"), "title = \"Tea\"\ndescription = \"How we make it\"\n")?;
        let lesson = "+++\ntitle = \"Water & <leaves>\"\n[[question]]\nprompt = \"How hot?\"\n\
                      options = [\"60\", \"90\"]\nanswer = 1\nwhy = \"Black tea needs it.\"\n+++\nBoil it, then wait a minute.\n";
        std::fs::write(dir.join("tracks/tea/01-water.md"), lesson)?;
        said(STOA, dir, &["lessons", "apply", "tracks"])?;
        Ok(())
    }

    /// Nothing went wrong on either side, and nothing is doubled.
    async fn ends(mut self) -> Result<()> {
        self.slack.all_acknowledged().await?;
        ensure!(self.server.stop()?, "the server stops gracefully");
        let doubled: Vec<String> = self.slack.posted().into_iter().filter(|(_, n)| *n > 1).map(|(k, _)| k).collect();
        ensure!(doubled.is_empty(), "posted twice: {doubled:?}");
        self.slack.is_content()
    }
}

/// A message as a person sees it, without what differs from run to run.
fn seen(message: &Message) -> Value {
    let whole = json!({ "text": message.text, "blocks": message.blocks, "in_thread": message.thread.is_some(),
        "only_for": message.only, "edits": message.edits });
    steady(&whole)
}

/// Ids and days are replaced.
fn steady(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let lines: Vec<String> = text.split('\n').map(steady_line).collect();
            json!(lines.join("\n"))
        }
        Value::Array(items) => items.iter().map(steady).collect(),
        Value::Object(fields) => {
            let shown = |(key, one): (&String, &Value)| match key.as_str() {
                // What the form is about, which nobody sees.
                "private_metadata" => (key.clone(), json!("[what it is about]")),
                "value" => (key.clone(), on_some_day(&steady(one))),
                _ => (key.clone(), steady(one)),
            };
            fields.iter().map(shown).collect()
        }
        other => other.clone(),
    }
}

/// What a button means, without the day that it names.
fn on_some_day(value: &Value) -> Value {
    let is_day = |word: &str| word.len() == 10 && word.split('-').map(str::len).eq([4, 2, 2]);
    let shown = |word| if is_day(word) { "[day]" } else { word };
    value.as_str().map_or_else(|| value.clone(), |text| json!(text.split(' ').map(shown).collect::<Vec<_>>().join(" ")))
}

/// Waits for so many answers to [`QUESTION`].
async fn answered(slack: &Slack, answers: usize) -> Result<()> {
    let is_one = |m: &&Message| m.user == slack::BOT && m.shown().contains(ANSWER);
    slack
        .wait(&format!("{answers} answers"), |s| (s.messages().iter().filter(is_one).count() >= answers).then_some(()))
        .await
}

/// Says something again and again until the answer fits.
async fn says_until(person: &slack::Person<'_>, words: &str, fits: impl Fn(&str) -> bool) -> Result<Option<Message>> {
    for _ in 0..60 {
        let before = person.count();
        person.says_dm(words);
        let newest = person.newest_after(before).await?;
        if fits(&newest.shown()) {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

/// Says something again and again until the answer says `part`.
async fn settles(person: &slack::Person<'_>, words: &str, part: &str) -> Result<Message> {
    let said = says_until(person, words, |shown| shown.contains(part)).await?;
    said.with_context(|| format!("“{words}” never said {part}"))
}

/// Says something again and again until the answer does not say `part`.
async fn stops(person: &slack::Person<'_>, words: &str, part: &str) -> Result<()> {
    let said = says_until(person, words, |shown| !shown.contains(part)).await?;
    said.map(drop).with_context(|| format!("“{words}” is still answered with {part}"))
}

fn message(slack: &Slack, ts: &str) -> Result<Message> {
    slack.messages().into_iter().find(|m| m.ts == ts).context("it was written just now")
}
