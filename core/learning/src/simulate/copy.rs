//! From the configured store into the one of the simulation.

use stoa_ground::db::{TABLES, Value, tables};
use stoa_ground::people;
use stoa_ground::{Conn, Db, Instant, Result, args, meta};

/// What a simulation has no use for: evidence and statements, which it does not write, content that is only searched,
/// other people's conversations, and what holds for one server only.
const LEFT_OUT: &[&str] = &[
    "meta",
    "change",
    "ledger_record",
    "ledger_value",
    "ledger_key",
    "log_state",
    "log_leaf",
    "log_tile",
    "log_key",
    "log_checkpoint",
    "log_anchor",
    "legal_hold",
    "statement",
    "statement_agent",
    "statement_activity",
    "statement_target",
    "activity_definition",
    "lrs_credential",
    "sign_in_link",
    "inbox",
    "source",
    "document",
    "document_version",
    "passage",
    "web_channel",
    "web_member",
    "web_message",
    "web_session",
    "erasure",
    "alarm",
    "roster_step",
    "person_history",
];

/// The newest instant that the store knows of; 0 for an empty one.
pub(super) async fn stands_at(db: &Db) -> Result<Instant> {
    let sql = "SELECT MAX(at) AS at FROM (
        SELECT COALESCE(MAX(at), 0) AS at FROM change
        UNION ALL SELECT COALESCE(MAX(at), 0) FROM decision
        UNION ALL SELECT COALESCE(MAX(at), 0) FROM last_activity
        UNION ALL SELECT COALESCE(MAX(created), 0) FROM outbox
        UNION ALL SELECT COALESCE(MAX(sent_at), 0) FROM outbox) AS newest";
    let (newest, clock) = db
        .read(|c| async move {
            let newest: Instant = c.one(sql, args![]).await?.get("at")?;
            Ok((newest, meta::get(&c, "clock").await?))
        })
        .await?;
    // A clock that is moved by hand says itself where it stands; the word for the machine's clock is no instant.
    let by_hand = clock.and_then(|text| Instant::parse(&text).ok());
    Ok(by_hand.map_or(newest, |at| at.max(newest)))
}

/// Copies the tables, and lets the followers of the change feed see what they have not seen in life.
pub(super) async fn fill(source: &Db, to: &Db) -> Result<()> {
    for (table, _) in TABLES.iter().filter(|(table, _)| !LEFT_OUT.contains(table)) {
        let columns = to.read(|c| async move { tables::columns(&c, table).await }).await?;
        let columns = &columns;
        let rows = source
            .read(|c| async move {
                let mut rows: Vec<Vec<Value>> = Vec::new();
                tables::each_in_order(&c, table, columns, |row| {
                    rows.push(row);
                    Ok(())
                })
                .await?;
                Ok(rows)
            })
            .await?;
        let rows = &rows;
        to.write(|tx| async move { tables::load(&tx, table, columns, rows).await }).await?;
    }
    let unseen = source.read(|c| async move { unseen(&c).await }).await?;
    let unseen = &unseen;
    to.write(|tx| async move {
        // Leases are those of servers that are not here.
        tx.exec("UPDATE outbox SET state = 'queued', sent_at = NULL WHERE state = 'sending'", args![]).await?;
        tx.exec("UPDATE outbox SET retry_at = 0, attempts = 0", args![]).await?;
        tx.exec("UPDATE job SET retry_at = 0", args![]).await?;
        for person in unseen {
            tx.publish(people::TOPIC, person).await?;
        }
        Ok(())
    })
    .await
}

/// The people whose changes some follower has not followed yet.
async fn unseen(conn: &Conn) -> Result<Vec<String>> {
    let rows = conn.all("SELECT value FROM meta WHERE name LIKE 'follower/%'", args![]).await?;
    let positions = rows.iter().map(|r| r.get::<String>("value")).collect::<Result<Vec<_>>>()?;
    let seen = positions.iter().filter_map(|text| text.parse::<i64>().ok()).min().unwrap_or(0);
    let sql = "SELECT DISTINCT key FROM change WHERE topic = $1 AND (position > $2 OR position IS NULL) ORDER BY key";
    conn.all(sql, args![people::TOPIC, seen]).await?.iter().map(|r| r.get("key")).collect()
}

/// The newest decision that was made in life.
pub(super) async fn last_decision(db: &Db) -> Result<i64> {
    let row = db.opt("SELECT COALESCE(MAX(position), 0) AS position FROM decision", args![]).await?;
    row.map_or(Ok(0), |r| r.get("position"))
}
