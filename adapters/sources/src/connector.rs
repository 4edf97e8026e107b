//! The source kind `connector`: anything that speaks the connector protocol (docs/connector.md). It lists its documents
//! with their versions, and gives each of them.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::civil::Date;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use crate::page;
use crate::pdf::Extractor;
use crate::reading::{Kind, MOST_BYTES, READING, Reading, digest};
use crate::web::{Answer, Ask, Client, Failure, Pace, api, broken, close, send, unlisted};

/// More documents than this are refused.
const MOST_DOCUMENTS: usize = 100_000;

/// Something that speaks the connector protocol.
pub struct Connector {
    settings: SourceSettings,
    base: Url,
    token: Option<String>,
    pace: Pace,
    network: Network,
    reading: Reading,
}

/// One page of the list.
#[derive(Deserialize)]
struct Page {
    documents: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

impl api::Page for Page {
    type Item = Value;

    fn split(self) -> (Vec<Value>, Option<String>) {
        (self.documents, self.next)
    }
}

/// A document as it is listed.
#[derive(Deserialize, Serialize)]
struct Listed {
    id: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    readers: Option<Vec<String>>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    review_date: Option<Date>,
    #[serde(default)]
    keywords: Option<String>,
    #[serde(default)]
    deprecated: Option<String>,
}

/// What is wrong with one entry of the list.
struct Odd {
    /// Where the document is known; none where the entry does not say of which one it speaks.
    location: Option<String>,
    /// Who may read it all the same: nobody where that cannot be told.
    restricted: Option<Vec<String>>,
    sentence: String,
}

impl Listed {
    fn of(entry: &Value) -> Result<Self, Odd> {
        let Value::Object(fields) = entry else {
            let sentence = "an entry of the list is no object: see docs/connector.md".into();
            return Err(Odd { location: None, restricted: None, sentence });
        };
        Self::deserialize(entry).map_err(|e| Odd::of(fields, &e))
    }

    /// Where people find it: its address, else its id.
    fn location(&self) -> String {
        location(&self.id, self.url.as_deref())
    }

    /// Changes with anything that was listed; none without a version.
    fn fingerprint(&self) -> Option<String> {
        self.version.as_ref()?;
        Some(format!("connector/{READING}/{}", digest([serde_json::to_string(self).ok()?.as_str()])))
    }
}

fn location(id: &str, url: Option<&str>) -> String {
    let web = url.filter(|u| Url::parse(u).is_ok_and(|u| matches!(u.scheme(), "http" | "https")));
    web.unwrap_or(id).to_owned()
}

impl Odd {
    fn of(fields: &Map<String, Value>, whole: &serde_json::Error) -> Self {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let fault = fields.iter().find_map(|(name, value)| {
            let alone = [("id".to_owned(), Value::from("")), (name.clone(), value.clone())];
            let why = serde_json::from_value::<Listed>(Value::Object(alone.into_iter().collect())).err()?;
            let closed = if name == "readers" { ", so nobody reads it" } else { "" };
            Some(format!("its '{name}' in the list cannot be read ({why}){closed}: see docs/connector.md"))
        });
        let sentence = fault.unwrap_or_else(|| format!("its entry in the list cannot be read ({whole})"));
        // Nobody reads what does not say who may.
        let restricted = match fields.get("readers") {
            None => None,
            Some(readers) => serde_json::from_value(readers.clone()).unwrap_or(Some(Vec::new())),
        };
        match (text("id"), fields.get("url")) {
            (Some(id), None | Some(Value::Null | Value::String(_))) => {
                Self { location: Some(location(id, text("url"))), restricted, sentence }
            }
            (id, _) => {
                let entry = id.map_or_else(|| "an entry".to_owned(), |id| format!("the entry '{id}'"));
                let sentence = format!("{entry} of the list does not say which document it is: {sentence}");
                Self { location: None, restricted, sentence }
            }
        }
    }
}

impl Connector {
    /// The connector at `url`, which is shown `token`.
    ///
    /// # Errors
    /// When `url` is no web address.
    pub fn new(
        settings: SourceSettings,
        url: &str,
        token: Option<String>,
        pace: Pace,
        network: Network,
    ) -> Result<Self> {
        let base = crate::web::folder(url)?;
        Ok(Self { settings, base, token, pace, network, reading: Reading::new() })
    }

    /// With another way to read PDF.
    #[must_use]
    pub fn with_pdf(self, extractor: Extractor) -> Self {
        Self { reading: Reading::with_pdf(extractor), ..self }
    }

    fn client(&self) -> Result<Client> {
        let client = Client::new(&self.network, self.base.clone(), &[], self.pace)?;
        match &self.token {
            Some(token) => client.with_secret(AUTHORIZATION, &format!("Bearer {token}")),
            None => Ok(client),
        }
    }

    async fn list(&self, client: &Client) -> Result<Vec<Value>, Failure> {
        api::pages::<Page>(client, MOST_DOCUMENTS, |cursor| {
            let mut at = self.base.join("documents").map_err(|e| Error::invalid(e.to_string()))?;
            if let Some(cursor) = cursor {
                at.query_pairs_mut().append_pair("cursor", cursor);
            }
            Ok((at, None))
        })
        .await
    }

    async fn document(&self, client: &Client, listed: Listed, known: &Known) -> Result<Found> {
        let (location, fingerprint) = (listed.location(), listed.fingerprint());
        if fingerprint.is_some() && known.fingerprint(&location) == fingerprint.as_deref() {
            return Ok(Found::Unchanged(location));
        }
        let Ok(at) = self.base.join(&format!("documents/{}", api::segment(&listed.id))) else {
            return Ok(Found::Broken(location, "its id cannot be part of an address".into()));
        };
        let ask = Ask { reads: |media, _| Kind::of_media(media).is_some(), ..Ask::get(at, MOST_BYTES) };
        let content = match client.ask(&ask).await {
            Ok(Answer::Content(content)) => content,
            Ok(_) => return Ok(Found::Gone(location)),
            Err(failure) => return broken(location, failure),
        };
        let Some(kind) = Kind::of_media(&content.media) else {
            let sentence =
                format!("the connector sends it as '{}', which is not read: see docs/connector.md", content.media);
            return Ok(Found::Broken(location, sentence));
        };
        let mut page = match self.reading.bytes(kind, content.bytes, content.charset).await {
            Ok(page) => page,
            Err(sentence) => return Ok(Found::Broken(location, sentence)),
        };
        // What is listed counts more than what stands in the document.
        page.title = listed.title.filter(|t| !t.trim().is_empty()).or(page.title);
        page.language = listed.language.or(page.language).filter(|l| page::is_language(l));
        page.owner = listed.owner.or(page.owner);
        page.review_date = listed.review_date.or(page.review_date);
        page.keywords = listed.keywords.unwrap_or(page.keywords);
        page.deprecated = listed.deprecated.or(page.deprecated);
        let (item, warnings) = page.into_item(location, || page::from_file_name(&listed.id));
        Ok(Found::Document { item, restricted: listed.readers, fingerprint, warnings })
    }
}

#[async_trait]
impl SourceReader for Connector {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    fn lists_what_it_shows(&self) -> bool {
        true
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let client = self.client()?;
        let listed = match self.list(&client).await {
            Ok(listed) => listed,
            Err(failure) => return unlisted(failure, known, &out).await,
        };
        send(&out, Found::Listed(listed.len())).await?;
        let (mut seen, mut unknown) = (HashSet::new(), None);
        for entry in listed {
            let document = match Listed::of(&entry) {
                Ok(document) => document,
                Err(Odd { location: Some(location), restricted, sentence }) => {
                    if seen.insert(location.clone()) {
                        send(&out, Found::Restricted(location.clone(), restricted)).await?;
                        send(&out, Found::Broken(location, sentence)).await?;
                    }
                    continue;
                }
                Err(Odd { sentence, .. }) => {
                    unknown.get_or_insert(sentence);
                    continue;
                }
            };
            let location = document.location();
            if !seen.insert(location.clone()) {
                send(&out, Found::Noted(location, "it is listed twice; the first one counts".into())).await?;
                continue;
            }
            let fingerprint = document.fingerprint();
            if known.documents.contains_key(&location)
                && (fingerprint.is_none() || known.fingerprint(&location) != fingerprint.as_deref())
            {
                send(&out, Found::Restricted(location, document.readers.clone())).await?;
            }
            let found = self.document(&client, document, known).await?;
            send(&out, found).await?;
        }
        // It may speak of any document that is not listed otherwise, and close it.
        if let Some(sentence) = unknown {
            close(known.documents.keys().filter(|known| !seen.contains(*known)), &out).await?;
            return Err(Error::Io(format!("{sentence}; until then nobody reads here what is not listed otherwise")));
        }
        Ok(())
    }
}
