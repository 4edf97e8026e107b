//! What lessons say in xAPI: experienced and completed, and answers, which are private.

use stoa_ground::people::Person;
use stoa_ground::xapi::vocabulary::{ANSWERED, ActivityType, COMPLETED, COURSE, EXPERIENCED, INTERACTION, Iri, LESSON};
use stoa_ground::xapi::{Activity, Emitter, Outcome, StatementDraft};
use stoa_ground::{Result, Tx};

use super::content::{Content, Question};
use super::store::{Attempt, Lesson, Track};

/// Context extension: the statement stays in the organisation's own Learning Record Store and in no manager's view.
const PRIVATE: Iri = Iri::Own("private");

/// A lesson with its content and the track that it belongs to.
pub struct About<'a> {
    /// The lesson.
    pub lesson: &'a Lesson,
    /// What it says.
    pub content: &'a Content,
    /// Its track.
    pub track: Option<&'a Track>,
    /// The enrolment's id.
    pub registration: Option<uuid::Uuid>,
}

fn named(kind: ActivityType, path: &[&str], name: &str, language: Option<&str>) -> Activity {
    Activity::new(kind, path).name(language.unwrap_or("en"), name)
}

fn track_activity(track: &Track) -> Activity {
    named(COURSE, &["track", &track.id], &track.title, track.language.as_deref())
}

impl About<'_> {
    fn language(&self) -> Option<&str> {
        self.track.and_then(|t| t.language.as_deref())
    }

    fn path(&self) -> Vec<&str> {
        std::iter::once("lesson").chain(self.lesson.id.split('/')).collect()
    }

    fn activity(&self) -> Activity {
        named(LESSON, &self.path(), &self.content.title, self.language())
    }

    fn draft(&self, mut draft: StatementDraft, version: &str) -> StatementDraft {
        draft = draft.revision(version);
        if let Some(registration) = self.registration {
            draft = draft.registration(registration);
        }
        if let Some(track) = self.track {
            draft = draft.grouping(track_activity(track));
        }
        draft
    }

    /// The person saw the lesson.
    pub async fn experienced(&self, tx: &Tx, emitter: &Emitter, person: &Person) -> Result<()> {
        let draft = StatementDraft::new(person, EXPERIENCED, self.activity());
        emitter.emit(tx, self.draft(draft, &self.lesson.version)).await?;
        Ok(())
    }

    /// The person answered a question of the lesson. Private.
    pub async fn answered(
        &self,
        tx: &Tx,
        emitter: &Emitter,
        person: &Person,
        (attempt, question): (&Attempt, &Question),
        (response, correct): (&str, bool),
    ) -> Result<()> {
        let (options, answer) = question.choice();
        let ids: Vec<String> = (0..options.len()).map(|i| i.to_string()).collect();
        let choices = ids.iter().map(String::as_str).zip(options.iter().map(String::as_str));
        let mut path = self.path();
        path.extend(["question", &question.id]);
        let activity = named(INTERACTION, &path, &question.prompt, self.language())
            .choices(choices, &[answer.to_string().as_str()]);
        let outcome = Outcome { success: Some(correct), response: Some(response.to_owned()), ..Outcome::default() };
        let draft = StatementDraft::new(person, ANSWERED, activity)
            .outcome(outcome)
            .parent(self.activity())
            .extension(PRIVATE, true);
        emitter.emit(tx, self.draft(draft, &attempt.version)).await?;
        Ok(())
    }
}

/// The person saw every lesson of a track.
pub async fn completed(tx: &Tx, emitter: &Emitter, person: &Person, track: &Track, enrolment: &str) -> Result<()> {
    let outcome = Outcome { completion: Some(true), ..Outcome::default() };
    let mut draft = StatementDraft::new(person, COMPLETED, track_activity(track)).outcome(outcome);
    if let Ok(id) = enrolment.parse() {
        draft = draft.registration(id);
    }
    emitter.emit(tx, draft).await?;
    Ok(())
}
