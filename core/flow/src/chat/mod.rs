//! What people and the bot say to each other, the same on every platform, and which command an event means.

mod audience;
mod command;
mod heard;
mod help;
mod home;
mod message;
mod model;
mod moment;
mod router;

pub use audience::Audience;
pub use command::{Args, Call, Command, Context, Duty, FieldError, Suggestion, Turn};
pub use heard::Heard;
pub use help::Help;
pub(crate) use home::Home;
pub use home::{Panel, Prompt, Visit};
pub use message::{Block, Button, Field, FieldKind, Form, Message, Style, literal};
pub use model::{Account, Envelope, Event, MessageRef, Place, Platform, SendError, ThreadMessage, looked_up};
pub use moment::{moment, moment_at, read_moment};
pub use router::{Opened, Understood, understand};
