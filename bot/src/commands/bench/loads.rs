//! Bulk work beside the server, by the commands that an operator gives: a library sync and an evaluation of everybody, at
//! once, while events are acknowledged.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stoa_ground::args;
use stoa_ground::clock::monotonic;
use stoa_ground::db::longest_write;
use tokio::process::{Child, Command};

use super::bridge::{Poster, acknowledged, share};
use crate::app::App;

/// Words that pages are made of.
const WORDS: &[&str] = &[
    "harbour",
    "invoice",
    "travel",
    "refund",
    "password",
    "meeting",
    "office",
    "parcel",
    "customer",
    "winter",
    "holiday",
    "laptop",
    "contract",
    "kitchen",
    "printer",
    "budget",
    "security",
    "training",
    "pension",
    "bicycle",
    "warehouse",
];

/// What was measured under load.
pub struct Loaded {
    times: Vec<Duration>,
    longest: Duration,
    pages: usize,
    assignments: usize,
    took: Duration,
    whole: bool,
}

impl Loaded {
    pub fn figures(&self) -> Vec<(&'static str, f64, &'static str, &'static str)> {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let number = |n: usize| n as f64;
        let ended = if self.whole { "both loads were done after" } else { "both loads were broken off after" };
        vec![
            ("  loads: pages read into the library", number(self.pages), "", ""),
            ("  loads: people who got a mandatory course", number(self.assignments), "", ""),
            (ended, self.took.as_secs_f64(), "s", ""),
            ("acknowledgement under both loads, half within", ms(share(&self.times, 50)), "ms", ""),
            ("acknowledgement under both loads, 99 of 100 within", ms(share(&self.times, 99)), "ms", "under 100"),
            ("longest write transaction of the server meanwhile", ms(self.longest), "ms", "under 50"),
        ]
    }
}

/// Lets both commands run beside this process, at most so long, and measures acknowledgements until the last of them ends.
pub async fn measure(app: &App, poster: &Poster, pages: usize, limit: Duration) -> Result<Loaded> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let dir = folder.path();
    write_pages(&dir.join("pages"), pages)?;
    write_config(app, dir)?;
    run(dir, &["training", "courses", "courses"])?.wait().await?;

    let follower = tokio::spawn({
        let (index, db) = (app.services.index.clone(), app.db.clone());
        async move { index.follow(&db).await }
    });
    let start = monotonic();
    let mut children = [run(dir, &["library", "sync"])?, run(dir, &["training", "apply", "everybody.toml"])?];
    longest_write();
    let over = async {
        let all = async {
            for child in &mut children {
                // Whether it ended well is looked at below.
                let _ = child.wait().await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    };
    let times = acknowledged(poster, "loaded", over).await?;
    let (longest, took) = (longest_write(), start.elapsed());
    let mut whole = true;
    for child in &mut children {
        match child.try_wait()? {
            Some(status) => ensure!(status.success(), "a command beside the server ended with {status}"),
            None => {
                whole = false;
                child.kill().await?;
            }
        }
    }
    follower.abort();
    let count = async |sql: &'static str| -> Result<usize> {
        let row = app.db.opt(sql, args![]).await?.context("a count")?;
        Ok(usize::try_from(row.get::<i64>("n")?)?)
    };
    let pages = count("SELECT COUNT(*) AS n FROM document WHERE source = 'load'").await?;
    let assignments = count("SELECT COUNT(*) AS n FROM assignment").await?;
    Ok(Loaded { times, longest, pages, assignments, took, whole })
}

/// A command of this program beside this process.
fn run(dir: &Path, args: &[&str]) -> Result<Child> {
    let program = std::env::current_exe().context("this program")?;
    let child = Command::new(program).args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    child.context("a command beside the server")
}

/// Pages of some hundred words with three headings each, like those of a handbook.
fn write_pages(dir: &Path, pages: usize) -> Result<()> {
    for n in 0..pages {
        let folder = dir.join(format!("part{}", n / 500));
        std::fs::create_dir_all(&folder)?;
        let mut text = format!("# Page {n}\n");
        for section in 0..3 {
            text.push_str(&format!("\n## {} {section}\n\n", WORDS[(n + section * 5) % WORDS.len()]));
            for word in 0..60 {
                text.push_str(WORDS[(n * 7 + section * 11 + word * (1 + n % 5)) % WORDS.len()]);
                text.push(if word % 12 == 11 { '\n' } else { ' ' });
            }
        }
        std::fs::write(folder.join(format!("page{n}.md")), text)?;
    }
    Ok(())
}

/// The same store for the commands, with the pages as a source and a course that everybody must take.
fn write_config(app: &App, dir: &Path) -> Result<()> {
    let config = format!(
        "[database]\nurl = \"{}\"\n[data]\ndir = \"{}\"\n[organisation]\niri = \"{}\"\n\
         [[library.sources]]\nkind = \"files\"\nname = \"load\"\npath = \"pages\"\nreaders = [\"everyone\"]\n",
        app.config.database_url(),
        app.config.data.dir.display(),
        app.services.organisation.iri,
    );
    std::fs::write(dir.join("stoa.toml"), config)?;
    let course = dir.join("courses/safety");
    std::fs::create_dir_all(&course)?;
    let about = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
    std::fs::write(course.join("course.toml"), about)?;
    std::fs::write(course.join("01-why.md"), "# Why\n\nBecause it matters to all of us.\n")?;
    let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\naudience = \"everyone\"\n\
                       due = { days = 14, from = \"assigned\" }\n";
    std::fs::write(dir.join("everybody.toml"), requirement)?;
    Ok(())
}
