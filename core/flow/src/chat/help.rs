//! `help`: what there is, for this person.

use async_trait::async_trait;
use stoa_ground::Result;

use super::{Args, Call, Command, Context, Message};
use crate::{say, words_key};

/// The command `help`.
pub struct Help;

#[async_trait]
impl Command for Help {
    fn word(&self) -> &'static str {
        "help"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-help")
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
                let about = cx.words.say(command.about());
                lines.push(format!("- {}", say!(cx.words, "chat-help-line", command = command.word(), about = about)));
            }
        }
        let mut message = Message::new()
            .paragraph(say!(cx.words, "chat-help-intro"))
            .paragraph(lines.join("\n"))
            .context(say!(cx.words, "chat-help-plain-words"));
        if cx.known.is_none() {
            message = message.paragraph(say!(cx.words, "chat-help-unknown-account"));
        }
        cx.reply_private(message).await
    }
}
