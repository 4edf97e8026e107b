//! Durable inbox and outbox. A delivery says what to tell whom under a unique key; it is rendered when it is sent, and
//! its message id is kept, so that what was posted can be edited.

mod claim;
mod edit;
pub mod inbox;
mod limits;
mod places;
pub mod queues;
mod reconcile;
pub(crate) mod sender;
mod show;

pub(crate) use limits::Held;
pub use places::{
    MAIL, PREFERRED, Unreachable, WayOut, count_unreachable, last_reached, preference, try_again, unreachable,
};
pub(crate) use places::{Reach, Reached, seen};
pub(crate) use show::Show;

use async_trait::async_trait;
use serde_json::Value as Json;
use stoa_ground::people::Person;
use stoa_ground::{Conn, Db, Instant, Result, Row, Tx, args};

use crate::chat::{Account, Message, Place};
use crate::nudges::Policy;
use crate::words::Words;
use crate::worker::Flow;

/// What the keys of answers begin with; the event's key and a number follow.
pub(crate) const REPLY: &str = "reply/";

/// A delivery that is about to be put into the outbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDelivery {
    /// Unique; a second delivery with the same key is dropped (N2).
    pub key: String,
    /// Name of a [`DeliveryKind`].
    pub kind: &'static str,
    /// To whom: the person's id.
    pub person: Option<String>,
    /// Where. Without it, the person's preferred or last used place, found at send time.
    pub place: Option<Place>,
    /// In a place with several readers: only for this account.
    pub only: Option<Account>,
    /// The particulars; their shape belongs to the kind.
    pub payload: Json,
    /// What it is about, for example the requirement's or the track's id.
    pub item: String,
    /// Which step of it, for example `t-7`.
    pub step: String,
    /// Not before. Now when absent.
    pub due: Option<Instant>,
    /// After this it is not worth sending any more.
    pub expires: Option<Instant>,
}

/// A delivery as the outbox has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its unique key.
    pub key: String,
    /// Name of its [`DeliveryKind`].
    pub kind: String,
    /// The person's id.
    pub person: Option<String>,
    /// Where it must go, when that was said.
    pub place: Option<Place>,
    /// Only for this account.
    pub only: Option<Account>,
    /// See [`NewDelivery::payload`].
    pub payload: Json,
    /// See [`NewDelivery::item`].
    pub item: String,
    /// See [`NewDelivery::step`].
    pub step: String,
    /// Not before.
    pub due: Instant,
    /// See [`NewDelivery::expires`].
    pub expires: Option<Instant>,
    /// `queued`, `sending`, `posted`, `withheld`, `merged`, `cancelled`, `unreachable` or `parked`.
    pub state: String,
    /// When it was sent.
    pub sent_at: Option<Instant>,
    /// The digest into which it was merged.
    pub into_key: Option<String>,
    shown: Option<Json>,
    posted: Option<Place>,
    message_id: Option<String>,
    created: Instant,
    attempts: i64,
    /// The accounts to which it was sent, where that is uncertain.
    tried: Vec<Account>,
    /// An earlier attempt may have arrived.
    doubtful: bool,
}

/// What a delivery is now.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendered {
    /// Say this.
    Say(Message),
    /// There is nothing to say any more; the key of the reason in the catalogue (`why-<code>`).
    Gone(&'static str),
}

/// One line of a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// CommonMark.
    pub text: String,
    /// What to press, the most important one first.
    pub buttons: Vec<crate::chat::Button>,
}

/// Everything that a rendering may use.
pub struct Rendering<'a> {
    /// The platforms and what they say of places.
    pub flow: &'a Flow,
    /// The store, for reading.
    pub db: &'a Db,
    /// Whom it is for.
    pub person: Option<&'a Person>,
    /// The words in the person's language.
    pub words: &'static Words,
    /// Now, in business time.
    pub now: Instant,
    /// Whether it stands in the chat already and is rendered again to be edited.
    pub posted: bool,
}

/// A kind of delivery.
#[async_trait]
pub trait DeliveryKind: Send + Sync {
    /// Its name, one of the words of the contract (`reminder`, `drop`, `manager-digest` …).
    fn name(&self) -> &'static str;

    /// The key in the catalogue of what people call it ("a reminder").
    fn label(&self) -> &'static str;

    /// What the arbiter must know about it.
    fn policy(&self) -> Policy;

    /// What there is to say now, from the state as it is now (N1). Reads only.
    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered>;

    /// What there is to say as one line of a digest; `None` when there is nothing to say any more.
    async fn line(&self, _cx: &Rendering<'_>, _delivery: &Delivery) -> Result<Option<Line>> {
        Ok(None)
    }

    /// Whether something is to be kept when it was posted: without it [`DeliveryKind::sent`] is not called, and an answer
    /// that arrived is one statement.
    fn keeps_sent(&self) -> bool {
        false
    }

    /// Called in the transaction that records that it was posted, for kinds that say so ([`DeliveryKind::keeps_sent`]).
    async fn sent(&self, _tx: &Tx, _delivery: &Delivery) -> Result<()> {
        Ok(())
    }
}

/// `SELECT` of all columns that [`Delivery`] has.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT key, kind, person, recipient, place, only_for, payload, item, step, due, expires, state, sent_at, into_key, \
             shown, posted, message_id, created, attempts, tried, lease_by FROM outbox ",
            $rest
        )
    };
}
pub(crate) use select;

/// That a row waits to be sent, and nothing is being sent to whom it is for; `$1` is now, `$2` the time that leases are counted in.
macro_rules! waits {
    () => {
        "state = 'queued' AND due <= $1 AND retry_at <= $2
         AND NOT EXISTS (SELECT 1 FROM outbox other WHERE other.recipient = outbox.recipient AND other.state = 'sending')"
    };
}
pub(crate) use waits;

impl Delivery {
    /// The key of the event that this answers.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.key.strip_prefix(REPLY).and_then(|rest| rest.rsplit_once('/')).map(|(event, _)| event)
    }

    /// How often it was tried before.
    pub(crate) fn attempts(&self) -> i64 {
        self.attempts
    }

    fn read(row: &Row) -> Result<Self> {
        let json = |name: &str| -> Result<Option<Json>> { row.get(name) };
        let attempts: i64 = row.get("attempts")?;
        Ok(Self {
            key: row.get("key")?,
            kind: row.get("kind")?,
            person: row.get("person")?,
            place: json("place")?.map(serde_json::from_value).transpose()?,
            only: json("only_for")?.map(serde_json::from_value).transpose()?,
            payload: row.get("payload")?,
            item: row.get("item")?,
            step: row.get("step")?,
            due: row.get("due")?,
            expires: row.get("expires")?,
            state: row.get("state")?,
            sent_at: row.get("sent_at")?,
            into_key: row.get("into_key")?,
            shown: row.get("shown")?,
            posted: json("posted")?.map(serde_json::from_value).transpose()?,
            message_id: row.get("message_id")?,
            tried: json("tried")?.map(serde_json::from_value).transpose()?.unwrap_or_default(),
            created: row.get("created")?,
            attempts,
            doubtful: attempts > 0 && row.get::<Option<String>>("lease_by")?.is_some(),
        })
    }
}

/// What a new row of the outbox says.
const NEW: &[&str] = &[
    "key",
    "kind",
    "person",
    "recipient",
    "place",
    "only_for",
    "payload",
    "item",
    "step",
    "created",
    "due",
    "expires",
    "state",
];

/// Puts a delivery into the outbox; `false` when its key is there already, whatever became of it (N2).
///
/// # Errors
/// The database's error.
pub async fn enqueue(tx: &Tx, new: &NewDelivery) -> Result<bool> {
    Ok(enqueue_all(tx, std::slice::from_ref(new)).await? == 1)
}

/// As [`enqueue`] for several deliveries with different keys, with few statements. Gives how many were new.
///
/// # Errors
/// The database's error.
pub async fn enqueue_all(tx: &Tx, all: &[NewDelivery]) -> Result<u64> {
    let json = |v: Option<Json>| v.map(|v| v.to_string());
    let now = tx.now();
    let mut rows = Vec::with_capacity(all.len());
    for new in all {
        let recipient = match (&new.person, &new.only, &new.place) {
            (Some(person), _, _) => person.clone(),
            (_, Some(account), _) => serde_json::to_string(account)?,
            (_, _, place) => serde_json::to_string(place)?,
        };
        let place = new.place.as_ref().map(serde_json::to_value).transpose()?;
        let only = new.only.as_ref().map(serde_json::to_value).transpose()?;
        rows.push(args![
            &new.key,
            new.kind,
            &new.person,
            recipient,
            json(place),
            json(only),
            new.payload.to_string(),
            &new.item,
            &new.step,
            now,
            new.due.unwrap_or(now),
            new.expires,
            "queued"
        ]);
    }
    tx.put_rows("outbox", NEW, rows, "ON CONFLICT (key) DO NOTHING").await
}

/// The text behind all texts that begin with `prefix`, in the order of bytes, which is the order of keys on both engines.
fn behind(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Asks that a posted message be rendered again and edited (N14), and cancels nothing. Queued ones are rendered late
/// anyway. All deliveries whose key begins with `prefix`.
///
/// # Errors
/// The database's error.
pub async fn revise(tx: &Tx, prefix: &str) -> Result<()> {
    // One that is being sent was rendered before this change.
    tx.exec(
        "UPDATE outbox SET revise = revise + 1 WHERE key >= $1 AND key < $2 AND state IN ('posted', 'sending')",
        args![prefix, behind(prefix)],
    )
    .await?;
    // The digest that a delivery was merged into says something about it as well.
    tx.exec(
        "UPDATE outbox SET revise = revise + 1 WHERE state IN ('posted', 'sending') AND key IN
         (SELECT into_key FROM outbox WHERE key >= $1 AND key < $2 AND state = 'merged')",
        args![prefix, behind(prefix)],
    )
    .await?;
    Ok(())
}

/// As [`revise`], for the one delivery with this key.
///
/// # Errors
/// The database's error.
pub async fn revise_one(tx: &Tx, key: &str) -> Result<()> {
    tx.exec("UPDATE outbox SET revise = revise + 1 WHERE key = $1 AND state IN ('posted', 'sending')", args![key])
        .await?;
    Ok(())
}

/// Takes back what is queued under keys that begin with `prefix`, with the key of the reason in the catalogue (`why-<code>`).
///
/// # Errors
/// The database's error.
pub async fn cancel(tx: &Tx, prefix: &str, reason: &'static str) -> Result<()> {
    let rows = tx
        .all(
            "SELECT key, person, kind, item FROM outbox WHERE key >= $1 AND key < $2 AND state = 'queued' ORDER BY position",
            args![prefix, behind(prefix)],
        )
        .await?;
    for row in rows {
        let key: String = row.get("key")?;
        tx.exec("UPDATE outbox SET state = 'cancelled' WHERE key = $1", args![&key]).await?;
        if let Some(person) = row.get::<Option<String>>("person")? {
            let about = crate::nudges::About {
                key: &key,
                person: &person,
                kind: &row.get::<String>("kind")?,
                item: &row.get::<String>("item")?,
            };
            crate::nudges::record(
                tx,
                &about,
                &crate::nudges::Decision::Cancel { why: reason.trim_start_matches("why-").into() },
            )
            .await?;
        }
    }
    Ok(())
}

/// Replaces a message of the bot, found by the platform's id, with another message for good; `false` when it is not known.
///
/// # Errors
/// The database's error.
pub async fn replace_message(tx: &Tx, place: &Place, id: &str, message: &Message) -> Result<bool> {
    let sql = "UPDATE outbox SET shown = $3, revise = revise + 1 WHERE message_id = $1 AND channel = $2";
    Ok(tx.exec(sql, args![id, &place.channel, serde_json::to_string(message)?]).await? > 0)
}

/// Asks that the message with this platform id be rendered again.
///
/// # Errors
/// The database's error.
pub async fn revise_message(tx: &Tx, place: &Place, id: &str) -> Result<()> {
    tx.exec("UPDATE outbox SET revise = revise + 1 WHERE message_id = $1 AND channel = $2", args![id, &place.channel])
        .await?;
    Ok(())
}

/// The delivery with this key.
///
/// # Errors
/// The database's error.
pub async fn by_key(db: &Db, key: &str) -> Result<Option<Delivery>> {
    let row = db.opt(select!("WHERE key = $1"), args![key]).await?;
    row.as_ref().map(Delivery::read).transpose()
}

/// Where a delivery stands in the chat and under which id, when it was posted.
///
/// # Errors
/// The database's error.
pub async fn posted(conn: &Conn, key: &str) -> Result<Option<(Place, Option<String>)>> {
    let row = conn.opt(select!("WHERE key = $1 AND state = 'posted'"), args![key]).await?;
    let delivery = row.as_ref().map(Delivery::read).transpose()?;
    Ok(delivery.and_then(|d| Some((d.posted?, d.message_id))))
}

/// Whether the message with this platform id is known as the one of another delivery than `key`. For platforms on which
/// two messages can look the same.
///
/// # Errors
/// The database's error.
pub async fn is_of_another(db: &Db, place: &Place, id: &str, key: &str) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM outbox WHERE message_id = $1 AND channel = $2 AND key <> $3 LIMIT 1";
    Ok(db.opt(sql, args![id, &place.channel, key]).await?.is_some())
}

/// What was merged into a digest, in the order in which it was queued.
pub(crate) async fn merged_into(db: &Db, digest: &str) -> Result<Vec<Delivery>> {
    let rows = db.all(select!("WHERE into_key = $1 ORDER BY position"), args![digest]).await?;
    rows.iter().map(Delivery::read).collect()
}
