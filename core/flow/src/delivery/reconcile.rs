//! Sends that were cut off: what became of them is found out before anything is repeated.

use std::future::ready;

use futures_util::{StreamExt as _, stream};
use stoa_ground::clock::monotonic;
use stoa_ground::people::Person;
use stoa_ground::{Error, Result, Row, args};

use super::sender::{AT_ONCE, ATTEMPTS, Arrived, GROWING, Turn, park};
use super::{Delivery, select};
use crate::caught::caught;
use crate::chat::{Place, SendError};
use crate::journal;
use crate::lease::before;
use crate::worker::Flow;

impl Flow {
    /// Finds out what became of messages whose sending was cut off, before anything is repeated. Gives how many.
    pub(crate) async fn reconcile(&self) -> Result<usize> {
        if !self.watch().trusts(monotonic()) {
            return Ok(0);
        }
        let rows = self
            .db()
            .all(
                select!("WHERE state = 'sending' AND lease_until <= $1 ORDER BY lease_until LIMIT 100"),
                args![self.db().lease_time().await?],
            )
            .await?;
        let lasts = self.turn_lasts();
        let rows = stream::iter(rows).take_while(|_| ready(lasts()));
        let ended = self.each_at_once(rows.boxed(), AT_ONCE, |flow, row: Row| async move {
            match caught("looking for a message", flow.reconcile_one(&row)).await {
                Err(e) if !e.passes() => flow.reconcile_failed(&row.get::<String>("key")?, &e).await.map(|()| 1),
                done => done,
            }
        });
        ended.await.into_iter().sum()
    }

    /// What became of it cannot even be asked. That is tried again with growing pauses, and put aside in the end.
    async fn reconcile_failed(&self, key: &str, error: &Error) -> Result<()> {
        let why = &error.to_string();
        let state = self
            .db()
            .write_by_key(|tx| async move {
                let sql = "UPDATE outbox SET attempts = attempts + 1, error = $2,
                     lease_until = $3 + (attempts + 1) * (attempts + 1) * $4,
                     state = CASE WHEN attempts + 1 >= $5 THEN 'parked' ELSE state END
                     WHERE key = $1 AND state = 'sending' AND lease_by = $6 RETURNING state";
                let now = tx.lease_time().await?;
                let row = tx.opt(sql, args![key, why, now, GROWING, ATTEMPTS, &self.server]).await?;
                row.map(|row| row.get::<String>("state")).transpose()
            })
            .await?;
        tracing::error!(delivery = key, state, error = %journal::reason(error), "what became of a message could not be found out");
        Ok(())
    }

    async fn reconcile_one(&self, row: &Row) -> Result<usize> {
        let (key, begun) = (row.get::<String>("key")?, monotonic());
        if !self.take_over(&key).await? {
            return Ok(0);
        }
        let delivery = match Delivery::read(row) {
            Ok(delivery) => delivery,
            Err(e) => {
                let why = format!("written by another version: {e}");
                let (key, why) = (&key, &why);
                return self.db().write_by_key(|tx| async move { park(&tx, key, why).await }).await.map(|()| 1);
            }
        };
        let person = self.person_of(&delivery).await?;
        if let Some(place) = self.unfindable(&delivery) {
            let turn = Turn { delivery: &delivery, person: person.as_ref(), started: begun };
            self.posted(&turn, place, &format!("unknown/{key}"), Arrived::Sent { lost: false, said: None }).await?;
            return Ok(1);
        }
        match before(begun + self.lease.held(), self.look_for(&delivery, person.as_ref())).await {
            Some(Ok(Some((place, id)))) => {
                let turn = Turn { delivery: &delivery, person: person.as_ref(), started: begun };
                self.posted(&turn, &place, &id, Arrived::Found).await?;
            }
            Some(Ok(None)) => self.unsent(&key, true).await?,
            // Unknown is not "no": it stays as it is until the platform can say.
            Some(Err(error)) => {
                journal::delivery_uncertain(&delivery, &error.to_string());
                self.ask_again(&key).await?;
                return Ok(0);
            }
            None => return Ok(0),
        }
        Ok(1)
    }

    /// Where one person alone was shown it, if the platform cannot look for it there.
    pub(super) fn unfindable<'a>(&self, delivery: &'a Delivery) -> Option<&'a Place> {
        let place = delivery.place.as_ref().filter(|place| delivery.only.is_some() && !place.direct)?;
        self.platform(&place.platform).filter(|platform| !platform.finds_ephemeral()).map(|_| place)
    }

    /// Takes the lease of a row whose own has run out; `false` when another server was faster.
    async fn take_over(&self, key: &str) -> Result<bool> {
        self.db()
            .write_by_key(|tx| async move {
                let now = tx.lease_time().await?;
                let sql = "UPDATE outbox SET lease_until = $3, lease_by = $4 WHERE key = $1 AND state = 'sending' AND lease_until <= $2";
                Ok(tx.exec(sql, args![key, now, now.plus(self.lease.micros()), &self.server]).await? == 1)
            })
            .await
    }

    /// Lets go of a row about which the platform could not tell, for a while that is shorter than a lease.
    async fn ask_again(&self, key: &str) -> Result<()> {
        self.db()
            .write_by_key(|tx| async move {
                let soon = tx.lease_time().await?.plus(self.lease.micros() / 12);
                let sql = "UPDATE outbox SET lease_until = $2 WHERE key = $1 AND state = 'sending' AND lease_by = $3";
                tx.exec(sql, args![key, soon, &self.server]).await?;
                Ok(())
            })
            .await
    }

    /// Puts a row back that was not sent. Where that is only what the platform said after a send was cut off (`doubtful`),
    /// it is looked for once more before it is sent, when the cut-off one cannot be on its way any more. That counts as an attempt:
    /// one that always takes the server with it is put aside in the end.
    pub(super) async fn unsent(&self, key: &str, doubtful: bool) -> Result<()> {
        let count = i64::from(doubtful);
        let settles = if doubtful { i64::try_from(self.settles().as_micros()).unwrap_or(i64::MAX) } else { 0 };
        self.db()
            .write_by_key(|tx| async move {
                let then = tx.lease_time().await?.plus(settles);
                let sql = "UPDATE outbox SET retry_at = CASE WHEN $3 = 1 THEN $5 ELSE retry_at END,
                           state = CASE WHEN attempts + $3 < $4 THEN 'queued' ELSE 'parked' END, sent_at = NULL,
                           error = CASE WHEN attempts + $3 < $4 THEN error ELSE 'it was cut off each time that it was sent' END,
                           attempts = attempts + $3 WHERE key = $1 AND state = 'sending' AND lease_by = $2";
                tx.exec(sql, args![key, &self.server, count, ATTEMPTS, then]).await?;
                Ok(())
            })
            .await
    }

    /// Looks for a delivery in every place where it can have arrived.
    pub(super) async fn look_for(
        &self,
        delivery: &Delivery,
        person: Option<&Person>,
    ) -> Result<Option<(Place, String)>, SendError> {
        let places = self.places_of(delivery, person).await?;
        for (place, platform) in places.all {
            if let Some(id) = platform.find(&place, &delivery.key, delivery.created).await? {
                return Ok(Some((place, id)));
            }
        }
        places.missing.map_or(Ok(None), Err)
    }
}
