//! One neighbor: its configuration, its connection and session, its tables, and who is told of its events.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use crate::api::event::{Event, EventHead, Identity, Raw};
use crate::api::subscription::{Kind, Subscriptions};
use crate::bgp::fsm::Phase;
use crate::bgp::{AttributeSet, Negotiated, Nlri, Sender};
use crate::config::NeighborConfig;
use crate::rib::{Action, AdjRibIn, Change as Announcement, PeerId, PeerSet, pack};

use super::advisory::Advisories;
use super::connection::{Connection, Session};
use super::core::Core;
use super::graceful_restart::StaleRoutes;
use super::history::History;
use super::process::Process;
use super::rate_limit::RateLimit;

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
    /// Its connection, from TCP up to its end.
    pub(super) connection: RefCell<Option<Connection>>,
    /// Its session, from its establishment to its end.
    pub(super) session: RefCell<Option<Session>>,
    /// When its session ended, or when it was added.
    pub(super) down_since: Cell<Instant>,
    /// What became of its sessions and attempts so far.
    pub(crate) history: History,
    /// What the peer announced, if that is kept.
    pub(crate) rib_in: RefCell<AdjRibIn>,
    /// What is kept of that while the peer is away.
    pub(crate) stale_routes: StaleRoutes,
    /// Until when End-of-RIB markers wait for helpers.
    pub(crate) eor_deferred_until: Cell<Option<Instant>>,
    pub(super) head: RefCell<EventHead>,
    subscriptions: RefCell<Subscriptions>,
    pub(super) fed: RefCell<Vec<Rc<Process>>>,
    pub(super) rate_limit: RefCell<RateLimit>,
    /// What is said anew in each session.
    pub(crate) advisories: Advisories,
    /// Routes that its configuration names once more further down: ExaBGP sends each version once, in the first session.
    overtaken: RefCell<Vec<(Nlri, Rc<AttributeSet>)>>,
    /// Its connection attempts are used up.
    pub(crate) gave_up: Cell<bool>,
    /// It is to be forgotten when its plugin goes.
    pub(super) retired: Cell<bool>,
}

impl Neighbor {
    pub(crate) fn new(id: PeerId, name: &str, config: Rc<NeighborConfig>) -> Self {
        let session = &config.session;
        let identity = Identity {
            local_address: session.local_address,
            peer_address: session.peer_address,
            zone: session.zone,
            local_as: session.local_as,
            peer_as: session.peer_as,
            router_id: session.router_id,
        };
        Self {
            id,
            name: name.into(),
            wake: Rc::new(Notify::new()),
            phase: Cell::new(Phase::Idle),
            connection: RefCell::default(),
            session: RefCell::default(),
            down_since: Cell::new(Instant::now()),
            history: History::default(),
            rib_in: RefCell::default(),
            stale_routes: StaleRoutes::default(),
            eor_deferred_until: Cell::new(None),
            head: RefCell::new(EventHead::new(identity)),
            subscriptions: RefCell::default(),
            fed: RefCell::default(),
            rate_limit: RefCell::new(RateLimit::new(config.rate_limit)),
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
            *self.rate_limit.borrow_mut() = RateLimit::new(config.rate_limit);
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
        core.events.tell(
            &self.subscriptions.borrow(),
            &mut self.head.borrow_mut(),
            event,
            raw,
        );
    }

    /// Whether its session is up.
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

    /// How long the session is up, or how long it has been down.
    pub(crate) fn age(&self) -> Duration {
        let session = self.session.borrow();
        session
            .as_ref()
            .map_or(self.down_since.get(), |session| session.since)
            .elapsed()
    }

    /// Sends a whole message on its session, before routes that are not sent yet. Without a session it is dropped.
    pub(crate) fn say(&self, message: Vec<u8>) {
        let mut session = self.session.borrow_mut();
        if session
            .as_mut()
            .is_some_and(|session| session.push(message))
        {
            self.wake.notify_one();
        } else {
            warn!(neighbor = %self.name, "a message is dropped: there is no session, or too many messages wait");
        }
    }

    /// Takes note of a configured route that a later one of the same file replaces.
    pub(crate) fn overtake(&self, route: (Nlri, Rc<AttributeSet>)) {
        self.overtaken.borrow_mut().push(route);
    }

    /// The UPDATEs with the older versions of configured routes, ahead of the table, which has the newest.
    pub(super) fn overtaken(&self, sender: &Sender) -> Vec<Vec<u8>> {
        let mut updates = Vec::new();
        for (nlri, attributes) in self.overtaken.take() {
            if sender.codec.families.contains(nlri.family) {
                let change = Announcement {
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

    /// Lets it be forgotten once its session has ended.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.subscriptions.borrow().wants(kind)
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
