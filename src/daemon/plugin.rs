//! The [`Plugin`] through which the speaker reports a neighbor's session.
//!
//! It has no state: it passes events to the [`Core`], which has the RIB and the helpers, and to the [`Neighbor`], and
//! takes messages from the RIB when the socket has room. `on_update` decodes a received UPDATE and accepts or refuses it;
//! `on_event` only observes. Messages are decoded only if helpers or tables need it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::api::event::{Direction, Event, Message, Raw};
use crate::api::subscription::Kind;
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::message::{MessageType, RawMessage, header};
use crate::bgp::{Capability, Family, Negotiated};
use crate::fsm::{CloseReason, ConnInfo, Initiator};
use crate::rib::adj_rib_out::{Budget, Session as RibSession};
use crate::speaker::{Outbox, PeerConfig, Plugin, SessionEvent, UpdateWriter};

use super::connection::Session;
use super::core::Core;
use super::neighbor::Neighbor;
use super::phase::Phase;
use super::{clock, eor_deferral, graceful_restart, message_log, prefix_limit, refresh, session};

/// The daemon's side of one session.
pub(crate) struct NeighborPlugin {
    core: Rc<Core>,
    neighbor: Rc<Neighbor>,
}

impl NeighborPlugin {
    pub(crate) const fn new(core: Rc<Core>, neighbor: Rc<Neighbor>) -> Self {
        Self { core, neighbor }
    }

    /// The plugin of a neighbor that is removed with its session.
    pub(crate) fn dynamic(core: Rc<Core>, neighbor: Rc<Neighbor>) -> Self {
        neighbor.retire();
        Self::new(core, neighbor)
    }

    /// Reports an event to the helpers of the neighbor.
    fn report(&self, event: &Event<'_>, raw: Raw<'_>) {
        self.neighbor.report(&self.core.events, event, raw);
    }

    /// Enters a state and reports it.
    fn enter(&self, phase: Phase) {
        let before = self.neighbor.phase.replace(phase);
        self.core.taps.state(&self.neighbor, (before, phase));
        let state = phase.name();
        self.report(&Event::Fsm { state }, Raw::default());
    }

    /// Reports the start of an attempt to establish a session, by us or by the peer.
    fn attempt(&self) {
        self.enter(Phase::Active);
        self.enter(Phase::Idle);
    }

    /// Notes a new connection, whose addresses are known now.
    fn connected(&self, peer: &PeerConfig, info: ConnInfo, initiator: Initiator) {
        let neighbor = &self.neighbor;
        self.core.identify(neighbor.id, &peer.name);
        neighbor.connected(info);
        self.report(&Event::Connected, Raw::default());
        if initiator == Initiator::Remote {
            self.attempt();
        }
        self.enter(Phase::Connect);
    }

    fn negotiated(&self, session: &Rc<Negotiated>) {
        self.neighbor.negotiate(session);
        self.report(&Event::Negotiated, Raw::default());
        self.enter(Phase::OpenConfirm);
    }

    /// Logs and reports a message. Received UPDATEs are reported by [`Plugin::on_update`].
    fn message(&self, direction: Direction, message: &RawMessage) {
        message_log::message(&self.neighbor.name(), direction, message);
        self.neighbor.note(direction, message);
        self.core.taps.message(&self.neighbor, direction, message);
        if message.kind == MessageType::NOTIFICATION {
            let notification = Notification::decode(message.body());
            self.neighbor
                .history
                .notification(&self.neighbor.name(), direction, &notification);
        }
        let wanted = self.neighbor.wants(Kind::Message(direction, message.kind));
        match (message.kind, direction) {
            (MessageType::OPEN, _) => self.open(direction, message),
            (MessageType::UPDATE, Direction::Send) if wanted => self.sent_update(message),
            (MessageType::UPDATE, _) => {}
            _ if wanted => self.report_plain(direction, message),
            _ => {}
        }
    }

    /// Reports an UPDATE that we have sent. It is never judged, only marked as ExaBGP does: an error in it is not the peer's.
    fn sent_update(&self, message: &RawMessage) {
        let Some(session) = self.neighbor.negotiated() else {
            return;
        };
        let codec = session.codec.of_sent();
        let raw = Raw::new(&message.bytes);
        let Ok(update) = Update::new(message.body()) else {
            return self.undecoded(Direction::Send, raw);
        };
        if let Some(family) = update.end_of_rib() {
            return self.report_message(Direction::Send, Message::EndOfRib(family), raw);
        }
        let content = {
            let mut interner = self.core.routes.interner();
            update.content(&codec, &mut interner.passing())
        };
        match content {
            Ok(content) => self.report_message(Direction::Send, Message::update(&content), raw),
            Err(error) => {
                debug!(neighbor = %self.neighbor.name(), %error, "an UPDATE that was sent cannot be decoded for helpers");
                self.undecoded(Direction::Send, raw);
            }
        }
    }

    /// Decodes a received UPDATE once for helpers and table.
    ///
    /// # Errors
    /// The NOTIFICATION that resets the session.
    fn update(
        &self,
        session: &Negotiated,
        update: Update<'_>,
        keep: bool,
    ) -> Result<(), Notification> {
        let header = header(MessageType::UPDATE, update.body.len());
        let raw = Raw {
            header: &header,
            body: update.body,
        };
        if let Some(family) = update.end_of_rib() {
            if !session.families.contains(&family) {
                self.ignored(&[family]);
                self.undecoded(Direction::Receive, raw);
                return Ok(());
            }
            self.core
                .taps
                .end_of_rib(&self.neighbor, &[&header, update.body]);
            self.report_message(Direction::Receive, Message::EndOfRib(family), raw);
            if keep {
                graceful_restart::end_of_rib(&self.core, &self.neighbor, family);
            }
            return Ok(());
        }
        let content = {
            let mut interner = self.core.routes.interner();
            match keep {
                true => update.content(&session.codec, &mut *interner),
                false => update.content(&session.codec, &mut interner.passing()),
            }
        };
        let content = content.map_err(|error| {
            self.undecoded(Direction::Receive, raw);
            error.notification()
        })?;
        if let Some(error) = content.attributes.error() {
            warn!(neighbor = %self.neighbor.name(), %error, severity = ?error.severity, "an UPDATE had an error");
        }
        self.ignored(&content.ignored);
        if content.fields.is_empty() && !content.ignored.is_empty() {
            self.undecoded(Direction::Receive, raw);
            return Ok(());
        }
        for field in &content.fields {
            refresh::answered(&self.neighbor, field.routes.family);
        }
        if keep {
            self.neighbor.received.update(&content);
        }
        let whole = [&header[..], update.body];
        self.core.taps.received(&self.neighbor, &whole, &content);
        message_log::content(&self.neighbor.name(), &content);
        self.report_message(Direction::Receive, Message::update(&content), raw);
        if keep {
            prefix_limit::check(&self.core, &self.neighbor, session, &content)?;
        }
        Ok(())
    }

    fn report_message(&self, direction: Direction, message: Message<'_>, raw: Raw<'_>) {
        let event = Event::Message(direction, message);
        self.report(&event, raw);
    }

    /// Logs, once in a session, that routes of these families are ignored.
    fn ignored(&self, families: &[Family]) {
        for &family in families {
            let first = match &mut *self.neighbor.session() {
                Some(session) => session.ignores(family),
                None => false,
            };
            if first {
                warn!(neighbor = %self.neighbor.name(), %family, "the peer sends routes of a family that was not negotiated: they are ignored");
            }
        }
    }

    fn undecoded(&self, direction: Direction, raw: Raw<'_>) {
        let event = Event::Undecoded(direction, MessageType::UPDATE);
        self.report(&event, raw);
    }

    fn open(&self, direction: Direction, message: &RawMessage) {
        let raw = Raw::new(&message.bytes);
        let Ok(mut open) = Open::decode(message.body()) else {
            self.report(&Event::Undecoded(direction, MessageType::OPEN), raw);
            return;
        };
        if direction == Direction::Send {
            session::show_hostname(&mut open);
        }
        self.report(&Event::Message(direction, Message::Open(&open)), raw);
        if direction == Direction::Send {
            self.enter(Phase::OpenSent);
        }
    }

    /// Reports a message that is neither OPEN nor UPDATE.
    fn report_plain(&self, direction: Direction, message: &RawMessage) {
        let raw = Raw::new(&message.bytes);
        let report = |message: Message<'_>| self.report(&Event::Message(direction, message), raw);
        match message.kind {
            MessageType::KEEPALIVE => report(Message::Keepalive),
            MessageType::NOTIFICATION => {
                report(Message::Notification(&Notification::decode(message.body())))
            }
            MessageType::ROUTE_REFRESH => match RouteRefresh::decode(message) {
                Ok(refresh) => report(Message::Refresh(&refresh)),
                Err(_) => self.report(&Event::Undecoded(direction, message.kind), raw),
            },
            MessageType::OPERATIONAL => match Operational::decode(message.body()) {
                Ok(Some(operational)) => report(Message::Operational(&operational)),
                // An unknown type is ignored; helpers that subscribe to packets receive it.
                Ok(None) | Err(_) => self.report(&Event::Undecoded(direction, message.kind), raw),
            },
            kind => self.report(&Event::Undecoded(direction, kind), raw),
        }
    }
}

impl Plugin for NeighborPlugin {
    fn capabilities(&mut self, _: &PeerConfig) -> Vec<Capability> {
        session::capabilities(&self.neighbor.config.borrow().session)
    }

    fn reduced_capabilities(&mut self, _: &PeerConfig) -> Option<Vec<Capability>> {
        session::reduced_capabilities(&self.neighbor.config.borrow())
    }

    fn has_writer(&self) -> bool {
        false
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, _: UpdateWriter) {
        self.core.stats.turns.note("the start of a session");
        let neighbor = &self.neighbor;
        self.enter(Phase::Established);
        graceful_restart::up(&self.core, neighbor, session);
        self.report(&Event::Up, Raw::default());
        let config = neighbor.config.borrow();
        let Some(local_address) = neighbor.local_address() else {
            // A session has a connection, and that has addresses.
            return;
        };
        let sender = session::sender(&config.session, session, local_address);
        let mut first = Vec::new();
        if config.session.capabilities.operational {
            let families = &config.session.families;
            first = neighbor.advisories.start(families, session.local.router_id);
        }
        first.extend(neighbor.overtaken(&sender));
        neighbor.replace_session(Some(Session::new(first)));
        self.core.taps.up(neighbor);
        neighbor.history.established();
        self.core.routes.up(
            neighbor.id,
            RibSession {
                sender,
                families: session.families.clone(),
                refresh: session.refresh,
                manual_eor: eor_deferral::up(&self.core, neighbor, session) || config.manual_eor,
                peer_restarts: session.peer_restart().is_some(),
            },
        );
        self.core.established.notify_waiters();
        self.core.wake_neighbors();
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let neighbor = &self.neighbor;
        let kind = Kind::Message(Direction::Receive, MessageType::UPDATE);
        let keep = neighbor.config.borrow().adj_rib_in;
        let wanted = neighbor.wants(kind) || self.core.taps.wants_received_updates(neighbor);
        if !keep && !wanted && !message_log::shows_content() {
            return Ok(());
        }
        self.core.stats.turns.note("messages of a peer");
        neighbor
            .negotiated()
            .map_or(Ok(()), |session| self.update(&session, update, keep))
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        self.core.stats.turns.note("the end of a session");
        let neighbor = &self.neighbor;
        debug!(neighbor = %neighbor.name(), %reason, "the connection is closed");
        self.core.routes.down(neighbor.id);
        let negotiated = neighbor.negotiated();
        let session = neighbor.replace_session(None);
        if let (Some(_), Some(negotiated)) = (&session, negotiated) {
            let counters = self.core.status(neighbor.id);
            message_log::statistics(&neighbor.name(), counters.as_ref(), reason);
            neighbor.down_since.set(clock::now());
            graceful_restart::lost(&self.core, neighbor, &negotiated, reason);
        }
        self.core.taps.down(neighbor, reason);
        let reason = reason.to_string();
        neighbor.history.closed(&reason, session.is_some());
        self.report(&Event::Down { reason: &reason }, Raw::default());
        neighbor.disconnected();
        self.enter(Phase::Idle);
    }

    fn on_refresh(&mut self, _: &PeerConfig, refresh: RouteRefresh) {
        self.core.stats.turns.note("a route refresh");
        // RFC 7313 4.2: BoRR and EoRR mark the peer's own answer, they ask for nothing.
        if refresh.subtype != RouteRefresh::REQUEST {
            refresh::answered(&self.neighbor, refresh.family);
            return graceful_restart::refresh(&self.core, &self.neighbor, refresh);
        }
        self.core.routes.refresh(self.neighbor.id, refresh.family);
        self.core.wake_neighbors();
    }

    fn on_event(&mut self, peer: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connecting => self.attempt(),
            SessionEvent::Connected(info, initiator) => self.connected(peer, *info, *initiator),
            SessionEvent::Negotiated(session) => self.negotiated(session),
            SessionEvent::ConnectFailed(cause) => self.neighbor.history.connect_failed(cause),
            SessionEvent::GaveUp => self.core.gave_up(&self.neighbor),
            SessionEvent::KeepaliveLate(late) => self.core.stats.keepalive_late.observe(*late),
            SessionEvent::Message { direction, message } => self.message(*direction, message),
            SessionEvent::Unreadable(update) => {
                self.undecoded(Direction::Receive, Raw::new(&update.bytes));
            }
            _ => {}
        }
    }

    fn on_turn(&mut self, took: Duration) {
        self.core.stats.turns.observe(took);
    }

    fn observes_updates_sent(&self) -> bool {
        self.neighbor
            .wants(Kind::Message(Direction::Send, MessageType::UPDATE))
            || message_log::shows_sent()
            || self.core.taps.wants_sent_updates(&self.neighbor)
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        self.core.stats.turns.note("messages to a peer");
        if outbox.is_empty() {
            self.core.routes.arrived(self.neighbor.id);
        }
        if let Some(session) = &mut *self.neighbor.session() {
            while let Some(message) = session.pop() {
                outbox.push(message.into());
            }
        }
        let mut rate_limit = self.neighbor.rate_limit.borrow_mut();
        let messages = rate_limit.allowance(clock::now());
        let budget = Budget {
            bytes: outbox.room(),
            messages,
        };
        let routes = &self.core.routes;
        let (filled, more) = routes.fill(self.neighbor.id, budget, &mut |chunk| {
            if chunk.updates == chunk.messages {
                outbox.push_updates(chunk.bytes, chunk.updates);
            } else {
                outbox.push(chunk.bytes);
            }
        });
        rate_limit.spend(filled.messages);
        if outbox.is_empty() {
            // Changes may have cancelled each other out.
            routes.arrived(self.neighbor.id);
        }
        if more {
            match rate_limit.wait(clock::now()) {
                // A long walk of the table continues after the other tasks have run.
                None if filled.messages == 0 => self.neighbor.wake.notify_one(),
                None => {}
                Some(wait) => self.core.wake_later(&self.neighbor, wait),
            }
        }
        routes.log_unsendable();
        self.core.wake_neighbors();
    }

    fn ready(&self) -> bool {
        self.neighbor.has_room()
    }

    fn waker(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.neighbor.wake))
    }
}

impl Drop for NeighborPlugin {
    fn drop(&mut self) {
        if self.neighbor.retired.get() {
            self.core.closed(&self.neighbor);
        }
    }
}
