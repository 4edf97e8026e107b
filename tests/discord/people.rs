//! Whose accounts these are, and where people are told what.

use anyhow::{Context as _, Result, ensure};
use stoa_tests::discord::{BOT, Discord, Person};
use stoa_tests::{run, said};

use super::{ADA, ANSWER, BO, CY, GENERAL, GUILD, LEARNING, QUESTION, STOA, Scene, answered, is_answer, seen};

#[tokio::test(flavor = "multi_thread")]
async fn who_never_wrote_is_told_in_a_private_thread_that_something_waits_and_no_more() -> Result<()> {
    let scene = Scene::open().await?;
    scene.requires_a_course()?;
    let ada = scene.discord.person(ADA);
    let told = ada.reads("something is waiting").await?;
    ensure!(told.pings == [ADA] && !told.shown().contains("Safety"), "{told:?}");
    insta::assert_json_snapshot!("told_in_a_private_thread", seen(&told));
    // Nor do the ids of its buttons, which whoever reads along can read as well.
    let named = told.buttons().filter_map(|b| b["custom_id"].as_str()).find(|id| id.contains(['/', ' ']));
    ensure!(named.is_none(), "{named:?}");
    ada.presses("Show it to me").await?;
    let shown = ada.reads("Safety").await?;
    ensure!(shown.only.as_deref() == Some(ADA), "{shown:?}");
    insta::assert_json_snapshot!("a_new_course", seen(&shown));
    for message in scene.discord.messages().iter().filter(|m| m.only.is_none()) {
        ensure!(!message.shown().contains("Safety"), "others may read this: {message:?}");
    }
    ada.presses("Start").await?;
    ada.reads("Because it matters").await?;
    ada.presses("I have read it").await?;
    ada.reads("Last step").await?;
    ada.presses("Confirm").await?;
    let wrong = ada.submits(&[("Your full name", "Somebody Else")]).await?;
    insta::assert_json_snapshot!("a_wrong_name", wrong["data"]["content"]);
    ada.presses("Try again").await?;
    ada.submits(&[("Your full name", "ada okafor")]).await?;
    let done = ada.reads("completed on").await?;
    ensure!(done.only.as_deref() == Some(ADA), "{done:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_messages_come_after_the_person_s_own_action_and_fall_back_when_they_are_closed() -> Result<()> {
    let scene = Scene::open().await?;
    let (ada, bo) = (scene.discord.person(ADA), scene.discord.person(BO));
    // Ada writes first, Bo does not.
    ada.says_dm("help");
    ada.reads("Ask me how something is done").await?;
    scene.discord.closes_direct(BO, true);
    scene.requires_a_course()?;
    let told = ada.reads("Safety").await?;
    ensure!(told.channel == scene.discord.direct(ADA), "{told:?}");
    bo.reads("something is waiting").await?;
    bo.presses("Write to me directly").await?;
    let closed = bo.reads("Privacy Settings").await?;
    ensure!(closed.only.as_deref() == Some(BO), "{closed:?}");
    scene.discord.closes_direct(BO, false);
    bo.presses("Write to me directly").await?;
    bo.reads("From now on I write to you here").await?;
    // Closed again: the operator sees it, and what comes next is told in the thread.
    scene.discord.closes_direct(BO, true);
    bo.slash_in(GENERAL, "training", "");
    bo.reads("Safety").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_nobody_gets_nothing_personal() -> Result<()> {
    let scene = Scene::open().await?;
    scene.requires_a_course()?;
    let cy = scene.discord.person(CY);
    cy.slash_in(GENERAL, "training", "");
    cy.reads("do not know this account").await?;
    cy.says_dm("mydata");
    cy.reads("do not know this account").await?;
    for message in scene.discord.messages() {
        let to_cy = message.only.as_deref() == Some(CY) || message.channel == scene.discord.direct(CY);
        ensure!(!(to_cy && message.shown().contains("Safety")), "{message:?}");
    }
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_time_zone_nobody_tells_is_asked_for_it_once() -> Result<()> {
    const DEE: &str = "200000000000000004";
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    discord.add_person(DEE, "Dee Ray");
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BO, CY, DEE, BOT]);
    let row = format!("employee_id,name,discord_id\nE4,Dee Ray,{DEE}\n");
    std::fs::write(scene.dir.path().join("more.csv"), row)?;
    said(STOA, scene.dir.path(), &["people", "import", "more.csv"])?;
    let dee = discord.person(DEE);
    dee.says_dm(QUESTION);
    let asked = dee.reads("Are you somewhere else?").await?;
    ensure!(asked.shown().contains(ANSWER), "{asked:?}");
    let suggested = dee.types(GENERAL, "settings", "berl").await?;
    ensure!(suggested.contains(&"Berlin (Europe/Berlin)".to_owned()), "{suggested:?}");
    dee.presses("Tell my time zone").await?;
    dee.sees_form().await?;
    dee.submits(&[("Where are you?", "berlin")]).await?;
    dee.reads("Your time zone is Europe/Berlin now").await?;
    for n in 2..=3 {
        dee.says_dm(QUESTION);
        answered(discord, n).await?;
    }
    let times = discord.messages().iter().filter(|m| m.shown().contains("Are you somewhere else?")).count();
    ensure!(times == 1, "asked {times} times");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_by_a_one_time_code_and_disconnected_again() -> Result<()> {
    let scene = Scene::open().await?;
    scene.requires_a_course()?;
    let cy = scene.discord.person(CY);
    cy.slash_in(GENERAL, "training", "");
    cy.reads("do not know this account").await?;
    cy.slash_in(GENERAL, "link", "0123456789abcdef0123456789abcdef");
    cy.reads("does not work").await?;
    let link = said(STOA, scene.dir.path(), &["people", "link", "cy@example.org"])?;
    let code = link.split_whitespace().find(|w| w.contains("http")).context("a link")?.to_owned();
    cy.slash_in(GENERAL, "link", &code);
    cy.reads("Welcome, Cy Moss").await?;
    // What waited for a way to Cy comes now, and names nothing.
    cy.reads("something is waiting").await?;
    cy.slash_in(GENERAL, "training", "");
    cy.reads("Safety").await?;
    cy.slash_in(GENERAL, "link", &code);
    cy.reads("is connected to Cy Moss").await?;
    cy.presses("Disconnect").await?;
    cy.reads("Disconnect this account?").await?;
    cy.presses("Disconnect").await?;
    cy.reads("not connected to anybody").await?;
    let before = scene.discord.messages().len();
    cy.slash_in(GENERAL, "training", "");
    let unknown = |d: &Discord| {
        let new = d.messages().into_iter().skip(before).find(|m| m.shown().contains("do not know this account"));
        new.map(|_| ())
    };
    scene.discord.wait("no answer for a stranger", unknown).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_vouches_for_the_name_in_the_roster_and_for_nobody_else() -> Result<()> {
    const DEE: &str = "200000000000000004";
    const EVE: &str = "200000000000000005";
    const MAL: &str = "200000000000000006";
    const ROLE: &str = "600000000000000001";
    let discord = Discord::open().await?;
    // Mal calls herself as Dee did.
    for (id, name) in [(ADA, "Ada Okafor"), (CY, "Cy Moss"), (DEE, "Dee Ray"), (EVE, "Eve Fox"), (MAL, "Dee Ray")] {
        discord.add_person(id, name);
    }
    discord.add_guild(GUILD, "Harbour & Pine", &[ADA, CY, DEE, EVE, MAL, BOT]);
    discord.add_channel(GENERAL, GUILD, "general", 0);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    // Before anybody listens.
    discord.gives_role(GUILD, EVE, ROLE, true);
    let server = format!("[[discord.guilds]]\nid = \"{GUILD}\"\nchannel = \"{LEARNING}\"\nmember_role = \"{ROLE}\"\n");
    let scene = Scene::with(discord, &format!("members = true\n{server}")).await?;
    let (discord, dir) = (&scene.discord, scene.dir.path());
    std::fs::write(dir.join("more.csv"), "employee_id,name,discord_id\nE4,Dee Ray,@dee.ray\nE5,Eve Fox,@Eve.Fox\n")?;
    said(STOA, dir, &["people", "import", "more.csv"])?;
    let (dee, cy) = (discord.person(DEE), discord.person(CY));
    let asks = async |who: &Person<'_>, part: &str| {
        let token = who.slash_in(GENERAL, "training", "");
        let answered = |d: &Discord| d.answers(&token).into_iter().find(|m| !m.loading);
        let answer = discord.wait("an answer", answered).await?;
        ensure!(answer.shown().contains(part), "{part}: {answer:?}");
        anyhow::Ok(())
    };
    let (unknown, known) = ("do not know this account", "training");
    // The name alone proves nothing, and neither does the role.
    asks(&dee, unknown).await?;
    discord.gives_role(GUILD, CY, ROLE, true);
    asks(&cy, unknown).await?;
    discord.gives_role(GUILD, DEE, ROLE, true);
    asks(&dee, "no required training").await?;
    // Who takes the name later is nobody.
    discord.gives_role(GUILD, MAL, ROLE, true);
    asks(&discord.person(MAL), unknown).await?;
    // Where no server tells roles, Discord is asked.
    discord.person(EVE).says_dm("training");
    discord.person(EVE).reads("no required training").await?;
    // Without the role it ends, and with it begins again.
    discord.gives_role(GUILD, DEE, ROLE, false);
    asks(&dee, unknown).await?;
    discord.gives_role(GUILD, DEE, ROLE, true);
    asks(&dee, known).await?;
    // What somebody disconnected stays so.
    dee.slash_in(GENERAL, "link", "");
    dee.reads("is connected to Dee Ray").await?;
    dee.presses("Disconnect").await?;
    dee.reads("Disconnect this account?").await?;
    dee.presses("Disconnect").await?;
    dee.reads("not connected to anybody").await?;
    asks(&dee, unknown).await?;
    let (_, told) = run(STOA, dir, &["doctor"])?;
    ensure!(!told.contains("vouches for nobody"), "{told}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closed_their_direct_messages_is_told_in_the_thread_and_the_operator_sees_it() -> Result<()> {
    let scene = Scene::open().await?;
    let (discord, bo) = (&scene.discord, scene.discord.person(BO));
    bo.says_dm("help");
    bo.reads("Ask me how something is done").await?;
    discord.closes_direct(BO, true);
    // What was asked directly, and what nobody asked for.
    bo.says_dm(QUESTION);
    let told = bo.reads("something is waiting").await?;
    ensure!(told.pings == [BO] && told.channel != discord.direct(BO), "{told:?}");
    bo.presses("Show it to me").await?;
    let shown = bo.reads(ANSWER).await?;
    ensure!(shown.only.as_deref() == Some(BO), "{shown:?}");
    scene.requires_a_course()?;
    let count = |d: &Discord| d.messages().iter().filter(|m| m.pings == [BO]).count();
    discord.wait("what was not asked for", |d| (count(d) == 2).then_some(())).await?;
    // Discord was not asked again and again.
    let refused = discord.calls().iter().filter(|c| c.kind == "POST /channels/:id/messages" && c.status == 403).count();
    ensure!(refused == 1, "{refused} refused");
    let (_, told) = run(STOA, scene.dir.path(), &["doctor"])?;
    let told: Vec<&str> = told.lines().filter(|l| l.contains("direct")).map(str::trim).collect();
    insta::assert_json_snapshot!("the_doctor_about_closed_messages", told);
    // Open again, and written to again: from then on directly.
    discord.closes_direct(BO, false);
    let answers = discord.messages().iter().filter(is_answer).count();
    bo.says_dm(QUESTION);
    answered(discord, answers + 1).await?;
    let last = discord.messages().into_iter().rfind(|m| is_answer(&m));
    ensure!(last.is_some_and(|m| m.channel == discord.direct(BO)), "directly");
    scene.ends().await
}
