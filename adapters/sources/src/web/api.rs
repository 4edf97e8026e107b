//! Asking an interface that speaks JSON.

use reqwest::Url;
use serde::de::DeserializeOwned;
use stoa_ground::Error;

use super::{Answer, Ask, Client, Failure, Validators};

/// Larger answers are not read.
const MOST_BYTES: u64 = 10 * 1024 * 1024;
/// Nothing is listed on more pages.
pub(crate) const MOST_PAGES: usize = 10_000;

/// A value. None: there is none at this address (404).
pub(crate) async fn value<T: DeserializeOwned>(
    client: &Client,
    url: Url,
    body: Option<&serde_json::Value>,
) -> Result<Option<T>, Failure> {
    let ask = Ask { url, validators: Validators::default(), most: MOST_BYTES, body };
    match client.ask(&ask).await? {
        Answer::Content(content) => serde_json::from_slice(&content.bytes).map(Some).map_err(|e| {
            Failure::Document(format!("what came back is not what was agreed ({e}): check the source's url"))
        }),
        Answer::Gone => Ok(None),
        Answer::Unchanged => Err(Failure::Document("the server says that nothing changed, which was not asked".into())),
    }
}

/// A value that there must be for the source to be listed.
pub(crate) async fn needed<T: DeserializeOwned>(
    client: &Client,
    url: Url,
    body: Option<&serde_json::Value>,
) -> stoa_ground::Result<T> {
    let at = url.path().to_owned();
    match value(client, url, body).await {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Error::Io(format!("the server knows no {at}: check the source's url"))),
        Err(failure) => Err(Error::Io(failure.sentence())),
    }
}

/// Text as one part of a path.
pub(crate) fn segment(text: &str) -> String {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~') || b == b'.' && !text.trim_matches('.').is_empty()
    };
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
