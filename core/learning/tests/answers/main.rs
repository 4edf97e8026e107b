//! Questions as people ask them in chat: cited answers, an honest "I don't know", and nothing that leaks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod curated;
mod external;
mod feedback;
mod help;
mod leaks;
mod model;
mod places;
mod speaking;
mod unknown;

use std::sync::Arc;

use stoa_flow::chat::{Event, Opened, Place};
use stoa_flow::testing::{Posted, Stage, account, channel, direct, without_ids};
use stoa_ground::args;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::xapi::Emitter;
use stoa_learning::answers::Asking;
use stoa_learning::library::{self, Item, Section};
use stoa_learning::search::Index;
use stoa_learning::{Services, ledger, parts};

struct Office {
    stage: Stage,
    services: Arc<Services>,
}

impl std::ops::Deref for Office {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Office {
    async fn open() -> Self {
        Self::open_with(Asking::default()).await
    }

    async fn open_with(asking: Asking) -> Self {
        let services = Arc::new(Services {
            ledger: ledger(),
            emitter: Emitter::new("https://learn.example.org").unwrap(),
            training: Default::default(),
            organisation: stoa_flow::testing::organisation(),
            index: Index::in_memory().unwrap(),
            asking,
            mail: false,
            sign_in: None,
        });
        let stage = Stage::new(|_| parts(&services)).await;
        let office = Self { stage, services };
        for (location, title, heading, text, readers) in PAGES {
            office.put(location, title, heading, text, &[readers]).await;
        }
        office
    }

    async fn put(&self, location: &str, title: &str, heading: &str, text: &str, readers: &[&str]) {
        let item = &Item {
            source: "handbook".into(),
            location: location.into(),
            title: title.into(),
            readers: readers.iter().map(|r| (*r).to_owned()).collect(),
            verified: true,
            sections: vec![Section { headings: vec![heading.into()], anchor: None, text: text.into() }],
            ..Item::default()
        };
        self.db.write(|tx| async move { library::put(&tx, item).await }).await.unwrap();
        self.services.index.catch_up(&self.db).await.unwrap();
    }

    async fn hire_all(&self) {
        self.hire("Ana", |p| p.department = Some("Finance".into())).await;
        self.hire("Bea", |p| p.department = Some("Sales".into())).await;
        self.says("Ana", "help").await;
        self.says("Bea", "help").await;
    }

    async fn grant(&self, person: &Person, role: Role) {
        let ledger = &self.services.ledger;
        self.db
            .write(|tx| async move { people::grant(&tx, ledger, person, role, "test", "test").await })
            .await
            .unwrap();
    }

    /// Somebody says something in a channel; gives what the bot said there since.
    async fn in_channel(&self, user: &str, place: &Place, text: &str, to_bot: bool) -> Vec<Posted> {
        let before = self.messages_in(place).len();
        let id = format!("c-{user}-{before}-{}", text.len());
        self.event(user, place.clone(), Event::Message { id, text: text.into(), to_bot }).await;
        self.messages_in(place).split_off(before)
    }

    /// The newest message of the bot to a person.
    fn last(&self, user: &str) -> String {
        self.to(user).last().map(|p| p.message.plain()).unwrap_or_default()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.db.opt(sql, args![]).await.unwrap().unwrap().get("n").unwrap()
    }
}

/// The id behind a button's word: `id_of(text, "ask save")`.
fn id_of(text: &str, word: &str) -> String {
    let rest = text.split(&format!("{word} ")).nth(1).unwrap_or_else(|| panic!("no button '{word}' in {text}"));
    rest.split([']', ' ']).next().unwrap_or_default().to_owned()
}

const PAGES: [(&str, &str, &str, &str, &str); 5] = [
    (
        "travel/expenses.md",
        "Travel expenses",
        "Claiming expenses",
        "To claim expenses after a trip:\n\n1. Photograph every receipt.\n2. Open the expense form in HR Links.\n3. Send it within 14 days.\n\nThe money arrives with your next salary.",
        "everyone",
    ),
    (
        "https://intranet.example.org/vpn",
        "Remote access (VPN)",
        "Connecting",
        "Start the Harbour client, choose the nearest gateway and sign in with your badge number.",
        "everyone",
    ),
    (
        "leave/sick.md",
        "Sick leave",
        "First day",
        "Tell your supervisor before 10 o'clock on the first day of sick leave. A doctor's note is needed from the third day on.",
        "everyone",
    ),
    (
        "finance/bonus.md",
        "Bonus round",
        "Amounts",
        "The secret bonus pool for the Kestrel project is 40,000 euros and is paid out in March.",
        "group:Finance",
    ),
    ("people/mentors.md", "Mentors", "", "Every newcomer gets a mentor for the first three months.", "everyone"),
];

#[tokio::test]
async fn what_is_quoted_keeps_the_links_of_a_checked_page_as_it_stands() {
    let o = Office::open().await;
    o.hire_all().await;
    let form = |at: &str| {
        format!("The parking form is [on the intranet](https://intranet.example.org/{at}), not [here](../old.md).")
    };
    o.put("office/form.md", "Parking form", "Where it is", &form("a"), &["everyone"]).await;
    let answer = o.says("Ana", "Where is the parking form?").await;
    assert!(answer.contains("is [on the intranet](<https://intranet.example.org/a>), not here."), "{answer}");
    o.put("office/form.md", "Parking form", "Where it is", &form("b"), &["everyone"]).await;
    let answer = o.says("Ana", "Where is the parking form?").await;
    assert!(answer.contains("is [on the intranet](<https://intranet.example.org/b>), not here."), "{answer}");
}

#[tokio::test]
async fn a_question_gets_the_steps_of_the_page_with_its_source_and_thanks_for_feedback() {
    let o = Office::open().await;
    o.hire_all().await;
    let answer = o.says("Ana", "How do I claim expenses after a trip?").await;
    let id = answer.split("ask helpful ").nth(1).and_then(|s| s.split(']').next()).unwrap_or_default().to_owned();
    insta::assert_snapshot!(answer.replace(&id, "ID"), @r#"
    > To claim expenses after a trip:
    > 
    > 1. Photograph every receipt.
    > 2. Open the expense form in HR Links.
    > 3. Send it within 14 days.
    — Travel expenses › Claiming expenses (handbook: travel/expenses.md); it goes on there
    [Helpful: ask helpful ID]
    [Not helpful: ask missing ID]
    [Save: ask save ID]
    "#);
    let link = o.says("Ana", "How do I connect to the VPN gateway?").await;
    assert!(link.contains("(<https://intranet.example.org/vpn>) (handbook)"), "{link}");

    o.presses("Ana", &format!("ask helpful {id}")).await;
    let shown = o.to("Ana").into_iter().find(|p| p.message.plain().contains("Photograph")).unwrap();
    assert!(shown.message.plain().contains("Thank you, good to know.\n[Save: "), "{}", shown.message.plain());
    o.presses("Ana", &format!("ask helpful {id}")).await;
    let voted = "SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%voted-up%'";
    assert_eq!(o.count(voted).await, 1, "pressing twice counts once");
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%verbs/asked%'").await, 2);
    assert_eq!(
        o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%expenses%'").await,
        0,
        "no question's text is in a statement"
    );
}

#[tokio::test]
async fn an_unhelpful_answer_asks_what_was_missing_and_becomes_a_gap() {
    let o = Office::open().await;
    o.hire_all().await;
    let answer = o.says("Ana", "How do I claim expenses after a trip?").await;
    let id = answer.split("ask missing ").nth(1).and_then(|s| s.split(']').next()).unwrap().to_owned();
    o.fills("Ana", &format!("ask missing {id}"), &[("missing", "Which form for a taxi?")]).await;
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM gap").await, 1);
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM answer_vote WHERE missing = 'Which form for a taxi?'").await, 1);
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%taxi%'").await, 0);
    let other = o.says("Bea", &format!("ask helpful {id}")).await;
    assert!(other.contains("I no longer have that question"), "{other}");
}

#[tokio::test]
async fn what_nobody_wrote_down_is_not_known_and_counted_as_a_gap_without_a_name() {
    let o = Office::open().await;
    o.hire_all().await;
    let answer = o.says("Ana", "How do I order a parking permit for a zeppelin?").await;
    assert!(answer.starts_with("I don’t know. I found nothing here that answers this."), "{answer}");
    assert!(answer.contains("I noted your question, without your name"), "{answer}");
    o.says("Bea", "how can i order parking permits for zeppelins").await;
    assert_eq!(o.count("SELECT count AS n FROM gap").await, 2, "the same gap, asked twice");
    let nothing = ["???", "🙂", "ask", "ask ?!", "", "  \n", "@Stoa", "ask <@U0BOT>"].map(|said| (said, "for example"));
    for (said, kind) in nothing.into_iter().chain([("hello", "Hello!")]) {
        let hint = o.says("Ana", said).await;
        assert!(hint.contains(kind), "{said}: {hint}");
    }
    let long = o.says("Ana", &"how do I ".repeat(200)).await;
    assert!(long.starts_with("That is a lot at once."), "{long}");
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM gap").await, 1);
}

#[tokio::test]
async fn a_private_page_answers_only_those_who_may_read_it_and_never_in_a_channel() {
    let o = Office::open().await;
    o.hire_all().await;
    let question = "How much is the secret bonus pool for the Kestrel project?";
    let told = o.says("Ana", question).await;
    assert!(told.contains("40,000 euros"), "{told}");
    let refused = o.says("Bea", question).await;
    assert!(refused.starts_with("I don’t know."), "{refused}");
    assert!(!refused.contains("Bonus") && !refused.contains("finance/"), "{refused}");
    let stranger = o.says("Stranger", question).await;
    assert!(stranger.contains("I looked only at pages that are open to everyone") && !stranger.contains("Bonus"));

    let general = channel("general");
    let ask = |user: &'static str, text: &'static str, id: &'static str| {
        let event = Event::Message { id: id.into(), text: text.into(), to_bot: true };
        o.event(user, general.clone(), event)
    };
    ask("Ana", question, "c1").await;
    ask("Bea", question, "c2").await;
    let said: Vec<_> = o.messages_in(&general);
    let bodies: Vec<String> =
        said.iter().map(|p| p.message.plain().split("ask private").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1], "an answer in a channel does not tell what the asker may read");
    assert!(!bodies[0].contains("Bonus"), "{}", bodies[0]);
    assert!(said.iter().all(|p| p.only.is_none()));

    // The button shows the rest to the one who presses it, as far as this person may read it.
    let plain = said[0].message.plain();
    let private = plain.split("[See privately: ").nth(1).unwrap().split(']').next().unwrap().to_owned();
    let press = |user: &'static str| {
        let event = Event::Action { command: private.clone(), message: Some(said[0].id.clone()) };
        o.event(user, general.clone(), event)
    };
    press("Ana").await;
    press("Bea").await;
    let all = o.messages_in(&general);
    assert_eq!(all[2].only, Some(account("Ana")));
    assert!(all[2].message.plain().contains("40,000 euros"));
    assert_eq!(all[3].only, Some(account("Bea")));
    assert!(!all[3].message.plain().contains("40,000"));
    // Elsewhere the number of the question opens nothing.
    let elsewhere = o.says("Bea", &private).await;
    assert!(elsewhere.contains("I no longer have that question"), "{elsewhere}");
    // A slash command was seen by nobody else, so its answer is for nobody else either.
    o.event("Ana", general.clone(), Event::Command { word: "ask".into(), args: question.into() }).await;
    let last = o.messages_in(&general).pop().unwrap();
    assert_eq!(last.only, Some(account("Ana")));
    assert!(last.message.plain().contains("40,000 euros"));
}

#[tokio::test]
async fn a_page_that_was_closed_or_changed_after_the_search_is_not_shown() {
    let o = Office::open().await;
    o.hire_all().await;
    // The store knows already, the index does not yet.
    let nobody = &Vec::new();
    o.db.write(|tx| async move { library::set_readers(&tx, "handbook", "leave/sick.md", nobody).await }).await.unwrap();
    let answer = o.says("Ana", "When do I need a doctor's note for sick leave?").await;
    assert!(!answer.contains("third day") && !answer.contains("Sick leave"), "{answer}");
}

#[tokio::test]
async fn the_form_of_somebody_elses_question_stays_shut() {
    let o = Office::open().await;
    o.hire_all().await;
    let press = Event::Action { command: "ask missing 00000000-0000-4000-8000-000000000000".into(), message: None };
    let Opened::Form(form) = o.event("Ana", direct("Ana"), press).await else { panic!("no form") };
    let sent = Event::Submit { command: form.command, values: [("missing".to_owned(), "x".to_owned())].into() };
    o.event("Ana", direct("Ana"), sent).await;
    assert!(o.news("Ana").contains("I no longer have that question"));
}
