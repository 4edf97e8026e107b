//! The same text from several places is shown once, with all the places where it stands.

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
        let twin = kept.iter_mut().find(|(k, s)| k.document != passage.document && s.is_like(&sketch));
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

struct Sketch {
    title: String,
    words: Vec<String>,
    /// Each once, in order.
    runs: Vec<u64>,
    /// What turns a text into another one however much they have in common: numbers, names, and "not".
    telling: Vec<String>,
}

impl Sketch {
    fn of(passage: &Passage) -> Self {
        let written: Vec<&str> = passage.text.unicode_words().collect();
        let words: Vec<String> = written.iter().map(|w| w.to_lowercase()).collect();
        let hash = |run: &[String]| {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            hasher.finish()
        };
        let turns = |w: &&String| {
            w.chars().any(char::is_numeric)
                || matches!(
                    w.as_str(),
                    "not" | "no" | "never" | "without" | "except" | "unless" | "nicht" | "kein" | "keine"
                )
                || w.ends_with("n't")
                || w.ends_with("n’t")
        };
        let mut telling: Vec<String> = words.iter().filter(turns).cloned().collect();
        telling.extend(written.iter().filter(|w| w.starts_with(char::is_uppercase)).map(|w| (*w).to_owned()));
        telling.sort();
        let mut runs: Vec<u64> = words.windows(RUN).map(hash).collect();
        runs.sort_unstable();
        runs.dedup();
        Self { title: passage.title.to_lowercase(), words, runs, telling }
    }

    fn is_like(&self, other: &Self) -> bool {
        if self.words.len().min(other.words.len()) < SHORT {
            return self.title == other.title && self.words == other.words;
        }
        // Most passages differ here already.
        if self.telling != other.telling {
            return false;
        }
        let common = self.runs.iter().filter(|run| other.runs.binary_search(run).is_ok()).count();
        let all = self.runs.len() + other.runs.len() - common;
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
