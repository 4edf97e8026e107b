#![allow(clippy::needless_pass_by_value, reason = "values read better in tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::store;
use crate::xapi::Version;
use crate::{Db, Error};

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "aaaaaaaa-0000-4000-8000-000000000002";
const C: &str = "aaaaaaaa-0000-4000-8000-000000000003";

fn authority() -> Authority {
    let mut a = Authority::account("https://learning.example.org/lrs", "test", "Test");
    (a.may_define, a.may_void_any) = (true, true);
    a
}

fn did(id: &str, object: Value) -> Value {
    json!({
        "id": id,
        "actor": {"mbox": "mailto:ada@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": object
    })
}

fn course() -> Value {
    json!({"id": "http://example.com/course"})
}

fn reference(id: &str) -> Value {
    json!({"objectType": "StatementRef", "id": id})
}

fn voiding(id: &str, target: &str) -> Value {
    let mut v = did(id, reference(target));
    v["verb"]["id"] = crate::xapi::validate::VOIDED.into();
    v
}

async fn put(db: &Db, values: &[Value], authority: &Authority) -> Result<Vec<String>> {
    let statements: Vec<Statement> =
        values.iter().map(|v| Statement::from_value(v.clone(), Version::V1_0).unwrap()).collect();
    let statements = &statements;
    db.write(|tx| async move { insert(&tx, statements, authority).await }).await
}

async fn voided(db: &Db, id: &str) -> bool {
    db.read(|c| async move { get(&c, id).await }).await.unwrap().unwrap().voided
}

async fn targets(db: &Db, id: &str) -> Vec<String> {
    let sql = "SELECT target FROM statement_target t JOIN statement s ON s.position = t.position WHERE s.id = $1 ORDER BY target";
    db.all(sql, args![id]).await.unwrap().iter().map(|r| r.get("target").unwrap()).collect()
}

#[tokio::test]
async fn the_same_statement_again_is_kept_as_it_was_and_another_one_is_a_conflict() {
    let (db, _dir) = store().await;
    let a = authority();
    put(&db, &[did(A, course())], &a).await.unwrap();
    let mut again = did(&A.to_uppercase(), course());
    again["verb"]["display"] = json!({"en": "completed"});
    assert_eq!(put(&db, &[again], &a).await.unwrap(), [A]);
    let other = put(&db, &[did(B, course()), did(A, json!({"id": "http://example.com/other"}))], &a).await;
    assert_eq!(
        other.unwrap_err().to_string(),
        format!("statement {A} is already stored with other content; a new statement needs a new id")
    );
    // All or none: B went with A.
    let rows = db.all("SELECT body FROM statement", args![]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let body: Value = rows[0].get("body").unwrap();
    assert_eq!(body["verb"], json!({"id": "http://adlnet.gov/expapi/verbs/completed"}));
}

#[tokio::test]
async fn stored_rises_strictly_while_the_clock_stands_still() {
    let (db, _dir) = store().await;
    let a = authority();
    put(&db, &[did(A, course()), did(B, course())], &a).await.unwrap();
    put(&db, &[did(C, course())], &a).await.unwrap();
    let rows = db.all("SELECT stored, body FROM statement ORDER BY position", args![]).await.unwrap();
    let stored: Vec<i64> = rows.iter().map(|r| r.get("stored").unwrap()).collect();
    assert_eq!(stored, [stored[0], stored[0] + 1, stored[0] + 2]);
    let body: Value = serde_json::from_str(&super::body(db.engine(), &rows[2]).unwrap()).unwrap();
    assert_eq!(body["stored"], "2026-11-23T09:00:00.000002Z");
    assert_eq!(body["timestamp"], body["stored"]);
    assert_eq!(body["version"], "1.0.0");
}

#[tokio::test]
async fn voiding_works_whichever_statement_comes_first() {
    let (db, _dir) = store().await;
    let a = authority();
    put(&db, &[voiding(B, A)], &a).await.unwrap();
    put(&db, &[did(A, course())], &a).await.unwrap();
    assert!(voided(&db, A).await);
    // A voiding statement is never voided.
    put(&db, &[voiding(C, B)], &a).await.unwrap();
    assert!(!voided(&db, B).await);
}

#[tokio::test]
async fn without_the_right_one_voids_only_what_is_ones_own() {
    let (db, _dir) = store().await;
    let (mine, other) = (
        Authority::account("https://learning.example.org/lrs", "mine", ""),
        Authority::account("https://learning.example.org/lrs", "other", ""),
    );
    put(&db, &[did(A, course())], &mine).await.unwrap();
    let refused = put(&db, &[voiding(B, A)], &other).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)));
    assert_eq!(
        refused.to_string(),
        format!("statement {A} may be voided only by the credentials that stored it, or with the scope 'all'")
    );
    assert!(put(&db, &[voiding(B, C)], &mine).await.is_err());
    put(&db, &[voiding(B, A)], &mine).await.unwrap();
    assert!(voided(&db, A).await);
}

#[tokio::test]
async fn references_are_followed_in_every_order() {
    let (db, _dir) = store().await;
    let a = authority();
    // C refers to B before B exists, B to A before A exists.
    put(&db, &[did(C, reference(B))], &a).await.unwrap();
    put(&db, &[did(B, reference(A))], &a).await.unwrap();
    put(&db, &[did(A, reference(C))], &a).await.unwrap();
    assert_eq!(targets(&db, C).await, [A, B, C]);
    assert_eq!(targets(&db, B).await, [A, B, C]);
}

#[tokio::test]
async fn definitions_grow_and_interactions_stay_as_they_were() {
    let (db, _dir) = store().await;
    let define = |id: &str, definition: Value| did(id, json!({"id": "http://example.com/q", "definition": definition}));
    let mut a = authority();
    let first = define(
        A,
        json!({"name": {"en": "Q", "de": "F"}, "type": "http://t/1", "interactionType": "true-false",
        "correctResponsesPattern": ["true"]}),
    );
    let second = define(
        B,
        json!({"name": {"en": "Question", "fr": "Q"}, "type": "http://t/2", "moreInfo": "http://m",
        "interactionType": "true-false", "correctResponsesPattern": ["false"]}),
    );
    put(&db, &[first, second], &a).await.unwrap();
    a.may_define = false;
    put(&db, &[define(C, json!({"name": {"en": "Nonsense"}}))], &a).await.unwrap();
    let known = db.read(|c| async move { definition(&c, "http://example.com/q").await }).await.unwrap();
    assert_eq!(
        Value::Object(known),
        json!({"name": {"en": "Question", "de": "F", "fr": "Q"}, "type": "http://t/1", "moreInfo": "http://m",
            "interactionType": "true-false", "correctResponsesPattern": ["true"]})
    );
}

#[tokio::test]
async fn identifiers_of_any_length_and_content_are_found_again() {
    let (db, _dir) = store().await;
    let long = format!("http://example.com/{}", "x".repeat(5000));
    let mut s = did(A, json!({"id": long}));
    s["actor"] = json!({"account": {"homePage": "http://example.com", "name": format!("a\0b{}", "y".repeat(3000))}});
    put(&db, &[s.clone()], &authority()).await.unwrap();
    let row = db.opt("SELECT agent FROM statement_agent WHERE related = 0", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("agent").unwrap(), agent_key(&s["actor"]).unwrap());
    let row = db.opt("SELECT activity FROM statement_activity", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<String>("activity").unwrap(), column_key(&long));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_statement() -> impl Strategy<Value = Value> {
    (".*", "[a-z]{1,8}", any_json(), prop::option::of(-1.0..=1.0f64), prop::option::of(any::<bool>()), 0u32..100_000).prop_map(
        |(text, word, extension, scaled, success, seconds)| {
            let mut s = did(A, json!({"id": format!("http://example.com/{word}"), "definition": {"name": {"en": &text}}}));
            s["actor"]["name"] = text.clone().into();
            s["result"] = json!({"response": text, "duration": format!("PT{seconds}S"), "extensions": {"http://example.com/e": extension}});
            if let Some(scaled) = scaled {
                s["result"]["score"] = json!({"scaled": scaled});
            }
            if let Some(success) = success {
                s["result"]["success"] = success.into();
            }
            s
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_was_written_and_compares_as_the_same(s in any_statement()) {
        let pretty = serde_json::to_vec_pretty(&s).unwrap();
        let first = Statement::parse(&pretty, Version::V1_0).unwrap();
        prop_assert_eq!(first.to_value(), s.clone());
        let second = Statement::parse(first.to_value().to_string().as_bytes(), Version::V1_0).unwrap();
        prop_assert_eq!(first.digest(), second.digest());
        let mut other = s;
        other["result"]["response"] = format!("{} and more", other["result"]["response"]).into();
        prop_assert_ne!(first.digest().to_owned(), Statement::from_value(other, Version::V1_0).unwrap().digest().to_owned());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".*") {
        let _ = Statement::parse_all(&bytes, Version::V2_0);
        let _ = Statement::parse_all(text.as_bytes(), Version::V2_0);
        let _ = crate::xapi::timestamp(&text);
        let _ = crate::xapi::format::duration(&text);
        let _ = crate::xapi::parse_agent(&text, "agent");
    }
}
