//! CommonMark as the markup of a chat. What is the same everywhere is here: blocks, lists, quotations, where a line begins.
//! How a chat writes a heading, a marker, a link and people's words is its [`Dialect`].

pub mod links;
pub mod parts;
pub mod plain;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream};
use stoa_flow::chat::read_moment;
use stoa_flow::words::harmless;

/// What takes away a meaning, or makes a boundary, and cannot be seen.
pub const NOTHING: char = '\u{200B}';

/// What marks a stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Strong,
    Emphasis,
    Strikethrough,
}

/// How a chat writes what is not the same in all of them. Whatever has a meaning there and none in the source must be
/// neutralised.
pub trait Dialect {
    /// What an item of a list with points begins with.
    const POINT: &'static str;
    /// How far the items of a list in a list stand in.
    const INDENT: &'static str;
    /// Between two cells of a table.
    const BETWEEN_CELLS: &'static str;

    /// A heading begins.
    fn heading(out: &mut Writer, level: HeadingLevel);
    /// A heading ends.
    fn heading_ends(out: &mut Writer);
    /// A marked stretch begins.
    fn mark(out: &mut Writer, mark: Mark);
    /// A marked stretch ends.
    fn mark_ends(out: &mut Writer, mark: Mark);
    /// People's words.
    fn literal(out: &mut Writer, text: &str);
    /// Lines in a block of code.
    fn code(text: &str) -> String;
    /// Code in a line; it has no backtick.
    fn inline_code(out: &mut Writer, text: &str);
    /// A link that leads to `host`; the label may be empty.
    fn link(out: &mut Writer, url: &str, host: &str, label: &str);

    /// Words about an instant, in seconds since 1970.
    fn moment(out: &mut Writer, _at: i64, words: &str) {
        Self::literal(out, words);
    }

    /// Whether a long text may be cut behind `before`: nothing that belongs together, such as a link, is open there.
    fn may_cut(before: &str) -> bool;
    /// Where a text that has no place for it is cut all the same, at or before its end and not at its beginning.
    fn cut_anywhere(head: &str) -> usize;
}

/// CommonMark as pieces of a chat's markup, one for each block at the top (paragraph, list, code, …).
#[must_use]
pub fn pieces<D: Dialect>(text: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut writer = Writer { point: D::POINT, indent: D::INDENT, ..Writer::default() };
    let text = harmless(text);
    // Words come whole, wherever something in them could have been a mark: an address is to be seen as one.
    for event in TextMergeStream::new(Parser::new_ext(&text, options)) {
        writer.take::<D>(event);
    }
    writer.end_piece();
    writer.pieces
}

/// What is written so far.
#[derive(Default)]
pub struct Writer {
    pieces: Vec<String>,
    /// The piece that is being written.
    pub now: String,
    point: &'static str,
    indent: &'static str,
    /// How many blocks are open.
    depth: usize,
    /// The next number of each open list; none for one with points.
    lists: Vec<Option<u64>>,
    quotes: usize,
    code: bool,
    /// Target and label of the link that is open.
    link: Option<(String, String)>,
    /// Whether a heading is open.
    pub heading: bool,
    cells: usize,
    /// Whether a mark ended just now: for dialects that need a boundary there.
    pub ended: bool,
}

impl Writer {
    fn take<D: Dialect>(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start::<D>(tag),
            Event::End(tag) => self.end::<D>(tag),
            Event::Text(text) if self.code => self.push_lines(&D::code(&text)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.words::<D>(&text),
            Event::Code(text) if self.link.is_some() || text.contains('`') => self.words::<D>(&text),
            Event::Code(text) => D::inline_code(self, &text),
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.new_block();
                self.now.push_str("———");
                self.end_piece();
            }
            _ => {}
        }
    }

    fn start<D: Dialect>(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock | Tag::Table(_) => self.open(),
            Tag::Heading { level, .. } => {
                self.open();
                self.heading = true;
                D::heading(self, level);
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
                    _ => self.point.to_owned(),
                };
                self.now.push_str(&mark);
                self.depth += 1;
            }
            Tag::TableHead | Tag::TableRow => {
                if !self.now.is_empty() {
                    self.new_line();
                }
                self.cells = 0;
            }
            Tag::TableCell => {
                if self.cells > 0 {
                    self.now.push_str(D::BETWEEN_CELLS);
                }
                self.cells += 1;
            }
            Tag::Strong => self.mark::<D>(Mark::Strong),
            Tag::Emphasis => self.mark::<D>(Mark::Emphasis),
            Tag::Strikethrough => self.mark::<D>(Mark::Strikethrough),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } if self.link.is_none() => {
                self.link = Some((dest_url.trim().to_owned(), String::new()));
            }
            _ => {}
        }
    }

    fn end<D: Dialect>(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.heading = false;
                D::heading_ends(self);
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
            TagEnd::Strong => self.mark_ends::<D>(Mark::Strong),
            TagEnd::Emphasis => self.mark_ends::<D>(Mark::Emphasis),
            TagEnd::Strikethrough => self.mark_ends::<D>(Mark::Strikethrough),
            TagEnd::Link | TagEnd::Image => {
                let Some((url, label)) = self.link.take() else { return };
                match (links::host(&url), read_moment(&url)) {
                    (Some(host), _) => D::link(self, &url, &host, label.trim()),
                    (None, Some(at)) => D::moment(self, at, label.trim()),
                    (None, None) => D::literal(self, label.trim()),
                }
            }
            _ => {}
        }
    }

    /// Whether the innermost block is in a list.
    #[must_use]
    pub fn in_list(&self) -> bool {
        !self.lists.is_empty()
    }

    /// Whether nothing but the marks of quotations stands in the line.
    #[must_use]
    pub fn at_line_start(&self) -> bool {
        self.line().is_empty()
    }

    /// What stands in the line, after the marks of quotations.
    #[must_use]
    pub fn line(&self) -> &str {
        let line = self.now.rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches(['>', ' '])
    }

    /// A new line, as far in as lists and quotations want it.
    pub fn new_line(&mut self) {
        if let Some((_, label)) = &mut self.link {
            label.push(' ');
            return;
        }
        self.ended = false;
        self.now.push('\n');
        if self.quotes > 0 {
            self.now.push_str("> ");
        }
        for _ in 1..self.lists.len() {
            self.now.push_str(self.indent);
        }
    }

    /// Text as it is, each of its lines as [`Writer::new_line`] begins it.
    pub fn push_lines(&mut self, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            self.now.push_str(line);
            if lines.peek().is_some() {
                self.new_line();
            }
        }
    }

    fn words<D: Dialect>(&mut self, text: &str) {
        match &mut self.link {
            Some((_, label)) => label.push_str(text),
            None => D::literal(self, text),
        }
    }

    fn mark<D: Dialect>(&mut self, mark: Mark) {
        if self.link.is_none() {
            D::mark(self, mark);
        }
    }

    fn mark_ends<D: Dialect>(&mut self, mark: Mark) {
        if self.link.is_none() {
            D::mark_ends(self, mark);
        }
    }

    /// Begins a block; inside another one on a line of its own.
    fn open(&mut self) {
        self.new_block();
        self.depth += 1;
    }

    fn new_block(&mut self) {
        let after_mark = [self.point, ". ", "> "].iter().any(|mark| self.now.ends_with(mark));
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
        (self.ended, self.depth) = (false, 0);
    }
}
