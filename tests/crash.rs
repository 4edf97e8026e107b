//! Nothing lost, nothing twice: the real binary behind a bridge, `kill -9` under load, a far end that fails, a full disk.
//!
//! In short form these run with all tests. `STOA_TEST_KILLS=50` is the long form, `STOA_TEST_SEED=N` repeats a run, and
//! `tests/crash 50` does both engines. PostgreSQL needs the server that `tests/postgres` starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::join_all;
use stoa_ground::{Clock, Db, Instant, args};
use stoa_tests::{Chat, FarEnd, Mood, free_port, status_of, stoa};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
const SECRET: &str = "a secret of sixteen and more";
/// Employees with an account on the bridge.
const PEOPLE: usize = 24;
/// Clients that post events at the same time.
const CLIENTS: usize = 12;
/// The longest that everything may take to arrive after the last trouble: two leases and some.
const PATIENCE: Duration = Duration::from_secs(180);

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

/// One `stoa serve`.
struct Replica {
    dir: PathBuf,
    url: String,
    child: Option<Child>,
    /// A shell command in front of the server's own.
    shell: Option<String>,
}

impl Replica {
    async fn start(&mut self) -> Result<()> {
        let mut command = match &self.shell {
            Some(shell) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("{shell}; exec \"$0\" serve")).arg(STOA);
                command
            }
            None => {
                let mut command = Command::new(STOA);
                command.arg("serve");
                command
            }
        };
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join("log"))?;
        let child = command
            .current_dir(&self.dir)
            .env("STOA_LOG", std::env::var("STOA_LOG").unwrap_or_else(|_| "error".into()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        for _ in 0..600 {
            if status_of(&format!("{}/readyz", self.url)).await.is_ok_and(|status| status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().context("a child")?.try_wait()? {
                bail!("the server ended with {status}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server did not become ready: {}", self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// `kill -9`.
    fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks it to stop and waits for its end.
    fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").arg("-TERM").arg(child.id().to_string()).status()?;
            ensure!(child.wait()?.success(), "the server did not stop well: {}", self.log());
        }
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}

/// A store with people, replicas over it, and the chat that they are bridged to.
struct World {
    far: FarEnd,
    chat: Chat,
    database: String,
    replicas: Vec<Replica>,
    posts: Arc<Load>,
    _dirs: Vec<tempfile::TempDir>,
}

/// What the clients know: where to post, and what was acknowledged.
struct Load {
    urls: RwLock<Vec<String>>,
    next: AtomicUsize,
    acknowledged: Mutex<BTreeMap<String, (&'static str, String)>>,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl World {
    /// Prepares a store at `database` (a SQLite file beside the first replica when absent) with so many replicas.
    async fn new(database: Option<String>, replicas: usize, dir: Option<PathBuf>) -> Result<Self> {
        let far = FarEnd::open(SECRET).await?;
        let mut dirs = Vec::new();
        let mut servers = Vec::new();
        let mut url = database.unwrap_or_default();
        for _ in 0..replicas {
            let path = match &dir {
                Some(dir) => dir.clone(),
                None => {
                    let dir = tempfile::tempdir()?;
                    let path = dir.path().to_owned();
                    dirs.push(dir);
                    path
                }
            };
            if url.is_empty() {
                url = format!("sqlite://{}", path.join("stoa.db").display());
            }
            let port = free_port()?;
            let config = format!(
                "[database]\nurl = \"{url}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n[organisation]\nname = \"Test\"\n\
                 iri = \"https://learn.example.org\"\n[[bridge]]\nname = \"chat\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n",
                far.url
            );
            std::fs::write(path.join("stoa.toml"), config)?;
            let url = format!("http://127.0.0.1:{port}");
            servers.push(Replica { dir: path, url, child: None, shell: None });
        }
        let urls = servers.iter().map(|s| s.url.clone()).collect();
        let posts = Load {
            urls: RwLock::new(urls),
            next: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            refused: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        };
        let chat = Chat::new("chat", SECRET)?;
        let world = Self { far, chat, database: url, replicas: servers, posts: Arc::new(posts), _dirs: dirs };
        world.enrol()?;
        Ok(world)
    }

    /// Imports people and links their accounts, as an operator does.
    fn enrol(&self) -> Result<()> {
        let dir = &self.replicas[0].dir;
        let mut roster = "employee_id,name,email\n".to_owned();
        for n in 0..PEOPLE {
            roster.push_str(&format!("E{n},Person {n},p{n}@example.org\n"));
        }
        std::fs::write(dir.join("roster.csv"), roster)?;
        run(dir, &["people", "import", "roster.csv"])?;
        for n in 0..PEOPLE {
            run(dir, &["people", "account", &format!("E{n}"), "chat", &format!("u{n}")])?;
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            replica.start().await?;
        }
        Ok(())
    }

    /// Clients that post events, each until it is acknowledged, until they are told to stop.
    fn load(&self) -> Vec<tokio::task::JoinHandle<()>> {
        self.posts.stop.store(false, Ordering::SeqCst);
        (0..CLIENTS).map(|_| tokio::spawn(client(self.chat.clone(), self.posts.clone()))).collect()
    }

    fn acknowledged(&self) -> usize {
        self.posts.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many more events were acknowledged.
    async fn more(&self, events: usize) -> Result<()> {
        let until = self.acknowledged() + events;
        for _ in 0..PATIENCE.as_millis() / 5 {
            if self.acknowledged() >= until {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("no more events are acknowledged: {}", self.replicas[0].log())
    }

    async fn rest(&self, clients: Vec<tokio::task::JoinHandle<()>>) -> Result<()> {
        self.posts.stop.store(true, Ordering::SeqCst);
        for ended in join_all(clients).await {
            ended?;
        }
        Ok(())
    }

    /// Waits until nothing is under way, and counts: each acknowledged event had its effect once, and each message stands
    /// once at the far end.
    async fn count(&self) -> Result<()> {
        let db = Db::open_read_only(&self.database, Clock::system()).await?;
        let number = async |sql: &'static str| -> Result<i64> {
            Ok(db.opt(sql, args![]).await?.map_or(Ok(0), |r| r.get::<i64>("n"))?)
        };
        let under_way = "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'new')
                         + (SELECT COUNT(*) FROM outbox WHERE state IN ('queued', 'sending') OR revise = 1) AS n";
        for left in (0..PATIENCE.as_millis() / 100).rev() {
            let n = number(under_way).await?;
            if n == 0 {
                break;
            }
            ensure!(left > 0, "{n} events and messages are still under way: {}", self.replicas[0].log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let parked = "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'parked')
                      + (SELECT COUNT(*) FROM outbox WHERE state = 'parked') AS n";
        ensure!(number(parked).await? == 0, "events or messages were parked: {}", self.replicas[0].log());

        let acknowledged = self.posts.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        for sql in ["SELECT text FROM experience", "SELECT text FROM tip"] {
            for row in db.all(sql, args![]).await? {
                *done.entry(row.get("text")?).or_default() += 1;
            }
        }
        let posted = self.far.counts();
        let mut wrong = Vec::new();
        for (key, (word, text)) in &acknowledged {
            let effects = done.get(text).copied().unwrap_or(0);
            if effects != usize::from(*word != "ask") {
                wrong.push(format!("the event {key} ({word}) had {effects} effects"));
            }
            let replies = posted.get(&format!("reply/chat/{key}/0")).copied().unwrap_or(0);
            if replies != 1 {
                wrong.push(format!("the event {key} ({word}) was answered {replies} times"));
            }
        }
        wrong.extend(done.iter().filter(|(_, n)| **n > 1).map(|(text, n)| format!("'{text}' was done {n} times")));
        wrong.extend(posted.iter().filter(|(_, n)| **n > 1).map(|(key, n)| format!("{key} was posted {n} times")));
        ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
        ensure!(self.far.forged().is_empty(), "{:?}", self.far.forged());
        let statements = number("SELECT COUNT(*) AS n FROM statement").await?;
        let did = done.keys().filter(|text| text.starts_with("did")).count();
        // A question makes a statement as well, whether its acknowledgement arrived or not.
        let asked = number("SELECT COUNT(*) AS n FROM inbox WHERE body LIKE '%\"word\":\"ask\"%'").await?;
        ensure!(
            statements == i64::try_from(did)? + asked,
            "{did} deeds, {asked} questions and {statements} statements"
        );
        ensure!(!acknowledged.is_empty(), "nothing was acknowledged");
        println!(
            "{}: {} events acknowledged, {} attempts refused or cut off, {} messages posted, {statements} statements",
            if self.database.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" },
            acknowledged.len(),
            self.posts.refused.load(Ordering::SeqCst),
            posted.len(),
        );
        db.close().await;
        Ok(())
    }
}

/// Posts events one after the other; each again and again under its key until it is acknowledged.
async fn client(chat: Chat, load: Arc<Load>) {
    while !load.stop.load(Ordering::SeqCst) {
        let n = load.next.fetch_add(1, Ordering::SeqCst);
        let word = ["did", "tip", "ask", "did"][n % 4];
        let (key, text) = (format!("e{n}"), format!("{word} number {n}: sorted the shelf of winter boots"));
        let event = Chat::command(&key, &format!("u{}", n * 7 % PEOPLE), word, &text);
        for attempt in 0.. {
            let url = {
                let urls = load.urls.read().unwrap_or_else(PoisonError::into_inner);
                urls[(n + attempt) % urls.len()].clone()
            };
            match chat.post(&url, &event).await {
                Ok((200, answer)) if answer["key"] == key.as_str() => {
                    let mut acknowledged = load.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                    acknowledged.insert(key, (word, text));
                    break;
                }
                _ => {
                    load.refused.fetch_add(1, Ordering::SeqCst);
                    // An event that was never acknowledged may be lost: nobody counts it.
                    if load.stop.load(Ordering::SeqCst) {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

fn run(dir: &Path, args: &[&str]) -> Result<()> {
    let out = stoa(STOA, dir, args)?;
    ensure!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}

/// Kills replicas in turn under load, and counts.
async fn kill_again_and_again(mut world: World) -> Result<()> {
    let dice = Dice::new();
    world.start().await?;
    let clients = world.load();
    for _ in 0..kills() {
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
    world.count().await?;
    for replica in &mut world.replicas {
        replica.stop()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_under_load_loses_nothing_and_doubles_nothing() -> Result<()> {
    kill_again_and_again(World::new(None, 1, None).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_with_two_replicas_on_postgres() -> Result<()> {
    if std::env::var_os("STOA_TEST_POSTGRES").is_none() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return Ok(());
    }
    let database = stoa_ground::testing::empty_database().await;
    kill_again_and_again(World::new(Some(database), 2, None).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_fails_gets_everything_once_when_it_is_back() -> Result<()> {
    let mut world = World::new(None, 1, None).await?;
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
    world.count().await
}

/// A small disk of its own: a tmpfs where this test may mount one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        Ok(mounted.is_ok_and(|s| s.success()).then(|| Self(dir)))
    }

    fn resize(&self, size: &str) -> Result<()> {
        let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).status()?;
        ensure!(done.success(), "the disk did not grow");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The folder's guard says when it could not be removed.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
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
            return world.rest(clients).await;
        }
    }
    bail!("the disk did not become full: {} events are acknowledged", last.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_acknowledgements_and_loses_nothing() -> Result<()> {
    let disk = Disk::mount("8m")?;
    let mut world = World::new(None, 1, disk.as_ref().map(|d| d.0.path().to_owned())).await?;
    if disk.is_none() {
        println!("no disk can be mounted here: a limit on the size of files stands in for it");
        // In blocks of 512 bytes; the signal would end the server before it can refuse.
        world.replicas[0].shell = Some("trap '' XFSZ; ulimit -f 6000".into());
    }
    world.start().await?;
    fill(&world).await?;
    let before = world.acknowledged();
    ensure!(world.posts.refused.load(Ordering::SeqCst) > 0, "nothing was refused");
    match &disk {
        Some(disk) => disk.resize("64m")?,
        None => world.replicas[0].shell = None,
    }
    world.replicas[0].kill()?;
    world.replicas[0].start().await?;
    let clients = world.load();
    world.more(50).await?;
    world.rest(clients).await?;
    ensure!(world.acknowledged() > before);
    world.count().await
}
