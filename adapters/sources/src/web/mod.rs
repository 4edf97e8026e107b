//! What the sources that are reached over HTTP share.

mod address;
pub(crate) mod api;
mod client;

pub use client::Pace;
pub(crate) use client::{Answer, Ask, Client, Content, Failure, Validators};

use reqwest::Url;
use stoa_ground::{Error, Result};
use stoa_learning::library::Found;
use tokio::sync::mpsc;

/// The address of a source.
pub(crate) fn address(url: &str) -> Result<Url> {
    let parsed = Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.host_str().is_some());
    parsed.filter(|u| u.username().is_empty() && u.password().is_none()).ok_or_else(|| {
        Error::invalid(format!("[[library.sources]] url: '{url}' is not an address like https://docs.example.org/"))
    })
}

/// The address of a source below which everything lies.
pub(crate) fn folder(url: &str) -> Result<Url> {
    let mut base = address(url)?;
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

/// Hands over what was found.
pub(crate) async fn send(out: &mpsc::Sender<Found>, found: Found) -> Result<()> {
    out.send(found).await.map_err(|_| Error::Io("the sync ended early".into()))
}
