//! What an operator sets up.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stoa_tests::discord::{self, APP, BOT, Discord};
use stoa_tests::run;

use super::{ADA, ANSWER, GENERAL, GUILD, LEARNING, QUESTION, STOA, Scene, answered};

#[tokio::test(flavor = "multi_thread")]
async fn interactions_over_http_are_verified_and_answered() -> Result<()> {
    let key = discord::public_key();
    let scene = Scene::open_with(&format!("gateway = false\npublic_key = \"{key}\"\n")).await?;
    let (discord, base) = (&scene.discord, scene.server.url.clone());
    let ping = json!({ "id": "1500000000000000001", "application_id": APP, "type": 1, "token": "t", "version": 1 })
        .to_string();
    let (status, said) = discord.posts(&base, &ping, discord::now(), true).await?;
    ensure!(status == 200 && said.contains("\"type\":1"), "{status}: {said}");
    ensure!(discord.posts(&base, &ping, discord::now(), false).await?.0 == 401, "a forged signature");
    ensure!(discord.posts(&base, &ping, discord::now() - 3_600, true).await?.0 == 401, "an old one");
    ensure!(discord.posts(&base, "{", discord::now(), true).await?.0 == 400, "no JSON");
    ensure!(discord.posts(&base, &"x".repeat(1_100_000), discord::now(), true).await?.0 == 413, "too much");
    let (status, said, _) = discord.person(ADA).posts_slash(&base, GENERAL, "ask", QUESTION).await?;
    ensure!(status == 200 && said == json!({ "type": 5, "data": { "flags": 64 } }), "{status}: {said}");
    discord.person(ADA).reads(ANSWER).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_registered_when_they_change_and_not_again() -> Result<()> {
    let mut scene = Scene::open().await?;
    let done = |d: &Discord| (d.commands("*").0 > 0).then(|| d.commands("*").1);
    let all = scene.discord.wait("registered commands", done).await?;
    let names: Vec<&str> = all.as_array().context("a list")?.iter().filter_map(|c| c["name"].as_str()).collect();
    insta::assert_json_snapshot!("the_commands", names);
    scene.server.stop()?;
    scene.server.restart()?;
    scene.discord.is_connected().await?;
    let ada = scene.discord.person(ADA);
    ada.says_dm("help");
    ada.reads("Ask me how something is done").await?;
    ensure!(scene.discord.commands("*").0 == 1, "registered {} times", scene.discord.commands("*").0);
    let (ok, link) = run(STOA, scene.dir.path(), &["discord", "invite"])?;
    ensure!(ok && link.contains(&format!("client_id={APP}")), "{link}");
    // In one server only, and then everywhere again: nobody sees a command twice.
    let config = std::fs::read_to_string(scene.dir.path().join("stoa.toml"))?;
    let in_servers = config.replace("[discord]\n", "[discord]\ncommands = \"guilds\"\n");
    for (config, here, elsewhere) in [(in_servers, GUILD, "*"), (config, "*", GUILD)] {
        scene.server.stop()?;
        std::fs::write(scene.dir.path().join("stoa.toml"), config)?;
        scene.server.restart()?;
        let count = |d: &Discord, scope: &str| d.commands(scope).1.as_array().map_or(0, Vec::len);
        let moved = |d: &Discord| (count(d, here) == names.len() && count(d, elsewhere) == 0).then_some(());
        scene.discord.wait(&format!("the commands in {here} only"), moved).await?;
    }
    scene.discord.is_connected().await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_privileged_intents_it_works_and_the_doctor_says_what_that_costs() -> Result<()> {
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(GENERAL, GUILD, "general", 0);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.grants(0);
    discord.forbids_private_threads();
    // What the server grants its channel takes away: to send messages in threads.
    discord.overwrites(LEARNING, json!([{ "id": GUILD, "type": 0, "allow": "0", "deny": (1_u64 << 38).to_string() }]));
    let scene = Scene::with(discord, "message_content = true\n").await?;
    let ada = scene.discord.person(ADA);
    ada.mentions(GENERAL, QUESTION);
    ada.reads(ANSWER).await?;
    ensure!(scene.discord.intents() & (1 << 15) == 0, "{:b}", scene.discord.intents());
    let (_, told) = run(STOA, scene.dir.path(), &["doctor"])?;
    let told: Vec<&str> = told.lines().filter(|l| l.contains("discord")).map(str::trim).collect();
    insta::assert_json_snapshot!("the_doctor", told);
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy_and_trusts_the_company_s_certificate() -> Result<()> {
    let (discord, outside) = Discord::open_outside().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    let scene = Scene::made(discord, "", Some(outside), "").await?;
    let ada = scene.discord.person(ADA);
    ada.slash("ask", QUESTION);
    ada.reads(ANSWER).await?;
    ada.says_dm(QUESTION);
    answered(&scene.discord, 2).await?;
    scene.ends().await
}
