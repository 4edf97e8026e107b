//! `show`: what a message that names nothing stands for. Where others may read along, a platform says only that something
//! waits (N16); its button is this command, and who it is for sees the rest alone.

use async_trait::async_trait;
use stoa_ground::{Error, Result, args};

use super::{Delivery, Rendered, select};
use crate::chat::{Args, Call, Command, Context, Message};
use crate::{say, words_key};

/// The command `show KEY`.
pub(crate) struct Show;

#[async_trait]
impl Command for Show {
    fn word(&self) -> &'static str {
        "show"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-show")
    }

    /// Accounts of nobody get answers as well, and only they see them.
    fn public(&self) -> bool {
        true
    }

    async fn listed(&self, _cx: &Context<'_>) -> Result<bool> {
        Ok(false)
    }

    fn accepts(&self, _args: &Args) -> bool {
        false
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let refused = || Error::Forbidden(say!(cx.words, "chat-show-nothing"));
        let row = cx.db().opt(select!("WHERE key = $1"), args![call.args.text()]).await?;
        let delivery = Delivery::read(&row.ok_or_else(refused)?)?;
        let person = cx.flow.person_of(&delivery).await?;
        let known = cx.known.as_ref().map(|p| p.id.as_str());
        let same_person =
            known.is_some() && (known == delivery.person.as_deref() || known == person.as_ref().map(|p| p.id.as_str()));
        if !same_person && delivery.only.as_ref() != Some(cx.account()) {
            return Err(refused());
        }
        let message = match cx.flow.render(&delivery, person.as_ref(), true).await? {
            Rendered::Say(message) => {
                let reach = cx.flow.reach(person.as_ref()).await?;
                let message = cx.flow.welcome(person.as_ref(), &delivery, message, &reach).await?;
                match cx.flow.platform(&cx.account().platform) {
                    Some(here) => cx.flow.ask_zone(person.as_ref(), &delivery, here.as_ref(), &reach, message).await?,
                    None => message,
                }
            }
            Rendered::Gone(_) => Message::text(say!(cx.words, "chat-show-gone")),
        };
        cx.reply_private(message).await
    }
}
