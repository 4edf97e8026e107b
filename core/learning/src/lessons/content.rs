//! What a lesson is made of, without a store: title, one minute of text, questions.

use serde::{Deserialize, Serialize};

/// The most characters of a lesson's text: what fits into one message on a phone.
pub const LONGEST_TEXT: usize = 2_500;
/// The most characters of a title, a prompt, an option and an explanation.
pub const LONGEST_TITLE: usize = 100;
/// See [`LONGEST_TITLE`].
pub const LONGEST_PROMPT: usize = 300;
/// See [`LONGEST_TITLE`].
pub const LONGEST_OPTION: usize = 150;
/// See [`LONGEST_TITLE`].
pub const LONGEST_WHY: usize = 500;
/// The most options of a question: one row of buttons on every platform.
pub const MOST_OPTIONS: usize = 5;

/// The content of a lesson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Plain text.
    pub title: String,
    /// How long it takes.
    pub minutes: u32,
    /// CommonMark.
    pub body: String,
    /// In the order in which they are asked.
    pub questions: Vec<Question>,
}

/// A question about a lesson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its id within the lesson: memory of it is kept under this id.
    pub id: String,
    /// What is asked, plain text.
    pub prompt: String,
    /// Why the right answer is right, plain text; shown afterwards.
    pub why: String,
    /// How it is answered.
    #[serde(flatten)]
    pub form: Form,
}

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Form {
    /// One of several options.
    Choice {
        /// Plain texts.
        options: Vec<String>,
        /// The right one, from 0.
        answer: usize,
    },
}

impl Content {
    /// SHA-256 of the content, hex: the version of the lesson.
    ///
    /// # Errors
    /// Never for this type; the serialiser's error is passed on.
    pub fn digest(&self) -> stoa_ground::Result<String> {
        let bytes = serde_json::to_vec(self)?;
        Ok(stoa_ground::sha256(&bytes))
    }

    /// The question with this id.
    #[must_use]
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|q| q.id == id)
    }
}

impl Question {
    /// Whether a response is right; `None` when it is no response to this question. For a choice the response is the
    /// option's index from 0.
    #[must_use]
    pub fn grade(&self, response: &str) -> Option<bool> {
        let Form::Choice { options, answer } = &self.form;
        let chosen: usize = response.parse().ok()?;
        (chosen < options.len()).then_some(chosen == *answer)
    }

    /// The options and the index of the right one.
    #[must_use]
    pub fn choice(&self) -> (&[String], usize) {
        let Form::Choice { options, answer } = &self.form;
        (options, *answer)
    }
}

/// The letter of an option, from 0: A, B, C …
#[must_use]
pub fn letter(index: usize) -> char {
    u8::try_from(index).ok().filter(|i| *i < 26).map_or('?', |i| char::from(b'A' + i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_graded_by_its_index_and_nonsense_is_no_answer() {
        let q = Question {
            id: "q1".into(),
            prompt: "Which?".into(),
            why: "Because.".into(),
            form: Form::Choice { options: vec!["a".into(), "b".into()], answer: 1 },
        };
        assert_eq!(q.grade("1"), Some(true));
        assert_eq!(q.grade("0"), Some(false));
        assert_eq!(q.grade("2"), None);
        assert_eq!(q.grade("b"), None);
        let json = serde_json::to_string(&q).unwrap();
        assert!(json.contains(r#""kind":"choice""#), "{json}");
        assert_eq!(serde_json::from_str::<Question>(&json).unwrap(), q);
    }
}
