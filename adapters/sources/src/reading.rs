//! What a file says, by its kind: the one way from bytes to sections for every source that has files.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::office;
use crate::page::{self, Around, Page};
use crate::pdf::Extractor;

/// Goes up whenever the same file gives other sections, so that it is read again.
pub(crate) const READING: u32 = 4;
/// Larger files are not read.
pub(crate) const MOST_BYTES: u64 = 20 * 1024 * 1024;
/// A folder or a repository with more files than this is refused: it is hardly a library.
pub(crate) const MOST_FILES: usize = 100_000;

/// Why a page of HTML without words is not taken for one.
pub(crate) const NO_TEXT: &str = "it has no text, perhaps a script writes it in the browser, which is not run here: give the \
                                  page its text, or leave it out";

/// The kinds of files that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Markdown,
    Html,
    Text,
    Pdf,
    Office(office::Kind),
    Subtitles,
}

impl Kind {
    /// By the name of a file.
    pub fn of_name(name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdown" | "mkd" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "txt" | "text" => Some(Self::Text),
            "pdf" => Some(Self::Pdf),
            "docx" | "docm" => Some(Self::Office(office::Kind::Word)),
            "pptx" | "pptm" => Some(Self::Office(office::Kind::Slides)),
            "vtt" | "srt" => Some(Self::Subtitles),
            _ => None,
        }
    }

    /// By a media type (RFC 6838), its parameters aside.
    pub fn of_media(media: &str) -> Option<Self> {
        match media.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "text/plain" => Some(Self::Text),
            "application/pdf" => Some(Self::Pdf),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => {
                Some(Self::Office(office::Kind::Word))
            }
            "application/vnd.openxmlformats-officedocument.presentationml.presentation" => {
                Some(Self::Office(office::Kind::Slides))
            }
            "text/vtt" | "application/x-subrip" => Some(Self::Subtitles),
            _ => None,
        }
    }
}

/// Parts of paths that are passed over.
pub(crate) fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || name == "node_modules"
}

/// Why a file with this path is not read, if its name could be shown to nobody: how it is shown instead, and the sentence.
/// `path` has U+FFFD in the place of what is no text.
pub(crate) fn unnameable(path: &str, is_text: bool) -> Option<(String, String)> {
    let why = if !is_text {
        "its name is not valid UTF-8: rename it"
    } else if path.chars().any(char::is_control) {
        "its name has control characters: rename it"
    } else {
        return None;
    };
    Some((path.escape_debug().to_string(), why.to_owned()))
}

/// Why a file of so many bytes is not read, if it is too large.
pub(crate) fn too_large(bytes: u64) -> Option<String> {
    let megabytes = |bytes: u64| bytes / 1024 / 1024;
    (bytes > MOST_BYTES).then(|| {
        let most = megabytes(MOST_BYTES);
        format!("it has {} MB, more than the {most} MB that are read: split it", megabytes(bytes))
    })
}

/// What tells one state of a document from another, for its fingerprint.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    stoa_ground::hex(hash.finalize().iter().take(16))
}

/// Reading is work for a processor, not for the thread that answers others.
async fn apart<T: Send + 'static>(read: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Err("its reader failed: please report this document".into()))
}

/// Reads files.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pdf: Option<Extractor>,
}

impl Reading {
    pub fn new() -> Self {
        Self { pdf: Extractor::this_program().ok() }
    }

    /// With another way to read PDF.
    pub fn with_pdf(extractor: Extractor) -> Self {
        Self { pdf: Some(extractor) }
    }

    /// Reads a file of a folder.
    pub async fn file(&self, kind: Kind, path: &Path) -> Result<Page, String> {
        if kind == Kind::Pdf {
            return self.pdf(path).await;
        }
        let failed = |e: std::io::Error| format!("it could not be read: {e}");
        let bytes = tokio::fs::read(path).await.map_err(failed)?;
        self.bytes(kind, bytes, None).await
    }

    /// Reads what came from elsewhere; `charset` is what was said of it on the way.
    pub async fn bytes(&self, kind: Kind, bytes: Vec<u8>, charset: Option<String>) -> Result<Page, String> {
        if kind == Kind::Pdf {
            let failed = |e: std::io::Error| format!("it could not be kept for reading: {e}");
            let file = tempfile::Builder::new().suffix(".pdf").tempfile().map_err(failed)?;
            tokio::fs::write(file.path(), bytes).await.map_err(failed)?;
            return self.pdf(file.path()).await;
        }
        apart(move || match kind {
            Kind::Office(kind) => office::read(kind, &bytes),
            kind => {
                let text = page::decode(&bytes, charset.as_deref(), kind == Kind::Html)?;
                match kind {
                    Kind::Markdown => page::markdown(&text),
                    Kind::Html => page::html(&text).and_then(|page| match page.sections.is_empty() {
                        true => Err(NO_TEXT.into()),
                        false => Ok(page),
                    }),
                    Kind::Subtitles => page::subtitles(&text),
                    _ => Ok(page::plain(&text)),
                }
            }
        })
        .await
    }

    /// Reads a page of a site, with what stands around its content.
    pub async fn site(&self, bytes: Vec<u8>, charset: Option<String>) -> Result<(Page, Around), String> {
        apart(move || page::of_site(&page::decode(&bytes, charset.as_deref(), true)?)).await
    }

    /// Reads HTML that was made from another format.
    pub async fn made(html: String) -> Result<Page, String> {
        apart(move || page::made(&html)).await
    }

    async fn pdf(&self, path: &Path) -> Result<Page, String> {
        let Some(pdf) = &self.pdf else { return Err("this program cannot find itself to read PDF".into()) };
        Ok(Page { sections: pdf.sections(path).await?, ..Page::default() })
    }
}
