//! A folder as a source of the library, from files to passages, with everything that can be wrong with files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use stoa_ground::testing::store;
use stoa_ground::{Db, Instant};
use stoa_learning::library::{self, Passage, SourceSettings, SyncReport};
use stoa_sources::Files;
use stoa_sources::pdf::Extractor;

fn settings(readers: &[&str]) -> SourceSettings {
    let readers = readers.iter().map(|r| (*r).to_owned()).collect();
    SourceSettings { name: "handbook".into(), kind: "files".into(), readers, verified: true, external: false }
}

fn source(folder: &Path) -> Files {
    Files::new(settings(&["everyone"]), folder).with_pdf(pdf_reader())
}

fn pdf_reader() -> Extractor {
    Extractor::new(env!("CARGO_BIN_EXE_extract-pdf").into())
}

async fn sync(db: &Db, source: &Files) -> SyncReport {
    library::sync(db, source, &|_| {}).await.unwrap()
}

async fn passages(db: &Db, location: &str) -> Vec<Passage> {
    let documents = db.read(|conn| async move { library::documents(&conn).await }).await.unwrap();
    let Some(document) = documents.iter().find(|d| d.location == location) else { return Vec::new() };
    let id = document.id.as_str();
    db.read(|conn| async move { library::passages_of(&conn, id).await }).await.unwrap()
}

/// Writes a file that looks as if it had been written a while ago, `age` seconds.
fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>, age: u64) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age)).unwrap();
}

fn counts(r: &SyncReport) -> (usize, usize, usize, usize) {
    (r.added, r.changed, r.unchanged, r.removed)
}

/// A PDF with one line on each page.
fn pdf(pages: &[&str]) -> Document {
    let mut doc = Document::with_version("1.5");
    let tree = doc.new_object_id();
    let font = doc.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let resources = doc.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let kids: Vec<Object> = pages
        .iter()
        .map(|text| {
            let content = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
            let content = doc.add_object(Stream::new(Dictionary::new(), content.into_bytes()));
            doc.add_object(dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content }).into()
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap();
    let tree_dictionary = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    doc.objects.insert(tree, Object::Dictionary(tree_dictionary));
    let catalog = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    doc.trailer.set("Root", catalog);
    doc
}

fn bytes(mut doc: Document) -> Vec<u8> {
    let mut out = Vec::new();
    doc.save_to(&mut out).unwrap();
    out
}

#[tokio::test]
async fn a_folder_becomes_passages_that_can_be_quoted_with_title_headings_and_file() {
    let (db, _dir) = store().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handbook");
    let report = sync(&db, &source(&folder)).await;
    assert_eq!((counts(&report), &report.errors, &report.warnings), ((4, 0, 0, 0), &vec![], &vec![]));
    let found = passages(&db, "leave.md").await;
    let carry = found.iter().find(|p| p.text.contains("240 hours")).unwrap();
    assert_eq!((carry.title.as_str(), &carry.headings), ("Leave & time off", &vec!["Carry over".to_owned()]));
    assert_eq!((carry.anchor.as_deref(), carry.keywords.as_str()), (Some("carry"), "vacation, PTO, holiday"));
    assert_eq!(
        (carry.language.as_deref(), carry.verified, &carry.readers[..]),
        (Some("en-GB"), true, &["everyone".to_owned()][..])
    );
    let hours = passages(&db, "hours.txt").await;
    assert_eq!(
        (hours[0].title.as_str(), hours[0].text.as_str()),
        ("Hours", "Opening hours\n\n* Monday 9 < 17\n\\# not a heading")
    );
    assert!(passages(&db, ".hidden/secret.md").await.is_empty());
    let sources = db.read(|conn| async move { library::sources(&conn).await }).await.unwrap();
    assert_eq!((sources[0].kind.as_str(), sources[0].documents, sources[0].failed.as_deref()), ("files", 4, None));
    assert_eq!(sources[0].synced, Some(db.clock().now()));
}

#[tokio::test]
async fn only_what_changed_is_read_again_and_deleted_files_are_found_no_more() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    for n in 0..45 {
        write(folder, &format!("sub/page-{n}.md"), format!("# Page {n}\n\nWords of page {n}.\n"), 100);
    }
    let files = source(folder);
    assert_eq!(counts(&sync(&db, &files).await), (45, 0, 0, 0));
    let head = db.committed_position().await.unwrap();
    assert_eq!(counts(&sync(&db, &files).await), (0, 0, 45, 0));
    assert_eq!(db.committed_position().await.unwrap(), head, "a sync without changes announces nothing");

    write(folder, "sub/page-1.md", "# Page 1\n\nOther words.\n", 50);
    write(folder, "sub/page-2.md", "# Page 2\n\nWords of page 2.\n", 40);
    fs::remove_file(folder.join("sub/page-3.md")).unwrap();
    assert_eq!(counts(&sync(&db, &files).await), (0, 1, 43, 1));
    assert_eq!(db.changes(head, 100).await.unwrap().len(), 2);
    assert_eq!(passages(&db, "sub/page-1.md").await[0].text, "Other words.");
    assert!(passages(&db, "sub/page-3.md").await.is_empty());

    let narrowed = Files::new(settings(&["role:manager"]), folder);
    assert_eq!(counts(&sync(&db, &narrowed).await), (0, 44, 0, 0));
    assert_eq!(passages(&db, "sub/page-1.md").await[0].readers, ["role:manager"]);
    write(folder, "sub/page-3.md", "# Page 3\n\nBack again.\n", 30);
    assert_eq!(counts(&sync(&db, &narrowed).await), (1, 0, 44, 0));
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_deletes_nothing() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let inner = folder.path().join("books");
    for n in 0..30 {
        write(&inner, &format!("{n}.md"), format!("Words of {n}."), 100);
    }
    let files = source(&inner);
    sync(&db, &files).await;
    let away = folder.path().join("elsewhere");
    fs::rename(&inner, &away).unwrap();
    let report = sync(&db, &files).await;
    assert_eq!((counts(&report), report.errors.len()), ((0, 0, 0, 0), 1));
    let (location, sentence) = &report.errors[0];
    assert!(location.is_empty() && sentence.contains("books cannot be opened"), "{sentence}");
    fs::create_dir(&inner).unwrap();
    let report = sync(&db, &files).await;
    assert!(
        report.errors[0].1.starts_with("30 of its 30 documents are suddenly missing, so they are kept for three days")
    );
    assert!(!passages(&db, "7.md").await.is_empty());
    let sources = db.read(|conn| async move { library::sources(&conn).await }).await.unwrap();
    assert!(sources[0].failed.as_deref().unwrap().contains("suddenly missing"));
}

#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_out_of_the_folder() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    write(folder.path(), "outside/secret.md", "Nobody may read this.", 100);
    write(folder.path(), "books/open.md", "Everybody may read this.", 100);
    let books = folder.path().join("books");
    std::os::unix::fs::symlink("../outside", books.join("way")).unwrap();
    std::os::unix::fs::symlink("../outside/secret.md", books.join("page.md")).unwrap();
    std::os::unix::fs::symlink(".", books.join("loop")).unwrap();
    assert_eq!(counts(&sync(&db, &source(&books)).await), (1, 0, 0, 0));
}

#[tokio::test]
async fn each_broken_file_is_one_sentence_and_the_others_are_read() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    let garbage: Vec<u8> = (0..50_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    write(folder, "good.md", "# Good\n\nAll is well.", 100);
    write(folder, "front.md", "---\ntitle: [Open\n---\n\nStill read.", 100);
    write(folder, "garbage.md", &garbage, 100);
    write(folder, "huge.md", vec![b'x'; 21 * 1024 * 1024], 100);
    write(folder, "deep.html", "<div>".repeat(100_000), 100);
    write(folder, "empty.pdf", "", 100);
    write(folder, "noise.pdf", &garbage, 100);
    let whole = bytes(pdf(&["Cut off."]));
    write(folder, "cut.pdf", &whole[..whole.len() / 3], 100);
    write(folder, "blank.pdf", bytes(pdf(&[""])), 100);
    write(folder, "locked.pdf", locked(), 100);
    let report = sync(&db, &source(folder)).await;
    assert_eq!(report.added, 2);
    let damaged = "it is damaged or not a PDF: open it and save it again";
    let expected = [
        ("blank.pdf", "it has no text, perhaps it is scanned: run it through text recognition (OCR) first"),
        ("cut.pdf", damaged),
        ("deep.html", "its elements are nested more than 2000 deep, which no reader can follow"),
        ("empty.pdf", "it is an empty file"),
        ("garbage.md", "it is not text but binary data: give it the right extension or take it out of the folder"),
        ("huge.md", "it has 21 MB, more than the 20 MB that are read: split it"),
        ("locked.pdf", "it is protected by a password: save it without one"),
        ("noise.pdf", damaged),
    ];
    let errors: Vec<(&str, &str)> = report.errors.iter().map(|(l, s)| (l.as_str(), s.as_str())).collect();
    assert_eq!(errors, expected);
    assert_eq!(report.warnings.len(), 1);
    assert_eq!(report.warnings[0].0, "front.md");
    assert!(report.warnings[0].1.starts_with("line 2: the front matter cannot be read"), "{}", report.warnings[0].1);
    assert_eq!(passages(&db, "front.md").await[0].text, "Still read.");
    // What was readable once stays readable when its file breaks.
    write(folder, "good.md", &garbage, 50);
    assert_eq!(sync(&db, &source(folder)).await.removed, 0);
    assert_eq!(passages(&db, "good.md").await[0].text, "All is well.");
}

/// A PDF that wants a password.
fn locked() -> Vec<u8> {
    let mut doc = pdf(&["Salaries."]);
    let id = Object::string_literal("0123456789abcdef");
    doc.trailer.set("ID", vec![id.clone(), id]);
    let version = lopdf::EncryptionVersion::V2 {
        document: &doc,
        owner_password: "owner",
        user_password: "user",
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    doc.encrypt(&state).unwrap();
    bytes(doc)
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    write(folder.path(), "travel-rules.pdf", bytes(pdf(&["Book early.", "", "Keep every receipt."])), 100);
    let report = sync(&db, &source(folder.path())).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 0), &vec![]));
    let found = passages(&db, "travel-rules.pdf").await;
    let shown: Vec<_> = found.iter().map(|p| (p.title.as_str(), p.headings[0].as_str(), p.text.as_str())).collect();
    assert_eq!(shown, [("Travel rules", "Page 1", "Book early."), ("Travel rules", "Page 3", "Keep every receipt.")]);
    assert_eq!(found[1].anchor.as_deref(), Some("page=3"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_pdf_reader_that_hangs_or_shouts_is_stopped() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, body: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let hangs = Extractor::new(script("hangs", "exec sleep 1000")).within(Duration::from_millis(200));
    let sentence = hangs.sections(Path::new("any.pdf")).await.unwrap_err();
    assert!(sentence.contains("to read: it is damaged or too complex"), "{sentence}");
    let shouts = Extractor::new(script("shouts", "exec yes"));
    assert_eq!(shouts.sections(Path::new("any.pdf")).await.unwrap_err(), "it has more than 32 MB of text: split it");
    let dies = Extractor::new(script("dies", "kill -SEGV $$"));
    assert!(dies.sections(Path::new("any.pdf")).await.unwrap_err().starts_with("it is damaged or not a PDF"));
    let missing = Extractor::new(folder.path().join("missing"));
    assert!(missing.sections(Path::new("any.pdf")).await.is_err());
}

#[tokio::test]
async fn four_megabytes_are_read_and_a_sync_that_was_cut_short_is_made_whole() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let paragraph = "The quick brown fox may carry over two hundred and forty hours of leave into the next year.\n\n";
    let text = format!("# Long\n\n## Only section\n\n{}", paragraph.repeat(4 * 1024 * 1024 / paragraph.len()));
    write(folder.path(), "long.md", text, 100);
    let files = source(folder.path());
    {
        let head = db.watch();
        let mut first = std::pin::pin!(library::sync(&db, &files, &|_| {}));
        // Dropped as soon as its first passages are committed.
        loop {
            tokio::select! {
                biased;
                ended = &mut first => panic!("the sync ended before it could be cut short: {ended:?}"),
                () = tokio::task::yield_now() => {}
            }
            if staged(&db).await > 0 {
                break;
            }
        }
        assert_eq!(*head.borrow(), 0, "nothing is announced before the whole document is there");
    }
    assert!(passages(&db, "long.md").await.is_empty());
    let report = sync(&db, &files).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 0), &vec![]));
    let found = passages(&db, "long.md").await;
    assert!(found.len() > 3_000, "{}", found.len());
    assert!(found.iter().enumerate().all(|(n, p)| p.ordinal as usize == n && p.headings == ["Only section"]));
}

async fn staged(db: &Db) -> i64 {
    let row = db.opt("SELECT COUNT(*) AS n FROM passage", stoa_ground::args![]).await.unwrap().unwrap();
    row.get("n").unwrap()
}

#[tokio::test]
async fn the_only_file_is_kept_while_its_folder_is_empty_and_what_is_in_doubt_waits_out_its_time() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    let files = source(folder.path());
    write(folder.path(), "handbook.md", "All that counts.", 100);
    sync(&db, &files).await;
    fs::remove_file(folder.path().join("handbook.md")).unwrap();
    let report = sync(&db, &files).await;
    assert!(report.errors[0].1.starts_with("1 of its 1 documents are suddenly missing"), "{report:?}");
    assert_eq!(passages(&db, "handbook.md").await[0].readers, ["everyone"]);
    db.clock().set(db.clock().now().plus(Instant::DAY * 3)).unwrap();
    assert_eq!(sync(&db, &files).await.removed, 1);
    // A file that gets another name: the folder is there.
    write(folder.path(), "handbook-2.md", "All that counts now.", 90);
    sync(&db, &files).await;
    fs::rename(folder.path().join("handbook-2.md"), folder.path().join("handbook-3.md")).unwrap();
    assert_eq!(counts(&sync(&db, &files).await), (1, 0, 0, 1));

    (0..9).for_each(|n| write(folder.path(), &format!("{n}.md"), format!("Words of {n}."), 80));
    sync(&db, &files).await;
    (0..6).for_each(|n| fs::remove_file(folder.path().join(format!("{n}.md"))).unwrap());
    assert!(sync(&db, &files).await.errors[0].1.starts_with("6 of its 10 documents are suddenly missing"));
    // Most of them are back: the two others are not gone for that.
    (0..4).for_each(|n| write(folder.path(), &format!("{n}.md"), format!("Words of {n}."), 80));
    let report = sync(&db, &files).await;
    assert!(report.errors[0].1.starts_with("2 of its 10 documents are suddenly missing"), "{report:?}");
    assert_eq!(report.removed, 0);
    db.clock().set(db.clock().now().plus(Instant::DAY * 3)).unwrap();
    assert_eq!(sync(&db, &files).await.removed, 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_nobody_could_be_shown_is_a_problem_of_its_own() {
    use std::os::unix::ffi::OsStrExt as _;
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    write(folder.path(), "good.md", "Words.", 100);
    write(folder.path(), "bad\u{1b}[31mred.md", "Words.", 100);
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"gr\xFC\xDFe.md")), "Words.").unwrap();
    let report = sync(&db, &source(folder.path())).await;
    assert_eq!(report.added, 1);
    let errors: Vec<(&str, &str)> = report.errors.iter().map(|(l, s)| (l.as_str(), s.as_str())).collect();
    assert_eq!(
        errors,
        [
            ("bad\\u{1b}[31mred.md", "its name has control characters: rename it"),
            ("gr\u{FFFD}\u{FFFD}e.md", "its name is not valid UTF-8: rename it"),
        ]
    );
}
