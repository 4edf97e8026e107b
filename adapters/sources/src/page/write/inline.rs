//! What stands inside of a line: words, emphasis, code and links.

use ego_tree::NodeRef;
use pulldown_cmark::{Event, Options, Parser, TextMergeStream};
use scraper::Node;
use scraper::node::Element;

use super::Writer;

/// Deeper than this only the words are taken.
const DEEPEST: usize = 60;

/// What is open around a word.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    bold: bool,
    italic: bool,
    link: bool,
    depth: usize,
}

impl Writer {
    pub(super) fn inlines(&mut self, node: NodeRef<'_, Node>, out: &mut String, context: Context) {
        for child in node.children() {
            match child.value() {
                Node::Text(text) => push_text(out, text),
                Node::Element(element) if !self.is_dropped(child, element) => self.inline(child, element, out, context),
                _ => {}
            }
        }
    }

    pub(super) fn inline(&mut self, node: NodeRef<'_, Node>, element: &Element, out: &mut String, context: Context) {
        if context.depth > DEEPEST {
            return push_text(out, &plain(node));
        }
        let inner = Context { depth: context.depth + 1, ..context };
        if let Some(id) = super::anchor_of(element).filter(|_| !node.has_children()) {
            self.anchor = Some(id.to_owned());
        }
        match element.name() {
            "br" => {
                out.truncate(out.trim_end().len());
                if !out.is_empty() {
                    out.push_str("  \n");
                }
            }
            "b" | "strong" if !context.bold => self.marked(node, "**", out, Context { bold: true, ..inner }),
            "i" | "em" | "cite" | "dfn" if !context.italic => {
                self.marked(node, "*", out, Context { italic: true, ..inner });
            }
            "del" | "s" | "strike" => self.marked(node, "~~", out, inner),
            "code" | "kbd" | "samp" | "tt" => push_code(out, &plain(node)),
            "img" => {
                let alt = element.attr("alt").unwrap_or_default();
                if !alt.trim().is_empty() {
                    push_text(out, &format!("{}{alt} ", if out.is_empty() { "" } else { " " }));
                }
            }
            "input" => {
                if element.attr("type").is_some_and(|t| t.eq_ignore_ascii_case("checkbox")) {
                    out.push_str(if element.attr("checked").is_some() { "[x] " } else { "[ ] " });
                }
            }
            "sup" if element.classes().any(|c| c.starts_with("footnote-")) => {
                out.push_str(&format!("[{}]", plain(node)));
                if element.classes().any(|c| c == "footnote-definition-label") {
                    out.push(' ');
                }
            }
            "a" if !context.link => self.link(node, element, out, Context { link: true, ..inner }),
            _ => self.inlines(node, out, inner),
        }
    }

    /// Emphasis, with the spaces at its ends outside, where CommonMark wants them.
    fn marked(&mut self, node: NodeRef<'_, Node>, mark: &str, out: &mut String, context: Context) {
        let mut text = String::new();
        self.inlines(node, &mut text, context);
        let words = text.trim();
        if starts_with_space(node) {
            space(out);
        }
        if words.is_empty() {
            return;
        }
        out.push_str(mark);
        out.push_str(words);
        out.push_str(mark);
        if text.ends_with(' ') {
            out.push(' ');
        }
    }

    fn link(&mut self, node: NodeRef<'_, Node>, element: &Element, out: &mut String, context: Context) {
        let mut text = String::new();
        self.inlines(node, &mut text, context);
        let words = text.trim();
        if starts_with_space(node) {
            space(out);
        }
        if words.is_empty() {
            return;
        }
        let target = element.attr("href").map(str::trim).filter(|h| is_absolute(h)).map(clean);
        match target {
            Some(url) if url.trim_start_matches("mailto:") == plain(node) => {
                out.push_str(&format!("<{}>", url.trim_start_matches("mailto:")));
            }
            Some(url) => out.push_str(&format!("[{words}]({url})")),
            None => out.push_str(words),
        }
        if text.ends_with(' ') {
            out.push(' ');
        }
    }
}

/// Whether a link leads somewhere from anywhere.
fn is_absolute(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    ["https://", "http://", "mailto:", "tel:"]
        .into_iter()
        .any(|s| lower.strip_prefix(s).is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '{'])))
}

/// A URL that cannot end its link early.
fn clean(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            ' ' => out.push_str("%20"),
            c if c.is_control() || c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn starts_with_space(node: NodeRef<'_, Node>) -> bool {
    node.first_child().and_then(|c| c.value().as_text().map(|t| t.starts_with(char::is_whitespace))).unwrap_or(false)
}

fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
}

fn push_code(out: &mut String, code: &str) {
    if code.is_empty() {
        return;
    }
    let ticks = "`".repeat(if code.contains('`') { longest_run(code, '`') + 1 } else { 1 });
    let pad = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    out.push_str(&format!("{ticks}{pad}{code}{pad}{ticks}"));
}

pub(super) fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(|run| run.chars().count()).max().unwrap_or(0)
}

/// The words of an element in one line, without any markup.
pub(super) fn plain(node: NodeRef<'_, Node>) -> String {
    let mut out = String::new();
    for n in node.descendants() {
        match n.value() {
            Node::Text(t) => {
                let parent = n.parent().and_then(|p| p.value().as_element());
                if !parent.is_some_and(|e| super::SILENT.contains(&e.name()) || is_permalink(e)) {
                    out.push_str(t);
                }
            }
            Node::Element(e) if e.name() == "img" => out.push_str(e.attr("alt").unwrap_or_default()),
            Node::Element(e) if e.name() == "br" => out.push(' '),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_permalink(element: &Element) -> bool {
    element.name() == "a"
        && element.classes().any(|c| matches!(c, "headerlink" | "header-anchor" | "anchor-link" | "permalink"))
}

/// Adds text with its white space collapsed and its special characters escaped.
pub(super) fn push_text(out: &mut String, text: &str) {
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            space(out);
            continue;
        }
        if is_special(c, out.chars().next_back(), &text[at + c.len_utf8()..]) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Whether a character would be markup there.
fn is_special(c: char, before: Option<char>, after: &str) -> bool {
    let next = after.chars().next();
    let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        '`' => true,
        '\\' => next.is_some_and(|n| n.is_ascii_punctuation()),
        '*' => !(blank(before) && blank(next)),
        '_' => !(blank(before) && blank(next) || letter(before) && letter(next)),
        '<' => next.is_some_and(|n| n.is_ascii_alphabetic() || matches!(n, '/' | '!' | '?')),
        '(' => before == Some(']'),
        '~' => next == Some('~') || before == Some('~'),
        '&' => {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(after.len());
            end > 0 && after[end..].starts_with(';')
        }
        _ => false,
    }
}

/// A line of plain text whose characters stay what they are; marks of a list at its start stay marks of a list.
#[must_use]
pub fn escaped(line: &str) -> String {
    let words = line.trim_start();
    let indent = " ".repeat((line.len() - words.len()).min(3));
    let mut out = String::new();
    let (marker, words) = match words.split_once(' ') {
        Some((m @ ("*" | "-" | "+"), rest)) => (format!("{m} "), rest),
        _ => (String::new(), words),
    };
    push_text(&mut out, words);
    let start = if out.starts_with(['#', '>']) { "\\" } else { "" };
    format!("{indent}{marker}{start}{out}").trim_end().to_owned()
}

/// A paragraph whose lines do not look like the start of another block.
pub(super) fn no_block_start(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let digits = line.chars().take_while(char::is_ascii_digit).count();
            let rest = &line[digits..];
            let at = |mark: char| rest.starts_with(mark) && (rest.len() == 1 || rest[1..].starts_with(' '));
            if digits > 0 && digits < 10 && (at('.') || at(')')) {
                return format!("{}\\{rest}", &line[..digits]);
            }
            let hashes = line.len() - line.trim_start_matches('#').len();
            let heading = (1..=6).contains(&hashes) && line[hashes..].starts_with([' ', '\t']);
            let rule =
                line.starts_with(['-', '=', '+', '~']) && line.chars().all(|c| matches!(c, '-' | '=' | '~' | ' '));
            let item = digits == 0 && (at('-') || at('+') || at('*'));
            if heading || rule || item || line.starts_with('>') { format!("\\{line}") } else { line.to_owned() }
        })
        .collect();
    lines.join("\n")
}

/// Without its backslashes, if it means the same without them: a lone asterisk needs none.
pub(super) fn least_escaped(text: String) -> String {
    if !text.contains('\\') {
        return text;
    }
    let mut bare = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' || !chars.peek().is_some_and(char::is_ascii_punctuation) {
            bare.push(c);
        } else if let Some(escaped) = chars.next() {
            bare.push(escaped);
        }
    }
    if meaning(&bare) == meaning(&text) { bare } else { text }
}

fn meaning(text: &str) -> Vec<Event<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    TextMergeStream::new(Parser::new_ext(text, options)).collect()
}
