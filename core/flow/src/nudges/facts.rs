//! Reads the facts about a person that the arbiter needs.

use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result, args};

use super::Facts;
use crate::organisation::Organisation;

/// The setting that holds whether voluntary messages are paused.
pub(super) const PAUSED: &str = "paused";
/// The setting that holds the person's own quiet hours, for example `17:00-10:00`.
pub(super) const QUIET_HOURS: &str = "quiet_hours";

/// The facts at this instant. What is being sent counts as sent.
pub(crate) async fn facts(conn: &Conn, organisation: &Organisation, person: &Person) -> Result<Facts> {
    let mut calendar = organisation.calendar(person);
    if let Some(quiet) = people::setting(conn, &person.id, QUIET_HOURS).await? {
        // A setting that cannot be read is checked where it is made; the organisation's hours hold then.
        if let Ok(hours) = people::calendar::parse_range(&quiet) {
            calendar.quiet_hours = Some(hours);
        }
    }
    let now = conn.now();
    let today = now.zoned(&calendar.zone).date();
    let start = calendar.at(today, jiff::civil::Time::midnight());
    let sent = conn
        .one(
            concat!(
                "SELECT COALESCE(MAX(sent_at), 0) AS last,
                 COALESCE(SUM(CASE WHEN sent_at >= $2 THEN 1 ELSE 0 END), 0) AS today
                 FROM outbox WHERE person IN ",
                stoa_ground::rows_of!("$1"),
                " AND sent_at IS NOT NULL AND counted = 1 AND state IN ('sending', 'posted')"
            ),
            args![&person.id, start],
        )
        .await?;
    let activity = conn.opt("SELECT at FROM last_activity WHERE person = $1", args![&person.id]).await?;
    let last_activity: Option<stoa_ground::Instant> = activity.map(|r| r.get("at")).transpose()?;
    let ignored = conn
        .one(
            concat!(
                "SELECT COUNT(*) AS n FROM outbox WHERE person IN ",
                stoa_ground::rows_of!("$1"),
                " AND state = 'posted' AND voluntary = 1 AND sent_at > $2"
            ),
            args![&person.id, last_activity.map_or(0, |at| at.0)],
        )
        .await?;
    let last: i64 = sent.get("last")?;
    Ok(Facts {
        calendar,
        status: person.status,
        leave: (person.leave_from, person.leave_to),
        paused: people::setting(conn, &person.id, PAUSED).await?.as_deref() == Some("yes"),
        sent_today: sent.get("today")?,
        last_sent: (last > 0).then_some(stoa_ground::Instant(last)),
        last_activity,
        ignored: ignored.get("n")?,
    })
}
