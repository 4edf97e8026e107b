//! Nothing lost, nothing twice: `kill -9` under load, a far end that fails, a full disk.
//!
//! In short form these run with all tests. `STOA_TEST_KILLS=50` is the long form, `STOA_TEST_SEED=N` repeats a run, and
//! `tests/crash 50` does both engines. PostgreSQL needs the server that `tests/postgres` starts.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use stoa_ground::{Clock, Instant, testing};
use stoa_tests::{Disk, Mood, PEOPLE, Setup, World, status_of, stoa};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

/// Deterministic choices, so that a run can be repeated.
struct Dice(Clock);

impl Dice {
    fn new() -> Self {
        let seed = std::env::var("STOA_TEST_SEED").ok().and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or_else(stoa_ground::clock::noise);
        println!("STOA_TEST_SEED={seed}");
        Self(Clock::seeded(Instant(0), seed))
    }

    /// A number from `from` up to and without `to`.
    fn between(&self, from: u64, to: u64) -> u64 {
        let [a, b, c, d, ..] = self.0.random();
        from + u64::from(u32::from_le_bytes([a, b, c, d])) % (to - from)
    }
}

/// How many times the server is killed.
fn kills() -> u64 {
    std::env::var("STOA_TEST_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(3)
}

/// One server on SQLite.
fn sqlite() -> Setup {
    Setup { stoa: STOA, replicas: 1, ..Setup::default() }
}

/// Two servers on a PostgreSQL database of their own; none where no server runs, which is said.
async fn postgres() -> Option<Setup> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return None;
    }
    Some(Setup { stoa: STOA, database: Some(testing::empty_database().await), replicas: 2, ..Setup::default() })
}

/// Kills servers in turn under load, and counts.
async fn kill_again_and_again(setup: Setup) -> Result<()> {
    let (dice, mut world) = (Dice::new(), World::new(setup).await?);
    world.start().await?;
    let clients = world.load();
    for n in 0..kills() {
        if n == kills() / 2 {
            // A command beside the servers, with effects of its own for everybody.
            world.mandate()?;
        }
        world.more(usize::try_from(dice.between(20, 200))?).await?;
        tokio::time::sleep(Duration::from_millis(dice.between(0, 40))).await;
        let victim = usize::try_from(dice.between(0, u64::try_from(world.replicas.len())?))?;
        world.replicas[victim].kill()?;
        // Sometimes the others carry on alone for a while.
        tokio::time::sleep(Duration::from_millis(dice.between(0, 300))).await;
        world.replicas[victim].start().await?;
    }
    world.more(50).await?;
    world.rest(clients).await?;
    world.count(&format!("{} kills", kills())).await?;
    world.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_under_load_loses_nothing_and_doubles_nothing() -> Result<()> {
    kill_again_and_again(sqlite()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_with_two_replicas_on_postgres() -> Result<()> {
    let Some(setup) = postgres().await else { return Ok(()) };
    // The short form does not wait a minute for what a killed server had.
    let lease = (kills() < 10).then_some("5s");
    kill_again_and_again(Setup { lease, ..setup }).await
}

/// A far end that fails in every way, and comes back each time.
async fn fail_far_away(setup: Setup) -> Result<()> {
    let mut world = World::new(setup).await?;
    world.start().await?;
    for mood in [Mood::Failing, Mood::Busy, Mood::Silent] {
        let clients = world.load();
        world.more(30).await?;
        world.far.set(mood);
        let requests = world.far.requests();
        world.more(60).await?;
        world.rest(clients).await?;
        // Until it was tried in this mood a good many times: when it is silent, until the first time-outs.
        let tries = PEOPLE * 3 / 2;
        for left in (0..600).rev() {
            if world.far.requests() >= requests + tries {
                break;
            }
            ensure!(left > 0, "nothing is sent while the far end is {mood:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if mood == Mood::Silent {
            // A crash while nobody answers: what was under way is uncertain twice.
            world.replicas[0].kill()?;
            world.replicas[0].start().await?;
        }
        world.far.set(Mood::Good);
    }
    let clients = world.load();
    world.more(30).await?;
    world.rest(clients).await?;
    world.count("500, 429 and no answer at all").await?;
    world.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_fails_gets_everything_once_when_it_is_back() -> Result<()> {
    fail_far_away(sqlite()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_fails_gets_everything_once_from_two_replicas() -> Result<()> {
    let Some(setup) = postgres().await else { return Ok(()) };
    fail_far_away(Setup { lease: Some("5s"), ..setup }).await
}

/// Posts until nothing is acknowledged any more: the disk is full.
async fn fill(world: &World) -> Result<()> {
    let clients = world.load();
    let mut last = (world.acknowledged(), 0);
    for _ in 0..3_000 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = world.acknowledged();
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        if last.1 > 50 && now > 0 {
            ensure!(world.refused() > 0, "nothing was refused");
            return world.rest(clients).await;
        }
    }
    bail!("the disk did not become full: {} events are acknowledged", last.0)
}

/// Whether a server with a full disk says so to whoever watches it: its last bytes may take a row yet.
async fn says_that_it_is_not_ready(server: &str) -> Result<()> {
    for _ in 0..120 {
        if status_of(&format!("{server}/readyz")).await? == 503 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("a server whose disk is full says that it is ready")
}

/// Posts again where there is room again, and counts.
async fn go_on(world: &mut World, what: &str) -> Result<()> {
    let before = world.acknowledged();
    let clients = world.load();
    world.more(50).await?;
    world.rest(clients).await?;
    ensure!(world.acknowledged() > before);
    world.count(what).await?;
    world.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_acknowledgements_and_loses_nothing() -> Result<()> {
    let disk = Disk::mount("8m")?;
    let mut world = World::new(Setup { dir: disk.as_ref().map(|d| d.path().to_owned()), ..sqlite() }).await?;
    let handbook = tempfile::tempdir()?;
    let config = world.replicas[0].dir.join("stoa.toml");
    let source = format!(
        "[[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"{}\"\nreaders = [\"everyone\"]\n",
        handbook.path().display()
    );
    std::fs::write(&config, std::fs::read_to_string(&config)? + &source)?;
    if disk.is_none() {
        println!("no disk can be mounted here: a limit on the size of files stands in for it");
        // In blocks of 512 bytes; the signal would end the server before it can refuse.
        world.replicas[0].shell = Some("trap '' XFSZ; ulimit -f 6000".into());
    }
    world.start().await?;
    fill(&world).await?;
    says_that_it_is_not_ready(&world.replicas[0].url).await?;
    let page = "# Winter boots\n\nWinter boots are waxed with beeswax every second Thursday.\n";
    std::fs::write(handbook.path().join("boots.md"), page)?;
    // There may be no room for it.
    stoa(STOA, &world.replicas[0].dir, &["library", "sync"])?;
    match &disk {
        Some(disk) => disk.resize("64m")?,
        None => {
            // The limit cannot be lifted from a process that runs.
            world.replicas[0].shell = None;
            world.replicas[0].kill()?;
            world.replicas[0].start().await?;
        }
    }
    world.run(&["library", "sync"])?;
    for left in (0..60).rev() {
        if world.run(&["ask", "What are winter boots waxed with?"])?.contains("beeswax") {
            break;
        }
        ensure!(left > 0, "the new page is not found, although there is room: {}", world.replicas[0].log());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    go_on(&mut world, "disk full").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_stops_the_acknowledgements_and_loses_nothing() -> Result<()> {
    let Some(setup) = postgres().await else { return Ok(()) };
    let Some(disk) = Disk::mount("16m")? else {
        println!("NOT RUN: no disk can be mounted here");
        return Ok(());
    };
    // The tables get a disk of their own: PostgreSQL's log needs another, since without that the whole server stops.
    let database = setup.database.clone().unwrap_or_default();
    let (space, folder) = (testing::database_of(&database), disk.path().join("tables"));
    std::fs::create_dir(&folder)?;
    ensure!(disk.give_to("postgres"), "the server cannot use the disk");
    testing::administer(&format!("CREATE TABLESPACE {space} LOCATION '{}'", folder.display())).await;
    testing::administer(&format!("ALTER DATABASE {space} SET TABLESPACE {space}")).await;
    let mut world = World::new(Setup { lease: Some("5s"), ..setup }).await?;
    world.start().await?;
    fill(&world).await?;
    disk.resize("128m")?;
    go_on(&mut world, "disk of the tables full").await?;
    testing::administer(&format!("DROP DATABASE {space} WITH (FORCE)")).await;
    testing::administer(&format!("DROP TABLESPACE {space}")).await;
    Ok(())
}
