//! Lawful erasure: values, salts and keys are destroyed, a tombstone stays, the log stays as it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use serde_json::json;

use super::read::{grouped, read};
use super::{Entry, Kept, Ledger, Projection, Record, opened};
use crate::backup::Forgotten;
use crate::{Conn, Error, Result, Tx, args};

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// Records whose values were destroyed.
    pub records: u64,
    /// People whose keys were destroyed, because nothing is sealed under them any more.
    pub keys: u64,
}

/// Subjects that one tombstone names.
const NAMED: usize = 200;

impl Ledger {
    /// Destroys the values of all records about these subjects, and the keys under which nothing is sealed any more; takes
    /// what follows from them out of the status tables; and appends a tombstone that names the subjects, of some of them the
    /// requirement, who asked and why. Bears repetition.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a record is of format 1, whose values stand in the log itself, or when such records cannot
    /// be erased; nothing is changed then.
    pub async fn erase(
        &self,
        tx: &Tx,
        subjects: &BTreeMap<String, Option<String>>,
        actor: &str,
        reason: &str,
    ) -> Result<Erased> {
        let mut done = Erased::default();
        let mut fresh = Vec::new();
        for (subject, requirement) in subjects {
            let old = "SELECT COUNT(*) AS n FROM ledger_record r WHERE r.subject = $1
                       AND NOT EXISTS (SELECT 1 FROM ledger_value v WHERE v.record = r.id)";
            if tx.one(old, args![subject]).await?.get::<i64>("n")? > 0 {
                return Err(Error::invalid(format!(
                    "{subject} has records of the first format, whose values are in the log itself: they cannot be erased"
                )));
            }
            let named = super::read::name_of(tx, subject).await?;
            let gone = tx
                .exec(
                    "UPDATE ledger_value SET body = NULL, erased = $2 WHERE erased IS NULL
                     AND record IN (SELECT id FROM ledger_record WHERE subject = $1)",
                    args![subject, tx.now()],
                )
                .await?;
            if gone > 0 {
                fresh.push((subject, requirement));
                let all = "SELECT COUNT(*) AS n FROM ledger_record WHERE subject = $1";
                done.records += u64::try_from(tx.one(all, args![subject]).await?.get::<i64>("n")?).unwrap_or_default();
                self.projection(subject)?.forget(tx, &named).await?;
            }
        }
        done.keys = destroy_keys(tx).await?;
        self.bury(tx, &fresh, actor, reason).await?;
        Ok(done)
    }

    /// Appends tombstones that name these subjects.
    async fn bury(&self, tx: &Tx, all: &[(&String, &Option<String>)], actor: &str, reason: &str) -> Result<()> {
        for gone in all.chunks(NAMED) {
            let named: Vec<&String> = gone.iter().map(|(subject, _)| *subject).collect();
            let of = gone.iter().filter_map(|(subject, requirement)| Some((*subject, requirement.as_ref()?)));
            let requirements: BTreeMap<&String, &String> = of.collect();
            let entry = Entry {
                subject: format!("erasure/{}", tx.clock().id()),
                kind: "erased",
                actor: actor.to_owned(),
                reason: reason.to_owned(),
                data: json!({ "subjects": named, "requirements": requirements }),
            };
            self.append(tx, entry).await?;
        }
        Ok(())
    }

    /// Appends tombstones for what a restore has erased again and the backup did not know as erased.
    pub(super) async fn bury_again(&self, tx: &Tx, due: &BTreeSet<Forgotten>) -> Result<()> {
        let until: HashMap<&str, i64> = due.iter().map(|gone| (gone.subject.as_str(), gone.version)).collect();
        let due: Vec<&String> = due.iter().map(|gone| &gone.subject).collect();
        let before = "SELECT DISTINCT r.subject, r.version, r.position FROM ledger_record r
                      JOIN ledger_value v ON v.record = r.id WHERE v.erased IS NOT NULL AND r.subject IN";
        let known = Tombstones::read(tx).await?;
        let mut subjects: BTreeSet<String> = BTreeSet::new();
        for row in tx.all_in(before, &due, "", args![]).await? {
            let (subject, version): (String, i64) = (row.get("subject")?, row.get("version")?);
            let due = until.get(subject.as_str()).is_some_and(|newest| version <= *newest);
            if due && !known.cover(&subject, row.get("position")?) {
                subjects.insert(subject);
            }
        }
        let fresh: Vec<_> = subjects.iter().map(|subject| (subject, &None)).collect();
        let reason = "it was erased after the restored backup was made, as the keys file beside it says";
        self.bury(tx, &fresh, "operator", reason).await
    }
}

/// The erasures that the ledger has.
pub struct Tombstones {
    /// By subject the place of the newest tombstone that names it.
    newest: HashMap<String, (bool, u64)>,
}

/// Where a record stands in the order of commits. What has no position there yet has a negative number in its place, and comes
/// after all that have one.
fn place(position: i64) -> (bool, u64) {
    (position < 0, position.unsigned_abs())
}

impl Tombstones {
    /// Reads them all.
    ///
    /// # Errors
    /// The database's error; a tombstone whose values are not those that the ledger commits to.
    pub async fn read(conn: &Conn) -> Result<Self> {
        // What they name belongs to nobody, so no master key is needed to read it. '0' follows on '/'.
        let sql =
            "SELECT r.id, r.position, r.body, v.part, v.sealed_by, v.body AS value, k.wrapped FROM ledger_record r
                   JOIN ledger_value v ON v.record = r.id AND v.part = 0 LEFT JOIN ledger_key k ON k.id = v.sealed_by
                   WHERE r.subject >= 'erasure/' AND r.subject < 'erasure0' ORDER BY r.id";
        let mut newest: HashMap<String, (bool, u64)> = HashMap::new();
        for group in grouped(&conn.all(sql, args![]).await?)? {
            let at = place(group.row.get("position")?);
            let record = read(conn, &group.row.get::<String>("body")?, group.parts)?;
            for subject in record.data["subjects"].as_array().into_iter().flatten().filter_map(|s| s.as_str()) {
                let known = newest.entry(subject.to_owned()).or_insert(at);
                *known = at.max(*known);
            }
        }
        Ok(Self { newest })
    }

    /// Whether one says that the record of a subject at a position was erased: it names the subject and came after it.
    #[must_use]
    pub fn cover(&self, subject: &str, position: i64) -> bool {
        self.newest.get(subject).is_some_and(|tombstone| *tombstone > place(position))
    }

    /// The record from what is kept of it.
    ///
    /// # Errors
    /// As [`opened`]; [`Error::Conflict`] when something of it is gone, and no tombstone names its subject.
    pub fn opened(&self, kept: &Kept) -> Result<Record> {
        let record = opened(kept)?;
        match record.erased.first() {
            Some(field) if !self.cover(&record.subject, kept.position) => Err(Error::Conflict(format!(
                "the ledger's record {} about {} has lost its {field}, and no record of an erasure names it: it was taken \
                 away in the store",
                record.id, record.subject
            ))),
            _ => Ok(record),
        }
    }
}

/// Destroys the keys of people under which nothing is sealed any more. Gives how many.
pub(crate) async fn destroy_keys(tx: &Tx) -> Result<u64> {
    tx.exec(
        "UPDATE ledger_key SET wrapped = NULL, destroyed = $1 WHERE destroyed IS NULL AND person <> ''
         AND EXISTS (SELECT 1 FROM ledger_value v WHERE v.sealed_by = ledger_key.id)
         AND NOT EXISTS (SELECT 1 FROM ledger_value v WHERE v.sealed_by = ledger_key.id AND v.body IS NOT NULL)",
        args![tx.now()],
    )
    .await
}

/// Tombstones need no status table: the erased values themselves say when.
pub struct ErasureProjection;

#[async_trait]
impl Projection for ErasureProjection {
    fn subject(&self) -> &'static str {
        "erasure"
    }

    fn tables(&self) -> &'static [&'static str] {
        &[]
    }

    async fn apply(&self, _tx: &Tx, record: &Record) -> Result<()> {
        match record.kind.as_str() {
            "erased" => Ok(()),
            other => Err(Error::invalid(format!("a record about an erasure cannot be '{other}'"))),
        }
    }

    fn class(&self, _kind: &str) -> &'static str {
        "permanent"
    }
}
