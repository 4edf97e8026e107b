//! The figures of Discord.

mod answers;
mod crash;
mod guilds;
mod messages;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use stoa_ground::clock::monotonic;
use stoa_tests::discord::{self, APP, BOT, Discord, Message, TOKEN};
use stoa_tests::{Server, said};
use tempfile::TempDir;

use crate::measure::Process;
use crate::{Figures, Plan, library, tell};

/// Their names, in the order in which they are measured.
pub const FIGURES: [&str; 5] = ["acks", "http-acks", "kill", "guilds", "messages"];

/// How long the last answer may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);

const GUILD: &str = "500000000000000001";
const GENERAL: &str = "300000000000000001";
const LEARNING: &str = "300000000000000002";

/// Measures one.
pub async fn measure(name: &str, plan: &Plan) -> Result<Figures> {
    match name {
        "acks" => answers::acknowledged(plan, "").await,
        "http-acks" => {
            let key = discord::public_key();
            answers::acknowledged(plan, &format!("gateway = false\npublic_key = \"{key}\"\n")).await
        }
        "kill" => crash::killed(plan).await,
        "guilds" => guilds::large(plan).await,
        "messages" => messages::sent(plan).await,
        other => bail!("there is no figure '{other}'"),
    }
}

/// A server with many people, and a bot in it that knows a small library.
struct World {
    discord: Discord,
    dir: TempDir,
    server: Server,
    said: Said,
    people: usize,
}

impl World {
    /// With one server of so many people.
    async fn open(plan: &Plan, people: usize, more: &str) -> Result<Self> {
        let discord = Discord::open().await?;
        discord.add_people(0..people);
        discord.add_large_guild(GUILD, "Harbour & Pine", 0..people, 0);
        discord.add_channel(GENERAL, GUILD, "general", 0);
        discord.add_channel(LEARNING, GUILD, "learning", 0);
        Self::of(plan, discord, people, more).await
    }

    /// On a Discord that is ready, with more lines in the section `[discord]`.
    async fn of(plan: &Plan, discord: Discord, people: usize, more: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n\
             [nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n\
             [discord]\ntoken = \"{TOKEN}\"\napplication_id = \"{APP}\"\napi_url = \"{}\"\nmessage_content = true\n\
             members = true\n{more}[[discord.guilds]]\nid = \"{GUILD}\"\nchannel = \"{LEARNING}\"\n",
            discord.api_url()
        );
        std::fs::write(at.join("stoa.toml"), config)?;
        library::write(&at.join("handbook"))?;
        let staff = library::staff(&[(people, "UTC")], "discord_id", Discord::nth_person)?;
        std::fs::write(at.join("staff.csv"), staff)?;
        let begun = monotonic();
        said(&plan.stoa, at, &["people", "import", "staff.csv"])?;
        tell(&format!("{people} people imported in {:.1} s", begun.elapsed().as_secs_f64()));
        said(&plan.stoa, at, &["library", "sync"])?;
        let server = Server::start_usual(&plan.stoa, at, &["serve"], &at.join("log"))?;
        let mut world = Self { discord, dir, server, said: Said::default(), people };
        if !more.contains("gateway = false") {
            world.discord.is_connected().await?;
            world.warms_up().await?;
        }
        Ok(world)
    }

    /// The first person asks until the library answers.
    async fn warms_up(&mut self) -> Result<()> {
        for asked in 1..50 {
            self.asks(0, 0);
            self.said.until(&self.discord, asked, PATIENCE).await?;
            if self.said.newest.as_ref().is_some_and(|m| m.shown().contains(library::ANSWER)) {
                self.said = Said { next: self.said.next, ..Said::default() };
                return Ok(());
            }
        }
        bail!("the library does not answer: {}", self.log_end())
    }

    /// Somebody asks the bot alone.
    fn asks(&self, person: usize, question: usize) {
        self.discord.person(&Discord::nth_person(person)).says_dm(&library::question(question));
    }

    fn process(&self) -> Process {
        Process(self.server.id())
    }

    /// How many messages that can be found again stand twice.
    fn doubled(&self) -> usize {
        self.discord.posted().values().filter(|times| **times > 1).count()
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Nothing was against Discord's rules, and the server ends well.
    fn ends(mut self) -> Result<()> {
        ensure!(self.server.stop()?, "the server does not stop well: {}", self.log_end());
        self.discord.is_content()
    }
}

/// What the bot said where everybody reads it, as it comes.
#[derive(Default)]
struct Said {
    /// Up to which message was looked.
    next: usize,
    /// How many messages stand in each conversation.
    counts: HashMap<String, usize>,
    all: usize,
    newest: Option<Message>,
}

impl Said {
    fn look(&mut self, discord: &Discord) {
        let (new, next) = discord.messages_from(self.next);
        self.next = next;
        for message in new {
            debug_assert_eq!(message.user, BOT);
            *self.counts.entry(message.channel.clone()).or_default() += 1;
            self.all += 1;
            self.newest = Some(message);
        }
    }

    /// Waits until so many messages stand there, and no longer than `patience` after the last one that came.
    async fn until(&mut self, discord: &Discord, number: usize, patience: Duration) -> Result<()> {
        let (mut last, mut before) = (monotonic(), self.all);
        loop {
            self.look(discord);
            if self.all >= number {
                return Ok(());
            }
            if self.all > before {
                (last, before) = (monotonic(), self.all);
            }
            ensure!(last.elapsed() < patience, "{} of {number} messages came", self.all);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
