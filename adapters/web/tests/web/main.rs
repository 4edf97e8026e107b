//! The web chat, used as browsers use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod conversations;
mod doors;
mod learning;
mod port;
mod stage;
