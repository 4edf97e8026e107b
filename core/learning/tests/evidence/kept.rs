//! How long something is kept, what erasing it does to the denominator, and what an earlier pack of another scope says.

use std::collections::BTreeMap;

use stoa_ground::args;
use stoa_ground::ledger::{Entry, of_subject};
use stoa_ground::people::{self, Person};
use stoa_learning::evidence::retention;

use super::asked::file;
use super::broken::report_with;
use super::*;

impl World {
    /// What may be erased of the training of somebody, by the usual rules, and why or why not.
    async fn kept(&self, name: &str) -> Vec<(bool, String)> {
        let person: Person = self.s.db.read(|c| async move { people::find(&c, name).await }).await.unwrap();
        let plan = |c| async move { retention::plan(&c, &person, &Policy::default()).await };
        let mut planned = self.s.db.read(plan).await.unwrap();
        planned.retain(|p| p.subject.starts_with("assignment/"));
        planned.into_iter().map(|p| (p.erasable, p.why)).collect()
    }

    /// The assignment of somebody.
    pub(super) async fn assigned(&self, name: &str, requirement: &str) -> String {
        let sql =
            "SELECT a.id FROM assignment a JOIN person p ON p.id = a.person WHERE p.name = $1 AND requirement = $2";
        let row = self.s.db.opt(sql, args![name, requirement]).await.unwrap().unwrap();
        format!("assignment/{}", row.get::<String>("id").unwrap())
    }

    /// Erases something, whatever its retention says.
    async fn destroy(&self, subject: &str, requirement: Option<&str>) {
        let gone = &BTreeMap::from([(subject.to_owned(), requirement.map(str::to_owned))]);
        let ledger = &self.services.ledger;
        self.s.db.write(|tx| async move { ledger.erase(&tx, gone, "operator", "a test").await }).await.unwrap();
    }
}

/// A requirement of its own for Ana.
async fn respect(w: &World, more: &str) {
    let text = REQUIREMENT.replace("fire-safety", "respect").replace("everyone", "employee_id = \\\"E-Ana\\\"");
    training::apply(&w.s.db, &w.services, "more.toml", &format!("{text}{more}"), false).await.unwrap();
    w.s.flow.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_is_not_erased_while_the_person_works_here_so_that_nobody_is_asked_again() {
    let w = world().await;
    respect(&w, "evidence = \"harassment-prevention\"\n").await;
    training::complete(&w.s.db, &w.services, "Ana", "respect", "operator", "in class").await.unwrap();
    let later = |at: &str| w.s.db.clock().set(stoa_ground::Instant::parse(at).unwrap()).unwrap();
    later("2035-01-01T12:00:00Z");
    let good = (false, "it holds for good, and the person works here".to_owned());
    assert_eq!(w.kept("Ana").await, [good.clone(), good.clone()]);
    assert_eq!(w.kept("Bob").await, std::slice::from_ref(&good), "who is exempt would be asked as well");
    assert_eq!(w.kept("Cleo").await, [(false, "it is still to be done".to_owned())]);
    // Nothing has to be done for a requirement that is withdrawn.
    let text = REQUIREMENT.replace("fire-safety", "respect") + "active = false\n";
    training::apply(&w.s.db, &w.services, "more.toml", &text, false).await.unwrap();
    let mut ana = w.kept("Ana").await;
    ana.sort();
    assert!(ana[0] == good && ana[1].0, "{ana:?}");
    w.leaves("Ana").await;
    assert!(w.kept("Ana").await.iter().all(|(erasable, _)| *erasable));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_until_a_day_is_kept_from_that_day_on() {
    let w = world().await;
    let rule = "evidence = \"harassment-prevention\"\nrecertify = { every = \"3 years\", grace_days = 10 }\n";
    // What she did for fire safety counts.
    respect(&w, rule).await;
    let later = |at: &str| w.s.db.clock().set(stoa_ground::Instant::parse(at).unwrap()).unwrap();
    // Two years after the newest record it still holds, until 2029-11-23 and ten days more.
    later("2028-12-31T12:00:00Z");
    let respect = w.kept("Ana").await.into_iter().find(|(_, why)| !why.contains("for good")).unwrap();
    assert_eq!(respect, (false, "it has to be kept until 2031-12-04".to_owned()));
    later("2031-12-06T12:00:00Z");
    assert!(w.kept("Ana").await.iter().any(|(erasable, _)| *erasable));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_erased_of_the_requirement_itself_excuses_whom_a_rule_missed() {
    let w = world().await;
    let text = REQUIREMENT.replace("fire-safety", "paper");
    training::apply(&w.s.db, &w.services, "paper.toml", &text, false).await.unwrap();
    // She has just come, and of all that is meant for her something else is assigned, and erased.
    let dora = &hire(&w.s.db, "Dora", |_| {}).await;
    let (ledger, like) = (&w.services.ledger, &w.assigned("Cleo", "paper").await);
    w.s.db
        .write(|tx| async move {
            let mut data = of_subject(&tx, like).await?.remove(0).data;
            data["person"] = dora.id.clone().into();
            let subject = format!("assignment/{}", tx.clock().id());
            let (actor, reason) = ("operator".into(), "a test".into());
            ledger.append(&tx, Entry { subject, kind: "assigned", actor, reason, data }).await
        })
        .await
        .unwrap();
    let paper = w.assigned("Dora", "paper").await;
    w.destroy(&paper, Some("paper")).await;
    let scope = || Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
    let hers = |pack: &Path| {
        let report = file(pack, "report.json");
        let row = report["rows"].as_array().unwrap().iter().find(|r| r["name"] == "Dora").unwrap().clone();
        (row["state"].as_str().unwrap().to_owned(), row["counts"].as_bool().unwrap())
    };
    let missed = ("not-assigned".to_owned(), true);
    let pack = w.dir.path().join("missed");
    w.export(&scope(), None, &pack).await.unwrap();
    assert_eq!(judge(&pack, &w.trusted()).0, Verdict::Valid);
    assert_eq!(hers(&pack), missed);
    // Whoever calls her erased has no tombstone for it.
    let broken = w.dir.path().join("broken");
    copy(&pack, &broken);
    report_with(&broken, |rows| {
        let row = rows.iter_mut().find(|r| r["name"] == "Dora").unwrap();
        (row["state"], row["counts"]) = ("erased".into(), false.into());
    });
    sign_again(&broken, &w.log.signer, |_| {});
    let (verdict, why) = judge(&broken, &w.trusted());
    let says = "report.json calls 1 lines of fire-safety erased, and tombstones name 0 assignments of it";
    assert!(verdict == Verdict::Tampered && why == says, "{verdict:?} {why}");
    // A pack of the format before has tombstones that do not say it.
    sign_again(&broken, &w.log.signer, |m| m.format = "stoa-pack/3".into());
    assert_eq!(judge(&broken, &w.trusted()).0, Verdict::Valid);
    // What is assigned in the end is erased.
    w.s.flow.settle().await.unwrap();
    w.destroy(&w.assigned("Dora", "fire-safety").await, Some("fire-safety")).await;
    let pack = w.dir.path().join("erased");
    w.export(&scope(), None, &pack).await.unwrap();
    let outcome = judged(&pack, &w.trusted());
    assert_eq!((outcome.verdict, hers(&pack)), (Verdict::Valid, ("erased".to_owned(), false)), "{}", outcome.reason);
    // That was before the rule meant her in another period.
    w.s.until("2026-12-02T12:00:00Z").await;
    let pack = w.dir.path().join("next");
    w.export(&Scope { from: Some("2026-12-01".parse().unwrap()), ..scope() }, None, &pack).await.unwrap();
    assert_eq!(judge(&pack, &w.trusted()).0, Verdict::Valid);
    assert_ne!(hers(&pack).0, "erased");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_pack_of_another_scope_is_compared_as_far_as_it_can_be_and_it_is_said() {
    let w = world().await;
    let day = |text: &str| Some(text.parse().unwrap());
    let scope = |to: &str| Scope { requirement: Some("fire-safety".into()), to: day(to), ..Scope::default() };
    let (earlier, whole) = (w.dir.path().join("earlier"), w.dir.path().join("whole"));
    w.export(&scope("2026-11-30"), None, &earlier).await.unwrap();
    w.s.until("2026-12-15T12:00:00Z").await;
    w.export(&scope("2026-12-31"), None, &whole).await.unwrap();
    let against =
        |pack: &Path, earlier: &Path| judged(pack, &Brought { against: Some(earlier.to_owned()), ..w.trusted() });
    let not_compared = |outcome: &Outcome| {
        assert_eq!(outcome.verdict, Verdict::Valid, "{}", outcome.reason);
        outcome.not_proven.iter().any(|text| text.contains("its records were not compared"))
    };
    assert!(!not_compared(&against(&whole, &earlier)), "a later end has all that the earlier one had");
    assert!(!not_compared(&against(&earlier, &earlier)), "the same scope");
    let course = w.dir.path().join("course");
    w.export(&Scope { course: Some("fire".into()), ..Scope::default() }, None, &course).await.unwrap();
    assert!(not_compared(&against(&course, &earlier)));
    let short = w.dir.path().join("short");
    w.export(&Scope { from: day("2026-12-01"), ..scope("2026-12-31") }, None, &short).await.unwrap();
    assert!(not_compared(&against(&short, &earlier)));
    // What is missing of it is named, although the scope is not the same.
    let broken = w.dir.path().join("broken");
    copy(&whole, &broken);
    let bob = w.assigned("Bob", "fire-safety").await;
    report_with(&broken, |rows| rows.retain(|r| r["name"] != "Bob"));
    super::changes::changes_with(&broken, |all| all.retain(|c| c["subject"] != bob.as_str()));
    super::later::without(&broken, &|subject| subject == bob, &w.log.signer);
    let outcome = against(&broken, &earlier);
    assert!(outcome.verdict == Verdict::Tampered, "{}", outcome.reason);
    assert!(outcome.reason.contains("was in the earlier pack and is missing"), "{}", outcome.reason);
}
