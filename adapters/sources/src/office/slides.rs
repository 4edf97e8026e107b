//! PowerPoint: a section for each slide, with what is said in its notes.

use std::collections::BTreeMap;

use super::{Archive, each, escape};
use crate::xml::{Xml, attribute};

pub(super) fn html(archive: &mut Archive<'_>) -> Result<String, String> {
    let mut html = String::new();
    for (n, name) in slides(archive)?.iter().enumerate() {
        let Some(xml) = archive.optional(name)? else { continue };
        let slide = text(&xml)?;
        if slide.hidden {
            continue;
        }
        let title = slide.title.join(" ");
        let heading =
            if title.trim().is_empty() { format!("Slide {}", n + 1) } else { format!("Slide {}: {title}", n + 1) };
        html.push_str(&format!("<h2>{heading}</h2>\n"));
        slide.body.iter().for_each(|p| html.push_str(&format!("<p>{p}</p>\n")));
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let related = archive.optional(&format!("{folder}/_rels/{file}.rels"))?;
        let notes = related.map(|xml| targets(&xml, "/notesSlide")).transpose()?.unwrap_or_default();
        for target in notes.values() {
            let Some(xml) = archive.optional(&resolved(folder, target))? else { continue };
            let notes = text(&xml)?;
            notes.body.iter().for_each(|p| html.push_str(&format!("<p>{p}</p>\n")));
        }
    }
    Ok(html)
}

/// The slides in the order in which they are shown (ECMA-376 part 1, section 19.2.1.34).
fn slides(archive: &mut Archive<'_>) -> Result<Vec<String>, String> {
    let xml = archive.part("ppt/presentation.xml")?;
    let related = archive.part("ppt/_rels/presentation.xml.rels")?;
    let targets = targets(&related, "/slide")?;
    let mut order = Vec::new();
    each(&xml, |event| {
        if let Xml::Start("sldId", attributes) = event {
            // Its own id is a number, that of the relation is `rId…`.
            let relation = attributes.iter().filter(|(n, _)| n == "id").find_map(|(_, v)| targets.get(v));
            order.extend(relation.map(|target| resolved("ppt", target)));
        }
    })?;
    let names = archive.names();
    order.retain(|name| names.contains(name));
    Ok(order)
}

/// Ids and targets of the relations of a type.
fn targets(xml: &[u8], kind: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    each(xml, |event| {
        if let Xml::Start("Relationship", attributes) = event
            && attribute(attributes, "Type").is_some_and(|t| t.ends_with(kind))
            && let (Some(id), Some(target)) = (attribute(attributes, "Id"), attribute(attributes, "Target"))
        {
            found.insert(id.to_owned(), target.to_owned());
        }
    })?;
    Ok(found)
}

/// A target as the name of a part.
fn resolved(folder: &str, target: &str) -> String {
    if let Some(whole) = target.strip_prefix('/') {
        return whole.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[derive(Default)]
struct Slide {
    hidden: bool,
    title: Vec<String>,
    body: Vec<String>,
}

fn text(xml: &[u8]) -> Result<Slide, String> {
    let (mut slide, mut paragraph) = (Slide::default(), String::new());
    let (mut in_text, mut placeholder, mut skipped) = (false, String::new(), false);
    each(xml, |event| match event {
        Xml::Start("sld", attributes) => slide.hidden = attribute(attributes, "show") == Some("0"),
        Xml::Start("sp", _) => {
            placeholder.clear();
            skipped = false;
        }
        Xml::Start("ph", attributes) => {
            attribute(attributes, "type").unwrap_or("body").clone_into(&mut placeholder);
            skipped = matches!(placeholder.as_str(), "sldNum" | "ftr" | "dt" | "hdr" | "sldImg");
        }
        Xml::Start("t", _) => in_text = true,
        Xml::End("t") => in_text = false,
        Xml::Start("br", _) => paragraph.push(' '),
        Xml::Text(words) if in_text => paragraph.push_str(&escape(words)),
        Xml::End("p") => {
            let words = std::mem::take(&mut paragraph);
            if !words.trim().is_empty() && !skipped {
                let to = if matches!(placeholder.as_str(), "title" | "ctrTitle") {
                    &mut slide.title
                } else {
                    &mut slide.body
                };
                to.push(words.trim().to_owned());
            }
        }
        _ => {}
    })?;
    Ok(slide)
}
