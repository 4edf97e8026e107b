//! Lessons for ten thousand people within Slack's limits: in the order of local time, and none in somebody's quiet hours.
//!
//! The business clock is moved by hand, one minute in eight seconds of the machine's time, and the stand-in takes so many
//! messages in eight seconds as Slack does in a minute. It says in whole seconds how long to wait, as Slack does: of eight
//! seconds that is a larger part than of sixty.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stoa_ground::Instant;
use stoa_ground::clock::monotonic;
use stoa_tests::slack::Slack;

use super::{Setup, World};
use crate::measure::{Figure, Wanted};
use crate::{Figures, Plan, tell};

/// A quarter of an hour apart: in the first it is later.
const ZONES: [&str; 2] = ["Asia/Kathmandu", "Asia/Kolkata"];
/// Lessons come then.
const LESSON: &str = "17:45";
/// When that is in the first zone, and in the second.
const DUE: [&str; 2] = ["2026-11-23T12:00:00Z", "2026-11-23T12:15:00Z"];
/// Minutes from a lesson to the quiet hours, which begin at 18:00.
const OPEN: i64 = 15;
const AN_HOUR: i64 = Instant::HOUR;
/// Messages that are on their way at once: so many may overtake each other.
const AT_ONCE: f64 = 32.0;

const HOURS: &str = "working_days = \"Mon-Sun\"\nworking_hours = \"08:00-20:00\"\n\
                     [nudges]\nquiet_hours = \"18:00-08:00\"\nafter_activity = \"0s\"\n";

/// A lesson as it came.
struct Came {
    person: usize,
    /// The business clock's minute.
    minute: Instant,
}

/// More people than can be written to before the quiet hours of the first zone, and some in the second.
pub async fn dropped(plan: &Plan) -> Result<Figures> {
    let most = plan.of(400, 6);
    // In fifteen minutes the limit lets six thousand out.
    let zones = [(plan.of(7_000, 8), ZONES[0]), (plan.of(3_000, 2), ZONES[1])];
    let setup = Setup { zones: &zones, hours: HOURS, serve: &["serve", "--clock", "manual"], ..Setup::USUAL };
    let mut world = World::open(plan, &setup).await?;
    teach(plan, &world)?;
    move_to(&world, Instant::parse(DUE[0])?.plus(-2 * AN_HOUR)).await?;
    join(&mut world).await?;
    let lasts = Duration::from_secs(if plan.quick { 2 } else { 8 });
    world.slack.limits(most, lasts);
    let mut next = world.slack.count();
    let (first, people) = (Instant::parse(DUE[0])?, world.people);
    move_to(&world, first.plus(-Instant::SECOND)).await?;
    let mut came: Vec<Came> = Vec::new();
    let (mut minutes, mut allowed) = (Vec::new(), 0.0_f64);
    // Until both are through, and the first minutes of the quiet hours of the second.
    let (last, quiet_again) = if plan.quick { (2, OPEN..OPEN + 2) } else { (OPEN + 9, OPEN * 2 - 1..OPEN * 2 + 2) };
    for minute in (0..last).chain(quiet_again) {
        let now = first.plus(minute * 60 * Instant::SECOND);
        let before = came.len();
        let waits = waiting(&came, now, &zones) as f64;
        // Moving the clock may take longer than a minute lasts, when there is much to do.
        let lasted = a_minute(&world, now, lasts, &mut next, &mut came).await?;
        allowed += waits.min(most as f64 * lasted.as_secs_f64() / lasts.as_secs_f64());
        minutes.push(came.len() - before);
    }
    let that_day = came.len();
    tell(&format!("in each minute: {minutes:?}"));
    let late = came.iter().filter(|c| c.minute >= quiet(c.person, &zones)).count();
    let overtaken = overtaken(&came, zones[0].0);
    // On the next day who got nothing gets the lesson; nobody gets it twice.
    for minute in 0..OPEN {
        if came.len() >= people {
            break;
        }
        let now = first.plus(Instant::DAY + minute * 60 * Instant::SECOND);
        a_minute(&world, now, lasts, &mut next, &mut came).await?;
    }
    let mut times: HashMap<usize, usize> = HashMap::new();
    for one in &came {
        *times.entry(one.person).or_default() += 1;
    }
    let name = |what: &str| format!("{people} lessons at {most} messages a minute: {what}");
    let figures = vec![
        Figure::count(name("sent before the quiet hours"), that_day, Wanted::Context),
        Figure::new(
            name("share of what Slack allows, while some waited"),
            100.0 * that_day as f64 / allowed.max(1.0),
            "%",
            Wanted::AtLeast(90.0),
        ),
        Figure::count(name("refused by Slack with 429"), world.slack.told_to_wait(), Wanted::Context),
        Figure::count(name("in quiet hours"), late, Wanted::None),
        Figure::count(name("later than one that was due later"), overtaken, Wanted::AtMost(AT_ONCE)),
        Figure::count(name("never sent"), people - times.len(), Wanted::None),
        Figure::count(name("sent twice"), times.values().filter(|n| **n > 1).count(), Wanted::None),
    ];
    world.ends()?;
    Ok(figures)
}

/// A track of one lesson.
fn teach(plan: &Plan, world: &World) -> Result<()> {
    let track = world.dir.path().join("tracks/tea");
    std::fs::create_dir_all(&track)?;
    let about = format!("title = \"Tea\"\ndescription = \"How we make it\"\ntime = \"{LESSON}\"\n");
    std::fs::write(track.join("track.toml"), about)?;
    let lesson = "+++\ntitle = \"Water and leaves\"\n[[question]]\nprompt = \"How hot?\"\noptions = [\"60\", \"90\"]\n\
                  answer = 1\nwhy = \"Black tea needs it.\"\n+++\nBoil it, then wait a minute.\n";
    std::fs::write(track.join("01-water.md"), lesson)?;
    stoa_tests::said(&plan.stoa, world.dir.path(), &["lessons", "apply", "tracks"])?;
    Ok(())
}

/// Everybody joins it.
async fn join(world: &mut World) -> Result<()> {
    let begun = monotonic();
    let everybody: Vec<usize> = (0..world.people).collect();
    for some in everybody.chunks(500) {
        let joins = some.iter().map(|n| world.slack.person(&Slack::nth_person(*n)).says_dm("learn join tea"));
        let joins: Vec<usize> = joins.collect();
        world.answered(&joins).await?;
    }
    tell(&format!("{} people joined in {:.1} s", world.people, begun.elapsed().as_secs_f64()));
    Ok(())
}

async fn move_to(world: &World, to: Instant) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let asked = json!({ "to": to.rfc3339() });
    let answer = http.post(format!("{}/control/clock", world.server.url)).json(&asked).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "the clock does not move: {status} {}", answer.text().await?);
    Ok(())
}

/// Lets the clock show a minute for as long as one lasts here. Gives how long that was.
async fn a_minute(
    world: &World,
    now: Instant,
    lasts: Duration,
    next: &mut usize,
    came: &mut Vec<Came>,
) -> Result<Duration> {
    let begun = monotonic();
    // What comes while the clock is moved came in the minute before.
    move_to(world, now).await?;
    look(world, now.plus(-60 * Instant::SECOND), next, came);
    tokio::time::sleep(lasts.saturating_sub(begun.elapsed())).await;
    look(world, now, next, came);
    Ok(begun.elapsed())
}

fn look(world: &World, minute: Instant, next: &mut usize, came: &mut Vec<Came>) {
    for answer in world.slack.answers_from(*next) {
        *next = answer.number + 1;
        if answer.key.starts_with("drop/") {
            let person = answer.channel.trim_start_matches('D').parse().unwrap_or_default();
            came.push(Came { person, minute });
        }
    }
}

/// When the quiet hours of somebody begin.
fn quiet(person: usize, zones: &[(usize, &str); 2]) -> Instant {
    let due = DUE[usize::from(person >= zones[0].0)];
    Instant::parse(due).map_or(Instant(0), |due| due.plus(OPEN * 60 * Instant::SECOND))
}

/// How many may be written to at an instant and were not.
fn waiting(came: &[Came], now: Instant, zones: &[(usize, &str); 2]) -> usize {
    let mut first = 0;
    let mut all = 0;
    for ((people, _), due) in zones.iter().zip(DUE) {
        let whose = first..first + people;
        let open = Instant::parse(due).is_ok_and(|due| due <= now && now < quiet(first, zones));
        if open {
            all += people - came.iter().filter(|c| whose.contains(&c.person)).count();
        }
        first += people;
    }
    all
}

/// How many of the first zone came after somebody of the second, whose lesson was due later.
fn overtaken(came: &[Came], first_zone: usize) -> usize {
    let later = came.iter().skip_while(|c| c.person < first_zone);
    later.filter(|c| c.person < first_zone).count()
}
