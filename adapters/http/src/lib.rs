//! What the adapters that speak HTTP share: the way to the outside, requests that must not leave too late,
//! connections that stay open, signatures over time and body, what is kept in memory only, and turns under a limit.

mod cookie;
mod late;
mod memory;
mod network;
pub mod signed;
pub mod socket;
mod turn;

pub use cookie::{cookie, set_cookie};
pub use late::body;
pub use memory::{believed, locked, remember};
pub use network::Network;
pub use turn::Turn;
