//! Sources of content, one kind a file: each lists what is there and reads it into sections for the library.

pub mod files;
mod page;
pub mod pdf;

pub use files::Files;
pub use page::Page;
