//! Lessons, questions and tracks as messages.

use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;

use super::content::{Content, Question, letter};
use super::store::Attempt;

/// Options that are all as short as this are buttons themselves; longer ones are listed, and the buttons are letters.
const SHORT_OPTION: usize = 24;

/// A question that was put to a person, and what came back.
pub struct Posed {
    /// The attempt.
    pub attempt: Attempt,
    /// The question as it was shown.
    pub question: Question,
    /// The title of the lesson that it is about.
    pub lesson: String,
}

/// What a lesson's message says beside the lesson itself.
#[derive(Default)]
pub struct Around {
    /// The track's title, the lesson's place in it, and how many lessons it has.
    pub track: Option<(String, usize, usize)>,
    /// Who sent it and why, for a team's drop.
    pub reason: Option<String>,
    /// Whether the person must still say that the lesson was seen: it has no question.
    pub unseen: bool,
    /// Days in a row, for those who want to see them.
    pub streak: Option<u32>,
    /// Whether the track is complete.
    pub complete: bool,
}

/// A lesson with its questions, one at a time.
pub fn lesson(words: &Words, id: &str, content: &Content, posed: &[Posed], around: &Around) -> Message {
    let mut message = Message::new().heading(&content.title);
    if let Some(reason) = &around.reason {
        message = message.context(reason);
    }
    if let Some((track, number, of)) = &around.track {
        let line = say!(words, "lessons-place", track = literal(track), number = *number, of = *of);
        message = message.context(line);
    }
    message = message.paragraph(&content.body);
    message = questions(words, message, posed, false);
    if around.unseen {
        let button = Button::primary(say!(words, "lessons-seen-button"), format!("learn seen {id}"));
        message = message.buttons(vec![button]);
    }
    if let Some(days) = around.streak {
        message = message.context(say!(words, "lessons-streak", days = days));
    }
    if around.complete {
        let track = around.track.as_ref().map(|t| literal(&t.0)).unwrap_or_default();
        message = message.context(say!(words, "lessons-track-complete", track = track));
    }
    message
}

/// Questions that came back, one at a time.
pub fn review(words: &Words, posed: &[Posed], streak: Option<u32>) -> Message {
    let message = Message::new().heading(say!(words, "lessons-review-title", count = posed.len()));
    let mut message = questions(words, message, posed, true);
    if posed.iter().all(|p| p.attempt.answer.is_some()) {
        message = message.context(say!(words, "lessons-review-done"));
        if let Some(days) = streak {
            message = message.context(say!(words, "lessons-streak", days = days));
        }
    }
    message
}

/// What was answered with what came of it, then the first question that waits, with its buttons.
fn questions(words: &Words, mut message: Message, posed: &[Posed], with_lesson: bool) -> Message {
    for (index, p) in posed.iter().enumerate() {
        let prompt = literal(&p.question.prompt);
        message = message.paragraph(if with_lesson && posed.len() > 1 {
            say!(words, "lessons-question-of", number = index + 1, of = posed.len(), prompt = prompt)
        } else {
            say!(words, "lessons-question", prompt = prompt)
        });
        let (options, _) = p.question.choice();
        if let Some((response, correct)) = &p.attempt.answer {
            message = message.paragraph(outcome(words, &p.question, response, *correct));
            if with_lesson && !correct {
                message = message.context(say!(words, "lessons-from-lesson", lesson = literal(&p.lesson)));
            }
            continue;
        }
        let short = options.iter().all(|o| o.chars().count() <= SHORT_OPTION);
        if !short {
            let lines: Vec<String> =
                options.iter().enumerate().map(|(i, o)| format!("- **{}** {}", letter(i), literal(o))).collect();
            message = message.paragraph(lines.join("\n"));
        }
        let label = |i: usize, o: &String| if short { o.clone() } else { letter(i).to_string() };
        let buttons = options.iter().enumerate();
        let command = |i: usize| format!("learn answer {} {i}", p.attempt.id);
        return message.buttons(buttons.map(|(i, o)| Button::new(label(i, o), command(i))).collect());
    }
    message
}

/// Whether an answer was right, and why.
pub fn outcome(words: &Words, question: &Question, response: &str, correct: bool) -> String {
    let (options, answer) = question.choice();
    let option = |i: usize| options.get(i).map(|o| literal(o)).unwrap_or_default();
    let (right, why) = (option(answer), literal(&question.why));
    if correct {
        say!(words, "lessons-right", right = right, why = why)
    } else {
        let chosen = response.parse().map(option).unwrap_or_default();
        say!(words, "lessons-wrong", chosen = chosen, right = right, why = why)
    }
}
