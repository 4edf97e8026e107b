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
pub use folder::{Checked, LessonDraft, Problem, TrackDraft, check_dir, schema};
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

/// A question that was put to a person in a message and waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// The id under which the answer is given.
    pub attempt: String,
    /// The platform's id of the message, when it was posted.
    pub message: Option<String>,
    /// Where the message stands.
    pub place: stoa_flow::chat::Place,
    right: usize,
    options: usize,
}

impl OpenQuestion {
    /// The index of the right option, or of the one after it.
    #[must_use]
    pub fn option(&self, right: bool) -> usize {
        if right { self.right } else { (self.right + 1) % self.options.max(1) }
    }
}

/// The first question without an answer in the newest message to a person that has one, of any track or of this one.
///
/// # Errors
/// The database's error.
pub async fn open_question(
    conn: &stoa_ground::Conn,
    person: &str,
    track: Option<&str>,
) -> stoa_ground::Result<Option<OpenQuestion>> {
    for attempt in store::unanswered(conn, person).await? {
        let of_track = match track {
            None => true,
            Some(track) => {
                store::lesson(conn, &attempt.lesson).await?.is_some_and(|l| l.track.as_deref() == Some(track))
            }
        };
        let posted = stoa_flow::delivery::posted(conn, &attempt.occasion).await?;
        let content = store::content(conn, &attempt.lesson, &attempt.version).await?;
        let question = content.as_ref().and_then(|c| c.question(&attempt.question));
        if let (true, Some(question), Some((place, message))) = (of_track, question, posted) {
            let (options, right) = question.choice();
            let options = options.len();
            return Ok(Some(OpenQuestion { attempt: attempt.id, message, place, right, options }));
        }
    }
    Ok(None)
}

/// The titles of all tracks, also retired ones, by id.
///
/// # Errors
/// The database's error.
pub async fn track_titles(conn: &stoa_ground::Conn) -> stoa_ground::Result<std::collections::BTreeMap<String, String>> {
    store::titles(conn).await
}

/// The command `learn`, the kinds `drop`, `review` and `lesson`, and the jobs behind them.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    let lessons = Arc::new(Lessons { services: Arc::clone(services), organisation: services.organisation.clone() });
    Parts {
        commands: vec![Box::new(command::Learn(Arc::clone(&lessons)))],
        panels: vec![Box::new(command::Learn(Arc::clone(&lessons)))],
        kinds: vec![
            Box::new(Drop(Arc::clone(&lessons))),
            Box::new(Review(Arc::clone(&lessons))),
            Box::new(Asked(Arc::clone(&lessons))),
        ],
        followers: vec![Arc::new(daily::PeopleFollower(Arc::clone(&lessons)))],
        jobs: vec![Arc::new(Daily(Arc::clone(&lessons))), Arc::new(team::Expand(lessons))],
        ..Parts::default()
    }
}
