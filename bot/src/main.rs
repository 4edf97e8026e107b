//! Stoa: the learning bot and social learning hub. This crate is configuration, command line and wiring, nothing else.

// First, for its macros are those of all the others.
#[macro_use]
mod output;

mod app;
mod asking;
mod bridge;
mod calendar;
mod commands;
mod config;
mod demo;
mod discord;
mod evidence;
mod leftover;
mod lrs;
mod model;
mod observe;
mod oidc;
mod operations;
mod pulse;
mod serve;
mod slack;
mod sources;
mod tasks;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::ClockKind;
use crate::config::Config;

/// Messages are many small pieces of memory, on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A chat-ops learning bot and social learning hub
#[derive(Parser)]
#[command(name = "stoa", version, propagate_version = true)]
struct Cli {
    /// The configuration file [default: stoa.toml, where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Machine-readable output, one JSON value per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run with a sample organisation and a local web chat; nothing to configure
    Demo(demo::Options),
    /// Run the server
    Serve {
        /// Whether the clock is moved by hand (tests) or is the machine's
        #[arg(long, value_enum, default_value = "system")]
        clock: ClockKind,
    },
    /// Ask a question, as the operator or as a person
    Ask(commands::ask::Options),
    /// The library of documents that answers come from
    #[command(subcommand)]
    Library(commands::library::Command),
    /// People: the roster, roles and sign-in links
    #[command(subcommand)]
    People(commands::people::Command),
    /// Answers: those that people wrote, and questions that have none
    #[command(subcommand)]
    Answers(commands::answers::Command),
    /// Tracks of lessons
    #[command(subcommand)]
    Lessons(commands::lessons::Command),
    /// Mandatory training
    #[command(subcommand)]
    Training(commands::training::Command),
    /// Evidence: checkpoints of the log, its keys, legal holds
    #[command(subcommand)]
    Audit(commands::audit::Command),
    /// The Learning Record Store
    #[command(subcommand)]
    Lrs(lrs::Command),
    /// Slack: the manifest of its app
    #[command(subcommand)]
    Slack(slack::Command),
    /// Discord: the link with which its app is added to a server
    #[command(subcommand)]
    Discord(discord::Command),
    /// Measure retrieval and abstention on a labelled set
    Eval(commands::eval::Options),
    /// Models for search by meaning
    #[command(subcommand)]
    Model(commands::model::Command),
    /// The JSON Schema of stoa.toml, of a file of requirements, or of a lesson
    Schema(commands::schema::Options),
    /// Say what is missing or wrong, one line each, and the way out; ends with 1 when something is wrong
    Doctor(commands::doctor::Options),
    /// What waits, what was put aside, and what to do with it
    #[command(subcommand)]
    Queue(commands::queue::Command),
    /// Say what would be sent in a period and why, without sending anything
    Simulate(commands::simulate::Options),
    /// Bring the schema of the store up to date
    Migrate,
    /// Write a backup of the whole store to FILE and its keys to FILE.keys; the server may run
    Backup { file: PathBuf },
    /// Restore a backup into a store that does not exist yet; the server must not run
    Restore {
        file: PathBuf,
        /// The keys that were written with the backup, or newer ones
        #[arg(long)]
        keys: PathBuf,
    },
    /// Measure start, answers and memory on this machine
    Bench(commands::bench::Options),
    #[command(hide = true)]
    ExtractPdf { path: PathBuf },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return misused(&e),
    };
    if let Command::ExtractPdf { path } = &cli.command {
        return stoa_sources::pdf::extract_pdf_main(path);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: the program cannot start its threads: {e}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(dispatch(cli));
    // Threads that only wait for a reader's next line must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let printed = || output::finish().context("standard output cannot be written");
    match result.and_then(|code| printed().map(|()| code)) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {}", sentence(&e));
            ExitCode::FAILURE
        }
    }
}

/// Says how the program is used. `audit verify` keeps 2 for a verdict, so that wrong usage of it is 64 (`EX_USAGE`).
fn misused(e: &clap::Error) -> ExitCode {
    // There is nobody to tell when this fails.
    let _ = e.print();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).take(2).collect();
    if !e.use_stderr() {
        ExitCode::SUCCESS
    } else if words == ["audit", "verify"] {
        ExitCode::from(64)
    } else {
        ExitCode::from(2)
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let serving = matches!(cli.command, Command::Serve { .. } | Command::Demo(_));
    log_to_stderr(serving, cli.json);
    // Some commands need no configuration and must not fail over one.
    let config = match &cli.command {
        Command::Eval(_) | Command::Schema(_) | Command::Audit(commands::audit::Command::Verify(_)) => {
            Config::default()
        }
        _ => Config::load(cli.config.as_deref())?,
    };
    let json = cli.json;
    match cli.command {
        Command::Demo(options) => demo::run(config, options, json).await?,
        Command::Serve { clock } => {
            let mode = serve::Mode { demo: false, clock, json };
            serve::run(config, mode, |app| async move { commands::library::sync_folders(&app).await }).await?;
        }
        Command::Ask(options) => commands::ask::run(config, options, json).await?,
        Command::Library(command) => return commands::library::run(config, command, json).await,
        Command::People(command) => return commands::people::run(config, command, json).await,
        Command::Answers(command) => commands::answers::run(config, command, json).await?,
        Command::Lessons(command) => return commands::lessons::run(config, command, json).await,
        Command::Training(command) => return commands::training::run(config, command, json).await,
        Command::Audit(command) => return commands::audit::run(config, command, json).await,
        Command::Lrs(command) => lrs::run(config, command, json).await?,
        Command::Slack(command) => slack::run(&config, &command)?,
        Command::Discord(command) => discord::run(&config, command)?,
        Command::Eval(options) => commands::eval::run(cli.config.as_deref(), options, json).await?,
        Command::Model(command) => commands::model::run(&config, command, json).await?,
        Command::Schema(options) => commands::schema::run(&options, json)?,
        Command::Doctor(options) => return commands::doctor::run(config, cli.config.as_deref(), options, json).await,
        Command::Queue(command) => commands::queue::run(config, command, json).await?,
        Command::Simulate(options) => commands::simulate::run(config, options, json).await?,
        Command::Migrate => commands::backup::migrate(config).await?,
        Command::Backup { file } => commands::backup::write(&config, &file, json).await?,
        Command::Restore { file, keys } => commands::backup::restore(config, &file, &keys, json).await?,
        Command::Bench(options) => commands::bench::run(config, options, json).await?,
        Command::ExtractPdf { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs go to standard error, so that standard output stays what was asked for.
fn log_to_stderr(serving: bool, json: bool) {
    let default = if serving { "info,tantivy=warn,sqlx=warn" } else { "warn,tantivy=error" };
    let filter = EnvFilter::try_from_env("STOA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A log that cannot be written, on a full disk, would be told on standard error as well: that fails, and panics.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    if json {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_target(false).compact().init();
    }
}

/// An error with its causes as one sentence, without saying anything twice.
fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}
