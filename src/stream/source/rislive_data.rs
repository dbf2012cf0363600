//! The JSON of RIS Live: <https://ris-live.ripe.net/manual/>.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Deserializer};

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
    #[serde(deserialize_with = "or_default")]
    pub(super) timestamp: f64,
    pub(super) peer: Option<IpAddr>,
    #[serde(deserialize_with = "or_default")]
    pub(super) peer_asn: Number,
    #[serde(deserialize_with = "or_default")]
    pub(super) host: String,
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    pub(super) raw: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) state: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) path: Vec<Hop>,
    #[serde(deserialize_with = "or_default")]
    pub(super) community: Vec<(u16, u16)>,
    pub(super) origin: Option<String>,
    pub(super) med: Option<u32>,
    pub(super) aggregator: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) announcements: Vec<Announcement>,
    #[serde(deserialize_with = "or_default")]
    pub(super) withdrawals: Vec<String>,
}

/// A value, or the default one for `null`, which some writers put where there is nothing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A number, or a text of one.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an AS number as `peer_asn`")]
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
#[serde(
    untagged,
    expecting = "expected an AS number, or the list of them that an AS_SET is, in `path`"
)]
pub(super) enum Hop {
    Asn(u32),
    Set(Vec<u32>),
}

/// Prefixes with their next hop.
#[derive(Debug, Deserialize)]
pub(super) struct Announcement {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) next_hop: String,
    #[serde(default, deserialize_with = "or_default")]
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
