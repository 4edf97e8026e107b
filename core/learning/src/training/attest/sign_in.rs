//! Signing by signing in: what somebody puts their name under waits, sealed, until they have signed in with the
//! organisation's identity provider. The secret of a link takes the place of the mailed code, in the same row with the same
//! rules: one of each assignment, for one content, used once.
//!
//! Who speaks with the provider asks [`look`] before, and [`finish`] with who it was.

use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_flow::chat::{Account, Message, Place, literal};
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::clock::wall;
use stoa_ground::ledger::{open_secret, seal_secret};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Instant, Result, Tx, args};
use subtle::ConstantTimeEq as _;

use super::code::{TRIES, digest, purpose};
use super::{Attestation, Level, NamedBy, SignedIn, meaning};
use crate::Services;
use crate::training::assignment::{self, Assignment, By};
use crate::training::course::{self, Course};
use crate::training::life;
use crate::training::progress::{self, Point, point};
use crate::training::state::Change;

/// How long a link works.
pub(in crate::training) const MINUTES: i64 = 10;

/// What waits for a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    /// The name as it was typed.
    typed: String,
    /// The content for which it was typed.
    version: String,
    /// The secret of the link.
    secret: String,
    /// When it was asked for by the machine's clock, which providers' clocks are compared with.
    issued: Instant,
    /// The key of the message with the link.
    message: String,
    /// Where that message is, and for whom, when only they see it among others.
    among_others: Option<(Place, Account)>,
    /// The message whose button asked for it.
    #[serde(default)]
    opened: Option<(Place, String)>,
}

/// How a link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It works. A sign-in counts that was made after this instant of the machine's clock.
    Open(Instant),
    /// It was used.
    Used,
    /// There is none: too old, replaced by a newer one, or followed by too many people to whom it does not belong.
    Gone,
}

/// What became of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is signed.
    Signed,
    /// Somebody else signed in; nothing is signed.
    SomebodyElse,
    /// The link did not work any more; nothing is signed.
    Gone,
}

/// How a message with a link stands.
pub(in crate::training) enum Shown {
    /// The link works; this is its token.
    Open(String),
    /// It was used.
    Used,
    /// It does not work any more.
    Gone,
}

fn about(assignment: &str) -> String {
    format!("sign-in/{assignment}")
}

/// A row that waits for a sign-in.
struct Row {
    digest: String,
    bound: String,
    /// Neither used nor too old, and not tried too often.
    open: bool,
    used: bool,
    pending: Vec<u8>,
}

impl Row {
    async fn of(conn: &Conn, assignment: &str) -> Result<Option<Self>> {
        let sql = "SELECT digest, bound, expires, tries, used, pending FROM attest_code
                   WHERE assignment = $1 AND pending IS NOT NULL";
        let Some(row) = conn.opt(sql, args![assignment]).await? else { return Ok(None) };
        let used = row.get::<Option<Instant>>("used")?.is_some();
        let in_time = row.get::<Instant>("expires")? > conn.now() && row.get::<i64>("tries")? < TRIES;
        Ok(Some(Self {
            digest: row.get("digest")?,
            bound: row.get("bound")?,
            open: in_time && !used,
            used,
            pending: row.get("pending")?,
        }))
    }

    fn pending(&self, conn: &Conn, assignment: &str) -> Result<Pending> {
        Ok(serde_json::from_str(&open_secret(conn, &about(assignment), &self.pending)?)?)
    }
}

/// The assignment and the secret of a token.
fn parts(token: &str) -> (&str, &str) {
    token.split_once('.').unwrap_or_default()
}

/// The row whose link has this token.
async fn row_of(conn: &Conn, token: &str) -> Result<Option<Row>> {
    let (assignment, secret) = parts(token);
    let row = Row::of(conn, assignment).await?;
    Ok(row.filter(|row| row.digest.as_bytes().ct_eq(digest(secret, &row.bound).as_bytes()).into()))
}

/// Lets what somebody puts their name under wait for their sign-in, in place of what waited before, and puts `message`,
/// whose payload this makes, into the outbox.
pub(in crate::training) async fn ask(
    tx: &Tx,
    a: &Assignment,
    person: &Person,
    course: &Course,
    typed: &str,
    opened: Option<&str>,
    mut message: NewDelivery,
) -> Result<()> {
    // What was sealed under another key is as good as not there.
    let before = Row::of(tx, &a.id).await?.and_then(|row| row.pending(tx, &a.id).ok()).map(|pending| pending.message);
    let (secret, bound) = (tx.clock().secret(), purpose(a, person, course));
    let digest = digest(&secret, &bound);
    message.payload = json!({ "assignment": a.id, "link": digest });
    let pending = Pending {
        typed: typed.to_owned(),
        version: a.course_version.clone().unwrap_or_default(),
        secret,
        issued: wall(),
        message: message.key.clone(),
        among_others: message.place.clone().zip(message.only.clone()),
        opened: message.place.clone().zip(opened.map(str::to_owned)),
    };
    let sealed = seal_secret(tx, &about(&a.id), &serde_json::to_string(&pending)?)?;
    let expires = tx.now().plus(MINUTES * 60 * Instant::SECOND);
    tx.exec(
        "INSERT INTO attest_code (assignment, digest, bound, expires, tries, used, recent, pending)
         VALUES ($1, $2, $3, $4, 0, NULL, '[]', $5)
         ON CONFLICT (assignment) DO UPDATE SET digest = excluded.digest, bound = excluded.bound,
           expires = excluded.expires, tries = 0, used = NULL, pending = excluded.pending",
        args![&a.id, &digest, &bound, expires, sealed],
    )
    .await?;
    delivery::enqueue(tx, &message).await?;
    match before {
        Some(key) => delivery::revise_one(tx, &key).await,
        None => Ok(()),
    }
}

/// How the message with the payload of [`ask`] stands.
pub(in crate::training) async fn shown(conn: &Conn, assignment: &str, link: &str) -> Result<Shown> {
    let Some(row) = Row::of(conn, assignment).await?.filter(|row| row.digest == link) else { return Ok(Shown::Gone) };
    if row.used {
        return Ok(Shown::Used);
    }
    if !row.open {
        return Ok(Shown::Gone);
    }
    Ok(Shown::Open(format!("{assignment}.{}", row.pending(conn, assignment)?.secret)))
}

/// How the link with this token stands.
///
/// # Errors
/// The database's error; where the store has no master key.
pub async fn look(conn: &Conn, token: &str) -> Result<Link> {
    Ok(match row_of(conn, token).await? {
        Some(row) if row.used => Link::Used,
        Some(row) if row.open => Link::Open(row.pending(conn, parts(token).0)?.issued),
        _ => Link::Gone,
    })
}

/// Signs what waits under a token, when it was its person who signed in. A sign-in of somebody else is recorded and counts as
/// a wrong code does, so commit also then.
///
/// # Errors
/// The database's error; where the store has no master key.
pub async fn finish(tx: &Tx, s: &Services, token: &str, who: &SignedIn) -> Result<Ended> {
    let (id, _) = parts(token);
    let Some(row) = row_of(tx, token).await?.filter(|row| row.open) else { return Ok(Ended::Gone) };
    let pending = row.pending(tx, id)?;
    let Some(a) = assignment::by_id(tx, id).await? else { return Ok(Ended::Gone) };
    let Some(person) = people::by_id(tx, &a.person).await?.filter(|p| p.status != Status::Left) else {
        return Ok(Ended::Gone);
    };
    let course = course::content(tx, &pending.version).await?;
    let same = a.course_version.as_deref() == Some(&pending.version) && purpose(&a, &person, &course) == row.bound;
    let progress = progress::load(tx, id).await?;
    if !same || point(&course, &a, &progress) != Point::Attest {
        return Ok(Ended::Gone);
    }
    let named = match s.sign_in {
        Some(NamedBy::Email) => people::by_email(tx, &who.named).await?,
        Some(NamedBy::EmployeeId) => people::by_employee_id(tx, &who.named).await?,
        None => return Ok(Ended::Gone),
    };
    if named.as_ref().is_none_or(|named| named.id != person.id) {
        tx.exec("UPDATE attest_code SET tries = tries + 1 WHERE assignment = $1", args![id]).await?;
        refuse(tx, s, &a, who, named.as_ref()).await?;
        delivery::revise_one(tx, &pending.message).await?;
        return Ok(Ended::SomebodyElse);
    }
    // Of two that come at the same time one finds it unused.
    let sql = "UPDATE attest_code SET used = $2 WHERE assignment = $1 AND digest = $3 AND used IS NULL RETURNING used";
    if tx.opt(sql, args![id, tx.now(), &row.digest]).await?.is_none() {
        return Ok(Ended::Gone);
    }
    let what = Attestation {
        meaning: meaning(Words::of(person.language()), Level::Oidc),
        typed: pending.typed,
        level: Level::Oidc,
        signed_in: Some(who.clone()),
    };
    let a = life::attest(tx, s, &person, &a, &course, &what).await?;
    if point(&course, &a, &progress) == Point::Finish {
        life::complete(tx, s, &person, &a, None).await?;
    }
    if let Some((place, opened)) = pending.opened {
        let words = Words::of(person.language());
        let done = Message::text(say!(words, "training-nudge-done", title = literal(&course.title)));
        delivery::replace_message(tx, &place, &opened, &done).await?;
    }
    match pending.among_others {
        None => delivery::revise_one(tx, &pending.message).await?,
        // What only one person sees among others cannot be edited everywhere.
        Some((place, only)) => {
            let again = NewDelivery {
                key: format!("{}/signed", pending.message),
                kind: MESSAGE,
                person: Some(person.id.clone()),
                place: Some(place),
                only: Some(only),
                payload: json!({ "assignment": id, "link": row.digest }),
                ..NewDelivery::default()
            };
            delivery::enqueue(tx, &again).await?;
        }
    }
    Ok(Ended::Signed)
}

/// The name of the kind of messages with a link.
pub(in crate::training) const MESSAGE: &str = "sign-in";

/// Records that it was somebody else. Who that was is said as far as the roster knows them, else by the provider's identifier.
async fn refuse(tx: &Tx, s: &Services, a: &Assignment, who: &SignedIn, named: Option<&Person>) -> Result<()> {
    let mut data = json!({ "authentication": Level::Oidc.name(), "version": a.course_version, "issuer": who.issuer });
    match named {
        Some(other) => data["other"] = format!("person/{}", other.id).into(),
        None => data["subject"] = who.subject.as_str().into(),
    }
    let by = By::rule(&a.requirement, "somebody else signed in than the person who was to sign");
    assignment::record(tx, s, &a.id, Change::Refused, &by, data).await?;
    Ok(())
}
