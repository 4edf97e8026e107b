//! Where a delivery goes: the preferred place, one fallback, and mail as the last resort for what is mandated. Who cannot
//! be reached at all is written down, and what waited for them is sent once they can be.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use super::Delivery;
use crate::chat::{Account, Place, Platform, SendError};
use crate::follow::Follower;
use crate::nudges::{self, About, Decision, ZONE_ASKED};
use crate::worker::Flow;

/// The name of the platform that is the last resort.
pub const MAIL: &str = "mail";

/// The setting that holds where a person wants messages: a platform, or `platform/workspace`.
pub const PREFERRED: &str = "place";

/// How many chat places are tried: the first and one fallback.
const TRIED: usize = 2;

/// The setting that remembers that a person was told what Stoa is: the key of the delivery that said it.
const WELCOMED: &str = "welcomed";

/// How people can be reached, before and behind their ids; read at once, because it is read for every message.
macro_rules! asked {
    () => {
        "WITH asked (id) AS (SELECT id FROM person WHERE id IN"
    };
}
macro_rules! reached {
    () => {
        "), mine (id, person) AS (SELECT id, id FROM asked
            UNION ALL SELECT a.person, a.stands_for FROM person_alias a JOIN asked ON a.stands_for = asked.id)
         SELECT mine.person, 'account' AS what, i.platform AS first, i.workspace AS second, i.user_id AS third
         FROM mine JOIN identity i ON i.person = mine.id
         UNION ALL SELECT s.person, 'setting', s.name, s.value, '' FROM asked JOIN person_setting s ON s.person = asked.id
         WHERE s.name IN ($1, $2, $3)
         UNION ALL SELECT l.person, 'last', l.account, '', '' FROM asked JOIN last_activity l ON l.person = asked.id
         UNION ALL SELECT mine.person, 'lost', '', '', '' FROM mine JOIN unreachable u ON u.person = mine.id"
    };
}

/// How a person can be reached.
#[derive(Default)]
pub(crate) struct Reach {
    /// The preferred account, then the one used last, then the others.
    accounts: Vec<Account>,
    /// The delivery that told the person what Stoa is.
    pub(crate) welcomed: Option<String>,
    /// The delivery that asked the person for their zone.
    pub(crate) zone_asked: Option<String>,
    /// Whether the person is listed as one whom nothing reaches.
    pub(super) lost: bool,
}

/// A person was told what Stoa is, by this delivery.
pub(super) async fn remember_welcome(tx: &Tx, person: &str, key: &str) -> Result<()> {
    people::remember(tx, person, WELCOMED, key).await.map(|_| ())
}

/// Places in the order in which they are tried.
pub(crate) struct Places {
    /// Each with its adapter.
    pub(crate) all: Vec<(Place, Arc<dyn Platform>)>,
    /// Why a platform could not say just now where the person is; asked later, it may.
    pub(crate) missing: Option<SendError>,
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
    pub(crate) async fn places_for(
        &self,
        delivery: &Delivery,
        person: Option<&Person>,
        reach: &Reach,
    ) -> Result<Places> {
        if let Some(place) = &delivery.place {
            let all = self.platform(&place.platform).map(|p| (place.clone(), p)).into_iter().collect();
            return Ok(Places { all, missing: None });
        }
        let mut places = Places { all: Vec::new(), missing: None };
        let Some(person) = person else { return Ok(places) };
        for account in &reach.accounts {
            if places.all.len() == TRIED {
                break;
            }
            places.add(self, account).await;
        }
        if let (None, Some(mail)) = (&places.missing, self.last_resort(delivery, person)) {
            places.add(self, &mail).await;
        }
        Ok(places)
    }

    /// Where a delivery goes when no chat takes it.
    fn last_resort(&self, delivery: &Delivery, person: &Person) -> Option<Account> {
        let user =
            person.email.clone().filter(|_| self.kind(&delivery.kind).is_some_and(|kind| kind.policy().mandated))?;
        Some(Account { platform: MAIL.into(), workspace: String::new(), user })
    }

    /// The accounts where a delivery can stand once it was sent: those that it was sent to before, and those it can go to now.
    pub(super) fn tried(&self, delivery: &Delivery, person: Option<&Person>, reach: Option<&Reach>) -> Vec<Account> {
        let mut all = delivery.tried.clone();
        let (Some(person), Some(reach), None) = (person, reach, &delivery.place) else { return all };
        let here = |account: &&Account| self.platform(&account.platform).is_some();
        let now = reach.accounts.iter().filter(here).cloned().chain(self.last_resort(delivery, person));
        for account in now {
            if !all.contains(&account) {
                all.push(account);
            }
        }
        all
    }

    /// Where a delivery can stand that was sent before: where it was sent to, also when the person is elsewhere by now, and
    /// where it would go now.
    pub(super) async fn places_of(&self, delivery: &Delivery, person: Option<&Person>) -> Result<Places> {
        let mut places = Places { all: Vec::new(), missing: None };
        for account in &delivery.tried {
            places.add(self, account).await;
        }
        let reach = self.reach(person).await?;
        let now = self.places_for(delivery, person, &reach).await?;
        for (place, platform) in now.all {
            if !places.all.iter().any(|(known, _)| *known == place) {
                places.all.push((place, platform));
            }
        }
        places.missing = places.missing.or(now.missing);
        Ok(places)
    }

    /// How a person can be reached.
    pub(crate) async fn reach(&self, person: Option<&Person>) -> Result<Reach> {
        let Some(person) = person else { return Ok(Reach::default()) };
        let sql = concat!(asked!(), " ($4) ", reached!());
        let rows = self.db().all(sql, args![PREFERRED, WELCOMED, ZONE_ASKED, &person.id]).await?;
        Ok(read_reach(&rows)?.remove(&person.id).unwrap_or_default())
    }
}

/// How several people can be reached, by their ids.
pub(super) async fn reach_of(conn: &Conn, people: &[String]) -> Result<HashMap<String, Reach>> {
    read_reach(&conn.all_in(asked!(), people, reached!(), args![PREFERRED, WELCOMED, ZONE_ASKED]).await?)
}

fn read_reach(rows: &[Row]) -> Result<HashMap<String, Reach>> {
    let (mut all, mut first) = (HashMap::<String, Reach>::new(), HashMap::<String, First>::new());
    for row in rows {
        let person: String = row.get("person")?;
        let (reach, first) = (all.entry(person.clone()).or_default(), first.entry(person).or_default());
        let value: String = row.get("first")?;
        match row.get::<String>("what")?.as_str() {
            "account" => {
                let account = Account { platform: value, workspace: row.get("second")?, user: row.get("third")? };
                reach.accounts.push(account);
            }
            "lost" => reach.lost = true,
            "last" => first.last = serde_json::from_str::<Account>(&value).ok(),
            _ if value == PREFERRED => first.preferred = Some(row.get("second")?),
            _ if value == ZONE_ASKED => reach.zone_asked = Some(row.get("second")?),
            _ => reach.welcomed = Some(row.get("second")?),
        }
    }
    for (person, reach) in &mut all {
        let First { preferred, last } = first.remove(person).unwrap_or_default();
        let wanted = |a: &Account| preferred.as_ref().is_some_and(|p| *p == a.platform || *p == preference(a));
        // Sorted here: the database would sort all rows for the few that are accounts.
        reach.accounts.sort_by(|a, b| (&a.platform, &a.workspace, &a.user).cmp(&(&b.platform, &b.workspace, &b.user)));
        reach.accounts.sort_by_key(|a| (!wanted(a), last.as_ref() != Some(a)));
    }
    Ok(all)
}

/// What comes first among a person's accounts: what they prefer, and where they were last.
#[derive(Default)]
struct First {
    preferred: Option<String>,
    last: Option<Account>,
}

impl Places {
    async fn add(&mut self, flow: &Flow, account: &Account) {
        let Some(adapter) = flow.platform(&account.platform) else { return };
        match adapter.direct(account).await {
            Ok(place) => self.all.push((place, adapter)),
            Err(passing @ (SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. })) => {
                self.missing = Some(passing);
            }
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
    /// How many messages wait for them.
    pub waiting: i64,
    /// What would help.
    pub way_out: WayOut,
}

/// What would help somebody whom nothing reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayOut {
    /// No account is linked: link one.
    LinkAccount,
    /// Every account is closed to Stoa: the person writes to it once.
    WriteToStoa,
}

/// Everybody whom the last message could not reach, by name. Somebody who was merged is not listed: who stands for them is.
///
/// # Errors
/// The database's error.
pub async fn unreachable(conn: &Conn) -> Result<Vec<Unreachable>> {
    let rows = conn
        .all(
            "SELECT u.person, u.since, u.reason FROM unreachable u JOIN person p ON p.id = u.person
             WHERE p.status <> 'left' AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = u.person)
             ORDER BY p.name_key, u.person",
            args![],
        )
        .await?;
    let waiting = concat!(
        "SELECT COUNT(*) AS n FROM outbox WHERE state = 'unreachable' AND (expires IS NULL OR expires > $2) AND person IN ",
        stoa_ground::rows_of!("$1")
    );
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let id: String = row.get("person")?;
        let Some(person) = people::by_id(conn, &id).await? else { continue };
        let accounts = people::accounts_of(conn, &id).await?;
        all.push(Unreachable {
            person,
            since: row.get("since")?,
            reason: row.get("reason")?,
            waiting: conn.one(waiting, args![&id, conn.now()]).await?.get("n")?,
            way_out: if accounts.is_empty() { WayOut::LinkAccount } else { WayOut::WriteToStoa },
        });
    }
    Ok(all)
}

/// Tries again to reach everybody who could not be reached: after a platform or the mail server was mended. Gives how many.
///
/// # Errors
/// The database's error.
pub async fn try_again(tx: &Tx) -> Result<usize> {
    let rows = tx.all("SELECT person FROM unreachable ORDER BY person", args![]).await?;
    for row in &rows {
        tx.publish(people::TOPIC, &row.get::<String>("person")?).await?;
    }
    Ok(rows.len())
}

/// When a message last reached a person, and on which platform.
///
/// # Errors
/// The database's error.
pub async fn last_reached(conn: &Conn, person: &str) -> Result<Option<(Instant, String)>> {
    let sql = concat!(
        "SELECT sent_at, posted FROM outbox WHERE state = 'posted' AND sent_at IS NOT NULL AND person IN ",
        stoa_ground::rows_of!("$1"),
        " ORDER BY sent_at DESC LIMIT 1"
    );
    let Some(row) = conn.opt(sql, args![person]).await? else { return Ok(None) };
    let place: Option<serde_json::Value> = row.get("posted")?;
    let place: Option<Place> = place.map(serde_json::from_value).transpose()?;
    Ok(Some((row.get("sent_at")?, place.map_or_else(String::new, |p| p.platform))))
}

/// How many people the last message could not reach.
///
/// # Errors
/// The database's error.
pub async fn count_unreachable(conn: &Conn) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM unreachable u JOIN person p ON p.id = u.person
               WHERE p.status <> 'left' AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = u.person)";
    conn.one(sql, args![]).await?.get("n")
}

/// Writes down that a person cannot be reached, and since when.
pub(super) async fn lost(tx: &Tx, person: &str, reason: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO unreachable (person, since, reason)
         VALUES (COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $1), $1), $2, $3)
         ON CONFLICT (person) DO UPDATE SET reason = excluded.reason",
        args![person, tx.now(), reason],
    )
    .await?;
    Ok(())
}

/// A person was reached.
pub(super) async fn found(tx: &Tx, person: &str) -> Result<()> {
    tx.exec(
        "DELETE FROM unreachable WHERE person = $1
         OR person = (SELECT a.stands_for FROM person_alias a WHERE a.person = $1)",
        args![person],
    )
    .await?;
    Ok(())
}

/// Somebody who could not be reached has just written: what waits for them can be sent.
pub(crate) async fn seen(tx: &Tx, person: &str) -> Result<()> {
    if tx.opt("SELECT 1 AS one FROM unreachable WHERE person = $1", args![person]).await?.is_some() {
        tx.publish(people::TOPIC, person).await?;
    }
    Ok(())
}

/// Sends what waited for a person once something about them changed: a new account, another preferred place, who they are.
/// What has become stale meanwhile is withheld.
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
        // What waits for two rows that are one human is decided about together, and apart when they are split.
        tx.exec(
            "UPDATE outbox SET recipient = COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $1), $1)
             WHERE person = $1 AND state IN ('queued', 'unreachable')
             AND recipient <> COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $1), $1)",
            args![person],
        )
        .await?;
        let waiting = concat!(
            "SELECT key, person, kind, item, expires FROM outbox WHERE state = 'unreachable' AND person IN ",
            stoa_ground::rows_of!("$1"),
            " ORDER BY position LIMIT 1000"
        );
        for row in tx.all(waiting, args![person]).await? {
            let key: String = row.get("key")?;
            let expires: Option<Instant> = row.get("expires")?;
            if expires.is_some_and(|at| at <= tx.now()) {
                let (owner, kind, item): (String, String, String) =
                    (row.get("person")?, row.get("kind")?, row.get("item")?);
                let about = About { key: &key, person: &owner, kind: &kind, item: &item };
                nudges::record(tx, &about, &Decision::Withhold { why: "stale".into() }).await?;
                tx.exec("UPDATE outbox SET state = 'withheld' WHERE key = $1", args![&key]).await?;
            } else {
                let sql = "UPDATE outbox SET state = 'queued', attempts = 0, retry_at = 0 WHERE key = $1";
                tx.exec(sql, args![&key]).await?;
            }
        }
        Ok(())
    }
}
