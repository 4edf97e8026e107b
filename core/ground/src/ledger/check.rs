//! Whether the ledger in the store is what its log says: for whoever suspects that somebody, or a disk, changed it below.

use super::checkpoint;
use super::log;
use super::merkle;
use super::values;
use super::{Format, part, read};
use crate::{Conn, Error, Result, args};

/// Leaves that are read at once.
const CHUNK: u64 = 1_000;

/// What was looked at, and found as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The number of leaves of the log.
    pub size: u64,
    /// The records behind them that were read, the newest.
    pub read: u64,
}

/// Reads the newest checkpoint, the tiles, and the records behind the last `most` leaves with their values; without `most`
/// behind all of them, and looks for records that the log does not know.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names what was changed, cut off or put in; the database's error.
pub async fn check(conn: &Conn, most: Option<u64>) -> Result<Sound> {
    checkpoint::continues(conn).await?;
    let size = log::size(conn).await?;
    let from = most.map_or(0, |most| size.saturating_sub(most));
    let mut at = from;
    while at < size {
        let to = size.min(at + CHUNK);
        leaves(conn, at, to).await?;
        at = to;
    }
    if most.is_none_or(|most| most >= size) {
        unknown(conn).await?;
    }
    Ok(Sound { size, read: size - from })
}

/// Compares records with the hashes of their leaves, and values with what the records commit to.
async fn leaves(conn: &Conn, from: u64, to: u64) -> Result<()> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let rows = conn
        .all(
            "SELECT l.leaf, l.record AS id, r.body, r.subject, v.part, v.sealed_by, v.body AS value, k.wrapped
             FROM log_leaf l LEFT JOIN ledger_record r ON r.id = l.record
             LEFT JOIN ledger_value v ON v.record = l.record LEFT JOIN ledger_key k ON k.id = v.sealed_by
             WHERE l.leaf >= $1 AND l.leaf < $2 ORDER BY l.leaf, v.part",
            args![signed(from), signed(to)],
        )
        .await?;
    let mut rows = rows.iter().peekable();
    let mut tile: Option<(u64, Vec<u8>)> = None;
    for leaf in from..to {
        let gone = || Error::Conflict(format!("the record at leaf {leaf} of the log is gone from the ledger"));
        let row = rows.next().ok_or_else(gone)?;
        if row.get::<i64>("leaf")? != signed(leaf) {
            return Err(gone());
        }
        let (id, body) = (row.get::<String>("id")?, row.get::<Option<String>>("body")?.ok_or_else(gone)?);
        let number = leaf / log::WIDTH;
        if tile.as_ref().is_none_or(|(known, _)| *known != number) {
            let hashes = log::tile(conn, 0, number, (to - number * log::WIDTH).min(log::WIDTH)).await?;
            tile = Some((number, hashes.unwrap_or_default()));
        }
        let hash = tile.as_ref().and_then(|(_, hashes)| {
            let at = usize::try_from(leaf % log::WIDTH).ok()? * 32;
            hashes.get(at..at + 32)
        });
        let subject: String = row.get("subject")?;
        if hash != Some(&merkle::leaf_hash(body.as_bytes())[..]) {
            return Err(Error::Conflict(format!(
                "the ledger's record at leaf {leaf}, {id} about {subject}, is not the one that came into the log: it was \
                 changed"
            )));
        }
        let mut parts = Vec::new();
        parts.extend(part(row)?);
        while let Some(next) = rows.peek() {
            if next.get::<i64>("leaf")? != signed(leaf) {
                break;
            }
            parts.extend(part(next)?);
            rows.next();
        }
        // Without the master key what is sealed cannot be looked at.
        let sealed = parts.iter().any(|part| part.sealed_by.is_some());
        if conn.master().is_some() || !sealed {
            opens(conn, &id, &body, parts).map_err(|e| {
                Error::Conflict(format!("the values of the record at leaf {leaf} about {subject}: {e}"))
            })?;
        }
    }
    Ok(())
}

fn opens(conn: &Conn, id: &str, body: &str, parts: Vec<values::Stored>) -> Result<()> {
    if serde_json::from_str::<Format>(body)?.format == 1 {
        return Ok(());
    }
    let record = read(conn, body, parts)?;
    if record.id == id { Ok(()) } else { Err(Error::Conflict("they are those of another record".into())) }
}

/// Records that have their place in commit order and are not in the log, though later ones are.
async fn unknown(conn: &Conn) -> Result<()> {
    let sql = "SELECT r.id, r.subject FROM ledger_record r WHERE r.position > 0
               AND r.position <= (SELECT COALESCE(MAX(position), 0) FROM log_state)
               AND NOT EXISTS (SELECT 1 FROM log_leaf l WHERE l.record = r.id) LIMIT 1";
    match conn.opt(sql, args![]).await? {
        None => Ok(()),
        Some(row) => Err(Error::Conflict(format!(
            "the ledger's record {} about {} never came into the log: somebody put it in",
            row.get::<String>("id")?,
            row.get::<String>("subject")?
        ))),
    }
}
