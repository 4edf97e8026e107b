//! Platforms that take everything and deliver nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use stoa_flow::Flow;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::MAIL;
use stoa_ground::people;
use stoa_ground::{Db, Instant, Result, args};

/// The platform on which people without any account are simulated.
const NAME: &str = "simulation";

struct Nowhere {
    name: String,
    sent: Arc<AtomicU64>,
}

#[async_trait]
impl Platform for Nowhere {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, _: &Place, _: Option<&Account>, _: &Message, _: &str) -> Result<String, SendError> {
        Ok(format!("m{}", self.sent.fetch_add(1, Ordering::Relaxed) + 1))
    }

    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        Ok(())
    }

    async fn find(&self, _: &Place, _: &str, _: Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(direct(account))
    }

    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

/// The place where the bot and an account talk alone.
pub(super) fn direct(account: &Account) -> Place {
    Place {
        platform: account.platform.clone(),
        workspace: account.workspace.clone(),
        channel: format!("dm-{}", account.user),
        thread: None,
        direct: true,
    }
}

/// Connects a platform for each on which somebody has an account, and mail where it is configured.
pub(super) async fn connect(db: &Db, flow: &Flow, mail: bool) -> Result<()> {
    // What a roster may bring during the period is there as well.
    let mut names: Vec<String> = [NAME, "slack", "discord"].map(str::to_owned).to_vec();
    for row in db.all("SELECT DISTINCT platform FROM identity ORDER BY platform", args![]).await? {
        names.push(row.get("platform")?);
    }
    names.extend(mail.then(|| MAIL.to_owned()));
    names.sort();
    names.dedup();
    let sent = Arc::new(AtomicU64::new(0));
    for name in names {
        flow.connect(Arc::new(Nowhere { name, sent: sent.clone() }));
    }
    Ok(())
}

/// Sees to it that a person can be reached. Gives whether they had no account.
pub(super) async fn reach(db: &Db, person: &str) -> Result<bool> {
    db.write(|tx| async move {
        let accounts = people::accounts_of(&tx, person).await?;
        if accounts.is_empty() {
            people::link_account(&tx, person, (NAME, "", person), "operator", "for the simulation").await?;
        }
        Ok(accounts.is_empty())
    })
    .await
}
