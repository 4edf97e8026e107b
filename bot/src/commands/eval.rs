//! `stoa eval --corpus C.jsonl --queries Q.jsonl --qrels R.tsv`

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use stoa_ground::Clock;
use stoa_learning::eval;

use super::print_json;
use crate::config::Config;
use crate::model::embedder;

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
    /// Search by meaning as well, with the model of --model, else the configured one
    #[arg(long)]
    semantic: bool,
    /// The folder of the model for --semantic
    #[arg(long, value_name = "DIR", requires = "semantic")]
    model: Option<PathBuf>,
    /// Have a cross-encoder look at the best passages once more
    #[arg(long, value_name = "DIR")]
    reranker: Option<PathBuf>,
    /// Write the ranking here, in TREC's run format
    #[arg(long)]
    run_out: Option<PathBuf>,
    /// Write what was answered here, as JSON lines
    #[arg(long)]
    answers_out: Option<PathBuf>,
}

/// Needs no configuration but for --semantic without --model.
pub async fn run(config: Option<&Path>, options: Options, json: bool) -> Result<()> {
    let Options { corpus, queries, qrels, semantic, model, reranker, run_out, answers_out } = options;
    let model = match (semantic, model) {
        (false, _) => None,
        (true, Some(dir)) => Some(stoa_embed::open(&dir)?),
        (true, None) => match embedder(&Config::load(config)?, &Clock::system())? {
            Some(model) => Some(model),
            None => bail!("--semantic needs a model: name its folder with --model DIR, or set [search] model_dir"),
        },
    };
    let reranker = reranker.map(|dir| stoa_embed::open_reranker(&dir)).transpose()?;
    let options = eval::Options { corpus, queries, qrels, run_out, answers_out };
    let report = eval::run(&options, model, reranker).await?;
    if json {
        print_json(&report)?;
    } else {
        print!("{}", report.text());
    }
    Ok(())
}
