//! Memory in large servers.

use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::monotonic;
use stoa_tests::discord::Discord;

use super::{GENERAL, GUILD, LEARNING, PATIENCE, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, tell};

/// Large servers.
const GUILDS: usize = 10;
/// Members of whom Discord tells when the bot comes to a large server: those who are heard there.
const TOLD: usize = 1_000;
/// Channels of each.
const CHANNELS: usize = 100;

/// Ten servers, of which the bot hears what it hears in life: channels, some members, changes of many, and messages.
pub async fn large(plan: &Plan) -> Result<Figures> {
    let members = plan.of(50_000, 500);
    let known = plan.of(1_000, 50);
    let discord = Discord::open().await?;
    discord.add_people(0..members * GUILDS);
    for n in 0..GUILDS {
        let id = guild(n);
        discord.add_large_guild(&id, &format!("Guild {n}"), n * members..(n + 1) * members, TOLD.min(members));
        for channel in 0..CHANNELS {
            discord.add_channel(&format!("40{n:02}{channel:014}"), &id, &format!("channel-{channel}"), 0);
        }
    }
    discord.add_channel(GENERAL, GUILD, "general", 0);
    discord.add_channel(LEARNING, GUILD, "learning", 0);
    let mut world = World::of(plan, discord, known, "").await?;
    let (fresh, _) = world.process().memory()?;
    let begun = monotonic();
    // One in five is called otherwise, and one in fifty says something to others.
    for n in (0..members * GUILDS).step_by(5) {
        let id = Discord::nth_person(n);
        world.discord.renames(&guild(n / members), &id, &format!("Nick {n}"));
        if n % 50 == 0 {
            world
                .discord
                .person(&id)
                .says(&format!("40{:02}{:014}", n / members, n % CHANNELS), "Good morning everybody");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let asked = plan.of(400, 20);
    for n in 0..asked {
        world.asks(n % known, n);
    }
    world.said.until(&world.discord, asked, PATIENCE).await?;
    tell(&format!("heard and answered in {:.1} s", begun.elapsed().as_secs_f64()));
    let (now, most) = world.process().memory()?;
    let name = |what: &str| format!("{GUILDS} servers of {members} members: {what}");
    let figures = vec![
        Figure::new(name("memory after the start"), fresh, "MB", Wanted::Context),
        Figure::new(name("memory, one in five members changed"), now, "MB", Wanted::Under(150.0)),
        Figure::new(name("most memory"), most, "MB", Wanted::Context),
    ];
    world.ends()?;
    Ok(figures)
}

fn guild(n: usize) -> String {
    if n == 0 { GUILD.to_owned() } else { format!("5000000000000001{n:02}") }
}
