//! Markdown (CommonMark with GitHub's additions) with front matter, template tags and raw HTML.

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser};
use stoa_learning::library::Section;

use super::{Page, front, html, template};

/// Reads a Markdown file.
///
/// The text goes through HTML and back, so that raw HTML and Markdown are one tree, as the author's site shows them.
///
/// # Errors
/// One sentence when it is nested deeper than anybody writes.
pub fn markdown(text: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let (body, _) = front::take(&text, &mut page);
    let body = template::without_tags(body);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let closed: HashSet<&str> = body.split("</").skip(1).map(element_name).collect();
    let mut rendered = String::with_capacity(body.len() * 3 / 2);
    pulldown_cmark::html::push_html(&mut rendered, Parser::new_ext(&body, options).map(|e| placeholder(e, &closed)));
    let (first_heading, sections) = html::sections(&rendered, html::Origin::Markdown, page.title.as_deref())?;
    page.title = page.title.or(first_heading);
    page.sections = sections;
    if let (true, Some(url)) = (page.sections.is_empty(), &page.moved) {
        let text = format!("[{}]({url})", super::escape_line(page.title.as_deref().unwrap_or(url)));
        page.sections.push(Section { text, ..Section::default() });
    }
    Ok(page)
}

/// `<your name>` is words, although to a browser it is an element: one without attributes that is never closed.
fn placeholder<'a>(event: Event<'a>, closed: &HashSet<&str>) -> Event<'a> {
    const OPEN: [&str; 20] = [
        "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "p", "source",
        "td", "th", "tr", "track", "wbr",
    ];
    match event {
        Event::InlineHtml(tag) => {
            let name = element_name(&tag[1..]);
            let plain = !name.is_empty() && !tag.contains(['=', '/', '!', '?']);
            let known = OPEN.contains(&name.to_ascii_lowercase().as_str()) || closed.contains(name);
            if plain && !known { Event::Text(tag) } else { Event::InlineHtml(tag) }
        }
        other => other,
    }
}

fn element_name(tag: &str) -> &str {
    &tag[..tag.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(tag.len())]
}
