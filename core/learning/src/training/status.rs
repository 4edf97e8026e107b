//! Status for operators and scripts, and decisions that are made outside of the chat.

use serde::Serialize;
use stoa_ground::people::{self, Person};
use stoa_ground::xapi::Actor;
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx};

use super::assignment::{self, Assignment, By};
use super::attest::{self, Attestation};
use super::completions::{Claim, Elsewhere, How};
use super::history::{self, AsOf};
use super::state::State;
use super::{due, life, progress, requirement};
use crate::Services;

/// Which assignments are wanted. What is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this requirement.
    pub requirement: Option<String>,
    /// Of this person, as [`people::find`] reads it.
    pub person: Option<String>,
    /// Of everybody below this manager, at any depth.
    pub manager: Option<String>,
    /// In this state, by its name.
    pub state: Option<String>,
    /// As they stood then.
    pub as_of: Option<AsOf>,
}

/// One assignment, as `stoa training status` prints it. Instants are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The employee id.
    pub person: String,
    /// The name.
    pub name: String,
    /// The requirement's id.
    pub requirement: String,
    /// The course's id.
    pub course: String,
    /// The version of the course that the person reads or has completed.
    pub version: Option<String>,
    /// The state's name.
    pub state: &'static str,
    /// When it was assigned.
    pub assigned: String,
    /// When it is due.
    pub due: String,
    /// The day on which it is due, in the person's zone.
    pub due_date: String,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<String>,
    /// The day on which it was completed, in the person's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_date: Option<String>,
    /// Until when the completion, or the waiver, holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The last day on which it holds, in the person's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_date: Option<String>,
    /// The score of the last attempt at the quiz, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Which cycle it is, from 1.
    pub cycle: u32,
    /// Since when it is in its state.
    pub since: String,
    /// The same as a day, in the person's zone.
    pub since_date: String,
    /// Whether it counts in the denominator; `reason` says why not.
    pub counts: bool,
    /// Why it was assigned; for what is exempt, waived or retired, why that.
    pub reason: String,
}

/// The assignments that a filter wants, by person and the oldest first.
///
/// # Errors
/// [`Error::NotFound`] when the filter names a person, requirement or state that is not there, [`Error::Invalid`] for a
/// moment that has not come; the database's error.
pub async fn status(conn: &Conn, filter: &Filter) -> Result<Vec<Row>> {
    if let Some(id) = &filter.requirement {
        requirement::by_id(conn, id).await?;
    }
    if let Some(state) = filter.state.as_deref().filter(|s| State::named(s).is_none()) {
        let names = State::ALL.map(State::name).join(", ");
        return Err(Error::invalid(format!("'{state}' is not a state: use {names}")));
    }
    // As of a day everybody is called as then, and reports to whom they did.
    let then = match filter.as_of {
        Some(when) => Some(people::history::everybody(conn, |p| when.instant(p)).await?),
        None => None,
    };
    let mut some = None;
    if let Some(manager) = &filter.manager {
        let manager = people::find(conn, manager).await?.id;
        some = Some(match &then {
            Some(then) => people::history::below(then, &manager),
            None => people::tree_of(conn, &manager).await?,
        });
    }
    if let Some(person) = &filter.person {
        let person = people::find(conn, person).await?;
        let known = then.as_ref().and_then(|then| then.iter().find(|p| p.id == person.id));
        let within = some.is_none_or(|tree: Vec<Person>| tree.iter().any(|below| below.id == person.id));
        some = Some(if within { vec![known.unwrap_or(&person).clone()] } else { Vec::new() });
    }
    let found = match (&some, &filter.requirement) {
        (Some(people), _) => {
            let mut found = Vec::new();
            for person in people {
                found.extend(assignment::of_person(conn, &person.id).await?);
            }
            found
        }
        (None, Some(requirement)) => assignment::of_requirement(conn, requirement).await?,
        (None, None) => assignment::all(conn).await?,
    };
    let people = match some.or(then) {
        Some(people) => people,
        None => people::all(conn).await?,
    };
    let has_come = |when: &AsOf| people.iter().any(|person| when.has_come(conn.now(), person));
    if let Some(when) = filter.as_of.filter(|when| !people.is_empty() && !has_come(when)) {
        let when = match when {
            AsOf::Day(date) => date.to_string(),
            AsOf::At(at) => at.rfc3339(),
        };
        return Err(Error::invalid(format!("{when} has not come yet")));
    }
    let by_id: std::collections::HashMap<&str, &Person> = people.iter().map(|p| (p.id.as_str(), p)).collect();
    let mut rows = Vec::new();
    for a in found.iter().filter(|a| filter.requirement.as_ref().is_none_or(|id| a.requirement == *id)) {
        let Some(person) = by_id.get(a.person.as_str()) else { continue };
        let then = match filter.as_of {
            Some(when) => history::at(conn, a, when.instant(person)).await?,
            None => Some(a.clone()),
        };
        let then = then.filter(|a| filter.state.as_ref().is_none_or(|state| a.state.name() == state));
        rows.extend(then.map(|a| row(&a, person)));
    }
    rows.sort_by(|a, b| a.person.cmp(&b.person));
    Ok(rows)
}

fn row(a: &Assignment, person: &Person) -> Row {
    let day = |at: Instant| at.zoned(&people::zone(person)).date().to_string();
    Row {
        person: person.employee_id.clone(),
        name: person.name.clone(),
        requirement: a.requirement.clone(),
        course: a.course.clone(),
        version: a.course_version.clone(),
        state: a.state.name(),
        assigned: a.assigned.rfc3339(),
        due: a.due.at.rfc3339(),
        due_date: a.due.date.to_string(),
        completed: a.completed.map(Instant::rfc3339),
        completed_date: a.completed.map(day),
        expires: a.expires.map(|end| end.at.rfc3339()),
        expires_date: a.expires.map(|end| end.date.to_string()),
        score: a.score,
        cycle: a.cycle,
        since: a.since.rfc3339(),
        since_date: day(a.since),
        counts: a.excluded().is_none(),
        reason: a.excluded().unwrap_or_else(|| a.reason.clone()),
    }
}

/// The assignment of a person for a requirement that counts, as [`assignment::newest`] says.
pub(super) async fn newest(conn: &Conn, person: &Person, requirement: &str) -> Result<Assignment> {
    requirement::by_id(conn, requirement).await?;
    let all = assignment::of_person(conn, &person.id).await?;
    let last = assignment::newest(&all, requirement).cloned();
    last.ok_or_else(|| Error::NotFound(format!("an assignment of '{requirement}' to {}", person.name)))
}

/// The open assignment of a person for a requirement.
pub(super) async fn open(conn: &Conn, person: &Person, requirement: &str) -> Result<Assignment> {
    let a = newest(conn, person, requirement).await?;
    if a.state.is_open() {
        return Ok(a);
    }
    Err(Error::Conflict(format!("'{requirement}' of {} is {} and stays so", person.name, a.state.name())))
}

/// What a decision about the open assignment of a person needs: whom it is about, the assignment, and who decides why.
pub(super) async fn decided(
    tx: &Tx,
    person: &str,
    requirement: &str,
    actor: &str,
    reason: &str,
) -> Result<(Person, Assignment, By)> {
    let by = by(actor, reason)?;
    let person = people::find(tx, person).await?;
    let a = open(tx, &person, requirement).await?;
    Ok((person, a, by))
}

/// Who decides, and why.
pub(super) fn by(actor: &str, reason: &str) -> Result<By> {
    let reason = people::clean(reason);
    if reason.is_empty() {
        return Err(Error::invalid("a decision about training needs a reason"));
    }
    Ok(By { actor: actor.to_owned(), reason })
}

/// Records that a person has completed a requirement outside of the chat. `actor` is `operator` or `person/<id>`.
///
/// # Errors
/// [`Error::NotFound`] for a person, requirement or assignment that is not there, [`Error::Conflict`] when it is not
/// open any more, [`Error::Invalid`] without a reason.
pub async fn complete(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    db.write(|tx| async move {
        let (person, a, by) = decided(&tx, person, requirement, actor, reason).await?;
        let who = match actor.strip_prefix("person/") {
            Some(id) => people::by_id(&tx, id).await?.map_or(Actor::Stoa, |p| Actor::from(&p)),
            None => Actor::Stoa,
        };
        attest::may_be_done_for(&tx, &a).await?;
        let elsewhere = Elsewhere {
            by,
            actor: who,
            how: How::Operator,
            claim: Claim::at(tx.now(), a.score, tx.now()),
            provider: None,
            evidence: None,
            statement: None,
        };
        life::complete(&tx, services, &person, &a, Some(&elsewhere)).await
    })
    .await
}

/// Gives a person more time, until a day that moves to a working day when it is none.
///
/// # Errors
/// As [`complete`]; [`Error::Invalid`] for a day in the past, and for one before the due date.
pub async fn extend(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    to: jiff::civil::Date,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    put_off(db, services, (person, requirement), to, (actor, reason), false).await
}

/// As [`extend`], also to a day before the due date.
///
/// # Errors
/// As [`complete`]; [`Error::Invalid`] for a day in the past.
pub async fn set_due(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    to: jiff::civil::Date,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    put_off(db, services, (person, requirement), to, (actor, reason), true).await
}

/// Gives an assignment another due date, also an `earlier` one.
async fn put_off(
    db: &Db,
    services: &Services,
    (person, requirement): (&str, &str),
    to: jiff::civil::Date,
    (actor, reason): (&str, &str),
    earlier: bool,
) -> Result<Assignment> {
    db.write(|tx| async move {
        let (person, a, by) = decided(&tx, person, requirement, actor, reason).await?;
        let calendar = services.organisation.calendar(&person);
        if to < calendar.date(tx.now()) {
            return Err(Error::invalid(format!("{to} is in the past for {}", person.name)));
        }
        if !earlier && due::on(&calendar, to).date < a.due.date {
            return Err(Error::invalid(format!(
                "'{requirement}' of {} is due on {}, and {to} would be less time: say --earlier if that is meant",
                person.name, a.due.date
            )));
        }
        life::extend(&tx, services, &person, &a, to, &by).await
    })
    .await
}

/// The requirement `item` that a person has open, or without one the open one that is due first: its id.
///
/// # Errors
/// [`Error::NotFound`] when nothing is open; as [`complete`].
pub async fn open_item(db: &Db, person: &str, item: Option<&str>) -> Result<String> {
    db.read(|c| async move { Ok(open_or_first(&c, person, item).await?.1.requirement) }).await
}

async fn open_or_first(conn: &Conn, person: &str, item: Option<&str>) -> Result<(Person, Assignment)> {
    let found = people::by_id(conn, person).await?;
    let person = found.ok_or_else(|| Error::NotFound(format!("the person {person}")))?;
    if let Some(item) = item {
        let a = open(conn, &person, item).await?;
        return Ok((person, a));
    }
    let all = assignment::of_person(conn, &person.id).await?;
    let first = all.into_iter().filter(|a| a.state.is_open()).min_by_key(|a| (a.due.at, a.id.clone()));
    match first {
        Some(a) => Ok((person, a)),
        None => Err(Error::NotFound(format!("an open assignment of {}", person.name))),
    }
}

/// A person takes a course from its start to its end and has a score from 0 to 1 in the quiz: what reading, answering and
/// signing it in chat does. Below the pass mark an attempt is used, and nothing is completed.
///
/// # Errors
/// As [`open_item`]; [`Error::Conflict`] when all attempts are used.
pub async fn take(db: &Db, services: &Services, person: &str, item: Option<&str>, score: f64) -> Result<()> {
    db.write(|tx| async move {
        let (person, a) = open_or_first(&tx, person, item).await?;
        let (mut a, course) = life::start(&tx, services, &person, &a).await?;
        if !course.questions.is_empty() && !a.passed {
            if a.attempts >= progress::allowed(&course, &a) {
                return Err(Error::Conflict(format!("{} has no attempt at '{}' left", person.name, a.requirement)));
            }
            a = life::attempt(&tx, services, &person, &a, &course, &course.answers(score)).await?;
            if !a.passed {
                return Ok(());
            }
        }
        if course.attestation.is_some() && a.attested.is_none() {
            let what = Attestation {
                meaning: course.attestation.clone().unwrap_or_default(),
                typed: person.name.clone(),
                level: attest::demanded(&tx, &a, &course).await?,
                signed_in: None,
            };
            a = life::attest(&tx, services, &person, &a, &course, &what).await?;
        }
        life::complete(&tx, services, &person, &a, None).await?;
        Ok(())
    })
    .await
}
