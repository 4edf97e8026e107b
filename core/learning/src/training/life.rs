//! What happens to an assignment, with everything that follows from it: the record, the statement, the schedule, and
//! what stands in the chat. Each function works in the caller's transaction.

use jiff::civil::Date;
use serde_json::{Value as Json, json};
use stoa_flow::{delivery, words_key};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Absence, Person};
use stoa_ground::{Error, Instant, Result, Tx};

use super::assignment::{self, Assignment, By, Cycle, New, existing, record, record_due};
use super::attest::{self, Attestation};
use super::completions::{self, Elsewhere};
use super::course::{self, Course};
use super::due::{self, Deadline};
use super::exempt::forget_end;
use super::requirement::{self, Requirement};
use super::state::{Change, State};
use super::{evaluate, nudge, progress, statements, team};
use crate::Services;

/// Assigns requirements to a person: the first cycle of each, or the next one.
pub(crate) async fn assign(tx: &Tx, s: &Services, person: &Person, new: &[New<'_>]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let made = assignment::assign(tx, s, person, new).await?;
    statements::were_assigned(tx, s, person, new, &made).await?;
    nudge::announce(tx, &made).await?;
    let calendar = s.organisation.calendar(person);
    let today = calendar.date(tx.now());
    if people::away(person, today) {
        let from = Absence::of(person).since(today).unwrap_or(today);
        for (a, New { requirement, .. }) in made.iter().zip(new) {
            pause(tx, s, a, from, &By::leave(requirement)).await?;
        }
        return Ok(());
    }
    let assigned: Vec<_> = made.iter().zip(new.iter().map(|new| new.requirement)).collect();
    nudge::schedule_first(tx, person, &calendar, &assigned).await
}

/// A person gets a place in a course that nothing demands, because somebody approved it. `due` is when they want to have
/// done it; nobody is reminded of that.
pub(crate) async fn enrol(
    tx: &Tx,
    s: &Services,
    person: &Person,
    course: &str,
    due: Deadline,
    by: &By,
    approver: &Person,
) -> Result<()> {
    let requirement = requirement::by_id(tx, &format!("{}{course}", requirement::ENROLMENT)).await?;
    let new = New { requirement: &requirement, due, cycle: Cycle::FIRST, by: by.clone() };
    let a = one(assignment::assign(tx, s, person, &[new]).await?)?;
    statements::enrolled(tx, s, person, &a, &requirement.title, approver).await
}

/// Assigns a requirement to a person whose earlier completion of the course counts: nothing is to do, and nothing is said.
pub(crate) async fn credit(
    tx: &Tx,
    s: &Services,
    person: &Person,
    requirement: &Requirement,
    due: Deadline,
    earlier: &Assignment,
    reason: &str,
) -> Result<()> {
    let new = New { requirement, due, cycle: Cycle::FIRST, by: By::rule(&requirement.id, reason) };
    let a = one(assignment::assign(tx, s, person, &[new]).await?)?;
    let done = earlier.completed.unwrap_or(tx.now());
    let on = s.organisation.calendar(person).date(done);
    let why = format!("completed on {on} for '{}' already, which counts", earlier.requirement);
    let mut data = json!({
        "version": earlier.course_version,
        "score": earlier.score,
        "attempts": earlier.attempts,
        "completed": done,
        "for": earlier.id,
    });
    // What the person signed then stands for this as well.
    if let Some((record, level)) = attest::signature(tx, earlier).await? {
        data["attestation"] = record.into();
        data["authentication"] = level.name().into();
    }
    set_end(&mut data, validity(&s.organisation.calendar(person), requirement, &a, done));
    record(tx, s, &a.id, Change::Completed, &By::rule(&requirement.id, why), data).await?;
    Ok(())
}

/// What came of the one thing that was assigned.
fn one(made: Vec<Assignment>) -> Result<Assignment> {
    made.into_iter().next().ok_or_else(|| Error::invalid("an assignment was not made"))
}

/// Until when what was done at an instant holds, in place of `a`.
pub(super) fn validity(calendar: &Calendar, r: &Requirement, a: &Assignment, done: Instant) -> Option<Deadline> {
    let renewed = a.renews.as_ref().and_then(|renewed| renewed.until);
    r.recertify.as_ref().map(|rule| due::validity(rule, calendar.date(done), renewed, calendar))
}

/// Until when a waiver of an instant holds: as if it had been done then or on its due date, whichever is later.
fn forgiven(calendar: &Calendar, r: &Requirement, a: &Assignment, at: Instant) -> Option<Deadline> {
    let due = a.renews.as_ref().and_then(|renewed| renewed.until).unwrap_or(a.due.date);
    r.recertify.as_ref().map(|rule| due::ends(calendar, rule.every.after(due.max(calendar.date(at)))))
}

/// Until when what is completed or waived holds by the requirement as it is now.
pub(crate) fn holds(calendar: &Calendar, r: &Requirement, a: &Assignment) -> Option<Deadline> {
    match a.completed {
        Some(done) => validity(calendar, r, a, done),
        None => a.ended.and_then(|at| forgiven(calendar, r, a, at)),
    }
}

fn set_end(data: &mut Json, end: Option<Deadline>) {
    data["expires"] = json!(end.map(|end| end.at));
    data["expires_date"] = json!(end.map(|end| end.date));
}

/// The person opens the course: the first time pins its version.
pub(crate) async fn start(tx: &Tx, s: &Services, person: &Person, a: &Assignment) -> Result<(Assignment, Course)> {
    if let Some(version) = &a.course_version {
        return Ok((a.clone(), course::content(tx, version).await?));
    }
    let requirement = requirement::by_id(tx, &a.requirement).await?;
    let version = course::current(tx, &requirement.course).await?;
    let content = course::content(tx, &version).await?;
    let by = By::person(&person.id, "opened the course");
    let data = json!({ "course": requirement.course, "version": version });
    record(tx, s, &a.id, Change::Started, &by, data).await?;
    let a = existing(tx, &a.id).await?;
    statements::initialized(tx, s, person, &a, &content).await?;
    Ok((a, content))
}

/// The quiz was answered to its end.
pub(crate) async fn attempt(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    course: &Course,
    answers: &[usize],
) -> Result<Assignment> {
    let score = course.score(answers);
    let by = By::person(&person.id, "answered the quiz");
    let data = json!({
        "attempt": a.attempts + 1,
        "version": a.course_version,
        "answers": answers,
        "score": score,
        "pass_mark": course.pass_mark,
        "passed": course.passes(score),
    });
    record(tx, s, &a.id, Change::Attempted, &by, data).await?;
    statements::attempted(tx, s, person, a, course, answers).await?;
    existing(tx, &a.id).await
}

/// The person confirms the attestation with their name. It is bound to this assignment and to the content by its digest.
pub(crate) async fn attest(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    course: &Course,
    what: &Attestation,
) -> Result<Assignment> {
    let by = By::person(&person.id, "confirmed the attestation");
    let data = attest::data(a, course, person, what, tx.now());
    record(tx, s, &a.id, Change::Attested, &by, data).await?;
    statements::attested(tx, s, person, a, course).await?;
    existing(tx, &a.id).await
}

/// It is done: the one way to a completion. `elsewhere` says who says so and why when it was not the person in chat.
pub(crate) async fn complete(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    elsewhere: Option<&Elsewhere>,
) -> Result<Assignment> {
    let requirement = requirement::by_id(tx, &a.requirement).await?;
    let active = progress::load(tx, &a.id).await?.active;
    let own = By::person(&person.id, "completed in chat");
    let mut data = completions::data(tx, person, a, active, elsewhere).await?;
    let done: Option<Instant> = serde_json::from_value(data["completed"].clone())?;
    let done = done.unwrap_or(tx.now());
    set_end(&mut data, validity(&s.organisation.calendar(person), &requirement, a, done));
    record(tx, s, &a.id, Change::Completed, elsewhere.map_or(&own, |e| &e.by), data).await?;
    let a = existing(tx, &a.id).await?;
    let by = elsewhere.map(|e| (e.actor.clone(), e.by.reason.as_str()));
    let duration = (elsewhere.is_none() && active > 0).then_some(active);
    statements::completed(tx, s, person, &a, &requirement.title, by, duration).await?;
    close(tx, &a, words_key!("why-done")).await?;
    if a.expires.is_some() {
        // What follows in time may be due already: what was done elsewhere was done earlier.
        evaluate::person(tx, s, &person.id).await?;
    }
    Ok(a)
}

/// Somebody moves the due date.
pub(crate) async fn extend(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    to: Date,
    by: &By,
) -> Result<Assignment> {
    let calendar = s.organisation.calendar(person);
    let deadline = due::on(&calendar, to);
    // Whoever gives a day to somebody who is away knows of the leave: its days do not move that day. One that lasts beyond
    // what is known now does.
    let from = (a.state == State::OnLeave).then(|| {
        let back = Absence::of(person).over(calendar.date(tx.now())).unwrap_or(deadline.date);
        back.min(deadline.date)
    });
    let data = json!({ "due": deadline.at, "due_date": deadline.date, "from": from });
    record(tx, s, &a.id, Change::Extended, by, data).await?;
    moved(tx, s, person, a).await
}

/// The due date follows the calendar or a changed rule: its version, and the day that it gives by itself.
pub(crate) async fn move_due(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    deadline: Deadline,
    rule: Option<(&str, Date)>,
    by: &By,
) -> Result<()> {
    record_due(tx, s, &a.id, Change::Moved, by, deadline, rule).await?;
    moved(tx, s, person, a).await?;
    Ok(())
}

/// The steps follow a due date that has moved (N4): what is queued for the old date is taken back, what stands in the
/// chat says the new date.
async fn moved(tx: &Tx, s: &Services, person: &Person, before: &Assignment) -> Result<Assignment> {
    let id = &before.id;
    let a = existing(tx, id).await?;
    let requirement = requirement::by_id(tx, &a.requirement).await?;
    if a.due.date != before.due.date {
        delivery::cancel(tx, &format!("nudge/{id}/t"), words_key!("why-training-moved")).await?;
    }
    delivery::revise(tx, &format!("nudge/{id}/")).await?;
    team::revise(tx, &a).await?;
    if a.due.date == before.due.date {
        nudge::reschedule(tx, s, person, &requirement, &a).await?;
    } else {
        nudge::schedule(tx, s, person, &requirement, &a).await?;
    }
    Ok(a)
}

/// A leave stops the clock.
pub(crate) async fn pause(tx: &Tx, s: &Services, a: &Assignment, from: Date, by: &By) -> Result<()> {
    record(tx, s, &a.id, Change::Paused, by, json!({ "from": from })).await?;
    delivery::cancel(tx, &format!("nudge/{}/t", a.id), words_key!("why-training-away")).await?;
    nudge::unschedule(tx, &a.id).await?;
    team::revise(tx, a).await
}

/// The person is back: the due date moves by the working days of the leave.
pub(crate) async fn resume(tx: &Tx, s: &Services, person: &Person, a: &Assignment, deadline: Deadline) -> Result<()> {
    let by = By::rule(&a.requirement, "the person is back from leave, so the clock goes on");
    record_due(tx, s, &a.id, Change::Resumed, &by, deadline, None).await?;
    moved(tx, s, person, a).await?;
    Ok(())
}

/// Its reason is gone.
pub(crate) async fn retire(tx: &Tx, s: &Services, a: &Assignment, reason: &str) -> Result<()> {
    let by = By::rule(&a.requirement, reason);
    record(tx, s, &a.id, Change::Retired, &by, json!({})).await?;
    close(tx, a, words_key!("why-training-ended")).await
}

/// It gives way to another assignment of the same requirement, which the same person has under another row.
pub(crate) async fn give_way(tx: &Tx, s: &Services, a: &Assignment, to: &str, reason: &str) -> Result<()> {
    let by = By::rule(&a.requirement, reason);
    record(tx, s, &a.id, Change::Retired, &by, json!({ "for": to })).await?;
    close(tx, a, words_key!("why-training-ended")).await
}

/// It is open again, as it was before: a decision was taken back, or it gave way to an assignment of somebody who turned out
/// to be another person.
pub(crate) async fn reinstate(tx: &Tx, s: &Services, person: &Person, a: &Assignment, by: &By) -> Result<()> {
    record(tx, s, &a.id, Change::Reinstated, by, json!({})).await?;
    let a = existing(tx, &a.id).await?;
    forget_end(tx, &a.id).await?;
    let prefix = format!("nudge/{}/", a.id);
    delivery::revise(tx, &prefix).await?;
    team::revise(tx, &a).await?;
    if a.state.is_running() {
        let requirement = requirement::by_id(tx, &a.requirement).await?;
        nudge::schedule(tx, s, person, &requirement, &a).await?;
    }
    Ok(())
}

/// Somebody decides that the rule does not apply to the person, for good or until the end of a day.
pub(crate) async fn exempt(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    until: Option<Date>,
    by: &By,
) -> Result<()> {
    let title = requirement::by_id(tx, &a.requirement).await?.title;
    record(tx, s, &a.id, Change::Exempted, by, json!({ "until": until })).await?;
    statements::waived(tx, s, person, a, &title, &by.reason).await?;
    close(tx, a, words_key!("why-training-ended")).await
}

/// Somebody forgives this cycle. The next one comes as if this one had been done now, or on its due date.
pub(crate) async fn waive(tx: &Tx, s: &Services, person: &Person, a: &Assignment, by: &By) -> Result<()> {
    let requirement = requirement::by_id(tx, &a.requirement).await?;
    let mut data = json!({});
    set_end(&mut data, forgiven(&s.organisation.calendar(person), &requirement, a, tx.now()));
    record(tx, s, &a.id, Change::Waived, by, data).await?;
    statements::waived(tx, s, person, a, &requirement.title, &by.reason).await?;
    close(tx, a, words_key!("why-training-waived")).await?;
    evaluate::look_again(tx, s, person).await
}

/// The rule gives another end to what is completed or waived.
pub(crate) async fn revalidate(
    tx: &Tx,
    s: &Services,
    r: &Requirement,
    a: &Assignment,
    end: Option<Deadline>,
) -> Result<()> {
    let mut data = json!({ "rule_version": r.version()? });
    set_end(&mut data, end);
    record(tx, s, &a.id, Change::Revalidated, &By::rule(&r.id, "the rule gives it another end"), data).await?;
    Ok(())
}

/// The validity of a completion has ended.
pub(crate) async fn expire(tx: &Tx, s: &Services, person: &Person, r: &Requirement, a: &Assignment) -> Result<()> {
    let until = a.expires.map(|end| end.date.to_string()).unwrap_or_default();
    let by = By::rule(&r.id, format!("it was valid until {until}, and was not renewed"));
    record(tx, s, &a.id, Change::Expired, &by, json!({})).await?;
    statements::expired(tx, s, person, a, &r.title).await
}

/// Somebody grants one more attempt at the quiz.
pub(crate) async fn grant(tx: &Tx, s: &Services, a: &Assignment, by: &By) -> Result<()> {
    record(tx, s, &a.id, Change::Granted, by, json!({ "attempts": 1 })).await?;
    Ok(())
}

/// Nothing more is said about it; what stands in the chat is edited (N1, N14).
async fn close(tx: &Tx, a: &Assignment, why: &'static str) -> Result<()> {
    let prefix = format!("nudge/{}/", a.id);
    delivery::cancel(tx, &prefix, why).await?;
    delivery::revise(tx, &prefix).await?;
    nudge::unschedule(tx, &a.id).await?;
    team::revise(tx, a).await
}
