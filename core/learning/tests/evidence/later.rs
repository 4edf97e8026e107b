//! A pack held against an earlier one: what lawfully went is a note, whatever else is missing is named, and so is a fork.

use stoa_ground::args;
use stoa_ground::ledger::Entry;
use stoa_ground::people::{self, Person};
use stoa_learning::evidence::retention::{self, After, Rule};
use stoa_learning::identity;

use super::asked::{file, office};
use super::*;

fn fire() -> Scope {
    Scope { requirement: Some("fire-safety".into()), ..Scope::default() }
}

impl World {
    fn brought(&self, against: &Path) -> Brought {
        let key = Some(self.log.signer.verifier().to_string());
        Brought { key, against: Some(against.to_owned()), ..Brought::default() }
    }

    async fn exported(&self, name: &str, scope: &Scope) -> PathBuf {
        let folder = self.dir.path().join(name);
        self.export(scope, None, &folder).await.unwrap();
        folder
    }

    /// What the first verifier notes about a pack that is valid beside an earlier one.
    fn notes(&self, pack: &Path, earlier: &Path) -> Vec<String> {
        let brought = self.brought(earlier);
        let (verdict, why) = judge(pack, &brought);
        assert_eq!(verdict, Verdict::Valid, "{why}");
        let trust = Trust { key: Some(self.log.signer.verifier().clone()), against: Some(earlier), ..Trust::default() };
        let checks = verify(pack, &trust).checks;
        checks.into_iter().filter(|check| check.contains("of the earlier pack")).collect()
    }

    /// Somebody leaves, and is erased.
    async fn erase(&self, name: &str) {
        self.leaves(name).await;
        let always = Rule { class: None, requirement: None, years: 0, after: After::Record, usual: false };
        let policy = Policy { rules: vec![always], preset: Preset::None };
        let person: Person = self.s.db.read(|c| async move { people::find(&c, name).await }).await.unwrap();
        retention::erase(&self.s.db, &self.services, &person, &policy, "operator", "she asked").await.unwrap();
    }
}

/// Takes the records of some subjects out of a pack, as somebody with the key would.
pub(super) fn without(pack: &Path, gone: &dyn Fn(&str) -> bool, signer: &Signer) {
    edit(pack, "records.jsonl", |text| {
        let stays = |line: &&str| {
            let record: Json = serde_json::from_str(line).unwrap();
            let entry: Json = serde_json::from_str(record["entry"].as_str().unwrap()).unwrap();
            !gone(entry["subject"].as_str().unwrap())
        };
        text.lines().filter(stays).map(|line| format!("{line}\n")).collect()
    });
    sign_again(pack, signer, |m| m.subjects.retain(|subject, _| !gone(subject)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lawfully_erased_since_is_a_note_and_nothing_else_may_be_missing() {
    let w = world().await;
    let everything = Scope::default();
    let (earlier, all) = (w.exported("earlier", &fire()).await, w.exported("all", &everything).await);
    let ana = w.exported("ana", &Scope { person: Some("Ana".into()), ..Scope::default() }).await;
    w.s.until("2026-11-24T09:00:00Z").await;
    w.erase("Ana").await;
    let pack = w.exported("pack", &fire()).await;
    let erased = "2 records of the earlier pack were erased: tombstones name what they were about";
    assert_eq!(w.notes(&pack, &earlier), [erased]);
    let again = w.exported("all-again", &everything).await;
    assert_eq!(w.notes(&again, &all), [erased]);
    // Of her alone nothing is left, not even a line that names the requirement.
    let her = w.exported("her", &Scope { person: Some("Ana".into()), ..Scope::default() }).await;
    assert_eq!(w.notes(&her, &ana)[0], erased);
    // A tombstone says what it is about, and nothing of why or of whom.
    let records = std::fs::read_to_string(pack.join("records.jsonl")).unwrap();
    assert!(records.contains("\"data/subjects\":{") && !records.contains("she asked"), "{records}");

    // Without its tombstone it is missing, and so is whatever nobody erased.
    let broken = w.dir.path().join("broken");
    copy(&pack, &broken);
    without(&broken, &|subject| subject.starts_with("erasure/"), &w.log.signer);
    let (verdict, why) = judge(&broken, &w.brought(&earlier));
    assert!(verdict != Verdict::Valid, "{why}");
    std::fs::remove_dir_all(&broken).unwrap();
    copy(&pack, &broken);
    let bob = file(&pack, "report.json")["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "Bob")
        .map(|r| r["subject"].as_str().unwrap().to_owned())
        .unwrap();
    super::broken::report_with(&broken, |rows| rows.retain(|r| r["name"] != "Bob"));
    super::changes::changes_with(&broken, |all| all.retain(|c| c["subject"] != bob.as_str()));
    without(&broken, &|subject| subject == bob, &w.log.signer);
    let (verdict, why) = judge(&broken, &w.brought(&earlier));
    assert!(verdict == Verdict::Tampered && why.contains("was in the earlier pack and is missing"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turned_out_to_be_somebody_elses_is_a_note_too() {
    let w = world().await;
    let other = w.s.hire("Anna", |_| {}).await;
    training::reconsider(&w.s.db, &w.services, &[other.id]).await.unwrap();
    let ana = Scope { person: Some("E-Ana".into()), ..Scope::default() };
    let alone = w.exported("alone", &ana).await;
    identity::merge(&w.s.db, &w.services, "E-Anna", "E-Ana", "operator", "imported twice").await.unwrap();
    let merged = w.exported("merged", &ana).await;
    assert_eq!(file(&merged, "report.json")["rows"].as_array().unwrap().len(), 2);
    assert_eq!(w.notes(&merged, &alone), [""; 0]);
    identity::split(&w.s.db, &w.services, "E-Anna", "operator", "two people after all").await.unwrap();
    let split = w.exported("split", &ana).await;
    assert_eq!(file(&split, "report.json")["rows"].as_array().unwrap().len(), 1);
    assert_eq!(
        w.notes(&split, &merged),
        ["2 records of the earlier pack are of somebody who turned out to be another person"]
    );
    // Of who people are no more is shown than that.
    let records = std::fs::read_to_string(split.join("records.jsonl")).unwrap();
    assert!(records.contains("\"data/into\":{") && !records.contains("\"data/accounts\":{"), "{records}");
    let broken = w.dir.path().join("broken");
    copy(&split, &broken);
    without(&broken, &|subject| subject.starts_with("person/"), &w.log.signer);
    let (verdict, why) = judge(&broken, &w.brought(&merged));
    assert!(verdict == Verdict::Tampered && why.contains("was in the earlier pack and is missing"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_about_a_course_once_stays_in_its_packs_and_counts_no_more() {
    let w = office().await;
    let folder = w.dir.path().join("courses/fire2");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("course.toml"), COURSE.replace("\"fire\"", "\"fire2\"")).unwrap();
    std::fs::write(folder.join("01-alarm.md"), "# The alarm\n\nWhen it rings, **run**.").unwrap();
    course::apply_dir(&w.s.db, &w.services, &w.dir.path().join("courses")).await.unwrap();
    let scope = Scope { course: Some("fire".into()), ..Scope::default() };
    let earlier = w.exported("earlier", &scope).await;
    // As earlier releases let it happen: a requirement keeps its course now.
    let sql = "SELECT id, definition FROM requirement";
    let row = w.s.db.opt(sql, args![]).await.unwrap().unwrap();
    let mut definition: serde_json::Value = row.get("definition").unwrap();
    definition["course"] = "fire2".into();
    let subject = format!("requirement/{}", row.get::<String>("id").unwrap());
    let (ledger, subject, definition) = (&w.services.ledger, &subject, &definition);
    let applied = w.s.db.write(|tx| async move {
        let (subject, data, actor) = (subject.clone(), definition.clone(), "operator".to_owned());
        ledger.append(&tx, Entry { subject, kind: "applied", actor, reason: String::new(), data }).await
    });
    applied.await.unwrap();
    w.s.flow.settle().await.unwrap();
    let id = w.dans().await;
    w.s.presses("Dan", &format!("training open {id}")).await;
    let pack = w.exported("pack", &scope).await;
    w.notes(&pack, &earlier);
    let report = file(&pack, "report.json");
    let dan = report["rows"].as_array().unwrap().iter().find(|r| r["name"] == "Dan").unwrap();
    assert_eq!((dan["course"].as_str(), dan["counts"].as_bool()), (Some("fire2"), Some(false)), "{dan}");
    assert_eq!(dan["reason"], "its course is fire2 now, and this pack is about fire");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_of_keys_is_a_fork() {
    let w = world().await;
    let earlier = w.pack("earlier").await;
    w.more().await;
    let pack = w.pack("pack").await;
    let forged = w.dir.path().join("forged");
    copy(&pack, &forged);
    let forger = signer(66);
    edit_json(&forged, "keys.json", |keys| keys[0]["key"] = forger.verifier().to_string().into());
    sign_again(&forged, &forger, |_| {});
    // Whoever takes the key from the forger as well has the earlier pack.
    let brought = Brought { key: Some(forger.verifier().to_string()), against: Some(earlier), ..Brought::default() };
    let (verdict, why) = judge(&forged, &brought);
    assert!(verdict == Verdict::Tampered && why.contains("another chain of keys"), "{verdict:?} {why}");
}
