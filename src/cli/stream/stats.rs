//! What there is most of: per peer, per origin, per prefix.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::hash::Hash;
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::bgp::nlri::{Nlri, NlriRef};
use crate::stream::{Block, ElemKind, Route};

/// Distinct keys of a list at most; what comes after them is counted together.
const MOST: usize = 2_000_000;

/// Counts by key.
#[derive(Debug)]
struct Counts<K> {
    counts: HashMap<K, u64, foldhash::fast::RandomState>,
    others: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self {
            counts: HashMap::default(),
            others: 0,
        }
    }
}

impl<K: Eq + Hash + Ord> Counts<K> {
    fn add(&mut self, key: K, count: u64) {
        if self.counts.len() < MOST || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += count;
        } else {
            self.others += count;
        }
    }

    fn text(&self, out: &mut String, title: &str, top: usize, show: impl Fn(&K) -> String) {
        let mut list: Vec<_> = self.counts.iter().collect();
        list.sort_by(|a, b| Reverse(a.1).cmp(&Reverse(b.1)).then_with(|| a.0.cmp(b.0)));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{title} ({})", list.len());
        for (key, count) in list.into_iter().take(top) {
            let _ = writeln!(out, "{count:>12}  {}", show(key));
        }
        if self.others > 0 {
            let _ = writeln!(out, "{:>12}  others", self.others);
        }
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Stats {
    kinds: [u64; 4],
    peers: Counts<(u32, Option<IpAddr>)>,
    origins: Counts<u32>,
    prefixes: Counts<Vec<u8>>,
}

impl Stats {
    /// Counts routes. Returns how many.
    pub(super) fn add<'b>(
        &mut self,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) -> u64 {
        let mut count = u64::from(block.states.is_some());
        for route in routes {
            count += 1;
            let mut key = Vec::with_capacity(24);
            key.extend_from_slice(&block.family.afi.0.to_be_bytes());
            key.push(block.family.safi.0);
            key.extend_from_slice(route.nlri);
            self.prefixes.add(key, 1);
        }
        let kind = match block.kind {
            ElemKind::Rib => 0,
            ElemKind::Announcement => 1,
            ElemKind::Withdrawal => 2,
            ElemKind::PeerState => 3,
        };
        self.kinds[kind] += count;
        self.peers.add((block.peer_asn, block.peer), count);
        let origin = block
            .attributes
            .and_then(|attributes| attributes.path()?.origin());
        if let Some(origin) = origin {
            self.origins.add(origin, count);
        }
        count
    }

    /// The lists.
    pub(super) fn text(&self, top: usize) -> String {
        let mut out = String::new();
        let words = ["rib", "announcement", "withdrawal", "peerstate"];
        for (word, count) in words.iter().zip(self.kinds) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{count:>12}  {word}");
        }
        self.peers
            .text(&mut out, "peers", top, |(asn, address)| match address {
                Some(address) => format!("AS{asn} {address}"),
                None => format!("AS{asn}"),
            });
        self.origins
            .text(&mut out, "origins", top, |asn| format!("AS{asn}"));
        self.prefixes
            .text(&mut out, "prefixes", top, |key| prefix(key));
        out
    }
}

fn prefix(key: &[u8]) -> String {
    let [high, low, safi, nlri @ ..] = key else {
        return String::new();
    };
    let family = crate::bgp::Family::new(u16::from_be_bytes([*high, *low]), *safi);
    let nlri = Nlri::new(family, None, nlri);
    NlriRef::to_string(&nlri.as_ref())
}
