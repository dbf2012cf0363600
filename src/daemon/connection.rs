//! The state of one connection, and of the session on it.
//!
//! Both are created when they are established and dropped as a whole, so that no state is left over for the next one. The
//! speaker has the message counters.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use crate::bgp::message::open::Open;
use crate::bgp::message::{Direction, HEADER, MessageType, RawMessage};
use crate::bgp::{Family, Negotiated};
use crate::fsm::ConnInfo;

use super::session;

/// Most messages other than routes that are queued for a neighbor.
const OUTGOING: usize = 1024;

/// A connection, from TCP up to its end.
pub(crate) struct Connection {
    /// Its addresses.
    pub(crate) ends: ConnInfo,
    /// What was negotiated, once both OPENs were exchanged.
    pub(crate) negotiated: Option<Rc<Negotiated>>,
    /// The last OPEN in each direction, as it was on the wire: first the one that was sent.
    opens: [Option<Box<[u8]>>; 2],
    /// The last NOTIFICATION, as it was on the wire.
    notification: Option<(Direction, Box<[u8]>)>,
}

impl Connection {
    /// A connection before the first message.
    pub(crate) const fn new(ends: ConnInfo) -> Self {
        Self {
            ends,
            negotiated: None,
            opens: [None, None],
            notification: None,
        }
    }

    /// Keeps the messages that monitoring stations are sent as they were on the wire.
    pub(crate) fn note(&mut self, direction: Direction, message: &RawMessage) {
        // A copy: a received message is part of a larger buffer.
        let bytes = || Box::from(&message.bytes[..]);
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

    /// The OPEN that was sent, as `show neighbor` has it.
    pub(crate) fn sent_open(&self) -> Option<Open> {
        let body = self.raw_open(Direction::Send)?.get(HEADER..)?;
        let mut open = Open::decode(body).ok()?;
        session::show_hostname(&mut open);
        Some(open)
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
    /// Set if the peer has more routes than `prefix-limit` allows, which is logged once.
    pub(crate) over_limit: bool,
    /// What few sessions have, while they have it.
    rest: Option<Box<Rest>>,
}

/// What few sessions have.
#[derive(Default)]
struct Rest {
    /// Families of routes that the peer sends although they were not negotiated, which is logged once.
    ignored: Vec<Family>,
    /// Families with a route refresh that no route has followed yet, with the number of the request.
    awaited: Vec<(Family, u64)>,
    /// Families whose End-of-RIB marker is deferred.
    eor_deferred: Vec<Family>,
    /// Whole messages other than routes, which are sent before the next routes.
    outgoing: VecDeque<Vec<u8>>,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.ignored.is_empty()
            && self.awaited.is_empty()
            && self.eor_deferred.is_empty()
            && self.outgoing.is_empty()
    }
}

impl Session {
    /// A session that is established now and starts with these messages.
    pub(crate) fn new(outgoing: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut session = Self {
            since: Instant::now(),
            over_limit: false,
            rest: None,
        };
        let outgoing: VecDeque<_> = outgoing.into_iter().collect();
        if !outgoing.is_empty() {
            session.rest().outgoing = outgoing;
        }
        session
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Notes a family whose routes are ignored. Returns `true` if it is the first time.
    pub(crate) fn ignores(&mut self, family: Family) -> bool {
        // The list is short: only known families, about 30, are decoded.
        let ignored = &mut self.rest().ignored;
        let first = !ignored.contains(&family);
        if first {
            ignored.push(family);
        }
        first
    }

    /// The families whose routes are ignored.
    pub(crate) fn ignored(&self) -> &[Family] {
        self.rest.as_ref().map_or(&[], |rest| &rest.ignored)
    }

    /// Notes a route refresh of a family, with the number of the request.
    pub(crate) fn await_routes(&mut self, family: Family, number: u64) {
        let awaited = &mut self.rest().awaited;
        awaited.retain(|(other, _)| *other != family);
        awaited.push((family, number));
    }

    /// Notes that a route has followed the route refresh of a family, if there was one.
    pub(crate) fn answered(&mut self, family: Family) {
        if let Some(rest) = &mut self.rest {
            rest.awaited.retain(|(other, _)| *other != family);
        }
    }

    /// Waits no longer for the routes of a request. Returns `true` if none has come so far.
    pub(crate) fn give_up_routes(&mut self, family: Family, number: u64) -> bool {
        self.rest.as_mut().is_some_and(|rest| {
            let before = rest.awaited.len();
            rest.awaited.retain(|one| *one != (family, number));
            rest.awaited.len() < before
        })
    }

    /// Defers the End-of-RIB markers of these families.
    pub(crate) fn defer_eor(&mut self, families: Vec<Family>) {
        if !families.is_empty() || self.rest.is_some() {
            self.rest().eor_deferred = families;
        }
    }

    /// The families whose End-of-RIB marker is deferred.
    pub(crate) fn eor_deferred(&self) -> &[Family] {
        self.rest.as_ref().map_or(&[], |rest| &rest.eor_deferred)
    }

    /// The same; none is deferred any more.
    pub(crate) fn take_deferred(&mut self) -> Vec<Family> {
        let rest = self.rest.as_mut();
        rest.map_or_else(Vec::new, |rest| std::mem::take(&mut rest.eor_deferred))
    }

    /// The marker of a family is not deferred any more.
    pub(crate) fn end_of_rib(&mut self, family: Family) {
        if let Some(rest) = &mut self.rest {
            rest.eor_deferred.retain(|other| *other != family);
        }
    }

    /// The messages that wait.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.rest.iter().flat_map(|rest| &rest.outgoing)
    }

    /// Queues a whole message. Returns `false` if too many are queued already.
    pub(crate) fn push(&mut self, message: Vec<u8>) -> bool {
        let outgoing = &mut self.rest().outgoing;
        let room = outgoing.len() < OUTGOING;
        if room {
            outgoing.push_back(message);
        }
        room
    }

    /// Takes the next message to send.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let message = self.rest.as_mut()?.outgoing.pop_front();
        self.rest.take_if(|rest| rest.is_empty());
        message
    }
}
