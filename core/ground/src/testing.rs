//! A real store in a temporary folder, for tests.

use crate::{Clock, Db, Instant};

/// The day on which tests play: Monday, 23 November 2026, 09:00 UTC.
pub const MONDAY: &str = "2026-11-23T09:00:00Z";

/// An empty store with a seeded manual clock at [`MONDAY`]. It lives as long as the folder's guard.
///
/// # Panics
/// When no temporary folder can be made.
pub async fn store() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let at = Instant::parse(MONDAY).expect("MONDAY is a date");
    let url = format!("sqlite://{}", dir.path().join("stoa.db").display());
    let db = Db::open(&url, Clock::seeded(at, 1)).await.expect("an empty store can be opened");
    (db, dir)
}
