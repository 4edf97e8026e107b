//! Ask a trainer, in the chat: the learner's question and list, the trainer's answer.

use serde_json::json;
use stoa_flow::chat::{Call, Context, Field, FieldError, Form, Message, Turn, literal, moment_at};
use stoa_flow::say;
use stoa_ground::people::clean;
use stoa_ground::{Conn, Error, Result};

use super::{Scene, form, mine};
use crate::training::assignment;
use crate::training::course;
use crate::training::trainer::{self, Asked, LONGEST, Place, Question};

/// The field with the question, and the one with the answer.
const QUESTION: &str = "question";
const ANSWER: &str = "answer";

/// What was typed, line by line without what is invisible.
fn lines(text: &str) -> String {
    let all: Vec<String> = text.lines().map(clean).collect();
    all.join("\n").trim().to_owned()
}

fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric) && text.chars().count() <= LONGEST
}

/// The form for a question.
pub(super) async fn question_form(cx: &Context<'_>, args: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    let (id, place) = args.split_once(' ').unwrap_or((args, ""));
    let read = cx.db().read(|c| async move {
        let a = mine(&c, words, person, id).await?;
        let (_, course) = course::read_in(&c, &a).await?;
        let title = Place::read(place, &course).title(&course);
        Ok((course.title, title))
    });
    let (course, title) = read.await?;
    let intro = match title {
        Some(title) => say!(words, "trainer-form-at", course = literal(&course), place = literal(&title)),
        None => say!(words, "trainer-form-course", course = literal(&course)),
    };
    Ok(Some(Form {
        command: format!("training ask {id} {place}").trim_end().to_owned(),
        title: say!(words, "trainer-ask-button"),
        intro: Some(intro),
        fields: vec![Field {
            hint: Some(say!(words, "trainer-form-hint")),
            ..Field::text(QUESTION, say!(words, "trainer-form-question"), true, LONGEST)
        }],
        submit: say!(words, "trainer-form-send"),
    }))
}

/// A question to a trainer that this person may answer or pass on.
async fn theirs(conn: &Conn, scene: &Scene<'_>, id: &str) -> Result<Question> {
    let found = trainer::by_id(conn, id).await?.filter(|q| q.asked_of.contains(&scene.person.id));
    found.ok_or_else(|| Error::Forbidden(say!(scene.words, "trainer-not-yours")))
}

/// The form for an answer.
pub(super) async fn answer_form(cx: &Context<'_>, id: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    let read = cx.db().read(|c| async move {
        let found = trainer::by_id(&c, id).await?;
        if found.is_none_or(|q| q.answered.is_some() || !q.asked_of.contains(&person.id)) {
            return Ok(None);
        }
        trainer::texts(&c, id).await.map(Some)
    });
    let Some(texts) = read.await? else { return Ok(None) };
    Ok(Some(Form {
        command: format!("training reply {id}"),
        title: say!(words, "trainer-reply-title"),
        intro: Some(literal(&texts.question)),
        fields: vec![Field {
            hint: Some(say!(words, "trainer-reply-hint")),
            ..Field::text(ANSWER, say!(words, "trainer-reply-field"), true, LONGEST)
        }],
        submit: say!(words, "trainer-reply-send"),
    }))
}

/// What is wrong with a question or an answer.
pub(super) fn check(cx: &Context<'_>, call: &Call, word: &str) -> Vec<FieldError> {
    let (field, why) = match word {
        "ask" => (QUESTION, say!(cx.words, "trainer-form-empty", limit = LONGEST)),
        _ => (ANSWER, say!(cx.words, "trainer-reply-empty", limit = LONGEST)),
    };
    let fine = says_something(&lines(form::value(call, field)));
    if fine { Vec::new() } else { vec![FieldError { field: field.into(), why }] }
}

impl Scene<'_> {
    /// The learner asks.
    pub(super) async fn ask(&self, turn: &Turn, id: &str, place: &str, call: &Call) -> Result<()> {
        let words = self.words;
        let a = mine(turn, words, self.person, id).await?;
        let text = lines(form::value(call, QUESTION));
        if call.values.is_none() {
            return Err(Error::invalid(say!(words, "trainer-no-form")));
        }
        if !says_something(&text) {
            return Err(Error::invalid(say!(words, "trainer-form-empty", limit = LONGEST)));
        }
        let (_, course) = course::read_in(turn, &a).await?;
        let place = Place::read(place, &course);
        let asked = trainer::ask(turn, self.services, self.person, &a, place, &text).await?;
        let said = match asked {
            Asked::OnItsWay { trainer, due } => {
                let due = moment_at(words, due, &self.calendar.zone, self.today(turn.now()));
                say!(words, "trainer-on-its-way", name = literal(&trainer), due = due)
            }
            Asked::Already => say!(words, "trainer-already"),
            Asked::Enough => say!(words, "trainer-enough"),
            Asked::Nobody => say!(words, "trainer-nobody"),
        };
        turn.forget().await?;
        // Where they were stays as it is.
        turn.reply_private(Message::text(said)).await
    }

    /// The trainer answers.
    pub(super) async fn reply(&self, turn: &Turn, id: &str, call: &Call) -> Result<()> {
        let words = self.words;
        let question = theirs(turn, self, id).await?;
        let text = lines(form::value(call, ANSWER));
        if question.answered.is_none() && !says_something(&text) {
            let why = if call.values.is_none() {
                say!(words, "trainer-no-form")
            } else {
                say!(words, "trainer-reply-empty", limit = LONGEST)
            };
            return Err(Error::invalid(why));
        }
        let said = match assignment::by_id(turn, &question.assignment).await? {
            Some(a) if trainer::answer(turn, self.services, &question, &a, self.person, &text).await? => {
                say!(words, "trainer-reply-sent")
            }
            _ => say!(words, "trainer-reply-there"),
        };
        turn.forget().await?;
        turn.reply_private(Message::text(said)).await
    }

    /// The trainer passes it on.
    pub(super) async fn pass(&self, turn: &Turn, id: &str) -> Result<()> {
        let question = theirs(turn, self, id).await?;
        let said = if trainer::decline(turn, self.services, &question, self.person).await? {
            say!(self.words, "trainer-passed")
        } else {
            say!(self.words, "trainer-reply-there")
        };
        turn.reply_private(Message::text(said)).await
    }

    /// One question, for whoever asked it or was asked.
    pub(super) async fn question(&self, turn: &Turn, id: &str) -> Result<()> {
        let me = &self.person.id;
        let found = trainer::by_id(turn, id).await?.filter(|q| q.person == *me || q.asked_of.contains(me));
        if found.is_none() {
            return Err(Error::Forbidden(say!(self.words, "trainer-not-yours")));
        }
        turn.answer(trainer::Shown::NAME, json!({ "question": id }), true).await
    }

    /// The person's own questions with their answers: part of their training history.
    pub(super) async fn questions(&self, turn: &Turn) -> Result<()> {
        turn.answer(trainer::Shown::NAME, json!({}), true).await
    }
}
