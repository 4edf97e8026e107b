//! The source kind `files`: a folder with Markdown, HTML, plain text, PDF, Word, PowerPoint and subtitles.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use stoa_ground::{Error, Instant, Result, clock};
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;
use walkdir::{DirEntry, WalkDir};

use crate::page::{self, Page};
use crate::pdf::Extractor;
use crate::reading::{Kind, MOST_FILES, READING, Reading, is_passed_over, too_large, unnameable};
use crate::web::send;

/// A folder as a source. Hidden files, symbolic links and kinds of files that it does not know are passed over.
pub struct Files {
    settings: SourceSettings,
    folder: PathBuf,
    reading: Reading,
}

/// What is in a folder.
#[derive(Default)]
struct Listing {
    /// In the order of their names.
    files: Vec<PathBuf>,
    /// What could not be listed.
    failed: Vec<String>,
    /// How many are of a kind that is not read, but holds text.
    old: usize,
}

impl Files {
    /// A folder as a source.
    #[must_use]
    pub fn new(settings: SourceSettings, folder: impl Into<PathBuf>) -> Self {
        Self { settings, folder: folder.into(), reading: Reading::new() }
    }

    /// With another way to read PDF.
    #[must_use]
    pub fn with_pdf(self, extractor: Extractor) -> Self {
        Self { reading: Reading::with_pdf(extractor), ..self }
    }

    fn list(folder: &Path) -> Result<Listing> {
        let root = folder.canonicalize().map_err(|e| {
            Error::Io(format!(
                "the folder {} cannot be opened: {e}: correct [[library.sources]] path",
                folder.display()
            ))
        })?;
        if !root.is_dir() {
            return Err(Error::Io(format!("{} is not a folder: correct [[library.sources]] path", folder.display())));
        }
        let visible = |e: &DirEntry| {
            let name = e.file_name().to_string_lossy();
            e.depth() == 0 || !is_passed_over(&name)
        };
        let mut all = Listing::default();
        for entry in WalkDir::new(&root).follow_links(false).sort_by_file_name().into_iter().filter_entry(visible) {
            match entry {
                Ok(e) if !e.file_type().is_file() => {}
                Ok(e) if kind_of(e.path()).is_some() => all.files.push(e.into_path()),
                Ok(e) => all.old += usize::from(is_old(e.path())),
                Err(e) => all.failed.push(format!("a part of the folder cannot be listed: {e}")),
            }
            if all.files.len() > MOST_FILES {
                return Err(Error::invalid(format!(
                    "the folder {} has more than {MOST_FILES} files: name the folders below it as sources of their own",
                    folder.display()
                )));
            }
        }
        Ok(all)
    }

    async fn look(&self, root: &Path, path: PathBuf, known: &Known) -> Found {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let location = parts.join("/");
        if let Some((shown, sentence)) = unnameable(&location, relative.to_str().is_some()) {
            return Found::Broken(shown, sentence);
        }
        let (length, changed) = match facts(&path) {
            Ok(facts) => facts,
            Err(sentence) => return Found::Broken(location, sentence),
        };
        let fingerprint = format!("{READING}/{}/{length}", changed.0);
        if known.fingerprint(&location) == Some(&fingerprint) {
            return Found::Unchanged(location);
        }
        if let Some(sentence) = too_large(length) {
            return Found::Broken(location, sentence);
        }
        match self.read(&path).await {
            Err(sentence) => Found::Broken(location, sentence),
            Ok(page) => {
                let name = page::from_file_name(&location);
                let (item, warnings) = page.into_item(location, || name);
                // A file that was written just now may be written again with the same time: it is read once more.
                let settled = changed.plus(2 * Instant::SECOND) < clock::machine();
                Found::Document { item, restricted: None, fingerprint: settled.then_some(fingerprint), warnings }
            }
        }
    }

    async fn read(&self, path: &Path) -> Result<Page, String> {
        let Some(kind) = kind_of(path) else { return Err("its kind is not known".into()) };
        self.reading.file(kind, path).await
    }
}

fn kind_of(path: &Path) -> Option<Kind> {
    Kind::of_name(&path.file_name()?.to_string_lossy())
}

/// Formats that nobody writes any more.
fn is_old(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["doc", "ppt", "rtf", "odt", "odp"].iter().any(|old| e.eq_ignore_ascii_case(old)))
}

/// Length in bytes and time of the last change.
fn facts(path: &Path) -> Result<(u64, Instant), String> {
    let failed = |e: std::io::Error| format!("it could not be read: {e}");
    let facts = path.symlink_metadata().map_err(failed)?;
    let since = facts.modified().map_err(failed)?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok((facts.len(), Instant(i64::try_from(since.as_micros()).unwrap_or(0))))
}

#[async_trait]
impl SourceReader for Files {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let folder = self.folder.clone();
        let listing = tokio::task::spawn_blocking(move || Self::list(&folder)).await;
        let Listing { files, failed, old } =
            listing.map_err(|_| Error::Io("the folder could not be listed".into()))??;
        let root = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        send(&out, Found::Listed(files.len())).await?;
        if old > 0 {
            let sentence = format!(
                "{old} files in old or other office formats were passed over: save them as .docx, .pptx or .pdf"
            );
            send(&out, Found::Noted(String::new(), sentence)).await?;
        }
        for path in files {
            send(&out, self.look(&root, path, known).await).await?;
        }
        match failed.into_iter().next() {
            Some(sentence) => Err(Error::Io(sentence)),
            None => Ok(()),
        }
    }
}
