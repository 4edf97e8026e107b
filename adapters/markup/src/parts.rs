//! Long texts in parts that a chat takes, and short ones where there is little room.

use crate::Dialect;

/// Characters of a text.
#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// At most so many characters, with `…` where something is missing.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// A piece of markup as a quotation.
#[must_use]
pub fn quote(piece: &str) -> String {
    let quoted = |line: &str| if line.starts_with('>') { line.to_owned() } else { format!("> {line}") };
    piece.lines().map(quoted).collect::<Vec<_>>().join("\n")
}

/// Pieces joined into as few texts of at most `most` characters as they fit in; `between` says what stands in front of a
/// piece that is not the first of its text.
#[must_use]
pub fn packed<D: Dialect>(pieces: &[String], most: usize, between: impl Fn(&str) -> &'static str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for part in pieces.iter().filter(|piece| !piece.is_empty()).flat_map(|piece| split::<D>(piece, most)) {
        let between = between(&part);
        match texts.last_mut() {
            Some(last) if length(last) + length(between) + length(&part) <= most => {
                last.push_str(between);
                last.push_str(&part);
            }
            _ => texts.push(part),
        }
    }
    texts
}

/// A text in parts of at most `most` characters: between lines, else between sentences or words, never where the dialect
/// forbids it. Code stays code, quotations stay quotations.
#[must_use]
pub fn split<D: Dialect>(text: &str, most: usize) -> Vec<String> {
    if length(text) <= most {
        return vec![text.to_owned()];
    }
    let code = text.starts_with("```") && text.ends_with("```") && text.len() > 6;
    let quoted = text.starts_with("> ");
    let (mut rest, room) = if code { (text.trim_matches('`').trim_matches('\n'), most - 8) } else { (text, most - 2) };
    let mut parts: Vec<String> = Vec::new();
    while let Some((end, _)) = rest.char_indices().nth(room) {
        let at = if code { cut_code(rest, end) } else { cut_at::<D>(rest, end) };
        parts.push(rest[..at].trim_end().to_owned());
        // The indentation of code stays.
        rest = rest[at..].trim_start_matches(|c| c == '\n' || (c == ' ' && !code));
    }
    parts.push(rest.to_owned());
    for (n, part) in parts.iter_mut().enumerate() {
        if code {
            *part = format!("```\n{part}\n```");
        } else if quoted && n > 0 && !part.starts_with('>') {
            part.insert_str(0, "> ");
        }
    }
    parts
}

/// Where to cut at or before `end`.
#[must_use]
pub fn cut_at<D: Dialect>(text: &str, end: usize) -> usize {
    let (head, half) = (&text[..end], end / 2);
    if let Some(at) = head.rfind('\n').filter(|at| *at > half) {
        return at;
    }
    let last = |between: &str, kept: usize| {
        head.rmatch_indices(between).map(|(at, _)| at + kept).find(|at| *at > half && D::may_cut(&text[..*at]))
    };
    last(". ", 1).or_else(|| last(" ", 0)).unwrap_or_else(|| D::cut_anywhere(head))
}

/// The same in code, in which nothing belongs together but its lines.
fn cut_code(text: &str, end: usize) -> usize {
    let (head, half) = (&text[..end], end / 2);
    let last = |between: char| head.rfind(between).filter(|at| *at > half);
    last('\n').or_else(|| last(' ')).unwrap_or(end)
}
