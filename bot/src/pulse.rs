//! Whether the store is there and takes writes, as `/readyz` and the gauge `stoa_store_up` say it: on a full disk it can
//! still be read, and a file that was deleted can still be written.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
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
    /// The file that was opened; none on PostgreSQL.
    file: Option<Opened>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

/// A file by its name, and which one that was.
struct Opened {
    path: PathBuf,
    is: Option<(u64, u64)>,
}

impl Opened {
    fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), is: identity(path) }
    }

    /// Whether the name still stands for the same file.
    fn is_there(&self) -> bool {
        identity(&self.path) == self.is
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

impl Pulse {
    /// Of a store that was just opened under this URL.
    pub fn of(db: &Db, url: &str) -> Self {
        let file = url.strip_prefix("sqlite://").map(|path| Opened::at(Path::new(path)));
        Self { db: db.clone(), file, last: Mutex::new(None) }
    }

    /// Whether the store is where it was opened, and took a write just now.
    ///
    /// # Errors
    /// Why it did not, in one sentence.
    pub async fn is_well(&self) -> Result<(), String> {
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
        if let Some(file) = self.file.as_ref().filter(|file| !file.is_there()) {
            return Err(format!(
                "the file {} was deleted or replaced while the server runs, and what is written now is lost with its stop: \
                 see 'A store that was moved or deleted' in docs/operations.md",
                file.path.display()
            ));
        }
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
        let pulse = Pulse::of(&db, &url);
        assert_eq!(pulse.is_well().await, Ok(()));
        let written = db.meta("pulse").await.unwrap();
        assert!(written.is_some());
        assert_eq!(pulse.is_well().await, Ok(()));
        assert_eq!(db.meta("pulse").await.unwrap(), written, "a finding holds for a while");
        db.close().await;

        let db = Db::open_read_only(&url, Clock::system()).await.unwrap();
        assert!(db.committed_position().await.is_ok(), "it can be read");
        let why = Pulse::of(&db, &url).is_well().await.unwrap_err();
        assert!(why.contains("reading only"), "{why}");
    }
    #[tokio::test]
    async fn a_file_that_was_deleted_or_replaced_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, away) = (dir.path().join("stoa.db"), dir.path().join("away.db"));
        let url = format!("sqlite://{}", path.display());
        let db = Db::open(&url, Clock::system()).await.unwrap();
        let pulse = Pulse::of(&db, &url);
        assert_eq!(pulse.beat().await, Ok(()));
        std::fs::rename(&path, &away).unwrap();
        for step in ["deleted", "replaced"] {
            let why = pulse.beat().await.unwrap_err();
            assert!(why.contains("stoa.db was deleted or replaced while the server runs"), "{step}: {why}");
            std::fs::copy(&away, &path).unwrap();
        }
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(pulse.beat().await, Ok(()), "it was put back");
    }
}
