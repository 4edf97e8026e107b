//! `stoa training apply`: what a file of requirements changes, and the change.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;
use stoa_ground::people::{self, Facts, Person};
use stoa_ground::{Conn, Db, Error, Result};

use super::assignment::{self, Assignment};
use super::attest;
use super::course;
use super::evaluate::{self, Verdict};
use super::requirement::{self, Requirement};
use super::state::State;
use crate::Services;

/// What a file of requirements does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// For each requirement of the file.
    pub requirements: Vec<Planned>,
}

/// What one requirement does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Planned {
    /// Its id.
    pub requirement: String,
    /// Its title.
    pub title: String,
    /// The course's id.
    pub course: String,
    /// The audience rule as it is understood.
    pub audience: String,
    /// `new`, `changed` or `unchanged`.
    pub change: &'static str,
    /// How many people the rule means.
    pub means: usize,
    /// How many of them have an assignment already that stays as it is.
    pub unchanged: usize,
    /// Who gets an assignment.
    pub assign: Vec<Effect>,
    /// Whose assignment is retired.
    pub retire: Vec<Effect>,
    /// Whose due date moves, or whose clock stops or goes on.
    pub adjust: Vec<Effect>,
    /// Groups that the rule names and nobody is in.
    pub empty_groups: Vec<String>,
}

/// What happens to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The employee id.
    pub person: String,
    /// The name.
    pub name: String,
    /// When it is due then.
    pub due: Option<Date>,
    /// Why.
    pub reason: String,
}

/// Brings the requirements of a file into force, or says with `dry_run` what that would do. `file` is its name for
/// messages. Applying the same file again changes nothing; requirements that are not in the file stay as they are.
///
/// # Errors
/// [`Error::Invalid`] when the file has mistakes or names a course that is not there; nothing is changed then.
pub async fn apply(db: &Db, services: &Services, file: &str, text: &str, dry_run: bool) -> Result<Plan> {
    let requirements = requirement::parse(file, text)?;
    let (requirements, file) = (&requirements, &file);
    let (planned, touched) = db
        .read(|conn| async move {
            let known: Vec<String> = course::courses(&conn).await?.into_iter().map(|c| c.0).collect();
            let missing = requirements.iter().find(|r| r.active && !known.contains(&r.course));
            if let Some(r) = missing {
                let there = if known.is_empty() { "there is none yet".into() } else { known.join(", ") };
                return Err(Error::invalid(format!(
                    "{file}: requirement '{}': the course '{}' is not there ({there}); bring its folder in first",
                    r.id, r.course
                )));
            }
            for r in requirements.iter().filter(|r| r.active) {
                if let Some(why) = unsignable(&conn, services, r).await? {
                    return Err(Error::invalid(format!("{file}: requirement '{}': {why}", r.id)));
                }
            }
            let stored = requirement::all(&conn).await?;
            let everyone = people::all_facts(&conn).await?;
            let (mut planned, mut touched) = (Vec::new(), Vec::new());
            for r in requirements {
                let mut by_person: HashMap<String, Vec<Assignment>> = HashMap::new();
                for a in assignment::of_requirement(&conn, &r.id).await? {
                    by_person.entry(a.person.clone()).or_default().push(a);
                }
                let (plan, people) = plan(services, r, &stored, &everyone, &by_person, conn.now())?;
                planned.push(plan);
                touched.extend(people);
            }
            touched.sort();
            touched.dedup();
            Ok((planned, touched))
        })
        .await?;
    if !dry_run {
        db.write(|tx| async move {
            for r in requirements {
                requirement::store(&tx, services, r).await?;
            }
            Ok(())
        })
        .await?;
        db.write_each(&touched, |tx, person| async move { evaluate::person(&tx, services, person).await }).await?;
    }
    Ok(Plan { dry_run, requirements: planned })
}

/// Why nobody here could confirm a requirement's course as it demands, if nobody can.
async fn unsignable(conn: &Conn, services: &Services, r: &Requirement) -> Result<Option<String>> {
    if let Err(why) = attest::available(services, r.attestation) {
        return Ok(Some(format!("attestation {why}")));
    }
    let course = course::content(conn, &course::current(conn, &r.course).await?).await?;
    let missing = course.attestation.is_none() && r.attestation != attest::Level::default();
    Ok(missing.then(|| {
        format!(
            "attestation is {}, and the course '{}' has no sentence to confirm: add attestation to its course.toml",
            r.attestation.name(),
            r.course
        )
    }))
}

fn plan(
    s: &Services,
    r: &Requirement,
    stored: &[Requirement],
    everyone: &[(Person, Facts)],
    assignments: &HashMap<String, Vec<Assignment>>,
    now: stoa_ground::Instant,
) -> Result<(Planned, Vec<String>)> {
    let change = match stored.iter().find(|known| known.id == r.id) {
        None => "new",
        Some(known) if known == r => "unchanged",
        Some(_) => "changed",
    };
    let mut planned = Planned {
        requirement: r.id.clone(),
        title: r.title.clone(),
        course: r.course.clone(),
        audience: r.audience.to_string(),
        change,
        means: 0,
        unchanged: 0,
        assign: Vec::new(),
        retire: Vec::new(),
        adjust: Vec::new(),
        empty_groups: Vec::new(),
    };
    let mut touched = Vec::new();
    for (person, facts) in everyone {
        let theirs = assignments.get(&person.id).map_or(&[][..], Vec::as_slice);
        let means = r.active && r.audience.matches(person, facts);
        planned.means += usize::from(means);
        let calendar = s.organisation.calendar(person);
        let effect = |due, reason: &str| Effect {
            person: person.employee_id.clone(),
            name: person.name.clone(),
            due,
            reason: reason.to_owned(),
        };
        match evaluate::decide(r, person, facts, theirs, &calendar, now)? {
            Some(Verdict::Assign { due, reason }) => planned.assign.push(effect(Some(due.date), &reason)),
            Some(Verdict::Retire { reason, .. }) => planned.retire.push(effect(None, &reason)),
            Some(Verdict::Pause { .. }) => planned.adjust.push(effect(None, "the person is on leave")),
            Some(Verdict::Resume { due, .. }) => planned.adjust.push(effect(Some(due.date), "the person is back")),
            Some(Verdict::Move { due, .. }) => planned.adjust.push(effect(Some(due.date), "the due date moves")),
            None => {
                let kept = theirs.iter().any(|a| a.state != State::Retired);
                planned.unchanged += usize::from(means && kept);
                // Who begins later is looked at again on the first day.
                if means && !kept {
                    touched.push(person.id.clone());
                }
                continue;
            }
        }
        touched.push(person.id.clone());
    }
    let groups = r.audience.groups();
    let empty =
        groups.iter().filter(|g| !everyone.iter().any(|(_, f)| f.groups.iter().any(|h| h.eq_ignore_ascii_case(g))));
    planned.empty_groups = empty.map(|g| (*g).to_owned()).collect();
    Ok((planned, touched))
}
