//! A person's accounts on chat platforms, and what they chose.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::TOPIC;
use super::store::by_id;
use crate::ledger::{Entry, Ledger, Projection, Record};
use crate::{Conn, Error, Instant, Result, Row, Tx, args};

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

impl Account {
    /// The platform and its own id of the user, for the operator.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.workspace.is_empty() {
            format!("{} {}", self.platform, self.user)
        } else {
            format!("{} {} in {}", self.platform, self.user, self.workspace)
        }
    }
}

/// Writes `identity` from the ledger's records about `identity/<platform>/<workspace>/<user>`. Kinds: `linked` and
/// `unlinked`; data: `{"platform", "workspace", "user", "person"}`.
///
/// Accounts that were linked before links were recorded have no record, so a rebuild does not empty the table: it goes
/// through the records over what is there, and comes to the same end.
pub struct AccountProjection;

#[async_trait]
impl Projection for AccountProjection {
    fn subject(&self) -> &'static str {
        "identity"
    }

    fn tables(&self) -> &'static [&'static str] {
        &[]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let data: Link = serde_json::from_value(record.data.clone())?;
        match record.kind.as_str() {
            "linked" => {
                tx.exec(
                    "INSERT INTO identity (platform, workspace, user_id, person, linked) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (platform, workspace, user_id)
                     DO UPDATE SET person = excluded.person, linked = excluded.linked",
                    args![data.platform, data.workspace, data.user, data.person, record.at],
                )
                .await?;
            }
            "unlinked" => {
                tx.exec(
                    "DELETE FROM identity WHERE platform = $1 AND workspace = $2 AND user_id = $3",
                    args![data.platform, data.workspace, data.user],
                )
                .await?;
            }
            other => return Err(Error::invalid(format!("a record about an account cannot be '{other}'"))),
        }
        Ok(())
    }
}

/// The particulars of a record about an account.
#[derive(Serialize, Deserialize)]
struct Link {
    platform: String,
    workspace: String,
    user: String,
    person: String,
}

impl Link {
    async fn record(self, tx: &Tx, kind: &'static str, actor: &str, reason: &str) -> Result<()> {
        let entry = Entry {
            subject: format!("identity/{}/{}/{}", self.platform, self.workspace, self.user),
            kind,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            data: serde_json::to_value(&self)?,
        };
        // Whoever links an account needs no other projection than this one.
        Ledger::new(vec![Box::new(AccountProjection)]).append(tx, entry).await?;
        tx.publish(TOPIC, &self.person).await?;
        Ok(())
    }
}

/// Links a platform account to a person, who may have many, and records by whom and why. Linking it again to the same
/// person changes nothing. `workspace` is empty where the platform's user ids hold in every workspace.
///
/// # Errors
/// [`Error::Conflict`] when the account belongs to somebody else: unlink it there first.
pub async fn link_account(
    tx: &Tx,
    person: &str,
    (platform, workspace, user): (&str, &str, &str),
    actor: &str,
    reason: &str,
) -> Result<()> {
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
        let holder = by_id(tx, &holder).await?;
        return match holder {
            Some(holder) if holder.id == owner.id => Ok(()),
            holder => {
                let name = holder.map_or_else(|| "somebody unknown".into(), |p| p.name);
                Err(Error::Conflict(format!(
                    "the {platform} account {user} belongs to {name}: unlink it there before you link it to {}",
                    owner.name
                )))
            }
        };
    }
    let link = Link { platform: platform.into(), workspace: workspace.into(), user: user.into(), person: owner.id };
    link.record(tx, "linked", actor, reason).await
}

/// Takes a platform account from whoever has it, and records by whom and why. Gives whether there was one.
///
/// # Errors
/// The database's error.
pub async fn unlink_account(
    tx: &Tx,
    (platform, workspace, user): (&str, &str, &str),
    actor: &str,
    reason: &str,
) -> Result<bool> {
    let held = tx
        .opt(
            "SELECT person FROM identity WHERE platform = $1 AND workspace = $2 AND user_id = $3",
            args![platform, workspace, user],
        )
        .await?;
    let Some(row) = held else { return Ok(false) };
    let person = row.get("person")?;
    let link = Link { platform: platform.into(), workspace: workspace.into(), user: user.into(), person };
    link.record(tx, "unlinked", actor, reason).await?;
    Ok(true)
}

/// The accounts of a person, also those that were linked before they were merged.
///
/// # Errors
/// The database's error.
pub async fn accounts_of(conn: &Conn, person: &str) -> Result<Vec<Account>> {
    let sql = concat!(
        "SELECT platform, workspace, user_id, linked FROM identity WHERE person IN ",
        crate::rows_of!("$1"),
        " ORDER BY platform, workspace, user_id"
    );
    read_accounts(&conn.all(sql, args![person]).await?)
}

/// The accounts that were linked to one row.
pub(super) async fn accounts_of_row(conn: &Conn, person: &str) -> Result<Vec<Account>> {
    let sql = "SELECT platform, workspace, user_id, linked FROM identity WHERE person = $1
               ORDER BY platform, workspace, user_id";
    read_accounts(&conn.all(sql, args![person]).await?)
}

fn read_accounts(rows: &[Row]) -> Result<Vec<Account>> {
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

/// Stores what a person chose under a name, and announces it; `None` goes back to the default.
///
/// # Errors
/// The database's error.
pub async fn set_setting(tx: &Tx, person: &str, name: &str, value: Option<&str>) -> Result<()> {
    let changed = match value {
        Some(value) => remember(tx, person, name, value).await?,
        None => tx.exec("DELETE FROM person_setting WHERE person = $1 AND name = $2", args![person, name]).await? > 0,
    };
    if changed {
        tx.publish(TOPIC, person).await?;
    }
    Ok(())
}

/// Stores what Stoa notes about a person under a name. Nothing follows from it, so it is not announced. Gives whether it
/// is another value than before.
///
/// # Errors
/// The database's error.
pub async fn remember(tx: &Tx, person: &str, name: &str, value: &str) -> Result<bool> {
    let sql = "INSERT INTO person_setting (person, name, value) VALUES ($1, $2, $3)
               ON CONFLICT (person, name) DO UPDATE SET value = excluded.value WHERE person_setting.value <> excluded.value";
    Ok(tx.exec(sql, args![person, name, value]).await? > 0)
}
