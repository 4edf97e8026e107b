//! The simulator: the real scheduler, capabilities and arbiter over a period, on a copy of the store and a clock that is
//! moved by hand. Nothing is sent: the platforms of the copy take everything and deliver nowhere.
//!
//! The copy begins where the store stands (the newest instant written in it) and lives through everything until the
//! period ends; what is decided before the period is not shown. The same store, period, events and seed give the same
//! lines, byte for byte.

mod copy;
mod events;
mod happen;
mod line;
mod nowhere;
mod tally;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use stoa_flow::{Flow, Organisation, Parts};
use stoa_ground::people::{self, import};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Clock, Db, Error, Instant, Result};

pub use line::Line;
pub use tally::Tally;
pub use text::{Titles, of_person};

use crate::Services;
use crate::search::Index;
use crate::training::requests::Settings;
use events::Event;

/// What is to be simulated.
pub struct Wanted {
    /// The first day, in the organisation's zone.
    pub from: Date,
    /// The last day, in the organisation's zone.
    pub to: Date,
    /// What randomness (ids) follows from.
    pub seed: u64,
    /// Whether mail is configured, so that it is the last resort for what is mandated.
    pub mail: bool,
    /// How long decisions about training may take, and what managers may decide alone.
    pub training: Settings,
    /// How roster events are read, as the roster import reads a file.
    pub roster: import::Options,
}

/// A copy of the store that a period is lived through in.
pub struct Simulation {
    db: Db,
    flow: Arc<Flow>,
    services: Arc<Services>,
    roster: import::Options,
    events: Vec<Event>,
    /// Each person's zones and since when, by person id.
    zones: BTreeMap<String, Vec<(Instant, String)>>,
    from: Instant,
    end: Instant,
    /// Decisions up to this one were made in life.
    decided: i64,
    told: Told,
}

/// What a user of the simulation should know beside its lines.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Where the copy began to live.
    pub began: Option<Instant>,
    /// The employee ids of those without any account, who are simulated as if they had one.
    pub without_account: BTreeSet<String>,
    /// How many events lie outside of what was simulated, and were left out.
    pub left_out: usize,
    /// Events that could not happen as things stood at their time, each with its line.
    pub notes: Vec<String>,
}

impl Simulation {
    /// Copies what is needed of a store, which is only read, into a file in `folder`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the period has passed already or ends before it begins; the database's error.
    pub async fn open(source: &Db, organisation: Organisation, wanted: Wanted, folder: &Path) -> Result<Self> {
        if wanted.to < wanted.from {
            return Err(Error::invalid(format!(
                "--to {} is before --from {}: the last day cannot come before the first one",
                wanted.to, wanted.from
            )));
        }
        let calendar = &organisation.calendar;
        let from = calendar.at(wanted.from, Time::midnight());
        let end = calendar.at(wanted.to.tomorrow().unwrap_or(wanted.to), Time::midnight());
        let stands = copy::stands_at(source).await?;
        if stands >= end {
            let day = calendar.date(stands);
            return Err(Error::invalid(format!(
                "the store stands at {day}, and what has passed cannot be simulated: use --to {day} or a later day"
            )));
        }
        let began = if stands.0 > 0 { stands } else { from };
        let db = Db::single(&folder.join("simulation.db"), Clock::seeded(began, wanted.seed)).await?;
        copy::fill(source, &db).await?;
        let services = Arc::new(Services {
            ledger: crate::ledger().unrecorded(),
            emitter: Emitter::new(&organisation.iri)?.silent(),
            organisation: organisation.clone(),
            index: Index::in_memory()?,
            asking: crate::answers::Asking::default(),
            training: wanted.training,
            mail: wanted.mail,
            // Nobody signs anything in a simulation.
            sign_in: None,
        });
        // Nobody asks anything in a simulation: the work beside the scheduler would look for nothing.
        let parts = Parts { background: Vec::new(), ..crate::parts(&services) };
        let flow = Flow::one_at_a_time(db.clone(), organisation, parts);
        let mut simulation = Self {
            decided: copy::last_decision(&db).await?,
            told: Told { began: Some(began), ..Told::default() },
            roster: wanted.roster,
            events: Vec::new(),
            zones: BTreeMap::new(),
            from,
            end,
            db,
            flow,
            services,
        };
        nowhere::connect(&simulation.db, &simulation.flow, wanted.mail).await?;
        for person in simulation.db.read(|c| async move { people::all(&c).await }).await? {
            simulation.noted(&person).await?;
        }
        Ok(simulation)
    }

    /// Takes the events of a file, each line one JSON value; what is wrong with any of them is said before anything runs.
    ///
    /// # Errors
    /// [`Error::Invalid`] with one line for each thing that is wrong, naming the line of the file and the way out.
    pub async fn take(&mut self, file: &str, text: &str) -> Result<()> {
        let mut events = events::read(&self.db, &self.roster, file, text).await?;
        let began = self.flow.clock().now();
        let all = events.len();
        events.retain(|e| e.at >= began && e.at < self.end);
        self.told.left_out += all - events.len();
        self.events.extend(events);
        self.events.sort_by_key(|e| e.at);
        Ok(())
    }

    /// Lives through the period. An event comes before what is due at the same instant.
    ///
    /// # Errors
    /// The database's error.
    pub async fn run(&mut self) -> Result<&Told> {
        let events = std::mem::take(&mut self.events);
        for together in events.chunk_by(|a, b| a.at == b.at) {
            let mut seen = BTreeSet::new();
            for event in together {
                self.flow.advance_until(event.at).await?;
                if !seen.insert(&event.person) {
                    // What somebody does next follows from what became of the first thing.
                    self.flow.settle().await?;
                }
                self.happen(event).await?;
            }
            self.flow.settle().await?;
        }
        self.flow.advance_until(self.end).await?;
        Ok(&self.told)
    }

    /// The store of the simulation, for looking at how things stand.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Remembers a person's zone as it is now, and gives an account to who has none.
    async fn noted(&mut self, person: &people::Person) -> Result<()> {
        let now = self.flow.clock().now();
        let zones = self.zones.entry(person.id.clone()).or_default();
        if zones.last().is_none_or(|(_, zone)| *zone != person.timezone) {
            zones.push((now, person.timezone.clone()));
        }
        if nowhere::reach(&self.db, &person.id).await? && person.status != people::Status::Left {
            self.told.without_account.insert(person.employee_id.clone());
        }
        Ok(())
    }
}
