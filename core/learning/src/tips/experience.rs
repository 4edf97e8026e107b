//! `did`: "I did this", with a day, a duration and a link, and a colleague who confirms it (R45).

pub(super) mod store;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use serde_json::json;
use stoa_flow::chat::{Args, Button, Call, Command, Context, Field, FieldError, Form, Message, Style, literal};
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Error, Instant, Result};

use super::message::{self, LISTED};
use super::{social, statements, text};
use crate::Services;

/// The longest description, in characters.
const LONGEST: usize = 1_000;
/// The longest duration, in minutes: a month of working days.
const MINUTES: i64 = 10_000;

/// What the colleague said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    None,
    Asked,
    Confirmed,
    Declined,
}

impl Confirmation {
    const ALL: [Self; 4] = [Self::None, Self::Asked, Self::Confirmed, Self::Declined];

    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
        }
    }
}

/// Something that a person did and learned from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Experience {
    pub id: String,
    /// Person id.
    pub person: String,
    pub text: String,
    /// The person's own day.
    pub day: Date,
    pub minutes: Option<i64>,
    pub link: Option<String>,
    /// The colleague who is or was asked: a person's id.
    pub confirmer: Option<String>,
    pub confirmation: Confirmation,
    pub statement: String,
    pub logged: Instant,
}

impl Experience {
    /// When it happened, as a statement has it: noon of its day, and never after it was logged.
    pub fn at(&self) -> Instant {
        let noon = self.day.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
        noon.map_or(self.logged, |z| Instant::from(&z)).min(self.logged)
    }

    /// Day, duration and link in one line.
    pub fn line(&self, words: &'static Words) -> String {
        let mut parts = vec![words.date(self.day)];
        parts.extend(self.minutes.map(|m| say!(words, "tips-did-minutes", minutes = m)));
        parts.extend(self.link.as_ref().map(|l| format!("<{l}>")));
        parts.join(" · ")
    }
}

/// The command `did`.
pub(super) struct Did(pub Arc<Services>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Colleague,
    Ask,
    Confirm,
    Decline,
    Withdraw,
}

fn deed(args: &Args) -> Option<(Deed, &str)> {
    let (word, id) = args.split();
    id.parse::<uuid::Uuid>().ok()?;
    let deed = match word.as_str() {
        "colleague" => Deed::Colleague,
        "ask" => Deed::Ask,
        "confirm" => Deed::Confirm,
        "decline" => Deed::Decline,
        "withdraw" => Deed::Withdraw,
        _ => return None,
    };
    Some((deed, id))
}

/// What a form says, read.
struct Entry {
    text: String,
    day: Date,
    minutes: Option<i64>,
    link: Option<String>,
}

/// Reads the form's values; every field that is wrong with a sentence.
fn entry(words: &'static Words, call: &Call, today: Date) -> Result<Entry, Vec<FieldError>> {
    let value = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", |v| v.trim());
    let mut errors = Vec::new();
    let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });
    let text = text::clean(value("text"));
    if !text.chars().any(char::is_alphanumeric) || text.chars().count() > LONGEST {
        wrong("text", say!(words, "tips-did-text-wrong", limit = LONGEST));
    }
    let day = match value("day") {
        "" => Some(today),
        day => day.parse::<Date>().ok().filter(|d| *d <= today && d.year() >= today.year() - 50),
    };
    if day.is_none() {
        wrong("day", say!(words, "tips-did-day-wrong"));
    }
    let minutes = match value("minutes") {
        "" => Some(None),
        m => m.parse::<i64>().ok().filter(|m| (1..=MINUTES).contains(m)).map(Some),
    };
    if minutes.is_none() {
        wrong("minutes", say!(words, "tips-did-minutes-wrong"));
    }
    let link = match value("link") {
        "" => Some(None),
        l => Some(Some(l.to_owned())).filter(|_| {
            let web = l.starts_with("https://") || l.starts_with("http://");
            web && l.len() <= 500 && stoa_ground::xapi::iri(l).is_ok() && !l.contains(['<', '>', ' ', '\\'])
        }),
    };
    if link.is_none() {
        wrong("link", say!(words, "tips-did-link-wrong"));
    }
    match (day, minutes, link) {
        (Some(day), Some(minutes), Some(link)) if errors.is_empty() => Ok(Entry { text, day, minutes, link }),
        _ => Err(errors),
    }
}

fn today(cx: &Context<'_>, person: &Person) -> Date {
    cx.flow.clock().now().zoned(&people::zone(person)).date()
}

/// Whether words after "did the" say what was done and ask nothing: "fire safety training on Monday" does, "training change"
/// does not. At most three words stand before what one does to learn, and nothing but a time or place behind it.
fn names_a_course(rest: &str) -> bool {
    const DONE: &[&str] = &[
        "course",
        "training",
        "workshop",
        "class",
        "webinar",
        "seminar",
        "conference",
        "talk",
        "lesson",
        "module",
        "quiz",
        "exam",
        "drill",
        "induction",
    ];
    const BEHIND: &[&str] = &["today", "yesterday", "last", "this", "on", "in", "at", "with"];
    let words: Vec<String> =
        rest.split_whitespace().map(|w| w.trim_end_matches(['.', ',', '!']).to_lowercase()).collect();
    let is = |word: &str, all: &[&str]| all.contains(&word);
    let Some(at) = words.iter().take(4).rposition(|word| is(word, DONE)) else { return false };
    let more = words[..at].iter().any(|word| is(word, &["the", "a", "an", "my", "our", "your"]));
    !more && words.get(at + 1).is_none_or(|word| is(word, BEHIND))
}

#[async_trait]
impl Command for Did {
    fn word(&self) -> &'static str {
        "did"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-did")
    }

    fn accepts(&self, args: &Args) -> bool {
        // "did you…", "did we get…" and what ends in a question mark are questions.
        let asks = ["you", "we", "they", "i", "he", "she", "it", "anyone", "anybody", "someone"];
        match args.split() {
            _ if args.text().ends_with('?') => false,
            (first, rest) if ["the", "my", "our"].contains(&first.as_str()) => names_a_course(rest),
            (first, _) => !asks.contains(&first.as_str()),
        }
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let words = cx.words;
        let optional = |field: Field, hint: String| Field { optional: true, hint: Some(hint), ..field };
        if let Some((Deed::Colleague, id)) = deed(&call.args) {
            return Ok(Some(Form {
                command: format!("did ask {id}"),
                title: say!(words, "tips-did-colleague-title"),
                intro: None,
                fields: vec![Field {
                    hint: Some(say!(words, "tips-did-colleague-hint")),
                    ..Field::text("colleague", say!(words, "tips-did-colleague"), false, 200)
                }],
                submit: say!(words, "tips-did-ask-button"),
            }));
        }
        if !matches!(call.args.text(), "" | "write") {
            return Ok(None);
        }
        Ok(Some(Form {
            command: "did save".into(),
            title: say!(words, "tips-did-title"),
            intro: None,
            fields: vec![
                Field::text("text", say!(words, "tips-did-text"), true, LONGEST),
                optional(Field::text("day", say!(words, "tips-did-day"), false, 10), say!(words, "tips-did-day-hint")),
                optional(
                    Field::text("minutes", say!(words, "tips-did-duration"), false, 5),
                    say!(words, "tips-did-duration-hint"),
                ),
                optional(
                    Field::text("link", say!(words, "tips-did-link"), false, 500),
                    say!(words, "tips-did-link-hint"),
                ),
            ],
            submit: say!(words, "tips-save"),
        }))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let Some(person) = &cx.known else { return Ok(Vec::new()) };
        if let Some((Deed::Ask, _)) = deed(&call.args) {
            let found = self.colleague(cx, person, call).await;
            return Ok(match found {
                Err(Error::Invalid(why) | Error::NotFound(why)) => {
                    vec![FieldError { field: "colleague".into(), why }]
                }
                Err(e) => return Err(e),
                Ok(_) => Vec::new(),
            });
        }
        Ok(entry(cx.words, call, today(cx, person)).err().unwrap_or_default())
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        if let (Some(from), None) = (message::mine_from(&call.args), &call.values) {
            return self.mine(cx, person, from).await;
        }
        match (deed(&call.args), call.args.text()) {
            (Some((Deed::Ask, id)), _) => self.ask(cx, person, call, id).await,
            (Some((deed @ (Deed::Confirm | Deed::Decline), id)), _) => {
                self.confirm(cx, person, id, deed == Deed::Confirm).await
            }
            (Some((Deed::Withdraw, id)), _) => self.withdraw(cx, person, call, id).await,
            (Some((Deed::Colleague, _)), _) => {
                cx.reply_private(Message::text(say!(cx.words, "tips-did-colleague-hint"))).await
            }
            (None, "" | "write") if call.values.is_none() => {
                let buttons = vec![
                    Button::primary(say!(cx.words, "tips-did-write-button"), "did write"),
                    Button::new(say!(cx.words, "tips-did-mine-button"), "did mine"),
                ];
                cx.reply_private(Message::text(say!(cx.words, "tips-did-how")).buttons(buttons)).await
            }
            (None, text) => {
                let call = match call.values {
                    Some(_) => call.clone(),
                    None => Call { values: Some([("text".to_owned(), text.to_owned())].into()), ..Call::default() },
                };
                let entry = entry(cx.words, &call, today(cx, person))
                    .map_err(|e| Error::Invalid(e.into_iter().map(|e| e.why).collect::<Vec<_>>().join(" ")))?;
                self.log(cx, person, &entry).await
            }
        }
    }
}

impl Did {
    async fn log(&self, cx: &Context<'_>, person: &Person, entry: &Entry) -> Result<()> {
        let emitter = &self.0.emitter;
        cx.commit(|turn| async move {
            let mut experience = Experience {
                id: turn.clock().id().to_string(),
                person: person.id.clone(),
                text: entry.text.clone(),
                day: entry.day,
                minutes: entry.minutes,
                link: entry.link.clone(),
                confirmer: None,
                confirmation: Confirmation::None,
                statement: String::new(),
                logged: turn.now(),
            };
            experience.statement = emitter.emit(&turn, statements::experienced(person, &experience, None)).await?;
            store::save(&turn, &experience).await?;
            let message = Message::text(say!(cx.words, "tips-did-logged"))
                .and(stoa_flow::chat::Block::Quote {
                    text: text::markdown(&experience.text),
                    source: Some(experience.line(cx.words)),
                })
                .buttons(buttons(cx.words, &experience));
            turn.reply_private(message).await
        })
        .await
    }

    async fn mine(&self, cx: &Context<'_>, person: &Person, from: usize) -> Result<()> {
        let all = cx.db().read(|c| async move { store::of(&c, &person.id).await }).await?;
        let mut message = Message::new();
        for experience in all.iter().skip(from).take(LISTED) {
            let state = cx.words.say(match experience.confirmation {
                Confirmation::None => words_key!("tips-did-state-none"),
                Confirmation::Asked => words_key!("tips-did-state-asked"),
                Confirmation::Confirmed => words_key!("tips-did-state-confirmed"),
                Confirmation::Declined => words_key!("tips-did-state-declined"),
            });
            let text = literal(&text::shorten(&text::title(None, &experience.text), 80));
            message = message
                .paragraph(text)
                .context(format!("{} · {state}", experience.line(cx.words)))
                .buttons(buttons(cx.words, experience));
        }
        message = message.buttons(message::more(cx.words, "did", all.len(), from + LISTED));
        if all.is_empty() {
            message = Message::text(say!(cx.words, "tips-did-none"))
                .buttons(vec![Button::primary(say!(cx.words, "tips-did-write-button"), "did write")]);
        }
        cx.reply_private(message).await
    }

    /// Whom the form names: somebody else who works here.
    async fn colleague(&self, cx: &Context<'_>, person: &Person, call: &Call) -> Result<Person> {
        let name = call.values.as_ref().and_then(|v| v.get("colleague")).map_or("", |v| v.trim());
        let found = cx.db().read(|c| async move { people::find(&c, name).await }).await;
        let found = match found {
            Err(Error::NotFound(_)) => return Err(Error::Invalid(say!(cx.words, "tips-did-colleague-unknown"))),
            other => other?,
        };
        if found.id == person.id || found.status == Status::Left {
            return Err(Error::Invalid(say!(cx.words, "tips-did-colleague-wrong")));
        }
        Ok(found)
    }

    async fn ask(&self, cx: &Context<'_>, person: &Person, call: &Call, id: &str) -> Result<()> {
        let colleague = self.colleague(cx, person, call).await?;
        let colleague = &colleague;
        cx.commit(|turn| async move {
            let found = store::experience(&turn, id).await?.filter(|e| e.person == person.id);
            let Some(mut experience) = found else { return Err(gone(cx)) };
            if experience.confirmation == Confirmation::Confirmed {
                return turn.reply_private(Message::text(say!(cx.words, "chat-already-done"))).await;
            }
            if let Some(old) = &experience.confirmer {
                let key = social::experience_key(id, old);
                delivery::cancel(&turn, &key, words_key!("why-done")).await?;
            }
            experience.confirmer = Some(colleague.id.clone());
            experience.confirmation = Confirmation::Asked;
            store::save(&turn, &experience).await?;
            let request = NewDelivery {
                key: social::experience_key(id, &colleague.id),
                kind: social::KIND,
                person: Some(colleague.id.clone()),
                payload: json!({ "about": "did", "id": id }),
                item: id.to_owned(),
                step: "confirm".into(),
                expires: Some(turn.now().plus(social::PATIENCE)),
                ..NewDelivery::default()
            };
            if !delivery::enqueue(&turn, &request).await? {
                // The same colleague again: the message that is there asks once more.
                delivery::revise(&turn, &request.key).await?;
            }
            let text = say!(cx.words, "tips-did-asked", name = literal(&colleague.name));
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    /// The colleague's word. Confirmed: the statement is replaced by one with the colleague in it.
    async fn confirm(&self, cx: &Context<'_>, me: &Person, id: &str, yes: bool) -> Result<()> {
        let emitter = &self.0.emitter;
        cx.commit(|turn| async move {
            let found = store::experience(&turn, id).await?.filter(|e| e.confirmer.as_ref() == Some(&me.id));
            let Some(mut experience) = found else { return Err(gone(cx)) };
            if experience.confirmation == Confirmation::Asked {
                experience.confirmation = if yes { Confirmation::Confirmed } else { Confirmation::Declined };
                if yes {
                    let Some(person) = people::by_id(&turn, &experience.person).await? else { return Err(gone(cx)) };
                    emitter.void(&turn, &experience.statement, &person, "confirmed by a colleague").await?;
                    let draft = statements::experienced(&person, &experience, Some(me));
                    experience.statement = emitter.emit(&turn, draft).await?;
                }
                store::save(&turn, &experience).await?;
            }
            delivery::revise(&turn, &social::experience_key(id, &me.id)).await
        })
        .await
    }

    async fn withdraw(&self, cx: &Context<'_>, person: &Person, call: &Call, id: &str) -> Result<()> {
        let emitter = &self.0.emitter;
        cx.commit(|turn| async move {
            let found = store::experience(&turn, id).await?.filter(|e| e.person == person.id);
            let Some(experience) = found else { return Err(gone(cx)) };
            emitter.void(&turn, &experience.statement, person, "withdrawn").await?;
            store::delete(&turn, id).await?;
            if let Some(confirmer) = &experience.confirmer {
                delivery::cancel(&turn, &social::experience_key(id, confirmer), words_key!("why-done")).await?;
            }
            turn.replace(call.pressed.as_deref(), Message::text(say!(cx.words, "tips-did-withdrawn"))).await
        })
        .await
    }
}

fn gone(cx: &Context<'_>) -> Error {
    Error::Invalid(say!(cx.words, "tips-did-gone"))
}

fn buttons(words: &'static Words, experience: &Experience) -> Vec<Button> {
    let mut buttons = Vec::new();
    if experience.confirmation != Confirmation::Confirmed {
        let ask = format!("did colleague {}", experience.id);
        buttons.push(Button::new(say!(words, "tips-did-ask-button"), ask));
    }
    let withdraw = format!("did withdraw {}", experience.id);
    buttons.push(Button { style: Style::Danger, ..Button::new(say!(words, "tips-withdraw-button"), withdraw) });
    buttons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_from_what_is_asked() {
        for done in
            ["the safety training", "my first aid course on Friday, with Bo", "The fire drill.", "our quiz today"]
        {
            let rest = done.split_once(' ').unwrap().1;
            assert!(names_a_course(rest), "{done}");
        }
        for asked in
            ["the course change", "the server crash", "my manager like the course", "the new fire drill plan work"]
        {
            let rest = asked.split_once(' ').unwrap().1;
            assert!(!names_a_course(rest), "{asked}");
        }
    }
}
