//! Where words stand among the passages that an asker may read. A word's postings are read when they are needed: of a
//! frequent word it is often enough to know how many passages have it, and what it says of a few of them.

use std::cell::OnceCell;

use tantivy::postings::Postings as _;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, TERMINATED, Term};

use super::rank::{ABOUT, FIELDS, Ranking, Weights};
use super::visible::{Segment, View};

/// Fields that stand above a text: title, headings.
const HEADINGS: usize = 2;

/// A passage that has a word, and how often.
pub(super) struct Posting {
    pub segment: u32,
    pub doc: u32,
    pub times: Times,
}

/// How often a word stands in a passage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    /// Over all fields, weighted, and divided by their lengths.
    pub frequency: f32,
    /// Just counted, in what all passages of a document have: title and keywords.
    pub shared: f32,
    /// Just counted, in what the passage has for itself: headings and body.
    pub own: f32,
}

impl std::ops::AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.frequency += other.frequency;
        self.shared += other.shared;
        self.own += other.own;
    }
}

/// How far a word reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extent {
    /// Readable passages that have it.
    pub passages: usize,
    /// Documents that these belong to.
    pub documents: usize,
    /// Its greatest weighted frequency in one of them.
    pub most: f32,
}

/// A word, and where it stands.
pub(super) struct Spread {
    stems: Vec<String>,
    pub extent: Extent,
    /// Every readable passage that has it, in the index's order, once it was read.
    postings: OnceCell<Vec<Posting>>,
}

impl Spread {
    /// Whether this is the word of these stems.
    pub fn is_of(&self, stems: &[String]) -> bool {
        self.stems == stems
    }
}

/// By how much a frequency is divided in a field, for each of the 256 lengths that the index tells apart.
pub(super) type Lengths = [[f32; 256]; FIELDS];

pub(super) fn lengths(view: &View, weights: &Weights) -> Lengths {
    std::array::from_fn(|f| {
        let (b, mean) = (weights.b[f], view.lengths[f]);
        std::array::from_fn(|code| {
            let length = tantivy::fieldnorm::FieldNormReader::id_to_fieldnorm(code as u8) as f32;
            1.0 - b + b * length / mean
        })
    })
}

impl Ranking<'_> {
    /// What is known of the word of these stems.
    pub fn spread(&self, stems: &[String]) -> tantivy::Result<Spread> {
        let stems = stems.to_vec();
        if let Some(extent) = self.view.extent(&stems) {
            return Ok(Spread { stems, extent, postings: OnceCell::new() });
        }
        let postings = self.read(&stems)?;
        let most = postings.iter().map(|p| p.times.frequency).fold(0.0, f32::max);
        let group = |p: &Posting| self.view.segments[p.segment as usize].group.first(p.doc);
        let documents = postings.chunk_by(|a, b| group(a) == group(b)).count();
        let extent = Extent { passages: postings.len(), documents, most };
        if extent.passages >= self.weights.frequent {
            self.view.remember(&stems, extent);
        }
        Ok(Spread { stems, extent, postings: OnceCell::from(postings) })
    }

    /// Whether the word stands in a readable title or heading.
    pub fn is_headed(&self, spread: &Spread) -> tantivy::Result<bool> {
        for segment in &self.view.segments {
            for (f, &field) in self.fields.text[..HEADINGS].iter().enumerate() {
                for stem in &spread.stems {
                    let term = Term::from_field_text(field, stem);
                    let option = IndexRecordOption::Basic;
                    let Some(mut docs) = segment.words[f].read_postings(&term, option)? else { continue };
                    while docs.doc() != TERMINATED {
                        if segment.seen.contains(docs.doc()) {
                            return Ok(true);
                        }
                        docs.advance();
                    }
                }
            }
        }
        Ok(false)
    }

    /// Every readable passage that has the word.
    pub fn postings<'s>(&self, spread: &'s Spread) -> tantivy::Result<&'s [Posting]> {
        if let Some(postings) = spread.postings.get() {
            return Ok(postings);
        }
        let postings = self.read(&spread.stems)?;
        Ok(spread.postings.get_or_init(|| postings))
    }

    fn read(&self, stems: &[String]) -> tantivy::Result<Vec<Posting>> {
        let mut out = Vec::new();
        for (ordinal, segment) in self.view.segments.iter().enumerate() {
            let start = out.len();
            for (f, &field) in self.fields.text.iter().enumerate() {
                if self.weights.field[f] == 0.0 {
                    continue;
                }
                for stem in stems {
                    let term = Term::from_field_text(field, stem);
                    let option = IndexRecordOption::WithFreqs;
                    let Some(mut block) = segment.words[f].read_block_postings(&term, option)? else { continue };
                    while !block.docs().is_empty() {
                        for (&doc, &times) in block.docs().iter().zip(block.freqs()) {
                            if segment.seen.contains(doc) {
                                let times = self.times(segment, f, doc, times);
                                out.push(Posting { segment: ordinal as u32, doc, times });
                            }
                        }
                        block.advance();
                    }
                }
            }
            merge(&mut out, start);
        }
        Ok(out)
    }

    /// How often the word stands in each of these passages, which are in the index's order.
    pub fn times_in(&self, spread: &Spread, passages: &[DocAddress]) -> tantivy::Result<Vec<Times>> {
        let mut out = vec![Times::default(); passages.len()];
        if let Some(postings) = spread.postings.get() {
            let mut rest = postings.as_slice();
            for (at, out) in passages.iter().zip(&mut out) {
                let here = (at.segment_ord, at.doc_id);
                rest = &rest[rest.partition_point(|p| (p.segment, p.doc) < here)..];
                if let Some(p) = rest.first().filter(|p| (p.segment, p.doc) == here) {
                    *out = p.times;
                }
            }
            return Ok(out);
        }
        let mut start = 0;
        for part in passages.chunk_by(|a, b| a.segment_ord == b.segment_ord) {
            let segment = &self.view.segments[part[0].segment_ord as usize];
            let out = &mut out[start..start + part.len()];
            start += part.len();
            for (f, &field) in self.fields.text.iter().enumerate() {
                if self.weights.field[f] == 0.0 {
                    continue;
                }
                for stem in &spread.stems {
                    let term = Term::from_field_text(field, stem);
                    let option = IndexRecordOption::WithFreqs;
                    let Some(mut docs) = segment.words[f].read_postings(&term, option)? else { continue };
                    for (at, out) in part.iter().zip(out.iter_mut()) {
                        if docs.doc() < at.doc_id {
                            docs.seek(at.doc_id);
                        }
                        if docs.doc() == at.doc_id && segment.seen.contains(at.doc_id) {
                            *out += self.times(segment, f, at.doc_id, docs.term_freq());
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    fn times(&self, segment: &Segment, field: usize, doc: u32, times: u32) -> Times {
        let length = segment.norms[field].fieldnorm_id(doc);
        let times = times as f32;
        let frequency = self.weights.field[field] * times / self.lengths[field][usize::from(length)];
        let (shared, own) = if ABOUT.contains(&field) { (times, 0.0) } else { (0.0, times) };
        Times { frequency, shared, own }
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
            let times = out[i].times;
            out[kept].times += times;
        } else {
            kept += 1;
            out.swap(kept, i);
        }
    }
    out.truncate(kept + 1);
}
