//! Search as people meet it: on a small library of our own writing.

use stoa_ground::testing::store;
use stoa_ground::{Db, Instant, Result};

use super::testing::{page, put, small_library};
use super::{Access, Index, Weights};
use crate::library;

async fn found(index: &Index, question: &str, access: &Access) -> Vec<String> {
    let found = index.search(question, access, Instant(0), 10).unwrap();
    found.hits.into_iter().map(|h| h.passage_id).collect()
}

async fn first(db: &Db, index: &Index, question: &str) -> String {
    let found = index.search(question, &Access::everyone(), Instant(0), 1).unwrap();
    let Some(hit) = found.hits.into_iter().next() else { return String::new() };
    let id = &hit.passage_id;
    let passage = db.read(|conn| async move { library::passage(&conn, id).await }).await.unwrap().unwrap();
    format!("{} {}", passage.location, passage.headings.join(" > ")).trim().to_owned()
}

#[tokio::test]
async fn people_find_the_passage_whatever_words_they_use() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    let progress = index.catch_up(&db).await.unwrap();
    assert_eq!((progress.documents, progress.rebuilt), (4, true));
    for (question, expected) in [
        ("How do I claim my travel expenses?", "travel/expenses.md Claiming expenses"),
        ("claiming expense", "travel/expenses.md Claiming expenses"),
        ("how do i clam expneses", "travel/expenses.md Claiming expenses"),
        ("what is the daily allowance abroad", "travel/expenses.md Daily allowance"),
        ("wifi error 809", "tools/vpn.md When it fails"),
        ("vpn", "tools/vpn.md Connecting"),
        ("do I need a doctor’s note?", "leave/sick.md First day"),
        ("mentors", "people/mentors.md"),
        ("", ""),
        ("🙂🙂", ""),
        ("東京のパスワード", ""),
    ] {
        assert_eq!(first(&db, &index, question).await, expected, "{question}");
    }
    let long = "why is the moon so blue tonight ".repeat(1_000) + "claim expenses";
    assert_eq!(first(&db, &index, &long).await, "travel/expenses.md Claiming expenses");
}

#[tokio::test]
async fn the_index_follows_what_changes_and_forgets_what_is_retired() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    assert_eq!(first(&db, &index, "parking permit").await, "");

    put(&db, &[page("office/parking.md", "Parking", &[("", "A parking permit costs nothing.")])]).await;
    put(&db, &[page("people/mentors.md", "Mentors", &[("", "Your buddy shows you around.")])]).await;
    let progress = index.catch_up(&db).await.unwrap();
    assert_eq!((progress.documents, progress.rebuilt), (2, false));
    assert_eq!(first(&db, &index, "parking permit").await, "office/parking.md");
    assert_eq!(first(&db, &index, "buddy").await, "people/mentors.md");
    assert_eq!(first(&db, &index, "newcomer").await, "");

    db.write(|tx| async move { library::retire(&tx, "handbook", "office/parking.md", "gone").await }).await.unwrap();
    index.catch_up(&db).await.unwrap();
    assert_eq!(first(&db, &index, "parking permit").await, "");
    assert_eq!(index.catch_up(&db).await.unwrap(), super::Progress::default());
}

#[tokio::test]
async fn a_running_follower_takes_in_a_change_by_itself() {
    let (db, _dir) = store().await;
    let index = Index::in_memory().unwrap();
    let story = async {
        put(&db, &small_library()).await;
        while index.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(first(&db, &index, "vpn").await, "tools/vpn.md Connecting");
    };
    tokio::select! {
        () = index.follow(&db) => panic!("the follower stopped"),
        () = story => {}
    }
}

#[tokio::test]
async fn hidden_passages_change_nothing_that_an_asker_sees() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let questions = ["claim expenses", "redundancy plan", "doctor note", "salary of the board", "expences bord"];
    let everyone = Access::everyone();
    let see = |index: &Index| questions.map(|q| index.search(q, &everyone, Instant(0), 10).unwrap());
    let (before, before_len) = (see(&index), index.len());

    let mut secret: Vec<_> = (0..30)
        .map(|n| {
            page(&format!("board/{n}.md"), "Redundancy plan", &[("Salary", "The board will claim salary expenses.")])
        })
        .collect();
    secret.iter_mut().for_each(|p| p.readers = vec!["group:board".into()]);
    secret[0].readers = vec![];
    put(&db, &secret).await;
    index.catch_up(&db).await.unwrap();
    assert_eq!(index.len(), before_len + 30);
    assert_eq!(see(&index), before, "an employee sees neither the plan nor its weight");

    let board = index.search("redundancy plan", &Access::of(["everyone", "group:board"]), Instant(0), 100).unwrap();
    assert_eq!(board.hits.len(), 29);
    assert_eq!(index.search("redundancy plan", &Access::All, Instant(0), 100).unwrap().hits.len(), 30);
    assert_eq!(found(&index, "redundancy plan", &Access::of(Vec::<String>::new())).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_index_that_is_lost_damaged_or_foreign_heals_itself() -> Result<()> {
    let (db, dir) = store().await;
    put(&db, &small_library()).await;
    let folder = dir.path().join("index");
    let reopen = async |expect_rebuilt: bool, why: &str| {
        let index = Index::open(&folder).unwrap();
        let progress = index.catch_up(&db).await.unwrap();
        assert_eq!(progress.rebuilt, expect_rebuilt, "{why}");
        assert_eq!(first(&db, &index, "vpn").await, "tools/vpn.md Connecting", "{why}");
    };
    reopen(true, "no folder").await;
    reopen(false, "nothing happened").await;

    std::fs::remove_dir_all(&folder).unwrap();
    reopen(true, "folder deleted").await;

    let file = |end: &str| {
        let files = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
        files.filter(|p| p.to_string_lossy().ends_with(end)).max_by_key(|p| p.metadata().unwrap().len()).unwrap()
    };
    let mut bytes = std::fs::read(file(".idx")).unwrap();
    bytes[10] ^= 0xff;
    std::fs::write(file(".idx"), bytes).unwrap();
    reopen(true, "a damaged byte").await;

    std::fs::write(file(".pos"), b"").unwrap();
    reopen(true, "a truncated file").await;

    std::fs::write(file("meta.json"), b"{not json").unwrap();
    reopen(true, "a broken meta.json").await;

    let meta = std::fs::read_to_string(file("meta.json")).unwrap();
    let format = format!(r#"\"format\":{}"#, super::schema::FORMAT);
    assert!(meta.contains(&format), "{meta}");
    std::fs::write(file("meta.json"), meta.replace(&format, r#"\"format\":0"#)).unwrap();
    reopen(true, "another format").await;

    std::fs::write(file("meta.json"), meta.replace(tantivy::version_string(), "tantivy 0.1")).unwrap();
    reopen(true, "another engine").await;

    let (other, _other_dir) = store().await;
    other.write(|tx| async move { tx.publish("thing", "one").await }).await.unwrap();
    put(&other, &small_library()).await;
    let index = Index::open(&folder)?;
    assert!(index.catch_up(&other).await?.rebuilt, "another store");
    assert!(matches!(Index::open(&folder), Err(stoa_ground::Error::Conflict(_))), "one writer");

    let reading = Index::open_read_only(&folder)?.expect("the index can be read beside its writer");
    assert_eq!(found(&reading, "vpn", &Access::everyone()).await.len(), 2);
    assert!(reading.catch_up(&other).await.is_err());
    assert!(Index::open_read_only(&dir.path().join("none"))?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_stale_index_catches_up_from_where_it_was() {
    let (db, dir) = store().await;
    put(&db, &small_library()).await;
    let folder = dir.path().join("index");
    Index::open(&folder).unwrap().catch_up(&db).await.unwrap();
    put(&db, &[page("office/parking.md", "Parking", &[("", "A parking permit costs nothing.")])]).await;
    let index = Index::open(&folder).unwrap();
    assert_eq!(index.catch_up(&db).await.unwrap(), super::Progress { documents: 1, passages: 1, rebuilt: false });
    assert_eq!(first(&db, &index, "parking").await, "office/parking.md");
}

#[tokio::test]
async fn each_language_is_found_by_its_own_word_forms() {
    let (db, _dir) = store().await;
    let mut german = page("de/reise.md", "Reisekosten", &[("", "Belege werden fotografiert und eingereicht.")]);
    german.language = Some("de".into());
    put(&db, &[german]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    assert_eq!(first(&db, &index, "Beleg").await, "de/reise.md");
    assert_eq!(first(&db, &index, "claims").await, "travel/expenses.md Claiming expenses");
}

#[tokio::test]
async fn a_page_that_does_not_say_its_language_is_read_in_the_one_that_it_shows() {
    let (db, _dir) = store().await;
    let text = "Belege werden fotografiert und mit dem Formular eingereicht. Wer länger als acht Stunden unterwegs ist, \
                bekommt eine Pauschale für jeden Tag, und für das Hotel zahlt die Firma. Für die Fahrt mit dem eigenen Wagen \
                gibt es nur dann etwas, wenn es keinen Zug gibt und die Führungskraft es vorher genehmigt hat.";
    put(&db, &[page("de/reise.md", "Reisekosten", &[("", text)])]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    // "Formularen" and "Formular" have one stem in German, and two in English.
    assert_eq!(first(&db, &index, "Formularen").await, "de/reise.md");
    let found = index.search("Wie lange bin ich unterwegs?", &Access::everyone(), Instant(0), 1).unwrap();
    assert_eq!(found.asked.iter().map(|a| a.word.as_str()).collect::<Vec<_>>(), ["lange", "unterwegs"]);
    assert_eq!(first(&db, &index, "claims").await, "travel/expenses.md Claiming expenses");
}

#[tokio::test]
async fn of_two_pages_that_say_the_same_the_checked_one_comes_first() {
    let (db, _dir) = store().await;
    let mut tip = page("a/tip", "Parking", &[("", "A parking permit costs nothing.")]);
    tip.verified = false;
    put(&db, &[tip, page("z/parking.md", "Parking", &[("", "A parking permit costs nothing.")])]).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    assert_eq!(first(&db, &index, "parking permit").await, "z/parking.md");
}

#[tokio::test]
async fn a_question_in_german_is_read_as_german() {
    let (db, _dir) = store().await;
    let mut german = page("de/urlaub.md", "Urlaub", &[("", "Urlaub wird in Tideline beantragt, zwei Wochen vorher.")]);
    german.language = Some("de".into());
    put(&db, &[german]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let found = index.search("Wie kann ich meinen Urlaub beantragen?", &Access::everyone(), Instant(0), 1).unwrap();
    assert_eq!(found.asked.iter().map(|a| a.word.as_str()).collect::<Vec<_>>(), ["urlaub", "beantragen"]);
    assert_eq!(first(&db, &index, "Wie kann ich meinen Urlaub beantragen?").await, "de/urlaub.md");
}

#[tokio::test]
async fn an_unknown_word_is_taken_for_a_word_and_not_for_a_stem() {
    let (db, _dir) = store().await;
    put(&db, &[page("a.md", "Guards", &[("", "At night we call the police.")])]).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let found = index.search("policy at night", &Access::everyone(), Instant(0), 5).unwrap();
    assert_eq!(found.asked[0].taken_for, ["police"]);
}

#[tokio::test]
async fn a_deed_that_no_page_names_counts_little_where_a_page_is_about_the_thing() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let weights = |question: &str| {
        let found = index.search(question, &Access::everyone(), Instant(0), 5).unwrap();
        found.asked.iter().map(|a| a.idf).collect::<Vec<_>>()
    };
    for (question, little) in [
        ("How do I submit my travel expenses?", true),
        ("how to submit expenses", true),
        ("Who can submit expenses?", false),
        // No title and no heading has a meal.
        ("How do I cook a meal?", false),
    ] {
        let weights = weights(question);
        let least = weights[1..].iter().copied().fold(f32::MAX, f32::min);
        assert_eq!(weights[0] == 0.5 * least, little, "{question} {weights:?}");
        assert_eq!(weights[0] > least, !little, "{question} {weights:?}");
    }
}

#[tokio::test]
async fn of_what_has_the_telling_words_alike_the_stop_words_choose() {
    let (db, _dir) = store().await;
    let session = |location: &str, text: &str| page(location, "Session", &[("", text)]);
    put(
        &db,
        &[session("a.md", "Everybody can join: doors open early."), session("b.md", "Who should join: all that lead.")],
    )
    .await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let found = index.search("Who should join?", &Access::everyone(), Instant(0), 5).unwrap();
    assert_eq!(found.asked.iter().map(|a| a.word.as_str()).collect::<Vec<_>>(), ["join"]);
    let stops: Vec<bool> = found.hits.iter().map(|h| h.parts.stop > 0.0).collect();
    assert_eq!(stops, [true, false], "{found:?}");
    assert_eq!(first(&db, &index, "Who should join?").await, "b.md");
}

#[tokio::test]
async fn a_word_that_one_document_has_again_and_again_is_no_frequent_word() {
    let (db, _dir) = store().await;
    let heading = |n: usize| format!("Office {n}");
    let texts: Vec<(String, String)> =
        (0..6).map(|n| (heading(n), format!("The gateway of office {n} stands upstairs."))).collect();
    let sections: Vec<(&str, &str)> = texts.iter().map(|(h, t)| (h.as_str(), t.as_str())).collect();
    let mut pages = vec![page("gateways.md", "Network", &sections)];
    for n in 0..60 {
        let thing = if n < 6 { "printer" } else { "cupboard" };
        let text = format!("The {thing} of office {n} stands upstairs.");
        pages.push(page(&format!("{n}.md"), "Network", &[(&heading(n), &text)]));
    }
    put(&db, &pages).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let best = |word: &str| {
        let found = index.search(word, &Access::everyone(), Instant(0), 1).unwrap();
        (found.asked[0].passages, found.asked[0].idf, found.hits[0].parts.words)
    };
    let ((gateways, gateway_tells, gateway), (printers, printer_tells, printer)) = (best("gateway"), best("printer"));
    assert_eq!((gateways, gateway_tells), (printers, printer_tells));
    assert!(gateway > printer, "{gateway} {printer}");
}

#[tokio::test]
async fn the_opening_of_a_page_is_found_by_its_keywords() {
    let (db, _dir) = store().await;
    let mut leave = page(
        "leave.md",
        "Leave",
        &[
            ("", "Everybody has 27 days of it in a year."),
            ("Days that lapse", "Days that are left lapse in March; days of many years do not add up, these days."),
            ("Days of others", "How many days others have, the days of others and all days, their manager sees."),
        ],
    );
    leave.keywords = "vacation, holiday".into();
    put(&db, &[leave]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let found = index.search("how many vacation days do I have", &Access::everyone(), Instant(0), 3).unwrap();
    let opening: Vec<bool> = found.hits.iter().map(|h| h.parts.opening > 0.0).collect();
    let first: Vec<bool> = found.hits.iter().map(|h| h.passage_id.ends_with("#0")).collect();
    assert!(opening == first && opening.contains(&true), "{found:?}");
}

#[tokio::test]
async fn of_what_says_the_same_the_checked_and_current_comes_first() {
    let (db, _dir) = store().await;
    let same = |location: &str| page(location, "Bicycles", &[("", "A bicycle is leased for three years.")]);
    let mut unchecked = same("b/unchecked.md");
    unchecked.verified = false;
    let mut overdue = same("c/overdue.md");
    overdue.review_date = Some(jiff::civil::date(1970, 1, 1));
    put(&db, &[same("a/deprecated.md"), unchecked, overdue, same("d/judged-wrong.md"), same("e/good.md")]).await;
    db.write(|tx| async move {
        library::deprecate(&tx, "handbook", "a/deprecated.md", "the new contract").await?;
        let wrong = library::documents(&tx).await?.into_iter().find(|d| d.location == "d/judged-wrong.md").unwrap();
        assert!(library::rate(&tx, &wrong.id, -100).await?);
        library::rate(&tx, &wrong.id, -100).await
    })
    .await
    .unwrap();
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let order = |days: i64| {
        let found = index.search("bicycle", &Access::everyone(), Instant(days * Instant::DAY), 10).unwrap();
        found.hits.into_iter().map(|h| (h.document_id, h.parts.prior)).collect::<Vec<_>>()
    };
    let documents = db.read(|c| async move { library::documents(&c).await }).await.unwrap();
    let place = |id: &str| documents.iter().find(|d| d.id == id).unwrap().location.clone();
    let now: Vec<(String, f32)> = order(10).into_iter().map(|(id, prior)| (place(&id), prior)).collect();
    let expected = [
        ("e/good.md", 1.0),
        ("d/judged-wrong.md", 0.98),
        ("c/overdue.md", 0.97),
        ("b/unchecked.md", 0.95),
        ("a/deprecated.md", 0.8),
    ];
    assert_eq!(now, expected.map(|(l, p)| (l.to_owned(), p)));
    // What is old loses a little; years before it was written nothing is overdue.
    let later = db.clock().now().0 / Instant::DAY + 365 * 6;
    assert!(order(later).iter().all(|(_, prior)| *prior < 0.97) && order(-1).iter().all(|(_, p)| *p != 0.97));
}

#[tokio::test]
async fn a_long_question_also_finds_what_shares_only_words_with_the_best_pages() {
    let (db, _dir) = store().await;
    let text =
        "The boundary layer thickens behind the shock, and heat transfer at the nose rises with the Mach number.";
    put(
        &db,
        &[
            page("a.md", "Heating of blunt bodies", &[("", text)]),
            page("b.md", "Blunt bodies at speed", &[("", &format!("{text} Ablation cools the nose."))]),
            page("c.md", "Nose cones", &[("", "Ablation at the nose lowers the transfer behind a shock.")]),
            page("d.md", "Lunch", &[("", "Soup is served at noon.")]),
        ],
    )
    .await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let look = |question: &str| index.search(question, &Access::everyone(), Instant(0), 10).unwrap();
    let long = look("heating blunt bodies boundary layer thickens speed");
    assert!(long.related.contains(&"nose".to_owned()), "{:?}", long.related);
    assert_eq!(long.hits.len(), 3, "soup has nothing in common with the others");
    assert!(long.hits[2].parts.words == 0.0 && long.hits[2].parts.related > 0.0);
    let short = look("heating of blunt bodies");
    assert!(short.related.is_empty() && short.hits.len() == 2);
}

#[tokio::test]
async fn what_is_read_only_in_part_is_ranked_as_if_all_of_it_was_read() {
    let (db, _dir) = store().await;
    let mut seed = 7u64;
    let mut roll = move |below: f64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Of so many words the n-th is about 1/n as frequent as the first.
        below.powf((seed >> 33) as f64 / (1u64 << 31) as f64) as usize
    };
    let mut text = |words: usize| {
        (0..words)
            .map(|_| format!("w{}x", "abcdefghij".chars().nth(roll(300.0) % 10).unwrap().to_string().repeat(roll(9.0))))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let pages: Vec<_> = (0..120)
        .map(|n| {
            let sections: Vec<(String, String)> = (0..4).map(|_| (text(2), text(25))).collect();
            let sections: Vec<(&str, &str)> = sections.iter().map(|(h, t)| (h.as_str(), t.as_str())).collect();
            let mut page = page(&format!("{n}.md"), &text(3), &sections);
            if n % 5 == 0 {
                page.readers = vec!["group:board".into()];
            }
            page
        })
        .collect();
    put(&db, &pages[..70]).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    // More than one segment, and gaps in them.
    put(&db, &pages[70..]).await;
    db.write(|tx| async move { library::retire(&tx, "handbook", "33.md", "gone").await }).await.unwrap();
    index.catch_up(&db).await.unwrap();
    let with =
        |frequent: usize| index.with_weights(Weights { candidates: 12, frequent, ..Weights::default() }).unwrap();
    let (whole, part) = (with(usize::MAX), with(1));
    let questions: Vec<String> = (0..60).map(|n| text(1 + n % 9)).collect();
    for access in [Access::everyone(), Access::All] {
        // The second time it is remembered how far each word reaches.
        for round in 0..2 {
            for question in &questions {
                let see = |index: &Index| index.search(question, &access, Instant(0), 12).unwrap();
                assert_eq!(see(&part), see(&whole), "{question}, {round}");
            }
        }
    }
}
