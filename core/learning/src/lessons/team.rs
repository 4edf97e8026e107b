//! Team drops: the learning team schedules a lesson, or the beginning of a track, for an audience. Each person gets it
//! at that time of day in their own zone, on that day or the next one on which they work.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use stoa_flow::chat::{Button, Call, Context, Message, literal};
use stoa_flow::say;
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::words::Words;
use stoa_ground::people::audience::Rule;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Error, Instant, Result, Tx};

use super::content::{Content, letter};
use super::learner::Learner;
use super::store::{self, LessonDrop, Scheduled, State};
use super::{Lessons, plan};

/// How many working days after its day a team drop that was put off is still worth sending.
const KEEPS: u32 = 2;
/// People that one run of the job looks at.
const CHUNK: usize = 20;

const KIND: &str = "team-drop";

impl Lessons {
    /// Whether the person may schedule drops.
    pub(super) async fn may_schedule(&self, cx: &Context<'_>) -> Result<bool> {
        let person = cx.person()?;
        let roles = cx.db().read(|conn| async move { people::roles_of(&conn, person).await }).await?;
        Ok(roles.contains(&Role::Learning))
    }

    async fn only_learning(&self, cx: &Context<'_>) -> Result<()> {
        if self.may_schedule(cx).await? {
            return Ok(());
        }
        let role = say!(cx.words, "role-learning");
        Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = role)))
    }

    /// `learn schedule`: without values a button that opens the form, with values the preview.
    pub(super) async fn schedule(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        self.only_learning(cx).await?;
        let words = cx.words;
        if call.values.is_none() {
            // With the track that was named.
            let open =
                Button::primary(say!(words, "lessons-schedule-open-button"), format!("learn {}", call.args.text()));
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
pub async fn audience(conn: &Conn, rule: &Rule) -> Result<Vec<Person>> {
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
