//! What Slack refuses in blocks, views and texts, and the mentions that a text would make.
//!
//! The limits are those of Slack's reference of Block Kit. A block or element that Stoa has no use for is refused as
//! unknown.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

type Checked = Result<(), String>;

/// Blocks of a message.
pub(super) fn message_blocks(blocks: &Value) -> Checked {
    all_blocks(blocks, 50)
}

/// Characters of all texts of a message. Slack names no limit: messages with 9,597 were taken and with 11,341 refused.
const MOST_TEXT: usize = 11_000;

/// Whether all texts of a message together are too long.
pub(super) fn short_enough(blocks: &Value) -> Checked {
    match super::state::shown(blocks).chars().filter(|c| *c != '\n').count() {
        n if n > MOST_TEXT => Err(format!("{n} characters in all blocks")),
        _ => Ok(()),
    }
}

/// A modal or a Home tab.
pub(super) fn view(view: &Value) -> Checked {
    let fields = object(view, "view")?;
    let common = ["type", "blocks", "private_metadata", "callback_id", "external_id"];
    let modal = ["title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"];
    match text_of(view, "type") {
        "modal" => {
            only(fields, &[&common[..], &modal[..]].concat(), "a modal")?;
            plain(&view["title"], 24, "the title of a modal")?;
            for button in ["submit", "close"] {
                if !view[button].is_null() {
                    plain(&view[button], 24, button)?;
                }
            }
            let inputs = view["blocks"].as_array().into_iter().flatten().any(|b| b["type"] == "input");
            if inputs && view["submit"].is_null() {
                return Err("a modal with inputs needs submit".into());
            }
        }
        "home" => only(fields, &common, "a Home tab")?,
        other => return Err(format!("a view of type '{other}'")),
    }
    limited(&view["private_metadata"], 0, 3_000, "private_metadata", true)?;
    limited(&view["callback_id"], 0, 255, "callback_id", true)?;
    limited(&view["external_id"], 0, 255, "external_id", true)?;
    all_blocks(&view["blocks"], 100)
}

/// Metadata of a message.
pub(super) fn metadata(metadata: &Value) -> Checked {
    only(object(metadata, "metadata")?, &["event_type", "event_payload"], "metadata")?;
    limited(&metadata["event_type"], 1, 255, "event_type", false)?;
    object(&metadata["event_payload"], "event_payload").map(|_| ())
}

fn all_blocks(blocks: &Value, most: usize) -> Checked {
    let blocks = blocks.as_array().ok_or("blocks are no array")?;
    if blocks.len() > most {
        return Err(format!("{} blocks; at most {most}", blocks.len()));
    }
    let mut ids = BTreeSet::new();
    for (n, one) in blocks.iter().enumerate() {
        block(one).map_err(|why| format!("block {n}: {why}"))?;
        limited(&one["block_id"], 1, 255, "block_id", true)?;
        if let Some(id) = one["block_id"].as_str()
            && !ids.insert(id)
        {
            return Err(format!("block {n}: block_id '{id}' is there twice"));
        }
    }
    Ok(())
}

fn block(block: &Value) -> Checked {
    let fields = object(block, "a block")?;
    let allow = |more: &[&str]| only(fields, &[&["type", "block_id"], more].concat(), text_of(block, "type"));
    match text_of(block, "type") {
        "section" => {
            allow(&["text", "fields", "accessory", "expand"])?;
            if block["text"].is_null() && block["fields"].is_null() {
                return Err("a section without text and fields".into());
            }
            if !block["text"].is_null() {
                any_text(&block["text"], 3_000, "the text of a section")?;
            }
            if let Some(fields) = block["fields"].as_array() {
                count(fields, 1, 10, "fields")?;
                fields.iter().try_for_each(|f| any_text(f, 2_000, "a field"))?;
            }
            if block["accessory"].is_null() {
                Ok(())
            } else {
                elements(std::slice::from_ref(&block["accessory"]), &PRESSED)
            }
        }
        "header" => {
            allow(&["text"])?;
            plain(&block["text"], 150, "a header")
        }
        "divider" => allow(&[]),
        "image" => {
            allow(&["image_url", "alt_text", "title", "slack_file"])?;
            limited(&block["alt_text"], 1, 2_000, "alt_text", false)
        }
        "markdown" => {
            allow(&["text"])?;
            limited(&block["text"], 1, 12_000, "markdown", false)
        }
        "context" => {
            allow(&["elements"])?;
            let elements = block["elements"].as_array().ok_or("a context without elements")?;
            count(elements, 1, 10, "elements of a context")?;
            elements.iter().try_for_each(|e| any_text(e, 3_000, "a context"))
        }
        "actions" => {
            allow(&["elements"])?;
            let all = block["elements"].as_array().ok_or("actions without elements")?;
            count(all, 1, 25, "elements of actions")?;
            elements(all, &PRESSED)
        }
        "input" => {
            allow(&["label", "element", "hint", "optional", "dispatch_action"])?;
            plain(&block["label"], 2_000, "a label")?;
            if !block["hint"].is_null() {
                plain(&block["hint"], 2_000, "a hint")?;
            }
            for flag in ["optional", "dispatch_action"] {
                boolean(&block[flag], flag)?;
            }
            elements(std::slice::from_ref(&block["element"]), &FILLED)
        }
        other => Err(format!("a block of type '{other}'")),
    }
}

const PRESSED: [&str; 6] = ["button", "static_select", "overflow", "checkboxes", "radio_buttons", "datepicker"];
const FILLED: [&str; 6] =
    ["plain_text_input", "static_select", "multi_static_select", "checkboxes", "radio_buttons", "datepicker"];

fn elements(elements: &[Value], allowed: &[&str]) -> Checked {
    let mut ids = BTreeSet::new();
    for element in elements {
        let kind = text_of(element, "type");
        if !allowed.contains(&kind) {
            return Err(format!("an element of type '{kind}' here"));
        }
        one_element(element, kind)?;
        limited(&element["action_id"], 1, 255, "action_id", true)?;
        if let Some(id) = element["action_id"].as_str()
            && !ids.insert(id)
        {
            return Err(format!("action_id '{id}' is there twice in a block"));
        }
    }
    Ok(())
}

fn one_element(element: &Value, kind: &str) -> Checked {
    let fields = object(element, "an element")?;
    let allow =
        |more: &[&str]| only(fields, &[&["type", "action_id", "confirm", "focus_on_load"], more].concat(), kind);
    let placeholder =
        || if element["placeholder"].is_null() { Ok(()) } else { plain(&element["placeholder"], 150, "a placeholder") };
    match kind {
        "button" => {
            allow(&["text", "url", "value", "style", "accessibility_label"])?;
            plain(&element["text"], 75, "the text of a button")?;
            limited(&element["value"], 0, 2_000, "the value of a button", true)?;
            limited(&element["url"], 1, 3_000, "the url of a button", true)?;
            limited(&element["accessibility_label"], 1, 75, "an accessibility_label", true)?;
            match element.get("style") {
                None => Ok(()),
                Some(style) if style == "primary" || style == "danger" => Ok(()),
                Some(style) => Err(format!("a button of style {style}")),
            }
        }
        "static_select" | "multi_static_select" => {
            allow(&["placeholder", "options", "initial_option", "initial_options", "max_selected_items"])?;
            placeholder()?;
            options(element, 100, false)
        }
        "overflow" => {
            allow(&["options"])?;
            options(element, 5, false)
        }
        "checkboxes" | "radio_buttons" => {
            allow(&["options", "initial_option", "initial_options"])?;
            options(element, 10, true)
        }
        "datepicker" => {
            allow(&["placeholder", "initial_date"])?;
            placeholder()
        }
        _ => {
            allow(&[
                "placeholder",
                "initial_value",
                "multiline",
                "min_length",
                "max_length",
                "dispatch_action_config",
            ])?;
            placeholder()?;
            boolean(&element["multiline"], "multiline")?;
            let number = |name: &str, least: u64| match element.get(name) {
                None => Ok(()),
                Some(n) if n.as_u64().is_some_and(|n| (least..=3_000).contains(&n)) => Ok(()),
                Some(n) => Err(format!("{name} of {n}")),
            };
            number("min_length", 0)?;
            number("max_length", 1)?;
            let most = element["max_length"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(3_000);
            limited(&element["initial_value"], 0, most, "initial_value", true)
        }
    }
}

fn options(element: &Value, most: usize, mrkdwn: bool) -> Checked {
    let options = element["options"].as_array().ok_or("no options")?;
    count(options, 1, most, "options")?;
    for option in options {
        only(object(option, "an option")?, &["text", "value", "description", "url"], "an option")?;
        if mrkdwn {
            any_text(&option["text"], 75, "the text of an option")?;
        } else {
            plain(&option["text"], 75, "the text of an option")?;
        }
        if !option["description"].is_null() {
            any_text(&option["description"], 75, "the description of an option")?;
        }
        limited(&option["value"], 1, 150, "the value of an option", false)?;
    }
    let initial = element["initial_options"].as_array().into_iter().flatten().chain(element.get("initial_option"));
    for one in initial {
        if !options.contains(one) {
            return Err("initial_option is none of the options".into());
        }
    }
    Ok(())
}

fn any_text(text: &Value, most: usize, what: &str) -> Checked {
    if text["type"] == "plain_text" {
        return plain(text, most, what);
    }
    if text["type"] != "mrkdwn" {
        return Err(format!("{what} of type {}", text["type"]));
    }
    only(object(text, what)?, &["type", "text", "verbatim"], what)?;
    boolean(&text["verbatim"], "verbatim")?;
    limited(&text["text"], 1, most, what, false)
}

fn plain(text: &Value, most: usize, what: &str) -> Checked {
    only(object(text, what)?, &["type", "text", "emoji"], what)?;
    if text["type"] != "plain_text" {
        return Err(format!("{what} is no plain_text"));
    }
    boolean(&text["emoji"], "emoji")?;
    limited(&text["text"], 1, most, what, false)
}

fn limited(text: &Value, least: usize, most: usize, what: &str, optional: bool) -> Checked {
    match text.as_str().map(|t| t.chars().count()) {
        Some(n) if n < least => Err(format!("{what} has less than {least} characters")),
        Some(n) if n > most => Err(format!("{what} has {n} characters; at most {most}")),
        Some(_) => Ok(()),
        None if text.is_null() && optional => Ok(()),
        None => Err(format!("{what} is missing or no text")),
    }
}

fn boolean(value: &Value, what: &str) -> Checked {
    if value.is_null() || value.is_boolean() { Ok(()) } else { Err(format!("{what} is {value}")) }
}

fn count(items: &[Value], least: usize, most: usize, what: &str) -> Checked {
    if (least..=most).contains(&items.len()) {
        Ok(())
    } else {
        Err(format!("{} {what}; {least} to {most}", items.len()))
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{what} is no object"))
}

pub(super) fn only(fields: &Map<String, Value>, allowed: &[&str], what: &str) -> Checked {
    match fields.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{what} has no '{unknown}'")),
        None => Ok(()),
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The mentions that this would make: of everybody, of groups, of people. `loose` is where Slack links bare names too.
pub(super) fn mentions(value: &Value, loose: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) => in_text(text, loose, found),
        Value::Array(items) => items.iter().for_each(|item| mentions(item, loose, found)),
        Value::Object(fields) => match fields.get("type").and_then(Value::as_str) {
            // Nothing in plain text is ever a mention.
            Some("plain_text") => {}
            Some("mrkdwn") => mentions(&value["text"], value["verbatim"] != true, found),
            Some("button") => {}
            _ => fields
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "value" | "metadata" | "private_metadata"))
                .for_each(|(_, one)| mentions(one, loose, found)),
        },
        _ => {}
    }
}

fn in_text(text: &str, loose: bool, found: &mut Vec<String>) {
    for start in ["<!channel", "<!here", "<!everyone", "<!group", "<!subteam^", "<@U", "<@W"] {
        found.extend(text.match_indices(start).map(|(at, _)| text[at..].chars().take(40).collect()));
    }
    if loose {
        for name in ["@channel", "@here", "@everyone"] {
            found.extend(text.match_indices(name).map(|_| name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn section(text: &str) -> Value {
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
    }

    fn button(id: &str, text: &str, value: &str) -> Value {
        json!({ "type": "button", "action_id": id, "text": { "type": "plain_text", "text": text }, "value": value })
    }

    fn actions(elements: &[Value]) -> Value {
        json!([{ "type": "actions", "elements": elements }])
    }

    #[test]
    fn what_slack_takes_is_taken() {
        let modal = json!({ "type": "modal", "title": { "type": "plain_text", "text": "Share a tip" },
            "submit": { "type": "plain_text", "text": "Save" }, "private_metadata": "x", "callback_id": "stoa",
            "blocks": [section("Hello"), { "type": "input", "block_id": "text", "label": { "type": "plain_text", "text": "Tip" },
                "element": { "type": "plain_text_input", "action_id": "v", "multiline": true, "max_length": 300 } }] });
        assert_eq!(view(&modal), Ok(()));
        let blocks = actions(&[button("a", &"x".repeat(75), &"y".repeat(2_000)), button("b", "Go", "")]);
        assert_eq!(message_blocks(&blocks), Ok(()));
        assert_eq!(message_blocks(&json!(vec![section("x"); 50])), Ok(()));
        assert_eq!(message_blocks(&json!([section(&"é".repeat(3_000))])), Ok(()));
        assert_eq!(short_enough(&json!(vec![section(&"é".repeat(3_000)); 3])), Ok(()));
    }

    #[test]
    fn what_slack_refuses_is_refused() {
        let long = "x".repeat(3_001);
        let title =
            |text: &str| json!({ "type": "modal", "title": { "type": "plain_text", "text": text }, "blocks": [] });
        let cases = [
            (message_blocks(&json!(vec![section("x"); 51])), "51 blocks"),
            (short_enough(&json!(vec![section(&"é".repeat(3_000)); 4])), "12000 characters"),
            (message_blocks(&json!([section("")])), "less than 1"),
            (message_blocks(&json!([section(&long)])), "at most 3000"),
            (
                message_blocks(&json!([{ "type": "header", "text": { "type": "mrkdwn", "text": "x" } }])),
                "no plain_text",
            ),
            (
                message_blocks(
                    &json!([{ "type": "header", "text": { "type": "plain_text", "text": "x".repeat(151) } }]),
                ),
                "at most 150",
            ),
            (message_blocks(&actions(&[button("a", &"x".repeat(76), "")])), "at most 75"),
            (message_blocks(&actions(&[button("a", "x", &"y".repeat(2_001))])), "at most 2000"),
            (message_blocks(&actions(&[button("a", "x", ""), button("a", "y", "")])), "twice"),
            (message_blocks(&actions(&[])), "0 elements"),
            (message_blocks(&json!([{ "type": "divider", "text": "x" }])), "has no 'text'"),
            (message_blocks(&json!([{ "type": "carousel" }])), "'carousel'"),
            (view(&title(&"x".repeat(25))), "at most 24"),
            (
                view(
                    &json!({ "type": "modal", "title": { "type": "plain_text", "text": "x" }, "colour": 1, "blocks": [] }),
                ),
                "'colour'",
            ),
            (metadata(&json!({ "event_type": "x", "event_payload": "text" })), "no object"),
        ];
        for (checked, why) in cases {
            assert!(checked.as_ref().is_err_and(|said| said.contains(why)), "{checked:?} should say {why}");
        }
    }

    #[test]
    fn mentions_are_seen_and_what_is_escaped_is_none() {
        let of = |value: Value| {
            let mut found = Vec::new();
            mentions(&value, false, &mut found);
            found.len()
        };
        assert_eq!(of(json!({ "text": "hi <!channel> and <@U1>" })), 2);
        assert_eq!(of(json!({ "blocks": [section("@here")] })), 1, "not verbatim");
        assert_eq!(of(json!({ "text": "hi &lt;!channel&gt; and @here" })), 0);
        assert_eq!(
            of(json!({ "blocks": [{ "type": "header", "text": { "type": "plain_text", "text": "<!here>" } }] })),
            0
        );
    }
}
