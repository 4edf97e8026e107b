//! People who have not written yet, who are deactivated, and whom Slack does not know.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use stoa_tests::said;

use crate::*;

/// What the staff list's person is like, once it is so.
async fn person(scene: &Scene, id: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut shown = Value::Null;
    // A page of Slack's list is read every three seconds.
    for _ in 0..600 {
        shown = serde_json::from_str(&said(STOA, scene.dir.path(), &["--json", "people", "show", id])?)?;
        if fits(&shown) {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{id} stays {shown:#}")
}

fn imports(scene: &Scene, rows: &str) -> Result<()> {
    let roster = format!("employee_id,name,email,slack_id\n{rows}");
    std::fs::write(scene.dir.path().join("more.csv"), roster)?;
    said(STOA, scene.dir.path(), &["people", "import", "more.csv"]).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_asked_for_the_zones_of_people_who_have_not_written() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    scene.slack.add_person(CY, "Cy Ode", "America/Bogota");
    imports(&scene, "E3,Cy Ode,cy@example.org,U012CY003\n")?;
    scene.server.kill()?;
    scene.server.restart()?;
    person(&scene, "E3", |p| p["timezone"] == "America/Bogota").await?;
    ensure!(!scene.slack.calls().iter().any(|c| c.method == "users.list"), "one person is asked about alone");
    // Many are read from the list, also those on its second page; what the staff list says counts.
    let many: Vec<(String, String)> = (100..360).map(|n| (format!("E{n}"), format!("U0MANY{n}"))).collect();
    for (_, user) in &many {
        scene.slack.add_person(user, "Somebody", "Asia/Tokyo");
    }
    let rows: Vec<String> = many.iter().map(|(id, user)| format!("{id},Mx {id},{id}@example.org,{user}\n")).collect();
    imports(&scene, &rows.concat())?;
    scene.server.kill()?;
    scene.server.restart()?;
    for (id, zone) in [("E100", "Asia/Tokyo"), ("E359", "Asia/Tokyo"), ("E1", "Europe/Berlin")] {
        person(&scene, id, |p| p["timezone"] == zone).await?;
    }
    let asked = |method: &str| scene.slack.calls().iter().filter(|c| c.method == method).count();
    ensure!(
        asked("users.list") == 2 && asked("users.info") < 10,
        "{} and {}",
        asked("users.list"),
        asked("users.info")
    );
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deactivated_is_listed_and_gets_what_waited_once_when_they_are_back() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    // Cy is on the staff list, and in Slack no more.
    imports(&scene, "E3,Cy Ode,cy@example.org,U012CY003\n")?;
    let (ada, bo) = (slack.person(ADA), slack.person(BO));
    settles(&bo, "help", "You can also use these words").await?;
    slack.acknowledged(slack.turns(BO, false)).await?;
    scene.requires_safety()?;
    ada.reads("New for you").await?;
    for id in ["E2", "E3"] {
        person(&scene, id, |p| p["unreachable"].is_string()).await?;
    }
    let listed = said(STOA, scene.dir.path(), &["people", "unreachable"])?;
    ensure!(listed.contains("Bo *Lind* (E2)") && listed.contains("Cy Ode (E3)"), "{listed}");
    ensure!(bo.finds("New for you").is_none());

    slack.acknowledged(slack.turns(BO, true)).await?;
    bo.reads("New for you").await?;
    slack.add_person(CY, "Cy Ode", "UTC");
    slack.acknowledged(slack.turns(CY, true)).await?;
    slack.person(CY).reads("New for you").await?;
    // Said again, it changes nothing.
    slack.acknowledged(slack.turns(BO, true)).await?;
    bo.says_dm(QUESTION);
    bo.reads(ANSWER).await?;
    let told = slack.messages().iter().filter(|m| m.shown().contains("New for you")).count();
    ensure!(told == 3, "told {told} times");
    let listed = said(STOA, scene.dir.path(), &["people", "unreachable"])?;
    ensure!(!listed.contains("E2") && !listed.contains("E3"), "{listed}");
    scene.ends().await
}
