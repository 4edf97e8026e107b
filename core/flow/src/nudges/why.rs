//! `why`: the reason of every message that was sent or not sent, in a sentence (N15).

use async_trait::async_trait;
use stoa_ground::Result;

use super::{Stored, decisions_about};
use crate::chat::{Args, Call, Command, Context, Message};
use crate::say;

/// How many decisions are told at once.
const SHOWN: usize = 6;

/// The command `why`.
pub struct Why;

#[async_trait]
impl Command for Why {
    fn word(&self) -> &'static str {
        "why"
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty() || args.text().contains('/')
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        let all = decisions_about(cx.db(), &person.id, 200).await?;
        let key = call.args.text();
        // A button says which message it stands under; only the person's own decisions are looked at.
        let chosen: Vec<&Stored> =
            if key.is_empty() { all.iter().take(SHOWN).collect() } else { all.iter().filter(|d| d.key == key).collect() };
        if chosen.is_empty() {
            return cx.reply_private(Message::text(say!(cx.words, "nudges-why-nothing"))).await;
        }
        let calendar = cx.flow.organisation().calendar(person);
        let mut message = Message::new();
        if key.is_empty() {
            message = message.paragraph(say!(cx.words, "nudges-why-intro"));
        }
        let today = cx.db().clock().now().zoned(&calendar.zone).date();
        for stored in chosen {
            let at = stored.at.zoned(&calendar.zone);
            let until = stored.until.map(|u| u.zoned(&calendar.zone));
            let reason = cx.words.say_with(
                &format!("why-{}", stored.reason),
                &[
                    ("until", until.map(|u| moment(cx, &u, today)).unwrap_or_default().into()),
                    ("budget", cx.flow.organisation().nudges.daily_budget.into()),
                ],
            );
            let what = cx.words.say_with(&format!("kind-{}", stored.kind), &[]);
            let decision = cx.words.say_with(&format!("decision-{}", stored.decision), &[]);
            message = message.paragraph(say!(
                cx.words,
                "nudges-why-line",
                at = moment(cx, &at, today),
                what = what,
                decision = decision,
                reason = reason
            ));
        }
        cx.reply_private(message).await
    }
}

fn moment(cx: &Context<'_>, at: &jiff::Zoned, today: jiff::civil::Date) -> String {
    format!("{} {}", cx.words.day(at.date(), today), cx.words.time(at.time()))
}
