//! Connections that peers make to us: which neighbor they belong to, and what becomes of the others.
//!
//! A connection belongs to the first neighbor with its remote address whose local address, if it has one, is the
//! connection's. The owner decides about any other ([`Server::on_unknown`]): a neighbor is made for it, or it
//! is refused with a NOTIFICATION. How many of those there may be is limited (`admission`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::time::Duration;

use ipnet::IpNet;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::admission::{self, HalfOpen, source_of};
use super::clock::now;
use super::config::PeerConfig;
use super::connect::{self, Stream, drain};
use super::control::PeerCommand;
use super::error::Error;
use super::listener;
use super::listener::Guard;
use super::outbox::Outbox;
use super::plugin::Answer;
use super::server::{Phase, Server};
use super::sockopt;
use super::status::PeerKey;
use crate::bgp::{Notification, Zone};
use crate::fsm::{Cease, ConnInfo, State};

/// Refused connections that get a NOTIFICATION at the same time; more are reset.
const REFUSALS: usize = 64;

/// A connection that was accepted.
enum Arrival {
    Tcp(TcpStream),
    Other(Box<dyn Stream>),
}

impl Arrival {
    /// Sets up the connection as `peer` wants it.
    fn protect(&self, peer: &PeerConfig) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => connect::accepted(stream, peer),
            Self::Other(_) => Ok(()),
        }
    }

    /// The interface that the connection is bound to, as its listener was.
    fn interface(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).device().ok().flatten(),
            Self::Other(_) => None,
        }
    }

    /// Closes the connection so that neither we nor the kernel keep anything of it.
    fn reset(self) {
        if let Self::Tcp(stream) = &self {
            // Without it, the connection is closed in the slower way.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    fn into_stream(self) -> Box<dyn Stream> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Other(stream) => stream,
        }
    }
}

impl Server {
    /// Listens on `address`, port 0 for one that the kernel chooses, and returns the address in use.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub fn listen(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.open(address, None)
    }

    /// The same for connections that come in on an interface, which may be a VRF (`SO_BINDTODEVICE`). They belong to
    /// neighbors with this [`PeerConfig::interface`], or without any.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub fn listen_in(&self, address: SocketAddr, interface: &str) -> Result<SocketAddr, Error> {
        self.open(address, Some(interface))
    }

    fn open(&self, address: SocketAddr, interface: Option<&str>) -> Result<SocketAddr, Error> {
        let mut listeners = self.inner.listeners.borrow_mut();
        let bound = listeners.open(address, interface);
        drop(listeners);
        self.opened(bound.map_err(|source| Error::Listen { address, source }))
    }

    /// Listens on a socket of the caller, and returns its address. The backlog, and the TTL and MD5 keys that neighbors
    /// ask for, are set on it. A socket that accepts both IPv4 and IPv6 serves neighbors of both.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub fn listen_on(&self, listener: std::net::TcpListener) -> Result<SocketAddr, Error> {
        let address = listener
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
        let bound = self.inner.listeners.borrow_mut().adopt(listener);
        self.opened(bound.map_err(|source| Error::Listen { address, source }))
    }

    fn opened(&self, bound: Result<SocketAddr, Error>) -> Result<SocketAddr, Error> {
        let bound = bound?;
        if self.inner.phase.get() == Phase::Serving {
            self.accept();
        }
        Ok(bound)
    }

    /// Stops listening on `address`; whether we did. Sessions are untouched.
    pub fn unlisten(&self, address: SocketAddr) -> bool {
        self.inner.listeners.borrow_mut().close(address)
    }

    /// Where we listen.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.inner.listeners.borrow().addresses()
    }

    /// Who decides about connections that no neighbor expects. Without it they are refused with NOTIFICATION 6/5.
    pub fn on_unknown(&self, decide: impl FnMut(ConnInfo) -> Answer + 'static) {
        self.inner.unknown.replace(Some(Box::new(decide)));
    }

    /// Prepares listeners for connections from a whole network that [`Server::on_unknown`] will accept: the MD5 key and
    /// TTL of `template`, for its address with `prefix` bits.
    ///
    /// # Errors
    /// [`Error::Guard`].
    pub fn expect_network(&self, template: &PeerConfig, prefix: u8) -> Result<(), Error> {
        self.guard(Guard::new(template, Some(prefix)), template)?;
        let network = (template.remote_address, prefix);
        self.inner.networks.borrow_mut().push(network);
        Ok(())
    }

    /// Replaces what [`Server::expect_network`] has prepared: templates and prefix lengths. If a listener refuses the new key,
    /// the old one stays.
    ///
    /// # Errors
    /// [`Error::Guard`].
    pub fn expect_instead(
        &self,
        (old, old_prefix): (&PeerConfig, u8),
        (new, new_prefix): (&PeerConfig, u8),
    ) -> Result<(), Error> {
        let old_guard = Guard::new(old, Some(old_prefix));
        let guard = Guard::new(new, Some(new_prefix));
        self.exchange_guards(Some(&old_guard), Some(&guard), new.remote_address)?;
        let mut networks = self.inner.networks.borrow_mut();
        forget(&mut networks, (old.remote_address, old_prefix));
        networks.push((new.remote_address, new_prefix));
        Ok(())
    }

    /// Takes back [`Server::expect_network`].
    ///
    /// # Errors
    /// [`Error::Guard`].
    pub fn forget_network(&self, template: &PeerConfig, prefix: u8) -> Result<(), Error> {
        let network = (template.remote_address, prefix);
        forget(&mut self.inner.networks.borrow_mut(), network);
        let guard = Guard::new(template, Some(prefix));
        self.unguard(&guard, template.remote_address)
    }

    /// Takes a connection that the caller has accepted: it goes to the neighbor that expects it, or is refused.
    pub fn incoming(&self, stream: Box<dyn Stream>, ends: ConnInfo) {
        self.arrived(Arrival::Other(stream), ends);
    }

    /// Lets the listeners that do not accept yet do so.
    pub(super) fn accept(&self) {
        let weak = Rc::downgrade(&self.inner);
        self.inner.listeners.borrow_mut().accept_with(|listener| {
            let weak = Weak::clone(&weak);
            let each = move |stream: TcpStream, ends: ConnInfo| {
                if let Some(inner) = weak.upgrade() {
                    Self { inner }.arrived(Arrival::Tcp(stream), ends);
                }
            };
            self.spawn_task(listener::accept(listener, each))
                .abort_handle()
        });
    }

    fn arrived(&self, arrival: Arrival, ends: ConnInfo) {
        if self.inner.phase.get() == Phase::Stopped {
            return arrival.reset();
        }
        if let Some(key) = self.expected(ends, arrival.interface().as_deref()) {
            if let Some(config) = self.peer_config(key) {
                self.deliver(key, &config, arrival, ends);
            }
            return;
        }
        if !self.admit(ends) {
            return arrival.reset();
        }
        let (mut config, plugin) = match self.answer(ends) {
            Answer::Accept(config, plugin) => (config, plugin),
            Answer::Refuse(notification) => return self.refuse(arrival, &notification),
        };
        if let Err(error) = self.check(&config) {
            tracing::warn!(remote = %ends.remote, error = %error, "a connection is refused");
            // RFC 4486 4: "If a BGP speaker decides to disallow a BGP connection […] Connection Rejected".
            return self.refuse(arrival, &Notification::cease(Notification::REJECTED));
        }
        config.open_wait = config.open_wait.min(admission::OPEN_WAIT);
        let key = match self.insert(*config, plugin, true) {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(remote = %ends.remote, error = %error, "a connection is dropped");
                return;
            }
        };
        let config = self.peer_config(key);
        if !config.is_some_and(|config| self.deliver(key, &config, arrival, ends)) {
            // There will be no session whose end it could wait for.
            let _ = self.remove_peer(key, Cease::Removed);
        }
    }

    /// Returns `true` if a connection that no neighbor expects is considered at all.
    fn admit(&self, ends: ConnInfo) -> bool {
        let address = ends.remote.ip().to_canonical();
        let source = {
            // An IPv6 network that is expected has many neighbors in a /64.
            let networks = self.inner.networks.borrow();
            let mut expected = networks.iter();
            match expected.any(|network| is_within(address, *network)) {
                true => address,
                false => source_of(address),
            }
        };
        let half_open = || {
            let mut half_open = HalfOpen::default();
            for entry in self.inner.peers.borrow().values() {
                if entry.shared.dynamic && entry.shared.record.borrow().state != State::Established
                {
                    half_open.all += 1;
                    let other = entry.config().remote_address;
                    half_open.of_source +=
                        usize::from(other == source || source_of(other) == source);
                }
            }
            half_open
        };
        let now = now();
        let mut admission = self.inner.admission.borrow_mut();
        let Err(excess) = admission.arrive(now, source, half_open) else {
            return true;
        };
        if let Some(more) = admission.reports.next(now) {
            tracing::warn!(remote = %ends.remote, more, "a connection is reset: {}", excess.reason());
        }
        false
    }

    /// The neighbor that a connection belongs to. Of several with the same addresses, one without a session comes first.
    fn expected(&self, ends: ConnInfo, interface: Option<&[u8]>) -> Option<PeerKey> {
        let local = ends.local.ip().to_canonical();
        let peers = self.inner.peers.borrow();
        let matching = || {
            peers
                .iter()
                .filter(|(_, entry)| accepts(&entry.config(), ends.remote, local))
                .filter(|(_, entry)| is_in(&entry.config(), interface))
        };
        matching()
            .find(|(_, entry)| entry.shared.record.borrow().state != State::Established)
            .or_else(|| matching().next())
            .map(|(key, _)| *key)
    }

    /// Hands a connection to a neighbor's task; whether that was possible.
    fn deliver(&self, key: PeerKey, config: &PeerConfig, arrival: Arrival, ends: ConnInfo) -> bool {
        if let Err(error) = arrival.protect(config) {
            tracing::warn!(neighbor = %config.name, error = %error, "cannot protect a connection");
            return false;
        }
        let command = PeerCommand::Incoming(arrival.into_stream(), ends);
        if let Err(error) = self.command(key, command) {
            tracing::warn!(neighbor = %config.name, error = %error, "a connection is dropped");
            return false;
        }
        true
    }

    /// Asks about a connection that no neighbor expects. The callback may call the server.
    fn answer(&self, ends: ConnInfo) -> Answer {
        let taken = self.inner.unknown.take();
        let Some(mut decide) = taken else {
            if let Some(more) = self.inner.admission.borrow_mut().reports.next(now()) {
                tracing::info!(remote = %ends.remote, local = %ends.local, more, "a connection of no neighbor is refused");
            }
            // RFC 4486 4: "If a BGP speaker decides to disallow a BGP connection […] Connection Rejected".
            return Answer::Refuse(Notification::cease(Notification::REJECTED));
        };
        let answer = catch_unwind(AssertUnwindSafe(|| decide(ends)));
        // One that was set meanwhile stays. What goes is dropped after the borrow: it may call the server.
        let replaced = self.inner.unknown.replace(Some(decide));
        if replaced.is_some() {
            let _gone = self.inner.unknown.replace(replaced);
        }
        answer.unwrap_or_else(|_| {
            tracing::error!(remote = %ends.remote, "who decides about unknown connections panicked");
            Answer::Refuse(Notification::cease(Notification::REJECTED))
        })
    }

    fn refuse(&self, arrival: Arrival, notification: &Notification) {
        if self.inner.refusals.get() >= REFUSALS {
            return arrival.reset();
        }
        let stream = arrival.into_stream();
        self.inner.refusals.set(self.inner.refusals.get() + 1);
        let mut outbox = Outbox::new();
        outbox.push_urgent(notification.encode().into());
        let inner = Rc::downgrade(&self.inner);
        self.spawn_task(async move {
            drain(stream, outbox).await;
            if let Some(inner) = inner.upgrade() {
                inner.refusals.set(inner.refusals.get() - 1);
            }
        });
    }
}

/// Forgets one such network: there may be several neighbors for it.
fn forget(networks: &mut Vec<(IpAddr, u8)>, network: (IpAddr, u8)) {
    if let Some(at) = networks.iter().position(|known| *known == network) {
        networks.swap_remove(at);
    }
}

/// Returns `true` if an address is in the network of `other` with this prefix length.
fn is_within(address: IpAddr, (other, prefix): (IpAddr, u8)) -> bool {
    let network = IpNet::new(other, prefix);
    network.is_ok_and(|network| network.contains(&address))
}

/// Returns `true` if a connection from `remote` to `local` is this peer's.
fn accepts(peer: &PeerConfig, remote: SocketAddr, local: IpAddr) -> bool {
    peer.remote_address == remote.ip().to_canonical()
        && peer.local_address.is_none_or(|ours| ours == local)
        && is_on_link(peer, remote)
}

/// Returns `true` if a connection that is bound to an interface may be this peer's: the same addresses can be in use in
/// several VRFs.
fn is_in(peer: &PeerConfig, interface: Option<&[u8]>) -> bool {
    match (&peer.interface, interface) {
        (Some(own), Some(interface)) => own.as_bytes() == interface,
        _ => true,
    }
}

/// Returns `true` if a link-local `remote` came over the peer's link, as far as that is known.
fn is_on_link(peer: &PeerConfig, remote: SocketAddr) -> bool {
    let zone = peer.zone.as_ref().map(Zone::as_str);
    let zone = zone.or(peer.interface.as_deref());
    let (SocketAddr::V6(remote), Some(zone)) = (remote, zone) else {
        return true;
    };
    remote.scope_id() == 0
        || !remote.ip().is_unicast_link_local()
        || sockopt::interface_index(zone).is_ok_and(|index| index == remote.scope_id())
}
