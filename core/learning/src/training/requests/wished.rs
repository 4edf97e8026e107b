//! The day that somebody wishes, for themselves or for somebody else.

use jiff::ToSpan as _;
use jiff::civil::Date;
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::calendar::parse_date;

use super::store::Kind;
use crate::training::assignment::Assignment;

/// More time, a place and a leave that only the manager knows of are for so many days from today at most.
const NEAR: i64 = 366;

/// The day that is wished, or what is wrong with it, as a sentence. `today` is that of whom it is for.
pub(in crate::training) fn wished(
    words: &Words,
    today: Date,
    kind: Option<Kind>,
    a: Option<&Assignment>,
    text: &str,
) -> Result<Option<Date>, String> {
    let example = today.checked_add(14.days()).unwrap_or(today).to_string();
    if text.is_empty() {
        return if kind == Some(Kind::Extension) {
            Err(say!(words, "request-date-missing", example = example))
        } else {
            Ok(None)
        };
    }
    if kind == Some(Kind::Waiver) {
        return Ok(None);
    }
    let Some(day) = parse_date(text) else { return Err(say!(words, "request-date-wrong", example = example)) };
    if day < today {
        return Err(say!(words, "request-date-past"));
    }
    if let (Some(Kind::Extension), Some(a)) = (kind, a)
        && day <= a.due.date
    {
        return Err(say!(words, "request-date-early", due = words.date(a.due.date)));
    }
    // An exemption may be long.
    if kind != Some(Kind::Exemption) && today.checked_add(NEAR.days()).is_ok_and(|last| day > last) {
        return Err(say!(words, "request-date-far"));
    }
    Ok(Some(day))
}
