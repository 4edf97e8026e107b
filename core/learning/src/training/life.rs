//! What happens to an assignment, with everything that follows from it: the record, the statement, the schedule, and
//! what stands in the chat. Each function works in the caller's transaction.

use jiff::civil::Date;
use serde_json::json;
use stoa_flow::{delivery, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::xapi::Actor;
use stoa_ground::{Result, Tx};

use super::assignment::{self, Assignment, By, New, existing, record, record_due};
use super::course::{self, Course};
use super::due::{self, Deadline};
use super::requirement;
use super::state::Change;
use super::{nudge, statements, team};
use crate::Services;

/// Assigns requirements to a person.
pub(crate) async fn assign(tx: &Tx, s: &Services, person: &Person, new: &[New<'_>]) -> Result<()> {
    let made = assignment::assign(tx, s, person, new).await?;
    statements::were_assigned(tx, s, person, new, &made).await?;
    let today = s.organisation.calendar(person).date(tx.now());
    for (a, New { requirement, .. }) in made.iter().zip(new) {
        nudge::announce(tx, a).await?;
        if people::away(person, today) {
            pause(tx, s, a, person.leave_from.unwrap_or(today)).await?;
        } else {
            nudge::schedule(tx, s, person, requirement, a).await?;
        }
    }
    Ok(())
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

/// The person confirms the attestation with their name. It is bound to the content by the version's digest.
pub(crate) async fn attest(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    course: &Course,
    name: &str,
) -> Result<Assignment> {
    let text = course.attestation.as_deref().unwrap_or_default();
    let by = By::person(&person.id, "confirmed the attestation");
    let data = json!({
        "version": a.course_version,
        "text": text,
        "text_digest": course::digest(text),
        "name": name,
        "authentication": "chat-session",
        "who": people::history::snapshot(person),
    });
    record(tx, s, &a.id, Change::Attested, &by, data).await?;
    statements::attested(tx, s, person, a, course).await?;
    existing(tx, &a.id).await
}

/// It is done. `by` says who did it and why when it was not the person in chat.
pub(crate) async fn complete(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    by: Option<(By, Actor)>,
) -> Result<Assignment> {
    let title = requirement::by_id(tx, &a.requirement).await?.title;
    let version = match &a.course_version {
        Some(version) => version.clone(),
        None => course::current(tx, &a.course).await?,
    };
    let own = By::person(&person.id, "completed in chat");
    let data = json!({
        "version": version,
        "score": a.score,
        "attempts": a.attempts,
        "who": people::history::snapshot(person),
    });
    record(tx, s, &a.id, Change::Completed, by.as_ref().map_or(&own, |(by, _)| by), data).await?;
    let a = existing(tx, &a.id).await?;
    let by = by.map(|(by, actor)| (actor, by.reason));
    let by = by.as_ref().map(|(actor, reason)| (actor.clone(), reason.as_str()));
    statements::completed(tx, s, person, &a, &title, by).await?;
    close(tx, &a, words_key!("why-done")).await?;
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
    let deadline = due::on(&s.organisation.calendar(person), to);
    record_due(tx, s, &a.id, Change::Extended, by, deadline, None).await?;
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
    nudge::schedule(tx, s, person, &requirement, &a).await?;
    Ok(a)
}

/// A leave stops the clock.
pub(crate) async fn pause(tx: &Tx, s: &Services, a: &Assignment, from: Date) -> Result<()> {
    let by = By::rule(&a.requirement, "the person is on leave, so the clock stops");
    record(tx, s, &a.id, Change::Paused, &by, json!({ "from": from })).await?;
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

/// It gave way to an assignment of somebody who turned out to be another person, and is as it was before.
pub(crate) async fn reinstate(tx: &Tx, s: &Services, person: &Person, a: &Assignment, reason: &str) -> Result<()> {
    let by = By::rule(&a.requirement, reason);
    record(tx, s, &a.id, Change::Reinstated, &by, json!({})).await?;
    let a = existing(tx, &a.id).await?;
    let prefix = format!("nudge/{}/", a.id);
    delivery::revise(tx, &prefix).await?;
    team::revise(tx, &a).await?;
    if a.state.is_running() {
        let requirement = requirement::by_id(tx, &a.requirement).await?;
        nudge::schedule(tx, s, person, &requirement, &a).await?;
    }
    Ok(())
}

/// Somebody decides that the person does not need it, for good or until the end of a day.
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
