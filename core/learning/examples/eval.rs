//! Measures search and answers: `cargo run -p stoa-learning --example eval -- SET…`, each SET a folder with
//! `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`.

use std::path::Path;

use stoa_learning::eval::{self, Options};

#[tokio::main]
async fn main() -> stoa_ground::Result<()> {
    let mut total = (0.0, 0.0);
    for set in std::env::args().skip(1) {
        let dir = Path::new(&set);
        let options = Options {
            corpus: dir.join("corpus.jsonl"),
            queries: dir.join("queries.jsonl"),
            qrels: dir.join("qrels.tsv"),
            run_out: None,
            answers_out: None,
        };
        let start = stoa_ground::clock::monotonic();
        let report = eval::run(&options, None, None).await?;
        println!("{}\n{}({:.1} s in all)\n", dir.display(), report.text(), start.elapsed().as_secs_f64());
        total = (total.0 + report.ndcg.unwrap_or(0.0), total.1 + 1.0);
    }
    println!("mean nDCG@10 {:.4}", total.0 / total.1);
    Ok(())
}
