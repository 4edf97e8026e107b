//! Channels that the learning team opted in: there the answer that whoever asked marks is kept as a page, with consent.

use stoa_flow::chat::{Context, Message, Place};
use stoa_flow::say;
use stoa_ground::{Conn, Error, Result, args};

use super::speak;

/// Whether a channel was opted in.
///
/// # Errors
/// The database's error.
pub async fn learns(conn: &Conn, place: &Place) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM learning_channel WHERE platform = $1 AND workspace = $2 AND channel = $3";
    Ok(conn.opt(sql, args![&place.platform, &place.workspace, &place.channel]).await?.is_some())
}

/// The orders `channel learn` and `channel unlearn`. Everybody in the channel is told.
pub(super) async fn set(cx: &Context<'_>, on: bool) -> Result<()> {
    let (person, place) = (speak::responsible(cx).await?, cx.place());
    if on && !cx.flow.audience(place).await?.open {
        return Err(Error::Invalid(say!(cx.words, "answers-channel-closed")));
    }
    let says = match on {
        true => say!(cx.words, "answers-channel-learns"),
        false => say!(cx.words, "answers-channel-learns-no-more"),
    };
    let says = &Message::text(says);
    cx.commit(|turn| async move {
        let sql = "DELETE FROM learning_channel WHERE platform = $1 AND workspace = $2 AND channel = $3";
        turn.exec(sql, args![&place.platform, &place.workspace, &place.channel]).await?;
        if on {
            turn.exec(
                "INSERT INTO learning_channel (platform, workspace, channel, set_by, at) VALUES ($1, $2, $3, $4, $5)",
                args![&place.platform, &place.workspace, &place.channel, &person.id, turn.now()],
            )
            .await?;
        }
        turn.reply(says.clone()).await
    })
    .await
}
