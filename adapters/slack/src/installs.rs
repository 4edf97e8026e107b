//! The workspaces in which an app was installed by its own page: rows with sealed tokens.

use serde_json::Value;
use stoa_ground::clock::wall;
use stoa_ground::ledger::{open_secret, seal_secret};
use stoa_ground::{Db, Instant, Result, Row, Tx, args};

use crate::events::word;

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
        let (refresh, expires) = fresh(answer);
        (!workspace.is_empty() && !token.is_empty()).then(|| Self {
            workspace: workspace.to_owned(),
            name: word(&place["name"]).to_owned(),
            token: token.to_owned(),
            refresh,
            expires,
        })
    }

    /// The same with the token of a newer answer.
    pub(crate) fn renewed(&self, answer: &Value) -> Option<Self> {
        let token = word(&answer["access_token"]);
        let (refresh, expires) = fresh(answer);
        (!token.is_empty()).then(|| Self {
            token: token.to_owned(),
            refresh: refresh.or_else(|| self.refresh.clone()),
            expires,
            ..self.clone()
        })
    }
}

fn fresh(answer: &Value) -> (Option<String>, Option<Instant>) {
    let refresh = answer["refresh_token"].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let expires = answer["expires_in"].as_i64().filter(|s| *s > 0);
    (refresh, expires.map(|seconds| wall().plus(seconds.saturating_mul(Instant::SECOND))))
}

fn what(app: &str, workspace: &str, which: &str) -> String {
    format!("slack/{app}/{workspace}/{which}")
}

/// Every workspace in which an app is installed. One whose token cannot be opened is left out and told.
pub(crate) async fn all(db: &Db, app: &str) -> Result<Vec<Install>> {
    db.read(|conn| async move {
        let sql = "SELECT workspace, name, token, refresh, expires FROM slack_install
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
                workspace,
            })
        };
        let mut installs = Vec::with_capacity(rows.len());
        for row in &rows {
            match open(row) {
                Ok(install) => installs.push(install),
                Err(error) => tracing::error!(app, %error, "an installation cannot be used; install the app again"),
            }
        }
        Ok(installs)
    })
    .await
}

/// Keeps an installation, new or with a new token.
pub(crate) async fn save(tx: &Tx, app: &str, install: &Install) -> Result<()> {
    let Install { workspace, name, token, refresh, expires } = install;
    let token = seal_secret(tx, &what(app, workspace, "token"), token)?;
    let refresh = refresh.as_ref().map(|text| seal_secret(tx, &what(app, workspace, "refresh"), text)).transpose()?;
    let sql = "INSERT INTO slack_install (app, workspace, name, token, refresh, expires, installed)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (app, workspace) DO UPDATE SET name = excluded.name, token = excluded.token,
               refresh = excluded.refresh, expires = excluded.expires, ended = NULL";
    tx.exec(sql, args![app, workspace, name, token, refresh, *expires, tx.now()]).await?;
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

/// Whether this server is the one that gets the next token: the others see that the time has moved.
pub(crate) async fn claim(db: &Db, app: &str, install: &Install) -> Result<bool> {
    db.write(|tx| async move {
        let sql = "UPDATE slack_install SET expires = expires + $4
                   WHERE app = $1 AND workspace = $2 AND expires = $3 AND ended IS NULL";
        let rows = tx.exec(sql, args![app, &install.workspace, install.expires, 60 * Instant::SECOND]).await?;
        Ok(rows == 1)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert!(install.expires.is_some_and(|at| at > wall()));
        let next = install.renewed(&json!({"access_token": "xoxe.xoxb-2", "expires_in": 43200})).unwrap();
        assert_eq!((next.token.as_str(), next.refresh.as_deref()), ("xoxe.xoxb-2", Some("xoxe-1")));
        assert!(Install::read(&json!({"ok": true})).is_none());
        assert!(!format!("{install:?}").contains("xoxe"), "tokens are not shown");
    }
}
