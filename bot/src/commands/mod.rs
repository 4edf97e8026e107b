//! The commands of the command line, one file each.

pub mod answers;
pub mod ask;
pub mod audit;
pub mod backup;
pub mod bench;
pub mod doctor;
pub mod eval;
pub mod lessons;
pub mod library;
pub mod model;
pub mod people;
pub mod queue;
pub mod schema;
pub mod simulate;
pub mod training;

use anyhow::Result;
use serde::Serialize;

/// A reason that is recorded: it has to say something.
pub fn reason(text: &str) -> Result<String, &'static str> {
    let said = text.trim();
    if said.is_empty() { Err("say why, in a sentence") } else { Ok(said.to_owned()) }
}

/// Prints one JSON value on a line.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
