//! Sitemaps (sitemaps.org): the pages of a site as it lists them, also through indexes and compressed.

use std::io::Read as _;

use reqwest::Url;

use crate::xml::{self, Xml};

/// What one file inflates to at most; the protocol allows 50 MB.
pub(super) const MOST_BYTES: u64 = 50 * 1024 * 1024;

/// What one file lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    /// Pages with the time of their last change, as it is written there.
    pub pages: Vec<(Url, Option<String>)>,
    /// Other sitemaps.
    pub maps: Vec<Url>,
}

/// Reads a sitemap, an index of sitemaps, or a text file with an address on each line: the first `most` of what it lists,
/// of its pages those that are `kept`. None: it is none of them.
pub(super) fn read(bytes: &[u8], base: &Url, most: usize, kept: impl Fn(&Url) -> Option<Url>) -> Option<Map> {
    let mut inflated = Vec::new();
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        flate2::read::MultiGzDecoder::new(bytes).take(MOST_BYTES).read_to_end(&mut inflated).ok()?;
        &inflated
    } else {
        bytes
    };
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF))?;
    if bytes[start] != b'<' {
        return lines(std::str::from_utf8(bytes).ok()?, most, kept);
    }
    let (mut map, mut known) = (Map::default(), false);
    let (mut text, mut page, mut changed) = (String::new(), None, None);
    let complete = xml::each(bytes, |event| match event {
        Xml::Start("urlset" | "sitemapindex", _) => known = true,
        Xml::Start("url" | "sitemap", _) => (page, changed) = (None, None),
        Xml::Start(_, _) => text.clear(),
        Xml::Text(t) => text.push_str(t),
        // `image:loc` stands in an element of its own, so the first one is that of the page.
        Xml::End("loc") if page.is_none() => page = base.join(text.trim()).ok(),
        Xml::End("lastmod") => changed = Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
        Xml::End("url") if map.pages.len() < most => {
            map.pages.extend(page.take().and_then(|page| Some((kept(&page)?, changed.take()))));
        }
        Xml::End("sitemap") if map.maps.len() < most => map.maps.extend(page.take()),
        Xml::End(_) => {}
    });
    (known && complete.is_ok()).then_some(map)
}

fn lines(text: &str, most: usize, kept: impl Fn(&Url) -> Option<Url>) -> Option<Map> {
    let (mut map, mut known) = (Map::default(), false);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let page = Url::parse(line).ok()?;
        known = true;
        if map.pages.len() < most {
            map.pages.extend(kept(&page).map(|page| (page, None)));
        }
    }
    known.then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_sitemap_no_more_is_held_than_may_be_visited() {
        let base: Url = "https://example.org/".parse().unwrap();
        let urls: String = (0..2_000).map(|n| format!("<url><loc>/{}/{n}</loc></url>", ["a", "b"][n % 2])).collect();
        let maps: String = (0..2_000).map(|n| format!("<sitemap><loc>/{n}.xml</loc></sitemap>")).collect();
        let list: String = (0..2_000).map(|n| format!("https://example.org/b/{n}\n")).collect();
        let below = |url: &Url| url.path().starts_with("/b/").then(|| url.clone());
        for (bytes, pages, others) in [
            (format!("<urlset>{urls}</urlset>"), 10, 0),
            (format!("<sitemapindex>{maps}</sitemapindex>"), 0, 10),
            (list, 10, 0),
        ] {
            let map = read(bytes.as_bytes(), &base, 10, below).unwrap();
            assert_eq!((map.pages.len(), map.maps.len()), (pages, others));
            assert!(map.pages.iter().all(|(page, _)| page.path().starts_with("/b/")));
        }
    }

    #[test]
    fn a_sitemap_lists_pages_and_an_index_lists_sitemaps() {
        let base: Url = "https://example.org/".parse().unwrap();
        let read = |bytes: &[u8], base: &Url| super::read(bytes, base, 100, |url| Some(url.clone()));
        let xml = b"\xEF\xBB\xBF<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:image='i'>
            <url><loc> https://example.org/a?x=1&amp;y=2 </loc><lastmod>2026-01-02</lastmod>
              <image:image><image:loc>https://example.org/a.png</image:loc></image:image></url>
            <url><loc>/b</loc></url></urlset>";
        let map = read(xml, &base).unwrap();
        let shown: Vec<_> = map.pages.iter().map(|(u, t)| (u.as_str(), t.as_deref())).collect();
        assert_eq!(shown, [("https://example.org/a?x=1&y=2", Some("2026-01-02")), ("https://example.org/b", None)]);
        let index = b"<sitemapindex><sitemap><loc>https://example.org/1.xml</loc></sitemap></sitemapindex>";
        assert_eq!(read(index, &base).unwrap().maps.len(), 1);
        assert_eq!(read(b"https://example.org/a\nhttps://example.org/b\n", &base).unwrap().pages.len(), 2);
        for other in [&b"<html><body>Not found</body></html>"[..], b"not found", b"", b"<urlset><url>", b"\x1F\x8Bx"] {
            assert_eq!(read(other, &base), None, "{other:?}");
        }
    }
}
