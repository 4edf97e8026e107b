//! One conversation on three platforms: the same script with the real binary on Slack, on Discord and in a real browser on the
//! web chat, and a snapshot of what the person sees on each. What can be pressed is the same everywhere.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stoa_tests::dialogue::{KITCHEN, Turn, a_day};
use stoa_tests::discord::{self, Discord};
use stoa_tests::slack::Slack;
use stoa_tests::{Browser, Server, said};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const ON_SLACK: &str = "U012ADA01";
const ON_DISCORD: &str = "200000000000000001";
const GUILD: &str = "500000000000000001";
const LEARNING: &str = "300000000000000002";

/// A server for one platform, where Ada has to take a course. `platform` is what the configuration says about it.
fn server(dir: &Path, platform: &str) -> Result<Server> {
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\n\
         [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
         working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n\
         [nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n\
         [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n{platform}"
    );
    std::fs::write(dir.join("stoa.toml"), config)?;
    std::fs::create_dir(dir.join("handbook"))?;
    std::fs::write(dir.join("handbook/kitchen.md"), KITCHEN.0)?;
    let roster = format!(
        "employee_id,name,email,timezone,slack_id,discord_id\n\
         E1,Ada Okafor,ada@example.org,Europe/Berlin,{ON_SLACK},{ON_DISCORD}\n"
    );
    std::fs::write(dir.join("roster.csv"), roster)?;
    std::fs::create_dir_all(dir.join("courses/safety"))?;
    let course = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
    std::fs::write(dir.join("courses/safety/course.toml"), course)?;
    std::fs::write(dir.join("courses/safety/01-why.md"), "# Why\n\nBecause it matters to **all** of us.\n")?;
    let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\n\
                       audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
    std::fs::write(dir.join("safety.toml"), requirement)?;
    said(STOA, dir, &["people", "import", "roster.csv"])?;
    said(STOA, dir, &["library", "sync"])?;
    Server::start_logged(STOA, dir, &["serve"], &dir.join("log"))
}

/// The course that Ada has to take.
fn requires_the_course(dir: &Path) -> Result<()> {
    said(STOA, dir, &["training", "courses", "courses"])?;
    said(STOA, dir, &["training", "apply", "safety.toml"])?;
    Ok(())
}

async fn on_slack() -> Result<Vec<Turn>> {
    let slack = Slack::open().await?;
    slack.add_person(ON_SLACK, "Ada Okafor", "Europe/Berlin");
    let dir = tempfile::tempdir()?;
    let mut server = server(dir.path(), &slack.configuration("socket"))?;
    slack.is_connected(1).await?;
    let turns = a_day(&slack.person(ON_SLACK), || requires_the_course(dir.path())).await?;
    slack.all_acknowledged().await?;
    ensure!(server.stop()?, "the server stops gracefully");
    slack.is_content()?;
    Ok(turns)
}

async fn on_discord() -> Result<Vec<Turn>> {
    let discord = Discord::open().await?;
    discord.add_person(ON_DISCORD, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ON_DISCORD, discord::BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    let dir = tempfile::tempdir()?;
    let platform = format!(
        "[discord]\ntoken = \"{}\"\napplication_id = \"{}\"\napi_url = \"{}\"\n\
         [[discord.guilds]]\nid = \"{GUILD}\"\nchannel = \"{LEARNING}\"\n",
        discord::TOKEN,
        discord::APP,
        discord.api_url()
    );
    let mut server = server(dir.path(), &platform)?;
    discord.is_connected().await?;
    let turns = a_day(&discord.person(ON_DISCORD), || requires_the_course(dir.path())).await?;
    ensure!(server.stop()?, "the server stops gracefully");
    discord.is_content()?;
    Ok(turns)
}

async fn on_the_web() -> Result<Vec<Turn>> {
    let dir = tempfile::tempdir()?;
    let mut server = server(dir.path(), "[web]\nlocal_chat = true\n")?;
    let link = said(STOA, dir.path(), &["people", "link", "ada@example.org"])?;
    let token = link.split_whitespace().find_map(|w| w.split_once("/sign-in/")).context("a link")?.1;
    let browser = Browser::open(1200, 860).await?;
    browser.visit(&format!("{}/sign-in/{token}", server.url)).await?;
    browser.clicks("Sign in").await?;
    let turns = a_day(&browser, || requires_the_course(dir.path())).await?;
    ensure!(server.stop()?, "the server stops gracefully");
    browser.close().await?;
    Ok(turns)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_on_slack_discord_and_the_web() -> Result<()> {
    let (slack, discord, web) = (on_slack().await?, on_discord().await?, on_the_web().await?);
    let shown = |turns: &[Turn]| turns.iter().map(Turn::json).collect::<Vec<Value>>();
    insta::assert_json_snapshot!("on_slack", shown(&slack));
    insta::assert_json_snapshot!("on_discord", shown(&discord));
    insta::assert_json_snapshot!("on_the_web", shown(&web));
    for other in [&discord, &web] {
        ensure!(slack.len() == other.len(), "as many turns");
        for (a, b) in slack.iter().zip(other) {
            ensure!(a.did == b.did && a.saw.buttons == b.saw.buttons, "{a:#?} and {b:#?}");
        }
    }
    Ok(())
}
