//! `stoa library sync|list`

use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use stoa_learning::impact::{self, Impact};
use stoa_learning::library::{self, Progress, SourceSettings, SyncReport};
use stoa_sources::Files;

use super::print_json;
use crate::app::App;
use crate::config::{Config, Source};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Read all sources again; what is gone there is retired here
    Sync,
    /// List the sources with what is in them
    List,
    /// What relies on a document, or on all that changed since a day: answers, lessons, courses and people, in numbers
    Impact {
        /// The document's path, address or title
        #[arg(required_unless_present = "since")]
        document: Option<String>,
        /// A day (UTC): what was changed, deprecated or withdrawn from then on
        #[arg(long, value_name = "DATE")]
        since: Option<jiff::civil::Date>,
    },
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<ExitCode> {
    let (app, lock) = App::for_reader(config, matches!(command, Command::List)).await?;
    let (mut failed, mut alone) = (false, false);
    match command {
        Command::Sync => {
            alone = lock.is_some();
            if app.config.library.sources.is_empty() {
                eprintln!(
                    "There are no sources: add [[library.sources]] with kind, name, path and readers to stoa.toml."
                );
            }
            for source in &app.config.library.sources {
                let report = sync_one(&app, source, !json).await?;
                failed |= !report.errors.is_empty();
                if json {
                    let problem = |(at, why): &(String, String)| json!({ "location": at, "why": why });
                    print_json(&json!({
                        "source": source.name, "added": report.added, "changed": report.changed,
                        "unchanged": report.unchanged, "removed": report.removed,
                        "errors": report.errors.iter().map(problem).collect::<Vec<_>>(),
                        "warnings": report.warnings.iter().map(problem).collect::<Vec<_>>(),
                    }))?;
                } else {
                    println!("{}", summary(source, &report));
                }
            }
        }
        Command::Impact { document, since } => show_impact(&app, document.as_deref(), since, json).await?,
        Command::List => {
            let sources = app.db.read(|c| async move { library::sources(&c).await }).await?;
            for source in &sources {
                if json {
                    print_json(source)?;
                } else {
                    println!("{}: {} documents ({})", source.name, source.documents, source.kind);
                }
            }
            if sources.is_empty() && !json {
                println!("The library is empty. Add [[library.sources]] to stoa.toml and run 'stoa library sync'.");
            }
        }
    }
    embed(&app, alone).await?;
    app.finish(lock).await?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Embeds what is new, where there is a model and no server that does it.
async fn embed(app: &App, alone: bool) -> Result<()> {
    if alone && let Some(model) = crate::model::embedder(&app.config, app.db.clock())? {
        app.services.index.search_by_meaning(model);
        app.services.index.embed(&app.db).await?;
    }
    Ok(())
}

async fn show_impact(app: &App, document: Option<&str>, since: Option<jiff::civil::Date>, json: bool) -> Result<()> {
    let all: Vec<Impact> = app
        .db
        .read(|c| async move {
            let mut all = Vec::new();
            if let Some(name) = document {
                let named =
                    |d: &library::Document| d.location == name || d.title.eq_ignore_ascii_case(name) || d.id == name;
                for document in library::documents(&c).await?.iter().filter(|d| named(d)) {
                    all.push(impact::of(&c, document).await?);
                }
            }
            if let Some(day) = since {
                let from =
                    day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| stoa_ground::Error::invalid(e.to_string()))?;
                all.extend(impact::since(&c, stoa_ground::Instant::from(&from)).await?);
            }
            Ok(all)
        })
        .await?;
    if let (true, Some(name)) = (all.is_empty(), document) {
        anyhow::bail!("no document has the path, address or title '{name}': 'stoa library list' shows the sources");
    }
    for impact in &all {
        if json {
            print_json(impact)?;
            continue;
        }
        let what = impact.what.map(|w| format!(" was {}", format!("{w:?}").to_lowercase())).unwrap_or_default();
        println!("{} ({}: {}){what}", impact.title, impact.source, impact.location);
        let relied = &impact.relied;
        println!("  answers: {} to {} people; saved by {}", relied.answers, relied.people, relied.saved);
        for d in &impact.dependants {
            println!(
                "  {}: {} ({}): {} people learned it, {} have it before them",
                d.source, d.title, d.location, d.people, d.open
            );
        }
    }
    if all.is_empty() && !json {
        println!("Nothing changed since then that something relied on.");
    }
    Ok(())
}

/// Reads all configured sources again. What cannot be read is told in the log and stops nothing.
pub async fn sync_all(app: &App, show: bool) -> Result<()> {
    for source in &app.config.library.sources {
        let report = sync_one(app, source, show).await?;
        tracing::info!("{}", summary(source, &report).lines().next().unwrap_or_default());
        for (location, why) in &report.errors {
            tracing::warn!(source = %source.name, %location, "{why}");
        }
    }
    Ok(())
}

async fn sync_one(app: &App, source: &Source, show: bool) -> Result<SyncReport> {
    let settings = SourceSettings {
        name: source.name.clone(),
        kind: source.kind.clone(),
        readers: source.readers.clone(),
        verified: source.verified,
    };
    let reader = Files::new(settings, source.path.clone().unwrap_or_default());
    let bar = if show { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.set_prefix(source.name.clone());
    let shown = |progress: Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    };
    let report = library::sync(&app.db, &reader, &shown).await?;
    bar.finish_and_clear();
    Ok(report)
}

fn summary(source: &Source, report: &SyncReport) -> String {
    let mut text = format!(
        "{}: {} new, {} changed, {} unchanged, {} gone",
        source.name, report.added, report.changed, report.unchanged, report.removed
    );
    if source.readers.is_empty() {
        text.push_str("\n  note: nobody may read this source; add readers = [\"everyone\"] or a role, group or person");
    }
    for (location, why) in &report.errors {
        text.push_str(&format!("\n  error: {location}: {why}"));
    }
    for (location, why) in &report.warnings {
        text.push_str(&format!("\n  warning: {location}: {why}"));
    }
    text
}
