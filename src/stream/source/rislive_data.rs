//! The JSON of RIS Live: <https://ris-live.ripe.net/manual/>.

use std::net::{IpAddr, Ipv6Addr};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) data: Option<serde_json::Value>,
}

/// The `data` of a `ris_message`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Data {
    pub(super) timestamp: f64,
    pub(super) peer: Option<IpAddr>,
    pub(super) peer_asn: Number,
    pub(super) host: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) raw: Option<String>,
    pub(super) state: String,
    pub(super) path: Vec<Hop>,
    pub(super) community: Vec<(u16, u16)>,
    pub(super) origin: Option<String>,
    pub(super) med: Option<u32>,
    pub(super) aggregator: Option<String>,
    pub(super) announcements: Vec<Announcement>,
    pub(super) withdrawals: Vec<String>,
}

/// A number, or a text of one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Number(u32),
    Text(String),
}

impl Default for Number {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// An AS, or an AS_SET.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Hop {
    Asn(u32),
    Set(Vec<u32>),
}

/// Prefixes with their next hop.
#[derive(Debug, Deserialize)]
pub(super) struct Announcement {
    #[serde(default)]
    pub(super) next_hop: String,
    #[serde(default)]
    pub(super) prefixes: Vec<String>,
}

impl Announcement {
    /// The next hop, and a link-local one beside it.
    pub(super) fn hops(&self) -> (Option<IpAddr>, Option<Ipv6Addr>) {
        let mut hops = self
            .next_hop
            .split(',')
            .filter_map(|text| text.trim().parse::<IpAddr>().ok());
        let first = hops.next();
        let second = hops.find_map(|hop| match hop {
            IpAddr::V6(hop) => Some(hop),
            IpAddr::V4(_) => None,
        });
        (first, second)
    }
}
