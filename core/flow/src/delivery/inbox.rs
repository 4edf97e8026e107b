//! The inbox: events are stored under the platform's key before they are acknowledged, and handled once.

use serde_json::Value as Json;
use stoa_ground::clock::machine;
use stoa_ground::{Db, Error, Result, Tx, args};

use crate::chat::Envelope;

/// How often an event is tried before it is parked for the operator.
pub(crate) const ATTEMPTS: i64 = 5;

/// Stores an event; `false` when its key was there already. Acknowledge after this and not before.
pub(crate) async fn store(db: &Db, envelope: &Envelope, state: &'static str) -> Result<bool> {
    let body = serde_json::to_string(envelope)?;
    let account = serde_json::to_string(&envelope.account)?;
    let (body, account) = (&body, &account);
    db.write(|tx| async move {
        let rows = tx
            .exec(
                "INSERT INTO inbox (key, position, account, body, received, state)
                 SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4, $5 FROM inbox WHERE TRUE
                 ON CONFLICT (key) DO NOTHING",
                args![&envelope.key, account, body, tx.now(), state],
            )
            .await?;
        Ok(rows == 1)
    })
    .await
}

/// Events that wait, oldest first: the first of each account, so that nobody's events overtake each other.
pub(crate) async fn waiting(db: &Db, limit: usize) -> Result<Vec<(Envelope, i64)>> {
    let rows = db
        .all(
            "SELECT key, body, attempts FROM inbox WHERE state = 'new' AND retry_at <= $1 AND position IN
             (SELECT MIN(position) FROM inbox WHERE state = 'new' GROUP BY account) ORDER BY position LIMIT $2",
            args![machine(), limit],
        )
        .await?;
    let mut envelopes = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_value(row.get::<Json>("body")?) {
            Ok(envelope) => envelopes.push((envelope, row.get("attempts")?)),
            Err(e) => {
                let key: String = row.get("key")?;
                park(db, &key, &format!("written by another version: {e}")).await?;
            }
        }
    }
    Ok(envelopes)
}

/// Marks an event as done, inside the transaction of its effects.
pub(crate) async fn finish(tx: &Tx, key: &str) -> Result<()> {
    match tx.exec("UPDATE inbox SET state = 'done', error = NULL WHERE key = $1 AND state = 'new'", args![key]).await? {
        1 => Ok(()),
        _ => Err(Error::Conflict(format!("the event {key} was already handled"))),
    }
}

/// Remembers a failure and when to try again.
pub(crate) async fn postpone(db: &Db, key: &str, error: &str) -> Result<()> {
    db.write(|tx| async move {
        tx.exec(
            "UPDATE inbox SET attempts = attempts + 1, error = $2, retry_at = $3 + (attempts + 1) * (attempts + 1) * 500000
             WHERE key = $1 AND state = 'new'",
            args![key, error, machine()],
        )
        .await?;
        Ok(())
    })
    .await
}

/// Puts an event aside for the operator, with its reason.
pub(crate) async fn park(db: &Db, key: &str, error: &str) -> Result<()> {
    db.write(|tx| async move {
        tx.exec("UPDATE inbox SET state = 'parked', error = $2 WHERE key = $1", args![key, error]).await?;
        Ok(())
    })
    .await
}
