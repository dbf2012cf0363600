//! A peer's interpretation of the bytes that it is sent: a small decoder of UPDATEs that shares no code with ours.

use std::collections::BTreeMap;

use oxabgp::bgp::Family;
use oxabgp::rib::Session;

/// Family, path identifier (0 without ADD-PATH), NLRI bytes.
pub(super) type Key = (Family, u32, Vec<u8>);

/// The table of a peer, and its history.
#[derive(Debug)]
pub(super) struct View {
    /// Route to MED.
    pub(super) routes: BTreeMap<Key, u32>,
    /// Reject an announcement whose MED is not larger than all earlier ones of that route.
    pub(super) strict: bool,
    last: BTreeMap<Key, u32>,
    add_path: Vec<Family>,
    /// One NLRI takes up its whole field.
    opaque: bool,
    limit: usize,
    /// Bytes of each message.
    pub(super) sizes: Vec<usize>,
    /// Routes in each message.
    pub(super) counts: Vec<usize>,
    log: Vec<String>,
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

impl View {
    pub(super) fn new(session: &Session) -> Self {
        Self {
            routes: BTreeMap::new(),
            strict: false,
            last: BTreeMap::new(),
            opaque: false,
            add_path: session.sender.codec.add_path_send.iter().collect(),
            limit: session.sender.codec.message_size(),
            sizes: Vec::new(),
            counts: Vec::new(),
            log: Vec::new(),
        }
    }

    /// For a session where each message has one route, which may be of any family.
    pub(super) fn opaque(session: &Session) -> Self {
        Self {
            opaque: true,
            ..Self::new(session)
        }
    }

    /// What happened since the last call, as text.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Takes whole messages.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            assert_eq!(bytes[..16], [0xFF; 16]);
            let length = u16_at(bytes, 16);
            assert!(length <= self.limit, "a message of {length} bytes");
            self.sizes.push(length);
            let (message, rest) = bytes.split_at(length);
            match message[18] {
                2 => self.update(&message[19..]),
                5 => self.log.push(format!(
                    "refresh {} {}",
                    message[21],
                    Family::new(
                        u16::try_from(u16_at(message, 19)).expect("two bytes"),
                        message[22]
                    )
                )),
                kind => panic!("a message of type {kind}"),
            }
            bytes = rest;
        }
    }

    fn update(&mut self, body: &[u8]) {
        let withdrawn = &body[2..2 + u16_at(body, 0)];
        let at = 2 + withdrawn.len();
        let mut attributes = &body[at + 2..at + 2 + u16_at(body, at)];
        let nlri = &body[at + 2 + attributes.len()..];
        if withdrawn.is_empty() && attributes.is_empty() && nlri.is_empty() {
            return self.log.push(format!("eor {}", Family::IPV4_UNICAST));
        }
        let (mut med, mut reach, mut unreach, mut codes) = (None, None, None, Vec::new());
        while !attributes.is_empty() {
            let (length, head) = if attributes[0] & 0x10 == 0 {
                (usize::from(attributes[2]), 3)
            } else {
                (u16_at(attributes, 2), 4)
            };
            let value = &attributes[head..head + length];
            codes.push(attributes[1]);
            match attributes[1] {
                4 => med = Some(u32::from_be_bytes(value.try_into().expect("four bytes"))),
                14 => reach = Some(value),
                15 => unreach = Some(value),
                _ => {}
            }
            attributes = &attributes[head + length..];
        }
        assert!(
            codes.is_sorted() && codes.windows(2).all(|pair| pair[0] != pair[1]),
            "{codes:?}"
        );
        // RFC 7606 5.1: one of the four.
        let parts = [
            !withdrawn.is_empty(),
            !nlri.is_empty(),
            reach.is_some(),
            unreach.is_some(),
        ];
        assert_eq!(parts.iter().filter(|part| **part).count(), 1);
        let family = |value: &[u8]| {
            Family::new(
                u16::try_from(u16_at(value, 0)).expect("two bytes"),
                value[2],
            )
        };
        let mut count = self.withdraw(Family::IPV4_UNICAST, withdrawn)
            + self.announce(Family::IPV4_UNICAST, nlri, med);
        if let Some(value) = unreach {
            let family = family(value);
            if value.len() == 3 {
                return self.log.push(format!("eor {family}"));
            }
            count += self.withdraw(family, &value[3..]);
        }
        if let Some(value) = reach {
            count += self.announce(family(value), &value[5 + usize::from(value[3])..], med);
        }
        self.counts.push(count);
    }

    fn withdraw(&mut self, family: Family, bytes: &[u8]) -> usize {
        let keys = self.keys(family, bytes);
        for key in &keys {
            self.routes.remove(key);
            self.log.push(format!("withdraw {}", name(key)));
        }
        keys.len()
    }

    fn announce(&mut self, family: Family, bytes: &[u8], med: Option<u32>) -> usize {
        let keys = self.keys(family, bytes);
        let count = keys.len();
        for key in keys {
            let med = med.expect("a route with a MED");
            self.log.push(format!("announce {} {med}", name(&key)));
            let before = self.last.insert(key.clone(), med);
            if self.strict {
                assert!(
                    before.is_none_or(|before| before < med),
                    "{key:?}: {before:?}, then {med}"
                );
            }
            self.routes.insert(key, med);
        }
        count
    }

    /// Frames NLRI: prefixes in the families that have them, otherwise one NLRI that takes up everything.
    fn keys(&self, family: Family, mut bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        while !bytes.is_empty() {
            let mut path = 0;
            if self.add_path.contains(&family) {
                path = u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"));
                bytes = &bytes[4..];
            }
            let prefix = !self.opaque && matches!(family.safi.0, 1 | 2 | 4 | 128);
            let length = if prefix {
                1 + usize::from(bytes[0].div_ceil(8))
            } else {
                bytes.len()
            };
            keys.push((family, path, bytes[..length].to_vec()));
            bytes = &bytes[length..];
        }
        keys
    }
}

/// The number that `super::route` turned into a prefix, and its properties.
fn name(key: &Key) -> String {
    let (family, path, bytes) = key;
    let number = bytes.get(2..4).map_or(0, |number| u16_at(number, 0));
    let mut name = format!("{number}");
    if *family != Family::IPV4_UNICAST {
        name = format!("{family} {name}");
    }
    if *path != 0 {
        name = format!("{name} path {path}");
    }
    name
}
