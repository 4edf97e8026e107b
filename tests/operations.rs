//! Stoa as an operator sees it from outside: its log, its metrics and what is made of them, and a message that is stuck.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_ground::clock;
use stoa_tests::{Chat, FarEnd, Server};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
const SECRET: &str = "a-secret-of-sixteen-and-more";

const ROSTER: &str = "employee_id,name,email,manager_employee_id,stoa_roles\n\
                      E1,Adaora Okafor,adaora@example.org,,learning\n\
                      E2,Bojan Lindqvist,bojan@example.org,E1,\n";

/// A folder with a bridge, two people, and an account of the second one on the bridge.
fn folder(api_url: &str) -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    let at = dir.path();
    let config = format!(
        "[organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\
         [[bridge]]\nname = \"shoptalk\"\napi_url = \"{api_url}\"\nsecret = \"{SECRET}\"\n"
    );
    std::fs::write(at.join("stoa.toml"), config)?;
    std::fs::write(at.join("roster.csv"), ROSTER)?;
    said(at, &["people", "import", "roster.csv"])?;
    said(at, &["people", "account", "E2", "shoptalk", "u2"])?;
    Ok(dir)
}

fn said(dir: &Path, args: &[&str]) -> Result<String> {
    stoa_tests::said(STOA, dir, args)
}

fn run(dir: &Path, args: &[&str]) -> Result<(bool, String)> {
    stoa_tests::run(STOA, dir, args)
}

fn message(key: &str, text: &str) -> Value {
    json!({
        "key": key,
        "at": clock::wall().rfc3339(),
        "account": { "user": "u2" },
        "place": { "channel": "dm-u2", "direct": true },
        "event": { "message": { "id": format!("m-{key}"), "text": text, "to_bot": true } },
    })
}

/// Looks again and again until there is what is waited for.
async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..1_200 {
        if let Some(found) = look()? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("there never was {what}")
}

/// The lines of a log with this message, oldest first.
fn lines(log: &Path, message: &str) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(log)?;
    let mut found = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        if value["message"] == message {
            found.push(value);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_connects_an_event_with_its_answer_and_holds_no_texts_names_or_secrets() -> Result<()> {
    let far = FarEnd::open(SECRET).await?;
    let dir = folder(&far.url)?;
    let (dir, log) = (dir.path(), dir.path().join("log"));
    let mut server = Server::start_logged(STOA, dir, &["--json", "serve"], &log)?;
    let link = said(dir, &["people", "link", "E2"])?;
    let token = link.split("/sign-in/").nth(1).and_then(|t| t.split_whitespace().next()).context("a sign-in link")?;
    server.get(&format!("/sign-in/{token}"))?;

    let chat = Chat::new("shoptalk", SECRET)?;
    let question = message("q1", "how do I reset my password hunter2-tango?");
    let events = [
        question.clone(),
        Chat::command("d1", "u2", "did", "told the zebrafish-umbrella story"),
        Chat::command("t1", "u2", "tip", "The vault opens with opensesame-kilo"),
        Chat::command("w1", "u2", "walrusword", "for nobody"),
        Chat::command("n1", "nobody-known", "training", ""),
    ];
    for event in &events {
        let (status, answer) = chat.post(&server.url, event).await?;
        ensure!(status == 200, "{status}: {answer}");
    }
    let (_, again) = chat.post(&server.url, &question).await?;
    ensure!(again["duplicate"] == true, "{again}");
    wait_for("an answer to every event", || {
        let answers = far.posts().iter().filter(|p| p.key.starts_with("reply/")).count();
        Ok((answers >= events.len()).then_some(()))
    })
    .await?;
    ensure!(server.stop()?, "the server stops gracefully");

    // Each event has one line when it ended, and the repeat has its own.
    let ended = lines(&log, "event ended")?;
    let of = |key: &str| ended.iter().filter(|l| l["event"] == format!("shoptalk/{key}")).collect::<Vec<_>>();
    let question = of("q1");
    let outcomes: BTreeSet<&str> = question.iter().filter_map(|l| l["outcome"].as_str()).collect();
    ensure!(question.len() == 2 && outcomes == BTreeSet::from(["done", "duplicate"]), "{question:?}");
    let done = question.iter().find(|l| l["outcome"] == "done").context("a line")?;
    for (field, wanted) in
        [("platform", json!("shoptalk")), ("person", json!("E2")), ("command", json!("ask")), ("attempts", json!(1))]
    {
        ensure!(done[field] == wanted, "{field}: {done}");
    }
    ensure!(done["level"] == "INFO" && done["ms"].is_u64(), "{done}");
    for (key, command) in [("d1", "did"), ("t1", "tip"), ("w1", "unknown"), ("n1", "training")] {
        ensure!(of(key).len() == 1 && of(key)[0]["command"] == command, "{key}: {:?}", of(key));
    }

    // The answer names the event that caused it, and where it stands.
    let sent = lines(&log, "delivery ended")?;
    let answer: Vec<&Value> = sent.iter().filter(|l| l["event"] == "shoptalk/q1").collect();
    ensure!(answer.len() == 1, "{sent:?}");
    let answer = answer[0];
    let post = far.posts().into_iter().find(|p| p.key == "reply/shoptalk/q1/0").context("the answer")?;
    for (field, wanted) in [
        ("delivery", json!("reply/shoptalk/q1/0")),
        ("person", json!("E2")),
        ("platform", json!("shoptalk")),
        ("place", json!("dm")),
        ("message_id", json!(post.id)),
        ("outcome", json!("posted")),
        ("attempts", json!(1)),
    ] {
        ensure!(answer[field] == wanted, "{field}: {answer}");
    }

    let text = std::fs::read_to_string(&log)?;
    for never in [
        "hunter2",
        "zebrafish",
        "umbrella",
        "opensesame",
        "walrusword",
        "Adaora",
        "Okafor",
        "Bojan",
        "Lindqvist",
        "example.org>",
        "bojan@",
        SECRET,
        token,
    ] {
        let line = text.lines().find(|l| l.contains(never));
        ensure!(line.is_none(), "“{never}” is in the log: {line:?}");
    }
    Ok(())
}

/// What is checked of an alerts file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alerts {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    r#for: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// The metrics of ours that an expression speaks of, histograms by their own names.
fn metrics_in(expr: &str) -> BTreeSet<String> {
    let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|w| w.starts_with("stoa_") || w.starts_with("process_"));
    ours.map(|w| ["_bucket", "_count", "_sum"].iter().find_map(|end| w.strip_suffix(end)).unwrap_or(w).to_owned())
        .collect()
}

/// Gauges that each server reads off the one store: as many servers, as many times the same number.
const OF_THE_STORE: [&str; 5] =
    ["stoa_queue_depth", "stoa_queue_oldest_seconds", "stoa_queue_parked", "stoa_feed_lag", "stoa_people_unreachable"];

/// Whether an expression takes what each server says alike only once.
fn counts_servers_once(expr: &str) -> bool {
    OF_THE_STORE.iter().all(|gauge| {
        expr.match_indices(gauge).all(|(at, _)| {
            let before = &expr[..at];
            let by = before.strip_suffix(") (").and_then(|by| by.rsplit_once("max by ("));
            before.ends_with("max(") || by.is_some_and(|(_, labels)| !labels.contains(')'))
        })
    })
}

#[test]
fn what_each_server_says_alike_is_taken_by_max() {
    for good in ["max(stoa_feed_lag) > 1", "max by (queue) (stoa_queue_depth)", "sum(rate(stoa_events_total[5m]))"] {
        assert!(counts_servers_once(good), "{good}");
    }
    for bad in ["sum by (queue) (stoa_queue_parked)", "stoa_queue_parked > 0", "max(up) + sum(stoa_people_unreachable)"]
    {
        assert!(!counts_servers_once(bad), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_has_its_meaning_and_alerts_and_dashboard_speak_of_metrics_that_there_are() -> Result<()> {
    let far = FarEnd::open(SECRET).await?;
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let config = format!("[[bridge]]\nname = \"shoptalk\"\napi_url = \"{}\"\nsecret = \"{SECRET}\"\n", far.url);
    std::fs::write(dir.join("stoa.toml"), config)?;
    let server = Server::start(STOA, dir, &["demo", "--listen", "127.0.0.1:0"])?;
    let (status, answer) =
        Chat::new("shoptalk", SECRET)?.post(&server.url, &message("q1", "how do I book leave?")).await?;
    ensure!(status == 200, "{status}: {answer}");
    // A day of life: drops, reminders and digests.
    server.post_json("/control/clock", "{\"by\": \"1d\"}")?;

    let mut known = BTreeSet::new();
    let mut page = String::new();
    let wanted =
        ["stoa_send_seconds_count", "stoa_job_seconds_count", "stoa_queue_depth", "stoa_http_request_seconds_count"];
    wait_for("the metrics of a day", || {
        page = server.get("/metrics")?.1;
        Ok(wanted.iter().all(|name| page.contains(name)).then_some(()))
    })
    .await?;
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# HELP ").and_then(|l| l.split(' ').next()) {
            known.insert(name.to_owned());
        }
    }
    for line in page.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let family = metrics_in(name).pop_first().with_context(|| format!("a name of ours: {line}"))?;
        ensure!(known.contains(&family), "{family} has no HELP");
    }
    ensure!(page.contains("stoa_db_write_seconds_bucket{le=\"0.05\"}"), "{page}");
    ensure!(page.contains("stoa_events_total{platform=\"shoptalk\",outcome=\"done\"} 1"), "{page}");
    ensure!(
        page.contains("stoa_http_requests_total{route=\"/bridge/shoptalk/events\",method=\"POST\",status=\"200\"} 1"),
        "{page}"
    );
    ensure!(page.contains("stoa_sends_total{platform=\"shoptalk\",result=\"refused\"} 0"), "{page}");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let alerts: Alerts = serde_saphyr::from_str(&std::fs::read_to_string(root.join("ops/prometheus/alerts.yml"))?)?;
    let rules: Vec<&Rule> = alerts.groups.iter().filter(|g| g.name == "stoa").flat_map(|g| &g.rules).collect();
    ensure!(rules.len() > 5, "there are {} rules", rules.len());
    for rule in rules {
        let names = metrics_in(&rule.expr);
        ensure!(!names.is_empty() || rule.expr.contains("up{job=\"stoa\"}"), "{} is about nothing", rule.alert);
        for name in names {
            ensure!(known.contains(&name), "{} speaks of {name}, which is not measured", rule.alert);
        }
        ensure!(counts_servers_once(&rule.expr), "{} counts each server: {}", rule.alert, rule.expr);
        ensure!(rule.r#for.ends_with(['m', 'h']), "{}: for {}", rule.alert, rule.r#for);
        ensure!(["page", "ticket"].contains(&rule.labels["severity"].as_str()), "{}: {:?}", rule.alert, rule.labels);
        ensure!(
            rule.annotations.contains_key("summary") && rule.annotations.contains_key("description"),
            "{}",
            rule.alert
        );
    }
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(root.join("ops/grafana/stoa.json"))?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let mut shown = BTreeSet::new();
    for panel in panels {
        for target in panel["targets"].as_array().context("targets")? {
            let expr = target["expr"].as_str().unwrap_or_default();
            let names = metrics_in(expr);
            ensure!(!names.is_empty(), "{} shows nothing", panel["title"]);
            ensure!(counts_servers_once(expr), "{} counts each server: {expr}", panel["title"]);
            for name in &names {
                ensure!(known.contains(name), "{} shows {name}, which is not measured", panel["title"]);
            }
            shown.extend(names);
        }
    }
    ensure!(shown.len() > 15, "the dashboard shows {shown:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_a_stuck_message_and_frees_it() -> Result<()> {
    // The other side was given another secret: it refuses what Stoa sends.
    let far = FarEnd::open("another-secret-altogether").await?;
    let dir = folder(&far.url)?;
    let (dir, log) = (dir.path(), dir.path().join("log"));
    let mut server = Server::start_logged(STOA, dir, &["--json", "serve"], &log)?;
    let chat = Chat::new("shoptalk", SECRET)?;
    chat.post(&server.url, &message("q1", "training")).await?;
    let list = wait_for("a message that was put aside", || {
        let text = said(dir, &["queue", "list", "--json"])?;
        Ok(text.contains("reply/shoptalk/q1/0").then_some(text))
    })
    .await?;
    ensure!(list.contains("401"), "the reason: {list}");

    let (ok, doctor) = run(dir, &["doctor"])?;
    ensure!(!ok, "the doctor ends with 1: {doctor}");
    for wanted in [
        "wrong bridge: the bridge 'shoptalk' answered 401 Unauthorized: the other side has another secret",
        "wrong outbox: reply/shoptalk/q1/0 is put aside",
        "'stoa queue retry KEY' tries again",
        "ok    server: a server is running",
        "ok    data: the data folder stoa-data can be written",
        " GB are free in stoa-data",
        "ok    inbox: nothing waits",
        "ok    feed: 'reached' is up to date",
        "note  mail: there is no [mail] smtp_url",
        "note  people: 1 of 2 people have no chat account yet",
    ] {
        ensure!(doctor.contains(wanted), "the doctor should say “{wanted}”:\n{doctor}");
    }
    let (_, offline) = run(dir, &["doctor", "--offline", "--json"])?;
    for line in offline.lines() {
        let finding: Value = serde_json::from_str(line)?;
        ensure!(["ok", "note", "wrong"].contains(&finding["grade"].as_str().unwrap_or_default()), "{finding}");
        ensure!(finding["area"].is_string() && finding["text"].is_string(), "{finding}");
    }
    ensure!(!offline.contains("has another secret"), "nobody was called: {offline}");
    let failed = lines(&log, "delivery ended")?;
    ensure!(failed.iter().any(|l| l["event"] == "shoptalk/q1" && l["outcome"] == "failed"), "{failed:?}");

    // With the right secret on both sides, the operator lets it go.
    ensure!(server.stop()?, "the server stops gracefully");
    let config = std::fs::read_to_string(dir.join("stoa.toml"))?;
    std::fs::write(dir.join("stoa.toml"), config.replace(SECRET, "another-secret-altogether"))?;
    server.restart()?;
    said(dir, &["queue", "retry", "reply/shoptalk/q1/0"])?;
    wait_for("the message at the other side", || Ok(far.counts().contains_key("reply/shoptalk/q1/0").then_some(())))
        .await?;
    let (ok, doctor) = run(dir, &["doctor"])?;
    ensure!(ok && doctor.contains("the other side answers"), "{doctor}");
    Ok(())
}
