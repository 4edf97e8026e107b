//! `link`: an account on a chat platform becomes that of a person, by a one-time code. The code comes by e-mail to the
//! address that the roster has, or from the operator (`stoa people link`). Before that the account gets nothing personal.

use async_trait::async_trait;
use stoa_flow::chat::{Args, Button, Call, Command, Context, Field, FieldError, Form, Message, Style, literal};
use stoa_flow::delivery::MAIL;
use stoa_flow::{Parts, say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Error, Instant, Result, Tx, args};

use crate::codes::{self, Letter};

/// Codes that are sent to one person in an hour, whoever asks for them.
const CODES: i64 = 3;
/// The most characters of an address and of a code.
const EMAIL: usize = 254;
const CODE: usize = 200;

/// The command.
#[must_use]
pub fn parts() -> Parts {
    Parts { commands: vec![Box::new(Link)], ..Parts::default() }
}

/// The command `link`.
struct Link;

#[async_trait]
impl Command for Link {
    fn word(&self) -> &'static str {
        "link"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-link")
    }

    fn public(&self) -> bool {
        true
    }

    fn accepts(&self, args: &Args) -> bool {
        !args.text().contains(char::is_whitespace)
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let words = cx.words;
        let (command, title, field, submit) = match call.args.text() {
            "" if cx.known.is_none() && by_mail(cx) => (
                "link send",
                say!(words, "link-title"),
                Field::text("email", say!(words, "link-email"), false, EMAIL),
                say!(words, "link-send"),
            ),
            "code" => (
                "link code",
                say!(words, "link-title"),
                Field::text("code", say!(words, "link-code"), false, CODE),
                say!(words, "link-confirm"),
            ),
            _ => return Ok(None),
        };
        Ok(Some(Form { command: command.into(), title, intro: None, fields: vec![field], submit }))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let given = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", |v| v.trim());
        let wrong = |field: &str, why: String| Ok(vec![FieldError { field: field.into(), why }]);
        match call.args.text() {
            "send" if !looks_like_mail(given("email")) => wrong("email", say!(cx.words, "link-no-address")),
            "code" if given("code").is_empty() => wrong("code", say!(cx.words, "link-no-code")),
            _ => Ok(Vec::new()),
        }
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let given = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map(|v| v.trim().to_owned());
        let text = call.args.text();
        match text {
            "send" => self.send(cx, &given("email").unwrap_or_default()).await,
            "code" => self.confirm(cx, &given("code").unwrap_or_default()).await,
            "remove" => self.ask_to_remove(cx).await,
            "remove now" => self.remove(cx).await,
            "" => self.about_this(cx).await,
            address if looks_like_mail(address) => self.send(cx, address).await,
            code => self.confirm(cx, code).await,
        }
    }
}

impl Link {
    /// Whose account it is, and what can be done about it.
    async fn about_this(&self, cx: &Context<'_>) -> Result<()> {
        let words = cx.words;
        let message = match &cx.known {
            Some(person) => Message::text(say!(words, "link-is-of", name = literal(&person.name)))
                .buttons(vec![Button::new(say!(words, "link-remove-button"), "link remove")]),
            None if by_mail(cx) => Message::text(say!(words, "link-how")),
            None => Message::text(say!(words, "link-how-without-mail")).buttons(vec![code_button(cx)]),
        };
        cx.reply_private(message).await
    }

    /// Sends a code to the person with this address. What is answered does not tell whether there is one.
    async fn send(&self, cx: &Context<'_>, address: &str) -> Result<()> {
        if cx.known.is_some() {
            return self.about_this(cx).await;
        }
        if !by_mail(cx) {
            return Err(Error::invalid(say!(cx.words, "link-how-without-mail")));
        }
        let answer = Message::text(say!(cx.words, "link-sent")).buttons(vec![code_button(cx)]);
        let answer = &answer;
        cx.commit(|turn| async move {
            if let Some(person) = people::by_email(&turn, address).await?.filter(|p| p.status != Status::Left)
                && let Some(email) = &person.email
                && may_have_another(&turn, &person).await?
            {
                let code = people::create_sign_in_link(&turn, &person.id).await?;
                let (key, expires) = (format!("link/{}", cx.envelope.key), turn.now().plus(Instant::HOUR));
                codes::mail(&turn, &key, email, person.language(), &Letter::Link, &code, expires).await?;
            }
            turn.reply_private(answer.clone()).await
        })
        .await
    }

    /// Links the account to the person for whom the code was made.
    async fn confirm(&self, cx: &Context<'_>, code: &str) -> Result<()> {
        if cx.known.is_some() {
            return self.about_this(cx).await;
        }
        // Who was given the operator's address pastes all of it.
        let code = code.rsplit(['/', '=']).next().unwrap_or(code).trim();
        let account = cx.account();
        cx.commit(|turn| async move {
            let person = match people::redeem_sign_in_link(&turn, code).await {
                Ok(person) => person,
                Err(Error::Forbidden(_)) => {
                    let sorry = Message::text(say!(cx.words, "link-wrong-code")).buttons(vec![code_button(cx)]);
                    return turn.reply_private(sorry).await;
                }
                Err(e) => return Err(e),
            };
            let held = (account.platform.as_str(), account.workspace.as_str(), account.user.as_str());
            let actor = format!("person/{}", person.id);
            people::link_account(&turn, &person.id, held, &actor, "one-time code").await?;
            let text = say!(cx.words, "link-done", name = literal(&person.name));
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    async fn ask_to_remove(&self, cx: &Context<'_>) -> Result<()> {
        let really =
            Button { style: Style::Danger, ..Button::new(say!(cx.words, "link-remove-button"), "link remove now") };
        cx.reply_private(Message::text(say!(cx.words, "link-remove-really")).buttons(vec![really])).await
    }

    async fn remove(&self, cx: &Context<'_>) -> Result<()> {
        let account = cx.account();
        cx.commit(|turn| async move {
            let actor = cx.known.as_ref().map_or_else(|| "nobody".to_owned(), |p| format!("person/{}", p.id));
            // It may be linked for this workspace or for all of them.
            for workspace in [account.workspace.as_str(), ""] {
                let held = (account.platform.as_str(), workspace, account.user.as_str());
                people::unlink_account(&turn, held, &actor, "the person asked for it").await?;
            }
            turn.reply_private(Message::text(say!(cx.words, "link-removed"))).await
        })
        .await
    }
}

fn by_mail(cx: &Context<'_>) -> bool {
    cx.flow.platform(MAIL).is_some()
}

fn code_button(cx: &Context<'_>) -> Button {
    Button::primary(say!(cx.words, "link-code-button"), "link code")
}

fn looks_like_mail(text: &str) -> bool {
    let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && host.contains('.'));
    parts.is_some() && !text.contains(char::is_whitespace) && text.len() <= EMAIL
}

/// Whether the person did not get too many codes in the last hour.
async fn may_have_another(tx: &Tx, person: &Person) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS n FROM sign_in_link WHERE person = $1 AND created > $2";
    let sent: i64 = tx.one(sql, args![&person.id, tx.now().plus(-Instant::HOUR)]).await?.get("n")?;
    Ok(sent < CODES)
}
