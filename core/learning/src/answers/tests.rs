//! Answers as people read them: on the small library of the search tests.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_ground::testing::store;
use stoa_ground::{Error, Instant, Result};

use super::{Citation, ask};
use crate::library::{Passage, Standing};
use crate::search::testing::{page, put, small_library};
use crate::search::{Access, Index, Reranker, plain};

/// A passage with this text.
pub(super) fn passage(text: &str) -> Passage {
    Passage {
        id: "d#0".into(),
        document: "d".into(),
        version: "v".into(),
        source: "handbook".into(),
        location: "a.md".into(),
        title: "Travel expenses".into(),
        headings: vec!["Daily allowance".into()],
        anchor: None,
        text: text.into(),
        ordinal: 0,
        keywords: String::new(),
        language: None,
        readers: vec!["everyone".into()],
        verified: true,
        stored: Instant(0),
        standing: Standing::default(),
        also: Vec::new(),
    }
}

#[tokio::test]
async fn a_how_to_question_is_answered_by_the_steps_in_order_with_their_source() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let answer = ask(&db, &index, "How do I claim expenses?", &Access::everyone()).await.unwrap();
    assert!(!answer.abstained, "{answer:?}");
    assert_eq!(
        answer.answer,
        "To claim expenses after a trip:\n1. Photograph every receipt.\n2. Open the expense form in HR Links.\n3. Send it within 14 days."
    );
    let citation = &answer.citations[0];
    assert_eq!((citation.title.as_str(), citation.heading.as_str()), ("Travel expenses", "Claiming expenses"));
    assert_eq!((citation.source.as_str(), citation.location.as_str()), ("handbook", "travel/expenses.md"));
    assert!(citation.more);
}

#[tokio::test]
async fn steps_that_began_in_the_passage_before_are_quoted_from_the_first_one() {
    let (db, _dir) = store().await;
    let step = |n: usize| {
        format!("{n}. Check that valve number {n} of the station is shut, and write it into the book at once.")
    };
    let steps = (1..=14).map(step).chain(["15. Drain the harbour boiler before you leave.".to_owned()]);
    let steps: Vec<String> = steps.chain((16..=18).map(step)).collect();
    let text = format!("Before you lock up:\n\n{}", steps.join("\n"));
    put(&db, &[page("station.md", "Station", &[("Locking up", &text)])]).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let everyone = Access::everyone();
    let answer = ask(&db, &index, "How do I drain the harbour boiler?", &everyone).await.unwrap();
    assert!(answer.answer.starts_with("Before you lock up:\n1. Check that valve number 1 "), "{answer:?}");
    assert!(answer.citations[0].more && answer.answer.chars().count() <= 700, "{answer:?}");
    let amount = ask(&db, &index, "When do I drain the harbour boiler?", &everyone).await.unwrap();
    assert!(amount.answer.contains("15. Drain the harbour boiler"), "one step is asked for: {amount:?}");
}

#[tokio::test]
async fn a_short_list_is_quoted_with_the_paragraph_that_introduces_it() {
    let (db, _dir) = store().await;
    let text = "Interns get these benefits from their first day on. They are not paid out.\n\n- A bus pass\n- Free lunch\n\n\
                Nobody else does.";
    put(&db, &[page("interns.md", "Interns", &[("Benefits", text)])]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let answer = ask(&db, &index, "benefits of interns from the first day", &Access::everyone()).await.unwrap();
    assert!(answer.answer.ends_with("They are not paid out.\n• A bus pass\n• Free lunch"), "{answer:?}");
}

#[tokio::test]
async fn words_that_nothing_has_do_not_hide_what_is_nearest() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let answer = ask(&db, &index, "zorb quux flim blip allowance", &Access::everyone()).await.unwrap();
    let nearest: Vec<&str> = answer.nearest.iter().map(|n| n.location.as_str()).collect();
    assert_eq!((answer.abstained, nearest), (true, vec!["travel/expenses.md"]), "{answer:?}");
}

#[tokio::test]
async fn what_the_library_does_not_say_is_not_answered() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    for question in ["What is the wifi password in Tokyo?", "How do I reset my Salesforce token?", "", "🙂", "東京"]
    {
        let answer = ask(&db, &index, question, &Access::everyone()).await.unwrap();
        assert!(answer.abstained && answer.answer.is_empty() && answer.citations.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_passage_that_changed_its_readers_since_it_was_indexed_is_not_shown() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let everyone = Access::everyone();
    assert!(!ask(&db, &index, "when is a doctor's note needed?", &everyone).await.unwrap().abstained);
    let mut hidden = small_library().remove(2);
    hidden.readers = vec!["role:learning".into()];
    put(&db, &[hidden]).await;
    let answer = ask(&db, &index, "when is a doctor's note needed?", &everyone).await.unwrap();
    assert!(answer.abstained, "the index does not know yet, the store does: {answer:?}");
    assert!(!serde_json::to_string(&answer).unwrap().contains("Sick"), "{answer:?}");
    put(&db, &[page("leave/sick.md", "Sick leave", &[("First day", "No doctor's note is needed any more.")])]).await;
    let answer = ask(&db, &index, "when is a doctor's note needed?", &everyone).await.unwrap();
    assert!(!answer.answer.contains("third day"), "an older version is not quoted: {answer:?}");
}

#[tokio::test]
async fn every_quoted_line_stands_in_its_passage() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    for question in ["claim expenses", "daily allowance abroad", "error 809", "mentor", "sign in with badge"] {
        let answer = ask(&db, &index, question, &Access::All).await.unwrap();
        assert!(!answer.abstained && answer.answer.chars().count() <= 700, "{question}: {answer:?}");
        for citation in answer.citations {
            let id = &citation.passage;
            let passage =
                db.read(|conn| async move { crate::library::passage(&conn, id).await }).await.unwrap().unwrap();
            for line in citation.lines {
                assert!(plain(&passage.text).contains(&line.text), "{question}: {}", line.text);
            }
        }
    }
}

#[tokio::test]
async fn strange_questions_get_a_calm_answer() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let everyone = Access::everyone();
    let ask = async |question: &str| ask(&db, &index, question, &everyone).await.unwrap();
    for nothing in ["", "   ", "🙂🙂🙂", "?", "who are you", "hello", "\u{0}\u{202e}", "'; DROP TABLE document; --"]
    {
        let answer = ask(nothing).await;
        assert!(answer.abstained && answer.nearest.is_empty(), "{nothing}: {answer:?}");
    }
    let typo = ask("claiming expneses").await;
    assert!(typo.answer.contains("Photograph every receipt"), "{typo:?}");
    assert_eq!(typo.taken_for, [("expneses".to_owned(), vec!["expenses".to_owned()])]);
    let long = ask(&"lorem ipsum dolor sit amet ".repeat(1_000)).await;
    assert!(long.abstained && long.question.len() == 27_000, "{}", long.confidence);
    let code = ask(&format!("{}how do I claim expenses?", "x".repeat(200_000))).await;
    assert!(code.answer.chars().count() <= 800);
}

#[tokio::test]
async fn what_is_hidden_changes_neither_answer_nor_confidence() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let everyone = Access::everyone();
    let questions = ["how do I claim expenses", "what is the budget of project Falcon", "doctor note", "projekt falcn"];
    let before = {
        let mut answers = Vec::new();
        for question in questions {
            answers.push(ask(&db, &index, question, &everyone).await.unwrap());
        }
        answers
    };
    let mut secret = page(
        "board/falcon.md",
        "Project Falcon",
        &[("", "The budget of project Falcon is 9 million. Doctors claim expenses.")],
    );
    secret.readers = vec!["group:board".into()];
    put(&db, &[secret]).await;
    index.catch_up(&db).await.unwrap();
    for (question, before) in questions.into_iter().zip(before) {
        assert_eq!(ask(&db, &index, question, &everyone).await.unwrap(), before, "{question}");
    }
    let board = ask(&db, &index, questions[1], &Access::of(["everyone", "group:board"])).await.unwrap();
    assert_eq!(board.answer, "The budget of project Falcon is 9 million. Doctors claim expenses.");
}

#[test]
fn a_citation_on_the_web_leads_to_its_heading() {
    let at = |location: &str, anchor: Option<&str>| {
        Citation { location: location.into(), anchor: anchor.map(str::to_owned), ..Citation::default() }.address()
    };
    assert_eq!(at("https://docs.example.org/a", Some("carry-over")), "https://docs.example.org/a#carry-over");
    assert_eq!(at("https://docs.example.org/a#b", Some("c")), "https://docs.example.org/a#b");
    assert_eq!(at("https://docs.example.org/a", Some("x> [evil](y)")), "https://docs.example.org/a");
    assert_eq!(at("travel/leave.md", Some("carry-over")), "travel/leave.md");
}

#[tokio::test]
async fn a_text_that_stands_in_many_places_takes_one_place_and_leaves_the_others_to_what_says_more() {
    let (db, _dir) = store().await;
    let carry = "Up to 240 hours of annual leave may be carried over into the next year; hours above that are lost on the \
                 last day of December, so plan your days off early and talk to your manager about it.";
    let copies: Vec<_> = (0..14)
        .map(|n| {
            let text = if n % 2 == 0 { carry.to_owned() } else { carry.replace("plan your days", "do plan your days") };
            page(&format!("copies/{n}.md"), "Annual leave", &[("Carry over", &text)])
        })
        .collect();
    put(&db, &copies).await;
    let other = "Who is ill during annual leave gets the hours back, with a note.";
    put(&db, &[page("leave/ill.md", "Leave", &[("Illness", other)])]).await;
    put(&db, &small_library()).await;
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let (_, answer) =
        super::look_up(&db, &index, "may annual leave hours be carried over", &Access::everyone(), 10).await.unwrap();
    let places = answer.citations[0].also.iter().map(|o| o.location.starts_with("copies/")).collect::<Vec<_>>();
    assert_eq!(places, vec![true; 8], "{answer:?}");
    let nearest: Vec<&str> = answer.nearest.iter().map(|n| n.location.as_str()).collect();
    assert_eq!(nearest, ["leave/ill.md"], "the copies leave room for what says something else");
}

/// A cross-encoder that likes one word, fails at another, and never ends at a third.
struct Likes(&'static str);

#[async_trait]
impl Reranker for Likes {
    async fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>> {
        if question.contains("fails") {
            return Err(Error::Io("the model is away".into()));
        }
        if question.contains("hangs") {
            std::future::pending::<()>().await;
        }
        Ok(passages.iter().map(|p| if p.contains(self.0) { 9.0 } else { -3.0 }).collect())
    }
}

#[tokio::test]
async fn a_cross_encoder_puts_the_best_into_its_order_and_breaks_nothing() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let plain = Index::in_memory().unwrap();
    plain.catch_up(&db).await.unwrap();
    let again = Index::in_memory().unwrap();
    again.catch_up(&db).await.unwrap();
    again.look_again_with(Arc::new(Likes("28 euros")));
    let everyone = Access::everyone();
    let look =
        async |index: &Index, question: &str| super::look_up(&db, index, question, &everyone, 10).await.unwrap().0;
    let (before, after) = (look(&plain, "claim expenses day").await, look(&again, "claim expenses day").await);
    let ids = |found: &crate::search::Found| found.hits.iter().map(|h| h.passage_id.clone()).collect::<Vec<_>>();
    assert!(before.hits.len() > 2 && ids(&before)[0] != ids(&after)[0], "{before:?}");
    assert!(after.hits[0].parts.reranked == Some(9.0) && after.hits[0].score == before.hits[0].score, "{after:?}");
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(ids(&before)), sorted(ids(&after)), "nothing is lost or doubled");
    for question in ["claim expenses fails", "claim expenses hangs"] {
        assert_eq!(ids(&look(&plain, question).await), ids(&look(&again, question).await), "{question}");
    }
}
