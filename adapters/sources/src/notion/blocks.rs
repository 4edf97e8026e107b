//! Notion's blocks as simple HTML.

use serde_json::Value;

use crate::office::escape;

/// The words of rich text.
pub(super) fn plain(rich: &Value) -> String {
    rich.as_array().into_iter().flatten().filter_map(|part| part["plain_text"].as_str()).collect()
}

pub(super) fn html(blocks: &[Value]) -> String {
    let mut out = String::new();
    let mut list = "";
    for block in blocks {
        let kind = block["type"].as_str().unwrap_or_default();
        let wanted = match kind {
            "bulleted_list_item" | "to_do" => "ul",
            "numbered_list_item" => "ol",
            _ => "",
        };
        if wanted != list {
            if !list.is_empty() {
                out.push_str(&format!("</{list}>\n"));
            }
            if !wanted.is_empty() {
                out.push_str(&format!("<{wanted}>"));
            }
            list = wanted;
        }
        out.push_str(&one(block, kind));
    }
    if !list.is_empty() {
        out.push_str(&format!("</{list}>\n"));
    }
    out
}

fn one(block: &Value, kind: &str) -> String {
    let own = &block[kind];
    let words = rich(&own["rich_text"]);
    let inner = || html(block["children"].as_array().map_or(&[][..], Vec::as_slice));
    match kind {
        "heading_1" => format!("<h2>{words}</h2>\n{}", inner()),
        "heading_2" => format!("<h3>{words}</h3>\n{}", inner()),
        "heading_3" => format!("<h4>{words}</h4>\n{}", inner()),
        "bulleted_list_item" | "numbered_list_item" | "to_do" => format!("<li>{words}{}</li>", inner()),
        "quote" => format!("<blockquote><p>{words}</p>{}</blockquote>\n", inner()),
        "code" => format!("<pre><code>{}</code></pre>\n", escape(&plain(&own["rich_text"]))),
        "table" => format!("<table>{}</table>\n", inner()),
        "table_row" => {
            let cells: String =
                own["cells"].as_array().into_iter().flatten().map(|c| format!("<td>{}</td>", rich(c))).collect();
            format!("<tr>{cells}</tr>")
        }
        // Pages of their own.
        "child_page" | "child_database" => String::new(),
        "bookmark" | "embed" | "image" | "video" | "file" | "pdf" => paragraph(&rich(&own["caption"])),
        "equation" => paragraph(&escape(own["expression"].as_str().unwrap_or_default())),
        // Paragraphs, callouts, toggles, columns, and what comes in later versions.
        _ => format!("{}{}", paragraph(&words), inner()),
    }
}

fn paragraph(words: &str) -> String {
    if words.trim().is_empty() { String::new() } else { format!("<p>{words}</p>\n") }
}

/// Rich text with its emphasis and its links.
fn rich(parts: &Value) -> String {
    let mut out = String::new();
    for part in parts.as_array().into_iter().flatten() {
        let mut words = escape(part["plain_text"].as_str().unwrap_or_default()).replace('\n', "<br>");
        let marks = &part["annotations"];
        for (mark, tag) in [("code", "code"), ("bold", "strong"), ("italic", "em")] {
            if marks[mark] == true {
                words = format!("<{tag}>{words}</{tag}>");
            }
        }
        match part["href"].as_str().filter(|h| h.starts_with("https://") || h.starts_with("http://")) {
            Some(link) => out.push_str(&format!("<a href=\"{}\">{words}</a>", escape(link).replace('"', "&quot;"))),
            None => out.push_str(&words),
        }
    }
    out
}
