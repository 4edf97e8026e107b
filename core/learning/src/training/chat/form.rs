//! The forms: the attestation with the typed name, and the day on which somebody wants to do it.

use jiff::civil::Date;
use stoa_flow::chat::{Call, Context, Field, FieldError, Form, literal};
use stoa_flow::say;
use stoa_ground::Result;
use stoa_ground::people::calendar::parse_date;

use super::{mine, progress};
use crate::Services;
use crate::training::course;
use crate::training::progress::{Point, point};

/// The field with the typed name.
pub(super) const NAME: &str = "name";
/// The field with the day.
const DAY: &str = "day";

/// What a field of the form holds.
pub(super) fn value<'a>(call: &'a Call, field: &str) -> &'a str {
    call.values.as_ref().and_then(|v| v.get(field)).map_or("", |v| v.trim())
}

/// Whether two names are the same without regard to case and spaces.
pub(super) fn same_name(typed: &str, name: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let typed = plain(typed);
    !typed.is_empty() && typed == plain(name)
}

/// The attestation, when it is its turn.
pub(super) async fn attest(cx: &Context<'_>, id: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    let read = cx.db().read(|c| async move {
        let a = mine(&c, words, person, id).await?;
        let Some(version) = a.course_version.clone() else { return Ok(None) };
        let course = course::content(&c, &version).await?;
        let progress = progress::load(&c, id).await?;
        Ok((point(&course, &a, &progress) == Point::Attest).then_some((version, course)))
    });
    let Some((version, course)) = read.await? else { return Ok(None) };
    let text = course.attestation.unwrap_or_default();
    let mut field = Field::text(NAME, say!(words, "training-attest-name"), false, 200);
    field.hint = Some(say!(words, "training-attest-name-hint", name = &person.name));
    Ok(Some(Form {
        command: format!("training sign {id} {version}"),
        title: say!(words, "training-attest-title"),
        intro: Some(literal(&text)),
        fields: vec![field],
        submit: say!(words, "training-attest-submit"),
    }))
}

/// The name must be the person's own.
pub(super) fn check_name(cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
    let name = &cx.person()?.name;
    if same_name(value(call, NAME), name) {
        return Ok(Vec::new());
    }
    Ok(vec![FieldError { field: NAME.into(), why: say!(cx.words, "training-attest-name-wrong", name = name) }])
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
