//! What capabilities share: the ledger with all projections, the emitter of statements, and the search index.

use stoa_flow::Organisation;
use stoa_ground::ledger::Ledger;
use stoa_ground::people;
use stoa_ground::xapi::Emitter;

use crate::answers::Asking;
use crate::search::Index;
use crate::training::attest::NamedBy;
use crate::training::requests;

/// Shared by all capabilities; made once at start.
pub struct Services {
    /// The ledger, with the projections of all capabilities.
    pub ledger: Ledger,
    /// Writes xAPI statements.
    pub emitter: Emitter,
    /// The organisation: its calendars and limits.
    pub organisation: Organisation,
    /// The search index.
    pub index: Index,
    /// How long decisions about training may take, and what managers may decide alone.
    pub training: requests::Settings,
    /// How questions are answered: the language model, and when the bot speaks in channels.
    pub asking: Asking,
    /// Whether mail can be sent, so that people can prove themselves by a code from their mailbox.
    pub mail: bool,
    /// Whether people can sign in with the organisation's identity provider, and what it names them by.
    pub sign_in: Option<NamedBy>,
}

/// The ledger with the projections of all capabilities.
#[must_use]
pub fn ledger() -> Ledger {
    let mut projections = people::projections();
    projections.extend(crate::training::projections());
    projections.extend(crate::evidence::projections());
    Ledger::new(projections)
}
