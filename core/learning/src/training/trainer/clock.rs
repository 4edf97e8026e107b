//! The clock of a question: a reminder on the last morning, and the next trainer when it runs out or the trainer goes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::Follower;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::schedule::{self, Due, Job};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Person};
use stoa_ground::{Instant, Result, Tx};

use super::store::{self, Question};
use super::{ToTrainer, pass_on};
use crate::Services;
use crate::training::team;

pub(super) fn job_key(id: &str) -> String {
    format!("training/trainer/{id}")
}

/// Winds the clock for the trainer who was asked last: to the start of work on the last day, and from there to its end.
pub(super) async fn wind(tx: &Tx, s: &Services, q: &Question, trainer: &Person) -> Result<()> {
    put(tx, q, reminder(&s.organisation.calendar(trainer), tx.now(), q.due).unwrap_or(q.due)).await
}

/// When somebody who is asked now is reminded: in the morning of the last day, if they see the question on an earlier one.
fn reminder(calendar: &Calendar, now: Instant, due: Instant) -> Option<Instant> {
    let (today, (open, close)) = (calendar.date(now), calendar.working_hours);
    let over = !calendar.is_working_day(today) || calendar.time(now) >= close;
    let seen = if over { calendar.working_day_after(today) } else { today };
    let last = calendar.date(due);
    (last > seen).then(|| calendar.at(last, open))
}

async fn put(tx: &Tx, q: &Question, at: Instant) -> Result<()> {
    schedule::put(tx, &job_key(&q.id), ClockJob::KIND, at, &Json::from(q.id.as_str())).await
}

/// The job `training-trainer`; payload: the question's id.
pub(in crate::training) struct ClockJob(pub Arc<Services>);

impl ClockJob {
    const KIND: &'static str = "training-trainer";
}

#[async_trait]
impl Job for ClockJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let found = store::by_id(tx, job.payload.as_str().unwrap_or_default()).await?;
        let Some(q) = found.filter(|q| q.answered.is_none()) else { return Ok(()) };
        let Some(trainer) = q.trainer.clone() else { return Ok(()) };
        if tx.now() >= q.due {
            return pass_on(tx, &self.0, &q, "rule/trainer-clock", "the clock ran out without an answer").await;
        }
        let reminder = NewDelivery {
            key: format!("{}/remind", q.key()),
            kind: ToTrainer::NAME,
            person: Some(trainer),
            payload: json!({ "question": q.id }),
            item: q.id.clone(),
            step: "remind".into(),
            expires: Some(q.due),
            ..NewDelivery::default()
        };
        delivery::enqueue(tx, &reminder).await?;
        put(tx, &q, q.due).await
    }
}

/// Follows the changes of people: what waits for a trainer who left or went on leave goes to the next one.
pub(in crate::training) struct TrainerFollower(pub Arc<Services>);

#[async_trait]
impl Follower for TrainerFollower {
    fn name(&self) -> &'static str {
        "training-trainers"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        let open = store::open_with(tx, key).await?;
        if open.is_empty() {
            return Ok(());
        }
        let Some(trainer) = people::by_id(tx, key).await? else { return Ok(()) };
        if team::is_present(&self.0, &trainer, tx.now()) {
            return Ok(());
        }
        for q in open {
            pass_on(tx, &self.0, &q, "rule/trainer-clock", "the trainer is not here any more").await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_reminded_on_the_day_on_which_they_see_the_question_first() {
        let calendar = Calendar::default();
        let at = |text: &str| Instant::parse(text).unwrap();
        let (wednesday, thursday) = (at("2026-11-25T18:00:00Z"), at("2026-11-26T18:00:00Z"));
        let morning = Some(at("2026-11-26T09:00:00Z"));
        assert_eq!(reminder(&calendar, at("2026-11-25T10:00:00Z"), thursday), morning);
        assert_eq!(reminder(&calendar, wednesday, thursday), None, "after work");
        assert_eq!(reminder(&calendar, at("2026-11-26T08:00:00Z"), thursday), None, "before work on the last day");
        // Asked on a Saturday, due on Tuesday.
        let tuesday = at("2026-12-01T18:00:00Z");
        assert_eq!(reminder(&calendar, at("2026-11-28T10:00:00Z"), tuesday), Some(at("2026-12-01T09:00:00Z")));
    }
}
