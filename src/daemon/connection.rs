//! The state of one connection, and of the session on it.
//!
//! Both are created when they are established and dropped as a whole, so that no state is left over for the next one. The
//! speaker has the message counters.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use crate::bgp::message::open::Open;
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::bgp::{Family, Negotiated, Sender};
use crate::fsm::ConnInfo;

/// Most messages other than routes that are queued for a neighbor.
const OUTGOING: usize = 1024;

/// A connection, from TCP up to its end.
pub(crate) struct Connection {
    /// Its addresses.
    pub(crate) ends: ConnInfo,
    /// The OPEN that was sent on it.
    pub(crate) open: Option<Open>,
    /// What was negotiated, once both OPENs were exchanged.
    pub(crate) negotiated: Option<Rc<Negotiated>>,
    /// The last OPEN in each direction, as it was on the wire: first the one that was sent.
    opens: [Option<Bytes>; 2],
    /// The last NOTIFICATION, as it was on the wire.
    notification: Option<(Direction, Bytes)>,
}

impl Connection {
    /// A connection before the first message.
    pub(crate) const fn new(ends: ConnInfo) -> Self {
        Self {
            ends,
            open: None,
            negotiated: None,
            opens: [None, None],
            notification: None,
        }
    }

    /// Keeps the messages that monitoring stations are sent as they were on the wire.
    pub(crate) fn note(&mut self, direction: Direction, message: &RawMessage) {
        // A copy: a received message is part of a larger buffer.
        let bytes = || Bytes::copy_from_slice(&message.bytes);
        match message.kind {
            MessageType::OPEN => {
                self.opens[usize::from(direction == Direction::Receive)] = Some(bytes())
            }
            MessageType::NOTIFICATION => self.notification = Some((direction, bytes())),
            _ => {}
        }
    }

    /// The OPEN of one direction.
    pub(crate) fn raw_open(&self, direction: Direction) -> Option<&[u8]> {
        self.opens[usize::from(direction == Direction::Receive)].as_deref()
    }

    /// The last NOTIFICATION, and its direction.
    pub(crate) fn notification(&self) -> Option<(Direction, &[u8])> {
        let (direction, bytes) = self.notification.as_ref()?;
        Some((*direction, bytes))
    }
}

/// An established session, from its establishment to its end.
pub(crate) struct Session {
    /// When it was established.
    pub(crate) since: Instant,
    /// How routes are encoded on it.
    pub(crate) sender: Sender,
    /// Set if the peer has more routes than `prefix-limit` allows, which is logged once.
    pub(crate) over_limit: bool,
    /// Families of routes that the peer sends although they were not negotiated, which is logged once.
    ignored: Vec<Family>,
    /// Families with a route refresh that no route has followed yet, with the number of the request.
    pub(crate) awaited: Vec<(Family, u64)>,
    /// Families whose End-of-RIB marker is deferred.
    pub(crate) eor_deferred: Vec<Family>,
    /// Whole messages other than routes, which are sent before the next routes.
    outgoing: VecDeque<Vec<u8>>,
}

impl Session {
    /// A session that is established now and starts with these messages.
    pub(crate) fn new(sender: Sender, outgoing: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            since: Instant::now(),
            sender,
            over_limit: false,
            ignored: Vec::new(),
            awaited: Vec::new(),
            eor_deferred: Vec::new(),
            outgoing: outgoing.into_iter().collect(),
        }
    }

    /// Notes a family whose routes are ignored. Returns `true` if it is the first time.
    pub(crate) fn ignores(&mut self, family: Family) -> bool {
        // The list is short: only known families, about 30, are decoded.
        let first = !self.ignored.contains(&family);
        if first {
            self.ignored.push(family);
        }
        first
    }

    /// The families whose routes are ignored.
    pub(crate) fn ignored(&self) -> &[Family] {
        &self.ignored
    }

    /// The messages that wait.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.outgoing.iter()
    }

    /// Queues a whole message. Returns `false` if too many are queued already.
    pub(crate) fn push(&mut self, message: Vec<u8>) -> bool {
        let room = self.outgoing.len() < OUTGOING;
        if room {
            self.outgoing.push_back(message);
        }
        room
    }

    /// Takes the next message to send.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }
}
