//! `stoa bench --search N`: ranking at size. A library of generated text is stored, indexed and asked; with a model also
//! by meaning. The words are made up, but as frequent as words are (Zipf), and as many as a large handbook has.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde_json::json;
use stoa_ground::clock::monotonic;
use stoa_ground::{Clock, Db};
use stoa_learning::answers;
use stoa_learning::library::{self, Item, Section};
use stoa_learning::search::{Access, Embedder, Index};

use super::resident_mib;
use crate::commands::print_json;

/// Different words.
const WORDS: usize = 30_000;
/// Passages of a document.
const SECTIONS: usize = 5;
/// Words of a passage.
const LENGTH: usize = 110;
/// Documents stored with one transaction.
const CHUNK: usize = 40;
/// Questions asked.
const QUESTIONS: usize = 1_000;
/// How often a changed document is looked for.
const CHANGES: usize = 10;

/// What to measure.
pub struct Wanted {
    pub passages: usize,
    /// The model's folder, for search by meaning.
    pub model: Option<PathBuf>,
    /// A folder that keeps the library between two runs.
    pub keep: Option<PathBuf>,
}

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.roll() as f64 / (1u64 << 31) as f64
    }

    /// The rank of a word: the r-th word is about 1/r as frequent as the first.
    fn rank(&mut self) -> usize {
        ((WORDS as f64).powf(self.share()) as usize).min(WORDS) - 1
    }
}

/// The most frequent words, as in real pages: those that questions have around the words that tell something.
const STOPS: [&str; 5] = ["the", "of", "how", "do", "i"];

/// The word of a rank: a stop word, or syllables that spell its number.
fn word(rank: usize) -> String {
    if let Some(stop) = STOPS.get(rank) {
        return (*stop).into();
    }
    const SYLLABLES: [&str; 20] = [
        "ka", "lo", "mi", "ter", "sun", "bre", "vo", "dal", "pin", "rus", "fe", "gom", "nas", "tul", "wex", "hir",
        "jo", "cam", "zel", "quo",
    ];
    let (mut word, mut rest) = (String::new(), rank + 20);
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 20]);
        rest /= 20;
    }
    word
}

fn sentence(dice: &mut Dice, words: usize) -> String {
    let mut text = String::new();
    for n in 0..words {
        // Writing to a String does not fail.
        let _ = write!(text, "{}{}", if n > 0 { " " } else { "" }, word(dice.rank()));
    }
    text
}

fn document(number: usize) -> Item {
    let mut dice = Dice(number as u64 * 7_919 + 17);
    let section = |dice: &mut Dice| {
        let sentences: Vec<String> = (0..LENGTH / 11).map(|_| sentence(dice, 11)).collect();
        Section { headings: vec![sentence(dice, 3)], anchor: None, text: format!("{}.", sentences.join(". ")) }
    };
    Item {
        source: "bench".into(),
        location: format!("{}/{number}.md", number % 100),
        title: sentence(&mut dice, 4),
        readers: vec!["everyone".into()],
        verified: true,
        sections: (0..SECTIONS).map(|_| section(&mut dice)).collect(),
        ..Item::default()
    }
}

/// Words of a passage, as somebody would ask: some telling ones, some frequent ones.
fn question(dice: &mut Dice, documents: usize) -> String {
    let item = document(dice.roll() as usize % documents);
    let section = &item.sections[dice.roll() as usize % SECTIONS];
    let words: Vec<&str> = section.text.split([' ', '.']).filter(|w| !w.is_empty() && !STOPS.contains(w)).collect();
    let count = 2 + dice.roll() as usize % 6;
    let asked: Vec<&str> = (0..count).map(|_| words[dice.roll() as usize % words.len()]).collect();
    format!("How do I {}?", asked.join(" "))
}

/// A model whose passages get any vector at once, and whose questions are embedded truly: the search over them costs
/// what it costs, and hours of embedding are spared.
struct Scattered {
    model: Arc<dyn Embedder>,
    dimension: usize,
}

#[async_trait]
impl Embedder for Scattered {
    fn model(&self) -> &str {
        "scattered"
    }

    async fn passages(&self, texts: &[String]) -> stoa_ground::Result<Vec<Vec<f32>>> {
        let vector = |text: &String| {
            let mut dice = Dice(text.bytes().fold(7, |h, b| h * 31 % 1_000_003 + u64::from(b)));
            let values: Vec<f32> = (0..self.dimension).map(|_| dice.share() as f32 - 0.5).collect();
            let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
            values.iter().map(|v| v / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }

    async fn query(&self, text: &str) -> stoa_ground::Result<Vec<f32>> {
        self.model.query(text).await
    }
}

/// The figures as they come.
struct Figures {
    json: bool,
}

impl Figures {
    fn tell(&self, name: &str, value: f64, unit: &str, wanted: &str) -> Result<()> {
        if self.json {
            return print_json(&json!({ "figure": name, "value": value, "unit": unit, "wanted": wanted }));
        }
        let wanted = if wanted.is_empty() { String::new() } else { format!("  (wanted: {wanted})") };
        println!("{name:<52} {value:>10.1} {unit}{wanted}");
        Ok(())
    }

    fn times(&self, name: &str, mut times: Vec<Duration>, wanted: [&str; 3]) -> Result<()> {
        times.sort_unstable();
        for ((share, what), wanted) in [(50, "half"), (95, "95 %"), (99, "99 %")].into_iter().zip(wanted) {
            let at = times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or_default();
            self.tell(&format!("{name}, {what} within"), at.as_secs_f64() * 1_000.0, "ms", wanted)?;
        }
        Ok(())
    }
}

pub async fn run(wanted: &Wanted, json: bool) -> Result<()> {
    let temporary = tempfile::tempdir().context("a temporary folder")?;
    let folder = wanted.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let figures = Figures { json };
    let url = format!("sqlite://{}", folder.join("bench.db").display());
    let db = Db::open(&url, Clock::system()).await?;
    let documents = wanted.passages.div_ceil(SECTIONS);
    let stored = db.read(|c| async move { library::sources(&c).await }).await?.first().map_or(0, |s| s.documents);
    if stored < documents {
        let start = monotonic();
        for first in (stored..documents).step_by(CHUNK) {
            let items: Vec<Item> = (first..(first + CHUNK).min(documents)).map(document).collect();
            let items = items.as_slice();
            db.write(|tx| async move {
                for item in items {
                    library::put(&tx, item).await?;
                }
                Ok(())
            })
            .await?;
        }
        let rate = ((documents - stored) * SECTIONS) as f64 / start.elapsed().as_secs_f64();
        figures.tell("passages stored in a second", rate, "", "")?;
    }
    let index = Index::open(&folder.join("index"))?;
    let start = monotonic();
    let progress = index.catch_up(&db).await?;
    if progress.passages > 0 {
        let rate = progress.passages as f64 / start.elapsed().as_secs_f64();
        figures.tell("passages indexed in a second", rate, "", "at least 5,000")?;
    }
    let limits = if wanted.passages > 200_000 { ["", "", "under 100"] } else { ["under 5", "", "under 30"] };
    search(&db, &index, documents, "search by words", &figures, limits).await?;
    if let Some(mib) = resident_mib() {
        figures.tell("resident memory", mib, "MiB", "under 400")?;
    }
    change(&db, &index, &figures).await?;
    if let Some(dir) = &wanted.model {
        meaning(&db, index, documents, dir, &figures).await?;
    }
    db.close().await;
    Ok(())
}

async fn search(
    db: &Db,
    index: &Index,
    documents: usize,
    name: &str,
    figures: &Figures,
    wanted: [&str; 3],
) -> Result<()> {
    let everyone = Access::everyone();
    let start = monotonic();
    index.find("first question", &everyone, db.clock().now(), 10).await?;
    figures.tell(&format!("{name}, the first after a change"), start.elapsed().as_secs_f64() * 1_000.0, "ms", "")?;
    let mut dice = Dice(4_711);
    let questions: Vec<String> = (0..QUESTIONS).map(|_| question(&mut dice, documents)).collect();
    let mut times = Vec::with_capacity(QUESTIONS);
    for question in &questions {
        let start = monotonic();
        index.find(question, &everyone, db.clock().now(), 10).await?;
        times.push(start.elapsed());
    }
    figures.times(name, times, wanted)?;
    let mut times = Vec::new();
    for question in questions.iter().take(200) {
        let start = monotonic();
        answers::ask(db, index, question, &everyone).await?;
        times.push(start.elapsed());
    }
    figures.times(&format!("ask, {name}"), times, ["", "under 200", ""])
}

/// How long until what was changed is found.
async fn change(db: &Db, index: &Index, figures: &Figures) -> Result<()> {
    let mut worst = Duration::ZERO;
    let story = async {
        for n in 0..CHANGES {
            let mut item = document(n);
            let term = format!("zyxel{n}quib");
            item.sections[0].text.push_str(&term);
            let start = monotonic();
            let put = &item;
            db.write(|tx| async move { library::put(&tx, put).await }).await?;
            while index.search(&term, &Access::everyone(), db.clock().now(), 1)?.hits.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            worst = worst.max(start.elapsed());
            let old = document(n);
            let put = &old;
            db.write(|tx| async move { library::put(&tx, put).await }).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        () = index.follow(db) => {}
        done = story => done?,
    }
    index.catch_up(db).await?;
    figures.tell("a changed document is found after, at worst", worst.as_secs_f64() * 1_000.0, "ms", "under 2,000")
}

async fn meaning(db: &Db, index: Index, documents: usize, dir: &std::path::Path, figures: &Figures) -> Result<()> {
    let start = monotonic();
    let model = stoa_embed::open(dir)?;
    figures.tell("a model is opened after", start.elapsed().as_secs_f64() * 1_000.0, "ms", "")?;
    // English prose has about 1.3 tokens a word.
    let prose =
        "People who travel for the company book the train early, keep every receipt and send them within two weeks. ";
    let passage: String = prose.repeat(6).split(' ').take(98).collect::<Vec<_>>().join(" ");
    let texts = vec![passage; 128];
    let start = monotonic();
    let dimension = model.passages(&texts).await?.first().map_or(0, Vec::len);
    let rate = texts.len() as f64 / start.elapsed().as_secs_f64();
    figures.tell("passages of 98 words embedded in a second", rate, "", "at least 20, of 128 tokens")?;
    let mut times = Vec::new();
    for n in 0..100 {
        let start = monotonic();
        model.query(&format!("How do I claim what I paid for the {n} train to the customer?")).await?;
        times.push(start.elapsed());
    }
    figures.times("a question embedded", times, ["", "", ""])?;
    index.search_by_meaning(Arc::new(Scattered { model, dimension }));
    index.embed(db).await?;
    search(db, &index, documents, "search by words and meaning", figures, ["", "under 60", ""]).await?;
    if let Some(mib) = resident_mib() {
        figures.tell("resident memory with model and vectors", mib, "MiB", "")?;
    }
    Ok(())
}
