//! The store: one way to write ([`Db::write`]), readers, migrations, and the change feed.
//!
//! SQLite has one writer connection. Each closure given to [`Db::write`] runs as a savepoint on it; a committer takes
//! its turn in the same fair queue, so that whatever queued up before it is committed at once (group commit). `write`
//! returns after the commit. No write awaits anything but SQL.

mod conn;
mod feed;
mod migrate;
mod value;

use std::future::Future;
use std::sync::Arc;

use sqlx::AnyConnection;
use sqlx::Connection as _;
use sqlx::any::AnyPoolOptions;
use tokio::sync::{Mutex, Notify, oneshot, watch};

pub use conn::{Conn, Tx};
pub use feed::Change;
pub use value::{Bind, Column, Row, Value};

use crate::clock::{Clock, monotonic};
use crate::{Error, Result};

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    clock: Clock,
    readers: sqlx::AnyPool,
    writer: Mutex<Writer>,
    committer: Notify,
    /// The newest committed position of the change feed that this process knows of.
    head: watch::Sender<i64>,
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

impl Db {
    /// Opens the store, creates it when it does not exist, and brings its schema up to date.
    ///
    /// `url` is `sqlite://PATH`.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or was written by a newer program ([`Error::NewerSchema`]).
    pub async fn open(url: &str, clock: Clock) -> Result<Self> {
        let db = Self::connect(url, clock, "rwc").await?;
        db.migrate().await?;
        let head = db.committed_position().await?;
        db.0.head.send_replace(head);
        tokio::spawn(commit_loop(Arc::downgrade(&db.0)));
        Ok(db)
    }

    /// Opens an existing store for reading; [`Db::write`] on it fails.
    ///
    /// # Errors
    /// When there is no store, or its schema is not this program's.
    pub async fn open_read_only(url: &str, clock: Clock) -> Result<Self> {
        let db = Self::connect(url, clock, "ro").await?;
        db.check_schema().await?;
        Ok(db)
    }

    async fn connect(url: &str, clock: Clock, mode: &str) -> Result<Self> {
        let Some(path) = url.strip_prefix("sqlite://") else {
            return Err(Error::invalid(format!(
                "[database] url must start with sqlite://, found '{}'",
                url.split(':').next().unwrap_or_default()
            )));
        };
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{path}?mode={mode}");
        let explain = |e: sqlx::Error| Error::Io(format!("the database {path} could not be opened: {e}"));
        let writer = if mode == "ro" {
            None
        } else {
            let mut conn = AnyConnection::connect(&url).await.map_err(explain)?;
            for pragma in [
                "PRAGMA journal_mode=WAL",
                "PRAGMA synchronous=FULL",
                "PRAGMA busy_timeout=10000",
                "PRAGMA foreign_keys=ON",
            ] {
                sqlx::query(pragma).execute(&mut conn).await.map_err(explain)?;
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
        Ok(Self(Arc::new(Inner {
            clock,
            readers,
            writer: Mutex::new(Writer {
                conn: writer,
                open: false,
                beginning: false,
                abandoned: false,
                waiting: Vec::new(),
            }),
            committer: Notify::new(),
            head: watch::channel(0).0,
        })))
    }

    /// The business clock of this store.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Runs `f` in a write transaction and returns after the commit. `f` may run again; an error rolls it back alone.
    ///
    /// `f` must await nothing but SQL on the given [`Tx`], and take less than 50 ms.
    ///
    /// # Errors
    /// What `f` returned, or the database's error.
    pub async fn write<T, F, Fut>(&self, f: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let started = monotonic();
        let mut writer = self.0.writer.lock().await;
        let Some(tx) = writer.begin(&self.0.clock).await? else {
            return Err(Error::invalid("the database is open for reading only"));
        };
        // Whatever happens to this caller, the connection goes back to the writer.
        let guard = Returned { tx: tx.clone(), writer: &mut writer };
        let result = f(tx).await;
        drop(guard);
        let ended = writer.end(result.is_ok()).await;
        metrics::histogram!("stoa_db_write_seconds").record(started.elapsed().as_secs_f64());
        let value = result?;
        ended?;
        let (done, committed) = oneshot::channel();
        writer.waiting.push(done);
        drop(writer);
        self.0.committer.notify_one();
        match committed.await {
            Ok(Ok(())) => Ok(value),
            Ok(Err(text)) => Err(Error::Io(format!("the database could not commit: {text}"))),
            Err(_) => Err(Error::Io("the database was closed before the commit".into())),
        }
    }

    /// Runs `f` on a reading connection, in one snapshot.
    ///
    /// # Errors
    /// What `f` returned, or the database's error.
    pub async fn read<T, F, Fut>(&self, f: F) -> Result<T>
    where
        F: FnOnce(Conn) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let conn = Conn::reading(self.0.readers.begin().await?, self.0.clock.clone());
        // A caller that goes away must not leave its snapshot to the next user of the connection.
        let guard = conn::Reading(conn.clone());
        let result = f(conn.clone()).await;
        conn.end_read().await;
        drop(guard);
        result
    }

    /// All rows of one query.
    ///
    /// # Errors
    /// The database's error.
    pub async fn all(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Vec<Row>> {
        let mut conn = self.0.readers.acquire().await?;
        conn::all(&mut conn, sql, args).await
    }

    /// The first row of one query, if any.
    ///
    /// # Errors
    /// The database's error.
    pub async fn opt(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Commits what is left and closes the store.
    pub async fn close(&self) {
        let mut writer = self.0.writer.lock().await;
        self.0.commit(&mut writer).await;
        if let Some(mut conn) = writer.conn.take() {
            // A failed checkpoint loses nothing: the next start recovers the WAL.
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await;
            let _ = conn.close().await;
        }
        self.0.readers.close().await;
    }
}

/// Gives the connection back to the writer, also when a caller is dropped in the middle of its write.
struct Returned<'a> {
    tx: Tx,
    writer: &'a mut Writer,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.tx.take() {
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
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await?;
            self.open = true;
            self.beginning = false;
        }
        self.abandoned = true;
        sqlx::query("SAVEPOINT w").execute(&mut *conn).await?;
        Ok(self.conn.take().map(|conn| Tx::new(conn, clock.clone())))
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
}

impl Inner {
    async fn commit(&self, writer: &mut Writer) {
        if !writer.open {
            return;
        }
        writer.roll_back_abandoned().await;
        let Some(mut conn) = writer.conn.take() else { return };
        let result = async {
            let head = feed::newest(&mut conn).await?;
            sqlx::query("COMMIT").execute(&mut conn).await?;
            Ok::<i64, Error>(head)
        }
        .await;
        let outcome = match result {
            Ok(head) => {
                self.head.send_if_modified(|h| std::mem::replace(h, head) != head);
                Ok(())
            }
            Err(e) => {
                // The transaction is gone either way; a failed rollback means that SQLite rolled back by itself.
                let _ = sqlx::query("ROLLBACK").execute(&mut conn).await;
                Err(e.to_string())
            }
        };
        writer.open = false;
        writer.conn = Some(conn);
        for done in writer.waiting.drain(..) {
            // The caller may be gone; its write is committed all the same.
            let _ = done.send(outcome.clone());
        }
    }
}

async fn commit_loop(inner: std::sync::Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let wait = tokio::time::timeout(std::time::Duration::from_secs(1), inner.committer.notified());
        if wait.await.is_ok() {
            let mut writer = inner.writer.lock().await;
            inner.commit(&mut writer).await;
        }
    }
}

#[cfg(test)]
mod tests;
