//! A person's accounts on chat platforms, and what they chose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TOPIC;
use super::store::by_id;
use crate::{Conn, Error, Instant, Result, Tx, args};

/// An account of a person on a chat platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// The platform, for example `slack`, `discord` or `web`.
    pub platform: String,
    /// The workspace (Slack team, bridge name); empty where user ids hold in every workspace of the platform.
    pub workspace: String,
    /// The platform's user id.
    pub user: String,
    /// When the account was linked.
    pub linked: Instant,
}

/// Links a platform account to a person, who may have many. Linking it again to the same person changes nothing.
/// `workspace` is empty where the platform's user ids hold in every workspace.
///
/// # Errors
/// [`Error::Conflict`] when the account belongs to somebody else: unlink it there first.
pub async fn link_account(tx: &Tx, person: &str, platform: &str, workspace: &str, user: &str) -> Result<()> {
    if platform.is_empty() || user.is_empty() {
        return Err(Error::invalid("an account needs a platform and a user id"));
    }
    let Some(owner) = by_id(tx, person).await? else {
        return Err(Error::NotFound(format!("the person {person}")));
    };
    let held = tx
        .opt(
            "SELECT person FROM identity WHERE platform = $1 AND workspace = $2 AND user_id = $3",
            args![platform, workspace, user],
        )
        .await?;
    if let Some(row) = held {
        let holder: String = row.get("person")?;
        if holder == person {
            return Ok(());
        }
        let name = by_id(tx, &holder).await?.map_or(holder, |p| p.name);
        return Err(Error::Conflict(format!(
            "the {platform} account {user} belongs to {name}: unlink it there before you link it to {}",
            owner.name
        )));
    }
    tx.exec(
        "INSERT INTO identity (platform, workspace, user_id, person, linked) VALUES ($1, $2, $3, $4, $5)",
        args![platform, workspace, user, person, tx.now()],
    )
    .await?;
    tx.publish(TOPIC, person).await?;
    Ok(())
}

/// Takes a platform account from whoever has it. Gives whether there was one.
///
/// # Errors
/// The database's error.
pub async fn unlink_account(tx: &Tx, platform: &str, workspace: &str, user: &str) -> Result<bool> {
    let rows = tx
        .all(
            "DELETE FROM identity WHERE platform = $1 AND workspace = $2 AND user_id = $3 RETURNING person",
            args![platform, workspace, user],
        )
        .await?;
    for row in &rows {
        tx.publish(TOPIC, &row.get::<String>("person")?).await?;
    }
    Ok(!rows.is_empty())
}

/// The accounts of a person.
///
/// # Errors
/// The database's error.
pub async fn accounts_of(conn: &Conn, person: &str) -> Result<Vec<Account>> {
    let rows = conn
        .all(
            "SELECT platform, workspace, user_id, linked FROM identity WHERE person = $1
             ORDER BY platform, workspace, user_id",
            args![person],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Account {
                platform: r.get("platform")?,
                workspace: r.get("workspace")?,
                user: r.get("user_id")?,
                linked: r.get("linked")?,
            })
        })
        .collect()
}

/// What a person chose under a name; `None` when they never chose.
///
/// # Errors
/// The database's error.
pub async fn setting(conn: &Conn, person: &str, name: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT value FROM person_setting WHERE person = $1 AND name = $2", args![person, name]).await?;
    row.map(|r| r.get("value")).transpose()
}

/// All that a person chose.
///
/// # Errors
/// The database's error.
pub async fn settings_of(conn: &Conn, person: &str) -> Result<BTreeMap<String, String>> {
    let rows = conn.all("SELECT name, value FROM person_setting WHERE person = $1", args![person]).await?;
    rows.iter().map(|r| Ok((r.get("name")?, r.get("value")?))).collect()
}

/// Everybody's choice under one name, by person id.
///
/// # Errors
/// The database's error.
pub async fn settings_named(conn: &Conn, name: &str) -> Result<BTreeMap<String, String>> {
    let rows = conn.all("SELECT person, value FROM person_setting WHERE name = $1", args![name]).await?;
    rows.iter().map(|r| Ok((r.get("person")?, r.get("value")?))).collect()
}

/// Stores what a person chose under a name; `None` goes back to the default.
///
/// # Errors
/// The database's error.
pub async fn set_setting(tx: &Tx, person: &str, name: &str, value: Option<&str>) -> Result<()> {
    let changed = match value {
        Some(value) => {
            tx.exec(
                "INSERT INTO person_setting (person, name, value) VALUES ($1, $2, $3)
                 ON CONFLICT (person, name) DO UPDATE SET value = excluded.value WHERE person_setting.value <> excluded.value",
                args![person, name, value],
            )
            .await?
        }
        None => tx.exec("DELETE FROM person_setting WHERE person = $1 AND name = $2", args![person, name]).await?,
    };
    if changed > 0 {
        tx.publish(TOPIC, person).await?;
    }
    Ok(())
}
