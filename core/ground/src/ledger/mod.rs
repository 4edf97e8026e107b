//! The ledger: append-only records. Status tables are projections, written only by [`Projection::apply`].
//!
//! A record carries its subject (for example `assignment/3f…`) and the subject's version, counted from 1 without gaps.
//! Appending and applying happen in the caller's transaction, so the status tables can never disagree with the ledger.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Db, Error, Instant, Result, Row, Tx, args};

/// The most bytes that one record may have, as stored: C2SP tlog-tiles gives an entry a 16-bit length.
pub const MAX_RECORD_BYTES: usize = 65_535;

/// One record, as read from the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The record's id (UUID).
    pub id: String,
    /// What it is about: `<kind of subject>/<id>`.
    pub subject: String,
    /// The subject's version, from 1.
    pub version: i64,
    /// What happened, for example `assigned`.
    pub kind: String,
    /// When, in business time.
    pub at: Instant,
    /// Who did it: `person/<id>`, `rule/<id>` or `operator`.
    pub actor: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The particulars; their shape belongs to the subject's projection.
    pub data: Json,
}

/// A record that is about to be appended.
#[derive(Clone, Debug)]
pub struct Entry {
    /// See [`Record::subject`].
    pub subject: String,
    /// See [`Record::kind`].
    pub kind: &'static str,
    /// See [`Record::actor`].
    pub actor: String,
    /// See [`Record::reason`].
    pub reason: String,
    /// See [`Record::data`].
    pub data: Json,
}

/// Status tables that follow from records of one kind of subject.
#[async_trait]
pub trait Projection: Send + Sync {
    /// The kind of subject: the part of [`Record::subject`] before the slash.
    fn subject(&self) -> &'static str;
    /// The status tables that [`apply`](Self::apply) writes and nobody else.
    fn tables(&self) -> &'static [&'static str];
    /// Brings the status tables from the subject's version before this record to this record.
    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()>;
}

/// The ledger with its projections.
#[derive(Default)]
pub struct Ledger {
    projections: Vec<Box<dyn Projection>>,
    unrecorded: bool,
}

impl Ledger {
    /// A ledger with these projections, one for each kind of subject.
    #[must_use]
    pub fn new(projections: Vec<Box<dyn Projection>>) -> Self {
        Self { projections, unrecorded: false }
    }

    /// The same ledger for a simulation: records are applied as ever and not kept, so there is no evidence of what never
    /// happened. Their versions are 0, and [`rebuild`](Self::rebuild) has nothing to build from.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self { unrecorded: true, ..self }
    }

    fn projection(&self, subject: &str) -> Result<&dyn Projection> {
        let kind = subject.split('/').next().unwrap_or_default();
        self.projections
            .iter()
            .find(|p| p.subject() == kind)
            .map(AsRef::as_ref)
            .ok_or_else(|| Error::invalid(format!("no projection knows ledger subjects of kind '{kind}'")))
    }

    /// Appends a record and applies it.
    ///
    /// # Errors
    /// When the record is too large, its kind of subject is unknown, or the projection refuses it.
    pub async fn append(&self, tx: &Tx, entry: Entry) -> Result<Record> {
        let version = if self.unrecorded {
            0
        } else {
            let last = tx
                .one(
                    "SELECT COALESCE(MAX(version), 0) AS version FROM ledger_record WHERE subject = $1",
                    args![&entry.subject],
                )
                .await?;
            last.get::<i64>("version")? + 1
        };
        let record = Record {
            id: tx.clock().id().to_string(),
            version,
            at: tx.now(),
            subject: entry.subject,
            kind: entry.kind.to_owned(),
            actor: entry.actor,
            reason: entry.reason,
            data: entry.data,
        };
        let projection = self.projection(&record.subject)?;
        if self.unrecorded {
            projection.apply(tx, &record).await?;
            return Ok(record);
        }
        let body = serde_json::to_string(&record)?;
        if body.len() > MAX_RECORD_BYTES {
            return Err(Error::invalid(format!(
                "a ledger record has at most {MAX_RECORD_BYTES} bytes; store the content and record its hash"
            )));
        }
        let position = tx.publish("ledger", &record.id).await?;
        tx.exec(
            "INSERT INTO ledger_record (id, position, subject, version, kind, at, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![&record.id, position, &record.subject, record.version, &record.kind, record.at, body],
        )
        .await?;
        projection.apply(tx, &record).await?;
        Ok(record)
    }

    /// Empties all status tables and applies every record again, in order. Gives the number of records.
    ///
    /// # Errors
    /// When a subject's versions have a gap, or a projection refuses a record; nothing is changed then.
    pub async fn rebuild(&self, db: &Db) -> Result<usize> {
        db.write(|tx| async move {
            for table in self.projections.iter().flat_map(|p| p.tables()) {
                // Table names are constants of this program.
                tx.exec(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")), args![]).await?;
            }
            let mut versions = std::collections::HashMap::<String, i64>::new();
            let (mut position, mut count) = (0i64, 0);
            loop {
                let rows = tx
                    .all(
                        "SELECT position, body FROM ledger_record WHERE position > $1 ORDER BY position LIMIT 500",
                        args![position],
                    )
                    .await?;
                if rows.is_empty() {
                    return Ok(count);
                }
                for row in &rows {
                    position = row.get("position")?;
                    let record = read(row)?;
                    let version = versions.entry(record.subject.clone()).or_default();
                    *version += 1;
                    if *version != record.version {
                        return Err(Error::Conflict(format!(
                            "the ledger has a gap: {} should have version {version}, found {}",
                            record.subject, record.version
                        )));
                    }
                    self.projection(&record.subject)?.apply(&tx, &record).await?;
                    count += 1;
                }
            }
        })
        .await
    }
}

fn read(row: &Row) -> Result<Record> {
    Ok(serde_json::from_str(&row.get::<String>("body")?)?)
}

/// All records of a subject, oldest first.
///
/// # Errors
/// The database's error.
pub async fn of_subject(conn: &crate::Conn, subject: &str) -> Result<Vec<Record>> {
    let rows = conn.all("SELECT body FROM ledger_record WHERE subject = $1 ORDER BY version", args![subject]).await?;
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;
    use serde_json::json;

    struct Counter;

    #[async_trait]
    impl Projection for Counter {
        fn subject(&self) -> &'static str {
            "counter"
        }
        fn tables(&self) -> &'static [&'static str] {
            &["counter_status"]
        }
        async fn apply(&self, tx: &Tx, r: &Record) -> Result<()> {
            if r.kind == "refused" {
                return Err(Error::invalid("no"));
            }
            tx.exec(
                "INSERT INTO counter_status (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = counter_status.n + excluded.n",
                args![&r.subject, r.data["by"].as_i64().unwrap_or(0)],
            )
            .await?;
            Ok(())
        }
    }

    fn entry(kind: &'static str, by: i64) -> Entry {
        Entry {
            subject: "counter/a".into(),
            kind,
            actor: "operator".into(),
            reason: "a test".into(),
            data: json!({ "by": by }),
        }
    }

    #[tokio::test]
    async fn rebuilding_gives_the_same_state_and_refused_records_leave_nothing() {
        let (db, _dir) = store().await;
        db.write(
            |tx| async move { tx.exec("CREATE TABLE counter_status (id TEXT PRIMARY KEY, n BIGINT)", args![]).await },
        )
        .await
        .unwrap();
        let ledger = Ledger::new(vec![Box::new(Counter)]);
        let ledger = &ledger;
        for by in 1..=4 {
            let r = db.write(|tx| async move { ledger.append(&tx, entry("added", by)).await }).await.unwrap();
            assert_eq!(r.version, by);
        }
        assert!(db.write(|tx| async move { ledger.append(&tx, entry("refused", 9)).await }).await.is_err());
        let n = || async {
            db.opt("SELECT n FROM counter_status", args![]).await.unwrap().unwrap().get::<i64>("n").unwrap()
        };
        assert_eq!(n().await, 10);
        db.write(|tx| async move { tx.exec("UPDATE counter_status SET n = 77", args![]).await }).await.unwrap();
        assert_eq!(ledger.rebuild(&db).await.unwrap(), 4);
        assert_eq!(n().await, 10);
    }

    #[tokio::test]
    async fn the_database_refuses_to_change_or_delete_a_record() {
        let (db, _dir) = store().await;
        db.write(
            |tx| async move { tx.exec("CREATE TABLE counter_status (id TEXT PRIMARY KEY, n BIGINT)", args![]).await },
        )
        .await
        .unwrap();
        let ledger = Ledger::new(vec![Box::new(Counter)]);
        let ledger = &ledger;
        db.write(|tx| async move { ledger.append(&tx, entry("added", 1)).await }).await.unwrap();
        for sql in ["UPDATE ledger_record SET kind = 'x'", "DELETE FROM ledger_record"] {
            assert!(db.write(|tx| async move { tx.exec(sql, args![]).await }).await.is_err(), "{sql}");
        }
    }
}
