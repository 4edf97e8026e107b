//! The change feed: what changed, in commit order. The index, forwarders and caches follow it from a position they keep.

use sqlx::AnyConnection;
use tokio::sync::watch;

use super::{Db, Tx, conn};
use crate::{Result, args};

/// One change: something with this `key` under this `topic` is new or different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in commit order, counted from 1.
    pub position: i64,
    /// What kind of thing changed, for example `document`.
    pub topic: String,
    /// Which one.
    pub key: String,
}

impl Tx {
    /// Announces a change; it becomes visible with this transaction's commit. Gives the position.
    ///
    /// # Errors
    /// The database's error.
    pub async fn publish(&self, topic: &'static str, key: &str) -> Result<i64> {
        let row = self
            .one(
                "INSERT INTO change (position, topic, key, at)
                 SELECT COALESCE(MAX(position), 0) + 1, $1, $2, $3 FROM change RETURNING position",
                args![topic, key, self.now()],
            )
            .await?;
        row.get("position")
    }
}

impl Db {
    /// Changes after a position, oldest first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>> {
        let rows = self
            .all(
                "SELECT position, topic, key FROM change WHERE position > $1 ORDER BY position LIMIT $2",
                args![after, limit],
            )
            .await?;
        rows.iter()
            .map(|r| Ok(Change { position: r.get("position")?, topic: r.get("topic")?, key: r.get("key")? }))
            .collect()
    }

    /// The newest committed position, as the store has it (other processes write too).
    ///
    /// # Errors
    /// The database's error.
    pub async fn committed_position(&self) -> Result<i64> {
        let row = self.opt("SELECT COALESCE(MAX(position), 0) AS position FROM change", args![]).await?;
        row.map_or(Ok(0), |r| r.get("position"))
    }

    /// Wakes up whenever this process has committed something new. Changes by other processes need a poll.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.0.head.subscribe()
    }
}

pub(super) async fn newest(conn: &mut AnyConnection) -> Result<i64> {
    let rows = conn::all(conn, "SELECT COALESCE(MAX(position), 0) AS position FROM change", vec![]).await?;
    rows.first().map_or(Ok(0), |r| r.get("position"))
}
