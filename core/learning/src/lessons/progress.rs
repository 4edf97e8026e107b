//! What happens when a person looks at a lesson or answers a question, in the caller's transaction.

use stoa_flow::delivery;
use stoa_ground::{Result, Tx};

use super::content::Question;
use super::learner::Learner;
use super::review::{self, Answered};
use super::statements::{self, About};
use super::store;
use super::{Lessons, daily};

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It counts.
    Taken,
    /// There was one already, which stays: its response, whether it was right, and the question.
    Before(String, bool, Question),
    /// It is no answer to the question.
    NoOption,
    /// There is no such question for this person.
    Gone,
}

impl Lessons {
    /// Takes an answer to a question that was put to this person.
    pub(super) async fn answer(&self, tx: &Tx, learner: &Learner, id: &str, response: &str) -> Result<Answer> {
        let person = &learner.person;
        let Some(attempt) = store::attempt(tx, id).await?.filter(|a| a.person == person.id) else {
            return Ok(Answer::Gone);
        };
        let content = store::content(tx, &attempt.lesson, &attempt.version).await?;
        let (Some(content), Some(lesson)) = (content, store::lesson(tx, &attempt.lesson).await?) else {
            return Ok(Answer::Gone);
        };
        let Some(question) = content.question(&attempt.question) else { return Ok(Answer::Gone) };
        if let Some((given, correct)) = attempt.answer {
            return Ok(Answer::Before(given, correct, question.clone()));
        }
        let Some(correct) = question.grade(response) else { return Ok(Answer::NoOption) };
        store::store_answer(tx, &attempt.id, response, correct, learner.today).await?;

        let known = store::card(tx, &person.id, &attempt.lesson, &attempt.question).await?;
        let after = review::next(known.map(|c| (c.memory, c.due)), Answered { correct, on: learner.today });
        store::put_card(tx, &person.id, (&attempt.lesson, &attempt.question), after, learner.today).await?;

        self.experienced(tx, learner, &attempt.lesson).await?;
        let (track, registration) = self.belonging(tx, &person.id, lesson.track.as_deref()).await?;
        let about = About { lesson: &lesson, content: &content, track: track.as_ref(), registration };
        let emitter = &self.services.emitter;
        about.answered(tx, emitter, person, (&attempt, question), (response, correct)).await?;
        delivery::revise(tx, &attempt.occasion).await?;
        daily::look_again(tx, learner).await?;
        Ok(Answer::Taken)
    }

    /// Notes that the person looked at a lesson: says so once, and whether the track is complete with it.
    pub(super) async fn experienced(&self, tx: &Tx, learner: &Learner, lesson: &str) -> Result<()> {
        let person = &learner.person;
        if !store::note_experienced(tx, &person.id, lesson).await? {
            return Ok(());
        }
        let Some(lesson) = store::lesson(tx, lesson).await? else { return Ok(()) };
        let Some(content) = store::content(tx, &lesson.id, &lesson.version).await? else { return Ok(()) };
        let (track, registration) = self.belonging(tx, &person.id, lesson.track.as_deref()).await?;
        let about = About { lesson: &lesson, content: &content, track: track.as_ref(), registration };
        about.experienced(tx, &self.services.emitter, person).await?;

        let (Some(track), Some(enrolment)) = (track, registration) else { return Ok(()) };
        let whole = store::has_experienced_all(tx, &person.id, &track.id).await?;
        let enrolment = enrolment.to_string();
        if whole && store::complete_enrolment(tx, &enrolment).await? {
            statements::completed(tx, &self.services.emitter, person, &track, &enrolment).await?;
        }
        Ok(())
    }

    /// The track and the person's enrolment in it.
    async fn belonging(
        &self,
        tx: &Tx,
        person: &str,
        track: Option<&str>,
    ) -> Result<(Option<store::Track>, Option<uuid::Uuid>)> {
        let Some(track) = track else { return Ok((None, None)) };
        let enrolment = store::enrolment(tx, person, track).await?;
        Ok((store::track(tx, track).await?, enrolment.and_then(|e| e.id.parse().ok())))
    }

    /// Puts the questions of a lesson to a person, on one occasion.
    pub(super) async fn pose_all(&self, tx: &Tx, drop: &store::LessonDrop) -> Result<()> {
        let Some(content) = store::content(tx, &drop.lesson, &drop.version).await? else { return Ok(()) };
        let of = (drop.lesson.as_str(), drop.version.as_str());
        let questions: Vec<_> = content.questions.iter().map(|q| (of.0, of.1, q.id.as_str())).collect();
        store::pose(tx, &drop.key, &drop.person, &questions).await
    }
}
