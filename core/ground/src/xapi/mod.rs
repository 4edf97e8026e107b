//! xAPI: the statement model, strict validation, our vocabulary, and the table of statements.
//!
//! Features make a [`StatementDraft`] and give it to the [`Emitter`] inside their own transaction. Statements from
//! outside are read with [`Statement::parse_all`] and stored by the Learning Record Store (`stoa_learning::lrs`).
//! Both end in [`store::insert`], so no invalid statement can be in the store.

mod compare;
mod draft;
mod emit;
mod format;
mod json;
mod place;
mod statement;
pub mod store;
mod validate;
pub mod vocabulary;

pub use draft::{Activity, Actor, Outcome, StatementDraft};
pub use emit::Emitter;
pub use format::{Wanted, iri, timestamp, uuid};
pub use statement::{Mentions, Statement, agent_key, column_key};
pub use store::Authority;
pub(crate) use store::STAMP;
pub use validate::Version;
pub use vocabulary::{ActivityType, Verb};

use crate::{Error, Result};

/// Reads the `agent` parameter of a query: one Agent or identified Group.
///
/// # Errors
/// [`Error::Invalid`], which names the place.
pub fn parse_agent(text: &str, name: &str) -> Result<serde_json::Value> {
    let value = json::parse(text.as_bytes(), name)?;
    validate::agent_or_group(&place::Place::root(name), &value)?;
    if agent_key(&value).is_none() {
        return Err(Error::invalid(format!("{name}: an anonymous Group cannot be looked for")));
    }
    Ok(value)
}
