//! The inbox: events are stored under the platform's key before they are acknowledged, and handled once.

use serde_json::Value as Json;
use stoa_ground::{Db, Error, Instant, Result, Tx, args};

use crate::chat::{Account, Envelope};

/// How often an event is tried before it is parked for the operator.
pub(crate) const ATTEMPTS: i64 = 5;

/// Stores an event; `false` when its key was there already. Acknowledge after this and not before.
pub(crate) async fn store(db: &Db, envelope: &Envelope, state: &'static str) -> Result<bool> {
    let body = serde_json::to_string(envelope)?;
    let account = serde_json::to_string(&envelope.account)?;
    let (body, account) = (&body, &account);
    db.write_by_key(|tx| async move {
        let rows = tx
            .exec(
                "INSERT INTO inbox (key, account, body, received, state) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (key) DO NOTHING",
                args![&envelope.key, account, body, tx.now(), state],
            )
            .await?;
        Ok(rows == 1)
    })
    .await
}

/// Notes an event that is over because its form is shown; `false` when its key was there already.
pub(crate) async fn shown(db: &Db, key: &str, account: &Account) -> Result<bool> {
    let account = &serde_json::to_string(account)?;
    db.write_by_key(|tx| async move {
        let sql = "INSERT INTO inbox (key, account, body, received, state) VALUES ($1, $2, '{}', $3, 'done')
                   ON CONFLICT (key) DO NOTHING";
        Ok(tx.exec(sql, args![key, account, tx.now()]).await? == 1)
    })
    .await
}

/// Takes events that wait, oldest first: the first of each account, so that nobody's events overtake each other, and
/// only if no other server works on it; after `lease` microseconds another one may take them.
pub(crate) async fn claim(db: &Db, limit: usize, lease: i64) -> Result<Vec<(Envelope, i64)>> {
    let sql = format!(
        "UPDATE inbox SET lease_until = $3 WHERE position IN (
           SELECT position FROM inbox WHERE state = 'new' AND retry_at <= $1 AND lease_until <= $1
           AND NOT EXISTS (SELECT 1 FROM inbox earlier WHERE earlier.account = inbox.account AND earlier.state = 'new'
                           AND earlier.position < inbox.position)
           ORDER BY position LIMIT $2{})
         RETURNING position, key, body, attempts",
        db.engine().skip_locked()
    );
    let sql = &sql;
    let mut rows = db
        .write_by_key(|tx| async move {
            let now = tx.lease_time().await?;
            tx.all(sqlx::AssertSqlSafe(sql.clone()), args![now, limit, now.plus(lease)]).await
        })
        .await?;
    rows.sort_by_cached_key(|row| row.get::<i64>("position").unwrap_or_default());
    let mut envelopes = Vec::with_capacity(rows.len());
    for row in rows {
        match row.get::<Json>("body").and_then(|body| Ok(serde_json::from_value(body)?)) {
            Ok(envelope) => envelopes.push((envelope, row.get("attempts")?)),
            Err(e) => {
                let (key, why): (String, _) = (row.get("key")?, format!("written by another version: {e}"));
                tracing::error!(event = %key, why, "event put aside");
                let (key, why) = (&key, &why);
                db.write_by_key(|tx| async move { park(&tx, key, why).await }).await?;
            }
        }
    }
    Ok(envelopes)
}

/// After the start of the only server: nobody works on anything.
pub(crate) async fn release(tx: &Tx) -> Result<()> {
    tx.exec("UPDATE inbox SET lease_until = 0, retry_at = 0 WHERE state = 'new'", args![]).await?;
    Ok(())
}

/// Takes away what a handled event said; that it was there stays known.
pub(crate) async fn forget(tx: &Tx, key: &str) -> Result<()> {
    tx.exec("UPDATE inbox SET body = '{}' WHERE key = $1 AND state <> 'new'", args![key]).await?;
    Ok(())
}

/// Marks an event as done, inside the transaction of its effects; gives when it came in.
pub(crate) async fn finish(tx: &Tx, key: &str) -> Result<Instant> {
    let sql = "UPDATE inbox SET state = 'done', error = NULL WHERE key = $1 AND state = 'new' RETURNING received";
    match tx.opt(sql, args![key]).await? {
        Some(row) => row.get("received"),
        None => Err(Error::Conflict(format!("the event {key} was already handled"))),
    }
}

/// Remembers a failure and when to try again. Trouble of the store passes and does not count against the event.
pub(crate) async fn postpone(db: &Db, key: &str, error: &Error) -> Result<()> {
    let (counted, error) = (i64::from(!error.passes()), &error.to_string());
    db.write_by_key(|tx| async move {
        tx.exec(
            "UPDATE inbox SET attempts = attempts + $4, error = $2, retry_at = $3 + (attempts + 1) * (attempts + 1) * 500000,
             lease_until = 0 WHERE key = $1 AND state = 'new'",
            args![key, error, tx.lease_time().await?, counted],
        )
        .await?;
        Ok(())
    })
    .await
}

/// Puts an event aside for the operator, with its reason; in the transaction that [`finish`]es it as well.
pub(crate) async fn park(tx: &Tx, key: &str, error: &str) -> Result<()> {
    let sql = "UPDATE inbox SET state = 'parked', error = $2 WHERE key = $1 AND state IN ('new', 'done')";
    tx.exec(sql, args![key, error]).await?;
    Ok(())
}
