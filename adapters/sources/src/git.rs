//! The source kind `git`: the files of a repository at the head of a branch. The program `git` fetches it without its
//! history into the data folder, and it is asked for nothing but objects: no file is checked out, no hook and no
//! configuration of the repository runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::git_host::Host;
use crate::page;
use crate::pdf::Extractor;
use crate::reading::{Kind, MOST_FILES, READING, Reading, digest, is_passed_over, too_large, unnameable};
use crate::turns::Turns;
use crate::web::{Pace, send};

/// So long fetching may take, and any other command.
const FETCH: Duration = Duration::from_secs(600);
const COMMAND: Duration = Duration::from_secs(60);
/// What the list of files may be at most.
const MOST_LIST: u64 = 64 * 1024 * 1024;
/// Where the head of the branch is kept.
const HEAD: &str = "refs/stoa/head";

/// Where a repository is and what of it is read.
#[derive(Clone, Debug, Default)]
pub struct GitOptions {
    /// Its address, as for `git clone`.
    pub url: String,
    /// The branch; the repository's own head without it.
    pub branch: Option<String>,
    /// A folder in it.
    pub folder: Option<String>,
    /// A token for HTTPS.
    pub token: Option<String>,
    /// How a file is found on the web, with `{path}` in it.
    pub link: Option<String>,
    /// Where it is kept.
    pub cache: PathBuf,
    /// A proxy for everything that goes out.
    pub proxy: Option<String>,
    /// A file of certificates that are trusted.
    pub ca_file: Option<PathBuf>,
    /// The interface of its host, as GitHub or GitLab has it, that says whether it is private. Those two are known.
    pub api_url: Option<String>,
    /// `everyone` means everyone although the repository is private.
    pub although_private: bool,
    /// The way to that interface, and how fast it is asked.
    pub network: Network,
    pub pace: Pace,
}

/// The copies of repositories here: one scan of each at a time.
static COPIES: Turns<()> = Turns::new();

/// A repository as a source.
pub struct Git {
    settings: SourceSettings,
    options: GitOptions,
    link: Option<String>,
    host: Option<Host>,
    reading: Reading,
}

/// A file in the repository.
struct File {
    path: String,
    object: String,
    size: u64,
}

impl Git {
    /// A repository as a source.
    ///
    /// # Errors
    /// When `url` is nothing that git may be asked for, or `api_url` no address.
    pub fn new(settings: SourceSettings, options: GitOptions) -> Result<Self> {
        let url = options.url.as_str();
        let known = ["https://", "http://", "ssh://", "file://", "/"].iter().any(|start| url.starts_with(start));
        let host = url.split(['/', ':']).next().unwrap_or_default();
        let short = url.contains(':') && host.contains('@') && !host.starts_with('-');
        if !(known || short) || url.contains("::") || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Error::invalid(format!(
                "[[library.sources]] url: '{url}' is not a repository like https://git.example.org/team/handbook.git"
            )));
        }
        if options
            .branch
            .as_deref()
            .is_some_and(|b| b.starts_with('-') || b.is_empty() || b.contains([':', ' ', '*', '^', '~']))
        {
            return Err(Error::invalid("[[library.sources]] branch: that is not the name of a branch"));
        }
        let link = options.link.clone().or_else(|| own_link(&options));
        let host = Host::of(url, options.api_url.as_deref())?;
        Ok(Self { settings, options, link, host, reading: Reading::new() })
    }

    /// With another way to read PDF.
    #[must_use]
    pub fn with_pdf(self, extractor: Extractor) -> Self {
        Self { reading: Reading::with_pdf(extractor), ..self }
    }

    /// Brings the copy up to date with the repository.
    async fn fetch(&self) -> Result<()> {
        let cache = &self.options.cache;
        if !cache.join("HEAD").exists() {
            std::fs::create_dir_all(cache)
                .map_err(|e| Error::Io(format!("{} cannot be made: {e}", cache.display())))?;
            self.run(&["init", "--quiet", "--bare"], COMMAND).await?;
        }
        let from = self.options.branch.as_ref().map_or_else(|| "HEAD".to_owned(), |b| format!("refs/heads/{b}"));
        let what = format!("+{from}:{HEAD}");
        self.run(
            &[
                "fetch",
                "--quiet",
                "--depth=1",
                "--no-tags",
                "--no-recurse-submodules",
                "--force",
                "--",
                &self.options.url,
                &what,
            ],
            FETCH,
        )
        .await?;
        Ok(())
    }

    /// The files that can be read, and what is wrong with the names of others.
    async fn list(&self) -> Result<(Vec<File>, Vec<Found>)> {
        let folder = self.options.folder.as_deref().map(|f| f.trim_matches('/')).filter(|f| !f.is_empty());
        let tree = folder.map_or_else(|| HEAD.to_owned(), |f| format!("{HEAD}:{f}"));
        let out = self.run(&["ls-tree", "-r", "-z", "--long", "--full-tree", &tree], COMMAND).await?;
        let (mut files, mut odd) = (Vec::new(), Vec::new());
        for entry in out.split(|b| *b == 0).filter(|e| !e.is_empty()) {
            // `<mode> blob <object> <size>\t<path>`
            let is_text = std::str::from_utf8(entry).is_ok();
            let entry = String::from_utf8_lossy(entry);
            let Some((facts, path)) = entry.split_once('\t') else { continue };
            let facts: Vec<&str> = facts.split_whitespace().collect();
            let [mode, "blob", object, size] = facts[..] else { continue };
            // 120000 is a symbolic link.
            let hidden = path.split('/').any(is_passed_over);
            if !mode.starts_with("100") || hidden || Kind::of_name(path.rsplit('/').next().unwrap_or(path)).is_none() {
                continue;
            }
            let path = folder.map_or_else(|| path.to_owned(), |f| format!("{f}/{path}"));
            if let Some((shown, sentence)) = unnameable(&path, is_text) {
                odd.push(Found::Broken(shown, sentence));
                continue;
            }
            files.push(File { path, object: object.to_owned(), size: size.parse().unwrap_or(u64::MAX) });
            if files.len() > MOST_FILES {
                return Err(Error::invalid(format!(
                    "the repository has more than {MOST_FILES} files: name a folder of it"
                )));
            }
        }
        Ok((files, odd))
    }

    fn location(&self, path: &str) -> String {
        let encoded = || path.split('/').map(crate::web::api::segment).collect::<Vec<_>>().join("/");
        self.link.as_ref().map_or_else(|| path.to_owned(), |link| link.replace("{path}", &encoded()))
    }

    /// Who may read at most. Of a private repository nobody but those who are named: `everyone` may not.
    async fn restricted(&self) -> Result<Option<Vec<String>>> {
        let (Some(host), false) = (&self.host, self.options.although_private) else { return Ok(None) };
        let token = self.options.token.as_deref();
        if !host.is_private(&self.options.network, token, self.options.pace).await? {
            return Ok(None);
        }
        Ok(Some(self.settings.readers.iter().filter(|r| *r != "everyone").cloned().collect()))
    }

    async fn look(&self, file: File, location: String, fingerprint: String, restricted: Option<Vec<String>>) -> Found {
        if let Some(sentence) = too_large(file.size) {
            return Found::Broken(location, sentence);
        }
        let Some(kind) = Kind::of_name(&file.path) else {
            return Found::Broken(location, "its kind is not known".into());
        };
        let bytes = match self.run(&["cat-file", "blob", &file.object], COMMAND).await {
            Ok(bytes) => bytes,
            Err(e) => return Found::Broken(location, e.to_string()),
        };
        if bytes.starts_with(b"version https://git-lfs.github.com/") {
            return Found::Broken(
                location,
                "it is kept in Git LFS, which is not read: keep it in the repository itself".into(),
            );
        }
        match self.reading.bytes(kind, bytes, None).await {
            Err(sentence) => Found::Broken(location, sentence),
            Ok(page) => {
                let (item, warnings) = page.into_item(location, || page::from_file_name(&file.path));
                Found::Document { item, restricted, fingerprint: Some(fingerprint), warnings }
            }
        }
    }

    /// What a command of git prints.
    async fn run(&self, args: &[&str], time: Duration) -> Result<Vec<u8>> {
        let mut command = Command::new("git");
        // Of the environment only what leads to the programs and keys of this user: nothing that changes what git does.
        command.env_clear();
        for name in ["PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .envs([
                ("GIT_DIR", self.options.cache.as_os_str()),
                ("GIT_TERMINAL_PROMPT", "0".as_ref()),
                ("GIT_CONFIG_NOSYSTEM", "1".as_ref()),
                ("GIT_CONFIG_GLOBAL", "/dev/null".as_ref()),
                ("GIT_ALLOW_PROTOCOL", "https:http:ssh:file".as_ref()),
                ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10".as_ref()),
                ("GIT_HTTP_LOW_SPEED_LIMIT", "1000".as_ref()),
                ("GIT_HTTP_LOW_SPEED_TIME", "30".as_ref()),
                ("LC_ALL", "C".as_ref()),
            ])
            .envs(self.secret_configuration())
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "gc.auto=0",
                "-c",
                "safe.directory=*",
                // A server must not send git elsewhere, perhaps into the private network.
                "-c",
                "http.followRedirects=false",
            ])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::Io("the program 'git' is not installed: install it, or use a folder as the source".into())
            }
            _ => Error::Io(format!("the program 'git' could not be started: {e}")),
        })?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let read = async {
            let (printed, said) = tokio::join!(
                async { if let Some(s) = stdout { s.take(MOST_LIST + 1).read_to_end(&mut out).await } else { Ok(0) } },
                async { if let Some(s) = stderr { s.take(64 * 1024).read_to_end(&mut err).await } else { Ok(0) } },
            );
            printed.and(said)?;
            child.wait().await
        };
        let ended = tokio::time::timeout(time, read).await;
        let _ = child.start_kill();
        let status = match ended {
            Err(_) => {
                return Err(Error::Io(format!(
                    "git did not end within {} seconds: try again, or name a smaller branch",
                    time.as_secs()
                )));
            }
            Ok(status) => status.map_err(|e| Error::Io(format!("git could not be heard: {e}")))?,
        };
        if out.len() as u64 > MOST_LIST {
            return Err(Error::Io("git printed more than 64 MB: name a folder of the repository".into()));
        }
        if !status.success() {
            return Err(Error::Io(format!("git: {}", complaint(&err))));
        }
        Ok(out)
    }

    /// Configuration that no list of processes shows.
    fn secret_configuration(&self) -> HashMap<String, String> {
        let mut pairs = Vec::new();
        if let Some(token) = &self.options.token {
            let basic = STANDARD.encode(format!("x-access-token:{token}"));
            pairs.push((format!("http.{}.extraHeader", self.options.url), format!("Authorization: Basic {basic}")));
        }
        if let Some(proxy) = &self.options.proxy {
            pairs.push(("http.proxy".into(), proxy.clone()));
        }
        if let Some(file) = &self.options.ca_file {
            pairs.push(("http.sslCAInfo".into(), file.display().to_string()));
        }
        let mut environment = HashMap::from([("GIT_CONFIG_COUNT".to_owned(), pairs.len().to_string())]);
        for (n, (key, value)) in pairs.into_iter().enumerate() {
            environment.insert(format!("GIT_CONFIG_KEY_{n}"), key);
            environment.insert(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        environment
    }
}

/// Where the files of well-known hosts are found on the web.
fn own_link(options: &GitOptions) -> Option<String> {
    let plain = options.url.trim_end_matches('/').trim_end_matches(".git");
    let head = options.branch.as_deref().unwrap_or("HEAD");
    let path = |host: &str| {
        let web =
            plain.strip_prefix(&format!("https://{host}/")).or_else(|| plain.strip_prefix(&format!("git@{host}:")))?;
        Some(format!("https://{host}/{web}"))
    };
    path("github.com")
        .map(|web| format!("{web}/blob/{head}/{{path}}"))
        .or_else(|| path("gitlab.com").map(|web| format!("{web}/-/blob/{head}/{{path}}")))
}

/// The line of git's complaints that says what is wrong.
fn complaint(err: &[u8]) -> String {
    let text = String::from_utf8_lossy(err);
    let line =
        text.lines().find(|l| l.starts_with("fatal:") || l.starts_with("error:")).or_else(|| text.lines().next_back());
    let line = line.unwrap_or("it failed without a word").trim_start_matches("fatal: ").trim_start_matches("error: ");
    let way = if line.contains("could not read Username") || line.contains("Authentication failed") {
        ": the repository wants a token: set token_file"
    } else if line.contains("returned error: 30") {
        ": the server sends git elsewhere, which is not followed: set url to where the repository is now"
    } else {
        ""
    };
    format!("{line}{way}")
}

/// Whether the program `git` can be run.
#[must_use]
pub fn is_installed() -> bool {
    let tried = std::process::Command::new("git").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|s| s.success())
}

/// The folder below `data` in which a repository is kept.
#[must_use]
pub fn cache(data: &Path, url: &str) -> PathBuf {
    data.join("sources").join(digest([url]))
}

#[async_trait]
impl SourceReader for Git {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        // Other sources may have other branches of the same repository, in the same folder here.
        let turn = COPIES.of(self.options.cache.display().to_string());
        let _turn = turn.lock().await;
        let restricted = self.restricted().await?;
        if restricted.is_some() && self.settings.readers.iter().any(|r| r == "everyone") {
            let sentence = "the repository is private, so 'everyone' lets nobody in: name who may read it, or set \
                            although_private = true";
            send(&out, Found::Noted(String::new(), sentence.into())).await?;
        }
        // Who may read a private file stands with it: it is told anew when somebody else may.
        let kind = match &restricted {
            Some(readers) => format!("git/private/{}", digest(readers.iter().map(String::as_str))),
            None => "git".to_owned(),
        };
        // First of all, for what has become private may be fetched no more.
        if restricted.is_some() {
            let told = format!("{kind}/");
            for (location, mark) in &known.documents {
                if !mark.as_ref().is_some_and(|mark| mark.starts_with(&told)) {
                    send(&out, Found::Restricted(location.clone(), restricted.clone())).await?;
                }
            }
        }
        self.fetch().await?;
        let (files, odd) = self.list().await?;
        send(&out, Found::Listed(files.len() + odd.len())).await?;
        for found in odd {
            send(&out, found).await?;
        }
        for file in files {
            let location = self.location(&file.path);
            let fingerprint = format!("{kind}/{READING}/{}", file.object);
            if known.fingerprint(&location) == Some(&fingerprint) {
                send(&out, Found::Unchanged(location)).await?;
                continue;
            }
            let found = self.look(file, location, fingerprint, restricted.clone()).await;
            send(&out, found).await?;
        }
        Ok(())
    }
}
