//! The source kind `files`: a folder with Markdown, HTML, plain text and PDF.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use stoa_ground::{Error, Instant, Result, clock};
use stoa_learning::library::{Found, Item, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;
use walkdir::{DirEntry, WalkDir};

use crate::page::{self, Page};
use crate::pdf::Extractor;

/// Goes up whenever the same file gives other sections, so that it is read again.
const READING: u32 = 1;
/// Larger files are not read.
const MOST_BYTES: u64 = 20 * 1024 * 1024;
/// A folder with more files than this is refused: it is hardly a library.
const MOST_FILES: usize = 100_000;

/// A folder as a source. Hidden files, symbolic links and kinds of files that it does not know are passed over.
pub struct Files {
    settings: SourceSettings,
    folder: PathBuf,
    pdf: Option<Extractor>,
}

/// The kinds of files that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Markdown,
    Html,
    Text,
    Pdf,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdown" | "mkd" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "txt" | "text" => Some(Self::Text),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }
}

impl Files {
    /// A folder as a source.
    #[must_use]
    pub fn new(settings: SourceSettings, folder: impl Into<PathBuf>) -> Self {
        Self { settings, folder: folder.into(), pdf: Extractor::this_program().ok() }
    }

    /// With another way to read PDF.
    #[must_use]
    pub fn with_pdf(self, extractor: Extractor) -> Self {
        Self { pdf: Some(extractor), ..self }
    }

    /// All files, in the order of their names, and what could not be listed.
    fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>)> {
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
            e.depth() == 0 || !name.starts_with('.') && name != "node_modules"
        };
        let (mut files, mut failed) = (Vec::new(), Vec::new());
        for entry in WalkDir::new(&root).follow_links(false).sort_by_file_name().into_iter().filter_entry(visible) {
            match entry {
                Ok(e) if e.file_type().is_file() && Kind::of(e.path()).is_some() => files.push(e.into_path()),
                Ok(_) => {}
                Err(e) => failed.push(format!("a part of the folder cannot be listed: {e}")),
            }
            if files.len() > MOST_FILES {
                return Err(Error::invalid(format!(
                    "the folder {} has more than {MOST_FILES} files: name the folders below it as sources of their own",
                    folder.display()
                )));
            }
        }
        Ok((files, failed))
    }

    async fn look(&self, root: &Path, path: PathBuf, known: &Known) -> Found {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<&str> = relative.iter().filter_map(|p| p.to_str()).collect();
        let location = if parts.len() == relative.iter().count() {
            parts.join("/")
        } else {
            let shown = relative.to_string_lossy().into_owned();
            return Found::Broken(shown, "its name is not valid UTF-8: rename it".into());
        };
        if location.chars().any(char::is_control) {
            let shown = location.escape_debug().to_string();
            return Found::Broken(shown, "its name has control characters: rename it".into());
        }
        let (length, changed) = match facts(&path) {
            Ok(facts) => facts,
            Err(sentence) => return Found::Broken(location, sentence),
        };
        let fingerprint = format!("{READING}/{}/{length}", changed.0);
        if known.get(&location) == Some(&fingerprint) {
            return Found::Unchanged(location);
        }
        if length > MOST_BYTES {
            let sentence = format!("it has {} MB, more than the 20 MB that are read: split it", length / 1024 / 1024);
            return Found::Broken(location, sentence);
        }
        match self.read(&path).await {
            Err(sentence) => Found::Broken(location, sentence),
            Ok(page) => {
                let title = page.title.filter(|t| !t.trim().is_empty());
                let item = Item {
                    title: title.unwrap_or_else(|| page::from_file_name(&location)),
                    location,
                    language: page.language,
                    owner: page.owner,
                    review_date: page.review_date,
                    keywords: page.keywords,
                    sections: page.sections,
                    ..Item::default()
                };
                // A file that was written just now may be written again with the same time: it is read once more.
                let settled = changed.plus(2 * Instant::SECOND) < clock::machine();
                Found::Document { item, fingerprint: settled.then_some(fingerprint), warnings: page.warnings }
            }
        }
    }

    async fn read(&self, path: &Path) -> Result<Page, String> {
        let Some(kind) = Kind::of(path) else { return Err("its kind is not known".into()) };
        if kind == Kind::Pdf {
            let Some(pdf) = &self.pdf else { return Err("this program cannot find itself to read PDF".into()) };
            return Ok(Page { sections: pdf.sections(path).await?, ..Page::default() });
        }
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            let bytes = std::fs::read(&path).map_err(|e| format!("it could not be read: {e}"))?;
            let text = page::decode(&bytes)?;
            match kind {
                Kind::Markdown => page::markdown(&text),
                Kind::Html => page::html(&text),
                Kind::Text | Kind::Pdf => Ok(page::plain(&text)),
            }
        })
        .await
        .unwrap_or_else(|_| Err("its reader failed: please report this file".into()))
    }
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
        let (files, failed) = listing.map_err(|_| Error::Io("the folder could not be listed".into()))??;
        let root = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let closed = |_| Error::Io("the sync ended early".into());
        out.send(Found::Listed(files.len())).await.map_err(closed)?;
        for path in files {
            out.send(self.look(&root, path, known).await).await.map_err(closed)?;
        }
        match failed.into_iter().next() {
            Some(sentence) => Err(Error::Io(sentence)),
            None => Ok(()),
        }
    }
}
