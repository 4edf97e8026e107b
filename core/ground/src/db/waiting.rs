//! Who waits to write to a SQLite file: bulk work makes room for them, and only for them.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts who waits in this process. Who waits in another one holds a shared lock on the file `…-wait` beside the database.
pub(super) struct Waiting {
    here: AtomicUsize,
    path: PathBuf,
    file: OnceLock<Option<File>>,
}

/// One that waits in this process, as long as this lives.
pub(super) struct One<'w>(&'w AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What tells other processes that one waits in this, as long as it lives.
pub(super) struct Sign(File);

impl Drop for Sign {
    fn drop(&mut self) {
        // Closing the file would do the same.
        let _ = self.0.unlock();
    }
}

impl Waiting {
    /// For the database in this file.
    pub fn of(file: &str) -> Self {
        Self { here: AtomicUsize::new(0), path: PathBuf::from(format!("{file}-wait")), file: OnceLock::new() }
    }

    /// One more waits in this process.
    pub fn one(&self) -> One<'_> {
        self.here.fetch_add(1, Ordering::Relaxed);
        One(&self.here)
    }

    /// Whether one waits in this process.
    pub fn here(&self) -> bool {
        self.here.load(Ordering::Relaxed) > 0
    }

    /// Whether one waits in another process. Where that cannot be told, one may.
    pub fn elsewhere(&self) -> bool {
        let Some(file) = self.file.get_or_init(|| self.open()) else { return true };
        match file.try_lock() {
            Ok(()) => file.unlock().is_err(),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        }
    }

    /// Tells other processes that one waits in this; none when that is not to be had just now.
    pub fn tell(&self) -> Option<Sign> {
        // A lock belongs to the file as it was opened: not to that on which this process looks for others.
        let file = self.open()?;
        file.try_lock_shared().ok().map(|()| Sign(file))
    }

    fn open(&self) -> Option<File> {
        OpenOptions::new().write(true).create(true).truncate(false).open(&self.path).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_here_or_in_another_process_is_known_as_long_as_it_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stoa.db").display().to_string();
        let (mine, other) = (Waiting::of(&path), Waiting::of(&path));
        assert!(!mine.here() && !mine.elsewhere());
        let one = mine.one();
        assert!(mine.here() && !other.here());
        drop(one);
        assert!(!mine.here());
        let (first, second) = (other.tell().unwrap(), other.tell().unwrap());
        assert!(mine.elsewhere());
        drop(first);
        assert!(mine.elsewhere(), "one of two still waits");
        drop(second);
        assert!(!mine.elsewhere() && !mine.elsewhere());
        assert!(Waiting::of("/nowhere/stoa.db").elsewhere(), "it cannot be told");
    }
}
