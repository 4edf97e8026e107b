//! What the best passages have in common: a long question is asked again with their words beside its own (pseudo-relevance
//! feedback in the manner of Lavrenko and Croft, "Relevance-based language models", SIGIR 2001).

use std::collections::HashMap;
use std::rc::Rc;

use tantivy::TantivyDocument;

use super::postings::Spread;
use super::rank::{Candidate, Ranking};
use super::schema::Fields;

/// A word that the best passages have in common.
pub(super) struct Related {
    pub stem: String,
    /// What it counts.
    pub weight: f32,
    /// Where it is.
    pub spread: Rc<Spread>,
}

impl Ranking<'_> {
    /// The words that the best of the candidates have in common, those of the question among them; their weights come to
    /// `mass`. Puts the candidates in order. `known` are the question's own words.
    pub(super) fn related(
        &self,
        candidates: &mut [Candidate],
        known: &[Rc<Spread>],
        mass: f32,
    ) -> tantivy::Result<Vec<Related>> {
        let [passages, words] = self.weights.related_from;
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
        let top = candidates.first().map_or(0.0, |c| c.score).max(f32::MIN_POSITIVE);
        let mut common: HashMap<String, (f32, usize)> = HashMap::new();
        for candidate in candidates.iter().take(passages) {
            let doc: TantivyDocument = self.searcher.doc(candidate.at)?;
            let share = candidate.score / top;
            for (stem, count) in Fields::telling(&Fields::stored(&doc, self.fields.telling)) {
                let (sum, of) = common.entry(stem.to_owned()).or_default();
                *sum += share * share * count / (count + 1.0);
                *of += 1;
            }
        }
        let shared = common.into_iter().filter(|(_, (_, of))| *of > 1);
        let mut shared: Vec<(String, f32)> = shared.map(|(stem, (sum, _))| (stem, sum)).collect();
        shared.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        shared.truncate(words * 3);
        let mut related = Vec::with_capacity(shared.len());
        for (stem, sum) in shared {
            let stems = std::slice::from_ref(&stem);
            let spread = match known.iter().find(|s| s.is_of(stems)) {
                Some(spread) => Rc::clone(spread),
                None => Rc::new(self.spread(stems)?),
            };
            related.push(Related { weight: sum * self.rarity(spread.extent), stem, spread });
        }
        related.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        related.truncate(words);
        let sum = related.iter().map(|r| r.weight).sum::<f32>().max(f32::MIN_POSITIVE);
        related.iter_mut().for_each(|r| r.weight *= mass / sum);
        Ok(related)
    }
}
