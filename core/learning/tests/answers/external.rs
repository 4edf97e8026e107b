//! Where people from outside the organisation read along nothing is said but what is marked for them, and nothing there
//! tells whether there is more.

use stoa_flow::chat::{Audience, Event, Place};
use stoa_flow::testing::{Posted, account, channel};
use stoa_learning::answers::{self, curated};
use stoa_learning::library::{self, EXTERNAL, Item, Section};
use stoa_learning::search::Access;

use super::{Office, id_of, without_ids};

const OUTSIDERS: Audience = Audience { open: true, outsiders: true };
const PORTAL: &str = "How do I sign in to the partner portal?";
const EXPENSES: &str = "How do I claim expenses after a trip?";

impl Office {
    /// A page for partners, and a channel in which they read along.
    async fn shared(&self) -> Place {
        let text = "To sign in to the partner portal, use the code that your contact sent you. The Harbour gateway is not \
                    needed there.";
        self.put("portal.md", "Partner portal", "Signing in", text, &["everyone", EXTERNAL]).await;
        self.chat.reads("shared", OUTSIDERS);
        channel("shared")
    }

    async fn presses_in(&self, user: &str, place: &Place, said: &Posted, word: &str) -> Posted {
        let command = format!("{word} {}", id_of(&said.message.plain(), &format!(": {word}")));
        self.event(user, place.clone(), Event::Action { command, message: Some(said.id.clone()) }).await;
        self.messages_in(place).pop().unwrap()
    }
}

#[tokio::test]
async fn what_is_marked_is_said_to_all_and_the_rest_to_whoever_asked() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    let said = o.in_channel("Ana", &shared, PORTAL, true).await;
    insta::assert_snapshot!(without_ids(&said[0].message.plain()), @r"
    > To sign in to the partner portal, use the code that your contact sent you. The Harbour gateway is not needed there.
    — Partner portal › Signing in (handbook: portal.md)
    [Helpful: ask helpful ID]
    [Not helpful: ask missing ID]
    [Save: ask save ID]
    [See privately: ask private ID]
    ");
    assert!(said.len() == 1 && said[0].only.is_none(), "{said:?}");

    // What every colleague may read is not for everybody here.
    let said = o.in_channel("Ana", &shared, EXPENSES, true).await;
    assert_eq!((said.len(), &said[0].only), (1, &Some(account("Ana"))));
    assert!(said[0].message.plain().contains("Photograph every receipt"), "{}", said[0].message.plain());
    let said = o.in_channel("Ana", &shared, "How much is the secret bonus pool for the Kestrel project?", true).await;
    assert_eq!(said[0].only, Some(account("Ana")), "nor what she may read alone");
    let said = o.in_channel("Ana", &shared, "How do I order a parking permit for a zeppelin?", true).await;
    assert_eq!(said[0].only, Some(account("Ana")));
    assert!(said[0].message.plain().starts_with("I don’t know"));
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM gap").await, 1, "what she may read answers the others");
    // What she asked alone goes on alone.
    let said = o.in_channel("Ana", &shared, "And who gets it?", true).await;
    assert_eq!(said[0].only, Some(account("Ana")));

    // Without anybody from outside the same is for all, except what is hers alone.
    let said = o.in_channel("Ana", &channel("general"), EXPENSES, true).await;
    assert!(said[0].only.is_none() && said[0].message.plain().contains("Photograph every receipt"));
}

#[tokio::test]
async fn whoever_is_from_outside_gets_what_is_marked_also_alone() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    let portal = o.in_channel("Ana", &shared, PORTAL, true).await;
    // "See privately" shows a colleague more, and a stranger nothing else.
    let alone = o.presses_in("Stranger", &shared, &portal[0], "ask private").await;
    assert_eq!(alone.only, Some(account("Stranger")));
    assert!(alone.message.plain().contains("the code that your contact sent you"), "{}", alone.message.plain());
    for (asked, event) in [
        (EXPENSES, Event::Message { id: "s-1".into(), text: EXPENSES.into(), to_bot: true }),
        (EXPENSES, Event::Command { word: "ask".into(), args: EXPENSES.into() }),
        ("expense claim", Event::Command { word: "ask".into(), args: "expense claim".into() }),
        ("harbor gateway", Event::Command { word: "ask".into(), args: "harbor gateway client".into() }),
    ] {
        o.event("Stranger", shared.clone(), event).await;
        let told = o.messages_in(&shared).pop().unwrap();
        let plain = told.message.plain();
        assert_eq!(told.only, Some(account("Stranger")), "{asked}: {plain}");
        for hidden in ["Photograph", "Travel", "expenses.md", "VPN", "Harbour client"] {
            assert!(!plain.contains(hidden), "{asked}: {plain}");
        }
    }
}

#[tokio::test]
async fn in_the_query_and_again_when_it_is_said() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    let found = o.services.index.search(EXPENSES, &Access::external(), o.db.clock().now(), 10).unwrap();
    assert_eq!((found.readable, found.hits.len()), (1, 0), "the query finds nothing of what is not marked");
    // The store knows already that the page is not marked any more, the index does not yet.
    let unmarked = &["everyone".to_owned()];
    o.db.write(|tx| async move { library::set_readers(&tx, "handbook", "portal.md", unmarked).await }).await.unwrap();
    let said = o.in_channel("Ana", &shared, PORTAL, true).await;
    assert!(said.iter().all(|p| p.only == Some(account("Ana"))), "{said:?}");
}

#[tokio::test]
async fn what_was_said_to_all_is_taken_back_when_its_mark_is() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    o.in_channel("Ana", &shared, PORTAL, true).await;
    let unmarked = &["everyone".to_owned()];
    o.db.write(|tx| async move { library::set_readers(&tx, "handbook", "portal.md", unmarked).await }).await.unwrap();
    o.until("2026-11-23T11:00:00Z").await;
    let said = o.messages_in(&shared).pop().unwrap();
    assert!(said.message.plain().starts_with("What I had quoted here has changed"), "{}", said.message.plain());
}

#[tokio::test]
async fn when_people_from_outside_come_it_holds_from_then_on() {
    let o = Office::open().await;
    o.hire_all().await;
    let desk = channel("desk");
    let asked = o.in_channel("Ana", &desk, EXPENSES, true).await;
    let open = o.in_channel("Bea", &desk, "How do I order a parking permit for a zeppelin?", true).await;
    assert!(asked[0].only.is_none() && open[0].message.plain().starts_with("I don’t know"));
    o.chat.reads("desk", OUTSIDERS);
    // What stands there is said again only as far as it is for them.
    o.db.write(|tx| async move { library::set_verified(&tx, "handbook", "travel/expenses.md", false).await })
        .await
        .unwrap();
    o.until("2026-11-23T11:00:00Z").await;
    let now = o.messages_in(&desk).into_iter().find(|p| p.id == asked[0].id).unwrap();
    assert!(now.message.plain().starts_with("What I had quoted here has changed"), "{}", now.message.plain());
    let again = o.presses_in("Ana", &desk, &now, "ask again").await;
    assert_eq!(again.only, Some(account("Ana")));
    assert!(again.message.plain().contains("Photograph every receipt"), "{}", again.message.plain());
    let again = o.in_channel("Bea", &desk, EXPENSES, true).await;
    assert_eq!(again[0].only, Some(account("Bea")));

    // Between the search and the message, too.
    o.chat.reads_after("floor", 2, OUTSIDERS);
    let said = o.in_channel("Ana", &channel("floor"), EXPENSES, true).await;
    let plain = said[0].message.plain();
    assert!(!plain.contains("Photograph") && !plain.contains("Travel"), "{plain}");
}

#[tokio::test]
async fn an_approved_answer_is_for_people_from_outside_when_it_is_marked() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    let question = "Where do I get a visitor badge?";
    let file = |more: &str| {
        let text = format!(
            "[[answer]]\nquestions = [\"{question}\"]\ntext = \"At the front desk.\"\nreaders = [\"everyone\"]\n\
             owner = \"E-Bea\"\nreview_date = \"2027-01-01\"\n{more}"
        );
        curated::read("x", &text).unwrap()
    };
    curated::apply(&o.db, &file("")).await.unwrap();
    o.services.index.catch_up(&o.db).await.unwrap();
    let said = o.in_channel("Ana", &shared, question, true).await;
    assert_eq!(said[0].only, Some(account("Ana")));
    assert!(said[0].message.plain().contains("At the front desk."), "{}", said[0].message.plain());
    curated::apply(&o.db, &file("external = true\n")).await.unwrap();
    o.services.index.catch_up(&o.db).await.unwrap();
    let said = o.in_channel("Bea", &shared, question, true).await;
    assert!(said[0].only.is_none() && said[0].message.plain().contains("At the front desk."), "{said:?}");

    let narrow = file("external = true\n");
    let text = "[[answer]]\nquestions = [\"Who?\"]\ntext = \"He.\"\nowner = \"E-Bea\"\nreview_date = \"2027-01-01\"\nexternal = true\n";
    let refused = curated::apply(&o.db, &curated::read("x", text).unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("what is external is for everyone"), "{refused}");
    assert_eq!(curated::apply(&o.db, &narrow).await.unwrap().unchanged, 1);
}

#[tokio::test]
async fn news_about_a_gap_goes_to_whoever_asked_and_not_to_where_they_asked() {
    let o = Office::open().await;
    o.hire_all().await;
    let shared = o.shared().await;
    o.in_channel("Ana", &shared, "How do I order a parking permit?", true).await;
    let before = o.messages_in(&shared).len();
    o.put("parking.md", "Parking", "Permits", "To order a parking permit, write to the yard.", &["everyone"]).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert!(o.news("Ana").contains("write to the yard"), "{}", o.last("Ana"));
    assert_eq!(o.messages_in(&shared).len(), before);
}

/// Questions that hidden pages would answer, are near to, or share words with.
const QUESTIONS: [&str; 8] = [
    "What is the budget of project Falcon?",
    "Who leads project Falcon and which gateway does it use?",
    "falcn portal",
    PORTAL,
    "and the budget?",
    "How do I sign in to the Falcon portal with a code?",
    "portal sgin budgett",
    "How do I order a parking permit?",
];

/// Everything that is said to all in a shared channel, and everything that a stranger gets there, with pages that are hidden
/// from both and without them.
async fn everything(hidden: bool) -> Vec<String> {
    let o = Office::open().await;
    o.hire_all().await;
    let quentin = &o.hire("Quentin Hush", |_| {}).await;
    o.grant(quentin, stoa_ground::people::Role::Expert).await;
    o.says("Quentin Hush", "help").await;
    let shared = o.shared().await;
    if hidden {
        let text = "The budget of project Falcon is 9 million euros. It is led by Quentin Hush. Falcon uses the Harbour \
                    gateway. To sign in to the Falcon portal, use the code of the board. To order a parking permit for \
                    Falcon, ask Quentin Hush.";
        for (source, location) in [("handbook", "falcon.md"), ("tips", "falcon-tip"), ("discussions", "falcon-thread")]
        {
            let item = &Item {
                source: source.into(),
                location: location.into(),
                title: "Project Falcon".into(),
                owner: Some("E-Quentin Hush".into()),
                readers: vec!["everyone".into()],
                verified: true,
                sections: vec![Section { text: text.into(), ..Section::default() }],
                ..Item::default()
            };
            let put = o.db.write(|tx| async move {
                let put = library::put(&tx, item).await?;
                answers::note_knowledge(&tx, &quentin.id, &put.document, "answer").await
            });
            put.await.unwrap();
        }
        let file = "[[answer]]\nquestions = [\"What is the budget of project Falcon?\"]\ntext = \"9 million.\"\n\
                    readers = [\"everyone\"]\nowner = \"E-Quentin Hush\"\nreview_date = \"2027-01-01\"\n";
        curated::apply(&o.db, &curated::read("x", file).unwrap()).await.unwrap();
        o.services.index.catch_up(&o.db).await.unwrap();
        let told = o.says("Quentin Hush", QUESTIONS[0]).await;
        assert!(told.contains("9 million"), "{told}");
    } else {
        o.says("Quentin Hush", QUESTIONS[0]).await;
    }
    let mut seen = Vec::new();
    for question in QUESTIONS {
        let found = o.services.index.search(question, &Access::external(), o.db.clock().now(), 10).unwrap();
        seen.push(format!("{} {:?}", found.readable, found.hits.iter().map(|h| h.score).collect::<Vec<_>>()));
        let answer = answers::ask(&o.db, &o.services.index, question, &Access::external()).await.unwrap();
        seen.push(format!("{} {} {:?} {:?}", answer.confidence, answer.answer, answer.nearest, answer.taken_for));
        for user in ["Ana", "Stranger"] {
            let said = o.in_channel(user, &shared, question, true).await;
            let to_others = said.iter().filter(|p| p.only.as_ref().is_none_or(|only| only.user == "Stranger"));
            seen.extend(to_others.map(|p| format!("{user}: {question} {:?} {}", p.only, p.message.plain())));
        }
        let said = o.in_channel("Bea", &shared, question, false).await;
        assert!(said.is_empty(), "{said:?}");
    }
    o.until("2026-11-24T12:00:00Z").await;
    let standing = o.messages_in(&shared).into_iter().filter(|p| p.only.is_none());
    seen.extend(standing.map(|p| format!("{} {}", p.edits, p.message.plain())));
    seen.iter().map(|text| without_ids(text)).collect()
}

#[tokio::test]
async fn with_hidden_pages_and_without_them_everything_that_outsiders_see_is_the_same() {
    let (without, with) = (everything(false).await, everything(true).await);
    for (n, (without, with)) in without.iter().zip(&with).enumerate() {
        assert_eq!(without, with, "number {n}");
    }
    assert_eq!(without.len(), with.len());
    assert!(with.iter().any(|text| text.starts_with("Ana: How do I sign in")), "what is marked is said: {with:?}");
    for text in &with {
        for word in ["9 million", "Quentin", "falcon.md", "Project Falcon", "of the board"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}
