//! Which passages are looked at closely: those with the best scores by their words alone. Exact, but not exhaustive: the
//! rarest words are read first, and as soon as all that are left could not bring up a passage that has none of the words
//! read so far, only the passages found are followed (the idea is that of MaxScore; Turtle and Flood 1995).

use tantivy::DocAddress;

use super::postings::Spread;
use super::rank::Ranking;

/// A word that is looked for.
pub(super) struct Sought<'a> {
    pub spread: &'a Spread,
    /// How much it tells.
    pub weight: f32,
    /// Whether it is not the question's own.
    pub related: bool,
}

/// A passage, and what it has of the words.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub at: DocAddress,
    pub words: f32,
    /// Share of the question, 0 to 1.
    pub coverage: f32,
    pub related: f32,
}

/// What was selected.
pub(super) struct Selected {
    /// The best passages, best first, and the nearest by meaning.
    pub passages: Vec<Chosen>,
    /// The score of the last of the best; 0 when there are fewer than wanted.
    pub floor: f32,
}

/// Score of the question's words, weight of those that are there, score of the related words. Tuples of zeros are had
/// from the system for nothing.
type Sums = (f32, f32, f32);

/// A bound that is this much above a score, relatively, is above it whatever was rounded.
const SURE: f32 = 0.9999;
/// Of so many passages at most the score to beat is taken while words are read; the rarest words' come first.
const SAMPLE: usize = 4_096;

impl Ranking<'_> {
    /// The best passages by these words alone, and those nearest by meaning. `all` is the weight of the whole question;
    /// `floor` a score that as many passages as are wanted are known to have.
    pub fn select(&self, sought: &[Sought<'_>], all: f32, floor: f32) -> tantivy::Result<Selected> {
        let mut order: Vec<&Sought<'_>> = sought.iter().collect();
        order.sort_by_key(|s| s.spread.extent.passages);
        let mut reach: Vec<Sums> = vec![(0.0, 0.0, 0.0); order.len() + 1];
        for (n, word) in order.iter().enumerate().rev() {
            reach[n] = reach[n + 1];
            self.add(&mut reach[n], word, word.spread.extent.most);
        }
        let sizes = self.searcher.segment_readers().iter().map(|s| s.max_doc() as usize);
        let mut sums: Vec<Vec<Sums>> = sizes.map(|size| vec![(0.0, 0.0, 0.0); size]).collect();
        let mut touched: Vec<DocAddress> = Vec::new();
        let of = |sums: &[Vec<Sums>], at: DocAddress| sums[at.segment_ord as usize][at.doc_id as usize];
        let (mut floor, mut closed) = (floor * SURE, false);
        for (word, &reach) in order.iter().zip(&reach) {
            if word.spread.extent.passages >= self.weights.frequent {
                let sample = &touched[..touched.len().min(SAMPLE)];
                let scores = sample.iter().map(|&at| self.score(of(&sums, at), all)).collect();
                floor = floor.max(self.last(scores) * SURE);
                if !closed && self.score(reach, all) < floor {
                    closed = true;
                    touched.sort_unstable();
                }
            }
            if !closed {
                for p in self.postings(word.spread)? {
                    let sums = &mut sums[p.segment as usize][p.doc as usize];
                    if sums.1 == 0.0 && sums.2 == 0.0 {
                        touched.push(DocAddress::new(p.segment, p.doc));
                    }
                    self.add(sums, word, p.times.frequency);
                }
                continue;
            }
            touched.retain(|&at| {
                let (words, covered, related) = of(&sums, at);
                self.score((words + reach.0, covered + reach.1, related + reach.2), all) >= floor
            });
            for (at, times) in touched.iter().zip(self.times_in(word.spread, &touched)?) {
                if times.frequency > 0.0 {
                    self.add(&mut sums[at.segment_ord as usize][at.doc_id as usize], word, times.frequency);
                }
            }
        }
        let mut best: Vec<(f32, DocAddress)> =
            touched.into_iter().map(|at| (self.score(of(&sums, at), all), at)).collect();
        let by_score = |a: &(f32, DocAddress), b: &(f32, DocAddress)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if best.len() > self.weights.candidates {
            best.select_nth_unstable_by(self.weights.candidates, by_score);
            best.truncate(self.weights.candidates);
        }
        best.sort_by(by_score);
        let floor = if best.len() == self.weights.candidates { best.last().map_or(0.0, |b| b.0) } else { 0.0 };
        let chosen = |at: DocAddress, (words, covered, related): Sums| {
            let coverage = if all > 0.0 { covered / all } else { 0.0 };
            Chosen { at, words, coverage, related }
        };
        let mut passages: Vec<Chosen> = best.iter().map(|&(_, at)| chosen(at, of(&sums, at))).collect();
        let near = self.nearest(&best);
        passages.extend(near.iter().zip(self.sums_of(&order, &near)?).map(|(&at, sums)| chosen(at, sums)));
        Ok(Selected { passages, floor })
    }

    /// The nearest passages by meaning that are not among these, in the index's order.
    fn nearest(&self, chosen: &[(f32, DocAddress)]) -> Vec<DocAddress> {
        let chosen: std::collections::HashSet<DocAddress> = chosen.iter().map(|&(_, at)| at).collect();
        let near = self.near.nearest(self.weights.candidates).into_iter().map(|(_, at)| at);
        let mut near: Vec<DocAddress> = near.filter(|at| !chosen.contains(at)).collect();
        near.sort_unstable();
        near
    }

    fn sums_of(&self, order: &[&Sought<'_>], passages: &[DocAddress]) -> tantivy::Result<Vec<Sums>> {
        let mut sums: Vec<Sums> = vec![(0.0, 0.0, 0.0); passages.len()];
        if !passages.is_empty() {
            for word in order {
                for (sums, times) in sums.iter_mut().zip(self.times_in(word.spread, passages)?) {
                    if times.frequency > 0.0 {
                        self.add(sums, word, times.frequency);
                    }
                }
            }
        }
        Ok(sums)
    }

    /// Adds a word that has this frequency.
    fn add(&self, sums: &mut Sums, word: &Sought<'_>, frequency: f32) {
        let says = word.weight * self.saturated(frequency);
        if word.related {
            sums.2 += says;
        } else {
            sums.0 += says;
            sums.1 += word.weight;
        }
    }

    fn score(&self, (words, covered, related): Sums, all: f32) -> f32 {
        let share = if all > 0.0 { covered / all } else { 0.0 };
        words * self.covered(share) + related
    }

    /// The last score of as many as are wanted; 0 when there are fewer.
    fn last(&self, mut scores: Vec<f32>) -> f32 {
        let Some(place) = self.weights.candidates.checked_sub(1).filter(|&n| n < scores.len()) else { return 0.0 };
        *scores.select_nth_unstable_by(place, |a, b| b.total_cmp(a)).1
    }
}
