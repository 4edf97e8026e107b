//! A text as words, numbers and signs that can be compared.

use crate::answers::model::language::{is_denial, is_number_word, ungrouped};
use crate::search::{is_stop_word, words};

/// Words that say under which condition, how far or with what force something holds, beside those that deny.
#[rustfmt::skip]
const GUARDS: &[&str] = &[
    "if", "when", "whenever", "unless", "provided", "providing", "only", "solely", "exclusively", "just", "until", "till",
    "once", "while", "whether", "case", "except", "excluding", "besides", "although", "though", "however", "but",
    "otherwise", "may", "can", "could", "might", "must", "shall", "should", "would", "required", "optional", "allowed",
    "permitted", "possible", "mandatory", "obligatory", "either", "than", "least", "most", "myth", "false", "total", "sum", "altogether",
    "together",
];
/// Words that both sides may have or not have: they say nothing alone.
const EMPTY: &[&str] = &["a", "an", "the", "do", "does", "also", "please"];
/// Signs that are part of what is said.
const SIGNS: &str = "%‰€$£¥°±<>≤≥=≈~+/&§#";
const CURRENCIES: &[&str] = &["€", "$", "£", "¥"];

/// A word, number or sign of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Folded; forms of "be" in the present are one, a number is as it was written.
    pub text: String,
    pub number: bool,
    /// Whether it has a capital inside of a sentence.
    pub name: bool,
    /// Whether a comma, a bracket or the like stands before it.
    pub apart: bool,
}

impl Token {
    pub fn is_empty(&self) -> bool {
        EMPTY.contains(&self.text.as_str())
    }

    pub fn is_guard(&self) -> bool {
        is_denial(&self.text) || GUARDS.contains(&self.text.as_str())
    }

    pub fn is_telling(&self) -> bool {
        let letters = self.text.chars().any(char::is_alphabetic);
        letters && !self.number && !self.is_guard() && self.text != "be" && !is_stop_word(&self.text)
    }

    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The words, numbers and signs of a text: contractions are taken apart, currencies stand behind their number.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let (mut end, mut place) = (0, None);
    for word in words(text) {
        // The two sides of a hyphen as one word.
        if place.replace(word.place) == Some(word.place) {
            continue;
        }
        let raw = &text[word.from..word.to];
        let digits = raw.starts_with(|c: char| c.is_numeric());
        let apart = between(&text[end..word.from], digits, &mut out);
        end = word.to;
        let number = raw.chars().any(char::is_numeric) || is_number_word(&word.folded);
        let name = !out.is_empty() && raw.chars().next().is_some_and(char::is_uppercase);
        let folded = if raw.chars().any(char::is_numeric) { ungrouped(raw, ',') } else { word.folded };
        for (n, part) in apart_words(&folded).into_iter().enumerate() {
            out.push(Token { text: part.to_owned(), number, name, apart: apart && n == 0 });
        }
    }
    between(&text[end..], false, &mut out);
    // "A few" is more than "few".
    for n in (1..out.len()).rev() {
        if out[n - 1].is("a") && (out[n].is("few") || out[n].is("little")) {
            out[n].text.insert_str(0, "a ");
            out.remove(n - 1);
        }
    }
    for n in 1..out.len() {
        let free = n < 2 || !out[n - 2].number;
        if free && out[n].number && CURRENCIES.contains(&out[n - 1].text.as_str()) {
            out.swap(n - 1, n);
        }
    }
    out
}

/// Takes the signs between two words; gives whether they are apart.
fn between(text: &str, before_digits: bool, out: &mut Vec<Token>) -> bool {
    let is_dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let apart = text.contains([',', ';', ':', '(', ')', '|', '.', '!', '?']) || text.contains(" \u{2013} ");
    for c in text.chars().filter(|c| SIGNS.contains(*c)) {
        out.push(Token { text: c.to_string(), number: false, name: false, apart: false });
    }
    // A minus, or from one number to another.
    let range = out.last().is_some_and(|t| t.number) && text.trim().chars().all(is_dash) && !text.trim().is_empty();
    if before_digits && (text.ends_with(is_dash) || range) {
        out.push(Token { text: "-".into(), number: false, name: false, apart: false });
    }
    apart
}

/// A folded word as the words that it stands for.
fn apart_words(folded: &str) -> Vec<&str> {
    match folded {
        "is" | "are" | "am" | "be" | "being" => vec!["be"],
        "isnt" | "arent" => vec!["be", "not"],
        "dont" | "doesnt" => vec!["not"],
        "cannot" | "cant" => vec!["can", "not"],
        "mustnt" => vec!["must", "not"],
        "shouldnt" => vec!["should", "not"],
        "wont" => vec!["will", "not"],
        "didnt" => vec!["did", "not"],
        "wasnt" | "werent" => vec!["was", "not"],
        "havent" | "hasnt" => vec!["have", "not"],
        "youre" => vec!["you", "be"],
        "theyre" => vec!["they", "be"],
        other => vec![other],
    }
}
