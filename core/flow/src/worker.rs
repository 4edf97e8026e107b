//! The flow itself: its parts, its workers, and the way to let everything that is due happen.

use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use stoa_ground::db::Engine;
use stoa_ground::{Clock, Db, Error, Instant, Result};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::chat::{Command, Context, Envelope, Help, Home, Panel, Platform};
use crate::delivery::queues::{self, Reader};
use crate::delivery::{DeliveryKind, Held, Reached, Show, inbox, sender};
use crate::follow::{self, Followed, Follower};
use crate::lease::{Lease, Leased, Watch};
use crate::nudges::{LearnerDigest, Paused, Policy, Settings, Why};
use crate::organisation::Organisation;
use crate::schedule::{self, Job};
use crate::waiting::Waiting;
use crate::words::Words;

/// How many events are worked on at once.
const EVENTS: usize = 8;

/// What capabilities bring: every list is filled in one place, `stoa_learning::parts`.
#[derive(Default)]
pub struct Parts {
    /// Chat commands, in the order of `help`.
    pub commands: Vec<Box<dyn Command>>,
    /// The parts of a person's page, in their order.
    pub panels: Vec<Box<dyn Panel>>,
    /// Kinds of deliveries.
    pub kinds: Vec<Box<dyn DeliveryKind>>,
    /// Kinds of jobs.
    pub jobs: Vec<Arc<dyn Job>>,
    /// Who wants to see every event, for example edits and deletions of messages that were captured.
    pub watchers: Vec<Box<dyn Watcher>>,
    /// Who follows the change feed.
    pub followers: Vec<Arc<dyn Follower>>,
    /// What works beside the workers, because it may take long.
    pub background: Vec<Arc<dyn Background>>,
    /// What servers have for a while, beside events and messages.
    pub leases: Vec<Leased>,
}

/// Sees every event before its command runs.
#[async_trait]
pub trait Watcher: Send + Sync {
    /// Looks at an event; what it writes must bear repetition, since a failed event is seen again.
    async fn seen(&self, cx: &Context<'_>) -> Result<()>;
}

/// Work that may take long, such as asking an outside service, done beside the workers so that nobody waits for it.
/// What it works on stands in tables with leases, so a crash or another server takes nothing away.
#[async_trait]
pub trait Background: Send + Sync {
    /// Does what waits, and gives how much that was; 0 when nothing does.
    async fn work(&self, flow: &Flow) -> Result<usize>;
}

/// The flow of messages.
pub struct Flow {
    db: Db,
    organisation: Organisation,
    parts: Parts,
    followed: Vec<Followed>,
    platforms: RwLock<Vec<Arc<dyn Platform>>>,
    wake: Notify,
    /// One for each of the background's parts.
    wake_background: Vec<Notify>,
    /// Held while what is due is worked on, so that a manual clock moves only between two rounds.
    turn: Mutex<()>,
    /// Itself, for the tasks that send.
    me: Weak<Self>,
    /// One thing after the other, as in a simulation.
    alone: bool,
    /// Under this name this server holds leases.
    pub(crate) server: String,
    pub(crate) lease: Lease,
    watch: std::sync::Mutex<Watch>,
    pub(crate) held: Held,
}

impl Flow {
    /// A flow with the capabilities' parts; `home`, `help`, `why`, `settings` and the digest are its own.
    #[must_use]
    pub fn new(db: Db, organisation: Organisation, parts: Parts) -> Arc<Self> {
        Self::leased(db, organisation, parts, Lease::default())
    }

    /// As [`Flow::new`], with leases of another length.
    #[must_use]
    pub fn leased(db: Db, organisation: Organisation, parts: Parts, lease: Lease) -> Arc<Self> {
        Self::made(db, organisation, parts, lease, false)
    }

    /// As [`Flow::new`], for a simulation: one thing after the other, so that the same seed gives the same story.
    #[must_use]
    pub fn one_at_a_time(db: Db, organisation: Organisation, parts: Parts) -> Arc<Self> {
        Self::made(db, organisation, parts, Lease::default(), true)
    }

    fn made(db: Db, organisation: Organisation, mut parts: Parts, lease: Lease, alone: bool) -> Arc<Self> {
        parts.commands.extend([
            Box::new(Home) as Box<dyn Command>,
            Box::new(Why),
            Box::new(Settings),
            Box::new(Help),
            Box::new(Show),
        ]);
        parts.panels.push(Box::new(Settings));
        parts.kinds.extend([
            Box::new(LearnerDigest) as Box<dyn DeliveryKind>,
            Box::new(Paused),
            Box::new(sender::Reply),
        ]);
        parts.followers.push(Arc::new(Reached));
        let followed = parts.followers.iter().cloned().map(Followed::new).collect();
        let wake_background = parts.background.iter().map(|_| Notify::new()).collect();
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            alone,
            db,
            organisation,
            parts,
            followed,
            wake_background,
            platforms: RwLock::new(Vec::new()),
            wake: Notify::new(),
            turn: Mutex::new(()),
            server: stoa_ground::clock::noise().to_string(),
            lease,
            watch: std::sync::Mutex::default(),
            held: Held::default(),
        })
    }

    /// Does something for each of many, at most so many at once and each in a task of its own, and gives what became of
    /// each. All of them end before an error is told: one that is dropped in the middle would wait for its lease.
    pub(crate) async fn each_at_once<I, T, Fut>(
        &self,
        mut many: BoxStream<'_, I>,
        at_once: usize,
        f: impl Fn(Arc<Self>, I) -> Fut,
    ) -> Vec<Result<T>>
    where
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let Some(me) = self.me.upgrade() else { return Vec::new() };
        if self.alone {
            let mut ended = Vec::new();
            while let Some(one) = many.next().await {
                ended.push(f(me.clone(), one).await);
            }
            return ended;
        }
        let tasks = many.map(|one| {
            let work = f(me.clone(), one);
            async move {
                let ended = tokio::spawn(work).await;
                ended.unwrap_or_else(|e| Err(Error::Io(format!("a task of the workers broke off: {e}"))))
            }
        });
        tasks.buffer_unordered(at_once).collect().await
    }

    /// The words of the commands that `help` lists, each with the line about it in English, for platforms that show them.
    #[must_use]
    pub fn words_of_commands(&self) -> Vec<(&'static str, String)> {
        let english = Words::english();
        let shown = self.parts.commands.iter().filter(|c| c.word() != Show.word());
        shown.map(|c| (c.word(), english.say(c.about()))).collect()
    }

    /// Adds a chat platform.
    pub fn connect(&self, platform: Arc<dyn Platform>) {
        crate::journal::platform_connected(platform.name());
        self.platforms.write().unwrap_or_else(PoisonError::into_inner).push(platform);
    }

    /// The platform with this name.
    #[must_use]
    pub fn platform(&self, name: &str) -> Option<Arc<dyn Platform>> {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).iter().find(|p| p.name() == name).cloned()
    }

    /// What the platforms have to tell the operator.
    #[must_use]
    pub fn troubles(&self) -> Vec<(String, String)> {
        let platforms = self.platforms.read().unwrap_or_else(PoisonError::into_inner).clone();
        platforms.iter().flat_map(|platform| platform.troubles()).collect()
    }

    /// The store.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The business clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.db.clock()
    }

    /// How long this server has what it claimed for itself.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Tells the workers that there is something to do.
    pub fn wake(&self) {
        self.wake.notify_one();
        self.wake_background.iter().for_each(Notify::notify_one);
    }

    /// Lets everything happen that is due now, until nothing is, the background's work included. For a manual clock,
    /// tests and commands.
    ///
    /// # Errors
    /// The database's error.
    pub async fn settle(&self) -> Result<()> {
        loop {
            self.settle_until(&CancellationToken::new()).await?;
            let mut done = 0;
            for background in &self.parts.background {
                done += background.work(self).await?;
            }
            if done == 0 {
                return Ok(());
            }
        }
    }

    /// Lets everything happen that is due now, without the background's work; ends between two rounds when it is told to
    /// stop.
    async fn settle_until(&self, stop: &CancellationToken) -> Result<()> {
        let _turn = self.turn.lock().await;
        // Each round works on at most a few hundred rows; the bound stops a kind that feeds itself.
        for _ in 0..10_000 {
            if stop.is_cancelled() || self.round().await? == 0 {
                return Ok(());
            }
        }
        Err(Error::invalid("the schedule does not come to rest: a job keeps putting itself at the same instant"))
    }

    /// Lets go of what this server has, when nothing is under way: after a start, and when the store was in trouble and
    /// could not take what became of it.
    async fn release(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        self.db
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

    async fn round(&self) -> Result<usize> {
        let leased = self.look_at_lease_clock().await?;
        let waiting = Waiting::now(&self.db, leased).await?;
        // What fails in one place stops nothing in the others: each has its turn before an error is told. What did
        // something may have given work to those behind it.
        let mut ended: Vec<Result<usize>> = Vec::new();
        let touched = |ended: &[Result<usize>]| ended.iter().any(|part| !matches!(part, Ok(0)));
        if waiting.events {
            ended.push(self.handle_waiting().await);
        }
        let head = if touched(&ended) { self.db.committed_position().await } else { Ok(waiting.head) };
        match head {
            Ok(head) => ended.extend(follow::catch_up(&self.db, &self.followed, head).await),
            Err(e) => ended.push(Err(e)),
        }
        // What several jobs of one instant have to tell somebody is decided together: it waits until all of them have run.
        let mut known = true;
        if waiting.jobs || touched(&ended) {
            let ran = schedule::run_due(&self.db, &self.parts.jobs).await;
            known = ran.as_ref().map_or(true, |ran| ran.all);
            ended.push(ran.map(|ran| ran.done));
        }
        if waiting.deliveries || touched(&ended) {
            ended.push(self.send_due(known).await);
        }
        if waiting.edits || touched(&ended) {
            ended.push(self.edit_due().await);
        }
        if waiting.uncertain {
            ended.push(self.reconcile().await);
        }
        ended.into_iter().sum()
    }

    /// Handles events that wait. Gives how many.
    async fn handle_waiting(&self) -> Result<usize> {
        let events = inbox::claim(&self.db, 64, self.lease.micros()).await?;
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

    /// How far the followers of the change feed are behind.
    ///
    /// # Errors
    /// The database's error.
    pub async fn readers(&self) -> Result<Vec<Reader>> {
        let followers: Vec<_> = self.parts.followers.iter().map(|f| (f.name(), f.topic())).collect();
        self.db.read(|c| async move { queues::readers(&c, &followers).await }).await
    }

    /// When something is due next: a job or a delivery.
    ///
    /// # Errors
    /// The database's error.
    pub async fn next_due(&self) -> Result<Option<Instant>> {
        let (job, delivery) = (schedule::next_due(&self.db).await?, self.next_delivery().await?);
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

    /// What the arbiter must know about a kind of delivery; none when there is no such kind.
    #[must_use]
    pub fn policy(&self, kind: &str) -> Option<Policy> {
        self.kind(kind).map(crate::delivery::DeliveryKind::policy)
    }

    /// Works until told to stop; what has begun is finished first.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if let Err(error) = self.release().await {
            tracing::error!(%error, "the leases of the last run could not be released; they expire by themselves");
        }
        let beside: Vec<_> = (0..self.parts.background.len())
            .map(|which| tokio::spawn(Arc::clone(&self).beside(which, stop.clone())))
            .collect();
        let mut failures: u32 = 0;
        while !stop.is_cancelled() {
            if failures > 0 && self.release().await.is_ok() {
                tracing::info!("the store takes writes again");
            }
            let wait = match self.settle_until(&stop).await {
                Ok(()) => {
                    failures = 0;
                    Duration::from_secs(1)
                }
                // Trouble of the store: it is left alone for a while, up to eight seconds.
                Err(error) if error.passes() => {
                    failures = (failures + 1).min(5);
                    tracing::error!(%error, failures, "the store is in trouble; the workers will try again");
                    Duration::from_millis(250 << failures)
                }
                // One row's trouble must not slow down the others.
                Err(error) => {
                    tracing::error!(%error, "the workers will try again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        for task in beside {
            // What was cut off has a lease that runs out.
            task.abort();
        }
    }

    /// One part of the background, until told to stop.
    async fn beside(self: Arc<Self>, which: usize, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.parts.background[which].work(&self).await {
                Ok(0) => {}
                Ok(_) => {
                    self.wake.notify_one();
                    continue;
                }
                Err(error) => tracing::error!(%error, "the background's work failed and is tried again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake_background[which].notified() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
}
