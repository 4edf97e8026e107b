//! When people do not want to be disturbed. Slack says so when somebody changes it, and of what comes back every day it only
//! says the next time: when that is over, it is asked for the one after it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use stoa_flow::chat::Heard;
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Instant, Result};
use stoa_http::locked;
use tokio_util::sync::CancellationToken;

use crate::PLATFORM;
use crate::api::{Body, Failure};
use crate::app::App;
use crate::events::word;
use crate::socket::wait;
use crate::take::Inlet;

/// The method by which several people are asked about at once.
const METHOD: &str = "dnd.teamInfo";
/// People in one call of it.
const ASKED: usize = 50;
/// Accounts that are read at once.
const PAGE: usize = 500;
/// How often is looked who has come, and the shortest pause between two looks at whose time is over.
const NEWCOMERS: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(2);
/// After how long somebody is asked about again who is never silent, and where Slack did not answer.
const FRESH: Duration = Duration::from_secs(24 * 3_600);
const AGAIN: Duration = Duration::from_secs(600);
/// People that are remembered at once.
const REMEMBERED: usize = 100_000;

/// By workspace and user: when they are asked about next.
#[derive(Default)]
pub(crate) struct Silences(Mutex<HashMap<(String, String), std::time::Instant>>);

impl Silences {
    /// Somebody is asked about again after this; nobody who was never met.
    fn ask_after(&self, workspace: &str, user: &str, pause: Duration) {
        if let Some(at) = locked(&self.0).get_mut(&(workspace.to_owned(), user.to_owned())) {
            *at = monotonic() + pause;
        }
    }

    /// Whoever is not known yet is asked about now.
    fn meet(&self, workspace: &str, users: Vec<String>) {
        let mut all = locked(&self.0);
        for user in users {
            if all.len() < REMEMBERED {
                all.entry((workspace.to_owned(), user)).or_insert_with(monotonic);
            }
        }
    }

    /// Who is to be asked about now, by workspace.
    fn due(&self) -> HashMap<String, Vec<String>> {
        let now = monotonic();
        let mut due: HashMap<String, Vec<String>> = HashMap::new();
        for ((workspace, user), _) in locked(&self.0).iter().filter(|(_, at)| **at <= now) {
            due.entry(workspace.clone()).or_default().push(user.clone());
        }
        due
    }

    /// How long nobody is to be asked about.
    fn pause(&self) -> Duration {
        let next = locked(&self.0).values().min().copied();
        next.map_or(NEWCOMERS, |at| at.saturating_duration_since(monotonic())).clamp(PAUSE, NEWCOMERS)
    }
}

/// From when until when somebody is silent next; none where they are not.
fn window(status: &Value) -> Option<(Instant, Instant)> {
    let at = |key: &str| {
        let seconds = status[key].as_i64().filter(|seconds| *seconds > 1)?;
        Some(Instant(seconds.saturating_mul(Instant::SECOND)))
    };
    let when = at("next_dnd_start_ts").zip(at("next_dnd_end_ts")).filter(|(from, until)| from < until);
    when.filter(|_| status["dnd_enabled"] == true)
}

impl Inlet {
    /// Slack says when somebody does not want to be disturbed next.
    pub(crate) async fn silenced(&self, workspace: &str, event: &Value) -> Result<()> {
        match word(&event["user"]) {
            "" => Ok(()),
            user => self.silent(workspace, &[(user, &event["dnd_status"])]).await,
        }
    }

    async fn silent(&self, workspace: &str, said: &[(&str, &Value)]) -> Result<()> {
        let all = said
            .iter()
            .map(|(user, status)| (self.account(workspace, user), vec![Heard::DoNotDisturb(window(status))]));
        self.flow.heard_of(&all.collect::<Vec<_>>()).await?;
        for (user, status) in said {
            let left = window(status).map_or(FRESH, |(_, until)| {
                Duration::from_micros(u64::try_from(until.0.saturating_sub(wall().0)).unwrap_or_default())
            });
            self.app.silences.ask_after(workspace, user, left.min(FRESH));
        }
        Ok(())
    }

    /// Asks about everybody whose time is over, and about those who have never been asked about.
    async fn ask_who_is_silent(&self) -> Result<()> {
        for (workspace, users) in self.app.silences.due() {
            for some in users.chunks(ASKED) {
                if self.app.is_unsupported(METHOD) {
                    some.iter().for_each(|user| self.app.silences.ask_after(&workspace, user, AGAIN));
                    continue;
                }
                let said = match self.app.ask_silences(&workspace, some).await {
                    Ok(said) => said,
                    Err(failure) => {
                        self.app.note_failure(METHOD, &failure);
                        let error = self.app.api.send_error(failure);
                        tracing::debug!(app = %self.app.options.name, %error, "who is silent was not said");
                        some.iter().for_each(|user| self.app.silences.ask_after(&workspace, user, AGAIN));
                        continue;
                    }
                };
                let of_all: Vec<(&str, &Value)> =
                    some.iter().map(|user| (user.as_str(), &said["users"][user.as_str()])).collect();
                // Whom Slack does not know here is asked about again tomorrow.
                self.silent(&workspace, &of_all).await?;
            }
        }
        Ok(())
    }

    /// Everybody with an account here is to be asked about.
    async fn meet_everybody(&self, workspaces: Vec<String>) -> Result<()> {
        for workspace in workspaces {
            let mut after = String::new();
            loop {
                let users = self.flow.accounts(PLATFORM, &workspace, &after, PAGE).await?;
                let Some(last) = users.last() else { break };
                after.clone_from(last);
                self.app.silences.meet(&workspace, users);
            }
        }
        Ok(())
    }
}

impl App {
    async fn ask_silences(&self, workspace: &str, users: &[String]) -> Result<Value, Failure> {
        let mut form = vec![("users", users.join(","))];
        form.extend(self.team_id(workspace));
        self.call(METHOD, Body::Form(form)).await
    }
}

/// Keeps up with who does not want to be disturbed, until `stop`.
pub(crate) async fn follow(inlet: Inlet, stop: CancellationToken) {
    let mut met: Option<std::time::Instant> = None;
    loop {
        let look = async {
            if met.is_none_or(|at| at.elapsed() >= NEWCOMERS) {
                let workspaces = inlet.app.workspaces().await;
                met = (!workspaces.is_empty()).then(monotonic);
                inlet.meet_everybody(workspaces).await?;
            }
            inlet.ask_who_is_silent().await
        };
        if let Err(error) = look.await {
            tracing::warn!(app = %inlet.app.options.name, %error, "who is silent could not be kept");
        }
        let pause = if met.is_none() { PAUSE } else { inlet.app.silences.pause() };
        if !wait(pause, &stop).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_time_that_is_to_come_is_one() {
        let of = |enabled: bool, from: i64, until: i64| {
            window(&json!({"dnd_enabled": enabled, "next_dnd_start_ts": from, "next_dnd_end_ts": until}))
        };
        assert_eq!(of(true, 100, 200), Some((Instant(100_000_000), Instant(200_000_000))));
        assert_eq!(of(true, 1, 1), None, "as Slack says it of who is never silent");
        assert_eq!(of(false, 100, 200), None);
        assert_eq!(of(true, 200, 100), None);
        assert_eq!(window(&Value::Null), None);
    }

    #[test]
    fn whose_time_is_over_is_asked_about_and_nobody_else() {
        let silences = Silences::default();
        silences.meet("T1", vec!["U1".into(), "U2".into()]);
        silences.ask_after("T1", "U2", FRESH);
        silences.meet("T1", vec!["U2".into(), "U3".into()]);
        let mut due = silences.due().remove("T1").unwrap();
        due.sort();
        assert_eq!(due, ["U1", "U3"]);
        assert_eq!(silences.pause(), PAUSE);
        ["U1", "U3"].iter().for_each(|user| silences.ask_after("T1", user, FRESH));
        assert!(silences.due().is_empty());
        assert_eq!(silences.pause(), NEWCOMERS);
    }
}
