//! Both lanes in one day (R60): the real binary, a real browser, and people who ask, learn, share and sign.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use stoa_tests::{Browser, Server, stoa};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

/// A demo in a temporary folder, with a browser on it.
struct Day {
    server: Server,
    browser: Browser,
    dir: tempfile::TempDir,
}

impl Day {
    async fn begin() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = Server::start(STOA, dir.path(), &["demo", "--listen", "127.0.0.1:0"])?;
        let browser = Browser::open(1200, 860).await?;
        Ok(Self { server, browser, dir })
    }

    /// Becomes somebody and opens the conversation with Stoa.
    async fn is(&self, name: &str) -> Result<()> {
        self.browser.visit(&format!("{}/sign-in", self.server.url)).await?;
        self.browser.clicks_person(name).await?;
        self.browser.sees("Write to Stoa").await.or(Ok(()))
    }

    async fn says(&self, text: &str) -> Result<()> {
        self.browser.types("#write", &format!("{text}\n")).await
    }

    async fn picture(&self, name: &str) -> Result<()> {
        if let Some(dir) = std::env::var_os("STOA_PICTURES") {
            self.browser.picture(&PathBuf::from(dir).join(name)).await?;
        }
        Ok(())
    }

    /// Moves the clock to an instant, through everything that is due on the way.
    fn until(&self, instant: &str) -> Result<()> {
        self.server.until(instant)
    }

    /// No serious finding by axe-core, and no page over 100 KB.
    async fn is_accessible(&self, page: &str) -> Result<()> {
        let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .with_context(|| format!("{} is missing: run ./tests/run once", axe.display()))?;
        let findings = self.browser.serious_axe_findings(&axe).await?;
        ensure!(findings.is_empty(), "{page}:\n{}", findings.join("\n"));
        Ok(())
    }
}

#[tokio::test]
async fn both_lanes_in_one_day() -> Result<()> {
    let mut day = Day::begin().await?;
    let b = &day.browser;

    // Voluntary: somebody asks, and gets a cited answer.
    day.browser.visit(&day.server.url).await?;
    b.sees("Choose who you are").await?;
    day.is_accessible("the choice of people").await?;
    day.picture("choose.png").await?;
    day.is("Lukas Hartmann").await?;
    day.says("How do I book annual leave?").await?;
    b.sees("Name the person who covers for you").await?;
    b.sees("people/leave.md").await?;
    b.sees("What I keep:").await?;
    day.picture("answer.png").await?;
    day.is_accessible("an answer").await?;
    day.says("What is the airspeed of an unladen swallow?").await?;
    b.sees("I don’t know").await?;

    // A typo and the word for help.
    day.says("hlep").await?;
    b.sees("Did you mean help?").await?;

    // A tip is in the next answer, harmless whatever it holds.
    day.says("tip The espresso machine <b>in Hamburg</b> wants descaling tablets every second Friday @everyone")
        .await?;
    b.sees("Share").await?;
    b.clicks("Share").await?;
    day.says("How often does the espresso machine want descaling tablets?").await?;
    b.sees("not yet checked").await?;
    ensure!(b.text().await?.contains("<b>in Hamburg</b>"), "HTML in a tip is shown as it was typed");
    day.picture("tip.png").await?;

    // Voluntary: today's lesson comes by itself at half past nine in Hamburg, with its question.
    day.until("2026-11-23T10:00:00Z")?;
    day.says("learn").await?;
    b.sees("The answer comes first").await?;
    day.picture("lesson.png").await?;
    day.is_accessible("a lesson").await?;

    // Mandated: the same person, the same day, reads, answers and signs a course in chat.
    day.says("training").await?;
    b.sees("Security basics").await?;
    day.picture("training.png").await?;
    take_course(&day).await?;
    day.picture("completed.png").await?;

    // The message that announced it has turned to done, and why tells its reason.
    day.says("why").await?;
    b.sees("brought up to date").await?;
    day.picture("why.png").await?;

    // The head of engineering has done hers elsewhere; a command beside the running server records it.
    let args = ["training", "complete", "Ingrid Solberg", "security-basics", "--reason", "done in the classroom"];
    let done = stoa(STOA, day.dir.path(), &args)?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    // Weeks later the manager gets one digest about those who are late.
    day.until("2026-12-14T16:00:00Z")?;
    day.is("Ingrid Solberg").await?;
    b.sees("Mei Tanaka").await?;
    ensure!(!b.text().await?.contains("Lukas Hartmann is"), "who is done is not in the digest");
    day.picture("digest.png").await?;
    day.is_accessible("a manager's digest").await?;

    // A channel and its thread; the thread is logged as a discussion, and the others are asked first.
    day.is("Grace Adeyemi").await?;
    b.follows("a.entry", "care-desk").await?;
    b.sees("Case to think about").await?;
    day.is_accessible("a channel").await?;
    b.follows("a", "replies").await?;
    b.sees("Write down why, and put both order numbers in.").await?;
    day.is_accessible("a thread").await?;
    b.clicks("⋯").await?;
    b.clicks("Log discussion").await?;
    b.sees("What is it about?").await?;
    day.is_accessible("a form").await?;
    b.types("dialog[open] input:not([type=hidden])", "Bench arrived twice").await?;
    b.clicks("Log it").await?;
    b.sees("is logged. I ask 2 people").await?;
    day.picture("discussion.png").await?;

    // The learning team sends a lesson to everybody.
    day.is("Priya Raman").await?;
    day.says("learn schedule").await?;
    b.clicks("Write it").await?;
    day.picture("schedule.png").await?;
    day.is_accessible("the form of a drop").await?;
    b.clicks("Cancel").await?;

    // On a phone.
    b.client.set_window_size(390, 844).await?;
    day.is_accessible("the chat on a phone").await?;
    day.picture("phone.png").await?;

    ensure!(day.server.stop()?, "the server stops gracefully");
    day.browser.close().await
}

/// Reads all pages, answers the questions, and signs with the full name.
async fn take_course(day: &Day) -> Result<()> {
    let b = &day.browser;
    b.clicks_first("Start").await?;
    b.sees("page 1 of 5").await?;
    for page in 2..=5 {
        b.clicks("Next").await?;
        b.sees(&format!("page {page} of 5")).await?;
    }
    day.picture("course.png").await?;
    b.clicks("Start the quiz").await?;
    for (question, answer) in ["B", "D", "A", "C", "B"].iter().enumerate() {
        b.sees(&format!("Question {} of 5", question + 1)).await?;
        b.clicks(answer).await?;
    }
    b.sees("Passed: 5 of 5 right").await?;
    b.clicks("Confirm").await?;
    b.sees("I will report security incidents within one hour").await?;
    day.picture("sign.png").await?;
    b.types("dialog[open] input:not([type=hidden])", "Lukas Hartman").await?;
    b.clicks("I confirm").await?;
    b.sees("Please type your name").await?;
    b.retypes("dialog[open] input:not([type=hidden])", "lukas  hartmann").await?;
    b.clicks("I confirm").await?;
    b.sees("completed on").await
}
