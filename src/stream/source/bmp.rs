//! BMP: what routers send to a monitoring station, from connections or files, as records.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::bmp::{
    Information, Message, Mirrored, OpenBmp, PeerHeader, PeerUp, Peers, Tlvs, decode, misfit,
};
use crate::mrt::Timestamp;
use crate::mrt::bgp4mp::{Direction, StateChange};
use crate::stream::block::View;
use crate::stream::record::{Origin, Status, printable};

use super::arrival::{Arrival, ESTABLISHED, IDLE, Payload, session};

/// Routers whose peers are remembered; OpenBMP mixes many in a file.
const MOST_ROUTERS: usize = 1_024;

/// The routers of a file or a feed, which the OpenBMP headers tell apart.
pub(super) struct Routers {
    origin: Origin,
    known: HashMap<(String, Option<IpAddr>), Router>,
}

impl Routers {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            known: HashMap::new(),
        }
    }

    /// The records of a message and the OpenBMP header before it, as [`Router::take`] makes them. Returns the time of the message.
    ///
    /// Messages without a header are of the one router of `place`. `otherwise` is the time of a message that has none.
    pub(super) fn take(
        &mut self,
        place: &str,
        (header, otherwise): (Option<OpenBmp>, Timestamp),
        message: &[u8],
        give: &mut dyn FnMut(Arrival),
    ) -> Timestamp {
        let key = match &header {
            Some(header) => (header.router.clone(), header.router_ip),
            None => (place.to_owned(), None),
        };
        if self.known.len() >= MOST_ROUTERS && !self.known.contains_key(&key) {
            // What is forgotten is learned again from the next Peer Up.
            self.known.clear();
        }
        let origin = &self.origin;
        let router = self
            .known
            .entry(key)
            .or_insert_with(|| Router::new(origin.clone()));
        let header = header.unwrap_or_default();
        router.name(&header.collector, &header.router, header.router_ip);
        let received =
            (header.seconds != 0).then(|| Timestamp::new(header.seconds, header.microseconds));
        router.take(message, received.or(Some(otherwise)), give);
        router.last
    }
}

/// One router: what is remembered between its messages.
pub(super) struct Router {
    origin: Arc<Origin>,
    peers: Peers,
    /// The time of the message before.
    last: Timestamp,
}

impl Router {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin: Arc::new(origin),
            peers: Peers::new(),
            last: Timestamp::default(),
        }
    }

    pub(super) const fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Names the router, as OpenBMP headers do before each of its messages.
    pub(super) fn name(&mut self, collector: &str, router: &str, address: Option<IpAddr>) {
        let known = &self.origin;
        let same = (collector.is_empty() || known.collector == collector)
            && (router.is_empty() || known.router == router)
            && (address.is_none() || known.router_ip == address);
        if same {
            return;
        }
        let origin = Arc::make_mut(&mut self.origin);
        for (field, text) in [
            (&mut origin.collector, collector),
            (&mut origin.router, router),
        ] {
            if !text.is_empty() {
                *field = printable(text);
            }
        }
        origin.router_ip = address.or(origin.router_ip);
    }

    /// The records of one whole message, `received` being when it came: one, or several of a Route Mirroring.
    ///
    /// A message that cannot be read is a corrupted record. Returns `true` if the router ends the connection.
    pub(super) fn take(
        &mut self,
        message: &[u8],
        received: Option<Timestamp>,
        give: &mut dyn FnMut(Arrival),
    ) -> bool {
        let message = match (decode(message), misfit(message)) {
            (Ok(message), _) => message,
            // The routes that are whole are given, with a note.
            (Err(_), Some((peer, update))) => Message::RouteMonitoring { peer, update },
            (Err(error), None) => {
                let time = received.unwrap_or(self.last);
                give(Arrival::damaged(
                    self.origin.clone(),
                    time,
                    format!("expected {error}"),
                    None,
                ));
                return false;
            }
        };
        let time = message
            .peer()
            .map(|peer| Timestamp::new(peer.seconds, peer.microseconds))
            .filter(|time| time.seconds != 0)
            .or(received)
            .unwrap_or(self.last);
        self.last = time;
        match message {
            Message::RouteMonitoring { peer, update } => {
                give(self.update(time, &peer, update, Direction::Received));
            }
            Message::RouteMirroring { peer, values } => self.mirrored(time, &peer, values, give),
            Message::PeerUp { peer, up } => give(self.up(time, &peer, &up)),
            Message::PeerDown { peer, .. } => {
                self.peers.down(&peer);
                give(self.state(time, &peer, None, IDLE));
            }
            Message::Initiation(tlvs) => {
                if let Some(name) = tlvs.find(Information::SYS_NAME) {
                    self.name("", &String::from_utf8_lossy(name.value), None);
                }
                give(Arrival::new(self.origin.clone(), time));
            }
            Message::StatisticsReport { .. } => give(Arrival::new(self.origin.clone(), time)),
            Message::Termination(_) => {
                give(Arrival::new(self.origin.clone(), time));
                return true;
            }
            Message::Unknown { .. } => give(Arrival {
                status: Status::UnsupportedRecord,
                ..Arrival::new(self.origin.clone(), time)
            }),
        }
        false
    }

    fn view(&self, peer: &PeerHeader) -> View {
        let time = Timestamp::new(peer.seconds, peer.microseconds);
        View {
            rib: peer.rib().into(),
            distinguisher: (peer.distinguisher.0 != [0; 8]).then_some(peer.distinguisher),
            originated: (time.seconds != 0).then_some(time),
            add_path: self.peers.codec(peer).map(|codec| codec.add_path_receive),
        }
    }

    /// The address is absent for a Loc-RIB, whose "peer" is the router itself (RFC 9069 section 4.2).
    fn session(&self, peer: &PeerHeader, local: Option<IpAddr>) -> crate::mrt::bgp4mp::Session {
        let address = (!peer.address.is_unspecified()).then_some(peer.address);
        // The router's address keeps peers of several routers apart in what is remembered of sessions.
        let local = local.or(self.origin.router_ip);
        session((address, peer.asn.0), (local, 0))
    }

    fn update(
        &self,
        time: Timestamp,
        peer: &PeerHeader,
        bytes: &[u8],
        direction: Direction,
    ) -> Arrival {
        Arrival {
            view: self.view(peer),
            payload: Payload::Message {
                session: self.session(peer, None),
                direction,
                asn4: !peer.has_as2(),
                bytes: Bytes::copy_from_slice(bytes),
            },
            ..Arrival::new(self.origin.clone(), time)
        }
    }

    fn mirrored(
        &self,
        time: Timestamp,
        peer: &PeerHeader,
        values: Tlvs<'_>,
        give: &mut dyn FnMut(Arrival),
    ) {
        let mut any = false;
        for tlv in values.iter().filter(|tlv| tlv.kind == Mirrored::MESSAGE) {
            any = true;
            give(self.update(time, peer, tlv.value, Direction::Mirrored));
        }
        if !any {
            give(Arrival::new(self.origin.clone(), time));
        }
    }

    fn up(&mut self, time: Timestamp, peer: &PeerHeader, up: &PeerUp<'_>) -> Arrival {
        // A table that is full costs the peer its codec, not its routes.
        self.peers.up(peer, up);
        let local = (!up.local_address.is_unspecified()).then_some(up.local_address);
        self.state(time, peer, local, ESTABLISHED)
    }

    fn state(
        &self,
        time: Timestamp,
        peer: &PeerHeader,
        local: Option<IpAddr>,
        new: u16,
    ) -> Arrival {
        Arrival {
            view: self.view(peer),
            payload: Payload::State(StateChange {
                session: self.session(peer, local),
                old: 0,
                new,
            }),
            ..Arrival::new(self.origin.clone(), time)
        }
    }
}
