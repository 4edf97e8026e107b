//! `kill -9` under load.

use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::noise;

use super::{Setup, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, tell};

/// Kills the server again and again while questions come, and counts.
pub async fn killed(plan: &Plan) -> Result<Figures> {
    let kills = plan.of(20, 2);
    let people = plan.of(300, 50);
    let mut world = World::open(plan, &Setup { zones: &[(people, "UTC")], ..Setup::USUAL }).await?;
    // What was not acknowledged comes again soon.
    world.slack.sends_again_after(Duration::from_secs(1));
    let (mut asked, mut at_risk) = (Vec::new(), 0);
    for _ in 0..kills {
        let moment = usize::try_from(40 + noise() % 260)?;
        asked.extend(world.ask_at(moment, 200).await);
        world.server.kill()?;
        world.answers.look(&world.slack);
        let acknowledged = |d: &&usize| world.slack.acknowledgement(**d).is_some();
        let unanswered = |d: &&usize| world.answers.took(&world.slack, **d).is_none();
        at_risk += asked.iter().filter(acknowledged).filter(unanswered).count();
        // They go on writing while nobody listens.
        asked.extend(world.ask_at(20, 200).await);
        world.server.restart()?;
        world.slack.is_connected(1).await?;
    }
    if let Err(error) = world.answered(&asked).await {
        tell(&format!("{error:#}"));
    }
    world.slack.all_acknowledged().await?;
    let (lost, doubled) = world.lost_and_doubled(&asked);
    let name = |what: &str| format!("{kills} × kill -9 at 200 questions/s: {what}");
    let figures = vec![
        Figure::count(name("questions"), asked.len(), Wanted::Context),
        Figure::count(name("acknowledged and not yet answered when killed"), at_risk, Wanted::Context),
        Figure::count(name("acknowledged questions lost"), lost, Wanted::None),
        Figure::count(name("messages doubled"), doubled, Wanted::None),
    ];
    world.ends()?;
    Ok(figures)
}
