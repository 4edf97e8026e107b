//! What becomes of a message that was captured: an edit or a deletion in the chat follows through to tip, discussion,
//! statements and answers (R8).

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::Watcher;
use stoa_flow::chat::{Context, Event};
use stoa_ground::people;
use stoa_ground::{Conn, Result, Tx};

use super::store::State;
use super::{discussions, share, store, text};
use crate::Services;

/// Watches edits and deletions.
pub(super) struct Captured(pub Arc<Services>);

#[async_trait]
impl Watcher for Captured {
    async fn seen(&self, cx: &Context<'_>) -> Result<()> {
        let (message, mut now) = match &cx.envelope.event {
            Event::Edited { id, text } => (id, Some(text::clean(text)).filter(|t| !t.is_empty())),
            Event::Deleted { id } => (id, None),
            _ => return Ok(()),
        };
        let place = cx.place();
        let origin = (place.platform.clone(), place.channel.clone(), message.clone());
        let origin = &origin;
        if !cx.db().read(|c| async move { is_captured(&c, origin).await }).await? {
            return Ok(());
        }
        // New words for those who read there alone are not for everyone.
        if now.is_some() && !cx.flow.audience(place).await?.open {
            now = None;
        }
        let now = now.as_deref();
        cx.db()
            .write(|tx| async move {
                self.tip(&tx, origin, now).await?;
                self.discussion(&tx, origin, now).await
            })
            .await
    }
}

async fn is_captured(conn: &Conn, origin: &store::Origin) -> Result<bool> {
    let (platform, channel, message) = origin;
    Ok(store::from_message(conn, origin).await?.is_some()
        || discussions::store::of_message(conn, platform, channel, message).await?.is_some())
}

impl Captured {
    async fn tip(&self, tx: &Tx, origin: &store::Origin, now: Option<&str>) -> Result<()> {
        let Some(tip) = store::from_message(tx, origin).await? else { return Ok(()) };
        if !matches!(tip.state, State::Draft | State::Asked | State::Shared) {
            return Ok(());
        }
        let Some(author) = people::by_id(tx, &tip.author).await? else { return Ok(()) };
        let topic = tip.topic.clone();
        match now {
            Some(words) if words.chars().count() <= text::LONGEST => {
                share::rewrite(tx, &self.0, tip, &author, words, topic.as_deref()).await?;
            }
            _ => {
                let state = if tip.state == State::Shared { State::Withdrawn } else { State::Declined };
                let key = super::social::tip_key(&tip);
                share::withdraw(tx, &self.0, tip, &author, state).await?;
                stoa_flow::delivery::revise(tx, &key).await?;
            }
        }
        Ok(())
    }

    async fn discussion(&self, tx: &Tx, origin: &store::Origin, now: Option<&str>) -> Result<()> {
        let (platform, channel, message) = origin;
        let found = discussions::store::of_message(tx, platform, channel, message).await?;
        let Some(mut captured) = found else { return Ok(()) };
        match now {
            Some(words) => {
                captured.digest = text::digest(words);
                if captured.text.is_some() {
                    captured.text = Some(words.to_owned());
                }
                discussions::store::save_message(tx, &captured).await?;
            }
            None => discussions::store::delete_message(tx, &captured).await?,
        }
        discussions::refresh(tx, &self.0, &captured.discussion).await
    }
}
