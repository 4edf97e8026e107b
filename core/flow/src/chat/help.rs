//! `help`: what there is, for this person.

use async_trait::async_trait;
use stoa_ground::Result;

use super::{Args, Call, Command, Context, Message};
use crate::say;

/// The command `help`.
pub struct Help;

#[async_trait]
impl Command for Help {
    fn word(&self) -> &'static str {
        "help"
    }

    fn public(&self) -> bool {
        true
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty()
    }

    async fn run(&self, cx: &Context<'_>, _call: &Call) -> Result<()> {
        let mut lines = Vec::new();
        for command in &cx.flow.parts().commands {
            let allowed = command.public() || cx.known.is_some();
            if allowed && command.listed(cx).await? {
                let what = cx.words.say_with(&format!("help-{}", command.word()), &[]);
                lines.push(format!("- **{}** – {what}", command.word()));
            }
        }
        let mut message = Message::new()
            .heading(say!(cx.words, "help-title"))
            .paragraph(say!(cx.words, "help-intro"))
            .paragraph(lines.join("\n"));
        if cx.known.is_none() {
            message = message.paragraph(say!(cx.words, "chat-unknown-account"));
        }
        cx.reply_private(message).await
    }
}
