//! Connections as the rest of the program sees them: [`Conn`] can read, [`Tx`] can write as well.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use sqlx::AnyConnection;
use sqlx::any::AnyArguments;
use tokio::sync::Mutex;

use super::Engine;
use super::answer::Row;
use super::native::Native;
use super::value::Value;
use crate::clock::{Clock, Instant};
use crate::ledger::{Master, Source};
use crate::{Error, Result};

pub(super) enum Held {
    /// Rolls back by itself when its user goes away.
    Transaction(sqlx::Transaction<'static, sqlx::Any>),
    /// On the caller's own thread.
    Native(Box<Native>),
}

/// A connection with statements to run on it.
enum Runs<'a> {
    Sqlx(&'a mut AnyConnection),
    Native(&'a Native),
}

impl Held {
    fn runs(&mut self) -> Runs<'_> {
        match self {
            Self::Transaction(c) => Runs::Sqlx(c),
            Self::Native(c) => Runs::Native(c),
        }
    }
}

/// What a store gives to every connection.
#[derive(Clone)]
pub(super) struct Around {
    pub clock: Clock,
    /// Seals personal values in the ledger. Set once, by whoever opens the store.
    pub master: Arc<OnceLock<Master>>,
}

impl Around {
    pub fn new(clock: Clock) -> Self {
        Self { clock, master: Arc::default() }
    }
}

/// What happened on a connection.
#[derive(Default)]
struct Marks {
    published: AtomicBool,
    /// The engine's code of the first statement that failed, empty when it has none.
    broken: OnceLock<String>,
    source: OnceLock<Source>,
    statements: AtomicU64,
}

/// A connection that can read. It is valid inside the closure that got it, and answers with an error afterwards.
#[derive(Clone)]
pub struct Conn {
    held: Arc<Mutex<Option<Held>>>,
    engine: Engine,
    around: Around,
    marks: Arc<Marks>,
}

/// A write transaction: a [`Conn`] that can also change rows.
#[derive(Clone)]
pub struct Tx(Conn);

impl std::ops::Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

pub(super) async fn all(conn: &mut AnyConnection, sql: impl sqlx::SqlSafeStr, args: Vec<Value>) -> Result<Vec<Row>> {
    let rows = bind(sql, args)?.fetch_all(conn).await?;
    Ok(rows.into_iter().map(Row::any).collect())
}

/// Runs a statement and gives the number of rows it changed.
pub(super) async fn exec(conn: &mut AnyConnection, sql: impl sqlx::SqlSafeStr, args: Vec<Value>) -> Result<u64> {
    Ok(bind(sql, args)?.execute(conn).await?.rows_affected())
}

fn bind(sql: impl sqlx::SqlSafeStr, args: Vec<Value>) -> Result<sqlx::query::Query<'static, sqlx::Any, AnyArguments>> {
    use sqlx::Arguments as _;
    let mut bound = AnyArguments::default();
    for arg in args {
        match arg {
            Value::Text(v) => bound.add(v),
            Value::Int(v) => bound.add(v),
            // sqlx 0.9 swaps the types of the two NULLs on their way to PostgreSQL, and a prepared statement keeps the wrong one.
            Value::Real(None) => bound.add(None::<f32>),
            Value::Real(v) => bound.add(v),
            Value::Bytes(v) => bound.add(v),
        }
        .map_err(|e| Error::Database(sqlx::Error::Encode(e)))?;
    }
    Ok(sqlx::query_with(sql, bound))
}

impl Conn {
    pub(super) fn new(held: Held, engine: Engine, around: Around) -> Self {
        Self { held: Arc::new(Mutex::new(Some(held))), engine, around, marks: Arc::default() }
    }

    pub(super) async fn end_read(&self) {
        if let Some(Held::Transaction(snapshot)) = self.held.lock().await.take() {
            // Nothing was written; if this fails the pool drops the connection.
            let _ = snapshot.rollback().await;
        }
    }

    /// The engine that holds the store.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// How many statements it has run: what something costs, whatever the machine.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.marks.statements.load(Ordering::Relaxed)
    }

    fn mark<T>(&self, result: Result<T>) -> Result<T> {
        self.marks.statements.fetch_add(1, Ordering::Relaxed);
        if let Err(Error::Database(e)) = &result {
            let code = e.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
            // Only the first counts: the others follow from it.
            let _ = self.marks.broken.set(code.into_owned());
        }
        result
    }

    /// The business clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.around.clock
    }

    /// What seals personal values in the ledger; none in tests and simulations.
    pub(crate) fn master(&self) -> Option<&Master> {
        self.around.master.get()
    }

    /// Now, in business time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.around.clock.now()
    }

    /// All rows.
    ///
    /// # Errors
    /// The database's error.
    pub async fn all(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Vec<Row>> {
        let mut held = self.held.lock().await;
        let done = match held.as_mut().ok_or_else(ended)?.runs() {
            Runs::Sqlx(conn) => all(conn, sql, args).await,
            Runs::Native(conn) => conn.all(sql.into_sql_str().as_str(), &args),
        };
        self.mark(done)
    }

    /// Hands the rows of a query to `f` one after the other, without holding them all.
    ///
    /// # Errors
    /// The database's error, or what `f` returned.
    pub async fn each(
        &self,
        sql: impl sqlx::SqlSafeStr + Send,
        mut f: impl FnMut(&Row) -> Result<()> + Send,
    ) -> Result<()> {
        use futures_util::TryStreamExt as _;
        let mut held = self.held.lock().await;
        match held.as_mut().ok_or_else(ended)?.runs() {
            Runs::Sqlx(conn) => {
                let mut rows = bind(sql, Vec::new())?.fetch(conn);
                while let Some(row) = self.mark(rows.try_next().await.map_err(Error::from))? {
                    f(&Row::any(row))?;
                }
                Ok(())
            }
            Runs::Native(conn) => conn.each(sql.into_sql_str().as_str(), &[], f),
        }
    }

    /// The first row, if any.
    ///
    /// # Errors
    /// The database's error.
    pub async fn opt(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// The database's error, also when there is no row.
    pub async fn one(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Row> {
        self.opt(sql, args).await?.ok_or(Error::Database(sqlx::Error::RowNotFound))
    }
}

impl Tx {
    pub(super) fn new(held: Held, engine: Engine, around: Around) -> Self {
        Self(Conn::new(held, engine, around))
    }

    /// Takes the connection back; every later use of this transaction fails.
    pub(super) fn take(&self) -> Option<Held> {
        self.0.held.try_lock().ok()?.take()
    }

    /// Says where what this transaction records came from; the first to say so is right.
    pub fn came_from(&self, source: Source) {
        let _ = self.0.marks.source.set(source);
    }

    /// Where it came from, when that was said.
    pub(crate) fn source(&self) -> Option<&Source> {
        self.0.marks.source.get()
    }

    /// Remembers that a change was published.
    pub(super) fn published(&self) {
        self.0.marks.published.store(true, Ordering::SeqCst);
    }

    /// Whether a change was published, and the engine's code of the first statement that failed.
    pub(super) fn outcome(&self) -> (bool, Option<String>) {
        (self.0.marks.published.load(Ordering::SeqCst), self.0.marks.broken.get().cloned())
    }

    /// Runs a statement and gives the number of rows it changed.
    ///
    /// # Errors
    /// The database's error.
    pub async fn exec(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<u64> {
        let mut held = self.0.held.lock().await;
        let done = match held.as_mut().ok_or_else(ended)?.runs() {
            Runs::Sqlx(conn) => exec(conn, sql, args).await,
            Runs::Native(conn) => conn.exec(sql.into_sql_str().as_str(), &args),
        };
        self.mark(done)
    }
}

fn ended() -> Error {
    Error::invalid("the transaction has ended")
}

/// Ends a transaction whose user went away before its end, also when a copy of its [`Conn`] was kept.
pub(super) struct Ended(pub(super) Conn);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Ok(mut held) = self.0.held.try_lock() {
            drop(held.take());
        }
    }
}
