//! The workers: rounds in which everything happens that is due, and lanes that do so beside each other for as long as a
//! server runs, so that nobody waits for an outside system that is slow.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use stoa_ground::clock::monotonic;
use stoa_ground::db::Engine;
use stoa_ground::{Error, Instant, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::caught::caught;
use crate::chat::Envelope;
use crate::delivery::inbox;
use crate::delivery::sender::{self, Which};
use crate::follow;
use crate::schedule;
use crate::waiting::Waiting;
use crate::worker::Flow;

/// How many events are worked on at once.
const EVENTS: usize = 8;

/// How long a round goes on to take what is due, so that what has become due since is looked at as well.
const TURN: Duration = Duration::from_secs(1);

/// How far two passes of a lane are apart at least: what comes meanwhile shares the next one's transactions, where each event
/// alone would cost twice as much. After a pass that found more it is as often longer, up to [`LONGEST_PACE`]: under a steady
/// load more shares a pass. One that found so much goes on at once.
const PACE: Duration = Duration::from_millis(15);
const LONGEST_PACE: Duration = Duration::from_millis(60);
const MUCH: usize = 16;

/// What the workers of a server do beside each other; none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Events, what follows from changes, and jobs.
    Events,
    /// What somebody asked for: answers, and changes of messages that stand in the chat.
    Answers,
    /// What nobody asked for, and sends that were cut off.
    Nudges,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::Events, Self::Answers, Self::Nudges];
}

/// What became of the parts of a round. What fails in one of them stops nothing in the others.
#[derive(Default)]
struct Round(Vec<Result<usize>>);

impl Round {
    /// Has a part done. A panic in it is its failure.
    fn part<W: Future<Output = Result<usize>>>(&mut self, name: &'static str, work: W) -> impl Future<Output = ()> {
        let work = caught(name, work);
        async move { self.0.push(work.await) }
    }

    /// How much was done.
    fn done(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    /// Whether something was done, or failed: that may have given work to what comes behind it.
    fn touched(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Ok(0)))
    }

    /// How much was done, or the first failure.
    fn end(self) -> Result<usize> {
        self.0.into_iter().sum()
    }
}

/// The last pass of a lane: when it began, and how much it found.
#[derive(Clone, Copy, Default)]
struct Last {
    began: Option<std::time::Instant>,
    found: usize,
}

impl Last {
    /// How long the next pass waits.
    fn rest(self) -> Duration {
        match self.began {
            Some(began) if self.found < MUCH => {
                let times = u32::try_from(self.found.max(1)).unwrap_or(u32::MAX);
                PACE.saturating_mul(times).min(LONGEST_PACE).saturating_sub(began.elapsed())
            }
            _ => Duration::ZERO,
        }
    }
}

impl Flow {
    /// Lets everything happen that is due now, until nothing is, the background's work included. For a manual clock,
    /// tests and commands.
    ///
    /// # Errors
    /// The database's error.
    pub async fn settle(&self) -> Result<()> {
        loop {
            self.come_to_rest().await?;
            let mut done = 0;
            for background in &self.parts().background {
                done += background.work(self).await?;
            }
            if done == 0 {
                return Ok(());
            }
        }
    }

    /// Lets everything happen that is due now, one thing after the other, without the background's work.
    async fn come_to_rest(&self) -> Result<()> {
        let _turn = self.turn.write().await;
        // Each round works on at most a few hundred rows; the bound stops a kind that feeds itself.
        for _ in 0..10_000 {
            if self.round().await? == 0 {
                return Ok(());
            }
        }
        Err(Error::invalid("the schedule does not come to rest: a job keeps putting itself at the same instant"))
    }

    /// Everything that is due, one thing after the other.
    async fn round(&self) -> Result<usize> {
        let waiting = self.waiting().await?;
        let mut round = Round::default();
        // What several jobs of one instant have to tell somebody is decided together: it waits until all of them have run.
        let known = self.take_in(&waiting, &mut round).await;
        if waiting.deliveries || round.touched() {
            let which = if known { Which::All { until: self.clock().now() } } else { Which::Asked };
            round.part("sending", self.send_due(which)).await;
        }
        if waiting.edits || round.touched() {
            round.part("editing", self.edit_due()).await;
        }
        if waiting.uncertain {
            round.part("looking for what was cut off", self.reconcile()).await;
        }
        round.end()
    }

    /// What is due in one lane.
    async fn pass(&self, lane: Lane) -> Result<Round> {
        let waiting = self.waiting().await?;
        let mut round = Round::default();
        match lane {
            Lane::Events => {
                self.take_in(&waiting, &mut round).await;
            }
            Lane::Answers => {
                if waiting.deliveries {
                    round.part("sending answers", self.send_due(Which::Asked)).await;
                }
                if waiting.edits {
                    round.part("editing", self.edit_due()).await;
                }
            }
            Lane::Nudges => {
                // While jobs are due, it is not known yet what else there is to tell somebody.
                if waiting.deliveries && !waiting.jobs {
                    round.part("sending", self.send_due(Which::Unasked { until: waiting.at })).await;
                }
                if waiting.uncertain {
                    round.part("looking for what was cut off", self.reconcile()).await;
                }
            }
        }
        Ok(round)
    }

    async fn waiting(&self) -> Result<Waiting> {
        let leased = self.look_at_lease_clock().await?;
        Waiting::now(self.db(), leased).await
    }

    /// Handles events, follows changes, runs jobs. Gives whether nothing more becomes due at this instant.
    async fn take_in(&self, waiting: &Waiting, round: &mut Round) -> bool {
        if waiting.events {
            round.part("handling events", self.handle_waiting()).await;
        }
        let head = if round.touched() { self.db().committed_position().await } else { Ok(waiting.head) };
        match head {
            Ok(head) => round.0.extend(follow::catch_up(self.db(), self.followed(), head).await),
            Err(e) => round.0.push(Err(e)),
        }
        let mut known = true;
        if waiting.jobs || round.touched() {
            let run = async {
                let ran = schedule::run_due(self.db(), &self.parts().jobs).await?;
                known = ran.all;
                Ok(ran.done)
            };
            round.part("running jobs", run).await;
        }
        known
    }

    /// Handles events that wait. Gives how many.
    async fn handle_waiting(&self) -> Result<usize> {
        let events = inbox::claim(self.db(), 64, self.lease().micros()).await?;
        let count = events.len();
        let ended = self
            .each_at_once(
                stream::iter(events).boxed(),
                EVENTS,
                |flow, (envelope, attempts): (Envelope, i64)| async move { flow.handle(&envelope, attempts).await },
            )
            .await;
        ended.into_iter().collect::<Result<()>>().map(|()| count)
    }

    /// Says, as long as it is asked in one round, whether it goes on to take what is due. What comes one after the other, as
    /// in a simulation, does not look at the time.
    pub(crate) fn turn_lasts(&self) -> impl Fn() -> bool + Send + use<> {
        let (alone, started) = (self.is_alone(), monotonic());
        move || alone || started.elapsed() < TURN
    }

    /// When something is due next: a job or a delivery.
    ///
    /// # Errors
    /// The database's error.
    pub async fn next_due(&self) -> Result<Option<Instant>> {
        let (job, delivery) = (schedule::next_due(self.db()).await?, self.next_delivery().await?);
        Ok([job, delivery].into_iter().flatten().min())
    }

    /// Moves a manual clock to an instant through everything that is due on the way, in its order.
    ///
    /// # Errors
    /// When the clock cannot be moved there.
    pub async fn advance(&self, to: Instant) -> Result<()> {
        self.advance_until(to).await?;
        self.settle().await
    }

    /// Moves a manual clock to an instant through everything that is due before it, and lets nothing happen there yet.
    ///
    /// # Errors
    /// When the clock cannot be moved there.
    pub async fn advance_until(&self, to: Instant) -> Result<()> {
        if self.clock().now() == to {
            return Ok(());
        }
        self.settle().await?;
        loop {
            let next = self.next_due().await?.filter(|next| *next > self.clock().now() && *next < to);
            let Some(next) = next else { break };
            self.clock().set(next)?;
            self.settle().await?;
        }
        self.clock().set(to)
    }

    /// Works until told to stop; what has begun is finished first.
    ///
    /// # Panics
    /// When a worker does: whoever runs it looks at how it ended.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if let Err(error) = self.release().await {
            tracing::error!(%error, "the leases of the last run could not be released; they expire by themselves");
        }
        let mut beside = JoinSet::new();
        for which in 0..self.parts().background.len() {
            beside.spawn(Arc::clone(&self).beside(which, stop.clone()));
        }
        let mut lanes = JoinSet::new();
        for lane in Lane::ALL {
            lanes.spawn(Arc::clone(&self).keep_to(lane, stop.clone()));
        }
        loop {
            let ended = tokio::select! {
                Some(ended) = lanes.join_next() => ended,
                Some(ended) = beside.join_next(), if !stop.is_cancelled() => ended,
                // What is cut off beside them has a lease that runs out.
                else => return,
            };
            if let Some(panic) = ended.err().and_then(|broken| broken.try_into_panic().ok()) {
                std::panic::resume_unwind(panic);
            }
            if stop.is_cancelled() && lanes.is_empty() {
                return;
            }
        }
    }

    /// One lane, until told to stop.
    async fn keep_to(self: Arc<Self>, lane: Lane, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut last = Last::default();
        while !stop.is_cancelled() {
            if failures > 0 && self.release().await.is_ok() {
                tracing::info!(?lane, "the store takes writes again");
            }
            let wait = match self.pass_until(lane, &stop, &mut last).await {
                Ok(()) => {
                    failures = 0;
                    Duration::from_secs(1)
                }
                // Trouble of the store: it is left alone for a while, up to eight seconds.
                Err(error) if error.passes() => {
                    failures = (failures + 1).min(5);
                    tracing::error!(?lane, %error, failures, "the store is in trouble; the workers will try again");
                    Duration::from_millis(250 << failures)
                }
                // One row's trouble must not slow down the others.
                Err(error) => {
                    tracing::error!(?lane, %error, "the workers will try again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wakes(lane).notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Does what is due in a lane until nothing is; ends between two passes when it is told to stop.
    async fn pass_until(&self, lane: Lane, stop: &CancellationToken, last: &mut Last) -> Result<()> {
        while !stop.is_cancelled() {
            tokio::time::sleep(last.rest()).await;
            *last = Last { began: Some(monotonic()), found: 0 };
            let turn = self.turn.read().await;
            let pass = self.pass(lane).await?;
            drop(turn);
            last.found = pass.done();
            if pass.done() > 0 {
                // Also beside a failure: it may be work for the other lanes.
                Lane::ALL.into_iter().filter(|other| *other != lane).for_each(|other| self.wakes(other).notify_one());
            }
            if pass.end()? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Lets go of what this server has, when nothing is under way: after a start, and when the store was in trouble and
    /// could not take what became of it.
    async fn release(&self) -> Result<()> {
        let _turn = self.turn.write().await;
        self.db()
            .write_by_key(|tx| async move {
                match tx.engine() {
                    // There is one server: what another one was doing, it does no more.
                    Engine::Sqlite => {
                        inbox::release(&tx).await?;
                        sender::release(&tx).await
                    }
                    Engine::Postgres => sender::release_of(&tx, &self.server).await,
                }
            })
            .await
    }

    /// One part of the background, until told to stop.
    async fn beside(self: Arc<Self>, which: usize, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match caught("the background's work", self.parts().background[which].work(&self)).await {
                Ok(0) => {}
                Ok(_) => {
                    Lane::ALL.into_iter().for_each(|lane| self.wakes(lane).notify_one());
                    continue;
                }
                Err(error) => tracing::error!(%error, "the background's work failed and is tried again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wakes_background(which).notified() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
}
