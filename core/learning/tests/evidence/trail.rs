//! The follow-up: what learners, managers, approvers and trainers heard about the training in a pack.

use super::asked::{file, office};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_has_whatever_was_said_about_the_training_to_whomever_it_was_said() {
    let w = office().await;
    let two = ["paper", "water"].map(|id| REQUIREMENT.replace("fire-safety", id)).concat();
    training::apply(&w.s.db, &w.services, "two.toml", &two, false).await.unwrap();
    w.ask().await;
    // Past the day that Dan wished for, and the Monday after it.
    w.s.until("2026-12-29T10:00:00Z").await;
    let pack = w.dir.path().join("pack");
    let scope = Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
    w.export(&scope, None, &pack).await.unwrap();
    let trusted = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&pack, &trusted).0, Verdict::Valid, "{}", judge(&pack, &trusted).1);
    let trail = file(&pack, "trail.json");
    let trail = trail.as_array().unwrap();
    let dans = Json::from(format!("assignment/{}", w.dans().await));
    let about = |subject: &str| {
        let found = |e: &&Json| e["about"].as_array().unwrap().iter().any(|s| s.as_str().unwrap().starts_with(subject));
        let mut kinds: Vec<&str> = trail.iter().filter(found).map(|e| e["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    let kinds = about(dans.as_str().unwrap());
    for kind in ["assign", "reminder", "overdue", "manager-digest"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert_eq!((about("request/"), about("trainer-question/")), (vec!["approval"], vec!["trainer"]));
    // Whatever was said in a digest leads there.
    let merged: Vec<&Json> = trail.iter().filter(|e| e["into"] != "").collect();
    assert!(!merged.is_empty(), "{trail:?}");
    for one in merged {
        let digest = trail.iter().find(|e| e["key"] == one["into"]).unwrap_or_else(|| panic!("{one}: {trail:?}"));
        assert_eq!(digest["kind"], "learner-digest");
    }
    // Nothing is about the other two requirements alone.
    assert!(trail.iter().all(|e| !e["about"].as_array().unwrap().is_empty()), "{trail:?}");
    // A pack about one of those has the digests and not what was asked about this one.
    let other = w.dir.path().join("other");
    w.export(&Scope { requirement: Some("paper".into()), ..Scope::default() }, None, &other).await.unwrap();
    let text = std::fs::read_to_string(other.join("trail.json")).unwrap();
    assert!(!text.contains("\"approval\"") && !text.contains("\"trainer\""), "{text}");
}
