//! A question on its way to a colleague and back: passed on when its asker presses the button, answered or not, told.

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Block, Button, Call, Context, Field, Form, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, clean};
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use super::super::command::{Question, statements};
use super::can_be_asked;
use crate::Services;

/// How long a colleague has before the asker is told that no answer came.
const PATIENCE: i64 = 5 * Instant::DAY;
/// The longest answer, in characters.
const LONGEST: usize = 2_000;
/// Questions that one person may pass on in a day.
const A_DAY: i64 = 5;
/// The kind of the clock's job.
pub(in crate::answers) const EXPIRY: &str = "expert-expiry";

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::answers) enum State {
    Asked,
    Answered,
    Passed,
    Expired,
}

impl State {
    const ALL: [Self; 4] = [Self::Asked, Self::Answered, Self::Passed, Self::Expired];

    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::Passed => "passed",
            Self::Expired => "expired",
        }
    }
}

/// A question that was passed on.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::answers) struct Request {
    pub id: String,
    pub question: String,
    pub text: String,
    pub gap: Option<String>,
    pub asker: String,
    pub expert: String,
    pub state: State,
    pub answer: Option<String>,
    pub accepted: bool,
}

fn read(row: &Row) -> Result<Request> {
    let word: String = row.get("state")?;
    let state = State::ALL.into_iter().find(|s| s.word() == word);
    Ok(Request {
        id: row.get("id")?,
        question: row.get("question")?,
        text: row.get("text")?,
        gap: row.get("gap")?,
        asker: row.get("asker")?,
        expert: row.get("expert")?,
        state: state.ok_or_else(|| Error::invalid(format!("a request has the unknown state '{word}'")))?,
        answer: row.get("answer")?,
        accepted: row.get::<Option<String>>("accepted")?.is_some(),
    })
}

pub(in crate::answers) async fn request(conn: &Conn, id: &str) -> Result<Option<Request>> {
    let sql =
        "SELECT id, question, text, gap, asker, expert, state, answer, accepted FROM expert_request WHERE id = $1";
    conn.opt(sql, args![id]).await?.as_ref().map(read).transpose()
}

/// What a person passed on to colleagues and answered for them, for `mydata`: question, answer, and whether it was the
/// person who asked.
///
/// # Errors
/// The database's error.
pub async fn passed_on(conn: &Conn, person: &str) -> Result<Vec<(String, Option<String>, bool)>> {
    let sql = "SELECT text, answer, asker FROM expert_request WHERE (asker = $1 OR expert = $1) AND text <> ''
               ORDER BY asked, id";
    let rows = conn.all(sql, args![person]).await?;
    rows.iter().map(|r| Ok((r.get("text")?, r.get("answer")?, r.get::<String>("asker")? == person))).collect()
}

/// Takes the words of a person out of what was passed on; gives the person's statements.
pub(in crate::answers) async fn erase(tx: &Tx, person: &str) -> Result<Vec<String>> {
    let mut statements: Vec<Option<String>> = Vec::new();
    for (column, sql) in [
        ("accepted", "UPDATE expert_request SET text = '', state = 'expired' WHERE asker = $1 RETURNING id, accepted"),
        (
            "replied",
            "UPDATE expert_request SET answer = NULL, state = 'passed' WHERE expert = $1 RETURNING id, replied",
        ),
    ] {
        for row in tx.all(sql, args![person]).await? {
            statements.push(row.get(column)?);
            let key = format!("expert/{}", row.get::<String>("id")?);
            delivery::revise_one(tx, &key).await?;
            delivery::revise_one(tx, &format!("{key}/back")).await?;
            schedule::cancel(tx, &key).await?;
        }
    }
    for sql in [
        "UPDATE expert_request SET accepted = NULL, question = id WHERE asker = $1",
        "UPDATE expert_request SET replied = NULL WHERE expert = $1",
    ] {
        tx.exec(sql, args![person]).await?;
    }
    Ok(statements.into_iter().flatten().collect())
}

/// Whom a question was passed on to: their person ids.
pub(in crate::answers) async fn asked_about(conn: &Conn, question: &str) -> Result<Vec<String>> {
    let sql = "SELECT expert FROM expert_request WHERE question = $1 ORDER BY asked";
    conn.all(sql, args![question]).await?.iter().map(|r| r.get("expert")).collect()
}

/// The words `expert`, `reply`, `pass` and `thanks` after `ask`, each with its ids.
pub(in crate::answers) async fn act(
    services: &Services,
    cx: &Context<'_>,
    call: &Call,
    word: &str,
    ids: &[&str],
    question: Option<Question>,
) -> Result<()> {
    let person = cx.person()?;
    if let ("expert", [_, expert], Some(question)) = (word, ids, question) {
        return pass_on(cx, call, person, &question, expert).await;
    }
    let id = ids.first().copied().unwrap_or_default();
    let gone = || Error::Invalid(say!(cx.words, "answers-request-gone"));
    let request = cx.db().read(|c| async move { request(&c, id).await }).await?.ok_or_else(gone)?;
    let mine = if word == "thanks" { &request.asker } else { &request.expert };
    if *mine != person.id {
        return Err(gone());
    }
    match word {
        "reply" => {
            let said = call.values.as_ref().and_then(|v| v.get("answer")).map(|a| lines(a)).unwrap_or_default();
            if said.is_empty() || said.chars().count() > LONGEST {
                return Err(Error::Invalid(say!(cx.words, "answers-reply-empty")));
            }
            settle(services, cx, call, person, &request, State::Answered, Some(said)).await
        }
        "pass" => settle(services, cx, call, person, &request, State::Passed, None).await,
        _ => thank(services, cx, call, person, &request).await,
    }
}

/// The form in which an answer is written.
pub(in crate::answers) async fn form(cx: &Context<'_>, id: &str) -> Result<Option<Form>> {
    let me = cx.person()?.id.as_str();
    let request = cx.db().read(|c| async move { request(&c, id).await }).await?;
    let Some(request) = request.filter(|r| r.expert == me && r.state != State::Passed) else { return Ok(None) };
    let field = Field {
        hint: Some(say!(cx.words, "answers-reply-hint")),
        ..Field::text("answer", say!(cx.words, "answers-reply-field"), true, LONGEST)
    };
    Ok(Some(Form {
        command: format!("ask reply {id}"),
        title: say!(cx.words, "answers-reply-title"),
        intro: Some(literal(&request.text)),
        fields: vec![field],
        submit: say!(cx.words, "answers-reply-send"),
    }))
}

fn lines(text: &str) -> String {
    let all: Vec<String> = text.lines().map(clean).collect();
    all.join("\n").trim().to_owned()
}

async fn pass_on(cx: &Context<'_>, call: &Call, person: &Person, question: &Question, expert: &str) -> Result<()> {
    if question.person.as_deref() != Some(person.id.as_str()) {
        return Err(Error::Invalid(say!(cx.words, "answers-no-such-question")));
    }
    // Only somebody who was named under this question: an id opens nothing else.
    let named = question.answer.as_ref().is_some_and(|kept| kept.experts.iter().any(|e| e == expert));
    let found = match named {
        true => cx.db().read(|c| async move { can_be_asked(&c, expert).await }).await?,
        false => None,
    };
    let Some(expert) = found else { return Err(Error::Invalid(say!(cx.words, "answers-expert-away"))) };
    let (expert, pressed) = (&expert, call.pressed.as_deref());
    cx.commit(|turn| async move {
        let since = turn.now().plus(-Instant::DAY);
        let today = "SELECT COUNT(*) AS n FROM expert_request WHERE asker = $1 AND asked > $2";
        if turn.one(today, args![&person.id, since]).await?.get::<i64>("n")? >= A_DAY {
            return turn.reply_private(Message::text(say!(cx.words, "answers-expert-enough"))).await;
        }
        let id = turn.clock().id().to_string();
        let sql = "INSERT INTO expert_request (id, question, text, gap, asker, expert, state, asked)
                   VALUES ($1, $2, $3, $4, $5, $6, 'asked', $7) ON CONFLICT (question, expert) DO NOTHING";
        let new = turn
            .exec(sql, args![&id, &question.id, &question.text, &question.gap, &person.id, &expert.id, turn.now()])
            .await?;
        if new == 1 {
            let ask = NewDelivery {
                key: format!("expert/{id}"),
                kind: ToExpert::NAME,
                person: Some(expert.id.clone()),
                payload: json!({ "request": id }),
                item: id.clone(),
                step: "ask".into(),
                expires: Some(turn.now().plus(PATIENCE)),
                ..NewDelivery::default()
            };
            delivery::enqueue(&turn, &ask).await?;
            schedule::put(&turn, &format!("expert/{id}"), EXPIRY, turn.now().plus(PATIENCE), &Json::from(id)).await?;
        }
        if let Some(pressed) = pressed {
            turn.revise(pressed).await?;
        }
        let name = literal(&expert.name);
        turn.reply_private(Message::text(say!(cx.words, "answers-expert-asked", name = name))).await
    })
    .await
}

async fn settle(
    services: &Services,
    cx: &Context<'_>,
    call: &Call,
    person: &Person,
    request: &Request,
    state: State,
    said: Option<String>,
) -> Result<()> {
    let (said, pressed) = (&said, call.pressed.as_deref());
    cx.commit(|turn| async move {
        // An answer may be corrected; the asker's message is brought up to date.
        let sql =
            "UPDATE expert_request SET state = $2, answer = $3, answered = $4 WHERE id = $1 AND state <> 'passed'";
        turn.exec(sql, args![&request.id, state.word(), said, turn.now()]).await?;
        schedule::cancel(&turn, &format!("expert/{}", request.id)).await?;
        tell(&turn, request).await?;
        if state == State::Answered && request.state != State::Answered {
            let statement = services.emitter.emit(&turn, statements::replied(person, &request.question)).await?;
            let sql = "UPDATE expert_request SET replied = $2 WHERE id = $1";
            turn.exec(sql, args![&request.id, statement]).await?;
        }
        delivery::revise_one(&turn, &format!("expert/{}", request.id)).await?;
        if let Some(pressed) = pressed {
            turn.revise(pressed).await?;
        }
        let text = match state {
            State::Answered => say!(cx.words, "answers-reply-sent"),
            _ => say!(cx.words, "answers-reply-passed"),
        };
        turn.reply_private(Message::text(text)).await
    })
    .await
}

async fn thank(services: &Services, cx: &Context<'_>, call: &Call, person: &Person, request: &Request) -> Result<()> {
    let pressed = call.pressed.as_deref();
    cx.commit(|turn| async move {
        if request.state == State::Answered && !request.accepted {
            let statement = services.emitter.emit(&turn, statements::accepted(person, &request.question)).await?;
            let sql = "UPDATE expert_request SET accepted = $2 WHERE id = $1";
            turn.exec(sql, args![&request.id, statement]).await?;
        }
        delivery::revise_one(&turn, &format!("expert/{}", request.id)).await?;
        match pressed {
            Some(pressed) => turn.revise(pressed).await,
            None => turn.reply_private(Message::text(say!(cx.words, "answers-thanks-helpful"))).await,
        }
    })
    .await
}

/// Tells the asker what became of the request, or brings what was told up to date.
async fn tell(tx: &Tx, request: &Request) -> Result<()> {
    let key = format!("expert/{}/back", request.id);
    let new = NewDelivery {
        key: key.clone(),
        kind: FromExpert::NAME,
        person: Some(request.asker.clone()),
        payload: json!({ "request": request.id }),
        item: request.id.clone(),
        step: "back".into(),
        ..NewDelivery::default()
    };
    if !delivery::enqueue(tx, &new).await? {
        delivery::revise_one(tx, &key).await?;
    }
    Ok(())
}

/// A person's name, ready for CommonMark.
async fn name(conn: &Conn, id: &str) -> Result<String> {
    Ok(people::by_id(conn, id).await?.map(|p| literal(&p.name)).unwrap_or_default())
}

async fn of(cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<(Request, String)>> {
    let id = delivery.payload["request"].as_str().unwrap_or_default();
    let me = cx.person.map(|p| p.id.as_str());
    cx.db
        .read(|conn| async move {
            let Some(request) = request(&conn, id).await?.filter(|r| !r.text.is_empty()) else { return Ok(None) };
            let other = if me == Some(&request.expert) { &request.asker } else { &request.expert };
            let name = name(&conn, other).await?;
            Ok(Some((request, name)))
        })
        .await
}

/// The delivery kind `expert`: somebody is asked; payload `{"request": id}`.
pub(in crate::answers) struct ToExpert;

impl ToExpert {
    pub const NAME: &'static str = "expert";
}

#[async_trait]
impl DeliveryKind for ToExpert {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-expert")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Approval)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some((request, asker)) = of(cx, delivery).await? else {
            return Ok(if cx.posted {
                Rendered::Say(Message::text(say!(cx.words, "answers-request-gone")))
            } else {
                Rendered::Gone(words_key!("why-done"))
            });
        };
        let quoted = Block::Quote { text: literal(&request.text), source: None };
        let button = |label: String, word: &str| Button::new(label, format!("ask {word} {}", request.id));
        let intro = say!(cx.words, "answers-expert-question", name = asker);
        let message = match request.state {
            State::Asked => {
                Message::text(intro).and(quoted).context(say!(cx.words, "answers-expert-why")).buttons(vec![
                    Button::primary(say!(cx.words, "answers-reply-button"), format!("ask reply {}", request.id)),
                    button(say!(cx.words, "answers-pass-button"), "pass"),
                    Button::new(say!(cx.words, "answers-not-me-button"), "ask experts off"),
                    Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)),
                ])
            }
            State::Answered => {
                let said = literal(request.answer.as_deref().unwrap_or_default());
                let mut message = Message::text(intro).and(quoted).paragraph(say!(
                    cx.words,
                    "answers-expert-you-said",
                    answer = said
                ));
                if request.accepted {
                    message = message.context(say!(cx.words, "answers-expert-helped"));
                }
                message.buttons(vec![
                    button(say!(cx.words, "answers-curate-button"), "curate"),
                    button(say!(cx.words, "answers-correct-button"), "reply"),
                ])
            }
            State::Passed | State::Expired => {
                Message::text(intro).and(quoted).context(say!(cx.words, "answers-expert-over"))
            }
        };
        Ok(match request.state {
            State::Asked | State::Answered => Rendered::Say(message),
            _ if cx.posted => Rendered::Say(message),
            _ => Rendered::Gone(words_key!("why-done")),
        })
    }
}

/// The delivery kind `expert-answer`: what came back; payload `{"request": id}`.
pub(in crate::answers) struct FromExpert;

impl FromExpert {
    pub const NAME: &'static str = "expert-answer";
}

#[async_trait]
impl DeliveryKind for FromExpert {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-expert-answer")
    }

    /// The person asked for it, but not just now: it waits for working hours and takes nothing from the budget.
    fn policy(&self) -> Policy {
        Policy { counted: false, mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some((request, expert)) = of(cx, delivery).await? else {
            return Ok(match cx.posted {
                true => Rendered::Say(Message::text(say!(cx.words, "answers-request-gone"))),
                false => Rendered::Gone(words_key!("why-done")),
            });
        };
        let asked = literal(&request.text);
        Ok(Rendered::Say(match (&request.answer, request.state) {
            (Some(said), State::Answered) => {
                let source = Some(say!(cx.words, "answers-expert-source", name = &expert));
                let message = Message::text(say!(cx.words, "answers-expert-answered", name = expert, question = asked))
                    .and(Block::Quote { text: literal(said), source });
                let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
                if request.accepted {
                    message.context(say!(cx.words, "answers-thanks-helpful")).buttons(vec![why])
                } else {
                    let thanks = format!("ask thanks {}", request.id);
                    message.buttons(vec![Button::new(say!(cx.words, "answers-helpful-button"), thanks), why])
                }
            }
            (_, State::Asked) => return Ok(Rendered::Gone(words_key!("why-done"))),
            _ => Message::text(say!(cx.words, "answers-expert-none", name = expert, question = asked)),
        }))
    }
}

/// The clock of a request; payload: its id.
pub(in crate::answers) struct Expiry;

#[async_trait]
impl Job for Expiry {
    fn kind(&self) -> &'static str {
        EXPIRY
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let Some(request) = request(tx, job.payload.as_str().unwrap_or_default()).await? else { return Ok(()) };
        let sql = "UPDATE expert_request SET state = 'expired' WHERE id = $1 AND state = 'asked'";
        if tx.exec(sql, args![&request.id]).await? == 1 {
            delivery::revise_one(tx, &format!("expert/{}", request.id)).await?;
            tell(tx, &request).await?;
        }
        Ok(())
    }
}
