//! The store of one command: a SQLite file that is deleted at its end, one connection for everybody, on the caller's own
//! thread. The same SQL as everywhere, without a pool and a commit between it and its caller. See docs/decisions/0007.

use std::future::Future;

use tokio::sync::Mutex;

use super::answer::Row;
use super::conn::{Around, Conn, Tx};
use super::measure;
use super::native::Native;
use super::savepoints::Savepoints;
use super::value::Value;
use crate::Result;
use crate::clock::monotonic;

/// What the file is opened with: a crash leaves nothing of use, and nobody waits for a disk.
const PRAGMAS: &str = "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;
    PRAGMA temp_store=MEMORY; PRAGMA cache_size=-262144;";

/// All writes are one transaction: the journal in memory holds pages as they were at its beginning, and the file is small
/// then.
pub(super) struct Single(Mutex<Savepoints>);

impl Single {
    /// Opens a file that has its tables already.
    pub(super) fn open(path: &str) -> Result<Self> {
        let native = Native::open(path)?;
        native.batch(PRAGMAS)?;
        Ok(Self(Mutex::new(Savepoints::new(native))))
    }

    /// As `Db::write`: an error rolls `f` back alone, and nobody waits for the commit.
    pub(super) async fn write<T, F, Fut>(&self, around: &Around, f: &F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut writer = self.0.lock().await;
        let started = monotonic();
        writer.roll_back();
        if !writer.is_open() {
            writer.begin("BEGIN")?;
        }
        let value = writer.within(around, f).await?;
        measure(started);
        Ok(value)
    }

    /// As `Db::read`: it sees what is not committed as well.
    pub(super) async fn read<T, F, Fut>(&self, around: &Around, f: F) -> Result<T>
    where
        F: FnOnce(Conn) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut writer = self.0.lock().await;
        writer.roll_back();
        writer.lend(around, |tx: Tx| f((*tx).clone())).await
    }

    /// All rows of one query.
    pub(super) async fn all(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let mut writer = self.0.lock().await;
        writer.roll_back();
        writer.conn()?.all(sql, args)
    }

    pub(super) async fn close(&self) {
        // The file is deleted: what is not committed is not missed.
        let _ = self.0.lock().await.take();
    }
}
