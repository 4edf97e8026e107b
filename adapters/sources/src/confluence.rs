//! The source kind `confluence`: the pages of some spaces (REST v2), with who may view them: a page is readable by whom
//! its own restrictions and those of every page above it let.

use std::collections::HashMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use crate::reading::{READING, Reading, digest};
use crate::web::{Client, Failure, Pace, api, send};

/// More pages than this are refused.
const MOST_PAGES: usize = 50_000;
/// Nothing lies deeper than this below the top of a space.
const DEEPEST: usize = 50;

/// Which pages are read.
#[derive(Clone, Debug, Default)]
pub struct ConfluenceOptions {
    /// The address of Confluence, for example `https://example.atlassian.net/wiki`.
    pub url: String,
    /// The keys of the spaces.
    pub spaces: Vec<String>,
    /// The account to which the token belongs; without it, the token is one that stands alone.
    pub user: Option<String>,
    /// The token.
    pub token: String,
    /// How fast it is asked.
    pub pace: Pace,
}

/// Spaces of Confluence as a source.
pub struct Confluence {
    settings: SourceSettings,
    options: ConfluenceOptions,
    base: Url,
    network: Network,
}

#[derive(Deserialize)]
struct Results<T> {
    results: Vec<T>,
    #[serde(rename = "_links", default)]
    links: Links,
}

impl<T: DeserializeOwned> api::Page for Results<T> {
    type Item = T;

    fn split(self) -> (Vec<T>, Option<String>) {
        (self.results, self.links.next)
    }
}

#[derive(Default, Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Space {
    id: String,
    key: String,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    title: String,
    #[serde(flatten)]
    parent: Parent,
    version: Version,
}

/// What a page lies below.
#[derive(Clone, Debug, Default, Deserialize)]
struct Parent {
    #[serde(rename = "parentId", default)]
    id: Option<String>,
    #[serde(rename = "parentType", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    number: i64,
}

#[derive(Deserialize)]
struct Whole {
    body: HashMap<String, Body>,
}

#[derive(Deserialize)]
struct Body {
    value: String,
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

/// A part of a list, with how many there are in all.
#[derive(Deserialize)]
struct Part<T> {
    results: Vec<T>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    email: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

/// What is known of what lies below what, and who may view it.
#[derive(Default)]
struct Tree {
    parents: HashMap<String, Parent>,
    asked: HashMap<String, Readers>,
}

/// Who may read: everybody who may read the space, or only these.
type Readers = Option<Vec<String>>;

impl Confluence {
    /// Spaces of Confluence as a source.
    ///
    /// # Errors
    /// When the address is none, or no space is named.
    pub fn new(settings: SourceSettings, options: ConfluenceOptions, network: Network) -> Result<Self> {
        let base = crate::web::folder(&options.url)?;
        if options.spaces.is_empty() {
            return Err(Error::invalid(
                "[[library.sources]] spaces: name the spaces of Confluence that are read, by their keys",
            ));
        }
        Ok(Self { settings, options, base, network })
    }

    fn client(&self) -> Result<Client> {
        let client = Client::new(&self.network, self.base.clone(), &[], self.options.pace)?;
        let value = match &self.options.user {
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{}", self.options.token))),
            None => format!("Bearer {}", self.options.token),
        };
        client.with_secret(AUTHORIZATION, &value)
    }

    fn at(&self, path: &str, query: &[(&str, &str)]) -> Result<Url> {
        let mut at = self.base.join(path).map_err(|e| Error::invalid(e.to_string()))?;
        if !query.is_empty() {
            at.query_pairs_mut().extend_pairs(query);
        }
        Ok(at)
    }

    /// All of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, client: &Client, first: Url) -> Result<Vec<T>> {
        api::listed::<Results<T>>(client, MOST_PAGES, |link| {
            let at = link.map_or_else(|| Ok(first.clone()), |link| first.join(link));
            Ok((at.map_err(|e| Error::invalid(e.to_string()))?, None))
        })
        .await
    }

    async fn spaces(&self, client: &Client) -> Result<Vec<Space>> {
        let keys = self.options.spaces.join(",");
        let found: Vec<Space> =
            self.all(client, self.at("api/v2/spaces", &[("keys", &keys), ("limit", "250")])?).await?;
        for key in &self.options.spaces {
            if !found.iter().any(|s| s.key.eq_ignore_ascii_case(key)) {
                return Err(Error::Io(format!(
                    "there is no space '{key}', or the token may not see it: correct 'spaces' or the token"
                )));
            }
        }
        Ok(found)
    }

    /// Who may view this very page. A failure to learn it lets nobody in.
    async fn restriction(&self, client: &Client, id: &str) -> Result<Readers, Failure> {
        let path = format!("rest/api/content/{}/restriction/byOperation/read", api::segment(id));
        let at = self.at(&path, &[("expand", "restrictions.user,restrictions.group"), ("limit", "200")]);
        let at = at.map_err(|e| Failure::Document(e.to_string()))?;
        let found: Option<Operation> = match api::value(client, at, None).await {
            Err(Failure::Denied(_)) => return Ok(Some(Vec::new())),
            other => other?,
        };
        // What is not there (a folder) restricts nothing.
        let Some(Operation { restrictions }) = found else { return Ok(None) };
        let (users, groups) = (restrictions.user.results, restrictions.group.results);
        if users.is_empty() && groups.is_empty() {
            return Ok(None);
        }
        let users = users.into_iter().filter_map(|u| u.email).filter(|e| e.contains('@')).map(|e| format!("email:{e}"));
        Ok(Some(users.chain(groups.into_iter().map(|g| format!("group:{}", g.name))).collect()))
    }

    /// Who may view a page: whom it and everything above it let.
    async fn readers(&self, client: &Client, page: &Listed, tree: &mut Tree) -> Result<Readers, Failure> {
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
                    let own = self.restriction(client, &id).await?;
                    tree.asked.insert(id.clone(), own.clone());
                    own
                }
            };
            readers = match (readers, own) {
                (None, other) | (other, None) => other,
                // Two lists by different names: only who stands in both is sure.
                (Some(a), Some(b)) => Some(a.into_iter().filter(|r| b.contains(r)).collect()),
            };
            let parent = tree.parents.get(&id).cloned().unwrap_or_default();
            if let Some(above) = &parent.id
                && !tree.parents.contains_key(above)
            {
                let Some(found) = self.above(client, above, parent.kind.as_deref()).await? else {
                    // A page above it that the token may not see: nobody knows whom it lets.
                    return Ok(Some(Vec::new()));
                };
                tree.parents.insert(above.clone(), found);
            }
            at = parent.id;
        }
        Ok(readers)
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
        match api::value(client, at.map_err(|e| Failure::Document(e.to_string()))?, None).await {
            Err(Failure::Denied(_)) => Ok(None),
            other => other,
        }
    }

    async fn document(
        &self,
        client: &Client,
        location: String,
        page: &Listed,
        readers: Readers,
        fingerprint: String,
    ) -> Found {
        let path = format!("api/v2/pages/{}", api::segment(&page.id));
        let Ok(at) = self.at(&path, &[("body-format", "export_view")]) else {
            return Found::Broken(location, "its id cannot be part of an address".into());
        };
        let whole: Whole = match api::value(client, at, None).await {
            Ok(Some(whole)) => whole,
            Ok(None) => return Found::Gone(location),
            Err(failure) => return Found::Broken(location, failure.sentence()),
        };
        let html = whole.body.into_values().next().map(|b| b.value).unwrap_or_default();
        match Reading::made(html).await {
            Err(sentence) => Found::Broken(location, sentence),
            Ok(read) => {
                let (mut item, warnings) = read.into_item(location, String::new);
                item.title.clone_from(&page.title);
                // Its headings have no addresses that are sure.
                item.sections.iter_mut().for_each(|s| s.anchor = None);
                Found::Document { item, restricted: readers, fingerprint: Some(fingerprint), warnings }
            }
        }
    }
}

#[async_trait]
impl SourceReader for Confluence {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let client = self.client()?;
        let mut pages: Vec<(String, Listed)> = Vec::new();
        for space in self.spaces(&client).await? {
            let path = format!("api/v2/spaces/{}/pages", api::segment(&space.id));
            let listed: Vec<Listed> =
                self.all(&client, self.at(&path, &[("status", "current"), ("limit", "250")])?).await?;
            pages.extend(listed.into_iter().map(|page| (space.key.clone(), page)));
            send(&out, Found::Listed(pages.len())).await?;
        }
        let mut tree = Tree::default();
        tree.parents.extend(pages.iter().map(|(_, p)| (p.id.clone(), p.parent.clone())));
        for (space, page) in &pages {
            let location =
                self.at(&format!("spaces/{}/pages/{}", api::segment(space), api::segment(&page.id)), &[])?.to_string();
            let readers = match self.readers(&client, page, &mut tree).await {
                Ok(readers) => readers,
                // Whoever may read it now: that is not known, so the listing is not whole.
                Err(Failure::Server(sentence)) => return Err(Error::Io(format!("{location}: {sentence}"))),
                Err(failure) => {
                    send(&out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
                    send(
                        &out,
                        Found::Broken(
                            location,
                            format!("who may read it could not be learned: {}", failure.sentence()),
                        ),
                    )
                    .await?;
                    continue;
                }
            };
            let fingerprint = fingerprint(page, readers.as_deref());
            if known.fingerprint(&location) == Some(&fingerprint) {
                send(&out, Found::Unchanged(location)).await?;
                continue;
            }
            if known.documents.contains_key(&location) {
                send(&out, Found::Restricted(location.clone(), readers.clone())).await?;
            }
            let found = self.document(&client, location, page, readers, fingerprint).await;
            send(&out, found).await?;
        }
        Ok(())
    }
}

fn fingerprint(page: &Listed, readers: Option<&[String]>) -> String {
    let parts = [page.version.number.to_string(), page.title.clone(), format!("{readers:?}")];
    format!("confluence/{READING}/{}", digest(parts.iter().map(String::as_str)))
}
