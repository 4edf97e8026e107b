//! Leases: how long a server has what it claimed for itself, and what becomes of them when the database's clock jumps.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant as Monotonic};

use stoa_ground::clock::monotonic;
use stoa_ground::{Instant, Result, Tx, args};

use crate::worker::Flow;

/// How far the clock that leases are counted in may be from the monotonic one before it counts as having jumped.
const JUMP: i64 = 10 * Instant::SECOND;

/// How long a server has what it claimed for itself. After that another one takes it over: of a message it first asks the
/// platform what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(Duration);

impl Default for Lease {
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}

impl Lease {
    /// The shortest that leaves a platform time to answer.
    pub const SHORTEST: Duration = Duration::from_secs(5);

    /// A lease of this length, at least [`Lease::SHORTEST`].
    #[must_use]
    pub fn of(length: Duration) -> Self {
        Self(length.max(Self::SHORTEST))
    }

    /// This lease, and `longest` where that is shorter: for what is said again and again while it is held.
    #[must_use]
    pub fn at_most(self, longest: Duration) -> Self {
        Self(self.0.min(longest))
    }

    /// In microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX)
    }

    /// How often it is taken anew while the work goes on: a time or two may fail.
    #[must_use]
    pub fn renewal(self) -> Duration {
        self.0 / 3
    }

    /// How long after the claim a send may begin.
    pub(crate) fn fresh(self) -> Duration {
        self.0 / 3
    }

    /// How long after the claim calls to a platform are cut off: what is not sent by then is looked for first.
    pub(crate) fn held(self) -> Duration {
        self.0 * 5 / 6
    }
}

/// Where rows are leased beside those of the inbox and the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The table.
    pub table: &'static str,
    /// The column that says until when.
    pub until: &'static str,
    /// The longest that this can be from now.
    pub longest: Duration,
}

impl Leased {
    /// How long a server has such a row.
    #[must_use]
    pub fn lease(&self, flow: &Flow) -> Lease {
        flow.lease().at_most(self.longest)
    }
}

tokio::task_local! {
    /// When calls to a platform end that are made in this task.
    static END: Monotonic;
}

/// The instant after which a call that is being made for a delivery may say nothing any more, since another server may be
/// saying it. For adapters whose requests are written by other tasks.
#[must_use]
pub fn sends_end() -> Option<Monotonic> {
    END.try_with(|end| *end).ok()
}

/// What a call to a platform ends with, if it does so before the instant at which it may not go on. A server that hung
/// wakes up in the middle of a call: the clock is looked at before the call goes on, not only while it waits.
pub(crate) async fn before<T>(end: Monotonic, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut over) = (pin!(END.scope(end, call)), pin!(tokio::time::sleep_until(end.into())));
    std::future::poll_fn(|cx| {
        if monotonic() >= end || over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        call.as_mut().poll(cx).map(Some)
    })
    .await
}

/// What the clock that leases are counted in did since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    On,
    Back,
    Ahead,
}

/// Watches the clock that leases are counted in: on PostgreSQL it is the database server's, which can be set.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Option<(Instant, Monotonic)>,
    /// Until then nothing is taken over, because leases only seem to have run out.
    patient_until: Option<Monotonic>,
}

impl Watch {
    fn look(&mut self, now: Instant, at: Monotonic, lease: Lease) -> Went {
        let Some((then, seen)) = self.seen.replace((now, at)) else { return Went::On };
        let really = i64::try_from(at.saturating_duration_since(seen).as_micros()).unwrap_or(i64::MAX);
        let drift = (now.0 - then.0).saturating_sub(really);
        if drift > JUMP {
            self.patient_until = Some(at + lease.0);
            Went::Ahead
        } else if drift < -JUMP {
            Went::Back
        } else {
            Went::On
        }
    }

    /// Whether what seems to have run out has.
    pub(crate) fn trusts(&self, at: Monotonic) -> bool {
        self.patient_until.is_none_or(|until| at >= until)
    }
}

impl Flow {
    /// Looks at the clock that leases are counted in. When it was set back, nothing waits for it to come round again; when
    /// it was set ahead, nobody's work is taken from under their hands.
    /// Gives the time.
    pub(crate) async fn look_at_lease_clock(&self) -> Result<Instant> {
        let now = self.db().lease_time().await?;
        let went = self.watch().look(now, monotonic(), self.lease);
        match went {
            Went::On => {}
            Went::Ahead => {
                tracing::warn!("the database's clock jumped ahead; leases are not taken over for a while");
            }
            Went::Back => {
                tracing::warn!("the database's clock was set back; what waited for it is tried now");
                let (lease, others) = (self.lease.micros(), &self.parts().leases);
                self.db().write_by_key(|tx| async move { shorten(&tx, lease, others).await }).await?;
            }
        }
        Ok(now)
    }
}

/// Ends pauses, and leases that nobody can have taken: both were counted by a clock that has gone.
async fn shorten(tx: &Tx, lease: i64, others: &[Leased]) -> Result<()> {
    let now = tx.lease_time().await?;
    let longest = now.plus(lease);
    tx.exec("UPDATE inbox SET lease_until = $1 WHERE state = 'new' AND lease_until > $1", args![longest]).await?;
    tx.exec("UPDATE outbox SET lease_until = $1 WHERE lease_until > $1", args![longest]).await?;
    for Leased { table, until, longest } in others {
        // Names of tables and columns are constants of this program.
        let sql = format!("UPDATE {table} SET {until} = $1 WHERE {until} > $1");
        let longest = now.plus(Lease(*longest).micros());
        tx.exec(sqlx::AssertSqlSafe(sql), args![longest]).await?;
    }
    tx.exec("UPDATE inbox SET retry_at = 0 WHERE state = 'new' AND retry_at > $1", args![now]).await?;
    tx.exec("UPDATE outbox SET retry_at = 0 WHERE retry_at > $1", args![now]).await?;
    tx.exec("UPDATE job SET retry_at = 0 WHERE state = 'waiting' AND retry_at > $1", args![now]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{self, NewDelivery};
    use crate::testing::Stage;
    use crate::{Parts, chat::Message};
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_clock_that_jumps_is_told_from_a_server_that_hung() {
        let (mut watch, start, lease) = (Watch::default(), monotonic(), Lease::default());
        let mut look = |clock: i64, seconds: u64| {
            let at = start + Duration::from_secs(seconds);
            let went = watch.look(Instant(clock * Instant::SECOND), at, lease);
            (went, watch.trusts(at))
        };
        assert_eq!(look(1_000, 0), (Went::On, true));
        assert_eq!(look(1_001, 1), (Went::On, true));
        assert_eq!(look(1_091, 91), (Went::On, true), "the server hung for a minute and a half");
        assert_eq!(look(4_692, 92), (Went::Ahead, false), "the clock was set an hour ahead");
        assert_eq!(look(4_750, 150), (Went::On, false));
        assert_eq!(look(4_753, 153), (Went::On, true), "after one lease what has run out has run out");
        assert_eq!(look(1_154, 154), (Went::Back, true));
    }

    #[tokio::test]
    async fn when_the_lease_clock_is_set_back_an_hour_nothing_waits_an_hour() {
        let longest = Duration::from_secs(20);
        let leases = vec![Leased { table: "discord_session", until: "held_until", longest }];
        let s = Stage::new(|_| Parts { leases, ..Parts::default() }).await;
        let ana = s.hire("Ana", |_| {}).await;
        let new = NewDelivery {
            key: "one".into(),
            kind: "reply",
            person: Some(ana.id.clone()),
            payload: serde_json::to_value(Message::text("hello")).unwrap(),
            ..NewDelivery::default()
        };
        let new = &new;
        s.flow.settle().await.unwrap();
        s.db.write(|tx| async move {
            delivery::enqueue(&tx, new).await?;
            // A pause of three seconds, by a clock that was an hour ahead of what it shows now.
            let then = tx.lease_time().await?.plus(Instant::HOUR + 3 * Instant::SECOND);
            let held = "INSERT INTO discord_session (shard, held_by, held_until) VALUES (0, 'a dead server', $1)";
            tx.exec(held, args![then]).await?;
            tx.exec("UPDATE outbox SET attempts = 1, retry_at = $1", args![then]).await
        })
        .await
        .unwrap();
        s.flow.settle().await.unwrap();
        assert!(s.to("Ana").is_empty());
        {
            let mut watch = s.flow.watch();
            let (now, at) = watch.seen.unwrap();
            watch.seen = Some((now.plus(Instant::HOUR), at));
        }
        s.flow.settle().await.unwrap();
        assert_eq!(s.to("Ana").len(), 1);
        let held = s.db.opt("SELECT held_until FROM discord_session", args![]).await.unwrap().unwrap();
        let latest = s.db.lease_time().await.unwrap().plus(Lease(longest).micros());
        assert!(
            held.get::<Instant>("held_until").unwrap() <= latest,
            "what capabilities lease is not held for an hour"
        );
    }

    #[test]
    fn what_is_renewed_is_held_for_the_lease_of_the_configuration_at_most() {
        let (short, long) = (Lease::of(Duration::from_secs(9)), Lease::default());
        assert_eq!(short.at_most(Duration::from_secs(30)), short);
        assert_eq!(long.at_most(Duration::from_secs(30)).renewal(), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_server_that_wakes_up_after_its_lease_does_not_go_on_with_a_call() {
        let said = AtomicBool::new(false);
        let call = async {
            said.store(true, Ordering::SeqCst);
            "said"
        };
        let Some(past) = monotonic().checked_sub(Duration::from_micros(1)) else { return };
        assert_eq!(before(past, call).await, None);
        assert!(!said.load(Ordering::SeqCst), "also where the call could go on at once");
        assert_eq!(before(monotonic() + Duration::from_secs(3_600), async { "said" }).await, Some("said"));
    }
}
