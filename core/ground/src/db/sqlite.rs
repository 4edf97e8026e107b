//! SQLite: one writer connection. Each closure runs as a savepoint on it; a committer takes its turn in the same fair
//! queue, so that whatever queued up before it is committed at once (group commit).

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{Mutex, Notify, oneshot};

use super::answer::Row;
use super::checkpoint::Checkpoints;
use super::conn::{Around, Tx};
use super::native::Native;
use super::readers::Readers;
use super::savepoints::Savepoints;
use super::waiting::Waiting;
use super::{Committed, Inner, feed};
use crate::clock::monotonic;
use crate::{Error, Result};

/// How long a write waits for another process, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);

/// Under a steady load commits are so far apart: what is written meanwhile shares the next one, where each alone would wait for the
/// disk. A write on its own is committed at once.
const APART: Duration = Duration::from_millis(8);
/// A load is steady when the last commit ended so short a time ago.
const STEADY: Duration = Duration::from_millis(20);
/// Who writes as soon as the last commit has ended waited for it, and has more to write: it is committed at once.
const AT_ONCE: Duration = Duration::from_millis(1);

pub(super) struct Sqlite {
    url: String,
    /// What every connection that writes is opened with.
    pragmas: &'static [&'static str],
    /// None where the file is open for reading only.
    writer: Option<Mutex<Writer>>,
    committer: Notify,
    checkpoints: Arc<Checkpoints>,
    pub(super) readers: Readers,
    pub(super) waiting: Waiting,
}

/// The connection that writes, and who waits for its next commit.
struct Writer {
    points: Savepoints,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
    /// When the transaction that is open, or was last, began.
    began: Instant,
    /// When the last commit ended.
    ended: Instant,
}

/// Opens the file `path` in SQLite's mode `rwc` or `ro`: the writer, and the readers.
pub(super) async fn connect(path: &str, mode: &str, pragmas: &'static [&'static str]) -> Result<Sqlite> {
    let url = format!("sqlite://{path}?mode={mode}");
    let explain = |e: sqlx::Error| Error::Io(format!("the database {path} could not be opened: {e}"));
    let options: SqliteConnectOptions = url.parse().map_err(explain)?;
    let file = options.get_filename().to_string_lossy().into_owned();
    let readers = Readers::of(file.clone(), mode == "ro");
    let waiting = Waiting::of(&file);
    let checkpoints = Checkpoints::of(file.clone());
    let writer = if mode == "ro" {
        None
    } else {
        let opened = tokio::task::spawn_blocking(move || {
            let native = Native::open(&file)?;
            with_patience(pragmas).try_for_each(|pragma| native.batch(pragma))?;
            native.leave_log();
            Ok::<_, Error>(native)
        });
        let opened = opened.await.unwrap_or_else(|e| Err(Error::Io(e.to_string())));
        let native = opened.map_err(|e| match e {
            Error::Database(e) => explain(e),
            other => other,
        })?;
        let now = monotonic();
        Some(Mutex::new(Writer { points: Savepoints::new(native), waiting: Vec::new(), began: now, ended: now }))
    };
    Ok(Sqlite { url, pragmas, writer, committer: Notify::new(), checkpoints, readers, waiting })
}

/// For what comes before the first write: another process may be opening the same file.
fn with_patience(pragmas: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    std::iter::once("PRAGMA busy_timeout=10000").chain(pragmas.iter().copied())
}

impl Sqlite {
    pub(super) async fn write<T, F, Fut>(&self, around: &Around, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let Some(writer) = &self.writer else {
            return Err(Error::invalid("the database is open for reading only"));
        };
        let waits = self.waiting.one();
        let mut writer = writer.lock().await;
        drop(waits);
        writer.begin(&self.waiting).await?;
        // Also when it fails or its caller goes away: what is open would keep other processes from writing.
        let commit = Commit(&self.committer);
        // Not the time that another process took.
        let started = monotonic();
        let value = writer.points.within(around, f).await;
        super::measure(started);
        if !writer.points.is_open() {
            // Whoever was alone in it is told by its own error.
            writer.answer(&Err("the disk is full or broken, and everything was rolled back".into()));
        }
        let value = value?;
        let (done, committed) = oneshot::channel();
        writer.waiting.push(done);
        drop(writer);
        drop(commit);
        match committed.await {
            Ok(Ok(())) => Ok(value),
            Ok(Err(text)) => Err(Error::Unavailable(format!("the database could not commit: {text}"))),
            Err(_) => Err(Error::Unavailable("the database was closed before the commit".into())),
        }
    }

    /// A connection beside the writer's, for migrations.
    pub(super) async fn connection(&self) -> Result<AnyConnection> {
        let mut conn = AnyConnection::connect(&self.url).await?;
        for pragma in with_patience(self.pragmas) {
            sqlx::query(pragma).execute(&mut conn).await?;
        }
        Ok(conn)
    }

    /// The first row of a query on the writer's connection; none where nobody writes.
    pub(super) async fn ask(&self, sql: &str) -> Result<Option<Row>> {
        let Some(writer) = &self.writer else { return Ok(None) };
        let rows = writer.lock().await.points.conn()?.all(sql, &[])?;
        Ok(rows.into_iter().next())
    }

    /// From now on a write that meets another process waits in [`Writer::begin`].
    pub(super) async fn opened(&self) -> Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        writer.lock().await.points.conn()?.batch("PRAGMA busy_timeout=0")
    }

    /// Commits what is open; `gathers`: under a steady load, after it has waited for others to share it.
    async fn commit(&self, committed: &Committed, gathers: bool) {
        let Some(lock) = &self.writer else { return };
        let mut writer = lock.lock().await;
        let rest = if gathers { writer.rest() } else { Duration::ZERO };
        if !rest.is_zero() {
            drop(writer);
            tokio::time::sleep(rest).await;
            writer = lock.lock().await;
        }
        writer.commit(committed, &self.checkpoints).await;
    }

    pub(super) async fn close(&self, head: &Committed) {
        self.commit(head, false).await;
        let Some(writer) = &self.writer else { return };
        let checkpoints = Arc::clone(&self.checkpoints);
        if let Ok(conn) = writer.lock().await.points.take() {
            // A failed checkpoint loses nothing: the next start recovers the WAL.
            let last = move || {
                checkpoints.close();
                conn.batch("PRAGMA wal_checkpoint(TRUNCATE)")
            };
            let _ = tokio::task::spawn_blocking(last).await;
        }
        self.readers.close();
    }
}

/// Asks for a commit of what is open, however a write ends.
struct Commit<'a>(&'a Notify);

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Whether another process is writing (SQLITE_BUSY in all its forms).
fn is_busy(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).and_then(|code| code.parse().ok());
    code.is_some_and(|code: u32| code & 0xff == 5)
}

impl Writer {
    /// Begins to write, if no transaction is open, as soon as no other process does. SQLite's own waiting looks again
    /// after longer and longer pauses, up to a tenth of a second, and so may miss every gap between the transactions of a
    /// busy command: this looks every millisecond.
    async fn begin(&mut self, waiting: &Waiting) -> Result<()> {
        self.points.roll_back();
        let (started, mut sign) = (monotonic(), None);
        while !self.points.is_open() {
            match self.points.begin("BEGIN IMMEDIATE") {
                Err(e) if is_busy(&e) && started.elapsed() < PATIENCE => {
                    sign = sign.or_else(|| waiting.tell());
                    tokio::time::sleep(LOOK).await;
                }
                done => {
                    self.began = monotonic();
                    return done;
                }
            }
        }
        Ok(())
    }

    /// How long the next commit waits for others to share it.
    fn rest(&self) -> Duration {
        let steady = (AT_ONCE..STEADY).contains(&self.began.saturating_duration_since(self.ended));
        if steady { APART.saturating_sub(self.ended.elapsed()) } else { Duration::ZERO }
    }

    /// Commits what is open, on a thread that may wait for the disk.
    async fn commit(&mut self, committed: &Committed, checkpoints: &Arc<Checkpoints>) {
        self.points.roll_back();
        if !self.points.is_open() {
            return;
        }
        let Ok(conn) = self.points.take() else { return };
        let checkpoints = Arc::clone(checkpoints);
        let done = tokio::task::spawn_blocking(move || {
            let ended = (|| {
                let head = feed::newest(&conn)?;
                let started = monotonic();
                conn.exec("COMMIT", &[])?;
                metrics::histogram!("stoa_db_commit_seconds").record(started.elapsed().as_secs_f64());
                Ok::<i64, Error>(head)
            })();
            if ended.is_err() {
                // The transaction is gone either way; a failed rollback means that SQLite rolled back by itself.
                let _ = conn.exec("ROLLBACK", &[]);
            }
            checkpoints.committed(&conn);
            (conn, ended)
        });
        let outcome = match done.await {
            Ok((conn, ended)) => {
                self.points.give(conn);
                ended.map_err(|e| e.to_string())
            }
            Err(e) => Err(format!("the commit broke off: {e}")),
        };
        if let Ok(head) = outcome {
            committed.send_if_modified(|h| std::mem::replace(h, head) != head);
        }
        self.ended = monotonic();
        self.answer(&outcome.map(drop));
    }

    /// Tells who waits what became of their writes.
    fn answer(&mut self, outcome: &Result<(), String>) {
        for done in self.waiting.drain(..) {
            // The caller may be gone; its write is committed all the same.
            let _ = done.send(outcome.clone());
        }
    }
}

pub(super) async fn commit_loop(inner: std::sync::Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let super::Store::Sqlite(sqlite) = &inner.store else { return };
        let wait = tokio::time::timeout(std::time::Duration::from_secs(1), sqlite.committer.notified());
        if wait.await.is_ok() {
            sqlite.commit(&inner.head, true).await;
        }
    }
}
