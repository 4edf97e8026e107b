//! The statements about tips, discussions and experience. Tips' texts are in none; what a person wrote in a discussion
//! or logged as an experience is in theirs.

use stoa_ground::people::Person;
use stoa_ground::xapi::vocabulary::{
    COMMENTED, DISCUSSED, DISCUSSION, EXPERIENCED, RESOURCE, SHARED, TIP, VERIFIED_CONTENT, VOTED_DOWN, VOTED_UP,
    WITHDREW_CONSENT, extension,
};
use stoa_ground::xapi::{Activity, Actor, Outcome, StatementDraft};

use super::discussions::Discussion;
use super::experience::Experience;
use super::store::Tip;
use super::text::digest;

fn tip_activity(id: &str) -> Activity {
    Activity::new(TIP, &["tip", id])
}

/// A tip was shared, in the version that its text has now.
pub(super) fn shared(author: &Person, tip: &Tip) -> StatementDraft {
    let draft = StatementDraft::new(author, SHARED, tip_activity(&tip.id)).revision(digest(&tip.text));
    match &tip.topic {
        Some(topic) => draft.extension(extension::TOPIC, topic.as_str()),
        None => draft,
    }
}

/// Somebody responsible checked a tip.
pub(super) fn verified(by: &Person, tip: &Tip) -> StatementDraft {
    StatementDraft::new(by, VERIFIED_CONTENT, tip_activity(&tip.id)).revision(digest(&tip.text))
}

/// A tip was rated.
pub(super) fn rated(by: &Person, tip: &Tip, up: bool) -> StatementDraft {
    StatementDraft::new(by, if up { VOTED_UP } else { VOTED_DOWN }, tip_activity(&tip.id))
}

fn discussion_activity(discussion: &Discussion) -> Activity {
    Activity::new(DISCUSSION, &["discussion", &discussion.id]).name("en", name(discussion))
}

/// The words of a question are in the statement of whoever asked it, and in no other.
fn name(discussion: &Discussion) -> &str {
    if discussion.answer.is_some() { "A question and its answer" } else { &discussion.title }
}

/// A group discussed; only those who agreed are named.
pub(super) fn discussed(discussion: &Discussion, agreed: &[Person]) -> StatementDraft {
    let group = Actor::Named {
        id: format!("discussion/{}", discussion.id),
        name: Some(name(discussion).to_owned()),
        members: agreed.iter().map(Actor::from).collect(),
    };
    StatementDraft::new(group, DISCUSSED, discussion_activity(discussion)).platform(discussion.platform.as_str())
}

/// Somebody took part in a discussion, with these words.
pub(super) fn commented(person: &Person, discussion: &Discussion, words: &str) -> StatementDraft {
    StatementDraft::new(person, COMMENTED, discussion_activity(discussion))
        .platform(discussion.platform.as_str())
        .response(words)
}

/// Somebody no longer wants to be in a discussion's record.
pub(super) fn withdrew(person: &Person, discussion: &Discussion) -> StatementDraft {
    StatementDraft::new(person, WITHDREW_CONSENT, discussion_activity(discussion))
}

/// Somebody did something; the colleague who confirmed it is in the context as instructor.
pub(super) fn experienced(person: &Person, experience: &Experience, confirmer: Option<&Person>) -> StatementDraft {
    let outcome = Outcome {
        response: Some(experience.text.clone()),
        duration: experience.minutes.map(|m| m * 60_000_000),
        ..Outcome::default()
    };
    let mut draft = StatementDraft::new(person, EXPERIENCED, Activity::new(RESOURCE, &["experience", &experience.id]))
        .outcome(outcome)
        .category(Activity::new(RESOURCE, &["category", "informal"]).name("en", "Informal learning"))
        .at(experience.at());
    if let Some(link) = &experience.link {
        draft = draft.result_extension(extension::EVIDENCE, link.as_str());
    }
    match confirmer {
        Some(confirmer) => draft.instructor(confirmer),
        None => draft,
    }
}
