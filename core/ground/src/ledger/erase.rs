//! Lawful erasure: values, salts and keys are destroyed, a tombstone stays, the log stays as it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::{Entry, Ledger, Projection, Record};
use crate::{Error, Result, Tx, args};

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
        for gone in fresh.chunks(NAMED) {
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
        Ok(done)
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
