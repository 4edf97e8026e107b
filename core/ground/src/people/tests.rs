use super::*;

/// A person who works here, with nothing but id and name.
pub(super) fn person(employee_id: &str, name: &str) -> Person {
    Person::new(format!("id-{employee_id}"), employee_id, name)
}

use crate::ledger::Ledger;
use crate::testing::store;
use crate::{Db, Error, Instant, Result, args};

pub(super) async fn organisation() -> (Db, tempfile::TempDir) {
    let (db, dir) = store().await;
    let file = "employee_id,name,email,department,location,country,state,manager_employee_id,status\n\
        E1,Ana Lima,ana@example.org,Board,Lisbon,PT,,,active\n\
        E2,Ben Okoye,ben@example.org,Sales,Lagos,NG,,E1,active\n\
        E3,Caz Ruiz,caz@example.org,Sales,Toronto,CA,ON,E2,leave\n\
        E4,Dora Kim,dora@example.org,country/PT,Oakland,USA,CA,E2,active\n\
        E5,Kim Lee,,Care,Oakland,US,CA,E9,active\n\
        E6,Kim Lee,kim6@example.org,Sales,,,,E9,active\n\
        E9,Old Boss,old@example.org,Sales,,,,E2,left\n";
    import(&db, file).await.unwrap();
    (db, dir)
}

async fn import(db: &Db, file: &str) -> Result<import::Plan> {
    let ledger = &ledger();
    import::import(db, ledger, file.as_bytes(), &import::Options::default(), "operator").await
}

fn ledger() -> Ledger {
    Ledger::new(projections())
}

pub(super) async fn who(db: &Db, text: &str) -> Person {
    db.read(|conn| async move { find(&conn, text).await }).await.unwrap()
}

fn ids(people: &[Person]) -> Vec<&str> {
    people.iter().map(|p| p.employee_id.as_str()).collect()
}

#[tokio::test]
async fn a_person_is_found_by_id_address_or_a_name_that_only_they_have() {
    let (db, _dir) = organisation().await;
    for (text, id) in [("E2", "E2"), (" BEN@example.org ", "E2"), ("ben  okoye", "E2"), ("old boss", "E9")] {
        assert_eq!(who(&db, text).await.employee_id, id, "{text}");
    }
    let not = |text: &'static str| {
        let db = &db;
        async move { db.read(|conn| async move { find(&conn, text).await }).await.unwrap_err().to_string() }
    };
    assert_eq!(not("Kim Lee").await, "'Kim Lee' is the name of 2 people: say E5 (Care) or E6 (kim6@example.org)");
    assert_eq!(not("Zed").await, "a person 'Zed' (employee id, e-mail address or full name) was not found");
}

#[tokio::test]
async fn a_manager_sees_their_own_tree_also_under_somebody_who_left() {
    let (db, _dir) = organisation().await;
    let ben = &who(&db, "E2").await;
    let (direct, tree) = db
        .read(|conn| async move { Ok((reports_of(&conn, &ben.id).await?, tree_of(&conn, &ben.id).await?)) })
        .await
        .unwrap();
    assert_eq!(ids(&direct), ["E3", "E4"]);
    assert_eq!(ids(&tree), ["E3", "E4", "E5", "E6"]);
    let kim = &who(&db, "E5").await;
    let above = db.read(|conn| async move { managers_above(&conn, kim).await }).await.unwrap();
    assert_eq!(ids(&above), ["E9", "E2", "E1"]);
}

#[tokio::test]
async fn a_circle_in_the_data_ends_the_walk() {
    let (db, _dir) = organisation().await;
    let (ana, dora) = (&who(&db, "E1").await, &who(&db, "E4").await);
    db.write(|tx| async move {
        tx.exec("UPDATE person SET manager = $1 WHERE id = $2", args![&dora.id, &ana.id]).await?;
        tx.exec("UPDATE person SET manager = id WHERE employee_id = 'E3'", args![]).await
    })
    .await
    .unwrap();
    let tree = db.read(|conn| async move { tree_of(&conn, &ana.id).await }).await.unwrap();
    assert_eq!(ids(&tree), ["E2", "E4", "E5", "E6"]);
    let (ana, caz) = (&who(&db, "E1").await, &who(&db, "E3").await);
    let above = db.read(|conn| async move { managers_above(&conn, ana).await }).await.unwrap();
    assert_eq!(ids(&above), ["E4", "E2"]);
    assert!(db.read(|conn| async move { managers_above(&conn, caz).await }).await.unwrap().is_empty());
}

#[tokio::test]
async fn accounts_on_two_platforms_are_one_person_and_nobody_can_take_them() {
    let (db, _dir) = organisation().await;
    let (ana, ben) = (&who(&db, "E1").await, &who(&db, "E2").await);
    let before = db.committed_position().await.unwrap();
    db.write(|tx| async move {
        link_account(&tx, &ana.id, ("slack", "T1", "U1"), "operator", "a test").await?;
        link_account(&tx, &ana.id, ("slack", "T1", "U1"), "operator", "a test").await?;
        link_account(&tx, &ana.id, ("discord", "", "42"), "operator", "a test").await?;
        link_account(&tx, &ben.id, ("slack", "", "U1"), "operator", "a test").await
    })
    .await
    .unwrap();
    let announced = db.changes(before, 10).await.unwrap().into_iter().filter(|c| c.topic == TOPIC).count();
    assert_eq!(announced, 3, "linking again announces nothing");
    for (platform, workspace, user, id) in
        [("slack", "T1", "U1", "E1"), ("slack", "T2", "U1", "E2"), ("discord", "guild", "42", "E1")]
    {
        let found = db.read(|conn| async move { by_account(&conn, platform, workspace, user).await }).await.unwrap();
        assert_eq!(found.map(|p| p.employee_id).as_deref(), Some(id), "{platform} {workspace}");
    }
    let taken = db
        .write(|tx| async move { link_account(&tx, &ben.id, ("slack", "T1", "U1"), "operator", "a test").await })
        .await
        .unwrap_err();
    let told = "the slack account U1 belongs to Ana Lima: unlink it there before you link it to Ben Okoye";
    assert!(matches!(&taken, Error::Conflict(t) if t == told), "{taken}");
    assert!(
        db.write(|tx| async move { unlink_account(&tx, ("slack", "T1", "U1"), "operator", "a test").await })
            .await
            .unwrap()
    );
    assert!(
        !db.write(|tx| async move { unlink_account(&tx, ("slack", "T1", "U1"), "operator", "a test").await })
            .await
            .unwrap()
    );
    assert_eq!(db.read(|conn| async move { accounts_of(&conn, &ana.id).await }).await.unwrap().len(), 1);
}

#[tokio::test]
async fn settings_are_kept_by_name_and_go_back_to_the_default() {
    let (db, _dir) = organisation().await;
    let ana = &who(&db, "E1").await;
    let set = |value: Option<&'static str>| {
        let db = &db;
        async move { db.write(|tx| async move { set_setting(&tx, &ana.id, "drop_time", value).await }).await.unwrap() }
    };
    let get = || async { db.read(|conn| async move { setting(&conn, &ana.id, "drop_time").await }).await.unwrap() };
    assert_eq!(get().await, None);
    set(Some("09:30")).await;
    let position = db.committed_position().await.unwrap();
    set(Some("09:30")).await;
    assert_eq!(db.committed_position().await.unwrap(), position, "choosing the same again announces nothing");
    set(Some("10:00")).await;
    assert_eq!(get().await.as_deref(), Some("10:00"));
    let of_all = db.read(|conn| async move { settings_named(&conn, "drop_time").await }).await.unwrap();
    assert_eq!(of_all, [(ana.id.clone(), "10:00".to_owned())].into());
    assert_eq!(db.read(|conn| async move { settings_of(&conn, &ana.id).await }).await.unwrap().len(), 1);
    set(None).await;
    assert_eq!(get().await, None);
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_for_a_day() {
    let (db, _dir) = organisation().await;
    let (ana, left) = (&who(&db, "E1").await, &who(&db, "E9").await);
    let link = || async { db.write(|tx| async move { create_sign_in_link(&tx, &ana.id).await }).await.unwrap() };
    let redeem = |token: String| {
        let db = &db;
        async move {
            let token = &token;
            db.write(|tx| async move { redeem_sign_in_link(&tx, token).await }).await
        }
    };
    let token = link().await;
    let stored = db.opt("SELECT digest FROM sign_in_link", args![]).await.unwrap().unwrap();
    assert_ne!(stored.get::<String>("digest").unwrap(), token, "the token itself is not stored");
    assert_eq!(redeem(token.clone()).await.unwrap().id, ana.id);
    assert!(matches!(redeem(token).await, Err(Error::Forbidden(_))), "a second time");
    assert!(matches!(redeem("0123".into()).await, Err(Error::Forbidden(_))), "a guess");
    let (early, late) = (link().await, link().await);
    db.clock().set(db.clock().now().plus(Instant::DAY - 1)).unwrap();
    assert!(redeem(early).await.is_ok());
    db.clock().set(db.clock().now().plus(1)).unwrap();
    assert!(matches!(redeem(late).await, Err(Error::Forbidden(_))), "a day later");
    assert!(db.write(|tx| async move { create_sign_in_link(&tx, &left.id).await }).await.is_err());
    let last = link().await;
    import(&db, "employee_id,status\nE1,left\n").await.unwrap();
    assert!(matches!(redeem(last).await, Err(Error::Forbidden(_))), "somebody who left meanwhile");
}

#[tokio::test]
async fn roles_come_from_the_roster_and_from_grants_which_are_evidence() {
    let (db, _dir) = organisation().await;
    let (ben, caz, left) = (&who(&db, "E2").await, &who(&db, "E3").await, &who(&db, "E9").await);
    let ledger = &ledger();
    let grant = |person: Person, role: Role, reason: &'static str| {
        let db = &db;
        async move {
            let person = &person;
            db.write(|tx| async move { super::grant(&tx, ledger, person, role, "operator", reason).await }).await
        }
    };
    assert!(grant(caz.clone(), Role::Learning, "runs the lessons").await.unwrap());
    assert!(!grant(caz.clone(), Role::Learning, "again").await.unwrap(), "twice is once");
    assert!(grant(caz.clone(), Role::Manager, "wants to").await.is_err());
    assert!(grant(caz.clone(), Role::Auditor, " ").await.is_err());
    assert!(grant(left.clone(), Role::Auditor, "asked").await.is_err());
    let roles = |p: Person| {
        let db = &db;
        async move {
            let p = &p;
            let roles = db.read(|conn| async move { roles_of(&conn, p).await }).await.unwrap();
            roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(roles(ben.clone()).await, "employee manager");
    assert_eq!(roles(caz.clone()).await, "employee learning");
    assert_eq!(roles(left.clone()).await, "");
    let with = db.read(|conn| async move { people_with(&conn, Role::Learning).await }).await.unwrap();
    assert_eq!(ids(&with), ["E3"]);
    assert!(
        db.write(|tx| async move { revoke(&tx, ledger, caz, Role::Learning, "operator", "moved on").await })
            .await
            .unwrap()
    );
    assert!(
        !db.write(|tx| async move { revoke(&tx, ledger, caz, Role::Learning, "operator", "moved on").await })
            .await
            .unwrap()
    );
    assert_eq!(roles(caz.clone()).await, "employee");
    let subject = &format!("role/{}", caz.id);
    let trail = db.read(|conn| async move { crate::ledger::of_subject(&conn, subject).await }).await.unwrap();
    assert_eq!(trail.iter().map(|r| r.kind.as_str()).collect::<Vec<_>>(), ["granted", "revoked"]);
    assert_eq!("Learnin".parse::<Role>().unwrap_err().to_string(), "'Learnin' is not a role; did you mean 'learning'?");
    for role in Role::ALL {
        assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
    }
}

#[tokio::test]
async fn nobody_reads_through_a_name_that_only_looks_like_their_group() {
    let (db, _dir) = organisation().await;
    let classes = |text: &'static str| {
        let db = &db;
        async move {
            let p = &who(db, text).await;
            let all = db.read(|conn| async move { access_classes(&conn, p).await }).await.unwrap();
            all.into_iter().filter(|c| !c.ends_with(&p.id)).collect::<Vec<_>>().join(" ")
        }
    };
    // Canada and California have the same two letters.
    assert_eq!(
        classes("E3").await,
        "everyone role:employee group:Sales group:country/CA group:country/CAN group:department/Sales \
         group:location/Toronto group:state/ON person:E3"
    );
    // A department that is called like a country's group does not enter that group.
    let dora = classes("E4").await;
    assert!(dora.contains("group:state/CA") && dora.contains("group:country/US "), "{dora}");
    assert!(!dora.contains("group:country/PT") && dora.contains("group:department/country/PT"), "{dora}");
    assert_eq!(classes("E9").await, "", "who left reads nothing");
}

#[tokio::test]
async fn the_facts_of_all_are_the_facts_of_each() {
    let (db, _dir) = organisation().await;
    let (caz, ledger) = (&who(&db, "E3").await, &ledger());
    db.write(|tx| async move { grant(&tx, ledger, caz, Role::Expert, "operator", "knows it").await }).await.unwrap();
    let (at_once, one_by_one) = db
        .read(|conn| async move {
            let mut each = Vec::new();
            for person in all(&conn).await? {
                let facts = facts(&conn, &person).await?;
                each.push((person, facts));
            }
            Ok((all_facts(&conn).await?, each))
        })
        .await
        .unwrap();
    assert_eq!(at_once, one_by_one);
    let rule: audience::Rule = "group \"Sales\" and not country = \"NG\"".parse().unwrap();
    let meant: Vec<Person> = at_once.into_iter().filter(|(p, f)| rule.matches(p, f)).map(|(p, _)| p).collect();
    assert_eq!(ids(&meant), ["E3", "E6"]);
}

#[test]
fn who_is_on_leave_is_away_from_the_first_day_to_the_last() {
    let day = |text: &str| text.parse::<Date>().unwrap();
    let with = |status, from: &str, to: &str| Person {
        status,
        leave_from: (!from.is_empty()).then(|| day(from)),
        leave_to: (!to.is_empty()).then(|| day(to)),
        ..person("E1", "Ana")
    };
    for (status, from, to, on, expected) in [
        (Status::Active, "", "", "2026-05-01", false),
        (Status::Active, "2026-05-01", "2026-05-10", "2026-04-30", false),
        (Status::Active, "2026-05-01", "2026-05-10", "2026-05-01", true),
        (Status::Active, "2026-05-01", "2026-05-10", "2026-05-10", true),
        (Status::Active, "2026-05-01", "2026-05-10", "2026-05-11", false),
        (Status::Active, "2026-05-01", "", "2027-05-11", true),
        (Status::Leave, "", "", "2026-05-01", true),
        (Status::Leave, "", "2026-05-10", "2026-05-11", false),
        (Status::Left, "", "", "2026-05-01", true),
    ] {
        assert_eq!(away(&with(status, from, to), day(on)), expected, "{status} {from}..{to} on {on}");
    }
}

#[test]
fn a_leave_is_over_when_no_other_follows_on_it() {
    let day = |text: &str| text.parse::<Date>().unwrap();
    let leave = |from: &str, to: Option<&str>| Leave { first: Some(day(from)), last: to.map(day) };
    let over = |leaves: Vec<Leave>, on: &str| Absence { leaves, back: None }.over(day(on)).map(|day| day.to_string());
    let may = leave("2026-05-01", Some("2026-05-10"));
    assert_eq!(over(vec![may], "2026-05-03").as_deref(), Some("2026-05-11"));
    assert_eq!(over(vec![may], "2026-05-11").as_deref(), Some("2026-05-11"), "not away");
    let next = leave("2026-05-11", Some("2026-05-12"));
    assert_eq!(over(vec![next, may], "2026-05-03").as_deref(), Some("2026-05-13"));
    assert_eq!(over(vec![may, leave("2026-05-05", None)], "2026-05-06"), None, "nobody knows");
}

#[test]
fn an_unknown_zone_falls_back_to_utc() {
    let mut ana = person("E1", "Ana");
    assert_eq!(zone(&ana), TimeZone::UTC);
    ana.timezone = "Asia/Tokyo".into();
    assert_eq!(zone(&ana).iana_name(), Some("Asia/Tokyo"));
    ana.timezone = "Mars/Olympus".into();
    assert_eq!(zone(&ana), TimeZone::UTC);
}

#[tokio::test]
async fn people_are_counted_in_one_query() {
    let (db, _dir) = organisation().await;
    let ben = &who(&db, "E2").await.id;
    let old = &who(&db, "E9").await.id;
    db.write(|tx| async move {
        link_account(&tx, ben, ("slack", "", "U1"), "operator", "a test").await?;
        link_account(&tx, ben, ("web", "", "E2"), "operator", "a test").await?;
        link_account(&tx, old, ("slack", "", "U9"), "operator", "a test").await
    })
    .await
    .unwrap();
    let counted = db.read(|conn| async move { count(&conn).await }).await.unwrap();
    // Six have not left; one of them has accounts.
    assert_eq!(counted, Count { known: 7, here: 6, without_account: 5 });
}

#[tokio::test]
async fn a_person_is_spoken_to_in_the_language_of_the_roster_else_of_the_chat() {
    let (db, _dir) = organisation().await;
    let hears = async |who: &str, locale: &'static str| {
        let id = &self::who(&db, who).await.id;
        db.write(|tx| async move { heard_locale(&tx, id, locale).await }).await.unwrap()
    };
    assert_eq!(who(&db, "E1").await.language(), "en");
    assert!(hears("E1", "de-AT").await && !hears("E1", "de-AT").await, "it is written once");
    for strange in ["", "de AT", "<b>", "de--AT", "x".repeat(36).leak()] {
        assert!(!hears("E1", strange).await, "{strange}");
    }
    let ana = who(&db, "E1").await;
    assert_eq!((ana.language(), ana.locale.as_str()), ("de-AT", "en"), "rules go by the roster");
    import(&db, "employee_id,locale\nE1,pt-PT\n").await.unwrap();
    assert_eq!(who(&db, "E1").await.language(), "pt-PT");
    import(&db, "employee_id,locale\nE1,en-GB\n").await.unwrap();
    assert_eq!(who(&db, "E1").await.language(), "de-AT");
}
