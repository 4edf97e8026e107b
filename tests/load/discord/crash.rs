//! `kill -9` under load.

use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::noise;
use stoa_tests::discord::Discord;

use super::{GENERAL, PATIENCE, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, library, tell};

/// Questions in a second: Discord takes fifty calls.
const RATE: u32 = 30;

/// Kills the server again and again while people write, and counts. Each second time the session of the gateway is gone as
/// well, so that what was missed can only be fetched.
pub async fn killed(plan: &Plan) -> Result<Figures> {
    let kills = plan.of(20, 2);
    let people = plan.of(100, 20);
    let mut world = World::open(plan, people, "").await?;
    // A conversation of which the bot never heard cannot be fetched.
    let mut asked = write(&world, 0, people * 3 / 2).await;
    world.said.until(&world.discord, asked, PATIENCE).await?;
    for round in 0..kills {
        asked += write(&world, asked, usize::try_from(10 + noise() % 50)?).await;
        world.server.kill()?;
        if round % 2 == 1 {
            world.discord.wait("the end of the connection", |d| (d.connections() == 0).then_some(())).await?;
            world.discord.forgets();
        }
        asked += write(&world, asked, 10).await;
        world.server.restart()?;
        world.discord.is_connected().await?;
    }
    if let Err(error) = world.said.until(&world.discord, asked, PATIENCE).await {
        tell(&format!("{error:#}"));
    }
    // What would be doubled has time to come.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.said.look(&world.discord);
    let name = |what: &str| format!("{kills} × kill -9 at {RATE} questions/s: {what}");
    let more = world.said.all.saturating_sub(asked);
    let figures = vec![
        Figure::count(name("questions"), asked, Wanted::Context),
        Figure::count(name("questions lost"), asked.saturating_sub(world.said.all), Wanted::None),
        Figure::count(name("messages doubled"), world.doubled().max(more), Wanted::None),
        Figure::count(name("requests refused"), world.discord.invalid(), Wanted::Context),
    ];
    world.ends()?;
    Ok(figures)
}

/// People write to the bot alone, each third into the channel. Gives how many questions that was.
async fn write(world: &World, first: usize, number: usize) -> usize {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    for n in first..first + number {
        ticks.tick().await;
        if n % 3 == 2 {
            let person = Discord::nth_person(n % world.people);
            world.discord.person(&person).mentions(GENERAL, &library::question(n));
        } else {
            world.asks(n % world.people, n);
        }
    }
    number
}
