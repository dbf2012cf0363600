//! The [`Plugin`] through which the speaker reports a neighbor's session.
//!
//! It has no state: it passes what happens to the [`Core`], which has the RIB and the helpers, and to the [`Neighbor`], and
//! pulls what is to be sent when the socket has room. `on_update` decodes a received UPDATE and returns its verdict;
//! `on_event` only observes. Messages are decoded only if helpers or tables need it.

use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::api::event::{Direction, Event, Identity, Message, Raw};
use crate::api::subscription::Kind;
use crate::bgp::fsm::{CloseReason, ConnInfo};
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::message::{MessageType, RawMessage, header};
use crate::bgp::role::LocalRole;
use crate::bgp::{Capability, Codec, Family, Negotiated, Sender};
use crate::rib::adj_rib_out::{Budget, Session as RibSession};
use crate::speaker::{Outbox, PeerConfig, Plugin, SessionEvent, UpdateWriter};

use super::connection::{Connection, Session};
use super::core::Core;
use super::neighbor::Neighbor;
use super::{eor_deferral, graceful_restart, message_log, prefix_limit, refresh, session};

/// The daemon's side of one session. It has no state of its own: nothing that an observer saw can reach a verdict.
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

    /// A connection told its addresses.
    fn connected(&self, peer: &PeerConfig, info: ConnInfo) {
        let neighbor = &self.neighbor;
        self.core.identify(neighbor.id, &peer.name);
        neighbor.connection.replace(Some(Connection::new(info)));
        {
            let mut head = neighbor.head.borrow_mut();
            let identity = Identity {
                local_address: Some(info.local.ip()),
                ..*head.identity()
            };
            head.identify(identity);
            head.negotiate(None);
        }
        neighbor.tell(&self.core, &Event::Connected, Raw::default());
    }

    fn negotiated(&self, session: &Rc<Negotiated>) {
        let neighbor = &self.neighbor;
        {
            let mut head = neighbor.head.borrow_mut();
            let identity = Identity {
                local_as: Some(session.local_as),
                peer_as: Some(session.peer_as),
                ..*head.identity()
            };
            head.identify(identity);
            head.negotiate(Some(session));
        }
        if let Some(connection) = &mut *neighbor.connection.borrow_mut() {
            connection.negotiated = Some(Rc::clone(session));
        }
        neighbor.tell(&self.core, &Event::Negotiated, Raw::default());
    }

    /// Logs and reports a message. Received UPDATEs are reported by [`Plugin::on_update`].
    fn message(&self, direction: Direction, message: &RawMessage) {
        message_log::message(&self.neighbor.name, direction, message);
        if message.kind == MessageType::NOTIFICATION {
            let notification = Notification::decode(message.body());
            self.neighbor
                .history
                .notification(&self.neighbor.name, direction, &notification);
        }
        let wanted = self.neighbor.wants(Kind::Message(direction, message.kind));
        match (message.kind, direction) {
            (MessageType::OPEN, _) => self.open(direction, message),
            (MessageType::UPDATE, Direction::Send) if wanted => self.sent_update(message),
            // One that can be split into its parts is for `on_update`.
            (MessageType::UPDATE, Direction::Receive)
                if wanted && Update::new(message.body()).is_err() =>
            {
                self.undecoded(Direction::Receive, Raw::new(&message.bytes));
            }
            (MessageType::UPDATE, _) => {}
            _ if wanted => self.tell_plain(direction, message),
            _ => {}
        }
    }

    /// Reports an UPDATE that we have sent. It is never judged: an error in it is not the peer's.
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
            return self.tell(Direction::Send, Message::EndOfRib(family), raw);
        }
        let content = {
            let mut interner = self.core.interner.borrow_mut();
            update.content(&codec, &mut *interner)
        };
        match content {
            Ok(content) => self.tell(Direction::Send, Message::update(&content), raw),
            Err(error) => {
                debug!(neighbor = %self.neighbor.name, %error, "an UPDATE that was sent cannot be decoded for helpers");
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
            self.tell(Direction::Receive, Message::EndOfRib(family), raw);
            if keep {
                graceful_restart::end_of_rib(&self.core, &self.neighbor, family);
            }
            return Ok(());
        }
        let content = {
            let mut interner = self.core.interner.borrow_mut();
            update.content(&session.codec, &mut *interner)
        };
        let content = content.map_err(|error| {
            self.undecoded(Direction::Receive, raw);
            error.notification()
        })?;
        if let Some(error) = content.attributes.error() {
            warn!(neighbor = %self.neighbor.name, %error, severity = ?error.severity, "an UPDATE had an error");
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
            self.neighbor.rib_in.borrow_mut().update(&content);
        }
        message_log::content(&self.neighbor.name, &content);
        self.tell(Direction::Receive, Message::update(&content), raw);
        if keep {
            prefix_limit::check(&self.core, &self.neighbor, session, &content)?;
        }
        Ok(())
    }

    fn tell(&self, direction: Direction, message: Message<'_>, raw: Raw<'_>) {
        let event = Event::Message(direction, message);
        self.neighbor.tell(&self.core, &event, raw);
    }

    /// Logs, once in a session, that routes of these families are ignored.
    fn ignored(&self, families: &[Family]) {
        for &family in families {
            let first = match &mut *self.neighbor.session() {
                Some(session) => session.ignores(family),
                None => false,
            };
            if first {
                warn!(neighbor = %self.neighbor.name, %family, "the peer sends routes of a family that was not negotiated: they are ignored");
            }
        }
    }

    fn undecoded(&self, direction: Direction, raw: Raw<'_>) {
        let event = Event::Undecoded(direction, MessageType::UPDATE);
        self.neighbor.tell(&self.core, &event, raw);
    }

    fn open(&self, direction: Direction, message: &RawMessage) {
        let raw = Raw::new(&message.bytes);
        let Ok(mut open) = Open::decode(message.body()) else {
            self.neighbor.tell(
                &self.core,
                &Event::Undecoded(direction, MessageType::OPEN),
                raw,
            );
            return;
        };
        if direction == Direction::Send {
            session::show_hostname(&mut open);
        }
        self.neighbor.tell(
            &self.core,
            &Event::Message(direction, Message::Open(&open)),
            raw,
        );
        if direction == Direction::Send
            && let Some(connection) = &mut *self.neighbor.connection.borrow_mut()
        {
            connection.open = Some(open);
        }
    }

    /// Tells of a message that is neither OPEN nor UPDATE.
    fn tell_plain(&self, direction: Direction, message: &RawMessage) {
        let raw = Raw::new(&message.bytes);
        let tell = |message: Message<'_>| {
            self.neighbor
                .tell(&self.core, &Event::Message(direction, message), raw)
        };
        match message.kind {
            MessageType::KEEPALIVE => tell(Message::Keepalive),
            MessageType::NOTIFICATION => {
                tell(Message::Notification(&Notification::decode(message.body())))
            }
            MessageType::ROUTE_REFRESH => match RouteRefresh::decode(message) {
                Ok(refresh) => tell(Message::Refresh(&refresh)),
                Err(_) => {
                    self.neighbor
                        .tell(&self.core, &Event::Undecoded(direction, message.kind), raw)
                }
            },
            MessageType::OPERATIONAL => match Operational::decode(message.body()) {
                Ok(Some(operational)) => tell(Message::Operational(&operational)),
                // A type that nobody knows is ignored; helpers that ask for packets see it.
                Ok(None) | Err(_) => {
                    self.neighbor
                        .tell(&self.core, &Event::Undecoded(direction, message.kind), raw)
                }
            },
            kind => self
                .neighbor
                .tell(&self.core, &Event::Undecoded(direction, kind), raw),
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

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, _: UpdateWriter) {
        let neighbor = &self.neighbor;
        graceful_restart::up(&self.core, neighbor, session);
        neighbor.tell(&self.core, &Event::Up, Raw::default());
        let config = neighbor.config.borrow();
        let Some(local_address) = neighbor.local_address() else {
            // A session has a connection, and that has addresses.
            return;
        };
        let sender = Sender {
            codec: Codec {
                link_local: session::link_local(&config.session, session),
                ipv4_nexthop: session::ipv4_nexthop(&config.session, session),
                role: session.codec.role.map(LocalRole::on_egress),
                ..session.codec
            },
            local_as: session.local_as,
            local_address,
            router_id: session.local.router_id,
            group_updates: config.session.group_updates,
        };
        let advisories = neighbor.advisories.of(&config.session.families);
        let first = advisories.into_iter().chain(neighbor.overtaken(&sender));
        neighbor.session.replace(Some(Session::new(first)));
        neighbor.history.established();
        self.core.rib.borrow_mut().up(
            neighbor.id,
            RibSession {
                sender,
                families: session.families.clone(),
                refresh: session.refresh,
                manual_eor: eor_deferral::up(&self.core, neighbor, session) || config.manual_eor,
            },
        );
        self.core.risen.notify_waiters();
        self.core.wake_neighbors();
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let neighbor = &self.neighbor;
        let kind = Kind::Message(Direction::Receive, MessageType::UPDATE);
        let keep = neighbor.config.borrow().adj_rib_in;
        if !keep && !neighbor.wants(kind) && !message_log::shows_content() {
            return Ok(());
        }
        neighbor
            .negotiated()
            .map_or(Ok(()), |session| self.update(&session, update, keep))
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        let neighbor = &self.neighbor;
        debug!(neighbor = %neighbor.name, %reason, "the connection is closed");
        self.core.rib.borrow_mut().down(neighbor.id);
        self.core.arrived(neighbor.id);
        let negotiated = neighbor.negotiated();
        let session = neighbor.session.take();
        if let (Some(_), Some(negotiated)) = (&session, negotiated) {
            let counters = self.core.status(neighbor.id);
            message_log::statistics(&neighbor.name, counters.as_ref(), reason);
            neighbor.down_since.set(Instant::now());
            graceful_restart::lost(&self.core, neighbor, &negotiated, reason);
        }
        let reason = reason.to_string();
        neighbor.history.closed(&reason, session.is_some());
        neighbor.tell(&self.core, &Event::Down { reason: &reason }, Raw::default());
        neighbor.connection.take();
        let configured = neighbor.config.borrow().session.clone();
        let mut head = neighbor.head.borrow_mut();
        let identity = Identity {
            local_address: configured.local_address,
            local_as: configured.local_as,
            peer_as: configured.peer_as,
            ..*head.identity()
        };
        head.identify(identity);
    }

    fn on_refresh(&mut self, _: &PeerConfig, refresh: RouteRefresh) {
        // RFC 7313 4.2: BoRR and EoRR mark the peer's own answer, they ask for nothing.
        if refresh.subtype != RouteRefresh::REQUEST {
            refresh::answered(&self.neighbor, refresh.family);
            return graceful_restart::refresh(&self.core, &self.neighbor, refresh);
        }
        let mut rib = self.core.rib.borrow_mut();
        rib.refresh(self.neighbor.id, refresh.family);
        drop(rib);
        self.core.wake_neighbors();
    }

    fn on_event(&mut self, peer: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connected(info) => self.connected(peer, *info),
            SessionEvent::Phase(phase) => {
                self.neighbor.phase.set(*phase);
                self.neighbor.tell(
                    &self.core,
                    &Event::Fsm {
                        state: phase.name(),
                    },
                    Raw::default(),
                );
            }
            SessionEvent::Negotiated(session) => self.negotiated(session),
            SessionEvent::ConnectFailed(cause) => self.neighbor.history.connect_failed(cause),
            SessionEvent::GaveUp => self.core.gave_up(&self.neighbor),
            SessionEvent::Message { direction, message } => self.message(*direction, message),
            _ => {}
        }
    }

    fn observes_updates_sent(&self) -> bool {
        self.neighbor
            .wants(Kind::Message(Direction::Send, MessageType::UPDATE))
            || message_log::shows_sent()
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        if outbox.is_empty() {
            self.core.arrived(self.neighbor.id);
        }
        if let Some(session) = &mut *self.neighbor.session.borrow_mut() {
            while let Some(message) = session.pop() {
                outbox.push(message.into());
            }
        }
        let mut rate_limit = self.neighbor.rate_limit.borrow_mut();
        let messages = rate_limit.allowance(Instant::now());
        let budget = Budget {
            bytes: outbox.room(),
            messages,
        };
        let mut rib = self.core.rib.borrow_mut();
        let filled = rib.fill(self.neighbor.id, budget, &mut |bytes| outbox.push(bytes));
        rate_limit.spend(filled.messages);
        let nothing = outbox.is_empty();
        let again = rib.has_work(self.neighbor.id);
        drop(rib);
        if nothing {
            // What was to be said may have come to nothing.
            self.core.arrived(self.neighbor.id);
        }
        if again {
            match rate_limit.wait(Instant::now()) {
                // A long walk of the table goes on after the others had their turn.
                None if filled.messages == 0 => self.neighbor.wake.notify_one(),
                None => {}
                Some(wait) => self.core.wake_later(&self.neighbor, wait),
            }
        }
        self.core.report_unsendable();
        self.core.wake_neighbors();
    }

    fn ready(&self) -> bool {
        self.neighbor
            .fed
            .borrow()
            .iter()
            .all(|process| process.queue.has_room())
    }

    fn waker(&self) -> Option<Rc<Notify>> {
        Some(Rc::clone(&self.neighbor.wake))
    }
}

impl Drop for NeighborPlugin {
    fn drop(&mut self) {
        if self.neighbor.retired.get() {
            self.core.forget(self.neighbor.id);
        }
    }
}
