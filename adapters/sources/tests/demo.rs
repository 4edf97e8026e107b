//! Real questions to a small library: the demo's handbook. What it says must be answered from the right page, and what it
//! does not say must not be answered, whatever the library's size makes of scores.

use stoa_ground::testing::store;
use stoa_learning::answers;
use stoa_learning::library::{self, SourceSettings};
use stoa_learning::search::{Access, Index};
use stoa_sources::Files;

/// How the questions went.
#[derive(Debug, Default)]
struct Tally {
    answerable: usize,
    /// Answered from the page that says it.
    right: usize,
    missed: Vec<String>,
    unanswerable: usize,
    refused: usize,
    nonsense: Vec<String>,
}

#[tokio::test]
async fn questions_to_a_small_library_are_answered_when_it_answers_them() {
    let (db, _dir) = store().await;
    let settings = SourceSettings {
        name: "Handbook".into(),
        kind: "files".into(),
        readers: vec!["everyone".into()],
        verified: true,
        external: false,
    };
    let handbook = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bot/demo/handbook");
    library::sync(&db, &Files::new(settings, handbook), &|_| {}).await.unwrap();
    let index = Index::in_memory().unwrap();
    index.catch_up(&db).await.unwrap();
    let (fitted, held_out) = include_str!("demo_questions.tsv").split_once("\n====\n").unwrap();
    for (name, questions, least_right, least_refused) in
        [("fitted", fitted, 0.85, 0.9), ("held out", held_out, 0.7, 0.85)]
    {
        let mut tally = Tally::default();
        for (question, page) in questions.lines().filter_map(|l| l.split_once('\t')) {
            let answer = answers::ask(&db, &index, question, &Access::everyone()).await.unwrap();
            if page == "-" {
                tally.unanswerable += 1;
                tally.refused += usize::from(answer.abstained);
                tally.nonsense.extend((!answer.abstained).then(|| format!("{question} {:.2}", answer.confidence)));
            } else {
                tally.answerable += 1;
                let right = answer.citations.iter().any(|c| c.location.contains(page));
                tally.right += usize::from(right);
                tally.missed.extend((!right).then(|| format!("{question} {:.2}", answer.confidence)));
            }
        }
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        let (right, refused) = (share(tally.right, tally.answerable), share(tally.refused, tally.unanswerable));
        println!("{name}: {right:.2} right, {refused:.2} refused");
        assert!(right >= least_right && refused >= least_refused, "{name}: {right:.2} {refused:.2} {tally:#?}");
    }
    for (question, words) in [
        ("how many vacation days do I have", "27 days of paid annual leave"),
        ("how do I get my expenses back?", "1. "),
        ("how do I submit an expense report", "1. "),
    ] {
        let answer = answers::ask(&db, &index, question, &Access::everyone()).await.unwrap();
        assert!(answer.answer.contains(words), "{question}: {answer:#?}");
    }
    let meal = answers::ask(&db, &index, "how do I cook a meal", &Access::everyone()).await.unwrap();
    assert!(meal.abstained, "{meal:#?}");
    for question in ["how many days of leave do I get?", "what do I do when my laptop is stolen?"] {
        let answer = answers::ask(&db, &index, question, &Access::everyone()).await.unwrap();
        assert!(!answer.abstained, "{question}: {answer:#?}");
    }
}
