//! What the host of a Git repository says of who may see it: the interfaces of GitHub and of GitLab.

use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use stoa_ground::{Error, Result};
use stoa_http::Network;

use crate::web::{Client, Pace, api};

/// Where a host is asked about a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    base: Url,
    at: Url,
}

/// GitHub says `private` or `visibility`, GitLab the latter.
#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    private: bool,
}

impl Host {
    /// The host of the repository at `url`. None when it is not known and not named by `api_url`.
    ///
    /// # Errors
    /// When `api_url` is no address.
    pub fn of(url: &str, api_url: Option<&str>) -> Result<Option<Self>> {
        let (host, path) = parts(url);
        let known = match host.to_ascii_lowercase().as_str() {
            "github.com" => Some("https://api.github.com"),
            "gitlab.com" => Some("https://gitlab.com/api/v4"),
            _ => None,
        };
        let Some(base) = api_url.or(known) else { return Ok(None) };
        let base = crate::web::folder(base)?;
        let names: Vec<&str> = path.split('/').filter(|n| !n.is_empty()).collect();
        let below = if base.path().ends_with("/api/v4/") {
            format!("projects/{}", api::segment(&names.join("/")))
        } else {
            let names = &names[names.len().saturating_sub(2)..];
            format!("repos/{}", names.iter().map(|n| api::segment(n)).collect::<Vec<_>>().join("/"))
        };
        let at = base.join(&below).map_err(|e| Error::invalid(e.to_string()))?;
        Ok(Some(Self { base, at }))
    }

    /// Whether not everybody may see the repository: what is internal is for the members of its host only.
    ///
    /// # Errors
    /// When the host does not say it.
    pub async fn is_private(&self, network: &Network, token: Option<&str>, pace: Pace) -> Result<bool> {
        let mut client = Client::new(network, self.base.clone(), &[], pace)?;
        if let Some(token) = token {
            client = client.with_secret(AUTHORIZATION, &format!("Bearer {token}"))?;
        }
        let found: Option<Repository> = api::value(&client, self.at.clone(), None).await.map_err(|failure| {
            Error::Io(format!("whether the repository is private could not be learned: {}", failure.sentence()))
        })?;
        // A repository that may not be seen is said not to be there.
        Ok(found.is_none_or(|r| match r.visibility.as_deref() {
            Some(visibility) => visibility != "public",
            None => r.private,
        }))
    }
}

/// The host of a repository's address, and the path on it.
fn parts(url: &str) -> (&str, &str) {
    let plain = url.trim_end_matches('/').trim_end_matches(".git");
    let (host, path) = match plain.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None if plain.starts_with('/') => ("", plain),
        None => plain.split_once(':').unwrap_or(("", plain)),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    (host.split(':').next().unwrap_or(host), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_asked_for_where_its_host_knows_it() {
        let at = |url: &str, api: Option<&str>| Host::of(url, api).unwrap().map(|h| h.at.to_string());
        for (url, api, expected) in [
            ("https://github.com/acme/handbook.git", None, Some("https://api.github.com/repos/acme/handbook")),
            ("https://GitHub.com/acme/handbook", None, Some("https://api.github.com/repos/acme/handbook")),
            ("git@github.com:acme/handbook", None, Some("https://api.github.com/repos/acme/handbook")),
            (
                "ssh://git@gitlab.com:22/acme/docs/a.git",
                None,
                Some("https://gitlab.com/api/v4/projects/acme%2Fdocs%2Fa"),
            ),
            ("https://git.example.org/acme/a.git", None, None),
            (
                "https://git.example.org/acme/a.git",
                Some("https://git.example.org/api/v3"),
                Some("https://git.example.org/api/v3/repos/acme/a"),
            ),
        ] {
            assert_eq!(at(url, api).as_deref(), expected, "{url}");
        }
        assert!(Host::of("https://git.example.org/a", Some("nonsense")).is_err());
    }
}
