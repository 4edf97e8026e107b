//! The web chat, used as browsers use it.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod conversations;
mod doors;
mod port;
mod stage;
