//! The index on a disk that is full.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stoa_ground::Instant;
use stoa_ground::testing::store;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, FileHandle, RamDirectory, WatchCallback, WatchHandle, WritePtr};

use super::testing::{page, put, small_library};
use super::{Access, Index};

/// A directory in memory, on a disk that is full at times.
#[derive(Clone, Debug)]
struct Disk {
    files: RamDirectory,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn space(&self) -> std::io::Result<()> {
        let full = self.full.load(Ordering::SeqCst);
        if full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Directory for Disk {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }
    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }
    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }
    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.space().map_err(|e| OpenWriteError::wrap_io_error(e, path.to_owned()))?;
        self.files.open_write(path)
    }
    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }
    fn atomic_write(&self, path: &Path, data: &[u8]) -> std::io::Result<()> {
        self.space()?;
        self.files.atomic_write(path, data)
    }
    fn sync_directory(&self) -> std::io::Result<()> {
        self.files.sync_directory()
    }
    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}

fn found(index: &Index, question: &str) -> usize {
    index.search(question, &Access::everyone(), Instant(0), 1).unwrap().hits.len()
}

#[tokio::test]
async fn what_could_not_be_written_on_a_full_disk_is_found_once_there_is_space() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let disk = Disk { files: RamDirectory::create(), full: Arc::default() };
    let index = Index::made_in(disk.clone()).unwrap();
    index.catch_up(&db).await.unwrap();

    disk.full.store(true, Ordering::SeqCst);
    put(&db, &[page("office/parking.md", "Parking", &[("", "A parking permit costs nothing.")])]).await;
    for _ in 0..3 {
        assert!(index.catch_up(&db).await.is_err());
        assert!(index.lag(&db).await.unwrap() > 0, "it does not say that it is up to date");
    }
    assert_eq!(found(&index, "vpn"), 1, "what was there is found meanwhile");

    disk.full.store(false, Ordering::SeqCst);
    put(&db, &[page("office/lockers.md", "Lockers", &[("", "A locker has no key.")])]).await;
    index.catch_up(&db).await.unwrap();
    assert_eq!(found(&index, "parking permit"), 1);
    assert_eq!(found(&index, "locker"), 1);
    assert_eq!(index.lag(&db).await.unwrap(), 0);
}
