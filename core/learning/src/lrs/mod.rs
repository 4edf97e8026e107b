//! The Learning Record Store: taking statements from outside, and giving statements out.
//!
//! The rules are those of xAPI 1.0.3 part three and IEEE 9274.1.1; the HTTP side of them is `stoa-xapi-http`. Table and
//! voiding belong to [`stoa_ground::xapi::store`]; here are credentials, the query and the formats.

mod credential;
mod format;
mod query;
mod search;

pub use credential::{
    Caller, Configured, Credential, Credentials, NewCredential, Reading, Scope, create, list, revoke,
};
pub use format::{Format, Languages, apply};
pub use query::{One, Query, Request};
pub use search::{Page, consistent_through, find, one};

use stoa_ground::xapi::{Statement, store};
use stoa_ground::{Error, Result, Tx};

/// The most statements in one request. All of them are stored in one transaction, which must be short.
pub const MAX_BATCH: usize = 250;

/// Stores statements for a caller, all or none, and gives their ids in order. One that is here already, with the same
/// content, is left as it is.
///
/// # Errors
/// [`Error::Forbidden`] without the right to write or to void, [`Error::Conflict`] when an id is taken by another
/// statement.
pub async fn store(tx: &Tx, statements: &[Statement], caller: &Caller) -> Result<Vec<String>> {
    if !caller.may_write() {
        return Err(Error::Forbidden(format!("the key '{}' may not write statements", caller.key())));
    }
    store::insert(tx, statements, caller.authority()).await
}

#[cfg(test)]
mod tests;
