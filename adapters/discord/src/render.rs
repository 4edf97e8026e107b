//! Messages as Discord's content and components, in as many messages as its 2,000 characters make of them.

use serde_json::{Value, json};
use stoa_flow::chat::{Block, Button, Message, Style};

use crate::markdown;

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

fn quote(piece: &str) -> String {
    let lines: Vec<String> =
        piece.lines().map(|l| if l.starts_with('>') { l.to_owned() } else { format!("> {l}") }).collect();
    lines.join("\n")
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
    let mut contents: Vec<String> = Vec::new();
    for part in pieces.iter().filter(|p| !p.is_empty()).flat_map(|piece| split(piece, CONTENT)) {
        // Small print belongs to what stands above it.
        let between = if part.starts_with("-# ") { "\n" } else { "\n\n" };
        match contents.last_mut() {
            Some(last) if length(last) + between.len() + length(&part) <= CONTENT => {
                last.push_str(between);
                last.push_str(&part);
            }
            _ => contents.push(part),
        }
    }
    contents
}

/// A text in parts of at most `most` characters: between lines, else between sentences or words, never inside a link or
/// behind an escaping backslash. Code stays code, quotes stay quotes.
fn split(text: &str, most: usize) -> Vec<String> {
    if length(text) <= most {
        return vec![text.to_owned()];
    }
    let code = text.starts_with("```") && text.ends_with("```") && text.len() > 6;
    let quoted = text.starts_with("> ");
    let (mut rest, room) = if code { (text.trim_matches('`').trim_matches('\n'), most - 8) } else { (text, most - 2) };
    let mut parts: Vec<String> = Vec::new();
    while let Some((end, _)) = rest.char_indices().nth(room) {
        let at = cut_at(rest, end, code);
        parts.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start_matches(|c| c == '\n' || (c == ' ' && !code));
    }
    parts.push(rest.to_owned());
    for (n, part) in parts.iter_mut().enumerate() {
        if code {
            *part = format!("```\n{part}\n```");
        } else if quoted && n > 0 && !part.starts_with('>') {
            part.insert_str(0, "> ");
        }
    }
    parts
}

/// Where to cut at or before `end`.
fn cut_at(text: &str, end: usize, code: bool) -> usize {
    let (head, half) = (&text[..end], end / 2);
    if let Some(at) = head.rfind('\n').filter(|at| *at > half) {
        return at;
    }
    let whole = |at: usize| {
        let before = &text[..at];
        code || before.matches("](<").count() == before.matches(">)").count()
    };
    let last = |between: &str, kept: usize| {
        head.rmatch_indices(between).map(|(at, _)| at + kept).find(|at| *at > half && whole(*at))
    };
    last(". ", 1).or_else(|| last(" ", 0)).unwrap_or_else(|| {
        let escapes = head.chars().rev().take_while(|c| *c == '\\').count();
        if code { end } else { end - escapes % 2 }
    })
}

pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// The first `most` characters, with a sign where something is missing.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
