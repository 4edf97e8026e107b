//! Installation by the app's page: several workspaces, sealed tokens that are renewed, and removal.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stoa_tests::slack::{self, BOT_TOKEN, SCOPES, TEAM, Trouble};
use stoa_tests::{run, said};

use crate::*;

const BETA: &str = "T0BETA";
const BETA_TOKEN: &str = "xoxb-of-beta";
const CY: &str = "U012CYBETA";

/// Somebody's browser: it follows nothing by itself.
async fn get(url: &str, cookie: Option<&str>) -> Result<(u16, String, String, String)> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut request = client.get(url);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (status, to, set) = (answer.status().as_u16(), header("location"), header("set-cookie"));
    Ok((status, to, set, answer.text().await?))
}

/// Goes the whole way, with the code that Slack gives.
async fn installs(scene: &Scene, code: &str) -> Result<String> {
    let link = said(STOA, scene.dir.path(), &["slack", "install"])?;
    let here = |url: &str| url.trim().replace("https://learn.example.org", &scene.server.url);
    let (status, to, set, _) = get(&here(&link), None).await?;
    ensure!(status == 303 && to.contains("/oauth/v2/authorize?"), "{status} {to}");
    ensure!(to.contains("chat%3Awrite") && to.contains("client_id=123.456"), "{to}");
    ensure!(set.contains("HttpOnly") && set.contains("Secure") && set.contains("SameSite=Lax"), "{set}");
    let cookie = set.split(';').next().unwrap_or_default().to_owned();
    let state = cookie.split_once('=').context("the cookie has a value")?.1.to_owned();
    let back = format!("{}/slack/acme/oauth?code={code}&state={state}", scene.server.url);
    for other in [None, Some("stoa_slack_install=1.x.s1=00")] {
        let (status, ..) = get(&back, other).await?;
        ensure!(status == 403, "another browser's state was taken: {status}");
    }
    let forged = format!("{}/slack/acme/oauth?code={code}&state=1.x.s1=00", scene.server.url);
    let (status, ..) = get(&forged, Some("stoa_slack_install=1.x.s1=00")).await?;
    ensure!(status == 403, "a forged state was taken: {status}");
    let (status, _, _, text) = get(&back, Some(&cookie)).await?;
    ensure!(status == 200, "{status} {text}");
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workspaces_install_the_app_and_one_removes_it() -> Result<()> {
    let mut scene = Scene::open("page").await?;
    let (status, ..) = get(&format!("{}/slack/acme/install", scene.server.url), None).await?;
    ensure!(status == 403, "the page opens without a link: {status}");
    scene.slack.agrees("one", BOT_TOKEN, TEAM, "Acme", Some(10));
    scene.slack.agrees("two", BETA_TOKEN, BETA, "Beta <Works>", None);
    ensure!(installs(&scene, "one").await?.contains("installed in Acme"));
    ensure!(installs(&scene, "two").await?.contains("installed in Beta &lt;Works&gt;"));

    // Each workspace is answered with its own token.
    scene.slack.add_person(CY, "Cy", "UTC");
    let ask = |n: usize| {
        let ts = format!("1795424400.00000{n}");
        json!({ "type": "message", "user": CY, "text": QUESTION, "ts": ts, "event_ts": ts, "team": BETA,
            "channel": "D012CYBETA", "channel_type": "im" })
    };
    let slack = &scene.slack;
    slack.person(CY).says_dm("hello");
    slack.is_of(CY, BETA);
    let asked = slack.event_in(BETA, &ask(1));
    slack.acknowledged(asked).await?;
    let by = |s: &Slack, team: &str| {
        let answered = |c: &&slack::Call| c.method == "chat.postMessage" && c.team == team && c.answer == "ok";
        s.calls().iter().filter(answered).filter(|c| c.args.to_string().contains(ANSWER)).count()
    };
    slack.wait("an answer in the second workspace", |s| (by(s, BETA) == 1).then_some(())).await?;
    let ada = slack.person(ADA);
    ada.says_dm(QUESTION);
    ada.reads(ANSWER).await?;

    // The first one's token ends soon: it is renewed, and the next answer goes out with the new one.
    let renewed = |s: &Slack| {
        s.calls().iter().any(|c| c.args["grant_type"] == json!("refresh_token") && c.answer == "ok").then_some(())
    };
    slack.wait("a renewed token", renewed).await?;
    let with_new =
        |s: &Slack| s.calls().iter().any(|c| c.method == "chat.postMessage" && c.token == "xoxe.xoxb-renewed");
    for _ in 0..50 {
        let before = by(slack, TEAM);
        ada.says_dm(QUESTION);
        slack.wait("one more answer", |s| (by(s, TEAM) > before).then_some(())).await?;
        if with_new(slack) {
            break;
        }
    }
    ensure!(with_new(slack), "the new token is not used");

    // The rows outlive the server, and hold no token that can be read.
    scene.server.kill()?;
    for file in std::fs::read_dir(scene.dir.path())?.filter_map(Result::ok).filter(|f| f.path().is_file()) {
        let bytes = std::fs::read(file.path())?;
        let open = bytes.windows(12).any(|w| w == b"xoxb-of-beta" || w == b"xoxe.xoxb-re");
        ensure!(!open, "{} holds a token", file.path().display());
    }
    scene.server.restart()?;
    scene.slack.posts_to(&format!("{}/slack/acme", scene.server.url));
    let slack = &scene.slack;
    slack.acknowledged(slack.event_in(BETA, &ask(2))).await?;
    slack.wait("an answer after the restart", |s| (by(s, BETA) == 2).then_some(())).await?;

    slack.acknowledged(slack.event_in(BETA, &json!({ "type": "app_uninstalled" }))).await?;
    slack.acknowledged(slack.event_in(BETA, &ask(3))).await?;
    let (ada, before) = (slack.person(ADA), by(slack, TEAM));
    ada.says_dm(QUESTION);
    slack.wait("an answer in the first workspace", |s| (by(s, TEAM) > before).then_some(())).await?;
    ensure!(by(slack, BETA) == 2, "a workspace that removed the app was answered");
    scene.ends().await
}

/// What the doctor says of Slack.
fn doctor(scene: &Scene) -> Result<Vec<String>> {
    let (_, told) = run(STOA, scene.dir.path(), &["doctor"])?;
    let of_slack = told.lines().filter(|line| line.contains(" slack: "));
    Ok(of_slack.map(|line| line.replace(&scene.slack.api_url(), "[api]")).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_kind_of_app_it_is_and_what_is_missing() -> Result<()> {
    let scene = Scene::open("socket").await?;
    scene.slack.grants(BOT_TOKEN, &SCOPES.replace("dnd:read,", "").replace(",users:read", ""));
    insta::assert_json_snapshot!("the_doctor_over_socket_mode", doctor(&scene)?);
    scene.slack.goes_wrong("apps.connections.open", 1, Trouble::Refused("invalid_auth"));
    scene.slack.goes_wrong("auth.test", 1, Trouble::Refused("account_inactive"));
    insta::assert_json_snapshot!("the_doctor_of_an_app_that_was_removed", doctor(&scene)?);
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_installs_the_app_for_all_its_workspaces() -> Result<()> {
    const GROUP: &str = "E0GROUP";
    let scene = Scene::open("page").await?;
    let slack = &scene.slack;
    insta::assert_json_snapshot!("the_doctor_before_anybody_installed_it", doctor(&scene)?);
    slack.belongs(TEAM, GROUP);
    slack.belongs("T0DELTA", GROUP);
    slack.agrees("group", "xoxb-of-group", GROUP, "Acme Group", None);
    slack.agrees("beta", BETA_TOKEN, BETA, "Beta <Works>", None);
    slack.grants(BETA_TOKEN, &SCOPES.replace("im:write,", ""));
    ensure!(installs(&scene, "group").await?.contains("installed in Acme Group"));
    ensure!(installs(&scene, "beta").await?.contains("installed in Beta"));
    insta::assert_json_snapshot!("the_doctor_of_an_app_in_several_workspaces", doctor(&scene)?);

    // Somebody of one workspace asks in another one of the same organisation.
    slack.add_person(CY, "Cy", "UTC");
    slack.person(CY).says_dm("hello");
    let asked = json!({ "type": "message", "user": CY, "text": QUESTION, "ts": "1795424400.000001", "team": TEAM,
        "event_ts": "1795424400.000001", "channel": "D012CYBETA", "channel_type": "im" });
    slack.acknowledged(slack.event_in("T0DELTA", &asked)).await?;
    let is_answer = |c: &slack::Call| c.team == GROUP && c.answer == "ok" && c.args.to_string().contains(ANSWER);
    slack.wait("an answer in the organisation", |s| s.calls().iter().any(is_answer).then_some(())).await?;
    scene.ends().await
}
