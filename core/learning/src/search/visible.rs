//! Which passages an asker may read, as bit sets, with the statistics over exactly these.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocSet as _, InvertedIndexReader, Searcher, SegmentReader, TERMINATED, Term};

use super::postings::Extent;
use super::rank::FIELDS;
use super::schema::Fields;
use super::{Access, standing};

/// How many askers' views are kept.
const KEPT: usize = 64;
/// Of how many frequent words a view remembers how far they reach.
const REMEMBERED: usize = 4_096;

/// What one asker sees of one state of the index.
pub(super) struct View {
    pub segments: Vec<Segment>,
    /// How many there are.
    pub passages: usize,
    /// Documents that they belong to.
    pub documents: usize,
    /// Mean length of a document, in words, as [`Segment::length`] counts them.
    pub of_document: f32,
    /// Mean length of each field, in words, over the passages that have it.
    pub lengths: [f32; FIELDS],
    /// The languages of the passages, as primary subtags.
    pub languages: Vec<String>,
    /// How far frequent words reach, by their stems.
    extents: Mutex<HashMap<Vec<String>, Extent>>,
}

/// A segment of the index, opened.
pub(super) struct Segment {
    /// The passages that may be read.
    pub seen: BitSet,
    /// Where the words of each field stand.
    pub words: [Arc<InvertedIndexReader>; FIELDS],
    /// How long each field is.
    pub norms: [FieldNormReader; FIELDS],
    /// The number of the document.
    pub group: Column<u64>,
    /// What each passage says, as [`super::sketch`] has it.
    pub sketch: Column<u64>,
    pub standing: standing::Columns,
}

impl Segment {
    fn open(segment: &SegmentReader, fields: &Fields, seen: BitSet) -> tantivy::Result<Self> {
        let [title, headings, body, keywords] = fields.text;
        let words = |field| segment.inverted_index(field);
        let norms = |field| segment.get_fieldnorms_reader(field);
        Ok(Self {
            seen,
            words: [words(title)?, words(headings)?, words(body)?, words(keywords)?],
            norms: [norms(title)?, norms(headings)?, norms(body)?, norms(keywords)?],
            group: segment.fast_fields().u64("group")?,
            sketch: segment.fast_fields().u64("sketch")?,
            standing: standing::Columns::of(segment)?,
        })
    }

    /// What a passage adds to the length of its document, in words. Its first one brings title and keywords, which all
    /// of them have.
    pub fn length(&self, doc: u32, first: bool) -> u32 {
        let [title, headings, body, keywords] = self.norms.each_ref().map(|norms| norms.fieldnorm(doc));
        headings + body + if first { title + keywords } else { 0 }
    }
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
        let mut view = Self {
            segments: Vec::new(),
            passages: 0,
            documents: 0,
            of_document: 1.0,
            lengths: [1.0; FIELDS],
            languages: Vec::new(),
            extents: Mutex::default(),
        };
        let mut sums = [(0u64, 0u64); FIELDS];
        let mut words = 0u64;
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
            view.see_languages(segment, fields, &seen)?;
            let opened = Segment::open(segment, fields, seen)?;
            let seen = &opened.seen;
            for (norms, (total, with)) in opened.norms.iter().zip(&mut sums) {
                for doc in (0..segment.max_doc()).filter(|&doc| seen.contains(doc)) {
                    let length = norms.fieldnorm(doc);
                    *total += u64::from(length);
                    *with += u64::from(length > 0);
                }
            }
            let mut last = None;
            for doc in (0..segment.max_doc()).filter(|&doc| seen.contains(doc)) {
                let group = opened.group.first(doc);
                view.documents += usize::from(group != last);
                words += u64::from(opened.length(doc, group != last));
                last = group;
            }
            view.segments.push(opened);
        }
        for (length, (total, with)) in view.lengths.iter_mut().zip(sums) {
            if with > 0 {
                *length = (total as f32 / with as f32).max(1.0);
            }
        }
        view.of_document = (words as f32 / view.documents.max(1) as f32).max(1.0);
        Ok(view)
    }

    /// How far the word of these stems reaches, where that is remembered.
    pub fn extent(&self, stems: &[String]) -> Option<Extent> {
        self.extents.lock().unwrap_or_else(PoisonError::into_inner).get(stems).copied()
    }

    pub fn remember(&self, stems: &[String], extent: Extent) {
        let mut extents = self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        if extents.len() >= REMEMBERED {
            extents.clear();
        }
        extents.insert(stems.to_vec(), extent);
    }

    fn see_languages(&mut self, segment: &SegmentReader, fields: &Fields, seen: &BitSet) -> tantivy::Result<()> {
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
