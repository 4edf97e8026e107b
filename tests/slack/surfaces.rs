//! Every word on every surface: what is personal is shown to nobody else, and nothing that people or pages say becomes a
//! mention.

use anyhow::{Context as _, Result, ensure};
use stoa_tests::{Model, said};

use crate::*;

const SPOOF: &str = "<!channel> <!here> <!everyone> <!subteam^S0HR|@hr> <@U012ADA01> @channel @here";

/// Somebody who is asked for, and the start of what comes back; what belongs to one person only is marked.
const WORDS: [(&str, &str, bool); 8] = [
    ("learn", "Water", true),
    ("training", "Safety", true),
    ("team", "Your team", true),
    ("settings", "Your settings", true),
    ("why", "last messages to you", true),
    ("mydata", "This is what I keep about you", true),
    ("did descaled the machine with Bo", "I noted it", true),
    ("help", "You can also use these words", false),
];

/// What somebody is shown: the newest of the bot's messages that is not older than so many.
async fn newest(slack: &Slack, after: usize, part: &str) -> Result<Message> {
    let what = format!("“{part}”");
    let found =
        |s: &Slack| s.messages().into_iter().skip(after).find(|m| m.user == slack::BOT && m.shown().contains(part));
    slack.wait(&what, found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_works_on_every_surface_and_what_is_personal_stays_so() -> Result<()> {
    let scene = Scene::open("socket").await?;
    let dir = scene.dir.path();
    let roster = "employee_id,name,email,slack_id,manager_employee_id\nE1,Ada Okafor,ada@example.org,U012ADA01,\n\
                  E2,Bo *Lind*,bo@example.org,U012BO002,E1\n";
    std::fs::write(dir.join("managers.csv"), roster)?;
    said(STOA, dir, &["people", "import", "managers.csv"])?;
    scene.requires_safety()?;
    scene.teaches_tea()?;
    let (slack, ada) = (&scene.slack, scene.slack.person(ADA));
    ada.reads("New for you").await?;
    ada.says_dm("learn join tea");
    ada.reads("Tea").await?;
    let pane = ada.opens_pane();
    let thread = ada.says(GENERAL, "Shall we talk about learning?");
    for (word, part, personal) in WORDS {
        let surfaces: [(&str, &dyn Fn()); 5] = [
            ("a direct message", &|| {
                let _ = ada.says_dm(word);
            }),
            ("a mention", &|| drop(ada.mentions(GENERAL, word))),
            ("a thread", &|| drop(ada.mentions_in(GENERAL, Some(&thread), word))),
            ("a command", &|| {
                let _ = ada.slash_in(GENERAL, "/stoa", word);
            }),
            ("the pane", &|| {
                let _ = ada.says_in_pane(&pane, word);
            }),
        ];
        for (surface, say) in surfaces {
            let before = slack.messages().len();
            say();
            let shown = newest(slack, before, part).await.with_context(|| format!("{word} in {surface}"))?;
            let alone = shown.channel.starts_with('D') || shown.only.as_deref() == Some(ADA);
            ensure!(alone || !personal, "{word} in {surface} is shown to everybody: {shown:?}");
            if surface == "the pane" {
                ensure!(
                    shown.thread.as_deref() == Some(pane.1.as_str()),
                    "{word} is not answered in the pane: {shown:?}"
                );
            }
        }
    }
    ensure!(ada.finds("went wrong").is_none() && scene.slack.person(BO).finds("Your team").is_none());
    scene.ends().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_said_becomes_a_mention_on_any_surface() -> Result<()> {
    let first = format!("To descale the coffee machine, press both buttons for five seconds. {SPOOF} [1]\nPour");
    let model = Model::open(&first, &format!(" in one bag of citric acid. {SPOOF} [1]\n")).await?;
    model.goes_on(100);
    let scene = Scene::open_with("socket", &model.configuration()).await?;
    let (slack, dir) = (&scene.slack, scene.dir.path());
    let escaped = SPOOF.replace('<', "\\<");
    let roster = format!(
        "employee_id,name,email,slack_id,manager_employee_id,title\nE1,Ada {SPOOF},ada@example.org,U012ADA01,,{SPOOF}\n\
         E2,Bo {SPOOF},bo@example.org,U012BO002,E1,{SPOOF}\n"
    );
    std::fs::write(dir.join("spoofs.csv"), roster)?;
    said(STOA, dir, &["people", "import", "spoofs.csv"])?;
    let page = format!(
        "---\ntitle: \"Lamps {SPOOF}\"\n---\n# Lamps {escaped}\n\nThe lamp hums. `{SPOOF}` {escaped}\n\n\
        [{escaped}](https://e.org/?a=<!here>) and <!channel>\n\n```\n{SPOOF}\n```\n\n| {escaped} |\n|---|\n| {SPOOF} |\n"
    );
    std::fs::write(dir.join("handbook/lamps.md"), page)?;
    said(STOA, dir, &["library", "sync"])?;
    let course = dir.join("courses/lamps");
    std::fs::create_dir_all(&course)?;
    let of_course = format!("id = \"lamps\"\ntitle = \"Lamps {SPOOF}\"\nattestation = \"I know {SPOOF}.\"\n");
    std::fs::write(course.join("course.toml"), of_course)?;
    std::fs::write(course.join("01-why.md"), format!("# Why {escaped}\n\nBecause {SPOOF} {escaped}\n"))?;
    let requirement = format!(
        "[[requirement]]\nid = \"lamps\"\ntitle = \"Lamps {SPOOF}\"\ncourse = \"lamps\"\n\
        audience = \"everyone\"\ndue = {{ days = 14, from = \"assigned\" }}\n"
    );
    std::fs::write(dir.join("lamps.toml"), requirement)?;
    said(STOA, dir, &["training", "courses", "courses"])?;
    said(STOA, dir, &["training", "apply", "lamps.toml"])?;
    let track = dir.join("tracks/lamps");
    std::fs::create_dir_all(&track)?;
    std::fs::write(track.join("track.toml"), format!("title = \"Light {SPOOF}\"\ndescription = \"{SPOOF}\"\n"))?;
    let lesson = format!(
        "+++\ntitle = \"Bulbs {SPOOF}\"\n[[question]]\nprompt = \"How bright? {SPOOF}\"\n\
        options = [\"60 <!here>\", \"90\"]\nanswer = 1\nwhy = \"So it is. {SPOOF}\"\n+++\nLook at it. {SPOOF} {escaped}\n"
    );
    std::fs::write(track.join("01-bulbs.md"), lesson)?;
    said(STOA, dir, &["lessons", "apply", "tracks"])?;

    // A course, a lesson and a quiz by direct message; the Home tab of who has a team.
    let (ada, bo) = (slack.person(ADA), slack.person(BO));
    bo.reads("New for you").await?;
    bo.presses("Start").await?;
    bo.reads("Because").await?;
    bo.presses("I have read it").await?;
    bo.presses("Confirm").await?;
    bo.sees_form().await?;
    ensure!(!bo.submits(&[("Your full name", SPOOF)]).await?.is_null(), "that is not his name");
    bo.says_dm("learn join lamps");
    bo.reads("Light").await?;
    bo.says_dm("learn");
    bo.reads("How bright?").await?;
    bo.presses("90").await?;
    bo.reads("So it is").await?;
    ada.reads("New for you").await?;
    ada.opens_home();
    ada.sees_at_home("Your team").await?;

    // A tip, a question, an unknown word and an answer, in the channel, for one alone, in a modal and as a stream.
    bo.slash("/stoa", &format!("tip The lantern wants oil {SPOOF}"));
    bo.presses("Share").await?;
    bo.reads("tip is shared").await?;
    let root = ada.says(GENERAL, &format!("What about the lantern? {SPOOF}"));
    let root = message(slack, &root)?;
    ada.uses_shortcut("tip_from", &root);
    ada.presses("Share").await?;
    ada.uses_shortcut("discussion_log", &root);
    ensure!(ada.submits(&[("What is it about?", SPOOF)]).await?.is_null());
    ada.reads("is logged").await?;
    let pane = ada.opens_pane();
    for words in [format!("How does the lamp hum? {SPOOF}"), format!("Who won the football match? {SPOOF}")] {
        let asks: [&dyn Fn(); 4] = [
            &|| {
                let _ = ada.says_dm(&words);
            },
            &|| drop(ada.mentions(GENERAL, &words)),
            &|| {
                let _ = ada.slash_in(GENERAL, "/stoa", &format!("ask {words}"));
            },
            &|| {
                let _ = ada.says_in_pane(&pane, &words);
            },
        ];
        for ask in asks {
            let before = slack.messages().len();
            ask();
            slack
                .wait("an answer", |s| {
                    s.messages().iter().skip(before).any(|m| m.user == slack::BOT && !m.blocks.is_null()).then_some(())
                })
                .await?;
        }
    }
    // Where the bot is no member it answers at the response address.
    ada.slash_in(PRIVATE, "/stoa", &format!("{SPOOF} {SPOOF}"));
    ada.slash_in(PRIVATE, "/stoa", "ask How does the lamp hum?");
    slack.all_acknowledged().await?;
    settles(&ada, &format!("did lit the lantern {SPOOF}"), "I noted it").await?;
    let shown =
        slack.messages().iter().filter(|m| m.user == slack::BOT && m.shown().contains("&lt;!channel&gt;")).count();
    ensure!(shown >= 5, "what was said is hardly shown at all: {shown}");
    scene.ends().await
}
