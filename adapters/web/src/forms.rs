//! Forms of commands as HTML: in a dialog with script, as a page without.

use std::collections::BTreeMap;

use askama::Template;
use stoa_flow::chat::{FieldError, FieldKind, Form};
use stoa_flow::say;
use stoa_flow::words::Words;

use crate::markup::{self, Lines};

/// More options than this are a list to open, fewer are buttons to choose from.
const RADIOS: usize = 8;

/// The names of a command's fields get this prefix, so that they never meet our own.
const PREFIX: &str = "v.";

/// A field with what was filled in.
struct FieldView {
    id: String,
    name: String,
    label: String,
    hint: Option<String>,
    required: bool,
    error: Option<String>,
    kind: Kind,
}

enum Kind {
    Line { max: usize, value: String },
    Lines { max: usize, value: String },
    Radios(Vec<Choice>),
    List(Vec<Choice>),
    Check(bool),
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A form as it is shown.
#[derive(Template)]
#[template(path = "form.html")]
pub(crate) struct FormView {
    words: &'static Words,
    channel: String,
    thread: Option<String>,
    token: String,
    title: String,
    intro: Option<String>,
    submit: String,
    fields: Vec<FieldView>,
    /// Errors that belong to no field.
    errors: Vec<String>,
    /// The form itself: it comes back with the values, so that it can be shown again with its errors.
    carried: String,
}

/// Where a form was opened.
pub(crate) struct At<'a> {
    pub words: &'static Words,
    pub channel: &'a str,
    pub thread: Option<&'a str>,
    pub token: String,
}

impl FormView {
    /// A form with values (none yet when it is new) and what is wrong with them.
    pub(crate) fn new(
        form: &Form,
        at: At<'_>,
        values: Option<&BTreeMap<String, String>>,
        errors: &[FieldError],
    ) -> stoa_ground::Result<Self> {
        let fields: Vec<FieldView> = form
            .fields
            .iter()
            .enumerate()
            .map(|(n, field)| {
                let given = values.map(|v| v.get(&field.name).cloned().unwrap_or_default());
                FieldView {
                    id: format!("field-{n}"),
                    name: format!("{PREFIX}{}", field.name),
                    label: field.label.clone(),
                    hint: field.hint.clone(),
                    required: !field.optional && field.kind != FieldKind::Check,
                    error: errors.iter().find(|e| e.field == field.name).map(|e| e.why.clone()),
                    kind: kind(&field.kind, given),
                }
            })
            .collect();
        let known = |e: &&FieldError| !form.fields.iter().any(|f| f.name == e.field);
        Ok(Self {
            words: at.words,
            channel: at.channel.to_owned(),
            thread: at.thread.map(Into::into),
            token: at.token,
            title: form.title.clone(),
            intro: form.intro.as_ref().map(|i| markup::commonmark(i, Lines::Kept)),
            submit: form.submit.clone(),
            fields,
            errors: errors.iter().filter(known).map(|e| e.why.clone()).collect(),
            carried: serde_json::to_string(form)?,
        })
    }
}

fn kind(kind: &FieldKind, given: Option<String>) -> Kind {
    match kind {
        FieldKind::Text { multiline, max, initial } => {
            let value = given.unwrap_or_else(|| initial.clone());
            if *multiline { Kind::Lines { max: *max, value } } else { Kind::Line { max: *max, value } }
        }
        FieldKind::Choice { options, initial } => {
            let chosen = given.or_else(|| initial.clone()).unwrap_or_default();
            let choices: Vec<Choice> = options
                .iter()
                .map(|(value, label)| Choice { value: value.clone(), label: label.clone(), chosen: *value == chosen })
                .collect();
            if choices.len() <= RADIOS { Kind::Radios(choices) } else { Kind::List(choices) }
        }
        FieldKind::Check => Kind::Check(given.is_some_and(|v| v == "yes")),
    }
}

/// The values of a form among the pairs that a browser sent. Empty ones are absent; line ends are `\n`.
pub(crate) fn values(form: &Form, pairs: &[(String, String)]) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for field in &form.fields {
        let sent = pairs.iter().find(|(n, _)| n.strip_prefix(PREFIX) == Some(&field.name));
        if let Some((_, value)) = sent.filter(|(_, v)| !v.trim().is_empty()) {
            values.insert(field.name.clone(), value.replace("\r\n", "\n"));
        }
    }
    values
}

/// What any platform asks of the values of its forms: what is needed is there, not longer than allowed, and one of
/// the options.
pub(crate) fn check(words: &Words, form: &Form, values: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in &form.fields {
        let why = match (values.get(&field.name), &field.kind) {
            (None, FieldKind::Check) => None,
            (None, _) if field.optional => None,
            (None, FieldKind::Choice { .. }) => Some(words.say("web-field-choose")),
            (None, _) => Some(words.say("web-field-missing")),
            (Some(v), FieldKind::Text { max, .. }) if v.chars().count() > *max => {
                Some(say!(words, "web-field-too-long", limit = *max))
            }
            (Some(v), FieldKind::Choice { options, .. }) if !options.iter().any(|(o, _)| o == v) => {
                Some(words.say("web-field-choose"))
            }
            _ => None,
        };
        errors.extend(why.map(|why| FieldError { field: field.name.clone(), why }));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_flow::chat::Field;

    #[test]
    fn a_form_asks_for_what_it_needs_and_no_more() {
        let form = Form {
            command: "tip save".into(),
            title: "Tip".into(),
            intro: None,
            submit: "Save".into(),
            fields: vec![
                Field::text("title", "Title".into(), false, 5),
                Field { optional: true, ..Field::text("more", "More".into(), true, 10) },
                Field::choice("kind", "Kind".into(), vec![("a".into(), "A".into())]),
                Field::check("agree", "I agree".into()),
            ],
        };
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let filled =
            values(&form, &[pair("v.title", "a\r\nb"), pair("v.more", "  "), pair("v.kind", "z"), pair("x", "y")]);
        assert_eq!(filled, BTreeMap::from([("title".into(), "a\nb".into()), ("kind".into(), "z".into())]));
        let wrong = |v: &[(String, String)]| -> Vec<String> {
            check(Words::english(), &form, &values(&form, v)).into_iter().map(|e| e.field).collect()
        };
        assert_eq!(wrong(&[]), ["title", "kind"]);
        assert_eq!(wrong(&[pair("v.title", "too long"), pair("v.kind", "z")]), ["title", "kind"]);
        assert!(wrong(&[pair("v.title", "fine"), pair("v.kind", "a")]).is_empty());
    }
}
