//! Questions that lean on the one before: "and for contractors?", "how long does it take?".

use crate::search::{is_stop_word, words};

/// Telling words that a question may have of its own and still lean on the one before.
const FEW: usize = 4;

/// Beginnings that go on with something.
const GOES_ON: &[&[&str]] = &[
    &["and"],
    &["but"],
    &["or"],
    &["also"],
    &["then"],
    &["so"],
    &["what", "about"],
    &["how", "about"],
    &["what", "if"],
    &["what", "else"],
    &["what", "then"],
    &["und"],
    &["was", "ist", "mit"],
];

/// Words that stand for what was said before.
const STANDS_FOR: &[&str] =
    &["it", "its", "that", "this", "they", "them", "those", "these", "there", "one", "ones", "he", "she", "him", "her"];

/// The question that is meant, when this one leans on the one before: its own words and the telling words of the other.
/// None when it stands alone.
#[must_use]
pub(super) fn meant(question: &str, before: Option<&str>) -> Option<String> {
    let before = before?;
    let own: Vec<String> = words(question).into_iter().map(|w| w.folded).collect();
    let telling = own.iter().filter(|w| !is_stop_word(w) && !STANDS_FOR.contains(&w.as_str())).count();
    let begins = GOES_ON.iter().any(|b| own.len() >= b.len() && own.iter().zip(b.iter()).all(|(o, b)| o == b));
    let stands_for = own.iter().any(|w| STANDS_FOR.contains(&w.as_str()));
    let bare = telling == 0 && !own.is_empty();
    if own.is_empty() || telling > FEW || !(begins || stands_for || bare) {
        return None;
    }
    let mut carried: Vec<&str> = Vec::new();
    let all = words(before);
    for word in &all {
        let text = &before[word.from..word.to];
        let known = own.contains(&word.folded) || carried.iter().any(|c| c.eq_ignore_ascii_case(text));
        if !is_stop_word(&word.folded) && !known {
            carried.push(text);
        }
    }
    if carried.is_empty() {
        return None;
    }
    let question = question.trim().trim_end_matches(['?', '!', '.']);
    Some(format!("{question} ({})", carried.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_leans_on_the_one_before_carries_its_telling_words() {
        let before = Some("How do I claim travel expenses?");
        for (question, expected) in [
            ("And for contractors?", Some("And for contractors (claim travel expenses)")),
            ("How long does it take?", Some("How long does it take (claim travel expenses)")),
            ("what about hotels", Some("what about hotels (claim travel expenses)")),
            ("why?", Some("why (claim travel expenses)")),
            ("Where is the canteen?", None),
            ("And how do I connect to the VPN from my laptop at home in summer?", None),
            ("", None),
            ("🙂", None),
        ] {
            assert_eq!(meant(question, before).as_deref(), expected, "{question}");
        }
        assert_eq!(meant("and for contractors?", None), None);
        assert_eq!(meant("and claim expenses for travel?", before), None, "nothing to carry");
    }
}
