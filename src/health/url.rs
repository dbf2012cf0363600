//! The URL of an HTTP check (RFC 3986): `http://192.0.2.1:8080/health`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A literal address.
    Address(IpAddr),
    /// A name, which is resolved at each check.
    Name(String),
}

/// A URL of the scheme `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// It is of the scheme `https`.
    pub secure: bool,
    /// The server.
    pub host: Host,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// Path and query, which begin with `/`.
    pub target: String,
}

const EXPECTED: &str = "expected a URL such as `http://127.0.0.1:8080/health`";

impl Host {
    /// Parses an address, or a name of letters, digits, `-`, `_` and `.`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let relative = text.strip_suffix('.').unwrap_or(text);
        let is_name = text.len() <= 253
            && text.bytes().all(fits)
            && relative
                .split('.')
                .all(|label| (1..=63).contains(&label.len()))
            // `1.2.3` is a misspelled address.
            && relative.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_name.then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Url {
    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Host and port as the `Host` field has them (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" if cfg!(feature = "tls") => true,
            "https" => {
                return Err("https needs a build with the feature `tls`: without it, use a command such as `curl -sf URL`".to_owned());
            }
            _ => return Err(EXPECTED.to_owned()),
        };
        if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!("{c:?} must be percent-encoded in a URL"));
        }
        // A fragment is for the client (RFC 3986 section 3.5).
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("a URL with a user is not supported".to_owned());
        }
        let (host, port) = if let Some(literal) = authority.strip_prefix('[') {
            let (address, after) = literal.split_once(']').ok_or(EXPECTED)?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| format!("`{address}` is not an IPv6 address"))?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or(EXPECTED)?),
            };
            (Host::Address(address.into()), port)
        } else {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let host = Host::parse(host).filter(|host| !host.to_string().starts_with('['));
            (host.ok_or(EXPECTED)?, port)
        };
        let port = port.map(|port| {
            let number = port.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("`{port}` is not a port, 1 to 65535"))
        });
        let target = match target {
            target if target.starts_with('/') => target.to_owned(),
            target => format!("/{target}"),
        };
        Ok(Self {
            secure,
            host,
            port: port.transpose()?,
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_server_and_a_target() {
        for (text, authority, target, port) in [
            (
                "http://127.0.0.1:8080/health",
                "127.0.0.1:8080",
                "/health",
                8080,
            ),
            ("HTTP://www.example.net", "www.example.net", "/", 80),
            (
                "http://[2001:db8::1]:81?a=b#c",
                "[2001:db8::1]:81",
                "/?a=b",
                81,
            ),
            ("http://[::1]/x/y?z", "[::1]", "/x/y?z", 80),
            ("http://localhost.:1/", "localhost.:1", "/", 1),
        ] {
            let url: Url = text.parse().expect(text);
            assert_eq!(
                (url.authority().as_str(), url.target.as_str(), url.port()),
                (authority, target, port),
                "{text}"
            );
            assert_eq!(url.to_string().parse(), Ok(url), "{text}");
        }
        for wrong in [
            "",
            "127.0.0.1",
            "ftp://127.0.0.1/",
            "http://",
            "http:///health",
            "http://a:0/",
            "http://a:65536/",
            "http://a:b/",
            "http://user@a/",
            "http://[::1",
            "http://[::1]x/",
            "http://::1/",
            "http://1.2.3/",
            "http://a..b/",
            "http://a/ b",
            "http://a/\u{e4}",
            "http://a\r\nb/",
        ] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn https_needs_its_feature() {
        let url = "https://example.net/".parse::<Url>();
        match url {
            Ok(url) => assert!(cfg!(feature = "tls") && url.port() == 443),
            Err(reason) => assert!(reason.contains("feature `tls`"), "{reason}"),
        }
    }
}
