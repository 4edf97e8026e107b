//! Where links in messages lead, and labels that say something else.

/// Where a link leads: host or mail address; none when links may not lead there.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    if let Some(address) = lower.strip_prefix("mailto:") {
        return Some(address.split('?').next().unwrap_or_default().to_owned());
    }
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    (!host.is_empty()).then(|| host.to_owned())
}

/// Whether a label looks like an address, and is not that of this host.
#[must_use]
pub fn claims_another(label: &str, leads_to: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let claimed = host(&lower).or_else(|| {
        let first = lower.split(['/', '?', '#']).next().unwrap_or_default();
        let named = first.contains('.')
            && !first.contains(char::is_whitespace)
            && first.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-'))
            // A file's name is none, and every address has letters at its end.
            && first.rsplit('.').next().is_some_and(|end| end.len() >= 2 && end.chars().all(char::is_alphabetic))
            && !first.ends_with(".md");
        named.then(|| first.to_owned())
    });
    let bare = |host: &str| host.trim_start_matches("www.").to_owned();
    claimed.is_some_and(|claimed| bare(&claimed) != bare(leads_to))
}
