//! `stoa library sync|list|deprecate|impact`

use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use stoa_learning::impact::{self, Impact};
use stoa_learning::library::{self, Document, Missing, Progress, Status, SyncReport};
use stoa_sources::away;

use super::print_json;
use crate::app::App;
use crate::config::{Config, Source};

/// So many errors of one source are shown.
const SHOWN: usize = 50;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Read all sources again; what is gone there is retired here
    Sync {
        /// The source that is read; all of them without it
        source: Option<String>,
        /// Most of a source is missing, and that is right: do not wait for it to come back
        #[arg(long)]
        gone: bool,
    },
    /// List the sources with what is in them, and what could not be read
    List,
    /// Say that a page should not be relied on any more: answers that quote it say so, and it ranks below others
    Deprecate {
        /// The page's path, address or title
        document: String,
        /// Why, for those who read it; a sentence
        #[arg(required_unless_present = "undo")]
        reason: Option<String>,
        /// It may be relied on again
        #[arg(long, conflicts_with = "reason")]
        undo: bool,
    },
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
    let (app, lock) = App::for_reader(config, matches!(command, Command::List | Command::Impact { .. })).await?;
    let (mut failed, mut alone) = (false, false);
    match command {
        Command::Sync { source: only, gone } => {
            alone = lock.is_some();
            let sources = &app.config.library.sources;
            if let Some(name) = &only
                && !sources.iter().any(|s| s.name == *name)
            {
                let names: Vec<&str> = sources.iter().map(|s| s.name.as_str()).collect();
                anyhow::bail!("there is no source '{name}'; there are: {}", names.join(", "));
            }
            let missing = if gone { Missing::Believe } else { Missing::Doubt };
            if app.config.library.sources.is_empty() {
                eprintln!(
                    "There are no sources: add [[library.sources]] with kind, name, readers and path or url to stoa.toml."
                );
            }
            leave(&app).await?;
            for source in sources.iter().filter(|s| only.as_ref().is_none_or(|name| s.name == *name)) {
                let report = sync_one(&app, source, missing, !json).await?;
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
        Command::Deprecate { document, reason, .. } => deprecate(&app, &document, reason.as_deref(), json).await?,
        Command::Impact { document, since } => show_impact(&app, document.as_deref(), since, json).await?,
        Command::List => {
            let read = app.db.read(|c| async move { Ok((library::sources(&c).await?, library::problems(&c).await?)) });
            let (sources, problems) = read.await?;
            for source in &sources {
                let of = problems.iter().filter(|p| p.source == source.name);
                if json {
                    let mut value = serde_json::to_value(source)?;
                    let problem = |p: &library::Problem| json!({ "location": p.location, "why": p.sentence });
                    value["problems"] = of.map(problem).collect();
                    print_json(&value)?;
                } else {
                    println!("{}: {} documents ({})", source.name, source.documents, source.kind);
                    of.for_each(|p| println!("  {}", told("problem", &p.location, &p.sentence)));
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

/// Deprecates the page with this name; without a reason it counts again.
async fn deprecate(app: &App, name: &str, reason: Option<&str>, json: bool) -> Result<()> {
    let mut found = app.db.read(|c| async move { library::documents(&c).await }).await?;
    found.retain(|d| d.status != Status::Retired && is_named(d, name));
    let document = match found.as_slice() {
        [one] => one,
        [] => anyhow::bail!("no page has the path, address or title '{name}': 'stoa library list' shows the sources"),
        several => {
            let places: Vec<String> = several.iter().map(|d| format!("{} ({})", d.location, d.source)).collect();
            anyhow::bail!("several pages are named '{name}': say which by its path or address: {}", places.join(", "));
        }
    };
    let (source, location) = (document.source.as_str(), document.location.as_str());
    let reason = reason.map(stoa_ground::people::clean);
    if reason.as_deref() == Some("") {
        anyhow::bail!(
            "say in a sentence why the page should not be relied on: whoever reads an answer from it reads that"
        );
    }
    let reason = reason.as_deref();
    let changed = app
        .db
        .write(|tx| async move {
            match reason {
                Some(reason) => library::deprecate(&tx, source, location, reason).await,
                None => library::reinstate(&tx, source, location).await,
            }
        })
        .await?;
    if json {
        return print_json(&json!({ "source": source, "location": location, "reason": reason, "changed": changed }));
    }
    println!(
        "{} ({source}: {location}){}",
        document.title,
        match (reason, changed) {
            (Some(_), true) => " is deprecated: answers that quote it say why from now on.",
            (Some(_), false) => " was deprecated for this reason already.",
            (None, true) => " counts again.",
            (None, false) => " was not deprecated.",
        }
    );
    Ok(())
}

fn is_named(document: &Document, name: &str) -> bool {
    document.location == name || document.title.eq_ignore_ascii_case(name) || document.id == name
}

async fn show_impact(app: &App, document: Option<&str>, since: Option<jiff::civil::Date>, json: bool) -> Result<()> {
    let all: Vec<Impact> = app
        .db
        .read(|c| async move {
            let mut all = Vec::new();
            if let Some(name) = document {
                for document in library::documents(&c).await?.iter().filter(|d| is_named(d, name)) {
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
pub async fn sync_all(app: &App) -> Result<()> {
    leave(app).await?;
    for source in &app.config.library.sources {
        sync_quietly(app, source).await?;
    }
    Ok(())
}

/// Reads the folders again, which takes no time; what is elsewhere is followed in the background.
pub async fn sync_folders(app: &App) -> Result<()> {
    leave(app).await?;
    for source in app.config.library.sources.iter().filter(|s| s.kind == "files") {
        sync_quietly(app, source).await?;
    }
    Ok(())
}

/// Reads a source again and tells the log what came of it.
pub async fn sync_quietly(app: &App, source: &Source) -> Result<()> {
    // By hand a server is asked anew.
    away::recall(&app.db).await?;
    let report = sync_one(app, source, Missing::Doubt, false).await?;
    tracing::info!("{}", summary(source, &report).lines().next().unwrap_or_default());
    for (location, why) in &report.errors {
        tracing::warn!(source = %source.name, %location, "{why}");
    }
    Ok(())
}

/// Retires what came from sources that the configuration does not name any more.
async fn leave(app: &App) -> Result<()> {
    let names: Vec<&str> = app.config.library.sources.iter().map(|s| s.name.as_str()).collect();
    let removed = library::leave(&app.db, &names).await?;
    if removed > 0 {
        tracing::info!(removed, "documents of sources that the configuration does not name any more were retired");
    }
    Ok(())
}

async fn sync_one(app: &App, source: &Source, missing: Missing, show: bool) -> Result<SyncReport> {
    // A source that cannot be followed at all must not keep the others from it.
    let reader = match crate::sources::reader(&app.config, source) {
        Ok(reader) => reader,
        Err(e) => return Ok(SyncReport { errors: vec![(String::new(), format!("{e:#}"))], ..SyncReport::default() }),
    };
    let bar = if show { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.set_prefix(source.name.clone());
    let shown = |progress: Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    };
    let report = library::sync_with(&app.db, reader.as_ref(), missing, &shown).await?;
    away::remember(&app.db).await?;
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
    for (what, list) in [("error", &report.errors), ("warning", &report.warnings)] {
        for (location, why) in list.iter().take(SHOWN) {
            text.push_str(&format!("\n  {}", told(what, location, why)));
        }
        if list.len() > SHOWN {
            let way = match what {
                "error" => "'stoa library list' has all that could not be read".to_owned(),
                _ => format!("'stoa --json library sync {}' has all of them", source.name),
            };
            text.push_str(&format!("\n  and {} more {what}s: {way}", list.len() - SHOWN));
        }
    }
    text
}

/// A line about a document, or about the source itself.
fn told(what: &str, location: &str, why: &str) -> String {
    if location.is_empty() { format!("{what}: {why}") } else { format!("{what}: {location}: {why}") }
}
