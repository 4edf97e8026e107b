//! Signing with the organisation's sign-in, end to end (R31): the real binary, a chat over the bridge, an identity provider
//! that is strict about what it is asked and wrong in every way that matters, and a browser that keeps cookies.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header;
use serde_json::{Value, json};
use stoa_ground::testing;
use stoa_tests::{Chat, FarEnd, IdentityProvider, Post, Server, Trouble, free_port};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
const SECRET: &str = "a secret of sixteen and more";

const ROSTER: &str = "employee_id,name,email,status\n\
E4,Lukas Hartmann,e4@example.org,active\n\
E5,Mei Tanaka,e5@example.org,active\n";

const COURSE: &str = r#"
id = "conduct"
title = "Code of conduct"
attestation = "I have read the code of conduct and keep to it."
"#;

const REQUIREMENT: &str = r#"
[[requirement]]
id = "conduct-2026"
title = "Code of conduct"
course = "conduct"
audience = 'employee_id = "E4"'
due = { days = 14, from = "assigned" }
attestation = "oidc"
"#;

/// The organisation with its server, its chat and its identity provider.
struct Office {
    server: Server,
    far: FarEnd,
    chat: Chat,
    id: IdentityProvider,
    events: usize,
    dir: tempfile::TempDir,
}

/// What a browser shows.
#[derive(Debug)]
struct Page {
    status: u16,
    location: Option<String>,
    text: String,
}

impl Page {
    /// Nothing is signed, with this status and these words.
    fn refuses(&self, status: u16, words: &str) -> Result<()> {
        ensure!(self.status == status && self.text.contains(words), "expected {status} “{words}”, got {self:?}");
        ensure!(self.text.contains("Not signed"), "{self:?}");
        Ok(())
    }

    fn says(&self, words: &str) -> Result<()> {
        ensure!(self.status == 200 && self.text.contains(words), "expected “{words}”, got {self:?}");
        Ok(())
    }
}

/// A browser: it follows redirects one at a time and keeps the cookie of Stoa.
struct Browser {
    http: reqwest::Client,
    home: String,
    cookie: Option<String>,
}

impl Browser {
    fn open(home: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { http, home: home.to_owned(), cookie: None })
    }

    async fn get(&mut self, url: &str) -> Result<Page> {
        let ours = url.starts_with(&self.home);
        let mut request = self.http.get(url);
        if let Some(cookie) = self.cookie.as_ref().filter(|_| ours) {
            request = request.header(header::COOKIE, cookie);
        }
        let answer = request.send().await?;
        let text = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        if let Some(set) = text(header::SET_COOKIE).filter(|_| ours) {
            for part in ["HttpOnly", "SameSite=Lax", "Path=/oidc;"] {
                ensure!(set.contains(part), "{part} is missing in {set}");
            }
            let pair = set.split(';').next().unwrap_or_default().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        if ours {
            ensure!(text(header::CACHE_CONTROL).as_deref() == Some("no-store"), "{url} may be stored");
        }
        let location = text(header::LOCATION);
        Ok(Page { status: answer.status().as_u16(), location, text: answer.text().await? })
    }

    /// Opens a link and gives the address at the provider.
    async fn starts(&mut self, link: &str) -> Result<String> {
        let page = self.get(link).await?;
        page.location.clone().with_context(|| format!("the link leads nowhere: {page:?}"))
    }

    /// Signs in there, and gives the way back without going it.
    async fn signs_in(&mut self, at: &str) -> Result<String> {
        let page = self.get(at).await?;
        page.location.clone().with_context(|| format!("the provider does not lead back: {page:?}"))
    }

    /// All of the way: the last page.
    async fn goes(&mut self, link: &str) -> Result<Page> {
        let at = self.starts(link).await?;
        let back = self.signs_in(&at).await?;
        self.get(&back).await
    }
}

impl Office {
    async fn open(database: Option<String>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (far, id) = (FarEnd::open(SECRET).await?, IdentityProvider::open().await?);
        let database = database.unwrap_or_else(|| format!("sqlite://{}", dir.path().join("stoa.db").display()));
        let port = free_port()?;
        let config = format!(
            "[database]\nurl = \"{database}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}/\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             [nudges]\nafter_activity = \"0s\"\nmin_gap = \"0s\"\n{}\
             [[bridge]]\nname = \"chat\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n",
            id.configuration(),
            far.url
        );
        std::fs::write(dir.path().join("stoa.toml"), config)?;
        std::fs::write(dir.path().join("roster.csv"), ROSTER)?;
        write_course(dir.path())?;
        std::fs::write(dir.path().join("conduct.toml"), REQUIREMENT)?;
        let args = ["serve", "--clock", "manual"];
        let server = Server::start_logged(STOA, dir.path(), &args, &dir.path().join("log"))?;
        let office = Self { server, far, chat: Chat::new("chat", SECRET)?, id, events: 0, dir };
        office.server.until("2026-11-23T10:00:00Z")?;
        office.run(&["people", "import", "roster.csv"])?;
        office.run(&["people", "account", "E4", "chat", "u4"])?;
        office.run(&["training", "courses", "courses"])?;
        office.run(&["training", "apply", "conduct.toml"])?;
        Ok(office)
    }

    fn run(&self, args: &[&str]) -> Result<String> {
        stoa_tests::said(STOA, self.dir.path(), args)
    }

    /// The newest message that says this, once it is there.
    async fn sees(&self, text: &str) -> Result<Post> {
        for _ in 0..600 {
            if let Some(post) = self.far.posts().into_iter().rev().find(|p| p.text.contains(text)) {
                return Ok(post);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let all: Vec<String> = self.far.posts().into_iter().map(|p| p.text).collect();
        bail!("nobody ever saw “{text}”, but:\n{}", all.join("\n---\n"))
    }

    async fn event(&mut self, event: &Value) -> Result<Value> {
        self.events += 1;
        let event = Chat::event(&format!("e{}", self.events), "u4", event);
        let (status, answer) = self.chat.post(&self.server.url, &event).await?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(answer)
    }

    async fn press(&mut self, text: &str, label: &str) -> Result<Value> {
        let post = self.sees(text).await?;
        let button = post.buttons.iter().find(|(l, _)| l == label);
        let (_, command) = button.with_context(|| format!("no button {label} under {post:?}"))?;
        self.event(&json!({ "action": { "command": command, "message": post.id } })).await
    }

    /// Lukas reads the course, up to its last step.
    async fn read(&mut self) -> Result<()> {
        self.event(&json!({ "command": { "word": "training", "args": "" } })).await?;
        self.press("Your training", "Start").await?;
        self.press("page 1 of 1", "I have read it").await?;
        let last = self.sees("please sign.").await?;
        ensure!(last.text.contains("you sign in with your organisation’s account afterwards"), "{}", last.text);
        Ok(())
    }

    /// Lukas types his name under a message, and gets a link.
    async fn signs(&mut self, text: &str) -> Result<(String, Post)> {
        let before = self.far.posts().len();
        let opened = self.press(text, "Sign").await?;
        let command = opened["form"]["command"].as_str().with_context(|| format!("no form: {opened}"))?.to_owned();
        let values = json!({ "name": "lukas  hartmann" });
        self.event(&json!({ "submit": { "command": command, "values": values } })).await?;
        for _ in 0..600 {
            let found = self.far.posts().into_iter().skip(before).find(|p| p.text.contains("/oidc/start/"));
            if let Some(post) = found {
                ensure!(post.text.contains("It works once, for 10 minutes."), "{}", post.text);
                let link = post.text.split("(http").nth(1).and_then(|rest| rest.split(')').next());
                return Ok((format!("http{}", link.context("a link")?), post));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let all: Vec<String> = self.far.posts().into_iter().skip(before).map(|p| p.text).collect();
        bail!("no link came, but:\n{}", all.join("\n---\n"))
    }

    /// The message with an id, once it says this.
    async fn becomes(&self, id: &str, text: &str) -> Result<Post> {
        for _ in 0..600 {
            if let Some(post) = self.far.posts().into_iter().find(|p| p.id == id && p.text.contains(text)) {
                return Ok(post);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let post = self.far.posts().into_iter().find(|p| p.id == id);
        bail!("it never became “{text}”: {post:?}")
    }

    fn state(&self) -> Result<String> {
        let said = self.run(&["training", "status", "--json"])?;
        let row: Value = serde_json::from_str(said.lines().next().context("one assignment")?)?;
        Ok(row["state"].as_str().unwrap_or_default().to_owned())
    }

    /// The records about the assignment, by their kinds, as a pack has them.
    fn records(&self, pack: &str) -> Result<Vec<Value>> {
        self.run(&["audit", "export", pack, "--requirement", "conduct-2026"])?;
        let text = std::fs::read_to_string(self.dir.path().join(pack).join("records.jsonl"))?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// Both verifiers find a pack valid with the public key.
    fn is_valid(&self, pack: &str) -> Result<()> {
        let shown = self.run(&["audit", "key", "show", "--json"])?;
        let shown: Value = serde_json::from_str(shown.lines().next().context("a key")?)?;
        let key = shown["key"].as_str().context("a public key")?;
        let verdict = self.run(&["audit", "verify", pack, "--key", key])?;
        ensure!(verdict.contains("VALID"), "{verdict}");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = root.join("tests/tlog/venv/bin/python");
        ensure!(python.exists(), "tests/run installs what the second verifier needs, into tests/tlog/venv");
        let mut second = std::process::Command::new(python);
        let pack = self.dir.path().join(pack);
        let out = second.arg("-B").arg(root.join("docs/evidence/verify.py")).arg(pack).args(["--key", key]).output()?;
        ensure!(
            out.status.success(),
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        Ok(())
    }

    fn browser(&self) -> Result<Browser> {
        Browser::open(&self.server.url)
    }

    /// What nobody may read is in no log, and the provider found nothing wrong with what it was asked.
    fn is_tidy(&self) -> Result<()> {
        ensure!(self.id.wrong().is_empty(), "{:?}", self.id.wrong());
        let log = std::fs::read_to_string(self.dir.path().join("log"))?;
        for secret in self.id.secrets() {
            ensure!(!log.contains(&secret), "the log has {secret}");
        }
        ensure!(!log.contains("/oidc/start/") || log.contains("/oidc/start/{token}"), "a link is in the log");
        Ok(())
    }
}

fn write_course(dir: &Path) -> Result<()> {
    let folder = dir.join("courses/conduct");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("course.toml"), COURSE)?;
    std::fs::write(folder.join("01-conduct.md"), "# What we keep to\n\nWe are fair.\n")?;
    Ok(())
}

async fn somebody_signs(database: Option<String>) -> Result<()> {
    let mut office = Office::open(database).await?;
    let (_, doctor) = stoa_tests::run(STOA, office.dir.path(), &["doctor"])?;
    let register = format!("the redirect URI to register there is {}/oidc/callback", office.server.url);
    ensure!(doctor.contains(&format!("oidc: {} answers", office.id.issuer)) && doctor.contains(&register), "{doctor}");

    office.id.is_used_by("subject-4", "E4@Example.org");
    office.read().await?;
    let (link, post) = office.signs("please sign.").await?;
    let secret = link.rsplit('.').next().context("a secret")?.to_owned();
    let stored = office.dir.path().join("stoa.db");
    if stored.exists() {
        // What waits is sealed: neither the database nor its log holds the link.
        for file in [stored, office.dir.path().join("stoa.db-wal")] {
            let bytes = std::fs::read(file)?;
            ensure!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "the link lies in the store");
        }
    }
    let mut browser = office.browser()?;
    let at = browser.starts(&link).await?;
    let back = browser.signs_in(&at).await?;
    let cookie = browser.cookie.clone();
    browser.get(&back).await?.says("Done, you can close this page")?;
    ensure!(browser.cookie.is_none(), "what tied the browser to it is taken away");

    let done = office.becomes(&post.id, "✓ Code of conduct: completed on").await?;
    ensure!(done.edits > 0 && done.text.contains("Signed: Lukas Hartmann · "), "{}", done.text);
    ensure!(!done.text.contains("/oidc/"), "{}", done.text);
    ensure!(office.state()? == "completed", "{}", office.state()?);

    // The same way back once more, as somebody may find it in the browser's history: nothing is asked or signed again.
    let tokens = office.id.asked("token");
    browser.cookie = cookie;
    browser.get(&back).await?.says("signed already")?;
    browser.get(&link).await?.says("signed already")?;
    ensure!(office.id.asked("token") == tokens, "a code is used once");

    let records = office.records("pack")?;
    let text = serde_json::to_string(&records)?;
    ensure!(text.matches("subject-4").count() == 1, "one signature: {text}");
    for part in ["oidc", office.id.issuer.as_str(), "lukas  hartmann", "Your signature means"] {
        ensure!(text.contains(part), "{part} is missing: {text}");
    }
    office.is_valid("pack")?;
    let report = std::fs::read_to_string(office.dir.path().join("pack/report.json"))?;
    ensure!(
        report.contains("\"authentication\":\"oidc\"") || report.contains("\"authentication\": \"oidc\""),
        "{report}"
    );
    office.is_tidy()?;
    ensure!(office.server.stop()?, "the server ends well");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_by_signing_in_and_the_ledger_says_how() -> Result<()> {
    somebody_signs(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_by_signing_in_and_the_ledger_says_how_on_postgres() -> Result<()> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return Ok(());
    }
    somebody_signs(Some(testing::empty_database().await)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_persons_own_new_sign_in_signs() -> Result<()> {
    let mut office = Office::open(None).await?;
    office.read().await?;
    let (link, post) = office.signs("please sign.").await?;

    // Somebody whom the roster knows, and somebody whom it does not.
    for (subject, email) in [("subject-5", "e5@example.org"), ("stranger", "who@example.org")] {
        office.id.is_used_by(subject, email);
        office.browser()?.goes(&link).await?.refuses(403, "Somebody else signed in")?;
    }
    office.id.is_used_by("subject-4", "e4@example.org");
    for (trouble, status, words) in [
        (Trouble::Nonce, 502, "could not be accepted"),
        (Trouble::Audience, 502, "could not be accepted"),
        (Trouble::Issuer, 502, "could not be accepted"),
        (Trouble::Expired, 502, "could not be accepted"),
        (Trouble::Changed, 502, "could not be accepted"),
        (Trouble::ForeignKey, 502, "could not be accepted"),
        (Trouble::Unsigned, 502, "could not be accepted"),
        (Trouble::Shared, 502, "could not be accepted"),
        (Trouble::Unverified, 502, "could not be accepted"),
        (Trouble::LongAgo, 403, "did not ask you to sign in again"),
        (Trouble::NoTime, 403, "did not ask you to sign in again"),
        (Trouble::Declines, 200, "You did not finish the sign-in"),
    ] {
        office.id.has(trouble);
        let page = office.browser()?.goes(&link).await.with_context(|| format!("{trouble:?}"))?;
        page.refuses(status, words).with_context(|| format!("{trouble:?}"))?;
    }
    office.id.has(Trouble::None);

    // A way back that somebody is lured to: in a browser that began nothing, and in one that began something else.
    let mut mine = office.browser()?;
    let at = mine.starts(&link).await?;
    let back = mine.signs_in(&at).await?;
    let tokens = office.id.asked("token");
    let mut other = office.browser()?;
    other.get(&back).await?.refuses(403, "did not begin in this browser")?;
    other.starts(&link).await?;
    other.get(&back).await?.refuses(403, "did not begin in this browser")?;
    let unknown = format!("{}/oidc/callback?code=x&state=y", office.server.url);
    mine.get(&unknown).await?.refuses(403, "did not begin in this browser")?;
    ensure!(office.id.asked("token") == tokens, "no code was tried");
    let from = format!("{back}&iss=https%3A%2F%2Felsewhere.example.org");
    mine.get(&from).await?.refuses(502, "could not be accepted")?;
    ensure!(office.state()? == "in_progress", "{}", office.state()?);

    // The link is still good for whom it belongs to.
    mine.goes(&link).await?.says("Done, you can close this page")?;
    office.becomes(&post.id, "completed on").await?;
    let records = office.records("pack")?;
    let text = serde_json::to_string(&records)?;
    let refused = records.iter().filter(|r| r.to_string().contains("refused")).count();
    ensure!(refused == 2 && text.contains("somebody else signed in"), "two were somebody else: {text}");
    office.is_valid("pack")?;
    ensure!(text.contains("stranger") && !text.contains("subject-5"), "who is known is named by the roster alone");
    office.is_tidy()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_trouble_costs_a_sentence_and_nothing_else() -> Result<()> {
    let mut office = Office::open(None).await?;
    office.id.is_used_by("subject-4", "e4@example.org");
    office.read().await?;
    let (link, _) = office.signs("please sign.").await?;
    let mut browser = office.browser()?;
    office.id.has(Trouble::Away);
    browser.get(&link).await?.refuses(502, "does not answer")?;
    ensure!(office.id.asked("discovery") == 3, "what only reads is asked for again");
    let (_, doctor) = stoa_tests::run(STOA, office.dir.path(), &["doctor"])?;
    ensure!(doctor.contains("wrong oidc: ") && doctor.contains("nobody can sign with it"), "{doctor}");

    office.id.has(Trouble::None);
    let mut at = browser.get(&link).await?.location;
    for _ in 0..600 {
        if at.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        at = browser.get(&link).await?.location;
    }
    let back = browser.signs_in(&at.context("it is asked again soon")?).await?;
    for trouble in [Trouble::Failing, Trouble::Silent] {
        office.id.has(trouble);
        let tokens = office.id.asked("token");
        browser.get(&back).await?.refuses(502, "does not answer").with_context(|| format!("{trouble:?}"))?;
        ensure!(office.id.asked("token") == tokens + 1, "a code is never sent twice");
    }

    // It has a new key, which nobody has told us.
    office.id.has(Trouble::None);
    office.id.changes_its_key()?;
    let (found, keys) = (office.id.asked("discovery"), office.id.asked("keys"));
    browser.goes(&link).await?.says("Done, you can close this page")?;
    ensure!(office.id.asked("keys") == keys + 1 && office.id.asked("discovery") == found + 1, "looked at once more");
    office.is_tidy()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lives_for_ten_minutes_and_until_there_is_a_newer_one() -> Result<()> {
    let mut office = Office::open(None).await?;
    office.id.is_used_by("subject-4", "e4@example.org");
    office.read().await?;
    let (first, told) = office.signs("please sign.").await?;
    let mut browser = office.browser()?;
    let at = browser.starts(&first).await?;
    let back = browser.signs_in(&at).await?;
    office.server.until("2026-11-23T10:10:01Z")?;
    browser.get(&first).await?.refuses(410, "open the training and sign again")?;
    browser.get(&back).await?.refuses(410, "open the training and sign again")?;
    for forged in ["", "x", &first.replace("/oidc/start/", "/oidc/start/x"), &format!("{first}0")] {
        let url =
            if forged.starts_with("http") { forged } else { &format!("{}/oidc/start/{forged}", office.server.url) };
        let page = browser.get(url).await;
        ensure!(page.is_err() || page?.location.is_none(), "{url}");
    }
    ensure!(office.id.asked("token") == 0, "no code was sent");

    let (second, newer) = office.signs("please sign.").await?;
    office.becomes(&told.id, "does not work any more").await?;
    let (third, newest) = office.signs("does not work any more").await?;
    office.becomes(&newer.id, "does not work any more").await?;
    browser.get(&second).await?.refuses(410, "open the training and sign again")?;
    browser.goes(&third).await?.says("Done, you can close this page")?;
    office.becomes(&newest.id, "completed on").await?;

    browser.get(&third).await?.says("signed already")?;
    ensure!(office.state()? == "completed", "{}", office.state()?);
    office.is_tidy()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_a_requirement_that_needs_it_is_refused() -> Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("stoa.toml"), "[organisation]\niri = \"https://learn.example.org\"\n")?;
    write_course(dir.path())?;
    std::fs::write(dir.path().join("conduct.toml"), REQUIREMENT)?;
    stoa_tests::said(STOA, dir.path(), &["training", "courses", "courses"])?;
    let (fine, said) = stoa_tests::run(STOA, dir.path(), &["training", "apply", "conduct.toml"])?;
    let way = "attestation is oidc, and this installation has chat-session only: set [oidc] issuer, client_id and \
               client_secret first";
    ensure!(!fine && said.contains(way), "{said}");
    Ok(())
}
