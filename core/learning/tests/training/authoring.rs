//! A new requirement from its first words in chat to everybody's assignment, by two people.

use super::*;

async fn office() -> (World, Person) {
    let w = world().await;
    let lena = w.s.hire("Lena", |_| {}).await;
    let ida = w.s.hire("Ida", |_| {}).await;
    w.grant(&lena, Role::Learning).await;
    // Who writes it has the role as well, and yet does not approve it.
    w.grant(&lena, Role::Approver).await;
    w.grant(&ida, Role::Approver).await;
    (w, ida)
}

const FORM: [(&str, &str); 5] = [
    ("course", "fire"),
    ("title", "Fire safety 2027"),
    ("audience", "department = \"Port\" and not worker_type = \"contractor\""),
    ("due", "14 days"),
    ("steps", "tight"),
];

async fn draft(w: &World) -> String {
    let row = w.s.db.opt("SELECT id FROM training_request ORDER BY created DESC, id DESC", args![]).await.unwrap();
    row.unwrap().get("id").unwrap()
}

#[tokio::test]
async fn a_new_requirement_is_written_approved_by_a_second_person_and_assigned() {
    let (w, ida) = office().await;
    for n in 0..7 {
        w.s.hire(&format!("Port {n}"), |p| p.department = Some("Port".into())).await;
    }
    w.s.hire("Con", |p| {
        p.department = Some("Port".into());
        p.worker_type = Some("contractor".into());
    })
    .await;
    // Step 1: the form. Step 2: what it would do. Step 3: asking, with a reason. Step 4: a second person.
    let preview = w.s.fills("Lena", "training new", &FORM).await;
    let id = draft(&w).await;
    let toml = w.press("Lena", &format!("training toml {id}")).await;
    let proposed =
        w.s.fills("Lena", &format!("training propose {id}"), &[("reason", "The new port rules ask for it")]).await;
    let asked = w.s.news("Ida");
    let nobody = w.s.to("Port 0").len();
    let approved = w.press("Ida", &format!("training approve {id}")).await;
    let told = w.s.news("Lena");
    let status = w.press("Lena", "training missing fire").await;
    let assigned = w.s.news("Port 0");
    let assigned = assigned.lines().find(|l| l.starts_with("New for you")).unwrap().to_owned();
    let all = [preview, toml, proposed, asked, approved, told, status, assigned].join("\n===\n").replace(&id, "DRAFT");
    insta::assert_snapshot!(all);
    assert_eq!(nobody, 0, "nobody hears of a draft");
    let count = w.s.db.opt("SELECT COUNT(*) AS n FROM assignment", args![]).await.unwrap().unwrap();
    assert_eq!(count.get::<i64>("n").unwrap(), 7);
    assert_eq!(w.steps(&id).await, "drafted requested approved applied");
    let records = w.s.db.read(|c| async move { stoa_ground::ledger::of_subject(&c, "requirement/fire").await });
    let records = records.await.unwrap();
    assert_eq!(records[0].actor, format!("person/{}", ida.id));
    assert_eq!(records[0].reason, "Lena asked: The new port rules ask for it; approved by Ida");
    // A second press changes nothing.
    w.press("Ida", &format!("training approve {id}")).await;
    assert_eq!(w.steps(&id).await, "drafted requested approved applied");
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);
}

#[tokio::test]
async fn how_it_renews_is_one_form_more_and_the_preview_says_it_in_words() {
    let (w, _) = office().await;
    w.s.hire("Pat", |p| p.department = Some("Port".into())).await;
    let mut yearly = FORM;
    yearly[3] = ("due", "14 days, every 12 months");
    let usual = w.s.fills("Lena", "training new", &yearly).await;
    let id = draft(&w).await;
    let renew = format!("training renew {id}");
    let form = ["window", "grace", "expiry", "prior", "version"];
    let mut wrong = Vec::new();
    for values in [["366", "0", "yes", "no", "yes"], ["0", "400", "perhaps", "no", "yes"]] {
        let values = form.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect();
        let event = stoa_flow::chat::Event::Submit { command: format!("training draft renewal {id}"), values };
        let stoa_flow::chat::Opened::Errors(errors) = w.s.event("Lena", direct("Lena"), event).await else { panic!() };
        wrong.extend(errors.into_iter().map(|e| format!("{}: {}", e.field, e.why)));
    }
    let chosen: Vec<(&str, &str)> = form.into_iter().zip(["60", "10", "yes", "no", "yes"]).collect();
    let chosen = w.s.fills("Lena", &renew, &chosen).await;
    let toml = w.press("Lena", &format!("training toml {id}")).await;
    let asked = w.s.fills("Lena", &format!("training propose {id}"), &[("reason", "Each year")]).await;
    let approved = w.press("Ida", &format!("training approve {id}")).await;
    let all = [usual, wrong.join("\n"), chosen, toml, asked, approved].join("\n===\n").replace(&id, "DRAFT");
    insta::assert_snapshot!(all);
    // Writing on keeps it; what holds for good has nothing to renew.
    w.s.fills("Lena", "training change fire", &yearly).await;
    let change = draft(&w).await;
    let kept = w.press("Lena", &format!("training toml {change}")).await;
    assert!(kept.contains("window_days = 60, grace_days = 10, renews_from = \"expiry\""), "{kept}");
    let once = w.s.fills("Lena", &format!("training edit {change}"), &FORM).await;
    assert!(!once.contains("training renew"), "{once}");
    let said = w.press("Lena", &format!("training renew {change}")).await;
    assert!(said.contains("holds for good"), "{said}");
}

#[tokio::test]
async fn what_is_sent_back_is_written_anew_and_changes_and_ends_go_the_same_way() {
    let (w, _) = office().await;
    let pat = w.s.hire("Pat", |p| p.department = Some("Port".into())).await;
    w.s.fills("Lena", "training new", &FORM).await;
    let id = draft(&w).await;
    w.s.fills("Lena", &format!("training propose {id}"), &[("reason", "The new port rules")]).await;
    w.s.fills("Ida", &format!("training decline {id}"), &[("reason", "Two weeks are too short")]).await;
    let told = w.s.news("Lena");
    assert!(told.contains("Ida has sent back the new requirement **Fire safety 2027**"), "{told}");
    assert!(told.contains(&format!("[Edit: training edit {id}]")), "{told}");
    w.s.until("2026-11-23T13:00:00Z").await;
    let mut longer = FORM;
    longer[3] = ("due", "30 days");
    w.s.fills("Lena", &format!("training edit {id}"), &longer).await;
    w.s.fills("Lena", &format!("training propose {id}"), &[("reason", "The new port rules, with a month")]).await;
    let asked = w.s.news("Ida");
    assert!(asked.contains("Ida sent it back today: Two weeks are too short"), "{asked}");
    w.press("Ida", &format!("training approve {id}")).await;
    assert_eq!(w.steps(&id).await, "drafted requested declined drafted requested approved applied");
    assert_eq!(w.one(&pat).await.due.date.to_string(), "2026-12-23");

    // A change.
    w.s.until("2026-11-24T10:00:00Z").await;
    let list = w.s.says("Lena", "training requirements").await;
    assert!(list.contains("[Change: training change fire]") && list.contains("[End it: training stop fire]"), "{list}");
    let mut wider = longer;
    wider[2] = ("audience", "everyone");
    let preview = w.s.fills("Lena", "training change fire", &wider).await;
    assert!(preview.contains("It means **3 people**.") && preview.contains("One has it already"), "{preview}");
    let change = draft(&w).await;
    w.s.fills("Lena", &format!("training propose {change}"), &[("reason", "For everybody")]).await;
    assert!(w.s.news("Ida").contains("asks for a change of the requirement"));
    w.press("Ida", &format!("training approve {change}")).await;
    assert_eq!(w.s.db.all("SELECT id FROM assignment", args![]).await.unwrap().len(), 3);

    // The end.
    w.s.until("2026-11-25T10:00:00Z").await;
    let said = w.s.fills("Lena", "training stop fire", &[("reason", "The rules are gone")]).await;
    assert!(said.contains("It counts no more") && said.contains("For 3 it ends"), "{said}");
    let end = draft(&w).await;
    w.press("Ida", &format!("training approve {end}")).await;
    assert_eq!(w.one(&pat).await.state.name(), "retired");
    assert!(w.s.says("Lena", "training requirements").await.contains("counts no more"));
}

#[tokio::test]
async fn only_the_learning_team_writes_nobody_approves_their_own_and_mistakes_are_said_in_a_sentence() {
    let (w, ida) = office().await;
    w.s.hire("Eve", |_| {}).await;
    let said = w.s.says("Eve", "training new").await;
    assert!(said.contains("learning team"), "{said}");
    let said = w.press("Eve", "training missing fire").await;
    assert!(said.contains("Only the learning team, approvers and auditors"), "{said}");
    let form = w.s.event(
        "Eve",
        direct("Eve"),
        stoa_flow::chat::Event::Action { command: "training new".into(), message: None },
    );
    assert!(!matches!(form.await, stoa_flow::chat::Opened::Form(_)));

    let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let wrong = [("course", "water"), ("audience", "planet = \"Mars\""), ("due", "soon"), ("steps", "never")];
    let event = stoa_flow::chat::Event::Submit { command: "training draft new".into(), values: values(&wrong) };
    let stoa_flow::chat::Opened::Errors(errors) = w.s.event("Lena", direct("Lena"), event).await else { panic!() };
    let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["course", "audience", "due", "steps"]);

    w.s.fills("Lena", "training new", &FORM).await;
    let id = draft(&w).await;
    // Without another approver it waits; its author cannot approve it.
    w.revoke(&ida, Role::Approver).await;
    let said = w.s.fills("Lena", &format!("training propose {id}"), &[("reason", "The new port rules")]).await;
    assert!(said.contains("Nobody with the role approver can be asked just now"), "{said}");
    let said = w.press("Lena", &format!("training approve {id}")).await;
    assert!(said.contains("does not wait for you"), "{said}");
    w.grant(&ida, Role::Approver).await;
    assert!(w.s.news("Ida").contains("asks for the new requirement"));
    let said = w.press("Eve", &format!("training approve {id}")).await;
    assert!(said.contains("I cannot find this request"), "{said}");
    assert!(w.press("Lena", &format!("training withdraw {id}")).await.contains("Taken back"));
    let said = w.press("Ida", &format!("training approve {id}")).await;
    assert!(said.contains("How it stands: Taken back"), "{said}");
    assert!(w.s.db.all("SELECT id FROM requirement", args![]).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_operators_file_can_wait_for_an_approver_as_well() {
    let (w, _) = office().await;
    let planned =
        training::propose(&w.s.db, &w.services, "fire.toml", REQUIREMENT, "The board wants it").await.unwrap();
    assert_eq!((planned[0].change, planned[0].means), ("new", 2));
    let refused = training::propose(&w.s.db, &w.services, "fire.toml", REQUIREMENT, " ").await.unwrap_err();
    assert!(refused.to_string().contains("--reason"), "{refused}");
    w.s.flow.settle().await.unwrap();
    let row = w.requests().await.remove(0);
    let who = if w.s.news("Ida").contains("**Your operator** asks for the new requirement") { "Ida" } else { "Lena" };
    w.press(who, &format!("training approve {}", row.id)).await;
    assert_eq!(w.s.db.all("SELECT id FROM assignment", args![]).await.unwrap().len(), 2);
}

/// Somebody of the learning team writes a draft, and asks.
async fn asks(w: &World, who: &str, command: &str, form: &[(&str, &str)]) -> String {
    w.s.fills(who, command, form).await;
    let id = draft(w).await;
    w.s.fills(who, &format!("training propose {id}"), &[("reason", "The new port rules ask for it")]).await;
    id
}

#[tokio::test]
async fn two_drafts_of_one_course_become_two_requirements() {
    let (w, _) = office().await;
    let first = asks(&w, "Lena", "training new", &FORM).await;
    w.s.until("2026-11-23T10:00:00Z").await;
    let mut other = FORM;
    other[1] = ("title", "Fire safety at sea");
    let second = asks(&w, "Lena", "training new", &other).await;
    for id in [first, second] {
        w.press("Ida", &format!("training approve {id}")).await;
    }
    let rows = w.s.db.all("SELECT id || ': ' || title AS t FROM requirement ORDER BY id", args![]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|r| r.get("t").unwrap()).collect();
    assert_eq!(rows, ["fire: Fire safety 2027", "fire-2: Fire safety at sea"]);
}

#[tokio::test]
async fn what_was_approved_meanwhile_is_not_undone() {
    let (w, _) = office().await;
    let lars = w.s.hire("Lars", |_| {}).await;
    w.grant(&lars, Role::Learning).await;
    let id = asks(&w, "Lena", "training new", &FORM).await;
    w.press("Ida", &format!("training approve {id}")).await;
    w.s.until("2026-11-23T10:00:00Z").await;
    // Both begin with what counts now.
    let (mut longer, mut wider) = (FORM, FORM);
    longer[3] = ("due", "30 days");
    wider[2] = ("audience", "everyone");
    w.s.fills("Lars", "training change fire", &wider).await;
    let draft_of_lars = draft(&w).await;
    w.s.until("2026-11-23T10:05:00Z").await;
    let change = asks(&w, "Lena", "training change fire", &longer).await;
    w.s.until("2026-11-23T10:10:00Z").await;
    w.s.fills("Lena", "training change fire", &wider).await;
    let late = draft(&w).await;
    w.s.fills("Lena", &format!("training propose {late}"), &[("reason", "For all")]).await;
    w.press("Ida", &format!("training approve {change}")).await;
    w.s.news("Lena");

    // Not asked yet: it begins anew. Asked already: it goes back.
    let said = w.s.fills("Lars", &format!("training propose {draft_of_lars}"), &[("reason", "For all")]).await;
    let refused = w.press("Ida", &format!("training approve {late}")).await;
    w.s.until("2026-11-23T13:00:00Z").await;
    let told = w.s.news("Lena");
    let talk = [said, refused, told].join("\n===\n").replace(&late, "DRAFT");
    insta::assert_snapshot!(talk);
    let due = "SELECT definition FROM requirement WHERE id = 'fire'";
    let row = w.s.db.opt(due, args![]).await.unwrap().unwrap();
    assert!(row.get::<String>("definition").unwrap().contains("{\"after_assigned\":30}"), "Lena's change stands");
    // Looked at once more, it is asked again and counts.
    let mut both = wider;
    both[3] = ("due", "30 days");
    w.s.fills("Lena", &format!("training edit {late}"), &both).await;
    w.s.fills("Lena", &format!("training propose {late}"), &[("reason", "For all, in 30 days")]).await;
    let said = w.press("Ida", &format!("training approve {late}")).await;
    assert!(said.contains("Approved"), "{said}");
    assert_eq!(w.steps(&late).await, "drafted requested declined drafted requested approved applied");
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);
}

#[tokio::test]
async fn who_is_missing_is_counted_like_the_teams_status() {
    let (w, _) = office().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |_| {}).await;
    let cy = w.s.hire("Cy", |_| {}).await;
    let dee = w.s.hire("Dee", |_| {}).await;
    let among = "audience = 'department = \"Port\"'\n";
    let text = REQUIREMENT.replace("audience = \"everyone\"\n", among) + "recertify = { every = \"12 months\" }\n";
    for person in [&ana, &ben, &cy, &dee] {
        w.change("UPDATE person SET department = $2 WHERE id = $1", person, Some("Port")).await;
    }
    w.apply(&text).await;
    // Ana only renews, Ben is too late for that, Cy is on leave, Dee has not done it and does not need it.
    for person in [&ana, &ben] {
        training::take(&w.s.db, &w.services, &person.id, None, 1.0).await.unwrap();
    }
    w.s.flow.settle().await.unwrap();
    training::exempt(&w.s.db, &w.services, "E-Dee", "fire-safety", None, "operator", "she wrote it").await.unwrap();
    w.s.until("2026-12-20T12:00:00Z").await;
    w.change("UPDATE person SET status = $2 WHERE id = $1", &cy, Some("leave")).await;
    w.s.until("2027-11-01T12:00:00Z").await;
    let missing = w.s.says("Lena", "training missing fire-safety").await;
    let status = w.s.says("Lena", "training status").await;
    let counts = |text: &str| text.lines().find(|l| l.contains("done,")).unwrap().trim_start_matches("- ").to_owned();
    assert_eq!(counts(&missing), counts(&status));
    w.s.until("2027-11-24T12:00:00Z").await;
    let later = w.s.says("Lena", "training missing fire-safety").await;
    let which = w.s.says("Lena", "training missing").await;
    // Before it stands what had waited to be told.
    let missing = missing.rsplit("\n---\n").next().unwrap_or_default().to_owned();
    insta::assert_snapshot!([missing, later, which].join("\n===\n"));
}

#[tokio::test]
async fn a_change_keeps_the_course_once_somebody_has_it() {
    let (w, _) = office().await;
    write_course(w.courses.path(), &COURSE.replace("\"fire\"", "\"water\""));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let id = asks(&w, "Lena", "training new", &FORM).await;
    w.press("Ida", &format!("training approve {id}")).await;
    w.s.until("2026-11-23T10:00:00Z").await;
    // Nobody is in the port yet.
    let mut other = FORM;
    other[0] = ("course", "water");
    let change = asks(&w, "Lena", "training change fire", &other).await;
    w.s.hire("Pat", |p| p.department = Some("Port".into())).await;
    w.s.flow.settle().await.unwrap();
    let shown = w.press("Ida", &format!("training decide {change}")).await;
    let said = w.press("Ida", &format!("training approve {change}")).await;
    assert!(said.contains("went back to Lena"), "{said}\n{shown}");
    let course = w.s.db.opt("SELECT course FROM requirement WHERE id = 'fire'", args![]).await.unwrap().unwrap();
    assert_eq!(course.get::<String>("course").unwrap(), "fire");
    let values = other.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let event = stoa_flow::chat::Event::Submit { command: "training draft of fire".into(), values };
    let stoa_flow::chat::Opened::Errors(errors) = w.s.event("Lena", direct("Lena"), event).await else { panic!() };
    let said: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.why.as_str())).collect();
    let kept = "What people did for this is evidence of the course that it has. For another course, write a new \
                requirement and end this one.";
    assert_eq!(said, [("course", kept)]);
}
