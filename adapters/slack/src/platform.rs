//! Messages that go out: Slack as a [`Platform`], over all apps of the configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stoa_flow::chat::{Account, Audience, Envelope, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Db, Instant, Result};
use stoa_http::{locked, remember};
use tokio::sync::watch;

use crate::api::{Body, Failure, POST};
use crate::app::App;
use crate::blocks::{Rendered, render};
use crate::events::{self, instant, word};
use crate::streams::{Grown, unended, unfinished};
use crate::{Options, PLATFORM, installs, text};

/// How soon after it was read where the apps are installed it is read again for somebody who is not found.
const LOADED: Duration = Duration::from_secs(5);
/// Workspaces without an app that are remembered at once.
const MISSED: usize = 10_000;
/// How long after a call broke off its message may still appear.
const SETTLES: Duration = Duration::from_secs(5);

/// The type of our metadata on messages.
const DELIVERY: &str = "stoa_delivery";
/// Messages on one page of a conversation.
const PAGE: usize = 200;
/// How far Slack's clock and ours may be apart.
const SKEW: i64 = 600 * Instant::SECOND;

/// All Slack apps of the configuration. Who is asked for a place is the app of its workspace.
pub struct Slack {
    pub(crate) apps: Vec<Arc<App>>,
    db: Db,
    /// The same apps in the workspaces in which they were installed by their pages.
    installed: RwLock<Vec<Arc<App>>>,
    /// When that was read.
    loaded: Mutex<Option<std::time::Instant>>,
    /// Workspaces in which no app was found, and since when.
    missed: Mutex<HashMap<String, std::time::Instant>>,
    pub(crate) changes: watch::Sender<()>,
}

impl Slack {
    /// The apps; nothing is called yet.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Invalid`] with the key of the configuration that is wrong.
    pub fn new(options: Vec<Options>, db: Db) -> Result<Self> {
        let apps = options.into_iter().map(|o| App::new(o).map(Arc::new)).collect::<Result<_>>()?;
        let (installed, loaded, missed) = (RwLock::default(), Mutex::default(), Mutex::default());
        Ok(Self { apps, db, installed, loaded, missed, changes: watch::Sender::new(()) })
    }

    /// Reads in which workspaces the apps are installed by their pages.
    ///
    /// # Errors
    /// The database's error.
    pub async fn load(&self) -> Result<()> {
        let begun = monotonic();
        let mut now: Vec<Arc<App>> = Vec::new();
        for app in self.apps.iter().filter(|app| app.options.is_installed_by_page()) {
            for install in installs::all(&self.db, &app.options.name).await? {
                let known = self.installation(&app.options.name, &install.workspace);
                match known {
                    Some(known) => {
                        known.put(install);
                        now.push(known);
                    }
                    None => now.push(Arc::new(App::of_install(app, install)?)),
                }
            }
        }
        locked(&self.missed).retain(|workspace, _| !now.iter().any(|app| app.is_in(workspace)));
        *self.installed.write().unwrap_or_else(PoisonError::into_inner) = now;
        *locked(&self.loaded) = Some(begun);
        self.changes.send_replace(());
        Ok(())
    }

    /// [`load`](Self::load), unless that was a moment ago: then `false`.
    pub(crate) async fn load_again(&self) -> Result<bool> {
        let loaded = *locked(&self.loaded);
        if loaded.is_some_and(|at| at.elapsed() < LOADED) {
            return Ok(false);
        }
        self.load().await?;
        Ok(true)
    }

    /// Whether workspaces install one of the apps by its page.
    pub(crate) fn is_installed_by_page(&self) -> bool {
        self.apps.iter().any(|app| app.options.is_installed_by_page())
    }

    /// An app in a workspace, or in an organisation, in which it was installed by its page.
    pub(crate) fn installation(&self, name: &str, workspace: &str) -> Option<Arc<App>> {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner);
        installed.iter().find(|app| app.options.name == name && app.is_in(workspace)).cloned()
    }

    /// Every app in every workspace.
    pub(crate) fn all(&self) -> Vec<Arc<App>> {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner);
        self.apps.iter().filter(|app| !app.options.bot_token.is_empty()).chain(installed.iter()).cloned().collect()
    }

    /// The app that is installed in a workspace. Another server may have installed it a moment ago: that it is not there is
    /// only said after a look that began later than somebody first asked for it.
    async fn of(&self, workspace: &str) -> Result<Arc<App>, SendError> {
        let (asked, before) = (monotonic(), *locked(&self.loaded));
        let found = self.known_of(workspace).await;
        if !matches!(found, Err(SendError::Unreachable(_))) || !self.is_installed_by_page() {
            return found;
        }
        let first = locked(&self.missed).get(workspace).copied();
        if first.is_none() {
            remember(&self.missed, workspace.to_owned(), asked, MISSED);
        }
        self.load_again().await?;
        let loaded = *locked(&self.loaded);
        // Where nothing was read since, nothing else is known.
        let found = if loaded == before { found } else { self.known_of(workspace).await };
        match found {
            Err(SendError::Unreachable(why)) if loaded.is_none_or(|at| at < first.unwrap_or(asked)) => {
                Err(SendError::Retry { why, after_seconds: Some(LOADED.as_secs()) })
            }
            found => found,
        }
    }

    /// The app that is installed in a workspace, as far as was read.
    async fn known_of(&self, workspace: &str) -> Result<Arc<App>, SendError> {
        let all = self.all();
        // An account without a workspace, as the roster names it, is in the only one that there is.
        if let [app] = &all[..]
            && (workspace.is_empty() || !self.is_installed_by_page())
        {
            return Ok(app.clone());
        }
        let mut unknown = None;
        for app in &all {
            match app.installed() {
                Some(install) if install.workspace == workspace => return Ok(app.clone()),
                Some(_) => {}
                None => match app.identify().await {
                    Ok(me) if me.workspace == workspace || workspace.is_empty() => return Ok(app.clone()),
                    Ok(_) => {}
                    Err(e) => unknown = Some(app.api.send_error(e)),
                },
            }
        }
        for app in all.iter().filter(|app| app.installed().is_some_and(|i| i.workspace.starts_with('E'))) {
            if app.is_of(workspace).await {
                return Ok(app.clone());
            }
        }
        Err(unknown.unwrap_or_else(|| SendError::Unreachable("no Slack app is installed in this workspace".into())))
    }

    async fn post(&self, app: &App, place: &Place, rendered: &Rendered, key: &str) -> Result<String, SendError> {
        let channel = app.channel(&place.channel);
        let mut body = message_body(&channel, rendered);
        body["metadata"] = metadata(key);
        (body["unfurl_links"], body["unfurl_media"]) = (json!(false), json!(false));
        if let Some(thread) = &place.thread {
            body["thread_ts"] = json!(thread);
        }
        let posted = app.call(POST, Body::Json(body)).await.map_err(|e| app.api.post_error(e));
        if let Err(SendError::Unreachable(_)) = &posted {
            app.forget_direct(&channel);
        }
        app.homes.changed(&channel);
        let posted = posted?;
        if place.direct && channel.starts_with(['U', 'W']) {
            app.remember_direct(&channel, word(&posted["channel"]));
        }
        Ok(word(&posted["ts"]).to_owned())
    }

    /// So that only one person sees it. Where that cannot be done in the conversation, at the response address of what the
    /// person did there, else where the two talk alone. `instead`: it takes the place of what they pressed, where they alone
    /// see that too.
    async fn whisper(
        &self,
        app: &App,
        place: &Place,
        to: &Account,
        rendered: &Rendered,
        key: &str,
        instead: bool,
    ) -> Result<String, SendError> {
        if instead && let Some(url) = app.take_pressed(key) {
            match app.api.respond(&url, &response_body(rendered, true)).await {
                Ok(()) => return Ok(format!("response/{key}")),
                Err(Failure::Unknown { why }) => return Ok(shown_perhaps(app, &why, key)),
                // It is said anew.
                Err(failure) => {
                    tracing::debug!(app = %app.options.name, error = %app.api.send_error(failure), "it cannot be replaced");
                }
            }
        }
        let mut body = message_body(&place.channel, rendered);
        body["user"] = json!(to.user);
        if let Some(thread) = app.shown_thread(place) {
            body["thread_ts"] = json!(thread);
        }
        let failure = match app.call("chat.postEphemeral", Body::Json(body)).await {
            Ok(posted) => return Ok(word(&posted["message_ts"]).to_owned()),
            // Nobody can look whether it is there, so it is not said again: it is never the only copy of anything.
            Err(Failure::Unknown { why }) => return Ok(shown_perhaps(app, &why, key)),
            Err(failure @ (Failure::Later { .. } | Failure::Limited { .. })) => {
                return Err(app.api.send_error(failure));
            }
            Err(failure) => failure,
        };
        let refused = failure.is_refusal();
        let error = app.api.send_error(failure);
        if self.respond(app, place, to, rendered).await {
            return Ok(format!("response/{key}"));
        }
        if !refused && !matches!(error, SendError::Unreachable(_)) {
            return Err(error);
        }
        tracing::debug!(app = %app.options.name, %error, "told where the two talk alone instead");
        let alone = self.direct(to).await?;
        // An earlier attempt may have arrived there, and not where it is looked for.
        if let Some(ts) = self.look(&alone, key, None).await? {
            return Ok(ts);
        }
        self.post(app, &alone, rendered, key).await
    }

    /// Says something at the response address of what somebody did last in a conversation, which needs neither a method nor
    /// the token; `false` when it is not said there.
    async fn respond(&self, app: &App, place: &Place, to: &Account, rendered: &Rendered) -> bool {
        let Some(url) = app.response(&place.channel, &to.user) else { return false };
        let said = app.api.respond(&url, &response_body(rendered, false)).await;
        if matches!(said, Ok(()) | Err(Failure::Unknown { .. })) {
            return true;
        }
        // Another attempt must not say there what this one says elsewhere.
        app.forget_response(&place.channel, &to.user);
        false
    }

    /// Tells one person something about what they did. That it may not arrive costs nobody anything.
    pub(crate) async fn tell(&self, app: &App, place: &Place, to: &Account, text: String, key: &str) {
        let rendered = render(&Message::text(text));
        let told = async {
            match (place.direct, place.channel.as_str()) {
                (false, _) => self.whisper(app, place, to, &rendered, key, false).await,
                (true, "") => self.post(app, &self.direct(to).await?, &rendered, key).await,
                (true, _) => match self.post(app, place, &rendered, key).await {
                    Err(SendError::Unreachable(_) | SendError::Refused(_))
                        if self.respond(app, place, to, &rendered).await =>
                    {
                        Ok(String::new())
                    }
                    // Where two people talk alone the bot says nothing.
                    Err(SendError::Unreachable(_)) => self.post(app, &self.direct(to).await?, &rendered, key).await,
                    posted => posted,
                },
            }
        };
        if let Err(error) = told.await {
            tracing::warn!(app = %app.options.name, %error, "nor could that be told");
        }
    }

    /// The time stamp of the message with this key. Nothing was sent before `since`, where that is known.
    async fn look(&self, place: &Place, key: &str, since: Option<Instant>) -> Result<Option<String>, SendError> {
        let app = match self.of(&place.workspace).await {
            // Nothing of ours is where we cannot be.
            Err(SendError::Unreachable(_)) => return Ok(None),
            found => &found?,
        };
        let own = app.identify().await.map_or_else(|_| String::new(), |me| me.bot.clone());
        let mut more = vec![("include_all_metadata", "true".to_owned())];
        // By Slack's clock, which may not be ours.
        let oldest = since.map(|since| since.min(wall()).plus(-SKEW).0 / Instant::SECOND);
        more.extend(oldest.map(|seconds| ("oldest", format!("{seconds}.000000"))));
        let mut begun = Vec::new();
        let ours = |m: &Value| {
            let sent = &m["metadata"];
            begun.extend(unended(m, &own).filter(|_| place.direct && place.thread.is_some()));
            (sent["event_type"] == DELIVERY && sent["event_payload"]["key"] == key).then(|| word(&m["ts"]).to_owned())
        };
        match self.read(app, place, &more, ours).await {
            Ok(None) => {
                app.take_away(&self.db, place, key, &begun).await?;
                Ok(None)
            }
            Ok(found) => Ok(found),
            // Nobody can look: rather once more than never.
            Err(failure) if failure.is_refusal() => {
                tracing::debug!(app = %app.options.name, error = %app.api.send_error(failure), "it cannot be looked for");
                Ok(None)
            }
            Err(failure) => match app.api.send_error(failure) {
                SendError::Unreachable(_) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Says in a message who wrote it, and what people read in it.
    async fn resolve(&self, app: &App, us: &Us, message: &mut ThreadMessage) -> Result<()> {
        if let Some(author) = &message.author {
            message.name = app.name(&author.user).await;
            message.text = app.with_names(&self.db, &author.workspace, &message.text).await?;
        }
        message.text = text::addressed(&message.text, &us.user);
        Ok(())
    }

    /// The messages of a conversation, or of one of its threads, page by page until `f` has what it wants.
    async fn read<T>(
        &self,
        app: &App,
        place: &Place,
        more: &[(&'static str, String)],
        mut f: impl FnMut(&Value) -> Option<T> + Send,
    ) -> Result<Option<T>, Failure> {
        let method = if place.thread.is_some() { "conversations.replies" } else { "conversations.history" };
        let mut form = vec![("channel", app.channel(&place.channel)), ("limit", PAGE.to_string())];
        form.extend(place.thread.clone().map(|thread| ("ts", thread)));
        form.extend_from_slice(more);
        app.pages(method, &form, |page| page["messages"].as_array().into_iter().flatten().find_map(&mut f)).await
    }
}

/// What a message carries so that it can be looked for.
pub(crate) fn metadata(key: &str) -> Value {
    json!({ "event_type": DELIVERY, "event_payload": { "key": key } })
}

fn message_body(channel: &str, rendered: &Rendered) -> Value {
    json!({
        "channel": channel, "text": rendered.text, "blocks": rendered.blocks, "parse": "none", "link_names": false,
    })
}

/// What is said to one person at a response address, in place of what they pressed or below it.
fn response_body(rendered: &Rendered, instead: bool) -> Value {
    json!({
        "response_type": "ephemeral", "replace_original": instead,
        "text": rendered.text, "blocks": rendered.blocks,
    })
}

/// The id of what one person may have been shown: nobody can look, so it is not shown again.
fn shown_perhaps(app: &App, why: &str, key: &str) -> String {
    tracing::warn!(app = %app.options.name, why, "whether one person was shown something is not known");
    format!("unknown/{key}")
}

#[async_trait]
impl Platform for Slack {
    fn name(&self) -> &str {
        PLATFORM
    }

    async fn workspace_name(&self, workspace: &str) -> Option<String> {
        let app = self.of(workspace).await.ok()?;
        app.identify().await.ok().map(|me| me.workspace_name.clone()).filter(|name| !name.is_empty())
    }

    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        let app = &self.of(&place.workspace).await?;
        if only.is_none() {
            if let Some(thread) = &place.thread {
                app.has_thread(&place.channel, thread);
            }
            if let Some(ts) = app.begin(place, message, key).await? {
                return Ok(ts);
            }
        }
        let rendered = render(message);
        match only.filter(|_| !place.direct) {
            Some(to) => self.whisper(app, place, to, &rendered, key, message.instead).await,
            None => self.post(app, place, &rendered, key).await,
        }
    }

    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        let app = &self.of(&message.place.workspace).await?;
        let channel = &app.channel(&message.place.channel);
        if let Grown::Done = app.grow(channel, &message.id, new).await? {
            return Ok(());
        }
        let mut body = message_body(channel, &render(new));
        body["ts"] = json!(message.id);
        let mut edited = app.call("chat.update", Body::Json(body.clone())).await;
        if let Err(Failure::Code { code, .. }) = &edited
            && code == "streaming_state_conflict"
        {
            // Begun before this server was started.
            app.stop(channel, &message.id, &unfinished(&message.id)).await?;
            edited = app.call("chat.update", Body::Json(body)).await;
        }
        edited.map_err(|e| app.api.send_error(e))?;
        app.homes.changed(channel);
        Ok(())
    }

    fn grows(&self) -> bool {
        true
    }

    fn finds_ephemeral(&self) -> bool {
        false
    }

    async fn find(&self, place: &Place, key: &str, since: Instant) -> Result<Option<String>, SendError> {
        self.look(place, key, Some(since)).await
    }

    async fn settled(&self, place: &Place) -> Place {
        match self.of(&place.workspace).await {
            Ok(app) => Place { channel: app.channel(&place.channel), ..place.clone() },
            Err(_) => place.clone(),
        }
    }

    fn settles(&self) -> Duration {
        SETTLES
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        let app = &self.of(&account.workspace).await?;
        let channel = app.direct(&account.user).await.map_err(|e| app.api.send_error(e))?;
        Ok(app.place(&account.workspace, channel))
    }

    fn troubles(&self) -> Vec<(String, String)> {
        // An app in the workspaces in which it was installed by its page tells its troubles with its own.
        self.apps.iter().flat_map(|app| app.api.troubles.all()).collect()
    }

    async fn message(&self, place: &Place, id: &str) -> Result<Option<(ThreadMessage, Option<String>)>, SendError> {
        let app = &self.of(&place.workspace).await?;
        let us = Us::of(app).await;
        // A reply that is asked for by its own id comes alone, and names the message that its thread hangs on.
        let at = Place { thread: Some(id.to_owned()), ..place.clone() };
        let found = self.read(app, &at, &[], |m| (m["ts"] == id).then(|| m.clone())).await;
        let found = found.map_err(|e| app.api.send_error(e))?;
        let Some((mut said, thread)) = found.and_then(|m| Some((us.said(place, &m)?, events::thread(&m)))) else {
            return Ok(None);
        };
        self.resolve(app, &us, &mut said).await?;
        Ok(Some((said, thread)))
    }

    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        if place.thread.is_none() {
            return Ok(Vec::new());
        }
        let app = &self.of(&place.workspace).await?;
        let us = Us::of(app).await;
        let mut messages: Vec<ThreadMessage> = Vec::new();
        let take = |m: &Value| -> Option<()> {
            // The first message stands on every page.
            if !messages.iter().any(|old| m["ts"] == old.id.as_str()) {
                messages.extend(us.said(place, m));
            }
            None
        };
        self.read(app, place, &[], take).await.map_err(|e| app.api.send_error(e))?;
        for message in &mut messages {
            self.resolve(app, &us, message).await?;
        }
        Ok(messages)
    }

    async fn admits(&self, envelope: &Envelope) -> Result<bool, SendError> {
        let app = self.of(&envelope.place.workspace).await?;
        Ok(self.admit(&app, envelope).await)
    }

    async fn audience(&self, place: &Place) -> Result<Audience, SendError> {
        self.of(&place.workspace).await?.audience(&place.channel).await
    }

    async fn link(&self, place: &Place, message: &str) -> Option<String> {
        self.of(&place.workspace).await.ok()?.link(&place.channel, message).await
    }
}

/// Who the app is among those who write; empty while Slack has not said it.
struct Us {
    user: String,
    bot: String,
}

impl Us {
    async fn of(app: &App) -> Self {
        match app.identify().await {
            Ok(me) => Self { user: me.user.clone(), bot: me.bot.clone() },
            Err(_) => Self { user: String::new(), bot: String::new() },
        }
    }

    /// A message of a person, still without their name and as Slack writes it, or of ours. Other bots' messages are nobody's words.
    fn said(&self, place: &Place, m: &Value) -> Option<ThreadMessage> {
        let (user, by_bot) = (word(&m["user"]), m["bot_id"].is_string());
        let ours = by_bot && (m["bot_id"] == self.bot.as_str() || user == self.user);
        (ours || (!by_bot && !user.is_empty())).then(|| ThreadMessage {
            id: word(&m["ts"]).to_owned(),
            author: (!ours).then(|| Account {
                platform: PLATFORM.into(),
                workspace: place.workspace.clone(),
                user: user.into(),
            }),
            name: String::new(),
            text: word(&m["text"]).to_owned(),
            at: instant(word(&m["ts"])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installs::Install;
    use stoa_ground::ledger::Master;
    use stoa_ground::testing::store;

    #[tokio::test]
    async fn a_workspace_that_another_server_installed_is_found() {
        let (db, _dir) = store().await;
        db.seal_with(Master::new([7; 32]));
        let options = Options {
            bot_token: String::new(),
            client_id: "1.2".into(),
            client_secret: "secret".into(),
            public_url: Some("https://learn.example.org".into()),
            ..Options::test()
        };
        let slack = Slack::new(vec![options], db.clone()).unwrap();
        let save = async |workspace: &str| {
            let answer = json!({"access_token": format!("xoxb-{workspace}"), "team": {"id": workspace}});
            let install = &Install::read(&answer).unwrap();
            db.write(|tx| async move { installs::save(&tx, "acme", install).await }).await.unwrap();
        };
        save("T1").await;
        assert_eq!(slack.of("T1").await.unwrap().token(), "xoxb-T1", "although nothing was read before");
        assert_eq!(slack.of("").await.unwrap().token(), "xoxb-T1", "the only one that there is");
        // It was read a moment ago: of what came since then nobody says that it is not there.
        save("T2").await;
        assert!(matches!(slack.of("T2").await, Err(SendError::Retry { after_seconds: Some(_), .. })));
        slack.load().await.unwrap();
        assert_eq!(slack.of("T2").await.unwrap().token(), "xoxb-T2");
        // One in which it was never installed, or is no more, is looked for anew, and then nobody waits for it.
        for gone in ["T3", "T1"] {
            if gone == "T1" {
                installs::end(&db, "acme", gone).await.unwrap();
                slack.load().await.unwrap();
            }
            let waits = slack.of(gone).await;
            assert!(matches!(waits, Err(SendError::Retry { .. })), "{gone} was looked for before it was asked for");
            *locked(&slack.loaded) = monotonic().checked_sub(LOADED);
            let to = Account { platform: PLATFORM.into(), workspace: gone.into(), user: "U1".into() };
            let place = slack.apps[0].place(gone, "D1".into());
            for _ in 0..3 {
                assert_eq!(slack.find(&place, "reply/1", wall()).await.unwrap(), None, "{gone}");
                assert!(matches!(slack.direct(&to).await, Err(SendError::Unreachable(_))), "{gone}");
                let sent = slack.send(&place, None, &Message::text("hello"), "reply/1").await;
                assert!(matches!(sent, Err(SendError::Unreachable(_))), "{gone}: {sent:?}");
            }
        }
        save("T1").await;
        *locked(&slack.loaded) = monotonic().checked_sub(LOADED);
        assert_eq!(slack.of("T1").await.unwrap().token(), "xoxb-T1", "installed again");
        // A newer token that could not be kept yet outlives what the store says.
        let app = slack.of("T1").await.unwrap();
        app.put_unsaved(Install { token: "xoxb-newer".into(), ..app.installed().unwrap() });
        slack.load().await.unwrap();
        assert_eq!(app.token(), "xoxb-newer");
        app.saved();
        slack.load().await.unwrap();
        assert_eq!(app.token(), "xoxb-T1");
    }
}
