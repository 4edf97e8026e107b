//! The shape in which the particulars of an assignment's records are read. Readers of JSON differ in what they take for a date
//! or an object, so it is held against this before it is read.

use jiff::civil::Date;
use serde_json::{Map, Value as Json};
use stoa_ground::ledger::Record;

/// Whether what is read of a record to make an assignment of it is of its shape.
pub(super) fn fits(record: &Record) -> bool {
    let Json::Object(data) = &record.data else { return false };
    let due = || is(data, "due", is_whole) && is(data, "due_date", is_day);
    let expires = || is_or_none(data, "expires", is_whole) && is_or_none(data, "expires_date", is_day);
    let own = match record.kind.as_str() {
        "assigned" => {
            ["person", "requirement", "rule_version", "course"].iter().all(|name| is(data, name, Json::is_string))
                && due()
                && data.get("cycle").is_none_or(is_cycle)
                && is_or_none(data, "renews", is_renewal)
        }
        "extended" | "moved" | "resumed" => {
            let is_no_other_text = |value: &Json| !value.is_string() || is_day(value);
            due() && ["base_due_date", "from"].iter().all(|name| is_or_none(data, name, is_no_other_text))
        }
        "completed" => is_or_none(data, "completed", is_whole) && expires(),
        "waived" | "revalidated" => expires(),
        "paused" => is_or_none(data, "from", is_day),
        _ => true,
    };
    own && ["was", "is"].iter().all(|name| is_or_none(data, name, are_values))
}

fn is(data: &Map<String, Json>, name: &str, kind: impl Fn(&Json) -> bool) -> bool {
    data.get(name).is_some_and(kind)
}

fn is_or_none(data: &Map<String, Json>, name: &str, kind: impl Fn(&Json) -> bool) -> bool {
    data.get(name).is_none_or(|value| value.is_null() || kind(value))
}

fn is_whole(value: &Json) -> bool {
    value.is_i64()
}

fn is_cycle(value: &Json) -> bool {
    value.as_u64().is_some_and(|number| u32::try_from(number).is_ok())
}

/// A day like 2026-11-23, from the year 1 on.
fn is_day(value: &Json) -> bool {
    let Some(text) = value.as_str() else { return false };
    text.len() == 10 && text.parse::<Date>().is_ok_and(|day| day.year() > 0 && day.to_string() == text)
}

fn is_renewal(value: &Json) -> bool {
    value.as_object().is_some_and(|renews| is(renews, "id", Json::is_string) && is_or_none(renews, "until", is_day))
}

fn are_values(value: &Json) -> bool {
    let Json::Object(said) = value else { return false };
    said.keys().all(|name| ["state", "due_date", "expires_date"].contains(&name.as_str()))
        && is(said, "state", Json::is_string)
        && is(said, "due_date", is_day)
        && is_or_none(said, "expires_date", is_day)
}
