//! The form with which the learning team schedules a drop, and what a sent one means.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use stoa_flow::chat::{Call, Context, Field, FieldError, FieldKind, Form, literal};
use stoa_flow::{say, words_key};
use stoa_ground::Result;
use stoa_ground::people;
use stoa_ground::people::audience::Rule;
use stoa_ground::people::calendar::{parse_date, parse_time};

use super::content::{
    Content, Form as QuestionForm, LONGEST_OPTION, LONGEST_PROMPT, LONGEST_TEXT, LONGEST_TITLE, LONGEST_WHY,
    MOST_OPTIONS, Question,
};
use super::team::audience;
use super::{Lessons, plan, store};

/// In the choice of what to send: a lesson that is written into the form.
const OWN: &str = "own";
/// Options of a choice: Discord shows no more.
const OFFERED: usize = 25;

/// What a sent form says, once it is understood.
pub struct Request {
    pub track: Option<String>,
    pub content: Option<Content>,
    pub audience: Rule,
    pub date: Date,
    pub time: Time,
}

impl Lessons {
    /// The form, for those who may.
    /// `named` is the track with which it begins, if one was named.
    pub(super) async fn schedule_form(&self, cx: &Context<'_>, named: &str) -> Result<Option<Form>> {
        if !self.may_schedule(cx).await? {
            return Ok(None);
        }
        let words = cx.words;
        let tracks = cx.db().read(|conn| async move { store::tracks(&conn).await }).await?;
        // The one that was named stays in reach where there are more than a form shows.
        let is_named = |id: &str, title: &str| id == named || title.to_lowercase() == named.to_lowercase();
        let mut options: Vec<(String, String)> = tracks.into_iter().map(|t| (t.id, t.title)).collect();
        options.sort_by_key(|(id, title)| !is_named(id, title));
        let first = options.first().filter(|(id, title)| is_named(id, title));
        let initial = first.map_or_else(|| OWN.to_owned(), |(id, _)| id.clone());
        options.insert(0, (OWN.to_owned(), say!(words, "lessons-schedule-own")));
        let all_shown = options.len() <= OFFERED;
        options.truncate(OFFERED);
        let calendar = self.organisation.calendar(cx.person()?);
        let tomorrow = calendar.working_day_after(calendar.date(cx.db().clock().now()));
        let what = FieldKind::Choice { options, initial: Some(initial) };
        let what_hint = match all_shown {
            true => say!(words, "lessons-schedule-what-hint"),
            false => say!(words, "lessons-schedule-what-more"),
        };
        let text = |multiline, max, initial: &str| FieldKind::Text { multiline, max, initial: initial.into() };
        let field = |name: &str, label, hint, optional, kind| Field { name: name.into(), label, hint, optional, kind };
        let label = |key: &str| words.say(key);
        let hint = |key: &str| Some(words.say(key));
        let fields = vec![
            field("track", label(words_key!("lessons-schedule-what")), Some(what_hint), false, what),
            field(
                "text",
                label(words_key!("lessons-schedule-text")),
                hint(words_key!("lessons-schedule-text-hint")),
                true,
                text(true, LONGEST_TITLE + 1 + LONGEST_TEXT, ""),
            ),
            field(
                "question",
                label(words_key!("lessons-schedule-question")),
                hint(words_key!("lessons-schedule-question-hint")),
                true,
                text(true, 1_500, ""),
            ),
            field(
                "audience",
                label(words_key!("lessons-schedule-audience")),
                hint(words_key!("lessons-schedule-audience-hint")),
                false,
                text(false, 500, "everyone"),
            ),
            field(
                "when",
                label(words_key!("lessons-schedule-moment")),
                hint(words_key!("lessons-schedule-moment-hint")),
                false,
                text(false, 20, &format!("{tomorrow} 10:00")),
            ),
        ];
        Ok(Some(Form {
            command: "learn schedule".into(),
            title: say!(words, "lessons-schedule-form"),
            intro: None,
            fields,
            submit: say!(words, "lessons-schedule-preview-button"),
        }))
    }

    /// What is wrong with a sent form.
    pub(super) async fn check_schedule(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        if !self.may_schedule(cx).await? {
            return Ok(Vec::new());
        }
        match self.understand(cx, call).await? {
            Err(errors) => Ok(errors),
            Ok(request) => {
                let rule = &request.audience;
                let people = cx.db().read(|conn| async move { audience(&conn, rule).await }).await?;
                let why = say!(cx.words, "lessons-schedule-nobody");
                Ok(if people.is_empty() { vec![FieldError { field: "audience".into(), why }] } else { Vec::new() })
            }
        }
    }

    pub(super) async fn understand(&self, cx: &Context<'_>, call: &Call) -> Result<Result<Request, Vec<FieldError>>> {
        let empty = BTreeMap::new();
        let values = call.values.as_ref().unwrap_or(&empty);
        let value = |name: &str| values.get(name).map_or("", |v| v.trim());
        let words = cx.words;
        let mut errors = Vec::new();
        let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });

        let chosen = match value("track") {
            "" | OWN => None,
            id => Some(id.to_owned()),
        };
        let mut content = None;
        if let Some(id) = &chosen {
            let track = cx.db().read(|conn| async move { store::track(&conn, id).await }).await?;
            if track.is_none_or(|t| t.retired || t.lessons == 0) {
                wrong("track", say!(words, "lessons-unknown-track", track = id));
            }
        } else {
            // Trimmed, so that the first line is not empty.
            let (title, text) = value("text").split_once('\n').unwrap_or((value("text"), ""));
            let (title, text) = (people::clean(title), text.trim());
            if title.is_empty() || text.is_empty() {
                wrong("text", say!(words, "lessons-schedule-needs-text"));
            } else if title.chars().count() > LONGEST_TITLE {
                wrong("text", say!(words, "lessons-schedule-long-title", most = LONGEST_TITLE));
            }
            let questions = match value("question") {
                "" => Vec::new(),
                lines => match parse_question(lines) {
                    Some(question) => vec![question],
                    None => {
                        wrong("question", say!(words, "lessons-schedule-question-wrong", most = MOST_OPTIONS));
                        Vec::new()
                    }
                },
            };
            let body = plain_text(&text.chars().take(LONGEST_TEXT).collect::<String>());
            content = Some(Content { title, minutes: 1, body, questions });
        }
        let audience = match value("audience") {
            "" => Some(Rule::Everyone),
            text => text.parse::<Rule>().map_err(|e| wrong("audience", e.to_string())).ok(),
        };
        let calendar = self.organisation.calendar(cx.person()?);
        let today = calendar.date(cx.db().clock().now());
        let when = value("when").split_once(char::is_whitespace);
        let when = when.and_then(|(date, time)| Some((parse_date(date)?, parse_time(time.trim()).ok()?)));
        match when {
            None => wrong("when", say!(words, "lessons-schedule-moment-wrong", example = format!("{today} 10:00"))),
            Some((date, _)) if date < today => wrong("when", say!(words, "lessons-schedule-date-past")),
            Some((_, time)) if plan::fitting(&self.organisation.calendar, time) != time => {
                let (from, to) = self.organisation.calendar.working_hours;
                let (from, to) = (words.time(from), words.time(to));
                wrong("when", say!(words, "lessons-schedule-time-outside", from = from, to = to));
            }
            Some(_) => {}
        }
        let (Some(audience), Some((date, time)), true) = (audience, when, errors.is_empty()) else {
            return Ok(Err(errors));
        };
        Ok(Ok(Request { track: chosen, content, audience, date, time }))
    }
}

/// What a person wrote, as CommonMark that shows it as it was written: its lines stay lines.
fn plain_text(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|l| literal(l.trim_end())).collect();
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        out.push_str(line);
        let followed = lines.get(i + 1).is_some_and(|next| !next.is_empty());
        out.push_str(if followed && !line.is_empty() { "  \n" } else { "\n" });
    }
    out.trim_end().to_owned()
}

/// A question as somebody writes it into the form: the question, the options each on its line with a star before the
/// right one, and last why it is right, on a line without a hyphen or star.
fn parse_question(text: &str) -> Option<Question> {
    let lines: Vec<String> = text.lines().map(people::clean).filter(|l| !l.is_empty()).collect();
    let (prompt, rest) = lines.split_first()?;
    let (why, options) = rest.split_last()?;
    let mut answer = None;
    let mut texts = Vec::new();
    for (i, line) in options.iter().enumerate() {
        let right = line.starts_with('*');
        if right && answer.replace(i).is_some() {
            return None;
        }
        let text = line.trim_start_matches(['*', '-']).trim().to_owned();
        if text.is_empty() || text.chars().count() > LONGEST_OPTION || texts.contains(&text) {
            return None;
        }
        texts.push(text);
    }
    let fits = (2..=MOST_OPTIONS).contains(&texts.len())
        && prompt.chars().count() <= LONGEST_PROMPT
        && why.chars().count() <= LONGEST_WHY
        && !why.starts_with(['*', '-']);
    let form = QuestionForm::Choice { options: texts, answer: answer.filter(|_| fits)? };
    Some(Question { id: "q1".into(), prompt: prompt.clone(), why: why.clone(), form })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_people_write_it() {
        let q =
            parse_question("Who may open the gate?\n- Anyone\n* The port officer\n\nIt is in the port rules.").unwrap();
        assert_eq!(q.prompt, "Who may open the gate?");
        assert_eq!(q.why, "It is in the port rules.");
        assert_eq!(q.choice(), (&["Anyone".to_owned(), "The port officer".to_owned()][..], 1));
        for wrong in
            ["Only a question?", "Q?\na\nb\nwhy", "Q?\n*a\n*b\nwhy", "Q?\n*a\nwhy", "Q?\n*a\n-a\nwhy", "Q?\n-a\n*b"]
        {
            assert!(parse_question(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_stays_as_it_is_written() {
        assert_eq!(plain_text("One\ntwo *three*\n\nfour\n"), "One  \ntwo \\*three\\*\n\nfour");
    }
}
