//! A new requirement in chat: somebody of the learning team writes it, sees what it would do, and asks for approval; a
//! second person with the role `approver` brings it into force or sends it back with a reason. Changing and withdrawing a
//! requirement go the same way.
//!
//! A draft is a [request](super::requests) of the kind `requirement`, so it is in the ledger, and the same clock sees to
//! it that somebody decides.

mod chat;
mod enforce;
mod form;
mod missing;
mod preview;
mod rule;

use stoa_ground::{Db, Error, Result};

pub(super) use chat::{WORDS, check, form, run};
pub(super) use enforce::{EnforceJob, enforce};
pub(super) use missing::asks;
pub(super) use preview::preview;

use super::apply::{self, Planned};
use super::{requests, requirement};
use crate::Services;

/// Puts the requirements of a file before somebody with the role `approver`, who brings them into force in chat. `file`
/// is its name for messages. Gives what each would change as things are now.
///
/// # Errors
/// As [`apply`](super::apply()); [`Error::Invalid`] without a reason.
pub async fn propose(db: &Db, services: &Services, file: &str, text: &str, reason: &str) -> Result<Vec<Planned>> {
    let requirements = requirement::parse(file, text)?;
    let reason = stoa_ground::people::clean(reason);
    if reason.is_empty() {
        return Err(Error::invalid("a proposal needs a reason, which the approver reads: say it with --reason"));
    }
    let (requirements, reason) = (&requirements, &reason);
    let (planned, _) = db.read(|conn| async move { apply::look(&conn, services, file, requirements).await }).await?;
    db.write(|tx| async move {
        for r in requirements {
            let draft = requests::draft(&tx, services, None, None, r).await?;
            requests::propose(&tx, services, &draft, reason).await?;
        }
        Ok(())
    })
    .await?;
    Ok(planned)
}
