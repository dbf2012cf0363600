//! A plugin for those who prefer channels to callbacks: events out, routes in, from any thread.
//!
//! Nothing is lost and memory is bounded: while as many events wait as the caller allows, the session is not read, so that
//! TCP slows the peer down; KEEPALIVEs go on (see [`Plugin::ready`]). Only a session that came up and ended while the queue
//! was full is left out as a whole: it has brought nothing. Rejected: dropping events (routes would be wrong for the rest of
//! the session) and an unbounded queue.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::Notify;

use super::attributes::Attributes;
use super::config::PeerConfig;
use super::error::WriteError;
use super::outgoing::Outgoing;
use super::plugin::Plugin;
use super::queue::Queue;
use super::writer::UpdateWriter;
use crate::bgp::attribute::decode::DecodeEach;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::{Content, Update};
use crate::bgp::{Capability, Codec, Negotiated, Nlri, Notification, UpdateError};
use crate::fsm::CloseReason;

/// What happens to a neighbor, as its [`PeerEvents`] reports it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PeerEvent {
    /// The session is up. The writer belongs to this session; [`PeerCommands`] always writes to the current one.
    Established(Arc<Negotiated>, UpdateWriter),
    /// An UPDATE came.
    Update(ReceivedUpdate),
    /// The peer asks for our routes (RFC 2918, RFC 7313).
    Refresh(RouteRefresh),
    /// The session has ended.
    Closed(CloseReason),
}

/// An UPDATE as it was received.
#[derive(Clone, Debug)]
pub struct ReceivedUpdate {
    body: Bytes,
    codec: Codec,
}

impl ReceivedUpdate {
    /// All after the header, for an [`UpdateDecoder`](super::UpdateDecoder).
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// How it is encoded.
    pub const fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Its attributes and routes, by the rules of RFC 7606.
    ///
    /// # Errors
    /// Only errors that reset the session, which is then the receiver's choice:
    /// [`Handle::reset_peer`](super::Handle::reset_peer).
    pub fn content(&self) -> Result<Content<'_>, UpdateError> {
        Update::new(&self.body)?.content(&self.codec, &mut DecodeEach)
    }
}

/// A [`Plugin`] that passes on what happens. The plugin goes to the server, its two other ends anywhere.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use ipnet::IpNet;
/// use oxabgp::bgp::Asn;
/// use oxabgp::fsm::Cease;
/// use oxabgp::speaker::{Attributes, ChannelPlugin, PeerConfig, PeerEvent, Server};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 1))?;
/// let (plugin, mut events, commands) = ChannelPlugin::new(64);
/// let peer = PeerConfig::new("192.0.2.2".parse()?, Asn(65001));
/// server.add_peer(peer, move || plugin).await?;
/// tokio::spawn(async move {
///     while let Some(event) = events.next().await {
///         match event {
///             PeerEvent::Established(session, _) => println!("up with AS {}", session.peer_as),
///             PeerEvent::Update(update) => println!("{} octets", update.body().len()),
///             PeerEvent::Closed(reason) => println!("down: {reason}"),
///             _ => {}
///         }
///     }
/// });
/// let prefix: IpNet = "203.0.113.0/24".parse()?;
/// if let Err(error) = commands.announce(prefix, &Attributes::new()) {
///     println!("not announced: {error}"); // there is no session yet
/// }
/// server.shutdown(Cease::Shutdown("that was all".to_owned())).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ChannelPlugin {
    shared: Arc<Shared>,
    /// Most events that may wait.
    capacity: usize,
    codec: Codec,
    up: bool,
    capabilities: Option<Vec<Capability>>,
}

/// The events of one neighbor. When it is dropped, events are no longer kept; the session goes on.
#[derive(Debug)]
pub struct PeerEvents(Arc<Shared>);

/// Writes to the current session of one neighbor: from callbacks, tasks and other threads.
#[derive(Clone, Debug)]
pub struct PeerCommands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    events: Queue<PeerEvent>,
    /// The writer of the session that is up.
    writer: Mutex<Option<UpdateWriter>>,
    /// There is room for events again.
    room: Arc<Notify>,
}

impl Shared {
    fn set_writer(&self, writer: Option<UpdateWriter>) {
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }
}

impl ChannelPlugin {
    /// A plugin and its other ends. While `capacity` events wait (at least 1), nothing is read from the peer.
    pub fn new(capacity: usize) -> (Self, PeerEvents, PeerCommands) {
        let shared = Arc::new(Shared::default());
        let (events, commands) = (
            PeerEvents(Arc::clone(&shared)),
            PeerCommands(Arc::clone(&shared)),
        );
        let plugin = Self {
            shared,
            capacity: capacity.max(1),
            codec: Codec::default(),
            up: false,
            capabilities: None,
        };
        (plugin, events, commands)
    }

    /// Offers these capabilities instead of [`PeerConfig::capabilities`].
    #[must_use]
    pub fn offering(mut self, capabilities: Vec<Capability>) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    fn push(&self, event: PeerEvent) {
        self.shared.events.edit(|waiting| waiting.push_back(event));
    }
}

impl Plugin for ChannelPlugin {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        let own = self.capabilities.clone();
        own.unwrap_or_else(|| peer.capabilities())
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        self.codec = session.codec;
        self.up = true;
        self.shared.set_writer(Some(writer.clone()));
        let session = Arc::new(Negotiated::clone(session));
        self.push(PeerEvent::Established(session, writer));
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        if !self.shared.events.is_abandoned() {
            self.push(PeerEvent::Update(ReceivedUpdate {
                body: Bytes::copy_from_slice(update.body),
                codec: self.codec,
            }));
        }
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        if !std::mem::take(&mut self.up) {
            return;
        }
        self.shared.set_writer(None);
        let event = PeerEvent::Closed(reason.clone());
        self.shared
            .events
            .edit(|waiting| close(waiting, event, self.capacity));
    }

    fn on_refresh(&mut self, _: &PeerConfig, refresh: RouteRefresh) {
        self.push(PeerEvent::Refresh(refresh));
    }

    fn ready(&self) -> bool {
        self.shared.events.len() < self.capacity
    }

    fn waker(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.shared.room))
    }
}

/// Adds the end of a session; where there is no room, one whose beginning nobody has seen is forgotten instead.
fn close(waiting: &mut VecDeque<PeerEvent>, event: PeerEvent, capacity: usize) {
    if waiting.len() > capacity && matches!(waiting.back(), Some(PeerEvent::Established(..))) {
        waiting.pop_back();
    } else {
        waiting.push_back(event);
    }
}

impl Drop for ChannelPlugin {
    fn drop(&mut self) {
        self.shared.set_writer(None);
        self.shared.events.end();
    }
}

impl PeerEvents {
    /// Waits for the next event, in any async runtime; `None` once the neighbor is removed. May be cancelled: nothing is
    /// lost.
    pub async fn next(&mut self) -> Option<PeerEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<PeerEvent> {
        let event = self.0.events.try_next();
        self.0.room.notify_one();
        event
    }

    /// [`PeerEvents::next`] for a thread without async.
    pub fn blocking_next(&mut self) -> Option<PeerEvent> {
        let event = self.0.events.blocking_next();
        self.0.room.notify_one();
        event
    }

    /// [`PeerEvents::next`] for implementations of [`Future`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<PeerEvent>> {
        let event = self.0.events.poll_next(cx);
        if event.is_ready() {
            self.0.room.notify_one();
        }
        event
    }
}

impl futures_core::Stream for PeerEvents {
    type Item = PeerEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PeerEvent>> {
        Self::poll_next(&mut self, cx)
    }
}

impl Drop for PeerEvents {
    fn drop(&mut self) {
        self.0.events.abandon();
        self.0.room.notify_one();
    }
}

impl PeerCommands {
    /// The writer of the session that is up.
    ///
    /// # Errors
    /// [`WriteError::Closed`] if there is none.
    pub fn writer(&self) -> Result<UpdateWriter, WriteError> {
        let writer = self.0.writer.lock();
        let writer = writer.unwrap_or_else(PoisonError::into_inner).clone();
        writer.ok_or(WriteError::Closed)
    }

    /// Returns `true` if a session is up.
    pub fn is_up(&self) -> bool {
        self.writer().is_ok_and(|writer| !writer.is_closed())
    }

    /// [`UpdateWriter::write`] on the current session.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::write`].
    pub async fn write(&self, message: &(impl Outgoing + ?Sized)) -> Result<(), WriteError> {
        self.writer()?.write(message).await
    }

    /// [`UpdateWriter::try_write`] on the current session.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn try_write(&self, message: &(impl Outgoing + ?Sized)) -> Result<(), WriteError> {
        self.writer()?.try_write(message)
    }

    /// [`UpdateWriter::announce`] on the current session.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn announce(
        &self,
        route: impl Into<Nlri>,
        attributes: &Attributes,
    ) -> Result<(), WriteError> {
        self.writer()?.announce(route, attributes)
    }

    /// [`UpdateWriter::withdraw`] on the current session.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn withdraw(&self, route: impl Into<Nlri>) -> Result<(), WriteError> {
        self.writer()?.withdraw(route)
    }
}
