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

/// Reads a sitemap, an index of sitemaps, or a text file with an address on each line. None: it is none of them.
pub(super) fn read(bytes: &[u8], base: &Url) -> Option<Map> {
    let mut inflated = Vec::new();
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        flate2::read::MultiGzDecoder::new(bytes).take(MOST_BYTES).read_to_end(&mut inflated).ok()?;
        &inflated
    } else {
        bytes
    };
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF))?;
    if bytes[start] != b'<' {
        return lines(std::str::from_utf8(bytes).ok()?);
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
        Xml::End("url") => map.pages.extend(page.take().map(|page| (page, changed.take()))),
        Xml::End("sitemap") => map.maps.extend(page.take()),
        Xml::End(_) => {}
    });
    (known && complete.is_ok()).then_some(map)
}

fn lines(text: &str) -> Option<Map> {
    let pages: Option<Vec<_>> =
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(|l| Some((Url::parse(l).ok()?, None))).collect();
    Some(Map { pages: pages.filter(|p| !p.is_empty())?, maps: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sitemap_lists_pages_and_an_index_lists_sitemaps() {
        let base: Url = "https://example.org/".parse().unwrap();
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
