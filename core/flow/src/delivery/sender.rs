//! The outbox worker: renders what was claimed, sends it, and keeps the message id.

use std::collections::HashMap;
use std::future::ready;

use futures_util::{StreamExt as _, stream};
use stoa_ground::clock::monotonic;
use stoa_ground::people::{self, Person};
use stoa_ground::{Error, Instant, Result, Tx, args};

use super::claim::{self, Claimed};
use super::limits::seconds;
use super::places::{self, Reach};
use super::{Delivery, DeliveryKind, MAIL, Rendered, Rendering, merged_into, waits};
use crate::caught::caught;
use crate::chat::{Block, Message, Place, SendError, literal};
use crate::journal::{self, Ended};
use crate::lease::before;
use crate::nudges::{self, About, Decision, LearnerDigest, Policy};
use crate::words::Words;
use crate::worker::Flow;

/// How many recipients, or messages of an edit, are worked on at once.
pub(super) const AT_ONCE: usize = 32;

/// After a start, a message that may have been sent before is looked for within this time.
const SETTLED: i64 = 10 * Instant::SECOND;

/// How often a message is tried before it is parked: with growing pauses, for three hours.
pub(super) const ATTEMPTS: i64 = 40;

/// The pause after a failure, in microseconds: so much times the square of how often it failed.
pub(super) const GROWING: i64 = 500_000;

/// Which of the messages that are due are sent. `until`: what became due until this instant is all there; what nobody asked
/// for and became due later waits, so that it becomes one message with what else becomes due, or comes after what is more
/// urgent (N7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All {
        until: Instant,
    },
    /// What somebody asked for.
    Asked,
    /// What nobody asked for.
    Unasked {
        until: Instant,
    },
}

impl Which {
    /// Until when what nobody asked for must have been due to be sent.
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::All { until } | Self::Unasked { until } => Some(until),
            Self::Asked => None,
        }
    }
}

/// One delivery on its way, to whom, and since when it is worked on.
pub(super) struct Turn<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) person: Option<&'a Person>,
    pub(super) started: std::time::Instant,
}

/// What comes after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is looked for before it is sent again: it may have arrived.
    Look,
    /// It is sent again: nothing was sent.
    Send,
    /// It is put aside.
    Park,
}

/// How it is known that a message stands in the chat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// It was sent just now, to somebody who is or is not listed as one whom nothing reaches, and says this.
    Sent { lost: bool, said: Option<i64> },
    /// The platform has it from an earlier attempt.
    Found,
}

impl Flow {
    /// Sends what is due. Gives how many rows were touched.
    pub(crate) async fn send_due(&self, which: Which) -> Result<usize> {
        let args = args![self.clock().now(), self.db().lease_time().await?];
        let kinds = self.parts().kinds.iter().filter(|kind| !kind.policy().unsolicited).map(|kind| kind.name());
        let asked: Vec<&str> = kinds.collect();
        let waiting = concat!("AND ", waits!(), " ORDER BY due LIMIT 1000");
        let rows = match which {
            Which::All { .. } => {
                let sql = concat!("SELECT recipient FROM outbox WHERE ", waits!(), " ORDER BY due LIMIT 1000");
                self.db().all(sql, args).await?
            }
            Which::Asked | Which::Unasked { .. } => {
                let sql = match which {
                    Which::Asked => "SELECT recipient FROM outbox WHERE kind IN",
                    _ => "SELECT recipient FROM outbox WHERE kind NOT IN",
                };
                let asked = &asked;
                self.db().read(|c| async move { c.all_in(sql, asked, waiting, args).await }).await?
            }
        };
        // Each once, in the order in which something became due for them.
        let (mut places, mut recipients) = (HashMap::<String, usize>::new(), Vec::<(String, usize)>::new());
        for row in &rows {
            let recipient: String = row.get("recipient")?;
            match places.get(&recipient) {
                Some(place) => recipients[*place].1 += 1,
                None => {
                    places.insert(recipient.clone(), recipients.len());
                    recipients.push((recipient, 1));
                }
            }
        }
        // Those who come next are claimed while what was claimed is sent.
        let lasts = self.turn_lasts();
        let parts = stream::iter(claim::parts(recipients)).take_while(|_| ready(lasts()));
        let claims = parts.then(|part| self.claimed(part, which.until()));
        let ended = self.each_at_once(
            claims.flat_map(stream::iter).boxed(),
            AT_ONCE,
            |flow, claimed: Result<Claimed>| async move { flow.send_claimed(&mut claimed?).await },
        );
        ended.await.into_iter().sum()
    }

    /// When the next queued delivery is due.
    pub(crate) async fn next_delivery(&self) -> Result<Option<Instant>> {
        let row = self.db().opt("SELECT MIN(due) AS due FROM outbox WHERE state = 'queued'", args![]).await?;
        row.map_or(Ok(None), |r| r.get("due"))
    }

    /// Sends what was claimed of one recipient.
    async fn send_claimed(&self, claimed: &mut Claimed) -> Result<usize> {
        for (delivery, outcome, why, into) in &claimed.ended {
            let turn = Turn { delivery, person: claimed.person.as_ref(), started: claimed.at };
            self.ended(&turn, Ended { why: Some(why), into: into.as_deref(), ..Ended::new(outcome) });
        }
        claimed.to_send.sort_by_key(|d| d.due);
        let mut open = true;
        for (n, delivery) in claimed.to_send.iter().enumerate() {
            // After a failure the others wait as well, and what was claimed long ago another server may look for by now.
            if !open || claimed.at.elapsed() > self.lease.fresh() || (n > 0 && !self.holds(&delivery.key).await?) {
                self.unsent(&delivery.key, false).await?;
                continue;
            }
            // Also a server that hung: what it says after its lease, another one may be saying.
            let turn = Turn { delivery, person: claimed.person.as_ref(), started: monotonic() };
            let send = caught("a message", self.send_one(&turn, claimed.reach.take()));
            open = match before(claimed.at + self.lease.held(), send).await {
                Some(Ok(open)) => open,
                Some(Err(e)) if e.passes() => return Err(e),
                // It is counted, so that a message that always fails is parked in the end. Where only a few saw it, it may stand
                // there and nobody can look: that is left to who finds it cut off.
                Some(Err(e)) if self.unfindable(delivery).is_none() => {
                    self.keep_failure(&turn, &e, Next::Look).await?;
                    true
                }
                Some(Err(e)) => return Err(e),
                None => {
                    tracing::warn!(delivery = %delivery.key, "cut off before the lease ends; it is looked for first");
                    false
                }
            };
        }
        Ok(claimed.touched)
    }

    /// Whether a row that was claimed is still this server's.
    async fn holds(&self, key: &str) -> Result<bool> {
        let sql =
            "SELECT 1 AS one FROM outbox WHERE key = $1 AND state = 'sending' AND lease_by = $2 AND lease_until > $3";
        Ok(self.db().opt(sql, args![key, &self.server, self.db().lease_time().await?]).await?.is_some())
    }

    /// Renders and sends one claimed delivery; `false` when the platform takes nothing just now.
    /// `reach`: how the person can be reached, where that was just read.
    async fn send_one(&self, turn: &Turn<'_>, reach: Option<Reach>) -> Result<bool> {
        let (delivery, person) = (turn.delivery, turn.person);
        // An attempt that failed may have arrived all the same, also when there is nothing to say any more.
        if delivery.doubtful {
            match self.look_for(delivery, person).await {
                Ok(Some((place, id))) => return self.posted(turn, &place, &id, Arrived::Found).await.map(|()| true),
                Ok(None) => {}
                Err(e) => return self.not_now(turn, e, None).await.map(|()| false),
            }
        }
        let message = match self.render(delivery, person, false).await {
            Ok(Rendered::Say(message)) => message,
            Ok(Rendered::Gone(why)) => return self.gone(turn, why).await.map(|()| true),
            Err(e) if e.passes() => return Err(e),
            Err(e) => return self.keep_failure(turn, &e, Next::Send).await.map(|()| true),
        };
        let reach = match reach {
            Some(reach) => reach,
            None => self.reach(person).await?,
        };
        let places = self.places_for(delivery, person, &reach).await?;
        if let (true, Some(missing)) = (places.all.is_empty(), places.missing) {
            return self.not_now(turn, missing, None).await.map(|()| false);
        }
        let message = self.welcome(person, delivery, message, &reach).await?;
        let mut closed = "the person has no place where Stoa can write".to_owned();
        for (place, platform) in places.all {
            let message = self.ask_zone(person, delivery, platform.as_ref(), &reach, message.clone()).await?;
            let message = if platform.shows_moments() { message } else { message.without_moments() };
            // What goes by mail because nothing else is left says so.
            let last_resort = place.platform == MAIL && delivery.place.is_none();
            let by_mail = last_resort.then(|| self.by_mail(person, &message));
            let message = by_mail.as_ref().unwrap_or(&message);
            let started = monotonic();
            let sent = platform.send(&place, delivery.only.as_ref(), message, &delivery.key).await;
            journal::sent(&place.platform, &sent, started.elapsed());
            match sent {
                Ok(id) => {
                    let place = platform.settled(&place).await;
                    return self
                        .posted(turn, &place, &id, Arrived::Sent { lost: reach.lost, said: message.digest() })
                        .await
                        .map(|()| true);
                }
                Err(passing @ (SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. })) => {
                    return self.not_now(turn, passing, Some(place.platform.as_str())).await.map(|()| false);
                }
                Err(SendError::Refused(why)) => return self.failed(turn, &why, None, Next::Park).await.map(|()| true),
                Err(SendError::Unreachable(why)) => closed = why,
            }
        }
        self.unreachable(turn, &closed).await.map(|()| true)
    }

    pub(super) fn ended(&self, turn: &Turn<'_>, ended: Ended<'_>) {
        let ended = Ended { took: turn.started.elapsed(), ..ended };
        journal::delivery_ended(turn.delivery, turn.person, self.clock().now(), &ended);
    }

    /// A message as it goes by mail: it says why it comes that way.
    fn by_mail(&self, person: Option<&Person>, message: &Message) -> Message {
        let words = Words::of(person.map_or("en", |p| p.language()));
        message.clone().context(crate::say!(words, "chat-by-mail"))
    }

    /// No place took it. A person's messages wait until the person can be reached; others are put aside.
    async fn unreachable(&self, turn: &Turn<'_>, why: &str) -> Result<()> {
        let delivery = turn.delivery;
        let Some(person) = delivery.person.as_deref().filter(|_| delivery.place.is_none()) else {
            return self.failed(turn, why, None, Next::Park).await;
        };
        let mine = self
            .db()
            .write_by_key(|tx| async move {
                let mine = tx
                    .exec(
                        "UPDATE outbox SET state = 'unreachable', sent_at = NULL, error = $2
                         WHERE key = $1 AND state = 'sending' AND lease_by = $3",
                        args![&delivery.key, why, &self.server],
                    )
                    .await?;
                if mine == 1 {
                    places::lost(&tx, person, why).await?;
                }
                Ok(mine == 1)
            })
            .await?;
        if mine {
            self.ended(turn, Ended { why: Some(why), ..Ended::new("unreachable") });
        }
        Ok(())
    }

    pub(super) async fn person_of(&self, delivery: &Delivery) -> Result<Option<Person>> {
        let Some(id) = delivery.person.clone() else { return Ok(None) };
        self.db().read(|c| async move { people::by_id(&c, &id).await }).await
    }

    pub(super) async fn render(&self, delivery: &Delivery, person: Option<&Person>, posted: bool) -> Result<Rendered> {
        if let Some(shown) = &delivery.shown {
            return Ok(Rendered::Say(serde_json::from_value(shown.clone())?));
        }
        let Some(kind) = self.kind(&delivery.kind) else {
            return Ok(Rendered::Gone(crate::words_key!("why-unknown-kind")));
        };
        let cx = Rendering {
            flow: self,
            db: self.db(),
            person,
            words: Words::of(person.map_or("en", |p| p.language())),
            now: self.clock().now(),
            posted,
        };
        if delivery.kind == LearnerDigest::NAME {
            let items = merged_into(self.db(), &delivery.key).await?;
            return LearnerDigest::render_items(&cx, self, &items).await;
        }
        kind.render(&cx, delivery).await
    }

    /// The first message to a person says what Stoa is, what it stores and how to stop it.
    pub(super) async fn welcome(
        &self,
        person: Option<&Person>,
        delivery: &Delivery,
        mut message: Message,
        reach: &Reach,
    ) -> Result<Message> {
        let Some(person) = person else { return Ok(message) };
        if delivery.place.as_ref().is_some_and(|p| !p.direct) {
            return Ok(message);
        }
        let id = &person.id;
        match &reach.welcomed {
            // Also when it is edited later: what was said once stays.
            Some(key) if *key == delivery.key => {}
            Some(_) => return Ok(message),
            None => {
                let key = &delivery.key;
                self.db().write_by_key(|tx| async move { places::remember_welcome(&tx, id, key).await }).await?;
            }
        }
        let words = Words::of(person.language());
        let first = person.name.split_whitespace().next().unwrap_or(&person.name);
        let organisation = literal(&self.organisation().name);
        let text = crate::say!(words, "chat-first-message", name = literal(first), organisation = organisation);
        let mut blocks = vec![Block::Context(text)];
        blocks.extend(std::mem::take(&mut message.blocks));
        Ok(Message { blocks, ..message })
    }

    /// Writes down where a message stands. One that was found says what an earlier attempt said: it is rendered again.
    pub(super) async fn posted(&self, turn: &Turn<'_>, place: &Place, id: &str, arrived: Arrived) -> Result<()> {
        let posted = serde_json::to_string(place)?;
        let (posted, delivery) = (&posted, turn.delivery);
        let found = arrived == Arrived::Found;
        let again = i64::from(found && delivery.kind != Reply.name() && delivery.shown.is_none());
        let sql = "UPDATE outbox SET state = 'posted', posted = $2, channel = $3, message_id = $4, sent_at = $5, error = NULL,
                   attempts = 0, tried = NULL, retry_at = 0, lease_until = 0, revise = revise + $7, said = $8
                   WHERE key = $1 AND state = 'sending' AND lease_by = $6";
        let (lost, said) = match arrived {
            Arrived::Sent { lost, said } => (lost, said),
            Arrived::Found => (true, None),
        };
        let args = |now: Instant| args![&delivery.key, posted, &place.channel, id, now, &self.server, again, said];
        let kind = self.kind(&delivery.kind);
        let unsolicited = kind.is_some_and(|kind| kind.policy().unsolicited);
        let keeps = kind.filter(|kind| kind.keeps_sent());
        if !unsolicited && keeps.is_none() && !lost {
            // Nothing else follows from an answer that has arrived.
            if self.db().write_one(sql, args(self.clock().now())).await? == 1 {
                self.ended(turn, Ended { posted: Some((place, id)), ..Ended::new("posted") });
            }
            return Ok(());
        }
        let args = &args;
        let mine = self
            .db()
            .write_by_key(|tx| async move {
                let mine = tx.exec(sql, args(tx.now())).await?;
                if mine == 0 {
                    // The lease ran out; whoever took it finds the message on the platform.
                    return Ok(false);
                }
                if let (Some(person), true) = (&delivery.person, lost) {
                    places::found(&tx, person).await?;
                }
                if let (true, Some(person)) = (unsolicited, &delivery.person) {
                    let about = About { key: &delivery.key, person, kind: &delivery.kind, item: &delivery.item };
                    nudges::record(&tx, &about, &Decision::Now { why: "due".into() }).await?;
                }
                if let Some(kind) = keeps {
                    kind.sent(&tx, delivery).await?;
                }
                Ok(true)
            })
            .await?;
        if mine {
            self.ended(turn, Ended { posted: Some((place, id)), ..Ended::new("posted") });
        }
        Ok(())
    }

    async fn gone(&self, turn: &Turn<'_>, why: &'static str) -> Result<()> {
        let (delivery, why) = (turn.delivery, why.trim_start_matches("why-"));
        let mine = self
            .db()
            .write(|tx| async move {
                let mine = tx
                    .exec(
                        "UPDATE outbox SET state = 'cancelled', sent_at = NULL WHERE key = $1 AND state = 'sending' AND lease_by = $2",
                        args![&delivery.key, &self.server],
                    )
                    .await?;
                if let (1, Some(person)) = (mine, &delivery.person) {
                    let about = About { key: &delivery.key, person, kind: &delivery.kind, item: &delivery.item };
                    nudges::record(&tx, &about, &Decision::Cancel { why: why.into() }).await?;
                }
                Ok(mine == 1)
            })
            .await?;
        if mine {
            self.ended(turn, Ended { why: Some(why), ..Ended::new("cancelled") });
        }
        Ok(())
    }

    pub(super) async fn failed(&self, turn: &Turn<'_>, why: &str, after: Option<u64>, next: Next) -> Result<()> {
        let state = self.count_failure(turn, why, after, next).await?;
        self.failure_counted(turn, state.as_deref(), why);
        Ok(())
    }

    /// A failure of our own: what it says stays in the store, and the log has what may stand there.
    pub(super) async fn keep_failure(&self, turn: &Turn<'_>, error: &Error, next: Next) -> Result<()> {
        let state = self.count_failure(turn, &error.to_string(), None, next).await?;
        self.failure_counted(turn, state.as_deref(), &journal::reason(error));
        Ok(())
    }

    fn failure_counted(&self, turn: &Turn<'_>, state: Option<&str>, why: &str) {
        match state {
            Some("parked") => self.ended(turn, Ended { why: Some(why), ..Ended::new("failed") }),
            Some(_) => journal::delivery_postponed(turn.delivery, why),
            // The lease ran out, and another server has it.
            None => {}
        }
    }

    /// Remembers a failure; gives the state that it leads to, or none when the lease has run out.
    async fn count_failure(
        &self,
        turn: &Turn<'_>,
        why: &str,
        after: Option<u64>,
        next: Next,
    ) -> Result<Option<String>> {
        let delivery = turn.delivery;
        let limit = if next == Next::Park { 0 } else { ATTEMPTS };
        // A row that waits and names a server may have been sent by it.
        let maybe = delivery.doubtful || next == Next::Look;
        let by = &maybe.then(|| self.server.clone());
        let wait = after.map_or(0, seconds);
        self.db()
            .write_by_key(|tx| async move {
                let sql = "UPDATE outbox SET attempts = attempts + 1, error = $2, sent_at = NULL,
                     retry_at = $3 + CASE WHEN CAST($4 AS BIGINT) > (attempts + 1) * (attempts + 1) * $7
                                     THEN CAST($4 AS BIGINT) ELSE (attempts + 1) * (attempts + 1) * $7 END,
                     state = CASE WHEN attempts + 1 >= $5 THEN 'parked' ELSE 'queued' END, lease_by = $8
                     WHERE key = $1 AND state = 'sending' AND lease_by = $6 RETURNING state";
                let now = tx.lease_time().await?;
                let row = tx.opt(sql, args![&delivery.key, why, now, wait, limit, &self.server, GROWING, by]).await?;
                row.map(|r| r.get::<String>("state")).transpose()
            })
            .await
    }

    pub(crate) fn kind(&self, name: &str) -> Option<&dyn DeliveryKind> {
        self.parts().kinds.iter().find(|k| k.name() == name).map(AsRef::as_ref)
    }
}

/// After the start of the only server: nobody sends anything, and retries need not wait for a clock of another run.
pub(crate) async fn release(tx: &Tx) -> Result<()> {
    tx.exec("UPDATE outbox SET said = CASE WHEN lease_until = 0 THEN said END, lease_until = 0 WHERE state = 'sending' OR revise > 0", args![]).await?;
    // What was cut off may still be on its way: it names the server that sent it.
    let sql = "UPDATE outbox SET retry_at = CASE WHEN state <> 'queued' OR lease_by IS NULL THEN 0
                                                 WHEN retry_at < $1 THEN retry_at ELSE $1 END
               WHERE state = 'queued' OR revise > 0";
    tx.exec(sql, args![tx.lease_time().await?.plus(SETTLED)]).await?;
    tx.exec("UPDATE job SET retry_at = 0 WHERE state = 'waiting'", args![]).await?;
    Ok(())
}

/// One server sends nothing just now: what it had can be looked for.
pub(crate) async fn release_of(tx: &Tx, server: &str) -> Result<()> {
    let sql = "UPDATE outbox SET said = CASE WHEN lease_until = 0 THEN said END, lease_until = 0
               WHERE (state = 'sending' OR revise > 0) AND lease_by = $1";
    tx.exec(sql, args![server]).await?;
    Ok(())
}

pub(super) async fn park(tx: &Tx, key: &str, why: &str) -> Result<()> {
    tx.exec("UPDATE outbox SET state = 'parked', error = $2 WHERE key = $1", args![key, why]).await?;
    Ok(())
}

/// The kind `reply`: a message that a command made, as it is.
pub(crate) struct Reply;

#[async_trait::async_trait]
impl DeliveryKind for Reply {
    fn name(&self) -> &'static str {
        "reply"
    }

    fn label(&self) -> &'static str {
        crate::words_key!("kind-reply")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, _cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        Ok(Rendered::Say(serde_json::from_value(delivery.payload.clone())?))
    }
}
