//! Text from rosters and chats, made harmless before it is stored.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Removes what is invisible and dangerous in a name, and puts the rest into one form: control characters and bidi
/// overrides and isolates (U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F, U+061C), byte order marks and line
/// separators go; runs of white space become one space; the result is in NFC.
#[must_use]
pub fn clean(text: &str) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|&c| !hidden(c)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect()
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
}

/// The form under which names, e-mail addresses and words of rules are compared: cleaned and in lower case.
#[must_use]
pub fn key(text: &str) -> String {
    clean(text).to_lowercase()
}

/// The form under which a name is compared that somebody types: as [`key`], with the apostrophe and hyphen that every
/// keyboard has.
#[must_use]
pub fn typed(text: &str) -> String {
    let plain = |c: char| match c {
        '’' | '‘' | 'ʼ' | 'ʻ' | '`' | '´' | '′' => '\'',
        '‐' | '‑' | '‒' | '–' | '−' => '-',
        c => c,
    };
    key(text).chars().map(plain).collect()
}

/// The form under which a name is found: as [`typed`], without accents.
#[must_use]
pub fn folded(text: &str) -> String {
    typed(text).nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

/// The word with the smallest edit distance to `word`, when it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let far = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|k| (distance(&word, k), k))
        .filter(|(d, _)| *d <= far)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_turn_the_page_around_is_shown_harmlessly() {
        for (given, shown) in [
            ("  Ana\u{202e}\tLima\u{0} ", "Ana Lima"),
            ("Zoe\u{308}", "Zoë"),
            ("\u{2066}أحمد\u{2069}\r\nAli", "أحمد Ali"),
            ("\u{200f}\u{1}\u{feff}", ""),
        ] {
            assert_eq!(clean(given), shown, "{given:?}");
        }
    }

    #[test]
    fn a_name_is_found_as_it_is_typed() {
        assert_eq!(typed("José Núñez-O’Brien"), typed("jose\u{301}  núñez‑o'brien"));
        assert_ne!(typed("José"), typed("Jose"));
        assert_eq!(folded("José Núñez-O’Brien"), folded("jose nunez‑o'brien"));
        assert_ne!(folded("Ana"), folded("Anna"));
    }

    #[test]
    fn a_typo_finds_the_word_that_was_meant() {
        assert_eq!(nearest("Departmnt", ["country", "department"]), Some("department"));
        assert_eq!(nearest("contry", ["country", "department"]), Some("country"));
        assert_eq!(nearest("salary", ["country", "department"]), None);
    }
}
