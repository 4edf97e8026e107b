//! The zones of people who have not written yet. Slack tells zones of who changes; of the others it is asked, so that the
//! first lesson does not come in the night.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use stoa_flow::chat::{Account, Heard};
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use tokio_util::sync::CancellationToken;

use crate::PLATFORM;
use crate::api::{Body, Failure};
use crate::events::word;
use crate::socket::wait;
use crate::take::Inlet;

/// The method by which all people of a workspace are asked about.
const METHOD: &str = "users.list";
/// With more people than this who have no zone all are asked about at once, else each by themselves.
const FEW: usize = 50;
/// How often all are asked about.
const DAILY: Duration = Duration::from_secs(24 * 3_600);
/// How often is looked who is new on the staff list, and how soon before it is known in which workspace.
const NEWCOMERS: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(2);
/// Accounts that are read at once, and people on one page of Slack's list.
const READ: usize = 500;
const PAGE: usize = 200;
/// The pause between two pages: Slack takes twenty in a minute.
const PACE: Duration = Duration::from_secs(3);
/// People about whom is written at once.
const WRITTEN: usize = 50;

/// Asks Slack where those are of whom the staff list does not say it, until `stop`.
pub(crate) async fn follow(inlet: Inlet, stop: CancellationToken) {
    let mut listed: HashMap<String, Instant> = HashMap::new();
    loop {
        let workspaces = inlet.app.workspaces().await;
        let pause = if workspaces.is_empty() { SOON } else { NEWCOMERS };
        for workspace in workspaces {
            let is_due = listed.get(&workspace).is_none_or(|at| at.elapsed() >= DAILY);
            if is_due {
                listed.insert(workspace.clone(), monotonic());
            }
            if let Err(error) = inlet.find_zones(&workspace, is_due, &stop).await {
                tracing::warn!(app = %inlet.app.options.name, %error, "where people are could not be kept");
            }
        }
        if !wait(pause, &stop).await {
            return;
        }
    }
}

impl Inlet {
    /// Asks about who is new, and where `all` are due about everybody.
    async fn find_zones(&self, workspace: &str, all: bool, stop: &CancellationToken) -> Result<()> {
        let (mut after, mut due) = (String::new(), HashSet::new());
        loop {
            let some = self.flow.accounts_without_zone(PLATFORM, workspace, &after, READ).await?;
            let Some((last, _)) = some.last() else { break };
            after.clone_from(last);
            due.extend(some.into_iter().filter(|(_, told)| all || !told).map(|(user, _)| user));
        }
        if all && due.len() > FEW && !self.app.is_unsupported(METHOD) {
            self.list(workspace, &mut due, stop).await?;
        }
        // Whom the list does not name is asked about as well: another workspace of the organisation may have them.
        due.iter().for_each(|user| self.app.members.meet(&self.account(workspace, user)));
        Ok(())
    }

    /// Reads the list of a workspace's people until all of `due` were found, who are not due any more.
    async fn list(&self, workspace: &str, due: &mut HashSet<String>, stop: &CancellationToken) -> Result<()> {
        let mut cursor = String::new();
        loop {
            let page = match self.app.list_members(workspace, &cursor).await {
                Ok(page) => page,
                Err(failure) => {
                    self.app.note_failure(METHOD, &failure);
                    let error = self.app.api.send_error(failure);
                    tracing::debug!(app = %self.app.options.name, %error, "the people of a workspace were not listed");
                    break;
                }
            };
            let named = page["members"].as_array().into_iter().flatten();
            let found: Vec<(Account, Vec<Heard>)> = named
                .filter(|user| due.remove(word(&user["id"])) && user["deleted"] != true)
                .map(|user| (self.account(workspace, word(&user["id"])), heard(user)))
                .collect();
            for some in found.chunks(WRITTEN) {
                self.flow.heard_of(some).await?;
            }
            word(&page["response_metadata"]["next_cursor"]).clone_into(&mut cursor);
            if cursor.is_empty() || due.is_empty() || !wait(PACE, stop).await {
                break;
            }
        }
        Ok(())
    }
}

fn heard(user: &Value) -> Vec<Heard> {
    vec![Heard::Zone(word(&user["tz"]).to_owned()), Heard::Locale(word(&user["locale"]).to_owned())]
}

impl crate::app::App {
    async fn list_members(&self, workspace: &str, cursor: &str) -> Result<Value, Failure> {
        let mut form = vec![("limit", PAGE.to_string()), ("include_locale", "true".to_owned())];
        if !cursor.is_empty() {
            form.push(("cursor", cursor.to_owned()));
        }
        form.extend(self.team_id(workspace));
        self.call(METHOD, Body::Form(form)).await
    }
}
