//! The one HTTP client of the channels: timeouts set, redirects never followed, addresses checked as the connection is made.
//!
//! The address policy holds where the name is resolved for the connection, so a name that answers differently the second time
//! (DNS rebinding) gains nothing. Behind a proxy it is the proxy that connects, and the proxy's business whom to refuse.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::outcome::{AddressRefused, NameUnknown};
use crate::config::Common;

/// Longest time to wait for a connection; the deadline of the attempt may be shorter. Beyond: the attempt failed and is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections at rest are kept for so long. Beyond: they are closed; the next message opens one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Longest answer that is read, in bytes. Beyond: the rest is not looked at.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why a client or its target could not be set up. Names no URL, for all of it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL with a host.
    #[error("its URL is not of the form `https://host/…`")]
    BadUrl,
    /// Not encrypted.
    #[error("its URL must begin with `https://` (plain `http://` needs `allow_private = true`)")]
    NotHttps,
    /// A literal address that must not be contacted.
    #[error("its URL leads to a private, loopback or reserved address; `allow_private = true` would permit that")]
    PrivateAddress,
    /// The file of trusted certificates could not be read.
    #[error("could not read `{path}`, its file of trusted certificates")]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no certificate.
    #[error("`{path}` holds no certificate in PEM form")]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// The client itself.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Where to post. Prints as `***`, for the whole URL may be a secret.
#[derive(Clone)]
pub struct Target(Url);

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Target {
    /// Checks a URL against the address policy: public addresses by `https` only, unless `allow_private`.
    ///
    /// # Errors
    /// When it is no URL, not encrypted, or a literal address that must not be contacted.
    pub fn new(url: &str, allow_private: bool) -> Result<Self, ClientError> {
        let url = Url::parse(url.trim()).map_err(|_| ClientError::BadUrl)?;
        let host = literal_host(&url).ok_or(ClientError::BadUrl)?;
        if !allow_private {
            match host {
                Host::Address(address) if !is_public(address) => return Err(ClientError::PrivateAddress),
                Host::Name(name) if is_local_name(&name) => return Err(ClientError::PrivateAddress),
                _ => {}
            }
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if allow_private => Ok(Self(url)),
            "http" => Err(ClientError::NotHttps),
            _ => Err(ClientError::BadUrl),
        }
    }

    /// The URL, for a request.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The URL of `path` under this one, which ends in a slash.
    ///
    /// # Errors
    /// When the path does not fit.
    pub fn join(&self, path: &str) -> Result<Self, ClientError> {
        self.0.join(path).map(Self).map_err(|_| ClientError::BadUrl)
    }

    fn is_loopback(&self) -> bool {
        match literal_host(&self.0) {
            Some(Host::Address(address)) => unmapped(address).is_loopback(),
            Some(Host::Name(name)) => is_local_name(&name),
            None => false,
        }
    }
}

enum Host {
    Address(IpAddr),
    Name(String),
}

fn literal_host(url: &Url) -> Option<Host> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    Some(match bare.parse::<IpAddr>() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::Name(bare.to_ascii_lowercase()),
    })
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Installs rustls' cryptography, once per process; later calls do nothing.
pub fn install_crypto() {
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client for `target`, with room for `connections` at rest.
///
/// # Errors
/// When the file of trusted certificates is unusable, or the system's certificates cannot be loaded.
pub fn client(common: &Common, target: &Target, connections: usize) -> Result<reqwest::Client, ClientError> {
    install_crypto();
    let timeout = common.timeout.to_std();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("callout/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .connect_timeout(timeout.min(CONNECT_TIMEOUT))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(connections.max(1))
        .tcp_nodelay(true)
        .referer(false);
    if !common.allow_private {
        builder = builder.dns_resolver(Arc::new(PublicOnly { proxies: proxy_hosts(), look_up }));
    }
    if target.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(path) = &common.ca_file {
        builder = builder.tls_certs_merge(certificates(path)?);
    } else if target.url().scheme() == "http" {
        // Nothing to verify, so the system's certificates need not be there at all.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|e| ClientError::Client(e.without_url()))
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let pem = std::fs::read(path).map_err(|source| ClientError::CaFile { path: path.to_owned(), source })?;
    let none = || ClientError::NoCertificate { path: path.to_owned() };
    let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| none())?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// Reads an answer, at most [`ANSWER_BYTES_MAX`] of it.
///
/// # Errors
/// When the connection breaks before the end.
pub async fn read(response: &mut reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX - answer.len();
        answer.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if answer.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(answer)
}

/// Hosts of the proxies that the environment names. The operator put them there, so they may be private.
fn proxy_hosts() -> BTreeSet<String> {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter_map(|url| match literal_host(&Url::parse(&url).ok()?)? {
            Host::Name(name) => Some(name),
            Host::Address(_) => None,
        })
        .collect()
}

/// How a name becomes addresses.
type LookUp = fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

fn look_up(name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

/// Resolves names, keeping public addresses only. The client asks for each connection, so what a name led to before does not count.
struct PublicOnly {
    proxies: BTreeSet<String>,
    look_up: LookUp,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.contains(&name.as_str().to_ascii_lowercase());
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let mut found = found.await.map_err(|_| NameUnknown)?;
            if found.is_empty() {
                return Err(NameUnknown.into());
            }
            found.retain(|address| is_proxy || is_public(address.ip()));
            if found.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet: not private, loopback, link-local (metadata services are there),
/// unique-local, carrier-grade NAT, multicast, documentation, benchmarking or reserved, nor an IPv6 form of such an IPv4 address.
///
/// Source: the IANA special-purpose address registries (RFC 6890), read 2026-11.
pub fn is_public(address: IpAddr) -> bool {
    match unmapped(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = a == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99);
    !special
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // NAT64 and 6to4 carry an IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(inner(high, low)),
        // Teredo, ORCHID, documentation, and the rest of the IETF's block.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only 2000::/3 is handed out as global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in ["8.8.8.8", "1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "198.18.0.1",
            "192.0.0.192",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "203.0.113.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn targets_follow_the_address_policy() {
        for (url, strict, lax) in [
            ("https://hooks.example.com/x", true, true),
            ("http://hooks.example.com/x", false, true),
            ("https://127.0.0.1/x", false, true),
            ("https://[::1]:8443/x", false, true),
            ("https://0x7f.1/x", false, true),
            ("https://2130706433/", false, true),
            ("https://localhost:9/x", false, true),
            ("https://api.localhost./x", false, true),
            ("https://169.254.169.254/latest/meta-data", false, true),
            ("ftp://example.com/", false, false),
            ("file:///etc/passwd", false, false),
            ("hooks.example.com", false, false),
            ("", false, false),
        ] {
            assert_eq!(Target::new(url, false).is_ok(), strict, "{url}");
            assert_eq!(Target::new(url, true).is_ok(), lax, "{url}, private allowed");
        }
    }

    #[test]
    fn a_target_does_not_print_itself() {
        let target = Target::new("https://example.com/workflows/x?sig=s3cret", false).unwrap();
        assert_eq!(format!("{target:?}"), "***");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let resolver = PublicOnly { proxies: BTreeSet::new(), look_up };
        let error = resolver.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.is::<AddressRefused>(), "{error}");
    }

    /// A name server that rebinds: a public address at first, then this machine's; now and then both.
    fn rebinding(_: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let answers: [&[&str]; 4] = [
            &["8.8.8.8:0"],
            &["127.0.0.1:0"],
            &["127.0.0.1:0", "8.8.4.4:0", "[::ffff:10.0.0.1]:0"],
            &["169.254.169.254:0"],
        ];
        let answer = answers[ASKED.fetch_add(1, Ordering::Relaxed) % answers.len()];
        Box::pin(async move { Ok(answer.iter().map(|text| text.parse().unwrap()).collect()) })
    }

    #[tokio::test]
    async fn a_name_that_is_rebound_is_refused_at_the_next_connection() {
        let resolver = PublicOnly { proxies: ["proxy.example".to_owned()].into(), look_up: rebinding };
        let mut got = Vec::new();
        for _ in 0..4 {
            let found = resolver.resolve("hooks.example.com".parse().unwrap()).await;
            got.push(
                found.map_or_else(|e| e.to_string(), |all| all.map(|a| a.to_string()).collect::<Vec<_>>().join(" ")),
            );
        }
        let refused = AddressRefused.to_string();
        assert_eq!(got, ["8.8.8.8:0", &refused, "8.8.4.4:0", &refused]);
        let proxy = resolver.resolve("PROXY.example".parse().unwrap()).await;
        assert!(proxy.is_ok(), "where the operator put a proxy is the operator's business");
    }

    #[tokio::test]
    async fn nothing_is_sent_to_a_name_that_leads_inside() {
        install_crypto();
        let inside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        inside.set_nonblocking(true).unwrap();
        let port = inside.local_addr().unwrap().port();
        let inside_only: LookUp = |_| Box::pin(async { Ok(vec!["127.0.0.1:0".parse().unwrap()]) });
        let resolver = PublicOnly { proxies: BTreeSet::new(), look_up: inside_only };
        let client = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(resolver)).build().unwrap();
        let error = client.post(format!("http://hooks.example.com:{port}/")).send().await.unwrap_err();
        assert!(
            matches!(super::super::outcome::from_error(&error), crate::channel::Sending::Failed { .. }),
            "{error:?}"
        );
        assert_eq!(inside.accept().map_err(|e| e.kind()).err(), Some(std::io::ErrorKind::WouldBlock));
    }

    #[tokio::test]
    async fn so_much_of_an_answer_is_read() {
        for (bytes, seen) in [(ANSWER_BYTES_MAX, ANSWER_BYTES_MAX), (ANSWER_BYTES_MAX + 1, ANSWER_BYTES_MAX)] {
            let mut response = reqwest::Response::from(hyper::Response::new(vec![b'x'; bytes]));
            assert_eq!(read(&mut response).await.unwrap().len(), seen);
        }
    }
}
