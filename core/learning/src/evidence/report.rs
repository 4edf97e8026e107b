//! The report of a pack: how each assignment stood at the end of the period, whether it counts, and why not.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;
use stoa_flow::Organisation;
use stoa_ground::ledger::{self, Kept, Record};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result, args};

use super::pack::{Considered, Report, Row, Scope, at};
use super::population::{Period, Population};
use super::retention::{self, Duty, Hold, Rule};
use crate::training::assignment::{self, Assignment};
use crate::training::state::State;
use crate::training::{Preset, requirement};

/// What a report is made of.
pub(super) struct Asked<'a> {
    pub scope: &'a Scope,
    pub period: Period,
    pub preset: Preset,
    pub rules: &'a [Rule],
    pub organisation: &'a Organisation,
}

/// The report, the population, the assignments behind the rows, and the records of each as they are kept.
pub(super) struct Made {
    pub report: Report,
    pub population: Vec<Considered>,
    pub assignments: Vec<Assignment>,
    pub kept: BTreeMap<String, Vec<Kept>>,
}

pub(super) async fn make(c: &Conn, asked: &Asked<'_>) -> Result<Made> {
    let Asked { scope, period, .. } = *asked;
    if let Some(requirement) = &scope.requirement {
        requirement::by_id(c, requirement).await?;
    }
    if let Some(course) = &scope.course {
        crate::training::course::current(c, course).await?;
    }
    let population = Population::read(c, scope, asked.organisation, period).await?;
    let mut made = Made {
        report: Report::over(Vec::new()),
        population: Vec::new(),
        assignments: Vec::new(),
        kept: BTreeMap::new(),
    };
    let holds = retention::holds(c).await?;
    let presets: HashMap<String, Preset> = requirement::all(c).await?.into_iter().map(|r| (r.id, r.evidence)).collect();
    let mut rows: Vec<(String, Row)> = Vec::new();
    let mut has: std::collections::HashSet<(String, String)> = std::collections::HashSet::new();
    for now in candidates(c, scope, period.to).await? {
        let subject = format!("assignment/{}", now.id);
        let kept = ledger::kept(c, &subject).await?;
        let records = kept.iter().map(ledger::opened).collect::<Result<Vec<Record>>>()?;
        let newest = records.last().map_or(now.assigned, |record| record.at);
        let past: Vec<Record> = records.into_iter().filter(|record| record.at < period.to).collect();
        let Some(mut a) = assignment::replay(&now.id, &past)? else { continue };
        a.person.clone_from(&now.person);
        let ended = a.completed.or(a.ended).filter(|_| !a.state.is_open());
        let before = ended.is_some_and(|ended| ended < period.from);
        let carried = matches!(a.state, State::Completed | State::Exempt | State::Waived);
        if before && !(carried && population.meant(&a.person, &a.requirement).is_some()) {
            continue;
        }
        has.insert((a.person.clone(), a.requirement.clone()));
        let mut row = row(&a, &past, asked.preset, before);
        place(&mut row, &past, &a, &population);
        for text in [&mut row.decided_by, &mut row.manager] {
            *text = shown(c, text).await?;
        }
        let preset = presets.get(&a.requirement).copied().unwrap_or_default();
        keep(&mut row, c, &now, newest, preset, asked.rules, &holds).await?;
        rows.push((a.person.clone(), row));
        made.kept.insert(subject, kept);
        made.assignments.push(a);
    }
    for (person, requirement) in population.all_meant() {
        if !has.contains(&(person.to_owned(), requirement.to_owned())) {
            rows.push((person.to_owned(), missing(c, &population, person, requirement).await?));
        }
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
    made.population = population.considered(&by_person);
    made.report = Report::over(rows.into_iter().map(|(_, row)| row).collect());
    Ok(made)
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

fn row(a: &Assignment, records: &[Record], preset: Preset, before: bool) -> Row {
    let (counts, reason) = match (a.state, a.excluded()) {
        (State::Completed, _) if before => {
            (false, "completed before the period, and nothing more was asked for in it".into())
        }
        (_, Some(why)) => (false, why),
        (_, None) => (true, a.end_reason.clone().unwrap_or_default()),
    };
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
    let results = preset.shows_results();
    Row {
        subject: format!("assignment/{}", a.id),
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
        counts,
        reason,
        decided_by: decided.map(|record| record.actor.clone()).unwrap_or_default(),
        until: if a.state == State::Exempt { text(decided, "until") } else { String::new() },
        ..Row::default()
    }
}

/// Who and where the person was: as the newest record says that says it, else as the roster's history has it.
fn place(row: &mut Row, records: &[Record], a: &Assignment, population: &Population) {
    let said = records.iter().rev().map(|record| &record.data["who"]).find(|who| who.is_object());
    let instant = a.completed.or(a.ended).unwrap_or(a.assigned);
    let who = match said {
        Some(who) => who.clone(),
        None => population.person_at(&a.person, instant).map(people::history::snapshot).unwrap_or_default(),
    };
    write_who(row, &who);
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

/// `person/<id>` as an employee id.
async fn shown(c: &Conn, actor: &str) -> Result<String> {
    let Some(id) = actor.strip_prefix("person/") else { return Ok(actor.to_owned()) };
    Ok(people::by_id(c, id).await?.map_or_else(|| actor.to_owned(), |p| p.employee_id))
}

async fn keep(
    row: &mut Row,
    c: &Conn,
    a: &Assignment,
    newest: Instant,
    preset: Preset,
    rules: &[Rule],
    holds: &[Hold],
) -> Result<()> {
    let person = people::by_id(c, &a.person).await?;
    let facts = retention::facts_of(a, newest, person.as_ref(), preset);
    let duty = retention::duty(c.now(), &a.person, &facts, holds, rules);
    row.retention = format!("{}: {}", facts.class, duty.kept());
    if let Duty::Held { id, reason } = duty {
        row.hold = format!("{id}: {reason}");
    }
    Ok(())
}

/// A rule meant somebody, and nothing was ever assigned.
async fn missing(c: &Conn, population: &Population, person: &str, requirement: &str) -> Result<Row> {
    let since = population.meant(person, requirement).unwrap_or(Instant(0));
    let found = requirement::by_id(c, requirement).await?;
    let who: &Person = population
        .person_at(person, since)
        .ok_or_else(|| Error::NotFound(format!("the person {person} in the roster's history")))?;
    let mut row = Row {
        requirement: requirement.to_owned(),
        course: found.course,
        state: "not-assigned".into(),
        counts: true,
        reason: format!("the rule meant this person from {} on, and nothing was assigned", since.rfc3339()),
        ..Row::default()
    };
    write_who(&mut row, &people::history::snapshot(who));
    row.manager = shown(c, &row.manager).await?;
    let erased = "SELECT 1 AS one FROM ledger_value WHERE person = $1 AND erased IS NOT NULL LIMIT 1";
    if c.opt(erased, args![person]).await?.is_some() {
        row.state = "erased".into();
        row.counts = false;
        row.reason = "records about this person were erased; the log has their tombstones".into();
    }
    Ok(row)
}
