//! What kind of answer a question asks for, and whether a sentence looks like one.

use crate::search::{Asked, Stems, is_stop_word, words};

/// The kind of answer that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// How something is done.
    Steps,
    /// What something is.
    Meaning,
    /// A date or time.
    Time,
    /// A number.
    Amount,
    /// A person or an office.
    Person,
    /// Anything else.
    Anything,
}

impl Asks {
    /// Reads the kind off the question's first words. A question of one or two bare words, of `telling` ones, asks what they
    /// mean.
    pub fn of(question: &str, telling: usize) -> Self {
        let folded: Vec<String> = words(question).into_iter().map(|w| w.folded).collect();
        let text = format!(" {} ", folded.join(" "));
        let starts = |all: &[&str]| all.iter().any(|s| text.starts_with(&format!(" {s} ")));
        let has = |all: &[&str]| all.iter().any(|s| text.contains(&format!(" {s} ")));
        if has(&["how many", "how much", "how long", "how often", "how old", "how far", "how big", "what percentage"]) {
            Self::Amount
        } else if starts(&["how do", "how can", "how to", "how should", "how would", "how does one", "steps"])
            || has(&["how do i", "how do we", "how to", "how can i", "what do i do", "what should i do", "what steps"])
        {
            Self::Steps
        } else if has(&["when", "what year", "which year", "what date", "what day", "what time"]) {
            Self::Time
        } else if starts(&["who", "whom", "whose"]) {
            Self::Person
        } else if starts(&[
            "what is",
            "what are",
            "what was",
            "what were",
            "whats",
            "what does",
            "define",
            "meaning of",
        ]) || (telling <= 2 && !folded.iter().any(|w| is_stop_word(w)))
        {
            Self::Meaning
        } else {
            Self::Anything
        }
    }

    /// Whether a sentence has what is asked for: 1 yes, 0 no, one half when nothing can be said.
    pub fn fits(self, asked: &[Asked], stems: &Stems, text: &str) -> f32 {
        let yes = match self {
            Self::Meaning => is_definition(asked, stems, text),
            Self::Time => has_number(text) || has_any(text, TIMES),
            Self::Amount => return amount(asked, stems, text),
            Self::Person => has_name(asked, stems, text),
            Self::Steps | Self::Anything => return 0.5,
        };
        f32::from(u8::from(yes))
    }
}

/// Whether a sentence says of the question's words what they are: "Tock is a tool that …".
pub(super) fn is_definition(asked: &[Asked], stems: &Stems, text: &str) -> bool {
    let tokens: Vec<String> = words(text).into_iter().map(|w| w.folded).collect();
    let mut first = None;
    let mut last = 0;
    for word in asked {
        let Some(at) = tokens.iter().position(|t| word.stems.contains(&stems.stem(t))) else { return false };
        first = Some(first.map_or(at, |f: usize| f.min(at)));
        last = last.max(at);
    }
    let start = first.unwrap_or(0);
    if start > 3 || tokens[..start].iter().any(|t| CONDITIONS.contains(&t.as_str())) {
        return false;
    }
    let rest = &tokens[last + 1..];
    let says = rest.iter().take(6).position(|t| SAYS.contains(&t.as_str()) || COPULAS.contains(&t.as_str()));
    says.is_some_and(|at| {
        SAYS.contains(&rest[at].as_str()) || rest[at + 1..].iter().take(2).any(|t| WHAT.contains(&t.as_str()))
    })
}

const CONDITIONS: &[&str] = &["if", "when", "once", "after", "before", "whether", "unless", "while"];
const COPULAS: &[&str] = &["is", "are", "was", "were"];
const WHAT: &[&str] =
    &["a", "an", "the", "our", "your", "their", "one", "any", "used", "how", "what", "when", "where", "for", "defined"];
const SAYS: &[&str] =
    &["means", "refers", "stands", "describes", "helps", "provides", "allows", "covers", "lets", "seeks"];
const TIMES: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "daily",
    "weekly",
    "biweekly",
    "monthly",
    "quarterly",
    "yearly",
    "annually",
    "immediately",
    "before",
    "after",
    "until",
    "century",
    "during",
];
const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty",
    "thirty", "forty", "fifty", "hundred", "thousand", "million", "billion", "half", "once", "twice", "dozen",
    "several",
];

/// How much less a number counts that stands three or four words before.
const FAR: f32 = 0.15;

/// Whether a number stands before one of the question's words: "240 hours" counts whole, "240 hours of paid leave" nearly, a
/// number elsewhere by half.
fn amount(asked: &[Asked], stems: &Stems, text: &str) -> f32 {
    let tokens: Vec<String> = words(text).into_iter().map(|w| w.folded).collect();
    let is_number = |t: &String| has_number(t) || NUMBERS.contains(&t.as_str());
    let is_asked = |t: &String| asked.iter().any(|a| a.stems.contains(&stems.stem(t)));
    let counts = |back: usize| {
        let before = |at: usize| tokens[at.saturating_sub(back)..at].iter().any(is_number);
        tokens.iter().enumerate().any(|(at, token)| before(at) && is_asked(token))
    };
    if counts(2) {
        1.0
    } else if counts(4) {
        1.0 - FAR
    } else if tokens.iter().any(is_number) {
        0.5
    } else {
        0.0
    }
}

fn has_number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

fn has_any(text: &str, list: &[&str]) -> bool {
    words(text).iter().any(|w| list.contains(&w.folded.as_str()))
}

/// A capitalised word inside a sentence that is not one of the question's, or an address or channel.
fn has_name(asked: &[Asked], stems: &Stems, text: &str) -> bool {
    let found = words(text);
    text.contains(['@', '#'])
        || found.iter().enumerate().any(|(n, w)| {
            let capital = text[w.from..].chars().next().is_some_and(char::is_uppercase);
            let first = n == 0 || text[..w.from].trim_end().ends_with(['.', '!', '?', ':']);
            let of_question = || asked.iter().any(|a| a.stems.contains(&stems.stem(&w.folded)));
            capital && !first && w.folded.len() > 2 && !is_stop_word(&w.folded) && !of_question()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_ask_for_kinds_of_answers() {
        for (question, expected) in [
            ("How do I submit my timesheet?", Asks::Steps),
            ("What should I do if I lose my badge", Asks::Steps),
            ("How many days off do I get?", Asks::Amount),
            ("when is payday", Asks::Time),
            ("Who approves travel?", Asks::Person),
            ("What is Tock?", Asks::Meaning),
            ("tock", Asks::Meaning),
            ("Is there a gym?", Asks::Anything),
        ] {
            assert_eq!(Asks::of(question, 1), expected, "{question}");
        }
    }

    #[test]
    fn a_definition_says_what_the_words_are() {
        let asked = [Asked { stems: vec!["tock".into()], ..Asked::default() }];
        let stems = Stems::of(None);
        assert!(is_definition(&asked, &stems, "Tock is our time tracking tool."));
        assert!(is_definition(&asked, &stems, "At work, Tock (rhymes with clock) is our time tracking tool."));
        assert!(!is_definition(&asked, &stems, "If Tock is down, wait."));
        assert!(!is_definition(&asked, &stems, "Tock is reviewed every Friday."));
        assert!(!is_definition(&asked, &stems, "Enter your hours in Tock every Friday."));
        assert_eq!(Asks::Person.fits(&asked, &stems, "Ask the people of the front desk, or Mary Smith."), 1.0);
        assert_eq!(Asks::Amount.fits(&asked, &stems, "There are 3 tocks."), 1.0);
        assert_eq!(Asks::Amount.fits(&asked, &stems, "Three hours of paid Tock."), 1.0 - FAR);
        assert_eq!(Asks::Amount.fits(&asked, &stems, "On the 3rd day of it we use Tock."), 0.5);
        assert_eq!(Asks::Amount.fits(&asked, &stems, "Tock is free."), 0.0);
        assert_eq!(Asks::Person.fits(&asked, &stems, "Ask your supervisor about Tock."), 0.0);
    }
}
