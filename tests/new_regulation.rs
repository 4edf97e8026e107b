//! A new regulation, from its first words in chat to a pack that an auditor verifies: the real binary, a chat behind a
//! bridge, two people who bring it into force, and three who have to do it. PostgreSQL needs the server that
//! `tests/postgres` starts.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use stoa_ground::testing;
use stoa_tests::{Chat, FarEnd, Post, Server};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
const SECRET: &str = "a secret of sixteen and more";

const ROSTER: &str = "employee_id,name,manager_employee_id,department,timezone,stoa_roles\n\
                      E1,Lena,,Learning,UTC,learning\n\
                      E2,Ida,,Law,UTC,approver\n\
                      E3,Max,,Port,UTC,\n\
                      E4,Ana,E3,Port,UTC,\n\
                      E5,Ben,E3,Port,UTC,\n\
                      E6,Con,E3,Port,UTC,\n";

/// Who writes under which account.
const PEOPLE: [(&str, &str); 6] =
    [("E1", "lena"), ("E2", "ida"), ("E3", "max"), ("E4", "ana"), ("E5", "ben"), ("E6", "con")];

/// The binary in a folder, and the chat that it is bridged to.
struct Room {
    far: FarEnd,
    chat: Chat,
    server: Server,
    dir: tempfile::TempDir,
    events: AtomicUsize,
}

impl Room {
    async fn open(database: Option<String>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let far = FarEnd::open(SECRET).await?;
        let database = database.map_or_else(String::new, |url| format!("[database]\nurl = \"{url}\"\n"));
        let config = format!(
            "{database}[organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n\
             [[bridge]]\nname = \"chat\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n",
            far.url
        );
        std::fs::write(dir.path().join("stoa.toml"), config)?;
        std::fs::write(dir.path().join("roster.csv"), ROSTER)?;
        let course = dir.path().join("courses/port-rules");
        std::fs::create_dir_all(&course)?;
        let toml = "id = \"port-rules\"\ntitle = \"Port rules\"\nattestation = \"I have read the port rules.\"\n";
        std::fs::write(course.join("course.toml"), toml)?;
        std::fs::write(course.join("01-gate.md"), "# The gate\n\nOnly the port officer opens it.\n")?;
        let server = Server::start(STOA, dir.path(), &["serve", "--clock", "manual"])?;
        let room = Self { far, chat: Chat::new("chat", SECRET)?, server, dir, events: AtomicUsize::new(0) };
        room.run(&["people", "import", "roster.csv"])?;
        for (employee, account) in PEOPLE {
            room.run(&["people", "account", employee, "chat", account])?;
        }
        room.run(&["training", "courses", "courses"])?;
        Ok(room)
    }

    /// A command beside the server.
    fn run(&self, args: &[&str]) -> Result<String> {
        let (ok, said) = stoa_tests::run(STOA, self.dir.path(), args)?;
        ensure!(ok, "{args:?}: {said}");
        Ok(said)
    }

    /// Posts an event of a user and gives what the platform shows at once.
    async fn event(&self, user: &str, event: Value) -> Result<Value> {
        let n = self.events.fetch_add(1, Ordering::SeqCst);
        let mut all = Chat::command(&format!("e{n}"), user, "help", "");
        all["event"] = event;
        let (status, answer) = self.chat.post(&self.server.url, &all).await?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(answer)
    }

    /// What stands in a user's conversation, the newest last.
    fn posts(&self, user: &str) -> Vec<Post> {
        self.far.posts().into_iter().filter(|p| p.channel == format!("dm-{user}")).collect()
    }

    /// Waits until a message to a user says this, and gives it.
    async fn sees(&self, user: &str, text: &str) -> Result<Post> {
        for _ in 0..600 {
            if let Some(post) = self.posts(user).into_iter().rfind(|p| p.text.contains(text)) {
                return Ok(post);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{user} does not see “{text}”: {:#?}", self.posts(user).iter().map(|p| &p.text).collect::<Vec<_>>())
    }

    /// Says a command line.
    async fn says(&self, user: &str, line: &str) -> Result<()> {
        let (word, args) = line.split_once(' ').unwrap_or((line, ""));
        self.event(user, json!({ "command": { "word": word, "args": args } })).await?;
        Ok(())
    }

    /// Presses the button under a message whose label this is.
    async fn presses(&self, user: &str, post: &Post, label: &str) -> Result<Value> {
        let command = command(post, label)?;
        self.event(user, json!({ "action": { "command": command, "message": post.id } })).await
    }

    /// Presses a button that opens a form, and sends it.
    async fn fills(&self, user: &str, post: &Post, label: &str, values: &[(&str, &str)]) -> Result<()> {
        let form = self.presses(user, post, label).await?;
        self.sends(user, &form, values).await
    }

    async fn sends(&self, user: &str, answer: &Value, values: &[(&str, &str)]) -> Result<()> {
        let command = answer["form"]["command"].as_str().with_context(|| format!("a form: {answer}"))?;
        let fields: Vec<&str> =
            answer["form"]["fields"].as_array().into_iter().flatten().filter_map(|f| f["name"].as_str()).collect();
        ensure!(values.iter().all(|(name, _)| fields.contains(name)), "the form asks for {fields:?}");
        let values: serde_json::Map<String, Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let sent = self.event(user, json!({ "submit": { "command": command, "values": values } })).await?;
        ensure!(sent["errors"].is_null(), "{sent}");
        Ok(())
    }

    /// Takes the course from its first page to the name.
    async fn takes(&self, user: &str, name: &str) -> Result<()> {
        self.says(user, "training").await?;
        let list = self.sees(user, "Your training").await?;
        self.presses(user, &list, "Start").await?;
        let page = self.sees(user, "Only the port officer opens it").await?;
        self.presses(user, &page, "I have read it").await?;
        let sign = self.sees(user, "please confirm with your name").await?;
        self.fills(user, &sign, "Confirm", &[("name", name)]).await?;
        self.sees(user, "completed on").await?;
        Ok(())
    }

    /// Moves the clock, through everything that is due on the way.
    fn until(&self, instant: &str) -> Result<()> {
        self.server.until(instant)
    }
}

/// The command of the button with this label.
fn command(post: &Post, label: &str) -> Result<String> {
    let start = format!("[{label}: ");
    let found = post.text.lines().find_map(|l| l.strip_prefix(&start)?.strip_suffix(']').map(str::to_owned));
    found.with_context(|| format!("there is no button “{label}” under: {}", post.text))
}

async fn from_draft_to_pack(database: Option<String>) -> Result<()> {
    let mut room = Room::open(database).await?;
    room.until("2026-11-23T09:00:00Z")?;

    // What the learning team does, step by step. Six are allowed from the draft to assigned and monitored.
    let mut steps = 0;
    steps += 1;
    let form = room.event("lena", json!({ "command": { "word": "training", "args": "new" } })).await?;
    steps += 1;
    let values = [
        ("course", "port-rules"),
        ("title", "Port rules 2027"),
        ("audience", "department = \"Port\""),
        ("due", "14 days"),
        ("steps", "usual"),
    ];
    room.sends("lena", &form, &values).await?;
    let preview = room.sees("lena", "It means 4 people").await?;
    ensure!(preview.text.contains("people whose department is Port"), "{}", preview.text);
    steps += 1;
    room.fills("lena", &preview, "Ask for approval", &[("reason", "The port authority asks for it from January")])
        .await?;
    room.sees("lena", "I have asked Ida").await?;
    // The second person.
    let asked = room.sees("ida", "asks for the new requirement").await?;
    ensure!(asked.text.contains("It means 4 people"), "the approver sees whom it concerns: {}", asked.text);
    ensure!(room.posts("ana").is_empty(), "nobody hears of it before");
    steps += 1;
    room.presses("ida", &asked, "Approve").await?;
    steps += 1;
    let told = room.sees("lena", "Ida has approved").await?;
    for user in ["max", "ana", "ben", "con"] {
        room.sees(user, "New for you: Port rules 2027").await?;
    }
    room.presses("lena", &told, "Status").await?;
    room.sees("lena", "0 of 4 done, 0 overdue").await?;
    ensure!(steps <= 6, "{steps} steps");
    println!("from the draft to assigned and monitored: {steps} steps, one of them by the approver");

    // Assigned. Ana does it, Ben asks for more time, Con forgets.
    room.takes("ana", "Ana").await?;
    room.says("ben", "training").await?;
    let list = room.sees("ben", "Ask for …").await?;
    let more = [("what", "extension"), ("until", "2026-12-18"), ("reason", "I am at the other quay until then")];
    room.fills("ben", &list, "Ask for …", &more).await?;
    room.sees("ben", "I have asked Max").await?;
    // Max has just had a message; the next one comes three hours later.
    room.until("2026-11-23T12:30:00Z")?;
    let wish = room.sees("max", "asks for more time").await?;
    room.presses("max", &wish, "Approve").await?;
    room.until("2026-11-24T12:00:00Z")?;
    room.sees("ben", "Max has approved").await?;
    // Max himself does his at once, so that he may hear of others.
    room.takes("max", "Max").await?;

    // Reminded, overdue, escalated.
    room.until("2026-12-01T12:00:00Z")?;
    room.sees("con", "Still open: Port rules 2027").await?;
    room.until("2026-12-14T12:00:00Z")?;
    room.sees("con", "is overdue; it was due").await?;
    let digest = room.sees("max", "Your team’s required training").await?;
    ensure!(digest.text.contains("Con") && !digest.text.contains("Ana"), "{}", digest.text);
    ensure!(!digest.text.contains("Ben: Port rules 2027, "), "the extension holds: {}", digest.text);
    room.until("2026-12-21T12:00:00Z")?;
    let escalated = room.sees("lena", "Passed on to you").await?;
    ensure!(escalated.text.contains("Con"), "{}", escalated.text);

    // Completed at last; Ben's ends with an exemption.
    room.takes("con", "Con").await?;
    room.says("ben", "training").await?;
    let list = room.sees("ben", "overdue, was due").await?;
    let wish = [("what", "exemption"), ("until", ""), ("reason", "I have moved to the office for good")];
    room.fills("ben", &list, "Ask for …", &wish).await?;
    let asked = room.sees("ida", "asks for an exemption").await?;
    room.presses("ida", &asked, "Approve").await?;
    room.until("2026-12-22T12:00:00Z")?;
    room.sees("ben", "Ida has approved").await?;
    let status = room.run(&["training", "status", "--requirement", "port-rules", "--json"])?;
    let states: Vec<String> = status
        .lines()
        .map(|l| Ok(serde_json::from_str::<Value>(l)?["state"].as_str().unwrap_or_default().to_owned()))
        .collect::<Result<_>>()?;
    ensure!(states.iter().filter(|s| *s == "completed").count() == 3, "{status}");
    ensure!(states.iter().filter(|s| *s == "exempt").count() == 1, "{status}");
    ensure!(room.run(&["training", "requests"])?.contains("No request waits"), "no request is orphaned");
    let requests = room.run(&["training", "requests", "--all", "--json"])?;
    ensure!(requests.lines().count() == 3 && !requests.contains("\"state\":\"open\""), "{requests}");

    // The pack.
    room.run(&["audit", "checkpoint"])?;
    room.run(&["audit", "export", "pack", "--requirement", "port-rules"])?;
    let key = room.run(&["audit", "key", "show", "--json"])?;
    let key: Value = serde_json::from_str(key.lines().next().context("a key")?)?;
    let key = key["key"].as_str().context("a public key")?;
    let verdict = room.run(&["audit", "verify", "pack", "--key", key])?;
    ensure!(verdict.contains("VALID"), "{verdict}");
    ensure!(Path::new(&room.dir.path().join("pack")).is_dir());
    ensure!(room.far.forged().is_empty());
    ensure!(room.far.counts().values().all(|times| *times == 1), "every message came once");
    ensure!(room.server.stop()?, "the server stops gracefully");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_regulation_from_its_draft_to_a_verified_pack() -> Result<()> {
    from_draft_to_pack(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_regulation_on_postgres() -> Result<()> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return Ok(());
    }
    from_draft_to_pack(Some(testing::empty_database().await)).await
}
