//! What can happen to a neighbor, and what is known about the neighbor when it does.
//!
//! An [`Event`] borrows its contents: nothing is copied until an encoder has decided to print it. What is the same in every
//! event of a neighbor is printed once into its [`EventHead`]; what is the same in every event of a moment (time, host,
//! process numbers) is printed once into the [`Stamp`], whose values come from the caller, since this layer reads no clock.

use std::net::{IpAddr, Ipv4Addr};

pub use crate::bgp::message::Direction;
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::{Content, Field};
use crate::bgp::message::{HEADER, MessageType};
use crate::bgp::{Asn, AttributeSet, Family, Zone};

pub use super::encode::{EventHead, Stamp};

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
    /// The session, or the attempt to establish one, ended.
    Down {
        /// Why: `notification received (6,2)`.
        reason: &'a str,
    },
    /// The state machine changed its state.
    Fsm {
        /// The new state in capitals: `OPENSENT`.
        state: &'a str,
    },
    /// The daemon received a signal.
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
    /// A message that could not be decoded was received; only raw forms show it.
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

/// What identifies a neighbor in events. What is not known (yet) is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our address.
    pub local_address: Option<IpAddr>,
    /// The peer's address.
    pub peer_address: IpAddr,
    /// The interface of the link-local addresses among both.
    pub zone: Option<Zone>,
    /// Our AS.
    pub local_as: Option<Asn>,
    /// The peer's AS.
    pub peer_as: Option<Asn>,
    /// Our BGP identifier.
    pub router_id: Option<Ipv4Addr>,
}
