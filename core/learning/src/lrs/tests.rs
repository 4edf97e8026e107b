#![allow(clippy::needless_pass_by_value, reason = "values read better in tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stoa_ground::db::Engine;
use stoa_ground::testing::store as open;
use stoa_ground::xapi::{Emitter, Version};
use stoa_ground::{Clock, Db, Instant};

use super::*;

fn emitter() -> Emitter {
    Emitter::new("https://learning.example.org").unwrap()
}

fn configured(key: &str, scopes: &[Scope]) -> Configured {
    Configured { key: key.into(), secret: format!("{key}-0123456789abcdef"), scopes: scopes.to_vec() }
}

fn credentials() -> Credentials {
    let all = [
        configured("lms", &[Scope::All]),
        configured("game", &[Scope::StatementsWrite, Scope::StatementsReadMine]),
        configured("report", &[Scope::AllRead]),
        configured("sink", &[Scope::StatementsWrite]),
    ];
    Credentials::new(&emitter(), &all).unwrap()
}

async fn caller(db: &Db, key: &str) -> Caller {
    let (credentials, secret) = (credentials(), format!("{key}-0123456789abcdef"));
    let (credentials, secret) = (&credentials, secret.as_str());
    db.read(|c| async move { credentials.authenticate(&c, key, secret).await }).await.unwrap().unwrap()
}

fn id(n: u8) -> String {
    format!("aaaaaaaa-0000-4000-8000-0000000000{n:02x}")
}

fn said(n: u8, who: &str, verb: &str, object: Value) -> Value {
    json!({
        "id": id(n),
        "actor": {"mbox": format!("mailto:{who}@example.com")},
        "verb": {"id": format!("http://example.com/verbs/{verb}")},
        "object": object
    })
}

fn activity(name: &str) -> Value {
    json!({"id": format!("http://example.com/{name}")})
}

fn reference(n: u8) -> Value {
    json!({"objectType": "StatementRef", "id": id(n)})
}

async fn put(db: &Db, key: &str, values: &[Value]) -> Result<Vec<String>> {
    let statements: Vec<Statement> =
        values.iter().map(|v| Statement::from_value(v.clone(), Version::V2_0).unwrap()).collect();
    let caller = caller(db, key).await;
    let (statements, caller) = (&statements, &caller);
    db.write(|tx| async move { store(&tx, statements, caller).await }).await
}

fn parse(text: &str) -> Result<Request> {
    let pairs: Vec<(String, String)> =
        text.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (k.to_owned(), v.replace("AND", "&"))).collect();
    Request::parse(&pairs)
}

fn query(text: &str) -> Query {
    match parse(text).unwrap() {
        Request::Many(query) => query,
        Request::One(one) => panic!("{one:?}"),
    }
}

async fn page(db: &Db, key: &str, query: &Query) -> (Vec<u8>, Option<i64>) {
    let caller = caller(db, key).await;
    let caller = &caller;
    let page = db.read(|c| async move { find(&c, caller, query).await }).await.unwrap();
    let number = |body: &String| {
        let value: Value = serde_json::from_str(body).unwrap();
        u8::from_str_radix(&value["id"].as_str().unwrap()[34..], 16).unwrap()
    };
    (page.bodies.iter().map(number).collect(), page.cursor)
}

async fn found(db: &Db, text: &str) -> Vec<u8> {
    page(db, "lms", &query(text)).await.0
}

const ADA: &str = r#"agent={"mbox":"mailto:ada@EXAMPLE.com"}"#;

#[tokio::test]
async fn every_filter_finds_what_it_should_newest_first() {
    let (db, _dir) = open().await;
    let mut with_context = said(3, "bob", "passed", activity("quiz"));
    with_context["context"] = json!({
        "registration": "EC531277-b57b-4c15-8d91-d292c5b2b8f7",
        "instructor": {"mbox": "mailto:ada@example.com"},
        "contextActivities": {"parent": {"id": "http://example.com/course"}}
    });
    let mut sub = said(4, "bob", "planned", json!({}));
    sub["object"] = json!({"objectType": "SubStatement", "actor": {"mbox": "mailto:ada@example.com"},
        "verb": {"id": "http://example.com/verbs/passed"}, "object": activity("course")});
    let mut group = said(5, "x", "met", activity("room"));
    group["actor"] = json!({"objectType": "Group", "member": [{"mbox": "mailto:ada@example.com"}, {"mbox": "mailto:bob@example.com"}]});
    let mentor = said(6, "bob", "mentored", json!({"objectType": "Agent", "mbox": "mailto:ada@example.com"}));
    put(
        &db,
        "lms",
        &[
            said(1, "ada", "passed", activity("course")),
            said(2, "bob", "passed", activity("course")),
            with_context,
            sub,
            group,
            mentor,
        ],
    )
    .await
    .unwrap();

    for (text, expected) in [
        ("", &[6, 5, 4, 3, 2, 1][..]),
        ("ascending=true", &[1, 2, 3, 4, 5, 6]),
        ("limit=2", &[6, 5]),
        ("limit=0", &[6, 5, 4, 3, 2, 1]),
        (ADA, &[6, 5, 1]),
        ("verb=http://example.com/verbs/passed", &[3, 2, 1]),
        ("verb=http://example.com/verbs/Passed", &[]),
        ("activity=http://example.com/course", &[2, 1]),
        ("activity=http://example.com/course&related_activities=true", &[4, 3, 2, 1]),
        ("registration=ec531277-B57B-4c15-8d91-d292c5b2b8f7", &[3]),
        (r#"agent={"mbox":"mailto:ada@example.com"}&related_agents=true"#, &[6, 5, 4, 3, 1]),
        (r#"agent={"mbox":"mailto:ada@example.com"}&activity=http://example.com/course"#, &[1]),
        (
            r#"agent={"mbox":"mailto:ada@example.com"}&related_agents=true&verb=http://example.com/verbs/passed&limit=1"#,
            &[3],
        ),
        (
            r#"agent={"account":{"homePage":"https://learning.example.org/lrs","name":"lms"}}&related_agents=true"#,
            &[6, 5, 4, 3, 2, 1],
        ),
        (r#"agent={"account":{"homePage":"https://learning.example.org/lrs","name":"lms"}}"#, &[]),
        ("since=2026-11-23T09:00:00.000002Z&until=2026-11-23T09:00:00.000004Z", &[5, 4]),
        ("until=2026-11-23T10:00:00+01:00", &[1]),
        ("since=2027-01-01T00:00:00Z", &[]),
        ("until=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(found(&db, text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_statement_about_a_matching_statement_matches_too_through_any_number_of_steps() {
    let (db, _dir) = open().await;
    put(
        &db,
        "lms",
        &[
            said(4, "zoe", "confirmed", reference(3)),
            said(1, "ada", "passed", activity("course")),
            said(2, "bob", "confirmed", reference(1)),
            said(3, "eve", "liked", reference(2)),
            said(5, "eve", "liked", reference(99)),
        ],
    )
    .await
    .unwrap();
    assert_eq!(found(&db, ADA).await, [3, 2, 1, 4]);
    assert_eq!(found(&db, &format!("{ADA}&limit=2")).await, [3, 2]);
    assert_eq!(found(&db, "verb=http://example.com/verbs/confirmed").await, [3, 2, 4]);
    // Both filters must hold for one statement.
    assert_eq!(found(&db, &format!("{ADA}&verb=http://example.com/verbs/confirmed")).await, Vec::<u8>::new());
}

#[tokio::test]
async fn a_voided_statement_is_gone_and_what_refers_to_it_stays() {
    let (db, _dir) = open().await;
    let mut voiding = said(3, "eve", "x", reference(1));
    voiding["verb"]["id"] = "http://adlnet.gov/expapi/verbs/voided".into();
    put(
        &db,
        "lms",
        &[said(1, "ada", "passed", activity("course")), said(2, "bob", "confirmed", reference(1)), voiding],
    )
    .await
    .unwrap();
    assert_eq!(found(&db, ADA).await, [3, 2]);
    let caller = caller(&db, "lms").await;
    let caller = &caller;
    for (name, n, is_there) in [
        ("statementId", 1, false),
        ("voidedStatementId", 1, true),
        ("statementId", 2, true),
        ("voidedStatementId", 2, false),
    ] {
        let Request::One(request) = parse(&format!("{name}={}", id(n))).unwrap() else { panic!() };
        let request = &request;
        let got = db.read(|c| async move { one(&c, caller, request).await }).await.unwrap();
        assert_eq!(got.is_some(), is_there, "{name}={n}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition_while_new_statements_arrive() {
    let (db, _dir) = open().await;
    let some = |from: u8, to: u8| (from..=to).map(|n| said(n, "ada", "passed", activity("course"))).collect::<Vec<_>>();
    put(&db, "lms", &some(1, 7)).await.unwrap();
    for (text, expected) in [("limit=3", [7, 6, 5, 4, 3, 2, 1]), ("limit=3&ascending=true", [1, 2, 3, 4, 5, 6, 7])] {
        let mut next = query(&format!("{text}&verb=http://example.com/verbs/passed"));
        let mut seen = Vec::new();
        loop {
            let (numbers, cursor) = page(&db, "lms", &next).await;
            seen.extend(numbers);
            if seen.len() == 3 && text == "limit=3" {
                put(&db, "lms", &some(8, 9)).await.unwrap();
            }
            let Some(cursor) = cursor else { break };
            let Request::Many(q) = Request::parse(&next.next(cursor)).unwrap() else { panic!() };
            next = q;
        }
        assert_eq!(seen[..7], expected, "{text}");
    }
}

#[tokio::test]
async fn keys_do_what_their_scopes_say() {
    let (db, _dir) = open().await;
    put(&db, "game", &[said(1, "ada", "played", activity("game"))]).await.unwrap();
    put(&db, "lms", &[said(2, "ada", "passed", activity("course"))]).await.unwrap();
    assert_eq!(page(&db, "game", &query("")).await.0, [1]);
    assert_eq!(page(&db, "report", &query(ADA)).await.0, [2, 1]);
    let refused = put(&db, "report", &[said(3, "ada", "passed", activity("course"))]).await.unwrap_err();
    assert_eq!(refused.to_string(), "the key 'report' may not write statements");
    let sink = caller(&db, "sink").await;
    let (sink, all) = (&sink, &query(""));
    let refused = db.read(|c| async move { find(&c, sink, all).await }).await.unwrap_err();
    assert_eq!(refused.to_string(), "the key 'sink' may not read statements");
}

#[tokio::test]
async fn a_new_key_works_until_it_is_revoked_and_its_secret_is_not_kept() {
    let (db, _dir) = open().await;
    let credentials = credentials();
    let c = &credentials;
    let new = db.write(|tx| async move { create(&tx, "Import", &[Scope::All, Scope::All]).await }).await.unwrap();
    let (key, secret) = (new.key.as_str(), new.secret.as_str());
    assert_eq!((key.len(), secret.len()), (32, 32));
    let try_it =
        async |secret: &str| db.read(|conn| async move { c.authenticate(&conn, key, secret).await }).await.unwrap();
    let found = try_it(secret).await.unwrap();
    assert!(found.may_write());
    assert_eq!(found.reading(), Reading::Everything);
    assert!(try_it("wrong").await.is_none());
    assert!(try_it("").await.is_none());
    let listed = db.read(|conn| async move { list(&conn).await }).await.unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].scopes.as_slice()), ("Import", &[Scope::All][..]));
    let kept: String = db
        .opt("SELECT secret FROM lrs_credential", stoa_ground::args![])
        .await
        .unwrap()
        .unwrap()
        .get("secret")
        .unwrap();
    assert!(!kept.contains(secret) && kept.len() == 64);
    db.write(|tx| async move { revoke(&tx, key).await }).await.unwrap();
    assert!(try_it(secret).await.is_none());
    let again = db.write(|tx| async move { revoke(&tx, key).await }).await.unwrap_err();
    assert_eq!(again.to_string(), format!("the key '{key}' was not found"));
}

#[test]
fn wrong_keys_of_the_configuration_are_explained() {
    let with = |all: &[Configured]| Credentials::new(&emitter(), all).map(|_| ()).unwrap_err().to_string();
    let good = configured("lms", &[Scope::All]);
    let short = Configured { secret: "hunter2".into(), ..good.clone() };
    assert_eq!(
        with(&[short]),
        "[[lrs.credentials]] the secret of 'lms' is too short: use at least 16 random characters"
    );
    assert_eq!(with(&[good.clone(), good.clone()]), "[[lrs.credentials]] the key 'lms' appears twice");
    assert!(with(&[Configured { key: "a:b".into(), ..good.clone() }]).contains("no colon"));
    assert_eq!(format!("{good:?}"), r#"Configured { key: "lms", scopes: [All], .. }"#);
    assert!(
        "everything"
            .parse::<Scope>()
            .unwrap_err()
            .to_string()
            .starts_with("'everything' is not a scope; use one of statements/write")
    );
}

#[test]
fn wrong_parameters_are_explained() {
    for (text, message) in [
        ("foo=bar", "the parameter 'foo' is not known; names are case-sensitive"),
        ("Verb=http://a", "the parameter 'Verb' is not known; names are case-sensitive"),
        (
            "verb=x",
            "the parameter 'verb' must be an absolute IRI such as https://example.org/verbs/completed, found 'x'",
        ),
        ("verb=http://a&verb=http://b", "the parameter 'verb' appears twice"),
        ("limit=-1", "the parameter 'limit' must be a whole number, 0 or more, found '-1'"),
        ("limit=+1", "the parameter 'limit' must be a whole number, 0 or more, found '+1'"),
        ("ascending=True", "the parameter 'ascending' must be true or false, found 'True'"),
        ("format=xml", "the parameter 'format' must be ids, exact or canonical"),
        (
            "since=today",
            "the parameter 'since' must be an RFC 3339 date and time with an offset, such as 2026-11-23T09:00:00.000Z, found 'today'",
        ),
        ("agent=x", "agent: not valid JSON: expected value at line 1 column 1"),
        (r#"agent={"mbox":"x"}"#, "agent.mbox: must be 'mailto:' and one e-mail address, found 'x'"),
        (
            r#"agent={"objectType":"Group","member":[{"mbox":"mailto:a@b.c"}]}"#,
            "agent: an anonymous Group cannot be looked for",
        ),
        (
            "statementId=x",
            "the parameter 'statementId' must be a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119, found 'x'",
        ),
        (
            "statementId=aaaaaaaa-0000-4000-8000-000000000001&limit=1",
            "the parameter 'limit' cannot be used with statementId; only format and attachments can",
        ),
        (
            "statementId=a&voidedStatementId=b",
            "statementId and voidedStatementId cannot be used together: ask for one of them",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

async fn formatted(db: &Db, format: Format, languages: &str) -> Value {
    let caller = caller(db, "lms").await;
    let (caller, languages, all) = (&caller, &Languages::parse(languages), &query("ascending=true"));
    let bodies = db
        .read(|c| async move {
            let page = find(&c, caller, all).await?;
            apply(&c, format, languages, page.bodies).await
        })
        .await
        .unwrap();
    serde_json::from_str(&bodies[0]).unwrap()
}

#[tokio::test]
async fn ids_keeps_identifiers_and_canonical_the_best_known_definition_in_one_language() {
    let (db, _dir) = open().await;
    let mut first = said(1, "ada", "passed", activity("course"));
    first["actor"] =
        json!({"objectType": "Group", "name": "Team", "member": [{"name": "Ada", "mbox": "mailto:ada@example.com"}]});
    first["verb"]["display"] = json!({"en": "passed", "de": "bestand"});
    first["object"]["definition"] = json!({"name": {"en": "Course", "de": "Kurs"}});
    first["context"] = json!({"team": {"objectType": "Group", "name": "T", "mbox": "mailto:t@example.com", "member": [{"mbox": "mailto:x@example.com"}]},
        "contextActivities": {"parent": [{"id": "http://example.com/p", "definition": {"name": {"en": "P"}}}]}});
    let mut second = said(2, "ada", "passed", activity("course"));
    second["object"]["definition"] =
        json!({"name": {"de": "Lehrgang"}, "type": "http://adlnet.gov/expapi/activities/course"});
    put(&db, "lms", &[first.clone(), second]).await.unwrap();

    let exact = formatted(&db, Format::Exact, "").await;
    for (key, value) in first.as_object().unwrap() {
        assert_eq!(&exact[key], value);
    }
    let ids = formatted(&db, Format::Ids, "").await;
    assert_eq!(ids["actor"], json!({"objectType": "Group", "member": [{"mbox": "mailto:ada@example.com"}]}));
    assert_eq!(ids["verb"], json!({"id": "http://example.com/verbs/passed"}));
    assert_eq!(ids["object"], activity("course"));
    assert_eq!(
        ids["context"],
        json!({"team": {"objectType": "Group", "mbox": "mailto:t@example.com"},
        "contextActivities": {"parent": [{"id": "http://example.com/p"}]}})
    );
    assert_eq!(
        ids["authority"],
        json!({"objectType": "Agent", "account": {"homePage": "https://learning.example.org/lrs", "name": "lms"}})
    );
    let canonical = formatted(&db, Format::Canonical, "de-AT, de;q=0.9, en;q=0.1").await;
    assert_eq!(canonical["verb"]["display"], json!({"de": "bestand"}));
    assert_eq!(
        canonical["object"]["definition"],
        json!({"name": {"de": "Lehrgang"}, "type": "http://adlnet.gov/expapi/activities/course"})
    );
    assert_eq!(canonical["actor"], first["actor"]);
}

#[tokio::test]
async fn consistent_through_is_the_newest_statement_or_a_moment_ago() {
    let (db, _dir) = open().await;
    let through = async || db.read(|c| async move { consistent_through(&c).await }).await.unwrap().rfc3339();
    let alone = db.engine() == Engine::Sqlite;
    assert_eq!(through().await, if alone { "2026-11-23T08:59:59.000Z" } else { "1970-01-01T00:00:00.000Z" });
    put(&db, "lms", &[said(1, "ada", "passed", activity("course"))]).await.unwrap();
    assert_eq!(through().await, "2026-11-23T09:00:00.000Z");
    db.clock().set(db.clock().now().plus(Instant::HOUR)).unwrap();
    assert_eq!(through().await, if alone { "2026-11-23T09:59:59.000Z" } else { "2026-11-23T09:00:00.000Z" });
}

/// The same answers as a naive search over all statements, on many small random stores.
#[tokio::test]
async fn search_agrees_with_a_naive_search() {
    let dice = Clock::seeded(Instant(0), 7);
    let roll = |n: u8| dice.random()[0] % n;
    for _ in 0..15 {
        let (db, _dir) = open().await;
        let mut all = BTreeMap::new();
        for n in 1..=12u8 {
            let object =
                if roll(2) == 0 { reference(1 + roll(12)) } else { activity(["a", "b"][usize::from(roll(2))]) };
            let s = said(n, ["ada", "bob"][usize::from(roll(2))], ["x", "y"][usize::from(roll(2))], object);
            put(&db, "lms", std::slice::from_ref(&s)).await.unwrap();
            all.insert(n, s);
        }
        for (text, check) in [
            (ADA, Box::new(|s: &Value| s["actor"]["mbox"] == "mailto:ada@example.com") as Box<dyn Fn(&Value) -> bool>),
            ("verb=http://example.com/verbs/x", Box::new(|s: &Value| s["verb"]["id"] == "http://example.com/verbs/x")),
            (
                "activity=http://example.com/a&verb=http://example.com/verbs/y",
                Box::new(|s: &Value| {
                    s["object"]["id"] == "http://example.com/a" && s["verb"]["id"] == "http://example.com/verbs/y"
                }),
            ),
        ] {
            let matches = |start: u8| {
                let (mut at, mut steps) = (start, 0);
                loop {
                    let Some(s) = all.get(&at) else { return false };
                    if check(s) {
                        return true;
                    }
                    let Some(target) =
                        (s["object"]["objectType"] == "StatementRef").then(|| s["object"]["id"].as_str().unwrap())
                    else {
                        return false;
                    };
                    at = u8::from_str_radix(&target[34..], 16).unwrap();
                    steps += 1;
                    if steps > 20 {
                        return false;
                    }
                }
            };
            let expected: Vec<u8> = (1..=12).rev().filter(|n| matches(*n)).collect();
            assert_eq!(found(&db, text).await, expected, "{text} of {all:?}");
        }
    }
}
