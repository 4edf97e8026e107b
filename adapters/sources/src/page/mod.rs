//! One file read into sections: its bytes decoded, its markup reduced to CommonMark.

mod code;
mod decode;
mod front;
mod html;
mod markdown;
mod plain;
mod site;
mod subtitles;
mod template;
mod write;

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use stoa_learning::library::{Item, Section};

pub use decode::decode;
pub use html::{html, is_language, made, of_site, words};
pub use markdown::markdown;
pub use plain::{from_file_name, plain};
pub use site::{AGENT, Around, robots};
pub use subtitles::subtitles;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The title that it gives itself.
    pub title: Option<String>,
    /// BCP 47 tag, if it says so.
    pub language: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The day on which it should be looked at again.
    pub review_date: Option<Date>,
    /// Why it should not be relied on any more, if it says so.
    pub deprecated: Option<String>,
    /// Words for finding it.
    pub keywords: String,
    /// Where it has moved to, if it only points elsewhere.
    pub moved: Option<String>,
    /// Its content.
    pub sections: Vec<Section>,
    /// What is odd about it, one sentence each.
    pub warnings: Vec<String>,
}

impl Page {
    /// The page as a document of a source, with what is odd about it. `untitled` gives a title where it has none.
    pub(crate) fn into_item(self, location: String, untitled: impl FnOnce() -> String) -> (Box<Item>, Vec<String>) {
        let item = Item {
            title: self.title.filter(|t| !t.trim().is_empty()).unwrap_or_else(untitled),
            location,
            language: self.language,
            owner: self.owner,
            review_date: self.review_date,
            keywords: self.keywords,
            deprecated: self.deprecated,
            sections: self.sections,
            ..Item::default()
        };
        (Box::new(item), self.warnings)
    }
}

/// A line of plain text as CommonMark that shows the same characters.
pub(crate) fn escape_line(line: &str) -> String {
    write::escaped(line)
}
