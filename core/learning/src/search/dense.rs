//! Search by meaning: the cosines of a question with every passage that its asker may read.
//!
//! Which passage a vector belongs to is decided by the index: each passage there has a key made from its id and text, so
//! that a vector of another version is never used, and what may be read is the same set as for the words.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tantivy::index::SegmentId;
use tantivy::{DocAddress, Searcher, SegmentReader};

use super::Embedder;
use super::vectors::{NONE, Probe, Vectors};
use super::visible::View;

/// The vectors of an index, and the model they come from.
pub(super) struct Dense {
    pub embedder: Arc<dyn Embedder>,
    vectors: RwLock<Vectors>,
    places: Mutex<Places>,
}

/// For each segment the row of each passage, made when the vectors had this epoch.
#[derive(Default)]
struct Places {
    epoch: u64,
    segments: HashMap<SegmentId, Arc<Vec<u32>>>,
}

/// The readable passages of one segment that have a vector, and their cosines with the question.
#[derive(Default)]
struct Part {
    docs: Vec<u32>,
    cosines: Vec<f32>,
}

/// The cosines of one question with all that its asker may read.
#[derive(Default)]
pub(super) struct Near {
    parts: Vec<Part>,
}

impl Dense {
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, vectors: RwLock::default(), places: Mutex::default() }
    }

    pub fn vectors(&self) -> RwLockReadGuard<'_, Vectors> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self) -> RwLockWriteGuard<'_, Vectors> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares a question's vector with every readable passage.
    pub fn compare(&self, searcher: &Searcher, view: &View, question: &[f32]) -> tantivy::Result<Near> {
        let vectors = self.vectors();
        let probe = Probe::of(question);
        let mut near = Near::default();
        for (segment, opened) in searcher.segment_readers().iter().zip(&view.segments) {
            let places = self.places(&vectors, segment, searcher)?;
            let mut part = Part::default();
            let mut rows = Vec::new();
            for (doc, &row) in places.iter().enumerate() {
                if row != NONE && opened.seen.contains(doc as u32) {
                    part.docs.push(doc as u32);
                    rows.push(row);
                }
            }
            vectors.cosines(&probe, &rows, &mut part.cosines);
            near.parts.push(part);
        }
        Ok(near)
    }

    fn places(
        &self,
        vectors: &Vectors,
        segment: &SegmentReader,
        searcher: &Searcher,
    ) -> tantivy::Result<Arc<Vec<u32>>> {
        let kept = || self.places.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut kept = kept();
            if kept.epoch != vectors.epoch {
                *kept = Places { epoch: vectors.epoch, ..Places::default() };
            }
            if let Some(places) = kept.segments.get(&segment.segment_id()) {
                return Ok(Arc::clone(places));
            }
        }
        let keys = segment.fast_fields().u64("key")?;
        let rows = (0..segment.max_doc()).map(|doc| keys.first(doc).map_or(NONE, |key| vectors.row(key)));
        let places = Arc::new(rows.collect::<Vec<u32>>());
        let mut kept = kept();
        if kept.epoch == vectors.epoch {
            kept.segments.retain(|id, _| searcher.segment_readers().iter().any(|s| s.segment_id() == *id));
            kept.segments.insert(segment.segment_id(), Arc::clone(&places));
        }
        Ok(places)
    }
}

impl Near {
    /// The cosine with one passage; none when it has no vector, or may not be read.
    pub fn of(&self, at: DocAddress) -> Option<f32> {
        let part = self.parts.get(at.segment_ord as usize)?;
        part.docs.binary_search(&at.doc_id).ok().map(|place| part.cosines[place])
    }

    /// The `n` nearest passages, nearest first.
    pub fn nearest(&self, n: usize) -> Vec<(f32, DocAddress)> {
        let mut best: Vec<(f32, DocAddress)> = Vec::new();
        let order = |a: &(f32, DocAddress), b: &(f32, DocAddress)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        for (segment, part) in self.parts.iter().enumerate() {
            let at = |doc: u32| DocAddress::new(segment as u32, doc);
            best.extend(part.cosines.iter().zip(&part.docs).map(|(&cosine, &doc)| (cosine, at(doc))));
        }
        if best.len() > n {
            best.select_nth_unstable_by(n, order);
            best.truncate(n);
        }
        best.sort_by(order);
        best
    }
}
