//! What a chat platform says about a person without anybody having written.

use stoa_ground::people::{self, Status};
use stoa_ground::{Instant, Result, Tx, args};

use super::Account;
use crate::nudges::DO_NOT_DISTURB;
use crate::worker::Flow;

/// What a platform says about the owner of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The zone in which they are.
    Zone(String),
    /// The language in which they read it (a BCP 47 tag).
    Locale(String),
    /// They do not want to be disturbed from then until then; no longer when there is none.
    DoNotDisturb(Option<(Instant, Instant)>),
    /// The account is open again after it was closed.
    Open,
}

impl Flow {
    /// Notes what a platform says about the owner of an account; nothing where nobody owns it.
    ///
    /// # Errors
    /// The database's error.
    pub async fn heard(&self, account: &Account, all: &[Heard]) -> Result<()> {
        self.heard_of(&[(account.clone(), all.to_vec())]).await
    }

    /// As [`heard`](Self::heard), about several at once: a few dozen, for they are written down together.
    ///
    /// # Errors
    /// The database's error.
    pub async fn heard_of(&self, people: &[(Account, Vec<Heard>)]) -> Result<()> {
        let mut known = Vec::with_capacity(people.len());
        for one in people {
            if self.is_known(&one.0).await? {
                known.push(one);
            }
        }
        if known.is_empty() {
            return Ok(());
        }
        let known = &known;
        self.db()
            .write(|tx| async move {
                for (account, all) in known {
                    note(&tx, account, all).await?;
                }
                Ok(())
            })
            .await?;
        self.wake();
        Ok(())
    }

    /// The users of a workspace who work here, in their order, at most `limit` of those after `after`; also those of whom no
    /// workspace was said.
    ///
    /// # Errors
    /// The database's error.
    pub async fn accounts(&self, platform: &str, workspace: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT user_id FROM identity WHERE platform = $1 AND workspace IN ($2, '') AND user_id > $3
                   AND EXISTS (SELECT 1 FROM person p WHERE p.status <> 'left' AND p.id = COALESCE(
                     (SELECT a.stands_for FROM person_alias a WHERE a.person = identity.person), identity.person))
                   ORDER BY user_id LIMIT $4";
        let rows = self.db().all(sql, args![platform, workspace, after, limit]).await?;
        rows.iter().map(|row| row.get("user_id")).collect()
    }

    /// As [`accounts`](Self::accounts), only those of whom the staff list says no zone: each with whether a chat has said one.
    ///
    /// # Errors
    /// The database's error.
    pub async fn accounts_without_zone(
        &self,
        platform: &str,
        workspace: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, bool)>> {
        let sql = "SELECT DISTINCT i.user_id, p.chat_timezone FROM identity i JOIN person p ON p.id = COALESCE(
                     (SELECT a.stands_for FROM person_alias a WHERE a.person = i.person), i.person)
                   WHERE i.platform = $1 AND i.workspace IN ($2, '') AND i.user_id > $3
                   AND p.status <> 'left' AND p.roster_timezone IS NULL
                   ORDER BY i.user_id LIMIT $4";
        let rows = self.db().all(sql, args![platform, workspace, after, limit]).await?;
        rows.iter()
            .map(|row| Ok((row.get("user_id")?, row.get::<Option<String>>("chat_timezone")?.is_some())))
            .collect()
    }

    /// Whether an account belongs to somebody who works here.
    ///
    /// # Errors
    /// The database's error.
    pub async fn is_known(&self, account: &Account) -> Result<bool> {
        let Account { platform, workspace, user } = account;
        let known = self.db().read(|c| async move { people::by_account(&c, platform, workspace, user).await });
        Ok(known.await?.is_some_and(|person| person.status != Status::Left))
    }
}

async fn note(tx: &Tx, account: &Account, all: &[Heard]) -> Result<()> {
    let known = people::by_account(tx, &account.platform, &account.workspace, &account.user).await?;
    let Some(person) = known else { return Ok(()) };
    for what in all {
        match what {
            Heard::Zone(zone) => {
                people::heard_zone(tx, &person.id, zone).await?;
            }
            Heard::Locale(locale) => {
                people::heard_locale(tx, &person.id, locale).await?;
            }
            Heard::DoNotDisturb(Some((from, until))) => {
                people::remember(tx, &person.id, DO_NOT_DISTURB, &format!("{from}/{until}")).await?;
            }
            Heard::DoNotDisturb(None) => {
                people::set_setting(tx, &person.id, DO_NOT_DISTURB, None).await?;
            }
            Heard::Open => crate::delivery::seen(tx, &person.id).await?,
        }
    }
    Ok(())
}
