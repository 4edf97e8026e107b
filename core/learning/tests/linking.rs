//! Connecting a chat account by a code that comes by mail, as a conversation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stoa_flow::Parts;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::MAIL;
use stoa_flow::testing::{Stage, account};
use stoa_ground::args;
use stoa_ground::ledger::Master;
use stoa_ground::people;
use stoa_learning::{codes, linking};

/// Mail that arrives in memory: to whom, and what it says.
#[derive(Default)]
struct Post(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Platform for Post {
    fn name(&self) -> &str {
        MAIL
    }

    async fn send(&self, place: &Place, _: Option<&Account>, message: &Message, _: &str) -> Result<String, SendError> {
        self.0.lock().unwrap().push((place.channel.clone(), message.plain()));
        Ok("1".into())
    }

    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        Ok(())
    }

    async fn find(&self, _: &Place, _: &str, _: stoa_ground::Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, _: &Account) -> Result<Place, SendError> {
        Err(SendError::Unreachable("mail".into()))
    }

    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_code_by_mail_connects_an_account_and_stands_nowhere_in_the_open() {
    let stage = Stage::new(|_| Parts { kinds: codes::parts().kinds, ..linking::parts() }).await;
    stage.db.seal_with(Master::new([7; 32]));
    let post = Arc::new(Post::default());
    stage.flow.connect(post.clone());
    stage.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
    let said = stage.says("stranger", "link ana@example.org").await;
    assert!(said.contains("a code is on its way"), "{said}");
    // The same words for an address that nobody has.
    assert_eq!(stage.says("stranger", "link nobody@example.org").await, said);
    let mails = post.0.lock().unwrap().clone();
    let [(to, mail)] = &mails[..] else { panic!("one mail: {mails:?}") };
    assert_eq!(to, "ana@example.org");
    let code = mail.split("**").nth(1).unwrap();
    let rows = stage.db.all("SELECT payload FROM outbox", args![]).await.unwrap();
    assert!(rows.len() >= 3 && !rows.iter().any(|r| r.get::<String>("payload").unwrap().contains(code)));
    let said = stage.says("stranger", &format!("link {code}")).await;
    assert!(said.contains("Welcome, Ana!"), "{said}");
    let stranger = &account("stranger").user;
    let held = stage.db.read(|conn| async move { people::by_account(&conn, "test", "", stranger).await }).await;
    assert_eq!(held.unwrap().map(|p| p.name), Some("Ana".into()));
}

#[tokio::test]
async fn an_account_on_a_row_that_was_merged_belongs_to_whoever_it_became() {
    let stage = Stage::new(|_| linking::parts()).await;
    let ana = stage.hire("Ana", |_| {}).await;
    let back = stage.hire("Ana Berg", |_| {}).await;
    let (ledger, from, to) = (&stoa_learning::ledger(), &ana.employee_id, &back.employee_id);
    stage
        .db
        .write(|tx| async move {
            tx.exec("UPDATE person SET status = 'left' WHERE employee_id = $1", args![from]).await?;
            people::merge::merge(&tx, ledger, from, to, "operator", "came back").await.map(drop)
        })
        .await
        .unwrap();
    assert!(stage.flow.is_known(&account("Ana")).await.unwrap());
    assert_eq!(stage.flow.accounts("test", "", "", 10).await.unwrap(), ["Ana", "Ana Berg"]);
}
