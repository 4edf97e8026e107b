//! Where the clock of a chat and the server's differ: flagged, never rewritten.

use stoa_ground::Instant;
use stoa_ground::ledger::Source;

/// Differences up to this are the way from the platform to the server.
const TOLERANCE: i64 = 60 * Instant::SECOND;

/// The greatest difference among records that came from a chat: the kind of the record, and by how many seconds the chat's
/// clock is ahead; empty where none is beyond the tolerance. `sources`: kinds of records, with their field `source`.
pub(super) fn worst<'s>(sources: impl Iterator<Item = (&'s str, &'s Source)>) -> String {
    let mut worst = (0, String::new());
    for (kind, source) in sources {
        let ahead = source.at.0.saturating_sub(source.received.0);
        if ahead.abs() > TOLERANCE && ahead.abs() > worst.0 {
            worst = (ahead.abs(), format!("{kind}: {} s", ahead / Instant::SECOND));
        }
    }
    worst.1
}
