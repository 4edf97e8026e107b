//! Messages that go out: Discord as a [`Platform`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stoa_flow::chat::{Account, Audience, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_ground::people::Standing;
use stoa_ground::{Db, Instant, Result};

use crate::api::{Request, UNKNOWN_CHANNEL};
use crate::app::App;
use crate::connection::CONTENT;
use crate::find::Arrived;
use crate::ids::{instant, is_id, word};
use crate::send::{thread_name, waiting_place, waits_at};
use crate::store::{self, Kind};
use crate::{Options, PLATFORM, events, text};

/// After how many quiet minutes a private thread is put away: a server has a thousand that are not, and what is sent into
/// one brings it back.
const ARCHIVED: i64 = 60;
/// How long after a call broke off its message may still appear.
const SETTLES: Duration = Duration::from_secs(5);

/// The app of the configuration, on all its servers.
pub struct Discord {
    pub(crate) app: Arc<App>,
}

impl Discord {
    /// The app; nothing is called yet.
    ///
    /// # Errors
    /// [`stoa_ground::Error::Invalid`] with the key of the configuration that is wrong.
    pub fn new(options: Options, db: Db) -> Result<Self> {
        Ok(Self { app: Arc::new(App::new(options, db)?) })
    }

    /// Where a person is told that something waits: in a private thread of the channel that the configuration names for a
    /// server in which the person is, or in that channel itself.
    async fn waiting(&self, user: &str, known: &store::User) -> Result<Place, SendError> {
        let app = &self.app;
        let mut all: Vec<(&str, &str)> =
            app.options.guilds.iter().filter_map(|g| Some((g.id.as_str(), g.channel.as_deref()?))).collect();
        // Where the person was seen comes first.
        all.sort_by_key(|(guild, _)| known.guild.as_deref() != Some(guild));
        if let Some((thread, parent)) = &known.thread
            && let Some((guild, channel)) = all.iter().find(|(_, channel)| channel == parent)
        {
            match app.is_member(guild, user).await.map_err(|f| app.api.send_error(f)) {
                Ok(()) => return Ok(waiting_place(guild, channel, user, thread)),
                // Nobody is told anything in a thread that they do not see any more.
                Err(SendError::Unreachable(_)) => store::set_thread(&app.db, user, None).await?,
                Err(other) => return Err(other),
            }
        }
        let mut closed =
            SendError::Unreachable("the person is in no server for which [[discord.guilds]] names a channel".into());
        for (guild, channel) in all {
            let member = match app.member(guild, user).await {
                Ok(member) => member,
                Err(failure) => match app.api.send_error(failure) {
                    SendError::Unreachable(why) => {
                        closed = SendError::Unreachable(why);
                        continue;
                    }
                    other => return Err(other),
                },
            };
            app.seen_in(user, guild).await?;
            if app.has_no_threads(events::PRIVATE_THREAD, channel) {
                return Ok(waiting_place(guild, channel, user, ""));
            }
            match self
                .private_thread(
                    channel,
                    guild,
                    user,
                    &text::name(&json!({ "member": { "nick": member["nick"] },
                "global_name": member["user"]["global_name"], "username": member["user"]["username"] })),
                )
                .await
            {
                Ok(thread) => return Ok(waiting_place(guild, channel, user, &thread)),
                Err(passing @ (SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. })) => {
                    return Err(passing);
                }
                Err(error) => {
                    app.no_threads_in(events::PRIVATE_THREAD, channel);
                    app.api.tell_operator(
                        "private-thread",
                        &format!("no private thread can be opened, so people are told in the channel: {error}"),
                    );
                    return Ok(waiting_place(guild, channel, user, ""));
                }
            }
        }
        Err(closed)
    }

    /// The place that says who is to be told where that something waits, because their direct conversation is closed to us.
    async fn instead_of(&self, place: &Place) -> Result<Option<Place>, SendError> {
        if !place.direct {
            return Ok(None);
        }
        let Some(user) = store::closed_to(&self.app.db, &place.channel).await? else { return Ok(None) };
        let (db, id) = (&self.app.db, user.as_str());
        // What is for nobody nobody could be shown.
        if self.app.standing(id).await? == Standing::Nobody {
            return Err(SendError::Unreachable("the account's direct messages are closed to Stoa".into()));
        }
        let known = store::user(db, id).await?;
        self.waiting(id, &known).await.map(Some)
    }

    async fn private_thread(&self, channel: &str, guild: &str, user: &str, name: &str) -> Result<String, SendError> {
        let app = &self.app;
        let body = json!({ "name": thread_name(name), "type": events::PRIVATE_THREAD, "invitable": false,
            "auto_archive_duration": ARCHIVED });
        let made = app.api.call(&Request::new("POST /channels/:id/threads", channel, &[]).body(body)).await;
        let made = made.map_err(|f| app.api.send_error(f))?;
        let thread = word(&made["id"]).to_owned();
        store::set_thread(&app.db, user, Some((&thread, channel))).await?;
        app.know(&thread, events::Channel::read(&made, guild));
        // The mention in the first message adds the person as well.
        let add = Request::new("PUT /channels/:id/thread-members/:user", &thread, &[user]);
        if let Err(failure) = app.api.call(&add).await {
            tracing::debug!(?failure, "a person could not be added to their thread");
        }
        Ok(thread)
    }

    /// Whether messages say what people wrote: without the intent for their content Discord gives them empty.
    async fn are_readable(&self, messages: &[Value]) -> Result<(), SendError> {
        let app = &self.app;
        let hidden = messages.iter().any(|m| said(m, app.bot()).is_some_and(|m| m.author.is_some()) && says_nothing(m));
        if hidden && app.refused_intents().await.map_err(|f| app.api.send_error(f))? & CONTENT != 0 {
            let why = "messages are empty without the intent Message Content: discussions cannot be logged by the menu, 💡 and ✅ find no words";
            app.api.tell_operator("content", why);
            return Err(SendError::Refused(why.into()));
        }
        Ok(())
    }

    /// The messages of a thread, newest first.
    async fn read_thread(&self, thread: &str) -> Result<Vec<Value>, SendError> {
        let (mut all, mut pages) = (Vec::new(), self.app.pages(thread));
        loop {
            match pages.next().await {
                Ok(Some(page)) => all.extend(page),
                Ok(None) => return Ok(all),
                // Nobody has answered the message: there is no thread yet.
                Err(failure) if failure.code() == Some(UNKNOWN_CHANNEL) => return Ok(all),
                Err(failure) => return Err(self.app.api.send_error(failure)),
            }
        }
    }
}

/// The interaction that a delivery answers, and the number of the answer.
fn answers(key: &str) -> Option<(&str, usize)> {
    let (id, number) = key.strip_prefix("reply/discord/")?.split_once('/')?;
    Some((id, number.parse().ok()?)).filter(|(id, _)| is_id(id))
}

#[async_trait]
impl Platform for Discord {
    fn name(&self) -> &str {
        PLATFORM
    }

    fn tells_zones(&self) -> bool {
        false
    }

    fn shows_moments(&self) -> bool {
        true
    }

    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        let app = &self.app;
        if let Some((user, to)) = waits_at(place) {
            return app.beckon(to, user, key).await;
        }
        let only = only.filter(|_| !place.direct);
        if let Some((id, number)) = answers(key) {
            app.until_acknowledged(id).await;
            if let Some(open) = store::interaction(&app.db, id).await? {
                // Where it is no secret there it is a message of its own, which can be looked for.
                let apart = open.kind == Kind::Button || number > 0;
                let posts = match place.direct {
                    true => apart && store::closed_to(&app.db, &place.channel).await?.is_none(),
                    false => only.is_none(),
                };
                if posts {
                    let posted = app.post(place, message, key).await?;
                    if number == 0 && open.kind != Kind::Button {
                        app.thought(&open).await;
                    }
                    return Ok(posted);
                }
                if !(apart && open.kind == Kind::Direct)
                    && let Some(said) = app.answer(&open, place, message, key, number).await?
                {
                    return Ok(said);
                }
            }
        }
        match only {
            Some(to) => app.beckon_at(place, &to.user, key).await,
            None => {
                let waits = self.instead_of(place).await?;
                match waits.as_ref().and_then(waits_at) {
                    Some((user, to)) => app.beckon(to, user, key).await,
                    None => app.post(place, message, key).await,
                }
            }
        }
    }

    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        self.app.replace(&message.place, &message.id, new).await
    }

    async fn find(&self, place: &Place, key: &str, _since: Instant) -> Result<Option<String>, SendError> {
        let app = &self.app;
        app.identify().await.map_err(|f| app.api.send_error(f))?;
        let open = match answers(key) {
            Some((id, number)) => store::interaction(&app.db, id).await?.map(|open| (open, number)),
            None => None,
        };
        let in_its_place = |open: &(store::Interaction, usize)| open.1 == 0 && open.0.kind != Kind::Button;
        // What answers an interaction has no nonce, unless it is a message of its own.
        let apart = place.direct && open.as_ref().is_some_and(|open| !in_its_place(open));
        if (apart || answers(key).is_none()) && app.is_known_by_nonce(key).await? {
            return Ok(None);
        }
        if let Some((open, _)) = open.filter(in_its_place) {
            match app.find_answer(&open, key).await? {
                Arrived::As(said) => return Ok(Some(said)),
                Arrived::No => return Ok(None),
                Arrived::Unknown => {}
            }
        }
        match app.find_posted(place, key).await? {
            Some(found) => Ok(Some(found)),
            None => match self.instead_of(place).await {
                Ok(Some(waits)) => app.find_posted(&waits, key).await,
                Ok(None) | Err(SendError::Unreachable(_)) => Ok(None),
                Err(passing) => Err(passing),
            },
        }
    }

    fn settles(&self) -> Duration {
        SETTLES
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        if !is_id(&account.user) {
            let why = format!("nobody whose name is {} was seen yet with the role that vouches for it", account.user);
            return Err(SendError::Unreachable(why));
        }
        let vouched = self.app.is_still_vouched_for(&account.user).await.map_err(|f| self.app.api.send_error(f))?;
        if !vouched {
            return Err(SendError::Unreachable("the role that vouched for the account was taken away".into()));
        }
        let known = store::user(&self.app.db, &account.user).await?;
        match &known.direct {
            Some(channel) if known.opened && !known.closed => {
                let channel_known = events::Channel { kind: events::DIRECT, ..events::Channel::default() };
                Ok(events::place(channel, &channel_known))
            }
            _ => self.waiting(&account.user, &known).await,
        }
    }

    fn troubles(&self) -> Vec<(String, String)> {
        self.app.api.troubles.all()
    }

    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        let Some(thread) = place.thread.as_ref().filter(|_| waits_at(place).is_none()) else { return Ok(Vec::new()) };
        let bot = self.app.identify().await.map_err(|f| self.app.api.send_error(f))?;
        let mut messages = self.read_thread(thread).await?;
        // In a forum the first message stands in the thread; otherwise the thread hangs on it.
        if !messages.iter().any(|m| word(&m["id"]) == thread) {
            let first = Request::new("GET /channels/:id/messages/:message", &place.channel, &[thread]);
            messages.extend(self.app.api.call(&first).await.ok());
        }
        self.are_readable(&messages).await?;
        messages.sort_by_key(|m| crate::ids::number(word(&m["id"])));
        Ok(messages.iter().filter_map(|m| said(m, bot)).collect())
    }

    async fn message(&self, place: &Place, id: &str) -> Result<Option<(ThreadMessage, Option<String>)>, SendError> {
        let bot = self.app.identify().await.map_err(|f| self.app.api.send_error(f))?;
        // The message that a thread hangs on has the thread's id, and stands in the channel unless that is a forum.
        let channel = place.thread.as_ref().unwrap_or(&place.channel);
        let at = Request::new("GET /channels/:id/messages/:message", channel, &[id]);
        let found = self.app.api.call(&at).await.map_err(|f| self.app.api.send_error(f))?;
        self.are_readable(std::slice::from_ref(&found)).await?;
        Ok(said(&found, bot).map(|m| (m, place.thread.clone())))
    }

    async fn audience(&self, place: &Place) -> Result<Audience, SendError> {
        self.app.audience(place).await.map_err(|f| self.app.api.send_error(f))
    }

    async fn link(&self, place: &Place, message: &str) -> Option<String> {
        let at = place.thread.as_ref().unwrap_or(&place.channel);
        (!place.workspace.is_empty())
            .then(|| format!("https://discord.com/channels/{}/{at}/{message}", place.workspace))
    }
}

/// Whether there is nothing in a message, which nobody can send.
fn says_nothing(m: &Value) -> bool {
    let contents = ["content", "attachments", "embeds", "components", "sticker_items", "message_snapshots", "poll"];
    contents.iter().all(|what| match &m[*what] {
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        other => other.is_null(),
    })
}

/// A message of a person or of ours. Other bots' messages are nobody's words, and Discord's notes are none.
fn said(m: &Value, bot: &str) -> Option<ThreadMessage> {
    let (id, author) = (word(&m["id"]), &m["author"]);
    let ours = word(&author["id"]) == bot;
    let by_person = author["bot"] != true && m["webhook_id"].is_null();
    let ordinary = matches!(m["type"].as_i64().unwrap_or_default(), 0 | 19);
    ((ours || by_person) && ordinary).then(|| ThreadMessage {
        id: id.to_owned(),
        author: (!ours).then(|| events::account(word(&author["id"]))),
        name: if ours { String::new() } else { text::name(author) },
        text: text::addressed(word(&m["content"]), bot, &m["mentions"]),
        at: instant(id),
    })
}
