use crate::db::Change as Fed;
use crate::ledger::{Ledger, of_subject};
use crate::people::{self, TOPIC};
use crate::testing::store;
use crate::{Db, args};

use super::*;

fn ledger() -> Ledger {
    Ledger::new(people::projections())
}

async fn dry_run(db: &Db, file: impl AsRef<[u8]>, options: &Options) -> Plan {
    let file = file.as_ref();
    db.read(|conn| async move { plan(&conn, file, options).await }).await.unwrap()
}

async fn import_with(db: &Db, file: &str, options: &Options) -> Result<Plan> {
    let ledger = &ledger();
    import(db, ledger, file.as_bytes(), options, "operator").await
}

async fn imported(db: &Db, file: &str) -> String {
    import_with(db, file, &Options::default()).await.unwrap().to_string()
}

async fn errors(db: &Db, file: impl AsRef<[u8]>) -> Vec<String> {
    dry_run(db, file, &Options::default()).await.errors.iter().map(ToString::to_string).collect()
}

async fn person(db: &Db, text: &str) -> Person {
    db.read(|conn| async move { people::find(&conn, text).await }).await.unwrap()
}

async fn count(db: &Db) -> i64 {
    db.opt("SELECT COUNT(*) AS n FROM person", args![]).await.unwrap().unwrap().get("n").unwrap()
}

const ETHENA: &str = "\u{feff}Email,Name,Manager,Country ISO-3,State,Department,Status,Manager_Email,Worker Type\r\n\
    ana@example.org,Ana Lima,,USA,CA,Sales,Active,,Employee\r\n\
    Ben@Example.org,Ben Okoye,Ana Lima,USA,NY,Sales,active,,Employee\r\n\
    \r\n\
    caz@example.org,\"Caz \"\"C\"\" Ruiz\",,DEU,,\"Care,\nnights\",On Leave,ben@example.org,Contractor\r\n";

#[tokio::test]
async fn the_file_that_an_organisation_already_has_is_read_as_it_is() {
    let (db, _dir) = store().await;
    assert_eq!(
        imported(&db, ETHENA).await,
        "3 added, 0 changed, 0 left, 0 unchanged\n+ Ana Lima (ana@example.org)\n+ Ben Okoye (ben@example.org)\n\
         + Caz \"C\" Ruiz (caz@example.org)\n"
    );
    let (ana, ben, caz) =
        (person(&db, "Ana Lima").await, person(&db, "ben@example.org").await, person(&db, "CAZ@example.org").await);
    assert_eq!((ben.manager.as_ref(), caz.manager.as_ref()), (Some(&ana.id), Some(&ben.id)));
    assert_eq!(caz.department.as_deref(), Some("Care, nights"));
    assert_eq!((caz.status, ana.status), (people::Status::Leave, people::Status::Active));
    assert_eq!(imported(&db, ETHENA).await, "0 added, 0 changed, 0 left, 3 unchanged\n");
}

#[tokio::test]
async fn a_file_changes_only_the_people_and_the_columns_that_are_in_it() {
    let (db, _dir) = store().await;
    imported(
        &db,
        "employee_id;name;email;department;role;timezone;hire_date;locale;slack_id;discord_id\n\
         E1;Ana Lima;ana@example.org;Sales;Lead;europe/lisbon;2026-01-05;pt_PT;U012ABCDE;\n\
         E2;Ben Okoye;ben@example.org;Sales;Agent;;;;;123456789012345678\n",
    )
    .await;
    let before = person(&db, "E1").await;
    assert_eq!((before.timezone.as_str(), before.locale.as_str()), ("Europe/Lisbon", "pt-PT"));
    let told = imported(&db, "Employee ID\tDepartment\tManager Employee ID\tJob title\nE1\tSupport\tE2\t\n").await;
    assert_eq!(
        told,
        "0 added, 1 changed, 0 left, 0 unchanged\n\
         ~ Ana Lima (E1): manager nothing -> Ben Okoye (E2); role Lead -> nothing; department Sales -> Support\n"
    );
    let (after, ben) = (person(&db, "E1").await, person(&db, "E2").await);
    let expected = Person { department: Some("Support".into()), manager: Some(ben.id.clone()), title: None, ..before };
    assert_eq!(after, expected);
    let found = |platform: &'static str, user: &'static str| {
        let db = &db;
        async move {
            let found =
                db.read(|conn| async move { people::by_account(&conn, platform, "T1", user).await }).await.unwrap();
            found.map(|p| p.employee_id)
        }
    };
    assert_eq!(found("slack", "U012ABCDE").await.as_deref(), Some("E1"));
    assert_eq!(found("discord", "123456789012345678").await.as_deref(), Some("E2"));
    assert_eq!(found("slack", "U999ZZZZZ").await, None);
}

#[tokio::test]
async fn what_evidence_calls_others_is_no_employee_id() {
    let (db, _dir) = store().await;
    let plan = dry_run(&db, "employee_id,name\noperator,Ana\nrule/fire,Ben\nE1,Cem\n", &Options::default()).await;
    let told: Vec<String> = plan.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "row 2, column employee_id: 'operator' cannot be an employee id: Stoa calls itself so in evidence; use another id",
            "row 3, column employee_id: 'rule/fire' cannot be an employee id: Stoa calls itself so in evidence; use another id",
        ]
    );
}

#[tokio::test]
async fn every_error_is_told_by_row_and_column_and_nothing_is_imported() {
    let (db, _dir) = store().await;
    let file = "employee_id,Name,E-mail,Time Zone,Hire Date,Status,Manager,slack_id,stoa_roles,Leave from,leave_to,Shoe size\n\
        E1,Ana,ana(at)example.org,Lisbon,05/01/2026,activ,Nobody Here,me,operater,,,38\n\
        \n\
        E1,Ben,ana@example.org,,,,,,,,,\n\
        ,,,,,,,U0ABCDEF1,,,,\n\
        E4,,dora@example.org,,,,E4,,,2026-05-01,2026-04-01,\n\
        E5,Eve,Dora@example.org,,,,,,,,2026-04-01,\n\
        E6,short\n\
        ,,,,,,,,,,,,,,\n";
    let plan = dry_run(&db, file, &Options::default()).await;
    let told: Vec<String> = plan.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "row 2, column E-mail: 'ana(at)example.org' is not an e-mail address",
            "row 2, column Hire Date: '05/01/2026' is not a date like 2026-01-31 (year-month-day)",
            "row 2, column Time Zone: 'Lisbon' is not an IANA time zone like Europe/Lisbon or America/New_York",
            "row 2, column Status: 'activ' is not a status: use active, leave or left",
            "row 2, column slack_id: 'me' is not a Slack member id like U012AB3CD",
            "row 2, column stoa_roles: 'operater' is not a role; did you mean 'operator'?",
            "row 2, column Manager: no person 'Nobody Here' is in the file or known already",
            "row 4, column employee_id: the employee id E1 is also in row 2",
            "row 5: it has neither an employee id nor an e-mail address",
            "row 6, column Name: the name is missing",
            "row 6, column leave_to: the leave ends on 2026-04-01, before it begins on 2026-05-01",
            "row 6, column Manager: nobody can be their own manager",
            "row 7, column leave_to: the leave has an end but no beginning",
            "row 7, column E-mail: dora@example.org is also the address of  (employee id E4), in row 6",
            "row 8: it has 2 cells where the header has 12: a separator or a quotation mark is missing or too many",
        ]
    );
    assert_eq!(plan.warnings.len(), 1);
    assert_eq!(plan.warnings[0].to_string(), "the column 'Shoe size' is not known and is ignored");
    let refused = import_with(&db, file, &Options::default()).await.unwrap_err().to_string();
    assert!(refused.starts_with("nothing was imported: row 2, column E-mail: "), "{refused}");
    assert!(refused.ends_with("(14 more errors, see --dry-run)"), "{refused}");
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_what_to_do() {
    let (db, _dir) = store().await;
    for (file, told) in [
        (&b""[..], "the file is empty: its first row should name the columns, for example employee_id,name,email"),
        (b"\n\n  \n", "the file is empty: its first row should name the columns, for example employee_id,name,email"),
        (
            b"employee_id,name\nE1,Ana\nE2,Zo\xeb\n",
            "the file is not UTF-8 text (line 3); it looks like Windows-1252, as older spreadsheets write it: save it as 'CSV UTF-8' and import it again",
        ),
        (b"\xff\xfee\x00", "the file is UTF-16 text: save it as 'CSV UTF-8' and import it again"),
        (
            b"PK\x03\x04....",
            "the file is a spreadsheet or an archive, not CSV: save it as 'CSV UTF-8' and import it again",
        ),
        (b"Name,Dept\nAna,Sales\n", "the file needs a column employee_id or email; its first row has: Name, Dept"),
        (b"Email,Name,Mail\n", "row 1, column Mail: the columns 'Email' and 'Mail' both mean email: remove one"),
        (
            b"employee_id,name\nE0,\"A \"\"B\"\"\"\nE1,\"Ana\nE2,Ben\n",
            "the quotation mark that opens a cell in line 3 is never closed: close or remove it",
        ),
    ] {
        assert_eq!(errors(&db, file).await, [told]);
    }
    assert!(
        errors(&db, "employee_id,name\nE1,5\"\" pipe\nE2,7\" pipe\n").await.is_empty(),
        "marks inside a cell are text"
    );
}

#[tokio::test]
async fn rows_are_counted_as_the_spreadsheet_counts_them() {
    let (db, _dir) = store().await;
    for eol in ["\n", "\r\n"] {
        let file = format!(
            "employee_id,name,status{eol}E1,\"Ana{eol}Lima\",?{eol}{eol}{eol}E2,Ben,?{eol},,{eol}E3,\"C{eol}{eol}z\",active{eol}E4,Dora,?"
        );
        let rows: Vec<_> = dry_run(&db, file, &Options::default()).await.errors.iter().filter_map(|p| p.row).collect();
        assert_eq!(rows, [2, 5, 8], "{eol:?}");
    }
}

#[tokio::test]
async fn a_full_file_marks_the_absent_as_left_but_not_half_the_organisation() {
    let (db, _dir) = store().await;
    let row = |n: usize| format!("E{n:02},Person {n}\n");
    let file = |people: std::ops::Range<usize>| format!("employee_id,name\n{}", people.map(row).collect::<String>());
    imported(&db, &file(0..20)).await;
    let full = Options { full: true, ..Options::default() };
    let refused = import_with(&db, &file(0..17), &full).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "--full would mark 3 of 20 people as left, which is more than one in ten: check that the file has everybody, and add --yes if it has"
    );
    assert_eq!(dry_run(&db, file(0..17), &full).await.left.len(), 3, "a dry run shows whom");
    let told = import_with(&db, &file(0..18), &full).await.unwrap().to_string();
    assert!(
        told.starts_with("0 added, 0 changed, 2 left, 18 unchanged\n- Person 18 (E18): status active -> left\n"),
        "{told}"
    );
    let agreed = Options { yes: true, ..full.clone() };
    assert_eq!(import_with(&db, &file(0..2), &agreed).await.unwrap().left.len(), 16);
    assert_eq!(count(&db).await, 20, "nobody is deleted");
    assert!(import_with(&db, &file(0..2), &full).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_comes_back_is_the_same_person_without_the_old_powers() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name,email,stoa_roles\nE1,Ana,ana@example.org,learning; auditor\n").await;
    let ana = person(&db, "E1").await;
    let (ana, ledger) = (&ana, &ledger());
    db.write(|tx| async move { people::grant(&tx, ledger, ana, Role::Operator, "operator", "on call").await })
        .await
        .unwrap();
    let told = imported(&db, "employee_id,status\nE1,terminated\n").await;
    assert_eq!(
        told,
        "0 added, 0 changed, 1 left, 0 unchanged\n- Ana (E1): status active -> left; stoa_roles learning, auditor, operator -> nothing\n"
    );
    let told = imported(&db, "employee_id,status,department\nE1,active,Care\n").await;
    assert_eq!(
        told,
        "0 added, 1 changed, 0 left, 0 unchanged\n~ Ana (E1): department nothing -> Care; status left -> active\n"
    );
    let back = person(&db, "ana@example.org").await;
    assert_eq!(back.id, ana.id);
    let roles = db.read(|conn| async move { people::roles_of(&conn, ana).await }).await.unwrap();
    assert_eq!(roles, [Role::Employee].into());
    let subject = &format!("role/{}", ana.id);
    let trail = db.read(|conn| async move { of_subject(&conn, subject).await }).await.unwrap();
    let trail: Vec<String> =
        trail.iter().map(|r| format!("{} {} {}: {}", r.kind, r.data["role"], r.actor, r.reason)).collect();
    assert_eq!(
        trail,
        [
            "granted \"learning\" operator: the roster says so",
            "granted \"auditor\" operator: the roster says so",
            "granted \"operator\" operator: on call",
            "revoked \"auditor\" operator: left the organisation",
            "revoked \"learning\" operator: left the organisation",
            "revoked \"operator\" operator: left the organisation",
        ]
    );
}

#[tokio::test]
async fn the_roster_grants_and_withdraws_its_own_roles_and_leaves_the_others_alone() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name,stoa_roles\nE1,Ana,expert|manager\n").await;
    let ana = &person(&db, "E1").await;
    let ledger = &ledger();
    db.write(|tx| async move { people::grant(&tx, ledger, ana, Role::Approver, "operator", "asked for").await })
        .await
        .unwrap();
    let told = imported(&db, "employee_id,stoa_roles\nE1,learning\n").await;
    assert!(told.contains("~ Ana (E1): stoa_roles expert, approver -> learning, approver"), "{told}");
    let granted = db.read(|conn| async move { people::granted_to(&conn, &ana.id).await }).await.unwrap();
    assert_eq!(granted, [(Role::Approver, "command".into()), (Role::Learning, "roster".into())]);
    // The table follows from the ledger alone.
    let rows = || async {
        format!("{:?}", db.read(|conn| async move { people::granted_to(&conn, &ana.id).await }).await.unwrap())
    };
    let before = rows().await;
    assert_eq!(ledger.rebuild(&db).await.unwrap(), 4);
    assert_eq!(rows().await, before);
}

#[tokio::test]
async fn circles_of_managers_are_refused_with_the_rows_that_make_them() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name,manager_employee_id\nE1,Ana,\nE2,Ben,E1\nE3,Caz,E2\n").await;
    let circle = "employee_id,manager_employee_id\nE1,E3\n";
    assert_eq!(
        errors(&db, circle).await,
        [
            "row 2, column manager_employee_id: the managers form a circle (rows 2): Ana reports to Caz reports to Ben reports to Ana"
        ]
    );
    let two = "employee_id,name,manager_employee_id\nA,Al,B\nB,Bo,A\nC,Cy,A\nD,Di,D\n";
    assert_eq!(
        errors(&db, two).await,
        [
            "row 2, column manager_employee_id: the managers form a circle (rows 2, 3): Al reports to Bo reports to Al",
            "row 5, column manager_employee_id: nobody can be their own manager",
        ]
    );
    // Turned around in one file it is no circle.
    assert!(errors(&db, "employee_id,manager_employee_id\nE1,E3\nE3,\n").await.is_empty());
}

#[tokio::test]
async fn who_has_two_managers_in_a_file_is_named_with_what_to_write_instead() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name,email\nE1,Ana,ana@example.org\nE2,Ben,ben@example.org\n").await;
    for (header, cell) in [
        ("manager_employee_id", "E1; E2"),
        ("manager_email", "ana@example.org / ben@example.org"),
        ("manager", "\"Ana, E2\""),
    ] {
        let said = errors(&db, &format!("employee_id,name,{header}\nE5,Pat,{cell}\n")).await;
        let cell = cell.trim_matches('"');
        assert_eq!(
            said,
            [format!(
                "row 2, column {header}: '{cell}' names 2 managers: write the one who hears of this person's training"
            )]
        );
    }
    let said = errors(&db, "employee_id,name,manager_employee_id\nE5,Pat,E1;E77\n").await;
    assert_eq!(said, ["row 2, column manager_employee_id: no employee id 'E1;E77' is in the file or known already"]);
    let said = errors(&db, "employee_id,name,manager_employee_id\nE5,Pat,E1\nE5,Pat,E2\n").await;
    assert!(
        said.len() == 1 && said[0].starts_with("row 3, column employee_id:") && said[0].contains("row 2"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_manager_whose_name_two_people_have_must_be_named_otherwise() {
    let (db, _dir) = store().await;
    imported(
        &db,
        "employee_id,name,status\nE1,Kim Lee,active\nE2,Kim Lee,active\nE3,Sam Ray,left\nE4,Sam Ray,active\n",
    )
    .await;
    assert_eq!(
        errors(&db, "employee_id,name,manager\nE5,Pat,kim lee\n").await,
        [
            "row 2, column manager: 2 people are called 'kim lee' (employee ids E1, E2): name the manager by employee id or e-mail address"
        ]
    );
    for (by, expected) in [("E2", "E2"), ("Sam  Ray", "E4")] {
        imported(&db, &format!("employee_id,name,manager\nE5,Pat,{by}\n")).await;
        let (pat, manager) = (person(&db, "E5").await, person(&db, expected).await);
        assert_eq!(pat.manager, Some(manager.id), "{by}");
    }
}

#[tokio::test]
async fn who_was_known_by_address_keeps_their_history_when_the_real_id_comes() {
    let (db, _dir) = store().await;
    imported(&db, "email,name\nana@example.org,Ana\n").await;
    let before = person(&db, "Ana").await;
    assert_eq!(before.employee_id, "ana@example.org");
    let told = imported(&db, "employee_id,email\nE1,ANA@example.org\n").await;
    assert!(told.contains("~ Ana (E1): employee_id ana@example.org -> E1"), "{told}");
    imported(&db, "employee_id,email\nE1,ana.lima@example.org\n").await;
    let after = person(&db, "ana.lima@example.org").await;
    assert_eq!((after.id, after.employee_id.as_str()), (before.id, "E1"));
    // Somebody else with a real id of their own is never taken over by an address.
    assert_eq!(
        errors(&db, "employee_id,name,email\nE9,Eve,ana.lima@example.org\n").await,
        [
            "row 2, column email: ana.lima@example.org is also the address of Ana (employee id E1), who is not in the file"
        ]
    );
    // Two people may trade addresses in one file.
    imported(&db, "employee_id,name,email\nE2,Ben,ben@example.org\n").await;
    imported(&db, "employee_id,email\nE1,ben@example.org\nE2,ana.lima@example.org\n").await;
    assert_eq!(person(&db, "ben@example.org").await.employee_id, "E1");
}

#[tokio::test]
async fn zones_come_from_the_row_else_the_location_else_the_organisation() {
    let (db, _dir) = store().await;
    let zones: BTreeMap<String, String> = [("Lisbon".to_owned(), "Europe/Lisbon".to_owned())].into();
    let options = Options { timezone: "America/New_York".into(), location_zones: zones.clone(), ..Options::default() };
    import_with(
        &db,
        "employee_id,name,location,timezone\nE1,A,lisbon,\nE2,B,Lisbon,Asia/Tokyo\nE3,C,Mars,\n",
        &options,
    )
    .await
    .unwrap();
    for (id, zone) in [("E1", "Europe/Lisbon"), ("E2", "Asia/Tokyo"), ("E3", "America/New_York")] {
        assert_eq!(person(&db, id).await.timezone, zone, "{id}");
    }
    let zones = &BTreeMap::from([("Mars".to_owned(), "UTC".to_owned())]);
    let moved = people::refresh_zones(&db, zones, "Europe/Berlin").await.unwrap();
    assert_eq!(moved, 2);
    for (id, zone) in [("E1", "Europe/Berlin"), ("E2", "Asia/Tokyo"), ("E3", "UTC")] {
        assert_eq!(person(&db, id).await.timezone, zone, "{id}");
    }
}

#[tokio::test]
async fn every_change_is_announced_and_an_old_plan_is_refused() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name\nE1,Ana\nE2,Ben\n").await;
    let (ana, position) = (person(&db, "E1").await, db.committed_position().await.unwrap());
    let file = "employee_id,name,slack_id\nE1,Ana Lima,U012ABCDE\nE2,Ben,\n";
    let old = &dry_run(&db, file, &Options::default()).await;
    imported(&db, file).await;
    let mut fed = db.changes(position, 100).await.unwrap();
    // The record of the linked account is announced as a record.
    fed.retain(|Fed { topic, .. }| topic != "ledger");
    assert!(!fed.is_empty() && fed.iter().all(|Fed { topic, key, .. }| topic == TOPIC && *key == ana.id), "{fed:?}");
    let ledger = &ledger();
    let refused = db
        .write(|tx| async move { super::apply::write_all(&tx, ledger, old, "operator").await })
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(refused, "Ana Lima was changed by somebody else meanwhile: import the file again");
}

#[tokio::test]
async fn names_are_shown_harmlessly_and_lengths_have_limits() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name\nE1,\"\u{202e}Ana\u{0}\t Lima\u{2069}\"\n").await;
    assert_eq!(person(&db, "E1").await.name, "Ana Lima");
    let long = format!("employee_id,name\nE2,{}\n", "x".repeat(201));
    assert_eq!(
        errors(&db, long).await,
        ["row 2, column name: it has more than 200 characters", "row 2, column name: somebody new needs a name"]
    );
}

#[tokio::test]
async fn an_account_belongs_to_one_person() {
    let (db, _dir) = store().await;
    imported(&db, "employee_id,name,slack_id\nE1,Ana,U012ABCDE\n").await;
    assert_eq!(
        errors(&db, "employee_id,name,slack_id\nE2,Ben,U012ABCDE\nE3,Caz,u0000zzz1\nE4,Dora,U0000ZZZ1\n").await,
        [
            "row 2, column slack_id: the slack account U012ABCDE belongs to Ana: unlink it there first, or say previous_employee_id E1 if it is the same person",
            "row 4, column slack_id: the slack account U0000ZZZ1 is also in row 3",
        ]
    );
    let rounded = errors(&db, "employee_id,name,discord_id\nE2,Ben,1.23457E+17\n").await;
    assert_eq!(
        rounded,
        [
            "row 2, column discord_id: '1.23457E+17' is neither a Discord user id (15 to 20 digits) nor a user name like @ana.lima: the spreadsheet has rounded it; format the column as text"
        ]
    );
}

#[tokio::test]
async fn a_large_organisation_is_imported_at_once() {
    let (db, _dir) = store().await;
    let people: usize = std::env::var("STOA_TEST_PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let mut file = String::from(
        "employee_id,name,email,department,country,state,manager_employee_id,timezone,hire_date,role,location,worker_type\n",
    );
    for n in 0..people {
        let manager = if n == 0 { String::new() } else { format!("E{}", (n - 1) / 8) };
        file += &format!(
            "E{n},Person {n},p{n}@example.org,Dept {},US,CA,{manager},Europe/Lisbon,2026-01-05,Agent,Lisbon,employee\n",
            n % 40
        );
    }
    let started = crate::clock::monotonic();
    let planned = dry_run(&db, &file, &Options::default()).await;
    let planning = started.elapsed();
    assert_eq!((planned.added.len(), planned.errors.len()), (people, 0));
    imported(&db, &file).await;
    let first = started.elapsed() - planning;
    assert_eq!(dry_run(&db, &file, &Options::default()).await.unchanged, people);
    println!("{people} people: planned in {planning:?}, imported in {first:?}");
    let root = &person(&db, "E0").await;
    let below = db.read(|conn| async move { people::tree_of(&conn, &root.id).await }).await.unwrap();
    assert_eq!(below.len(), people - 1);
}

#[tokio::test]
async fn a_file_of_nothing_but_errors_is_not_read_to_its_end() {
    let (db, _dir) = store().await;
    let told = errors(&db, format!("employee_id,name\n{}", "E1,Ana,\u{1}x\n".repeat(30_000))).await;
    assert_eq!(told.len(), MAX_ERRORS + 1);
    assert_eq!(told[MAX_ERRORS], "the file has 10000 errors or more; the rest was not read");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_file_makes_the_import_stumble(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        text in "(employee_id|email)[,;\t](name|manager|status|hire_date|leave_to|stoa_roles|timezone|locale)\n([a-cE@.0-9\"; ,\r\n-]{0,60})",
    ) {
        let mut id = || "id".to_owned();
        for file in [bytes.as_slice(), text.as_bytes()] {
            let plan = people_plan(file, &mut id);
            proptest::prop_assert!(!plan.to_string().is_empty());
        }
    }
}

fn people_plan(file: &[u8], id: &mut dyn FnMut() -> String) -> Plan {
    super::people::plan(&super::people::Known::default(), file, &Options { full: true, ..Options::default() }, id)
}

/// A file of `n` people.
fn many(n: usize, department: &str) -> String {
    let mut file = String::from("employee_id,name,email,department,stoa_roles\n");
    for i in 0..n {
        let role = if i % 50 == 0 { "learning" } else { "" };
        file.push_str(&format!("M{i},Person {i},p{i}@example.org,{department},{role}\n"));
    }
    file
}

#[tokio::test]
async fn a_large_file_is_written_in_parts_and_as_a_whole() {
    let (db, _dir) = store().await;
    let plan = import_with(&db, &many(130, "Care"), &Options::default()).await.unwrap();
    assert_eq!((plan.added.len(), count(&db).await), (130, 130));
    let plan = import_with(&db, &many(130, "Sales"), &Options::default()).await.unwrap();
    assert_eq!((plan.added.len(), plan.changed.len()), (0, 130));
    assert_eq!(person(&db, "M129").await.department.as_deref(), Some("Sales"));
    let roles = db.opt("SELECT COUNT(*) AS n FROM role_grant", args![]).await.unwrap().unwrap();
    assert_eq!(roles.get::<i64>("n").unwrap(), 3);
    let left = db.opt("SELECT COUNT(*) AS n FROM roster_step", args![]).await.unwrap().unwrap();
    assert_eq!(left.get::<i64>("n").unwrap(), 0);
}

#[tokio::test]
async fn an_import_that_was_decided_on_goes_on_after_a_crash_and_one_that_was_not_never_happened() {
    let (db, _dir) = store().await;
    let file = many(60, "Care");
    let plan = dry_run(&db, &file, &Options::default()).await;
    let entries: Vec<&Entry> = plan.added.iter().collect();
    staged::stage_for_test(&db, "first", &entries, false).await;
    staged::resume(&db, &ledger()).await.unwrap();
    assert_eq!(count(&db).await, 0, "staged is not decided");
    staged::stage_for_test(&db, "second", &entries, true).await;
    // A part was carried out before the crash.
    db.write(|tx| async move {
        let sql = "SELECT body FROM roster_step WHERE import = 'second' AND ordinal = 0";
        let entry = Entry::from_staged(&tx.one(sql, args![]).await?.get::<String>("body")?)?;
        people::store::insert(&tx, &entry.person, None).await?;
        tx.exec("DELETE FROM roster_step WHERE import = 'second' AND ordinal = 0", args![]).await
    })
    .await
    .unwrap();
    staged::resume(&db, &ledger()).await.unwrap();
    assert_eq!(count(&db).await, 60);
    staged::resume(&db, &ledger()).await.unwrap();
    assert_eq!(count(&db).await, 60);
}
