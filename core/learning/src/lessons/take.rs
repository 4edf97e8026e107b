//! Taking today's lesson, or a review, when the person asks for it.

use stoa_ground::{Conn, Instant, Result, Tx};

use super::learner::Learner;
use super::store::{self, LessonDrop};
use super::{Lessons, daily, plan};

/// What there is for a person who asks for today's lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Today {
    /// A lesson: the key of its drop.
    Lesson(String),
    /// Today's lesson is done. When the next one comes, and how many questions are up for review.
    UpToDate(Option<Instant>, usize),
    /// Every lesson of the person's tracks was seen.
    AllDone(usize),
    /// The person takes part in no track.
    NoTrack(usize),
}

/// What is up next for a person. Reading it changes nothing.
pub(super) enum Next {
    /// A lesson that came or will come today, with something left to do in it.
    Drop(LessonDrop),
    /// A lesson that has not come yet, and the enrolment that it belongs to.
    Lesson(store::Lesson, String),
    /// Today's lesson is done; when the next one comes.
    UpToDate(Option<Instant>),
    /// Every lesson of the person's tracks was seen.
    AllDone,
    /// The person takes part in no track.
    NoTrack,
}

/// What is up next: today's lesson, the one that came or will come today, else the next one; when all were sent, one that
/// was missed.
pub(super) async fn next(conn: &Conn, learner: &Learner) -> Result<Next> {
    let person = &learner.person.id;
    let standings = store::standings(conn, person).await?;
    let drop = store::drop_of_day(conn, person, learner.today, learner.began).await?;
    let had = drop.as_ref().is_some_and(|d| d.sent.is_some());
    if let Some(drop) = drop
        && unfinished(conn, &drop).await?
    {
        return Ok(Next::Drop(drop));
    }
    if had && plan::whose_turn(&standings).is_some() {
        return Ok(Next::UpToDate(learner.next_lesson(&standings)));
    }
    if let Some(turn) = plan::whose_turn(&standings) {
        let next = turn.next.as_deref().unwrap_or_default();
        if let Some(lesson) = store::lesson(conn, next).await? {
            return Ok(Next::Lesson(lesson, turn.enrolment.clone()));
        }
    }
    let seen = store::progress(conn, person).await?;
    for standing in &standings {
        for lesson in store::lessons_of(conn, &standing.track).await? {
            if seen.iter().all(|p| p.lesson != lesson.id || !p.experienced) {
                return Ok(Next::Lesson(lesson, standing.enrolment.clone()));
            }
        }
    }
    Ok(if standings.is_empty() { Next::NoTrack } else { Next::AllDone })
}

/// Whether there is something left to do in a lesson: a question to answer, or to look at it.
async fn unfinished(conn: &Conn, drop: &LessonDrop) -> Result<bool> {
    let attempts = store::attempts(conn, &drop.key).await?;
    if attempts.is_empty() {
        return Ok(!store::has_experienced(conn, &drop.person, &drop.lesson).await?);
    }
    Ok(attempts.iter().any(|a| a.answer.is_none()))
}

impl Lessons {
    /// Takes what is up next: a lesson that was to come later then does not come by itself.
    pub(super) async fn today(&self, tx: &Tx, learner: &Learner) -> Result<Today> {
        let next = next(tx, learner).await?;
        let reviews = daily::due_now(tx, learner).await?.len();
        match next {
            Next::Drop(drop) => self.take(tx, learner, &drop).await,
            Next::Lesson(lesson, enrolment) => {
                let drop = self.pulled(tx, learner, lesson, Some(enrolment)).await?;
                self.take(tx, learner, &drop).await
            }
            Next::UpToDate(next) => Ok(Today::UpToDate(next, reviews)),
            Next::AllDone => Ok(Today::AllDone(reviews)),
            Next::NoTrack => Ok(Today::NoTrack(reviews)),
        }
    }

    /// Questions to review now: the occasion of those that wait since today, else of new ones. `None` when nothing is
    /// due.
    pub(super) async fn review_now(&self, tx: &Tx, learner: &Learner) -> Result<Option<String>> {
        if let Some(open) = store::open_review(tx, &learner.person.id, learner.began).await? {
            return Ok(Some(open));
        }
        let cards = daily::due_now(tx, learner).await?;
        if cards.is_empty() {
            return Ok(None);
        }
        let occasion = format!("review/{}/{}/{}", learner.person.id, learner.today, tx.clock().id());
        daily::pose(tx, learner, &occasion, &cards).await?;
        Ok(Some(occasion))
    }

    async fn pulled(
        &self,
        tx: &Tx,
        learner: &Learner,
        lesson: store::Lesson,
        enrolment: Option<String>,
    ) -> Result<LessonDrop> {
        let drop = LessonDrop {
            key: format!("pull/{}", tx.clock().id()),
            person: learner.person.id.clone(),
            lesson: lesson.id,
            version: lesson.version,
            enrolment,
            scheduled: None,
            day: learner.today,
            expires: plan::end_of(&learner.calendar, learner.today),
            sent: None,
        };
        store::add_drop(tx, &drop).await?;
        self.pose_all(tx, &drop).await?;
        Ok(drop)
    }

    async fn take(&self, tx: &Tx, learner: &Learner, drop: &LessonDrop) -> Result<Today> {
        if drop.sent.is_none() {
            self.begin(tx, drop).await?;
        }
        self.experienced(tx, learner, &drop.lesson).await?;
        Ok(Today::Lesson(drop.key.clone()))
    }
}
