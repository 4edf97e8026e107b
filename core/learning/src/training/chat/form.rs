//! What a form holds, and the one for the day on which somebody wants to do it.

use jiff::civil::Date;
use stoa_flow::chat::{Call, Context, Field, FieldError, Form};
use stoa_flow::say;
use stoa_ground::Result;
use stoa_ground::people::calendar::parse_date;

use super::mine;
use crate::Services;

/// The field with the day.
const DAY: &str = "day";

/// What a field of the form holds.
pub(super) fn value<'a>(call: &'a Call, field: &str) -> &'a str {
    call.values.as_ref().and_then(|v| v.get(field)).map_or("", |v| v.trim())
}

/// The form for a day, up to the due date.
pub(super) async fn choose(cx: &Context<'_>, services: &Services, id: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    let a = cx.db().read(|c| async move { mine(&c, words, person, id).await }).await?;
    let calendar = services.organisation.calendar(person);
    let mut options = Vec::new();
    let now = cx.db().clock().now();
    let today = calendar.date(now);
    let mut day = calendar.working_day_after(today);
    while day <= a.due.date && options.len() < 20 {
        options.push((day.to_string(), words.date(day)));
        day = calendar.working_day_after(day);
    }
    if options.is_empty() {
        return Ok(None);
    }
    Ok(Some(Form {
        command: format!("training choose-day {id}"),
        title: say!(words, "training-choose-title"),
        intro: None,
        fields: vec![Field::choice(DAY, say!(words, "training-choose-day"), options)],
        submit: say!(words, "training-choose-submit"),
    }))
}

/// The chosen day.
pub(super) fn day(call: &Call) -> Option<Date> {
    parse_date(value(call, DAY))
}

/// The day must be one, after today and not after the due date.
pub(super) async fn check_day(cx: &Context<'_>, services: &Services, id: &str, call: &Call) -> Result<Vec<FieldError>> {
    let (person, words) = (cx.person()?, cx.words);
    let a = cx.db().read(|c| async move { mine(&c, words, person, id).await }).await?;
    let today = services.organisation.calendar(person).date(cx.db().clock().now());
    let fine = day(call).is_some_and(|day| day > today && day <= a.due.date);
    let why = || say!(words, "training-plan-too-late", due = words.date(a.due.date));
    Ok(if fine { Vec::new() } else { vec![FieldError { field: DAY.into(), why: why() }] })
}
