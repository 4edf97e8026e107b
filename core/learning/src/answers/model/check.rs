//! Whether a passage says what a sentence claims: a check by words, of our own, that no model is asked about.
//!
//! A sentence holds when it reads along one to three neighbouring sentences of the passage, word by word and in their
//! order. What it may leave out or add is a short list ([`reading`]); everything else that is
//! missing may be the condition, the exception or the person that the sentence depends on. It is strict on purpose: what is
//! refused is quoted instead.

mod reading;
mod said;
#[cfg(test)]
mod tests;
mod tokens;

pub(super) use said::points_back;

use super::language;
use crate::library::Passage;
use reading::Reading;
use said::read;
use tokens::{Token, tokens};

/// Neighbouring sentences of a passage that may say it together.
const WINDOW: usize = 3;

/// What holds a sentence: where its words stand in the passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The words of the passage that say it.
    pub quote: String,
    /// Which of the passage's sentences these are: the first and the last, from 0.
    pub sentences: (usize, usize),
}

impl Support {
    /// Whether this goes on where `before` ends, so that "it" means the same thing in both.
    pub(super) fn follows(&self, before: &Self) -> bool {
        (before.sentences.0..=before.sentences.1 + 1).contains(&self.sentences.0)
    }
}

/// Whether one of the passages says this sentence, and with which words.
#[must_use]
pub fn holds(sentence: &str, passages: &[&Passage]) -> Option<Support> {
    if has_address(sentence) && !passages.iter().any(|p| addresses(sentence).all(|a| p.text.contains(a))) {
        return None;
    }
    passages.iter().find_map(|passage| said_by(sentence, passage))
}

/// Whether the passage has these very words as whole sentences, and the sentence says them in `language`, as far as that
/// can be told: with the same numbers, and with the same words that turn a meaning around. For sentences in another
/// language than the passage's, whose words cannot be compared.
#[must_use]
pub(super) fn translated(sentence: &str, language: &str, quote: &str, passage: &Passage) -> Option<Support> {
    let flat = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.trim_end_matches(['.', '!', ';']).to_owned()
    };
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    if quote.chars().count() < 12 || has_address(sentence) {
        return None;
    }
    let own = language::primary(passage.language.as_deref());
    let agrees = language::agree((language, sentence), (&own, &quote));
    // A sentence much longer than its words says something of its own.
    let length = sentence.chars().count() <= quote.chars().count() * 2 + 20;
    if !agrees || !length {
        return None;
    }
    let said = read(passage);
    let whole = |from: usize| {
        (from..said.len().min(from + WINDOW)).find(|&to| {
            let text = said[from..=to].iter().map(|s| s.own.as_str()).collect::<Vec<_>>().join(" ");
            flat(&text) == flat(&quote)
        })
    };
    (0..said.len()).find_map(|from| {
        let to = whole(from)?;
        let alone = said[from..=to].iter().all(|s| s.own == s.text && s.stands);
        (alone && !said[to].taken_back).then(|| Support { quote: quote.clone(), sentences: (from, to) })
    })
}

fn said_by(sentence: &str, passage: &Passage) -> Option<Support> {
    let claim = tokens(sentence);
    if !claim.iter().any(Token::is_telling) {
        return None;
    }
    let english = language::primary(passage.language.as_deref()) == "en";
    let said = read(passage);
    // The fewest sentences first: what one says needs no second.
    for size in 1..=WINDOW.min(said.len()) {
        for (from, window) in said.windows(size).enumerate() {
            let stands = window.iter().all(|s| s.stands) && !window[size - 1].taken_back;
            if stands && Reading::says(window, &claim, english) {
                let quote = window.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(" ");
                return Some(Support { quote, sentences: (from, from + size - 1) });
            }
        }
    }
    None
}

fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|w| w.trim_matches(|c: char| matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '.' | ',' | ';' | '"')))
        .filter(|w| w.contains("://") || w.starts_with("www.") || w.contains("]("))
}

fn has_address(text: &str) -> bool {
    addresses(text).next().is_some()
}
