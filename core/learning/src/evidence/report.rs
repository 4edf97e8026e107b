//! The report of a pack: how each assignment stood at the end of the period, whether it counts, and why not.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;
use stoa_flow::Organisation;
use stoa_ground::ledger::{self, Kept, Record};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, args};

use super::pack::{Considered, Report, Row, Scope, at};
use super::population::{Period, Population};
use super::retention::{self, Duty, Hold, Policy};
use super::skew;
use super::then::Then;
use crate::training::assignment::{self, Assignment};
use crate::training::requirement::{self, Requirement};
use crate::training::state::State;
use crate::training::{self, Preset, due};

/// What a report is made of.
pub(super) struct Asked<'a> {
    pub scope: &'a Scope,
    pub period: Period,
    pub preset: Preset,
    pub policy: &'a Policy,
    pub organisation: &'a Organisation,
}

/// The report, the population, the assignments behind the rows, and the records of each as they are kept.
pub(super) struct Made {
    pub report: Report,
    pub population: Vec<Considered>,
    pub assignments: Vec<Assignment>,
    pub kept: BTreeMap<String, Vec<Kept>>,
}

/// An assignment as it stood at the end of the period, with its records until then.
struct Found {
    /// As it is now.
    now: Assignment,
    /// As it was.
    then: Assignment,
    past: Vec<Record>,
    /// When its newest record was made, also after the period.
    newest: Instant,
}

/// What is looked up for all rows.
struct World<'a> {
    asked: &'a Asked<'a>,
    population: &'a Population,
    requirements: HashMap<String, Requirement>,
    holds: Vec<Hold>,
    /// The ids of the assignments that another one renews.
    renewed: HashSet<String>,
    /// By person and requirement the id of what was completed or waived last.
    newest: HashMap<(String, String), String>,
}

pub(super) async fn make(c: &Conn, asked: &Asked<'_>, people: &mut Then<'_>) -> Result<Made> {
    let Asked { scope, period, .. } = *asked;
    if let Some(requirement) = &scope.requirement {
        requirement::by_id(c, requirement).await?;
    }
    if let Some(course) = &scope.course {
        training::course::current(c, course).await?;
    }
    let population = Population::read(c, scope, asked.organisation, period).await?;
    let candidates = candidates(c, scope, period.to).await?;
    let subjects: Vec<String> = candidates.iter().map(|a| subject(&a.id)).collect();
    let mut kept = ledger::kept(c, &subjects).await?;
    let mut found = Vec::with_capacity(candidates.len());
    for now in candidates {
        let own = kept.get(&subject(&now.id)).map_or(&[][..], Vec::as_slice);
        let mut past = own.iter().map(ledger::opened).collect::<Result<Vec<Record>>>()?;
        let newest = past.last().map_or(now.assigned, |record| record.at);
        past.retain(|record| record.at < period.to);
        let Some(mut then) = assignment::replay(&now.id, &past)? else { continue };
        then.person.clone_from(&now.person);
        found.push(Found { now, then, past, newest });
    }
    let renewals = found.iter().filter(|f| f.then.state != State::Retired).filter_map(|f| f.then.renews.as_ref());
    let done = found.iter().map(|f| &f.then).filter(|a| a.completed.is_some() || a.state == State::Waived);
    let world = World {
        asked,
        newest: done.map(|a| ((a.person.clone(), a.requirement.clone()), a.id.clone())).collect(),
        population: &population,
        renewed: renewals.map(|renewal| renewal.id.clone()).collect(),
        requirements: requirement::all(c).await?.into_iter().map(|r| (r.id.clone(), r)).collect(),
        holds: retention::holds(c).await?,
    };
    let mut rows: Vec<(String, Row)> = Vec::new();
    let mut has: HashSet<(String, String)> = HashSet::new();
    let mut assignments = Vec::new();
    for mut f in found {
        world.expire(&mut f.then);
        if world.is_past(&f.then) {
            kept.remove(&subject(&f.then.id));
            continue;
        }
        has.insert((f.then.person.clone(), f.then.requirement.clone()));
        let mut row = world.row(&f);
        let instant = place(&mut row, &f, &population);
        row.manager = people.shown(&row.manager, instant).await?;
        row.decided_by = people.shown(&row.decided_by, f.then.since).await?;
        world.keep(&mut row, &f, people.now(&f.now.person).await?, c.now());
        rows.push((f.then.person.clone(), row));
        assignments.push(f.then);
    }
    let missing: Vec<(&str, &str)> =
        population.all_meant().filter(|(p, r)| !has.contains(&((*p).to_owned(), (*r).to_owned()))).collect();
    let erased = erased(c, &missing).await?;
    for (person, requirement) in missing {
        let row = world.missing(person, requirement, erased.contains(person), people).await?;
        rows.push((person.to_owned(), row));
    }
    rows.sort_by(|(_, a), (_, b)| {
        (&a.employee_id, &a.requirement, &a.assigned, &a.subject).cmp(&(
            &b.employee_id,
            &b.requirement,
            &b.assigned,
            &b.subject,
        ))
    });
    let mut by_person: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for (person, row) in &rows {
        by_person.entry(person.clone()).or_default().push(row);
    }
    let population = population.considered(&by_person);
    let report = Report::over(rows.into_iter().map(|(_, row)| row).collect());
    Ok(Made { report, population, assignments, kept })
}

fn subject(id: &str) -> String {
    format!("assignment/{id}")
}

/// The assignments of a scope that were made before an instant.
async fn candidates(c: &Conn, scope: &Scope, before: Instant) -> Result<Vec<Assignment>> {
    let Some(person) = &scope.person else {
        return assignment::made_before(c, scope.requirement.as_deref(), scope.course.as_deref(), before).await;
    };
    let mut theirs = assignment::of_person(c, &people::find(c, person).await?.id).await?;
    theirs.retain(|a| {
        a.assigned < before
            && scope.requirement.as_ref().is_none_or(|r| a.requirement == *r)
            && scope.course.as_ref().is_none_or(|course| a.course == *course)
    });
    Ok(theirs)
}

/// Those of these people about whom records were erased.
async fn erased(c: &Conn, missing: &[(&str, &str)]) -> Result<HashSet<String>> {
    let people: Vec<&str> = missing.iter().map(|(person, _)| *person).collect();
    let before = "SELECT DISTINCT person FROM ledger_value WHERE erased IS NOT NULL AND person IN";
    c.all_in(before, &people, "", args![]).await?.iter().map(|row| row.get("person")).collect()
}

impl World<'_> {
    /// What is completed holds until its validity and its grace have ended, also where that was recorded later.
    fn expire(&self, a: &mut Assignment) {
        let Asked { period, organisation, .. } = *self.asked;
        let rule = self.requirements.get(&a.requirement).and_then(|r| r.recertify.as_ref());
        let Some((rule, end)) = rule.zip(a.expires).filter(|_| a.state == State::Completed) else { return };
        let Some(person) = self.population.person_at(&a.person, Instant(period.to.0 - 1)) else { return };
        let at = due::lapses(rule, end.date, &organisation.calendar(person));
        let newest = self.newest.get(&(a.person.clone(), a.requirement.clone())) == Some(&a.id);
        if at < period.to && newest && self.population.is_meant(&a.person, &a.requirement) {
            (a.state, a.since) = (State::Expired, at);
        }
    }

    /// When it ended.
    fn ended(a: &Assignment) -> Option<Instant> {
        match a.state {
            state if state.is_open() => None,
            State::Expired => Some(a.since),
            _ => a.completed.or(a.ended),
        }
    }

    /// Whether it was made and ended before the period.
    fn before(&self, a: &Assignment) -> bool {
        let from = self.asked.period.from;
        a.assigned < from && Self::ended(a).is_some_and(|ended| ended < from)
    }

    /// Whether it has nothing to do with the period. What still spoke for somebody whom the rule means has.
    fn is_past(&self, a: &Assignment) -> bool {
        let speaks = match a.state {
            State::Completed | State::Exempt | State::Waived => true,
            State::Expired => !self.renewed.contains(&a.id),
            _ => false,
        };
        self.before(a) && !(speaks && self.population.meant(&a.person, &a.requirement).is_some())
    }

    /// Whether it counts in the denominator, and why not, or how it ended.
    fn counts(&self, a: &Assignment) -> (bool, String) {
        let renewed = self.renewed.contains(&a.id);
        match (a.state, a.excluded()) {
            (_, Some(why)) => (false, why),
            (State::Completed, _) if self.before(a) && renewed => {
                (false, "completed before the period, and what renews it has a line of its own".into())
            }
            (State::Completed, _) if self.before(a) => {
                (false, "completed before the period, and nothing more was asked for in it".into())
            }
            (State::Expired, _) if renewed => (false, "holds no more, and what renews it counts in its place".into()),
            (State::Expired, _) => (true, "holds no more, and nothing renews it".into()),
            _ => (true, a.end_reason.clone().unwrap_or_default()),
        }
    }

    fn row(&self, f: &Found) -> Row {
        let (a, records) = (&f.then, &f.past);
        let newest = |kinds: &[&str]| records.iter().rev().find(|record| kinds.contains(&record.kind.as_str()));
        let text = |record: Option<&Record>, member: &str| {
            record.and_then(|r| r.data[member].as_str()).unwrap_or_default().to_owned()
        };
        let decided = match a.state {
            State::Completed => newest(&["completed"]),
            State::Exempt => newest(&["exempted"]),
            State::Waived => newest(&["waived"]),
            State::Expired => newest(&["expired"]),
            State::Retired => newest(&["retired"]),
            State::Extended => newest(&["extended"]),
            _ => None,
        };
        let results = self.asked.preset.shows_results();
        let (counts, reason) = self.counts(a);
        Row {
            subject: subject(&a.id),
            requirement: a.requirement.clone(),
            rule_version: a.rule_version.clone(),
            course: a.course.clone(),
            content: a.course_version.clone().unwrap_or_default(),
            state: a.state.name().into(),
            why: a.reason.clone(),
            assigned: at(Some(a.assigned)),
            due: a.due.date.to_string(),
            started: at(a.started),
            completed: at(a.completed),
            score: a.score.filter(|_| results).map(|score| score.to_string()).unwrap_or_default(),
            attempts: if results && a.attempts > 0 { a.attempts.to_string() } else { String::new() },
            attested: at(a.attested),
            authentication: text(newest(&["attested"]), "authentication"),
            skew: skew::worst(records.iter().filter_map(|r| Some((r.kind.as_str(), r.source.as_ref()?)))),
            expires: a.expires.map(|end| end.date.to_string()).unwrap_or_default(),
            counts,
            reason,
            decided_by: decided.map(|record| record.actor.clone()).unwrap_or_default(),
            until: if a.state == State::Exempt { text(decided, "until") } else { String::new() },
            ..Row::default()
        }
    }

    /// For how long its records are kept. `person`: whose they are, as they are now.
    fn keep(&self, row: &mut Row, f: &Found, person: Option<&Person>, now: Instant) {
        let policy = self.asked.policy;
        let own = self.requirements.get(&f.now.requirement).map(|r| r.evidence).unwrap_or_default();
        let facts = retention::facts_of(&f.now, f.newest, person, policy.preset(own));
        let duty = retention::duty(now, &f.now.person, &facts, &self.holds, &policy.rules);
        row.retention = format!("{}: {}", facts.class, duty.kept());
        if let Duty::Held { id, reason } = duty {
            row.hold = format!("{id}: {reason}");
        }
    }

    /// A rule meant somebody, and nothing was ever assigned.
    async fn missing(&self, person: &str, requirement: &str, erased: bool, people: &mut Then<'_>) -> Result<Row> {
        let since = self.population.meant(person, requirement).unwrap_or(Instant(0));
        let course = self.requirements.get(requirement).map(|r| r.course.clone());
        let mut row = Row {
            requirement: requirement.to_owned(),
            course: course.unwrap_or_default(),
            state: "not-assigned".into(),
            counts: true,
            reason: format!("the rule meant this person from {} on, and nothing was assigned", since.rfc3339()),
            ..Row::default()
        };
        let who = self.population.person_at(person, since).map(people::history::snapshot).unwrap_or_default();
        write_who(&mut row, &who);
        row.manager = people.shown(&row.manager, since).await?;
        if erased {
            row.state = "erased".into();
            row.counts = false;
            row.reason = "records about this person were erased; the log has their tombstones".into();
        }
        Ok(row)
    }
}

/// Who and where the person was: as the newest record says that says it, else as the roster's history has it. Gives as of
/// when.
fn place(row: &mut Row, f: &Found, population: &Population) -> Instant {
    let said = f.past.iter().rev().find(|record| record.data["who"].is_object());
    let instant = f.then.completed.or(f.then.ended).unwrap_or(f.then.assigned);
    let (instant, who) = match said {
        Some(record) => (record.at, record.data["who"].clone()),
        None => {
            let person = population.person_at(&f.then.person, instant);
            (instant, person.map(people::history::snapshot).unwrap_or_default())
        }
    };
    write_who(row, &who);
    instant
}

fn write_who(row: &mut Row, who: &Json) {
    let text = |member: &str| who[member].as_str().unwrap_or_default().to_owned();
    row.employee_id = text("employee_id");
    row.name = text("name");
    row.title = text("title");
    row.department = text("department");
    row.location = text("location");
    row.worker_type = text("worker_type");
    row.manager = who["manager"].as_str().map(|id| format!("person/{id}")).unwrap_or_default();
    row.zone = text("timezone");
}
