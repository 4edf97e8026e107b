//! SQLite: one writer connection. Each closure runs as a savepoint on it; a committer takes its turn in the same fair
//! queue, so that whatever queued up before it is committed at once (group commit).

use std::future::Future;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{Mutex, Notify, oneshot};

use super::conn::{Held, Tx};
use super::{Committed, Inner, feed};
use crate::clock::{Clock, monotonic};
use crate::{Error, Result};

/// How long a write waits for another process, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);

pub(super) struct Sqlite {
    writer: Mutex<Writer>,
    committer: Notify,
}

/// The writer connection and what waits for its next commit.
struct Writer {
    conn: Option<AnyConnection>,
    /// `BEGIN` was sent and no `COMMIT` yet.
    open: bool,
    /// `BEGIN` was sent, and whether it arrived is not known.
    beginning: bool,
    /// A savepoint was sent and not released: its caller is at work, failed, or went away.
    abandoned: bool,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

/// Opens the file `path` in SQLite's mode `rwc` or `ro`: the writer, and the pool of readers.
pub(super) async fn connect(path: &str, mode: &str, pragmas: &[&'static str]) -> Result<(Sqlite, sqlx::AnyPool)> {
    let url = format!("sqlite://{path}?mode={mode}");
    let explain = |e: sqlx::Error| Error::Io(format!("the database {path} could not be opened: {e}"));
    let writer = if mode == "ro" {
        None
    } else {
        let mut conn = AnyConnection::connect(&url).await.map_err(explain)?;
        // For what comes before the first write: another process may be opening the same file.
        for pragma in std::iter::once(&"PRAGMA busy_timeout=10000").chain(pragmas) {
            sqlx::query(*pragma).execute(&mut conn).await.map_err(explain)?;
        }
        Some(conn)
    };
    let readers = AnyPoolOptions::new()
        .max_connections(4)
        .after_connect(|conn, _| {
            Box::pin(async move {
                sqlx::query("PRAGMA query_only=ON").execute(&mut *conn).await?;
                sqlx::query("PRAGMA busy_timeout=10000").execute(&mut *conn).await?;
                Ok(())
            })
        })
        .connect_lazy(&url.replace("mode=rwc", "mode=rw"))
        .map_err(explain)?;
    let writer = Writer { conn: writer, open: false, beginning: false, abandoned: false, waiting: Vec::new() };
    Ok((Sqlite { writer: Mutex::new(writer), committer: Notify::new() }, readers))
}

impl Sqlite {
    pub(super) async fn write<T, F, Fut>(&self, clock: &Clock, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut writer = self.writer.lock().await;
        let Some(tx) = writer.begin(clock).await? else {
            return Err(Error::invalid("the database is open for reading only"));
        };
        // Not the time that another process took.
        let started = monotonic();
        // Whatever happens to this caller, the connection goes back to the writer.
        let guard = Returned { tx: tx.clone(), writer: &mut writer };
        let result = f(tx).await;
        drop(guard);
        let ended = writer.end(result.is_ok()).await;
        super::measure(started);
        let value = result?;
        ended?;
        let (done, committed) = oneshot::channel();
        writer.waiting.push(done);
        drop(writer);
        self.committer.notify_one();
        match committed.await {
            Ok(Ok(())) => Ok(value),
            Ok(Err(text)) => Err(Error::Unavailable(format!("the database could not commit: {text}"))),
            Err(_) => Err(Error::Unavailable("the database was closed before the commit".into())),
        }
    }

    /// Runs `f` on the writer connection, outside of any transaction.
    pub(super) async fn alone<T>(&self, f: impl AsyncFnOnce(&mut AnyConnection) -> Result<T>) -> Result<Option<T>> {
        let mut writer = self.writer.lock().await;
        match writer.conn.as_mut() {
            Some(conn) => f(conn).await.map(Some),
            None => Ok(None),
        }
    }

    /// From now on a write that meets another process waits in [`begin_immediate`].
    pub(super) async fn opened(&self) -> Result<()> {
        let set = async |conn: &mut AnyConnection| {
            sqlx::query("PRAGMA busy_timeout=0").execute(conn).await?;
            Ok(())
        };
        self.alone(set).await.map(|_| ())
    }

    pub(super) async fn close(&self, head: &Committed) {
        let mut writer = self.writer.lock().await;
        writer.commit(head).await;
        if let Some(mut conn) = writer.conn.take() {
            // A failed checkpoint loses nothing: the next start recovers the WAL.
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await;
            let _ = conn.close().await;
        }
    }
}

/// Begins to write as soon as no other process does. SQLite's own waiting looks again after longer and longer pauses, up
/// to a tenth of a second, and so may miss every gap between the transactions of a busy command: this looks every
/// millisecond.
async fn begin_immediate(conn: &mut AnyConnection) -> Result<()> {
    let started = monotonic();
    loop {
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await {
            Ok(_) => return Ok(()),
            Err(e) if is_busy(&e) && started.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether another process is writing (SQLITE_BUSY in all its forms).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).and_then(|code| code.parse().ok());
    code.is_some_and(|code: u32| code & 0xff == 5)
}

/// Gives the connection back to the writer, also when a caller is dropped in the middle of its write.
struct Returned<'a> {
    tx: Tx,
    writer: &'a mut Writer,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        if let Some(Held::Owned(conn)) = self.tx.take() {
            self.writer.conn = Some(conn);
        }
    }
}

impl Writer {
    /// A savepoint inside an open transaction, without leftovers of a caller that went away. Each flag is set before the
    /// statement that it is about and cleared after it, because a caller may be dropped while the statement runs.
    async fn begin(&mut self, clock: &Clock) -> Result<Option<Tx>> {
        self.roll_back_abandoned().await;
        let Some(conn) = self.conn.as_mut() else { return Ok(None) };
        if self.beginning {
            // Nothing was written since the doubtful BEGIN; without a transaction this fails, and that is fine.
            let _ = sqlx::query("ROLLBACK").execute(&mut *conn).await;
            self.beginning = false;
        }
        if !self.open {
            self.beginning = true;
            begin_immediate(&mut *conn).await?;
            self.open = true;
            self.beginning = false;
        }
        self.abandoned = true;
        sqlx::query("SAVEPOINT w").execute(&mut *conn).await?;
        Ok(self.conn.take().map(|conn| Tx::new(Held::Owned(conn), super::Engine::Sqlite, clock.clone())))
    }

    /// Ends the savepoint of a caller that is done.
    async fn end(&mut self, keep: bool) -> Result<()> {
        if !keep {
            self.roll_back_abandoned().await;
            return Ok(());
        }
        let Some(conn) = self.conn.as_mut() else { return Err(Error::invalid("a write kept its transaction")) };
        sqlx::query("RELEASE w").execute(conn).await?;
        self.abandoned = false;
        Ok(())
    }

    /// Rolls back a savepoint that was not released. Where it is gone already, both statements fail, and that is fine:
    /// no other savepoint of this name is ever open.
    async fn roll_back_abandoned(&mut self) {
        if let Some(conn) = self.conn.as_mut().filter(|_| self.abandoned) {
            if sqlx::query("ROLLBACK TO w").execute(&mut *conn).await.is_ok() {
                let _ = sqlx::query("RELEASE w").execute(conn).await;
            }
            self.abandoned = false;
        }
    }

    async fn commit(&mut self, committed: &Committed) {
        if !self.open {
            return;
        }
        self.roll_back_abandoned().await;
        let Some(mut conn) = self.conn.take() else { return };
        let result = async {
            let head = feed::newest(&mut conn).await?;
            let started = monotonic();
            sqlx::query("COMMIT").execute(&mut conn).await?;
            metrics::histogram!("stoa_db_commit_seconds").record(started.elapsed().as_secs_f64());
            Ok::<i64, Error>(head)
        }
        .await;
        let outcome = match result {
            Ok(head) => {
                committed.send_if_modified(|h| std::mem::replace(h, head) != head);
                Ok(())
            }
            Err(e) => {
                // The transaction is gone either way; a failed rollback means that SQLite rolled back by itself.
                let _ = sqlx::query("ROLLBACK").execute(&mut conn).await;
                Err(e.to_string())
            }
        };
        self.open = false;
        self.conn = Some(conn);
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
            let mut writer = sqlite.writer.lock().await;
            writer.commit(&inner.head).await;
        }
    }
}
