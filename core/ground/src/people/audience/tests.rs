use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::people::groups_of;
use crate::people::tests::person;

fn ana() -> (Person, Facts) {
    let ana = Person {
        department: Some("Sales".into()),
        country: Some("USA".into()),
        worker_type: Some("employee".into()),
        location: Some("New York".into()),
        locale: "en-US".into(),
        hire_date: Some(date(2026, 3, 1)),
        ..person("E1", "Ana Lima")
    };
    let facts = Facts { roles: [Role::Employee, Role::Manager].into(), groups: groups_of(&ana), role_since: None };
    (ana, facts)
}

fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|e: RuleError| panic!("{e}\n{}", e.pointer(text)))
}

#[test]
fn a_rule_finds_its_people_and_says_why() {
    let (ana, facts) = ana();
    for (text, meant, why) in [
        (
            r#"department = "Sales" and country in ["US", "CA"] and not worker_type = "contractor""#,
            true,
            "because your department is Sales, your country is USA and your worker type is employee",
        ),
        ("everyone", true, "because it is for everyone"),
        ("Manager AND department = 'sales'", true, "because you are a manager and your department is Sales"),
        ("role = \"learning\"", false, "not for you, because you do not have the role learning"),
        ("group \"Sales\"", true, "because you are in the group Sales"),
        ("group \"country/US\" or state = \"CA\"", true, "because you are in the group country/US"),
        ("state in [\"CA\"] and department = \"Sales\"", false, "not for you, because you have no state"),
        ("hire_date >= 2026-01-01", true, "because your first day of work is 2026-03-01"),
        ("hire_date < “2026-01-01”", false, "not for you, because your first day of work is 2026-03-01"),
        ("country not in [\"DE\", \"AT\"]", true, "because your country is USA"),
        ("country != \"us\"", false, "not for you, because your country is USA"),
        ("locale = \"en\"", true, "because your language is en-US"),
        (
            "(title = \"Nurse\" or department = \"Care\") and everyone",
            false,
            "not for you, because you have no job title and your department is Sales",
        ),
        (
            "not (manager and location = \"New York\")",
            false,
            "not for you, because you are a manager and your location is New York",
        ),
        ("status = \"leave\"", false, "not for you, because your status is active"),
    ] {
        let rule = rule(text);
        assert_eq!(rule.matches(&ana, &facts), meant, "{text}");
        assert_eq!(rule.explain(&ana, &facts), why, "{text}");
    }
}

#[test]
fn nobody_who_left_is_in_any_audience() {
    let (mut ana, facts) = ana();
    ana.status = Status::Left;
    for text in ["everyone", "not manager", "department = \"Sales\""] {
        assert!(!rule(text).matches(&ana, &facts), "{text}");
        assert_eq!(rule(text).explain(&ana, &facts), "not for you, because you have left the organisation");
    }
}

#[test]
fn an_error_points_at_the_word_that_is_wrong() {
    for (text, at, word, message) in [
        (
            "departmnt = \"Sales\"",
            0,
            "departmnt",
            "'departmnt' is nothing that a rule can ask about; did you mean 'department'?",
        ),
        ("department = Sales", 13, "Sales", "the department 'Sales' needs quotation marks: \"Sales\""),
        ("department == \"Sales\"", 11, "==", "'==' is written '=' here"),
        ("department \"Sales\"", 11, "_______", "department cannot be followed by 'Sales': use =, !=, in or not in"),
        ("everyone manager", 9, "manager", "'manager' was not expected here: join conditions with 'and' or 'or'"),
        ("manager and", 11, "", "the rule ends where a condition should follow"),
        ("", 0, "", "the rule ends where a condition should follow"),
        ("(manager", 8, "", "the rule ends where ')' should follow"),
        ("and manager", 0, "and", "a condition should stand before 'and'"),
        ("country in \"US\"", 11, "____", "a list like [\"a\", \"b\"] should follow 'in', not 'US'"),
        ("country in [\"US\" \"CA\"]", 17, "____", "',' or ']' should come before 'CA'"),
        ("country in []", 12, "]", "a text in quotation marks should stand here, not ']'"),
        ("hire_date > 01/02/2026", 12, "01/02/2026", "'01/02/2026' is not a date like 2026-01-31"),
        ("hire_date in [2026-01-01]", 10, "in", "hire_date cannot be followed by 'in': use =, !=, <, <=, > or >="),
        ("title = \"Nurse", 8, "\"Nurse", "the text that begins here has no closing quotation mark"),
        ("manager & everyone", 8, "&", "'&' means nothing in a rule"),
        ("ünïcode = \"x\" & y", 0, "ünïcode", ""),
        ("status = \"left\"", 9, "______", "'left' is not a status that an audience can have: use active or leave"),
        ("role = \"Enginer\"", 7, "_________", ""),
        ("department = \" \"", 13, "___", "a department cannot be empty"),
    ] {
        let error = text.parse::<Rule>().expect_err(text);
        if !text.contains('&') {
            assert_eq!((error.at, error.word.as_str()), (at, word), "{text}: {error}");
        }
        if !message.is_empty() {
            assert_eq!(error.message, message, "{text}");
        }
    }
    let text = "manager and departmnt = \"x\"";
    let error = text.parse::<Rule>().unwrap_err();
    assert_eq!(error.pointer(text), "manager and departmnt = \"x\"\n            ^^^^^^^^^");
    assert!(error.to_string().ends_with("(character 13)"), "{error}");
    assert!("role = \"Engineer\"".parse::<Rule>().unwrap_err().message.contains("title = \"Engineer\""));
}

#[test]
fn a_rule_that_is_too_long_or_too_deep_is_refused_and_not_followed() {
    for text in ["(".repeat(5_000), "not ".repeat(2_000) + "manager", "x".repeat(20_000), "(not ".repeat(1_000)] {
        assert!(text.parse::<Rule>().is_err());
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let text = || prop_oneof!["[a-zA-Z ]{0,6}[a-z]", "\\PC{0,6}x", Just("say \"hi\" \\ 'there'".to_owned())];
    let leaf = prop_oneof![
        Just(Rule::Everyone),
        (0..Role::ALL.len()).prop_map(|i| Rule::Role(Role::ALL[i])),
        text().prop_map(Rule::Group),
        (0..Field::ALL.len(), proptest::collection::vec(text(), 1..4)).prop_map(|(i, values)| match Field::ALL[i] {
            Field::Status => Rule::Field(Field::Status, vec!["leave".into()]),
            field => Rule::Field(field, values),
        }),
        (0..Order::ALL.len(), 1..9999i16, 1..12i8, 1..28i8)
            .prop_map(|(i, y, m, d)| Rule::Hired(Order::ALL[i], date(y, m, d))),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|r| Rule::Not(Box::new(r))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Rule::And),
            proptest::collection::vec(inner, 2..4).prop_map(Rule::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again_as_the_same_rule(rule in rules()) {
        let text = rule.to_string();
        prop_assert_eq!(text.parse::<Rule>().map_err(|e| format!("{e}\n{}", e.pointer(&text))), Ok(rule));
    }

    #[test]
    fn a_rule_and_its_negation_never_agree(rule in rules()) {
        let (ana, facts) = ana();
        prop_assert_ne!(rule.matches(&ana, &facts), Rule::Not(Box::new(rule.clone())).matches(&ana, &facts));
        prop_assert!(!rule.reasons(&ana, &facts).is_empty());
    }

    #[test]
    fn no_text_makes_the_parser_stumble(text in "\\PC{0,40}") {
        if let Err(e) = text.parse::<Rule>() {
            prop_assert!(e.at <= text.chars().count());
        }
    }
}
