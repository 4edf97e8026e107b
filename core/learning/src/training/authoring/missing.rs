//! `training missing REQUIREMENT`: how one requirement stands, and who is missing, for those who look after it.

use stoa_flow::chat::{Button, Context, Message};
use stoa_flow::say;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Error, Result};

use super::chat::{LISTED, known, may_see};
use crate::Services;
use crate::training::course::is_id;
use crate::training::requirement::{self, Requirement};
use crate::training::team::{Page, Standing};

/// Whether the words after `training` ask for it.
pub(in crate::training) fn asks(text: &str) -> bool {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    word == "missing" && (rest.is_empty() || is_id(rest))
}

/// Tells it; without a requirement, of which ones it can be told.
pub(super) async fn run(cx: &Context<'_>, s: &Services, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    // The button under the first ones names the next.
    let (id, from) = id.split_once(' ').map_or((id, 0), |(id, from)| (id, from.trim().parse().unwrap_or(0)));
    let message = cx.db().read(|c| async move {
        if !may_see(&c, person).await? {
            return Err(Error::Forbidden(say!(words, "authoring-status-not-yours")));
        }
        if id.is_empty() {
            let all = requirement::all(&c).await?;
            let button = |r: &Requirement| Button::new(r.title.clone(), format!("training missing {}", r.id));
            let buttons: Vec<Button> = all.iter().filter(|r| r.active).take(LISTED).map(button).collect();
            let text = if buttons.is_empty() {
                say!(words, "authoring-status-none")
            } else {
                say!(words, "authoring-status-which")
            };
            return Ok(buttons.chunks(5).fold(Message::text(text), |message, row| message.buttons(row.to_vec())));
        }
        let requirement = known(&c, words, id).await?;
        let today = s.organisation.calendar(person).date(c.now());
        let mut standing = Standing::with(&c, &requirement).await?;
        standing.still = !people::roles_of(&c, person).await?.contains(&Role::Learning);
        let page = Page { from, again: format!("training missing {id}") };
        Ok(standing.with_reasons(words, &requirement, today, &page))
    });
    cx.reply_private(message.await?).await
}
