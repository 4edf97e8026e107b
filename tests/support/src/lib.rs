//! What the end-to-end tests play with: the real binary as a child process, a real browser, and a chat behind a bridge.

mod browser;
mod far_end;
mod server;

pub use browser::Browser;
pub use far_end::{Chat, FarEnd, Mood, Post, status_of};
pub use server::{Server, free_port, stoa};
