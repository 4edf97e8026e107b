//! Messages that stand in the chat are edited when what they say has changed (N14).

use stoa_ground::clock::monotonic;
use stoa_ground::people::Person;
use stoa_ground::{Instant, Result, args};

use super::limits::{micros, seconds};
use super::sender::Turn;
use super::{Delivery, Rendered, select};
use crate::chat::{MessageRef, SendError};
use crate::journal::{self, Ended};
use crate::lease::before;
use crate::nudges::{self, About, Decision};
use crate::worker::Flow;

impl Flow {
    /// Renders posted messages again that were asked to be revised, and edits them (N14). Gives how many.
    pub(crate) async fn edit_due(&self) -> Result<usize> {
        let now = self.db().lease_time().await?;
        let due = select!(
            "WHERE revise > 0 AND state = 'posted' AND retry_at <= $1 AND lease_until <= $1 ORDER BY position LIMIT 100"
        );
        let rows = self.db().all(due, args![now]).await?;
        let mut edited = Vec::with_capacity(rows.len());
        for row in &rows {
            let key: String = row.get("key")?;
            edited.push(match Delivery::read(row) {
                Ok(delivery) => self.edit_one(&delivery).await,
                Err(e) => self.edited(&key, None, 0, Err(&format!("written by another version: {e}"))).await,
            });
        }
        edited.into_iter().map(|done| done.map(|()| 1)).sum()
    }

    async fn edit_one(&self, delivery: &Delivery) -> Result<()> {
        let begun = monotonic();
        let Some(asked) = self.take_edit(&delivery.key).await? else { return Ok(()) };
        let person = self.person_of(delivery).await?;
        let turn = Turn { delivery, person: person.as_ref(), started: begun };
        let posted = delivery.posted.as_ref().zip(delivery.message_id.as_deref());
        let edit = before(begun + self.lease.held(), self.edit(delivery, person.as_ref()));
        match edit.await.unwrap_or_else(|| Err(SendError::Retry { why: "cut off".into(), after_seconds: None })) {
            Ok(done) => {
                self.edited(&delivery.key, Some((delivery, done)), asked, Ok(())).await?;
                if done {
                    self.ended(&turn, Ended { posted, ..Ended::new("edited") });
                }
                Ok(())
            }
            Err(passing @ (SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. })) => {
                let wait = match &passing {
                    SendError::Wait { after, .. } => micros(*after),
                    SendError::Retry { after_seconds: Some(s), .. }
                    | SendError::Unsent { after_seconds: Some(s), .. } => seconds(*s).max(Instant::SECOND),
                    _ => Instant::SECOND,
                };
                let why = passing.to_string();
                let why = why.as_str();
                self.db()
                    .write_by_key(|tx| async move {
                        let then = tx.lease_time().await?.plus(wait);
                        let sql = "UPDATE outbox SET error = $2, retry_at = $3, lease_until = 0 WHERE key = $1 AND lease_by = $4";
                        tx.exec(sql, args![&delivery.key, why, then, &self.server]).await?;
                        Ok(())
                    })
                    .await?;
                journal::delivery_postponed(delivery, why);
                Ok(())
            }
            Err(e) => {
                let why = e.to_string();
                self.edited(&delivery.key, None, asked, Err(&why)).await?;
                self.ended(&turn, Ended { why: Some(&why), posted, ..Ended::new("failed") });
                Ok(())
            }
        }
    }

    /// Renders what stands in the chat anew; `false` when there is nothing to change there.
    async fn edit(&self, delivery: &Delivery, person: Option<&Person>) -> Result<bool, SendError> {
        let Rendered::Say(message) = self.render(delivery, person, true).await? else { return Ok(false) };
        let Some((place, id)) = delivery.posted.clone().zip(delivery.message_id.clone()) else { return Ok(false) };
        let Some(platform) = self.platform(&place.platform) else { return Ok(false) };
        let reach = self.reach(person).await?;
        let message = self.welcome(person, delivery, message, &reach).await?;
        let message = self.ask_zone(person, delivery, platform.as_ref(), &reach, message).await?;
        let message = if platform.shows_moments() { message } else { message.without_moments() };
        platform.edit(&MessageRef { place, id }, &message).await.map(|()| true)
    }

    /// Takes the lease of a message that is to be edited, so that servers do not edit it across each other; gives how
    /// often that was asked for, or none when another one is at it.
    async fn take_edit(&self, key: &str) -> Result<Option<i64>> {
        self.db()
            .write_by_key(|tx| async move {
                let now = tx.lease_time().await?;
                let sql = "UPDATE outbox SET lease_until = $3, lease_by = $4
                           WHERE key = $1 AND revise > 0 AND state = 'posted' AND lease_until <= $2 RETURNING revise";
                let row = tx.opt(sql, args![key, now, now.plus(self.lease.micros()), &self.server]).await?;
                row.map(|r| r.get("revise")).transpose()
            })
            .await
    }

    /// An edit is done, or cannot be done. What was asked for since it began (`asked`) is still to be done.
    async fn edited(
        &self,
        key: &str,
        done: Option<(&Delivery, bool)>,
        asked: i64,
        outcome: Result<(), &str>,
    ) -> Result<()> {
        self.db()
            .write_by_key(|tx| async move {
                tx.exec(
                    "UPDATE outbox SET revise = CASE WHEN $2 = 0 OR revise = $2 THEN 0 ELSE revise END, error = $3, lease_until = 0
                     WHERE key = $1",
                    args![key, asked, outcome.err()],
                )
                .await?;
                if let Some((delivery, true)) = done
                    && let (Some(person), None) = (&delivery.person, &delivery.shown)
                {
                    let about = About { key, person, kind: &delivery.kind, item: &delivery.item };
                    nudges::record(&tx, &about, &Decision::Edit { why: "changed".into() }).await?;
                }
                Ok(())
            })
            .await
    }
}
