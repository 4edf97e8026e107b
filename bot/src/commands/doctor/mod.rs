//! `stoa doctor`: what is missing, wrong or stuck, one line each, with the way out. Reads only, also beside a server.

mod configuration;
mod outside;
mod store;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::print_json;
use crate::config::Config;

/// How long a row may be due before it counts as stuck, in seconds: as in `ops/prometheus/alerts.yml`.
const STUCK: i64 = 300;

/// How many single rows and people of a kind are named; of the others the number is said.
const NAMED: usize = 20;

#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Options {
    /// Read the whole database and check it, however large it is
    #[arg(long)]
    full: bool,
    /// Call nobody: not the bridges, not the mail server, not the running server
    #[arg(long)]
    offline: bool,
}

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    /// Works, and could be better.
    Note,
    /// Something does not work because of it.
    Wrong,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// The findings, printed as they come.
struct Findings {
    json: bool,
    wrong: bool,
}

impl Findings {
    fn say(&mut self, grade: Grade, area: &str, text: impl std::fmt::Display) -> Result<()> {
        self.wrong |= grade == Grade::Wrong;
        if self.json {
            print_json(&json!({ "grade": grade.word(), "area": area, "text": text.to_string() }))
        } else {
            println!("{:<5} {area}: {text}", grade.word());
            Ok(())
        }
    }
}

pub async fn run(config: Config, file: Option<&Path>, options: Options, json: bool) -> Result<ExitCode> {
    let mut findings = Findings { json, wrong: false };
    let f = &mut findings;
    configuration::check(&config, file, f)?;
    data_folder(&config.data.dir, f)?;
    store::check(&config, options, f).await?;
    outside::check(&config, options, f).await?;
    Ok(if findings.wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether the data folder can be written, and how much room there is.
fn data_folder(dir: &Path, f: &mut Findings) -> Result<()> {
    if !dir.exists() {
        // The name of what is relative begins in this folder.
        let above = dir.ancestors().skip(1).map(|d| if d.as_os_str().is_empty() { Path::new(".") } else { d });
        let above = above.into_iter().find(|d| d.exists()).unwrap_or(Path::new("/"));
        return match tempfile::tempdir_in(above) {
            Ok(_) => {
                f.say(Grade::Note, "data", format!("the data folder {} is made at the first start", dir.display()))
            }
            Err(e) => {
                let text = format!(
                    "the data folder {} cannot be made in {}: {}; make it for the user that runs Stoa, or set [data] dir \
                     to another",
                    dir.display(),
                    above.display(),
                    e.kind()
                );
                f.say(Grade::Wrong, "data", text)
            }
        };
    }
    match tempfile::tempfile_in(dir) {
        Ok(_) => f.say(Grade::Ok, "data", format!("the data folder {} can be written", dir.display()))?,
        Err(e) => {
            let text = format!(
                "the data folder {} cannot be written: {e}; give it to the user that runs Stoa, and make room if it is full",
                dir.display()
            );
            f.say(Grade::Wrong, "data", text)?;
        }
    }
    let Some((free, size)) = crate::observe::disk(dir) else { return Ok(()) };
    let gigabytes = |bytes: f64| bytes / 1e9;
    let grade = if free < 2e8 || free < size * 0.02 {
        Grade::Wrong
    } else if free < 2e9 || free < size * 0.1 {
        Grade::Note
    } else {
        Grade::Ok
    };
    let way = if grade == Grade::Ok { "" } else { "; make room before it is full: then nothing can be accepted" };
    let text = format!("{:.1} of {:.1} GB are free in {}{way}", gigabytes(free), gigabytes(size), dir.display());
    f.say(grade, "disk", text)
}

/// A number of seconds, as people say it.
fn age(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
