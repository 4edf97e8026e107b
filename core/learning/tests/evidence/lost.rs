//! A store in which somebody changed or took away something: no pack is made of it that says less than the records do, or
//! that nobody could verify.

use stoa_ground::args;
use stoa_ground::db::Engine;
use stoa_learning::evidence::{contents, retention};

use super::*;

impl World {
    /// Changes the store below Stoa. `guard`: the trigger and its table that somebody who owns the store takes away before.
    async fn below(&self, guard: Option<(&'static str, &'static str)>, sql: &'static str) {
        self.s
            .db
            .write(|tx| async move {
                if let Some((trigger, table)) = guard {
                    let of = if tx.engine() == Engine::Postgres { format!(" ON {table}") } else { String::new() };
                    tx.exec(sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}{of}")), args![]).await?;
                }
                assert!(tx.exec(sql, args![]).await? > 0, "{sql}");
                Ok(())
            })
            .await
            .unwrap();
    }

    /// Why no pack is made; nothing where one is.
    async fn refused(&self, name: &str, scope: &Scope) -> String {
        let to = self.dir.path().join(name);
        match self.export(scope, None, &to).await {
            Ok(_) => String::new(),
            Err(e) => {
                assert!(!to.exists(), "nothing is left of it");
                e.to_string()
            }
        }
    }
}

fn of(requirement: Option<&str>, person: Option<&str>) -> Scope {
    Scope { requirement: requirement.map(str::to_owned), person: person.map(str::to_owned), ..Scope::default() }
}

/// As [`world`]; Cleo has begun the course, there is another requirement, and a hold.
async fn busy() -> World {
    let w = world().await;
    let other = REQUIREMENT.replace("fire-safety", "paper");
    training::apply(&w.s.db, &w.services, "paper.toml", &other, false).await.unwrap();
    let services = &w.services;
    let hold = |tx| async move { retention::hold(&tx, services, "all", "operator", "a lawsuit").await };
    w.s.db.write(hold).await.unwrap();
    w.s.says("Cleo", "training").await;
    let id = w.assigned("Cleo", "fire-safety").await.replace("assignment/", "");
    w.s.presses("Cleo", &format!("training open {id}")).await;
    check_point(&w.s.db, &w.services, &w.log).await.unwrap();
    w
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pack_is_made_where_values_are_gone_that_nobody_erased() {
    for subject in ["assignment/", "course/", "requirement/"] {
        let w = busy().await;
        assert_eq!(w.refused("before", &of(None, None)).await, "");
        let sql = match subject {
            "assignment/" => {
                "UPDATE ledger_value SET body = NULL, erased = 1 WHERE record IN
                 (SELECT id FROM ledger_record WHERE subject LIKE 'assignment/%')"
            }
            "course/" => {
                "UPDATE ledger_value SET body = NULL, erased = 1 WHERE record IN
                 (SELECT id FROM ledger_record WHERE subject LIKE 'course/%')"
            }
            _ => {
                "UPDATE ledger_value SET body = NULL, erased = 1 WHERE record IN
                 (SELECT id FROM ledger_record WHERE subject LIKE 'requirement/%')"
            }
        };
        w.below(None, sql).await;
        // A requirement whose record says nothing is not understood before that is seen.
        for scope in [of(None, None), of(Some("fire-safety"), None), of(None, Some("Cleo"))] {
            let why = w.refused("after", &scope).await;
            let seen = why.contains("no record of an erasure names it") && why.contains(subject);
            assert!(seen || (subject == "requirement/" && !why.is_empty()), "{subject}: {why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pack_is_made_where_a_course_is_not_kept_as_it_was_shown() {
    let change = ("course_version_no_update", "course_version");
    let delete = ("course_version_no_delete", "course_version");
    for (guard, sql, says) in [
        (change, "UPDATE course_version SET content = replace(content, 'When it rings', 'If it rings')", "was changed"),
        (delete, "DELETE FROM course_version", "is gone from the store"),
    ] {
        let w = busy().await;
        let sound = || async { w.s.db.read(|c| async move { contents::sound(&c).await }).await };
        sound().await.unwrap();
        w.below(Some(guard), sql).await;
        let why = w.refused("pack", &of(None, None)).await;
        assert!(why.contains("the content ") && why.contains(says), "{why}");
        let why = sound().await.unwrap_err().to_string();
        assert!(why.contains("the content ") && why.contains(says), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pack_is_made_where_an_assignment_is_lost_that_the_records_know() {
    let w = busy().await;
    let lost = "DELETE FROM assignment WHERE requirement = 'fire-safety' AND person IN
                (SELECT id FROM person WHERE name = 'Cleo')";
    w.below(None, lost).await;
    for scope in [of(None, None), of(Some("fire-safety"), None), of(None, Some("Cleo"))] {
        let why = w.refused("pack", &scope).await;
        assert!(why.contains("of fire-safety, and the table of assignments has lost it"), "{scope:?}: {why}");
    }
    // It is missing in no pack about something else, or from before.
    assert_eq!(w.refused("paper", &of(Some("paper"), None)).await, "");
    assert_eq!(w.refused("ana", &of(None, Some("Ana"))).await, "");
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.refused("rebuilt", &of(None, None)).await, "", "the records have it");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pack_is_made_where_the_table_says_of_an_assignment_what_its_records_do_not() {
    let everywhere = [of(None, None), of(Some("fire-safety"), None), of(None, Some("Cleo"))];
    for sql in [
        "UPDATE assignment SET completed = 1, state = 'completed' WHERE requirement = 'fire-safety' AND person IN
         (SELECT id FROM person WHERE name = 'Cleo')",
        // As if it were another one's, or of another requirement.
        "UPDATE assignment SET person = 'x' WHERE requirement = 'fire-safety' AND person IN
         (SELECT id FROM person WHERE name = 'Cleo')",
        "UPDATE assignment SET requirement = 'other' WHERE requirement = 'fire-safety' AND person IN
         (SELECT id FROM person WHERE name = 'Cleo')",
    ] {
        let w = busy().await;
        let id = w.assigned("Cleo", "fire-safety").await.replace("assignment/", "");
        w.below(None, sql).await;
        for scope in &everywhere {
            let why = w.refused("pack", scope).await;
            let says = format!("the table of assignments does not say of {id} what the ledger's records say");
            assert!(why.contains(&says), "{sql}: {scope:?}: {why}");
        }
        assert_eq!(w.refused("ana", &of(None, Some("Ana"))).await, "", "{sql}");
        w.services.ledger.rebuild(&w.s.db).await.unwrap();
        assert_eq!(w.refused("rebuilt", &of(None, None)).await, "", "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pack_is_made_where_a_record_is_gone_that_is_in_the_log() {
    for (guard, sql, says) in [
        (
            ("ledger_record_no_delete", "ledger_record"),
            "DELETE FROM ledger_record WHERE id = (SELECT record FROM log_leaf ORDER BY leaf DESC LIMIT 1)",
            "which came into the log, is gone",
        ),
        (
            ("log_leaf_no_delete", "log_leaf"),
            "DELETE FROM log_leaf WHERE leaf = (SELECT MAX(leaf) FROM log_leaf)",
            "and the store knows the records of",
        ),
    ] {
        let w = busy().await;
        w.below(Some(guard), sql).await;
        for scope in [of(None, None), of(Some("paper"), None), of(None, Some("Ana"))] {
            let why = w.refused("pack", &scope).await;
            assert!(why.contains(says) && why.contains("taken away"), "{scope:?}: {why}");
        }
    }
}
