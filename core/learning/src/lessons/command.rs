//! The command `learn`.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::chat::{
    Args, Button, Call, Command, Context, Duty, FieldError, Form, Message, Panel, Prompt, Suggestion, Turn, Visit,
    literal, moment_at,
};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Role};
use stoa_ground::{Conn, Error, Instant, Result, Tx};

use super::deliver::Asked;
use super::learner::{Learner, STREAK};
use super::progress::Answer;
use super::store::{self, Track};
use super::take::{self, Next, Today};
use super::{Lessons, daily, plan, show};

/// The most tracks that are listed in one message.
const LISTED: usize = 12;

/// The command `learn`: today's lesson, reviews, tracks; and scheduling drops, for the learning team.
pub struct Learn(pub(super) Arc<Lessons>);

#[async_trait]
impl Command for Learn {
    fn word(&self) -> &'static str {
        "learn"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-learn")
    }

    fn duties(&self) -> &'static [Duty] {
        &[Duty { roles: &[Role::Learning], words: "learn schedule", about: words_key!("chat-help-duty-schedule") }]
    }

    fn accepts(&self, args: &Args) -> bool {
        let (word, rest) = args.split();
        match word.as_str() {
            "" | "review" | "reviews" | "tracks" | "today" => rest.is_empty(),
            "schedule" => rest.split_whitespace().count() <= 8,
            "join" | "leave" => !rest.is_empty() && rest.split_whitespace().count() <= 8,
            "streak" => matches!(rest, "on" | "off"),
            _ => false,
        }
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "schedule" => self.0.schedule_form(cx, rest).await,
            _ => Ok(None),
        }
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        match call.args.split().0.as_str() {
            "schedule" => self.0.check_schedule(cx, call).await,
            _ => Ok(Vec::new()),
        }
    }

    /// What is there to learn: today's lesson, reviews, and tracks by their title.
    async fn suggest(&self, cx: &Context<'_>, typed: &str) -> Result<Vec<Suggestion>> {
        let tracks = cx.db().read(|c| async move { store::tracks(&c).await }).await?;
        let tracks = tracks.into_iter().map(|t| Suggestion { label: t.title, value: format!("join {}", t.id) });
        let words = ["today", "review", "tracks"].into_iter();
        let words = words.map(|w| Suggestion { label: w.to_owned(), value: w.to_owned() });
        Ok(Suggestion::fitting(words.chain(tracks), typed))
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let (word, rest) = call.args.split();
        match word.as_str() {
            "" | "today" => self.today(cx).await,
            "review" | "reviews" => self.review(cx).await,
            "tracks" => self.tracks(cx, call, rest).await,
            "join" => self.join(cx, rest).await,
            "leave" => self.leave(cx, rest).await,
            "answer" => self.answer(cx, call, rest).await,
            "seen" => self.seen(cx, call, rest).await,
            "streak" => self.streak(cx, rest).await,
            "schedule" => self.0.schedule(cx, call).await,
            "confirm" => self.0.confirm(cx, call, rest).await,
            "discard" => self.0.discard(cx, call, rest).await,
            _ => cx.reply_private(Message::text(say!(cx.words, "lessons-usage"))).await,
        }
    }
}

impl Learn {
    async fn today(&self, cx: &Context<'_>) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            let message = match lessons.today(&turn, &learner).await? {
                Today::Lesson(key) => return turn.answer(Asked::NAME, Asked::lesson(&key), true).await,
                Today::UpToDate(next, reviews) => {
                    with_reviews(words, Message::text(up_to_date(words, &learner, next)), reviews)
                }
                Today::AllDone(reviews) => {
                    let message = Message::text(say!(words, "lessons-all-done"))
                        .buttons(vec![Button::new(say!(words, "lessons-tracks-button"), "learn tracks")]);
                    with_reviews(words, message, reviews)
                }
                Today::NoTrack(reviews) => {
                    let list = track_list(&turn, words, &person.id, say!(words, "lessons-no-track")).await?;
                    with_reviews(words, list, reviews)
                }
            };
            turn.reply_private(message).await
        })
        .await
    }

    async fn review(&self, cx: &Context<'_>) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            match lessons.review_now(&turn, &learner).await? {
                Some(occasion) => turn.answer(Asked::NAME, Asked::review(&occasion), true).await,
                None => turn.reply_private(Message::text(say!(words, "lessons-nothing-to-review"))).await,
            }
        })
        .await
    }

    /// `learn tracks`; and `learn tracks join|leave <id>`, the buttons of that list, which is brought up to date.
    async fn tracks(&self, cx: &Context<'_>, call: &Call, rest: &str) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        let (action, id) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let pressed = call.pressed.as_deref();
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            let intro = match action {
                "join" => lessons.join(&turn, words, &learner, id).await?,
                "leave" => lessons.leave(&turn, words, &learner, id).await?,
                _ => say!(words, "lessons-tracks-intro"),
            };
            let list = track_list(&turn, words, &person.id, intro).await?;
            match action {
                "join" | "leave" => turn.replace(pressed, list).await,
                _ => turn.reply_private(list).await,
            }
        })
        .await
    }

    async fn join(&self, cx: &Context<'_>, track: &str) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            let said = lessons.join(&turn, words, &learner, track).await?;
            let now = Button::primary(say!(words, "lessons-first-now-button"), "learn");
            turn.reply_private(Message::text(said).buttons(vec![now])).await
        })
        .await
    }

    async fn leave(&self, cx: &Context<'_>, track: &str) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            let said = lessons.leave(&turn, words, &learner, track).await?;
            turn.reply_private(Message::text(said)).await
        })
        .await
    }

    /// `learn answer <attempt> <response>`: the message is edited in place; without a message it is shown anew.
    async fn answer(&self, cx: &Context<'_>, call: &Call, rest: &str) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        let (id, response) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (response, pressed) = (response.trim(), call.pressed.as_deref());
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            let text = match lessons.answer(&turn, &learner, id, response).await? {
                Answer::Taken => return show_again(&turn, pressed, id).await,
                Answer::Before(given, correct, question) => {
                    if let Some(pressed) = pressed {
                        turn.revise(pressed).await?;
                    }
                    let before = say!(words, "lessons-answered-before");
                    format!("{before} {}", show::outcome(words, &question, &given, correct))
                }
                Answer::NoOption => say!(words, "lessons-no-such-option"),
                Answer::Gone => say!(words, "lessons-question-gone"),
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    /// `learn seen <lesson>`: for lessons without a question.
    async fn seen(&self, cx: &Context<'_>, call: &Call, lesson: &str) -> Result<()> {
        let (lessons, person, words) = (&self.0, cx.person()?, cx.words);
        let pressed = call.pressed.as_deref();
        cx.commit(|turn| async move {
            let learner = Learner::of(&turn, &lessons.organisation, person).await?;
            // Only what was sent to this person can have been seen; anything else changes nothing.
            lessons.experienced(&turn, &learner, lesson).await?;
            match pressed {
                Some(pressed) => turn.revise(pressed).await,
                None => turn.reply_private(Message::text(say!(words, "lessons-noted"))).await,
            }
        })
        .await
    }

    async fn streak(&self, cx: &Context<'_>, rest: &str) -> Result<()> {
        let (person, words) = (cx.person()?, cx.words);
        let text = match rest {
            "on" => say!(words, "lessons-streak-on"),
            "off" => say!(words, "lessons-streak-off"),
            _ => return cx.reply_private(Message::text(say!(words, "lessons-streak-usage"))).await,
        };
        let text = &text;
        cx.commit(|turn| async move {
            people::set_setting(&turn, &person.id, STREAK, (rest == "on").then_some("yes")).await?;
            turn.reply_private(Message::text(text.clone())).await
        })
        .await
    }
}

impl Lessons {
    async fn join(&self, tx: &Tx, words: &Words, learner: &Learner, text: &str) -> Result<String> {
        let track = find_track(tx, words, text).await?;
        let before = store::enrolment(tx, &learner.person.id, &track.id).await?;
        if before.is_none_or(|e| e.ended.is_some()) {
            store::enrol(tx, &learner.person.id, &track.id, "self").await?;
        }
        daily::look_again(tx, learner).await?;
        let standings = store::standings(tx, &learner.person.id).await?;
        let title = literal(&track.title);
        let time = learner.lesson_time(&standings);
        let had = store::drop_of_day(tx, &learner.person.id, learner.today, learner.began).await?.is_some();
        let today = learner.calendar.at(learner.today, time);
        let next = if !had && learner.works(learner.today) && today > learner.now {
            plan::whose_turn(&standings).map(|_| today)
        } else {
            learner.next_lesson(&standings)
        };
        Ok(match next {
            Some(at) => {
                let when = moment_at(words, at, &learner.calendar.zone, learner.today);
                say!(words, "lessons-joined-next", track = title, when = when)
            }
            None => say!(words, "lessons-joined", track = title),
        })
    }

    async fn leave(&self, tx: &Tx, words: &Words, learner: &Learner, text: &str) -> Result<String> {
        let track = find_track(tx, words, text).await?;
        let title = literal(&track.title);
        let enrolment = store::enrolment(tx, &learner.person.id, &track.id).await?;
        let left = match enrolment {
            Some(e) => store::end_enrolment(tx, &e.id).await?,
            None => false,
        };
        Ok(if left { say!(words, "lessons-left", track = title) } else { say!(words, "lessons-not-in", track = title) })
    }
}

/// The track that somebody means: its id, its title, or the beginning of one of them when only one begins so.
async fn find_track(tx: &Tx, words: &Words, text: &str) -> Result<Track> {
    let wanted = text.trim().trim_matches(['"', '“', '”', '\'']).to_lowercase();
    let all = store::tracks(tx).await?;
    let exact = all.iter().find(|t| t.id == wanted || t.title.to_lowercase() == wanted);
    let mut begun = all.iter().filter(|t| t.id.starts_with(&wanted) || t.title.to_lowercase().starts_with(&wanted));
    let found =
        exact.or_else(|| if wanted.is_empty() { None } else { begun.next().filter(|_| begun.next().is_none()) });
    found.cloned().ok_or_else(|| {
        let shown: String = text.trim().chars().take(60).collect();
        Error::Invalid(say!(words, "lessons-unknown-track", track = shown))
    })
}

/// Shows the message of a question as it stands now: the pressed one in place, else a new one.
async fn show_again(turn: &Turn, pressed: Option<&str>, attempt: &str) -> Result<()> {
    if let Some(pressed) = pressed {
        return turn.revise(pressed).await;
    }
    let Some(attempt) = store::attempt(turn, attempt).await? else { return Ok(()) };
    let mut payload = match store::drop_by_key(turn, &attempt.occasion).await? {
        Some(drop) => Asked::lesson(&drop.key),
        None => Asked::review(&attempt.occasion),
    };
    payload[Asked::INSTEAD] = true.into();
    turn.answer(Asked::NAME, payload, true).await
}

fn up_to_date(words: &Words, learner: &Learner, next: Option<Instant>) -> String {
    match next {
        Some(at) => {
            say!(words, "lessons-up-to-date-next", when = moment_at(words, at, &learner.calendar.zone, learner.today))
        }
        None => say!(words, "lessons-up-to-date"),
    }
}

#[async_trait]
impl Panel for Learn {
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>> {
        let Visit { conn, person, words, organisation } = *visit;
        if store::tracks(conn).await?.is_empty() {
            return Ok(None);
        }
        let learner = Learner::of(conn, organisation, person).await?;
        let ready = |title: &str| {
            Message::text(say!(words, "lessons-home-ready", title = literal(title)))
                .buttons(vec![Button::primary(say!(words, "lessons-home-button"), "learn")])
        };
        let shown = match take::next(conn, &learner).await? {
            Next::Drop(drop) => ready(&title(conn, &drop.lesson, &drop.version).await?),
            Next::Lesson(lesson, _) => ready(&title(conn, &lesson.id, &lesson.version).await?),
            Next::UpToDate(next) => Message::text(up_to_date(words, &learner, next)),
            Next::AllDone => Message::text(say!(words, "lessons-all-done")),
            Next::NoTrack => Message::text(say!(words, "lessons-home-no-track")),
        };
        let reviews = daily::due_now(conn, &learner).await?.len();
        let tracks = Button::new(say!(words, "lessons-tracks-button"), "learn tracks");
        let mut page = Message::new().heading(say!(words, "lessons-home-title"));
        page.blocks.extend(with_reviews(words, shown, reviews).buttons(vec![tracks]).blocks);
        Ok(Some(page))
    }

    async fn prompts(&self, visit: &Visit<'_>) -> Result<Vec<Prompt>> {
        let Visit { conn, person, words, organisation } = *visit;
        let learner = Learner::of(conn, organisation, person).await?;
        let mut prompts = Vec::new();
        if let Next::Drop(_) | Next::Lesson(..) = take::next(conn, &learner).await? {
            prompts.push(Prompt::new(say!(words, "lessons-prompt-today"), "learn"));
        }
        if !daily::due_now(conn, &learner).await?.is_empty() {
            prompts.push(Prompt::new(say!(words, "lessons-prompt-review"), "learn review"));
        }
        Ok(prompts)
    }
}

async fn title(conn: &Conn, lesson: &str, version: &str) -> Result<String> {
    Ok(store::content(conn, lesson, version).await?.map_or_else(String::new, |content| content.title))
}

fn with_reviews(words: &Words, message: Message, reviews: usize) -> Message {
    if reviews == 0 {
        return message;
    }
    let line = say!(words, "lessons-reviews-wait", count = reviews);
    message.context(line).buttons(vec![Button::new(say!(words, "lessons-review-button"), "learn review")])
}

/// The tracks with where the person stands, and the way in and out.
async fn track_list(tx: &Tx, words: &Words, person: &str, intro: String) -> Result<Message> {
    let tracks = store::tracks(tx).await?;
    if tracks.is_empty() {
        return Ok(Message::text(say!(words, "lessons-no-tracks-yet")));
    }
    let enrolments = store::enrolments(tx, person).await?;
    let seen = store::progress(tx, person).await?;
    let mut message = Message::text(intro);
    for track in tracks.iter().take(LISTED) {
        let lessons = store::lessons_of(tx, &track.id).await?;
        let done = lessons.iter().filter(|l| seen.iter().any(|p| p.experienced && p.lesson == l.id)).count();
        let of = lessons.len();
        let (title, about) = (literal(&track.title), literal(&track.description));
        let joined = enrolments.iter().any(|e| e.track == track.id && e.ended.is_none());
        let state = if done == of {
            say!(words, "lessons-track-done")
        } else if joined || done > 0 {
            say!(words, "lessons-track-part", done = done, of = of)
        } else {
            say!(words, "lessons-track-size", count = of)
        };
        message = message.paragraph(say!(words, "lessons-track", title = title, about = about, state = state));
        let button = if joined {
            Button::new(say!(words, "lessons-leave-button"), format!("learn tracks leave {}", track.id))
        } else {
            Button::primary(say!(words, "lessons-join-button"), format!("learn tracks join {}", track.id))
        };
        message = message.buttons(vec![button]);
    }
    if tracks.len() > LISTED {
        message = message.context(say!(words, "lessons-more-tracks", count = tracks.len() - LISTED));
    }
    Ok(message)
}
