//! The end of a course: the sentence that somebody puts their name under, and the code by mail or the sign-in where a signature
//! is asked for.

use stoa_flow::chat::{Button, Call, Context, Field, FieldError, Form, Message, Turn, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person};
use stoa_ground::{Error, Instant, Result};

use super::form::value;
use super::view::masked;
use super::{Scene, mine};
use crate::training::attest::{self, Attestation, Level, Redeemed};
use crate::training::course;
use crate::training::life;
use crate::training::progress::{self, Point, point};

/// The fields with the typed name and the code.
const NAME: &str = "name";
const CODE: &str = "code";
/// Digits of a content's digest that are shown.
const SHOWN: usize = 12;

/// Whether two names are the same without regard to case, spaces, and to what a keyboard makes of an apostrophe or a hyphen.
fn same_name(typed: &str, name: &str) -> bool {
    let typed = people::typed(typed);
    !typed.is_empty() && typed == people::typed(name)
}

/// Name, local time with its zone, and content, as they are shown beside the sentence.
pub(super) fn particulars(words: &Words, person: &Person, version: &str, at: Instant) -> String {
    let local = attest::local(person, at);
    let when = format!("{} {} ({})", words.date(local.date()), words.time(local.time()), person.timezone);
    let content: String = version.chars().take(SHOWN).collect();
    say!(words, "training-attest-particulars", name = literal(&person.name), when = when, content = content)
}

/// The form with the sentence, when it is its turn.
pub(super) async fn form(cx: &Context<'_>, call: &Call, id: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    let read = cx.db().read(|c| async move {
        let a = mine(&c, words, person, id).await?;
        let Some(version) = a.course_version.clone() else { return Ok(None) };
        let course = course::content(&c, &version).await?;
        let progress = progress::load(&c, id).await?;
        if point(&course, &a, &progress) != Point::Attest {
            return Ok(None);
        }
        let level = attest::demanded(&c, &a, &course).await?;
        Ok(Some((version, course, level)))
    });
    let Some((version, course, level)) = read.await? else { return Ok(None) };
    let text = course.attestation.unwrap_or_default();
    let shown = particulars(words, person, &version, cx.db().clock().now());
    let mut name = Field::text(NAME, say!(words, "training-attest-name"), false, 200);
    name.hint = Some(say!(words, "training-attest-name-hint", name = &person.name));
    let mut fields = vec![name];
    if level == Level::MailCode {
        let mut code = Field::text(CODE, say!(words, "training-code-field"), false, 40);
        code.hint = Some(say!(words, "training-code-hint"));
        fields.push(code);
    }
    let signs = level.is_signature();
    Ok(Some(Form {
        // The message whose button opened it is edited when it is done.
        command: format!("training sign {id} {version} {}", call.pressed.as_deref().unwrap_or_default())
            .trim_end()
            .into(),
        title: if signs { say!(words, "training-sign-title") } else { say!(words, "training-attest-title") },
        intro: Some(format!("{}\n\n{}\n\n{shown}", literal(&text), attest::meaning(words, level))),
        fields,
        submit: if signs { say!(words, "training-sign-submit") } else { say!(words, "training-attest-submit") },
    }))
}

/// The name must be the person's own, and where a code is needed there must be one.
pub(super) async fn check(cx: &Context<'_>, args: &str, call: &Call) -> Result<Vec<FieldError>> {
    let (person, words) = (cx.person()?, cx.words);
    let wrong = |field: &str, why: String| Ok(vec![FieldError { field: field.into(), why }]);
    if !same_name(value(call, NAME), &person.name) {
        return wrong(NAME, say!(words, "training-attest-name-wrong", name = &person.name));
    }
    let id = args.split_whitespace().next().unwrap_or_default();
    let read = cx.db().read(|c| async move {
        let a = mine(&c, words, person, id).await?;
        let Some(version) = &a.course_version else { return Ok(Level::default()) };
        attest::demanded(&c, &a, &course::content(&c, version).await?).await
    });
    if read.await? == Level::MailCode && value(call, CODE).is_empty() {
        return wrong(CODE, say!(words, "training-code-empty"));
    }
    Ok(Vec::new())
}

impl Scene<'_> {
    /// Mails a code, when it is its turn.
    pub(super) async fn code(&self, turn: &Turn, id: &str, event: &str) -> Result<()> {
        let (words, desk) = (self.words, self.desk(turn, id).await?);
        if desk.point() != Point::Attest || desk.level != Level::MailCode {
            return turn.replace(self.pressed, self.show(turn, &desk).await?).await;
        }
        let Some(email) = &self.person.email else {
            return Err(Error::invalid(say!(words, "training-code-no-address")));
        };
        let sent = attest::send(turn, &desk.a, self.person, &desk.course, email, event).await?;
        let message = if sent {
            let enter = Button::primary(say!(words, "training-code-enter-button"), format!("training attest {id}"));
            let text = say!(words, "training-code-sent", email = literal(&masked(email)), minutes = attest::MINUTES);
            Message::text(text).buttons(vec![enter])
        } else {
            Message::text(say!(words, "training-code-enough"))
        };
        turn.replace(self.pressed, message).await
    }

    /// The attestation, for the content that the person has read and no other. `opened` is the message whose button opened the
    /// form; it says what became of it.
    pub(super) async fn sign(
        &self,
        turn: &Turn,
        id: &str,
        version: &str,
        opened: Option<&str>,
        call: &Call,
    ) -> Result<()> {
        let (words, person) = (self.words, self.person);
        let mut desk = self.desk(turn, id).await?;
        if desk.point() != Point::Attest {
            // What was signed there goes on saying so.
            let opened = opened.filter(|_| desk.a.attested.is_none());
            return turn.replace(opened, self.show(turn, &desk).await?).await;
        }
        if desk.a.course_version.as_deref() != Some(version) {
            return Err(Error::invalid(say!(words, "training-attest-changed")));
        }
        turn.forget().await?;
        let typed = value(call, NAME);
        if !same_name(typed, &person.name) {
            return Err(Error::invalid(say!(words, "training-attest-name-wrong", name = &person.name)));
        }
        if desk.level == Level::MailCode {
            let left = match attest::redeem(turn, &desk.a, person, &desk.course, value(call, CODE)).await? {
                Redeemed::Right => None,
                Redeemed::Wrong(left) => Some(say!(words, "training-code-wrong", left = left)),
                Redeemed::Gone => Some(say!(words, "training-code-gone")),
            };
            // The try counts, so this is an answer and no refusal that takes everything back.
            if let Some(text) = left {
                let again = vec![
                    Button::primary(say!(words, "training-code-enter-button"), format!("training attest {id}")),
                    Button::new(say!(words, "training-code-again-button"), format!("training code {id}")),
                ];
                return turn.replace(opened, Message::text(text).buttons(again)).await;
            }
        }
        if desk.level == Level::Oidc {
            return self.ask_sign_in(turn, &desk, typed, opened).await;
        }
        let meaning = attest::meaning(words, desk.level);
        let what = Attestation { meaning, typed: typed.to_owned(), level: desk.level, signed_in: None };
        desk.a = life::attest(turn, self.services, person, &desk.a, &desk.course, &what).await?;
        if desk.point() == Point::Finish {
            desk.a = life::complete(turn, self.services, person, &desk.a, None).await?;
        }
        let shown = particulars(words, person, version, turn.now());
        let note = if desk.level.is_signature() {
            say!(words, "training-signed", particulars = shown)
        } else {
            say!(words, "training-confirmed", particulars = shown)
        };
        turn.replace(opened, self.show(turn, &desk).await?.context(note)).await
    }
}
