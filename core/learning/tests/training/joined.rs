//! Two rows that are one human, and what becomes of their training.

use super::*;
use stoa_learning::identity;

async fn merge(w: &World, from: &str, into: &str) {
    identity::merge(&w.s.db, &w.services, from, into, "operator", "imported twice").await.unwrap();
    w.s.flow.settle().await.unwrap();
}

async fn split(w: &World, who: &str) {
    identity::split(&w.s.db, &w.services, who, "operator", "two people after all").await.unwrap();
    w.s.flow.settle().await.unwrap();
}

fn states(all: &[Assignment]) -> Vec<&'static str> {
    all.iter().map(|a| a.state.name()).collect()
}

#[tokio::test]
async fn the_completed_training_stands_and_the_open_one_retires_until_the_two_are_told_apart() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let second = w.s.hire("Anna", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.finish(&second).await;
    let open = w.one(&ana).await.id;
    let (plan, steps) =
        w.s.db.read(|c| async move { identity::merge_plan(&c, "E-Anna", "E-Ana").await }).await.unwrap();
    assert_eq!((plan.into.id.as_str(), steps.len()), (ana.id.as_str(), 1));
    assert_eq!(steps[0].assignment.id, open);

    merge(&w, "E-Anna", "E-Ana").await;
    let both = w.of(&ana).await;
    assert_eq!(both.len(), 2, "one history: {both:?}");
    let mut named = states(&both);
    named.sort_unstable();
    assert_eq!(named, ["completed", "retired"]);
    let retired = both.iter().find(|a| a.id == open).unwrap();
    assert_eq!(retired.end_reason.as_deref(), Some("the same person has it already as E-Anna, and has completed it"));
    assert!(w.s.says("Anna", "training").await.contains("Fire safety"), "the old account is the same person");
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);

    let undone = w.s.db.read(|c| async move { identity::split_plan(&c, "E-Anna").await }).await.unwrap();
    assert_eq!(undone.1.len(), 1, "it says what comes back");
    split(&w, "E-Anna").await;
    assert_eq!(states(&w.of(&ana).await), ["assigned"]);
    assert_eq!(states(&w.of(&second).await), ["completed"]);
    assert_eq!(w.kinds(&open).await, ["assigned", "retired", "reinstated"]);
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);
    // What comes back is nudged again, and can be done.
    w.s.until("2026-12-04T10:00:00Z").await;
    assert!(w.s.news("Ana").contains("Fire safety"));
    w.finish(&ana).await;
}

#[tokio::test]
async fn of_two_open_ones_the_earlier_stands_and_work_on_it_stays_with_it() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.s.until("2026-11-25T09:00:00Z").await;
    let second = w.s.hire("Anna", |_| {}).await;
    w.s.flow.settle().await.unwrap();
    let (early, late) = (w.one(&ana).await, w.one(&second).await);
    assert!(early.due.at < late.due.at);
    merge(&w, "E-Ana", "E-Anna").await;
    let all = w.of(&second).await;
    let state = |id: &str| all.iter().find(|a| a.id == id).unwrap().state.name();
    assert_eq!((state(&early.id), state(&late.id)), ("assigned", "retired"));
    // Nobody gets a third one, however often people are looked at.
    w.change("UPDATE person SET title = $2 WHERE id = $1", &second, Some("Cook")).await;
    assert_eq!(w.of(&second).await.len(), 2);
    // The person who stands does the other row's training: it belongs to that row, also after the split.
    let rows = w.s.db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    assert!(rows.iter().all(|r| r.person == "E-Anna"), "{rows:?}");
    w.s.says("Anna", "training").await;
    let page = w.press("Anna", &format!("training open {}", early.id)).await;
    assert!(page.contains("The alarm"), "{page}");
    split(&w, "E-Ana").await;
    assert_eq!(states(&w.of(&ana).await), ["in_progress"]);
    assert_eq!(states(&w.of(&second).await), ["assigned"]);
}

#[tokio::test]
async fn what_gave_way_does_not_hide_what_stands() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.s.until("2026-11-25T09:00:00Z").await;
    let second = w.s.hire("Anna", |_| {}).await;
    w.s.flow.settle().await.unwrap();
    let early = w.one(&ana).await.id;
    merge(&w, "E-Ana", "E-Anna").await;
    assert_eq!(states(&w.of(&second).await), ["assigned", "retired"], "the newer one gave way");
    let services = &w.services;
    let day = "2026-12-24".parse().unwrap();
    training::extend(&w.s.db, services, "E-Anna", "fire-safety", day, "operator", "more time").await.unwrap();
    let file = "person,requirement,completed_at\nE-Anna,fire-safety,2026-11-24\n";
    let lines = training::import(&w.s.db, services, "done.csv", file.as_bytes(), false).await.unwrap();
    assert_eq!(lines[0].why, "Anna: completed on 2026-11-24");
    let done = w.of(&second).await.into_iter().find(|a| a.id == early).unwrap();
    assert_eq!(done.state.name(), "completed");
    let said = training::extend(&w.s.db, services, "E-Anna", "fire-safety", day, "operator", "x").await.unwrap_err();
    assert!(said.to_string().contains("is completed and stays so"), "{said}");
}

#[tokio::test]
async fn the_roster_merges_a_rehire_and_the_training_follows() {
    let w = world().await;
    let ana = w.s.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&ana).await;
    let options = people::import::Options::default();
    let file = "employee_id,name,email,previous_employee_id\nE77,Ana,ana@example.org,E-Ana\n";
    people::import::import(&w.s.db, &w.services.ledger, file.as_bytes(), &options, "operator").await.unwrap();
    w.s.flow.settle().await.unwrap();
    let now = w.s.db.read(|c| async move { people::find(&c, "E-Ana").await }).await.unwrap();
    assert_eq!(now.employee_id, "E77");
    assert_eq!(states(&w.of(&now).await), ["completed"], "what was completed counts");
    assert!(w.s.says("Ana", "mydata export").await.contains("\"kind\":\"earlier\""));
}

#[tokio::test]
async fn the_learning_team_sees_who_cannot_be_reached_and_nobody_else_does() {
    let w = world().await;
    let boss = &w.s.hire("Lea", |_| {}).await;
    let ana = &w.s.hire("Ana", |_| {}).await;
    let ledger = &w.services.ledger;
    w.s.db
        .write(|tx| async move {
            people::grant(&tx, ledger, boss, Role::Learning, "operator", "a test").await?;
            people::unlink_account(&tx, ("test", "", "Ana"), "operator", "a test").await
        })
        .await
        .unwrap();
    w.apply(REQUIREMENT).await;
    let list = w.s.says("Lea", "training").await;
    assert!(list.contains("One person cannot be reached by any message."), "{list}");
    let who = w.s.says("Lea", "training unreachable").await;
    assert!(who.contains("**Ana**, since today: the person has no place where Stoa can write."), "{who}");
    assert!(who.contains("connect a chat account"), "{who}");
    w.s.hire("Ben", |_| {}).await;
    assert!(w.s.says("Ben", "training unreachable").await.contains("Only the learning team can see this."));
    w.s.db
        .write(|tx| async move { people::link_account(&tx, &ana.id, ("test", "", "Ana"), "operator", "back").await })
        .await
        .unwrap();
    w.s.flow.settle().await.unwrap();
    assert!(w.s.news("Ana").contains("New for you: **Fire safety**"));
    assert!(w.s.says("Lea", "training unreachable").await.contains("Everybody can be reached."));
}
