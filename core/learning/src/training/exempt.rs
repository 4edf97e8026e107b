//! Decisions that a person need not do something, and that are taken back: an exemption (the rule does not apply to this
//! person, for good or until the end of a day) and a waiver (it applies, and this cycle of it is forgiven).

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::{Date, Time};
use serde_json::Value as Json;
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_ground::people::{self, Person};
use stoa_ground::{Db, Error, Result, Tx};

use super::assignment::{self, Assignment, By};
use super::state::State;
use super::status::{by, decided, newest};
use super::{evaluate, life};
use crate::Services;

/// Exempts a person from a requirement: for good, or until the end of the day `until`, after which it is assigned anew.
///
/// # Errors
/// As [`complete`](super::complete); [`Error::Invalid`] when `until` has passed.
pub async fn exempt(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    until: Option<Date>,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    db.write(|tx| async move {
        let (person, a, by) = decided(&tx, person, requirement, actor, reason).await?;
        let calendar = services.organisation.calendar(&person);
        if let Some(day) = until.filter(|day| *day < calendar.date(tx.now())) {
            return Err(Error::invalid(format!("{day} is in the past for {}", person.name)));
        }
        exempt_in(&tx, services, &person, &a, until, &by).await?;
        assignment::existing(&tx, &a.id).await
    })
    .await
}

/// Exempts the person from an open assignment in the caller's transaction, with the end of the exemption.
pub(super) async fn exempt_in(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    until: Option<Date>,
    by: &By,
) -> Result<()> {
    life::exempt(tx, s, person, a, until, by).await?;
    let Some(next) = until.and_then(|day| day.tomorrow().ok()) else { return Ok(()) };
    let at = s.organisation.calendar(person).at(next, Time::midnight());
    schedule::put(tx, &end_key(&a.id), EndJob::KIND, at, &Json::from(a.id.as_str())).await
}

/// Forgives a person the open cycle of a requirement. A requirement that recurs comes again with its next cycle.
///
/// # Errors
/// As [`complete`](super::complete).
pub async fn waive(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    db.write(|tx| async move {
        let (person, a, by) = decided(&tx, person, requirement, actor, reason).await?;
        life::waive(&tx, services, &person, &a, &by).await?;
        assignment::existing(&tx, &a.id).await
    })
    .await
}

/// Takes an exemption or a waiver back: the assignment is open again, with the due date that it had.
///
/// # Errors
/// [`Error::Conflict`] when the newest assignment is neither exempt nor waived; as [`complete`](super::complete).
pub async fn reinstate(
    db: &Db,
    services: &Services,
    person: &str,
    requirement: &str,
    actor: &str,
    reason: &str,
) -> Result<Assignment> {
    db.write(|tx| async move {
        let by = by(actor, reason)?;
        let person = people::find(&tx, person).await?;
        let a = newest(&tx, &person, requirement).await?;
        if !matches!(a.state, State::Exempt | State::Waived) {
            let (name, state) = (&person.name, a.state.name());
            return Err(Error::Conflict(format!("'{requirement}' of {name} is {state}, not exempt or waived")));
        }
        life::reinstate(&tx, services, &person, &a, &by).await?;
        evaluate::person(&tx, services, &person.id).await?;
        assignment::existing(&tx, &a.id).await
    })
    .await
}

/// An exemption that was taken back does not end by itself any more.
pub(super) async fn forget_end(tx: &Tx, assignment: &str) -> Result<()> {
    schedule::cancel(tx, &end_key(assignment)).await
}

fn end_key(assignment: &str) -> String {
    format!("training/exempt/{assignment}")
}

/// The job `training-exempt`: an exemption has ended.
pub(super) struct EndJob(pub Arc<Services>);

impl EndJob {
    const KIND: &'static str = "training-exempt";
}

#[async_trait]
impl Job for EndJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        let a = assignment::by_id(tx, job.payload.as_str().unwrap_or_default()).await?;
        let Some(a) = a.filter(|a| a.state == State::Exempt) else { return Ok(()) };
        life::retire(tx, &self.0, &a, "the exemption has ended").await?;
        evaluate::person(tx, &self.0, &a.person).await
    }
}
