//! What people ask for, and how somebody decides about it in time.

use stoa_flow::chat::Event;
use stoa_ground::ledger;

use super::*;

/// A manager and her report, two approvers and the learning team, and what Ana has to do.
struct Office {
    w: World,
    boss: Person,
    max: Person,
    ana: Person,
    ida: Person,
    /// Ana's assignment.
    id: String,
}

async fn office() -> Office {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let max = w.s.hire("Max", |p| p.manager = Some(boss.id.clone())).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    let ida = w.s.hire("Ida", |_| {}).await;
    let lena = w.s.hire("Lena", |_| {}).await;
    w.grant(&ida, Role::Approver).await;
    w.grant(&lena, Role::Learning).await;
    w.apply(&REQUIREMENT.replace("everyone", "employee_id = \\\"ana\\\"").replace("ana", &ana.employee_id)).await;
    let id = w.one(&ana).await.id;
    w.s.news("Ana");
    Office { w, boss, max, ana, ida, id }
}

impl Office {
    /// Ana asks for something, until a day, because of a reason.
    async fn ask(&self, what: &str, until: &str, reason: &str) -> String {
        let values = [("what", what), ("until", until), ("reason", reason)];
        self.w.s.fills("Ana", &format!("training request {}", self.id), &values).await
    }

    /// The newest request.
    async fn request(&self) -> training::requests::Row {
        self.w.requests().await.pop().unwrap()
    }

    /// The one of a kind.
    async fn of_kind(&self, kind: &str) -> training::requests::Row {
        self.w.requests().await.into_iter().rfind(|r| r.kind.name() == kind).unwrap()
    }

    /// What stands in the chat under this request to this person, the newest.
    fn posted(&self, user: &str, id: &str) -> String {
        let all = self.w.s.to(user);
        let found = all.iter().rfind(|p| p.key.starts_with(&format!("approval/{id}/")));
        found.map(|p| p.message.plain()).unwrap_or_default()
    }
}

fn readable(text: &str, office: &Office, request: &str) -> String {
    text.replace(&office.id, "ASSIGNMENT").replace(request, "REQUEST")
}

#[tokio::test]
async fn ana_asks_for_more_time_and_her_manager_gives_it() {
    let o = office().await;
    let said = o.ask("extension", "2026-12-16", "I am at the fair for two weeks").await;
    let request = o.request().await.id;
    let asked = o.w.s.news("Max");
    let list = o.w.s.says("Ana", "training").await;
    let done = o.w.press("Max", &format!("training approve {request}")).await;
    let told = o.w.s.news("Ana");
    let now = o.posted("Max", &request);
    let after = o.w.s.says("Ana", "training").await;
    let talk = [said, asked, list, done, told, now, after].join("\n===\n");
    insta::assert_snapshot!(readable(&talk, &o, &request));
    let a = o.w.one(&o.ana).await;
    assert_eq!((a.state.name(), a.due.date.to_string().as_str()), ("extended", "2026-12-16"));
    let subject = format!("assignment/{}", o.id);
    let records = o.w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let moved = records.last().unwrap();
    assert_eq!(moved.actor, format!("person/{}", o.max.id));
    assert_eq!(moved.reason, "Ana asked: I am at the fair for two weeks; approved by Max");
    assert_eq!(o.w.steps(&request).await, "requested approved");
    let verbs = o.w.verbs().await;
    assert_eq!(verbs.iter().filter(|v| *v == "requested" || *v == "approved").count(), 2, "{verbs:?}");
    // Why the message came is told like any other's.
    let why = o.w.s.says("Max", "why").await;
    assert!(why.contains("a request that waits for your decision"), "{why}");
    let before = o.w.tables().await;
    o.w.services.ledger.rebuild(&o.w.s.db).await.unwrap();
    assert_eq!(o.w.tables().await, before, "the ledger gives the same requests again");
}

#[tokio::test]
async fn whoever_decides_sees_what_changed_before_from_what_to_what_by_whom_and_why() {
    let o = office().await;
    let to = "2026-12-16".parse().unwrap();
    training::extend(&o.w.s.db, &o.w.services, "Ana", "fire-safety", to, "operator", "A project").await.unwrap();
    o.ask("extension", "2026-12-18", "The fair").await;
    let asked = o.posted("Max", &o.request().await.id);
    let changed = "due Wed, 16 Dec instead of Mon, 7 Dec and extended instead of not begun. A project (Your operator)";
    assert!(asked.contains(changed), "{asked}");
}

#[tokio::test]
async fn a_date_that_has_passed_or_never_comes_is_refused_in_one_sentence() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    let mut said = Vec::new();
    for until in ["2026-11-01", "2027-02-29", "2026-12-01", "2031-01-01", "soon"] {
        let values = [("what", "extension"), ("until", until), ("reason", "x")];
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let event = stoa_flow::chat::Event::Submit { command: format!("training wish {id}"), values };
        let stoa_flow::chat::Opened::Errors(errors) = w.s.event("Ana", direct("Ana"), event).await else { panic!() };
        said.extend(errors.into_iter().map(|e| format!("{until}: {}", e.why)));
    }
    let (db, s, past) = (&w.s.db, &w.services, "2026-11-22".parse().unwrap());
    let extended = training::extend(db, s, "Ana", "fire-safety", past, "operator", "x").await.unwrap_err();
    let exempt = training::exempt(db, s, "Ana", "fire-safety", Some(past), "operator", "x").await.unwrap_err();
    said.extend([extended.to_string(), exempt.to_string()]);
    insta::assert_snapshot!(said.join("\n"), @r"
    2026-11-01: This day has passed.
    2027-02-29: That is not a date. Please write one like 2026-12-07.
    2026-12-01: Please choose a day after Mon, 7 Dec 2026, on which it is due now.
    2031-01-01: Please choose a day within the next year.
    soon: That is not a date. Please write one like 2026-12-07.
    2026-11-22 is in the past for Ana
    2026-11-22 is in the past for Ana
    ");
    assert_eq!(w.one(&ana).await.due.date.to_string(), "2026-12-07");
}

#[tokio::test]
async fn an_exemption_is_decided_by_an_approver_with_a_reason_and_a_waiver_as_well() {
    let o = office().await;
    let said = o.ask("exemption", "2027-01-31", "I am a trained firefighter").await;
    assert!(said.contains("I have asked Ida for an exemption from **Fire safety** until Sun, 31 Jan 2027."), "{said}");
    let request = o.request().await.id;
    assert!(o.w.s.news("Ida").contains("**Ana** asks for an exemption"));
    assert_eq!(o.w.s.news("Max"), "", "a manager does not decide about this");
    // Neither the manager nor Ana herself can press what is not theirs.
    for user in ["Ana", "Max"] {
        let said = o.w.press(user, &format!("training approve {request}")).await;
        assert!(said.contains("does not wait for you") || said.contains("cannot find"), "{user}: {said}");
    }
    let refused = o.w.s.event("Ida", direct("Ida"), submit(&format!("training decline {request}"), &[("reason", " ")]));
    assert!(matches!(refused.await, stoa_flow::chat::Opened::Errors(_)), "no decline without a reason");
    let reason = [("reason", "Firefighters know their own house, not ours")];
    o.w.s.fills("Ida", &format!("training decline {request}"), &reason).await;
    let told = o.w.s.news("Ana");
    assert!(told.contains("Ida has not approved") && told.contains("> Firefighters know their own house"), "{told}");
    assert_eq!(o.w.one(&o.ana).await.state.name(), "assigned");
    assert!(o.w.verbs().await.contains(&"deny".to_owned()));

    let said = o.ask("waiver", "", "I taught it last month").await;
    assert!(said.contains("a waiver of **Fire safety**"), "{said}");
    let waiver = o.of_kind("waiver").await.id;
    // Not twice in an hour: she has just decided.
    o.w.s.until("2026-11-23T13:00:00Z").await;
    let asked = o.w.s.news("Ida");
    assert!(asked.contains("Before: an exemption") && asked.contains("declined by Ida today: Firefighters"), "{asked}");
    o.w.press("Ida", &format!("training approve {waiver}")).await;
    assert_eq!(o.w.one(&o.ana).await.state.name(), "waived");
    let told = o.w.s.news("Ana");
    assert_eq!(told.matches("Ida has approved").count(), 1, "{told}");
}

fn submit(command: &str, values: &[(&str, &str)]) -> Event {
    let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Event::Submit { command: command.into(), values }
}

#[tokio::test]
async fn an_approved_exemption_ends_on_its_day() {
    let o = office().await;
    o.ask("exemption", "2027-01-31", "I am a trained firefighter").await;
    let request = o.request().await.id;
    o.w.press("Ida", &format!("training approve {request}")).await;
    assert_eq!(o.w.one(&o.ana).await.state.name(), "exempt");
    o.w.s.until("2027-02-01T09:00:00Z").await;
    let states: Vec<&str> = o.w.of(&o.ana).await.iter().map(|a| a.state.name()).collect();
    assert_eq!(states, ["retired", "assigned"]);
}

#[tokio::test]
async fn a_place_in_a_course_is_voluntary_and_never_escalates() {
    let o = office().await;
    write_course(o.w.courses.path(), &COURSE.replace("fire", "sailing").replace("Fire safety", "Sailing"));
    course::apply_dir(&o.w.s.db, &o.w.services, o.w.courses.path()).await.unwrap();
    let list = o.w.s.says("Ana", "training courses").await;
    assert!(list.contains("**Fire safety**: you have it") && list.contains("training enrol sailing"), "{list}");
    let said = o.w.s.fills("Ana", "training enrol sailing", &[("until", "2026-12-10"), ("reason", "For fun")]).await;
    assert!(said.contains("I have asked Max for a place in **Sailing**, to be done by Thu, 10 Dec 2026"), "{said}");
    let again = o.w.s.fills("Ana", "training enrol sailing", &[("until", ""), ("reason", "For fun")]).await;
    assert!(again.contains("You have asked for this already"), "{again}");
    assert!(o.w.s.says("Ana", "training courses").await.contains("you have asked for a place"));
    let request = o.request().await.id;
    o.w.press("Max", &format!("training approve {request}")).await;
    let all = o.w.of(&o.ana).await;
    assert_eq!(all.len(), 2);
    let place = all.iter().find(|a| a.requirement == "enrolment/sailing").unwrap();
    assert!(o.w.verbs().await.contains(&"registered".to_owned()));
    let mine = o.w.s.says("Ana", "training").await;
    assert!(mine.contains("**Sailing**: you have a place"), "{mine}");
    o.w.s.until("2027-03-01T12:00:00Z").await;
    let a = o.w.s.db.read(|c| async move { assignment::by_id(&c, &place.id).await }).await.unwrap().unwrap();
    assert_eq!(a.state.name(), "assigned", "nothing demands it, so it is never overdue");
    let max = o.w.s.news("Max");
    assert!(!max.contains("Sailing: ") && !max.contains("**Ana**: Sailing"), "{max}");
    // Who has it can take it to its end like any other.
    let page = o.w.press("Ana", &format!("training open {}", place.id)).await;
    assert!(page.starts_with("The alarm"), "{page}");
    // It ends with who leaves.
    o.w.change("UPDATE person SET status = $2 WHERE id = $1", &o.ana, Some("left")).await;
    assert!(o.w.of(&o.ana).await.iter().all(|a| a.state.name() == "retired"));
}

#[tokio::test]
async fn a_place_is_done_elsewhere_like_anything_else_and_counts_for_nothing() {
    let o = office().await;
    write_course(o.w.courses.path(), &COURSE.replace("fire", "sailing").replace("Fire safety", "Sailing"));
    course::apply_dir(&o.w.s.db, &o.w.services, o.w.courses.path()).await.unwrap();
    o.w.s.fills("Ana", "training enrol sailing", &[("until", ""), ("reason", "For fun")]).await;
    let request = o.request().await.id;
    o.w.press("Max", &format!("training approve {request}")).await;
    let rows = o.w.s.db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    let counted: Vec<(&str, bool)> = rows.iter().map(|r| (r.requirement.as_str(), r.counts)).collect();
    assert_eq!(counted, [("fire-safety", true), ("enrolment/sailing", false)]);
    o.w.s.until("2026-11-25T12:00:00Z").await;
    let import = async |file: &str| {
        let lines = training::import(&o.w.s.db, &o.w.services, "done.csv", file.as_bytes(), false).await.unwrap();
        lines.into_iter().map(|l| l.why).collect::<Vec<_>>().join("\n")
    };
    let file = "person,course,completed_at\nAna,sailing,2026-11-24\n";
    assert_eq!(import(file).await, "Ana: completed on 2026-11-24");
    assert_eq!(import(file).await, "'sailing' of Ana is recorded as completed on 2026-11-24 already");
    let place = o.w.of(&o.ana).await.into_iter().find(|a| a.course == "sailing").unwrap();
    assert_eq!(place.state.name(), "completed");
    // Somebody without a place: nothing asks for it.
    let file = "person,course,completed_at\nMax,sailing,2026-11-24\n";
    assert_eq!(import(file).await, "no requirement asks for the course 'sailing'");
}

#[tokio::test]
async fn what_holds_no_more_can_be_asked_for_again() {
    let o = office().await;
    let once = REQUIREMENT.replace("everyone", &format!("employee_id = \\\"{}\\\"", o.ana.employee_id));
    o.w.apply(&format!("{once}recertify = {{ every = \"12 months\" }}\n")).await;
    o.w.finish(&o.ana).await;
    assert!(o.w.s.says("Ana", "training courses").await.contains("**Fire safety**: you have it"));
    // A renewal that nobody needs any more, and what it renewed has ended.
    o.w.s.until("2027-11-01T12:00:00Z").await;
    o.w.s.until("2027-11-25T12:00:00Z").await;
    o.w.apply(&format!("{once}active = false\n")).await;
    let states: Vec<&str> = o.w.of(&o.ana).await.iter().map(|a| a.state.name()).collect();
    assert_eq!(states, ["expired", "retired"]);
    let list = o.w.s.says("Ana", "training courses").await;
    assert!(list.contains("training enrol fire"), "{list}");
    let said = o.w.s.fills("Ana", "training enrol fire", &[("until", ""), ("reason", "It has ended")]).await;
    assert!(said.contains("I have asked Max for a place"), "{said}");
    let request = o.of_kind("enrolment").await.id;
    o.w.press("Max", &format!("training approve {request}")).await;
    assert!(o.w.of(&o.ana).await.iter().any(|a| a.is_enrolment() && a.state.is_open()));
}

#[tokio::test]
async fn who_gives_no_answer_is_reminded_then_the_next_is_asked_and_at_last_the_learning_team() {
    let o = office().await;
    // Monday. Three working days are Thursday, five are the Monday after.
    o.ask("extension", "2027-01-06", "Too much to do").await;
    let request = o.request().await.id;
    assert!(o.w.s.news("Max").contains("asks for more time"));
    o.w.s.until("2026-11-26T08:59:00Z").await;
    assert_eq!(o.w.s.news("Max"), "");
    o.w.s.until("2026-11-26T12:00:00Z").await;
    assert!(o.w.s.news("Max").contains("This has waited for you since Mon, 23 Nov:"));
    assert_eq!(o.w.s.news("Boss"), "");
    o.w.s.until("2026-11-30T12:00:00Z").await;
    let boss = o.w.s.news("Boss");
    assert!(boss.contains("Max gave no answer in time; asked somebody else today."), "{boss}");
    assert!(o.posted("Max", &request).contains("waits for Boss"), "{}", o.posted("Max", &request));
    // Max is too late; it does no harm and says how it is.
    let said = o.w.press("Max", &format!("training approve {request}")).await;
    assert!(said.contains("This does not wait for you. How it stands: waits for Boss since today."), "{said}");
    o.w.s.until("2026-12-07T12:00:00Z").await;
    assert!(o.w.s.news("Lena").contains("asks for more time"), "then the learning team");
    o.w.s.until("2026-12-14T12:00:00Z").await;
    assert!(o.w.s.news("Ida").contains("asks for more time"), "then an approver");
    o.w.s.until("2026-12-28T12:00:00Z").await;
    let row = o.request().await;
    assert_eq!((row.round, row.approver.as_deref()), (3, Some(o.ida.employee_id.as_str())), "nobody is left to ask");
    assert!(o.w.s.news("Ida").contains("This has waited for you"), "so the last one is reminded");
    // The day that was wished passes: it closes by itself, and Ana hears of it.
    o.w.s.news("Ana");
    o.w.s.until("2027-01-07T12:00:00Z").await;
    assert_eq!(o.request().await.state.name(), "closed");
    assert!(o.w.s.news("Ana").contains("Nobody decided in time about more time"));
    let steps = o.w.steps(&request).await;
    assert!(steps.starts_with("requested reminded passed reminded passed") && steps.ends_with("closed"), "{steps}");
    let before = o.w.tables().await;
    o.w.services.ledger.rebuild(&o.w.s.db).await.unwrap();
    assert_eq!(o.w.tables().await, before);
}

#[tokio::test]
async fn a_request_never_waits_for_somebody_who_cannot_decide() {
    let o = office().await;
    // Max is on leave already: the next level is asked at once.
    o.w.change("UPDATE person SET status = 'leave' WHERE id = $1 AND $2 IS NULL", &o.max, None).await;
    let said = o.ask("extension", "2026-12-16", "Too much to do").await;
    assert!(said.contains("I have asked Boss"), "{said}");
    // The boss leaves: on to the learning team.
    o.w.change("UPDATE person SET status = $2 WHERE id = $1", &o.boss, Some("left")).await;
    assert!(o.w.s.news("Lena").contains("Boss could not decide any more"));
    // The exemption waits for Ida until she loses the role, and for Lena until she does; then for nobody.
    o.ask("exemption", "", "I am a trained firefighter").await;
    let exemption = o.of_kind("exemption").await.id;
    let lena = o.w.s.db.read(|c| async move { people::find(&c, "Lena").await }).await.unwrap();
    o.w.revoke(&o.ida, Role::Approver).await;
    assert_eq!(o.of_kind("exemption").await.approver.as_deref(), Some(lena.employee_id.as_str()));
    o.w.revoke(&lena, Role::Learning).await;
    assert_eq!(o.of_kind("exemption").await.approver, None);
    let list = o.w.s.says("Ana", "training").await;
    assert!(list.contains("waits until somebody may decide about it"), "{list}");
    let waiting = o.w.s.db.read(|c| async move { training::requests::waiting(&c).await }).await.unwrap();
    assert_eq!(waiting, (2, 2));
    // As soon as somebody may, they are asked.
    o.w.s.news("Ida");
    o.w.grant(&o.ida, Role::Approver).await;
    o.w.s.until("2026-11-23T13:00:00Z").await;
    let both = o.w.s.news("Ida");
    assert!(both.contains("asks for more time") && both.contains("asks for an exemption"), "{both}");
    // Two people turn out to be one: nobody decides about their own request.
    let services = &o.w.services;
    let (ana, ida) = (&o.ana, &o.ida);
    o.w.s
        .db
        .write(|tx| async move {
            people::merge::merge(&tx, &services.ledger, &ida.employee_id, &ana.employee_id, "operator", "one person")
                .await
        })
        .await
        .unwrap();
    o.w.s.flow.settle().await.unwrap();
    assert!(o.w.requests().await.iter().all(|r| r.approver.is_none()), "{:?}", o.w.requests().await);
    let said = o.w.press("Ana", &format!("training approve {exemption}")).await;
    assert!(said.contains("does not wait for you"), "{said}");
    // Max is back from leave: he is asked at once.
    o.w.change("UPDATE person SET status = 'active' WHERE id = $1 AND $2 IS NULL", &o.max, None).await;
    assert!(o.w.s.news("Max").contains("asks for more time"));
}

#[tokio::test]
async fn what_is_done_meanwhile_needs_no_decision_and_doubled_presses_have_one_effect() {
    let o = office().await;
    o.ask("extension", "2026-12-16", "Too much to do").await;
    let request = o.request().await.id;
    o.w.s.news("Max");
    o.w.finish(&o.ana).await;
    assert_eq!(o.request().await.state.name(), "closed");
    let posted = o.posted("Max", &request);
    assert!(posted.contains("Closed without a decision: the training was completed."), "{posted}");
    assert!(!posted.contains("training approve"), "no button is left: {posted}");
    for _ in 0..2 {
        let said = o.w.press("Max", &format!("training approve {request}")).await;
        assert!(said.contains("This does not wait for you."), "{said}");
    }
    assert_eq!(o.w.steps(&request).await, "requested closed");
    assert!(!o.w.s.news("Ana").contains("Nobody decided"), "who did it needs no answer");
    let said = o.w.press("Ana", &format!("training request {}", o.id)).await;
    assert!(said.contains("This is not open any more"), "{said}");

    let o = office().await;
    o.ask("exemption", "", "I am a trained firefighter").await;
    let request = o.request().await.id;
    for _ in 0..3 {
        o.w.press("Ida", &format!("training approve {request}")).await;
    }
    assert_eq!(o.w.steps(&request).await, "requested approved");
    assert_eq!(o.w.kinds(&o.id).await, ["assigned", "exempted"]);
    let told = o.w.s.news("Ana");
    assert_eq!(told.matches("has approved").count(), 1, "{told}");
    // A second wish for the same is the same; it can be taken back once.
    let o = office().await;
    o.ask("exemption", "", "I am a trained firefighter").await;
    let again = o.ask("exemption", "", "Really").await;
    assert!(again.contains("You have asked for this already"), "{again}");
    let request = o.request().await.id;
    assert!(o.w.press("Ana", &format!("training withdraw {request}")).await.contains("Taken back"));
    assert!(o.w.press("Ana", &format!("training withdraw {request}")).await.contains("nothing to take back"));
    assert!(o.posted("Ida", &request).contains("Taken back today."));
    let eve = o.w.s.hire("Eve", |_| {}).await;
    for word in ["approve", "decline", "delegate", "withdraw", "decide", "toml"] {
        let said = o.w.press(&eve.name, &format!("training {word} {request}")).await;
        assert!(said.contains("I cannot find this request"), "{word}: {said}");
    }
}

#[tokio::test]
async fn who_decides_can_pass_it_on_to_somebody_who_may() {
    let o = office().await;
    let rosa = o.w.s.hire("Rosa", |_| {}).await;
    o.w.grant(&rosa, Role::Approver).await;
    o.ask("exemption", "", "I am a trained firefighter").await;
    let request = o.request().await.id;
    let (first, second) = if o.w.s.news("Ida").contains("asks for") { ("Ida", "Rosa") } else { ("Rosa", "Ida") };
    let to = if second == "Rosa" { &rosa } else { &o.ida };
    // Ana may not, whatever the form says.
    let said = o.w.s.fills(first, &format!("training delegate {request}"), &[("to", &o.ana.id), ("reason", "")]).await;
    assert!(said.contains("This person may not decide about it"), "{said}");
    let values = [("to", to.id.as_str()), ("reason", "You know the house")];
    let said = o.w.s.fills(first, &format!("training delegate {request}"), &values).await;
    assert!(said.contains(&format!("Passed on to {second}")), "{said}");
    let asked = o.w.s.news(second);
    assert!(asked.contains(&format!("{first} passed it on today: You know the house")), "{asked}");
    assert!(o.w.press(first, &format!("training approve {request}")).await.contains("does not wait for you"));
    o.w.press(second, &format!("training approve {request}")).await;
    assert_eq!(o.w.steps(&request).await, "requested passed approved");
}

#[tokio::test]
async fn a_manager_acts_with_a_reason_and_asks_for_more_than_a_manager_may_give() {
    let o = office().await;
    let more = format!("team more {}", o.id);
    let values = [("what", "time"), ("until", "2026-12-21"), ("reason", "The fair")];
    let said = o.w.s.fills("Max", &more, &values).await;
    assert!(said.contains("Ana has time until Mon, 21 Dec 2026 now"), "{said}");
    let subject = format!("assignment/{}", o.id);
    let subject = &subject;
    let newest = async || {
        let records = o.w.s.db.read(|c| async move { ledger::of_subject(&c, subject).await }).await.unwrap();
        records.last().map(|r| (r.kind.clone(), r.actor.clone(), r.reason.clone())).unwrap()
    };
    let by_max = |kind: &str, reason: &str| (kind.to_owned(), format!("person/{}", o.max.id), reason.to_owned());
    assert_eq!(newest().await, by_max("extended", "The fair"));
    // Neither a date nor a leave that is far away: both are slips of the keyboard, or a way out.
    for what in ["time", "leave"] {
        let values = [("what", what), ("until", "9999-12-31"), ("reason", "The other fair")];
        let stoa_flow::chat::Opened::Errors(errors) = o.w.s.event("Max", direct("Max"), submit(&more, &values)).await
        else {
            panic!("{what} is refused")
        };
        assert_eq!(errors[0].why, "Please choose a day within the next year.");
    }
    // More than thirty days after the first due date, the 7th of December.
    let values = [("what", "time"), ("until", "2027-01-20"), ("reason", "The other fair")];
    let said = o.w.s.fills("Max", &more, &values).await;
    assert!(said.contains("more than 30 days after the first due date, so I have asked Ida"), "{said}");
    let asked = o.w.s.news("Ida");
    assert!(
        asked.contains("**Max** asks for more time for **Fire safety**, until Wed, 20 Jan 2027, for **Ana**."),
        "{asked}"
    );
    let request = o.request().await.id;
    o.w.press("Ida", &format!("training approve {request}")).await;
    assert_eq!(o.w.one(&o.ana).await.due.date.to_string(), "2027-01-20");
    assert!(o.w.s.news("Max").contains("Ida has approved"));
    let said = o.w.press("Max", &format!("team extend {} 2027-01-20", o.id)).await;
    assert!(said.contains("for this I need a reason"), "{said}");
    // On leave: the clock stops, by the manager's word.
    let values = [("what", "leave"), ("until", "2026-12-04"), ("reason", "Broken leg")];
    let said = o.w.s.fills("Max", &more, &values).await;
    assert!(said.contains("Ana is on leave until Fri, 4 Dec 2026"), "{said}");
    assert_eq!(newest().await, by_max("paused", "Broken leg"));
    assert_eq!(o.w.one(&o.ana).await.state.name(), "on_leave");
    o.w.s.until("2026-12-07T09:00:00Z").await;
    assert_eq!(o.w.one(&o.ana).await.state.name(), "extended", "and goes on when she is back");
    assert!(o.w.press("Max", &format!("team remind {}", o.id)).await.contains("I remind Ana"));
    assert!(o.w.verbs().await.contains(&"reminded".to_owned()));
}

#[tokio::test]
async fn who_leaves_keeps_nobody_waiting_however_many_wait() {
    let o = office().await;
    write_course(o.w.courses.path(), &COURSE.replace("fire", "sailing").replace("Fire safety", "Sailing"));
    course::apply_dir(&o.w.s.db, &o.w.services, o.w.courses.path()).await.unwrap();
    for n in 0..55 {
        let name = format!("P{n}");
        o.w.s.hire(&name, |p| p.manager = Some(o.max.id.clone())).await;
        o.w.s.fills(&name, "training enrol sailing", &[("until", ""), ("reason", "For fun")]).await;
    }
    let waits_for =
        async |who: &str| o.w.requests().await.iter().filter(|r| r.approver.as_deref() == Some(who)).count();
    assert_eq!(waits_for("E-Max").await, 55);
    o.w.change("UPDATE person SET status = $2 WHERE id = $1", &o.max, Some("left")).await;
    assert_eq!((waits_for("E-Max").await, waits_for("E-Boss").await), (0, 55));
}

#[tokio::test]
async fn approving_more_time_takes_none_away() {
    let o = office().await;
    o.ask("extension", "2026-12-16", "I am at the fair").await;
    let request = o.request().await.id;
    let longer = REQUIREMENT.replace("everyone", "employee_id = \\\"ana\\\"").replace("ana", &o.ana.employee_id);
    o.w.apply(&longer.replace("days = 14", "days = 60")).await;
    let due = o.w.one(&o.ana).await.due.date;
    o.w.press("Max", &format!("training approve {request}")).await;
    assert_eq!(o.w.one(&o.ana).await.due.date, due);
    assert!(due > "2026-12-16".parse().unwrap(), "{due}");
}
