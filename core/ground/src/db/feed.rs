//! The change feed: what changed, in commit order. The index, forwarders and caches follow it from a position they keep.

use tokio::sync::watch;

use super::native::Native;
use super::rows::tuples;
use super::{CHUNK, Db, Engine, Tx, Value};
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

/// The columns that hold positions of changes of a topic. While a change has no position they hold the negative of its
/// number, and the sequencer puts the position in their place.
const POSITIONS: &[(&str, &[(&str, &str)])] = &[
    ("ledger", &[("ledger_record", "position")]),
    (
        "statement",
        &[
            ("statement", "position"),
            ("statement_agent", "position"),
            ("statement_activity", "position"),
            ("statement_target", "position"),
        ],
    ),
    ("web", &[("web_message", "revision")]),
];

impl Tx {
    /// Announces a change; it becomes visible with this transaction's commit. Gives the position, or as long as it has
    /// none (PostgreSQL, where the order of commits is not known before the commit) a negative number in its place.
    ///
    /// # Errors
    /// The database's error.
    pub async fn publish(&self, topic: &'static str, key: &str) -> Result<i64> {
        self.published();
        let sql = match self.engine() {
            Engine::Sqlite => {
                "INSERT INTO change (position, topic, key, at)
                 VALUES ((SELECT COALESCE(MAX(position), 0) + 1 FROM change), $1, $2, $3) RETURNING position"
            }
            Engine::Postgres => "INSERT INTO change (topic, key, at) VALUES ($1, $2, $3) RETURNING -number AS position",
        };
        self.one(sql, args![topic, key, self.now()]).await?.get("position")
    }
}

impl Tx {
    /// As [`publish`](Self::publish) for several things at once, in their order.
    ///
    /// # Errors
    /// The database's error.
    pub async fn publish_all(&self, topic: &'static str, keys: &[&str]) -> Result<Vec<i64>> {
        if let [key] = keys {
            return Ok(vec![self.publish(topic, key).await?]);
        }
        let mut positions = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK) {
            self.published();
            match self.engine() {
                Engine::Sqlite => {
                    let last = self.one("SELECT COALESCE(MAX(position), 0) AS last FROM change", args![]).await?;
                    let last: i64 = last.get("last")?;
                    let given: Vec<i64> = (last + 1..).take(chunk.len()).collect();
                    let values: Vec<Vec<Value>> =
                        given.iter().zip(chunk).map(|(at, key)| args![*at, topic, *key, self.now()]).collect();
                    self.insert_rows("change", &["position", "topic", "key", "at"], values).await?;
                    positions.extend(given);
                }
                Engine::Postgres => {
                    let sql = format!(
                        "INSERT INTO change (topic, key, at) VALUES {} RETURNING -number AS position",
                        tuples(chunk.len(), 3)
                    );
                    let values: Vec<Value> = chunk.iter().flat_map(|key| args![topic, *key, self.now()]).collect();
                    let mut given = Vec::with_capacity(chunk.len());
                    for row in self.all(sqlx::AssertSqlSafe(sql), values).await? {
                        given.push(row.get::<i64>("position")?);
                    }
                    // Numbers rise in the order of the rows, and these are their negatives.
                    given.sort_unstable_by_key(|position| -position);
                    positions.extend(given);
                }
            }
        }
        Ok(positions)
    }
}

/// Gives positions to at most `limit` committed changes that have none, in the order of their numbers. Gives how many,
/// and the newest position.
pub(super) async fn number(tx: &Tx, limit: usize) -> Result<(usize, i64)> {
    let rows = tx
        .all(
            "WITH fresh AS (
               SELECT number, row_number() OVER (ORDER BY number) AS n FROM
               (SELECT number FROM change WHERE position IS NULL ORDER BY number LIMIT $1) AS unnumbered),
             top AS (SELECT COALESCE(MAX(position), 0) AS position FROM change)
             UPDATE change SET position = top.position + fresh.n FROM fresh, top WHERE change.number = fresh.number AND change.position IS NULL
             RETURNING change.topic, change.position",
            args![limit],
        )
        .await?;
    let mut topics = std::collections::BTreeSet::<String>::new();
    let mut head = 0;
    for row in &rows {
        topics.insert(row.get("topic")?);
        head = row.get::<i64>("position")?.max(head);
    }
    for (table, column) in POSITIONS.iter().filter(|(t, _)| topics.contains(*t)).flat_map(|(_, columns)| *columns) {
        // Names of tables and columns are constants of this program.
        let sql = format!(
            "UPDATE {table} SET {column} = c.position FROM change c
             WHERE {table}.{column} < 0 AND c.number = -{table}.{column} AND c.position IS NOT NULL"
        );
        tx.exec(sqlx::AssertSqlSafe(sql), args![]).await?;
    }
    if topics.contains("statement") {
        tx.exec(crate::xapi::STAMP, args![tx.now()]).await?;
    }
    if head == 0 {
        let row = tx.one("SELECT COALESCE(MAX(position), 0) AS position FROM change", args![]).await?;
        head = row.get("position")?;
    }
    Ok((rows.len(), head))
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

pub(super) fn newest(conn: &Native) -> Result<i64> {
    let rows = conn.all("SELECT COALESCE(MAX(position), 0) AS position FROM change", &[])?;
    rows.first().map_or(Ok(0), |r| r.get("position"))
}
