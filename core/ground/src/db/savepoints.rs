//! The one connection that writes to a SQLite file. One caller after the other works on it, each inside of a savepoint, so
//! that an error rolls one of them back alone.

use std::future::Future;

use super::Engine;
use super::conn::{Around, Held, Tx};
use super::native::Native;
use crate::{Error, Result};

pub(super) struct Savepoints {
    conn: Option<Box<Native>>,
    /// A savepoint was not released: its caller is at work, failed, or went away.
    abandoned: bool,
}

impl Savepoints {
    pub(super) fn new(conn: Native) -> Self {
        Self { conn: Some(Box::new(conn)), abandoned: false }
    }

    /// The connection.
    ///
    /// # Errors
    /// When the store was closed.
    pub(super) fn conn(&self) -> Result<&Native> {
        self.conn.as_deref().ok_or_else(closed)
    }

    /// Takes the connection away, for good or until [`Savepoints::give`].
    pub(super) fn take(&mut self) -> Result<Box<Native>> {
        self.conn.take().ok_or_else(closed)
    }

    pub(super) fn give(&mut self, conn: Box<Native>) {
        self.conn = Some(conn);
    }

    /// Whether a transaction is open. SQLite itself ends it when a disk is full or broken.
    pub(super) fn is_open(&self) -> bool {
        self.conn.as_ref().is_some_and(|conn| conn.is_in_transaction())
    }

    /// Runs a statement without parameters.
    pub(super) fn run(&self, sql: &str) -> Result<()> {
        self.conn()?.exec(sql, &[]).map(drop)
    }

    /// Runs `f` inside of a savepoint of the transaction that is open; an error rolls back what `f` did, and only that.
    pub(super) async fn within<T, Fut>(&mut self, around: &Around, f: impl FnOnce(Tx) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        self.roll_back();
        self.run("SAVEPOINT w")?;
        self.abandoned = true;
        let value = self.lend(around, f).await;
        if value.is_ok() {
            self.run("RELEASE w")?;
            self.abandoned = false;
        } else {
            self.roll_back();
        }
        value
    }

    /// Lends the connection to `f`, and has it back also when the caller is dropped in the middle.
    pub(super) async fn lend<T, Fut>(&mut self, around: &Around, f: impl FnOnce(Tx) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let tx = Tx::new(Held::Native(self.take()?), Engine::Sqlite, around.clone());
        let returned = Returned { tx: tx.clone(), to: self };
        let value = f(tx).await;
        drop(returned);
        value
    }

    /// Rolls back what a caller left that failed or went away. Where the savepoint is gone already, because SQLite rolled
    /// everything back, the statement fails, and that is fine: no other savepoint of this name is ever open.
    pub(super) fn roll_back(&mut self) {
        if std::mem::take(&mut self.abandoned) && self.run("ROLLBACK TO w").is_ok() {
            let _ = self.run("RELEASE w");
        }
    }
}

fn closed() -> Error {
    Error::Unavailable("the database is closed".into())
}

/// Gives the connection back, also when a caller is dropped in the middle.
struct Returned<'a> {
    tx: Tx,
    to: &'a mut Savepoints,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        if let Some(Held::Native(conn)) = self.tx.take() {
            self.to.give(conn);
        }
    }
}
