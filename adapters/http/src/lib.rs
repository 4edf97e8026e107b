//! What the adapters that speak HTTP share: the way to the outside, requests that must not leave too late,
//! connections that stay open, links that say where they lead, and signatures over time and body.

mod late;
pub mod links;
mod network;
pub mod signed;
pub mod socket;

pub use late::body;
pub use network::Network;
