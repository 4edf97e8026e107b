//! What people say about answers reaches the owner with a clock and moves ranking a little; what changed is said where it
//! was quoted; what relied on it is found.

use stoa_ground::people::Role;
use stoa_learning::answers::{self, Inquiry};
use stoa_learning::impact;
use stoa_learning::library::{self, Item, Section};
use stoa_learning::search::Access;

use super::{Office, id_of, without_ids};

const QUESTION: &str = "How do I claim expenses after a trip?";

impl Office {
    async fn document(&self, location: &str) -> library::Document {
        let all = self.db.read(|c| async move { library::documents(&c).await }).await.unwrap();
        all.into_iter().find(|d| d.location == location).unwrap()
    }

    async fn prior(&self, location: &str) -> f64 {
        let id = &self.document(location).await.id;
        self.db.read(|c| async move { answers::prior_of(&c, id).await }).await.unwrap()
    }

    /// The expenses page, with Tom as its owner.
    async fn owned(&self, text: &str) {
        let item = &Item {
            source: "handbook".into(),
            location: "travel/expenses.md".into(),
            title: "Travel expenses".into(),
            readers: vec!["everyone".into()],
            owner: Some("E-Tom".into()),
            verified: true,
            sections: vec![Section {
                headings: vec!["Claiming expenses".into()],
                text: text.into(),
                ..Section::default()
            }],
            ..Item::default()
        };
        self.db.write(|tx| async move { library::put(&tx, item).await }).await.unwrap();
        self.services.index.catch_up(&self.db).await.unwrap();
    }
}

const TEXT: &str = "To claim expenses after a trip:\n\n1. Photograph every receipt.\n2. Open the expense form in HR Links.\n3. Send it within 14 days.";

async fn office() -> Office {
    let o = Office::open().await;
    o.hire_all().await;
    o.hire("Tom", |_| {}).await;
    let lea = o.hire("Lea", |_| {}).await;
    o.says("Tom", "help").await;
    o.says("Lea", "help").await;
    o.grant(&lea, Role::Learning).await;
    o.owned(TEXT).await;
    o
}

#[tokio::test]
async fn outdated_reaches_the_owner_once_without_a_name_and_the_learning_team_when_the_clock_has_run_out() {
    let o = office().await;
    let id = id_of(&o.says("Ana", QUESTION).await, "ask missing");
    let values = [("judgement", "outdated"), ("missing", "HR Links is gone, we use PayBox")];
    o.fills("Ana", &format!("ask missing {id}"), &values).await;
    let shown = o.to("Ana").into_iter().find(|p| p.message.plain().contains("Photograph")).unwrap();
    assert!(shown.message.plain().contains("Whoever looks after that page hears of it, without your name."));
    let second = id_of(&o.says("Bea", QUESTION).await, "ask missing");
    o.fills("Bea", &format!("ask missing {second}"), &[("judgement", "outdated"), ("missing", "")]).await;
    o.until("2026-11-23T15:00:00Z").await;
    let told = o.news("Tom");
    insta::assert_snapshot!(without_ids(&told), @r#"
    2 people got an answer from “Travel expenses” and say: it is out of date.
    > HR Links is gone, we use PayBox
    Please look at it by Mon, 30 Nov 2026; after that the learning team is told as well. Names are not shown.
    [I looked at it: ask settle ID]
    [Why this?: why concern/ID]
    "#);
    assert!(!told.contains("Ana") && !told.contains("Bea"));
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%PayBox%'").await, 0);
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%outdated%'").await, 2);
    assert!(!o.news("Lea").contains("Travel expenses"), "the owner has a week");
    o.until("2026-12-02T12:00:00Z").await;
    assert!(o.news("Lea").contains("2 people got an answer from “Travel expenses” and say: it is out of date."));
    let concern = id_of(&o.last("Tom"), "ask settle");
    let refused = o.says("Bea", &format!("ask settle {concern}")).await;
    assert!(refused.contains("not there any more"), "{refused}");
    o.presses("Tom", &format!("ask settle {concern}")).await;
    assert!(o.last("Tom").contains("What was said about “Travel expenses” is settled."), "{}", o.last("Tom"));
}

#[tokio::test]
async fn judgements_move_the_prior_of_a_page_a_little_each_person_once_and_new_content_starts_anew() {
    let o = office().await;
    assert_eq!(o.prior("travel/expenses.md").await, 0.0);
    let id = id_of(&o.says("Ana", QUESTION).await, "ask helpful");
    o.presses("Ana", &format!("ask helpful {id}")).await;
    let one = o.prior("travel/expenses.md").await;
    assert!(one > 0.0 && one < 0.05, "{one}");
    let again = id_of(&o.says("Ana", QUESTION).await, "ask helpful");
    o.presses("Ana", &format!("ask helpful {again}")).await;
    assert_eq!(o.prior("travel/expenses.md").await, one, "the same person counts once");
    let other = id_of(&o.says("Bea", QUESTION).await, "ask missing");
    o.fills("Bea", &format!("ask missing {other}"), &[("judgement", "wrong"), ("missing", "")]).await;
    assert!(o.prior("travel/expenses.md").await < 0.0);
    assert_eq!(o.prior("people/mentors.md").await, 0.0);
    o.services.index.catch_up(&o.db).await.unwrap();
    let id = &o.document("travel/expenses.md").await.id;
    let rating = async || {
        let passages = o.db.read(|c| async move { library::passages_of(&c, id).await }).await.unwrap();
        passages[0].standing.rating
    };
    let prior = async || {
        let access = Access::everyone();
        let inquiry = Inquiry { question: QUESTION, before: None, access, person: None, language: None };
        let (_, why) = answers::explain(&o.db, &o.services, &inquiry).await.unwrap();
        why.results.into_iter().find(|r| r.title == "Travel expenses").unwrap().prior
    };
    assert_eq!(rating().await, (o.prior("travel/expenses.md").await * 1_000.0).round() as i64);
    assert!(prior().await < 1.0, "what was judged wrong comes after what is as good");
    o.until("2026-11-24T09:00:00Z").await;
    o.owned(&TEXT.replace("14 days", "30 days")).await;
    assert_eq!(o.prior("travel/expenses.md").await, 0.0, "what was said about the old content is over");
    assert_eq!((rating().await, prior().await), (0, 1.0));
}

#[tokio::test]
async fn what_was_saved_is_listed_as_long_as_it_can_be_read() {
    let o = office().await;
    assert!(o.says("Ana", "ask saved").await.starts_with("You have saved nothing"));
    let id = id_of(&o.says("Ana", "How much is the secret bonus pool for the Kestrel project?").await, "ask save");
    let saved = o.presses("Ana", &format!("ask save {id}")).await;
    assert!(saved.contains("Saved."), "{saved}");
    let answer = o.to("Ana").into_iter().find(|p| p.message.plain().contains("40,000")).unwrap();
    assert!(!answer.message.plain().contains("[Save:"), "{}", answer.message.plain());
    let id = id_of(&o.says("Ana", QUESTION).await, "ask save");
    o.presses("Ana", &format!("ask save {id}")).await;
    let listed = o.says("Ana", "ask saved").await;
    assert!(
        listed.contains("You saved 2 pages:") && listed.contains("Bonus round (handbook: finance/bonus.md)"),
        "{listed}"
    );
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%verb/bookmarked%'").await, 2);
    let nobody = &Vec::new();
    o.db.write(|tx| async move { library::set_readers(&tx, "handbook", "finance/bonus.md", nobody).await })
        .await
        .unwrap();
    let listed = o.says("Ana", "ask saved").await;
    assert!(listed.contains("You saved one page:") && !listed.contains("Bonus"), "{listed}");
    let export = o.says("Ana", "mydata export").await;
    assert!(export.contains(r#""title":"Travel expenses""#) && !export.contains("Bonus round"), "{export}");
    assert!(export.contains(r#""saved and not readable now":1"#), "{export}");
    let document = id_of(&listed, "ask unsave");
    o.says("Ana", &format!("ask unsave {document}")).await;
    assert!(o.says("Ana", "ask saved").await.starts_with("You have saved nothing"));
}

#[tokio::test]
async fn a_posted_message_names_a_page_no_longer_when_it_is_closed() {
    let o = office().await;
    let said = o.says("Ana", "Is a doctor's note needed for a zeppelin pilot?").await;
    assert!(said.starts_with("I don’t know") && said.contains("Sick leave"), "{said}");
    let nobody = &Vec::new();
    o.db.write(|tx| async move { library::set_readers(&tx, "handbook", "leave/sick.md", nobody).await }).await.unwrap();
    o.flow.settle().await.unwrap();
    assert!(!o.last("Ana").contains("Sick leave"), "{}", o.last("Ana"));
    assert_eq!(o.count("SELECT COUNT(*) AS n FROM question_document WHERE cited = 0").await, 1);
}

#[tokio::test]
async fn a_posted_answer_says_when_its_page_says_something_else_and_not_when_the_rest_of_the_page_changed() {
    let o = office().await;
    o.says("Ana", QUESTION).await;
    let shown = || o.to("Ana").into_iter().find(|p| p.key.starts_with("reply/") && p.edits > 0);
    o.owned(&format!("{TEXT}\n\nThe money arrives with your next salary.")).await;
    o.flow.settle().await.unwrap();
    assert!(
        shown().is_none_or(|p| p.message.plain().contains("Photograph every receipt")),
        "what was quoted still stands"
    );
    o.owned(&TEXT.replace("14 days", "30 days")).await;
    o.flow.settle().await.unwrap();
    let now = shown().unwrap().message.plain();
    assert!(now.starts_with("What I had quoted here has changed or was withdrawn."), "{now}");
    let again = id_of(&now, "Ask again: ask again");
    let fresh = o.presses("Ana", &format!("ask again {again}")).await;
    assert!(fresh.contains("Send it within 30 days."), "{fresh}");
    // Deprecated: it stays, and says what its owner says.
    o.db.write(|tx| async move {
        library::deprecate(&tx, "handbook", "travel/expenses.md", "a new policy comes in May").await
    })
    .await
    .unwrap();
    o.flow.settle().await.unwrap();
    let deprecated = o.to("Ana").into_iter().find(|p| p.message.plain().contains("30 days")).unwrap().message.plain();
    assert!(deprecated.contains("Please do not rely on this page any more: a new policy comes in May"), "{deprecated}");
}

#[tokio::test]
async fn a_change_is_reported_once_with_the_answers_lessons_and_people_that_relied_on_it() {
    let o = office().await;
    let item = &Item {
        source: "lessons".into(),
        location: "travel-01".into(),
        title: "Your first trip".into(),
        readers: vec!["everyone".into()],
        sections: vec![Section { text: "Read [the page](travel/expenses.md) first.".into(), ..Section::default() }],
        ..Item::default()
    };
    o.db.write(|tx| async move { library::put(&tx, item).await }).await.unwrap();
    o.services.index.catch_up(&o.db).await.unwrap();
    o.says("Ana", QUESTION).await;
    let id = id_of(&o.says("Bea", QUESTION).await, "ask save");
    o.presses("Bea", &format!("ask save {id}")).await;
    o.until("2026-11-23T10:00:00Z").await;
    o.owned(&TEXT.replace("14 days", "30 days")).await;
    // Nothing relies on this one.
    o.put("people/mentors.md", "Mentors", "", "Every newcomer gets two mentors.", &["everyone"]).await;
    o.until("2026-11-23T15:00:00Z").await;
    let told = o.news("Lea");
    insta::assert_snapshot!(without_ids(&told), @r#"
    A page changed that answers, lessons or people relied on:
    - **Travel expenses** says something else now: 2 answers to 2 people, saved by one person. “Your first trip” names it.
    Posted answers say now that their page changed. Look at the lessons and courses that name it.
    [Why this?: why impact/1795431600000000/ID]
    "#);
    assert!(o.news("Tom").contains("**Travel expenses** says something else now"), "its owner hears of it");
    assert!(!told.contains("Ana") && !told.contains("Bea") && !told.contains("Mentors"));
    o.until("2026-11-25T15:00:00Z").await;
    assert_eq!(o.to("Lea").iter().filter(|p| p.key.starts_with("impact/")).count(), 1);
    let document = &o.document("travel/expenses.md").await;
    let (now, since) =
        o.db.read(|c| async move {
            let from = stoa_ground::Instant::parse("2026-11-23T00:00:00Z")?;
            Ok((impact::of(&c, document).await?, impact::since(&c, from).await?))
        })
        .await
        .unwrap();
    assert_eq!((now.relied.answers, now.relied.people, now.relied.saved, now.dependants.len()), (2, 2, 1, 1));
    assert_eq!(since.len(), 1);
    assert_eq!(since[0].what, Some(impact::What::Changed));
}
