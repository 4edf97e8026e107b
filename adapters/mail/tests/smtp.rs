//! Mail over a stand-in of an SMTP server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

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

#[tokio::test]
async fn names_with_line_breaks_and_umlauts_make_no_header_and_arrive_encoded() {
    let (url, letters) = server("250 fine").await;
    let organisation = "Häfen\r\nBcc: everyone@example.org";
    let mail = Mail::new(&url, "Schule für Alle <stoa@example.org>", organisation).unwrap();
    let account = Account { platform: "mail".into(), workspace: String::new(), user: "ana@example.org".into() };
    let place = mail.direct(&account).await.unwrap();
    let long = "Übung macht den Meister. ".repeat(80);
    let message = Message::new().heading("Brandschutz für Ähm\u{2028}Cc: x@example.org").paragraph(long);
    mail.send(&place, None, &message, "nudge/1/t-1").await.unwrap();
    let letter = letters.lock().unwrap()[0].clone();
    let (head, body) = letter.split_once("\n\n").unwrap();
    let fields: Vec<&str> = head.lines().filter(|l| !l.starts_with(' ')).collect();
    let named = |name: &str| fields.iter().filter(|f| f.to_lowercase().starts_with(name)).count();
    assert_eq!((named("bcc"), named("cc"), named("to:"), named("subject:")), (0, 0, 1, 1), "{head}");
    assert!(head.is_ascii(), "RFC 2047: {head}");
    assert!(head.contains("Subject: =?utf-8?") || head.contains("=?utf-8?"), "{head}");
    assert!(head.contains("Content-Type: text/plain; charset=utf-8"), "{head}");
    assert!(head.contains("Content-Transfer-Encoding: "), "{head}");
    assert!(letter.lines().all(|l| l.len() <= 998), "RFC 5322, 2.1.1");
    assert!(body.len() > 500);
}

#[tokio::test]
async fn an_address_that_says_more_than_an_address_is_refused() {
    let (url, letters) = server("250 fine").await;
    for to in
        ["Ana <ana@example.org>", "ana@example.org, ben@example.org", "ana@example.org\r\nBcc: ben@example.org", ""]
    {
        assert!(matches!(send(&url, to).await, Err(SendError::Unreachable(_))), "{to:?}");
    }
    assert!(letters.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    // It takes the connection and says nothing.
    let silent = tokio::spawn(async move { listener.accept().await.unwrap() });
    let short = Duration::from_millis(100);
    for (command, whole) in [(short, Duration::from_secs(30)), (Duration::from_secs(30), short)] {
        let mail = Mail::with_limits(&url, "stoa@example.org", "x", command, whole).unwrap();
        let account = Account { platform: "mail".into(), workspace: String::new(), user: "ana@example.org".into() };
        let place = mail.direct(&account).await.unwrap();
        let sent = mail.send(&place, None, &Message::text("hello"), "k").await;
        assert!(matches!(sent, Err(SendError::Retry { .. })), "{sent:?}");
    }
    drop(silent.await);
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
