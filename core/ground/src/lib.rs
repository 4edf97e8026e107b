//! The ground that every part of Stoa stands on: the store, the two clocks, the ledger, xAPI statements and people.
//!
//! This crate knows no chat, no HTTP and no capability. See `ARCHITECTURE.md` for the map.

pub mod backup;
pub mod clock;
pub mod db;
pub mod ledger;
pub mod meta;
pub mod people;
pub mod sheet;
pub mod xapi;

mod digest;
mod error;
mod folder;
pub mod testing;

pub use clock::{Clock, Instant};
pub use db::{Conn, Db, Row, Tx};
pub use digest::{hex, sha256};
pub use error::{Error, Result};
pub use folder::folder_of;
