//! Disks that are small, or cannot be written, where a test may make such.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

/// A small disk of its own: a tmpfs. It is taken away with its value.
pub struct Disk(tempfile::TempDir);

impl Disk {
    /// Mounts one of this size (`8m`); none where this process may not.
    pub fn mount(size: &str) -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let mounted =
            quiet(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path()));
        Ok(mounted.then(|| Self(dir)))
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives it another size.
    pub fn resize(&self, size: &str) -> Result<()> {
        self.remount(&format!("size={size}"))
    }

    /// Makes it read-only, while nobody writes to it, or writable again.
    pub fn read_only(&self, yes: bool) -> Result<()> {
        self.remount(if yes { "ro" } else { "rw" })
    }

    /// Gives the disk with all that is on it to a user; `false` where there is no such user.
    #[must_use]
    pub fn give_to(&self, user: &str) -> bool {
        quiet(Command::new("chown").arg("-R").arg(user).arg(self.path()))
    }

    fn remount(&self, how: &str) -> Result<()> {
        let done = quiet(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()));
        ensure!(done, "the disk could not be mounted with {how}");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The folder's guard says when it could not be removed.
        quiet(Command::new("umount").arg("-l").arg(self.path()));
    }
}

/// Files that nobody can write, also who has them open, as on a disk that went read-only. They can be written again when
/// the value is gone.
pub struct Frozen(Vec<PathBuf>);

impl Frozen {
    /// Freezes those of the files that are there; none where this process may not.
    #[must_use]
    pub fn freeze(files: &[PathBuf]) -> Option<Self> {
        let files: Vec<PathBuf> = files.iter().filter(|f| f.exists()).cloned().collect();
        let frozen = Self(files);
        quiet(Command::new("chattr").arg("+i").args(&frozen.0)).then_some(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        quiet(Command::new("chattr").arg("-i").args(&self.0));
    }
}

/// Whether a command ended well.
fn quiet(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
