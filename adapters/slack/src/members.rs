//! Who the people of a workspace are: their zone, their language, and whether they are guests or of another organisation. What is heard goes
//! to the flow; nothing private goes to strangers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_flow::chat::{Account, Envelope, Event, Heard};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use stoa_http::{locked, remember};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::api::Body;
use crate::app::{App, Identity};
use crate::events::word;
use crate::socket::wait;
use crate::take::Inlet;

/// For how long is believed what Slack said about somebody.
const FRESH: Duration = Duration::from_secs(24 * 3_600);
/// After how long somebody is asked about again of whom Slack said nothing.
const AGAIN: Duration = Duration::from_secs(600);
/// The pause between two questions about people who were met: Slack takes about a hundred in a minute.
const PACE: Duration = Duration::from_millis(600);
/// People that are remembered at once.
const REMEMBERED: usize = 100_000;
/// How long an event waits here for what Slack says about its author: it is acknowledged within three seconds.
const AT_ONCE: Duration = Duration::from_millis(1_200);

/// Somebody, as Slack says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    pub name: String,
    pub zone: String,
    /// The language in which they read Slack (BCP 47); empty where Slack does not say it.
    pub locale: String,
    /// In some channels only.
    pub guest: bool,
    /// Of another organisation, seen over Slack Connect.
    pub outsider: bool,
    pub deleted: bool,
}

impl Member {
    /// Reads Slack's user object.
    pub(crate) fn read(user: &Value, me: Option<&Identity>) -> Self {
        let profile = &user["profile"];
        let names = [&profile["display_name"], &profile["real_name"], &user["name"]];
        let (team, organisation) = (word(&user["team_id"]), word(&user["enterprise_user"]["enterprise_id"]));
        let elsewhere = me.is_some_and(|me| {
            let same_organisation = !me.enterprise.is_empty() && organisation == me.enterprise;
            !team.is_empty() && team != me.workspace && team != me.enterprise && !same_organisation
        });
        Self {
            name: names.iter().map(|n| word(n)).find(|n| !n.is_empty()).unwrap_or_default().to_owned(),
            zone: word(&user["tz"]).to_owned(),
            locale: word(&user["locale"]).to_owned(),
            guest: user["is_restricted"] == true || user["is_ultra_restricted"] == true,
            outsider: user["is_stranger"] == true || elsewhere,
            deleted: user["deleted"] == true,
        }
    }
}

/// What is known about the people of a workspace.
#[derive(Default)]
pub(crate) struct Members {
    known: Mutex<HashMap<String, (Option<Member>, std::time::Instant)>>,
    /// Whose zone and language are to be asked for: workspace and user.
    due: Mutex<BTreeSet<(String, String)>>,
    wake: Notify,
    /// Who was told that nothing is for them.
    turned_away: Mutex<BTreeSet<String>>,
}

impl Members {
    fn fresh(&self, user: &str) -> Option<Option<Member>> {
        let known = locked(&self.known);
        let (member, asked) = known.get(user)?;
        let believed = if member.is_some() { FRESH } else { AGAIN };
        (asked.elapsed() < believed).then(|| member.clone())
    }

    /// Remembers what Slack says; gives what it said before.
    fn put(&self, user: &str, member: Option<Member>) -> Option<Member> {
        remember(&self.known, user.to_owned(), (member, monotonic()), REMEMBERED).and_then(|(before, _)| before)
    }

    /// Somebody of ours did something: their zone is asked for soon, once a day.
    fn meet(&self, account: &Account) {
        if self.fresh(&account.user).is_none() {
            let mut due = locked(&self.due);
            if due.len() < REMEMBERED && due.insert((account.workspace.clone(), account.user.clone())) {
                self.wake.notify_one();
            }
        }
    }
}

impl App {
    /// Somebody; `None` when Slack does not say who that is.
    pub(crate) async fn member(&self, user: &str) -> Option<Member> {
        if let Some(known) = self.members.fresh(user) {
            return known;
        }
        let form = vec![("user", user.to_owned()), ("include_locale", "true".to_owned())];
        let asked = self.call("users.info", Body::Form(form)).await;
        let member = asked.ok().map(|found| Member::read(&found["user"], self.known()));
        self.members.put(user, member.clone());
        member
    }
}

impl Inlet {
    /// Whether nothing may be told to the author of an event, because they are of another organisation, or a guest whom
    /// nobody put on the roster. `team` is the workspace that Slack names beside them, if it does.
    pub(crate) async fn is_stranger(&self, envelope: &Envelope, team: &str) -> Result<bool> {
        let account = &envelope.account;
        let elsewhere = !team.is_empty() && team != account.workspace;
        if let Event::Message { to_bot: false, .. }
        | Event::Reaction { .. }
        | Event::Edited { .. }
        | Event::Deleted { .. } = envelope.event
        {
            // Nobody answers these; what is kept of them hangs on accounts that are known.
            return Ok(false);
        }
        if self.flow.is_known(account).await? {
            self.app.members.meet(account);
            return Ok(false);
        }
        let asked = tokio::time::timeout(AT_ONCE, self.app.member(&account.user)).await;
        Ok(asked.ok().flatten().map_or(elsewhere, |member| member.outsider || member.guest))
    }

    /// Tells a stranger, once, that nothing is for them.
    pub(crate) fn turn_away(&self, envelope: &Envelope) {
        let (user, place) = (envelope.account.user.clone(), envelope.place.clone());
        {
            let mut told = locked(&self.app.members.turned_away);
            if told.len() >= REMEMBERED || !told.insert(user.clone()) {
                return;
            }
        }
        let app = self.app.clone();
        tokio::spawn(async move {
            let workspace = app.identify().await.map_or_else(|_| String::new(), |me| me.workspace_name.clone());
            let text = crate::mrkdwn::escape(&say!(Words::english(), "chat-outsider", workspace = workspace));
            let mut body = json!({ "channel": place.channel, "text": text });
            let method = if place.direct {
                "chat.postMessage"
            } else {
                body["user"] = json!(user);
                "chat.postEphemeral"
            };
            if let Err(failure) = app.call(method, Body::Json(body)).await {
                tracing::debug!(app = %app.options.name, error = %app.api.send_error(failure), "a stranger was not answered");
            }
        });
    }

    /// Slack says that somebody is new or changed.
    pub(crate) async fn member_changed(&self, workspace: &str, user: &Value) -> Result<()> {
        let id = word(&user["id"]);
        if id.is_empty() || user["is_bot"] == true {
            return Ok(());
        }
        let member = Member::read(user, self.app.known());
        let before = self.app.members.put(id, Some(member.clone()));
        // Most changes are about pictures and moods.
        let same = |b: &Member| b.zone == member.zone && b.locale == member.locale && b.deleted == member.deleted;
        if before.as_ref().is_some_and(same) || member.deleted {
            return Ok(());
        }
        let heard = [Heard::Zone(member.zone), Heard::Locale(member.locale), Heard::Open];
        self.flow.heard(&self.account(workspace, id), &heard).await
    }

    pub(crate) fn account(&self, workspace: &str, user: &str) -> Account {
        Account { platform: crate::PLATFORM.into(), workspace: workspace.into(), user: user.into() }
    }
}

/// Asks Slack for the zones and languages of the people who were met, until `stop`.
pub(crate) async fn get_to_know(inlet: Inlet, stop: CancellationToken) {
    let members = &inlet.app.members;
    loop {
        tokio::select! {
            () = members.wake.notified() => {}
            () = stop.cancelled() => return,
        }
        while let Some((workspace, user)) = { locked(&members.due).pop_first() } {
            if let Some(member) = inlet.app.member(&user).await.filter(|m| !m.outsider) {
                let heard = [Heard::Zone(member.zone), Heard::Locale(member.locale)];
                if let Err(error) = inlet.flow.heard(&inlet.account(&workspace, &user), &heard).await {
                    tracing::warn!(app = %inlet.app.options.name, %error, "somebody's zone and language could not be kept");
                }
            }
            if !wait(PACE, &stop).await {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_a_guest_or_of_another_organisation() {
        let me = Identity {
            workspace: "T1".into(),
            workspace_name: "Acme".into(),
            enterprise: "E1".into(),
            user: "UBOT".into(),
            bot: "B1".into(),
        };
        let read = |user: &Value| Member::read(user, Some(&me));
        let ada = json!({"team_id": "T1", "tz": "Europe/Berlin", "name": "ada", "profile": {"display_name": "", "real_name": "Ada"}});
        let expected = Member { name: "Ada".into(), zone: "Europe/Berlin".into(), ..Member::default() };
        assert_eq!(read(&ada), expected);
        assert!(read(&json!({"team_id": "T1", "is_ultra_restricted": true})).guest);
        assert!(read(&json!({"team_id": "T2"})).outsider);
        assert!(read(&json!({"team_id": "T1", "is_stranger": true})).outsider);
        assert!(!read(&json!({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}})).outsider);
        assert!(!Member::read(&json!({"team_id": "T2"}), None).outsider, "nothing is known yet");
    }
}
