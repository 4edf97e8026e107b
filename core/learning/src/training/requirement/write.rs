//! A requirement as it stands in a file.

use serde_json::json;

use super::{Due, Requirement};

/// The requirement as TOML that [`parse`](super::parse) reads as the same.
pub(in crate::training) fn to_toml(r: &Requirement) -> String {
    // Strings and lists of numbers of JSON are such of TOML.
    let text = |text: &str| json!(text).to_string();
    let days = |days: &[u32]| json!(days).to_string();
    let due = match r.due {
        Due::AfterAssigned(n) => format!("{{ days = {n}, from = \"assigned\" }}"),
        Due::AfterHire(n) => format!("{{ days = {n}, from = \"hire\" }}"),
        Due::AfterRole(n) => format!("{{ days = {n}, from = \"role\" }}"),
        Due::On(date) => format!("{{ date = {date} }}"),
    };
    let steps = &r.steps;
    let mut lines = vec![
        "[[requirement]]".to_owned(),
        format!("id = {}", text(&r.id)),
        format!("title = {}", text(&r.title)),
        format!("course = {}", text(&r.course)),
        format!("audience = {}", text(&r.audience.to_string())),
        format!("due = {due}"),
        format!("remind_before = {}", days(&steps.remind_before)),
        format!("remind_after = {}", days(&steps.remind_after)),
        format!("end_after = {}", steps.end_after),
        format!("manager_after = {}", steps.manager_after),
        format!("escalate_after = {}", steps.escalate_after),
    ];
    if let Some(again) = &r.recertify {
        lines.push(format!(
            "recertify = {{ every = {}, window_days = {}, grace_days = {}, renews_from = {}, prior = {}, \
             new_version = {}, remind_before = {} }}",
            text(&again.every.to_string()),
            again.window_days,
            again.grace_days,
            json!(again.renews_from),
            json!(again.prior),
            again.new_version,
            days(&again.remind_before)
        ));
    }
    if !r.evidence.is_none() {
        lines.push(format!("evidence = {}", json!(r.evidence)));
    }
    if !r.attestation.is_least() {
        lines.push(format!("attestation = {}", json!(r.attestation)));
    }
    if !r.active {
        lines.push("active = false".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let file = "[[requirement]]\nid = \"fire\"\ntitle = \"Fire \\\"and\\\" water\"\ncourse = \"f\"\n\
                    audience = 'country in [\"US\", \"CA\"] and not title = \"It''s\"'\n";
        let file = file.replace("It''s", "Its");
        for due in [
            "due = { days = 14 }",
            "due = { days = 3, from = \"hire\" }",
            "due = { days = 3, from = \"role\" }\nrecertify = { every = \"2 years\", prior = \"does not count\" }",
            "due = { date = 2026-12-18 }\nactive = false",
            "due = { days = 7 }\nevidence = \"osha\"\nattestation = \"mail-code\"",
        ] {
            let text = format!("{file}{due}\nremind_before = [14, 1]\nescalate_after = 20");
            let one = parse("x", &text).unwrap().remove(0);
            assert_eq!(parse("y", &to_toml(&one)).unwrap(), [one]);
        }
    }
}
