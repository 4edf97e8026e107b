//! `stoa simulate`: what would be sent in a period, and why, without sending anything.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use stoa_ground::{Clock, Db, people};
use stoa_learning::simulate::{Simulation, Tally, Titles, Wanted, of_person};

use crate::config::Config;
use crate::output::Output;

#[derive(clap::Args, Debug)]
pub struct Options {
    /// The first day, like 2026-11-23, in the organisation's time zone
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// The last day
    #[arg(long, value_name = "DATE")]
    to: Date,
    /// What happens meanwhile: one JSON value a line, see docs/simulation.md
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Show only this person: employee id, e-mail or name
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    /// What ids follow from; the same seed gives the same output
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub async fn run(config: Config, options: Options, json: bool) -> Result<()> {
    let source = Db::open_read_only(&config.database_url(), Clock::system()).await?;
    let mut organisation = config.organisation()?;
    if let (true, Some(iri)) = (config.organisation.iri.is_empty(), source.meta("organisation.iri").await?) {
        organisation.iri = iri;
    }
    let wanted = Wanted {
        from: options.from,
        to: options.to,
        seed: options.seed,
        mail: config.mail.smtp_url.is_some() || config.mail.smtp_url_file.is_some(),
        training: config.training()?,
        roster: super::people::import_options(&config, false, false),
    };
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let mut simulation = Simulation::open(&source, organisation, wanted, folder.path()).await?;
    if let Some(file) = &options.events {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        simulation.take(&file.display().to_string(), &text).await?;
    }
    let told = simulation.run().await?.clone();
    // Also somebody whom an event hires.
    let only = match options.person.as_deref() {
        Some(text) => Some(simulation.db().read(|c| async move { people::find(&c, text).await }).await?),
        None => None,
    };
    let person = only.as_ref().map(|p| p.employee_id.as_str());
    if json {
        let mut out = std::io::BufWriter::new(Output);
        simulation
            .lines(person, |line| {
                let text = serde_json::to_string(line)?;
                // It cannot fail: see `Output`.
                let _ = writeln!(out, "{text}");
                Ok(())
            })
            .await?;
        out.flush()?;
        for note in told.notes() {
            eprintln!("{note}");
        }
        return Ok(());
    }
    let text = match &only {
        Some(p) => {
            let titles = simulation.db().read(|c| async move { Titles::read(&c).await }).await?;
            let mut lines = Vec::new();
            simulation
                .lines(person, |line| {
                    lines.push(line.clone());
                    Ok(())
                })
                .await?;
            format!("{}, {} to {}\n{}", p.name, options.from, options.to, of_person(&lines, &titles))
        }
        None => {
            let mut tally = Tally::default();
            simulation
                .lines(None, |line| {
                    tally.add(line);
                    Ok(())
                })
                .await?;
            tally.text(options.from, options.to, &told)
        }
    };
    print!("{text}");
    Ok(())
}
