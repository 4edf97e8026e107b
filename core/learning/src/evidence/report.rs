//! The report of a pack: how each assignment stood at the end of the period, whether it counts, and why not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use stoa_flow::Organisation;
use stoa_ground::ledger::{self, Kept, Record, Tombstones};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, args};

use super::lost;
use super::pack::{Change, Considered, Report, Row, Scope};
use super::population::{Period, Population};
use super::retention::{self, Duty, Hold, Policy};
use super::rows::{self, subject};
use super::then::Then;
use crate::training::assignment::{self, Assignment};
use crate::training::requirement::{self, Requirement};
use crate::training::state::State;
use crate::training::{self, Preset, due};

/// What a report is made of.
pub(super) struct Asked<'a> {
    pub scope: &'a Scope,
    pub period: Period,
    /// Records that came into the log later are in no pack of its checkpoint.
    pub size: u64,
    /// What of the records was erased.
    pub tombstones: &'a Tombstones,
    pub preset: Preset,
    pub policy: &'a Policy,
    pub organisation: &'a Organisation,
}

/// The report, the population, the assignments behind the rows with what changed of them, and the records of each as they are
/// kept.
pub(super) struct Made {
    pub report: Report,
    pub population: Vec<Considered>,
    pub assignments: Vec<Assignment>,
    pub changes: Vec<Change>,
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
    /// The ids of the assignments that count for their person and requirement now.
    counting: HashSet<String>,
}

pub(super) async fn make(c: &Conn, asked: &Asked<'_>, people: &mut Then<'_>) -> Result<Made> {
    let Asked { scope, period, tombstones, .. } = *asked;
    if let Some(requirement) = &scope.requirement {
        requirement::by_id(c, requirement).await?;
    }
    if let Some(course) = &scope.course {
        training::course::current(c, course).await?;
    }
    let population = Population::read(c, scope, asked.organisation, period).await?;
    lost::nothing(c, scope, period.to, tombstones).await?;
    let candidates = candidates(c, scope, period.to).await?;
    let subjects: Vec<String> = candidates.iter().map(|a| subject(&a.id)).collect();
    let kept = ledger::kept(c, &subjects).await?;
    assignment::as_recorded(c, tombstones, &kept).await?;
    let mut kept = in_log(kept, asked.size);
    let mut found = Vec::with_capacity(candidates.len());
    for now in candidates {
        let own = kept.get(&subject(&now.id)).map_or(&[][..], Vec::as_slice);
        let mut past = own.iter().map(|kept| tombstones.opened(kept)).collect::<Result<Vec<Record>>>()?;
        let concerned = scope.course.as_ref().is_none_or(|course| past.iter().any(|r| r.data["course"] == **course));
        let newest = past.last().map_or(now.assigned, |record| record.at);
        past.retain(|record| period.has(record.at));
        let then = if concerned { assignment::replay(&now.id, &past)? } else { None };
        let Some(mut then) = then else {
            kept.remove(&subject(&now.id));
            continue;
        };
        then.person.clone_from(&now.person);
        found.push(Found { now, then, past, newest });
    }
    let renewals = found.iter().filter(|f| f.then.state != State::Retired).filter_map(|f| f.then.renews.as_ref());
    let done = found.iter().map(|f| &f.then).filter(|a| a.completed.is_some() || a.state == State::Waived);
    let now = found.iter().map(|f| &f.now).filter(|a| a.state != State::Retired);
    let counting: HashMap<(&str, &str), &str> = now.map(|a| ((&*a.person, &*a.requirement), &*a.id)).collect();
    let world = World {
        asked,
        counting: counting.into_values().map(str::to_owned).collect(),
        newest: done.map(|a| ((a.person.clone(), a.requirement.clone()), a.id.clone())).collect(),
        population: &population,
        renewed: renewals.map(|renewal| renewal.id.clone()).collect(),
        requirements: requirement::all(c).await?.into_iter().map(|r| (r.id.clone(), r)).collect(),
        holds: retention::holds(c).await?,
    };
    let mut lines: HashSet<String> = HashSet::new();
    let mut there = Vec::with_capacity(found.len());
    for mut f in found {
        world.expire(&mut f.then);
        // What renews a line has one as well.
        let renews = f.then.renews.as_ref().filter(|_| f.then.state != State::Retired);
        if world.is_past(&f.then) && renews.is_none_or(|renewal| !lines.contains(&renewal.id)) {
            kept.remove(&subject(&f.then.id));
            continue;
        }
        lines.insert(f.then.id.clone());
        there.push(f);
    }
    people.know(there.iter().map(|f| &f.past[..]));
    let mut rows: Vec<(String, Row)> = Vec::new();
    let mut has: HashSet<(String, String)> = HashSet::new();
    let (mut assignments, mut changes) = (Vec::new(), Vec::new());
    for f in there {
        has.insert((f.then.person.clone(), f.then.requirement.clone()));
        let about = rows::About {
            from: period.from,
            course: scope.course.as_deref(),
            preset: asked.preset,
            renewed: world.renewed.contains(&f.then.id),
        };
        let mut row = rows::row(&f.then, &f.past, &about);
        let instant = place(&mut row, &f, &population);
        row.manager = people.shown(&row.manager, instant).await?;
        row.decided_by = people.shown(&row.decided_by, f.then.since).await?;
        world.keep(&mut row, &f, people.now(&f.now.person).await?, c.now());
        for (at, mut change) in rows::changes(&f.then.id, &f.past)? {
            change.by = people.shown(&change.by, at).await?;
            changes.push((at, change));
        }
        rows.push((f.then.person.clone(), row));
        assignments.push(f.then);
    }
    let missing: Vec<(&str, &str)> =
        population.all_meant().filter(|(p, r)| !has.contains(&((*p).to_owned(), (*r).to_owned()))).collect();
    lost::of_people(c, missing.iter().map(|(person, _)| *person).collect(), tombstones).await?;
    let mut gone = Gone::read(c, &missing).await?;
    for (person, requirement) in missing {
        let since = population.meant(person, requirement).unwrap_or(Instant(0));
        let erased = gone.take(person, requirement, since);
        let row = world.missing(person, requirement, since, erased, people).await?;
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
    let changes = rows::in_order(changes);
    Ok(Made { report, population, assignments, changes, kept })
}

/// What of these records is in the tree of `size` leaves.
pub(super) fn in_log(mut kept: BTreeMap<String, Vec<Kept>>, size: u64) -> BTreeMap<String, Vec<Kept>> {
    kept.values_mut().for_each(|records| records.retain(|record| record.leaf.is_some_and(|leaf| leaf < size)));
    kept.retain(|_, records| !records.is_empty());
    kept
}

/// The assignments of a scope that were made before an instant, the oldest first. Of a course also those that may have been
/// about it once.
async fn candidates(c: &Conn, scope: &Scope, before: Instant) -> Result<Vec<Assignment>> {
    if let Some(person) = &scope.person {
        let mut theirs = assignment::of_person(c, &people::find(c, person).await?.id).await?;
        let concerned = |a: &Assignment| scope.requirement.as_ref().is_none_or(|r| a.requirement == *r);
        theirs.retain(|a| a.assigned < before && concerned(a));
        return Ok(theirs);
    }
    let wanted = scope.requirement.as_deref();
    let mut found = assignment::made_before(c, wanted, scope.course.as_deref(), before).await?;
    let Some(course) = &scope.course else { return Ok(found) };
    let mut once: BTreeSet<String> = BTreeSet::new();
    for record in ledger::of_kind(c, "requirement").await?.iter().filter(|r| r.data["course"] == **course) {
        once.extend(
            record.data["id"].as_str().filter(|id| wanted.is_none_or(|wanted| wanted == *id)).map(str::to_owned),
        );
    }
    let known: HashSet<String> = found.iter().map(|a| a.id.clone()).collect();
    for requirement in &once {
        let all = assignment::made_before(c, Some(requirement), None, before).await?;
        found.extend(all.into_iter().filter(|a| !known.contains(&a.id)));
    }
    found.sort_by(|a, b| (a.assigned, a.cycle, &a.id).cmp(&(b.assigned, b.cycle, &b.id)));
    Ok(found)
}

/// Assignments that were erased, by person: the requirement, where the tombstone says it, and when they were.
struct Gone(HashMap<String, Vec<(Option<String>, Instant)>>);

impl Gone {
    /// Those of these people, also of rows that were merged into theirs.
    async fn read(c: &Conn, missing: &[(&str, &str)]) -> Result<Self> {
        let mut rows: HashMap<String, String> =
            missing.iter().map(|(person, _)| ((*person).to_owned(), (*person).to_owned())).collect();
        let people: Vec<String> = rows.keys().cloned().collect();
        let before = "SELECT person, stands_for FROM person_alias WHERE stands_for IN";
        for row in c.all_in(before, &people, "", args![]).await? {
            rows.insert(row.get("person")?, row.get("stands_for")?);
        }
        let mut owners: HashMap<String, &String> = HashMap::new();
        let known: Vec<&String> = rows.keys().collect();
        let before = "SELECT DISTINCT v.person, r.subject FROM ledger_value v JOIN ledger_record r ON r.id = v.record
                      WHERE v.erased IS NOT NULL AND v.part = 0 AND r.subject LIKE 'assignment/%' AND v.person IN";
        for row in c.all_in(before, &known, "", args![]).await? {
            if let Some(person) = rows.get(&row.get::<String>("person")?) {
                owners.insert(row.get("subject")?, person);
            }
        }
        let mut gone: HashMap<String, Vec<_>> = HashMap::new();
        for tombstone in ledger::of_kind(c, "erasure").await? {
            for subject in tombstone.data["subjects"].as_array().into_iter().flatten().filter_map(|s| s.as_str()) {
                if let Some(person) = owners.get(subject) {
                    let requirement = tombstone.data["requirements"][subject].as_str().map(str::to_owned);
                    gone.entry((*person).clone()).or_default().push((requirement, tombstone.at));
                }
            }
        }
        Ok(Self(gone))
    }

    /// Whether an assignment of the requirement was erased after the rule meant the person; each excuses one line. Tombstones
    /// of earlier releases do not say the requirement.
    fn take(&mut self, person: &str, requirement: &str, since: Instant) -> bool {
        let Some(all) = self.0.get_mut(person) else { return false };
        let place = |wanted: Option<&str>| all.iter().position(|(of, at)| of.as_deref() == wanted && *at >= since);
        let found = place(Some(requirement)).or_else(|| place(None));
        found.map(|at| all.remove(at)).is_some()
    }
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

    /// Whether it has nothing to do with the period. What still spoke for somebody whom the rule means has.
    fn is_past(&self, a: &Assignment) -> bool {
        let speaks = match a.state {
            State::Completed | State::Exempt | State::Waived => true,
            State::Expired => !self.renewed.contains(&a.id),
            _ => false,
        };
        rows::before(a, self.asked.period.from)
            && !(speaks && self.population.meant(&a.person, &a.requirement).is_some())
    }

    /// For how long its records are kept. `person`: whose they are, as they are now.
    fn keep(&self, row: &mut Row, f: &Found, person: Option<&Person>, now: Instant) {
        let policy = self.asked.policy;
        let rule = self.requirements.get(&f.now.requirement);
        let judged = retention::Judged { rule, newest: self.counting.contains(&f.now.id), policy };
        let facts = retention::facts_of(&f.now, f.newest, person, &judged);
        let duty = retention::duty(now, &f.now.person, &facts, &self.holds, &policy.rules);
        row.retention = format!("{}: {}", facts.class, duty.kept());
        if let Duty::Held { id, reason } = duty {
            row.hold = format!("{id}: {reason}");
        }
    }

    /// A rule meant somebody, and nothing was ever assigned.
    async fn missing(
        &self,
        person: &str,
        requirement: &str,
        since: Instant,
        erased: bool,
        people: &mut Then<'_>,
    ) -> Result<Row> {
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
        rows::write_who(&mut row, &who);
        row.manager = people.shown(&row.manager, since).await?;
        if erased {
            row.state = "erased".into();
            row.counts = false;
            row.reason = "the records of what was assigned were erased; the log has the tombstone".into();
        }
        Ok(row)
    }
}

/// Who and where the person was, where no record says that: as the roster's history has it. Gives as of when it is said.
fn place(row: &mut Row, f: &Found, population: &Population) -> Instant {
    if let Some(record) = rows::who(&f.past) {
        return record.at;
    }
    let instant = f.then.completed.or(f.then.ended).unwrap_or(f.then.assigned);
    let person = population.person_at(&f.then.person, instant);
    rows::write_who(row, &person.map(people::history::snapshot).unwrap_or_default());
    instant
}
