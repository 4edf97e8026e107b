//! Merge and split, as an operator does them.

use super::merge::{Plan, SplitPlan, aliases_of, history, merge, plan, split};
use super::*;
use crate::ledger::Ledger;
use crate::testing::store;
use crate::{Db, Error, Result, args};

const ROSTER: &str = "employee_id,name,email,manager_employee_id,status,slack_id\n\
    E1,Ana Lima,ana@example.org,,active,U111111\n\
    E2,Ana Lima,a.lima@example.org,,active,U222222\n\
    E3,Ben Okoye,ben@example.org,E2,active,\n\
    E4,Ana L.,ana.l@example.org,,active,U444444\n\
    E9,Old Boss,old@example.org,,left,\n";

async fn organisation() -> (Db, tempfile::TempDir) {
    let (db, dir) = store().await;
    import(&db, ROSTER).await.unwrap();
    (db, dir)
}

async fn import(db: &Db, file: &str) -> Result<import::Plan> {
    let ledger = &ledger();
    import::import(db, ledger, file.as_bytes(), &import::Options::default(), "operator").await
}

async fn dry_run(db: &Db, file: &str) -> String {
    let options = &import::Options::default();
    db.read(|c| async move { import::plan(&c, file.as_bytes(), options).await }).await.unwrap().to_string()
}

fn ledger() -> Ledger {
    Ledger::new(projections())
}

async fn joined(db: &Db, from: &str, into: &str) -> Result<Plan> {
    let ledger = &ledger();
    db.write(|tx| async move { merge(&tx, ledger, from, into, "operator", "imported twice").await }).await
}

async fn parted(db: &Db, who: &str) -> Result<SplitPlan> {
    let ledger = &ledger();
    db.write(|tx| async move { split(&tx, ledger, who, "operator", "two people after all").await }).await
}

async fn who(db: &Db, text: &str) -> Person {
    db.read(|c| async move { find(&c, text).await }).await.unwrap()
}

async fn choose(db: &Db, person: &str, name: &str, value: &str) {
    db.write(|tx| async move { set_setting(&tx, person, name, Some(value)).await }).await.unwrap();
}

/// All that a merge may touch, as it is stored.
async fn state(db: &Db) -> String {
    let mut text = String::new();
    for sql in [
        "SELECT person || ' in ' || into_person || ' is ' || stands_for || ' by ' || actor || ': ' || reason AS t FROM person_alias ORDER BY person",
        "SELECT employee_id || ' ' || COALESCE(manager, '-') || ' ' || COALESCE(roster_manager, '-') AS t FROM person ORDER BY employee_id",
        "SELECT person || ' ' || platform || user_id AS t FROM identity ORDER BY platform, user_id",
        "SELECT person || ' ' || name || '=' || value AS t FROM person_setting ORDER BY person, name",
        "SELECT person || ' ' || role || ' ' || source AS t FROM role_grant ORDER BY person, role",
    ] {
        for row in db.all(sql, args![]).await.unwrap() {
            text.push_str(&row.get::<String>("t").unwrap());
            text.push('\n');
        }
    }
    text
}

async fn rebuilt(db: &Db) -> String {
    let ledger = ledger();
    ledger.rebuild(db).await.unwrap();
    state(db).await
}

#[tokio::test]
async fn two_rows_become_one_person_by_every_name_and_a_split_puts_everything_back() {
    let (db, _dir) = organisation().await;
    let (ana, second, ben) = (&who(&db, "E1").await, &who(&db, "E2").await, &who(&db, "E3").await);
    choose(&db, &second.id, "quiet_hours", "17:00-10:00").await;
    choose(&db, &second.id, "lesson_time", "08:00").await;
    choose(&db, &ana.id, "lesson_time", "11:00").await;
    let ledger = &ledger();
    db.write(|tx| async move { grant(&tx, ledger, second, Role::Learning, "operator", "asked for").await })
        .await
        .unwrap();
    let before = state(&db).await;

    let done = joined(&db, "E2", "E1").await.unwrap();
    assert_eq!((done.accounts.len(), done.roles.len(), done.reports.len()), (1, 1, 1));
    assert_eq!(done.settings.keys().collect::<Vec<_>>(), ["quiet_hours"]);
    assert_eq!(done.dropped.iter().collect::<Vec<_>>(), ["lesson_time"]);
    for name in ["E1", "E2", "ana@example.org", "a.lima@example.org", "Ana Lima"] {
        assert_eq!(who(&db, name).await.id, ana.id, "{name}");
    }
    let found = db.read(|c| async move { by_account(&c, "slack", "", "U222222").await }).await.unwrap().unwrap();
    assert_eq!(found.id, ana.id);
    let (accounts, roles, below, everybody, quiet, classes) = db
        .read(|c| async move {
            Ok((
                accounts_of(&c, &ana.id).await?,
                roles_of(&c, ana).await?,
                reports_of(&c, &ana.id).await?,
                all(&c).await?,
                setting(&c, &ana.id, "quiet_hours").await?,
                access_classes(&c, ana).await?,
            ))
        })
        .await
        .unwrap();
    assert_eq!(accounts.len(), 2);
    assert!(roles.contains(&Role::Learning) && roles.contains(&Role::Manager), "{roles:?}");
    assert_eq!(below.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), [ben.id.as_str()]);
    assert_eq!(everybody.len(), 4, "the merged row is nobody of its own");
    assert_eq!(quiet.as_deref(), Some("17:00-10:00"));
    assert!(classes.contains(&"person:E2".to_owned()), "{classes:?}");
    assert_eq!(who(&db, "E3").await.manager.as_ref(), Some(&ana.id));
    assert_eq!(state(&db).await, rebuilt(&db).await, "the same from the ledger alone");

    // Meanwhile: a new account and a new choice are those of the person who stands.
    db.write(|tx| async move { link_account(&tx, &second.id, ("discord", "", "42"), "operator", "new").await })
        .await
        .unwrap();
    assert!(parted(&db, "E1").await.unwrap_err().to_string().contains("stands for E2: say which one to split"));
    let undone = parted(&db, "E2").await.unwrap();
    assert_eq!(undone.settings.iter().collect::<Vec<_>>(), ["quiet_hours"]);
    let discord = db.read(|c| async move { by_account(&c, "discord", "", "42").await }).await.unwrap().unwrap();
    assert_eq!(discord.id, ana.id);
    db.write(|tx| async move { unlink_account(&tx, ("discord", "", "42"), "operator", "not hers").await })
        .await
        .unwrap();
    assert_eq!(state(&db).await, before);
    assert_eq!(rebuilt(&db).await, before);
    let told = db.read(|c| async move { history(&c, &ana.id).await }).await.unwrap();
    assert_eq!(told.iter().map(|r| r.kind.as_str()).collect::<Vec<_>>(), ["merged", "split"]);
}

#[tokio::test]
async fn what_the_person_chose_after_the_merge_stays_theirs() {
    let (db, _dir) = organisation().await;
    let (ana, second) = (&who(&db, "E1").await, &who(&db, "E2").await);
    choose(&db, &second.id, "quiet_hours", "17:00-10:00").await;
    joined(&db, "E2", "E1").await.unwrap();
    choose(&db, &ana.id, "quiet_hours", "20:00-06:00").await;
    parted(&db, "E2").await.unwrap();
    let of = async |id: &str| db.read(|c| async move { setting(&c, id, "quiet_hours").await }).await.unwrap();
    assert_eq!(of(&ana.id).await.as_deref(), Some("20:00-06:00"));
    assert_eq!(of(&second.id).await.as_deref(), Some("17:00-10:00"));
}

#[tokio::test]
async fn three_rows_become_one_and_the_middle_one_leaves_with_what_came_into_it() {
    let (db, _dir) = organisation().await;
    let before = state(&db).await;
    let (ana, second, third) = (&who(&db, "E1").await, &who(&db, "E2").await, &who(&db, "E4").await);
    choose(&db, &third.id, "quiet_hours", "17:00-10:00").await;
    joined(&db, "E4", "E2").await.unwrap();
    let done = joined(&db, "E2", "E1").await.unwrap();
    assert_eq!(done.along.len(), 1);
    assert_eq!(who(&db, "E4").await.id, ana.id);
    assert_eq!(db.read(|c| async move { aliases_of(&c, &ana.id).await }).await.unwrap().len(), 2);
    assert_eq!(state(&db).await, rebuilt(&db).await);
    // The middle one goes, and takes along what had come into it.
    parted(&db, "E2").await.unwrap();
    assert_eq!(who(&db, "E4").await.id, second.id);
    let of = async |id: &str| db.read(|c| async move { setting(&c, id, "quiet_hours").await }).await.unwrap();
    assert_eq!((of(&ana.id).await, of(&second.id).await.is_some()), (None, true));
    // Flat: each goes alone, also through a chain of copies.
    joined(&db, "E2", "E1").await.unwrap();
    parted(&db, "E4").await.unwrap();
    assert_eq!((of(&ana.id).await, of(&second.id).await), (None, None), "a copy of a copy goes as well");
    assert_eq!((who(&db, "E2").await.id, who(&db, "E4").await.id), (ana.id.clone(), third.id.clone()));
    parted(&db, "E2").await.unwrap();
    db.write(|tx| async move { set_setting(&tx, &third.id, "quiet_hours", None).await }).await.unwrap();
    assert_eq!(state(&db).await, before);
    assert_eq!(rebuilt(&db).await, before);
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_with_the_way_out() {
    let (db, _dir) = organisation().await;
    let told = async |from: &'static str, into: &'static str| joined(&db, from, into).await.unwrap_err().to_string();
    assert_eq!(told("E1", "ana@example.org").await, "Ana Lima (E1) cannot be merged into themselves: name two people");
    assert_eq!(
        told("E1", "E9").await,
        "Old Boss (E9) has left and Ana Lima (E1) works here, so merge the other way round: 'stoa people merge E9 E1'"
    );
    assert_eq!(
        told("E2", "E3").await,
        "Ben Okoye (E3) reports to Ana Lima (E2), so Ben Okoye would be their own manager: give Ben Okoye another manager \
         in the roster first"
    );
    assert!(told("E7", "E1").await.contains("a person 'E7'"));
    joined(&db, "E2", "E1").await.unwrap();
    assert_eq!(
        told("E2", "E4").await,
        "Ana Lima (E2) is merged into Ana Lima (E1) already: to change that, run 'stoa people split E2 --reason …' first"
    );
    assert!(told("E1", "E2").await.contains("cannot be merged into themselves"), "E2 is E1 now");
    assert_eq!(
        parted(&db, "E3").await.unwrap_err().to_string(),
        "Ben Okoye (E3) is not merged with anybody, so there is nothing to split"
    );
    let ledger = &ledger();
    let no = db.write(|tx| async move { merge(&tx, ledger, "E4", "E1", "operator", " ").await }).await.unwrap_err();
    assert!(matches!(&no, Error::Invalid(why) if why.contains("--reason")), "{no}");
    let before = state(&db).await;
    db.read(|c| async move { plan(&c, "E4", "E1").await }).await.unwrap();
    assert_eq!(state(&db).await, before, "a dry run changes nothing");
}

#[tokio::test]
async fn rows_of_a_merged_id_mean_the_person_and_do_not_end_their_work() {
    let (db, _dir) = organisation().await;
    joined(&db, "E2", "E1").await.unwrap();
    let ana = who(&db, "E1").await;
    // The roster names the manager by the old id and by the old address.
    import(&db, "employee_id,manager_employee_id,title\nE3,E2,Clerk\n").await.unwrap();
    import(&db, "employee_id,manager_email\nE4,a.lima@example.org\n").await.unwrap();
    assert_eq!(
        (who(&db, "E3").await.manager, who(&db, "E4").await.manager),
        (Some(ana.id.clone()), Some(ana.id.clone()))
    );
    let told = dry_run(&db, "employee_id,status\nE2,left\n").await;
    assert!(
        told.contains("E2 is an earlier id") || told.contains("it is an earlier id of Ana Lima (E1), who works here"),
        "{told}"
    );
    assert!(told.starts_with("0 added, 0 changed, 0 left"), "{told}");
    let both = dry_run(&db, "employee_id,title\nE1,Captain\nE2,Cook\n").await;
    assert!(both.contains("~ Ana Lima (E1): role nothing -> Captain"), "{both}");
    assert!(both.contains("who is in row 2: this row is ignored"), "{both}");
    // Only the old id: it is the person, who keeps the new id.
    let only = dry_run(&db, "employee_id,title\nE2,Cook\n").await;
    assert!(only.contains("~ Ana Lima (E1): role nothing -> Cook"), "{only}");
    parted(&db, "E2").await.unwrap();
    let second = who(&db, "E2").await;
    assert_eq!(who(&db, "E3").await.manager, Some(second.id), "an unchanged manager goes back with the split");
}

#[tokio::test]
async fn who_comes_back_under_a_new_number_is_recognised_and_merged_when_the_roster_says_so() {
    let (db, _dir) = organisation().await;
    import(&db, "employee_id,status\nE1,left\n").await.unwrap();
    let hint = dry_run(&db, "employee_id,name,email\nE7,Ana Lima,ana@example.org\n").await;
    assert!(
        hint.contains(
            "this looks like Ana Lima (E1), who left on 2026-11-23: if it is the same person, say E1 in a column \
             previous_employee_id, or run 'stoa people merge E1 E7 --reason …' after the import"
        ),
        "{hint}"
    );
    let refused = dry_run(&db, "employee_id,name,slack_id\nE7,Ana Lima,U111111\n").await;
    assert!(refused.contains("or say previous_employee_id E1 if it is the same person"), "{refused}");
    let file = "employee_id,name,email,slack_id,previous_employee_id\nE7,Ana Lima,ana@example.org,U111111,E1\n";
    let told = import(&db, file).await.unwrap().to_string();
    assert!(told.contains("+ Ana Lima (E7): previous_employee_id nothing -> E1 (Ana Lima), who is merged"), "{told}");
    let ana = who(&db, "E1").await;
    assert_eq!((ana.employee_id.as_str(), ana.status), ("E7", Status::Active));
    let by = db.read(|c| async move { aliases_of(&c, &ana.id).await }).await.unwrap();
    assert_eq!((by[0].actor.as_str(), by[0].reason.as_str()), ("operator", "the roster says that this is E7 now"));
    // The same file again changes nothing, and --full does not take the old row for somebody who is absent.
    let again = import(&db, file).await.unwrap().to_string();
    assert_eq!(again, "0 added, 0 changed, 0 left, 1 unchanged\n");
    for (file, why) in [
        ("employee_id,name,previous_employee_id\nE8,X,E99\n", "no employee id 'E99' is known"),
        ("employee_id,name,status,previous_employee_id\nE8,X,left,E3\n", "who works here, and this row has left"),
        ("employee_id,name,previous_employee_id\nE8,X,E3\nE10,Y,E3\n", "is also the previous id in row 2"),
        ("employee_id,name,previous_employee_id\nE8,X,E3\nE3,Ben Okoye,\n", "say 'left' there"),
        ("employee_id,name,previous_employee_id,manager_employee_id\nE8,X,E3,E3\n", "nobody can be their own manager"),
    ] {
        let told = dry_run(&db, file).await;
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test]
async fn a_new_number_for_somebody_at_work_takes_their_reports_along_in_the_same_file() {
    let (db, _dir) = organisation().await;
    let file = "employee_id,name,email,previous_employee_id,manager_employee_id\n\
                E20,Ana Lima,a.lima@example.org,E2,\nE3,Ben Okoye,ben@example.org,,E2\n";
    let plan = dry_run(&db, file).await;
    assert!(!plan.contains("error"), "{plan}");
    import(&db, file).await.unwrap();
    let ana = who(&db, "E20").await;
    assert_eq!(who(&db, "E2").await.id, ana.id);
    assert_eq!(who(&db, "E3").await.manager, Some(ana.id));
}

#[tokio::test]
async fn an_address_that_changed_still_names_the_manager_and_the_person_of_that_name() {
    let (db, _dir) = organisation().await;
    let ana = who(&db, "E1").await;
    import(&db, "employee_id,email\nE1,ana.berg@example.org\n").await.unwrap();
    import(&db, "employee_id,manager_email\nE3,ana@example.org\n").await.unwrap();
    assert_eq!(who(&db, "E3").await.manager, Some(ana.id.clone()));
    assert_eq!(who(&db, "ana@example.org").await.id, ana.id);
    let same = dry_run(&db, "name,email,title\nAna Lima,ana@example.org,Captain\n").await;
    assert!(same.contains("~ Ana Lima (E1)"), "{same}");
    // Given to somebody else, the address is theirs alone.
    import(&db, "name,email\nAnabel Cruz,ana@example.org\n").await.unwrap();
    assert_eq!(who(&db, "ana@example.org").await.name, "Anabel Cruz");
    let own = db.read(|c| async move { by_email(&c, "ana@example.org").await }).await.unwrap().unwrap();
    assert_eq!(own.name, "Anabel Cruz");
    // And back: the address is in use again, and no address of before.
    import(&db, "employee_id,email\nE1,ana.lima@example.org\n").await.unwrap();
    let rows = db.all("SELECT email FROM person_address ORDER BY email", args![]).await.unwrap();
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn each_link_of_an_account_is_recorded_with_who_and_why() {
    let (db, _dir) = organisation().await;
    let (ana, ben) = (&who(&db, "E1").await, &who(&db, "E3").await);
    db.write(|tx| async move {
        unlink_account(&tx, ("slack", "", "U111111"), "operator", "wrong person").await?;
        link_account(&tx, &ben.id, ("slack", "", "U111111"), &format!("person/{}", ana.id), "it is Ben's").await
    })
    .await
    .unwrap();
    let records =
        db.read(|c| async move { crate::ledger::of_subject(&c, "identity/slack//U111111").await }).await.unwrap();
    let told: Vec<_> = records.iter().map(|r| (r.kind.as_str(), r.reason.as_str())).collect();
    assert_eq!(told, [("linked", "the roster says so"), ("unlinked", "wrong person"), ("linked", "it is Ben's")]);
    let before = state(&db).await;
    assert_eq!(rebuilt(&db).await, before);
}
