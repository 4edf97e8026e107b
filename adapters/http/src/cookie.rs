//! What browsers send back.

use reqwest::header::{COOKIE, HeaderMap};

/// The value of a cookie that a browser sent (RFC 6265, section 4.2).
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let sent = headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    sent.flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name))
        .map(|(_, v)| v)
}
