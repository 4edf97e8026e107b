//! The role that a server gives to the organisation's own people: it vouches for accounts whose user name the roster has
//! ([`stoa_ground::people::vouch`]). What Discord says about somebody's roles is noted and passed on; what follows from it
//! is not decided here.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_ground::clock::monotonic;
use stoa_ground::people::{self, Member, Standing};
use stoa_ground::{Result, Tx};
use stoa_http::{believed, remember};

use crate::PLATFORM;
use crate::api::Failure;
use crate::app::{App, REMEMBERED};
use crate::ids::{is_id, word};

/// For how long it is believed what Discord said about a member and their roles: not every change is told.
pub(crate) const BELIEVED: Duration = Duration::from_secs(600);

impl App {
    /// The role of a server that vouches for accounts.
    pub(crate) fn member_role(&self, guild: &str) -> Option<&str> {
        self.options.guilds.iter().find(|g| g.id == guild)?.member_role.as_deref()
    }

    /// Whether changes of a server's members matter.
    pub(crate) fn has_member_role(&self, guild: &str) -> bool {
        self.member_role(guild).is_some()
    }

    /// Somebody was seen in a server with these roles, or left it, with none.
    ///
    /// # Errors
    /// The database's error.
    pub(crate) async fn seen_with(&self, guild: &str, user: &Value, roles: &Value) -> Result<()> {
        let (Some(role), id) = (self.member_role(guild), word(&user["id"])) else { return Ok(()) };
        if !is_id(id) || id == self.bot() {
            return Ok(());
        }
        let has = roles.as_array().into_iter().flatten().any(|r| r == role);
        if believed(&self.roles, &(guild.to_owned(), id.to_owned())) == Some(has) {
            return Ok(());
        }
        // Names from before they were unique belong to nobody.
        let unique = user["discriminator"].as_str().is_none_or(|d| d == "0");
        let name = if unique { word(&user["username"]) } else { "" };
        let member = Member { platform: PLATFORM, server: guild, user: id };
        let standing = self.standing(id).await?;
        let changed = match (has, standing) {
            // What is proven hangs on no role; who has an account by it needs it no second time.
            (_, Standing::Proven) | (true, Standing::Role) => false,
            _ => {
                let follow = |tx: Tx| async move {
                    if has { people::vouch(&tx, member, name).await } else { people::unvouch(&tx, member).await }
                };
                self.db.write_by_key(follow).await?
            }
        };
        if changed {
            tracing::info!(user = id, guild, linked = has, "an account follows the role of its server");
        }
        // Whose account is nobody's may have their name on the next staff list.
        if !has || changed || standing != Standing::Nobody {
            remember(&self.roles, (guild.to_owned(), id.to_owned()), (has, monotonic() + BELIEVED), REMEMBERED);
        }
        Ok(())
    }

    /// Whose an account is, and by what.
    ///
    /// # Errors
    /// The database's error.
    pub(crate) async fn standing(&self, user: &str) -> Result<Standing> {
        self.db.read(|c| async move { people::standing(&c, PLATFORM, user).await }).await
    }

    /// Whether an account to which something is to be sent is still somebody's, as far as that hangs on a role.
    ///
    /// # Errors
    /// As [`ask_roles`](Self::ask_roles).
    pub(crate) async fn is_still_vouched_for(&self, user: &str) -> Result<bool, Failure> {
        if self.options.guilds.iter().all(|g| g.member_role.is_none()) {
            return Ok(true);
        }
        self.ask_roles(user).await?;
        self.standing(user)
            .await
            .map(|s| s != Standing::Nobody)
            .map_err(|e| Failure::Later { why: e.to_string(), after: None })
    }

    /// Asks for the roles of somebody where no server tells them: who writes alone, or is written to. Not for accounts about
    /// which a role says nothing.
    ///
    /// # Errors
    /// What Discord says, when it may say something else later.
    pub(crate) async fn ask_roles(&self, user: &str) -> Result<(), Failure> {
        let stored = |e: stoa_ground::Error| Failure::Later { why: e.to_string(), after: None };
        for guild in self.options.guilds.iter().filter(|g| g.member_role.is_some()).map(|g| g.id.as_str()) {
            let key = (guild.to_owned(), user.to_owned());
            if believed(&self.roles, &key).is_some() {
                continue;
            }
            if self.standing(user).await.map_err(stored)? == Standing::Proven {
                remember(&self.roles, key, (false, monotonic() + BELIEVED), REMEMBERED);
                continue;
            }
            let (who, roles) = match self.member(guild, user).await {
                Ok(member) => (member["user"].clone(), member["roles"].clone()),
                // Not there, or we are not: nobody vouches.
                Err(Failure::Code { status, .. }) if status != 401 => (json!({ "id": user }), Value::Null),
                Err(failure) => return Err(failure),
            };
            self.seen_with(guild, &who, &roles).await.map_err(stored)?;
        }
        Ok(())
    }
}
