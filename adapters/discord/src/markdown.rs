//! CommonMark as Discord's markdown. Everything that has a meaning there and none in the source is neutralised: markers in
//! people's words are escaped, no mention can be made, invite links lead nowhere, and links say where they lead.

use pulldown_cmark::HeadingLevel;
use stoa_markup::links::claims_another;
use stoa_markup::{Dialect, Mark, NOTHING, Writer};

/// Hosts whose links are invitations to other servers.
const INVITES: [&str; 6] =
    ["discord.gg", "discord.com/invite", "discordapp.com/invite", "discord.me", "dsc.gg", "invite.gg"];

/// CommonMark as pieces of Discord's markdown, one for each block at the top (paragraph, list, code, …).
pub(crate) fn pieces(text: &str) -> Vec<String> {
    stoa_markup::pieces::<Markdown>(text)
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

/// Text, of which `other` is made of all but its addresses: Discord makes links of those as they stand, and a sign that
/// escapes would be part of them.
fn addresses_whole(text: &str, other: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let address = &rest[at..];
        let end = address.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>')).unwrap_or(address.len());
        out.push_str(&other(&rest[..at]));
        out.push_str(&neutral(&address[..end]));
        rest = &address[end..];
    }
    out.push_str(&other(rest));
    out
}

/// Text that mentions nobody and invites nowhere, otherwise as it is.
fn neutral(text: &str) -> String {
    without_invites(text).replace('@', &format!("@{NOTHING}"))
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

/// Discord's markup.
pub(crate) struct Markdown;

impl Dialect for Markdown {
    const POINT: &'static str = "- ";
    const INDENT: &'static str = "  ";
    const BETWEEN_CELLS: &'static str = " \\| ";

    fn heading(out: &mut Writer, level: HeadingLevel) {
        // Discord knows three sizes; inside a list a title is bold.
        let mark = match level {
            _ if out.in_list() => "**",
            HeadingLevel::H1 => "# ",
            HeadingLevel::H2 => "## ",
            _ => "### ",
        };
        out.now.push_str(mark);
    }

    fn heading_ends(out: &mut Writer) {
        if out.in_list() {
            out.now.push_str("**");
        }
    }

    fn mark(out: &mut Writer, mark: Mark) {
        out.now.push_str(match mark {
            Mark::Strong => "**",
            Mark::Emphasis => "*",
            Mark::Strikethrough => "~~",
        });
    }

    fn mark_ends(out: &mut Writer, mark: Mark) {
        Self::mark(out, mark);
    }

    fn literal(out: &mut Writer, text: &str) {
        let begins = out.at_line_start();
        let said = addresses_whole(text, escape);
        // In the middle of a line nothing of this begins a block.
        let said = if begins {
            said
        } else {
            said.strip_prefix('\\').filter(|r| r.starts_with(['#', '-', '+'])).map_or(said.clone(), str::to_owned)
        };
        // A number with a point begins a list where a line does; both may come apart.
        let line = format!("{}{said}", out.now.rsplit('\n').next().unwrap_or_default());
        let line = line.trim_start_matches(['>', ' ']);
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let point = said.len() - line.len().min(said.len()) + digits;
        let is_list = digits > 0 && line[digits..].starts_with(". ");
        let at = if line.len() > said.len() { 0 } else { point };
        let said =
            if is_list && said[at..].starts_with(". ") { format!("{}\\{}", &said[..at], &said[at..]) } else { said };
        out.push_lines(&said);
    }

    fn code(text: &str) -> String {
        neutral(text).replace("```", &format!("`{NOTHING}`{NOTHING}`"))
    }

    fn inline_code(out: &mut Writer, text: &str) {
        out.now.push_str(&format!("`{}`", neutral(text)));
    }

    fn link(out: &mut Writer, url: &str, host: &str, label: &str) {
        let lower = url.to_ascii_lowercase();
        if lower.starts_with("mailto:") || INVITES.iter().any(|i| lower.contains(i)) {
            return out.now.push_str(&escape(label));
        }
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
        let label = if label.is_empty() || claims_another(label, host) || label.contains("://") {
            if !label.is_empty() && claims_another(label, host) {
                out.now.push_str(&format!("{} ", escape(&label.replace("://", &format!(":{NOTHING}//")))));
            }
            host
        } else {
            label
        };
        let shown = escape(&label.replace('\n', " "));
        out.now.push_str(&format!("[{shown}](<{target}>)"));
    }

    fn moment(out: &mut Writer, at: i64, _words: &str) {
        out.now.push_str(&format!("<t:{at}:f>"));
    }

    fn may_cut(before: &str) -> bool {
        before.matches("](<").count() == before.matches(">)").count()
    }

    fn cut_anywhere(head: &str) -> usize {
        // Not behind an escaping backslash.
        let escapes = head.chars().rev().take_while(|c| *c == '\\').count();
        head.len() - escapes % 2
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
        assert_eq!(one("```\nJoin discord.gg/abc, @all\n```"), "```\nJoin discord.\u{200B}gg/abc, @\u{200B}all\n```");
    }

    #[test]
    fn addresses_stay_whole() {
        for text in ["https://intra.example/travel_policy(2)", "https://intra.example/travel\\_policy\\(2\\)"] {
            assert_eq!(one(text), "https://intra.example/travel_policy(2)");
        }
        assert_eq!(one("see\nhttps://e.org/a_b~c_ \\*now\\*"), "see\nhttps://e.org/a_b~c_ \\*now\\*");
        assert_eq!(one("<b>https://e.org/x_y</b> z_"), "\\<b\\>https://e.org/x_y\\</b\\> z\\_");
        assert_eq!(
            one("https://discord.gg/a_b http://u@e.org/_"),
            "https://discord.\u{200B}gg/a_b http://u@\u{200B}e.org/_"
        );
    }

    #[test]
    fn an_instant_is_shown_in_each_reader_s_own_time() {
        assert_eq!(one("due **[Friday](moment:1780612740)**, @x"), "due **<t:1780612740:f>**, @\u{200B}x");
        assert_eq!(one("\\<t:1:R\\> <t:1:R>"), "\\<t:1:R\\> \\<t:1:R\\>", "only ours");
    }

    #[test]
    fn links_say_where_they_lead() {
        assert_eq!(one("[the page](https://e.org/?a=1&b=2)"), "[the page](<https://e.org/?a=1&b=2>)");
        assert_eq!(one("[bank.com](https://evil.org/x)"), "bank.com [evil.org](<https://evil.org/x>)");
        assert_eq!(one("[x](javascript:alert(1)) [y](/z)"), "x y");
        assert_eq!(one("<https://e.org/a>"), "[e.org](<https://e.org/a>)");
    }
}
