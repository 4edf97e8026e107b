//! Messages as plain text: for mail, and for chats that show no markup.

use pulldown_cmark::HeadingLevel;
use stoa_flow::chat::{Block, Button, Message};
use stoa_flow::words::harmless;

use crate::{Dialect, Mark, Writer, pieces};

struct Plain;

impl Dialect for Plain {
    const POINT: &'static str = "- ";
    const INDENT: &'static str = "  ";
    const BETWEEN_CELLS: &'static str = " | ";

    fn heading(_: &mut Writer, _: HeadingLevel) {}

    fn heading_ends(_: &mut Writer) {}

    fn mark(_: &mut Writer, _: Mark) {}

    fn mark_ends(_: &mut Writer, _: Mark) {}

    fn literal(out: &mut Writer, text: &str) {
        out.push_lines(text);
    }

    fn code(text: &str) -> String {
        text.to_owned()
    }

    fn inline_code(out: &mut Writer, text: &str) {
        out.now.push_str(text);
    }

    fn link(out: &mut Writer, url: &str, _host: &str, label: &str) {
        if label.is_empty() || label == url {
            out.now.push_str(url);
        } else {
            out.push_lines(label);
            out.now.push_str(" (");
            out.now.push_str(url);
            out.now.push(')');
        }
    }

    fn may_cut(_before: &str) -> bool {
        true
    }

    fn cut_anywhere(head: &str) -> usize {
        head.len()
    }
}

/// CommonMark as plain text, a blank line between its blocks.
#[must_use]
pub fn text(markup: &str) -> String {
    pieces::<Plain>(markup).join("\n\n")
}

/// A message as plain text, a blank line between its blocks. What each button becomes is said by `button`; none is left out.
#[must_use]
pub fn message(message: &Message, button: impl Fn(&Button) -> Option<String>) -> String {
    let block = |block: &Block| match block {
        // A heading is no markup.
        Block::Heading(text) => harmless(text).replace('\n', " "),
        Block::Text(markup) | Block::Context(markup) => text(markup),
        Block::Quote { text: said, source } => {
            let said = text(said);
            let lines = said.lines().map(|line| format!("> {line}").trim_end().to_owned());
            lines.chain(source.iter().map(|source| format!("— {}", text(source)))).collect::<Vec<_>>().join("\n")
        }
        Block::Buttons(row) => row.iter().filter_map(&button).collect::<Vec<_>>().join("\n"),
    };
    let blocks = message.blocks.iter().map(block).filter(|block| !block.is_empty());
    blocks.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_flow::chat::literal;

    #[test]
    fn nobody_reads_markup_in_a_mail() {
        let name = literal("Núñez-O’Brien (Harbour & Pine) <b>*x*</b>");
        let said = Message::new()
            .heading("For *you*")
            .paragraph(format!("New for **{name}**, due [Mon](https://example.org/a):\n\n- one\n- two"))
            .and(Block::Quote { text: "one\n\n`two`".into(), source: Some("Hand\\-book".into()) })
            .context("Type **help**.")
            .buttons(vec![Button::new("Open", "training open 1")]);
        insta::assert_snapshot!(message(&said, |b| Some(format!("[{}]", b.label))), @r"
        For *you*

        New for Núñez-O’Brien (Harbour & Pine) <b>*x*</b>, due Mon (https://example.org/a):

        - one
        - two

        > one
        >
        > two
        — Hand-book

        Type help.

        [Open]
        ");
    }
}
