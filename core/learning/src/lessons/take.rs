//! Taking today's lesson, or a review, when the person asks for it.

use stoa_ground::{Instant, Result, Tx};

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

impl Lessons {
    /// Today's lesson: the one that came or will come today, else the next one, which then does not come by itself;
    /// when all were sent, one that was missed.
    pub(super) async fn today(&self, tx: &Tx, learner: &Learner) -> Result<Today> {
        let person = &learner.person.id;
        let standings = store::standings(tx, person).await?;
        let drop = store::drop_of_day(tx, person, learner.today, learner.began).await?;
        let had = drop.as_ref().is_some_and(|d| d.sent.is_some());
        if let Some(drop) = drop
            && self.unfinished(tx, &drop).await?
        {
            return self.take(tx, learner, &drop).await;
        }
        let reviews = daily::due_now(tx, learner).await?.len();
        if had && plan::whose_turn(&standings).is_some() {
            return Ok(Today::UpToDate(learner.next_lesson(&standings), reviews));
        }
        if let Some(turn) = plan::whose_turn(&standings) {
            let next = turn.next.as_deref().unwrap_or_default();
            if let Some(lesson) = store::lesson(tx, next).await? {
                let drop = self.pulled(tx, learner, lesson, Some(turn.enrolment.clone())).await?;
                return self.take(tx, learner, &drop).await;
            }
        }
        let seen = store::progress(tx, person).await?;
        for standing in &standings {
            for lesson in store::lessons_of(tx, &standing.track).await? {
                if seen.iter().all(|p| p.lesson != lesson.id || !p.experienced) {
                    let drop = self.pulled(tx, learner, lesson, Some(standing.enrolment.clone())).await?;
                    return self.take(tx, learner, &drop).await;
                }
            }
        }
        Ok(if standings.is_empty() { Today::NoTrack(reviews) } else { Today::AllDone(reviews) })
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

    /// Whether there is something left to do in a lesson: a question to answer, or to look at it.
    async fn unfinished(&self, tx: &Tx, drop: &LessonDrop) -> Result<bool> {
        let attempts = store::attempts(tx, &drop.key).await?;
        if attempts.is_empty() {
            return Ok(!store::has_experienced(tx, &drop.person, &drop.lesson).await?);
        }
        Ok(attempts.iter().any(|a| a.answer.is_none()))
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
