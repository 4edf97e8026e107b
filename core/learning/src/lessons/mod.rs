//! Lessons: tracks of one-minute lessons that come once a day at the person's own time, questions about them that come
//! back when they are about to be forgotten, and drops that the learning team schedules.
//!
//! Everything here is voluntary: people join and leave, pause, and see no list of others. What they answer is theirs.

mod apply;
mod command;
mod content;
mod daily;
mod deliver;
mod folder;
mod learner;
mod plan;
mod progress;
mod request;
mod review;
mod show;
mod statements;
mod store;
mod take;
mod team;

use std::sync::Arc;

use stoa_flow::{Organisation, Parts};

pub use apply::{Applied, apply_dir};
pub use content::{Content, Form, Question};
pub use folder::{Checked, LessonDraft, Problem, TrackDraft, check_dir};
pub use review::{Answered, LADDER, Memory, next as next_review};

use crate::Services;
use daily::Daily;
use deliver::{Asked, Drop, Review};

/// What the parts of this capability share.
pub(crate) struct Lessons {
    services: Arc<Services>,
    organisation: Organisation,
}

/// Enrols a person in a track on behalf of the learning team; who is in it already stays so.
///
/// # Errors
/// [`stoa_ground::Error::NotFound`] when there is no such track; the database's error.
pub async fn enrol(
    tx: &stoa_ground::Tx,
    organisation: &Organisation,
    person: &stoa_ground::people::Person,
    track: &str,
) -> stoa_ground::Result<()> {
    if store::track(tx, track).await?.is_none() {
        return Err(stoa_ground::Error::NotFound(format!("the track '{track}'")));
    }
    if store::enrolment(tx, &person.id, track).await?.is_none_or(|e| e.ended.is_some()) {
        store::enrol(tx, &person.id, track, "learning team").await?;
    }
    let learner = learner::Learner::of(tx, organisation, person).await?;
    daily::look_again(tx, &learner).await
}

/// How many people have seen a lesson.
///
/// # Errors
/// The database's error.
pub async fn seen_by(conn: &stoa_ground::Conn, lesson: &str) -> stoa_ground::Result<i64> {
    store::seen_by(conn, lesson).await
}

/// The command `learn`, the kinds `drop`, `review` and `lesson`, and the jobs behind them.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    let lessons = Arc::new(Lessons { services: Arc::clone(services), organisation: services.organisation.clone() });
    Parts {
        commands: vec![Box::new(command::Learn(Arc::clone(&lessons)))],
        kinds: vec![
            Box::new(Drop(Arc::clone(&lessons))),
            Box::new(Review(Arc::clone(&lessons))),
            Box::new(Asked(Arc::clone(&lessons))),
        ],
        jobs: vec![Arc::new(Daily(Arc::clone(&lessons))), Arc::new(team::Expand(lessons))],
        ..Parts::default()
    }
}
