#![allow(clippy::needless_pass_by_value, reason = "values read better in tests")]

use serde_json::{Value, json};

use super::*;
use crate::testing::store;
use crate::xapi::vocabulary as v;
use crate::{Conn, Db, args};

fn emitter() -> Emitter {
    Emitter::new("https://learning.example.org/").unwrap()
}

fn ada() -> Actor {
    Actor::Person { employee_id: "e-1".into(), name: "Ada Lovelace".into() }
}

fn grace() -> Actor {
    Actor::Person { employee_id: "e-2".into(), name: "Grace Hopper".into() }
}

fn tip() -> Activity {
    Activity::new(v::TIP, &["tip", "42"]).name("en", "Restart the printer")
}

async fn body(db: &Db, id: &str) -> Value {
    let stored = db.read(|conn: Conn| async move { store::get(&conn, id).await }).await.unwrap().unwrap();
    serde_json::from_str(&stored.body).unwrap()
}

#[tokio::test]
async fn ada_completes_a_quiz_in_slack() {
    let (db, _dir) = store().await;
    let emitter = emitter();
    let id = db
        .write(|tx| {
            let emitter = emitter.clone();
            async move {
                let draft =
                    StatementDraft::new(ada(), v::COMPLETED, Activity::new(v::ASSESSMENT, &["quiz", "fire ?#/safety"]))
                        .outcome(Outcome {
                            scaled: Some(0.9),
                            raw: Some((9.0, 0.0, 10.0)),
                            success: Some(true),
                            completion: Some(true),
                            duration: Some(61_239_999),
                            ..Outcome::default()
                        })
                        .platform("Slack")
                        .registration(uuid::Uuid::nil())
                        .parent(Activity::new(v::COURSE, &["course", "fire"]))
                        .instructor(grace())
                        .extension(v::extension::DUE_DATE, "2026-12-01T00:00:00Z");
                emitter.emit(&tx, draft).await
            }
        })
        .await
        .unwrap();
    assert_eq!(
        body(&db, &id).await,
        json!({
            "id": id,
            "actor": {"objectType": "Agent", "name": "Ada Lovelace",
                "account": {"homePage": "https://learning.example.org", "name": "e-1"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
            "object": {"objectType": "Activity", "id": "https://learning.example.org/quiz/fire%20%3F%23%2Fsafety",
                "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"}},
            "result": {"score": {"scaled": 0.9, "raw": 9.0, "min": 0.0, "max": 10.0}, "success": true, "completion": true,
                "duration": "PT61.23S"},
            "context": {"platform": "Slack", "registration": "00000000-0000-0000-0000-000000000000",
                "instructor": {"objectType": "Agent", "name": "Grace Hopper",
                    "account": {"homePage": "https://learning.example.org", "name": "e-2"}},
                "contextActivities": {
                    "parent": [{"objectType": "Activity", "id": "https://learning.example.org/course/fire",
                        "definition": {"type": "http://adlnet.gov/expapi/activities/course"}}],
                    "category": [{"objectType": "Activity", "id": "https://learning.example.org/xapi/profile",
                        "definition": {"type": "http://adlnet.gov/expapi/activities/profile", "name": {"en": "Stoa"}}}]},
                "extensions": {"https://w3id.org/xapi/tla/extensions/due_date": "2026-12-01T00:00:00Z"}},
            "timestamp": "2026-11-23T09:00:00.000Z",
            "stored": "2026-11-23T09:00:00.000000Z",
            "version": "1.0.0",
            "authority": {"objectType": "Agent", "name": "Stoa",
                "account": {"homePage": "https://learning.example.org/lrs", "name": "stoa"}},
        })
    );
    let changes = db.changes(0, 10).await.unwrap();
    assert_eq!(
        changes.iter().map(|c| (c.topic.as_str(), c.key.as_str())).collect::<Vec<_>>(),
        [("statement", id.as_str())]
    );
}

#[tokio::test]
async fn what_the_feature_did_is_rolled_back_with_its_statement() {
    let (db, _dir) = store().await;
    let emitter = emitter();
    let refused = db
        .write(|tx| {
            let emitter = emitter.clone();
            async move {
                emitter.emit(&tx, StatementDraft::new(ada(), v::SHARED, tip())).await?;
                // A page whose address is no IRI: the feature made a mistake.
                let page = Activity::elsewhere(v::WEBPAGE, "not an address");
                emitter.emit(&tx, StatementDraft::new(ada(), v::READ, page)).await
            }
        })
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "statement.object.id: must be an absolute IRI such as https://example.org/verbs/completed, found 'not an address'"
    );
    assert!(db.all("SELECT id FROM statement", args![]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_team_discussion_is_one_group_statement_and_one_for_each_person() {
    let (db, _dir) = store().await;
    let emitter = emitter();
    let group = Actor::Group { name: Some("Thread".into()), members: vec![ada(), grace()] };
    let group = &group;
    let ids = db
        .write(|tx| {
            let emitter = emitter.clone();
            async move {
                emitter
                    .emit_for_group(&tx, group, |who| {
                        StatementDraft::new(who, v::DISCUSSED, Activity::new(v::DISCUSSION, &["discussion", "7"]))
                            .platform("Slack")
                    })
                    .await
            }
        })
        .await
        .unwrap();
    assert_eq!(ids.len(), 3);
    let whole = body(&db, &ids[0]).await;
    assert_eq!(whole["actor"]["objectType"], "Group");
    assert_eq!(whole["actor"]["member"][1]["account"]["name"], "e-2");
    let one = body(&db, &ids[2]).await;
    assert_eq!(one["actor"]["account"]["name"], "e-2");
    assert_eq!(one["context"]["statement"], json!({"objectType": "StatementRef", "id": ids[0]}));
}

#[tokio::test]
async fn a_withdrawn_tip_is_voided_once_and_voiding_cannot_be_voided() {
    let (db, _dir) = store().await;
    let emitter = emitter();
    let (tip_id, first, second, again) = db
        .write(|tx| {
            let e = emitter.clone();
            async move {
                let tip_id = e.emit(&tx, StatementDraft::new(ada(), v::SHARED, tip())).await?;
                let first = e.void(&tx, &tip_id, ada(), "withdrawn by its author").await?;
                let second = e.void(&tx, &tip_id.to_uppercase(), grace(), "").await?;
                Ok((tip_id, first.clone(), second, e.void(&tx, &first, ada(), "").await.unwrap_err().to_string()))
            }
        })
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(again, format!("statement {first} voids another and cannot be voided itself"));
    let voiding = body(&db, &first).await;
    assert_eq!(voiding["object"], json!({"objectType": "StatementRef", "id": tip_id}));
    let id = tip_id.as_str();
    assert!(db.read(|c: Conn| async move { store::get(&c, id).await }).await.unwrap().unwrap().voided);
    let missing = db
        .write(|tx| {
            let e = emitter.clone();
            async move { e.void(&tx, "00000000-0000-4000-8000-000000000000", ada(), "").await }
        })
        .await;
    assert_eq!(missing.unwrap_err().to_string(), "statement 00000000-0000-4000-8000-000000000000 was not found");
}

#[test]
fn every_word_of_the_vocabulary_makes_a_valid_statement() {
    let emitter = emitter();
    for verb in v::VERBS.iter().filter(|verb| **verb != v::VOIDED) {
        for kind in v::ACTIVITY_TYPES {
            let draft = StatementDraft::new(Actor::Stoa, *verb, Activity::new(*kind, &["x"]));
            emitter.statement(&draft, uuid::Uuid::nil(), crate::Instant(0)).unwrap();
        }
    }
    assert_eq!(emitter.verb(v::REMINDED), "https://learning.example.org/xapi/verbs/reminded");
    // Platform and revision are only for activities: they are left out elsewhere instead of failing.
    let about_person = StatementDraft::to_actor(ada(), v::MENTORED, grace()).platform("Slack").revision("2");
    emitter.statement(&about_person, uuid::Uuid::nil(), crate::Instant(0)).unwrap();
}

#[test]
fn odd_paths_and_organisations() {
    let e = emitter();
    assert_eq!(e.activity_id(&["a", "..", "ü/b"]), "https://learning.example.org/a/%2E%2E/%C3%BC%2Fb");
    for bad in ["", "learning.example.org", "mailto:a@b.c", "https://a b", "https://a/?x", "https://a/#x"] {
        assert!(Emitter::new(bad).is_err(), "{bad}");
    }
}
