//! Our ranking: BM25F over title, headings, body and keywords, counted over what the asker may read; then, for the
//! best candidates, how near the question's words stand to each other, how much of the question is covered, which of its
//! stop words are there, and what a plain BM25 says of the whole document.

use std::collections::HashMap;
use std::rc::Rc;

use tantivy::postings::Postings as _;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, Searcher, TantivyDocument, Term};

use super::dense::Near;
use super::postings::{Extent, Lengths, Spread};
use super::question::{self, Asked};
use super::schema::Fields;
use super::select::{Chosen, Selected, Sought};
use super::visible::View;
use super::{Found, Hit, fuse, sketch};

/// Number of searched fields: title, headings, body, keywords.
pub(super) const FIELDS: usize = 4;
/// Fields in which words can stand near each other: title, headings, body.
const NEAR: usize = 3;
/// Fields that say what a whole document is about, and that all of its passages have: title, keywords.
pub(super) const ABOUT: [usize; 2] = [0, 3];
/// Stop words of a question that are looked for beside its other words: the rarest.
const STOPS: usize = 5;
/// So many times at most a word of the question counts for having been said again.
const TIMES: u32 = 4;
/// A library of so many documents goes half by them, half by passages when it comes to how rare a word is.
const FEW: f32 = 50.0;
/// How much a deed counts that no page names, against the least telling of the other words.
const UNNAMED: f32 = 0.5;

/// Passages that say what better ones say already: so many are given on beside those.
pub(super) const TWINS: usize = 16;

/// The numbers of the ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Where more of the same word stops to help (BM25's k1).
    pub k1: f32,
    /// Weight of title, headings, body, keywords.
    pub field: [f32; FIELDS],
    /// How much a field's length counts (BM25's b).
    pub b: [f32; FIELDS],
    /// For two neighbouring words of the question that follow each other in the text.
    pub phrase: f32,
    /// For two neighbouring words of the question within eight words of the text.
    pub near: f32,
    /// For a title that consists of the question's words, and for headings that do.
    pub exact: [f32; 2],
    /// For the opening of a document whose title or keywords have the question's words.
    pub opening: f32,
    /// How much of the score depends on the share of the question that is covered.
    pub coverage: f32,
    /// How much a stop word of the question counts against any other word as rare as it.
    pub stop: f32,
    /// What the document as a whole adds: a plain BM25 over all that the asker may read of it.
    pub document: f32,
    /// How much the length of a document counts against it (BM25's b).
    pub b_document: f32,
    /// How much the words count that the best passages have in common beside those of the question, against the
    /// question's own.
    pub related: f32,
    /// How many of the best passages these words come from, and how many words.
    pub related_from: [usize; 2],
    /// Words of a question from which on they are looked for.
    pub related_long: usize,
    /// How many candidates by words, and how many by meaning, are looked at closely.
    pub candidates: usize,
    /// Passages from which on a word is a frequent one: where it stands is read only as far as it can matter. Changes the
    /// time, not what is found.
    pub frequent: usize,
}

impl Default for Weights {
    fn default() -> Self {
        // Varied one after the other on ten judged sets (docs/answers.md): abstracts with long questions, encyclopaedia
        // passages, news, sections and pages of handbooks, a FAQ. All lie on a plateau; small changes change little.
        Self {
            k1: 1.3,
            field: [1.25, 1.2, 1.0, 1.0],
            b: [0.7, 0.5, 0.5, 0.5],
            phrase: 0.4,
            near: 0.1,
            exact: [0.75, 0.75],
            opening: 0.3,
            coverage: 0.25,
            stop: 0.3,
            document: 0.6,
            b_document: 0.75,
            related: 0.3,
            related_from: [8, 16],
            related_long: 6,
            candidates: 100,
            frequent: 1_000,
        }
    }
}

/// What a score consists of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The words, by BM25F.
    pub words: f32,
    /// Words near each other.
    pub near: f32,
    /// Share of the question, weighted by how telling its words are, that the passage has: 0 to 1.
    pub coverage: f32,
    /// A title or headings that consist of the question's words.
    pub exact: f32,
    /// Stop words of the question.
    pub stop: f32,
    /// The opening of a document that is about the question.
    pub opening: f32,
    /// What the document as a whole adds.
    pub document: f32,
    /// What the best passages have in common beside the question's words.
    pub related: f32,
    /// What speaks for or against the document whatever the question is; the rest is multiplied by it.
    pub prior: f32,
    /// All of that together: the score by words.
    pub lexical: f32,
    /// The cosine of passage and question; none without a vector.
    pub cosine: Option<f32>,
    /// What a cross-encoder says; none where it did not look.
    pub reranked: Option<f32>,
}

pub(super) struct Ranking<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub view: &'a View,
    pub weights: &'a Weights,
    pub near: &'a Near,
    pub lengths: Lengths,
    /// Today, in days since 1970.
    pub today: i64,
}

pub(super) struct Candidate {
    pub at: DocAddress,
    /// A number for its document.
    pub group: u64,
    /// What title and keywords have of the question.
    about: f32,
    pub score: f32,
    pub parts: Parts,
}

impl Ranking<'_> {
    pub fn search(&self, question: &str, limit: usize) -> tantivy::Result<Found> {
        let (mut asked, stops) = question::read(question, &self.view.languages);
        let mut spreads = Vec::with_capacity(asked.len());
        let typos = asked.len() <= question::TYPOS;
        for word in &mut asked {
            let mut spread = self.spread(&word.stems)?;
            if spread.extent.passages == 0 && typos && !word.stop {
                let near = self.correct(&word.word)?;
                if !near.is_empty() {
                    (word.stems, word.taken_for) = near.into_iter().unzip();
                    spread = self.spread(&word.stems)?;
                }
            }
            word.passages = spread.extent.passages;
            word.idf = idf(self.view.passages, word.passages);
            spreads.push(Rc::new(spread));
        }
        self.weigh_deed(&mut asked, &spreads)?;
        shorten(&mut asked, &mut spreads);
        let question = self.question(asked, spreads, &stops)?;
        let mut found = Found {
            readable: self.view.passages,
            ideal: question.all * (self.weights.k1 + 1.0) * (1.0 + self.weights.document),
            ..Found::default()
        };
        let Selected { passages, floor } = self.select(&question.sought(), question.all, 0.0)?;
        let mut candidates = self.look_closely(&question, passages, Vec::new())?;
        if self.weights.related > 0.0 && question.asked.len() >= self.weights.related_long {
            let mass = self.weights.related * question.all;
            let related = self.related(&mut candidates, &question.spreads, mass)?;
            if !related.is_empty() {
                let mut sought = question.sought();
                sought.extend(related.iter().map(|r| Sought { spread: &r.spread, weight: r.weight, related: true }));
                let passages = self.select(&sought, question.all, floor)?.passages;
                candidates = self.look_closely(&question, passages, candidates)?;
                found.related = related.into_iter().map(|r| r.stem).collect();
            }
        }
        fuse::fuse(&mut found, question.asked.len(), &mut candidates);
        candidates.iter_mut().for_each(|c| c.score *= c.parts.prior);
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
        let mut kept: Vec<(u64, u64, String)> = Vec::with_capacity(limit.min(candidates.len()));
        for candidate in candidates {
            let segment = &self.view.segments[candidate.at.segment_ord as usize];
            let sketch = segment.sketch.first(candidate.at.doc_id).unwrap_or_default();
            let alike = kept.iter().find(|(group, s, _)| *group != candidate.group && sketch::alike(*s, sketch));
            let twin = alike.map(|(_, _, passage)| passage.clone());
            let (there, most) =
                if twin.is_some() { (found.hits.len(), limit.saturating_add(TWINS)) } else { (kept.len(), limit) };
            if there >= most {
                continue;
            }
            let doc: TantivyDocument = self.searcher.doc(candidate.at)?;
            let passage_id = Fields::stored(&doc, self.fields.passage);
            if twin.is_none() {
                kept.push((candidate.group, sketch, passage_id.clone()));
            }
            found.hits.push(Hit {
                passage_id,
                document_id: Fields::stored(&doc, self.fields.document),
                version: Fields::stored(&doc, self.fields.version),
                score: candidate.score,
                parts: candidate.parts,
                twin,
            });
        }
        found.asked = question.asked;
        Ok(found)
    }

    /// What the passages say of the question beside their words alone. `known` are passages that were looked at already.
    fn look_closely(
        &self,
        question: &Question,
        passages: Vec<Chosen>,
        known: Vec<Candidate>,
    ) -> tantivy::Result<Vec<Candidate>> {
        let mut known: HashMap<DocAddress, Candidate> = known.into_iter().map(|c| (c.at, c)).collect();
        let (mut candidates, mut new) = (Vec::with_capacity(passages.len()), Vec::new());
        for Chosen { at, words, coverage, related } in passages {
            match known.remove(&at) {
                Some(mut candidate) => {
                    candidate.parts.related = related;
                    candidates.push(candidate);
                }
                None => {
                    let parts = Parts { words, coverage, related, cosine: self.near.of(at), ..Parts::default() };
                    new.push(Candidate { at, group: 0, about: 0.0, score: 0.0, parts });
                }
            }
        }
        new.sort_unstable_by_key(|c| c.at);
        self.see_neighbours(&question.asked, &mut new)?;
        self.see_stop_words(question, &mut new)?;
        self.gather_documents(question, &mut new)?;
        candidates.append(&mut new);
        for Candidate { score, parts, .. } in &mut candidates {
            *score = parts.lexical + parts.related;
        }
        Ok(candidates)
    }

    /// How much a word counts that reaches so far: by the documents that have it, since a word is not frequent because one
    /// long document has it again and again; in a small library, where most documents have most words, by passages.
    pub(super) fn rarity(&self, extent: Extent) -> f32 {
        let documents = self.view.documents as f32;
        let by_passages = idf(self.view.passages, extent.passages);
        (FEW * by_passages + documents * idf(self.view.documents, extent.documents)) / (FEW + documents)
    }

    fn question(&self, asked: Vec<Asked>, spreads: Vec<Rc<Spread>>, stops: &[Asked]) -> tantivy::Result<Question> {
        let weight = |(a, spread): (&Asked, &Rc<Spread>)| {
            let rarity = a.idf * self.rarity(spread.extent) / idf(self.view.passages, spread.extent.passages);
            rarity * a.times.min(TIMES) as f32 * if a.taken_for.is_empty() { 1.0 } else { 0.8 }
        };
        let weights: Vec<f32> = asked.iter().zip(&spreads).map(weight).collect();
        Ok(Question { all: weights.iter().sum(), stops: self.rarest(stops)?, asked, spreads, weights })
    }

    /// The rarest stop words of a question, with what each counts.
    fn rarest(&self, stops: &[Asked]) -> tantivy::Result<Vec<(f32, Spread)>> {
        let mut spreads = Vec::with_capacity(stops.len());
        for word in stops.iter().take(question::MOST) {
            spreads.push(self.spread(&word.stems)?);
        }
        spreads.sort_by_key(|s| s.extent.documents);
        spreads.truncate(STOPS);
        let of = |spread: Spread| (self.weights.stop * self.rarity(spread.extent), spread);
        Ok(spreads.into_iter().map(of).collect())
    }

    /// What a frequency counts: the more often, the less another time adds.
    pub(super) fn saturated(&self, frequency: f32) -> f32 {
        let k1 = self.weights.k1;
        frequency * (k1 + 1.0) / (frequency + k1)
    }

    /// Stems of known words that differ from an unknown one by a letter, with these words; the two most frequent.
    fn correct(&self, word: &str) -> tantivy::Result<Vec<(String, String)>> {
        let mut known: Vec<(usize, String, String)> = Vec::new();
        let stems = crate::words::Stems::of(self.view.languages.first().map(String::as_str));
        let mut near: Vec<(String, String)> =
            question::one_letter_off(word).into_iter().map(|w| (stems.stem(&w), w)).collect();
        // Of the words of a stem one with another letter, not with one less: that is often a stem, and no word.
        near.sort_by_cached_key(|(stem, near)| (stem.clone(), near.len() != word.len(), near.clone()));
        near.dedup_by(|a, b| a.0 == b.0);
        let body = self.fields.text[2];
        for (stem, word) in near {
            let term = Term::from_field_text(body, &stem);
            if self.searcher.doc_freq(&term)? > 0 {
                let count = self.spread(std::slice::from_ref(&stem))?.extent.passages;
                if count > 0 {
                    known.push((count, stem, word));
                }
            }
        }
        known.sort_by(|a, b| b.cmp(a));
        known.truncate(2);
        Ok(known.into_iter().map(|(_, stem, word)| (stem, word)).collect())
    }

    /// Lets a deed that no page names count little, where a page is about the thing that it is done to: who asks how to
    /// submit expenses is answered by the page on expenses, in whatever words that says it.
    fn weigh_deed(&self, asked: &mut [Asked], spreads: &[Rc<Spread>]) -> tantivy::Result<()> {
        let Some(deed) = asked.iter().position(|a| a.deed && a.passages == 0) else { return Ok(()) };
        let others = || (0..asked.len()).filter(|&n| n != deed);
        let Some(thing) = others().max_by(|&a, &b| asked[a].idf.total_cmp(&asked[b].idf)) else { return Ok(()) };
        let least = others().map(|n| asked[n].idf).fold(f32::MAX, f32::min);
        if self.is_headed(&spreads[thing])? {
            asked[deed].idf = UNNAMED * least;
        }
        Ok(())
    }

    pub(super) fn covered(&self, share: f32) -> f32 {
        1.0 - self.weights.coverage * (1.0 - share)
    }

    /// Adds what is said by words that stand near each other, and notes what the documents are about. The candidates stand in the index's order.
    fn see_neighbours(&self, asked: &[Asked], candidates: &mut [Candidate]) -> tantivy::Result<()> {
        for of_segment in candidates.chunk_by_mut(|a, b| a.at.segment_ord == b.at.segment_ord) {
            let segment = &self.view.segments[of_segment[0].at.segment_ord as usize];
            let mut about = vec![vec![false; asked.len()]; of_segment.len()];
            for (f, &field) in self.fields.text.iter().enumerate() {
                let (index, norms) = (&segment.words[f], &segment.norms[f]);
                let mut matched = vec![(0.0f32, 0usize); of_segment.len()];
                let mut before: Vec<Vec<u32>> = vec![Vec::new(); of_segment.len()];
                for (n, word) in asked.iter().enumerate() {
                    let mut places: Vec<Vec<u32>> = vec![Vec::new(); of_segment.len()];
                    for stem in &word.stems {
                        let term = Term::from_field_text(field, stem);
                        let option = IndexRecordOption::WithFreqsAndPositions;
                        let Some(mut docs) = index.read_postings(&term, option)? else { continue };
                        for (candidate, places) in of_segment.iter().zip(&mut places) {
                            let doc = candidate.at.doc_id;
                            if docs.doc() < doc {
                                docs.seek(doc);
                            }
                            if docs.doc() == doc {
                                docs.append_positions_with_offset(0, places);
                            }
                        }
                    }
                    if ABOUT.contains(&f) {
                        about.iter_mut().zip(&places).for_each(|(about, places)| about[n] |= !places.is_empty());
                    }
                    if n > 0 && f < NEAR {
                        let idf = word.idf.min(asked[n - 1].idf);
                        for (slot, candidate) in of_segment.iter_mut().enumerate() {
                            candidate.parts.near += idf * self.nearness(&before[slot], &places[slot]);
                        }
                    }
                    for (places, (telling, words)) in places.iter().zip(&mut matched) {
                        if !places.is_empty() {
                            *telling += word.idf;
                            *words += places.len();
                        }
                    }
                    before = places;
                }
                for (candidate, (telling, words)) in of_segment.iter_mut().zip(matched) {
                    let length = norms.fieldnorm(candidate.at.doc_id).max(1) as f32;
                    if let Some(weight) = self.weights.exact.get(f) {
                        candidate.parts.exact += weight * telling * (words as f32 / length).min(1.0);
                    }
                }
            }
            for (candidate, about) in of_segment.iter_mut().zip(about) {
                candidate.about = asked.iter().zip(about).filter(|(_, has)| *has).map(|(word, _)| word.idf).sum();
            }
        }
        Ok(())
    }

    /// How near the places of two words are: saturating counts of "one after the other" and "within eight words".
    fn nearness(&self, first: &[u32], second: &[u32]) -> f32 {
        let (mut phrases, mut pairs) = (0.0f32, 0.0f32);
        for &b in second {
            let gaps = first.iter().map(|&a| i64::from(b) - i64::from(a));
            let (mut phrase, mut pair) = (false, false);
            for gap in gaps {
                phrase |= (1..=2).contains(&gap);
                pair |= gap != 0 && gap.abs() <= 8;
            }
            phrases += f32::from(u8::from(phrase));
            pairs += f32::from(u8::from(pair));
        }
        self.weights.phrase * phrases * 2.0 / (phrases + 1.0) + self.weights.near * pairs * 2.0 / (pairs + 1.0)
    }

    /// Adds what the question's stop words say: next to nothing, but of passages that have its other words alike, the one
    /// that also says "who" and "should" is more likely meant. The candidates stand in the index's order.
    fn see_stop_words(&self, question: &Question, candidates: &mut [Candidate]) -> tantivy::Result<()> {
        let passages: Vec<DocAddress> = candidates.iter().map(|c| c.at).collect();
        for (weight, spread) in &question.stops {
            for (candidate, times) in candidates.iter_mut().zip(self.times_in(spread, &passages)?) {
                candidate.parts.stop += weight * self.saturated(times.frequency);
            }
        }
        Ok(())
    }

    /// Adds what the document as a whole says, by plain BM25: its words are counted over all of its passages, which stand
    /// next to each other in a segment, title and keywords once. The candidates stand in the index's order.
    fn gather_documents(&self, question: &Question, candidates: &mut [Candidate]) -> tantivy::Result<()> {
        let b = self.weights.b_document;
        let mut documents: Vec<Whole> = Vec::new();
        let mut passages: Vec<DocAddress> = Vec::new();
        for candidate in candidates.iter_mut() {
            let DocAddress { segment_ord, doc_id } = candidate.at;
            let segment = &self.view.segments[segment_ord as usize];
            candidate.parts.prior = segment.standing.prior(doc_id, self.today);
            candidate.group = segment.group.first(doc_id).unwrap_or_default();
            if documents.last().is_some_and(|d| d.segment == segment_ord && (d.from..=d.to).contains(&doc_id)) {
                continue;
            }
            let same = |&d: &u32| segment.group.first(d) == Some(candidate.group);
            let last = self.searcher.segment_reader(segment_ord).max_doc();
            let from = (0..=doc_id).rev().take_while(same).last().unwrap_or(doc_id);
            let to = (doc_id..last).take_while(same).last().unwrap_or(doc_id);
            let start = passages.len();
            let mut words = 0;
            for d in (from..=to).filter(|&d| segment.seen.contains(d)) {
                words += segment.length(d, passages.len() == start);
                passages.push(DocAddress::new(segment_ord, d));
            }
            let length = 1.0 - b + b * words as f32 / self.view.of_document;
            documents.push(Whole {
                segment: segment_ord,
                from,
                to,
                passages: start..passages.len(),
                length,
                score: 0.0,
            });
        }
        for (spread, weight) in question.spreads.iter().zip(&question.weights) {
            let times = self.times_in(spread, &passages)?;
            for document in &mut documents {
                let times = &times[document.passages.clone()];
                let shared = times.iter().map(|t| t.shared).fold(0.0, f32::max);
                let own = times.iter().map(|t| t.own).sum::<f32>();
                document.score += weight * self.saturated((shared + own) / document.length);
            }
        }
        let whole = question.asked.iter().map(|a| a.idf).sum::<f32>().max(f32::MIN_POSITIVE);
        let mut at = documents.iter().peekable();
        for Candidate { at: DocAddress { segment_ord, doc_id }, about, parts, .. } in candidates {
            while at.next_if(|d| (d.segment, d.to) < (*segment_ord, *doc_id)).is_some() {}
            let Some(document) = at.peek() else { break };
            parts.document = self.weights.document * document.score;
            // Squared: a page is about a question only when its title and keywords have most of it.
            let about = *about * *about / whole;
            parts.opening = if *doc_id == document.from { self.weights.opening * about } else { 0.0 };
            parts.lexical = (parts.words + parts.near + parts.exact + parts.stop) * self.covered(parts.coverage)
                + (parts.document + parts.opening);
        }
        Ok(())
    }
}

/// How much a word tells that so many of all have.
fn idf(all: usize, with: usize) -> f32 {
    let (all, with) = (all as f32, with as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// A document of which a passage is a candidate.
struct Whole {
    segment: u32,
    from: u32,
    to: u32,
    /// Which of the passages that are looked at are its own.
    passages: std::ops::Range<usize>,
    /// By how much a frequency is divided.
    length: f32,
    score: f32,
}

/// What is asked.
struct Question {
    asked: Vec<Asked>,
    /// Where each word stands.
    spreads: Vec<Rc<Spread>>,
    /// What each word counts.
    weights: Vec<f32>,
    /// What all of them count.
    all: f32,
    /// What its rarest stop words count, and where they stand.
    stops: Vec<(f32, Spread)>,
}

impl Question {
    fn sought(&self) -> Vec<Sought<'_>> {
        let pairs = self.spreads.iter().zip(&self.weights);
        pairs.map(|(spread, &weight)| Sought { spread, weight, related: false }).collect()
    }
}

/// Keeps the most telling words of a very long question.
fn shorten(asked: &mut Vec<Asked>, spreads: &mut Vec<Rc<Spread>>) {
    if asked.len() <= question::MOST {
        return;
    }
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by(|&a, &b| {
        let known = |i: usize| asked[i].passages > 0;
        known(b).cmp(&known(a)).then(asked[b].idf.total_cmp(&asked[a].idf))
    });
    let mut keep = vec![false; asked.len()];
    order.into_iter().take(question::MOST).for_each(|i| keep[i] = true);
    let mut flags = keep.iter();
    asked.retain(|_| *flags.next().unwrap_or(&false));
    let mut flags = keep.iter();
    spreads.retain(|_| *flags.next().unwrap_or(&false));
}
