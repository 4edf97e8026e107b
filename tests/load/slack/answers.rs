//! Acknowledgements, answers, and what they cost.

use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::monotonic;
use stoa_tests::slack::Trouble;

use super::{Setup, World};
use crate::measure::{Figure, Wanted, each, within};
use crate::{Figures, Plan, tell};

/// Events in a second.
const RATE: u32 = 200;

/// Questions at 200 a second: how soon they are acknowledged, and what an answer costs.
pub async fn acknowledged(plan: &Plan, mode: &str) -> Result<Figures> {
    let people = plan.of(2_000, 100);
    let mut world = World::open(plan, &Setup { zones: &[(people, "UTC")], mode, ..Setup::USUAL }).await?;
    let before = world.process().cpu()?;
    let asked = world.ask_at(plan.of(4_000, 200), RATE).await;
    world.answered(&asked).await?;
    let cpu = world.process().cpu()? - before;
    let acks: Vec<Duration> = asked.iter().filter_map(|d| world.slack.acknowledgement(*d)).collect();
    let took = world.took(&asked);
    let over = if mode == "http" { "over HTTP" } else { "over Socket Mode" };
    let name = |what: &str| format!("{over}, {RATE} questions/s: {what}");
    let figures = vec![
        Figure::time(name("half acknowledged within"), within(&acks, 50), Wanted::Context),
        Figure::time(name("99 % acknowledged within"), within(&acks, 99), Wanted::Under(100.0)),
        Figure::time(name("95 % answered within"), within(&took, 95), Wanted::Context),
        Figure::new(name("processor time an answer"), each(cpu, asked.len()), "ms", Wanted::AtMost(2.0)),
    ];
    world.ends()?;
    Ok(figures)
}

/// Two thousand people ask at once.
pub async fn burst(plan: &Plan) -> Result<Figures> {
    let people = plan.of(2_000, 100);
    let mut world = World::open(plan, &Setup { zones: &[(people, "UTC")], ..Setup::USUAL }).await?;
    let (before, begun) = (world.process().cpu()?, monotonic());
    let asked: Vec<usize> = (0..people).map(|n| world.asks(n, n)).collect();
    let sent = begun.elapsed();
    world.answered(&asked).await?;
    let (took, cpu) = (begun.elapsed(), world.process().cpu()? - before);
    let (now, most) = world.process().memory()?;
    tell(&format!("{people} questions written in {sent:?}, answered in {took:?}"));
    let (lost, doubled) = world.lost_and_doubled(&asked);
    let name = |what: &str| format!("a burst of {people} questions: {what}");
    let figures = vec![
        Figure::new(name("answers/s"), people as f64 / took.as_secs_f64(), "/s", Wanted::AtLeast(500.0)),
        Figure::new(name("processor time an answer"), each(cpu, people), "ms", Wanted::AtMost(2.0)),
        Figure::new(name("memory after it"), now, "MB", Wanted::Under(150.0)),
        Figure::new(name("most memory"), most, "MB", Wanted::Context),
        Figure::count(name("lost"), lost, Wanted::None),
        Figure::count(name("doubled"), doubled, Wanted::None),
    ];
    world.ends()?;
    Ok(figures)
}

/// A few people at a time.
pub async fn direct(plan: &Plan) -> Result<Figures> {
    let mut world = World::open(plan, &Setup { zones: &[(100, "UTC")], ..Setup::USUAL }).await?;
    let asked = world.ask_at(plan.of(200, 20), 10).await;
    world.answered(&asked).await?;
    let took = world.took(&asked);
    let name = |what: &str| format!("a question in a direct message, 10/s: {what}");
    let figures = vec![
        Figure::time(name("half answered within"), within(&took, 50), Wanted::Context),
        Figure::time(name("95 % answered within"), within(&took, 95), Wanted::Under(300.0)),
    ];
    world.ends()?;
    Ok(figures)
}

/// Slack asks for new connections again and again.
pub async fn refreshed(plan: &Plan) -> Result<Figures> {
    let mut world = World::open(plan, &Setup { zones: &[(100, "UTC")], ..Setup::USUAL }).await?;
    let number = plan.of(600, 60);
    let calm = world.ask_at(number / 2, 20).await;
    world.answered(&calm).await?;
    let calm = world.took(&calm);
    let (mut asked, mut refreshed) = (Vec::new(), 0);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / 20);
    for n in 0..number {
        ticks.tick().await;
        if n % 40 == 20 {
            refreshed += world.slack.disconnects("refresh_requested");
        }
        asked.push(world.asks(n % world.people, n));
    }
    world.answered(&asked).await?;
    let took = world.took(&asked);
    let (middle, longest) = (within(&took, 50), within(&took, 100));
    let name = |what: &str| format!("refresh_requested in 20 questions/s: {what}");
    let figures = vec![
        Figure::count(name("connections renewed"), refreshed, Wanted::Context),
        Figure::time(name("without it, half answered within"), within(&calm, 50), Wanted::Context),
        Figure::time(name("without it, the longest answer"), within(&calm, 100), Wanted::Context),
        Figure::time(name("half answered within"), middle, Wanted::Context),
        Figure::time(name("the longest answer takes longer by"), longest - middle, Wanted::AtMost(200.0)),
    ];
    world.ends()?;
    Ok(figures)
}

/// One post in ten is told to wait.
pub async fn limited(plan: &Plan) -> Result<Figures> {
    let people = plan.of(500, 50);
    let mut world = World::open(plan, &Setup { zones: &[(people, "UTC")], ..Setup::USUAL }).await?;
    world.slack.each_goes_wrong("chat.postMessage", 10, Trouble::Limited(1));
    let asked = world.ask_at(plan.of(1_000, 50), 50).await;
    world.answered(&asked).await?;
    let (lost, doubled) = world.lost_and_doubled(&asked);
    let name = |what: &str| format!("429 on one post in ten, {} questions: {what}", asked.len());
    let figures = vec![
        Figure::count(name("lost"), lost, Wanted::None),
        Figure::count(name("doubled"), doubled, Wanted::None),
        Figure::time(name("95 % answered within"), within(&world.took(&asked), 95), Wanted::Context),
    ];
    world.ends()?;
    Ok(figures)
}
