//! The source kind `confluence`: the pages of some spaces (REST v2) and the files attached to them, with who may view
//! them: whom the space, the page's own restrictions and those of every page above it let.

mod access;
mod attachments;

use std::collections::HashMap;

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

use access::{Readers, Tree};

use crate::reading::{READING, Reading, digest};
use crate::web::{Client, Failure, Pace, api, send};

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

    /// All of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, client: &Client, first: Url) -> Result<Vec<T>> {
        api::listed::<Results<T>>(client, MOST_PAGES, |link| page_at(&first, link)).await
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
            Err(Failure::Server(sentence)) => return Err(Error::Io(sentence)),
            Err(_) => Vec::new(),
            Ok(people) => people,
        };
        let some = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        Ok(people.into_iter().filter_map(|p| Some((p.account, some(p.email).or_else(|| some(p.name))?))).collect())
    }

    async fn document(&self, client: &Client, page: &Listed, stands: Stands) -> Found {
        let Stands { location, owner, readers, fingerprint } = stands;
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
                item.owner = owner;
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
        let spaces = self.spaces(&client).await?;
        let mut pages: Vec<(usize, Listed)> = Vec::new();
        let mut tree = Tree::default();
        for (number, space) in spaces.iter().enumerate() {
            tree.spaces.push(self.open_to(&client, space, &out).await?);
            let path = format!("api/v2/spaces/{}/pages", api::segment(&space.id));
            let listed: Vec<Listed> =
                self.all(&client, self.at(&path, &[("status", "current"), ("limit", "250")])?).await?;
            pages.extend(listed.into_iter().map(|page| (number, page)));
            send(&out, Found::Listed(pages.len())).await?;
        }
        let owners = self.owners(&client, &pages).await?;
        tree.parents.extend(pages.iter().map(|(_, p)| (p.id.clone(), p.parent.clone())));
        for (number, page) in &pages {
            let key = api::segment(&spaces[*number].key);
            let location = self.at(&format!("spaces/{key}/pages/{}", api::segment(&page.id)), &[])?.to_string();
            let readers = match self.readers(&client, page, *number, &mut tree).await {
                Ok(readers) => readers,
                // Whoever may read it now: that is not known, so the listing is not whole.
                Err(Failure::Server(sentence)) => return Err(Error::Io(format!("{location}: {sentence}"))),
                Err(failure) => {
                    let sentence = format!("who may read it could not be learned: {}", failure.sentence());
                    self.keep_attachments(page, known, Some(&[]), &out).await?;
                    send(&out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
                    send(&out, Found::Broken(location, sentence)).await?;
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
            let found = self.document(&client, page, Stands { location, owner, readers, fingerprint }).await;
            send(&out, found).await?;
        }
        Ok(())
    }
}

/// What is known of a page before it is read.
struct Stands {
    location: String,
    owner: Option<String>,
    readers: Readers,
    fingerprint: String,
}
