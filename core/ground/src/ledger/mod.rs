//! The ledger: append-only records. Status tables are projections, written only by [`Projection::apply`].
//!
//! A record carries its subject (for example `assignment/3f…`) and the subject's version, counted from 1 without gaps.
//! Appending and applying happen in the caller's transaction, so the status tables can never disagree with the ledger.
//! What is stored for ever is a [leaf] with a commitment in place of each field; the [values] lie beside it, sealed, and can
//! be erased. After the commit records come into the Merkle [log], whose [checkpoints](checkpoint) are signed.

mod check;
pub mod checkpoint;
mod erase;
mod keyfile;
pub mod leaf;
pub mod log;
pub mod merkle;
pub mod note;
mod read;
mod secret;
mod values;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use check::{Sound, check, complete};
pub use erase::{Erased, ErasureProjection, Tombstones};
pub use read::{Kept, kept, of_kind, of_subject, opened};
pub use secret::{open_secret, seal_secret};
pub use values::Master;

use crate::{Db, Error, Instant, Result, Tx, args};
use leaf::{FORMAT, Fields, Leaf};
use read::{read_all, select};

/// The most bytes that one record may have, as stored: C2SP tlog-tiles gives an entry a 16-bit length.
pub const MAX_RECORD_BYTES: usize = 65_535;

/// Kinds of subject whose id names a person: the log has a pseudonym in its place.
const PERSONAL: &[&str] = &["identity"];

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
    /// Who did it: `person/<id>`, `rule/<id>`, `system/<key of the Learning Record Store>`, `role/<platform>/<server>`
    /// or `operator`.
    pub actor: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The particulars; their shape belongs to the subject's projection.
    pub data: Json,
    /// The message or press that it followed from, where a person caused it in a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The fields that were erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
}

/// Whether a text names somebody who acts but is no person, as [`Record::actor`] does. Evidence shows such an actor where it
/// shows employee ids otherwise, so no employee id may look like one.
#[must_use]
pub fn is_no_person(actor: &str) -> bool {
    actor == "operator" || ["rule/", "system/", "role/"].iter().any(|kind| actor.starts_with(kind))
}

/// When something happened by the clock of the chat on which it did, and when it came in here by ours. Both are kept as they
/// are: where they differ, one of the clocks is wrong, or the way was long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The chat platform.
    pub platform: String,
    /// By the platform's time stamp.
    pub at: Instant,
    /// When it was stored here, before it was acknowledged.
    pub received: Instant,
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

    /// As [`apply`](Self::apply) for the first records of several subjects.
    async fn begin(&self, tx: &Tx, records: &[Record]) -> Result<()> {
        for record in records {
            self.apply(tx, record).await?;
        }
        Ok(())
    }

    /// The person whom a record is about, whose key seals its values. Without an answer it is the one of the subject's
    /// version before.
    fn person(&self, subject: &str, data: &Json) -> Option<String> {
        match subject.split_once('/') {
            Some(("person" | "role", id)) => Some(id.to_owned()),
            _ => data["person"].as_str().map(str::to_owned),
        }
    }

    /// The retention class of a record of this kind.
    fn class(&self, _kind: &str) -> &'static str {
        "records"
    }

    /// Removes from the status tables what follows from a subject whose records are erased.
    async fn forget(&self, _tx: &Tx, subject: &str) -> Result<()> {
        Err(Error::invalid(format!("records about {subject} cannot be erased")))
    }
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
        let kind = kind(subject);
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
        let projection = self.projection(&entry.subject)?;
        let stored = if is_personal(&entry.subject) && !self.unrecorded {
            values::pseudonym(tx, &entry.subject).await?
        } else {
            entry.subject.clone()
        };
        let (last, before) = if self.unrecorded { (-1, None) } else { last(tx, projection, &stored).await? };
        let made = Made::of(tx, projection, entry, stored, last + 1, before)?;
        if !self.unrecorded {
            store(tx, std::slice::from_ref(&made)).await?;
        }
        projection.apply(tx, &made.record).await?;
        Ok(made.record)
    }

    /// Appends the first records of subjects that are new, and applies them, with few statements for all of them.
    ///
    /// # Errors
    /// As [`append`](Self::append); also when a subject has records already.
    pub async fn begin(&self, tx: &Tx, entries: Vec<Entry>) -> Result<Vec<Record>> {
        let version = i64::from(!self.unrecorded);
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let stored = entry.subject.clone();
            if is_personal(&stored) {
                return Err(Error::invalid(format!("{stored} needs a pseudonym: append it alone")));
            }
            all.push(Made::of(tx, self.projection(&stored)?, entry, stored, version, None)?);
        }
        if !self.unrecorded {
            store(tx, &all).await?;
        }
        let records: Vec<Record> = all.into_iter().map(|made| made.record).collect();
        for some in records.chunk_by(|a, b| kind(&a.subject) == kind(&b.subject)) {
            if let Some(first) = some.first() {
                self.projection(&first.subject)?.begin(tx, some).await?;
            }
        }
        Ok(records)
    }

    /// Empties all status tables and applies every record again, in order. Gives the number of records. What a restore has
    /// left to be erased again gets its tombstones before.
    ///
    /// # Errors
    /// When a subject's versions have a gap, values are not those that the ledger commits to, or a projection refuses a
    /// record; nothing is changed then.
    pub async fn rebuild(&self, db: &Db) -> Result<usize> {
        let due = &db.due_erasures().await?.subjects;
        db.write(|tx| async move {
            self.bury_again(&tx, due).await?;
            for table in self.projections.iter().flat_map(|p| p.tables()) {
                // Table names are constants of this program.
                tx.exec(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")), args![]).await?;
            }
            let mut versions = std::collections::HashMap::<String, i64>::new();
            let (mut position, mut count) = (0i64, 0);
            loop {
                let rows = tx.all(select!(
                    "(SELECT id, position, body FROM ledger_record WHERE position > $1 ORDER BY position LIMIT 500)",
                    "ORDER BY r.position, v.part"
                ), args![position]).await?;
                let Some(newest) = rows.last() else { return Ok(count) };
                position = newest.get("position")?;
                for record in read_all(&tx, &rows)? {
                    let version = versions.entry(record.subject.clone()).or_default();
                    *version += 1;
                    if *version != record.version {
                        return Err(Error::Conflict(format!(
                            "the ledger has a gap: {} should have version {version}, found {}",
                            record.subject, record.version
                        )));
                    }
                    if !record.is_erased() {
                        self.projection(&record.subject)?.apply(&tx, &record).await?;
                    }
                    count += 1;
                }
            }
        })
        .await
    }
}

impl Record {
    /// Whether what it says was erased: its status tables do without it.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        // Every record has a reason, which is kept with the values of the person whom it is about.
        self.erased.iter().any(|field| field == "reason")
    }
}

/// A record that is made and not stored yet.
struct Made {
    record: Record,
    /// The subject as it is stored.
    stored: String,
    /// The leaf.
    body: String,
    /// The fields by the person to whom they belong, each part with the secret that its salts come from.
    parts: Vec<(String, Fields, leaf::Secret)>,
}

impl Made {
    fn of(
        tx: &Tx,
        projection: &dyn Projection,
        entry: Entry,
        stored: String,
        version: i64,
        before: Option<String>,
    ) -> Result<Self> {
        let source = tx.source();
        let open = leaf::fields(&entry.actor, &entry.reason, &entry.data, source)?;
        let record = Record {
            id: tx.clock().id().to_string(),
            version,
            at: tx.now(),
            subject: entry.subject,
            kind: entry.kind.to_owned(),
            actor: entry.actor,
            reason: entry.reason,
            data: entry.data,
            source: source.cloned(),
            erased: Vec::new(),
        };
        if version == 0 {
            // Nothing is kept of it.
            return Ok(Self { record, stored, body: String::new(), parts: Vec::new() });
        }
        let person = projection.person(&record.subject, &record.data).or(before).unwrap_or_default();
        let mut leaf = Leaf {
            format: FORMAT,
            id: record.id.clone(),
            subject: stored.clone(),
            version: record.version,
            kind: record.kind.clone(),
            at: record.at,
            class: projection.class(&record.kind).to_owned(),
            clock: tx.clock().is_manual().then(|| "test".to_owned()),
            fields: BTreeMap::new(),
        };
        let mut parts = Vec::new();
        for (person, fields) in self::parts(&record, open, &person)? {
            let secret = values::random(tx.clock());
            for (name, value) in &fields {
                leaf.fields.insert(name.clone(), leaf::commitment(&leaf::salt(&secret, name), name, value));
            }
            parts.push((person, fields, secret));
        }
        let body = serde_json::to_string(&leaf)?;
        let values: usize = parts.iter().flat_map(|(_, fields, _)| fields.values()).map(String::len).sum();
        if body.len().max(values) > MAX_RECORD_BYTES {
            return Err(Error::invalid(format!(
                "a ledger record has at most {MAX_RECORD_BYTES} bytes; store the content and record its hash"
            )));
        }
        Ok(Self { record, stored, body, parts })
    }
}

/// Stores records with their values, and publishes them.
async fn store(tx: &Tx, all: &[Made]) -> Result<()> {
    let ids: Vec<&str> = all.iter().map(|made| made.record.id.as_str()).collect();
    let positions = tx.publish_all("ledger", &ids).await?;
    let row = |(made, position): (&Made, i64)| {
        let r = &made.record;
        args![&r.id, position, &made.stored, r.version, &r.kind, r.at, &made.body]
    };
    let columns = ["id", "position", "subject", "version", "kind", "at", "body"];
    tx.insert_rows("ledger_record", &columns, all.iter().zip(positions).map(row).collect()).await?;
    let mut parts = Vec::new();
    for made in all {
        parts.extend((0..).zip(&made.parts).map(|(n, part)| (made.record.id.as_str(), n, part)));
    }
    values::store(tx, parts).await
}

/// The kind of a subject: what stands before its id.
fn kind(subject: &str) -> &str {
    subject.split('/').next().unwrap_or_default()
}

fn is_personal(subject: &str) -> bool {
    PERSONAL.contains(&kind(subject))
}

/// The last version of a subject, 0 when it has none, and the person whom its records are about.
async fn last(tx: &Tx, projection: &dyn Projection, subject: &str) -> Result<(i64, Option<String>)> {
    let sql =
        "SELECT r.version, v.person FROM ledger_record r LEFT JOIN ledger_value v ON v.record = r.id AND v.part = 0
               WHERE r.subject = $1 ORDER BY r.version DESC LIMIT 1";
    let Some(row) = tx.opt(sql, args![subject]).await? else { return Ok((0, None)) };
    let (version, person): (i64, Option<String>) = (row.get("version")?, row.get("person")?);
    if person.is_some() {
        return Ok((version, person));
    }
    // The version before is of format 1, which says the person in its first record.
    let first = tx.one("SELECT body FROM ledger_record WHERE subject = $1 AND version = 1", args![subject]).await?;
    let first: Json = first.get("body")?;
    Ok((version, projection.person(subject, &first["data"])))
}

/// The fields of a record by the person to whom they belong, the one first whom it is about. What names another person
/// as `person/<id>` belongs to that one.
fn parts(record: &Record, fields: Fields, person: &str) -> Result<Vec<(String, Fields)>> {
    let mut own = Fields::new();
    if is_personal(&record.subject) {
        own.insert("subject".into(), serde_json::to_string(&record.subject)?);
    }
    let mut others = BTreeMap::<String, Fields>::new();
    for (name, value) in fields {
        let named = value.strip_prefix("\"person/").and_then(|rest| rest.strip_suffix('"'));
        match named.filter(|id| *id != person && !id.is_empty()) {
            Some(id) => drop(others.entry(id.to_owned()).or_default().insert(name, value)),
            None => drop(own.insert(name, value)),
        }
    }
    let mut parts = vec![(person.to_owned(), own)];
    parts.extend(others);
    Ok(parts)
}

#[cfg(test)]
mod tests;
