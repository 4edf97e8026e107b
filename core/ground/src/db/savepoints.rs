//! The one connection that writes to a SQLite file. One caller after the other works on it, the first in a transaction as it
//! is, and the others each inside of a savepoint, so that an error rolls one of them back alone.

use std::future::Future;

use super::Engine;
use super::conn::{Around, Held, Tx};
use super::native::Native;
use crate::{Error, Result};

pub(super) struct Savepoints {
    conn: Option<Box<Native>>,
    /// What the caller did that is at work, failed, or went away.
    abandoned: Option<Undo>,
    /// The transaction that is open holds what an earlier caller did.
    used: bool,
}

/// How one caller alone is rolled back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// Nobody else's work is in the transaction.
    Transaction,
    Savepoint,
}

impl Savepoints {
    pub(super) fn new(conn: Native) -> Self {
        Self { conn: Some(Box::new(conn)), abandoned: None, used: false }
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

    /// Begins a transaction with this statement.
    pub(super) fn begin(&mut self, sql: &str) -> Result<()> {
        self.run(sql)?;
        self.used = false;
        Ok(())
    }

    /// Runs `f` in the transaction that is open; an error rolls back what `f` did, and only that. What an earlier caller left
    /// must be rolled back already, because that may end the transaction.
    pub(super) async fn within<T, Fut>(&mut self, around: &Around, f: impl FnOnce(Tx) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let undo = if self.used { Undo::Savepoint } else { Undo::Transaction };
        if undo == Undo::Savepoint {
            self.run("SAVEPOINT w")?;
        }
        self.abandoned = Some(undo);
        let value = self.lend(around, f).await;
        if value.is_ok() {
            if undo == Undo::Savepoint {
                self.run("RELEASE w")?;
            }
            self.abandoned = None;
            self.used = true;
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

    /// Rolls back what a caller left that failed or went away. Where SQLite rolled everything back already, the statement
    /// fails, and that is fine: no other savepoint of this name is ever open.
    pub(super) fn roll_back(&mut self) {
        match self.abandoned.take() {
            Some(Undo::Transaction) => {
                let _ = self.run("ROLLBACK");
            }
            Some(Undo::Savepoint) if self.run("ROLLBACK TO w").is_ok() => {
                let _ = self.run("RELEASE w");
            }
            _ => {}
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
