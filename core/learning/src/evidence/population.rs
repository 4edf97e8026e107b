//! The population over a period: who stood in the roster when, whom the rules meant, and why somebody has nothing assigned.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use stoa_flow::Organisation;
use stoa_ground::ledger::{self, Record};
use stoa_ground::people::history::{self, Entry, History};
use stoa_ground::people::{self, Absence, Facts, Person, Status};
use stoa_ground::{Conn, Instant, Result};

use super::pack::{Considered, Meant, Move, Row, Scope, at};
use crate::training::requirement::{self, Requirement};

/// A period, cut to what has been: from its first instant to the first one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub from: Instant,
    pub to: Instant,
    /// Whether it goes on.
    pub open: bool,
}

impl Period {
    /// The days of a scope in the organisation's zone, cut at `now`; and as the manifest says it, uncut.
    pub fn of(scope: &Scope, organisation: &Organisation, now: Instant) -> (Self, (Option<i64>, Option<i64>)) {
        let begins = |date| organisation.calendar.at(date, Time::midnight());
        let from = scope.from.map(begins);
        let to = scope.to.and_then(|date| date.tomorrow().ok()).map(begins);
        // What is recorded at this very instant has been.
        let end = to.map_or(Instant(now.0 + 1), |to| to.min(Instant(now.0 + 1)));
        let period = Self { from: from.unwrap_or(Instant(i64::MIN)), to: end, open: to.is_none_or(|to| to > now) };
        (period, (from.map(|i| i.0), to.map(|i| i.0)))
    }

    /// Whether what was recorded at an instant belongs to how things stood at its end. While it goes on everything does, also
    /// what another server's clock has put a little later.
    pub fn has(&self, at: Instant) -> bool {
        self.open || at < self.to
    }
}

/// A requirement as it was in force from an instant on.
struct Rule {
    since: Instant,
    requirement: Requirement,
}

/// Who stood where, and whom the rules meant.
pub(super) struct Population {
    period: Period,
    people: Vec<(Person, Facts)>,
    history: History,
    /// By person and requirement: when it meant them within the period.
    meant: BTreeMap<String, BTreeMap<String, Vec<(Instant, Instant)>>>,
}

impl Population {
    /// Reads the roster's history and the rules of the scope as they were.
    pub async fn read(c: &Conn, scope: &Scope, organisation: &Organisation, period: Period) -> Result<Self> {
        let only = match &scope.person {
            Some(person) => Some(people::find(c, person).await?),
            None => None,
        };
        let history = history::of(c, only.as_ref().map(|p| p.id.as_str())).await?;
        let everybody = match only {
            Some(person) => {
                let facts = people::facts(c, &person).await?;
                vec![(person, facts)]
            }
            None => people::all_facts(c).await?,
        };
        let rules = rules(c, scope).await?;
        let mut meant: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        for (person, facts) in &everybody {
            let Some(entries) = history.get(&person.id) else { continue };
            for (id, versions) in &rules {
                let spans = spans(entries, versions, facts, organisation, period);
                if !spans.is_empty() {
                    meant.entry(person.id.clone()).or_default().insert(id.clone(), spans);
                }
            }
        }
        Ok(Self { period, people: everybody, history, meant })
    }

    /// The person as of an instant, or the earliest known.
    pub fn person_at(&self, id: &str, instant: Instant) -> Option<&Person> {
        let entries = self.history.get(id);
        let then = entries.and_then(|entries| history::at(entries, instant).or(entries.first().map(|e| &e.person)));
        then.or_else(|| self.people.iter().find(|(p, _)| p.id == id).map(|(p, _)| p))
    }

    /// Whether a requirement meant somebody in the period, and from when.
    pub fn meant(&self, person: &str, requirement: &str) -> Option<Instant> {
        self.meant.get(person)?.get(requirement)?.first().map(|span| span.0)
    }

    /// Whether a requirement means somebody at the end of the period.
    pub fn is_meant(&self, person: &str, requirement: &str) -> bool {
        let spans = self.meant.get(person).and_then(|by| by.get(requirement));
        spans.and_then(|spans| spans.last()).is_some_and(|last| last.1 == self.period.to)
    }

    /// Everybody whom a requirement meant in the period.
    pub fn all_meant(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meant.iter().flat_map(|(person, by)| by.keys().map(move |r| (person.as_str(), r.as_str())))
    }

    /// `population.json`: everybody who stood in the roster at any time in the period, by employee id. `rows`: the rows of the
    /// report by person.
    pub fn considered(&self, rows: &BTreeMap<String, Vec<&Row>>) -> Vec<Considered> {
        let mut all: Vec<Considered> =
            self.people.iter().filter_map(|(person, _)| self.one(person, rows.get(&person.id))).collect();
        all.sort_by(|a, b| a.employee_id.cmp(&b.employee_id));
        all
    }

    fn one(&self, person: &Person, rows: Option<&Vec<&Row>>) -> Option<Considered> {
        let Period { from, to, .. } = self.period;
        let entries = self.history.get(&person.id).map_or(&[][..], Vec::as_slice);
        let here = history::spans(entries, from, to, |p| (p.status != Status::Left).then_some(from));
        let assignments = rows.map_or(0, Vec::len) as u64;
        if here.is_empty() && assignments == 0 {
            return None;
        }
        let last = Instant(to.0 - 1);
        let then = history::at(entries, last).unwrap_or(person);
        let day = last.zoned(&people::zone(then)).date();
        let within = |instant: Instant| instant >= from && instant < to;
        let gone = here.last().map(|span| span.1).filter(|end| *end < to);
        let moved = history::moves(entries).into_iter().filter(|(instant, _)| within(*instant));
        let mut meant: Vec<Meant> = Vec::new();
        for (requirement, spans) in self.meant.get(&person.id).into_iter().flatten() {
            for (since, until) in spans {
                let until = (*until < to || !self.period.open).then_some(*until);
                meant.push(Meant { requirement: requirement.clone(), from: since.rfc3339(), to: at(until) });
            }
        }
        let why_none = match (assignments, meant.is_empty()) {
            (0, true) if then.hire_date.is_some_and(|first| first > day) => {
                "the first day of work comes after the period"
            }
            (0, true) => "no rule of the scope meant this person at any time in the period",
            (0, false) => "a rule meant this person, and what it asks for was completed or waived before the period",
            _ => "",
        };
        Some(Considered {
            employee_id: then.employee_id.clone(),
            name: then.name.clone(),
            title: then.title.clone().unwrap_or_default(),
            status: standing(then, day).name().into(),
            hired: then.hire_date.map(|day| day.to_string()).unwrap_or_default(),
            known_since: at(entries.first().map(|entry| entry.since)),
            left: at(gone),
            moved: moved.map(|(instant, what)| Move { at: instant.rfc3339(), what }).collect(),
            meant,
            assignments,
            why_none: why_none.into(),
        })
    }
}

/// The status of somebody on a day: a leave ends with its last day, whether or not the roster said so.
fn standing(person: &Person, day: Date) -> Status {
    match person.status {
        Status::Leave if !Absence::of(person).away(day) => Status::Active,
        status => status,
    }
}

/// The rules of a scope by requirement, each with its versions, the oldest first.
async fn rules(c: &Conn, scope: &Scope) -> Result<BTreeMap<String, Vec<Rule>>> {
    let wanted = requirement::all(c).await?.into_iter().map(|r| r.id);
    let mut rules = BTreeMap::new();
    for id in wanted.filter(|id| scope.requirement.as_ref().is_none_or(|only| only == id)) {
        let records = ledger::of_subject(c, &format!("requirement/{id}")).await?;
        let mut versions = records.iter().map(version).collect::<Result<Vec<Rule>>>()?;
        if let Some(course) = &scope.course {
            versions.iter_mut().for_each(|v| v.requirement.active &= v.requirement.course == *course);
        }
        rules.insert(id, versions);
    }
    Ok(rules)
}

fn version(record: &Record) -> Result<Rule> {
    Ok(Rule { since: record.at, requirement: serde_json::from_value(record.data.clone())? })
}

/// When a rule meant somebody, within the period.
fn spans(
    entries: &[Entry],
    versions: &[Rule],
    facts: &Facts,
    organisation: &Organisation,
    period: Period,
) -> Vec<(Instant, Instant)> {
    let mut all = Vec::new();
    for (n, Rule { since, requirement }) in versions.iter().enumerate().filter(|(_, rule)| rule.requirement.active) {
        let until = versions.get(n + 1).map_or(period.to, |later| later.since.min(period.to));
        let means = |person: &Person| {
            let facts = Facts { groups: people::groups_of(person), ..facts.clone() };
            let first = || person.hire_date.map(|day| organisation.calendar(person).at(day, Time::midnight()));
            requirement.audience.matches(person, &facts).then(|| first().unwrap_or(Instant(i64::MIN)))
        };
        for span in history::spans(entries, period.from.max(*since), until, means) {
            history::join(&mut all, span);
        }
    }
    all
}
