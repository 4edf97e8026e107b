//! The weekly digest of a manager: one message with everything that is overdue, never one for each (N11).

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::{Date, Time, Weekday};
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Result, Tx, args};

use super::super::assignment::{self, Assignment};
use super::super::due::days_late;
use super::super::requirement;
use super::super::state::State;
use super::{Lookup, delegation, digest_job, digest_key, expect_digests, next_monday};
use crate::Services;

/// How many entries have buttons of their own.
const WITH_BUTTONS: usize = 5;
/// How many entries are named.
const NAMED: usize = 15;

/// The job `training-digest`: on Monday at nine, when there is something to tell.
pub(in crate::training) struct DigestJob(pub Arc<Services>);

impl DigestJob {
    pub(super) const KIND: &'static str = "training-digest";
}

#[async_trait]
impl Job for DigestJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        let s = &self.0;
        let id = job.payload.as_str().unwrap_or_default();
        let Some(manager) = people::by_id(tx, id).await?.filter(|m| m.status != Status::Left) else { return Ok(()) };
        let mut lookup = Lookup::new(tx, s);
        let (items, others) = lookup.items_for(&manager).await?;
        for person in &others {
            expect_digests(tx, s, &mut lookup, person).await?;
        }
        let calendar = s.organisation.calendar(&manager);
        let (next, date) = (next_monday(&calendar, tx.now()), calendar.date(tx.now()));
        if !items.is_empty() || !others.is_empty() {
            schedule::put(tx, &digest_job(id), Self::KIND, next, &Json::from(id)).await?;
        }
        // It was Monday where they were before.
        if items.is_empty() || date.weekday() == Weekday::Sunday {
            return Ok(());
        }
        let before = told_last(tx, id).await?;
        let ids: Vec<&str> = items.iter().map(|i| i.a.id.as_str()).collect();
        let escalated: Vec<&str> = items.iter().filter(|i| i.escalated).map(|i| i.a.id.as_str()).collect();
        let key = digest_key(id, date);
        let new = NewDelivery {
            key: key.clone(),
            kind: if escalated.len() == ids.len() { "escalation" } else { "manager-digest" },
            person: Some(id.to_owned()),
            payload: json!({ "items": ids, "escalated": escalated, "before": before }),
            step: date.to_string(),
            // The next one says it again, and there are not two in a week.
            expires: Some(calendar.at(calendar.date(next), Time::midnight())),
            ..NewDelivery::default()
        };
        if delivery::enqueue(tx, &new).await? {
            tx.exec(
                "INSERT INTO manager_digest (manager, key, items, at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (manager) DO UPDATE SET key = excluded.key, items = excluded.items, at = excluded.at",
                args![id, key, serde_json::to_string(&ids)?, tx.now()],
            )
            .await?;
            tx.exec("DELETE FROM manager_digest_item WHERE manager = $1", args![id]).await?;
            let rows = ids.iter().map(|a| args![*a, id]).collect();
            tx.put_rows("manager_digest_item", &["assignment", "manager"], rows, "").await?;
        }
        Ok(())
    }
}

/// The items that a manager heard of last. A digest that never left told nothing: that of the one before it counts.
async fn told_last(tx: &Tx, manager: &str) -> Result<Json> {
    let sql = "SELECT d.items, o.state, o.payload FROM manager_digest d LEFT JOIN outbox o ON o.key = d.key
               WHERE d.manager = $1";
    let Some(last) = tx.opt(sql, args![manager]).await? else { return Ok(json!([])) };
    let told = last.get::<Option<String>>("state")?.is_none_or(|state| matches!(state.as_str(), "posted" | "sending"));
    if told {
        return last.get("items");
    }
    Ok(last.get::<Json>("payload")?["before"].take())
}

/// Those of whom somebody's last digest told and who still have it open.
pub(super) async fn named_in(conn: &Conn, manager: &str) -> Result<Vec<Person>> {
    let sql = "SELECT assignment FROM manager_digest_item WHERE manager = $1 ORDER BY assignment";
    let mut found: Vec<Person> = Vec::new();
    for row in conn.all(sql, args![manager]).await? {
        let a = assignment::by_id(conn, &row.get::<String>("assignment")?).await?;
        let Some(a) = a.filter(|a| a.state.is_open()) else { continue };
        if found.iter().all(|p| p.id != a.person) {
            found.extend(people::by_id(conn, &a.person).await?);
        }
    }
    Ok(found)
}

/// One of the kinds `manager-digest` and `escalation`. Both are one message a week and person; the second one is for
/// those who hear only of what was escalated.
pub(in crate::training) struct Digest {
    services: Arc<Services>,
    name: &'static str,
    label: &'static str,
}

/// An entry of a digest, as it is now.
struct Entry {
    a: Assignment,
    name: String,
    title: String,
    late: u32,
    escalated: bool,
    new: bool,
}

/// What a digest tells.
struct Told {
    /// Those that are named.
    entries: Vec<Entry>,
    /// How many there are.
    all: usize,
    /// How many of them are overdue.
    open: usize,
    /// How many of those of the digest before are done.
    finished: usize,
}

impl Digest {
    /// Both.
    pub fn kinds(services: &Arc<Services>) -> Vec<Box<dyn DeliveryKind>> {
        let kinds =
            [("manager-digest", words_key!("kind-manager-digest")), ("escalation", words_key!("kind-escalation"))];
        let kind = |(name, label)| Box::new(Self { services: services.clone(), name, label }) as Box<dyn DeliveryKind>;
        kinds.into_iter().map(kind).collect()
    }

    async fn told(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Told> {
        let strings =
            |name: &str| -> Vec<String> { serde_json::from_value(delivery.payload[name].clone()).unwrap_or_default() };
        let (ids, escalated, before) = (strings("items"), strings("escalated"), strings("before"));
        let escalated: HashSet<&str> = escalated.iter().map(String::as_str).collect();
        let before: HashSet<&str> = before.iter().map(String::as_str).collect();
        let all: Vec<&str> = ids.iter().map(String::as_str).chain(before.iter().copied()).collect();
        let (ids, escalated, before, all, s) = (&ids, &escalated, &before, &all, &self.services);
        cx.db
            .read(|c| async move {
                let states = assignment::states(&c, all).await?;
                let is_open = |id: &str| states.get(id).is_some_and(|(state, _)| *state == State::Overdue);
                let mut items: Vec<&str> = ids.iter().map(String::as_str).collect();
                items.retain(|id| if cx.posted { states.contains_key(*id) } else { is_open(id) });
                items.sort_by_key(|id| escalated.contains(id));
                let mut told = Told {
                    entries: Vec::with_capacity(items.len().min(NAMED)),
                    all: items.len(),
                    open: items.iter().filter(|id| is_open(id)).count(),
                    finished: before.iter().filter(|id| states.get(**id).is_some_and(|(_, done)| *done)).count(),
                };
                for id in items.into_iter().take(NAMED) {
                    let Some(a) = assignment::by_id(&c, id).await? else { continue };
                    let Some(person) = people::by_id(&c, &a.person).await? else { continue };
                    told.entries.push(Entry {
                        title: requirement::by_id(&c, &a.requirement).await?.title,
                        late: days_late(a.due.date, s.organisation.calendar(&person).date(cx.now)),
                        name: person.name,
                        escalated: escalated.contains(id),
                        new: !before.contains(id),
                        a,
                    });
                }
                Ok(told)
            })
            .await
    }
}

fn line(words: &Words, e: &Entry, today: Date) -> String {
    let (name, title) = (literal(&e.name), literal(&e.title));
    match e.a.state {
        State::Overdue if e.new => say!(words, "team-line-new", name = name, title = title, days = e.late),
        State::Overdue => say!(words, "team-line-overdue", name = name, title = title, days = e.late),
        State::Completed | State::Expired => say!(words, "team-line-done", name = name, title = title),
        State::Waived => say!(words, "team-line-waived", name = name, title = title),
        State::Exempt | State::Retired => say!(words, "team-line-ended", name = name, title = title),
        State::OnLeave => say!(words, "team-line-away", name = name, title = title),
        _ => say!(words, "team-line-due", name = name, title = title, due = e.a.due.said(words, today)),
    }
}

/// The buttons under one entry.
pub(super) fn buttons(words: &Words, a: &Assignment) -> Vec<Button> {
    vec![
        Button::new(say!(words, "team-remind-button"), format!("team remind {}", a.id)),
        Button::new(say!(words, "team-extend-button"), format!("team extend {} {}", a.id, a.due.date)),
        Button::new(say!(words, "team-more-button"), format!("team more {}", a.id)),
    ]
}

#[async_trait]
impl DeliveryKind for Digest {
    fn name(&self) -> &'static str {
        self.name
    }

    fn label(&self) -> &'static str {
        self.label
    }

    fn policy(&self) -> Policy {
        Policy { mergeable: false, ..Policy::MANDATED }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Told { entries, all, open, finished } = self.told(cx, delivery).await?;
        let Some(manager) = cx.person else { return Ok(Rendered::Gone(words_key!("why-training-ended"))) };
        if !cx.posted && all == 0 {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let today = self.services.organisation.calendar(manager).date(cx.now);
        let read = cx.db.read(|c| async move {
            Ok((people::leads(&c, &manager.id).await?, delegation::by_delegate(&c, &manager.id).await?))
        });
        let (leads, stands_in) = read.await?;
        // Who leads nobody hears of those whom no manager can hear of.
        let has_team = leads || !stands_in.is_empty();
        let mut message = Message::new().heading(if has_team {
            say!(cx.words, "team-digest-title")
        } else {
            say!(cx.words, "team-digest-title-others")
        });
        for (who, d) in &stands_in {
            let until = d.until.said_in_full(cx.words);
            message = message.context(say!(cx.words, "team-stand-in-for", name = literal(&who.name), until = until));
        }
        message = message.paragraph(if open == 0 {
            say!(cx.words, "team-digest-clear")
        } else {
            say!(cx.words, "team-digest-count", count = open)
        });
        if finished > 0 {
            message = message.context(say!(cx.words, "team-digest-finished", count = finished));
        }
        let more = all.saturating_sub(NAMED);
        let mut with_buttons = 0;
        let mut level = false;
        for e in &entries {
            if e.escalated && !level {
                level = true;
                message = message.paragraph(say!(cx.words, "team-digest-escalated"));
            }
            message = message.paragraph(line(cx.words, e, today));
            if e.a.state == State::Overdue && with_buttons < WITH_BUTTONS {
                with_buttons += 1;
                message = message.buttons(buttons(cx.words, &e.a));
            }
        }
        if more > 0 {
            message = message.paragraph(say!(cx.words, "team-digest-more", count = more));
        }
        let all = if has_team { say!(cx.words, "team-all-button") } else { say!(cx.words, "team-all-others-button") };
        let mut last = vec![Button::new(all, "team")];
        if leads {
            last.push(Button::new(say!(cx.words, "team-delegate-button"), "team delegate"));
        }
        last.push(Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)));
        Ok(Rendered::Say(message.buttons(last)))
    }
}
