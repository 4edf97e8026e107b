//! Writes what search knows about every question of labelled sets, for fitting the rules of fusion and abstention:
//! `cargo run --release -p stoa-embed --example features -- MODEL CACHE OUT SET…`; MODEL is a folder, or `-` for words
//! alone. Vectors are kept in CACHE, so that a second run is quick. A SET is a folder as for `stoa eval`, or `PAGES:QUESTIONS.tsv`: a folder of pages, and lines of
//! a question, a tab, and a part of the path of the page that answers (`-` when none does).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use stoa_ground::{Error, Result};
use stoa_learning::answers::{self, Answer, Signals};
use stoa_learning::eval::{self, Bench};
use stoa_learning::library::{self, SourceSettings};
use stoa_learning::search::{Access, Embedder, Found, Hit, Index};
use stoa_sources::Files;

/// A model whose vectors are kept in a file.
struct Cached {
    model: Arc<dyn Embedder>,
    known: Mutex<HashMap<String, Vec<f32>>>,
}

#[async_trait]
impl Embedder for Cached {
    fn model(&self) -> &str {
        self.model.model()
    }

    async fn passages(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let known = || self.known.lock().expect("no panic");
        let new: Vec<String> = texts.iter().filter(|t| !known().contains_key(*t)).cloned().collect();
        for (text, vector) in new.iter().zip(self.model.passages(&new).await?) {
            known().insert(text.clone(), vector);
        }
        Ok(texts.iter().map(|t| known()[t].clone()).collect())
    }

    async fn query(&self, text: &str) -> Result<Vec<f32>> {
        Ok(self.passages(&[text.to_owned()]).await?.remove(0))
    }
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Io(e.to_string())
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [model, cache, out, sets @ ..] = arguments.as_slice() else {
        return Err(Error::invalid("features MODEL CACHE OUT SET…"));
    };
    let known = match File::open(cache) {
        Ok(file) => {
            let mut bytes = Vec::new();
            BufReader::new(file).read_to_end(&mut bytes).map_err(failed)?;
            serde_json::from_slice(&bytes)?
        }
        Err(_) => HashMap::new(),
    };
    let embedder = match model.to_str() {
        Some("-") => None,
        _ => Some(Arc::new(Cached { model: stoa_embed::open(model)?, known: Mutex::new(known) })),
    };
    for set in sets {
        features(set, out, embedder.as_ref()).await?;
        let Some(embedder) = &embedder else { continue };
        let file = BufWriter::new(File::create(cache).map_err(failed)?);
        serde_json::to_writer(file, &*embedder.known.lock().expect("no panic"))?;
    }
    Ok(())
}

/// A question, and which documents answer it.
struct Asked {
    id: String,
    text: String,
    judged: Option<Vec<u32>>,
}

async fn features(set: &Path, out: &Path, embedder: Option<&Arc<Cached>>) -> Result<()> {
    let start = stoa_ground::clock::monotonic();
    let model = embedder.map(|e| Arc::clone(e) as Arc<dyn Embedder>);
    let text = set.to_string_lossy().into_owned();
    let name = text.rsplit('/').next().unwrap_or_default().replace(".tsv", "");
    let mut file = BufWriter::new(File::create(out.join(format!("{name}.jsonl"))).map_err(failed)?);
    if let Some((pages, questions)) = text.split_once(':') {
        let (db, _dir) = stoa_ground::testing::store().await;
        let readers = vec!["everyone".into()];
        let settings =
            SourceSettings { name: "pages".into(), kind: "files".into(), readers, verified: true, external: false };
        library::sync(&db, &Files::new(settings, pages), &|_| {}).await?;
        let index = Index::in_memory()?;
        index.catch_up(&db).await?;
        if let Some(model) = model {
            index.search_by_meaning(model);
            index.embed(&db).await?;
        }
        let documents = db.read(|c| async move { library::documents(&c).await }).await?;
        let at: HashMap<_, _> = documents.into_iter().map(|d| (d.id, d.location)).collect();
        let lines = std::fs::read_to_string(questions).map_err(failed)?;
        for (n, line) in lines.lines().filter(|l| l.contains('\t')).enumerate() {
            let (text, page) = line.split_once('\t').unwrap_or_default();
            let judged = (page != "-").then(|| vec![1]);
            let asked = Asked { id: n.to_string(), text: text.to_owned(), judged };
            let everyone = Access::everyone();
            let (found, answer) = answers::look_up(&db, &index, text, &everyone, 300).await?;
            let signals = answers::weigh(&db, &index, text, &everyone).await?;
            let relevance =
                |d: &str| (d.to_owned(), u32::from(page != "-" && at.get(d).is_some_and(|l| l.contains(page))));
            writeln!(file, "{}", line_of(&asked, &found, &answer, &signals, relevance)).map_err(failed)?;
        }
    } else {
        let bench = Bench::new(&eval::corpus(&set.join("corpus.jsonl"))?, model).await?;
        let qrels = eval::qrels(&set.join("qrels.tsv"))?;
        for query in eval::queries(&set.join("queries.jsonl"))? {
            let (found, answer, signals) = bench.look(&query.text).await?;
            let judged = qrels.of(&query.id).map(|j| j.values().copied().collect());
            let relevance = |d: &str| (bench.id(d), qrels.relevance(&query.id, &bench.id(d)));
            let asked = Asked { id: query.id.clone(), text: query.text.clone(), judged };
            writeln!(file, "{}", line_of(&asked, &found, &answer, &signals, relevance)).map_err(failed)?;
        }
    }
    file.flush().map_err(failed)?;
    println!("{name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn line_of(
    asked: &Asked,
    found: &Found,
    answer: &Answer,
    signals: &Signals,
    relevance: impl Fn(&str) -> (String, u32),
) -> Value {
    let hit = |h: &Hit| {
        let (document, relevance) = relevance(&h.document_id);
        let p = &h.parts;
        json!({"d": document, "rel": relevance, "lex": p.lexical, "words": p.words, "near": p.near, "cov": p.coverage,
               "exact": p.exact, "opening": p.opening, "doc": p.document, "cos": p.cosine, "score": h.score})
    };
    let words: Vec<_> = found.asked.iter().map(|a| json!([a.word, a.idf, a.passages, a.times])).collect();
    json!({"id": asked.id, "text": asked.text, "judged": asked.judged, "asked": words, "ideal": found.ideal,
           "readable": found.readable, "hits": found.hits.iter().map(hit).collect::<Vec<_>>(),
           "signals": signals.values(), "names": answers::NAMES, "hopeless": signals.hopeless,
           "confidence": answer.confidence, "answered": !answer.abstained, "meaning": found.meaning})
}
