//! The statements about questions and answers. None has a question's text, or what somebody wrote about an answer.

use stoa_ground::people::Person;
use stoa_ground::xapi::vocabulary::{
    APPLAUDED, ASKED, BOOKMARKED, QUESTION, REPLIED, RESOURCE, VERIFIED_CONTENT, VOTED_DOWN, VOTED_UP, extension,
};
use stoa_ground::xapi::{Activity, StatementDraft};

use crate::answers::feedback::Judgement;

fn question(id: &str) -> Activity {
    Activity::new(QUESTION, &["question", id])
}

/// Somebody asked something.
pub(in crate::answers) fn asked(person: &Person, id: &str) -> StatementDraft {
    StatementDraft::new(person, ASKED, question(id))
}

/// Somebody judged an answer; the kind of the judgement is its feedback.
pub(in crate::answers) fn judged(person: &Person, id: &str, judgement: Judgement) -> StatementDraft {
    let verb = if judgement == Judgement::Helpful { VOTED_UP } else { VOTED_DOWN };
    StatementDraft::new(person, verb, Activity::new(RESOURCE, &["answer", id]))
        .result_extension(extension::FEEDBACK, judgement.word())
}

/// Somebody kept a passage of a document for later.
pub(in crate::answers) fn saved(person: &Person, document: &str) -> StatementDraft {
    StatementDraft::new(person, BOOKMARKED, Activity::new(RESOURCE, &["document", document]))
}

/// A colleague answered a question that was passed on.
pub(in crate::answers) fn replied(person: &Person, id: &str) -> StatementDraft {
    StatementDraft::new(person, REPLIED, question(id))
}

/// The asker accepted a colleague's answer.
pub(in crate::answers) fn accepted(person: &Person, id: &str) -> StatementDraft {
    StatementDraft::new(person, APPLAUDED, question(id))
}

/// Somebody approved a curated answer.
pub(in crate::answers) fn approved(person: &Person, id: &str) -> StatementDraft {
    StatementDraft::new(person, VERIFIED_CONTENT, Activity::new(RESOURCE, &["curated-answer", id]))
}
