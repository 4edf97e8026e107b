//! XML as a stream of elements and texts. Nothing is expanded, and nothing nests in memory.

use quick_xml::events::Event;

/// What an XML file is made of; names without their prefix.
pub(crate) enum Xml<'a> {
    Start(&'a str, &'a [(String, String)]),
    Text(&'a str),
    End(&'a str),
}

/// Hands over all elements and texts. An empty element begins and ends. An error: it is not XML, or it
/// breaks off.
pub(crate) fn each(xml: &[u8], mut take: impl FnMut(Xml<'_>)) -> Result<(), ()> {
    let text = String::from_utf8_lossy(xml);
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut depth = 0usize;
    loop {
        let event = reader.read_event().map_err(|_| ())?;
        match &event {
            Event::Start(e) | Event::Empty(e) => {
                let attributes: Vec<(String, String)> = e
                    .attributes()
                    .flatten()
                    .map(|a| {
                        let value = a.value.to_string();
                        (a.key.local_name().as_ref().to_owned(), value)
                    })
                    .collect();
                take(Xml::Start(e.local_name().as_ref(), &attributes));
                depth += 1;
                if matches!(event, Event::Empty(_)) {
                    depth -= 1;
                    take(Xml::End(e.local_name().as_ref()));
                }
            }
            Event::End(e) => {
                depth = depth.checked_sub(1).ok_or(())?;
                take(Xml::End(e.local_name().as_ref()));
            }
            Event::Text(t) => take(Xml::Text(t)),
            Event::CData(t) => take(Xml::Text(t)),
            Event::GeneralRef(r) => take(Xml::Text(&reference(r))),
            Event::Eof => return if depth == 0 { Ok(()) } else { Err(()) },
            _ => {}
        }
    }
}

/// `&name;` as a character: the five of XML and numbers; there are no others without a DTD.
fn reference(name: &str) -> String {
    let number = |n: &str| match n.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => n.parse().ok(),
    };
    match name {
        "amp" => "&".into(),
        "lt" => "<".into(),
        "gt" => ">".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        other => {
            other.strip_prefix('#').and_then(number).and_then(char::from_u32).map_or_else(String::new, String::from)
        }
    }
}

pub(crate) fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}
