//! What training says in xAPI. The registration of every statement is the assignment's id.

use stoa_ground::people::Person;
use stoa_ground::xapi::vocabulary as v;
use stoa_ground::xapi::vocabulary::extension;
use stoa_ground::xapi::{Activity, Actor, Outcome, StatementDraft};
use stoa_ground::{Result, Tx};

use super::assignment::{Assignment, New};
use super::course::{Course, Question};
use super::requests::Request;
use crate::Services;

fn course_activity(id: &str, title: &str, language: &str) -> Activity {
    Activity::new(v::COURSE, &["course", id]).name(language, title)
}

fn activity(course: &Course) -> Activity {
    course_activity(&course.id, &course.title, &course.language)
}

fn quiz(course: &Course) -> Activity {
    Activity::new(v::ASSESSMENT, &["course", &course.id, "quiz"]).name(&course.language, &course.title)
}

fn about(draft: StatementDraft, a: &Assignment) -> StatementDraft {
    let draft = match uuid::Uuid::parse_str(&a.id) {
        Ok(id) => draft.registration(id),
        Err(_) => draft,
    };
    match &a.course_version {
        Some(version) => draft.revision(version),
        None => draft,
    }
}

async fn emit(tx: &Tx, services: &Services, a: &Assignment, draft: StatementDraft) -> Result<()> {
    services.emitter.emit(tx, about(draft, a)).await?;
    Ok(())
}

/// The person was assigned courses.
pub(super) async fn were_assigned(
    tx: &Tx,
    s: &Services,
    person: &Person,
    new: &[New<'_>],
    made: &[Assignment],
) -> Result<()> {
    let draft = |(a, New { requirement, .. }): (&Assignment, &New<'_>)| {
        let draft = StatementDraft::new(person, v::WAS_ASSIGNED, course_activity(&a.course, &requirement.title, "en"))
            .instructor(Actor::Stoa)
            .extension(extension::DUE_DATE, a.due.at.rfc3339());
        about(draft, a)
    };
    let drafts: Vec<StatementDraft> = made.iter().zip(new).map(draft).collect();
    s.emitter.emit_all(tx, &drafts).await
}

/// The person opened the course for the first time.
pub(super) async fn initialized(tx: &Tx, s: &Services, person: &Person, a: &Assignment, course: &Course) -> Result<()> {
    let draft = StatementDraft::new(person, v::INITIALIZED, activity(course)).language(&course.language);
    emit(tx, s, a, draft).await
}

/// The person answered every question of the quiz, and passed or failed. `a` is the assignment before this attempt, so that
/// its number is known: the score follows again from the answers with that number.
pub(super) async fn attempted(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    course: &Course,
    answers: &[usize],
) -> Result<()> {
    let (score, number) = (course.score(answers), a.attempts + 1);
    for (n, (question, answer)) in course.questions.iter().zip(answers).enumerate() {
        let outcome = Outcome {
            success: Some(question.answer == *answer),
            response: Some(answer.to_string()),
            ..Outcome::default()
        };
        let draft = StatementDraft::new(person, v::ANSWERED, interaction(course, n, question))
            .outcome(outcome)
            .parent(quiz(course))
            .grouping(activity(course))
            .extension(extension::ATTEMPT, number);
        emit(tx, s, a, draft).await?;
    }
    let passed = course.passes(score);
    let verb = if passed { v::PASSED } else { v::FAILED };
    let outcome = Outcome { scaled: Some(score), success: Some(passed), ..Outcome::default() };
    let draft = StatementDraft::new(person, verb, quiz(course))
        .outcome(outcome)
        .parent(activity(course))
        .extension(extension::ATTEMPT, number)
        .extension(extension::MASTERY_SCORE, course.pass_mark);
    emit(tx, s, a, draft).await
}

fn interaction(course: &Course, n: usize, question: &Question) -> Activity {
    let ids: Vec<String> = (0..question.options.len()).map(|i| i.to_string()).collect();
    let choices = ids.iter().map(String::as_str).zip(question.options.iter().map(String::as_str));
    Activity::new(v::INTERACTION, &["course", &course.id, "quiz", &(n + 1).to_string()])
        .description(&course.language, &question.prompt)
        .choices(choices, &[&question.answer.to_string()])
}

/// The person confirmed the attestation.
pub(super) async fn attested(tx: &Tx, s: &Services, person: &Person, a: &Assignment, course: &Course) -> Result<()> {
    let text = course.attestation.as_deref().unwrap_or_default();
    let object = Activity::new(v::DOCUMENT, &["course", &course.id, "attestation"])
        .name(&course.language, &course.title)
        .description(&course.language, text);
    let draft = StatementDraft::new(person, v::ATTESTED, object).parent(activity(course));
    emit(tx, s, a, draft).await
}

/// The assignment is completed, by the person in chat or by somebody else with a reason. `duration`: the active time in
/// microseconds.
pub(super) async fn completed(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    title: &str,
    by: Option<(Actor, &str)>,
    duration: Option<i64>,
) -> Result<()> {
    let outcome = Outcome { completion: Some(true), scaled: a.score, duration, ..Outcome::default() };
    let mut draft = StatementDraft::new(person, v::COMPLETED, course_activity(&a.course, title, "en")).outcome(outcome);
    if let Some(end) = a.expires {
        draft = draft.extension(extension::EXPIRATION, end.at.rfc3339());
    }
    if let Some((actor, reason)) = by {
        draft = draft.instructor(actor).result_extension(extension::REASON, reason);
    }
    emit(tx, s, a, draft).await
}

/// Somebody asked a trainer. No statement has what was asked.
pub(super) async fn asked(tx: &Tx, s: &Services, person: &Person, a: &Assignment, question: &str) -> Result<()> {
    emit(tx, s, a, StatementDraft::new(person, v::ASKED, trainer_question(question)).grouping(of(a))).await
}

/// A trainer answered. No statement has what was answered.
pub(super) async fn answered(tx: &Tx, s: &Services, trainer: &Person, a: &Assignment, question: &str) -> Result<()> {
    emit(tx, s, a, StatementDraft::new(trainer, v::REPLIED, trainer_question(question)).grouping(of(a))).await
}

fn trainer_question(id: &str) -> Activity {
    Activity::new(v::QUESTION, &["question", id])
}

fn of(a: &Assignment) -> Activity {
    Activity::new(v::COURSE, &["course", &a.course])
}

/// Somebody exempted the person, or forgave this cycle.
pub(super) async fn waived(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    title: &str,
    reason: &str,
) -> Result<()> {
    let draft = StatementDraft::new(person, v::WAIVED, course_activity(&a.course, title, "en"))
        .result_extension(extension::REASON, reason);
    emit(tx, s, a, draft).await
}

/// The person got a place in a course that nothing demands.
pub(super) async fn enrolled(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    title: &str,
    approver: &Person,
) -> Result<()> {
    let draft = StatementDraft::new(person, v::REGISTERED, course_activity(&a.course, title, "en"))
        .instructor(Actor::from(approver))
        .extension(extension::DUE_DATE, a.due.at.rfc3339());
    emit(tx, s, a, draft).await
}

/// The person's manager, or the learning team, asked for a reminder.
pub(super) async fn reminded(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    title: &str,
    manager: &Person,
) -> Result<()> {
    let draft = StatementDraft::new(person, v::REMINDED, course_activity(&a.course, title, "en"))
        .instructor(Actor::from(manager))
        .extension(extension::DUE_DATE, a.due.at.rfc3339());
    emit(tx, s, a, draft).await
}

/// Somebody asked for something. Gives the statement's id.
pub(super) async fn requested(tx: &Tx, s: &Services, asker: &Person, r: &Request) -> Result<String> {
    let object = Activity::new(v::RESOURCE, &["request", r.kind.name(), &r.id]);
    let mut draft = StatementDraft::new(asker, v::REQUESTED, object).result_extension(extension::REASON, &*r.reason);
    if let Some(course) = &r.course {
        draft = draft.parent(Activity::new(v::COURSE, &["course", course]));
    }
    if let Some(id) = r.assignment.as_deref().and_then(|id| uuid::Uuid::parse_str(id).ok()) {
        draft = draft.registration(id);
    }
    s.emitter.emit(tx, draft).await
}

/// Somebody approved what the statement says was requested, or denied it with a reason.
pub(super) async fn decided(
    tx: &Tx,
    s: &Services,
    approver: &Person,
    statement: &str,
    denied: Option<&str>,
) -> Result<()> {
    let verb = if denied.is_some() { v::DENIED } else { v::APPROVED };
    let mut draft = StatementDraft::to_statement(approver, verb, statement);
    if let Some(reason) = denied {
        draft = draft.result_extension(extension::REASON, reason);
    }
    s.emitter.emit(tx, draft).await?;
    Ok(())
}

/// A completion holds no more.
pub(super) async fn expired(tx: &Tx, s: &Services, person: &Person, a: &Assignment, title: &str) -> Result<()> {
    let mut draft = StatementDraft::new(person, v::EXPIRED, course_activity(&a.course, title, "en"));
    if let Some(end) = a.expires {
        draft = draft.extension(extension::EXPIRATION, end.at.rfc3339());
    }
    emit(tx, s, a, draft).await
}

/// The person said when they will do it.
pub(super) async fn planned(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    title: &str,
    at: stoa_ground::Instant,
) -> Result<()> {
    let draft = StatementDraft::new(person, v::PLANNED, course_activity(&a.course, title, "en"))
        .extension(extension::DUE_DATE, at.rfc3339());
    emit(tx, s, a, draft).await
}
