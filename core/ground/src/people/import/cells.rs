//! What a cell means: each kind of cell is read by one function that gives a value or one clear sentence.

use std::collections::BTreeSet;

use jiff::civil::Date;
use unic_langid::LanguageIdentifier;

use super::columns::squeeze;
use crate::people::calendar::{parse_date, parse_zone};
use crate::people::{Role, Status};

pub(super) fn email(text: &str) -> Result<String, String> {
    let wrong = || format!("'{text}' is not an e-mail address");
    let (user, host) = text.split_once('@').ok_or_else(wrong)?;
    let plain = |s: &str| !s.is_empty() && !s.contains(|c: char| c.is_whitespace() || "<>,;:\"()[]\\@".contains(c));
    if plain(user) && plain(host) { Ok(text.to_lowercase()) } else { Err(wrong()) }
}

pub(super) fn date(text: &str) -> Result<Date, String> {
    parse_date(text).ok_or_else(|| format!("'{text}' is not a date like 2026-01-31 (year-month-day)"))
}

pub(super) fn timezone(text: &str) -> Result<String, String> {
    let zone = parse_zone(text).map_err(|e| e.to_string())?;
    Ok(zone.iana_name().unwrap_or(text).to_owned())
}

pub(super) fn locale(text: &str) -> Result<String, String> {
    let tag: LanguageIdentifier =
        text.parse().map_err(|_| format!("'{text}' is not a language tag like en or de-AT"))?;
    Ok(tag.to_string())
}

pub(super) fn status(text: &str) -> Result<Status, String> {
    match squeeze(text).as_str() {
        "active" | "employed" | "current" | "working" | "onboarding" => Ok(Status::Active),
        "leave" | "onleave" | "loa" | "leaveofabsence" | "parentalleave" | "sabbatical" | "away" => Ok(Status::Leave),
        "left" | "terminated" | "inactive" | "former" | "resigned" | "departed" | "separated" | "offboarded"
        | "deactivated" | "retired" => Ok(Status::Left),
        _ => Err(format!("'{text}' is not a status: use active, leave or left")),
    }
}

pub(super) fn slack_id(text: &str) -> Result<String, String> {
    let id = text.to_uppercase();
    if id.starts_with(['U', 'W']) && id.len() >= 6 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(format!("'{text}' is not a Slack member id like U012AB3CD"))
}

/// A user id, or `@` and the user name, for which a role on the server has to vouch.
pub(super) fn discord_id(text: &str) -> Result<String, String> {
    if (15..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let name = text.strip_prefix('@').map(str::to_lowercase);
    let is_one = |n: &str| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'));
    if let Some(name) = name.filter(|n| (2..=32).contains(&n.len()) && is_one(n)) {
        return Ok(format!("@{name}"));
    }
    let rounded = if text.contains("E+") || text.contains("e+") {
        ": the spreadsheet has rounded it; format the column as text"
    } else {
        ""
    };
    Err(format!("'{text}' is neither a Discord user id (15 to 20 digits) nor a user name like @ana.lima{rounded}"))
}

/// Roles, separated by commas, semicolons, bars or spaces. Those that follow from the roster come in the second set.
pub(super) fn roles(text: &str) -> Result<(BTreeSet<Role>, BTreeSet<Role>), String> {
    let words = text.split([',', ';', '|', ' ']).filter(|w| !w.is_empty());
    let roles: BTreeSet<Role> =
        words.map(|w| w.parse::<Role>().map_err(|e| e.to_string())).collect::<Result<_, _>>()?;
    Ok(roles.into_iter().partition(|r| r.is_granted()))
}
