//! `[network]`: the proxy and the certificates with which companies let programs out.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use stoa_ground::{Error, Result};

/// The way to the outside; the default goes there directly.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// A proxy for everything that goes out.
    pub proxy: Option<String>,
    /// Certificates (PEM) that are trusted beside the public ones.
    pub ca: Option<Vec<u8>>,
}

impl Network {
    /// A client that follows no redirect, heeds no proxy of the environment, and takes at most `connect` to connect and
    /// `whole`, where there is one, for a request in all.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key of the configuration that is wrong.
    pub fn client(&self, connect: Duration, whole: Option<Duration>) -> Result<Client> {
        self.build(Self::builder(connect, whole))
    }

    /// What [`Network::client`] is built from, for who needs more.
    pub fn builder(connect: Duration, whole: Option<Duration>) -> ClientBuilder {
        let http = Client::builder()
            .connect_timeout(connect)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .no_proxy()
            .user_agent(concat!("stoa/", env!("CARGO_PKG_VERSION")));
        match whole {
            Some(whole) => http.timeout(whole),
            None => http,
        }
    }

    /// The client of a builder, with the proxy and the certificates.
    ///
    /// # Errors
    /// As [`Network::client`].
    pub fn build(&self, mut http: ClientBuilder) -> Result<Client> {
        let wrong = |key: &'static str| move |e: reqwest::Error| Error::invalid(format!("[network]{key}: {e}"));
        if let Some(proxy) = &self.proxy {
            http = http.proxy(Proxy::all(proxy).map_err(wrong(" proxy"))?);
        }
        if let Some(pem) = &self.ca {
            let bundle = Certificate::from_pem_bundle(pem).map_err(wrong(" ca_file"))?;
            http = bundle.into_iter().fold(http, ClientBuilder::add_root_certificate);
        }
        http.build().map_err(wrong(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_is_wrong_is_named() {
        let of = |proxy: Option<&str>, ca: Option<&[u8]>| {
            let network = Network { proxy: proxy.map(str::to_owned), ca: ca.map(<[u8]>::to_vec) };
            network.client(Duration::from_secs(1), None).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(of(None, None), "");
        assert_eq!(of(Some("http://127.0.0.1:9"), None), "");
        assert!(of(Some("http://[:"), None).starts_with("[network] proxy: "));
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(of(None, Some(broken)).starts_with("[network] ca_file: "));
    }
}
