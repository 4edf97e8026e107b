//! Subtitles (WebVTT, SubRip): what is said, in parts of some two minutes that carry their time.

use stoa_learning::library::Section;

use super::{Page, write};

/// A part ends at the end of a sentence after so many seconds, and at the latest after twice as many.
const PART: u64 = 120;

/// Reads a file of subtitles.
///
/// # Errors
/// One sentence when no line of it has a time.
pub fn subtitles(text: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let mut part = Part::default();
    let mut last = String::new();
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    for block in unix.split("\n\n") {
        let lines: Vec<&str> = block.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        if let Some(header) = lines.iter().find_map(|l| l.strip_prefix("Language:")) {
            page.language = Some(header.trim().to_owned()).filter(|l| super::html::is_language(l));
        }
        let Some(at) = lines.iter().position(|l| l.contains("-->")) else { continue };
        let Some(start) = lines[at].split("-->").next().and_then(seconds) else { continue };
        for line in &lines[at + 1..] {
            let said = without_tags(line);
            // Rolling captions say the last line again.
            if said.is_empty() || said == last {
                continue;
            }
            part.begun.get_or_insert(start);
            part.words.push(said.clone());
            last = said;
        }
        let long = start.saturating_sub(part.begun.unwrap_or(start));
        if long >= PART * 2 || long >= PART && last.ends_with(['.', '!', '?', '。', '？', '！']) {
            page.sections.extend(part.end());
        }
    }
    page.sections.extend(part.end());
    if page.sections.is_empty() {
        return Err("it has no subtitles with times: save it as WebVTT or SubRip again".into());
    }
    Ok(page)
}

#[derive(Default)]
struct Part {
    begun: Option<u64>,
    words: Vec<String>,
}

impl Part {
    fn end(&mut self) -> Option<Section> {
        let begun = self.begun.take()?;
        let text = write::escaped(&std::mem::take(&mut self.words).join(" "));
        let (hours, minutes, seconds) = (begun / 3600, begun / 60 % 60, begun % 60);
        let shown =
            if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") };
        Some(Section { headings: vec![format!("At {shown}")], anchor: Some(format!("t={begun}")), text })
    }
}

/// `01:02:03.400`, `02:03,400` in whole seconds.
fn seconds(time: &str) -> Option<u64> {
    let whole = time.trim().split(['.', ',']).next()?;
    whole.split(':').try_fold(0u64, |all, part| all.checked_mul(60)?.checked_add(part.trim().parse::<u64>().ok()?))
}

/// A line without markup; a named voice speaks as `Name: …`.
fn without_tags(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((tag, behind)) = after.split_once('>') else {
            rest = after;
            break;
        };
        if let Some(name) =
            tag.strip_prefix("v ").or_else(|| tag.strip_prefix("v.").and_then(|t| Some(t.split_once(' ')?.1)))
        {
            out.push_str(name.trim());
            out.push_str(": ");
        }
        rest = behind;
    }
    out.push_str(rest);
    // SubStation codes such as `{\an8}` come along in SubRip.
    let plain: String = out
        .split("{\\")
        .enumerate()
        .map(|(n, p)| if n == 0 { p } else { p.split_once('}').map_or("", |x| x.1) })
        .collect();
    super::html::without_entities(&plain).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_text_with_its_time_and_without_marks_of_the_format() {
        let vtt = "WEBVTT\nLanguage: en\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\n1\n00:00:01.000 --> 00:00:03.000 \
                   align:start\n<v Ana>Welcome &amp; hello</v>\n\n00:00:03.000 --> 00:00:05.000\nWelcome <i>everybody</i>.\n\n\
                   00:00:05.000 --> 00:00:07.000\nWelcome everybody.\nToday: badges.\n\n01:02:03.000 --> 01:02:04.000\nBye.";
        let page = subtitles(vtt).unwrap();
        let shown: Vec<_> = page.sections.iter().map(|s| (s.headings[0].as_str(), s.text.as_str())).collect();
        assert_eq!(
            shown,
            [("At 0:01", "Ana: Welcome & hello Welcome everybody. Today: badges. Bye.")],
            "a part goes on until a sentence ends after two minutes"
        );
        assert_eq!(page.language.as_deref(), Some("en"));
        let srt = "1\r\n00:00:01,500 --> 00:00:02,000\r\n{\\an8}One.\r\n\r\n2\r\n00:02:30,000 --> 00:02:31,000\r\nTwo.\r\n\r\n3\r\n00:09:00,0 --> 00:09:09,0\r\nThree.";
        let shown: Vec<_> =
            subtitles(srt).unwrap().sections.iter().map(|s| (s.anchor.clone().unwrap(), s.text.clone())).collect();
        assert_eq!(shown, [("t=1".to_owned(), "One. Two.".to_owned()), ("t=540".to_owned(), "Three.".to_owned())]);
        assert!(subtitles("WEBVTT\n\nnothing").unwrap_err().contains("no subtitles"));
    }
}
