//! The figure of the simulator: a quarter for an organisation in many zones, with three requirements, a daily track that
//! everybody is in, changes of the roster and answers.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use jiff::Span;
use jiff::civil::Date;
use serde_json::{Value, json};
use stoa_ground::clock::monotonic;
use stoa_ground::people::{self, import};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Clock, Db, Instant};
use stoa_learning::answers::Asking;
use stoa_learning::search::Index;
use stoa_learning::simulate::{Simulation, Tally, Wanted};
use stoa_learning::training::{self, course};
use stoa_learning::{Services, ledger, lessons};

use super::super::print_json;
use crate::config::Config;

const ZONES: [&str; 16] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Los_Angeles",
    "Asia/Dubai",
    "Pacific/Kiritimati",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Europe/Lisbon",
    "Asia/Tokyo",
    "America/Chicago",
    "Africa/Nairobi",
    "Asia/Singapore",
    "Europe/Helsinki",
];
/// The first day, a Monday, and how many days there are.
const FIRST: &str = "2026-11-23";
const DAYS: i64 = 91;
/// Each person answers one question every so many working days, which keeps the lessons coming.
const ANSWERS_EVERY: i64 = 4;

pub async fn run(config: &Config, number: usize, folder: &Path, json: bool) -> Result<()> {
    let first: Date = FIRST.parse()?;
    let source =
        Db::single(&folder.join("source.db"), Clock::seeded(Instant::parse("2026-11-23T00:00:00Z")?, 1)).await?;
    let mut organisation = config.organisation()?;
    organisation.iri = "https://learn.example.org".into();
    let services = Services {
        ledger: ledger(),
        emitter: Emitter::new(&organisation.iri)?,
        organisation: organisation.clone(),
        index: Index::in_memory()?,
        asking: Asking::default(),
        training: Default::default(),
        mail: false,
        sign_in: None,
    };
    let roster = import::Options::default();
    import::import(&source, &services.ledger, people(number).as_bytes(), &roster, "operator").await?;
    content(folder)?;
    course::apply_dir(&source, &services, &folder.join("courses")).await?;
    training::apply(&source, &services, "requirements.toml", REQUIREMENTS, false).await?;
    lessons::apply_dir(&source, &folder.join("tracks")).await?;
    let everybody = source.read(|c| async move { people::all(&c).await }).await?;
    let o = &organisation;
    for person in &everybody {
        source.write(|tx| async move { lessons::enrol(&tx, o, person, "daily").await }).await?;
    }
    let to = first.checked_add(Span::new().days(DAYS - 1))?;
    let events = events(number, first)?;

    let start = monotonic();
    let wanted = Wanted { from: first, to, seed: 1, mail: false, training: Default::default(), roster };
    let mut simulation = Simulation::open(&source, organisation, wanted, folder).await?;
    let engine = format!("{:?}, {}", simulation.db().engine(), simulation.db().durability().await?);
    let text: String = events.iter().map(|e| format!("{e}\n")).collect();
    simulation.take("events", &text).await?;
    let opened = start.elapsed();
    let told = simulation.run().await?.clone();
    let ran = start.elapsed();
    let mut tally = Tally::default();
    let mut lines = 0usize;
    simulation
        .lines(None, |line| {
            lines += 1;
            // As printing does.
            let _ = serde_json::to_string(line)?.len();
            tally.add(line);
            Ok(())
        })
        .await?;
    let all = start.elapsed();
    ensure!(told.notes.len() < events.len() / 10, "most events could not happen: {:?}", told.notes.first());
    let seconds = all.as_secs_f64();
    if json {
        return print_json(&json!({
            "figure": "a simulated quarter", "value": seconds, "unit": "s", "wanted": "under 20", "people": number,
            "lines": lines, "events": events.len(), "engine": engine,
        }));
    }
    println!("{engine}; {number} people, {} events, {lines} lines", events.len());
    print!("{}", tally.text(first, to, &told));
    println!(
        "opened in {:.1} s, lived through by {:.1} s, printed by {seconds:.1} s  (wanted: under 20 s)",
        opened.as_secs_f64(),
        ran.as_secs_f64()
    );
    Ok(())
}

fn people(number: usize) -> String {
    let mut csv = "employee_id,name,timezone,manager_employee_id,stoa_roles\n".to_owned();
    for n in 0..number {
        let manager = match (n, n % 10) {
            (0, _) => String::new(),
            (_, 0) => "P0".into(),
            (_, rest) => format!("P{}", n - rest),
        };
        let role = if n == 0 { "learning" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "P{n},Person {n},{},{manager},{role}", ZONES[n % ZONES.len()]);
    }
    csv
}

/// A few answers of everybody, completions by most, and one in fifty whose roster changes.
fn events(number: usize, first: Date) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    for n in 0..number {
        let person = format!("P{n}");
        let i = i64::try_from(n)?;
        let at = |day: i64, minute: i64| -> Result<String> {
            let date = first.checked_add(Span::new().days(day))?;
            Ok(format!("{date}T{:02}:{:02}:00Z", minute / 60 % 24, minute % 60))
        };
        for day in (1 + i % ANSWERS_EVERY..DAYS).step_by(usize::try_from(ANSWERS_EVERY)?) {
            // In the evening of everybody, so that it does not hold back the lesson.
            events.push(json!({"at": at(day, (i * 7) % 1440)?, "kind": "answer", "person": person,
                "fields": {"correct": (i + day) % 4 > 0}}));
        }
        for (k, item) in ["fire", "privacy", "safety"].iter().enumerate() {
            if n % 5 != k {
                let day = 2 + (i * 3 + i64::try_from(k)? * 11) % 40;
                events
                    .push(json!({"at": at(day, (i * 13) % 1440)?, "kind": "complete", "person": person, "item": item}));
            }
        }
        if n % 50 == 7 {
            let zone = ZONES[(n / 50) % ZONES.len()];
            events.push(json!({"at": at(10 + i % 60, 600)?, "kind": "roster", "person": person,
                "fields": {"timezone": zone, "department": "Elsewhere"}}));
        }
    }
    Ok(events)
}

const REQUIREMENTS: &str = r#"
[[requirement]]
id = "fire"
title = "Fire safety"
course = "fire"
audience = "everyone"
due = { days = 14, from = "assigned" }

[[requirement]]
id = "privacy"
title = "Privacy"
course = "privacy"
audience = "everyone"
due = { days = 30, from = "assigned" }

[[requirement]]
id = "safety"
title = "Safety"
course = "safety"
audience = "everyone"
due = { date = 2027-01-29 }
"#;

fn content(folder: &Path) -> Result<()> {
    let write = |path: std::path::PathBuf, text: &str| -> Result<()> {
        let parent = path.parent().context("a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    for id in ["fire", "privacy", "safety"] {
        let course = folder.join("courses").join(id);
        let settings = format!(
            "id = \"{id}\"\ntitle = \"{id}\"\n[[question]]\nprompt = \"What first?\"\noptions = [\"Stay\", \"Go\"]\nanswer = 1\n"
        );
        write(course.join("course.toml"), &settings)?;
        write(course.join("01-all.md"), "# All of it\n\nOne page.")?;
    }
    let track = folder.join("tracks/daily");
    write(track.join("track.toml"), "title = \"Daily\"\ndescription = \"One thing a day.\"\ntime = \"09:30\"\n")?;
    for n in 1..=DAYS {
        let lesson = format!(
            "+++\ntitle = \"Thing {n}\"\n[[question]]\nprompt = \"What about {n}?\"\noptions = [\"This\", \"That\"]\nanswer = 1\nwhy = \"That.\"\n+++\nThis is the thing about number {n}, in a few words that fit on one screen.\n"
        );
        write(track.join(format!("{n:03}-thing-{n}.md")), &lesson)?;
    }
    Ok(())
}
