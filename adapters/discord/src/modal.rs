//! Forms as modals, and what comes back from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_flow::chat::{Field, FieldKind, Form};
use stoa_markup::parts::cut;

use crate::ids::word;

/// Discord's limits: characters of a title and of a label.
const TITLE: usize = 45;
/// Characters below a label.
const DESCRIPTION: usize = 100;
/// Options of a list, and characters of one.
const OPTIONS: usize = 25;
const OPTION: usize = 100;
/// Characters that a text field takes.
const INPUT: usize = 4_000;
/// Parts of a modal.
const PARTS: usize = 5;
/// Characters of a text above the fields.
const INTRO: usize = 1_500;

/// A form as a modal that is sent back under an id.
pub(crate) fn modal(form: &Form, custom_id: &str) -> Value {
    let mut parts: Vec<Value> = form.fields.iter().map(input).collect();
    if parts.len() > PARTS {
        tracing::error!(form = %form.title, "a form has more fields than Discord shows; the last are left out");
        parts.truncate(PARTS);
    }
    if let Some(intro) = form.intro.as_ref().filter(|_| parts.len() < PARTS) {
        let text = crate::markdown::pieces(intro).join("\n\n");
        parts.insert(0, json!({ "type": 10, "content": cut(&text, INTRO) }));
    }
    json!({ "custom_id": custom_id, "title": cut(&form.title, TITLE), "components": parts })
}

fn input(field: &Field) -> Value {
    let component = match &field.kind {
        FieldKind::Text { multiline, max, initial } => {
            let most = (*max).clamp(1, INPUT);
            let mut text = json!({ "type": 4, "custom_id": field.name, "style": if *multiline { 2 } else { 1 },
                "max_length": most, "required": !field.optional });
            if !initial.is_empty() {
                text["value"] = json!(initial.chars().take(most).collect::<String>());
            }
            text
        }
        FieldKind::Choice { options, initial } => {
            let shown: Vec<Value> =
                options.iter().take(OPTIONS).map(|(v, label)| option(v, label, initial.as_ref() == Some(v))).collect();
            list(field, &shown)
        }
        FieldKind::Check => list(field, &[option("yes", &field.label, false)]),
    };
    let mut label = json!({ "type": 18, "label": cut(&field.label, TITLE), "component": component });
    let whole = (field.label.chars().count() > TITLE).then_some(&field.label);
    if let Some(text) = field.hint.as_ref().or(whole) {
        label["description"] = json!(cut(text, DESCRIPTION));
    }
    label
}

fn list(field: &Field, options: &[Value]) -> Value {
    json!({ "type": 3, "custom_id": field.name, "options": options, "required": !field.optional,
        "min_values": usize::from(!field.optional), "max_values": 1 })
}

/// An option; its value begins with a sign, because Discord takes no empty one.
fn option(value: &str, label: &str, chosen: bool) -> Value {
    let label = if label.trim().is_empty() { "–" } else { label };
    let mut option = json!({ "label": cut(label, OPTION), "value": cut(&format!("={value}"), OPTION) });
    if chosen {
        option["default"] = json!(true);
    }
    option
}

/// The values of a modal that was sent. Fields that were left empty are left out.
pub(crate) fn values(components: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    collect(components, &mut all);
    all
}

fn collect(value: &Value, all: &mut BTreeMap<String, String>) {
    for part in value.as_array().into_iter().flatten() {
        let inner = if part["component"].is_object() { &part["component"] } else { part };
        let name = word(&inner["custom_id"]);
        let given = inner["value"].as_str().or_else(|| inner["values"][0].as_str().map(|v| v.trim_start_matches('=')));
        if let Some(given) = given.filter(|g| !name.is_empty() && (!g.is_empty() || inner["values"].is_array())) {
            all.insert(name.to_owned(), given.to_owned());
        }
        collect(&inner["components"], all);
    }
}

/// The form with what a person has filled in, to be sent again.
pub(crate) fn filled(mut form: Form, values: &BTreeMap<String, String>) -> Form {
    for field in &mut form.fields {
        let Some(given) = values.get(&field.name) else { continue };
        match &mut field.kind {
            FieldKind::Text { initial, .. } => given.clone_into(initial),
            FieldKind::Choice { initial, .. } => *initial = Some(given.clone()),
            FieldKind::Check => {}
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        let choice = vec![(String::new(), "The last one".to_owned()), ("slack".to_owned(), "Slack".to_owned())];
        Form {
            command: "tip save".into(),
            title: "Share something that everybody should know about this".into(),
            intro: Some("Write **shortly**.".into()),
            fields: vec![
                Field::text("tip", "Your tip".into(), true, 9_000),
                Field { optional: true, ..Field::choice("place", "Where".into(), choice) },
                Field::check("sure", "I am quite sure that this is what I want to tell everybody".into()),
            ],
            submit: "Share".into(),
        }
    }

    #[test]
    fn a_form_becomes_a_modal_inside_the_limits() {
        let values = BTreeMap::from([("tip".to_owned(), "Oil it".to_owned()), ("place".to_owned(), String::new())]);
        insta::assert_json_snapshot!(modal(&filled(form(), &values), "f:tip save"));
    }

    #[test]
    fn a_form_comes_back_with_its_values() {
        let sent = json!([
            { "type": 18, "component": { "type": 4, "custom_id": "tip", "value": "Oil it" } },
            { "type": 18, "component": { "type": 3, "custom_id": "place", "values": ["="] } },
            { "type": 18, "component": { "type": 3, "custom_id": "sure", "values": ["=yes"] } },
            { "type": 1, "components": [{ "type": 4, "custom_id": "old", "value": "x" }, { "type": 4, "custom_id": "e", "value": "" }] },
        ]);
        let read: Vec<(String, String)> = values(&sent).into_iter().collect();
        let pairs: Vec<(&str, &str)> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("old", "x"), ("place", ""), ("sure", "yes"), ("tip", "Oil it")]);
    }
}
