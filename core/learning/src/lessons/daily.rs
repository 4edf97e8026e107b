//! The daily job of a learner: the next lesson at the person's time, and what is due for review.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::{Follower, nudges};
use stoa_ground::people::{self, Status};
use stoa_ground::{Conn, Instant, Result, Tx};

use super::learner::Learner;
use super::plan::{self, Standing};
use super::store::{self, Card, LessonDrop};
use super::{Drop, Lessons, Review};

/// The most questions of one review.
pub const REVIEW_QUESTIONS: usize = 3;

const KIND: &str = "lesson-day";

/// The job: one for each person who takes part in a track, or to whom a question will come back. It looks at the day at
/// the time of the lesson, and before it where reviews come first, and does each thing once a day, late where nothing ran.
pub struct Daily(pub Arc<Lessons>);

#[async_trait]
impl Job for Daily {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let id = job.payload["person"].as_str().unwrap_or_default();
        let Some(person) = people::by_id(tx, id).await?.filter(|p| p.status != Status::Left) else {
            return Ok(());
        };
        let learner = Learner::of(tx, &self.0.organisation, &person).await?;
        let standings = store::standings(tx, id).await?;
        if standings.is_empty() && !store::has_cards(tx, id).await? {
            return Ok(());
        }
        let time = learner.lesson_time(&standings);
        if learner.works(learner.today) {
            let had = store::drop_of_day(tx, id, learner.today, learner.began).await?.is_some();
            let turn = plan::whose_turn(&standings).filter(|_| !had);
            if let Some(turn) = turn.filter(|_| learner.now >= learner.calendar.at(learner.today, time)) {
                self.drop(tx, &learner, turn).await?;
            }
            let with_lesson = had || turn.is_some();
            let at = if with_lesson { learner.review_time(time) } else { time };
            self.review(tx, &learner, learner.calendar.at(learner.today, at)).await?;
        }
        let next = learner.next_wake(time);
        schedule::put(tx, &job.key, KIND, next, &job.payload).await
    }
}

impl Daily {
    /// Puts the next lesson of the track whose turn it is into the outbox.
    async fn drop(&self, tx: &Tx, learner: &Learner, turn: &Standing) -> Result<()> {
        let Some(next) = &turn.next else { return Ok(()) };
        let Some(lesson) = store::lesson(tx, next).await? else { return Ok(()) };
        let person = &learner.person.id;
        let tried = store::was_tried(tx, person, next).await?;
        if tried && (learner.paused || nudges::gave_up(tx, &self.0.organisation, person).await?) {
            // Said once why it was held back; that is enough until the pause ends.
            return Ok(());
        }
        let mut key = format!("drop/{}/{next}", turn.enrolment);
        if tried {
            key = format!("{key}/{}", learner.today);
        }
        let drop = LessonDrop {
            key,
            person: person.clone(),
            lesson: lesson.id,
            version: lesson.version,
            enrolment: Some(turn.enrolment.clone()),
            scheduled: None,
            day: learner.today,
            expires: plan::end_of(&learner.calendar, learner.today),
            sent: None,
        };
        self.0.send(tx, &drop, &turn.track, learner.now).await
    }

    /// Puts the questions that are due into the outbox as one message, once a day.
    async fn review(&self, tx: &Tx, learner: &Learner, at: Instant) -> Result<()> {
        let cards = due_now(tx, learner).await?;
        if cards.is_empty() || learner.paused {
            return Ok(());
        }
        if nudges::gave_up(tx, &self.0.organisation, &learner.person.id).await? {
            return Ok(());
        }
        let key = format!("review/{}/{}", learner.person.id, learner.today);
        let new = NewDelivery {
            key: key.clone(),
            kind: Review::NAME,
            person: Some(learner.person.id.clone()),
            item: "review".into(),
            step: learner.today.to_string(),
            due: Some(at),
            expires: Some(plan::end_of(&learner.calendar, learner.today)),
            ..NewDelivery::default()
        };
        if delivery::enqueue(tx, &new).await? {
            pose(tx, learner, &key, &cards).await?;
        }
        Ok(())
    }
}

impl Lessons {
    /// Adds a drop with its questions and its delivery. A key that is there changes nothing.
    pub(super) async fn send(&self, tx: &Tx, drop: &LessonDrop, item: &str, due: Instant) -> Result<()> {
        let new = NewDelivery {
            key: drop.key.clone(),
            kind: Drop::NAME,
            person: Some(drop.person.clone()),
            item: item.to_owned(),
            step: drop.lesson.clone(),
            due: Some(due),
            expires: Some(drop.expires),
            ..NewDelivery::default()
        };
        if delivery::enqueue(tx, &new).await? && store::add_drop(tx, drop).await? {
            self.pose_all(tx, drop).await?;
        }
        Ok(())
    }
}

/// The questions that are due today and do not wait for an answer already.
pub async fn due_now(conn: &Conn, learner: &Learner) -> Result<Vec<Card>> {
    let cards = store::due_cards(conn, &learner.person.id, learner.today).await?;
    let mut due = Vec::new();
    if cards.is_empty() {
        return Ok(due);
    }
    let open = store::open_questions(conn, &learner.person.id, learner.began).await?;
    for card in cards {
        let content = store::content(conn, &card.lesson, &card.version).await?;
        let still_asked = content.is_some_and(|c| c.question(&card.question).is_some());
        if still_asked && !open.contains(&(card.lesson.clone(), card.question.clone())) {
            due.push(card);
        }
    }
    Ok(due)
}

/// Follows the changes of people: who has another zone, other hours or another time for lessons gets them at the new time
/// from then on, not from the next day on.
pub struct PeopleFollower(pub Arc<Lessons>);

#[async_trait]
impl Follower for PeopleFollower {
    fn name(&self) -> &'static str {
        "lessons-people"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, id: &str) -> Result<()> {
        if schedule::due(tx, &format!("{KIND}/{id}")).await?.is_none() {
            return Ok(());
        }
        let Some(person) = people::by_id(tx, id).await?.filter(|p| p.status != Status::Left) else { return Ok(()) };
        look_again(tx, &Learner::of(tx, &self.0.organisation, &person).await?).await
    }
}

/// Puts the first due questions to the person, on one occasion.
pub async fn pose(tx: &Tx, learner: &Learner, occasion: &str, cards: &[Card]) -> Result<()> {
    let some = cards.iter().take(REVIEW_QUESTIONS);
    let questions: Vec<_> =
        some.map(|card| (card.lesson.as_str(), card.version.as_str(), card.question.as_str())).collect();
    store::pose(tx, occasion, &learner.person.id, &questions).await
}

/// Sees to it that the person's day is looked at, and not later than the person's time today.
pub async fn look_again(tx: &Tx, learner: &Learner) -> Result<()> {
    let key = format!("{KIND}/{}", learner.person.id);
    let standings = store::standings(tx, &learner.person.id).await?;
    let next = learner.next_wake(learner.lesson_time(&standings));
    if schedule::due(tx, &key).await?.is_some_and(|due| due <= next) {
        return Ok(());
    }
    schedule::put(tx, &key, KIND, next, &json!({ "person": learner.person.id })).await
}
