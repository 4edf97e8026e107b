//! Followers of the change feed: what must happen when something changed, whoever changed it, also another process.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_ground::db::BULK;
use stoa_ground::{Conn, Db, Error, Result, Tx, args, meta};

use crate::caught::caught;
use crate::schedule::{self, Due, Job};

/// How many changes are read at once. How many of them are followed in one transaction, the time that it takes decides.
const CHUNK: usize = 500;

/// Up to so many changes at once it is asked which topics they are of.
const FEW: i64 = 500;

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

/// Lets each follow what has changed up to the position `head`; gives how many changes each has followed.
pub(crate) async fn catch_up(db: &Db, all: &[Followed], head: i64) -> Vec<Result<usize>> {
    let from = all.iter().map(Followed::seen).min().unwrap_or(head);
    if from >= head {
        return Vec::new();
    }
    // Where little has changed, whom it concerns is asked once and not for each.
    let topics = if from >= 0 && head - from <= FEW { topics(db, from, head).await.map(Some) } else { Ok(None) };
    let topics = match topics {
        Ok(topics) => topics,
        Err(e) => return vec![Err(e)],
    };
    let mut ended = Vec::with_capacity(all.len());
    for one in all {
        let last = topics.as_ref().map_or(head, |last| last.get(one.follower.topic()).copied().unwrap_or(0));
        ended.push(one.catch_up(db, head, last).await);
    }
    ended
}

/// The last change of each topic that something has changed in after `from`, up to `head`.
async fn topics(db: &Db, from: i64, head: i64) -> Result<HashMap<String, i64>> {
    let sql = "SELECT topic, MAX(position) AS last FROM change WHERE position > $1 AND position <= $2 GROUP BY topic";
    let rows = db.all(sql, args![from, head]).await?;
    rows.iter().map(|r| Ok((r.get("topic")?, r.get("last")?))).collect()
}

impl Followed {
    pub(crate) fn new(follower: Arc<dyn Follower>) -> Self {
        Self { follower, seen: AtomicI64::new(-1) }
    }

    fn seen(&self) -> i64 {
        self.seen.load(Ordering::SeqCst)
    }

    /// Follows what has changed up to the position `head` for a while, so that events and messages have their turn in
    /// between; `last` is the last change of its topic among them, where that is known. Gives how many changes that were.
    async fn catch_up(&self, db: &Db, head: i64, last: i64) -> Result<usize> {
        let (started, mut all) = (monotonic(), 0);
        while self.seen() < last {
            let some = self.some(db, head).await?;
            all += some;
            if some == 0 || started.elapsed() >= TURN {
                return Ok(all);
            }
        }
        self.seen.fetch_max(head, Ordering::SeqCst);
        Ok(all)
    }

    async fn some(&self, db: &Db, head: i64) -> Result<usize> {
        let name = place(self.follower.name());
        let mut seen = self.seen();
        if seen < 0 {
            let name = name.as_str();
            seen = db.read(|conn| async move { reached(&conn, name).await }).await?;
        }
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
                        Ok(Some(_)) => {}
                        // Another server is at it; what it has followed is asked of the store the next time.
                        Ok(None) => return Ok(0),
                        Err(e) if e.passes() => return Err(e),
                        Err(error) => {
                            let (follower, key) = (self.follower.name(), &change.1);
                            tracing::error!(follower, key, %error, "a change could not be followed; it is tried again by itself");
                            self.leave_out(db, change, name).await?;
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
    /// came, or how far another server has. None while another server is at it.
    async fn follow(&self, db: &Db, changes: &[(i64, String)], name: &str) -> Result<Option<i64>> {
        let follow = db.write(|tx| async move {
            if !tx.try_lock(name).await? {
                return Ok(None);
            }
            let stored = reached(&tx, name).await?;
            let started = monotonic();
            let (mut done, mut reached) = (HashSet::new(), stored);
            for (position, key) in changes.iter().filter(|(position, _)| *position > stored) {
                // Several changes of one thing: it is looked at as it is now, once.
                if done.insert(key) {
                    self.follower.follow(&tx, key).await?;
                }
                reached = *position;
                if started.elapsed() >= BULK {
                    break;
                }
            }
            if reached > stored {
                note(&tx, name, reached).await?;
            }
            Ok(Some(reached))
        });
        caught("following a change", follow).await
    }

    /// Goes on behind a change; a job tries it again, and is put aside like any other that always fails.
    async fn leave_out(&self, db: &Db, (position, key): &(i64, String), name: &str) -> Result<()> {
        let follower = self.follower.name();
        let payload = json!({ "follower": follower, "key": key });
        let (job, payload) = (&format!("follow/{follower}/{key}"), &payload);
        db.write(|tx| async move {
            schedule::put(&tx, job, LEFT_OUT, tx.now(), payload).await?;
            note(&tx, name, *position).await
        })
        .await
    }
}

/// The kind of job that tries a change again that could not be followed among the others.
const LEFT_OUT: &str = "follow";

pub(crate) struct LeftOut(pub(crate) Vec<Arc<dyn Follower>>);

#[async_trait]
impl Job for LeftOut {
    fn kind(&self) -> &'static str {
        LEFT_OUT
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default();
        let follower = self.0.iter().find(|follower| follower.name() == text("follower"));
        let follower = follower.ok_or_else(|| Error::invalid(format!("nobody follows as '{}'", text("follower"))))?;
        follower.follow(tx, text("key")).await
    }
}

/// The fact about the store that says how far a follower has come.
fn place(follower: &str) -> String {
    format!("follower/{follower}")
}

/// How far a follower has come by what is written down at this place.
async fn reached(conn: &Conn, place: &str) -> Result<i64> {
    Ok(meta::get(conn, place).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// How far the follower of this name has come.
pub(crate) async fn position_of(conn: &Conn, follower: &str) -> Result<i64> {
    reached(conn, &place(follower)).await
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
