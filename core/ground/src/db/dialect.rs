//! The few things in which the engines differ.

use super::rows::tuples;
use super::{Bind, Conn, Tx};
use crate::clock::machine;
use crate::{Instant, Result, args};

/// PostgreSQL's time in microseconds, as an expression.
macro_rules! now {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    };
}

/// Which database holds the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one writing process at a time.
    Sqlite,
    /// A server, with several replicas of Stoa on it.
    Postgres,
}

impl Engine {
    /// The engine of a database URL.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once("://")?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// The end of a `SELECT` that claims rows: rows that another transaction has locked are left out.
    #[must_use]
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

impl Conn {
    /// The time that leases and retries are counted in: the database's on PostgreSQL, so that all replicas agree; the
    /// machine's on SQLite. Never business time.
    ///
    /// # Errors
    /// The database's error.
    pub async fn lease_time(&self) -> Result<Instant> {
        match self.engine() {
            Engine::Sqlite => Ok(machine()),
            Engine::Postgres => self.one(NOW, args![]).await?.get("now"),
        }
    }
}

/// The database's time on PostgreSQL, as microseconds.
pub(super) const NOW: &str = concat!("SELECT ", now!(), " AS now");

impl Tx {
    /// Waits until no other transaction holds the lock of this name, and holds it until this one ends. On SQLite a write
    /// transaction is alone anyway.
    ///
    /// # Errors
    /// The database's error.
    pub async fn lock(&self, name: &str) -> Result<()> {
        if self.engine() == Engine::Postgres {
            self.all("SELECT 1 AS locked FROM pg_advisory_xact_lock(hashtextextended($1, 0))", args![name]).await?;
        }
        Ok(())
    }

    /// Takes the lock of this name until the transaction ends; `false` when another transaction holds it.
    ///
    /// # Errors
    /// The database's error.
    pub async fn try_lock(&self, name: &str) -> Result<bool> {
        Ok(self.try_locks(&[name.to_owned()]).await?.1.len() == 1)
    }

    /// As [`Tx::try_lock`] for several names, at most some hundred: gives the time that leases are counted in, and those of
    /// the names whose locks it has.
    ///
    /// # Errors
    /// The database's error.
    pub async fn try_locks(&self, names: &[String]) -> Result<(Instant, Vec<String>)> {
        if self.engine() == Engine::Sqlite {
            return Ok((machine(), names.to_vec()));
        }
        let given = tuples(names.len(), 1);
        let sql = format!(
            "SELECT name, {} AS now, CASE WHEN pg_try_advisory_xact_lock(hashtextextended(name, 0)) THEN 1 ELSE 0 END AS mine
             FROM (VALUES {given}) AS given (name)",
            now!()
        );
        let (mut now, mut mine) = (Instant(0), Vec::with_capacity(names.len()));
        for row in self.all(sqlx::AssertSqlSafe(sql), names.iter().map(Bind::value).collect()).await? {
            now = row.get("now")?;
            if row.get::<i64>("mine")? == 1 {
                mine.push(row.get("name")?);
            }
        }
        Ok((now, mine))
    }
}
