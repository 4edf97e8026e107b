//! CommonMark as Slack's mrkdwn. Everything that has a meaning there and none in the source is neutralised: entities are
//! escaped, so that no mention can be made, links go to the web and mail only and say where they lead, and markers in
//! people's words open nothing.

use pulldown_cmark::{Event, HeadingLevel, Parser, TagEnd};
use stoa_flow::words::harmless;
use stoa_markup::links::claims_another;
use stoa_markup::{Dialect, Mark, NOTHING, Writer};

/// CommonMark as pieces of mrkdwn, one for each block at the top (paragraph, list, code, …).
pub(crate) fn pieces(text: &str) -> Vec<String> {
    stoa_markup::pieces::<Mrkdwn>(text)
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

/// Text without markup, as mrkdwn, and as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Slack's markup.
pub(crate) struct Mrkdwn;

impl Dialect for Mrkdwn {
    const POINT: &'static str = "• ";
    const INDENT: &'static str = "    ";
    const BETWEEN_CELLS: &'static str = " | ";

    fn heading(out: &mut Writer, _: HeadingLevel) {
        out.now.push('*');
    }

    fn heading_ends(out: &mut Writer) {
        out.now.push('*');
    }

    fn mark(out: &mut Writer, mark: Mark) {
        // A heading is bold already.
        if !(out.heading && mark == Mark::Strong) {
            begin(out, marker(mark));
        }
    }

    fn mark_ends(out: &mut Writer, mark: Mark) {
        if !(out.heading && mark == Mark::Strong) {
            end(out, marker(mark));
        }
    }

    fn literal(out: &mut Writer, text: &str) {
        after_marker(out, text.chars().next());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '&' => out.now.push_str("&amp;"),
                '<' => out.now.push_str("&lt;"),
                '>' => {
                    // Slack reads an escaped one at a line's beginning as a quotation.
                    if out.at_line_start() {
                        out.now.push(NOTHING);
                    }
                    out.now.push_str("&gt;");
                }
                '\n' => out.new_line(),
                '*' | '_' | '~' | '`' => {
                    let inside = out.now.chars().next_back().is_some_and(char::is_alphanumeric);
                    out.now.push(c);
                    if c == '`' || (!inside && chars.peek().is_none_or(|next| !next.is_whitespace())) {
                        out.now.push(NOTHING);
                    }
                }
                c => out.now.push(c),
            }
        }
    }

    fn code(text: &str) -> String {
        escape(text).replace("```", "`\u{200B}`\u{200B}`")
    }

    fn inline_code(out: &mut Writer, text: &str) {
        begin(out, '`');
        out.now.push_str(&escape(text));
        end(out, '`');
    }

    fn link(out: &mut Writer, url: &str, host: &str, label: &str) {
        after_marker(out, Some('<'));
        let target = escape(url).replace('|', "%7C").replace(char::is_whitespace, "%20");
        // A label that looks like another address says where it really leads.
        let label = if label.is_empty() || claims_another(label, host) {
            if !label.is_empty() {
                Self::literal(out, label);
                out.now.push(' ');
            }
            host
        } else {
            label
        };
        let shown = escape(label).replace('\n', " ");
        out.now.push_str(&format!("<{target}|{shown}>"));
    }

    fn may_cut(before: &str) -> bool {
        before.rfind('<') <= before.rfind('>')
    }

    fn cut_anywhere(head: &str) -> usize {
        // Not inside `&amp;`, and not inside a link, if it does not begin here.
        let entity = head.rfind('&').filter(|at| head.len() - at < 6 && !head[*at..].contains(';'));
        let link = head.rfind('<').filter(|at| *at > 0 && !head[*at..].contains('>'));
        link.or(entity).filter(|at| *at > 0).unwrap_or(head.len())
    }
}

fn marker(mark: Mark) -> char {
    match mark {
        Mark::Strong => '*',
        Mark::Emphasis => '_',
        Mark::Strikethrough => '~',
    }
}

/// Writes a marker that opens. Between it and a word Slack wants a boundary.
fn begin(out: &mut Writer, marker: char) {
    if out.now.chars().next_back().is_some_and(char::is_alphanumeric) {
        out.now.push(NOTHING);
    }
    out.now.push(marker);
}

fn end(out: &mut Writer, marker: char) {
    out.now.push(marker);
    out.ended = true;
}

/// A boundary where a word follows a closed marker without one.
fn after_marker(out: &mut Writer, next: Option<char>) {
    if std::mem::take(&mut out.ended) && next.is_some_and(char::is_alphanumeric) {
        out.now.push(NOTHING);
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
    fn of_an_instant_the_words_alone_are_shown() {
        let text = "due **[Friday](moment:1780612740)**";
        assert_eq!((one(text).as_str(), words(text).as_str()), ("due *Friday*", "due Friday"));
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
