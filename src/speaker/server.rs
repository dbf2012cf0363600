//! A speaker: its neighbors and its listeners.
//!
//! [`Server`] is for the thread that runs it: cheap to clone, synchronous except for the shutdown, usable from plugins.
//! [`Handle`](super::Handle) is for other threads. A neighbor is a task (`driver`) with a
//! supervisor, so that a plugin that panics resets its own session and no other.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::{Rc, Weak};

use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, LocalSet};

use super::admission::Admission;
use super::config::PeerConfig;
use super::connect::{Tcp, Transport};
use super::control::{PeerCommand, Shared};
use super::error::Error;
use super::listener::{Guard, Listeners};
use super::plugin::{Plugin, Unknown};
use super::status::{PeerKey, PeerStatus};
use super::supervisor::supervise;
use super::watch::{ChangeKind, Subscribers};
use super::writer::UpdateWriter;
use crate::bgp::{Negotiated, Notification};
use crate::fsm::{Cease, State};

/// What a [`Handle`](super::Handle) has the server run.
pub(crate) type Call = Box<dyn FnOnce(&Server) + Send>;

/// Calls of other threads that may wait.
const CALLS: usize = 64;

/// A BGP speaker. [`Server::serve`] works in any tokio runtime; [`Server::start`], and calls from outside of `serve` while it
/// serves, need one whose `spawn_local` works: a `LocalRuntime`, or a `LocalSet`.
#[derive(Clone)]
pub struct Server {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    router_id: Ipv4Addr,
    transport: Rc<dyn Transport>,
    pub(super) peers: RefCell<BTreeMap<PeerKey, Entry>>,
    names: RefCell<HashMap<String, PeerKey>>,
    next_key: Cell<u64>,
    pub(super) listeners: RefCell<Listeners>,
    pub(super) unknown: RefCell<Option<Unknown>>,
    pub(super) refusals: Cell<usize>,
    pub(super) admission: RefCell<Admission>,
    /// Networks from which connections are expected.
    pub(super) networks: RefCell<Vec<(IpAddr, u8)>>,
    pub(super) phase: Cell<Phase>,
    /// Whether its end has begun.
    pub(super) ends: Cell<bool>,
    pub(super) stopped: Notify,
    pub(super) subscribers: Rc<Subscribers>,
    /// Where tasks run while [`Server::serve`] does.
    pub(super) local: RefCell<Weak<LocalSet>>,
    /// Tasks of removed neighbors that still send their closing NOTIFICATION.
    pub(super) departing: RefCell<Vec<JoinHandle<()>>>,
    /// What is known of removed neighbors, for as long as such a task runs.
    removed: RefCell<BTreeMap<PeerKey, Weak<Shared>>>,
    pub(super) calls: (mpsc::Sender<Call>, RefCell<Option<mpsc::Receiver<Call>>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Preparing,
    Serving,
    Stopped,
}

/// A neighbor as the server holds it.
pub(super) struct Entry {
    pub(super) shared: Rc<Shared>,
    /// What the listeners know of it; most peers ask for nothing.
    guard: Option<Box<Guard>>,
    task: Option<JoinHandle<()>>,
}

impl Entry {
    /// Its newest configuration.
    pub(super) fn config(&self) -> Ref<'_, Rc<PeerConfig>> {
        self.shared.newest.borrow()
    }
}

/// A [`Server`] that may be gone; see [`Server::downgrade`].
#[derive(Clone)]
pub struct WeakServer(Weak<Inner>);

impl WeakServer {
    /// The server, if a [`Server`] still refers to it.
    pub fn upgrade(&self) -> Option<Server> {
        Some(Server {
            inner: self.0.upgrade()?,
        })
    }
}

impl Inner {
    /// Takes a neighbor out of the tables.
    fn take(&self, key: PeerKey) -> Option<Entry> {
        let entry = self.peers.borrow_mut().remove(&key)?;
        self.names.borrow_mut().remove(&entry.config().name);
        let state = entry.shared.record.borrow().state;
        entry.shared.report(ChangeKind::Removed, state);
        Some(entry)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for entry in self.peers.get_mut().values() {
            if let Some(task) = &entry.task {
                task.abort();
            }
        }
    }
}

impl Server {
    /// A speaker with this BGP identifier (RFC 6286: any but 0.0.0.0), over TCP.
    pub fn new(router_id: Ipv4Addr) -> Self {
        Self::with_transport(router_id, Rc::new(Tcp))
    }

    /// The same with connections of another kind; incoming ones are given to [`Server::incoming`].
    pub fn with_transport(router_id: Ipv4Addr, transport: Rc<dyn Transport>) -> Self {
        let (sender, receiver) = mpsc::channel(CALLS);
        Self {
            inner: Rc::new(Inner {
                router_id,
                transport,
                peers: RefCell::default(),
                names: RefCell::default(),
                next_key: Cell::new(1),
                listeners: RefCell::default(),
                unknown: RefCell::default(),
                refusals: Cell::new(0),
                admission: RefCell::default(),
                networks: RefCell::default(),
                phase: Cell::new(Phase::Preparing),
                ends: Cell::new(false),
                stopped: Notify::new(),
                subscribers: Rc::default(),
                local: RefCell::default(),
                departing: RefCell::default(),
                removed: RefCell::default(),
                calls: (sender, RefCell::new(Some(receiver))),
            }),
        }
    }

    /// Adds a neighbor. It starts at once if the server serves.
    ///
    /// A plugin that keeps the server should keep a [`WeakServer`]: a [`Server`] in a plugin of its own is a reference cycle
    /// until the neighbor is removed.
    ///
    /// # Errors
    /// [`Error::Invalid`] field, [`Error::Duplicate`] name, [`Error::Guard`], [`Error::Stopped`].
    pub fn add_peer(
        &self,
        config: PeerConfig,
        plugin: impl Plugin + 'static,
    ) -> Result<PeerKey, Error> {
        self.check(&config)?;
        self.add_validated_peer(config, plugin)
    }

    /// Refuses a configuration with which no session can come up.
    pub(super) fn check(&self, config: &PeerConfig) -> Result<(), Error> {
        let checked = config.check(self.inner.router_id);
        checked.map_err(|(field, reason)| Error::Invalid {
            name: config.name.clone(),
            field,
            reason,
        })
    }

    /// [`Server::add_peer`] for a configuration whose owner has checked it by rules of its own.
    pub(crate) fn add_validated_peer(
        &self,
        config: PeerConfig,
        plugin: impl Plugin + 'static,
    ) -> Result<PeerKey, Error> {
        self.insert(config, Box::new(plugin), false)
    }

    /// A reference that does not keep the server alive.
    pub fn downgrade(&self) -> WeakServer {
        WeakServer(Rc::downgrade(&self.inner))
    }

    /// The status of the neighbor with that address; of several, the one that was added first.
    pub fn get_peer(&self, address: IpAddr) -> Option<PeerStatus> {
        let peers = self.inner.peers.borrow();
        let mut entries = peers.values();
        let found = entries.find(|entry| entry.config().remote_address == address)?;
        Some(found.shared.status())
    }

    /// The writer of a neighbor whose session is up.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Down`].
    pub fn writer(&self, key: PeerKey) -> Result<UpdateWriter, Error> {
        let peers = self.inner.peers.borrow();
        let entry = peers.get(&key).ok_or(Error::Unknown(key))?;
        let writer = entry.shared.writer.borrow().clone();
        writer.ok_or(Error::Down(key))
    }

    /// Ends a neighbor's session with `cease` and forgets the neighbor.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn remove_peer(&self, key: PeerKey, cease: Cease) -> Result<(), Error> {
        let mut entry = self.inner.take(key).ok_or(Error::Unknown(key))?;
        entry.shared.mailbox.push(PeerCommand::Remove(cease));
        let mut removed = self.inner.removed.borrow_mut();
        removed.retain(|_, shared| shared.strong_count() > 0);
        removed.insert(key, Rc::downgrade(&entry.shared));
        drop(removed);
        self.depart(&mut entry);
        Ok(())
    }

    /// Ends a neighbor's session and stays down until [`Server::start_peer`]; connections of the peer are refused.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`].
    pub fn stop_peer(&self, key: PeerKey, cease: Cease) -> Result<(), Error> {
        self.command(key, PeerCommand::Stop(cease))
    }

    /// Starts a stopped neighbor; one that waits to connect again does so now.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`].
    pub fn start_peer(&self, key: PeerKey) -> Result<(), Error> {
        self.command(key, PeerCommand::Start)
    }

    /// Ends a neighbor's session with `notification` (silently, if both sides can restart gracefully) and starts again.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`].
    pub fn reset_peer(&self, key: PeerKey, notification: Notification) -> Result<(), Error> {
        self.command(key, PeerCommand::Bounce(notification))
    }

    /// Gives a neighbor another configuration: its session ends with `notification` and starts again.
    ///
    /// # Errors
    /// [`Error::Invalid`] field, [`Error::Unknown`], [`Error::Busy`], [`Error::Duplicate`] name, [`Error::Guard`].
    pub fn replace_peer(
        &self,
        key: PeerKey,
        config: PeerConfig,
        notification: Notification,
    ) -> Result<(), Error> {
        self.check(&config)?;
        self.replace_validated_peer(key, config, notification)
    }

    /// [`Server::replace_peer`] for a configuration whose owner has checked it by rules of its own.
    pub(crate) fn replace_validated_peer(
        &self,
        key: PeerKey,
        config: PeerConfig,
        notification: Notification,
    ) -> Result<(), Error> {
        self.exchange(key, config, |config| {
            PeerCommand::Replace(config, notification)
        })
    }

    /// Gives a neighbor another configuration for its next session; the current one goes on.
    ///
    /// # Errors
    /// [`Error::Invalid`] field, [`Error::Unknown`], [`Error::Busy`], [`Error::Duplicate`] name, [`Error::Guard`].
    pub fn update_peer(&self, key: PeerKey, config: PeerConfig) -> Result<(), Error> {
        self.check(&config)?;
        self.update_validated_peer(key, config)
    }

    /// [`Server::update_peer`] for a configuration whose owner has checked it by rules of its own.
    pub(crate) fn update_validated_peer(
        &self,
        key: PeerKey,
        config: PeerConfig,
    ) -> Result<(), Error> {
        self.exchange(key, config, PeerCommand::Update)
    }

    fn exchange(
        &self,
        key: PeerKey,
        config: PeerConfig,
        command: impl FnOnce(Rc<PeerConfig>) -> PeerCommand,
    ) -> Result<(), Error> {
        if self.find(&config.name).is_some_and(|other| other != key) {
            return Err(Error::Duplicate(config.name));
        }
        let (old, address) = {
            let peers = self.inner.peers.borrow();
            let entry = peers.get(&key).ok_or(Error::Unknown(key))?;
            (entry.guard.clone(), entry.config().remote_address)
        };
        let config = Rc::new(config);
        let guard = Guard::of(&config);
        // First, so that nothing changes if the kernel refuses a key: nobody connects without one.
        self.exchange_guards(old.as_deref(), guard.as_deref(), address)?;
        if let Err(busy) = self.command(key, command(Rc::clone(&config))) {
            self.exchange_guards(guard.as_deref(), old.as_deref(), address)?;
            return Err(busy);
        }
        if let Some(entry) = self.inner.peers.borrow_mut().get_mut(&key) {
            let mut names = self.inner.names.borrow_mut();
            names.remove(&entry.config().name);
            names.insert(config.name.clone(), key);
            entry.shared.newest.replace(config);
            entry.guard = guard;
        }
        Ok(())
    }

    /// The neighbor with that name.
    pub fn find(&self, name: &str) -> Option<PeerKey> {
        self.inner.names.borrow().get(name).copied()
    }

    /// What there is to know of a neighbor.
    pub fn peer(&self, key: PeerKey) -> Option<PeerStatus> {
        let peers = self.inner.peers.borrow();
        Some(peers.get(&key)?.shared.status())
    }

    /// The same, also of a neighbor that was removed and whose session is not closed yet.
    #[cfg(feature = "daemon")]
    pub(crate) fn last_status(&self, key: PeerKey) -> Option<PeerStatus> {
        self.peer(key).or_else(|| {
            let shared = self.inner.removed.borrow().get(&key)?.upgrade()?;
            let status = shared.status();
            Some(status)
        })
    }

    /// All neighbors, in the order in which they were added.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let peers = self.inner.peers.borrow();
        let status = |entry: &Entry| entry.shared.status();
        peers.values().map(status).collect()
    }

    /// A neighbor's configuration.
    pub fn peer_config(&self, key: PeerKey) -> Option<Rc<PeerConfig>> {
        let peers = self.inner.peers.borrow();
        Some(Rc::clone(&peers.get(&key)?.config()))
    }

    /// What was negotiated with a neighbor whose session is up.
    pub fn session(&self, key: PeerKey) -> Option<Rc<Negotiated>> {
        let peers = self.inner.peers.borrow();
        peers.get(&key)?.shared.session.borrow().clone()
    }
}

/// The parts of the machine.
impl Server {
    pub(super) fn insert(
        &self,
        config: PeerConfig,
        plugin: Box<dyn Plugin>,
        dynamic: bool,
    ) -> Result<PeerKey, Error> {
        if self.inner.phase.get() == Phase::Stopped {
            return Err(Error::Stopped);
        }
        if self.find(&config.name).is_some() {
            return Err(Error::Duplicate(config.name));
        }
        let guard = Guard::of(&config);
        if let Some(guard) = guard.as_ref().filter(|_| !dynamic) {
            self.guard((**guard).clone(), &config)?;
        }
        let key = PeerKey::new(self.inner.next_key.replace(self.inner.next_key.get() + 1));
        let name = config.name.clone();
        let entry = Entry {
            shared: Shared::new(
                (key, Rc::new(config)),
                (plugin, dynamic),
                (Rc::clone(&self.inner.transport), self.inner.router_id),
                Rc::clone(&self.inner.subscribers),
            ),
            guard,
            task: None,
        };
        self.inner.names.borrow_mut().insert(name, key);
        entry.shared.report(ChangeKind::Added, State::Idle);
        self.inner.peers.borrow_mut().insert(key, entry);
        if self.inner.phase.get() == Phase::Serving {
            self.run_peer(key);
        }
        Ok(key)
    }

    pub(super) fn command(&self, key: PeerKey, command: PeerCommand) -> Result<(), Error> {
        let peers = self.inner.peers.borrow();
        let entry = peers.get(&key).ok_or(Error::Unknown(key))?;
        if entry.shared.mailbox.push(command) {
            Ok(())
        } else {
            Err(Error::Busy(key))
        }
    }

    pub(super) fn guard(&self, guard: Guard, peer: &PeerConfig) -> Result<(), Error> {
        let result = self.inner.listeners.borrow_mut().guard(guard);
        result.map_err(|source| Error::Guard {
            peer: peer.remote_address,
            source,
        })
    }

    pub(super) fn exchange_guards(
        &self,
        old: Option<&Guard>,
        new: Option<&Guard>,
        peer: IpAddr,
    ) -> Result<(), Error> {
        let result = self.inner.listeners.borrow_mut().exchange(old, new);
        result.map_err(|source| Error::Guard { peer, source })
    }

    pub(super) fn unguard(&self, guard: &Guard, peer: IpAddr) -> Result<(), Error> {
        let result = self.inner.listeners.borrow_mut().unguard(guard);
        result.map_err(|source| Error::Guard { peer, source })
    }

    /// Runs a neighbor's task, again after a panic.
    pub(super) fn run_peer(&self, key: PeerKey) {
        let mut peers = self.inner.peers.borrow_mut();
        let Some(entry) = peers.get_mut(&key) else {
            return;
        };
        let shared = Rc::clone(&entry.shared);
        let inner = Rc::downgrade(&self.inner);
        entry.task = Some(self.spawn_task(async move {
            supervise(shared).await;
            // A neighbor that ended by itself is no longer in the table's interest.
            if let Some(inner) = inner.upgrade() {
                let entry = inner.take(key);
                let arrivals = entry.map(|entry| entry.shared.mailbox.arrivals());
                // A peer that came back while its last session was ending is a new one.
                for (stream, ends) in arrivals.into_iter().flatten() {
                    Self {
                        inner: Rc::clone(&inner),
                    }
                    .incoming(stream, ends);
                }
            }
        }));
    }

    /// Keeps the task of a removed neighbor until its closing NOTIFICATION is sent.
    fn depart(&self, entry: &mut Entry) {
        if !entry.shared.dynamic
            && let Some(guard) = &entry.guard
            && let Err(error) = self.unguard(guard, entry.config().remote_address)
        {
            tracing::warn!(neighbor = %entry.config().name, error = %error, "a guard stays");
        }
        let mut departing = self.inner.departing.borrow_mut();
        departing.retain(|task| !task.is_finished());
        departing.extend(entry.task.take());
    }
}
