//! A stage for tests: the real store and the real flow, with a chat platform in memory. Tests on it read like a
//! conversation, and survive a rewrite of the inside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use stoa_ground::people::Person;
use stoa_ground::people::calendar::Calendar;
use stoa_ground::{Db, Instant};

use crate::chat::{
    Account, Audience, Envelope, Event, Message, MessageRef, Opened, Place, Platform, SendError, ThreadMessage,
};
use crate::{Flow, Nudges, Organisation, Parts};

/// One message as the platform has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// The platform's id.
    pub id: String,
    /// Where.
    pub place: Place,
    /// Who alone sees it.
    pub only: Option<Account>,
    /// The delivery key; empty for messages by people.
    pub key: String,
    /// Its author; `None` for the bot.
    pub author: Option<Account>,
    /// What it says now.
    pub message: Message,
    /// How often it was edited.
    pub edits: usize,
    /// When it was posted.
    pub at: Instant,
}

/// A chat platform in memory.
pub struct TestChat {
    db: Db,
    posted: Mutex<Vec<Posted>>,
    moments: AtomicBool,
    /// Who reads in channels that are not open to every colleague and nobody else, after how many more times that it is asked.
    audiences: Mutex<BTreeMap<String, (usize, Audience)>>,
}

impl TestChat {
    /// Says who reads in a channel; every colleague and nobody else when nothing is said.
    pub fn reads(&self, channel: &str, audience: Audience) {
        self.reads_after(channel, 0, audience);
    }

    /// As [`reads`](Self::reads), from when it was asked so many times.
    pub fn reads_after(&self, channel: &str, times: usize, audience: Audience) {
        let mut audiences = self.audiences.lock().unwrap_or_else(PoisonError::into_inner);
        audiences.insert(channel.to_owned(), (times, audience));
    }

    /// From now on it shows each reader instants in their own time.
    pub fn show_moments(&self) {
        self.moments.store(true, Ordering::SeqCst);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Vec<Posted>) -> T) -> T {
        f(&mut self.posted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Platform for TestChat {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        Ok(self.with(|all| {
            let id = format!("m{}", all.len() + 1);
            all.push(Posted {
                id: id.clone(),
                place: place.clone(),
                only: only.cloned(),
                key: key.to_owned(),
                author: None,
                message: message.clone(),
                edits: 0,
                at: self.db.clock().now(),
            });
            id
        }))
    }

    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        self.with(|all| {
            let posted = all.iter_mut().find(|p| p.id == message.id);
            let posted = posted.ok_or_else(|| SendError::Refused("no such message".into()))?;
            posted.message = new.clone();
            posted.edits += 1;
            Ok(())
        })
    }

    fn grows(&self) -> bool {
        true
    }

    fn shows_moments(&self) -> bool {
        self.moments.load(Ordering::SeqCst)
    }

    async fn find(&self, _place: &Place, key: &str, _since: Instant) -> Result<Option<String>, SendError> {
        Ok(self.with(|all| all.iter().find(|p| p.key == key).map(|p| p.id.clone())))
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(direct(&account.user))
    }

    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(self.with(|all| {
            all.iter()
                .filter(|p| p.place.channel == place.channel)
                .filter(|p| p.place.thread == place.thread || Some(&p.id) == place.thread.as_ref())
                .map(|p| ThreadMessage {
                    id: p.id.clone(),
                    author: p.author.clone(),
                    name: p.author.as_ref().map_or_else(String::new, |a| a.user.clone()),
                    text: p.message.plain(),
                    at: p.at,
                })
                .collect()
        }))
    }

    async fn audience(&self, place: &Place) -> Result<Audience, SendError> {
        let colleagues = Audience { open: true, outsiders: false };
        let mut audiences = self.audiences.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match audiences.get_mut(&place.channel) {
            None => colleagues,
            Some((0, audience)) => *audience,
            Some((times, _)) => {
                *times -= 1;
                colleagues
            }
        })
    }

    async fn link(&self, place: &Place, message: &str) -> Option<String> {
        Some(format!("https://chat.example.org/{}/{message}", place.channel))
    }
}

/// The place where the bot and this user talk alone.
#[must_use]
pub fn direct(user: &str) -> Place {
    Place {
        platform: "test".into(),
        workspace: String::new(),
        channel: format!("dm-{user}"),
        thread: None,
        direct: true,
    }
}

/// A public channel.
#[must_use]
pub fn channel(name: &str) -> Place {
    Place { platform: "test".into(), workspace: String::new(), channel: name.into(), thread: None, direct: false }
}

/// The account of a user on the platform `test`.
#[must_use]
pub fn account(user: &str) -> Account {
    Account { platform: "test".into(), workspace: String::new(), user: user.into() }
}

/// The store, the flow and the chat of one test.
pub struct Stage {
    /// The store.
    pub db: Db,
    /// The flow.
    pub flow: Arc<Flow>,
    /// The platform.
    pub chat: Arc<TestChat>,
    events: AtomicUsize,
    seen: Mutex<BTreeMap<String, usize>>,
    _dir: tempfile::TempDir,
}

/// An organisation in UTC that works from Monday to Friday, 9:00 to 17:00.
///
/// # Panics
/// Never: its days and hours are constants.
#[must_use]
pub fn organisation() -> Organisation {
    let hours = |text| stoa_ground::people::calendar::parse_range(text).expect("a range of hours");
    Organisation {
        name: "Harbour & Pine".into(),
        iri: "https://learn.example.org".into(),
        calendar: Calendar {
            zone: jiff::tz::TimeZone::UTC,
            working_days: [true, true, true, true, true, false, false],
            holidays: std::collections::BTreeSet::new(),
            working_hours: hours("09:00-17:00"),
            quiet_hours: Some(hours("18:00-09:00")),
        },
        locations: Vec::new(),
        nudges: Nudges::default(),
    }
}

impl Stage {
    /// A stage on which it is Monday, 23 November 2026, 09:00 UTC, with the parts that `parts` makes.
    ///
    /// # Panics
    /// When no store can be made.
    pub async fn new(parts: impl FnOnce(&Db) -> Parts) -> Self {
        let (db, dir) = stoa_ground::testing::store().await;
        let parts = parts(&db);
        let flow = Flow::new(db.clone(), organisation(), parts);
        let (posted, moments, audiences) = (Mutex::default(), AtomicBool::default(), Mutex::default());
        let chat = Arc::new(TestChat { db: db.clone(), posted, moments, audiences });
        flow.connect(chat.clone());
        Self { db, flow, chat, events: AtomicUsize::new(0), seen: Mutex::default(), _dir: dir }
    }

    /// A person with an account on this chat.
    pub async fn hire(&self, name: &str, change: impl Fn(&mut Person) + Send + Sync) -> Person {
        stoa_ground::testing::hire(&self.db, name, change).await
    }

    /// Lets an event happen, everything that follows from it included, and gives what the platform shows at once.
    ///
    /// # Panics
    /// When the event cannot be stored or handled.
    pub async fn event(&self, user: &str, place: Place, event: Event) -> Opened {
        let n = self.events.fetch_add(1, Ordering::SeqCst);
        let envelope =
            Envelope { key: format!("test/e{n}"), at: self.db.clock().now(), account: account(user), place, event };
        let opened = self.flow.accept(envelope).await.expect("the event is stored");
        self.flow.settle().await.expect("everything that is due happens");
        opened
    }

    /// A person writes to the bot alone; gives what the bot wrote to that person since the last look.
    pub async fn says(&self, user: &str, text: &str) -> String {
        let id = format!("u{}", self.events.load(Ordering::SeqCst));
        self.event(user, direct(user), Event::Message { id, text: text.into(), to_bot: true }).await;
        self.news(user)
    }

    /// A person presses a button (its command line) under the bot's newest message to them.
    pub async fn presses(&self, user: &str, command: &str) -> String {
        let message = self.with_last(user, |p| p.id.clone());
        self.event(user, direct(user), Event::Action { command: command.into(), message }).await;
        self.news(user)
    }

    /// A person uses a command that opens a form, and sends it with these values; gives the bot's answer.
    ///
    /// # Panics
    /// When the command opens no form, or the form is refused.
    pub async fn fills(&self, user: &str, command: &str, values: &[(&str, &str)]) -> String {
        let message = self.with_last(user, |p| p.id.clone());
        let opened = self.event(user, direct(user), Event::Action { command: command.into(), message }).await;
        let Opened::Form(form) = opened else { panic!("'{command}' opened no form: {opened:?}") };
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let sent = self.event(user, direct(user), Event::Submit { command: form.command, values }).await;
        assert_eq!(sent, Opened::Stored, "the form was refused");
        // Else the message whose button opened the form says it.
        Some(self.news(user))
            .filter(|news| !news.is_empty())
            .or_else(|| self.with_last(user, |p| p.message.plain()))
            .unwrap_or_default()
    }

    /// A person writes in a channel, not to the bot; gives the message's id.
    pub async fn posts(&self, user: &str, place: &Place, text: &str) -> String {
        let id = self.chat.with(|all| {
            let id = format!("m{}", all.len() + 1);
            all.push(Posted {
                id: id.clone(),
                place: place.clone(),
                only: None,
                key: String::new(),
                author: Some(account(user)),
                message: Message::text(text),
                edits: 0,
                at: self.db.clock().now(),
            });
            id
        });
        let event = Event::Message { id: id.clone(), text: text.into(), to_bot: false };
        self.event(user, place.clone(), event).await;
        id
    }

    /// Moves the clock to an instant, through everything that is due on the way.
    ///
    /// # Panics
    /// When the instant is in the past.
    pub async fn until(&self, instant: &str) {
        let to = Instant::parse(instant).expect("an instant");
        self.flow.advance(to).await.expect("the clock moves");
    }

    /// What the bot wrote to a person since the last look, as plain text, messages parted by a line.
    pub fn news(&self, user: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let from = seen.entry(user.to_owned()).or_default();
        let all: Vec<Posted> = self.to(user);
        let news: Vec<String> = all.iter().skip(*from).map(|p| p.message.plain()).collect();
        *from = all.len();
        news.join("\n---\n")
    }

    /// All messages of the bot to a person.
    pub fn to(&self, user: &str) -> Vec<Posted> {
        let channel = direct(user).channel;
        self.chat.with(|all| {
            let mine = |p: &&Posted| p.place.channel == channel || p.only.as_ref().is_some_and(|a| a.user == user);
            all.iter().filter(mine).filter(|p| p.author.is_none()).cloned().collect()
        })
    }

    /// All messages in a place.
    pub fn messages_in(&self, place: &Place) -> Vec<Posted> {
        self.chat.with(|all| all.iter().filter(|p| p.place.channel == place.channel).cloned().collect())
    }

    fn with_last<T>(&self, user: &str, f: impl FnOnce(&Posted) -> T) -> Option<T> {
        self.to(user).last().map(f)
    }
}

/// A text with its ids taken out, for snapshots.
#[must_use]
pub fn without_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_id) {
            out.push_str("ID");
            rest = &rest[36..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Whether it has the form of a UUID.
fn is_id(text: &str) -> bool {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.bytes().enumerate().all(|(at, b)| if hyphen(at) { b == b'-' } else { b.is_ascii_hexdigit() })
}
