//! What browsers send back.

use reqwest::header::{COOKIE, HeaderMap};

/// A `Set-Cookie` (RFC 6265, section 4.1) that no script reads and no other site sends along, for the pages below `path` of a
/// server at `url`, `age` seconds long; 0 takes it away.
#[must_use]
pub fn set_cookie(name: &str, value: &str, path: &str, age: i64, url: &str) -> String {
    let secure = if url.starts_with("https://") { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

/// The value of a cookie that a browser sent (RFC 6265, section 4.2).
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let sent = headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    sent.flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name))
        .map(|(_, v)| v)
}
