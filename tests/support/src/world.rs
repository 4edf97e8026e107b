//! A store with people, servers over it, and the chat that they are bridged to, under load: for tests of what happens when
//! a part of it fails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::join_all;
use stoa_ground::clock::monotonic;
use stoa_ground::{Clock, Db, args};

use crate::{Chat, FarEnd, free_port, status_of, stoa};

const SECRET: &str = "a secret of sixteen and more";
/// Employees with an account on the bridge.
pub const PEOPLE: usize = 24;
/// Clients that post events at the same time.
const CLIENTS: usize = 12;
/// The longest that everything may take to arrive after the last trouble: two leases and some.
const PATIENCE: Duration = Duration::from_secs(180);

/// One `stoa serve`. It is killed with its value.
pub struct Replica {
    /// Its working directory, with `stoa.toml` and its log.
    pub dir: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// A shell command in front of the server's own.
    pub shell: Option<String>,
    stoa: &'static str,
    child: Option<Child>,
}

impl Replica {
    /// Starts it and waits until it is ready.
    pub async fn start(&mut self) -> Result<()> {
        let mut command = match &self.shell {
            Some(shell) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("{shell}; exec \"$0\" serve")).arg(self.stoa);
                command
            }
            None => {
                let mut command = Command::new(self.stoa);
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

    /// What it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(&mut self) -> Result<()> {
        self.signal("TERM")?;
        if let Some(mut child) = self.child.take() {
            ensure!(child.wait()?.success(), "the server did not stop well: {}", self.log());
        }
        Ok(())
    }

    /// Sends it a signal, for example `STOP` and `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        if let Some(child) = &self.child {
            let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status()?;
            ensure!(sent.success(), "the server could not be sent {name}");
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

/// How a world is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The program.
    pub stoa: &'static str,
    /// The database's URL; without it a SQLite file in the first server's folder.
    pub database: Option<String>,
    /// How many servers, at least one.
    pub replicas: usize,
    /// The folder of the only server, where it must be a certain one.
    pub dir: Option<PathBuf>,
    /// `[database] lease`, where it is not the usual one.
    pub lease: Option<&'static str>,
}

/// A store with people, servers over it, and the chat that they are bridged to.
pub struct World {
    /// The chat.
    pub far: FarEnd,
    /// The servers.
    pub replicas: Vec<Replica>,
    /// The database's URL.
    pub database: String,
    chat: Chat,
    posts: Arc<Load>,
    mandated: bool,
    _dirs: Vec<tempfile::TempDir>,
}

/// What the clients know: where to post, and what was acknowledged.
struct Load {
    urls: RwLock<Vec<String>>,
    next: AtomicUsize,
    acknowledged: Mutex<BTreeMap<String, (&'static str, String)>>,
    refused: AtomicUsize,
    paused: AtomicBool,
    stop: AtomicBool,
}

impl World {
    /// Prepares the store and the servers; none of them is started.
    pub async fn new(setup: Setup) -> Result<Self> {
        let far = FarEnd::open(SECRET).await?;
        let (mut dirs, mut servers) = (Vec::new(), Vec::new());
        let mut database = setup.database.unwrap_or_default();
        for n in 0..setup.replicas.max(1) {
            let dir = match &setup.dir {
                Some(dir) => dir.clone(),
                None => {
                    let dir = tempfile::tempdir()?;
                    let path = dir.path().to_owned();
                    dirs.push(dir);
                    path
                }
            };
            if database.is_empty() {
                database = format!("sqlite://{}", dir.join("stoa.db").display());
            }
            // So that the sessions of one server can be told from those of another.
            let url = if database.starts_with("postgres") {
                format!("{database}?application_name=replica{n}")
            } else {
                database.clone()
            };
            // All replicas have the keys of evidence that the first one made.
            let keys = servers.first().map_or(&dir, |first: &Replica| &first.dir).display().to_string();
            let (port, lease) = (free_port()?, setup.lease.unwrap_or("60s"));
            let config = format!(
                "[database]\nurl = \"{url}\"\nlease = \"{lease}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n\
                 [organisation]\nname = \"Test\"\niri = \"https://learn.example.org\"\nworking_days = \"Mon-Sun\"\n\
                 working_hours = \"00:00-24:00\"\n[nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n\
                 [evidence]\nsigning_key_file = \"{keys}/signing.key\"\nmaster_key_file = \"{keys}/master.key\"\n\
                 [[bridge]]\nname = \"chat\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n",
                far.url
            );
            std::fs::write(dir.join("stoa.toml"), config)?;
            let url = format!("http://127.0.0.1:{port}");
            servers.push(Replica { dir, url, stoa: setup.stoa, child: None, shell: None });
        }
        let posts = Load {
            urls: RwLock::new(servers.iter().map(|s| s.url.clone()).collect()),
            next: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            refused: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        };
        let chat = Chat::new("chat", SECRET)?;
        let world =
            Self { far, chat, database, replicas: servers, posts: Arc::new(posts), mandated: false, _dirs: dirs };
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
        self.run(&["people", "import", "roster.csv"])?;
        for n in 0..PEOPLE {
            self.run(&["people", "account", &format!("E{n}"), "chat", &format!("u{n}")])?;
        }
        Ok(())
    }

    /// Gives everybody a mandatory course, by the commands that an operator gives.
    pub fn mandate(&mut self) -> Result<()> {
        let dir = &self.replicas[0].dir;
        std::fs::create_dir_all(dir.join("courses/safety"))?;
        let course = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
        std::fs::write(dir.join("courses/safety/course.toml"), course)?;
        std::fs::write(dir.join("courses/safety/01-why.md"), "# Why\n\nBecause it matters to all of us.\n")?;
        let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\n\
                           audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
        std::fs::write(dir.join("safety.toml"), requirement)?;
        self.run(&["training", "courses", "courses"])?;
        self.run(&["training", "apply", "safety.toml"])?;
        self.mandated = true;
        Ok(())
    }

    /// Runs a command beside the first server, and gives what it printed.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let first = &self.replicas[0];
        let out = stoa(first.stoa, &first.dir, args)?;
        ensure!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Starts all servers.
    pub async fn start(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            replica.start().await?;
        }
        Ok(())
    }

    /// Stops all servers, as an operator does.
    pub fn stop(&mut self) -> Result<()> {
        self.replicas.iter_mut().try_for_each(Replica::stop)
    }

    /// The servers that clients post to, by their number: what stands before them notices that one does not answer.
    pub fn reachable(&self, which: &[usize]) {
        let urls = which.iter().map(|n| self.replicas[*n].url.clone()).collect();
        *self.posts.urls.write().unwrap_or_else(PoisonError::into_inner) = urls;
    }

    /// Clients that post events, each until it is acknowledged, until they are told to stop.
    #[must_use]
    pub fn load(&self) -> Vec<tokio::task::JoinHandle<()>> {
        self.posts.stop.store(false, Ordering::SeqCst);
        (0..CLIENTS).map(|_| tokio::spawn(client(self.chat.clone(), self.posts.clone()))).collect()
    }

    /// Lets the clients begin nothing new for a while, or go on.
    pub fn pause(&self, yes: bool) {
        self.posts.paused.store(yes, Ordering::SeqCst);
    }

    /// How many events were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.posts.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many attempts to post were refused or cut off.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.posts.refused.load(Ordering::SeqCst)
    }

    /// Waits until so many more events were acknowledged.
    pub async fn more(&self, events: usize) -> Result<()> {
        let until = self.acknowledged() + events;
        for _ in 0..PATIENCE.as_millis() / 5 {
            if self.acknowledged() >= until {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("no more events are acknowledged: {}", self.replicas[0].log())
    }

    /// Tells the clients to stop and waits for them.
    pub async fn rest(&self, clients: Vec<tokio::task::JoinHandle<()>>) -> Result<()> {
        self.posts.stop.store(true, Ordering::SeqCst);
        for ended in join_all(clients).await {
            ended?;
        }
        Ok(())
    }

    /// Waits until nothing is under way, and counts: each acknowledged event had its effect once, and each message stands
    /// once at the far end. Prints the numbers after `what`.
    pub async fn count(&self, what: &str) -> Result<()> {
        let db = Db::open_read_only(&self.database, Clock::system()).await?;
        let number = async |sql: &'static str| -> Result<i64> {
            Ok(db.opt(sql, args![db.clock().now()]).await?.map_or(Ok(0), |r| r.get::<i64>("n"))?)
        };
        // What the arbiter has put off is not under way. A reply always is, whatever its server's clock says.
        let under_way = "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'new')
                         + (SELECT COUNT(*) FROM outbox
                            WHERE state = 'sending' OR (state = 'queued' AND (due <= $1 OR key LIKE 'reply/%'))
                               OR (state = 'posted' AND revise > 0)) AS n";
        let start = monotonic();
        for left in (0..PATIENCE.as_millis() / 100).rev() {
            let n = number(under_way).await?;
            if n == 0 {
                break;
            }
            ensure!(left > 0, "{n} events and messages are still under way: {}", self.replicas[0].log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let settled = start.elapsed();
        let parked = "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'parked' AND $1 = $1)
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
        let statements = number("SELECT COUNT(*) AS n FROM statement WHERE $1 = $1").await?;
        let did = done.keys().filter(|text| text.starts_with("did")).count();
        // A question makes a statement as well, whether its acknowledgement arrived or not.
        let asked = number("SELECT COUNT(*) AS n FROM inbox WHERE body LIKE '%\"word\":\"ask\"%' AND $1 = $1").await?;
        let assigned = number("SELECT COUNT(*) AS n FROM assignment WHERE $1 = $1").await?;
        let told = posted.keys().filter(|key| key.starts_with("nudge/")).count();
        let expected = if self.mandated { PEOPLE } else { 0 };
        ensure!(assigned == i64::try_from(expected)?, "{assigned} assignments for {expected} people");
        ensure!(told == expected, "{told} of {expected} people were told of the course");
        ensure!(
            statements == i64::try_from(did)? + asked + assigned,
            "{did} deeds, {asked} questions, {assigned} assignments and {statements} statements"
        );
        ensure!(!acknowledged.is_empty(), "nothing was acknowledged");
        println!(
            "{what}, {}: {} events acknowledged, {} attempts refused or cut off, {} messages posted, {statements} statements; \
             all was done {:.1} s after the last event",
            if self.database.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" },
            acknowledged.len(),
            self.posts.refused.load(Ordering::SeqCst),
            posted.len(),
            settled.as_secs_f64(),
        );
        db.close().await;
        Ok(())
    }
}

/// Posts events one after the other; each again and again under its key until it is acknowledged.
async fn client(chat: Chat, load: Arc<Load>) {
    while !load.stop.load(Ordering::SeqCst) {
        if load.paused.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
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
