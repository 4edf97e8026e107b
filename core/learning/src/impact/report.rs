//! The report: owners and the learning team hear once what changed under something that relied on it, as far as they may
//! read it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Button, Message, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::schedule::{Due, Job};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Instant, Result, Tx};

use super::{Impact, What, impact, store};
use crate::answers;
use crate::library;
use crate::search::Access;

/// The kind and the key of the job that tells.
pub(super) const JOB: &str = "impact-report";
/// Documents that are named in one message.
const LISTED: usize = 10;

/// Tells everybody concerned what has gathered.
pub(super) struct Tell;

#[async_trait]
impl Job for Tell {
    fn kind(&self) -> &'static str {
        JOB
    }

    async fn run(&self, tx: &Tx, _job: &Due) -> Result<()> {
        let mut concerned: BTreeSet<String> = BTreeSet::new();
        for noted in store::tell(tx).await? {
            if let Some(document) = library::document(tx, &noted.document).await? {
                concerned.extend(answers::owner_of(tx, &document).await?.map(|p| p.id));
            }
        }
        if concerned.is_empty() {
            return Ok(());
        }
        concerned.extend(people::people_with(tx, Role::Learning).await?.into_iter().map(|p| p.id));
        for person in concerned {
            let new = NewDelivery {
                key: format!("impact/{}/{person}", tx.now().0),
                kind: Report::NAME,
                person: Some(person),
                payload: json!({ "told": tx.now() }),
                item: "impact".into(),
                step: "report".into(),
                ..NewDelivery::default()
            };
            delivery::enqueue(tx, &new).await?;
        }
        Ok(())
    }
}

/// The delivery kind `impact`; payload `{"told": instant}`.
pub(super) struct Report;

impl Report {
    const NAME: &'static str = "impact";
}

/// What of it concerns a person: documents that they own, or all for the learning team; and of these only what they may
/// read.
async fn concerning(conn: &Conn, person: &Person, told: Instant) -> Result<Vec<Impact>> {
    let access = Access::of(people::access_classes(conn, person).await?);
    let learning = people::roles_of(conn, person).await?.contains(&Role::Learning);
    let mut all = Vec::new();
    for noted in store::told(conn, told).await? {
        let Some(document) = library::document(conn, &noted.document).await? else { continue };
        let owner = answers::owner_of(conn, &document).await?.is_some_and(|o| o.id == person.id);
        if access.allows(&document.readers) && (learning || owner) {
            all.push(impact(conn, &document, Some(noted.what), noted.at).await?);
        }
    }
    Ok(all)
}

#[async_trait]
impl DeliveryKind for Report {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-impact")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Approval)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let Some(person) = cx.person else { return Ok(Rendered::Gone(words_key!("why-done"))) };
        let told = Instant(delivery.payload["told"].as_i64().unwrap_or_default());
        let all = cx.db.read(|c| async move { concerning(&c, person, told).await }).await?;
        if all.is_empty() {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let lines: Vec<String> = all.iter().take(LISTED).map(|i| format!("- {}", line(cx.words, i))).collect();
        let mut message = Message::text(say!(cx.words, "impact-intro", count = all.len())).paragraph(lines.join("\n"));
        if all.len() > LISTED {
            message = message.context(say!(cx.words, "impact-more", count = all.len() - LISTED));
        }
        let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
        Ok(Rendered::Say(message.context(say!(cx.words, "impact-answers-edited")).buttons(vec![why])))
    }
}

fn line(words: &'static Words, impact: &Impact) -> String {
    let what = match impact.what {
        Some(What::Deprecated) => say!(words, "impact-deprecated"),
        Some(What::Withdrawn) => say!(words, "impact-withdrawn"),
        _ => say!(words, "impact-changed"),
    };
    let relied = say!(
        words,
        "impact-answers",
        answers = impact.relied.answers,
        people = impact.relied.people,
        saved = impact.relied.saved
    );
    let mut text = say!(words, "impact-line", title = literal(&impact.title), what = what, relied = relied);
    for dependant in &impact.dependants {
        let title = literal(&dependant.title);
        text.push_str(&format!(" {}", say!(words, "impact-dependant", title = title, people = dependant.people)));
    }
    text
}
