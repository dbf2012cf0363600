//! The middle of the daemon: RIB, neighbours and helpers, and nothing that waits.
//!
//! Everything here is called from tasks of one thread and returns at once. Parts are borrowed inside a method only: compute
//! first, change last, and wake whoever has something to do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::api::command::{self, Listing, Outcome, Source};
use crate::api::{Event, Raw};
use crate::bgp::{AttributeSet, Nlri};
use crate::config::{Env, NeighborConfig};
use crate::grammar::RouteText;
use crate::rib::adj_rib_out::{AdjRibOut, PeerOptions};
use crate::rib::{Action, Change, Interner, PeerId, PeerSet};
use crate::speaker::{PeerKey, PeerStatus, Server};

use super::backend::ApiBackend;
use super::events::EventDispatcher;
use super::message_log;
use super::neighbor::Neighbor;
use super::process::{Commands, Loss, Process};
use super::queue::{Make, Queue};
use super::runtime_peers::RuntimePeers;
use super::signal::Request;
use super::watchdog::Watchdogs;

/// A neighbour with its key in the speaker.
pub(crate) struct Listed {
    pub(crate) neighbor: Rc<Neighbor>,
    /// None for a range, which has no session of its own, and for a dynamic neighbor that has not connected yet.
    pub(crate) key: Cell<Option<PeerKey>>,
    /// The range that a dynamic neighbour came from.
    pub(crate) template: Option<PeerId>,
    /// It is no longer configured and says goodbye: nobody may mean it any more, and another of its name may come before its
    /// session has ended.
    pub(crate) leaving: Cell<bool>,
}

/// What the daemon is made of.
pub(crate) struct Core {
    me: Weak<Self>,
    pub(crate) env: RefCell<Rc<Env>>,
    pub(crate) events: EventDispatcher,
    pub(crate) rib: RefCell<AdjRibOut>,
    pub(crate) interner: RefCell<Interner>,
    pub(crate) server: RefCell<Option<Server>>,
    pub(crate) watchdogs: RefCell<Watchdogs>,
    /// By number; numbers of neighbours that are gone are used again.
    pub(crate) neighbors: RefCell<BTreeMap<PeerId, Rc<Listed>>>,
    /// No smaller number is free.
    free: Cell<u32>,
    /// The order in which neighbours are shown.
    pub(crate) order: RefCell<Vec<PeerId>>,
    pub(crate) started: (Instant, SystemTime),
    requests: RefCell<VecDeque<(Request, u8)>>,
    requested: Notify,
    epoch: Cell<u64>,
    commands: RefCell<command::Commands>,
    sources: RefCell<BTreeMap<Rc<str>, Source>>,
    /// Queues with answers that wait for the wire.
    waiting: RefCell<Vec<Rc<Queue>>>,
    /// Neighbours made by commands.
    pub(crate) runtime_peers: RuntimePeers,
    later: RefCell<Vec<(Instant, Rc<Notify>)>>,
    scheduled: Notify,
    /// Tells when a session came up.
    pub(crate) risen: Notify,
    /// How many commands were refused since the start.
    pub(crate) refused: Cell<u64>,
}

impl Core {
    pub(crate) fn new(env: Env) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            events: EventDispatcher::new(env.api.compact),
            env: RefCell::new(Rc::new(env)),
            rib: RefCell::new(AdjRibOut::new()),
            interner: RefCell::default(),
            server: RefCell::default(),
            watchdogs: RefCell::default(),
            neighbors: RefCell::default(),
            free: Cell::new(0),
            order: RefCell::default(),
            started: (Instant::now(), SystemTime::now()),
            requests: RefCell::default(),
            requested: Notify::new(),
            epoch: Cell::new(1),
            commands: RefCell::default(),
            sources: RefCell::default(),
            waiting: RefCell::default(),
            runtime_peers: RuntimePeers::default(),
            later: RefCell::default(),
            scheduled: Notify::new(),
            risen: Notify::new(),
            refused: Cell::new(0),
        })
    }

    /// The neighbour with that number.
    pub(crate) fn neighbor(&self, id: PeerId) -> Option<Rc<Listed>> {
        self.neighbors.borrow().get(&id).cloned()
    }

    /// What the speaker knows of a neighbor: its state, counters and last end.
    pub(crate) fn status(&self, id: PeerId) -> Option<PeerStatus> {
        let key = self.neighbor(id)?.key.get()?;
        self.server.borrow().as_ref()?.peer(key)
    }

    /// Looks up a neighbor in the speaker by the name that the speaker has for it. A dynamic one is added there only after it
    /// was accepted here.
    pub(crate) fn identify(&self, id: PeerId, name: &str) {
        if let (Some(listed), Some(server)) = (self.neighbor(id), &*self.server.borrow())
            && listed.key.get().is_none()
        {
            listed.key.set(server.find(name));
        }
    }

    /// All neighbours, in the order in which they are shown.
    pub(crate) fn all(&self) -> Vec<Rc<Listed>> {
        let neighbors = self.neighbors.borrow();
        self.order
            .borrow()
            .iter()
            .filter_map(|id| neighbors.get(id).cloned())
            .filter(|listed| !listed.leaving.get())
            .collect()
    }

    /// Adds a neighbour, not yet to the speaker. Its configured routes are applied.
    pub(crate) fn add(
        &self,
        name: &str,
        config: Rc<NeighborConfig>,
        template: Option<PeerId>,
    ) -> Rc<Listed> {
        let id = self.free_id();
        let neighbor = Rc::new(Neighbor::new(id, name, Rc::clone(&config)));
        let options = PeerOptions {
            families: config.session.families.clone(),
            keep: config.adj_rib_out,
        };
        self.rib.borrow_mut().add_peer(id, options);
        let listed = Rc::new(Listed {
            neighbor: Rc::clone(&neighbor),
            key: Cell::new(None),
            template,
            leaving: Cell::new(false),
        });
        self.neighbors.borrow_mut().insert(id, Rc::clone(&listed));
        let mut order = self.order.borrow_mut();
        // A dynamic neighbour stands behind its template and those that came before it.
        let at = template.and_then(|template| {
            let neighbors = self.neighbors.borrow();
            let last = order.iter().rposition(|other| {
                *other == template
                    || neighbors
                        .get(other)
                        .is_some_and(|other| other.template == Some(template))
            });
            last.map(|last| last + 1)
        });
        let at = at.unwrap_or(order.len());
        order.insert(at, id);
        drop(order);
        self.resubscribe(&neighbor);
        match template {
            Some(template) => self.rib.borrow_mut().copy_routes(template, id),
            None => self.announce_configured(&neighbor),
        }
        self.changed();
        listed
    }

    /// The first number that no neighbour has.
    fn free_id(&self) -> PeerId {
        let neighbors = self.neighbors.borrow();
        let mut candidates = (self.free.get()..).map(PeerId);
        let free = candidates.find(|id| !neighbors.contains_key(id));
        // There are more numbers than neighbours fit into memory.
        let id = free.unwrap_or(PeerId(u32::MAX));
        self.free.set(id.0);
        id
    }

    /// Forgets a neighbour: its routes, and its number, which may be used again.
    pub(crate) fn forget(&self, id: PeerId) {
        self.free.set(self.free.get().min(id.0));
        self.rib.borrow_mut().remove_peer(id);
        self.watchdogs.borrow_mut().forget(id);
        self.neighbors.borrow_mut().remove(&id);
        self.order.borrow_mut().retain(|other| *other != id);
        self.arrived(id);
        self.changed();
    }

    /// Works out anew who gets the events of a neighbour.
    pub(crate) fn resubscribe(&self, neighbor: &Neighbor) {
        let config = neighbor.config.borrow().clone();
        neighbor.subscribe(self.events.subscribe(&config.subscriptions));
        // Who gets the events of a neighbour may also speak to it.
        self.changed();
    }

    /// Tells the helpers of every neighbour of a signal.
    pub(crate) fn tell_signal(&self, code: i32, name: &str) {
        for listed in self.all() {
            let event = Event::Signal { code, name };
            listed.neighbor.tell(self, &event, Raw::default());
        }
    }

    /// Announces the routes that the configuration of a neighbour names.
    fn announce_configured(&self, neighbor: &Neighbor) {
        let peers: PeerSet = std::iter::once(neighbor.id).collect();
        let config = neighbor.config.borrow().clone();
        let mut known: HashMap<_, (Nlri, Rc<AttributeSet>)> = HashMap::new();
        for route in &config.routes {
            let attributes = self.intern(Rc::clone(&route.attributes));
            if let Some(name) = &route.watchdog {
                self.watchdogs
                    .borrow_mut()
                    .add(neighbor.id, name, route, &attributes);
                if route.withdraw {
                    continue;
                }
            }
            for nlri in &route.nlri {
                let key = (nlri.family, nlri.path_id, nlri.as_ref().key());
                let newer = (nlri.clone(), Rc::clone(&attributes));
                if let Some(older) = known
                    .insert(key, newer)
                    .filter(|older| older.1 != attributes)
                {
                    neighbor.overtake(older);
                }
                let change = Change {
                    nlri: nlri.clone(),
                    action: Action::Announce(Rc::clone(&attributes)),
                    peers: peers.clone(),
                };
                self.apply_one(&change);
            }
        }
    }

    /// Applies a change that does not come from a command.
    pub(crate) fn apply_one(&self, change: &Change) {
        message_log::change(change);
        let outcome = self.rib.borrow_mut().apply(change);
        if outcome.accepted == 0 {
            warn!(route = %change.nlri, family = %change.nlri.family, "no neighbour takes routes of this family");
        }
    }

    /// The one `Rc` of equal attributes.
    pub(crate) fn intern(&self, attributes: Rc<AttributeSet>) -> Rc<AttributeSet> {
        self.interner.borrow_mut().intern_shared(attributes)
    }

    /// Says that selectors may select other neighbours than before.
    pub(crate) fn changed(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// See [`Core::changed`].
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Wakes the tasks of neighbours that have something to send.
    pub(crate) fn wake_neighbors(&self) {
        let neighbors = self.neighbors.borrow();
        self.rib.borrow_mut().take_wakeups(&mut |id| {
            if let Some(listed) = neighbors.get(&id) {
                listed.neighbor.wake.notify_one();
            }
        });
    }

    /// Wakes a neighbour's task after a while.
    pub(crate) fn wake_later(&self, neighbor: &Neighbor, wait: Duration) {
        self.later
            .borrow_mut()
            .push((Instant::now() + wait, Rc::clone(&neighbor.wake)));
        self.scheduled.notify_one();
    }

    /// Wakes tasks when it is their time, for ever.
    pub(crate) async fn alarm(&self) {
        loop {
            let next = self.later.borrow().iter().map(|(at, _)| *at).min();
            match next {
                None => self.scheduled.notified().await,
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = self.scheduled.notified() => {}
                    }
                    let now = Instant::now();
                    self.later.borrow_mut().retain(|(at, wake)| {
                        if *at <= now {
                            wake.notify_one();
                        }
                        *at > now
                    });
                }
            }
        }
    }

    /// A neighbour has used up its connection attempts. When that is true of all, the daemon ends.
    pub(crate) fn gave_up(&self, neighbor: &Neighbor) {
        neighbor.gave_up.set(true);
        let neighbors = self.neighbors.borrow();
        let with_session = |listed: &&Rc<Listed>| {
            listed.key.get().is_some() && listed.template.is_none() && !listed.leaving.get()
        };
        if neighbors
            .values()
            .filter(with_session)
            .all(|listed| listed.neighbor.gave_up.get())
        {
            info!("every neighbor has used up its connection attempts: the daemon ends");
            self.request(Request::Shutdown);
        }
    }

    /// Logs routes that could not be sent to somebody, whatever the reason.
    pub(crate) fn report_unsendable(&self) {
        self.rib.borrow_mut().take_unsendable(&mut |unsendable| {
            warn!(route = %unsendable.nlri, "the route can't be sent: {}", unsendable.refusal);
        });
    }

    /// Asks the daemon as a whole. Requests wait for each other; none is lost.
    pub(crate) fn request(&self, request: Request) {
        self.request_with(request, 0);
    }

    /// The same, with the exit code of a shutdown.
    pub(crate) fn request_with(&self, request: Request, code: u8) {
        self.requests.borrow_mut().push_back((request, code));
        self.requested.notify_one();
    }

    /// The next request.
    pub(crate) async fn next_request(&self) -> (Request, u8) {
        loop {
            if let Some(request) = self.requests.borrow_mut().pop_front() {
                return request;
            }
            self.requested.notified().await;
        }
    }

    /// Puts the neighbours into the order of these names; dynamic ones stay behind their ranges.
    pub(crate) fn sort(&self, names: &[String]) {
        let neighbors = self.neighbors.borrow();
        let places: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
        let place = |id: &PeerId| {
            let listed = neighbors.get(id);
            let owner = listed.and_then(|listed| listed.template).unwrap_or(*id);
            let owner = neighbors.get(&owner)?;
            places.get(&*owner.neighbor.name).copied()
        };
        self.order
            .borrow_mut()
            .sort_by_cached_key(|id| place(id).unwrap_or(usize::MAX));
    }

    /// Tells the RIB of a neighbour's changed options.
    pub(crate) fn configure_rib(&self, neighbor: &Neighbor) {
        let config = neighbor.config.borrow();
        let options = PeerOptions {
            families: config.session.families.clone(),
            keep: config.adj_rib_out,
        };
        self.rib.borrow_mut().add_peer(neighbor.id, options);
    }

    /// Brings the watchdog groups of a neighbour to its new configuration; groups keep their state.
    pub(crate) fn reload_watchdogs(
        &self,
        listed: &Listed,
        old: &NeighborConfig,
        new: &NeighborConfig,
    ) {
        let groups = |config: &NeighborConfig| -> Vec<RouteText> {
            config
                .routes
                .iter()
                .filter(|route| route.watchdog.is_some())
                .cloned()
                .collect()
        };
        if groups(old) == groups(new) {
            return;
        }
        let mut routes = groups(new);
        for route in &mut routes {
            route.attributes = self.intern(Rc::clone(&route.attributes));
        }
        let changes = self
            .watchdogs
            .borrow_mut()
            .replace(listed.neighbor.id, &routes);
        for change in &changes {
            self.apply_one(change);
        }
    }

    /// A text that tells this run of the daemon from others.
    pub(crate) fn run_id(&self) -> String {
        let started = self
            .started
            .1
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        format!("{:x}-{:x}", started.as_nanos(), std::process::id())
    }

    /// Forgets what a helper said about its answers: a new one begins with the defaults.
    pub(crate) fn reset_source(&self, process: &Process) {
        let mut source = Source::new(&*process.name);
        source.acks.enabled = self.env.borrow().api.ack;
        if self.env.borrow().api.show_routes_format == 2 {
            source.routes_json = command::RoutesJson::V2;
        }
        self.set_source(&process.name, source);
    }

    /// Replaces what is known of how a helper speaks.
    pub(crate) fn set_source(&self, name: &Rc<str>, source: Source) {
        self.sources.borrow_mut().insert(Rc::clone(name), source);
    }
}

impl Core {
    /// Carries out the whole `lines` of one speaker, in order. `helper` is its name; `None`: an operator.
    pub(crate) fn carry_out(
        &self,
        helper: Option<&str>,
        source: &mut Source,
        queue: &Rc<Queue>,
        lines: &[u8],
    ) {
        let mut commands = self.commands.borrow_mut();
        let mut backend = ApiBackend::new(self, helper);
        let mut answer = String::new();
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines).chain(std::iter::once(lines.len())) {
            let line = &lines[start..end];
            start = end + 1;
            answer.clear();
            let outcome = commands.execute(line, source, &mut backend, &mut answer);
            if let Outcome::Synced(peers) = outcome {
                queue.reply_later(&peers, answer.as_bytes());
                continue;
            }
            queue.reply(answer.as_bytes());
            let outcome = match outcome {
                Outcome::Listed(listing) => {
                    queue.reply_made(self.listed(helper, *listing));
                    continue;
                }
                outcome => outcome,
            };
            if let Outcome::Failed(reason) = outcome {
                self.refused.set(self.refused.get() + 1);
                let line = String::from_utf8_lossy(&line[..line.len().min(512)]);
                warn!(process = %source.name, command = %line, "the command is refused: {reason}");
            }
        }
        drop(commands);
        self.wait_for_wire(queue);
        self.wake_neighbors();
    }

    /// What makes the rest of a listing for one speaker.
    fn listed(&self, helper: Option<&str>, mut listing: Listing) -> Make {
        let (core, helper) = (Weak::clone(&self.me), helper.map(str::to_owned));
        Box::new(move |out| {
            core.upgrade()
                .is_some_and(|core| listing.next(&ApiBackend::new(&core, helper.as_deref()), out))
        })
    }

    /// Marks what the answers that a queue holds back wait for.
    pub(crate) fn wait_for_wire(&self, queue: &Rc<Queue>) {
        let sealed = queue.seal(
            |peers| self.rib.borrow_mut().mark(peers),
            |mark, peer| self.rib.borrow().is_reached(mark, peer),
        );
        let mut waiting = self.waiting.borrow_mut();
        if sealed && queue.holds_back() && !waiting.iter().any(|other| Rc::ptr_eq(other, queue)) {
            waiting.push(Rc::clone(queue));
        }
    }

    /// All that the RIB gave out for a neighbour is with its socket, or it has none any more.
    pub(crate) fn arrived(&self, peer: PeerId) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            let rib = self.rib.borrow();
            waiting.retain(|queue| queue.arrived(peer, |mark| rib.is_reached(mark, peer)));
        }
    }
}

impl Commands for Core {
    fn commands(&self, process: &Rc<Process>, lines: &[u8]) {
        let mut sources = self.sources.borrow_mut();
        if let Some(source) = sources.get_mut(&process.name) {
            self.carry_out(Some(&process.name), source, &process.queue, lines);
        }
    }

    fn started(&self, process: &Rc<Process>) {
        self.reset_source(process);
    }

    fn room(&self, process: &Process) {
        for listed in self.neighbors.borrow().values() {
            if listed.neighbor.feeds(process) {
                listed.neighbor.wake.notify_one();
            }
        }
    }

    fn lost(&self, process: &Rc<Process>, loss: Loss) {
        match loss {
            Loss::Deaths => {
                error!(process = %process.name, "too many deaths of a helper: the daemon ends");
                self.request_with(Request::Shutdown, 1);
            }
            Loss::Start if self.env.borrow().api.terminate => {
                error!(process = %process.name, "a helper could not be started and `api.terminate` is set: the daemon ends");
                self.request(Request::Shutdown);
            }
            Loss::Start | Loss::Ended => {
                info!(process = %process.name, "the helper is not started again; sessions and routes stay");
            }
        }
        self.room(process);
    }
}
