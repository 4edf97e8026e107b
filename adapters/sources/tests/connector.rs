//! A connector as a source: the protocol of docs/connector.md.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use serde_json::json;
use stand::{FAST, Reply, Stand, counts, documents, passages, settings, sync, text};
use stoa_ground::testing::store;
use stoa_http::Network;
use stoa_learning::library::SourceSettings;
use stoa_sources::Connector;

fn connector(stand: &Stand, readers: &[&str]) -> Connector {
    let settings = settings("Wiki", "connector", readers);
    Connector::new(settings, &stand.url("/stoa"), Some("s3cret".into()), FAST, Network::default()).unwrap()
}

#[tokio::test]
async fn documents_are_listed_page_by_page_and_fetched_when_their_version_changes() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/stoa/documents", Reply::json(&json!({ "documents": [
        { "id": "pages/1", "version": "7", "title": "Leave", "url": "https://wiki.example.org/leave", "language": "en", "owner": "HR", "review_date": "2027-01-31", "keywords": "holiday" },
        { "id": "2", "title": "Pay", "readers": ["group:payroll"], "deprecated": "Paid on another day now." } ], "next": "p 2" })));
    stand.at(
        "/stoa/documents?cursor=p+2",
        Reply::json(&json!({ "documents": [{ "id": "3", "version": "1" }, { "id": "4", "version": "1" }] })),
    );
    stand.at("/stoa/documents/pages%2F1", Reply::new(200, "text/markdown", "# Annual leave\n\nThirty days.\n"));
    stand.at("/stoa/documents/2", Reply::new(200, "text/plain; charset=utf-8", "Paid on the 25th."));
    stand.at("/stoa/documents/3", Reply::new(200, "image/png", "x"));
    let wiki = connector(&stand, &["everyone"]);
    let report = sync(&db, &wiki).await;
    assert_eq!(counts(&report), (2, 0, 0, 0));
    assert_eq!(
        report.errors,
        [(
            "3".to_owned(),
            "the connector sends it as 'image/png', which is not read: see docs/connector.md".to_owned()
        )]
    );
    assert!(stand.asked().iter().all(|a| a.headers["authorization"] == "Bearer s3cret"));
    let leave = passages(&db, "https://wiki.example.org/leave").await.remove(0);
    assert_eq!(
        (leave.title.as_str(), leave.text.as_str(), leave.keywords.as_str(), leave.readers.join(" ").as_str()),
        ("Leave", "Thirty days.", "holiday", "everyone")
    );
    let all = documents(&db).await;
    assert_eq!(
        (all[1].owner.as_deref(), all[1].review_date.map(|d| d.to_string()).as_deref()),
        (Some("HR"), Some("2027-01-31"))
    );
    assert_eq!(passages(&db, "2").await[0].readers, ["group:payroll"]);
    let reasons: Vec<Option<&str>> = all.iter().map(|d| d.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("Paid on another day now."), None]);

    stand.at(
        "/stoa/documents",
        Reply::json(&json!({ "documents": [
        { "id": "pages/1", "version": "8", "title": "Leave", "url": "https://wiki.example.org/leave" } ] })),
    );
    stand.at("/stoa/documents/pages%2F1", Reply::new(200, "text/html", "<h1>Leave</h1><p>Thirty-one days.</p>"));
    assert_eq!(counts(&sync(&db, &wiki).await), (0, 1, 0, 1));
    assert_eq!(text(&db, "https://wiki.example.org/leave").await, "Thirty-one days.");
    stand.paths();
    assert_eq!(counts(&sync(&db, &wiki).await), (0, 0, 1, 0));
    assert_eq!(stand.paths(), ["/stoa/documents"]);
}

#[tokio::test]
async fn only_what_everyone_may_read_has_the_mark_for_people_from_outside() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let list = json!({ "documents": [
        { "id": "1", "version": "1" },
        { "id": "2", "version": "1", "readers": ["group:hr"] },
        { "id": "3", "version": "1", "readers": ["external", "group:hr"] },
    ] });
    stand.at("/stoa/documents", Reply::json(&list));
    for id in ["1", "2", "3"] {
        stand.at(&format!("/stoa/documents/{id}"), Reply::new(200, "text/plain", format!("Text {id}.")));
    }
    let marked = |readers: &[&str], external: bool| {
        let settings = SourceSettings { external, ..settings("Wiki", "connector", readers) };
        Connector::new(settings, &stand.url("/stoa"), Some("s3cret".into()), FAST, Network::default()).unwrap()
    };
    let readers = async || {
        let mut all = Vec::new();
        for id in ["1", "2", "3"] {
            all.push(passages(&db, id).await[0].readers.join(" "));
        }
        all.join(", ")
    };
    let report = sync(&db, &marked(&["everyone"], true)).await;
    assert_eq!(readers().await, "everyone external, group:hr, group:hr");
    // A source marks nothing itself.
    assert_eq!(report.warnings, [("3".to_owned(), "'external' is not a reader, so it lets nobody in".to_owned())]);
    // The mark goes and comes without a new fetch, and not with narrower readers.
    stand.paths();
    sync(&db, &marked(&["everyone"], false)).await;
    assert_eq!(readers().await, "everyone, group:hr, group:hr");
    sync(&db, &marked(&["everyone"], true)).await;
    assert_eq!(readers().await, "everyone external, group:hr, group:hr");
    sync(&db, &marked(&["group:hr"], true)).await;
    assert_eq!(readers().await, "group:hr, group:hr, group:hr");
    assert!(stand.paths().iter().all(|path| path == "/stoa/documents"));
}

#[tokio::test]
async fn nobody_reads_more_than_both_the_connector_and_the_configuration_allow() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let list = |readers: serde_json::Value| {
        Reply::json(
            &json!({ "documents": [{ "id": "1", "version": "1", "readers": readers }, { "id": "2", "version": "1" }] }),
        )
    };
    stand.at("/stoa/documents", list(json!(["group:hr", "everyone-else"])));
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Salaries."));
    stand.at("/stoa/documents/2", Reply::new(200, "text/plain", "Lunch."));
    // A reader that is none lets nobody in.
    let report = sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!(report.warnings, [("1".to_owned(), "'everyone-else' is not a reader, so it lets nobody in".to_owned())]);
    stand.at("/stoa/documents", list(json!(["group:hr"])));
    sync(&db, &connector(&stand, &["everyone"])).await;
    let readers = async |at: &str| passages(&db, at).await[0].readers.join(" ");
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("group:hr", "everyone"));
    // The configuration is narrowed: at once, without a new fetch.
    stand.paths();
    sync(&db, &connector(&stand, &["role:owner"])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("", "role:owner"));
    assert_eq!(stand.paths(), ["/stoa/documents"]);
    sync(&db, &connector(&stand, &[])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("", ""));
    // And it is narrowed while the connector is not there.
    sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!(readers("2").await, "everyone");
    stand.always(Some(Reply::status(401)));
    let report = sync(&db, &connector(&stand, &["group:hr"])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("group:hr", "group:hr"));
    assert!(report.errors[0].1.contains("does not let Stoa read it (401)"));
    // The connector restricts it further: also without a new version, and although it does not give the document.
    stand.always(None);
    stand.at("/stoa/documents/1", Reply::status(500));
    stand.at("/stoa/documents", list(json!([])));
    sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("", "everyone"));
    // And opens it again with the version that was known before.
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Salaries."));
    stand.at("/stoa/documents", list(json!(["group:hr"])));
    sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("group:hr", "everyone"));
    // What has no version is restricted at once as well.
    let unversioned =
        |readers: serde_json::Value| Reply::json(&json!({ "documents": [{ "id": "3", "readers": readers }] }));
    stand.at("/stoa/documents", unversioned(json!(["everyone"])));
    stand.at("/stoa/documents/3", Reply::new(200, "text/plain", "Plans."));
    sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!(readers("3").await, "everyone");
    stand.at("/stoa/documents/3", Reply::status(500));
    stand.at("/stoa/documents", unversioned(json!([])));
    sync(&db, &connector(&stand, &["everyone"])).await;
    assert_eq!(readers("3").await, "");
}

#[tokio::test]
async fn a_connector_that_answers_nonsense_changes_nothing() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/stoa/documents", Reply::json(&json!({ "documents": [{ "id": "1", "version": "1" }] })));
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Lunch."));
    let wiki = connector(&stand, &["everyone"]);
    sync(&db, &wiki).await;
    let endless = Reply::json(&json!({ "documents": [], "next": "again" }));
    stand.at("/stoa/documents?cursor=again", endless.clone());
    for (reply, part) in [
        (Reply::html("<html>Log in</html>"), "not what was agreed"),
        (Reply::status(404), "knows no /stoa/documents"),
        (Reply::redirect("https://example.org/login"), "which the token is not for"),
        (endless, "has no end"),
        (Reply::status(503), "has a fault (503)"),
    ] {
        stand.at("/stoa/documents", reply);
        let report = sync(&db, &wiki).await;
        assert!(report.errors[0].1.contains(part), "{:?}", report.errors);
        assert_eq!(text(&db, "1").await, "Lunch.");
    }
    assert!(!stand.asked().iter().any(|a| a.path.contains("s3cret")));
}
