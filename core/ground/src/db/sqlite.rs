//! SQLite: one writer connection. Each closure runs as a savepoint on it; a committer takes its turn in the same fair
//! queue, so that whatever queued up before it is committed at once (group commit).

use std::future::Future;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, Connection as _};
use tokio::sync::{Mutex, Notify, oneshot};

use super::conn::{Around, Held, Tx};
use super::native::Native;
use super::readers::Readers;
use super::value::Row;
use super::{Committed, Inner, feed};
use crate::clock::monotonic;
use crate::{Error, Result};

/// How long a write waits for another process, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);

pub(super) struct Sqlite {
    url: String,
    writer: Mutex<Writer>,
    committer: Notify,
    pub(super) readers: Readers,
}

/// The writer connection and what waits for its next commit.
struct Writer {
    conn: Option<Box<Native>>,
    /// `BEGIN` was sent and no `COMMIT` yet.
    open: bool,
    /// A savepoint was not released: its caller is at work, failed, or went away.
    abandoned: bool,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

/// Opens the file `path` in SQLite's mode `rwc` or `ro`: the writer, and the readers.
pub(super) async fn connect(path: &str, mode: &str, pragmas: &[&'static str]) -> Result<Sqlite> {
    let url = format!("sqlite://{path}?mode={mode}");
    let explain = |e: sqlx::Error| Error::Io(format!("the database {path} could not be opened: {e}"));
    let options: SqliteConnectOptions = url.parse().map_err(explain)?;
    let file = options.get_filename().to_string_lossy().into_owned();
    let readers = Readers::of(file.clone(), mode == "ro");
    let writer = if mode == "ro" {
        None
    } else {
        // For what comes before the first write: another process may be opening the same file.
        let pragmas = ["PRAGMA busy_timeout=10000"].iter().chain(pragmas).map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let opened = tokio::task::spawn_blocking(move || {
            let native = Native::open(&file)?;
            pragmas.iter().try_for_each(|pragma| native.batch(pragma))?;
            Ok::<_, Error>(native)
        });
        let opened = opened.await.unwrap_or_else(|e| Err(Error::Io(e.to_string())));
        let native = opened.map_err(|e| match e {
            Error::Database(e) => explain(e),
            other => other,
        })?;
        Some(Box::new(native))
    };
    let writer = Writer { conn: writer, open: false, abandoned: false, waiting: Vec::new() };
    Ok(Sqlite { url, writer: Mutex::new(writer), committer: Notify::new(), readers })
}

impl Sqlite {
    pub(super) async fn write<T, F, Fut>(&self, around: &Around, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut writer = self.writer.lock().await;
        let Some(tx) = writer.begin(around).await? else {
            return Err(Error::invalid("the database is open for reading only"));
        };
        // Not the time that another process took.
        let started = monotonic();
        // Whatever happens to this caller, the connection goes back to the writer.
        let guard = Returned { tx: tx.clone(), writer: &mut writer };
        let result = f(tx).await;
        drop(guard);
        let ended = writer.end(result.is_ok());
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

    /// A connection beside the writer's, for migrations.
    pub(super) async fn connection(&self) -> Result<AnyConnection> {
        let mut conn = AnyConnection::connect(&self.url).await?;
        sqlx::query("PRAGMA busy_timeout=10000").execute(&mut conn).await?;
        Ok(conn)
    }

    /// The first row of a query on the writer's connection; none where nobody writes.
    pub(super) async fn ask(&self, sql: &str) -> Result<Option<Row>> {
        let writer = self.writer.lock().await;
        let rows = writer.conn.as_ref().map(|conn| conn.all(sql, &[])).transpose()?;
        Ok(rows.into_iter().flatten().next())
    }

    /// From now on a write that meets another process waits in [`begin_immediate`].
    pub(super) async fn opened(&self) -> Result<()> {
        let writer = self.writer.lock().await;
        writer.conn.as_ref().map_or(Ok(()), |conn| conn.batch("PRAGMA busy_timeout=0"))
    }

    pub(super) async fn close(&self, head: &Committed) {
        let mut writer = self.writer.lock().await;
        writer.commit(head).await;
        if let Some(conn) = writer.conn.take() {
            // A failed checkpoint loses nothing: the next start recovers the WAL.
            let _ = tokio::task::spawn_blocking(move || conn.batch("PRAGMA wal_checkpoint(TRUNCATE)")).await;
        }
        self.readers.close();
    }
}

/// Begins to write as soon as no other process does. SQLite's own waiting looks again after longer and longer pauses, up
/// to a tenth of a second, and so may miss every gap between the transactions of a busy command: this looks every
/// millisecond.
async fn begin_immediate(writer: &mut Writer) -> Result<()> {
    let started = monotonic();
    loop {
        match writer.run("BEGIN IMMEDIATE") {
            Err(e) if is_busy(&e) && started.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            done => return done,
        }
    }
}

/// Whether another process is writing (SQLITE_BUSY in all its forms).
fn is_busy(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
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
        if let Some(Held::Native(conn)) = self.tx.take() {
            self.writer.conn = Some(conn);
        }
    }
}

impl Writer {
    /// Runs a statement; where there is no connection any more nothing.
    fn run(&self, sql: &str) -> Result<()> {
        self.conn.as_ref().map_or(Ok(()), |conn| conn.exec(sql, &[]).map(drop))
    }

    /// A savepoint inside an open transaction, without leftovers of a caller that went away.
    async fn begin(&mut self, around: &Around) -> Result<Option<Tx>> {
        self.roll_back_abandoned();
        if self.conn.is_none() {
            return Ok(None);
        }
        if !self.open {
            begin_immediate(self).await?;
            self.open = true;
        }
        self.run("SAVEPOINT w")?;
        self.abandoned = true;
        Ok(self.conn.take().map(|conn| Tx::new(Held::Native(conn), super::Engine::Sqlite, around.clone())))
    }

    /// Ends the savepoint of a caller that is done.
    fn end(&mut self, keep: bool) -> Result<()> {
        if !keep {
            self.roll_back_abandoned();
            return Ok(());
        }
        if self.conn.is_none() {
            return Err(Error::invalid("a write kept its transaction"));
        }
        self.run("RELEASE w")?;
        self.abandoned = false;
        Ok(())
    }

    /// Rolls back a savepoint that was not released. Where it is gone already, because SQLite rolled everything back, both
    /// statements fail, and that is fine: no other savepoint of this name is ever open.
    fn roll_back_abandoned(&mut self) {
        if self.abandoned && self.conn.is_some() {
            if self.run("ROLLBACK TO w").is_ok() {
                let _ = self.run("RELEASE w");
            }
            self.abandoned = false;
        }
    }

    /// Commits what is open, on a thread that may wait for the disk.
    async fn commit(&mut self, committed: &Committed) {
        if !self.open {
            return;
        }
        self.roll_back_abandoned();
        let Some(conn) = self.conn.take() else { return };
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
            (conn, ended)
        });
        let outcome = match done.await {
            Ok((conn, ended)) => {
                self.conn = Some(conn);
                ended.map_err(|e| e.to_string())
            }
            Err(e) => Err(format!("the commit broke off: {e}")),
        };
        self.open = false;
        if let Ok(head) = outcome {
            committed.send_if_modified(|h| std::mem::replace(h, head) != head);
        }
        for done in self.waiting.drain(..) {
            // The caller may be gone; its write is committed all the same.
            let _ = done.send(outcome.clone().map(drop));
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
