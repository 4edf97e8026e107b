//! Levels of attestation (R31): confirmed in the chat, or signed with a code from the mailbox.

use std::sync::Mutex;

use async_trait::async_trait;
use stoa_flow::chat::{Account, Message, MessageRef, Opened, Place, Platform, SendError, ThreadMessage};
use stoa_ground::ledger::{self, Entry, Master};
use stoa_learning::training::attest::sign_in::{self, Ended, Link};
use stoa_learning::training::attest::{Level, NamedBy, SignedIn};

use super::*;

/// A mail server in memory: letters as address and text.
#[derive(Default)]
struct Letters(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Platform for Letters {
    fn name(&self) -> &'static str {
        "mail"
    }

    async fn send(&self, to: &Place, _: Option<&Account>, message: &Message, _: &str) -> Result<String, SendError> {
        let mut all = self.0.lock().unwrap();
        all.push((to.channel.clone(), message.plain()));
        Ok(format!("l{}", all.len()))
    }

    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        panic!("a letter cannot be edited")
    }

    async fn find(&self, _: &Place, _: &str, _: stoa_ground::Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, _: &Account) -> Result<Place, SendError> {
        Err(SendError::Unreachable("no".into()))
    }

    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

impl Letters {
    /// The code in the newest letter.
    fn code(&self) -> String {
        let all = self.0.lock().unwrap();
        let text = &all.last().expect("a letter").1;
        text.split("**").nth(1).expect("a code").to_owned()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A world in which mail goes out and secrets can be sealed, with Ana, who has an address, at the end of her course.
async fn office(demand: &str) -> (World, Arc<Letters>, Person, String) {
    let w = world().await;
    w.s.db.seal_with(Master::new([7; 32]));
    let letters = Arc::new(Letters::default());
    w.s.flow.connect(letters.clone());
    let ana = w.s.hire("Ana", |p| p.email = Some("ana.lima@example.org".into())).await;
    w.apply(&format!("{REQUIREMENT}{demand}")).await;
    let id = at_the_end(&w, &ana).await;
    (w, letters, ana, id)
}

async fn at_the_end(w: &World, person: &Person) -> String {
    let id = w.one(person).await.id;
    let name = &person.name;
    w.s.says(name, "training").await;
    w.press(name, &format!("training open {id}")).await;
    w.press(name, &format!("training page {id} 2")).await;
    w.press(name, &format!("training quiz {id}")).await;
    w.press(name, &format!("training answer {id} 1 0 1")).await;
    w.press(name, &format!("training answer {id} 1 1 0")).await;
    id
}

const BY_MAIL: &str = "attestation = \"mail-code\"\n";

#[tokio::test]
async fn a_signature_needs_the_code_from_the_mailbox_and_says_what_it_means() {
    let (w, letters, ana, id) = office(BY_MAIL).await;
    let ready = w.press("Ana", &format!("training finish {id}")).await;
    insta::assert_snapshot!(ready.replace(&id, "A"), @r"
    Last step of **Fire safety**: please sign.
    > I have read Fire safety and will leave the house when it burns.
    To be sure that it is you, I send a code to a…\@example.org first.
    [Send me the code: training code A]
    [I have a code: training attest A]
    ");
    assert_eq!(letters.count(), 0);
    let said = w.press("Ana", &format!("training code {id}")).await;
    assert!(said.contains("A code is on its way to a…\\@example.org. It works once, for 15 minutes."), "{said}");
    let code = letters.code();
    let letter = letters.0.lock().unwrap()[0].clone();
    assert_eq!(letter.0, "ana.lima@example.org");
    insta::assert_snapshot!(letter.1.replace(&code, "CODE"), @r"
    Your code to sign Fire safety

    **CODE**

    Enter it in the chat. It works once, for 15 minutes, and for nothing else. If you did not ask for it, tell your learning team.
    ");
    // At rest there is no code: neither in the outbox nor beside it.
    for sql in [
        "SELECT COUNT(*) AS n FROM outbox WHERE payload LIKE '%' || $1 || '%' OR shown LIKE '%' || $1 || '%'",
        "SELECT COUNT(*) AS n FROM attest_code WHERE digest LIKE '%' || $1 || '%' OR bound LIKE '%' || $1 || '%'",
    ] {
        let n: i64 = w.s.db.opt(sql, args![&code]).await.unwrap().unwrap().get("n").unwrap();
        assert_eq!(n, 0, "{sql}");
    }

    let opened =
        w.s.event(
            "Ana",
            direct("Ana"),
            stoa_flow::chat::Event::Action { command: format!("training attest {id}"), message: None },
        )
        .await;
    let Opened::Form(form) = opened else { panic!("{opened:?}") };
    let version = w.one(&ana).await.course_version.unwrap();
    insta::assert_snapshot!(form.intro.unwrap().replace(&version[..12], "V"), @r"
    I have read Fire safety and will leave the house when it burns.

    Your signature means: this sentence is true, and you answer for it.

    Ana · Mon, 23 Nov 2026 09:00 (UTC) · content V
    ");
    let wrong = w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana"), ("code", "AAAA-AAAA")]).await;
    assert!(wrong.contains("That is not the code. You have 4 more tries."), "{wrong}");
    assert_eq!(w.one(&ana).await.attested, None);
    let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
    let done = w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana"), ("code", &typed)]).await;
    assert!(done.contains("completed on Mon, 23 Nov 2026"), "{done}");
    assert!(
        done.contains(&format!("Signed: Ana · Mon, 23 Nov 2026 09:00 (UTC) · content {}", &version[..12])),
        "{done}"
    );

    let subject = format!("assignment/{id}");
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let signed = &records.iter().find(|r| r.kind == "attested").unwrap().data;
    assert_eq!(signed["authentication"], "mail-code");
    assert_eq!(signed["meaning"], "Your signature means: this sentence is true, and you answer for it.");
    assert_eq!(signed["local_time"], "2026-11-23T09:00:00+00:00[UTC]");
    assert_eq!(signed["printed_name"], "Ana");
    assert_eq!(signed["version"], version.as_str());

    // Nobody moves the signature to another record, whoever writes into the ledger.
    let max = w.s.hire("Max", |p| p.email = Some("max@example.org".into())).await;
    w.apply(&format!("{REQUIREMENT}{BY_MAIL}")).await;
    w.change("UPDATE person SET locale = 'en' WHERE id = $1 AND COALESCE($2, '') = ''", &max, None).await;
    let other = at_the_end(&w, &max).await;
    let (services, data) = (&w.services, signed.clone());
    let (other, data) = (&other, &data);
    let moved = w.s.db.write(|tx| async move {
        let entry = Entry {
            subject: format!("assignment/{other}"),
            kind: "attested",
            actor: "operator".into(),
            reason: "moved".into(),
            data: data.clone(),
        };
        services.ledger.append(&tx, entry).await
    });
    assert!(
        moved.await.unwrap_err().to_string().contains("holds for the record and the content that it was made for only")
    );
    assert_eq!(w.one(&max).await.attested, None);
}

#[tokio::test]
async fn codes_are_few_short_lived_and_for_one_content() {
    let (w, letters, ana, id) = office(BY_MAIL).await;
    let sign = |code: String| {
        let (w, id) = (&w, &id);
        async move { w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana"), ("code", &code)]).await }
    };
    assert!(sign("ABCD-2345".into()).await.contains("does not work any more"), "none was sent");
    w.press("Ana", &format!("training code {id}")).await;
    let first = letters.code();
    for left in ["4 more tries", "3 more tries", "2 more tries", "one more try"] {
        assert!(sign("AAAA-AAAA".into()).await.contains(left), "{left}");
    }
    assert!(sign("AAAA-AAAA".into()).await.contains("does not work any more"));
    assert!(sign(first.clone()).await.contains("does not work any more"), "also the right one, after five wrong ones");
    w.press("Ana", &format!("training code {id}")).await;
    let second = letters.code();
    assert_ne!(first, second);
    w.s.until("2026-11-23T09:15:01Z").await;
    assert!(sign(second).await.contains("does not work any more"), "fifteen minutes are over");
    w.press("Ana", &format!("training code {id}")).await;
    let third = letters.code();
    w.press("Ana", &format!("training code {id}")).await;
    assert!(sign(third).await.contains("more tries"), "a newer one takes its place");
    let said = w.press("Ana", &format!("training code {id}")).await;
    assert!(said.contains("That were many codes in an hour"), "{said}");
    assert_eq!(letters.count(), 4);
    assert_eq!(w.one(&ana).await.attested, None);
    // A name that is not hers opens nothing, whatever the code.
    let submit = stoa_flow::chat::Event::Submit {
        command: format!("training sign {id} {}", w.one(&ana).await.course_version.unwrap()),
        values: [("name".to_owned(), "Eve".to_owned()), ("code".to_owned(), letters.code())].into(),
    };
    assert!(matches!(w.s.event("Ana", direct("Ana"), submit).await, Opened::Errors(_)));
    assert!(sign(letters.code()).await.contains("completed on"));
}

/// A world with an identity provider that names people by this, and Ana at the end of her course.
async fn house(by: NamedBy, email: Option<&str>) -> (World, Person, String) {
    let settings = training::requests::Settings {
        public_url: Some("https://learn.example.org/".into()),
        ..training::requests::Settings::default()
    };
    let mut with = services(settings, organisation());
    Arc::get_mut(&mut with).unwrap().sign_in = Some(by);
    let w = world_of(with).await;
    w.s.db.seal_with(Master::new([7; 32]));
    let ana = w.s.hire("Ana", |p| p.email = email.map(str::to_owned)).await;
    w.apply(&format!("{REQUIREMENT}attestation = \"oidc\"\n")).await;
    let id = at_the_end(&w, &ana).await;
    (w, ana, id)
}

impl World {
    /// Ana types her name; the token of the link that she gets.
    async fn link(&self, id: &str) -> String {
        let told = self.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana")]).await;
        let link = told.split("(<https://learn.example.org/oidc/start/").nth(1).expect(&told);
        link.split('>').next().unwrap().to_owned()
    }

    async fn looks(&self, token: &str) -> Link {
        self.s.db.read(|c| async move { sign_in::look(&c, token).await }).await.unwrap()
    }

    async fn signs_in(&self, token: &str, named: &str) -> Ended {
        let who = SignedIn {
            issuer: "https://id.example.org".into(),
            subject: format!("subject of {named}"),
            named: named.into(),
            at: Instant::parse("2026-11-23T08:59:00Z").unwrap(),
        };
        let (services, who) = (&self.services, &who);
        let ended =
            self.s.db.write(|tx| async move { sign_in::finish(&tx, services, token, who).await }).await.unwrap();
        self.s.flow.settle().await.unwrap();
        ended
    }
}

#[tokio::test]
async fn a_signature_waits_until_the_person_has_signed_in() {
    let (w, ana, id) = house(NamedBy::Email, Some("ana.lima@example.org")).await;
    let max = w.s.hire("Max", |p| p.email = Some("max@example.org".into())).await;
    let ready = w.press("Ana", &format!("training finish {id}")).await;
    insta::assert_snapshot!(ready.replace(&id, "A"), @r"
    Last step of **Fire safety**: please sign.
    > I have read Fire safety and will leave the house when it burns.
    To be sure that it is you, you sign in with your organisation’s account afterwards.
    [Sign: training attest A]
    ");
    let token = w.link(&id).await;
    insta::assert_snapshot!(w.last("Ana").replace(&token, "TOKEN"), @r"
    One step is left to sign **Fire safety**: sign in with your organisation’s account, although you may be signed in already.
    [Confirm with your organisation’s sign-in](<https://learn.example.org/oidc/start/TOKEN>)
    The link is for you alone. It works once, for 10 minutes.
    ");
    assert_eq!(w.one(&ana).await.attested, None);
    // At rest the link is sealed, wherever it stands.
    let secret = token.split('.').nth(1).unwrap();
    for sql in [
        "SELECT COUNT(*) AS n FROM outbox WHERE payload LIKE '%' || $1 || '%' OR shown LIKE '%' || $1 || '%'",
        "SELECT COUNT(*) AS n FROM attest_code WHERE digest LIKE '%' || $1 || '%' OR bound LIKE '%' || $1 || '%'",
        "SELECT COUNT(*) AS n FROM inbox WHERE body LIKE '%' || $1 || '%'",
    ] {
        let n: i64 = w.s.db.opt(sql, args![secret]).await.unwrap().unwrap().get("n").unwrap();
        assert_eq!(n, 0, "{sql}");
    }
    for forged in ["", "x", ".", &id, &format!("{id}."), &format!("{id}.{}", "0".repeat(32)), &format!("x{token}")] {
        assert_eq!(w.looks(forged).await, Link::Gone, "{forged}");
        assert_eq!(w.signs_in(forged, "ana.lima@example.org").await, Ended::Gone, "{forged}");
    }
    assert!(matches!(w.looks(&token).await, Link::Open(_)));

    assert_eq!(w.signs_in(&token, "max@example.org").await, Ended::SomebodyElse);
    assert_eq!(w.signs_in(&token, "eve@example.org").await, Ended::SomebodyElse);
    let subject = format!("assignment/{id}");
    let subject = &subject;
    let all = || w.s.db.read(|c| async move { ledger::of_subject(&c, subject).await });
    let refused: Vec<_> = all().await.unwrap().into_iter().filter(|r| r.kind == "refused").collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(refused[0].data["other"], format!("person/{}", max.id));
    assert!(refused[0].data["subject"].is_null(), "who is known is named by the roster alone");
    assert_eq!(refused[1].data["subject"], "subject of eve@example.org");
    assert_eq!(w.one(&ana).await.attested, None);

    assert_eq!(w.signs_in(&token, "Ana.Lima@example.org").await, Ended::Signed);
    let done = w.last("Ana");
    assert!(done.contains("completed on Mon, 23 Nov 2026") && done.contains("Signed: Ana · "), "{done}");
    assert!(!done.contains("/oidc/"), "{done}");
    let pressed = format!("training attest {id}");
    assert!(w.s.to("Ana").iter().all(|p| !p.message.plain().contains(&pressed)), "nothing asks for it any more");
    let signed = all().await.unwrap().into_iter().find(|r| r.kind == "attested").unwrap().data;
    assert_eq!(signed["authentication"], "oidc");
    assert_eq!(
        (&signed["issuer"], &signed["subject"]),
        (&"https://id.example.org".into(), &"subject of Ana.Lima@example.org".into())
    );
    assert_eq!(signed["signed_in"], "2026-11-23T08:59:00.000Z");
    assert_eq!(
        (&signed["name"], &signed["meaning"]),
        (&"Ana".into(), &"Your signature means: this sentence is true, and you answer for it.".into())
    );
    assert_eq!(w.looks(&token).await, Link::Used);
    assert_eq!(w.signs_in(&token, "ana.lima@example.org").await, Ended::Gone);
    assert_eq!(all().await.unwrap().iter().filter(|r| r.kind == "attested").count(), 1);
    // A ledger that is read again says the same.
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert!(w.one(&ana).await.completed.is_some());
}

#[tokio::test]
async fn a_link_is_one_for_one_content_and_a_short_time() {
    let (w, ana, id) = house(NamedBy::EmployeeId, None).await;
    let first = w.link(&id).await;
    let second = w.link(&id).await;
    assert_eq!(w.looks(&first).await, Link::Gone, "a newer one takes its place");
    let told: Vec<String> = w.s.to("Ana").iter().map(|p| p.message.plain()).collect();
    assert!(told[told.len() - 2].contains("does not work any more"), "{told:?}");
    for n in 1..=5 {
        assert_eq!(w.signs_in(&second, "E-other").await, Ended::SomebodyElse, "{n}");
    }
    assert_eq!(w.signs_in(&second, &ana.employee_id).await, Ended::Gone, "five were somebody else");
    assert!(w.last("Ana").contains("does not work any more"), "{}", w.last("Ana"));
    let third = w.link(&id).await;
    w.s.until("2026-11-23T09:10:01Z").await;
    assert_eq!(w.looks(&third).await, Link::Gone, "ten minutes are over");
    assert_eq!(w.signs_in(&third, &ana.employee_id).await, Ended::Gone);
    let fourth = w.link(&id).await;
    w.change("UPDATE person SET status = 'left' WHERE id = $1 AND COALESCE($2, '') = ''", &ana, None).await;
    assert_eq!(w.signs_in(&fourth, &ana.employee_id).await, Ended::Gone, "who has left signs nothing");
    assert_eq!(w.one(&ana).await.attested, None);
}

#[tokio::test]
async fn whom_a_provider_cannot_name_is_told_whom_to_ask() {
    let (w, _, id) = house(NamedBy::Email, None).await;
    let said = w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana")]).await;
    assert!(said.contains("I know no address of yours"), "{said}");
    let said = training::complete(&w.s.db, &w.services, "Ana", "fire-safety", "operator", "she says so").await;
    assert!(said.unwrap_err().to_string().contains("demands the person's own signature (oidc)"));
}

#[tokio::test]
async fn without_an_address_it_is_said_whom_to_ask_and_nobody_can_sign_for_somebody_else() {
    let w = world().await;
    w.s.db.seal_with(Master::new([7; 32]));
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(&format!("{REQUIREMENT}{BY_MAIL}")).await;
    let id = at_the_end(&w, &ana).await;
    let ready = w.press("Ana", &format!("training finish {id}")).await;
    assert!(ready.contains("I know no address of yours. Please ask your learning team"), "{ready}");
    let said = training::complete(&w.s.db, &w.services, "Ana", "fire-safety", "operator", "she says so").await;
    let said = said.unwrap_err().to_string();
    assert!(said.contains("demands the person's own signature (mail-code), which nobody can give for them"), "{said}");
    w.s.says("Max", "team").await;
    let refused = w.s.fills("Max", &format!("team attest {id}"), &[("reason", "I saw her do it"), ("day", "")]).await;
    assert!(refused.contains("I cannot record that: ") && refused.contains("own signature"), "{refused}");
    assert_eq!(w.one(&ana).await.completed, None);
}

#[tokio::test]
async fn what_this_installation_cannot_do_is_refused_with_what_it_can() {
    let w = world().await;
    let apply = |line: &'static str| {
        let w = &w;
        async move {
            let text = format!("{REQUIREMENT}{line}");
            let said = training::apply(&w.s.db, &w.services, "r.toml", &text, true).await;
            said.err().map(|e| e.to_string()).unwrap_or_default()
        }
    };
    assert_eq!(
        apply("attestation = \"oidc\"").await,
        "r.toml: requirement 'fire-safety': attestation is oidc, and this installation has chat-session and mail-code only: \
         set [oidc] issuer, client_id and client_secret first"
    );
    assert_eq!(apply(BY_MAIL).await, "");
    let said = apply("attestation = \"fingerprint\"").await;
    assert!(
        said.contains("unknown variant `fingerprint`, expected one of `chat-session`, `mail-code`, `oidc`"),
        "{said}"
    );

    let none =
        COURSE.replace("attestation = \"I have read Fire safety and will leave the house when it burns.\"\n", "");
    write_course(w.courses.path(), &none);
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    assert!(apply(BY_MAIL).await.contains("the course 'fire' has no sentence to confirm"));
    write_course(w.courses.path(), COURSE);
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    w.apply(&format!("{REQUIREMENT}{BY_MAIL}")).await;
    write_course(w.courses.path(), &none);
    let said = course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap_err().to_string();
    assert!(said.contains("the requirement 'fire-safety' demands mail-code, and attestation is missing"), "{said}");

    // Without mail there is the chat alone.
    let without = Services {
        training: Default::default(),
        ledger: ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        index: Index::in_memory().unwrap(),
        asking: Default::default(),
        mail: false,
        sign_in: None,
        organisation: organisation(),
    };
    let text = format!("{REQUIREMENT}{BY_MAIL}");
    let said = training::apply(&w.s.db, &without, "r.toml", &text, true).await.unwrap_err().to_string();
    assert!(
        said.ends_with("is mail-code, and this installation has chat-session only: set [mail] smtp_url and from first"),
        "{said}"
    );
    assert!(Level::ChatSession < Level::MailCode);
}

#[tokio::test]
async fn the_code_that_connects_an_account_is_sealed_in_the_outbox_as_well() {
    let w = world().await;
    w.s.db.seal_with(Master::new([7; 32]));
    let letters = Arc::new(Letters::default());
    w.s.flow.connect(letters.clone());
    w.s.hire("Ana", |p| p.email = Some("ana@example.org".into())).await;
    let said = w.s.says("somebody", "link ana@example.org").await;
    assert!(said.contains("a code is on its way"), "{said}");
    let code = letters.code();
    let sql = "SELECT COUNT(*) AS n FROM outbox WHERE payload LIKE '%' || $1 || '%'";
    let n: i64 = w.s.db.opt(sql, args![&code]).await.unwrap().unwrap().get("n").unwrap();
    assert_eq!(n, 0);
    assert!(w.s.says("somebody", &format!("link {code}")).await.contains("Welcome, Ana!"));
}

#[tokio::test]
async fn what_was_done_before_counts_where_a_signature_is_demanded_only_if_it_was_signed() {
    let again = |id: &str, more: &str| {
        format!("{}recertify = {{ every = \"12 months\" }}\n{more}", REQUIREMENT.replace("fire-safety", id))
    };
    let (w, letters, ana, id) = office("").await;
    // Confirmed in the chat, and Ben's came with a file.
    let ben = w.s.hire("Ben", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana")]).await;
    training::complete(&w.s.db, &w.services, "Ben", "fire-safety", "operator", "on paper").await.unwrap();
    w.s.until("2026-11-24T09:00:00Z").await;
    let newest = async |person: &Person| w.of(person).await.pop().unwrap();
    w.apply(&again("fire-plain", "")).await;
    for person in [&ana, &ben] {
        assert_eq!(newest(person).await.state.name(), "completed", "nothing is demanded");
    }
    w.s.until("2026-11-25T09:00:00Z").await;
    let signed = again("fire-signed", BY_MAIL);
    let plan = training::apply(&w.s.db, &w.services, "r.toml", &signed, true).await.unwrap().requirements.remove(0);
    assert_eq!((plan.credit.len(), plan.assign.len()), (0, 2), "{plan:?}");
    w.apply(&signed).await;
    for person in [&ana, &ben] {
        let a = newest(person).await;
        assert_eq!((a.requirement.as_str(), a.state.name()), ("fire-signed", "assigned"));
        assert_eq!(
            a.reason,
            "because it is for everyone; when you completed the course before, you did not sign it as this asks for"
        );
    }
    // Ana signs. That counts for the next one, whose record says which signature it was.
    let id = newest(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    w.press("Ana", &format!("training page {id} 2")).await;
    w.press("Ana", &format!("training quiz {id}")).await;
    w.press("Ana", &format!("training answer {id} 1 0 1")).await;
    w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    w.press("Ana", &format!("training code {id}")).await;
    let done = w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana"), ("code", &letters.code())]).await;
    assert!(done.contains("completed on"), "{done}");
    w.s.until("2026-11-26T09:00:00Z").await;
    let third = again("fire-third", BY_MAIL);
    let plan = w.apply(&third).await.requirements.remove(0);
    assert_eq!((plan.credit.len(), plan.assign.len()), (1, 1), "{plan:?}");
    let credited = newest(&ana).await;
    assert_eq!((credited.requirement.as_str(), credited.state.name()), ("fire-third", "completed"));
    assert_eq!(newest(&ben).await.state.name(), "assigned");
    let records = |id: String| {
        let db = &w.s.db;
        async move { db.read(|c| async move { ledger::of_subject(&c, &format!("assignment/{id}")).await }).await.unwrap() }
    };
    let signature = records(id).await.into_iter().find(|r| r.kind == "attested").unwrap().id;
    let done = records(credited.id).await.pop().unwrap();
    assert_eq!(
        (done.data["attestation"].as_str(), &done.data["authentication"]),
        (Some(&*signature), &"mail-code".into())
    );

    // The course itself can demand it.
    w.s.until("2026-11-27T09:00:00Z").await;
    let level = "attestation_level = \"mail-code\"\n\n[[question]]";
    write_course(w.courses.path(), &COURSE.replacen("\n[[question]]", level, 1));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let plan = training::apply(&w.s.db, &w.services, "r.toml", &again("fire-fourth", ""), true).await.unwrap();
    let plan = &plan.requirements[0];
    assert_eq!((plan.credit.len(), plan.assign.len()), (1, 1), "{plan:?}");
}
