//! What is ordered under the word `ask`: a button's word with its ids. Everything else is a question.

use stoa_flow::chat::Args;

/// The orders and how many ids each takes.
const ORDERS: &[(&str, usize)] = &[
    // About a question and its answer.
    ("helpful", 1),
    ("missing", 1),
    ("unhelpful", 1),
    ("private", 1),
    ("again", 1),
    ("save", 1),
    // About a document.
    ("unsave", 1),
    // About a request to a colleague.
    ("expert", 2),
    ("reply", 1),
    ("pass", 1),
    ("thanks", 1),
    // About a curated answer; `curate` and `curated` also about a request or a gap.
    ("curate", 1),
    ("curated", 1),
    ("edit", 1),
    ("edited", 1),
    ("approve", 1),
    ("retire", 1),
    ("keep", 1),
    // About a gap.
    ("take", 1),
    ("close", 1),
    // About a concern.
    ("settle", 1),
];

/// Orders of one word, or of two.
const WORDS: &[(&str, &str)] = &[
    ("saved", ""),
    ("gaps", ""),
    ("curated", ""),
    ("curate", ""),
    ("channel", ""),
    ("channel", "mention"),
    ("channel", "questions"),
    ("channel", "unasked"),
    ("channel", "learn"),
    ("channel", "unlearn"),
    ("experts", "on"),
    ("experts", "off"),
    ("news", "on"),
    ("news", "off"),
];

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order<'a> {
    pub word: String,
    /// Ids, or the second word.
    pub rest: Vec<&'a str>,
}

impl<'a> Order<'a> {
    pub fn of(args: &'a Args) -> Option<Self> {
        let (word, rest) = args.split();
        let rest: Vec<&str> = rest.split_whitespace().take(3).collect();
        let ids = |n: usize| rest.len() == n && rest.iter().all(|id| id.parse::<uuid::Uuid>().is_ok());
        let second = rest.first().map(|w| w.to_lowercase()).unwrap_or_default();
        let ordered = ORDERS.iter().any(|(w, n)| *w == word && ids(*n))
            || (rest.len() < 2 && WORDS.contains(&(word.as_str(), second.as_str())));
        ordered.then_some(Self { word, rest })
    }

    /// The first id or second word; empty when there is none.
    pub fn first(&self) -> &'a str {
        self.rest.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_known_word_with_its_ids_and_everything_else_is_a_question() {
        let id = "00000000-0000-4000-8000-000000000000";
        let ordered = |text: &str| Order::of(&Args(text.to_owned())).is_some();
        for order in [&format!("helpful {id}"), &format!("expert {id} {id}"), "saved", "Gaps", "channel Questions"] {
            assert!(ordered(order), "{order}");
        }
        for question in
            ["helpful hints", "gaps in the fence", "close the window", "expert", "save", "channel tunnel", ""]
        {
            assert!(!ordered(question), "{question}");
        }
    }
}
