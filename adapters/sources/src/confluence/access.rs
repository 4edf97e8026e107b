//! Who may view pages of Confluence: whom the space lets, and of those whom the restrictions let.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use stoa_ground::{Error, Result};
use stoa_learning::library::Found;
use tokio::sync::mpsc;

use super::{Confluence, Listed, Parent, Space, User};
use crate::web::{Client, Failure, api, send};

/// Nothing lies deeper than this below the top of a space.
const DEEPEST: usize = 50;
/// A space has no more permissions than this.
const MOST_PERMISSIONS: usize = 10_000;
/// Members of a group on one page of their list, and at most.
const MEMBERS: usize = 200;
const MOST_MEMBERS: usize = 20_000;

/// Who may read: everybody who may read the source, or only these.
pub(super) type Readers = Option<Vec<String>>;

/// What is known of what lies below what, and who may view it.
#[derive(Default)]
pub(super) struct Tree {
    pub parents: HashMap<String, Parent>,
    /// Whom each space lets, in the order of the spaces.
    pub spaces: Vec<Open>,
    asked: HashMap<String, Readers>,
    /// What was asked for in vain, by the id of a page, folder or group: it has a fault for all that lies below it.
    failed: HashMap<String, Failure>,
    /// The people of a group, by its id.
    members: HashMap<String, HashSet<String>>,
}

impl Tree {
    /// Fails as it did before, where it did.
    fn again(&self, id: &str) -> Result<(), Failure> {
        self.failed.get(id).cloned().map_or(Ok(()), Err)
    }

    fn learn<T>(&mut self, id: &str, learned: Result<T, Failure>) -> Result<T, Failure> {
        learned.inspect_err(|failure| {
            self.failed.insert(id.to_owned(), failure.clone());
        })
    }
}

/// Whom a space lets.
#[derive(Default)]
pub(super) struct Open {
    readers: Readers,
    /// The ids of the groups among them.
    groups: Vec<String>,
}

/// One thing that somebody may do in a space.
#[derive(Deserialize)]
struct Permission {
    principal: Principal,
    operation: Permitted,
}

#[derive(Deserialize)]
struct Principal {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Deserialize)]
struct Permitted {
    key: String,
    #[serde(rename = "targetType")]
    target: String,
}

#[derive(Deserialize)]
struct Operation {
    restrictions: Restrictions,
}

#[derive(Deserialize)]
struct Restrictions {
    user: Part<User>,
    group: Part<Group>,
}

/// A part of a list.
#[derive(Deserialize)]
struct Part<T> {
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

pub(super) fn document(e: &Error) -> Failure {
    Failure::Document(e.to_string())
}

impl Confluence {
    /// Whom a space lets. Where that cannot be learned, nobody: it is said why, and pages are not lost for it.
    pub(super) async fn open_to(
        &self,
        client: &Client,
        space: &Space,
        out: &mpsc::Sender<Found>,
    ) -> Result<Open, Failure> {
        match self.permitted(client, space).await {
            Err(Failure::Denied(sentence) | Failure::Document(sentence)) => {
                let sentence =
                    format!("who may read the space {} could not be learned, so nobody may: {sentence}", space.key);
                send(out, Found::Noted(String::new(), sentence)).await.map_err(|e| document(&e))?;
                Ok(Open { readers: Some(Vec::new()), groups: Vec::new() })
            }
            other => other,
        }
    }

    async fn permitted(&self, client: &Client, space: &Space) -> Result<Open, Failure> {
        let path = format!("api/v2/spaces/{}/permissions", api::segment(&space.id));
        let all: Vec<Permission> = self.all(client, MOST_PERMISSIONS, &path, &[("limit", "250")]).await?;
        let reads = |p: &&Permission| p.operation.key == "read" && p.operation.target == "space";
        let principals: Vec<&Principal> = all.iter().filter(reads).map(|p| &p.principal).collect();
        let (mut readers, mut groups) = (Vec::new(), Vec::new());
        // Principals of other kinds (roles, apps) are nobody whom Stoa knows.
        for principal in principals.iter().filter(|p| p.kind == "group") {
            let at = self.at("rest/api/group/by-id", &[("id", &principal.id)]).map_err(|e| document(&e))?;
            let Some(Group { name }) = api::value(client, at, None).await? else { continue };
            if self.options.open_groups.contains(&name) {
                return Ok(Open::default());
            }
            groups.push(principal.id.clone());
            readers.push(format!("group:{name}"));
        }
        let users: Vec<&str> = principals.iter().filter(|p| p.kind == "user").map(|p| p.id.as_str()).collect();
        readers.extend(self.people(client, &users).await?.iter().filter_map(User::reader));
        Ok(Open { readers: Some(readers), groups })
    }

    /// Who may view this very page. A failure to learn it lets nobody in.
    async fn restriction(&self, client: &Client, id: &str) -> Result<Readers, Failure> {
        let path = format!("rest/api/content/{}/restriction/byOperation/read", api::segment(id));
        let at = self.at(&path, &[("expand", "restrictions.user,restrictions.group"), ("limit", "200")]);
        let found: Option<Operation> = match api::value(client, at.map_err(|e| document(&e))?, None).await {
            Err(Failure::Denied(_)) => return Ok(Some(Vec::new())),
            other => other?,
        };
        // What is not there (a folder) restricts nothing.
        let Some(Operation { restrictions }) = found else { return Ok(None) };
        let (users, groups) = (restrictions.user.results, restrictions.group.results);
        if users.is_empty() && groups.is_empty() {
            return Ok(None);
        }
        let users = users.iter().filter_map(User::reader);
        Ok(Some(users.chain(groups.into_iter().map(|g| format!("group:{}", g.name))).collect()))
    }

    /// Who may view a page: whom its space, it and everything above it let.
    pub(super) async fn readers(
        &self,
        client: &Client,
        page: &Listed,
        space: usize,
        tree: &mut Tree,
    ) -> Result<Readers, Failure> {
        let mut readers: Readers = None;
        let mut at = Some(page.id.clone());
        for depth in 0.. {
            let Some(id) = at else { break };
            if depth > DEEPEST {
                return Err(Failure::Document("the pages above it go round in circles".into()));
            }
            let own = match tree.asked.get(&id) {
                Some(own) => own.clone(),
                None => {
                    tree.again(&id)?;
                    let own = self.restriction(client, &id).await;
                    let own = tree.learn(&id, own)?;
                    tree.asked.insert(id.clone(), own.clone());
                    own
                }
            };
            readers = both(readers, own);
            let parent = tree.parents.get(&id).cloned().unwrap_or_default();
            if let Some(above) = &parent.id
                && !tree.parents.contains_key(above)
            {
                tree.again(above)?;
                let found = self.above(client, above, parent.kind.as_deref()).await;
                let Some(found) = tree.learn(above, found)? else {
                    // A page above it that the token may not see: nobody knows whom it lets.
                    return Ok(Some(Vec::new()));
                };
                tree.parents.insert(above.clone(), found);
            }
            at = parent.id;
        }
        self.of_space(client, readers, space, tree).await
    }

    /// Of these readers those whom the space lets, by their own name or as members of a group.
    async fn of_space(
        &self,
        client: &Client,
        readers: Readers,
        space: usize,
        tree: &mut Tree,
    ) -> Result<Readers, Failure> {
        let open = &tree.spaces[space];
        let (Some(wanted), Some(let_in)) = (&readers, &open.readers) else {
            return Ok(readers.or(open.readers.clone()));
        };
        let mut kept: Vec<String> = wanted.iter().filter(|r| let_in.contains(r)).cloned().collect();
        let people: Vec<&String> = wanted.iter().filter(|r| r.starts_with("email:") && !kept.contains(r)).collect();
        if !people.is_empty() {
            let groups = open.groups.clone();
            for group in &groups {
                if tree.members.contains_key(group) {
                    continue;
                }
                tree.again(group)?;
                let members = self.members(client, group).await;
                let members = tree.learn(group, members)?;
                tree.members.insert(group.clone(), members);
            }
            let member = |r: &&String| groups.iter().any(|g| tree.members[g].contains(*r));
            let of_groups: Vec<String> = people.into_iter().filter(member).cloned().collect();
            kept.extend(of_groups);
        }
        Ok(Some(kept))
    }

    /// The people of a group, as readers. Whoever is not shown is not among them.
    async fn members(&self, client: &Client, group: &str) -> Result<HashSet<String>, Failure> {
        let mut members = HashSet::new();
        for start in (0..MOST_MEMBERS).step_by(MEMBERS) {
            let path = format!("rest/api/group/{}/membersByGroupId", api::segment(group));
            let (start, limit) = (start.to_string(), MEMBERS.to_string());
            let at = self.at(&path, &[("start", &start), ("limit", &limit)]).map_err(|e| document(&e))?;
            let part: Option<Part<User>> = match api::value(client, at, None).await {
                Err(Failure::Denied(_)) => None,
                other => other?,
            };
            let found = part.map(|p| p.results).unwrap_or_default();
            members.extend(found.iter().filter_map(User::reader));
            if found.len() < MEMBERS {
                break;
            }
        }
        Ok(members)
    }

    /// What a thing that is no page lies below. None where that cannot be known.
    async fn above(&self, client: &Client, id: &str, kind: Option<&str>) -> Result<Option<Parent>, Failure> {
        let folder = match kind {
            Some("folder") => "folders",
            Some("whiteboard") => "whiteboards",
            Some("database") => "databases",
            _ => return Ok(None),
        };
        let at = self.at(&format!("api/v2/{folder}/{}", api::segment(id)), &[]);
        match api::value(client, at.map_err(|e| document(&e))?, None).await {
            Err(Failure::Denied(_)) => Ok(None),
            other => other,
        }
    }
}

/// Whom both let. Of two lists by different names only who stands in both is sure.
fn both(one: Readers, other: Readers) -> Readers {
    match (one, other) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) => Some(a.into_iter().filter(|r| b.contains(r)).collect()),
    }
}
