//! PostgreSQL: each write is a transaction of its own. Transactions are serializable, because the rules were written for
//! one writer, and are repeated when they met another; the few hot ones whose correctness rests on keys and locks alone
//! run as `READ COMMITTED`. After its commit a write that published waits until the sequencer has given its changes
//! their positions.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::any::AnyPoolOptions;
use tokio::sync::{Notify, oneshot};

use super::conn::{Around, Held, Tx};
use super::{Committed, Engine, Inner, Value, conn, feed};
use crate::clock::monotonic;
use crate::{Error, Result};

/// How often a transaction that met another one is repeated.
const ATTEMPTS: u32 = 12;

/// How many connections a process opens to write, and to read.
const WRITERS: u32 = 12;
const READERS: u32 = 8;

/// How long a connection lies idle before it is asked whether it still lives.
const RESTED: Duration = Duration::from_secs(1);

/// The beginning of a read: one snapshot.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How many changes are numbered in one transaction.
const BATCH: usize = 2000;

/// Each session's limits: a replica that hangs in the middle of a transaction must not hold the others up, and no
/// statement waits for ever.
pub(super) const LIMITS: [&str; 3] =
    ["SET idle_in_transaction_session_timeout = '5s'", "SET lock_timeout = '5s'", "SET statement_timeout = '60s'"];

/// Each session's settings beside its limits.
const SESSION: [&str; 3] = [
    "SET synchronous_commit = on",
    // After a commit that the server refused the driver rolls back what is no more, and the server would say so each time.
    "SET client_min_messages = error",
    // Everything that runs often looks rows up by key; on the disks of today that costs no more than reading in order, and
    // tables that have just been filled would be read from end to end.
    "SET random_page_cost = 1.1",
];

/// The lock under which positions are given.
const SEQUENCER: &str = "stoa/sequencer";

/// The lock under which migrations run.
pub(super) const MIGRATION: &str = "stoa/migration";

pub(super) struct Postgres {
    writers: sqlx::AnyPool,
    pub(super) readers: sqlx::AnyPool,
    /// Who waits for the next round of the sequencer.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    sequencer: Notify,
}

/// Which guarantees a write needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    Serializable,
    ReadCommitted,
}

/// Opens connections to the server: those that write, and the pool of readers.
pub(super) async fn connect(url: &str) -> Result<Postgres> {
    let pool = |connections, read_only| {
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .max_lifetime(Duration::from_secs(1800))
            // One that was used just now is not asked whether it still lives: that is a way there and back for each
            // transaction. What is found dead in use counts as trouble that passes.
            .test_before_acquire(false)
            .before_acquire(|conn, about| {
                Box::pin(async move {
                    if about.idle_for >= RESTED {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    for setting in LIMITS.into_iter().chain(SESSION) {
                        sqlx::query(setting).execute(&mut *conn).await?;
                    }
                    sqlx::query(read_only).execute(&mut *conn).await?;
                    Ok(())
                })
            })
            .connect_lazy(url)
            .map_err(|e| Error::Io(format!("the database {} could not be reached: {e}", without_secrets(url))))
    };
    let writers = pool(WRITERS, "SET default_transaction_read_only = off")?;
    let readers = pool(READERS, "SET default_transaction_read_only = on")?;
    writers
        .acquire()
        .await
        .map_err(|e| Error::Io(format!("the database {} could not be reached: {e}", without_secrets(url))))?;
    Ok(Postgres { writers, readers, waiting: Mutex::new(Vec::new()), sequencer: Notify::new() })
}

/// Begins a transaction. In a task of its own, because a caller may go away while it begins, and the connection would
/// go to its next user inside the transaction.
async fn begin(
    pool: &sqlx::AnyPool,
    statement: &'static str,
) -> Result<sqlx::Transaction<'static, sqlx::Any>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
    begun.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Host and database of a URL, without user and password.
fn without_secrets(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('?').next().unwrap_or(rest)
}

impl Postgres {
    /// A read-only snapshot.
    pub(super) async fn snapshot(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>> {
        Ok(begin(&self.readers, SNAPSHOT).await?)
    }

    pub(super) async fn write<T, F, Fut>(&self, around: &Around, isolation: Isolation, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let (value, published) = repeated(|| self.attempt(around, isolation, f)).await?;
        if published {
            self.numbered().await;
        }
        Ok(value)
    }

    /// One statement that commits by itself.
    pub(super) async fn write_one(&self, sql: &'static str, args: &[Value]) -> Result<u64> {
        repeated(|| async {
            let mut connection = self.writers.acquire().await.map_err(Failed::early)?;
            let started = monotonic();
            let done = conn::exec(&mut connection, sql, args.to_vec()).await;
            super::measure(started);
            done.map_err(|e| {
                let Error::Database(e) = e else { return Failed::for_good(e) };
                match e.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
                    // A session that is ended may have committed before; what fails otherwise has done nothing.
                    Some(code) if !code.starts_with("57") => Failed::early(e),
                    Some(_) => Failed::for_good(e.into()),
                    None => Failed::for_good(Error::Unavailable(format!(
                        "the database went away during a write, which it may have done: {e}"
                    ))),
                }
            })
        })
        .await
    }

    async fn attempt<T, F, Fut>(&self, around: &Around, isolation: Isolation, f: &F) -> Result<(T, bool), Failed>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let begin = match isolation {
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let transaction = self::begin(&self.writers, begin).await.map_err(Failed::early)?;
        let started = monotonic();
        let tx = Tx::new(Held::Transaction(transaction), Engine::Postgres, around.clone());
        // A caller that goes away, and a copy that was kept, must not keep the transaction open.
        let guard = conn::Ended((*tx).clone());
        let result = f(tx.clone()).await;
        let (published, broken) = tx.outcome();
        let Some(Held::Transaction(transaction)) = tx.take() else {
            return Err(Failed::for_good(Error::invalid("a write kept its transaction")));
        };
        drop(guard);
        let value = match (result, broken) {
            (Ok(value), None) => value,
            (result, broken) => {
                // What was not rolled back here the engine rolls back when the connection closes.
                let _ = transaction.rollback().await;
                super::measure(started);
                // After a failed statement the engine takes no other: a closure that went on has lost what it wrote.
                let lost = || Error::Unavailable(format!("a statement failed in the middle of a write ({broken:?})"));
                let attempts = broken.as_deref().map_or(0, attempts);
                return Err(Failed { error: result.err().unwrap_or_else(lost), attempts });
            }
        };
        let committing = monotonic();
        let ended = transaction.commit().await;
        metrics::histogram!("stoa_db_commit_seconds").record(committing.elapsed().as_secs_f64());
        super::measure(started);
        match ended {
            Ok(()) => Ok((value, published)),
            Err(e) if refused(&e) => Err(Failed::early(e)),
            // Whether it was committed is not known: the caller's key decides when it comes again.
            Err(e) => Err(Failed::for_good(Error::Unavailable(format!("the database went away during a commit: {e}")))),
        }
    }

    /// Waits until a round of the sequencer that began after this call is over. When it does not come in time the
    /// changes are committed all the same and get their numbers later.
    async fn numbered(&self) {
        let (done, over) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        self.sequencer.notify_one();
        let _ = tokio::time::timeout(Duration::from_secs(5), over).await;
    }

    /// Numbers what is committed and has no number, under a lock that all replicas share.
    async fn sequence(&self, around: &Around, committed: &Committed) -> Result<()> {
        loop {
            let done = self.attempt(around, Isolation::ReadCommitted, &number).await;
            let ((count, head), _) = done.map_err(|failed| failed.error)?;
            committed.send_if_modified(|h| std::mem::replace(h, head.max(*h)) < head);
            if count < BATCH {
                return Ok(());
            }
        }
    }

    /// A connection that may write, for what cannot run in a transaction.
    pub(super) async fn connection(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Any>> {
        Ok(self.writers.acquire().await?)
    }

    pub(super) async fn close(&self) {
        self.writers.close().await;
        self.readers.close().await;
    }
}

/// Does something until it succeeds or fails for good.
async fn repeated<T, Fut>(once: impl Fn() -> Fut) -> Result<T>
where
    Fut: Future<Output = Result<T, Failed>>,
{
    let mut attempt = 0;
    loop {
        attempt += 1;
        match once().await {
            Ok(value) => return Ok(value),
            Err(failed) if attempt < failed.attempts => pause(attempt).await,
            Err(failed) => return Err(failed.error),
        }
    }
}

/// Before a write that met another one is tried again: full jitter, so that two that met do not meet again.
async fn pause(attempt: u32) {
    metrics::counter!("stoa_db_retries_total").increment(1);
    let most = 4_000u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_micros(crate::clock::noise() % most)).await;
}

/// A write that failed, and how often such a one may be tried in all.
struct Failed {
    error: Error,
    attempts: u32,
}

impl Failed {
    /// Nothing was committed, for certain.
    fn early(error: sqlx::Error) -> Self {
        let attempts =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).map_or(0, |code| attempts(&code));
        Self { error: error.into(), attempts }
    }

    fn for_good(error: Error) -> Self {
        Self { error, attempts: 0 }
    }
}

/// How often a write may be tried whose statement failed with this code (PostgreSQL, appendix A); empty is a lost
/// connection.
fn attempts(code: &str) -> u32 {
    match code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => ATTEMPTS,
        // Two that inserted the same key at once: the second look finds the other's row.
        "23505" => 4,
        // The connection was lost, or the server closes it or starts up.
        "" | "25P03" | "57P01" | "57P02" | "57P03" => 4,
        _ => 0,
    }
}

/// Whether a commit failed so that nothing was committed, for certain: it met another transaction, or broke a constraint.
/// A session that is ended may have committed before.
fn refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    code.starts_with("40") || code.starts_with("23")
}

async fn number(tx: Tx) -> Result<(usize, i64)> {
    tx.lock(SEQUENCER).await?;
    feed::number(&tx, BATCH).await
}

pub(super) async fn sequence_loop(inner: std::sync::Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let super::Store::Postgres(postgres) = &inner.store else { return };
        // Once a second also for what replicas left behind that went away before they numbered it.
        let _ = tokio::time::timeout(Duration::from_secs(1), postgres.sequencer.notified()).await;
        if postgres.writers.is_closed() {
            return;
        }
        let waiting = std::mem::take(&mut *postgres.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = postgres.sequence(&inner.around, &inner.head).await {
            tracing::warn!(%error, "changes could not be numbered yet");
        }
        for done in waiting {
            // The caller may be gone.
            let _ = done.send(());
        }
    }
}
