//! Messages as Discord's content and components, in as many messages as its limits make of them.

use serde_json::{Value, json};
use stoa_flow::chat::{Block, Button, Message, Style};
use stoa_markup::parts::{self, cut, quote};

use crate::ids::hash;
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
/// No links are unfolded.
pub(crate) const NO_EMBEDS: i64 = 4;

/// One message as Discord takes it.
pub(crate) struct Part {
    pub content: String,
    pub rows: Vec<Value>,
}

/// A message as Discord takes it: as one message or several.
pub(crate) struct Rendered {
    pub parts: Vec<Part>,
    /// Commands that are too long for a component's id, each with the short name that stands there.
    pub long: Vec<(String, String)>,
}

impl Rendered {
    /// The number of the last part.
    pub(crate) fn last(&self) -> usize {
        self.parts.len().saturating_sub(1)
    }

    /// The body of a part.
    pub(crate) fn body(&self, part: usize) -> Value {
        let (content, rows) = self.parts.get(part).map_or(("", &[][..]), |p| (&p.content, &p.rows));
        json!({ "content": content, "components": rows, "allowed_mentions": { "parse": [] }, "flags": NO_EMBEDS })
    }
}

/// The key of a part: the last has that of its delivery, by which all are known to stand there.
pub(crate) fn part_key(key: &str, part: usize, last: usize) -> String {
    if part == last { key.to_owned() } else { format!("{key}/{part}") }
}

/// Renders a message that is sent under a delivery key.
pub(crate) fn render(message: &Message, key: &str) -> Rendered {
    let (mut pieces, mut groups) = (Vec::new(), Vec::<Group<'_>>::new());
    // Where the last block of words begins among the pieces, unless it has its buttons.
    let mut above = None;
    for block in &message.blocks {
        let begin = pieces.len();
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
            Block::Buttons(buttons) => {
                let rows = buttons.chunks(ROW).map(|row| row.iter().collect());
                match groups.last_mut().filter(|_| above.is_none()) {
                    Some(group) => group.rows.extend(rows),
                    None => groups.push(Group { piece: above, rows: rows.collect() }),
                }
                above = None;
                continue;
            }
        }
        if pieces.len() > begin && (matches!(block, Block::Heading(_) | Block::Text(_)) || above.is_none()) {
            above = Some(begin);
        }
    }
    let mut long = Vec::new();
    let parts = parts(groups, pieces, key, &mut long);
    Rendered { parts, long }
}

/// Buttons that belong together, and the first piece of the words above them.
struct Group<'a> {
    piece: Option<usize>,
    rows: Vec<Vec<&'a Button>>,
}

/// The messages of pieces and groups of buttons. All buttons stand below all words, so those that are called the same are
/// numbered, as the words are to which they belong.
fn parts(groups: Vec<Group<'_>>, mut pieces: Vec<String>, key: &str, long: &mut Vec<(String, String)>) -> Vec<Part> {
    let mut labels: Vec<&str> = Vec::new();
    let mut doubtful = false;
    for group in &groups {
        let own: Vec<&str> = group.rows.iter().flatten().map(|b| b.label.as_str()).collect();
        doubtful |= own.iter().any(|label| labels.contains(label));
        labels.extend(own);
    }
    let mut rows: Vec<Vec<(String, &Button)>> = Vec::new();
    for (n, group) in groups.into_iter().enumerate() {
        let number = doubtful.then_some(n + 1);
        if let Some(piece) = number.and_then(|_| pieces.get_mut(group.piece?)) {
            *piece = numbered(n + 1, piece);
        }
        let label = |b: &Button| number.map_or_else(|| b.label.clone(), |n| format!("{n} · {}", b.label));
        let shown = group.rows.into_iter().map(|row| row.into_iter().filter(|b| !b.label.trim().is_empty()));
        rows.extend(shown.map(|row| row.map(|b| (label(b), b)).collect::<Vec<_>>()).filter(|row| !row.is_empty()));
    }
    if rows.len() > ROWS {
        let all: Vec<_> = rows.into_iter().flatten().collect();
        rows = all.chunks(ROW).map(<[_]>::to_vec).collect();
    }
    let contents = packed(&pieces);
    let sets: Vec<_> = rows.chunks(ROWS).collect();
    let last = contents.len().max(sets.len()).saturating_sub(1);
    let without = last + 1 - sets.len();
    let mut contents = contents.into_iter();
    (0..=last)
        .map(|n| {
            let key = part_key(key, n, last);
            let rows = n.checked_sub(without).and_then(|n| sets.get(n)).copied().unwrap_or_default();
            let mut number = 0..;
            let rows = rows.iter().map(|row| {
                let buttons = row.iter().zip(&mut number).map(|((label, b), n)| button(label, b, &key, n, long));
                json!({ "type": 1, "components": buttons.collect::<Vec<_>>() })
            });
            Part { rows: rows.collect(), content: contents.next().unwrap_or_default() }
        })
        .collect()
}

/// A piece with a number in front. Where that would take its form away the number has a line of its own.
fn numbered(n: usize, piece: &str) -> String {
    match piece.strip_prefix("## ") {
        Some(title) => format!("## {n}. {title}"),
        None if piece.starts_with(|c: char| c.is_alphanumeric() || c == '*') => format!("**{n}.** {piece}"),
        None => format!("**{n}.**\n{piece}"),
    }
}

fn button(label: &str, button: &Button, key: &str, number: usize, long: &mut Vec<(String, String)>) -> Value {
    let style = match button.style {
        Style::Plain => 2,
        Style::Primary => 1,
        Style::Danger => 4,
    };
    let custom_id = custom_id(key, number, &button.command, long);
    json!({ "type": 2, "style": style, "label": cut(label, LABEL), "custom_id": custom_id })
}

/// The id of a component: our mark, the hash of the delivery key by which the message is found again, a number that makes
/// it the only one in its message, and the command, or its short name where it is too long.
fn custom_id(key: &str, number: usize, command: &str, long: &mut Vec<(String, String)>) -> String {
    let head = format!("s:{}:{number}:", hash(key));
    if head.chars().count() + command.chars().count() <= CUSTOM_ID && !command.starts_with('#') {
        return format!("{head}{command}");
    }
    let (id, kept) = hidden_id(key, number, command);
    long.push(kept);
    id
}

/// As [`custom_id`], without the command: whoever reads a message as Discord has it reads its components' ids as well.
pub(crate) fn hidden_id(key: &str, number: usize, command: &str) -> (String, (String, String)) {
    let name = hash(command);
    (format!("s:{}:{number}:#{name}", hash(key)), (name, command.to_owned()))
}

/// The hash in the id of one of our components, and the command or `#` with its short name.
pub(crate) fn read_custom_id(id: &str) -> Option<(&str, &str)> {
    let (hash, rest) = id.strip_prefix("s:")?.split_once(':')?;
    let (_, command) = rest.split_once(':')?;
    Some((hash, command))
}

/// Pieces joined into as few contents as fit.
fn packed(pieces: &[String]) -> Vec<String> {
    // Small print belongs to what stands above it.
    parts::packed::<Markdown>(pieces, CONTENT, |part| if part.starts_with("-# ") { "\n" } else { "\n\n" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::word;
    use stoa_markup::parts::length;

    fn shown(rendered: &Rendered) -> Value {
        rendered.parts.iter().map(|p| json!({ "content": p.content, "components": p.rows })).collect()
    }

    fn labels(part: &Part) -> Vec<&str> {
        let buttons = part.rows.iter().flat_map(|row| row["components"].as_array().into_iter().flatten());
        buttons.filter_map(|b| b["label"].as_str()).collect()
    }

    #[test]
    fn a_message_becomes_content_and_components() {
        let message = Message::new()
            .heading("Leave")
            .paragraph("Book **two** days ahead.")
            .and(Block::Quote { text: "one\n\ntwo".into(), source: Some("Handbook".into()) })
            .context("Not yet checked")
            .buttons(vec![Button::primary("Helpful", "ask helpful 7"), Button::new("No", "x".repeat(90))]);
        let rendered = render(&message, "reply/1");
        insta::assert_json_snapshot!(shown(&rendered));
        assert_eq!(rendered.long.len(), 1);
        let id = rendered.parts[0].rows[0]["components"][1]["custom_id"].as_str().unwrap();
        assert_eq!(
            read_custom_id(id),
            Some((crate::ids::hash("reply/1").as_str(), format!("#{}", rendered.long[0].0).as_str()))
        );
        assert_eq!(read_custom_id("something else"), None);
    }

    #[test]
    fn what_is_long_is_split_well() {
        let contents = |text: String| render(&Message::text(text), "k").parts.into_iter().map(|p| p.content);
        let paragraph = "This sentence has some words. ".repeat(200);
        assert!(contents(paragraph.clone()).count() >= 3);
        for content in contents(paragraph) {
            assert!(length(&content) <= CONTENT && content.ends_with('.'), "{content}");
        }
        let code = format!("```\n{}```", "let a = 1;\n".repeat(400));
        for content in contents(code) {
            assert!(
                length(&content) <= CONTENT && content.starts_with("```\n") && content.ends_with("\n```"),
                "{content}"
            );
        }
        let stars = "*".repeat(3_000);
        for content in contents(stoa_flow::chat::literal(&stars)) {
            assert!(length(&content) <= CONTENT && !content.starts_with('*'), "{content}");
        }
    }

    #[test]
    fn of_thirty_buttons_five_stand_in_another_message() {
        let all = (0..30).map(|n| Button::new(format!("b{n}"), format!("c {n}"))).collect();
        let rendered = render(&Message::text("x").buttons(all), "k");
        let counts: Vec<usize> = rendered.parts.iter().map(|p| labels(p).len()).collect();
        assert_eq!((counts, rendered.parts[0].content.as_str()), (vec![25, 5], "x"));
        // The last part alone says that all of it stands there.
        let mark = |part: &Part| word(&part.rows[0]["components"][0]["custom_id"]).split(':').nth(1).map(str::to_owned);
        assert_eq!(mark(&rendered.parts[1]), Some(hash("k")));
        assert_ne!(mark(&rendered.parts[0]), Some(hash("k")));
    }

    #[test]
    fn buttons_that_are_called_the_same_say_to_which_words_they_belong() {
        let list = |second: &str| {
            Message::text("These are the tracks:")
                .paragraph("**Tea** – How we make it.")
                .buttons(vec![Button::new("Join", "join tea")])
                .heading("Salt")
                .paragraph("- How we take it")
                .context("Seven lessons")
                .buttons(vec![Button::new(second, "join salt")])
                .context("And two more.")
        };
        let rendered = render(&list("Join"), "k");
        insta::assert_snapshot!(rendered.parts[0].content, @r"
        These are the tracks:

        **1.** **Tea** – How we make it.

        ## Salt

        **2.**
        - How we take it
        -# Seven lessons
        -# And two more.
        ");
        assert_eq!(labels(&rendered.parts[0]), ["1 · Join", "2 · Join"]);
        let rendered = render(&list("Leave"), "k");
        assert_eq!(labels(&rendered.parts[0]), ["Join", "Leave"]);
        assert!(!rendered.parts[0].content.contains("1."), "{}", rendered.parts[0].content);
    }
}
