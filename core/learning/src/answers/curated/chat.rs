//! Curated answers in chat: written by experts and the learning team, approved by their owner.

use jiff::civil::Date;
use stoa_flow::chat::{Block, Button, Call, Context, Field, FieldKind, Form, Message, literal, moment};
use stoa_flow::{delivery, say};
use stoa_ground::people::{self, Person, Role, clean};
use stoa_ground::{Error, Result};

use super::{Curated, LONGEST, State, save, store};
use crate::Services;
use crate::answers::command::statements;
use crate::answers::experts;
use crate::search::Access;

/// Months until the next review, when nothing else is said.
const MONTHS: i32 = 6;
/// Answers that are listed at once.
const LISTED: usize = 8;

/// Whether a person may write curated answers: experts and the learning team.
async fn may_write(cx: &Context<'_>, person: &Person) -> Result<bool> {
    let roles = cx.db().read(|c| async move { people::roles_of(&c, person).await }).await?;
    Ok(roles.contains(&Role::Learning) || roles.contains(&Role::Expert) || roles.contains(&Role::Approver))
}

async fn only_writers(cx: &Context<'_>, person: &Person) -> Result<()> {
    if may_write(cx, person).await? {
        return Ok(());
    }
    let roles = [say!(cx.words, "role-learning"), say!(cx.words, "role-experts")];
    Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = cx.words.list(&roles))))
}

/// The form of a new answer (`about` is the id of a request or of a gap, or empty), or of one that is there.
pub(in crate::answers) async fn form(cx: &Context<'_>, word: &str, about: &str) -> Result<Option<Form>> {
    let person = cx.person()?;
    let (mut question, mut text, mut review) = (String::new(), String::new(), String::new());
    match word {
        "edit" => {
            let Some(curated) = own(cx, person, about).await? else { return Ok(None) };
            (question, text) = (curated.patterns.join("\n"), curated.text);
            review = curated.review_date.map(|d| d.to_string()).unwrap_or_default();
        }
        _ => {
            let request = cx.db().read(|c| async move { experts::request(&c, about).await }).await?;
            match request {
                Some(request) if request.expert == person.id => {
                    (question, text) = (request.text, request.answer.unwrap_or_default());
                }
                _ if !may_write(cx, person).await? => return Ok(None),
                _ => {}
            }
        }
    }
    let field = |name: &str, label: String, hint: String, multiline: bool, max: usize, initial: String| Field {
        hint: Some(hint),
        kind: FieldKind::Text { multiline, max, initial },
        ..Field::text(name, label, multiline, max)
    };
    Ok(Some(Form {
        command: if word == "edit" {
            format!("ask edited {about}")
        } else {
            format!("ask curated {about}").trim().to_owned()
        },
        title: say!(cx.words, "answers-curate-title"),
        intro: Some(say!(cx.words, "answers-curate-intro")),
        fields: vec![
            field(
                "questions",
                say!(cx.words, "answers-curate-questions"),
                say!(cx.words, "answers-curate-questions-hint"),
                true,
                1_000,
                question,
            ),
            field(
                "text",
                say!(cx.words, "answers-curate-text"),
                say!(cx.words, "answers-curate-text-hint"),
                true,
                LONGEST,
                text,
            ),
            Field {
                optional: true,
                ..field(
                    "review",
                    say!(cx.words, "answers-curate-review"),
                    say!(cx.words, "answers-curate-review-hint"),
                    false,
                    10,
                    review,
                )
            },
        ],
        submit: say!(cx.words, "answers-curate-save"),
    }))
}

/// An answer that this person may change: its owner, its author, or the learning team.
async fn own(cx: &Context<'_>, person: &Person, id: &str) -> Result<Option<Curated>> {
    cx.db()
        .read(|c| async move {
            let Some(curated) = store::by_id(&c, id).await? else { return Ok(None) };
            let mine = curated.owner.as_ref() == Some(&person.id) || curated.author == person.id;
            let learning = people::roles_of(&c, person).await?.contains(&Role::Learning);
            let open = Access::of(people::access_classes(&c, person).await?).allows(&curated.readers);
            Ok((mine || (learning && open)).then_some(curated))
        })
        .await
}

/// The words `curated`, `edited`, `approve`, `retire` and `keep` after `ask`.
pub(in crate::answers) async fn act(
    services: &Services,
    cx: &Context<'_>,
    call: &Call,
    word: &str,
    id: &str,
) -> Result<()> {
    let person = cx.person()?;
    if word == "curated" && call.values.is_none() {
        return list(cx, person).await;
    }
    if word == "curate" {
        // Where words opened no form, a button does.
        only_writers(cx, person).await?;
        let new = Button::primary(say!(cx.words, "answers-curate-new-button"), format!("ask curate {id}"));
        return cx.reply_private(Message::text(say!(cx.words, "answers-curate-intro")).buttons(vec![new])).await;
    }
    let gone = || Error::Invalid(say!(cx.words, "answers-curated-gone"));
    let request = cx.db().read(|c| async move { experts::request(&c, id).await }).await?;
    let request = request.filter(|r| r.expert == person.id);
    if word == "approve" {
        only_writers(cx, person).await?;
    }
    let old = match word {
        "curated" => None,
        _ => Some(own(cx, person, id).await?.ok_or_else(gone)?),
    };
    if word == "curated" && request.is_none() {
        only_writers(cx, person).await?;
    }
    let today = cx.flow.clock().now().zoned(&people::zone(person)).date();
    let later = today.saturating_add(jiff::Span::new().months(MONTHS));
    let written = call.values.as_ref().map(|values| {
        let value = |name: &str| values.get(name).map_or("", String::as_str);
        let patterns: Vec<String> = value("questions").lines().map(clean).filter(|l| !l.is_empty()).collect();
        let text: Vec<String> = value("text").lines().map(clean).collect();
        // What people write in chat is text, not markup.
        (patterns, literal(text.join("\n").trim()), value("review").trim().parse().ok().or(Some(later)))
    });
    let base = old.clone().unwrap_or_else(|| Curated {
        id: cx.flow.clock().id().to_string(),
        patterns: Vec::new(),
        text: String::new(),
        readers: vec!["everyone".into()],
        language: None,
        author: person.id.clone(),
        owner: Some(person.id.clone()),
        review_date: None,
        state: State::Approved,
        document: None,
        created: cx.flow.clock().now(),
        approved: Some(cx.flow.clock().now()),
    });
    let mut new = match written {
        Some((patterns, text, review_date)) => Curated { patterns, text, review_date, ..base },
        None => base,
    };
    let said = match word {
        "retire" => {
            new.state = State::Retired;
            say!(cx.words, "answers-curated-retired")
        }
        "keep" => {
            new.review_date = Some(later);
            say!(cx.words, "answers-curated-kept", date = until(cx, person, later))
        }
        // Who agreed to be asked may write; that it holds for all, somebody with a role must say.
        _ if !may_write(cx, person).await? => {
            (new.state, new.approved) = (State::Draft, None);
            say!(cx.words, "answers-curated-draft")
        }
        _ => {
            (new.state, new.approved) = (State::Approved, Some(cx.flow.clock().now()));
            say!(cx.words, "answers-curated-saved")
        }
    };
    new.check().map_err(|_| Error::Invalid(say!(cx.words, "answers-curate-wrong", limit = LONGEST)))?;
    let (new, said, request) = (&new, &said, &request);
    cx.commit(|turn| async move {
        let saved = save(&turn, new.clone()).await?;
        if let Some(document) = &saved.document {
            if saved.state == State::Approved {
                services.emitter.emit(&turn, statements::approved(person, &saved.id)).await?;
                experts::note_knowledge(&turn, &saved.author, document, "answer").await?;
            } else {
                experts::forget_knowledge(&turn, document).await?;
            }
        }
        if let Some(request) = request {
            delivery::revise_one(&turn, &format!("expert/{}", request.id)).await?;
        }
        turn.reply_private(Message::text(said.clone())).await
    })
    .await
}

/// The last day before a review, which ends where the reader is.
fn until(cx: &Context<'_>, person: &Person, date: Date) -> String {
    moment(&cx.words.date(date), cx.flow.organisation().calendar(person).end_of(date))
}

async fn list(cx: &Context<'_>, person: &Person) -> Result<()> {
    only_writers(cx, person).await?;
    let today = cx.flow.clock().now().zoned(&people::zone(person)).date();
    let all = cx
        .db()
        .read(|c| async move {
            let learning = people::roles_of(&c, person).await?.contains(&Role::Learning);
            let access = Access::of(people::access_classes(&c, person).await?);
            let mut all = store::all(&c).await?;
            // Experts see their own, and nobody one that is closed to them.
            let mine = |a: &Curated| a.owner.as_ref() == Some(&person.id);
            all.retain(|a| a.state != State::Retired && (mine(a) || (learning && access.allows(&a.readers))));
            Ok(all)
        })
        .await?;
    let new = Button::primary(say!(cx.words, "answers-curate-new-button"), "ask curate");
    if all.is_empty() {
        let none = Message::text(say!(cx.words, "answers-curated-none")).buttons(vec![new]);
        return cx.reply_private(none).await;
    }
    let mut sorted = all;
    sorted.sort_by_key(|a| (a.review_date, a.created));
    let mut message = Message::text(say!(cx.words, "answers-curated-list", count = sorted.len()));
    for curated in sorted.iter().take(LISTED) {
        let due = match curated.review_date {
            Some(date) if curated.is_due(today) => {
                say!(cx.words, "answers-curated-due", date = until(cx, person, date))
            }
            Some(date) => say!(cx.words, "answers-curated-until", date = until(cx, person, date)),
            None => String::new(),
        };
        let button = |label: String, word: &str| Button::new(label, format!("ask {word} {}", curated.id));
        let title = literal(curated.patterns.first().map_or("", String::as_str));
        let (note, next) = match curated.state {
            State::Draft => (
                say!(cx.words, "answers-curated-waits"),
                button(say!(cx.words, "answers-curated-approve-button"), "approve"),
            ),
            _ => (due, button(say!(cx.words, "answers-curated-keep-button"), "keep")),
        };
        message = message.paragraph(format!("**{title}**")).and(Block::Context(note)).buttons(vec![
            next,
            button(say!(cx.words, "answers-curated-edit-button"), "edit"),
            button(say!(cx.words, "answers-curated-retire-button"), "retire"),
        ]);
    }
    cx.reply_private(message.buttons(vec![new])).await
}
