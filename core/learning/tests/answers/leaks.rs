//! What is hidden leaks nowhere: every way in which an answer, a silence, a count or a message could tell of a hidden page
//! is tried once with the page and once without it, and everything that people see is the same.

use stoa_flow::chat::Event;
use stoa_flow::testing::channel;
use stoa_ground::people::Role;
use stoa_learning::answers::{Asking, ChannelRule, Speak, curated, gaps};
use stoa_learning::library::{self, Item, Section};
use stoa_learning::search::Access;
use stoa_learning::{answers, impact};

use super::{Office, without_ids};

/// Questions that the hidden page would answer, is near to, or shares words with.
const QUESTIONS: [&str; 7] = [
    "What is the budget of project Falcon?",
    "Who leads project Falcon and which gateway does it use?",
    "falcn budget",
    "How do I claim expenses after a trip?",
    "Which Falcon doctor's note is needed?",
    "and the budget?",
    "How do I order a parking permit?",
];

const HIDDEN: &str = "The budget of project Falcon is 9 million euros. It is led by Quentin Hush. Falcon uses the Harbour \
                      gateway. Doctors claim expenses for Falcon after a trip. To order a parking permit for Falcon, ask \
                      Quentin Hush. See travel/expenses.md for more.";

/// Everything that Bea, who may not read the hidden page, and Lea of the learning team, who may not either, get to see.
async fn everything(hidden: bool) -> Vec<String> {
    let rules = ["questions", "unasked"].map(|speak| ChannelRule {
        platform: String::new(),
        channel: speak.into(),
        speak: speak.parse::<Speak>().unwrap(),
    });
    let o = Office::open_with(Asking { channels: rules.to_vec(), ..Asking::default() }).await;
    o.hire_all().await;
    let lea = o.hire("Lea", |_| {}).await;
    let quentin = &o.hire("Quentin Hush", |p| p.department = Some("Board".into())).await;
    o.says("Lea", "help").await;
    o.grant(&lea, Role::Learning).await;
    o.grant(quentin, Role::Expert).await;
    let board = |text: &str, readers: &str| Item {
        source: "handbook".into(),
        location: "board/falcon.md".into(),
        title: "Project Falcon".into(),
        owner: Some("E-Quentin Hush".into()),
        readers: vec![readers.into()],
        verified: true,
        sections: vec![Section { headings: vec!["Budget".into()], text: text.into(), ..Section::default() }],
        ..Item::default()
    };
    let (first, second) = (&board(HIDDEN, "group:Board"), &board(&HIDDEN.replace('9', "8"), "group:Board"));
    let mut seen = Vec::new();
    if hidden {
        o.db.write(|tx| async move {
            let put = library::put(&tx, first).await?;
            answers::note_knowledge(&tx, &quentin.id, &put.document, "answer").await
        })
        .await
        .unwrap();
        let file = "[[answer]]\nquestions = [\"What is the budget of project Falcon?\"]\ntext = \"9 million.\"\n\
                    readers = [\"group:Board\"]\nowner = \"E-Quentin Hush\"\nreview_date = \"2027-01-01\"\n";
        curated::apply(&o.db, &curated::read("x", file).unwrap()).await.unwrap();
        o.services.index.catch_up(&o.db).await.unwrap();
        // Somebody who may read it asks, judges and saves: caches, priors and counts must not tell.
        let told = o.says("Quentin Hush", QUESTIONS[0]).await;
        assert!(told.contains("9 million"), "{told}");
        let id = super::id_of(&told, "ask helpful");
        o.presses("Quentin Hush", &format!("ask helpful {id}")).await;
        o.presses("Quentin Hush", &format!("ask save {id}")).await;
    } else {
        o.says("Quentin Hush", "help").await;
    }
    // Search, answers, confidence, near misses, experts, "I don't know".
    let access = Access::of(["everyone", "group:Sales", "role:employee"]);
    for question in QUESTIONS {
        let found = o.services.index.search(question, &access, o.db.clock().now(), 10).unwrap();
        seen.push(format!("{} {:?}", found.readable, found.hits.iter().map(|h| h.score).collect::<Vec<_>>()));
        let answer = answers::ask(&o.db, &o.services.index, question, &access).await.unwrap();
        seen.push(format!(
            "{} {} {:?}",
            answer.confidence,
            answer.answer,
            answer.nearest.iter().map(|n| &n.title).collect::<Vec<_>>()
        ));
        seen.push(o.says("Bea", question).await);
    }
    // Channels: mentioned, overheard, and the reason of the silence; "see privately".
    for name in ["general", "questions", "unasked"] {
        for question in QUESTIONS {
            let said = o.in_channel("Bea", &channel(name), question, name == "general").await;
            seen.extend(said.iter().map(|p| p.message.plain()));
        }
    }
    let general = o.messages_in(&channel("general"));
    let private = super::id_of(&general[0].message.plain(), "ask private");
    let press = Event::Action { command: format!("ask private {private}"), message: Some(general[0].id.clone()) };
    o.event("Bea", channel("general"), press).await;
    seen.push(o.last("Bea"));
    seen.push(o.says("Bea", "why").await);
    // Saved, curated answers, gaps, what people said.
    for (who, word) in [("Bea", "ask saved"), ("Lea", "ask gaps"), ("Lea", "ask curated"), ("Bea", "mydata")] {
        seen.push(o.says(who, word).await);
    }
    let topics = gaps::clusters(&o.db, &o.services.index).await.unwrap();
    seen.push(format!("{:?}", topics.iter().map(|t| (&t.question, &t.words, t.asked, t.people)).collect::<Vec<_>>()));
    // A hidden page that arrives, changes or goes: no news, no report, no edit.
    o.until("2026-11-24T12:00:00Z").await;
    if hidden {
        o.db.write(|tx| async move { library::put(&tx, second).await }).await.unwrap();
        o.services.index.catch_up(&o.db).await.unwrap();
        o.until("2026-11-25T12:00:00Z").await;
        o.db.write(|tx| async move { library::retire(&tx, "handbook", "board/falcon.md", "over").await })
            .await
            .unwrap();
    }
    o.until("2026-11-27T12:00:00Z").await;
    for user in ["Bea", "Lea"] {
        seen.extend(
            o.to(user)
                .into_iter()
                .filter(|p| !p.message.plain().contains("written answer"))
                .map(|p| format!("{} {} {}", p.key.split('/').next().unwrap_or_default(), p.edits, p.message.plain())),
        );
    }
    // Statements about Bea, and what the report of changes finds for what she may read.
    let rows =
        o.db.all("SELECT body FROM statement WHERE body LIKE '%E-Bea%' ORDER BY position", stoa_ground::args![])
            .await
            .unwrap();
    seen.push(format!("{} statements", rows.len()));
    for row in &rows {
        let body: String = row.get("body").unwrap();
        assert!(!body.contains("Falcon") && !body.contains("Hush"), "{body}");
    }
    let expenses = o.db.read(|c| async move { library::documents(&c).await }).await.unwrap();
    let expenses = &expenses.into_iter().find(|d| d.location == "travel/expenses.md").unwrap();
    let relied = o.db.read(|c| async move { impact::of(&c, expenses).await }).await.unwrap();
    seen.push(format!("{:?} {:?}", relied.relied, relied.dependants));
    seen.iter().map(|text| without_ids(text)).collect()
}

#[tokio::test]
async fn with_a_hidden_page_and_without_it_everything_that_others_see_is_the_same() {
    let (without, with) = (everything(false).await, everything(true).await);
    for (n, (without, with)) in without.iter().zip(&with).enumerate() {
        assert_eq!(without, with, "number {n}");
    }
    assert_eq!(without.len(), with.len());
    for text in &with {
        for word in ["9 million", "8 million", "Quentin", "board/", "Project Falcon"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}
