//! Without the intent for the content of messages: what people wrote comes empty, also over REST.

use anyhow::{Result, ensure};
use stoa_tests::discord::Discord;

use super::{ADA, BO, BOT, GENERAL, GUILD, LEARNING, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_discussion_whose_words_discord_does_not_tell_is_said_to_be_unreadable() -> Result<()> {
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_person(BO, "Bo Lind");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BO, BOT]);
    discord.add_channel(GENERAL, GUILD, "general", 0);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.grants(0);
    let scene = Scene::with(discord, "").await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    let root = ada.says(GENERAL, "The cold store alarm rang twice last night, what do we do about it?");
    bo.replies(&root, "Its sensor three drifts; swap it against the one in the spare cabinet")?;
    ada.uses_menu("Log discussion", &root)?;
    ada.submits(&[("What is it about?", "Cold store alarm")]).await?;
    let told = ada.reads("I cannot read this thread").await?;
    ensure!(told.only.as_deref() == Some(ADA), "{told:?}");
    // Nor is anybody asked about words that cannot be read.
    let said = bo.says(GENERAL, "The dock door jams in frost; warm its rail with the heat gun on level two");
    ada.reacts(&said, "💡")?;
    scene
        .discord
        .wait("a look at the message", |d| d.calls().iter().any(|c| c.path.ends_with(&said)).then_some(()))
        .await?;
    scene.ends().await
}
