//! Whose turn it is where a platform limits calls.

use std::time::Duration;

/// Whether a call may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now; it has taken its place.
    Go,
    /// After this; only what belongs together with it waits.
    Wait(Duration),
    /// After this, as everything else.
    AllWait(Duration),
}
