//! Messages and forms without a platform. Every block has a plain-text form, so that nothing is lost where a platform
//! has no rich messages.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};

/// What the bot says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// From top to bottom.
    pub blocks: Vec<Block>,
    /// It is an answer that is being written, as far as it is; its last edit says that it is whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub growing: bool,
    /// It takes the place of the message whose button was pressed, where that cannot be edited later and the platform can do
    /// it with an answer to the press.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A title in plain text.
    Heading(String),
    /// CommonMark. Text by people goes through [`literal`] first; raw HTML is shown as text by every adapter.
    Text(String),
    /// Somebody's words or a passage, as CommonMark, with a line that says where they are from, as CommonMark.
    Quote { text: String, source: Option<String> },
    /// Something less important, as CommonMark, shown small.
    Context(String),
    /// Buttons in a row.
    Buttons(Vec<Button>),
}

/// A button. Pressing it is the same as saying its command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub label: String,
    /// The command line, for example `training open 3f…`.
    pub command: String,
    /// How it looks.
    #[serde(default)]
    pub style: Style,
}

/// How a button looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Like any other.
    #[default]
    Plain,
    /// The one that most people want.
    Primary,
    /// Cannot be taken back.
    Danger,
}

/// A form that a person fills in (a modal on Slack and Discord).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// What sending it does: a command line, for example `tip save`.
    pub command: String,
    /// Title.
    pub title: String,
    /// CommonMark above the fields.
    pub intro: Option<String>,
    /// The fields in order.
    pub fields: Vec<Field>,
    /// The label of the button that sends it.
    pub submit: String,
}

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name among the values.
    pub name: String,
    /// What it asks.
    pub label: String,
    /// A line of help.
    pub hint: Option<String>,
    /// Whether it may be left empty.
    pub optional: bool,
    /// What goes in.
    pub kind: FieldKind,
}

/// What goes into a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text of at most `max` characters.
    Text { multiline: bool, max: usize, initial: String },
    /// One of several options: (value, label).
    Choice { options: Vec<(String, String)>, initial: Option<String> },
    /// A box to tick; the value is `yes` or absent.
    Check,
}

impl Message {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A message of one paragraph of CommonMark.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().and(Block::Text(text.into()))
    }

    /// With one more block.
    #[must_use]
    pub fn and(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With a title.
    #[must_use]
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.and(Block::Heading(text.into()))
    }

    /// With a paragraph of CommonMark.
    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.and(Block::Text(text.into()))
    }

    /// With a small line.
    #[must_use]
    pub fn context(self, text: impl Into<String>) -> Self {
        self.and(Block::Context(text.into()))
    }

    /// With a row of buttons; an empty row is left out.
    #[must_use]
    pub fn buttons(self, buttons: Vec<Button>) -> Self {
        if buttons.is_empty() { self } else { self.and(Block::Buttons(buttons)) }
    }

    /// By which it is known whether a message says what it said before; none while it is being written. Another version of the
    /// program may give another number.
    pub(crate) fn digest(&self) -> Option<i64> {
        let mut hasher = DefaultHasher::new();
        self.blocks.hash(&mut hasher);
        (!self.growing).then(|| hasher.finish().cast_signed())
    }

    /// The whole message as it is written, with its markup, buttons as the commands that they stand for: for tests.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut lines = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Heading(t) | Block::Text(t) | Block::Context(t) => lines.push(t.clone()),
                Block::Quote { text, source } => {
                    lines.extend(text.lines().map(|l| format!("> {l}")));
                    lines.extend(source.iter().map(|s| format!("— {s}")));
                }
                Block::Buttons(buttons) => {
                    lines.extend(buttons.iter().map(|b| format!("[{}: {}]", b.label, b.command)));
                }
            }
        }
        lines.join("\n")
    }
}

impl Button {
    /// A plain button.
    #[must_use]
    pub fn new(label: impl Into<String>, command: impl Into<String>) -> Self {
        Self { label: label.into(), command: command.into(), style: Style::Plain }
    }

    /// The one that most people want.
    #[must_use]
    pub fn primary(label: impl Into<String>, command: impl Into<String>) -> Self {
        Self { style: Style::Primary, ..Self::new(label, command) }
    }
}

impl Field {
    /// A text field.
    #[must_use]
    pub fn text(name: &str, label: String, multiline: bool, max: usize) -> Self {
        let kind = FieldKind::Text { multiline, max, initial: String::new() };
        Self { name: name.to_owned(), label, hint: None, optional: false, kind }
    }

    /// A choice of one among several: (value, label).
    #[must_use]
    pub fn choice(name: &str, label: String, options: Vec<(String, String)>) -> Self {
        let kind = FieldKind::Choice { options, initial: None };
        Self { name: name.to_owned(), label, hint: None, optional: false, kind }
    }

    /// A box to tick.
    #[must_use]
    pub fn check(name: &str, label: String) -> Self {
        Self { name: name.to_owned(), label, hint: None, optional: false, kind: FieldKind::Check }
    }
}

/// Text by people, made safe inside CommonMark: every character with a meaning there is escaped, so that names and
/// messages cannot become links, mentions, headings or markup.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '+' | '-' | '!' | '|'
            | '~' | '@' | '&' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_direction_override(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a character changes the direction of the text around it (Unicode UAX #9 explicit formatting).
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_well_as_plain_text() {
        let message = Message::text("Hello")
            .and(Block::Quote { text: "one\ntwo".into(), source: Some("Leave".into()) })
            .buttons(vec![Button::primary("Open", "training open 1")]);
        assert_eq!(message.plain(), "Hello\n> one\n> two\n— Leave\n[Open: training open 1]");
    }

    #[test]
    fn what_people_write_cannot_become_markup() {
        assert_eq!(literal("[x](http://e) <b> @here"), "\\[x\\]\\(http://e\\) \\<b\\> \\@here");
        assert_eq!(literal("a\u{202e}b\u{7}c"), "abc");
    }
}
