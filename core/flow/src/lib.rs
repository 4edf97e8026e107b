//! The flow of messages: chat, delivery, schedule and the arbiter. Knows no platform and no capability.
//!
//! Inbound: [`Flow::accept`] stores an event under the platform's key, and only then it is acknowledged; a worker runs
//! the [`chat::Command`] it names, whose changes, statements and replies commit in one transaction. Outbound: rows of the
//! outbox say what to tell whom; [`delivery`] asks the arbiter in [`nudges`], renders at send time and sends.

pub mod alarms;
pub mod chat;
pub mod delivery;
pub mod nudges;
pub mod schedule;
pub mod words;

pub mod testing;

mod caught;
mod follow;
mod journal;
mod lease;
mod organisation;
mod rounds;
mod waiting;
mod worker;

pub use follow::Follower;
pub use lease::{Lease, Leased, sends_end};
pub use organisation::{Nudges, Organisation};
pub use worker::{Background, Flow, Parts, Watcher};
