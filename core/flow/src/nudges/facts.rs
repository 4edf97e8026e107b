//! Reads the facts about a person that the arbiter needs.

use stoa_ground::people::{self, Absence, Person};
use stoa_ground::{Conn, Instant, Result, args};

use super::Facts;
use crate::organisation::Organisation;

/// The setting that holds whether voluntary messages are paused.
pub(super) const PAUSED: &str = "paused";
/// The setting that holds the person's own quiet hours, for example `17:00-10:00`.
pub(super) const QUIET_HOURS: &str = "quiet_hours";

/// The setting that holds from when until when the person's chat is silenced, for example
/// `2026-11-23T09:00:00Z/2026-11-23T10:00:00Z`.
pub(crate) const DO_NOT_DISTURB: &str = "do_not_disturb";

/// When a person did something last, as an expression; `$1` is the person.
macro_rules! active {
    () => {
        "(SELECT at FROM last_activity WHERE person = $1)"
    };
}

/// How many voluntary messages the person `$1` was sent since then, as an expression.
macro_rules! ignored {
    () => {
        concat!(
            "(SELECT COUNT(*) FROM outbox v WHERE v.person IN ",
            stoa_ground::rows_of!("$1"),
            " AND v.state = 'posted' AND v.voluntary = 1 AND v.sent_at > COALESCE(",
            active!(),
            ", 0))"
        )
    };
}

/// Whether voluntary messages to a person stopped because nothing came back (N10), and one that was held back says so
/// already: until the person does something, there is no use in trying again.
///
/// # Errors
/// The database's error.
pub async fn gave_up(conn: &Conn, organisation: &Organisation, person: &str) -> Result<bool> {
    let sql = concat!("SELECT COALESCE(", active!(), ", 0) AS since, ", ignored!(), " AS ignored");
    let row = conn.one(sql, args![person]).await?;
    if row.get::<u32>("ignored")? < organisation.nudges.pause_after_ignored {
        return Ok(false);
    }
    let said = "SELECT 1 AS one FROM decision WHERE person = $1 AND reason = 'ignored' AND at > $2 LIMIT 1";
    Ok(conn.opt(said, args![person, row.get::<i64>("since")?]).await?.is_some())
}

/// The facts at this instant. What is being sent counts as sent.
pub(crate) async fn facts(conn: &Conn, organisation: &Organisation, person: &Person) -> Result<Facts> {
    let mut calendar = organisation.calendar(person);
    let now = conn.now();
    let today = now.zoned(&calendar.zone).date();
    let start = calendar.at(today, jiff::civil::Time::midnight());
    // Somewhere in the world this day began so much earlier: who was there then had a part of the day's budget there.
    let earliest = start.plus(-people::calendar::ZONES_APART);
    // One query, because it is asked for every message. What was sent before this day began anywhere, and longer ago than
    // the least gap, changes no decision.
    let row = conn
        .one(
            concat!(
                "SELECT MAX(sent_at) AS last, COALESCE(SUM(CASE WHEN sent_at >= $2 OR sent_day = $7 THEN 1 ELSE 0 END), 0) AS today, ",
                active!(),
                " AS active, ",
                ignored!(),
                " AS ignored,
                 (SELECT value FROM person_setting WHERE person = $1 AND name = $4) AS paused,
                 (SELECT value FROM person_setting WHERE person = $1 AND name = $5) AS quiet,
                 (SELECT value FROM person_setting WHERE person = $1 AND name = $6) AS silenced
                 FROM outbox WHERE person IN ",
                stoa_ground::rows_of!("$1"),
                " AND sent_at >= $3 AND counted = 1 AND state IN ('sending', 'posted')"
            ),
            args![
                &person.id,
                start,
                earliest.min(now.plus(-organisation.nudges.min_gap)),
                PAUSED,
                QUIET_HOURS,
                DO_NOT_DISTURB,
                today.to_string()
            ],
        )
        .await?;
    // What cannot be read or leaves no time is refused where it is set; the organisation's hours hold then.
    let quiet: Option<String> = row.get("quiet")?;
    if let Some(Ok(hours)) = quiet.map(|quiet| people::calendar::parse_range(&quiet)) {
        calendar.keep_quiet(hours);
    }
    let paused: Option<String> = row.get("paused")?;
    let silenced: Option<String> = row.get("silenced")?;
    Ok(Facts {
        silenced: silenced.and_then(|s| silence(&s)),
        calendar,
        status: person.status,
        first_day: person.hire_date,
        absence: Absence::of(person),
        paused: paused.as_deref() == Some("yes"),
        sent_today: row.get("today")?,
        last_sent: row.get("last")?,
        last_activity: row.get("active")?,
        ignored: row.get("ignored")?,
    })
}

/// A stretch of time as [`DO_NOT_DISTURB`] holds it.
pub(crate) fn silence(text: &str) -> Option<(Instant, Instant)> {
    let (from, until) = text.split_once('/')?;
    Some((Instant::parse(from).ok()?, Instant::parse(until).ok()?))
}
