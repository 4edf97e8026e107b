//! The Home tab: shown when somebody opens it, and again after what they did, as long as they may be looking at it.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use stoa_flow::chat::{Account, Message};
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use stoa_http::locked;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::PLATFORM;
use crate::api::Body;
use crate::blocks::render_home;
use crate::events::word;
use crate::take::Inlet;

/// For so long after it was opened a Home tab is kept up to date; Slack says when it is opened again.
const OPEN: Duration = Duration::from_secs(8 * 3_600);
/// Home tabs that are kept up to date at once.
const KEPT: usize = 10_000;
/// How long to wait for more that one act changes.
const MORE: Duration = Duration::from_millis(400);
/// How many are published at once.
const AT_ONCE: usize = 8;

/// The Home tabs of one app that people have opened.
#[derive(Default)]
pub(crate) struct Homes {
    open: Mutex<HashMap<String, Tab>>,
    /// Who has which direct conversation.
    channels: Mutex<HashMap<String, String>>,
    due: Mutex<BTreeSet<String>>,
    wake: Notify,
}

struct Tab {
    opened: Instant,
    workspace: String,
    /// The digest of its blocks; none while nothing is known of them.
    shown: Option<u64>,
}

impl Homes {
    /// Somebody opened the tab. Slack keeps what it showed, but it may be old.
    pub(crate) fn opened(&self, event: &Value, workspace: &str) {
        let (user, channel) = (word(&event["user"]), word(&event["channel"]));
        if user.is_empty() {
            return;
        }
        {
            let mut open = locked(&self.open);
            if open.len() >= KEPT {
                open.retain(|_, tab| tab.opened.elapsed() < OPEN);
            }
            if open.len() >= KEPT {
                open.clear();
                locked(&self.channels).clear();
            }
            let shown = open.remove(user).and_then(|tab| tab.shown);
            // A tab that was never filled has no view: then it is shown, whatever stood there by our account.
            let shown = shown.filter(|_| event["view"].is_object());
            open.insert(user.to_owned(), Tab { opened: monotonic(), workspace: workspace.to_owned(), shown });
        }
        if !channel.is_empty() {
            locked(&self.channels).insert(channel.to_owned(), user.to_owned());
        }
        self.is_due(user);
    }

    /// Something was said or changed where the bot talks with somebody alone.
    pub(crate) fn changed(&self, channel: &str) {
        let user = locked(&self.channels).get(channel).cloned();
        if let Some(user) = user {
            self.is_due(&user);
        }
    }

    fn is_due(&self, user: &str) {
        if locked(&self.open).get(user).is_some_and(|tab| tab.opened.elapsed() < OPEN) {
            locked(&self.due).insert(user.to_owned());
            self.wake.notify_one();
        }
    }
}

/// Publishes what is due, until `stop`.
pub(crate) async fn keep(inlet: Inlet, stop: CancellationToken) {
    let homes = &inlet.app.homes;
    loop {
        tokio::select! {
            () = homes.wake.notified() => {}
            () = stop.cancelled() => return,
        }
        tokio::time::sleep(MORE).await;
        let due = std::mem::take(&mut *locked(&homes.due));
        let published = due.into_iter().map(|user| publish(inlet.clone(), user));
        futures_util::stream::iter(published).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
}

/// What stands there: for who gets no answers, that.
async fn page(inlet: &Inlet, account: &Account) -> Result<Message> {
    if !inlet.flow.is_known(account).await? && inlet.app.is_stranger(&account.user).await {
        return Ok(Message::text(inlet.app.outsider().await));
    }
    inlet.flow.home(account).await
}

async fn publish(inlet: Inlet, user: String) {
    let (app, homes) = (&inlet.app, &inlet.app.homes);
    let Some((workspace, shown)) = locked(&homes.open).get(&user).map(|t| (t.workspace.clone(), t.shown)) else {
        return;
    };
    let account = Account { platform: PLATFORM.into(), workspace, user: user.clone() };
    let page = match page(&inlet, &account).await {
        Ok(page) => page,
        Err(error) => {
            tracing::warn!(app = %app.options.name, %error, "a Home tab could not be made; it is as it was");
            return;
        }
    };
    let blocks = render_home(&page);
    let digest = digest(&blocks);
    if shown == Some(digest) {
        return;
    }
    let view = json!({ "type": "home", "callback_id": "home", "blocks": blocks });
    match app.call("views.publish", Body::Json(json!({ "user_id": user, "view": view }))).await {
        Ok(_) => {
            if let Some(tab) = locked(&homes.open).get_mut(&user) {
                tab.shown = Some(digest);
            }
        }
        // Opened or changed again, it is tried again.
        Err(failure) => {
            let error = app.api.send_error(failure);
            tracing::warn!(app = %app.options.name, %error, "a Home tab could not be shown");
        }
    }
}

/// By which it is known whether a tab shows something already.
fn digest(blocks: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    blocks.to_string().hash(&mut hasher);
    hasher.finish()
}
