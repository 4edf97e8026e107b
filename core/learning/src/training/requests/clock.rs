//! Time and people move requests on: reminders, somebody else, and the end of what is of no use any more.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::{Date, Time};
use serde_json::Value as Json;
use stoa_flow::Follower;
use stoa_flow::schedule::{self, Due, Job};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Absence, Person, Status};
use stoa_ground::{Instant, Result, Tx};

use super::store::{self, Kind, Request, State};
use super::{act, route};
use crate::Services;
use crate::training::assignment;
use crate::training::life;
use crate::training::team::is_present;

/// Who acts in the records of what time does.
pub(super) const ACTOR: &str = "rule/requests";
/// The job's kind.
const KIND: &str = "training-request";

/// The key of a request's job.
pub(super) fn key(id: &str) -> String {
    format!("training/request/{id}")
}

/// The start of the working hours after so many working days.
fn after_working_days(calendar: &Calendar, since: Instant, days: u32) -> Instant {
    calendar.at(calendar.plus_working_days(calendar.date(since), days), calendar.working_hours.0)
}

/// When whoever is asked is reminded next, and when somebody else is asked.
fn patience(s: &Services, r: &Request, calendar: &Calendar) -> (Instant, Instant) {
    let days = s.training.remind_approver_after.max(1).saturating_mul(r.reminders + 1);
    (
        after_working_days(calendar, r.since, days.min(3_660)),
        after_working_days(calendar, r.since, s.training.escalate_request_after.clamp(1, 3_660)),
    )
}

/// The first instant at which what is wished is of no use any more.
fn useless_from(s: &Services, r: &Request, person: Option<&Person>) -> Option<Instant> {
    let dated = matches!(r.kind, Kind::Extension | Kind::Exemption);
    let day = r.wished.filter(|_| dated)?.tomorrow().ok()?;
    Some(s.organisation.calendar(person?).at(day, Time::midnight()))
}

/// Puts the job for the next moment at which time alone changes something.
pub(super) async fn wind(tx: &Tx, s: &Services, r: &Request) -> Result<()> {
    let (now, person) = (tx.now(), who(tx, r.person.as_deref()).await?);
    let mut moments = Vec::new();
    match who(tx, r.approver.as_deref()).await? {
        Some(approver) => {
            let calendar = s.organisation.calendar(&approver);
            let (remind, escalate) = patience(s, r, &calendar);
            moments.push(remind);
            moments.push(escalate);
            let leaves = Absence::of(&approver).leaves.into_iter().filter_map(|leave| leave.first);
            moments.extend(leaves.map(|day| calendar.at(day, Time::midnight())));
        }
        // Somebody may be back, or have got the role.
        None => moments.push(after_working_days(&s.organisation.calendar, now, 1)),
    }
    moments.extend(useless_from(s, r, person.as_ref()));
    match moments.into_iter().filter(|at| *at > now).min() {
        Some(at) => schedule::put(tx, &key(&r.id), KIND, at, &Json::from(r.id.as_str())).await,
        None => schedule::cancel(tx, &key(&r.id)).await,
    }
}

async fn who(tx: &Tx, id: Option<&str>) -> Result<Option<Person>> {
    match id {
        Some(id) => people::by_id(tx, id).await,
        None => Ok(None),
    }
}

/// Looks at a request: what time or a change of people makes necessary is done. Bears repetition.
pub(super) async fn look(tx: &Tx, s: &Services, r: &Request) -> Result<()> {
    if r.state != State::Open {
        return Ok(());
    }
    let now = tx.now();
    let (person, asker) = (who(tx, r.person.as_deref()).await?, who(tx, r.asker.as_deref()).await?);
    if person.as_ref().is_some_and(|p| p.status == Status::Left) {
        act::close(tx, s, r, "the person has left", false).await?;
        return Ok(());
    }
    if useless_from(s, r, person.as_ref()).is_some_and(|at| at <= now) {
        act::close(tx, s, r, "the day that was wished has passed without a decision", asker.is_some()).await?;
        return Ok(());
    }
    let Some(approver) = who(tx, r.approver.as_deref()).await? else {
        return match route::next(tx, s, r, &[]).await? {
            Some(next) => act::pass(tx, s, r, Some(&next), ACTOR, "found", "somebody can decide now").await.map(drop),
            None => wind(tx, s, r).await,
        };
    };
    let mut without = r.tried.clone();
    without.push(approver.id.clone());
    if !route::may_decide(tx, r, &approver).await? || !is_present(s, &approver, now) {
        let fresh = route::next(tx, s, r, &without).await?;
        let next = match fresh {
            Some(next) => Some(next),
            // Everybody else was asked before: once more is better than nobody.
            None => route::next(tx, s, r, std::slice::from_ref(&approver.id)).await?,
        };
        let reason = if is_present(s, &approver, now) { "cannot decide any more" } else { "is away" };
        act::pass(tx, s, r, next.as_ref(), ACTOR, "unable", reason).await?;
        return Ok(());
    }
    let (remind, escalate) = patience(s, r, &s.organisation.calendar(&approver));
    if escalate <= now
        && let Some(next) = route::next(tx, s, r, &without).await?
    {
        let reason = format!("no answer in {} working days", s.training.escalate_request_after);
        act::pass(tx, s, r, Some(&next), ACTOR, "time", &reason).await?;
        return Ok(());
    }
    let reminded = if remind <= now { Some(act::remind(tx, s, r).await?) } else { None };
    wind(tx, s, reminded.as_ref().unwrap_or(r)).await
}

/// The job `training-request`; payload: the request's id.
pub(super) struct Clock(pub Arc<Services>);

#[async_trait]
impl Job for Clock {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        match store::by_id(tx, job.payload.as_str().unwrap_or_default()).await? {
            Some(r) => look(tx, &self.0, &r).await,
            None => Ok(()),
        }
    }
}

/// Follows the changes of people: who left, got or lost a role, has another manager, or turned out to be somebody else.
pub(super) struct People(pub Arc<Services>);

#[async_trait]
impl Follower for People {
    fn name(&self) -> &'static str {
        "training-requests"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        let Some(person) = people::by_id(tx, key).await? else { return Ok(()) };
        // Each is looked at by itself: an approver may have many.
        let decides = store::nobody_asked(tx).await? && route::decides(tx, &person).await?;
        let touched = store::touched_by(tx, &person.id, decides).await?;
        let job = |id: String| (self::key(&id), tx.now(), Json::from(id));
        schedule::put_all(tx, KIND, &touched.into_iter().map(job).collect::<Vec<_>>()).await?;
        // What nothing demands ends with who leaves; what is demanded is ended by its rule.
        if person.status == Status::Left {
            for a in assignment::of_person(tx, &person.id).await? {
                if a.is_enrolment() && a.state.is_open() {
                    life::retire(tx, &self.0, &a, "the person has left").await?;
                }
            }
        }
        Ok(())
    }
}

/// The day in the calendar of a person on which something happened.
pub(in crate::training) fn day(s: &Services, person: &Person, at: Instant) -> Date {
    s.organisation.calendar(person).date(at)
}
