//! Mandatory training as people meet it: from the assignment to the attestation, reminders, managers, leave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod authoring;
mod courses;
mod cycles;
mod elsewhere;
mod joined;
mod learner;
mod manager;
mod requests;
mod rules;
mod sign;
mod trainer;

use std::path::Path;
use std::sync::Arc;

use stoa_flow::Organisation;
use stoa_flow::testing::{Stage, direct, organisation};
use stoa_ground::people::{self, Person, Role, Status};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Error, Instant, args};
use stoa_learning::search::Index;
use stoa_learning::training::assignment::{self, Assignment};
use stoa_learning::training::{self, Filter, course};
use stoa_learning::{Services, ledger, parts};

const COURSE: &str = r#"
id = "fire"
title = "Fire safety"
pass_mark = 0.5
attempts = 2
attestation = "I have read Fire safety and will leave the house when it burns."

[[question]]
prompt = "It burns. What first?"
options = ["Finish the mail", "Leave"]
answer = 1
why = "Mails can wait."

[[question]]
prompt = "Which way?"
options = ["The stairs", "The lift"]
answer = 0
why = "Lifts stop."
"#;

const REQUIREMENT: &str = r#"
[[requirement]]
id = "fire-safety"
title = "Fire safety"
course = "fire"
audience = "everyone"
due = { days = 14, from = "assigned" }
"#;

struct World {
    s: Stage,
    services: Arc<Services>,
    courses: tempfile::TempDir,
}

fn write_course(dir: &Path, toml: &str) {
    let id = toml.split('"').nth(1).unwrap();
    let folder = dir.join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("course.toml"), toml).unwrap();
    std::fs::write(folder.join("01-alarm.md"), "# The alarm\n\nWhen it rings, **go**.").unwrap();
    std::fs::write(folder.join("02-stairs.md"), "# The stairs\n\nUse the stairs.").unwrap();
}

async fn world() -> World {
    world_with(training::requests::Settings::default()).await
}

fn services(training: training::requests::Settings, organisation: Organisation) -> Arc<Services> {
    Arc::new(Services {
        ledger: ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        training,
        index: Index::in_memory().unwrap(),
        asking: Default::default(),
        mail: true,
        sign_in: None,
        organisation,
    })
}

async fn world_with(training: training::requests::Settings) -> World {
    world_of(services(training, organisation())).await
}

async fn world_of(services: Arc<Services>) -> World {
    let s = Stage::new(|_| parts(&services)).await;
    let courses = tempfile::tempdir().unwrap();
    write_course(courses.path(), COURSE);
    course::apply_dir(&s.db, &services, courses.path()).await.unwrap();
    World { s, services, courses }
}

impl World {
    async fn apply(&self, text: &str) -> training::Plan {
        let plan = training::apply(&self.s.db, &self.services, "requirements.toml", text, false).await.unwrap();
        self.s.flow.settle().await.unwrap();
        plan
    }

    async fn grant(&self, person: &Person, role: Role) {
        let services = &self.services;
        self.s
            .db
            .write(|tx| async move { people::grant(&tx, &services.ledger, person, role, "operator", "test").await })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    async fn revoke(&self, person: &Person, role: Role) {
        let services = &self.services;
        self.s
            .db
            .write(|tx| async move { people::revoke(&tx, &services.ledger, person, role, "operator", "test").await })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    /// The requests, all of them, the oldest first.
    async fn requests(&self) -> Vec<training::requests::Row> {
        self.s.db.read(|c| async move { training::requests::rows(&c, true).await }).await.unwrap()
    }

    /// The kinds of a request's records.
    async fn steps(&self, id: &str) -> String {
        let subject = format!("request/{id}");
        let sql = "SELECT kind FROM ledger_record WHERE subject = $1 ORDER BY version";
        let rows = self.s.db.all(sql, args![subject]).await.unwrap();
        rows.iter().map(|r| r.get::<String>("kind").unwrap()).collect::<Vec<_>>().join(" ")
    }

    async fn of(&self, person: &Person) -> Vec<Assignment> {
        self.s.db.read(|c| async move { assignment::of_person(&c, &person.id).await }).await.unwrap()
    }

    async fn one(&self, person: &Person) -> Assignment {
        let mut all = self.of(person).await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// What the newest message to a person says now.
    fn last(&self, user: &str) -> String {
        self.s.to(user).last().map(|p| p.message.plain()).unwrap_or_default()
    }

    async fn press(&self, user: &str, command: &str) -> String {
        self.s.presses(user, command).await;
        self.last(user)
    }

    /// Reads, answers and signs as a person who knows.
    async fn finish(&self, person: &Person) {
        let id = self.one(person).await.id;
        let name = person.name.as_str();
        self.s.says(name, "training").await;
        self.press(name, &format!("training open {id}")).await;
        self.press(name, &format!("training page {id} 2")).await;
        self.press(name, &format!("training quiz {id}")).await;
        self.press(name, &format!("training answer {id} 1 0 1")).await;
        self.press(name, &format!("training answer {id} 1 1 0")).await;
        let done = self.s.fills(name, &format!("training attest {id}"), &[("name", name)]).await;
        assert!(done.contains("completed on"), "{done}");
    }

    async fn change(&self, sql: &'static str, person: &Person, value: Option<&str>) {
        self.s
            .db
            .write(|tx| async move {
                tx.exec(sql, args![&person.id, value]).await?;
                tx.publish(people::TOPIC, &person.id).await
            })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    async fn verbs(&self) -> Vec<String> {
        let rows = self.s.db.all("SELECT verb FROM statement ORDER BY position", args![]).await.unwrap();
        rows.iter().map(|r| r.get::<String>("verb").unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    }

    async fn kinds(&self, id: &str) -> Vec<String> {
        let subject = format!("assignment/{id}");
        let rows = self
            .s
            .db
            .all("SELECT kind FROM ledger_record WHERE subject = $1 ORDER BY version", args![subject])
            .await
            .unwrap();
        rows.iter().map(|r| r.get("kind").unwrap()).collect()
    }

    async fn tables(&self) -> String {
        let mut text = String::new();
        for sql in [
            "SELECT id || state || due || due_date || COALESCE(course_version, '-') || COALESCE(CAST(score AS TEXT), '-') || COALESCE(expires_date, '-') || COALESCE(renews, '-') || cycle || '/' || since || '/' || changed || '/' || version AS t FROM assignment ORDER BY id",
            "SELECT id || definition || version AS t FROM requirement ORDER BY id",
            "SELECT id || version || published || COALESCE(particulars, '-') AS t FROM course ORDER BY id",
            "SELECT id || state || reason || COALESCE(approver, '-') || tried || round || reminders || since || COALESCE(decision, '-')
               || COALESCE(decider, '-') || COALESCE(definition, '-') || COALESCE(statement, '-') || version AS t
             FROM training_request ORDER BY id",
            "SELECT id || person || COALESCE(trainer, '-') || asked_of || due || COALESCE(answered, 0) AS t FROM trainer_question ORDER BY id",
            "SELECT statement || course || state || why AS t FROM completion_statement ORDER BY statement",
        ] {
            for row in self.s.db.all(sql, args![]).await.unwrap() {
                text.push_str(&row.get::<String>("t").unwrap());
                text.push('\n');
            }
        }
        text
    }
}
