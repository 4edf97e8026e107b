//! The few things in which the engines differ.

use super::{Conn, Tx};
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

    /// The end of a `SELECT` whose rows the transaction goes on to change: nobody else changes them meanwhile.
    #[must_use]
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
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
        Ok(self.try_lock_at(name).await?.is_some())
    }

    /// As [`Tx::try_lock`]; gives the time that leases are counted in when it has the lock.
    ///
    /// # Errors
    /// The database's error.
    pub async fn try_lock_at(&self, name: &str) -> Result<Option<Instant>> {
        if self.engine() == Engine::Sqlite {
            return Ok(Some(machine()));
        }
        let sql =
            concat!("SELECT CASE WHEN pg_try_advisory_xact_lock(hashtextextended($1, 0)) THEN ", now!(), " END AS now");
        self.one(sql, args![name]).await?.get("now")
    }
}
