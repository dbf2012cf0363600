//! What a check connects to.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::dns;
use super::url::{Host, Url};

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Requests an HTTP resource.
    Http(HttpCheck),
    /// Connects to a TCP port.
    Tcp(Endpoint),
    /// Asks a DNS server.
    Dns(dns::Query),
    /// Runs a command of the shell, which succeeds with exit code 0.
    Command(String),
}

/// An HTTP request, and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The resource.
    pub url: Url,
    /// The method: `GET` unless set.
    pub method: String,
    /// The expected status; any of 200 to 299 if there are none.
    pub status: Vec<u16>,
    /// A text that the first 64 KiB of the body must contain.
    pub body: Option<String>,
    /// Fields of the request, which replace those that are sent anyway.
    pub headers: Vec<(String, String)>,
    /// How the server's certificate is judged.
    pub tls: Tls,
}

/// How the certificate of a server is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// It is not judged.
    pub unverified: bool,
    /// Certificates of authorities in PEM form, instead of those of the system.
    pub ca: Option<PathBuf>,
}

/// A TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub host: Host,
    /// Its number, 1 to 65535.
    pub port: u16,
}

impl HttpCheck {
    /// A check of a resource without further conditions.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            method: "GET".to_owned(),
            status: Vec::new(),
            body: None,
            headers: Vec::new(),
            tls: Tls::default(),
        }
    }

    /// Returns `true` if a status is as expected.
    pub fn expects(&self, status: u16) -> bool {
        if self.status.is_empty() {
            (200..300).contains(&status)
        } else {
            self.status.contains(&status)
        }
    }
}

/// Parses a method (RFC 9110 section 9).
///
/// # Errors
/// When it is not one whose answer can be judged.
pub fn method(text: &str) -> Result<String, String> {
    match text {
        "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" => Ok(text.to_owned()),
        _ => Err("expected `GET`, `HEAD`, `OPTIONS`, `POST` or `PUT`".to_owned()),
    }
}

/// Parses a field of a request: `Host: www.example.net` (RFC 9110 section 5).
///
/// # Errors
/// When it has no name, or characters that a field cannot have.
pub fn header(text: &str) -> Result<(String, String), String> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let (name, value) = text
        .split_once(':')
        .ok_or("expected a field such as `Host: www.example.net`")?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not the name of a field"));
    }
    let value = value.trim();
    if value
        .bytes()
        .any(|c| !(c == b'\t' || (b' '..=b'~').contains(&c)))
    {
        return Err("the value of a field has visible ASCII characters only".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: Host::Address(address.ip()),
            port: address.port(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
