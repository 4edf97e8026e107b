//! Whether the ledger in the store is what its log says: for whoever suspects that somebody, or a disk, changed it below.

use std::collections::BTreeMap;

use super::checkpoint;
use super::erase::Tombstones;
use super::log;
use super::merkle::{self, Hash};
use super::read::{Format, Group, grouped, read};
use super::values;
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
/// behind all of them, and all checkpoints. Where all are read it looks for records that the log does not know.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names what was changed, cut off or put in; the database's error.
pub async fn check(conn: &Conn, most: Option<u64>) -> Result<Sound> {
    checkpoint::continues(conn).await?;
    if most.is_none() {
        checkpoint::all_hold(conn).await?;
    }
    let size = log::size(conn).await?;
    let from = most.map_or(0, |most| size.saturating_sub(most));
    let tombstones = Tombstones::read(conn).await?;
    let (mut at, mut tiles) = (from, Tiles { conn, size, read: BTreeMap::new() });
    while at < size {
        let to = size.min(at + CHUNK);
        leaves(&mut tiles, &tombstones, at, to).await?;
        at = to;
    }
    if most.is_none_or(|most| most >= size) {
        unknown(conn).await?;
    }
    Ok(Sound { size, read: size - from })
}

/// The tiles of the log: of each level the one that was read last.
struct Tiles<'c> {
    conn: &'c Conn,
    size: u64,
    read: BTreeMap<u32, (u64, Vec<u8>)>,
}

impl Tiles<'_> {
    /// The hash of a leaf. A full tile is held against the hash that the tile above has of it, up to the top: what is signed
    /// is made of the highest hashes alone.
    async fn leaf(&mut self, leaf: u64) -> Result<Hash> {
        let (mut level, mut tile) = (0, leaf / log::WIDTH);
        let mut fresh = self.load(level, tile).await?;
        while fresh && let Some(sum) = self.full(level) {
            let (below, at) = (tile, tile % log::WIDTH);
            (level, tile) = (level + 1, tile / log::WIDTH);
            fresh = self.load(level, tile).await?;
            if self.hash(level, at) != Some(sum) {
                return Err(Error::Conflict(format!(
                    "the log's tile {}/{below} is not the one that the tile {level}/{tile} above it stands for: it was changed",
                    level - 1
                )));
            }
        }
        self.hash(0, leaf % log::WIDTH).ok_or_else(|| Error::Conflict("the log's newest tile is cut off".into()))
    }

    /// Reads a tile as far as it belongs to the log; `false` when it is the one that was read last.
    async fn load(&mut self, level: u32, tile: u64) -> Result<bool> {
        if self.read.get(&level).is_some_and(|(known, _)| *known == tile) {
            return Ok(false);
        }
        let hashes = self.size >> (log::HEIGHT * level);
        let width = hashes.saturating_sub(tile * log::WIDTH).min(log::WIDTH);
        let hashes = log::tile(self.conn, level, tile, width).await?;
        let hashes = hashes.ok_or_else(|| Error::Conflict(format!("the log's tile {level}/{tile} is cut off")))?;
        self.read.insert(level, (tile, hashes));
        Ok(true)
    }

    /// What the tile that was read last stands for in the one above; none while it grows.
    fn full(&self, level: u32) -> Option<Hash> {
        let (_, hashes) = self.read.get(&level)?;
        let hashes = log::split(hashes);
        (hashes.len() as u64 == log::WIDTH).then(|| merkle::fold(&hashes))
    }

    fn hash(&self, level: u32, at: u64) -> Option<Hash> {
        let from = usize::try_from(at).ok()? * 32;
        self.read.get(&level)?.1.get(from..from + 32)?.try_into().ok()
    }
}

/// Compares records with the hashes of their leaves, and values with what the records commit to: what is gone of them must
/// have been erased.
async fn leaves(tiles: &mut Tiles<'_>, tombstones: &Tombstones, from: u64, to: u64) -> Result<()> {
    let conn = tiles.conn;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let rows = conn
        .all(
            "SELECT l.leaf, l.record AS id, r.position, r.body, r.subject, v.part, v.sealed_by, v.body AS value, k.wrapped
             FROM log_leaf l LEFT JOIN ledger_record r ON r.id = l.record
             LEFT JOIN ledger_value v ON v.record = l.record LEFT JOIN ledger_key k ON k.id = v.sealed_by
             WHERE l.leaf >= $1 AND l.leaf < $2 ORDER BY l.leaf, v.part",
            args![signed(from), signed(to)],
        )
        .await?;
    let mut records = grouped(&rows)?.into_iter();
    for leaf in from..to {
        let gone = || Error::Conflict(format!("the record at leaf {leaf} of the log is gone from the ledger"));
        let Group { id, row, parts } = records.next().ok_or_else(gone)?;
        if row.get::<i64>("leaf")? != signed(leaf) {
            return Err(gone());
        }
        let body = row.get::<Option<String>>("body")?.ok_or_else(gone)?;
        let hash = tiles.leaf(leaf).await?;
        let subject: String = row.get("subject")?;
        if hash != merkle::leaf_hash(body.as_bytes()) {
            return Err(Error::Conflict(format!(
                "the ledger's record at leaf {leaf}, {id} about {subject}, is not the one that came into the log: it was \
                 changed"
            )));
        }
        let whole = opens(conn, &id, &body, parts)
            .map_err(|e| Error::Conflict(format!("the values of the record at leaf {leaf} about {subject}: {e}")))?;
        if !whole && !tombstones.cover(&subject, row.get("position")?) {
            return Err(Error::Conflict(format!(
                "values of the record at leaf {leaf} about {subject} are gone, and no record of an erasure names it: they were \
                 taken away"
            )));
        }
    }
    Ok(())
}

/// Holds values against the record that commits to them. Gives whether all of them are there.
fn opens(conn: &Conn, id: &str, body: &str, parts: Vec<values::Stored>) -> Result<bool> {
    if serde_json::from_str::<Format>(body)?.format == 1 {
        return Ok(true);
    }
    if conn.master().is_none() && parts.iter().any(|part| part.sealed_by.is_some()) {
        // Without the master key what is sealed cannot be looked at, only whether it is there.
        let there = |part: &values::Stored| part.body.is_some() && (part.sealed_by.is_none() || part.wrapped.is_some());
        return Ok(parts.iter().all(there));
    }
    let record = read(conn, body, parts)?;
    if record.id != id {
        return Err(Error::Conflict("they are those of another record".into()));
    }
    Ok(record.erased.is_empty())
}

/// Refuses a log in which a leaf is missing, or the record of one, without reading the records.
///
/// # Errors
/// [`Error::Conflict`] with one sentence; the database's error.
pub async fn complete(conn: &Conn) -> Result<()> {
    let size = log::size(conn).await?;
    let leaves: i64 = conn.one("SELECT COUNT(*) AS n FROM log_leaf", args![]).await?.get("n")?;
    let gone = |what: String| {
        Error::Conflict(format!("{what}: it was taken away in the store. 'stoa doctor --full' looks at all of them"))
    };
    if u64::try_from(leaves).ok() != Some(size) {
        return Err(gone(format!("the log has {size} leaves, and the store knows the records of {leaves}")));
    }
    // Both sides come in order from their indexes.
    let sql = "SELECT record FROM log_leaf EXCEPT SELECT id FROM ledger_record ORDER BY 1 LIMIT 1";
    match conn.opt(sql, args![]).await? {
        None => Ok(()),
        Some(row) => {
            Err(gone(format!("the ledger's record {}, which came into the log, is gone", row.get::<String>("record")?)))
        }
    }
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
