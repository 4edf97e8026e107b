//! Files that hold one secret, readable for their owner alone.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::{Error, Result, folder_of};

/// The text of a key file. Where it is missing and `make` is given, that text is written to it first; two that make it at
/// once end with the same one.
///
/// # Errors
/// One sentence that names the key of the configuration and the file: missing, readable for others, or not to be read.
pub(super) fn open(path: &Path, what: &str, make: Option<impl FnOnce() -> String>) -> Result<String> {
    let said = |e: std::io::Error| Error::Io(format!("{what}: {} cannot be opened: {e}", path.display()));
    if !path.exists() {
        let Some(make) = make else {
            return Err(Error::Io(format!(
                "{what}: the key file {} is missing: restore it from where it is kept",
                path.display()
            )));
        };
        write(path, what, &make())?;
    }
    let mode = std::fs::metadata(path).map_err(said)?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(Error::invalid(format!(
            "{what}: everybody can read {}: take that away with 'chmod 600 {}'",
            path.display(),
            path.display()
        )));
    }
    Ok(std::fs::read_to_string(path).map_err(said)?.trim().to_owned())
}

/// Writes a new key file; one that is there stays as it is.
pub(super) fn write(path: &Path, what: &str, text: &str) -> Result<()> {
    let said = |e: std::io::Error| Error::Io(format!("{what}: {} cannot be written: {e}", path.display()));
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(said)?;
    // Whole or not at all: a name that appears when the text is on the disk.
    let mut part = tempfile_in(folder).map_err(said)?;
    let done = part.1.write_all(format!("{text}\n").as_bytes()).and_then(|()| part.1.sync_all());
    let done = done.and_then(|()| match std::fs::hard_link(&part.0, path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = std::fs::remove_file(&part.0);
    done.and(removed).and_then(|()| File::open(folder)?.sync_all()).map_err(said)
}

fn tempfile_in(folder: &Path) -> std::io::Result<(std::path::PathBuf, File)> {
    let path = folder.join(format!(".key-{:016x}", crate::clock::noise()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}
