//! Simulations: they tell the story that life would, the same one every time, and break no rule of the messages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod checker;
mod clocks;
mod events;
mod half_year;
mod world;
