//! Which command an event means, and the way from an event to its effects.

use stoa_ground::clock::monotonic;
use stoa_ground::people;
use stoa_ground::{Error, Result, Tx, args};

use super::{
    Account, Args, Button, Call, Command, Context, Envelope, Event, FieldError, Form, Message, Place, Suggestion,
    looked_up,
};
use crate::caught::caught;
use crate::delivery::inbox;
use crate::journal::{self, EventOutcome};
use crate::say;
use crate::words::Words;
use crate::worker::Flow;

/// The most characters of a chat message that are read.
pub(crate) const MAX_TEXT: usize = 8_000;

/// What an event means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// A command: its word and what follows.
    Command(String, Args),
    /// A word that nobody knows; the nearest one that there is.
    Unknown { word: String, nearest: Option<String> },
    /// Nothing to answer.
    Nothing,
}

/// What an adapter shows at once, inside the platform's three seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened {
    /// A form to fill in. Nothing else happens.
    Form(Form),
    /// Fields of the form that was sent cannot be accepted; it stays open.
    Errors(Vec<FieldError>),
    /// The event was stored; the answer comes as a message.
    Stored,
    /// The event was stored before under the same key; nothing more happens.
    Repeated,
}

/// What an event means, given the commands' words and their taste for plain words. Plain words without a command go to
/// `ask`.
#[must_use]
pub fn understand(event: &Event, commands: &[Box<dyn Command>]) -> Understood {
    let known = |word: &str| commands.iter().find(|c| c.word() == word);
    let line = |text: &str| -> (String, Args) {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (word.to_lowercase(), Args(rest.trim().to_owned()))
    };
    let explicit = |word: String, args: Args| {
        if word.is_empty() {
            Understood::Command("help".into(), args)
        } else if known(&word).is_some() {
            Understood::Command(word, args)
        } else {
            let nearest = nearest(&word, commands);
            Understood::Unknown { word, nearest }
        }
    };
    match event {
        Event::Command { word, args } if word == "stoa" => {
            let (word, args) = line(args);
            explicit(word, args)
        }
        Event::Command { word, args } => explicit(word.to_lowercase(), Args(args.clone())),
        Event::Action { command, .. } | Event::Submit { command, .. } | Event::Shortcut { command, .. } => {
            let (word, args) = line(command);
            explicit(word, args)
        }
        Event::Message { to_bot: false, .. } => Understood::Nothing,
        Event::Message { text, .. } => {
            let text = text.trim();
            if let Some(slash) = text.strip_prefix('/') {
                let (word, args) = line(slash);
                let (word, args) = if word == "stoa" { line(&args.0) } else { (word, args) };
                return explicit(word, args);
            }
            if let Some(word) = in_other_words(text).filter(|word| known(word).is_some()) {
                return Understood::Command(word.to_owned(), Args::default());
            }
            let (word, args) = line(text);
            let word = word.trim_end_matches([':', ',', '.', '!']).to_owned();
            match known(&word) {
                Some(command) if command.accepts(&args) => Understood::Command(word, args),
                None if args.text().is_empty() && !text.ends_with('?') => match nearest(&word, commands) {
                    Some(near) => Understood::Unknown { word, nearest: Some(near) },
                    None => Understood::Command("ask".into(), Args(text.to_owned())),
                },
                _ => Understood::Command("ask".into(), Args(text.to_owned())),
            }
        }
        Event::Edited { .. } | Event::Deleted { .. } | Event::Reaction { .. } => Understood::Nothing,
    }
}

/// What people say for a command's word, of which no page tells them anything.
const OTHER_WORDS: &[(&str, &[&str])] = &[
    ("settings", &["pause", "stop", "unsubscribe", "my settings"]),
    ("mydata", &["my data", "delete my data", "erase my data", "export my data", "what do you know about me"]),
    ("why", &["why did i get this", "why did i get this message", "why this", "why do you write to me"]),
    (
        "training",
        &["my training", "when is my training due", "what training is due", "what is due", "what do i have to do"],
    ),
    ("team", &["my team", "who in my team is overdue", "who is overdue", "who is missing"]),
    ("learn", &["my lesson", "today’s lesson", "today's lesson"]),
    ("help", &["what can you do", "who are you"]),
];

/// The command that a whole message says in other words.
fn in_other_words(text: &str) -> Option<&'static str> {
    let said = text.trim_end_matches(['?', '.', '!', ' ']).to_lowercase();
    let is_said = |(_, ways): &&(&str, &[&str])| ways.contains(&said.as_str());
    OTHER_WORDS.iter().find(is_said).map(|(word, _)| *word)
}

/// The command word nearest to what was typed: at most a third of its letters differ (at least one may).
fn nearest(word: &str, commands: &[Box<dyn Command>]) -> Option<String> {
    commands
        .iter()
        .map(|c| (distance(word, c.word()), c.word()))
        .filter(|(d, w)| *d <= (w.len() / 3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, w)| w.to_owned())
}

/// Optimal string alignment distance: insertions, deletions, changes, and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

impl Flow {
    /// Takes one verified event: answers with a form or its errors at once, else stores it. Acknowledge to the platform
    /// after this returns.
    ///
    /// # Errors
    /// When it could not be stored; do not acknowledge then.
    pub async fn accept(&self, mut envelope: Envelope) -> Result<Opened> {
        bound(&mut envelope);
        let interactive = matches!(
            &envelope.event,
            Event::Action { .. } | Event::Submit { .. } | Event::Command { .. } | Event::Shortcut { .. }
        );
        let started = monotonic();
        if interactive && let Some(opened) = self.open(&envelope).await? {
            self.event_ended(&envelope, None, EventOutcome::Form, 1, started);
            return Ok(opened);
        }
        if !inbox::store(self.db(), &envelope, "new").await? {
            self.event_ended(&envelope, None, EventOutcome::Duplicate, 1, started);
            return Ok(Opened::Repeated);
        }
        tracing::debug!(event = %envelope.key, platform = %envelope.account.platform, "event stored");
        self.wake();
        Ok(Opened::Stored)
    }

    /// Notes that the form of an event is shown, where a platform shows one only once; `false` when it was shown before.
    ///
    /// # Errors
    /// The database's error; do not acknowledge then.
    pub async fn shows(&self, key: &str, account: &Account) -> Result<bool> {
        inbox::shown(self.db(), key, account).await
    }

    /// What could follow a command's word, given what this account has typed so far.
    ///
    /// # Errors
    /// The database's error.
    pub async fn suggest(&self, account: &Account, word: &str, typed: &str) -> Result<Vec<Suggestion>> {
        let place = Place {
            platform: account.platform.clone(),
            workspace: account.workspace.clone(),
            channel: String::new(),
            thread: None,
            direct: true,
        };
        let event = Event::Command { word: word.to_owned(), args: typed.to_owned() };
        let at = self.clock().now();
        let envelope = Envelope { key: String::new(), at, account: account.clone(), place, event };
        let cx = self.context(&envelope, false).await?;
        match self.command(word) {
            Some(command) if command.public() || cx.known.is_some() => command.suggest(&cx, typed).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn open(&self, envelope: &Envelope) -> Result<Option<Opened>> {
        let Understood::Command(word, args) = understand(&envelope.event, &self.parts().commands) else {
            return Ok(None);
        };
        let Some(command) = self.command(&word) else { return Ok(None) };
        let cx = self.context(envelope, false).await?;
        if !command.public() && cx.known.is_none() {
            return Ok(None);
        }
        let call = call(&envelope.event, args);
        if call.values.is_some() {
            let errors = command.check(&cx, &call).await?;
            return Ok((!errors.is_empty()).then_some(Opened::Errors(errors)));
        }
        match command.form(&cx, &call).await {
            Ok(form) => Ok(form.map(|form| Opened::Form(form.without_moments()))),
            // Told as a message, like any refusal.
            Err(Error::Invalid(_) | Error::Forbidden(_) | Error::NotFound(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) async fn context<'a>(&'a self, envelope: &'a Envelope, stored: bool) -> Result<Context<'a>> {
        let account = &envelope.account;
        let person = self
            .db()
            .read(|c| async move { people::by_account(&c, &account.platform, &account.workspace, &account.user).await })
            .await?;
        let owner = person.as_ref().map(|p| p.id.clone());
        let known = person.filter(|p| p.status != people::Status::Left);
        let words = Words::of(known.as_ref().map_or("en", |p| p.language()));
        let committed = std::sync::atomic::AtomicBool::new(false);
        Ok(Context { flow: self, envelope, known, owner, words, stored, committed })
    }

    pub(crate) fn command(&self, word: &str) -> Option<&dyn Command> {
        self.parts().commands.iter().find(|c| c.word() == word).map(AsRef::as_ref)
    }

    /// Handles one stored event to its end. `attempts` is how often it was tried before.
    pub(crate) async fn handle(&self, envelope: &Envelope, attempts: i64) -> Result<()> {
        let started = monotonic();
        let cx = match caught("an event", self.context(envelope, true)).await {
            Ok(cx) => cx,
            // Whose account cannot even be read gets no answer; the event waits and is put aside in the end.
            Err(e) if attempts + 1 < inbox::ATTEMPTS || e.passes() => {
                return self.postpone(envelope, attempts, &e).await;
            }
            Err(e) => {
                tracing::error!(event = %envelope.key, error = %journal::reason(&e), "event is put aside");
                let (key, why) = (envelope.key.as_str(), &e.to_string());
                self.db().write_by_key(|tx| async move { inbox::park(&tx, key, why).await }).await?;
                self.event_ended(envelope, None, EventOutcome::Parked, attempts + 1, started);
                return Ok(());
            }
        };
        if let Some(outcome) = self.try_to_handle(&cx, attempts).await? {
            self.event_ended(envelope, cx.known.as_ref(), outcome, attempts + 1, started);
        }
        Ok(())
    }

    async fn postpone(&self, envelope: &Envelope, attempts: i64, error: &Error) -> Result<()> {
        journal::event_postponed(envelope, self.command_of(envelope), attempts + 1, error);
        inbox::postpone(self.db(), &envelope.key, error).await
    }

    /// How the event ended; none when it is to be tried again, or another server was done with it.
    async fn try_to_handle(&self, cx: &Context<'_>, attempts: i64) -> Result<Option<EventOutcome>> {
        let envelope = cx.envelope;
        let done = caught("an event", self.dispatch(cx)).await;
        let committed = cx.committed.load(std::sync::atomic::Ordering::SeqCst);
        match done {
            Ok(()) if committed => Ok(Some(EventOutcome::Done)),
            Ok(()) => cx.commit(|_| async { Ok(Some(EventOutcome::Ignored)) }).await,
            Err(Error::Conflict(_)) if committed => Ok(Some(EventOutcome::Done)),
            Err(Error::Invalid(text) | Error::Forbidden(text) | Error::NotFound(text)) if !committed => {
                cx.reply_private(Message::text(refusal(&text))).await?;
                Ok(Some(EventOutcome::Refused))
            }
            Err(e) if committed => {
                tracing::error!(event = %envelope.key, error = %journal::reason(&e), "failed after its commit");
                Ok(Some(EventOutcome::Done))
            }
            Err(e) => {
                if attempts + 1 < inbox::ATTEMPTS || e.passes() {
                    self.postpone(envelope, attempts, &e).await?;
                    return Ok(None);
                }
                tracing::error!(event = %envelope.key, error = %journal::reason(&e), "event is put aside");
                let sorry =
                    Message::text(say!(cx.words, "chat-something-went-wrong", reference = reference(&envelope.key)));
                let (sorry, why, key) = (&sorry, &e.to_string(), envelope.key.as_str());
                let told = cx.commit(|turn| async move {
                    turn.reply_private(sorry.clone()).await?;
                    inbox::park(&turn, key, why).await
                });
                match told.await {
                    Ok(()) => Ok(Some(EventOutcome::Parked)),
                    // Another server was done with it.
                    Err(Error::Conflict(_)) => Ok(None),
                    Err(e) => Err(e),
                }
            }
        }
    }

    fn event_ended(
        &self,
        envelope: &Envelope,
        person: Option<&people::Person>,
        outcome: EventOutcome,
        attempts: i64,
        started: std::time::Instant,
    ) {
        journal::event_ended(envelope, person, self.command_of(envelope), outcome, attempts, started.elapsed());
    }

    /// The word of the command that an event means.
    fn command_of(&self, envelope: &Envelope) -> Option<&'static str> {
        match understand(&envelope.event, &self.parts().commands) {
            Understood::Command(word, _) => self.command(&word).map(Command::word),
            Understood::Unknown { .. } => Some("unknown"),
            Understood::Nothing => None,
        }
    }

    async fn dispatch(&self, cx: &Context<'_>) -> Result<()> {
        for watcher in &self.parts().watchers {
            watcher.seen(cx).await?;
        }
        let understood = understand(&cx.envelope.event, &self.parts().commands);
        if cx.known.is_none()
            && understood != Understood::Nothing
            && let Some(platform) = self.platform(&cx.account().platform)
            && looked_up(platform.admits(cx.envelope).await)? == Some(false)
        {
            // Nothing is kept of what they said.
            return cx.commit(|turn| async move { turn.forget().await }).await;
        }
        match understood {
            Understood::Nothing => Ok(()),
            Understood::Unknown { word, nearest } => {
                let word = super::literal(&word.chars().take(40).collect::<String>());
                let message = match nearest {
                    Some(near) => {
                        Message::text(say!(cx.words, "chat-unknown-command-suggest", word = word, suggestion = &near))
                            .buttons(vec![
                                Button::primary(near.clone(), near),
                                Button::new(say!(cx.words, "chat-help-button"), "help"),
                            ])
                    }
                    None => Message::text(say!(cx.words, "chat-unknown-command", word = word))
                        .buttons(vec![Button::new(say!(cx.words, "chat-help-button"), "help")]),
                };
                cx.reply_private(message).await
            }
            Understood::Command(word, args) => {
                let Some(mut command) = self.command(&word) else { return Ok(()) };
                let mut args = args;
                if let Event::Message { text, .. } = &cx.envelope.event
                    && cx.known.is_some()
                    && !text.trim_start().starts_with('/')
                    && !command.is_meant(cx, &args).await?
                    && let Some(ask) = self.command("ask")
                {
                    (command, args) = (ask, Args(text.trim().to_owned()));
                }
                if !command.public() && cx.known.is_none() {
                    return cx.reply_private(Message::text(say!(cx.words, "chat-help-unknown-account"))).await;
                }
                let call = call(&cx.envelope.event, args);
                if let Event::Message { text, .. } = &cx.envelope.event
                    && text.chars().count() > MAX_TEXT
                {
                    let text = say!(cx.words, "chat-too-long", limit = MAX_TEXT);
                    return cx.reply_private(Message::text(text)).await;
                }
                command.run(cx, &call).await
            }
        }
    }

    /// Notes that a person did something with the bot, and where.
    ///
    /// # Errors
    /// The database's error.
    pub async fn note_activity(&self, person: &str, place: &Place, account: &Account) -> Result<()> {
        self.db().write(|tx| async move { active(&tx, person, place, account).await }).await
    }
}

/// A person did something with the bot now, there: what waited because nothing reached them can be sent.
pub(super) async fn active(tx: &Tx, person: &str, place: &Place, account: &Account) -> Result<()> {
    let place = Place { thread: None, ..place.clone() };
    tx.exec(
        "INSERT INTO last_activity (person, at, place, account) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person) DO UPDATE SET at = excluded.at, place = excluded.place, account = excluded.account",
        args![person, tx.now(), serde_json::to_string(&place)?, serde_json::to_string(account)?],
    )
    .await?;
    crate::delivery::seen(tx, person).await
}

/// A refusal as CommonMark. What it quotes may be people's words: nothing of it counts as markup but what is to be typed, which
/// stands in bold.
fn refusal(text: &str) -> String {
    let parts: Vec<String> = text.split("**").map(super::literal).collect();
    if parts.len() % 2 == 1 { parts.join("**") } else { super::literal(text) }
}

/// A short number under which the operator finds the event in the log.
fn reference(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).rev().take(6).collect::<Vec<_>>().into_iter().rev().collect()
}

fn call(event: &Event, args: Args) -> Call {
    match event {
        Event::Submit { values, .. } => Call { args, values: Some(values.clone()), ..Call::default() },
        Event::Action { message, .. } => Call { args, pressed: message.clone(), ..Call::default() },
        Event::Shortcut { message, .. } => Call { args, message: Some(message.clone()), ..Call::default() },
        _ => Call { args, ..Call::default() },
    }
}

/// Cuts what is longer than anything that could be meant; a longer chat message is refused kindly later.
fn bound(envelope: &mut Envelope) {
    let cut = |text: &mut String| {
        if let Some((at, _)) = text.char_indices().nth(MAX_TEXT + 1) {
            text.truncate(at);
        }
        text.retain(|c| c == '\n' || c == '\t' || !c.is_control());
    };
    match &mut envelope.event {
        Event::Message { text, .. } | Event::Edited { text, .. } => cut(text),
        Event::Command { args, .. } => cut(args),
        Event::Action { command, .. } => cut(command),
        Event::Submit { values, .. } => values.values_mut().for_each(cut),
        Event::Shortcut { message, .. } => cut(&mut message.text),
        Event::Deleted { .. } | Event::Reaction { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_stands_out_in_a_refusal_and_nothing_else_does() {
        assert_eq!(refusal("Type **team** for all."), "Type **team** for all.");
        assert_eq!(
            refusal("[x](https://evil.example) is **no** <b>"),
            "\\[x\\]\\(https://evil.example\\) is **no** \\<b\\>"
        );
        assert_eq!(refusal("a ** b"), "a \\*\\* b", "a mark without its end is none");
    }

    #[test]
    fn what_people_say_for_a_word_is_the_whole_message() {
        assert_eq!(in_other_words("When is my training due?"), Some("training"));
        assert_eq!(in_other_words("my data"), Some("mydata"));
        assert_eq!(in_other_words("My data is gone, what now?"), None);
    }
}
