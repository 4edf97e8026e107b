//! The figures of mandatory training at size: a first assignment, a re-evaluation, one person who moves, a team's status.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stoa_ground::clock::monotonic;
use stoa_ground::people::{self, import};
use stoa_ground::{Db, args};
use stoa_learning::search::Index;
use stoa_learning::training::{self, Filter, course};

use super::super::people::import_options;
use super::{Figure, peak_mib, share_ms};
use crate::app::{App, ClockKind};
use crate::config::Config;

/// Requirements that everybody has.
const REQUIREMENTS: usize = 10;
/// How often what is quick is measured.
const TIMES: usize = 100;
macro_rules! counted {
    ($($table:literal)+) => {
        &[$(($table, concat!("SELECT COUNT(*) AS n FROM ", $table))),+]
    };
}

/// What is written with the records of the ledger, and how its rows are counted.
const TABLES: &[(&str, &str)] = counted! {
    "ledger_record" "ledger_value" "ledger_key" "assignment" "statement" "statement_agent" "statement_activity"
    "activity_definition" "outbox" "job" "change"
};

pub async fn run(config: Config, number: usize) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let app = App::open(config.clone(), ClockKind::System, Index::in_memory()?).await?;
    import_roster(&app, &roster(number, |_| false)).await?;
    let folder = config.data.dir.join("courses");
    write_courses(&folder)?;
    course::apply_dir(&app.db, &app.services, &folder).await?;

    let before = rows(&app.db).await?;
    let start = monotonic();
    training::apply(&app.db, &app.services, "bench.toml", &requirements(), false).await?;
    let took = start.elapsed();
    let after = rows(&app.db).await?;
    let written: Vec<(&str, i64)> =
        TABLES.iter().zip(before.iter().zip(&after)).map(|((table, _), (b, a))| (*table, a - b)).collect();
    let records = written.first().map_or(0, |(_, n)| *n);
    ensure!(records >= i64::try_from(number * REQUIREMENTS)?, "everybody has everything: {records} records");
    #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let float = |n: i64| n as f64;
    figures.push(Figure::new(
        format!("first assignment, {number} people x {REQUIREMENTS}: ledger records a second"),
        float(records) / took.as_secs_f64(),
        "at least 5000",
    ));
    for (table, count) in written.iter().skip(1) {
        let name = format!("  rows of {table} written with each of these records");
        figures.push(Figure::new(name, float(*count) / float(records), ""));
    }

    let start = monotonic();
    training::apply(&app.db, &app.services, "bench.toml", &requirements(), false).await?;
    figures.push(Figure::new("re-evaluation of everybody, nothing changed, s", start.elapsed().as_secs_f64(), ""));
    let start = monotonic();
    import_roster(&app, &roster(number, |n| n % 100 == 7)).await?;
    figures.push(Figure::new("roster of everybody with 1 % who moved, imported, s", start.elapsed().as_secs_f64(), ""));
    let start = monotonic();
    training::apply(&app.db, &app.services, "bench.toml", &requirements(), false).await?;
    let took = start.elapsed().as_secs_f64();
    figures.push(Figure::new("re-evaluation of everybody with these 1 %, s", took, "under 60"));
    let retired = app.db.opt("SELECT COUNT(*) AS n FROM assignment WHERE state = 'retired'", args![]).await?;
    let moved = (0..number).filter(|n| n % 100 == 7).count() * REQUIREMENTS / 2;
    let retired: i64 = retired.map_or(Ok(0), |row| row.get("n"))?;
    ensure!(retired == i64::try_from(moved)?, "those who moved lose half of it: {retired}");

    one_person(&app, number, &mut figures).await?;
    team(&app, number, &mut figures).await?;
    if let Some(mib) = peak_mib() {
        figures.push(Figure::new("memory at most, MiB", mib, "under 1024"));
    }
    app.db.close().await;
    Ok(figures)
}

/// One person moves to another department and half of the training goes with it, and comes back.
async fn one_person(app: &App, number: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let (mut evaluated, mut imported) = (Vec::new(), Vec::new());
    for n in 0..TIMES {
        let id = format!("P{}", (n * 37 + 1) % number);
        let person = app.db.read(|c| {
            let id = id.clone();
            async move { people::by_employee_id(&c, &id).await }
        });
        let person = person.await?.context("somebody of the roster")?;
        let department = if person.department.as_deref() == Some("Moved") { "D1" } else { "Moved" };
        let start = monotonic();
        import_roster(app, &format!("employee_id,name,department\n{id},Person,{department}\n")).await?;
        imported.push(start.elapsed());
        let start = monotonic();
        training::reconsider(&app.db, &app.services, &[person.id]).await?;
        evaluated.push(start.elapsed());
    }
    figures.push(Figure::new(
        "one person who moved, looked at again, half within, ms",
        share_ms(&mut evaluated, 50),
        "",
    ));
    figures.push(Figure::new("  99 of 100 within, ms", share_ms(&mut evaluated, 99), "under 20"));
    figures.push(Figure::new(
        "a roster file of that one person imported, half within, ms",
        share_ms(&mut imported, 50),
        "",
    ));
    Ok(())
}

/// The manager of ten people asks how they stand.
async fn team(app: &App, number: usize, figures: &mut Vec<Figure>) -> Result<()> {
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..TIMES {
        // Each tenth leads the nine after it, and the first one everybody.
        let manager = format!("P{}", (n * 10) % number.saturating_sub(20).max(10) / 10 * 10 + 10);
        let filter = &Filter { manager: Some(manager), ..Filter::default() };
        let start = monotonic();
        let rows = app.db.read(|c| async move { training::status(&c, filter).await }).await?;
        times.push(start.elapsed());
        ensure!(rows.len() >= 9 * REQUIREMENTS / 2, "a team has training");
    }
    figures.push(Figure::new("a team's status, half within, ms", share_ms(&mut times, 50), ""));
    figures.push(Figure::new("  99 of 100 within, ms", share_ms(&mut times, 99), "under 200"));
    Ok(())
}

async fn rows(db: &Db) -> Result<Vec<i64>> {
    let mut counts = Vec::new();
    for (_, sql) in TABLES {
        counts.push(db.opt(*sql, args![]).await?.map_or(Ok(0), |row| row.get("n"))?);
    }
    Ok(counts)
}

async fn import_roster(app: &App, csv: &str) -> Result<()> {
    let options = import_options(&app.config, false, false);
    import::import(&app.db, &app.services.ledger, csv.as_bytes(), &options, "operator").await?;
    Ok(())
}

/// Everybody in teams of ten, and the leaders of ten teams below one who leads them all.
fn roster(number: usize, moved: impl Fn(usize) -> bool) -> String {
    let mut csv = "employee_id,name,timezone,manager_employee_id,department\n".to_owned();
    for n in 0..number {
        let manager = match (n, n % 10) {
            (0, _) => String::new(),
            (_, 0) => "P0".into(),
            (_, rest) => format!("P{}", n - rest),
        };
        let department = if moved(n) { "Moved".to_owned() } else { format!("D{}", n % 50) };
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "P{n},Person {n},Europe/Berlin,{manager},{department}");
    }
    csv
}

fn requirements() -> String {
    (0..REQUIREMENTS).fold(String::new(), |mut text, n| {
        let audience = if n % 2 == 0 { "everyone" } else { "not department = 'Moved'" };
        let audience = audience.replace('\'', "\\\"");
        let _ = writeln!(
            text,
            "[[requirement]]\nid = \"r{n}\"\ntitle = \"Requirement {n}\"\ncourse = \"c{n}\"\naudience = \"{audience}\"\n\
             due = {{ days = 30, from = \"assigned\" }}"
        );
        text
    })
}

fn write_courses(folder: &std::path::Path) -> Result<()> {
    for n in 0..REQUIREMENTS {
        let course = folder.join(format!("c{n}"));
        let settings = format!("id = \"c{n}\"\ntitle = \"Course {n}\"\n");
        std::fs::create_dir_all(&course)
            .and_then(|()| std::fs::write(course.join("course.toml"), settings))
            .and_then(|()| std::fs::write(course.join("01-all.md"), "# All of it\n\nOne page."))
            .with_context(|| format!("{} cannot be written", course.display()))?;
    }
    Ok(())
}
