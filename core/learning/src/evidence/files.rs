//! The files of a pack: written to a folder or into a ZIP, and read from either with limits.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Cursor, Error, Write as _};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::{self, Bad};
use super::pack::{MOST_BYTES, MOST_FILES};

/// Files by name; folders are parted by `/`.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Whether a pack of this name is a ZIP.
#[must_use]
pub fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"))
}

/// The most entries that a ZIP has without ZIP64, which is not read.
const MOST_ENTRIES: usize = 65_534;

/// Refuses a pack that no verifier would read.
pub(super) fn fits(files: &Files, zip: bool, most: u64) -> Result<(), String> {
    let bytes: u64 = files.values().map(|file| file.len() as u64).sum();
    let most_files = if zip { MOST_ENTRIES } else { MOST_FILES };
    if bytes <= most && files.len() <= most_files {
        return Ok(());
    }
    Err(format!(
        "the pack would have {} files and {bytes} bytes, and a verifier reads {most_files} files and {most} bytes at most: \
         narrow it by requirement or period",
        files.len()
    ))
}

/// Writes a pack, whole or not at all: to a folder, or into one file when its name ends with `.zip`.
pub(super) fn write(to: &Path, files: &Files) -> std::io::Result<()> {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // What an export that was cut off left behind.
    if part.is_dir() {
        std::fs::remove_dir_all(&part)?;
    } else if part.exists() {
        std::fs::remove_file(&part)?;
    }
    if is_zip(to) {
        put(&part, &zipped(files)?)?;
    } else {
        std::fs::create_dir_all(part.join("content"))?;
        for (name, bytes) in files {
            let path = part.join(name);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            put(&path, bytes)?;
        }
        File::open(&part)?.sync_all()?;
    }
    std::fs::rename(&part, to)
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The same files are the same bytes.
fn zipped(files: &Files) -> std::io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Reads a pack.
pub(super) fn read(pack: &Path) -> Result<Files, Bad> {
    if !pack.is_file() {
        return folder(pack);
    }
    let length = pack.metadata().map_err(|e| unread(pack, &e))?.len();
    if length > MOST_BYTES {
        return Err(too_much());
    }
    archive::read(&std::fs::read(pack).map_err(|e| unread(pack, &e))?)
}

pub(super) fn too_much() -> Bad {
    Bad::Unread(format!("it has more than {MOST_FILES} files or {MOST_BYTES} bytes, and is no pack that Stoa writes"))
}

fn unread(path: &Path, e: &Error) -> Bad {
    Bad::Unread(format!("{} cannot be read: {e}", path.display()))
}

fn folder(pack: &Path) -> Result<Files, Bad> {
    let mut files = Files::new();
    let mut left = MOST_BYTES;
    let mut folders = vec![(pack.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| unread(&folder, &e))? {
            let entry = entry.map_err(|e| unread(&folder, &e))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| unread(&path, &e))?;
            let Ok(own) = entry.file_name().into_string() else {
                return Err(Bad::Changed("the name of a file is not UTF-8".into()));
            };
            let name = format!("{prefix}{own}");
            if kind.is_dir() {
                folders.push((path, format!("{name}/")));
            } else if kind.is_file() {
                let length = entry.metadata().map_err(|e| unread(&path, &e))?.len();
                left = left.checked_sub(length).ok_or_else(too_much)?;
                files.insert(name, std::fs::read(&path).map_err(|e| unread(&path, &e))?);
            } else {
                return Err(Bad::Changed(format!("{name} is a link or a device, and a pack has files only")));
            }
            if files.len() + folders.len() > MOST_FILES {
                return Err(too_much());
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_no_verifier_would_read_is_refused() {
        let files = |count: usize| (0..count).map(|n| (n.to_string(), vec![0; 10])).collect::<Files>();
        assert!(fits(&files(7), false, 70).is_ok());
        let said = fits(&files(7), false, 69).unwrap_err();
        assert!(said.contains("7 files and 70 bytes") && said.contains("narrow it by requirement or period"), "{said}");
        assert!(fits(&files(MOST_ENTRIES + 1), false, MOST_BYTES).is_ok());
        assert!(fits(&files(MOST_ENTRIES + 1), true, MOST_BYTES).is_err(), "as a folder only");
    }
}
