//! PDF in a child process: its reader may panic, loop or take all memory, and then only the child ends.
//!
//! The child is this program itself with the hidden argument `extract-pdf PATH`. On Unix it is started through the
//! shell's `ulimit`, which bounds memory and processor time without any `unsafe` code of ours; elsewhere the time limit
//! and the bound on the output are what holds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stoa_learning::library::Section;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// The hidden argument before the path.
pub const ARGUMENT: &str = "extract-pdf";

/// So long one PDF may take.
const TIME: Duration = Duration::from_secs(20);
/// So many bytes of text one PDF may have.
const MOST_OUTPUT: u64 = 32 * 1024 * 1024;
/// Kilobytes of address space of the child.
const MEMORY: u64 = 2 * 1024 * 1024;

/// What the child prints: one JSON value.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Pages(Vec<String>),
    Error(String),
}

/// Reads PDFs by a child process.
#[derive(Clone, Debug)]
pub struct Extractor {
    program: PathBuf,
    time: Duration,
}

impl Extractor {
    /// With this very program as the child: its `main` must call [`extract_pdf_main`] for [`ARGUMENT`].
    ///
    /// # Errors
    /// When the system cannot say where this program is.
    pub fn this_program() -> std::io::Result<Self> {
        Ok(Self::new(std::env::current_exe()?))
    }

    /// With another program as the child.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self { program, time: TIME }
    }

    /// With another time limit.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// One section a page, "Page n" as its heading.
    ///
    /// # Errors
    /// One sentence about the file.
    pub async fn sections(&self, path: &Path) -> Result<Vec<Section>, String> {
        let pages = self.pages(path).await?;
        let numbered = pages.iter().enumerate().filter(|(_, text)| !text.trim().is_empty());
        let sections: Vec<Section> = numbered
            .map(|(n, text)| Section {
                headings: vec![format!("Page {}", n + 1)],
                anchor: Some(format!("page={}", n + 1)),
                text: paragraphs(text),
            })
            .collect();
        if sections.is_empty() {
            return Err("it has no text, perhaps it is scanned: run it through text recognition (OCR) first".into());
        }
        Ok(sections)
    }

    async fn pages(&self, path: &Path) -> Result<Vec<String>, String> {
        let failed = |e: std::io::Error| format!("the program that reads PDF could not be started: {e}");
        let mut child = self.command(path).spawn().map_err(failed)?;
        let mut output = Vec::new();
        let Some(stdout) = child.stdout.take() else { return Err("the program that reads PDF said nothing".into()) };
        let read = async {
            stdout.take(MOST_OUTPUT + 1).read_to_end(&mut output).await?;
            if output.len() as u64 > MOST_OUTPUT {
                return Ok(None);
            }
            child.wait().await.map(Some)
        };
        let ended = tokio::time::timeout(self.time, read).await;
        // Whatever happened, the child is not left behind.
        let _ = child.start_kill();
        match ended {
            Err(_) => {
                return Err(format!(
                    "it took longer than {} seconds to read: it is damaged or too complex",
                    self.time.as_secs()
                ));
            }
            Ok(Ok(None)) => return Err("it has more than 32 MB of text: split it".into()),
            Ok(Err(e)) => return Err(failed(e)),
            Ok(Ok(Some(_))) => {}
        }
        match serde_json::from_slice(&output) {
            Ok(Answer::Pages(pages)) => Ok(pages),
            Ok(Answer::Error(sentence)) => Err(sentence),
            Err(_) => Err(damaged()),
        }
    }

    fn command(&self, path: &Path) -> Command {
        let args: [OsString; 3] = [self.program.clone().into(), ARGUMENT.into(), path.into()];
        let mut command = if cfg!(unix) && Path::new("/bin/sh").exists() {
            let mut shell = Command::new("/bin/sh");
            let seconds = self.time.as_secs().max(1) + 1;
            shell
                .arg("-c")
                .arg(format!("ulimit -v {MEMORY}; ulimit -t {seconds}; ulimit -c 0; exec \"$@\""))
                .arg("sh")
                .args(args);
            shell
        } else {
            let mut direct = Command::new(&self.program);
            direct.args(&args[1..]);
            direct
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }
}

fn damaged() -> String {
    "it is damaged or not a PDF: open it and save it again".into()
}

/// The child: reads one PDF and prints its pages, or one sentence, as JSON.
#[must_use]
pub fn extract_pdf_main(path: &Path) -> ExitCode {
    use std::io::Write as _;
    // A panic of the reader is an answer, not a message.
    std::panic::set_hook(Box::new(|_| {}));
    let path = path.to_owned();
    // Deep object trees need more stack than the main thread may have.
    let reader = std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(move || read(&path));
    let answer = reader.ok().and_then(|r| r.join().ok()).unwrap_or_else(|| Answer::Error(damaged()));
    let written = serde_json::to_vec(&answer).map(|json| std::io::stdout().write_all(&json));
    if matches!(written, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: &Path) -> Answer {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => return Answer::Error(format!("it could not be read: {e}")),
    };
    if bytes.is_empty() {
        return Answer::Error("it is an empty file".into());
    }
    // ISO 32000-2, section 7.5.2: the header stands in the first 1024 bytes in practice.
    if !bytes[..bytes.len().min(1_024)].windows(5).any(|w| w == b"%PDF-") {
        return Answer::Error(damaged());
    }
    match pdf_extract::extract_text_from_mem_by_pages(&bytes) {
        Ok(pages) => Answer::Pages(pages),
        Err(e) => {
            let text = format!("{e:?} {e}").to_ascii_lowercase();
            let locked = ["encrypt", "decrypt", "password"].iter().any(|w| text.contains(w));
            Answer::Error(if locked { "it is protected by a password: save it without one".into() } else { damaged() })
        }
    }
}

/// Lines of a page as paragraphs: an empty line, or one that ends early after a full stop, ends one.
fn paragraphs(page: &str) -> String {
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    let longest = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        if line.is_empty() {
            out.truncate(out.trim_end().len());
            out.push_str("\n\n");
            continue;
        }
        out.push_str(&crate::page::escape_line(line));
        let early = line.chars().count() * 10 < longest * 7 && line.ends_with(['.', '!', '?', ':']);
        out.push_str(if early { "\n\n" } else { "\n" });
    }
    out.trim().to_owned()
}
