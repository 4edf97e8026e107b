//! The load driver: the real binary in stand-ins of Slack and Discord, and the figures of docs/figures.md.
//!
//! What is measured is the server's process; the stand-in and the people who write are this process, on the same machine.

mod discord;
mod library;
mod measure;
mod slack;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};

use measure::Figure;

/// Measures the figures of Slack or of Discord with a binary of Stoa
#[derive(Parser, Debug)]
struct Options {
    /// The binary
    #[arg(long, value_name = "PATH")]
    stoa: PathBuf,
    /// One JSON object a figure
    #[arg(long)]
    json: bool,
    /// Small numbers, to see that the driver works; what it prints are no figures
    #[arg(long)]
    quick: bool,
    platform: Platform,
    /// Which ones; all without any
    figures: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Platform {
    Slack,
    Discord,
}

impl Platform {
    fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
        }
    }

    fn figures(self) -> &'static [&'static str] {
        match self {
            Self::Slack => &slack::FIGURES,
            Self::Discord => &discord::FIGURES,
        }
    }
}

/// What every figure needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary.
    pub stoa: String,
    /// Only to see that the driver works.
    pub quick: bool,
}

impl Plan {
    /// A number, or a small one where only the driver is tried.
    #[must_use]
    pub fn of(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let all = options.platform.figures();
    if let Some(unknown) = options.figures.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("{} has no figure '{unknown}'; there are: {}", options.platform.name(), all.join(", "));
    }
    let stoa = options.stoa.canonicalize().with_context(|| format!("{} is not there", options.stoa.display()))?;
    let plan = Plan { stoa: stoa.display().to_string(), quick: options.quick };
    let mut broken = Vec::new();
    for name in all.iter().filter(|name| options.figures.is_empty() || options.figures.iter().any(|f| f == *name)) {
        let figures = match options.platform {
            Platform::Slack => slack::measure(name, &plan).await,
            Platform::Discord => discord::measure(name, &plan).await,
        };
        let command = format!("tests/load/run {} {name}", options.platform.name());
        for figure in figures.with_context(|| format!("'{command}' broke off"))? {
            println!("{}", if options.json { figure.json(&command).to_string() } else { figure.line(&command) });
            if figure.is_broken() {
                broken.push(figure.name.clone());
            }
        }
    }
    ensure!(broken.is_empty(), "this must never happen: {}", broken.join("; "));
    Ok(())
}

/// Prints what goes on, on standard error.
pub fn tell(what: &str) {
    eprintln!("{what}");
}

/// The figures of a run, in the order in which they are printed.
pub type Figures = Vec<Figure>;
