//! Annual harassment prevention, end to end (R30): the real binary, a chat over the bridge, a mail server. Everybody gets the
//! same content and a deadline, signs with a code from the mailbox, asks a trainer, and in the end all of them are done.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use stoa_ground::testing;
use stoa_tests::{Chat, FarEnd, MailServer, Post, Server};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
const SECRET: &str = "a secret of sixteen and more";

const ROSTER: &str = "employee_id,name,email,manager_employee_id,role,status,stoa_roles\n\
E1,Marguerite Okafor,e1@example.org,,Director,active,\n\
E2,Helen Fitzgerald,e2@example.org,,People lead,active,approver\n\
E3,Priya Raman,e3@example.org,,Learning lead,active,learning\n\
E4,Lukas Hartmann,e4@example.org,E1,Engineer,active,\n\
E5,Mei Tanaka,e5@example.org,E1,Engineer,active,\n\
E6,Rohan Deshpande,e6@example.org,E1,Engineer,leave,\n\
E7,Grace Adeyemi,e7@example.org,E1,Care specialist,active,\n";

const COURSE: &str = r#"
id = "respect"
title = "Respect at work"
min_minutes = 2
pass_mark = 0.5
attempts = 2
attestation = "I understand what harassment is and how to report it, and I will keep to the code of conduct."
attestation_level = "mail-code"
answer_days = 2
provider = "Harbour & Pine, People"

[[trainer]]
person = "E2"
qualification = "Ten years of practice in the prevention of harassment"

[[question]]
prompt = "What counts?"
options = ["How it was meant", "How it lands"]
answer = 1

[[question]]
prompt = "A manager hears of it. When is it passed on?"
options = ["Within one working day", "At the end of the month"]
answer = 0
"#;

const REQUIREMENT: &str = r#"
[[requirement]]
id = "respect-2027"
title = "Respect at work 2027"
course = "respect"
audience = "everyone"
due = { date = 2027-01-29 }
attestation = "mail-code"
"#;

/// The organisation with its server, its chat and its mail.
struct Office {
    server: Server,
    far: FarEnd,
    chat: Chat,
    mail: MailServer,
    events: usize,
    dir: tempfile::TempDir,
}

impl Office {
    async fn open(database: Option<String>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let far = FarEnd::open(SECRET).await?;
        let mail = MailServer::open().await?;
        let database = database.unwrap_or_else(|| format!("sqlite://{}", dir.path().join("stoa.db").display()));
        let config = format!(
            "[database]\nurl = \"{database}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[organisation]\nname = \"Harbour & Pine\"\n\
             iri = \"https://learn.example.org\"\n[nudges]\nafter_activity = \"0s\"\nmin_gap = \"0s\"\n\
             [mail]\nsmtp_url = \"{}\"\nfrom = \"Stoa <stoa@example.org>\"\n\
             [[bridge]]\nname = \"chat\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n",
            mail.url, far.url
        );
        std::fs::write(dir.path().join("stoa.toml"), config)?;
        std::fs::write(dir.path().join("roster.csv"), ROSTER)?;
        write_course(dir.path(), COURSE)?;
        std::fs::write(dir.path().join("respect.toml"), REQUIREMENT)?;
        let server = Server::start(STOA, dir.path(), &["serve", "--clock", "manual"])?;
        let chat = Chat::new("chat", SECRET)?;
        Ok(Self { server, far, chat, mail, events: 0, dir })
    }

    fn run(&self, args: &[&str]) -> Result<String> {
        stoa_tests::said(STOA, self.dir.path(), args)
    }

    fn until(&self, instant: &str) -> Result<()> {
        self.server.until(instant)
    }

    fn posts(&self, user: &str) -> Vec<Post> {
        let channel = format!("dm-{user}");
        self.far.posts().into_iter().filter(|p| p.channel == channel).collect()
    }

    /// The newest message to somebody that says this, once it is there.
    async fn sees(&self, user: &str, text: &str) -> Result<Post> {
        for _ in 0..600 {
            if let Some(post) = self.posts(user).into_iter().rev().find(|p| p.text.contains(text)) {
                return Ok(post);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let all: Vec<String> = self.posts(user).into_iter().map(|p| p.text).collect();
        bail!("{user} never saw “{text}”, but:\n{}", all.join("\n---\n"))
    }

    async fn event(&mut self, user: &str, event: &Value) -> Result<Value> {
        self.events += 1;
        let event = Chat::event(&format!("e{}", self.events), user, event);
        let (status, answer) = self.chat.post(&self.server.url, &event).await?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(answer)
    }

    /// Somebody presses the button with this label under the message that says this.
    async fn press(&mut self, user: &str, text: &str, label: &str) -> Result<Value> {
        let post = self.sees(user, text).await?;
        let button = post.buttons.iter().find(|(l, _)| l == label);
        let (_, command) = button.with_context(|| format!("no button {label} under {post:?}"))?;
        self.event(user, &json!({ "action": { "command": command, "message": post.id } })).await
    }

    /// Somebody fills the form that a button opens.
    async fn fill(&mut self, user: &str, text: &str, label: &str, values: &Value) -> Result<Value> {
        let opened = self.press(user, text, label).await?;
        let command = opened["form"]["command"].as_str().with_context(|| format!("no form: {opened}"))?.to_owned();
        self.event(user, &json!({ "submit": { "command": command, "values": values } })).await
    }

    /// The code in the newest letter to somebody, once there are so many letters with codes to them.
    async fn code(&self, user: &str, count: usize) -> Result<String> {
        let to = format!("To: {}@example.org", user.replace('u', "e"));
        for _ in 0..600 {
            let letters = self.mail.letters();
            let mine: Vec<&str> = letters.iter().filter(|l| l.contains(&to)).filter_map(|l| code_in(l)).collect();
            if mine.len() >= count {
                return Ok(mine[mine.len() - 1].to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no letter with a code to {user}")
    }

    /// Reads, answers and signs, as somebody who knows.
    async fn take(&mut self, user: &str, name: &str, clock: &[&str; 2]) -> Result<()> {
        self.event(user, &json!({ "command": { "word": "training", "args": "" } })).await?;
        self.press(user, "Your training", "Start").await?;
        self.sees(user, "page 1 of 2").await?;
        self.until(clock[0])?;
        self.press(user, "page 1 of 2", "Next").await?;
        self.sees(user, "page 2 of 2").await?;
        self.until(clock[1])?;
        self.press(user, "page 2 of 2", "Start the quiz").await?;
        self.finish(user, name).await
    }

    /// From the first question to the signature.
    async fn finish(&mut self, user: &str, name: &str) -> Result<()> {
        self.press(user, "Question 1 of 2", "B").await?;
        self.press(user, "Question 2 of 2", "A").await?;
        self.press(user, "✓ Passed: 2 of 2 right.", "Sign").await?;
        self.press(user, "Last step of Respect at work: please sign.", "Send me the code").await?;
        let code = self.code(user, 1).await?;
        let stored = self.dir.path().join("stoa.db");
        if stored.exists() {
            // Neither the database nor its log holds the code.
            for file in [stored, self.dir.path().join("stoa.db-wal")] {
                let bytes = std::fs::read(file)?;
                ensure!(!bytes.windows(code.len()).any(|w| w == code.as_bytes()), "the code lies in the store");
            }
        }
        let values = json!({ "name": name, "code": code });
        self.fill(user, "A code is on its way to", "Enter the code", &values).await?;
        let done = self.sees(user, "✓ Respect at work: completed on").await?;
        ensure!(done.text.contains(&format!("Signed: {name} · ")), "{}", done.text);
        Ok(())
    }

    fn status(&self) -> Result<BTreeMap<String, Value>> {
        let said = self.run(&["training", "status", "--json"])?;
        let rows = said.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().map(|row| (row["person"].as_str().unwrap_or_default().to_owned(), row)).collect())
    }
}

fn write_course(dir: &Path, toml: &str) -> Result<()> {
    let folder = dir.join("courses/respect");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("course.toml"), toml)?;
    std::fs::write(folder.join("01-what.md"), "# What it is\n\nWhat counts is how it lands.\n")?;
    std::fs::write(folder.join("02-report.md"), "# How to report it\n\nIn Tideline, also without a name.\n")?;
    Ok(())
}

async fn a_year_of_respect(database: Option<String>) -> Result<()> {
    let mut office = Office::open(database).await?;
    office.until("2027-01-04T10:00:00Z")?;
    office.run(&["people", "import", "roster.csv"])?;
    for n in 1..=7 {
        office.run(&["people", "account", &format!("E{n}"), "chat", &format!("u{n}")])?;
    }
    office.run(&["training", "courses", "courses"])?;
    let plan = office.run(&["training", "apply", "respect.toml", "--dry-run"])?;
    ensure!(plan.contains("it means 7 people") && plan.contains("Nothing was changed"), "{plan}");
    office.run(&["training", "apply", "respect.toml"])?;
    for n in [1, 2, 3, 4, 5, 7] {
        let told = office.sees(&format!("u{n}"), "New for you: Respect at work 2027").await?;
        ensure!(told.text.contains("29 Jan"), "the same deadline for all: {}", told.text);
    }

    // Lukas reads too fast, and is told kindly; then he asks the trainer, and the server dies under his quiz.
    office.event("u4", &json!({ "command": { "word": "training", "args": "" } })).await?;
    office.press("u4", "Your training", "Start").await?;
    let asked = json!({ "question": "May I report it for a colleague?" });
    office.fill("u4", "page 1 of 2", "Ask a trainer", &asked).await?;
    office.sees("u4", "Your question is with Helen Fitzgerald.").await?;
    office.press("u4", "page 1 of 2", "Next").await?;
    office.press("u4", "page 2 of 2", "Start the quiz").await?;
    office.sees("u4", "This course asks for 2 minutes of reading. Please take 2 more minutes").await?;
    office.until("2027-01-04T10:02:30Z")?;
    office.press("u4", "This course asks for 2 minutes", "Start the quiz").await?;
    office.press("u4", "Question 1 of 2", "B").await?;
    office.sees("u4", "Question 2 of 2").await?;
    office.server.kill()?;
    office.server.restart()?;
    // Days later he goes on where he was.
    office.until("2027-01-06T10:00:00Z")?;
    office.event("u4", &json!({ "command": { "word": "training", "args": "" } })).await?;
    let list = office.sees("u4", "begun, due").await?;
    let opened = office.posts("u4").len();
    office.press("u4", &list.text, "Continue").await?;
    let question = office.sees("u4", "Question 2 of 2").await?;
    ensure!(office.posts("u4").len() >= opened, "{question:?}");
    office.press("u4", "Question 2 of 2", "A").await?;

    // Helen has been reminded of the question in her own morning; she answers before her clock ends.
    office.sees("u2", "today is its last day").await?;
    let answer = json!({ "answer": "Yes. Name the place and the time, and they are asked whether they agree." });
    office.fill("u2", "May I report it for a colleague?", "Answer", &answer).await?;
    let told = office.sees("u4", "has answered your question about Respect at work").await?;
    ensure!(told.text.contains("Ten years of practice") && told.text.contains("whether they agree"), "{}", told.text);
    for manager in ["u1", "u3"] {
        let all: Vec<String> = office.posts(manager).into_iter().map(|p| p.text).collect();
        ensure!(!all.join("\n").contains("for a colleague"), "{manager} must not read it");
    }
    office.press("u4", "✓ Passed: 2 of 2 right.", "Sign").await?;
    office.press("u4", "please sign.", "Send me the code").await?;
    let code = office.code("u4", 1).await?;
    office
        .fill("u4", "A code is on its way to", "Enter the code", &json!({"name": "Lukas Hartmann", "code": code}))
        .await?;
    office.sees("u4", "✓ Respect at work: completed on").await?;

    // Nobody can do it for somebody else.
    std::fs::write(
        office.dir.path().join("done.csv"),
        "person,requirement,completed_at\nE5,respect-2027,2027-01-05\n",
    )?;
    let (fine, said) = stoa_tests::run(STOA, office.dir.path(), &["training", "import", "done.csv"])?;
    ensure!(!fine && said.contains("demands the person's own signature (mail-code)"), "{said}");

    // A new version comes; it is for those who begin after it, so that L&D waits until all are done.
    let people = [
        ("u1", "Marguerite Okafor"),
        ("u2", "Helen Fitzgerald"),
        ("u3", "Priya Raman"),
        ("u5", "Mei Tanaka"),
        ("u7", "Grace Adeyemi"),
    ];
    for (n, (user, name)) in (11..).zip(people) {
        let clock = [format!("2027-01-06T{n}:02:00Z"), format!("2027-01-06T{n}:04:00Z")];
        office.take(user, name, &[&clock[0], &clock[1]]).await?;
    }

    // One hundred per cent of those who count; the one on leave is named with the reason.
    let status = office.status()?;
    let away = &status["E6"];
    ensure!(away["state"] == "on_leave", "{away}");
    let done: Vec<&Value> = status.values().filter(|row| row["person"] != "E6").collect();
    ensure!(done.len() == 6 && done.iter().all(|row| row["state"] == "completed"), "{done:?}");
    ensure!(done.iter().all(|row| row["version"] == done[0]["version"]), "identical content for all");

    // Nothing more is said about it to anybody who is done.
    let before = office.far.posts().len();
    office.until("2027-02-15T12:00:00Z")?;
    let after: Vec<String> = office.far.posts().into_iter().skip(before).map(|p| p.text).collect();
    ensure!(after.iter().all(|text| !text.contains("Respect at work")), "{after:?}");

    // The pack has the content, the signatures and the trainer, and another machine finds it valid.
    office.run(&["audit", "export", "pack", "--requirement", "respect-2027", "--preset", "harassment-prevention"])?;
    let key: Value =
        serde_json::from_str(office.run(&["audit", "key", "show", "--json"])?.lines().next().context("a key")?)?;
    let key = key["key"].as_str().context("a public key")?.to_owned();
    let verdict = office.run(&["audit", "verify", "pack", "--key", &key])?;
    ensure!(verdict.contains("VALID"), "{verdict}");
    let records = std::fs::read_to_string(office.dir.path().join("pack/records.jsonl"))?;
    ensure!(records.matches("mail-code").count() >= 6, "every signature says how it was made");
    ensure!(records.contains("Ten years of practice in the prevention of harassment"), "the trainer's qualification");
    ensure!(office.server.stop()?, "the server ends well");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn annual_harassment_prevention_ends_with_everybody_signed() -> Result<()> {
    a_year_of_respect(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn annual_harassment_prevention_ends_with_everybody_signed_on_postgres() -> Result<()> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return Ok(());
    }
    a_year_of_respect(Some(testing::empty_database().await)).await
}

/// The code in a letter: four signs, a hyphen, four signs.
fn code_in(letter: &str) -> Option<&str> {
    let sign = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let is_code = |word: &&str| matches!(word.split_once('-'), Some((a, b)) if a.len() == 4 && b.len() == 4 && (a.to_owned() + b).chars().all(sign));
    letter.split(|c: char| !(sign(c) || c == '-')).find(is_code)
}
