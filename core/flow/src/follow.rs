//! Followers of the change feed: what must happen when something changed, whoever changed it, also another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use stoa_ground::{Db, Error, Result, Tx, args};

/// How many changes are followed in one transaction.
const CHUNK: usize = 10;

/// Does something for each change of a topic. Every change is followed at least once; several changes of one thing may
/// be followed together, so it looks at how the thing is now.
#[async_trait]
pub trait Follower: Send + Sync {
    /// The name under which its position is kept.
    fn name(&self) -> &'static str;
    /// The topic of the change feed.
    fn topic(&self) -> &'static str;
    /// Does what follows from a change of the thing `key`. Must take less than 5 ms.
    async fn follow(&self, tx: &Tx, key: &str) -> Result<()>;
}

/// A follower and how far it has come, as this process knows.
pub(crate) struct Followed {
    follower: Arc<dyn Follower>,
    seen: AtomicI64,
}

impl Followed {
    pub(crate) fn new(follower: Arc<dyn Follower>) -> Self {
        Self { follower, seen: AtomicI64::new(-1) }
    }

    /// Follows what has changed, a part at a time. Gives how many changes that were.
    pub(crate) async fn catch_up(&self, db: &Db) -> Result<usize> {
        let head = db.committed_position().await?;
        let name = format!("follower/{}", self.follower.name());
        let mut seen = self.seen.load(Ordering::SeqCst);
        if seen >= head {
            return Ok(0);
        }
        // Another server may have come further.
        let row = db.opt("SELECT value FROM meta WHERE name = $1", args![&name]).await?;
        let stored: Option<String> = row.map(|r| r.get("value")).transpose()?;
        let stored = stored.and_then(|text| text.parse().ok()).unwrap_or(0);
        seen = seen.max(stored);
        let rows = db
            .all(
                "SELECT position, key FROM change WHERE topic = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4",
                args![self.follower.topic(), seen, head, CHUNK],
            )
            .await?;
        let Some(last) = rows.last() else {
            self.seen.store(head, Ordering::SeqCst);
            return Ok(0);
        };
        let (name, to): (&str, i64) = (&name, last.get("position")?);
        let mut keys: Vec<String> = rows.iter().map(|r| r.get("key")).collect::<Result<_>>()?;
        keys.sort();
        keys.dedup();
        let mut mine = true;
        match self.follow(db, &keys, name, to).await {
            Ok(done) => mine = done,
            Err(e @ Error::Database(_)) => return Err(e),
            // One that cannot be followed stops nobody else.
            Err(_) => {
                for key in &keys {
                    if let Err(error) = self.follow(db, std::slice::from_ref(key), name, to).await {
                        tracing::error!(follower = self.follower.name(), key, %error, "a change could not be followed");
                    }
                }
            }
        }
        if mine {
            self.seen.store(to, Ordering::SeqCst);
        }
        Ok(if mine { rows.len() } else { 0 })
    }

    /// Follows the changes of some keys, unless another server does or did; gives whether it was done here.
    async fn follow(&self, db: &Db, keys: &[String], name: &str, to: i64) -> Result<bool> {
        db.write(|tx| async move {
            if !tx.try_lock(name).await? {
                return Ok(false);
            }
            let row = tx.opt("SELECT value FROM meta WHERE name = $1", args![name]).await?;
            let stored: Option<String> = row.map(|r| r.get("value")).transpose()?;
            if stored.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0) > to {
                return Ok(false);
            }
            for key in keys {
                self.follower.follow(&tx, key).await?;
            }
            tx.exec(
                "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                args![name, to.to_string()],
            )
            .await?;
            Ok(true)
        })
        .await
    }
}
