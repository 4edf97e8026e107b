//! Who the people of a workspace are: their zone, their language, and whether they are guests or of another organisation. What is heard goes
//! to the flow; nothing private goes to strangers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use serde_json::Value;
use stoa_flow::chat::{Account, Envelope, Heard, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::clock::monotonic;
use stoa_ground::{Db, Result, people};
use stoa_http::{believed, locked, remember};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::api::{Body, Failure, UNKNOWN_METHOD};
use crate::app::{App, Identity};
use crate::events::word;
use crate::platform::Slack;
use crate::socket::wait;
use crate::take::Inlet;
use crate::{PLATFORM, text};

/// For how long is believed what Slack said about somebody, also that it knows nobody of that name.
const FRESH: Duration = Duration::from_secs(24 * 3_600);
/// After how long somebody is asked about again of whom Slack said nothing, where nobody waits for it.
const AGAIN: Duration = Duration::from_secs(600);
/// The method by which one person is asked about.
const METHOD: &str = "users.info";
/// The pause between two questions about people who were met: Slack takes about a hundred in a minute.
const PACE: Duration = Duration::from_millis(600);
/// People of one text whose names are looked up.
const NAMED: usize = 20;
/// People that are remembered at once.
const REMEMBERED: usize = 100_000;
/// How long an event, stored and acknowledged, waits for what Slack says about its author before they are told to ask again.
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
    /// Of the organisation of Enterprise Grid in which the app is, whichever workspace they are in.
    pub colleague: bool,
    pub deleted: bool,
}

impl Member {
    /// Reads Slack's user object. Who is of another organisation can only be told beside who the app is.
    pub(crate) fn read(user: &Value, me: &Identity) -> Self {
        let profile = &user["profile"];
        let names = [&profile["display_name"], &profile["real_name"], &user["name"]];
        let (team, organisation) = (word(&user["team_id"]), word(&user["enterprise_user"]["enterprise_id"]));
        let colleague = !me.enterprise.is_empty() && organisation == me.enterprise;
        let elsewhere = !team.is_empty() && team != me.workspace && team != me.enterprise && !colleague;
        Self {
            name: names.iter().map(|n| word(n)).find(|n| !n.is_empty()).unwrap_or_default().to_owned(),
            zone: word(&user["tz"]).to_owned(),
            locale: word(&user["locale"]).to_owned(),
            guest: user["is_restricted"] == true || user["is_ultra_restricted"] == true,
            outsider: user["is_stranger"] == true || elsewhere,
            colleague,
            deleted: user["deleted"] == true,
        }
    }
}

/// What Slack says about somebody, once it does.
type Asked = Shared<BoxFuture<'static, Result<Member, Failure>>>;

/// Whether somebody may be told what everybody of the organisation may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Member,
    /// Of another organisation, or a guest whom nobody put on the roster.
    Stranger,
    /// Slack does not say it just now: they get nothing, and are asked about again with what they do next.
    Unknown,
}

/// What is known about the people of a workspace.
#[derive(Default)]
pub(crate) struct Members {
    /// What Slack said, and until when that is believed.
    known: Mutex<HashMap<String, (Option<Member>, std::time::Instant)>>,
    /// About whom Slack is being asked because of what they did, and since when.
    asking: Mutex<HashMap<String, (Asked, std::time::Instant)>>,
    /// Whose zone and language are to be asked for: workspace and user.
    due: Mutex<BTreeSet<(String, String)>>,
    wake: Notify,
    /// Whom an event named as of another workspace.
    elsewhere: Mutex<HashMap<String, ()>>,
    /// Who was told that nothing is for them.
    turned_away: Mutex<BTreeSet<String>>,
}

impl Members {
    fn fresh(&self, user: &str) -> Option<Option<Member>> {
        believed(&self.known, user)
    }

    /// Remembers for so long what Slack says; gives what it said before.
    fn put(&self, user: &str, member: Option<Member>, long: Duration) -> Option<Member> {
        remember(&self.known, user.to_owned(), (member, monotonic() + long), REMEMBERED).and_then(|(before, _)| before)
    }

    /// Somebody of ours did something, or is new on the roster: their zone is asked for soon, once a day.
    pub(crate) fn meet(&self, account: &Account) {
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
        match self.members.fresh(user) {
            Some(known) => known,
            None if self.is_unsupported(METHOD) => None,
            None => self.ask_for(user).await.ok(),
        }
    }

    async fn ask_for(&self, user: &str) -> Result<Member, Failure> {
        let me = self.identify().await?;
        let form = vec![("user", user.to_owned()), ("include_locale", "true".to_owned())];
        let found = self.call(METHOD, Body::Form(form)).await.inspect_err(|failure| {
            self.note_failure(METHOD, failure);
            let nobody = matches!(failure, Failure::Code { code, .. } if code.starts_with("user_not_"));
            self.members.put(user, None, if nobody { FRESH } else { AGAIN });
        })?;
        let member = Member::read(&found["user"], me);
        self.members.put(user, Some(member.clone()), FRESH);
        Ok(member)
    }

    /// A text of Slack's with the names of those whom it mentions by their ids, as far as they are known already.
    pub(crate) async fn with_names(&self, db: &Db, workspace: &str, text: &str) -> Result<String> {
        let mut names = HashMap::new();
        for user in text::mentioned(text).into_iter().take(NAMED) {
            let known = self.members.fresh(user).flatten().map(|member| member.name).filter(|name| !name.is_empty());
            let name = match known {
                Some(name) => Some(name),
                None => {
                    let person = |c| async move { people::by_account(&c, PLATFORM, workspace, user).await };
                    db.read(person).await?.map(|person| person.name)
                }
            };
            names.extend(name.map(|name| (user, name)));
        }
        Ok(text::with_names(text, &names))
    }

    /// Whether somebody gets no answers here, as far as Slack says soon who that is.
    pub(crate) async fn is_stranger(self: &Arc<Self>, user: &str) -> bool {
        let elsewhere = locked(&self.members.elsewhere).contains_key(user);
        matches!(standing(self.member_soon(user).await, elsewhere), Standing::Stranger)
    }

    /// What such a person is told.
    pub(crate) async fn outsider(&self) -> String {
        let workspace = self.identify().await.map_or_else(|_| String::new(), |me| literal(&me.workspace_name));
        say!(Words::english(), "chat-outsider", workspace = workspace)
    }

    /// Somebody who waits for an answer; `None` when Slack does not say soon who that is. It is asked to the end all the
    /// same, so that it is known the next time.
    async fn member_soon(self: &Arc<Self>, user: &str) -> Option<Result<Member, Failure>> {
        if let Some(Some(known)) = self.members.fresh(user) {
            return Some(Ok(known));
        }
        let (asked, since) = {
            let ask = || {
                let (app, user) = (self.clone(), user.to_owned());
                let task = tokio::spawn(async move {
                    let member = app.ask_for(&user).await;
                    locked(&app.members.asking).remove(&user);
                    member
                });
                let end = |done: Result<_, tokio::task::JoinError>| {
                    done.unwrap_or_else(|e| Err(Failure::Unknown { why: e.to_string() }))
                };
                (task.map(end).boxed().shared(), monotonic())
            };
            locked(&self.members.asking).entry(user.to_owned()).or_insert_with(ask).clone()
        };
        // Who has waited for it already does not wait for it again.
        tokio::time::timeout(AT_ONCE.saturating_sub(since.elapsed()), asked).await.ok()
    }
}

/// What somebody may be told, by what Slack says of them; none where it does not answer soon. `elsewhere` is whether an event
/// names another workspace as theirs.
fn standing(said: Option<Result<Member, Failure>>, elsewhere: bool) -> Standing {
    match said {
        Some(Ok(member)) if member.outsider || member.guest => Standing::Stranger,
        Some(Ok(member)) if elsewhere && !member.colleague => Standing::Stranger,
        Some(Ok(_)) => Standing::Member,
        // Slack has this method. A simpler server in its place, which has not, knows no guests.
        Some(Err(Failure::Code { code, .. })) if code == UNKNOWN_METHOD && elsewhere => Standing::Stranger,
        Some(Err(Failure::Code { code, .. })) if code == UNKNOWN_METHOD => Standing::Member,
        Some(Err(_)) | None => Standing::Unknown,
    }
}

impl Slack {
    /// Whether something may be told to the author of an event, whose account belongs to nobody. Who may not is told so.
    pub(crate) async fn admit(&self, app: &Arc<App>, envelope: &Envelope) -> bool {
        let user = &envelope.account.user;
        let elsewhere = locked(&app.members.elsewhere).contains_key(user);
        let words = Words::english();
        let text = match standing(app.member_soon(user).await, elsewhere) {
            Standing::Member => return true,
            // They may ask again.
            Standing::Unknown => say!(words, "slack-who-unknown"),
            // Told once that nothing is for them.
            Standing::Stranger => {
                let is_first = {
                    let mut told = locked(&app.members.turned_away);
                    told.len() < REMEMBERED && told.insert(user.clone())
                };
                if !is_first {
                    return false;
                }
                app.outsider().await
            }
        };
        self.tell(app, &envelope.place, &envelope.account, text, &format!("stranger/{}", envelope.key)).await;
        false
    }
}

impl Inlet {
    /// Somebody did something: of people who are known more is asked soon; of others is noted that `team`, the workspace that
    /// Slack names beside them, is another one.
    pub(crate) async fn met(&self, account: &Account, team: &str) -> Result<()> {
        if self.flow.is_known(account).await? {
            self.app.members.meet(account);
        } else if !team.is_empty() && team != account.workspace {
            remember(&self.app.members.elsewhere, account.user.clone(), (), REMEMBERED);
        }
        Ok(())
    }

    /// Slack says that somebody is new or changed.
    pub(crate) async fn member_changed(&self, workspace: &str, user: &Value) -> Result<()> {
        let id = word(&user["id"]);
        if id.is_empty() || user["is_bot"] == true {
            return Ok(());
        }
        let put = |me| self.app.members.put(id, Some(Member::read(user, me)), FRESH);
        let before = self.app.known().and_then(put);
        let (zone, locale, deleted) = (word(&user["tz"]), word(&user["locale"]), user["deleted"] == true);
        // Most changes are about pictures and moods.
        let same = |b: &Member| b.zone == zone && b.locale == locale && b.deleted == deleted;
        if before.as_ref().is_some_and(same) || deleted {
            return Ok(());
        }
        let heard = [Heard::Zone(zone.to_owned()), Heard::Locale(locale.to_owned()), Heard::Open];
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
    use serde_json::json;

    use super::*;
    use crate::Options;

    fn me() -> Identity {
        Identity {
            workspace: "T1".into(),
            workspace_name: "Acme".into(),
            enterprise: "E1".into(),
            user: "UBOT".into(),
            bot: "B1".into(),
        }
    }

    #[test]
    fn who_is_a_guest_or_of_another_organisation() {
        let read = |user: &Value| Member::read(user, &me());
        let ada = json!({"team_id": "T1", "tz": "Europe/Berlin", "name": "ada", "profile": {"display_name": "", "real_name": "Ada"}});
        let expected = Member { name: "Ada".into(), zone: "Europe/Berlin".into(), ..Member::default() };
        assert_eq!(read(&ada), expected);
        assert!(read(&json!({"team_id": "T1", "is_ultra_restricted": true})).guest);
        assert!(read(&json!({"team_id": "T2"})).outsider);
        assert!(read(&json!({"team_id": "T1", "is_stranger": true})).outsider);
        assert!(!read(&json!({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}})).outsider);
    }

    #[test]
    fn what_an_event_says_counts_beside_what_slack_says() {
        let of = |user: &Value, elsewhere| standing(Some(Ok(Member::read(user, &me()))), elsewhere);
        assert_eq!(of(&json!({"team_id": "T1"}), false), Standing::Member);
        assert_eq!(of(&json!({"team_id": "T1"}), true), Standing::Stranger);
        assert_eq!(of(&json!({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}}), true), Standing::Member);
        assert_eq!(of(&json!({"team_id": "T1", "is_restricted": true}), false), Standing::Stranger);
        let refused = |code: &str| Some(Err(Failure::Code { code: code.into(), detail: String::new() }));
        for nothing in [None, refused("missing_scope"), Some(Err(Failure::Unknown { why: String::new() }))] {
            assert_eq!(standing(nothing.clone(), false), Standing::Unknown, "{nothing:?}");
        }
        assert_eq!(standing(refused("unknown_method"), false), Standing::Member);
        assert_eq!(standing(refused("unknown_method"), true), Standing::Stranger);
    }

    #[tokio::test]
    async fn without_knowing_who_the_app_is_nothing_is_kept_of_anybody() {
        // Nothing answers at the address of this app.
        let app = Arc::new(App::new(Options::test()).unwrap());
        assert!(!matches!(app.member_soon("U1").await, Some(Ok(_))));
        assert_eq!(app.members.fresh("U1"), None);
        assert!(locked(&app.members.asking).is_empty(), "the next event asks anew");
    }
}
