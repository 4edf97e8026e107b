//! Whether the store takes writes, as `/readyz` and the gauge `stoa_store_up` say it: on a full disk it can still be read.

use std::time::{Duration, Instant};

use stoa_ground::clock::{machine, monotonic};
use stoa_ground::{Db, args};
use tokio::sync::Mutex;

/// How long a finding holds: whoever asks sooner gets the same one, and nothing is written.
const HOLDS: Duration = Duration::from_secs(5);
/// A write that waits longer than this for others is no trouble of the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// A row of the store that is written for nothing but to find out whether it can be.
pub struct Pulse {
    db: Db,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Pulse {
    pub fn of(db: &Db) -> Self {
        Self { db: db.clone(), last: Mutex::new(None) }
    }

    /// Whether the store took a write just now.
    ///
    /// # Errors
    /// Why it did not, in one sentence.
    pub async fn takes_writes(&self) -> Result<(), String> {
        // Those who ask at the same time wait for one write.
        let mut last = self.last.lock().await;
        if let Some((at, found)) = last.as_ref()
            && at.elapsed() < HOLDS
        {
            return found.clone();
        }
        let found = self.beat().await;
        *last = Some((monotonic(), found.clone()));
        found
    }

    async fn beat(&self) -> Result<(), String> {
        let sql = "INSERT INTO meta (name, value) VALUES ('pulse', $1)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let write = self.db.write_one(sql, args![machine().rfc3339()]);
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Err(e)) => Err(e.to_string()),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use stoa_ground::Clock;

    use super::*;

    #[tokio::test]
    async fn a_store_that_takes_no_writes_is_found_out_and_one_that_does_is_written_seldom() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("stoa.db").display());
        let db = Db::open(&url, Clock::system()).await.unwrap();
        let pulse = Pulse::of(&db);
        assert_eq!(pulse.takes_writes().await, Ok(()));
        let written = db.meta("pulse").await.unwrap();
        assert!(written.is_some());
        assert_eq!(pulse.takes_writes().await, Ok(()));
        assert_eq!(db.meta("pulse").await.unwrap(), written, "a finding holds for a while");
        db.close().await;

        let db = Db::open_read_only(&url, Clock::system()).await.unwrap();
        assert!(db.committed_position().await.is_ok(), "it can be read");
        let why = Pulse::of(&db).takes_writes().await.unwrap_err();
        assert!(why.contains("reading only"), "{why}");
    }
}
