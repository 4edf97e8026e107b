//! What the Developer Portal says and the configuration does not, or the other way about.

use anyhow::{Result, ensure};
use stoa_tests::discord::{self, BOT, Discord};
use stoa_tests::run;

use super::{ADA, FORUM, GUILD, LEARNING, STOA, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_where_the_portal_and_the_configuration_contradict_each_other() -> Result<()> {
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.add_channel(FORUM, GUILD, "questions", 15);
    discord.add_guild("500000000000000009", "Somebody else’s", &[BOT]);
    discord.is_public();
    discord.names_endpoint(Some("https://learn.example.org/discord/interactions"));
    let scene = Scene::with(discord, "message_content = true\nmembers = true\n").await?;
    let file = scene.dir.path().join("stoa.toml");
    let told = || -> Result<Vec<String>> {
        let (_, told) = run(STOA, scene.dir.path(), &["doctor"])?;
        Ok(told.lines().filter(|l| l.contains("discord")).map(|l| l.trim().to_owned()).collect())
    };
    insta::assert_json_snapshot!("the_doctor_about_the_portal", told()?);
    scene.discord.names_endpoint(None);
    let config = std::fs::read_to_string(&file)?;
    let http = format!("[discord]\ngateway = false\npublic_key = \"{}\"\n", discord::public_key());
    std::fs::write(&file, config.replace("[discord]\n", &http))?;
    let nowhere = told()?;
    ensure!(nowhere.iter().any(|l| l.starts_with("wrong") && l.contains("no command arrives")), "{nowhere:?}");
    scene.ends().await
}
