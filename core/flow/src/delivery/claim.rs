//! Takes what is due for this server and asks the arbiter about it: several recipients in one transaction, each decided
//! about by one server at a time.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use stoa_ground::clock::monotonic;
use stoa_ground::db::Engine;
use stoa_ground::people::{self, Person};
use stoa_ground::{Instant, Result, Tx, args};

use super::places::{self, Reach};
use super::sender::park;
use super::{Delivery, DeliveryKind, select, waits};
use crate::nudges::{self, About, Decision, Facts, LearnerDigest, Paused, Policy};
use crate::worker::Flow;

/// How many recipients are claimed in one transaction, and about how many rows.
const RECIPIENTS: usize = 16;
const ROWS: usize = 50;

/// What became of the due rows of one recipient.
pub(super) struct Claimed {
    pub(super) person: Option<Person>,
    /// Since when this server has them.
    pub(super) at: std::time::Instant,
    /// How the person can be reached, when something is to be sent.
    pub(super) reach: Option<Reach>,
    /// How many rows were looked at.
    pub(super) touched: usize,
    /// To be sent by this server.
    pub(super) to_send: Vec<Delivery>,
    /// Ended without being sent: how, why, and the digest into which it was merged.
    pub(super) ended: Vec<(Delivery, &'static str, String, Option<String>)>,
    /// What each that is to be sent takes from the budget.
    budget: Vec<Spent>,
}

/// What a message takes from the budget.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spent {
    counted: bool,
    voluntary: bool,
    /// The person's day.
    day: Option<Date>,
}

impl Claimed {
    fn withhold(&mut self, delivery: Delivery, why: &str) {
        self.ended.push((delivery, "withheld", why.to_owned(), None));
    }

    fn merge(&mut self, delivery: Delivery, into: &str) {
        self.ended.push((delivery, "merged", "digest".to_owned(), Some(into.to_owned())));
    }

    fn send(&mut self, delivery: Delivery, policy: Policy, day: Option<Date>) {
        let (counted, voluntary) = (policy.counted && policy.unsolicited, policy.unsolicited && !policy.mandated);
        self.budget.push(Spent { counted, voluntary, day });
        self.to_send.push(delivery);
    }
}

/// Recipients in parts that are claimed together, of each with how many rows are due for it.
pub(super) fn parts(recipients: Vec<(String, usize)>) -> Vec<Vec<String>> {
    let (mut parts, mut rows) = (Vec::<Vec<String>>::new(), 0);
    for (recipient, due) in recipients {
        match parts.last_mut() {
            Some(part) if part.len() < RECIPIENTS && rows + due <= ROWS => {
                part.push(recipient);
                rows += due;
            }
            _ => {
                parts.push(vec![recipient]);
                rows = due;
            }
        }
    }
    parts
}

impl Flow {
    /// Takes what is due for these recipients, and gives what became of each. `until`: see [`Which::until`](super::sender::Which).
    pub(super) async fn claimed(&self, recipients: Vec<String>, until: Option<Instant>) -> Vec<Result<Claimed>> {
        let mut open = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            match self.is_held_back(&recipient).await {
                Ok(true) => {}
                Ok(false) => open.push(recipient),
                Err(e) => return vec![Err(e)],
            }
        }
        if open.is_empty() {
            return Vec::new();
        }
        match self.claim(&open, until).await {
            Ok(all) => all.into_iter().map(Ok).collect(),
            // What cannot be read for one must not keep the others waiting.
            Err(e) if open.len() > 1 && !e.passes() => {
                let mut all = Vec::with_capacity(open.len());
                for one in open.chunks(1) {
                    match self.claim(one, until).await {
                        Ok(claimed) => all.extend(claimed.into_iter().map(Ok)),
                        Err(e) => all.push(Err(e)),
                    }
                }
                all
            }
            Err(e) => vec![Err(e)],
        }
    }

    /// Asks the arbiter about every due row of these recipients, in one transaction that also reserves the budget.
    async fn claim(&self, recipients: &[String], until: Option<Instant>) -> Result<Vec<Claimed>> {
        let at = monotonic();
        self.db().write_by_key(|tx| async move { self.decide_about(&tx, at, recipients, until).await }).await
    }

    async fn decide_about(
        &self,
        tx: &Tx,
        at: std::time::Instant,
        recipients: &[String],
        until: Option<Instant>,
    ) -> Result<Vec<Claimed>> {
        // One server at a time decides about one recipient, so that the budget that it reads is the one it spends.
        let names: Vec<String> = recipients.iter().map(|recipient| format!("{LOCK}{recipient}")).collect();
        let (now, mine) = tx.try_locks(&names).await?;
        let mine: Vec<&str> = mine.iter().filter_map(|name| name.strip_prefix(LOCK)).collect();
        // The rows stay as they are read here: who takes one back meanwhile waits, and sees it sent.
        let due = match tx.engine() {
            Engine::Sqlite => concat!("AND ", waits!(), " ORDER BY due, position LIMIT 100"),
            Engine::Postgres => concat!("AND ", waits!(), " ORDER BY due, position LIMIT 100 FOR UPDATE"),
        };
        let rows = tx.all_in(select!("WHERE recipient IN"), &mine, due, args![tx.now(), now]).await?;
        let mut of: HashMap<String, (usize, Vec<Delivery>)> = HashMap::new();
        for row in &rows {
            let (touched, due) = of.entry(row.get("recipient")?).or_default();
            *touched += 1;
            match Delivery::read(row) {
                Ok(delivery) => due.push(delivery),
                Err(e) => park(tx, &row.get::<String>("key")?, &format!("written by another version: {e}")).await?,
            }
        }
        let first = |(_, due): &(usize, Vec<Delivery>)| due.first().and_then(|delivery| delivery.person.clone());
        let ids: Vec<String> = mine.iter().filter_map(|recipient| of.get(*recipient).and_then(first)).collect();
        let people = people::by_ids(tx, &ids).await?;
        let mut all = Vec::with_capacity(of.len());
        for recipient in mine {
            let Some((touched, due)) = of.remove(recipient) else { continue };
            let person = due.first().and_then(|delivery| people.get(delivery.person.as_deref()?)).cloned();
            let mut claimed = Claimed {
                person,
                at,
                reach: None,
                touched,
                to_send: Vec::new(),
                ended: Vec::new(),
                budget: Vec::new(),
            };
            match claimed.person.clone() {
                Some(person) => self.arbitrate(tx, &person, due, until, &mut claimed).await?,
                None => due.into_iter().for_each(|delivery| claimed.send(delivery, Policy::ANSWER, None)),
            }
            all.push(claimed);
        }
        let reached = all.iter().filter(|claimed| !claimed.to_send.is_empty());
        let people: Vec<String> = reached.filter_map(|claimed| Some(claimed.person.as_ref()?.id.clone())).collect();
        let mut reach = places::reach_of(tx, &people).await?;
        for claimed in &mut all {
            claimed.reach = claimed.person.as_ref().and_then(|person| reach.remove(&person.id));
        }
        self.mark_sending(tx, now, &all).await?;
        Ok(all)
    }

    async fn arbitrate(
        &self,
        tx: &Tx,
        person: &Person,
        due: Vec<Delivery>,
        until: Option<Instant>,
        claimed: &mut Claimed,
    ) -> Result<()> {
        let mut sorted: Vec<(Policy, Delivery)> = Vec::new();
        for delivery in due {
            match self.kind(&delivery.kind).map(DeliveryKind::policy) {
                Some(policy) if policy.unsolicited && until.is_none_or(|until| delivery.due > until) => {}
                Some(policy) => sorted.push((policy, delivery)),
                None => park(tx, &delivery.key, &format!("no delivery kind '{}' is known", delivery.kind)).await?,
            }
        }
        sorted.sort_by_key(|(policy, d)| (policy.priority, d.due));
        // Several mandated items at once become one message (N7).
        let mergeable = sorted.iter().filter(|(p, _)| p.mergeable).count();
        let mut digest: Option<Delivery> = None;
        // Read once; what is sent from here on is added.
        let mut facts: Option<Facts> = None;
        for (policy, delivery) in sorted {
            // About an answer there is nothing to weigh.
            let mut decision = if policy.unsolicited {
                let before = match facts.take() {
                    Some(before) => before,
                    None => nudges::facts(tx, self.organisation(), person).await?,
                };
                nudges::decide(policy, &self.organisation().nudges, facts.insert(before), tx.now())
            } else {
                nudges::answer(person.status)
            };
            let about = About { key: &delivery.key, person: &person.id, kind: &delivery.kind, item: &delivery.item };
            if policy.unsolicited && delivery.expires.is_some_and(|e| e <= tx.now()) {
                decision = Decision::Withhold { why: "stale".into() };
            }
            if let (Some(digest), true) = (&digest, policy.mergeable) {
                decision = Decision::Merge { why: "digest".into() };
                merge(tx, &about, &decision, &digest.key).await?;
                claimed.merge(delivery, &digest.key);
                continue;
            }
            match &decision {
                Decision::Now { .. } if policy.mergeable && mergeable > 1 => {
                    let zone = self.organisation().calendar(person).zone;
                    let mut new = LearnerDigest::of_day(&person.id, &zone, tx.now());
                    if read(tx, &new.key).await?.is_some_and(|digest| digest.state != "queued") {
                        // What comes together later on the same day is a message of its own.
                        new.key = format!("{}/{}", new.key, delivery.key);
                        new.step = format!("{}T{}", new.step, tx.now().zoned(&zone).strftime("%H:%M"));
                    }
                    super::enqueue(tx, &new).await?;
                    let made = read(tx, &new.key).await?;
                    decision = Decision::Merge { why: "digest".into() };
                    merge(tx, &about, &decision, &new.key).await?;
                    claimed.merge(delivery, &new.key);
                    if let Some(made) = made.filter(|d| d.state == "queued") {
                        claimed.send(made.clone(), Policy::MANDATED, facts.as_ref().map(|facts| facts.day(tx.now())));
                        facts = facts.map(|facts| facts.after(Policy::MANDATED, tx.now()));
                        digest = Some(made);
                    }
                }
                // Stored as decided once it is posted: what turns out to have nothing to say was not sent.
                Decision::Now { .. } => {
                    claimed.send(delivery, policy, facts.as_ref().map(|facts| facts.day(tx.now())));
                    facts = facts.map(|facts| facts.after(policy, tx.now()));
                }
                Decision::Later { until, .. } => {
                    if delivery.expires.is_some_and(|e| *until >= e) {
                        let stale = Decision::Withhold { why: "stale".into() };
                        nudges::record(tx, &about, &stale).await?;
                        set_state(tx, &delivery.key, "withheld").await?;
                        claimed.withhold(delivery, "stale");
                    } else {
                        nudges::record(tx, &about, &decision).await?;
                        tx.exec("UPDATE outbox SET due = $2 WHERE key = $1", args![&delivery.key, *until]).await?;
                    }
                }
                _ => {
                    // Said once: what is required goes on, and how the rest does.
                    if decision.why() == "ignored" {
                        let active = facts.as_ref().and_then(|facts| facts.last_activity);
                        super::enqueue(tx, &Paused::since(&person.id, active)).await?;
                    }
                    nudges::record(tx, &about, &decision).await?;
                    set_state(tx, &delivery.key, "withheld").await?;
                    claimed.withhold(delivery, decision.why());
                }
            }
        }
        Ok(())
    }

    /// Sets what goes out to `sending`, with this server's lease, the accounts it goes to and what it takes from the budget.
    async fn mark_sending(&self, tx: &Tx, now: Instant, all: &[Claimed]) -> Result<()> {
        let mut alike: BTreeMap<&Spent, Vec<(&str, String)>> = BTreeMap::new();
        for claimed in all {
            for (delivery, spent) in claimed.to_send.iter().zip(&claimed.budget) {
                let tried = self.tried(delivery, claimed.person.as_ref(), claimed.reach.as_ref());
                alike.entry(spent).or_default().push((&delivery.key, serde_json::to_string(&tried)?));
            }
        }
        for (Spent { counted, voluntary, day }, rows) in alike {
            tx.exec_given(
                "UPDATE outbox SET state = 'sending', sent_at = $1, counted = $2, voluntary = $3, lease_until = $4,
                 lease_by = $5, sent_day = $6, revise = 0, tried = given.value FROM given WHERE outbox.key = given.key",
                &rows,
                args![
                    tx.now(),
                    *counted,
                    *voluntary,
                    now.plus(self.lease.micros()),
                    &self.server,
                    day.map(|day| day.to_string())
                ],
            )
            .await?;
        }
        Ok(())
    }
}

/// What the name of the lock of a recipient begins with.
const LOCK: &str = "recipient/";

async fn merge(tx: &Tx, about: &About<'_>, decision: &Decision, into: &str) -> Result<()> {
    tx.exec("UPDATE outbox SET state = 'merged', into_key = $2 WHERE key = $1", args![about.key, into]).await?;
    nudges::record_into(tx, about, decision, Some(into)).await
}

async fn set_state(tx: &Tx, key: &str, state: &'static str) -> Result<()> {
    tx.exec("UPDATE outbox SET state = $2 WHERE key = $1", args![key, state]).await?;
    Ok(())
}

async fn read(tx: &Tx, key: &str) -> Result<Option<Delivery>> {
    let row = tx.opt(select!("WHERE key = $1"), args![key]).await?;
    row.as_ref().map(Delivery::read).transpose()
}
