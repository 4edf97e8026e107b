//! The web chat as a [`Platform`]: the delivery posts, edits and finds messages in it as in any other chat.

use async_trait::async_trait;
use stoa_flow::chat::{Account, Audience, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_ground::people;
use stoa_ground::{Db, Error, Instant, Result, Tx};

use crate::store::{self, NewPost};

/// The name of the platform in accounts and places.
pub const NAME: &str = "web";

/// The local web chat.
pub struct WebChat {
    pub(crate) db: Db,
}

/// The account of a person on the web.
#[must_use]
pub fn account(person: &str) -> Account {
    Account { platform: NAME.into(), workspace: String::new(), user: person.into() }
}

/// Gives a person an account on the web chat and the conversation with Stoa, as a first sign-in does. Doing it again
/// changes nothing.
///
/// # Errors
/// [`Error::NotFound`] for an unknown person.
pub async fn enrol(tx: &Tx, person: &str) -> Result<()> {
    let actor = format!("person/{person}");
    people::link_account(tx, person, (NAME, "", person), &actor, "signed in to the web chat").await?;
    store::direct_channel(tx, person).await?;
    Ok(())
}

pub(crate) fn place(channel: &str, thread: Option<&str>, direct: bool) -> Place {
    Place {
        platform: NAME.into(),
        workspace: String::new(),
        channel: channel.into(),
        thread: thread.map(Into::into),
        direct,
    }
}

fn send_error(error: Error) -> SendError {
    match error {
        Error::NotFound(what) => SendError::Unreachable(format!("{what} is not in the web chat")),
        other => other.into(),
    }
}

#[async_trait]
impl Platform for WebChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> String {
        "Web chat".into()
    }

    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        let new = NewPost {
            channel: &place.channel,
            thread: place.thread.as_deref(),
            only_for: only.map(|a| a.user.as_str()),
            key: Some(key),
            body: Some(message),
            ..NewPost::default()
        };
        let new = &new;
        let posted = self.db.write(|tx| async move { store::post(&tx, new).await }).await;
        Ok(posted.map_err(send_error)?.0)
    }

    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        let id = &message.id;
        match self.db.write(|tx| async move { store::set_body(&tx, id, new).await }).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Refused("the message is not in the web chat any more".into())),
            Err(e) => Err(e.into()),
        }
    }

    fn grows(&self) -> bool {
        true
    }

    async fn find(&self, _place: &Place, key: &str, _since: Instant) -> Result<Option<String>, SendError> {
        let row = self.db.opt("SELECT id FROM web_message WHERE key = $1", stoa_ground::args![key]).await?;
        Ok(row.map(|r| r.get("id")).transpose()?)
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        let user = &account.user;
        let channel = self
            .db
            .write(|tx| async move {
                // Whoever signs in is the person who stands for this row now, and reads that conversation.
                let person = people::by_id(&tx, user).await?.ok_or_else(|| Error::NotFound("the account".into()))?;
                store::direct_channel(&tx, &person.id).await
            })
            .await
            .map_err(send_error)?;
        Ok(place(&channel, None, true))
    }

    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        let Some(root) = place.thread.clone() else { return Ok(Vec::new()) };
        let channel = place.channel.clone();
        let messages = self.db.read(|c| async move {
            let mut messages = Vec::new();
            for post in store::thread(&c, &channel, &root, None).await? {
                if post.deleted {
                    continue;
                }
                let name = match &post.author {
                    Some(user) => people::by_id(&c, user).await?.map_or_else(String::new, |p| p.name),
                    None => "Stoa".into(),
                };
                let text = post.body.as_ref().map_or(post.text, Message::plain);
                let author = post.author.as_deref().map(account);
                messages.push(ThreadMessage { id: post.id, author, name, text, at: post.created });
            }
            Ok(messages)
        });
        Ok(messages.await?)
    }

    /// Its channels come with the sample organisation, and there everybody may look into everything.
    async fn audience(&self, _place: &Place) -> Result<Audience, SendError> {
        Ok(Audience { open: true, outsiders: false })
    }
}
