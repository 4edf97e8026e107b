//! What the adapters that speak HTTP share: the way to the outside, requests that must not leave too late,
//! connections that stay open, and signatures over time and body.

mod cookie;
mod late;
mod network;
pub mod signed;
pub mod socket;

pub use cookie::cookie;
pub use late::body;
pub use network::Network;
