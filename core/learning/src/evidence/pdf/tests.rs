use super::super::pack::{Meant, Move, SHOWN, Scope, shows};
use super::*;

fn shown(report: &Report, population: &[Considered], then: impl FnOnce(&Shown<'_>)) {
    let manifest = Manifest {
        format: super::super::pack::FORMAT.into(),
        origin: "learn.example.org/evidence".into(),
        test: false,
        made: "2026-11-30T09:00:00.000Z".into(),
        scope: Scope { requirement: Some("fire-safety".into()), ..Scope::default() },
        period: (None, None),
        zone: "Europe/Lisbon".into(),
        preset: "osha".into(),
        size: 340,
        files: BTreeMap::new(),
        subjects: BTreeMap::new(),
        not_proven: vec!["That what was recorded is true.".into()],
    };
    let contents = [Content { digest: "ab".repeat(32), title: "Fire safety".into(), language: "en".into() }];
    then(&Shown {
        manifest: &manifest,
        zone: &TimeZone::get("Europe/Lisbon").unwrap(),
        report,
        population,
        changes: &[Change {
            subject: "assignment/1".into(),
            version: 2,
            at: "2026-07-10T08:00:00.000Z".into(),
            change: "extended".into(),
            by: "E-Eva".into(),
            reason: "a project".into(),
            state_before: "overdue".into(),
            state: "extended".into(),
            due_before: "2026-07-15".into(),
            due: "2026-08-14".into(),
            ..Change::default()
        }],
        requests: &[Request {
            kind: "extension".into(),
            requirement: "fire-safety".into(),
            wished: "2026-08-01".into(),
            state: "approved".into(),
            reason: "I am at the fair".into(),
            decided_by: "E-Max".into(),
            decision: "as agreed".into(),
            ..Request::default()
        }],
        questions: &[Question {
            question: "Also at night?".into(),
            answer: "Yes, each month.".into(),
            answered_by: "E-Lea".into(),
            qualification: "fire officer".into(),
            ..Question::default()
        }],
        contents: &contents,
        key: "learn.example.org/evidence+1a2b3c4d+AbC",
        digests: SHOWN.map(|file| shows(file, &"1".repeat(64))),
    });
}

fn row(n: usize, name: &str) -> Row {
    Row {
        subject: format!("assignment/{n}"),
        employee_id: format!("E{n}"),
        name: name.into(),
        title: "Fire fighter".into(),
        requirement: "fire-safety".into(),
        state: "completed".into(),
        assigned: "2026-07-01T08:00:00.000Z".into(),
        due: "2026-07-15".into(),
        completed: "2026-07-02T23:30:00.000Z".into(),
        counts: true,
        reason: "completed in chat".into(),
        ..Row::default()
    }
}

fn considered(name: &str) -> Considered {
    Considered {
        employee_id: "E1".into(),
        name: name.into(),
        title: String::new(),
        status: "active".into(),
        hired: String::new(),
        known_since: String::new(),
        left: String::new(),
        moved: vec![Move { at: "2026-07-01T08:00:00.000Z".into(), what: "department: Sales → HR".into() }],
        meant: vec![Meant {
            requirement: "fire-safety".into(),
            from: "2026-07-01T08:00:00.000Z".into(),
            to: String::new(),
        }],
        assignments: 1,
        why_none: String::new(),
    }
}

/// The text of the pages, read by another's library.
fn read(pdf: &[u8]) -> String {
    pdf_extract::extract_text_from_mem(pdf).unwrap()
}

#[test]
fn what_it_prints_can_be_selected_and_is_what_the_report_says_in_local_time() {
    let report = Report::over(vec![row(1, "Zoë Müller"), row(2, "Иван Петров"), row(3, "Ελένη")]);
    shown(&report, &[considered("Zoë Müller")], |shown| {
        let text = read(&write(shown).unwrap());
        for part in [
            "3 of 3 completed: 100.0 %",
            "Zoë Müller (E1)",
            "Иван Петров (E2)",
            "Ελένη (E3)",
            "2026-07-03 00:30",
            "department: Sales → HR",
            "page 1 of",
            "extension, fire-safety",
            "2026-08-01",
            "E-Max",
            "I am at the fair",
            "overdue → extended",
            "2026-07-15 → 2026-08-14",
            "a project, E-Eva",
            "Also at night?",
            "Yes, each month.",
            "fire officer",
            &"1".repeat(64),
            &"ab".repeat(32),
            "stoa audit verify PACK --key",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('□'), "{text}");
    });
}

#[test]
fn letters_that_the_font_lacks_are_boxes_and_that_is_said() {
    let report = Report::over(vec![row(1, "李雷 Li")]);
    shown(&report, &[], |shown| {
        let text = read(&write(shown).unwrap());
        assert!(text.contains("□□ Li (E1)") && text.contains("stands for letters that the font"), "{text}");
    });
}

#[test]
fn the_same_pack_gives_the_same_bytes_and_a_long_one_many_pages_with_the_head_on_each() {
    let rows = (0..400).map(|n| row(n, "Ana مريم")).collect();
    let report = Report::over(rows);
    shown(&report, &[], |shown| {
        let pdf = write(shown).unwrap();
        assert_eq!(pdf, write(shown).unwrap());
        let text = read(&pdf);
        assert!(text.matches("Reason, and who decided").count() > 10, "{text}");
        assert!((0..400).all(|n| text.contains(&format!("(E{n})"))));
    });
}

#[test]
fn a_reason_that_is_longer_than_a_page_is_printed_whole() {
    let words: Vec<String> = (0..500).map(|n| format!("reason-{n}.")).collect();
    let report = Report::over(vec![Row { reason: words.join(" "), ..row(1, "Ana") }, row(2, "Bob")]);
    shown(&report, &[], |shown| {
        let text = read(&write(shown).unwrap());
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(text.matches("Reason, and who decided").count() > 2 && text.contains("Bob (E2)"), "{text}");
    });
}
