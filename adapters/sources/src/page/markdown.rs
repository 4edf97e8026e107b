//! Markdown (CommonMark with GitHub's additions) with front matter, template tags and raw HTML.

use pulldown_cmark::{Options, Parser};

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
    let mut rendered = String::with_capacity(body.len() * 3 / 2);
    pulldown_cmark::html::push_html(&mut rendered, Parser::new_ext(&body, options));
    let (first_heading, sections) = html::sections(&rendered, html::Origin::Markdown, page.title.as_deref())?;
    page.title = page.title.or(first_heading);
    page.sections = sections;
    Ok(page)
}
