//! CommonMark as Discord's markdown. Everything that has a meaning there and none in the source is neutralised: markers in
//! people's words are escaped, no mention can be made, invite links lead nowhere, and links say where they lead.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use stoa_flow::words::harmless;
use stoa_http::links::{claims_another, host};

/// What takes away a meaning and cannot be seen.
const NOTHING: char = '\u{200B}';
/// Hosts whose links are invitations to other servers.
const INVITES: [&str; 6] =
    ["discord.gg", "discord.com/invite", "discordapp.com/invite", "discord.me", "dsc.gg", "invite.gg"];

/// CommonMark as pieces of Discord's markdown, one for each block at the top (paragraph, list, code, …).
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

/// Text without markup, as Discord's markdown.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    for c in without_invites(text).chars() {
        match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' => {
                out.push('\\');
                out.push(c);
            }
            // A heading, a list or small print where a line begins.
            '#' | '-' | '+' if before.is_none_or(|b| b == '\n') => {
                out.push('\\');
                out.push(c);
            }
            '@' => {
                out.push('@');
                out.push(NOTHING);
            }
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// The text, in which no link invites to another server.
fn without_invites(text: &str) -> String {
    let mut out = text.to_owned();
    for invite in INVITES {
        let mut from = 0;
        while let Some(at) = find_ignoring_case(&out[from..], invite) {
            let dot = from + at + invite.find('.').unwrap_or_default() + 1;
            out.insert(dot, NOTHING);
            from = dot;
        }
    }
    out
}

fn find_ignoring_case(text: &str, part: &str) -> Option<usize> {
    text.as_bytes().windows(part.len()).position(|w| w.eq_ignore_ascii_case(part.as_bytes()))
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
    cells: usize,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                self.push_lines(
                    &text.replace("```", &format!("`{NOTHING}`{NOTHING}`")).replace('@', &format!("@{NOTHING}")),
                );
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
            Tag::Heading { level, .. } => {
                self.open();
                // Discord knows three sizes; inside a list a title is bold.
                let mark = match level {
                    _ if !self.lists.is_empty() => "**",
                    HeadingLevel::H1 => "# ",
                    HeadingLevel::H2 => "## ",
                    _ => "### ",
                };
                self.now.push_str(mark);
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
                    _ => "- ".to_owned(),
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
                    self.now.push_str(" \\| ");
                }
                self.cells += 1;
            }
            Tag::Strong => self.marker("**"),
            Tag::Emphasis => self.marker("*"),
            Tag::Strikethrough => self.marker("~~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } if self.link.is_none() => {
                self.link = Some((dest_url.trim().to_owned(), String::new()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                if !self.lists.is_empty() {
                    self.now.push_str("**");
                }
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
            TagEnd::Strong => self.marker("**"),
            TagEnd::Emphasis => self.marker("*"),
            TagEnd::Strikethrough => self.marker("~~"),
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
        let after_mark = self.now.ends_with("- ") || self.now.ends_with(". ") || self.now.ends_with("> ");
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
        self.depth = 0;
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
        self.now.push('\n');
        if self.quotes > 0 {
            self.now.push_str("> ");
        }
        for _ in 1..self.lists.len() {
            self.now.push_str("  ");
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

    fn marker(&mut self, marker: &str) {
        if self.link.is_none() {
            self.now.push_str(marker);
        }
    }

    fn literal(&mut self, text: &str) {
        if let Some((_, label)) = &mut self.link {
            label.push_str(text);
            return;
        }
        let begins = self.at_line_start();
        let said = escape(text);
        // In the middle of a line nothing of this begins a block.
        let said = if begins {
            said
        } else {
            said.strip_prefix('\\').filter(|r| r.starts_with(['#', '-', '+'])).map_or(said.clone(), str::to_owned)
        };
        // A number with a point begins a list where a line does; both may come apart.
        let line = format!("{}{said}", self.now.rsplit('\n').next().unwrap_or_default());
        let line = line.trim_start_matches(['>', ' ']);
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let point = said.len() - line.len().min(said.len()) + digits;
        let is_list = digits > 0 && line[digits..].starts_with(". ");
        let at = if line.len() > said.len() { 0 } else { point };
        let said =
            if is_list && said[at..].starts_with(". ") { format!("{}\\{}", &said[..at], &said[at..]) } else { said };
        self.push_lines(&said);
    }

    fn inline_code(&mut self, text: &str) {
        if let Some((_, label)) = &mut self.link {
            label.push_str(text);
        } else if text.contains('`') {
            self.literal(text);
        } else {
            let text = without_invites(text).replace('@', &format!("@{NOTHING}"));
            self.now.push_str(&format!("`{text}`"));
        }
    }

    fn write_link(&mut self, url: &str, label: &str) {
        let label = label.trim();
        let lower = url.to_ascii_lowercase();
        let leads = host(url).filter(|_| !lower.starts_with("mailto:") && !INVITES.iter().any(|i| lower.contains(i)));
        let Some(leads) = leads else { return self.now.push_str(&escape(label)) };
        let target: String = url
            .chars()
            .filter(|c| !c.is_control())
            .map(|c| match c {
                ' ' => "%20".to_owned(),
                '<' => "%3C".to_owned(),
                '>' => "%3E".to_owned(),
                ')' => "%29".to_owned(),
                c => c.to_string(),
            })
            .collect();
        // A label that looks like another address says where it really leads. Discord shows no label that is an address.
        let label = if label.is_empty() || claims_another(label, &leads) || label.contains("://") {
            if !label.is_empty() && claims_another(label, &leads) {
                self.now.push_str(&format!("{} ", escape(&label.replace("://", &format!(":{NOTHING}//")))));
            }
            leads
        } else {
            label.to_owned()
        };
        let shown = escape(&label.replace('\n', " "));
        self.now.push_str(&format!("[{shown}](<{target}>)"));
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
    fn nobody_is_mentioned_invited_or_deceived() {
        assert_eq!(one("@everyone <@1> <@&2> <#3>"), "@\u{200B}everyone \\<@\u{200B}1\\> \\<@\u{200B}&2\\> \\<#3\\>");
        assert_eq!(one("`@here`"), "`@\u{200B}here`");
        assert_eq!(one("Mr \\*Big\\* snake_case a \\* b"), "Mr \\*Big\\* snake\\_case a \\* b");
        assert_eq!(one("\\# no title\n\\- no list\n1\\. no list"), "\\# no title\n\\- no list\n1\\. no list");
        assert_eq!(one("a \\# b \\- c||d||"), "a # b - c\\|\\|d\\|\\|");
        assert_eq!(
            one("come to discord.gg/abc or Discord.com/Invite/x"),
            "come to discord.\u{200B}gg/abc or Discord.\u{200B}com/Invite/x"
        );
        assert_eq!(one("[join](https://discord.gg/abc)"), "join");
    }

    #[test]
    fn links_say_where_they_lead() {
        assert_eq!(one("[the page](https://e.org/?a=1&b=2)"), "[the page](<https://e.org/?a=1&b=2>)");
        assert_eq!(one("[bank.com](https://evil.org/x)"), "bank.com [evil.org](<https://evil.org/x>)");
        assert_eq!(one("[x](javascript:alert(1)) [y](/z)"), "x y");
        assert_eq!(one("<https://e.org/a>"), "[e.org](<https://e.org/a>)");
    }
}
