//! The workspaces in which an app was installed by its own page: rows with sealed tokens.

use serde_json::Value;
use stoa_ground::clock::wall;
use stoa_ground::ledger::{open_secret, seal_secret};
use stoa_ground::{Db, Instant, Result, Row, Tx, args};

use crate::events::word;

/// How long before its end a token is renewed, and after how long again where that failed.
const EARLY: i64 = 30 * 60 * Instant::SECOND;
const AGAIN: i64 = 60 * Instant::SECOND;

/// An app in one workspace, or in all workspaces of an organisation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Install {
    /// The workspace's id, or the organisation's (E…).
    pub workspace: String,
    pub name: String,
    pub token: String,
    /// With which the next token is got, where tokens are rotated.
    pub refresh: Option<String>,
    /// Until when the token holds, by the machine's time; always, where there is none.
    pub expires: Option<Instant>,
    /// From when on it is renewed: well before it ends. Who renews it moves this ahead, so that nobody else does.
    pub renew: Option<Instant>,
}

impl std::fmt::Debug for Install {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Install")
            .field("workspace", &self.workspace)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Install {
    /// Reads the answer of `oauth.v2.access`.
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        let whole = answer["is_enterprise_install"] == true;
        let place = if whole { &answer["enterprise"] } else { &answer["team"] };
        let (workspace, token) = (word(&place["id"]), word(&answer["access_token"]));
        let (refresh, expires, renew) = fresh(answer);
        (!workspace.is_empty() && !token.is_empty()).then(|| Self {
            workspace: workspace.to_owned(),
            name: word(&place["name"]).to_owned(),
            token: token.to_owned(),
            refresh,
            expires,
            renew,
        })
    }

    /// The same with the token of a newer answer.
    pub(crate) fn renewed(&self, answer: &Value) -> Option<Self> {
        let token = word(&answer["access_token"]);
        let (refresh, expires, renew) = fresh(answer);
        (!token.is_empty()).then(|| Self {
            token: token.to_owned(),
            refresh: refresh.or_else(|| self.refresh.clone()),
            expires,
            renew,
            ..self.clone()
        })
    }
}

/// The token with which the next one is got, until when this one holds, and from when on it is renewed.
fn fresh(answer: &Value) -> (Option<String>, Option<Instant>, Option<Instant>) {
    let refresh = answer["refresh_token"].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let lasts = answer["expires_in"].as_i64().filter(|s| *s > 0).map(|s| s.saturating_mul(Instant::SECOND));
    let now = wall();
    // One that lasts for a short time only is used for half of it.
    let renew = lasts.map(|lasts| now.plus((lasts - EARLY).max(lasts / 2)));
    (refresh, lasts.map(|lasts| now.plus(lasts)), renew)
}

fn what(app: &str, workspace: &str, which: &str) -> String {
    format!("slack/{app}/{workspace}/{which}")
}

/// Every workspace in which an app is installed, by name. A token that cannot be opened is an error of its own.
pub(crate) async fn sealed(db: &Db, app: &str) -> Result<Vec<(String, Result<Install>)>> {
    db.read(|conn| async move {
        let sql = "SELECT workspace, name, token, refresh, expires, renew FROM slack_install
                   WHERE app = $1 AND ended IS NULL ORDER BY workspace";
        let rows = conn.all(sql, args![app]).await?;
        let open = |row: &Row| -> Result<Install> {
            let workspace: String = row.get("workspace")?;
            let token: Vec<u8> = row.get("token")?;
            let refresh: Option<Vec<u8>> = row.get("refresh")?;
            let refresh =
                refresh.map(|sealed| open_secret(&conn, &what(app, &workspace, "refresh"), &sealed)).transpose()?;
            Ok(Install {
                token: open_secret(&conn, &what(app, &workspace, "token"), &token)?,
                refresh,
                name: row.get("name")?,
                expires: row.get("expires")?,
                renew: row.get("renew")?,
                workspace,
            })
        };
        rows.iter().map(|row| Ok((row.get("name")?, open(row)))).collect()
    })
    .await
}

/// Every workspace in which an app is installed. One whose token cannot be opened is left out and told.
pub(crate) async fn all(db: &Db, app: &str) -> Result<Vec<Install>> {
    let opened = sealed(db, app).await?.into_iter().filter_map(|(_, install)| match install {
        Ok(install) => Some(install),
        Err(error) => {
            tracing::error!(app, %error, "an installation cannot be used; install the app again");
            None
        }
    });
    Ok(opened.collect())
}

/// The token of an installation and the one with which the next is got, sealed.
fn seal(tx: &Tx, app: &str, install: &Install) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    let sealed = |which: &str, text: &str| seal_secret(tx, &what(app, &install.workspace, which), text);
    let refresh = install.refresh.as_ref().map(|text| sealed("refresh", text)).transpose()?;
    Ok((sealed("token", &install.token)?, refresh))
}

/// Keeps a new installation.
pub(crate) async fn save(tx: &Tx, app: &str, install: &Install) -> Result<()> {
    let (token, refresh) = seal(tx, app, install)?;
    let Install { workspace, name, expires, renew, .. } = install;
    let sql = "INSERT INTO slack_install (app, workspace, name, token, refresh, expires, renew, installed)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (app, workspace) DO UPDATE SET name = excluded.name, token = excluded.token,
               refresh = excluded.refresh, expires = excluded.expires, renew = excluded.renew, ended = NULL";
    tx.exec(sql, args![app, workspace, name, token, refresh, *expires, *renew, tx.now()]).await?;
    Ok(())
}

/// Keeps the new token of an installation; one that has ended meanwhile stays so.
pub(crate) async fn save_renewed(tx: &Tx, app: &str, install: &Install) -> Result<()> {
    let (token, refresh) = seal(tx, app, install)?;
    let Install { workspace, expires, renew, .. } = install;
    let sql = "UPDATE slack_install SET token = $3, refresh = $4, expires = $5, renew = $6
               WHERE app = $1 AND workspace = $2 AND ended IS NULL";
    tx.exec(sql, args![app, workspace, token, refresh, *expires, *renew]).await?;
    Ok(())
}

/// The app was removed from a workspace, or its token was revoked.
pub(crate) async fn end(db: &Db, app: &str, workspace: &str) -> Result<()> {
    db.write(|tx| async move {
        let sql = "UPDATE slack_install SET ended = $3 WHERE app = $1 AND workspace = $2 AND ended IS NULL";
        tx.exec(sql, args![app, workspace, tx.now()]).await.map(|_| ())
    })
    .await
}

/// Whether this server is the one that gets the next token: the others see that it is not due any more.
pub(crate) async fn claim(db: &Db, app: &str, install: &Install) -> Result<bool> {
    let again = wall().plus(AGAIN);
    db.write(|tx| async move {
        let sql = "UPDATE slack_install SET renew = $4
                   WHERE app = $1 AND workspace = $2 AND renew = $3 AND ended IS NULL";
        Ok(tx.exec(sql, args![app, &install.workspace, install.renew, again]).await? == 1)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stoa_ground::ledger::Master;
    use stoa_ground::testing::store;

    #[test]
    fn what_slack_answers_to_an_installation() {
        let one = json!({"ok": true, "access_token": "xoxb-1", "token_type": "bot", "team": {"id": "T1", "name": "Acme"},
            "enterprise": {"id": "E1", "name": "All"}, "is_enterprise_install": false});
        let install = Install::read(&one).unwrap();
        assert_eq!((install.workspace.as_str(), install.token.as_str(), install.expires), ("T1", "xoxb-1", None));
        let grid = json!({"access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1", "expires_in": 43200, "team": null,
            "enterprise": {"id": "E1", "name": "All"}, "is_enterprise_install": true});
        let install = Install::read(&grid).unwrap();
        assert_eq!((install.workspace.as_str(), install.refresh.as_deref()), ("E1", Some("xoxe-1")));
        assert_eq!(install.expires.unwrap().0 - install.renew.unwrap().0, EARLY);
        let brief =
            json!({"access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1", "expires_in": 60, "team": {"id": "T1"}});
        let brief = Install::read(&brief).unwrap();
        assert_eq!(brief.expires.unwrap().0 - brief.renew.unwrap().0, 30 * Instant::SECOND, "not at once");
        let next = install.renewed(&json!({"access_token": "xoxe.xoxb-2", "expires_in": 43200})).unwrap();
        assert_eq!((next.token.as_str(), next.refresh.as_deref()), ("xoxe.xoxb-2", Some("xoxe-1")));
        assert!(Install::read(&json!({"ok": true})).is_none());
        assert!(!format!("{install:?}").contains("xoxe"), "tokens are not shown");
    }

    #[tokio::test]
    async fn one_server_renews_a_token_and_one_that_was_removed_stays_so() {
        let (db, _dir) = store().await;
        db.seal_with(Master::new([7; 32]));
        let answer = json!({"access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1", "expires_in": 43200, "team": {"id": "T1"}});
        let install = &Install::read(&answer).unwrap();
        db.write(|tx| async move { save(&tx, "acme", install).await }).await.unwrap();
        assert!(claim(&db, "acme", install).await.unwrap());
        assert!(!claim(&db, "acme", install).await.unwrap(), "another server is at it");
        let claimed = all(&db, "acme").await.unwrap().remove(0);
        assert_eq!(claimed.expires, install.expires, "the token holds no longer for it");
        assert!(claimed.renew.unwrap() > wall() && claimed.renew < install.renew);
        let next = &install.renewed(&json!({"access_token": "xoxe.xoxb-2", "expires_in": 43200})).unwrap();
        db.write(|tx| async move { save_renewed(&tx, "acme", next).await }).await.unwrap();
        assert_eq!(all(&db, "acme").await.unwrap().remove(0), *next);
        end(&db, "acme", "T1").await.unwrap();
        db.write(|tx| async move { save_renewed(&tx, "acme", next).await }).await.unwrap();
        assert!(all(&db, "acme").await.unwrap().is_empty());
    }
}
