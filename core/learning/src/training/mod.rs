//! Mandatory training: courses, requirements, assignments and what people and managers hear about them.
//!
//! A requirement says who needs which course and when. Each person that it means has an assignment, a state machine
//! ([`state`]) driven by records of the ledger: status tables are written by them and nothing else. Messages that nobody
//! asked for go through the arbiter; each is rendered from the state as it is when it is sent.

mod apply;
pub mod assignment;
pub mod attest;
mod authoring;
pub mod calendar;
mod calendars;
mod chat;
mod completions;
#[cfg(test)]
mod cost_tests;
pub mod course;
pub mod due;
mod evaluate;
mod exempt;
mod history;
mod joined;
mod life;
mod nudge;
mod preset;
mod progress;
pub mod requests;
pub mod requirement;
pub mod state;
mod statements;
mod status;
mod team;
mod trainer;

use std::sync::Arc;

use stoa_flow::schedule::Job;
use stoa_flow::{Follower, Parts};
use stoa_ground::ledger::Projection;
use stoa_ground::{Conn, Result};

pub use apply::{Count, Effect, Plan, Planned, apply, reconsider};
pub use authoring::propose;
pub use calendars::follow_calendars;
pub use completions::{Judged, Line, Outcome, import, judged};
pub use exempt::{exempt, reinstate, waive};
pub use history::AsOf;
pub use joined::{Step as JoinedStep, after_merge, after_split, settle};
pub use preset::Preset;
pub use requirement::{Due, Requirement, Steps, parse};
pub use status::{Filter, Row, complete, extend, open_item, set_due, status, take};

use crate::Services;

/// The projections of the ledger's records about courses, requirements and assignments.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![
        Box::new(course::CourseProjection),
        Box::new(requirement::RequirementProjection),
        Box::new(assignment::AssignmentProjection),
        Box::new(requests::RequestProjection),
        Box::new(trainer::TrainerProjection),
        Box::new(completions::CompletionProjection),
        Box::new(team::DelegationProjection),
    ]
}

/// The commands, kinds, jobs and followers of training.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    let mut kinds = nudge::Nudge::kinds(services);
    kinds.extend(team::Digest::kinds(services));
    kinds.push(Box::new(team::StandIn));
    kinds.push(Box::new(team::Granted));
    kinds.push(Box::new(trainer::ToTrainer(services.clone())));
    kinds.push(Box::new(trainer::FromTrainer));
    kinds.push(Box::new(trainer::Shown(services.clone())));
    kinds.push(Box::new(completions::Doubt));
    kinds.push(Box::new(chat::SignIn(services.clone())));
    let requests = requests::parts(services);
    kinds.extend(requests.kinds);
    let mut jobs: Vec<Arc<dyn Job>> = vec![
        Arc::new(nudge::StepJob(services.clone())),
        Arc::new(evaluate::EvaluateJob(services.clone())),
        Arc::new(evaluate::ContentJob(services.clone())),
        Arc::new(calendars::CalendarsJob(services.clone())),
        Arc::new(exempt::EndJob(services.clone())),
        Arc::new(team::DigestJob(services.clone())),
        Arc::new(team::OverJob(services.clone())),
        Arc::new(authoring::EnforceJob(services.clone())),
        Arc::new(trainer::ClockJob(services.clone())),
    ];
    jobs.extend(requests.jobs);
    let mut followers: Vec<Arc<dyn Follower>> = vec![
        Arc::new(evaluate::PeopleFollower(services.clone())),
        Arc::new(trainer::TrainerFollower(services.clone())),
        Arc::new(completions::StatementFollower(services.clone())),
    ];
    followers.extend(requests.followers);
    Parts {
        commands: vec![Box::new(chat::Training(services.clone())), Box::new(team::Team(services.clone()))],
        panels: vec![Box::new(chat::Training(services.clone())), Box::new(team::Team(services.clone()))],
        kinds,
        jobs,
        followers,
        ..Parts::default()
    }
}

/// Whether the person cannot go on without help: all attempts at the quiz are used.
pub(crate) async fn stuck(conn: &Conn, a: &assignment::Assignment) -> Result<bool> {
    if !a.state.is_open() || a.passed || a.attempts == 0 {
        return Ok(false);
    }
    let Some(version) = &a.course_version else { return Ok(false) };
    let course = course::content(conn, version).await?;
    Ok(a.attempts >= progress::allowed(&course, a))
}

/// What a person asked trainers, and the answers, the newest first.
///
/// # Errors
/// The database's error.
pub async fn questions_of(conn: &Conn, person: &str) -> Result<Vec<(String, Option<String>)>> {
    let mut told = Vec::new();
    for question in trainer::of_person(conn, person).await? {
        let texts = trainer::texts(conn, &question.id).await?;
        told.push((texts.question, texts.answer.map(|(answer, ..)| answer)));
    }
    Ok(told)
}

/// The ids of the questions to trainers that were asked in these assignments.
///
/// # Errors
/// The database's error.
pub(crate) async fn questions_in(conn: &Conn, assignments: &[String]) -> Result<Vec<String>> {
    trainer::ids_in(conn, assignments).await
}

/// The requirement in whose assignment a trainer was asked; `None` for an unknown question.
///
/// # Errors
/// The database's error.
pub(crate) async fn question_about(conn: &Conn, id: &str) -> Result<Option<String>> {
    let Some(question) = trainer::by_id(conn, id).await? else { return Ok(None) };
    Ok(assignment::by_id(conn, &question.assignment).await?.map(|a| a.requirement))
}

/// Whether the tables of assignments, requirements and requests say what the ledger's records say, both ways. Gives how many
/// assignments were compared.
///
/// # Errors
/// [`Error::Conflict`](stoa_ground::Error::Conflict) with one sentence that names what differs; the database's error.
pub async fn sound(conn: &Conn) -> Result<u64> {
    requirement::sound(conn).await?;
    requests::sound(conn).await?;
    assignment::sound(conn).await
}

/// Whether the table of assignments says what the ledger's records say, of those that the last `most` records are about.
/// Gives how many were compared.
///
/// # Errors
/// As [`sound`].
pub async fn newest_sound(conn: &Conn, most: u64) -> Result<u64> {
    assignment::newest_sound(conn, most).await
}

/// What a TOML parser says, as one sentence that names file and line. `within`: the part of the file, with a colon.
fn toml_sentence(file: &str, text: &str, error: &toml::de::Error, within: &str) -> String {
    let said = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
            format!("{file} line {line}: {within}{said}")
        }
        None => format!("{file}: {within}{said}"),
    }
}
