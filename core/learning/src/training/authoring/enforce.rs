//! What an approved requirement means for everybody, in chunks, as `stoa training apply` does it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::schedule::{self, Due, Job};
use stoa_ground::clock::monotonic;
use stoa_ground::people;
use stoa_ground::{Result, Tx};

use crate::Services;
use crate::training::{evaluate, requests};

/// People that are read at once.
const PAGE: usize = 50;
/// How long one run of the job writes.
const TURN: Duration = Duration::from_millis(20);
const KIND: &str = "training-enforce";

/// Everybody is looked at again, because the requirement of this request counts from now on.
pub(in crate::training) async fn enforce(tx: &Tx, request: &str) -> Result<()> {
    let payload = json!({ "request": request, "after": "", "people": 0 });
    schedule::put(tx, &format!("training/enforce/{request}"), KIND, tx.now(), &payload).await
}

/// The job `training-enforce`: evaluates some people and puts itself again for the rest.
pub(in crate::training) struct EnforceJob(pub Arc<Services>);

#[async_trait]
impl Job for EnforceJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let request = job.payload["request"].as_str().unwrap_or_default();
        let mut after = job.payload["after"].as_str().unwrap_or_default().to_owned();
        let mut looked_at = job.payload["people"].as_u64().unwrap_or_default();
        let (started, rules) = (monotonic(), evaluate::Rules::default());
        loop {
            let people = people::page(tx, &after, PAGE).await?;
            if people.is_empty() {
                let all = usize::try_from(looked_at).unwrap_or(usize::MAX);
                return requests::applied(tx, &self.0, request, all).await;
            }
            for person in people {
                evaluate::one_of_many(tx, &self.0, &rules, &person.id).await?;
                after = person.employee_id;
                looked_at += 1;
                if started.elapsed() >= TURN {
                    let payload = json!({ "request": request, "after": after, "people": looked_at });
                    return schedule::put(tx, &job.key, KIND, job.due, &payload).await;
                }
            }
        }
    }
}
