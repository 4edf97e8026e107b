//! Tokens: whose they are, what they may, and how an app comes by them.

use serde_json::{Value, json};

use super::state::{BOT, BOT_ID, Kept, TEAM};
use super::web_api::{Done, Refusal, no, page, said};
use super::{APP_TOKEN, BOT_TOKEN, CLIENT_ID, CLIENT_SECRET, SCOPES};

impl Kept {
    pub(super) fn authorised(&self, method: &str, token: Option<&str>) -> Result<(), Refusal> {
        let app = method == "apps.connections.open";
        match token {
            // The client's secret stands for it.
            _ if method == "oauth.v2.access" => Ok(()),
            Some(token) if !app && self.team_of(Some(token)).is_some() && !self.may(method, token) => {
                no("missing_scope")
            }
            None | Some("") => no("not_authed"),
            Some(APP_TOKEN) if app || method == "auth.test" => Ok(()),
            Some(BOT_TOKEN | APP_TOKEN) if app => no("not_allowed_token_type"),
            token if !app && self.team_of(token).is_some() => Ok(()),
            Some(APP_TOKEN) => no("not_allowed_token_type"),
            Some(_) => no("invalid_auth"),
        }
    }

    /// The scopes of a token.
    pub(super) fn scopes(&self, token: &str) -> &str {
        self.granted.get(token).map_or(SCOPES, String::as_str)
    }

    /// Whether a bot's token has a scope that a method needs.
    fn may(&self, method: &str, token: &str) -> bool {
        let needed = match method {
            "chat.postMessage" | "chat.postEphemeral" | "chat.update" | "chat.delete" | "chat.startStream"
            | "chat.appendStream" | "chat.stopStream" => "chat:write",
            "conversations.open" => "im:write",
            "users.info" | "users.list" => "users:read",
            "dnd.info" | "dnd.teamInfo" => "dnd:read",
            "assistant.threads.setStatus" | "assistant.threads.setTitle" | "assistant.threads.setSuggestedPrompts" => {
                "assistant:write"
            }
            "reactions.add" => "reactions:write",
            _ => return true,
        };
        self.scopes(token).split(',').any(|scope| scope.trim() == needed)
    }

    /// The workspace of a bot's token.
    pub(super) fn team_of(&self, token: Option<&str>) -> Option<String> {
        match token? {
            BOT_TOKEN => Some(TEAM.to_owned()),
            other => self.tokens.get(other).cloned(),
        }
    }

    /// Changes a code, or the token with which tokens are renewed, into a token.
    pub(super) fn grant(&mut self, args: &Value) -> Done {
        if said(args, "client_id") != CLIENT_ID || said(args, "client_secret") != CLIENT_SECRET {
            return no("bad_client_secret");
        }
        if said(args, "grant_type") == "refresh_token" {
            if self.rotated || said(args, "refresh_token") != "xoxe-1-stand-in" {
                return no("invalid_refresh_token");
            }
            self.rotated = true;
            self.tokens.insert("xoxe.xoxb-renewed".into(), TEAM.into());
            return Ok(json!({ "access_token": "xoxe.xoxb-renewed", "refresh_token": "xoxe-2-stand-in",
                "expires_in": 43_200, "token_type": "bot", "team": { "id": TEAM, "name": "Acme" } }));
        }
        let Some((token, team, name, expires)) = self.codes.remove(said(args, "code")) else {
            return no("invalid_code");
        };
        if token != BOT_TOKEN {
            self.tokens.insert(token.clone(), team.clone());
        }
        self.names.insert(team.clone(), name.clone());
        let whole = team.starts_with('E');
        let (place, none) = (json!({ "id": team, "name": name }), Value::Null);
        let (team, enterprise) = if whole { (none, place) } else { (place, none) };
        let mut granted = json!({ "access_token": token, "token_type": "bot", "scope": "commands", "bot_user_id": BOT,
            "app_id": "A0STOA", "team": team, "enterprise": enterprise, "is_enterprise_install": whole });
        if let Some(expires) = expires {
            (granted["expires_in"], granted["refresh_token"]) = (json!(expires), json!("xoxe-1-stand-in"));
        }
        Ok(granted)
    }

    /// What `auth.test` says of a token.
    pub(super) fn who(&self, token: &str, url: &str) -> Value {
        let team = self.team_of(Some(token)).unwrap_or_else(|| TEAM.to_owned());
        let name = self.names.get(&team).map_or("Acme", String::as_str);
        let organisation = self.organisations.get(&team).or_else(|| Some(&team).filter(|t| t.starts_with('E')));
        json!({ "url": format!("{url}/"), "team": name, "user": "stoa", "team_id": team, "user_id": BOT,
            "bot_id": BOT_ID, "enterprise_id": organisation,
            "is_enterprise_install": team.starts_with('E') })
    }

    /// The workspaces of an organisation, page by page.
    pub(super) fn workspaces(&self, args: &Value, token: &str) -> Done {
        let own = self.team_of(Some(token)).unwrap_or_default();
        let teams: Vec<Value> =
            self.organisations.iter().filter(|(_, e)| **e == own).map(|(t, _)| json!({ "id": t })).collect();
        let (page, next) = page(&teams, args)?;
        Ok(json!({ "teams": page, "response_metadata": { "next_cursor": next } }))
    }
}
