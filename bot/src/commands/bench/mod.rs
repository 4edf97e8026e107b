//! `stoa bench`: the figures of docs/figures.md, measured on this machine in a temporary store.

mod asking;
mod bridge;
mod ledger;
mod loads;
mod search;
mod simulate;
mod training;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_learning::answers;
use stoa_learning::search::{Access, Index};

use super::print_json;
use crate::app::{App, ClockKind, index_dir};
use crate::config::{Config, Source};

#[derive(clap::Args, Debug)]
pub struct Options {
    /// A folder of documents to read and to ask about
    #[arg(long, value_name = "DIR", required_unless_present_any = ["bridge", "ledger", "search", "simulate"])]
    library: Option<PathBuf>,
    /// Questions, one a line; without it the headings of the library are asked
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// Measure inbox and outbox over a bridge on this machine
    #[arg(long)]
    bridge: bool,
    /// Measure the ledger, its log, and packs of evidence
    #[arg(long)]
    ledger: bool,
    /// With --ledger: leaves of the log out of which proofs are made
    #[arg(long, default_value_t = 10_000_000)]
    leaves: u64,
    /// Measure search over so many passages of generated text
    #[arg(long, value_name = "N")]
    search: Option<usize>,
    /// With --search: the folder of a model, to measure search by meaning as well
    #[arg(long, value_name = "DIR", requires = "search")]
    model: Option<PathBuf>,
    /// With --search: keep the library in this folder, and use what is there
    #[arg(long, value_name = "DIR", requires = "search")]
    keep: Option<PathBuf>,
    /// Measure a simulated quarter
    #[arg(long)]
    simulate: bool,
    /// With --simulate: how many people; with --ledger: how many get ten requirements, 0 to leave that out
    #[arg(long, default_value_t = 1_000)]
    people: usize,
    /// With --ledger: how many people are in the pack, with four records each
    #[arg(long, default_value_t = 5_000)]
    packed: usize,
    /// With --bridge: how many events are stored
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// With --bridge: how many messages to as many people are sent
    #[arg(long, default_value_t = 10_000)]
    deliveries: usize,
    /// With --bridge: measure acknowledgements also while so many pages are read into the library, and everybody of
    /// --deliveries gets a mandatory course
    #[arg(long, value_name = "PAGES")]
    loads: Option<usize>,
    /// With --loads: for how many seconds at most
    #[arg(long, default_value_t = 100, value_name = "SECONDS")]
    limit: u64,
    /// With --bridge: an empty PostgreSQL database instead of a temporary SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

pub async fn run(mut config: Config, options: Options, json: bool) -> Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    config.data.dir = folder.path().to_owned();
    config.database.url = None;
    config.library.sources = Vec::new();
    if options.bridge {
        let figures = bridge::Wanted {
            events: options.events,
            deliveries: options.deliveries,
            pages: options.loads,
            limit: Duration::from_secs(options.limit),
        };
        let here = Config {
            database: crate::config::Database { url: options.database.clone(), ..Default::default() },
            ..config.clone()
        };
        bridge::run(here, &figures, json).await?;
    }
    if options.ledger {
        let wanted = ledger::Wanted { people: options.people, packed: options.packed, leaves: options.leaves };
        ledger::run(config.clone(), &wanted, json).await?;
    }
    if let Some(passages) = options.search {
        let wanted = search::Wanted { passages, model: options.model.clone(), keep: options.keep.clone() };
        search::run(&wanted, json).await?;
    }
    if options.simulate {
        simulate::run(&config, options.people, folder.path(), json).await?;
    }
    match &options.library {
        Some(folder) => library(config, folder, &options, json).await,
        None => Ok(()),
    }
}

async fn library(mut config: Config, folder: &std::path::Path, options: &Options, json: bool) -> Result<()> {
    config.library.sources = vec![Source::folder("bench", folder.to_owned())];
    let mut figures = Vec::new();

    let start = monotonic();
    let app = App::open(config.clone(), ClockKind::System, Index::open(&index_dir(&config))?).await?;
    super::library::sync_all(&app).await?;
    app.services.index.catch_up(&app.db).await?;
    figures.push(("library read, stored and searchable", start.elapsed(), Some(Duration::from_secs(5))));

    let questions = match &options.questions {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?
            .lines()
            .map(str::to_owned)
            .filter(|l| !l.trim().is_empty())
            .collect(),
        None => headings(&app).await?,
    };
    let mut times = Vec::with_capacity(questions.len());
    for question in &questions {
        let start = monotonic();
        answers::ask(&app.db, &app.services.index, question, &Access::everyone()).await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or_default();
    figures.push(("ask, half of the questions within", at(50), None));
    figures.push(("ask, 99 of 100 questions within", at(99), Some(Duration::from_millis(50))));

    let asked = asking::run(&app, &questions).await?;
    let at = |share: usize| asked.get(asked.len() * share / 100).or(asked.last()).copied().unwrap_or_default();
    figures.push(("in chat at 20 questions/s, half within", at(50), None));
    figures.push(("in chat at 20 questions/s, 95 of 100 within", at(95), Some(Duration::from_millis(200))));

    let passages = app.services.index.len();
    app.db.close().await;
    drop(app);
    let start = monotonic();
    let app = App::open(config.clone(), ClockKind::System, Index::open(&index_dir(&config))?).await?;
    app.services.index.catch_up(&app.db).await?;
    figures.push(("start with existing data", start.elapsed(), Some(Duration::from_secs(1))));
    let memory = resident_mib();
    app.db.close().await;

    if json {
        for (name, time, limit) in figures {
            let limit = limit.map(|l| l.as_secs_f64() * 1000.0);
            print_json(&json!({ "figure": name, "ms": time.as_secs_f64() * 1000.0, "wanted_ms": limit }))?;
        }
        return print_json(&json!({ "figure": "resident memory", "mib": memory, "wanted_mib": 100 }));
    }
    println!("{passages} passages, {} questions", questions.len());
    for (name, time, limit) in figures {
        let wanted = limit.map_or_else(String::new, |l| format!("  (wanted: under {} ms)", l.as_millis()));
        println!("{name:<45} {:>9.1} ms{wanted}", time.as_secs_f64() * 1000.0);
    }
    match memory {
        Some(mib) => println!("{:<45} {mib:>9.1} MiB  (wanted: under 100 MiB)", "resident memory after all this"),
        None => println!("resident memory: this system does not tell"),
    }
    Ok(())
}

/// The headings of the library, as questions.
async fn headings(app: &App) -> Result<Vec<String>> {
    let ids = app.db.read(|c| async move { stoa_learning::library::document_ids(&c, "", 1_000).await }).await?;
    let mut questions = Vec::new();
    for id in &ids {
        let passages = app.db.read(|c| async move { stoa_learning::library::passages_of(&c, id).await }).await?;
        questions.extend(passages.into_iter().filter_map(|p| p.headings.last().cloned()).take(4));
    }
    Ok(questions)
}

/// A figure, what it was measured to be, and what is wanted, if anything.
pub struct Figure {
    name: String,
    value: f64,
    wanted: &'static str,
}

impl Figure {
    pub fn new(name: impl Into<String>, value: f64, wanted: &'static str) -> Self {
        Self { name: name.into(), value, wanted }
    }
}

/// Prints figures, a line each.
pub fn print(figures: &[Figure], json: bool) -> Result<()> {
    for Figure { name, value, wanted } in figures {
        if json {
            print_json(&json!({ "figure": name.trim(), "value": value, "wanted": wanted }))?;
        } else {
            let wanted = if wanted.is_empty() { String::new() } else { format!("  (wanted: {wanted})") };
            println!("{name:<78} {value:>12.2}{wanted}");
        }
    }
    Ok(())
}

/// Within how many milliseconds so many of a hundred were done.
pub fn share_ms(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times.get(times.len() * share / 100).or(times.last()).map_or(0.0, |t| t.as_secs_f64() * 1e3)
}

/// The most memory that this process ever had, in MiB, where `/proc` says it.
pub fn peak_mib() -> Option<f64> {
    of_status("VmHWM:")
}

/// Resident memory of this process in MiB, where `/proc` says it.
fn resident_mib() -> Option<f64> {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
