//! Commands: the small trait that every feature implements, and what a command gets to work with.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use stoa_ground::ledger::Source;
use stoa_ground::people::{Person, Role};
use stoa_ground::{Db, Error, Result, Tx};

use super::{Account, Envelope, Event, Form, Message, Place, ThreadMessage, router};
use crate::delivery::{self, NewDelivery};
use crate::words::Words;
use crate::worker::Flow;

/// The words after a command's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args(pub String);

impl Args {
    /// The first word, lower case, and the rest. Both are empty where there is nothing.
    #[must_use]
    pub fn split(&self) -> (String, &str) {
        let text = self.0.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (first.to_lowercase(), rest.trim())
    }

    /// All of it, trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.trim()
    }
}

/// One use of a command.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// What follows the word.
    pub args: Args,
    /// The values of a form that was sent.
    pub values: Option<BTreeMap<String, String>>,
    /// The message on which a shortcut was used.
    pub message: Option<ThreadMessage>,
    /// The id of the bot's message whose button was pressed.
    pub pressed: Option<String>,
}

/// A field of a form that cannot be accepted, and a sentence why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// One sentence.
    pub why: String,
}

/// Something that could be meant by what somebody types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What is shown.
    pub label: String,
    /// What stands behind the command's word when it is chosen.
    pub value: String,
}

impl Suggestion {
    /// Those whose label has what is typed at the beginning of a word, at most as many as people read.
    pub fn fitting(all: impl Iterator<Item = Self>, typed: &str) -> Vec<Self> {
        let typed = typed.trim().to_lowercase();
        let fits = |label: &str| {
            let label = label.to_lowercase();
            label.starts_with(&typed) || label.contains(&format!(" {typed}"))
        };
        all.filter(|s| fits(&s.label)).take(25).collect()
    }
}

/// What somebody with a role can type.
#[derive(Clone, Copy, Debug)]
pub struct Duty {
    /// Who can.
    pub roles: &'static [Role],
    /// The words to type.
    pub words: &'static str,
    /// The key in the catalogue of the line that `help` says about it.
    pub about: &'static str,
}

/// A chat command. One word for one thing, the same on every platform; buttons and forms are commands too.
#[async_trait]
pub trait Command: Send + Sync {
    /// Its word.
    fn word(&self) -> &'static str;

    /// The key in the catalogue of the line that `help` says about it.
    fn about(&self) -> &'static str;

    /// Whether accounts that belong to no known person may use it.
    fn public(&self) -> bool {
        false
    }

    /// Whether this person sees it in `help`.
    async fn listed(&self, _cx: &Context<'_>) -> Result<bool> {
        Ok(true)
    }

    /// What people with a role can do with it besides, which `help` says to them.
    fn duties(&self) -> &'static [Duty] {
        &[]
    }

    /// Whether plain words that begin with this command's word are meant for it ("learn" is; "learn how to sail" is a
    /// question). Slash commands and buttons are not asked.
    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty()
    }

    /// Whether plain words that it [`accepts`](Self::accepts) are meant for it, where that depends on who writes them.
    async fn is_meant(&self, _cx: &Context<'_>, _args: &Args) -> Result<bool> {
        Ok(true)
    }

    /// The form to open for this call, if it opens one. Must answer at once: it reads, and changes nothing.
    async fn form(&self, _cx: &Context<'_>, _call: &Call) -> Result<Option<Form>> {
        Ok(None)
    }

    /// What could follow the command's word, given what is typed so far, for platforms that suggest while people type. Must
    /// answer at once, and tells nobody what they may not know.
    async fn suggest(&self, _cx: &Context<'_>, _typed: &str) -> Result<Vec<Suggestion>> {
        Ok(Vec::new())
    }

    /// What is wrong with the values of a form, before it is accepted. Must answer at once.
    async fn check(&self, _cx: &Context<'_>, _call: &Call) -> Result<Vec<FieldError>> {
        Ok(Vec::new())
    }

    /// Does it: reads what it needs, and commits its changes, statements and replies with one [`Context::commit`].
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Forbidden`] are told to the person as they are; other errors are retried.
    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()>;
}

/// Who said what where, and the way to answer.
pub struct Context<'a> {
    /// The flow of messages.
    pub flow: &'a Flow,
    /// The event.
    pub envelope: &'a Envelope,
    /// Who it is, when the account belongs to a known person.
    pub known: Option<Person>,
    /// The id of the person whose account it is, also of one who left: what they did counts when they are back.
    pub(crate) owner: Option<String>,
    /// The words in the person's language.
    pub words: &'static Words,
    /// Whether the event is stored in the inbox and is to be marked as done by the commit.
    pub(crate) stored: bool,
    pub(crate) committed: AtomicBool,
}

impl Context<'_> {
    /// The store.
    #[must_use]
    pub fn db(&self) -> &Db {
        self.flow.db()
    }

    /// The account that did it.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.envelope.account
    }

    /// Where it was done.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.envelope.place
    }

    /// The person. Commands that are not public always have one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the account belongs to nobody.
    pub fn person(&self) -> Result<&Person> {
        self.known.as_ref().ok_or_else(|| Error::Forbidden(crate::say!(self.words, "chat-help-unknown-account")))
    }

    /// Commits the effects of the event and the event's end in one transaction. Call it once.
    ///
    /// `f` may run again; an error rolls everything back.
    ///
    /// # Errors
    /// What `f` returned; [`Error::Conflict`] when the event was already handled elsewhere.
    pub async fn commit<T, F, Fut>(&self, f: F) -> Result<T>
    where
        F: Fn(Turn) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let (f, key) = (&f, self.envelope.key.as_str());
        let done = self
            .db()
            .write(|tx| async move {
                let received = if self.stored { delivery::inbox::finish(&tx, key).await? } else { tx.now() };
                let Envelope { at, account, place, .. } = self.envelope;
                tx.came_from(Source { platform: account.platform.clone(), at: *at, received });
                if let Some(owner) = self.owner.as_ref().filter(|_| self.stored) {
                    router::active(&tx, owner, place, account).await?;
                }
                let turn = Turn {
                    tx,
                    key: key.to_owned(),
                    place: self.reply_place(),
                    account: self.envelope.account.clone(),
                    person: self.known.as_ref().map(|p| p.id.clone()),
                    replies: std::sync::Arc::new(AtomicUsize::new(0)),
                };
                f(turn).await
            })
            .await?;
        self.committed.store(true, Ordering::SeqCst);
        self.flow.wake();
        Ok(done)
    }

    /// Answers and does nothing else.
    ///
    /// # Errors
    /// The database's error.
    pub async fn reply(&self, message: Message) -> Result<()> {
        let message = &message;
        self.commit(|turn| async move { turn.reply(message.clone()).await }).await
    }

    /// Answers so that only this person sees it, and does nothing else.
    ///
    /// # Errors
    /// The database's error.
    pub async fn reply_private(&self, message: Message) -> Result<()> {
        let message = &message;
        self.commit(|turn| async move { turn.reply_private(message.clone()).await }).await
    }

    /// Where an answer goes: in a channel into the thread of what was said.
    #[must_use]
    pub fn reply_place(&self) -> Place {
        let mut place = self.envelope.place.clone();
        if let (false, None, Event::Message { id, .. }) = (place.direct, &place.thread, &self.envelope.event) {
            place.thread = Some(id.clone());
        }
        place
    }
}

/// The transaction in which an event ends: a [`Tx`] that can also answer.
#[derive(Clone)]
pub struct Turn {
    tx: Tx,
    key: String,
    place: Place,
    account: Account,
    person: Option<String>,
    replies: std::sync::Arc<AtomicUsize>,
}

impl std::ops::Deref for Turn {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl Turn {
    /// Answers where the person wrote.
    ///
    /// # Errors
    /// The database's error.
    pub async fn reply(&self, message: Message) -> Result<()> {
        self.answer("reply", serde_json::to_value(message)?, false).await
    }

    /// Answers where the person wrote, so that only this person sees it.
    ///
    /// # Errors
    /// The database's error.
    pub async fn reply_private(&self, message: Message) -> Result<()> {
        self.answer("reply", serde_json::to_value(message)?, true).await
    }

    /// Answers with a delivery kind of the capability, which is rendered at send time from `payload`.
    ///
    /// # Errors
    /// The database's error.
    pub async fn answer(&self, kind: &'static str, payload: serde_json::Value, private: bool) -> Result<()> {
        delivery::enqueue(&self.tx, &self.prepared(kind, payload, private)).await?;
        Ok(())
    }

    /// The delivery that [`answer`](Self::answer) would enqueue, for an answer that takes longer than this transaction.
    #[must_use]
    pub fn prepared(&self, kind: &'static str, payload: serde_json::Value, private: bool) -> NewDelivery {
        let n = self.replies.fetch_add(1, Ordering::SeqCst);
        NewDelivery {
            key: format!("{}{}/{n}", delivery::REPLY, self.key),
            kind,
            person: self.person.clone(),
            place: Some(self.place.clone()),
            only: (private && !self.place.direct).then(|| self.account.clone()),
            payload,
            ..NewDelivery::default()
        }
    }

    /// Replaces the bot's message whose button was pressed ([`Call::pressed`]); without one that is known, answers with it.
    ///
    /// # Errors
    /// The database's error.
    pub async fn replace(&self, pressed: Option<&str>, message: Message) -> Result<()> {
        if let Some(id) = pressed
            && delivery::replace_message(&self.tx, &self.place, id, &message).await?
        {
            return Ok(());
        }
        self.reply_private(Message { instead: true, ..message }).await
    }

    /// Forgets what the event said, once its effects are in this transaction: for words that are kept under seal elsewhere,
    /// and for codes.
    ///
    /// # Errors
    /// The database's error.
    pub async fn forget(&self) -> Result<()> {
        delivery::inbox::forget(&self.tx, &self.key).await
    }

    /// Renders the bot's message whose button was pressed again, from the state as it is now.
    ///
    /// # Errors
    /// The database's error.
    pub async fn revise(&self, pressed: &str) -> Result<()> {
        delivery::revise_message(&self.tx, &self.place, pressed).await
    }
}
