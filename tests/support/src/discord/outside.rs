//! The stand-in under Discord's own names: TLS with a certificate of its own, behind a proxy that lets nothing else out.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::serve::Listener;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// The names for which the certificate holds.
const NAMES: [&str; 2] = ["discord.com", "gateway.discord.gg"];

/// The way to the stand-in.
pub struct Outside {
    /// For `[network] proxy`.
    pub proxy: String,
    /// For `[network] ca_file`.
    pub certificate: String,
}

/// Connections over TLS.
pub(super) struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((tcp, from)) = self.tcp.accept().await else { continue };
            let _ = tcp.set_nodelay(true);
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A listener with a certificate for Discord's names, and a proxy before it.
pub(super) async fn open() -> Result<(Tls, Outside)> {
    let names: Vec<String> = NAMES.iter().map(|n| (*n).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let inside = tcp.local_addr()?;
    let proxy = TcpListener::bind("127.0.0.1:0").await?;
    let outside = Outside { proxy: format!("http://{}", proxy.local_addr()?), certificate: made.cert.pem() };
    tokio::spawn(async move {
        while let Ok((client, _)) = proxy.accept().await {
            tokio::spawn(async move { drop(tunnel(client, inside).await) });
        }
    });
    Ok((Tls { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) }, outside))
}

async fn tunnel(mut client: TcpStream, inside: SocketAddr) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).context("no CONNECT")?;
    if !NAMES.iter().any(|name| to == format!("{name}:443")) {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await?;
        return Ok(());
    }
    let mut server = TcpStream::connect(inside).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
