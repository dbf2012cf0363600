//! The state machine of RFC 4271 section 8, sans-IO: one [`Peer`] for each neighbor.
//!
//! Nothing here reads a clock or owns a socket: `now` and what happened come in through [`Peer::handle`], what to do comes
//! out of [`Peer::poll`], and [`Peer::timeout`] returns when to call again although nothing happened. So two peers run against
//! each other in a test without a socket or a clock, and every order of events can be tried.
//!
//! Invariant: after every `handle`, call `poll` until it returns `None` before the next `handle`; the one exception is the
//! answer to [`Output::Opened`].
//!
//! One state machine for each connection (`session.rs`), at most two of them below one [`peer`] that dials, backs off and
//! arbitrates collisions (RFC 4271 section 6.8, RFC 6286). A single machine with collision branches was rejected: it is not
//! what the RFC describes, and every state then exists twice.
//!
//! | file | what |
//! |---|---|
//! | [`event`] | states, the RFC's events by name and number |
//! | [`config`] | the configuration of a peer: numbers, capabilities, times |
//! | `backoff` | the waits between attempts |
//! | [`reason`] | why a session ends, in ExaBGP's words |
//! | [`retention`] | what becomes of the peer's routes when its session is lost |
//! | [`table`] | state x event: every transition, beside what the RFC asks for |
//! | `timer` | the timer table |
//! | `negotiate` | validation of the peer's OPEN |
//! | `initiator`, `snapshot` | who opened a connection; an established session as data |
//! | `session` | one connection |
//! | `connections` | the events that are reported of two connections |
//! | [`peer`] | one neighbor |
//!
//! ```
//! use std::time::Instant;
//!
//! use oxabgp::bgp::{Asn, Family};
//! use oxabgp::fsm::{Config, ConnInfo, Input, Output, Peer, State};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router_id = [192, 0, 2, 1].into();
//! let mut peer = Peer::new(Config {
//!     peer_as: Some(Asn(65002)),
//!     ..Config::new(Asn(65001), router_id, vec![Family::IPV4_UNICAST])
//! });
//! let now = Instant::now();
//!
//! peer.handle(now, Input::Start);
//! let mut dial = None;
//! while let Some(output) = peer.poll() {
//!     if let Output::Connect(id) = output {
//!         dial = Some(id);
//!     }
//! }
//!
//! // The owner has connected a socket.
//! let ends = ConnInfo {
//!     local: "192.0.2.1:40000".parse()?,
//!     remote: "192.0.2.2:179".parse()?,
//! };
//! peer.handle(now, Input::Connected(dial.ok_or("no dial")?, ends));
//! let mut written = Vec::new();
//! while let Some(output) = peer.poll() {
//!     if let Output::Transmit(_, bytes) = output {
//!         written.extend_from_slice(&bytes);
//!     }
//! }
//! assert_eq!(written[18], 1, "the type of an OPEN");
//! assert_eq!(peer.state(), State::OpenSent);
//! assert!(peer.timeout().is_some(), "the peer's OPEN is awaited");
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};

pub use crate::bgp::message::Direction;
use crate::bgp::message::RawMessage;
use crate::bgp::message::notification::Notification;
use crate::bgp::negotiated::Negotiated;

mod backoff;
pub mod config;
mod connections;
pub mod event;
mod initiator;
mod negotiate;
pub mod peer;
pub mod reason;
pub mod retention;
mod session;
mod snapshot;
pub mod table;
mod timer;

pub use config::{Config, Timers};
pub use event::{Event, State};
pub use initiator::Initiator;
pub use peer::{Ended, Peer};
pub use reason::{Cease, CloseReason};
pub use snapshot::SessionSnapshot;

/// A connection of one peer. Ids are never reused, so that a late event for a closed connection is recognised and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub(crate) u64);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnInfo {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin; for a peer that waits to dial again: dial now and forget the back-off.
    Start,
    /// A connection was accepted; its id comes from [`Peer::allot`].
    Incoming(ConnId, ConnInfo),
    /// The connection that [`Output::Connect`] asked for is up.
    Connected(ConnId, ConnInfo),
    /// The connection that [`Output::Connect`] asked for could not be made.
    ConnectFailed(ConnId),
    /// Bytes were read. Takes at most one message off the buffer: call again until a call leaves its length as it was.
    Received(ConnId, &'a mut BytesMut),
    /// There are bytes of the peer's that we have not read, because we are slow: the hold timer starts again. To be given
    /// before [`Input::Timeout`] (a peer that talks is alive, whether we listen or not).
    Unread(ConnId),
    /// The socket took bytes: the send hold timer starts again (RFC 9687).
    Written(ConnId),
    /// The connection is gone: end of stream or an error.
    Eof(ConnId),
    /// [`Peer::timeout`] has passed.
    Timeout,
    /// End every connection and stay down until the next `Start`.
    Stop(Cease),
    /// The owner found an error in a message of this connection: send this, close, dial again after the back-off.
    Reset(ConnId, Notification),
    /// The operator wants the session to start again (teardown, changed configuration): send this unless both sides
    /// negotiated graceful restart, close, dial again at once. Without a session it only ends the back-off.
    Bounce(Notification),
}

/// What to do, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Dial; answer with [`Input::Connected`] or [`Input::ConnectFailed`].
    Connect(ConnId),
    /// Write these bytes, before anything that waits to be written but not inside a message.
    Transmit(ConnId, Bytes),
    /// Write what was given by [`Output::Transmit`], close, and report nothing more of this connection. Also ends a dial.
    Close(ConnId),
    /// One transition of one connection's state machine, for the log.
    State {
        /// The connection; `None` when the neighbor as a whole starts or stops listening.
        connection: Option<ConnId>,
        /// Before.
        from: State,
        /// After.
        to: State,
        /// What caused it.
        event: Event,
    },
    /// TCP is up. Like all that follow it concerns the neighbor as a whole: when two connections collide, only one is
    /// reported, and the other is reported from its start if it wins.
    Connected(ConnId, ConnInfo, Initiator),
    /// A message went out or came in, whole. UPDATEs that the owner sends itself are not among them.
    Message {
        /// The connection.
        connection: ConnId,
        /// Which way it went.
        direction: Direction,
        /// The message; its header is checked, the body only of OPEN, KEEPALIVE and NOTIFICATION.
        message: RawMessage,
    },
    /// The peer's OPEN is acceptable (state OpenSent). The owner may refuse it with [`Input::Reset`] before the next
    /// [`Peer::poll`], which otherwise answers it with a KEEPALIVE.
    Opened(ConnId, Rc<Negotiated>),
    /// Both OPENs agree.
    Negotiated(ConnId, Rc<Negotiated>),
    /// The session is up.
    Established(ConnId, Rc<Negotiated>),
    /// What [`Output::Connected`] began has ended, whether it was ever established or not.
    Down(CloseReason),
    /// The peer refused an OPEN in the extended form of RFC 9072: the next one offers [`Config::reduced`].
    Reduced,
}
