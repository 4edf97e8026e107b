//! Text as HTML. CommonMark keeps its form but can do no harm: raw HTML is shown as text, nothing is loaded, links lead
//! only to http, https and mailto. People's words are escaped as they are.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use stoa_flow::words::harmless;

/// How a line break inside a paragraph is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// As in a chat: it stays.
    Kept,
    /// As CommonMark says: it is a space.
    Joined,
}

/// CommonMark as HTML.
pub(crate) fn commonmark(text: &str, lines: Lines) -> String {
    // Whether each open link or image became an anchor.
    let mut anchors: Vec<bool> = Vec::new();
    let events =
        Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).map(|event| match event {
            Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            Event::Start(Tag::Heading { .. }) => Event::InlineHtml("<p class=\"md-heading\">".into()),
            Event::End(TagEnd::Heading(_)) => Event::InlineHtml("</p>\n".into()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let opens = is_allowed(&dest_url) && !anchors.contains(&true);
                anchors.push(opens);
                Event::InlineHtml(if opens { anchor(&dest_url) } else { CowStr::Borrowed("") })
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                Event::InlineHtml(if anchors.pop() == Some(true) { "</a>".into() } else { CowStr::Borrowed("") })
            }
            Event::SoftBreak if lines == Lines::Kept => Event::HardBreak,
            other => other,
        });
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, events);
    out
}

/// People's words: escaped, with their line breaks, mentions of the bot marked.
pub(crate) fn plain(text: &str) -> String {
    let text = harmless(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (n, line) in text.trim().lines().enumerate() {
        if n > 0 {
            out.push_str("<br>\n");
        }
        let mut rest = line;
        while let Some(at) = mention(rest) {
            escape(&mut out, &rest[..at]);
            out.push_str("<span class=\"mention\">");
            escape(&mut out, &rest[at..at + MENTION.len()]);
            out.push_str("</span>");
            rest = &rest[at + MENTION.len()..];
        }
        escape(&mut out, rest);
    }
    out
}

/// What one writes to speak to the bot in a channel.
pub(crate) const MENTION: &str = "@Stoa";

/// The words without the mentions of the bot; `None` when it is not mentioned.
pub(crate) fn without_mention(text: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    mention(rest)?;
    while let Some(at) = mention(rest) {
        out.push_str(&rest[..at]);
        rest = &rest[at + MENTION.len()..];
    }
    out.push_str(rest);
    Some(out.trim().trim_start_matches([',', ':']).trim().to_owned())
}

/// Where the bot is mentioned first, as a word of its own.
fn mention(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let word = MENTION.to_ascii_lowercase();
    lower.match_indices(&word).map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn is_allowed(url: &str) -> bool {
    let url = url.trim_start().to_ascii_lowercase();
    ["http://", "https://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}

fn anchor(url: &str) -> CowStr<'static> {
    let mut href = String::new();
    // Writing to a string cannot fail.
    let _ = pulldown_cmark_escape::escape_href(&mut href, url.trim());
    format!("<a href=\"{href}\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">").into()
}

fn escape(out: &mut String, text: &str) {
    let _ = pulldown_cmark_escape::escape_html(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_in_a_message_is_shown_and_does_nothing() {
        let html = commonmark("Hi <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n", Lines::Kept);
        assert_eq!(
            html,
            "<p>Hi &lt;script&gt;alert(1)&lt;/script&gt;</p>\n<p>&lt;img src=x onerror=alert(1)&gt;\n</p>\n"
        );
        assert_eq!(plain("<b onclick=\"x\">\nhi"), "&lt;b onclick=&quot;x&quot;&gt;<br>\nhi");
    }

    #[test]
    fn links_lead_to_the_web_and_mail_only_and_images_are_not_loaded() {
        let html = commonmark(
            "[a](https://e.org/?a=1&b=%22x) [b](javascript:alert(1)) [c](/x) ![d](http://t.net/p.png)",
            Lines::Kept,
        );
        assert!(html.contains("<a href=\"https://e.org/?a=1&amp;b=%22x\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">a</a> b c <a href=\"http://t.net/p.png\""), "{html}");
        assert!(!html.contains("<img") && !html.contains("javascript"), "{html}");
        let nested = commonmark("[![alt](https://i.org/x.png)](https://e.org)", Lines::Kept);
        assert_eq!(nested.matches("<a ").count(), 1);
        assert_eq!(nested.matches("</a>").count(), 1);
    }

    #[test]
    fn of_an_instant_the_words_alone_are_shown() {
        let html = commonmark("due **[Friday](moment:1780612740)**", Lines::Kept);
        assert_eq!(html, "<p>due <strong>Friday</strong></p>\n");
    }

    #[test]
    fn lines_are_kept_in_chat_and_joined_in_passages_and_headings_stay_small() {
        assert_eq!(commonmark("a\nb", Lines::Kept), "<p>a<br />\nb</p>\n");
        assert_eq!(commonmark("a\nb", Lines::Joined), "<p>a\nb</p>\n");
        assert_eq!(commonmark("# Leave", Lines::Joined), "<p class=\"md-heading\">Leave</p>\n");
    }

    #[test]
    fn the_bot_is_mentioned_by_a_word_of_its_own() {
        assert_eq!(without_mention("@stoa, how do I book leave?").as_deref(), Some("how do I book leave?"));
        assert_eq!(without_mention("Ask @Stoa!").as_deref(), Some("Ask !"));
        assert_eq!(without_mention("mail me at a@stoa.org or @stoabot"), None);
        assert_eq!(plain("hey @STOA?"), "hey <span class=\"mention\">@STOA</span>?");
    }
}
