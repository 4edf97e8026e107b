//! SQLite's checkpoints: what was committed is copied from the write-ahead log into the file, by a thread beside the writer's.
//! In the writer's own commit, which is SQLite's way, it keeps everybody waiting for as long as 16 MiB take to reach the disk.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::native::{Native, logged};
use crate::Result;

/// From so many pages (16 MiB) in the log on they are copied, so that a page that is written again and again is copied once.
const PAGES: c_int = 4_000;
/// From so many on the writer waits until they are: the thread beside it does not keep up, and the log must not grow for ever.
const MOST: c_int = 8 * PAGES;

/// Copies what was committed, on a connection of its own that nobody else waits for.
pub(super) struct Checkpoints {
    file: String,
    state: AtomicU8,
    conn: Mutex<Option<Native>>,
}

/// The log is short, or nobody has begun.
const SHORT: u8 = 0;
/// The thread is at work.
const COPIES: u8 = 1;
/// All that was there when it began is copied. What has come since is little, and the writer copies it: only when nothing is left
/// to copy does the log begin again at its start, and while the writer writes on the thread never comes to that.
const COPIED: u8 = 2;

impl Checkpoints {
    /// For the database in this file.
    pub(super) fn of(file: String) -> Arc<Self> {
        Arc::new(Self { file, state: AtomicU8::new(SHORT), conn: Mutex::default() })
    }

    /// Has copied what is to be copied after a commit that this thread made on the writer's connection, which leaves the log alone.
    pub(super) fn committed(self: &Arc<Self>, writer: &Native) {
        let pages = logged();
        if pages < PAGES {
            let _ = self.state.compare_exchange(COPIED, SHORT, Ordering::AcqRel, Ordering::Acquire);
        } else if pages >= MOST || self.state.load(Ordering::Acquire) == COPIED {
            // One that fails loses nothing: the log keeps what it has, and the next commit tries again.
            let _ = copy(writer);
        } else if self.state.swap(COPIES, Ordering::AcqRel) != COPIES {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                let done = this.copy_beside();
                this.state.store(if done.is_ok() { COPIED } else { SHORT }, Ordering::Release);
            });
        }
    }

    fn copy_beside(&self) -> Result<()> {
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let native = match conn.take() {
            Some(native) => native,
            None => Native::open(&self.file)?,
        };
        copy(&native)?;
        *conn = Some(native);
        Ok(())
    }

    /// Waits until the thread is done, and closes its connection.
    pub(super) fn close(&self) {
        drop(self.conn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Copies as much as nobody has to wait for.
fn copy(conn: &Native) -> Result<()> {
    conn.batch("PRAGMA wal_checkpoint(PASSIVE)")
}
