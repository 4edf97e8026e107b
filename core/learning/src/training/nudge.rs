//! Messages about an assignment that nobody asked for: the announcement, the reminders, the moment that the person chose,
//! and what follows a missed date. All pass the arbiter; each is rendered from the state as it is when it is sent.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Button, Message, literal, moment_at};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, Line, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_flow::{say, words_key};
use stoa_ground::people::calendar::{Calendar, ZONES_APART};
use stoa_ground::people::{self, Absence, Person};
use stoa_ground::{Instant, Result, Tx};

use super::assignment::{self, Assignment, By, record};
use super::due::{self, Step};
use super::requirement::{self, Requirement};
use super::state::{Change, State};
use super::{calendar, progress, team};
use crate::Services;

/// The key of a step's delivery. A step of a date that was moved has the date in its key, so that it comes again (N4).
fn key(a: &Assignment, step: &str) -> String {
    let id = &a.id;
    if a.due.date == a.first_due_date {
        format!("nudge/{id}/{step}")
    } else {
        format!("nudge/{id}/{step}@{}", a.due.date)
    }
}

fn delivery(a: &Assignment, kind: &'static str, step: &str, key: String) -> NewDelivery {
    NewDelivery {
        key,
        kind,
        person: Some(a.person.clone()),
        payload: json!({ "assignment": a.id, "due_date": a.due.date }),
        item: a.requirement.clone(),
        step: step.to_owned(),
        ..NewDelivery::default()
    }
}

/// The messages about assignments themselves.
pub(super) async fn announce(tx: &Tx, made: &[Assignment]) -> Result<()> {
    let new = |a: &Assignment| delivery(a, "assign", "assign", format!("nudge/{}/assign", a.id));
    delivery::enqueue_all(tx, &made.iter().map(new).collect::<Vec<_>>()).await?;
    Ok(())
}

/// The moment that the person chose; an earlier choice is taken back.
pub(super) async fn plan(tx: &Tx, a: &Assignment, at: Instant, number: u32) -> Result<()> {
    let prefix = format!("nudge/{}/plan-", a.id);
    delivery::cancel(tx, &prefix, words_key!("why-training-planned")).await?;
    let new = NewDelivery { due: Some(at), ..delivery(a, "plan", "plan", format!("{prefix}{number}")) };
    delivery::enqueue(tx, &new).await?;
    delivery::revise(tx, &format!("nudge/{}/", a.id)).await
}

/// A reminder by the manager: at most one a day. False when there was one today.
pub(super) async fn by_manager(tx: &Tx, a: &Assignment, today: Date) -> Result<bool> {
    let step = format!("asked-{today}");
    delivery::enqueue(tx, &delivery(a, "reminder", &step, format!("nudge/{}/{step}", a.id))).await
}

/// Puts the job of the next step, and makes sure that the manager hears of what is long overdue.
pub(super) async fn schedule(tx: &Tx, s: &Services, person: &Person, r: &Requirement, a: &Assignment) -> Result<()> {
    schedule_after(tx, s, person, r, a, tx.now()).await
}

/// As [`schedule`], when the person's calendar has changed and the due date has not: a step that had not come where the person
/// was, and is past where they are now, comes at once; no key comes twice.
pub(super) async fn reschedule(tx: &Tx, s: &Services, person: &Person, r: &Requirement, a: &Assignment) -> Result<()> {
    schedule_after(tx, s, person, r, a, tx.now().plus(-ZONES_APART)).await
}

async fn schedule_after(
    tx: &Tx,
    s: &Services,
    person: &Person,
    r: &Requirement,
    a: &Assignment,
    after: Instant,
) -> Result<()> {
    if !a.state.is_running() || a.is_enrolment() {
        return unschedule(tx, &a.id).await;
    }
    let (now, (line, _)) = (tx.now(), timeline(r, a, person, &s.organisation.calendar(person)));
    let late = a.state == State::Overdue;
    if late && line.iter().any(|(at, step)| *step == Step::Manager && *at <= now) {
        team::expect_digest(tx, s, person).await?;
    }
    match next(&line, late, after) {
        Some(at) => schedule::put(tx, &job_key(&a.id), StepJob::KIND, at, &Json::from(a.id.as_str())).await,
        None => unschedule(tx, &a.id).await,
    }
}

/// Puts the jobs of the first steps of what one person was assigned just now.
pub(super) async fn schedule_first(
    tx: &Tx,
    person: &Person,
    calendar: &Calendar,
    assigned: &[(&Assignment, &Requirement)],
) -> Result<()> {
    let job = |(a, r): &(&Assignment, &Requirement)| {
        let at = next(&timeline(r, a, person, calendar).0, false, tx.now())?;
        Some((job_key(&a.id), at, Json::from(a.id.as_str())))
    };
    schedule::put_all(tx, StepJob::KIND, &assigned.iter().filter_map(job).collect::<Vec<_>>()).await
}

/// See [`due::timeline`]. Where a leave takes the end of the messages, who comes back is told again.
fn timeline(r: &Requirement, a: &Assignment, person: &Person, calendar: &Calendar) -> (due::Timeline, due::Timeline) {
    let (steps, absence) = (r.steps_of(a.renews.is_some()), Absence::of(person));
    let away = due::away_after(a.due.date, steps.end_after, |day| absence.away(day));
    due::timeline(&steps, a.assigned, a.due, away, calendar)
}

/// When the first step after an instant comes. `late`: it is overdue already.
fn next(line: &[(Instant, Step)], late: bool, after: Instant) -> Option<Instant> {
    let next = line.iter().find(|(at, step)| *at > after || (*step == Step::Passed && !late));
    next.map(|(at, _)| *at)
}

/// Takes the job of the next step away.
pub(super) async fn unschedule(tx: &Tx, id: &str) -> Result<()> {
    schedule::cancel(tx, &job_key(id)).await
}

fn job_key(id: &str) -> String {
    format!("training/step/{id}")
}

/// The job `training-step`: does what the timeline of one assignment says for now, and waits for its next step.
pub(super) struct StepJob(pub Arc<Services>);

impl StepJob {
    const KIND: &'static str = "training-step";
}

#[async_trait]
impl Job for StepJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        let (s, now) = (&self.0, tx.now());
        let Some(a) = assignment::by_id(tx, job.payload.as_str().unwrap_or_default()).await? else { return Ok(()) };
        let Some(person) = people::by_id(tx, &a.person).await? else { return Ok(()) };
        if !a.state.is_running() {
            return Ok(());
        }
        let requirement = requirement::by_id(tx, &a.requirement).await?;
        let calendar = s.organisation.calendar(&person);
        let (line, left_out) = timeline(&requirement, &a, &person, &calendar);
        if now > a.due.at && a.state != State::Overdue {
            let by = By::rule(&a.requirement, "the due date has passed");
            record(tx, s, &a.id, Change::Overdue, &by, json!({})).await?;
        }
        let a = assignment::existing(tx, &a.id).await?;
        // Where the person has moved east since, the step was earlier there than the job.
        let moved = line.iter().all(|(at, _)| *at != job.due);
        let since = if moved { job.due.plus(-ZONES_APART) } else { job.due };
        // After a standstill only the newest of the messages that were missed goes out.
        let reached = || line.iter().filter(|(at, _)| *at >= since && *at <= now);
        let message = reached().rfind(|(_, step)| step.is_message());
        if let Some((at, step)) = message {
            send(tx, &a, *at, *step).await?;
            let others = reached().filter(|(_, other)| other.is_message() && other != step).copied();
            let same_day = left_out.iter().filter(|(other, _)| calendar.date(*other) == calendar.date(*at)).copied();
            for (at, step) in others.chain(same_day).collect::<Vec<_>>() {
                leave_out(tx, &a, at, step).await?;
            }
        }
        if reached().any(|(_, step)| matches!(step, Step::Manager | Step::Escalate)) {
            team::expect_digest(tx, s, &person).await?;
        }
        schedule(tx, s, &person, &requirement, &a).await
    }
}

/// The message of a step.
fn message_of(a: &Assignment, at: Instant, step: Step) -> NewDelivery {
    let name = step.name();
    let (kind, expires) = match step {
        Step::Before(_) => ("reminder", a.due.at),
        _ => ("overdue", at.plus(7 * Instant::DAY)),
    };
    let key = key(a, &name);
    NewDelivery { due: Some(at), expires: Some(expires), ..delivery(a, kind, &name, key) }
}

/// A message that does not come, since a newer one of the same assignment does: that is written down (N15).
async fn leave_out(tx: &Tx, a: &Assignment, at: Instant, step: Step) -> Result<()> {
    let new = message_of(a, at, step);
    if delivery::enqueue(tx, &new).await? {
        delivery::cancel(tx, &new.key, words_key!("why-training-same-day")).await?;
    }
    Ok(())
}

async fn send(tx: &Tx, a: &Assignment, at: Instant, step: Step) -> Result<()> {
    let new = message_of(a, at, step);
    let (key, kind) = (new.key.clone(), new.kind);
    let new_one = delivery::enqueue(tx, &new).await?;
    // Who has said when they will do it is reminded then, not shortly before.
    let planned = progress::load(tx, &a.id).await?.planned;
    if new_one && kind == "reminder" && planned.is_some_and(|p| p > at.plus(-Instant::DAY)) {
        delivery::cancel(tx, &key, words_key!("why-training-planned")).await?;
    }
    Ok(())
}

fn with(message: Message, link: Option<String>) -> Message {
    match link {
        Some(link) => message.context(link),
        None => message,
    }
}

/// One of the kinds `assign`, `reminder`, `plan` and `overdue`.
pub(super) struct Nudge {
    services: Arc<Services>,
    name: &'static str,
    label: &'static str,
}

impl Nudge {
    /// All four.
    pub fn kinds(services: &Arc<Services>) -> Vec<Box<dyn DeliveryKind>> {
        let kinds = [
            ("assign", words_key!("kind-assign")),
            ("reminder", words_key!("kind-reminder")),
            ("plan", words_key!("kind-plan")),
            ("overdue", words_key!("kind-overdue")),
        ];
        let kind = |(name, label)| Box::new(Self { services: services.clone(), name, label }) as Box<dyn DeliveryKind>;
        kinds.into_iter().map(kind).collect()
    }
}

/// What a nudge needs to know, read when it is rendered.
struct Now {
    a: Assignment,
    /// As CommonMark.
    title: String,
    /// As plain text, for a button.
    plain: String,
    /// The due date in words.
    due: String,
    /// When the person wants to do it, in words.
    planned: Option<String>,
    /// A link to the calendar file about that, as CommonMark.
    file: Option<String>,
    days_left: i32,
    today: Date,
    /// The next two working days, as far as they are not behind the due date.
    mornings: Vec<Date>,
}

impl Nudge {
    async fn now(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Now>> {
        let id = delivery.payload["assignment"].as_str().unwrap_or_default().to_owned();
        let Some(person) = cx.person else { return Ok(None) };
        let read = cx.db.read(|c| async move {
            // Whose it is may have changed while the message waited: two people were told apart.
            let a = assignment::by_id(&c, &id).await?.filter(|a| a.person == person.id);
            let Some(a) = a else { return Ok(None) };
            let requirement = requirement::by_id(&c, &a.requirement).await?;
            Ok(Some((a, requirement.title, progress::load(&c, &id).await?)))
        });
        let Some((a, title, progress)) = read.await? else { return Ok(None) };
        let calendar = self.services.organisation.calendar(person);
        let today = calendar.date(cx.now);
        // What was done before its moment stands in the calendar in vain.
        let file = if a.state.is_running() {
            calendar::link(&self.services, &progress, &say!(cx.words, "training-calendar-add"))
        } else if progress.planned.is_some_and(|at| at > a.since) {
            calendar::link(&self.services, &progress, &say!(cx.words, "training-calendar-remove"))
        } else {
            None
        };
        let planned =
            progress.planned.filter(|at| *at > cx.now).map(|at| moment_at(cx.words, at, &calendar.zone, today));
        let days_left = (a.due.date - today).get_days();
        let next = calendar.working_day_after(today);
        let mornings = [next, calendar.working_day_after(next)].into_iter().filter(|day| *day <= a.due.date).collect();
        Ok(Some(Now {
            due: a.due.said(cx.words, today),
            title: literal(&title),
            plain: title,
            a,
            planned,
            file,
            days_left,
            today,
            mornings,
        }))
    }

    /// Why there is nothing to say, if there is not.
    fn gone(delivery: &Delivery, a: &Assignment) -> Option<&'static str> {
        let due_date = delivery.payload["due_date"].as_str().unwrap_or_default();
        let about_date = delivery.step.starts_with("t-") || delivery.step.starts_with("t+");
        match a.state {
            State::Completed | State::Expired => Some(words_key!("why-done")),
            State::Waived => Some(words_key!("why-training-waived")),
            State::Exempt | State::Retired => Some(words_key!("why-training-ended")),
            State::OnLeave if delivery.step != "assign" => Some(words_key!("why-training-away")),
            _ if about_date && due_date != a.due.date.to_string() => Some(words_key!("why-training-moved")),
            _ => None,
        }
    }

    /// Whether it asks when the person will do it.
    fn asks_when(&self, now: &Now) -> bool {
        self.name == "reminder" && now.planned.is_none() && now.days_left >= 3
    }

    fn sentence(&self, cx: &Rendering<'_>, now: &Now) -> String {
        let (title, due) = (&now.title, &now.due);
        let late = now.a.state == State::Overdue;
        match self.name {
            _ if late => say!(cx.words, "training-nudge-overdue", title = title, due = due),
            "assign" if now.a.renews.is_some() => say!(cx.words, "training-nudge-renew", title = title, due = due),
            "assign" => say!(cx.words, "training-nudge-assign", title = title, due = due),
            "plan" => say!(cx.words, "training-nudge-plan", title = title, due = due),
            _ => say!(cx.words, "training-nudge-reminder", title = title, due = due),
        }
    }

    /// What a message that stands in the chat says when its assignment has ended.
    fn ended(cx: &Rendering<'_>, now: &Now) -> Option<Message> {
        match now.a.state {
            State::Completed | State::Expired => {
                Some(Message::text(say!(cx.words, "training-nudge-done", title = &now.title)))
            }
            State::Waived => Some(Message::text(say!(cx.words, "training-nudge-waived", title = &now.title))),
            State::Exempt | State::Retired => {
                Some(Message::text(say!(cx.words, "training-nudge-ended", title = &now.title)))
            }
            _ => None,
        }
    }
}

#[async_trait]
impl DeliveryKind for Nudge {
    fn name(&self) -> &'static str {
        self.name
    }

    fn label(&self) -> &'static str {
        self.label
    }

    fn policy(&self) -> Policy {
        Policy::MANDATED
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(now) = self.now(cx, delivery).await? else {
            return Ok(Rendered::Gone(words_key!("why-training-ended")));
        };
        if cx.posted {
            if let Some(message) = Self::ended(cx, &now) {
                return Ok(Rendered::Say(with(message, now.file)));
            }
        } else if let Some(why) = Self::gone(delivery, &now.a) {
            return Ok(Rendered::Gone(why));
        }
        let id = &now.a.id;
        let mut message = Message::text(self.sentence(cx, &now));
        if delivery.step == "assign" {
            message = message.context(say!(cx.words, "training-nudge-reason", reason = literal(&now.a.reason)));
        }
        if delivery.step.starts_with("asked-") {
            message = message.context(say!(cx.words, "training-nudge-asked"));
        }
        let label = if now.a.started.is_some() {
            say!(cx.words, "training-continue-button")
        } else {
            say!(cx.words, "training-start-button")
        };
        let mut buttons = vec![Button::primary(label, format!("training open {id}"))];
        match (&now.planned, self.name) {
            (Some(planned), _) => {
                message =
                    with(message.context(say!(cx.words, "training-planned-for", when = planned)), now.file.clone());
            }
            (None, _) if self.asks_when(&now) => {
                message = message.paragraph(say!(cx.words, "training-plan-question"));
                for day in &now.mornings {
                    let label = if now.today.tomorrow().is_ok_and(|tomorrow| tomorrow == *day) {
                        say!(cx.words, "training-plan-tomorrow")
                    } else {
                        say!(cx.words, "training-plan-morning", day = cx.words.day(*day, now.today))
                    };
                    buttons.push(Button::new(label, format!("training plan {id} {day}")));
                }
                buttons.push(Button::new(say!(cx.words, "training-plan-choose"), format!("training choose {id}")));
            }
            _ => {}
        }
        buttons.push(Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)));
        Ok(Rendered::Say(message.buttons(buttons)))
    }

    async fn line(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Line>> {
        let Some(now) = self.now(cx, delivery).await? else { return Ok(None) };
        if !now.a.state.is_open() || (!cx.posted && Self::gone(delivery, &now.a).is_some()) {
            return Ok(None);
        }
        let label = say!(cx.words, "training-open-button", title = &now.plain);
        let mut buttons = vec![Button::new(label, format!("training open {}", now.a.id))];
        if self.asks_when(&now) {
            let label = say!(cx.words, "training-plan-button", title = &now.plain);
            buttons.push(Button::new(label, format!("training choose {}", now.a.id)));
        }
        Ok(Some(Line { text: self.sentence(cx, &now), buttons }))
    }
}
