//! The Home tab.

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_tests::said;

use crate::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_home_tab_shows_what_is_up_and_follows_what_is_done() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let dir = scene.dir.path();
    let roster = "employee_id,name,email,slack_id,manager_employee_id\nE1,Ada Okafor,ada@example.org,U012ADA01,\n\
                  E2,Bo *Lind*,bo@example.org,U012BO002,E1\n";
    std::fs::write(dir.join("managers.csv"), roster)?;
    said(STOA, dir, &["people", "import", "managers.csv"])?;
    scene.requires_safety()?;
    scene.teaches_tea()?;
    let (ada, bo) = (scene.slack.person(ADA), scene.slack.person(BO));
    ada.reads("New for you").await?;
    bo.reads("New for you").await?;

    ensure!(scene.slack.home(BO).is_none(), "who never opened the tab has none");
    scene.slack.acknowledged(bo.opens_home()).await?;
    let page = bo.sees_at_home("Safety").await?;
    insta::assert_json_snapshot!("the_page_of_an_employee", steady(&page));
    ada.opens_home();
    let page = ada.sees_at_home("Your team").await?;
    insta::assert_json_snapshot!("the_page_of_a_manager", steady(&page));

    // A lesson is chosen and read; the settings are changed; the course is done: the page shows it each time.
    bo.presses_at_home("Tracks")?;
    bo.reads("These are the tracks").await?;
    bo.presses("Join").await?;
    bo.sees_at_home("Water").await?;
    bo.presses_at_home("Show it")?;
    bo.reads("Boil it").await?;
    bo.presses_at_home("Pause lessons and tips")?;
    bo.sees_at_home("paused").await?;
    bo.presses_at_home("Change times")?;
    ensure!(bo.submits(&[("Quiet hours", "17:00-10:00")]).await?.is_null());
    bo.sees_at_home("Quiet hours: 17:00").await?;
    bo.presses_at_home("Start")?;
    bo.presses("I have read it").await?;
    bo.presses("Confirm").await?;
    ensure!(bo.submits(&[("Your full name", "bo *lind*")]).await?.is_null(), "the form closes");
    let page = bo.sees_at_home("Nothing else is open").await?;
    insta::assert_json_snapshot!("the_page_when_all_is_done", steady(&page));
    // Opened again, nothing new is published; and a stranger learns how to become known.
    let published = || scene.slack.calls().iter().filter(|c| c.method == "views.publish").count();
    let before = published();
    bo.opens_home();
    scene.slack.add_person("U0STRANGE", "Cy", "UTC");
    let stranger = scene.slack.person("U0STRANGE");
    stranger.opens_home();
    stranger.sees_at_home("do not know this account").await?;
    ensure!(published() <= before + 2, "{} pages instead of one", published() - before);
    ensure!(scene.slack.home(ADA).is_some_and(|page| page["type"] == json!("home")));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_tab_of_a_guest_says_only_whom_it_is_for_until_they_are_on_the_staff_list() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (dir, slack) = (scene.dir.path(), &scene.slack);
    slack.add_person("U0GUEST01", "Gus", "UTC");
    slack.makes_guest("U0GUEST01");
    let guest = slack.person("U0GUEST01");
    slack.acknowledged(guest.opens_home()).await?;
    let page = guest.sees_at_home("I am here for the people of Acme").await?;
    ensure!(page.as_array().is_some_and(|blocks| blocks.len() == 1), "there is nothing to press: {page:#}");
    std::fs::write(dir.join("more.csv"), "employee_id,name,email,slack_id\nE9,Gus Ode,gus@example.org,U0GUEST01\n")?;
    said(STOA, dir, &["people", "import", "more.csv"])?;
    guest.opens_home();
    guest.sees_at_home("Your settings").await?;
    scene.ends().await
}
