//! What trainers and learners are told: the delivery kinds `trainer`, `trainer-answer` and `trainer-shown`.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::chat::{Block, Button, Message, literal, moment};
use stoa_flow::delivery::{Delivery, DeliveryKind, Line, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result};

use super::Place;
use super::store::{self, Question, Texts};
use crate::Services;
use crate::training::assignment;
use crate::training::course::{self, Course};

/// A question with everything that is said about it.
struct Told {
    question: Question,
    texts: Texts,
    /// Title of the page, or text of the question of the quiz.
    place: Option<String>,
    course: Course,
    learner: String,
    /// Whether the learner can go on with the course.
    open: bool,
}

/// Everything about a question; none when it is not there, or its texts were erased.
async fn told(conn: &Conn, id: &str) -> Result<Option<Told>> {
    let Some(question) = store::by_id(conn, id).await? else { return Ok(None) };
    let texts = store::texts(conn, id).await?;
    let Some(a) = assignment::by_id(conn, &question.assignment).await?.filter(|_| !texts.question.is_empty()) else {
        return Ok(None);
    };
    let (_, course) = course::read_in(conn, &a).await?;
    let learner = people::by_id(conn, &question.person).await?.map(|p| p.name).unwrap_or_default();
    let place = Place::read(&question.place, &course).title(&course);
    Ok(Some(Told { question, texts, place, course, learner, open: a.state.is_open() }))
}

fn quote(text: &str, source: Option<String>) -> Block {
    Block::Quote { text: literal(text), source }
}

impl Told {
    /// What a trainer sees. Of the learner it has the name and the question, and nothing else.
    fn for_trainer(&self, words: &'static Words, s: &Services, trainer: &Person, remind: bool) -> Message {
        let (q, name) = (&self.question, literal(&self.learner));
        let course = literal(&self.course.title);
        let intro = match &self.place {
            Some(place) => say!(words, "trainer-asks-at", name = name, course = course, place = literal(place)),
            None => say!(words, "trainer-asks", name = name, course = course),
        };
        let mut message = Message::new();
        let mine = q.trainer.as_deref() == Some(trainer.id.as_str());
        if remind && mine && q.answered.is_none() {
            message = message.paragraph(say!(words, "trainer-remind"));
        }
        message = message.paragraph(intro).and(quote(&self.texts.question, None));
        if let Some((answer, by, _)) = &self.texts.answer {
            return message.paragraph(say!(words, "trainer-answered-by", name = literal(by))).and(quote(answer, None));
        }
        let answer = Button::primary(say!(words, "trainer-answer-button"), format!("training reply {}", q.id));
        if !mine {
            return message.context(say!(words, "trainer-went-on")).buttons(vec![answer]);
        }
        let calendar = s.organisation.calendar(trainer);
        let due = format!("{} {}", words.date(calendar.date(q.due)), words.time(calendar.time(q.due)));
        let due = moment(&due, q.due);
        message
            .context(say!(words, "trainer-until", due = due))
            .buttons(vec![answer, Button::new(say!(words, "trainer-pass-button"), format!("training pass {}", q.id))])
    }

    /// What the learner sees: the answer, or where the question is.
    fn for_learner(&self, words: &'static Words) -> Message {
        let course = literal(&self.course.title);
        let message = Message::new();
        let message = match &self.texts.answer {
            Some((answer, by, qualification)) => {
                let source = say!(words, "trainer-source", name = literal(by), qualification = literal(qualification));
                message
                    .paragraph(say!(words, "trainer-answer", name = literal(by), course = course))
                    .and(quote(&self.texts.question, Some(say!(words, "trainer-you"))))
                    .and(quote(answer, Some(source)))
            }
            None => {
                message.paragraph(say!(words, "trainer-late", course = course)).and(quote(&self.texts.question, None))
            }
        };
        if self.open {
            let back = format!("training open {}", self.question.assignment);
            return message.buttons(vec![Button::primary(say!(words, "trainer-back-button"), back)]);
        }
        message
    }

    /// One entry of the learner's own list.
    fn entry(&self, words: &'static Words, on: &str) -> Message {
        let course = literal(&self.course.title);
        let message = Message::new()
            .paragraph(say!(words, "trainer-entry", course = course, on = on))
            .and(quote(&self.texts.question, Some(say!(words, "trainer-you"))));
        match &self.texts.answer {
            Some((answer, by, qualification)) => {
                let source = say!(words, "trainer-source", name = literal(by), qualification = literal(qualification));
                message.and(quote(answer, Some(source)))
            }
            None => message.context(say!(words, "trainer-entry-open")),
        }
    }
}

async fn of(cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Told>> {
    let id = delivery.payload["question"].as_str().unwrap_or_default();
    cx.db.read(|conn| async move { told(&conn, id).await }).await
}

/// What is said when there is nothing to say any more.
fn gone(cx: &Rendering<'_>) -> Rendered {
    match cx.posted {
        true => Rendered::Say(Message::text(say!(cx.words, "trainer-gone"))),
        false => Rendered::Gone(words_key!("why-done")),
    }
}

/// The delivery kind `trainer`: somebody is asked, or reminded of it; payload `{"question": id}`.
pub(in crate::training) struct ToTrainer(pub Arc<Services>);

impl ToTrainer {
    pub const NAME: &'static str = "trainer";
}

#[async_trait]
impl DeliveryKind for ToTrainer {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-trainer")
    }

    /// A clock runs that the law may have set: nobody switches it off, and several become one message.
    fn policy(&self) -> Policy {
        Policy { mandated: true, mergeable: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(trainer) = cx.person else { return Ok(gone(cx)) };
        let Some(told) = of(cx, delivery).await? else { return Ok(gone(cx)) };
        let mine = told.question.trainer.as_deref() == Some(trainer.id.as_str());
        if !cx.posted && (told.question.answered.is_some() || !mine) {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let mut message = told.for_trainer(cx.words, &self.0, trainer, delivery.step == "remind");
        let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
        match message.blocks.last_mut() {
            Some(Block::Buttons(buttons)) => buttons.push(why),
            _ => message = message.buttons(vec![why]),
        }
        Ok(Rendered::Say(message))
    }

    async fn line(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Option<Line>> {
        let Some(told) = of(cx, delivery).await?.filter(|t| t.question.answered.is_none()) else { return Ok(None) };
        let mine = cx.person.is_some_and(|p| told.question.trainer.as_deref() == Some(p.id.as_str()));
        let course = literal(&told.course.title);
        let button = Button::new(
            say!(cx.words, "trainer-open-button", name = &told.learner),
            format!("training question {}", told.question.id),
        );
        let text = say!(cx.words, "trainer-line", name = literal(&told.learner), course = course);
        Ok(mine.then_some(Line { text, buttons: vec![button] }))
    }
}

/// The delivery kind `trainer-answer`: what became of a question; payload `{"question": id}`.
pub(in crate::training) struct FromTrainer;

impl FromTrainer {
    pub const NAME: &'static str = "trainer-answer";
}

#[async_trait]
impl DeliveryKind for FromTrainer {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-trainer-answer")
    }

    /// The person asked for it, but not just now: it waits for working hours and takes nothing from the budget.
    fn policy(&self) -> Policy {
        Policy { counted: false, mandated: true, ..Policy::voluntary(Priority::Approval) }
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(told) = of(cx, delivery).await? else { return Ok(gone(cx)) };
        let late = delivery.step == "late";
        if late && !cx.posted && told.question.answered.is_some() {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        Ok(Rendered::Say(told.for_learner(cx.words)))
    }
}

/// The delivery kind `trainer-shown`: a question, or the list of the own ones, for whoever asked to see it. Rendered when it is
/// sent, so that its texts are in no row of the outbox; payload `{"question": id}`, or nothing for the list.
pub(in crate::training) struct Shown(pub Arc<Services>);

impl Shown {
    pub const NAME: &'static str = "trainer-shown";
}

/// How many questions the list has.
const LISTED: usize = 10;

#[async_trait]
impl DeliveryKind for Shown {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-trainer-shown")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(gone(cx)) };
        if delivery.payload["question"].is_string() {
            let told = of(cx, delivery).await?;
            return Ok(match told {
                Some(told) if told.question.person == person.id => Rendered::Say(told.for_learner(cx.words)),
                Some(told) if told.question.asked_of.contains(&person.id) => {
                    Rendered::Say(told.for_trainer(cx.words, &self.0, person, false))
                }
                _ => Rendered::Say(Message::text(say!(cx.words, "trainer-gone"))),
            });
        }
        let calendar = self.0.organisation.calendar(person);
        let read = cx.db.read(|conn| async move {
            let all = store::of_person(&conn, &person.id).await?;
            let mut told = Vec::new();
            for question in all.iter().take(LISTED) {
                told.extend(self::told(&conn, &question.id).await?);
            }
            Ok((told, all.len()))
        });
        let (told, all) = read.await?;
        if told.is_empty() {
            return Ok(Rendered::Say(Message::text(say!(cx.words, "trainer-list-none"))));
        }
        let mut message = Message::new().heading(say!(cx.words, "trainer-list-title"));
        for one in &told {
            let on = cx.words.date(calendar.date(one.question.asked));
            message.blocks.extend(one.entry(cx.words, &on).blocks);
        }
        if all > LISTED {
            message = message.context(say!(cx.words, "trainer-list-more", count = all - LISTED));
        }
        Ok(Rendered::Say(message))
    }
}
