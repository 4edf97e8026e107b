//! CommonMark as Slack's mrkdwn. Everything that has a meaning there and none in the source is neutralised: entities are
//! escaped, so that no mention can be made, links go to the web and mail only and say where they lead, and markers in
//! people's words open nothing.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use stoa_flow::words::harmless;
use stoa_http::links::{claims_another, host};

/// Between a marker and a word: Slack then sees a boundary where there is one for us, and none where there is none.
const BOUNDARY: char = '\u{200B}';

/// CommonMark as pieces of mrkdwn, one for each block at the top (paragraph, list, code, …).
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut writer = Writer::default();
    let text = harmless(text);
    for event in Parser::new_ext(&text, options) {
        writer.take(event);
    }
    writer.end_piece();
    writer.pieces
}

/// CommonMark as its words, without markup.
pub(crate) fn words(text: &str) -> String {
    let mut words = String::new();
    for event in Parser::new(&harmless(text)) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                words.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                words.push('\n');
            }
            _ => {}
        }
    }
    words.trim_end().to_owned()
}

/// Text without markup, as mrkdwn.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[derive(Default)]
struct Writer {
    pieces: Vec<String>,
    now: String,
    /// How many blocks are open.
    depth: usize,
    /// The next number of each open list; none for one with points.
    lists: Vec<Option<u64>>,
    quotes: usize,
    code: bool,
    /// Target and label of the link that is open.
    link: Option<(String, String)>,
    heading: bool,
    cells: usize,
    /// Whether a marker was closed just now.
    closed: bool,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                let text = escape(&text).replace("```", "`\u{200B}`\u{200B}`");
                self.push_lines(&text);
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.literal(&text),
            Event::Code(text) => self.inline_code(&text),
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.new_block();
                self.now.push_str("———");
                self.end_piece();
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.open(),
            Tag::Heading { .. } => {
                self.open();
                self.heading = true;
                self.now.push('*');
            }
            Tag::BlockQuote(_) => {
                self.open();
                self.quotes += 1;
                if self.now.is_empty() {
                    self.now.push_str("> ");
                }
            }
            Tag::CodeBlock(_) => {
                self.open();
                self.code = true;
                self.now.push_str("```");
                self.new_line();
            }
            Tag::List(first) => {
                // Its first line stands as far in as the others.
                self.lists.push(first);
                self.open();
            }
            Tag::Item => {
                if !self.now.is_empty() && !self.at_line_start() {
                    self.new_line();
                }
                let mark = match self.lists.last_mut() {
                    Some(Some(n)) => {
                        let mark = format!("{n}. ");
                        *n += 1;
                        mark
                    }
                    _ => "• ".to_owned(),
                };
                self.now.push_str(&mark);
                self.depth += 1;
            }
            Tag::Table(_) => self.open(),
            Tag::TableHead | Tag::TableRow => {
                if !self.now.is_empty() {
                    self.new_line();
                }
                self.cells = 0;
            }
            Tag::TableCell => {
                if self.cells > 0 {
                    self.now.push_str(" | ");
                }
                self.cells += 1;
            }
            Tag::Strong => self.marker('*'),
            Tag::Emphasis => self.marker('_'),
            Tag::Strikethrough => self.marker('~'),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } if self.link.is_none() => {
                self.link = Some((dest_url.trim().to_owned(), String::new()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.heading = false;
                self.now.push('*');
                self.close();
            }
            TagEnd::BlockQuote(_) => {
                self.quotes -= 1;
                self.close();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                if !self.at_line_start() {
                    self.new_line();
                }
                self.now.push_str("```");
                self.close();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.close();
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Table | TagEnd::Item => self.close(),
            TagEnd::Strong => self.end_marker('*'),
            TagEnd::Emphasis => self.end_marker('_'),
            TagEnd::Strikethrough => self.end_marker('~'),
            TagEnd::Link | TagEnd::Image => {
                if let Some((url, label)) = self.link.take() {
                    self.write_link(&url, &label);
                }
            }
            _ => {}
        }
    }

    /// Begins a block; inside another one on a line of its own.
    fn open(&mut self) {
        self.new_block();
        self.depth += 1;
    }

    fn new_block(&mut self) {
        let after_mark = self.now.ends_with("• ") || self.now.ends_with(". ") || self.now.ends_with("> ");
        if self.depth > 0 && !self.now.is_empty() && !self.at_line_start() && !after_mark {
            self.new_line();
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.end_piece();
        }
    }

    fn end_piece(&mut self) {
        let piece = std::mem::take(&mut self.now);
        let piece = piece.trim_end_matches(['\n', ' ']);
        if !piece.is_empty() && piece != ">" {
            self.pieces.push(piece.to_owned());
        }
        (self.closed, self.depth) = (false, 0);
    }

    fn at_line_start(&self) -> bool {
        let line = self.now.rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches(['>', ' ']).is_empty()
    }

    fn new_line(&mut self) {
        if let Some((_, label)) = &mut self.link {
            label.push(' ');
            return;
        }
        self.closed = false;
        self.now.push('\n');
        if self.quotes > 0 {
            self.now.push_str("> ");
        }
        for _ in 1..self.lists.len() {
            self.now.push_str("    ");
        }
    }

    fn push_lines(&mut self, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            self.now.push_str(line);
            if lines.peek().is_some() {
                self.new_line();
            }
        }
    }

    fn marker(&mut self, marker: char) {
        if self.link.is_some() || (self.heading && marker == '*') {
            return;
        }
        if self.now.chars().next_back().is_some_and(char::is_alphanumeric) {
            self.now.push(BOUNDARY);
        }
        self.now.push(marker);
    }

    fn end_marker(&mut self, marker: char) {
        if self.link.is_none() && !(self.heading && marker == '*') {
            self.now.push(marker);
            self.closed = true;
        }
    }

    /// A boundary where a word follows a closed marker without one.
    fn after_marker(&mut self, next: Option<char>) {
        if std::mem::take(&mut self.closed) && next.is_some_and(char::is_alphanumeric) {
            self.now.push(BOUNDARY);
        }
    }

    fn literal(&mut self, text: &str) {
        if let Some((_, label)) = &mut self.link {
            label.push_str(text);
            return;
        }
        self.after_marker(text.chars().next());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '&' => self.now.push_str("&amp;"),
                '<' => self.now.push_str("&lt;"),
                '>' => {
                    // Slack reads an escaped one at a line's beginning as a quotation.
                    if self.at_line_start() {
                        self.now.push(BOUNDARY);
                    }
                    self.now.push_str("&gt;");
                }
                '\n' => self.new_line(),
                '*' | '_' | '~' | '`' => {
                    let inside = self.now.chars().next_back().is_some_and(char::is_alphanumeric);
                    self.now.push(c);
                    if c == '`' || (!inside && chars.peek().is_none_or(|next| !next.is_whitespace())) {
                        self.now.push(BOUNDARY);
                    }
                }
                c => self.now.push(c),
            }
        }
    }

    fn inline_code(&mut self, text: &str) {
        if let Some((_, label)) = &mut self.link {
            label.push_str(text);
        } else if text.contains('`') {
            self.literal(text);
        } else {
            self.marker('`');
            self.now.push_str(&escape(text));
            self.end_marker('`');
        }
    }

    fn write_link(&mut self, url: &str, label: &str) {
        let label = label.trim();
        let Some(host) = host(url) else { return self.literal(label) };
        self.after_marker(Some('<'));
        let target = escape(url).replace('|', "%7C").replace(char::is_whitespace, "%20");
        // A label that looks like another address says where it really leads.
        let label = if label.is_empty() || claims_another(label, &host) {
            if !label.is_empty() {
                self.literal(label);
                self.now.push(' ');
            }
            host
        } else {
            label.to_owned()
        };
        let shown = escape(&label).replace('\n', " ");
        self.now.push_str(&format!("<{target}|{shown}>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        pieces(text).join("\n\n")
    }

    #[test]
    fn commonmark_keeps_its_form() {
        let text = "# Leave *now*\n\nBook **two** days _ahead_, ~~one~~ `x < y`.\nSecond line\n\n- a\n- b\n  1. c\n  2. d\n\n\
                    > said\n> twice\n\n```\nlet a = *b;\n```\n\n| A | B |\n|---|---|\n| 1 | **2** |\n\n---\n\nun**bold**ed";
        insta::assert_snapshot!(one(text));
    }

    #[test]
    fn nobody_is_mentioned_and_nothing_is_forged() {
        assert_eq!(one("<!channel> <@U1> <#C1> &"), "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt; &amp;");
        assert_eq!(one("\\<\\!here\\>"), "&lt;!here&gt;");
        assert_eq!(one("Mr \\*Big\\* snake_case a * b"), "Mr *\u{200B}Big* snake_case a * b");
        assert_eq!(one("\\> not said"), "\u{200B}&gt; not said");
    }

    #[test]
    fn links_say_where_they_lead() {
        assert_eq!(one("[the page](https://e.org/?a=1&b=2)"), "<https://e.org/?a=1&amp;b=2|the page>");
        assert_eq!(one("[a>b|c](https://e.org/x|y)"), "<https://e.org/x%7Cy|a&gt;b|c>");
        assert_eq!(one("[bank.com](https://evil.org/x)"), "bank.com <https://evil.org/x|evil.org>");
        assert_eq!(one("[https://bank.com/a](https://evil.org)"), "https://bank.com/a <https://evil.org|evil.org>");
        assert_eq!(one("[www.e.org](https://e.org/x)"), "<https://e.org/x|www.e.org>");
        assert_eq!(
            one("[x](javascript:alert(1)) [y](/z) ![pic](https://e.org/p.png)"),
            "x y <https://e.org/p.png|pic>"
        );
        assert_eq!(one("[handbook/leave.md](https://e.org/leave)"), "<https://e.org/leave|handbook/leave.md>");
    }
}
