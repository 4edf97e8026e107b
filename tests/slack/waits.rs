//! What takes days: a manager's digest, a plan with its calendar file, and questions that people answer.

use anyhow::{Context as _, Result, ensure};
use stoa_tests::said;

use crate::*;

const ED: &str = "U012ED004";

const TEAM: &str = "employee_id,name,email,timezone,slack_id,manager_employee_id\n\
                    E1,Ada Okafor,ada@example.org,Europe/Berlin,U012ADA01,\n\
                    E2,Bo *Lind*,bo@example.org,Europe/Berlin,U012BO002,E1\n\
                    E3,Cy Ode,cy@example.org,Europe/Berlin,U012CY003,E1\n\
                    E4,Ed Moor,ed@example.org,Europe/Berlin,U012ED004,\n";

impl Scene {
    /// With a clock that is moved by hand: a Monday morning, with Ada, who leads Bo and Cy, and with Ed.
    async fn open_slowly() -> Result<Self> {
        let slack = Slack::open().await?;
        for (id, name) in [(ADA, "Ada Okafor"), (BO, "Bo Lind"), (CY, "Cy Ode"), (ED, "Ed Moor")] {
            slack.add_person(id, name, "Europe/Berlin");
        }
        slack.add_channel(GENERAL, &[ADA, BO, CY, ED, slack::BOT]);
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        let config = format!(
            "[database]\nlease = \"5s\"\n[http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://learn.example.org\"\n\
             [organisation]\nname = \"Harbour & Pine\"\niri = \"https://learn.example.org\"\n\
             [nudges]\nafter_activity = \"0s\"\nmin_gap = \"0s\"\n\
             [[library.sources]]\nkind = \"files\"\nname = \"Handbook\"\npath = \"handbook\"\nreaders = [\"everyone\"]\n{}",
            slack.configuration("socket")
        );
        lays_out(at, &config, TEAM)?;
        let server = Server::start_logged(STOA, at, &["serve", "--clock", "manual"], &at.join("log"))?;
        said(STOA, at, &["people", "import", "roster.csv"])?;
        said(STOA, at, &["library", "sync"])?;
        slack.is_connected(1).await?;
        Ok(Self { slack, dir, server })
    }

    fn has_done(&self, id: &str) -> Result<()> {
        said(STOA, self.dir.path(), &["training", "complete", id, "safety", "--reason", "on paper"]).map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_reads_the_digest_and_presses_each_of_its_buttons() -> Result<()> {
    let scene = Scene::open_slowly().await?;
    let slack = &scene.slack;
    let (ada, bo, cy, ed) = (slack.person(ADA), slack.person(BO), slack.person(CY), slack.person(ED));
    scene.requires_safety()?;
    bo.reads("New for you").await?;
    scene.has_done("E1")?;
    scene.has_done("E4")?;
    // Due on the 7th; the digest comes on the Monday after, at nine.
    scene.server.until("2026-12-14T08:01:00Z")?;
    let digest = ada.reads("Your team’s required training").await?;
    ensure!(digest.channel.starts_with('D'), "{digest:?}");
    insta::assert_json_snapshot!("the_digest_of_a_manager", seen(&digest));

    ada.presses("Remind").await?;
    let reminded = ada.reads("I remind ").await?;
    insta::assert_json_snapshot!("a_manager_reminds", seen(&reminded));
    scene.server.until("2026-12-14T12:00:00Z")?;
    let who = if reminded.shown().contains("Cy") { &cy } else { &bo };
    who.reads("Your manager asked me").await?;

    ada.presses("Stand-in …").await?;
    let form = ada.sees_form().await?;
    insta::assert_json_snapshot!("the_form_for_a_stand_in", steady(&form.view));
    let until = "Until when? (a date like 2026-12-18)";
    let wrong = ada.submits(&[("Who?", "Nobody Here"), (until, "2026-12-30"), ("Why?", "holidays")]).await?;
    ensure!(wrong.to_string().contains("I know nobody by this name"), "{wrong}");
    let right = [("Who?", "Ed Moor"), (until, "2026-12-30"), ("Why?", "holidays")];
    ensure!(ada.submits(&right).await?.is_null(), "the form closes");
    ada.reads("stands in for you until").await?;
    ed.reads("has asked you to stand in").await?;

    ada.presses("Extend 7 days").await?;
    let extended = ada.reads("has time until").await?;
    let edited = |s: &Slack| {
        s.messages().into_iter().find(|m| m.ts == digest.ts && m.edits > 0 && m.shown().contains("now due"))
    };
    slack.wait("the edited digest", edited).await?;
    ada.presses("More …").await?;
    let form = ada.sees_form().await?;
    insta::assert_json_snapshot!("the_form_for_more_time_or_leave", steady(&form.view));
    let leave = [("What?", "On leave: the clocks stop"), (until, "2026-12-30"), ("Why?", "a broken leg")];
    ensure!(ada.submits(&leave).await?.is_null(), "the form closes");
    let away = ada.reads("is on leave until").await?;
    ensure!(away.shown().contains("Bo") != extended.shown().contains("Bo"), "each had one of the two");
    let cleared = |s: &Slack| {
        s.messages().into_iter().find(|m| m.ts == digest.ts && m.shown().contains("Nothing of this is overdue"))
    };
    let cleared = slack.wait("the digest when nothing is open", cleared).await?;
    insta::assert_json_snapshot!("the_digest_when_nothing_is_overdue", seen(&cleared));
    ensure!(
        bo.finds("team’s required training").is_none() && cy.finds("team’s required training").is_none(),
        "a digest is for managers"
    );
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_says_when_they_will_do_it_and_gets_a_calendar_file() -> Result<()> {
    let scene = Scene::open_slowly().await?;
    let (slack, bo) = (&scene.slack, scene.slack.person(BO));
    scene.requires_safety()?;
    bo.reads("New for you").await?;
    scene.server.until("2026-11-30T08:01:00Z")?;
    let asked = bo.reads("When will you do it?").await?;
    insta::assert_json_snapshot!("when_will_you_do_it", seen(&asked));
    bo.presses("Wednesday morning").await?;
    let noted = bo.reads("Noted: I remind you").await?;
    let link = |message: &Message| -> Result<String> {
        let shown = message.shown();
        let from = shown.find("https://learn.example.org/calendar/").context("there is a link to the calendar file")?;
        Ok(shown[from..].split('|').next().unwrap_or_default().to_owned())
    };
    let url = link(&noted)?;
    insta::assert_json_snapshot!("planned", json!(seen(&noted).to_string().replace(&url, "[calendar file]")));
    let path = url.trim_start_matches("https://learn.example.org");
    let (status, file) = scene.server.get(path)?;
    ensure!(status == 200 && file.starts_with("BEGIN:VCALENDAR") && file.contains("Safety"), "{status} {file}");
    scene.server.until("2026-12-02T12:00:00Z")?;
    bo.reads("You wanted to do").await?;
    bo.presses("Start").await?;
    bo.presses("I have read it").await?;
    bo.presses("Confirm").await?;
    ensure!(bo.submits(&[("Your full name", "bo *lind*")]).await?.is_null(), "the form closes");
    bo.reads("completed on").await?;
    let done = |s: &Slack| s.messages().into_iter().find(|m| m.ts == asked.ts && m.edits > 0);
    slack.wait("the edited reminder", done).await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trainer_is_asked_from_a_page_and_the_answer_comes_back() -> Result<()> {
    let scene = Scene::open_slowly().await?;
    let (bo, ed) = (scene.slack.person(BO), scene.slack.person(ED));
    scene.requires_safety()?;
    let course = scene.dir.path().join("courses/safety/course.toml");
    let trained = "\n[[trainer]]\nperson = \"E4\"\nqualification = \"Fire officer, level 2\"\n";
    std::fs::write(&course, std::fs::read_to_string(&course)? + trained)?;
    said(STOA, scene.dir.path(), &["training", "courses", "courses"])?;
    bo.reads("New for you").await?;
    bo.presses("Start").await?;
    bo.presses("Ask a trainer").await?;
    let form = bo.sees_form().await?;
    insta::assert_json_snapshot!("the_form_for_a_trainer", steady(&form.view));
    ensure!(bo.submits(&[("Your question", "Is the alarm also tested at night?")]).await?.is_null(), "the form closes");
    let sent = bo.reads("Your question is with").await?;
    ensure!(sent.channel.starts_with('D') && sent.shown().contains("Ed Moor"), "{sent:?}");
    scene.server.until("2026-11-23T13:00:00Z")?;
    let asked = ed.reads("asks about").await?;
    insta::assert_json_snapshot!("a_trainer_is_asked", seen(&asked));
    ed.presses("Answer").await?;
    ensure!(ed.submits(&[("Answer", "Yes, on the first Monday <!here>.")]).await?.is_null(), "the form closes");
    ed.reads("Your answer is on its way").await?;
    scene.server.until("2026-11-23T15:00:00Z")?;
    let answer = bo.reads("has answered your question").await?;
    insta::assert_json_snapshot!("a_trainer_has_answered", seen(&answer));
    bo.presses("Back to the course").await?;
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_who_may_know_is_asked_and_answers() -> Result<()> {
    const QUESTION: &str = "Which zeppelin gateway has the permit for the Harbour client?";
    let scene = Scene::open_slowly().await?;
    let (slack, bo, ed) = (&scene.slack, scene.slack.person(BO), scene.slack.person(ED));
    let page = "---\ntitle: Remote access\nowner: E4\n---\n# Remote access\n\n## Connecting\n\nStart the Harbour client, \
                choose the nearest gateway and sign in with your badge number.\n";
    std::fs::write(scene.dir.path().join("handbook/vpn.md"), page)?;
    said(STOA, scene.dir.path(), &["library", "sync"])?;
    ed.says_dm("ask experts on");
    ed.reads("Colleagues may be pointed to you").await?;
    settles(&ed, "How do I start the Harbour client?", "nearest gateway").await?;
    // In the pane, which is one of the places where nobody else reads.
    let pane = bo.opens_pane();
    slack.wait("the pane", |s| s.pane(&pane.0, &pane.1)["prompts"].is_array().then_some(())).await?;
    bo.says_in_pane(&pane, QUESTION);
    let unknown = bo.reads("agreed to be asked").await?;
    ensure!(unknown.thread.as_deref() == Some(pane.1.as_str()), "{unknown:?}");
    insta::assert_json_snapshot!("somebody_may_know", seen(&unknown));
    bo.presses("Ask Ed Moor").await?;
    bo.reads("I passed your question on to Ed Moor").await?;
    scene.server.until("2026-11-23T12:00:00Z")?;
    let asked = ed.reads("asks you:").await?;
    insta::assert_json_snapshot!("a_colleague_is_asked", seen(&asked));
    ed.presses("Answer").await?;
    let form = ed.sees_form().await?;
    insta::assert_json_snapshot!("the_form_for_an_answer", steady(&form.view));
    let answer = [("What should your colleague know?", "The north gateway. *Ring* twice <!here>.")];
    ensure!(ed.submits(&answer).await?.is_null(), "the form closes");
    ed.reads("Sent. Thank you!").await?;
    scene.server.until("2026-11-23T15:00:00Z")?;
    let told = bo.reads("answers your question").await?;
    insta::assert_json_snapshot!("a_colleague_has_answered", seen(&told));
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_pane_an_answer_is_judged_saved_and_a_tip_is_shared() -> Result<()> {
    let scene = Scene::open_slowly().await?;
    let (slack, bo) = (&scene.slack, scene.slack.person(BO));
    let pane = bo.opens_pane();
    slack.wait("the pane", |s| s.pane(&pane.0, &pane.1)["prompts"].is_array().then_some(())).await?;
    bo.says_in_pane(&pane, QUESTION);
    let answer = bo.reads(ANSWER).await?;
    ensure!(answer.thread.as_deref() == Some(pane.1.as_str()), "{answer:?}");
    bo.presses("Helpful").await?;
    let thanks = bo.reads("Thank you, good to know").await?;
    ensure!(thanks.thread.as_deref() == Some(pane.1.as_str()), "{thanks:?}");
    bo.presses("Save").await?;
    let saved = bo.reads("Saved. Type").await?;
    ensure!(saved.thread.as_deref() == Some(pane.1.as_str()), "{saved:?}");
    bo.says_in_pane(&pane, "ask saved");
    bo.reads("You saved one page").await?;
    bo.says_in_pane(&pane, QUESTION);
    bo.presses("Not helpful").await?;
    let said = [("What is the matter?", "something is missing"), ("What did you need to know?", "where the acid lies")];
    ensure!(bo.submits(&said).await?.is_null(), "the form closes");
    bo.reads("Thank you. I noted it").await?;
    bo.says_in_pane(&pane, "tip The lantern wants oil before each winter");
    bo.presses("Share").await?;
    bo.reads("tip is shared").await?;
    scene.ends().await
}
