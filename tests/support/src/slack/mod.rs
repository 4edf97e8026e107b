//! A workspace of Slack at the level of its protocol: the Web API, Socket Mode, and the Events API over HTTP. It is
//! strict: what Slack refuses, it refuses, and it keeps what it refused. People in it act by a script.

mod assistant;
mod check;
mod limits;
mod load;
mod people;
mod person;
mod socket;
mod state;
mod tokens;
mod web_api;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::routing::{any, post};
use axum::serve::ListenerExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use stoa_ground::clock;
use tokio::sync::watch;

pub use load::Answer;
pub use person::Person;
pub use state::{BOT, BOT_ID, Call, Message, TEAM, Trouble, View};

use crate::script::{self, lock};
use state::{Channel, Delivery, Kept, Kind, Order};

/// The bot's token.
pub const BOT_TOKEN: &str = "xoxb-stand-in";
/// The token for Socket Mode.
pub const APP_TOKEN: &str = "xapp-stand-in";
/// The secret that requests are signed with.
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// The app's client id, where it is installed by its page.
pub const CLIENT_ID: &str = "123.456";
/// The app's client secret.
pub const CLIENT_SECRET: &str = "c11ent-5ecret";
/// Scopes that the bot's token has.
pub const SCOPES: &str = "app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,dnd:read,\
                          groups:history,groups:read,im:history,im:write,\
                          mpim:history,reactions:read,users:read";
/// How often Slack tries HTTP again.
const RETRIES: usize = 3;

/// A running workspace. It ends with its value.
pub struct Slack {
    hall: Hall,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What all parts share.
#[derive(Clone)]
struct Hall {
    url: String,
    kept: Arc<Mutex<Kept>>,
    change: Arc<watch::Sender<u64>>,
    settings: Arc<watch::Sender<Settings>>,
    http: reqwest::Client,
}

#[derive(Clone, Debug)]
struct Settings {
    /// After how long without acknowledgement something is sent again.
    again: Duration,
    /// Where events are posted; none in Socket Mode.
    events: Option<String>,
}

impl Hall {
    fn changed(&self) {
        self.change.send_modify(|n| *n += 1);
    }
}

impl Slack {
    /// Opens a workspace without people and conversations.
    pub async fn open() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
        let settings = Settings { again: Duration::from_secs(3), events: None };
        let hall = Hall {
            url,
            kept: Arc::default(),
            change: Arc::new(watch::Sender::new(0)),
            settings: Arc::new(watch::Sender::new(settings)),
            http,
        };
        let router = Router::new()
            .route("/api/{method}", any(web_api::call))
            .route("/link", any(socket::link))
            .route("/respond/{id}", post(web_api::respond))
            .with_state(hall.clone());
        // Acknowledgements are measured: nothing waits for a full packet.
        let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let tasks = vec![serving, tokio::spawn(socket::pump(hall.clone()))];
        Ok(Self { hall, tasks })
    }

    /// Its address, for `api_url`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.hall.url)
    }

    /// The `[[slack]]` table of a bot in this workspace. `mode` is `socket` or `http`.
    #[must_use]
    pub fn configuration(&self, mode: &str) -> String {
        let token = if mode == "socket" {
            format!("app_token = \"{APP_TOKEN}\"")
        } else {
            format!("signing_secret = \"{SIGNING_SECRET}\"")
        };
        let url = self.api_url();
        format!(
            "[[slack]]\nname = \"acme\"\nmode = \"{mode}\"\nbot_token = \"{BOT_TOKEN}\"\n{token}\napi_url = \"{url}\"\n"
        )
    }

    /// The `[[slack]]` table of a bot that workspaces install by its page.
    #[must_use]
    pub fn configuration_by_page(&self) -> String {
        format!(
            "[[slack]]\nname = \"acme\"\nmode = \"http\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n\
             signing_secret = \"{SIGNING_SECRET}\"\napi_url = \"{}\"\n",
            self.api_url()
        )
    }

    /// Somebody of a workspace (T…), or of an organisation for all of its workspaces (E…), agreed to the installation: the
    /// code that Slack sends back with them. `expires` is for how many seconds the token holds.
    pub fn agrees(&self, code: &str, token: &str, team: &str, name: &str, expires: Option<u64>) {
        let granted = (token.to_owned(), team.to_owned(), name.to_owned(), expires);
        lock(&self.hall.kept).codes.insert(code.to_owned(), granted);
    }

    /// A bot's token has these scopes and no others.
    pub fn grants(&self, token: &str, scopes: &str) {
        lock(&self.hall.kept).granted.insert(token.to_owned(), scopes.to_owned());
    }

    /// A workspace belongs to an organisation of Enterprise Grid.
    pub fn belongs(&self, team: &str, organisation: &str) {
        lock(&self.hall.kept).organisations.insert(team.to_owned(), organisation.to_owned());
    }

    /// Adds somebody. Ids begin with U or W.
    pub fn add_person(&self, id: &str, name: &str, zone: &str) {
        let user = json!({ "id": id, "team_id": TEAM, "name": name.to_lowercase().replace(' ', "."), "deleted": false,
            "real_name": name, "tz": zone, "tz_offset": 0, "locale": "en-GB", "is_bot": false, "is_restricted": false,
            "is_ultra_restricted": false, "profile": { "real_name": name, "display_name": name } });
        lock(&self.hall.kept).users.insert(id.to_owned(), user);
    }

    /// Somebody is of another workspace in which the app is.
    pub fn is_of(&self, id: &str, team: &str) {
        self.user(id, |user| user["team_id"] = json!(team));
    }

    /// Makes somebody a guest of some channels.
    pub fn makes_guest(&self, id: &str) {
        self.user(id, |user| user["is_restricted"] = json!(true));
    }

    /// Adds somebody of another organisation, as Slack Connect shows them.
    pub fn add_outsider(&self, id: &str, name: &str) {
        self.add_person(id, name, "UTC");
        self.user(id, |user| (user["team_id"], user["is_stranger"]) = (json!("T0OTHERS"), json!(true)));
    }

    /// Somebody is somewhere else now, and Slack says so to the bot.
    pub fn moves(&self, id: &str, zone: &str) -> usize {
        let user = self.user(id, |user| user["tz"] = json!(zone));
        self.event(&json!({ "type": "user_change", "user": user, "cache_ts": now(), "event_ts": self.ts() }))
    }

    /// Somebody reads Slack in another language from now on; the bot has to ask for it.
    pub fn reads_in(&self, id: &str, locale: &str) {
        self.user(id, |user| user["locale"] = json!(locale));
    }

    /// As [`reads_in`](Self::reads_in), and Slack says so to the bot.
    pub fn speaks(&self, id: &str, locale: &str) -> usize {
        self.reads_in(id, locale);
        let user = self.user(id, |_| {});
        self.event(&json!({ "type": "user_change", "user": user, "cache_ts": now(), "event_ts": self.ts() }))
    }

    /// Somebody does not want to be disturbed from then until then (seconds since 1970), and Slack says so to the bot.
    pub fn silences(&self, id: &str, from: i64, until: i64) -> usize {
        self.keeps_silent(id, &[(from, until)]);
        let status = lock(&self.hall.kept).silence(id);
        self.event(&json!({ "type": "dnd_updated_user", "user": id, "dnd_status": status, "event_ts": self.ts() }))
    }

    /// Somebody does not want to be disturbed at these times, one after the other; the bot has to ask for them.
    pub fn keeps_silent(&self, id: &str, times: &[(i64, i64)]) {
        lock(&self.hall.kept).silences.insert(id.to_owned(), times.to_vec());
    }

    fn ts(&self) -> String {
        lock(&self.hall.kept).ts()
    }

    fn user(&self, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut kept = lock(&self.hall.kept);
        let user = kept.users.entry(id.to_owned()).or_default();
        change(user);
        user.clone()
    }

    /// Deactivates somebody.
    pub fn deactivate(&self, id: &str) {
        self.user(id, |user| user["deleted"] = json!(true));
    }

    /// As [`deactivate`](Self::deactivate), or active again where `active`; and Slack says so to the bot.
    pub fn turns(&self, id: &str, active: bool) -> usize {
        let user = self.user(id, |user| user["deleted"] = json!(!active));
        self.event(&json!({ "type": "user_change", "user": user, "cache_ts": now(), "event_ts": self.ts() }))
    }

    /// Somebody is in the workspace no more, as if they had never been.
    pub fn removes_person(&self, id: &str) {
        lock(&self.hall.kept).users.remove(id);
    }

    /// Adds a channel with its members; the bot is one where [`BOT`] is among them.
    pub fn add_channel(&self, id: &str, members: &[&str]) {
        let members: BTreeSet<String> = members.iter().map(|m| (*m).to_owned()).collect();
        lock(&self.hall.kept).channels.insert(id.to_owned(), Channel { members, ..Channel::default() });
    }

    /// Shares a channel with another organisation.
    pub fn shares(&self, id: &str) {
        if let Some(channel) = lock(&self.hall.kept).channels.get_mut(id) {
            channel.shared = true;
        }
    }

    /// Makes a channel private.
    pub fn closes(&self, id: &str) {
        if let Some(channel) = lock(&self.hall.kept).channels.get_mut(id) {
            channel.private = true;
        }
    }

    /// Archives a channel.
    pub fn archive(&self, id: &str) {
        if let Some(channel) = lock(&self.hall.kept).channels.get_mut(id) {
            channel.archived = true;
        }
    }

    /// Somebody, to act as.
    #[must_use]
    pub fn person(&self, id: &str) -> Person<'_> {
        Person { slack: self, id: id.to_owned() }
    }

    /// The n-th call of a method from now on (the first is 1) goes wrong. `response_url` stands for the response addresses,
    /// which only refuse.
    pub fn goes_wrong(&self, method: &str, n: usize, trouble: Trouble) {
        lock(&self.hall.kept).script.goes_wrong(method, n, trouble);
    }

    /// Each n-th call of a method goes wrong.
    pub fn each_goes_wrong(&self, method: &str, n: usize, trouble: Trouble) {
        lock(&self.hall.kept).script.each_goes_wrong(method, n, trouble);
    }

    /// The workspace does not have these methods: a call of one goes wrong like this, always.
    pub fn lacks(&self, methods: &[&str], trouble: Trouble) {
        for method in methods {
            self.each_goes_wrong(method, 1, trouble);
        }
    }

    /// Sends again what was not acknowledged for so long.
    pub fn sends_again_after(&self, again: Duration) {
        self.hall.settings.send_modify(|s| s.again = again);
        self.hall.changed();
    }

    /// From now on events are posted to `http://HOST/slack/NAME`, signed.
    pub fn posts_to(&self, base: &str) {
        self.hall.settings.send_modify(|s| s.events = Some(base.to_owned()));
        self.hall.changed();
    }

    /// How many connections of Socket Mode take events.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.hall.kept).lines.values().filter(|l| !l.draining).count()
    }

    /// How many connections there ever were.
    #[must_use]
    pub fn connections_ever(&self) -> usize {
        lock(&self.hall.kept).opened
    }

    /// Tells all connections that they end soon; they take nothing new. `reason` is `warning`, `refresh_requested` or
    /// `link_disabled`. Gives how many were told.
    pub fn disconnects(&self, reason: &str) -> usize {
        let mut kept = lock(&self.hall.kept);
        let mut told = 0;
        for line in kept.lines.values_mut().filter(|l| !l.draining) {
            let text = json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "stand-in" } });
            line.draining = true;
            told += usize::from(line.orders.send(Order::Text(text.to_string())).is_ok());
        }
        drop(kept);
        self.hall.changed();
        told
    }

    /// Ends all connections without a word.
    pub fn breaks_off(&self) {
        for line in lock(&self.hall.kept).lines.values_mut() {
            line.draining = true;
            // It may be gone already.
            let _ = line.orders.send(Order::Abort);
        }
    }

    /// Closes the connections that take nothing new any more.
    pub fn closes_what_ends(&self) {
        for line in lock(&self.hall.kept).lines.values().filter(|l| l.draining) {
            // It may be gone already.
            let _ = line.orders.send(Order::Abort);
        }
    }

    /// From now on Slack does not say which scopes a token has.
    pub fn hides_scopes(&self) {
        lock(&self.hall.kept).hides_scopes = true;
    }

    /// Everything that stands in the conversations.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.hall.kept).messages.clone()
    }

    /// How often each delivery of the bot stands in the conversations.
    #[must_use]
    pub fn posted(&self) -> BTreeMap<String, usize> {
        let mut posted = BTreeMap::new();
        for key in lock(&self.hall.kept).messages.iter().filter_map(Message::key) {
            *posted.entry(key.to_owned()).or_default() += 1;
        }
        posted
    }

    /// All calls of the Web API.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.hall.kept).calls.clone()
    }

    /// A thread of the assistant pane: `title`, `status`, how many `statuses` there were, and `prompts`.
    #[must_use]
    pub fn pane(&self, channel: &str, thread: &str) -> Value {
        lock(&self.hall.kept).panes.get(&(channel.to_owned(), thread.to_owned())).cloned().unwrap_or_default()
    }

    /// The Home tab of somebody.
    #[must_use]
    pub fn home(&self, user: &str) -> Option<Value> {
        lock(&self.hall.kept).homes.get(user).cloned()
    }

    /// Nothing that the bot sent was against Slack's rules, and nothing mentioned anybody.
    pub fn is_content(&self) -> Result<()> {
        let kept = lock(&self.hall.kept);
        ensure!(kept.refused.is_empty(), "Slack refuses: {:#?}", kept.refused);
        ensure!(kept.mentions.is_empty(), "mentions: {:?}", kept.mentions);
        ensure!(kept.strays.is_empty(), "acknowledged, but never sent: {:?}", kept.strays);
        Ok(())
    }

    /// Waits, as long as a test may, until something is there.
    pub async fn wait<T>(&self, what: &str, mut f: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        if let Some(found) = script::wait(&self.hall.change, || f(self)).await {
            return Ok(found);
        }
        let kept = lock(&self.hall.kept);
        let said: Vec<String> =
            kept.messages.iter().map(|m| format!("{} {}: {}", m.channel, m.user, m.shown())).collect();
        let calls: Vec<String> = kept.calls.iter().map(|c| format!("{}: {}", c.method, c.answer)).collect();
        bail!("{what} never came.\nmessages: {said:#?}\ncalls: {calls:#?}\nrefused: {:#?}", kept.refused)
    }

    /// Waits until the bot takes events: over so many connections of Socket Mode.
    pub async fn is_connected(&self, connections: usize) -> Result<()> {
        self.wait("the bot's connections", |slack| (slack.connections() >= connections).then_some(())).await
    }

    /// Waits until something that was sent to the bot is acknowledged: how long that took, and the answer in it.
    pub async fn acknowledged(&self, delivery: usize) -> Result<(Duration, Value)> {
        self.wait("an acknowledgement", |slack| {
            let kept = lock(&slack.hall.kept);
            let delivery = kept.deliveries.get(delivery)?;
            delivery.acked.as_ref().map(|(at, payload)| (*at - delivery.begun, payload.clone()))
        })
        .await
    }

    /// Waits until nothing waits for an acknowledgement.
    pub async fn all_acknowledged(&self) -> Result<()> {
        let done = |slack: &Self| lock(&slack.hall.kept).waiting.is_empty().then_some(());
        self.wait("the last acknowledgement", done).await
    }

    /// How often a delivery was sent.
    #[must_use]
    pub fn attempts(&self, delivery: usize) -> usize {
        lock(&self.hall.kept).deliveries.get(delivery).map_or(0, |d| d.attempts)
    }

    /// Sends something once more although it was acknowledged, under a new envelope id.
    pub fn repeats(&self, delivery: usize) -> Result<usize> {
        let (kind, payload) = {
            let kept = lock(&self.hall.kept);
            let old = kept.deliveries.get(delivery).context("there was no such delivery")?;
            (old.kind, old.payload.clone())
        };
        Ok(self.deliver(kind, payload))
    }

    /// Sends the bot an event, as Slack wraps it.
    pub fn event(&self, event: &Value) -> usize {
        self.event_in(TEAM, event)
    }

    /// As [`event`](Self::event), in another workspace.
    pub fn event_in(&self, team: &str, event: &Value) -> usize {
        let (id, shared, organisation) = {
            let mut kept = lock(&self.hall.kept);
            let channel = event["channel"].as_str().or_else(|| event["item"]["channel"].as_str());
            let channel = channel.and_then(|id| kept.channels.get(id));
            let shared = channel.is_some_and(|c| c.shared);
            (kept.next(), shared, json!(kept.organisations.get(team)))
        };
        let payload = json!({ "token": "outdated", "team_id": team, "enterprise_id": organisation,
            "context_team_id": team, "api_app_id": state::APP, "event": event, "type": "event_callback", "event_id": format!("Ev{id:08}"),
            "event_time": clock::wall().0 / 1_000_000, "is_ext_shared_channel": shared, "event_context": format!("4-{id}"),
            "authorizations": [{ "enterprise_id": organisation, "team_id": team, "user_id": BOT, "is_bot": true,
                "is_enterprise_install": false }] });
        self.deliver(Kind::Event, payload)
    }

    fn deliver(&self, kind: Kind, payload: Value) -> usize {
        let one = Delivery { kind, payload, attempts: 0, begun: clock::monotonic(), sent: None, acked: None, acks: 0 };
        let at = {
            let mut kept = lock(&self.hall.kept);
            kept.deliveries.push(one);
            let at = kept.deliveries.len() - 1;
            kept.waiting.insert(at);
            at
        };
        self.hall.changed();
        at
    }

    /// Posts a body to a path below the bot's own, signed at `at` (seconds since 1970) with `secret`: status and answer.
    pub async fn posts(
        &self,
        path: &str,
        secret: &str,
        at: i64,
        content_type: &str,
        body: &str,
    ) -> Result<(u16, String)> {
        let base = self.hall.settings.borrow().events.clone().context("the bot has no address")?;
        let signed = signature(secret, at, body)?;
        let request = self.hall.http.post(format!("{base}/{path}")).header("content-type", content_type);
        let request = request.header("X-Slack-Request-Timestamp", at.to_string()).header("X-Slack-Signature", signed);
        let answer = request.body(body.to_owned()).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Asks whether the bot's address is its own, as Slack does when it is set.
    pub async fn verifies_the_url(&self) -> Result<()> {
        let body = json!({ "token": "outdated", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
            "type": "url_verification" });
        let (status, said) = self.posts("events", SIGNING_SECRET, now(), "application/json", &body.to_string()).await?;
        let challenge = body["challenge"].as_str().unwrap_or_default();
        ensure!(status == 200 && said.contains(challenge), "{status}: {said}");
        Ok(())
    }
}

impl Drop for Slack {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Seconds since 1970, by the machine.
#[must_use]
pub fn now() -> i64 {
    clock::wall().0 / 1_000_000
}

/// `v0=…` over a body at a time.
fn signature(secret: &str, at: i64, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let digits = stoa_ground::hex(&mac.finalize().into_bytes());
    Ok(format!("v0={digits}"))
}

#[cfg(test)]
mod tests;
