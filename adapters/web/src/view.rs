//! What the pages show: messages and people as a visitor sees them.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use sha2::{Digest as _, Sha256};
use stoa_flow::Flow;
use stoa_flow::chat::{Block, Button, Style};
use stoa_flow::say;
use stoa_flow::words::{Words, harmless};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result};

use crate::markup::{self, Lines};
use crate::session::Visitor;
use crate::store::{Conversation, Posted, Replies};
use crate::{Web, assets};

/// Messages of one author within so many minutes stand together.
const TOGETHER: i64 = 5;

/// The parts of every page.
pub(crate) struct Frame {
    pub words: &'static Words,
    pub theme: &'static str,
    pub title: String,
    pub organisation: String,
    pub version: &'static str,
}

impl Frame {
    pub(crate) fn new(web: &Web, words: &'static Words, theme: &'static str, title: String) -> Self {
        Self::of(&web.flow, words, theme, title)
    }

    pub(crate) fn of(flow: &Flow, words: &'static Words, theme: &'static str, title: String) -> Self {
        let organisation = harmless(&flow.organisation().name).into_owned();
        Self { words, theme, title, organisation, version: &assets::VERSION }
    }
}

/// A person's name and what stands for a picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Face {
    pub name: String,
    pub initials: String,
    /// One of eight colours.
    pub hue: u8,
}

impl Face {
    pub(crate) fn of(person: &Person) -> Self {
        let name = harmless(&person.name).into_owned();
        let initials = initials(&name);
        Self { name, initials, hue: Sha256::digest(person.id.as_bytes())[0] % 8 }
    }
}

/// The first letters of the first and the last name, in capitals.
fn initials(name: &str) -> String {
    let letters: Vec<char> =
        name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric())).collect();
    let ends = match letters.as_slice() {
        [] => vec!['?'],
        [one] => vec![*one],
        [first, .., last] => vec![*first, *last],
    };
    ends.into_iter().flat_map(char::to_uppercase).collect()
}

/// The faces of the authors of messages.
pub(crate) async fn faces(conn: &Conn, posts: &[Posted]) -> Result<BTreeMap<String, Face>> {
    let authors: BTreeSet<&String> = posts.iter().filter_map(|p| p.author.as_ref()).collect();
    let mut faces = BTreeMap::new();
    for author in authors {
        if let Some(person) = people::by_id(conn, author).await? {
            faces.insert(author.clone(), Face::of(&person));
        }
    }
    Ok(faces)
}

/// A part of a message.
pub(crate) enum BlockView {
    Heading(String),
    Html(String),
    Quote { html: String, source: Option<String> },
    Context(String),
    Buttons(Vec<Button>),
}

/// "3 replies", and when the last one came.
pub(crate) struct RepliesView {
    pub label: String,
    pub last: String,
    pub new: bool,
}

/// A message as a visitor sees it.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessageView {
    pub words: &'static Words,
    pub channel: String,
    pub id: String,
    pub position: i64,
    pub face: Face,
    pub author: String,
    pub bot: bool,
    pub only: bool,
    pub deleted: bool,
    pub edited: bool,
    pub time: String,
    pub when: String,
    pub iso: String,
    pub day: String,
    pub day_label: String,
    pub minute: i64,
    pub new_day: bool,
    pub first_new: bool,
    pub grouped: bool,
    pub blocks: Vec<BlockView>,
    pub can_reply: bool,
    pub can_save: bool,
    pub can_change: bool,
    pub replies: Option<RepliesView>,
    pub token: String,
}

impl MessageView {
    fn is_primary(button: &Button) -> bool {
        button.style == Style::Primary
    }

    fn is_danger(button: &Button) -> bool {
        button.style == Style::Danger
    }
}

/// Everything that the view of one conversation needs to know.
pub(crate) struct Viewing<'a> {
    pub visitor: &'a Visitor,
    pub conversation: &'a Conversation,
    pub faces: &'a BTreeMap<String, Face>,
    pub replies: &'a BTreeMap<String, Replies>,
    pub now: Instant,
    pub token: &'a str,
    /// Whether the messages are shown as a thread.
    pub in_thread: bool,
}

impl Viewing<'_> {
    /// Messages in order, with days, the mark before the first unread one, and those of one author together.
    pub(crate) fn list(&self, posts: &[Posted]) -> Vec<MessageView> {
        let mut views: Vec<MessageView> = Vec::with_capacity(posts.len());
        let mut marked = self.in_thread;
        for post in posts {
            let mut view = self.one(post);
            if let Some(before) = views.last() {
                view.new_day = view.day != before.day;
                view.grouped = !view.new_day
                    && view.author == before.author
                    && view.only == before.only
                    && !before.deleted
                    && (0..TOGETHER).contains(&(view.minute - before.minute));
            }
            let new =
                post.position > self.conversation.read_to && post.author.as_ref() != Some(&self.visitor.person.id);
            if new && !marked && !views.is_empty() {
                view.first_new = true;
                view.grouped = false;
            }
            marked |= new;
            views.push(view);
        }
        views
    }

    /// One message.
    pub(crate) fn one(&self, post: &Posted) -> MessageView {
        let words = self.visitor.words;
        let local = post.created.zoned(&self.visitor.zone);
        let today = self.now.zoned(&self.visitor.zone).date();
        let time = words.time(local.time());
        let mine = post.author.as_ref() == Some(&self.visitor.person.id);
        let open = !post.deleted && post.only_for.is_none() && post.author.is_some();
        let in_channel = !self.conversation.direct;
        MessageView {
            words,
            channel: post.channel.clone(),
            id: post.id.clone(),
            position: post.position,
            face: self.face(post),
            author: post.author.as_deref().map_or_else(|| "stoa".into(), short),
            bot: post.author.is_none(),
            only: post.only_for.is_some(),
            deleted: post.deleted,
            edited: post.edited && !post.deleted && post.author.is_some(),
            when: format!("{}, {time}", words.date(local.date())),
            time,
            iso: post.created.rfc3339(),
            day: local.date().to_string(),
            day_label: words.day(local.date(), today),
            minute: post.created.0.div_euclid(60 * Instant::SECOND),
            new_day: true,
            first_new: false,
            grouped: false,
            blocks: blocks(post),
            can_reply: in_channel && !self.in_thread && !post.deleted && post.only_for.is_none(),
            can_save: in_channel && open,
            can_change: mine && open,
            replies: (!self.in_thread).then(|| self.replies_view(post)).flatten(),
            token: self.token.to_owned(),
        }
    }

    fn face(&self, post: &Posted) -> Face {
        match &post.author {
            None => Face { name: "Stoa".into(), ..Face::default() },
            Some(author) => self.faces.get(author).cloned().unwrap_or_else(|| Face {
                name: self.visitor.words.say("web-former-member"),
                initials: "?".into(),
                hue: 0,
            }),
        }
    }

    fn replies_view(&self, post: &Posted) -> Option<RepliesView> {
        let words = self.visitor.words;
        let replies = self.replies.get(&post.id)?;
        let last = replies.last.zoned(&self.visitor.zone);
        let today = self.now.zoned(&self.visitor.zone).date();
        let time = words.time(last.time());
        let last = if last.date() == today { time } else { format!("{}, {time}", words.day(last.date(), today)) };
        Some(RepliesView {
            label: say!(words, "web-replies", count = replies.count),
            last: say!(words, "web-last-reply", when = last),
            new: replies.newest_by_others > self.conversation.read_to,
        })
    }
}

/// Stands for an author on the page, so that no id is shown.
fn short(id: &str) -> String {
    stoa_ground::hex(Sha256::digest(id.as_bytes()).iter().take(4))
}

fn blocks(post: &Posted) -> Vec<BlockView> {
    let Some(body) = &post.body else {
        return vec![BlockView::Html(format!("<p>{}</p>", markup::plain(&post.text)))];
    };
    body.blocks
        .iter()
        .map(|block| match block {
            Block::Heading(text) => BlockView::Heading(harmless(text).into_owned()),
            Block::Text(text) => BlockView::Html(markup::commonmark(text, Lines::Kept)),
            Block::Quote { text, source } => BlockView::Quote {
                html: markup::commonmark(text, Lines::Joined),
                source: source.as_ref().map(|s| markup::commonmark(s, Lines::Kept)),
            },
            Block::Context(text) => BlockView::Context(markup::commonmark(text, Lines::Kept)),
            Block::Buttons(buttons) => BlockView::Buttons(buttons.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_stand_for_a_name_in_any_script() {
        let initials = |name: &str| initials(&harmless(name));
        assert_eq!(initials("Ana Maria Okafor"), "AO");
        assert_eq!(initials("élodie"), "É");
        assert_eq!(initials("محمد علي"), "مع");
        assert_eq!(initials("\u{202e}— (Bo)"), "B");
        assert_eq!(initials(" "), "?");
    }
}
