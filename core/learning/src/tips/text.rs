//! People's words, made harmless before they are stored, and turned into CommonMark that says exactly them.

use stoa_flow::chat::literal;
use stoa_ground::people;

/// The longest tip, in characters.
pub(super) const LONGEST: usize = 1_500;
/// The longest title that is made from a text.
const TITLE: usize = 60;

/// Line by line without control characters and direction marks, without runs of blank lines.
pub(super) fn clean(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.replace("\r\n", "\n").replace('\r', "\n").split('\n') {
        let line = people::clean(line);
        if !(line.is_empty() && lines.last().is_none_or(String::is_empty)) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// The words as CommonMark: markup, HTML and mentions in them are shown and do nothing; items and steps stay so.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    let mut listed = false;
    for line in text.lines() {
        if line.is_empty() {
            listed = false;
            continue;
        }
        let item = ["- ", "* ", "• "].into_iter().find_map(|mark| line.strip_prefix(mark));
        let step = line.split_once(['.', ')']).filter(|(n, rest)| {
            (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' ')
        });
        let (is_listed, line) = match (item, step) {
            (Some(item), _) => (true, format!("- {}", literal(item))),
            (None, Some((n, rest))) => (true, format!("{n}.{}", literal(rest))),
            // Equals signs alone would make a heading of the line above.
            _ if line.starts_with('=') => (false, format!("\\{}", literal(line))),
            _ => (false, literal(line)),
        };
        if !out.is_empty() {
            // Other lines stand alone, as they were written; a list is begun and ended by a blank line.
            out.push_str(if is_listed && listed { "\n" } else { "\n\n" });
        }
        out.push_str(&line);
        listed = is_listed;
    }
    out
}

/// A title: the topic, or how the text begins.
pub(super) fn title(topic: Option<&str>, text: &str) -> String {
    if let Some(topic) = topic {
        return topic.to_owned();
    }
    let line = text.lines().next().unwrap_or_default();
    shorten(line, TITLE)
}

/// The beginning of a text, up to a whole word.
pub(super) fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let cut: String = text.chars().take(longest).collect();
    let whole = cut.rsplit_once(char::is_whitespace).map_or(cut.as_str(), |(whole, _)| whole);
    format!("{}…", whole.trim_end_matches([',', ';', ':', '.']))
}

/// SHA-256, hex.
pub(super) fn digest(text: &str) -> String {
    stoa_ground::sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_and_lists_stay_lists() {
        let text = clean("Do <b>this</b>\u{202e}:\r\n\r\n\r\n1. ring @here\n2) *wait*\n=====\n- # not a title\u{0}");
        assert_eq!(text, "Do <b>this</b>:\n\n1. ring @here\n2) *wait*\n=====\n- # not a title");
        assert_eq!(
            markdown(&text),
            "Do \\<b\\>this\\</b\\>:\n\n1. ring \\@here\n2. \\*wait\\*\n\n\\=====\n\n- \\# not a title"
        );
        let seen = crate::search::plain(&markdown(&text));
        assert_eq!(seen, "Do <b>this</b>:\nring @here\n*wait*\n=====\n# not a title\n");
    }

    #[test]
    fn a_title_is_the_topic_or_the_first_words() {
        assert_eq!(title(Some("Printer"), "x"), "Printer");
        assert_eq!(title(None, "Short one.\nMore"), "Short one.");
        let long = "Before you close a complaint in the order desk, open Shipments and stop it";
        assert_eq!(title(None, long), "Before you close a complaint in the order desk, open…");
    }
}
