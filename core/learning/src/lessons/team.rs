//! Team drops: the learning team schedules a lesson, or the beginning of a track, for an audience. Each person gets it
//! at that time of day in their own zone, on that day or the next one on which they work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::json;
use stoa_flow::chat::{Button, Call, Context, Field, FieldError, FieldKind, Form, Message, literal};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::audience::Rule;
use stoa_ground::people::calendar::{parse_date, parse_time};
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Error, Instant, Result, Tx};

use super::content::{
    Content, Form as QuestionForm, LONGEST_OPTION, LONGEST_PROMPT, LONGEST_TEXT, LONGEST_TITLE, LONGEST_WHY,
    MOST_OPTIONS, Question, letter,
};
use super::learner::Learner;
use super::store::{self, LessonDrop, Scheduled, State};
use super::{Lessons, plan};

/// In the choice of what to send: a lesson that is written into the form.
const OWN: &str = "own";
/// How many working days after its day a team drop that was put off is still worth sending.
const KEEPS: u32 = 2;
/// People that one run of the job looks at.
const CHUNK: usize = 20;

const KIND: &str = "team-drop";

/// What a sent form says, once it is understood.
struct Request {
    track: Option<String>,
    content: Option<Content>,
    audience: Rule,
    date: Date,
    time: Time,
}

impl Lessons {
    /// Whether the person may schedule drops.
    async fn may_schedule(&self, cx: &Context<'_>) -> Result<bool> {
        let person = cx.person()?;
        let roles = cx.db().read(|conn| async move { people::roles_of(&conn, person).await }).await?;
        Ok(roles.contains(&Role::Learning))
    }

    async fn only_learning(&self, cx: &Context<'_>) -> Result<()> {
        if self.may_schedule(cx).await? {
            return Ok(());
        }
        let role = say!(cx.words, "lessons-role-learning");
        Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = role)))
    }

    /// The form, for those who may.
    pub(super) async fn schedule_form(&self, cx: &Context<'_>) -> Result<Option<Form>> {
        if !self.may_schedule(cx).await? {
            return Ok(None);
        }
        let words = cx.words;
        let tracks = cx.db().read(|conn| async move { store::tracks(&conn).await }).await?;
        let mut options = vec![(OWN.to_owned(), say!(words, "lessons-schedule-own"))];
        options.extend(tracks.into_iter().map(|t| (t.id, t.title)));
        let calendar = self.organisation.calendar(cx.person()?);
        let tomorrow = calendar.working_day_after(calendar.date(cx.db().clock().now()));
        let what = FieldKind::Choice { options, initial: Some(OWN.into()) };
        let text = |multiline, max, initial: &str| FieldKind::Text { multiline, max, initial: initial.into() };
        let field = |name: &str, label, hint, optional, kind| Field { name: name.into(), label, hint, optional, kind };
        let label = |key: &str| words.say(key);
        let hint = |key: &str| Some(words.say(key));
        let fields = vec![
            field(
                "track",
                label(words_key!("lessons-schedule-what")),
                hint(words_key!("lessons-schedule-what-hint")),
                false,
                what,
            ),
            field("title", label(words_key!("lessons-schedule-title")), None, true, text(false, LONGEST_TITLE, "")),
            field("text", label(words_key!("lessons-schedule-text")), None, true, text(true, LONGEST_TEXT, "")),
            field(
                "question",
                label(words_key!("lessons-schedule-question")),
                hint(words_key!("lessons-schedule-question-hint")),
                true,
                text(true, 1_500, ""),
            ),
            field(
                "audience",
                label(words_key!("lessons-schedule-audience")),
                hint(words_key!("lessons-schedule-audience-hint")),
                false,
                text(false, 500, "everyone"),
            ),
            field(
                "date",
                label(words_key!("lessons-schedule-date")),
                None,
                false,
                text(false, 10, &tomorrow.to_string()),
            ),
            field(
                "time",
                label(words_key!("lessons-schedule-time")),
                hint(words_key!("lessons-schedule-time-hint")),
                false,
                text(false, 5, "10:00"),
            ),
        ];
        Ok(Some(Form {
            command: "learn schedule".into(),
            title: say!(words, "lessons-schedule-form"),
            intro: None,
            fields,
            submit: say!(words, "lessons-schedule-preview-button"),
        }))
    }

    /// What is wrong with a sent form.
    pub(super) async fn check_schedule(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        if !self.may_schedule(cx).await? {
            return Ok(Vec::new());
        }
        match self.understand(cx, call).await? {
            Err(errors) => Ok(errors),
            Ok(request) => {
                let rule = &request.audience;
                let people = cx.db().read(|conn| async move { audience(&conn, rule).await }).await?;
                let why = say!(cx.words, "lessons-schedule-nobody");
                Ok(if people.is_empty() { vec![FieldError { field: "audience".into(), why }] } else { Vec::new() })
            }
        }
    }

    async fn understand(&self, cx: &Context<'_>, call: &Call) -> Result<Result<Request, Vec<FieldError>>> {
        let empty = BTreeMap::new();
        let values = call.values.as_ref().unwrap_or(&empty);
        let value = |name: &str| values.get(name).map_or("", |v| v.trim());
        let words = cx.words;
        let mut errors = Vec::new();
        let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });

        let chosen = match value("track") {
            "" | OWN => None,
            id => Some(id.to_owned()),
        };
        let mut content = None;
        if let Some(id) = &chosen {
            let track = cx.db().read(|conn| async move { store::track(&conn, id).await }).await?;
            if track.is_none_or(|t| t.retired || t.lessons == 0) {
                wrong("track", say!(words, "lessons-unknown-track", track = id));
            }
        } else {
            let (title, text) = (people::clean(value("title")), value("text"));
            if title.is_empty() {
                wrong("title", say!(words, "lessons-schedule-needs-title"));
            }
            if text.is_empty() {
                wrong("text", say!(words, "lessons-schedule-needs-text"));
            }
            let questions = match value("question") {
                "" => Vec::new(),
                lines => match parse_question(lines) {
                    Some(question) => vec![question],
                    None => {
                        wrong("question", say!(words, "lessons-schedule-question-wrong", most = MOST_OPTIONS));
                        Vec::new()
                    }
                },
            };
            let title = title.chars().take(LONGEST_TITLE).collect();
            let body = plain_text(&text.chars().take(LONGEST_TEXT).collect::<String>());
            content = Some(Content { title, minutes: 1, body, questions });
        }
        let audience = match value("audience") {
            "" => Some(Rule::Everyone),
            text => text.parse::<Rule>().map_err(|e| wrong("audience", e.to_string())).ok(),
        };
        let calendar = self.organisation.calendar(cx.person()?);
        let today = calendar.date(cx.db().clock().now());
        let date = parse_date(value("date"));
        match date {
            None => wrong("date", say!(words, "lessons-schedule-date-wrong", example = today.to_string())),
            Some(date) if date < today => wrong("date", say!(words, "lessons-schedule-date-past")),
            Some(_) => {}
        }
        let time = parse_time(value("time")).ok();
        match time {
            None => wrong("time", say!(words, "lessons-schedule-time-wrong")),
            Some(time) if plan::fitting(&self.organisation.calendar, time) != time => {
                let (from, to) = self.organisation.calendar.working_hours;
                let (from, to) = (words.time(from), words.time(to));
                wrong("time", say!(words, "lessons-schedule-time-outside", from = from, to = to));
            }
            Some(_) => {}
        }
        let (Some(audience), Some(date), Some(time), true) = (audience, date, time, errors.is_empty()) else {
            return Ok(Err(errors));
        };
        Ok(Ok(Request { track: chosen, content, audience, date, time }))
    }

    /// `learn schedule`: without values a button that opens the form, with values the preview.
    pub(super) async fn schedule(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        self.only_learning(cx).await?;
        let words = cx.words;
        if call.values.is_none() {
            let open = Button::primary(say!(words, "lessons-schedule-open-button"), "learn schedule");
            return cx.reply_private(Message::text(say!(words, "lessons-schedule-open")).buttons(vec![open])).await;
        }
        let request = match self.understand(cx, call).await? {
            Ok(request) => request,
            Err(errors) => {
                let lines: Vec<String> = errors.into_iter().map(|e| e.why).collect();
                return Err(Error::Invalid(lines.join(" ")));
            }
        };
        let author = cx.person()?;
        let rule = &request.audience;
        let people = cx.db().read(|conn| async move { audience(&conn, rule).await }).await?;
        let (request, people) = (&request, &people);
        cx.commit(|turn| async move {
            let id = turn.clock().id().to_string();
            let mut drop = Scheduled {
                id: id.clone(),
                author: author.id.clone(),
                track: request.track.clone(),
                lesson: None,
                audience: request.audience.clone(),
                date: request.date,
                time: request.time,
                state: State::Draft,
            };
            let mut message = Message::new();
            if let Some(content) = &request.content {
                let lesson = format!("drop/{id}");
                let version = store::keep_version(&turn, &lesson, content).await?;
                store::add_lesson(&turn, &lesson, &version).await?;
                drop.lesson = Some(lesson);
                message = preview(words, content);
            } else if let Some(track) = store::track(&turn, request.track.as_deref().unwrap_or_default()).await? {
                message = message.heading(&track.title).paragraph(say!(
                    words,
                    "lessons-schedule-track",
                    about = literal(&track.description),
                    count = track.lessons
                ));
            }
            store::add_scheduled(&turn, &drop).await?;
            let message = message
                .paragraph(summary(words, &drop, people))
                .context(say!(words, "lessons-schedule-how"))
                .buttons(vec![
                    Button::primary(say!(words, "lessons-schedule-confirm-button"), format!("learn confirm {id}")),
                    Button::new(say!(words, "lessons-schedule-discard-button"), format!("learn discard {id}")),
                ]);
            turn.reply_private(message).await
        })
        .await
    }

    /// `learn confirm <id>`, the button under the preview. Twice does no harm.
    pub(super) async fn confirm(&self, cx: &Context<'_>, call: &Call, id: &str) -> Result<()> {
        self.only_learning(cx).await?;
        let (words, pressed) = (cx.words, call.pressed.as_deref());
        let Some(drop) = cx.db().read(|conn| async move { store::scheduled(&conn, id).await }).await? else {
            return cx.reply_private(Message::text(say!(words, "lessons-schedule-gone"))).await;
        };
        let rule = &drop.audience;
        let people = cx.db().read(|conn| async move { audience(&conn, rule).await }).await?;
        let (drop, people) = (&drop, &people);
        cx.commit(|turn| async move {
            if store::move_scheduled(&turn, id, State::Draft, State::Confirmed).await? {
                // The day begins first in the zone that is 14 hours ahead of UTC.
                let begins = Instant::from(&midnight_utc(drop.date)).plus(-14 * Instant::HOUR);
                let payload = json!({ "drop": id, "after": "" });
                schedule::put(&turn, &format!("{KIND}/{id}"), KIND, begins.max(turn.now()), &payload).await?;
            }
            let state = store::scheduled(&turn, id).await?.map(|d| d.state);
            let message = if state == Some(State::Confirmed) {
                let back = say!(words, "lessons-schedule-back-button");
                Message::text(say!(words, "lessons-schedule-confirmed"))
                    .paragraph(summary(words, drop, people))
                    .buttons(vec![Button::new(back, format!("learn discard {id}"))])
            } else {
                Message::text(say!(words, "lessons-schedule-discarded"))
            };
            turn.replace(pressed, message).await
        })
        .await
    }

    /// `learn discard <id>`: takes a draft or a confirmed drop back; what was posted stays.
    pub(super) async fn discard(&self, cx: &Context<'_>, call: &Call, id: &str) -> Result<()> {
        self.only_learning(cx).await?;
        let pressed = call.pressed.as_deref();
        let text = say!(cx.words, "lessons-schedule-discarded");
        let text = &text;
        cx.commit(|turn| async move {
            for from in [State::Draft, State::Confirmed] {
                store::move_scheduled(&turn, id, from, State::Cancelled).await?;
            }
            schedule::cancel(&turn, &format!("{KIND}/{id}")).await?;
            turn.replace(pressed, Message::text(text.clone())).await
        })
        .await
    }

    /// Puts a team's drop for one person into the outbox, if it is for this person and there is a day for it.
    async fn deliver(&self, tx: &Tx, team: &Scheduled, person: &Person) -> Result<()> {
        let mut enrolment = None;
        let lesson = match (&team.lesson, &team.track) {
            (Some(id), _) => store::lesson(tx, id).await?,
            (None, Some(track)) => {
                let before = store::enrolment(tx, &person.id, track).await?;
                if before.as_ref().is_some_and(|e| e.ended.is_some()) {
                    // Who left a track is not brought back.
                    return Ok(());
                }
                enrolment = before.map(|e| e.id);
                let seen = store::progress(tx, &person.id).await?;
                let lessons = store::lessons_of(tx, track).await?;
                if lessons.iter().any(|l| seen.iter().any(|p| p.lesson == l.id)) {
                    // Already on the way in this track.
                    return Ok(());
                }
                lessons.into_iter().next()
            }
            (None, None) => None,
        };
        let Some(lesson) = lesson else { return Ok(()) };
        let learner = Learner::of(tx, &self.organisation, person).await?;
        let taken = store::team_days(tx, &person.id, learner.today).await?;
        let calendar = &learner.calendar;
        let day = plan::team_day(calendar, |d| learner.away(d), |d| taken.contains(&d), team.date, learner.now);
        let Some(day) = day else { return Ok(()) };
        let drop = LessonDrop {
            key: format!("drop/{}/{}", team.id, person.id),
            person: person.id.clone(),
            lesson: lesson.id,
            version: lesson.version,
            enrolment,
            scheduled: Some(team.id.clone()),
            day,
            expires: plan::end_of(calendar, calendar.plus_working_days(day, KEEPS)),
            sent: None,
        };
        let item = team.track.as_deref().unwrap_or(&drop.lesson);
        self.send(tx, &drop, item, calendar.at(day, team.time)).await
    }
}

/// The job that turns a confirmed team drop into one delivery for each person of its audience, some people at a time.
/// Who belongs to the audience is looked at when the day begins.
pub struct Expand(pub(super) Arc<Lessons>);

#[async_trait]
impl Job for Expand {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default();
        let Some(team) = store::scheduled(tx, text("drop")).await?.filter(|t| t.state == State::Confirmed) else {
            return Ok(());
        };
        let page = people::page(tx, text("after"), CHUNK).await?;
        for person in page.iter().filter(|p| p.status != people::Status::Left) {
            let facts = people::facts(tx, person).await?;
            if team.audience.matches(person, &facts) {
                self.0.deliver(tx, &team, person).await?;
            }
        }
        if let Some(last) = page.last() {
            let payload = json!({ "drop": team.id, "after": last.employee_id });
            schedule::put(tx, &job.key, KIND, tx.now(), &payload).await?;
        }
        Ok(())
    }
}

/// Everybody whom a rule means.
async fn audience(conn: &Conn, rule: &Rule) -> Result<Vec<Person>> {
    let all = people::all_facts(conn).await?;
    Ok(all.into_iter().filter(|(person, facts)| rule.matches(person, facts)).map(|(person, _)| person).collect())
}

/// To whom and when, in two sentences.
fn summary(words: &Words, drop: &Scheduled, people: &[Person]) -> String {
    let zones: BTreeSet<&str> = people.iter().map(|p| p.timezone.as_str()).collect();
    let to = say!(
        words,
        "lessons-schedule-to",
        count = people.len(),
        zones = zones.len(),
        audience = literal(&drop.audience.to_string())
    );
    let (date, time) = (words.date(drop.date), words.time(drop.time));
    format!("{to} {}", say!(words, "lessons-schedule-when", date = date, time = time))
}

fn preview(words: &Words, content: &Content) -> Message {
    let mut message = Message::new().heading(&content.title).paragraph(&content.body);
    for q in &content.questions {
        let (options, answer) = q.choice();
        let mark = |i: usize| if i == answer { " ✓" } else { "" };
        let lines: Vec<String> =
            options.iter().enumerate().map(|(i, o)| format!("- **{}** {}{}", letter(i), literal(o), mark(i))).collect();
        message = message
            .paragraph(say!(words, "lessons-question", prompt = literal(&q.prompt)))
            .paragraph(lines.join("\n"))
            .context(literal(&q.why));
    }
    message
}

fn midnight_utc(date: Date) -> jiff::Zoned {
    // UTC has every midnight; only the ends of the calendar could fail.
    date.to_zoned(TimeZone::UTC).unwrap_or_else(|_| Instant(0).zoned(&TimeZone::UTC))
}

/// What a person wrote, as CommonMark that shows it as it was written: its lines stay lines.
fn plain_text(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|l| literal(l.trim_end())).collect();
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        out.push_str(line);
        let followed = lines.get(i + 1).is_some_and(|next| !next.is_empty());
        out.push_str(if followed && !line.is_empty() { "  \n" } else { "\n" });
    }
    out.trim_end().to_owned()
}

/// A question as somebody writes it into the form: the question, the options each on its line with a star before the
/// right one, and last why it is right, on a line without a hyphen or star.
fn parse_question(text: &str) -> Option<Question> {
    let lines: Vec<String> = text.lines().map(people::clean).filter(|l| !l.is_empty()).collect();
    let (prompt, rest) = lines.split_first()?;
    let (why, options) = rest.split_last()?;
    let mut answer = None;
    let mut texts = Vec::new();
    for (i, line) in options.iter().enumerate() {
        let right = line.starts_with('*');
        if right && answer.replace(i).is_some() {
            return None;
        }
        let text = line.trim_start_matches(['*', '-']).trim().to_owned();
        if text.is_empty() || text.chars().count() > LONGEST_OPTION || texts.contains(&text) {
            return None;
        }
        texts.push(text);
    }
    let fits = (2..=MOST_OPTIONS).contains(&texts.len())
        && prompt.chars().count() <= LONGEST_PROMPT
        && why.chars().count() <= LONGEST_WHY
        && !why.starts_with(['*', '-']);
    let form = QuestionForm::Choice { options: texts, answer: answer.filter(|_| fits)? };
    Some(Question { id: "q1".into(), prompt: prompt.clone(), why: why.clone(), form })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_people_write_it() {
        let q =
            parse_question("Who may open the gate?\n- Anyone\n* The port officer\n\nIt is in the port rules.").unwrap();
        assert_eq!(q.prompt, "Who may open the gate?");
        assert_eq!(q.why, "It is in the port rules.");
        assert_eq!(q.choice(), (&["Anyone".to_owned(), "The port officer".to_owned()][..], 1));
        for wrong in
            ["Only a question?", "Q?\na\nb\nwhy", "Q?\n*a\n*b\nwhy", "Q?\n*a\nwhy", "Q?\n*a\n-a\nwhy", "Q?\n-a\n*b"]
        {
            assert!(parse_question(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_stays_as_it_is_written() {
        assert_eq!(plain_text("One\ntwo *three*\n\nfour\n"), "One  \ntwo \\*three\\*\n\nfour");
    }
}
