//! The figures of Slack.

mod answers;
mod crash;
mod drops;
mod pane;
mod people;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use stoa_ground::clock::monotonic;
use stoa_tests::slack::Slack;
use stoa_tests::{Server, said};
use tempfile::TempDir;

use crate::measure::Process;
use crate::{Figures, Plan, library, tell};

/// Their names, in the order in which they are measured.
pub const FIGURES: [&str; 10] =
    ["acks", "http-acks", "burst", "dm", "refresh", "limited", "stream", "kill", "people", "drops"];

/// How long the last answer may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures one.
pub async fn measure(name: &str, plan: &Plan) -> Result<Figures> {
    match name {
        "acks" => answers::acknowledged(plan, "socket").await,
        "http-acks" => answers::acknowledged(plan, "http").await,
        "burst" => answers::burst(plan).await,
        "dm" => answers::direct(plan).await,
        "refresh" => answers::refreshed(plan).await,
        "limited" => answers::limited(plan).await,
        "stream" => pane::streamed(plan).await,
        "kill" => crash::killed(plan).await,
        "people" => people::known(plan).await,
        "drops" => drops::dropped(plan).await,
        other => bail!("there is no figure '{other}'"),
    }
}

/// How a world is set up.
struct Setup<'a> {
    /// So many people in each zone; all are on the staff list.
    zones: &'a [(usize, &'a str)],
    /// `socket` or `http`.
    mode: &'a str,
    /// More of the configuration.
    more: &'a str,
    /// `[organisation]` and `[nudges]`: when people may be written to.
    hours: &'a str,
    /// Arguments of the server.
    serve: &'a [&'a str],
}

impl Setup<'_> {
    /// At any hour, over Socket Mode.
    const USUAL: Self = Setup {
        zones: &[],
        mode: "socket",
        more: "",
        hours: "working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n[nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n",
        serve: &["serve"],
    };
}

/// A workspace with many people, and a bot in it that knows a small library.
struct World {
    slack: Slack,
    dir: TempDir,
    server: Server,
    answers: Answers,
    people: usize,
}

impl World {
    async fn open(plan: &Plan, setup: &Setup<'_>) -> Result<Self> {
        let slack = Slack::open().await?;
        let mut people = 0;
        for (number, zone) in setup.zones {
            slack.add_people(people..people + number, zone);
            people += number;
        }
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://learn.example.org\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n{}\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n{}{}",
            setup.hours,
            slack.configuration(setup.mode),
            setup.more,
        );
        std::fs::write(at.join("stoa.toml"), config)?;
        library::write(&at.join("handbook"))?;
        std::fs::write(at.join("staff.csv"), library::staff(setup.zones, "slack_id", Slack::nth_person)?)?;
        if setup.serve.contains(&"manual") {
            // The first to open the store gives it its clock.
            Server::start_usual(&plan.stoa, at, setup.serve, &at.join("log"))?.stop()?;
        }
        let begun = monotonic();
        said(&plan.stoa, at, &["people", "import", "staff.csv"])?;
        tell(&format!("{people} people imported in {:.1} s", begun.elapsed().as_secs_f64()));
        said(&plan.stoa, at, &["library", "sync"])?;
        let server = Server::start_usual(&plan.stoa, at, setup.serve, &at.join("log"))?;
        if setup.mode == "socket" {
            slack.is_connected(1).await?;
        } else {
            slack.posts_to(&format!("{}/slack/acme", server.url));
        }
        let mut world = Self { slack, dir, server, answers: Answers::default(), people };
        world.warms_up().await?;
        Ok(world)
    }

    /// The first person asks until the library answers.
    async fn warms_up(&mut self) -> Result<()> {
        for _ in 0..50 {
            let asked = self.asks(0, 0);
            self.answers.all(&self.slack, &[asked], PATIENCE).await?;
            let channel = format!("D{}", Slack::nth_person(0).trim_start_matches('U'));
            for _ in 0..100 {
                let newest = self.slack.newest_in(&channel).map(|m| m.shown()).unwrap_or_default();
                if newest.contains(library::ANSWER) {
                    return Ok(());
                }
                if newest.contains("know") {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        bail!("the library does not answer: {:?}", self.log_end())
    }

    /// Somebody asks the bot alone. Gives the number of the delivery.
    fn asks(&self, person: usize, question: usize) -> usize {
        self.slack.person(&Slack::nth_person(person)).says_dm(&library::question(question))
    }

    /// People ask one after the other, so many in a second, from person 0 on.
    async fn ask_at(&self, number: usize, a_second: u32) -> Vec<usize> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / a_second);
        let mut asked = Vec::with_capacity(number);
        for n in 0..number {
            ticks.tick().await;
            asked.push(self.asks(n % self.people, n));
        }
        asked
    }

    /// Waits for the answers to everything that was asked.
    async fn answered(&mut self, asked: &[usize]) -> Result<()> {
        self.answers.all(&self.slack, asked, PATIENCE).await
    }

    fn process(&self) -> Process {
        Process(self.server.id())
    }

    /// How long each answer took, from the question on; of those that came.
    fn took(&self, asked: &[usize]) -> Vec<Duration> {
        asked.iter().filter_map(|delivery| self.answers.took(&self.slack, *delivery)).collect()
    }

    /// How many of what was asked has no answer although it was acknowledged, and how many answers stand twice.
    fn lost_and_doubled(&self, asked: &[usize]) -> (usize, usize) {
        let acknowledged = |delivery: &&usize| self.slack.acknowledgement(**delivery).is_some();
        let lost = asked.iter().filter(acknowledged).filter(|d| self.answers.took(&self.slack, **d).is_none()).count();
        (lost, self.slack.posted().values().filter(|times| **times > 1).count())
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Nothing was against Slack's rules, and the server ends well.
    fn ends(mut self) -> Result<()> {
        ensure!(self.server.stop()?, "the server does not stop well: {}", self.log_end());
        self.slack.is_content()
    }
}

/// The bot's answers as they come.
#[derive(Default)]
struct Answers {
    /// Up to which message was looked.
    next: usize,
    /// When the answer to an event came first, in microseconds since 1970.
    came: HashMap<String, i64>,
}

impl Answers {
    fn look(&mut self, slack: &Slack) {
        for answer in slack.answers_from(self.next) {
            self.next = answer.number + 1;
            if let Some(event) = answer.key.strip_prefix("reply/slack/").and_then(|rest| rest.split('/').next()) {
                self.came.entry(event.to_owned()).or_insert(answer.at);
            }
        }
    }

    /// Waits until everything is answered, and no longer than `patience` after the last answer that came.
    async fn all(&mut self, slack: &Slack, asked: &[usize], patience: Duration) -> Result<()> {
        let mut open: Vec<String> = asked.iter().map(|delivery| slack.sent(*delivery).1).collect();
        let mut last = monotonic();
        loop {
            self.look(slack);
            let before = open.len();
            open.retain(|event| !self.came.contains_key(event));
            if open.is_empty() {
                return Ok(());
            }
            if open.len() < before {
                last = monotonic();
            }
            ensure!(
                last.elapsed() < patience,
                "{} of {} were not answered: {:?}",
                open.len(),
                asked.len(),
                open.first()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn took(&self, slack: &Slack, delivery: usize) -> Option<Duration> {
        let (asked, event) = slack.sent(delivery);
        let came = self.came.get(&event)?;
        Some(Duration::from_micros(u64::try_from(came - asked).unwrap_or_default()))
    }
}
