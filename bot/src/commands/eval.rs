//! `stoa eval --corpus C.jsonl --queries Q.jsonl --qrels R.tsv`

use std::path::PathBuf;

use anyhow::Result;
use stoa_learning::eval;

use super::print_json;

#[derive(clap::Args, Debug)]
pub struct Options {
    /// Documents: {"id","title","text"} a line
    #[arg(long)]
    corpus: PathBuf,
    /// Questions: {"id","text"} a line
    #[arg(long)]
    queries: PathBuf,
    /// Judgements: query id, document id, relevance, parted by tabs
    #[arg(long)]
    qrels: PathBuf,
    /// Write the ranking here, in TREC's run format
    #[arg(long)]
    run_out: Option<PathBuf>,
    /// Write what was answered here, as JSON lines
    #[arg(long)]
    answers_out: Option<PathBuf>,
}

pub async fn run(options: Options, json: bool) -> Result<()> {
    let Options { corpus, queries, qrels, run_out, answers_out } = options;
    let report = eval::run(&eval::Options { corpus, queries, qrels, run_out, answers_out }, None).await?;
    if json {
        print_json(&report)?;
    } else {
        print!("{}", report.text());
    }
    Ok(())
}
