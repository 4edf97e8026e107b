//! Words: how text becomes terms. The index, the question and the quoted sentences all go through here, so that what
//! is found is what is shown.
//!
//! A word is a UAX #29 word, split further at underscores and dots, lower-cased, without diacritics, and stemmed by
//! the passage's language.

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// The longest word that is indexed, in bytes; longer ones are cut (they are keys, hashes and addresses).
const LONGEST: usize = 40;

/// A word of a text, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower-cased and folded, not stemmed.
    pub folded: String,
    /// Place among the words of the text, from 0. The parts of a compound and the compound may share one.
    pub place: usize,
    /// Byte offset of its first character.
    pub from: usize,
    /// Byte offset behind its last character.
    pub to: usize,
}

/// The words of a text, in order. `wi-fi` gives `wi`, `fi` and, at the place of `wi`, `wifi`.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut out = Found { text, words: Vec::with_capacity(text.len() / 5), place: 0 };
    // No word of UAX #29 goes across white space, and most pieces between it are plain ASCII words.
    for piece in text.split_ascii_whitespace() {
        let at = piece.as_ptr() as usize - text.as_ptr() as usize;
        let bytes = piece.as_bytes();
        let is_word = |b: &u8| b.is_ascii_alphanumeric();
        let is_edge = |b: &u8| matches!(b, b'.' | b',' | b':' | b';' | b'!' | b'?' | b'(' | b')' | b'"');
        let head = bytes.iter().take_while(|b| is_edge(b)).count();
        let tail = bytes[head..].iter().rev().take_while(|b| is_edge(b)).count();
        let core = &bytes[head..bytes.len() - tail];
        if !core.is_empty() && core.iter().all(is_word) {
            out.push(&piece[head..bytes.len() - tail], at + head);
        } else {
            for (within, word) in piece.unicode_word_indices() {
                for (offset, part) in parts(word) {
                    out.push(part, at + within + offset);
                }
            }
        }
    }
    out.words
}

struct Found<'a> {
    text: &'a str,
    words: Vec<Word>,
    place: usize,
}

impl Found<'_> {
    fn push(&mut self, word: &str, from: usize) {
        let folded = fold(word);
        if folded.is_empty() {
            return;
        }
        if let Some(compound) = self.words.last().and_then(|before| compound(self.text, before, from, &folded)) {
            self.words.push(compound);
        }
        self.words.push(Word { folded, place: self.place, from, to: from + word.len() });
        self.place += 1;
    }
}

/// The two sides of a single hyphen as one word, at the place of the first.
fn compound(text: &str, before: &Word, from: usize, folded: &str) -> Option<Word> {
    if from > before.to + 3 {
        return None;
    }
    let between = text.get(before.to..from)?;
    let letters = |s: &str| s.chars().all(char::is_alphanumeric);
    (matches!(between, "-" | "\u{2010}" | "\u{2011}")
        && letters(folded)
        && before.folded.len() + folded.len() < LONGEST)
        .then(|| Word {
            folded: format!("{}{folded}", before.folded),
            place: before.place,
            from: before.from,
            to: from,
        })
}

/// Splits a UAX #29 word where people see two: at underscores, and at dots unless it is a number or `U.S`.
fn parts(word: &str) -> Vec<(usize, &str)> {
    let dotted = word.contains(['.', '_', ':', '@']);
    let abbreviation = word.split('.').all(|p| p.chars().count() == 1);
    let number = word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(|c: char| c.is_ascii_digit());
    if !dotted || (abbreviation && !word.contains('_')) || (number && !word.contains(['_', ':'])) {
        return vec![(0, word)];
    }
    word.split(['.', '_', ':', '@'])
        .filter(|p| !p.is_empty())
        .map(|p| (p.as_ptr() as usize - word.as_ptr() as usize, p))
        .collect()
}

/// Lower case, compatibility forms decomposed, diacritics of European scripts dropped, possessive and inner marks gone.
fn fold(word: &str) -> String {
    let word = word.trim_end_matches(['\'', '\u{2019}']);
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("\u{2019}s")).unwrap_or(word);
    let mut out = String::with_capacity(word.len());
    if word.is_ascii() {
        out.push_str(word);
        out.make_ascii_lowercase();
        if word.contains(['\'', ',', '.']) {
            out.retain(|c| !matches!(c, '\'' | ',' | '.'));
        }
    } else {
        for c in word.nfkd().flat_map(char::to_lowercase) {
            match c {
                '\u{300}'..='\u{36f}' | '\'' | '\u{2019}' | '.' | ',' | '\u{ad}' => {}
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'ø' => out.push('o'),
                'ł' => out.push('l'),
                'đ' => out.push('d'),
                c => out.push(c),
            }
        }
    }
    if out.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&i| out.is_char_boundary(i)).unwrap_or(0);
        out.truncate(end);
    }
    out
}

/// Stems words of one language.
pub struct Stems(Option<Stemmer>);

impl Stems {
    /// For a BCP 47 tag; English when there is none, and no stemming for a language without rules.
    #[must_use]
    pub fn of(language: Option<&str>) -> Self {
        let primary = language.unwrap_or("en").split(['-', '_']).next().unwrap_or("en").to_ascii_lowercase();
        Self(match primary.as_str() {
            "en" | "" => Some(Stemmer::new(Algorithm::English)),
            other => Stemmer::try_from_name(other).ok(),
        })
    }

    /// The stem of a folded word. Words with a digit stay as they are.
    #[must_use]
    pub fn stem(&self, folded: &str) -> String {
        match &self.0 {
            Some(stemmer) if !folded.bytes().any(|b| b.is_ascii_digit()) => stemmer.stem(folded).into_owned(),
            _ => folded.to_owned(),
        }
    }
}

/// The primary subtag of a language, `en` when unknown: what the index groups languages by.
#[must_use]
pub fn primary(language: Option<&str>) -> String {
    match language.and_then(|l| l.split(['-', '_']).next()) {
        Some(tag) if !tag.is_empty() => tag.to_ascii_lowercase(),
        _ => "en".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|w| w.folded).collect()
    }

    #[test]
    fn words_are_what_people_take_for_words() {
        assert_eq!(
            folded("The supervisor's Wi-Fi, naïve U.S. e-mail"),
            ["the", "supervisor", "wi", "wifi", "fi", "naive", "us", "e", "email", "mail"]
        );
        assert_eq!(
            folded("don’t travel_card 1,000 hr.links@gsa.gov 3.5"),
            ["dont", "travel", "card", "1000", "hr", "links", "gsa", "gov", "35"]
        );
        assert_eq!(folded("🙂 👍🏽 — …"), Vec::<String>::new());
        assert_eq!(folded("Straße Łódź"), ["strasse", "lodz"]);
    }

    #[test]
    fn stems_follow_the_language() {
        assert_eq!(Stems::of(None).stem("travelling"), "travel");
        assert_eq!(Stems::of(Some("de-AT")).stem("automaten"), "automat");
        assert_eq!(Stems::of(Some("xx")).stem("running"), "running");
        assert_eq!(Stems::of(None).stem("1099s"), "1099s");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it_and_offsets_cut_whole_characters(text in ".{0,200}") {
            for w in words(&text) {
                proptest::prop_assert!(text.get(w.from..w.to).is_some() && w.folded.len() <= LONGEST + 3);
            }
        }
    }
}
