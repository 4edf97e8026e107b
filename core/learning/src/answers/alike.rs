//! The same text from several places is shown once, with all the places where it stands.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use unicode_segmentation::UnicodeSegmentation as _;

use crate::library::{Origin, Passage};

/// Runs of so many words are compared.
const RUN: usize = 3;
/// Texts with fewer words are the same only when they and their titles are equal.
const SHORT: usize = 12;
/// The share of runs that two texts have in common when they are the same.
const SAME: f64 = 0.8;
/// So many other places are named.
const PLACES: usize = 8;

/// Leaves the first of passages that say the same in several documents, with the origins of the others. All of them are
/// ones that the asker may read, so no origin tells of anything hidden.
pub(super) fn once(passages: Vec<Passage>) -> Vec<Passage> {
    let mut kept: Vec<(Passage, Sketch)> = Vec::with_capacity(passages.len());
    for passage in passages {
        let sketch = Sketch::of(&passage);
        let same = |k: &Passage, s: &Sketch| k.document != passage.document && s.is_like(k, &sketch, &passage);
        let twin = kept.iter_mut().find(|(k, s)| same(k, s));
        match twin {
            None => kept.push((passage, sketch)),
            Some((first, _)) => {
                let Passage { document, title, source, location, .. } = passage;
                let origin = Origin { document, title, source, location };
                if !first.also.contains(&origin) && first.also.len() < PLACES {
                    first.also.push(origin);
                }
            }
        }
    }
    kept.into_iter().map(|(passage, _)| passage).collect()
}

/// What is compared of a passage: in most pairs the first things differ, and the last ones are never made.
struct Sketch {
    words: usize,
    /// What turns a text into another one however much they have in common: numbers, names, and "not".
    telling: Vec<String>,
    /// Runs of words, each once, in order.
    runs: OnceCell<Vec<u64>>,
}

fn words(passage: &Passage) -> impl Iterator<Item = Cow<'_, str>> {
    passage.text.unicode_words().map(lowercase)
}

fn lowercase(word: &str) -> Cow<'_, str> {
    let is_lower = word.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) }
}

impl Sketch {
    fn of(passage: &Passage) -> Self {
        let turns = |w: &str| {
            w.chars().any(char::is_numeric)
                || matches!(w, "not" | "no" | "never" | "without" | "except" | "unless" | "nicht" | "kein" | "keine")
                || w.ends_with("n't")
                || w.ends_with("n’t")
        };
        let (mut count, mut telling) = (0, Vec::new());
        for word in passage.text.unicode_words() {
            count += 1;
            let lower = lowercase(word);
            if turns(&lower) {
                telling.push(lower.into_owned());
            }
            if word.starts_with(char::is_uppercase) {
                telling.push(word.to_owned());
            }
        }
        telling.sort();
        Self { words: count, telling, runs: OnceCell::new() }
    }

    fn runs(&self, passage: &Passage) -> &[u64] {
        self.runs.get_or_init(|| {
            let words: Vec<Cow<'_, str>> = words(passage).collect();
            let hash = |run: &[Cow<'_, str>]| {
                let mut hasher = DefaultHasher::new();
                run.hash(&mut hasher);
                hasher.finish()
            };
            let mut runs: Vec<u64> = words.windows(RUN).map(hash).collect();
            runs.sort_unstable();
            runs.dedup();
            runs
        })
    }

    /// Whether this passage says the same as another one, each with its sketch.
    fn is_like(&self, passage: &Passage, other: &Self, theirs: &Passage) -> bool {
        if self.words.min(other.words) < SHORT {
            return self.words == other.words
                && passage.title.to_lowercase() == theirs.title.to_lowercase()
                && words(passage).eq(words(theirs));
        }
        // Most passages differ here already.
        if self.telling != other.telling {
            return false;
        }
        let (mine, others) = (self.runs(passage), other.runs(theirs));
        let common = mine.iter().filter(|run| others.binary_search(run).is_ok()).count();
        let all = mine.len() + others.len() - common;
        common as f64 >= SAME * all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(document: &str, source: &str, text: &str) -> Passage {
        Passage {
            id: format!("{document}#0"),
            document: document.into(),
            source: source.into(),
            location: format!("{document}.md"),
            title: "Leave".into(),
            headings: Vec::new(),
            ..crate::answers::tests::passage(text)
        }
    }

    const LONG: &str = "Everybody may carry over up to 240 hours of annual leave into the next year. Hours above that are \
                        lost on the last day of December, so plan your days off early and talk to your manager.";

    fn kept(texts: &[&str]) -> Vec<Vec<String>> {
        let all = texts.iter().enumerate().map(|(n, t)| passage(&format!("d{n}"), &format!("s{n}"), t)).collect();
        once(all).into_iter().map(|p| p.also.into_iter().map(|o| o.source).collect()).collect()
    }

    #[test]
    fn the_same_text_in_two_places_is_shown_once_with_both() {
        let other = LONG.replace("off early", "off in time");
        assert_eq!(kept(&[LONG, LONG, &other]), [vec!["s1".to_owned(), "s2".to_owned()]]);
        assert_eq!(kept(&["Ask HR.", "Ask HR!"]), [vec!["s1".to_owned()]]);
    }

    #[test]
    fn what_says_something_else_stays() {
        assert_eq!(kept(&[LONG, &LONG.replace("240", "200")]).len(), 2, "another number");
        assert_eq!(kept(&[LONG, &LONG.replace("may carry", "may not carry")]).len(), 2, "the contrary");
        assert_eq!(kept(&[LONG, &LONG.replace("annual leave", "annual leave in Norway")]).len(), 2, "another place");
        assert_eq!(kept(&[LONG, &LONG[..90]]).len(), 2);
        assert_eq!(kept(&["Ask HR.", "Ask IT."]).len(), 2);
        let twice = once(vec![passage("d", "s", LONG), passage("d", "s", LONG)]);
        assert_eq!(twice.len(), 2, "within one document it is its author's");
    }
}
