//! The real capabilities in the web chat: a channel that learns from the answers that its people mark.

use std::sync::Arc;

use stoa_flow::testing::organisation;
use stoa_flow::{Flow, chat};
use stoa_ground::people::{self, Role};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Instant, testing};
use stoa_learning::search::Index;
use stoa_learning::{Services, ledger, parts};

use crate::stage::{Stage, Window, ids};

/// The command line of the button with this label, and its message, on a page.
fn button(page: &str, label: &str) -> (String, String) {
    let before = page.split(&format!("\" dir=\"auto\">{label}</button>")).next().unwrap();
    let command = before.rsplit("value=\"").next().unwrap().to_owned();
    (command, ids(before).pop().unwrap())
}

async fn presses(window: &Window<'_>, conversation: &str, label: &str) {
    let (command, message) = button(&window.sees(conversation).await, label);
    window.sends(&format!("{conversation}/buttons"), &[("command", &command), ("message", &message)]).await;
}

#[tokio::test]
async fn a_channel_learns_the_answer_that_whoever_asked_marks_in_the_menu() {
    let (db, dir) = testing::store().await;
    let services = Arc::new(Services {
        ledger: ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        training: Default::default(),
        organisation: organisation(),
        index: Index::in_memory().unwrap(),
        asking: Default::default(),
        mail: false,
        sign_in: None,
    });
    let flow = Flow::new(db.clone(), organisation(), parts(&services));
    let stage = Stage::of(db, dir, flow, |options| options.demo = true);
    let (ana, ben, lea) = (stage.hire("Ana").await, stage.hire("Ben").await, stage.hire("Lea").await);
    let (services, teacher) = (&services, &lea);
    let role = |tx| async move { people::grant(&tx, &services.ledger, teacher, Role::Learning, "test", "test").await };
    stage.db.write(role).await.unwrap();
    let desk = stage.channel("desk", &[&ana, &ben, &lea]).await;
    let (hers, his, leas) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await, stage.sign_in(&lea).await);

    leas.writes(&desk, "/ask channel learn").await;
    let page = hers.sees(&desk).await;
    assert!(page.contains("when whoever asked something here marks the answer"), "everybody is told: {page}");
    let question = "Where do the spare fuses of the sorter lie?";
    hers.writes(&desk, question).await;
    let asked = ids(&hers.sees(&desk).await).pop().unwrap();
    let thread = format!("{desk}/thread/{asked}");
    let reply = [("text", "The spare fuses of the sorter lie in drawer seven."), ("thread", asked.as_str())];
    his.sends(&format!("{desk}/messages"), &reply).await;
    let page = hers.sees(&thread).await;
    assert!(page.contains("This answered it"), "{page}");
    let answer = ids(&page).pop().unwrap();
    let mark = [("command", "tip answered"), ("message", answer.as_str())];
    hers.sends(&format!("{desk}/shortcuts"), &mark).await;
    assert!(hers.sees(&thread).await.contains("Good to know. The answer is kept"), "{}", hers.sees(&thread).await);

    stage.flow.advance(Instant::parse("2026-11-24T12:00:00Z").unwrap()).await.unwrap();
    let page = his.sees(&his.home).await;
    assert!(page.contains("Ana says that your answer to"), "{page}");
    presses(&his, &his.home, "Yes").await;
    services.index.catch_up(&stage.db).await.unwrap();
    leas.writes(&leas.home, question).await;
    let page = leas.sees(&leas.home).await;
    assert!(page.contains("drawer seven") && page.contains("answered by Ben, a colleague; not checked"), "{page}");
    let web = stage.flow.platform("web").unwrap();
    let place = chat::Place {
        platform: "web".into(),
        workspace: String::new(),
        channel: "x".into(),
        thread: None,
        direct: false,
    };
    assert!(web.audience(&place).await.unwrap().open, "every channel of the sample organisation is open");
}
