//! Messages as Block Kit blocks, inside Slack's limits, with a fallback text that says the same.

use serde_json::{Value, json};
use stoa_flow::chat::{Block, Button, Message, Style};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_markup::parts::{self, cut, length, quote};

use crate::mrkdwn::{self, Mrkdwn};

/// Blocks of one message.
const BLOCKS: usize = 50;
/// Characters of all texts of one message. Slack names no limit; messages with eleven thousand were refused.
const TEXT: usize = 9_500;
/// With less room than this a text is left out and not begun.
const BEGINNING: usize = 200;
/// Blocks of a Home tab.
const HOME_BLOCKS: usize = 100;
/// Characters of one section.
const SECTION: usize = 3_000;
/// Characters of a header.
const HEADER: usize = 150;
/// Buttons in one row.
const ROW: usize = 25;
/// Characters of a button's label.
const LABEL: usize = 75;
/// Characters of a button's value.
const VALUE: usize = 2_000;
/// Characters of the fallback text.
const FALLBACK: usize = 3_900;

/// A message as Slack takes it.
pub(crate) struct Rendered {
    pub blocks: Value,
    /// For notifications, and where blocks cannot be shown.
    pub text: String,
}

/// Renders a message.
pub(crate) fn render(message: &Message) -> Rendered {
    rendered(message, BLOCKS, TEXT)
}

/// Renders a Home tab.
pub(crate) fn render_home(page: &Message) -> Value {
    rendered(page, HOME_BLOCKS, usize::MAX).blocks
}

/// Renders a message in at most so many blocks with at most so many characters.
fn rendered(message: &Message, most: usize, characters: usize) -> Rendered {
    let (mut blocks, mut text, mut buttons) = (Vec::new(), Vec::new(), 0);
    for block in &message.blocks {
        match block {
            Block::Heading(title) => {
                text.push(format!("*{}*", mrkdwn::escape(title)));
                let shown = json!({ "type": "plain_text", "text": cut(title, HEADER), "emoji": false });
                blocks.push(json!({ "type": "header", "text": shown }));
            }
            Block::Text(said) => {
                let pieces = mrkdwn::pieces(said);
                blocks.extend(packed(&pieces, "\n\n").iter().map(|t| section(t)));
                text.extend(pieces);
            }
            Block::Quote { text: said, source } => {
                let quoted: Vec<String> = mrkdwn::pieces(said).iter().map(|piece| quote(piece)).collect();
                text.extend(quoted.iter().cloned());
                blocks.extend(packed(&quoted, "\n> \n").into_iter().map(|t| section(&t)));
                if let Some(source) = source {
                    let source = mrkdwn::pieces(source).join("\n");
                    text.push(format!("— {source}"));
                    blocks.extend(context(&source));
                }
            }
            Block::Context(said) => {
                let said = mrkdwn::pieces(said).join("\n");
                blocks.extend(context(&said));
                text.push(said);
            }
            Block::Buttons(row) => {
                for row in row.chunks(ROW) {
                    let elements: Vec<Value> = row.iter().filter_map(|b| button(b, &mut buttons)).collect();
                    if !elements.is_empty() {
                        blocks.push(json!({ "type": "actions", "elements": elements }));
                    }
                }
            }
        }
    }
    Rendered { blocks: json!(shortened(blocks, most, characters)), text: fallback(&text.join("\n")) }
}

/// CommonMark as section blocks.
pub(crate) fn sections(text: &str) -> Vec<Value> {
    packed(&mrkdwn::pieces(text), "\n\n").iter().map(|t| section(t)).collect()
}

fn section(text: &str) -> Value {
    // As it is: nothing that only looks like a link or a name becomes one.
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn context(text: &str) -> Vec<Value> {
    let parts = parts::split::<Mrkdwn>(text, SECTION);
    parts
        .into_iter()
        .filter(|t| !t.is_empty())
        .map(|t| json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": t, "verbatim": true }] }))
        .collect()
}

fn button(button: &Button, n: &mut usize) -> Option<Value> {
    if button.command.chars().count() > VALUE || button.label.trim().is_empty() {
        tracing::error!(label = %button.label, "a button does not fit into Slack and is left out");
        return None;
    }
    let text = json!({ "type": "plain_text", "text": cut(&button.label, LABEL), "emoji": false });
    let mut shown = json!({ "type": "button", "action_id": format!("b{n}"), "text": text, "value": button.command });
    match button.style {
        Style::Plain => {}
        Style::Primary => shown["style"] = json!("primary"),
        Style::Danger => shown["style"] = json!("danger"),
    }
    *n += 1;
    Some(shown)
}

/// At most so many blocks and characters: what can be pressed stays, what is read is shortened, and it says so.
fn shortened(blocks: Vec<Value>, most: usize, characters: usize) -> Vec<Value> {
    if blocks.len() <= most && said(&blocks) <= characters {
        return blocks;
    }
    let (pressed, read): (Vec<Value>, Vec<Value>) = blocks.into_iter().partition(|b| b["type"] == "actions");
    let pressed: Vec<Value> = pressed.into_iter().take(most / 2).collect();
    let note = context(&mrkdwn::escape(&say!(Words::english(), "chat-shortened")));
    let mut room = characters.saturating_sub(said(&pressed) + said(&note));
    let mut shown = Vec::new();
    for block in read.into_iter().take(most - 1 - pressed.len()) {
        let length = said(std::slice::from_ref(&block));
        if length > room {
            shown.extend(begun(block, room));
            break;
        }
        room -= length;
        shown.push(block);
    }
    shown.into_iter().chain(note).chain(pressed).collect()
}

/// Characters of all texts in blocks.
fn said(blocks: &[Value]) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, one)| one.as_str().filter(|_| key == "text").map_or_else(|| of(one), length))
                .sum(),
            _ => 0,
        }
    }
    blocks.iter().map(of).sum()
}

/// The beginning of what is read; none where that says too little.
fn begun(block: Value, room: usize) -> Option<Value> {
    if room < BEGINNING {
        return None;
    }
    let mut block = block;
    let at = if block["type"] == "section" { "/text/text" } else { "/elements/0/text" };
    let text = block.pointer_mut(at)?;
    *text = json!(parts::split::<Mrkdwn>(text.as_str()?, room).into_iter().next()?);
    Some(block)
}

/// Pieces joined into as few sections as fit.
fn packed(pieces: &[String], between: &'static str) -> Vec<String> {
    parts::packed::<Mrkdwn>(pieces, SECTION, |_| between)
}

fn fallback(text: &str) -> String {
    if length(text) <= FALLBACK {
        return text.to_owned();
    }
    let end = text.char_indices().nth(FALLBACK).map_or(text.len(), |(at, _)| at);
    format!("{} …", text[..parts::cut_at::<Mrkdwn>(text, end)].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view;
    use stoa_flow::chat::{Field, FieldKind, Form, Place};

    fn place() -> Place {
        Place {
            platform: "slack".into(),
            workspace: "T1".into(),
            channel: "C1".into(),
            thread: Some("1.1".into()),
            direct: false,
        }
    }

    #[test]
    fn an_answer_with_its_source_and_buttons() {
        let message = Message::text("Book **two weeks** ahead & tell <!channel> nobody.")
            .heading("Leave")
            .and(Block::Quote {
                text: "Say it early.\n\n- or late".into(),
                source: Some("[Handbook](https://e.org/h)".into()),
            })
            .context("From _Handbook_")
            .buttons(vec![
                Button::primary("Helpful", "helpful 1"),
                Button { style: Style::Danger, ..Button::new("x".repeat(90), "unhelpful 1") },
                Button::new("too long", "y".repeat(2_001)),
            ]);
        let rendered = render(&message);
        insta::assert_json_snapshot!(json!({ "blocks": rendered.blocks, "text": rendered.text }));
    }

    #[test]
    fn a_form_as_a_modal() {
        let choice = FieldKind::Choice {
            options: vec![("a".into(), "Port".into()), ("b".into(), "z".repeat(80))],
            initial: Some("a".into()),
        };
        let form = Form {
            command: "tip save".into(),
            title: "Share what you have learned today".into(),
            intro: Some("Others see **this**.".into()),
            fields: vec![
                Field { hint: Some("One sentence".into()), ..Field::text("title", "Title".into(), false, 120) },
                Field { optional: true, ..Field::text("text", "Tip".into(), true, 8_000) },
                Field { kind: choice, ..Field::check("side", "Which side?".into()) },
                Field::check("agree", "I may share it".into()),
            ],
            submit: "Save".into(),
        };
        let modal = view::modal(&form, &place());
        let meant = view::Meant::read(modal["private_metadata"].as_str().unwrap()).unwrap();
        assert_eq!((meant.command.as_str(), meant.thread.as_deref()), ("tip save", Some("1.1")));
        insta::assert_json_snapshot!(modal);
    }

    #[test]
    fn what_is_too_long_is_split_between_words_and_keeps_its_links() {
        let link = "[the page](https://e.org/a%20b) and ";
        for text in [
            "word ".repeat(2_000),
            link.repeat(300),
            "x".repeat(7_000),
            format!("```\n{}```", "code\n".repeat(2_000)),
            "&".repeat(2_000),
        ] {
            let parts = packed(&mrkdwn::pieces(&text), "\n\n");
            assert!(parts.len() > 1);
            for part in parts {
                assert!(length(&part) <= SECTION, "{}", length(&part));
                assert_eq!(part.matches('<').count(), part.matches('>').count(), "{part}");
                assert_eq!(part.matches("```").count() % 2, 0);
                assert_eq!(part.matches('&').count(), part.matches(';').count());
            }
        }
    }

    #[test]
    fn fifty_blocks_are_enough_and_the_buttons_stay() {
        let mut message = Message::new();
        for n in 0..60 {
            message = message.heading(format!("Heading {n}"));
        }
        let blocks = render(&message.buttons(vec![Button::new("Go", "go")])).blocks;
        let blocks = blocks.as_array().unwrap();
        assert_eq!(blocks.len(), BLOCKS);
        assert_eq!((&blocks[48]["type"], &blocks[49]["type"]), (&json!("context"), &json!("actions")));
    }

    #[test]
    fn all_texts_of_a_message_together_are_no_longer_than_slack_takes_and_the_buttons_stay() {
        let word = "word ".repeat(590);
        let long = Message::text(word.clone()).paragraph(word.clone()).paragraph(word.clone()).paragraph(word.clone());
        let long = long.context("x".repeat(2_900)).buttons(vec![Button::new("Go", "go")]);
        let blocks = render(&long).blocks;
        let blocks = blocks.as_array().unwrap();
        assert!((TEXT - BEGINNING..=TEXT).contains(&said(blocks)), "{}", said(blocks));
        let kinds: Vec<&str> = blocks.iter().map(|b| b["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["section", "section", "section", "section", "context", "actions"]);
        assert_eq!(blocks[4]["elements"][0]["text"], "There is more than fits here.");
        // What fits is whole, and a Home tab has no such limit.
        let short = Message::text(word.clone()).paragraph(word);
        assert!(!render(&short).blocks.to_string().contains("more than fits"));
        assert!(!render_home(&long).to_string().contains("more than fits"));
    }
}
