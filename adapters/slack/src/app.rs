//! One Slack app in one workspace: who it is there, and the calls that are made for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use stoa_flow::chat::{Form, Place};
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use stoa_http::{believed, locked, remember};

use crate::api::{Api, Body, Failure};
use crate::audience::Audiences;
use crate::events::word;
use crate::home::Homes;
use crate::installs::Install;
use crate::members::Members;
use crate::silence::Silences;
use crate::streams::Streams;
use crate::{Options, PLATFORM, view};

/// Direct conversations, names and response addresses that are remembered at once.
const REMEMBERED: usize = 100_000;
/// How long Slack takes answers at a response address: half an hour.
const RESPONSE: Duration = Duration::from_secs(29 * 60);
/// The method that says where a person and the bot talk alone.
const OPEN: &str = "conversations.open";
/// For how long a method that is not there is left alone.
const UNSUPPORTED: Duration = Duration::from_secs(3_600);
/// Workspaces of one organisation that are known at once.
const TEAMS: usize = 100_000;
/// Pages that are read of what Slack lists.
const PAGES: usize = 10;
/// Types that are logged once; of more nothing is said.
const KINDS: usize = 200;
/// The most characters of a modal's metadata.
const METADATA: usize = 3_000;

/// Who the app is in its workspace.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub workspace: String,
    pub workspace_name: String,
    /// The organisation of the workspace on Enterprise Grid; empty where there is none.
    pub enterprise: String,
    /// The bot's user id.
    pub user: String,
    /// The bot's own id in messages.
    pub bot: String,
}

/// One app.
pub(crate) struct App {
    pub options: Options,
    pub api: Api,
    token: RwLock<String>,
    /// The workspace in which it was installed by its own page.
    installed: RwLock<Option<Install>>,
    /// Whether its token is newer than the one in the store.
    unsaved: AtomicBool,
    /// Workspaces of the organisation in which it is installed.
    teams: Mutex<BTreeSet<String>>,
    identity: OnceLock<Identity>,
    /// The direct conversation with each user.
    direct: Mutex<HashMap<String, String>>,
    /// Where a slash command or button can be answered although the bot is not in the conversation: by channel and user.
    responses: Mutex<HashMap<(String, String), (String, std::time::Instant)>>,
    /// Where what one person alone sees can be replaced, by the key of the event by which a button in it was pressed.
    pressed: Mutex<HashMap<String, (String, std::time::Instant)>>,
    /// Messages to the bot, by channel and time stamp, on which no thread hangs yet.
    threadless: Mutex<HashMap<(String, String), ()>>,
    kinds: Mutex<BTreeSet<String>>,
    pub homes: Homes,
    pub members: Members,
    pub audiences: Audiences,
    pub silences: Silences,
    pub streams: Streams,
    /// Threads of the assistant pane that have no title yet.
    untitled: Mutex<BTreeSet<String>>,
    /// Methods that this workspace does not have, and until when nobody tries.
    unsupported: Mutex<HashMap<&'static str, std::time::Instant>>,
}

impl App {
    pub(crate) fn new(options: Options) -> Result<Self> {
        options.check()?;
        Ok(Self {
            api: Api::new(&options)?,
            token: RwLock::new(options.bot_token.clone()),
            installed: RwLock::default(),
            unsaved: AtomicBool::default(),
            teams: Mutex::default(),
            options,
            identity: OnceLock::new(),
            direct: Mutex::default(),
            responses: Mutex::default(),
            pressed: Mutex::default(),
            threadless: Mutex::default(),
            kinds: Mutex::default(),
            homes: Homes::default(),
            members: Members::default(),
            audiences: Audiences::default(),
            silences: Silences::default(),
            streams: Streams::default(),
            untitled: Mutex::default(),
            unsupported: Mutex::default(),
        })
    }

    /// An app in a workspace in which it was installed by its own page.
    pub(crate) fn of_install(base: &Self, install: Install) -> Result<Self> {
        let mut app = Self::new(base.options.clone())?;
        // What is wrong where it was removed is to be told although this app is gone.
        app.api.troubles = base.api.troubles.clone();
        app.set(install);
        Ok(app)
    }

    /// Calls a method of the Web API as the bot.
    pub(crate) async fn call(&self, method: &'static str, body: Body) -> Result<Value, Failure> {
        let token = self.token();
        let done = self.api.call(&token, method, &body).await;
        match &done {
            // It was renewed meanwhile.
            Err(Failure::Code { code, .. }) if code.starts_with("token_") && self.token() != token => {
                self.api.call(&self.token(), method, &body).await
            }
            _ => done,
        }
    }

    /// The bot's token; empty where the app is only installed by its page.
    pub(crate) fn token(&self) -> String {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The installation, if it is one.
    pub(crate) fn installed(&self) -> Option<Install> {
        self.installed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it was installed by its page in this workspace or organisation.
    pub(crate) fn is_in(&self, workspace: &str) -> bool {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner);
        installed.as_ref().is_some_and(|install| install.workspace == workspace)
    }

    /// Names a workspace to Slack, where the app is installed in a whole organisation.
    pub(crate) fn team_id(&self, workspace: &str) -> Option<(&'static str, String)> {
        self.installed().filter(|install| install.workspace != workspace).map(|_| ("team_id", workspace.to_owned()))
    }

    /// The store has this installation: it counts, unless the token here is a newer one that could not be kept yet.
    pub(crate) fn put(&self, install: Install) {
        if !self.unsaved.load(Ordering::Acquire) {
            self.set(install);
        }
    }

    /// The installation has this token from now on, whatever the store says.
    pub(crate) fn put_unsaved(&self, install: Install) {
        self.unsaved.store(true, Ordering::Release);
        self.set(install);
    }

    /// The store has it as well.
    pub(crate) fn saved(&self) {
        self.unsaved.store(false, Ordering::Release);
    }

    fn set(&self, install: Install) {
        self.token.write().unwrap_or_else(PoisonError::into_inner).clone_from(&install.token);
        *self.installed.write().unwrap_or_else(PoisonError::into_inner) = Some(install);
    }

    /// A workspace of the organisation in which the app is installed was heard of.
    pub(crate) fn has_team(&self, team: &str) {
        let mut teams = locked(&self.teams);
        if teams.len() < TEAMS && !teams.contains(team) {
            teams.insert(team.to_owned());
        }
    }

    /// The workspaces in which the app is; none while that is not known.
    pub(crate) async fn workspaces(&self) -> Vec<String> {
        match self.known() {
            Some(me) if me.workspace.starts_with('E') => {
                self.look_for_team("").await;
                locked(&self.teams).iter().cloned().collect()
            }
            Some(me) => vec![me.workspace.clone()],
            None => Vec::new(),
        }
    }

    /// Whether a workspace belongs to the organisation in which the app is installed.
    pub(crate) async fn is_of(&self, team: &str) -> bool {
        locked(&self.teams).contains(team) || self.look_for_team(team).await
    }

    /// Reads the workspaces of the organisation until this one is among them.
    async fn look_for_team(&self, team: &str) -> bool {
        let is_it = |page: &Value| {
            let all = page["teams"].as_array().into_iter().flatten();
            all.for_each(|one| self.has_team(word(&one["id"])));
            locked(&self.teams).contains(team).then_some(())
        };
        let form = [("limit", "1000".to_owned())];
        matches!(self.pages("auth.teams.list", &form, is_it).await, Ok(Some(())))
    }

    /// What a method lists, page by page until `f` has what it wants.
    pub(crate) async fn pages<T>(
        &self,
        method: &'static str,
        form: &[(&'static str, String)],
        mut f: impl FnMut(&Value) -> Option<T> + Send,
    ) -> Result<Option<T>, Failure> {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut form = form.to_vec();
            if !cursor.is_empty() {
                form.push(("cursor", cursor));
            }
            let page = self.call(method, Body::Form(form)).await?;
            if let Some(found) = f(&page) {
                return Ok(Some(found));
            }
            cursor = word(&page["response_metadata"]["next_cursor"]).to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// Who the app is, once Slack has said it.
    pub(crate) fn known(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// The bot's user id; empty while it is not known.
    pub(crate) fn bot(&self) -> &str {
        self.known().map_or("", |me| me.user.as_str())
    }

    /// Asks Slack who the app is.
    pub(crate) async fn identify(&self) -> Result<&Identity, Failure> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let me = self.call("auth.test", Body::Form(Vec::new())).await?;
        let text = |key: &str| word(&me[key]).to_owned();
        let me = Identity {
            workspace: text("team_id"),
            workspace_name: text("team"),
            enterprise: text("enterprise_id"),
            user: text("user_id"),
            bot: text("bot_id"),
        };
        Ok(self.identity.get_or_init(|| me))
    }

    /// The direct conversation with a user; where Slack does not say it the user's id, under which messages go there too.
    pub(crate) async fn direct(&self, user: &str) -> Result<String, Failure> {
        let known = self.channel(user);
        if known != user || self.is_unsupported(OPEN) {
            return Ok(known);
        }
        match self.call(OPEN, Body::Json(json!({ "users": user }))).await {
            Ok(opened) => {
                self.remember_direct(user, word(&opened["channel"]["id"]));
                Ok(self.channel(user))
            }
            Err(failure) if failure.is_refusal() => {
                self.note_failure(OPEN, &failure);
                tracing::debug!(app = %self.options.name, error = %self.api.send_error(failure), "posts go to people's ids");
                Ok(known)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The conversation that a person's id stands for, where it is known; else what was given.
    pub(crate) fn channel(&self, named: &str) -> String {
        locked(&self.direct).get(named).cloned().unwrap_or_else(|| named.to_owned())
    }

    /// As [`direct`](Self::direct), for what is not acknowledged yet: what is not known is asked for beside it, and messages go
    /// to the user's id. None where Slack does not have direct conversations.
    pub(crate) fn direct_at_once(self: &Arc<Self>, user: &str) -> Option<String> {
        let known = self.channel(user);
        if known == user {
            if self.is_unsupported(OPEN) {
                return None;
            }
            let (app, user) = (self.clone(), user.to_owned());
            tokio::spawn(async move {
                if let Err(failure) = app.direct(&user).await {
                    let error = app.api.send_error(failure);
                    tracing::debug!(app = %app.options.name, %error, "where somebody and the bot talk alone is not known");
                }
            });
        }
        Some(known)
    }

    pub(crate) fn remember_direct(&self, user: &str, channel: &str) {
        if !channel.is_empty() {
            remember(&self.direct, user.to_owned(), channel.to_owned(), REMEMBERED);
        }
    }

    /// Somebody wrote to the bot, and no thread hangs on that yet.
    pub(crate) fn heard_threadless(&self, channel: &str, ts: &str) {
        remember(&self.threadless, (channel.to_owned(), ts.to_owned()), (), REMEMBERED);
    }

    /// Something stands in the thread of a message.
    pub(crate) fn has_thread(&self, channel: &str, ts: &str) {
        locked(&self.threadless).remove(&(channel.to_owned(), ts.to_owned()));
    }

    /// The thread in which one person alone can be shown something: Slack shows it to nobody before a thread is there.
    pub(crate) fn shown_thread<'a>(&self, place: &'a Place) -> Option<&'a String> {
        let waits = |ts: &&String| locked(&self.threadless).contains_key(&(place.channel.clone(), (*ts).clone()));
        place.thread.as_ref().filter(|ts| !waits(ts))
    }

    /// A conversation that is gone is asked for again.
    pub(crate) fn forget_direct(&self, channel: &str) {
        locked(&self.direct).retain(|_, known| known != channel);
    }

    /// A user's display name; empty when Slack does not say it.
    pub(crate) async fn name(&self, user: &str) -> String {
        self.member(user).await.map_or_else(String::new, |member| member.name)
    }

    pub(crate) fn remember_response(&self, channel: &str, user: &str, url: &str) {
        if is_web(url) {
            let until = monotonic() + RESPONSE;
            remember(&self.responses, (channel.to_owned(), user.to_owned()), (url.to_owned(), until), REMEMBERED);
        }
    }

    /// Where this user's last command in a conversation can still be answered.
    pub(crate) fn response(&self, channel: &str, user: &str) -> Option<String> {
        believed(&self.responses, &(channel.to_owned(), user.to_owned()))
    }

    /// Somebody pressed a button in what they alone see.
    pub(crate) fn remember_pressed(&self, event: &str, url: &str) {
        if is_web(url) {
            remember(&self.pressed, event.to_owned(), (url.to_owned(), monotonic() + RESPONSE), REMEMBERED);
        }
    }

    /// Where an answer to such a press can take the place of what was pressed; once, because Slack takes five in half an hour.
    pub(crate) fn take_pressed(&self, delivery: &str) -> Option<String> {
        let (event, _) = delivery.strip_prefix("reply/")?.rsplit_once('/')?;
        let url = believed(&self.pressed, event);
        locked(&self.pressed).remove(event);
        url
    }

    /// A response address takes nothing any more.
    pub(crate) fn forget_response(&self, channel: &str, user: &str) {
        locked(&self.responses).remove(&(channel.to_owned(), user.to_owned()));
    }

    /// Opens a form as a modal; `false` when Slack does not take it any more, which the person is to be told.
    pub(crate) async fn open(&self, trigger: &str, place: &Place, form: &Form) -> bool {
        let shown = view::modal(form, place);
        if word(&shown["private_metadata"]).chars().count() > METADATA {
            tracing::error!(app = %self.options.name, form = %form.title, "a form's command is too long for Slack");
            return true;
        }
        let body = Body::Json(json!({ "trigger_id": trigger, "view": shown }));
        match self.call("views.open", body).await {
            Ok(_) => true,
            // A repeat of what opened it before.
            Err(Failure::Code { code, .. }) if code == "exchanged_trigger_id" || code == "trigger_exchanged" => true,
            Err(failure) => {
                tracing::warn!(app = %self.options.name, error = %self.api.send_error(failure), "a form could not be opened");
                false
            }
        }
    }

    /// A thread of the assistant pane began.
    pub(crate) fn thread_began(&self, channel: &str, thread: &str) {
        let mut untitled = locked(&self.untitled);
        if untitled.len() >= REMEMBERED {
            untitled.clear();
        }
        untitled.insert(format!("{channel}/{thread}"));
    }

    /// Whether a thread of the assistant pane has no title yet; it gets one now.
    pub(crate) fn is_untitled(&self, channel: &str, thread: &str) -> bool {
        locked(&self.untitled).remove(&format!("{channel}/{thread}"))
    }

    /// Whether a method was not there a while ago.
    pub(crate) fn is_unsupported(&self, method: &'static str) -> bool {
        locked(&self.unsupported).get(method).is_some_and(|until| monotonic() < *until)
    }

    /// Leaves a method alone for a while where the workspace or the app does not have it.
    pub(crate) fn note_failure(&self, method: &'static str, failure: &Failure) {
        if failure.is_absence() {
            self.leave_alone(method, UNSUPPORTED);
        }
    }

    /// Leaves something alone for so long.
    pub(crate) fn leave_alone(&self, what: &'static str, long: Duration) {
        locked(&self.unsupported).insert(what, monotonic() + long);
    }

    /// Logs a type that this version does not know, once.
    pub(crate) fn unknown(&self, kind: &str) {
        let mut kinds = locked(&self.kinds);
        if kinds.len() < KINDS && kinds.insert(kind.to_owned()) {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(80).collect();
            tracing::info!(app = %self.options.name, kind, "Slack sends something that this version does not know; it is ignored");
        }
    }

    pub(crate) fn place(&self, workspace: &str, channel: String) -> Place {
        Place { platform: PLATFORM.into(), workspace: workspace.into(), channel, thread: None, direct: true }
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
