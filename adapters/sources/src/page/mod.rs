//! One file read into sections: its bytes decoded, its markup reduced to CommonMark.

mod code;
mod decode;
mod front;
mod html;
mod markdown;
mod plain;
mod template;
mod write;

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use stoa_learning::library::Section;

pub use decode::decode;
pub use html::html;
pub use markdown::markdown;
pub use plain::{from_file_name, plain};

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
    /// Words for finding it.
    pub keywords: String,
    /// Where it has moved to, if it only points elsewhere.
    pub moved: Option<String>,
    /// Its content.
    pub sections: Vec<Section>,
    /// What is odd about it, one sentence each.
    pub warnings: Vec<String>,
}

/// A line of plain text as CommonMark that shows the same characters.
pub(crate) fn escape_line(line: &str) -> String {
    write::escaped(line)
}
