//! The forms with which a requirement is written, and what a sent one means.

use std::collections::BTreeMap;

use stoa_flow::chat::{Call, Field, FieldError, FieldKind, Form, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::audience::Rule;
use stoa_ground::people::calendar::parse_date;
use stoa_ground::people::clean;
use stoa_ground::{Conn, Result};

use crate::Services;
use crate::training::attest::Level;
use crate::training::requirement::{self, Due, Period, Prior, Recertify, RenewsFrom, Requirement, Steps};
use crate::training::{Preset, apply, course, requests};

/// The longest rule and the longest title, in characters.
const LONGEST_RULE: usize = 500;
const LONGEST_TITLE: usize = 120;
/// The longest reason, in characters.
pub(super) const LONGEST_REASON: usize = 500;
/// How many courses a form offers.
const OFFERED: usize = 25;
/// The longest due rule with everything behind it.
const LONGEST_DUE: usize = 150;
/// What stands before the regime and the level behind a due rule.
const EVIDENCE: &str = "evidence ";
const CONFIRMED: &str = "confirmed by ";
/// In the choice of steps: what a requirement has that none of the presets is.
const AS_IT_IS: &str = "as-it-is";

/// The choices of the form about renewal.
const NO: &str = "no";
const YES: &str = "yes";

/// Presets of reminders and escalation.
const PRESETS: [&str; 3] = ["usual", "gentle", "tight"];

fn preset(name: &str) -> Option<Steps> {
    Some(match name {
        "usual" => Steps::default(),
        "gentle" => {
            Steps { remind_before: vec![3], remind_after: vec![3], end_after: 60, manager_after: 7, escalate_after: 21 }
        }
        "tight" => Steps {
            remind_before: vec![14, 7, 3, 1],
            remind_after: vec![1, 3, 5, 7],
            end_after: 120,
            manager_after: 1,
            escalate_after: 7,
        },
        _ => return None,
    })
}

/// A due rule and how long a completion holds, as people write it into the form.
fn due_text(due: Due, again: Option<&Recertify>) -> String {
    let due = match due {
        Due::AfterAssigned(days) => format!("{days} days"),
        Due::AfterHire(days) => format!("{days} days after hire"),
        Due::AfterRole(days) => format!("{days} days after role"),
        Due::On(date) => date.to_string(),
    };
    match again {
        Some(again) => format!("{due}, every {}", again.every),
        None => due,
    }
}

/// Behind the due rule stand the regime that the evidence is meant for and how surely it must be the person who confirms it: a
/// form of Discord has room for five fields.
fn with_more(due: String, evidence: Preset, level: Level) -> String {
    let mut text = due;
    if !evidence.is_none() {
        text = format!("{text}, {EVIDENCE}{}", evidence.name());
    }
    if !level.is_least() {
        text = format!("{text}, {CONFIRMED}{}", level.name());
    }
    text
}

/// The due rule, and what stands behind it in any order; none where that is not known.
fn parse_more(text: &str) -> Option<(&str, Preset, Level)> {
    let (mut rest, mut evidence, mut level) = (text, Preset::None, Level::default());
    while let Some((before, more)) =
        rest.rfind(EVIDENCE).max(rest.rfind(CONFIRMED)).and_then(|at| rest.split_at_checked(at))
    {
        let name = |begin: &str| more.strip_prefix(begin).map(|name| name.trim().to_lowercase());
        match name(EVIDENCE) {
            Some(name) => evidence = Preset::named(&name)?,
            None => level = Level::ALL.into_iter().find(|l| Some(l.name()) == name(CONFIRMED).as_deref())?,
        }
        rest = before.trim_end().trim_end_matches([',', ';']);
    }
    Some((rest, evidence, level))
}

/// `14 days`, `30 days after hire`, `30 days after role` or `2026-12-18`, each also with `, every 12 months`. `before`: what
/// else was said about the time after a completion.
fn parse_due(text: &str, before: Option<&Recertify>) -> Option<(Due, Option<Recertify>)> {
    let Some((due, every)) = text.split_once("every ") else { return Some((parse_rule(text)?, None)) };
    let due = parse_rule(due.trim().trim_end_matches("again").trim().trim_end_matches([',', ';']))?;
    let every: Period = every.parse().ok()?;
    let usual = Recertify {
        every,
        window_days: 30,
        grace_days: 0,
        renews_from: RenewsFrom::default(),
        prior: Prior::default(),
        new_version: false,
        remind_before: vec![30, 7, 1],
    };
    let mut again = Recertify { every, ..before.cloned().unwrap_or(usual) };
    again.window_days = again.window_days.min(every.least_days() - 1);
    Some((due, Some(again)))
}

fn parse_rule(text: &str) -> Option<Due> {
    let text = text.trim();
    if let Some(date) = parse_date(text) {
        return Some(Due::On(date));
    }
    let text = text.to_lowercase();
    let mut words = text.split_whitespace();
    let days: u32 = words.next()?.parse().ok().filter(|n| *n <= 3_660)?;
    let rest: Vec<&str> = words.filter(|w| !matches!(*w, "day" | "days" | "the")).collect();
    match rest.as_slice() {
        [] | ["after" | "from", "assigned" | "assignment"] => Some(Due::AfterAssigned(days)),
        ["after" | "from", "hire" | "hiring" | "start"] => Some(Due::AfterHire(days)),
        ["after" | "from", "role" | "job"] => Some(Due::AfterRole(days)),
        _ => None,
    }
}

/// The form; `before` is what it begins with, `command` what sending it does.
pub(super) async fn requirement_form(
    conn: &Conn,
    words: &Words,
    before: Option<&Requirement>,
    command: String,
) -> Result<Option<Form>> {
    let courses = course::courses(conn).await?;
    if courses.is_empty() {
        return Ok(None);
    }
    let text = |max, initial: String| FieldKind::Text { multiline: false, max, initial };
    let field = |name: &str, label, hint, optional, kind| Field { name: name.into(), label, hint, optional, kind };
    let mut options: Vec<(String, String)> = courses.into_iter().map(|(id, title, _)| (id, title)).collect();
    // The one that it has stays in reach where there are more than a form shows.
    options.sort_by_key(|(id, _)| before.is_none_or(|r| r.course != *id));
    options.truncate(OFFERED);
    let course = FieldKind::Choice { options, initial: before.map(|r| r.course.clone()) };
    let mut presets: Vec<(String, String)> = vec![
        ("usual".into(), say!(words, "authoring-preset-usual")),
        ("gentle".into(), say!(words, "authoring-preset-gentle")),
        ("tight".into(), say!(words, "authoring-preset-tight")),
    ];
    let has = before.map(|r| PRESETS.into_iter().find(|name| preset(name).as_ref() == Some(&r.steps)));
    if has == Some(None) {
        presets.insert(0, (AS_IT_IS.into(), say!(words, "authoring-preset-as-it-is")));
    }
    let chosen = has.map_or("usual", |name| name.unwrap_or(AS_IT_IS));
    let steps = FieldKind::Choice { options: presets, initial: Some(chosen.into()) };
    let audience = before.map_or_else(|| "everyone".to_owned(), |r| r.audience.to_string());
    let due = before.map_or_else(
        || "14 days".to_owned(),
        |r| with_more(due_text(r.due, r.recertify.as_ref()), r.evidence, r.attestation),
    );
    let title = before.map_or_else(String::new, |r| r.title.clone());
    Ok(Some(Form {
        command,
        title: match before {
            Some(_) => say!(words, "authoring-form-change"),
            None => say!(words, "authoring-form-new"),
        },
        intro: None,
        fields: vec![
            field("course", say!(words, "authoring-course"), None, false, course),
            field(
                "title",
                say!(words, "authoring-title"),
                Some(say!(words, "authoring-title-hint")),
                true,
                text(LONGEST_TITLE, title),
            ),
            field(
                "audience",
                say!(words, "authoring-audience"),
                Some(say!(words, "authoring-audience-hint")),
                false,
                text(LONGEST_RULE, audience),
            ),
            field(
                "due",
                say!(words, "authoring-due"),
                Some(say!(words, "authoring-due-hint")),
                false,
                text(LONGEST_DUE, due),
            ),
            field("steps", say!(words, "authoring-steps"), Some(say!(words, "authoring-steps-hint")), false, steps),
        ],
        submit: say!(words, "authoring-preview-button"),
    }))
}

/// The form with what follows the end of a completion; none where a completion holds for good.
pub(super) fn renewal_form(words: &Words, before: &Requirement, command: String) -> Option<Form> {
    let again = before.recertify.as_ref()?;
    let days = |name: &str, label, hint, days: u32| Field {
        name: name.into(),
        label,
        hint: Some(hint),
        optional: false,
        kind: FieldKind::Text { multiline: false, max: 3, initial: days.to_string() },
    };
    let choice = |name: &str, label, no: String, yes: String, chosen: bool| Field {
        name: name.into(),
        label,
        hint: None,
        optional: false,
        kind: FieldKind::Choice {
            options: vec![(NO.into(), no), (YES.into(), yes)],
            initial: Some(if chosen { YES } else { NO }.into()),
        },
    };
    Some(Form {
        command,
        title: say!(words, "authoring-form-renew"),
        intro: Some(say!(
            words,
            "authoring-renew-intro",
            title = literal(&before.title),
            every = again.every.to_string()
        )),
        fields: vec![
            days("window", say!(words, "authoring-window"), say!(words, "authoring-window-hint"), again.window_days),
            days("grace", say!(words, "authoring-grace"), say!(words, "authoring-grace-hint"), again.grace_days),
            choice(
                "expiry",
                say!(words, "authoring-from"),
                say!(words, "authoring-from-completion"),
                say!(words, "authoring-from-expiry"),
                again.renews_from == RenewsFrom::Expiry,
            ),
            choice(
                "prior",
                say!(words, "authoring-prior"),
                say!(words, "authoring-prior-not"),
                say!(words, "authoring-prior-counts"),
                again.prior == Prior::Counts,
            ),
            choice(
                "version",
                say!(words, "authoring-version"),
                say!(words, "authoring-version-not"),
                say!(words, "authoring-version-again"),
                again.new_version,
            ),
        ],
        submit: say!(words, "authoring-preview-button"),
    })
}

/// What a sent form of renewal means, or what is wrong with it.
pub(super) fn understand_renewal(
    words: &Words,
    before: &Requirement,
    call: &Call,
) -> std::result::Result<Requirement, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });
    let Some(again) = &before.recertify else {
        wrong("window", say!(words, "authoring-renew-none"));
        return Err(errors);
    };
    let value = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", |v| v.trim());
    let days = |name: &str| value(name).parse::<u32>().ok().filter(|days| *days <= 366);
    let window = days("window").filter(|days| *days > 0 && *days < again.every.least_days());
    if window.is_none() {
        wrong("window", say!(words, "authoring-window-wrong", every = again.every.to_string()));
    }
    let grace = days("grace");
    if grace.is_none() {
        wrong("grace", say!(words, "authoring-grace-wrong"));
    }
    let mut chosen = |name: &str| match value(name) {
        YES => true,
        NO => false,
        _ => {
            wrong(name, say!(words, "authoring-steps-wrong"));
            false
        }
    };
    let (expiry, prior, new_version) = (chosen("expiry"), chosen("prior"), chosen("version"));
    let (Some(window_days), Some(grace_days), true) = (window, grace, errors.is_empty()) else { return Err(errors) };
    let recertify = Recertify {
        window_days,
        grace_days,
        renews_from: if expiry { RenewsFrom::Expiry } else { RenewsFrom::Completion },
        prior: if prior { Prior::Counts } else { Prior::DoesNotCount },
        new_version,
        ..again.clone()
    };
    Ok(Requirement { recertify: Some(recertify), ..before.clone() })
}

/// A form that asks only for a reason.
pub(super) fn reason_form(words: &Words, title: String, about: &str, command: String) -> Form {
    let field = Field {
        hint: Some(say!(words, "authoring-reason-hint")),
        ..Field::text("reason", say!(words, "authoring-reason"), true, LONGEST_REASON)
    };
    Form {
        command,
        title,
        intro: Some(literal(about)),
        fields: vec![field],
        submit: say!(words, "authoring-ask-button"),
    }
}

/// The reason in a form, cleaned and cut.
pub(super) fn reason(call: &Call) -> String {
    let text = call.values.as_ref().and_then(|v| v.get("reason")).map(|v| clean(v)).unwrap_or_default();
    text.chars().take(LONGEST_REASON).collect()
}

/// What a sent form means, or what is wrong with it. `before`: what is changed.
pub(super) async fn understand(
    conn: &Conn,
    services: &Services,
    words: &Words,
    before: Option<&Requirement>,
    call: &Call,
) -> Result<std::result::Result<Requirement, Vec<FieldError>>> {
    let empty = BTreeMap::new();
    let values = call.values.as_ref().unwrap_or(&empty);
    let value = |name: &str| values.get(name).map_or("", |v| v.trim());
    let mut errors = Vec::new();
    let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });
    let courses = course::courses(conn).await?;
    let course = courses.iter().find(|(id, ..)| id == value("course"));
    if course.is_none() {
        wrong("course", say!(words, "authoring-course-wrong"));
    }
    let audience = value("audience").parse::<Rule>().map_err(|e| wrong("audience", e.to_string())).ok();
    let due = parse_more(value("due")).and_then(|(due, evidence, level)| {
        let (due, again) = parse_due(due, before.and_then(|r| r.recertify.as_ref()))?;
        Some((due, again, evidence, level))
    });
    if due.is_none() {
        wrong("due", say!(words, "authoring-due-wrong"));
    }
    let steps = match value("steps") {
        "" => Some(Steps::default()),
        AS_IT_IS => before.map(|r| r.steps.clone()),
        name => preset(name),
    };
    if steps.is_none() {
        wrong("steps", say!(words, "authoring-steps-wrong"));
    }
    let (Some((course, course_title, _)), Some(audience), Some((due, recertify, evidence, attestation)), Some(steps)) =
        (course, audience, due, steps)
    else {
        return Ok(Err(errors));
    };
    let typed: String = clean(value("title")).chars().take(LONGEST_TITLE).collect();
    let title = if typed.is_empty() { course_title.clone() } else { typed };
    let id = match before {
        Some(before) => before.id.clone(),
        None => free_id(conn, course).await?,
    };
    let requirement = Requirement {
        id,
        title,
        course: course.clone(),
        audience,
        due,
        steps,
        recertify,
        evidence,
        attestation,
        active: true,
    };
    if requirement::loses_course(conn, &requirement).await?.is_some() {
        return Ok(Err(vec![FieldError { field: "course".into(), why: say!(words, "authoring-course-kept") }]));
    }
    Ok(match apply::unsignable(conn, services, &requirement).await? {
        Some(why) => Err(vec![FieldError { field: "due".into(), why: say!(words, "authoring-unsignable", why = why) }]),
        None => Ok(requirement),
    })
}

/// An id that no requirement has and no other draft will have, after the course's.
pub(super) async fn free_id(conn: &Conn, course: &str) -> Result<String> {
    let drafted = requests::drafted(conn).await?;
    let mut id = course.to_owned();
    for n in 2.. {
        if !drafted.contains(&id) && !requirement::is_known(conn, &id).await? {
            break;
        }
        id = format!("{course}-{n}");
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_rules_are_read_as_people_write_them() {
        let date = "2026-12-18".parse().unwrap();
        for (text, due) in [
            ("14 days", Some(Due::AfterAssigned(14))),
            ("14", Some(Due::AfterAssigned(14))),
            ("1 Day after assignment", Some(Due::AfterAssigned(1))),
            ("30 days after hire", Some(Due::AfterHire(30))),
            ("2026-12-18", Some(Due::On(date))),
            ("soon", None),
            ("-3 days", None),
            ("14 days after birth", None),
            ("99999 days", None),
        ] {
            assert_eq!(parse_due(text, None), due.map(|due| (due, None)), "{text}");
        }
        let (due, again) = parse_due("14 days, again every 2 weeks", None).unwrap();
        let again = again.unwrap();
        assert_eq!((due, again.every.to_string().as_str(), again.window_days), (Due::AfterAssigned(14), "2 weeks", 13));
        assert_eq!(parse_due("14 days, every now and then", None), None);
        let least = Level::ChatSession;
        assert_eq!(parse_more("14 days"), Some(("14 days", Preset::None, least)));
        let other = "14 days; Confirmed by mail-code, evidence SOC2".replace("Confirmed", "confirmed");
        assert_eq!(parse_more(&other), Some(("14 days", Preset::Soc2, Level::MailCode)));
        for wrong in ["14 days, evidence of life", "14 days, confirmed by my boss", "14 days, evidence osha osha"] {
            assert_eq!(parse_more(wrong), None, "{wrong}");
        }
        let due = "3660 days after assignment, every 120 months";
        for (preset, level) in Preset::ALL.into_iter().zip(Level::ALL.into_iter().cycle()) {
            let longest = with_more(due.into(), preset, level);
            assert!(longest.len() <= LONGEST_DUE, "{longest}");
            assert_eq!(parse_more(&longest), Some((due, preset, level)));
        }
        for due in [Due::AfterAssigned(7), Due::AfterHire(30), Due::AfterRole(5), Due::On(date)] {
            assert_eq!(parse_due(&due_text(due, None), None), Some((due, None)));
            let both = (due, Some(again.clone()));
            assert_eq!(parse_due(&due_text(due, both.1.as_ref()), both.1.as_ref()), Some(both));
        }
    }
}
