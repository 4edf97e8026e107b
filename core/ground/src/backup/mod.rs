//! Backup and restore: one logical format that either engine writes and reads.
//!
//! A backup is a gzip stream (RFC 1952) of JSON lines: a header, then for each table a line with its columns and a line for
//! each row, then an end with the number of rows of each table and the SHA-256 of everything before it. Beside it lies
//! `FILE.keys`, a JSON file with what must not be in the same place: the list of erasures, and people's keys.

mod due;
mod keys;
mod needs;
mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::db::Kind;

pub use due::Due;
pub use keys::{Forgotten, Keys, PersonKey, Store, read_keys};
pub use read::{Checked, check, restore};
pub use write::backup;

/// The newest format of a backup that this program reads, and the one that it writes.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `backup`.
    pub stoa: String,
    /// The version of the format.
    pub format: u32,
    /// The version of the schema.
    pub schema: i64,
    /// When it was made, in business time.
    pub made: Instant,
    /// Which backup it is; `FILE.keys` says the same.
    pub id: String,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    /// Rows by table.
    rows: BTreeMap<String, u64>,
    /// SHA-256 of all bytes before this line, in hexadecimal digits.
    sha256: String,
}

/// A line that begins a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Table {
    table: String,
    columns: Vec<(String, Kind)>,
}

/// What was written or read.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The header.
    pub header: Header,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// `FILE.keys` of a backup `FILE`.
#[must_use]
pub fn keys_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".keys");
    name.into()
}

#[cfg(test)]
mod tests;
