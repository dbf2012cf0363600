//! One neighbor: its configuration, its connection and session, its tables, and the helpers that receive its events.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use crate::api::event::{Event, EventHead, Identity, Raw};
use crate::api::subscription::{Kind, Subscriptions};
use crate::bgp::message::{Direction, RawMessage};
use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, Family, Negotiated, Nlri, Sender};
use crate::config::{NeighborConfig, SessionConfig};
use crate::fsm::ConnInfo;
use crate::grammar::Selector;
use crate::rib::{Action, Change, PeerId, PeerSet, pack};

use super::advisory::Advisories;
use super::clock;
use super::connection::{Connection, Session};
use super::events::EventDispatcher;
use super::history::History;
use super::phase::Phase;
use super::process::Process;
use super::rate_limit::RateLimit;
use super::stale_routes::StaleRoutes;

/// What distinguishes the routes of a neighbor: family, path identifier, and the key of the NLRI.
pub(super) type RouteKey = (Family, Option<u32>, NlriKey);

/// A configured neighbor, or a dynamic one: the instance of a range for one address.
pub(crate) struct Neighbor {
    /// Its number in the RIB and in the list of neighbors.
    pub(crate) id: PeerId,
    /// The text that selectors match and logs show.
    name: RefCell<Rc<str>>,
    /// The name that it has in the journal, whatever the notation of its addresses is by now: what is recorded under one name
    /// can be withdrawn only under that one.
    recorded: RefCell<Rc<str>>,
    /// The name of the range that it was created from.
    range: Option<Rc<str>>,
    /// Its configuration.
    pub(crate) config: RefCell<Rc<NeighborConfig>>,
    /// Wakes its task.
    pub(crate) wake: Arc<Notify>,
    /// Its state, as events and `show neighbor` report it.
    pub(crate) phase: Cell<Phase>,
    /// Its connection, from TCP up to its end.
    connection: RefCell<Option<Connection>>,
    /// Its session, from its establishment to its end.
    session: RefCell<Option<Session>>,
    /// When its session ended, or when it was added.
    pub(super) down_since: Cell<Instant>,
    /// How its sessions and connection attempts ended so far.
    pub(crate) history: History,
    /// What the peer announced, if that is kept, also while its session is down.
    pub(crate) received: StaleRoutes,
    /// Until when End-of-RIB is deferred.
    pub(crate) eor_deferred_until: Cell<Option<Instant>>,
    head: RefCell<EventHead>,
    subscriptions: RefCell<Subscriptions>,
    /// The helpers that receive its events.
    fed: RefCell<Vec<Rc<Process>>>,
    pub(super) rate_limit: RefCell<RateLimit>,
    /// The OPERATIONAL messages that wait for its sessions.
    pub(crate) advisories: Advisories,
    /// Configured routes that a later statement of the same file replaces: ExaBGP sends each version once, in the first session.
    overtaken: RefCell<Vec<(Nlri, Rc<AttributeSet>)>>,
    /// Configured routes that a reload did not announce, because a helper announces the prefix. They have to be recorded:
    /// the helper's route may be equal to the configured one.
    pub(super) overridden: RefCell<HashSet<RouteKey>>,
    /// Until when it is kept down because it had more routes than `prefix-limit` allows.
    pub(crate) paused_until: Cell<Option<Instant>>,
    /// Its connection attempts are used up.
    pub(crate) gave_up: Cell<bool>,
    /// It is removed when its plugin is dropped.
    pub(super) retired: Cell<bool>,
}

/// What identifies a neighbor in events as long as there is no connection.
pub(crate) const fn identity(session: &SessionConfig) -> Identity {
    Identity {
        local_address: session.local_address,
        peer_address: session.peer_address,
        zone: session.zone,
        local_as: session.local_as,
        peer_as: session.peer_as,
        router_id: session.router_id,
    }
}

impl Neighbor {
    /// Creates it, with the name of the range that it is created from, if there is one.
    pub(crate) fn new(
        (id, range): (PeerId, Option<Rc<str>>),
        name: &str,
        config: Rc<NeighborConfig>,
    ) -> Self {
        let session = &config.session;
        let head = EventHead::new(identity(session)).spelled(session.spelling.clone());
        let name: Rc<str> = name.into();
        Self {
            id,
            name: RefCell::new(Rc::clone(&name)),
            recorded: RefCell::new(name),
            range,
            wake: Arc::new(Notify::new()),
            phase: Cell::new(Phase::Idle),
            connection: RefCell::default(),
            session: RefCell::default(),
            down_since: Cell::new(clock::now()),
            history: History::default(),
            received: StaleRoutes::default(),
            eor_deferred_until: Cell::new(None),
            head: RefCell::new(head),
            subscriptions: RefCell::default(),
            fed: RefCell::default(),
            rate_limit: RefCell::new(RateLimit::new(config.rate_limit)),
            advisories: Advisories::new(&config.operational),
            overtaken: RefCell::default(),
            overridden: RefCell::default(),
            paused_until: Cell::new(None),
            gave_up: Cell::new(false),
            retired: Cell::new(false),
            config: RefCell::new(config),
        }
    }

    /// The text that selectors match and logs show.
    pub(crate) fn name(&self) -> Rc<str> {
        Rc::clone(&self.name.borrow())
    }

    /// The name that it has in the journal.
    pub(crate) fn recorded(&self) -> Rc<str> {
        Rc::clone(&self.recorded.borrow())
    }

    /// Continues with a journal that has another name for it.
    pub(crate) fn record_as(&self, name: &str) {
        self.recorded.replace(name.into());
    }

    /// Returns `true` if a selector matches it, or the range that it was created from: what is said to a range is said to its
    /// neighbors.
    pub(crate) fn is_selected(&self, selector: &Selector) -> bool {
        selector.matches(&self.name.borrow())
            || self
                .range
                .as_ref()
                .is_some_and(|range| selector.matches(range))
    }

    /// Replaces the helpers that receive its events.
    pub(crate) fn subscribe(&self, (subscriptions, fed): (Subscriptions, Vec<Rc<Process>>)) {
        self.subscriptions.replace(subscriptions);
        self.fed.replace(fed);
        self.wake.notify_one();
    }

    /// Replaces its configuration, without touching the session. Its addresses may have another notation.
    pub(crate) fn configure(&self, config: Rc<NeighborConfig>) {
        let name = config.name();
        if **self.name.borrow() != *name {
            self.name.replace(name.into());
        }
        self.head_mut().spell(&config.session.spelling);
        if self.config.borrow().rate_limit != config.rate_limit {
            self.rate_limit.replace(RateLimit::new(config.rate_limit));
        }
        self.config.replace(config);
    }

    /// Returns `true` if that helper receives its events.
    pub(crate) fn feeds(&self, process: &Process) -> bool {
        self.fed
            .borrow()
            .iter()
            .any(|fed| std::ptr::eq(&**fed, process))
    }

    /// Returns `true` if the queues of all helpers that receive its events have room.
    pub(crate) fn has_room(&self) -> bool {
        self.fed
            .borrow()
            .iter()
            .all(|process| process.queue.has_room())
    }

    /// Reports an event to its helpers.
    pub(crate) fn report(&self, events: &EventDispatcher, event: &Event<'_>, raw: Raw<'_>) {
        events.report(
            &self.subscriptions.borrow(),
            &mut self.head_mut(),
            event,
            raw,
        );
    }

    /// Returns `true` if a helper may send commands for it.
    pub(crate) fn is_open_to(&self, helper: &str) -> bool {
        let config = self.config.borrow();
        let mut names = config
            .subscriptions
            .iter()
            .flat_map(|block| &block.processes);
        names.any(|name| name == helper)
    }

    /// Returns `true` if its session is established.
    pub(crate) fn is_established(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// The session, while it is established.
    pub(crate) fn session(&self) -> RefMut<'_, Option<Session>> {
        self.session.borrow_mut()
    }

    /// The connection, while there is one.
    pub(crate) fn connection(&self) -> Ref<'_, Option<Connection>> {
        self.connection.borrow()
    }

    /// What is negotiated on the current connection.
    pub(crate) fn negotiated(&self) -> Option<Rc<Negotiated>> {
        self.connection.borrow().as_ref()?.negotiated.clone()
    }

    /// The number of its events so far.
    pub(super) fn events(&self) -> u64 {
        self.head.borrow().counted()
    }

    /// Continues to number its events after so many.
    pub(super) fn continue_events(&self, events: u64) {
        self.head_mut().continue_at(events);
    }

    fn head_mut(&self) -> RefMut<'_, EventHead> {
        self.head.borrow_mut()
    }

    fn connection_mut(&self) -> RefMut<'_, Option<Connection>> {
        self.connection.borrow_mut()
    }

    /// Notes a new connection.
    pub(super) fn connected(&self, ends: ConnInfo) {
        self.connection.replace(Some(Connection::new(ends)));
        let mut head = self.head_mut();
        let identity = Identity {
            local_address: Some(ends.local.ip()),
            ..*head.identity()
        };
        head.identify(identity);
        head.negotiate(None);
    }

    /// Keeps messages of the connection that monitoring stations are sent.
    pub(super) fn note(&self, direction: Direction, message: &RawMessage) {
        if let Some(connection) = &mut *self.connection_mut() {
            connection.note(direction, message);
        }
    }

    /// Notes what was negotiated on the connection.
    pub(super) fn negotiate(&self, session: &Rc<Negotiated>) {
        {
            let mut head = self.head_mut();
            let identity = Identity {
                local_as: Some(session.local_as),
                peer_as: Some(session.peer_as),
                ..*head.identity()
            };
            head.identify(identity);
            head.negotiate(Some(session));
        }
        if let Some(connection) = &mut *self.connection_mut() {
            connection.negotiated = Some(Rc::clone(session));
        }
    }

    /// Replaces the session, and returns the one before.
    pub(super) fn replace_session(&self, session: Option<Session>) -> Option<Session> {
        self.session.replace(session)
    }

    /// Notes the end of the connection: events show what is configured again.
    pub(super) fn disconnected(&self) {
        self.connection.take();
        let configured = &self.config.borrow().session;
        let mut head = self.head_mut();
        let identity = Identity {
            local_address: configured.local_address,
            local_as: configured.local_as,
            peer_as: configured.peer_as,
            ..*head.identity()
        };
        head.identify(identity);
    }

    /// How long the session has been established, or down.
    pub(crate) fn age(&self) -> Duration {
        let session = self.session.borrow();
        session
            .as_ref()
            .map_or_else(|| self.down_since.get(), |session| session.since)
            .elapsed()
    }

    /// Sends a whole message on its session, before routes that are not sent yet. Without a session it is dropped.
    pub(crate) fn send(&self, message: Vec<u8>) {
        if self
            .session()
            .as_mut()
            .is_some_and(|session| session.push(message))
        {
            self.wake.notify_one();
        } else {
            warn!(neighbor = %self.name.borrow(), "a message is dropped: there is no session, or too many messages wait");
        }
    }

    /// Notes a configured route that a later one of the same file replaces.
    pub(crate) fn overtake(&self, route: (Nlri, Rc<AttributeSet>)) {
        self.overtaken.borrow_mut().push(route);
    }

    /// The UPDATEs with the older versions of configured routes, ahead of the table, which has the newest.
    pub(super) fn overtaken(&self, sender: &Sender) -> Vec<Vec<u8>> {
        let mut updates = Vec::new();
        for (nlri, attributes) in self.overtaken.take() {
            if sender.codec.families.contains(nlri.family) {
                let change = Change {
                    nlri,
                    action: Action::Announce(attributes),
                    peers: PeerSet::new(),
                };
                // If this version cannot be sent, perhaps the last can, for which the table reports it.
                let messages = pack::messages(sender, &[change]).unwrap_or_default();
                updates.extend(messages.into_iter().map(Vec::from));
            }
        }
        updates
    }

    /// Notes the configured routes in place of which the range that it was created from has those of helpers.
    pub(crate) fn inherit_overridden(&self, range: &Self) {
        self.overridden.replace(range.overridden.borrow().clone());
    }

    /// Has it removed once its session has ended.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// Returns `true` if a helper receives events of that kind.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.subscriptions.borrow().wants(kind)
    }

    /// The peer's address; the first one of a range.
    pub(crate) fn address(&self) -> std::net::IpAddr {
        self.config.borrow().session.peer_address
    }

    /// Our address on its session, if it is known.
    pub(crate) fn local_address(&self) -> Option<std::net::IpAddr> {
        self.connection
            .borrow()
            .as_ref()
            .map(|connection| connection.ends.local.ip())
            .or(self.config.borrow().session.local_address)
    }
}
