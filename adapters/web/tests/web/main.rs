//! The web chat, used as browsers use it.

mod conversations;
mod doors;
mod stage;
