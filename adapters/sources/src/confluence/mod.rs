//! The source kind `confluence`: the pages of some spaces (REST v2) and the files attached to them, with who may view
//! them: whom the space, the page's own restrictions and those of every page above it let.

mod access;
mod attachments;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use access::{Open, Readers, Tree};

use crate::reading::{READING, Reading, digest};
use crate::web::{Client, Failure, Pace, api, broken, close, send, unlisted, why_unlisted};

/// More pages than this are refused.
const MOST_PAGES: usize = 50_000;
/// People asked for together.
const PEOPLE: usize = 100;

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
    /// Groups of Confluence to which everybody belongs: what they may read is open to all whom the source's readers name.
    pub open_groups: Vec<String>,
    /// How fast it is asked.
    pub pace: Pace,
}

/// Spaces of Confluence as a source.
pub struct Confluence {
    settings: SourceSettings,
    options: ConfluenceOptions,
    base: Url,
    network: Network,
    reading: Reading,
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
    #[serde(rename = "ownerId", default)]
    owner: Option<String>,
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

/// A person, as far as Confluence shows them.
#[derive(Clone, Deserialize)]
struct User {
    #[serde(rename = "accountId", default)]
    account: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(rename = "displayName", default)]
    name: Option<String>,
}

impl User {
    /// The reader that this person is.
    fn reader(&self) -> Option<String> {
        self.email.as_ref().filter(|e| e.contains('@')).map(|e| format!("email:{e}"))
    }
}

/// Where the next page of a list is, by the link to it; at `first` for the first one.
fn page_at(first: &Url, link: Option<&str>) -> Result<(Url, Option<Value>)> {
    let at = link.map_or_else(|| Ok(first.clone()), |link| first.join(link));
    Ok((at.map_err(|e| Error::invalid(e.to_string()))?, None))
}

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
        Ok(Self { settings, options, base, network, reading: Reading::new() })
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

    /// All of a list, page by page, so many entries at most.
    async fn all<T: DeserializeOwned>(
        &self,
        client: &Client,
        most: usize,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Failure> {
        let first = self.at(path, query).map_err(|e| access::document(&e))?;
        api::pages::<Results<T>>(client, most, |link| page_at(&first, link)).await
    }

    async fn spaces(&self, client: &Client) -> Result<Vec<Space>, Failure> {
        let keys = self.options.spaces.join(",");
        self.all(client, MOST_PAGES, "api/v2/spaces", &[("keys", &keys), ("limit", "250")]).await
    }

    /// Whom a space lets, and its pages.
    async fn space(
        &self,
        client: &Client,
        space: &Space,
        out: &mpsc::Sender<Found>,
    ) -> Result<(Open, Vec<Listed>), Failure> {
        let open = self.open_to(client, space, out).await?;
        let path = format!("api/v2/spaces/{}/pages", api::segment(&space.id));
        Ok((open, self.all(client, MOST_PAGES, &path, &[("status", "current"), ("limit", "250")]).await?))
    }

    /// Where people find a page.
    fn location(&self, space: &Space, page: &Listed) -> Result<String> {
        let key = api::segment(&space.key);
        Ok(self.at(&format!("spaces/{key}/pages/{}", api::segment(&page.id)), &[])?.to_string())
    }

    /// The people of these accounts, as far as they are shown.
    async fn people(&self, client: &Client, accounts: &[&str]) -> Result<Vec<User>, Failure> {
        let mut people = Vec::new();
        for accounts in accounts.chunks(PEOPLE) {
            let at = self.at("api/v2/users-bulk", &[]).map_err(|e| Failure::Document(e.to_string()))?;
            let body = json!({ "accountIds": accounts });
            let found: Option<Results<User>> = api::value(client, at, Some(&body)).await?;
            people.extend(found.map(|f| f.results).unwrap_or_default());
        }
        Ok(people)
    }

    /// Who answers for the pages, by account: an address, else a name. Where Confluence does not show it, nobody.
    async fn owners(&self, client: &Client, pages: &[(usize, Listed)]) -> Result<HashMap<String, String>> {
        let mut accounts: Vec<&str> = pages.iter().filter_map(|(_, p)| p.owner.as_deref()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let people = match self.people(client, &accounts).await {
            Err(Failure::Server(sentence) | Failure::Away(sentence)) => return Err(Error::Io(sentence)),
            Err(_) => Vec::new(),
            Ok(people) => people,
        };
        let some = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        Ok(people.into_iter().filter_map(|p| Some((p.account, some(p.email).or_else(|| some(p.name))?))).collect())
    }

    /// Lets nobody read a page and its files, because who may is not known.
    async fn hide(
        &self,
        page: &Listed,
        location: String,
        why: &str,
        known: &Known,
        out: &mpsc::Sender<Found>,
    ) -> Result<()> {
        self.keep_attachments(page, known, Some(&[]), out).await?;
        send(out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
        send(out, Found::Broken(location, format!("who may read it could not be learned: {why}"))).await
    }

    async fn document(&self, client: &Client, page: &Listed, stands: Stands) -> Result<Found> {
        let Stands { location, owner, readers, fingerprint } = stands;
        let path = format!("api/v2/pages/{}", api::segment(&page.id));
        let Ok(at) = self.at(&path, &[("body-format", "export_view")]) else {
            return Ok(Found::Broken(location, "its id cannot be part of an address".into()));
        };
        let whole: Whole = match api::value(client, at, None).await {
            Ok(Some(whole)) => whole,
            Ok(None) => return Ok(Found::Gone(location)),
            Err(failure) => return broken(location, failure),
        };
        let html = whole.body.into_values().next().map(|b| b.value).unwrap_or_default();
        Ok(match Reading::made(html).await {
            Err(sentence) => Found::Broken(location, sentence),
            Ok(read) => {
                let (mut item, warnings) = read.into_item(location, String::new);
                item.title.clone_from(&page.title);
                item.owner = owner;
                // Its headings have no addresses that are sure.
                item.sections.iter_mut().for_each(|s| s.anchor = None);
                Found::Document { item, restricted: readers, fingerprint: Some(fingerprint), warnings }
            }
        })
    }
}

#[async_trait]
impl SourceReader for Confluence {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    fn lists_what_it_shows(&self) -> bool {
        true
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let client = self.client()?;
        let spaces = match self.spaces(&client).await {
            Ok(spaces) => spaces,
            Err(failure) => return unlisted(failure, known, &out).await,
        };
        let mut pages: Vec<(usize, Listed)> = Vec::new();
        let (mut tree, mut without) = (Tree::default(), Unlisted::default());
        for key in &self.options.spaces {
            if !spaces.iter().any(|s| s.key.eq_ignore_ascii_case(key)) {
                without.add(Failure::Denied(format!(
                    "there is no space '{key}', or the token may not see it: correct 'spaces' or the token"
                )));
            }
        }
        for (number, space) in spaces.iter().enumerate() {
            let (open, listed) = match self.space(&client, space, &out).await {
                Ok(space) => space,
                Err(Failure::Away(sentence)) => return Err(Error::Io(sentence)),
                Err(failure) => {
                    without.add(failure);
                    Default::default()
                }
            };
            tree.spaces.push(open);
            pages.extend(listed.into_iter().map(|page| (number, page)));
            send(&out, Found::Listed(pages.len())).await?;
        }
        if without.closed {
            let mut listed = HashSet::new();
            for (number, page) in &pages {
                listed.insert(self.location(&spaces[*number], page)?);
                listed.insert(self.below(page)?.trim_end_matches('/').to_owned());
            }
            let is_listed =
                |l: &str| listed.contains(l) || l.rsplit_once('/').is_some_and(|(at, _)| listed.contains(at));
            close(known.documents.keys().filter(|l| !is_listed(l)), &out).await?;
        }
        let owners = self.owners(&client, &pages).await?;
        tree.parents.extend(pages.iter().map(|(_, p)| (p.id.clone(), p.parent.clone())));
        let mut unknown = Vec::new();
        for (number, page) in &pages {
            let location = self.location(&spaces[*number], page)?;
            let readers = match self.readers(&client, page, *number, &mut tree).await {
                Ok(readers) => readers,
                Err(Failure::Away(sentence)) => return Err(Error::Io(format!("{location}: {sentence}"))),
                Err(Failure::Server(sentence)) => {
                    unknown.push((page, location, sentence));
                    continue;
                }
                Err(failure) => {
                    self.hide(page, location, &failure.sentence(), known, &out).await?;
                    continue;
                }
            };
            self.attachments(&client, page, known, readers.as_deref(), &out).await?;
            let owner = page.owner.as_ref().and_then(|o| owners.get(o)).cloned();
            let parts = [page.version.number.to_string(), page.title.clone(), format!("{readers:?}")];
            let parts = parts.iter().chain(&owner).map(String::as_str);
            let fingerprint = format!("confluence/{READING}/{}", digest(parts));
            if known.fingerprint(&location) == Some(&fingerprint) {
                send(&out, Found::Unchanged(location)).await?;
                continue;
            }
            if known.documents.contains_key(&location) {
                send(&out, Found::Restricted(location.clone(), readers.clone())).await?;
            }
            let found = self.document(&client, page, Stands { location, owner, readers, fingerprint }).await?;
            send(&out, found).await?;
        }
        // Only now, when it is known that the server is there: else a night without it would hide them.
        for (page, location, sentence) in unknown {
            self.hide(page, location, &sentence, known, &out).await?;
        }
        without.why.map_or(Ok(()), |why| Err(Error::Io(why)))
    }
}

/// Spaces that could not be listed.
#[derive(Default)]
struct Unlisted {
    /// Why the first of them could not.
    why: Option<String>,
    /// Whether the token may not see one of them: nobody reads what it had until it is listed again.
    closed: bool,
}

impl Unlisted {
    fn add(&mut self, failure: Failure) {
        self.closed |= matches!(failure, Failure::Denied(_));
        self.why.get_or_insert_with(|| why_unlisted(failure));
    }
}

/// What is known of a page before it is read.
struct Stands {
    location: String,
    owner: Option<String>,
    readers: Readers,
    fingerprint: String,
}
