//! `team`: how the own people stand, and what a manager can do about it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::ToSpan as _;
use stoa_flow::chat::{
    Args, Button, Call, Command, Context, FieldError, Form, Message, Panel, Prompt, Suggestion, Visit, literal,
};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Result};

use super::super::assignment::{self, Assignment, By};
use super::super::{completions, life, nudge, requests, requirement, statements};
use super::standing::Page;
use super::{Standing, delegate, delegation, digest, grant, may_manage, more};
use crate::Services;

/// The most people whose standing is worked out on their manager's page, which is shown again and again.
const AT_HOME: usize = 200;

/// The most words of a name after `team`.
const NAME_WORDS: usize = 5;

/// The command `team`.
pub(in crate::training) struct Team(pub Arc<Services>);

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
        cx.db()
            .read(|c| async move {
                Ok(people::leads(&c, id).await? || !delegation::by_delegate(&c, id).await?.is_empty())
            })
            .await
    }

    /// "team Nora" is meant for it where there is a Nora; "team budget" is a question.
    fn accepts(&self, args: &Args) -> bool {
        let text = args.text();
        !text.ends_with('?') && text.split_whitespace().count() <= NAME_WORDS
    }

    async fn is_meant(&self, cx: &Context<'_>, args: &Args) -> Result<bool> {
        let named = args.text();
        if matches!(named, "" | "delegate") {
            return Ok(true);
        }
        let (person, s) = (cx.person()?, &self.0);
        cx.db().read(|c| async move { Ok(!matches!(meant(&c, s, person, named).await?, Meant::Nobody)) }).await
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        if let (word, rest) = call.args.split()
            && word == "more"
        {
            return more::form(cx, &self.0, rest).await;
        }
        if call.args.text() == "delegate" {
            return delegate::form(cx).await;
        }
        let Some((a, person)) = self.attested(cx, call).await?.filter(|(a, _)| a.state.is_open()) else {
            return Ok(None);
        };
        completions::form(cx, &a, &person).await.map(Some)
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        if let (word, rest) = call.args.split()
            && word == "more"
        {
            return more::check(cx, &self.0, rest, call).await;
        }
        if call.args.text() == "delegate" {
            return delegate::check(cx, &self.0, call).await;
        }
        let found = self.attested(cx, call).await?;
        Ok(found.map_or_else(Vec::new, |(_, person)| completions::check_form(cx, &self.0, &person, call)))
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "attest" => self.attest(cx, rest, call).await,
            "remind" => self.remind(cx, rest).await,
            "extend" => self.extend(cx, rest).await,
            "grant" => grant::run(cx, &self.0, rest).await,
            "from" => self.overview(cx, rest.parse().unwrap_or(0)).await,
            "more" => more::run(cx, &self.0, rest, call).await,
            "delegate" => delegate::run(cx, &self.0, rest, call).await,
            "" => self.overview(cx, 0).await,
            _ => self.of_one(cx, call.args.text()).await,
        }
    }

    /// Whose standing could be meant: those whom `team` shows, by name.
    async fn suggest(&self, cx: &Context<'_>, typed: &str) -> Result<Vec<Suggestion>> {
        let id = &cx.person()?.id;
        let tree = cx.db().read(|c| async move { delegation::team_of(&c, id).await }).await?;
        let all = tree.into_iter().map(|p| Suggestion { label: p.name, value: p.employee_id });
        Ok(Suggestion::fitting(all, typed))
    }
}

/// The assignment that a button names and its person, when the actor may act on it.
pub(super) async fn theirs(
    conn: &Conn,
    s: &Services,
    words: &Words,
    actor: &Person,
    id: &str,
) -> Result<(Assignment, Person)> {
    let refused = || Error::Forbidden(say!(words, "team-not-yours"));
    let a = assignment::by_id(conn, id).await?.ok_or_else(refused)?;
    let person = people::by_id(conn, &a.person).await?.ok_or_else(refused)?;
    if may_manage(conn, s, actor, &person).await? { Ok((a, person)) } else { Err(refused()) }
}

impl Team {
    /// Whom `team attest ID` is about, when the actor may say so.
    async fn attested(&self, cx: &Context<'_>, call: &Call) -> Result<Option<(Assignment, Person)>> {
        let (word, id) = call.args.split();
        if word != "attest" {
            return Ok(None);
        }
        let (words, actor, s) = (cx.words, cx.person()?, &self.0);
        cx.db().read(|c| async move { theirs(&c, s, words, actor, id).await }).await.map(Some)
    }

    /// `team attest ID`: somebody above says that the person has done it elsewhere.
    async fn attest(&self, cx: &Context<'_>, id: &str, call: &Call) -> Result<()> {
        let (actor, s) = (cx.person()?, &self.0);
        cx.commit(|turn| async move {
            let (a, person) = theirs(&turn, s, cx.words, actor, id).await?;
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
            let (a, person) = theirs(&turn, s, cx.words, manager, id).await?;
            let name = literal(&person.name);
            let today = s.organisation.calendar(&person).date(turn.now());
            let text = if !a.state.is_running() {
                say!(cx.words, "team-remind-not-needed", name = name)
            } else if nudge::by_manager(&turn, &a, today).await? {
                let title = requirement::by_id(&turn, &a.requirement).await?.title;
                statements::reminded(&turn, s, &person, &a, &title, manager).await?;
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
            let (a, person) = theirs(&turn, s, cx.words, manager, id).await?;
            let name = literal(&person.name);
            let today = s.organisation.calendar(&person).date(turn.now());
            let text = if !a.state.is_open() {
                say!(cx.words, "team-remind-not-needed", name = name)
            } else if a.due.date.to_string() != shown {
                say!(cx.words, "team-extended-already", name = name, due = a.due.said_in_full(cx.words))
            } else {
                let from = a.due.date.max(today);
                let to = from.checked_add(7.days()).unwrap_or(from);
                if requests::beyond_managers(s, &a, to) {
                    let days = s.training.manager_extension_days;
                    let more = Button::primary(say!(cx.words, "team-more-button"), format!("team more {}", a.id));
                    let text = say!(cx.words, "team-beyond", days = days);
                    return turn.reply_private(Message::text(text).buttons(vec![more])).await;
                }
                let by = By::person(&manager.id, "the manager gave seven more days");
                let a = life::extend(&turn, s, &person, &a, to, &by).await?;
                say!(cx.words, "team-extended", name = name, due = a.due.said_in_full(cx.words))
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    /// How one person stands whom somebody names who answers for them.
    async fn of_one(&self, cx: &Context<'_>, named: &str) -> Result<()> {
        let (manager, words, s) = (cx.person()?, cx.words, &self.0);
        let found = cx.db().read(|c| async move {
            match meant(&c, s, manager, named).await? {
                Meant::One(person) => Ok((Standing::of(&c, vec![(*person).clone()], None).await?, person)),
                Meant::Several => Err(Error::invalid(say!(words, "team-who-of-them"))),
                Meant::Nobody => Err(Error::invalid(say!(words, "team-who"))),
            }
        });
        let (standing, person) = found.await?;
        let name = literal(&person.name);
        if standing.is_empty() {
            return cx.reply_private(Message::text(say!(words, "team-nothing-of", name = name))).await;
        }
        let today = cx.flow.organisation().calendar(manager).date(cx.db().clock().now());
        let message = Message::new().heading(say!(words, "team-title-of", name = person.name.as_str()));
        cx.reply_private(standing.overview(words, message, today, &Page::first(""))).await
    }

    /// How the own people stand, and those of whom the last digest told; who is missing from the `from`th on.
    async fn overview(&self, cx: &Context<'_>, from: usize) -> Result<()> {
        let (manager, words, s) = (cx.person()?, cx.words, &self.0);
        let read = cx.db().read(|c| async move {
            let mut team = delegation::team_of(&c, &manager.id).await?;
            let own = !team.is_empty();
            for person in digest::named_in(&c, &manager.id).await? {
                if team.iter().all(|p| p.id != person.id) && may_manage(&c, s, manager, &person).await? {
                    team.push(person);
                }
            }
            Ok((Standing::of(&c, team, None).await?, own))
        });
        let (standing, own) = read.await?;
        let count = standing.people;
        if count == 0 {
            return cx.reply_private(Message::text(say!(words, "team-nobody"))).await;
        }
        if standing.is_empty() {
            return cx.reply_private(Message::text(say!(words, "team-nothing"))).await;
        }
        let today = cx.flow.organisation().calendar(manager).date(cx.db().clock().now());
        let title = if own {
            say!(words, "team-title", count = count)
        } else {
            say!(words, "training-status-title", count = count)
        };
        let page = Page { from, again: "team from".into() };
        cx.reply_private(standing.overview(words, Message::new().heading(title), today, &page)).await
    }
}

/// Whom somebody means by what they typed.
enum Meant {
    One(Box<Person>),
    Several,
    Nobody,
}

/// Who is meant, of those for whom `actor` answers: by employee id, e-mail address, name, or a part of the name that only one
/// of them has. Accents do not matter. The learning team answers for everybody, and must say who it is.
async fn meant(conn: &Conn, s: &Services, actor: &Person, named: &str) -> Result<Meant> {
    let wanted = people::folded(named);
    let is_it = |p: &Person| {
        people::folded(&p.name) == wanted
            || p.employee_id.eq_ignore_ascii_case(named)
            || p.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(named))
    };
    let has_it = |p: &Person| format!(" {} ", people::folded(&p.name)).contains(&format!(" {wanted} "));
    let team = delegation::team_of(conn, &actor.id).await?;
    for fits in [&is_it as &(dyn Fn(&Person) -> bool + Sync), &has_it] {
        let mut found = team.iter().filter(|p| fits(p));
        match (found.next(), found.next()) {
            (Some(person), None) => return Ok(Meant::One(Box::new(person.clone()))),
            (Some(_), Some(_)) => return Ok(Meant::Several),
            _ => {}
        }
    }
    match people::find(conn, named).await {
        Ok(person) if may_manage(conn, s, actor, &person).await? => Ok(Meant::One(Box::new(person))),
        Ok(_) | Err(Error::NotFound(_) | Error::Invalid(_)) => Ok(Meant::Nobody),
        Err(e) => Err(e),
    }
}

#[async_trait]
impl Panel for Team {
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>> {
        let tree = delegation::team_of(visit.conn, &visit.person.id).await?;
        if tree.len() > AT_HOME {
            let show = Button::new(say!(visit.words, "team-home-button"), "team");
            let title = say!(visit.words, "team-title", count = tree.len());
            return Ok(Some(Message::new().heading(title).buttons(vec![show])));
        }
        let standing = Standing::of(visit.conn, tree, None).await?;
        if standing.is_empty() {
            return Ok(None);
        }
        let today = visit.organisation.calendar(visit.person).date(visit.conn.now());
        let message = Message::new().heading(say!(visit.words, "team-title", count = standing.people));
        Ok(Some(standing.overview(visit.words, message, today, &Page::first("team from"))))
    }

    async fn prompts(&self, visit: &Visit<'_>) -> Result<Vec<Prompt>> {
        let leads = people::leads(visit.conn, &visit.person.id).await?;
        Ok(leads.then(|| Prompt::new(say!(visit.words, "team-prompt"), "team")).into_iter().collect())
    }
}
