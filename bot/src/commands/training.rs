//! `stoa training courses|apply|status|requests|complete|import|statements|extend|exempt|waive|reinstate`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use stoa_learning::training::{self, AsOf, Filter, Line, Outcome, Plan, Row, course, requests};

use super::print_json;
use crate::app::App;
use crate::config::Config;

/// How many reasons and names are said before the rest is only counted.
const REASONS: usize = 10;

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
        /// Ask somebody with the role approver in chat, who brings it into force; needs a reason
        #[arg(long, conflicts_with = "dry_run", requires = "reason")]
        propose: bool,
        /// Why, for the approver
        #[arg(long, requires = "propose")]
        reason: Option<String>,
    },
    /// Who has what to do, and how it stands
    Status {
        /// Only this requirement
        #[arg(long)]
        requirement: Option<String>,
        /// Only this person (employee id, e-mail or name)
        #[arg(long)]
        person: Option<String>,
        /// Only everybody below this manager, at any depth
        #[arg(long)]
        manager: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// As it stood at the end of a day, like 2026-03-31, or at an instant, like 2026-03-31T17:00:00Z
        #[arg(long)]
        as_of: Option<AsOf>,
    },
    /// What people have asked for, and who is to decide
    Requests {
        /// Also those that have ended
        #[arg(long)]
        all: bool,
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
        /// Also when that is before the due date that they have
        #[arg(long)]
        earlier: bool,
    },
    /// Forgive somebody the open cycle of a requirement: it applies, but not this time
    Waive(Decision),
    /// Take an exemption or a waiver back
    Reinstate(Decision),
    /// Exempt somebody from a requirement: it does not apply to this person
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
    let (app, lock) = App::for_reader(
        config,
        matches!(command, Command::Status { .. } | Command::Requests { .. } | Command::Statements { .. }),
    )
    .await?;
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
        Command::Apply { file, propose: true, reason, .. } => {
            let text = read(&file)?;
            let (name, reason) = (file.display().to_string(), reason.unwrap_or_default());
            let planned = training::propose(db, services, &name, &text, &reason).await?;
            let plan = Plan { dry_run: true, requirements: planned };
            if json {
                print_json(&plan)?;
            } else {
                print!("{}", describe(&plan, "Proposed: somebody with the role approver decides in chat.\n"));
            }
        }
        Command::Apply { file, dry_run, .. } => {
            let plan = apply_file(&app, &file, dry_run).await?;
            let end = if plan.dry_run { "Nothing was changed: this was a dry run.\n" } else { "In force.\n" };
            if json { print_json(&plan)? } else { print!("{}", describe(&plan, end)) }
        }
        Command::Status { requirement, person, manager, state, as_of } => {
            let filter = &Filter { requirement, person, manager, state, as_of };
            let rows = db.read(|c| async move { training::status(&c, filter).await }).await?;
            for row in &rows {
                if json { print_json(row)? } else { println!("{}", line(row)) }
            }
            if rows.is_empty() && !json {
                println!("Nobody has anything assigned that fits.");
            }
        }
        Command::Requests { all } => {
            let rows = db.read(|c| async move { requests::rows(&c, all).await }).await?;
            for row in &rows {
                if json { print_json(row)? } else { println!("{}", request_line(row)) }
            }
            if rows.is_empty() && !json {
                println!("No request {}.", if all { "was made" } else { "waits for a decision" });
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
                    print_json(one)?;
                } else {
                    println!("{}: {}, {}: {}", one.statement, one.course, one.state, one.why);
                }
            }
            if all.is_empty() && !json {
                println!("No statement of another system fits.");
            }
        }
        Command::Extend { decision: d, to, earlier } => {
            let (person, requirement) = (&d.person, &d.requirement);
            let a = if earlier {
                training::set_due(db, services, person, requirement, to, "operator", &d.reason).await?
            } else {
                training::extend(db, services, person, requirement, to, "operator", &d.reason).await?
            };
            if a.due.date == to {
                println!("Due {} now.", a.due.date);
            } else {
                println!("Due {} now: {to} is a day off for them.", a.due.date);
            }
        }
        Command::Waive(d) => {
            let a = training::waive(db, services, &d.person, &d.requirement, "operator", &d.reason).await?;
            match a.expires {
                Some(end) => println!("Waived this time; what counts in its place ends on {}.", end.date),
                None => println!("Waived."),
            }
        }
        Command::Reinstate(d) => {
            let a = training::reinstate(db, services, &d.person, &d.requirement, "operator", &d.reason).await?;
            println!("Open again, due {}.", a.due.date);
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
    let text = read(file)?;
    Ok(training::apply(&app.db, &app.services, &file.display().to_string(), &text, dry_run).await?)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn describe(plan: &Plan, end: &str) -> String {
    let mut out = String::new();
    for r in &plan.requirements {
        out.push_str(&format!("{} ({}): for {}; it means {} people\n", r.title, r.change, r.audience, r.means));
        for count in &r.because {
            out.push_str(&format!("  {:>5} {}\n", count.people, count.reason));
        }
        for count in r.not_for.iter().take(REASONS) {
            out.push_str(&format!("  {:>5} {}\n", count.people, count.reason));
        }
        if r.not_for.len() > REASONS {
            let people: usize = r.not_for.iter().skip(REASONS).map(|c| c.people).sum();
            out.push_str(&format!("  {people:>5} not for them, for {} other reasons\n", r.not_for.len() - REASONS));
        }
        let lists = [('+', &r.assign), ('✓', &r.credit), ('-', &r.retire), ('~', &r.adjust), ('!', &r.expire)];
        for (mark, effects) in lists {
            for effect in effects {
                let due = effect.due.map_or_else(String::new, |d| format!(", due {d}"));
                out.push_str(&format!("  {mark} {}{due}: {}\n", effect.name, effect.reason));
            }
        }
        for effect in r.left_out.iter().chain(&r.later) {
            let day = effect.due.map_or_else(String::new, |d| format!(", {d}"));
            out.push_str(&format!("  · {}{day}: {}\n", effect.name, effect.reason));
        }
        if !r.no_manager.is_empty() {
            let (some, more) = (&r.no_manager[..r.no_manager.len().min(REASONS)], r.no_manager.len() > REASONS);
            let and = if more { ", …" } else { "" };
            out.push_str(&format!("  {:>5} of them have no manager: {}{and}\n", r.no_manager.len(), some.join(", ")));
        }
        for warning in &r.warnings {
            out.push_str(&format!("  warning: {warning}\n"));
        }
    }
    out.push_str(end);
    out
}

fn request_line(r: &requests::Row) -> String {
    let about = r.requirement.as_deref().or(r.course.as_deref()).unwrap_or_default();
    let whom = r.person.as_deref().or(r.asker.as_deref()).unwrap_or("operator");
    let wished = r.wished.as_ref().map_or_else(String::new, |day| format!(" until {day}"));
    let how = match (&r.approver, &r.decider) {
        (Some(approver), _) => format!("waits for {approver} since {}", &r.since[..10.min(r.since.len())]),
        (None, Some(decider)) => {
            format!("{} by {decider}: {}", r.state.name(), r.decision.as_deref().unwrap_or_default())
        }
        (None, None) if r.state == requests::State::Open => {
            "nobody may decide: grant somebody the role approver".into()
        }
        (None, None) => format!("{}: {}", r.state.name(), r.decision.as_deref().unwrap_or_default()),
    };
    format!("{} {about}{wished} for {whom} ({}) – {how}", r.kind.name(), r.reason)
}

fn line(row: &Row) -> String {
    let mut line =
        format!("{}: {} – {} since {}, due {}", row.name, row.requirement, row.state, row.since_date, row.due_date);
    if let Some(day) = &row.completed_date {
        line.push_str(&format!(", completed {day}"));
    }
    if let Some(day) = &row.expires_date {
        line.push_str(&format!(", valid until {day}"));
    }
    line + &format!(" ({})", row.reason)
}
