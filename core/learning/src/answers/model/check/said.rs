//! What a passage says: its sentences, items and rows, and which of them say something alone.

use unicode_segmentation::UnicodeSegmentation as _;

use super::tokens::{Token, tokens};
use crate::answers::model::language::is_denial;
use crate::library::Passage;
use crate::search::{Kind, blocks};

/// What introduces things to choose from.
const CHOICES: &[&str] = &["choose", "pick", "one", "option", "options", "or", "any", "alternatives", "alternatively"];
/// A sentence that begins so takes something back from the one before.
#[rustfmt::skip]
const TAKES_BACK: &[&str] = &[
    "except", "exception", "exceptions", "however", "but", "unless", "otherwise", "not", "only", "though", "although",
    "nevertheless",
];
/// Words that point at something that was said before.
#[rustfmt::skip]
const POINTS_BACK: &[&str] = &[
    "it", "its", "they", "them", "their", "this", "that", "these", "those", "he", "she", "him", "her", "his", "such",
    "both", "which", "former", "latter",
];
/// Words at the beginning of a sentence among which a pronoun points at what was said before.
const BEGINNING: usize = 4;

/// A sentence, item or row of a passage.
pub(super) struct Said {
    /// Its own words.
    pub own: String,
    /// The same behind what introduces it, where it says nothing without.
    pub text: String,
    pub tokens: Vec<Token>,
    /// Whether it says something: a question and what stands below a denying heading do not.
    pub stands: bool,
    /// Whether the next sentence takes something back.
    pub taken_back: bool,
    /// Whether it is an order when it begins with a verb: an item of a list may be anything.
    pub orders: bool,
}

/// The sentences of a passage in their order.
pub(super) fn read(passage: &Passage) -> Vec<Said> {
    let denies = |heading: &str| tokens(heading).iter().any(|t| is_denial(&t.text));
    let above = passage.headings.last().is_some_and(|h| denies(h));
    let mut stands = !above;
    let mut out: Vec<Said> = Vec::new();
    // What introduces the items that follow, with its depth.
    let mut leads: Vec<(usize, String)> = Vec::new();
    for block in blocks(&passage.text) {
        let depth = block.depth;
        match block.kind {
            Kind::Heading => stands = !above && !denies(&block.text),
            Kind::Item(_) => leads.retain(|(d, _)| *d < depth),
            _ => {}
        }
        let lead = match block.kind {
            Kind::Paragraph | Kind::Heading => String::new(),
            _ => leads.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" "),
        };
        let introduced = tokens(&lead);
        // "To claim expenses:" only says what for.
        let narrows = introduced.first().is_some_and(|t| !t.is("to"));
        let belongs = introduced.iter().any(|t| t.is_guard() || CHOICES.contains(&t.text.as_str()))
            || narrows && (block.kind == Kind::Item(None) || introduced.iter().any(|t| t.name || t.number));
        let first = out.len();
        for own in block.text.split_sentence_bounds().map(str::trim).filter(|s| !s.is_empty()) {
            let unfinished = out.len() > first && out.last().is_some_and(|s| is_unfinished(&s.own));
            let own = match out.pop_if(|_| unfinished) {
                Some(before) => format!("{} {own}", before.own),
                None => own.to_owned(),
            };
            let text = if belongs { format!("{lead} {own}") } else { own.clone() };
            let stands = stands && block.kind != Kind::Heading && !own.ends_with('?');
            let orders = block.kind != Kind::Item(None);
            out.push(Said { tokens: tokens(&text), own, text, stands, taken_back: false, orders });
        }
        match block.kind {
            Kind::Item(_) => leads.push((depth, block.text)),
            Kind::Paragraph if depth == 0 => {
                leads.clear();
                let last = out.last().filter(|s| out.len() > first && s.own.ends_with(':'));
                leads.extend(last.map(|s| (0, s.own.clone())));
            }
            Kind::Heading => leads.clear(),
            _ => {}
        }
        for n in first.max(1)..out.len() {
            out[n - 1].taken_back = takes_back(&out[n].own);
        }
    }
    out
}

/// Whether a sentence points at the one before.
pub(in crate::answers::model) fn points_back(sentence: &str) -> bool {
    let tokens = tokens(sentence);
    tokens.iter().filter(|t| !t.is_empty()).take(BEGINNING).any(|t| POINTS_BACK.contains(&t.text.as_str()))
}

/// Whether a sentence takes something back from the one before.
fn takes_back(sentence: &str) -> bool {
    let tokens = tokens(sentence);
    let Some(first) = tokens.first().map(|t| t.text.as_str()) else { return false };
    let denies = || tokens.iter().any(|t| is_denial(&t.text) || t.text == "only");
    TAKES_BACK.contains(&first) || POINTS_BACK.contains(&first) && denies()
}

/// Whether a sentence goes on behind its full stop.
fn is_unfinished(sentence: &str) -> bool {
    let last = sentence.rsplit([' ', '(']).next().unwrap_or_default();
    last.strip_suffix('.').is_some_and(|word| {
        word.chars().count() == 1
            || matches!(
                word.to_lowercase().as_str(),
                "e.g" | "i.e" | "vs" | "dr" | "mr" | "mrs" | "ms" | "no" | "approx"
            )
    })
}
