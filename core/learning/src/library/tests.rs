//! The library as its users meet it.

use stoa_ground::testing::store;
use stoa_ground::{Db, Instant};

use super::*;

fn page(location: &str, text: &str) -> Item {
    Item {
        source: "handbook".into(),
        location: location.into(),
        title: "Annual leave".into(),
        readers: vec!["everyone".into()],
        verified: true,
        sections: vec![Section {
            headings: vec!["Carry over".into()],
            anchor: Some("carry-over".into()),
            text: text.into(),
        }],
        ..Item::default()
    }
}

async fn put_one(db: &Db, item: &Item) -> Put {
    db.write(|tx| async move { put(&tx, item).await }).await.unwrap()
}

async fn passages(db: &Db, id: &str) -> Vec<Passage> {
    db.read(|conn| async move { passages_of(&conn, id).await }).await.unwrap()
}

#[tokio::test]
async fn a_page_that_is_put_can_be_read_with_its_heading_and_where_it_stands() {
    let (db, _dir) = store().await;
    let done = put_one(&db, &page("leave.md", "You may carry over 240 hours.")).await;
    assert_eq!(done.outcome, Outcome::Added);
    let found = passages(&db, &done.document).await;
    assert_eq!(found.len(), 1);
    let p = &found[0];
    assert_eq!((p.title.as_str(), p.location.as_str(), p.ordinal), ("Annual leave", "leave.md", 0));
    assert_eq!((p.headings.as_slice(), p.anchor.as_deref()), (&["Carry over".to_owned()][..], Some("carry-over")));
    assert_eq!(p.text, "You may carry over 240 hours.");
    assert_eq!(p.id, format!("{}#0", done.document));
    let id = p.id.as_str();
    let again = db.read(|conn| async move { passage(&conn, id).await }).await.unwrap().unwrap();
    assert_eq!(&again, p);
    assert!(db.read(|conn| async move { passage(&conn, "nonsense").await }).await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_content_is_announced_once_and_a_change_keeps_the_old_version() {
    let (db, _dir) = store().await;
    let first = put_one(&db, &page("leave.md", "240 hours.")).await;
    let head = db.committed_position().await.unwrap();
    assert_eq!(put_one(&db, &page("leave.md", "240 hours.  \r\n\r\n")).await.outcome, Outcome::Unchanged);
    assert_eq!(db.committed_position().await.unwrap(), head, "nothing may be announced for the same content");

    db.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    let second = put_one(&db, &page("leave.md", "200 hours.")).await;
    assert_eq!((second.outcome, &second.document), (Outcome::Content, &first.document));
    let changes = db.changes(head, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].topic.as_str(), &changes[0].key), (TOPIC, &first.document));
    assert_eq!(passages(&db, &first.document).await[0].text, "200 hours.");
    let id = first.document.as_str();
    let versions = db.read(|conn| async move { versions_of(&conn, id).await }).await.unwrap();
    assert_eq!(versions.iter().map(|v| &v.digest).collect::<Vec<_>>(), [&first.version, &second.version]);
    assert_eq!(put_one(&db, &page("leave.md", "240 hours.")).await.version, first.version, "the old content is back");
    assert_eq!(passages(&db, id).await[0].text, "240 hours.");
}

#[tokio::test]
async fn a_new_title_or_other_readers_are_announced_without_a_new_version() {
    let (db, _dir) = store().await;
    let first = put_one(&db, &page("leave.md", "240 hours.")).await;
    let mut item = page("leave.md", "240 hours.");
    item.title = "Leave".into();
    item.verified = false;
    let second = put_one(&db, &item).await;
    assert_eq!((second.outcome, &second.version), (Outcome::Details, &first.version));
    let managers = &vec!["role:manager".to_owned()];
    let narrow = || db.write(|tx| async move { set_readers(&tx, "handbook", "leave.md", managers).await });
    let head = db.committed_position().await.unwrap();
    assert!(narrow().await.unwrap());
    assert!(!narrow().await.unwrap());
    assert_eq!(db.committed_position().await.unwrap(), head + 1);
    let found = passages(&db, &first.document).await;
    assert_eq!((found[0].title.as_str(), found[0].verified, &found[0].readers), ("Leave", false, managers));
    item.readers = vec!["anybody".into()];
    let item = &item;
    let wrong = db.write(|tx| async move { put(&tx, item).await }).await.unwrap_err().to_string();
    assert_eq!(wrong, "'anybody' is not a reader: write everyone, role:NAME, group:NAME or person:ID");
}

#[tokio::test]
async fn a_retired_page_is_found_no_more_until_it_comes_back() {
    let (db, _dir) = store().await;
    let first = put_one(&db, &page("leave.md", "240 hours.")).await;
    let twin = put_one(&db, &page("copy/leave.md", "240 hours.")).await;
    let id = first.document.as_str();
    let twins = db.read(|conn| async move { duplicates_of(&conn, id).await }).await.unwrap();
    assert_eq!(twins.iter().map(|d| d.location.as_str()).collect::<Vec<_>>(), ["copy/leave.md"]);
    let head = db.committed_position().await.unwrap();
    let gone = || db.write(|tx| async move { retire(&tx, "handbook", "leave.md", "it is gone").await });
    assert!(gone().await.unwrap());
    assert!(!gone().await.unwrap());
    assert_eq!(db.committed_position().await.unwrap(), head + 1);
    assert!(passages(&db, id).await.is_empty());
    let ids = db.read(|conn| async move { document_ids(&conn, "", 10).await }).await.unwrap();
    assert_eq!(ids, [twin.document]);
    let sources = db.read(|conn| async move { sources(&conn).await }).await.unwrap();
    assert_eq!((sources[0].name.as_str(), sources[0].documents, sources[0].passages), ("handbook", 1, 1));
    assert_eq!(put_one(&db, &page("leave.md", "240 hours.")).await.outcome, Outcome::Added);
    assert_eq!(passages(&db, id).await.len(), 1);
}

#[tokio::test]
async fn a_page_cannot_hide_text_with_control_characters() {
    let (db, _dir) = store().await;
    let mut item = page("leave.md", "Pay\u{0007} \u{202E}now\u{0000}.");
    item.title = "A\u{001B}[31m\u{202E}title\n".into();
    let done = put_one(&db, &item).await;
    let found = passages(&db, &done.document).await;
    assert_eq!((found[0].title.as_str(), found[0].text.as_str()), ("A [31mtitle", "Pay now."));
}

#[tokio::test]
async fn content_that_was_cut_by_an_older_rule_is_cut_anew_and_announced() {
    let (db, _dir) = store().await;
    let item = page("leave.md", "240 hours.");
    let first = put_one(&db, &item).await;
    db.write(|tx| async move {
        tx.exec("UPDATE document_version SET cutting = 0", stoa_ground::args![]).await?;
        tx.exec("UPDATE passage SET text = 'cut in the old way'", stoa_ground::args![]).await
    })
    .await
    .unwrap();
    let head = db.committed_position().await.unwrap();
    let again = put_one(&db, &item).await;
    assert_eq!((again.outcome, again.version), (Outcome::Content, first.version));
    assert_eq!(db.committed_position().await.unwrap(), head + 1);
    assert_eq!(passages(&db, &first.document).await[0].text, "240 hours.");
}

#[tokio::test]
async fn pages_are_found_by_a_part_of_their_title_in_any_case() {
    let (db, _dir) = store().await;
    for title in ["Annual leave", "Sick leave", "100 % remote", "Tool_box"] {
        let item = Item { title: title.into(), ..page(&format!("{title}.md"), title) };
        put_one(&db, &item).await;
    }
    let gone = Item { title: "Old leave".into(), ..page("old.md", "gone") };
    put_one(&db, &gone).await;
    db.write(|tx| async move { retire(&tx, "handbook", "old.md", "outdated").await }).await.unwrap();
    let titles = async |part: &'static str| {
        let found = db.read(|conn| async move { titled(&conn, part, None).await }).await.unwrap();
        found.into_iter().map(|d| d.title).collect::<Vec<_>>()
    };
    assert_eq!(titles(" LEAVE").await, ["Annual leave", "Sick leave"]);
    // Signs that mean something to the database mean themselves.
    assert_eq!(titles("%").await, ["100 % remote"]);
    assert_eq!(titles("_").await, ["Tool_box"]);
    assert!(titles("\\").await.is_empty());
    assert_eq!(titles("").await.len(), 4);
    let mut all = Vec::new();
    loop {
        let after = all.last();
        let page = db.read(|conn| async move { titled(&conn, "", after).await }).await.unwrap();
        let Some(first) = page.into_iter().next() else { break };
        all.push(first);
    }
    let all: Vec<&str> = all.iter().map(|d| d.title.as_str()).collect();
    assert_eq!(all, ["100 % remote", "Annual leave", "Sick leave", "Tool_box"], "one after the other");
}

#[tokio::test]
async fn what_is_deprecated_is_so_until_whoever_said_it_takes_it_back() {
    let (db, _dir) = store().await;
    let said = |reason: Option<&str>| Item { deprecated: reason.map(str::to_owned), ..page("a.md", "240 hours.") };
    let stands = async || {
        let all = db.read(|conn| async move { documents(&conn).await }).await.unwrap();
        (all[0].status, all[0].reason.clone().unwrap_or_default())
    };
    let by_hand = async |reason: Option<&'static str>| {
        db.write(|tx| async move {
            match reason {
                Some(reason) => deprecate(&tx, "handbook", "a.md", reason).await,
                None => reinstate(&tx, "handbook", "a.md").await,
            }
        })
        .await
        .unwrap()
    };
    put_one(&db, &said(None)).await;
    assert!(by_hand(Some("old")).await && !by_hand(Some("old")).await && by_hand(Some("very old")).await);
    put_one(&db, &said(None)).await;
    assert_eq!(stands().await, (Status::Deprecated, "very old".into()), "the source has said nothing of it");
    assert!(by_hand(None).await && !by_hand(None).await);
    assert_eq!(stands().await, (Status::Live, String::new()));

    assert_eq!(put_one(&db, &said(Some("moved"))).await.outcome, Outcome::Details);
    assert_eq!(stands().await, (Status::Deprecated, "moved".into()));
    assert_eq!(put_one(&db, &said(Some("moved"))).await.outcome, Outcome::Unchanged);
    by_hand(None).await;
    put_one(&db, &said(Some("moved"))).await;
    assert_eq!(stands().await, (Status::Live, String::new()), "it is no news");
    put_one(&db, &said(Some("gone"))).await;
    assert_eq!(stands().await, (Status::Deprecated, "gone".into()));
    put_one(&db, &said(None)).await;
    assert_eq!(stands().await, (Status::Live, String::new()));
}
