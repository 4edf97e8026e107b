//! What a role on a chat's server proves. Whoever hands it out vouches that an account belongs to the organisation, and does
//! not say whose it is. So it links an account only to the person to whom the roster or the operator gave its user name
//! (`@name`), and to no second one: names can be changed, and somebody else can take them then. What the role linked ends
//! with it.

use super::{Person, Status, accounts_of, by_account, by_id, link_account, remember, setting, unlink_account};
use crate::ledger;
use crate::{Conn, Result, Tx};

/// An account for which a server's role may vouch.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The platform, whose user ids hold in all of its servers.
    pub platform: &'a str,
    /// The server.
    pub server: &'a str,
    /// The user's id.
    pub user: &'a str,
}

impl Member<'_> {
    fn actor(&self) -> String {
        format!("role/{}/{}", self.platform, self.server)
    }

    fn account(&self) -> (&str, &str, &str) {
        (self.platform, "", self.user)
    }
}

/// On what it rests whose account this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is nobody's.
    Nobody,
    /// A role vouches for it.
    Role,
    /// A code, the roster or the operator.
    Proven,
}

/// On what it rests whose account this is.
///
/// # Errors
/// The database's error.
pub async fn standing(conn: &Conn, platform: &str, user: &str) -> Result<Standing> {
    if by_account(conn, platform, "", user).await?.is_none() {
        return Ok(Standing::Nobody);
    }
    let by_role = last(conn, platform, user).await?.is_some_and(|(_, actor, _)| actor.starts_with("role/"));
    Ok(if by_role { Standing::Role } else { Standing::Proven })
}

/// An account has the role: it is linked, if it is nobody's, to the person who has its user name. One from which the role
/// was taken is linked again as it was; one that somebody disconnected stays so. Gives whether it was linked now.
///
/// # Errors
/// The database's error.
pub async fn vouch(tx: &Tx, member: Member<'_>, name: &str) -> Result<bool> {
    let (platform, _, user) = member.account();
    if by_account(tx, platform, "", user).await?.is_some() {
        return Ok(false);
    }
    let (named, before) = (format!("@{name}"), last(tx, platform, user).await?);
    let person = match &before {
        Some((_, actor, person)) if actor.starts_with("role/") => by_id(tx, person).await?,
        Some(_) => None,
        None => by_account(tx, platform, "", &named).await?,
    };
    let Some(Person { id, .. }) = person.filter(|p| p.status != Status::Left) else { return Ok(false) };
    if before.is_none() && !is_first(tx, &id, platform).await? {
        return Ok(false);
    }
    let why = format!("the server's role vouches for {named}");
    link_account(tx, &id, member.account(), &member.actor(), &why).await?;
    remember(tx, &id, &by_name(platform), user).await?;
    Ok(true)
}

/// The setting that remembers which account was found by its name.
fn by_name(platform: &str) -> String {
    format!("by_name/{platform}")
}

/// Whether a person has no account on a platform yet, and never had one that was found by its name.
async fn is_first(conn: &Conn, person: &str, platform: &str) -> Result<bool> {
    let accounts = accounts_of(conn, person).await?;
    let has = accounts.iter().any(|a| a.platform == platform && !a.user.starts_with('@'));
    Ok(!has && setting(conn, person, &by_name(platform)).await?.is_none())
}

/// An account has not, or no longer, the role of a server: what that role linked is taken away. Gives whether there was
/// something.
///
/// # Errors
/// The database's error.
pub async fn unvouch(tx: &Tx, member: Member<'_>) -> Result<bool> {
    let actor = member.actor();
    match last(tx, member.platform, member.user).await? {
        Some((kind, by, _)) if kind == "linked" && by == actor => {
            unlink_account(tx, member.account(), &actor, "the server's role does not vouch for it any more").await
        }
        _ => Ok(false),
    }
}

/// What was recorded last about an account: its kind, by whom, and about which person.
async fn last(conn: &Conn, platform: &str, user: &str) -> Result<Option<(String, String, String)>> {
    let records = ledger::of_subject(conn, &format!("identity/{platform}//{user}")).await?;
    Ok(records.into_iter().last().map(|r| {
        let person = r.data["person"].as_str().unwrap_or_default().to_owned();
        (r.kind, r.actor, person)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;
    use crate::people::tests::{organisation, who};

    const ANA: Member<'_> = Member { platform: "discord", server: "5", user: "42" };

    async fn has(db: &Db, member: Member<'static>, name: &'static str, role: bool) -> bool {
        db.write(|tx| async move { if role { vouch(&tx, member, name).await } else { unvouch(&tx, member).await } })
            .await
            .unwrap()
    }

    async fn whose(db: &Db, user: &'static str) -> Option<String> {
        let found = db.read(|c| async move { by_account(&c, "discord", "", user).await }).await.unwrap();
        found.map(|p| p.employee_id)
    }

    #[tokio::test]
    async fn a_role_links_the_name_that_the_roster_has_and_nobody_else_who_takes_it() {
        let (db, _dir) = organisation().await;
        let ana = &who(&db, "E1").await;
        assert!(!has(&db, ANA, "ana", true).await, "a role says that somebody belongs here, not who");
        let named = ("discord", "", "@ana");
        db.write(|tx| async move { link_account(&tx, &ana.id, named, "operator", "a test").await }).await.unwrap();
        assert!(!has(&db, ANA, "Ana", true).await && !has(&db, ANA, "", true).await);
        assert!(has(&db, ANA, "ana", true).await);
        assert_eq!(whose(&db, "42").await.as_deref(), Some("E1"));
        // She calls herself otherwise, and somebody takes the name.
        let other = Member { user: "43", ..ANA };
        assert!(!has(&db, other, "ana", true).await);
        assert_eq!(whose(&db, "43").await, None);
        // The role of another server says nothing about it.
        assert!(!has(&db, Member { server: "6", ..ANA }, "", false).await);
        assert!(has(&db, ANA, "", false).await && whose(&db, "42").await.is_none());
        assert!(!has(&db, other, "ana", true).await);
        assert!(has(&db, ANA, "ana.lima", true).await, "the role is given again");
        let standing = db.read(|c| async move { standing(&c, "discord", "42").await }).await.unwrap();
        assert_eq!(standing, Standing::Role);
    }

    #[tokio::test]
    async fn what_somebody_disconnected_or_proved_otherwise_no_role_changes() {
        let (db, _dir) = organisation().await;
        let ana = &who(&db, "E1").await;
        let named = ("discord", "", "@ana");
        db.write(|tx| async move { link_account(&tx, &ana.id, named, "operator", "a test").await }).await.unwrap();
        assert!(has(&db, ANA, "ana", true).await);
        let by = &format!("person/{}", ana.id);
        db.write(|tx| async move { unlink_account(&tx, ANA.account(), by, "the person asked for it").await })
            .await
            .unwrap();
        assert!(!has(&db, ANA, "ana", true).await && whose(&db, "42").await.is_none());
        db.write(|tx| async move { link_account(&tx, &ana.id, ANA.account(), by, "one-time code").await })
            .await
            .unwrap();
        assert!(!has(&db, ANA, "", false).await);
        assert_eq!(whose(&db, "42").await.as_deref(), Some("E1"));
        let standing = db.read(|c| async move { standing(&c, "discord", "42").await }).await.unwrap();
        assert_eq!(standing, Standing::Proven);
    }
}
