//! When to speak: always when asked directly; in a channel as its setting says. Silence has a stored reason.

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::Watcher;
use stoa_flow::chat::{Button, Context, Event, Message, Place};
use stoa_flow::nudges::{self, About, Decision};
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Error, Instant, Result, args};

use super::command::{Overheard, overheard};
use super::learn;
use super::model::Modelled;
use crate::Services;
use crate::search::words;

/// How sure an answer must be that nobody asked for.
const VERY_SURE: f64 = 0.85;
/// How long the bot keeps silent in a channel after it spoke unasked.
const PAUSE: i64 = 10 * Instant::SECOND * 60;
/// The shortest and the longest message that is taken for a question, in words.
const WORDS: std::ops::RangeInclusive<usize> = 3..=60;

/// How the bot answers: its language model, and when it speaks in channels.
#[derive(Clone, Default)]
pub struct Asking {
    /// The language model, if there is one.
    pub model: Option<Modelled>,
    /// In channels of which nothing else is said.
    pub speak: Speak,
    /// Channels of which the configuration says something; a setting made in the channel wins.
    pub channels: Vec<ChannelRule>,
}

/// When the bot speaks in one channel, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRule {
    /// The platform; any when it is empty.
    pub platform: String,
    /// The channel's id on the platform.
    pub channel: String,
    /// When it speaks there.
    pub speak: Speak,
}

/// When the bot speaks in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speak {
    /// When it is mentioned.
    #[default]
    Mention,
    /// Also when somebody asks a question that it can answer.
    Questions,
    /// Also when nobody asked, and it is very sure.
    Unasked,
}

impl Speak {
    /// As it is written: `mention`, `questions` or `unasked`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Questions => "questions",
            Self::Unasked => "unasked",
        }
    }
}

impl FromStr for Speak {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Mention, Self::Questions, Self::Unasked];
        let found = all.into_iter().find(|s| s.word() == text.trim().to_lowercase());
        found.ok_or_else(|| Error::invalid(format!("'{text}' is not one of mention, questions, unasked")))
    }
}

/// How a channel is set.
pub(super) async fn setting(conn: &Conn, asking: &Asking, place: &Place) -> Result<Speak> {
    let row = conn
        .opt(
            "SELECT speak FROM answer_channel WHERE platform = $1 AND workspace = $2 AND channel = $3",
            args![&place.platform, &place.workspace, &place.channel],
        )
        .await?;
    if let Some(row) = row {
        return row.get::<String>("speak")?.parse();
    }
    let fits = |r: &&ChannelRule| r.channel == place.channel && (r.platform.is_empty() || r.platform == place.platform);
    Ok(asking.channels.iter().find(fits).map_or(asking.speak, |r| r.speak))
}

/// Whoever may set up the channel in which this is said.
pub(super) async fn responsible<'a>(cx: &'a Context<'_>) -> Result<&'a Person> {
    let person = cx.person()?;
    if cx.place().direct {
        return Err(Error::Invalid(say!(cx.words, "answers-channel-here")));
    }
    if !cx.db().read(|c| async move { people::roles_of(&c, person).await }).await?.contains(&Role::Learning) {
        return Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = say!(cx.words, "role-learning"))));
    }
    Ok(person)
}

/// The word `channel`: shows the setting, or changes it.
pub(super) async fn set(services: &Services, cx: &Context<'_>, wanted: Option<&str>) -> Result<()> {
    let (person, place) = (responsible(cx).await?, cx.place());
    let now = match wanted {
        Some(word) => word.parse::<Speak>()?,
        None => cx.db().read(|c| async move { setting(&c, &services.asking, place).await }).await?,
    };
    if wanted.is_some() && now != Speak::Mention && cx.flow.audience(place).await?.outsiders {
        return Err(Error::Invalid(say!(cx.words, "answers-channel-outsiders")));
    }
    let says = match now {
        Speak::Mention => say!(cx.words, "answers-channel-mention"),
        Speak::Questions => say!(cx.words, "answers-channel-questions"),
        Speak::Unasked => say!(cx.words, "answers-channel-unasked"),
    };
    let learns = cx.db().read(|c| async move { learn::learns(&c, place).await }).await?;
    let button = |label: String, speak: Speak| Button::new(label, format!("ask channel {}", speak.word()));
    let buttons = vec![
        button(say!(cx.words, "answers-channel-mention-button"), Speak::Mention),
        button(say!(cx.words, "answers-channel-questions-button"), Speak::Questions),
        button(say!(cx.words, "answers-channel-unasked-button"), Speak::Unasked),
        match learns {
            true => Button::new(say!(cx.words, "answers-channel-unlearn-button"), "ask channel unlearn"),
            false => Button::new(say!(cx.words, "answers-channel-learn-button"), "ask channel learn"),
        },
    ];
    let message = &Message::text(says).buttons(if wanted.is_some() { Vec::new() } else { buttons });
    cx.commit(|turn| async move {
        if wanted.is_some() {
            turn.exec(
                "INSERT INTO answer_channel (platform, workspace, channel, speak, set_by, at) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (platform, workspace, channel)
                 DO UPDATE SET speak = excluded.speak, set_by = excluded.set_by, at = excluded.at",
                args![&place.platform, &place.workspace, &place.channel, now.word(), &person.id, turn.now()],
            )
            .await?;
        }
        turn.reply_private(message.clone()).await
    })
    .await
}

/// Hears what is said in channels and not to the bot.
pub(super) struct Listener(pub Arc<Services>);

/// Why nothing was said: a sentence of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// The channel is set to mentions.
    Mention,
    /// Nothing that everyone may read answers it.
    Unsure,
    /// The bot spoke in this channel a moment ago.
    Spoke,
    /// People from outside read along.
    Outsiders,
}

impl Silence {
    fn code(self) -> &'static str {
        let key = match self {
            Self::Mention => words_key!("why-silent-mention"),
            Self::Unsure => words_key!("why-silent-unsure"),
            Self::Spoke => words_key!("why-silent-spoke"),
            Self::Outsiders => words_key!("why-silent-outsiders"),
        };
        key.trim_start_matches("why-")
    }
}

#[async_trait]
impl Watcher for Listener {
    async fn seen(&self, cx: &Context<'_>) -> Result<()> {
        let Event::Message { text, to_bot: false, .. } = &cx.envelope.event else { return Ok(()) };
        let place = cx.place();
        if place.direct || !WORDS.contains(&words(text).len()) {
            return Ok(());
        }
        let question = is_question(text);
        let speak = cx.db().read(|c| async move { setting(&c, &self.0.asking, place).await }).await?;
        match speak {
            Speak::Mention if question => self.silent(cx, Silence::Mention).await,
            Speak::Questions if question => self.answer(cx, text, super::THRESHOLD).await,
            Speak::Unasked => self.answer(cx, text, if question { super::THRESHOLD } else { VERY_SURE }).await,
            _ => Ok(()),
        }
    }
}

impl Listener {
    async fn answer(&self, cx: &Context<'_>, text: &str, sure: f64) -> Result<()> {
        let place = cx.place();
        let since = cx.db().clock().now().plus(-PAUSE);
        // An event that is seen again after a failure has spoken already.
        let row = cx
            .db()
            .opt(
                "SELECT COUNT(*) AS n FROM question WHERE platform = $1 AND channel = $2 AND unasked = 1 AND asked > $3
                 AND event <> $4",
                args![&place.platform, &place.channel, since, &cx.envelope.key],
            )
            .await?;
        if row.map_or(Ok(0), |r| r.get::<i64>("n"))? > 0 {
            return self.silent(cx, Silence::Spoke).await;
        }
        match overheard(&self.0, cx, text, sure).await? {
            Overheard::Answered => Ok(()),
            Overheard::Outsiders => self.silent(cx, Silence::Outsiders).await,
            Overheard::Unsure => self.silent(cx, Silence::Unsure).await,
        }
    }

    async fn silent(&self, cx: &Context<'_>, why: Silence) -> Result<()> {
        let Some(person) = &cx.known else { return Ok(()) };
        let key = format!("silence/{}", cx.envelope.key);
        let key = &key;
        cx.db()
            .write(|tx| async move {
                let about = About { key, person: &person.id, kind: super::command::ANSWER, item: "" };
                nudges::record(&tx, &about, &Decision::Withhold { why: why.code().into() }).await
            })
            .await
    }
}

/// Whether a message asks something: it ends with a question mark, or begins as a question does.
pub(super) fn is_question(text: &str) -> bool {
    let text = text.trim();
    if text.contains('?') {
        // "Really?? See you at 5" is not one; a question mark at a sentence's end is.
        return text.ends_with('?') || text.contains("? ") || text.contains("?\n");
    }
    let first: Vec<String> = words(text).into_iter().take(2).map(|w| w.folded).collect();
    let begins = |all: &[&str]| first.first().is_some_and(|w| all.contains(&w.as_str()));
    let then = |all: &[&str]| first.get(1).is_some_and(|w| all.contains(&w.as_str()));
    begins(&["how", "what", "where", "when", "who", "which", "why"])
        && then(&[
            "do", "does", "did", "can", "could", "to", "is", "are", "should", "would", "must", "i", "we", "much",
            "many", "long", "often",
        ])
        || begins(&["does", "anyone", "anybody", "wie", "wo", "wann", "wer"]) && first.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_talk() {
        for question in [
            "How do I claim expenses",
            "where is the form?",
            "Does anyone know the VPN gateway",
            "Morning! Who approves travel?\nThanks",
        ] {
            assert!(is_question(question), "{question}");
        }
        for talk in ["How nice to see you", "Lunch at twelve", "What a day", "ok", "See https://e.org/?q=1 for more"] {
            assert!(!is_question(talk), "{talk}");
        }
    }
}
