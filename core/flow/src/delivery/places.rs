//! Where a delivery goes: the preferred place, one fallback, and mail as the last resort for what is mandated. Who cannot
//! be reached at all is written down, and what waited for them is sent once they can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::Delivery;
use crate::chat::{Account, Place, Platform, SendError};
use crate::follow::Follower;
use crate::worker::Flow;

/// The name of the platform that is the last resort.
pub const MAIL: &str = "mail";

/// The setting that holds where a person wants messages: a platform, or `platform/workspace`.
pub const PREFERRED: &str = "place";

/// How many chat places are tried: the first and one fallback.
const TRIED: usize = 2;

/// Places in the order in which they are tried.
pub(crate) struct Places {
    /// Each with its adapter.
    pub(crate) all: Vec<(Place, Arc<dyn Platform>)>,
    /// A platform could not say just now where the person is; asked later, it may.
    pub(crate) missing: Option<Missing>,
}

/// Why a place is not known now, and after how many seconds to ask again if the platform said so.
pub(crate) struct Missing {
    pub(crate) why: String,
    pub(crate) after: Option<u64>,
}

/// The value of [`PREFERRED`] that means this account's place.
#[must_use]
pub fn preference(account: &Account) -> String {
    if account.workspace.is_empty() {
        account.platform.clone()
    } else {
        format!("{}/{}", account.platform, account.workspace)
    }
}

impl Flow {
    /// Where a delivery can go: where it must, else the person's preferred place, then the last used one, then the
    /// others; and mail behind them when it is mandated.
    pub(crate) async fn places_for(&self, delivery: &Delivery, person: Option<&Person>) -> Result<Places> {
        if let Some(place) = &delivery.place {
            let all = self.platform(&place.platform).map(|p| (place.clone(), p)).into_iter().collect();
            return Ok(Places { all, missing: None });
        }
        let mut places = Places { all: Vec::new(), missing: None };
        let Some(person) = person else { return Ok(places) };
        for account in self.accounts_in_order(&person.id).await? {
            if places.all.len() == TRIED {
                break;
            }
            places.add(self, &account).await;
        }
        let mandated = self.kind(&delivery.kind).is_some_and(|kind| kind.policy().mandated);
        if let (true, None, Some(address)) = (mandated, &places.missing, &person.email) {
            let account = Account { platform: MAIL.into(), workspace: String::new(), user: address.clone() };
            places.add(self, &account).await;
        }
        Ok(places)
    }

    async fn accounts_in_order(&self, person: &str) -> Result<Vec<Account>> {
        let (linked, preferred, last) = self
            .db()
            .read(|c| async move {
                let last = c.opt("SELECT account FROM last_activity WHERE person = $1", args![person]).await?;
                let last = last.map(|r| r.get::<serde_json::Value>("account")).transpose()?;
                let linked = people::accounts_of(&c, person).await?;
                Ok((linked, people::setting(&c, person, PREFERRED).await?, last))
            })
            .await?;
        let last: Option<Account> = last.and_then(|v| serde_json::from_value(v).ok());
        let mut accounts: Vec<Account> = linked.into_iter().map(Account::from).collect();
        let wanted = |a: &Account| preferred.as_ref().is_some_and(|p| *p == a.platform || *p == preference(a));
        accounts.sort_by_key(|a| (!wanted(a), last.as_ref() != Some(a)));
        Ok(accounts)
    }
}

impl Places {
    async fn add(&mut self, flow: &Flow, account: &Account) {
        let Some(adapter) = flow.platform(&account.platform) else { return };
        match adapter.direct(account).await {
            Ok(place) => self.all.push((place, adapter)),
            Err(SendError::Retry { why, after_seconds: after }) => self.missing = Some(Missing { why, after }),
            // This place is closed to us; the next one may be open.
            Err(SendError::Unreachable(_) | SendError::Refused(_)) => {}
        }
    }
}

/// Somebody whom nothing reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreachable {
    /// The person.
    pub person: Person,
    /// Since when.
    pub since: Instant,
    /// Why, as the last platform said it.
    pub reason: String,
}

/// Everybody whom the last message could not reach, by name.
///
/// # Errors
/// The database's error.
pub async fn unreachable(conn: &Conn) -> Result<Vec<Unreachable>> {
    let rows = conn
        .all(
            "SELECT u.person, u.since, u.reason FROM unreachable u JOIN person p ON p.id = u.person
             WHERE p.status <> 'left' ORDER BY p.name_key, u.person",
            args![],
        )
        .await?;
    let ids = rows.iter().map(|row| row.get("person")).collect::<Result<Vec<String>>>()?;
    let people = people::by_ids(conn, &ids).await?;
    let mut people: BTreeMap<String, Person> = people.into_iter().map(|p| (p.id.clone(), p)).collect();
    let mut all = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(&ids) {
        if let Some(person) = people.remove(id) {
            all.push(Unreachable { person, since: row.get("since")?, reason: row.get("reason")? });
        }
    }
    Ok(all)
}

/// How many people the last message could not reach.
///
/// # Errors
/// The database's error.
pub async fn count_unreachable(conn: &Conn) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM unreachable u JOIN person p ON p.id = u.person WHERE p.status <> 'left'";
    conn.one(sql, args![]).await?.get("n")
}

/// Writes down that a person cannot be reached, and since when.
pub(super) async fn lost(tx: &Tx, person: &str, reason: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO unreachable (person, since, reason) VALUES ($1, $2, $3)
         ON CONFLICT (person) DO UPDATE SET reason = excluded.reason",
        args![person, tx.now(), reason],
    )
    .await?;
    Ok(())
}

/// A person was reached.
pub(super) async fn found(tx: &Tx, person: &str) -> Result<()> {
    tx.exec("DELETE FROM unreachable WHERE person = $1", args![person]).await?;
    Ok(())
}

/// Sends what waited for a person once something about them changed: a new account, or another preferred place.
pub(crate) struct Reached;

#[async_trait]
impl Follower for Reached {
    fn name(&self) -> &'static str {
        "reached"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, person: &str) -> Result<()> {
        tx.exec(
            "UPDATE outbox SET state = 'queued', attempts = 0, retry_at = 0 WHERE person = $1 AND state = 'unreachable'
             AND (expires IS NULL OR expires > $2)",
            args![person, tx.now()],
        )
        .await?;
        Ok(())
    }
}
