//! Which passages an asker may read, as bit sets, with the statistics over exactly these.

use std::sync::{Arc, Mutex, PoisonError};

use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocSet as _, Searcher, TERMINATED, Term};

use super::Access;
use super::rank::FIELDS;
use super::schema::Fields;

/// How many askers' views are kept.
const KEPT: usize = 64;

/// What one asker sees of one state of the index.
pub(super) struct View {
    /// For each segment, the passages that may be read.
    pub segments: Vec<BitSet>,
    /// How many there are.
    pub passages: usize,
    /// Mean number of passages of a document.
    pub of_document: f32,
    /// Mean length of each field, in words, over the passages that have it.
    pub lengths: [f32; FIELDS],
    /// The languages of the passages, as primary subtags.
    pub languages: Vec<String>,
}

/// The views that were asked for last.
#[derive(Default)]
pub(super) struct Views(Mutex<Vec<(u64, Access, Arc<View>)>>);

impl Views {
    pub fn of(&self, searcher: &Searcher, fields: &Fields, access: &Access) -> tantivy::Result<Arc<View>> {
        let generation = searcher.generation().generation_id();
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, view)) = kept().iter().find(|(g, a, _)| *g == generation && a == access) {
            return Ok(Arc::clone(view));
        }
        let view = Arc::new(View::new(searcher, fields, access)?);
        let mut kept = kept();
        kept.retain(|(g, _, _)| *g == generation);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((generation, access.clone(), Arc::clone(&view)));
        Ok(view)
    }
}

impl View {
    fn new(searcher: &Searcher, fields: &Fields, access: &Access) -> tantivy::Result<Self> {
        let mut view =
            Self { segments: Vec::new(), passages: 0, of_document: 1.0, lengths: [1.0; FIELDS], languages: Vec::new() };
        let mut sums = [(0u64, 0u64); FIELDS];
        let mut documents = 0usize;
        for segment in searcher.segment_readers() {
            let mut seen = BitSet::with_max_value(segment.max_doc());
            match access {
                Access::All => segment.doc_ids_alive().for_each(|doc| {
                    seen.insert(doc);
                }),
                Access::Classes(classes) => {
                    let readers = segment.inverted_index(fields.readers)?;
                    for class in classes {
                        let term = Term::from_field_text(fields.readers, class);
                        let Some(mut postings) = readers.read_postings(&term, IndexRecordOption::Basic)? else {
                            continue;
                        };
                        while postings.doc() != TERMINATED {
                            if !segment.is_deleted(postings.doc()) {
                                seen.insert(postings.doc());
                            }
                            postings.advance();
                        }
                    }
                }
            }
            view.passages += seen.len();
            for (field, (total, with)) in fields.text.into_iter().zip(&mut sums) {
                let norms = segment.get_fieldnorms_reader(field)?;
                for doc in (0..segment.max_doc()).filter(|&doc| seen.contains(doc)) {
                    let length = norms.fieldnorm(doc);
                    *total += u64::from(length);
                    *with += u64::from(length > 0);
                }
            }
            let groups = segment.fast_fields().u64("group")?;
            let mut last = None;
            for doc in (0..segment.max_doc()).filter(|&doc| seen.contains(doc)) {
                let group = groups.first(doc);
                documents += usize::from(group != last);
                last = group;
            }
            view.see_languages(segment, fields, &seen)?;
            view.segments.push(seen);
        }
        for (length, (total, with)) in view.lengths.iter_mut().zip(sums) {
            if with > 0 {
                *length = (total as f32 / with as f32).max(1.0);
            }
        }
        view.of_document = view.passages as f32 / documents.max(1) as f32;
        Ok(view)
    }

    fn see_languages(
        &mut self,
        segment: &tantivy::SegmentReader,
        fields: &Fields,
        seen: &BitSet,
    ) -> tantivy::Result<()> {
        let index = segment.inverted_index(fields.language)?;
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let Ok(language) = std::str::from_utf8(terms.key()) else { continue };
            if self.languages.iter().any(|l| l == language) {
                continue;
            }
            let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED {
                if seen.contains(postings.doc()) {
                    self.languages.push(language.to_owned());
                    break;
                }
                postings.advance();
            }
        }
        Ok(())
    }
}
