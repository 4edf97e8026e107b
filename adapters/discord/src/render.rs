//! Messages as Discord's content and components, in as many messages as its 2,000 characters make of them.

use serde_json::{Value, json};
use stoa_flow::chat::{Block, Button, Message, Style};
use stoa_markup::parts::{self, cut, quote};

use crate::markdown::{self, Markdown};

/// Characters of one message.
pub(crate) const CONTENT: usize = 2_000;
/// Buttons in one row, rows in one message.
const ROW: usize = 5;
const ROWS: usize = 5;
/// Characters of a button's label.
const LABEL: usize = 80;
/// Characters of a component's id.
pub(crate) const CUSTOM_ID: usize = 100;

/// A message as Discord takes it: the contents of one message or several, and the components of the last.
pub(crate) struct Rendered {
    pub contents: Vec<String>,
    pub components: Value,
    /// Commands that are too long for a component's id, each with the short name that stands there.
    pub long: Vec<(String, String)>,
}

impl Rendered {
    pub(crate) fn has_buttons(&self) -> bool {
        self.components.as_array().is_some_and(|rows| !rows.is_empty())
    }
}

/// Renders a message that is sent under a delivery key.
pub(crate) fn render(message: &Message, key: &str) -> Rendered {
    let (mut pieces, mut rows, mut long) = (Vec::new(), Vec::new(), Vec::new());
    let mut number = 0;
    for block in &message.blocks {
        match block {
            Block::Heading(title) => pieces.push(format!("## {}", markdown::escape(title).replace('\n', " "))),
            Block::Text(said) => pieces.extend(markdown::pieces(said)),
            Block::Quote { text, source } => {
                let quoted: Vec<String> = markdown::pieces(text).iter().map(|piece| quote(piece)).collect();
                let mut all = quoted.join("\n> \n");
                if let Some(source) = source {
                    all.push_str(&format!("\n-# — {}", markdown::pieces(source).join(" ").replace('\n', " ")));
                }
                pieces.push(all);
            }
            Block::Context(said) => {
                let lines = markdown::pieces(said).join("\n");
                let small: Vec<String> =
                    lines.lines().map(|l| if l.is_empty() { String::new() } else { format!("-# {l}") }).collect();
                pieces.push(small.join("\n"));
            }
            Block::Buttons(row) => {
                for row in row.chunks(ROW) {
                    let buttons: Vec<Value> =
                        row.iter().filter_map(|b| button(b, key, &mut number, &mut long)).collect();
                    if !buttons.is_empty() {
                        rows.push(json!({ "type": 1, "components": buttons }));
                    }
                }
            }
        }
    }
    if rows.len() > ROWS {
        rows = packed_rows(rows);
    }
    Rendered { contents: packed(&pieces), components: Value::Array(rows), long }
}

fn button(button: &Button, key: &str, number: &mut usize, long: &mut Vec<(String, String)>) -> Option<Value> {
    if button.label.trim().is_empty() {
        return None;
    }
    let custom_id = custom_id(key, *number, &button.command, long);
    *number += 1;
    let style = match button.style {
        Style::Plain => 2,
        Style::Primary => 1,
        Style::Danger => 4,
    };
    Some(json!({ "type": 2, "style": style, "label": cut(&button.label, LABEL), "custom_id": custom_id }))
}

/// The id of a component: our mark, the hash of the delivery key by which the message is found again, a number that makes
/// it the only one in its message, and the command, or its short name where it is too long.
pub(crate) fn custom_id(key: &str, number: usize, command: &str, long: &mut Vec<(String, String)>) -> String {
    let head = format!("s:{}:{number}:", crate::ids::hash(key));
    if head.chars().count() + command.chars().count() <= CUSTOM_ID && !command.starts_with('#') {
        return format!("{head}{command}");
    }
    let name = crate::ids::hash(command);
    long.push((name.clone(), command.to_owned()));
    format!("{head}#{name}")
}

/// The hash in the id of one of our components, and the command or `#` with its short name.
pub(crate) fn read_custom_id(id: &str) -> Option<(&str, &str)> {
    let (hash, rest) = id.strip_prefix("s:")?.split_once(':')?;
    let (_, command) = rest.split_once(':')?;
    Some((hash, command))
}

/// More rows than a message has, in rows that are full; what does not fit is left out from the end.
fn packed_rows(rows: Vec<Value>) -> Vec<Value> {
    let all: Vec<Value> =
        rows.into_iter().flat_map(|row| row["components"].as_array().cloned().unwrap_or_default()).collect();
    if all.len() > ROW * ROWS {
        tracing::error!(buttons = all.len(), "a message has more buttons than Discord shows; the last are left out");
    }
    all.chunks(ROW).take(ROWS).map(|row| json!({ "type": 1, "components": row })).collect()
}

/// Pieces joined into as few contents as fit.
fn packed(pieces: &[String]) -> Vec<String> {
    // Small print belongs to what stands above it.
    parts::packed::<Markdown>(pieces, CONTENT, |part| if part.starts_with("-# ") { "\n" } else { "\n\n" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_markup::parts::length;

    #[test]
    fn a_message_becomes_content_and_components() {
        let message = Message::new()
            .heading("Leave")
            .paragraph("Book **two** days ahead.")
            .and(Block::Quote { text: "one\n\ntwo".into(), source: Some("Handbook".into()) })
            .context("Not yet checked")
            .buttons(vec![Button::primary("Helpful", "ask helpful 7"), Button::new("No", "x".repeat(90))]);
        let rendered = render(&message, "reply/1");
        insta::assert_json_snapshot!(json!({ "contents": rendered.contents, "components": rendered.components }));
        assert_eq!(rendered.long.len(), 1);
        let id = rendered.components[0]["components"][1]["custom_id"].as_str().unwrap();
        assert_eq!(
            read_custom_id(id),
            Some((crate::ids::hash("reply/1").as_str(), format!("#{}", rendered.long[0].0).as_str()))
        );
        assert_eq!(read_custom_id("something else"), None);
    }

    #[test]
    fn what_is_long_is_split_well() {
        let paragraph = "This sentence has some words. ".repeat(200);
        let rendered = render(&Message::text(paragraph.clone()), "k");
        assert!(rendered.contents.len() >= 3);
        for content in &rendered.contents {
            assert!(length(content) <= CONTENT && content.ends_with('.'), "{content}");
        }
        let code = format!("```\n{}```", "let a = 1;\n".repeat(400));
        for content in render(&Message::text(code), "k").contents {
            assert!(
                length(&content) <= CONTENT && content.starts_with("```\n") && content.ends_with("\n```"),
                "{content}"
            );
        }
        let stars = "*".repeat(3_000);
        for content in render(&Message::text(stoa_flow::chat::literal(&stars)), "k").contents {
            assert!(length(&content) <= CONTENT && !content.starts_with('*'), "{content}");
        }
    }

    #[test]
    fn thirty_buttons_are_twenty_five() {
        let all = (0..30).map(|n| Button::new(format!("b{n}"), format!("c {n}"))).collect();
        let rendered = render(&Message::text("x").buttons(all), "k");
        assert_eq!(rendered.components.as_array().unwrap().len(), 5);
    }
}
