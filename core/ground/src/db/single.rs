//! The store of one command: a SQLite file that is deleted at its end, one connection for everybody, on the caller's own
//! thread. The same SQL as everywhere, without a thread, a pool and a commit between it and its caller: a statement takes
//! about one microsecond instead of six. See docs/decisions/0007.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value as Plain, ValueRef};
use tokio::sync::Mutex;

use super::conn::{Around, Conn, Held, Tx};
use super::value::{Row, Value};
use super::{Engine, measure};
use crate::clock::monotonic;
use crate::{Error, Result};

/// What the file is opened with: a crash leaves nothing of use, and nobody waits for a disk.
const PRAGMAS: &str = "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;
    PRAGMA temp_store=MEMORY; PRAGMA cache_size=-262144;";

/// After so many writes it commits, so that the journal in memory stays small.
const KEPT: usize = 2_000;

/// How many statements stay prepared.
const PREPARED: usize = 512;

pub(super) struct Single(Mutex<Inner>);

/// A connection with the names of the columns that its queries give.
pub(super) struct Native {
    conn: rusqlite::Connection,
    shapes: RefCell<HashMap<String, Shape>>,
}

/// What a statement takes and gives; asked once, because SQLite looks for names each time.
#[derive(Clone)]
struct Shape {
    /// For each parameter, its number: `$2` may come first.
    parameters: Arc<[usize]>,
    columns: Arc<[String]>,
}

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
        let conn = rusqlite::Connection::open(path).map_err(failed)?;
        conn.execute_batch(PRAGMAS).map_err(failed)?;
        conn.set_prepared_statement_cache_capacity(PREPARED);
        let native = Native { conn, shapes: RefCell::default() };
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
        self.conn()?.conn.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(failed)?;
        Ok(())
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

impl Native {
    /// All rows of a query.
    pub(super) fn all(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.each(sql, args, |row| {
            rows.push(row.clone());
            Ok(())
        })?;
        Ok(rows)
    }

    /// Hands the rows of a query to `f` one after the other.
    pub(super) fn each(&self, sql: &str, args: &[Value], mut f: impl FnMut(&Row) -> Result<()>) -> Result<()> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let shape = self.shape_of(sql, &statement);
        bind(&mut statement, &shape, args)?;
        let names = shape.columns;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            let values = (0..names.len()).map(|n| Ok(value(row.get_ref(n).map_err(failed)?))).collect::<Result<_>>()?;
            f(&Row::plain(names.clone(), values))?;
        }
        Ok(())
    }

    fn shape_of(&self, sql: &str, statement: &rusqlite::Statement<'_>) -> Shape {
        let mut all = self.shapes.borrow_mut();
        if let Some(shape) = all.get(sql) {
            return shape.clone();
        }
        let number = |place: usize| {
            let named = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse::<usize>().ok());
            named.unwrap_or(place)
        };
        let shape = Shape {
            parameters: (1..=statement.parameter_count()).map(number).collect(),
            columns: statement.column_names().into_iter().map(str::to_owned).collect(),
        };
        all.insert(sql.to_owned(), shape.clone());
        shape
    }

    /// Runs a statement and gives the number of rows that it changed.
    pub(super) fn exec(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let shape = self.shape_of(sql, &statement);
        bind(&mut statement, &shape, args)?;
        let changed = statement.raw_execute().map_err(failed)?;
        Ok(u64::try_from(changed).unwrap_or(0))
    }
}

/// Binds `$1`, `$2` … by their numbers; SQLite itself takes them for names and counts in the order in which they come.
fn bind(statement: &mut rusqlite::Statement<'_>, shape: &Shape, args: &[Value]) -> Result<()> {
    for (place, number) in shape.parameters.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, Bound(args.get(number - 1))).map_err(failed)?;
    }
    Ok(())
}

struct Bound<'a>(Option<&'a Value>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Some(Value::Text(Some(v))) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Some(Value::Int(Some(v))) => ToSqlOutput::Owned(Plain::Integer(*v)),
            Some(Value::Real(Some(v))) => ToSqlOutput::Owned(Plain::Real(*v)),
            Some(Value::Bytes(Some(v))) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
            _ => ToSqlOutput::Owned(Plain::Null),
        })
    }
}

fn value(native: ValueRef<'_>) -> Value {
    match native {
        ValueRef::Null => Value::Text(None),
        ValueRef::Integer(v) => Value::Int(Some(v)),
        ValueRef::Real(v) => Value::Real(Some(v)),
        ValueRef::Text(v) => Value::Text(Some(String::from_utf8_lossy(v).into_owned())),
        ValueRef::Blob(v) => Value::Bytes(Some(v.to_vec())),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(e: rusqlite::Error) -> Error {
    Error::Database(sqlx::Error::Protocol(e.to_string()))
}
