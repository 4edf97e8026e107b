//! Asking an interface that speaks JSON.

use std::collections::HashSet;

use reqwest::Url;
use serde::de::DeserializeOwned;

use super::{Answer, Ask, Client, Failure};

/// Larger answers are not read.
const MOST_BYTES: u64 = 10 * 1024 * 1024;
/// Nothing is listed on more pages.
const MOST_PAGES: usize = 10_000;

/// A value. None: there is none at this address (404).
pub(crate) async fn value<T: DeserializeOwned>(
    client: &Client,
    url: Url,
    body: Option<&serde_json::Value>,
) -> Result<Option<T>, Failure> {
    let ask = Ask { body, ..Ask::get(url, MOST_BYTES) };
    match client.ask(&ask).await? {
        Answer::Content(content) => serde_json::from_slice(&content.bytes).map(Some).map_err(|e| {
            Failure::Document(format!("what came back is not what was agreed ({e}): check the source's url"))
        }),
        Answer::Gone => Ok(None),
        Answer::Unchanged => Err(Failure::Document("the server says that nothing changed, which was not asked".into())),
    }
}

/// A page of a list.
pub(crate) trait Page: DeserializeOwned {
    /// What is listed.
    type Item;

    /// What stands on it, and what leads to the next page, if there is one.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

/// All of a list, at most so many, page by page. `at` says what to ask for the page to which this leads; for the first
/// one it is given nothing.
pub(crate) async fn pages<P: Page>(
    client: &Client,
    most: usize,
    at: impl Fn(Option<&str>) -> stoa_ground::Result<(Url, Option<serde_json::Value>)>,
) -> Result<Vec<P::Item>, Failure> {
    let (mut all, mut next, mut seen) = (Vec::new(), None::<String>, HashSet::new());
    loop {
        let (url, body) = at(next.as_deref()).map_err(|e| Failure::Document(e.to_string()))?;
        let path = url.path().to_owned();
        let page: Option<P> = value(client, url, body.as_ref()).await?;
        let page =
            page.ok_or_else(|| Failure::Document(format!("the server knows no {path}: check the source's url")))?;
        let (items, after) = page.split();
        all.extend(items);
        if all.len() > most {
            return Err(Failure::Document(format!("the list at {path} has more than {most} entries: split it")));
        }
        match after {
            None => return Ok(all),
            Some(after) if seen.len() < MOST_PAGES && seen.insert(after.clone()) => next = Some(after),
            Some(_) => return Err(Failure::Document(format!("the list at {path} has no end: its pages repeat"))),
        }
    }
}

/// Text as one part of a path.
pub(crate) fn segment(text: &str) -> String {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~') || b == b'.' && !text.trim_matches('.').is_empty()
    };
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
