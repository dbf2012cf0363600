//! Where metrics and the status page are served, and what they contain.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::grammar::Prefix;

/// Metrics and the status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where they are served; at least one.
    pub listen: Vec<HttpPlace>,
    /// Prefixes with a series each: to how many neighbors they are announced.
    pub routes: Vec<Prefix>,
    /// Whether the status page is served.
    pub page: bool,
    /// Whether there are series with the names of the exporters for ExaBGP.
    pub exabgp_exporter: bool,
}

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HttpPlace {
    /// A TCP port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for HttpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{} port {}", address.ip(), address.port()),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            routes: Vec::new(),
            page: true,
            exabgp_exporter: false,
        }
    }
}

/// The section as a file has it.
impl fmt::Display for MetricsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "metrics {{")?;
        for place in &self.listen {
            writeln!(f, "  listen {place};")?;
        }
        if !self.routes.is_empty() {
            let routes: Vec<String> = self.routes.iter().map(ToString::to_string).collect();
            writeln!(f, "  routes [ {} ];", routes.join(" "))?;
        }
        if !self.page {
            writeln!(f, "  page disable;")?;
        }
        if self.exabgp_exporter {
            writeln!(f, "  compat exabgp-exporter;")?;
        }
        writeln!(f, "}}")
    }
}
