//! Search by meaning as people meet it, with a model that is played here: words of the same group mean the same.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stoa_ground::testing::store;
use stoa_ground::{Error, Instant, Result};

use super::testing::{page, put, small_library};
use super::{Access, Embedder, Index, words};
use crate::library;

/// Groups of words with one meaning; each group is a dimension.
const MEANINGS: &[&[&str]] = &[
    &["travel", "trip", "journey", "expenses", "claim", "reimbursed", "refund"],
    &["vpn", "remote", "tunnel", "gateway", "harbour"],
    &["sick", "ill", "doctor", "unwell", "poorly"],
    &["mentor", "mentors", "buddy", "godparent", "newcomer"],
    &["board", "redundancy", "layoffs"],
];

#[derive(Default)]
struct Played {
    embedded: AtomicUsize,
    broken: AtomicBool,
    asked: AtomicUsize,
    /// Texts with this word are refused; with an empty one all are.
    refuses: Mutex<Option<&'static str>>,
}

impl Played {
    fn vector(text: &str) -> Vec<f32> {
        let words: Vec<String> = words(text).into_iter().map(|w| w.folded).collect();
        let mut vector: Vec<f32> = MEANINGS
            .iter()
            .map(|group| words.iter().filter(|w| group.contains(&w.as_str())).count() as f32)
            .chain([0.3])
            .collect();
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        vector
    }
}

#[async_trait]
impl Embedder for Played {
    fn model(&self) -> &str {
        "played@1"
    }

    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::Io("the model is away".into()));
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let refuses = *self.refuses.lock().unwrap();
        if texts.iter().any(|t| refuses.is_some_and(|word| t.contains(word))) {
            return Err(Error::invalid("it answered 400"));
        }
        self.embedded.fetch_add(texts.len(), Ordering::SeqCst);
        Ok(texts.iter().map(|t| Self::vector(t)).collect())
    }

    async fn query(&self, text: &str) -> Result<Vec<f32>> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::Io("the model is away".into()));
        }
        Ok(Self::vector(text))
    }
}

fn index_with(model: &Arc<Played>) -> Index {
    let index = Index::in_memory().unwrap();
    index.search_by_meaning(Arc::clone(model) as Arc<dyn Embedder>);
    index
}

async fn first(db: &stoa_ground::Db, index: &Index, question: &str, access: &Access) -> String {
    let found = index.find(question, access, Instant(0), 1).await.unwrap();
    let Some(hit) = found.hits.into_iter().next() else { return String::new() };
    let id = &hit.passage_id;
    let passage = db.read(|conn| async move { library::passage(&conn, id).await }).await.unwrap().unwrap();
    passage.location
}

#[tokio::test]
async fn what_is_said_in_other_words_is_found_by_its_meaning() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let model = Arc::new(Played::default());
    let index = index_with(&model);
    index.catch_up(&db).await.unwrap();
    let everyone = Access::everyone();
    assert_eq!(first(&db, &index, "feeling poorly", &everyone).await, "", "no vectors yet: words alone, and none fits");
    let done = index.embed(&db).await.unwrap();
    assert_eq!((done.vectors, done.embedded, done.removed), (7, 7, 0));
    assert_eq!(first(&db, &index, "feeling poorly", &everyone).await, "leave/sick.md");
    assert_eq!(first(&db, &index, "who is my godparent", &everyone).await, "people/mentors.md");
    assert_eq!(first(&db, &index, "wifi error 809", &everyone).await, "tools/vpn.md", "words still count");
    let found = index.find("feeling poorly", &everyone, Instant(0), 3).await.unwrap();
    assert!(found.cosine.is_some_and(|c| c > 0.9) && found.meaning > 0.0, "{found:?}");
    assert!(found.hits[0].parts.cosine.is_some_and(|c| c > 0.9), "{found:?}");

    model.broken.store(true, Ordering::SeqCst);
    assert_eq!(
        first(&db, &index, "wifi error 809", &everyone).await,
        "tools/vpn.md",
        "a broken model breaks no search"
    );
}

#[tokio::test]
async fn vectors_follow_what_changes_are_kept_over_a_restart_and_go_with_what_is_withdrawn() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let model = Arc::new(Played::default());
    let index = index_with(&model);
    index.catch_up(&db).await.unwrap();
    index.embed(&db).await.unwrap();

    let again = index_with(&model);
    again.catch_up(&db).await.unwrap();
    assert_eq!(again.embed(&db).await.unwrap().embedded, 0, "what is stored is not embedded again");
    let reading = index_with(&model);
    reading.catch_up(&db).await.unwrap();
    reading.load_vectors(&db).await.unwrap();
    let everyone = Access::everyone();
    assert_eq!(first(&db, &reading, "unwell", &everyone).await, "leave/sick.md");

    // The page is about something else now: until it is embedded anew, its old vector is not used.
    put(&db, &[page("people/mentors.md", "Parking", &[("", "A permit costs nothing.")])]).await;
    index.catch_up(&db).await.unwrap();
    assert_ne!(first(&db, &index, "godparent", &everyone).await, "people/mentors.md");
    let done = index.embed(&db).await.unwrap();
    assert_eq!((done.vectors, done.embedded, done.removed), (7, 1, 1));

    db.write(|tx| async move { library::retire(&tx, "handbook", "leave/sick.md", "gone").await }).await.unwrap();
    db.write(|tx| async move { library::forget(&tx, "handbook", "tools/vpn.md", "withdrawn").await }).await.unwrap();
    index.catch_up(&db).await.unwrap();
    assert_ne!(first(&db, &index, "unwell", &everyone).await, "leave/sick.md");
    let done = index.embed(&db).await.unwrap();
    assert_eq!(done.embedded, 0);
    let rows = db.all("SELECT document_id FROM passage_vector", vec![]).await.unwrap();
    assert_eq!(rows.len(), 4, "expenses and parking are left");
}

#[tokio::test]
async fn a_passage_that_the_model_refuses_keeps_no_other_from_being_embedded() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let model = Arc::new(Played::default());
    *model.refuses.lock().unwrap() = Some("Harbour");
    let index = index_with(&model);
    index.catch_up(&db).await.unwrap();
    let done = index.embed(&db).await.unwrap();
    assert_eq!((done.vectors, done.embedded, done.refused), (6, 6, 1));
    let everyone = Access::everyone();
    assert_eq!(first(&db, &index, "feeling poorly", &everyone).await, "leave/sick.md");
    assert_eq!(first(&db, &index, "nearest gateway", &everyone).await, "tools/vpn.md", "by its words");

    // An endpoint that refuses everything is not asked for each passage.
    let model = Arc::new(Played::default());
    *model.refuses.lock().unwrap() = Some("");
    db.write(|tx| async move { tx.exec("DELETE FROM passage_vector", vec![]).await }).await.unwrap();
    let index = index_with(&model);
    assert!(index.embed(&db).await.unwrap_err().to_string().contains("400"));
    assert_eq!(model.asked.load(Ordering::SeqCst), 2);
    *model.refuses.lock().unwrap() = None;
    assert_eq!(index.embed(&db).await.unwrap().embedded, 7);
}

#[tokio::test]
async fn many_stored_vectors_are_taken_in_part_by_part_while_others_go_on() {
    let (db, _dir) = store().await;
    // Longer than one part, so that parts end within a document.
    let pages: Vec<_> = (0..3)
        .map(|n| {
            let sections: Vec<(String, String)> =
                (0..450).map(|s| (format!("Section {s}"), format!("Number {s} of {n}."))).collect();
            let sections: Vec<(&str, &str)> = sections.iter().map(|(h, t)| (h.as_str(), t.as_str())).collect();
            page(&format!("{n}.md"), "Numbers", &sections)
        })
        .collect();
    put(&db, &pages).await;
    put(&db, &small_library()).await;
    let model = Arc::new(Played::default());
    let index = index_with(&model);
    index.catch_up(&db).await.unwrap();
    let embedded = index.embed(&db).await.unwrap().embedded;
    assert_eq!(embedded, 3 * 450 + 7);
    let reading = index_with(&model);
    reading.catch_up(&db).await.unwrap();
    let turns = AtomicUsize::new(0);
    let others = async {
        loop {
            turns.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        loaded = reading.load_vectors(&db) => loaded.unwrap(),
        () = others => {}
    }
    assert!(turns.load(Ordering::SeqCst) >= 3, "others had {turns:?} turns");
    assert_eq!(first(&db, &reading, "unwell", &Access::everyone()).await, "leave/sick.md");
    assert_eq!(reading.0.dense.get().unwrap().vectors().len(), embedded);
}

#[tokio::test]
async fn a_running_follower_embeds_beside_everything_else() {
    let (db, _dir) = store().await;
    let model = Arc::new(Played::default());
    let index = index_with(&model);
    let story = async {
        put(&db, &small_library()).await;
        index.catch_up(&db).await.unwrap();
        while first(&db, &index, "unwell", &Access::everyone()).await != "leave/sick.md" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = index.follow_with_vectors(&db) => panic!("the follower stopped"),
        () = story => {}
    }
}

#[tokio::test]
async fn hidden_passages_change_nothing_by_meaning_either() {
    let (db, _dir) = store().await;
    put(&db, &small_library()).await;
    let model = Arc::new(Played::default());
    let index = index_with(&model);
    let everyone = Access::everyone();
    let questions = ["layoffs", "redundancy of the board", "poorly", "claim a refund"];
    let see = async |index: &Index| {
        let mut all = Vec::new();
        for question in questions {
            all.push(index.find(question, &everyone, Instant(0), 10).await.unwrap());
        }
        all
    };
    index.catch_up(&db).await.unwrap();
    index.embed(&db).await.unwrap();
    let before = see(&index).await;

    let mut secret: Vec<_> =
        (0..30).map(|n| page(&format!("board/{n}.md"), "Redundancy", &[("", "The board plans layoffs.")])).collect();
    secret.iter_mut().for_each(|p| p.readers = vec!["group:board".into()]);
    put(&db, &secret).await;
    index.catch_up(&db).await.unwrap();
    index.embed(&db).await.unwrap();
    assert_eq!(see(&index).await, before, "an employee sees neither the plan nor its weight");
    let board = Access::of(["everyone", "group:board"]);
    assert!(first(&db, &index, "layoffs", &board).await.starts_with("board/"));
}
