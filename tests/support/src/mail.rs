//! A mail server that keeps every letter, and can be slow to say so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The mail server. It ends with the test.
#[derive(Clone)]
pub struct MailServer {
    /// `smtp://127.0.0.1:PORT`
    pub url: String,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    letters: Mutex<Vec<String>>,
    silent: AtomicBool,
}

impl MailServer {
    /// Opens it on a free port.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let kept = Arc::<Kept>::default();
        let keeper = kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks is the client's to try again.
                tokio::spawn(converse(stream, keeper.clone()));
            }
        });
        Ok(Self { url, kept })
    }

    /// The letters, headers and body, in the order in which they came.
    #[must_use]
    pub fn letters(&self) -> Vec<String> {
        self.kept.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it keeps letters without saying so, or says so again.
    pub fn keep_silent(&self, silent: bool) {
        self.kept.silent.store(silent, Ordering::SeqCst);
    }
}

async fn converse(stream: TcpStream, kept: Arc<Kept>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 stand-in ESMTP\r\n").await?;
    let mut letter: Option<String> = None;
    while let Some(line) = lines.next_line().await? {
        let answer = match (&mut letter, line.as_str()) {
            (Some(whole), ".") => {
                kept.letters.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(whole));
                letter = None;
                if kept.silent.load(Ordering::SeqCst) {
                    continue;
                }
                "250 kept\r\n"
            }
            (Some(whole), line) => {
                whole.push_str(line);
                whole.push('\n');
                continue;
            }
            (None, "DATA") => {
                letter = Some(String::new());
                "354 go on\r\n"
            }
            (None, line) if line.starts_with("EHLO") => "250-stand-in\r\n250 8BITMIME\r\n",
            (None, "QUIT") => "221 bye\r\n",
            (None, _) => "250 fine\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
