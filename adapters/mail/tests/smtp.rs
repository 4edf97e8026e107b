//! Mail over a stand-in of an SMTP server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use stoa_flow::chat::{Account, Button, Message, Platform as _, SendError};
use stoa_mail::Mail;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// A server that answers each `RCPT` with `answer` and keeps the letters.
async fn server(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let letters = Arc::new(Mutex::new(Vec::new()));
    let kept = letters.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 stand-in ESMTP\r\n").await.unwrap();
                let (mut data, mut letter) = (false, String::new());
                while let Ok(Some(line)) = lines.next_line().await {
                    let said: String = if data {
                        if line == "." {
                            data = false;
                            kept.lock().unwrap().push(std::mem::take(&mut letter));
                            "250 kept\r\n".into()
                        } else {
                            letter.push_str(&line);
                            letter.push('\n');
                            continue;
                        }
                    } else {
                        match line.split([' ', ':']).next().unwrap_or_default() {
                            "EHLO" => "250-stand-in\r\n250 8BITMIME\r\n".into(),
                            "RCPT" => format!("{answer}\r\n"),
                            "DATA" => {
                                data = true;
                                "354 go on\r\n".into()
                            }
                            "QUIT" => "221 bye\r\n".into(),
                            _ => "250 fine\r\n".into(),
                        }
                    };
                    write.write_all(said.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (url, letters)
}

async fn send(url: &str, to: &str) -> Result<String, SendError> {
    let mail = Mail::new(url, "Stoa <stoa@example.org>", "Harbour & Pine").unwrap();
    let account = Account { platform: "mail".into(), workspace: String::new(), user: to.into() };
    let place = mail.direct(&account).await.unwrap();
    let message = Message::new()
        .heading("Fire safety is due on Friday\r\nBcc: everyone@example.org")
        .paragraph("It takes ten minutes.")
        .buttons(vec![Button::new("Start", "training open 1")]);
    mail.send(&place, None, &message, "nudge/1/t-1").await
}

#[tokio::test]
async fn a_letter_has_one_receiver_a_subject_and_no_buttons() {
    let (url, letters) = server("250 fine").await;
    let id = send(&url, "ana@example.org").await.unwrap();
    assert_eq!(send(&url, "ana@example.org").await.unwrap(), id, "the same delivery has the same Message-ID");
    let letter = letters.lock().unwrap()[0].clone();
    assert!(letter.contains("To: ana@example.org"), "{letter}");
    assert!(letter.contains("Subject: Harbour & Pine: Fire safety is due on Friday"), "{letter}");
    assert!(letter.contains("Auto-Submitted: auto-generated"), "{letter}");
    assert!(letter.contains("It takes ten minutes."), "{letter}");
    assert!(!letter.contains("Start"), "{letter}");
    let head = letter.split("\n\n").next().unwrap();
    assert!(!head.contains("\nBcc:"), "a line in a message must not become a header: {head}");
}

#[tokio::test]
async fn what_the_server_refuses_for_good_is_unreachable_and_what_may_pass_is_tried_again() {
    let (url, _) = server("550 no such user").await;
    assert!(matches!(send(&url, "gone@example.org").await, Err(SendError::Unreachable(_))));
    let (url, _) = server("451 later").await;
    assert!(matches!(send(&url, "ana@example.org").await, Err(SendError::Retry { .. })));
    assert!(matches!(send(&url, "not an address").await, Err(SendError::Unreachable(_))));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(send(&format!("smtp://{closed}"), "ana@example.org").await, Err(SendError::Retry { .. })));
}

#[test]
fn a_bad_configuration_names_the_key_and_no_password() {
    let bad = Mail::new("smtp//user:secret@host", "stoa@example.org", "x").err().unwrap().to_string();
    assert!(bad.contains("[mail] smtp_url") && !bad.contains("secret"), "{bad}");
    let bad = Mail::new("smtp://localhost", "nobody", "x").err().unwrap().to_string();
    assert!(bad.contains("[mail] from"), "{bad}");
}

#[tokio::test]
async fn an_operator_can_ask_whether_the_server_takes_mail_without_sending_any() {
    let (url, letters) = server("250 fine").await;
    let mail = |url: &str| Mail::new(url, "Stoa <stoa@example.org>", "Harbour & Pine").unwrap();
    mail(&url).check().await.unwrap();
    assert!(letters.lock().unwrap().is_empty());
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let why = mail(&format!("smtp://{closed}")).check().await.unwrap_err().to_string();
    assert!(why.starts_with("the mail server could not be used"), "{why}");
}
