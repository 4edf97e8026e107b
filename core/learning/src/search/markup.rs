//! Passages as people see them: the blocks of a CommonMark text without its markup.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A paragraph.
    Paragraph,
    /// A heading inside the passage.
    Heading,
    /// An item of a list; the number when the list is ordered.
    Item(Option<u64>),
    /// A code block.
    Code,
    /// A row of a table, its cells joined by ` | `.
    Row,
}

/// A block of text, in reading order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// How deep it stands in lists: 0 outside, 1 for an item of an outermost list.
    pub depth: usize,
    /// Its text in one line (code keeps its lines).
    pub text: String,
}

/// The blocks of a CommonMark text.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut out = Blocks::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        out.event(event);
    }
    out.flush();
    out.done
}

/// The text of a passage without markup, one block a line.
#[must_use]
pub fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    for block in blocks(markdown) {
        out.push_str(&block.text);
        out.push('\n');
    }
    out
}

#[derive(Default)]
struct Blocks {
    done: Vec<Block>,
    text: String,
    kind: Option<Kind>,
    /// The open lists, outermost first: the next number of an ordered one.
    lists: Vec<Option<u64>>,
    hidden: bool,
}

impl Blocks {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(t) | Event::Code(t) => self.text.push_str(&t),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::Rule => self.flush(),
            Event::Html(t) | Event::InlineHtml(t) => self.html(&t),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph if self.kind.is_none() => self.kind = Some(Kind::Paragraph),
            Tag::Heading { .. } => self.begin(Kind::Heading),
            Tag::CodeBlock(_) => self.begin(Kind::Code),
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                let number = match self.lists.last_mut() {
                    Some(Some(n)) => {
                        *n += 1;
                        Some(*n - 1)
                    }
                    _ => None,
                };
                self.begin(Kind::Item(number));
            }
            Tag::TableHead | Tag::TableRow => self.begin(Kind::Row),
            Tag::TableCell if !self.text.is_empty() => self.text.push_str(" | "),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::CodeBlock
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::HtmlBlock => self.flush(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            _ => {}
        }
    }

    fn begin(&mut self, kind: Kind) {
        self.flush();
        self.kind = Some(kind);
    }

    /// The text between tags; nothing of scripts, styles and comments.
    fn html(&mut self, html: &str) {
        let mut rest = html;
        while let Some(open) = rest.find('<') {
            if !self.hidden {
                self.text.push_str(&rest[..open]);
            }
            let tag = &rest[open..];
            let lower = tag.get(..8).unwrap_or(tag).to_ascii_lowercase();
            if lower.starts_with("<script") || lower.starts_with("<style") {
                self.hidden = true;
            } else if lower.starts_with("</script") || lower.starts_with("</style") {
                self.hidden = false;
            }
            let end =
                if tag.starts_with("<!--") { tag.find("-->").map(|i| i + 3) } else { tag.find('>').map(|i| i + 1) };
            rest = end.map_or("", |end| &tag[end..]);
        }
        if !self.hidden {
            self.text.push_str(rest);
        }
    }

    fn flush(&mut self) {
        let kind = self.kind.take().unwrap_or(Kind::Paragraph);
        let text = std::mem::take(&mut self.text);
        let text = if kind == Kind::Code { text.trim_end().to_owned() } else { one_line(&text) };
        if !text.is_empty() {
            self.done.push(Block { kind, depth: self.lists.len(), text });
        }
    }
}

fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_links_tables_and_html_become_plain_blocks() {
        let text = "Before *leave*, be [sure](https://x.example/a) to:\n\n1. Ask `HR`.\n2. Tell:\n   - the team\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<div>Seen <!-- not --></div><script>no()</script>\n";
        let got: Vec<_> = blocks(text).into_iter().map(|b| (b.kind, b.depth, b.text)).collect();
        assert_eq!(
            got,
            [
                (Kind::Paragraph, 0, "Before leave, be sure to:".into()),
                (Kind::Item(Some(1)), 1, "Ask HR.".into()),
                (Kind::Item(Some(2)), 1, "Tell:".into()),
                (Kind::Item(None), 2, "the team".into()),
                (Kind::Row, 0, "a | b".into()),
                (Kind::Row, 0, "1 | 2".into()),
                (Kind::Paragraph, 0, "Seen".into()),
            ]
        );
    }

    #[test]
    fn plain_text_comes_through_whole() {
        assert_eq!(plain("one < two\nand \"three\""), "one < two and \"three\"\n");
    }
}
