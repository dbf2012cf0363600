//! What can happen to a neighbour, and what is known about the neighbour when it does.
//!
//! An [`Event`] borrows all it tells: nothing is copied until an encoder has decided to print it. What is the same in every
//! event of a neighbour is printed once into its [`EventHead`]; what is the same in every event of a moment (time, host,
//! process numbers) is printed once into the [`Stamp`], whose values come from the caller, since this layer reads no clock.

use std::net::{IpAddr, Ipv4Addr};

pub use crate::bgp::message::Direction;
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::{Content, Field};
use crate::bgp::message::{HEADER, MessageType};
use crate::bgp::negotiated::Negotiated;
use crate::bgp::{Asn, AttributeSet, Family, Zone, Zoned};
use crate::json::JsonWriter;

use super::encode::{Version, json_v4, v42};

/// A message as it is on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The first 19 bytes; empty: the raw form is not known.
    pub header: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
}

impl<'a> Raw<'a> {
    /// Splits a whole message.
    pub fn new(message: &'a [u8]) -> Self {
        let (header, body) = message.split_at(HEADER.min(message.len()));
        Self { header, body }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// TCP is established.
    Connected,
    /// The session is established.
    Up,
    /// The session, or the attempt at one, ended.
    Down {
        /// Why: `notification received (6,2)`.
        reason: &'a str,
    },
    /// The state machine moved.
    Fsm {
        /// The new state in capitals: `OPENSENT`.
        state: &'a str,
    },
    /// The daemon got a signal.
    Signal {
        /// Its number.
        code: i32,
        /// Its name: `SIGUSR1`.
        name: &'a str,
    },
    /// Both OPENs were exchanged. What they allow was given to [`EventHead::negotiate`].
    Negotiated,
    /// A message was sent or received.
    Message(Direction, Message<'a>),
    /// A message that could not be decoded was received; only raw forms tell of it.
    Undecoded(Direction, MessageType),
}

/// A message, decoded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// OPEN.
    Open(&'a Open),
    /// UPDATE with routes or attributes: the attributes, and the fields with routes. See [`Message::update`].
    Update(&'a AttributeSet, &'a [Field<'a>]),
    /// UPDATE that marks the end of a family's routes (RFC 4724 section 2).
    EndOfRib(Family),
    /// NOTIFICATION.
    Notification(&'a Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH.
    Refresh(&'a RouteRefresh),
    /// OPERATIONAL.
    Operational(&'a Operational),
}

impl<'a> Message<'a> {
    /// An UPDATE that was decoded.
    pub fn update(content: &'a Content<'_>) -> Self {
        Self::Update(&content.attributes, &content.fields)
    }

    /// Its type.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::OPEN,
            Self::Update(..) | Self::EndOfRib(_) => MessageType::UPDATE,
            Self::Notification(_) => MessageType::NOTIFICATION,
            Self::Keepalive => MessageType::KEEPALIVE,
            Self::Refresh(_) => MessageType::ROUTE_REFRESH,
            Self::Operational(_) => MessageType::OPERATIONAL,
        }
    }
}

/// What tells one neighbour from another in events. What is not known (yet) is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our address.
    pub local_address: Option<IpAddr>,
    /// The peer's address.
    pub peer_address: IpAddr,
    /// The interface that the link-local ones of both addresses belong to.
    pub zone: Option<Zone>,
    /// Our AS.
    pub local_as: Option<Asn>,
    /// The peer's AS.
    pub peer_as: Option<Asn>,
    /// Our BGP identifier.
    pub router_id: Option<Ipv4Addr>,
}

/// The texts that every event of one neighbour has in common, and the neighbour's counter of events.
#[derive(Clone, Debug)]
pub struct EventHead {
    identity: Identity,
    counter: u64,
    /// `"neighbor": { "address": … "router-id": "10.0.0.1" ` up to the direction.
    pub(crate) json: String,
    /// The part of it that 4.2 has: without the identifier.
    pub(crate) short: usize,
    /// All between the counter and the content of an UPDATE that was received, by far the most frequent event.
    pub(crate) update: String,
    /// `neighbor 127.0.0.1 `.
    pub(crate) text: String,
    /// `, "negotiated": { … } `.
    pub(crate) negotiated: String,
    /// The same as 4.2 spaces it.
    pub(crate) negotiated_v42: String,
}

impl EventHead {
    /// For the neighbour with that identity; nothing negotiated, no event yet.
    pub fn new(identity: Identity) -> Self {
        let mut head = Self {
            identity,
            counter: 0,
            json: String::new(),
            short: 0,
            update: String::new(),
            text: String::new(),
            negotiated: String::new(),
            negotiated_v42: String::new(),
        };
        head.print();
        head.negotiate(None);
        head
    }

    /// Who the neighbour is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Changes what is known, as when a connection tells an address or an OPEN an AS.
    pub fn identify(&mut self, identity: Identity) {
        if self.identity != identity {
            self.identity = identity;
            self.print();
        }
    }

    /// Changes what later events tell as negotiated; `None`, as at the start of each connection, is told with zeros.
    pub fn negotiate(&mut self, negotiated: Option<&Negotiated>) {
        let mut w = JsonWriter::new();
        json_v4::negotiated(negotiated, &mut w);
        self.negotiated = w.into_string();
        let mut w = JsonWriter::new();
        v42::negotiated(negotiated, &mut w);
        self.negotiated_v42 = w.into_string();
    }

    /// The number of the next event.
    pub(crate) const fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn print(&mut self) {
        let mut w = JsonWriter::new();
        self.short = json_v4::neighbor(&self.identity, &mut w);
        self.json = w.into_string();
        self.update = format!(
            ", \"type\": \"update\", {}, \"direction\": \"receive\", \"message\": {{ \"update\": {{ ",
            self.json
        );
        let Identity {
            peer_address, zone, ..
        } = self.identity;
        self.text = format!("neighbor {} ", Zoned(peer_address, zone));
    }
}

/// How the start of a line ends.
const COUNTER: &str = ", \"counter\": ";

/// What the events of one moment have in common: time, host and process numbers.
#[derive(Clone, Debug)]
pub struct Stamp {
    host: String,
    pid: u32,
    parent: u32,
    time: f64,
    /// The start of a line up to `"counter": ` for each [`Version`]; empty until it is asked for.
    starts: [String; Version::COUNT],
}

impl Stamp {
    /// For the program on `host` with the process number `pid`, started by `parent`; time 0.
    pub fn new(host: impl Into<String>, pid: u32, parent: u32) -> Self {
        Self {
            host: host.into(),
            pid,
            parent,
            time: 0.0,
            starts: Default::default(),
        }
    }

    /// Sets the time, in seconds since 1970.
    pub fn set_time(&mut self, seconds: f64) {
        if self.time.to_bits() != seconds.to_bits() {
            self.time = seconds;
            self.starts.iter_mut().for_each(String::clear);
        }
    }

    /// Our process number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The process number of the program that started us.
    pub const fn parent(&self) -> u32 {
        self.parent
    }

    /// The start of a JSON line that has no counter, up to `"ppid" : 2, `.
    pub(crate) fn start_uncounted(&mut self, version: Version) -> &str {
        let start = self.start(version);
        &start[..start.len() - COUNTER.len() + 2]
    }

    /// The start of a JSON line, up to `"counter": `.
    pub(crate) fn start(&mut self, version: Version) -> &str {
        let start = &mut self.starts[version.index()];
        if start.is_empty() {
            let mut w = JsonWriter::new();
            // `{:?}` of a float is the shortest text that reads back as the same value, as in Python.
            w.raw("{ \"exabgp\": \"")
                .raw(version.text())
                .format(format_args!("\", \"time\": {:?}", self.time));
            w.raw(", \"host\" : ")
                .string(&self.host)
                .raw(", \"pid\" : ")
                .number(self.pid);
            w.raw(", \"ppid\" : ").number(self.parent).raw(COUNTER);
            *start = w.into_string();
        }
        start
    }
}
