//! The clock of a question: a reminder on the last morning, and the next trainer when it runs out or the trainer goes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::Follower;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::schedule::{self, Due, Job};
use stoa_ground::people::{self, Person};
use stoa_ground::{Instant, Result, Tx};

use super::store::{self, Question};
use super::{ToTrainer, pass_on};
use crate::Services;
use crate::training::team;

pub(super) fn job_key(id: &str) -> String {
    format!("training/trainer/{id}")
}

/// Winds the clock for the trainer who was asked last: at the start of work on the last day first, when that is still to
/// come, then to its end.
pub(super) async fn wind(tx: &Tx, s: &Services, q: &Question, trainer: &Person) -> Result<()> {
    let calendar = s.organisation.calendar(trainer);
    let morning = calendar.at(calendar.date(q.due), calendar.working_hours.0);
    let at: Instant = if morning > tx.now() { morning } else { q.due };
    put(tx, q, at).await
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
