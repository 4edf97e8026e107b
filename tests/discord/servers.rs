//! Several servers, who comes and goes in them, and what stays private there.

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_tests::discord::{BOT, Discord};
use stoa_tests::said;

use super::{ADA, ANSWER, BO, CY, GENERAL, GUILD, LEARNING, QUESTION, STOA, Scene, answered, is_answer, seen};

/// Of two shards the second has this one; the first has [`GUILD`].
const OTHER: &str = "500000000004194305";
const OTHER_GENERAL: &str = "300000000000000011";
const OTHER_LEARNING: &str = "300000000000000012";

/// Both servers, for the configuration.
fn both() -> String {
    format!(
        "message_content = true\nmembers = true\n\
         [[discord.guilds]]\nid = \"{GUILD}\"\nchannel = \"{LEARNING}\"\n\
         [[discord.guilds]]\nid = \"{OTHER}\"\nchannel = \"{OTHER_LEARNING}\"\n"
    )
}

async fn two_servers() -> Result<Discord> {
    let discord = Discord::open().await?;
    for (id, name) in [(ADA, "Ada Okafor"), (BO, "Bo Lind"), (CY, "Cy Moss")] {
        discord.add_person(id, name);
    }
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BO, CY, BOT]);
    discord.add_guild(OTHER, "The Annex", &[ADA, BO, BOT]);
    for (id, guild, name) in [
        (GENERAL, GUILD, "general"),
        (LEARNING, GUILD, "learning"),
        (OTHER_GENERAL, OTHER, "general"),
        (OTHER_LEARNING, OTHER, "learning"),
    ] {
        discord.add_channel(id, guild, name, 0);
    }
    Ok(discord)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_shard_hears_its_servers_and_begins_after_the_other() -> Result<()> {
    let discord = two_servers().await?;
    discord.wants_shards(2);
    let scene = Scene::with(discord, &both()).await?;
    scene.discord.wait("both shards", |d| (d.connections() == 2).then_some(())).await?;
    let bo = scene.discord.person(BO);
    let (here, there) = (bo.mentions(GENERAL, QUESTION), bo.mentions(OTHER_GENERAL, QUESTION));
    bo.says_dm(QUESTION);
    answered(&scene.discord, 3).await?;
    let in_thread = |id: &str| scene.discord.messages().iter().filter(is_answer).any(|m| m.channel == id);
    ensure!(in_thread(&here) && in_thread(&there), "each in its server");
    // Both go on where they were.
    scene.discord.breaks_off();
    bo.mentions(OTHER_GENERAL, QUESTION);
    bo.mentions(GENERAL, QUESTION);
    answered(&scene.discord, 5).await?;
    ensure!(scene.discord.sessions() == (2, 2), "{:?}", scene.discord.sessions());
    let answers = scene.discord.messages().iter().filter(is_answer).count();
    ensure!(answers == 5, "{answers} answers to five questions");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_server_is_not_reached_there_and_hears_what_waited_on_coming_back() -> Result<()> {
    let scene = Scene::open().await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    bo.slash_in(GENERAL, "help", "");
    bo.reads("Ask me how something is done").await?;
    scene.discord.leaves(GUILD, BO);
    scene.requires_a_course()?;
    ada.reads("something is waiting").await?;
    let lost = async {
        let begun = monotonic();
        loop {
            let told = said(STOA, scene.dir.path(), &["people", "unreachable"])?;
            if told.contains("Bo *Lind*") {
                return anyhow::Ok(told);
            }
            ensure!(begun.elapsed().as_secs() < 30, "{told}");
        }
    };
    lost.await?;
    let to_bo = |d: &Discord| d.messages().iter().filter(|m| m.pings == [BO]).count();
    ensure!(to_bo(&scene.discord) == 0, "nobody is told about Bo where Bo is not");
    scene.discord.joins(GUILD, BO);
    bo.reads("something is waiting").await?;
    bo.presses("Show it to me").await?;
    bo.reads("Safety").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_anything_in_a_thread_that_they_do_not_see_any_more() -> Result<()> {
    // Without the intent for members nothing says that Bo left.
    let servers = both().replace("members = true\n", "");
    let mut scene = Scene::with(two_servers().await?, &servers).await?;
    scene.requires_a_course()?;
    let told = scene.discord.person(BO).reads("something is waiting").await?;
    scene.server.stop()?;
    let all = [GUILD, OTHER];
    let in_first = scene.discord.guild_of(&told.channel).is_some_and(|guild| guild == GUILD);
    let (left, stayed) = if in_first { (all[0], all[1]) } else { (all[1], all[0]) };
    scene.discord.leaves(left, BO);
    scene.server.restart()?;
    scene.discord.is_connected().await?;
    scene.requires("Fire")?;
    let again = |d: &Discord| d.messages().into_iter().find(|m| m.pings == [BO] && m.id != told.id);
    let elsewhere = scene.discord.wait("the same in the other server", again).await?;
    ensure!(elsewhere.channel != told.channel, "Bo does not read there");
    ensure!(scene.discord.guild_of(&elsewhere.channel).as_deref() == Some(stayed), "{elsewhere:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_throws_the_bot_out_is_left_for_another() -> Result<()> {
    let scene = Scene::with(two_servers().await?, &both()).await?;
    let bo = scene.discord.person(BO);
    bo.slash_in(GENERAL, "help", "");
    bo.reads("Ask me how something is done").await?;
    scene.requires_a_course()?;
    let told = bo.reads("something is waiting").await?;
    scene.discord.throws_out(GUILD);
    scene.requires("Fire")?;
    let again = |d: &Discord| {
        d.messages().into_iter().find(|m| m.pings == [BO] && m.channel != told.channel && m.id != told.id)
    };
    let elsewhere = scene.discord.wait("the same in the other server", again).await?;
    ensure!(!elsewhere.shown().contains("Fire"), "{elsewhere:?}");
    bo.presses("Show it to me").await?;
    bo.reads("Fire").await?;
    // It is added to a third while it runs, and heard there.
    let (third, channel) = ("500000000000000003", "300000000000000021");
    scene.discord.add_guild(third, "The Shed", &[ADA, BOT]);
    scene.discord.add_channel(channel, third, "general", 0);
    scene.discord.invites(third);
    scene.discord.person(ADA).mentions(channel, QUESTION);
    scene.discord.person(ADA).reads(ANSWER).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_a_private_place_is_answered_there_and_says_only_what_everybody_may_read() -> Result<()> {
    let mut scene = Scene::open().await?;
    // A page that Ada may read, and not everybody.
    scene.server.stop()?;
    let dir = scene.dir.path();
    let config = std::fs::read_to_string(dir.join("stoa.toml"))?;
    let source = "[[library.sources]]\nkind = \"files\"\nname = \"Archive\"\npath = \"archive\"\nreaders = [\"role:learning\"]\n";
    std::fs::write(dir.join("stoa.toml"), format!("{config}{source}"))?;
    std::fs::create_dir(dir.join("archive"))?;
    let page = "# The vault\n\n## Door of the vault\n\nThe door of the vault opens with the code 4711.\n";
    std::fs::write(dir.join("archive/vault.md"), page)?;
    said(STOA, dir, &["library", "sync"])?;
    scene.server.restart()?;
    scene.discord.is_connected().await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    let private = "300000000000000031";
    scene.discord.add_private_thread(private, GUILD, GENERAL, &[ADA]);
    ada.mentions(private, QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.channel == private, "{answer:?}");
    ensure!(bo.finds(ANSWER).is_none(), "Bo is not in there");
    ada.mentions(private, "Which code opens the door of the vault?");
    ada.reads("don’t know").await?;
    ada.presses("See privately").await?;
    let shown = ada.reads("4711").await?;
    ensure!(shown.only.as_deref() == Some(ADA), "{shown:?}");
    insta::assert_json_snapshot!("seen_privately", seen(&shown));
    // Where the bot may not look nothing is said, nor anywhere else about it.
    let hidden = "300000000000000032";
    scene.discord.add_channel(hidden, GUILD, "board", 0);
    scene.discord.hide(hidden);
    let before = scene.discord.messages().len();
    let d = json!({ "id": "1500000000000000019", "channel_id": hidden, "guild_id": GUILD, "type": 0, "mentions": [{ "id": BOT }],
        "content": format!("<@{BOT}> {QUESTION}"), "author": { "id": ADA, "username": "ada" } });
    scene.discord.dispatches("MESSAGE_CREATE", &d);
    bo.slash_in(GENERAL, "help", "");
    bo.reads("Ask me how something is done").await?;
    let said = scene.discord.messages().split_off(before);
    ensure!(said.iter().filter(is_answer).count() == 0, "{said:?}");
    scene.ends().await
}
