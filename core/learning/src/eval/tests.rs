//! An evaluation as an operator runs it: three files in, a report and two files out.

use std::path::Path;

use super::{Bench, Document, Options, run};
use crate::Services;
use crate::answers::{self, Inquiry};
use crate::search::Access;

fn options(dir: &Path, corpus: &str, queries: &str, qrels: &str) -> Options {
    let write = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).unwrap();
        dir.join(name)
    };
    Options {
        corpus: write("corpus.jsonl", corpus),
        queries: write("queries.jsonl", queries),
        qrels: write("qrels.tsv", qrels),
        run_out: Some(dir.join("run")),
        answers_out: Some(dir.join("answers")),
    }
}

const CORPUS: &str = r#"{"id":"a","title":"Parking","text":"A parking permit costs nothing. Ask the front desk for a parking permit."}
{"id":2,"title":null,"text":"The canteen opens at eleven."}

{"_id":"c","title":"Mentors","text":"Every newcomer gets a mentor for three months."}
"#;

#[tokio::test]
async fn an_evaluation_measures_ranking_and_abstention_and_writes_both_files() {
    let dir = tempfile::tempdir().unwrap();
    let queries = "{\"id\":\"q1\",\"text\":\"What does a parking permit cost?\"}\n{\"id\":\"q2\",\"text\":\"when does the canteen open\"}\n{\"id\":\"n1\",\"text\":\"Who won the chess olympiad in Budapest?\"}\r\n";
    let options = options(dir.path(), CORPUS, queries, "query-id\tcorpus-id\tscore\nq1\ta\t2\nq2\t2\t1\n");
    let report = run(&options, None, None).await.unwrap();
    assert_eq!((report.documents, report.queries, report.answerable), (3, 3, 2));
    assert_eq!((report.ndcg, report.recall5, report.mrr, report.auroc), (Some(1.0), Some(1.0), Some(1.0), Some(1.0)));
    assert_eq!((report.coverage, report.refusals, report.wrong_answers), (Some(1.0), Some(1.0), 0));
    assert_eq!(report.citation_precision, Some(1.0));
    assert!(report.text().contains("nDCG@10                           1.0000"), "{}", report.text());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["ndcg@10"], 1.0);

    let run = std::fs::read_to_string(dir.path().join("run")).unwrap();
    let first: Vec<&str> = run.lines().next().unwrap().split(' ').collect();
    assert_eq!((first[..4].join(" "), first[5]), ("q1 Q0 a 1".into(), "stoa"));
    let answers = std::fs::read_to_string(dir.path().join("answers")).unwrap();
    let lines: Vec<serde_json::Value> = answers.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[1]["id"], &lines[1]["citations"]), (&"q2".into(), &serde_json::json!(["2"])));
    assert_eq!((&lines[2]["answered"], &lines[2]["citations"]), (&false.into(), &serde_json::json!([])));
}

#[tokio::test]
async fn an_evaluation_answers_as_the_bot_does_however_deep_its_list_is() {
    // A handbook whose pages say much the same, one of them in many passages, beside forty others.
    let filler = "Whoever needs a permit asks the desk, and the desk writes it down in the book of permits. ".repeat(9);
    let long: String = (0..14).map(|n| format!("Parking permit number {n} is for yard {n}. {filler}\n\n")).collect();
    let one = |id: &str, title: &str, text: String| Document { id: id.into(), title: title.into(), text };
    let mut corpus = vec![one("long", "Parking permits", long)];
    for n in 0..40 {
        let near = format!(
            "A parking permit for yard {} costs nothing. {}",
            n % 7,
            "Ask at the front desk for it. ".repeat(n % 4)
        );
        corpus.push(one(&format!("d{n}"), &format!("Yard {}", n % 5), near));
    }
    corpus.push(one("canteen", "Canteen", "The canteen opens at eleven and closes at three.".into()));
    let bench = Bench::new(&corpus, None).await.unwrap();
    let services = Services {
        ledger: crate::ledger(),
        emitter: stoa_ground::xapi::Emitter::new("https://learn.example.org").unwrap(),
        training: Default::default(),
        organisation: stoa_flow::testing::organisation(),
        index: bench.index().clone(),
        asking: Default::default(),
        mail: false,
        sign_in: None,
    };
    for question in [
        "What does a parking permit cost?",
        "How do I get a parking permit for yard 3?",
        "parking permit number 5",
        "when does the canteen open",
        "Who won the chess olympiad in Budapest?",
        "Which desk writes the permit for the canteen?",
    ] {
        let outcome = bench.ask(question).await.unwrap();
        let access = Access::everyone();
        let inquiry = Inquiry { question, before: None, access, person: None, language: None };
        let (answer, why) = answers::explain(&bench.db, &services, &inquiry).await.unwrap();
        assert_eq!(answer, answers::respond(&bench.db, &services, &inquiry).await.unwrap(), "{question}");
        let mut cited: Vec<String> = answer.citations.iter().map(|c| bench.id(&c.document)).collect();
        cited.dedup();
        assert_eq!((outcome.score, outcome.cited), (answer.confidence, cited), "{question}");
        assert_eq!((outcome.answered, why.confidence), (!answer.abstained, answer.confidence), "{question}");
        assert_eq!(bench.look(question).await.unwrap().2.confidence(), answer.confidence, "{question}");
    }
}

#[test]
fn ids_of_any_length_and_judgements_between_spaces_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let long = "123456789012345678901234567890";
    let corpus = format!("{{\"id\":{long},\"text\":\"x\"}}\n{{\"id\":{}1,\"text\":\"y\"}}\n", "9".repeat(400));
    let queries = format!("{{\"id\":-{long},\"text\":\"x\"}}\n");
    let options = options(dir.path(), &corpus, &queries, &format!("-{long} 0  {long} 2\nq2 {long} 1\n"));
    assert_eq!(super::corpus(&options.corpus).unwrap()[0].id, long);
    let qrels = super::qrels(&options.qrels).unwrap();
    assert_eq!(qrels.relevance(&super::queries(&options.queries).unwrap()[0].id, long), 2);
    assert_eq!(qrels.relevance("q2", long), 1);
}

#[tokio::test]
async fn an_evaluation_leaves_nothing_behind() {
    let bench =
        Bench::new(&[Document { id: "a".into(), title: "A".into(), text: "A page.".into() }], None).await.unwrap();
    let folder = bench._folder.path().to_owned();
    assert!(folder.exists());
    drop(bench);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_bad_file_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let q = "{\"id\":\"q1\",\"text\":\"x\"}\n";
    for (corpus, queries, qrels, expected) in [
        ("{\"id\":\"a\",\"text\":\"x\"}\n{oops\n", q, "", "corpus.jsonl line 2 must be one JSON object"),
        (
            "{\"id\":\"a\"}\n\n{\"id\":\"a\"}\n",
            q,
            "",
            "corpus.jsonl line 3 has the id 'a', which an earlier line has too",
        ),
        ("", q, "", "corpus.jsonl has no lines"),
        (CORPUS, "{\"id\":\"q1\"}\n", "", "queries.jsonl line 1 must be one JSON object"),
        (CORPUS, q, "q1\ta\t1\nq1 a\n", "qrels.tsv line 2 must be query-id<TAB>doc-id<TAB>relevance"),
        (CORPUS, q, "q1\ta\t1\nq1\ta\tyes\n", "qrels.tsv line 2 has the relevance 'yes'"),
    ] {
        let error = run(&options(dir.path(), corpus, queries, qrels), None, None).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
    let mut missing = options(dir.path(), CORPUS, q, "");
    missing.corpus = dir.path().join("nowhere.jsonl");
    let error = run(&missing, None, None).await.unwrap_err().to_string();
    assert!(error.contains("nowhere.jsonl cannot be read"), "{error}");
}
