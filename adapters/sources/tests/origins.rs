//! The same text in two sources, and what is hidden in one of them: shown once, with only the places that the asker may
//! read, and nothing of the rest, neither in answers nor in what is near.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use serde_json::json;
use stand::{FAST, Reply, Stand, settings, sync};
use stoa_ground::Db;
use stoa_ground::testing::store;
use stoa_http::Network;
use stoa_learning::answers::{self, Answer};
use stoa_learning::library;
use stoa_learning::search::{Access, Index};
use stoa_sources::{Connector, Files};

const LEAVE: &str = "# Annual leave\n\n## Carry over\n\nYou may carry over up to 240 hours of annual leave into the next leave \
                     year. Hours above that limit are lost on the last day of the leave year, so plan your days off early, \
                     talk to your manager, and write the days that you agreed on into the calendar of your team as \
                     soon as you can.\n";

async fn ask(db: &Db, index: &Index, question: &str, access: &Access) -> Answer {
    index.catch_up(db).await.unwrap();
    answers::ask(db, index, question, access).await.unwrap()
}

#[tokio::test]
async fn a_page_in_two_sources_is_cited_once_with_the_places_that_the_asker_may_read() {
    let ((db, _dir), stand, folder) = (store().await, Stand::start().await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("leave.md"), LEAVE).unwrap();
    std::fs::write(folder.path().join("lunch.md"), "# Lunch\n\nThe canteen opens at noon and closes at two.\n")
        .unwrap();
    stand.at("/documents", Reply::json(&json!({ "documents": [
        { "id": "wiki-leave", "version": "1", "readers": ["group:hr"] }, { "id": "bonus", "version": "1", "readers": ["group:hr"] } ] })));
    stand.at("/documents/wiki-leave", Reply::new(200, "text/markdown", LEAVE.replace("are lost on", "expire on")));
    stand.at(
        "/documents/bonus",
        Reply::new(
            200,
            "text/markdown",
            "# Project Falcon\n\nThe bonus of Project Falcon is 9 million euros, paid in March.\n",
        ),
    );
    sync(&db, &Files::new(settings("Handbook", "files", &["everyone"]), folder.path())).await;
    let wiki =
        Connector::new(settings("Wiki", "connector", &["everyone"]), &stand.base, None, FAST, Network::default())
            .unwrap();
    let report = sync(&db, &wiki).await;
    assert_eq!((report.added, &report.errors), (2, &vec![]));
    let index = Index::in_memory().unwrap();
    let question = "How many hours of annual leave may I carry over?";
    let (outsider, insider) = (Access::everyone(), Access::of(["everyone", "group:hr"]));

    let answer = ask(&db, &index, question, &insider).await;
    assert!(!answer.abstained, "{answer:#?}");
    assert_eq!(answer.citations.len(), 1, "{answer:#?}");
    let cited = &answer.citations[0];
    let mut places = vec![cited.location.as_str()];
    places.extend(cited.also.iter().map(|o| o.location.as_str()));
    places.sort_unstable();
    assert_eq!(places, ["leave.md", "wiki-leave"]);
    assert!(!answer.nearest.iter().any(|n| n.location.contains("leave")), "{:#?}", answer.nearest);

    let answer = ask(&db, &index, question, &outsider).await;
    assert_eq!((answer.citations.len(), answer.citations[0].location.as_str()), (1, "leave.md"));
    for question in [question, "What is the bonus of Project Falcon?", "When is the bonus paid?"] {
        let answer = ask(&db, &index, question, &outsider).await;
        let said = serde_json::to_string(&answer).unwrap().replace(question, "");
        assert!(!["wiki-leave", "Wiki", "Falcon", "9 million"].iter().any(|w| said.contains(w)), "{said}");
    }
    assert!(!ask(&db, &index, "What is the bonus of Project Falcon?", &insider).await.abstained);

    // The connector narrows the page down to others: at once.
    stand.at("/documents", Reply::json(&json!({ "documents": [
        { "id": "wiki-leave", "version": "1", "readers": ["group:board"] }, { "id": "bonus", "version": "1", "readers": [] } ] })));
    stand.at("/documents/bonus", Reply::status(500));
    sync(&db, &wiki).await;
    let answer = ask(&db, &index, question, &insider).await;
    assert_eq!((answer.citations[0].location.as_str(), answer.citations[0].also.len()), ("leave.md", 0));
    assert!(ask(&db, &index, "What is the bonus of Project Falcon?", &insider).await.abstained);
}

#[tokio::test]
async fn a_source_that_is_not_followed_any_more_is_found_no_more_and_what_could_not_be_read_is_kept_in_mind() {
    let ((db, _dir), folder) = (store().await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("leave.md"), LEAVE).unwrap();
    std::fs::write(folder.path().join("broken.docx"), "no").unwrap();
    sync(&db, &Files::new(settings("Handbook", "files", &["everyone"]), folder.path())).await;
    let problems = async || db.read(|c| async move { library::problems(&c).await }).await.unwrap();
    let first = problems().await;
    assert_eq!((first.len(), first[0].source.as_str(), first[0].location.as_str()), (1, "Handbook", "broken.docx"));
    assert!(first[0].sentence.starts_with("it is damaged"), "{first:?}");
    // It keeps the time since when it is so, and goes when it is mended.
    db.clock().set(db.clock().now().plus(1_000_000)).unwrap();
    sync(&db, &Files::new(settings("Handbook", "files", &["everyone"]), folder.path())).await;
    assert_eq!(problems().await, first);
    std::fs::remove_file(folder.path().join("broken.docx")).unwrap();
    sync(&db, &Files::new(settings("Handbook", "files", &["everyone"]), folder.path())).await;
    assert!(problems().await.is_empty());

    let index = Index::in_memory().unwrap();
    let question = "How many hours of annual leave may I carry over?";
    assert_eq!(library::leave(&db, &["Handbook", "Other"]).await.unwrap(), 0);
    assert!(!ask(&db, &index, question, &Access::everyone()).await.citations.is_empty());
    assert_eq!(library::leave(&db, &["Other"]).await.unwrap(), 1);
    assert!(ask(&db, &index, question, &Access::everyone()).await.citations.is_empty());
    // And it is back as soon as it is followed again.
    assert_eq!(sync(&db, &Files::new(settings("Handbook", "files", &["everyone"]), folder.path())).await.added, 1);
    // A source of which nothing could ever be read leaves nothing behind either.
    sync(&db, &Files::new(settings("Gone", "files", &["everyone"]), folder.path().join("nothing"))).await;
    assert_eq!(problems().await.len(), 1);
    assert_eq!(library::leave(&db, &["Handbook", "Other"]).await.unwrap(), 0);
    assert!(problems().await.is_empty());
}
