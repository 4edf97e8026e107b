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
    stand.always(Some(Reply::status(503)));
    let report = sync(&db, &connector(&stand, &["group:hr"])).await;
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("group:hr", "group:hr"));
    assert!(report.errors[0].1.contains("has a fault (503)"));
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

#[tokio::test]
async fn whom_the_connector_lets_in_anew_reads_nothing_of_what_stood_there_before() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let list = |version: &str, readers: &[&str]| {
        Reply::json(&json!({ "documents": [{ "id": "1", "version": version, "readers": readers }] }))
    };
    stand.at("/stoa/documents", list("7", &["group:hr"]));
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Salaries by name."));
    let wiki = connector(&stand, &["everyone"]);
    sync(&db, &wiki).await;
    let shown = async || (passages(&db, "1").await[0].readers.join(" "), text(&db, "1").await);
    let before = ("group:hr".to_owned(), "Salaries by name.".to_owned());
    assert_eq!(shown().await, before);
    // The names are taken out and it is opened, but the new version cannot be had yet.
    stand.at("/stoa/documents", list("8", &["everyone"]));
    stand.at("/stoa/documents/1", Reply::status(500));
    for _ in 0..2 {
        sync(&db, &wiki).await;
        assert_eq!(shown().await, before);
    }
    // Others may read it then: of both lists nobody.
    stand.at("/stoa/documents", list("9", &["group:pay"]));
    sync(&db, &wiki).await;
    assert_eq!(shown().await.0, "");
    // The connector is away, and the configuration is not changed by that.
    stand.at("/stoa/documents", Reply::status(503));
    sync(&db, &wiki).await;
    assert_eq!(shown().await.0, "");
    stand.at("/stoa/documents", list("8", &["everyone"]));
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Salaries by grade."));
    sync(&db, &wiki).await;
    assert_eq!(shown().await, ("everyone".to_owned(), "Salaries by grade.".to_owned()));
}

#[tokio::test]
async fn what_a_connector_shows_to_stoa_no_more_is_shown_to_nobody_until_it_is_listed_again() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let list = Reply::json(&json!({ "documents": [{ "id": "1", "version": "1" }, { "id": "2", "version": "1" }] }));
    stand.at("/stoa/documents", list.clone());
    stand.at("/stoa/documents/1", Reply::new(200, "text/plain", "Plans."));
    stand.at("/stoa/documents/2", Reply::new(200, "text/plain", "Lunch."));
    let wiki = connector(&stand, &["everyone"]);
    sync(&db, &wiki).await;
    let readers =
        async || [passages(&db, "1").await[0].readers.join(" "), passages(&db, "2").await[0].readers.join(" ")];
    for status in [401, 403] {
        for (reply, part) in [(Reply::status(status), "until then nobody reads"), (Reply::status(503), "(503)")] {
            stand.at("/stoa/documents", reply);
            let report = sync(&db, &wiki).await;
            assert!(report.errors[0].1.contains(part), "{report:?}");
            assert_eq!((readers().await.concat().as_str(), report.removed), ("", 0));
        }
        stand.at("/stoa/documents", list.clone());
        sync(&db, &wiki).await;
        assert_eq!(readers().await, ["everyone", "everyone"]);
    }
    // It lists nothing, which is doubted.
    stand.at("/stoa/documents", Reply::json(&json!({ "documents": [] })));
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.contains("so they are kept but shown to nobody for three days"), "{report:?}");
    assert_eq!((readers().await.concat().as_str(), report.removed), ("", 0));
    stand.at("/stoa/documents", list);
    sync(&db, &wiki).await;
    assert_eq!(readers().await, ["everyone", "everyone"]);
}

#[tokio::test]
async fn a_connector_that_lists_and_then_gives_no_answers_is_left_alone_and_one_that_gives_some_is_not() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let listed: Vec<_> = (0..50).map(|n| json!({ "id": n.to_string(), "version": "1" })).collect();
    stand.at("/stoa/documents", Reply::json(&json!({ "documents": listed })));
    let busy = Reply::status(503).with("retry-after", "0");
    (0..50).for_each(|n| stand.at(&format!("/stoa/documents/{n}"), busy.clone()));
    let wiki = connector(&stand, &["everyone"]);
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.contains("5 requests in a row got no answer, the last one: "), "{report:?}");
    assert_eq!(stand.asked().len(), 1 + 5 * 4);
    stand.at("/stoa/documents/4", Reply::new(200, "text/plain", "Lunch."));
    stand.at("/stoa/documents/9", Reply::new(200, "text/plain", "Plans."));
    assert_eq!(sync(&db, &wiki).await.added, 2);
    assert_eq!(stand.asked().len(), 1 + 13 * 4 + 2);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_a_problem_of_its_own_and_closed_where_it_does_not_say_who_may_read() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let list = |entries: serde_json::Value| stand.at("/stoa/documents", Reply::json(&json!({ "documents": entries })));
    for id in ["1", "2", "3", "4"] {
        stand.at(&format!("/stoa/documents/{id}"), Reply::new(200, "text/plain", format!("Text {id}.")));
    }
    list(json!([{ "id": "1", "version": "1" }, { "id": "2", "version": "1" }, { "id": "3", "version": "1" }]));
    let wiki = connector(&stand, &["everyone"]);
    sync(&db, &wiki).await;
    let readers = async |at: &str| passages(&db, at).await[0].readers.join(" ");

    list(json!([
        { "id": "1", "version": "1", "review_date": "31.12.2027" },
        { "id": "2", "version": 1, "readers": ["group:hr"] },
        { "id": "3", "version": "1", "readers": "everyone" },
        { "id": "4", "version": "1" },
    ]));
    let report = sync(&db, &wiki).await;
    assert_eq!(counts(&report), (1, 0, 0, 0));
    let errors: Vec<(&str, &str)> = report.errors.iter().map(|(l, s)| (l.as_str(), s.as_str())).collect();
    for (n, (at, field, end)) in [
        ("1", "its 'review_date' in the list cannot be read (", "): see docs/connector.md"),
        ("2", "its 'version' in the list cannot be read (", "): see docs/connector.md"),
        ("3", "its 'readers' in the list cannot be read (", "), so nobody reads it: see docs/connector.md"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(errors[n].0 == at && errors[n].1.starts_with(field) && errors[n].1.ends_with(end), "{errors:?}");
    }
    assert_eq!((readers("1").await.as_str(), readers("2").await.as_str()), ("everyone", "group:hr"));
    assert_eq!((readers("3").await.as_str(), readers("4").await.as_str()), ("", "everyone"));
    assert_eq!(text(&db, "3").await, "Text 3.");

    // An entry that speaks of nobody knows which document: it may be any that is not listed otherwise.
    list(
        json!([{ "id": "1", "version": "1" }, { "id": "2", "version": "1" }, { "id": "3", "version": "1" }, { "version": "1" }, "5"]),
    );
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.starts_with("an entry of the list does not say which document it is: "), "{report:?}");
    assert_eq!((report.removed, readers("1").await.as_str(), readers("4").await.as_str()), (0, "everyone", ""));
    assert_eq!(readers("3").await, "everyone");
    list(
        json!([{ "id": "1", "version": "1" }, { "id": "2", "version": "1" }, { "id": "3", "version": "1" }, { "id": "4", "version": "1" }]),
    );
    assert!(sync(&db, &wiki).await.errors.is_empty());
    assert_eq!(readers("4").await, "everyone");
}
