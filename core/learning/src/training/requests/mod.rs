//! Requests: what people ask for about their training, and who decides.
//!
//! Somebody asks for more time, an exemption, a waiver or a place in a course; a manager for more time than managers may
//! give; the learning team for a new requirement ([`authoring`](super::authoring)). Each is a subject of the ledger
//! (`request/<id>`): who asked, who was asked, who passed it on and why, and the decision. It waits for one person at a
//! time ([`route`]). Who gives no answer in time is reminded, then somebody else is asked; who cannot decide any more
//! (left, on leave, lost the role, turned out to be who asked) is asked no longer; what needs no decision any more closes
//! by itself. So none waits for nobody while anybody may decide.

mod act;
mod chat;
mod clock;
mod message;
mod route;
mod store;
mod view;
mod wished;

use std::sync::Arc;

use stoa_flow::Parts;
use stoa_ground::{Conn, Result};

pub use store::{Concerned, Kind, RequestProjection, Row, State, concerned, rows};

pub(super) use act::{
    Asked, Wish, applied, ask, assignment_changed, beyond_managers, draft, grant_asked, hand_back, hand_over,
    has_moved, propose,
};
pub(super) use chat::{WORDS, check, form, run};
pub(super) use clock::day;
pub(super) use store::{Request, by_id, drafted, drafts_of, sound};
pub(super) use view::hints;
pub(super) use wished::wished;

use crate::Services;

/// `[training]`: how long decisions may take, and what managers may decide alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// After so many working days without an answer whoever is asked is reminded, and again as often.
    pub remind_approver_after: u32,
    /// After so many working days without an answer somebody else is asked.
    pub escalate_request_after: u32,
    /// How many days after the first due date a manager may extend to without asking an approver.
    pub manager_extension_days: u32,
    /// The address under which people reach the server, for calendar files; without it none are offered.
    pub public_url: Option<String>,
}

impl Settings {
    /// The address of a page of the server, where people can reach it.
    pub(in crate::training) fn address(&self, path: &str) -> Option<String> {
        self.public_url.as_deref().map(|base| format!("{}/{path}", base.trim_end_matches('/')))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { remind_approver_after: 3, escalate_request_after: 5, manager_extension_days: 30, public_url: None }
    }
}

/// The kinds of messages, the clock and the follower of requests.
pub(super) fn parts(services: &Arc<Services>) -> Parts {
    Parts {
        kinds: vec![Box::new(message::Approval(services.clone())), Box::new(message::Answer(services.clone()))],
        jobs: vec![Arc::new(clock::Clock(services.clone()))],
        followers: vec![Arc::new(clock::People(services.clone()))],
        ..Parts::default()
    }
}

/// The requirement that a request is about, if it is about one, and whether it is still open; `None` for an unknown one.
///
/// # Errors
/// The database's error.
pub async fn about(conn: &Conn, id: &str) -> Result<Option<(Option<String>, bool)>> {
    Ok(by_id(conn, id).await?.map(|r| (r.requirement, matches!(r.state, State::Draft | State::Open))))
}

/// How many requests wait for a decision, and how many of them wait for nobody, because nobody may decide.
///
/// # Errors
/// The database's error.
pub async fn waiting(conn: &Conn) -> Result<(usize, usize)> {
    let open = store::open(conn).await?;
    Ok((open.len(), open.iter().filter(|r| r.approver.is_none()).count()))
}
