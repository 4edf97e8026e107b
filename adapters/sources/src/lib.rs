//! Sources of content, one kind a file: each lists what is there and reads it into sections for the library.

mod confluence;
mod connector;
mod feed;
pub mod files;
pub mod git;
mod git_host;
mod notion;
mod office;
mod page;
pub mod pdf;
mod reading;
mod site;
mod turns;
mod web;
mod xml;

pub use confluence::{Confluence, ConfluenceOptions};
pub use connector::Connector;
pub use feed::Feed;
pub use files::Files;
pub use git::{Git, GitOptions};
pub use notion::{Notion, NotionOptions};
pub use page::Page;
pub use site::{Site, SiteOptions};
pub use web::{Pace, away};
