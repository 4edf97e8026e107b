//! What is quoted: the sentences, steps or items of the best passages that say what was asked, in reading order.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::Citation;
use crate::library::Passage;
use crate::search::{Asked, Block, Hit, Kind, Stems, blocks, words};

/// The longest answer, in characters: what is read in a minute.
const LONGEST: usize = 700;
/// A sentence alone is filled up with its neighbours to about this many characters.
const ENOUGH: usize = 240;
/// How good, against the best, a second document's passage must be to be quoted as well.
const SECOND: f32 = 0.9;

/// What a quoted line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// A sentence of a paragraph, or several.
    Sentence,
    /// A numbered step.
    Step(u64),
    /// An item of a list.
    Item,
    /// Code, or something to type.
    Code,
    /// A row of a table.
    Row,
}

/// A quoted line, without its number or bullet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// How deep it stands in lists, 0 outside.
    pub depth: usize,
    /// Its words as they stand in the passage.
    pub text: String,
}

/// A part of a passage that is quoted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quote {
    /// Which of the given passages.
    pub passage: usize,
    pub lines: Vec<Line>,
    pub more: bool,
}

/// A sentence or item of a passage, and how much of the question it has.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// Which block it stands in.
    pub block: usize,
    pub kind: Kind,
    pub depth: usize,
    pub text: String,
    /// Which words of the question it has.
    pub has: Vec<bool>,
    /// Their weight, as a share of the question's: 0 to 1.
    pub share: f32,
}

/// The units of a passage, in reading order.
pub(super) fn units(asked: &[Asked], passage: &Passage) -> Vec<Unit> {
    let stems = Stems::of(passage.language.as_deref());
    let mut out = Vec::new();
    for (number, block) in blocks(&passage.text).into_iter().enumerate() {
        for text in pieces(&block) {
            let has = has(asked, &stems, &text);
            let share = share(asked, &has);
            out.push(Unit { block: number, kind: block.kind, depth: block.depth, text, has, share });
        }
    }
    out
}

/// Which words of the question a text has.
pub(super) fn has(asked: &[Asked], stems: &Stems, text: &str) -> Vec<bool> {
    let found: std::collections::HashSet<String> = words(text).iter().map(|w| stems.stem(&w.folded)).collect();
    asked.iter().map(|a| a.stems.iter().any(|s| found.contains(s))).collect()
}

/// How much of the question these words are, weighted by how telling they are.
pub(super) fn share(asked: &[Asked], has: &[bool]) -> f32 {
    let all: f32 = asked.iter().map(|a| a.idf).sum();
    let with: f32 = asked.iter().zip(has).filter(|(_, h)| **h).map(|(a, _)| a.idf).sum();
    if all > 0.0 { with / all } else { 0.0 }
}

/// The sentences of a paragraph; other blocks stay whole.
fn pieces(block: &Block) -> Vec<String> {
    if block.kind != Kind::Paragraph {
        return vec![block.text.clone()];
    }
    let mut out: Vec<String> = Vec::new();
    for sentence in block.text.split_sentence_bounds() {
        match out.last_mut() {
            Some(last) if is_unfinished(last) => last.push_str(sentence),
            _ => out.push(sentence.to_owned()),
        }
    }
    out.iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

/// Whether a sentence seems to go on behind its full stop: an abbreviation, an initial, a number.
fn is_unfinished(sentence: &str) -> bool {
    let last = sentence.trim_end().rsplit([' ', '(']).next().unwrap_or_default();
    let Some(word) = last.strip_suffix('.') else { return false };
    word.chars().count() == 1
        || word.chars().all(|c| c.is_ascii_digit())
        || matches!(
            word.to_ascii_lowercase().as_str(),
            "e.g" | "i.e" | "etc" | "vs" | "dr" | "mr" | "mrs" | "ms" | "st" | "no" | "fig" | "approx" | "inc" | "u.s"
        )
}

/// What to quote: a part of the best passage, and of a second one when it is as good.
pub(super) fn quotes(question: &str, asked: &[Asked], read: &[(&Hit, &Passage)]) -> Vec<Quote> {
    let steps = wants_steps(question);
    let mut out: Vec<Quote> = Vec::new();
    let mut left = LONGEST;
    let Some(best) = read.first().map(|(h, _)| h.score) else { return out };
    for (number, (hit, passage)) in read.iter().enumerate().take(3) {
        let new_document = read[..number].iter().all(|(_, p)| p.document != passage.document);
        if number > 0 && (!new_document || hit.score < best * SECOND || out.len() == 2 || left < LONGEST / 3) {
            continue;
        }
        let units = units(asked, passage);
        let Some((from, to)) = span(&units, steps, left) else { continue };
        let lines = lines(&units[from..to]);
        left = left.saturating_sub(lines.iter().map(|l| l.text.chars().count()).sum());
        out.push(Quote { passage: number, lines, more: to < units.len() });
    }
    out
}

/// Whether a question asks how something is done.
fn wants_steps(question: &str) -> bool {
    let question = question.trim_start().to_lowercase();
    [
        "how do",
        "how can",
        "how to",
        "how should",
        "how would",
        "what steps",
        "what do i do",
        "what should i do",
        "steps",
    ]
    .iter()
    .any(|start| question.starts_with(start))
        || question.contains("how do i ")
        || question.contains("how to ")
}

/// The run of units to quote.
fn span(units: &[Unit], steps: bool, longest: usize) -> Option<(usize, usize)> {
    let score = |i: usize| {
        let unit = &units[i];
        let ordered = steps && matches!(unit.kind, Kind::Item(Some(_)));
        let heading = unit.kind == Kind::Heading;
        // The start of a passage is where it says what it is about.
        unit.share + if ordered { 0.15 } else { 0.0 } - if heading { 0.3 } else { 0.0 } - 0.01 * i.min(10) as f32
    };
    let best = (0..units.len()).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)))?;
    let is_item = |i: usize| units.get(i).is_some_and(|u| matches!(u.kind, Kind::Item(_)) || u.depth > 0);
    let (mut from, mut to) = (best, best + 1);
    let size = |from: usize, to: usize| units[from..to].iter().map(|u| u.text.chars().count() + 1).sum::<usize>();
    let introduces = |i: usize| units[i].text.ends_with(':') && is_item(i + 1);
    if is_item(best) || introduces(best) {
        let start = if is_item(best) { (0..=best).rev().take_while(|&i| is_item(i)).last()? } else { best + 1 };
        let intro =
            start.checked_sub(1).filter(|&i| units[i].kind == Kind::Paragraph && units[i].text.chars().count() < 300);
        from = intro.unwrap_or(start);
        to = (start..units.len()).take_while(|&i| is_item(i)).last()? + 1;
        if size(from, to) > longest && best > start {
            // Too long as a whole: from the item that fits best, still with its introduction where there is room.
            while size(from, best + 1) > longest && from < best {
                from += 1;
            }
        }
        while size(from, to) > longest && to > from + 1 {
            to -= 1;
        }
        return Some((from, to));
    }
    while from > 0
        && leans_back(&units[from].text)
        && same_block(units, from - 1, from)
        && size(from - 1, to) <= longest
    {
        from -= 1;
    }
    while to < units.len()
        && !is_item(to)
        && units[to].kind != Kind::Heading
        && size(from, to) < ENOUGH
        && size(from, to + 1) <= longest
    {
        to += 1;
    }
    if to < units.len() && units[to - 1].text.ends_with(':') {
        while to < units.len() && (is_item(to) || units[to].kind == Kind::Code) && size(from, to + 1) <= longest {
            to += 1;
        }
    }
    Some((from, to))
}

fn same_block(units: &[Unit], a: usize, b: usize) -> bool {
    units[a].block == units[b].block
}

/// Whether a sentence cannot stand without the one before.
fn leans_back(sentence: &str) -> bool {
    let first = sentence.split_whitespace().next().unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric());
    matches!(
        first.to_lowercase().as_str(),
        "this"
            | "that"
            | "these"
            | "those"
            | "it"
            | "they"
            | "he"
            | "she"
            | "however"
            | "also"
            | "then"
            | "otherwise"
            | "instead"
            | "but"
            | "and"
            | "so"
            | "therefore"
            | "such"
            | "its"
            | "their"
    )
}

/// Neighbouring sentences of one paragraph become one line.
fn lines(units: &[Unit]) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut block = usize::MAX;
    for unit in units {
        let kind = match unit.kind {
            Kind::Item(Some(n)) => LineKind::Step(n),
            Kind::Item(None) => LineKind::Item,
            Kind::Code => LineKind::Code,
            Kind::Row => LineKind::Row,
            Kind::Paragraph | Kind::Heading => LineKind::Sentence,
        };
        match out.last_mut() {
            Some(line) if unit.block == block => {
                line.text.push(' ');
                line.text.push_str(&unit.text);
            }
            _ => out.push(Line { kind, depth: unit.depth, text: unit.text.clone() }),
        }
        block = unit.block;
    }
    out
}

impl Quote {
    pub fn cite(&self, passage: &Passage) -> Citation {
        Citation {
            title: passage.title.clone(),
            heading: passage.headings.join(" > "),
            source: passage.source.clone(),
            location: passage.location.clone(),
            anchor: passage.anchor.clone(),
            quote: self.lines.iter().map(render).collect::<Vec<_>>().join("\n"),
            lines: self.lines.clone(),
            more: self.more,
            passage: passage.id.clone(),
            document: passage.document.clone(),
            verified: passage.verified,
        }
    }
}

/// A line as plain text, with its number or bullet.
fn render(line: &Line) -> String {
    let indent = "   ".repeat(line.depth.saturating_sub(1));
    match line.kind {
        LineKind::Step(n) => format!("{indent}{n}. {}", line.text),
        LineKind::Item => format!("{indent}• {}", line.text),
        LineKind::Sentence | LineKind::Code | LineKind::Row => line.text.clone(),
    }
}
