//! The app: who it is on Discord, what it knows about conversations, and the calls that are made for it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant as Monotonic};

use serde_json::{Value, json};
use stoa_flow::chat::Audience;
use stoa_ground::clock::monotonic;
use stoa_ground::{Db, Result};
use stoa_http::{believed, locked, remember};
use tokio::sync::Notify;

use crate::api::{Api, Failure, Request};
use crate::events::{Channel, DIRECT};
use crate::ids::word;
use crate::role::BELIEVED;
use crate::{Options, setup, store};

/// Conversations and people that are remembered at once.
pub(crate) const REMEMBERED: usize = 50_000;
/// Types that are logged once; of more nothing is said.
const KINDS: usize = 200;
/// Direct conversations that all servers open in [`RAMP_WINDOW`]: opening many at once is punished.
const RAMP: usize = 10;
const RAMP_WINDOW: Duration = Duration::from_secs(60);
/// For how long no thread is tried where one was refused.
const THREADLESS: Duration = Duration::from_secs(600);
/// How long an answer waits for the acknowledgement of what it answers.
const ACKNOWLEDGED: Duration = Duration::from_secs(3);

/// One app.
pub(crate) struct App {
    pub options: Options,
    pub api: Api,
    pub db: Db,
    /// The bot's user id, once Discord said it.
    me: OnceLock<String>,
    channels: Mutex<HashMap<String, Channel>>,
    /// Channels in which no thread of a kind can be opened, and until when nobody tries: each refusal is an invalid request.
    threadless: Mutex<HashMap<(i64, String), Monotonic>>,
    /// Interactions that are stored and not yet acknowledged.
    pending: Mutex<BTreeSet<String>>,
    acknowledged: Notify,
    /// Where people were seen last, and what is known about their direct conversations; until when that is believed, because
    /// another server may have written something else.
    seen: Mutex<HashMap<String, (String, Monotonic)>>,
    /// Who has the role that vouches for them, by server and user, and until when that is believed.
    pub roles: Mutex<HashMap<(String, String), (bool, Monotonic)>>,
    /// Who is in which server, by server and user, and until when that is believed.
    members: Mutex<HashMap<(String, String), Monotonic>>,
    openings: Mutex<VecDeque<Monotonic>>,
    kinds: Mutex<BTreeSet<String>>,
    /// Who reads in which channel and thread, and until when that is believed.
    pub audiences: Mutex<Audiences>,
}

/// Who reads in a channel or one of its threads, and until when that is believed.
pub(crate) type Audiences = HashMap<(String, Option<String>), (Audience, Monotonic)>;

impl App {
    pub(crate) fn new(options: Options, db: Db) -> Result<Self> {
        options.check()?;
        Ok(Self {
            api: Api::new(&options)?,
            options,
            db,
            me: OnceLock::new(),
            channels: Mutex::default(),
            threadless: Mutex::default(),
            pending: Mutex::default(),
            acknowledged: Notify::new(),
            seen: Mutex::default(),
            roles: Mutex::default(),
            members: Mutex::default(),
            openings: Mutex::default(),
            kinds: Mutex::default(),
            audiences: Mutex::default(),
        })
    }

    /// The bot's user id; empty while it is not known.
    pub(crate) fn bot(&self) -> &str {
        self.me.get().map_or("", String::as_str)
    }

    pub(crate) fn is(&self, user: &str) {
        if !user.is_empty() {
            let _ = self.me.set(user.to_owned());
        }
    }

    /// Asks Discord who the bot is, if that is not known.
    pub(crate) async fn identify(&self) -> Result<&str, Failure> {
        if self.me.get().is_none() {
            let me = self.api.call(&Request::new("GET /users/@me", "", &[])).await?;
            self.is(word(&me["id"]));
        }
        Ok(self.bot())
    }

    /// What is known about a conversation; Discord is asked once.
    pub(crate) async fn channel(&self, id: &str) -> Result<Channel, Failure> {
        if let Some(known) = locked(&self.channels).get(id) {
            return Ok(known.clone());
        }
        let asked = self.api.call(&Request::new("GET /channels/:id", id, &[])).await?;
        let channel = Channel::read(&asked, "");
        self.know(id, channel.clone());
        Ok(channel)
    }

    pub(crate) fn know(&self, id: &str, channel: Channel) {
        remember(&self.channels, id.to_owned(), channel, REMEMBERED);
    }

    pub(crate) fn known(&self, id: &str) -> Option<Channel> {
        locked(&self.channels).get(id).cloned()
    }

    pub(crate) fn forget_channel(&self, id: &str) {
        locked(&self.channels).remove(id);
    }

    /// A thread of a kind was refused in a channel: for a while nobody tries there.
    pub(crate) fn no_threads_in(&self, kind: i64, channel: &str) {
        remember(&self.threadless, (kind, channel.to_owned()), monotonic() + THREADLESS, REMEMBERED);
    }

    pub(crate) fn has_no_threads(&self, kind: i64, channel: &str) -> bool {
        locked(&self.threadless).get(&(kind, channel.to_owned())).is_some_and(|until| *until > monotonic())
    }

    /// Forum channels whose posts are questions.
    pub(crate) fn forums(&self) -> Vec<String> {
        self.options.guilds.iter().flat_map(|g| g.forums.clone()).collect()
    }

    /// An interaction is about to be stored; answers to it wait until it is acknowledged.
    pub(crate) fn begins(&self, interaction: &str) {
        locked(&self.pending).insert(interaction.to_owned());
    }

    pub(crate) fn is_acknowledged(&self, interaction: &str) {
        locked(&self.pending).remove(interaction);
        self.acknowledged.notify_waiters();
    }

    pub(crate) async fn until_acknowledged(&self, interaction: &str) {
        let waiting = async {
            loop {
                let next = self.acknowledged.notified();
                tokio::pin!(next);
                // From here on no notification is missed.
                next.as_mut().enable();
                if !locked(&self.pending).contains(interaction) {
                    return;
                }
                next.await;
            }
        };
        // One that never was acknowledged is answered as one that expired.
        let _ = tokio::time::timeout(ACKNOWLEDGED, waiting).await;
    }

    /// A person was seen in a server.
    pub(crate) async fn seen_in(&self, user: &str, guild: &str) -> Result<()> {
        self.note(user, guild, store::seen_in(&self.db, user, guild)).await
    }

    /// A person left a server: when they come back, that is news.
    pub(crate) async fn left(&self, user: &str, guild: &str) -> Result<()> {
        locked(&self.members).remove(&(guild.to_owned(), user.to_owned()));
        let channel = self.options.guilds.iter().find(|g| g.id == guild).and_then(|g| g.channel.as_deref());
        store::left(&self.db, user, guild, channel).await?;
        if let Entry::Occupied(known) = locked(&self.seen).entry(user.to_owned())
            && known.get().0 == guild
        {
            known.remove();
        }
        Ok(())
    }

    /// Whether a person is in a server, as far as that is not known: Discord is asked.
    ///
    /// # Errors
    /// What Discord says, also when the person is not there.
    pub(crate) async fn is_member(&self, guild: &str, user: &str) -> Result<(), Failure> {
        let known = locked(&self.members).get(&(guild.to_owned(), user.to_owned())).copied();
        if known.is_some_and(|until| until > monotonic()) {
            return Ok(());
        }
        self.member(guild, user).await.map(|_| ())
    }

    /// A member of a server.
    ///
    /// # Errors
    /// As [`is_member`](Self::is_member).
    pub(crate) async fn member(&self, guild: &str, user: &str) -> Result<Value, Failure> {
        let member = self.api.call(&Request::new("GET /guilds/:id/members/:user", guild, &[user])).await?;
        remember(&self.members, (guild.to_owned(), user.to_owned()), monotonic() + BELIEVED, REMEMBERED);
        Ok(member)
    }

    /// The privileged intents that Discord does not grant.
    ///
    /// # Errors
    /// What Discord says.
    pub(crate) async fn refused_intents(&self) -> Result<u64, Failure> {
        let app = self.api.call(&Request::new("GET /applications/@me", "", &[])).await?;
        Ok(setup::refused_intents(app["flags"].as_u64().unwrap_or_default()))
    }

    /// A person wrote to the bot where the two talk alone.
    pub(crate) async fn opened(&self, user: &str, channel: &str) -> Result<()> {
        if store::closed_to(&self.db, channel).await?.is_some() {
            self.forget_noted(channel);
        }
        self.note(&format!("direct/{user}"), channel, store::opened(&self.db, user, channel)).await
    }

    /// Writes only what is new.
    async fn note(&self, what: &str, value: &str, write: impl Future<Output = Result<()>>) -> Result<()> {
        if believed(&self.seen, what).is_some_and(|known| known == value) {
            return Ok(());
        }
        write.await?;
        remember(&self.seen, what.to_owned(), (value.to_owned(), monotonic() + BELIEVED), REMEMBERED);
        Ok(())
    }

    /// What was noted about a person is to be written again.
    pub(crate) fn forget_noted(&self, channel: &str) {
        locked(&self.seen).retain(|_, (known, _)| known != channel);
    }

    /// The conversation in which the bot and a user talk alone; opened after the person's own action only, and not for
    /// many at once. None when that has to wait.
    pub(crate) async fn open_direct(&self, user: &str) -> Result<Option<String>, Failure> {
        {
            let (mut openings, now) = (locked(&self.openings), monotonic());
            while openings.front().is_some_and(|at| now.saturating_duration_since(*at) > RAMP_WINDOW) {
                openings.pop_front();
            }
            if openings.len() >= self.api.part_of(RAMP) {
                return Ok(None);
            }
            openings.push_back(now);
        }
        let request = Request::new("POST /users/@me/channels", "", &[]).body(json!({ "recipient_id": user }));
        let opened = self.api.call(&request).await?;
        let id = word(&opened["id"]).to_owned();
        self.know(&id, Channel { kind: DIRECT, ..Channel::default() });
        Ok(Some(id))
    }

    /// Answers an interaction with its acknowledgement, over REST.
    pub(crate) async fn callback(&self, id: &str, token: &str, answer: Value) -> Result<(), Failure> {
        let request = Request::new("POST /interactions/:interaction/:id/callback", token, &[id]).body(answer);
        self.api.call(&request).await.map(|_| ())
    }

    /// Logs a type that this version does not know, once.
    pub(crate) fn unknown(&self, kind: &str) {
        let mut kinds = locked(&self.kinds);
        if kinds.len() < KINDS && kinds.insert(kind.to_owned()) {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(80).collect();
            tracing::info!(kind, "Discord sends something that this version does not know; it is ignored");
        }
    }
}
