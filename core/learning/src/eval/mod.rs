//! Evaluation: how well search and answers do on a set of questions with known relevant documents.
//!
//! A corpus goes into a store of its own in a temporary folder, and each question goes the way of `ask`; nothing needs
//! configuration and nothing stays behind.

mod files;
mod measures;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use stoa_ground::{Clock, Db, Error, Instant, Result};

use crate::answers::{self, Answer, Signals, THRESHOLD};
use crate::library::{self, Item, Section};
use crate::search::{Access, Embedder, Found, Index, Reranker};

pub use files::{Document, Qrels, Query, corpus, qrels, queries};
pub use measures::{auroc, mrr, ndcg, recall};

/// Documents in one run line list.
const DEPTH: usize = 100;
/// Passages looked at to fill it: long documents have several.
const PASSAGES: usize = 300;
/// Documents stored with one transaction.
const CHUNK: usize = 20;
/// The source's name in the temporary store.
const SOURCE: &str = "eval";

/// What to evaluate. Formats as in the design's section 4.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of `{"id","title","text"}`.
    pub corpus: PathBuf,
    /// Lines of `{"id","text"}`.
    pub queries: PathBuf,
    /// Lines of `query-id<TAB>doc-id<TAB>relevance`.
    pub qrels: PathBuf,
    /// Where to write `query-id Q0 doc-id rank score stoa` lines.
    pub run_out: Option<PathBuf>,
    /// Where to write `{"id","score","answered","citations"}` lines.
    pub answers_out: Option<PathBuf>,
}

/// What came out. Shares are 0 to 1; none where there is nothing to measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Documents in the corpus.
    pub documents: usize,
    /// Questions asked.
    pub queries: usize,
    /// Questions with relevant documents.
    pub answerable: usize,
    /// Mean nDCG of the first ten documents, gain 2^relevance − 1, over the answerable questions.
    #[serde(rename = "ndcg@10")]
    pub ndcg: Option<f64>,
    /// Mean share of min(relevant, 5) relevant documents among the first five.
    #[serde(rename = "recall@5")]
    pub recall5: Option<f64>,
    /// The same for ten.
    #[serde(rename = "recall@10")]
    pub recall10: Option<f64>,
    /// Mean of one over the rank of the first relevant document, 0 beyond ten.
    #[serde(rename = "mrr@10")]
    pub mrr: Option<f64>,
    /// Share of the cited documents that are relevant, over the answerable questions that were answered.
    pub citation_precision: Option<f64>,
    /// Area under the ROC curve of the confidence, answerable against unanswerable.
    pub auroc: Option<f64>,
    /// The confidence from which on Stoa answers.
    pub threshold: f64,
    /// Share of the answerable questions that were answered.
    pub coverage: Option<f64>,
    /// Share of the unanswerable questions that were refused.
    pub refusals: Option<f64>,
    /// Questions that were answered although no cited document is relevant.
    pub wrong_answers: usize,
    /// The same as a share of all that was answered.
    pub wrong_share: Option<f64>,
    /// Questions that were answered.
    pub answered: usize,
    /// Time for one question, the median, in milliseconds.
    pub p50_ms: f64,
    /// Time that one question of a hundred exceeds, in milliseconds.
    pub p99_ms: f64,
}

/// How one question went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Documents, best first, with their scores.
    pub ranked: Vec<(String, f32)>,
    /// The confidence.
    pub score: f64,
    /// Whether Stoa answered.
    pub answered: bool,
    /// The documents that the answer cites.
    pub cited: Vec<String>,
    /// Machine time from question to answer, in milliseconds.
    pub millis: f64,
}

/// A corpus in a store and an index of its own; gone when it is dropped.
pub struct Bench {
    db: Db,
    index: Index,
    /// The corpus's id of each document.
    ids: HashMap<String, String>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Stores and indexes a corpus; with a model, embeds it as well.
    ///
    /// # Errors
    /// When the temporary folder cannot be written.
    pub async fn new(corpus: &[Document], model: Option<Arc<dyn Embedder>>) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|e| Error::Io(format!("no temporary folder could be made: {e}")))?;
        let url = format!("sqlite://{}", folder.path().join("eval.db").display());
        let db = Db::open(&url, Clock::manual(Instant(0))).await?;
        let mut ids = HashMap::new();
        for chunk in corpus.chunks(CHUNK) {
            let stored = db
                .write(|tx| async move {
                    let mut stored = Vec::with_capacity(chunk.len());
                    for document in chunk {
                        stored.push((library::put(&tx, &item(document)).await?.document, document.id.clone()));
                    }
                    Ok(stored)
                })
                .await?;
            ids.extend(stored);
        }
        let index = Index::in_memory()?;
        index.catch_up(&db).await?;
        if let Some(model) = model {
            index.search_by_meaning(model);
            index.embed(&db).await?;
        }
        Ok(Self { db, index, ids, _folder: folder })
    }

    /// The index over the corpus.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Asks one question as `ask` does.
    ///
    /// # Errors
    /// When the store or the index fails.
    pub async fn ask(&self, question: &str) -> Result<Outcome> {
        let start = stoa_ground::clock::monotonic();
        let (found, answer) = answers::look_up(&self.db, &self.index, question, &Access::everyone(), PASSAGES).await?;
        let millis = start.elapsed().as_secs_f64() * 1_000.0;
        let mut outcome = Outcome {
            ranked: self.ranked(&found),
            score: answer.confidence,
            answered: !answer.abstained,
            millis,
            ..Outcome::default()
        };
        for citation in &answer.citations {
            let cited = self.id(&citation.document);
            if !outcome.cited.contains(&cited) {
                outcome.cited.push(cited);
            }
        }
        Ok(outcome)
    }

    /// What is found for a question, the answer, and the signals for and against it.
    ///
    /// # Errors
    /// When the store or the index fails.
    pub async fn look(&self, question: &str) -> Result<(Found, Answer, Signals)> {
        let everyone = Access::everyone();
        let (found, answer) = answers::look_up(&self.db, &self.index, question, &everyone, PASSAGES).await?;
        let signals = answers::weigh(&self.db, &self.index, question, &everyone).await?;
        Ok((found, answer, signals))
    }

    /// The documents that were found, each by its best passage, best first.
    #[must_use]
    pub fn ranked(&self, found: &Found) -> Vec<(String, f32)> {
        let mut seen = HashSet::new();
        let documents = found.hits.iter().filter(|h| seen.insert(h.document_id.as_str()));
        documents.take(DEPTH).map(|h| (self.id(&h.document_id), h.score)).collect()
    }

    /// The corpus's id of a document.
    #[must_use]
    pub fn id(&self, document: &str) -> String {
        self.ids.get(document).cloned().unwrap_or_default()
    }
}

fn item(document: &Document) -> Item {
    let text = if document.text.trim().is_empty() { &document.title } else { &document.text };
    Item {
        source: SOURCE.into(),
        location: document.id.clone(),
        title: document.title.clone(),
        readers: vec!["everyone".into()],
        verified: true,
        sections: vec![Section { text: text.clone(), ..Section::default() }],
        ..Item::default()
    }
}

/// Evaluates, by words alone or with a model, with a cross-encoder or without, and writes the files that were asked for.
///
/// # Errors
/// When a file cannot be read or written, or a line is malformed: the sentence names file and line.
pub async fn run(
    options: &Options,
    model: Option<Arc<dyn Embedder>>,
    reranker: Option<Arc<dyn Reranker>>,
) -> Result<Report> {
    let corpus = corpus(&options.corpus)?;
    let queries = queries(&options.queries)?;
    let qrels = qrels(&options.qrels)?;
    let mut run = files::Out::create(options.run_out.as_deref())?;
    let mut answers = files::Out::create(options.answers_out.as_deref())?;
    let bench = Bench::new(&corpus, model).await?;
    if let Some(reranker) = reranker {
        bench.index.look_again_with(reranker);
    }
    let mut outcomes = Vec::with_capacity(queries.len());
    for query in &queries {
        let outcome = bench.ask(&query.text).await?;
        for (rank, (document, score)) in outcome.ranked.iter().enumerate() {
            run.line(&format!("{} Q0 {document} {} {score} stoa", query.id, rank + 1))?;
        }
        let line = serde_json::json!({
            "id": query.id, "score": outcome.score, "answered": outcome.answered, "citations": outcome.cited,
        });
        answers.line(&line.to_string())?;
        outcomes.push(outcome);
    }
    run.finish()?;
    answers.finish()?;
    Ok(report(corpus.len(), &queries, &qrels, &outcomes))
}

/// The measures over questions and how they went, in the same order.
#[must_use]
pub fn report(documents: usize, queries: &[Query], qrels: &Qrels, outcomes: &[Outcome]) -> Report {
    let mut report = Report { documents, queries: queries.len(), threshold: THRESHOLD, ..Report::default() };
    let mut ranking = [0.0; 4];
    let (mut cited, mut right, mut covered, mut refused) = (0, 0, 0, 0);
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    for (query, outcome) in queries.iter().zip(outcomes) {
        let relevant = |d: &String| qrels.relevance(&query.id, d) > 0;
        let good = outcome.cited.iter().filter(|d| relevant(d)).count();
        report.answered += usize::from(outcome.answered);
        report.wrong_answers += usize::from(outcome.answered && good == 0);
        match qrels.of(&query.id) {
            Some(judged) => {
                report.answerable += 1;
                positive.push(outcome.score);
                covered += usize::from(outcome.answered);
                cited += outcome.cited.len();
                right += good;
                let grades: Vec<u32> = outcome.ranked.iter().map(|(d, _)| qrels.relevance(&query.id, d)).collect();
                let judged: Vec<u32> = judged.values().copied().collect();
                let values = [
                    ndcg(&grades, &judged, 10),
                    recall(&grades, &judged, 5),
                    recall(&grades, &judged, 10),
                    mrr(&grades, 10),
                ];
                ranking.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
            }
            None => {
                negative.push(outcome.score);
                refused += usize::from(!outcome.answered);
            }
        }
    }
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    [report.ndcg, report.recall5, report.recall10, report.mrr] =
        ranking.map(|sum| (report.answerable > 0).then(|| sum / report.answerable as f64));
    report.citation_precision = share(right, cited);
    report.auroc = auroc(&positive, &negative);
    report.coverage = share(covered, report.answerable);
    report.refusals = share(refused, negative.len());
    report.wrong_share = share(report.wrong_answers, report.answered);
    let mut times: Vec<f64> = outcomes.iter().map(|o| o.millis).collect();
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times.get(((times.len() as f64 - 1.0) * q).round().max(0.0) as usize).copied().unwrap_or(0.0);
    (report.p50_ms, report.p99_ms) = (at(0.5), at(0.99));
    report
}

impl Report {
    /// The report as lines of text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!(
            "{} documents, {} questions, {} of them answerable\n",
            self.documents, self.queries, self.answerable
        );
        for (name, value) in [
            ("nDCG@10", self.ndcg),
            ("recall@5", self.recall5),
            ("recall@10", self.recall10),
            ("MRR@10", self.mrr),
            ("citation precision", self.citation_precision),
            ("AUROC of the confidence", self.auroc),
            ("coverage (answerable, answered)", self.coverage),
            ("refusals (unanswerable, refused)", self.refusals),
            ("wrong among the answered", self.wrong_share),
        ] {
            let value = value.map_or("nothing to measure".into(), |v| format!("{v:.4}"));
            // Writing to a String does not fail.
            let _ = writeln!(out, "{name:<34}{value}");
        }
        let _ = writeln!(out, "{:<34}{} of {} answered", "wrong answers", self.wrong_answers, self.answered);
        let _ = writeln!(out, "{:<34}{}", "answers from a confidence of", self.threshold);
        let _ = writeln!(out, "{:<34}p50 {:.1} ms, p99 {:.1} ms", "time", self.p50_ms, self.p99_ms);
        out
    }
}

#[cfg(test)]
mod tests;
