//! The gateway: connections over which Discord dispatches what happens, one for each shard.
//!
//! A shard is held by one server at a time. Its session is written down, so that it goes on after a restart where it was;
//! where Discord cannot resume it, what was missed is fetched ([`crate::catch_up`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Monotonic};

use stoa_flow::Flow;
use stoa_flow::chat::SendError;
use stoa_ground::Instant;
use stoa_ground::clock::{monotonic, noise};
use stoa_ground::db::Engine;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{Failure, Request};
use crate::connection::{CONTENT, End, INTERACTION, Job, Lanes, Line, MEMBERS, Turn, open, serve};
use crate::ids::word;
use crate::platform::Discord;
use crate::session::{self, Progress, Session};
use crate::take::Inlet;
use crate::{register, store};

/// Events, and interactions, that are stored beside each other; those of one user go one after the other.
const LANES: usize = 32;
/// How often an event is tried that cannot be stored though nothing is wrong with the store: with growing pauses, for up to
/// a minute.
const ATTEMPTS: u32 = 5;
/// How long an interaction can be acknowledged.
const ACKNOWLEDGED: Duration = Duration::from_secs(3);
/// Events that wait in one lane before Discord has to.
const WAITING: usize = 256;
/// The pause before another number of shards is connected.
const SHARDS: Duration = Duration::from_secs(5);
/// The longest pause between attempts to connect, in milliseconds.
const LONGEST: u64 = 60_000;
/// After this Discord surely lets sessions begin again.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// So many of the sessions that may begin in a day are left to other servers and to who starts anew.
const SPARE: u64 = 10;
/// A session that lived shorter than this is no sign that the next will live longer.
const SOON: Duration = Duration::from_secs(60);
/// The pause when the operator has to do something first.
const OPERATOR: Duration = Duration::from_secs(60);
/// How often what was not answered is looked for, and how long ago it came by then.
const TIDY: Duration = Duration::from_secs(60);
const UNANSWERED: i64 = 5 * 60 * Instant::SECOND;

/// Listens, registers the commands and tidies up. Ends soon after `stop`.
pub async fn listen(flow: Arc<Flow>, discord: Arc<Discord>, stop: CancellationToken) {
    let inlet = Inlet { flow, app: discord.app.clone() };
    let server = inlet.app.db.clock().id().to_string();
    // Nobody else can hold a shard of this store.
    if inlet.app.db.engine() == Engine::Sqlite
        && let Err(error) = session::free(&inlet.app.db).await
    {
        tracing::warn!(%error, "the gateway's shards could not be freed");
    }
    let mut tasks = JoinSet::new();
    share(&inlet, &server).await;
    tasks.spawn(keep_sharing(inlet.clone(), server.clone(), stop.clone()));
    tasks.spawn(introduce(inlet.clone(), stop.clone()));
    tasks.spawn(tidy(inlet.clone(), stop.clone()));
    if inlet.app.options.gateway {
        tasks.spawn(gateway(inlet.clone(), server.clone(), stop));
    }
    tasks.join_all().await;
    if let Err(error) = session::release(&inlet.app.db, &server).await {
        tracing::warn!(%error, "the gateway's shards could not be released; another server takes them soon");
    }
}

/// Shares the calls of a second with the other servers that are there.
async fn share(inlet: &Inlet, server: &str) {
    match session::servers(&inlet.app.db, server).await {
        Ok(servers) => inlet.app.api.shared_by(servers),
        Err(error) => tracing::warn!(%error, "how many servers share Discord's calls could not be found out"),
    }
}

async fn keep_sharing(inlet: Inlet, server: String, stop: CancellationToken) {
    while wait(session::HELD / 4, &stop).await {
        share(&inlet, &server).await;
    }
}

/// Finds out who the bot is and registers the commands, until that is done.
async fn introduce(inlet: Inlet, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        let app = &inlet.app;
        let done = async {
            app.identify().await?;
            register::register(app, &inlet.flow).await
        };
        match done.await {
            Ok(()) => return,
            Err(failure) => tracing::warn!(error = %app.api.send_error(failure), "the commands are not registered yet"),
        }
        failures += 1;
        if !wait(pause(failures + 1), &stop).await {
            return;
        }
    }
}

/// Takes away that we think about something to which nothing is answered, and forgets what is of no use.
async fn tidy(inlet: Inlet, stop: CancellationToken) {
    while wait(TIDY, &stop).await {
        let db = &inlet.app.db;
        match store::unanswered(db, UNANSWERED).await {
            Ok(all) => {
                for one in all {
                    inlet.app.thought(&one).await;
                }
            }
            Err(error) => tracing::warn!(%error, "what was not answered could not be read"),
        }
        if let Err(error) = store::tidy(db).await {
            tracing::warn!(%error, "what is of no use could not be forgotten");
        }
    }
}

/// Keeps as many shards connected as Discord asks for.
async fn gateway(inlet: Inlet, server: String, stop: CancellationToken) {
    let mut failures = 0;
    let turn = Arc::new(Mutex::new(()));
    while !stop.is_cancelled() {
        // Also a session that goes on does not say again who we are, and mentions are heard by it.
        let asked = async {
            inlet.app.identify().await?;
            inlet.app.api.call(&Request::new("GET /gateway/bot", "", &[])).await
        };
        let said = match asked.await {
            Ok(said) => said,
            Err(failure) => {
                failures += 1;
                let rest = operator_or(pause(failures), &inlet, failure);
                if !wait(rest, &stop).await {
                    return;
                }
                continue;
            }
        };
        let shards = said["shards"].as_i64().unwrap_or(1).max(1);
        if let Err(error) = store::resharded(&inlet.app.db, shards).await {
            tracing::warn!(%error, "what the shards have seen could not be read; it is tried again");
            failures += 1;
            if !wait(pause(failures + 1), &stop).await {
                return;
            }
            continue;
        }
        failures = 0;
        let anew = stop.child_token();
        let mut tasks = JoinSet::new();
        for shard in 0..shards {
            let progress = Arc::new(Progress::default());
            let mut lanes = || {
                let mut open = || {
                    let (to, jobs) = mpsc::channel(WAITING);
                    tasks.spawn(lane(inlet.clone(), jobs, progress.clone(), stop.clone()));
                    to
                };
                (0..LANES).map(|_| open()).collect::<Vec<_>>()
            };
            let lanes = Lanes { events: lanes(), interactions: lanes() };
            let line = Line {
                inlet: inlet.clone(),
                server: server.clone(),
                shard,
                shards,
                url: word(&said["url"]).to_owned(),
                lanes,
                progress,
                refused: AtomicU64::new(0),
                turn: turn.clone(),
            };
            tasks.spawn(keep_open(line, anew.clone()));
        }
        tasks.join_all().await;
        if !wait(SHARDS, &stop).await {
            return;
        }
    }
}

fn operator_or(rest: Duration, inlet: &Inlet, failure: Failure) -> Duration {
    let error = inlet.app.api.send_error(failure);
    tracing::warn!(%error, "no connection to Discord; it is tried again");
    match error {
        SendError::Retry { after_seconds: Some(after), .. } => rest.max(Duration::from_secs(after).min(OPERATOR)),
        SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. } => rest,
        _ => OPERATOR,
    }
}

/// Stores what comes in, one after the other. While the store is in trouble it is tried again; what cannot be stored for
/// another reason is given up after a while, and an interaction when nobody waits for it any more.
async fn lane(inlet: Inlet, mut jobs: mpsc::Receiver<Job>, progress: Arc<Progress>, stop: CancellationToken) {
    while let Some(job) = jobs.recv().await {
        let mut failures = 0;
        loop {
            match inlet.dispatch(&job.kind, &job.d, &job.transition).await {
                Ok(stored) => {
                    progress.done(job.sequence, stored);
                    break;
                }
                Err(error) if is_given_up(&job, &error, failures) => {
                    let kind = job.kind.as_str();
                    tracing::error!(kind, %error, "an event could not be stored and is given up");
                    inlet
                        .app
                        .api
                        .tell_operator(&format!("lost/{kind}"), &format!("an event is lost ({kind}): {error}"));
                    progress.done(job.sequence, None);
                    break;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(kind = %job.kind, %error, "an event could not be stored; it is tried again");
                    if !wait(pause(failures + 1), &stop).await {
                        return;
                    }
                }
            }
        }
    }
}

fn is_given_up(job: &Job, error: &stoa_ground::Error, failures: u32) -> bool {
    if job.kind == INTERACTION {
        return job.came.elapsed() > ACKNOWLEDGED;
    }
    !error.passes() && failures >= ATTEMPTS
}

/// The turn of a session that begins; none while others have it, or before none may begin.
async fn turn(line: &Line, begins: Monotonic) -> Option<Turn> {
    let waiting = async {
        tokio::time::sleep_until(begins.into()).await;
        line.turn.clone().lock_owned().await
    };
    tokio::time::timeout(session::HELD / 4, waiting).await.ok()
}

/// How long no session may begin any more: who begins more than Discord lets begin in a day loses the token.
async fn until_one_may_begin(line: &Line) -> Result<Duration, Failure> {
    let api = &line.inlet.app.api;
    let said = api.call(&Request::new("GET /gateway/bot", "", &[])).await?;
    let limit = &said["session_start_limit"];
    if limit["remaining"].as_u64().is_none_or(|left| left > SPARE) {
        return Ok(Duration::ZERO);
    }
    api.tell_operator("sessions", "Discord lets no more sessions begin today; those that can go on do");
    Ok(Duration::from_millis(limit["reset_after"].as_u64().unwrap_or(LONGEST)).min(DAY))
}

/// How many sessions in a row ended soon after they began, with one that lived so long.
fn ended_soon(before: u32, lived: Duration) -> u32 {
    if lived < SOON { before + 1 } else { 0 }
}

/// Discord refuses privileged intents: less is heard, but something is.
async fn without_intents(line: &Line) {
    let api = &line.inlet.app.api;
    let refused = line.inlet.app.refused_intents().await.unwrap_or_default();
    // Where it is not to be known which.
    let refused = if refused & !line.refused.load(Ordering::Relaxed) == 0 { MEMBERS | CONTENT } else { refused };
    line.refused.fetch_or(refused, Ordering::Relaxed);
    api.tell_operator("intents", "Discord refuses a privileged intent; Stoa goes on without it");
}

/// Keeps one shard connected while this server holds it.
async fn keep_open(line: Line, stop: CancellationToken) {
    let (db, mut failures) = (&line.inlet.app.db, 0);
    // From when on a session may begin, when the last one began, and how many in a row ended soon.
    let (mut begins, mut began, mut soon) = (monotonic(), monotonic(), 0);
    let mut session: Option<Session> = None;
    let mut held = false;
    while !stop.is_cancelled() {
        match session::hold(db, line.shard, &line.server).await {
            Ok(Some(stored)) => {
                if !held {
                    session = stored;
                    held = true;
                }
            }
            Ok(None) => {
                held = false;
                if !wait(session::HELD / 4, &stop).await {
                    return;
                }
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "the gateway's shard could not be taken; it is tried again");
                failures += 1;
                if !wait(pause(failures), &stop).await {
                    return;
                }
                continue;
            }
        }
        let mut turn_to_begin = None;
        if session.is_none() {
            turn_to_begin = tokio::select! {
                turn = turn(&line, begins) => turn,
                () = stop.cancelled() => return,
            };
            if turn_to_begin.is_none() {
                continue;
            }
            let rest = match until_one_may_begin(&line).await {
                Ok(rest) if rest.is_zero() => None,
                Ok(rest) => Some(rest),
                Err(failure) => {
                    failures += 1;
                    Some(operator_or(pause(failures), &line.inlet, failure))
                }
            };
            if let Some(rest) = rest {
                begins = monotonic() + rest;
                continue;
            }
            began = monotonic();
        }
        let (end, worked) = match open(&line, session.as_ref()).await {
            Ok(socket) => serve(&line, socket, &mut session, turn_to_begin, &stop).await,
            Err(why) => {
                tracing::warn!(why, "no connection to Discord; it is tried again");
                (End::Resume, false)
            }
        };
        failures = if worked { 0 } else { failures + 1 };
        let mut rest = pause(failures);
        match end {
            End::Resume | End::Fresh => {}
            End::Intents => without_intents(&line).await,
            End::Operator(why) => {
                line.inlet.app.api.tell_operator(why, why);
                rest = OPERATOR;
            }
            End::Shards => {
                stop.cancel();
                return;
            }
            End::Over => held = false,
        }
        // A place that cannot be resumed at is left after a while.
        if failures > 5 {
            session = None;
        }
        if session.is_none() {
            soon = ended_soon(soon, began.elapsed());
            rest = rest.max(pause(soon));
        }
        if !wait(rest, &stop).await {
            return;
        }
    }
}

/// The pause before the next attempt: none at first, then longer and longer, each a little different.
pub(crate) fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => {
            let most = (500_u64 << n.min(8)).min(LONGEST);
            Duration::from_millis(most / 2 + noise() % (most / 2))
        }
    }
}

/// Waits; `false` when it is time to stop.
pub(crate) async fn wait(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => !stop.is_cancelled(),
        () = stop.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use stoa_ground::Error;

    #[test]
    fn sessions_that_end_at_once_begin_ever_more_rarely() {
        let mut soon = 0;
        let pauses: Vec<Duration> = (0..12)
            .map(|_| {
                soon = ended_soon(soon, Duration::from_secs(1));
                pause(soon)
            })
            .collect();
        assert!(pauses[0].is_zero(), "{pauses:?}");
        assert!(pauses[7..].iter().all(|p| *p >= Duration::from_millis(LONGEST / 2)), "{pauses:?}");
        assert_eq!(ended_soon(soon, SOON), 0);
    }

    #[test]
    fn what_cannot_be_stored_does_not_stop_what_comes_after_it() {
        let (away, odd) = (Error::Unavailable("away".into()), Error::Io("odd".into()));
        let job =
            |kind: &str, came| Job { kind: kind.into(), d: Value::Null, sequence: 1, transition: String::new(), came };
        let said = job("MESSAGE_CREATE", monotonic());
        assert!(!is_given_up(&said, &odd, ATTEMPTS - 1) && is_given_up(&said, &odd, ATTEMPTS));
        assert!(!is_given_up(&said, &away, 1_000), "the store comes back");
        let pressed = job(INTERACTION, monotonic());
        assert!(!is_given_up(&pressed, &odd, 0));
        let long_ago = monotonic().checked_sub(ACKNOWLEDGED * 2).unwrap();
        assert!(is_given_up(&job(INTERACTION, long_ago), &away, 0), "nobody waits for it");
    }
}
