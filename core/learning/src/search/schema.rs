//! What is stored for a passage in the index.

use std::collections::BTreeMap;

use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, Term};

use super::{embed, markup, sketch, standing};
use crate::library::Passage;
use crate::stop;
use crate::words::{self, Stems};

/// Raised whenever the fields, the words or their meaning change: an index with another number is rebuilt.
pub(super) const FORMAT: u32 = 4;

/// Stems of a passage that are kept for [`Fields::telling`], the most frequent ones.
const TELLING: usize = 80;

/// The fields of the index.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub schema: Schema,
    pub passage: Field,
    pub document: Field,
    pub version: Field,
    /// Who may read it, one term each.
    pub readers: Field,
    pub language: Field,
    /// A number for passage and text, by which its vector is found.
    pub key: Field,
    /// What speaks for the passage whatever the question and the day are, in thousandths.
    pub prior: Field,
    /// The day on which it should be looked at again, and the one on which Stoa saw it first: days since 1970.
    pub days: [Field; 2],
    /// A number for the document, to bring its passages together quickly.
    pub group: Field,
    /// A number for what the passage says, see [`sketch`].
    pub sketch: Field,
    /// What the passage is made of: its stems with their counts, stored, not searched.
    pub telling: Field,
    /// The searched fields, in the order of [`super::rank::FIELDS`].
    pub text: [Field; 4],
}

impl Fields {
    pub fn new() -> Self {
        let mut schema = Schema::builder();
        let words = || {
            TextOptions::default().set_indexing_options(
                TextFieldIndexing::default()
                    .set_tokenizer("raw")
                    .set_index_option(IndexRecordOption::WithFreqsAndPositions),
            )
        };
        Self {
            passage: schema.add_text_field("passage", STRING | STORED),
            document: schema.add_text_field("document", STRING | STORED),
            version: schema.add_text_field("version", STORED),
            readers: schema.add_text_field("readers", STRING),
            language: schema.add_text_field("language", STRING),
            key: schema.add_u64_field("key", FAST),
            prior: schema.add_u64_field("prior", FAST),
            days: ["review", "stored"].map(|name| schema.add_i64_field(name, FAST)),
            group: schema.add_u64_field("group", FAST),
            sketch: schema.add_u64_field("sketch", FAST),
            telling: schema.add_text_field("telling", STORED),
            text: ["title", "headings", "body", "keywords"].map(|name| schema.add_text_field(name, words())),
            schema: schema.build(),
        }
    }

    /// The index's view of a passage.
    pub fn document(&self, passage: &Passage) -> TantivyDocument {
        let stems = Stems::of(passage.language.as_deref());
        let mut doc = TantivyDocument::default();
        doc.add_text(self.passage, &passage.id);
        doc.add_text(self.document, &passage.document);
        doc.add_text(self.version, &passage.version);
        for reader in &passage.readers {
            doc.add_text(self.readers, reader);
        }
        doc.add_text(self.language, words::primary(passage.language.as_deref()));
        doc.add_u64(self.key, embed::key(passage));
        doc.add_u64(self.prior, standing::of(passage));
        for (field, day) in self.days.into_iter().zip(standing::days(passage)) {
            doc.add_i64(field, day);
        }
        doc.add_u64(self.group, group(&passage.document));
        let body = markup::plain(&passage.text);
        let headings = passage.headings.join("\n");
        let (titled, said) = (words::words(&passage.title), words::words(&body));
        doc.add_u64(self.sketch, sketch::of(&said));
        doc.add_text(self.telling, telling(&titled, &said, &stems));
        let all = [titled, words::words(&headings), said, words::words(&passage.keywords)];
        for (field, words) in self.text.into_iter().zip(all) {
            doc.add_pre_tokenized_text(
                field,
                PreTokenizedString { text: String::new(), tokens: tokens(words, &stems) },
            );
        }
        doc
    }

    pub fn of_document(&self, document: &str) -> Term {
        Term::from_field_text(self.document, document)
    }

    /// The stems and counts of the field `telling`.
    pub fn telling(stored: &str) -> impl Iterator<Item = (&str, f32)> {
        let pairs = stored.split(' ').filter_map(|pair| pair.rsplit_once(':'));
        pairs.filter_map(|(stem, count)| Some((stem, count.parse().ok()?)))
    }

    pub fn stored(doc: &TantivyDocument, field: Field) -> String {
        doc.get_first(field).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
    }
}

fn tokens(words: Vec<words::Word>, stems: &Stems) -> Vec<Token> {
    words
        .into_iter()
        .map(|w| Token {
            offset_from: w.from,
            offset_to: w.to,
            position: w.place,
            text: stems.stem(&w.folded),
            position_length: 1,
        })
        .collect()
}

/// The most frequent stems of a passage, each with its count behind a colon; words that tell nothing are left out.
fn telling(title: &[words::Word], body: &[words::Word], stems: &Stems) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for word in title.iter().chain(body) {
        if word.folded.len() >= 3 && !stop::is_stop_word(&word.folded) {
            *counts.entry(stems.stem(&word.folded)).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, u32)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(TELLING);
    let pairs: Vec<String> = counts.into_iter().map(|(stem, count)| format!("{stem}:{count}")).collect();
    pairs.join(" ")
}

/// FNV-1a, 64 bits: the same number for the same document in every segment.
fn group(document: &str) -> u64 {
    document.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
