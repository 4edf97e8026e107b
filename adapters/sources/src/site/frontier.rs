//! Which pages of a site are still to be visited, with bounds against sites without end (calendars, filters, sessions).

use std::collections::{HashMap, HashSet, VecDeque};

use reqwest::Url;

/// Pages of one shape (numbers aside) that are found by following links.
const MOST_OF_SHAPE: usize = 300;
/// Variants of one page by its query that are found by following links.
const MOST_QUERIES: usize = 20;
const LONGEST: usize = 1_500;
const DEEPEST: usize = 16;

/// Parameters by which visitors are followed, not pages chosen.
const TRACKING: [&str; 8] = ["utm_", "gclid", "fbclid", "mc_cid", "mc_eid", "sessionid", "phpsessid", "jsessionid"];

/// The pages to visit.
pub(super) struct Frontier {
    base: Url,
    folder: String,
    most: usize,
    queue: VecDeque<Url>,
    seen: HashSet<String>,
    shapes: HashMap<String, usize>,
    queries: HashMap<String, usize>,
    /// Whether links are not followed.
    pub closed: bool,
    /// Where a bound was met first.
    pub stopped: Option<String>,
}

impl Frontier {
    /// Pages below the folder of `base`, `most` of them.
    pub fn new(base: &Url, most: usize) -> Self {
        let path = base.path();
        let folder = path[..=path.rfind('/').unwrap_or(0)].to_owned();
        Self {
            base: base.clone(),
            folder,
            most,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            shapes: HashMap::new(),
            queries: HashMap::new(),
            closed: false,
            stopped: None,
        }
    }

    /// How many pages are known so far.
    pub fn total(&self) -> usize {
        self.seen.len()
    }

    pub fn next(&mut self) -> Option<Url> {
        self.queue.pop_front()
    }

    /// Whether a page is still to be visited.
    pub fn is_queued(&self, at: &str) -> bool {
        self.queue.iter().any(|url| url.as_str() == at)
    }

    /// The address by which a page is known: without fragment and without what follows visitors. None: not of this site.
    pub fn location(&self, url: &Url) -> Option<Url> {
        let mut url = url.clone();
        url.set_fragment(None);
        if url.origin() != self.base.origin() || !url.path().starts_with(&self.folder) || !url.username().is_empty() {
            return None;
        }
        if url.query().is_some() {
            let kept: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| !TRACKING.iter().any(|t| name.to_ascii_lowercase().starts_with(t)))
                .map(|(n, v)| (n.into_owned(), v.into_owned()))
                .collect();
            if kept.len() < url.query_pairs().count() {
                url.set_query(None);
                if !kept.is_empty() {
                    url.query_pairs_mut().extend_pairs(kept);
                }
            }
            if url.query() == Some("") {
                url.set_query(None);
            }
        }
        Some(url)
    }

    /// Marks a page as visited; false when it was.
    pub fn visit(&mut self, location: &Url) -> bool {
        self.seen.insert(location.to_string())
    }

    /// Adds a page that somebody listed: the site itself, or an earlier visit.
    pub fn list(&mut self, url: &Url) {
        let Some(location) = self.location(url) else { return };
        self.add(location);
    }

    /// Adds a page that another one calls its own address: it is the next one to be visited, if it was not yet.
    pub fn list_first(&mut self, location: &Url) {
        self.list(location);
        if let Some(page) = self.queue.iter().position(|url| url == location).and_then(|at| self.queue.remove(at)) {
            self.queue.push_front(page);
        }
    }

    /// Adds a page that was found by following a link.
    pub fn follow(&mut self, url: &Url) {
        let Some(location) = self.location(url) else { return };
        if self.closed || self.seen.contains(location.as_str()) {
            return;
        }
        let path = location.path();
        if location.as_str().len() > LONGEST || path.split('/').count() > DEEPEST || repeats(path) {
            self.stopped.get_or_insert_with(|| location.to_string());
            return;
        }
        let shapes = self.shapes.entry(shape(&location)).or_default();
        let queries = self.queries.entry(path.to_owned()).or_default();
        if *shapes >= MOST_OF_SHAPE || location.query().is_some() && *queries >= MOST_QUERIES {
            self.stopped.get_or_insert_with(|| location.to_string());
            return;
        }
        *shapes += 1;
        *queries += usize::from(location.query().is_some());
        self.add(location);
    }

    fn add(&mut self, location: Url) {
        if self.seen.contains(location.as_str()) {
            return;
        }
        if self.seen.len() >= self.most {
            self.stopped.get_or_insert_with(|| location.to_string());
            return;
        }
        self.seen.insert(location.to_string());
        self.queue.push_back(location);
    }
}

/// A path with every number as one sign, and the names of its parameters.
fn shape(url: &Url) -> String {
    let mut out = String::new();
    for c in url.path().chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if c != '0' || !out.ends_with('0') {
            out.push(c);
        }
    }
    url.query_pairs().for_each(|(name, _)| out.push_str(&format!("?{name}")));
    out
}

/// Whether a path goes round in circles: `a/b/a/b/a/b`.
fn repeats(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    parts.iter().any(|p| parts.iter().filter(|q| q == &p).count() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn only_pages_below_the_folder_are_of_the_site_and_each_is_one() {
        let mut f = Frontier::new(&url("https://docs.example.org/guide/start.html"), 100);
        for link in [
            "https://docs.example.org/guide/a.html#part",
            "https://docs.example.org/guide/a.html?utm_source=mail",
            "https://docs.example.org/guide/a.html",
            "https://docs.example.org/guide/b?page=2&fbclid=x",
            "https://docs.example.org/other/c",
            "http://docs.example.org/guide/d",
            "https://evil.example/guide/e",
        ] {
            f.follow(&url(link));
        }
        let mut all = Vec::new();
        while let Some(next) = f.next() {
            all.push(next.to_string());
        }
        assert_eq!(all, ["https://docs.example.org/guide/a.html", "https://docs.example.org/guide/b?page=2"]);
    }

    #[test]
    fn a_calendar_ends() {
        let base = url("https://example.org/");
        let mut f = Frontier::new(&base, 5_000);
        for n in 0..10_000 {
            f.follow(&url(&format!("https://example.org/calendar/{}/{}", 2000 + n / 12, n % 12)));
            f.follow(&url(&format!("https://example.org/list?page={n}")));
            f.follow(&url(&format!("https://example.org/{}", "a/b/".repeat(n % 30))));
        }
        assert!(f.total() <= MOST_OF_SHAPE + MOST_QUERIES + 4, "{}", f.total());
        assert!(f.stopped.is_some());
        let mut f = Frontier::new(&base, 50);
        (0..100).for_each(|n| f.list(&url(&format!("https://example.org/page-{n}"))));
        assert_eq!((f.total(), f.stopped.as_deref()), (50, Some("https://example.org/page-50")));
    }
}
