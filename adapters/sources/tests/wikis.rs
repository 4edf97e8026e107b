//! Confluence and Notion as sources: their interfaces as they are documented, with restrictions, pages in trash, limits
//! of rate and faults.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use serde_json::{Value, json};
use stand::{FAST, Reply, Stand, counts, documents, passages, settings, sync, text};
use stoa_ground::testing::{hire, store};
use stoa_http::Network;
use stoa_sources::{Confluence, ConfluenceOptions, Notion, NotionOptions};

fn confluence(stand: &Stand) -> Confluence {
    let options = ConfluenceOptions {
        url: stand.url("/wiki"),
        spaces: vec!["ENG".into()],
        user: Some("stoa@example.org".into()),
        token: "t0ken".into(),
        open_groups: vec!["confluence-users".into()],
        pace: FAST,
    };
    Confluence::new(settings("Wiki", "confluence", &["everyone"]), options, Network::default()).unwrap()
}

/// Id, title, what it lies below and of what kind that is, version.
type Listed<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>, i64);

fn pages(stand: &Stand, pages: &[Listed<'_>]) {
    let list: Vec<Value> = pages
        .iter()
        .map(|(id, title, parent, version)| {
            json!({ "id": id, "status": "current", "title": title, "parentId": parent.map(|p| p.0), "parentType": parent.map(|p| p.1),
                    "version": { "number": version }, "_links": { "webui": "/x" } })
        })
        .collect();
    let (first, rest) = list.split_at(1);
    stand.at(
        "/wiki/api/v2/spaces?keys=ENG&limit=250",
        Reply::json(
            &json!({ "results": [{ "id": "9", "key": "ENG", "name": "Engineering" }], "_links": { "base": "x" } }),
        ),
    );
    permit(stand, &[("group", "g0")]);
    group(stand, "g0", "confluence-users", &[]);
    let next = "/wiki/api/v2/spaces/9/pages?cursor=abc";
    stand.at(
        "/wiki/api/v2/spaces/9/pages?status=current&limit=250",
        Reply::json(&json!({ "results": first, "_links": { "next": next } })),
    );
    stand.at(next, Reply::json(&json!({ "results": rest, "_links": {} })));
    for (id, title, ..) in pages {
        let html = format!("<h2>About</h2><p>Words of <strong>{title}</strong>.</p>");
        stand.at(
            &format!("/wiki/api/v2/pages/{id}?body-format=export_view"),
            Reply::json(&json!({ "id": id, "body": { "export_view": { "value": html } } })),
        );
        restrict(stand, id, &[], &[]);
        attach(stand, id, &[]);
    }
}

const PERMISSIONS: &str = "/wiki/api/v2/spaces/9/permissions?limit=250";

/// Who may read the space, and somebody who may only write.
fn permit(stand: &Stand, principals: &[(&str, &str)]) {
    let of = |kind: &str, id: &str, key: &str, target: &str| json!({ "id": "1", "principal": { "type": kind, "id": id }, "operation": { "key": key, "targetType": target } });
    let mut all: Vec<Value> = principals.iter().map(|(kind, id)| of(kind, id, "read", "space")).collect();
    all.push(of("group", "writers", "create", "page"));
    stand.at(PERMISSIONS, Reply::json(&json!({ "results": all, "_links": {} })));
}

fn group(stand: &Stand, id: &str, name: &str, members: &[&str]) {
    stand.at(&format!("/wiki/rest/api/group/by-id?id={id}"), Reply::json(&json!({ "name": name, "id": id })));
    let members: Vec<Value> = members.iter().map(|e| json!({ "accountId": "x", "email": e })).collect();
    stand.at(
        &format!("/wiki/rest/api/group/{id}/membersByGroupId?start=0&limit=200"),
        Reply::json(&json!({ "results": members })),
    );
}

/// Id, name, size and version of each file of a page.
fn attach(stand: &Stand, page: &str, files: &[(&str, &str, u64, i64)]) {
    let files: Vec<Value> = files
        .iter()
        .map(|(id, title, size, version)| {
            json!({ "id": id, "title": title, "mediaType": "application/octet-stream", "fileSize": size, "version": { "number": version } })
        })
        .collect();
    stand.at(
        &format!("/wiki/api/v2/pages/{page}/attachments?limit=250"),
        Reply::json(&json!({ "results": files, "_links": {} })),
    );
}

fn restrict(stand: &Stand, id: &str, users: &[Option<&str>], groups: &[&str]) {
    let users: Vec<Value> = users.iter().map(|e| json!({ "accountId": "a", "email": e })).collect();
    let groups: Vec<Value> = groups.iter().map(|g| json!({ "name": g })).collect();
    let of = json!({ "operation": "read", "restrictions": { "user": { "results": users, "size": users.len() }, "group": { "results": groups, "size": groups.len() } } });
    stand.at(&restriction(id), Reply::json(&of));
}

fn restriction(id: &str) -> String {
    format!(
        "/wiki/rest/api/content/{id}/restriction/byOperation/read?expand=restrictions.user%2Crestrictions.group&limit=200"
    )
}

#[tokio::test]
async fn pages_of_confluence_are_readable_by_whom_they_and_the_pages_above_let() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    pages(
        &stand,
        &[
            ("1", "Home", None, 1),
            ("2", "Pay", Some(("1", "page")), 1),
            ("3", "Bonus", Some(("2", "page")), 1),
            ("4", "Leads", Some(("2", "page")), 1),
            ("5", "In a folder", Some(("50", "folder")), 1),
            ("6", "Under a hidden page", Some(("60", "page")), 1),
            ("7", "By address", Some(("1", "page")), 1),
        ],
    );
    restrict(&stand, "2", &[], &["payroll", "board"]);
    restrict(&stand, "4", &[], &["board", "leads"]);
    restrict(&stand, "7", &[Some("nobody-here@example.org"), None], &[]);
    stand.at("/wiki/api/v2/folders/50", Reply::json(&json!({ "id": "50", "parentId": "2", "parentType": "page" })));
    let wiki = confluence(&stand);
    let report = sync(&db, &wiki).await;
    assert_eq!((counts(&report), &report.errors), ((7, 0, 0, 0), &vec![]));
    let asked = stand.asked();
    assert!(asked.iter().all(|a| a.headers["authorization"] == "Basic c3RvYUBleGFtcGxlLm9yZzp0MGtlbg=="));
    let at = |id: &str| stand.url(&format!("/wiki/spaces/ENG/pages/{id}"));
    let readers = async |id: &str| passages(&db, &at(id)).await[0].readers.join(" ");
    let mut all = Vec::new();
    for id in 1..=7 {
        all.push(readers(&id.to_string()).await);
    }
    assert_eq!(
        all,
        [
            "everyone",
            "group:board group:payroll",
            "group:board group:payroll",
            "group:board",
            "group:board group:payroll",
            "",
            ""
        ]
    );
    let home = passages(&db, &at("1")).await.remove(0);
    assert_eq!(
        (home.title.as_str(), home.headings[0].as_str(), home.text.as_str()),
        ("Home", "About", "Words of **Home**.")
    );

    // Nothing changed; then a restriction alone; then who may read it cannot be learned.
    stand.asked();
    assert_eq!(counts(&sync(&db, &wiki).await), (0, 0, 7, 0));
    assert!(!stand.paths().iter().any(|p| p.contains("body-format")));
    // Who was not known here is hired: their page opens to them, though nothing changed there.
    let ana = hire(&db, "Ana", |p| p.email = Some("nobody-here@example.org".into())).await;
    assert_eq!(counts(&sync(&db, &wiki).await), (0, 1, 6, 0));
    assert_eq!(readers("7").await, format!("person:{}", ana.id));
    restrict(&stand, "1", &[], &["board"]);
    sync(&db, &wiki).await;
    assert_eq!((readers("1").await.as_str(), readers("3").await.as_str()), ("group:board", "group:board"));
    stand.at(&restriction("1"), Reply::status(403));
    sync(&db, &wiki).await;
    assert_eq!((readers("1").await.as_str(), readers("3").await.as_str()), ("", ""));
    stand.at(&restriction("1"), Reply::new(200, "application/json", "{}"));
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.starts_with("who may read it could not be learned: "), "{:?}", report.errors);
    assert_eq!((readers("1").await.as_str(), report.removed), ("", 0));
}

#[tokio::test]
async fn of_a_space_only_those_read_whom_it_lets() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let ana = hire(&db, "Ana", |p| p.email = Some("ana@example.org".into())).await;
    let bo = hire(&db, "Bo", |p| p.email = Some("bo@example.org".into())).await;
    hire(&db, "Cy", |p| p.email = Some("cy@example.org".into())).await;
    pages(
        &stand,
        &[("1", "Home", None, 1), ("2", "For Bo", None, 1), ("3", "For the board", None, 1), ("4", "For Cy", None, 1)],
    );
    permit(&stand, &[("group", "g1"), ("user", "u1"), ("role", "r1")]);
    group(&stand, "g1", "hr", &["bo@example.org"]);
    let users = json!({ "results": [{ "accountId": "u1", "email": "ana@example.org", "displayName": "Ana" }] });
    stand.at("/wiki/api/v2/users-bulk", Reply::json(&users));
    restrict(&stand, "2", &[Some("bo@example.org")], &[]);
    restrict(&stand, "3", &[], &["board"]);
    restrict(&stand, "4", &[Some("cy@example.org")], &[]);
    let wiki = confluence(&stand);
    let report = sync(&db, &wiki).await;
    assert_eq!((counts(&report), &report.errors), ((4, 0, 0, 0), &vec![]));
    let readers =
        async |id: &str| passages(&db, &stand.url(&format!("/wiki/spaces/ENG/pages/{id}"))).await[0].readers.join(" ");
    let all = async || [readers("1").await, readers("2").await, readers("3").await, readers("4").await];
    let everyone_of_hr = format!("group:hr person:{}", ana.id);
    assert_eq!(all().await, [everyone_of_hr.clone(), format!("person:{}", bo.id), String::new(), String::new()]);

    // Confluence is away for a while: nobody loses anything. Then it says nothing any more: nobody reads.
    stand.at(PERMISSIONS, Reply::status(503));
    sync(&db, &wiki).await;
    assert_eq!(readers("1").await, everyone_of_hr);
    stand.at(PERMISSIONS, Reply::status(403));
    let report = sync(&db, &wiki).await;
    assert!(
        report.warnings[0].1.starts_with("who may read the space ENG could not be learned, so nobody may: "),
        "{report:?}"
    );
    assert_eq!((all().await.concat().as_str(), report.removed), ("", 0));
    permit(&stand, &[("group", "g1"), ("group", "g0")]);
    sync(&db, &wiki).await;
    assert_eq!(readers("1").await, "everyone", "a group to which everybody belongs");
}

#[tokio::test]
async fn files_of_a_page_are_read_by_whoever_may_view_it_and_owners_are_kept() {
    let ((db, _dir), stand, inside) = (store().await, Stand::start().await, Stand::start().await);
    pages(&stand, &[("1", "Home", None, 1)]);
    stand.at(
        "/wiki/api/v2/spaces/9/pages?status=current&limit=250",
        Reply::json(&json!({ "results": [{ "id": "1", "title": "Home", "version": { "number": 1 }, "ownerId": "u1" }], "_links": {} })),
    );
    let users = json!({ "results": [{ "accountId": "u1", "email": "", "displayName": "Ana Costa" }] });
    stand.at("/wiki/api/v2/users-bulk", Reply::json(&users));
    restrict(&stand, "1", &[], &["hr"]);
    let files = [
        ("a1", "travel guide.md", 40, 1),
        ("a2", "photo.png", 40, 1),
        ("a3", "huge.txt", 40 << 20, 1),
        ("a4", "elsewhere.md", 40, 1),
    ];
    attach(&stand, "1", &files);
    let download = |id: &str| format!("/wiki/rest/api/content/1/child/attachment/{id}/download");
    stand.at(&download("a1"), Reply::new(200, "text/markdown", "# Travel\n\n## Trains\n\nBook early."));
    stand.at(&download("a4"), Reply::redirect(&inside.url("/file?signature=s")));
    let wiki = confluence(&stand);
    let report = sync(&db, &wiki).await;
    let file = stand.url("/wiki/download/attachments/1/travel%20guide.md");
    assert_eq!(counts(&report), (2, 0, 0, 0), "{report:?}");
    let because = |part: &str| report.errors.iter().any(|e| e.1.contains(part));
    assert!(
        report.errors.len() == 2 && because("more than the 20 MB") && because("in a private network"),
        "{report:?}"
    );
    assert!(inside.asked().is_empty(), "nothing leads Stoa to another server inside");
    let found = passages(&db, &file).await.remove(0);
    assert_eq!((found.headings[0].as_str(), found.text.as_str()), ("Trains", "Book early."));
    assert_eq!(found.readers, ["group:hr"]);
    let owner = async || documents(&db).await.into_iter().find(|d| d.title == "Home").unwrap().owner;
    assert_eq!(owner().await.as_deref(), Some("Ana Costa"));

    // Nothing changed; then whoever may view the page; then the list cannot be had; then the file is gone.
    stand.asked();
    sync(&db, &wiki).await;
    assert!(!stand.paths().contains(&download("a1")));
    restrict(&stand, "1", &[], &["board"]);
    sync(&db, &wiki).await;
    assert_eq!(passages(&db, &file).await[0].readers, ["group:board"]);
    let list = "/wiki/api/v2/pages/1/attachments?limit=250";
    stand.at(list, Reply::status(403));
    restrict(&stand, "1", &[], &["leads"]);
    let report = sync(&db, &wiki).await;
    assert!(report.warnings[0].1.starts_with("the files of 'Home' could not be listed: "), "{report:?}");
    // Who may read it now may not have been let to what it said before.
    assert_eq!((passages(&db, &file).await[0].readers.join(" ").as_str(), report.removed), ("", 0));
    attach(&stand, "1", &files);
    sync(&db, &wiki).await;
    assert_eq!(passages(&db, &file).await[0].readers, ["group:leads"]);
    attach(&stand, "1", &[]);
    assert_eq!(sync(&db, &wiki).await.removed, 1);
}

#[tokio::test]
async fn confluence_that_is_busy_or_away_loses_nothing() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    pages(&stand, &[("1", "Home", None, 1), ("2", "Pay", Some(("1", "page")), 1)]);
    stand.in_turn(
        &restriction("2"),
        vec![
            Reply::status(429).with("retry-after", "0"),
            Reply::status(502),
            Reply::json(
                &json!({ "restrictions": { "user": { "results": [] }, "group": { "results": [{ "name": "hr" }] } } }),
            ),
        ],
    );
    let wiki = confluence(&stand);
    let report = sync(&db, &wiki).await;
    assert_eq!((counts(&report), &report.errors), ((2, 0, 0, 0), &vec![]));
    for (reply, part) in [
        (Reply::status(401), "(401)"),
        (Reply::status(503), "(503)"),
        (Reply::html("<html>Log in</html>"), "not what was agreed"),
        (Reply::json(&json!({ "results": [], "_links": {} })), "no space 'ENG'"),
    ] {
        stand.at("/wiki/api/v2/spaces?keys=ENG&limit=250", reply);
        let report = sync(&db, &wiki).await;
        assert!(report.errors[0].1.contains(part), "{:?}", report.errors);
        assert_eq!((report.removed, documents(&db).await.len()), (0, 2));
    }
    // A page is deleted, another is renamed.
    pages(&stand, &[("1", "Start", None, 2)]);
    assert_eq!(counts(&sync(&db, &wiki).await), (0, 1, 0, 1));
    assert_eq!(documents(&db).await[0].title, "Start");
}

#[tokio::test]
async fn a_space_that_shuts_stoa_out_is_read_by_nobody_until_it_is_listed_again() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    pages(&stand, &[("1", "Home", None, 1)]);
    let listed = Reply::json(&json!({ "results": [{ "id": "2", "title": "Pay", "version": { "number": 1 } }] }));
    let of_hr = "/wiki/api/v2/spaces/8/pages?status=current&limit=250";
    stand.at(of_hr, listed.clone());
    let permissions = json!({ "results": [{ "principal": { "type": "group", "id": "g0" }, "operation": { "key": "read", "targetType": "space" } }] });
    stand.at("/wiki/api/v2/spaces/8/permissions?limit=250", Reply::json(&permissions));
    let body = json!({ "body": { "export_view": { "value": "<p>On the 25th.</p>" } } });
    stand.at("/wiki/api/v2/pages/2?body-format=export_view", Reply::json(&body));
    restrict(&stand, "2", &[], &[]);
    for page in ["1", "2"] {
        attach(&stand, page, &[("a", "list.md", 40, 1)]);
        let download = format!("/wiki/rest/api/content/{page}/child/attachment/a/download");
        stand.at(&download, Reply::new(200, "text/markdown", "A list."));
    }
    let spaces = |keys: &[(&str, &str)]| {
        let found: Vec<Value> = keys.iter().map(|(id, key)| json!({ "id": id, "key": key })).collect();
        stand.at("/wiki/api/v2/spaces?keys=ENG%2CHR&limit=250", Reply::json(&json!({ "results": found })));
    };
    spaces(&[("9", "ENG"), ("8", "HR")]);
    let options = ConfluenceOptions {
        url: stand.url("/wiki"),
        spaces: vec!["ENG".into(), "HR".into()],
        token: "t0ken".into(),
        open_groups: vec!["confluence-users".into()],
        pace: FAST,
        ..ConfluenceOptions::default()
    };
    let wiki = Confluence::new(settings("Wiki", "confluence", &["everyone"]), options, Network::default()).unwrap();
    let report = sync(&db, &wiki).await;
    assert_eq!((counts(&report), &report.errors), ((4, 0, 0, 0), &vec![]));
    let places =
        ["spaces/ENG/pages/1", "download/attachments/1/list.md", "spaces/HR/pages/2", "download/attachments/2/list.md"];
    let readers = async || {
        let mut all = Vec::new();
        for place in places {
            all.push(passages(&db, &stand.url(&format!("/wiki/{place}"))).await[0].readers.join(" "));
        }
        all
    };
    let (open, closed) = (["everyone"; 4], ["everyone", "everyone", "", ""]);
    assert_eq!(readers().await, open);

    // The token may not see the space any more; then Confluence is away; then it may again.
    spaces(&[("9", "ENG")]);
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.starts_with("there is no space 'HR', or the token may not see it"), "{report:?}");
    assert_eq!((readers().await, report.removed), (closed.map(str::to_owned).to_vec(), 0));
    stand.always(Some(Reply::status(503)));
    sync(&db, &wiki).await;
    assert_eq!(readers().await, closed);
    stand.always(None);
    spaces(&[("9", "ENG"), ("8", "HR")]);
    sync(&db, &wiki).await;
    assert_eq!(readers().await, open);
    // It may see the space and not its pages; a fault instead closes nothing, and the other space is read.
    stand.at(of_hr, Reply::status(503));
    pages(&stand, &[("1", "Start", None, 2)]);
    attach(&stand, "1", &[("a", "list.md", 40, 1)]);
    assert_eq!((sync(&db, &wiki).await.changed, readers().await), (1, open.map(str::to_owned).to_vec()));
    stand.at(of_hr, Reply::status(403));
    sync(&db, &wiki).await;
    assert_eq!(readers().await, closed);
    stand.at(of_hr, listed);
    sync(&db, &wiki).await;
    assert_eq!(readers().await, open);
    // The token is taken away.
    stand.always(Some(Reply::status(401)));
    let report = sync(&db, &wiki).await;
    assert_eq!((readers().await.concat().as_str(), report.removed), ("", 0));
}

#[tokio::test]
async fn pages_that_vanish_below_a_page_that_was_closed_to_stoa_are_read_by_nobody_meanwhile() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let all: Vec<(String, String)> = (1..=6).map(|n| (n.to_string(), format!("Page {n}"))).collect();
    let all: Vec<Listed<'_>> = all.iter().map(|(id, title)| (id.as_str(), title.as_str(), None, 1)).collect();
    pages(&stand, &all);
    let wiki = confluence(&stand);
    sync(&db, &wiki).await;
    let open = async || documents(&db).await.iter().filter(|d| d.readers == ["everyone"]).count();
    assert_eq!(open().await, 6);
    pages(&stand, &all[..2]);
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.starts_with("4 of its 6 documents are suddenly missing"), "{report:?}");
    assert_eq!((open().await, documents(&db).await.len(), report.removed), (2, 6, 0));
    pages(&stand, &all);
    assert!(sync(&db, &wiki).await.errors.is_empty());
    assert_eq!(open().await, 6);
}

#[tokio::test]
async fn one_page_or_file_that_always_has_a_fault_stops_nothing_else() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let show = |fourth: &str| {
        let (home, pay) = (Some(("1", "page")), Some(("2", "page")));
        pages(&stand, &[("1", "Home", None, 1), ("2", "Pay", home, 1), ("3", "Bonus", pay, 1), ("4", fourth, home, 1)]);
        attach(&stand, "2", &[("a", "list.md", 40, 1)]);
        attach(&stand, "4", &[("b", "broken.md", 40, 1), ("c", "fine.md", 40, 1)]);
    };
    show("IT");
    let download = |page: &str, file: &str| format!("/wiki/rest/api/content/{page}/child/attachment/{file}/download");
    stand.at(&download("2", "a"), Reply::new(200, "text/markdown", "A list."));
    stand.at(&download("4", "b"), Reply::status(502));
    stand.at(&download("4", "c"), Reply::new(200, "text/markdown", "Fine."));
    let wiki = confluence(&stand);
    let report = sync(&db, &wiki).await;
    assert_eq!(counts(&report), (6, 0, 0, 0), "{report:?}");
    assert!(report.errors.len() == 1 && report.errors[0].0.ends_with("/broken.md"), "{report:?}");

    // Who may read a page cannot be learned: it, what lies below it and its files are read by nobody, all others go on.
    show("IT desk");
    stand.at(&restriction("2"), Reply::status(500));
    stand.asked();
    let report = sync(&db, &wiki).await;
    assert_eq!((report.changed, report.removed), (1, 0), "{report:?}");
    assert_eq!(
        stand.paths().iter().filter(|p| **p == restriction("2")).count(),
        4,
        "as often as it is tried, and once"
    );
    let closed = async || {
        let all = documents(&db).await.into_iter().filter(|d| d.readers.is_empty());
        all.map(|d| d.title).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(closed().await, "List, Pay, Bonus");
    restrict(&stand, "2", &[], &[]);
    sync(&db, &wiki).await;
    assert_eq!(closed().await, "");

    // Its files cannot be listed.
    stand.at("/wiki/api/v2/pages/2/attachments?limit=250", Reply::status(500));
    let report = sync(&db, &wiki).await;
    assert!(report.warnings[0].1.starts_with("the files of 'Pay' could not be listed: "), "{report:?}");
    assert_eq!((report.removed, closed().await.as_str()), (0, ""));
    // Nothing works any more: then nothing is changed.
    let more: Vec<(String, String)> = (10..20).map(|n| (n.to_string(), format!("Page {n}"))).collect();
    let more: Vec<Listed<'_>> = more.iter().map(|(id, title)| (id.as_str(), title.as_str(), None, 1)).collect();
    pages(&stand, &more);
    more.iter().for_each(|(id, ..)| stand.at(&restriction(id), Reply::status(500)));
    let report = sync(&db, &wiki).await;
    assert!(report.errors[0].1.contains("5 requests in a row got no answer"), "{report:?}");
    assert_eq!((report.removed, closed().await.as_str()), (0, ""));
}

fn notion(stand: &Stand) -> Notion {
    let options = NotionOptions { url: stand.base.clone(), token: "t0ken".into(), pace: FAST };
    Notion::new(settings("Notes", "notion", &["group:team"]), options, Network::default()).unwrap()
}

fn note(id: &str, title: &str, edited: &str) -> Value {
    json!({ "object": "page", "id": id, "last_edited_time": edited, "archived": false, "in_trash": false, "url": "https://www.notion.so/x",
            "properties": { "Name": { "type": "title", "title": [{ "plain_text": title }] } } })
}

fn block(kind: &str, words: &str) -> Value {
    json!({ "object": "block", "id": format!("b-{words}"), "type": kind, "has_children": false, kind: { "rich_text": [{ "plain_text": words, "annotations": { "bold": false } }] } })
}

const FIRST: &str = "11111111-2222-3333-4444-555555555555";
const SECOND: &str = "aaaaaaaa-2222-3333-4444-555555555555";

#[tokio::test]
async fn pages_of_notion_are_read_with_the_blocks_in_their_blocks() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.in_turn(
        "/v1/search",
        vec![
            Reply::json(&json!({ "results": [note(FIRST, "Onboarding", "1")], "has_more": true, "next_cursor": "c" })),
            Reply::json(&json!({ "results": [note(SECOND, "Tools", "1")], "has_more": false, "next_cursor": null })),
        ],
    );
    let mut toggle = block("toggle", "More");
    toggle["has_children"] = json!(true);
    let of = |id: &str| format!("/v1/blocks/{id}/children?page_size=100");
    let blocks = json!({ "results": [block("heading_1", "First day"), block("paragraph", "Bring <your> badge."), block("numbered_list_item", "Say hello"), block("numbered_list_item", "Get a laptop"), toggle, block("child_page", "")], "has_more": false });
    stand.at(&of(FIRST), Reply::json(&blocks));
    stand.at(&of("b-More"), Reply::json(&json!({ "results": [block("paragraph", "Ask Ana.")], "has_more": false })));
    stand.at(&of(SECOND), Reply::json(&json!({ "results": [block("code", "a < b")], "has_more": false })));
    let report = sync(&db, &notion(&stand)).await;
    assert_eq!((counts(&report), &report.errors), ((2, 0, 0, 0), &vec![]));
    let at = "https://www.notion.so/11111111222233334444555555555555";
    let found = passages(&db, at).await.remove(0);
    assert_eq!(
        (found.title.as_str(), found.headings[0].as_str(), found.readers.join(" ").as_str()),
        ("Onboarding", "First day", "group:team")
    );
    assert_eq!(text(&db, at).await, "Bring \\<your> badge.\n\n1. Say hello\n2. Get a laptop\n\nMore\n\nAsk Ana.");
    let asked = stand.asked();
    assert!(
        asked
            .iter()
            .all(|a| a.headers["authorization"] == "Bearer t0ken" && a.headers["notion-version"] == "2022-06-28")
    );
    let second: Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!(second["start_cursor"], "c");

    // One is edited, the other is left out by the search; then it is put into the trash.
    stand.at("/v1/search", Reply::json(&json!({ "results": [note(FIRST, "Onboarding", "2")], "has_more": false })));
    stand.at("/v1/pages/aaaaaaaa222233334444555555555555", Reply::json(&note(SECOND, "Tools", "1")));
    stand.at(
        &of(FIRST),
        Reply::json(&json!({ "results": [block("paragraph", "Nothing to bring.")], "has_more": false })),
    );
    assert_eq!(counts(&sync(&db, &notion(&stand)).await), (0, 1, 1, 0));
    let mut trash = note(SECOND, "Tools", "3");
    trash["in_trash"] = json!(true);
    stand.at("/v1/pages/aaaaaaaa222233334444555555555555", Reply::json(&trash));
    assert_eq!(counts(&sync(&db, &notion(&stand)).await), (0, 0, 1, 1));
    stand.always(Some(Reply::status(503)));
    let report = sync(&db, &notion(&stand)).await;
    assert_eq!((report.removed, documents(&db).await.len()), (0, 1));
}

#[tokio::test]
async fn what_an_integration_of_notion_is_not_given_any_more_is_read_by_nobody() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let found = Reply::json(&json!({ "results": [note(FIRST, "Onboarding", "1")], "has_more": false }));
    stand.at("/v1/search", found.clone());
    let blocks = json!({ "results": [block("paragraph", "Bring your badge.")], "has_more": false });
    stand.at(&format!("/v1/blocks/{FIRST}/children?page_size=100"), Reply::json(&blocks));
    sync(&db, &notion(&stand)).await;
    let readers = async || documents(&db).await[0].readers.join(" ");
    stand.always(Some(Reply::status(401)));
    sync(&db, &notion(&stand)).await;
    assert_eq!(readers().await, "");
    stand.always(None);
    sync(&db, &notion(&stand)).await;
    assert_eq!(readers().await, "group:team");
    // The page is shared no more, or Notion is mistaken: that is doubted, and nobody reads it meanwhile.
    stand.at("/v1/search", Reply::json(&json!({ "results": [], "has_more": false })));
    let report = sync(&db, &notion(&stand)).await;
    assert_eq!((readers().await.as_str(), report.removed), ("", 0), "{report:?}");
    // Its search still leaves it out, but it is there.
    stand.at("/v1/pages/11111111222233334444555555555555", Reply::json(&note(FIRST, "Onboarding", "1")));
    sync(&db, &notion(&stand)).await;
    assert_eq!(readers().await, "group:team");
}

#[tokio::test]
async fn a_page_of_notion_that_was_edited_just_now_is_read_once_more() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    // Notion tells the minute only.
    let minute = |ago: i64| {
        let now = stoa_ground::clock::machine().plus(-ago * 60 * stoa_ground::Instant::SECOND).rfc3339();
        format!("{}:00.000Z", &now[..16])
    };
    let of = format!("/v1/blocks/{FIRST}/children?page_size=100");
    let found = |edited: &str| json!({ "results": [note(FIRST, "Onboarding", edited)], "has_more": false });
    let says = |words: &str| Reply::json(&json!({ "results": [block("paragraph", words)], "has_more": false }));
    let at = "https://www.notion.so/11111111222233334444555555555555";
    stand.at("/v1/search", Reply::json(&found(&minute(0))));
    stand.at(&of, says("Bring your badge."));
    sync(&db, &notion(&stand)).await;
    stand.at(&of, says("Bring nothing."));
    sync(&db, &notion(&stand)).await;
    assert_eq!(text(&db, at).await, "Bring nothing.");
    stand.at("/v1/search", Reply::json(&found(&minute(10))));
    sync(&db, &notion(&stand)).await;
    stand.asked();
    assert_eq!(counts(&sync(&db, &notion(&stand)).await), (0, 0, 1, 0));
    assert_eq!(stand.paths(), ["/v1/search"]);
    // Blocks that lead from one page to itself have an end.
    stand.at("/v1/search", Reply::json(&found(&minute(9))));
    let again = json!({ "results": [block("paragraph", "Again.")], "has_more": true, "next_cursor": "x" });
    stand.at(&of, Reply::json(&again));
    stand.at(&format!("{of}&start_cursor=x"), Reply::json(&again));
    let report = sync(&db, &notion(&stand)).await;
    assert!(report.errors[0].1.contains("has no end"), "{:?}", report.errors);
}
