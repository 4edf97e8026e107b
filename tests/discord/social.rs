//! Reactions, discussions, edits and deletions, and what people say about answers.

use anyhow::{Result, ensure};
use stoa_tests::discord::Discord;
use stoa_tests::said;

use crate::*;

/// Cy is on the staff list as well, and all have written to the bot before.
async fn all_talk(scene: &Scene) -> Result<()> {
    let dir = scene.dir.path();
    std::fs::write(
        dir.join("more.csv"),
        format!("employee_id,name,email,discord_id\nE3,Cy Moss,cy@example.org,{CY}\n"),
    )?;
    said(STOA, dir, &["people", "import", "more.csv"])?;
    for id in [ADA, BO, CY] {
        let person = scene.discord.person(id);
        person.says_dm("help");
        person.reads("Ask me how something is done").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_bulb_asks_the_author_and_only_a_yes_makes_it_a_tip() -> Result<()> {
    let scene = Scene::open().await?;
    all_talk(&scene).await?;
    let discord = &scene.discord;
    let (ada, bo, cy) = (discord.person(ADA), discord.person(BO), discord.person(CY));
    let id = bo.says(GENERAL, "The dock door jams in frost; warm its rail with the heat gun on level two");
    ada.reacts(&id, "🎉")?;
    ada.reacts(&id, "💡")?;
    let asked = bo.reads("as a tip for everyone").await?;
    ensure!(asked.channel == discord.direct(BO), "{asked:?}");
    insta::assert_json_snapshot!("a_light_bulb_asks_the_author", seen(&asked));
    // A second one asks nobody again.
    cy.reacts(&id, "💡")?;
    let question = "Why does the dock door jam in frost?";
    settles(&ada, question, "don’t know").await?;
    bo.presses("Share it").await?;
    bo.reads("is shared as a tip").await?;
    settles(&ada, question, "level two").await?;
    let times = discord.messages().iter().filter(|m| m.shown().contains("as a tip for everyone")).count();
    ensure!(times <= 1, "asked {times} times");

    // Taken back before the author has answered, the question is withdrawn; after that nothing is kept.
    let other = cy.says(GENERAL, "The gate siren wants a new battery at the end of every single winter");
    ada.reacts(&other, "💡")?;
    let asked = cy.reads("as a tip for everyone").await?;
    ada.takes_back(&other, "💡")?;
    let edited = |d: &Discord| d.messages().into_iter().find(|m| m.id == asked.id && m.edits > 0);
    let gone = discord.wait("the withdrawn question", edited).await?;
    insta::assert_json_snapshot!("a_light_bulb_that_was_taken_back", seen(&gone));
    stops(&ada, "What does the gate siren want?", "battery").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_mark_by_who_asked_keeps_the_answer_for_the_next() -> Result<()> {
    let scene = Scene::open().await?;
    all_talk(&scene).await?;
    let discord = &scene.discord;
    let (bo, cy) = (discord.person(BO), discord.person(CY));
    // In a forum, where people do that.
    let question = cy.posts_in_forum(FORUM, "Spare fuses", "Where do the spare fuses of the sorter lie?");
    let answer = bo.says(&question, "The spare fuses of the sorter lie in drawer seven of the workshop");
    // Of an own answer, and of what is no answer, it says nothing.
    bo.reacts(&answer, "✅")?;
    cy.reacts(&question, "✅")?;
    cy.reacts(&answer, "✅")?;
    let asked = bo.reads("this answered").await?;
    ensure!(asked.channel == discord.direct(BO), "{asked:?}");
    insta::assert_json_snapshot!("a_check_mark_asks_the_author", seen(&asked));
    bo.presses("Share it").await?;
    bo.reads("is shared as a tip").await?;
    settles(&cy, "Where do the spare fuses of the sorter lie?", "drawer seven").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discussion_is_logged_by_its_menu_and_holds_who_agreed() -> Result<()> {
    let scene = Scene::open().await?;
    all_talk(&scene).await?;
    let discord = &scene.discord;
    let (ada, bo) = (discord.person(ADA), discord.person(BO));
    let root = ada.says(GENERAL, "The cold store alarm rang twice last night, what do we do about it?");
    let reply = bo.replies(&root, "Its sensor three drifts; swap it against the one in the spare cabinet")?;
    ada.uses_menu("Log discussion", &root)?;
    ada.sees_form().await?;
    ada.submits(&[("What is it about?", "Cold store alarm @here")]).await?;
    let logged = ada.reads("is logged").await?;
    ensure!(logged.only.as_deref() == Some(ADA), "{logged:?}");
    let question = "Which sensor of the cold store alarm drifts?";
    let asked = bo.reads("in which you wrote").await?;
    stops(&ada, question, "spare cabinet").await?;
    insta::assert_json_snapshot!("asked_about_a_discussion", seen(&asked));
    bo.presses("Yes").await?;
    bo.reads("Your messages are part of").await?;
    settles(&ada, question, "spare cabinet").await?;
    // Deleted in the thread, it is gone from the answers as well.
    bo.deletes(&reply)?;
    stops(&ada, question, "spare cabinet").await?;
    // A message that nobody has answered is a discussion too.
    let alone = ada.says(GENERAL, "The forklift charger hums at night and needs a new fan soon.");
    ada.uses_menu("Log discussion", &alone)?;
    ada.submits(&[("What is it about?", "Forklift charger")]).await?;
    ada.reads("“Forklift charger” is logged").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_where_not_everybody_sees_it_stays_there() -> Result<()> {
    let scene = Scene::open().await?;
    all_talk(&scene).await?;
    let discord = &scene.discord;
    let (ada, bo) = (discord.person(ADA), discord.person(BO));
    let hidden = serde_json::json!([{ "id": GUILD, "type": 0, "allow": "0", "deny": (1 << 10).to_string() }]);
    discord.overwrites(LEARNING, hidden);
    let root = ada.says(LEARNING, "Which warehouse do we close in spring?");
    let reply = bo.replies(&root, "The warehouse in Tilbury is closed in spring, says the board")?;
    ada.reacts(&reply, "💡")?;
    ada.reacts(&reply, "✅")?;
    ada.uses_menu("Save as tip", &reply)?;
    ada.reads("I take words only from channels").await?;
    ada.uses_menu("Log discussion", &root)?;
    ada.sees_form().await?;
    let before = ada.count();
    ada.submits(&[("What is it about?", "Spring")]).await?;
    let refused = ada.newest_after(before).await?;
    ensure!(refused.content.contains("I take words only from channels"), "{refused:?}");
    ensure!(bo.finds("in your name").is_none() && bo.finds("in which you wrote").is_none(), "Bo is asked nothing");
    stops(&ada, "Which warehouse do we close in spring?", "Tilbury").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_from_a_message_follows_its_edit_and_its_deletion() -> Result<()> {
    let scene = Scene::open().await?;
    let discord = &scene.discord;
    let (ada, bo) = (discord.person(ADA), discord.person(BO));
    let id = bo.says(GENERAL, "The pallet scanner restarts when you hold trigger and power for ten seconds");
    bo.uses_menu("Save as tip", &id)?;
    bo.presses("Share").await?;
    bo.reads("tip is shared").await?;
    let question = "How does the pallet scanner restart?";
    settles(&ada, question, "ten seconds").await?;
    bo.edits(&id, "The pallet scanner restarts when you hold trigger and power for twenty seconds")?;
    settles(&ada, question, "twenty seconds").await?;
    bo.deletes(&id)?;
    settles(&ada, question, "don’t know").await?;
    scene.ends().await
}
