//! What the parts of the daemon share: routes, neighbors, helpers, requests. Nothing here waits.
//!
//! Everything is called from tasks of one thread and returns at once. Each part owns its state and borrows it inside its
//! methods only, so that no borrow is held while another part is called.

use std::cell::{Cell, OnceCell, RefCell};
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::info;

use crate::api::command::Watch;
use crate::api::{Event, Raw};
use crate::bgp::Nlri;
use crate::config::{Env, HttpPlace, MetricsConfig, NeighborConfig};
use crate::grammar::{Selector, Verb};
use crate::rib::adj_rib_out::PeerOptions;
use crate::rib::{Change, PeerId, PeerSet};
use crate::speaker::turn::Timed;
use crate::speaker::{PeerStatus, Server};

use super::announce_limit::AnnounceLimits;
use super::checks::Checks;
use super::clock;
use super::events::EventDispatcher;
use super::hold::{Handover, Works};
use super::initial_routes::{self, Tables};
use super::journal::{Journal, Recorded};
use super::lease_table::{self, LeaseTable};
use super::log_limit::LogLimit;
use super::neighbor::Neighbor;
use super::neighbors::{Listed, Neighbors};
use super::queue::Queue;
use super::rates::Rates;
use super::requests::{Alarms, Pending, Requests, Waiter};
use super::routes::Routes;
use super::running::Reloads;
use super::runtime_peers::RuntimePeers;
use super::sets::Sets;
use super::signal::Request;
use super::stats::Stats;
use super::taps::Taps;
use super::urgent::{Urgent, UrgentHandle};
use super::watchdog::Switch;

/// The longest wait until places for metrics are opened.
const PLACES: Duration = Duration::from_secs(3);

/// The configuration of metrics, which a reload may replace.
#[derive(Default)]
pub(crate) struct MetricsSettings {
    current: RefCell<Option<Rc<MetricsConfig>>>,
    /// Notified when they are replaced.
    pub(crate) changed: Notify,
    /// How often places were to be opened, and were tried to be.
    asked: Cell<u64>,
    tried: Cell<u64>,
    /// Places that could not be opened at the last try, with the reasons.
    refused: RefCell<Vec<String>>,
    settled: Notify,
    /// The sockets where they are served now.
    pub(crate) sockets: RefCell<Vec<(HttpPlace, RawFd)>>,
    /// Those of the process before, by place as the configuration has it.
    pub(crate) inherited: RefCell<Vec<(String, OwnedFd)>>,
}

impl MetricsSettings {
    /// The current ones; `None` if nothing is served.
    pub(crate) fn get(&self) -> Option<Rc<MetricsConfig>> {
        self.current.borrow().clone()
    }

    /// Replaces them.
    pub(crate) fn replace(&self, new: Option<MetricsConfig>) {
        if self.current.borrow().as_deref() != new.as_ref() {
            self.current.replace(new.map(Rc::new));
            self.changed.notify_one();
        }
    }

    /// The number of a try to open places that begins now.
    pub(crate) const fn begin(&self) -> u64 {
        self.asked.get()
    }

    /// Notes how that try has ended.
    pub(crate) fn finish(&self, number: u64, refused: Vec<String>) {
        self.tried.set(number);
        self.refused.replace(refused);
        self.settled.notify_waiters();
    }

    /// Has places opened that are not, and waits for that, though not for ever. Returns what is not served, with the reasons.
    pub(crate) async fn applied(&self) -> Vec<String> {
        let number = self.asked.get() + 1;
        self.asked.set(number);
        self.changed.notify_one();
        let tried = async {
            loop {
                let settled = self.settled.notified();
                if self.tried.get() >= number {
                    return;
                }
                settled.await;
            }
        };
        match tokio::time::timeout(PLACES, tried).await {
            Ok(()) => self.refused.borrow().clone(),
            // What was refused is that of another configuration.
            Err(_) => {
                let wanted = self.get().map(|_| "metrics are not served yet".to_owned());
                wanted.into_iter().collect()
            }
        }
    }
}

/// The parts of the daemon.
pub(crate) struct Core {
    pub(crate) env: Rc<Env>,
    /// Helpers, and the events that they receive.
    pub(crate) events: EventDispatcher,
    pub(crate) routes: Routes,
    pub(crate) neighbors: Neighbors,
    /// How many routes neighbors may be sent.
    pub(crate) limits: AnnounceLimits,
    /// Neighbors that commands created.
    pub(crate) runtime_peers: RuntimePeers,
    /// Archives and monitoring stations.
    pub(crate) taps: Taps,
    /// Set once, before neighbors are added.
    server: OnceCell<Server>,
    requests: Requests,
    pub(crate) alarms: Alarms,
    pub(crate) stats: Stats,
    /// How many refused commands are logged.
    pub(crate) log_limit: LogLimit,
    /// Routes that end by themselves.
    pub(crate) leases: LeaseTable,
    pub(crate) sets: Sets,
    /// Health checks of the configuration.
    pub(crate) checks: Checks,
    /// What survives a crash.
    pub(crate) journal: Journal,
    /// Messages of neighbors over the last minutes.
    pub(crate) rates: Rates,
    /// What HTTP serves, by the configuration.
    pub(crate) metrics: MetricsSettings,
    /// The configuration in force, and the one to return to.
    pub(crate) reloads: Reloads,
    pub(crate) started: (Instant, SystemTime),
    /// Notified when a session is established.
    pub(crate) established: Notify,
    /// Set while another process of this program is to continue, or this one continues.
    pub(crate) handover: Handover,
    /// What commands wait for.
    pub(crate) works: Works,
    /// Tasks that have more turns than others.
    pub(super) urgent: Urgent,
}

impl Core {
    pub(crate) fn new(env: Env) -> Rc<Self> {
        Self::since(env, Duration::ZERO)
    }

    /// The same for a daemon that has been running for some time, in another process.
    pub(crate) fn since(env: Env, age: Duration) -> Rc<Self> {
        let (now, wall) = (clock::now(), SystemTime::now());
        let started = (
            now.checked_sub(age).unwrap_or(now),
            wall.checked_sub(age).unwrap_or(wall),
        );
        Rc::new(Self {
            events: EventDispatcher::new(env.api.compact),
            env: Rc::new(env),
            routes: Routes::default(),
            neighbors: Neighbors::default(),
            limits: AnnounceLimits::default(),
            runtime_peers: RuntimePeers::default(),
            taps: Taps::default(),
            server: OnceCell::new(),
            requests: Requests::default(),
            alarms: Alarms::default(),
            stats: Stats::default(),
            log_limit: LogLimit::default(),
            leases: LeaseTable::default(),
            sets: Sets::default(),
            checks: Checks::since(age),
            journal: Journal::default(),
            rates: Rates::default(),
            metrics: MetricsSettings::default(),
            reloads: Reloads::default(),
            started,
            established: Notify::new(),
            handover: Handover::default(),
            works: Works::default(),
            urgent: Urgent::default(),
        })
    }

    /// Sets the speaker. Later calls have no effect.
    pub(crate) fn attach(&self, server: Server) {
        let _ = self.server.set(server);
    }

    /// The speaker, once it is attached.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.get()
    }

    /// What the speaker knows of a neighbor: its state, its counters, and why its last connection ended.
    pub(crate) fn status(&self, id: PeerId) -> Option<PeerStatus> {
        let key = self.neighbors.get(id)?.key.get()?;
        self.server()?.last_status(key)
    }

    /// Looks up a neighbor in the speaker by the name that the speaker has for it. A dynamic neighbor is added there only
    /// after it was accepted here.
    pub(crate) fn identify(&self, id: PeerId, name: &str) {
        if let (Some(listed), Some(server)) = (self.neighbors.get(id), self.server())
            && listed.key.get().is_none()
        {
            listed.key.set(server.find(name));
        }
    }

    /// Adds a neighbor, not yet to the speaker, and applies its configured routes.
    pub(crate) fn add(
        &self,
        name: &str,
        config: Rc<NeighborConfig>,
        template: Option<PeerId>,
    ) -> Rc<Listed> {
        let range = template.and_then(|range| self.neighbors.get(range));
        let range_name = range.as_ref().map(|range| range.neighbor.name());
        let listed = self
            .neighbors
            .add(template, |id| Neighbor::new((id, range_name), name, config));
        let neighbor = &listed.neighbor;
        self.configure_rib(neighbor);
        self.limits.configure(neighbor);
        self.resubscribe(neighbor);
        match template {
            // The tables have the routes already, or will have them.
            _ if self.handover.is_resuming.get() => self.guard_configured(neighbor),
            Some(template) => {
                self.routes.copy(template, neighbor.id);
                self.leases.copy(template, neighbor.id);
                if let Some(range) = range {
                    neighbor.inherit_overridden(&range.neighbor);
                }
            }
            None => self.announce_configured(neighbor),
        }
        self.neighbors.changed();
        listed
    }

    /// Adds a neighbor again that was removed, with what was announced to it: its configured routes are those that it had; its
    /// addresses may have another notation. It is not added to the speaker.
    pub(crate) fn take_up(&self, before: &Listed, config: Rc<NeighborConfig>) -> Rc<Listed> {
        let before = &before.neighbor;
        let neighbor = Neighbor::new((before.id, None), &config.name(), config);
        neighbor.record_as(&before.recorded());
        neighbor.inherit_overridden(before);
        let listed = self.neighbors.take_up(neighbor);
        let neighbor = &listed.neighbor;
        self.configure_rib(neighbor);
        self.limits.configure(neighbor);
        self.resubscribe(neighbor);
        listed
    }

    /// Announces the routes that the configuration of a neighbor names.
    pub(crate) fn announce_configured(&self, neighbor: &Neighbor) {
        initial_routes::announce(self.tables(), neighbor);
    }

    /// Removes the neighbors that might have returned.
    pub(crate) fn forget_aside(&self) {
        for listed in self.neighbors.aside() {
            listed.aside.set(false);
            // Unless its session is still being closed.
            if listed.key.get().is_none() {
                self.forget(listed.neighbor.id);
            }
        }
        self.neighbors.changed();
    }

    /// Removes a neighbor whose session is closed, with its routes, unless it may return or another one has its number.
    pub(crate) fn closed(&self, neighbor: &Rc<Neighbor>) {
        match self.neighbors.get(neighbor.id) {
            Some(listed) if Rc::ptr_eq(&listed.neighbor, neighbor) => match listed.aside.get() {
                true => listed.key.set(None),
                false => self.forget(neighbor.id),
            },
            _ => {}
        }
    }

    /// Removes a neighbor with its routes.
    pub(crate) fn forget(&self, id: PeerId) {
        let range = self.neighbors.get(id).and_then(|listed| listed.template);
        self.lose_revisions_of(id, range);
        self.taps.forget(id);
        self.routes.remove(id);
        self.limits.forget(id);
        let peers = std::iter::once(id).collect();
        self.leases.forget(&peers);
        self.journal.forget(&self.neighbors, &peers);
        self.journal.flush();
        self.neighbors.remove(id);
        self.routes.arrived(id);
        self.neighbors.changed();
    }

    /// Records in the journal what is announced of a route.
    pub(crate) fn record(&self, nlri: &Nlri, peers: &PeerSet) {
        if self.journal.is_kept() {
            let now = lease_table::now();
            self.leases
                .visit_route(nlri.as_ref(), peers, &mut |leased| {
                    if let Some(route) = Recorded::of(&leased, now) {
                        self.journal.announce(&self.neighbors, &route);
                    }
                });
        }
    }

    /// Records in the journal that a route is withdrawn or has ended.
    pub(crate) fn record_end(&self, owner: &Rc<str>, route: (&Nlri, &PeerSet)) {
        self.journal.withdraw(&self.neighbors, owner, route);
    }

    /// Records in the journal that a watchdog group of neighbors was switched.
    pub(crate) fn record_switch(&self, (peers, name): (&PeerSet, &str), switch: &Switch) {
        if !peers.is_empty() {
            self.journal.switch(&self.neighbors, (peers, name), switch);
        }
    }

    /// Switches a watchdog group as an earlier run of the daemon has left it.
    pub(crate) fn restore_switch(&self, peer: PeerId, name: &str, switch: &Switch) {
        let peers = std::iter::once(peer).collect();
        let verb = match switch.announced {
            true => Verb::Announce,
            false => Verb::Withdraw,
        };
        let changes = self.routes.changes_of_group(&peers, name, verb);
        self.routes.switch_group(&peers, name, switch);
        for change in &changes {
            if !self.apply(change) {
                self.routes.hold_back(peer, &change.nlri);
            }
        }
    }

    /// Adds to the neighbors of changes that are for a range those of its neighbors that are among `peers`.
    pub(crate) fn include_instances(&self, changes: &mut [Change], peers: &PeerSet) {
        if changes.is_empty() {
            return;
        }
        let mut instances = self.neighbors.instances();
        instances.retain(|(_, id)| peers.contains(*id));
        for change in changes {
            let added = instances
                .iter()
                .filter(|(range, _)| change.peers.contains(*range));
            let added: PeerSet = added.map(|(_, id)| *id).collect();
            change.peers.union(&added);
        }
    }

    /// Determines again which helpers receive the events of a neighbor.
    pub(crate) fn resubscribe(&self, neighbor: &Neighbor) {
        let config = neighbor.config.borrow().clone();
        let matches = |selector: &Selector| neighbor.is_selected(selector);
        let subscriptions = self.events.subscribe(matches, &config.subscriptions);
        neighbor.subscribe(subscriptions);
        // The helpers that receive a neighbor's events may also send it commands.
        self.neighbors.changed();
    }

    /// Sends an operator the events of neighbors, until [`unwatch`](Self::unwatch).
    pub(crate) fn watch(&self, watch: Watch, queue: &Rc<Queue>) {
        self.events.watch(watch, queue);
        self.neighbors
            .all()
            .iter()
            .for_each(|listed| self.resubscribe(&listed.neighbor));
    }

    /// Sends an operator no more events.
    pub(crate) fn unwatch(&self, queue: &Rc<Queue>) {
        if self.events.unwatch(queue) {
            self.neighbors
                .all()
                .iter()
                .for_each(|listed| self.resubscribe(&listed.neighbor));
        }
    }

    /// Reports a signal to the helpers of every neighbor.
    pub(crate) fn report_signal(&self, code: i32, name: &str) {
        for listed in self.neighbors.all() {
            let event = Event::Signal { code, name };
            listed.neighbor.report(&self.events, &event, Raw::default());
        }
    }

    /// Adds the groups of watchdogs that the configuration of a neighbor names, and announces nothing.
    fn guard_configured(&self, neighbor: &Neighbor) {
        for route in &neighbor.config.borrow().routes {
            if let Some(name) = &route.watchdog {
                let attributes = self.routes.intern(Rc::clone(&route.attributes));
                self.routes.guard(neighbor.id, name, &route, &attributes);
            }
        }
    }

    /// Returns `true` if the next command waits for the work of an earlier one.
    pub(crate) fn is_working(&self) -> bool {
        self.works.is_any() || self.leases.is_sweeping()
    }

    /// Waits until commands may be executed.
    pub(crate) async fn ready_for_commands(&self) {
        self.journal.room().await;
        self.works.finished().await;
        self.leases.swept().await;
        self.handover.commands_allowed().await;
    }

    /// Applies a change that does not come from a command. Returns `false` if an `announce-limit` does not allow it.
    pub(crate) fn apply(&self, change: &Change) -> bool {
        self.tables().apply(change)
    }

    const fn tables(&self) -> Tables<'_> {
        Tables {
            routes: &self.routes,
            limits: &self.limits,
            neighbors: &self.neighbors,
        }
    }

    /// Returns `true` if a change that does not come from a command exceeds no `announce-limit`.
    pub(crate) fn admits(&self, change: &Change) -> bool {
        self.limits.admits((&self.routes, &self.neighbors), change)
    }

    /// Wakes the tasks of neighbors that have something to send.
    pub(crate) fn wake_neighbors(&self) {
        self.routes.take_wakeups(&mut |id| self.neighbors.wake(id));
    }

    /// Wakes the task of a neighbor after a while.
    pub(crate) fn wake_later(&self, neighbor: &Neighbor, wait: Duration) {
        self.alarms.add(clock::now() + wait, &neighbor.wake);
    }

    /// Notes that a neighbor has used up its connection attempts. Once that is true of all, the daemon stops.
    pub(crate) fn gave_up(&self, neighbor: &Neighbor) {
        neighbor.gave_up.set(true);
        if self.neighbors.have_all_given_up() {
            info!("every neighbor has used up its connection attempts: the daemon ends");
            self.request(Request::Shutdown);
        }
    }

    /// Queues a request to the daemon as a whole.
    pub(crate) fn request(&self, request: Request) {
        self.request_with(request, 0);
    }

    /// The same, with the exit code of a shutdown.
    pub(crate) fn request_with(&self, request: Request, code: u8) {
        self.requests.add(request, code);
    }

    /// Reports the result of the request that this turn has queued last.
    pub(crate) fn wait_for_request(&self, waiter: Waiter) {
        self.requests.wait_for_last(waiter);
    }

    /// Waits for the next request.
    pub(crate) async fn next_request(&self) -> Pending {
        self.requests.next().await
    }

    /// Runs a task, whose turns are timed.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        let core = Rc::clone(self);
        let timed = Timed::new(task, move |took| core.stats.turns.observe(took));
        tokio::task::spawn_local(timed).abort_handle()
    }

    /// Notes that a set has not all routes of its revision any more.
    pub(crate) fn lose_revision(&self, set: &str) {
        if self.sets.revision(set).is_some()
            && let Some(speaker) = self.sets.speaker(set)
        {
            self.sets.lose_revision(set);
            self.journal.revision((set, &*speaker), None);
        }
    }

    /// Notes that sets lose their routes to a neighbor. What is announced to the `range` of one that ends stays there.
    pub(crate) fn lose_revisions_of(&self, id: PeerId, range: Option<PeerId>) {
        for set in self.leases.sets_of(id, range) {
            self.lose_revision(&set);
        }
    }

    /// Runs a task that someone waits for, whose turns are timed.
    pub(super) fn spawn_urgent(
        self: &Rc<Self>,
        task: impl Future<Output = ()> + 'static,
    ) -> UrgentHandle {
        let core = Rc::clone(self);
        let timed = Timed::new(task, move |took| core.stats.turns.observe(took));
        self.urgent.spawn(timed)
    }

    /// Applies the options of a neighbor to the Adj-RIB-Out.
    pub(crate) fn configure_rib(&self, neighbor: &Neighbor) {
        let config = neighbor.config.borrow();
        let options = PeerOptions {
            families: config.session.families.clone(),
            keep: config.adj_rib_out,
        };
        self.routes.configure(neighbor.id, options);
    }

    /// A text that distinguishes this run of the daemon from others.
    pub(crate) fn run_id(&self) -> String {
        let (_, wall) = self.started;
        let started = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        format!("{:x}-{:x}", started.as_nanos(), std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_try_that_takes_long_is_not_answered_with_the_one_before() {
        let metrics = MetricsSettings::default();
        metrics.finish(metrics.begin(), vec!["a place of before".to_owned()]);
        assert!(metrics.applied().await.is_empty());
        metrics.replace(Some(MetricsConfig {
            listen: Vec::new(),
            routes: Vec::new(),
            page: false,
            exabgp_exporter: false,
        }));
        assert_eq!(metrics.applied().await, ["metrics are not served yet"]);
        let (refused, ()) = tokio::join!(metrics.applied(), async {
            metrics.finish(metrics.begin(), vec!["a place".to_owned()]);
        });
        assert_eq!(refused, ["a place"]);
    }
}
