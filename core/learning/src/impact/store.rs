//! The rows of what changed while something relied on it.

use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use super::What;

/// Rows that are reported at most in one go.
const MOST: i64 = 200;

/// A document that changed while something relied on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub document: String,
    pub what: What,
    pub at: Instant,
}

fn read(row: &Row) -> Result<Noted> {
    let word: String = row.get("what")?;
    let what = What::ALL.into_iter().find(|w| w.word() == word);
    Ok(Noted {
        document: row.get("document")?,
        what: what.ok_or_else(|| Error::invalid(format!("a document is noted as '{word}'")))?,
        at: row.get("at")?,
    })
}

pub(super) async fn is_known(conn: &Conn, document: &str, version: &str, what: What) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM impact WHERE document = $1 AND version = $2 AND what = $3";
    Ok(conn.opt(sql, args![document, version, what.word()]).await?.is_some())
}

pub(super) async fn note(tx: &Tx, document: &str, version: &str, what: What, at: Instant) -> Result<()> {
    tx.exec(
        "INSERT INTO impact (document, version, what, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        args![document, version, what.word(), at],
    )
    .await?;
    Ok(())
}

/// What changed since an instant, newest first.
pub(super) async fn since(conn: &Conn, from: Instant) -> Result<Vec<Noted>> {
    let sql = "SELECT document, what, at FROM impact WHERE at >= $1 ORDER BY at DESC, document LIMIT $2";
    conn.all(sql, args![from, MOST]).await?.iter().map(read).collect()
}

/// What was told at an instant, newest first.
pub(super) async fn told(conn: &Conn, at: Instant) -> Result<Vec<Noted>> {
    let sql = "SELECT document, what, at FROM impact WHERE told = $1 ORDER BY at DESC, document LIMIT $2";
    conn.all(sql, args![at, MOST]).await?.iter().map(read).collect()
}

/// Marks everything that was not told yet as told now; gives it.
pub(super) async fn tell(tx: &Tx) -> Result<Vec<Noted>> {
    let sql = "UPDATE impact SET told = $1 WHERE told IS NULL RETURNING document, what, at";
    tx.all(sql, args![tx.now()]).await?.iter().map(read).collect()
}

/// Lessons and pages of courses whose text names a location.
pub(super) async fn naming(conn: &Conn, location: &str) -> Result<Vec<String>> {
    let rows = conn
        .all(
            "SELECT DISTINCT d.id FROM document d JOIN passage p ON p.document_id = d.id AND p.version = d.version
             WHERE d.source IN ('lessons', 'courses') AND d.status <> 'retired' AND replace(p.text, $1, '') <> p.text
             ORDER BY d.id",
            args![location],
        )
        .await?;
    rows.iter().map(|r| r.get("id")).collect()
}
