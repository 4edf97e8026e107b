//! Checkpoints by mail and in a channel: each once, and whoever kept one can hold a pack against it.

use std::sync::Mutex;

use async_trait::async_trait;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::testing::channel;
use stoa_learning::evidence::{Anchor, anchored};

use super::*;

/// A post office that keeps what it delivers: the address, and the letter.
#[derive(Default)]
struct Letters(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Platform for Letters {
    fn name(&self) -> &str {
        "mail"
    }

    async fn send(
        &self,
        place: &Place,
        _: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        self.0.lock().unwrap().push((place.channel.clone(), message.plain()));
        Ok(key.to_owned())
    }

    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        Ok(())
    }

    async fn find(&self, _: &Place, _: &str, _: stoa_ground::Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Err(SendError::Unreachable(account.user.clone()))
    }

    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

/// The checkpoint in a message, as somebody copies it from there.
fn copied(text: &str) -> String {
    let begins = text.find(ORIGIN).unwrap_or_else(|| panic!("a checkpoint: {text}"));
    let lines: Vec<&str> = text[begins..].lines().collect();
    let end = lines.iter().position(|line| line.starts_with('—')).unwrap();
    lines[..=end].join("\n") + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_comes_by_mail_and_into_a_channel_once_and_shows_a_fork_later() {
    let mut w = world().await;
    let letters = Arc::new(Letters::default());
    w.s.flow.connect(letters.clone());
    w.log.anchors = ["mail:auditor@example.com", "channel:test/general"].map(|a| a.parse::<Anchor>().unwrap()).to_vec();
    w.s.db
        .write(|tx| {
            let (ledger, signer) = (&w.services.ledger, &w.log.signer);
            async move { checkpoint::use_key(&tx, ledger, signer).await }
        })
        .await
        .unwrap();
    let posts = || w.s.messages_in(&channel("general")).iter().map(|p| p.message.plain()).collect::<Vec<_>>();
    for _ in 0..2 {
        // The second time nothing has come into the log, so there is nothing to send.
        check_point(&w.s.db, &w.services, &w.log).await.unwrap();
        w.s.flow.settle().await.unwrap();
    }
    assert_eq!(letters.0.lock().unwrap().len(), 1);
    assert_eq!(posts().len(), 1);
    let (address, letter) = letters.0.lock().unwrap()[0].clone();
    assert_eq!(address, "auditor@example.com");
    assert!(letter.contains("Checkpoint of the evidence") && letter.contains("Keep this message"), "{letter}");
    assert_eq!(copied(&letter), copied(&posts()[0]));
    let (signed, new) = check_point(&w.s.db, &w.services, &w.log).await.unwrap();
    assert!(!new);
    let reached: Vec<String> =
        anchored(&w.s.db, signed.size).await.unwrap().into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(reached, ["channel:test//general", "mail:auditor@example.com"]);

    // Months later a pack is held against the letter.
    w.more().await;
    let pack = w.pack("pack").await;
    let kept = w.dir.path().join("letter.txt");
    let brought = Brought { checkpoints: vec![kept.clone()], ..Brought::default() };
    let note = copied(&letter);
    // As it was copied, without the last end of a line, as the letter was saved, on Windows, and what a file as anchor has.
    let forms = [
        note.clone(),
        note.trim_end().to_owned(),
        letter.clone(),
        letter.replace('\n', "\r\n"),
        format!("{note}\n{note}\n"),
    ];
    for form in forms {
        std::fs::write(&kept, &form).unwrap();
        let (verdict, why) = judge(&pack, &brought);
        assert_eq!(verdict, Verdict::Valid, "{form:?}: {why}");
    }
    // A log that was written anew does not continue it, whoever signs.
    let other = world().await;
    other.more().await;
    other.more().await;
    other.pack("first").await;
    let forked = other.pack("forked").await;
    let (verdict, why) = judge(&forked, &brought);
    assert_ne!(verdict, Verdict::Valid, "{why}");
}
