//! The store: one way to write ([`Db::write`]), readers, migrations, and the change feed, on two engines.
//!
//! `write` takes a closure that may run again, and returns after the commit. No write awaits anything but SQL.

mod answer;
mod checkpoint;
mod conn;
mod dialect;
mod feed;
mod migrate;
mod native;
mod postgres;
mod readers;
mod rows;
mod savepoints;
mod single;
mod sqlite;
pub mod tables;
mod value;
mod waiting;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

pub use answer::{Column, Row};
pub use conn::{Conn, Tx};
pub use dialect::Engine;
pub use feed::Change;
pub use migrate::{known as known_schema, schema_digest};
pub(crate) use rows::CHUNK;
pub use tables::{Keep, Kind, TABLES};
pub use value::{Bind, Value};

use crate::clock::Clock;
use crate::{Error, Instant, Result, args};
use conn::{Around, Held};
use postgres::{Isolation, Postgres};
use single::Single;
use sqlite::Sqlite;

/// The newest committed position of the change feed that this process knows of.
type Committed = watch::Sender<i64>;

/// How long a transaction of bulk work takes before it leaves the rest to the next one while somebody else waits to write;
/// the last thing in it may make it longer. The rule for all transactions is 50 ms.
pub const BULK: std::time::Duration = std::time::Duration::from_millis(4);

/// As [`BULK`], while nobody waits: a commit waits for the disk about as long as a short transaction takes.
const ALONE: std::time::Duration = std::time::Duration::from_millis(24);

/// The gap between two transactions of bulk work on SQLite. Who waits in another process looks every millisecond.
const GAP: std::time::Duration = std::time::Duration::from_millis(4);

/// What a SQLite store that must not lose anything is opened with.
const DURABLE: &[&str] = &["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", CACHE];

/// What a SQLite store is opened with that is thrown away, or written again, after a crash.
const SCRATCH: &[&str] = &["PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", "PRAGMA foreign_keys=ON", CACHE];

/// Of the file, the writer keeps 8 MiB in memory, once it has touched that much.
const CACHE: &str = "PRAGMA cache_size=-8192";

/// A special way to open a store.
pub struct Opening {
    /// The schema to migrate to, where it is not the newest.
    schema: Option<i64>,
    /// A restore fills it, and until that is done nobody else opens it. It must be empty.
    restoring: bool,
    pragmas: &'static [&'static str],
}

impl Default for Opening {
    fn default() -> Self {
        Self { schema: None, restoring: false, pragmas: DURABLE }
    }
}

impl Opening {
    /// A store of an earlier schema, as an earlier program left it.
    #[must_use]
    pub fn of_schema(schema: i64) -> Self {
        Self { schema: Some(schema), restoring: false, pragmas: DURABLE }
    }

    /// A store of this schema that a restore fills, and that nobody else opens until that is done. It must be empty.
    #[must_use]
    pub fn restoring(schema: i64) -> Self {
        Self { schema: Some(schema), restoring: true, pragmas: DURABLE }
    }

    /// A file of this schema that is thrown away, or written again, after a crash: commits wait for no disk.
    #[must_use]
    pub fn scratch(schema: i64) -> Self {
        Self { schema: Some(schema), restoring: false, pragmas: SCRATCH }
    }
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    around: Around,
    store: Store,
    head: Committed,
}

enum Store {
    Sqlite(Box<Sqlite>),
    Single(Single),
    Postgres(Postgres),
}

impl Db {
    /// Opens the store, creates it when it does not exist, and brings its schema up to date.
    ///
    /// `url` is `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// When the file cannot be opened or written, the server cannot be reached, or the store was written by a newer
    /// program ([`Error::NewerSchema`]).
    pub async fn open(url: &str, clock: Clock) -> Result<Self> {
        Self::open_as(url, clock, Opening::default()).await
    }

    /// Opens the store, in a special way.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn open_as(url: &str, clock: Clock, how: Opening) -> Result<Self> {
        let db = Self::connect(url, clock, "rwc", how.pragmas).await?;
        db.migrate_to(how.schema.unwrap_or_else(migrate::known), how.restoring).await?;
        if !how.restoring {
            db.check_whole().await?;
        }
        if let Store::Sqlite(sqlite) = &db.0.store {
            sqlite.opened().await?;
        }
        let head = db.committed_position().await?;
        db.0.head.send_replace(head);
        match &db.0.store {
            Store::Sqlite(_) => drop(tokio::spawn(sqlite::commit_loop(Arc::downgrade(&db.0)))),
            Store::Single(_) => {}
            Store::Postgres(_) => drop(tokio::spawn(postgres::sequence_loop(Arc::downgrade(&db.0)))),
        }
        Ok(db)
    }

    /// Makes the store of one command in a file that nobody else opens and that is deleted at its end: one connection for
    /// everybody, which sees what is not committed, and no commit that anybody waits for. It is always SQLite.
    ///
    /// A reader must not read again inside of [`Db::read`], because there is one connection.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub async fn single(path: &std::path::Path, clock: Clock) -> Result<Self> {
        let url = format!("sqlite://{}", path.display());
        Self::open_as(&url, clock.clone(), Opening::scratch(known_schema())).await?.close().await;
        let single = Single::open(&path.display().to_string())?;
        Ok(Self(Arc::new(Inner {
            around: Around::new(clock),
            store: Store::Single(single),
            head: watch::channel(0).0,
        })))
    }

    /// Opens an existing store for reading; on SQLite [`Db::write`] on it fails.
    ///
    /// # Errors
    /// When there is no store, or its schema is not this program's.
    pub async fn open_read_only(url: &str, clock: Clock) -> Result<Self> {
        let db = Self::connect(url, clock, "ro", DURABLE).await?;
        db.check_schema().await?;
        Ok(db)
    }

    /// Opens a store for reading whatever its schema is, to find out what it is; none when there is no store.
    ///
    /// # Errors
    /// When it cannot be opened, for example because the server cannot be reached.
    pub async fn peek(url: &str) -> Result<Option<Self>> {
        if url.strip_prefix("sqlite://").is_some_and(|path| !std::path::Path::new(path).exists()) {
            return Ok(None);
        }
        let db = Self::connect(url, Clock::system(), "ro", DURABLE).await?;
        let names = db.read(|conn| async move { tables::names(&conn).await }).await?;
        Ok(names.iter().any(|name| name == "schema_migration").then_some(db))
    }

    async fn connect(url: &str, clock: Clock, mode: &str, pragmas: &'static [&'static str]) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let store = match Engine::of(url) {
            Some(Engine::Sqlite) => {
                let path = url.trim_start_matches("sqlite://");
                Store::Sqlite(Box::new(sqlite::connect(path, mode, pragmas).await?))
            }
            Some(Engine::Postgres) => Store::Postgres(postgres::connect(url).await?),
            None => {
                return Err(Error::invalid(format!(
                    "[database] url must start with sqlite:// or postgres://, found '{}'",
                    url.split(':').next().unwrap_or_default()
                )));
            }
        };
        Ok(Self(Arc::new(Inner { around: Around::new(clock), store, head: watch::channel(0).0 })))
    }

    /// The business clock of this store.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.around.clock
    }

    /// From now on personal values in the ledger are sealed under this key. It can be said once.
    pub fn seal_with(&self, master: crate::ledger::Master) {
        // Whoever says it twice says the same: it comes from the configuration.
        let _ = self.0.around.master.set(master);
    }

    /// The engine that holds the store.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.0.store {
            Store::Sqlite(_) | Store::Single(_) => Engine::Sqlite,
            Store::Postgres(_) => Engine::Postgres,
        }
    }

    /// How durable a commit is, as the engine says it: its settings by name.
    ///
    /// # Errors
    /// The database's error.
    pub async fn durability(&self) -> Result<String> {
        let (names, key): (&[&str], _) = match self.engine() {
            Engine::Sqlite => (&["journal_mode", "synchronous"], "PRAGMA "),
            Engine::Postgres => (&["fsync", "synchronous_commit", "full_page_writes"], "SHOW "),
        };
        let mut settings = Vec::new();
        for name in names {
            // Of the writer: readers have settings of their own.
            let sql = format!("{key}{name}");
            let text = match &self.0.store {
                Store::Sqlite(sqlite) => {
                    let asked = sqlite.ask(&sql).await?.as_ref().map(Row::first_text);
                    // Where nobody writes: as a writer is opened.
                    Some(asked.unwrap_or_else(|| if *name == "synchronous" { "2".into() } else { "wal".into() }))
                }
                Store::Single(_) | Store::Postgres(_) => {
                    self.opt(sqlx::AssertSqlSafe(sql), args![]).await?.as_ref().map(Row::first_text)
                }
            };
            settings.push(format!("{name}={}", text.unwrap_or_default()));
        }
        Ok(settings.join(" "))
    }

    /// The time that leases and retries are counted in; see [`Conn::lease_time`].
    ///
    /// # Errors
    /// The database's error.
    pub async fn lease_time(&self) -> Result<Instant> {
        match self.engine() {
            Engine::Sqlite => Ok(crate::clock::machine()),
            Engine::Postgres => match self.opt(dialect::NOW, args![]).await? {
                Some(row) => row.get("now"),
                None => Err(Error::Database(sqlx::Error::RowNotFound)),
            },
        }
    }

    /// Runs `f` in a write transaction and returns after the commit. `f` may run again; an error rolls it back alone.
    ///
    /// `f` must await nothing but SQL on the given [`Tx`], and take less than 50 ms. It sees the store as if no other
    /// write ran at the same time, on both engines.
    ///
    /// # Errors
    /// What `f` returned, or the database's error.
    pub async fn write<T, F, Fut>(&self, f: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        match &self.0.store {
            Store::Sqlite(sqlite) => sqlite.write(&self.0.around, &f).await,
            Store::Single(single) => single.write(&self.0.around, &f).await,
            Store::Postgres(postgres) => postgres.write(&self.0.around, Isolation::Serializable, &f).await,
        }
    }

    /// As [`Db::write`], for the hot writes whose correctness rests on keys, row conditions and [`Tx::lock`] alone: on
    /// PostgreSQL other writes may commit between two statements of `f`.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_by_key<T, F, Fut>(&self, f: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        match &self.0.store {
            Store::Sqlite(sqlite) => sqlite.write(&self.0.around, &f).await,
            Store::Single(single) => single.write(&self.0.around, &f).await,
            Store::Postgres(postgres) => postgres.write(&self.0.around, Isolation::ReadCommitted, &f).await,
        }
    }

    /// As [`Db::write_by_key`] for a single statement whose conditions say all: on PostgreSQL it is its own transaction,
    /// one way there and back instead of three. Gives the number of rows that it changed.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_one(&self, sql: &'static str, args: Vec<Value>) -> Result<u64> {
        if let Store::Postgres(postgres) = &self.0.store {
            return postgres.write_one(sql, &args).await;
        }
        let args = &args;
        self.write_by_key(|tx| async move { tx.exec(sql, args.clone()).await }).await
    }

    /// Does `f` for each of many things, as many in one transaction as it takes to fill 4 ms ([`BULK`]), so that writes
    /// of others pass in between; on SQLite, where it is known that nobody waits to write, 24 ms. Gives what `f` gave, in
    /// the order of the things. What was done before an error stays.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_each<'a, I, T, F, Fut>(&self, things: &'a [I], f: F) -> Result<Vec<T>>
    where
        I: Sync,
        F: Fn(Tx, &'a I) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let (mut all, f) = (Vec::with_capacity(things.len()), &f);
        while let Some(rest) = things.get(all.len()..).filter(|rest| !rest.is_empty()) {
            let some = self.write(|tx| async move {
                let (started, mut some) = (crate::clock::monotonic(), Vec::new());
                for thing in rest {
                    some.push(f(tx.clone(), thing).await?);
                    let took = started.elapsed();
                    if took >= ALONE || took >= BULK && self.is_waited_for() {
                        break;
                    }
                }
                Ok(some)
            });
            all.extend(some.await?);
            if let Store::Sqlite(sqlite) = &self.0.store
                && all.len() < things.len()
                && sqlite.waiting.elsewhere()
            {
                // Another process has a gap in which to write; in this one they have their turn anyway.
                tokio::time::sleep(GAP).await;
            }
        }
        Ok(all)
    }

    /// Whether somebody waits to write, as far as that is known.
    fn is_waited_for(&self) -> bool {
        match &self.0.store {
            Store::Sqlite(sqlite) => sqlite.waiting.here() || sqlite.waiting.elsewhere(),
            Store::Single(_) => false,
            // What meets there is repeated: short transactions meet less.
            Store::Postgres(_) => true,
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
        let snapshot = match &self.0.store {
            Store::Single(single) => return single.read(&self.0.around, f).await,
            Store::Sqlite(sqlite) => return sqlite.readers.read(&self.0.around, f).await,
            Store::Postgres(postgres) => postgres.snapshot().await?,
        };
        let conn = Conn::new(Held::Transaction(snapshot), self.engine(), self.0.around.clone());
        // A caller that goes away must not leave its snapshot to the next user of the connection.
        let guard = conn::Ended(conn.clone());
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
        match &self.0.store {
            Store::Single(single) => single.all(sql.into_sql_str().as_str(), &args).await,
            Store::Sqlite(sqlite) => sqlite.readers.all(sql.into_sql_str().as_str(), &args).await,
            Store::Postgres(postgres) => {
                let mut conn = postgres.readers.acquire().await?;
                conn::all(&mut conn, sql, args).await
            }
        }
    }

    /// The first row of one query, if any.
    ///
    /// # Errors
    /// The database's error.
    pub async fn opt(&self, sql: impl sqlx::SqlSafeStr + Send, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Gives every committed change its position, as the sequencer does. For a store that nobody else uses.
    ///
    /// # Errors
    /// The database's error.
    pub async fn number_all(&self) -> Result<()> {
        loop {
            let (count, head) = self.write_by_key(|tx| async move { feed::number(&tx, 2000).await }).await?;
            self.0.head.send_if_modified(|h| std::mem::replace(h, head.max(*h)) < head);
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Commits what is left and closes the store.
    pub async fn close(&self) {
        match &self.0.store {
            Store::Sqlite(sqlite) => sqlite.close(&self.0.head).await,
            Store::Single(single) => single.close().await,
            Store::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// The longest write transaction of this process since the last look, in microseconds.
static LONGEST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// How long a write transaction held the writer or its locks: the rule is less than 50 ms.
fn measure(started: std::time::Instant) {
    let took = started.elapsed();
    metrics::histogram!("stoa_db_write_seconds").record(took.as_secs_f64());
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    LONGEST.fetch_max(micros, std::sync::atomic::Ordering::Relaxed);
}

/// The longest write transaction of this process since this was asked for the last time: for measurements.
pub fn longest_write() -> std::time::Duration {
    std::time::Duration::from_micros(LONGEST.swap(0, std::sync::atomic::Ordering::Relaxed))
}

#[cfg(test)]
mod tests;
