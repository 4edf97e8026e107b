//! Zones, silence, guests and people of other organisations.

use anyhow::{Result, ensure};
use stoa_tests::slack::Trouble;
use stoa_tests::{Model, said};

use crate::*;

const GUEST: &str = "U0GUEST01";
const OUTSIDER: &str = "U0OTHER01";
const SHARED: &str = "C0SHARED";

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_guests_get_nothing_and_shared_channels_no_open_answer() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    slack.add_person(GUEST, "Gus", "UTC");
    slack.makes_guest(GUEST);
    slack.add_outsider(OUTSIDER, "Otto");
    slack.add_channel(SHARED, &[ADA, OUTSIDER, GUEST, slack::BOT]);
    slack.shares(SHARED);
    let (ada, guest, outsider) = (slack.person(ADA), slack.person(GUEST), slack.person(OUTSIDER));

    outsider.mentions(SHARED, QUESTION);
    let told = outsider.reads("I am here for the people of Acme").await?;
    ensure!(told.only.as_deref() == Some(OUTSIDER), "{told:?}");
    insta::assert_json_snapshot!("a_stranger_is_turned_away", seen(&told));
    guest.says_dm(QUESTION);
    guest.reads("I am here for the people of Acme").await?;
    // Once is enough.
    slack.acknowledged(guest.says_dm(QUESTION)).await?;
    guest.slash("/stoa", "ask How do I descale the coffee machine?");

    // Where the stranger reads, Ada's answer is for her alone.
    ada.mentions(SHARED, QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.channel == SHARED && answer.only.as_deref() == Some(ADA), "{answer:?}");
    ensure!(outsider.finds(ANSWER).is_none() && guest.finds(ANSWER).is_none(), "a stranger reads the handbook");
    let told = slack.messages().iter().filter(|m| m.shown().contains("I am here for")).count();
    ensure!(told == 2, "told {told} times");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_people_from_outside_read_marked_sources_answer_all_and_others_whoever_asked() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    let at = scene.dir.path();
    let page =
        "# Partner portal\n\n## Signing in\n\nTo sign in to the partner portal, type the code from your contact.\n";
    std::fs::create_dir(at.join("partners"))?;
    std::fs::write(at.join("partners/portal.md"), page)?;
    let source = "\n[[library.sources]]\nkind = \"files\"\nname = \"Partners\"\npath = \"partners\"\n\
                  readers = [\"everyone\"]\nexternal = true\n";
    let config = std::fs::read_to_string(at.join("stoa.toml"))?;
    std::fs::write(at.join("stoa.toml"), format!("{config}{source}"))?;
    scene.server.kill()?;
    said(STOA, at, &["library", "sync"])?;
    scene.server.restart()?;
    scene.slack.is_connected(1).await?;
    let slack = &scene.slack;
    slack.add_outsider(OUTSIDER, "Otto");
    slack.add_channel(SHARED, &[ADA, OUTSIDER, slack::BOT]);
    slack.add_channel("C0LATER", &[ADA, BO, slack::BOT]);
    slack.shares(SHARED);
    let (ada, bo, outsider) = (slack.person(ADA), slack.person(BO), slack.person(OUTSIDER));

    ada.mentions(SHARED, "How do I sign in to the partner portal?");
    let answer = outsider.reads("type the code from your contact").await?;
    ensure!(answer.channel == SHARED && answer.only.is_none() && answer.thread.is_some(), "{answer:?}");
    insta::assert_json_snapshot!("an_answer_that_people_from_outside_may_read", seen(&answer));
    ada.presses("See privately").await?;
    ada.mentions(SHARED, QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.channel == SHARED && answer.only.as_deref() == Some(ADA), "{answer:?}");
    ada.mentions(SHARED, "How do I order a parking permit for a zeppelin?");
    let unknown = ada.reads("I don’t know").await?;
    ensure!(unknown.only.as_deref() == Some(ADA), "{unknown:?}");

    // A channel that is shared later, whether the app may look it up or not.
    bo.mentions("C0LATER", QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.channel == "C0LATER" && answer.only.is_none(), "{answer:?}");
    slack.shares("C0LATER");
    slack.lacks(&["conversations.info"], Trouble::Missing);
    let before = bo.count();
    bo.mentions("C0LATER", QUESTION);
    let answer = bo.newest_after(before).await?;
    ensure!(answer.shown().contains(ANSWER) && answer.only.as_deref() == Some(BO), "{answer:?}");
    for m in slack.messages().iter().filter(|m| m.channel == SHARED && m.only.as_deref() != Some(ADA)) {
        ensure!(!m.shown().contains(ANSWER) && !m.shown().contains("Kitchen"), "somebody from outside reads {m:?}");
    }
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lessons_follow_the_zone_of_slack_and_wait_while_it_is_silenced() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (dir, slack) = (scene.dir.path(), &scene.slack);
    // Of Cy the staff list says no zone.
    std::fs::write(dir.join("more.csv"), "employee_id,name,email,slack_id\nE3,Cy Ode,cy@example.org,U012CY003\n")?;
    said(STOA, dir, &["people", "import", "more.csv"])?;
    slack.add_person("U012CY003", "Cy Ode", "America/Bogota");
    let cy = slack.person("U012CY003");
    cy.says_dm("settings");
    cy.reads("Your time zone").await?;
    settles(&cy, "settings", "America/Bogota").await?;
    slack.acknowledged(slack.moves("U012CY003", "Asia/Tokyo")).await?;
    settles(&cy, "settings", "Asia/Tokyo").await?;
    // Ada's zone stands in the staff list.
    slack.acknowledged(slack.moves(ADA, "Asia/Tokyo")).await?;
    let ada = slack.person(ADA);
    settles(&ada, "settings", "Europe/Berlin").await?;

    let now = slack::now();
    slack.acknowledged(slack.silences("U012CY003", now - 60, now + 3_600)).await?;
    scene.requires_safety()?;
    ada.reads("New for you").await?;
    settles(&cy, "why", "do not disturb").await?;
    ensure!(cy.finds("New for you").is_none(), "somebody was disturbed");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_every_day_is_asked_for_again_when_a_time_is_over() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    // Slack says nothing by itself, and of several times only the next one. The first is over soon.
    let now = slack::now();
    scene.slack.keeps_silent(BO, &[(now - 60, now + 6), (now + 6, now + 7_200)]);
    scene.server.kill()?;
    scene.server.restart()?;
    let asked = |s: &Slack, whom: &str| s.calls().iter().any(|c| c.method == "dnd.teamInfo" && c.args["users"] == whom);
    scene.slack.wait("the question for the next time", |s| asked(s, BO).then_some(())).await?;
    scene.slack.is_connected(1).await?;
    scene.requires_safety()?;
    let (ada, bo) = (scene.slack.person(ADA), scene.slack.person(BO));
    ada.reads("New for you").await?;
    settles(&bo, "why", "do not disturb").await?;
    ensure!(bo.finds("New for you").is_none(), "somebody was disturbed");
    let whom: Vec<String> = scene
        .slack
        .calls()
        .iter()
        .filter(|c| c.method == "dnd.teamInfo")
        .map(|c| c.args["users"].to_string())
        .collect();
    ensure!(whom.len() <= 3, "asked too often: {whom:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_written_in_the_language_in_which_somebody_reads_slack() -> Result<()> {
    let model =
        Model::open("To descale the coffee machine, press both buttons for five seconds. [1]\n", " [1]\n").await?;
    model.goes_on(100);
    let mut scene = Scene::open_with("socket", &model.configuration()).await?;
    scene.slack.speaks(BO, "de-DE");
    scene.slack.all_acknowledged().await?;
    let asks = async |scene: &Scene| -> Result<String> {
        let before = model.asked().len();
        scene.slack.person(BO).says_dm(QUESTION);
        let asked = scene.slack.wait("the model's turn", |_| model.asked().get(before).cloned());
        asked.await
    };
    let in_german = asks(&scene).await?;
    ensure!(in_german.contains("in the language de-DE"), "{in_german}");
    // It is kept; and Slack is asked for it, once it has somebody to ask about.
    scene.slack.reads_in(BO, "pt-BR");
    scene.server.kill()?;
    scene.server.restart()?;
    scene.slack.is_connected(1).await?;
    let kept = asks(&scene).await?;
    ensure!(kept.contains("in the language de-DE") || kept.contains("in the language pt-BR"), "{kept}");
    for _ in 0..20 {
        if asks(&scene).await?.contains("in the language pt-BR") {
            return scene.ends().await;
        }
    }
    anyhow::bail!("nobody asked Slack for the language")
}
