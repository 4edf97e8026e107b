//! Forms as modals, and what comes back from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_flow::chat::{Field, FieldError, FieldKind, Form, Place};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_markup::parts::cut;

use crate::blocks::sections;
use crate::events::word;

/// Slack's limits: characters of a title and of the button that sends.
const TITLE: usize = 24;
/// Characters of an option's text.
const OPTION: usize = 75;
/// Options of a list.
const OPTIONS: usize = 100;
/// Characters of a label or hint that are shown.
const LABEL: usize = 2_000;
/// Characters that a text field takes.
const INPUT: usize = 3_000;
/// The one action in each block.
const ACTION: &str = "v";

/// What a modal is about: carried in its `private_metadata`.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Meant {
    /// The form's command line.
    #[serde(rename = "c")]
    pub command: String,
    /// The channel in which it is answered.
    #[serde(rename = "ch")]
    pub channel: String,
    #[serde(rename = "th", default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    #[serde(rename = "d")]
    pub direct: bool,
}

impl Meant {
    pub(crate) fn read(metadata: &str) -> Option<Self> {
        serde_json::from_str(metadata).ok()
    }
}

/// A form as a modal that is answered at `place`.
pub(crate) fn modal(form: &Form, place: &Place) -> Value {
    let meant = Meant {
        command: form.command.clone(),
        channel: place.channel.clone(),
        thread: place.thread.clone(),
        direct: place.direct,
    };
    let mut blocks = Vec::new();
    if form.title.chars().count() > TITLE {
        blocks.push(json!({ "type": "header", "text": plain(&form.title, 150) }));
    }
    blocks.extend(form.intro.iter().flat_map(|intro| sections(intro)));
    for field in &form.fields {
        input(field, &mut blocks);
    }
    json!({
        "type": "modal",
        "callback_id": "stoa",
        "title": plain(&form.title, TITLE),
        "submit": plain(&form.submit, TITLE),
        "private_metadata": json!(meant).to_string(),
        "blocks": blocks,
    })
}

fn input(field: &Field, blocks: &mut Vec<Value>) {
    let element = match &field.kind {
        FieldKind::Text { multiline, max, initial } => {
            let mut element = json!({
                "type": "plain_text_input", "action_id": ACTION, "multiline": multiline,
                "max_length": (*max).clamp(1, INPUT),
            });
            if !initial.is_empty() {
                element["initial_value"] = json!(initial.chars().take((*max).clamp(1, INPUT)).collect::<String>());
            }
            element
        }
        FieldKind::Choice { options, initial } => {
            // What does not fit into a list is shown in full above it.
            if options.iter().any(|(_, label)| label.chars().count() > OPTION) {
                let all: Vec<String> = options.iter().map(|(_, label)| format!("• {label}")).collect();
                let text = json!({ "type": "plain_text", "text": cut(&all.join("\n"), INPUT), "emoji": false });
                blocks.push(json!({ "type": "section", "text": text }));
            }
            let shown: Vec<Value> = options.iter().take(OPTIONS).map(|(v, label)| option(v, label)).collect();
            let chosen = initial.as_ref().and_then(|i| options.iter().position(|(v, _)| v == i));
            let mut element = json!({ "type": "static_select", "action_id": ACTION, "options": shown });
            if let Some(option) = chosen.and_then(|n| shown.get(n)) {
                element["initial_option"] = option.clone();
            }
            element
        }
        FieldKind::Check => {
            let shown = if is_short(&field.label) { field.label.clone() } else { say!(Words::english(), "slack-yes") };
            json!({ "type": "checkboxes", "action_id": ACTION, "options": [option("yes", &shown)] })
        }
    };
    // What is to be ticked stands beside its box, and once.
    let label = match field.kind {
        FieldKind::Check if is_short(&field.label) => say!(Words::english(), "slack-tick"),
        _ => field.label.clone(),
    };
    let mut block = json!({
        "type": "input", "block_id": field.name, "label": plain(&label, LABEL),
        "optional": field.optional, "element": element,
    });
    if let Some(hint) = &field.hint {
        block["hint"] = plain(hint, LABEL);
    }
    blocks.push(block);
}

/// Whether a label fits beside a box.
fn is_short(label: &str) -> bool {
    label.chars().count() <= OPTION
}

/// An option; its value begins with a sign, because Slack takes no empty one.
fn option(value: &str, label: &str) -> Value {
    json!({ "text": plain(label, OPTION), "value": format!("={value}") })
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

/// The values of a modal's state by the names of the fields.
pub(crate) fn values(state: &Value) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (name, actions) in state.as_object().into_iter().flatten() {
        for answer in actions.as_object().into_iter().flat_map(|a| a.values()) {
            // A form that was opened before an update has no sign.
            let chosen = || answer["selected_option"]["value"].as_str().map(|v| v.strip_prefix('=').unwrap_or(v));
            let value = match word(&answer["type"]) {
                "checkboxes" => answer["selected_options"].as_array().filter(|o| !o.is_empty()).map(|_| "yes"),
                _ => answer["value"].as_str().or_else(chosen),
            };
            values.extend(value.map(|v| (name.clone(), v.to_owned())));
        }
    }
    values
}

/// What is wrong with a form, as the answer that keeps it open. An error about a field that the modal does not have
/// stands at its first one.
pub(crate) fn errors(errors: &[FieldError], shown: &Value) -> Value {
    let fields: Vec<&str> = shown["blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|block| block["type"] == "input")
        .map(|block| word(&block["block_id"]))
        .collect();
    let fields = if fields.is_empty() {
        shown["state"]["values"].as_object().into_iter().flat_map(|all| all.keys()).map(String::as_str).collect()
    } else {
        fields
    };
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    for error in errors {
        let Some(first) = fields.first() else { continue };
        let field = fields.iter().find(|f| **f == error.field).unwrap_or(first);
        let text = told.entry(field).or_default();
        *text = if text.is_empty() { error.why.clone() } else { format!("{text} {}", error.why) };
    }
    json!({ "response_action": "errors", "errors": told })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_without_a_value_is_one_that_slack_takes_and_comes_back() {
        let options = vec![(String::new(), "the last one".to_owned()), ("slack/T1".to_owned(), "Slack".to_owned())];
        let kind = FieldKind::Choice { options, initial: Some(String::new()) };
        let form = Form {
            command: "settings save".into(),
            title: "Settings".into(),
            intro: None,
            fields: vec![Field { kind, ..Field::text("place", "Where".into(), false, 20) }],
            submit: "Save".into(),
        };
        let place = Place {
            platform: "slack".into(),
            workspace: "T1".into(),
            channel: "D1".into(),
            thread: None,
            direct: true,
        };
        let element = &modal(&form, &place)["blocks"][0]["element"];
        assert!(element["initial_option"]["value"].as_str().is_some_and(|v| !v.is_empty()), "{element}");
        let comes_back = |option: &Value| {
            values(&json!({ "place": { "v": { "type": "static_select", "selected_option": option } } })).remove("place")
        };
        assert_eq!(comes_back(&element["initial_option"]).as_deref(), Some(""));
        assert_eq!(comes_back(&element["options"][1]).as_deref(), Some("slack/T1"));
        assert_eq!(comes_back(&Value::Null), None, "nothing was chosen");
        assert_eq!(comes_back(&json!({ "value": "slack/T1" })).as_deref(), Some("slack/T1"), "of a form before this");
    }
}
