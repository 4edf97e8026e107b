//! Ten thousand messages within Discord's limits.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use stoa_ground::clock::monotonic;
use stoa_tests::discord::Discord;

use super::{GENERAL, PATIENCE, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, library, tell};

/// Threads in which people go on asking.
const THREADS: usize = 40;
/// Calls in a second that Discord takes.
const CALLS: f64 = 50.0;

/// Everything is asked at once: alone with the bot, in threads, and in a channel, where each answer opens a thread; and
/// people who never wrote are told in private threads that something waits.
pub async fn sent(plan: &Plan) -> Result<Figures> {
    let (alone, threads, channel, told) =
        (plan.of(4_500, 60), plan.of(2_000, 40), plan.of(500, 10), plan.of(1_000, 10));
    let (writing, all) = (plan.of(2_000, 30), alone + threads + channel + told);
    // Of the people on the staff list the last never wrote.
    let mut world = World::open(plan, writing + told, "").await?;
    let asks = |world: &World, n: usize, place: &str| {
        world.discord.person(&Discord::nth_person(n % writing)).mentions(place, &library::question(n))
    };
    let open: Vec<String> = (0..THREADS.min(threads)).map(|n| asks(&world, n, GENERAL)).collect();
    world.said.until(&world.discord, open.len(), PATIENCE).await?;
    let (_, calls) = world.discord.calls_from(0);
    let begun = monotonic();
    for n in 0..alone {
        world.asks(n % writing, n);
    }
    for n in 0..threads {
        asks(&world, n, &open[n % open.len()]);
    }
    for n in 0..channel {
        asks(&world, n, GENERAL);
    }
    require(plan, &world)?;
    // Who wrote is told of the course directly.
    let wanted = open.len() + all + writing;
    world.said.until(&world.discord, wanted, PATIENCE).await?;
    let took = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.said.look(&world.discord);
    let (calls, _) = world.discord.calls_from(calls);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in &calls {
        *kinds.entry(kind).or_default() += 1;
    }
    let mut refused: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    for (kind, status) in calls.iter().filter(|c| c.1 / 100 == 4) {
        *refused.entry((*status, kind.as_str())).or_default() += 1;
    }
    tell(&format!("{:.0} s, calls: {kinds:?}, refused: {refused:?}", took.as_secs_f64()));
    let messages = world.said.all - open.len();
    let name = |what: &str| format!("{messages} messages asked for at once: {what}");
    let a_second = calls.len() as f64 / took.as_secs_f64();
    let figures = vec![
        Figure::new(name("messages/s"), messages as f64 / took.as_secs_f64(), "/s", Wanted::Context),
        Figure::new(
            name("share of the calls that Discord takes"),
            100.0 * a_second / CALLS,
            "%",
            Wanted::AtLeast(80.0),
        ),
        Figure::new(name("calls for a message"), calls.len() as f64 / messages as f64, "", Wanted::Context),
        Figure::count(name("refused requests (4xx)"), calls.iter().filter(|c| c.1 / 100 == 4).count(), Wanted::None),
        Figure::count(name("lost"), wanted.saturating_sub(world.said.all), Wanted::None),
        Figure::count(name("doubled"), world.doubled().max(world.said.all.saturating_sub(wanted)), Wanted::None),
    ];
    world.ends()?;
    Ok(figures)
}

/// A course that everybody on the staff list has to take.
fn require(plan: &Plan, world: &World) -> Result<()> {
    let dir = world.dir.path();
    std::fs::create_dir_all(dir.join("courses/safety"))?;
    let course = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
    std::fs::write(dir.join("courses/safety/course.toml"), course)?;
    std::fs::write(dir.join("courses/safety/01-why.md"), "# Why\n\nBecause it matters to all of us.\n")?;
    let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\n\
                       audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
    std::fs::write(dir.join("safety.toml"), requirement)?;
    stoa_tests::said(&plan.stoa, dir, &["training", "courses", "courses"])?;
    stoa_tests::said(&plan.stoa, dir, &["training", "apply", "safety.toml"])?;
    Ok(())
}
