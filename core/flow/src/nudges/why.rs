//! `why`: the reason of every message that was sent or not sent, in a sentence (N15).

use async_trait::async_trait;
use stoa_ground::Result;

use super::{Stored, decision_about, decisions_about};
use crate::chat::{Args, Call, Command, Context, Message, moment_at};
use crate::words::Words;
use crate::{say, words_key};

/// How many decisions are told at once.
const SHOWN: usize = 6;

/// The command `why`.
pub struct Why;

#[async_trait]
impl Command for Why {
    fn word(&self) -> &'static str {
        "why"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-why")
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty() || args.text().contains('/')
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        let key = call.args.text();
        // A button says which message it stands under; only the person's own decisions are looked at.
        let chosen: Vec<Stored> = if key.is_empty() {
            decisions_about(cx.db(), &person.id, SHOWN).await?
        } else {
            decision_about(cx.db(), &person.id, key).await?.into_iter().collect()
        };
        if chosen.is_empty() {
            let nothing = if key.is_empty() {
                say!(cx.words, "nudges-why-nothing")
            } else {
                say!(cx.words, "nudges-why-unknown")
            };
            return cx.reply_private(Message::text(nothing)).await;
        }
        let calendar = cx.flow.organisation().calendar(person);
        let mut message = Message::new();
        if key.is_empty() {
            message = message.paragraph(say!(cx.words, "nudges-why-intro"));
        }
        let today = cx.db().clock().now().zoned(&calendar.zone).date();
        for stored in chosen {
            let said = |at| moment_at(cx.words, at, &calendar.zone, today);
            let until = stored.until.map(said).unwrap_or_default();
            let budget = cx.flow.organisation().nudges.daily_budget;
            let reason = sentence(cx.words, &stored.reason, &until, budget);
            let what = cx.words.say(cx.flow.kind(&stored.kind).map_or(words_key!("kind-other"), |k| k.label()));
            let decision = cx.words.say(decision_key(&stored.decision));
            message = message.paragraph(say!(
                cx.words,
                "nudges-why-line",
                at = said(stored.at),
                what = what,
                decision = decision,
                reason = reason
            ));
        }
        cx.reply_private(message).await
    }
}

fn decision_key(word: &str) -> &'static str {
    match word {
        "now" => words_key!("decision-now"),
        "later" => words_key!("decision-later"),
        "merge" => words_key!("decision-merge"),
        "withhold" => words_key!("decision-withhold"),
        "cancel" => words_key!("decision-cancel"),
        _ => words_key!("decision-edit"),
    }
}

/// The reason with this code as the sentence that the person reads. `until` says the instant that a decision to send later
/// names; it is empty for any other.
#[must_use]
pub fn sentence(words: &Words, code: &str, until: &str, budget: u32) -> String {
    words.say_with(&reason_key(code), &[("until", until.into()), ("budget", budget.into())])
}

/// The reasons that the arbiter and the sender give; a capability declares its own where it gives them.
#[rustfmt::skip]
const REASONS: &[&str] = &[
    words_key!("why-due"), words_key!("why-answer"), words_key!("why-quiet-hours"), words_key!("why-do-not-disturb"), words_key!("why-day-off"),
    words_key!("why-holiday"), words_key!("why-leave"), words_key!("why-not-begun"), words_key!("why-ramp"), words_key!("why-budget"),
    words_key!("why-gap"), words_key!("why-activity"), words_key!("why-digest"), words_key!("why-left"),
    words_key!("why-paused"), words_key!("why-ignored"), words_key!("why-changed"), words_key!("why-done"),
    words_key!("why-unknown-kind"), words_key!("why-stale"),
];

/// The key of a reason's sentence. Reasons of capabilities follow the same rule and are declared where they are given.
fn reason_key(code: &str) -> String {
    let known = REASONS.iter().find(|key| key.strip_prefix("why-") == Some(code));
    known.map_or_else(|| format!("why-{code}"), |key| (*key).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence() {
        for key in REASONS {
            assert!(!Words::english().say(key).starts_with('⟨'), "{key}");
        }
    }
}
