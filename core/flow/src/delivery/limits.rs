//! Messages that wait because a platform takes no more just now. That is no failure: nothing was sent, so nothing is looked
//! for, the pauses do not grow, and what was due first goes first.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use stoa_ground::{Instant, Result, args};

use super::sender::{Next, Turn};
use crate::chat::SendError;
use crate::journal;
use crate::worker::Flow;

/// The longest pause that a platform can ask for, in seconds.
const LONGEST: u64 = 3_600;
/// Rows that are held back in one transaction.
const CHUNK: usize = 500;

/// Until when each platform takes nothing, as far as its waiting messages were held back.
pub(crate) type Held = std::sync::Mutex<HashMap<String, Instant>>;

/// A pause that a platform asked for, in microseconds.
pub(super) fn seconds(seconds: u64) -> i64 {
    micros(Duration::from_secs(seconds))
}

/// As [`seconds`], to the microsecond.
pub(super) fn micros(pause: Duration) -> i64 {
    i64::try_from(pause.min(Duration::from_secs(LONGEST)).as_micros()).unwrap_or(i64::MAX)
}

impl Flow {
    /// Puts a message back that a platform does not take now. `platform` is the one that was to take it.
    pub(super) async fn not_now(&self, turn: &Turn<'_>, passing: SendError, platform: Option<&str>) -> Result<()> {
        match passing {
            SendError::Wait { why, after, everything } => {
                let until = self.waits(turn, &why, after).await?;
                if let Some(platform) = platform.filter(|_| everything) {
                    self.hold_back(platform, until).await?;
                }
                Ok(())
            }
            SendError::Unsent { why, after_seconds } => self.failed(turn, &why, after_seconds, Next::Send).await,
            SendError::Retry { why, after_seconds } => self.failed(turn, &why, after_seconds, Next::Look).await,
            SendError::Unreachable(why) | SendError::Refused(why) => self.failed(turn, &why, None, Next::Look).await,
        }
    }

    /// A message waits for a limit. Gives until when.
    async fn waits(&self, turn: &Turn<'_>, why: &str, after: Duration) -> Result<Instant> {
        let delivery = turn.delivery;
        let until = self
            .db()
            .write_by_key(|tx| async move {
                let until = tx.lease_time().await?.plus(micros(after));
                let sql = "UPDATE outbox SET state = 'queued', sent_at = NULL, error = $2, retry_at = $3
                           WHERE key = $1 AND state = 'sending' AND lease_by = $4";
                tx.exec(sql, args![&delivery.key, why, until, &self.server]).await?;
                Ok(until)
            })
            .await?;
        journal::delivery_waits(delivery, why, after);
        Ok(until)
    }

    /// Nothing goes to a platform before an instant: what is due for people who are there and nowhere else waits without
    /// being looked at one by one.
    async fn hold_back(&self, platform: &str, until: Instant) -> Result<()> {
        {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            // Many are told at once.
            if held.get(platform).is_some_and(|known| until <= known.plus(Instant::SECOND)) {
                return Ok(());
            }
            held.insert(platform.to_owned(), until);
        }
        loop {
            let held = self
                .db()
                .write_by_key(|tx| async move {
                    let sql = "UPDATE outbox SET retry_at = $1 WHERE position IN (
                                 SELECT o.position FROM outbox o WHERE o.state = 'queued' AND o.due <= $2 AND o.retry_at < $1
                                 AND o.place IS NULL
                                 AND EXISTS (SELECT 1 FROM identity i WHERE i.person = o.person AND i.platform = $3)
                                 AND NOT EXISTS (SELECT 1 FROM identity i WHERE i.person = o.person AND i.platform <> $3)
                                 ORDER BY o.due LIMIT $4)
                               AND state = 'queued'";
                    tx.exec(sql, args![until, tx.now(), platform, CHUNK]).await
                })
                .await?;
            if held < CHUNK as u64 {
                return Ok(());
            }
        }
    }

    /// Whether everything for a recipient was held back since it was found to be due.
    pub(super) async fn is_held_back(&self, recipient: &str) -> Result<bool> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Most often nothing is, and then the database is not asked for the time.
        if held().is_empty() {
            return Ok(false);
        }
        let now = self.db().lease_time().await?;
        held().retain(|_, until| *until > now);
        if held().is_empty() {
            return Ok(false);
        }
        let sql = "SELECT 1 AS one FROM outbox WHERE recipient = $1 AND state = 'queued' AND due <= $2 AND retry_at <= $3 LIMIT 1";
        Ok(self.db().opt(sql, args![recipient, self.clock().now(), now]).await?.is_none())
    }
}
