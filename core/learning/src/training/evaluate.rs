//! Who needs what: compares requirements with a person as they are now, and does what follows.

use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use serde_json::Value as Json;
use std::sync::Arc;
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Instant, Result, Tx};

use super::assignment::{self, Assignment, By, New};
use super::due::{self, Deadline};
use super::joined;
use super::life;
use super::requirement::{self, Due, Requirement};
use super::state::State;
use crate::Services;

/// What follows for one person and one requirement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// A new assignment.
    Assign { due: Deadline, reason: String },
    /// The assignment with this id has lost its reason.
    Retire { id: String, reason: String },
    /// A leave has begun.
    Pause { id: String, from: Date },
    /// A leave has ended.
    Resume { id: String, due: Deadline },
    /// The due date follows the calendar, or the rule, which gives the day `base` by itself.
    Move { id: String, due: Deadline, base: Option<Date> },
}

/// Decides about one requirement. `assignments` are the person's, the oldest first.
pub(crate) fn decide(
    requirement: &Requirement,
    person: &Person,
    facts: &people::Facts,
    assignments: &[Assignment],
    calendar: &Calendar,
    now: Instant,
) -> Result<Option<Verdict>> {
    let today = calendar.date(now);
    let works = person.status != Status::Left && person.hire_date.is_none_or(|hired| hired <= today);
    let wanted = requirement.active && works && requirement.audience.matches(person, facts);
    let live = assignments.iter().rev().find(|a| a.requirement == requirement.id && a.state != State::Retired);
    let Some(a) = live else {
        return Ok(wanted.then(|| Verdict::Assign {
            due: due::deadline(requirement.due, person.hire_date, today, calendar),
            reason: requirement.audience.explain(person, facts),
        }));
    };
    if !wanted {
        let ends = a.state.is_open() || a.state == State::Exempt;
        let reason = if requirement.active {
            requirement.audience.explain(person, facts)
        } else {
            "the requirement was withdrawn".into()
        };
        return Ok(ends.then(|| Verdict::Retire { id: a.id.clone(), reason }));
    }
    let away = people::away(person, today);
    let assigned = calendar.date(a.assigned);
    match a.state {
        state if state.is_running() && away => {
            let from = person.leave_from.unwrap_or(today);
            Ok(Some(Verdict::Pause { id: a.id.clone(), from }))
        }
        State::OnLeave if !away => {
            let from = a.away_from.unwrap_or(today);
            let ended = person.leave_to.filter(|to| *to >= from).and_then(|to| to.tomorrow().ok());
            let back = ended.map_or(today, |day| day.min(today));
            let due = due::after_leave(a.due.date, assigned, from, back, calendar);
            Ok(Some(Verdict::Resume { id: a.id.clone(), due }))
        }
        state if state.is_running() => {
            let rule_differs =
                matches!(requirement.due, Due::AfterHire(_)) || a.rule_version != requirement.version()?;
            let base = due::deadline(requirement.due, person.hire_date, assigned, calendar);
            if rule_differs && !a.extended && base.date != a.base_due_date {
                let due = if base.date < today { due::on(calendar, today) } else { base };
                return Ok(Some(Verdict::Move { id: a.id.clone(), due, base: Some(base.date) }));
            }
            // What is overdue stays overdue, whatever becomes of the calendar.
            let due = due::on(calendar, a.due.date);
            let moves = due != a.due && state != State::Overdue;
            Ok(moves.then(|| Verdict::Move { id: a.id.clone(), due, base: None }))
        }
        _ => Ok(None),
    }
}

/// Evaluates one person against all requirements, and comes back when a leave or the first day of work changes things.
///
/// # Errors
/// The database's error.
pub(crate) async fn person(tx: &Tx, s: &Services, id: &str) -> Result<()> {
    let Some(person) = people::by_id(tx, id).await? else { return Ok(()) };
    let requirements = requirement::all(tx).await?;
    if requirements.is_empty() {
        return Ok(());
    }
    let facts = people::facts(tx, &person).await?;
    let calendar = s.organisation.calendar(&person);
    let id = person.id.as_str();
    let mut assignments = assignment::of_person(tx, id).await?;
    if joined::settle_all(tx, s, &person, &assignments).await? {
        assignments = assignment::of_person(tx, id).await?;
    }
    let mut new = Vec::new();
    for requirement in &requirements {
        match decide(requirement, &person, &facts, &assignments, &calendar, tx.now())? {
            Some(Verdict::Assign { due, reason }) => new.push(New { requirement, due, reason }),
            Some(verdict) => carry_out(tx, s, &person, requirement, verdict).await?,
            None => {}
        }
    }
    if !new.is_empty() {
        life::assign(tx, s, &person, &new).await?;
    }
    let key = format!("training/person/{id}");
    match next_look(&person, &calendar, tx.now()) {
        Some(at) => schedule::put(tx, &key, EvaluateJob::KIND, at, &Json::from(id)).await,
        None => schedule::cancel(tx, &key).await,
    }
}

async fn carry_out(tx: &Tx, s: &Services, person: &Person, r: &Requirement, verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Assign { due, reason } => life::assign(tx, s, person, &[New { requirement: r, due, reason }]).await,
        Verdict::Retire { id, reason } => {
            let a = assignment::existing(tx, &id).await?;
            life::retire(tx, s, &a, &reason).await
        }
        Verdict::Pause { id, from } => {
            let a = assignment::existing(tx, &id).await?;
            life::pause(tx, s, &a, from).await
        }
        Verdict::Resume { id, due } => {
            let a = assignment::existing(tx, &id).await?;
            life::resume(tx, s, person, &a, due).await
        }
        Verdict::Move { id, due, base } => {
            let a = assignment::existing(tx, &id).await?;
            let version = r.version()?;
            let why = match base {
                Some(_) => "the rule gives another due date",
                None => "the person's calendar has changed",
            };
            let rule = base.map(|base| (version.as_str(), base));
            life::move_due(tx, s, person, &a, due, rule, &By::rule(&r.id, why)).await
        }
    }
}

/// The next day on which time alone changes something: the first day of work, the first day of a leave, the day after.
fn next_look(person: &Person, calendar: &Calendar, now: Instant) -> Option<Instant> {
    if person.status == Status::Left {
        return None;
    }
    let after_leave = person.leave_to.and_then(|to| to.checked_add(1.day()).ok());
    [person.hire_date, person.leave_from, after_leave]
        .into_iter()
        .flatten()
        .map(|date| calendar.at(date, Time::midnight()))
        .filter(|at| *at > now)
        .min()
}

/// The job `training-person`: looks at one person again on a day when time alone changes something.
pub(crate) struct EvaluateJob(pub Arc<Services>);

impl EvaluateJob {
    /// Its name.
    pub(crate) const KIND: &'static str = "training-person";
}

#[async_trait::async_trait]
impl Job for EvaluateJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        person(tx, &self.0, job.payload.as_str().unwrap_or_default()).await
    }
}

/// Follows the changes of people: new hires, people who moved, people who left.
pub(crate) struct PeopleFollower(pub Arc<Services>);

#[async_trait::async_trait]
impl stoa_flow::Follower for PeopleFollower {
    fn name(&self) -> &'static str {
        "training-people"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        person(tx, &self.0, key).await
    }
}
