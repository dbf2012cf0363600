//! What each peer must receive: for each prefix, the states that it went through.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::plan::Plan;

/// A prefix of one of the pools: `FIRST.SECOND.THIRD.0/24`, or the same three numbers in an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix {
    v6: bool,
    octets: [u8; 3],
}

/// Distinguishes the announcements of a prefix: its MED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32);

impl Prefix {
    pub(super) const fn v4(first: u8, second: u8, third: u8) -> Self {
        Self {
            v6: false,
            octets: [first, second, third],
        }
    }

    pub(super) const fn v6(self) -> Self {
        Self { v6: true, ..self }
    }

    pub(super) const fn is_v6(self) -> bool {
        self.v6
    }

    pub(super) const fn next_hop(self) -> &'static str {
        if self.v6 { "2001:db8::1" } else { "192.0.2.1" }
    }

    /// The NLRI on the wire.
    pub(super) fn wire(self) -> Vec<u8> {
        let [a, b, c] = self.octets;
        if self.v6 {
            vec![64, 0x20, 0x01, 0x0d, 0xb8, a, b, 0, c]
        } else {
            vec![24, a, b, c]
        }
    }

    /// From the wire: the prefix and how many bytes it took.
    pub(super) fn read(v6: bool, bytes: &[u8]) -> (Self, usize) {
        let found = match (v6, bytes) {
            (false, [24, a, b, c, ..]) => Self::v4(*a, *b, *c),
            (true, [64, 0x20, 0x01, 0x0d, 0xb8, a, b, 0, c, ..]) => Self::v4(*a, *b, *c).v6(),
            _ => panic!("{bytes:02x?} is no prefix of ours"),
        };
        (found, found.wire().len())
    }

    /// From text.
    pub(super) fn parse(text: &str) -> Self {
        let (address, length) = text.split_once('/').expect("a length");
        if let Ok(address) = address.parse::<Ipv4Addr>() {
            assert_eq!(length, "24");
            let [a, b, c, _] = address.octets();
            return Self::v4(a, b, c);
        }
        let octets = address.parse::<Ipv6Addr>().expect(text).octets();
        assert_eq!(length, "64");
        Self::v4(octets[4], octets[5], octets[7]).v6()
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c] = self.octets;
        if self.v6 {
            let middle = u16::from_be_bytes([a, b]);
            write!(f, "2001:db8:{middle:x}:{c:x}::/64")
        } else {
            write!(f, "{a}.{b}.{c}.0/24")
        }
    }
}

/// A table from the point of view of one speaker.
pub(super) type Routes = BTreeMap<Prefix, Version>;

/// What all peers must hold, and the changes during their sessions.
#[derive(Debug, Default)]
pub(super) struct Model {
    tables: BTreeMap<String, Routes>,
    /// For each peer and prefix: the states since the start of the session that were not received yet.
    ahead: BTreeMap<(String, Prefix), Vec<Option<Version>>>,
}

impl Model {
    /// The state of a prefix changes.
    pub(super) fn put(&mut self, peer: &str, prefix: Prefix, version: Option<Version>) {
        let table = self.tables.entry(peer.to_owned()).or_default();
        let before = match version {
            Some(version) => table.insert(prefix, version),
            None => table.remove(&prefix),
        };
        // An equal announcement is not sent again; a withdrawal always is.
        if version.is_none() || before != version {
            let ahead = self.ahead.entry((peer.to_owned(), prefix));
            ahead.or_default().push(version);
        }
    }

    /// What a peer must hold for a prefix.
    pub(super) fn now(&self, peer: &str, prefix: Prefix) -> Option<Version> {
        self.tables.get(peer)?.get(&prefix).copied()
    }

    /// Everything that a peer must hold.
    pub(super) fn table(&self, peer: &str) -> Routes {
        self.tables.get(peer).cloned().unwrap_or_default()
    }

    /// A session starts: it is sent the current table, and later changes.
    pub(super) fn begin(&mut self, peer: &str) {
        self.ahead.retain(|(other, _), _| other != peer);
        for (prefix, version) in self.table(peer) {
            let ahead = self.ahead.entry((peer.to_owned(), prefix)).or_default();
            ahead.push(Some(version));
        }
    }

    /// A peer received this: it must be an outstanding state, and no older one may follow.
    pub(super) fn saw(&mut self, peer: &str, prefix: Prefix, version: Option<Version>) {
        let ahead = self.ahead.entry((peer.to_owned(), prefix)).or_default();
        let at = ahead.iter().position(|state| *state == version);
        let Some(at) = at else {
            panic!("{peer} hears {prefix} {version:?}, and only {ahead:?} was to come");
        };
        ahead.drain(..=at);
    }

    /// Everything was received: only withdrawals of unknown prefixes may be left.
    pub(super) fn rest(&mut self, peer: &str, held: &Routes) {
        assert_eq!(
            *held,
            self.table(peer),
            "{peer} does not hold what it should"
        );
        self.ahead.retain(|(other, _), _| other != peer);
    }

    /// The routes of a configuration replace those of another, by difference. What the helper announces for such a prefix
    /// stays, and what it has withdrawn is announced again.
    pub(super) fn reload(&mut self, old: &Plan, new: &Plan) {
        for (name, neighbor) in &new.neighbors {
            let before = old.neighbors.get(name).map(|old| &old.routes);
            for (prefix, version) in before.into_iter().flatten() {
                let gone = !neighbor.routes.contains_key(prefix);
                if gone && self.now(name, *prefix) == Some(*version) {
                    self.put(name, *prefix, None);
                }
            }
            for (prefix, version) in &neighbor.routes {
                let earlier = before.and_then(|before| before.get(prefix)).copied();
                let now = self.now(name, *prefix);
                if now.is_none() || now == earlier && now != Some(*version) {
                    self.put(name, *prefix, Some(*version));
                }
            }
        }
        self.tables
            .retain(|name, _| new.neighbors.contains_key(name));
        self.ahead
            .retain(|(name, _), _| new.neighbors.contains_key(name));
    }
}
