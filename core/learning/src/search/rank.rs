//! Our ranking: BM25F over title, headings, body and keywords, counted over what the asker may read; then, for the
//! best candidates, how near the question's words stand to each other, how much of the question is covered, and what
//! the rest of the document says.

use std::collections::{HashMap, HashSet};

use tantivy::postings::Postings as _;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, Searcher, TERMINATED, TantivyDocument, Term};

use super::dense::Near;
use super::question::{self, Asked};
use super::related::Related;
use super::schema::Fields;
use super::visible::View;
use super::{Found, Hit, fuse, standing};

/// Number of searched fields: title, headings, body, keywords.
pub(super) const FIELDS: usize = 4;
/// Fields in which words can stand near each other: title, headings, body.
const NEAR: usize = 3;

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
    /// For the opening of a document whose title has the question's words.
    pub opening: f32,
    /// How much of the score depends on the share of the question that is covered.
    pub coverage: f32,
    /// What all passages of the document together add.
    pub document: f32,
    /// How much the number of a document's passages counts against it.
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
}

impl Default for Weights {
    fn default() -> Self {
        // Varied one after the other on four judged sets (examples/tune.rs): abstracts with long questions, a library
        // collection, encyclopaedia passages and handbook sections. All lie on a plateau; small changes change little.
        Self {
            k1: 2.4,
            field: [1.25, 1.2, 1.0, 1.0],
            b: [0.7, 0.5, 0.5, 0.5],
            phrase: 0.3,
            near: 0.1,
            exact: [0.75, 0.75],
            opening: 0.3,
            coverage: 0.2,
            document: 0.4,
            b_document: 0.5,
            related: 0.3,
            related_from: [10, 16],
            related_long: 6,
            candidates: 100,
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
    /// The opening of a document that is about the question.
    pub opening: f32,
    /// What the rest of the document adds.
    pub document: f32,
    /// What the best passages have in common beside the question's words.
    pub related: f32,
    /// What speaks for or against the document whatever the question is; the rest is multiplied by it.
    pub prior: f32,
    /// All of that together: the score by words.
    pub lexical: f32,
    /// The cosine of passage and question; none without a vector.
    pub cosine: Option<f32>,
}

pub(super) struct Ranking<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub view: &'a View,
    pub weights: &'a Weights,
    pub near: &'a Near,
    /// Today, in days since 1970.
    pub today: i64,
}

/// A passage that has a word, and the word's weighted frequency there.
pub(super) struct Posting {
    pub segment: u32,
    pub doc: u32,
    pub frequency: f32,
}

pub(super) struct Candidate {
    pub at: DocAddress,
    /// A number for its document.
    pub group: u64,
    /// What the title has of the question.
    title: f32,
    pub score: f32,
    pub parts: Parts,
}

impl Ranking<'_> {
    pub fn search(&self, question: &str, limit: usize) -> tantivy::Result<Found> {
        let mut asked = question::read(question, &self.view.languages);
        let mut postings = Vec::with_capacity(asked.len());
        let typos = asked.len() <= question::TYPOS;
        for word in &mut asked {
            let mut found = self.postings(&word.stems)?;
            if found.is_empty() && typos && !word.stop {
                let near = self.correct(&word.word)?;
                if !near.is_empty() {
                    found = self.postings(&near)?;
                    word.stems = near;
                    word.corrected = true;
                }
            }
            word.passages = found.len();
            word.idf = self.idf(found.len());
            postings.push(found);
        }
        shorten(&mut asked, &mut postings);
        let weight = |a: &Asked| a.idf * (1.0 + (a.times.min(4) as f32).ln()) * if a.corrected { 0.8 } else { 1.0 };
        let all: f32 = asked.iter().map(weight).sum();
        let mut found = Found {
            readable: self.view.passages,
            ideal: all * (self.weights.k1 + 1.0) * (1.0 + self.weights.document),
            ..Found::default()
        };
        let mut candidates = self.rank(&asked, &postings, weight, all, &[])?;
        if self.weights.related > 0.0 && asked.len() >= self.weights.related_long {
            let related = self.related(&mut candidates, self.weights.related * all)?;
            if !related.is_empty() {
                candidates = self.rank(&asked, &postings, weight, all, &related)?;
                found.related = related.into_iter().map(|r| r.stem).collect();
            }
        }
        fuse::fuse(&mut found, asked.len(), &mut candidates);
        candidates.iter_mut().for_each(|c| c.score *= c.parts.prior);
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
        for candidate in candidates.into_iter().take(limit) {
            let doc: TantivyDocument = self.searcher.doc(candidate.at)?;
            found.hits.push(Hit {
                passage_id: Fields::stored(&doc, self.fields.passage),
                document_id: Fields::stored(&doc, self.fields.document),
                version: Fields::stored(&doc, self.fields.version),
                score: candidate.score,
                parts: candidate.parts,
            });
        }
        found.asked = asked;
        Ok(found)
    }

    /// The best passages, in no order.
    fn rank(
        &self,
        asked: &[Asked],
        postings: &[Vec<Posting>],
        weight: impl Fn(&Asked) -> f32 + Copy,
        all: f32,
        related: &[Related],
    ) -> tantivy::Result<Vec<Candidate>> {
        let mut candidates = self.candidates(asked, postings, weight, all, related)?;
        self.look_closely(asked, &mut candidates)?;
        self.gather_documents(asked, postings, weight, &mut candidates)?;
        for candidate in &mut candidates {
            candidate.parts.lexical = candidate.score;
            candidate.score += candidate.parts.related;
        }
        Ok(candidates)
    }

    pub(super) fn idf(&self, passages: usize) -> f32 {
        let (all, with) = (self.view.passages as f32, passages as f32);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    /// Every readable passage that has one of the stems.
    pub(super) fn postings(&self, stems: &[String]) -> tantivy::Result<Vec<Posting>> {
        let mut out = Vec::new();
        for (ordinal, (segment, seen)) in self.searcher.segment_readers().iter().zip(&self.view.segments).enumerate() {
            let start = out.len();
            for (f, &field) in self.fields.text.iter().enumerate() {
                if self.weights.field[f] == 0.0 {
                    continue;
                }
                let index = segment.inverted_index(field)?;
                let norms = segment.get_fieldnorms_reader(field)?;
                let (weight, b, mean) = (self.weights.field[f], self.weights.b[f], self.view.lengths[f]);
                for stem in stems {
                    let term = Term::from_field_text(field, stem);
                    let Some(mut docs) = index.read_postings(&term, IndexRecordOption::WithFreqs)? else { continue };
                    while docs.doc() != TERMINATED {
                        let doc = docs.doc();
                        if seen.contains(doc) {
                            let length = norms.fieldnorm(doc) as f32;
                            let frequency = weight * docs.term_freq() as f32 / (1.0 - b + b * length / mean);
                            out.push(Posting { segment: ordinal as u32, doc, frequency });
                        }
                        docs.advance();
                    }
                }
            }
            merge(&mut out, start);
        }
        Ok(out)
    }

    /// Stems of known words that differ from an unknown one by a letter; the two most frequent.
    fn correct(&self, word: &str) -> tantivy::Result<Vec<String>> {
        let mut known: Vec<(usize, String)> = Vec::new();
        let stems = super::words::Stems::of(self.view.languages.first().map(String::as_str));
        let mut near: Vec<String> = question::one_letter_off(word).iter().map(|w| stems.stem(w)).collect();
        near.sort();
        near.dedup();
        let body = self.fields.text[2];
        for stem in near {
            let term = Term::from_field_text(body, &stem);
            if self.searcher.doc_freq(&term)? > 0 {
                let stem = [stem];
                let count = self.postings(&stem)?.len();
                let [stem] = stem;
                if count > 0 {
                    known.push((count, stem));
                }
            }
        }
        known.sort_by(|a, b| b.cmp(a));
        known.truncate(2);
        Ok(known.into_iter().map(|(_, stem)| stem).collect())
    }

    /// The best passages by their words alone.
    fn candidates(
        &self,
        asked: &[Asked],
        postings: &[Vec<Posting>],
        weight: impl Fn(&Asked) -> f32,
        all: f32,
        related: &[Related],
    ) -> tantivy::Result<Vec<Candidate>> {
        let k1 = self.weights.k1;
        let mut scores: Vec<Vec<(f32, f32, f32)>> =
            self.searcher.segment_readers().iter().map(|s| vec![(0.0, 0.0, 0.0); s.max_doc() as usize]).collect();
        let mut touched = Vec::new();
        for (word, postings) in asked.iter().zip(postings) {
            let weight = weight(word);
            for p in postings {
                let cell = &mut scores[p.segment as usize][p.doc as usize];
                if cell.1 == 0.0 {
                    touched.push(DocAddress::new(p.segment, p.doc));
                }
                cell.0 += weight * p.frequency * (k1 + 1.0) / (p.frequency + k1);
                cell.1 += weight;
            }
        }
        for Related { weight, postings, .. } in related {
            for p in postings {
                let cell = &mut scores[p.segment as usize][p.doc as usize];
                if cell.1 == 0.0 && cell.2 == 0.0 {
                    touched.push(DocAddress::new(p.segment, p.doc));
                }
                cell.2 += weight * p.frequency * (k1 + 1.0) / (p.frequency + k1);
            }
        }
        let mut best: Vec<(f32, DocAddress)> = touched
            .into_iter()
            .map(|at| {
                let (words, covered, related) = scores[at.segment_ord as usize][at.doc_id as usize];
                (words * self.covered(covered / all) + related, at)
            })
            .collect();
        let order = |a: &(f32, DocAddress), b: &(f32, DocAddress)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if best.len() > self.weights.candidates {
            best.select_nth_unstable_by(self.weights.candidates, order);
            best.truncate(self.weights.candidates);
        }
        best.sort_by(order);
        let mut chosen: HashSet<DocAddress> = best.iter().map(|(_, at)| *at).collect();
        let by_meaning = self.near.nearest(self.weights.candidates).into_iter().map(|(_, at)| at);
        let by_meaning: Vec<DocAddress> = by_meaning.filter(|at| chosen.insert(*at)).collect();
        Ok(best
            .into_iter()
            .map(|(_, at)| at)
            .chain(by_meaning)
            .map(|at| {
                let (words, covered, related) = scores[at.segment_ord as usize][at.doc_id as usize];
                let coverage = if all > 0.0 { covered / all } else { 0.0 };
                let parts = Parts { words, coverage, related, cosine: self.near.of(at), ..Parts::default() };
                Candidate { at, group: 0, title: 0.0, score: 0.0, parts }
            })
            .collect())
    }

    fn covered(&self, share: f32) -> f32 {
        1.0 - self.weights.coverage * (1.0 - share)
    }

    /// Adds what is said by words that stand near each other.
    fn look_closely(&self, asked: &[Asked], candidates: &mut [Candidate]) -> tantivy::Result<()> {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by_key(|&i| candidates[i].at);
        for (ordinal, segment) in self.searcher.segment_readers().iter().enumerate() {
            let of_segment: Vec<usize> =
                order.iter().copied().filter(|&i| candidates[i].at.segment_ord as usize == ordinal).collect();
            for (f, &field) in self.fields.text[..NEAR].iter().enumerate() {
                let index = segment.inverted_index(field)?;
                let norms = segment.get_fieldnorms_reader(field)?;
                let mut matched = vec![(0.0f32, 0usize); of_segment.len()];
                let mut before: Vec<Vec<u32>> = vec![Vec::new(); of_segment.len()];
                for (n, word) in asked.iter().enumerate() {
                    let mut places: Vec<Vec<u32>> = vec![Vec::new(); of_segment.len()];
                    for stem in &word.stems {
                        let term = Term::from_field_text(field, stem);
                        let option = IndexRecordOption::WithFreqsAndPositions;
                        let Some(mut docs) = index.read_postings(&term, option)? else { continue };
                        for (slot, &i) in of_segment.iter().enumerate() {
                            let doc = candidates[i].at.doc_id;
                            if docs.doc() < doc {
                                docs.seek(doc);
                            }
                            if docs.doc() == doc {
                                docs.append_positions_with_offset(0, &mut places[slot]);
                            }
                        }
                    }
                    if n > 0 {
                        let idf = word.idf.min(asked[n - 1].idf);
                        for (slot, &i) in of_segment.iter().enumerate() {
                            candidates[i].parts.near += idf * self.nearness(&before[slot], &places[slot]);
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
                for (&i, (telling, words)) in of_segment.iter().zip(matched) {
                    let candidate = &mut candidates[i];
                    let length = norms.fieldnorm(candidate.at.doc_id).max(1) as f32;
                    if let Some(weight) = self.weights.exact.get(f) {
                        candidate.parts.exact += weight * telling * (words as f32 / length).min(1.0);
                    }
                    if f == 0 {
                        candidate.title = telling;
                    }
                }
            }
        }
        for c in candidates {
            c.score = (c.parts.words + c.parts.near + c.parts.exact) * self.covered(c.parts.coverage);
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

    /// Adds what the document as a whole says: its passages stand next to each other in a segment.
    fn gather_documents(
        &self,
        asked: &[Asked],
        postings: &[Vec<Posting>],
        weight: impl Fn(&Asked) -> f32,
        candidates: &mut [Candidate],
    ) -> tantivy::Result<()> {
        let (k1, b) = (self.weights.k1, self.weights.b_document);
        let whole = asked.iter().map(|a| a.idf).sum::<f32>().max(f32::MIN_POSITIVE);
        let mut known: HashMap<(u32, u32), f32> = HashMap::new();
        for candidate in candidates {
            let (segment, doc) = (candidate.at.segment_ord, candidate.at.doc_id);
            let reader = self.searcher.segment_reader(segment);
            let groups = reader.fast_fields().u64("group")?;
            candidate.parts.prior = standing::prior(reader, doc, self.today)?;
            candidate.group = groups.first(doc).unwrap_or_default();
            let same = |&d: &u32| groups.first(d) == groups.first(doc);
            let from = (0..=doc).rev().take_while(same).last().unwrap_or(doc);
            let to = (doc..reader.max_doc()).take_while(same).last().unwrap_or(doc);
            let score = *known.entry((segment, from)).or_insert_with(|| {
                let seen = &self.view.segments[segment as usize];
                let passages = (from..=to).filter(|&d| seen.contains(d)).count() as f32;
                let length = 1.0 - b + b * passages / self.view.of_document;
                let of_word = |(word, postings): (&Asked, &Vec<Posting>)| {
                    let start = postings.partition_point(|p| (p.segment, p.doc) < (segment, from));
                    let here = postings[start..].iter().take_while(|p| (p.segment, p.doc) <= (segment, to));
                    let frequency = here.map(|p| p.frequency).sum::<f32>() / length;
                    weight(word) * frequency * (k1 + 1.0) / (frequency + k1)
                };
                asked.iter().zip(postings).map(of_word).sum()
            });
            candidate.parts.document = self.weights.document * score;
            // Squared: a page is about a question only when its title has most of it.
            let about = candidate.title * candidate.title / whole;
            candidate.parts.opening = if doc == from { self.weights.opening * about } else { 0.0 };
            candidate.score += candidate.parts.document + candidate.parts.opening;
        }
        Ok(())
    }
}

/// Brings the postings of one segment into one for each passage.
fn merge(out: &mut Vec<Posting>, start: usize) {
    let part = &mut out[start..];
    if part.windows(2).all(|w| w[0].doc < w[1].doc) {
        return;
    }
    part.sort_by_key(|p| p.doc);
    let mut kept = start;
    for i in start + 1..out.len() {
        if out[i].doc == out[kept].doc {
            out[kept].frequency += out[i].frequency;
        } else {
            kept += 1;
            out.swap(kept, i);
        }
    }
    out.truncate(kept + 1);
}

/// Keeps the most telling words of a very long question.
fn shorten(asked: &mut Vec<Asked>, postings: &mut Vec<Vec<Posting>>) {
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
    postings.retain(|_| *flags.next().unwrap_or(&false));
}
