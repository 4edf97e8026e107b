//! The rows of gaps.

use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use crate::answers::command::telling;

/// A gap: questions with the same telling words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gap {
    pub id: String,
    /// The telling words' stems, parted by spaces.
    pub key: String,
    pub text: String,
    pub count: i64,
    pub first: Instant,
    pub last: Instant,
    pub owner: Option<String>,
    pub due: Option<Instant>,
}

fn read(row: &Row) -> Result<Gap> {
    Ok(Gap {
        id: row.get("id")?,
        key: row.get("key")?,
        text: row.get("text")?,
        count: row.get("count")?,
        first: row.get("first")?,
        last: row.get("last")?,
        owner: row.get("owner")?,
        due: row.get("due")?,
    })
}

/// Counts a question that has no good answer; gives the gap's id. One that was closed is open again.
pub(in crate::answers) async fn note(tx: &Tx, text: &str) -> Result<String> {
    let row = tx
        .one(
            "INSERT INTO gap (id, key, text, count, first, last) VALUES ($1, $2, $3, 1, $4, $4)
             ON CONFLICT (key) DO UPDATE SET count = gap.count + 1, last = excluded.last, state = 'open', closed = NULL
             RETURNING id",
            args![tx.clock().id(), telling(text), text, tx.now()],
        )
        .await?;
    row.get("id")
}

/// The newest open gaps.
pub(super) async fn open(conn: &Conn, limit: i64) -> Result<Vec<Gap>> {
    let sql = "SELECT id, key, text, count, first, last, owner, due FROM gap WHERE state = 'open'
               ORDER BY last DESC, id LIMIT $1";
    conn.all(sql, args![limit]).await?.iter().map(read).collect()
}

pub(super) async fn gap(conn: &Conn, id: &str) -> Result<Option<Gap>> {
    let sql = "SELECT id, key, text, count, first, last, owner, due FROM gap WHERE id = $1 AND state = 'open'";
    conn.opt(sql, args![id]).await?.as_ref().map(read).transpose()
}

/// Who asked, by gap: person ids; all accounts that belong to nobody are one.
pub(super) async fn askers(conn: &Conn) -> Result<Vec<(String, String)>> {
    let rows = conn
        .all(
            "SELECT DISTINCT q.gap, COALESCE(q.person, '') AS person FROM question q JOIN gap g ON g.id = q.gap
             WHERE g.state = 'open'",
            args![],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get("gap")?, r.get("person")?))).collect()
}

pub(super) async fn own(tx: &Tx, gap: &str, owner: &str, due: Instant) -> Result<()> {
    tx.exec("UPDATE gap SET owner = $2, due = $3 WHERE id = $1", args![gap, owner, due]).await?;
    Ok(())
}

pub(super) async fn close(tx: &Tx, gap: &str) -> Result<()> {
    let sql = "UPDATE gap SET state = 'closed', closed = $2, owner = NULL, due = NULL WHERE id = $1";
    tx.exec(sql, args![gap, tx.now()]).await?;
    Ok(())
}

/// Notes that a document arrived or changed.
pub(super) async fn arrived(tx: &Tx, document: &str) -> Result<()> {
    let sql = "INSERT INTO gap_arrival (document, at) VALUES ($1, $2) ON CONFLICT (document) DO NOTHING";
    tx.exec(sql, args![document, tx.now()]).await?;
    Ok(())
}

/// Documents that arrived, with the position of their last change in the feed.
pub(super) async fn arrivals(conn: &Conn, limit: i64) -> Result<Vec<(String, i64)>> {
    let rows = conn
        .all(
            "SELECT a.document, COALESCE((SELECT MAX(c.position) FROM change c WHERE c.topic = 'document' AND c.key = a.document), 0) AS position
             FROM gap_arrival a ORDER BY a.at, a.document LIMIT $1",
            args![limit],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get("document")?, r.get("position")?))).collect()
}

pub(super) async fn matched(tx: &Tx, document: &str) -> Result<()> {
    tx.exec("DELETE FROM gap_arrival WHERE document = $1", args![document]).await?;
    Ok(())
}
