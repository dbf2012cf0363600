//! One neighbour: its state, and the `Plugin` through which the speaker tells of its session.
//!
//! The plugin owns nothing: it passes what happens to the [`Core`], which has the RIB and the helpers, and pulls what is to
//! be sent when the socket has room. Messages are decoded only when somebody listens.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::api::event::{Direction, Event, EventHead, Identity, Message, Raw};
use crate::api::subscription::{Kind, Subscriptions};
use crate::bgp::fsm::{CloseReason, ConnInfo, Phase};
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::message::{MessageType, RawMessage};
use crate::bgp::role::LocalRole;
use crate::bgp::{AttributeSet, Capability, Codec, Negotiated, Nlri, Sender};
use crate::config::NeighborConfig;
use crate::rib::adj_rib_out::{Budget, Session};
use crate::rib::{Action, Change as Announcement, PeerSet, pack};
use crate::rib::{AdjRibIn, PeerId};
use crate::speaker::{Outbox, PeerConfig, Plugin, SessionEvent, UpdateWriter};

use super::advisory::Advisories;
use super::core::Core;
use super::defer::{self, Deferred};
use super::journal;
use super::limit;
use super::pace::Pace;
use super::process::Process;
use super::retain::{self, Keep};
use super::tally::Tally;

/// A configured neighbour, or the clone of a range for one address.
pub(crate) struct Neighbor {
    /// Its number in the RIB.
    pub(crate) id: PeerId,
    /// The text that selectors match and logs show.
    pub(crate) name: Rc<str>,
    /// What the configuration says.
    pub(crate) config: RefCell<Rc<NeighborConfig>>,
    /// Wakes its task.
    pub(crate) wake: Rc<Notify>,
    /// Where its session stands.
    pub(crate) phase: Cell<Phase>,
    /// What its session negotiated, once both OPENs agree.
    pub(crate) session: RefCell<Option<Rc<Negotiated>>>,
    /// The addresses of the connection.
    pub(crate) connection: Cell<Option<ConnInfo>>,
    /// When the session came up.
    pub(crate) since: Cell<Option<Instant>>,
    /// When it went down, or when we started.
    pub(crate) down_since: Cell<Instant>,
    /// The OPEN that we sent on this connection.
    pub(crate) open: RefCell<Option<Open>>,
    /// Messages sent.
    pub(crate) sent: Tally,
    /// Messages received.
    pub(crate) received: Tally,
    /// How often the session came up and went down.
    pub(crate) flaps: (Cell<u64>, Cell<u64>),
    /// What the peer announced, if that is kept.
    pub(crate) rib_in: RefCell<AdjRibIn>,
    /// What is kept of that while the peer is away.
    pub(crate) kept: Keep,
    /// End-of-RIB markers that wait for helpers.
    pub(crate) deferred: Deferred,
    head: RefCell<EventHead>,
    subscriptions: RefCell<Subscriptions>,
    fed: RefCell<Vec<Rc<Process>>>,
    pace: RefCell<Pace>,
    /// Whole messages that are not routes: they go out before the next routes.
    said: RefCell<VecDeque<Vec<u8>>>,
    /// What is said anew in each session.
    pub(crate) advisories: Advisories,
    /// Routes that its configuration names once more further down: ExaBGP sends each version once, in the first session.
    overtaken: RefCell<Vec<(Nlri, Rc<AttributeSet>)>>,
    /// Its connection attempts are used up.
    pub(crate) gave_up: Cell<bool>,
    /// It is to be forgotten when its plugin goes.
    retired: Cell<bool>,
}

/// Messages other than routes that may wait for a neighbour.
const SAID: usize = 1024;

impl Neighbor {
    pub(crate) fn new(id: PeerId, name: &str, config: Rc<NeighborConfig>) -> Self {
        let session = &config.session;
        let identity = Identity {
            local_address: session.local_address,
            peer_address: session.peer_address,
            local_as: session.local_as,
            peer_as: session.peer_as,
            router_id: session.router_id,
        };
        Self {
            id,
            name: name.into(),
            wake: Rc::new(Notify::new()),
            phase: Cell::new(Phase::Idle),
            session: RefCell::default(),
            connection: Cell::new(None),
            since: Cell::new(None),
            down_since: Cell::new(Instant::now()),
            open: RefCell::default(),
            sent: Tally::default(),
            received: Tally::default(),
            flaps: Default::default(),
            rib_in: RefCell::default(),
            kept: Keep::default(),
            deferred: Deferred::default(),
            head: RefCell::new(EventHead::new(identity)),
            subscriptions: RefCell::default(),
            fed: RefCell::default(),
            pace: RefCell::new(Pace::new(config.rate_limit)),
            said: RefCell::default(),
            advisories: Advisories::default(),
            overtaken: RefCell::default(),
            gave_up: Cell::new(false),
            retired: Cell::new(false),
            config: RefCell::new(config),
        }
    }

    /// Replaces who gets its events.
    pub(crate) fn subscribe(&self, (subscriptions, fed): (Subscriptions, Vec<Rc<Process>>)) {
        *self.subscriptions.borrow_mut() = subscriptions;
        *self.fed.borrow_mut() = fed;
        self.wake.notify_one();
    }

    /// Replaces what the configuration says, without touching the session.
    pub(crate) fn configure(&self, config: Rc<NeighborConfig>) {
        if self.config.borrow().rate_limit != config.rate_limit {
            *self.pace.borrow_mut() = Pace::new(config.rate_limit);
        }
        *self.config.borrow_mut() = config;
    }

    /// Whether it gets its events from that helper's queue.
    pub(crate) fn feeds(&self, process: &Process) -> bool {
        self.fed
            .borrow()
            .iter()
            .any(|fed| std::ptr::eq(&**fed, process))
    }

    /// Tells its helpers of an event.
    pub(crate) fn tell(&self, core: &Core, event: &Event<'_>, raw: Raw<'_>) {
        core.feeder.tell(
            &self.subscriptions.borrow(),
            &mut self.head.borrow_mut(),
            event,
            raw,
        );
    }

    /// Whether its session is up.
    pub(crate) fn is_established(&self) -> bool {
        self.phase.get() == Phase::Established
    }

    /// Sends a whole message on its session, before routes that are not sent yet. Without a session it is dropped.
    pub(crate) fn say(&self, message: Vec<u8>) {
        let mut said = self.said.borrow_mut();
        if !self.is_established() || said.len() >= SAID {
            warn!(neighbor = %self.name, "a message is dropped: there is no session, or too many messages wait");
            return;
        }
        said.push_back(message);
        self.wake.notify_one();
    }

    /// Takes note of a configured route that a later one of the same file replaces.
    pub(crate) fn overtake(&self, route: (Nlri, Rc<AttributeSet>)) {
        self.overtaken.borrow_mut().push(route);
    }

    /// Says the older versions of configured routes, ahead of the table, which has the newest.
    fn say_overtaken(&self, sender: &Sender) {
        for route in self.overtaken.take() {
            if sender.codec.families.contains(route.0.family) {
                // What can't be said in this version may be possible in the last, which the table reports.
                let change = Announcement {
                    nlri: route.0,
                    action: Action::Announce(route.1),
                    peers: PeerSet::new(),
                };
                let messages = pack::messages(sender, &[change]).unwrap_or_default();
                self.said
                    .borrow_mut()
                    .extend(messages.into_iter().map(Vec::from));
            }
        }
    }

    /// Lets it be forgotten once its session has ended.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    fn wants(&self, kind: Kind) -> bool {
        self.subscriptions.borrow().wants(kind)
    }

    /// Our address on its session, if it is known.
    pub(crate) fn local_address(&self) -> Option<std::net::IpAddr> {
        self.connection
            .get()
            .map(|connection| connection.local.ip())
            .or(self.config.borrow().session.local_address)
    }
}

/// The daemon's side of one session.
pub(crate) struct NeighborPlugin {
    core: Rc<Core>,
    neighbor: Rc<Neighbor>,
    /// What a received UPDATE was found to deserve while it was told of.
    verdict: Option<Notification>,
}

impl NeighborPlugin {
    pub(crate) const fn new(core: Rc<Core>, neighbor: Rc<Neighbor>) -> Self {
        Self {
            core,
            neighbor,
            verdict: None,
        }
    }

    /// The plugin of a neighbour that is gone with its session.
    pub(crate) fn dynamic(core: Rc<Core>, neighbor: Rc<Neighbor>) -> Self {
        neighbor.retire();
        Self::new(core, neighbor)
    }

    /// A connection told its addresses.
    fn connected(&self, info: ConnInfo) {
        let neighbor = &self.neighbor;
        neighbor.connection.set(Some(info));
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
        *neighbor.session.borrow_mut() = Some(Rc::clone(session));
        neighbor.tell(&self.core, &Event::Negotiated, Raw::default());
    }

    fn message(&mut self, direction: Direction, message: &RawMessage) {
        let tally = match direction {
            Direction::Send => &self.neighbor.sent,
            Direction::Receive => &self.neighbor.received,
        };
        tally.add(message.kind, 1);
        journal::message(&self.neighbor.name, direction, message);
        let wanted = self.neighbor.wants(Kind::Message(direction, message.kind));
        if message.kind == MessageType::UPDATE {
            let keep = direction == Direction::Receive && self.neighbor.config.borrow().adj_rib_in;
            if wanted || keep || (direction == Direction::Receive && journal::shows_content()) {
                self.verdict = self.update(direction, message, keep).err();
            }
        } else if message.kind == MessageType::OPEN {
            self.open(direction, message);
        } else if wanted {
            self.tell_plain(direction, message);
        }
    }

    /// Decodes an UPDATE once for helpers and table.
    fn update(
        &self,
        direction: Direction,
        message: &RawMessage,
        keep: bool,
    ) -> Result<(), Notification> {
        let Some(session) = self.neighbor.session.borrow().clone() else {
            return Ok(());
        };
        let codec = match direction {
            Direction::Receive => session.codec,
            // What we sent carries path identifiers where we may send them.
            Direction::Send => session.codec.of_sent(),
        };
        let raw = Raw::new(&message.bytes);
        let undecoded = |error: crate::bgp::UpdateError| {
            self.neighbor.tell(
                &self.core,
                &Event::Undecoded(direction, MessageType::UPDATE),
                raw,
            );
            error.notification()
        };
        let update = Update::new(message.body()).map_err(undecoded)?;
        if let Some(family) = update.end_of_rib() {
            self.neighbor.tell(
                &self.core,
                &Event::Message(direction, Message::EndOfRib(family)),
                raw,
            );
            if keep {
                retain::end_of_rib(&self.core, &self.neighbor, family);
            }
            return Ok(());
        }
        let content = {
            let mut interner = self.core.interner.borrow_mut();
            update.content(&codec, &mut *interner)
        };
        let content = content.map_err(undecoded)?;
        if let Some(error) = content
            .attributes
            .error()
            .filter(|_| direction == Direction::Receive)
        {
            warn!(neighbor = %self.neighbor.name, %error, severity = ?error.severity, "an UPDATE had an error");
        }
        if keep {
            self.neighbor.rib_in.borrow_mut().update(&content);
        }
        if direction == Direction::Receive {
            journal::content(&self.neighbor.name, &content);
        }
        self.neighbor.tell(
            &self.core,
            &Event::Message(direction, Message::update(&content)),
            raw,
        );
        if keep {
            limit::check(&self.core, &self.neighbor, &session)?;
        }
        Ok(())
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
            super::session::show_hostname(&mut open);
        }
        self.neighbor.tell(
            &self.core,
            &Event::Message(direction, Message::Open(&open)),
            raw,
        );
        if direction == Direction::Send {
            *self.neighbor.open.borrow_mut() = Some(open);
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
        super::session::capabilities(&self.neighbor.config.borrow().session)
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, _: UpdateWriter) {
        let neighbor = &self.neighbor;
        neighbor.since.set(Some(Instant::now()));
        neighbor.flaps.0.set(neighbor.flaps.0.get() + 1);
        retain::up(&self.core, neighbor, session);
        neighbor.tell(&self.core, &Event::Up, Raw::default());
        let config = neighbor.config.borrow();
        let Some(local_address) = neighbor.local_address() else {
            // A session has a connection, and that has addresses.
            return;
        };
        let sender = Sender {
            codec: Codec {
                link_local: super::session::link_local(&config.session, session),
                role: session.codec.role.map(LocalRole::on_egress),
                ..session.codec
            },
            local_as: session.local_as,
            local_address,
            router_id: session.local.router_id,
            group_updates: config.session.group_updates,
        };
        let standing = neighbor.advisories.of(&config.session.families);
        neighbor.said.borrow_mut().extend(standing);
        neighbor.say_overtaken(&sender);
        self.core.rib.borrow_mut().up(
            neighbor.id,
            Session {
                sender,
                families: session.families.clone(),
                refresh: session.refresh,
                manual_eor: defer::up(&self.core, neighbor, session) || config.manual_eor,
            },
        );
        self.core.risen.notify_waiters();
        self.core.wake_neighbors();
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        self.verdict.take().map_or(Ok(()), Err)
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        let neighbor = &self.neighbor;
        debug!(neighbor = %neighbor.name, %reason, "the connection is closed");
        self.verdict = None;
        self.core.rib.borrow_mut().down(neighbor.id);
        self.core.arrived(neighbor.id);
        let session = neighbor.session.borrow_mut().take();
        if let (Some(_), Some(session)) = (neighbor.since.take(), session) {
            neighbor.flaps.1.set(neighbor.flaps.1.get() + 1);
            journal::statistics(&neighbor.name, &neighbor.sent, &neighbor.received, reason);
            neighbor.down_since.set(Instant::now());
            retain::lost(&self.core, neighbor, &session, reason);
        }
        neighbor.deferred.clear();
        neighbor.said.borrow_mut().clear();
        let reason = reason.to_string();
        neighbor.tell(&self.core, &Event::Down { reason: &reason }, Raw::default());
        neighbor.connection.set(None);
        neighbor.sent.clear();
        neighbor.received.clear();
        *neighbor.open.borrow_mut() = None;
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
            return retain::refresh(&self.core, &self.neighbor, refresh);
        }
        let mut rib = self.core.rib.borrow_mut();
        rib.refresh(self.neighbor.id, refresh.family);
        drop(rib);
        self.core.wake_neighbors();
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connected(info) => self.connected(*info),
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
            SessionEvent::GaveUp => self.core.gave_up(&self.neighbor),
            SessionEvent::Message { direction, message } => self.message(*direction, message),
            _ => {}
        }
    }

    fn observes_updates_sent(&self) -> bool {
        self.neighbor
            .wants(Kind::Message(Direction::Send, MessageType::UPDATE))
            || journal::shows_sent()
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        if outbox.is_empty() {
            self.core.arrived(self.neighbor.id);
        }
        while let Some(message) = self.neighbor.said.borrow_mut().pop_front() {
            outbox.push(message.into());
        }
        let mut pace = self.neighbor.pace.borrow_mut();
        let messages = pace.allowance(Instant::now());
        let budget = Budget {
            bytes: outbox.room(),
            messages,
        };
        let mut rib = self.core.rib.borrow_mut();
        let filled = rib.fill(self.neighbor.id, budget, &mut |bytes| outbox.push(bytes));
        pace.spend(filled.messages);
        let nothing = outbox.is_empty();
        if !self.observes_updates_sent() {
            self.neighbor
                .sent
                .add(MessageType::UPDATE, filled.messages as u64);
        }
        let again = rib.has_work(self.neighbor.id);
        drop(rib);
        if nothing {
            // What was to be said may have come to nothing.
            self.core.arrived(self.neighbor.id);
        }
        if again {
            match pace.wait(Instant::now()) {
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
