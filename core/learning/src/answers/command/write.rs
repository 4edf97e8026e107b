//! Answers that a language model writes, beside the workers: claimed with a lease, shown as they grow where the platform
//! can, and quoted instead when the model is slow, broken or wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as MachineInstant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde_json::json;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::nudges::{self, About, Decision};
use stoa_flow::{Background, Flow, Lease};
use stoa_ground::clock::monotonic;
use stoa_ground::db::Engine;
use stoa_ground::people::{self, Person};
use stoa_ground::{Db, Result};

use super::store::{self, Kept, Question};
use super::{ANSWER, kept, readers};
use crate::Services;
use crate::answers::gaps;
use crate::answers::respond::{self, Inquiry};
use crate::answers::{Answer, Instead};

/// Answers that are written at once.
const AT_ONCE: i64 = 8;
/// How often an answer is begun before it is quoted.
const ATTEMPTS: i64 = 2;
/// The shortest time between two edits of a growing answer.
const PAUSE: Duration = Duration::from_millis(700);
/// After so many failures in a row the model is left alone for a while.
const FAILURES: u32 = 3;
/// How long.
const REST: Duration = Duration::from_secs(60);

/// The background's part that writes.
pub(super) struct Writer {
    services: Arc<Services>,
    health: Mutex<Health>,
    /// Whether what was being written before this server was started was let go.
    begun: AtomicBool,
}

/// How the model did lately.
#[derive(Default)]
struct Health {
    failures: u32,
    until: Option<MachineInstant>,
}

impl Writer {
    pub fn new(services: Arc<Services>) -> Self {
        Self { services, health: Mutex::default(), begun: AtomicBool::default() }
    }

    fn rests(&self) -> bool {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.until.is_some_and(|until| monotonic() < until)
    }

    fn heard(&self, result: &std::result::Result<Answer, Instead>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Err(Instead::Slow | Instead::Failed) => {
                health.failures += 1;
                if health.failures >= FAILURES {
                    health.until = Some(monotonic() + REST);
                    tracing::warn!(failures = health.failures, "the language model is left alone for a minute");
                }
            }
            Err(Instead::UsedUp) => {}
            _ => *health = Health::default(),
        }
    }
}

#[async_trait]
impl Background for Writer {
    async fn work(&self, flow: &Flow) -> Result<usize> {
        let waits = "SELECT 1 AS one FROM question WHERE state = 'writing' LIMIT 1";
        if flow.db().opt(waits, stoa_ground::args![]).await?.is_none() {
            return Ok(0);
        }
        if !self.begun.load(Ordering::Acquire) {
            // There is one server: what another one was writing, it writes no more.
            if flow.db().engine() == Engine::Sqlite {
                flow.db().write(|tx| async move { store::release(&tx).await }).await?;
            }
            self.begun.store(true, Ordering::Release);
        }
        let lease = store::LEASED.lease(flow);
        let claimed = flow.db().write(|tx| async move { store::claim(&tx, AT_ONCE, lease).await }).await?;
        let count = claimed.len();
        let ids: Vec<String> = claimed.iter().map(|(question, _)| question.id.clone()).collect();
        let writing = claimed.into_iter().map(|(question, attempt)| async move {
            if let Err(error) = self.write(flow, question, attempt).await {
                tracing::error!(%error, "an answer could not be written and is tried again");
            }
        });
        let written = futures_util::stream::iter(writing).buffer_unordered(count.max(1)).collect::<Vec<()>>();
        tokio::select! {
            _ = written => {}
            () = keep(flow.db(), &ids, lease) => {}
        }
        Ok(count)
    }
}

/// Says again and again that these are being written.
async fn keep(db: &Db, ids: &[String], lease: Lease) {
    loop {
        tokio::time::sleep(lease.renewal()).await;
        if let Err(error) = db.write(|tx| async move { store::renew(&tx, ids, lease).await }).await {
            tracing::warn!(%error, "the lease of an answer could not be kept");
        }
    }
}

impl Writer {
    async fn write(&self, flow: &Flow, question: Question, attempt: i64) -> Result<()> {
        let db = flow.db();
        let person = match question.person.clone() {
            Some(id) => db.read(|c| async move { people::by_id(&c, &id).await }).await?,
            None => None,
        };
        let readers = readers(flow, Some(&question.place()), person.as_ref(), question.private).await?;
        let inquiry = Inquiry {
            question: &question.text,
            before: question.before.as_deref(),
            access: readers,
            person: question.person.as_deref(),
            language: person.as_ref().map(Person::language),
        };
        let response = respond::without_model(db, &self.services, &inquiry).await?;
        let quoted = response.answer.clone();
        let written = match &self.services.asking.model {
            Some(modelled) if attempt <= ATTEMPTS && !self.rests() => {
                let mut last: Option<MachineInstant> = None;
                let (id, found) = (&question.id, &response.found);
                let grown = |answer: Answer| {
                    let due = question.reply.is_none() && last.is_none_or(|at| at.elapsed() >= PAUSE);
                    if due {
                        last = Some(monotonic());
                    }
                    let versions = store::versions(&answer, found);
                    let key = question.delivery.clone();
                    let external = response.external;
                    async move {
                        if due {
                            let kept = Kept { answer, versions, external, ..Kept::default() };
                            show_growing(flow, id, &kept, key.as_deref()).await;
                        }
                    }
                };
                let written = respond::with_model(db, &self.services, modelled, &inquiry, &response, grown).await?;
                self.heard(&written);
                written
            }
            _ => Err(Instead::Failed),
        };
        let answer = written.unwrap_or_else(|why| respond::without(quoted, why));
        let mut done = question;
        done.meant.clone_from(&answer.meant);
        done.abstained = answer.abstained;
        done.answer = Some(kept(respond::Response { answer, ..response }));
        self.finish(db, &done).await
    }

    /// Commits an answer with everything that follows from it.
    async fn finish(&self, db: &Db, question: &Question) -> Result<()> {
        db.write(|tx| async move {
            let mut question = question.clone();
            // Another server may have been faster, or the person took the question back.
            let still = store::question(&tx, &question.id).await?.is_some_and(|q| q.writing);
            if !still {
                return Ok(());
            }
            if question.abstained && question.counted {
                question.gap = Some(gaps::note(&tx, &question.text).await?);
            }
            store::finish(&tx, &question).await?;
            let Some(key) = question.delivery.clone() else { return Ok(()) };
            let why = question.answer.as_ref().and_then(|kept| kept.answer.why.clone());
            if let (Some(why), Some(person)) = (why, &question.person) {
                // A key of its own: what becomes of the message is told beside it.
                let about = About { key: &format!("{key}/quoted"), person, kind: ANSWER, item: "" };
                nudges::record(&tx, &about, &Decision::Now { why }).await?;
            }
            match question.reply {
                None => delivery::revise_one(&tx, &key).await,
                Some(reply) => {
                    let new = NewDelivery {
                        key,
                        kind: ANSWER,
                        person: question.person,
                        place: reply.place,
                        only: reply.only,
                        payload: json!({ "question": question.id }),
                        ..NewDelivery::default()
                    };
                    delivery::enqueue(&tx, &new).await.map(|_| ())
                }
            }
        })
        .await
    }
}

/// Shows what is written so far. A failure costs nothing but this step.
async fn show_growing(flow: &Flow, id: &str, kept: &Kept, key: Option<&str>) {
    let shown = flow
        .db()
        .write(|tx| async move {
            if store::grow(&tx, id, kept).await?
                && let Some(key) = key
            {
                delivery::revise_one(&tx, key).await?;
            }
            Ok(())
        })
        .await;
    match shown {
        // The words are on their way while the model still writes.
        Ok(()) => flow.wake(),
        Err(error) => tracing::warn!(%error, "a growing answer could not be shown"),
    }
}
