//! Operations: the operator hears once of what needs a look, in the channel that the configuration names.

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::alarms::{self, Alarm};
use stoa_flow::chat::{Block, Message, Place, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering, queues};
use stoa_flow::nudges::Policy;
use stoa_flow::{Flow, Parts, say, words_key};
use stoa_ground::{Conn, Db, Error, Result, Tx};

use crate::library;

/// Rows of each queue that are named.
const NAMED: usize = 20;
/// Alarms that one message lists.
const LISTED: usize = 10;
/// What [`look`] finds by itself; other alarms are raised and settled by whoever knows of them.
const OURS: [&str; 4] = ["inbox/", "outbox/", "schedule/", "source/"];

/// The kind of message that tells of alarms.
#[must_use]
pub fn parts() -> Parts {
    Parts { kinds: vec![Box::new(Told)], ..Parts::default() }
}

/// Reads `[operations] channel`.
///
/// # Errors
/// [`Error::Invalid`] when it names no channel.
pub fn channel(text: &str) -> Result<Place> {
    text.parse().map_err(|e| Error::invalid(format!("[operations] channel: {e}")))
}

/// A server starts: what its platforms had to tell is said anew when it is still so.
///
/// # Errors
/// The database's error.
pub async fn begin(db: &Db) -> Result<()> {
    db.write(|tx| async move {
        for alarm in alarms::standing(&tx).await?.iter().filter(|a| !is_looked_up(a)) {
            alarms::settle(&tx, &alarm.key).await?;
        }
        Ok(())
    })
    .await
}

/// Looks for what needs the operator: rows that were put aside, sources that cannot be followed, and what platforms tell. What
/// is new is told in one message, where there is a channel; what is over is settled.
///
/// # Errors
/// The database's error.
pub async fn look(flow: &Flow, channel: Option<&Place>) -> Result<()> {
    let db = flow.db();
    let (found, standing, over) = db
        .read(|c| async move {
            let (found, standing) = (find(&c).await?, alarms::standing(&c).await?);
            let mut over = Vec::new();
            for alarm in standing.iter().filter(|a| is_looked_up(a) && !found.iter().any(|(key, _)| *key == a.key)) {
                // Of many rows that were put aside only the newest were found.
                let stands = match alarm.key.split_once('/') {
                    Some((queue, key)) if queue != "source" => queues::is_parked(&c, queue, key).await?,
                    _ => false,
                };
                over.extend((!stands).then(|| alarm.key.clone()));
            }
            Ok((found, standing, over))
        })
        .await?;
    let new = |(key, text): &(String, String)| !standing.iter().any(|a| a.key == *key && a.text == *text);
    let new: Vec<(String, String)> = found.into_iter().chain(flow.troubles()).filter(new).collect();
    let untold = channel.is_some() && standing.iter().any(|a| !a.told);
    if over.is_empty() && new.is_empty() && !untold {
        return Ok(());
    }
    let (over, new) = (&over, &new);
    db.write(|tx| async move {
        for key in over {
            alarms::settle(&tx, key).await?;
        }
        for (key, text) in new {
            alarms::raise(&tx, key, text).await?;
        }
        match channel {
            Some(place) => tell(&tx, place).await,
            None => Ok(()),
        }
    })
    .await
}

/// Whether [`look`] raises and settles this alarm itself.
#[must_use]
pub fn is_looked_up(alarm: &Alarm) -> bool {
    OURS.iter().any(|prefix| alarm.key.starts_with(prefix))
}

async fn tell(tx: &Tx, place: &Place) -> Result<()> {
    // Another server that looks as well has the lock.
    if !tx.try_lock("operations").await? {
        return Ok(());
    }
    let key = format!("alarm/{}", tx.clock().id());
    let alarms = alarms::tell(tx, &key).await?;
    if alarms.is_empty() {
        return Ok(());
    }
    let payload = json!({ "alarms": alarms });
    let new = NewDelivery { key, kind: Told::NAME, place: Some(place.clone()), payload, ..NewDelivery::default() };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// Keys and sentences.
async fn find(conn: &Conn) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    // A note that could not be posted is no reason for another.
    for row in queues::parked(conn, NAMED).await?.into_iter().filter(|row| row.kind != Told::NAME) {
        let text = format!(
            "{} in the {} was put aside: {} 'stoa queue retry' tries again, 'stoa queue drop' gives up.",
            row.kind,
            row.queue,
            sentence(&row.reason)
        );
        found.push((format!("{}/{}", row.queue, row.key), text));
    }
    for problem in library::problems(conn).await?.into_iter().filter(|p| p.location.is_empty()) {
        let text = format!("The source '{}' could not be followed: {}", problem.source, sentence(&problem.sentence));
        found.push((format!("source/{}", problem.source), text));
    }
    Ok(found)
}

/// With a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// The delivery kind `alarm`; payload `{"alarms": [key]}`.
struct Told;

impl Told {
    const NAME: &'static str = "alarm";
}

#[async_trait]
impl DeliveryKind for Told {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-alarm")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let standing = cx.db.read(|c| async move { alarms::standing(&c).await }).await?;
        let told: Vec<&str> =
            delivery.payload["alarms"].as_array().into_iter().flatten().filter_map(|k| k.as_str()).collect();
        let here: Vec<Alarm> = standing.into_iter().filter(|a| told.contains(&a.key.as_str())).collect();
        if here.is_empty() {
            return Ok(match cx.posted {
                true => Rendered::Say(Message::text(say!(cx.words, "operations-over"))),
                false => Rendered::Gone(words_key!("why-done")),
            });
        }
        let mut message = Message::text(say!(cx.words, "operations-alarms", count = here.len()));
        for alarm in here.iter().take(LISTED) {
            message = message.and(Block::Text(format!("• {}", literal(&alarm.text))));
        }
        let more = here.len().saturating_sub(LISTED);
        if more > 0 {
            message = message.and(Block::Text(say!(cx.words, "operations-more", count = more)));
        }
        Ok(Rendered::Say(message.context(say!(cx.words, "operations-doctor"))))
    }
}

#[cfg(test)]
mod tests;
