//! Connections that break, end or are taken over.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use stoa_ground::testing;
use stoa_tests::discord::{BOT, Discord};
use stoa_tests::{Server, said};

use super::{ADA, FORUM, GUILD, LEARNING, QUESTION, STOA, Scene, answered, is_answer};

#[tokio::test(flavor = "multi_thread")]
async fn the_session_goes_on_whatever_happens_to_its_connection() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let ada = discord.person(ADA);
    let mut asked = 0;
    let mut ask = || {
        asked += 1;
        ada.says_dm(QUESTION);
        asked
    };
    ask();
    answered(discord, 1).await?;
    for n in 0..4 {
        match n {
            0 => discord.breaks_off(),
            1 => discord.asks_to_reconnect(),
            2 => discord.closes(4_000),
            _ => discord.invalidates(true),
        }
        // What is said meanwhile comes when the session goes on.
        let n = ask();
        answered(discord, n).await?;
    }
    discord.wait("four resumed sessions", |d| (d.sessions().1 >= 4).then_some(())).await?;
    ensure!(discord.sessions().0 == 1, "{:?}", discord.sessions());
    // A session that cannot go on: what was missed is fetched.
    discord.breaks_off();
    discord.forgets();
    let n = ask();
    answered(discord, n).await?;
    ensure!(discord.sessions().0 == 2, "{:?}", discord.sessions());
    let answers = discord.messages().iter().filter(is_answer).count();
    ensure!(answers == n, "{answers} answers to {n} questions");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_in_a_server_is_fetched_also_when_the_new_connection_breaks_before_telling_of_it() -> Result<()>
{
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.add_channel(FORUM, GUILD, "questions", 15);
    discord.beats_every(400);
    let mut scene = Scene::with(discord, "message_content = true\n").await?;
    // Until it is written down that everything was heard so far.
    scene.discord.wait("heartbeats", |d| (d.heartbeats() >= 8).then_some(())).await?;
    scene.server.kill()?;
    scene.discord.wait("the end of the connection", |d| (d.connections() == 0).then_some(())).await?;
    scene.discord.forgets();
    let post = scene.discord.person(ADA).posts_in_forum(FORUM, "Coffee machine", QUESTION);
    scene.discord.breaks_off_early();
    scene.server.restart()?;
    answered(&scene.discord, 1).await?;
    ensure!(scene.discord.sessions() == (2, 1), "{:?}", scene.discord.sessions());
    let answers: Vec<_> = scene.discord.messages().into_iter().filter(|m| is_answer(&m)).collect();
    ensure!(answers.len() == 1 && answers[0].channel == post, "{answers:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_privileged_intents_the_one_that_is_granted_is_used() -> Result<()> {
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.grants(1 << 1);
    let scene = Scene::with(discord, "message_content = true\nmembers = true\n").await?;
    ensure!(scene.discord.intents() & (1 << 1 | 1 << 15) == 1 << 1, "{:b}", scene.discord.intents());
    scene.discord.person(ADA).says_dm(QUESTION);
    answered(&scene.discord, 1).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_is_noticed_by_its_heartbeats() -> Result<()> {
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    discord.beats_every(400);
    let scene = Scene::with(discord, "").await?;
    let discord = &scene.discord;
    discord.wait("heartbeats", |d| (d.heartbeats() >= 2).then_some(())).await?;
    discord.goes_silent(true);
    discord.person(ADA).says_dm(QUESTION);
    let before = discord.heartbeats();
    discord.wait("another heartbeat", |d| (d.heartbeats() > before).then_some(())).await?;
    discord.wait("a dropped connection", |d| (d.connections() == 0).then_some(())).await?;
    discord.goes_silent(false);
    answered(discord, 1).await?;
    ensure!(discord.sessions().0 == 1 && discord.sessions().1 >= 1, "{:?}", discord.sessions());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_message_and_doubles_no_answer() -> Result<()> {
    let mut scene = Scene::open().await?;
    let people: Vec<String> = (0..8).map(|n| format!("2000000000000001{n:02}")).collect();
    for id in &people {
        scene.discord.add_person(id, "Somebody");
    }
    // Answers to people of the organisation have buttons by which they are known, those to strangers have none.
    let roster: String = people.iter().take(4).enumerate().map(|(n, id)| format!("K{n},Somebody {n},{id}\n")).collect();
    std::fs::write(scene.dir.path().join("more.csv"), format!("employee_id,name,discord_id\n{roster}"))?;
    said(STOA, scene.dir.path(), &["people", "import", "more.csv"])?;
    let mut asked = 0;
    let mut commands = BTreeSet::new();
    for round in 0..4 {
        for id in &people {
            scene.discord.person(id).says_dm(QUESTION);
            asked += 1;
        }
        match round {
            0 => answered(&scene.discord, 2).await?,
            1 => {}
            2 => {
                // Commands that are acknowledged are answered after the restart.
                for id in &people {
                    commands.insert(scene.discord.person(id).slash("ask", QUESTION));
                    asked += 1;
                }
                for token in &commands {
                    scene.discord.acknowledged(token).await?;
                }
            }
            _ => answered(&scene.discord, asked - 3).await?,
        }
        scene.server.kill()?;
        // Also where the session cannot go on.
        if round % 2 == 1 {
            scene.discord.wait("the end of the connection", |d| (d.connections() == 0).then_some(())).await?;
            scene.discord.forgets();
            scene.discord.person(&people[0]).says_dm(QUESTION);
            asked += 1;
        }
        scene.server.restart()?;
        scene.discord.is_connected().await?;
        answered(&scene.discord, asked).await?;
    }
    let answers = scene.discord.messages().iter().filter(is_answer).count();
    ensure!(answers == asked, "{answers} answers to {asked} questions");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_is_connected_and_the_other_takes_over() -> Result<()> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return Ok(());
    }
    let discord = Discord::open().await?;
    discord.add_person(ADA, "Ada Okafor");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BOT]);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    let api_url = format!("api_url = \"{}\"\n", discord.api_url());
    let database = format!("url = \"{}\"\n", testing::empty_database().await);
    let mut scene = Scene::made(discord, &api_url, None, &database).await?;
    // The second has the same configuration and the same keys of evidence.
    let other = tempfile::tempdir()?;
    let copied = std::process::Command::new("cp")
        .args(["-r", "stoa.toml", "handbook", "stoa-data"])
        .arg(other.path())
        .current_dir(scene.dir.path())
        .status()?;
    ensure!(copied.success(), "the copy");
    let mut second = Server::start_logged(STOA, other.path(), &["serve"], &other.path().join("log"))?;
    let ada = scene.discord.person(ADA);
    ada.says_dm(QUESTION);
    answered(&scene.discord, 1).await?;
    ensure!(scene.discord.sessions().0 == 1, "one session for both");
    scene.server.kill()?;
    scene.discord.wait("the end of the connection", |d| (d.connections() == 0).then_some(())).await?;
    ada.says_dm(QUESTION);
    let begun = stoa_ground::clock::monotonic();
    answered(&scene.discord, 2).await?;
    println!("taken over after {:?}", begun.elapsed());
    let answers = scene.discord.messages().iter().filter(is_answer).count();
    ensure!(answers == 2, "{answers} answers to two questions");
    ensure!(second.stop()?, "the second stops gracefully");
    scene.discord.is_content()
}
