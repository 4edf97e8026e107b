//! The real binary as a child process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// A running `stoa demo` or `stoa serve`. It is killed when the test ends.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    program: PathBuf,
    args: Vec<String>,
    dir: PathBuf,
    log: Log,
}

/// Where it logs to, and how much.
#[derive(Clone, Debug)]
enum Log {
    /// What went wrong, for the message about a failed start.
    Kept,
    /// Everything, down to `debug`, at the end of a file.
    All(PathBuf),
    /// What it logs without being told, at the end of a file.
    Usual(PathBuf),
}

impl Server {
    /// Starts the binary with these arguments in a folder, and waits until it says where it is open.
    pub fn start(program: &str, dir: &Path, args: &[&str]) -> Result<Self> {
        Self::start_as(program, dir, args, Log::Kept)
    }

    /// As [`Server::start`], with everything that it logs, down to `debug`, at the end of a file.
    pub fn start_logged(program: &str, dir: &Path, args: &[&str], log: &Path) -> Result<Self> {
        Self::start_as(program, dir, args, Log::All(log.to_owned()))
    }

    /// As [`Server::start`], logging as it does for an operator, at the end of a file.
    pub fn start_usual(program: &str, dir: &Path, args: &[&str], log: &Path) -> Result<Self> {
        Self::start_as(program, dir, args, Log::Usual(log.to_owned()))
    }

    fn start_as(program: &str, dir: &Path, args: &[&str], log: Log) -> Result<Self> {
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        let (child, url) = spawn(Path::new(program), dir, &args, &log)?;
        Ok(Self { child, url, program: program.into(), args, dir: dir.to_owned(), log })
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, at once.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again as it was started; the port may be another one.
    pub fn restart(&mut self) -> Result<()> {
        let (child, url) = spawn(&self.program, &self.dir, &self.args, &self.log)?;
        self.child = child;
        self.url = url;
        Ok(())
    }

    /// Asks it to stop, and waits for the end. Gives whether it ended well.
    pub fn stop(&mut self) -> Result<bool> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        Ok(self.child.wait()?.success())
    }

    /// GET of a path: status line and body.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        self.request("GET", path, &[], "")
    }

    /// Moves the manual clock to an instant, through everything that is due on the way.
    pub fn until(&self, instant: &str) -> Result<()> {
        let (status, body) = self.post_json("/control/clock", &format!("{{\"to\": \"{instant}\"}}"))?;
        ensure!(status == 200, "the clock did not move: {body}");
        Ok(())
    }

    /// POST of JSON to a path: status and body.
    pub fn post_json(&self, path: &str, body: &str) -> Result<(u16, String)> {
        self.request("POST", path, &[("content-type", "application/json")], body)
    }

    /// One HTTP/1.1 request on a connection of its own.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<(u16, String)> {
        let host = self.url.strip_prefix("http://").context("the server's address")?;
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split_whitespace().nth(1).and_then(|s| s.parse().ok()).context("a status line")?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, body.to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server says that it is open. With `--json` every line is a JSON value.
fn opened(line: &str, json: bool) -> Result<Option<String>> {
    if !json {
        return Ok(line.strip_prefix("Stoa is open at ").map(str::to_owned));
    }
    let value: serde_json::Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    Ok(value["open"].as_str().map(str::to_owned))
}

fn spawn(program: &Path, dir: &Path, args: &[String], log: &Log) -> Result<(Child, String)> {
    let stderr = match log {
        Log::All(path) | Log::Usual(path) => {
            Stdio::from(std::fs::File::options().create(true).append(true).open(path)?)
        }
        Log::Kept => Stdio::piped(),
    };
    let mut command = Command::new(program);
    match log {
        Log::Kept => command.env("STOA_LOG", "warn"),
        Log::All(_) => command.env("STOA_LOG", "debug"),
        Log::Usual(_) => command.env_remove("STOA_LOG"),
    };
    let mut child = command
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let stdout = child.stdout.take().context("standard output")?;
    let stderr = child.stderr.take();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(stderr) = stderr {
            // What is said before the end is enough to explain a failed start.
            let _ = BufReader::new(stderr).read_to_string(&mut text);
        }
        text
    });
    let json = args.iter().any(|a| a == "--json");
    let mut lines = BufReader::new(stdout).lines();
    for line in lines.by_ref() {
        let line = line?;
        if let Some(url) = opened(&line, json)? {
            let url = url.trim_end_matches('/').to_owned();
            // The rest is read so that the child never waits for us.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((child, url));
        }
    }
    child.wait()?;
    bail!("the server ended before it was open:\n{}", log.join().unwrap_or_default())
}

/// Runs a command of the binary in a folder to its end.
pub fn stoa(program: &str, dir: &Path, args: &[&str]) -> Result<Output> {
    Ok(Command::new(program).args(args).current_dir(dir).env("STOA_LOG", "error").stdin(Stdio::null()).output()?)
}

/// As [`stoa`]: whether it succeeded, and what it said on both streams.
pub fn run(program: &str, dir: &Path, args: &[&str]) -> Result<(bool, String)> {
    let out = stoa(program, dir, args)?;
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    ensure!(!said.contains("panicked"), "a panic: {said}");
    Ok((out.status.success(), said))
}

/// Runs a command that must succeed, and gives what it says.
pub fn said(program: &str, dir: &Path, args: &[&str]) -> Result<String> {
    let (ok, said) = run(program, dir, args)?;
    ensure!(ok, "{args:?} failed: {said}");
    Ok(said)
}

/// A port that is free now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
