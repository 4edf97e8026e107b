//! An organisation to simulate: people, courses, requirements and a daily track, from files as an operator has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use jiff::civil::{Weekday, date, time};
use jiff::{Span, ToSpan as _};
use serde_json::Value;
use stoa_flow::Organisation;
use stoa_flow::testing::organisation;
use stoa_ground::people::calendar::{Calendar, parse_range};
use stoa_ground::people::{self, import};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Clock, Db, Instant};
use stoa_learning::search::Index;
use stoa_learning::simulate::{Line, Simulation, Told, Wanted};
use stoa_learning::training::{self, course};
use stoa_learning::{Services, ledger, lessons};

use crate::checker::{Human, Rules};

const COURSE: &str = r#"
pass_mark = 0.8
attempts = 3
attestation = "I have read it."

[[question]]
prompt = "It burns. What first?"
options = ["Finish the mail", "Leave"]
answer = 1

[[question]]
prompt = "Which way?"
options = ["The stairs", "The lift"]
answer = 0
"#;

/// The requirement that comes again, and when.
pub const FORKLIFT: &str = "forklift";
pub const QUARTERLY: &str =
    "{ days = 14, from = \"assigned\" }\nrecertify = { every = \"3 months\", window_days = 21, grace_days = 7 }";

/// The store of an organisation, and what the checker may know of it.
pub struct World {
    pub db: Db,
    pub organisation: Organisation,
    pub roster: import::Options,
    pub people: BTreeMap<String, Human>,
    _dir: tempfile::TempDir,
}

/// What came out of a simulation.
pub struct Outcome {
    pub lines: Vec<Line>,
    /// As they are printed, one a line.
    pub text: String,
    pub told: Told,
}

impl Outcome {
    pub fn values(&self) -> Vec<Value> {
        self.text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    /// The events that happened: those that could not are noted with their line.
    pub fn happened(&self, events: &[Value]) -> Vec<Value> {
        let noted: BTreeSet<usize> =
            self.told.notes.iter().filter_map(|n| n.strip_prefix("line ")?.split(',').next()?.parse().ok()).collect();
        let happened = events.iter().enumerate().filter(|(n, _)| !noted.contains(&(n + 1)));
        happened.map(|(_, e)| e.clone()).collect()
    }

    /// When messages of a kind went to a person, in the person's zone: `2026-11-23 09:00`.
    pub fn sent(&self, person: &str, kind: &str) -> Vec<String> {
        let mine = self.lines.iter().filter(|l| l.person == person && l.kind == kind && l.decision == "now");
        mine.map(|l| l.at[..16].replace('T', " ")).collect()
    }

    /// All decisions about a person: `09:00 reminder now due`, with the day before where it changes.
    pub fn story(&self, person: &str) -> String {
        let mut story = String::new();
        for l in self.lines.iter().filter(|l| l.person == person) {
            writeln!(story, "{} {} {} {} {}", &l.at[..16], l.kind, l.step, l.decision, l.reason).unwrap();
        }
        story
    }
}

/// In New York and everywhere else people work from Monday to Friday; in Dubai they begin on Sunday. The yard is closed for the
/// first whole week of the year.
fn locations() -> Vec<(String, Calendar)> {
    let usual = organisation().calendar;
    let mut berlin = usual.clone();
    berlin.holidays = BTreeSet::from([date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1), date(2027, 3, 26)]);
    let mut dubai = usual.clone();
    dubai.working_days = [true, true, true, true, false, false, true];
    dubai.holidays = BTreeSet::from([date(2026, 12, 2), date(2026, 12, 3)]);
    let mut yard = usual;
    yard.holidays = (4..=8).map(|day| date(2027, 1, day)).collect();
    vec![("berlin".into(), berlin), ("dubai".into(), dubai), ("yard".into(), yard)]
}

/// The configuration, as the checker counts with it.
pub fn rules() -> Rules {
    let days = |off: &[Weekday]| off.to_vec();
    let all = locations();
    let holidays = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, c)| c.holidays.clone()).unwrap();
    Rules {
        opens: time(9, 0, 0, 0),
        closes: time(17, 0, 0, 0),
        quiet: (time(18, 0, 0, 0), time(9, 0, 0, 0)),
        budget: 2,
        windows: 3,
        min_gap: 3.hours(),
        after_activity: Span::new().hours(1),
        pause_after: 5,
        ramp: 1,
        locations: BTreeMap::from([
            ("Berlin".to_owned(), (days(&[Weekday::Saturday, Weekday::Sunday]), holidays("berlin"))),
            ("Dubai".to_owned(), (days(&[Weekday::Friday, Weekday::Saturday]), holidays("dubai"))),
            ("Yard".to_owned(), (days(&[Weekday::Saturday, Weekday::Sunday]), holidays("yard"))),
        ]),
        pass_mark: 0.8,
        end_after: 90,
        recurs: BTreeMap::from([(FORKLIFT.to_owned(), (3.months(), 21))]),
    }
}

impl World {
    /// Nobody works here yet. The organisation is in UTC and works from nine to five; its store stands at `now`.
    pub async fn new(now: &str) -> Self {
        let (made, url, dir) = stoa_ground::testing::store_at().await;
        made.close().await;
        let db = Db::open(&url, Clock::seeded(Instant::parse(now).unwrap(), 1)).await.unwrap();
        let hours = parse_range("09:00-17:00").unwrap();
        let mut organisation = organisation();
        organisation.calendar.working_hours = hours;
        organisation.locations = locations();
        Self { db, organisation, roster: import::Options::default(), people: BTreeMap::new(), _dir: dir }
    }

    fn services(&self) -> Services {
        Services {
            ledger: ledger(),
            emitter: Emitter::new(&self.organisation.iri).unwrap(),
            training: Default::default(),
            index: Index::in_memory().unwrap(),
            asking: Default::default(),
            mail: false,
            sign_in: None,
            organisation: self.organisation.clone(),
        }
    }

    /// Hires people: employee id, zone, location, and the employee id of the manager, `-` for none.
    pub async fn hire(&mut self, people: &[(&str, &str, &str, &str)]) {
        let mut csv = "employee_id,name,timezone,location,manager_employee_id,stoa_roles\n".to_owned();
        for (id, zone, location, manager) in people {
            let manager: &str = if *manager == "-" { "" } else { manager };
            let roles = if *id == "L" { "learning" } else { "" };
            writeln!(csv, "{id},Person {id},{zone},{location},{manager},{roles}").unwrap();
            let human = Human {
                zone: (*zone).into(),
                location: (*location).into(),
                manager: (!manager.is_empty()).then(|| manager.into()),
                learning: *id == "L",
            };
            self.people.insert((*id).into(), human);
        }
        let services = self.services();
        import::import(&self.db, &services.ledger, csv.as_bytes(), &self.roster, "operator").await.unwrap();
    }

    /// Brings requirements into force, each with a course of its own and its due rule (and what follows on it).
    pub async fn require(&self, requirements: &[(&str, &str)]) {
        let services = self.services();
        let dir = tempfile::tempdir().unwrap();
        let mut toml = String::new();
        for (id, due) in requirements {
            let folder = dir.path().join(id);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("course.toml"), format!("id = \"{id}\"\ntitle = \"{id}\"\n{COURSE}")).unwrap();
            std::fs::write(folder.join("01-alarm.md"), "# The alarm\n\nWhen it rings, go.").unwrap();
            writeln!(
                toml,
                "[[requirement]]\nid = \"{id}\"\ntitle = \"{id}\"\ncourse = \"{id}\"\naudience = \"everyone\"\ndue = {due}\n"
            )
            .unwrap();
        }
        course::apply_dir(&self.db, &services, dir.path()).await.unwrap();
        training::apply(&self.db, &services, "requirements.toml", &toml, false).await.unwrap();
    }

    /// A track of so many lessons with a question each, at a time of day, that everybody takes part in.
    pub async fn teach(&self, lessons: usize, time: &str) {
        let dir = tempfile::tempdir().unwrap();
        write_track(dir.path(), lessons, time);
        lessons::apply_dir(&self.db, dir.path()).await.unwrap();
        let everybody = self.db.read(|c| async move { people::all(&c).await }).await.unwrap();
        let organisation = &self.organisation;
        for person in &everybody {
            self.db.write(|tx| async move { lessons::enrol(&tx, organisation, person, "daily").await }).await.unwrap();
        }
    }

    /// Simulates, from and to the end of days of the organisation.
    pub async fn simulate(&self, from: &str, to: &str, events: &[Value]) -> Outcome {
        self.try_to(from, to, events, 7).await.unwrap()
    }

    pub async fn try_to(&self, from: &str, to: &str, events: &[Value], seed: u64) -> stoa_ground::Result<Outcome> {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            seed,
            training: Default::default(),
            mail: false,
            roster: self.roster.clone(),
        };
        let mut simulation = Simulation::open(&self.db, self.organisation.clone(), wanted, dir.path()).await?;
        let file: String = events.iter().map(|e| format!("{e}\n")).collect();
        simulation.take("events.jsonl", &file).await?;
        let told = simulation.run().await?.clone();
        let (mut lines, mut text) = (Vec::new(), String::new());
        simulation
            .lines(None, |line| {
                lines.push(line.clone());
                text.push_str(&serde_json::to_string(line)?);
                text.push('\n');
                Ok(())
            })
            .await?;
        Ok(Outcome { lines, text, told })
    }
}

fn write_track(dir: &Path, lessons: usize, time: &str) {
    let folder = dir.join("daily");
    std::fs::create_dir_all(&folder).unwrap();
    let track = format!("title = \"Daily\"\ndescription = \"One thing a day.\"\ntime = \"{time}\"\n");
    std::fs::write(folder.join("track.toml"), track).unwrap();
    for n in 1..=lessons {
        let text = format!(
            "+++\ntitle = \"Thing {n}\"\n[[question]]\nprompt = \"What about {n}?\"\noptions = [\"This\", \"That\"]\nanswer = 1\nwhy = \"That.\"\n+++\nAbout {n}.\n"
        );
        std::fs::write(folder.join(format!("{n:03}-thing-{n}.md")), text).unwrap();
    }
}
