//! Asks a folder of pages many questions: `cargo run -p stoa-sources --example answers -- FOLDER QUESTIONS.tsv`, each
//! line a question, a tab, and a part of the page's path that answers it, or `-` when none does.

use stoa_ground::clock::monotonic;
use stoa_ground::testing::store;
use stoa_learning::answers::{self, THRESHOLD};
use stoa_learning::library::{self, SourceSettings};
use stoa_learning::search::{Access, Index};
use stoa_sources::Files;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, questions] = &arguments[..] else { return Err("usage: answers FOLDER QUESTIONS.tsv".into()) };
    let (db, _dir) = store().await;
    let settings = SourceSettings {
        name: "pages".into(),
        kind: "files".into(),
        readers: vec!["everyone".into()],
        verified: true,
        external: false,
    };
    let start = monotonic();
    let report = library::sync(&db, &Files::new(settings, folder), &|_| {}).await?;
    println!("{} pages in {:.2} s", report.added, start.elapsed().as_secs_f64());
    let start = monotonic();
    let index = Index::in_memory()?;
    let progress = index.catch_up(&db).await?;
    println!("{} passages indexed in {:.2} s", progress.passages, start.elapsed().as_secs_f64());

    let (mut times, mut good, mut wrong, mut kept, mut refused, mut all) = (Vec::new(), 0, 0, 0, 0, 0);
    for line in std::fs::read_to_string(questions)?.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (question, page) = line.split_once('\t').ok_or(format!("no tab in '{line}'"))?;
        let start = monotonic();
        let answer = answers::ask(&db, &index, question, &Access::everyone()).await?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        let answerable = page != "-";
        let right = answerable && answer.citations.iter().any(|c| c.location.contains(page));
        let verdict = match (answerable, answer.abstained) {
            (true, false) if right => "good   ",
            (true, true) => "MISSED ",
            (false, true) => "refused",
            (_, false) => "WRONG  ",
        };
        all += 1;
        good += usize::from(verdict == "good   ");
        wrong += usize::from(verdict == "WRONG  ");
        refused += usize::from(verdict == "refused");
        kept += usize::from(verdict == "MISSED ");
        println!("\n{verdict} {:.2} {question}", answer.confidence);
        for c in &answer.citations {
            println!("        [{} > {}] {}", c.title, c.heading, c.location);
        }
        println!("{}", answer.answer.lines().map(|l| format!("        | {l}\n")).collect::<String>().trim_end());
        if answer.citations.is_empty() {
            for n in &answer.nearest {
                println!("        near: [{} > {}] {}", n.title, n.heading, n.location);
            }
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "\n{all} questions, threshold {THRESHOLD}: {good} good, {refused} rightly refused, {wrong} wrong, {kept} missed; p50 {:.1} ms, slowest {:.1} ms",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    Ok(())
}
