//! `stoa training courses|apply|status|complete|import|statements|extend|exempt`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use stoa_learning::training::{self, Filter, Line, Outcome, Plan, Row, course};

use super::print_json;
use crate::app::App;
use crate::config::Config;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Bring a folder of courses into the store
    Courses {
        /// The folder
        dir: PathBuf,
    },
    /// Bring a file of requirements into force
    Apply {
        /// The file
        file: PathBuf,
        /// Say who would get what, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Who has what to do, and how it stands
    Status {
        /// Only this requirement
        #[arg(long)]
        requirement: Option<String>,
        /// Only this person (employee id, e-mail or name)
        #[arg(long)]
        person: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
    },
    /// Record that somebody has completed a requirement elsewhere
    Complete(Decision),
    /// Bring in completions from elsewhere: CSV with the columns person, requirement or course, completed_at, and if you
    /// like score, provider, evidence
    Import {
        /// The file
        file: PathBuf,
        /// Judge every line, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// What became of statements of other systems that a course's rules mean
    Statements {
        /// Only these: counted, refused or voided
        #[arg(long, value_parser = ["counted", "refused", "voided"])]
        state: Option<String>,
    },
    /// Give somebody another due date
    Extend {
        #[command(flatten)]
        decision: Decision,
        /// The new due date, like 2026-12-24
        #[arg(long)]
        to: Date,
    },
    /// Exempt somebody from a requirement
    Exempt {
        #[command(flatten)]
        decision: Decision,
        /// The last day of the exemption, like 2026-12-24; without it, for good
        #[arg(long)]
        until: Option<Date>,
    },
}

/// A decision about one person's requirement.
#[derive(clap::Args, Debug)]
pub struct Decision {
    /// Employee id, e-mail or name
    person: String,
    /// The requirement's id
    requirement: String,
    /// Why, for the evidence
    #[arg(long)]
    reason: String,
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<ExitCode> {
    let (app, lock) =
        App::for_reader(config, matches!(command, Command::Status { .. } | Command::Statements { .. })).await?;
    let (db, services) = (&app.db, &*app.services);
    match command {
        Command::Courses { dir } => {
            for applied in course::apply_dir(db, services, &dir).await? {
                if json {
                    print_json(&applied)?;
                } else {
                    println!("{}: {}", applied.title, became(&applied));
                }
                for warning in &applied.warnings {
                    eprintln!("warning: {}: {warning}", applied.course);
                }
            }
        }
        Command::Apply { file, dry_run } => {
            let plan = apply_file(&app, &file, dry_run).await?;
            if json { print_json(&plan)? } else { print!("{}", describe(&plan)) }
        }
        Command::Status { requirement, person, state } => {
            let filter = &Filter { requirement, person, state };
            let rows = db.read(|c| async move { training::status(&c, filter).await }).await?;
            for row in &rows {
                if json { print_json(row)? } else { println!("{}", line(row)) }
            }
            if rows.is_empty() && !json {
                println!("Nobody has anything assigned that fits.");
            }
        }
        Command::Complete(d) => {
            training::complete(db, services, &d.person, &d.requirement, "operator", &d.reason).await?;
            println!("Recorded as completed.");
        }
        Command::Import { file, dry_run } => {
            let bytes = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let lines = training::import(db, services, &file.display().to_string(), &bytes, dry_run).await?;
            for line in &lines {
                if json { print_json(line)? } else { println!("{}", judged(line)) }
            }
            let count = |outcome| lines.iter().filter(|l| l.outcome == outcome).count();
            let refused = count(Outcome::Refused);
            if !json {
                let end = if dry_run { " Nothing was changed: this was a dry run." } else { "" };
                let (recorded, unchanged) = (count(Outcome::Recorded), count(Outcome::Unchanged));
                println!("{recorded} recorded, {unchanged} unchanged, {refused} refused.{end}");
            }
            if refused > 0 {
                app.finish(lock).await?;
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Statements { state } => {
            let state = state.as_deref();
            let all = db.read(|c| async move { training::judged(&c, state).await }).await?;
            for one in &all {
                if json {
                    print_json(one)?
                } else {
                    println!("{}: {}, {}: {}", one.statement, one.course, one.state, one.why)
                }
            }
            if all.is_empty() && !json {
                println!("No statement of another system fits.");
            }
        }
        Command::Extend { decision: d, to } => {
            training::extend(db, services, &d.person, &d.requirement, to, "operator", &d.reason).await?;
            println!("The due date is now {to}, or the next working day.");
        }
        Command::Exempt { decision: d, until } => {
            training::exempt(db, services, &d.person, &d.requirement, until, "operator", &d.reason).await?;
            match until {
                Some(day) => println!("Exempt until {day}."),
                None => println!("Exempt."),
            }
        }
    }
    app.finish(lock).await?;
    Ok(ExitCode::SUCCESS)
}

fn became(applied: &course::Applied) -> &'static str {
    match (applied.changed, applied.particulars) {
        (true, _) => "new version",
        (false, true) => "other trainers or rules, same version",
        (false, false) => "unchanged",
    }
}

fn judged(line: &Line) -> String {
    let outcome = match line.outcome {
        Outcome::Recorded => "recorded",
        Outcome::Unchanged => "unchanged",
        Outcome::Refused => "refused",
    };
    format!("row {}: {outcome}: {}", line.row, line.why)
}

/// Brings a folder of courses into the store, for the demo.
pub async fn apply_courses(app: &App, dir: &Path) -> Result<()> {
    course::apply_dir(&app.db, &app.services, dir).await?;
    Ok(())
}

/// Brings every file of requirements in a folder into force, for the demo.
pub async fn apply_requirements(app: &App, dir: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .with_context(|| format!("{} cannot be read", dir.display()))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "toml")) {
        apply_file(app, file, false).await?;
    }
    Ok(())
}

async fn apply_file(app: &App, file: &Path, dry_run: bool) -> Result<Plan> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(training::apply(&app.db, &app.services, &file.display().to_string(), &text, dry_run).await?)
}

fn describe(plan: &Plan) -> String {
    let mut out = String::new();
    for r in &plan.requirements {
        out.push_str(&format!("{} ({}): for {}; it means {} people\n", r.title, r.change, r.audience, r.means));
        for (mark, effects) in [('+', &r.assign), ('-', &r.retire), ('~', &r.adjust)] {
            for effect in effects {
                let due = effect.due.map_or_else(String::new, |d| format!(", due {d}"));
                out.push_str(&format!("  {mark} {}{due}: {}\n", effect.name, effect.reason));
            }
        }
        for group in &r.empty_groups {
            out.push_str(&format!("  warning: nobody is in the group '{group}'\n"));
        }
    }
    out.push_str(if plan.dry_run { "Nothing was changed: this was a dry run.\n" } else { "In force.\n" });
    out
}

fn line(row: &Row) -> String {
    let completed =
        row.completed.as_ref().map_or_else(String::new, |at| format!(", completed {}", &at[..10.min(at.len())]));
    format!("{}: {} – {}, due {}{completed} ({})", row.name, row.requirement, row.state, row.due_date, row.reason)
}
