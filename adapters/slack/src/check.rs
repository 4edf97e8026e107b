//! What `stoa doctor` asks Slack about an app: whether its tokens hold, where it is installed, and which scopes it lacks there.

use futures_util::StreamExt as _;
use stoa_flow::chat::SendError;
use stoa_ground::{Db, Result};

use crate::api::{Api, Body};
use crate::events::word;
use crate::{Feature, Mode, Options, installs, manifest};

/// Workspaces that are asked about, of those in which the app was installed by its page.
const ASKED: usize = 100;
/// How many are asked about at once.
const AT_ONCE: usize = 8;

/// An app where it is installed.
#[derive(Debug)]
pub struct Seen {
    /// The name of the workspace, or of the organisation.
    pub workspace: String,
    /// Whether it is installed in all workspaces of an organisation (Enterprise Grid).
    pub whole: bool,
    /// Scopes that are missing, each with what it costs; none when Slack did not say which there are.
    pub missing: Option<Vec<(&'static str, &'static str)>>,
}

/// An app, as Slack knows it.
#[derive(Debug)]
pub struct Checked {
    /// Whether the token for Socket Mode opens connections; none in HTTP mode.
    pub socket: Option<Result<(), SendError>>,
    /// Where the token of the configuration belongs; none without one.
    pub own: Option<Result<Seen, SendError>>,
    /// Where it was installed by its page, by the names of the workspaces: what Slack, or the store, says of each.
    pub installed: Vec<(String, Result<Seen, SendError>)>,
    /// Workspaces that were not asked about, because there are so many.
    pub more: usize,
}

/// Asks Slack about an app. `db` is the store with its master key, if there is one.
///
/// # Errors
/// [`stoa_ground::Error::Invalid`] with the key of the configuration that is wrong, and the database's error.
pub async fn check(options: &Options, db: Option<&Db>) -> Result<Checked> {
    let api = &Api::new(options)?;
    let socket = match options.mode {
        Mode::Http => None,
        Mode::Socket => {
            let opened = api.call(&options.app_token, "apps.connections.open", &Body::Form(Vec::new())).await;
            Some(opened.map(drop).map_err(|failure| api.send_error(failure)))
        }
    };
    let own = match options.bot_token.as_str() {
        "" => None,
        token => Some(seen(api, options, token).await),
    };
    let mut all = match db {
        Some(db) if options.is_installed_by_page() => installs::sealed(db, &options.name).await?,
        _ => Vec::new(),
    };
    let more = all.len().saturating_sub(ASKED);
    all.truncate(ASKED);
    let asked = all.into_iter().map(|(name, install)| async move {
        match install {
            Ok(install) => (name, seen(api, options, &install.token).await),
            Err(error) => (name, Err(SendError::Refused(error.to_string()))),
        }
    });
    let installed = futures_util::stream::iter(asked).buffered(AT_ONCE).collect().await;
    Ok(Checked { socket, own, installed, more })
}

/// The app whose token this is.
async fn seen(api: &Api, options: &Options, token: &str) -> Result<Seen, SendError> {
    let asked = api.call_with_headers(token, "auth.test", &Body::Form(Vec::new())).await;
    let (me, headers) = asked.map_err(|failure| api.send_error(failure))?;
    let scopes = headers.get("x-oauth-scopes").and_then(|v| v.to_str().ok());
    Ok(Seen {
        workspace: word(&me["team"]).to_owned(),
        whole: me["is_enterprise_install"] == true,
        missing: scopes.map(|scopes| missing(scopes, &options.features)),
    })
}

/// What is missing among the scopes that a token has, for these features.
fn missing(scopes: &str, features: &[Feature]) -> Vec<(&'static str, &'static str)> {
    let given: Vec<&str> = scopes.split(',').map(str::trim).collect();
    manifest::scopes(features).filter(|(scope, _)| !given.contains(scope)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_cost() {
        let all: Vec<&str> = manifest::scopes(&Feature::ALL).map(|(scope, _)| scope).collect();
        assert!(missing(&all.join(", "), &Feature::ALL).is_empty());
        let without: Vec<&str> = all.iter().filter(|scope| **scope != "dnd:read").copied().collect();
        let named = |features: &[Feature]| -> Vec<&str> {
            missing(&without.join(","), features).iter().map(|(scope, _)| *scope).collect()
        };
        assert_eq!(named(&Feature::ALL), ["dnd:read"]);
        assert!(named(&[Feature::Assistant]).is_empty(), "what the app does without is not missed");
    }
}
