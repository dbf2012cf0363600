//! The contract between a session and the program that uses it.
//!
//! The callbacks are those of Go's corebgp: capabilities, open, established, update, close. What a larger program needs
//! beyond that has defaults: observers ([`Plugin::on_event`], [`Plugin::on_refresh`]), a pull side that is asked for bytes
//! when the socket can take some ([`Plugin::fill`]), back-pressure ([`Plugin::ready`]) and a way to be asked again
//! ([`Plugin::waker`]). All run on the server's thread and none may block: while one runs, no session does.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::config::PeerConfig;
use super::connect::Dialing;
use super::outbox::Outbox;
use super::writer::UpdateWriter;
use crate::bgp::message::RawMessage;
use crate::bgp::message::open::Open;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::{Capability, Negotiated, Notification};
use crate::fsm::{CloseReason, ConnInfo, Direction, Event, Initiator, State};

/// The callbacks of one neighbor's session.
pub trait Plugin {
    /// What our OPEN offers, in order. Called before each OPEN that is sent.
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        peer.capabilities()
    }

    /// What our OPEN offers, in order, when the peer has refused one that had to be in the extended form of RFC 9072: those of
    /// [`capabilities`](Self::capabilities) that the session needs. `None`: all of them are needed.
    fn reduced_capabilities(&mut self, _peer: &PeerConfig) -> Option<Vec<Capability>> {
        None
    }

    /// Makes an outgoing connection in a way of its own; `None`: as the server does, over TCP. Called for each attempt.
    ///
    /// [`connect::socket`](super::connect::socket) is set up as the server's own would be (source address, interface, TTL,
    /// keys), for those who only add an option:
    ///
    /// ```
    /// use oxabgp::speaker::connect::{self, Dialing};
    /// # use oxabgp::speaker::PeerConfig;
    ///
    /// fn dial(peer: &PeerConfig) -> Option<Dialing> {
    ///     let prepared = connect::socket(peer).and_then(|socket| {
    ///         socket.set_recv_buffer_size(1 << 20)?;
    ///         Ok((socket, connect::destination(peer)?))
    ///     });
    ///     Some(Box::pin(async move {
    ///         let (socket, destination) = prepared?;
    ///         connect::connected(socket.connect(destination).await?)
    ///     }))
    /// }
    /// ```
    fn dial(&mut self, _peer: &PeerConfig) -> Option<Dialing> {
        None
    }

    /// The peer's OPEN was found valid (state OpenSent); if it is accepted, our KEEPALIVE answers it.
    ///
    /// # Errors
    /// A NOTIFICATION to refuse the peer with: it is sent instead of the KEEPALIVE, so that the peer never sees the session
    /// established.
    fn on_open(&mut self, _peer: &PeerConfig, _open: &Open) -> Result<(), Notification> {
        Ok(())
    }

    /// The session is up. `writer` stays usable, also from other tasks of this thread, until the session ends.
    fn on_established(&mut self, peer: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter);

    /// An UPDATE came; nothing of it is decoded yet. An [`UpdateDecoder`](super::UpdateDecoder) or
    /// [`Update::content`] does that.
    ///
    /// # Errors
    /// A NOTIFICATION that ends the session: the choices of RFC 7606 are the plugin's.
    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification>;

    /// What [`SessionEvent::Connected`] began has ended, whether it was ever established or not.
    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason);

    /// A ROUTE-REFRESH came (RFC 2918, RFC 7313).
    fn on_refresh(&mut self, _peer: &PeerConfig, _refresh: RouteRefresh) {}

    /// Something happened that is worth a log line, a counter or an event: see [`SessionEvent`].
    fn on_event(&mut self, _peer: &PeerConfig, _event: &SessionEvent<'_>) {}

    /// The neighbor's task ran for that long, in which no other task of the thread could.
    fn on_turn(&mut self, _took: Duration) {}

    /// Whether its sessions have a writer. Without one, that of [`on_established`](Self::on_established) is closed,
    /// [`Server::writer`](super::Server::writer) is an error, and a session takes less memory: for plugins that only
    /// [`fill`](Self::fill). Asked when a session comes up.
    fn has_writer(&self) -> bool {
        true
    }

    /// Whether [`SessionEvent::Message`] is wanted for UPDATEs that we send, too. Asked before each [`fill`](Self::fill).
    fn observes_updates_sent(&self) -> bool {
        false
    }

    /// The session is up and the outbox has room: push whole messages. Called again after each write and each wake-up;
    /// pushing nothing means that there is nothing to send.
    fn fill(&mut self, _peer: &PeerConfig, _outbox: &mut Outbox) {}

    /// Whether we can take more from the peer. While `false`, nothing is read, KEEPALIVEs go on, and the hold timer does
    /// not count against a peer whose bytes wait unread.
    fn ready(&self) -> bool {
        true
    }

    /// What to notify, from any thread, when [`fill`](Self::fill) or [`ready`](Self::ready) would answer differently. Asked for each wait.
    fn waker(&self) -> Option<Arc<Notify>> {
        None
    }
}

/// A plugin whose type is chosen at run time.
impl<P: Plugin + ?Sized> Plugin for Box<P> {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        (**self).capabilities(peer)
    }

    fn reduced_capabilities(&mut self, peer: &PeerConfig) -> Option<Vec<Capability>> {
        (**self).reduced_capabilities(peer)
    }

    fn dial(&mut self, peer: &PeerConfig) -> Option<Dialing> {
        (**self).dial(peer)
    }

    fn on_open(&mut self, peer: &PeerConfig, open: &Open) -> Result<(), Notification> {
        (**self).on_open(peer, open)
    }

    fn on_established(
        &mut self,
        peer: &PeerConfig,
        session: &Rc<Negotiated>,
        writer: UpdateWriter,
    ) {
        (**self).on_established(peer, session, writer);
    }

    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        (**self).on_update(peer, update)
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        (**self).on_close(peer, reason);
    }

    fn on_refresh(&mut self, peer: &PeerConfig, refresh: RouteRefresh) {
        (**self).on_refresh(peer, refresh);
    }

    fn on_event(&mut self, peer: &PeerConfig, event: &SessionEvent<'_>) {
        (**self).on_event(peer, event);
    }

    fn on_turn(&mut self, took: Duration) {
        (**self).on_turn(took);
    }

    fn has_writer(&self) -> bool {
        (**self).has_writer()
    }

    fn observes_updates_sent(&self) -> bool {
        (**self).observes_updates_sent()
    }

    fn fill(&mut self, peer: &PeerConfig, outbox: &mut Outbox) {
        (**self).fill(peer, outbox);
    }

    fn ready(&self) -> bool {
        (**self).ready()
    }

    fn waker(&self) -> Option<Arc<Notify>> {
        (**self).waker()
    }
}

/// What an observer may see of a session, in the order in which it happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SessionEvent<'a> {
    /// We begin to connect to the peer.
    Connecting,
    /// TCP is up between these addresses. [`Plugin::on_close`] will follow.
    Connected(ConnInfo, Initiator),
    /// One transition of the state machine of one connection.
    Transition {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// What caused it.
        event: Event,
    },
    /// [`PeerConfig::connect_attempts`] are used up: nothing will happen until [`Server::start_peer`](super::Server::start_peer).
    GaveUp,
    /// A connection could not be made.
    ConnectFailed(&'a std::io::Error),
    /// Both OPENs agree.
    Negotiated(&'a Rc<Negotiated>),
    /// A whole message, header included. A received one is seen before it is acted on; of those sent, UPDATEs only if
    /// [`Plugin::observes_updates_sent`].
    Message {
        /// Which way it went.
        direction: Direction,
        /// The message.
        message: &'a RawMessage,
    },
    /// A KEEPALIVE was sent because its time had come, that long ago.
    KeepaliveLate(Duration),
    /// An UPDATE of the established session whose length fields exceed it, so that [`Plugin::on_update`] is not called: the
    /// session ends. The same message was reported as [`Message`](Self::Message).
    Unreadable(&'a RawMessage),
}

/// What becomes of a connection that no configured neighbor expects.
pub enum Answer {
    /// It is a neighbor's, from now on and until its session ends. Its OPEN must arrive within 15 seconds, or within
    /// [`PeerConfig::open_wait`] if that is shorter. A configuration that [`Server::add_peer`](super::Server::add_peer) would
    /// refuse as [`Error::Invalid`](super::Error::Invalid) is logged, and the connection closed with NOTIFICATION 6/5.
    Accept(Box<PeerConfig>, Box<dyn Plugin>),
    /// It is closed with this NOTIFICATION.
    Refuse(Notification),
}

/// Who decides about connections that no configured neighbor expects.
pub(super) type Unknown = Box<dyn FnMut(ConnInfo) -> Answer>;
