//! Fits the model that decides whether to answer: `cargo run -p stoa-sources --example abstention -- SET PAGES
//! QUESTIONS.tsv FOREIGN`. SET has answerable and unanswerable questions, PAGES is a folder of pages with QUESTIONS as
//! for the example `answers`; the questions of SET are unanswerable on PAGES, and those of the set FOREIGN on SET.

use std::path::Path;

use stoa_ground::testing::store;
use stoa_learning::answers::{self, NAMES, Signals, THRESHOLD};
use stoa_learning::eval::{self, Bench, auroc};
use stoa_learning::library::{self, SourceSettings};
use stoa_learning::search::{Access, Index};
use stoa_sources::Files;

const COUNT: usize = NAMES.len();

struct Example {
    values: [f64; COUNT],
    answerable: bool,
    weight: f64,
    group: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, pages, questions, foreign] = &arguments[..] else {
        return Err("usage: abstention SET PAGES QUESTIONS.tsv FOREIGN".into());
    };
    let mut all: Vec<Example> = Vec::new();
    let mut take = |signals: &Signals, answerable, weight, group| {
        if !signals.hopeless {
            all.push(Example { values: signals.values(), answerable, weight, group });
        }
    };
    let set = Path::new(set);
    let bench = Bench::new(&eval::corpus(&set.join("corpus.jsonl"))?, None).await?;
    let qrels = eval::qrels(&set.join("qrels.tsv"))?;
    let queries = eval::queries(&set.join("queries.jsonl"))?;
    for query in &queries {
        take(&bench.look(&query.text).await?.2, qrels.of(&query.id).is_some(), 1.0, 0);
    }
    for query in &eval::queries(&Path::new(foreign).join("queries.jsonl"))? {
        take(&bench.look(&query.text).await?.2, false, 0.3, 2);
    }
    let (db, _dir) = store().await;
    let settings = SourceSettings {
        name: "pages".into(),
        kind: "files".into(),
        readers: vec!["everyone".into()],
        verified: true,
        external: false,
    };
    library::sync(&db, &Files::new(settings, pages), &|_| {}).await?;
    let index = Index::in_memory()?;
    index.catch_up(&db).await?;
    let everyone = Access::everyone();
    for line in std::fs::read_to_string(questions)?.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (question, page) = line.split_once('\t').ok_or(format!("no tab in '{line}'"))?;
        take(&answers::weigh(&db, &index, question, &everyone).await?, page != "-", 3.0, 1);
    }
    for query in queries.iter().filter(|q| qrels.of(&q.id).is_some()) {
        take(&answers::weigh(&db, &index, &query.text, &everyone).await?, false, 0.15, 3);
    }

    println!("signal        alone, by group: set, pages");
    for (i, name) in NAMES.iter().enumerate() {
        let alone = |group| {
            let of = |answerable: bool| -> Vec<f64> {
                let chosen = all.iter().filter(|e| e.group == group && e.answerable == answerable);
                chosen.map(|e| e.values[i]).collect()
            };
            auroc(&of(true), &of(false)).unwrap_or(0.5)
        };
        println!("{name:12} {:.3} {:.3}", alone(0), alone(1));
    }
    let folds = 5;
    let mut scores = Vec::new();
    for fold in 0..folds {
        let training: Vec<&Example> =
            all.iter().enumerate().filter(|(i, _)| i % folds != fold).map(|(_, e)| e).collect();
        let model = fit(&training);
        let held = all.iter().enumerate().filter(|(i, _)| i % folds == fold);
        scores.extend(held.map(|(_, e)| (score(&model, &e.values), e.answerable, e.group)));
    }
    let everything: Vec<&Example> = all.iter().collect();
    let model = fit(&everything);
    println!("\nheld out (five folds), then fitted on everything:");
    report(&scores);
    let fitted: Vec<_> = all.iter().map(|e| (score(&model, &e.values), e.answerable, e.group)).collect();
    report(&fitted);
    println!("\nconst BIAS: f64 = {:.3};\nconst COEFFICIENTS: [f64; NAMES.len()] = [", model[COUNT]);
    for (name, c) in NAMES.iter().zip(&model) {
        println!("    {c:.3}, // {name}");
    }
    println!("];");
    Ok(())
}

fn score(model: &[f64; COUNT + 1], values: &[f64; COUNT]) -> f64 {
    let sum: f64 = model[COUNT] + values.iter().zip(model).map(|(v, c)| v * c).sum::<f64>();
    1.0 / (1.0 + (-sum).exp())
}

/// Logistic regression with a small ridge, by gradient descent with momentum: a few hundred examples need no more.
fn fit(examples: &[&Example]) -> [f64; COUNT + 1] {
    let mut model = [0.0; COUNT + 1];
    let mut pace = [0.0; COUNT + 1];
    let total: f64 = examples.iter().map(|e| e.weight).sum();
    for _ in 0..6_000 {
        let mut slope = [0.0; COUNT + 1];
        for e in examples {
            let error = (score(&model, &e.values) - f64::from(u8::from(e.answerable))) * e.weight / total;
            for (s, v) in slope.iter_mut().zip(e.values.iter().chain(&[1.0])) {
                *s += error * v;
            }
        }
        for i in 0..=COUNT {
            let ridge = if i < COUNT { 0.0015 * model[i] } else { 0.0 };
            pace[i] = 0.9 * pace[i] - 0.3 * (slope[i] + ridge);
            model[i] += pace[i];
        }
    }
    model
}

fn report(scores: &[(f64, bool, usize)]) {
    for (group, name) in ["set", "pages"].into_iter().enumerate() {
        let of = |answerable: bool| -> Vec<f64> {
            scores.iter().filter(|s| s.2 == group && s.1 == answerable).map(|s| s.0).collect()
        };
        let (mut yes, no) = (of(true), of(false));
        yes.sort_by(f64::total_cmp);
        let share = |list: &[f64], from: f64| list.iter().filter(|&&s| s >= from).count() as f64 / list.len() as f64;
        let ninety = yes[yes.len() / 10];
        println!(
            "{name:6} AUROC {:.4}; keeping 90 % (from {ninety:.3}) refuses {:.3}; from {THRESHOLD} keeps {:.3}, refuses {:.3}",
            auroc(&yes, &no).unwrap_or_default(),
            1.0 - share(&no, ninety),
            share(&yes, THRESHOLD),
            1.0 - share(&no, THRESHOLD)
        );
    }
    for (group, name) in [(2, "foreign questions to the set"), (3, "the set's questions to the pages")] {
        let of: Vec<f64> = scores.iter().filter(|s| s.2 == group).map(|s| s.0).collect();
        let refused = of.iter().filter(|&&s| s < THRESHOLD).count() as f64 / of.len().max(1) as f64;
        println!("{name}: {refused:.3} refused");
    }
}
