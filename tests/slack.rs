//! Whole conversations in Slack: the real binary in a workspace that is as strict as Slack, and people who talk with it.
//! What they see is kept as snapshots.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use stoa_tests::slack::{self, Message, SIGNING_SECRET, Slack, TEAM, Trouble};
use stoa_tests::{Server, said, steady_line};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

const ADA: &str = "U012ADA01";
const BO: &str = "U012BO002";
const GENERAL: &str = "C0GENERAL";
/// The bot is no member.
const PRIVATE: &str = "C0PRIVATE";

const PAGE: &str = "---\ntitle: Kitchen rules\n---\n# Kitchen rules\n\n## Coffee machine\n\nTo descale the coffee machine, \
                    press both buttons for five seconds and pour in one bag of citric acid. Say <!channel> & smile.\n";
const ROSTER: &str = "employee_id,name,email,timezone,slack_id,stoa_roles\n\
                      E1,Ada Okafor,ada@example.org,Europe/Berlin,U012ADA01,learning\n\
                      E2,Bo *Lind*,bo@example.org,Asia/Kolkata,U012BO002,\n";
const QUESTION: &str = "How do I descale the coffee machine?";
const ANSWER: &str = "one bag of citric acid";

/// A workspace, and a bot in it.
struct Scene {
    slack: Slack,
    dir: tempfile::TempDir,
    server: Server,
}

impl Scene {
    /// Both, connected in this mode.
    async fn open(mode: &str) -> Result<Self> {
        let slack = Slack::open().await?;
        slack.add_person(ADA, "Ada Okafor", "Europe/Berlin");
        slack.add_person(BO, "Bo Lind", "Asia/Kolkata");
        slack.add_channel(GENERAL, &[ADA, BO, slack::BOT]);
        slack.add_channel(PRIVATE, &[ADA, BO]);
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let config = format!(
            "[database]\nlease = \"5s\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             working_days = \"Mon-Sun\"\nworking_hours = \"00:00-24:00\"\n\
             [nudges]\nquiet_hours = \"\"\nafter_activity = \"0s\"\n\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n{}",
            slack.configuration(mode)
        );
        std::fs::write(at.join("stoa.toml"), config)?;
        std::fs::create_dir(at.join("handbook"))?;
        std::fs::write(at.join("handbook/kitchen.md"), PAGE)?;
        std::fs::write(at.join("roster.csv"), ROSTER)?;
        said(STOA, at, &["people", "import", "roster.csv"])?;
        said(STOA, at, &["library", "sync"])?;
        let server = Server::start_logged(STOA, at, &["serve"], &at.join("log"))?;
        if mode == "socket" {
            slack.is_connected(1).await?;
        } else {
            slack.posts_to(&format!("{}/slack/acme", server.url));
        }
        Ok(Self { slack, dir, server })
    }

    /// Nothing went wrong on either side, and nothing is doubled.
    async fn ends(mut self) -> Result<()> {
        self.slack.all_acknowledged().await?;
        ensure!(self.server.stop()?, "the server stops gracefully");
        let doubled: Vec<String> = self.slack.posted().into_iter().filter(|(_, n)| *n > 1).map(|(k, _)| k).collect();
        ensure!(doubled.is_empty(), "posted twice: {doubled:?}");
        self.slack.is_content()
    }
}

/// A message as a person sees it, without what differs from run to run.
fn seen(message: &Message) -> Value {
    let whole = json!({ "text": message.text, "blocks": message.blocks, "in_thread": message.thread.is_some(),
        "only_for": message.only, "edits": message.edits });
    steady(&whole)
}

/// Ids and days are replaced.
fn steady(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let lines: Vec<String> = text.split('\n').map(steady_line).collect();
            json!(lines.join("\n"))
        }
        Value::Array(items) => items.iter().map(steady).collect(),
        Value::Object(fields) => fields.iter().map(|(key, one)| (key.clone(), steady(one))).collect(),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_a_direct_message_gets_a_cited_answer() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let ada = scene.slack.person(ADA);
    let asked = ada.says_dm(QUESTION);
    let answer = ada.reads(ANSWER).await?;
    ensure!(answer.shown().contains("kitchen") || answer.shown().contains("Kitchen rules"), "{}", answer.shown());
    insta::assert_json_snapshot!("answer_in_a_direct_message", seen(&answer));
    scene.slack.acknowledged(asked).await?;

    // The same event again, under another envelope id, is known.
    let again = scene.slack.repeats(asked)?;
    scene.slack.acknowledged(again).await?;
    ada.presses("Helpful").await?;
    let thanks = ada.reads("Thank you").await?;
    insta::assert_json_snapshot!("thanks_for_helpful", seen(&thanks));
    let answers = scene.slack.messages().iter().filter(|m| m.user == slack::BOT && m.shown().contains(ANSWER)).count();
    ensure!(answers == 1, "{answers} answers to one question");

    ada.says_dm("Who won the football match?");
    let unknown = ada.reads("don’t know").await?;
    insta::assert_json_snapshot!("no_answer", seen(&unknown));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_in_a_channel_is_answered_in_its_thread_and_once() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let bo = scene.slack.person(BO);
    let ts = bo.mentions(GENERAL, QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.channel == GENERAL && answer.thread.as_deref() == Some(ts.as_str()), "{answer:?}");
    insta::assert_json_snapshot!("answer_in_a_thread", seen(&answer));
    // What nobody addresses to it is not answered.
    scene.slack.person(ADA).says(GENERAL, "Good morning everybody");
    scene.slack.all_acknowledged().await?;
    bo.mentions_in(GENERAL, Some(&ts), "Who won the football match?");
    let unknown = bo.reads("don’t know").await?;
    ensure!(unknown.thread.as_deref() == Some(ts.as_str()), "{unknown:?}");
    let said = scene.slack.messages().iter().filter(|m| m.user == slack::BOT && m.channel == GENERAL).count();
    ensure!(said == 2, "{said} messages to two mentions");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_is_written_in_a_modal_and_found_by_the_next_who_asks() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let (ada, bo) = (scene.slack.person(ADA), scene.slack.person(BO));
    let (took, answer) = scene.slack.acknowledged(bo.slash("/stoa", "tip")).await?;
    ensure!(took < Duration::from_secs(3) && answer.is_null(), "{took:?}: {answer}");
    let form = bo.sees_form().await?;
    insta::assert_json_snapshot!("the_form_of_a_tip", steady(&form.view));
    let wrong = bo.submits(&[("Your tip", "   ")]).await?;
    insta::assert_json_snapshot!("an_empty_tip", wrong);
    let tip = "The forklift battery <!here> wants *distilled* water every Monday & nothing else";
    ensure!(bo.submits(&[("Your tip", tip)]).await?.is_null(), "the form closes");
    bo.reads("tip is shared").await?;
    ensure!(bo.form().is_none());
    ada.says_dm("What does the forklift battery want?");
    let answer = ada.reads("not yet checked").await?;
    insta::assert_json_snapshot!("an_answer_from_a_tip", seen(&answer));

    // A command where the bot is no member is answered all the same, and only for who gave it.
    bo.slash_in(PRIVATE, "/stoa", "help");
    let help = bo.reads("/stoa").await.or(bo.reads("ask").await)?;
    ensure!(help.channel.starts_with('D') || help.only.as_deref() == Some(BO), "{help:?}");
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_course_comes_by_direct_message_and_is_signed_in_a_modal() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let dir = scene.dir.path();
    std::fs::create_dir_all(dir.join("courses/safety"))?;
    let course = "id = \"safety\"\ntitle = \"Safety\"\nattestation = \"I have read this.\"\n";
    std::fs::write(dir.join("courses/safety/course.toml"), course)?;
    std::fs::write(dir.join("courses/safety/01-why.md"), "# Why\n\nBecause it matters to **all** of us.\n")?;
    let requirement = "[[requirement]]\nid = \"safety\"\ntitle = \"Safety\"\ncourse = \"safety\"\n\
                       audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
    std::fs::write(dir.join("safety.toml"), requirement)?;
    said(STOA, dir, &["training", "courses", "courses"])?;
    said(STOA, dir, &["training", "apply", "safety.toml"])?;

    let ada = scene.slack.person(ADA);
    let told = ada.reads("New for you").await?;
    ensure!(told.channel.starts_with('D'), "{told:?}");
    insta::assert_json_snapshot!("a_new_course", seen(&told));
    ada.presses("Start").await?;
    let page = ada.reads("Because it matters").await?;
    insta::assert_json_snapshot!("a_page_of_a_course", seen(&page));
    ada.presses("I have read it").await?;
    ada.reads("Last step").await?;
    ada.presses("Confirm").await?;
    let wrong = ada.submits(&[("Your full name", "Somebody Else")]).await?;
    insta::assert_json_snapshot!("a_wrong_name", wrong);
    ensure!(ada.submits(&[("Your full name", "ada okafor")]).await?.is_null(), "the form closes");
    ada.reads("completed on").await?;
    let done = scene.slack.wait("the edited announcement", |s| {
        s.messages().into_iter().find(|m| m.ts == told.ts && m.channel == told.channel && m.edits > 0)
    });
    insta::assert_json_snapshot!("the_course_is_done", seen(&done.await?));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_on_one_post_in_ten_loses_nothing() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.slack.each_goes_wrong("chat.postMessage", 10, Trouble::Limited(1));
    scene.slack.goes_wrong("chat.postMessage", 3, Trouble::Failing);
    scene.slack.goes_wrong("chat.postMessage", 5, Trouble::FailingAfter);
    let people: Vec<String> = (0..12).map(|n| format!("U0GUEST{n:02}")).collect();
    for id in &people {
        scene.slack.add_person(id, "Somebody", "UTC");
    }
    for id in people.iter().cycle().take(24) {
        scene.slack.person(id).says_dm(QUESTION);
    }
    answered(&scene.slack, 24).await?;
    let limited = scene.slack.calls().iter().filter(|c| c.answer.starts_with("Limited")).count();
    ensure!(limited >= 2, "{limited} posts were limited");
    scene.ends().await
}

/// Waits for so many answers to [`QUESTION`].
async fn answered(slack: &Slack, answers: usize) -> Result<()> {
    let is_one = |m: &&Message| m.user == slack::BOT && m.shown().contains(ANSWER);
    slack
        .wait(&format!("{answers} answers"), |s| (s.messages().iter().filter(is_one).count() >= answers).then_some(()))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_in_a_stream_of_questions_leaves_no_gap() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let slack = &scene.slack;
    slack.is_connected(2).await?;
    let (people, mut asked) = ([ADA, BO], Vec::new());
    for n in 0..18 {
        if n == 6 || n == 12 {
            let before = slack.connections_ever();
            ensure!(slack.disconnects(if n == 6 { "refresh_requested" } else { "warning" }) > 0);
            // Slack closes nothing itself; what comes before the new connection goes over the old one.
            asked.push(slack.person(people[n % 2]).says_dm(QUESTION));
            slack.wait("new connections", |s| (s.connections_ever() > before).then_some(())).await?;
        }
        asked.push(slack.person(people[n % 2]).says_dm(QUESTION));
    }
    for one in &asked {
        let (took, _) = slack.acknowledged(*one).await?;
        ensure!(took < Duration::from_secs(3) && slack.attempts(*one) == 1, "sent {} times", slack.attempts(*one));
    }
    answered(slack, asked.len()).await?;
    // An end without a word is noticed, and what comes meanwhile waits at Slack.
    slack.breaks_off();
    slack.sends_again_after(Duration::from_millis(300));
    slack.person(ADA).says_dm(QUESTION);
    answered(slack, asked.len() + 1).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_acknowledged_event_and_doubles_no_answer() -> Result<()> {
    let mut scene = Scene::open("socket").await?;
    scene.slack.sends_again_after(Duration::from_millis(500));
    let people: Vec<String> = (0..8).map(|n| format!("U0GUEST{n:02}")).collect();
    for id in &people {
        scene.slack.add_person(id, "Somebody", "UTC");
    }
    let mut asked = BTreeSet::new();
    for round in 0..3 {
        for id in &people {
            asked.insert(scene.slack.person(id).says_dm(QUESTION));
        }
        let first = people.len() * round;
        // At another moment in each round: nothing done, something acknowledged, something answered.
        match round {
            0 => {}
            1 => drop(scene.slack.acknowledged(first).await?),
            _ => answered(&scene.slack, first + 2).await?,
        }
        scene.server.kill()?;
        scene.server.restart()?;
        scene.slack.is_connected(1).await?;
        scene.slack.all_acknowledged().await?;
        answered(&scene.slack, asked.len()).await?;
    }
    let is_one = |m: &&Message| m.user == slack::BOT && m.shown().contains(ANSWER);
    let answers = scene.slack.messages().iter().filter(is_one).count();
    ensure!(answers == asked.len(), "{answers} answers to {} questions", asked.len());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_what_slack_signed_is_taken_and_nothing_else() -> Result<()> {
    let scene = Scene::open("http").await?;
    let slack = &scene.slack;
    slack.verifies_the_url().await?;
    let ada = slack.person(ADA);
    slack.acknowledged(ada.says_dm(QUESTION)).await?;
    let answer = ada.reads(ANSWER).await?;
    insta::assert_json_snapshot!("answer_in_a_direct_message", seen(&answer));
    slack.acknowledged(ada.slash("/stoa", "tip")).await?;
    ensure!(ada.submits(&[("Your tip", "The lighthouse keys hang behind the blue door")]).await?.is_null());
    ada.reads("tip is shared").await?;

    // Forged, old, early, for another body; then replayed; then too long.
    let event = |id: &str| {
        json!({ "type": "event_callback", "team_id": TEAM, "event_id": id, "event": { "type": "message", "user": BO,
            "text": "help", "ts": "1795000000.000100", "event_ts": "1795000000.000100", "channel": "D012BO002",
            "channel_type": "im" } })
        .to_string()
    };
    let (now, body) = (slack::now(), event("EvFORGED"));
    for (what, secret, at) in
        [("forged", "another secret", now), ("old", SIGNING_SECRET, now - 301), ("early", SIGNING_SECRET, now + 400)]
    {
        let (status, said) = slack.posts("events", secret, at, "application/json", &body).await?;
        ensure!(status == 401, "{what}: {status} {said}");
    }
    let bo = slack.person(BO);
    ensure!(bo.finds("ask").is_none(), "a forged event was answered");
    bo.slash("/stoa", "help");
    bo.reads("ask").await?;
    for _ in 0..2 {
        let (status, said) = slack.posts("events", SIGNING_SECRET, now, "application/json", &event("EvREPLAY")).await?;
        ensure!(status == 200, "{status} {said}");
    }
    let huge = "x".repeat(3 << 20);
    let (status, _) = slack.posts("events", SIGNING_SECRET, now, "application/json", &huge).await?;
    ensure!(status == 413, "{status}");
    let to_bo = || slack.messages().iter().filter(|m| m.user == slack::BOT && m.channel == "D012BO002").count();
    slack.wait("the answer to what was replayed", |_| (to_bo() >= 2).then_some(())).await?;
    ada.says_dm("Who won the football match?");
    ada.reads("don’t know").await?;
    ensure!(to_bo() == 2, "what was replayed was answered again");
    scene.ends().await
}
