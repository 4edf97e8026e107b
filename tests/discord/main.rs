//! Whole conversations in Discord: the real binary on a server that is as strict as Discord, and people who talk with it.
//! What they see is kept as snapshots.

mod budgets;
mod content;
mod dialogues;
mod forms;
mod gateway;
mod limits;
mod people;
mod portal;
mod servers;
mod setup;
mod social;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stoa_tests::discord::{APP, BOT, Discord, Message, Outside, Person, TOKEN};
use stoa_tests::{Server, said, steady_line};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const ADA: &str = "200000000000000001";
const BO: &str = "200000000000000002";
/// In the server, and linked to nobody.
const CY: &str = "200000000000000003";
const GUILD: &str = "500000000000000001";
const GENERAL: &str = "300000000000000001";
const LEARNING: &str = "300000000000000002";
const FORUM: &str = "300000000000000003";

const PAGE: &str = "---\ntitle: Kitchen rules\n---\n# Kitchen rules\n\n## Coffee machine\n\nTo descale the coffee machine, \
                    press both buttons for five seconds and pour in one bag of citric acid. Say @everyone & smile.\n";
const ROSTER: &str = "employee_id,name,email,timezone,discord_id,stoa_roles\n\
                      E1,Ada Okafor,ada@example.org,Europe/Berlin,200000000000000001,learning\n\
                      E2,Bo *Lind*,bo@example.org,Asia/Kolkata,200000000000000002,\n\
                      E3,Cy Moss,cy@example.org,UTC,,\n";
const QUESTION: &str = "How do I descale the coffee machine?";
const ANSWER: &str = "one bag of citric acid";

/// A server, and a bot in it.
struct Scene {
    discord: Discord,
    dir: tempfile::TempDir,
    server: Server,
}

impl Scene {
    async fn open() -> Result<Self> {
        Self::open_with("message_content = true\nmembers = true\n").await
    }

    /// Both, with more lines in the section `[discord]`.
    async fn open_with(more: &str) -> Result<Self> {
        let discord = Discord::open().await?;
        discord.add_person(ADA, "Ada Okafor");
        discord.add_person(BO, "Bo Lind");
        discord.add_person(CY, "Cy Moss");
        discord.add_guild(GUILD, "Harbour & Pine", &[ADA, BO, CY, BOT]);
        discord.add_channel(GENERAL, GUILD, "general", 0);
        discord.add_channel(LEARNING, GUILD, "learning", 0);
        discord.add_channel(FORUM, GUILD, "questions", 15);
        Self::with(discord, more).await
    }

    async fn with(discord: Discord, more: &str) -> Result<Self> {
        let api_url = format!("api_url = \"{}\"\n", discord.api_url());
        Self::made(discord, &format!("{api_url}{more}"), None, "").await
    }

    /// Both, behind a proxy or not, and on this database. `more` may end with servers of its own.
    async fn made(discord: Discord, more: &str, outside: Option<Outside>, database: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let network = match outside {
            Some(outside) => {
                std::fs::write(at.join("ca.pem"), outside.certificate)?;
                format!("[network]\nproxy = \"{}\"\nca_file = \"ca.pem\"\n", outside.proxy)
            }
            None => String::new(),
        };
        let servers = if more.contains("[[discord.guilds]]") {
            String::new()
        } else {
            format!("[[discord.guilds]]\nid = \"{GUILD}\"\nchannel = \"{LEARNING}\"\nforums = [\"{FORUM}\"]\n")
        };
        let config = format!(
            "[database]\nlease = \"5s\"\n{database}[http]\nlisten = \"127.0.0.1:0\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n\
             [nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\nmin_gap = \"0s\"\n\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n\
             {network}[discord]\ntoken = \"{TOKEN}\"\napplication_id = \"{APP}\"\n{more}{servers}"
        );
        std::fs::write(at.join("stoa.toml"), config)?;
        std::fs::create_dir(at.join("handbook"))?;
        std::fs::write(at.join("handbook/kitchen.md"), PAGE)?;
        std::fs::write(at.join("roster.csv"), ROSTER)?;
        said(STOA, at, &["people", "import", "roster.csv"])?;
        said(STOA, at, &["library", "sync"])?;
        let server = Server::start_logged(STOA, at, &["serve"], &at.join("log"))?;
        if !more.contains("gateway = false") {
            discord.is_connected().await?;
        }
        Ok(Self { discord, dir, server })
    }

    /// A track with one lesson of so many steps, each of them long to say.
    fn teaches_tea(&self, steps: usize) -> Result<()> {
        let dir = self.dir.path();
        std::fs::create_dir_all(dir.join("tracks/tea"))?;
        std::fs::write(dir.join("tracks/tea/track.toml"), "title = \"Tea\"\ndescription = \"How we make it\"\n")?;
        // A lesson is short, but each of these takes two characters.
        let steps: String = (0..steps).map(|n| format!("Step {n} of {}\n\n", "(".repeat(80))).collect();
        let question =
            "[[question]]\nprompt = \"How hot?\"\noptions = [\"60\", \"90\"]\nanswer = 1\nwhy = \"It needs it.\"\n";
        let lesson = format!("+++\ntitle = \"Water\"\n{question}+++\n{steps}");
        std::fs::write(dir.join("tracks/tea/01-water.md"), lesson)?;
        said(STOA, dir, &["lessons", "apply", "tracks"])?;
        Ok(())
    }

    /// A course that everybody has to take.
    fn requires_a_course(&self) -> Result<()> {
        self.requires("Safety")
    }

    /// A course with this title that everybody has to take.
    fn requires(&self, title: &str) -> Result<()> {
        let (dir, id) = (self.dir.path(), title.to_lowercase());
        std::fs::create_dir_all(dir.join("courses").join(&id))?;
        let course = format!("id = \"{id}\"\ntitle = \"{title}\"\nattestation = \"I have read this.\"\n");
        std::fs::write(dir.join("courses").join(&id).join("course.toml"), course)?;
        let page = "# Why\n\nBecause it matters to **all** of us.\n";
        std::fs::write(dir.join("courses").join(&id).join("01-why.md"), page)?;
        let requirement = format!(
            "[[requirement]]\nid = \"{id}\"\ntitle = \"{title}\"\ncourse = \"{id}\"\n\
             audience = \"everyone\"\ndue = {{ days = 14, from = \"assigned\" }}\n"
        );
        let file = format!("{id}.toml");
        std::fs::write(dir.join(&file), requirement)?;
        said(STOA, dir, &["training", "courses", "courses"])?;
        said(STOA, dir, &["training", "apply", &file])?;
        Ok(())
    }

    /// Nothing went wrong on either side, and nothing is doubled.
    async fn ends(mut self) -> Result<()> {
        self.discord.wait("the last answer", |d| d.messages().iter().all(|m| !m.loading).then_some(())).await?;
        ensure!(self.server.stop()?, "the server stops gracefully");
        let log = std::fs::read_to_string(self.dir.path().join("log"))?;
        ensure!(!log.contains("more fields than Discord shows"), "a form that does not fit:\n{log}");
        let doubled: Vec<String> = self.discord.posted().into_iter().filter(|(_, n)| *n > 1).map(|(k, _)| k).collect();
        ensure!(doubled.is_empty(), "posted twice: {doubled:?}");
        self.discord.is_content()
    }
}

/// A message as a person sees it, without what differs from run to run.
fn seen(message: &Message) -> Value {
    let buttons: Vec<&str> = message.buttons().filter_map(|b| b["label"].as_str()).collect();
    let content: Vec<String> = message.content.split('\n').map(steady_line).collect();
    json!({ "content": content, "buttons": buttons, "only_for": message.only, "edits": message.edits,
        "pings": message.pings })
}

fn is_answer(m: &&Message) -> bool {
    m.user == BOT && !m.loading && m.shown().contains(ANSWER)
}

/// Says something again and again until the answer fits.
async fn says_until(person: &Person<'_>, words: &str, fits: impl Fn(&str) -> bool) -> Result<Option<Message>> {
    for _ in 0..60 {
        let before = person.count();
        person.says_dm(words);
        let newest = person.newest_after(before).await?;
        if fits(&newest.shown()) {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

/// Says something again and again until the answer says `part`.
async fn settles(person: &Person<'_>, words: &str, part: &str) -> Result<Message> {
    let said = says_until(person, words, |shown| shown.contains(part)).await?;
    said.with_context(|| format!("“{words}” never said {part}"))
}

/// Says something again and again until the answer does not say `part`.
async fn stops(person: &Person<'_>, words: &str, part: &str) -> Result<()> {
    let said = says_until(person, words, |shown| !shown.contains(part)).await?;
    said.map(drop).with_context(|| format!("“{words}” is still answered with {part}"))
}

/// Waits for so many answers to [`QUESTION`].
async fn answered(discord: &Discord, answers: usize) -> Result<()> {
    let done = |d: &Discord| (d.messages().iter().filter(is_answer).count() >= answers).then_some(());
    discord.wait(&format!("{answers} answers"), done).await
}
