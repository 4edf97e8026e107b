//! A few small commands that use everything a chat can show.

use async_trait::async_trait;
use stoa_flow::Parts;
use stoa_flow::chat::{Args, Block, Button, Call, Command, Context, Field, FieldError, Form, Message, Style, literal};
use stoa_flow::delivery::NewDelivery;
use stoa_ground::{Error, Instant, Result};

pub fn parts() -> Parts {
    Parts { commands: vec![Box::new(Ask), Box::new(Tip), Box::new(Poll), Box::new(Later)], ..Parts::default() }
}

/// Answers with the question, a quote and buttons.
struct Ask;

#[async_trait]
impl Command for Ask {
    fn word(&self) -> &'static str {
        "ask"
    }

    fn about(&self) -> &'static str {
        "chat-help-about-ask"
    }

    fn public(&self) -> bool {
        true
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let message = Message::new()
            .heading("Booking a day off")
            .paragraph(format!("You asked: {}", literal(call.args.text())))
            .and(Block::Quote {
                text: "Book leave in **People**, at least *two weeks* ahead.\nYour manager answers within three working days.\n\n1. Open your calendar\n2. Choose the days\n3. Press `Request`".into(),
                source: Some("[Handbook › Leave](https://handbook.example/leave) · people/leave.md".into()),
            })
            .context("Checked on 2 November 2026 by the People team.")
            .buttons(vec![
                Button::primary("That helped", "poll yes"),
                Button::new("Not what I meant", "poll no"),
                Button { style: Style::Danger, ..Button::new("This is wrong", "poll wrong") },
            ]);
        cx.reply(message).await
    }
}

/// Opens a form; says what was saved so that only the author sees it.
struct Tip;

#[async_trait]
impl Command for Tip {
    fn word(&self) -> &'static str {
        "tip"
    }

    fn about(&self) -> &'static str {
        "chat-help-about-tip"
    }

    async fn form(&self, _cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        if call.args.split().0 == "refuse" {
            return Err(Error::invalid("no tips today"));
        }
        let mut text = Field::text("text", "What should others know?".into(), true, 500);
        if let (Some(message), stoa_flow::chat::FieldKind::Text { initial, .. }) = (&call.message, &mut text.kind) {
            initial.clone_from(&message.text);
        }
        let title = Field {
            hint: Some("A few words that others would search for.".into()),
            ..Field::text("title", "Title".into(), false, 60)
        };
        let area = Field::choice(
            "area",
            "Where does it help?".into(),
            vec![
                ("care".into(), "Customer care".into()),
                ("it".into(), "IT and systems".into()),
                ("people".into(), "People".into()),
            ],
        );
        Ok(Some(Form {
            command: "tip save".into(),
            title: "Share a tip".into(),
            intro: Some("Others find it in the next answer, with **your name**.".into()),
            fields: vec![title, text, area, Field::check("agree", "My team may translate it".into())],
            submit: "Share".into(),
        }))
    }

    async fn check(&self, _cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let title = call.values.as_ref().and_then(|v| v.get("title")).map_or("", String::as_str);
        let why = "There is a tip with this title already; please choose another.".to_owned();
        Ok(if title == "Twice" { vec![FieldError { field: "title".into(), why }] } else { Vec::new() })
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        if call.args.split().0 == "refuse" {
            return Err(Error::invalid("No tips today."));
        }
        let Some(values) = &call.values else {
            return cx
                .reply_private(Message::text("Here you go.").buttons(vec![Button::primary("Share a tip", "tip new")]))
                .await;
        };
        let title = values.get("title").map_or("", String::as_str);
        let agreed = if values.contains_key("agree") { "may" } else { "may not" };
        cx.reply_private(Message::text(format!("Saved “{}”; your team {agreed} translate it.", literal(title)))).await
    }
}

/// A message that is replaced when its button is pressed.
struct Poll;

#[async_trait]
impl Command for Poll {
    fn word(&self) -> &'static str {
        "poll"
    }

    fn about(&self) -> &'static str {
        "chat-help-about-did"
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty()
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let (choice, _) = call.args.split();
        let pressed = call.pressed.as_deref();
        cx.commit(|turn| {
            let choice = choice.clone();
            async move {
                if choice.is_empty() {
                    let buttons = vec![Button::primary("Yes", "poll yes"), Button::new("No", "poll no")];
                    return turn.reply(Message::text("Does it help?").buttons(buttons)).await;
                }
                turn.replace(pressed, Message::text(format!("Thank you for **{}**.", literal(&choice)))).await
            }
        })
        .await
    }
}

/// Says something in two hours, on the business clock.
struct Later;

#[async_trait]
impl Command for Later {
    fn word(&self) -> &'static str {
        "later"
    }

    fn about(&self) -> &'static str {
        "chat-help-about-learn"
    }

    async fn run(&self, cx: &Context<'_>, _call: &Call) -> Result<()> {
        let person = cx.person()?.id.clone();
        let payload = serde_json::to_value(Message::text("This is later."))?;
        cx.commit(|turn| {
            let (person, payload) = (person.clone(), payload.clone());
            async move {
                let key = format!("later/{person}/{}", turn.now());
                let due = Some(turn.now().plus(2 * Instant::HOUR));
                let delivery =
                    NewDelivery { key, kind: "reply", person: Some(person), payload, due, ..NewDelivery::default() };
                stoa_flow::delivery::enqueue(&turn, &delivery).await?;
                turn.reply(Message::text("In two hours.")).await
            }
        })
        .await
    }
}
