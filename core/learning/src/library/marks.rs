//! What a sync keeps beside the documents: what each is known by, and how the source stands.

use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::content::CUTTING;

/// What a sync remembers of a document beside its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    /// What the source's reader knows it by.
    pub fingerprint: Option<String>,
    /// Who may read it at most, as the source says (JSON).
    pub restricted: Option<String>,
}

/// Makes the source known; an existing one stays as it is.
pub(super) async fn add_source(tx: &Tx, name: &str, kind: &str) -> Result<()> {
    let sql = "INSERT INTO source (name, kind) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    tx.exec(sql, args![name, kind]).await?;
    Ok(())
}

/// Notes how a sync of the source ended; its reader's state stays when there is no other.
pub(super) async fn note_sync(
    tx: &Tx,
    name: &str,
    kind: &str,
    failed: Option<&str>,
    state: Option<&str>,
) -> Result<()> {
    tx.exec(
        "INSERT INTO source (name, kind, synced, failed, state) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE SET synced = excluded.synced, failed = excluded.failed,
         state = CASE WHEN excluded.kind = source.kind THEN COALESCE(excluded.state, source.state) ELSE excluded.state END,
         kind = excluded.kind",
        args![name, kind, tx.now(), failed, state],
    )
    .await?;
    Ok(())
}

/// What a sync has to know of a document that stands.
pub(super) struct Before {
    pub location: String,
    /// None when the passages were cut by an older rule, so that it is read again.
    pub fingerprint: Option<String>,
    /// As JSON.
    pub readers: String,
    /// As JSON.
    pub restricted: Option<String>,
    pub verified: bool,
    /// Since when it is missing in its source.
    pub missing: Option<Instant>,
}

/// A source's documents that stand.
pub(super) async fn known(conn: &Conn, source: &str) -> Result<Vec<Before>> {
    let rows = conn
        .all(
            "SELECT d.location, d.readers, d.restricted, d.verified, d.missing,
             CASE WHEN v.cutting = $2 AND v.whole = 1 THEN d.fingerprint END AS fingerprint
             FROM document d JOIN document_version v ON v.document_id = d.id AND v.digest = d.version
             WHERE d.source = $1 AND d.status <> 'retired'",
            args![source, CUTTING],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Before {
                location: r.get("location")?,
                fingerprint: r.get("fingerprint")?,
                readers: r.get("readers")?,
                restricted: r.get("restricted")?,
                verified: r.get("verified")?,
                missing: r.get("missing")?,
            })
        })
        .collect()
}

/// What the source's reader wanted to know next time.
pub(super) async fn state(conn: &Conn, source: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT state FROM source WHERE name = $1", args![source]).await?;
    row.map_or(Ok(None), |r| r.get("state"))
}

/// Notes since when a document is missing in its source.
pub(super) async fn set_missing(tx: &Tx, source: &str, location: &str, since: Option<Instant>) -> Result<()> {
    let sql = "UPDATE document SET missing = $1 WHERE source = $2 AND location = $3";
    tx.exec(sql, args![since, source, location]).await?;
    Ok(())
}

/// Who may read a document at most, as its source says (JSON). The outer one is none where there is no such document.
pub(super) async fn restricted(conn: &Conn, source: &str, location: &str) -> Result<Option<Option<String>>> {
    let sql = "SELECT restricted FROM document WHERE source = $1 AND location = $2 AND status <> 'retired'";
    conn.opt(sql, args![source, location]).await?.map(|r| r.get("restricted")).transpose()
}

/// Notes who may read a document at most, as its source says (JSON). What it is known by goes with that: when the source
/// opens it again, it is read again.
pub(super) async fn set_restricted(tx: &Tx, source: &str, location: &str, restricted: Option<&str>) -> Result<()> {
    let sql = "UPDATE document SET restricted = $1, fingerprint = NULL WHERE source = $2 AND location = $3";
    tx.exec(sql, args![restricted, source, location]).await?;
    Ok(())
}
