//! Whether a passage says what a sentence claims: a check by words, of our own, that no model is asked about.
//!
//! A sentence holds when a few neighbouring sentences of the passage have all of its telling words, numbers (each beside
//! the same word) and names, deny as often, and have the same little words that turn a meaning around: only, must, before,
//! more. It is strict on purpose: what is refused is quoted instead.

use std::collections::{BTreeSet, HashSet};

use unicode_segmentation::UnicodeSegmentation as _;

use super::language::{self, denials, is_denial};
use crate::library::Passage;
use crate::search::{Stems, blocks, is_stop_word, words};

/// Neighbouring sentences of a passage that may say it together.
const WINDOW: usize = 3;
/// Words on each side of a number that may say what it counts.
const BESIDE: usize = 3;

/// What holds a sentence: where its words stand in the passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The words of the passage that say it.
    pub quote: String,
}

/// When a sentence and what the passage says agree in a class of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agrees {
    /// Both have one, or neither.
    Both,
    /// The passage has one when the sentence has one: the words also mean other things.
    Said,
    /// The same for duty and permission: "you have to" may be said as "do it", which has neither.
    Bound,
}

/// Words that turn a meaning around, in classes, beside those that deny.
#[rustfmt::skip]
const TURNS: &[(Agrees, &[&str])] = &[
    (Agrees::Both, &["only", "solely", "exclusively", "just"]),
    (Agrees::Said, &["all", "every", "always", "each", "any", "everyone", "everybody"]),
    (Agrees::Bound, &["must", "required", "mandatory", "obligatory", "shall", "need", "needs", "have", "has"]),
    (Agrees::Bound, &["may", "can", "could", "might", "optional", "allowed", "permitted", "possible"]),
    (Agrees::Said, &["before", "until", "till", "earlier", "prior"]),
    (Agrees::Said, &["after", "later", "since", "afterwards", "following"]),
    (Agrees::Both, &["more", "over", "above", "exceeds", "greater", "least", "minimum"]),
    (Agrees::Both, &["less", "under", "below", "fewer", "most", "maximum"]),
    (Agrees::Said, &["first"]), (Agrees::Said, &["last", "final"]),
    (Agrees::Said, &["free"]), (Agrees::Said, &["paid", "unpaid"]),
    (Agrees::Said, &["increase", "increased", "raise", "raised"]),
    (Agrees::Said, &["decrease", "decreased", "reduce", "reduced"]),
    (Agrees::Said, &["yes"]),
];

/// Whether one of the passages says this sentence, and with which words.
#[must_use]
pub fn holds(sentence: &str, passages: &[&Passage]) -> Option<Support> {
    if has_address(sentence) && !passages.iter().any(|p| addresses(sentence).all(|a| p.text.contains(a))) {
        return None;
    }
    passages.iter().find_map(|passage| said_by(sentence, passage))
}

/// Whether the passage has these very words, and the sentence says them in `language`, as far as that can be told: with the
/// same numbers, and denying or not. For sentences in another language than the passage's, whose words cannot be compared.
#[must_use]
pub(super) fn translated(sentence: &str, language: &str, quote: &str, passage: &Passage) -> Option<Support> {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quote = flat(quote);
    if quote.chars().count() < 12 || has_address(sentence) {
        return None;
    }
    let stands = blocks(&passage.text).iter().any(|b| flat(&b.text).contains(&quote));
    let own = language::primary(passage.language.as_deref());
    let agrees = language::agree((language, sentence), (&own, &quote));
    // A sentence much longer than its words says something of its own.
    let length = sentence.chars().count() <= quote.chars().count() * 2 + 20;
    (stands && agrees && length).then_some(Support { quote })
}

fn said_by(sentence: &str, passage: &Passage) -> Option<Support> {
    let stems = Stems::of(passage.language.as_deref());
    let claim = Claim::of(sentence, &stems);
    if claim.telling.is_empty() {
        return None;
    }
    let about = format!("{} {} {}", passage.title, passage.headings.join(" "), passage.keywords);
    let about: HashSet<String> = words(&about).iter().map(|w| stems.stem(&w.folded)).collect();
    let parts = sentences(&passage.text);
    // The fewest sentences first: what one says needs no second.
    for size in 1..=WINDOW.min(parts.len()) {
        for window in parts.windows(size) {
            if claim.stands_in(window, &about, &stems) {
                return Some(Support { quote: window.join(" ") });
            }
        }
    }
    None
}

/// The sentences, items and rows of a passage.
fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for block in blocks(text) {
        out.extend(block.text.split_sentence_bounds().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()));
    }
    out
}

/// What a sentence claims.
struct Claim {
    /// Stems of its telling words, without names and numbers.
    telling: BTreeSet<String>,
    numbers: Vec<String>,
    /// Names, folded: words with a capital inside of the sentence.
    names: Vec<String>,
    /// Which classes of [`TURNS`] it has.
    turns: Vec<bool>,
    /// How often it denies.
    denials: usize,
    /// Each number with the telling words beside it.
    beside: Vec<(String, Vec<String>)>,
}

impl Claim {
    fn of(sentence: &str, stems: &Stems) -> Self {
        let all = words(sentence);
        let mut claim = Self {
            telling: BTreeSet::new(),
            numbers: Vec::new(),
            names: Vec::new(),
            turns: turns(sentence),
            denials: denials(sentence),
            beside: Vec::new(),
        };
        for (n, word) in all.iter().enumerate() {
            let capital = sentence[word.from..].chars().next().is_some_and(char::is_uppercase);
            if is_number(&word.folded) {
                let near = |at: usize| all.get(at).filter(|w| is_telling(&w.folded)).map(|w| stems.stem(&w.folded));
                let after = (n + 1..=n + BESIDE).filter_map(near).collect();
                let number = stems.stem(&word.folded);
                claim.numbers.push(number.clone());
                claim.beside.push((number, after));
            } else if is_telling(&word.folded) {
                claim.telling.insert(stems.stem(&word.folded));
                if capital && n > 0 {
                    claim.names.push(stems.stem(&word.folded));
                }
            }
        }
        claim
    }

    fn stands_in(&self, window: &[String], about: &HashSet<String>, stems: &Stems) -> bool {
        let text = &window.join(" ");
        let found: Vec<String> = words(text).iter().map(|w| stems.stem(&w.folded)).collect();
        let there: HashSet<&String> = found.iter().collect();
        let has = |stem: &String| there.contains(stem);
        // What only the headings say is what the passage is about, not what it says.
        let said = self.telling.iter().filter(|s| has(s)).count();
        self.telling.iter().all(|s| has(s) || about.contains(s))
            && said * 2 >= self.telling.len()
            && self.numbers.iter().all(&has)
            && self.names.iter().all(|n| has(n) || about.contains(n))
            && self.same_turns(&self.concerned(window, stems))
            && self.beside.iter().all(|(number, near)| near.iter().all(|w| belongs(number, w, &found)))
    }

    /// The sentences of the window that speak of the claim's things: the "not" of another one turns nothing around.
    fn concerned(&self, window: &[String], stems: &Stems) -> String {
        let shared = |sentence: &String| {
            let there: HashSet<String> = words(sentence).iter().map(|w| stems.stem(&w.folded)).collect();
            self.telling.iter().filter(|s| there.contains(*s)).count()
        };
        let enough = self.telling.len().div_ceil(3).clamp(1, 2);
        window.iter().filter(|s| shared(s) >= enough).cloned().collect::<Vec<_>>().join(" ")
    }

    fn same_turns(&self, text: &str) -> bool {
        let there = turns(text);
        let bound = TURNS.iter().zip(&there).any(|((agrees, _), there)| *there && *agrees == Agrees::Bound);
        let agree = TURNS.iter().zip(self.turns.iter().zip(&there)).all(|((agrees, _), (mine, theirs))| match agrees {
            Agrees::Both => mine == theirs,
            Agrees::Said => !mine || *theirs,
            Agrees::Bound => !mine || *theirs || !bound,
        });
        agree && self.denials == denials(text)
    }
}

/// Whether a number is the one that stands nearest to a word: of "28 euros inside, 40 abroad", 40 belongs to "abroad".
/// Nothing is said where the text does not have the word.
fn belongs(number: &str, word: &str, found: &[String]) -> bool {
    let numbers: Vec<usize> = (0..found.len()).filter(|&i| is_number(&found[i])).collect();
    let places: Vec<usize> = (0..found.len()).filter(|&i| found[i] == word).collect();
    if places.is_empty() || numbers.len() < 2 {
        return true;
    }
    places.iter().any(|&place| {
        // A number stands before what it counts: behind the word it is a little farther away.
        let distance = |&at: &usize| if at < place { 2 * (place - at) } else { 2 * (at - place) + 1 };
        numbers.iter().min_by_key(|at| distance(at)).is_some_and(|&at| found[at] == number)
    })
}

fn turns(text: &str) -> Vec<bool> {
    let all: HashSet<String> = words(text).into_iter().map(|w| w.folded).collect();
    TURNS.iter().map(|(_, class)| class.iter().any(|w| all.contains(*w))).collect()
}

fn is_number(folded: &str) -> bool {
    folded.bytes().any(|b| b.is_ascii_digit()) || NUMBERS.contains(&folded)
}

/// Numbers as words, and their stems where these differ.
#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelv", "twelve",
    "fifteen", "twenti", "twenty", "thirti", "thirty", "forti", "forty", "fifti", "fifty", "sixti", "sixty", "hundr",
    "hundred", "thousand", "million", "half", "twice", "doubl", "double",
];

fn is_telling(folded: &str) -> bool {
    let turns = is_denial(folded) || TURNS.iter().any(|(_, class)| class.contains(&folded));
    !is_stop_word(folded) && !is_number(folded) && !turns
}

fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|w| w.trim_matches(|c: char| matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '.' | ',' | ';' | '"')))
        .filter(|w| w.contains("://") || w.starts_with("www.") || w.contains("]("))
}

fn has_address(text: &str) -> bool {
    addresses(text).next().is_some()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn passage(text: &str) -> Passage {
        Passage {
            id: "d#0".into(),
            document: "d".into(),
            version: "v".into(),
            source: "handbook".into(),
            location: "a.md".into(),
            title: "Travel expenses".into(),
            headings: vec!["Daily allowance".into()],
            anchor: None,
            text: text.into(),
            ordinal: 0,
            keywords: String::new(),
            language: None,
            readers: vec!["everyone".into()],
            verified: true,
            stored: stoa_ground::Instant(0),
            standing: crate::library::Standing::default(),
            also: Vec::new(),
        }
    }

    #[test]
    fn what_a_passage_says_holds_and_what_it_does_not_say_does_not() {
        let meals = passage(
            "The daily allowance for meals is 28 euros inside the country and 40 euros abroad. It is paid for every day \
             on which you are away for more than eight hours. Alcohol is not reimbursed.\n\n1. Photograph every \
             receipt.\n2. Send the form to Maria Lind within 14 days, before you file the trip.",
        );
        for (sentence, expected) in [
            ("The daily allowance for meals abroad is 40 euros.", true),
            ("Meals are 28 euros inside the country.", true),
            ("Photograph every receipt and send the form within 14 days.", true),
            ("You must be away for more than eight hours.", true),
            ("Alcohol is not reimbursed.", true),
            // A number of something else, another number, another name, the opposite, an addition.
            ("The daily allowance for meals is 28 euros abroad.", false),
            ("The daily allowance for meals abroad is 45 euros.", false),
            ("Send the form to Peter Lind within 14 days.", false),
            ("Alcohol is reimbursed.", false),
            ("The daily allowance for meals is not paid abroad.", false),
            ("You must be away for less than eight hours.", false),
            ("Send the form within 14 days after you file the trip.", false),
            ("Only meals abroad are paid.", false),
            ("Alcohol is not reimbursed, but your manager approves champagne for customers.", false),
            ("See https://evil.example/?q=receipt for every receipt.", false),
            ("![receipt](https://evil.example/x.png)", false),
            ("Yes.", false),
            ("", false),
        ] {
            assert_eq!(holds(sentence, &[&meals]).is_some(), expected, "{sentence}");
        }
    }

    #[test]
    fn neither_the_opposite_holds_nor_what_leaves_out_a_condition_or_has_a_word_of_its_own() {
        for (text, sentence, expected) in [
            ("You cannot travel without approval.", "You can travel without approval.", false),
            ("You cannot travel without approval.", "You cannot travel without approval.", true),
            ("Only managers may approve travel.", "Managers may approve travel.", false),
            (
                "Staff with more than five years may take a sabbatical.",
                "Staff with five years may take a sabbatical.",
                false,
            ),
            ("Send at most three receipts in one envelope.", "Send three receipts in one envelope.", false),
            (
                "Send the signed original travel form with receipts and tickets to the payroll office in Hamburg by post.",
                "Send the signed original travel form with receipts and tickets to the marketing office in Hamburg by post.",
                false,
            ),
            (
                "Send the signed original travel form with receipts and tickets to the payroll office in Hamburg by post.",
                "Send the signed original travel form with receipts and tickets to the payroll office in Hamburg.",
                true,
            ),
        ] {
            assert_eq!(holds(sentence, &[&passage(text)]).is_some(), expected, "{text} {sentence}");
        }
    }

    #[test]
    fn a_translation_holds_by_the_words_that_it_quotes() {
        let text = "A doctor's note is needed from the third day on, within 14 days. No note is needed before.";
        let leave = passage(text);
        let (note, none) = text.split_at(text.find("No ").unwrap());
        let holds =
            |sentence: &str, language: &str, quote: &str| translated(sentence, language, quote, &leave).is_some();
        for (sentence, language, quote, expected) in [
            ("Ab dem dritten Tag ist ein Attest nötig, binnen 14 Tagen.", "de-DE", note, true),
            ("Un certificat est requis à partir du troisième jour, sous 14 jours.", "fr", note, true),
            ("Davor ist kein Attest nötig.", "de", none, true),
            // Another number, one number less, the opposite, words that do not stand there, a language that is not known.
            ("Ab dem dritten Tag ist ein Attest nötig, binnen 30 Tagen.", "de", note, false),
            ("Ab dem zweiten Tag ist ein Attest nötig, binnen 14 Tagen.", "de", note, false),
            ("Ab dem dritten Tag ist ein Attest nötig.", "de", note, false),
            ("Ab dem dritten Tag ist kein Attest nötig, binnen 14 Tagen.", "de", note, false),
            ("Davor ist ein Attest nötig.", "de", none, false),
            ("Ein Attest ist nie nötig.", "de", "A doctor's note is never needed.", false),
            ("Od trzeciego dnia potrzebne jest zaświadczenie, w ciągu 14 dni.", "pl", note, false),
        ] {
            assert_eq!(holds(sentence, language, quote), expected, "{sentence}");
        }
        assert!(!holds(&"Ein Attest ist ab dem dritten Tag nötig, binnen 14 Tagen. ".repeat(4), "de", note));
    }

    proptest::proptest! {
        #[test]
        fn every_sentence_of_a_passage_holds_and_no_text_breaks_the_check(text in "[a-z]{2,8}( [a-z]{2,8}){3,12}\\.", other in ".{0,200}") {
            let telling = words(&text).iter().any(|w| is_telling(&w.folded));
            proptest::prop_assert_eq!(holds(&text, &[&passage(&text)]).is_some(), telling);
            let _ = holds(&other, &[&passage(&text)]);
            let _ = holds(&text, &[&passage(&other)]);
        }
    }
}
