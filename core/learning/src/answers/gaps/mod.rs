//! Gaps: questions without an answer, counted without names, clustered by topic, with an owner and a clock; and the way
//! back, when something arrives that answers one.
//!
//! What the learning team sees of them follows one rule: the wording of a question is shown only when at least
//! [`MANY`] different people asked it in the same telling words. Of everything else, single words are shown, in the order
//! of the alphabet: those that two people used, or that stand in a page which everyone may read. So nobody is known by
//! how they asked, and nothing of a page that is closed shows.

mod arrive;
mod chat;
mod cluster;
mod store;

pub(super) use arrive::{Arrived, Follow, Matcher};
pub(super) use chat::{Clock, Waiting, act};
pub use cluster::{Cluster, clusters};
pub(super) use store::note;

/// How many different people must have asked a question in the same telling words for its wording to be shown.
pub const MANY: usize = 3;
