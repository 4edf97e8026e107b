//! Messages that stand in the chat are edited when what they say has changed (N14).

use std::future::ready;

use futures_util::{StreamExt as _, stream};
use stoa_ground::clock::monotonic;
use stoa_ground::people::Person;
use stoa_ground::{Result, Row, args};

use super::limits::{micros, seconds};
use super::sender::{AT_ONCE, ATTEMPTS, GROWING, Turn};
use super::{Delivery, MAIL, Rendered, select};
use crate::caught::caught;
use crate::chat::{MessageRef, SendError};
use crate::journal::{self, Ended};
use crate::lease::before;
use crate::nudges::{self, About, Decision};
use crate::worker::Flow;

/// What became of an edit.
enum Done {
    /// What stands there says it already, or nothing stands there.
    Stands,
    /// It says something else now; its digest.
    Edited(Option<i64>),
}

impl Flow {
    /// Renders posted messages again that were asked to be revised, and edits them (N14), the newest first: those are what people
    /// look at. Gives how many.
    pub(crate) async fn edit_due(&self) -> Result<usize> {
        let now = self.db().lease_time().await?;
        let due = select!(
            "WHERE revise > 0 AND state = 'posted' AND retry_at <= $1 AND lease_until <= $1 ORDER BY position DESC LIMIT 100"
        );
        let rows = self.db().all(due, args![now]).await?;
        let lasts = self.turn_lasts();
        let rows = stream::iter(rows).take_while(|_| ready(lasts()));
        let edited = self.each_at_once(rows.boxed(), AT_ONCE, |flow, row: Row| async move {
            match Delivery::read(&row) {
                Ok(delivery) => flow.edit_one(&delivery).await,
                Err(e) => {
                    let why = format!("written by another version: {e}");
                    flow.edited(&row.get::<String>("key")?, None, 0, Err(&why)).await
                }
            }
        });
        edited.await.into_iter().map(|done| done.map(|()| 1)).sum()
    }

    async fn edit_one(&self, delivery: &Delivery) -> Result<()> {
        let begun = monotonic();
        let Some((asked, said)) = self.take_edit(&delivery.key).await? else { return Ok(()) };
        let person = self.person_of(delivery).await?;
        let turn = Turn { delivery, person: person.as_ref(), started: begun };
        let posted = delivery.posted.as_ref().zip(delivery.message_id.as_deref());
        let edit = caught("an edit", self.edit(delivery, person.as_ref(), said));
        let cut_off = || Err(SendError::Retry { why: "cut off".into(), after_seconds: None });
        let why = match before(begun + self.lease.held(), edit).await.unwrap_or_else(cut_off) {
            Ok(done) => {
                self.edited(&delivery.key, Some((delivery, &done)), asked, Ok(())).await?;
                if matches!(done, Done::Edited(_)) {
                    self.ended(&turn, Ended { posted, ..Ended::new("edited") });
                }
                return Ok(());
            }
            Err(SendError::Wait { why, after, .. }) => {
                return self.postpone_edit(delivery, &why, micros(after), false).await;
            }
            Err(SendError::Retry { why, after_seconds } | SendError::Unsent { why, after_seconds })
                if delivery.attempts + 1 < ATTEMPTS =>
            {
                return self.postpone_edit(delivery, &why, after_seconds.map_or(0, seconds), true).await;
            }
            Err(e) => e.to_string(),
        };
        self.edited(&delivery.key, None, asked, Err(&why)).await?;
        self.ended(&turn, Ended { why: Some(&why), posted, ..Ended::new("failed") });
        Ok(())
    }

    /// An edit is tried again, after a pause that grows as those of sends do where it failed.
    async fn postpone_edit(&self, delivery: &Delivery, why: &str, wait: i64, failed: bool) -> Result<()> {
        let (count, tries) = (i64::from(failed), delivery.attempts + 1);
        let wait = if failed { wait.max(tries * tries * GROWING) } else { wait };
        self.db()
            .write_by_key(|tx| async move {
                let then = tx.lease_time().await?.plus(wait);
                // What stands there is not known for sure.
                let sql = "UPDATE outbox SET error = $2, retry_at = $3, attempts = attempts + $5, lease_until = 0, said = NULL
                           WHERE key = $1 AND lease_by = $4";
                tx.exec(sql, args![&delivery.key, why, then, &self.server, count]).await?;
                Ok(())
            })
            .await?;
        journal::delivery_postponed(delivery, why);
        Ok(())
    }

    /// Renders what stands in the chat anew, and edits it where that says something else than `said`.
    async fn edit(&self, delivery: &Delivery, person: Option<&Person>, said: Option<i64>) -> Result<Done, SendError> {
        let Rendered::Say(message) = self.render(delivery, person, true).await? else { return Ok(Done::Stands) };
        let Some((place, id)) = delivery.posted.clone().zip(delivery.message_id.clone()) else {
            return Ok(Done::Stands);
        };
        // A letter stays as it is.
        let platform = self.platform(&place.platform).filter(|_| place.platform != MAIL);
        let Some(platform) = platform else { return Ok(Done::Stands) };
        let reach = self.reach(person).await?;
        let message = self.welcome(person, delivery, message, &reach).await?;
        let message = self.ask_zone(person, delivery, platform.as_ref(), &reach, message).await?;
        let message = if platform.shows_moments() { message } else { message.without_moments() };
        let says = message.digest();
        if says.is_some() && says == said {
            return Ok(Done::Stands);
        }
        platform.edit(&MessageRef { place, id }, &message).await.map(|()| Done::Edited(says))
    }

    /// Takes the lease of a message that is to be edited, so that servers do not edit it across each other; gives how
    /// often that was asked for and what stands there, as far as that is known for sure; none when another one is at it.
    async fn take_edit(&self, key: &str) -> Result<Option<(i64, Option<i64>)>> {
        self.db()
            .write_by_key(|tx| async move {
                let now = tx.lease_time().await?;
                // Under a lease that ran out somebody may have edited it, and did not say so any more.
                let sql = "UPDATE outbox SET said = CASE WHEN lease_until = 0 THEN said END, lease_until = $3, lease_by = $4
                           WHERE key = $1 AND revise > 0 AND state = 'posted' AND lease_until <= $2 RETURNING revise, said";
                let row = tx.opt(sql, args![key, now, now.plus(self.lease.micros()), &self.server]).await?;
                row.map(|r| Ok((r.get("revise")?, r.get("said")?))).transpose()
            })
            .await
    }

    /// An edit is done, or cannot be done. What was asked for since it began (`asked`) is still to be done.
    async fn edited(
        &self,
        key: &str,
        done: Option<(&Delivery, &Done)>,
        asked: i64,
        outcome: Result<(), &str>,
    ) -> Result<()> {
        self.db()
            .write_by_key(|tx| async move {
                let (stands, said) = match done {
                    Some((_, Done::Stands)) => (true, None),
                    Some((_, Done::Edited(said))) => (false, *said),
                    None => (false, None),
                };
                tx.exec(
                    "UPDATE outbox SET revise = CASE WHEN $2 = 0 OR revise = $2 THEN 0 ELSE revise END, error = $3, attempts = 0,
                     lease_until = 0, said = CASE WHEN $4 = 1 THEN said ELSE $5 END WHERE key = $1",
                    args![key, asked, outcome.err(), stands, said],
                )
                .await?;
                if let Some((delivery, Done::Edited(_))) = done
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
