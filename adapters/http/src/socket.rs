//! Opens a WebSocket: TCP without delay, through the proxy of `[network]` where there is one, and TLS.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::Network;

/// How long it may take to connect.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes of one message.
const MESSAGE: usize = 16 * 1024 * 1024;
/// The most bytes of a proxy's answer.
const PROXY_ANSWER: usize = 8 * 1024;

/// What a socket runs over.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// An open connection.
pub type Socket = WebSocketStream<Box<dyn Io>>;

/// Connects to a `ws://` or `wss://` address.
///
/// # Errors
/// A sentence that names the host, or the key of the configuration that is wrong.
pub async fn connect(address: &str, network: &Network) -> Result<Socket, String> {
    tokio::time::timeout(PATIENCE, open(address, network))
        .await
        .unwrap_or_else(|_| Err(format!("no connection within {} seconds", PATIENCE.as_secs())))
}

async fn open(address: &str, network: &Network) -> Result<Socket, String> {
    let url = Url::parse(address).map_err(|e| format!("the address for the connection: {e}"))?;
    let secure = match url.scheme() {
        "wss" => true,
        "ws" => false,
        other => return Err(format!("the address for the connection begins with {other}://")),
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port().unwrap_or(if secure { 443 } else { 80 });
    let tcp = match &network.proxy {
        Some(proxy) => through(proxy, &host, port).await?,
        None => TcpStream::connect((host.as_str(), port)).await.map_err(|e| format!("{host}:{port}: {e}"))?,
    };
    // Acknowledgements are small and must not wait for each other.
    tcp.set_nodelay(true).map_err(|e| e.to_string())?;
    let io: Box<dyn Io> = if secure {
        let name = ServerName::try_from(host.clone()).map_err(|e| e.to_string())?;
        let tls = TlsConnector::from(Arc::new(tls(network.ca.as_deref())?));
        Box::new(tls.connect(name, tcp).await.map_err(|e| format!("{host}: {e}"))?)
    } else {
        Box::new(tcp)
    };
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let (socket, _) = tokio_tungstenite::client_async_with_config(address, io, Some(config))
        .await
        .map_err(|e| format!("{host}: {e}"))?;
    Ok(socket)
}

fn tls(ca: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default()) {
        let certificate = certificate.map_err(|e| format!("[network] ca_file: {e}"))?;
        roots.add(certificate).map_err(|e| format!("[network] ca_file: {e}"))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A tunnel through an HTTP proxy (RFC 9110, section 9.3.6).
async fn through(proxy: &str, host: &str, port: u16) -> Result<TcpStream, String> {
    let url = Url::parse(proxy).map_err(|e| format!("[network] proxy: {e}"))?;
    if url.scheme() != "http" {
        return Err("[network] proxy: connections that stay open need one with http://".into());
    }
    let at = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let wrong = |e: std::io::Error| format!("[network] proxy {at}: {e}");
    let mut tcp = TcpStream::connect((at, url.port().unwrap_or(80))).await.map_err(wrong)?;
    let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if !url.username().is_empty() {
        let user = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        let user = base64::engine::general_purpose::STANDARD.encode(user);
        request.push_str(&format!("Proxy-Authorization: Basic {user}\r\n"));
    }
    request.push_str("\r\n");
    tcp.write_all(request.as_bytes()).await.map_err(wrong)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > PROXY_ANSWER {
            return Err(format!("[network] proxy {at} answers too much"));
        }
        answer.push(tcp.read_u8().await.map_err(wrong)?);
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) == Some("200") { Ok(tcp) } else { Err(format!("[network] proxy {at} answers: {line}")) }
}
