//! What things cost, counted in statements of SQL: the same on every machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::fmt::Write as _;
use std::sync::Arc;

use stoa_flow::testing::{Stage, organisation};
use stoa_ground::people::Person;
use stoa_ground::xapi::Emitter;
use stoa_ground::{Instant, args};

use super::team::Lookup;
use super::{apply, course, evaluate};
use crate::search::Index;
use crate::{Services, parts};

struct World {
    s: Stage,
    services: Arc<Services>,
}

/// Ten requirements are in force, and nobody is here.
async fn world() -> World {
    let services = Arc::new(Services {
        ledger: crate::ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        training: Default::default(),
        index: Index::in_memory().unwrap(),
        asking: Default::default(),
        mail: false,
        sign_in: None,
        organisation: organisation(),
    });
    let s = Stage::new(|_| parts(&services)).await;
    let courses = tempfile::tempdir().unwrap();
    let folder = courses.path().join("fire");
    std::fs::create_dir_all(&folder).unwrap();
    let text = "id = \"fire\"\ntitle = \"Fire safety\"\n[[trainer]]\ngroup = \"Port\"\nqualification = \"x\"\n";
    std::fs::write(folder.join("course.toml"), text).unwrap();
    std::fs::write(folder.join("01-alarm.md"), "# The alarm\n\nGo.").unwrap();
    course::apply_dir(&s.db, &services, courses.path()).await.unwrap();
    let mut text = String::new();
    for n in 0..10 {
        write!(
            text,
            "[[requirement]]\nid = \"fire-{n}\"\ntitle = \"Fire {n}\"\ncourse = \"fire\"\naudience = \"everyone\"\n\
             due = {{ days = 14 }}\n"
        )
        .unwrap();
    }
    apply(&s.db, &services, "r.toml", &text, false).await.unwrap();
    World { s, services }
}

impl World {
    /// Somebody who is not looked at yet.
    async fn hire(&self, name: &str, change: impl Fn(&mut Person) + Send + Sync) -> Person {
        stoa_ground::testing::hire(&self.s.db, name, change).await
    }

    /// How many statements it takes to look at a person.
    async fn look(&self, person: &Person) -> u64 {
        let (id, services) = (&person.id, &self.services);
        self.s
            .db
            .write(|tx| async move {
                evaluate::person(&tx, services, id).await?;
                Ok(tx.statements())
            })
            .await
            .unwrap()
    }

    /// How many statements it takes to find out what a manager must hear about, and how much that is.
    async fn digest(&self, manager: &Person) -> (u64, usize) {
        let services = &self.services;
        self.s
            .db
            .read(|c| async move {
                let (items, others) = Lookup::new(&c, services).items_for(manager).await?;
                Ok((c.statements(), items.len() + others.len()))
            })
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn what_somebody_new_must_do_is_written_at_once_and_a_second_look_writes_nothing() {
    let w = world().await;
    let ana = w.hire("Ana", |p| p.hire_date = "2027-01-04".parse().ok()).await;
    let waits = w.look(&ana).await;
    w.s.db.clock().set(Instant::parse("2027-01-04T09:00:00Z").unwrap()).unwrap();
    let first = w.look(&ana).await;
    let again = w.look(&ana).await;
    let count = w.s.db.opt("SELECT COUNT(*) AS n FROM assignment", args![]).await.unwrap().unwrap();
    assert_eq!(count.get::<i64>("n").unwrap(), 10);
    assert!(first <= 40, "{first} statements for ten assignments with their messages, jobs and xAPI statements");
    assert!(waits <= 12 && again <= 12, "{waits} and {again} statements where nothing changes");
}

#[tokio::test]
async fn a_managers_digest_costs_what_the_own_team_costs() {
    let w = world().await;
    let max = w.hire("Max", |_| {}).await;
    w.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    let eve = w.hire("Eve", |_| {}).await;
    w.s.flow.settle().await.unwrap();
    w.s.db
        .write(|tx| async move {
            tx.exec(
                "UPDATE assignment SET state = 'completed' WHERE person <> (SELECT id FROM person WHERE name = 'Ana')",
                args![],
            )
            .await
        })
        .await
        .unwrap();
    w.s.until("2027-01-04T09:30:00Z").await;
    let (alone, items) = w.digest(&max).await;
    assert_eq!(items, 10);
    for n in 0..20 {
        w.hire(&format!("P{n}"), |p| p.manager = Some(eve.id.clone())).await;
    }
    w.s.flow.settle().await.unwrap();
    w.s.until("2027-02-01T09:30:00Z").await;
    assert_eq!(w.digest(&max).await, (alone, 10), "two hundred more are overdue elsewhere");
}
