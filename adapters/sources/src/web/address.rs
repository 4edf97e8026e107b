//! Which addresses may be asked: the host that the configuration names may be anywhere, any other only on the public
//! internet, so that no page and no redirect leads into the network that Stoa stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The hosts that the configuration names.
#[derive(Clone, Debug)]
pub(crate) struct Trusted(Arc<Vec<(String, u16)>>);

impl Trusted {
    pub fn of(url: &Url, more: &[String]) -> Self {
        let mut all = Vec::new();
        let mut add = |host: &str, port: u16| {
            all.push((host.to_ascii_lowercase(), port));
            // What is asked for in the clear may be answered under TLS.
            if port == 80 || port == 443 {
                all.push((host.to_ascii_lowercase(), 523 - port));
            }
        };
        if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
            add(host, port);
        }
        for host in more {
            let (name, port) = host.rsplit_once(':').map_or((host.as_str(), None), |(h, p)| (h, p.parse().ok()));
            add(name, port.unwrap_or(443));
        }
        Self(Arc::new(all))
    }

    fn knows(&self, host: &str) -> bool {
        self.0.iter().any(|(h, _)| h == host)
    }

    /// Whether an address may be asked, as far as it shows itself; names are looked at again when they are resolved.
    ///
    /// # Errors
    /// One sentence.
    pub fn permit(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("it leads to an address of the kind '{}', which is not followed", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it leads to an address with a password in it, which is not followed".into());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("it leads to an address without a host".into());
        };
        let host = host.to_ascii_lowercase();
        if self.0.contains(&(host.clone(), port)) {
            return Ok(());
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let local = host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local");
        if local || literal.is_some_and(|ip| !is_public(ip)) || self.knows(&host) {
            return Err(private(&host));
        }
        Ok(())
    }
}

fn private(host: &str) -> String {
    format!(
        "it leads to {host}, which is in a private network: name that host in the source's 'hosts' if it belongs to it"
    )
}

/// Resolves names as the system does, and leaves out what is not public unless the configuration names the host.
pub(crate) struct Resolver(pub Trusted);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trusted = self.0.knows(&name.as_str().to_ascii_lowercase());
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<SocketAddr> = all.into_iter().filter(|a| trusted || is_public(a.ip())).collect();
            if kept.is_empty() {
                return Err(private(name.as_str()).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is on the public internet (IANA's registries of special-purpose addresses).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || a == 100 && (64..128).contains(&b)
        || a == 192 && b == 0 && c == 0
        || a == 198 && (18..20).contains(&b))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Addresses that stand for one of version 4: mapped, compatible, NAT64 (RFC 6052) and 6to4 (RFC 3056).
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if s[..5] == [0; 5] && (s[5] == 0xFFFF || s[5] == 0) || s[..6] == [0x64, 0xFF9B, 0, 0, 0, 0] {
        return v4(s[6], s[7]);
    }
    if s[0] == 0x2002 {
        return v4(s[1], s[2]);
    }
    // Global unicast, without documentation and Teredo.
    (0x2000..0x4000).contains(&s[0]) && !(s[0] == 0x2001 && (s[1] == 0xDB8 || s[1] == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_shape() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ];
        for ip in private {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn only_the_named_host_may_be_private() {
        let trusted = Trusted::of(&"http://wiki.corp:8080/docs/".parse().unwrap(), &["files.corp".into()]);
        let permitted = |url: &str| trusted.permit(&url.parse().unwrap()).is_ok();
        for url in ["http://wiki.corp:8080/a", "https://files.corp/x", "http://files.corp/x", "https://example.org/"] {
            assert!(permitted(url), "{url}");
        }
        for url in [
            "http://wiki.corp:6379/",
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/",
            "file:///etc/passwd",
            "http://a:b@example.org/",
        ] {
            assert!(!permitted(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_refused() {
        let of = |trusted: &str| Resolver(Trusted::of(&trusted.parse().unwrap(), &[]));
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(of("http://example.org").resolve(name()).await.is_err());
        assert!(of("http://localhost").resolve(name()).await.is_ok());
    }
}
