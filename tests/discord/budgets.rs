//! What Discord gives only so much of: sessions in a day, direct conversations in a minute, and patience.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_tests::discord::{BOT, Trouble};

use super::{ADA, BO, GENERAL, GUILD, QUESTION, Scene, answered};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_more_than_discord_lets_begin_in_a_day_begins_on_the_next() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let (begun, day) = (monotonic(), Duration::from_secs(9));
    discord.lets_begin(0, 9_000);
    discord.breaks_off();
    discord.forgets();
    discord.wait("another session", |d| (d.sessions().0 == 2).then_some(())).await?;
    ensure!(begun.elapsed() >= day, "it began after {:?}", begun.elapsed());
    discord.person(ADA).says_dm(QUESTION);
    answered(discord, 1).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_address_is_banned_nothing_is_called_at_all() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let (ada, bo) = (discord.person(ADA), discord.person(BO));
    discord.goes_wrong("POST /channels/:id/messages", 1, Trouble::Banned(2_500));
    ada.says_dm(QUESTION);
    discord.wait("the ban", |d| (d.scripted() == 1).then_some(())).await?;
    for _ in 0..4 {
        bo.says_dm(QUESTION);
    }
    answered(discord, 5).await?;
    ensure!(discord.invalid() == 1, "{} invalid requests", discord.invalid());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_to_be_written_to_directly_are_not_all_written_to_at_once() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let people: Vec<String> = (0..11).map(|n| format!("2000000000000002{n:02}")).collect();
    for id in &people {
        discord.add_person(id, "Somebody");
    }
    let members: Vec<&str> = people.iter().map(String::as_str).chain([ADA, BO, BOT]).collect();
    discord.add_guild(GUILD, "Harbour & Pine", &members);
    let pressed = json!({ "component_type": 2, "custom_id": "d:direct" });
    for (n, id) in people.iter().enumerate() {
        let person = discord.person(id);
        person.interacts(3, GENERAL, &pressed, None);
        person.reads(if n < 10 { "From now on I write to you directly" } else { "in a few minutes" }).await?;
    }
    let opened = discord.calls().iter().filter(|c| c.kind == "POST /users/@me/channels").count();
    ensure!(opened == 10, "{opened} direct conversations were opened");
    scene.ends().await
}
