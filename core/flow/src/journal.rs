//! One structured line for each event, delivery and job when it has ended, with the ids that connect them, and the same
//! as metrics. No names, no texts and no secrets are ever in them: people are named by their employee ids.

use std::time::Duration;

use stoa_ground::people::Person;
use stoa_ground::{Error, Instant};

use crate::chat::{Envelope, Place, SendError};
use crate::delivery::{Delivery, MAIL};

/// How an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventOutcome {
    /// Its effects are committed.
    Done,
    /// The person was told why not.
    Refused,
    /// Nothing is to be done about it.
    Ignored,
    /// Its key was there already.
    Duplicate,
    /// A form was opened at once, or its mistakes were shown; nothing was stored.
    Form,
    /// It failed too often and was put aside.
    Parked,
}

impl EventOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
            Self::Form => "form",
            Self::Parked => "parked",
        }
    }
}

/// An event has ended. `command` is a word of ours, never what was typed; `attempts` counts from 1.
pub(crate) fn event_ended(
    envelope: &Envelope,
    person: Option<&Person>,
    command: Option<&'static str>,
    outcome: EventOutcome,
    attempts: i64,
    took: Duration,
) {
    let (platform, outcome) = (&envelope.account.platform, outcome.name());
    let person = person.map(|p| p.employee_id.as_str());
    tracing::info!(
        event = %envelope.key, platform, person, command, outcome, attempts, ms = millis(took), "event ended"
    );
    metrics::counter!("stoa_events_total", "platform" => platform.clone(), "outcome" => outcome).increment(1);
    metrics::histogram!("stoa_event_seconds", "command" => command.unwrap_or("none")).record(took.as_secs_f64());
}

/// An event failed and will be tried again.
pub(crate) fn event_postponed(envelope: &Envelope, command: Option<&'static str>, attempts: i64, error: &Error) {
    let platform = &envelope.account.platform;
    tracing::warn!(event = %envelope.key, platform, command, attempts, error = %reason(error), "event is tried again");
    metrics::counter!("stoa_event_retries_total").increment(1);
}

/// How a delivery ended, with what is known then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    /// `posted`, `edited`, `merged`, `withheld`, `cancelled`, `unreachable` or `failed`.
    pub(crate) outcome: &'static str,
    /// A reason code, or what the platform said.
    pub(crate) why: Option<&'a str>,
    /// The digest into which it was merged.
    pub(crate) into: Option<&'a str>,
    /// Where it stands, and under which id.
    pub(crate) posted: Option<(&'a Place, &'a str)>,
    /// How long this took.
    pub(crate) took: Duration,
}

impl Ended<'_> {
    pub(crate) fn new(outcome: &'static str) -> Self {
        Self { outcome, why: None, into: None, posted: None, took: Duration::ZERO }
    }
}

/// A delivery has ended, or was edited. `now` is business time.
pub(crate) fn delivery_ended(delivery: &Delivery, person: Option<&Person>, now: Instant, ended: &Ended<'_>) {
    let place = ended.posted.map(|(place, _)| place).or(delivery.place.as_ref());
    let platform = place.map_or("", |p| p.platform.as_str());
    let message_id = ended.posted.map(|(_, id)| id);
    let late = (now.0 - delivery.due.0).max(0) / Instant::SECOND;
    // An edit is not due at any time.
    let late = (ended.outcome != "edited").then_some(late);
    tracing::info!(
        delivery = %delivery.key,
        kind = %delivery.kind,
        person = person.map(|p| p.employee_id.as_str()),
        platform,
        place = place.map(place_kind),
        message_id,
        outcome = ended.outcome,
        why = ended.why.map(without_addresses),
        into = ended.into,
        event = delivery.event(),
        attempts = delivery.attempts() + 1,
        late_s = late,
        ms = millis(ended.took),
        "delivery ended"
    );
    metrics::counter!(
        "stoa_deliveries_total",
        "platform" => platform.to_owned(), "kind" => delivery.kind.clone(), "outcome" => ended.outcome
    )
    .increment(1);
}

/// A platform did not take a message now; it is tried again.
pub(crate) fn delivery_postponed(delivery: &Delivery, why: &str) {
    let attempts = delivery.attempts() + 1;
    let why = without_addresses(why);
    tracing::warn!(delivery = %delivery.key, kind = %delivery.kind, attempts, why, "delivery is tried again");
    metrics::counter!("stoa_delivery_retries_total").increment(1);
}

/// A message waits for a limit of its platform. Nothing is wrong.
pub(crate) fn delivery_waits(delivery: &Delivery, why: &str, after: Duration) {
    tracing::debug!(delivery = %delivery.key, kind = %delivery.kind, why, ms = millis(after), "delivery waits for a limit");
}

/// A server was cut off while it sent, and the platform cannot say now what became of the message.
pub(crate) fn delivery_uncertain(delivery: &Delivery, why: &str) {
    let why = without_addresses(why);
    tracing::warn!(delivery = %delivery.key, kind = %delivery.kind, why, "whether it was sent is asked again");
}

/// What a platform answered to one attempt to send.
pub(crate) fn sent(platform: &str, result: &Result<String, SendError>, took: Duration) {
    let result = match result {
        Ok(_) => "posted",
        Err(SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. }) => "later",
        Err(SendError::Unreachable(_)) => "closed",
        Err(SendError::Refused(_)) => "refused",
    };
    metrics::counter!("stoa_sends_total", "platform" => platform.to_owned(), "result" => result).increment(1);
    metrics::histogram!("stoa_send_seconds", "platform" => platform.to_owned()).record(took.as_secs_f64());
}

/// Makes the counters of a platform begin at 0, so that the first failure is seen as one.
pub(crate) fn platform_connected(platform: &str) {
    for result in ["posted", "later", "closed", "refused"] {
        metrics::counter!("stoa_sends_total", "platform" => platform.to_owned(), "result" => result).increment(0);
    }
}

/// A job has ended: it ran, or was put aside.
pub(crate) fn job_ended(key: &str, kind: &str, outcome: &'static str, error: Option<&Error>, took: Duration) {
    tracing::info!(job = key, kind, outcome, error = error.map(reason), ms = millis(took), "job ended");
    metrics::counter!("stoa_jobs_total", "kind" => kind.to_owned(), "outcome" => outcome).increment(1);
    metrics::histogram!("stoa_job_seconds", "kind" => kind.to_owned()).record(took.as_secs_f64());
}

/// A job failed and will be tried again.
pub(crate) fn job_postponed(key: &str, kind: &str, error: &Error) {
    tracing::warn!(job = key, kind, error = %reason(error), "job is tried again");
    metrics::counter!("stoa_job_retries_total").increment(1);
}

/// A panic broke something off.
pub(crate) fn broke_off(part: &'static str) {
    tracing::error!(part, "a panic broke something off; the rest goes on");
    metrics::counter!("stoa_panics_total", "part" => part).increment(1);
}

/// What an error says without what people wrote: sentences that are made for a person may quote them.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Invalid(_) => "invalid".into(),
        Error::NotFound(_) => "not found".into(),
        Error::Conflict(_) => "conflict".into(),
        Error::Forbidden(_) => "forbidden".into(),
        Error::Database(_) | Error::Stored(_) | Error::Io(_) | Error::Unavailable(_) | Error::NewerSchema { .. } => {
            without_addresses(&error.to_string())
        }
    }
}

/// Mail servers quote addresses in their refusals.
fn without_addresses(text: &str) -> String {
    let hide = |word: &str| if word.contains('@') { "<address>".to_owned() } else { word.to_owned() };
    text.split(' ').map(hide).collect::<Vec<_>>().join(" ")
}

fn place_kind(place: &Place) -> &'static str {
    match place {
        Place { platform, .. } if platform == MAIL => "mail",
        Place { thread: Some(_), .. } => "thread",
        Place { direct: true, .. } => "dm",
        _ => "channel",
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_for_people_and_addresses_stay_out_of_the_log() {
        assert_eq!(reason(&Error::invalid("'hunter2' is not a duration")), "invalid");
        let refusal = "550 5.1.1 <bo@example.org>: Recipient address rejected";
        assert_eq!(without_addresses(refusal), "550 5.1.1 <address> Recipient address rejected");
        assert_eq!(reason(&Error::Io("the disk is full".into())), "the disk is full");
    }
}
