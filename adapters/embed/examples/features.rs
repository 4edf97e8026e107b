//! Writes what search knows about every question of labelled sets, for fitting the rules of fusion and abstention:
//! `cargo run --release -p stoa-embed --example features -- MODEL CACHE OUT SET…`. Vectors are kept in CACHE, so that
//! a second run is quick.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use stoa_ground::{Error, Result};
use stoa_learning::eval::{self, Bench};
use stoa_learning::search::Embedder;

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
    let embedder = Arc::new(Cached { model: stoa_embed::open(model)?, known: Mutex::new(known) });
    for set in sets {
        features(set, out, &embedder).await?;
        let file = BufWriter::new(File::create(cache).map_err(failed)?);
        serde_json::to_writer(file, &*embedder.known.lock().expect("no panic"))?;
    }
    Ok(())
}

async fn features(set: &Path, out: &Path, embedder: &Arc<Cached>) -> Result<()> {
    let start = stoa_ground::clock::monotonic();
    let name = set.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let corpus = eval::corpus(&set.join("corpus.jsonl"))?;
    let model: Arc<dyn Embedder> = embedder.clone();
    let bench = Bench::new(&corpus, Some(model)).await?;
    let qrels = eval::qrels(&set.join("qrels.tsv"))?;
    let mut file = BufWriter::new(File::create(out.join(format!("{name}.jsonl"))).map_err(failed)?);
    for query in eval::queries(&set.join("queries.jsonl"))? {
        let (found, answer, signals) = bench.look(&query.text).await?;
        let hits: Vec<_> = found
            .hits
            .iter()
            .map(|h| {
                let document = bench.id(&h.document_id);
                let p = &h.parts;
                json!({"d": document, "rel": qrels.relevance(&query.id, &document), "lex": p.lexical, "words": p.words,
                       "near": p.near, "cov": p.coverage, "exact": p.exact, "opening": p.opening, "doc": p.document,
                       "cos": p.cosine, "score": h.score})
            })
            .collect();
        let judged: Option<Vec<u32>> = qrels.of(&query.id).map(|j| j.values().copied().collect());
        let asked: Vec<_> = found.asked.iter().map(|a| json!([a.word, a.idf, a.passages, a.times])).collect();
        let line = json!({"id": query.id, "text": query.text, "asked": asked, "ideal": found.ideal,
                          "readable": found.readable, "judged": judged, "hits": hits, "signals": signals.values(),
                          "names": stoa_learning::answers::NAMES, "hopeless": signals.hopeless,
                          "confidence": answer.confidence});
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    println!("{name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
