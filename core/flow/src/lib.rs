//! The flow of messages: chat, delivery, schedule and the arbiter. Knows no platform and no capability.

pub mod words;
