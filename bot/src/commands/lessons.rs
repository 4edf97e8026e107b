//! `stoa lessons check|apply DIR`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use stoa_learning::lessons;

use super::print_json;
use crate::app::App;
use crate::config::Config;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Read a folder of tracks and say what is wrong with it; nothing is changed
    Check {
        /// The folder
        dir: PathBuf,
    },
    /// Let the tracks stand as the folder says
    Apply {
        /// The folder
        dir: PathBuf,
    },
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<ExitCode> {
    match command {
        Command::Check { dir } => {
            let checked = lessons::check_dir(&dir);
            let lines = [("error", &checked.errors), ("warning", &checked.warnings)];
            for (grade, problems) in lines {
                for problem in problems {
                    if json {
                        print_json(&json!({ "grade": grade, "text": problem.to_string() }))?;
                    } else {
                        println!("{grade}: {problem}");
                    }
                }
            }
            let count: usize = checked.tracks.iter().map(|t| t.lessons.len()).sum();
            if checked.errors.is_empty() && !json {
                println!("{} tracks with {count} lessons: nothing is wrong.", checked.tracks.len());
            }
            Ok(if checked.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Apply { dir } => {
            let (app, lock) = App::for_command(config).await?;
            let applied = lessons::apply_dir(&app.db, &dir).await?;
            if json {
                print_json(&json!({
                    "tracks": applied.tracks, "added": applied.added,
                    "changed": applied.changed, "removed": applied.removed,
                }))?;
            } else {
                for warning in &applied.warnings {
                    println!("warning: {warning}");
                }
                println!(
                    "{} tracks: {} lessons new, {} changed, {} gone.",
                    applied.tracks, applied.added, applied.changed, applied.removed
                );
            }
            app.finish(lock).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Applies a folder of tracks, for the demo.
pub async fn apply_all(app: &App, dir: &Path) -> Result<()> {
    lessons::apply_dir(&app.db, dir).await?;
    Ok(())
}
