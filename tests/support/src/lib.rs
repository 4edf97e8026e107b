//! What the end-to-end tests play with: the real binary as a child process, and a real browser.

mod browser;
mod server;

pub use browser::Browser;
pub use server::{Server, free_port, stoa};
