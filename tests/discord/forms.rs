//! Forms that are still open when the server that opened them is gone.

use anyhow::{Result, ensure};

use super::{ADA, GENERAL, Scene};

impl Scene {
    /// The server dies and starts anew.
    async fn dies(&mut self) -> Result<()> {
        self.server.kill()?;
        self.discord.wait("the end of the connection", |d| (d.connections() == 0).then_some(())).await?;
        self.server.restart()?;
        self.discord.is_connected().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_filled_into_a_form_outlives_the_server_that_opened_it() -> Result<()> {
    let mut scene = Scene::open().await?;
    scene.discord.person(ADA).slash_in(GENERAL, "learn", "schedule");
    scene.discord.person(ADA).sees_form().await?;
    scene.dies().await?;
    let wrong = scene.discord.person(ADA).submits(&[("Text", "Only a title"), ("When", "soon")]).await?;
    let wrong = wrong["data"]["content"].as_str().unwrap_or_default();
    ensure!(wrong.contains("**Text**: Please write a title") && wrong.contains("**When**: Please write"), "{wrong}");
    scene.dies().await?;
    let ada = scene.discord.person(ADA);
    ada.presses("Try again").await?;
    let form = ada.sees_form().await?;
    ensure!(form.view.to_string().contains("Only a title"), "{}", form.view);
    ada.submits(&[("Text", "The new gate\nUse the *north* gate."), ("When", "2036-11-25 10:00")]).await?;
    ada.reads("This goes to").await?;
    scene.ends().await
}
