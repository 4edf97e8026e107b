//! The folder of the index: opened, healed when it cannot be read, and emptied when it is another program's.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stoa_ground::{Error, Result};
use tantivy::directory::error::LockError;
use tantivy::directory::{Directory as _, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::{IndexSettings, IndexWriter, TantivyError};

use super::schema::{FORMAT, Fields};

/// Memory for what is not written yet, in bytes.
const BUDGET: usize = 32_000_000;

/// What a commit says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// The format of the index, [`FORMAT`].
    pub format: u32,
    /// The version of tantivy that wrote it.
    pub engine: String,
    /// The place in the change feed up to which it is complete; none while it is being built.
    pub position: Option<i64>,
    /// The key of the change at that place: another store has another one.
    pub key: String,
}

impl Payload {
    pub fn at(position: Option<i64>, key: String) -> Self {
        Self { format: FORMAT, engine: tantivy::version_string().to_owned(), position, key }
    }

    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn of(index: &tantivy::Index) -> tantivy::Result<Option<Self>> {
        let meta = index.load_metas()?;
        Ok(meta.payload.and_then(|p| serde_json::from_str(&p).ok()))
    }

    fn is_ours(&self) -> bool {
        self.format == FORMAT && self.engine == tantivy::version_string()
    }
}

/// An index that was opened, and what its last commit said.
pub(super) struct Opened {
    pub index: tantivy::Index,
    pub payload: Payload,
}

/// Opens the folder with its writer. Whatever is in the way is removed: everything in the index is in the store too.
pub(super) fn open(dir: &Path, fields: &Fields) -> Result<(Opened, IndexWriter)> {
    std::fs::create_dir_all(dir).map_err(|e| explain(dir, &e))?;
    let directory = MmapDirectory::open(dir).map_err(|e| explain(dir, &e))?;
    let opened = match read(dir, fields) {
        Ok(Some(opened)) => opened,
        found => {
            if let Err(e) = &found {
                tracing::warn!(folder = %dir.display(), error = %e, "the index cannot be read and is built again");
            }
            // The lock first: the folder of a running server is not emptied.
            let lock = directory.acquire_lock(&INDEX_WRITER_LOCK).map_err(|e| locked(dir, &e))?;
            empty(dir).map_err(|e| explain(dir, &e))?;
            drop(lock);
            let index = tantivy::Index::create(directory, fields.schema.clone(), IndexSettings::default())
                .map_err(|e| explain(dir, &e))?;
            Opened { index, payload: Payload::at(None, String::new()) }
        }
    };
    let writer = writer(&opened.index).map_err(|e| match e {
        TantivyError::LockFailure(e, _) => locked(dir, &e),
        e => explain(dir, &e),
    })?;
    Ok((opened, writer))
}

/// Opens the folder for reading only; none when there is no index of ours.
pub(super) fn open_read_only(dir: &Path, fields: &Fields) -> Result<Option<Opened>> {
    read(dir, fields).or_else(|e| {
        tracing::warn!(folder = %dir.display(), error = %e, "the index cannot be read");
        Ok(None)
    })
}

pub(super) fn writer(index: &tantivy::Index) -> tantivy::Result<IndexWriter> {
    // One thread: passages come one after the other, and the order of commits is the order of the feed.
    index.writer_with_num_threads(1, BUDGET)
}

/// Our index in the folder, whole; none when there is none, or one of another format.
fn read(dir: &Path, fields: &Fields) -> tantivy::Result<Option<Opened>> {
    if !dir.is_dir() {
        return Ok(None);
    }
    let directory = MmapDirectory::open(dir)?;
    if !tantivy::Index::exists(&directory)? {
        return Ok(None);
    }
    let index = tantivy::Index::open(directory)?;
    let Some(payload) = Payload::of(&index)?.filter(Payload::is_ours) else { return Ok(None) };
    if index.schema() != fields.schema {
        return Ok(None);
    }
    let broken = index.validate_checksum()?;
    if !broken.is_empty() {
        return Err(TantivyError::SystemError(format!("{} of its files are damaged", broken.len())));
    }
    Ok(Some(Opened { index, payload }))
}

fn empty(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn explain(dir: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::Io(format!(
        "the search index in {} cannot be used: {e}; delete the folder to have it built again",
        dir.display()
    ))
}

fn locked(dir: &Path, e: &LockError) -> Error {
    match e {
        LockError::LockBusy => Error::Conflict(format!(
            "another Stoa process is writing the search index in {}: stop it, or use a command that only reads",
            dir.display()
        )),
        e => explain(dir, e),
    }
}
