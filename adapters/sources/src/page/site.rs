//! What an HTML page says to a visitor that follows links, beside its content.

use scraper::{Html, Selector};

/// The name by which a page or a server can speak to Stoa alone.
pub const AGENT: &str = "stoa";

/// What a page says of itself and of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// The address that it calls its own.
    pub canonical: Option<String>,
    /// What its links are relative to, if not to its address.
    pub base: Option<String>,
    /// Whether it wants to be in no index.
    pub hidden: bool,
    /// The links that may be followed.
    pub links: Vec<String>,
    /// Where a browser goes on from it by itself.
    pub refresh: Option<String>,
}

/// What robots are told, in a page or by a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Robots {
    /// It wants to be in no index.
    pub hidden: bool,
    /// Its links are not to be followed.
    pub closed: bool,
}

/// Reads `<meta name="robots">` or `X-Robots-Tag`, a line each: rules between commas, and before them perhaps the name of
/// the one robot for which they are.
#[must_use]
pub fn robots(text: &str) -> Robots {
    let mut told = Robots::default();
    for line in text.lines() {
        let mut for_us = true;
        for rule in line.split(',') {
            let (name, rule) = match rule.split_once(':') {
                // `max-snippet: 20` and the like are rules themselves, `otherbot: noindex` is not for us.
                Some((name, _)) if name.contains(['-', '_']) => (None, name),
                Some((name, rule)) => (Some(name.trim()), rule),
                None => (None, rule),
            };
            if let Some(name) = name {
                for_us = name.eq_ignore_ascii_case(AGENT);
            }
            let rule = rule.trim().to_ascii_lowercase();
            told.hidden |= for_us && matches!(rule.as_str(), "noindex" | "none");
            told.closed |= for_us && matches!(rule.as_str(), "nofollow" | "none");
        }
    }
    told
}

/// Reads what stands around the content of a page.
pub(super) fn around(tree: &Html) -> Around {
    let all = |query: &str, name: &str| -> Vec<String> {
        let Ok(selector) = Selector::parse(query) else { return Vec::new() };
        let found = tree.select(&selector).filter_map(|element| element.attr(name)).map(str::trim);
        found.filter(|v| !v.is_empty()).map(str::to_owned).collect()
    };
    let first = |query: &str, name: &str| all(query, name).into_iter().next();
    let told = robots(&all("meta[name='robots' i], meta[name='stoa' i]", "content").join("\n"));
    let mut links = Vec::new();
    if !told.closed
        && let Ok(anchors) = Selector::parse("a[href]")
    {
        let followed = tree.select(&anchors).filter(|a| !a.attr("rel").unwrap_or_default().contains("nofollow"));
        links.extend(followed.filter_map(|a| a.attr("href")).map(|href| href.trim().to_owned()));
    }
    Around {
        canonical: first("link[rel='canonical' i]", "href"),
        base: first("base[href]", "href"),
        hidden: told.hidden,
        links,
        refresh: all("meta[http-equiv='refresh' i]", "content").iter().find_map(|content| refresh(content)),
    }
}

/// A browser that goes on later than this, in seconds, leaves time to read.
const SOON: f32 = 30.0;

/// The address in `0; url=/there` (HTML standard, section 4.2.5.3). None: the page only loads itself anew, or much later.
fn refresh(content: &str) -> Option<String> {
    let (after, rest) = content.split_once([';', ','])?;
    after.trim().parse::<f32>().ok().filter(|seconds| *seconds <= SOON)?;
    let rest = rest.trim_start();
    let named = rest
        .get(..3)
        .filter(|name| name.eq_ignore_ascii_case("url"))
        .and_then(|_| rest[3..].trim_start().strip_prefix('='));
    let address = named.unwrap_or(rest).trim().trim_matches(['"', '\'']).trim();
    (!address.is_empty()).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_leads_elsewhere_or_only_loads_the_page_anew() {
        for (content, expected) in [
            ("0; url=/there", Some("/there")),
            ("5;URL = 'there.html'", Some("there.html")),
            ("0,/there", Some("/there")),
            ("300", None),
            ("900; url=/sign-out", None),
            ("0; url=", None),
            ("", None),
        ] {
            assert_eq!(refresh(content).as_deref(), expected, "{content}");
        }
    }

    #[test]
    fn robots_are_told_by_whole_words() {
        let of = |text: &str| {
            let told = robots(text);
            (told.hidden, told.closed)
        };
        for (text, expected) in [
            ("", (false, false)),
            ("index, follow", (false, false)),
            ("NOINDEX", (true, false)),
            ("nofollow", (false, true)),
            ("none", (true, true)),
            ("max-image-preview:none, max-snippet: -1", (false, false)),
            ("unavailable_after: 25 Jun 2010 15:00:00 GMT, noindex", (true, false)),
            ("googlebot: noindex, nofollow", (false, false)),
            ("googlebot: noindex\nnofollow", (false, true)),
            ("otherbot: noindex, stoa: nofollow", (false, true)),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
