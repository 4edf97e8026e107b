//! Word, PowerPoint and subtitles in a folder, with archives that are damaged or want to fill the memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use std::io::Write as _;
use std::path::Path;

use stand::{counts, passages, settings, sync};
use stoa_ground::testing::store;
use stoa_sources::Files;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn archive(path: &Path, parts: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

const WORD: &str = r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>
<w:p><w:pPr><w:pStyle w:val="Titel"/></w:pPr><w:r><w:t>Travel &amp; expenses</w:t></w:r></w:p>
<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Receipts</w:t></w:r></w:p>
<w:p><w:r><w:t>Keep every </w:t></w:r><w:r><w:t xml:space="preserve">receipt &lt;over&gt; 20 euros.</w:t></w:r>
 <w:del><w:r><w:delText>Or not.</w:delText></w:r></w:del><w:r><w:instrText>PAGEREF 7</w:instrText></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/></w:numPr></w:pPr><w:r><w:t>Scan it</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Send it</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>City</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Per day</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:p><w:r><w:t>Oslo</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>97 euros</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:r><w:t></w:t></w:r></w:p></w:body></w:document>"#;

const STYLES: &str = r#"<w:styles xmlns:w="w"><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>"#;

#[tokio::test]
async fn word_and_powerpoint_are_read_with_their_headings_lists_and_tables() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let core = br#"<cp:coreProperties xmlns:dc="d"><dc:language>en-GB</dc:language><cp:keywords>per diem</cp:keywords></cp:coreProperties>"#;
    archive(
        &folder.path().join("travel.docx"),
        &[("word/document.xml", WORD.as_bytes()), ("word/styles.xml", STYLES.as_bytes()), ("docProps/core.xml", core)],
    );
    let slide = |title: &str, body: &str| {
        format!(
            r#"<p:sld xmlns:p="p" xmlns:a="a"><p:sp><p:nvSpPr><p:ph type="title"/></p:nvSpPr><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:sp>
            <p:sp><p:nvSpPr><p:ph idx="1"/></p:nvSpPr><a:p><a:r><a:t>{body}</a:t></a:r></a:p></p:sp>
            <p:sp><p:nvSpPr><p:ph type="sldNum"/></p:nvSpPr><a:p><a:r><a:t>7</a:t></a:r></a:p></p:sp></p:sld>"#
        )
    };
    let notes = r#"<p:notes xmlns:p="p" xmlns:a="a"><p:sp><a:p><a:r><a:t>Say why we do this.</a:t></a:r></a:p></p:sp></p:notes>"#;
    archive(
        &folder.path().join("onboarding.pptx"),
        &[
            ("ppt/presentation.xml", br#"<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="256" r:id="rId3"/><p:sldId id="257" r:id="rId2"/></p:sldIdLst></p:presentation>"#),
            ("ppt/_rels/presentation.xml.rels", br#"<Relationships><Relationship Id="rId2" Type="http://x/slide" Target="slides/slide1.xml"/><Relationship Id="rId3" Type="http://x/slide" Target="/ppt/slides/slide2.xml"/></Relationships>"#),
            ("ppt/slides/slide1.xml", slide("Second", "Ask your buddy.").as_bytes()),
            ("ppt/slides/slide2.xml", slide("Welcome", "Your first day.").as_bytes()),
            ("ppt/slides/_rels/slide2.xml.rels", br#"<Relationships><Relationship Id="rId1" Type="http://x/notesSlide" Target="../notesSlides/notesSlide1.xml"/></Relationships>"#),
            ("ppt/notesSlides/notesSlide1.xml", notes.as_bytes()),
        ],
    );
    std::fs::write(folder.path().join("intro.vtt"), "WEBVTT\n\n00:10.000 --> 00:12.000\nWelcome to the course.\n")
        .unwrap();
    let report = sync(&db, &Files::new(settings("Share", "files", &["everyone"]), folder.path())).await;
    assert_eq!((counts(&report), &report.errors), ((3, 0, 0, 0), &vec![]));
    let shown = |p: &stoa_learning::library::Passage| (p.title.clone(), p.headings.join("/"), p.text.clone());
    let travel: Vec<_> = passages(&db, "travel.docx").await.iter().map(shown).collect();
    assert_eq!(travel.len(), 1);
    assert_eq!((travel[0].0.as_str(), travel[0].1.as_str()), ("Travel & expenses", "Receipts"));
    for part in ["Keep every receipt \\<over> 20 euros.", "Scan it", "Send it", "Oslo", "97 euros"] {
        assert!(travel[0].2.contains(part), "{part} in {}", travel[0].2);
    }
    assert!(!travel[0].2.contains("Or not") && !travel[0].2.contains("PAGEREF"), "{}", travel[0].2);
    assert!(
        travel[0].2.contains("- Scan it\n- Send it") || travel[0].2.contains("* Scan it\n* Send it"),
        "{}",
        travel[0].2
    );
    let first = passages(&db, "travel.docx").await.remove(0);
    assert_eq!((first.language.as_deref(), first.keywords.as_str()), (Some("en-GB"), "per diem"));
    let slides: Vec<_> = passages(&db, "onboarding.pptx").await.iter().map(shown).collect();
    let headings: Vec<_> = slides.iter().map(|s| (s.1.as_str(), s.2.as_str())).collect();
    assert_eq!(
        headings,
        [("Slide 1: Welcome", "Your first day.\n\nSay why we do this."), ("Slide 2: Second", "Ask your buddy.")]
    );
    let said = passages(&db, "intro.vtt").await.remove(0);
    assert_eq!(
        (said.title.as_str(), said.headings[0].as_str(), said.anchor.as_deref()),
        ("Intro", "At 0:10", Some("t=10"))
    );
}

#[tokio::test]
async fn a_bomb_or_a_damaged_archive_is_one_sentence() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    archive(&folder.join("bomb.docx"), &[("word/document.xml", &vec![b' '; 80 * 1024 * 1024])]);
    let deep = format!(
        "<w:document>{}{}</w:document>",
        "<w:tbl><w:tr><w:tc>".repeat(100_000),
        "</w:tc></w:tr></w:tbl>".repeat(100_000)
    );
    archive(&folder.join("deep.docx"), &[("word/document.xml", deep.as_bytes())]);
    let many = format!("<w:document>{}</w:document>", "<w:p><w:r><w:t>a</w:t></w:r></w:p>".repeat(120_000));
    archive(&folder.join("many.docx"), &[("word/document.xml", many.as_bytes())]);
    let laughs = format!(
        "<!DOCTYPE l [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><w:document><w:p><w:t>&b;&b;&b;</w:t></w:p></w:document>",
        "ha".repeat(1_000)
    );
    archive(&folder.join("laughs.docx"), &[("word/document.xml", laughs.as_bytes())]);
    archive(&folder.join("other.docx"), &[("mimetype", b"application/zip")]);
    archive(
        &folder.join("empty.pptx"),
        &[("ppt/presentation.xml", b"<p/>"), ("ppt/_rels/presentation.xml.rels", b"<r/>")],
    );
    std::fs::write(folder.join("locked.docx"), [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]).unwrap();
    std::fs::write(folder.join("noise.docx"), "PK\x03\x04 nothing").unwrap();
    std::fs::write(folder.join("nothing.docx"), "").unwrap();
    std::fs::write(folder.join("silent.srt"), "no times").unwrap();
    std::fs::write(folder.join("letter.doc"), "old").unwrap();
    let report = sync(&db, &Files::new(settings("Share", "files", &["everyone"]), folder)).await;
    let errors: Vec<(&str, &str)> = report.errors.iter().map(|(l, s)| (l.as_str(), s.as_str())).collect();
    let damaged = "it is damaged or not what its name says: open it and save it again";
    let no_text = "it has no text, perhaps only pictures: add the text, or take it out of the folder";
    assert_eq!(
        errors,
        [
            ("bomb.docx", "it unpacks to more than 16 MB: split it, or take it out of the folder"),
            ("deep.docx", "its elements are nested more than 2000 deep, which no reader can follow"),
            ("empty.pptx", no_text),
            ("laughs.docx", no_text),
            (
                "locked.docx",
                "it is protected by a password, or older than 2007: save it without one in the current format"
            ),
            ("many.docx", "it has more than 100000 elements: split it"),
            ("noise.docx", damaged),
            ("nothing.docx", "it is an empty file"),
            ("other.docx", damaged),
            ("silent.srt", "it has no subtitles with times: save it as WebVTT or SubRip again"),
        ]
    );
    assert_eq!(
        report.warnings,
        [(
            String::new(),
            "1 files in old or other office formats were passed over: save them as .docx, .pptx or .pdf".to_owned()
        )]
    );
}

#[tokio::test]
async fn hidden_text_of_word_is_not_read() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let word = r#"<w:document xmlns:w="w"><w:body>
        <w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t xml:space="preserve">Paid </w:t></w:r>
          <w:r><w:rPr><w:vanish/></w:rPr><w:t>secretly </w:t><w:br/></w:r><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>monthly</w:t></w:r>
          <w:r><w:rPr><w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange></w:rPr><w:t>.</w:t></w:r></w:p>
        <w:p><w:pPr><w:pStyle w:val="Note"/></w:pPr><w:r><w:t>A note to the author.</w:t></w:r></w:p>
        <w:p><w:r><w:rPr><w:rStyle w:val="Note"/></w:rPr><w:t>Another note.</w:t></w:r></w:p></w:body></w:document>"#;
    let styles = r#"<w:styles xmlns:w="w"><w:style w:styleId="Note"><w:name w:val="Note"/><w:rPr><w:vanish/></w:rPr></w:style></w:styles>"#;
    archive(
        &folder.path().join("pay.docx"),
        &[("word/document.xml", word.as_bytes()), ("word/styles.xml", styles.as_bytes())],
    );
    let report = sync(&db, &Files::new(settings("Share", "files", &["everyone"]), folder.path())).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 0), &vec![]));
    let found = passages(&db, "pay.docx").await;
    assert_eq!(found.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["Paid monthly."]);
}
