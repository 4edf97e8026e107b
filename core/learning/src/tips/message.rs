//! Tips as messages.

use stoa_flow::chat::{Args, Block, Button, Message, Style, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Result};

use super::store::{self, State, Tip};
use super::text;

/// Tips that are listed at once.
pub(super) const LISTED: usize = 8;

pub(super) fn button(label: String, word: &str, tip: &Tip) -> Button {
    Button::new(label, format!("tip {word} {}", tip.id))
}

fn danger(label: String, word: &str, tip: &Tip) -> Button {
    Button { style: Style::Danger, ..button(label, word, tip) }
}

/// Whether a person may check tips.
pub(super) async fn may_verify(conn: &Conn, person: &Person) -> Result<bool> {
    let roles = people::roles_of(conn, person).await?;
    Ok(roles.contains(&Role::Learning) || roles.contains(&Role::Expert))
}

/// A draft as it will look, for its author.
pub(super) fn preview(words: &'static Words, tip: &Tip) -> Message {
    let share = Button { style: Style::Primary, ..button(say!(words, "tips-share-button"), "share", tip) };
    Message::text(say!(words, "tips-preview"))
        .and(Block::Quote { text: text::markdown(&tip.text), source: tip.topic.as_deref().map(literal) })
        .context(say!(words, "tips-preview-who"))
        .buttons(vec![
            share,
            button(say!(words, "tips-edit-button"), "edit", tip),
            button(say!(words, "tips-cancel-button"), "cancel", tip),
        ])
}

/// What an author sees after sharing.
pub(super) fn shared(words: &'static Words, tip: &Tip) -> Message {
    Message::text(say!(words, "tips-shared"))
        .and(Block::Quote { text: text::markdown(&tip.text), source: tip.topic.as_deref().map(literal) })
        .buttons(vec![
            button(say!(words, "tips-edit-button"), "edit", tip),
            danger(say!(words, "tips-withdraw-button"), "withdraw", tip),
        ])
}

/// A tip for whoever looks at it: with its author, whether it was checked, what others think, and what may be done.
pub(super) async fn shown(conn: &Conn, words: &'static Words, tip: &Tip, reader: &Person) -> Result<Message> {
    let author = people::by_id(conn, &tip.author).await?;
    let author = author.map(|a| literal(&a.name)).unwrap_or_default();
    let source = match tip.verified_by {
        Some(_) => say!(words, "tips-by", author = author),
        None => say!(words, "tips-by-unchecked", author = author),
    };
    let (up, down) = store::ratings(conn, &tip.id).await?;
    let mut message = Message::new();
    if let Some(topic) = &tip.topic {
        message = message.heading(topic.clone());
    }
    message = message.and(Block::Quote { text: text::markdown(&tip.text), source: Some(source) });
    if up + down > 0 {
        message = message.context(say!(words, "tips-ratings", up = up, votes = up + down));
    }
    let mut buttons = Vec::new();
    if tip.author == reader.id {
        buttons.push(button(say!(words, "tips-edit-button"), "edit", tip));
        buttons.push(danger(say!(words, "tips-withdraw-button"), "withdraw", tip));
    } else {
        buttons.push(button(say!(words, "tips-up-button"), "up", tip));
        buttons.push(button(say!(words, "tips-down-button"), "down", tip));
        if tip.verified_by.is_none() && may_verify(conn, reader).await? {
            buttons.push(button(say!(words, "tips-verify-button"), "verify", tip));
        }
    }
    Ok(message.buttons(buttons))
}

/// From which one on a list of one's own is asked for: `mine`, or `mine 8` behind the first eight.
pub(super) fn mine_from(args: &Args) -> Option<usize> {
    match args.split() {
        (word, "") if word == "mine" => Some(0),
        (word, from) if word == "mine" => from.parse().ok(),
        _ => None,
    }
}

/// The button that shows what comes after those that were listed, where something does.
pub(super) fn more(words: &'static Words, command: &str, all: usize, shown: usize) -> Vec<Button> {
    let next = || Button::new(say!(words, "tips-more-button"), format!("{command} mine {shown}"));
    if all > shown { vec![next()] } else { Vec::new() }
}

/// A person's own tips, some of them at a time.
pub(super) fn mine(words: &'static Words, tips: &[Tip], from: usize) -> Message {
    let all: Vec<&Tip> = tips.iter().filter(|t| matches!(t.state, State::Shared | State::Draft)).collect();
    let listed: Vec<&Tip> = all.iter().skip(from).take(LISTED).copied().collect();
    let write = Button::primary(say!(words, "tips-write-button"), "tip write");
    if listed.is_empty() {
        return Message::text(say!(words, "tips-none")).buttons(vec![write]);
    }
    let mut message = Message::new();
    for tip in listed {
        let title = literal(&text::shorten(&text::title(tip.topic.as_deref(), &tip.text), 80));
        let (line, second) = match (tip.state, &tip.verified_by) {
            (State::Draft, _) => {
                (say!(words, "tips-line-draft", title = title), button(say!(words, "tips-share-button"), "share", tip))
            }
            (_, Some(_)) => (
                say!(words, "tips-line-checked", title = title),
                danger(say!(words, "tips-withdraw-button"), "withdraw", tip),
            ),
            _ => (
                say!(words, "tips-line-shared", title = title),
                danger(say!(words, "tips-withdraw-button"), "withdraw", tip),
            ),
        };
        message = message.paragraph(line).buttons(vec![button(say!(words, "tips-edit-button"), "edit", tip), second]);
    }
    let mut last = more(words, "tip", all.len(), from + LISTED);
    last.push(write);
    message.buttons(last)
}

/// Tips that wait for somebody to check them.
pub(super) fn review(words: &'static Words, tips: &[Tip]) -> Message {
    if tips.is_empty() {
        return Message::text(say!(words, "tips-review-none"));
    }
    let mut message = Message::text(say!(words, "tips-review"));
    for tip in tips {
        message = message
            .and(Block::Quote { text: text::markdown(&tip.text), source: tip.topic.as_deref().map(literal) })
            .buttons(vec![
                button(say!(words, "tips-verify-button"), "verify", tip),
                button(say!(words, "tips-show-button"), "show", tip),
            ]);
    }
    message
}
