//! How records are read: as they were appended, or as they are kept for whoever has to prove them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::leaf::{self, FORMAT, Leaf};
use super::values::{self, Stored};
use super::{Record, is_personal};
use crate::{Conn, Error, Result, Row, args};

/// Records with the parts of their values.
macro_rules! select {
    ($records:literal, $rest:literal) => {
        concat!(
            "SELECT r.id, r.position, r.body, v.part, v.sealed_by, v.body AS value, k.wrapped FROM ",
            $records,
            " r LEFT JOIN ledger_value v ON v.record = r.id LEFT JOIN ledger_key k ON k.id = v.sealed_by ",
            $rest
        )
    };
}
pub(super) use select;

/// One record of rows: its id, its first row, and the parts of its values.
pub(super) struct Group<'r> {
    pub id: String,
    pub row: &'r Row,
    pub parts: Vec<Stored>,
}

/// Rows of records and their parts, those of one record one after the other, by record.
pub(super) fn grouped(rows: &[Row]) -> Result<Vec<Group<'_>>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let id: String = row.get("id")?;
        match groups.last_mut() {
            Some(group) if group.id == id => group.parts.extend(part(row)?),
            _ => groups.push(Group { id, row, parts: part(row)?.into_iter().collect() }),
        }
    }
    Ok(groups)
}

fn part(row: &Row) -> Result<Option<Stored>> {
    let Some(part) = row.get("part")? else { return Ok(None) };
    let (sealed_by, wrapped, body) = (row.get("sealed_by")?, row.get("wrapped")?, row.get("value")?);
    Ok(Some(Stored { part, sealed_by, wrapped, body }))
}

/// Reads records from rows of records and their parts.
pub(super) fn read_all(conn: &Conn, rows: &[Row]) -> Result<Vec<Record>> {
    grouped(rows)?.into_iter().map(|group| read(conn, &group.row.get::<String>("body")?, group.parts)).collect()
}

/// The format of a stored record.
#[derive(Deserialize)]
pub(super) struct Format {
    #[serde(default = "first")]
    pub format: i64,
}

fn first() -> i64 {
    1
}

pub(super) fn read(conn: &Conn, body: &str, parts: Vec<Stored>) -> Result<Record> {
    match serde_json::from_str::<Format>(body)?.format {
        1 => Ok(serde_json::from_str(body)?),
        FORMAT => {
            let leaf: Leaf = serde_json::from_str(body)?;
            let open = values::open(conn.master(), &leaf.id, parts)?;
            leaf::record(leaf, &salted(open))
        }
        newer => Err(Error::invalid(format!("the ledger has a record of format {newer}: use the newer program"))),
    }
}

/// All records of a subject, oldest first.
///
/// # Errors
/// The database's error; values that are not those that the ledger commits to.
pub async fn of_subject(conn: &Conn, subject: &str) -> Result<Vec<Record>> {
    let stored = if is_personal(subject) {
        let Some(pseudonym) = values::known_pseudonym(conn, subject).await? else { return Ok(Vec::new()) };
        pseudonym
    } else {
        subject.to_owned()
    };
    let rows =
        conn.all(select!("ledger_record", "WHERE r.subject = $1 ORDER BY r.version, v.part"), args![stored]).await?;
    read_all(conn, &rows)
}

/// What a subject is called: itself, or what its pseudonym stands for as long as that is not erased.
pub(super) async fn name_of(conn: &Conn, stored: &str) -> Result<String> {
    if !is_personal(stored) {
        return Ok(stored.to_owned());
    }
    let sql = select!("ledger_record", "WHERE r.subject = $1 ORDER BY r.version, v.part");
    let records = read_all(conn, &conn.all(sql, args![stored]).await?)?;
    let named = records.into_iter().find(|record| !record.is_erased());
    Ok(named.map_or_else(|| stored.to_owned(), |record| record.subject))
}

/// All records about subjects of a kind, in the order of the change feed.
///
/// # Errors
/// As [`of_subject`].
pub async fn of_kind(conn: &Conn, kind: &str) -> Result<Vec<Record>> {
    let sql = select!("ledger_record", "WHERE r.subject >= $1 AND r.subject < $2 ORDER BY r.position, v.part");
    // '0' follows on '/'.
    read_all(conn, &conn.all(sql, args![format!("{kind}/"), format!("{kind}0")]).await?)
}

/// A record as it is kept: what is in the log, and what its commitments stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The record's id.
    pub id: String,
    /// Its place in the order of the change feed, or as long as it has none there a negative number.
    pub position: i64,
    /// Its place in the log; none while it is not in there.
    pub leaf: Option<u64>,
    /// The leaf, exactly as stored.
    pub body: String,
    /// Value and salt of each field that was not erased.
    pub opened: BTreeMap<String, (String, [u8; 32])>,
}

/// Fields with their salts in place of the secret that these come from.
fn salted(open: values::Open) -> BTreeMap<String, (String, [u8; 32])> {
    let salted = |(name, (value, secret)): (String, (String, leaf::Secret))| {
        let salt = leaf::salt(&secret, &name);
        (name, (value, salt))
    };
    open.into_iter().map(salted).collect()
}

/// All records of these subjects as they are kept, by subject and oldest first. A subject without records is not there.
///
/// # Errors
/// As [`of_subject`].
pub async fn kept(conn: &Conn, subjects: &[String]) -> Result<BTreeMap<String, Vec<Kept>>> {
    let mut all: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    let rows = conn
        .all_in(
            "SELECT r.id, r.position, r.subject, r.body, l.leaf, v.part, v.sealed_by, v.body AS value, k.wrapped
             FROM ledger_record r LEFT JOIN log_leaf l ON l.record = r.id
             LEFT JOIN ledger_value v ON v.record = r.id LEFT JOIN ledger_key k ON k.id = v.sealed_by
             WHERE r.subject IN",
            subjects,
            "ORDER BY r.subject, r.version, v.part",
            args![],
        )
        .await?;
    for group in grouped(&rows)? {
        let leaf: Option<i64> = group.row.get("leaf")?;
        let kept = Kept {
            position: group.row.get("position")?,
            leaf: leaf.and_then(|leaf| u64::try_from(leaf).ok()),
            body: group.row.get("body")?,
            opened: salted(values::open(conn.master(), &group.id, group.parts)?),
            id: group.id,
        };
        all.entry(group.row.get("subject")?).or_default().push(kept);
    }
    Ok(all)
}

/// A record from what is kept of it.
///
/// # Errors
/// As [`of_subject`].
pub fn opened(kept: &Kept) -> Result<Record> {
    if serde_json::from_str::<Format>(&kept.body)?.format == 1 {
        return Ok(serde_json::from_str(&kept.body)?);
    }
    leaf::record(serde_json::from_str(&kept.body)?, &kept.opened)
}
