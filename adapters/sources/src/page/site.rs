//! What an HTML page says to a visitor that follows links, beside its content.

use scraper::{Html, Selector};

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
}

/// Reads what stands around the content of a page.
#[must_use]
pub fn around(text: &str) -> Around {
    let tree = Html::parse_document(text);
    let first = |query: &str, name: &str| {
        let element = tree.select(&Selector::parse(query).ok()?).next()?;
        element.attr(name).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
    };
    let robots = first("meta[name='robots' i]", "content").unwrap_or_default().to_ascii_lowercase();
    let mut links = Vec::new();
    if !robots.contains("nofollow")
        && !robots.contains("none")
        && let Ok(anchors) = Selector::parse("a[href]")
    {
        let followed = tree.select(&anchors).filter(|a| !a.attr("rel").unwrap_or_default().contains("nofollow"));
        links.extend(followed.filter_map(|a| a.attr("href")).map(|href| href.trim().to_owned()));
    }
    Around {
        canonical: first("link[rel='canonical' i]", "href"),
        base: first("base[href]", "href"),
        hidden: robots.contains("noindex") || robots.contains("none"),
        links,
    }
}
