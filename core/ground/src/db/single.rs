//! The store of one command: a SQLite file that is deleted at its end, one connection for everybody, on the caller's own
//! thread. The same SQL as everywhere, without a pool and a commit between it and its caller. See docs/decisions/0007.

use std::future::Future;

use tokio::sync::Mutex;

use super::conn::{Around, Conn, Held, Tx};
use super::native::Native;
use super::value::{Row, Value};
use super::{Engine, measure};
use crate::clock::monotonic;
use crate::{Error, Result};

/// What the file is opened with: a crash leaves nothing of use, and nobody waits for a disk.
const PRAGMAS: &str = "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;
    PRAGMA temp_store=MEMORY; PRAGMA cache_size=-262144;";

/// After so many writes it commits, so that the journal in memory stays small.
const KEPT: usize = 2_000;

pub(super) struct Single(Mutex<Inner>);

struct Inner {
    conn: Option<Box<Native>>,
    /// `BEGIN` was sent and no `COMMIT` yet.
    open: bool,
    /// A savepoint was not released: its caller is at work, failed, or went away.
    abandoned: bool,
    /// Writes since the last commit.
    kept: usize,
}

impl Single {
    /// Opens a file that has its tables already.
    pub(super) fn open(path: &str) -> Result<Self> {
        let native = Native::open(path)?;
        native.batch(PRAGMAS)?;
        Ok(Self(Mutex::new(Inner { conn: Some(Box::new(native)), open: false, abandoned: false, kept: 0 })))
    }

    /// As `Db::write`: an error rolls `f` back alone, and nobody waits for the commit.
    pub(super) async fn write<T, F, Fut>(&self, around: &Around, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut inner = self.0.lock().await;
        let started = monotonic();
        inner.roll_back()?;
        if !inner.open {
            inner.run("BEGIN")?;
            inner.open = true;
        }
        inner.abandoned = true;
        inner.run("SAVEPOINT w")?;
        let result = inner.lend(around, f).await;
        if result.is_ok() {
            inner.run("RELEASE w")?;
            inner.abandoned = false;
            inner.kept += 1;
        } else {
            inner.roll_back()?;
        }
        if inner.kept >= KEPT {
            inner.commit()?;
        }
        measure(started);
        result
    }

    /// As `Db::read`: it sees what is not committed as well.
    pub(super) async fn read<T, F, Fut>(&self, around: &Around, f: F) -> Result<T>
    where
        F: FnOnce(Conn) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut inner = self.0.lock().await;
        inner.roll_back()?;
        inner.lend(around, |tx: Tx| f((*tx).clone())).await
    }

    /// All rows of one query.
    pub(super) async fn all(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let mut inner = self.0.lock().await;
        inner.roll_back()?;
        inner.conn()?.all(sql, args)
    }

    pub(super) async fn close(&self) {
        let mut inner = self.0.lock().await;
        // The file is deleted: what cannot be committed is not missed.
        let _ = inner.commit();
        inner.conn = None;
    }
}

/// Gives the connection back, also when a caller is dropped in the middle.
struct Returned<'a> {
    tx: Tx,
    inner: &'a mut Inner,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        if let Some(Held::Native(conn)) = self.tx.take() {
            self.inner.conn = Some(conn);
        }
    }
}

impl Inner {
    fn conn(&self) -> Result<&Native> {
        self.conn.as_deref().ok_or_else(|| Error::Io("the database is closed".into()))
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.conn()?.exec(sql, &[]).map(drop)
    }

    async fn lend<T, Fut>(&mut self, around: &Around, f: impl FnOnce(Tx) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let conn = self.conn.take().ok_or_else(|| Error::Io("the database is closed".into()))?;
        let tx = Tx::new(Held::Native(conn), Engine::Sqlite, around.clone());
        let guard = Returned { tx: tx.clone(), inner: self };
        let result = f(tx).await;
        drop(guard);
        result
    }

    /// Rolls back what a caller left that failed or went away.
    fn roll_back(&mut self) -> Result<()> {
        if self.abandoned {
            self.run("ROLLBACK TO w")?;
            self.run("RELEASE w")?;
            self.abandoned = false;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if self.open {
            self.run("COMMIT")?;
            self.open = false;
            self.kept = 0;
        }
        Ok(())
    }
}
