//! The source kind `notion`: the pages that an integration of Notion was given. The interface does not show who may read
//! a page, so the configuration says it.

mod blocks;

use std::collections::HashSet;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_ground::{Error, Instant, Result, clock};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use crate::reading::{READING, Reading};
use crate::web::{Client, Failure, Pace, api, broken, send, unlisted};

/// The version of the interface that is spoken.
const VERSION: &str = "2022-06-28";
/// Blocks of one page, and how deep they lie in each other.
const MOST_BLOCKS: usize = 5_000;
const DEEPEST: usize = 8;
const MOST_PAGES: usize = 50_000;

/// Which Notion is read.
#[derive(Clone, Debug, Default)]
pub struct NotionOptions {
    /// The address of the interface; Notion's own when it is empty.
    pub url: String,
    /// The integration's token.
    pub token: String,
    /// How fast it is asked.
    pub pace: Pace,
}

/// Pages of Notion as a source.
pub struct Notion {
    settings: SourceSettings,
    options: NotionOptions,
    base: Url,
    network: Network,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    results: Vec<Value>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl api::Page for Listed {
    type Item = Value;

    fn split(self) -> (Vec<Value>, Option<String>) {
        (self.results, self.next_cursor.filter(|_| self.has_more))
    }
}

/// A page as it is listed.
struct Page {
    id: String,
    edited: String,
    location: String,
    title: String,
    owner: Option<String>,
}

impl Notion {
    /// Pages of Notion as a source.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(settings: SourceSettings, options: NotionOptions, network: Network) -> Result<Self> {
        let url = if options.url.is_empty() { "https://api.notion.com" } else { options.url.as_str() };
        let base = crate::web::address(url)?;
        Ok(Self { settings, options, base, network })
    }

    fn client(&self) -> Result<Client> {
        let client = Client::new(&self.network, self.base.clone(), &[], self.options.pace)?;
        let client = client.with_header(HeaderName::from_static("notion-version"), HeaderValue::from_static(VERSION));
        client.with_secret(AUTHORIZATION, &format!("Bearer {}", self.options.token))
    }

    fn at(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|e| Error::invalid(e.to_string()))
    }

    async fn list(&self, client: &Client) -> Result<Vec<Page>, Failure> {
        let found = api::pages::<Listed>(client, MOST_PAGES, |cursor| {
            let mut body = json!({ "filter": { "property": "object", "value": "page" }, "page_size": 100 });
            if let Some(cursor) = cursor {
                body["start_cursor"] = json!(cursor);
            }
            Ok((self.at("/v1/search")?, Some(body)))
        });
        Ok(found.await?.iter().filter_map(page_of).collect())
    }

    /// The blocks of a page or of a block, with those in them.
    async fn children(
        &self,
        client: &Client,
        id: &str,
        depth: usize,
        count: &mut usize,
    ) -> Result<Vec<Value>, Failure> {
        let found = api::pages::<Listed>(client, MOST_BLOCKS, |cursor| {
            let mut at = self.at(&format!("/v1/blocks/{}/children", api::segment(id)))?;
            at.query_pairs_mut().append_pair("page_size", "100");
            if let Some(cursor) = cursor {
                at.query_pairs_mut().append_pair("start_cursor", cursor);
            }
            Ok((at, None))
        });
        let mut all = found.await?;
        *count += all.len();
        if *count > MOST_BLOCKS {
            return Err(Failure::Document(format!("it has more than {MOST_BLOCKS} blocks: split it")));
        }
        for block in &mut all {
            let kind = block["type"].as_str().unwrap_or_default();
            if block["has_children"] == true && !matches!(kind, "child_page" | "child_database") && depth < DEEPEST {
                let id = block["id"].as_str().unwrap_or_default().to_owned();
                block["children"] = Box::pin(self.children(client, &id, depth + 1, count)).await?.into();
            }
        }
        Ok(all)
    }

    async fn document(&self, client: &Client, page: Page, known: &Known) -> Result<Found> {
        let fingerprint = format!("notion/{READING}/{}", page.edited);
        if known.fingerprint(&page.location) == Some(&fingerprint) {
            return Ok(Found::Unchanged(page.location));
        }
        let fingerprint = is_settled(&page.edited).then_some(fingerprint);
        let blocks = match self.children(client, &page.id, 0, &mut 0).await {
            Ok(blocks) => blocks,
            Err(failure) => return broken(page.location, failure),
        };
        Ok(match Reading::made(blocks::html(&blocks)).await {
            Err(sentence) => Found::Broken(page.location, sentence),
            Ok(read) => {
                let (mut item, warnings) = read.into_item(page.location, String::new);
                (item.title, item.owner) = (page.title, page.owner);
                item.sections.iter_mut().for_each(|s| s.anchor = None);
                Found::Document { item, restricted: None, fingerprint, warnings }
            }
        })
    }

    /// What became of a page that is not listed: the search of Notion may leave some out for a while.
    async fn missing(&self, client: &Client, location: String, known: &Known) -> Result<Found> {
        let Some(id) = id_in(&location) else { return Ok(Found::Gone(location)) };
        match api::value::<Value>(client, self.at(&format!("/v1/pages/{id}"))?, None).await {
            Ok(page) => match page.as_ref().and_then(page_of).filter(|page| page.location == location) {
                Some(page) => self.document(client, page, known).await,
                None => Ok(Found::Gone(location)),
            },
            Err(Failure::Denied(_)) => Ok(Found::Gone(location)),
            Err(failure) => broken(location, failure),
        }
    }
}

#[async_trait]
impl SourceReader for Notion {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    fn lists_what_it_shows(&self) -> bool {
        true
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let client = self.client()?;
        let pages = match self.list(&client).await {
            Ok(pages) => pages,
            Err(failure) => return unlisted(failure, known, &out).await,
        };
        let here: HashSet<String> = pages.iter().map(|p| p.location.clone()).collect();
        let mut away: Vec<String> = known.documents.keys().filter(|l| !here.contains(*l)).cloned().collect();
        away.sort();
        send(&out, Found::Listed(pages.len() + away.len())).await?;
        for page in pages {
            let found = self.document(&client, page, known).await?;
            send(&out, found).await?;
        }
        for location in away {
            let found = self.missing(&client, location, known).await?;
            send(&out, found).await?;
        }
        Ok(())
    }
}

/// Notion tells the minute of the last edit only: a page that was edited just now may be edited again in the same minute,
/// and is read once more.
fn is_settled(edited: &str) -> bool {
    Instant::parse(edited).map_or(true, |at| at.plus(120 * Instant::SECOND) < clock::machine())
}

fn page_of(value: &Value) -> Option<Page> {
    if value["object"] != "page" || value["in_trash"] == true || value["archived"] == true {
        return None;
    }
    let id = value["id"].as_str()?.to_owned();
    let plain: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let titled = value["properties"].as_object()?.values().find(|p| p["type"] == "title");
    let title = titled.map(|p| blocks::plain(&p["title"])).filter(|t| !t.trim().is_empty());
    Some(Page {
        edited: value["last_edited_time"].as_str()?.to_owned(),
        // Its own address has the title in it, and would change with it.
        location: format!("https://www.notion.so/{plain}"),
        title: title.unwrap_or_else(|| "Untitled".into()),
        owner: value["created_by"]["name"].as_str().map(str::to_owned),
        id,
    })
}

fn id_in(location: &str) -> Option<&str> {
    let id = location.rsplit('/').next()?;
    (id.len() == 32 && id.chars().all(|c| c.is_ascii_alphanumeric())).then_some(id)
}
