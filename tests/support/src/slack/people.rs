//! What Slack says of people.

use serde_json::{Map, Value, json};

use super::now;
use super::state::Kept;
use super::web_api::{Done, Refusal, no, page, said};

impl Kept {
    /// Somebody, as Slack says it.
    pub(super) fn member(&self, args: &Value) -> Done {
        match self.users.get(said(args, "user")) {
            Some(user) => Ok(json!({ "user": self.shown(user, args) })),
            None => no("user_not_found"),
        }
    }

    /// Everybody, page by page.
    pub(super) fn members(&self, args: &Value) -> Done {
        let all: Vec<Value> = self.users.values().map(|user| self.shown(user, args)).collect();
        let (page, next) = page(&all, args)?;
        Ok(json!({ "members": page, "response_metadata": { "next_cursor": next } }))
    }

    /// A user object. The locale is there for who asks for it.
    fn shown(&self, user: &Value, args: &Value) -> Value {
        let mut user = user.clone();
        if args["include_locale"] != true {
            user.as_object_mut().and_then(|fields| fields.remove("locale"));
        }
        if let Some(organisation) = self.organisations.get(said(&user, "team_id")) {
            user["enterprise_user"] = json!({ "enterprise_id": organisation });
        }
        user
    }

    /// When somebody does not want to be disturbed next.
    pub(super) fn silence(&self, user: &str) -> Value {
        let times = self.silences.get(user).map_or(&[][..], Vec::as_slice);
        let next = times.iter().find(|(_, until)| *until > now());
        let (from, until) = next.copied().unwrap_or((1, 1));
        json!({ "dnd_enabled": next.is_some(), "next_dnd_start_ts": from, "next_dnd_end_ts": until })
    }

    /// Whether the bot may talk with a person alone.
    pub(super) fn is_reachable(&self, user: &str) -> Result<bool, Refusal> {
        match self.users.get(user) {
            None => no("user_not_found"),
            Some(user) if user["deleted"] == true => no("user_disabled"),
            Some(user) if user["is_bot"] == true => no("cannot_dm_bot"),
            Some(_) => Ok(true),
        }
    }

    /// The same of several people.
    pub(super) fn silences(&self, args: &Value) -> Done {
        let users: Vec<&str> = said(args, "users").split(',').collect();
        if users.len() > 50 {
            return no("too_many_users");
        }
        let known = users.into_iter().filter(|user| self.users.contains_key(*user));
        let users: Map<String, Value> = known.map(|user| (user.to_owned(), self.silence(user))).collect();
        Ok(json!({ "users": users }))
    }
}
