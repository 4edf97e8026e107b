//! `help`: what there is, for this person.

use async_trait::async_trait;
use stoa_ground::{Result, people};

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
        let line = |typed: &str, about: &str| {
            format!("- {}", say!(cx.words, "chat-help-line", command = typed, about = cx.words.say(about)))
        };
        for command in &cx.flow.parts().commands {
            let allowed = command.public() || cx.known.is_some();
            if allowed && command.listed(cx).await? {
                lines.push(line(command.word(), command.about()));
            }
        }
        let mut message = Message::new().paragraph(say!(cx.words, "chat-help-intro")).paragraph(lines.join("\n"));
        if let Some(person) = &cx.known {
            let roles = cx.db().read(|c| async move { people::roles_of(&c, person).await }).await?;
            let duties = cx.flow.parts().commands.iter().flat_map(|c| c.duties());
            let mine = duties.filter(|d| d.roles.iter().any(|role| roles.contains(role)));
            let lines: Vec<String> = mine.map(|d| line(d.words, d.about)).collect();
            if !lines.is_empty() {
                message = message.paragraph(say!(cx.words, "chat-help-duties")).paragraph(lines.join("\n"));
            }
        }
        message = message.context(say!(cx.words, "chat-help-plain-words"));
        if cx.known.is_none() {
            message = message.paragraph(say!(cx.words, "chat-help-unknown-account"));
        }
        cx.reply_private(message).await
    }
}
