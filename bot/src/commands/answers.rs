//! `stoa answers list|apply|retire|gaps`

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use stoa_learning::answers::curated::{self, State};
use stoa_learning::answers::gaps;

use super::print_json;
use crate::app::{App, index_dir};
use crate::config::Config;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the answers that people wrote, with their review dates
    List,
    /// Take over approved answers from a file: [[answer]] with questions, text, readers, owner, review_date, language
    Apply {
        /// The file (TOML)
        file: PathBuf,
    },
    /// Take an answer back, named by one of its questions
    Retire {
        /// One of its questions, in its words
        question: String,
    },
    /// List the topics that people asked about in vain, without names
    Gaps,
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<()> {
    let (app, lock) = App::for_reader(config, matches!(command, Command::List | Command::Gaps)).await?;
    // Where there is no folder of it, the index of a reader is in memory and empty.
    let in_memory = matches!(command, Command::Gaps) && !index_dir(&app.config).exists();
    if lock.is_some() || in_memory {
        app.services.index.catch_up(&app.db).await?;
    }
    match command {
        Command::List => {
            for answer in app.db.read(|c| async move { curated::all(&c).await }).await? {
                if json {
                    print_json(&answer)?;
                } else {
                    let review = answer.review_date.map(|d| format!(", review after {d}")).unwrap_or_default();
                    let state = match answer.state {
                        State::Draft => "draft",
                        State::Approved => "approved",
                        State::Retired => "taken back",
                    };
                    println!("{} ({state}{review})", answer.patterns.join(" / "));
                }
            }
        }
        Command::Apply { file } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let name = file.display().to_string();
            let entries = curated::read(&name, &text)?;
            let done = curated::apply(&app.db, &entries).await.with_context(|| name.clone())?;
            if json {
                print_json(&json!({ "added": done.added, "changed": done.changed, "unchanged": done.unchanged }))?;
            } else {
                println!("{name}: {} new, {} changed, {} unchanged", done.added, done.changed, done.unchanged);
            }
        }
        Command::Retire { question } => {
            let all = app.db.read(|c| async move { curated::all(&c).await }).await?;
            let named = |p: &String| p.eq_ignore_ascii_case(question.trim());
            let found = all.into_iter().find(|a| a.state != State::Retired && a.patterns.iter().any(named));
            let Some(found) = found else {
                bail!("no answer has the question '{question}': 'stoa answers list' shows them");
            };
            let retired = &curated::Curated { state: State::Retired, ..found };
            app.db.write(|tx| async move { curated::save(&tx, retired.clone()).await }).await?;
            println!("Taken back.");
        }
        Command::Gaps => {
            let all = gaps::clusters(&app.db, &app.services.index).await?;
            for cluster in &all {
                if json {
                    print_json(cluster)?;
                    continue;
                }
                let topic = cluster.question.clone().unwrap_or_else(|| cluster.words.join(", "));
                let topic = if topic.is_empty() { "(no page has words for it)".to_owned() } else { topic };
                let owner = cluster.owner.as_ref().map(|o| format!("; {o} takes care of it")).unwrap_or_default();
                println!("{topic}: asked {} times by {} people{owner}", cluster.asked, cluster.people);
            }
            if all.is_empty() && !json {
                println!("There are no open questions.");
            }
        }
    }
    app.finish(lock).await
}
