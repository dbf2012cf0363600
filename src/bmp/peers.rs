//! How the messages of each monitored peer are encoded: learned from the OPENs of its Peer Up.
//!
//! A receiver that guesses misreads ADD-PATH and two-octet AS numbers. The table is bounded, since every byte of a router is
//! hostile: beyond [`MAX_PEERS`] a new peer is not remembered, and its routes are reported as those of an unknown peer.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::bgp::message::open::Open;
use crate::bgp::message::{self};
use crate::bgp::{Codec, Family, RouteDistinguisher};

use super::message::PeerUp;
use super::peer::{PeerHeader, PeerType};

/// Peers that are remembered of one router.
pub const MAX_PEERS: usize = 65_536;

/// The peers of one router.
#[derive(Debug, Default)]
pub struct Peers(HashMap<Key, Codecs>);

/// What identifies a peer: by RFC 7854 section 4.2 its address alone does not.
type Key = (PeerType, RouteDistinguisher, IpAddr);

/// How messages in either direction are encoded.
#[derive(Clone, Copy, Debug)]
struct Codecs {
    received: Codec,
    sent: Codec,
}

impl Peers {
    /// No peers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers the session of a Peer Up, in place of an earlier one of the same peer. Returns `false` if the table is full.
    pub fn up(&mut self, peer: &PeerHeader, up: &PeerUp<'_>) -> bool {
        let key = key(peer);
        if self.0.len() >= MAX_PEERS && !self.0.contains_key(&key) {
            return false;
        }
        self.0.insert(key, Codecs::new(up));
        true
    }

    /// Forgets the session of a Peer Down. Returns `true` if it was known.
    pub fn down(&mut self, peer: &PeerHeader) -> bool {
        self.0.remove(&key(peer)).is_some()
    }

    /// How a BGP message in a message with this header is encoded; `None` for a peer without Peer Up.
    pub fn codec(&self, peer: &PeerHeader) -> Option<Codec> {
        let codecs = self.0.get(&key(peer))?;
        let codec = if peer.rib().is_out() {
            codecs.sent
        } else {
            codecs.received
        };
        Some(Codec {
            asn4: !peer.has_as2(),
            ..codec
        })
    }

    /// How a BGP message of a peer without Peer Up is encoded, as far as its header shows.
    pub fn guess(peer: &PeerHeader) -> Codec {
        Codec {
            asn4: !peer.has_as2(),
            ..Codec::monitored(None)
        }
    }

    /// Peers that are up.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if no peer is up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn key(peer: &PeerHeader) -> Key {
    (peer.kind, peer.distinguisher, peer.address)
}

impl Codecs {
    fn new(up: &PeerUp<'_>) -> Self {
        let open = |bytes: &[u8]| Open::decode(bytes.get(message::HEADER..)?).ok();
        let opens = open(up.sent_open).zip(open(up.received_open));
        let received = Codec::monitored(opens.as_ref().map(|(sent, received)| (sent, received)));
        Self {
            received,
            // What the router sent is read with the path identifiers that it may send.
            sent: Codec {
                add_path_receive: received.add_path_send,
                add_path_send: received.add_path_receive,
                ..received
            },
        }
    }
}

impl Codec {
    /// How the messages of a session between two other speakers are encoded: every known family, and what both OPENs (sent,
    /// received) offer of ADD-PATH, AS width, message size and extended next hops. Without OPENs four-octet AS numbers are
    /// assumed, and no ADD-PATH.
    fn monitored(opens: Option<(&Open, &Open)>) -> Self {
        let codec = match opens {
            Some((sent, received)) => Self::offered(sent, received),
            None => Self {
                asn4: true,
                ..Self::default()
            },
        };
        Self {
            extended_message: true,
            families: Family::KNOWN.into_iter().collect(),
            ..codec
        }
    }
}
