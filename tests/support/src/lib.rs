//! What the end-to-end tests play with: the real binary as a child process, a real browser, a chat behind a bridge, a
//! workspace of Slack, a Discord, a mail server, an identity provider, and a language model.

mod browser;
pub mod dialogue;
pub mod discord;
mod disk;
mod far_end;
mod identity;
mod mail;
mod model;
mod script;
mod server;
pub mod slack;
mod steady;
mod world;

pub use browser::Browser;
pub use disk::{Disk, Frozen};
pub use far_end::{Chat, FarEnd, Mood, Post, status_of};
pub use identity::{IdentityProvider, Trouble};
pub use mail::MailServer;
pub use model::Model;
pub use server::{Server, free_port, run, said, stoa};
pub use steady::steady_line;
pub use world::{PEOPLE, Replica, Setup, World};
