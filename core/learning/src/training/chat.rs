//! `training`: what is mine to do, and a course from its first page to the attestation, all in the chat.
//!
//! Every button names an assignment; whose it is and where its owner stands is checked each time, so an old, doubled or
//! forged press does no harm: it shows how things are.

mod ask;
mod form;
mod sign;
mod sign_in;
mod status;
mod unreachable;
mod view;

pub(super) use sign_in::SignIn;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::ToSpan as _;
use stoa_flow::chat::{
    Args, Button, Call, Command, Context, Duty, FieldError, Form, Message, Panel, Prompt, Suggestion, Turn, Visit,
    moment_at,
};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::calendar::{Calendar, parse_date};
use stoa_ground::people::{Person, Role};
use stoa_ground::{Conn, Error, Instant, Result};

use super::assignment::{self, Assignment};
use super::attest::{self, Level};
use super::course::{self, Course};
use super::progress::{self, Point, Progress, point};
use super::{authoring, calendar, life, nudge, requests, requirement, statements, trainer};
use crate::Services;

/// The command `training`.
pub(super) struct Training(pub Arc<Services>);

#[async_trait]
impl Command for Training {
    fn word(&self) -> &'static str {
        "training"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-training")
    }

    fn duties(&self) -> &'static [Duty] {
        const STANDING: &[Role] = &[Role::Learning, Role::Approver, Role::Auditor];
        &[
            Duty { roles: &[Role::Learning], words: "training new", about: words_key!("chat-help-duty-new") },
            Duty { roles: STANDING, words: "training requirements", about: words_key!("chat-help-duty-requirements") },
            Duty {
                roles: &[Role::Learning, Role::Auditor],
                words: "training status",
                about: words_key!("chat-help-duty-status"),
            },
            Duty { roles: &[Role::Approver], words: "training requests", about: words_key!("chat-help-duty-requests") },
            Duty {
                roles: &[Role::Learning],
                words: "training unreachable",
                about: words_key!("chat-help-duty-unreachable"),
            },
        ]
    }

    fn accepts(&self, args: &Args) -> bool {
        let words = ["", "unreachable", "request", "requests", "courses", "questions", "new", "requirements"];
        words.contains(&args.text()) || status::asks(args.text()) || authoring::asks(args.text())
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "attest" => sign::form(cx, call, rest).await,
            "ask" if call.values.is_none() => ask::question_form(cx, rest).await,
            "reply" => ask::answer_form(cx, rest).await,
            "choose" => form::choose(cx, &self.0, rest).await,
            word if requests::WORDS.contains(&word) => requests::form(cx, &self.0, word, rest).await,
            word => authoring::form(cx, word, rest).await,
        }
    }

    /// What is open, by its title.
    async fn suggest(&self, cx: &Context<'_>, typed: &str) -> Result<Vec<Suggestion>> {
        let id = &cx.person()?.id;
        let mine = cx.db().read(|c| async move { listed(&c, id).await }).await?;
        let open = mine.into_iter().filter(|(a, title)| a.completed.is_none() && !title.is_empty());
        let all = open.map(|(a, title)| Suggestion { label: title, value: format!("open {}", a.id) });
        Ok(Suggestion::fitting(all, typed))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "sign" => sign::check(cx, rest, call).await,
            "ask" | "reply" => Ok(ask::check(cx, call, &word)),
            "choose-day" => form::check_day(cx, &self.0, rest, call).await,
            word if requests::WORDS.contains(&word) => requests::check(cx, &self.0, word, rest, call).await,
            word => authoring::check(cx, &self.0, word, rest, call).await,
        }
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let scene = Scene {
            services: &self.0,
            words: cx.words,
            person: cx.person()?,
            calendar: &self.0.organisation.calendar(cx.person()?),
            pressed: call.pressed.as_deref(),
        };
        let (word, rest) = call.args.split();
        if requests::WORDS.contains(&word.as_str()) {
            return requests::run(cx, &self.0, call, &word, rest).await;
        }
        if authoring::WORDS.contains(&word.as_str()) {
            return authoring::run(cx, &self.0, call, &word, rest).await;
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let number = |n: usize| words.get(n).and_then(|w| w.parse::<usize>().ok());
        let (scene, words) = (&scene, &words);
        let id = words.first().copied().unwrap_or_default();
        match word.as_str() {
            "open" => cx.commit(|turn| async move { scene.open(&turn, id).await }).await,
            "page" => {
                let page = number(1).unwrap_or(1);
                cx.commit(|turn| async move { scene.page(&turn, id, page).await }).await
            }
            "quiz" => cx.commit(|turn| async move { scene.quiz(&turn, id).await }).await,
            "answer" => {
                let [attempt, question, option] = [1, 2, 3].map(|n| number(n).unwrap_or(usize::MAX));
                cx.commit(|turn| async move { scene.answer(&turn, id, attempt, question, option).await }).await
            }
            "attest" | "finish" => cx.commit(|turn| async move { scene.finish(&turn, id).await }).await,
            "sign" => {
                let version = words.get(1).copied().unwrap_or_default();
                let opened = words.get(2).copied();
                cx.commit(|turn| async move { scene.sign(&turn, id, version, opened, call).await }).await
            }
            "code" => {
                let event = cx.envelope.key.as_str();
                cx.commit(|turn| async move { scene.code(&turn, id, event).await }).await
            }
            "ask" => {
                let place = words.get(1).copied().unwrap_or_default();
                cx.commit(|turn| async move { scene.ask(&turn, id, place, call).await }).await
            }
            "reply" => cx.commit(|turn| async move { scene.reply(&turn, id, call).await }).await,
            "pass" => cx.commit(|turn| async move { scene.pass(&turn, id).await }).await,
            "question" => cx.commit(|turn| async move { scene.question(&turn, id).await }).await,
            "questions" => cx.commit(|turn| async move { scene.questions(&turn).await }).await,
            "plan" => {
                let today = scene.today(cx.db().clock().now());
                let date = match words.get(1) {
                    // Buttons of earlier releases.
                    Some(&"tomorrow") => today.tomorrow().ok(),
                    Some(&"later") => today.checked_add(2.days()).ok(),
                    day => day.and_then(|day| parse_date(day)),
                };
                cx.commit(|turn| async move { scene.plan(&turn, id, date).await }).await
            }
            "choose-day" => {
                let date = form::day(call);
                cx.commit(|turn| async move { scene.plan(&turn, id, date).await }).await
            }
            // A platform without forms.
            "choose" => Err(Error::invalid(say!(cx.words, "training-no-form"))),
            "unreachable" => unreachable::list(cx, scene.person).await,
            "status" => status::tell(cx, scene.person, rest).await,
            _ => self.list(cx, scene).await,
        }
    }
}

#[async_trait]
impl Panel for Training {
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>> {
        let items = listed(visit.conn, &visit.person.id).await?;
        let calendar = visit.organisation.calendar(visit.person);
        let today = calendar.date(visit.conn.now());
        let message = if items.is_empty() { Message::new() } else { view::list(visit.words, &items, &calendar, today) };
        let message = requests::hints(visit.conn, &self.0, visit.words, visit.person, message).await?;
        Ok((!message.blocks.is_empty()).then_some(message))
    }

    async fn prompts(&self, visit: &Visit<'_>) -> Result<Vec<Prompt>> {
        let items = listed(visit.conn, &visit.person.id).await?;
        let open = items.iter().any(|(a, _)| a.state.is_open());
        Ok(open.then(|| Prompt::new(say!(visit.words, "training-prompt"), "training")).into_iter().collect())
    }
}

impl Training {
    async fn list(&self, cx: &Context<'_>, scene: &Scene<'_>) -> Result<()> {
        let id = &scene.person.id;
        let read = cx.db().read(|c| async move {
            let asked = !trainer::of_person(&c, id).await?.is_empty();
            Ok((listed(&c, id).await?, asked))
        });
        let (items, asked) = read.await?;
        let today = scene.today(cx.db().clock().now());
        let mut message = view::list(cx.words, &items, scene.calendar, today);
        if asked {
            message = message.buttons(vec![Button::new(say!(cx.words, "trainer-list-button"), "training questions")]);
        }
        let (services, words, person) = (scene.services, scene.words, scene.person);
        let message =
            cx.db().read(|c| async move { requests::hints(&c, services, words, person, message).await }).await?;
        let message = unreachable::hint(cx, scene.person, message).await?;
        cx.reply_private(message).await
    }
}

/// The assignments that a person sees, with their titles: those that are open, the most urgent first, then what was done,
/// of each requirement the newest.
async fn listed(conn: &Conn, person: &str) -> Result<Vec<(Assignment, String)>> {
    let requirements = requirement::all(conn).await?;
    let (mut items, mut done) = (Vec::new(), Vec::new());
    for a in assignment::of_person(conn, person).await?.into_iter().rev() {
        if a.completed.is_some() {
            if done.contains(&a.requirement) {
                continue;
            }
            done.push(a.requirement.clone());
        }
        if a.state.is_open() || a.completed.is_some() {
            let title = match requirements.iter().find(|r| r.id == a.requirement) {
                Some(known) => known.title.clone(),
                None => requirement::by_id(conn, &a.requirement).await?.title,
            };
            items.push((a, title));
        }
    }
    items.sort_by_key(|(a, _)| (a.completed.is_some(), a.completed.map(|at| -at.0), a.due.at));
    Ok(items)
}

/// The person's own assignment. Whatever else the id names is refused in the same words.
async fn mine(conn: &Conn, words: &Words, person: &Person, id: &str) -> Result<Assignment> {
    let found = assignment::by_id(conn, id).await?.filter(|a| a.person == person.id);
    found.ok_or_else(|| Error::Forbidden(say!(words, "training-not-yours")))
}

/// Who does something, and where the answer goes.
struct Scene<'a> {
    services: &'a Services,
    words: &'static Words,
    person: &'a Person,
    calendar: &'a Calendar,
    pressed: Option<&'a str>,
}

/// An assignment with its course and where the person is in it.
struct Desk {
    a: Assignment,
    course: Course,
    progress: Progress,
    /// Nothing of it was shown before.
    begins: bool,
    /// How surely it must be the person who confirms it.
    level: Level,
    /// Whether there is somebody who can be asked about it.
    can_ask: bool,
}

impl Desk {
    fn point(&self) -> Point {
        point(&self.course, &self.a, &self.progress)
    }

    /// A page, with what is missing before the quiz in microseconds, if anything.
    fn page(&self, words: &Words, number: usize, missing: Option<i64>) -> Message {
        view::page(words, &self.a, &self.course, number, self.can_ask, missing)
    }
}

impl Scene<'_> {
    fn today(&self, now: Instant) -> jiff::civil::Date {
        self.calendar.date(now)
    }

    /// The person's assignment with its course, which begins now if it had not begun.
    async fn desk(&self, turn: &Turn, id: &str) -> Result<Desk> {
        let a = mine(turn, self.words, self.person, id).await?;
        if !a.state.is_open() {
            let (_, course) = course::read_in(turn, &a).await?;
            let (progress, level) = (Progress::default(), Level::default());
            return Ok(Desk { a, course, progress, begins: false, level, can_ask: false });
        }
        let (a, course) = life::start(turn, self.services, self.person, &a).await?;
        let mut progress = progress::load(turn, id).await?;
        let begins = progress.furthest == 0;
        if begins {
            progress.show(1);
        }
        let level = attest::demanded(turn, &a, &course).await?;
        let can_ask = trainer::can_be_asked(turn, &course.id, self.person).await?;
        Ok(Desk { a, course, progress, begins, level, can_ask })
    }

    /// Opens the course, or goes on where the person was. Always a new message: a nudge stays what it is.
    async fn open(&self, turn: &Turn, id: &str) -> Result<()> {
        let mut desk = self.desk(turn, id).await?;
        if desk.a.state.is_open() {
            // The time since the last visit was not reading.
            desk.progress.turned = Some(turn.now());
            progress::store(turn, id, &desk.progress).await?;
        }
        // Also where the first page is the last one, and what comes after the pages would be next.
        let message = if desk.begins { desk.page(self.words, 1, None) } else { self.show(turn, &desk).await? };
        turn.reply_private(message).await
    }

    /// Shows a page; the next one only after those before it.
    async fn page(&self, turn: &Turn, id: &str, page: usize) -> Result<()> {
        let mut desk = self.desk(turn, id).await?;
        if !desk.a.state.is_open() {
            return turn.replace(self.pressed, self.show(turn, &desk).await?).await;
        }
        let page = page.clamp(1, desk.course.pages.len()).min(desk.progress.furthest + 1);
        desk.progress.turn(&desk.course, turn.now());
        desk.progress.show(page);
        progress::store(turn, id, &desk.progress).await?;
        turn.replace(self.pressed, desk.page(self.words, page, None)).await
    }

    /// After the last page: begins an attempt at the quiz, or goes to what comes instead of it.
    async fn quiz(&self, turn: &Turn, id: &str) -> Result<()> {
        let mut desk = self.desk(turn, id).await?;
        if desk.a.state.is_open() {
            desk.progress.turn(&desk.course, turn.now());
            if desk.point() == Point::QuizReady {
                desk.progress.attempt = desk.a.attempts + 1;
                desk.progress.answers.clear();
                // What follows is answering, not reading.
                desk.progress.turned = None;
            }
            progress::store(turn, id, &desk.progress).await?;
        }
        turn.replace(self.pressed, self.show(turn, &desk).await?).await
    }

    /// Takes one answer. An answer to a question that is not the one asked now changes nothing.
    async fn answer(&self, turn: &Turn, id: &str, attempt: usize, question: usize, option: usize) -> Result<()> {
        let mut desk = self.desk(turn, id).await?;
        let now = usize::try_from(desk.progress.attempt).unwrap_or(usize::MAX);
        let asked = desk.point() == Point::Question(question) && now == attempt;
        let options = desk.course.questions.get(question).map_or(0, |q| q.options.len());
        if asked && option < options {
            desk.progress.answers.push(option);
            progress::store(turn, id, &desk.progress).await?;
            if desk.progress.answers.len() == desk.course.questions.len() {
                return self.evaluate(turn, desk).await;
            }
        }
        turn.replace(self.pressed, self.show(turn, &desk).await?).await
    }

    /// The quiz was answered to its end.
    async fn evaluate(&self, turn: &Turn, mut desk: Desk) -> Result<()> {
        let answers = desk.progress.answers.clone();
        desk.a = life::attempt(turn, self.services, self.person, &desk.a, &desk.course, &answers).await?;
        if desk.a.passed && desk.point() == Point::Finish {
            return self.finish(turn, &desk.a.id).await;
        }
        let message = view::result(self.words, &desk.a, &desk.course, &answers, desk.level);
        turn.replace(self.pressed, message).await
    }

    /// The end of a course without attestation; otherwise shows what is missing.
    async fn finish(&self, turn: &Turn, id: &str) -> Result<()> {
        let mut desk = self.desk(turn, id).await?;
        if desk.point() == Point::Finish {
            desk.a = life::complete(turn, self.services, self.person, &desk.a, None).await?;
        }
        turn.replace(self.pressed, self.show(turn, &desk).await?).await
    }

    /// The person says when they will do it.
    async fn plan(&self, turn: &Turn, id: &str, date: Option<jiff::civil::Date>) -> Result<()> {
        let a = mine(turn, self.words, self.person, id).await?;
        let Some(date) = date else { return Err(Error::invalid(say!(self.words, "training-plan-wrong"))) };
        let date = self.calendar.next_working_day(date);
        let at = self.calendar.at(date, self.calendar.working_hours.0);
        let mut file = None;
        let text = if !a.state.is_running() {
            say!(self.words, "training-plan-not-needed")
        } else if at > a.due.at || date <= self.today(turn.now()) {
            say!(self.words, "training-plan-too-late", due = a.due.said_in_full(self.words))
        } else {
            let mut progress = progress::load(turn, id).await?;
            // The same choice twice is one choice.
            if progress.planned != Some(at) {
                progress.planned = Some(at);
                progress.plans += 1;
                calendar::offer(turn, self.services, &mut progress);
                progress::store(turn, id, &progress).await?;
                nudge::plan(turn, &a, at, progress.plans).await?;
                let title = requirement::by_id(turn, &a.requirement).await?.title;
                statements::planned(turn, self.services, self.person, &a, &title, at).await?;
            }
            let when = moment_at(self.words, at, &self.calendar.zone, self.calendar.date(turn.now()));
            file = calendar::link(self.services, &progress, &say!(self.words, "training-calendar-add"));
            say!(self.words, "training-planned", when = when)
        };
        let mut message = Message::text(text);
        if let Some(link) = file {
            message = message.paragraph(link);
        }
        turn.reply_private(message).await
    }

    /// What comes next, as a message.
    async fn show(&self, turn: &Turn, desk: &Desk) -> Result<Message> {
        let (words, a, course) = (self.words, &desk.a, &desk.course);
        Ok(match desk.point() {
            Point::Page(page) => desk.page(words, page, None),
            // The page stays in sight: only what is read counts.
            Point::Wait(missing) => desk.page(words, desk.progress.page, Some(missing)),
            Point::QuizReady => view::quiz_ready(words, a, course),
            Point::Question(n) => view::question(words, a, course, desk.progress.attempt, n, desk.can_ask),
            Point::NoAttempts => view::no_attempts(words, &desk.a, course),
            Point::Attest => view::attest(words, a, course, desk.level, self.person),
            Point::Finish => view::finish(words, a, course),
            Point::Closed => {
                let items = listed(turn, &self.person.id).await?;
                let next = items.iter().find(|(other, _)| other.state.is_running());
                view::closed(words, a, course, next, self.calendar, self.today(turn.now()))
            }
        })
    }
}
