//! Answers that people wrote: they come first when they surely match, for whoever may read them, and are looked at again.

use stoa_flow::chat::Event;
use stoa_flow::testing::direct;
use stoa_ground::people::Role;
use stoa_learning::answers::curated;

use super::{Office, id_of, without_ids};

const FILE: &str = r#"
[[answer]]
questions = ["How do I reset the password of my laptop?", "laptop password forgotten"]
text = "Call the service desk at 4711. They reset it while you wait."
readers = ["everyone"]
owner = "E-Bea"
review_date = "2026-12-01"

[[answer]]
questions = ["How large is the secret bonus pool for the Kestrel project?"]
text = "40,000 euros."
readers = ["group:Finance"]
owner = "E-Ana"
review_date = "2027-12-01"
"#;

async fn apply(o: &Office, text: &str) -> curated::Imported {
    let entries = curated::read("answers.toml", text).unwrap();
    let done = curated::apply(&o.db, &entries).await.unwrap();
    o.services.index.catch_up(&o.db).await.unwrap();
    done
}

#[tokio::test]
async fn an_approved_answer_comes_first_for_its_question_and_for_those_like_it() {
    let o = Office::open().await;
    o.hire_all().await;
    assert_eq!(apply(&o, FILE).await.added, 2);
    assert_eq!(apply(&o, FILE).await.unchanged, 2);
    let answer = o.says("Ana", "how can I reset my laptop's password").await;
    insta::assert_snapshot!(without_ids(&answer), @r#"
    > Call the service desk at 4711. They reset it while you wait.
    — How do I reset the password of my laptop? (an approved answer)
    [Helpful: ask helpful ID]
    [Not helpful: ask missing ID]
    [Save: ask save ID]
    "#);
    let alike = o.says("Ana", "I have forgotten my laptop password, please help").await;
    assert!(alike.contains("service desk at 4711"), "{alike}");
    let other = o.says("Ana", "How do I reset the password of the coffee machine in the lobby?").await;
    assert!(!other.contains("(an approved answer)") || other.starts_with("I don’t know"), "{other}");
    // Who may not read it gets what there would be without it.
    let question = "How large is the secret bonus pool for the Kestrel project?";
    assert!(o.says("Ana", question).await.contains("> 40,000 euros."));
    let bea = o.says("Bea", question).await;
    assert!(bea.starts_with("I don’t know.") && !bea.contains("40,000"), "{bea}");
    // Due for review, it says so.
    o.until("2026-12-02T12:00:00Z").await;
    let due = o.says("Ana", "how can I reset my laptop's password").await;
    assert!(due.contains("This answer is due for review"), "{due}");
}

#[tokio::test]
async fn answers_that_somebody_may_not_read_do_not_stand_before_the_one_that_they_may() {
    let o = Office::open().await;
    o.hire_all().await;
    apply(&o, FILE).await;
    // The same question, answered for others seven times since.
    for n in 0..7 {
        o.until(&format!("2026-11-24T09:0{n}:00Z")).await;
        let curated = &curated::Curated {
            id: o.db.clock().id().to_string(),
            patterns: vec!["How do I reset the password of my laptop?".into()],
            text: format!("Ask board office {n}."),
            readers: vec!["group:Board".into()],
            language: None,
            author: "operator".into(),
            owner: None,
            review_date: None,
            state: curated::State::Approved,
            document: None,
            created: o.db.clock().now(),
            approved: Some(o.db.clock().now()),
        };
        o.db.write(|tx| async move { curated::save(&tx, curated.clone()).await }).await.unwrap();
    }
    let answer = o.says("Ana", "How do I reset the password of my laptop?").await;
    assert!(answer.contains("service desk at 4711") && answer.contains("(an approved answer)"), "{answer}");
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_says_where_it_is() {
    let o = Office::open().await;
    o.hire_all().await;
    let wrong = FILE.replace("E-Ana", "E-Nobody");
    let entries = curated::read("answers.toml", &wrong).unwrap();
    let error = curated::apply(&o.db, &entries).await.unwrap_err().to_string();
    assert!(error.contains("answer 2") && error.contains("E-Nobody"), "{error}");
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM curated").await, 0);
    let line = curated::read("answers.toml", "[[answer]]\nquestion = 3\n").unwrap_err().to_string();
    assert!(line.starts_with("answers.toml line"), "{line}");
    let date = curated::read("answers.toml", &FILE.replace("2027-12-01", "soon")).unwrap_err().to_string();
    assert!(date.contains("answer 2: review_date 'soon'"), "{date}");
}

#[tokio::test]
async fn experts_and_the_learning_team_write_answers_in_chat_and_others_do_not() {
    let o = Office::open().await;
    o.hire_all().await;
    let lea = o.hire("Lea", |_| {}).await;
    o.grant(&lea, Role::Learning).await;
    o.event("Ana", direct("Ana"), Event::Action { command: "ask curate".into(), message: None }).await;
    assert!(o.news("Ana").contains("Only the learning team and experts can do this"));
    let values = [("questions", "Where is the sauna?\nIs there a sauna?"), ("text", "In the cellar."), ("review", "")];
    let saved = o.fills("Lea", "ask curate", &values).await;
    assert!(saved.contains("Saved."), "{saved}");
    o.services.index.catch_up(&o.db).await.unwrap();
    assert!(o.says("Ana", "where's the sauna?").await.contains("> In the cellar."));
    let listed = o.says("Lea", "ask curated").await;
    assert!(listed.contains("**Where is the sauna?**\ngood until Sun, 23 May 2027"), "{listed}");
    let id = id_of(&listed, "ask edit");
    let values = [("questions", "Where is the sauna?"), ("text", "On the [roof](http://x)."), ("review", "2027-01-31")];
    o.fills("Lea", &format!("ask edit {id}"), &values).await;
    o.services.index.catch_up(&o.db).await.unwrap();
    let now = o.says("Ana", "where's the sauna?").await;
    assert!(now.contains("> On the \\[roof\\]\\(http://x\\)") || now.contains("> On the `[roof](http://x).`"), "{now}");
    let before = o.to("Ana").into_iter().find(|p| p.message.plain().contains("What I had quoted here"));
    assert!(before.is_some(), "the answer that was posted says that it changed");
    o.says("Lea", &format!("ask retire {id}")).await;
    o.services.index.catch_up(&o.db).await.unwrap();
    assert!(o.says("Ana", "where's the sauna?").await.starts_with("I don’t know."));
    let none = o.says("Ana", &format!("ask approve {id}")).await;
    assert!(none.contains("Only the learning team and experts can do this"), "{none}");
}
