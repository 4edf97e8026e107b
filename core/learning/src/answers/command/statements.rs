//! The statements about questions and answers. None has a question's text.

use stoa_ground::people::Person;
use stoa_ground::xapi::vocabulary::{ASKED, QUESTION, RESOURCE, VOTED_DOWN, VOTED_UP};
use stoa_ground::xapi::{Activity, StatementDraft};

/// Somebody asked something.
pub(super) fn asked(person: &Person, question: &str) -> StatementDraft {
    StatementDraft::new(person, ASKED, Activity::new(QUESTION, &["question", question]))
}

/// An answer helped, or did not.
pub(super) fn voted(person: &Person, question: &str, helpful: bool) -> StatementDraft {
    let verb = if helpful { VOTED_UP } else { VOTED_DOWN };
    StatementDraft::new(person, verb, Activity::new(RESOURCE, &["answer", question]))
}
