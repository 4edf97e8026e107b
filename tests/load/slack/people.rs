//! Memory with many people.

use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::monotonic;

use super::{Setup, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, tell};

/// Changes of people that are under way at once.
const AT_ONCE: usize = 500;

/// Everybody stands on the staff list, Slack has told about each of them, and many ask.
pub async fn known(plan: &Plan) -> Result<Figures> {
    let people = plan.of(50_000, 500);
    let mut world = World::open(plan, &Setup { zones: &[(people, "UTC")], ..Setup::USUAL }).await?;
    let (fresh, _) = world.process().memory()?;
    let begun = monotonic();
    for n in 0..people {
        world.slack.moves(&stoa_tests::slack::Slack::nth_person(n), "Europe/Berlin");
        if n % AT_ONCE == AT_ONCE - 1 {
            while world.slack.unacknowledged() > AT_ONCE {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    world.slack.all_acknowledged().await?;
    tell(&format!("Slack told about {people} people in {:.1} s", begun.elapsed().as_secs_f64()));
    let asked = world.ask_at(plan.of(2_000, 50), 100).await;
    world.answered(&asked).await?;
    let (now, most) = world.process().memory()?;
    let name = |what: &str| format!("{people} people known: {what}");
    let figures = vec![
        Figure::new(name("memory after the start"), fresh, "MB", Wanted::Context),
        Figure::new(name("memory, Slack having told about each"), now, "MB", Wanted::Under(150.0)),
        Figure::new(name("most memory"), most, "MB", Wanted::Context),
    ];
    world.ends()?;
    Ok(figures)
}
