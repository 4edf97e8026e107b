//! Looks for better ranking weights: `cargo run -p stoa-learning --example tune -- SET…`. One weight after the other is
//! varied and kept when the mean over the sets rises by more than chance would give.

use std::path::Path;

use stoa_ground::Instant;
use stoa_learning::eval::{self, Bench, Qrels, Query};
use stoa_learning::search::{Access, Weights};

struct Set {
    name: String,
    bench: Bench,
    queries: Vec<Query>,
    qrels: Qrels,
}

impl Set {
    fn ndcg(&self, weights: &Weights) -> f64 {
        let index = self.bench.index().with_weights(weights.clone()).expect("an index in memory");
        let values: Vec<f64> = self
            .queries
            .iter()
            .filter_map(|q| {
                let judged: Vec<u32> = self.qrels.of(&q.id)?.values().copied().collect();
                let found = index.search(&q.text, &Access::everyone(), Instant(0), 40).expect("an index in memory");
                let ranked = self.bench.ranked(&found);
                let grades: Vec<u32> = ranked.iter().map(|(d, _)| self.qrels.relevance(&q.id, d)).collect();
                Some(eval::ndcg(&grades, &judged, 10))
            })
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    }
}

type Change = (&'static str, &'static [f32], fn(&mut Weights, f32));

const CHANGES: &[Change] = &[
    ("k1", &[1.0, 1.6, 2.4], |w, v| w.k1 = v),
    ("b of the body", &[0.35, 0.65], |w, v| w.b[2] = v),
    ("document", &[0.3, 1.0], |w, v| w.document = v),
    ("b of the document", &[0.5, 0.9], |w, v| w.b_document = v),
    ("stop", &[0.0, 0.15, 0.5], |w, v| w.stop = v),
    ("coverage", &[0.1, 0.4], |w, v| w.coverage = v),
    ("phrase", &[0.2, 0.6], |w, v| w.phrase = v),
    ("related", &[0.0, 0.15, 0.6], |w, v| w.related = v),
    ("related from", &[5.0, 12.0], |w, v| w.related_from[0] = v as usize),
    ("related words", &[8.0, 32.0], |w, v| w.related_from[1] = v as usize),
    ("related long", &[4.0, 8.0], |w, v| w.related_long = v as usize),
];

#[tokio::main]
async fn main() -> stoa_ground::Result<()> {
    let mut sets = Vec::new();
    for name in std::env::args().skip(1) {
        let dir = Path::new(&name);
        let bench = Bench::new(&eval::corpus(&dir.join("corpus.jsonl"))?, None).await?;
        let queries = eval::queries(&dir.join("queries.jsonl"))?;
        sets.push(Set { bench, queries, qrels: eval::qrels(&dir.join("qrels.tsv"))?, name });
    }
    let measure = |weights: &Weights| -> Vec<f64> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = sets.iter().map(|set| scope.spawn(|| set.ndcg(weights))).collect();
            threads.into_iter().map(|t| t.join().expect("no panic")).collect()
        })
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut best = Weights::default();
    let mut at = measure(&best);
    println!("{}", sets.iter().map(|s| s.name.rsplit('/').next().unwrap_or_default()).collect::<Vec<_>>().join(" "));
    println!("{:24} {:.4} {at:.4?}", "start", mean(&at));
    for round in 1..=1 {
        for (name, values, change) in CHANGES {
            let start = best.clone();
            for &value in *values {
                let mut weights = start.clone();
                change(&mut weights, value);
                let now = measure(&weights);
                println!("{:24} {:.4} {now:.4?}", format!("{round} {name} {value}"), mean(&now));
                if mean(&now) > mean(&at) + 0.0005 {
                    (best, at) = (weights, now);
                }
            }
        }
        println!("{:24} {:.4} {at:.4?}\n{best:?}", format!("after round {round}"), mean(&at));
    }
    Ok(())
}
