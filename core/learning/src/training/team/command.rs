//! `team`: how the own people stand, and what a manager can do about it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::ToSpan as _;
use stoa_flow::chat::{Args, Button, Call, Command, Context, FieldError, Form, Message, Panel, Prompt, Visit, literal};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Result};

use super::super::assignment::{self, Assignment, By};
use super::super::state::State;
use super::super::{completions, life, nudge, requirement};
use super::{digest, may_manage};
use crate::Services;

/// How many people are named.
const NAMED: usize = 12;
/// How many of them have buttons.
const WITH_BUTTONS: usize = 5;
/// The most people whose standing is worked out on their manager's page, which is shown again and again.
const AT_HOME: usize = 200;

/// The command `team`.
pub(in crate::training) struct Team(pub Arc<Services>);

/// One person's assignment in the overview.
struct Row {
    person: Person,
    a: Assignment,
    title: String,
}

#[async_trait]
impl Command for Team {
    fn word(&self) -> &'static str {
        "team"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-team")
    }

    async fn listed(&self, cx: &Context<'_>) -> Result<bool> {
        let Some(person) = &cx.known else { return Ok(false) };
        let id = &person.id;
        cx.db().read(|c| async move { Ok(!people::reports_of(&c, id).await?.is_empty()) }).await
    }

    fn accepts(&self, args: &Args) -> bool {
        args.text().is_empty()
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let Some((a, person)) = self.attested(cx, call).await?.filter(|(a, _)| a.state.is_open()) else {
            return Ok(None);
        };
        completions::form(cx, &a, &person).await.map(Some)
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let found = self.attested(cx, call).await?;
        Ok(found.map_or_else(Vec::new, |(_, person)| completions::check_form(cx, &self.0, &person, call)))
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "attest" => self.attest(cx, rest, call).await,
            "remind" => self.remind(cx, rest).await,
            "extend" => self.extend(cx, rest).await,
            "grant" => self.grant(cx, rest).await,
            _ => self.overview(cx).await,
        }
    }
}

/// The assignment that a button names and its person, when the actor may act on it.
async fn theirs(conn: &Conn, words: &Words, actor: &Person, id: &str) -> Result<(Assignment, Person)> {
    let refused = || Error::Forbidden(say!(words, "team-not-yours"));
    let a = assignment::by_id(conn, id).await?.ok_or_else(refused)?;
    let person = people::by_id(conn, &a.person).await?.ok_or_else(refused)?;
    if may_manage(conn, actor, &person).await? { Ok((a, person)) } else { Err(refused()) }
}

impl Team {
    /// Whom `team attest ID` is about, when the actor may say so.
    async fn attested(&self, cx: &Context<'_>, call: &Call) -> Result<Option<(Assignment, Person)>> {
        let (word, id) = call.args.split();
        if word != "attest" {
            return Ok(None);
        }
        let (words, actor) = (cx.words, cx.person()?);
        cx.db().read(|c| async move { theirs(&c, words, actor, id).await }).await.map(Some)
    }

    /// `team attest ID`: somebody above says that the person has done it elsewhere.
    async fn attest(&self, cx: &Context<'_>, id: &str, call: &Call) -> Result<()> {
        let (actor, s) = (cx.person()?, &self.0);
        cx.commit(|turn| async move {
            let (a, person) = theirs(&turn, cx.words, actor, id).await?;
            if call.values.is_none() && a.state.is_open() {
                return Err(Error::invalid(say!(cx.words, "team-attest-no-form")));
            }
            let text = completions::by_manager(&turn, cx, s, &a, &person, call).await?;
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    async fn remind(&self, cx: &Context<'_>, id: &str) -> Result<()> {
        let (manager, s) = (cx.person()?, &self.0);
        cx.commit(|turn| async move {
            let (a, person) = theirs(&turn, cx.words, manager, id).await?;
            let name = literal(&person.name);
            let today = s.organisation.calendar(&person).date(turn.now());
            let text = if !a.state.is_running() {
                say!(cx.words, "team-remind-not-needed", name = name)
            } else if nudge::by_manager(&turn, &a, today).await? {
                say!(cx.words, "team-reminded", name = name)
            } else {
                say!(cx.words, "team-remind-again", name = name)
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    /// `team extend ID DATE`: DATE is the due date that the button showed, so that a second press does nothing.
    async fn extend(&self, cx: &Context<'_>, args: &str) -> Result<()> {
        let (manager, s) = (cx.person()?, &self.0);
        let (id, shown) = args.split_once(' ').unwrap_or((args, ""));
        cx.commit(|turn| async move {
            let (a, person) = theirs(&turn, cx.words, manager, id).await?;
            let name = literal(&person.name);
            let today = s.organisation.calendar(&person).date(turn.now());
            let text = if !a.state.is_open() {
                say!(cx.words, "team-remind-not-needed", name = name)
            } else if a.due.date.to_string() != shown {
                say!(cx.words, "team-extended-already", name = name, due = cx.words.date(a.due.date))
            } else {
                let from = a.due.date.max(today);
                let to = from.checked_add(7.days()).unwrap_or(from);
                let by = By::person(&manager.id, "the manager gave seven more days");
                let a = life::extend(&turn, s, &person, &a, to, &by).await?;
                say!(cx.words, "team-extended", name = name, due = cx.words.date(a.due.date))
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    /// `team grant ID ATTEMPTS`: one more attempt at the quiz for somebody who has used ATTEMPTS.
    async fn grant(&self, cx: &Context<'_>, args: &str) -> Result<()> {
        let (manager, s) = (cx.person()?, &self.0);
        let (id, used) = args.split_once(' ').unwrap_or((args, ""));
        cx.commit(|turn| async move {
            let (a, person) = theirs(&turn, cx.words, manager, id).await?;
            let name = literal(&person.name);
            let stuck = super::super::stuck(&turn, &a).await?;
            let text = if stuck && a.attempts.to_string() == used {
                life::grant(&turn, s, &a, &By::person(&manager.id, "granted one more attempt at the quiz")).await?;
                say!(cx.words, "team-granted", name = name)
            } else {
                say!(cx.words, "team-grant-not-needed", name = name)
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    async fn overview(&self, cx: &Context<'_>) -> Result<()> {
        let (manager, words) = (cx.person()?, cx.words);
        let standing = cx.db().read(|c| async move {
            let tree = people::tree_of(&c, &manager.id).await?;
            Standing::of(&c, tree).await
        });
        let standing = standing.await?;
        if standing.people == 0 {
            return cx.reply_private(Message::text(say!(words, "team-nobody"))).await;
        }
        if standing.rows.is_empty() {
            return cx.reply_private(Message::text(say!(words, "team-nothing"))).await;
        }
        let today = cx.flow.organisation().calendar(manager).date(cx.db().clock().now());
        cx.reply_private(overview(words, &standing, today)).await
    }
}

#[async_trait]
impl Panel for Team {
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>> {
        let tree = people::tree_of(visit.conn, &visit.person.id).await?;
        if tree.len() > AT_HOME {
            let show = Button::new(say!(visit.words, "team-home-button"), "team");
            let title = say!(visit.words, "team-title", count = tree.len());
            return Ok(Some(Message::new().heading(title).buttons(vec![show])));
        }
        let standing = Standing::of(visit.conn, tree).await?;
        if standing.rows.is_empty() {
            return Ok(None);
        }
        let today = visit.organisation.calendar(visit.person).date(visit.conn.now());
        Ok(Some(overview(visit.words, &standing, today)))
    }

    async fn prompts(&self, visit: &Visit<'_>) -> Result<Vec<Prompt>> {
        let leads = !people::reports_of(visit.conn, &visit.person.id).await?.is_empty();
        Ok(leads.then(|| Prompt::new(say!(visit.words, "team-prompt"), "team")).into_iter().collect())
    }
}

/// How a manager's people stand.
struct Standing {
    people: usize,
    rows: Vec<Row>,
    /// The assignments of those who cannot go on without help.
    stuck: Vec<String>,
}

impl Standing {
    async fn of(conn: &Conn, tree: Vec<Person>) -> Result<Self> {
        let (mut rows, mut stuck) = (Vec::new(), Vec::new());
        if tree.is_empty() {
            return Ok(Self { people: 0, rows, stuck });
        }
        let requirements = requirement::all(conn).await?;
        let people = tree.len();
        for person in tree {
            for a in assignment::of_person(conn, &person.id).await? {
                let Some(r) = requirements.iter().find(|r| r.id == a.requirement && r.active) else { continue };
                if a.state == State::Retired {
                    continue;
                }
                if super::super::stuck(conn, &a).await? {
                    stuck.push(a.id.clone());
                }
                rows.push(Row { person: person.clone(), a, title: r.title.clone() });
            }
        }
        Ok(Self { people, rows, stuck })
    }
}

fn overview(words: &Words, standing: &Standing, today: jiff::civil::Date) -> Message {
    let Standing { people, rows, stuck } = standing;
    let mut message = Message::new().heading(say!(words, "team-title", count = *people));
    let mut titles: Vec<&str> = rows.iter().map(|r| r.title.as_str()).collect();
    titles.sort_unstable();
    titles.dedup();
    let mut counts = Vec::new();
    for title in titles {
        let of = |states: &[State]| rows.iter().filter(|r| r.title == title && states.contains(&r.a.state)).count();
        let all = rows.iter().filter(|r| r.title == title && r.a.state != State::Exempt).count();
        counts.push(format!(
            "- {}",
            say!(
                words,
                "team-count",
                title = literal(title),
                done = of(&[State::Completed]),
                all = all,
                overdue = of(&[State::Overdue]),
                away = of(&[State::OnLeave]),
                exempt = of(&[State::Exempt])
            )
        ));
    }
    message = message.paragraph(counts.join("\n"));
    let mut missing: Vec<&Row> = rows.iter().filter(|r| r.a.state.is_open()).collect();
    missing.sort_by_key(|r| (r.a.state != State::Overdue, r.a.due.at));
    if missing.is_empty() {
        return message.paragraph(say!(words, "team-all-done"));
    }
    for (n, row) in missing.iter().take(NAMED).enumerate() {
        let (name, title) = (literal(&row.person.name), literal(&row.title));
        let due = words.day(row.a.due.date, today);
        let text = match row.a.state {
            State::Overdue => say!(words, "team-row-overdue", name = name, title = title, due = due),
            State::OnLeave => say!(words, "team-row-away", name = name, title = title),
            State::InProgress => say!(words, "team-row-started", name = name, title = title, due = due),
            _ => say!(words, "team-row-open", name = name, title = title, due = due),
        };
        message = message.paragraph(text);
        if n < WITH_BUTTONS && row.a.state.is_running() {
            let mut buttons = digest::buttons(words, &row.a);
            buttons.push(Button::new(say!(words, "team-attest-button"), format!("team attest {}", row.a.id)));
            if stuck.contains(&row.a.id) {
                let command = format!("team grant {} {}", row.a.id, row.a.attempts);
                buttons.push(Button::new(say!(words, "team-grant-button"), command));
            }
            message = message.buttons(buttons);
        }
    }
    if missing.len() > NAMED {
        message = message.context(say!(words, "team-digest-more", count = missing.len() - NAMED));
    }
    message
}
