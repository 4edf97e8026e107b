//! The flow itself: its parts, and what each of them finds of the others.

use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use stoa_ground::{Clock, Db, Error, Result};
use tokio::sync::{Notify, RwLock};
use tokio_util::task::AbortOnDropHandle;

use crate::chat::{Command, Context, Help, Home, Panel, Platform};
use crate::delivery::queues::{self, Reader};
use crate::delivery::{DeliveryKind, Held, Reached, Show, sender};
use crate::follow::{Followed, Follower, LeftOut};
use crate::lease::{Lease, Leased, Watch};
use crate::nudges::{LearnerDigest, Paused, Policy, Settings, Why};
use crate::organisation::Organisation;
use crate::rounds::Lane;
use crate::schedule::Job;
use crate::words::Words;

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
    platforms: std::sync::RwLock<Vec<Arc<dyn Platform>>>,
    /// One for each lane.
    wake: [Notify; Lane::ALL.len()],
    /// One for each of the background's parts.
    wake_background: Vec<Notify>,
    /// Held while what is due is worked on: by each lane together with the others, alone by who lets everything happen one
    /// after the other, or lets go of what this server has.
    pub(crate) turn: RwLock<()>,
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
        parts.jobs.push(Arc::new(LeftOut(parts.followers.clone())));
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
            platforms: std::sync::RwLock::default(),
            wake: Default::default(),
            turn: RwLock::default(),
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
                // Whoever is cut off cuts off what it began.
                let ended = AbortOnDropHandle::new(tokio::spawn(work)).await;
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

    /// How long after a send was cut off the message may still arrive, on the slowest platform.
    pub(crate) fn settles(&self) -> Duration {
        let platforms = self.platforms.read().unwrap_or_else(PoisonError::into_inner);
        platforms.iter().map(|platform| platform.settles()).max().unwrap_or_default()
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

    pub(crate) fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// Whether one thing comes after the other, as in a simulation.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Tells the workers that there is something to do.
    pub fn wake(&self) {
        self.wake.iter().chain(&self.wake_background).for_each(Notify::notify_one);
    }

    pub(crate) fn wakes(&self, lane: Lane) -> &Notify {
        &self.wake[lane as usize]
    }

    pub(crate) fn wakes_background(&self, which: usize) -> &Notify {
        &self.wake_background[which]
    }

    /// How far the followers of the change feed are behind.
    ///
    /// # Errors
    /// The database's error.
    pub async fn readers(&self) -> Result<Vec<Reader>> {
        let followers: Vec<_> = self.parts.followers.iter().map(|f| (f.name(), f.topic())).collect();
        self.db.read(|c| async move { queues::readers(&c, &followers).await }).await
    }

    /// What the arbiter must know about a kind of delivery; none when there is no such kind.
    #[must_use]
    pub fn policy(&self, kind: &str) -> Option<Policy> {
        self.kind(kind).map(crate::delivery::DeliveryKind::policy)
    }
}
