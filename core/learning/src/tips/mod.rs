//! Tips, discussions and experience: what people learn from each other, only with the consent of whoever said it.
//!
//! - [`command`]: `tip`, from draft to shared, checked, rated and withdrawn; [`share`] has the effects.
//! - [`discussions`]: threads that are logged with the consent of each author.
//! - [`experience`]: `did`, and the colleague who confirms it.
//! - [`reaction`]: a colleague's message, or an answer that helped, is pointed out by a reaction.
//! - [`social`]: the messages that ask a colleague for consent or confirmation.

mod command;
mod discussions;
mod experience;
mod message;
mod reaction;
mod share;
mod social;
mod statements;
mod store;
mod text;
mod watcher;

use std::sync::Arc;

use serde::Serialize;
use stoa_flow::Parts;
use stoa_ground::people::Person;
use stoa_ground::{Conn, Instant, Result, Tx};

use crate::Services;
use store::State;

/// The library's source of tips.
pub(crate) const SOURCE: &str = "tips";

/// The commands `tip`, `discussion` and `did`, the delivery kind `social`, and the watcher of what was captured.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    Parts {
        commands: vec![
            Box::new(command::TipCommand(Arc::clone(services))),
            Box::new(experience::Did(Arc::clone(services))),
            Box::new(discussions::Log(Arc::clone(services))),
        ],
        kinds: vec![Box::new(social::Social)],
        watchers: vec![
            Box::new(watcher::Captured(Arc::clone(services))),
            Box::new(reaction::Reacted(Arc::clone(services))),
        ],
        ..Parts::default()
    }
}

/// Everything voluntary here that is about one person, for `mydata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Voluntary {
    /// Tips that the person wrote and that still have words.
    pub tips: Vec<TipText>,
    /// How many tips the person rated.
    pub ratings: i64,
    /// Discussions that the person agreed to be part of, by title, with the messages that are kept.
    pub discussions: Vec<(String, Vec<String>)>,
    /// What the person logged.
    pub experiences: Vec<Experienced>,
}

/// A tip as its author gets to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TipText {
    /// The words.
    pub text: String,
    /// The topic.
    pub topic: Option<String>,
    /// When it was written.
    pub created: Instant,
    /// Whether others can find it.
    pub shared: bool,
}

/// A logged experience as its person gets to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Experienced {
    /// What was done.
    pub text: String,
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// How long it took.
    pub minutes: Option<i64>,
    /// Where to see more.
    pub link: Option<String>,
    /// `none`, `asked`, `confirmed` or `declined`.
    pub confirmation: String,
}

/// Everything voluntary here that is about one person.
///
/// # Errors
/// The database's error.
pub async fn voluntary(conn: &Conn, person: &str) -> Result<Voluntary> {
    let tips = store::tips_of(conn, person).await?;
    let experiences = experience::store::of(conn, person).await?;
    Ok(Voluntary {
        tips: tips
            .into_iter()
            .filter(|t| !t.text.is_empty())
            .map(|t| TipText { shared: t.state == State::Shared, text: t.text, topic: t.topic, created: t.created })
            .collect(),
        ratings: store::votes_of(conn, person).await?,
        discussions: discussions::store::kept_of(conn, person).await?,
        experiences: experiences
            .into_iter()
            .map(|e| Experienced {
                text: e.text,
                day: e.day.to_string(),
                minutes: e.minutes,
                link: e.link,
                confirmation: e.confirmation.word().to_owned(),
            })
            .collect(),
    })
}

/// Withdraws a person's tips, ratings, discussions and logged experience, and voids the statements about them.
///
/// # Errors
/// The database's error.
pub async fn erase(tx: &Tx, services: &Services, person: &Person) -> Result<()> {
    for tip in store::tips_of(tx, &person.id).await? {
        let state = if tip.state == State::Shared { State::Withdrawn } else { State::Declined };
        if !tip.text.is_empty() {
            share::withdraw(tx, services, tip, person, state).await?;
        }
    }
    for statement in store::take_votes(tx, &person.id).await? {
        services.emitter.void(tx, &statement, person, "erased").await?;
    }
    discussions::withdraw_all(tx, services, person).await?;
    for statement in experience::store::take(tx, &person.id).await? {
        services.emitter.void(tx, &statement, person, "erased").await?;
    }
    Ok(())
}
