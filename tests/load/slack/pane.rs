//! How soon the first words of a language model are shown.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use stoa_ground::clock::monotonic;
use stoa_tests::Model;
use stoa_tests::slack::Slack;

use super::{Setup, World};
use crate::measure::{Figure, Wanted, within};
use crate::{Figures, Plan, library};

/// Calls that show words of an answer.
const SHOWS: [&str; 3] = ["chat.startStream", "chat.appendStream", "chat.update"];

/// In the assistant pane the first sentence is shown while the model still writes.
pub async fn streamed(plan: &Plan) -> Result<Figures> {
    let first = format!(
        "To clean the coffee machine, switch it off, {} and leave it open for 3 minutes. [1]\n",
        library::ANSWER
    );
    let second = "Spare parts of the coffee machine lie on shelf 0 of the store room. [1]\n";
    let model = Model::open(&first, second).await?;
    // The first question of all is answered by the model as well.
    model.goes_on(100);
    let (number, more) = (plan.of(12, 3), model.configuration());
    let world = World::open(plan, &Setup { zones: &[(number + 1, "UTC")], more: &more, ..Setup::USUAL }).await?;
    model.waits();
    let mut took = Vec::with_capacity(number);
    for n in 1..=number {
        let person = world.slack.person(&Slack::nth_person(n));
        let pane = person.opens_pane();
        let begun = model.begun().len();
        let calls = world.slack.calls_from(0, "").1;
        person.says_in_pane(&pane, &library::question(0));
        let shown = shown(&world.slack, calls, &pane.0).await?;
        let said = *model.begun().get(begun).context("the model was not asked")?;
        took.push(shown.saturating_duration_since(said));
        model.goes_on(1);
    }
    let name = |what: &str| format!("the model's first sentence in the assistant pane, {number} times: {what}");
    let figures = vec![
        Figure::time(name("half shown within"), within(&took, 50), Wanted::Context),
        Figure::time(name("the latest shown within"), within(&took, 100), Wanted::Under(150.0)),
    ];
    world.ends()?;
    Ok(figures)
}

/// When the first words of an answer in a conversation were shown.
async fn shown(slack: &Slack, calls: usize, channel: &str) -> Result<Instant> {
    let begun = monotonic();
    loop {
        for method in SHOWS {
            let (all, _) = slack.calls_from(calls, method);
            let says = |text: &str| text.contains(library::ANSWER);
            let first = all.iter().find(|c| c.args["channel"] == channel && says(&c.args.to_string()));
            if let Some(call) = first {
                return Ok(call.at);
            }
        }
        ensure!(begun.elapsed() < Duration::from_secs(30), "no words of the model were shown");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
