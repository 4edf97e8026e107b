//! The log: a Merkle tree over the ledger's records, kept in tiles (C2SP tlog-tiles) in the database.
//!
//! A leaf is a record's bytes exactly as stored. Records come into the log after their commit, in the order of the change
//! feed, in batches; each batch is one transaction under a lock that all servers share, so a crash leaves nothing half done
//! and a repetition finds nothing to do.

use std::collections::{BTreeMap, HashMap};

use super::merkle::{self, Hash, Node, Span};
use crate::{Conn, Db, Error, Result, Tx, args};

/// Hashes in a full tile.
pub const WIDTH: u64 = 256;
/// How many levels of the tree a tile spans.
pub(super) const HEIGHT: u32 = 8;
/// Records that come into the log with one transaction.
const BATCH: usize = 512;
/// The lock under which records come into the log.
const SEQUENCER: &str = "stoa/log";

/// The number of leaves.
///
/// # Errors
/// The database's error.
pub async fn size(conn: &Conn) -> Result<u64> {
    Ok(state(conn).await?.0)
}

/// The number of leaves, and the position in the change feed of the newest record in the log.
async fn state(conn: &Conn) -> Result<(u64, i64)> {
    let row = conn.opt("SELECT size, position FROM log_state WHERE id = 1", args![]).await?;
    row.map_or(Ok((0, 0)), |r| Ok((unsigned(r.get("size")?)?, r.get("position")?)))
}

fn unsigned(n: i64) -> Result<u64> {
    u64::try_from(n).map_err(|_| Error::invalid("the log holds a negative number"))
}

fn signed(n: u64) -> Result<i64> {
    i64::try_from(n).map_err(|_| Error::invalid("the log has no leaf of such a number"))
}

/// Brings every committed record into the log. Gives how many came.
///
/// # Errors
/// As [`batch`].
pub async fn catch_up(db: &Db) -> Result<usize> {
    let mut all = 0;
    loop {
        let came = db.write_by_key(|tx| async move { batch(&tx).await }).await?;
        all += came;
        if came < BATCH {
            return Ok(all);
        }
    }
}

/// Brings the next records into the log, a batch at most; none while another server does so. Gives how many came.
///
/// # Errors
/// [`Error::Conflict`] when a subject's versions have a gap; nothing comes into the log then. The database's error.
pub async fn batch(tx: &Tx) -> Result<usize> {
    if !tx.try_lock(SEQUENCER).await? {
        return Ok(0);
    }
    let (size, after) = state(tx).await?;
    let sql = "SELECT id, position, body FROM ledger_record WHERE position > $1 ORDER BY position LIMIT $2";
    let rows = tx.all(sql, args![after, BATCH]).await?;
    let Some(last) = rows.last() else { return Ok(0) };
    let position: i64 = last.get("position")?;
    let mut hashes = Vec::with_capacity(rows.len());
    let mut ids: Vec<String> = Vec::with_capacity(rows.len());
    for row in &rows {
        hashes.push(merkle::leaf_hash(row.get::<String>("body")?.as_bytes()));
        ids.push(row.get("id")?);
    }
    let rows = ids.iter().zip(size..).map(|(id, leaf)| Ok(args![signed(leaf)?, id])).collect::<Result<_>>()?;
    tx.insert_rows("log_leaf", &["leaf", "record"], rows).await?;
    in_order(tx, size).await?;
    push(tx, size, &hashes).await?;
    let grown = size + hashes.len() as u64;
    tx.exec(
        "INSERT INTO log_state (id, size, position) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET size = excluded.size, position = excluded.position",
        args![signed(grown)?, position],
    )
    .await?;
    Ok(ids.len())
}

/// Refuses a log in which a record stands before the version before it, or without it.
async fn in_order(tx: &Tx, from: u64) -> Result<()> {
    let gap = tx
        .opt(
            "SELECT r.subject, r.version FROM log_leaf l JOIN ledger_record r ON r.id = l.record
             LEFT JOIN ledger_record b ON b.subject = r.subject AND b.version = r.version - 1
             LEFT JOIN log_leaf bl ON bl.record = b.id
             WHERE l.leaf >= $1 AND r.version > 1 AND (bl.leaf IS NULL OR bl.leaf > l.leaf) LIMIT 1",
            args![signed(from)?],
        )
        .await?;
    match gap {
        None => Ok(()),
        Some(row) => Err(Error::Conflict(format!(
            "the log cannot take version {} of {}: the version before it is missing",
            row.get::<i64>("version")?,
            row.get::<String>("subject")?
        ))),
    }
}

/// Appends leaves to the tiles of a tree that has `size` of them.
///
/// # Errors
/// The database's error, also when the tiles do not fit this size.
pub async fn push(tx: &Tx, size: u64, leaves: &[Hash]) -> Result<()> {
    // By level and place: the hashes, and whether it was begun before.
    let mut tiles: BTreeMap<(u32, u64), (Vec<u8>, bool)> = BTreeMap::new();
    for (n, leaf) in leaves.iter().enumerate() {
        let (mut level, mut at, mut hash) = (0, size + n as u64, *leaf);
        loop {
            let key = (level, at / WIDTH);
            if let std::collections::btree_map::Entry::Vacant(vacant) = tiles.entry(key) {
                let begun = if at % WIDTH == 0 { None } else { stored(tx, level, key.1).await? };
                let known = begun.is_some();
                vacant.insert((begun.unwrap_or_default(), known));
            }
            let (tile, _) = tiles.entry(key).or_default();
            if tile.len() as u64 != at % WIDTH * 32 {
                return Err(Error::Conflict(format!("the log's tile {level}/{} does not fit its size", key.1)));
            }
            tile.extend_from_slice(&hash);
            if tile.len() as u64 != WIDTH * 32 {
                break;
            }
            hash = merkle::fold(&split(tile));
            at /= WIDTH;
            level += 1;
        }
    }
    for ((level, tile), (hashes, known)) in tiles {
        let sql = if known {
            "UPDATE log_tile SET hashes = $3 WHERE level = $1 AND tile = $2"
        } else {
            "INSERT INTO log_tile (level, tile, hashes) VALUES ($1, $2, $3)"
        };
        tx.exec(sql, args![level, signed(tile)?, hashes]).await?;
    }
    Ok(())
}

async fn stored(conn: &Conn, level: u32, tile: u64) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT hashes FROM log_tile WHERE level = $1 AND tile = $2";
    conn.opt(sql, args![level, signed(tile)?]).await?.map(|r| r.get("hashes")).transpose()
}

pub(super) fn split(tile: &[u8]) -> Vec<Hash> {
    tile.as_chunks::<32>().0.to_vec()
}

/// Reads hashes of the tree from its tiles. Of each level the tile that was read last is at hand, and what was summed up is
/// remembered: proofs of leaves one after the other read each tile about once, and hold few of them.
struct Tree<'c> {
    conn: &'c Conn,
    /// By level: the tile, and the hashes of the complete subtrees in it, the lowest first.
    tiles: BTreeMap<u32, (u64, Vec<Vec<Hash>>)>,
    spans: HashMap<(u64, u64), Hash>,
}

impl<'c> Tree<'c> {
    fn new(conn: &'c Conn) -> Self {
        Self { conn, tiles: BTreeMap::new(), spans: HashMap::new() }
    }

    async fn node(&mut self, node: Node) -> Result<Hash> {
        let (level, within) = (node.level / HEIGHT, node.level % HEIGHT);
        let (tile, at) = ((node.index << within) / WIDTH, node.index % (WIDTH >> within));
        if self.tiles.get(&level).is_none_or(|(known, _)| *known != tile) {
            let hashes = stored(self.conn, level, tile).await?.unwrap_or_default();
            self.tiles.insert(level, (tile, merkle::subtrees(split(&hashes), HEIGHT)));
        }
        let found = self
            .tiles
            .get(&level)
            .and_then(|(_, layers)| layers.get(usize::try_from(within).ok()?)?.get(usize::try_from(at).ok()?).copied());
        found.ok_or_else(|| Error::Conflict(format!("the log's tile {level}/{tile} is cut off")))
    }

    async fn span(&mut self, span: Span) -> Result<Hash> {
        if let Some(known) = self.spans.get(&(span.from, span.to)) {
            return Ok(*known);
        }
        let mut hashes = Vec::new();
        for node in span.nodes() {
            hashes.push(self.node(node).await?);
        }
        let hash = merkle::join(&hashes);
        self.spans.insert((span.from, span.to), hash);
        Ok(hash)
    }

    async fn spans(&mut self, spans: Vec<Span>) -> Result<Vec<Hash>> {
        let mut hashes = Vec::with_capacity(spans.len());
        for span in spans {
            hashes.push(self.span(span).await?);
        }
        Ok(hashes)
    }
}

async fn within(conn: &Conn, wanted: u64) -> Result<()> {
    let size = size(conn).await?;
    if wanted > size {
        return Err(Error::NotFound(format!("a tree of {wanted} leaves (the log has {size})")));
    }
    Ok(())
}

/// The root of the tree when it had `size` leaves.
///
/// # Errors
/// [`Error::NotFound`] when it never had so many; the database's error, also when tiles are missing.
pub async fn root(conn: &Conn, size: u64) -> Result<Hash> {
    within(conn, size).await?;
    Tree::new(conn).span(Span { from: 0, to: size }).await
}

/// The proof that a leaf is in the tree of `size` leaves.
///
/// # Errors
/// As [`root`], and [`Error::NotFound`] when the leaf is not in that tree.
pub async fn inclusion_proof(conn: &Conn, leaf: u64, size: u64) -> Result<Vec<Hash>> {
    Ok(inclusion_proofs(conn, &[leaf], size).await?.remove(0))
}

/// The proofs that these leaves are in the tree of `size` leaves; cheapest when they come in order.
///
/// # Errors
/// As [`inclusion_proof`].
pub async fn inclusion_proofs(conn: &Conn, leaves: &[u64], size: u64) -> Result<Vec<Vec<Hash>>> {
    within(conn, size).await?;
    let mut tree = Tree::new(conn);
    let mut proofs = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        if *leaf >= size {
            return Err(Error::NotFound(format!("leaf {leaf} in the tree of {size} leaves")));
        }
        proofs.push(tree.spans(merkle::inclusion(*leaf, size)).await?);
    }
    Ok(proofs)
}

/// The proof that the tree of `old` leaves is the beginning of that of `new` leaves.
///
/// # Errors
/// As [`root`]; [`Error::Invalid`] when `old` is greater than `new`.
pub async fn consistency_proof(conn: &Conn, old: u64, new: u64) -> Result<Vec<Hash>> {
    if old > new {
        return Err(Error::invalid(format!("a tree of {old} leaves is not the beginning of one of {new}")));
    }
    within(conn, new).await?;
    Tree::new(conn).spans(merkle::consistency(old, new)).await
}

/// The first `width` hashes of a tile; none when it does not have so many.
///
/// # Errors
/// The database's error.
pub async fn tile(conn: &Conn, level: u32, tile: u64, width: u64) -> Result<Option<Vec<u8>>> {
    let Some(mut hashes) = stored(conn, level, tile).await? else { return Ok(None) };
    let wanted = usize::try_from(width.min(WIDTH) * 32).unwrap_or_default();
    if wanted == 0 || hashes.len() < wanted {
        return Ok(None);
    }
    hashes.truncate(wanted);
    Ok(Some(hashes))
}

/// The entry bundle of a tile of level 0: its first `width` leaves, each with its length in two bytes before it. None when
/// the log does not have so many.
///
/// # Errors
/// The database's error.
pub async fn entries(conn: &Conn, tile: u64, width: u64) -> Result<Option<Vec<u8>>> {
    let width = width.min(WIDTH);
    let from = tile.saturating_mul(WIDTH);
    if width == 0 || from.saturating_add(width) > size(conn).await? {
        return Ok(None);
    }
    let rows = conn
        .all(
            "SELECT r.body FROM log_leaf l JOIN ledger_record r ON r.id = l.record
             WHERE l.leaf >= $1 AND l.leaf < $2 ORDER BY l.leaf",
            args![signed(from)?, signed(from + width)?],
        )
        .await?;
    let mut bundle = Vec::new();
    for row in &rows {
        let body: String = row.get("body")?;
        let length = u16::try_from(body.len()).map_err(|_| Error::invalid("a record is longer than a leaf may be"))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(body.as_bytes());
    }
    Ok((rows.len() as u64 == width).then_some(bundle))
}
