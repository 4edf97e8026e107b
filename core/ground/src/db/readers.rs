//! SQLite's readers: a few connections, each of one caller at a time. Their statements run on the caller's own thread, as
//! the writer's do: most of what a read through another thread takes is the way there and back. See docs/decisions/0014.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Engine;
use super::answer::Row;
use super::conn::{Around, Conn, Held, Tx};
use super::native::Native;
use super::value::Value;
use crate::{Error, Result};

/// How many read at once: statements hold a thread of the runtime, and there are not more of those.
const CONNECTIONS: usize = 4;
/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Readers {
    file: String,
    locked: bool,
    permits: Semaphore,
    idle: Mutex<Idle>,
}

/// Connections that nobody uses.
#[allow(clippy::vec_box, reason = "who uses one holds it in a box, as the writer's")]
type Idle = Vec<Box<Native>>;

/// A connection that goes back when its user is done, or goes away.
struct Lent<'a> {
    conn: Option<Box<Native>>,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.readers.idle().push(conn);
        }
    }
}

/// A snapshot of one caller: it ends with its value.
struct Snapshot<'a> {
    tx: Tx,
    lent: Lent<'a>,
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(Held::Native(conn)) = self.tx.take() {
            // One that cannot end its snapshot is closed.
            self.lent.conn = conn.exec("ROLLBACK", &[]).is_ok().then_some(conn);
        }
    }
}

impl Readers {
    /// The readers of a file, which is opened when somebody reads; `locked`: nobody writes to it here.
    pub(super) fn of(file: String, locked: bool) -> Self {
        Self { file, locked, permits: Semaphore::new(CONNECTIONS), idle: Mutex::default() }
    }

    /// As `Db::read`.
    pub(super) async fn read<T, F, Fut>(&self, around: &Around, f: F) -> Result<T>
    where
        F: FnOnce(Conn) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let mut lent = self.lend().await?;
        let Some(conn) = lent.conn.take() else { return Err(closed()) };
        conn.exec("BEGIN", &[])?;
        let tx = Tx::new(Held::Native(conn), Engine::Sqlite, around.clone());
        let snapshot = Snapshot { tx, lent };
        f((*snapshot.tx).clone()).await
    }

    /// All rows of one query.
    pub(super) async fn all(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let lent = self.lend().await?;
        lent.conn.as_ref().ok_or_else(closed)?.all(sql, args)
    }

    /// Closes the connections; nobody reads any more.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lend(&self) -> Result<Lent<'_>> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(PATIENCE, self.permits.acquire()).await {
                Ok(permit) => permit.map_err(|_| closed())?,
                Err(_) => return Err(Error::Database(sqlx::Error::PoolTimedOut)),
            },
        };
        let known = self.idle().pop();
        let conn = match known {
            Some(conn) => conn,
            None => Box::new(Native::open_reader(&self.file, self.locked)?),
        };
        Ok(Lent { conn: Some(conn), readers: self, _permit: permit })
    }
}

fn closed() -> Error {
    Error::Database(sqlx::Error::PoolClosed)
}
