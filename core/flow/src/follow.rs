//! Followers of the change feed: what must happen when something changed, whoever changed it, also another process.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stoa_ground::clock::monotonic;
use stoa_ground::db::BULK;
use stoa_ground::{Db, Result, Tx, args};

/// How many changes are read at once. How many of them are followed in one transaction, the time that it takes decides.
const CHUNK: usize = 500;

/// How long a follower works in one round of the workers.
const TURN: Duration = Duration::from_millis(100);

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

    /// Follows what has changed up to the position `head` for a while, so that events and messages have their turn in
    /// between. Gives how many changes that were.
    pub(crate) async fn catch_up(&self, db: &Db, head: i64) -> Result<usize> {
        let (started, mut all) = (monotonic(), 0);
        loop {
            let some = self.some(db, head).await?;
            all += some;
            if some == 0 || started.elapsed() >= TURN {
                return Ok(all);
            }
        }
    }

    async fn some(&self, db: &Db, head: i64) -> Result<usize> {
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
        if rows.is_empty() {
            self.seen.store(head, Ordering::SeqCst);
            return Ok(0);
        }
        let changes: Vec<(i64, String)> =
            rows.iter().map(|r| Ok((r.get("position")?, r.get("key")?))).collect::<Result<_>>()?;
        let (name, changes) = (name.as_str(), changes.as_slice());
        let reached = match self.follow(db, changes, name).await {
            Ok(reached) => reached,
            // Trouble of the store passes: nothing may be left out for it.
            Err(e) if e.passes() => return Err(e),
            // One that cannot be followed stops nobody else.
            Err(_) => {
                for change in changes {
                    let one = std::slice::from_ref(change);
                    match self.follow(db, one, name).await {
                        Ok(_) => {}
                        Err(e) if e.passes() => return Err(e),
                        Err(error) => {
                            let (follower, key) = (self.follower.name(), &change.1);
                            tracing::error!(follower, key, %error, "a change could not be followed, and is left out");
                            self.leave_out(db, change.0, name).await?;
                        }
                    }
                }
                changes.last().map(|(position, _)| *position)
            }
        };
        let Some(reached) = reached else { return Ok(0) };
        self.seen.store(reached, Ordering::SeqCst);
        Ok(changes.iter().filter(|(position, _)| *position <= reached).count())
    }

    /// Follows changes in their order, until there are no more or the transaction has taken long enough; gives how far it
    /// came. None when another server is at it, or has been.
    async fn follow(&self, db: &Db, changes: &[(i64, String)], name: &str) -> Result<Option<i64>> {
        db.write(|tx| async move {
            if !tx.try_lock(name).await? {
                return Ok(None);
            }
            let row = tx.opt("SELECT value FROM meta WHERE name = $1", args![name]).await?;
            let stored: Option<String> = row.map(|r| r.get("value")).transpose()?;
            let stored = stored.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            if changes.last().is_none_or(|(position, _)| stored > *position) {
                return Ok(None);
            }
            let started = monotonic();
            let (mut done, mut reached) = (HashSet::new(), stored);
            for (position, key) in changes {
                // Several changes of one thing: it is looked at as it is now, once.
                if done.insert(key) {
                    self.follower.follow(&tx, key).await?;
                }
                reached = *position;
                if started.elapsed() >= BULK {
                    break;
                }
            }
            note(&tx, name, reached).await?;
            Ok(Some(reached))
        })
        .await
    }

    async fn leave_out(&self, db: &Db, position: i64, name: &str) -> Result<()> {
        db.write(|tx| async move { note(&tx, name, position).await }).await
    }
}

/// Writes down how far a follower has come; it never goes back.
async fn note(tx: &Tx, name: &str, position: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
         WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)",
        args![name, position.to_string()],
    )
    .await?;
    Ok(())
}
