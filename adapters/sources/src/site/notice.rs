//! Looks out for a site that shows the same notice ("Back soon", "There is no such page") in the place of its pages.

use std::collections::HashSet;

use stoa_learning::library::{Found, Item, Known, Section};

/// So many pages in a row that say the same are a notice of the site.
const SAME: usize = 5;

/// What may be a notice is held back until another page says something else.
#[derive(Default)]
pub(super) struct Notice {
    held: Vec<Found>,
}

impl Notice {
    /// What can be believed now.
    pub fn take(&mut self, found: Found, known: &Known) -> Vec<Found> {
        let Found::Document { item, .. } = &found else { return vec![found] };
        if !known.documents.contains_key(&item.location) {
            return vec![found];
        }
        let said = Said::of(&item.location, &item.sections);
        let same = |o: &Item| o.sections == item.sections || Said::of(&o.location, &o.sections).is_like(&said);
        let before = if self.pages().next().is_some_and(same) { Vec::new() } else { self.believe() };
        self.held.push(found);
        before
    }

    /// Whether so much is held that it is hardly chance.
    pub fn is_suspected(&self, known: &Known) -> bool {
        self.held.len() >= SAME.min(known.documents.len()).max(2)
    }

    /// Whether all that is held says the same word for word.
    pub fn is_one_text(&self) -> bool {
        self.pages().zip(self.pages().skip(1)).all(|(a, b)| a.sections == b.sections)
    }

    /// Whether all that is held says this.
    pub fn says(&self, said: &Said) -> bool {
        self.pages().all(|item| Said::of(&item.location, &item.sections).is_like(said))
    }

    fn pages(&self) -> impl Iterator<Item = &Item> {
        self.held.iter().filter_map(|found| match found {
            Found::Document { item, .. } => Some(&**item),
            _ => None,
        })
    }

    /// The sentence about it.
    pub fn sentence(&self) -> String {
        let texts = self.pages().take(1).flat_map(|item| &item.sections);
        let sample: String = texts.flat_map(|s| s.text.chars()).take(60).collect();
        format!(
            "{} pages in a row now say the same, '{sample}': that looks like a notice of the site, so nothing was changed",
            self.held.len()
        )
    }

    /// All that is held, which is no notice.
    pub fn believe(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.held)
    }
}

/// The words of a page, without numbers and addresses, and those of its own address.
pub(super) struct Said {
    words: Vec<String>,
    own: HashSet<String>,
}

impl Said {
    pub fn of(location: &str, sections: &[Section]) -> Self {
        let bare = |word: &str| word.replace('\\', "").trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let texts = sections.iter().flat_map(|s| s.headings.iter().chain([&s.text]));
        let words = texts
            .flat_map(|text| text.split_whitespace())
            .filter(|word| !word.contains('/') && !word.contains(|c: char| c.is_ascii_digit()))
            .map(bare)
            .filter(|word| !word.is_empty());
        let parts =
            location.split(['/', '?', '#']).flat_map(|part| part.split(['-', '_', '.', '+', '=', '&']).chain([part]));
        Self { words: words.collect(), own: parts.map(bare).collect() }
    }

    /// Whether both say the same, but for what is their own.
    fn is_like(&self, other: &Self) -> bool {
        let shared = |word: &&String| !self.own.contains(*word) && !other.own.contains(*word);
        let (a, b): (Vec<_>, Vec<_>) =
            (self.words.iter().filter(shared).collect(), other.words.iter().filter(shared).collect());
        !a.is_empty() && a == b
    }
}
