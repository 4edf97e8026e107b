//! Pages as authors write them, with all that a site generator puts into them.

use super::*;

fn read(text: &str) -> Page {
    markdown(text).unwrap()
}

fn all(page: &Page) -> String {
    page.sections.iter().map(|s| format!("{} # {}\n", s.headings.join(" > "), s.text)).collect()
}

#[test]
fn a_handbook_page_keeps_its_words_and_loses_the_marks_of_its_site() {
    let page = read(include_str!("../../tests/handbook/leave.md"));
    assert_eq!(page.title.as_deref(), Some("Leave & time off"));
    assert_eq!((page.keywords.as_str(), page.owner.as_deref()), ("vacation, PTO, holiday", Some("People Operations")));
    assert_eq!((page.review_date, page.language.as_deref()), (Some(jiff::civil::date(2027, 3, 31)), Some("en-GB")));
    assert_eq!(page.warnings, Vec::<String>::new());
    assert_eq!(
        page.sections,
        [
            Section {
                headings: vec![],
                anchor: None,
                text: "**Heads up!**\n\nAsk your supervisor before you book anything in #travel.".into(),
            },
            Section {
                headings: vec!["Carry over".into()],
                anchor: Some("carry".into()),
                text: "You may carry over **240 hours**, see the [rates](https://example.org/rates?year=2026) or the \
                       local page."
                    .into(),
            },
            Section {
                headings: vec!["How to ask".into()],
                anchor: Some("ask".into()),
                text: "Write to People Operations or in the leave channel. A calendar with crosses\n\n\
                       - Say which days\n- Say who stands in for you\n  1. by name\n  2. by team\n\n\
                       **What if I am ill?**\n\nCall [before ten](tel:+1555123).\n\n\
                       |  |  |\n|---|---|\n| **Location** | 1800 F Street |\n| Phone \\| fax | a_b |"
                    .into(),
            },
            Section {
                headings: vec!["The page shortcode".into()],
                anchor: Some("the-page-shortcode".into()),
                text: "Write `{% page \"x\" %}` or, in a workflow, `${{ secrets.KEY }}`.\n\n\
                       ```yaml\nenv: ${{ secrets.KEY }}\n```"
                    .into(),
            },
        ]
    );
}

#[test]
fn titles_come_from_the_first_heading_or_the_file_and_same_headings_get_different_anchors() {
    let page = read(include_str!("../../tests/handbook/travel/booking_a-flight.md"));
    assert_eq!(page.title.as_deref(), Some("Book a flight"));
    let anchors: Vec<_> = page.sections.iter().filter_map(|s| s.anchor.as_deref()).collect();
    assert_eq!(anchors, ["tools", "tools-1"]);
    assert_eq!(
        page.sections[0].text,
        "Use the booking tool.[1] It is a snake_case name with 5 * 3 = 15 and \\<your name>.\n\n[1] Not on \
         Sundays.\n\n**Before you fly**\n\nAsk for approval.\n\n| Class | Allowed |\n|---|---|\n| First | no |\n\nThe booking tool"
    );
    assert_eq!(page.sections[0].headings, Vec::<String>::new());
    assert_eq!(from_file_name("travel/booking_a-flight.md"), "Booking a flight");
    assert_eq!(from_file_name("office-of-travel/index.md"), "Office of travel");
    assert_eq!(from_file_name("über-uns.md"), "Über uns");
}

#[test]
fn a_page_says_that_it_should_not_be_relied_on_any_more() {
    let said = |matter: &str| read(&format!("---\n{matter}\n---\n\nThirty days.\n")).deprecated;
    assert_eq!(said("deprecated: See the new contract.").as_deref(), Some("See the new contract."));
    assert_eq!(said("deprecated: true").as_deref(), Some("its author says that it is out of date"));
    assert_eq!(said("deprecated: false"), None);
    assert_eq!(said("title: Leave"), None);
}

#[test]
fn a_page_that_only_points_elsewhere_says_where() {
    let page = read(include_str!("../../tests/handbook/moved.md"));
    assert_eq!(page.sections[0].text, "[Organisation chart](https://example.org/chart)");
}

#[test]
fn broken_front_matter_is_a_warning_with_its_line_and_the_text_is_still_read() {
    let page = read("---\ntitle: Pay: the rules\nkeywords: [a\n---\n\nYou are paid monthly.\n");
    assert_eq!(page.title.as_deref(), Some("Pay: the rules"));
    assert_eq!(page.sections[0].text, "You are paid monthly.");
    assert_eq!(page.warnings.len(), 1);
    let warning = &page.warnings[0];
    assert!(warning.starts_with("line 2: the front matter cannot be read: "), "{warning}");
    assert!(!warning.contains('\n'));
    assert!(!warning["line 2".len()..].contains("line"), "one line is named: {warning}");
    let page = read("+++\ntitle = \"Pay\"\ndate = \n+++\nMonthly.\n");
    assert!(page.warnings[0].starts_with("line 3: "), "{:?}", page.warnings);
    let page = read("+++\ntitle = \"Pay\"\n[extra]\nreview_date = 2027-01-02\n+++\nMonthly.\n");
    assert_eq!((page.title.as_deref(), page.review_date), (Some("Pay"), Some(jiff::civil::date(2027, 1, 2))));
    let page = read("---\nreview_date: soon\n---\nText.");
    assert_eq!(page.warnings, ["the review date 'soon' is not a date like 2027-03-31"]);
    let page = read("---\n\nA rule is no front matter.\n");
    assert_eq!(page.sections[0].text, "A rule is no front matter.");
    let page = read("---\n\nNeither are words between two.\n\n---\n\nText.\n");
    assert_eq!(page.sections[0].text, "Neither are words between two.\n\nText.");
    assert!(read("---\n# nothing is said\n---\nText.").sections[0].text == "Text.");
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |s, n| {
        format!("{s}a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}]\n", m = n - 1)
    });
    assert_eq!(read(&format!("---\n{bomb}---\nText.\n")).warnings.len(), 1);
}

#[test]
fn script_and_markup_in_markdown_never_reach_the_text() {
    let page = read(
        "# T\n\nA <script>alert(1)</script>b <img src=x onerror=alert(1) alt=\"cat\"> [c](javascript:alert(1))\n\n\
         <style>td {padding: 8px;}</style>\n<iframe src=\"https://example.org\"></iframe>\n\n\
         <!-- secret -->\n\n<svg><text>drawn</text></svg>\n\n<a href='https://e.org/\")('>d</a> &lt;script&gt; &amp;lt;",
    );
    assert_eq!(page.sections[0].text, "A b cat c\n\n[d](https://e.org/\"%29%28) \\<script> \\&lt;");
}

#[test]
fn text_that_looks_like_markup_stays_the_text_that_it_is() {
    let back = |text: &str| {
        let page = read(text);
        let again = read(&page.sections[0].text);
        assert_eq!(page.sections, again.sections, "what is written must read the same");
        page.sections[0].text.clone()
    };
    assert_eq!(back("Call 5\\. or \\*this\\* or a*b or `x``"), "Call 5. or \\*this\\* or a\\*b or \\`x\\`\\`");
    assert_eq!(back("1986\\. A great year"), "1986\\. A great year");
    assert_eq!(back("\\# no heading"), "\\# no heading");
    assert_eq!(back("\\- no item\n\\> no quote"), "- no item > no quote".replacen('-', "\\-", 1));
    assert_eq!(back("**Bold **and*it*"), "**Bold **and*it*");
    assert_eq!(back("`` a`b ``"), "``a`b``");
    assert_eq!(back("> quoted\n>\n> - item"), "> quoted\n> - item");
    assert_eq!(back("a  \nb"), "a  \nb");
    assert_eq!(back("7. seven\n8. eight\n\n   more"), "7. seven\n8. eight\n\n   more");
    assert_eq!(back("- [x] done"), "- [x] done");
}

#[test]
fn an_unclosed_tag_and_odd_braces_do_not_swallow_the_page() {
    let page = read("Use {braces} and {% unclosed\n\nNext {{ also\n\nLast {% endalert %} {# a note #}word.");
    assert_eq!(all(&page), " # Use {braces} and {% unclosed\n\nNext {{ also\n\nLast word.\n");
}

#[test]
fn an_html_page_is_reduced_to_its_content() {
    let page = html(include_str!("../../tests/site/page.html")).unwrap();
    assert_eq!((page.title.as_deref(), page.language.as_deref()), (Some("Spesen"), Some("de-CH")));
    assert_eq!(page.keywords, "reise");
    assert_eq!(
        page.sections,
        [
            Section { text: "Essen bis **30 Franken**.".into(), ..Section::default() },
            Section {
                headings: vec!["Hotel".into()],
                anchor: Some("hotel".into()),
                text: "- bis 150\n  - in Zürich 200\n\n```sh\necho 1\necho 2\n```".into(),
            },
        ]
    );
}

#[test]
fn bytes_of_any_character_set_become_text_and_binary_data_is_refused() {
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("Grüße".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let page = b"<meta charset='iso-8859-5'>\xBF";
    for (bytes, said, html, expected) in [
        (utf16.as_slice(), None, false, "Grüße"),
        (b"\xEF\xBB\xBFGr\xC3\xBC\xC3\x9Fe", None, false, "Grüße"),
        (b"Gr\xFC\xDFe \x93you\x94", None, false, "Grüße “you”"),
        (b"\xBF", Some("iso-8859-5"), false, "П"),
        // What the server says counts more than what the page says of itself, and only a page of HTML says something.
        (page, None, true, "<meta charset='iso-8859-5'>П"),
        (page, Some("windows-1252"), true, "<meta charset='iso-8859-5'>¿"),
        (page, None, false, "<meta charset='iso-8859-5'>¿"),
        // A server that lies is not believed.
        (b"Gr\xFC\xDFe", Some("utf-8"), false, "Grüße"),
    ] {
        assert_eq!(decode(bytes, said, html).unwrap(), expected, "{said:?} {html}");
    }
    // What a page says far down of itself, and not what stands in its text.
    let far =
        [b"<p>charset=koi8-r</p><!--".as_slice(), &[b'x'; 1_100], b"--><META CHARSET = 'iso-8859-5'>\xBF"].concat();
    assert!(decode(&far, None, true).unwrap().ends_with('П'));
    // What nobody says is told from the letters.
    let russian = "Заявление на отпуск подписывает руководитель отдела, а согласует его бухгалтерия.";
    let polish = "Wniosek urlopowy należy złożyć u przełożonego najpóźniej dwa tygodnie wcześniej.";
    for (encoding, text) in [
        (encoding_rs::WINDOWS_1251, russian),
        (encoding_rs::KOI8_R, russian),
        (encoding_rs::WINDOWS_1250, polish),
        (encoding_rs::SHIFT_JIS, "休暇の申請は二週間前に人事部へ提出してください。"),
        (encoding_rs::WINDOWS_1252, "It costs £50 a day – “naïve” as that is – and £60 at 30 °C, ±5 µm."),
        (encoding_rs::WINDOWS_1252, "Der Urlaubsantrag muß spätestens zwei Wochen vorher beim Vorgesetzten sein."),
    ] {
        assert_eq!(decode(&encoding.encode(text).0, None, false).unwrap(), text, "{}", encoding.name());
    }
    let garbage: Vec<u8> = (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(decode(&garbage, None, false).unwrap_err().starts_with("it is not text but binary data"));
    assert!(decode(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", None, true).is_err());
}

#[test]
fn nobody_can_stop_the_reader_by_nesting() {
    let quotes = read(&format!("{} deep", ">".repeat(500)));
    assert!(all(&quotes).contains("deep"));
    let lists: String = (0..300).map(|n| format!("{}- item {n}\n", "  ".repeat(n))).collect();
    assert!(all(&read(&lists)).contains("item 299"));
    assert!(all(&read(&format!("{}deep", "<b><i class='x'><span>".repeat(300)))).contains("deep"));
    assert!(all(&html(&format!("{}deep", "<div>".repeat(1_500))).unwrap()).contains("deep"));
    let refused = html(&"<div>".repeat(200_000)).unwrap_err();
    assert!(refused.starts_with("its elements are nested more than 2000 deep"), "{refused}");
    let _ = read(&"[".repeat(50_000));
    let _ = read(&"*a _b ".repeat(20_000));
    let _ = read(&"{% alert %}".repeat(5_000));
    let _ = read(&"{{".repeat(50_000));
}

#[test]
fn the_name_of_the_site_is_no_part_of_a_title() {
    let page = html(
        "<title>What is Ownership? - The Book</title><main><h2 id=o>What Is Ownership?</h2><p>Rules.</p><h3 id=r>Rules</h3><p>One.</p></main>",
    )
    .unwrap();
    let headings: Vec<String> = page.sections.iter().map(|s| s.headings.join("/")).collect();
    assert_eq!((page.title.as_deref(), headings), (Some("What Is Ownership?"), vec![String::new(), "Rules".into()]));
    let other = html("<title>Leave - Handbook</title><main><h2>Days</h2><p>Thirty.</p></main>").unwrap();
    assert_eq!((other.title.as_deref(), other.sections[0].headings.len()), (Some("Leave - Handbook"), 1));
}

#[test]
fn the_content_of_a_page_that_does_not_mark_it_is_told_from_its_words() {
    let words = "You may carry over up to two hundred and forty hours of leave into the next year, as long as your manager knows of it. ";
    let menu: String = (0..40).map(|n| format!("<li><a href='/{n}'>Menu entry {n}</a></li>")).collect();
    let text = format!(
        "<html><head><title>Leave</title></head><body><div class=sidebar><ul>{menu}</ul></div>
         <div class=page><h2 id=c>Carry over</h2><p>{0}</p><p>{0}</p><p>{0}</p></div><div class=bottom><a href='/x'>Imprint</a> Cookies</div></body></html>",
        words.repeat(3)
    );
    let (page, _) = of_site(&text).unwrap();
    let all: String = page.sections.iter().map(|s| s.text.as_str()).collect();
    assert!(all.contains("two hundred and forty hours") && !all.contains("Menu entry"), "{all}");
    assert_eq!(page.title.as_deref(), Some("Leave"));
}

#[test]
fn a_page_that_is_too_large_for_a_tree_is_one_sentence() {
    assert_eq!(html(&"x".repeat(11 * 1024 * 1024)).unwrap_err(), "the page has more than 10 MB: split it");
    assert_eq!(html(&"<b>x</b>".repeat(100_001)).unwrap_err(), "it has more than 100000 elements: split it");
    assert_eq!(markdown(&"<i>x</i>".repeat(100_001)).unwrap_err(), "it has more than 100000 elements: split it");
}

#[test]
fn tabs_and_what_stands_in_them_are_read_as_on_the_page() {
    let page = read(
        "Install it:\n\n=== \"pip\"\n\n    ```sh\n    pip install stoa\n    ```\n\n===+ \"From source\"\n\n    Clone it first.\n\n    \
         !!! note \"Mind\"\n\n        It takes long.\n\n    Then build it.\n\nDone.\n",
    );
    assert_eq!(
        page.sections[0].text,
        "Install it:\n\n**pip**\n\n```sh\npip install stoa\n```\n\n**From source**\n\nClone it first.\n\n**Mind**\n\n\
         It takes long.\n\nThen build it.\n\nDone."
    );
    let heading = read("Title\n===\n\nText.\n\n```\n=== \"code\"\n```\n");
    assert_eq!(
        (heading.title.as_deref(), heading.sections[0].text.as_str()),
        (Some("Title"), "Text.\n\n```\n=== \"code\"\n```")
    );
}

#[test]
fn no_anchor_is_named_that_the_page_does_not_have() {
    let words = "You may carry over up to two hundred and forty hours of leave into the next year, as long as your manager knows of it. ";
    let text = format!(
        "<html><head><title>Leave</title></head><body><div class=page><h2>Carry over</h2><p>{0}</p><p>{0}</p><h2 id=pay>Pay</h2><p>{0}</p></div></body></html>",
        words.repeat(3)
    );
    let (page, _) = of_site(&text).unwrap();
    let anchors: Vec<&str> = page.sections.iter().filter_map(|s| s.anchor.as_deref()).collect();
    assert_eq!(anchors, ["pay"], "{:?}", page.sections);
}
