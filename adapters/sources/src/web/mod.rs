//! What the sources that are reached over HTTP share.

mod address;
pub(crate) mod api;
pub mod away;
mod client;

pub use client::Pace;
pub(crate) use client::{Answer, Ask, Client, Content, Failure, Validators};

use reqwest::Url;
use stoa_ground::{Error, Result};
use stoa_learning::library::{Found, Known};
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

/// A document that could not be had is a problem of its own; a server that gives no answers ends the scan.
pub(crate) fn broken(location: String, failure: Failure) -> Result<Found> {
    match failure {
        Failure::Away(sentence) => Err(Error::Io(format!("{location}: {sentence}"))),
        failure => Ok(Found::Broken(location, failure.sentence())),
    }
}

/// Ends the scan of a source that could not be listed. What a server does not let Stoa list, it may have closed to others
/// as well: nobody reads it here until it is listed again.
pub(crate) async fn unlisted<T>(failure: Failure, known: &Known, out: &mpsc::Sender<Found>) -> Result<T> {
    if matches!(failure, Failure::Denied(_)) {
        close(known.documents.keys(), out).await?;
    }
    Err(Error::Io(why_unlisted(failure)))
}

/// The sentence about what could not be listed.
pub(crate) fn why_unlisted(failure: Failure) -> String {
    match failure {
        Failure::Denied(sentence) => format!("{sentence}; until then nobody reads here what it had"),
        failure => failure.sentence(),
    }
}

/// Lets nobody read what is at these locations, until it has been read again.
pub(crate) async fn close(locations: impl Iterator<Item = &String>, out: &mpsc::Sender<Found>) -> Result<()> {
    let mut locations: Vec<&String> = locations.collect();
    locations.sort();
    for location in locations {
        send(out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
    }
    Ok(())
}

/// Hands over what was found.
pub(crate) async fn send(out: &mpsc::Sender<Found>, found: Found) -> Result<()> {
    out.send(found).await.map_err(|_| Error::Io("the sync ended early".into()))
}
