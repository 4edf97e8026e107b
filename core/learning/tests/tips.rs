//! Tips, discussions, logged experience and one's own data, as conversations.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use serde_json::Value as Json;
use stoa_flow::chat::{Event, Message, Opened, Place, ThreadMessage};
use stoa_flow::testing::{Stage, account, channel, direct, without_ids};
use stoa_ground::args;
use stoa_ground::people::{self, Role};
use stoa_ground::xapi::Emitter;
use stoa_learning::search::Index;
use stoa_learning::{Services, ledger, parts};

const TIP: &str = "If the label printer Zebra blinks red, hold the feed key for 4 seconds until it reloads the roll.";

struct Office {
    stage: Stage,
    services: Arc<Services>,
}

impl std::ops::Deref for Office {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Office {
    /// Everybody has met the bot already.
    async fn open(names: &[&str]) -> Self {
        let services = Arc::new(Services {
            ledger: ledger(),
            emitter: Emitter::new("https://learn.example.org").unwrap(),
            training: Default::default(),
            organisation: stoa_flow::testing::organisation(),
            index: Index::in_memory().unwrap(),
            asking: Default::default(),
            mail: false,
            sign_in: None,
        });
        let office = Self { stage: Stage::new(|_| parts(&services)).await, services };
        for name in names {
            office.hire(name, |_| {}).await;
            office.says(name, "help").await;
        }
        office.until("2026-11-23T11:00:00Z").await;
        office
    }

    async fn asks(&self, who: &str, question: &str) -> String {
        self.services.index.catch_up(&self.db).await.unwrap();
        self.says(who, question).await
    }

    async fn grant(&self, name: &str, role: Role) {
        let (services, db) = (&self.services, &self.db);
        db.write(|tx| async move {
            let person = people::find(&tx, name).await?;
            people::grant(&tx, &services.ledger, &person, role, "operator", "for a test").await
        })
        .await
        .unwrap();
    }

    /// The statements that count, oldest first: actor, verb, and the response or the members.
    async fn statements(&self, verb: &str) -> Vec<Json> {
        let rows = self
            .db
            .all("SELECT body FROM statement WHERE voided = 0 AND voids IS NULL ORDER BY position", args![])
            .await
            .unwrap();
        let bodies = rows.iter().map(|r| r.get::<Json>("body").unwrap());
        bodies.filter(|b| b["verb"]["id"].as_str().unwrap().ends_with(verb)).collect()
    }

    async fn voided(&self) -> usize {
        self.db.all("SELECT id FROM statement WHERE voided = 1", args![]).await.unwrap().len()
    }

    async fn shortcut(&self, user: &str, place: &Place, command: &str, on: &str, author: &str, text: &str) -> Opened {
        let message = ThreadMessage {
            id: on.into(),
            author: Some(account(author)),
            name: author.into(),
            text: text.into(),
            at: self.db.clock().now(),
        };
        self.event(user, place.clone(), Event::Shortcut { command: command.into(), message }).await
    }

    fn last(&self, user: &str) -> Message {
        self.to(user).pop().unwrap().message
    }
}

/// The command line of the button with this label.
fn press(text: &str, label: &str) -> String {
    let from = format!("[{label}: ");
    let rest = text.split(&from).nth(1).unwrap_or_else(|| panic!("no button '{label}' in: {text}"));
    rest.split(']').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_tip_is_found_by_the_next_question_with_label_and_name_until_its_author_withdraws_it() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let preview = o.says("Ana", &format!("tip {TIP}")).await;
    assert!(preview.contains("Shall I share it?") && preview.contains("hold the feed key"), "{preview}");
    assert!(o.asks("Bea", "Why does the label printer blink red?").await.starts_with("I don’t know"), "not shared yet");

    o.presses("Ana", &press(&preview, "Share")).await;
    assert!(o.last("Ana").plain().starts_with("Thank you! Your tip is shared"));
    o.presses("Ana", &press(&preview, "Share")).await;
    assert_eq!(o.statements("shared").await.len(), 1, "pressing twice shares once");

    let answer = o.asks("Bea", "What to do when the label printer blinks red?").await;
    assert!(answer.contains("hold the feed key for 4 seconds"), "{answer}");
    assert!(answer.contains("(tip by Ana, a colleague; not yet checked)"), "{answer}");
    let withdrawn = o.says("Ana", "tip mine").await;
    o.presses("Ana", &press(&withdrawn, "Withdraw")).await;
    assert_eq!(o.last("Ana").plain(), "Your tip is withdrawn. Nobody finds it any more.");
    let posted = o.last("Bea").plain();
    assert!(posted.starts_with("What I had quoted here has changed or was withdrawn."), "{posted}");
    let again = o.asks("Bea", "What to do when the label printer blinks red?").await;
    assert!(again.starts_with("I don’t know") && !again.contains("printer"), "{again}");
    assert_eq!(o.statements("shared").await.len(), 0);
    for table in ["SELECT text FROM passage", "SELECT text FROM tip"] {
        let kept = o.db.all(table, args![]).await.unwrap();
        assert!(kept.iter().all(|r| !r.get::<String>("text").unwrap().contains("Zebra")), "{table}");
    }
}

#[tokio::test]
async fn the_form_shares_at_once_and_an_edit_replaces_words_and_statement() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let shared = o.fills("Ana", "tip", &[("text", TIP), ("topic", "Label printer")]).await;
    assert!(shared.starts_with("Thank you! Your tip is shared"), "{shared}");
    let first = o.statements("shared").await;
    assert_eq!(first[0]["context"]["extensions"]["http://id.tincanapi.com/extension/topic"], "Label printer");
    assert!(!first[0].to_string().contains("Zebra"), "a tip's text is in no statement");

    let edit = press(&shared, "Change");
    o.fills("Ana", &edit, &[("text", "If the Zebra blinks red, change the roll."), ("topic", "Label printer")]).await;
    let now = o.statements("shared").await;
    assert_eq!((now.len(), o.voided().await), (1, 1));
    assert_ne!(now[0]["context"]["revision"], first[0]["context"]["revision"]);
    let answer = o.asks("Bea", "What if the Zebra label printer blinks red?").await;
    assert!(answer.contains("change the roll") && !answer.contains("feed key"), "{answer}");

    let stranger = o.says("Bea", &press(&shared, "Withdraw")).await;
    assert_eq!(stranger, "This tip is no longer there.", "only the author may withdraw a tip");
    assert_eq!(o.statements("shared").await.len(), 1);
}

#[tokio::test]
async fn tips_are_refused_kindly_when_they_are_empty_or_too_long_and_questions_about_tips_are_questions() {
    let o = Office::open(&["Ana"]).await;
    assert!(o.says("Ana", &format!("tip {}", "x".repeat(1_501))).await.starts_with("That is too long for a tip."));
    assert_eq!(o.says("Ana", "tip 🙂").await, "A tip needs some words.");
    assert!(o.says("Ana", "tip").await.contains("[Write a tip: tip write]"));
    assert!(o.says("Ana", "tip for the taxi?").await.starts_with("I don’t know"));
    let Opened::Form(form) =
        o.event("Ana", direct("Ana"), Event::Command { word: "tip".into(), args: String::new() }).await
    else {
        panic!("no form")
    };
    let sent = Event::Submit { command: form.command, values: [("text".to_owned(), " \n".to_owned())].into() };
    let Opened::Errors(errors) = o.event("Ana", direct("Ana"), sent).await else { panic!("accepted") };
    assert_eq!(errors[0].why, "A tip needs some words.");
}

#[tokio::test]
async fn html_mentions_and_hidden_characters_in_a_tip_are_shown_and_do_nothing() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let text = "Restart the kiosk with <script>alert(1)</script> @everyone [x](javascript:y)\u{202e} <@U1> `k`\u{7}";
    let preview = o.says("Ana", &format!("tip {text}")).await;
    o.presses("Ana", &press(&preview, "Share")).await;
    let answer = o.asks("Bea", "How do I restart the kiosk?").await;
    assert!(
        answer.contains(
            "Restart the kiosk with \\<script\\>alert\\(1\\)\\</script\\> \\@everyone \\[x\\]\\(javascript:y\\) \\<\\@U1\\> \\`k\\`"
        ),
        "{answer}"
    );
}

#[tokio::test]
async fn an_expert_checks_a_tip_and_everyone_rates_it_once() {
    let o = Office::open(&["Ana", "Bea", "Eva"]).await;
    o.grant("Eva", Role::Expert).await;
    o.fills("Ana", "tip", &[("text", TIP)]).await;
    let question = "What to do when the label printer blinks red?";
    let answer = o.asks("Bea", question).await;
    let shown = o.presses("Bea", &press(&answer, "See the tip")).await;
    assert!(!shown.contains("It is correct"), "{shown}");
    o.presses("Bea", &press(&shown, "Useful")).await;
    o.presses("Bea", &press(&shown, "Useful")).await;
    assert!(o.last("Bea").plain().contains("1 of one person found this useful."), "{}", o.last("Bea").plain());
    o.presses("Bea", &press(&shown, "Not useful")).await;
    assert!(o.last("Bea").plain().contains("0 of one person"), "{}", o.last("Bea").plain());
    assert_eq!((o.statements("voted-up").await.len(), o.statements("voted-down").await.len()), (0, 1));
    let verify = press(&shown, "Useful").replace("up", "verify");
    assert!(o.says("Bea", &verify).await.starts_with("Only the learning team and experts can do this."));
    let own = o.says("Ana", &press(&shown, "Useful")).await;
    assert_eq!(own, "This is your own tip. The others rate it.");

    let review = o.says("Eva", "/tip review").await;
    o.presses("Eva", &press(&review, "It is correct")).await;
    assert_eq!(o.statements("verified-content").await.len(), 1);
    let checked = o.asks("Bea", question).await;
    assert!(checked.contains("(tip by Ana)") && !checked.contains("not yet checked"), "{checked}");
}

#[tokio::test]
async fn a_colleagues_message_becomes_a_tip_only_when_they_agree() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let desk = channel("desk");
    let id = o.posts("Ana", &desk, TIP).await;
    o.shortcut("Bea", &desk, "tip from", &id, "Ana", TIP).await;
    assert_eq!(o.news("Bea"), "Good find. I ask Ana whether it may be shared as a tip, in their name.");
    assert!(o.asks("Bea", "Why does the label printer blink red?").await.starts_with("I don’t know"));
    // Ana has just been busy; the request waits for a good moment.
    assert_eq!(o.news("Ana"), "");
    o.until("2026-11-23T13:00:00Z").await;
    let request = o.news("Ana");
    assert!(request.starts_with("Bea would like to have this message of yours as a tip for everyone."), "{request}");
    assert!(request.contains("[Why this?: why social/tip/"), "{request}");
    let stolen = o.says("Bea", &press(&request, "Share it")).await;
    assert_eq!(stolen, "This tip is no longer there.", "nobody else can agree");

    o.presses("Ana", &press(&request, "Share it")).await;
    assert!(o.last("Ana").plain().starts_with("Thank you! Your message is shared as a tip"));
    let question = "What to do when the label printer blinks red?";
    assert!(o.asks("Bea", question).await.contains("(tip by Ana"));
    // What Ana edits or deletes in the chat follows.
    o.event(
        "Ana",
        desk.clone(),
        Event::Edited { id: id.clone(), text: "If the label printer blinks red, ring IT.".into() },
    )
    .await;
    assert!(o.asks("Bea", question).await.contains("ring IT"));
    o.event("Ana", desk.clone(), Event::Deleted { id: id.clone() }).await;
    assert!(o.asks("Bea", question).await.starts_with("I don’t know"));
    assert_eq!(o.statements("shared").await.len(), 0);
    o.shortcut("Bea", &desk, "tip from", &id, "Ana", TIP).await;
    assert_eq!(o.news("Bea"), "This message cannot be shared as a tip.");
}

#[tokio::test]
async fn a_declined_suggestion_keeps_nothing() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let desk = channel("desk");
    o.shortcut("Bea", &desk, "tip from", "m77", "Ana", TIP).await;
    o.until("2026-11-23T13:00:00Z").await;
    let request = o.news("Ana");
    o.presses("Ana", &press(&request, "No, thanks")).await;
    assert_eq!(o.last("Ana").plain(), "All right, it is not shared and I kept nothing.");
    let kept = o.db.opt("SELECT text FROM tip", args![]).await.unwrap().unwrap();
    assert_eq!(kept.get::<String>("text").unwrap(), "");
    o.shortcut("Bea", &desk, "tip from", "m78", "Nobody", TIP).await;
    assert!(o.news("Bea").contains("I do not know who wrote this"));
}

/// A thread of three people in which Ana logs the discussion; gives the messages' ids.
async fn discuss(o: &Office) -> (Place, Vec<String>) {
    let root =
        o.posts("Ana", &channel("desk"), "The walnut bench arrived twice. What do we do about the second one?").await;
    let thread = Place { thread: Some(root.clone()), ..channel("desk") };
    let mut ids = vec![root];
    ids.push(o.posts("Bea", &thread, "Collect the second bench free of charge, it was our warehouse mistake.").await);
    ids.push(o.posts("Cem", &thread, "Or let the customer keep it for the price of the spare parts.").await);
    ids.push(o.posts("Outsider", &thread, "I am from another company.").await);
    o.until("2026-11-23T13:30:00Z").await;
    let Opened::Form(form) = o.shortcut("Ana", &thread, "discussion log", &ids[2], "Cem", "…").await else {
        panic!("no form")
    };
    let values = [("title".to_owned(), "The bench that arrived twice".to_owned())].into();
    o.event("Ana", thread.clone(), Event::Submit { command: form.command, values }).await;
    (thread, ids)
}

#[tokio::test]
async fn a_logged_thread_is_one_group_statement_and_one_for_each_who_agrees() {
    let o = Office::open(&["Ana", "Bea", "Cem"]).await;
    let (_, _) = discuss(&o).await;
    let said = o.news("Ana");
    assert!(said.starts_with("“The bench that arrived twice” is logged. I ask 2 people"), "{said}");
    let group = o.statements("discussed").await;
    assert_eq!(group.len(), 1);
    assert_eq!(group[0]["actor"]["objectType"], "Group");
    assert!(group[0]["actor"]["account"]["name"].as_str().unwrap().starts_with("discussion/"));
    assert_eq!(group[0]["actor"]["member"].as_array().unwrap().len(), 1, "only Ana has agreed, by logging it");
    assert_eq!(o.statements("commented").await.len(), 1);
    let texts = o.db.all("SELECT text FROM discussion_message WHERE text IS NOT NULL", args![]).await.unwrap();
    assert_eq!(texts.len(), 1, "nothing is kept of what the others wrote");

    o.until("2026-11-23T14:45:00Z").await;
    let request = o.news("Bea");
    assert!(request.starts_with("Ana logged the discussion “The bench that arrived twice”"), "{request}");
    o.presses("Bea", &press(&request, "Yes")).await;
    o.presses("Bea", &press(&request, "Yes")).await;
    let refusal = o.news("Cem");
    o.presses("Cem", &press(&refusal, "No")).await;
    assert_eq!(o.last("Cem").plain(), "All right, your messages are not part of “The bench that arrived twice”.");

    let group = o.statements("discussed").await;
    assert_eq!(group.len(), 1, "the group's statement was replaced");
    // The members of a group have no order (xAPI, 4.2.2.2).
    let mut names: Vec<&str> =
        group[0]["actor"]["member"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ana", "Bea"]);
    let comments = o.statements("commented").await;
    assert_eq!(comments.len(), 2);
    assert_eq!(comments[1]["actor"]["name"], "Bea");
    assert_eq!(
        comments[1]["result"]["response"],
        "Collect the second bench free of charge, it was our warehouse mistake."
    );

    let answer = o.asks("Cem", "What do we do when a bench arrived twice by a warehouse mistake?").await;
    assert!(answer.contains("free of charge") && !answer.contains("spare parts"), "{answer}");
    assert!(answer.contains("(from a discussion among colleagues; not checked)"), "{answer}");

    let mine = o.says("Bea", "discussion mine").await;
    o.presses("Bea", &press(&mine, "Withdraw")).await;
    assert_eq!(o.statements("commented").await.len(), 1);
    assert_eq!(o.statements("withdrew-consent").await.len(), 1);
    assert_eq!(o.statements("discussed").await[0]["actor"]["member"].as_array().unwrap().len(), 1);
    let kept = "SELECT COUNT(*) AS n FROM question WHERE answer LIKE '%free of charge%'";
    let kept = o.db.opt(kept, args![]).await.unwrap().unwrap().get::<i64>("n").unwrap();
    assert_eq!(kept, 0, "what was answered before does not keep her words");
    let after = o.asks("Cem", "Is a bench collected free of charge after a warehouse mistake?").await;
    assert!(!after.contains("free of charge"), "{after}");
}

#[tokio::test]
async fn edits_and_deletions_in_a_logged_thread_follow_through() {
    let o = Office::open(&["Ana", "Bea", "Cem"]).await;
    let (thread, ids) = discuss(&o).await;
    o.until("2026-11-23T14:45:00Z").await;
    let request = o.news("Bea");
    o.presses("Bea", &press(&request, "Always yes")).await;
    assert_eq!(o.statements("commented").await.len(), 2);
    let edited = Event::Edited { id: ids[1].clone(), text: "Collect it, and say sorry with a voucher.".into() };
    o.event("Bea", thread.clone(), edited.clone()).await;
    o.event("Bea", thread.clone(), edited).await;
    let comments = o.statements("commented").await;
    assert_eq!(comments.len(), 2, "voided and replaced");
    assert_eq!(comments[1]["result"]["response"], "Collect it, and say sorry with a voucher.");
    assert_eq!(o.statements("discussed").await.len(), 1);
    let voided = o.voided().await;

    // Cem has not agreed: an edit of his makes no statement.
    o.event("Cem", thread.clone(), Event::Edited { id: ids[2].clone(), text: "Never mind.".into() }).await;
    assert_eq!(o.voided().await, voided);
    o.event("Bea", thread.clone(), Event::Deleted { id: ids[1].clone() }).await;
    let comments = o.statements("commented").await;
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0]["actor"]["name"], "Ana");
    let kept = o.db.all("SELECT text FROM passage", args![]).await.unwrap();
    assert!(kept.iter().all(|r| !r.get::<String>("text").unwrap().contains("Collect")));
}

#[tokio::test]
async fn whoever_said_never_is_not_asked_again_and_a_forged_form_logs_no_foreign_thread() {
    let o = Office::open(&["Ana", "Bea", "Cem", "Dan"]).await;
    let (thread, _) = discuss(&o).await;
    o.until("2026-11-23T14:45:00Z").await;
    let request = o.news("Bea");
    o.presses("Bea", &press(&request, "Never ask me")).await;
    o.news("Cem");
    let forged = format!("discussion save desk {}", thread.thread.clone().unwrap());
    let values = [("title".to_owned(), "Mine now".to_owned())].into();
    o.event("Dan", direct("Dan"), Event::Submit { command: forged, values }).await;
    assert!(o.news("Dan").starts_with("I cannot log this thread for you from here."));

    let root = o.posts("Ana", &channel("desk"), "Another thing: who has the key of the van?").await;
    let other = Place { thread: Some(root), ..channel("desk") };
    o.posts("Bea", &other, "It hangs behind the door.").await;
    let typed = Event::Message { id: "u-log".into(), text: "discussion log The key of the van".into(), to_bot: true };
    o.event("Ana", other.clone(), typed).await;
    assert!(o.news("Ana").contains("“The key of the van” is logged. Nobody else has to be asked."));
    o.until("2026-11-25T14:45:00Z").await;
    assert_eq!(o.news("Bea").matches("Ana logged the discussion").count(), 0);
    assert!(o.says("Ana", "discussion log").await.starts_with("Say **discussion log** inside a thread"));
}

#[tokio::test]
async fn what_somebody_did_is_confirmed_by_a_colleague_who_is_in_the_statement() {
    let o = Office::open(&["Ana", "Bea"]).await;
    let values = [("text", "Shadowed the night shift"), ("day", "2026-11-20"), ("minutes", "240")];
    let logged = o.fills("Ana", "did", &values).await;
    assert!(logged.starts_with("Well done.") && logged.contains("240 minutes"), "{logged}");
    let first = o.statements("experienced").await;
    assert_eq!(first[0]["result"]["duration"], "PT14400S");
    assert_eq!(first[0]["timestamp"], "2026-11-20T12:00:00.000Z");
    assert!(first[0]["context"]["contextActivities"]["category"].to_string().contains("category/informal"));

    let asked = o.fills("Ana", &press(&logged, "Ask a colleague to confirm"), &[("colleague", "Bea")]).await;
    assert_eq!(asked, "I ask Bea.");
    o.until("2026-11-23T13:00:00Z").await;
    let request = o.news("Bea");
    assert!(request.starts_with("Ana says that they did this. Can you confirm it?"), "{request}");
    let confirm = press(&request, "Yes, I confirm it");
    assert_eq!(o.says("Ana", &confirm).await, "This entry is no longer there.", "nobody confirms their own");
    o.presses("Bea", &confirm).await;
    o.presses("Bea", &confirm).await;
    assert_eq!(o.last("Bea").plain(), "You confirmed it for Ana. Thank you!");
    let now = o.statements("experienced").await;
    assert_eq!((now.len(), o.voided().await), (1, 1));
    assert_eq!(now[0]["context"]["instructor"]["name"], "Bea");

    let quick = o.says("Ana", "did Read the new returns rule twice").await;
    assert!(quick.contains("Read the new returns rule twice"), "{quick}");
    assert!(o.says("Ana", "did you see the van?").await.starts_with("I don’t know"));
    let Opened::Form(form) =
        o.event("Ana", direct("Ana"), Event::Command { word: "did".into(), args: String::new() }).await
    else {
        panic!("no form")
    };
    let wrong = [("text", "x"), ("day", "2027-01-01"), ("minutes", "-3"), ("link", "javascript:x")];
    let values = wrong.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let Opened::Errors(errors) = o.event("Ana", direct("Ana"), Event::Submit { command: form.command, values }).await
    else {
        panic!("accepted")
    };
    assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["day", "minutes", "link"]);
    assert!(o.says("Ana", "did mine").await.contains("confirmed"));
}

#[tokio::test]
async fn my_data_is_told_exported_and_erased_where_it_is_voluntary() {
    let o = Office::open(&["Ana", "Bea", "Cem"]).await;
    discuss(&o).await;
    o.fills("Ana", "tip", &[("text", "Use ``` for code, and the Zebra for labels.")]).await;
    o.asks("Ana", "Where is the secret garden of the gnomes?").await;
    o.says("Ana", "did Watched the forklift").await;
    let told = o.says("Ana", "mydata").await;
    for part in ["one question that you asked", "one tip of yours, and no ratings", "one discussion", "one experience"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let export = o.presses("Ana", "mydata export").await;
    let json: Vec<Json> =
        export.lines().filter(|l| l.starts_with('{')).map(|l| serde_json::from_str(l).unwrap()).collect();
    let kinds: Vec<&str> = json.iter().map(|v| v["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["person", "setting", "question", "tip", "discussion", "experience", "counts"]);
    assert_eq!(json[3]["text"], "Use ``` for code, and the Zebra for labels.");
    assert_eq!(export.matches("```").count(), 2, "the code block is not ended by what it holds");

    let sure = o.says("Ana", "mydata erase").await;
    assert!(sure.contains("Records of required training stay"), "{sure}");
    o.presses("Ana", &press(&sure, "Yes, erase")).await;
    let done = o.last("Ana").plain();
    assert!(done.starts_with("It is erased") && done.contains("Records of required training stay"), "{done}");
    let told = o.says("Ana", "mydata").await;
    for part in ["no questions", "no tips", "no discussions", "no logged experience"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let answer = o.asks("Bea", "Is the Zebra for labels?").await;
    assert!(answer.contains("I don’t know") && !answer.contains("code"), "{answer}");
    for verb in ["shared", "asked", "commented", "experienced"] {
        let left = o.statements(verb).await;
        assert!(left.iter().all(|s| s["actor"]["name"] != "Ana"), "{verb}: {left:?}");
    }
    let gaps = o.db.all("SELECT text FROM gap", args![]).await.unwrap();
    assert!(gaps.iter().all(|g| !g.get::<String>("text").unwrap().contains("gnomes")));
}

impl Office {
    async fn reacts(&self, user: &str, place: &Place, message: &str, emoji: &str, added: bool) {
        let event = Event::Reaction { message: message.into(), emoji: emoji.into(), added };
        self.event(user, place.clone(), event).await;
        self.flow.settle().await.unwrap();
    }
}

#[tokio::test]
async fn a_reaction_asks_the_author_once_and_nothing_is_kept_until_they_agree() {
    let o = Office::open(&["Ana", "Bea", "Cem"]).await;
    let place = channel("warehouse");
    let said = o.posts("Ana", &place, TIP).await;
    o.reacts("Bea", &place, &said, "bulb", true).await;
    o.reacts("Cem", &place, &said, "💡", true).await;
    o.reacts("Cem", &place, &said, "🎉", true).await;
    o.until("2026-11-24T12:00:00Z").await;
    let asked = o.news("Ana");
    insta::assert_snapshot!(without_ids(&asked), @r#"
    Bea would like to have this message of yours as a tip for everyone. May I share it, in your name?
    > If the label printer Zebra blinks red, hold the feed key for 4 seconds until it reloads the roll.
    Everyone here could find it, with your name. You can change or withdraw it at any time. If you say no, I keep nothing.
    [Share it: tip agree ID]
    [No, thanks: tip decline ID]
    [Why this?: why social/tip/ID]
    "#);
    assert!(o.asks("Cem", "Why does the label printer blink red?").await.starts_with("I don’t know"));
    assert!(o.messages_in(&place).len() == 1, "nobody is told in the channel");
    o.presses("Ana", &press(&asked, "Share it")).await;
    assert!(o.asks("Cem", "Why does the label printer blink red?").await.contains("hold the feed key"));
}

#[tokio::test]
async fn whoever_asked_says_which_answer_helped_and_with_consent_the_next_one_finds_it() {
    let o = Office::open(&["Ana", "Bea", "Cem"]).await;
    let place = channel("warehouse");
    let question = o.posts("Bea", &place, "Why does the label printer Zebra blink red all the time?").await;
    let thread = Place { thread: Some(question.clone()), ..place.clone() };
    let answer = o.posts("Ana", &thread, "Hold the feed key for 4 seconds until it reloads the roll.").await;
    o.reacts("Cem", &thread, &answer, "✅", true).await;
    o.reacts("Ana", &thread, &answer, "white_check_mark", true).await;
    o.reacts("Bea", &thread, &question, "✅", true).await;
    o.until("2026-11-24T12:00:00Z").await;
    assert!(!o.news("Ana").contains("answered"), "only who asked says it, and not of the question");
    o.reacts("Bea", &thread, &answer, "✅\u{fe0f}", true).await;
    o.reacts("Bea", &thread, &answer, "✅", false).await;
    o.reacts("Bea", &thread, &answer, "✅", true).await;
    o.until("2026-11-25T12:00:00Z").await;
    assert!(!o.news("Ana").contains("answered"), "what was taken back is not asked");

    let second =
        o.posts("Ana", &thread, "Hold the feed key for 4 seconds. Then it reloads the roll of the printer.").await;
    o.reacts("Bea", &thread, &second, "✅", true).await;
    o.until("2026-11-26T12:00:00Z").await;
    let asked = o.news("Ana");
    insta::assert_snapshot!(without_ids(&asked), @r#"
    Bea says that this answered “Why does the label printer Zebra blink red all the time?”. May I keep your answer for everyone who asks that, in your name?
    > Hold the feed key for 4 seconds. Then it reloads the roll of the printer.
    Everyone here could find it, with your name. You can change or withdraw it at any time. If you say no, I keep nothing.
    [Share it: tip agree ID]
    [No, thanks: tip decline ID]
    [Why this?: why social/tip/ID]
    "#);
    o.presses("Ana", &press(&asked, "Share it")).await;
    let found = o.asks("Cem", "Zebra printer blinks red?").await;
    assert!(
        found.contains("Hold the feed key for 4 seconds") && found.contains("Why does the label printer"),
        "{found}"
    );
}

#[tokio::test]
async fn all_of_ones_own_tips_can_be_seen() {
    let office = Office::open(&["Ana"]).await;
    for n in 0..10 {
        let preview = office.says("Ana", &format!("tip Keep label roll {n} in the drawer below the printer.")).await;
        office.presses("Ana", &press(&preview, "Share")).await;
    }
    let first = office.says("Ana", "tip mine").await;
    assert_eq!(first.matches("tip withdraw ").count(), 8, "{first}");
    assert!(first.contains("[Show more: tip mine 8]"), "{first}");
    let rest = office.presses("Ana", "tip mine 8").await;
    assert_eq!(rest.matches("tip withdraw ").count(), 2, "{rest}");
    assert!(!rest.contains("Show more"), "{rest}");
}
