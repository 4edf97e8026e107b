//! `home`: what concerns a person now, on one page. A platform that has a page for each person shows the same there.

use async_trait::async_trait;
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Result};

use super::{Account, Args, Button, Call, Command, Context, Message};
use crate::organisation::Organisation;
use crate::words::Words;
use crate::worker::Flow;
use crate::{say, words_key};

/// What a part of the page is made from.
pub struct Visit<'a> {
    /// The store, for reading.
    pub conn: &'a Conn,
    /// Whose page it is.
    pub person: &'a Person,
    /// The words in the person's language.
    pub words: &'static Words,
    /// The organisation.
    pub organisation: &'a Organisation,
}

/// A part of the page, for example today's lesson.
#[async_trait]
pub trait Panel: Send + Sync {
    /// What it shows; `None` where there is nothing for this person. Reads only.
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>>;

    /// What this person could be offered to say just now, the most useful first. Reads only.
    async fn prompts(&self, _visit: &Visit<'_>) -> Result<Vec<Prompt>> {
        Ok(Vec::new())
    }
}

/// Something that a person is offered to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// In the person's words.
    pub title: String,
    /// What they say when they choose it.
    pub says: String,
}

impl Prompt {
    /// A prompt.
    #[must_use]
    pub fn new(title: String, says: &str) -> Self {
        Self { title, says: says.to_owned() }
    }
}

pub(crate) struct Home;

#[async_trait]
impl Command for Home {
    fn word(&self) -> &'static str {
        "home"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-home")
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty()
    }

    async fn run(&self, cx: &Context<'_>, _call: &Call) -> Result<()> {
        let person = cx.person()?;
        let page = cx.db().read(|c| async move { cx.flow.page(&c, person).await }).await?;
        cx.reply_private(page).await
    }
}

impl Flow {
    /// The page of the person behind an account, as it is now; for a stranger, how to become known.
    ///
    /// # Errors
    /// The database's error.
    pub async fn home(&self, account: &Account) -> Result<Message> {
        self.db()
            .read(|c| async move {
                let known = people::by_account(&c, &account.platform, &account.workspace, &account.user).await?;
                match known.filter(|p| p.status != Status::Left) {
                    Some(person) => self.page(&c, &person).await,
                    None => Ok(Message::text(say!(Words::english(), "chat-help-unknown-account"))),
                }
            })
            .await
    }

    /// What the person behind an account could be offered to say, the most useful first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn prompts(&self, account: &Account) -> Result<Vec<Prompt>> {
        self.db()
            .read(|c| async move {
                let known = people::by_account(&c, &account.platform, &account.workspace, &account.user).await?;
                let words = Words::of(known.as_ref().map_or("en", |p| p.language()));
                let mut prompts = Vec::new();
                if let Some(person) = known.filter(|p| p.status != Status::Left) {
                    let visit = Visit { conn: &c, person: &person, words, organisation: self.organisation() };
                    for panel in &self.parts().panels {
                        prompts.extend(panel.prompts(&visit).await?);
                    }
                }
                prompts.push(Prompt::new(say!(words, "chat-prompt-help"), "help"));
                Ok(prompts)
            })
            .await
    }

    async fn page(&self, conn: &Conn, person: &Person) -> Result<Message> {
        let words = Words::of(person.language());
        let visit = Visit { conn, person, words, organisation: self.organisation() };
        let mut page = Message::text(say!(words, "chat-home-intro")).buttons(vec![
            Button::new(say!(words, "chat-home-tip-button"), "tip"),
            Button::new(say!(words, "chat-help-button"), "help"),
        ]);
        for panel in &self.parts().panels {
            page.blocks.extend(panel.show(&visit).await?.into_iter().flat_map(|shown| shown.blocks));
        }
        Ok(page)
    }
}
