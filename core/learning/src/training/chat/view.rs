//! The messages of a course: made from values, they decide nothing.

use jiff::civil::Date;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Instant;
use stoa_ground::people::Person;
use stoa_ground::people::calendar::Calendar;

use crate::training::assignment::Assignment;
use crate::training::attest::Level;
use crate::training::course::Course;
use crate::training::progress::allowed;
use crate::training::state::State;
use crate::training::trainer::Place;

/// How many completed items the list names.
const DONE_NAMED: usize = 5;
/// The letters of the options.
const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// "My training".
pub(super) fn list(words: &Words, items: &[(Assignment, String)], calendar: &Calendar, today: Date) -> Message {
    let (open, done): (Vec<_>, Vec<_>) = items.iter().partition(|(a, _)| a.state.is_open());
    if items.is_empty() {
        return Message::text(say!(words, "training-none"));
    }
    let mut message = Message::new().heading(say!(words, "training-list-title"));
    if open.is_empty() {
        message = message.paragraph(say!(words, "training-all-done"));
    }
    for (a, title) in open {
        let (title, due) = (literal(title), a.due.said(words, today));
        let text = match a.state {
            _ if a.is_enrolment() => say!(words, "request-row-enrolment", title = title, due = due),
            State::Overdue => say!(words, "training-row-overdue", title = title, due = due),
            State::OnLeave => say!(words, "training-row-away", title = title),
            State::Extended => say!(words, "training-row-extended", title = title, due = due),
            State::InProgress => say!(words, "training-row-started", title = title, due = due),
            _ if a.renews.is_some() => say!(words, "training-row-renew", title = title, due = due),
            _ => say!(words, "training-row-open", title = title, due = due),
        };
        let label = if a.started.is_some() {
            say!(words, "training-continue-button")
        } else {
            say!(words, "training-start-button")
        };
        message = message.paragraph(text).buttons(vec![
            Button::primary(label, format!("training open {}", a.id)),
            Button::new(say!(words, "request-button"), format!("training request {}", a.id)),
        ]);
    }
    let lines: Vec<String> = done
        .iter()
        .take(DONE_NAMED)
        .filter_map(|(a, title)| {
            let on = words.day(calendar.date(a.completed?), today);
            let title = literal(title);
            let line = match (a.state, a.expires) {
                (State::Expired, _) => say!(words, "training-row-expired", title = title, on = on),
                (_, Some(end)) => {
                    say!(words, "training-row-done-until", title = title, on = on, until = end.said_in_full(words))
                }
                _ => say!(words, "training-row-done", title = title, on = on),
            };
            Some(format!("- {line}"))
        })
        .collect();
    if lines.is_empty() { message } else { message.context(lines.join("\n")) }
}

/// A page with the way back and on, to a trainer when there is one, and with what is missing before the quiz (in
/// microseconds of reading).
pub(super) fn page(
    words: &Words,
    a: &Assignment,
    course: &Course,
    number: usize,
    can_ask: bool,
    missing: Option<i64>,
) -> Message {
    let count = course.pages.len();
    let Some(page) = course.pages.get(number.saturating_sub(1)) else { return Message::new() };
    let go = |label: String, to: usize| Button::new(label, format!("training page {} {to}", a.id));
    let mut buttons = Vec::new();
    if number > 1 {
        buttons.push(go(say!(words, "training-back-button"), number - 1));
    }
    if number < count {
        buttons.push(Button {
            style: stoa_flow::chat::Style::Primary,
            ..go(say!(words, "training-next-button"), number + 1)
        });
    } else {
        let label = if course.questions.is_empty() {
            say!(words, "training-last-button")
        } else {
            say!(words, "training-quiz-button")
        };
        buttons.push(Button::primary(label, format!("training quiz {}", a.id)));
    }
    if can_ask {
        buttons.push(ask_button(words, a, Place::Page(number)));
    }
    let mut message = Message::new().heading(page.title.clone()).paragraph(page.text.clone()).context(say!(
        words,
        "training-page-of",
        course = literal(&course.title),
        page = number,
        count = count
    ));
    if let Some(missing) = missing {
        let minutes = (missing + 60 * Instant::SECOND - 1) / (60 * Instant::SECOND);
        message = message.paragraph(say!(words, "training-wait", minutes = minutes, planned = course.min_minutes));
    }
    message.buttons(buttons)
}

fn ask_button(words: &Words, a: &Assignment, place: Place) -> Button {
    Button::new(say!(words, "trainer-ask-button"), format!("training ask {} {}", a.id, place.code()))
}

/// Between the last page and the first question.
pub(super) fn quiz_ready(words: &Words, a: &Assignment, course: &Course) -> Message {
    let left = allowed(course, a).saturating_sub(a.attempts);
    Message::text(say!(
        words,
        "training-quiz-ready",
        count = course.questions.len(),
        percent = percent(course.pass_mark),
        left = left
    ))
    .buttons(vec![
        Button::primary(say!(words, "training-quiz-button"), format!("training quiz {}", a.id)),
        Button::new(say!(words, "training-reread-button"), format!("training page {} 1", a.id)),
    ])
}

/// One question. The options stand in the text, since long ones are cut on buttons.
pub(super) fn question(
    words: &Words,
    a: &Assignment,
    course: &Course,
    attempt: u32,
    n: usize,
    can_ask: bool,
) -> Message {
    let Some(question) = course.questions.get(n) else { return Message::new() };
    let lines: Vec<String> = question
        .options
        .iter()
        .zip(LETTERS)
        .map(|(option, letter)| format!("- **{letter}** {}", literal(option)))
        .collect();
    let mut buttons: Vec<Button> = (0..question.options.len())
        .zip(LETTERS)
        .map(|(i, letter)| Button::new(letter, format!("training answer {} {attempt} {n} {i}", a.id)))
        .collect();
    if can_ask {
        buttons.push(ask_button(words, a, Place::Question(n + 1)));
    }
    Message::new()
        .heading(say!(words, "training-question-of", n = n + 1, count = course.questions.len()))
        .paragraph(format!("**{}**", literal(&question.prompt)))
        .paragraph(lines.join("\n"))
        .buttons(buttons)
}

/// The end of a quiz that does not end the course: passed and to be confirmed, or failed, with what was wrong.
pub(super) fn result(words: &Words, a: &Assignment, course: &Course, answers: &[usize], level: Level) -> Message {
    let right = course.questions.iter().zip(answers).filter(|(q, answer)| q.answer == **answer).count();
    let count = course.questions.len();
    let mut message = Message::new();
    message = message.paragraph(if a.passed {
        say!(words, "training-quiz-passed", right = right, count = count)
    } else {
        say!(words, "training-quiz-failed", right = right, count = count, percent = percent(course.pass_mark))
    });
    for (q, answer) in course.questions.iter().zip(answers).filter(|(q, answer)| q.answer != **answer) {
        let given = q.options.get(*answer).map(|o| literal(o)).unwrap_or_default();
        message = message.paragraph(say!(
            words,
            "training-quiz-wrong",
            prompt = literal(&q.prompt),
            given = given,
            why = literal(&q.why)
        ));
    }
    if a.passed {
        return message.buttons(vec![attest_button(words, a, course, level)]);
    }
    let left = allowed(course, a).saturating_sub(a.attempts);
    if left == 0 {
        return message
            .paragraph(say!(words, "training-no-attempts", title = literal(&course.title)))
            .buttons(ask(words, a));
    }
    message.paragraph(say!(words, "training-quiz-left", left = left)).buttons(vec![
        Button::primary(say!(words, "training-again-button"), format!("training quiz {}", a.id)),
        Button::new(say!(words, "training-reread-button"), format!("training page {} 1", a.id)),
    ])
}

fn attest_button(words: &Words, a: &Assignment, course: &Course, level: Level) -> Button {
    if course.attestation.is_none() {
        return Button::primary(say!(words, "training-finish-button"), format!("training finish {}", a.id));
    }
    let label =
        if level.is_signature() { say!(words, "training-sign-button") } else { say!(words, "training-attest-button") };
    // What is signed with a code begins with the code.
    let word = if level == Level::MailCode { "finish" } else { "attest" };
    Button::primary(label, format!("training {word} {}", a.id))
}

/// All attempts are used.
pub(super) fn no_attempts(words: &Words, a: &Assignment, course: &Course) -> Message {
    Message::text(say!(words, "training-no-attempts", title = literal(&course.title))).buttons(ask(words, a))
}

/// The way to one more attempt.
fn ask(words: &Words, a: &Assignment) -> Vec<Button> {
    vec![Button::primary(say!(words, "training-attempt-ask-button"), format!("training again {}", a.id))]
}

/// The attestation is what is missing. Who signs with a code is sent it first.
pub(super) fn attest(words: &Words, a: &Assignment, course: &Course, level: Level, person: &Person) -> Message {
    let title = literal(&course.title);
    let ready = if level.is_signature() {
        say!(words, "training-sign-ready", title = title)
    } else {
        say!(words, "training-attest-ready", title = title)
    };
    let text = literal(course.attestation.as_deref().unwrap_or_default());
    let message = Message::text(ready).and(stoa_flow::chat::Block::Quote { text, source: None });
    if level != Level::MailCode {
        let message = if level == Level::Oidc { message.context(say!(words, "training-sign-in-why")) } else { message };
        return message.buttons(vec![attest_button(words, a, course, level)]);
    }
    match &person.email {
        None => message.paragraph(say!(words, "training-code-no-address")),
        Some(email) => {
            message.context(say!(words, "training-code-why", email = literal(&masked(email)))).buttons(vec![
                Button::primary(say!(words, "training-code-button"), format!("training code {}", a.id)),
                Button::new(say!(words, "training-code-there-button"), format!("training attest {}", a.id)),
            ])
        }
    }
}

/// An address that its owner knows and nobody else learns: `a…@example.org`.
pub(super) fn masked(email: &str) -> String {
    let (name, host) = email.split_once('@').unwrap_or((email, ""));
    format!("{}…@{host}", name.chars().take(1).collect::<String>())
}

/// Nothing is missing but the press of a button.
pub(super) fn finish(words: &Words, a: &Assignment, course: &Course) -> Message {
    Message::text(say!(words, "training-finish-ready", title = literal(&course.title))).buttons(vec![attest_button(
        words,
        a,
        course,
        Level::default(),
    )])
}

/// What has ended, and what could come next.
pub(super) fn closed(
    words: &Words,
    a: &Assignment,
    course: &Course,
    next: Option<&(Assignment, String)>,
    calendar: &Calendar,
    today: Date,
) -> Message {
    let title = literal(&course.title);
    let Some(completed) = a.completed else { return Message::text(say!(words, "training-not-needed", title = title)) };
    let on = words.date(calendar.date(completed));
    let message = match a.score {
        Some(score) => say!(words, "training-completed-score", title = title, on = on, percent = percent(score)),
        None => say!(words, "training-completed", title = title, on = on),
    };
    let message = Message::text(message);
    match next {
        Some((next, title)) => {
            let due = next.due.said(words, today);
            message.paragraph(say!(words, "training-next-up", title = literal(title), due = due)).buttons(vec![
                Button::new(say!(words, "training-open-button", title = title), format!("training open {}", next.id)),
            ])
        }
        None => message.paragraph(say!(words, "training-all-done")),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}
