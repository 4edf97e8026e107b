//! In which zone a person is: what the roster says, else their chat, else their location, else the organisation.

use std::collections::BTreeMap;

use super::TOPIC;
use super::store::stored;
use super::text::key;
use crate::{Conn, Db, Result, Tx, args};
use jiff::tz::TimeZone;

/// Brings everybody's zone up to date after the configuration changed: what the roster says, else what the
/// person's chat says, else the location's (`zones`: location name to zone name), else the organisation's. Gives how many people got another zone.
///
/// # Errors
/// The database's error.
pub async fn refresh_zones(db: &Db, zones: &BTreeMap<String, String>, default: &str) -> Result<usize> {
    let mut moved = Vec::new();
    for s in db.read(|conn| async move { stored(&conn).await }).await? {
        let own = s.roster_timezone.as_deref().or(s.chat_timezone.as_deref());
        let zone = effective_zone(own, s.person.location.as_deref(), zones, default);
        if zone != s.person.timezone {
            moved.push((s.person.id, s.version, zone));
        }
    }
    db.write_each(&moved, |tx, (id, version, zone)| async move {
        let sql = "UPDATE person SET timezone = $2, version = version + 1, updated = $3 WHERE id = $1 AND version = $4";
        // Who was changed meanwhile was changed by somebody who knows the zones.
        if tx.exec(sql, args![id, zone, tx.now(), *version]).await? == 1 {
            tx.publish(TOPIC, id).await?;
        }
        Ok(())
    })
    .await?;
    Ok(moved.len())
}

/// A chat says in which zone a person is: it counts where the roster says none. Gives whether another one counts now.
///
/// # Errors
/// The database's error.
pub async fn heard_zone(tx: &Tx, person: &str, zone: &str) -> Result<bool> {
    if TimeZone::get(zone).is_err() {
        return Ok(false);
    }
    let sql = "UPDATE person SET chat_timezone = $2,
               timezone = CASE WHEN roster_timezone IS NULL THEN $2 ELSE timezone END, version = version + 1, updated = $3
               WHERE id = $1 AND (chat_timezone IS NULL OR chat_timezone <> $2) RETURNING roster_timezone";
    let row = tx.opt(sql, args![person, zone, tx.now()]).await?;
    let moved = row.map(|r| r.get::<Option<String>>("roster_timezone")).transpose()?.is_some_and(|own| own.is_none());
    if moved {
        tx.publish(TOPIC, person).await?;
    }
    Ok(moved)
}

/// Whether somebody said in which zone a person is: the roster, also by their location, or a chat.
///
/// # Errors
/// The database's error.
pub async fn has_own_zone(conn: &Conn, person: &str) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM person
               WHERE id = $1 AND (roster_timezone IS NOT NULL OR chat_timezone IS NOT NULL OR location IS NOT NULL)";
    Ok(conn.opt(sql, args![person]).await?.is_some())
}

/// The zone that counts: the person's own, of the roster or the chat, else that of the location (names compared in any case), else the default.
pub(super) fn effective_zone(
    own: Option<&str>,
    location: Option<&str>,
    zones: &BTreeMap<String, String>,
    default: &str,
) -> String {
    let of_location = || {
        let wanted = key(location?);
        zones.iter().find(|(name, _)| key(name) == wanted).map(|(_, zone)| zone.as_str())
    };
    own.or_else(of_location).filter(|z| TimeZone::get(z).is_ok()).unwrap_or(default).to_owned()
}
