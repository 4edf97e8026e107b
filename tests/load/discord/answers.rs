//! Acknowledgements of interactions.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use stoa_ground::clock::monotonic;
use stoa_tests::discord::Discord;

use super::{GENERAL, PATIENCE, World};
use crate::measure::{Figure, Wanted, each, within};
use crate::{Figures, Plan, library};

/// Interactions in a second.
const RATE: u32 = 100;

/// Slash commands at 100 a second: how soon they are acknowledged.
pub async fn acknowledged(plan: &Plan, more: &str) -> Result<Figures> {
    let number = plan.of(2_000, 100);
    let world = World::open(plan, number, more).await?;
    let over_http = !more.is_empty();
    let before = world.process().cpu()?;
    let tokens = if over_http { posted(&world, number).await? } else { dispatched(&world, number).await };
    // Answers take the place of what says that the bot thinks.
    let begun = monotonic();
    let acknowledged = |tokens: &[String]| tokens.iter().all(|t| world.discord.acknowledgement(t).is_some());
    while !acknowledged(&tokens) || world.discord.thinking() > 0 {
        ensure!(begun.elapsed() < PATIENCE, "{} answers never came: {}", world.discord.thinking(), world.log_end());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cpu = world.process().cpu()? - before;
    let took: Vec<Duration> = tokens.iter().filter_map(|t| world.discord.acknowledgement(t)).collect();
    let over = if over_http { "over HTTP" } else { "over the gateway" };
    let name = |what: &str| format!("{over}, {RATE} commands/s: {what}");
    let figures = vec![
        Figure::time(name("half acknowledged within"), within(&took, 50), Wanted::Context),
        Figure::time(name("99 % acknowledged within"), within(&took, 99), Wanted::Under(200.0)),
        Figure::new(name("processor time an answer"), each(cpu, number), "ms", Wanted::Context),
        Figure::count(name("requests refused"), world.discord.answered_with(4), Wanted::None),
    ];
    world.ends()?;
    Ok(figures)
}

async fn dispatched(world: &World, number: usize) -> Vec<String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut tokens = Vec::with_capacity(number);
    for n in 0..number {
        ticks.tick().await;
        tokens.push(world.discord.person(&Discord::nth_person(n)).slash_in(GENERAL, "ask", &library::question(n)));
    }
    tokens
}

async fn posted(world: &World, number: usize) -> Result<Vec<String>> {
    let begun = monotonic();
    let posts = (0..number).map(|n| async move {
        tokio::time::sleep((Duration::from_secs(1) / RATE * u32::try_from(n)?).saturating_sub(begun.elapsed())).await;
        let id = Discord::nth_person(n);
        let person = world.discord.person(&id);
        let (status, said, token) =
            person.posts_slash(&world.server.url, GENERAL, "ask", &library::question(n)).await?;
        ensure!(status == 200, "{status}: {said}");
        anyhow::Ok(token)
    });
    try_join_all(posts).await
}
