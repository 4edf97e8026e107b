//! HTML: the main content of a page, without what belongs to the site.

use ego_tree::NodeRef;
use scraper::{Html, Node, Selector};
use stoa_learning::library::Section;

use super::site::around;
use super::{Around, Page, write};

/// Nobody writes deeper than this, and the parser's time grows with the square of the depth.
const DEEPEST: usize = 2_000;

/// Larger pages are not read.
const MOST_BYTES: usize = 10 * 1024 * 1024;
/// Nor those with more beginnings and ends of elements: a tree of these takes many times the size of its text.
const MOST_MARKS: usize = 200_000;

/// What is told to be the content of a page has at least so many words.
const ENOUGH: usize = 60;

/// Where a tree comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A page of a site, with navigation around its content. Anchors are those that it has.
    Site,
    /// Markdown: all of it is content. Anchors are made as GitHub makes them.
    Markdown,
}

/// Reads an HTML file.
///
/// # Errors
/// One sentence when it is larger, or nested deeper, than anybody writes.
pub fn html(text: &str) -> Result<Page, String> {
    let tree = parse(text)?;
    Ok(read(&tree, &tree))
}

/// Reads a page of a site, with what stands around its content. Where the page does not say itself what of it is its
/// content, that is told from how its words lie.
///
/// # Errors
/// As [`html`].
pub fn of_site(text: &str) -> Result<(Page, Around), String> {
    let tree = parse(text)?;
    let around = around(&tree);
    let main = main_content(&tree, Origin::Site).and_then(|main| main.value().as_element());
    if main.is_some_and(|e| e.name() != "body") {
        return Ok((read(&tree, &tree), around));
    }
    let config = dom_smoothie::Config { max_elements_to_parse: 50_000, ..dom_smoothie::Config::default() };
    let article = dom_smoothie::Readability::new(text, None, Some(config)).ok().and_then(|mut r| r.parse().ok());
    let article = article.filter(|a| a.text_content.split_whitespace().count() >= ENOUGH);
    let content = article.map(|article| parse(&article.content)).transpose()?;
    Ok((read(&tree, content.as_ref().unwrap_or(&tree)), around))
}

fn parse(text: &str) -> Result<Html, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("the page has more than {} MB: split it", MOST_BYTES / 1024 / 1024));
    }
    if deepest(text) > DEEPEST {
        return Err(format!("its elements are nested more than {DEEPEST} deep, which no reader can follow"));
    }
    if text.bytes().filter(|b| *b == b'<').nth(MOST_MARKS).is_some() {
        return Err(format!("it has more than {} elements: split it", MOST_MARKS / 2));
    }
    Ok(Html::parse_document(text))
}

/// An HTML file whose content is `content`.
fn read(tree: &Html, content: &Html) -> Page {
    let (title, mut sections) = written(content, Origin::Site, None);
    let attribute = |query: &str, name: &str| {
        let element = tree.select(&Selector::parse(query).ok()?).next()?;
        element.attr(name).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
    };
    let own_title = || {
        let element = tree.select(&Selector::parse("head > title").ok()?).next()?;
        let words = element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(words)
    };
    Page {
        title: title.or_else(|| own_title().map(|own| without_site(own, &mut sections))),
        language: attribute("html[lang]", "lang").filter(|l| is_language(l)),
        owner: attribute("meta[name='author' i]", "content"),
        keywords: attribute("meta[name='keywords' i]", "content").unwrap_or_default(),
        sections,
        ..Page::default()
    }
}

/// The title of a page without the name of its site, where the page begins with a heading that says the same. That one is
/// then above all of it, and says nothing more in the paths of its sections.
fn without_site(title: String, sections: &mut [Section]) -> String {
    let Some(heading) = sections.first().and_then(|s| s.headings.first().cloned()) else { return title };
    let marks = [" - ", " | ", " – ", " — ", " :: ", " · "];
    let same = |part: &str| part.trim().eq_ignore_ascii_case(&heading);
    if !marks.iter().any(|mark| title.split(mark).any(same)) {
        return title;
    }
    if sections.iter().all(|s| s.headings.first() == Some(&heading)) {
        sections.iter_mut().for_each(|s| drop(s.headings.remove(0)));
    }
    heading
}

/// Reads HTML that was made from another format: all of it is content.
///
/// # Errors
/// As [`html`].
pub fn made(text: &str) -> Result<Page, String> {
    let (title, sections) = sections(text, Origin::Markdown, None)?;
    Ok(Page { title, sections, ..Page::default() })
}

/// The words of a piece of HTML, on one line.
#[must_use]
pub fn words(html: &str) -> String {
    let words: String = Html::parse_fragment(html).root_element().text().collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words in which an author wrote `&amp;` for `&`.
pub(super) fn without_entities(words: &str) -> String {
    if !words.contains('&') {
        return words.to_owned();
    }
    Html::parse_fragment(&words.replace('<', "&lt;")).root_element().text().collect()
}

/// Whether it looks like a language tag (BCP 47).
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphabetic()))
        && tag.len() <= 35
        && parts.all(|p| !p.is_empty() && p.len() <= 8 && p.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// The first heading of the first level, and the sections. A heading that is the `title`, or that became it, is in no
/// path.
pub(super) fn sections(
    text: &str,
    origin: Origin,
    title: Option<&str>,
) -> Result<(Option<String>, Vec<Section>), String> {
    Ok(written(&parse(text)?, origin, title))
}

fn written(tree: &Html, origin: Origin, title: Option<&str>) -> (Option<String>, Vec<Section>) {
    let root = main_content(tree, origin).unwrap_or_else(|| tree.tree.root());
    write::Writer::new(origin, title).write(root)
}

/// The element that holds what the page is about.
fn main_content(tree: &Html, origin: Origin) -> Option<NodeRef<'_, Node>> {
    if origin == Origin::Site {
        for query in ["main", "[role='main']", "article", "#main-content", "#content", "#main"] {
            let Ok(selector) = Selector::parse(query) else { continue };
            let mut found = tree.select(&selector);
            if let (Some(first), None) = (found.next(), found.next())
                && first.text().any(|t| !t.trim().is_empty())
            {
                return Some(*first);
            }
        }
    }
    tree.select(&Selector::parse("body").ok()?).next().map(|e| *e)
}

/// How deep elements nest at most, roughly: those that need no end tag do not count.
fn deepest(text: &str) -> usize {
    const FLAT: [&str; 24] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p",
        "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "option", "tfoot",
    ];
    let (mut depth, mut most) = (0usize, 0);
    for part in text.split('<').skip(1) {
        let end = part.starts_with('/');
        let name: String = part.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() || FLAT.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        depth = if end { depth.saturating_sub(1) } else { depth + 1 };
        most = most.max(depth);
    }
    most
}
