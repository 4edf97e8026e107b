//! A question as search sees it: its words without those that only make it a question, each with its stems.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::stop;
use crate::words::{self, Stems};

/// Words of a question that are looked for at most; of a longer one, the rarest.
pub(super) const MOST: usize = 48;
/// Words of a question that are read at all.
const READ: usize = 20_000;
/// Different words of a question that are looked up.
const DIFFERENT: usize = 1_000;
/// Typos are looked for in questions of at most this many words.
pub(super) const TYPOS: usize = 24;

/// Behind "how" these ask for an amount and are about nothing.
const MEASURES: [&str; 6] = ["many", "much", "long", "often", "far", "big"];

/// Between "how" and what somebody wants to do stand one of these and one of those, or "to".
const HOW: [&str; 5] = ["do", "can", "could", "should", "would"];
const WHO: [&str; 3] = ["i", "we", "you"];

/// A word of a question, and how the index knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// The word, lower-cased and folded.
    pub word: String,
    /// Its stems, one for each language of the passages (most often just one).
    pub stems: Vec<String>,
    /// How often the question has it.
    pub times: u32,
    /// Readable passages that have it.
    pub passages: usize,
    /// How much it tells among passages: high for a rare word.
    pub idf: f32,
    /// The words that it was taken for, which differ by one letter, when no readable passage has it; the stems are theirs.
    pub taken_for: Vec<String>,
    /// Whether the question asks how to do it: the word behind "how do I".
    pub deed: bool,
    /// Whether it is a stop word, looked for because the question has no others.
    pub stop: bool,
}

/// The words of a question in their order, each once: those that tell something, and the stop words that are not looked
/// for beside them.
pub(super) fn read(question: &str, languages: &[String]) -> (Vec<Asked>, Vec<Asked>) {
    let stems: Vec<Stems> = match languages {
        [] => vec![Stems::of(None)],
        some => some.iter().map(|l| Stems::of(Some(l))).collect(),
    };
    let mut asked: Vec<Asked> = Vec::new();
    let mut known: HashMap<Vec<String>, usize> = HashMap::new();
    let found: Vec<words::Word> = words::words(question).into_iter().take(READ).collect();
    let sample: Vec<&str> = found.iter().take(DIFFERENT).map(|w| w.folded.as_str()).collect();
    let language = stop::language_of(&sample, languages);
    for (at, word) in found.iter().enumerate() {
        if asked.len() == DIFFERENT {
            break;
        }
        let before = |n: usize| at.checked_sub(n).map_or("", |at| found[at].folded.as_str());
        let measures = before(1) == "how" && MEASURES.contains(&word.folded.as_str());
        let deed = before(2) == "how" && before(1) == "to"
            || before(3) == "how" && HOW.contains(&before(2)) && WHO.contains(&before(1));
        let mut forms: Vec<String> = stems.iter().map(|s| s.stem(&word.folded)).collect();
        forms.sort();
        forms.dedup();
        match known.entry(forms) {
            Entry::Occupied(at) => asked[*at.get()].times += 1,
            Entry::Vacant(new) => {
                let stop = measures || stop::is_stop_word_of(language, &word.folded);
                let (word, stems) = (word.folded.clone(), new.key().clone());
                asked.push(Asked { word, stems, times: 1, deed, stop, ..Asked::default() });
                new.insert(asked.len() - 1);
            }
        }
    }
    if asked.iter().all(|a| a.stop) { (asked, Vec::new()) } else { asked.into_iter().partition(|a| !a.stop) }
}

/// The words that differ from a folded one by one letter, or by two neighbours changed about: candidates for what was
/// meant. Short words and words with digits have none: there a single letter makes another word.
pub(super) fn one_letter_off(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < 5 || !letters.iter().all(char::is_ascii_lowercase) {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(letters.len() * 54);
    for i in 0..=letters.len() {
        let (head, tail) = letters.split_at(i);
        let make = |middle: &[char], tail: &[char]| head.iter().chain(middle).chain(tail).collect::<String>();
        for c in 'a'..='z' {
            out.push(make(&[c], tail));
            if i < letters.len() && i > 0 && tail[0] != c {
                out.push(make(&[c], &tail[1..]));
            }
        }
        if i < letters.len() {
            out.push(make(&[], &tail[1..]));
        }
        if i + 1 < letters.len() {
            out.push(make(&[tail[1], tail[0]], &tail[2..]));
        }
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_its_telling_words() {
        let words = |q: &str| read(q, &[]).0.into_iter().map(|a| a.word).collect::<Vec<_>>();
        assert_eq!(words("How do I submit my timesheet, and when is a timesheet due?"), ["submit", "timesheet", "due"]);
        assert_eq!(words("How many days of leave for the long way?"), ["days", "leave", "long", "way"]);
        assert_eq!(words("who are you?"), ["who", "are", "you"]);
        assert!(words("🙂").is_empty());
        let glue = |q: &str| read(q, &[]).1.into_iter().map(|a| a.word).collect::<Vec<_>>();
        assert_eq!(glue("Who should join?"), ["who", "should"]);
        assert!(glue("who are you?").is_empty());
        let deed = |q: &str| read(q, &[]).0.into_iter().find(|a| a.deed).map(|a| a.word);
        for (question, expected) in [
            ("How do I submit my timesheet?", Some("submit")),
            ("please, how can we cook a meal", Some("cook")),
            ("how to lease a bicycle", Some("lease")),
            ("How do I get my money back?", None),
            ("How often do I submit it?", None),
            ("submit", None),
        ] {
            assert_eq!(deed(question).as_deref(), expected, "{question}");
        }
    }

    #[test]
    fn typos_are_one_letter_off() {
        let near = one_letter_off("reciept");
        assert!(near.contains(&"receipt".into()) && near.contains(&"recipt".into()));
        assert!(one_letter_off("api").is_empty());
    }
}
