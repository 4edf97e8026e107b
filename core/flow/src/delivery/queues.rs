//! What waits and what was put aside: for the operator, for `/metrics` and for `stoa doctor`.

use stoa_ground::{Conn, Error, Instant, Result, Tx, args};

use crate::follow::position_of;

/// A queue and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// `inbox`, `outbox` or `schedule`.
    pub name: &'static str,
    /// How many rows are due and not done.
    pub waiting: i64,
    /// Since when the oldest of them is due, in business time.
    pub oldest: Option<Instant>,
    /// How many were put aside after too many failures.
    pub parked: i64,
}

/// A row that was put aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    /// See [`Queue::name`].
    pub queue: &'static str,
    /// The row's key.
    pub key: String,
    /// What it is: the kind of delivery or job, or the account's platform.
    pub kind: String,
    /// Since when it was due or received.
    pub since: Instant,
    /// Why it failed the last time.
    pub reason: String,
}

/// A reader of the change feed and how far it is behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    /// Its name.
    pub name: String,
    /// How many changes it has not seen.
    pub lag: i64,
}

/// For each queue: its name, its numbers at the instant `$1`, and its newest `$1` parked rows.
const QUEUES: [(&str, &str, &str); 3] = [
    (
        "inbox",
        "SELECT COALESCE(SUM(CASE WHEN state = 'new' THEN 1 ELSE 0 END), 0) AS waiting,
         MIN(CASE WHEN state = 'new' THEN received END) AS oldest,
         COALESCE(SUM(CASE WHEN state = 'parked' THEN 1 ELSE 0 END), 0) AS parked
         FROM inbox WHERE state IN ('new', 'parked') AND $1 = $1",
        "SELECT key, account AS kind, received AS since, error FROM inbox WHERE state = 'parked' ORDER BY position DESC LIMIT $1",
    ),
    (
        "outbox",
        "SELECT COALESCE(SUM(CASE WHEN state = 'parked' THEN 0 ELSE 1 END), 0) AS waiting,
         MIN(CASE WHEN state = 'parked' THEN NULL ELSE due END) AS oldest,
         COALESCE(SUM(CASE WHEN state = 'parked' THEN 1 ELSE 0 END), 0) AS parked
         FROM (SELECT state, due FROM outbox WHERE state = 'parked'
               UNION ALL SELECT state, due FROM outbox WHERE state = 'sending'
               UNION ALL SELECT state, due FROM outbox WHERE state = 'queued' AND due <= $1) AS here",
        "SELECT key, kind, due AS since, error FROM outbox WHERE state = 'parked' ORDER BY position DESC LIMIT $1",
    ),
    (
        "schedule",
        "SELECT COALESCE(SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0) AS waiting,
         MIN(CASE WHEN state = 'waiting' THEN due END) AS oldest,
         COALESCE(SUM(CASE WHEN state = 'parked' THEN 1 ELSE 0 END), 0) AS parked
         FROM job WHERE state = 'parked' OR (state = 'waiting' AND due <= $1)",
        "SELECT key, kind, due AS since, error FROM job WHERE state = 'parked' ORDER BY key LIMIT $1",
    ),
];

/// How the queues stand.
///
/// # Errors
/// The database's error.
pub async fn queues(conn: &Conn) -> Result<Vec<Queue>> {
    let mut all = Vec::with_capacity(QUEUES.len());
    for (name, counts, _) in QUEUES {
        let row = conn.one(counts, args![conn.now()]).await?;
        all.push(Queue { name, waiting: row.get("waiting")?, oldest: row.get("oldest")?, parked: row.get("parked")? });
    }
    Ok(all)
}

/// The newest rows that were put aside, at most `limit` of each queue.
///
/// # Errors
/// The database's error.
pub async fn parked(conn: &Conn, limit: usize) -> Result<Vec<Parked>> {
    let mut all = Vec::new();
    for (queue, _, rows) in QUEUES {
        for row in conn.all(rows, args![limit]).await? {
            let kind: String = row.get("kind")?;
            let account = serde_json::from_str::<crate::chat::Account>(&kind);
            all.push(Parked {
                queue,
                key: row.get("key")?,
                kind: account.map_or(kind, |a| a.platform),
                since: row.get("since")?,
                reason: row.get::<Option<String>>("error")?.unwrap_or_default(),
            });
        }
    }
    Ok(all)
}

/// Whether a row of this queue is put aside.
///
/// # Errors
/// The database's error.
pub async fn is_parked(conn: &Conn, queue: &str, key: &str) -> Result<bool> {
    let sql = match queue {
        "inbox" => "SELECT 1 AS one FROM inbox WHERE key = $1 AND state = 'parked'",
        "outbox" => "SELECT 1 AS one FROM outbox WHERE key = $1 AND state = 'parked'",
        "schedule" => "SELECT 1 AS one FROM job WHERE key = $1 AND state = 'parked'",
        _ => return Ok(false),
    };
    Ok(conn.opt(sql, args![key]).await?.is_some())
}

/// How far the followers of the change feed are behind: changes of their own topics that they have not followed.
///
/// # Errors
/// The database's error.
pub(crate) async fn readers(conn: &Conn, followers: &[(&'static str, &'static str)]) -> Result<Vec<Reader>> {
    let mut all = Vec::with_capacity(followers.len());
    for (name, topic) in followers {
        let at = position_of(conn, name).await?;
        let sql = "SELECT COUNT(*) AS lag FROM change WHERE topic = $1 AND position > $2";
        let lag = conn.one(sql, args![*topic, at]).await?.get("lag")?;
        all.push(Reader { name: (*name).to_owned(), lag });
    }
    Ok(all)
}

/// The three statements that bring parked rows back; the same order as [`QUEUES`].
const RETRY: [&str; 3] = [
    "UPDATE inbox SET state = 'new', attempts = 0, retry_at = 0, lease_until = 0 WHERE state = 'parked' AND (key = $1 OR $1 = '')",
    "UPDATE outbox SET state = 'queued', attempts = 1, retry_at = 0 WHERE state = 'parked' AND (key = $1 OR $1 = '')",
    "UPDATE job SET state = 'waiting', attempts = 0, retry_at = 0 WHERE state = 'parked' AND (key = $1 OR $1 = '')",
];

/// Tries a parked row again, or with no key all of them. Gives how many.
///
/// # Errors
/// [`Error::NotFound`] when no parked row has this key.
pub async fn retry(tx: &Tx, key: Option<&str>) -> Result<u64> {
    let mut count = 0;
    for sql in RETRY {
        count += tx.exec(sql, args![key.unwrap_or_default()]).await?;
    }
    if let (Some(key), 0) = (key, count) {
        return Err(Error::NotFound(format!("a parked row with the key '{key}'")));
    }
    Ok(count)
}

/// Gives a parked row up for good, with the reason. Its key stays taken, so that a repeat of it is dropped.
///
/// # Errors
/// [`Error::NotFound`] when no parked row has this key.
pub async fn give_up(tx: &Tx, key: &str, reason: &str) -> Result<()> {
    let mut count = 0;
    for sql in [
        "UPDATE inbox SET state = 'dropped', error = $2 WHERE state = 'parked' AND key = $1",
        "UPDATE outbox SET state = 'cancelled', error = $2 WHERE state = 'parked' AND key = $1",
        "UPDATE job SET state = 'dropped', error = $2 WHERE state = 'parked' AND key = $1",
    ] {
        count += tx.exec(sql, args![key, reason]).await?;
    }
    match count {
        0 => Err(Error::NotFound(format!("a parked row with the key '{key}'"))),
        _ => Ok(()),
    }
}
