//! Kinds of deliveries: the daily drop, the review, and both as answers to who asked for them.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::delivery::{Delivery, DeliveryKind, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result, Tx};

use super::learner::{Learner, STREAK};
use super::show::{self, Around, Posed};
use super::store::{self, Lesson, LessonDrop, State};
use super::{Lessons, plan};

/// The kind `drop`: a lesson that comes by itself.
pub struct Drop(pub Arc<Lessons>);

/// The kind `review`: questions that come back by themselves.
pub struct Review(pub Arc<Lessons>);

/// The kind `lesson`: a lesson or a review that somebody asked for.
pub struct Asked(pub Arc<Lessons>);

impl Drop {
    pub(super) const NAME: &'static str = "drop";
}

impl Review {
    pub(super) const NAME: &'static str = "review";
}

impl Asked {
    pub(super) const NAME: &'static str = "lesson";
    /// Whether it stands for the message in which a question was answered.
    pub(super) const INSTEAD: &'static str = "instead";

    /// What the delivery of a lesson that was asked for is put with.
    pub(super) fn lesson(key: &str) -> serde_json::Value {
        json!({ "drop": key })
    }

    /// What the delivery of a review that was asked for is put with.
    pub(super) fn review(occasion: &str) -> serde_json::Value {
        json!({ "review": occasion })
    }
}

#[async_trait]
impl DeliveryKind for Drop {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("lessons-kind-drop")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Drop)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(Rendered::Gone(words_key!("why-stale"))) };
        let (lessons, key, posted) = (&self.0, &delivery.key, cx.posted);
        let found = cx
            .db
            .read(|conn| async move {
                let Some(drop) = store::drop_by_key(&conn, key).await? else { return Ok(Err("why-stale")) };
                let lesson = store::lesson(&conn, &drop.lesson).await?;
                if !posted && let Some(why) = lessons.gone(&conn, person, &drop, lesson.as_ref()).await? {
                    return Ok(Err(why));
                }
                Ok(lessons.view(&conn, person, &drop, lesson).await?.ok_or("why-lesson-retired"))
            })
            .await?;
        let view = match found {
            Ok(view) => view,
            Err(why) => return Ok(Rendered::Gone(why)),
        };
        let message = view.message(cx.words).buttons(vec![
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {key}")),
            Button::new(say!(cx.words, "lessons-pause-button"), "settings pause"),
        ]);
        Ok(Rendered::Say(message))
    }

    fn keeps_sent(&self) -> bool {
        true
    }

    async fn sent(&self, tx: &Tx, delivery: &Delivery) -> Result<()> {
        match store::drop_by_key(tx, &delivery.key).await? {
            Some(drop) => self.0.begin(tx, &drop).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl DeliveryKind for Review {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("lessons-kind-review")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Review)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(Rendered::Gone(words_key!("why-stale"))) };
        let (lessons, key) = (&self.0, delivery.key.as_str());
        let (posed, streak) = cx.db.read(|conn| async move { lessons.review(&conn, person, key).await }).await?;
        if !cx.posted {
            if delivery.expires.is_some_and(|e| e < cx.now) {
                return Ok(Rendered::Gone(words_key!("why-stale")));
            }
            if posed.iter().all(|p| p.attempt.answer.is_some()) {
                return Ok(Rendered::Gone(words_key!("why-done")));
            }
        }
        let message = show::review(cx.words, &posed, streak).buttons(vec![
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {key}")),
            Button::new(say!(cx.words, "lessons-pause-button"), "settings pause"),
        ]);
        Ok(Rendered::Say(message))
    }
}

#[async_trait]
impl DeliveryKind for Asked {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("lessons-kind-lesson")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(Rendered::Gone(words_key!("why-stale"))) };
        let lessons = &self.0;
        let shown = |message| Rendered::Say(Message { instead: delivery.payload[Self::INSTEAD] == true, ..message });
        if let Some(occasion) = delivery.payload["review"].as_str() {
            let (posed, streak) =
                cx.db.read(|conn| async move { lessons.review(&conn, person, occasion).await }).await?;
            return Ok(shown(show::review(cx.words, &posed, streak)));
        }
        let key = delivery.payload["drop"].as_str().unwrap_or_default();
        let view = cx
            .db
            .read(|conn| async move {
                let Some(drop) = store::drop_by_key(&conn, key).await? else { return Ok(None) };
                let lesson = store::lesson(&conn, &drop.lesson).await?;
                lessons.view(&conn, person, &drop, lesson).await
            })
            .await?;
        Ok(view.map_or(Rendered::Gone(words_key!("why-lesson-retired")), |v| shown(v.message(cx.words))))
    }
}

/// Everything that a lesson's message shows, in no language yet.
struct View {
    lesson: String,
    content: super::content::Content,
    posed: Vec<Posed>,
    around: Around,
    /// For a team's drop: its author, and why it came to this person.
    reason: Option<(String, String)>,
}

impl View {
    fn message(&self, words: &'static stoa_flow::words::Words) -> stoa_flow::chat::Message {
        let reason = self
            .reason
            .as_ref()
            .map(|(author, why)| say!(words, "lessons-team-reason", author = literal(author), why = literal(why)));
        let around = Around {
            track: self.around.track.clone(),
            reason,
            unseen: self.around.unseen,
            streak: self.around.streak,
            complete: self.around.complete,
        };
        show::lesson(words, &self.lesson, &self.content, &self.posed, &around)
    }
}

impl Lessons {
    /// Why a drop that was not sent yet is not sent any more.
    async fn gone(
        &self,
        conn: &Conn,
        person: &Person,
        drop: &LessonDrop,
        lesson: Option<&Lesson>,
    ) -> Result<Option<&'static str>> {
        if drop.sent.is_some() {
            return Ok(Some(words_key!("why-lesson-taken")));
        }
        if drop.expires < conn.now() {
            return Ok(Some(words_key!("why-stale")));
        }
        let Some(lesson) = lesson.filter(|l| !l.retired) else { return Ok(Some(words_key!("why-lesson-retired"))) };
        if let Some(track) = &lesson.track {
            if !store::is_open(conn, track).await? {
                return Ok(Some(words_key!("why-lesson-retired")));
            }
            let enrolment = store::enrolment(conn, &person.id, track).await?;
            if enrolment.is_some_and(|e| e.ended.is_some()) {
                return Ok(Some(words_key!("why-track-left")));
            }
        }
        let Some(scheduled) = &drop.scheduled else { return Ok(None) };
        let team = store::scheduled(conn, scheduled).await?.filter(|s| s.state == State::Confirmed);
        let Some(team) = team else { return Ok(Some(words_key!("why-team-drop-cancelled"))) };
        let facts = people::facts(conn, person).await?;
        Ok((!team.audience.matches(person, &facts)).then_some(words_key!("why-not-in-audience")))
    }

    /// What happens when a drop is posted or asked for. A team's drop of a track makes the person take part in it.
    pub(super) async fn begin(&self, tx: &Tx, drop: &LessonDrop) -> Result<()> {
        let mut drop = drop.clone();
        if let (None, Some(source)) = (&drop.enrolment, &drop.scheduled)
            && let Some(track) = store::lesson(tx, &drop.lesson).await?.and_then(|l| l.track)
        {
            drop.enrolment = Some(store::enrol(tx, &drop.person, &track, source).await?);
        }
        store::note_sent(tx, &drop).await?;
        // Who was in the track before is looked at every day already.
        let joins = drop.scheduled.is_some() && drop.enrolment.is_some();
        if joins && let Some(person) = people::by_id(tx, &drop.person).await? {
            let learner = Learner::of(tx, &self.organisation, &person).await?;
            super::daily::look_again(tx, &learner).await?;
        }
        Ok(())
    }

    /// What a lesson's message shows now; `None` when its content is gone.
    async fn view(
        &self,
        conn: &Conn,
        person: &Person,
        drop: &LessonDrop,
        lesson: Option<Lesson>,
    ) -> Result<Option<View>> {
        let content = store::content(conn, &drop.lesson, &drop.version).await?;
        let (Some(content), Some(lesson)) = (content, lesson) else {
            return Ok(None);
        };
        let posed = Self::posed(conn, person, &drop.key).await?;
        // Where there are questions, it was looked at when they are answered.
        let experienced = posed.is_empty() && store::has_experienced(conn, &person.id, &drop.lesson).await?;
        let answered = !posed.is_empty() && posed.iter().all(|p| p.attempt.answer.is_some());
        let mut around = Around { unseen: posed.is_empty() && !experienced, ..Around::default() };
        if answered || experienced {
            around.streak = self.streak(conn, person).await?;
        }
        if let Some(id) = &lesson.track {
            around.track = store::place_in_track(conn, id, &lesson.id).await?;
            let last = around.track.as_ref().is_some_and(|(_, number, of)| number == of);
            around.complete =
                last && (answered || posed.is_empty()) && store::has_experienced_all(conn, &person.id, id).await?;
        }
        let reason = match &drop.scheduled {
            Some(id) => self.team_reason(conn, person, id).await?,
            None => None,
        };
        Ok(Some(View { lesson: lesson.id, content, posed, around, reason }))
    }

    async fn team_reason(&self, conn: &Conn, person: &Person, id: &str) -> Result<Option<(String, String)>> {
        let Some(team) = store::scheduled(conn, id).await? else { return Ok(None) };
        let Some(author) = people::by_id(conn, &team.author).await? else { return Ok(None) };
        let facts = people::facts(conn, person).await?;
        Ok(Some((author.name, team.audience.explain(person, &facts))))
    }

    /// The questions of one occasion with what came back.
    async fn posed(conn: &Conn, person: &Person, occasion: &str) -> Result<Vec<Posed>> {
        let mut posed = Vec::new();
        for attempt in store::attempts(conn, occasion).await?.into_iter().filter(|a| a.person == person.id) {
            let content = store::content(conn, &attempt.lesson, &attempt.version).await?;
            let found = content.and_then(|c| Some((c.question(&attempt.question)?.clone(), c.title)));
            if let Some((question, lesson)) = found {
                posed.push(Posed { attempt, question, lesson });
            }
        }
        Ok(posed)
    }

    /// The questions of one occasion with what came back, and the person's streak when all are answered.
    async fn review(&self, conn: &Conn, person: &Person, occasion: &str) -> Result<(Vec<Posed>, Option<u32>)> {
        let posed = Self::posed(conn, person, occasion).await?;
        let done = posed.iter().all(|p| p.attempt.answer.is_some());
        let streak = if done { self.streak(conn, person).await? } else { None };
        Ok((posed, streak))
    }

    /// The person's streak, where it is wanted and there is one.
    async fn streak(&self, conn: &Conn, person: &Person) -> Result<Option<u32>> {
        if people::setting(conn, &person.id, STREAK).await?.is_none_or(|v| v != "yes") {
            return Ok(None);
        }
        let learner = Learner::of(conn, &self.organisation, person).await?;
        let days = store::active_days(conn, &person.id, &learner.calendar).await?;
        Ok(Some(plan::streak(&days, learner.today, |d| !learner.works(d))).filter(|days| *days > 0))
    }
}
